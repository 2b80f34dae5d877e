/* PATH: where in a call's arguments a condition or a key looks. */

#include "mcp_condition.h"


/* What is left to read of a path, and where the names read go. */
typedef struct {
    const uint8_t       *start;
    const uint8_t       *pos;
    const uint8_t       *end;
    uint8_t             *names;
    mcp_path_segment_t  *segments;
    uint32_t             count;
    mcp_error_t         *error;
} mcp_path_parser_t;


static mcp_rc_t mcp_path_read(mcp_path_parser_t *parser);
static mcp_path_segment_t *mcp_path_segment(mcp_path_parser_t *parser);
static mcp_rc_t mcp_path_read_name(mcp_path_parser_t *parser);
static mcp_rc_t mcp_path_read_quoted(mcp_path_parser_t *parser);
static mcp_rc_t mcp_path_read_index(mcp_path_parser_t *parser);
static mcp_rc_t mcp_path_error(mcp_path_parser_t *parser, const char *text);
static mcp_path_found_t mcp_path_descend(mcp_path_walk_t *walk,
    uint32_t segment, uint32_t index, uint32_t *value);
static uint32_t mcp_path_element(const mcp_json_t *json, uint32_t array,
    uint32_t position);


mcp_rc_t
mcp_path_parse(mcp_path_t *path, mcp_str_t text,
    const mcp_allocator_t *allocator, mcp_error_t *error)
{
    size_t             size;
    uint8_t           *p;
    mcp_rc_t           rc;
    mcp_path_parser_t  parser;

    if (text.len > MCP_PATH_LENGTH_MAX) {
        return mcp_error_set(error, 0, MCP_PATH_LENGTH_MAX,
                             "longer than %d bytes", MCP_PATH_LENGTH_MAX);
    }

    /* the text twice: as written, and the names without their quotes */

    size = MCP_PATH_SEGMENTS_MAX * sizeof(mcp_path_segment_t);
    p = allocator->alloc(allocator->data, size + 2 * text.len);

    if (p == NULL) {
        return MCP_NOMEM;
    }

    parser.segments = (mcp_path_segment_t *) p;
    parser.count = 0;
    parser.start = p + size;
    parser.pos = parser.start;
    parser.end = parser.start + text.len;
    parser.names = p + size + text.len;
    parser.error = error;

    if (text.len > 0) {
        memcpy(p + size, text.data, text.len);
    }

    rc = mcp_path_read(&parser);

    if (rc != MCP_OK) {
        if (allocator->free != NULL) {
            allocator->free(allocator->data, p);
        }

        return rc;
    }

    path->text = (mcp_str_t) { parser.start, text.len };
    path->segments = parser.segments;
    path->count = parser.count;

    return MCP_OK;
}


