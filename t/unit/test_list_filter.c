/* What is left of answers with lists, and which are withheld. */

#include "tap.h"
#include "policy_text.h"
#include "mcp_list_filter.h"


#define WITHHELD  "\"error\":{\"code\":-32603,\"message\":\"The answer of "   \
                  "the server cannot be checked against the policy and is "   \
                  "withheld\"}}"
#define ERROR(id)  "{\"jsonrpc\":\"2.0\",\"id\":" id "," WITHHELD
#define NO_ID      "{\"jsonrpc\":\"2.0\"," WITHHELD

#define RESULT(id, result)                                                    \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}"

#define REQUESTS  4


static mcp_arena_t         arena;
static mcp_caller_t        caller;
static mcp_list_filter_t   filter;
static mcp_list_request_t  requests[REQUESTS];
static mcp_list_result_t   result;
static mcp_limits_t        limits = {
    MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS, MCP_DEFAULT_STRING_LENGTH,
    MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH, { 1, 2 }
};

static policy_variable_t  variables[] = {
    { "role", "user" }, { "broken", NULL }, { NULL, NULL }
};


/* Everything as if the request with id 1 asked for tools. */
static void
set(const char *text)
{
    policy_reports_t  reports;

    if (filter.policy != NULL) {
        mcp_policy_destroy(filter.policy);
    }

    memset(&filter, 0, sizeof(filter));
    memset(&caller, 0, sizeof(caller));
    memset(requests, 0, sizeof(requests));

    caller.resolve = policy_resolve;
    caller.resolve_data = variables;

    requests[0].id = mcp_str("1");
    requests[0].kind = MCP_LIST_TOOLS;

    filter.policy = policy_build(text, &reports);
    filter.caller = &caller;
    filter.max_ttl_ms = 60000;
    filter.requests = requests;
    filter.request_count = 1;

    if (filter.policy == NULL) {
        printf("Bail out! %s\n", reports.texts[0]);
        exit(1);
    }
}


static void
asks(mcp_list_kind_t kind)
{
    requests[0].kind = kind;
    requests[0].answered = false;
}


/* The pieces, one after the other. */
static const char *
filtered(const char *text)
{
    size_t       length;
    mcp_rc_t     rc;
    uint32_t     i;
    mcp_error_t  error;

    static char  buffer[65536];

    error.text[0] = '\0';
    rc = mcp_list_filter(&filter, tap_str(text), &limits, &arena, &result,
                         &error);

    if (rc != MCP_OK) {
        snprintf(buffer, sizeof(buffer), "(%s)",
                 rc == MCP_NOMEM ? "no memory" : error.text);
        return buffer;
    }

    length = 0;

    for (i = 0; i < result.piece_count; i++) {
        memcpy(buffer + length, result.pieces[i].data, result.pieces[i].len);
        length += result.pieces[i].len;
    }

    buffer[length] = '\0';

    if (length != result.length) {
        return "(bad length)";
    }

    if (result.changed != (strcmp(buffer, text) != 0)) {
        return "(bad changed)";
    }

    return buffer;
}


static void
gives(const char *name, const char *text, const char *expected)
{
    is_str(tap_str(filtered(text)), expected, name);
    mcp_arena_reset(&arena, 4096);
}


static void
passes(const char *name, const char *text)
{
    gives(name, text, text);
}


static void
test_kinds(void)
{
    ok(mcp_list_kind(MCP_METHOD_TOOLS_LIST) == MCP_LIST_TOOLS, "tools/list");
    ok(mcp_list_kind(MCP_METHOD_PROMPTS_LIST) == MCP_LIST_PROMPTS,
       "prompts/list");
    ok(mcp_list_kind(MCP_METHOD_RESOURCES_LIST) == MCP_LIST_RESOURCES,
       "resources/list");
    ok(mcp_list_kind(MCP_METHOD_RESOURCES_TEMPLATES_LIST)
       == MCP_LIST_TEMPLATES, "resources/templates/list");
    ok(mcp_list_kind(MCP_METHOD_COMPLETION_COMPLETE) == MCP_LIST_COMPLETION,
       "completion/complete");
    ok(mcp_list_kind(MCP_METHOD_TOOLS_CALL) == MCP_LIST_NONE
       && mcp_list_kind(MCP_METHOD_TASKS_LIST) == MCP_LIST_NONE
       && mcp_list_kind(MCP_METHOD_OTHER) == MCP_LIST_NONE,
       "other methods ask for no list");
}


