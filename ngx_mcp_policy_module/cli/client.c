/*
 * How to ask a server of any revision for its tools: server/discover tells
 * whether it speaks 2026-07-28, without a session; then initialize, and at
 * last the two URLs of 2024-11-05.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "client_private.h"


#define CLI_CLIENT_LEGACY  "2025-11-25"


static cli_code_t cli_client_open(cli_client_t *client);
static cli_code_t cli_client_discover(cli_client_t *client);
static cli_code_t cli_client_initialize(cli_client_t *client);
static cli_code_t cli_client_initialized(cli_client_t *client);
static cli_code_t cli_client_open_stream(cli_client_t *client);
static cli_code_t cli_client_set_endpoint(cli_client_t *client);
static cli_code_t cli_client_list(cli_client_t *client);
static cli_code_t cli_client_take_page(cli_client_t *client);
static cli_code_t cli_client_next_cursor(cli_client_t *client,
    mcp_str_t *cursor);
static void cli_client_close(cli_client_t *client);

static void cli_client_name_server(cli_client_t *client, uint32_t object,
    const char *name);
static void cli_client_progress(cli_client_t *client, const char *format,
    ...) __attribute__((format(printf, 2, 3)));


cli_code_t
cli_client_fetch_tools(const cli_client_options_t *options,
    cli_client_answer_t *answer)
{
    unsigned      i;
    cli_code_t    code;
    cli_client_t  client;

    memset(answer, 0, sizeof(cli_client_answer_t));
    memset(&client, 0, sizeof(cli_client_t));

    client.answer = answer;
    client.url = options->url;
    client.text = cli_alloc(CLI_CLIENT_TOTAL_MAX);
    client.cursors = cli_alloc(CLI_CLIENT_PAGES_MAX * sizeof(char *));

    code = cli_http_init(&client.http, options);

    if (code == CLI_GOOD) {
        code = cli_client_open(&client);
    }

    if (code == CLI_GOOD) {
        code = cli_client_list(&client);
    }

    if (code == CLI_GOOD) {
        cli_client_close(&client);
    }

    cli_client_progress(&client, "%s", "");

    if (code == CLI_GOOD) {
        answer->text = cli_alloc(client.length + sizeof("{\"tools\":[]}"));
        answer->length = (size_t) snprintf(answer->text, client.length
                                           + sizeof("{\"tools\":[]}"),
                                           "{\"tools\":[%.*s]}",
                                           (int) client.length, client.text);

        if (answer->server == NULL) {
            answer->server = cli_copy("", 0);
        }

        if (answer->version == NULL) {
            answer->version = cli_copy("", 0);
        }

    } else {
        fputs("mcp-policy: ", stderr);
        cli_coloured(stderr, CLI_RED, "error:");
        putc(' ', stderr);
        cli_print(stderr, cli_str(client.http.error));
        putc('\n', stderr);

        cli_client_answer_free(answer);
    }

    for (i = 0; i < client.cursor_count; i++) {
        free(client.cursors[i]);
    }

    free(client.cursors);
    free(client.text);
    cli_http_free(&client.http);

    return code;
}


void
cli_client_answer_free(cli_client_answer_t *answer)
{
    free(answer->text);
    free(answer->protocol);
    free(answer->server);
    free(answer->version);
    memset(answer, 0, sizeof(cli_client_answer_t));
}


static cli_code_t
cli_client_open(cli_client_t *client)
{
    cli_code_t  code;

    code = cli_client_discover(client);

    if (code != CLI_FINDINGS) {
        return code;
    }

    client->modern = false;

    return cli_client_initialize(client);
}


/* CLI_FINDINGS: the server does not know the method, so it is an older one. */
static cli_code_t
cli_client_discover(cli_client_t *client)
{
    uint32_t                 i, versions;
    cli_reply_t              reply;
    const mcp_json_token_t  *tokens;

    cli_client_progress(client, "asking for the protocol");

    client->modern = true;
    reply = cli_client_ask(client, "server/discover", CLI_CLIENT_META);

    if (reply == CLI_REPLY_FAILED) {
        return CLI_FAILED;
    }

    if (reply == CLI_REPLY_REFUSED
        && (client->status == 401 || client->status == 403
            || client->status == 407 || client->status == 429
            || client->status < 400))
    {
        return cli_client_refused(client, reply, "server/discover");
    }

    if (reply != CLI_REPLY_RESULT) {
        return CLI_FINDINGS;
    }

    tokens = client->json.tokens;
    versions = cli_client_member(client, client->result, "supportedVersions");

    if (versions == MCP_JSON_NONE
        || tokens[versions].type != MCP_JSON_ARRAY)
    {
        return CLI_FINDINGS;
    }

    for (i = versions + 1; i < tokens[versions].next; i = tokens[i].next) {

        if (tokens[i].type == MCP_JSON_STRING
            && mcp_json_string_equal(&client->json, i,
                                     mcp_str(CLI_CLIENT_MODERN)))
        {
            client->answer->protocol = cli_copy(CLI_CLIENT_MODERN,
                                                strlen(CLI_CLIENT_MODERN));
            cli_client_name_server(client,
                cli_client_member(client, client->result, "_meta"),
                "io.modelcontextprotocol/serverInfo");

            return CLI_GOOD;
        }
    }

    return CLI_FINDINGS;
}


