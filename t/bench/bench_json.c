/*
 * Time of mcp_json_parse next to jansson's json_loadb with
 * JSON_REJECT_DUPLICATES.  The best of several rounds, one arena reused as
 * by a worker.  Optional argument: only cases whose name contains it.
 */

#define _POSIX_C_SOURCE  200809L

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mcp_json.h"

#define BENCH_ROUNDS  7
#define BENCH_ROUND   60e6    /* nanoseconds */
#define BENCH_KEEP    (8 * 1024 * 1024)


typedef struct {
    char      *data;
    size_t     len;
    size_t     size;
    uint64_t   random;
} bench_text_t;

typedef struct {
    const char  *name;
    void       (*write)(bench_text_t *text, size_t length);
    size_t       length;
} bench_case_t;


static void
bench_add(bench_text_t *text, const char *format, ...)
{
    int      n;
    va_list  args;

    if (text->size - text->len < 4096) {
        text->size = text->size * 2 + 65536;
        text->data = realloc(text->data, text->size);

        if (text->data == NULL) {
            exit(2);
        }
    }

    va_start(args, format);
    n = vsnprintf(text->data + text->len, text->size - text->len, format,
                  args);
    va_end(args);

    text->len += (size_t) n;
}


static unsigned
bench_random(bench_text_t *text, unsigned limit)
{
    text->random ^= text->random << 13;
    text->random ^= text->random >> 7;
    text->random ^= text->random << 17;

    return (unsigned) (text->random >> 33) % limit;
}


static void
bench_call(bench_text_t *text, size_t length)
{
    (void) length;

    bench_add(text,
        "{\"jsonrpc\":\"2.0\",\"id\":42,\"method\":\"tools/call\",\"params\":"
        "{\"name\":\"create_refund\",\"arguments\":{\"customer\":"
        "\"cus_9s6XKzkNRiz8i3\",\"amount\":2599,\"currency\":\"eur\","
        "\"reason\":\"requested by customer, see ticket 88213\","
        "\"notify\":true,\"metadata\":{\"order\":\"A-1009\",\"attempt\":1}},"
        "\"_meta\":{\"progressToken\":7}}}");
}


/* Small members of every kind, values and their lengths at random. */
static void
bench_dense(bench_text_t *text, size_t length)
{
    unsigned  i, n;

    static const char *const  word[] = {
        "red", "green", "blue", "open", "closed", "a", "pending", "ok",
        "invoice-2024"
    };

    bench_add(text, "{\"method\":\"tools/call\",\"params\":{\"rows\":[");

    for (i = 0; text->len + 120 < length; i++) {
        bench_add(text, "%s{\"id\":%u,\"open\":%s,\"tags\":[", i ? "," : "",
                  bench_random(text, 100000),
                  bench_random(text, 2) ? "true" : "false");

        for (n = bench_random(text, 4); n != 0; n--) {
            bench_add(text, "\"%s\"%s", word[bench_random(text, 9)],
                      n > 1 ? "," : "");
        }

        bench_add(text, "],\"point\":[%u,%u.%u],\"owner\":{\"left\":%s,"
                  "\"state\":\"%s\"}}", bench_random(text, 1000),
                  bench_random(text, 100), bench_random(text, 100),
                  bench_random(text, 2) ? "null" : "-1",
                  word[bench_random(text, 9)]);
    }

    bench_add(text, "]}}");
}


static void
bench_string(bench_text_t *text, size_t length)
{
    bench_add(text, "{\"method\":\"tools/call\",\"params\":{\"text\":\"");

    while (text->len + 40 < length) {
        bench_add(text, "the quick brown fox jumps, ");
    }

    bench_add(text, "\"}}");
}


static void
bench_unicode(bench_text_t *text, size_t length)
{
    bench_add(text, "{\"method\":\"tools/call\",\"params\":{\"text\":\"");

    while (text->len + 60 < length) {
        bench_add(text, "\346\227\245\346\234\254\350\252\236\343\201\256"
                  "\346\226\207\347\253\240 f\303\274r ");
    }

    bench_add(text, "\"}}");
}


