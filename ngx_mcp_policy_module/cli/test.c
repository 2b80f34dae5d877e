#include <errno.h>
#include <stdlib.h>

#include "case.h"
#include "load.h"
#include "mcp_reply.h"
#include "mcp_table.h"
#include "reply.h"
#include "text.h"


#define CLI_TEST_COUNTERS  100000
#define CLI_TEST_START_MS  1768473000000     /* 2026-01-15T10:30:00Z */


/* Keys protect counters from strangers; there are none here. */
static const uint64_t  cli_test_key[2] = { 1, 2 };


/* Everything of one run, and what became of the current case. */
typedef struct {
    const char          *path;
    unsigned             line;
    const mcp_policy_t  *policy;
    mcp_store_t          store;
    mcp_arena_t          arena;       /* of the current case */
    uint64_t             now_ms;
    unsigned             passed;
    unsigned             failed;

    cli_case_t           c;
    mcp_str_t            session;
    mcp_body_t           body;
    bool                 invalid;
    mcp_verdict_t        verdict;
    mcp_decision_t       decision;    /* of the body as a whole */
    mcp_str_t            text;        /* that the agent gets */
} cli_test_t;


static cli_code_t cli_test_run(const mcp_policy_t *policy, const char *path);
static cli_code_t cli_test_lines(cli_test_t *test, mcp_str_t text);
static mcp_rc_t cli_test_line(cli_test_t *test, mcp_str_t line,
    mcp_error_t *error);
static mcp_rc_t cli_test_parse(cli_test_t *test);
static mcp_rc_t cli_test_headers(cli_test_t *test, mcp_headers_t *headers,
    bool *modern);
static void cli_test_set_header(mcp_header_t *header, mcp_str_t value);
static mcp_rc_t cli_test_content(cli_test_t *test);
static mcp_rc_t cli_test_evaluate(cli_test_t *test);
static void cli_test_settle(cli_test_t *test);
static mcp_rc_t cli_test_reply(cli_test_t *test);
static void cli_test_compare(cli_test_t *test);
static void cli_test_print_dry_run(const cli_test_t *test);
static void cli_test_print_place(const cli_test_t *test);
static void cli_test_print_cause(mcp_str_t rule, const char *reason);
static void cli_test_print_difference(const cli_test_t *test,
    const char *what, mcp_str_t expected, mcp_str_t got);
static mcp_rc_t cli_test_variable(void *data, mcp_str_t name,
    mcp_arena_t *arena, mcp_str_t *value);
static mcp_rc_t cli_test_find_task(void *data, mcp_str_t id,
    mcp_arena_t *arena, mcp_task_t *task);


static const char  cli_test_usage[] =
    "usage: mcp-policy test [--policy NAME] [--prefix DIR] [--pin FILE]\n"
    "                       [--unpinned=hide] POLICY CASES.jsonl";

static const char  cli_test_help[] =
    "\n"
    "Runs cases through the policy of an nginx configuration file, or of a\n"
    ".json or .yaml file.  A case is one JSON object in a line; empty lines\n"
    "and those that start with \"#\" are skipped.  Its members:\n"
    "\n"
    "  tool, arguments  the call; or\n"
    "  body             a whole JSON-RPC message or batch, as a string\n"
    "  expect           allow, deny, limit, approve or invalid; deny matches\n"
    "                   invalid, too\n"
    "  message          a part of what the agent is told\n"
    "  rule             what refuses: a rule, a pattern, (hidden), (default)\n"
    "  grant, session   who calls; \"\" is nobody\n"
    "  headers          of the request; without them it is of MCP 2025-03-26\n"
    "  vars             nginx variables, without \"$\"\n"
    "  at               the time, RFC 3339, until changed; the first case is\n"
    "                   at 2026-01-15T10:30:00Z\n"
    "  upstream         what becomes of an allowed call: ok, error,\n"
    "                   tool_error or unreachable\n"
    "\n"
    "Counters carry over from line to line.\n"
    "\n"
    "  --policy NAME    chooses one of several policies\n"
    "  --prefix DIR     where relative includes are; default: the directory\n"
    "                   of POLICY\n"
    "  --pin FILE       the pin file of a policy in a .json or .yaml file\n"
    "  --unpinned=hide  refuse tools that it does not have\n"
    "\n"
    "exit status: 0 all passed, 1 some failed, 2 usage or I/O error, or a\n"
    "policy or case that cannot be read";


