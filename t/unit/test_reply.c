/* Answers to refused bodies: status, form, text, by revision. */

#include "message.h"

#include "mcp_reply.h"


#define MODERN    "2026-07-28"
#define LEGACY    "2025-11-25"

#define LEGACY_CALL  CALL("\"name\":\"a\"")
#define MODERN_CALL  CALL("\"name\":\"a\"," META)
#define MODERN_RPC(method, params)                                            \
    RPC(method) ",\"params\":{" params META "}}"

#define HEAD  "{\"jsonrpc\":\"2.0\",\"id\":1,"
#define DATA  "{\"action\":\"deny\",\"reason\":\"denied\",\"rule\":\"a\"}"
#define LIMIT_DATA                                                            \
    "{\"action\":\"limit\",\"reason\":\"rate_limited\",\"rule\":\"a\","       \
    "\"retryAfterMs\":1001}"
#define UNLISTED_DATA                                                         \
    "{\"action\":\"deny\",\"reason\":\"not_listed\",\"rule\":\"a\"}"

#define TOOL_RESULT(type, text, data)                                         \
    HEAD "\"result\":{" type "\"content\":[{\"type\":\"text\",\"text\":\""    \
    text "\"}],\"isError\":true,\"_meta\":{\"ngx-mcp-policy/decision\":"      \
    data "}}}"
#define ERROR(code, text)                                                     \
    HEAD "\"error\":{\"code\":" code ",\"message\":\"" text "\"}}"
#define ERROR_DATA(code, text, data)                                          \
    HEAD "\"error\":{\"code\":" code ",\"message\":\"" text "\",\"data\":"    \
    data "}}"

#define HIDDEN      .reason = MCP_REASON_HIDDEN, .not_shown = true
#define NOT_LISTED  .reason = MCP_REASON_NOT_LISTED, .not_shown = true
#define DENIED      .action = MCP_DENY, .reason = MCP_REASON_DENIED,          \
                    .rule = mcp_str_init("a"), .text = mcp_str_init("No.")
#define LIMITED     .action = MCP_LIMIT, .reason = MCP_REASON_RATE_LIMITED,   \
                    .rule = mcp_str_init("a"), .text = mcp_str_init("Wait."), \
                    .retry_ms = 1001


typedef struct {
    const char      *what;
    const char      *version;
    const char      *name;          /* Mcp-Name */
    const char      *body;
    mcp_decision_t   decision;
    mcp_denial_t     denial;        /* RESULT by default */
    bool             unfiltered;
    unsigned         status;
    uint64_t         retry_after_s;
    const char      *reply;
} case_t;


static const mcp_approval_ask_t  asked = {
    .id = { 0x00, 0x1f, 0xa0, [15] = 0xff }
};

