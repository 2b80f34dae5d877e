/*
 * A compiled schema: nodes, each a short list of operations on one value.
 * A subschema is a node; "$ref" is an edge, so that recursion in the schema
 * is a cycle of nodes and not of calls.
 */

#ifndef MCP_SCHEMA_PRIVATE_H
#define MCP_SCHEMA_PRIVATE_H

#include "mcp_decimal.h"
#include "mcp_pattern.h"
#include "mcp_schema.h"

#pragma GCC visibility push(hidden)


#define MCP_SCHEMA_NULL     0x01
#define MCP_SCHEMA_BOOLEAN  0x02
#define MCP_SCHEMA_OBJECT   0x04
#define MCP_SCHEMA_ARRAY    0x08
#define MCP_SCHEMA_STRING   0x10
#define MCP_SCHEMA_FRACTION 0x20    /* a number that is no integer */
#define MCP_SCHEMA_INTEGER  0x40
#define MCP_SCHEMA_NUMBER   (MCP_SCHEMA_FRACTION|MCP_SCHEMA_INTEGER)
#define MCP_SCHEMA_ANY      0x7f


/* In the order in which they are tried: the plainest fault comes first. */
typedef enum {
    MCP_SCHEMA_FALSE = 0,
    MCP_SCHEMA_TYPE,
    MCP_SCHEMA_CONST,
    MCP_SCHEMA_ENUM,
    MCP_SCHEMA_MINIMUM,
    MCP_SCHEMA_MAXIMUM,
    MCP_SCHEMA_EXCLUSIVE_MINIMUM,
    MCP_SCHEMA_EXCLUSIVE_MAXIMUM,
    MCP_SCHEMA_MULTIPLE_OF,
    MCP_SCHEMA_MIN_LENGTH,
    MCP_SCHEMA_MAX_LENGTH,
    MCP_SCHEMA_PATTERN,
    MCP_SCHEMA_CLOSED,               /* additionalProperties: false */
    MCP_SCHEMA_REQUIRED,
    MCP_SCHEMA_DEPENDENT_REQUIRED,
    MCP_SCHEMA_MIN_PROPERTIES,
    MCP_SCHEMA_MAX_PROPERTIES,
    MCP_SCHEMA_PROPERTY_NAMES,
    MCP_SCHEMA_MEMBERS,              /* properties, patternProperties,
                                        additionalProperties */
    MCP_SCHEMA_MIN_ITEMS,
    MCP_SCHEMA_MAX_ITEMS,
    MCP_SCHEMA_ITEMS,                /* prefixItems, items */
    MCP_SCHEMA_CONTAINS,
    MCP_SCHEMA_UNIQUE_ITEMS,
    MCP_SCHEMA_REF,
    MCP_SCHEMA_ALL_OF,
    MCP_SCHEMA_ANY_OF,
    MCP_SCHEMA_ONE_OF,
    MCP_SCHEMA_NOT,
    MCP_SCHEMA_IF,
    MCP_SCHEMA_DEPENDENT_SCHEMAS,
    MCP_SCHEMA_CODES
} mcp_schema_code_t;


typedef struct mcp_schema_node_s  mcp_schema_node_t;

typedef struct {
    mcp_str_t           name;
    mcp_schema_node_t  *node;        /* NULL: it is only required */
    bool                required;
} mcp_schema_member_t;

typedef struct mcp_schema_regex_s  mcp_schema_regex_t;

struct mcp_schema_regex_s {
    mcp_regex_t         *regex;
    mcp_schema_node_t   *node;       /* of patternProperties */
    mcp_schema_regex_t  *next;       /* of all of the schema */
};

/* What is said about the members of one object. */
typedef struct {
    mcp_schema_member_t  *members;
    uint32_t              count;
    uint32_t              required;
    uint32_t             *index;     /* hash of the name -> place plus one;
                                        NULL for few */
    uint32_t              mask;
    uint32_t              pattern_count;
    mcp_schema_regex_t   *patterns;
    mcp_schema_node_t    *additional;
} mcp_schema_members_t;


/* "token" is the keyword's value in the schema's own copy. */
typedef struct {
    mcp_schema_code_t  code;
    uint32_t           token;

    /* applied to the same value (IF: may be NULL), or to items */
    mcp_schema_node_t **nodes;
    uint32_t            count;

    union {
        uint8_t                types;
        uint64_t               bound;
        mcp_regex_t           *regex;
        mcp_schema_members_t  *members;
        mcp_schema_node_t     *items;      /* after the prefix; or NULL */

        struct {
            uint64_t  min;
            uint64_t  max;
        } contains;
    } u;
} mcp_schema_op_t;