cli_code_t
cli_test(int argc, char *const *argv)
{
    int                  count;
    bool                 help;
    cli_code_t           code;
    cli_load_t           load;
    const char          *prefix, *name, *pin, *unpinned, **operands;
    const mcp_policy_t  *policy;
    cli_option_t         options[] = {
        { "--policy", &name, NULL },
        { "--prefix", &prefix, NULL },
        { "--pin", &pin, NULL },
        { "--unpinned", &unpinned, NULL },
        { "--help", NULL, &help },
        { "-h", NULL, &help },
        { NULL, NULL, NULL }
    };

    name = NULL;
    prefix = NULL;
    pin = NULL;
    unpinned = NULL;
    help = false;
    operands = cli_alloc((size_t) argc * sizeof(char *));

    code = cli_options(argc, argv, cli_test_usage, options, operands, &count);

    if (code == CLI_GOOD && help) {
        printf("%s\n%s\n", cli_test_usage, cli_test_help);
        free(operands);
        return CLI_GOOD;
    }

    if (code == CLI_GOOD && count != 2) {
        cli_error("expected a policy and a file of cases\n%s",
                  cli_test_usage);
        code = CLI_FAILED;
    }

    if (code != CLI_GOOD) {
        free(operands);
        return code;
    }

    cli_load_init(&load, stderr, prefix);

    code = cli_load_pins(&load, pin, unpinned);

    if (code == CLI_GOOD) {
        code = cli_load(&load, operands[0]);
    }

    if (code != CLI_GOOD) {
        if (code == CLI_FINDINGS) {
            cli_error("%s: the policy does not load", operands[0]);
        }

        code = CLI_FAILED;

    } else {
        policy = cli_load_choose(&load, operands[0], name);

        code = policy ? cli_test_run(policy, operands[1]) : CLI_FAILED;
    }

    cli_load_free(&load);
    free(operands);

    return code;
}


static cli_code_t
cli_test_run(const mcp_policy_t *policy, const char *path)
{
    char         *data;
    void         *memory;
    size_t        length, size;
    cli_code_t    code;
    cli_test_t   *test;
    mcp_table_t  *table;

    data = cli_read_file(path, &length);
    if (data == NULL) {
        cli_error("%s: %s", path, strerror(errno));
        return CLI_FAILED;
    }

    test = cli_alloc(sizeof(cli_test_t));
    memset(test, 0, sizeof(cli_test_t));

    test->path = path;
    test->policy = policy;
    test->now_ms = CLI_TEST_START_MS;

    size = mcp_table_size(CLI_TEST_COUNTERS);
    memory = cli_alloc(size);

    if (mcp_table_init(memory, size, cli_test_key, &table) == MCP_OK) {
        mcp_table_store(table, &test->store);
        mcp_arena_init(&test->arena, &cli_allocator, 0);

        code = cli_test_lines(test, (mcp_str_t) { (uint8_t *) data, length });

        mcp_arena_destroy(&test->arena);

    } else {
        cli_error("cannot make a table of counters");
        code = CLI_FAILED;
    }

    free(memory);
    free(test);
    free(data);

    return code;
}


