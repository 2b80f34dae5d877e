/*
 * Texts with nginx variables, and where their values come from when there is
 * no nginx: a case.
 */

#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "cli.h"


/* MCP_OK with the value, MCP_NO when there is no such variable. */
typedef mcp_rc_t (*cli_variable_pt)(void *data, mcp_str_t name,
    mcp_arena_t *arena, mcp_str_t *value);

typedef struct {
    cli_variable_pt   find;
    void             *data;
} cli_variables_t;


/*
 * Splits "$name", "${name}" and what is between them, with nginx's rules and
 * messages.  The compiled form lives in the arena, its strings in "source".
 */
mcp_rc_t cli_text_compile(mcp_str_t source, mcp_arena_t *arena,
    mcp_text_t *text, mcp_error_t *error);

/* A mcp_text_resolve_pt; "data" is a cli_variables_t *. */
mcp_rc_t cli_text_resolve(void *data, const void *variables,
    mcp_arena_t *arena, mcp_str_t *value);

#endif /* CLI_TEXT_H */
