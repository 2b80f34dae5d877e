/*
 * Time of mcp_list_filter next to mcp_json_parse of the same text: policies
 * that show all tools, every other one, none, or all as they were pinned.
 * The best of several rounds, one arena reused as by a worker.
 */

#define _POSIX_C_SOURCE  200809L

#include <stdio.h>
#include <stdlib.h>

#include "../unit/policy_text.h"
#include "bench.h"
#include "mcp_list_filter.h"

typedef struct {
    mcp_str_t           text;
    mcp_arena_t         arena;
    mcp_caller_t        caller;
    mcp_list_filter_t   filter;
    mcp_list_request_t  request;
    uint32_t            pieces;
} bench_t;


/* Some 720 bytes for each tool, as servers have them. */
static mcp_str_t
bench_list(unsigned count)
{
    char      *data;
    size_t     len, size;
    unsigned   i;

    size = 1000 + 1000 * (size_t) count;
    data = malloc(size);

    if (data == NULL) {
        exit(2);
    }

    len = (size_t) snprintf(data, size, "{\"jsonrpc\":\"2.0\",\"id\":1,"
                            "\"result\":{\"tools\":[");

    for (i = 0; i < count; i++) {
        len += (size_t) snprintf(data + len, size - len,
            "%s{\"name\":\"%s_%u_operation\",\"title\":"
            "\"Operation %u\",\"description\":\"Looks up the records that "
            "match a query and returns them, newest first.\\nUse it before "
            "anything that changes records.  A query has words, all of which "
            "must occur, and fields as in state:open; without any it matches "
            "what was changed today.\",\"inputSchema\":{\"type\":"
            "\"object\",\"properties\":{\"query\":{\"type\":\"string\","
            "\"description\":\"What to look for, words and fields\"},"
            "\"limit\":{\"type\":"
            "\"integer\",\"minimum\":1,\"maximum\":%u},\"verbose\":{\"type\":"
            "\"boolean\",\"default\":false}},\"required\":[\"query\"],"
            "\"additionalProperties\":false,\"$schema\":"
            "\"http://json-schema.org/draft-07/schema#\"},\"annotations\":"
            "{\"readOnlyHint\":true,\"openWorldHint\":false}}",
            i ? "," : "", i % 2 ? "change" : "lookup", i, i, 10 + i);
    }

    len += (size_t) snprintf(data + len, size - len, "]}}");

    return (mcp_str_t) { (uint8_t *) data, len };
}


/* A pin for every tool of the list. */
static void
bench_pin(bench_t *bench, mcp_pin_set_t *pins)
{
    char        *text;
    size_t       len, size;
    uint8_t      hash[MCP_PIN_HASH];
    uint32_t     i, k, array;
    mcp_str_t    name;
    mcp_json_t   json;

    static const char  hex[] = "0123456789abcdef";

    size = bench->text.len + 100;
    text = malloc(size);

    if (text == NULL
        || mcp_json_parse(&json, bench->text, &bench_limits, &bench->arena,
                          NULL)
           != MCP_OK)
    {
        exit(2);
    }

    array = mcp_json_member(&json, mcp_json_member(&json, 0,
                                                   mcp_str("result")),
                            mcp_str("tools"));
    len = 0;

    for (i = array + 1; i < json.tokens[array].next; i = json.tokens[i].next)
    {
        name = mcp_json_raw(&json, mcp_json_member(&json, i,
                                                   mcp_str("name")));
        len += (size_t) snprintf(text + len, size - len, "%c%.*s:\"",
                                 len ? ',' : '{', (int) name.len,
                                 (const char *) name.data);

        if (mcp_pin_hash(&json, i, &bench->arena, hash) != MCP_OK) {
            exit(2);
        }

        for (k = 0; k < MCP_PIN_HASH; k++) {
            text[len++] = hex[hash[k] >> 4];
            text[len++] = hex[hash[k] & 15];
        }

        text[len++] = '"';
    }

    text[len++] = '}';

    if (mcp_pin_read(pins, &json, (mcp_str_t) { (uint8_t *) text, len },
                     &policy_allocator, &bench->arena, policy_hash_key, NULL)
        != MCP_OK)
    {
        exit(2);
    }

    free(text);
    mcp_arena_reset(&bench->arena, BENCH_KEEP);
}


