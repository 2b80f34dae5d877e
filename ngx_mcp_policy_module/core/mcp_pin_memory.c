#include "mcp_pin_memory.h"


static void mcp_pin_memory_forget(mcp_pin_memory_t *memory,
    mcp_pin_recall_t *recall);


bool
mcp_pin_memory_find(const mcp_pin_memory_t *memory, uint32_t pin,
    mcp_str_t text, uint8_t hash[MCP_PIN_HASH])
{
    mcp_pin_recall_t  *recall;

    recall = &memory->recalls[pin];

    if (recall->text == NULL
        || recall->length != text.len
        || memcmp(recall->text, text.data, text.len) != 0)
    {
        return false;
    }

    memcpy(hash, recall->hash, MCP_PIN_HASH);

    return true;
}


void
mcp_pin_memory_keep(mcp_pin_memory_t *memory, uint32_t pin, mcp_str_t text,
    const uint8_t hash[MCP_PIN_HASH])
{
    mcp_pin_recall_t  *recall;

    recall = &memory->recalls[pin];

    mcp_pin_memory_forget(memory, recall);

    if (text.len == 0 || text.len > memory->room) {
        return;
    }

    recall->text = memory->allocator.alloc(memory->allocator.data, text.len);

    if (recall->text == NULL) {
        return;
    }

    memcpy(recall->text, text.data, text.len);
    memcpy(recall->hash, hash, MCP_PIN_HASH);

    recall->length = text.len;
    memory->room -= text.len;
}


void
mcp_pin_memory_clear(mcp_pin_memory_t *memory)
{
    uint32_t  i;

    for (i = 0; i < memory->count; i++) {
        mcp_pin_memory_forget(memory, &memory->recalls[i]);
    }
}


static void
mcp_pin_memory_forget(mcp_pin_memory_t *memory, mcp_pin_recall_t *recall)
{
    if (recall->text == NULL) {
        return;
    }

    memory->allocator.free(memory->allocator.data, recall->text);
    memory->room += recall->length;

    recall->text = NULL;
    recall->length = 0;
}
