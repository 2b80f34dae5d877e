/*
 * Pinned definitions: the tools that an operator has looked at, by the
 * SHA-256 of their definition in canonical form (RFC 8785).
 */

#ifndef MCP_PIN_H
#define MCP_PIN_H

#include "mcp_schema.h"

#pragma GCC visibility push(hidden)


#define MCP_PIN_HASH  32

typedef struct {
    mcp_str_t            name;
    uint8_t              hash[MCP_PIN_HASH];
    const mcp_schema_t  *schema;     /* of the pinned inputSchema; NULL when
                                        the file has none or nobody asked */
} mcp_pin_t;

typedef struct {
    mcp_pin_t   *pins;               /* in the order of the file */
    uint32_t     count;
    uint32_t    *index;              /* hash of the name -> pin */
    uint32_t     index_size;
    uint64_t     hash_key[2];
    bool         hide_unpinned;
    mcp_str_t    file;               /* as written, for messages */
} mcp_pin_set_t;

/*
 * Reads a pin file: {"tools": {NAME: HEX | {"sha256": HEX, "definition":
 * {...}}}}, or {NAME: HEX, ...}.  "schemas": compile the inputSchema of
 * each definition.  Every error says what was expected, and where.
 */
mcp_rc_t mcp_pin_read(mcp_pin_set_t *set, mcp_str_t text, bool schemas,
    const mcp_allocator_t *allocator, const uint64_t hash_key[2],
    mcp_error_t *error);

/* NULL: not pinned. */
const mcp_pin_t *mcp_pin_find(const mcp_pin_set_t *set, mcp_str_t name);

/*
 * The hash of a definition: the object at token "tool", its members name,
 * title, description, inputSchema, outputSchema and annotations alone.
 * MCP_ERROR: it has no canonical form.
 */
mcp_rc_t mcp_pin_hash(const mcp_json_t *json, uint32_t tool,
    mcp_arena_t *arena, uint8_t hash[MCP_PIN_HASH]);

#pragma GCC visibility pop

#endif /* MCP_PIN_H */
