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


static void
test_ids(void)
{
    static const char  list[] = "{\"tools\":[{\"name\":\"no\"}]}";
    static const char  call[] = "{\"tools\":[{\"name\":\"no\"}]}";
    char               text[256], left[256];
    unsigned           i;

    static const struct {
        const char  *asked;
        const char  *answered;
        bool         same;
    } ids[] = {
        { "1", "1", true }, { "1", "1.0", true }, { "100", "1e2", true },
        { "1", "10e-1", true }, { "1", "2", false }, { "1", "\"1\"", false },
        { "\"1\"", "1", false }, { "\"a\"", "\"a\"", true },
        { "\"a\"", "\"\\u0061\"", true }, { "\"\\u0061/\"", "\"a\\/\"", true },
        { "\"\xc3\xa9\"", "\"\\u00e9\"", true }, { "\"a\"", "\"A\"", false },
        { "1", "null", false }, { "1", "[1]", false }, { "1", "true", false },
        { "\"\"", "\"\"", true }, { "-5", "-5", true }, { "0", "-0", true },
        { "9007199254740991", "9007199254740991.0", true },
        { "9007199254740991", "9007199254740990", false }
    };

    set("default deny; tool a { }");

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        requests[0].id = tap_str(ids[i].asked);
        asks(MCP_LIST_TOOLS);

        snprintf(text, sizeof(text), "{\"id\":%s,\"result\":%s}",
                 ids[i].answered, list);
        snprintf(left, sizeof(left), "{\"id\":%s,\"result\":%s}",
                 ids[i].answered, "{\"tools\":[]}");

        gives("a list by its shape or its id", text, left);
        ok(requests[0].answered == ids[i].same, "%s answers %s: %s",
           ids[i].answered, ids[i].asked, ids[i].same ? "yes" : "no");

        asks(MCP_LIST_NONE);
        snprintf(text, sizeof(text), "{\"id\":%s,\"result\":%s}",
                 ids[i].answered, call);
        gives("the answer of a call keeps its tools", text,
              ids[i].same ? text : left);
    }

    requests[0].id = mcp_str("1");
    asks(MCP_LIST_NONE);
    passes("the answer of a call may have any members",
           "{\"id\":1,\"result\":{\"Tools\":1,\"tools\":{},\"tools\":2}}");

    asks(MCP_LIST_PROMPTS);
    gives("tools among prompts",
          "{\"id\":1,\"result\":{\"tools\":[{\"name\":\"x\"}],\"prompts\":["
          "{\"name\":\"x\"}]}}",
          "{\"id\":1,\"result\":{\"tools\":[],\"prompts\":[]}}");
    gives("no id", "{\"result\":{\"tools\":[{\"name\":\"x\"}]}}",
          "{\"result\":{\"tools\":[]}}");
    gives("an unexpected list that cannot be read",
          "{\"id\":7,\"result\":{\"tools\":[7]}}", ERROR("7"));
    passes("an unexpected answer with other tools",
           "{\"id\":7,\"result\":{\"tools\":7}}");
    passes("an unexpected answer", "{\"id\":7,\"result\":{\"x\":7}}");
    passes("an unexpected result", "{\"id\":7,\"result\":7}");

    filter.request_count = 0;
    gives("tools on a stream of which nothing is known",
          "{\"id\":7,\"result\":{\"tools\":7}}", ERROR("7"));
    passes("prompts on such a stream",
           "{\"id\":7,\"result\":{\"prompts\":7,\"resources\":{},"
           "\"resourceTemplates\":null,\"completion\":[\"x\"]}}");
    gives("lists on such a stream",
          "{\"id\":7,\"result\":{\"prompts\":[{\"name\":\"x\"}]}}",
          "{\"id\":7,\"result\":{\"prompts\":[]}}");
    passes("what a server can do", "{\"id\":0,\"result\":{\"capabilities\":"
           "{\"tools\":{\"listChanged\":true}}}}");
}


