/* What the parts of the MCP client share. */

#ifndef CLI_CLIENT_PRIVATE_H
#define CLI_CLIENT_PRIVATE_H

#include "client_http.h"
#include "mcp_version.h"


#define CLI_CLIENT_MODERN  "2026-07-28"

#define CLI_CLIENT_INFO                                                       \
    "{\"name\":\"mcp-policy\",\"version\":\"" MCP_POLICY_VERSION "\"}"

#define CLI_CLIENT_META                                                       \
    "\"_meta\":{"                                                             \
    "\"io.modelcontextprotocol/protocolVersion\":\"" CLI_CLIENT_MODERN "\","  \
    "\"io.modelcontextprotocol/clientInfo\":" CLI_CLIENT_INFO ","             \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"


/* What became of a request. */
typedef enum {
    CLI_REPLY_RESULT = 0,
    CLI_REPLY_ERROR,          /* of JSON-RPC */
    CLI_REPLY_REFUSED,        /* by HTTP status */
    CLI_REPLY_NONE,           /* a status that promises one, and no answer */
    CLI_REPLY_FAILED          /* the server was not reached, time is over */
} cli_reply_t;

typedef struct {
    cli_http_t            http;
    cli_client_answer_t  *answer;
    const char           *url;            /* for messages: POSTs go there */
    bool                  modern;
    char                  session[256];
    char                  id[16];
    unsigned              last_id;
    long                  status;         /* of the last reply */
    mcp_json_t            json;           /* of the last reply */
    uint32_t              result;         /* or error, in that */
    uint32_t              tools;          /* found so far */
    char                 *text;           /* definitions, with commas */
    size_t                length;
    char                **cursors;        /* that were followed */
    unsigned              cursor_count;
    char                  lines[3][320];  /* headers of a request */
    const char           *headers[4];
} cli_client_t;


/*
 * Sends a request and awaits what becomes of it.  "params" is the inside of
 * an object.
 */
cli_reply_t cli_client_ask(cli_client_t *client, const char *method,
    const char *params);

/* Header lines, NULL at the end; valid until the next call. */
const char **cli_client_headers(cli_client_t *client, const char *method,
    const char *event_id);

/* Notes the error for a reply that is no result; always CLI_FAILED. */
cli_code_t cli_client_refused(cli_client_t *client, cli_reply_t reply,
    const char *method);

/* Of the last reply; MCP_JSON_NONE in gives MCP_JSON_NONE. */
uint32_t cli_client_member(const cli_client_t *client, uint32_t object,
    const char *name);

/* NULL when it is no string that a C string can hold; free it. */
char *cli_client_string(cli_client_t *client, uint32_t index);

#endif /* CLI_CLIENT_PRIVATE_H */