static const case_t  cases[] = {

    /* calls of a visible tool */

    { "denied, result", LEGACY, NULL, LEGACY_CALL, { DENIED }, 0, false,
      200, 0, TOOL_RESULT("", "[POLICY DENIED] No.", DATA) },
    { "denied, result, 2026-07-28", MODERN, "a", MODERN_CALL, { DENIED }, 0,
      false, 200, 0, TOOL_RESULT("\"resultType\":\"complete\",",
                                 "[POLICY DENIED] No.", DATA) },
    { "denied, error", LEGACY, NULL, LEGACY_CALL, { DENIED },
      MCP_DENIAL_ERROR, false, 200, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },
    { "denied, error, 2026-07-28", MODERN, "a", MODERN_CALL, { DENIED },
      MCP_DENIAL_ERROR, false, 200, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },
    { "denied, status", LEGACY, NULL, LEGACY_CALL, { DENIED },
      MCP_DENIAL_STATUS, false, 403, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },
    { "the rule's form beats the location's", LEGACY, NULL, LEGACY_CALL,
      { DENIED, .denial = MCP_DENIAL_ERROR }, MCP_DENIAL_STATUS, false,
      200, 0, ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },
    { "the rule's status beats the location's result", LEGACY, NULL,
      LEGACY_CALL, { DENIED, .denial = MCP_DENIAL_STATUS }, 0, false,
      403, 0, ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },
    { "the rule's result beats the location's status", LEGACY, NULL,
      LEGACY_CALL, { DENIED, .denial = MCP_DENIAL_RESULT },
      MCP_DENIAL_STATUS, false, 200, 0,
      TOOL_RESULT("", "[POLICY DENIED] No.", DATA) },
    { "limit, result", LEGACY, NULL, LEGACY_CALL, { LIMITED }, 0, false,
      200, 0, TOOL_RESULT("", "[POLICY DENIED] Wait.", LIMIT_DATA) },
    { "limit, error", LEGACY, NULL, LEGACY_CALL, { LIMITED },
      MCP_DENIAL_ERROR, false, 200, 0,
      ERROR_DATA("-31002", "[POLICY DENIED] Wait.", LIMIT_DATA) },
    { "limit, status", LEGACY, NULL, LEGACY_CALL, { LIMITED },
      MCP_DENIAL_STATUS, false, 429, 2,
      ERROR_DATA("-31002", "[POLICY DENIED] Wait.", LIMIT_DATA) },
    { "limit that never fits", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_LIMIT, .reason = MCP_REASON_RATE_LIMITED,
        .text = mcp_str_init("Too much."), .retry_ms = UINT64_MAX },
      MCP_DENIAL_STATUS, false, 429, 0,
      ERROR_DATA("-31002", "[POLICY DENIED] Too much.",
                 "{\"action\":\"limit\",\"reason\":\"rate_limited\"}") },
    { "approval, error", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_APPROVE, .reason = MCP_REASON_APPROVAL,
        .text = mcp_str_init("Ask.") }, MCP_DENIAL_ERROR, false, 200, 0,
      ERROR_DATA("-31004", "[POLICY DENIED] Ask.",
                 "{\"action\":\"approve\","
                 "\"reason\":\"approval_required\"}") },
    { "approval, status", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_APPROVE, .reason = MCP_REASON_APPROVAL,
        .text = mcp_str_init("Ask.") }, MCP_DENIAL_STATUS, false, 403, 0,
      ERROR_DATA("-31004", "[POLICY DENIED] Ask.",
                 "{\"action\":\"approve\","
                 "\"reason\":\"approval_required\"}") },
    { "approval with a record", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_APPROVE, .reason = MCP_REASON_APPROVAL,
        .rule = mcp_str_init("a"), .text = mcp_str_init("Ask."),
        .ask = &asked }, 0, false, 200, 0,
      TOOL_RESULT("", "[POLICY DENIED] Ask.",
                  "{\"action\":\"approve\","
                  "\"reason\":\"approval_required\",\"rule\":\"a\","
                  "\"approvalId\":\"001fa0000000000000000000000000ff\"}") },
    { "approval that a human denied", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, .reason = MCP_REASON_APPROVAL_DENIED,
        .text = mcp_str_init("No: \"\n\"."), .ask = &asked },
      MCP_DENIAL_STATUS, false, 403, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] No: \\\"\\n\\\".",
                 "{\"action\":\"deny\",\"reason\":\"approval_denied\","
                 "\"approvalId\":\"001fa0000000000000000000000000ff\"}") },
    { "no room for an approval", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, .reason = MCP_REASON_APPROVALS_FULL,
        .text = mcp_str_init("Later.") }, MCP_DENIAL_ERROR, false, 200, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] Later.",
                 "{\"action\":\"deny\",\"reason\":\"approvals_full\"}") },
    { "no text", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, .reason = MCP_REASON_INTERNAL }, 0, false, 200,
      0, TOOL_RESULT("", "[POLICY DENIED] This call is not permitted.",
                     "{\"action\":\"deny\",\"reason\":\"internal\"}") },
    { "text and rule are escaped", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, .reason = MCP_REASON_DENIED,
        .rule = mcp_str_init("~\"\n"), .text = mcp_str_init("a\"b\\\t") },
      MCP_DENIAL_ERROR, false, 200, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] a\\\"b\\\\\\t",
                 "{\"action\":\"deny\",\"reason\":\"denied\","
                 "\"rule\":\"~\\\"\\n\"}") },

    /* a client that asked for a task expects no tool result */

    { "task-augmented, denied", LEGACY, NULL,
      CALL("\"name\":\"a\",\"task\":{}"), { DENIED }, 0, false, 200, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },
    { "task-augmented, status", LEGACY, NULL,
      CALL("\"name\":\"a\",\"task\":{}"), { LIMITED }, MCP_DENIAL_STATUS,
      false, 429, 2,
      ERROR_DATA("-31002", "[POLICY DENIED] Wait.", LIMIT_DATA) },
    { "params.task in 2026-07-28", MODERN, "a",
      CALL("\"name\":\"a\",\"task\":{}," META), { DENIED }, 0, false, 200,
      0, TOOL_RESULT("\"resultType\":\"complete\",", "[POLICY DENIED] No.",
                     DATA) },

    /* what is not shown does not exist */

    { "hidden tool", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, HIDDEN }, 0, false, 200, 0,
      ERROR("-32602", "Unknown tool: a") },
    { "hidden tool, status form", MODERN, "a", MODERN_CALL,
      { .action = MCP_DENY, HIDDEN }, MCP_DENIAL_STATUS, false, 200, 0,
      ERROR("-32602", "Unknown tool: a") },
    { "hidden tool, unfiltered list", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, HIDDEN }, 0, true, 200, 0,
      ERROR("-32602", "Unknown tool: a") },
    { "unlisted tool", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, NOT_LISTED }, 0, false, 200, 0,
      ERROR("-32602", "Unknown tool: a") },
    { "unlisted tool, unfiltered list", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, .rule = mcp_str_init("a"),
        .text = mcp_str_init("No."), NOT_LISTED }, 0, true, 200, 0,
      TOOL_RESULT("", "[POLICY DENIED] No.", UNLISTED_DATA) },
    { "task-augmented call of a hidden tool", LEGACY, NULL,
      CALL("\"name\":\"a\",\"task\":{}"), { .action = MCP_DENY, HIDDEN }, 0,
      false, 200, 0, ERROR("-32602", "Unknown tool: a") },
    { "the name is escaped", LEGACY, NULL,
      CALL("\"name\":\"\\\"\\n\\u2028</x>\""),
      { .action = MCP_DENY, HIDDEN }, 0, false, 200, 0,
      ERROR("-32602", "Unknown tool: \\\"\\n\\u2028</x>") },
    { "hidden prompt", LEGACY, NULL,
      RPC("prompts/get") ",\"params\":{\"name\":\"p\"}}",
      { .action = MCP_DENY, HIDDEN }, 0, false, 200, 0,
      ERROR("-32602", "Unknown prompt: p") },
    { "completion of a hidden prompt", LEGACY, NULL,
      RPC("completion/complete") ",\"params\":{\"ref\":{\"type\":"
      "\"ref/prompt\",\"name\":\"p\"}}}",
      { .action = MCP_DENY, HIDDEN }, 0, false, 200, 0,
      ERROR("-32602", "Unknown prompt: p") },
    { "hidden resource", MODERN, "u:1",
      MODERN_RPC("resources/read", "\"uri\":\"u:1\","),
      { .action = MCP_DENY, HIDDEN }, 0, false, 200, 0,
      ERROR("-32602", "Resource not found: u:1") },
    { "one of several resources", MODERN, NULL,
      MODERN_RPC("subscriptions/listen", "\"notifications\":{"
                 "\"resourceSubscriptions\":[\"u:1\",\"u:2\"]},"),
      { .action = MCP_DENY, HIDDEN }, 0, false, 200, 0,
      ERROR("-32602", "Resource not found") },
    { "unknown task", LEGACY, NULL,
      RPC("tasks/get") ",\"params\":{\"taskId\":\"t\"}}",
      { .action = MCP_DENY, .reason = MCP_REASON_TASK }, 0, false, 200, 0,
      ERROR("-32602", "Task not found") },
    { "task of somebody else", LEGACY, NULL,
      RPC("tasks/result") ",\"params\":{\"taskId\":\"t\"}}",
      { .action = MCP_DENY, .reason = MCP_REASON_TASK_OWNER }, 0, false,
      200, 0, ERROR("-32602", "Task not found") },
    { "task of a hidden tool", LEGACY, NULL,
      RPC("tasks/cancel") ",\"params\":{\"taskId\":\"t\"}}",
      { .action = MCP_DENY, HIDDEN }, 0, false, 200, 0,
      ERROR("-32602", "Task not found") },
    { "task of a denied tool", LEGACY, NULL,
      RPC("tasks/cancel") ",\"params\":{\"taskId\":\"t\"}}", { DENIED }, 0,
      false, 200, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },

    /* what is no tool is never answered by a result or a status */

    { "prompt refused by a rule", LEGACY, NULL,
      RPC("prompts/get") ",\"params\":{\"name\":\"p\"}}", { DENIED },
      MCP_DENIAL_STATUS, false, 200, 0,
      ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },
    { "resource refused by a rule", MODERN, "u:1",
      MODERN_RPC("resources/read", "\"uri\":\"u:1\","), { DENIED }, 0,
      false, 200, 0, ERROR_DATA("-31001", "[POLICY DENIED] No.", DATA) },
    { "resource limited", LEGACY, NULL,
      RPC("resources/read") ",\"params\":{\"uri\":\"u:1\"}}", { LIMITED },
      MCP_DENIAL_STATUS, false, 200, 0,
      ERROR_DATA("-31002", "[POLICY DENIED] Wait.", LIMIT_DATA) },

    { "method by default", LEGACY, NULL, RPC("x/y") "}",
      { .action = MCP_DENY, .reason = MCP_REASON_METHOD,
        .method_denied = true, .text = mcp_str_init("Not allowed.") },
      MCP_DENIAL_STATUS, false, 200, 0,
      ERROR("-32601", "Method not found") },
    { "method by default, 2026-07-28", MODERN, NULL, MODERN_RPC("x/y", ""),
      { .action = MCP_DENY, .reason = MCP_REASON_METHOD,
        .method_denied = true }, 0, false, 404, 0,
      ERROR("-32601", "Method not found") },
    { "method by a rule", LEGACY, NULL, RPC("x/y") "}",
      { DENIED, .method_denied = true }, 0, false, 200, 0,
      ERROR_DATA("-32601", "No.", DATA) },
    { "tools/call as a method, 2026-07-28", MODERN, "a", MODERN_CALL,
      { DENIED, .method_denied = true }, MCP_DENIAL_STATUS, false, 404, 0,
      ERROR_DATA("-32601", "No.", DATA) },
    { "method limited", MODERN, NULL, MODERN_RPC("x/y", ""),
      { LIMITED, .method_denied = true }, 0, false, 200, 0,
      ERROR_DATA("-31002", "[POLICY DENIED] Wait.", LIMIT_DATA) },

    { "unknown policy", LEGACY, NULL, LEGACY_CALL,
      { .action = MCP_DENY, .reason = MCP_REASON_UNKNOWN_POLICY,
        .text = mcp_str_init("No policy.") }, MCP_DENIAL_STATUS, false,
      200, 0, ERROR_DATA("-31001", "[POLICY DENIED] No policy.",
                         "{\"action\":\"deny\","
                         "\"reason\":\"unknown_policy\"}") },

    /* nobody waits for an answer */

    { "notification", LEGACY, NULL, NOTE("notifications/x"), { DENIED },
      MCP_DENIAL_STATUS, false, 202, 0, "" },
    { "notification in 2026-07-28", MODERN, NULL, NOTE("notifications/x"),
      { .action = MCP_DENY, .reason = MCP_REASON_METHOD,
        .method_denied = true }, 0, false, 202, 0, "" },

    { "string id as written", LEGACY, NULL,
      "{\"jsonrpc\":\"2.0\",\"id\":\"\\u0061\\/\",\"method\":\"x/y\"}",
      { DENIED }, 0, false, 200, 0,
      "{\"jsonrpc\":\"2.0\",\"id\":\"\\u0061\\/\",\"error\":{"
      "\"code\":-31001,\"message\":\"[POLICY DENIED] No.\",\"data\":" DATA
      "}}" },
    { "empty string id", LEGACY, NULL,
      "{\"jsonrpc\":\"2.0\",\"id\":\"\",\"method\":\"x/y\"}",
      { .action = MCP_DENY, .reason = MCP_REASON_METHOD,
        .method_denied = true }, 0, false, 200, 0,
      "{\"jsonrpc\":\"2.0\",\"id\":\"\",\"error\":{\"code\":-32601,"
      "\"message\":\"Method not found\"}}" }
};