static void
test_not_answers(void)
{
    set("default deny;");

    passes("a notification", "{\"jsonrpc\":\"2.0\",\"method\":\"x\","
           "\"params\":{\"tools\":[{\"name\":\"a\"}]}}");
    passes("a request of the server", "{\"jsonrpc\":\"2.0\",\"id\":1,"
           "\"method\":\"sampling/createMessage\",\"params\":{\"tools\":[{"
           "\"name\":\"a\"}]}}");
    ok(!requests[0].answered, "neither is an answer");
    passes("an error", "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":"
           "-32601,\"message\":\"no\",\"data\":{\"tools\":[1]}}}");
    ok(requests[0].answered && result.listed == 0, "which is an answer");
    passes("nothing", "{}");
    passes("no message", "7");
    passes("text", " \"tools\" ");
    passes("empty batch", " [ ] ");
    passes("batch of nothing", "[1,\"a\",null,{}]");
}


static void
test_withheld(void)
{
    unsigned  i;
    char      text[512];

    static const char *const  results[] = {
        "7", "null", "[]", "[{\"tools\":[]}]", "{}", "{\"tools\":null}",
        "{\"tools\":{}}", "{\"tools\":\"a\"}", "{\"Tools\":[]}",
        "{\"prompts\":[]}", "{\"tools\":[],\"TOOLS\":[]}",
        "{\"tools\":[],\"too\\u006cs\":[]}", "{\"tools\":[],\"tools\":[]}",
        "{\"tool\xc5\xbf\":[],\"tools\":[]}", "{\"too\\u004cs\":[]}",
        "{\"tools\":[],\"tools\\u0000\":[]}",
        "{\"tools\":[],\"t\\ud800\":[]}",
        "{\"tools\":[1]}", "{\"tools\":[[]]}", "{\"tools\":[null]}",
        "{\"tools\":[\"a\"]}", "{\"tools\":[{}]}",
        "{\"tools\":[{\"name\":\"a\"},{}]}", "{\"tools\":[{\"name\":1}]}",
        "{\"tools\":[{\"name\":null}]}", "{\"tools\":[{\"name\":[\"a\"]}]}",
        "{\"tools\":[{\"Name\":\"a\"}]}",
        "{\"tools\":[{\"name\":\"a\",\"NAME\":\"b\"}]}",
        "{\"tools\":[{\"n\\u0041me\":\"b\",\"name\":\"a\"}]}",
        "{\"tools\":[{\"name\":\"a\",\"name\":\"a\"}]}",
        "{\"tools\":[{\"name\":\"a\",\"n\\u0061me\":\"b\"}]}",
        "{\"tools\":[{\"name\":\"a\\u0000\"}]}",
        "{\"tools\":[{\"name\":\"\\udc00\"}]}",
        "{\"tools\":[{\"name\\u0000\":\"a\",\"name\":\"a\"}]}",
        "{\"tools\":[],\"cachescope\":\"public\"}",
        "{\"tools\":[],\"ttlMs\":1,\"ttlms\":2}",
        "{\"tools\":[],\"Completion\":{}}"
    };

    set("default deny; tool a { }");

    for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        asks(MCP_LIST_TOOLS);
        snprintf(text, sizeof(text), " {\"result\":%s,\"id\":1}\n",
                 results[i]);
        gives(results[i], text, " " ERROR("1") "\n");
        ok(result.refused == 1 && result.listed == 0 && result.removed == 0
           && requests[0].answered, "it is answered with an error");
    }

    gives("result and error", "{\"id\":1,\"result\":{\"tools\":[]},"
          "\"error\":{}}", ERROR("1"));
    passes("result and no error", "{\"id\":1,\"result\":{\"tools\":[]},"
           "\"error\":null}");
    gives("result and method", "{\"id\":1,\"result\":{},\"method\":\"x\"}",
          ERROR("1"));
    gives("result and no method", "{\"id\":1,\"result\":{\"tools\":[]},"
          "\"method\":null}", ERROR("1"));
    gives("two results", "{\"id\":1,\"result\":{\"tools\":[]},\"result\":{"
          "\"tools\":[]}}", ERROR("1"));
    gives("Result", "{\"id\":1,\"Result\":{\"tools\":[{\"name\":\"x\"}]}}",
          ERROR("1"));
    gives("two ids", "{\"id\":2,\"i\\u0064\":1,\"result\":{\"tools\":[]}}",
          ERROR("1"));
    gives("ID", "{\"id\":\"\\u00e9\",\"ID\":2,\"result\":{\"tools\":[]}}",
          ERROR("\"\\u00e9\""));
    gives("JSONRPC", "{\"JSONRPC\":\"2.0\",\"result\":{\"tools\":[]}}",
          NO_ID);
    gives("an id that is none", "{\"id\":{\"a\":1},\"result\":{\"tools\":["
          "1]}}", NO_ID);
    gives("id null", "{\"id\":null,\"result\":{\"tools\":[1]}}",
          ERROR("null"));
}


