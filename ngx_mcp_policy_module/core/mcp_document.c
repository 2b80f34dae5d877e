#include <stdio.h>

#include "mcp_document.h"
#include "mcp_siphash.h"


#define MCP_DOCUMENT_NAME_SHOWN  100


static void mcp_document_same_name(const mcp_member_t *first,
    const mcp_member_t *again, const mcp_document_caller_t *caller);


const mcp_node_t *
mcp_document_member(const mcp_node_t *map, mcp_str_t name)
{
    uint32_t  i;

    if (map->type != MCP_NODE_MAP) {
        return NULL;
    }

    for (i = 0; i < map->count; i++) {
        if (mcp_str_equal(map->members[i].name, name)) {
            return map->members[i].value;
        }
    }

    return NULL;
}


const char *
mcp_document_type_name(const mcp_node_t *node)
{
    static const char *const  names[] = {
        [MCP_NODE_MAP] = "an object",
        [MCP_NODE_LIST] = "a list",
        [MCP_NODE_STRING] = "a string",
        [MCP_NODE_NUMBER] = "a number",
        [MCP_NODE_TRUE] = "true",
        [MCP_NODE_FALSE] = "false",
        [MCP_NODE_NULL] = "null"
    };

    return names[node->type];
}


mcp_rc_t
mcp_document_check_names(mcp_node_t *map, mcp_member_t *members,
    mcp_arena_t *arena, const mcp_document_caller_t *caller)
{
    size_t                size, mask, slot;
    uint32_t              i, kept;
    uint64_t              hash[2];
    const mcp_member_t  **slots;

    for (size = 4; size < (size_t) map->count * 2; size *= 2) { /* void */ }

    slots = mcp_arena_calloc(arena, size * sizeof(mcp_member_t *));
    if (slots == NULL) {
        return MCP_NOMEM;
    }

    mask = size - 1;
    kept = 0;

    for (i = 0; i < map->count; i++) {
        mcp_siphash(caller->hash_key, members[i].name, hash);

        slot = hash[0] & mask;

        while (slots[slot] != NULL
               && !mcp_str_equal(slots[slot]->name, members[i].name))
        {
            slot = (slot + 1) & mask;
        }

        if (slots[slot] != NULL) {
            mcp_document_same_name(slots[slot], &members[i], caller);
            continue;
        }

        members[kept] = members[i];
        slots[slot] = &members[kept++];
    }

    if (kept == map->count) {
        return MCP_OK;
    }

    map->count = kept;

    return MCP_ERROR;
}


static void
mcp_document_same_name(const mcp_member_t *first, const mcp_member_t *again,
    const mcp_document_caller_t *caller)
{
    char    text[256];
    size_t  shown;

    shown = again->name.len;

    if (shown > MCP_DOCUMENT_NAME_SHOWN) {
        shown = MCP_DOCUMENT_NAME_SHOWN;
    }

    (void) snprintf(text, sizeof(text),
                    "\"%.*s\" is written twice, first at line %u",
                    (int) shown, (const char *) again->name.data,
                    first->line);

    caller->report(caller->data, again->line, again->column, text);
}
