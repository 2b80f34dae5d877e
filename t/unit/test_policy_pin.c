/*
 * mcp_pin and validate: policies with a pin file, what is wrong with them,
 * and calls.
 */

#include "tap.h"
#include "policy_text.h"

#include "mcp_evaluate.h"


#define HASH                                                                  \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* the hashes are those of sha256sum over the definitions in canonical form */
static const policy_file_t  files[] = {
    { "pins.json",
      "{\"version\": 1, \"tools\": {\"refund\": {\"sha256\": \"b3e5e0"
      "4b48fd1dd3c95b1177fb252f4a2b54f4dad731b8d3744e0af8d9aac093\", "
      "\"definition\": {\"name\": \"refund\", \"inputSchema\": {\"typ"
      "e\": \"object\", \"required\": [\"amount\"], \"properties\": {"
      "\"amount\": {\"type\": \"number\", \"maximum\": 100}, \"to\": "
      "{\"type\": \"object\", \"properties\": {\"iban\": {\"type\": "
      "\"string\"}}}}, \"additionalProperties\": false}}}, \"other\":"
      " \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789a"
      "bcdef\"}}" },
    { "short.json", "{\"refund\": \"" HASH "\"}" },
    { "empty.json", "{}" },
    { "wrong.json", "{\n  \"refund\": 5}" },
    { "plain.json",
      "{\"version\": 1, \"tools\": {\"plain\": {\"sha256\": \"2756a55"
      "7b4acbe939c3a6ab962fab42d2642449192b630f254e10e9dee30fc34\", "
      "\"definition\": {\"name\": \"plain\"}}}}" },
    { "bad.json",
      "{\"version\": 1, \"tools\": {\"bad\": {\"sha256\": \"d2c5d0477"
      "460f049c89b99b92b334db0259ec586132e23b2d723317c2f56309e\", \"d"
      "efinition\": {\"name\": \"bad\", \"inputSchema\": {\"type\": "
      "\"object\", \"unevaluatedProperties\": false, \"dependentSchem"
      "as\": {}, \"$dynamicRef\": \"#x\"}}}}}" },
    { NULL, NULL }
};


typedef struct {
    const char  *name;
    const char  *policy;
    const char  *expected;
} build_t;