static void
test_batch(void)
{
    set("default deny; tool a { } prompt p { }");

    requests[1] = (mcp_list_request_t) { mcp_str("\"p\""), MCP_LIST_PROMPTS,
                                         false };
    requests[2] = (mcp_list_request_t) { mcp_str("3"), MCP_LIST_NONE, false };
    requests[3] = (mcp_list_request_t) { mcp_str("4"), MCP_LIST_TOOLS,
                                         false };
    filter.request_count = 4;

    gives("a batch", " [ {\"id\":3,\"result\":{\"tools\":[{\"name\":\"x\"}]}}"
          " ,\n{\"id\":1,\"result\":{\"tools\":[{\"name\":\"x\"},{\"name\":"
          "\"a\"}]}}, 7,{\"method\":\"m\"},{\"id\":\"\\u0070\",\"result\":{"
          "\"prompts\":[{\"name\":\"p\"},{\"name\":\"a\"}]}} ] ",
          " [ {\"id\":3,\"result\":{\"tools\":[{\"name\":\"x\"}]}}"
          " ,\n{\"id\":1,\"result\":{\"tools\":[{\"name\":"
          "\"a\"}]}}, 7,{\"method\":\"m\"},{\"id\":\"\\u0070\",\"result\":{"
          "\"prompts\":[{\"name\":\"p\"}]}} ] ");
    ok(result.listed == 2 && result.removed == 2 && result.refused == 0,
       "two lists of it");
    ok(requests[0].answered && requests[1].answered && requests[2].answered
       && !requests[3].answered, "three of four are answered");

    gives("one of a batch is withheld", "[{\"id\":1,\"result\":{\"tools\":["
          "{\"name\":\"x\"}]}},{\"id\":4,\"result\":{\"tools\":[{\"name\":"
          "\"x\"},{\"name\":\"a\"},{\"name\":1}]}} ,{\"id\":3,\"result\":{}}]",
          "[{\"id\":1,\"result\":{\"tools\":[]}}," ERROR("4")
          " ,{\"id\":3,\"result\":{}}]");
    ok(result.listed == 1 && result.removed == 1 && result.refused == 1,
       "the others are not");

    gives("a batch in a batch", "[{\"method\":\"m\"},[{\"id\":1,\"result\":{"
          "\"tools\":[{\"name\":\"x\"}]}}]]",
          "[{\"method\":\"m\"}," NO_ID "]");
}


static void
test_other_lists(void)
{
    set("default deny; hide hidden*; prompt p* { } tool t { }"
        "resource file:///docs/* { } resource db://one { }"
        "resource file:///docs/private/* { deny; }");

    asks(MCP_LIST_PROMPTS);
    gives("prompts", RESULT("1", "{\"prompts\":[{\"name\":\"t\"},{\"name\":"
          "\"p1\"},{\"name\":\"hidden\"}]}"),
          RESULT("1", "{\"prompts\":[{\"name\":\"p1\"}]}"));

    asks(MCP_LIST_RESOURCES);
    gives("resources", RESULT("1", "{\"resources\":["
          "{\"uri\":\"file:///docs/a\",\"name\":\"hidden\"},"
          "{\"uri\":\"file:///docs/../a\"},{\"uri\":\"file:///etc/passwd\"},"
          "{\"name\":\"file:///docs/b\",\"uri\":\"hidden:a\"},"
          "{\"uri\":\"file:///docs/private/a\"},{\"uri\":\"db://one\"}]}"),
          RESULT("1", "{\"resources\":["
          "{\"uri\":\"file:///docs/a\",\"name\":\"hidden\"},"
          "{\"uri\":\"db://one\"}]}"));
    gives("a resource without uri", RESULT("1", "{\"resources\":["
          "{\"name\":\"file:///docs/a\"}]}"), ERROR("1"));

    asks(MCP_LIST_TEMPLATES);
    gives("templates", RESULT("1", "{\"resourceTemplates\":["
          "{\"uriTemplate\":\"file:///docs/{a}\"},"
          "{\"uriTemplate\":\"file:///etc/{a}\"},"
          "{\"uriTemplate\":\"{+any}\"},"
          "{\"uriTemplate\":\"db://{name}\"}]}"),
          RESULT("1", "{\"resourceTemplates\":["
          "{\"uriTemplate\":\"file:///docs/{a}\"},"
          "{\"uriTemplate\":\"{+any}\"},"
          "{\"uriTemplate\":\"db://{name}\"}]}"));
    gives("a template without one", RESULT("1", "{\"resourceTemplates\":["
          "{\"uri\":\"file:///docs/a\"}]}"), ERROR("1"));
}