static cli_code_t
cli_client_initialize(cli_client_t *client)
{
    char         *protocol;
    size_t        i;
    cli_reply_t   reply;

    static const char *const  known[] = {
        "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"
    };

    static const char  params[] =
        "\"protocolVersion\":\"" CLI_CLIENT_LEGACY "\",\"capabilities\":{},"
        "\"clientInfo\":" CLI_CLIENT_INFO;

    cli_client_progress(client, "initialize");

    reply = cli_client_ask(client, "initialize", params);

    if (reply == CLI_REPLY_REFUSED
        && (client->status == 400 || client->status == 404
            || client->status == 405)
        && client->http.events == NULL)
    {
        if (cli_client_open_stream(client) != CLI_GOOD) {
            return CLI_FAILED;
        }

        reply = cli_client_ask(client, "initialize", params);
    }

    if (reply != CLI_REPLY_RESULT) {
        return cli_client_refused(client, reply, "initialize");
    }

    protocol = cli_client_string(client,
                   cli_client_member(client, client->result,
                                     "protocolVersion"));

    for (i = 0; protocol && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(protocol, known[i]) == 0) {
            client->answer->protocol = protocol;
            cli_client_name_server(client, client->result, "serverInfo");

            return cli_client_initialized(client);
        }
    }

    (void) cli_http_error(&client->http, "the server's protocol version "
                          "\"%s\" is not known", protocol ? protocol : "");
    free(protocol);

    return CLI_FAILED;
}


static cli_code_t
cli_client_initialized(cli_client_t *client)
{
    long             status;
    cli_code_t       code;
    cli_http_t      *http;
    cli_transfer_t  *transfer;

    static const char  body[] = "{\"jsonrpc\":\"2.0\",\"method\":"
                                "\"notifications/initialized\"}";

    http = &client->http;
    http->id.len = 0;
    free(http->answer);
    http->answer = NULL;

    transfer = cli_http_start(http, NULL, client->url, body,
                              cli_client_headers(client, NULL, NULL));
    code = cli_http_run(http, transfer);
    status = transfer->status;
    cli_http_end(transfer);

    if (code == CLI_GOOD && (status < 200 || status > 299)) {
        return cli_http_error(http, "notifications/initialized: HTTP status "
                              "%ld", status);
    }

    return code;
}


