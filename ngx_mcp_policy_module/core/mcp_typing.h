/*
 * When a value of a call equals a value of a policy file.  The gateways that
 * such files were written for compare the text that Go prints for the two,
 * and all numbers as 64-bit floats.  Where that and a comparison by value
 * agree, so be it; where they do not, the answer is that nobody can tell.
 */

#ifndef MCP_TYPING_H
#define MCP_TYPING_H

#include "mcp_json.h"

#pragma GCC visibility push(hidden)


typedef enum {
    MCP_EQUAL_NO = 0,
    MCP_EQUAL_YES,
    MCP_EQUAL_UNCLEAR
} mcp_equal_t;

/*
 * "index" is a value of the call; "type" that of the policy's value, a
 * scalar, and "value" its text: of a string or a number.
 */
mcp_equal_t mcp_typing_equal(const mcp_json_t *json, uint32_t index,
    mcp_json_type_t type, mcp_str_t value);

#pragma GCC visibility pop

#endif /* MCP_TYPING_H */