static const build_t  builds[] = {
    { "nothing to say", "mcp_pin pins.json; tool refund { validate on; }",
      "" },
    { "unpinned=allow", "mcp_pin pins.json unpinned=allow; tool a { }", "" },
    { "hash alone", "mcp_pin short.json unpinned=hide; tool refund { }", "" },
    { "off asks for nothing", "tool a { validate off; }", "" },
    { "a glob asks for those it matches",
      "mcp_pin pins.json; tool re* { validate on; } tool o* { }", "" },
    { "a star under default deny asks for those that are listed",
      "mcp_pin pins.json; tool refund { } tool * { validate on; }", "" },

    { "twice", "mcp_pin pins.json;\nmcp_pin pins.json; tool a { }",
      "error 2: \"mcp_pin\" is duplicate in \"mcp_policy\", the first is at "
      "test:1" },
    { "in a tool", "tool a { mcp_pin pins.json; }",
      "error 1: \"mcp_pin\" is not allowed in \"tool\"" },
    { "no file", "mcp_pin; tool a { }",
      "error 1: invalid number of arguments in \"mcp_pin\", expected "
      "\"mcp_pin FILE [unpinned=allow|hide]\"" },
    { "an empty name", "mcp_pin ''; tool a { }",
      "error 1: \"mcp_pin\" needs the name of a pin file, which "
      "\"mcp-policy pin\" writes" },
    { "another parameter", "mcp_pin pins.json unpinned=deny; tool a { }",
      "error 1: invalid parameter \"unpinned=deny\" in \"mcp_pin\", expected "
      "\"unpinned=allow\" or \"unpinned=hide\"" },
    { "a missing file", "mcp_pin none.json; tool a { }",
      "error 1: no such file" },
    { "a wrong file", "tool a { } mcp_pin wrong.json;",
      "error 2:13: expected the SHA-256 of tool \"refund\", 64 hexadecimal "
      "digits in quotes" },
    { "an empty file", "tool a { } mcp_pin empty.json;",
      "warning 1: pin file \"empty.json\" pins no tool" },

    { "another value", "mcp_pin pins.json; tool refund {\nvalidate yes; }",
      "error 2: invalid value \"yes\" in \"validate\", it must be \"on\" or "
      "\"off\"" },
    { "validate twice", "tool a { validate off;\nvalidate on; }",
      "error 2: \"validate\" is duplicate in \"tool\", the first is at "
      "test:1" },
    { "validate in a prompt", "prompt a { validate on; }",
      "error 1: \"validate\" is not allowed in \"prompt\"" },
    { "validate beside allow", "tool a { allow; validate on; }",
      "error 1: \"validate\" cannot stand beside \"allow\" in \"tool\", "
      "which says that nothing is asked" },
    { "validate without pins", "tool a {\nvalidate on; }",
      "error 2: \"validate\" needs \"mcp_pin\" in this policy, a file with "
      "the definitions of the tools" },
    { "a tool that is not pinned",
      "tool a refund {\nvalidate on; }\nmcp_pin pins.json;",
      "error 2: \"validate\" of tool \"a\", which pin file \"pins.json\" "
      "does not have" },
    { "a hash without definition", "mcp_pin pins.json; tool * { allow; }\n"
      "tool o* { validate on; }",
      "error 2: \"validate\" of tool \"other\", of which pin "
      "file \"pins.json\" has no inputSchema" },
    { "a definition without inputSchema",
      "default allow; mcp_pin plain.json; tool * { validate on; }",
      "error 1: \"validate\" of tool \"plain\", of which pin file "
      "\"plain.json\" has no inputSchema" },
    { "a schema that is not supported",
      "mcp_pin bad.json; tool bad { validate on; }",
      "error 1:@: the inputSchema of tool \"bad\" cannot be used to validate "
      "arguments: @" },
    { "the same schema when nobody validates",
      "mcp_pin bad.json; tool bad { }", "" }
};


/* "@" in a pattern stands for any text. */
static bool
matches(const char *text, const char *pattern)
{
    size_t       n;
    const char  *at;

    at = strchr(pattern, '@');

    if (at == NULL) {
        return strcmp(text, pattern) == 0;
    }

    if (strncmp(text, pattern, (size_t) (at - pattern)) != 0) {
        return false;
    }

    for (n = (size_t) (at - pattern); text[n] != '\0'; n++) {
        if (matches(text + n, at + 1)) {
            return true;
        }
    }

    return at[1] == '\0';
}


static void
test_builds(void)
{
    char                 text[8192];
    size_t               i, used;
    unsigned             n;
    policy_reports_t     reports;
    const mcp_policy_t  *policy;

    for (i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
        policy = policy_build(builds[i].policy, &reports);
        used = 0;
        text[0] = '\0';

        for (n = 0; n < reports.count; n++) {
            used += (size_t) snprintf(text + used, sizeof(text) - used,
                                      "%s%s", n == 0 ? "" : "\n",
                                      reports.texts[n]);
        }

        if (!ok(matches(text, builds[i].expected)
                && (policy == NULL) == (reports.errors != 0),
                "%s", builds[i].name))
        {
            printf("# got      %s\n# expected %s\n", text,
                   builds[i].expected);
        }

        mcp_policy_destroy(policy);
    }
}


typedef struct {
    const char  *name;
    const char  *policy;
    const char  *changed;     /* name of the tool with another definition */
    const char  *tool;
    const char  *arguments;   /* NULL: it is asked whether it is shown */
    const char  *expected;
} call_t;

#define VALIDATE  "mcp_pin pins.json; tool * { validate on; } " \
                  "tool refund { } tool new { }"
