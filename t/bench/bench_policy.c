/*
 * Time from the text of a policy file to the compiled policy, by the number
 * of tools, each with a condition and a limit.  The best of several rounds.
 */

#define _POSIX_C_SOURCE  200809L

#include "bench_text.h"
#include "mcp_policy_file.h"


static void
bench_json(bench_text_t *text, unsigned tools)
{
    unsigned  i;

    bench_add(text, "{ \"version\": \"1\", \"default\": \"deny\","
                    " \"tools\": {\n");

    for (i = 0; i < tools; i++) {
        bench_add(text, "  \"server.tool_%u\": {\n"
                        "    \"deny_if\": [ { \"conditions\": [ {"
                        " \"path\": \"args.path\", \"op\": \"regex\","
                        " \"value\": \"^/home/[^/]+/\\\\.ssh\" } ] } ],\n"
                        "    \"limits\": [ { \"counter\": \"rate_%u\","
                        " \"window\": \"minute\", \"max\": 30,"
                        " \"scope\": \"grant\" } ] }%s\n",
                  i, i, i + 1 < tools ? "," : "");
    }

    bench_add(text, "} }\n");
}


static void
bench_yaml(bench_text_t *text, unsigned tools)
{
    unsigned  i;

    bench_add(text, "version: \"1\"\ndefault: deny\ntools:\n");

    for (i = 0; i < tools; i++) {
        bench_add(text, "  server.tool_%u:\n"
                        "    rules:\n"
                        "      - name: path\n"
                        "        conditions:\n"
                        "          - path: args.path\n"
                        "            op: regex\n"
                        "            value: '^/home/[^/]+/projects/'\n"
                        "      - name: pace\n"
                        "        rate_limit: 30/minute\n", i);
    }
}


static void
bench_report(void *data, mcp_severity_t severity, const mcp_place_t *place,
    const char *text)
{
    (void) data;
    (void) severity;

    fprintf(stderr, "%s:%u: %s\n", place->file, place->line, text);
    exit(2);
}


static double
bench_load(const char *name, const bench_text_t *text)
{
    bench_timer_t        timer = { 0 };
    mcp_frontend_t       frontend;
    const mcp_policy_t  *policy;

    static const uint64_t         hash_key[2] = { 1, 2 };
    static const mcp_allocator_t  allocator = { bench_alloc, bench_free,
                                                NULL };

    memset(&frontend, 0, sizeof(frontend));
    frontend.report = bench_report;

    while (bench_timer_next(&timer)) {
        if (mcp_policy_file_read(mcp_str("bench"), name,
                                 (mcp_str_t) { (uint8_t *) text->data,
                                               text->len },
                                 NULL, &allocator, &frontend, hash_key,
                                 &policy)
            != MCP_OK)
        {
            exit(2);
        }

        mcp_policy_destroy(policy);
    }

    return timer.best / 1e6;
}


int
main(void)
{
    size_t        i;
    double        json, yaml;
    bench_text_t  text;

    static const unsigned  tools[] = { 10, 100, 1000, 10000 };

    printf("policy file to policy, a regex and a limit for each tool, "
           "milliseconds\n\n%10s %10s %10s\n", "tools", "json", "yaml");

    for (i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        memset(&text, 0, sizeof(text));
        bench_json(&text, tools[i]);
        json = bench_load("bench.json", &text);

        text.len = 0;
        bench_yaml(&text, tools[i]);
        yaml = bench_load("bench.yaml", &text);

        printf("%10u %10.2f %10.2f\n", tools[i], json, yaml);
        free(text.data);
    }

    return 0;
}
