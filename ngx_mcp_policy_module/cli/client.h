/*
 * An MCP client that asks a server for its tools: Streamable HTTP of all
 * revisions, stateless or with a session, and HTTP+SSE of 2024-11-05.
 */

#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "cli.h"


#define CLI_CLIENT_TIMEOUT    60                   /* seconds, for all of it */
#define CLI_CLIENT_ANSWER_MAX (16 * 1024 * 1024)   /* bytes of one answer */
#define CLI_CLIENT_TOTAL_MAX  (64 * 1024 * 1024)   /* of all definitions */
#define CLI_CLIENT_PAGES_MAX  1000


typedef struct {
    const char   *url;
    char        **headers;        /* "Name: value" */
    size_t        header_count;
    const char   *ca_file;        /* of authorities to trust, or NULL */
    unsigned      timeout;        /* seconds, for all of it */
    bool          progress;       /* shown if stderr is a terminal */
} cli_client_options_t;

/* Free with cli_client_answer_free. */
typedef struct {
    char      *text;          /* {"tools":[...]}, definitions as they came */
    size_t     length;
    char      *protocol;      /* "2025-11-25" */
    char      *server;        /* what it calls itself; "" when it does not */
    char      *version;
    unsigned   pages;
} cli_client_answer_t;


/*
 * All tools or nothing.  CLI_FAILED: what went wrong was printed; headers
 * never are.
 */
cli_code_t cli_client_fetch_tools(const cli_client_options_t *options,
    cli_client_answer_t *answer);
void cli_client_answer_free(cli_client_answer_t *answer);

/*
 * The options of every command that asks a server: takes "-H HEADER",
 * "-H @FILE", "--cacert FILE" and "--timeout SECONDS" out of argv, which is
 * shortened.  CLI_FAILED: the reason was printed.
 */
#define CLI_CLIENT_USAGE                                                      \
    "[-H HEADER]... [--cacert FILE] [--timeout SECONDS]"

#define CLI_CLIENT_HELP                                                       \
    "  -H HEADER          send \"Name: value\" with every request; may be\n"  \
    "                     given several times.  \"-H @FILE\" takes the\n"     \
    "                     lines of a file, which other users of the\n"        \
    "                     machine cannot see in the list of processes\n"      \
    "  --cacert FILE      trust these certificate authorities alone\n"        \
    "  --timeout SECONDS  for everything together; default: 60\n"

cli_code_t cli_client_options(cli_client_options_t *options, int *argc,
    char **argv, const char *usage);
void cli_client_options_free(cli_client_options_t *options);

#endif /* CLI_CLIENT_H */
