/* Notifications of approvals: the body, and the time between tries. */

#include "tap.h"

#include "mcp_audit.h"
#include "mcp_json.h"
#include "mcp_notify.h"


#define ID  "000102030405060708090a0b0c0d0e0f"

#define HEAD                                                                  \
    "{\"schema\":1,\"event\":\"approval.pending\",\"id\":\"" ID "\","         \
    "\"time\":\"2026-01-15T10:30:00.123Z\","                                  \
    "\"expires\":\"2026-01-15T10:45:00.123Z\","


static void
fill(mcp_approval_view_t *approval)
{
    uint8_t  i;

    memset(approval, 0, sizeof(*approval));

    for (i = 0; i < MCP_APPROVAL_ID; i++) {
        approval->id[i] = i;
    }

    approval->state = MCP_APPROVAL_PENDING;
    approval->grant[0] = UINT64_C(0x0123456789abcdef);
    approval->grant[1] = 0xff;
    approval->created_ms = UINT64_C(1768473000123);
    approval->expires_ms = approval->created_ms + MCP_APPROVAL_TTL_MS;
    approval->policy = mcp_str("shop");
    approval->rule = mcp_str("large refund");
    approval->tool = mcp_str("refund");
    approval->arguments = mcp_str("{\"amount\": 900}");
    approval->arguments_length = approval->arguments.len;
}


/* In memory of just the size that is promised, so that ASan sees more. */

static void
is_body(const mcp_approval_view_t *approval, mcp_str_t page, bool arguments,
    const char *expected, const char *name)
{
    size_t    room, length;
    uint8_t  *body;

    room = mcp_notify_length(approval, page, arguments);
    body = malloc(room);

    if (body == NULL) {
        ok(false, "memory");
        return;
    }

    length = mcp_notify_write(approval, page, arguments, body);

    ok(length <= room, "%s: within its room", name);
    is_str(((mcp_str_t) { body, length }), expected, name);

    free(body);
}


static void
test_body(void)
{
    mcp_approval_view_t  approval;

    fill(&approval);

    is_body(&approval, mcp_str(""), false,
            HEAD "\"policy\":\"shop\",\"rule\":\"large refund\","
            "\"tool\":\"refund\","
            "\"grant\":\"0123456789abcdef00000000000000ff\"}",
            "no arguments unless they are wanted");

    is_body(&approval, mcp_str("https://ops.example.com/mcp#" ID), true,
            HEAD "\"policy\":\"shop\",\"rule\":\"large refund\","
            "\"tool\":\"refund\","
            "\"grant\":\"0123456789abcdef00000000000000ff\","
            "\"url\":\"https://ops.example.com/mcp#" ID "\","
            "\"arguments\":{\"amount\": 900}}",
            "page and arguments");

    approval.arguments_length = 100000;

    is_body(&approval, mcp_str(""), true,
            HEAD "\"policy\":\"shop\",\"rule\":\"large refund\","
            "\"tool\":\"refund\","
            "\"grant\":\"0123456789abcdef00000000000000ff\","
            "\"arguments_length\":100000}",
            "arguments that are cut are no JSON");

    approval.arguments.len = 0;

    is_body(&approval, mcp_str(""), true,
            HEAD "\"policy\":\"shop\",\"rule\":\"large refund\","
            "\"tool\":\"refund\","
            "\"grant\":\"0123456789abcdef00000000000000ff\"}",
            "arguments that are not kept");
}


static void
test_hostile(void)
{
    size_t               length, room;
    uint8_t             *body, name[MCP_APPROVAL_NAME];
    mcp_rc_t             rc;
    mcp_json_t           json;
    mcp_arena_t          arena;
    mcp_limits_t         limits;
    mcp_approval_view_t  approval;

    static const mcp_allocator_t  allocator = TAP_ALLOCATOR;

    fill(&approval);

    approval.rule = mcp_str("");
    approval.tool = mcp_str("a\"},\n\x01\xff\xe2\x80\xa8</script>");

    is_body(&approval, mcp_str(""), false,
            HEAD "\"policy\":\"shop\",\"rule\":\"\","
            "\"tool\":\"a\\\"},\\n\\u0001\xef\xbf\xbd\\u2028</script>\","
            "\"grant\":\"0123456789abcdef00000000000000ff\"}",
            "what a client sends is a string");

    /* the longest names, of what takes the most room */

    memset(name, 0x01, sizeof(name));
    approval.policy = (mcp_str_t) { name, sizeof(name) };
    approval.rule = approval.policy;
    approval.tool = approval.policy;
    approval.created_ms = UINT64_MAX;
    approval.expires_ms = UINT64_MAX;
    approval.arguments_length = UINT64_MAX;

    room = mcp_notify_length(&approval, approval.tool, true);
    body = malloc(room);

    if (body == NULL) {
        ok(false, "memory");
        return;
    }

    length = mcp_notify_write(&approval, approval.tool, true, body);

    memset(&limits, 0, sizeof(limits));
    limits.depth = 4;
    limits.tokens = 100;
    limits.string_length = 100000;
    limits.number_length = 100;

    mcp_arena_init(&arena, &allocator, 0);

    rc = mcp_json_parse(&json, (mcp_str_t) { body, length }, &limits, &arena,
                        NULL);

    ok(length <= room && rc == MCP_OK, "the longest is in its room, and JSON");

    mcp_arena_destroy(&arena);
    free(body);
}


static void
test_delay(void)
{
    uint32_t  tries;
    uint64_t  low, high, expected;

    static const uint32_t  randoms[] = { 0, 1, 0x7fffffff, UINT32_MAX };

    expected = MCP_NOTIFY_FIRST_MS;

    for (tries = 0; tries < 12; tries++) {
        size_t  i;

        low = expected - expected / 4;
        high = low + expected / 2;

        for (i = 0; i < sizeof(randoms) / sizeof(randoms[0]); i++) {
            uint64_t  delay = mcp_notify_delay(tries, randoms[i]);

            ok(delay >= low && delay <= high,
               "try %u: %llu ms", tries, (unsigned long long) delay);
        }

        expected = (2 * expected < MCP_NOTIFY_LAST_MS) ? 2 * expected
                                                       : MCP_NOTIFY_LAST_MS;
    }

    ok(mcp_notify_delay(0, 0) == 750, "the shortest");
    ok(mcp_notify_delay(0, 500) == 1250, "the longest of the first");
    ok(mcp_notify_delay(UINT32_MAX, 150000) == 375000, "the longest");
}


int
main(void)
{
    test_body();
    test_hostile();
    test_delay();

    return tap_done();
}
