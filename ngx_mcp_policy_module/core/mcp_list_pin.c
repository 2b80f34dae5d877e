#include "mcp_list_private.h"


/*
 * Numbers of more digits than a double keeps take some 6 us each to get their
 * canonical form; a server that sends many of them has no time to waste here.
 */
#define MCP_LIST_LONG_NUMBER   17
#define MCP_LIST_LONG_NUMBERS  4096


static bool mcp_list_hashable(mcp_list_t *list, uint32_t index);
static mcp_rc_t mcp_list_hash(mcp_list_t *list, uint32_t index,
    const mcp_pin_t *pin, uint8_t hash[MCP_PIN_HASH]);


/* What is pinned of a tool. */
static const mcp_str_t  mcp_list_defining[] = {
    mcp_str_init("name"),
    mcp_str_init("title"),
    mcp_str_init("description"),
    mcp_str_init("inputSchema"),
    mcp_str_init("outputSchema"),
    mcp_str_init("annotations")
};

#define MCP_LIST_DEFINING                                                     \
    (sizeof(mcp_list_defining) / sizeof(mcp_list_defining[0]))


/*
 * A definition is compared before anything else is asked about the tool, so
 * that calls are judged by what it is now, whoever may see it.  A tool that a
 * text defines twice has changed if one of them is not the pinned one.
 */

mcp_rc_t
mcp_list_pinned(mcp_list_t *list, uint32_t index, mcp_str_t name)
{
    bool                  same;
    uint8_t               hash[MCP_PIN_HASH];
    mcp_rc_t              rc;
    const mcp_pin_t      *pin;
    mcp_list_seen_t      *seen, **known;
    const mcp_pin_set_t  *pins;

    pins = list->filter->policy->pins;
    pin = mcp_pin_find(pins, name);

    if (pin == NULL) {
        return pins->hide_unpinned ? MCP_NO : MCP_OK;
    }

    rc = mcp_list_hash(list, index, pin, hash);
    if (rc != MCP_OK) {
        return rc;
    }

    if (list->seen_by_pin == NULL) {
        list->seen_by_pin = mcp_arena_calloc(list->arena, pins->count
                                                * sizeof(mcp_list_seen_t *));
        if (list->seen_by_pin == NULL) {
            return MCP_NOMEM;
        }
    }

    same = memcmp(hash, pin->hash, sizeof(hash)) == 0;
    known = &list->seen_by_pin[pin - pins->pins];
    seen = *known;

    if (seen == NULL) {
        seen = mcp_arena_calloc(list->arena, sizeof(mcp_list_seen_t));
        if (seen == NULL) {
            return MCP_NOMEM;
        }

        seen->pin = pin;
        seen->next = list->seen;
        list->seen = seen;
        *known = seen;

    } else if (seen->changed) {
        return MCP_NO;
    }

    seen->changed = !same;
    memcpy(seen->hash, hash, sizeof(hash));

    return same ? MCP_OK : MCP_NO;
}


/* Counts the long numbers of all definitions in a text. */

static bool
mcp_list_hashable(mcp_list_t *list, uint32_t index)
{
    uint32_t                 i;
    const mcp_json_token_t  *tokens;

    tokens = list->json.tokens;

    for (i = index; i < tokens[index].next; i++) {
        list->long_numbers += tokens[i].type == MCP_JSON_NUMBER
                              && tokens[i].end - tokens[i].start
                                 >= MCP_LIST_LONG_NUMBER;
    }

    return list->long_numbers <= MCP_LIST_LONG_NUMBERS;
}


/*
 * What has no canonical form, could be read as different definitions or takes
 * too long has a hash that no pin has.
 */

static mcp_rc_t
mcp_list_hash(mcp_list_t *list, uint32_t index, const mcp_pin_t *pin,
    uint8_t hash[MCP_PIN_HASH])
{
    mcp_rc_t           rc;
    uint32_t           number, values[MCP_LIST_DEFINING];
    mcp_str_t          raw;
    mcp_pin_memory_t  *memory;

    memory = list->filter->memory;
    number = (uint32_t) (pin - list->filter->policy->pins->pins);
    raw = mcp_json_raw(&list->json, index);

    if (memory != NULL && mcp_pin_memory_find(memory, number, raw, hash)) {
        return MCP_OK;
    }

    rc = mcp_list_members(list, index, mcp_list_defining, MCP_LIST_DEFINING,
                          values);

    if (rc == MCP_OK) {
        rc = mcp_list_hashable(list, index)
             ? mcp_pin_hash(&list->json, index, list->arena, hash)
             : MCP_ERROR;
    }

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK) {
        memset(hash, 0, MCP_PIN_HASH);
    }

    if (memory != NULL) {
        mcp_pin_memory_keep(memory, number, raw, hash);
    }

    return MCP_OK;
}


void
mcp_list_tell_seen(const mcp_list_t *list)
{
    const mcp_list_seen_t    *seen;
    const mcp_list_filter_t  *filter;

    filter = list->filter;

    for (seen = list->seen; seen != NULL && filter->seen != NULL;
         seen = seen->next)
    {
        filter->seen(filter->seen_data, seen->pin, seen->hash);
    }
}
