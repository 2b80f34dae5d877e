/* Lines of the audit log: their text, their bounds, and what is cut. */

#include "tap.h"
#include "mcp_audit.h"


#define HASH  "0123456789abcdef0123456789abcdef"

static mcp_arena_t     arena;
static const uint8_t   sha256[32] = { 0x00, 0x1f, 0xab, [31] = 0xff };
static const uint64_t  hash[2] = { UINT64_C(0x0123456789abcdef),
                                   UINT64_C(0x0123456789abcdef) };


static void
is_line(const mcp_audit_request_t *request, const mcp_audit_message_t *message,
    const char *expected, const char *name)
{
    uint8_t    members[MCP_AUDIT_MESSAGE_MAX], line[MCP_AUDIT_LINE_MAX];
    mcp_str_t  part, got;

    part.data = members;
    part.len = mcp_audit_message_write(message, members);
    got.data = line;
    got.len = mcp_audit_line_write(request, part, line);

    is_str(got, expected, name);
}


static void
test_lines(void)
{
    mcp_audit_request_t  request;
    mcp_audit_message_t  message;

    static const mcp_str_t  keys[] = {
        mcp_str_init("a"), mcp_str_init("b\"")
    };

    memset(&request, 0, sizeof(request));
    memset(&message, 0, sizeof(message));

    message.decision = mcp_str("invalid");

    is_line(&request, &message,
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"decision\":\"invalid\","
            "\"status\":0,\"duration\":0.000,\"bytes_received\":0,"
            "\"bytes_sent\":0}\n", "nothing is known");

    request.time_ms = UINT64_C(1768473000123);
    request.request_id = mcp_str(HASH);
    request.address = mcp_str("127.0.0.1");
    request.http_method = mcp_str("POST");
    request.grant = hash;
    request.session = hash;
    request.policy = mcp_str("shop");
    request.generation = 3;
    request.sha256 = sha256;
    request.protocol = mcp_str("2025-06-18");
    request.client = mcp_str("me/1.0");
    request.traceparent = mcp_str("00-1-2-01");
    request.status = 200;
    request.upstream_tries = 2;
    request.upstream_status = 502;
    request.upstream_ms = 12;
    request.duration_ms = 61005;
    request.bytes_received = 300;
    request.bytes_sent = UINT64_MAX;
    message.index = 1;
    message.count = 2;
    message.method = mcp_str("tools/call");
    message.target_kind = MCP_TARGET_TOOL;
    message.target = mcp_str("pay");
    message.target_count = 1;
    message.id = mcp_str("-7");
    message.decision = mcp_str("limit");
    message.rule = mcp_str("large");
    message.reason = mcp_str("rate_limited");
    message.limited = true;
    message.remaining = 1500000;
    message.reset_s = 60;
    message.arguments = true;
    message.keys = keys;
    message.key_count = 2;
    message.argument_count = 40;
    message.args_hash = hash;

    is_line(&request, &message,
            "{\"time\":\"2026-01-15T10:30:00.123Z\","
            "\"request_id\":\"" HASH "\",\"address\":\"127.0.0.1\","
            "\"http_method\":\"POST\",\"grant\":\"" HASH "\","
            "\"session\":\"" HASH "\",\"policy\":\"shop\","
            "\"generation\":3,\"policy_sha256\":\"001fab"
            "00000000000000000000000000000000000000000000000000000000ff\","
            "\"index\":1,\"count\":2,\"method\":\"tools/call\","
            "\"tool\":\"pay\",\"id\":-7,\"decision\":\"limit\","
            "\"rule\":\"large\",\"reason\":\"rate_limited\","
            "\"limit\":{\"remaining\":1.5,\"reset\":60},"
            "\"argument_count\":40,\"argument_keys\":[\"a\",\"b\\\"\"],"
            "\"args_hash\":\"" HASH "\",\"protocol\":\"2025-06-18\","
            "\"client\":\"me/1.0\",\"traceparent\":\"00-1-2-01\","
            "\"status\":200,\"upstream_tries\":2,\"upstream_status\":502,"
            "\"upstream_time\":0.012,\"duration\":61.005,"
            "\"bytes_received\":300,\"bytes_sent\":18446744073709551615}\n",
            "all is known");

    message.approval = sha256;
    message.approval_count = 1;
    message.limited = message.arguments = false;

    is_line(&request, &message,
            "{\"time\":\"2026-01-15T10:30:00.123Z\","
            "\"request_id\":\"" HASH "\",\"address\":\"127.0.0.1\","
            "\"http_method\":\"POST\",\"grant\":\"" HASH "\","
            "\"session\":\"" HASH "\",\"policy\":\"shop\","
            "\"generation\":3,\"policy_sha256\":\"001fab"
            "00000000000000000000000000000000000000000000000000000000ff\","
            "\"index\":1,\"count\":2,\"method\":\"tools/call\","
            "\"tool\":\"pay\",\"id\":-7,\"decision\":\"limit\","
            "\"rule\":\"large\",\"reason\":\"rate_limited\","
            "\"approval\":\"001fab00000000000000000000000000\","
            "\"args_hash\":\"" HASH "\",\"protocol\":\"2025-06-18\","
            "\"client\":\"me/1.0\",\"traceparent\":\"00-1-2-01\","
            "\"status\":200,\"upstream_tries\":2,\"upstream_status\":502,"
            "\"upstream_time\":0.012,\"duration\":61.005,"
            "\"bytes_received\":300,\"bytes_sent\":18446744073709551615}\n",
            "an approval");

    request.upstream_status = 0;
    request.upstream_ms = MCP_AUDIT_NO_TIME;
    request.generation = 0;
    memset(&message, 0, sizeof(message));
    message.decision = mcp_str("allow");

    is_line(&request, &message,
            "{\"time\":\"2026-01-15T10:30:00.123Z\","
            "\"request_id\":\"" HASH "\",\"address\":\"127.0.0.1\","
            "\"http_method\":\"POST\",\"grant\":\"" HASH "\","
            "\"session\":\"" HASH "\",\"policy\":\"shop\","
            "\"decision\":\"allow\",\"protocol\":\"2025-06-18\","
            "\"client\":\"me/1.0\",\"traceparent\":\"00-1-2-01\","
            "\"status\":200,\"upstream_tries\":2,\"duration\":61.005,"
            "\"bytes_received\":300,\"bytes_sent\":18446744073709551615}\n",
            "a server that gave no answer");
}


