/*
 * YAML files, by libyaml's events.  What a plain word means is decided as in
 * Go's yaml package, with which such files were tried before: YAML 1.2 with
 * the integers of 1.1, and dates.
 */

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

#include "mcp_document.h"
#include "mcp_document_yaml.h"


#define MCP_YAML_SHOWN  100


/* An open map or list; its children are the newest on the stack. */
typedef struct {
    mcp_node_t    *node;
    uint32_t       first;      /* of its children on the stack */
    bool           named;      /* map: "name" is read, its value comes next */
    mcp_member_t   name;
} mcp_yaml_frame_t;

typedef struct {
    mcp_str_t          name;
    const mcp_node_t  *node;   /* NULL while it is still open */
} mcp_yaml_anchor_t;

typedef struct {
    yaml_parser_t                 parser;
    mcp_arena_t                  *arena;
    const mcp_document_caller_t  *caller;

    mcp_yaml_frame_t              frames[MCP_DOCUMENT_DEPTH];
    uint32_t                      depth;
    mcp_member_t                 *stack;
    uint32_t                      stack_count;
    uint32_t                      stack_room;

    mcp_yaml_anchor_t            *anchors;
    uint32_t                      anchor_count;
    uint32_t                      anchor_room;

    uint32_t                      weight;     /* of all nodes so far */
    const mcp_node_t             *root;
    uint32_t                      documents;
    bool                          failed;
} mcp_yaml_reading_t;


static mcp_rc_t mcp_yaml_events(mcp_yaml_reading_t *reading);
static mcp_rc_t mcp_yaml_event(mcp_yaml_reading_t *reading,
    const yaml_event_t *event);
static mcp_rc_t mcp_yaml_scalar(mcp_yaml_reading_t *reading,
    const yaml_event_t *event);
static mcp_rc_t mcp_yaml_name(mcp_yaml_reading_t *reading,
    const yaml_event_t *event);
static mcp_rc_t mcp_yaml_open(mcp_yaml_reading_t *reading,
    const yaml_event_t *event, mcp_node_type_t type);
static mcp_rc_t mcp_yaml_close(mcp_yaml_reading_t *reading);
static mcp_rc_t mcp_yaml_alias(mcp_yaml_reading_t *reading,
    const yaml_event_t *event);
static mcp_rc_t mcp_yaml_add(mcp_yaml_reading_t *reading,
    const mcp_node_t *node, const yaml_event_t *event);
static mcp_rc_t mcp_yaml_anchor(mcp_yaml_reading_t *reading,
    const yaml_char_t *name, const mcp_node_t *node);
static mcp_rc_t mcp_yaml_tag(mcp_yaml_reading_t *reading,
    const yaml_event_t *event, const yaml_char_t *tag, const char *expected);
static void *mcp_yaml_room(mcp_yaml_reading_t *reading, void *array,
    uint32_t count, uint32_t *room, size_t size);
