/* Risk classes: where words count, what arguments say, what hints may do. */

#include "tap.h"
#include "mcp_risk.h"


static mcp_arena_t  arena;

static size_t add(char *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));


static size_t
add(char *p, const char *format, ...)
{
    int      n;
    va_list  args;

    va_start(args, format);
    n = vsnprintf(p, 128, format, args);
    va_end(args);

    return (size_t) n;
}


static void
classify(const char *definition, mcp_risk_t *risk)
{
    mcp_json_t    json;
    mcp_limits_t  limits;

    memset(&limits, 0, sizeof(limits));
    limits.depth = 512;
    limits.tokens = 200000;
    limits.string_length = 1000000;
    limits.number_length = 100;

    mcp_arena_reset(&arena, 0);

    if (mcp_json_parse(&json, tap_str(definition), &limits, &arena, NULL)
        != MCP_OK
        || mcp_risk_classify(&json, 0, &arena, risk) != MCP_OK)
    {
        memset(risk, 0, sizeof(mcp_risk_t));
    }
}


static bool
has_evidence(const mcp_risk_t *risk, const char *text)
{
    uint32_t  i;

    for (i = 0; i < risk->count; i++) {
        if (mcp_str_equal(risk->evidence[i].text, tap_str(text))) {
            return true;
        }
    }

    return false;
}


/* The class of a definition, and evidence that must be there unless NULL. */

static void
check(const char *definition, const char *class, const char *evidence)
{
    uint32_t    i;
    mcp_risk_t  risk;

    classify(definition, &risk);

    is_str(tap_str(mcp_risk_class_name(risk.class)), class, definition);

    if (evidence && !ok(has_evidence(&risk, evidence), "%s", evidence)) {
        for (i = 0; i < risk.count; i++) {
            printf("#   %.*s\n", (int) risk.evidence[i].text.len,
                   (const char *) risk.evidence[i].text.data);
        }
    }
}


static void
name(const char *name, const char *class, const char *evidence)
{
    char  definition[512];

    snprintf(definition, sizeof(definition), "{\"name\":\"%s\"}", name);
    check(definition, class, evidence);
}


static void
description(const char *text, const char *class)
{
    char  definition[1024];

    snprintf(definition, sizeof(definition),
             "{\"name\":\"x\",\"description\":\"%s\"}", text);
    check(definition, class, NULL);
}


/* One argument of a tool whose name says Read. */

static void
argument(const char *argument, const char *schema, const char *class,
    const char *evidence)
{
    char  definition[1024];

    snprintf(definition, sizeof(definition),
             "{\"name\":\"get_x\",\"inputSchema\":{\"type\":\"object\","
             "\"properties\":{\"%s\":%s}}}", argument, schema);
    check(definition, class, evidence);
}


static void
test_names(void)
{
    name("get_user", "Read", "name contains 'get'");
    name("listUsers", "Read", "name contains 'list'");
    name("users.list", "Read", "name contains 'list'");
    name("search-docs", "Read", NULL);
    name("HTTPGet", "Read", NULL);
    name("READ_FILE", "Read", NULL);
    name("create_smtp_policy", "Write", NULL);
    name("send_mail", "Write", NULL);
    name("send_message", "Write", NULL);
    name("send_email", "Execute", "name contains 'send email'");
    name("sendEmail", "Execute", "name contains 'send email'");
    name("smartlead_reconnect_failed_email_accounts", "Execute", NULL);
    name("run_workflow", "Execute", NULL);
    name("workflow_run", "Execute", NULL);
    name("delete_file", "Destructive", "name contains 'delete'");
    name("deleteAllUsers", "Destructive", NULL);
    name("files/remove", "Destructive", NULL);
    name("drop-table", "Destructive", NULL);
    name("create_refund", "Financial", "name contains 'refund'");
    name("list_invoices", "Financial", "name contains 'invoices'");
    name("manage_notification_subscription", "Financial", NULL);
    name("payBill", "Financial", NULL);

    /* the most severe wins */

    name("get_or_create_user", "Write", NULL);
    name("create_and_run", "Execute", NULL);
    name("list_and_delete", "Destructive", NULL);
    name("delete_invoice", "Destructive", NULL);
    name("cancel_subscription", "Financial", NULL);

    /* verbs that are nouns behind a verb that reads */

    name("get_workflow_run", "Read", NULL);
    name("list_comments", "Read", NULL);
    name("get_comment", "Read", NULL);
    name("get_test", "Read", NULL);
    name("get_and_set", "Write", NULL);
    name("list_deleted_items", "Read", NULL);
    name("get_delete_markers", "Destructive", NULL);

    /* nothing known */

    name("frobnicate", "Execute", "nothing known in name and description");
    name("", "Execute", "nothing known in name and description");
    name("x1", "Execute", NULL);
    name("deletefile", "Destructive", "name has 'delete' in 'deletefile'");
    name("createuser", "Execute", NULL);
    name("getfile", "Execute", NULL);
    name("get2delete3", "Destructive", NULL);
    name("averyveryveryverylongwordwithoutanymeaning", "Execute", NULL);

    /* what is not ASCII may say anything */

    name("\xd1\x83\xd0\xb4_list", "Execute",
         "name has characters that are not ASCII");
    name("del\xe2\x80\x8b" "ete_list", "Destructive", NULL);

    name("get_api_token", "Read", "name speaks of 'token'");
}


