/*
 * A file of data as a tree that knows where everything was written: from
 * JSON by the core's own tokenizer, from YAML by libyaml.  Read-only once it
 * is made.
 */

#ifndef MCP_DOCUMENT_H
#define MCP_DOCUMENT_H

#include "mcp_arena.h"

#pragma GCC visibility push(hidden)


#define MCP_DOCUMENT_DEPTH  64
#define MCP_DOCUMENT_NODES  1000000    /* aliases count as what they stand
                                          for */

typedef enum {
    MCP_NODE_MAP = 1,
    MCP_NODE_LIST,
    MCP_NODE_STRING,
    MCP_NODE_NUMBER,
    MCP_NODE_TRUE,
    MCP_NODE_FALSE,
    MCP_NODE_NULL
} mcp_node_type_t;


typedef struct mcp_node_s    mcp_node_t;
typedef struct mcp_member_s  mcp_member_t;

/* Lines and columns count from 1, columns in characters. */
struct mcp_node_s {
    mcp_node_type_t      type;
    unsigned             line;
    unsigned             column;
    uint32_t             count;      /* members, items */
    uint32_t             weight;     /* YAML: nodes in it and itself */
    bool                 date;       /* a string that YAML 1.1 takes for a
                                        date: it has no quotes */
    mcp_str_t            text;       /* a string; a number as JSON spells it */
    const mcp_member_t  *members;    /* in written order, names unique */
    const mcp_node_t   **items;
};

struct mcp_member_s {
    mcp_str_t          name;
    unsigned           line;
    unsigned           column;
    const mcp_node_t  *value;
};


typedef struct {
    /* Text is NUL terminated. */
    void           (*report)(void *data, unsigned line, unsigned column,
                       const char *text);
    void            *data;
    const uint64_t  *hash_key;
} mcp_document_caller_t;

/*
 * MCP_OK; MCP_ERROR when something was reported: *root is then NULL, or the
 * tree of a file whose only faults are members with the same name; MCP_NOMEM.
 * The tree lives in the arena and looks into the text.
 */
mcp_rc_t mcp_document_json(mcp_str_t text, mcp_arena_t *arena,
    const mcp_document_caller_t *caller, const mcp_node_t **root);
mcp_rc_t mcp_document_yaml(mcp_str_t text, mcp_arena_t *arena,
    const mcp_document_caller_t *caller, const mcp_node_t **root);

/* The value of a map's member, or NULL. */
const mcp_node_t *mcp_document_member(const mcp_node_t *map, mcp_str_t name);

/* "a list", "a number", ... */
const char *mcp_document_type_name(const mcp_node_t *node);

/*
 * For the readers: reports every name that a map has twice and keeps the
 * first.  MCP_ERROR when there was one; "members" are those of the map.
 */
mcp_rc_t mcp_document_check_names(mcp_node_t *map, mcp_member_t *members,
    mcp_arena_t *arena, const mcp_document_caller_t *caller);

#pragma GCC visibility pop

#endif /* MCP_DOCUMENT_H */
