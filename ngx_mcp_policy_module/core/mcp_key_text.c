/* What the keys of counters and of approvals are hashed of. */

#include "mcp_judge.h"

#include "mcp_siphash.h"


void
mcp_key_text_start(mcp_key_text_t *text, mcp_arena_t *arena)
{
    text->data = text->buffer;
    text->len = 0;
    text->size = sizeof(text->buffer);
    text->failed = false;
    text->arena = arena;
}


/* Tag, length, bytes: no two lists of values give the same text. */
void
mcp_key_text_add(mcp_key_text_t *text, mcp_tag_t tag, mcp_str_t value)
{
    size_t     size, needed;
    uint8_t   *data;
    uint64_t   length;

    length = value.len;
    needed = 1 + sizeof(length) + value.len;

    if (text->size - text->len < needed) {

        size = text->size + needed + MCP_KEY_BUFFER;

        data = mcp_arena_alloc(text->arena, size);
        if (data == NULL) {
            text->failed = true;
            return;
        }

        memcpy(data, text->data, text->len);
        text->data = data;
        text->size = size;
    }

    data = text->data + text->len;

    data[0] = (uint8_t) tag;
    memcpy(data + 1, &length, sizeof(length));

    if (value.len != 0) {
        memcpy(data + 1 + sizeof(length), value.data, value.len);
    }

    text->len += needed;
}


mcp_rc_t
mcp_key_text_hash(const mcp_key_text_t *text, const uint64_t hash_key[2],
    uint64_t key[2])
{
    if (text->failed) {
        return MCP_NOMEM;
    }

    mcp_siphash(hash_key, (mcp_str_t) { text->data, text->len }, key);

    return MCP_OK;
}
