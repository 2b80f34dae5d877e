/*
 * Lists that are remembered: the same text under another id is told to be the
 * same, everything else is read.  That a text was not read shows by a policy
 * that has changed meanwhile, which no memory of a policy ever sees.
 */

#include "tap.h"
#include "mcp_list_memory.h"
#include "policy_text.h"

#define BEFORE  "{\"jsonrpc\":\"2.0\",\"id\":"
#define AFTER   ",\"result\":{\"tools\":[{\"name\":\"get_a\"}," \
                "{\"name\":\"drop_b\"}, {\"name\":\"get_c\"}]}}"
#define LEFT    ",\"result\":{\"tools\":[{\"name\":\"get_a\"}, " \
                "{\"name\":\"get_c\"}]}}"
#define RESULT  "{\"result\":{\"tools\":[{\"name\":\"drop_b\"}]," \
                "\"ttlMs\":90000},\"jsonrpc\":\"2.0\",\"id\":"
#define EMPTY   "{\"result\":{\"tools\":[],\"ttlMs\":5000}," \
                "\"jsonrpc\":\"2.0\",\"id\":"


static unsigned            allocated;
static bool                out_of_memory;
static mcp_arena_t         arena;
static mcp_caller_t        caller;
static mcp_list_filter_t   filter;
static mcp_list_memory_t   memory;
static mcp_list_request_t  requests[2];
static mcp_limits_t        limits;
static const mcp_policy_t  *policy, *other, *asking;


static void *
counting_alloc(void *data, size_t size)
{
    (void) data;

    if (out_of_memory) {
        return NULL;
    }

    allocated++;

    return malloc(size);
}


static void
counting_free(void *data, void *p)
{
    (void) data;

    allocated--;
    free(p);
}


static mcp_str_t
str(const char *s)
{
    return (mcp_str_t) { (const uint8_t *) s, strlen(s) };
}


static void
start(void)
{
    mcp_list_memory_clear(&memory);
    memory.allocator.alloc = counting_alloc;
    memory.allocator.free = counting_free;

    memset(&filter, 0, sizeof(filter));
    memset(requests, 0, sizeof(requests));

    limits = (mcp_limits_t) { MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS,
                              MCP_DEFAULT_STRING_LENGTH,
                              MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH,
                              { 1, 2 } };

    requests[0].id = mcp_str("1");
    requests[0].kind = MCP_LIST_TOOLS;
    filter.policy = policy;
    filter.caller = &caller;
    filter.max_ttl_ms = 5000;
    filter.requests = requests;
    filter.request_count = 1;
    filter.lists = &memory;
}


/* What is left of a text, "?" when it cannot be filtered. */
static const char *
left(const char *id, const char *text)
{
    size_t             n;
    uint32_t           i;
    mcp_list_result_t  result;

    static char  output[4096];

    requests[0].id = str(id);
    requests[0].answered = false;

    if (mcp_list_filter(&filter, str(text), &limits, &arena, &result, NULL)
        != MCP_OK
        || result.length >= sizeof(output))
    {
        return "?";
    }

    n = 0;

    for (i = 0; i < result.piece_count; i++) {
        memcpy(output + n, result.pieces[i].data, result.pieces[i].len);
        n += result.pieces[i].len;
    }

    output[n] = '\0';

    if (n != result.length || !requests[0].answered || result.listed != 1
        || result.removed != 1 || !result.changed)
    {
        return "?";
    }

    return output;
}


static void
is_left(const char *id, const char *text, const char *expected,
    const char *name)
{
    tap_is_str(str(left(id, text)), expected, __FILE__, __LINE__, name);
}


/* Whether the first list is still what this text is taken for. */
static bool
remembered(const char *id, const char *text)
{
    bool         same;
    const char  *is;

    filter.policy = other;
    is = left(id, text);
    same = strstr(is, "get_a") != NULL || strstr(is, "\"tools\":[]") != NULL;
    filter.policy = policy;

    return same;
}


static void
test_ids(void)
{
    start();
    is_left("1", BEFORE "1" AFTER, BEFORE "1" LEFT, "read");
    ok(remembered("1", BEFORE "1" AFTER), "the same text");
    is_left("1", BEFORE "1" AFTER, BEFORE "1" LEFT, "remembered");

    start();
    (void) left("1", BEFORE "1" AFTER);
    ok(remembered("12345", BEFORE "12345" AFTER), "a longer id");

    start();
    (void) left("1", BEFORE "1" AFTER);
    is_left("12345", BEFORE "12345" AFTER, BEFORE "12345" LEFT,
            "a longer id, text");

    start();
    (void) left("\"list-1\"", BEFORE "\"list-1\"" AFTER);
    is_left("7", BEFORE "7" AFTER, BEFORE "7" LEFT, "a shorter id");

    start();
    (void) left("1", BEFORE "1" AFTER);
    ok(!remembered("2", BEFORE "1" AFTER), "the answer to another request");

    start();
    (void) left("1", RESULT "1}");
    is_left("\"abc\"", RESULT "\"abc\"}", EMPTY "\"abc\"}",
            "an id behind the list, and parts that were put in");

    start();
    (void) left("1", RESULT "1}");
    ok(remembered("22", RESULT "22}"), "an id behind the list");
}