/* What is shown of a template, under each of two policies. */
static void
template(const char *uri, bool deny, bool allow)
{
    size_t                work;
    unsigned              i;
    policy_reports_t      reports;
    static unsigned       count;
    const mcp_policy_t  *policy;

    static const char *const  policies[] = {
        "default deny; hide secret:* *hidden*;"
        "resource file:///docs/* { } resource file:///docs/keys/* { deny; }"
        "resource db://*/rows/*.json { } resource one://exact/name { }"
        "resource who:* { require $role eq admin; }"
        "resource ~^rx://[a-z]+/ { } resource * { deny_if { require $role eq "
        "evil; } }",

        "default allow; hide secret:* *hidden*;"
        "resource file:///docs/keys/* { deny; }"
        "resource who:* { require $role eq admin; }"
    };

    count++;

    for (i = 0; i < 2; i++) {
        policy = policy_build(policies[i], &reports);
        work = 0;

        ok((mcp_evaluate_template(policy, tap_str(uri), &caller, &arena,
                                  &work)
            == MCP_OK) == (i == 0 ? deny : allow),
           "%s under default %s", uri, i == 0 ? "deny" : "allow");

        mcp_policy_destroy(policy);
        mcp_arena_reset(&arena, 4096);
    }
}


static void
test_templates(void)
{
    size_t               work;
    char                 text[1100];
    policy_reports_t     reports;
    const mcp_policy_t  *policy;

    set("default deny;");

    template("file:///docs/{name}", true, true);
    template("file:///docs/{name}.md", true, true);
    template("file:///{dir}/{name}", true, true);
    template("file:///docs/keys/{name}", false, false);
    template("file:///docs/{+path}", true, true);
    template("file:///etc/{name}", false, true);
    template("file:///docs", false, true);
    template("file:///docs/plain", true, true);
    template("{+uri}", true, true);
    template("{scheme}://x", false, true);
    template("{scheme}://y/rows/{id}.json", true, true);
    template("{scheme}://x/hidden", false, false);
    template("secret:{x}", false, false);
    template("sec{x}", false, true);
    template("db://{table}", true, true);
    template("db://t/rows/{id}.json", true, true);
    template("db://t/rows/{id}.xml", false, true);
    template("db://t/{what}", true, true);
    template("{a}.json", true, true);
    template("{a}.xml", true, true);
    template("one://{x}", true, true);
    template("one://exact/{x}", true, true);
    template("one://exact/n{x}e", true, true);
    template("one://exact/m{x}", false, true);
    template("one://{x}/other", false, true);
    template("two://{x}", false, true);
    template("who:{x}", false, false);
    template("rx://abc/{x}", true, true);
    template("rx://{x}/", false, true);
    template("file:///docs/{name", true, true);
    template("{name", false, true);
    template("name}", false, true);
    template("{a{b}}", false, true);
    template("", false, true);

    policy = policy_build("default deny; resource a* { }", &reports);
    memset(text, 'b', sizeof(text));
    text[0] = '{';
    text[1] = '}';

    work = 0;
    ok(mcp_evaluate_template(policy, (mcp_str_t) { (uint8_t *) text, 1024 },
                             &caller, &arena, &work)
       == MCP_OK, "a long template");
    ok(mcp_evaluate_template(policy, (mcp_str_t) { (uint8_t *) text, 1025 },
                             &caller, &arena, &work)
       == MCP_NO, "one that is too long");

    work = 16 * 1024 * 1024;
    ok(mcp_evaluate_template(policy, mcp_str("{x}"), &caller, &arena, &work)
       == MCP_ERROR, "too many templates");
    mcp_policy_destroy(policy);
}


