/*
 * What the lists of a policy looked like when they were filtered last, and
 * what was left of them.  A server sends the same list over and over, under
 * another id, and bytes are compared at a small part of what it costs to read
 * them.
 *
 * Kept is only what a text and the policy alone decide: of a single request,
 * without pins, and where no variable of the caller was asked for.
 */

#ifndef MCP_LIST_MEMORY_H
#define MCP_LIST_MEMORY_H

#include "mcp_list_filter.h"

#pragma GCC visibility push(hidden)


/* Reads what a caller's variables say, and remembers that it was asked. */
typedef struct {
    mcp_list_filter_t    filter;      /* with the caller below */
    mcp_caller_t         caller;
    mcp_text_resolve_pt  resolve;
    void                *resolve_data;
    bool                 asked;
} mcp_list_watch_t;


/* Whether the answers to what "filter" asks for are remembered. */
bool mcp_list_memory_used(const mcp_list_filter_t *filter);

/* As mcp_list_filter(); MCP_NO: the text is not the remembered one. */
mcp_rc_t mcp_list_memory_find(const mcp_list_filter_t *filter, mcp_str_t text,
    const mcp_limits_t *limits, mcp_arena_t *arena,
    mcp_list_result_t *result);

/* For the filter that is to be used in the place of "filter". */
void mcp_list_memory_watch(mcp_list_watch_t *watch,
    const mcp_list_filter_t *filter);

/*
 * In the place of what was known; nothing is kept if it is too long or there
 * is no memory.  "id": bytes of the text, those of the request.
 */
void mcp_list_memory_keep(const mcp_list_watch_t *watch, mcp_str_t text,
    mcp_str_t id, const mcp_limits_t *limits,
    const mcp_list_result_t *result);

#pragma GCC visibility pop

#endif /* MCP_LIST_MEMORY_H */