/* Any byte that differs. */
static void
test_bytes(void)
{
    size_t    i, length;
    char      text[] = BEFORE "1" AFTER;
    unsigned  wrong;

    wrong = 0;
    length = strlen(text);

    for (i = 0; i < length; i++) {
        start();
        (void) left("1", BEFORE "1" AFTER);

        text[i] ^= 1;
        wrong += remembered("1", text);
        text[i] ^= 1;
    }

    ok(wrong == 0, "any other byte");

    start();
    (void) left("1", BEFORE "1" AFTER);
    ok(!remembered("1", BEFORE "1" AFTER " "), "a byte more");

    start();
    (void) left("1", BEFORE "1" AFTER " ");
    ok(!remembered("1", BEFORE "1" AFTER), "a byte less");
}


static void
test_questions(void)
{
    start();
    (void) left("1", BEFORE "1" AFTER);
    filter.hidden_only = true;
    ok(!remembered("1", BEFORE "1" AFTER), "only what is hidden");

    start();
    (void) left("1", BEFORE "1" AFTER);
    filter.private_view = true;
    ok(!remembered("1", BEFORE "1" AFTER), "a private view");

    start();
    (void) left("1", BEFORE "1" AFTER);
    filter.max_ttl_ms = 1;
    ok(!remembered("1", BEFORE "1" AFTER), "another lifetime");

    start();
    (void) left("1", BEFORE "1" AFTER);
    limits.depth = 63;
    ok(!remembered("1", BEFORE "1" AFTER), "another depth");

    start();
    (void) left("1", BEFORE "1" AFTER);
    requests[0].kind = MCP_LIST_PROMPTS;
    ok(!remembered("1", BEFORE "1" AFTER), "another kind");

    start();
    (void) left("1", BEFORE "1" AFTER);
    filter.lists = NULL;
    ok(!remembered("1", BEFORE "1" AFTER), "no memory");
}


static mcp_rc_t
resolve(void *data, const void *variables, mcp_arena_t *into,
    mcp_str_t *value)
{
    (void) variables;
    (void) into;

    *value = str(data);

    return MCP_OK;
}


static void
test_not_kept(void)
{
    char  *text;

    start();
    filter.policy = asking;
    caller.resolve = resolve;
    caller.resolve_data = "admin";
    is_left("1", BEFORE "1" AFTER, BEFORE "1" LEFT, "asks the caller");
    ok(allocated == 0, "what depends on the caller is not kept");

    caller.resolve_data = "guest";
    ok(strcmp(left("1", BEFORE "1" AFTER), "?") == 0, "another caller");
    ok(allocated == 0, "nor for the other");

    filter.policy = policy;
    is_left("1", BEFORE "1" AFTER, BEFORE "1" LEFT, "asks nobody");
    ok(allocated == 1, "with variables that nobody asks for it is");
    memset(&caller, 0, sizeof(caller));

    start();
    (void) left("1", "[" BEFORE "1" AFTER "]");
    ok(allocated == 0, "a batch");

    start();
    filter.request_count = 2;
    (void) left("1", BEFORE "1" AFTER);
    ok(allocated == 0, "one of two requests");

    start();
    filter.request_count = 0;
    (void) left("1", BEFORE "1" AFTER);
    ok(allocated == 0, "a list that nobody asked for");

    start();
    (void) left("1", BEFORE "1.0" AFTER);
    ok(allocated == 0, "an id that is written otherwise");

    start();
    (void) left("1", BEFORE "1,\"result\":{\"tools\":{}}}");
    ok(allocated == 0, "an answer that is withheld");

    start();
    (void) left("1", BEFORE "1,\"result\":{\"tools\":[}}");
    ok(allocated == 0, "a text that cannot be read");

    start();
    out_of_memory = true;
    is_left("1", BEFORE "1" AFTER, BEFORE "1" LEFT, "without memory");
    out_of_memory = false;

    text = malloc(300 * 1024);
    memset(text, ' ', 300 * 1024);
    memcpy(text, BEFORE "1" AFTER, strlen(BEFORE "1" AFTER));
    text[300 * 1024 - 1] = '\0';

    start();
    (void) left("1", text);
    ok(allocated == 0, "a long text");
    free(text);
}


static void
test_room(void)
{
    start();
    (void) left("1", BEFORE "1" AFTER);
    (void) left("1", RESULT "1}");
    ok(allocated == 1, "one text for a kind");

    is_left("1", RESULT "1}", EMPTY "1}", "the last one");
    is_left("1", BEFORE "1" AFTER, BEFORE "1" LEFT, "the one before");

    mcp_list_memory_clear(&memory);
    ok(allocated == 0, "nothing is left");
}


int
main(void)
{
    mcp_allocator_t   allocator = TAP_ALLOCATOR;
    policy_reports_t  reports;

    mcp_arena_init(&arena, &allocator, 0);

    policy = policy_build("default deny; tool get_* { }", &reports);
    other = policy_build("default deny; tool drop_* { }", &reports);
    asking = policy_build("default deny; tool get_* { require $role eq admin;"
                          " }", &reports);

    if (policy == NULL || other == NULL || asking == NULL) {
        printf("Bail out! no policy\n");
        return 1;
    }

    test_ids();
    test_bytes();
    test_questions();
    test_not_kept();
    test_room();

    mcp_list_memory_clear(&memory);
    mcp_arena_destroy(&arena);
    mcp_policy_destroy(policy);
    mcp_policy_destroy(other);
    mcp_policy_destroy(asking);

    return tap_done();
}
