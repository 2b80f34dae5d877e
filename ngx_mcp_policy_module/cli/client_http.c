/* Transfers of the MCP client, by libcurl. */

#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "client_http.h"
#include "mcp_version.h"


#define CLI_HTTP_CONNECT_TIMEOUT  10     /* seconds */
#define CLI_HTTP_POLL             500    /* ms */
#define CLI_HTTP_HURRY            2000


static CURLcode cli_http_configure(cli_transfer_t *transfer,
    const char *method, const char *url, const char *body);
static bool cli_http_add(cli_transfer_t *transfer, const char *line);
static size_t cli_http_take_header(char *data, size_t size, size_t count,
    void *context);
static long cli_http_status(mcp_str_t line);
static bool cli_http_header(mcp_str_t line, const char *name,
    mcp_str_t *value);
static void cli_http_keep(char *to, size_t size, mcp_str_t value);
static size_t cli_http_take_body(char *data, size_t size, size_t count,
    void *context);
static bool cli_http_take_events(cli_transfer_t *transfer, mcp_str_t input);
static bool cli_http_take_event(cli_transfer_t *transfer);
static bool cli_http_is_answer(const cli_http_t *http,
    const mcp_json_t *json, uint32_t index);
static bool cli_http_is_open(const cli_http_t *http,
    const cli_transfer_t *transfer);
static void cli_http_collect(cli_http_t *http);
static uint64_t cli_http_now(void);


cli_code_t
cli_http_init(cli_http_t *http, const cli_client_options_t *options)
{
    memset(http, 0, sizeof(cli_http_t));

    http->options = options;
    http->deadline = cli_http_now() + (uint64_t) options->timeout * 1000;

    mcp_arena_init(&http->arena, &cli_allocator, 0);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return cli_http_error(http, "libcurl cannot be initialized");
    }

    http->multi = curl_multi_init();

    if (http->multi == NULL) {
        return cli_http_error(http, "out of memory");
    }

    return CLI_GOOD;
}


void
cli_http_free(cli_http_t *http)
{
    if (http->events) {
        cli_http_end(http->events);
    }

    if (http->multi) {
        curl_multi_cleanup(http->multi);
    }

    free(http->endpoint);
    free(http->answer);
    mcp_arena_destroy(&http->arena);
    curl_global_cleanup();
}


cli_transfer_t *
cli_http_start(cli_http_t *http, const char *method, const char *url,
    const char *body, const char *const *more)
{
    bool             added;
    size_t           i;
    CURLcode         code;
    cli_transfer_t  *transfer;

    transfer = cli_alloc(sizeof(cli_transfer_t));
    memset(transfer, 0, sizeof(cli_transfer_t));

    transfer->http = http;
    transfer->easy = curl_easy_init();

    added = transfer->easy != NULL
            && cli_http_add(transfer, "User-Agent: mcp-policy/"
                                      MCP_POLICY_VERSION)
            && cli_http_add(transfer, "Expect:")
            && cli_http_add(transfer, body
                            ? "Accept: application/json, text/event-stream"
                            : "Accept: text/event-stream")
            && (body == NULL
                || cli_http_add(transfer, "Content-Type: application/json"));

    for (i = 0; added && more && more[i]; i++) {
        added = cli_http_add(transfer, more[i]);
    }

    for (i = 0; added && i < http->options->header_count; i++) {
        added = cli_http_add(transfer, http->options->headers[i]);
    }

    code = added ? cli_http_configure(transfer, method, url, body)
                 : CURLE_OUT_OF_MEMORY;

    if (code == CURLE_OK
        && curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK)
    {
        code = CURLE_FAILED_INIT;
    }

    if (code != CURLE_OK) {
        (void) cli_http_error(http, "%s", curl_easy_strerror(code));
        transfer->failed = true;
        transfer->done = true;
    }

    return transfer;
}


/*
 * Redirects are not followed: they would take the caller's secrets along.
 * Nothing compressed is asked for, so that sizes are what they seem.
 */
