/* HTTP as an MCP client needs it; private to the client. */

#ifndef CLI_CLIENT_HTTP_H
#define CLI_CLIENT_HTTP_H

#include <curl/curl.h>

#include "client.h"
#include "mcp_event_stream.h"
#include "mcp_json.h"


typedef struct cli_http_s  cli_http_t;

/* What a transfer waits for, and where its answers come in. */
typedef struct {
    cli_http_t          *http;
    CURL                *easy;
    struct curl_slist   *headers;
    char                *body;           /* of the answer */
    size_t               length;
    long                 status;         /* 0 before there is one */
    char                 type[64];       /* "application/json" */
    char                 session[256];   /* Mcp-Session-Id */
    mcp_event_stream_t   events;
    uint8_t             *event_data;
    char                 event_id[MCP_EVENT_ID_MAX + 1];
    uint64_t             retry_ms;
    bool                 stream;         /* the answer is an event stream */
    bool                 done;
    bool                 failed;         /* the error was noted */
} cli_transfer_t;

/* The state of all transfers. */
struct cli_http_s {
    const cli_client_options_t  *options;
    CURLM                       *multi;
    uint64_t                     deadline;     /* ms of a steady clock */
    cli_transfer_t              *events;       /* GET of HTTP+SSE, or NULL */
    char                        *endpoint;     /* that it named */
    mcp_str_t                    id;           /* of the answer to wait for */
    char                        *answer;       /* a response with that id */
    size_t                       answer_length;
    mcp_arena_t                  arena;        /* scratch for reading events */
    char                         error[512];
};


cli_code_t cli_http_init(cli_http_t *http,
    const cli_client_options_t *options);
void cli_http_free(cli_http_t *http);

/*
 * A request; "body" NULL makes it a GET, "method" overrides.  "more" are
 * header lines that end with NULL.
 */
cli_transfer_t *cli_http_start(cli_http_t *http, const char *method,
    const char *url, const char *body, const char *const *more);

/*
 * Until the transfer ends, its answer or the endpoint is there, or time is
 * over.  CLI_FAILED: http->error says why.
 */
cli_code_t cli_http_run(cli_http_t *http, cli_transfer_t *transfer);
void cli_http_end(cli_transfer_t *transfer);

/* Reads a JSON answer; MCP_ERROR: http->error says why. */
mcp_rc_t cli_http_json(cli_http_t *http, mcp_str_t text, mcp_json_t *json);

/*
 * Keeps the text as the answer when it is, or contains, the one that is
 * waited for.
 */
bool cli_http_match(cli_http_t *http, mcp_str_t text);

/* What is still to be done must not take long. */
void cli_http_hurry(cli_http_t *http);

/* A pause that time allows for. */
cli_code_t cli_http_pause(cli_http_t *http, uint64_t ms);

/* Always CLI_FAILED. */
cli_code_t cli_http_error(cli_http_t *http, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* CLI_CLIENT_HTTP_H */