static void
test_descriptions(void)
{
    description("Get the time", "Read");
    description("Returns the time.", "Read");
    description("Retrieves and queries documentation", "Read");
    description("This tool allows you to delete a file", "Destructive");
    description("A tool for deleting files", "Destructive");
    description("Create a file or completely overwrite an existing one",
                "Destructive");
    description("List, create, close, or remove a tab", "Destructive");
    description("Copies a file", "Write");
    description("Lists posts and comments", "Read");
    description("Get a file. Delete it with another tool.", "Read");
    description("Get a thing that was deleted", "Read");
    description("Get a file. This permanently deletes the file.",
                "Destructive");
    description("Get a file. It does not permanently delete it.", "Read");
    description("Get a file. This action cannot be undone.", "Destructive");
    description("Get a file. Non-irreversible.", "Read");
    description("Get it. Executes arbitrary code.", "Execute");
    description("Get it. Transfers money between accounts.", "Financial");
    description("Get rid of all files", "Destructive");
    description("The time of day", "Execute");
    description("", "Execute");

    check("{\"name\":\"get_x\",\"description\":\"Deletes x\"}",
          "Destructive", "description says 'deletes'");
    check("{\"name\":\"get_x\",\"description\":\"a\\u0000b\"}", "Execute",
          "the description cannot be read");
    check("{\"name\":\"get_x\",\"description\":5}", "Execute",
          "the description cannot be read");
}