mcp_rc_t
mcp_path_split(mcp_path_t *path, mcp_str_t text,
    const mcp_allocator_t *allocator, mcp_error_t *error)
{
    size_t               i, start, size;
    uint8_t             *p;
    uint32_t             count;
    mcp_path_segment_t  *segments;

    count = 1;

    for (i = 0; i < text.len; i++) {
        count += text.data[i] == '.';
    }

    if (count > MCP_PATH_SEGMENTS_MAX || text.len > MCP_PATH_LENGTH_MAX) {
        return mcp_error_set(error, 0, 0, "longer than %d names or %d bytes",
                             MCP_PATH_SEGMENTS_MAX, MCP_PATH_LENGTH_MAX);
    }

    if (!mcp_condition_utf8(text)) {
        return mcp_error_set(error, 0, 0, "not UTF-8");
    }

    size = count * sizeof(mcp_path_segment_t);

    segments = allocator->alloc(allocator->data, size + text.len);
    if (segments == NULL) {
        return MCP_NOMEM;
    }

    memset(segments, 0, size);
    p = (uint8_t *) segments + size;

    if (text.len > 0) {
        memcpy(p, text.data, text.len);
    }

    path->text = (mcp_str_t) { p, text.len };
    path->segments = segments;
    path->count = count;

    start = 0;
    count = 0;

    for (i = 0; i <= text.len; i++) {
        if (i == text.len || p[i] == '.') {
            segments[count].kind = MCP_SEGMENT_MEMBER;
            segments[count].name = (mcp_str_t) { p + start, i - start };
            count++;
            start = i + 1;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_path_read(mcp_path_parser_t *parser)
{
    mcp_rc_t  rc;

    do {
        if (parser->count > 0) {
            parser->pos++;
        }

        if (parser->pos < parser->end && *parser->pos == '"') {
            rc = mcp_path_read_quoted(parser);

        } else {
            rc = mcp_path_read_name(parser);
        }

        while (rc == MCP_OK && parser->pos < parser->end
               && *parser->pos == '[')
        {
            rc = mcp_path_read_index(parser);
        }

        if (rc != MCP_OK) {
            return rc;
        }

    } while (parser->pos < parser->end && *parser->pos == '.');

    if (parser->pos < parser->end) {
        return mcp_path_error(parser, "\".\" or \"[\" expected");
    }

    return MCP_OK;
}


/* NULL when there are too many. */

static mcp_path_segment_t *
mcp_path_segment(mcp_path_parser_t *parser)
{
    mcp_path_segment_t  *segment;

    if (parser->count == MCP_PATH_SEGMENTS_MAX) {
        (void) mcp_path_error(parser, "too many segments");
        return NULL;
    }

    segment = &parser->segments[parser->count++];
    memset(segment, 0, sizeof(mcp_path_segment_t));

    return segment;
}


static mcp_rc_t
mcp_path_read_name(mcp_path_parser_t *parser)
{
    uint8_t              c;
    const uint8_t       *start;
    mcp_path_segment_t  *segment;

    start = parser->pos;

    while (parser->pos < parser->end) {
        c = *parser->pos;

        if (c == '.' || c == '[') {
            break;
        }

        if (c == '*') {
            return mcp_path_error(parser, "\"*\" stands for elements only in "
                                          "brackets, as in a[*]");
        }

        if (c == '$' && parser->pos == start) {
            return mcp_path_error(parser, "variables are tested by "
                                          "\"require\", a name that begins "
                                          "with \"$\" needs quotes");
        }

        if (c <= 0x20 || c == 0x7f || c == '"' || c == ']' || c == '\\') {
            return mcp_path_error(parser, "a name with this character needs "
                                          "quotes, as in '\"odd.name\".b'");
        }

        parser->pos++;
    }

    if (parser->pos == start) {
        return mcp_path_error(parser, "name expected");
    }

    segment = mcp_path_segment(parser);

    if (segment == NULL) {
        return MCP_ERROR;
    }

    segment->kind = MCP_SEGMENT_MEMBER;
    segment->name.data = start;
    segment->name.len = (size_t) (parser->pos - start);

    if (!mcp_condition_utf8(segment->name)) {
        return mcp_path_error(parser, "name is not UTF-8");
    }

    return MCP_OK;
}


/* Between quotes a backslash makes the next byte plain. */

static mcp_rc_t
mcp_path_read_quoted(mcp_path_parser_t *parser)
{
    uint8_t              c;
    uint8_t             *name;
    mcp_path_segment_t  *segment;

    name = parser->names;
    parser->pos++;

    for ( ;; ) {
        if (parser->pos == parser->end) {
            return mcp_path_error(parser, "closing quote expected");
        }

        c = *parser->pos++;

        if (c == '"') {
            break;
        }

        if (c == '\\') {
            if (parser->pos == parser->end) {
                return mcp_path_error(parser, "closing quote expected");
            }

            c = *parser->pos++;
        }

        *parser->names++ = c;
    }

    segment = mcp_path_segment(parser);

    if (segment == NULL) {
        return MCP_ERROR;
    }

    segment->kind = MCP_SEGMENT_MEMBER;
    segment->name.data = name;
    segment->name.len = (size_t) (parser->names - name);

    if (!mcp_condition_utf8(segment->name)) {
        return mcp_path_error(parser, "name is not UTF-8");
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_path_read_index(mcp_path_parser_t *parser)
{
    uint32_t             index;
    const uint8_t       *p, *end;
    mcp_path_segment_t  *segment;

    p = parser->pos + 1;
    end = parser->end;
    index = 0;

    segment = mcp_path_segment(parser);

    if (segment == NULL) {
        return MCP_ERROR;
    }

    if (p < end && *p == '*') {
        segment->kind = MCP_SEGMENT_ALL;
        p++;

    } else {
        segment->kind = MCP_SEGMENT_INDEX;

        while (p < end && *p >= '0' && *p <= '9' && index < 100000000) {
            index = index * 10 + (uint32_t) (*p++ - '0');
        }

        if (p == parser->pos + 1 || (parser->pos[1] == '0'
                                     && p - parser->pos > 2))
        {
            return mcp_path_error(parser, "[*] or an index such as [0] "
                                          "expected");
        }

        segment->index = index;
    }

    if (p == end || *p != ']') {
        return mcp_path_error(parser, "[*] or an index such as [0] expected");
    }

    parser->pos = p + 1;

    return MCP_OK;
}


static mcp_rc_t
mcp_path_error(mcp_path_parser_t *parser, const char *text)
{
    size_t  offset;

    offset = (size_t) (parser->pos - parser->start);

    return mcp_error_set(parser->error, 0, offset, "%s at offset %zu", text,
                         offset);
}


void
mcp_path_walk_start(mcp_path_walk_t *walk, const mcp_path_t *path,
    const mcp_json_t *json, uint32_t arguments)
{
    walk->path = path;
    walk->json = json;
    walk->arguments = arguments;
    walk->depth = 0;
    walk->started = false;
}


mcp_path_found_t
mcp_path_walk_next(mcp_path_walk_t *walk, uint32_t *value)
{
    uint32_t                 next;
    mcp_path_frame_t        *frame;
    const mcp_json_token_t  *tokens;

    if (!walk->started) {
        walk->started = true;

        if (walk->json == NULL || walk->arguments == MCP_JSON_NONE) {
            return MCP_PATH_MISSING;
        }

        return mcp_path_descend(walk, 0, walk->arguments, value);
    }

    while (walk->depth > 0) {
        tokens = walk->json->tokens;
        frame = &walk->frames[walk->depth - 1];
        next = tokens[frame->element].next;

        if (next < tokens[frame->array].next) {
            frame->element = next;
            return mcp_path_descend(walk, frame->segment + 1, next, value);
        }

        walk->depth--;
    }

    return MCP_PATH_END;
}


uint32_t
mcp_path_find(const mcp_path_t *path, const mcp_json_t *json,
    uint32_t arguments)
{
    uint32_t         value;
    mcp_path_walk_t  walk;

    mcp_path_walk_start(&walk, path, json, arguments);

    if (mcp_path_walk_next(&walk, &value) != MCP_PATH_VALUE
        || walk.depth > 0)
    {
        return MCP_JSON_NONE;
    }

    return value;
}


/* From a value down the rest of the path, to the first element of each [*]. */

static mcp_path_found_t
mcp_path_descend(mcp_path_walk_t *walk, uint32_t segment, uint32_t index,
    uint32_t *value)
{
    mcp_path_frame_t          *frame;
    const mcp_json_t          *json;
    const mcp_path_segment_t  *s;

    json = walk->json;

    for ( /* void */ ; segment < walk->path->count; segment++) {
        s = &walk->path->segments[segment];

        if (json->tokens[index].type == MCP_JSON_NULL) {
            return MCP_PATH_MISSING;
        }

        if (s->kind == MCP_SEGMENT_MEMBER) {
            if (json->tokens[index].type != MCP_JSON_OBJECT) {
                return MCP_PATH_MISFIT;
            }

            index = mcp_json_member(json, index, s->name);

        } else {
            if (json->tokens[index].type != MCP_JSON_ARRAY) {
                return MCP_PATH_MISFIT;
            }

            if (s->kind == MCP_SEGMENT_ALL
                && index + 1 < json->tokens[index].next)
            {
                frame = &walk->frames[walk->depth++];
                frame->segment = segment;
                frame->array = index;
                frame->element = index + 1;
            }

            index = mcp_path_element(json, index, s->index);
        }

        if (index == MCP_JSON_NONE) {
            return MCP_PATH_MISSING;
        }
    }

    *value = index;

    return MCP_PATH_VALUE;
}


static uint32_t
mcp_path_element(const mcp_json_t *json, uint32_t array, uint32_t position)
{
    uint32_t  index;

    for (index = array + 1; index < json->tokens[array].next;
         index = json->tokens[index].next)
    {
        if (position-- == 0) {
            return index;
        }
    }

    return MCP_JSON_NONE;
}