static mcp_arena_t  arena;


static bool
is_json(mcp_str_t text)
{
    mcp_json_t   json;
    mcp_error_t  error;

    return mcp_json_parse(&json, text, &message_limits, &arena, &error)
           == MCP_OK
           && json.defect == MCP_JSON_VALID
           && memchr(text.data, '\n', text.len) == NULL;
}


static void
check(const mcp_reply_t *reply, unsigned status, uint64_t retry_after_s,
    const char *text, const char *what)
{
    ok(reply->status == status && reply->retry_after_s == retry_after_s,
       "%s: %u", what, reply->status);

    if (reply->body.len == 0) {
        ok(*text == '\0', "  no body");
        return;
    }

    is_str(reply->body, text, "  body");
    ok(is_json(reply->body), "  is JSON");
}


static void
test_denied(void)
{
    void                 *copy;
    size_t                i;
    mcp_rc_t              rc;
    mcp_body_t            body;
    mcp_reply_t           reply;
    mcp_headers_t         headers;
    mcp_verdict_t         verdict;
    const case_t         *c;
    mcp_decision_t        decision;
    mcp_reply_options_t   options;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];
        headers = message_headers(c->version, NULL, c->name);

        if (strcmp(c->version, MODERN) == 0
            && strstr(c->body, "\"id\"") != NULL)
        {
            headers.method = message_header(
                strstr(c->body, "tools/call") ? "tools/call"
                : strstr(c->body, "resources/read") ? "resources/read"
                : strstr(c->body, "listen") ? "subscriptions/listen"
                : "x/y");
        }

        rc = message_parse(&body, tap_str(c->body), &headers,
                           MCP_REVISIONS_ALL, &arena, &copy);

        if (rc != MCP_OK) {
            ok(false, "%s: refused as %s", c->what,
               mcp_invalid_name(body.invalid));
            free(copy);
            continue;
        }

        decision = c->decision;

        memset(&verdict, 0, sizeof(verdict));
        verdict.decisions = &decision;
        verdict.count = 1;

        memset(&options, 0, sizeof(options));
        options.denial = c->denial ? c->denial : MCP_DENIAL_RESULT;
        options.list_unfiltered = c->unfiltered;
        options.revisions = MCP_REVISIONS_ALL;

        rc = mcp_reply_denied(&body, &verdict, &options, &arena, &reply);

        ok(rc == MCP_OK, "%s", c->what);
        check(&reply, c->status, c->retry_after_s, c->reply, c->what);

        free(copy);
        mcp_arena_reset(&arena, 0);
    }
}