static cli_code_t
cli_test_lines(cli_test_t *test, mcp_str_t text)
{
    bool            broken;
    mcp_rc_t        rc;
    mcp_str_t       line;
    mcp_error_t     error;
    const uint8_t  *end;

    broken = false;

    while (text.len > 0) {

        end = memchr(text.data, '\n', text.len);

        line.data = text.data;
        line.len = end ? (size_t) (end - text.data) : text.len;

        text.data += line.len + (end != NULL);
        text.len -= line.len + (end != NULL);

        test->line++;

        while (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t'
                                || line.data[0] == '\r'))
        {
            line.data++;
            line.len--;
        }

        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }

        mcp_arena_reset(&test->arena, 1024 * 1024);

        rc = cli_test_line(test, line, &error);

        if (rc == MCP_ERROR) {
            fprintf(stderr, "%s:%u: ", test->path, test->line);
            cli_coloured(stderr, CLI_RED, "error: ");
            cli_print(stderr, cli_str(error.text));
            putc('\n', stderr);
            broken = true;

        } else if (rc != MCP_OK) {
            cli_error("out of memory");
            return CLI_FAILED;
        }
    }

    if (broken) {
        return CLI_FAILED;
    }

    cli_coloured(stdout, test->failed ? CLI_RED : CLI_GREEN,
                 "%u passed, %u failed", test->passed, test->failed);
    putchar('\n');

    return test->failed ? CLI_FINDINGS : CLI_GOOD;
}


