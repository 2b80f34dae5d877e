#include <stdio.h>

#include "mcp_document.h"
#include "mcp_siphash.h"


#define MCP_DOCUMENT_NAMES_FEW    8
#define MCP_DOCUMENT_NAME_SHOWN   100


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
mcp_document_check_names(const mcp_node_t *map, mcp_arena_t *arena,
    const mcp_document_caller_t *caller)
{
    size_t                size, mask, slot;
    mcp_rc_t              rc;
    uint32_t              i, n;
    uint64_t              hash[2];
    const mcp_member_t  **slots;

    rc = MCP_OK;

    if (map->count <= MCP_DOCUMENT_NAMES_FEW) {

        for (i = 1; i < map->count; i++) {
            for (n = 0; n < i; n++) {
                if (mcp_str_equal(map->members[n].name,
                                  map->members[i].name))
                {
                    mcp_document_same_name(&map->members[n],
                                           &map->members[i], caller);
                    rc = MCP_ERROR;
                    break;
                }
            }
        }

        return rc;
    }

    for (size = 16; size < (size_t) map->count * 2; size *= 2) { /* void */ }

    slots = mcp_arena_calloc(arena, size * sizeof(mcp_member_t *));
    if (slots == NULL) {
        return MCP_NOMEM;
    }

    mask = size - 1;

    for (i = 0; i < map->count; i++) {
        mcp_siphash(caller->hash_key, map->members[i].name, hash);

        slot = hash[0] & mask;

        while (slots[slot] != NULL
               && !mcp_str_equal(slots[slot]->name, map->members[i].name))
        {
            slot = (slot + 1) & mask;
        }

        if (slots[slot] == NULL) {
            slots[slot] = &map->members[i];
            continue;
        }

        mcp_document_same_name(slots[slot], &map->members[i], caller);
        rc = MCP_ERROR;
    }

    return rc;
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