#define UNPINNED                                                              \
    "unpinned (pin): tool \"new\" is not permitted, because its definition "  \
    "was not reviewed. Do not retry: an operator has to review and pin it."
#define CHANGED                                                               \
    "definition_changed (pin): tool \"refund\" is not permitted, because its "\
    "definition is not the one that was reviewed. Do not retry: an operator " \
    "has to review and pin it again."

static const call_t  calls[] = {
    { "a pinned tool", "mcp_pin pins.json; tool refund { }", "", "refund",
      "{}", "allow" },
    { "is shown", "mcp_pin pins.json; tool refund { }", "", "refund", NULL,
      "shown" },
    { "a tool that is not pinned", "mcp_pin pins.json; tool new { }", "",
      "new", "{}", "allow" },
    { "unpinned=hide", "mcp_pin pins.json unpinned=hide; tool new { }", "",
      "new", "{}", UNPINNED },
    { "is not shown", "mcp_pin pins.json unpinned=hide; tool new { }", "",
      "new", NULL, "not shown" },
    { "another definition", "mcp_pin short.json; tool refund { }", "refund",
      "refund", "{}", CHANGED },
    { "is not shown", "mcp_pin short.json; tool refund { }", "refund",
      "refund", NULL, "not shown" },
    { "of another tool", "mcp_pin pins.json; tool refund { }", "other",
      "refund", "{}", "allow" },
    { "hide comes first", "mcp_pin pins.json; hide refund; tool a { }",
      "refund", "refund", "{}",
      "hidden (hidden): tool \"refund\" is not permitted. Do not retry." },
    { "the default comes first", "mcp_pin pins.json unpinned=hide; tool a { }",
      "", "new", "{}",
      "not_listed (default): tool \"new\" is not permitted. Do not retry." },
    { "rules come after", "mcp_pin pins.json; tool refund { deny no; }",
      "refund", "refund", "{}", CHANGED },
    { "messages do not replace it",
      "mcp_pin pins.json; tool refund { message no; }", "refund", "refund",
      "{}", CHANGED },

    { "arguments that fit", VALIDATE, "", "refund", "{\"amount\":100}",
      "allow" },
    { "too large", VALIDATE, "", "refund", "{\"amount\":100.5}",
      "invalid_arguments *: argument \"amount\" of tool \"refund\" @ "
      "(maximum). Correct the arguments and try again." },
    { "missing", VALIDATE, "", "refund", "{}",
      "invalid_arguments *: argument \"amount\" of tool \"refund\" is "
      "required (required). Correct the arguments and try again." },
    { "one too many", VALIDATE, "", "refund", "{\"amount\":1,\"x\":1}",
      "invalid_arguments *: @ of tool \"refund\" @. "
      "Correct the arguments and try again." },
    { "inside of another", VALIDATE, "", "refund",
      "{\"amount\":1,\"to\":{\"iban\":5}}",
      "invalid_arguments *: argument \"/to/iban\" of tool \"refund\" @ "
      "(type). Correct the arguments and try again." },
    { "is shown", VALIDATE, "", "refund", NULL, "shown" },
    { "validate without a schema", VALIDATE, "", "new", "{}",
      "unpinned *: tool \"new\" is not permitted, because its definition was "
      "not reviewed. Do not retry: an operator has to review and pin it." },
    { "is not shown", VALIDATE, "", "new", NULL, "not shown" },
    { "written order",
      "mcp_pin pins.json; tool refund { arg amount lte 5; validate on; }", "",
      "refund", "{\"amount\":1000}",
      "condition refund: argument \"amount\" must be at most 5" },
    { "and the other way round",
      "mcp_pin pins.json; tool refund { validate on; arg amount lte 5; }", "",
      "refund", "{\"amount\":1000}", "invalid_arguments refund: @" }
};


static bool
pin_changed(void *data, const mcp_policy_t *policy, const mcp_pin_t *pin)
{
    return mcp_pin_find(policy->pins, pin->name) == pin
           && mcp_str_equal(pin->name, tap_str(data));
}