#define B_CALL(id, name)                                                      \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\","           \
    "\"params\":{\"name\":\"" name "\"}}"
#define B_NOTE  NOTE("notifications/cancelled")
#define B_INNOCENT(id)                                                        \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":-31003,"          \
    "\"message\":\"Batch refused: another message was denied\"}}"

/* The n-th digit says what became of the n-th message. */

static void
test_batch(void)
{
    void                 *copy;
    size_t                i, n;
    mcp_body_t            body;
    mcp_reply_t           reply;
    mcp_headers_t         headers;
    mcp_verdict_t         verdict;
    mcp_decision_t        decisions[8];
    mcp_reply_options_t   options;

    static const mcp_decision_t  kinds[] = {
        { .action = MCP_ALLOW },
        { DENIED, .denial = MCP_DENIAL_STATUS },
        { .action = MCP_DENY, HIDDEN },
        { .action = MCP_DENY, .reason = MCP_REASON_BATCH },
        { LIMITED }
    };

    static const struct {
        const char  *what;
        const char  *body;
        const char  *decisions;
        unsigned     status;
        const char  *reply;
    } batches[] = {
        { "a denied call, an innocent one, a notification",
          "[" B_CALL("1", "a") "," B_CALL("\"b\"", "b") "," B_NOTE "]",
          "313", 200,
          "[" B_INNOCENT("1") ",{\"jsonrpc\":\"2.0\",\"id\":\"b\","
          "\"error\":{\"code\":-31001,\"message\":\"[POLICY DENIED] No.\","
          "\"data\":" DATA "}}]" },
        { "a batch of one", "[" B_CALL("1", "a") "]", "1", 200,
          "[{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-31001,"
          "\"message\":\"[POLICY DENIED] No.\",\"data\":" DATA "}}]" },
        { "a hidden tool and a limit",
          "[" B_CALL("1", "a") "," B_CALL("2", "b") "]", "24", 200,
          "[{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,"
          "\"message\":\"Unknown tool: a\"}},{\"jsonrpc\":\"2.0\",\"id\":2,"
          "\"error\":{\"code\":-31002,\"message\":\"[POLICY DENIED] Wait.\","
          "\"data\":" LIMIT_DATA "}}]" },
        { "allowed counts as innocent",
          "[" B_CALL("1", "a") "," B_CALL("2", "b") "]", "02", 200,
          "[" B_INNOCENT("1") ",{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{"
          "\"code\":-32602,\"message\":\"Unknown tool: b\"}}]" },
        { "a refused notification and an innocent call",
          "[" B_NOTE "," B_CALL("1", "a") "]", "13", 200,
          "[" B_INNOCENT("1") "]" },
        { "notifications only", "[" B_NOTE "," B_NOTE "]", "13", 202, "" }
    };

    memset(&options, 0, sizeof(options));
    options.denial = MCP_DENIAL_STATUS;
    options.revisions = MCP_REVISIONS_ALL;

    headers = message_headers(NULL, NULL, NULL);

    for (i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        message_parse(&body, tap_str(batches[i].body), &headers,
                      MCP_REVISIONS_ALL, &arena, &copy);

        memset(&verdict, 0, sizeof(verdict));
        verdict.count = (uint32_t) strlen(batches[i].decisions);
        verdict.decisions = decisions;

        for (n = 0; n < verdict.count; n++) {
            decisions[n] = kinds[batches[i].decisions[n] - '0'];
        }

        ok(body.count == verdict.count
           && mcp_reply_denied(&body, &verdict, &options, &arena, &reply)
              == MCP_OK, "batch: %s", batches[i].what);
        check(&reply, batches[i].status, 0, batches[i].reply,
              batches[i].what);

        free(copy);
        mcp_arena_reset(&arena, 0);
    }
}


