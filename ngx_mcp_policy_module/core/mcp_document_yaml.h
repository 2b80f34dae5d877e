/* What a plain word of YAML means. */

#ifndef MCP_DOCUMENT_YAML_H
#define MCP_DOCUMENT_YAML_H

#include "mcp_document.h"

#pragma GCC visibility push(hidden)


/*
 * Sets the type of a node that is a string so far, and a number's text as
 * JSON spells it: without "." and "e" when it is an integer there.  MCP_ERROR
 * for .nan and .inf; MCP_NOMEM.
 */
mcp_rc_t mcp_yaml_resolve(mcp_str_t word, mcp_arena_t *arena,
    mcp_node_t *node);

#pragma GCC visibility pop

#endif /* MCP_DOCUMENT_YAML_H */