static void
judge(const call_t *call, const mcp_policy_t *policy, mcp_arena_t *arena,
    char *text, size_t size)
{
    char             message[512];
    mcp_body_t       body;
    mcp_limits_t     limits = { MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS,
                                MCP_DEFAULT_STRING_LENGTH,
                                MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH,
                                { 3, 4 } };
    mcp_caller_t     caller;
    mcp_headers_t    headers;
    mcp_verdict_t    verdict;
    mcp_decision_t  *d;

    memset(&caller, 0, sizeof(caller));
    memset(&headers, 0, sizeof(headers));

    caller.pin_changed = pin_changed;
    caller.pin_changed_data = (void *) call->changed;

    if (call->arguments == NULL) {
        snprintf(text, size, "%s",
                 mcp_evaluate_visible(policy, MCP_TARGET_TOOL,
                                      tap_str(call->tool), &caller, arena)
                 == MCP_OK ? "shown" : "not shown");
        return;
    }

    snprintf(message, sizeof(message), "{\"jsonrpc\":\"2.0\",\"id\":1,"
             "\"method\":\"tools/call\",\"params\":{\"name\":\"%s\","
             "\"arguments\":%s}}", call->tool, call->arguments);

    if (mcp_body_parse(&body, tap_str(message), &headers, MCP_REVISIONS_ALL,
                       &limits, arena)
        != MCP_OK
        || mcp_evaluate(policy, &body, &caller, NULL, arena, &verdict)
           != MCP_OK)
    {
        snprintf(text, size, "failed");
        return;
    }

    d = &verdict.decisions[0];

    if (d->action == MCP_ALLOW) {
        snprintf(text, size, "allow");
        return;
    }

    snprintf(text, size, "%s %.*s: %.*s", mcp_reason_name(d->reason),
             (int) d->rule.len, (const char *) d->rule.data,
             (int) d->text.len, (const char *) d->text.data);

    ok(d->action == MCP_DENY
       && d->not_shown == (d->reason == MCP_REASON_HIDDEN
                           || d->reason == MCP_REASON_NOT_LISTED),
       "%s is denied", call->name);
}


static void
test_calls(void)
{
    char                 text[2048];
    size_t               i;
    mcp_arena_t          arena;
    policy_reports_t     reports;
    const mcp_policy_t  *policy;

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        policy = policy_build(calls[i].policy, &reports);

        if (policy == NULL) {
            ok(false, "%s: %s", calls[i].name, reports.texts[0]);
            continue;
        }

        mcp_arena_init(&arena, &policy_allocator, 0);
        judge(&calls[i], policy, &arena, text, sizeof(text));

        if (!ok(matches(text, calls[i].expected), "%s", calls[i].name)) {
            printf("# got      %s\n# expected %s\n", text,
                   calls[i].expected);
        }

        mcp_arena_destroy(&arena);
        mcp_policy_destroy(policy);
    }
}


/* A front end without files. */
static void
test_no_files(void)
{
    mcp_place_t            place = { .file = "test", .line = 1 };
    mcp_frontend_t         frontend = { .report = policy_report,
                                        .compile_text = policy_compile_text };
    policy_reports_t       reports;
    mcp_policy_builder_t  *builder;

    memset(&reports, 0, sizeof(reports));
    frontend.data = &reports;

    builder = mcp_policy_builder_create(mcp_str("p"), &place,
                                        &policy_allocator, &frontend,
                                        policy_hash_key);
    policy_feed(builder, "mcp_pin pins.json;");

    is_str(tap_str(reports.texts[0]),
           "error 1: \"mcp_pin\" cannot be used here, because this policy "
           "cannot name files", "without files");

    mcp_policy_builder_destroy(builder);
}


int
main(void)
{
    policy_files = files;

    test_builds();
    test_calls();
    test_no_files();

    return tap_done();
}
