/*
 * What pinned tools looked like when they were hashed last.  A server sends
 * the same list over and over, and bytes are compared at a small part of
 * what their canonical form and its hash cost.
 */

#ifndef MCP_PIN_MEMORY_H
#define MCP_PIN_MEMORY_H

#include "mcp_pin.h"

#pragma GCC visibility push(hidden)


typedef struct {
    uint8_t          *text;
    size_t            length;
    uint8_t           hash[MCP_PIN_HASH];
} mcp_pin_recall_t;

typedef struct {
    mcp_allocator_t   allocator;    /* with "free" */
    mcp_pin_recall_t *recalls;      /* one for each pin, zeroed at first */
    uint32_t          count;
    size_t            room;         /* bytes of text that may still be kept */
} mcp_pin_memory_t;

/* Whether the pin's tool was hashed with these bytes. */
bool mcp_pin_memory_find(const mcp_pin_memory_t *memory, uint32_t pin,
    mcp_str_t text, uint8_t hash[MCP_PIN_HASH]);

/* In the place of what was known; nothing is kept without memory or room. */
void mcp_pin_memory_keep(mcp_pin_memory_t *memory, uint32_t pin,
    mcp_str_t text, const uint8_t hash[MCP_PIN_HASH]);

/* Frees the texts. */
void mcp_pin_memory_clear(mcp_pin_memory_t *memory);

#pragma GCC visibility pop

#endif /* MCP_PIN_MEMORY_H */