static void
test_arguments(void)
{
    argument("url", "{\"type\":\"string\"}", "Read",
             "argument 'url' takes a URL");
    argument("imageUrl", "{\"type\":\"string\"}", "Read",
             "argument 'imageUrl' takes a URL");
    argument("x", "{\"type\":\"string\",\"format\":\"uri\"}", "Read",
             "argument 'x' takes a URL");
    argument("attachments", "{\"type\":\"array\",\"items\":{\"type\":"
             "\"object\",\"properties\":{\"url\":{\"type\":\"string\"}}}}",
             "Read", "argument 'attachments[].url' takes a URL");
    argument("path", "{\"type\":\"string\"}", "Read",
             "argument 'path' takes a file-system path");
    argument("body_html", "{\"type\":\"string\"}", "Read",
             "argument 'body_html' takes raw HTML");
    argument("template", "{\"type\":\"string\"}", "Read",
             "argument 'template' takes a template");
    argument("query", "{\"type\":\"string\"}", "Read",
             "argument 'query' takes a freeform query");
    argument("query", "{\"description\":\"a SQL query\"}", "Execute",
             "argument 'query' takes a freeform query");
    argument("sql", "{\"type\":\"string\"}", "Execute",
             "argument 'sql' takes a query");
    argument("command", "{\"type\":\"string\"}", "Execute",
             "argument 'command' takes a command");
    argument("command", "{\"type\":\"array\",\"items\":{\"type\":"
             "\"string\"}}", "Execute",
             "argument 'command[]' takes a command");
    argument("command", "{\"enum\":[\"list\",\"get\"]}", "Read",
             "argument 'command' may be 'list'");
    argument("action", "{\"type\":\"string\",\"enum\":[\"get\","
             "\"delete_all\",\"set\"]}", "Destructive",
             "argument 'action' may be 'delete'");
    argument("code", "{\"type\":\"string\"}", "Execute",
             "argument 'code' takes code");
    argument("code", "{\"type\":\"string\",\"description\":\"Python to"
             " run\"}", "Execute", "argument 'code' takes code");
    argument("code", "{\"type\":\"string\",\"description\":\"IATA code of"
             " the airport\"}", "Read", NULL);
    argument("code", "{\"type\":\"string\",\"maxLength\":3}", "Read", NULL);
    argument("code", "{\"type\":\"string\",\"maxLength\":3000}", "Execute",
             NULL);
    argument("code", "{\"type\":\"integer\"}", "Read", NULL);
    argument("code", "{\"const\":\"x\"}", "Read", NULL);
    argument("script", "{\"anyOf\":[{\"type\":\"string\"},"
             "{\"type\":\"null\"}]}", "Execute",
             "argument 'script' takes code");
    argument("script", "{\"type\":[\"string\",\"null\"]}", "Execute", NULL);
    argument("files", "{\"additionalProperties\":{\"properties\":"
             "{\"sql\":{\"type\":\"string\"}}}}", "Execute",
             "argument 'files.*.sql' takes a query");

    check("{\"name\":\"query_database\",\"inputSchema\":{\"properties\":"
          "{\"query\":{\"type\":\"string\"}}}}", "Execute", NULL);
    check("{\"name\":\"get_x\",\"inputSchema\":{\"properties\":{\"a\":{},"
          "\"b\":{},\"c\":{},\"d\":{},\"e\":{},\"f\":{},\"g\":{},\"h\":{},"
          "\"i\":{},\"j\":{},\"k\":{}}}}", "Read", "11 arguments");
}


static void
test_references(void)
{
    check("{\"name\":\"get_x\",\"inputSchema\":{\"properties\":{\"a\":"
          "{\"$ref\":\"#/$defs/A\"}},\"$defs\":{\"A\":{\"properties\":"
          "{\"sql\":{\"type\":\"string\"},\"again\":{\"$ref\":\"#/$defs/A\"}"
          "}}}}}", "Execute", "argument 'a.sql' takes a query");
    check("{\"name\":\"get_x\",\"inputSchema\":{\"properties\":{\"a\":"
          "{\"$ref\":\"#/definitions/A\"}},\"definitions\":{\"A\":"
          "{\"type\":\"array\",\"items\":{\"$ref\":\"#/definitions/A\"}}}}}",
          "Read", NULL);
    check("{\"name\":\"get_x\",\"inputSchema\":{\"properties\":{\"a\":"
          "{\"$ref\":\"https://example.com/x\"}}}}", "Execute",
          "the input schema cannot be read whole");
    check("{\"name\":\"get_x\",\"inputSchema\":{\"properties\":{\"a\":"
          "{\"$ref\":\"#/$defs/B\"}},\"$defs\":{}}}", "Execute",
          "the input schema cannot be read whole");

    /* what is no schema says nothing */

    check("{\"name\":\"get_x\",\"inputSchema\":[1]}", "Read", NULL);
    check("{\"name\":\"get_x\",\"inputSchema\":{\"properties\":[1],"
          "\"items\":3,\"anyOf\":{}}}", "Read", NULL);
    check("{\"name\":\"get_x\",\"inputSchema\":{\"properties\":{\"a\":1,"
          "\"b\":null,\"url\":[]}}}", "Read", NULL);
}