/* HTTP+SSE: a stream that first of all tells where to post. */
static cli_code_t
cli_client_open_stream(cli_client_t *client)
{
    char             refused[sizeof(client->http.error)];
    cli_http_t      *http;
    cli_transfer_t  *events;

    http = &client->http;

    (void) cli_client_refused(client, CLI_REPLY_REFUSED, "initialize");
    memcpy(refused, http->error, sizeof(refused));

    cli_client_progress(client, "looking for an event stream");

    http->id.len = 0;
    free(http->answer);
    http->answer = NULL;

    events = cli_http_start(http, NULL, http->options->url, NULL, NULL);
    http->events = events;

    if (cli_http_run(http, events) != CLI_GOOD) {
        return CLI_FAILED;
    }

    if (http->endpoint == NULL) {
        memcpy(http->error, refused, sizeof(refused));
        return CLI_FAILED;
    }

    return cli_client_set_endpoint(client);
}


/* Secrets go where the user wanted them to, so: the same origin. */
static cli_code_t
cli_client_set_endpoint(cli_client_t *client)
{
    bool          same;
    char         *a, *b, *url;
    size_t        i;
    CURLU        *base, *endpoint;
    cli_http_t   *http;

    static const CURLUPart  parts[] = { CURLUPART_SCHEME, CURLUPART_HOST,
                                        CURLUPART_PORT };

    http = &client->http;
    base = curl_url();
    endpoint = curl_url();
    url = NULL;

    same = base && endpoint
           && curl_url_set(base, CURLUPART_URL, http->options->url, 0)
              == CURLUE_OK
           && curl_url_set(endpoint, CURLUPART_URL, http->options->url, 0)
              == CURLUE_OK
           && curl_url_set(endpoint, CURLUPART_URL, http->endpoint, 0)
              == CURLUE_OK;

    for (i = 0; same && i < sizeof(parts) / sizeof(parts[0]); i++) {
        a = b = NULL;

        same = curl_url_get(base, parts[i], &a, CURLU_DEFAULT_PORT)
               == CURLUE_OK
               && curl_url_get(endpoint, parts[i], &b, CURLU_DEFAULT_PORT)
                  == CURLUE_OK
               && strcasecmp(a, b) == 0;

        curl_free(a);
        curl_free(b);
    }

    if (same && curl_url_get(endpoint, CURLUPART_URL, &url, 0) == CURLUE_OK) {
        free(http->endpoint);
        http->endpoint = cli_copy(url, strlen(url));
        client->url = http->endpoint;
    }

    curl_free(url);
    curl_url_cleanup(base);
    curl_url_cleanup(endpoint);

    if (client->url != http->endpoint) {
        return cli_http_error(http, "the server wants messages at another "
                              "origin: %s", http->endpoint);
    }

    return CLI_GOOD;
}


static cli_code_t
cli_client_list(cli_client_t *client)
{
    char        *params;
    size_t       size;
    mcp_str_t    cursor;
    cli_code_t   code;
    cli_reply_t  reply;

    cursor = mcp_str("");

    for ( ;; ) {
        client->answer->pages++;
        cli_client_progress(client, "%s, page %u, %u tools so far",
                            client->answer->protocol, client->answer->pages,
                            (unsigned) client->tools);

        size = cursor.len + sizeof("\"cursor\":,") + sizeof(CLI_CLIENT_META);
        params = cli_alloc(size);

        (void) snprintf(params, size, "%s%.*s%s%s",
                        cursor.len ? "\"cursor\":" : "", (int) cursor.len,
                        (const char *) cursor.data,
                        cursor.len && client->modern ? "," : "",
                        client->modern ? CLI_CLIENT_META : "");

        reply = cli_client_ask(client, "tools/list", params);
        free(params);

        if (reply != CLI_REPLY_RESULT) {
            return cli_client_refused(client, reply, "tools/list");
        }

        code = cli_client_take_page(client);

        if (code == CLI_GOOD) {
            code = cli_client_next_cursor(client, &cursor);
        }

        if (code != CLI_GOOD || cursor.len == 0) {
            return code;
        }
    }
}


