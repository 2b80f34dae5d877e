/* A server's tools with what may be said of each, for people and policies. */

#ifndef CLI_TOOLS_H
#define CLI_TOOLS_H

#include "cli.h"
#include "mcp_risk.h"


typedef struct {
    mcp_str_t  name;
    bool       nullable;       /* null is a value, too: "exists" is too much */
} cli_argument_t;

typedef struct {
    mcp_str_t        name;
    mcp_risk_t       risk;
    cli_argument_t  *required;
    uint32_t         required_count;
    unsigned         listed;       /* times; here it is one entry */
    uint32_t         order;        /* in the list */
    const char      *left_out;     /* why no policy may name it, or NULL */
} cli_tool_t;

typedef struct {
    mcp_json_t    json;
    mcp_arena_t   arena;
    cli_tool_t   *tools;           /* by class, then as listed */
    uint32_t      count;
    uint32_t      counts[MCP_RISK_DESTRUCTIVE + 1];
    uint32_t      left_out;
    bool          more;            /* the answer has a "nextCursor" */
    const char   *server;          /* what it calls itself, or "" */
    const char   *version;
} cli_tools_t;

typedef enum {
    CLI_FORMAT_NONE = 0,
    CLI_FORMAT_NGINX,
    CLI_FORMAT_JSON,
    CLI_FORMAT_YAML
} cli_format_t;


/*
 * Reads an answer to tools/list, its result, or the array of tools; the text
 * must outlive it.  CLI_FAILED: the reason was printed, with the name "path".
 */
cli_code_t cli_tools_read(cli_tools_t *tools, const char *path,
    mcp_str_t text);
void cli_tools_free(cli_tools_t *tools);

/* Escaped, and cut when it is long. */
void cli_tools_print_name(FILE *out, mcp_str_t name);

/* The evidence that counts, then the rest: "a; b; c", escaped for a line. */
void cli_tools_evidence(FILE *out, const cli_tool_t *tool);

/* "30/minute", what a policy says of a class. */
const char *cli_tools_rule(mcp_risk_class_t class);

void cli_tools_print(FILE *out, const cli_tools_t *tools);
void cli_tools_print_json(FILE *out, const cli_tools_t *tools,
    const char *protocol);


/* "nginx", "json", "yaml"; what the name of a file says when it is NULL. */
cli_code_t cli_format_parse(const char *word, const char *path,
    cli_format_t *format);

/* A policy that gives every tool what its class deserves. */
void cli_policy_write(FILE *out, const cli_tools_t *tools,
    cli_format_t format, const char *name);
void cli_policy_write_nginx(FILE *out, const cli_tools_t *tools,
    const char *name);
void cli_policy_write_json(FILE *out, const cli_tools_t *tools);
void cli_policy_write_yaml(FILE *out, const cli_tools_t *tools);

/*
 * Writes the file as a whole or not at all; NULL is standard output.  The
 * reason was printed.
 */
cli_code_t cli_write_file(const char *path, const char *data, size_t length);

#endif /* CLI_TOOLS_H */