static void
test_completion(void)
{
    set("default deny; hide secret* ~^x+$;");
    asks(MCP_LIST_COMPLETION);

    passes("values are free", RESULT("1", "{\"completion\":{\"values\":["
           "\"a\",\"\",\"not listed\"],\"total\":100,\"hasMore\":true}}"));
    ok(result.listed == 1, "they are a list");
    gives("but for hidden names", RESULT("1", "{\"completion\":{\"values\":[ "
          "\"secret1\", \"a\", \"\\u0078\", \"b\"], \"total\":10 ,"
          "\"hasMore\":true}}"),
          RESULT("1", "{\"completion\":{\"values\":[ "
          "\"a\", \"b\"], \"total\":8 ,\"hasMore\":true}}"));
    ok(result.removed == 2, "two are removed");
    gives("a total before them", RESULT("1", "{\"completion\":{\"total\":2,"
          "\"values\":[\"secret1\",\"a\"]}}"),
          RESULT("1", "{\"completion\":{\"total\":1,\"values\":[\"a\"]}}"));
    ok(result.removed == 1 && result.listed == 1, "one is removed");
    gives("a total that is none", RESULT("1", "{\"completion\":{\"values\":["
          "\"secret1\",\"a\"],\"total\":-1}}"),
          RESULT("1", "{\"completion\":{\"values\":[\"a\"],\"total\":1}}"));
    gives("a total that is too small", RESULT("1", "{\"completion\":{"
          "\"values\":[\"secret1\",\"a\"],\"total\":1}}"),
          RESULT("1", "{\"completion\":{\"values\":[\"a\"],\"total\":1}}"));
    gives("a total of another spelling", RESULT("1", "{\"completion\":{"
          "\"values\":[\"secret1\"],\"total\":1e2}}"),
          RESULT("1", "{\"completion\":{\"values\":[],\"total\":0}}"));

    gives("no completion", RESULT("1", "{}"), ERROR("1"));
    gives("one that is none", RESULT("1", "{\"completion\":[]}"), ERROR("1"));
    gives("no values", RESULT("1", "{\"completion\":{}}"), ERROR("1"));
    gives("values that are none", RESULT("1", "{\"completion\":{\"values\":"
          "{}}}"), ERROR("1"));
    gives("a value that is none", RESULT("1", "{\"completion\":{\"values\":"
          "[1]}}"), ERROR("1"));
    gives("Values", RESULT("1", "{\"completion\":{\"values\":[],\"Values\":"
          "[]}}"), ERROR("1"));

    filter.request_count = 0;
    gives("on a stream", RESULT("1", "{\"completion\":{\"values\":["
          "\"secret1\"]}}"), RESULT("1", "{\"completion\":{\"values\":[]}}"));
    passes("no completion on a stream", RESULT("1", "{\"completion\":{}}"));
}


