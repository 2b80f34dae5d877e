/* One line of CASES.jsonl: a call and what is expected of it. */

#ifndef CLI_CASE_H
#define CLI_CASE_H

#include "cli.h"


typedef enum {
    CLI_UPSTREAM_OK = 0,
    CLI_UPSTREAM_ERROR,         /* 5xx or a JSON-RPC error */
    CLI_UPSTREAM_TOOL_ERROR,    /* isError */
    CLI_UPSTREAM_UNREACHABLE
} cli_upstream_t;

/* Strings are views of the line or live in the arena; NULL: not given. */
typedef struct {
    mcp_json_t      json;
    mcp_str_t       tool;          /* with its quotes, as written */
    mcp_str_t       tool_name;     /* unescaped, for variables; may be empty */
    mcp_str_t       arguments;     /* as written */
    mcp_str_t       body;
    mcp_str_t       expect;
    mcp_str_t       message;
    mcp_str_t       rule;
    mcp_str_t       grant;
    mcp_str_t       session;
    mcp_str_t       at;
    mcp_str_t       upstream_name;
    uint32_t        headers;       /* tokens of objects of strings, or NONE */
    uint32_t        vars;
    cli_upstream_t  upstream;
    uint64_t        at_ms;
} cli_case_t;


/* MCP_ERROR says what is wrong with the line; MCP_NOMEM. */
mcp_rc_t cli_case_read(cli_case_t *c, mcp_str_t line, mcp_arena_t *arena,
    mcp_error_t *error);

/*
 * The JSON-RPC message of the case; "modern": for revision 2026-07-28, which
 * wants version and capabilities in it.
 */
mcp_rc_t cli_case_body(const cli_case_t *c, bool modern, mcp_arena_t *arena,
    mcp_str_t *body);

/* The string of a header, by its name in any case. */
mcp_rc_t cli_case_header(const cli_case_t *c, mcp_str_t name,
    mcp_arena_t *arena, mcp_header_t *header);

/* From "vars", or a header as http_NAME; a cli_variable_pt. */
mcp_rc_t cli_case_variable(void *data, mcp_str_t name, mcp_arena_t *arena,
    mcp_str_t *value);

/* RFC 3339 in full: offsets, fractions (cut to milliseconds), leap seconds. */
mcp_rc_t cli_case_time(mcp_str_t text, uint64_t *ms);

#endif /* CLI_CASE_H */
