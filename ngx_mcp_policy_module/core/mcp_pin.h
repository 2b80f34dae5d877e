/*
 * Pinned definitions: the tools that an operator has looked at, by the
 * SHA-256 of their definition in canonical form (RFC 8785).
 */

#ifndef MCP_PIN_H
#define MCP_PIN_H

#include "mcp_risk.h"
#include "mcp_schema.h"

#pragma GCC visibility push(hidden)


#define MCP_PIN_HASH     32
#define MCP_PIN_HEX      (2 * MCP_PIN_HASH)

/* Bytes of a pin file. */
#define MCP_PIN_FILE_MAX  (16 * 1024 * 1024)

typedef struct {
    mcp_str_t            name;
    uint8_t              hash[MCP_PIN_HASH];
    uint32_t             definition; /* its token, while the file is there;
                                        MCP_JSON_NONE when it has none */
    const mcp_schema_t  *schema;     /* of the pinned inputSchema; NULL when
                                        the file has none or nobody asked */
    mcp_risk_class_t     risk;       /* of the definition; NONE without one */
} mcp_pin_t;

typedef struct {
    mcp_pin_t   *pins;               /* in the order of the file */
    uint32_t     count;
    uint32_t    *index;              /* hash of the name -> pin + 1 */
    uint32_t     index_size;         /* a power of two */
    uint64_t     hash_key[2];
    bool         hide_unpinned;
    mcp_str_t    file;               /* as written, for messages */
} mcp_pin_set_t;

/*
 * Reads a pin file: {"version": 1, "tools": {NAME: {"sha256": HEX,
 * "definition": {...}}}}, where HEX alone stands for an object without
 * definition, or just {NAME: HEX, ...}.  The set is the allocator's, but for
 * "file" and "hide_unpinned", which are left alone; the tokens are the
 * arena's.  MCP_ERROR: error->text says what was expected, error->offset
 * where.
 */
mcp_rc_t mcp_pin_read(mcp_pin_set_t *set, mcp_json_t *json, mcp_str_t text,
    const mcp_allocator_t *allocator, mcp_arena_t *arena,
    const uint64_t hash_key[2], mcp_error_t *error);

/* NULL: not pinned. */
const mcp_pin_t *mcp_pin_find(const mcp_pin_set_t *set, mcp_str_t name);

/*
 * The hash of a definition: the object at token "tool", its members name,
 * title, description, inputSchema, outputSchema and annotations alone.
 * MCP_ERROR: it has no canonical form.
 */
mcp_rc_t mcp_pin_hash(const mcp_json_t *json, uint32_t tool,
    mcp_arena_t *arena, uint8_t hash[MCP_PIN_HASH]);

/* What is hashed. */
mcp_rc_t mcp_pin_canonical(const mcp_json_t *json, uint32_t tool,
    mcp_arena_t *arena, mcp_str_t *text);

/* Lower case. */
void mcp_pin_hex(const uint8_t hash[MCP_PIN_HASH], char hex[MCP_PIN_HEX]);

/* Where in a text an error is; both count from 1, columns are bytes. */
void mcp_pin_position(mcp_str_t text, size_t offset, unsigned *line,
    unsigned *column);

#pragma GCC visibility pop

#endif /* MCP_PIN_H */