static CURLcode
cli_http_configure(cli_transfer_t *transfer, const char *method,
    const char *url, const char *body)
{
    CURL        *easy;
    CURLcode     code;
    const char  *ca_file;

    easy = transfer->easy;
    ca_file = transfer->http->options->ca_file;

    code = curl_easy_setopt(easy, CURLOPT_URL, url);

    if (code == CURLE_OK) {
        code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    }

    if (code == CURLE_OK && ca_file) {
        code = curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    }

    if (code == CURLE_OK && body) {
        code = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    }

    if (code == CURLE_OK && method) {
        code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }

    if (code != CURLE_OK) {
        return code;
    }

    (void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void) curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT,
                            (long) CLI_HTTP_CONNECT_TIMEOUT);
    (void) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    (void) curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION,
                            cli_http_take_header);
    (void) curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, cli_http_take_body);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    (void) curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);

    return CURLE_OK;
}


static bool
cli_http_add(cli_transfer_t *transfer, const char *line)
{
    struct curl_slist  *list;

    list = curl_slist_append(transfer->headers, line);

    if (list == NULL) {
        return false;
    }

    transfer->headers = list;

    return true;
}


void
cli_http_end(cli_transfer_t *transfer)
{
    if (transfer->easy) {
        (void) curl_multi_remove_handle(transfer->http->multi,
                                        transfer->easy);
        curl_easy_cleanup(transfer->easy);
    }

    curl_slist_free_all(transfer->headers);
    free(transfer->body);
    free(transfer->event_data);
    free(transfer);
}


cli_code_t
cli_http_run(cli_http_t *http, cli_transfer_t *transfer)
{
    int       running;
    uint64_t  now;

    while (!transfer->done && http->answer == NULL
           && !cli_http_is_open(http, transfer))
    {
        now = cli_http_now();

        if (now >= http->deadline) {
            return cli_http_error(http, "no answer within %u seconds",
                                  http->options->timeout);
        }

        if (curl_multi_perform(http->multi, &running) != CURLM_OK) {
            return cli_http_error(http, "libcurl failed");
        }

        cli_http_collect(http);

        /* an answer may come on a stream that ends before its POST does */

        if (http->events && http->events->done && http->answer == NULL
            && transfer != http->events)
        {
            if (!http->events->failed) {
                (void) cli_http_error(http, "the event stream ended");
            }

            return CLI_FAILED;
        }

        if (transfer->done || http->answer
            || cli_http_is_open(http, transfer))
        {
            break;
        }

        (void) curl_multi_poll(http->multi, NULL, 0, CLI_HTTP_POLL, NULL);
    }

    return transfer->failed && http->answer == NULL ? CLI_FAILED : CLI_GOOD;
}


/* The stream of HTTP+SSE, of which nothing but the endpoint is wanted yet. */
static bool
cli_http_is_open(const cli_http_t *http, const cli_transfer_t *transfer)
{
    return transfer == http->events && http->endpoint && http->id.len == 0;
}


/* Which transfers have ended, and how. */
static void
cli_http_collect(cli_http_t *http)
{
    int              left;
    char            *private;
    CURLMsg         *message;
    CURLcode         result;
    cli_transfer_t  *transfer;

    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {

        if (message->msg != CURLMSG_DONE) {
            continue;
        }

        result = message->data.result;
        private = NULL;

        (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                                 &private);
        transfer = (cli_transfer_t *) (void *) private;
        transfer->done = true;

        if (result != CURLE_OK && !transfer->failed && http->answer == NULL) {
            transfer->failed = true;
            (void) cli_http_error(http, "%s", curl_easy_strerror(result));
        }
    }
}


cli_code_t
cli_http_pause(cli_http_t *http, uint64_t ms)
{
    uint64_t         now;
    struct timespec  pause;

    now = cli_http_now();

    if (now + ms >= http->deadline) {
        return cli_http_error(http, "no answer within %u seconds",
                              http->options->timeout);
    }

    pause.tv_sec = (time_t) (ms / 1000);
    pause.tv_nsec = (long) (ms % 1000) * 1000000;
    (void) nanosleep(&pause, NULL);

    return CLI_GOOD;
}