static cli_code_t
cli_client_take_page(cli_client_t *client)
{
    uint32_t                 i, tools, name, type;
    mcp_str_t                raw;
    const mcp_json_token_t  *tokens;

    tokens = client->json.tokens;
    type = cli_client_member(client, client->result, "resultType");

    if (type != MCP_JSON_NONE
        && !(tokens[type].type == MCP_JSON_STRING
             && mcp_json_string_equal(&client->json, type,
                                      mcp_str("complete"))))
    {
        return cli_http_error(&client->http, "tools/list: the result is not "
                              "complete, the server asks back");
    }

    tools = cli_client_member(client, client->result, "tools");

    if (tools == MCP_JSON_NONE || tokens[tools].type != MCP_JSON_ARRAY) {
        return cli_http_error(&client->http, "tools/list: the result has no "
                              "array \"tools\"");
    }

    for (i = tools + 1; i < tokens[tools].next; i = tokens[i].next) {
        name = cli_client_member(client, i, "name");

        if (name == MCP_JSON_NONE || tokens[name].type != MCP_JSON_STRING) {
            return cli_http_error(&client->http, "tools/list: tool %u has no "
                                  "name", (unsigned) client->tools + 1);
        }

        raw = mcp_json_raw(&client->json, i);

        if (raw.len + 1 > CLI_CLIENT_TOTAL_MAX - client->length) {
            return cli_http_error(&client->http, "the definitions of all "
                                  "tools are over %d bytes",
                                  CLI_CLIENT_TOTAL_MAX);
        }

        if (client->tools++ > 0) {
            client->text[client->length++] = ',';
        }

        memcpy(client->text + client->length, raw.data, raw.len);
        client->length += raw.len;
    }

    return CLI_GOOD;
}


/* A cursor that comes a second time would come for ever. */
static cli_code_t
cli_client_next_cursor(cli_client_t *client, mcp_str_t *cursor)
{
    uint32_t                 next;
    unsigned                 i;
    mcp_str_t                raw;
    const mcp_json_token_t  *tokens;

    cursor->len = 0;
    tokens = client->json.tokens;
    next = cli_client_member(client, client->result, "nextCursor");

    if (next == MCP_JSON_NONE || tokens[next].type == MCP_JSON_NULL) {
        return CLI_GOOD;
    }

    if (tokens[next].type != MCP_JSON_STRING) {
        return cli_http_error(&client->http, "tools/list: \"nextCursor\" is "
                              "no string");
    }

    raw = mcp_json_raw(&client->json, next);

    for (i = 0; i < client->cursor_count; i++) {
        if (mcp_str_equal(raw, cli_str(client->cursors[i]))) {
            return cli_http_error(&client->http, "tools/list: the same "
                                  "cursor came twice, the list would never "
                                  "end");
        }
    }

    if (client->answer->pages == CLI_CLIENT_PAGES_MAX) {
        return cli_http_error(&client->http, "tools/list: more than %d pages",
                              CLI_CLIENT_PAGES_MAX);
    }

    client->cursors[client->cursor_count] = cli_copy((const char *) raw.data,
                                                     raw.len);
    *cursor = cli_str(client->cursors[client->cursor_count++]);

    return CLI_GOOD;
}


/* A session is given back; that this fails is nobody's concern. */
static void
cli_client_close(cli_client_t *client)
{
    cli_http_t      *http;
    cli_transfer_t  *transfer;

    if (client->session[0] == '\0') {
        return;
    }

    http = &client->http;
    http->id.len = 0;
    free(http->answer);
    http->answer = NULL;
    cli_http_hurry(http);

    transfer = cli_http_start(http, "DELETE", client->url, NULL,
                              cli_client_headers(client, NULL, NULL));
    (void) cli_http_run(http, transfer);
    cli_http_end(transfer);
}


static void
cli_client_name_server(cli_client_t *client, uint32_t object,
    const char *name)
{
    uint32_t  info;

    info = cli_client_member(client, object, name);

    client->answer->server = cli_client_string(client,
                                 cli_client_member(client, info, "name"));
    client->answer->version = cli_client_string(client,
                                  cli_client_member(client, info, "version"));
}


static void
cli_client_progress(cli_client_t *client, const char *format, ...)
{
    va_list  args;

    if (!client->http.options || !client->http.options->progress
        || !isatty(STDERR_FILENO))
    {
        return;
    }

    fputs("\r\033[K", stderr);

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);

    fflush(stderr);
}
