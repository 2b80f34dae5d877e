/*
 * JSON Schema 2020-12, the keywords that tool schemas use: compiled once,
 * then arguments are checked against it.  What is not supported is an error
 * of compilation, never ignored.
 */

#ifndef MCP_SCHEMA_H
#define MCP_SCHEMA_H

#include "mcp_json.h"

#pragma GCC visibility push(hidden)


typedef struct mcp_schema_s  mcp_schema_t;

/* Why a value does not fit: for a sentence that a model can act on. */
typedef struct {
    mcp_str_t  path;       /* JSON Pointer into the arguments; "" is the top */
    mcp_str_t  keyword;    /* "required", "minimum", ... */
    mcp_str_t  text;       /* "must be at most 100"; values of the arguments
                              are not repeated */
} mcp_schema_fault_t;

/*
 * Compiles the schema at token "root".  Memory from the allocator, kept for
 * as long as the schema; the text and its tokens may go.  MCP_ERROR:
 * error->text names the keyword and its JSON Pointer, error->offset the
 * place in the text.
 */
mcp_rc_t mcp_schema_compile(const mcp_json_t *json, uint32_t root,
    const mcp_allocator_t *allocator, const uint64_t hash_key[2],
    const mcp_schema_t **schema, mcp_error_t *error);
void mcp_schema_free(const mcp_schema_t *schema);

/*
 * MCP_OK: "value" fits (MCP_JSON_NONE stands for an empty object, as a call
 * without arguments); MCP_NO: the first fault, its strings in the arena or
 * the schema; MCP_ERROR: a limit was hit, it cannot be told; MCP_NOMEM.
 */
mcp_rc_t mcp_schema_check(const mcp_schema_t *schema, const mcp_json_t *json,
    uint32_t value, mcp_arena_t *arena, mcp_schema_fault_t *fault);

#pragma GCC visibility pop

#endif /* MCP_SCHEMA_H */
