/* Tools as a server defines them, to be pinned or to be compared with pins. */

#ifndef CLI_PIN_H
#define CLI_PIN_H

#include "cli.h"


typedef struct {
    mcp_str_t  name;
    uint8_t    hash[MCP_PIN_HASH];
    mcp_str_t  text;            /* the canonical form, which is hashed */
} cli_definition_t;

typedef struct {
    mcp_arena_t        arena;
    cli_definition_t  *list;    /* by name */
    uint32_t           count;
    bool               more;    /* the last page has a "nextCursor" */
} cli_definitions_t;

/*
 * Prints what was added, removed and changed since "path" was written, in
 * words for people.  CLI_FINDINGS when there is anything.
 */
cli_code_t cli_pin_diff(const char *path,
    const cli_definitions_t *definitions);

#endif /* CLI_PIN_H */
