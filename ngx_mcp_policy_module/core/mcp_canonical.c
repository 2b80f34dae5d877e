#include "mcp_canonical.h"
#include "mcp_decimal.h"
#include "mcp_json_keys.h"


/* A member of an object that is being written. */
typedef struct {
    mcp_str_t  name;         /* unescaped */
    uint32_t   value;        /* token */
} mcp_canonical_member_t;

/* An open container. */
typedef struct {
    uint32_t   members;      /* of an object: its first one in the stack */
    uint32_t   member;       /* the next one */
    uint32_t   member_end;
    uint32_t   element;      /* of an array: the next token */
    uint32_t   element_end;
    bool       object;
    bool       first;
} mcp_canonical_frame_t;

/* What the value takes, counted before anything is allocated. */
typedef struct {
    uint32_t   members;
    uint32_t   numbers;
    uint32_t   depth;
    size_t     escaped;      /* bytes of the longest string with escapes */
} mcp_canonical_size_t;

typedef struct {
    const mcp_json_t        *json;
    const mcp_str_t         *names;      /* of members at the top */
    uint32_t                 name_count;
    bool                     exact;      /* all but these, and numbers keep
                                            their value */
    mcp_arena_t             *arena;

    mcp_canonical_member_t  *members;    /* a stack: those of open objects */
    mcp_canonical_member_t  *spare;      /* of the same size, for sorting */
    uint32_t                 member_count;
    mcp_canonical_frame_t   *frames;
    uint32_t                 depth;

    uint8_t                 *unescaped;
    uint8_t                 *pos;
} mcp_canonical_t;


static mcp_rc_t mcp_canonical_text(mcp_canonical_t *c, uint32_t index,
    mcp_str_t *text);
static mcp_rc_t mcp_canonical_measure(const mcp_canonical_t *c,
    uint32_t index, mcp_canonical_size_t *size);
static mcp_rc_t mcp_canonical_alloc(mcp_canonical_t *c,
    const mcp_canonical_size_t *size, mcp_str_t raw, mcp_str_t *text);
static mcp_rc_t mcp_canonical_value(mcp_canonical_t *c, uint32_t index);
static size_t mcp_canonical_exact(mcp_str_t number, uint8_t *dst,
    size_t length);
static mcp_rc_t mcp_canonical_enter(mcp_canonical_t *c, uint32_t index);
static mcp_rc_t mcp_canonical_collect(mcp_canonical_t *c, uint32_t object,
    mcp_canonical_frame_t *frame);
static bool mcp_canonical_wanted(const mcp_canonical_t *c, uint32_t key);
static void mcp_canonical_sort(mcp_canonical_member_t *members,
    mcp_canonical_member_t *spare, uint32_t count);
static void mcp_canonical_merge(mcp_canonical_member_t *dst,
    const mcp_canonical_member_t *a, const mcp_canonical_member_t *a_end,
    const mcp_canonical_member_t *b, const mcp_canonical_member_t *b_end);
static bool mcp_canonical_before(mcp_str_t a, mcp_str_t b);
static mcp_rc_t mcp_canonical_next(mcp_canonical_t *c, bool *done);
static void mcp_canonical_token(mcp_canonical_t *c, uint32_t index);
static void mcp_canonical_string(mcp_canonical_t *c, mcp_str_t s);


mcp_rc_t
mcp_canonical_write(const mcp_json_t *json, uint32_t index,
    const mcp_str_t *only, uint32_t only_count, mcp_arena_t *arena,
    mcp_str_t *text)
{
    mcp_canonical_t  c;

    memset(&c, 0, sizeof(c));

    c.json = json;
    c.names = only;
    c.name_count = only_count;
    c.arena = arena;

    return mcp_canonical_text(&c, index, text);
}


mcp_rc_t
mcp_canonical_write_exact(const mcp_json_t *json, uint32_t index,
    const mcp_str_t *except, uint32_t except_count, mcp_arena_t *arena,
    mcp_str_t *text)
{
    mcp_canonical_t  c;

    memset(&c, 0, sizeof(c));

    c.json = json;
    c.names = except;
    c.name_count = except_count;
    c.exact = true;
    c.arena = arena;

    return mcp_canonical_text(&c, index, text);
}