static void
test_cache(void)
{
    set("default deny; tool a { }");

    passes("an older revision", RESULT("1", "{\"tools\":[]}"));
    passes("public", RESULT("1", "{\"resultType\":\"complete\",\"tools\":[],"
           "\"ttlMs\":60000,\"cacheScope\":\"public\"}"));
    gives("a long time", RESULT("1", "{\"tools\":[],\"ttlMs\": 60001 ,"
          "\"cacheScope\":\"public\"}"),
          RESULT("1", "{\"tools\":[],\"ttlMs\": 60000 ,"
          "\"cacheScope\":\"public\"}"));
    passes("no time", RESULT("1", "{\"ttlMs\":0,\"tools\":[]}"));
    passes("another spelling", RESULT("1", "{\"ttlMs\":6.0e4,\"tools\":[]}"));
    passes("minus zero", RESULT("1", "{\"ttlMs\":-0,\"tools\":[]}"));
    gives("all time", RESULT("1", "{\"ttlMs\":1e400,\"tools\":[]}"),
          RESULT("1", "{\"ttlMs\":60000,\"tools\":[]}"));
    gives("an overflow", RESULT("1", "{\"ttlMs\":18446744073709551617,"
          "\"tools\":[]}"), RESULT("1", "{\"ttlMs\":60000,\"tools\":[]}"));
    gives("negative", RESULT("1", "{\"ttlMs\":-1,\"tools\":[]}"),
          RESULT("1", "{\"ttlMs\":0,\"tools\":[]}"));
    gives("a fraction", RESULT("1", "{\"ttlMs\":0.5,\"tools\":[]}"),
          RESULT("1", "{\"ttlMs\":0,\"tools\":[]}"));
    gives("text", RESULT("1", "{\"ttlMs\":\"5\",\"tools\":[]}"),
          RESULT("1", "{\"ttlMs\":0,\"tools\":[]}"));
    gives("null", RESULT("1", "{\"ttlMs\":null,\"tools\":[]}"),
          RESULT("1", "{\"ttlMs\":0,\"tools\":[]}"));

    filter.private_view = true;
    filter.max_ttl_ms = 0;

    passes("private view of an older revision", RESULT("1", "{\"tools\":[]}"));
    passes("private", RESULT("1", "{\"ttlMs\":0,\"tools\":[],\"cacheScope\":"
           "\"priv\\u0061te\"}"));
    gives("both, in one and the other order",
          "[" RESULT("1", "{\"cacheScope\":\"public\",\"tools\":[{\"name\":"
          "\"b\"}],\"ttlMs\":9}") "," RESULT("1", "{\"ttlMs\":9,\"tools\":["
          "{\"name\":\"b\"}],\"x\":1,\"cacheScope\" : null }") "]",
          "[" RESULT("1", "{\"cacheScope\":\"private\",\"tools\":[],"
          "\"ttlMs\":0}") "," RESULT("1", "{\"ttlMs\":0,\"tools\":[],"
          "\"x\":1,\"cacheScope\" : \"private\" }") "]");
    gives("no scope", RESULT("1", "{ \"resultType\":\"complete\",\"tools\":[]"
          "}"), RESULT("1", "{\"cacheScope\":\"private\", \"resultType\":"
          "\"complete\",\"tools\":[]}"));
    gives("a time and no scope", RESULT("1", "{\"tools\":[],\"ttlMs\":1}"),
          RESULT("1", "{\"cacheScope\":\"private\",\"tools\":[],"
          "\"ttlMs\":0}"));

    passes("what is no list", RESULT("9", "{\"contents\":[],\"ttlMs\":9,"
           "\"cacheScope\":\"public\"}"));
    asks(MCP_LIST_COMPLETION);
    passes("nor is a completion", RESULT("1", "{\"completion\":{\"values\":[]"
           "},\"ttlMs\":9,\"cacheScope\":\"public\"}"));
}


static void
test_unreadable(void)
{
    set("default deny;");

    gives("syntax", "{\"a\":}", "(JSON syntax error at byte 5)");
    gives("truncated", "{\"id\":1,\"result\":{\"tools\":[",
          "(JSON text ends early at byte 27)");
    gives("two texts", "{} {}", "(data after the JSON value at byte 3)");
    gives("empty", "", "(no JSON value)");

    limits.depth = 4;
    passes("not too deep", RESULT("1", "{\"tools\":[]}"));
    gives("too deep", RESULT("1", "{\"tools\":[{\"name\":{}}]}"),
          "(JSON nested too deep at byte 51)");
    limits.depth = MCP_DEFAULT_DEPTH;
}


