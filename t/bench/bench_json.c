/*
 * Time of mcp_json_parse next to jansson's json_loadb with
 * JSON_REJECT_DUPLICATES.  The best of several rounds, one arena reused as
 * by a worker.  Optional argument: only cases whose name contains it.
 */

#define _POSIX_C_SOURCE  200809L

#include <jansson.h>

#include "bench_text.h"



typedef struct {
    const char  *name;
    void       (*write)(bench_text_t *text, size_t length);
    size_t       length;
} bench_case_t;


static const bench_case_t  bench_cases[] = {
    { "300 B call",         bench_call,    0 },
    { "4 KB dense",         bench_dense,   4096 },
    { "64 KB dense",        bench_dense,   65536 },
    { "64 KB one string",   bench_string,  65536 },
    { "64 KB escapes",      bench_escapes, 65536 },
    { "64 KB unicode",      bench_unicode, 65536 },
    { "64 KB pretty",       bench_pretty,  65536 },
    { "64 KB one object",   bench_keys,    65536 },
    { "64 KB hostile keys", bench_hostile, 65536 },
    { "145 KB tools/list",  bench_list,    145000 },
    { "1 MB dense",         bench_dense,   1048576 },
    { "1 MB one string",    bench_string,  1048576 },
    { "1 MB one object",    bench_keys,    1048576 }
};


static uint32_t
bench_ours(const bench_text_t *text, mcp_arena_t *arena)
{
    mcp_str_t     s;
    mcp_json_t    json;
    mcp_error_t   error;

    s.data = (const uint8_t *) text->data;
    s.len = text->len;

    if (mcp_json_parse(&json, s, &bench_limits, arena, &error) != MCP_OK
        || json.defect != MCP_JSON_VALID)
    {
        fprintf(stderr, "refused: %s\n", error.text);
        exit(2);
    }

    mcp_arena_reset(arena, BENCH_KEEP);

    return json.count;
}


static uint32_t
bench_jansson(const bench_text_t *text, mcp_arena_t *arena)
{
    json_t  *json;

    (void) arena;

    json = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, NULL);

    if (json == NULL) {
        exit(2);
    }

    json_decref(json);

    return 0;
}


static double
bench_time(const bench_text_t *text, mcp_arena_t *arena,
    uint32_t (*run)(const bench_text_t *, mcp_arena_t *))
{
    bench_timer_t  timer = { 0 };

    while (bench_timer_next(&timer)) {
        run(text, arena);
    }

    return timer.best;
}


int
main(int argc, char **argv)
{
    double           ours, theirs;
    size_t           i;
    mcp_arena_t      arena;
    bench_text_t     text;
    mcp_allocator_t  allocator = { bench_alloc, bench_free, NULL };

    printf("%-20s %8s %6s %10s %8s %8s %11s %8s %6s\n", "text", "bytes",
           "B/tok", "ns", "ns/tok", "MB/s", "jansson ns", "MB/s", "ratio");

    for (i = 0; i < sizeof(bench_cases) / sizeof(bench_cases[0]); i++) {
        uint32_t  count;

        if (argc > 1 && strstr(bench_cases[i].name, argv[1]) == NULL) {
            continue;
        }

        memset(&text, 0, sizeof(text));
        text.random = 88172645463325252u;
        bench_cases[i].write(&text, bench_cases[i].length);

        mcp_arena_init(&arena, &allocator, 0);

        count = bench_ours(&text, &arena);
        ours = bench_time(&text, &arena, bench_ours);
        theirs = argc > 2 ? 0 : bench_time(&text, &arena, bench_jansson);

        printf("%-20s %8zu %6.1f %10.0f %8.2f %8.0f %11.0f %8.0f %6.1f\n",
               bench_cases[i].name, text.len, (double) text.len / count,
               ours, ours / count, (double) text.len * 1e3 / ours, theirs,
               theirs > 0 ? (double) text.len * 1e3 / theirs : 0,
               theirs / ours);

        mcp_arena_destroy(&arena);
        free(text.data);
    }

    return 0;
}
