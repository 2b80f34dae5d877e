/* One request of the MCP client, and what the server makes of it. */

#include <stdlib.h>
#include <strings.h>

#include "client_private.h"


#define CLI_CLIENT_RESUMES_MAX  20
#define CLI_CLIENT_RETRY        1000      /* ms, when the server says none */
#define CLI_CLIENT_RETRY_MAX    10000


static cli_code_t cli_client_resume(cli_client_t *client,
    cli_transfer_t **transfer);
static cli_reply_t cli_client_read(cli_client_t *client,
    cli_transfer_t *transfer);
static void cli_client_explain(cli_client_t *client, char *text,
    size_t size);


cli_reply_t
cli_client_ask(cli_client_t *client, const char *method, const char *params)
{
    char            *body;
    size_t           size;
    cli_code_t       code;
    cli_http_t      *http;
    cli_reply_t      reply;
    cli_transfer_t  *transfer;

    http = &client->http;
    http->error[0] = '\0';
    free(http->answer);
    http->answer = NULL;

    (void) snprintf(client->id, sizeof(client->id), "%u", ++client->last_id);
    http->id = cli_str(client->id);

    size = strlen(method) + strlen(params) + 128;
    body = cli_alloc(size);
    (void) snprintf(body, size, "{\"jsonrpc\":\"2.0\",\"id\":%s,"
                    "\"method\":\"%s\",\"params\":{%s}}", client->id, method,
                    params);

    transfer = cli_http_start(http, NULL, client->url, body,
                              cli_client_headers(client, method, NULL));
    free(body);

    code = cli_http_run(http, transfer);

    if (code == CLI_GOOD && http->answer == NULL && http->events
        && transfer->status >= 200 && transfer->status < 300)
    {
        code = cli_http_run(http, http->events);

        if (code == CLI_GOOD && http->answer == NULL) {
            code = cli_http_error(http, "%s: the event stream ended", method);
        }
    }

    if (code == CLI_GOOD && http->answer == NULL && !client->modern) {
        code = cli_client_resume(client, &transfer);
    }

    reply = CLI_REPLY_FAILED;

    if (code == CLI_GOOD) {
        client->status = transfer->status;
        reply = cli_client_read(client, transfer);

        if (reply == CLI_REPLY_RESULT && !client->modern
            && client->answer->protocol == NULL)
        {
            memcpy(client->session, transfer->session,
                   sizeof(client->session));
        }
    }

    cli_http_end(transfer);

    return reply;
}


/*
 * Since 2025-11-25 a server may end the connection before it has answered;
 * the rest of the stream is then there for who asks for it by event id.
 */
static cli_code_t
cli_client_resume(cli_client_t *client, cli_transfer_t **transfer)
{
    unsigned         i;
    uint64_t         pause;
    cli_code_t       code;
    cli_http_t      *http;
    cli_transfer_t  *next;

    http = &client->http;

    for (i = 0; i < CLI_CLIENT_RESUMES_MAX; i++) {

        if (http->answer || !(*transfer)->stream
            || (*transfer)->status != 200 || (*transfer)->event_id[0] == '\0')
        {
            return CLI_GOOD;
        }

        pause = (*transfer)->events.has_retry || (*transfer)->retry_ms
                ? (*transfer)->retry_ms : CLI_CLIENT_RETRY;

        code = cli_http_pause(http, pause < CLI_CLIENT_RETRY_MAX
                                    ? pause : CLI_CLIENT_RETRY_MAX);
        if (code != CLI_GOOD) {
            return code;
        }

        next = cli_http_start(http, NULL, client->url, NULL,
                              cli_client_headers(client, NULL,
                                                 (*transfer)->event_id));

        memcpy(next->event_id, (*transfer)->event_id, sizeof(next->event_id));
        memcpy(next->session, (*transfer)->session, sizeof(next->session));

        cli_http_end(*transfer);
        *transfer = next;

        code = cli_http_run(http, next);
        if (code != CLI_GOOD) {
            return code;
        }
    }

    return CLI_GOOD;
}


static cli_reply_t
cli_client_read(cli_client_t *client, cli_transfer_t *transfer)
{
    uint32_t      error;
    mcp_str_t     text;
    cli_http_t   *http;

    http = &client->http;
    client->result = MCP_JSON_NONE;
    text = (mcp_str_t) { (const uint8_t *) transfer->body, transfer->length };

    if (http->answer == NULL && transfer->length
        && strcasecmp(transfer->type, "application/json") == 0
        && !cli_http_match(http, text)
        && (transfer->status < 200 || transfer->status > 299))
    {
        /* an error may have no id; its text is read after the transfer */

        mcp_arena_reset(&http->arena, 0);
        http->answer = cli_copy(transfer->body, transfer->length);
        text.data = (const uint8_t *) http->answer;

        if (cli_http_json(http, text, &client->json) == MCP_OK) {
            client->result = cli_client_member(client, 0, "error");
        }

        return CLI_REPLY_REFUSED;
    }

    if (http->answer == NULL && transfer->length && !http->error[0]
        && strcasecmp(transfer->type, "application/json") != 0)
    {
        (void) cli_http_error(http, "content of type \"%s\"",
                              transfer->type);
    }

    if (http->answer == NULL) {
        return (transfer->status < 200 || transfer->status > 299)
               ? CLI_REPLY_REFUSED : CLI_REPLY_NONE;
    }

    mcp_arena_reset(&http->arena, 0);
    text = (mcp_str_t) { (const uint8_t *) http->answer,
                         http->answer_length };

    if (cli_http_json(http, text, &client->json) != MCP_OK) {
        return CLI_REPLY_NONE;
    }

    error = cli_client_member(client, 0, "error");

    if (error != MCP_JSON_NONE) {
        client->result = error;
        return (transfer->status < 200 || transfer->status > 299)
               ? CLI_REPLY_REFUSED : CLI_REPLY_ERROR;
    }

    client->result = cli_client_member(client, 0, "result");

    return (client->result != MCP_JSON_NONE
            && client->json.tokens[client->result].type == MCP_JSON_OBJECT)
           ? CLI_REPLY_RESULT : CLI_REPLY_NONE;
}