/* A verdict that does not fit the body is not an answer. */

static void
test_misuse(void)
{
    void                 *copy;
    mcp_body_t            body;
    mcp_reply_t           reply;
    mcp_headers_t         headers;
    mcp_verdict_t         verdict;
    mcp_decision_t        decision;
    mcp_reply_options_t   options;

    memset(&options, 0, sizeof(options));
    memset(&verdict, 0, sizeof(verdict));
    memset(&decision, 0, sizeof(decision));
    options.denial = MCP_DENIAL_RESULT;
    headers = message_headers(NULL, NULL, NULL);

    message_parse(&body, mcp_str(LEGACY_CALL), &headers, MCP_REVISIONS_ALL,
                  &arena, &copy);

    ok(mcp_reply_denied(&body, &verdict, &options, &arena, &reply)
       == MCP_ERROR, "no decision");

    verdict.decisions = &decision;
    verdict.count = 1;
    ok(mcp_reply_denied(&body, &verdict, &options, &arena, &reply)
       == MCP_ERROR, "nothing was refused");

    free(copy);
    mcp_arena_reset(&arena, 0);
}


static void
test_caps(void)
{
    char                 *text, expected[8192];
    void                 *copy;
    size_t                i;
    mcp_body_t            body;
    mcp_reply_t           reply;
    mcp_headers_t         headers;
    mcp_verdict_t         verdict;
    mcp_decision_t        decision;
    mcp_reply_options_t   options;

    memset(&options, 0, sizeof(options));
    memset(&verdict, 0, sizeof(verdict));
    memset(&decision, 0, sizeof(decision));

    options.denial = MCP_DENIAL_ERROR;
    verdict.decisions = &decision;
    verdict.count = 1;
    decision.action = MCP_DENY;
    headers = message_headers(NULL, NULL, NULL);

    /* 255 bytes and then characters of two: the 256th is cut whole */

    text = malloc(8192);
    snprintf(text, 8192, "%s",
             RPC("tools/call") ",\"params\":{\"name\":\"");
    i = strlen(text);
    memset(text + i, 'n', 255);
    i += 255;
    memcpy(text + i, "\xc3\xa9\xc3\xa9\"}}", 8);

    message_parse(&body, tap_str(text), &headers, MCP_REVISIONS_ALL, &arena,
                  &copy);

    decision.reason = MCP_REASON_HIDDEN;
    decision.not_shown = true;
    mcp_reply_denied(&body, &verdict, &options, &arena, &reply);

    snprintf(expected, sizeof(expected),
             HEAD "\"error\":{\"code\":-32602,\"message\":"
             "\"Unknown tool: %.255s\"}}", text + i - 255);
    check(&reply, 200, 0, expected, "name over 256 bytes");

    /* 1022 bytes and then characters of four */

    memset(text, 't', 1022);
    memcpy(text + 1022, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 9);
    decision.reason = MCP_REASON_DENIED;
    decision.not_shown = false;
    decision.text = tap_str(text);
    mcp_reply_denied(&body, &verdict, &options, &arena, &reply);

    snprintf(expected, sizeof(expected),
             HEAD "\"error\":{\"code\":-31001,\"message\":"
             "\"[POLICY DENIED] %.1022s\",\"data\":{\"action\":\"deny\","
             "\"reason\":\"denied\"}}}", text);
    check(&reply, 200, 0, expected, "text over 1 KB");

    /* nothing but bytes that take six each */

    memset(text, 1, 8191);
    decision.text = (mcp_str_t) { (uint8_t *) text, 8191 };
    decision.rule = (mcp_str_t) { (uint8_t *) text, 8191 };
    mcp_reply_denied(&body, &verdict, &options, &arena, &reply);
    ok(reply.body.len > 6 * 1024 && reply.body.len < 8192
       && is_json(reply.body), "control characters only");

    /* no UTF-8 at all */

    memset(text, 0xbf, 8191);
    mcp_reply_denied(&body, &verdict, &options, &arena, &reply);
    ok(is_json(reply.body), "continuation bytes only");

    free(copy);
    free(text);
    mcp_arena_reset(&arena, 0);
}


