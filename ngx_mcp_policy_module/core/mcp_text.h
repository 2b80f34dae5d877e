/*
 * A configured text that may contain variables.  The front end compiles it
 * and the caller of evaluate resolves it; the core only passes it on.
 */

#ifndef MCP_TEXT_H
#define MCP_TEXT_H

#include "mcp_arena.h"

#pragma GCC visibility push(hidden)


typedef struct {
    mcp_str_t    literal;    /* the whole text when "variables" is NULL */
    const void  *variables;  /* the front end's compiled form */
} mcp_text_t;


/*
 * Resolves a text with variables, memory from the arena or longer lived.
 * MCP_OK with an empty value when a variable is empty or unknown; MCP_NOMEM
 * or MCP_ERROR refuse the call.
 */
typedef mcp_rc_t (*mcp_text_resolve_pt)(void *data, const void *variables,
    mcp_arena_t *arena, mcp_str_t *value);


static inline mcp_rc_t
mcp_text_value(const mcp_text_t *text, mcp_text_resolve_pt resolve,
    void *data, mcp_arena_t *arena, mcp_str_t *value)
{
    if (text->variables == NULL) {
        *value = text->literal;
        return MCP_OK;
    }

    return resolve(data, text->variables, arena, value);
}

#pragma GCC visibility pop

#endif /* MCP_TEXT_H */
