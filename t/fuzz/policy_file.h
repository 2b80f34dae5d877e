/*
 * A policy file named FUZZ_FILE: reader, dialects, builder.  What is refused
 * must have been reported with a place, all memory is returned, and a policy
 * that loads judges a call without harm.
 */

#include "fuzz.h"

#include "mcp_evaluate.h"
#include "mcp_policy_file.h"


typedef struct {
    unsigned  live;
    unsigned  errors;
} reading_t;


static void *
fuzz_count_alloc(void *data, size_t size)
{
    reading_t  *reading = data;

    reading->live++;

    return malloc(size);
}


static void
fuzz_count_free(void *data, void *p)
{
    reading_t  *reading = data;

    reading->live -= p != NULL;
    free(p);
}


static void
fuzz_report(void *data, mcp_severity_t severity, const mcp_place_t *place,
    const char *text)
{
    reading_t  *reading = data;

    reading->errors += severity == MCP_REPORT_ERROR;

    check(place->line > 0);
    check(place->file[0] == 'p');
    check(text[0] != '\0');
}


/* A call of the name that seeds use; limits need no counters to be noted. */
static void
fuzz_judge(const mcp_policy_t *policy, const mcp_allocator_t *allocator)
{
    mcp_str_t       text;
    mcp_body_t      body;
    mcp_arena_t     arena;
    mcp_caller_t    caller;
    mcp_limits_t    limits;
    mcp_headers_t   headers;
    mcp_verdict_t   verdict;

    text = mcp_str("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                   "\"tools/call\",\"params\":{\"name\":\"a\","
                   "\"arguments\":{\"a\":{\"b\":[1,\"x\",null]},"
                   "\"n\":1000000,\"s\":\"5\",\"\":true}}}");

    memset(&headers, 0, sizeof(headers));
    memset(&caller, 0, sizeof(caller));
    memset(&limits, 0, sizeof(limits));

    limits.depth = 16;
    limits.tokens = 1000;
    limits.string_length = 1000;
    limits.number_length = 1000;
    limits.batch = 1;

    caller.grant = mcp_str("g");
    mcp_arena_init(&arena, allocator, 0);

    if (mcp_body_parse(&body, text, &headers, MCP_REVISIONS_ALL, &limits,
                       &arena)
        == MCP_OK)
    {
        (void) mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict);
    }

    mcp_arena_destroy(&arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_rc_t             rc;
    reading_t            reading;
    mcp_frontend_t       frontend;
    mcp_allocator_t      allocator;
    const mcp_policy_t  *policy;

    memset(&reading, 0, sizeof(reading));
    memset(&frontend, 0, sizeof(frontend));

    allocator.alloc = fuzz_count_alloc;
    allocator.free = fuzz_count_free;
    allocator.data = &reading;

    frontend.report = fuzz_report;
    frontend.data = &reading;

    rc = mcp_policy_file_read(mcp_str("p"), FUZZ_FILE,
                              (mcp_str_t) { data, size }, NULL,
                              &allocator, &frontend, fuzz_limits.hash_key,
                              &policy);

    check((rc == MCP_OK) == (reading.errors == 0));
    check((rc == MCP_OK) == (policy != NULL));

    if (policy != NULL) {
        fuzz_judge(policy, &allocator);
        mcp_policy_destroy(policy);
    }

    check(reading.live == 0);

    return 0;
}