static mcp_rc_t
mcp_canonical_text(mcp_canonical_t *c, uint32_t index, mcp_str_t *text)
{
    bool                  done;
    mcp_rc_t              rc;
    const mcp_json_t     *json;
    mcp_canonical_size_t  size;

    json = c->json;

    text->data = NULL;
    text->len = 0;

    if (index >= json->count || json->defect != MCP_JSON_VALID) {
        return MCP_ERROR;
    }

    rc = mcp_canonical_measure(c, index, &size);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_canonical_alloc(c, &size, mcp_json_raw(json, index), text);
    if (rc != MCP_OK) {
        return rc;
    }

    done = false;
    rc = mcp_canonical_value(c, index);

    while (rc == MCP_OK && !done) {
        rc = mcp_canonical_next(c, &done);
    }

    text->len = (size_t) (c->pos - text->data);

    return rc;
}


static mcp_rc_t
mcp_canonical_measure(const mcp_canonical_t *c, uint32_t index,
    mcp_canonical_size_t *size)
{
    size_t                   length;
    uint32_t                 i, depth;
    const mcp_json_t        *json;
    const mcp_json_token_t  *t;

    json = c->json;
    memset(size, 0, sizeof(*size));

    for (i = index; i == index || i < json->tokens[index].next; i++) {
        t = &json->tokens[i];

        if (c->exact && (t->flags & MCP_JSON_KEY)
            && t->depth == json->tokens[index].depth + 1
            && !mcp_canonical_wanted(c, i))
        {
            i = json->tokens[i + 1].next - 1;
            continue;
        }

        if (t->flags & MCP_JSON_SURROGATE) {
            return MCP_ERROR;
        }

        length = t->end - t->start;
        depth = t->depth - json->tokens[index].depth + 1u;

        size->members += (t->flags & MCP_JSON_KEY) != 0;
        size->numbers += t->type == MCP_JSON_NUMBER;

        if (depth > size->depth) {
            size->depth = depth;
        }

        if ((t->flags & MCP_JSON_ESCAPED) && length > size->escaped) {
            size->escaped = length;
        }
    }

    return MCP_OK;
}


/* Only numbers may become longer than they were. */
static mcp_rc_t
mcp_canonical_alloc(mcp_canonical_t *c, const mcp_canonical_size_t *size,
    mcp_str_t raw, mcp_str_t *text)
{
    c->frames = mcp_arena_alloc(c->arena,
                                size->depth * sizeof(mcp_canonical_frame_t));
    c->members = mcp_arena_alloc(c->arena,
                                 size->members
                                 * sizeof(mcp_canonical_member_t));
    c->spare = mcp_arena_alloc(c->arena,
                               size->members
                               * sizeof(mcp_canonical_member_t));
    c->unescaped = mcp_arena_alloc(c->arena, size->escaped);
    c->pos = mcp_arena_alloc(c->arena,
                             raw.len + (size_t) size->numbers
                                       * MCP_CANONICAL_NUMBER_MAX);

    if (c->frames == NULL || c->members == NULL || c->spare == NULL
        || c->unescaped == NULL || c->pos == NULL)
    {
        return MCP_NOMEM;
    }

    text->data = c->pos;

    return MCP_OK;
}


static mcp_rc_t
mcp_canonical_value(mcp_canonical_t *c, uint32_t index)
{
    size_t                   length;
    const mcp_json_token_t  *t;

    t = &c->json->tokens[index];

    switch (t->type) {

    case MCP_JSON_OBJECT:
    case MCP_JSON_ARRAY:
        return mcp_canonical_enter(c, index);

    case MCP_JSON_STRING:
        mcp_canonical_token(c, index);
        return MCP_OK;

    case MCP_JSON_NUMBER:
        length = mcp_canonical_number(mcp_json_raw(c->json, index), c->pos);

        if (c->exact && length != 0) {
            length = mcp_canonical_exact(mcp_json_raw(c->json, index), c->pos,
                                         length);
        }

        c->pos += length;

        return length != 0 ? MCP_OK : MCP_ERROR;

    default:
        length = t->end - t->start;
        memcpy(c->pos, c->json->text + t->start, length);
        c->pos += length;

        return MCP_OK;
    }
}