static void
test_approvals(void)
{
    uint8_t               line[MCP_AUDIT_LINE_MAX];
    mcp_str_t             got;
    mcp_audit_approval_t  approval;
    mcp_audit_message_t   message;

    memset(&message, 0, sizeof(message));
    message.approval = sha256;
    message.approval_count = 2;

    got.data = line;
    got.len = mcp_audit_message_write(&message, line);

    is_str(got, ",\"approval\":\"001fab00000000000000000000000000\","
                "\"approvals\":2", "more than one of a message");

    memset(&approval, 0, sizeof(approval));
    approval.approval = sha256;
    approval.decision = mcp_str("denied");

    got.len = mcp_audit_approval_write(&approval, line);

    is_str(got, "{\"time\":\"1970-01-01T00:00:00.000Z\","
                "\"event\":\"approval\","
                "\"grant\":\"00000000000000000000000000000000\","
                "\"decision\":\"denied\","
                "\"approval\":\"001fab00000000000000000000000000\"}\n",
           "a human's decision, little known");

    approval.time_ms = UINT64_C(1768473000123);
    approval.request_id = mcp_str(HASH);
    approval.address = mcp_str("127.0.0.1");
    approval.grant[0] = UINT64_C(0x0123456789abcdef);
    approval.grant[1] = UINT64_C(0x0023456789abcdef);
    approval.policy = mcp_str("shop");
    approval.rule = mcp_str("large");
    approval.tool = mcp_str("pay");
    approval.decision = mcp_str("approved");
    approval.by = mcp_str("ann\n");
    approval.comment = mcp_str("known \"customer\"");

    got.len = mcp_audit_approval_write(&approval, line);

    is_str(got, "{\"time\":\"2026-01-15T10:30:00.123Z\","
                "\"event\":\"approval\",\"request_id\":\"" HASH "\","
                "\"address\":\"127.0.0.1\","
                "\"grant\":\"0123456789abcdef0023456789abcdef\","
                "\"policy\":\"shop\",\"tool\":\"pay\","
                "\"decision\":\"approved\",\"rule\":\"large\","
                "\"approval\":\"001fab00000000000000000000000000\","
                "\"by\":\"ann\\u000a\","
                "\"comment\":\"known \\\"customer\\\"\"}\n",
           "a human's decision");
}


