/* What it costs to check arguments that are tokens already. */

#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "mcp_schema.h"


typedef struct {
    const char  *name;
    const char  *schema;
    const char  *value;
    unsigned     times;              /* the value in an array, unless 0 */
} bench_case_t;


static const bench_case_t  bench_cases[] = {

    { "no arguments", "{\"type\":\"object\"}", "{}", 0 },

    { "3 arguments",
      "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\","
      "\"minLength\":1},\"limit\":{\"type\":\"integer\",\"minimum\":1,"
      "\"maximum\":100},\"verbose\":{\"type\":\"boolean\"}},"
      "\"required\":[\"query\"],\"additionalProperties\":false}",
      "{\"query\":\"open invoices of May\",\"limit\":20,\"verbose\":true}",
      0 },

    { "3 optional ones",
      "{\"type\":\"object\",\"properties\":{\"query\":{\"anyOf\":[{\"type\":"
      "\"string\"},{\"type\":\"null\"}]},\"limit\":{\"anyOf\":[{\"type\":"
      "\"integer\",\"minimum\":1},{\"type\":\"null\"}]},\"mode\":{\"enum\":"
      "[\"fast\",\"exact\",\"fuzzy\"]}}}",
      "{\"query\":\"open invoices\",\"limit\":20,\"mode\":\"fuzzy\"}", 0 },

    { "2 patterns",
      "{\"type\":\"object\",\"properties\":{\"repo\":{\"type\":\"string\","
      "\"pattern\":\"^[\\\\w.-]+/[\\\\w.-]+$\"},\"sha\":{\"type\":"
      "\"string\",\"pattern\":\"^[0-9a-f]{40}$\"}}}",
      "{\"repo\":\"example/project\","
      "\"sha\":\"0123456789abcdef0123456789abcdef01234567\"}", 0 },

    { "1000 edits",
      "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":"
      "{\"oldText\":{\"type\":\"string\"},\"newText\":{\"type\":\"string\"}}"
      ",\"required\":[\"oldText\",\"newText\"],\"additionalProperties\":"
      "false}}",
      "{\"oldText\":\"a line of text\",\"newText\":\"another line\"}",
      1000 },

    { "1000 unlike pairs", "{\"type\":\"array\",\"uniqueItems\":true}",
      "[%u,2.5]", 1000 }
};


static mcp_json_t
bench_parse(const char *text, mcp_arena_t *arena)
{
    mcp_str_t   s;
    mcp_json_t  json;

    s = (mcp_str_t) { (const uint8_t *) text, strlen(text) };

    if (mcp_json_parse(&json, s, &bench_limits, arena, NULL) != MCP_OK) {
        fprintf(stderr, "refused: %s\n", text);
        exit(2);
    }

    return json;
}


/* "[0,VALUE]", or "[0,[VALUE,...]]" with numbers counted up. */

static char *
bench_value(const bench_case_t *test)
{
    char      *text;
    size_t     len, size, i;
    unsigned   n;

    size = (test->times + 1) * (strlen(test->value) + 12) + 16;
    text = malloc(size);

    if (text == NULL) {
        exit(2);
    }

    len = (size_t) snprintf(text, size, test->times ? "[0,[" : "[0,");
    n = 0;

    do {
        text[len] = ',';
        len += (n > 0);

        for (i = 0; test->value[i] != '\0'; i++) {
            if (test->value[i] == '%') {
                len += (size_t) snprintf(text + len, size - len, "%u", n);
                i++;

            } else {
                text[len++] = test->value[i];
            }
        }

    } while (++n < test->times);

    (void) snprintf(text + len, size - len, test->times ? "]]" : "]");

    return text;
}


static double
bench_time(const mcp_schema_t *schema, const mcp_json_t *json,
    mcp_arena_t *arena)
{
    bench_timer_t       timer = { 0 };
    mcp_schema_fault_t  fault;

    while (bench_timer_next(&timer)) {
        if (mcp_schema_check(schema, json, 2, arena, &fault) != MCP_OK) {
            fprintf(stderr, "does not fit: %.*s\n", (int) fault.text.len,
                    (const char *) fault.text.data);
            exit(2);
        }

        mcp_arena_reset(arena, 1 << 20);
    }

    return timer.best;
}


int
main(void)
{
    char                *text;
    size_t               i;
    mcp_json_t           json;
    mcp_arena_t          arena, work;
    mcp_error_t          error;
    mcp_allocator_t      allocator = { bench_alloc, bench_free, NULL };
    const mcp_schema_t  *schema;

    static const uint64_t  hash_key[2] = { 1, 2 };

    printf("%-20s %8s %10s\n", "arguments", "bytes", "ns");

    for (i = 0; i < sizeof(bench_cases) / sizeof(bench_cases[0]); i++) {
        mcp_arena_init(&arena, &allocator, 0);
        mcp_arena_init(&work, &allocator, 0);

        json = bench_parse(bench_cases[i].schema, &arena);

        if (mcp_schema_compile(&json, 0, &allocator, hash_key, &schema,
                               &error)
            != MCP_OK)
        {
            fprintf(stderr, "%s\n", error.text);
            return 2;
        }

        text = bench_value(&bench_cases[i]);
        json = bench_parse(text, &arena);

        printf("%-20s %8zu %10.0f\n", bench_cases[i].name, strlen(text) - 4,
               bench_time(schema, &json, &work));

        mcp_schema_free(schema);
        mcp_arena_destroy(&work);
        mcp_arena_destroy(&arena);
        free(text);
    }

    return 0;
}