void
cli_http_hurry(cli_http_t *http)
{
    uint64_t  deadline;

    deadline = cli_http_now() + CLI_HTTP_HURRY;

    if (deadline < http->deadline) {
        http->deadline = deadline;
    }
}


static size_t
cli_http_take_header(char *data, size_t size, size_t count, void *context)
{
    uint8_t         *end;
    mcp_str_t        line, value;
    cli_transfer_t  *transfer;

    transfer = context;
    line = (mcp_str_t) { (uint8_t *) data, size * count };

    if (line.len >= 5 && memcmp(line.data, "HTTP/", 5) == 0) {

        /* of an interim answer nothing is kept */

        transfer->type[0] = '\0';
        transfer->session[0] = '\0';
        transfer->status = cli_http_status(line);

    } else if (cli_http_header(line, "content-type", &value)) {
        end = memchr(value.data, ';', value.len);

        if (end) {
            value.len = (size_t) (end - value.data);
        }

        while (value.len && (value.data[value.len - 1] == ' '
                             || value.data[value.len - 1] == '\t'))
        {
            value.len--;
        }

        cli_http_keep(transfer->type, sizeof(transfer->type), value);
        transfer->stream = strcasecmp(transfer->type, "text/event-stream")
                           == 0;

    } else if (cli_http_header(line, "mcp-session-id", &value)) {
        cli_http_keep(transfer->session, sizeof(transfer->session), value);
    }

    return size * count;
}


/* "HTTP/1.1 200 OK" */
static long
cli_http_status(mcp_str_t line)
{
    long            status;
    const uint8_t  *p, *end;

    end = line.data + line.len;
    p = memchr(line.data, ' ', line.len);
    status = 0;

    if (p == NULL) {
        return 0;
    }

    for (p++; p < end && *p >= '0' && *p <= '9' && status < 1000; p++) {
        status = status * 10 + (*p - '0');
    }

    return status;
}


static bool
cli_http_header(mcp_str_t line, const char *name, mcp_str_t *value)
{
    size_t          length;
    const uint8_t  *p, *end;

    length = strlen(name);

    if (line.len <= length || line.data[length] != ':'
        || strncasecmp((const char *) line.data, name, length) != 0)
    {
        return false;
    }

    p = line.data + length + 1;
    end = line.data + line.len;

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '
                       || end[-1] == '\t'))
    {
        end--;
    }

    *value = (mcp_str_t) { p, (size_t) (end - p) };

    return true;
}


/* What does not fit or is no visible ASCII is as good as absent. */
static void
cli_http_keep(char *to, size_t size, mcp_str_t value)
{
    size_t  i;

    to[0] = '\0';

    if (value.len >= size) {
        return;
    }

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < 0x21 || value.data[i] > 0x7e) {
            return;
        }
    }

    memcpy(to, value.data, value.len);
    to[value.len] = '\0';
}


/* A return that is not size * count ends the transfer. */
static size_t
cli_http_take_body(char *data, size_t size, size_t count, void *context)
{
    size_t           length;
    cli_transfer_t  *transfer;

    transfer = context;
    length = size * count;

    if (transfer->stream && transfer->status == 200) {
        return cli_http_take_events(transfer, (mcp_str_t) { (uint8_t *) data,
                                                            length })
               ? length : 0;
    }

    if (length > CLI_CLIENT_ANSWER_MAX - transfer->length) {
        transfer->failed = true;
        (void) cli_http_error(transfer->http, "an answer is over %d bytes",
                              CLI_CLIENT_ANSWER_MAX);
        return 0;
    }

    if (transfer->body == NULL) {
        transfer->body = cli_alloc(CLI_CLIENT_ANSWER_MAX);
    }

    memcpy(transfer->body + transfer->length, data, length);
    transfer->length += length;

    return length;
}


