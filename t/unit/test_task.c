/* Answers that create tasks. */

#include "tap.h"
#include "mcp_task.h"


static mcp_arena_t  arena;


/* "id taskId ttl" of what the text creates, else "none" */

static void
check(const char *name, bool modern, const char *text, const char *expected)
{
    char                got[256];
    mcp_rc_t            rc;
    mcp_json_t          json;
    mcp_str_t           id;
    mcp_limits_t        limits;
    mcp_task_created_t  created;

    memset(&limits, 0, sizeof(limits));
    limits.depth = 16;
    limits.tokens = 1000;
    limits.string_length = 1000;
    limits.number_length = 100;

    mcp_arena_reset(&arena, 0);

    if (mcp_json_parse(&json, tap_str(text), &limits, &arena, NULL)
        != MCP_OK)
    {
        ok(false, "%s: text", name);
        return;
    }

    rc = mcp_task_created(&json, 0, modern, &arena, &created);

    if (rc == MCP_OK) {
        id = mcp_json_raw(&json, created.id);
        snprintf(got, sizeof(got), "%.*s %.*s %lld", (int) id.len,
                 (const char *) id.data, (int) created.task_id.len,
                 (const char *) created.task_id.data,
                 (long long) created.ttl_ms);
    } else {
        snprintf(got, sizeof(got), "%s", (rc == MCP_NO) ? "none" : "error");
    }

    is_str(tap_str(got), expected, name);
}


static void
test_legacy(void)
{
    check("task", false,
          "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"task\":"
          "{\"taskId\":\"t-1\",\"status\":\"working\",\"ttl\":60000}}}",
          "7 t-1 60000");
    check("escaped members", false,
          "{\"id\":\"a\",\"r\\u0065sult\":{\"t\\u0061sk\":"
          "{\"task\\u0049d\":\"t\\u002d1\"}}}", "\"a\" t-1 0");
    check("no ttl limit", false,
          "{\"id\":1,\"result\":{\"task\":{\"taskId\":\"t\",\"ttl\":null}}}",
          "1 t -1");
    check("huge ttl", false, "{\"id\":1,\"result\":{\"task\":"
          "{\"taskId\":\"t\",\"ttl\":99999999999999999999}}}", "1 t -1");
    check("negative ttl", false, "{\"id\":1,\"result\":{\"task\":"
          "{\"taskId\":\"t\",\"ttl\":-5}}}", "1 t 0");
    check("ttl with a fraction", false, "{\"id\":1,\"result\":{\"task\":"
          "{\"taskId\":\"t\",\"ttl\":5.5}}}", "1 t 0");
    check("an ordinary result", false,
          "{\"id\":1,\"result\":{\"content\":[],\"isError\":false}}",
          "none");
    check("an error", false,
          "{\"id\":1,\"error\":{\"code\":1,\"message\":\"x\"}}", "none");
    check("a notification", false,
          "{\"method\":\"notifications/tasks/status\",\"params\":"
          "{\"taskId\":\"t\"}}", "none");
    check("no id", false, "{\"result\":{\"task\":{\"taskId\":\"t\"}}}",
          "none");
    check("task of another type", false,
          "{\"id\":1,\"result\":{\"task\":\"t\"}}", "none");
    check("result of another type", false, "{\"id\":1,\"result\":[1]}",
          "none");
    check("task id of another type", false,
          "{\"id\":1,\"result\":{\"task\":{\"taskId\":5}}}", "none");
    check("task id with U+0000", false,
          "{\"id\":1,\"result\":{\"task\":{\"taskId\":\"a\\u0000\"}}}",
          "none");
    check("no object", false, "[1]", "none");
    check("2026-07-28 form", false, "{\"id\":1,\"result\":"
          "{\"resultType\":\"task\",\"taskId\":\"t\"}}", "none");
}


static void
test_modern(void)
{
    check("modern task", true,
          "{\"id\":1,\"result\":{\"resultType\":\"task\",\"taskId\":\"t\","
          "\"ttlMs\":1000}}", "1 t 1000");
    check("modern complete result", true,
          "{\"id\":1,\"result\":{\"resultType\":\"complete\","
          "\"taskId\":\"t\"}}", "none");
    check("modern without resultType", true,
          "{\"id\":1,\"result\":{\"taskId\":\"t\"}}", "none");
    check("modern resultType of another type", true,
          "{\"id\":1,\"result\":{\"resultType\":5,\"taskId\":\"t\"}}",
          "none");
    check("legacy form", true,
          "{\"id\":1,\"result\":{\"task\":{\"taskId\":\"t\"}}}", "none");
}


static void
check_end(const char *name, const char *text, size_t expected)
{
    bool             same;
    size_t           i, end, whole;
    mcp_str_t        piece;
    mcp_task_text_t  state;

    memset(&state, 0, sizeof(state));
    whole = mcp_task_text_end(&state, tap_str(text));
    ok(whole == expected, "%s ends at %zu", name, whole);

    memset(&state, 0, sizeof(state));
    end = 0;

    for (i = 0; i < strlen(text) && end == 0; i++) {
        piece.data = (const uint8_t *) text + i;
        piece.len = 1;

        if (mcp_task_text_end(&state, piece)) {
            end = i + 1;
        }
    }

    same = end == expected;
    ok(same, "%s, byte by byte", name);
}


static void
test_end(void)
{
    check_end("object", "{}", 2);
    check_end("object and more", " {\"a\":[1,{}]} \n{", 13);
    check_end("braces in a string", "{\"a\":\"}]\\\"}\"}", 13);
    check_end("escaped backslash", "[\"\\\\\"]x", 6);
    check_end("unfinished", "{\"a\":{}", 0);
    check_end("unfinished string", "{\"a}", 0);
    check_end("nothing", "", 0);
    check_end("only closing", "}]{}", 4);
}


int
main(void)
{
    mcp_allocator_t  allocator = TAP_ALLOCATOR;

    mcp_arena_init(&arena, &allocator, 0);

    test_legacy();
    test_modern();
    test_end();

    mcp_arena_destroy(&arena);

    return tap_done();
}