static void
test_tools(void)
{
    set("default deny; tool get_* { } tool admin { require $role eq admin; }"
        "tool drop { deny; } tool amount { arg n lt 5; }");

    passes("all stay", RESULT("1", "{\"tools\":[{\"name\":\"get_a\"},"
           "{\"name\":\"amount\"}]}"));
    ok(result.listed == 1 && result.removed == 0 && result.refused == 0
       && requests[0].answered, "a list, nothing removed, answered");

    gives("some go", RESULT("1", "{\"tools\":[{\"name\":\"admin\"},"
          "{\"name\":\"get_a\"},{\"name\":\"drop\"},{\"name\":\"other\"},"
          "{\"name\":\"amount\"},{\"name\":\"x\"}],\"nextCursor\":\"\"}"),
          RESULT("1", "{\"tools\":[{\"name\":\"get_a\"},"
          "{\"name\":\"amount\"}],\"nextCursor\":\"\"}"));
    ok(result.listed == 1 && result.removed == 4 && result.refused == 0,
       "four removed");

    gives("all go", RESULT("1", "{\"tools\":[ {\"name\":\"a\"} ,"
          "{\"name\":\"b\"}\n],\"nextCursor\":\"p2\"}"),
          RESULT("1", "{\"tools\":[],\"nextCursor\":\"p2\"}"));

    passes("an empty list", RESULT("1", "{\"tools\":[ ]}"));

    gives("other bytes stay",
          "{ \"id\":1, \"x\":1e400,\"result\" : {\"a\":[0.10],\"tools\": [\n"
          "  {\"description\":\"\\u2028\xe2\x80\xa8\",\"n\":"
          "12345678901234567890,\n   \"name\":\"get\\u005fa\" },\n"
          "  {\"name\":\"no\",\"x\":[{\"name\":\"get_b\"}]},\n"
          "  {\"inputSchema\":{\"name\":\"no\",\"Name\":1},\"name\":"
          "\"get_b\"} ] ,\"_meta\":{\"tools\":7} }, \"jsonrpc\":\"2.0\" }\n",
          "{ \"id\":1, \"x\":1e400,\"result\" : {\"a\":[0.10],\"tools\": [\n"
          "  {\"description\":\"\\u2028\xe2\x80\xa8\",\"n\":"
          "12345678901234567890,\n   \"name\":\"get\\u005fa\" },\n"
          "  {\"inputSchema\":{\"name\":\"no\",\"Name\":1},\"name\":"
          "\"get_b\"} ] ,\"_meta\":{\"tools\":7} }, \"jsonrpc\":\"2.0\" }\n");

    gives("a tool that is listed twice",
          RESULT("1", "{\"tools\":[{\"name\":\"get_a\"},{\"name\":\"no\"},"
          "{\"name\":\"get_a\"},{\"name\":\"no\"}]}"),
          RESULT("1", "{\"tools\":[{\"name\":\"get_a\"},"
          "{\"name\":\"get_a\"}]}"));

    variables[0].value = "admin";
    passes("another caller sees more",
           RESULT("1", "{\"tools\":[{\"name\":\"admin\"}]}"));
    variables[0].value = "user";
}


static void
test_hidden_only(void)
{
    set("default deny; hide secret* file:///etc/*; tool a { deny; }");
    filter.hidden_only = true;

    gives("only what is hidden goes",
          RESULT("1", "{\"tools\":[{\"name\":\"a\"},{\"name\":\"secret1\"},"
          "{\"name\":\"b\"}]}"),
          RESULT("1", "{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"));

    asks(MCP_LIST_TEMPLATES);
    gives("templates alike", RESULT("1", "{\"resourceTemplates\":["
          "{\"uriTemplate\":\"file:///etc/{a}\"},"
          "{\"uriTemplate\":\"file:///{a}\"}]}"),
          RESULT("1", "{\"resourceTemplates\":["
          "{\"uriTemplate\":\"file:///{a}\"}]}"));

    set("default deny; hide *;");
    filter.hidden_only = true;
    gives("hide *", RESULT("1", "{\"tools\":[{\"name\":\"a\"}]}"),
          RESULT("1", "{\"tools\":[]}"));
}


int
main(void)
{
    mcp_allocator_t  allocator = TAP_ALLOCATOR;

    mcp_arena_init(&arena, &allocator, 0);

    test_kinds();
    test_tools();
    test_hidden_only();

    mcp_policy_destroy(filter.policy);
    mcp_arena_destroy(&arena);

    return tap_done();
}