static bool
cli_http_take_events(cli_transfer_t *transfer, mcp_str_t input)
{
    mcp_event_stream_t  *events;

    events = &transfer->events;

    if (transfer->event_data == NULL) {
        transfer->event_data = cli_alloc(CLI_CLIENT_ANSWER_MAX);
        mcp_event_stream_init(events, transfer->event_data,
                              CLI_CLIENT_ANSWER_MAX);
    }

    while (mcp_event_stream_next(events, &input)) {

        if (events->has_id && events->id_length <= MCP_EVENT_ID_MAX) {
            cli_http_keep(transfer->event_id, sizeof(transfer->event_id),
                          (mcp_str_t) { events->id, events->id_length });
        }

        if (events->has_retry) {
            transfer->retry_ms = events->retry_ms;
        }

        if (events->has_data && !cli_http_take_event(transfer)) {
            return false;
        }
    }

    /* an event may be endless, too */

    if (events->data_length > CLI_CLIENT_ANSWER_MAX) {
        transfer->failed = true;
        (void) cli_http_error(transfer->http, "an event is over %d bytes",
                              CLI_CLIENT_ANSWER_MAX);
        return false;
    }

    return true;
}


/* False when nothing more is wanted of the stream. */
static bool
cli_http_take_event(cli_transfer_t *transfer)
{
    mcp_str_t    data;
    cli_http_t  *http;

    http = transfer->http;
    data = mcp_event_stream_data(&transfer->events);

    if (transfer == http->events && http->endpoint == NULL
        && mcp_event_stream_type_is(&transfer->events, mcp_str("endpoint")))
    {
        http->endpoint = cli_copy((const char *) data.data, data.len);
        return true;
    }

    if (http->answer || data.len == 0
        || mcp_event_stream_truncated(&transfer->events)
        || !mcp_event_stream_type_is(&transfer->events, mcp_str("message"))
        || !cli_http_match(http, data))
    {
        return true;
    }

    return transfer == http->events;
}


bool
cli_http_match(cli_http_t *http, mcp_str_t text)
{
    bool          found;
    uint32_t      i;
    mcp_str_t     raw;
    mcp_json_t    json;

    if (http->id.len == 0) {
        return false;
    }

    mcp_arena_reset(&http->arena, 0);

    if (cli_http_json(http, text, &json) != MCP_OK) {
        return false;
    }

    found = false;
    i = 0;

    if (json.tokens[0].type == MCP_JSON_ARRAY) {
        for (i = 1; i < json.count && !found; /* void */ ) {
            found = cli_http_is_answer(http, &json, i);
            i = found ? i : json.tokens[i].next;
        }

    } else {
        found = cli_http_is_answer(http, &json, 0);
    }

    if (found) {
        raw = mcp_json_raw(&json, i);
        http->answer = cli_copy((const char *) raw.data, raw.len);
        http->answer_length = raw.len;
    }

    return found;
}


static bool
cli_http_is_answer(const cli_http_t *http, const mcp_json_t *json,
    uint32_t index)
{
    uint32_t  id;

    if (json->tokens[index].type != MCP_JSON_OBJECT) {
        return false;
    }

    id = mcp_json_member(json, index, mcp_str("id"));

    return id != MCP_JSON_NONE
           && mcp_str_equal(mcp_json_raw(json, id), http->id)
           && mcp_json_member(json, index, mcp_str("method"))
              == MCP_JSON_NONE;
}


mcp_rc_t
cli_http_json(cli_http_t *http, mcp_str_t text, mcp_json_t *json)
{
    mcp_rc_t      rc;
    mcp_error_t   error;
    mcp_limits_t  limits;

    cli_limits(&limits);

    rc = mcp_json_parse(json, text, &limits, &http->arena, &error);

    if (rc == MCP_OK && json->defect != MCP_JSON_VALID) {
        error.code = (int) json->defect;
        error.offset = json->defect_offset;
        rc = MCP_ERROR;
    }

    if (rc == MCP_ERROR) {
        (void) cli_http_error(http, "an answer is not JSON that all read "
                              "alike: %s at byte %zu",
                              mcp_json_code_name((mcp_json_code_t)
                                                 error.code), error.offset);
    }

    return rc;
}


cli_code_t
cli_http_error(cli_http_t *http, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(http->error, sizeof(http->error), format, args);
    va_end(args);

    return CLI_FAILED;
}


static uint64_t
cli_http_now(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}
