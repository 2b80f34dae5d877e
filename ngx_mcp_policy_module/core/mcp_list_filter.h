/*
 * Which elements of a list answer stay: tools, prompts, resources, resource
 * templates, and completions.  What is hidden is left out by byte range,
 * everything else keeps its bytes.
 */

#ifndef MCP_LIST_FILTER_H
#define MCP_LIST_FILTER_H

#include "mcp_evaluate.h"
#include "mcp_pin_memory.h"

#pragma GCC visibility push(hidden)


typedef enum {
    MCP_LIST_NONE = 0,
    MCP_LIST_TOOLS,
    MCP_LIST_PROMPTS,
    MCP_LIST_RESOURCES,
    MCP_LIST_TEMPLATES,
    MCP_LIST_COMPLETION        /* completion/complete */
} mcp_list_kind_t;

/* The list that a method asks for, or NONE. */
mcp_list_kind_t mcp_list_kind(mcp_method_t method);

/* A request whose answer is awaited. */
typedef struct {
    mcp_str_t        id;         /* bytes as written */
    mcp_list_kind_t  kind;       /* NONE: any other request */
    bool             answered;
} mcp_list_request_t;


/* What the last list of each kind was, and what was left of it. */
typedef struct mcp_list_recall_s  mcp_list_recall_t;

typedef struct {
    mcp_allocator_t      allocator;     /* with "free" */
    mcp_list_recall_t   *recalls[MCP_LIST_COMPLETION];  /* NULL at first */
} mcp_list_memory_t;

void mcp_list_memory_clear(mcp_list_memory_t *memory);


/* What the caller may see, and what was asked for. */
typedef struct {
    const mcp_policy_t  *policy;
    const mcp_caller_t  *caller;
    bool                 hidden_only;   /* mcp_list_filter hidden */
    bool                 private_view;  /* the policy depends on the caller */
    uint64_t             max_ttl_ms;    /* mcp_list_ttl */
    mcp_list_request_t  *requests;      /* of the POST, all of them */
    uint32_t             request_count; /* 0: nobody knows what was asked (a
                                           GET stream): by shape alone */

    mcp_pin_memory_t    *memory;        /* of the policy's pins, or NULL */
    mcp_list_memory_t   *lists;         /* of the policy, or NULL */

    /*
     * Told of each pinned tool that a text has: its hash now; of several the
     * first that differs.  NULL: nobody wants to know.
     */
    void               (*seen)(void *data, const mcp_pin_t *pin,
                           const uint8_t hash[MCP_PIN_HASH]);
    void                *seen_data;
} mcp_list_filter_t;


typedef struct {
    bool        changed;         /* else the text is to be sent as it is */
    mcp_str_t  *pieces;          /* what to send, views of the text or in the
                                    arena */
    uint32_t    piece_count;
    size_t      length;          /* of all pieces */
    uint32_t    listed;          /* lists that were found */
    uint32_t    removed;         /* elements */
    uint32_t    refused;         /* answers that became an error */
} mcp_list_result_t;

/*
 * Filters a JSON text: a message or a batch of them.  MCP_OK also for a text
 * without a list.  An answer in it that should be a list and is none, or one
 * that cannot be filtered, becomes an error -32603 with the same id, the
 * others stay.  MCP_ERROR: the text as a whole cannot be read, error->text
 * says why; what that means is the caller's to say.  MCP_NOMEM.
 */
mcp_rc_t mcp_list_filter(const mcp_list_filter_t *filter, mcp_str_t text,
    const mcp_limits_t *limits, mcp_arena_t *arena, mcp_list_result_t *result,
    mcp_error_t *error);

/*
 * In place of an answer that cannot be given: -32603 for every list request
 * that was not answered, one object or, "batch", an array.  Without such a
 * request an error without id.
 */
mcp_rc_t mcp_list_refuse(const mcp_list_filter_t *filter, bool batch,
    mcp_arena_t *arena, mcp_str_t *text);

/*
 * Whether the beginning of a text that is too long to be read shows a
 * "method" and no "result": a message that is no answer.
 */
bool mcp_list_is_request(mcp_str_t beginning);

#pragma GCC visibility pop

#endif /* MCP_LIST_FILTER_H */