struct mcp_schema_node_s {
    mcp_schema_op_t    *ops;
    uint32_t            count;
    uint32_t            token;
    uint32_t            uses;        /* edges on the same value to it, while
                                        cycles are looked for */
    uint8_t             types;       /* no value of another can fit */
    mcp_schema_node_t  *next;        /* in the order of the text */
    mcp_schema_node_t  *ready;
};


struct mcp_schema_s {
    mcp_allocator_t      allocator;
    mcp_arena_t          arena;
    mcp_json_t           json;       /* a copy of the schema alone */
    uint64_t             hash_key[2];
    mcp_schema_node_t   *root;
    mcp_schema_regex_t  *regexes;
};


/* Compiling: mcp_schema.c, its keywords: mcp_schema_keyword.c */

typedef struct mcp_schema_anchor_s  mcp_schema_anchor_t;

struct mcp_schema_anchor_s {
    mcp_str_t             name;
    uint32_t              token;
    mcp_schema_anchor_t  *next;
};

typedef struct {
    mcp_schema_t          *schema;
    mcp_error_t           *error;
    size_t                 origin;     /* of the copy in the caller's text */
    mcp_schema_node_t    **by_token;
    mcp_schema_node_t     *last;
    mcp_schema_anchor_t   *anchors;
    mcp_str_t              id;
    bool                   draft7;

    /* of the node being compiled */
    mcp_schema_node_t     *node;
    mcp_schema_op_t        ops[MCP_SCHEMA_CODES];
    bool                   present[MCP_SCHEMA_CODES];
} mcp_schema_compiler_t;

mcp_rc_t mcp_schema_compile_keywords(mcp_schema_compiler_t *c);

/* The value of a length or a number of elements. */
mcp_rc_t mcp_schema_count(mcp_schema_compiler_t *c, uint32_t value,
    uint64_t *count);

/* Keywords with subschemas: mcp_schema_subschema.c */
mcp_rc_t mcp_schema_container(mcp_schema_compiler_t *c,
    uint32_t value, mcp_schema_code_t code);
mcp_rc_t mcp_schema_reference(mcp_schema_compiler_t *c,
    uint32_t value, mcp_schema_code_t code);
