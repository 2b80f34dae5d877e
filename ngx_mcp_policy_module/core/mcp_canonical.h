/*
 * The canonical form of a JSON value, RFC 8785: the same bytes for the same
 * data, whatever the order of members, white space and spelling.
 */

#ifndef MCP_CANONICAL_H
#define MCP_CANONICAL_H

#include "mcp_json.h"

#pragma GCC visibility push(hidden)


/*
 * Writes the value at token "index" into the arena; of an object only the
 * members named in "only", unless "only_count" is 0.  MCP_ERROR: it has no
 * canonical form, because a member is there twice, a string has an unpaired
 * surrogate, or a number is too large for an IEEE 754 double; MCP_NOMEM.
 */
mcp_rc_t mcp_canonical_write(const mcp_json_t *json, uint32_t index,
    const mcp_str_t *only, uint32_t only_count, mcp_arena_t *arena,
    mcp_str_t *text);

/*
 * Of the object at token "index" all members but those named in "except".  A
 * number that a double does not hold is as it was spelled: two values never
 * have one text.  A defect of what is left out is none.
 */
mcp_rc_t mcp_canonical_write_exact(const mcp_json_t *json, uint32_t index,
    const mcp_str_t *except, uint32_t except_count, mcp_arena_t *arena,
    mcp_str_t *text);

/*
 * Writes a JSON number as ECMAScript's Number::toString writes the IEEE 754
 * double next to it.  The length, or 0 when that double is infinite.  Exact
 * integer arithmetic, no floating point.
 */
#define MCP_CANONICAL_NUMBER_MAX  32

size_t mcp_canonical_number(mcp_str_t number,
    uint8_t dst[MCP_CANONICAL_NUMBER_MAX]);

#pragma GCC visibility pop

#endif /* MCP_CANONICAL_H */