const char **
cli_client_headers(cli_client_t *client, const char *method,
    const char *event_id)
{
    unsigned     n;
    const char  *protocol;

    n = 0;
    protocol = client->modern ? CLI_CLIENT_MODERN : client->answer->protocol;

    if (protocol && strcmp(protocol, "2025-06-18") >= 0) {
        (void) snprintf(client->lines[n], sizeof(client->lines[n]),
                        "MCP-Protocol-Version: %s", protocol);
        n++;
    }

    if (client->modern && method) {
        (void) snprintf(client->lines[n], sizeof(client->lines[n]),
                        "Mcp-Method: %s", method);
        n++;
    }

    if (client->session[0]) {
        (void) snprintf(client->lines[n], sizeof(client->lines[n]),
                        "Mcp-Session-Id: %s", client->session);
        n++;
    }

    if (event_id && n < 3) {
        (void) snprintf(client->lines[n], sizeof(client->lines[n]),
                        "Last-Event-ID: %s", event_id);
        n++;
    }

    client->headers[n] = NULL;

    while (n-- > 0) {
        client->headers[n] = client->lines[n];
    }

    return client->headers;
}



cli_code_t
cli_client_refused(cli_client_t *client, cli_reply_t reply,
    const char *method)
{
    char         text[256], noted[256];
    cli_http_t  *http;

    http = &client->http;
    cli_client_explain(client, text, sizeof(text));

    switch (reply) {

    case CLI_REPLY_ERROR:
        return cli_http_error(http, "%s: the server answers with an error%s",
                              method, text);

    case CLI_REPLY_REFUSED:

        if (client->status >= 300 && client->status < 400) {
            return cli_http_error(http, "%s: HTTP status %ld; redirects are "
                                  "not followed, give the URL itself",
                                  method, client->status);
        }

        return cli_http_error(http, "%s: HTTP status %ld%s%s", method,
                              client->status, text, client->status == 401
                              ? "; give credentials with -H" : "");

    case CLI_REPLY_NONE:

        if (http->error[0]) {
            (void) snprintf(noted, sizeof(noted), "%.250s", http->error);
            return cli_http_error(http, "%s: HTTP status %ld, and %s",
                                  method, client->status, noted);
        }

        return cli_http_error(http, "%s: HTTP status %ld without an answer",
                              method, client->status);

    default:
        return CLI_FAILED;     /* with an error of its own */
    }
}


/* ": message (-32600)" when there is one. */
static void
cli_client_explain(cli_client_t *client, char *text, size_t size)
{
    char      *message;
    uint32_t   code;
    mcp_str_t  raw;

    text[0] = '\0';

    if (client->result == MCP_JSON_NONE
        || client->json.tokens[client->result].type != MCP_JSON_OBJECT)
    {
        return;
    }

    message = cli_client_string(client, cli_client_member(client,
                                            client->result, "message"));
    code = cli_client_member(client, client->result, "code");
    raw = (code == MCP_JSON_NONE) ? mcp_str("no code")
                                  : mcp_json_raw(&client->json, code);

    if (message) {
        (void) snprintf(text, size, ": %.180s (%.*s)", message,
                        (int) (raw.len < 20 ? raw.len : 20), raw.data);
    }

    free(message);
}


uint32_t
cli_client_member(const cli_client_t *client, uint32_t object,
    const char *name)
{
    const mcp_json_token_t  *tokens;

    /* token 0 is the message, and means none for everything in it */

    tokens = client->json.tokens;

    if ((object == MCP_JSON_NONE && strcmp(name, "error") != 0
         && strcmp(name, "result") != 0)
        || tokens[object].type != MCP_JSON_OBJECT)
    {
        return MCP_JSON_NONE;
    }

    return mcp_json_member(&client->json, object, cli_str(name));
}


/* NULL when it is no string that a C string can hold. */
char *
cli_client_string(cli_client_t *client, uint32_t index)
{
    mcp_str_t  value;

    if (index == MCP_JSON_NONE
        || client->json.tokens[index].type != MCP_JSON_STRING
        || mcp_json_string(&client->json, index, &client->http.arena, &value)
           != MCP_OK)
    {
        return NULL;
    }

    return cli_copy((const char *) value.data, value.len);
}