static void
test_time(void)
{
    size_t               i;
    uint8_t              line[MCP_AUDIT_LINE_MAX];
    mcp_str_t            got;
    mcp_audit_request_t  request;

    static const struct {
        uint64_t     ms;
        const char  *text;
    } times[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { UINT64_C(951782399999), "2000-02-28T23:59:59.999Z" },
        { UINT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
        { UINT64_C(951868800001), "2000-03-01T00:00:00.001Z" },
        { UINT64_C(1704067199000), "2023-12-31T23:59:59.000Z" },
        { UINT64_C(1735603200000), "2024-12-31T00:00:00.000Z" },
        { UINT64_C(4107542400000), "2100-03-01T00:00:00.000Z" },
        { UINT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
        { UINT64_MAX, "9999-12-31T23:59:59.999Z" }
    };

    memset(&request, 0, sizeof(request));

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        request.time_ms = times[i].ms;
        (void) mcp_audit_line_write(&request, mcp_str(""), line);

        got.data = line + strlen("{\"time\":\"");
        got.len = strlen(times[i].text);
        is_str(got, times[i].text, times[i].text);
    }
}


static void
is_method(mcp_str_t method, const char *expected, const char *name)
{
    uint8_t              members[MCP_AUDIT_MESSAGE_MAX];
    mcp_str_t            got;
    mcp_audit_message_t  message;

    memset(&message, 0, sizeof(message));
    message.method = method;

    got.data = members;
    got.len = mcp_audit_message_write(&message, members);

    is_str(got, expected, name);
}


static void
test_text(void)
{
    char  text[1024], expected[1024];

    is_method(mcp_str("a\"\\\n\0\x7f\x1b"),
              ",\"method\":\"a\\\"\\\\\\u000a\\u0000\\u007f\\u001b\"",
              "controls are escaped");
    is_method(mcp_str("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
              ",\"method\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
              "characters of all lengths");
    is_method(mcp_str("\xc2\x9b\xe2\x80\xa8\xe2\x80\xa9"),
              ",\"method\":\"\\u009b\\u2028\\u2029\"",
              "other controls and line ends are, too");
    is_method(mcp_str("a\xff\xc3"), ",\"method\":\"a\\ufffd\\ufffd\"",
              "what is not UTF-8");
    is_method(mcp_str("\xed\xa0\x80"),
              ",\"method\":\"\\ufffd\\ufffd\\ufffd\"", "half a surrogate");

    memset(text, 'x', sizeof(text));

    snprintf(expected, sizeof(expected), ",\"method\":\"%.128s\"", text);
    is_method((mcp_str_t) { (uint8_t *) text, 128 }, expected, "it fits");

    snprintf(expected, sizeof(expected),
             ",\"method\":\"%.125s\xe2\x80\xa6\"", text);
    is_method((mcp_str_t) { (uint8_t *) text, 129 }, expected, "cut");

    /* no escape and no character is cut in two */

    memcpy(text + 124, "\xc3\xa4", 2);
    snprintf(expected, sizeof(expected),
             ",\"method\":\"%.124s\xe2\x80\xa6\"", text);
    is_method((mcp_str_t) { (uint8_t *) text, 200 }, expected,
              "before a character");

    memcpy(text + 124, "\nx", 2);
    is_method((mcp_str_t) { (uint8_t *) text, 200 }, expected,
              "before an escape");
}


static void
test_ids(void)
{
    size_t               i;
    uint8_t              members[MCP_AUDIT_MESSAGE_MAX];
    mcp_str_t            got;
    mcp_audit_message_t  message;

    static const struct {
        const char  *id;
        bool         string;
        const char  *members;
    } ids[] = {
        { "1", false, ",\"id\":1" },
        { "1", true, ",\"id\":\"1\"" },
        { "-0", false, ",\"id\":-0" },
        { "1.000000000000000000000000000000000", false,
          ",\"id\":\"1.000000000000000000000000000000000\"" },
        { "a\"b", true, ",\"id\":\"a\\\"b\"" },
        { "nul", false, ",\"id\":\"nul\"" },
        { "", false, "" }
    };

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        memset(&message, 0, sizeof(message));
        message.id = tap_str(ids[i].id);
        message.id_string = ids[i].string;

        got.data = members;
        got.len = mcp_audit_message_write(&message, members);
        is_str(got, ids[i].members, ids[i].id);
    }
}


static mcp_str_t
arguments(const char *text, mcp_audit_message_t *message, uint8_t *members)
{
    mcp_str_t     got;
    mcp_json_t    json;
    mcp_error_t   error;
    mcp_limits_t  limits;

    memset(&limits, 0, sizeof(limits));
    limits.depth = 10;
    limits.tokens = 10000;
    limits.string_length = 10000;
    limits.number_length = 100;

    memset(message, 0, sizeof(*message));

    ok(mcp_json_parse(&json, tap_str(text), &limits, &arena, &error) == MCP_OK
       && mcp_audit_arguments(message, &json, 0, &arena) == MCP_OK, "read");

    got.data = members;
    got.len = mcp_audit_message_write(message, members);

    return got;
}


static void
test_arguments(void)
{
    int                  i, n;
    char                 text[8192];
    uint8_t              members[MCP_AUDIT_MESSAGE_MAX];
    mcp_str_t            got;
    mcp_audit_message_t  message;

    is_str(arguments("{}", &message, members),
           ",\"argument_count\":0,\"argument_keys\":[]", "no arguments");

    is_str(arguments("{\"b\":{\"z\":1},\"\\u0061\":\"secret\",\"ab\":[{}],"
                     "\"\":1}", &message, members),
           ",\"argument_count\":4,\"argument_keys\":[\"\",\"a\",\"ab\",\"b\"]",
           "names of the top, sorted");

    n = snprintf(text, sizeof(text), "{");

    for (i = 99; i >= 0; i--) {
        n += snprintf(text + n, sizeof(text) - (size_t) n, "\"k%02d\":%d%s",
                      i, i, i ? "," : "}");
    }

    got = arguments(text, &message, members);

    ok(message.argument_count == 100 && message.key_count == MCP_AUDIT_KEYS,
       "the first of many names");
    ok(got.len > 32 && memcmp(got.data, ",\"argument_count\":100,"
                              "\"argument_keys\":[\"k68\",", 43) == 0,
       "all of them are counted");

    n = snprintf(text, sizeof(text), "{");

    for (i = 0; i < 32; i++) {
        n += snprintf(text + n, sizeof(text) - (size_t) n,
                      "\"%02d%0100d\":1%s", i, 0, i < 31 ? "," : "}");
    }

    got = arguments(text, &message, members);

    ok(got.len <= MCP_AUDIT_KEYS_LENGTH + 64
       && got.len > MCP_AUDIT_KEYS_LENGTH - 64, "long names: %zu", got.len);
    ok(got.data[got.len - 1] == ']' && got.data[got.len - 2] == '"',
       "the last of them is whole");
}


/* The most that each member takes: the buffers have room for it. */

static void
test_bounds(void)
{
    size_t               i, n, part_length, line_length;
    uint8_t              text[4096];
    uint8_t             *part, *line;
    mcp_str_t            long_text, keys[MCP_AUDIT_KEYS];
    mcp_audit_request_t  request;
    mcp_audit_message_t  message;
    mcp_audit_approval_t approval;

    static const char *fillings[] = {
        "x", "\"", "\x01", "\xff", "\xc3\xa4", "\xe2\x80\xa8",
        "\xf0\x9f\x98\x80"
    };

    part = malloc(MCP_AUDIT_MESSAGE_MAX);
    line = malloc(MCP_AUDIT_LINE_MAX);

    for (i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++) {
        n = strlen(fillings[i]);

        for (long_text.len = 0; long_text.len + n <= sizeof(text);
             long_text.len += n)
        {
            memcpy(text + long_text.len, fillings[i], n);
        }

        long_text.data = text;

        for (n = 0; n < MCP_AUDIT_KEYS; n++) {
            keys[n] = long_text;
        }

        memset(&message, 0, sizeof(message));
        message.index = message.count = UINT32_MAX;
        message.target_count = message.argument_count = UINT32_MAX;
        message.reset_s = UINT64_MAX;
        message.target_kind = MCP_TARGET_PROMPT;
        message.method = message.target = message.id = long_text;
        message.decision = message.rule = message.reason = long_text;
        message.args_hash = hash;
        message.approval = sha256;
        message.approval_count = UINT32_MAX;
        message.id_string = message.limited = message.arguments = true;
        message.remaining = INT64_MIN + 1;
        message.keys = keys;
        message.key_count = MCP_AUDIT_KEYS;

        part_length = mcp_audit_message_write(&message, part);

        memset(&request, 0xff, sizeof(request));
        request.request_id = request.address = long_text;
        request.http_method = long_text;
        request.grant = request.session = hash;
        request.policy = request.protocol = request.client = long_text;
        request.traceparent = long_text;
        request.sha256 = sha256;
        request.upstream_ms = UINT64_MAX - 1;

        line_length = mcp_audit_line_write(&request, (mcp_str_t)
                                           { part, part_length }, line);

        ok(part_length <= MCP_AUDIT_MESSAGE_MAX
           && line_length + MCP_AUDIT_MESSAGE_MAX - part_length
              <= MCP_AUDIT_LINE_MAX,
           "bounded: %zu, %zu", part_length, line_length);

        memset(&approval, 0xff, sizeof(approval));
        approval.approval = sha256;
        approval.request_id = approval.address = approval.policy = long_text;
        approval.rule = approval.tool = approval.decision = long_text;
        approval.by = approval.comment = long_text;

        line_length = mcp_audit_approval_write(&approval, line);

        ok(line_length <= MCP_AUDIT_LINE_MAX, "bounded: %zu", line_length);
    }

    free(part);
    free(line);
}


int
main(void)
{
    mcp_allocator_t  allocator = TAP_ALLOCATOR;

    mcp_arena_init(&arena, &allocator, 0);

    test_lines();
    test_approvals();
    test_time();
    test_text();
    test_ids();
    test_arguments();
    test_bounds();

    mcp_arena_destroy(&arena);

    return tap_done();
}