static void
test_large_schemas(void)
{
    char        *definition, *p;
    uint32_t     i;
    mcp_risk_t   risk;

    definition = malloc(400000);
    p = definition;

    p += add(p, "{\"name\":\"get_x\",\"inputSchema\":");

    for (i = 0; i < 200; i++) {
        p += add(p, "{\"properties\":{\"aaaaaaaaaa\":");
    }

    p += add(p, "{}");

    for (i = 0; i < 200; i++) {
        p += add(p, "}}");
    }

    (void) add(p, "}");

    classify(definition, &risk);
    ok(risk.class == MCP_RISK_READ, "a deep schema");

    p = definition;
    p += add(p, "{\"name\":\"get_x\",\"inputSchema\":"
             "{\"properties\":{\"a\":{}");

    for (i = 0; i < 5000; i++) {
        p += add(p, ",\"a%u\":{}", (unsigned) i);
    }

    (void) add(p, "}}}");

    classify(definition, &risk);
    ok(risk.class == MCP_RISK_EXECUTE, "a wide schema is not trusted");
    ok(has_evidence(&risk, "the input schema cannot be read whole"), "said");

    p = definition;
    p += add(p, "{\"name\":\"get_x\",\"inputSchema\":"
             "{\"properties\":{\"sql\":{}");

    for (i = 0; i < 100; i++) {
        p += add(p, ",\"a%u_url\":{}", (unsigned) i);
    }

    (void) add(p, "}}}");

    classify(definition, &risk);
    ok(risk.count == MCP_RISK_EVIDENCE_MAX, "evidence has a limit");
    ok(risk.class == MCP_RISK_EXECUTE
       && has_evidence(&risk, "argument 'sql' takes a query"),
       "but what decides is kept");

    free(definition);
}


static void
test_annotations(void)
{
    check("{\"name\":\"get_x\",\"annotations\":{\"destructiveHint\":true}}",
          "Destructive", "annotation destructiveHint is true");
    check("{\"name\":\"get_x\",\"annotations\":{\"readOnlyHint\":false}}",
          "Write", "annotation readOnlyHint is false");
    check("{\"name\":\"delete_x\",\"annotations\":{\"readOnlyHint\":true,"
          "\"destructiveHint\":false}}", "Destructive", NULL);
    check("{\"name\":\"frobnicate\",\"annotations\":{\"readOnlyHint\":true}}",
          "Execute", NULL);
    check("{\"name\":\"frobnicate\",\"annotations\":{\"readOnlyHint\":"
          "false}}", "Execute", NULL);
    check("{\"name\":\"get_x\",\"annotations\":{\"readOnlyHint\":true,"
          "\"destructiveHint\":true}}", "Destructive", NULL);
    check("{\"name\":\"get_x\",\"annotations\":{\"destructiveHint\":"
          "\"true\"}}", "Read", NULL);
    check("{\"name\":\"get_x\",\"annotations\":[]}", "Read", NULL);
    check("{\"name\":\"get_x\",\"annotations\":{}}", "Read", NULL);
}


/* A name alone tells what it tells in a definition, and never less. */

static void
test_name_alone(void)
{
    size_t      i;
    mcp_risk_t  risk;

    static const char *const  names[][2] = {
        { "get_user", "Read" },
        { "createIssue", "Write" },
        { "delete_all", "Destructive" },
        { "send_payment", "Financial" },
        { "xyzzy", "Execute" },
        { "", "Execute" },
        { "l\xc3\xa4sen", "Execute" }
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        mcp_arena_reset(&arena, 0);

        ok(mcp_risk_classify_name(tap_str(names[i][0]), &arena, &risk)
           == MCP_OK, "the name alone");
        is_str(tap_str(mcp_risk_class_name(risk.class)), names[i][1],
               names[i][0]);
    }
}


static void
test_others(void)
{
    check("{}", "Execute", NULL);
    check("[]", "Execute", "the definition is no object");
    check("5", "Execute", NULL);
    check("{\"name\":5}", "Execute", NULL);
    check("{\"name\":\"\\u0067et_x\"}", "Read", NULL);

    is_str(tap_str(mcp_risk_severity(MCP_RISK_READ)), "Low", "Read");
    is_str(tap_str(mcp_risk_severity(MCP_RISK_WRITE)), "Medium", "Write");
    is_str(tap_str(mcp_risk_severity(MCP_RISK_EXECUTE)), "High", "Execute");
    is_str(tap_str(mcp_risk_severity(MCP_RISK_FINANCIAL)), "Critical",
           "Financial");
    is_str(tap_str(mcp_risk_severity(MCP_RISK_DESTRUCTIVE)), "Critical",
           "Destructive");
}


int
main(void)
{
    static const mcp_allocator_t  allocator = TAP_ALLOCATOR;

    mcp_arena_init(&arena, &allocator, 0);

    test_names();
    test_descriptions();
    test_arguments();
    test_references();
    test_large_schemas();
    test_annotations();
    test_name_alone();
    test_others();

    mcp_arena_destroy(&arena);

    return tap_done();
}
