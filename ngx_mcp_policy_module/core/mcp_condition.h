/*
 * PATH OP VALUE on a call's arguments, and STRING OP VALUE on variables.
 */

#ifndef MCP_CONDITION_H
#define MCP_CONDITION_H

#include "mcp_json.h"
#include "mcp_pattern.h"
#include "mcp_text.h"

#pragma GCC visibility push(hidden)


typedef enum {
    MCP_OP_EQ = 0,
    MCP_OP_NEQ,
    MCP_OP_IN,
    MCP_OP_NOT_IN,
    MCP_OP_LT,
    MCP_OP_LTE,
    MCP_OP_GT,
    MCP_OP_GTE,
    MCP_OP_REGEX,
    MCP_OP_NOT_REGEX,
    MCP_OP_CONTAINS,
    MCP_OP_EXISTS,
    MCP_OP_ABSENT,
    MCP_OP_LENGTH_LTE,
    MCP_OP_TYPE,
    MCP_OP_COUNT
} mcp_op_t;


/* How the condition is used decides what an undecidable one means. */
typedef enum {
    MCP_REQUIREMENT = 0,   /* must hold; a[*]: all elements */
    MCP_TRIGGER,           /* rule applies when it holds; a[*]: any */
    MCP_DENY_IF            /* refused when it holds; a[*]: any */
} mcp_polarity_t;


typedef struct {
    enum { MCP_SEGMENT_MEMBER, MCP_SEGMENT_INDEX, MCP_SEGMENT_ALL } kind;
    mcp_str_t  name;
    uint32_t   index;
} mcp_path_segment_t;

typedef struct {
    mcp_str_t            text;         /* as written, for messages */
    mcp_path_segment_t  *segments;
    uint32_t             count;
} mcp_path_t;


/* How values are compared. */
typedef enum {
    MCP_TYPING_CONF = 0,   /* in the type that the argument has */
    MCP_TYPING_FILE        /* of policy files: see mcp_typing.h */
} mcp_typing_t;

typedef struct {
    bool           on_arguments;   /* "arg", else "require" */
    mcp_typing_t   typing;
    mcp_path_t     path;           /* of "arg" */
    mcp_text_t     subject;        /* of "require" */
    mcp_str_t      subject_text;   /* as written, for messages */
    mcp_op_t       op;
    mcp_text_t    *values;
    uint32_t       value_count;
    const uint8_t *value_types;    /* of FILE: mcp_json_type_t of each value,
                                      whose text is empty unless it is a
                                      string or a number */
    bool           negate;         /* of FILE: exists false */
    mcp_regex_t   *regex;          /* of regex and not_regex */
    uint32_t       types;          /* of type: bits 1 << mcp_json_type_t, and
                                      MCP_TYPE_INTEGER */
} mcp_condition_t;

#define MCP_TYPE_INTEGER  (1u << 16)
#define MCP_PATH_SEGMENTS_MAX  32
#define MCP_PATH_LENGTH_MAX    1024


/* MCP_NO for a word that is no operator. */
mcp_rc_t mcp_op_parse(mcp_str_t word, mcp_op_t *op);
const char *mcp_op_name(mcp_op_t op);

/*
 * "a.b.c", "a[0]", "a[*]", "\"odd.name\".b"; the text is copied.  One piece
 * of memory from the allocator, which begins at path->segments.
 */
mcp_rc_t mcp_path_parse(mcp_path_t *path, mcp_str_t text,
    const mcp_allocator_t *allocator, mcp_error_t *error);

/*
 * The same of a path as policy files write it: names between dots, also empty
 * ones, without indices and quotes.
 */
mcp_rc_t mcp_path_split(mcp_path_t *path, mcp_str_t text,
    const mcp_allocator_t *allocator, mcp_error_t *error);

/*
 * Checks operator against values (count, number spelling, regex, type words)
 * and compiles what can be compiled; "op" and "values" are set by the caller.
 * A regex with variables is an error.
 */
mcp_rc_t mcp_condition_compile(mcp_condition_t *condition,
    const mcp_allocator_t *allocator, mcp_error_t *error);
void mcp_condition_free(mcp_condition_t *condition);   /* the regex */


/* What a condition looks at. */
typedef struct {
    const mcp_json_t     *json;
    uint32_t              arguments;   /* MCP_JSON_NONE: the call has none */
    mcp_text_resolve_pt   resolve;
    void                 *resolve_data;
    mcp_arena_t          *arena;
} mcp_subject_t;

/*
 * MCP_OK it holds, MCP_NO it does not.  Where the operator cannot be applied
 * to a present value (another type, a string with U+0000), a requirement does
 * not hold, a trigger and a deny_if do; a missing value fails a requirement,
 * meets a trigger and never holds in a deny_if ("absent" and "exists" apart).
 * MCP_ERROR (a regex limit) and MCP_NOMEM: the call must be refused, whatever
 * the polarity.
 */
mcp_rc_t mcp_condition_holds(const mcp_condition_t *condition,
    mcp_polarity_t polarity, const mcp_subject_t *subject);

/* The value at a path without [*]; MCP_JSON_NONE when it is missing. */
uint32_t mcp_path_find(const mcp_path_t *path, const mcp_json_t *json,
    uint32_t arguments);


/* A [*] on the way, and the element it stands at. */
typedef struct {
    uint32_t  segment;
    uint32_t  array;
    uint32_t  element;
} mcp_path_frame_t;

typedef struct {
    const mcp_path_t  *path;
    const mcp_json_t  *json;
    uint32_t           arguments;
    uint32_t           depth;
    bool               started;
    mcp_path_frame_t   frames[MCP_PATH_SEGMENTS_MAX];
} mcp_path_walk_t;

typedef enum {
    MCP_PATH_VALUE,
    MCP_PATH_MISSING,    /* no such member, element; an empty array at [*] */
    MCP_PATH_MISFIT,     /* on the way is a value that has no such parts */
    MCP_PATH_END
} mcp_path_found_t;

/*
 * All that a path leads to, one after the other: a single thing, or with [*]
 * one for each element, some of which may be missing.  null has no parts, so
 * they are missing; the parts of another value of the wrong type are misfits.
 */
void mcp_path_walk_start(mcp_path_walk_t *walk, const mcp_path_t *path,
    const mcp_json_t *json, uint32_t arguments);
mcp_path_found_t mcp_path_walk_next(mcp_path_walk_t *walk, uint32_t *value);

/* Whether "length_lte" can be asked with it: a whole number from 0. */
bool mcp_condition_length_valid(mcp_str_t value);

/* Whether the bytes are UTF-8: variables may hold anything. */
bool mcp_condition_utf8(mcp_str_t s);

#pragma GCC visibility pop

#endif /* MCP_CONDITION_H */
