/* What a message is read as: method, target, fields; recorded traffic. */

#include "message.h"
#include "wire.h"


#define N  NOTE("notifications/initialized")


typedef struct {
    const char         *method;
    const char         *params;
    mcp_method_t        parsed;
    mcp_target_kind_t   kind;
    const char         *name;
    bool                housekeeping;
} method_case_t;

static const method_case_t  methods[] = {
    { "initialize", "{}", MCP_METHOD_INITIALIZE, 0, NULL, true },
    { "ping", "{}", MCP_METHOD_PING, 0, NULL, true },
    { "server/discover", "{}", MCP_METHOD_DISCOVER, 0, NULL, true },
    { "tools/list", "{}", MCP_METHOD_TOOLS_LIST, 0, NULL, true },
    { "tools/call", "{\"name\":\"a\\/b\"}", MCP_METHOD_TOOLS_CALL,
      MCP_TARGET_TOOL, "a/b", false },
    { "prompts/list", "{}", MCP_METHOD_PROMPTS_LIST, 0, NULL, true },
    { "prompts/get", "{\"name\":\"p\"}", MCP_METHOD_PROMPTS_GET,
      MCP_TARGET_PROMPT, "p", false },
    { "resources/list", "{}", MCP_METHOD_RESOURCES_LIST, 0, NULL, true },
    { "resources/templates/list", "{}",
      MCP_METHOD_RESOURCES_TEMPLATES_LIST, 0, NULL, true },
    { "resources/read", "{\"uri\":\"u:1\"}", MCP_METHOD_RESOURCES_READ,
      MCP_TARGET_RESOURCE, "u:1", false },
    { "resources/subscribe", "{\"uri\":\"u:1\"}",
      MCP_METHOD_RESOURCES_SUBSCRIBE, MCP_TARGET_RESOURCE, "u:1", false },
    { "resources/unsubscribe", "{\"uri\":\"u:1\"}",
      MCP_METHOD_RESOURCES_UNSUBSCRIBE, MCP_TARGET_RESOURCE, "u:1", false },
    { "subscriptions/listen", "{}", MCP_METHOD_SUBSCRIPTIONS_LISTEN, 0,
      NULL, true },
    { "completion/complete",
      "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"p\"}}",
      MCP_METHOD_COMPLETION_COMPLETE, MCP_TARGET_PROMPT, "p", true },
    { "completion/complete",
      "{\"ref\":{\"type\":\"ref\\/resource\",\"uri\":\"u:{x}\"}}",
      MCP_METHOD_COMPLETION_COMPLETE, MCP_TARGET_RESOURCE, "u:{x}", true },
    { "logging/setLevel", "{\"level\":\"info\"}",
      MCP_METHOD_LOGGING_SET_LEVEL, 0, NULL, true },
    { "tasks/get", "{\"taskId\":\"t\"}", MCP_METHOD_TASKS_GET,
      MCP_TARGET_TASK, "t", false },
    { "tasks/result", "{\"taskId\":\"t\"}", MCP_METHOD_TASKS_RESULT,
      MCP_TARGET_TASK, "t", false },
    { "tasks/cancel", "{\"taskId\":\"t\"}", MCP_METHOD_TASKS_CANCEL,
      MCP_TARGET_TASK, "t", false },
    { "tasks/list", "{}", MCP_METHOD_TASKS_LIST, 0, NULL, false },
    { "tasks/update", "{\"taskId\":\"t\"}", MCP_METHOD_TASKS_UPDATE,
      MCP_TARGET_TASK, "t", false },
    { "notifications/initialized", "{}", MCP_METHOD_NOTIFICATION, 0, NULL,
      true },
    { "notifications/cancelled", "{}", MCP_METHOD_NOTIFICATION, 0, NULL,
      true },
    { "notifications/progress", "{}", MCP_METHOD_NOTIFICATION, 0, NULL,
      true },
    { "notifications/roots/list_changed", "{}", MCP_METHOD_NOTIFICATION, 0,
      NULL, true },
    { "notifications/tasks/status", "{\"taskId\":\"t\"}",
      MCP_METHOD_NOTIFICATION, 0, NULL, true },
    { "notifications/other", "{}", MCP_METHOD_OTHER, 0, NULL, false },
    { "TOOLS/CALL", "{\"name\":\"a\"}", MCP_METHOD_OTHER, 0, NULL, false },
    { "tools/call ", "{\"name\":\"a\"}", MCP_METHOD_OTHER, 0, NULL, false },
    { "tools//call", "{\"name\":\"a\"}", MCP_METHOD_OTHER, 0, NULL, false },
    { "sampling/createMessage", "{}", MCP_METHOD_OTHER, 0, NULL, false }
};


static mcp_arena_t  arena;