/* What was written stays if it has the value of the number. */
static size_t
mcp_canonical_exact(mcp_str_t number, uint8_t *dst, size_t length)
{
    int  order;

    if (mcp_decimal_compare(number, (mcp_str_t) { dst, length }, &order)
        == MCP_OK
        && order == 0)
    {
        return length;
    }

    memcpy(dst, number.data, number.len);

    return number.len;
}


static mcp_rc_t
mcp_canonical_enter(mcp_canonical_t *c, uint32_t index)
{
    mcp_canonical_frame_t   *frame;
    const mcp_json_token_t  *t;

    t = &c->json->tokens[index];
    frame = &c->frames[c->depth++];

    frame->object = t->type == MCP_JSON_OBJECT;
    frame->first = true;

    *c->pos++ = frame->object ? '{' : '[';

    if (frame->object) {
        return mcp_canonical_collect(c, index, frame);
    }

    frame->element = index + 1;
    frame->element_end = t->next;

    return MCP_OK;
}


/* The members of an object, sorted. */
static mcp_rc_t
mcp_canonical_collect(mcp_canonical_t *c, uint32_t object,
    mcp_canonical_frame_t *frame)
{
    uint32_t                 i;
    const mcp_json_token_t  *t;
    mcp_canonical_member_t  *member;

    t = c->json->tokens;
    frame->members = c->member_count;
    frame->member = c->member_count;

    for (i = object + 1; i < t[object].next; i = t[i + 1].next) {

        if (c->depth == 1 && !mcp_canonical_wanted(c, i)) {
            continue;
        }

        member = &c->members[c->member_count++];
        member->value = i + 1;
        member->name.data = c->json->text + t[i].start;
        member->name.len = t[i].end - t[i].start;

        /* U+0000 cannot be in a name: that is a defect */

        if ((t[i].flags & MCP_JSON_ESCAPED)
            && mcp_json_string(c->json, i, c->arena, &member->name)
               != MCP_OK)
        {
            return MCP_NOMEM;
        }
    }

    frame->member_end = c->member_count;

    mcp_canonical_sort(&c->members[frame->members], c->spare,
                       frame->member_end - frame->members);

    return MCP_OK;
}


static bool
mcp_canonical_wanted(const mcp_canonical_t *c, uint32_t key)
{
    uint32_t  i;

    for (i = 0; i < c->name_count; i++) {
        if (mcp_json_string_equal(c->json, key, c->names[i])) {
            return !c->exact;
        }
    }

    return c->exact || c->name_count == 0;
}


/* Bottom-up: no recursion, and no order of members that makes it slow. */
static void
mcp_canonical_sort(mcp_canonical_member_t *members,
    mcp_canonical_member_t *spare, uint32_t count)
{
    size_t  i, middle, end, run;

    for (run = 1; run < count; run *= 2) {

        for (i = 0; i + run < count; i = end) {
            middle = i + run;
            end = middle + run < count ? middle + run : count;

            if (!mcp_canonical_before(members[middle].name,
                                      members[middle - 1].name))
            {
                continue;
            }

            mcp_canonical_merge(spare, &members[i], &members[middle],
                                &members[middle], &members[end]);
            memcpy(&members[i], spare, (end - i) * sizeof(*members));
        }
    }
}


static void
mcp_canonical_merge(mcp_canonical_member_t *dst,
    const mcp_canonical_member_t *a, const mcp_canonical_member_t *a_end,
    const mcp_canonical_member_t *b, const mcp_canonical_member_t *b_end)
{
    while (a < a_end && b < b_end) {
        *dst++ = mcp_canonical_before(b->name, a->name) ? *b++ : *a++;
    }

    while (a < a_end) {
        *dst++ = *a++;
    }

    while (b < b_end) {
        *dst++ = *b++;
    }
}