static void
test_refuse(void)
{
    mcp_str_t  text;

    set("default deny;");

    requests[1] = (mcp_list_request_t) { mcp_str("\"p\""), MCP_LIST_PROMPTS,
                                         false };
    requests[2] = (mcp_list_request_t) { mcp_str("3"), MCP_LIST_NONE, false };

    (void) mcp_list_refuse(&filter, false, &arena, &text);
    is_str(text, ERROR("1"), "one request");
    ok(requests[0].answered, "it is answered");

    (void) mcp_list_refuse(&filter, false, &arena, &text);
    is_str(text, NO_ID, "none is left");

    filter.request_count = 3;
    (void) mcp_list_refuse(&filter, false, &arena, &text);
    is_str(text, ERROR("\"p\""), "the second");

    requests[0].answered = false;
    requests[1].answered = false;
    (void) mcp_list_refuse(&filter, true, &arena, &text);
    is_str(text, "[" ERROR("1") "," ERROR("\"p\"") "]", "two of a batch");

    requests[1].answered = false;
    (void) mcp_list_refuse(&filter, true, &arena, &text);
    is_str(text, "[" ERROR("\"p\"") "]", "one of a batch");

    (void) mcp_list_refuse(&filter, true, &arena, &text);
    is_str(text, NO_ID, "none of a batch");

    requests[0].answered = false;
    requests[1].answered = false;
    (void) mcp_list_refuse(&filter, false, &arena, &text);
    is_str(text, "[" ERROR("1") "," ERROR("\"p\"") "]",
           "two cannot be one object");

    filter.request_count = 0;
    (void) mcp_list_refuse(&filter, false, &arena, &text);
    is_str(text, NO_ID, "nothing was asked");

    mcp_arena_reset(&arena, 4096);
}


static void
test_is_request(void)
{
    unsigned  i;

    static const char *const  yes[] = {
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"par",
        " { \"method\" : \"", "{\"id\":7,\"m\\u0065thod\":\"x\",\"params\":",
        "{\"params\":{\"result\":{}},\"method\":\"x\"}"
    };
    static const char *const  no[] = {
        "", "{", "{\"method\":", "{\"method\":null,\"result\":{",
        "{\"method\":1,", "{\"Method\":\"x\"", "{\"x\":{\"method\":\"x\"",
        "{\"result\":{\"method\":\"x\"}", "[{\"method\":\"x\"",
        "{\"result\":{},\"method\":\"x\"",
        ("{\"result\":1,\"result\":1,"
         "\"method\":\"x\""), "\"method\":\"x\"", "{\"a\":x,\"method\":\"x\"",
        "{\"error\":{},\"error\":{},\"method\":\"x\"", "{\"id\":1,\"result",
        "{}{\"method\":\"x\""
    };

    for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        ok(mcp_list_is_request(tap_str(yes[i])), "a request: %s", yes[i]);
    }

    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        ok(!mcp_list_is_request(tap_str(no[i])), "no request: %s", no[i]);
    }
}


/* Whatever the memory, all of it or nothing. */
static void
test_no_memory(void)
{
    size_t              cap;
    mcp_rc_t            rc;
    mcp_arena_t         small;
    mcp_allocator_t     allocator = TAP_ALLOCATOR;
    mcp_list_result_t   r;

    static const char  text[] =
        "[{\"id\":1.0,\"result\":{\"ttlMs\":99999,\"tools\":[{\"name\":"
        "\"\\u0061\"},{\"name\":\"b\"}]}},{\"id\":2,\"result\":{\"tools\":[1]"
        "}},{\"id\":3,\"result\":{\"Tools\":[]}}]";

    set("default deny; tool a { }");
    rc = MCP_NOMEM;

    for (cap = 0; rc != MCP_OK && cap < 65536; cap += 64) {
        mcp_arena_init(&small, &allocator, cap + 1);
        rc = mcp_list_filter(&filter, tap_str(text), &limits, &small, &r,
                             NULL);
        mcp_arena_destroy(&small);

        if (rc != MCP_OK && rc != MCP_NOMEM) {
            break;
        }
    }

    ok(rc == MCP_OK && cap > 1024, "no memory at %zu bytes", cap);
}


int
main(void)
{
    mcp_allocator_t  allocator = TAP_ALLOCATOR;

    mcp_arena_init(&arena, &allocator, 0);

    test_kinds();
    test_tools();
    test_hidden_only();
    test_ids();
    test_not_answers();
    test_withheld();
    test_batch();
    test_other_lists();
    test_templates();
    test_completion();
    test_cache();
    test_unreadable();
    test_refuse();
    test_is_request();
    test_no_memory();

    mcp_policy_destroy(filter.policy);
    mcp_arena_destroy(&arena);

    return tap_done();
}