static mcp_rc_t
cli_test_line(cli_test_t *test, mcp_str_t line, mcp_error_t *error)
{
    mcp_rc_t  rc;

    rc = cli_case_read(&test->c, line, &test->arena, error);
    if (rc != MCP_OK) {
        return rc;
    }

    if (test->c.at.data) {
        test->now_ms = test->c.at_ms;
    }

    memset(&test->verdict, 0, sizeof(mcp_verdict_t));
    test->text = mcp_str("");

    memset(&test->decision, 0, sizeof(mcp_decision_t));

    rc = cli_test_parse(test);

    if (test->invalid) {
        test->decision.action = MCP_INVALID;

    } else if (rc == MCP_OK) {
        rc = cli_test_evaluate(test);

        if (rc == MCP_ERROR) {
            return mcp_error_set(error, 0, 0,
                                 "the case cannot be evaluated");
        }

        if (rc == MCP_OK && test->verdict.count) {
            test->decision = test->verdict.decisions[test->verdict.first];
        }
    }

    if (rc == MCP_OK) {
        rc = cli_test_reply(test);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    cli_test_settle(test);
    cli_test_compare(test);

    return MCP_OK;
}


/* The body as it would arrive, and what the body profile says of it. */
static mcp_rc_t
cli_test_parse(cli_test_t *test)
{
    bool           modern;
    mcp_rc_t       rc;
    mcp_str_t      body;
    mcp_limits_t   limits;
    mcp_headers_t  headers;

    rc = cli_test_headers(test, &headers, &modern);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = cli_case_body(&test->c, modern, &test->arena, &body);
    if (rc != MCP_OK) {
        return rc;
    }

    memset(&limits, 0, sizeof(mcp_limits_t));

    limits.depth = MCP_DEFAULT_DEPTH;
    limits.tokens = MCP_DEFAULT_TOKENS;
    limits.string_length = MCP_DEFAULT_STRING_LENGTH;
    limits.number_length = MCP_DEFAULT_NUMBER_LENGTH;
    limits.batch = MCP_DEFAULT_BATCH;

    rc = mcp_body_parse(&test->body, body, &headers, MCP_REVISIONS_ALL,
                        &limits, &test->arena);

    test->invalid = (rc == MCP_ERROR);

    if (rc == MCP_OK) {
        rc = cli_test_content(test);
    }

    return test->invalid ? MCP_OK : rc;
}


/*
 * A case without headers is of revision 2025-03-26; a "tool" gets what its
 * revision wants beside it, so that such a case is always well-formed.
 */
static mcp_rc_t
cli_test_headers(cli_test_t *test, mcp_headers_t *headers, bool *modern)
{
    size_t             i;
    mcp_rc_t           rc;
    const cli_case_t  *c;

    struct {
        mcp_str_t      name;
        mcp_header_t  *header;
    } const  known[] = {
        { mcp_str("MCP-Protocol-Version"), &headers->protocol_version },
        { mcp_str("Mcp-Method"), &headers->method },
        { mcp_str("Mcp-Name"), &headers->name },
        { mcp_str("Mcp-Session-Id"), &headers->session }
    };

    c = &test->c;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        rc = cli_case_header(c, known[i].name, &test->arena, known[i].header);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (c->headers == MCP_JSON_NONE) {
        cli_test_set_header(&headers->protocol_version,
                            mcp_revision_name(MCP_2025_03_26));
    }

    test->session = c->session.data ? c->session : headers->session.value;

    if (test->session.len) {
        cli_test_set_header(&headers->session, test->session);
    }

    *modern = c->body.data == NULL
              && mcp_revision_parse(headers->protocol_version.value)
                 == MCP_2026_07_28;

    if (*modern) {
        cli_test_set_header(&headers->method, mcp_str("tools/call"));
        cli_test_set_header(&headers->name, c->tool_name);
    }

    return MCP_OK;
}


static void
cli_test_set_header(mcp_header_t *header, mcp_str_t value)
{
    if (header->count == 0) {
        header->value = value;
        header->count = 1;
    }
}


/* What is checked of an HTTP request beside its body. */
static mcp_rc_t
cli_test_content(cli_test_t *test)
{
    mcp_rc_t      rc;
    mcp_header_t  header;

    rc = cli_case_header(&test->c, mcp_str("Content-Type"), &test->arena,
                         &header);
    if (rc != MCP_OK) {
        return rc;
    }

    if (header.count && !mcp_content_type_valid(header.value)) {
        test->body.invalid = MCP_INVALID_CONTENT_TYPE;
        test->invalid = true;
        return MCP_OK;
    }

    rc = cli_case_header(&test->c, mcp_str("Content-Encoding"), &test->arena,
                         &header);

    if (rc == MCP_OK && header.count
        && !mcp_str_equal(header.value, mcp_str("identity")))
    {
        test->body.invalid = MCP_INVALID_CONTENT_ENCODING;
        test->invalid = true;
    }

    return rc;
}


static mcp_rc_t
cli_test_evaluate(cli_test_t *test)
{
    mcp_caller_t      caller;
    cli_variables_t   variables;

    variables.find = cli_test_variable;
    variables.data = test;

    memset(&caller, 0, sizeof(mcp_caller_t));

    caller.grant = test->c.grant.data ? test->c.grant : mcp_str("test");
    caller.session = test->session;
    caller.resolve = cli_text_resolve;
    caller.resolve_data = &variables;
    caller.find_task = cli_test_find_task;
    caller.now_ms = test->now_ms;
    memcpy(caller.hash_key, cli_test_key, sizeof(cli_test_key));

    return mcp_evaluate(test->policy, &test->body, &caller, &test->store,
                        &test->arena, &test->verdict);
}


/* Gives back what mcp_refund gives back by default. */
static void
cli_test_settle(cli_test_t *test)
{
    if (test->invalid || test->verdict.charge_count == 0
        || test->decision.action != MCP_ALLOW)
    {
        return;
    }

    if (test->c.upstream == CLI_UPSTREAM_ERROR
        || test->c.upstream == CLI_UPSTREAM_UNREACHABLE)
    {
        test->store.refund(test->store.data, test->verdict.charges,
                           test->verdict.charge_count, test->now_ms);
    }
}


static mcp_rc_t
cli_test_reply(cli_test_t *test)
{
    mcp_rc_t             rc;
    mcp_reply_t          reply;
    mcp_reply_options_t  options;

    memset(&options, 0, sizeof(mcp_reply_options_t));
    memset(&reply, 0, sizeof(mcp_reply_t));

    options.denial = MCP_DENIAL_RESULT;
    options.revisions = MCP_REVISIONS_ALL;

    if (test->invalid) {
        rc = mcp_reply_invalid(&test->body, &options, &test->arena, &reply);

    } else if (test->decision.action != MCP_ALLOW) {
        rc = mcp_reply_denied(&test->body, &test->verdict, &options,
                              &test->arena, &reply);

    } else {
        return MCP_OK;
    }

    if (rc != MCP_OK || reply.body.len == 0) {
        return rc;
    }

    return cli_reply_text(reply.body, &test->arena, &test->text);
}


/* One line for everything that is not as expected. */
static void
cli_test_compare(cli_test_t *test)
{
    bool                   wrong;
    mcp_str_t              action, rule;
    const char            *reason;
    const cli_case_t      *c;
    const mcp_decision_t  *decision;

    c = &test->c;
    decision = &test->decision;
    wrong = false;

    action = cli_str(mcp_action_name(decision->action));
    rule = decision->rule;
    reason = test->invalid ? mcp_invalid_name(test->body.invalid)
                           : mcp_reason_name(decision->reason);

    if (decision->dry_action != MCP_ALLOW) {
        cli_test_print_dry_run(test);

        if (decision->action == MCP_ALLOW) {
            rule = decision->dry_rule;
        }
    }

    if (!mcp_str_equal(c->expect, action)
        && !(decision->action == MCP_INVALID
             && mcp_str_equal(c->expect, mcp_str("deny"))))
    {
        wrong = true;

        cli_test_print_place(test);
        printf("expected %.*s, got %.*s", cli_shown(c->expect),
               cli_shown(action));
        cli_test_print_cause(decision->rule, reason);

        if (test->text.len) {
            fputs(": ", stdout);
            cli_print(stdout, test->text);
        }

        putchar('\n');
    }

    if (c->rule.data && !mcp_str_equal(c->rule, rule)) {
        wrong = true;
        cli_test_print_difference(test, "rule", c->rule, rule);
    }

    if (c->message.data && c->message.len
        && memmem(test->text.data, test->text.len, c->message.data,
                  c->message.len)
           == NULL)
    {
        wrong = true;
        cli_test_print_difference(test, "message", c->message, test->text);
    }

    if (wrong) {
        test->failed++;

    } else {
        test->passed++;
    }
}


static void
cli_test_print_dry_run(const cli_test_t *test)
{
    cli_test_print_place(test);

    printf("dry run: would have been %s",
           mcp_action_name(test->decision.dry_action));
    cli_test_print_cause(test->decision.dry_rule,
                         mcp_reason_name(test->decision.dry_reason));
    putchar('\n');
}


static void
cli_test_print_place(const cli_test_t *test)
{
    cli_coloured(stdout, CLI_BOLD, "%s:%u: ", test->path, test->line);
}


static void
cli_test_print_cause(mcp_str_t rule, const char *reason)
{
    const char  *separator;

    separator = " (";

    if (rule.len) {
        printf("%srule \"", separator);
        cli_print(stdout, rule);
        putchar('"');
        separator = ", ";
    }

    if (*reason) {
        printf("%sreason %s", separator, reason);
        separator = ", ";
    }

    if (*separator == ',') {
        putchar(')');
    }
}


static void
cli_test_print_difference(const cli_test_t *test, const char *what,
    mcp_str_t expected, mcp_str_t got)
{
    cli_test_print_place(test);

    printf("expected %s \"", what);
    cli_print(stdout, expected);
    fputs("\", got \"", stdout);
    cli_print(stdout, got);
    fputs("\"\n", stdout);
}


/* "vars" first, then headers, then what the module itself would set. */
static mcp_rc_t
cli_test_variable(void *data, mcp_str_t name, mcp_arena_t *arena,
    mcp_str_t *value)
{
    mcp_rc_t              rc;
    cli_test_t           *test;
    const mcp_message_t  *message;

    test = data;

    rc = cli_case_variable(&test->c, name, arena, value);
    if (rc != MCP_NO || test->body.count == 0) {
        return rc;
    }

    message = &test->body.messages[0];

    if (mcp_str_equal(name, mcp_str("mcp_method"))) {
        *value = message->method_name;
        return MCP_OK;
    }

    if (mcp_str_equal(name, mcp_str("mcp_tool")) && message->target_count) {
        *value = message->targets[0].name;
        return MCP_OK;
    }

    if (mcp_str_equal(name, mcp_str("mcp_policy"))) {
        *value = test->policy->name;
        return MCP_OK;
    }

    if (mcp_str_equal(name, mcp_str("mcp_session"))) {
        *value = test->session;
        return MCP_OK;
    }

    return MCP_NO;
}


static mcp_rc_t
cli_test_find_task(void *data, mcp_str_t id, mcp_arena_t *arena,
    mcp_task_t *task)
{
    (void) data;
    (void) id;
    (void) arena;
    (void) task;

    return MCP_NO;
}