static void
test_invalid(void)
{
    void                 *copy;
    mcp_body_t            body;
    mcp_reply_t           reply;
    mcp_headers_t         headers;
    mcp_invalid_t         i;
    mcp_reply_options_t   options;

    memset(&options, 0, sizeof(options));
    options.denial = MCP_DENIAL_STATUS;
    options.revisions = MCP_REVISION_BIT(MCP_2025_11_25)
                        | MCP_REVISION_BIT(MCP_2026_07_28);

    /* what the HTTP checks refused: nothing but the reason is set */

    for (i = MCP_INVALID_JSON; i < MCP_INVALID_COUNT; i++) {
        memset(&body, 0, sizeof(body));
        body.invalid = i;

        ok(mcp_reply_invalid(&body, &options, &arena, &reply) == MCP_OK
           && reply.status == mcp_invalid_status(i)
           && is_json(reply.body), "%s", mcp_invalid_name(i));
    }

    body.invalid = MCP_INVALID_ORIGIN;
    mcp_reply_invalid(&body, &options, &arena, &reply);
    check(&reply, 403, 0, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,"
          "\"message\":\"Origin not allowed\"}}", "origin");

    headers = message_headers("2027-01-01\"\\", NULL, NULL);
    message_parse(&body, mcp_str(LEGACY_CALL), &headers, options.revisions,
                  &arena, &copy);
    mcp_reply_invalid(&body, &options, &arena, &reply);
    check(&reply, 400, 0, HEAD "\"error\":{\"code\":-32022,\"message\":"
          "\"Unsupported protocol version\",\"data\":{\"supported\":["
          "\"2025-11-25\",\"2026-07-28\"],\"requested\":"
          "\"2027-01-01\\\"\\\\\"}}}", "version");
    free(copy);

    headers = message_headers(NULL, NULL, NULL);
    message_parse(&body, mcp_str("{\"jsonrpc\":"), &headers,
                  options.revisions, &arena, &copy);
    mcp_reply_invalid(&body, &options, &arena, &reply);
    check(&reply, 400, 0, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,"
          "\"message\":\"The body is not valid JSON: truncated at byte 11\""
          "}}", "not JSON");
    free(copy);

    headers = message_headers("2026-07-28", "tools/call", "b");
    message_parse(&body, mcp_str(MODERN_CALL), &headers, options.revisions,
                  &arena, &copy);
    mcp_reply_invalid(&body, &options, &arena, &reply);
    check(&reply, 400, 0, ERROR("-32020", "Header mismatch: Mcp-Name does "
                                "not match params.name"), "header");
    free(copy);

    headers = message_headers("2026-07-28", "initialize", NULL);
    message_parse(&body, mcp_str(MODERN_RPC("initialize", "")), &headers,
                  options.revisions, &arena, &copy);
    mcp_reply_invalid(&body, &options, &arena, &reply);
    check(&reply, 404, 0, ERROR("-32601", "Method not found: revision "
                                "2026-07-28 has no initialize"),
          "initialize in 2026-07-28");
    free(copy);

    mcp_arena_reset(&arena, 0);
}