mcp_rc_t mcp_schema_one(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
mcp_rc_t mcp_schema_several(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
mcp_rc_t mcp_schema_items(mcp_schema_compiler_t *c);
mcp_rc_t mcp_schema_contains(mcp_schema_compiler_t *c);
mcp_rc_t mcp_schema_conditional(mcp_schema_compiler_t *c);

/* What is said about members: mcp_schema_object.c */
mcp_rc_t mcp_schema_object(mcp_schema_compiler_t *c);
mcp_rc_t mcp_schema_dependent(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);

/* The node of the subschema at "token", compiled later; NULL: no memory. */
mcp_schema_node_t *mcp_schema_node(mcp_schema_compiler_t *c, uint32_t token);
mcp_rc_t mcp_schema_child(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_node_t **node);

/* Compiles the string or key; the regex is freed with the schema. */
mcp_rc_t mcp_schema_regex(mcp_schema_compiler_t *c, uint32_t token,
    mcp_schema_regex_t *regex);

/* Always MCP_ERROR: what is wrong, with the place in the schema. */
mcp_rc_t mcp_schema_wrong(mcp_schema_compiler_t *c, uint32_t token,
    const char *what);

/* Finds what "name" says; NULL: nothing. */
const mcp_schema_member_t *mcp_schema_member(const mcp_schema_t *schema,
    const mcp_schema_members_t *members, mcp_str_t name);

/*
 * A regex of ECMA-262 as PCRE2 reads it, in the arena.  MCP_ERROR: *what
 * tells what it contains that cannot be had.
 */
mcp_rc_t mcp_schema_translate(mcp_str_t pattern, mcp_arena_t *arena,
    mcp_str_t *regex, const char **what);


static inline const mcp_json_token_t *
mcp_schema_token(const mcp_schema_compiler_t *c, uint32_t token)
{
    return &c->schema->json.tokens[token];
}


static inline uint32_t
mcp_schema_sibling(const mcp_schema_compiler_t *c, mcp_str_t name)
{
    return mcp_json_member(&c->schema->json, c->node->token, name);
}


static inline mcp_schema_op_t *
mcp_schema_add(mcp_schema_compiler_t *c, mcp_schema_code_t code,
    uint32_t token)
{
    mcp_schema_op_t  *op;

    op = &c->ops[code];
    memset(op, 0, sizeof(mcp_schema_op_t));
    op->code = code;
    op->token = token;
    c->present[code] = true;

    return op;
}


static inline void *
mcp_schema_alloc(mcp_schema_compiler_t *c, size_t count, size_t size)
{
    return mcp_arena_calloc(&c->schema->arena, count * size);
}


/* Checking: mcp_schema_check.c */

/* One node at work on one value. */
typedef struct {
    const mcp_schema_node_t  *node;
    uint32_t                  value;
    uint32_t                  op;
    uint32_t                  cursor;    /* 0 when the operation begins */
    uint32_t                  count;
    uint8_t                   type;      /* of the value */
    bool                      matched;
    bool                      quiet;     /* not fitting is no fault */
} mcp_schema_frame_t;

typedef struct {
    const mcp_schema_t  *schema;
    const mcp_json_t    *json;
    uint32_t             root;
    mcp_arena_t         *arena;
    mcp_schema_fault_t  *fault;
    mcp_schema_frame_t  *frames;
    uint32_t             depth;
    uint32_t             capacity;
    mcp_rc_t             result;         /* of the last node that ended */
    uint64_t             steps;          /* left */
    size_t               starts;         /* of regexes */
} mcp_schema_check_t;

static inline bool
mcp_schema_charge(mcp_schema_check_t *check, uint64_t steps)
{
    if (check->steps < steps) {
        check->steps = 0;
        return false;
    }

    check->steps -= steps;

    return true;
}


/* MCP_LATER: the caller is run again when the node has a result. */
mcp_rc_t mcp_schema_push(mcp_schema_check_t *check,
    const mcp_schema_node_t *node, uint32_t value, bool quiet);

/* The frame's value does not do what "op" demands. */
mcp_rc_t mcp_schema_fails(mcp_schema_check_t *check,
    const mcp_schema_frame_t *frame, const mcp_schema_op_t *op);

/* Whether a string or a name matches; MCP_ERROR: it cannot be told. */
mcp_rc_t mcp_schema_matches(mcp_schema_check_t *check, uint32_t value,
    mcp_regex_t *regex);

/* Operations that apply other nodes: mcp_schema_apply.c */
mcp_rc_t mcp_schema_closed(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_required(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_dependent_required(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_property_names(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_members(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_elements(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_contained(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_unique_items(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_all_of(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_any_of(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_one_of(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_not(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_if(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
mcp_rc_t mcp_schema_dependent_schemas(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);

/* Values: mcp_schema_value.c */

/* The one type that the value has. */
uint8_t mcp_schema_type(const mcp_json_t *json, uint32_t value);

/* Code points of a string. */
uint64_t mcp_schema_length(const mcp_json_t *json, uint32_t value);

/* By value, "a" being of the schema or of the same text. */
mcp_rc_t mcp_schema_equal(mcp_schema_check_t *check,
    const mcp_json_t *json, uint32_t a, uint32_t b);

/* Whether no two elements are equal; *twice is the second of two. */
mcp_rc_t mcp_schema_unique(mcp_schema_check_t *check, uint32_t array,
    uint32_t *twice);


/* Saying why: mcp_schema_fault.c */

/*
 * Describes that "value" does not do what "op" demands.  MCP_NO, or
 * MCP_NOMEM.
 */
mcp_rc_t mcp_schema_explain(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op);

/* The same where it fits more than one form. */
mcp_rc_t mcp_schema_explain_several(mcp_schema_check_t *check,
    uint32_t value, const mcp_schema_op_t *op);

/*
 * The same of a missing member: its name, and the name of the one that
 * demands it or MCP_JSON_NONE, are tokens of the schema.
 */
mcp_rc_t mcp_schema_explain_missing(mcp_schema_check_t *check,
    uint32_t object, const mcp_schema_op_t *op, uint32_t name,
    uint32_t because);

/* Of a member that is too much: "key" is its name in the arguments. */
mcp_rc_t mcp_schema_explain_unknown(mcp_schema_check_t *check,
    uint32_t object, uint32_t key, const mcp_schema_op_t *op);

/* The JSON Pointer from "root" to "target", cut when it does not fit. */
size_t mcp_schema_pointer(const mcp_json_t *json, uint32_t root,
    uint32_t target, mcp_arena_t *arena, uint8_t *dst, size_t size);

#pragma GCC visibility pop

#endif /* MCP_SCHEMA_PRIVATE_H */