static mcp_str_t mcp_yaml_string(const yaml_char_t *s);
static mcp_rc_t mcp_yaml_fail(mcp_yaml_reading_t *reading, yaml_mark_t mark,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
static mcp_rc_t mcp_yaml_syntax(mcp_yaml_reading_t *reading);


mcp_rc_t
mcp_document_yaml(mcp_str_t text, mcp_arena_t *arena,
    const mcp_document_caller_t *caller, const mcp_node_t **root)
{
    mcp_rc_t             rc;
    mcp_yaml_reading_t  *reading;

    *root = NULL;

    reading = mcp_arena_calloc(arena, sizeof(mcp_yaml_reading_t));
    if (reading == NULL || !yaml_parser_initialize(&reading->parser)) {
        return MCP_NOMEM;
    }

    reading->arena = arena;
    reading->caller = caller;

    yaml_parser_set_encoding(&reading->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading->parser, text.data, text.len);

    rc = mcp_yaml_events(reading);

    yaml_parser_delete(&reading->parser);

    if (rc != MCP_OK) {
        return rc;
    }

    *root = reading->root;

    if (*root == NULL) {
        caller->report(caller->data, 1, 1, "the file is empty");
        return MCP_ERROR;
    }

    return reading->failed ? MCP_ERROR : MCP_OK;
}


/* Every event takes text: their number is bounded by it. */
static mcp_rc_t
mcp_yaml_events(mcp_yaml_reading_t *reading)
{
    bool          last;
    mcp_rc_t      rc;
    yaml_event_t  event;

    do {
        if (!yaml_parser_parse(&reading->parser, &event)) {
            return mcp_yaml_syntax(reading);
        }

        last = event.type == YAML_STREAM_END_EVENT;
        rc = mcp_yaml_event(reading, &event);

        yaml_event_delete(&event);

    } while (rc == MCP_OK && !last);

    return rc;
}


static mcp_rc_t
mcp_yaml_event(mcp_yaml_reading_t *reading, const yaml_event_t *event)
{
    mcp_yaml_frame_t  *frame;

    frame = reading->depth > 0 ? &reading->frames[reading->depth - 1] : NULL;

    if (frame != NULL && frame->node->type == MCP_NODE_MAP && !frame->named
        && event->type != YAML_MAPPING_END_EVENT)
    {
        return mcp_yaml_name(reading, event);
    }

    switch (event->type) {

    case YAML_DOCUMENT_START_EVENT:

        if (reading->documents++ != 0) {
            return mcp_yaml_fail(reading, event->start_mark,
                                 "a second document begins here, a policy "
                                 "file has one");
        }

        return MCP_OK;

    case YAML_SCALAR_EVENT:
        return mcp_yaml_scalar(reading, event);

    case YAML_MAPPING_START_EVENT:
        return mcp_yaml_open(reading, event, MCP_NODE_MAP);

    case YAML_SEQUENCE_START_EVENT:
        return mcp_yaml_open(reading, event, MCP_NODE_LIST);

    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return mcp_yaml_close(reading);

    case YAML_ALIAS_EVENT:
        return mcp_yaml_alias(reading, event);

    default:
        return MCP_OK;
    }
}


static mcp_rc_t
mcp_yaml_scalar(mcp_yaml_reading_t *reading, const yaml_event_t *event)
{
    mcp_rc_t     rc;
    mcp_str_t    text;
    mcp_node_t  *node;

    node = mcp_arena_calloc(reading->arena, sizeof(mcp_node_t));
    if (node == NULL) {
        return MCP_NOMEM;
    }

    text.data = event->data.scalar.value;
    text.len = event->data.scalar.length;

    text = mcp_arena_copy(reading->arena, text);
    if (text.data == NULL) {
        return MCP_NOMEM;
    }

    node->type = MCP_NODE_STRING;
    node->text = text;
    node->weight = 1;

    rc = mcp_yaml_tag(reading, event, event->data.scalar.tag, YAML_STR_TAG);
    if (rc != MCP_OK) {
        return rc;
    }

    if (event->data.scalar.plain_implicit) {

        rc = mcp_yaml_resolve(text, reading->arena, node);

        if (rc == MCP_ERROR) {
            return mcp_yaml_fail(reading, event->start_mark,
                                 "\"%.*s\" is no number that a call can have, "
                                 "put it in quotes if it is text",
                                 (int) (text.len > MCP_YAML_SHOWN
                                        ? MCP_YAML_SHOWN : text.len),
                                 (const char *) text.data);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (memchr(text.data, '\0', text.len) != NULL) {
        return mcp_yaml_fail(reading, event->start_mark,
                             "the string contains U+0000, no call can have "
                             "it");
    }

    rc = mcp_yaml_anchor(reading, event->data.scalar.anchor, node);

    return rc == MCP_OK ? mcp_yaml_add(reading, node, event) : rc;
}


static mcp_rc_t
mcp_yaml_name(mcp_yaml_reading_t *reading, const yaml_event_t *event)
{
    mcp_rc_t           rc;
    mcp_str_t          text;
    mcp_node_t         node;
    mcp_yaml_frame_t  *frame;

    frame = &reading->frames[reading->depth - 1];

    if (event->type != YAML_SCALAR_EVENT) {
        return mcp_yaml_fail(reading, event->start_mark,
                             "the name of a member must be a string");
    }

    rc = mcp_yaml_tag(reading, event, event->data.scalar.tag, YAML_STR_TAG);
    if (rc != MCP_OK) {
        return rc;
    }

    text.data = event->data.scalar.value;
    text.len = event->data.scalar.length;

    if (event->data.scalar.plain_implicit) {

        if (mcp_str_equal(text, mcp_str("<<"))) {
            return mcp_yaml_fail(reading, event->start_mark,
                                 "merging with \"<<\" is not supported, write "
                                 "the members out");
        }

        memset(&node, 0, sizeof(node));
        node.type = MCP_NODE_STRING;

        rc = mcp_yaml_resolve(text, reading->arena, &node);
        if (rc == MCP_NOMEM) {
            return rc;
        }

        /* nobody can tell whether it was meant as a name */

        if (rc != MCP_OK || node.type != MCP_NODE_STRING) {
            return mcp_yaml_fail(reading, event->start_mark,
                                 "the name \"%.*s\" needs quotes, without "
                                 "them it is %s",
                                 (int) (text.len > MCP_YAML_SHOWN
                                        ? MCP_YAML_SHOWN : text.len),
                                 (const char *) text.data,
                                 rc != MCP_OK
                                 ? "a number" : mcp_document_type_name(&node));
        }
    }

    frame->name.name = mcp_arena_copy(reading->arena, text);
    if (frame->name.name.data == NULL) {
        return MCP_NOMEM;
    }

    frame->name.line = (unsigned) event->start_mark.line + 1;
    frame->name.column = (unsigned) event->start_mark.column + 1;
    frame->named = true;

    return mcp_yaml_anchor(reading, event->data.scalar.anchor, NULL);
}


static mcp_rc_t
mcp_yaml_open(mcp_yaml_reading_t *reading, const yaml_event_t *event,
    mcp_node_type_t type)
{
    mcp_rc_t            rc;
    mcp_node_t         *node;
    mcp_yaml_frame_t   *frame;
    const yaml_char_t  *tag, *anchor;

    if (reading->depth == MCP_DOCUMENT_DEPTH) {
        return mcp_yaml_fail(reading, event->start_mark,
                             "nested deeper than %d levels",
                             MCP_DOCUMENT_DEPTH);
    }

    if (type == MCP_NODE_MAP) {
        tag = event->data.mapping_start.tag;
        anchor = event->data.mapping_start.anchor;

    } else {
        tag = event->data.sequence_start.tag;
        anchor = event->data.sequence_start.anchor;
    }

    rc = mcp_yaml_tag(reading, event, tag, type == MCP_NODE_MAP
                                           ? YAML_MAP_TAG : YAML_SEQ_TAG);
    if (rc != MCP_OK) {
        return rc;
    }

    node = mcp_arena_calloc(reading->arena, sizeof(mcp_node_t));
    if (node == NULL) {
        return MCP_NOMEM;
    }

    node->type = type;
    node->line = (unsigned) event->start_mark.line + 1;
    node->column = (unsigned) event->start_mark.column + 1;

    /* weighs nothing until it is closed: no alias can stand for it */

    rc = mcp_yaml_anchor(reading, anchor, node);
    if (rc != MCP_OK) {
        return rc;
    }

    frame = &reading->frames[reading->depth++];
    frame->node = node;
    frame->first = reading->stack_count;
    frame->named = false;

    return MCP_OK;
}


static mcp_rc_t
mcp_yaml_close(mcp_yaml_reading_t *reading)
{
    mcp_rc_t           rc;
    uint32_t           i;
    mcp_node_t        *node;
    mcp_member_t      *members, *own;
    mcp_yaml_frame_t  *frame;

    frame = &reading->frames[reading->depth - 1];
    node = frame->node;
    node->count = reading->stack_count - frame->first;
    node->weight = 1;

    members = node->count != 0 ? &reading->stack[frame->first] : NULL;

    for (i = 0; i < node->count; i++) {
        node->weight += members[i].value->weight;
    }

    if (node->type == MCP_NODE_MAP) {
        own = mcp_arena_alloc(reading->arena,
                              node->count * sizeof(mcp_member_t));
        if (own == NULL) {
            return MCP_NOMEM;
        }

        if (node->count != 0) {
            memcpy(own, members, node->count * sizeof(mcp_member_t));
        }

        node->members = own;

        rc = mcp_document_check_names(node, own, reading->arena,
                                      reading->caller);

        if (rc == MCP_NOMEM) {
            return rc;
        }

        reading->failed |= rc != MCP_OK;

    } else {
        node->items = mcp_arena_alloc(reading->arena, node->count
                                                      * sizeof(mcp_node_t *));
        if (node->items == NULL) {
            return MCP_NOMEM;
        }

        for (i = 0; i < node->count; i++) {
            node->items[i] = members[i].value;
        }
    }

    reading->stack_count = frame->first;
    reading->depth--;

    return mcp_yaml_add(reading, node, NULL);
}


static mcp_rc_t
mcp_yaml_alias(mcp_yaml_reading_t *reading, const yaml_event_t *event)
{
    uint32_t            i;
    mcp_str_t           name;
    mcp_node_t         *copy;
    const mcp_node_t   *node;

    name = mcp_yaml_string(event->data.alias.anchor);

    /* the newest of that name */

    for (i = reading->anchor_count; i > 0; i--) {
        if (mcp_str_equal(reading->anchors[i - 1].name, name)) {
            break;
        }
    }

    node = i > 0 ? reading->anchors[i - 1].node : NULL;

    if (node == NULL || node->weight == 0) {
        return mcp_yaml_fail(reading, event->start_mark,
                             node == NULL
                             ? "unknown anchor \"%.*s\""
                             : "anchor \"%.*s\" contains itself",
                             (int) (name.len > MCP_YAML_SHOWN
                                    ? MCP_YAML_SHOWN : name.len),
                             (const char *) name.data);
    }

    /* what is wrong with it is told where it is used */

    copy = mcp_arena_alloc(reading->arena, sizeof(mcp_node_t));
    if (copy == NULL) {
        return MCP_NOMEM;
    }

    *copy = *node;

    return mcp_yaml_add(reading, copy, event);
}


/* A value that is complete; with an event its place is that of the event. */
static mcp_rc_t
mcp_yaml_add(mcp_yaml_reading_t *reading, const mcp_node_t *node,
    const yaml_event_t *event)
{
    mcp_node_t        *placed;
    mcp_member_t      *stack;
    mcp_yaml_frame_t  *frame;

    if (event != NULL) {
        placed = (mcp_node_t *) node;
        placed->line = (unsigned) event->start_mark.line + 1;
        placed->column = (unsigned) event->start_mark.column + 1;

        reading->weight += node->weight;

        if (reading->weight > MCP_DOCUMENT_NODES) {
            return mcp_yaml_fail(reading, event->start_mark,
                                 "more than %d values, aliases included",
                                 MCP_DOCUMENT_NODES);
        }
    }

    if (reading->depth == 0) {
        reading->root = node;
        return MCP_OK;
    }

    frame = &reading->frames[reading->depth - 1];

    stack = mcp_yaml_room(reading, reading->stack, reading->stack_count,
                          &reading->stack_room, sizeof(mcp_member_t));
    if (stack == NULL) {
        return MCP_NOMEM;
    }

    reading->stack = stack;
    stack = &stack[reading->stack_count++];

    *stack = frame->name;
    stack->value = node;
    frame->named = false;

    return MCP_OK;
}


/* A name without a node stands for nothing that can be used. */
static mcp_rc_t
mcp_yaml_anchor(mcp_yaml_reading_t *reading, const yaml_char_t *name,
    const mcp_node_t *node)
{
    mcp_yaml_anchor_t  *anchors;

    if (name == NULL) {
        return MCP_OK;
    }

    anchors = mcp_yaml_room(reading, reading->anchors, reading->anchor_count,
                            &reading->anchor_room, sizeof(mcp_yaml_anchor_t));
    if (anchors == NULL) {
        return MCP_NOMEM;
    }

    reading->anchors = anchors;
    anchors = &anchors[reading->anchor_count];

    anchors->node = node;
    anchors->name = mcp_arena_copy(reading->arena, mcp_yaml_string(name));

    if (anchors->name.data == NULL) {
        return MCP_NOMEM;
    }

    reading->anchor_count++;

    return MCP_OK;
}


/* The tag that a value has anyway says nothing new. */
static mcp_rc_t
mcp_yaml_tag(mcp_yaml_reading_t *reading, const yaml_event_t *event,
    const yaml_char_t *tag, const char *expected)
{
    mcp_str_t  s;

    if (tag == NULL) {
        return MCP_OK;
    }

    s = mcp_yaml_string(tag);

    if (s.len == strlen(expected) && memcmp(s.data, expected, s.len) == 0) {
        return MCP_OK;
    }

    return mcp_yaml_fail(reading, event->start_mark,
                         "the tag \"%.*s\" is not supported",
                         (int) (s.len > MCP_YAML_SHOWN ? MCP_YAML_SHOWN
                                                       : s.len),
                         (const char *) s.data);
}


/* The array, moved if need be, with room for one more. */
static void *
mcp_yaml_room(mcp_yaml_reading_t *reading, void *array, uint32_t count,
    uint32_t *room, size_t size)
{
    void      *grown;
    uint32_t   capacity;

    if (count < *room) {
        return array;
    }

    capacity = *room == 0 ? 64 : *room * 2;

    grown = mcp_arena_alloc(reading->arena, capacity * size);
    if (grown == NULL) {
        return NULL;
    }

    if (count != 0) {
        memcpy(grown, array, count * size);
    }

    *room = capacity;

    return grown;
}


static mcp_str_t
mcp_yaml_string(const yaml_char_t *s)
{
    return (mcp_str_t) { s, strlen((const char *) s) };
}


static mcp_rc_t
mcp_yaml_fail(mcp_yaml_reading_t *reading, yaml_mark_t mark,
    const char *format, ...)
{
    char     text[512];
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    reading->caller->report(reading->caller->data,
                            (unsigned) mark.line + 1,
                            (unsigned) mark.column + 1, text);

    return MCP_ERROR;
}


static mcp_rc_t
mcp_yaml_syntax(mcp_yaml_reading_t *reading)
{
    yaml_mark_t           mark;
    const yaml_parser_t  *parser;

    parser = &reading->parser;
    mark = parser->problem_mark;

    switch (parser->error) {

    case YAML_MEMORY_ERROR:
        return MCP_NOMEM;

    case YAML_READER_ERROR:

        /* the encoding: the reader is ahead of the scanner */

        return mcp_yaml_fail(reading, parser->mark,
                             "invalid YAML: %s at byte %zu",
                             parser->problem, parser->problem_offset);

    default:
        return mcp_yaml_fail(reading, mark, "invalid YAML: %s%s%s",
                             parser->context != NULL ? parser->context : "",
                             parser->context != NULL ? ", " : "",
                             parser->problem != NULL ? parser->problem
                                                     : "syntax error");
    }
}