static void
test_methods(void)
{
    char                  text[512];
    void                 *copy;
    size_t                i;
    mcp_rc_t              rc;
    mcp_body_t            body;
    mcp_headers_t         headers;
    const method_case_t  *m;
    const mcp_message_t  *message;

    headers = message_headers(NULL, NULL, NULL);

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        m = &methods[i];

        snprintf(text, sizeof(text),
                 "{\"jsonrpc\":\"2.0\",%s\"method\":\"%s\",\"params\":%s}",
                 strncmp(m->method, "notif", 5) == 0 ? "" : "\"id\":\"i\",",
                 m->method, m->params);

        rc = message_parse(&body, tap_str(text), &headers,
                           MCP_REVISIONS_ALL, &arena, &copy);

        if (ok(rc == MCP_OK && body.count == 1, "%s", m->method)) {
            message = &body.messages[0];

            is_str(message->method_name, m->method, "  name");
            ok(message->method == m->parsed, "  method");
            ok(message->target_count == (m->name != NULL), "  targets");
            ok(mcp_method_housekeeping(message->method) == m->housekeeping,
               "  housekeeping: %s", m->housekeeping ? "yes" : "no");
            ok(message->params != MCP_JSON_NONE, "  params");

            if (message->kind == MCP_MESSAGE_REQUEST) {
                is_str(message->id, "\"i\"", "  raw id");
            }

            if (m->name != NULL && message->target_count == 1) {
                is_str(message->targets[0].name, m->name, "  target");
                ok(message->targets[0].kind == m->kind, "  of its kind");
            }
        }

        free(copy);
        mcp_arena_reset(&arena, 0);
    }
}


static void
test_fields(void)
{
    void                 *copy;
    mcp_body_t            body;
    mcp_headers_t         headers;
    const mcp_message_t  *message;

    headers = message_headers(NULL, NULL, NULL);

    message_parse(&body, mcp_str(
        RPC("initialize") ",\"params\":{\"protocolVersion\":\"2025-11-25\","
        "\"clientInfo\":{\"name\":\"n\\u0041\",\"version\":\"1\"}}}"),
        &headers, MCP_REVISIONS_ALL, &arena, &copy);
    is_str(body.client_name, "nA", "client name of initialize");
    is_str(body.client_version, "1", "client version of initialize");
    is_str(body.initialize_version, "2025-11-25", "version of initialize");
    ok(body.revision == MCP_REVISION_NONE, "no revision without a header");
    free(copy);
    mcp_arena_reset(&arena, 0);

    message_parse(&body, mcp_str(
        RPC("initialize") ",\"params\":{\"protocolVersion\":1,"
        "\"clientInfo\":{\"name\":null,\"version\":\"\\u0000\"}}}"),
        &headers, MCP_REVISIONS_ALL, &arena, &copy);
    is_str(body.client_name, "", "client name that is no string");
    is_str(body.client_version, "", "client version with U+0000");
    is_str(body.initialize_version, "", "version that is no string");
    free(copy);
    mcp_arena_reset(&arena, 0);

    message_parse(&body, mcp_str(CALL(
        "\"name\":\"a\",\"task\":{\"ttl\":1},\"arguments\":{\"x\":1},"
        "\"_meta\":{\"traceparent\":\"00-1-2-01\",\"progressToken\":1}")),
        &headers, MCP_REVISIONS_ALL, &arena, &copy);
    message = &body.messages[0];
    ok(body.count == 1 && message->task, "task-augmented call");
    is_str(body.traceparent, "00-1-2-01", "traceparent");
    is_str(mcp_json_raw(&body.json, message->arguments), "{\"x\":1}",
           "arguments");
    ok(message->meta != MCP_JSON_NONE, "_meta");
    is_str(body.initialize_version, "", "no version of initialize");
    free(copy);
    mcp_arena_reset(&arena, 0);

    headers = message_headers("2026-07-28", "tools/call", "a");

    message_parse(&body, mcp_str(CALL(
        "\"name\":\"a\",\"task\":{\"ttl\":1},\"_meta\":{" VERSION "," CLIENT
        ",\"" PROTOCOL "clientInfo\":{\"name\":\"c\",\"version\":\"2\"},"
        "\"traceparent\":5}")),
        &headers, MCP_REVISIONS_ALL, &arena, &copy);
    message = &body.messages[0];
    ok(body.count == 1 && !message->task, "no tasks in 2026-07-28");
    ok(body.revision == MCP_2026_07_28, "revision of the header");
    is_str(body.client_name, "c", "client name of _meta");
    is_str(body.client_version, "2", "client version of _meta");
    is_str(body.traceparent, "", "traceparent that is no string");
    ok(message->arguments == MCP_JSON_NONE, "no arguments");
    free(copy);
    mcp_arena_reset(&arena, 0);
}