static void
bench_escapes(bench_text_t *text, size_t length)
{
    bench_add(text, "{\"method\":\"tools/call\",\"params\":{\"text\":\"");

    while (text->len + 60 < length) {
        bench_add(text, "int main(void) {\\n    puts(\\\"hi\\\");\\n}\\n");
    }

    bench_add(text, "\"}}");
}


static void
bench_pretty(bench_text_t *text, size_t length)
{
    unsigned  i;

    bench_add(text, "{\n  \"rows\": [");

    for (i = 0; text->len + 160 < length; i++) {
        bench_add(text, "%s\n    {\n      \"id\": %u,\n      \"name\": "
                  "\"item %u\",\n      \"open\": true\n    }", i ? "," : "",
                  bench_random(text, 100000), i);
    }

    bench_add(text, "\n  ]\n}\n");
}


static void
bench_keys(bench_text_t *text, size_t length)
{
    unsigned  i;

    bench_add(text, "{");

    for (i = 0; text->len + 40 < length; i++) {
        bench_add(text, "%s\"key%u\":%u", i ? "," : "", i,
                  bench_random(text, 10));
    }

    bench_add(text, "}");
}


/* Pairs of escaped names are what costs most for each byte. */
static void
bench_hostile(bench_text_t *text, size_t length)
{
    bench_add(text, "[0");

    while (text->len + 40 < length) {
        bench_add(text, ",{\"\\n\":1,\"\":2}");
    }

    bench_add(text, "]");
}


static void
bench_list(bench_text_t *text, size_t length)
{
    unsigned  i;

    bench_add(text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[");

    for (i = 0; text->len + 720 < length; i++) {
        bench_add(text, "%s{\"name\":\"service_%u_operation\",\"title\":"
            "\"Operation %u\",\"description\":\"Looks up the records that "
            "match a query and returns them, newest first.\\nUse it before "
            "anything that changes records.\",\"inputSchema\":{\"type\":"
            "\"object\",\"properties\":{\"query\":{\"type\":\"string\","
            "\"description\":\"What to look for\"},\"limit\":{\"type\":"
            "\"integer\",\"minimum\":1,\"maximum\":%u},\"verbose\":{\"type\":"
            "\"boolean\",\"default\":false}},\"required\":[\"query\"],"
            "\"additionalProperties\":false,\"$schema\":"
            "\"http://json-schema.org/draft-07/schema#\"},\"annotations\":"
            "{\"readOnlyHint\":true,\"openWorldHint\":false}}",
            i ? "," : "", i, i, 10 + bench_random(text, 1000));
    }

    bench_add(text, "]}}");
}


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


static void *
bench_alloc(void *data, size_t size)
{
    (void) data;
    return malloc(size);
}


static void
bench_free(void *data, void *p)
{
    (void) data;
    free(p);
}


static double
bench_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


static uint32_t
bench_ours(const bench_text_t *text, mcp_arena_t *arena)
{
    mcp_str_t     s;
    mcp_json_t    json;
    mcp_error_t   error;

    static const mcp_limits_t  limits = {
        MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS, MCP_DEFAULT_STRING_LENGTH,
        MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH, { 1, 2 }
    };

    s.data = (const uint8_t *) text->data;
    s.len = text->len;

    if (mcp_json_parse(&json, s, &limits, arena, &error) != MCP_OK
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
    double    start, took, best;
    unsigned  round, i, n;

    for (n = 1; n < 1u << 24; n *= 2) {
        start = bench_now();

        for (i = 0; i < n; i++) {
            run(text, arena);
        }

        if (bench_now() - start > BENCH_ROUND / 2) {
            break;
        }
    }

    best = 0;

    for (round = 0; round < BENCH_ROUNDS; round++) {
        start = bench_now();

        for (i = 0; i < n; i++) {
            run(text, arena);
        }

        took = (bench_now() - start) / n;
        best = round == 0 || took < best ? took : best;
    }

    return best;
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