static void
bench_parse(bench_t *bench)
{
    mcp_json_t  json;

    if (mcp_json_parse(&json, bench->text, &bench_limits, &bench->arena, NULL)
        != MCP_OK)
    {
        exit(2);
    }

    mcp_arena_reset(&bench->arena, BENCH_KEEP);
}


static void
bench_filter(bench_t *bench)
{
    mcp_list_result_t  result;

    bench->request.answered = false;

    if (mcp_list_filter(&bench->filter, bench->text, &bench_limits,
                        &bench->arena, &result, NULL)
        != MCP_OK || result.listed != 1)
    {
        exit(2);
    }

    bench->pieces = result.piece_count;
    mcp_arena_reset(&bench->arena, BENCH_KEEP);
}


static double
bench_time(bench_t *bench, void (*run)(bench_t *))
{
    bench_timer_t  timer = { 0 };

    while (bench_timer_next(&timer)) {
        run(bench);
    }

    return timer.best;
}


static void
bench_row(unsigned count, const char *name, const char *text, bool pin,
    bool remember)
{
    double               parse, filter;
    bench_t              bench;
    mcp_policy_t         policy;
    mcp_pin_set_t        pins;
    mcp_pin_memory_t     memory;
    policy_reports_t     reports;
    const mcp_policy_t  *built;

    static mcp_pin_recall_t   recalls[200];
    static policy_variable_t  variables[] = { { "role", "admin" },
                                              { NULL, NULL } };

    memset(&bench, 0, sizeof(bench));

    bench.text = bench_list(count);
    bench.filter.caller = &bench.caller;
    bench.caller.resolve = policy_resolve;
    bench.caller.resolve_data = variables;
    bench.filter.max_ttl_ms = 60000;
    bench.filter.requests = &bench.request;
    bench.filter.request_count = 1;
    bench.request.id = mcp_str("1");
    bench.request.kind = MCP_LIST_TOOLS;

    built = policy_build(text, &reports);

    if (built == NULL) {
        fprintf(stderr, "%s\n", reports.texts[0]);
        exit(2);
    }

    mcp_arena_init(&bench.arena, &policy_allocator, 0);
    policy = *built;
    bench.filter.policy = &policy;

    if (pin) {
        memset(&pins, 0, sizeof(pins));
        bench_pin(&bench, &pins);
        policy.pins = &pins;
    }

    memory.allocator = policy_allocator;
    memory.recalls = recalls;
    memory.count = 200;
    memory.room = 1024 * 1024;

    if (remember) {
        bench.filter.memory = &memory;
    }

    parse = bench_time(&bench, bench_parse);
    filter = bench_time(&bench, bench_filter);

    printf("%5u %8zu  %-14s %8u %10.0f %10.0f %8.2f %10.0f\n", count,
           bench.text.len, name, bench.pieces, parse, filter, filter / parse,
           (filter - parse) / count);

    mcp_pin_memory_clear(&memory);
    mcp_arena_destroy(&bench.arena);
    mcp_policy_destroy(built);
    free((void *) bench.text.data);
}


int
main(void)
{
    unsigned  i;

    static const unsigned  counts[] = { 20, 200 };

    printf("%5s %8s  %-14s %8s %10s %10s %8s %10s\n", "tools", "bytes",
           "shown", "pieces", "parse ns", "filter ns", "ratio", "ns/tool");

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        bench_row(counts[i], "all", "default deny; tool lookup_* change_* {"
                  " }", false, false);
        bench_row(counts[i], "every other", "default deny; hide secret_*;"
                  "tool lookup_* { }", false, false);
        bench_row(counts[i], "none", "default deny; tool other { }", false,
                  false);
        bench_row(counts[i], "by the caller", "default deny; tool lookup_* {"
                  " require $role eq admin; } tool ~^change_ { deny; }"
                  "tool * { limit 9/day; }", false, false);
        bench_row(counts[i], "pinned", "default deny; tool lookup_* change_*"
                  " { }", true, false);
        bench_row(counts[i], "pinned, again", "default deny; tool lookup_* "
                  "change_* { }", true, true);
    }

    return 0;
}