static void
test_listen(void)
{
    void                *copy;
    mcp_body_t           body;
    mcp_headers_t        headers;
    const mcp_target_t  *targets;

    headers = message_headers("2026-07-28", "subscriptions/listen", "x");

    message_parse(&body, mcp_str(
        RPC("subscriptions/listen") ",\"params\":{" META ","
        "\"notifications\":{\"toolsListChanged\":true,\"taskIds\":[\"t\"],"
        "\"resourceSubscriptions\":[\"u:1\",\"u:\\u0032\"]}}}"),
        &headers, MCP_REVISIONS_ALL, &arena, &copy);

    if (ok(body.count == 1 && body.messages[0].target_count == 3,
           "three entries to listen to"))
    {
        targets = body.messages[0].targets;
        is_str(targets[0].name, "u:1", "first resource");
        is_str(targets[1].name, "u:2", "second resource, unescaped");
        is_str(targets[2].name, "t", "task");
        ok(targets[0].kind == MCP_TARGET_RESOURCE
           && targets[1].kind == MCP_TARGET_RESOURCE
           && targets[2].kind == MCP_TARGET_TASK, "their kinds");
    }

    free(copy);
    mcp_arena_reset(&arena, 0);
}


/* The whole batch is read, each message with its own id and target. */

static void
test_batch(void)
{
    void           *copy;
    mcp_body_t      body;
    mcp_headers_t   headers;

    headers = message_headers("2025-03-26", NULL, NULL);

    message_parse(&body, mcp_str(
        "[" CALL("\"name\":\"a\"") "," N ",{\"jsonrpc\":\"2.0\",\"id\":\"b\","
        "\"method\":\"tools/call\",\"params\":{\"name\":\"c\"}}]"),
        &headers, MCP_REVISIONS_ALL, &arena, &copy);

    if (ok(body.batch && body.count == 3, "batch of three")) {
        is_str(body.messages[0].id, "1", "first id");
        is_str(body.messages[0].targets[0].name, "a", "first tool");
        ok(body.messages[1].kind == MCP_MESSAGE_NOTIFICATION
           && body.messages[1].id.len == 0, "notification between");
        is_str(body.messages[2].id, "\"b\"", "second id");
        is_str(body.messages[2].targets[0].name, "c", "second tool");
    }

    free(copy);
    mcp_arena_reset(&arena, 0);
}


static void
test_wire(void)
{
    void               *copy;
    size_t              i;
    mcp_rc_t            rc;
    mcp_body_t          body;
    mcp_headers_t       headers;
    const wire_post_t  *post;

    for (i = 0; i < sizeof(wire_posts) / sizeof(wire_posts[0]); i++) {
        post = &wire_posts[i];

        headers = message_headers(post->version, post->method, post->name);
        headers.session = message_header(post->session);

        rc = message_parse(&body, tap_str(post->body), &headers,
                           MCP_REVISIONS_ALL, &arena, &copy);

        ok(rc == MCP_OK && body.count == 1, "recorded: %.60s", post->body);

        if (rc != MCP_OK) {
            printf("#   %.*s\n", (int) body.invalid_text.len,
                   (const char *) body.invalid_text.data);
        }

        free(copy);
        mcp_arena_reset(&arena, 0);
    }
}


typedef struct {
    size_t  left;
} budget_t;


static void *
budget_alloc(void *data, size_t size)
{
    budget_t  *budget = data;

    if (budget->left == 0) {
        return NULL;
    }

    budget->left--;

    return malloc(size);
}


/* Whichever allocation fails, the body is neither accepted nor refused. */

static void
test_memory(void)
{
    void             *copy;
    size_t            n, nomem;
    mcp_rc_t          rc;
    budget_t          budget;
    mcp_body_t        body;
    mcp_arena_t       small;
    mcp_headers_t     headers;
    mcp_allocator_t   allocator;

    allocator.alloc = budget_alloc;
    allocator.free = tap_free;
    allocator.data = &budget;
    headers = message_headers(NULL, NULL, NULL);
    nomem = 0;
    rc = MCP_NOMEM;

    for (n = 0; n < 32 && rc == MCP_NOMEM; n++) {
        budget.left = n;
        mcp_arena_init(&small, &allocator, 0);
        rc = message_parse(&body, mcp_str(CALL("\"n\\u0061me\":\"a\"")),
                           &headers, MCP_REVISIONS_ALL, &small, &copy);
        nomem += rc == MCP_NOMEM;
        mcp_arena_destroy(&small);
        free(copy);
    }

    ok(rc == MCP_OK && nomem > 0, "no memory %d times, then accepted",
       (int) nomem);

    rc = MCP_NOMEM;
    nomem = 0;

    for (n = 64; n < 1 << 20 && rc == MCP_NOMEM; n += 256) {
        mcp_arena_init(&small, &message_allocator, n);
        rc = message_parse(&body, mcp_str("[" CALL("\"n\\u0061me\":\"a\"")
                                          "]"),
                           &headers, MCP_REVISIONS_ALL, &small, &copy);
        nomem += rc == MCP_NOMEM;
        mcp_arena_destroy(&small);
        free(copy);
    }

    ok(rc == MCP_OK && nomem > 0, "a cap that is too low, then one that "
       "is not");
}


int
main(void)
{
    mcp_arena_init(&arena, &message_allocator, 0);

    test_methods();
    test_fields();
    test_listen();
    test_batch();
    test_wire();
    test_memory();

    mcp_arena_destroy(&arena);

    return tap_done();
}