static void
test_error(void)
{
    void           *copy;
    mcp_body_t      body;
    mcp_reply_t     reply;
    mcp_headers_t   headers;

    mcp_reply_error(502, -32603, mcp_str("\"x\""), mcp_str("a\"b"), &arena,
                    &reply);
    check(&reply, 502, 0, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"error\":{"
          "\"code\":-32603,\"message\":\"a\\\"b\"}}", "error with an id");

    mcp_reply_error(413, -32600, mcp_str(""), mcp_str("m"), &arena, &reply);
    check(&reply, 413, 0, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,"
          "\"message\":\"m\"}}", "error without an id");

    mcp_reply_error(200, 7, mcp_str("0"), mcp_str(""), &arena, &reply);
    check(&reply, 200, 0, "{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{"
          "\"code\":7,\"message\":\"\"}}", "positive code, no message");

    headers = message_headers(NULL, NULL, NULL);

    message_parse(&body, mcp_str(LEGACY_CALL), &headers, MCP_REVISIONS_ALL,
                  &arena, &copy);
    mcp_reply_error_all(&body, 502, -32603, mcp_str("m"), &arena, &reply);
    check(&reply, 502, 0, ERROR("-32603", "m"), "all: a request");
    free(copy);

    message_parse(&body, mcp_str("[" B_CALL("1", "a") "," B_NOTE ","
                                 B_CALL("2", "a") "]"), &headers,
                  MCP_REVISIONS_ALL, &arena, &copy);
    mcp_reply_error_all(&body, 200, -31001, mcp_str("m"), &arena, &reply);
    check(&reply, 200, 0, "[" ERROR("-31001", "m") ",{\"jsonrpc\":\"2.0\","
          "\"id\":2,\"error\":{\"code\":-31001,\"message\":\"m\"}}]",
          "all: a batch");
    free(copy);

    message_parse(&body, mcp_str(B_NOTE), &headers, MCP_REVISIONS_ALL,
                  &arena, &copy);
    mcp_reply_error_all(&body, 200, -31001, mcp_str("m"), &arena, &reply);
    check(&reply, 202, 0, "", "all: a notification dropped");
    mcp_reply_error_all(&body, 502, -32603, mcp_str("m"), &arena, &reply);
    check(&reply, 502, 0, "", "all: a notification lost");
    free(copy);

    mcp_arena_reset(&arena, 0);
}


static void
test_memory(void)
{
    mcp_arena_t           none;
    mcp_reply_t           reply;
    mcp_body_t            body;
    mcp_reply_options_t   options;

    memset(&options, 0, sizeof(options));
    memset(&body, 0, sizeof(body));
    body.invalid = MCP_INVALID_JSON;

    mcp_arena_init(&none, &message_allocator, 1);

    ok(mcp_reply_error(500, -32603, mcp_str("1"), mcp_str("m"), &none,
                       &reply) == MCP_NOMEM, "no memory for an error");
    ok(mcp_reply_invalid(&body, &options, &none, &reply) == MCP_NOMEM,
       "no memory for a refusal");

    mcp_arena_destroy(&none);
}


int
main(void)
{
    mcp_arena_init(&arena, &message_allocator, 0);

    test_denied();
    test_batch();
    test_misuse();
    test_caps();
    test_invalid();
    test_error();
    test_memory();

    mcp_arena_destroy(&arena);

    return tap_done();
}