/*
 * The order of UTF-16 code units (section 3.2.3).  UTF-8 has the same order,
 * but for surrogates: what takes four bytes comes before U+E000.
 */
static bool
mcp_canonical_before(mcp_str_t a, mcp_str_t b)
{
    size_t   i, n;
    uint8_t  x, y;

    n = a.len < b.len ? a.len : b.len;

    for (i = 0; i < n && a.data[i] == b.data[i]; i++) { /* void */ }

    if (i == n) {
        return a.len < b.len;
    }

    x = a.data[i];
    y = b.data[i];

    if ((x >= 0xf0 && (y == 0xee || y == 0xef))
        || (y >= 0xf0 && (x == 0xee || x == 0xef)))
    {
        return x > y;
    }

    return x < y;
}


/* What the innermost container has next, or its end. */
static mcp_rc_t
mcp_canonical_next(mcp_canonical_t *c, bool *done)
{
    bool                     more;
    uint32_t                 value;
    mcp_canonical_frame_t   *frame;
    mcp_canonical_member_t  *member;

    if (c->depth == 0) {
        *done = true;
        return MCP_OK;
    }

    frame = &c->frames[c->depth - 1];
    more = frame->object ? frame->member < frame->member_end
                         : frame->element < frame->element_end;

    if (!more) {
        *c->pos++ = frame->object ? '}' : ']';
        c->depth--;

        if (frame->object) {
            c->member_count = frame->members;
        }

        return MCP_OK;
    }

    if (!frame->first) {
        *c->pos++ = ',';
    }

    frame->first = false;

    if (frame->object) {
        member = &c->members[frame->member++];
        value = member->value;

        mcp_canonical_string(c, member->name);
        *c->pos++ = ':';

    } else {
        value = frame->element;
        frame->element = c->json->tokens[value].next;
    }

    return mcp_canonical_value(c, value);
}


static void
mcp_canonical_token(mcp_canonical_t *c, uint32_t index)
{
    mcp_str_t                s;
    const uint8_t           *start, *end;
    const mcp_json_token_t  *t;

    t = &c->json->tokens[index];
    start = c->json->text + t->start;
    end = c->json->text + t->end;

    s.data = start;
    s.len = (size_t) (end - start);

    if (t->flags & MCP_JSON_ESCAPED) {
        s.data = c->unescaped;
        s.len = (size_t) (mcp_json_unescape(c->unescaped, start, end)
                          - c->unescaped);
    }

    mcp_canonical_string(c, s);
}


/* As ECMAScript's JSON.stringify: what need not be escaped is not. */
static void
mcp_canonical_string(mcp_canonical_t *c, mcp_str_t s)
{
    size_t    i, plain;
    uint8_t  *p, byte;

    static const uint8_t  hex[] = "0123456789abcdef";
    static const uint8_t  letters[] = "btn?fr";

    p = c->pos;
    *p++ = '"';

    for (i = 0; i < s.len; i++) {

        for (plain = i;
             plain < s.len && s.data[plain] >= 0x20 && s.data[plain] != '"'
             && s.data[plain] != '\\';
             plain++)
        {
            /* void */
        }

        memcpy(p, s.data + i, plain - i);
        p += plain - i;
        i = plain;

        if (i == s.len) {
            break;
        }

        byte = s.data[i];
        *p++ = '\\';

        if (byte >= 0x20) {
            *p++ = byte;

        } else if (byte >= '\b' && byte <= '\r' && byte != '\v') {
            *p++ = letters[byte - '\b'];

        } else {
            memcpy(p, "u00", 3);
            p[3] = hex[byte >> 4];
            p[4] = hex[byte & 0x0f];
            p += 5;
        }
    }

    *p++ = '"';
    c->pos = p;
}
