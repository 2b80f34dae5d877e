/*
 * What the files behind mcp_list_filter.h share: mcp_list_filter.c (messages
 * and whose answers they are), mcp_list_element.c (what is in a result),
 * mcp_list_pin.c (definitions).
 */

#ifndef MCP_LIST_PRIVATE_H
#define MCP_LIST_PRIVATE_H

#include "mcp_json_edit.h"
#include "mcp_list_filter.h"
#include "mcp_outcome.h"

#pragma GCC visibility push(hidden)


/* A pinned tool that the text defines. */
typedef struct mcp_list_seen_s  mcp_list_seen_t;

struct mcp_list_seen_s {
    const mcp_pin_t          *pin;
    uint8_t                   hash[MCP_PIN_HASH];
    bool                      changed;
    mcp_list_seen_t          *next;
};


/* One text. */
typedef struct {
    const mcp_list_filter_t  *filter;
    mcp_arena_t              *arena;
    mcp_list_result_t        *result;
    mcp_json_t                json;
    mcp_json_edit_t           edit;
    mcp_outcome_id_t         *ids;        /* of the requests, once asked for */
    mcp_str_t                 id;         /* of the last answer, if it is its
                                             request's as it was written */
    size_t                    work;       /* of templates */
    uint32_t                  long_numbers;
    mcp_list_seen_t          *seen;
    mcp_list_seen_t         **seen_by_pin;  /* NULL until there is one */
} mcp_list_t;


/*
 * All return MCP_OK, MCP_NOMEM, or MCP_ERROR: the answer cannot be filtered.
 */

/*
 * Values of the members with these names, none of which may come twice or in
 * a spelling that other readers could take for it.
 */
mcp_rc_t mcp_list_members(mcp_list_t *list, uint32_t object,
    const mcp_str_t *names, uint32_t count, uint32_t *values);

mcp_rc_t mcp_list_array(mcp_list_t *list, mcp_list_kind_t kind,
    uint32_t array);

/* MCP_OK, MCP_NO: the tool is not to be shown, MCP_NOMEM. */
mcp_rc_t mcp_list_pinned(mcp_list_t *list, uint32_t index, mcp_str_t name);

/* Tells the filter's caller what was seen of pinned tools. */
void mcp_list_tell_seen(const mcp_list_t *list);

/* "expected": it is what was asked for. */
mcp_rc_t mcp_list_completion(mcp_list_t *list, uint32_t index, bool expected);

mcp_rc_t mcp_list_cache_scope(mcp_list_t *list, uint32_t index);
mcp_rc_t mcp_list_ttl(mcp_list_t *list, uint32_t index);

#pragma GCC visibility pop

#endif /* MCP_LIST_PRIVATE_H */
