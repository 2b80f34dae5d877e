/*
 * What the core does for one message: tokenizing beside jansson, judging by
 * the number of tools, counting, a line of the audit log, and the whole way
 * from a body to its decision.
 *
 *   bench_decision              times, the best of several rounds
 *   bench_decision --json       the same as JSON
 *   bench_decision --compiler   what the counts below depend on, as JSON
 *   bench_decision --cases      names of what "--count" does, in its order
 *   bench_decision --count      each case BENCH_COUNTED times, for callgrind;
 *                               with a further word those that contain it
 */

#define _POSIX_C_SOURCE  200809L

#include <gnu/libc-version.h>
#include <inttypes.h>
#include <jansson.h>

#include "../unit/policy_text.h"
#include "bench_text.h"
#include "mcp_audit.h"
#include "mcp_event_stream.h"
#include "mcp_list_filter.h"
#include "mcp_outcome.h"
#include "mcp_reply.h"
#include "mcp_siphash.h"
#include "mcp_table.h"

#define BENCH_COUNTERS  10000
#define BENCH_NOW       UINT64_C(1768473000000)

/* Warm first: the arena then has what it needs, as in a worker. */
#define BENCH_WARM      5
#define BENCH_COUNTED   20


typedef struct bench_s  bench_t;

struct bench_s {
    mcp_str_t            text;
    mcp_arena_t          arena;
    const mcp_policy_t  *policy;
    mcp_caller_t         caller;
    mcp_store_t          store;
    mcp_table_t         *table;
    mcp_list_memory_t    lists;
    mcp_headers_t        headers;
    mcp_action_t         action;      /* expected */
    mcp_body_t           body;        /* of bench_evaluate */
    mcp_arena_t          parsed;      /* where it lives */
    uint32_t             charges;     /* of bench_reserve */
    uint32_t             next;
};

typedef struct {
    const char    *name;
    unsigned       tools;     /* of the policy; 0: bench_policy */
    const char    *tool;      /* NULL: the one in the middle, or an answer */
    size_t         length;
    mcp_action_t   action;
    void         (*run)(bench_t *bench);
} bench_counted_t;


/* callgrind finds it by its name */
void bench_counted(bench_t *bench, void (*run)(bench_t *bench));

static volatile uint32_t  bench_sink;


static void
bench_die(const char *what)
{
    fprintf(stderr, "bench_decision: %s\n", what);
    exit(2);
}


/* A call of that many bytes: words in one string, else small members. */
static mcp_str_t
bench_request(const char *tool, size_t length)
{
    unsigned      i;
    bench_text_t  text;

    memset(&text, 0, sizeof(text));

    bench_add(&text, "{\"method\":\"tools/call\",\"params\":{\"name\":\"%s\","
              "\"arguments\":{\"path\":\"/srv/data\",\"limit\":10,"
              "\"mode\":\"fast\",\"text\":\"", tool);

    while (text.len < length - 40 && text.len < 240) {
        bench_add(&text, "lorem ipsum ");
    }

    bench_add(&text, "\",\"items\":[0");

    for (i = 0; text.len + 120 < length; i++) {
        bench_add(&text, ",{\"id\":%u,\"name\":\"item-%u\",\"tags\":[\"new\","
                  "\"sold\"],\"on\":true,\"price\":%u.5}", i, i % 97, i % 13);
    }

    bench_add(&text, "]}},\"jsonrpc\":\"2.0\",\"id\":1}");

    return (mcp_str_t) { (uint8_t *) text.data, text.len };
}


static mcp_str_t
bench_answer(size_t length)
{
    bench_text_t  text;

    memset(&text, 0, sizeof(text));
    text.random = 88172645463325252u;
    bench_list(&text, length);

    return (mcp_str_t) { (uint8_t *) text.data, text.len };
}


/* Messages of a log, and at last the result of the call that they are of. */
static mcp_str_t
bench_events(size_t length)
{
    unsigned      i;
    bench_text_t  text;

    memset(&text, 0, sizeof(text));

    while (text.len + 500 < length) {
        bench_add(&text, "event: message\nid: %u\ndata: {\"jsonrpc\":\"2.0\","
                  "\"method\":\"notifications/message\",\"params\":{\"level\":"
                  "\"info\",\"data\":\"", (unsigned) text.len);

        for (i = 0; i < 30; i++) {
            bench_add(&text, "lorem ipsum ");
        }

        bench_add(&text, "\"}}\n\n");
    }

    bench_add(&text, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":"
              "{\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}}\n\n");

    return (mcp_str_t) { (uint8_t *) text.data, text.len };
}


static void
bench_start(bench_t *bench, const char *policy)
{
    size_t             size;
    void              *memory;
    policy_reports_t  *reports;

    memset(bench, 0, sizeof(*bench));

    reports = malloc(sizeof(*reports));
    size = mcp_table_size(BENCH_COUNTERS);
    memory = aligned_alloc(64, (size + 63) / 64 * 64);

    if (reports == NULL || memory == NULL
        || mcp_table_init(memory, size, policy_hash_key, &bench->table)
           != MCP_OK)
    {
        bench_die("no memory");
    }

    bench->policy = policy_build(policy, reports);

    if (bench->policy == NULL) {
        bench_die(reports->texts[0]);
    }

    free(reports);
    mcp_table_store(bench->table, &bench->store);
    bench->lists.allocator = policy_allocator;
    mcp_arena_init(&bench->arena, &policy_allocator, 0);
    mcp_arena_init(&bench->parsed, &policy_allocator, 0);

    bench->caller.grant = mcp_str("ada@example.com");
    bench->caller.now_ms = BENCH_NOW;
    memcpy(bench->caller.hash_key, policy_hash_key, sizeof(policy_hash_key));

    bench->headers.protocol_version.value = mcp_str("2025-11-25");
    bench->headers.protocol_version.count = 1;
}


static void
bench_end(bench_t *bench)
{
    mcp_arena_destroy(&bench->arena);
    mcp_arena_destroy(&bench->parsed);
    mcp_list_memory_clear(&bench->lists);
    mcp_policy_destroy(bench->policy);
    free(bench->table);
    free((void *) bench->text.data);
}


/* From the bytes to a decision, and to the answer if that is a refusal. */
static void
bench_decide(bench_t *bench)
{
    mcp_body_t           body;
    mcp_reply_t          reply;
    mcp_verdict_t        verdict;

    static const mcp_reply_options_t  options = {
        MCP_DENIAL_RESULT, false, MCP_REVISIONS_ALL
    };

    if (mcp_body_parse(&body, bench->text, &bench->headers, MCP_REVISIONS_ALL,
                       &bench_limits, &bench->arena)
        != MCP_OK
        || mcp_evaluate(bench->policy, &body, &bench->caller, &bench->store,
                        &bench->arena, &verdict)
           != MCP_OK
        || verdict.decisions[verdict.first].action != bench->action)
    {
        bench_die("not the decision that is measured");
    }

    if (bench->action != MCP_ALLOW
        && mcp_reply_denied(&body, &verdict, &options, &bench->arena, &reply)
           != MCP_OK)
    {
        bench_die("no reply");
    }

    mcp_arena_reset(&bench->arena, BENCH_KEEP);
}


static void
bench_evaluate(bench_t *bench)
{
    mcp_verdict_t  verdict;

    if (mcp_evaluate(bench->policy, &bench->body, &bench->caller,
                     &bench->store, &bench->arena, &verdict)
        != MCP_OK
        || verdict.decisions[0].action != bench->action)
    {
        bench_die("not the decision that is measured");
    }

    mcp_arena_reset(&bench->arena, BENCH_KEEP);
}


static void
bench_tokenize(bench_t *bench)
{
    mcp_json_t  json;

    if (mcp_json_parse(&json, bench->text, &bench_limits, &bench->arena, NULL)
        != MCP_OK)
    {
        bench_die("refused");
    }

    mcp_arena_reset(&bench->arena, BENCH_KEEP);
}


static void
bench_jansson(bench_t *bench)
{
    json_t  *json;

    json = json_loadb((const char *) bench->text.data, bench->text.len,
                      JSON_REJECT_DUPLICATES, NULL);

    if (json == NULL) {
        bench_die("refused by jansson");
    }

    json_decref(json);
}


static void
bench_list_filter(bench_t *bench, mcp_list_memory_t *lists)
{
    mcp_list_filter_t   filter;
    mcp_list_result_t   result;
    mcp_list_request_t  request;

    memset(&filter, 0, sizeof(filter));
    memset(&request, 0, sizeof(request));

    request.id = mcp_str("1");
    request.kind = MCP_LIST_TOOLS;
    filter.policy = bench->policy;
    filter.caller = &bench->caller;
    filter.max_ttl_ms = 60000;
    filter.lists = lists;
    filter.requests = &request;
    filter.request_count = 1;

    if (mcp_list_filter(&filter, bench->text, &bench_limits, &bench->arena,
                        &result, NULL)
        != MCP_OK || result.listed != 1 || result.removed == 0)
    {
        bench_die("not the list that is measured");
    }

    mcp_arena_reset(&bench->arena, BENCH_KEEP);
}


static void
bench_filter(bench_t *bench)
{
    bench_list_filter(bench, NULL);
}


/* The list of the last time, as servers send it over and over. */
static void
bench_filter_known(bench_t *bench)
{
    bench_list_filter(bench, &bench->lists);
}


static void
bench_event_data(void *data, mcp_str_t piece)
{
    bool *result = data;

    mcp_outcome_t  outcome;

    mcp_outcome_init(&outcome, false);
    (void) mcp_outcome_next(&outcome, &piece);

    *result |= outcome.message.result;
}


/* An answer that is read for the sake of a limit. */
static void
bench_stream(bench_t *bench)
{
    bool                result;
    mcp_str_t           text;
    mcp_event_stream_t  events;

    result = false;
    text = bench->text;

    mcp_event_stream_init(&events, NULL, 0);

    events.take = bench_event_data;
    events.take_data = &result;

    do {
        mcp_event_stream_skip(&events, &text, mcp_outcome_is_request);
    } while (mcp_event_stream_next(&events, &text));

    if (!result) {
        bench_die("not the stream that is measured");
    }
}


/* Callers who come round; their counters are known after one round. */
static void
bench_reserve(bench_t *bench)
{
    uint32_t      i, failed;
    mcp_charge_t  charges[4];

    static const mcp_limit_spec_t  spec = {
        .algorithm = MCP_ALGORITHM_FIXED,
        .window_ms = 24u * 60 * 60 * 1000,
        .amount = INT64_C(1000000000) * 1000000
    };

    for (i = 0; i < bench->charges; i++) {
        bench->next = (bench->next + 1) % (BENCH_COUNTERS / 2);

        charges[i].spec = &spec;
        charges[i].cost = 1000000;
        mcp_siphash(policy_hash_key,
                    (mcp_str_t) { (const uint8_t *) &bench->next,
                                  sizeof(bench->next) }, charges[i].key);
    }

    if (mcp_table_reserve(bench->table, charges, bench->charges, BENCH_NOW,
                          &failed)
        != MCP_OK)
    {
        bench_die("a caller was refused");
    }
}


static void
bench_audit(bench_t *bench)
{
    size_t               length;
    uint8_t              member[MCP_AUDIT_MESSAGE_MAX];
    uint8_t              line[MCP_AUDIT_LINE_MAX];
    mcp_audit_message_t  message;
    mcp_audit_request_t  request;

    static const uint64_t  hash[2] = { UINT64_C(0x9f86d081884c7d65),
                                       UINT64_C(0x9a2feaa0c55ad015) };

    memset(&message, 0, sizeof(message));
    memset(&request, 0, sizeof(request));

    message.count = 1;
    message.method = mcp_str("tools/call");
    message.target_kind = MCP_TARGET_TOOL;
    message.target = mcp_str("tool_0");
    message.target_count = 1;
    message.id = mcp_str("1");
    message.decision = mcp_str("allow");
    message.arguments = true;

    request.time_ms = BENCH_NOW;
    request.request_id = mcp_str("5c1f0b6d2e8a4f7390b1c2d3e4f50617");
    request.address = mcp_str("192.0.2.7");
    request.http_method = mcp_str("POST");
    request.grant = hash;
    request.policy = mcp_str("payments");
    request.protocol = mcp_str("2025-11-25");
    request.client = mcp_str("example-client/1.4.0");
    request.status = 200;
    request.upstream_tries = 1;
    request.upstream_status = 200;
    request.upstream_ms = 12;
    request.duration_ms = 13;
    request.bytes_received = 512;
    request.bytes_sent = 734;

    if (mcp_audit_arguments(&message, &bench->body.json,
                            bench->body.messages[0].arguments, &bench->arena)
        != MCP_OK)
    {
        bench_die("no memory");
    }

    length = mcp_audit_message_write(&message, member);
    length = mcp_audit_line_write(&request, (mcp_str_t) { member, length },
                                  line);
    bench_sink += (uint32_t) length;

    mcp_arena_reset(&bench->arena, BENCH_KEEP);
}


/*
 * What other compilers are measured by: code like that of a scanner, which
 * never changes.
 */
static void
bench_yardstick(bench_t *bench)
{
    size_t    i;
    bool      string;
    uint32_t  depth, members, hash;

    depth = members = 0;
    hash = 2166136261u;
    string = false;

    for (i = 0; i < bench->text.len; i++) {

        switch (bench->text.data[i]) {

        case '"':
            string = !string;
            break;

        case '{':
        case '[':
            depth += !string;
            break;

        case '}':
        case ']':
            depth -= !string;
            break;

        case ':':
            members += !string;
            break;

        default:
            hash = (hash ^ bench->text.data[i]) * 16777619u;
        }
    }

    bench_sink += depth + members + hash;
}


/* No regex: what PCRE2 compiles for a processor is not ours to count. */
static const char  bench_policy[] =
    "tool tool_0 { arg path contains /srv/; arg limit lte 100;"
    " arg mode in fast slow; }"
    "tool counted { arg limit lte 100; limit 1000000000/day; }"
    "tool scarce { arg limit lte 100; limit 1/day; }"
    "tool service_1* { }";

/* A policy with so many tools, called the one in the middle. */
static void
bench_start_tools(bench_t *bench, unsigned count, size_t length)
{
    char          name[64];
    unsigned      n;
    bench_text_t  text;

    memset(&text, 0, sizeof(text));

    for (n = 0; n < count; n++) {
        bench_add(&text, "tool tool_%u { arg path contains /srv/;"
                  " arg limit lte 100; arg mode in fast slow; }", n);
    }

    bench_start(bench, text.data);
    free(text.data);

    snprintf(name, sizeof(name), "tool_%u", count / 2);
    bench->text = bench_request(name, length);
    bench->action = MCP_ALLOW;
}


static const bench_counted_t  bench_cases[] = {
    { "yardstick", 0, "tool_0", 300, MCP_ALLOW, bench_yardstick },
    { "call 300 B, allow", 0, "tool_0", 300, MCP_ALLOW, bench_decide },
    { "call 300 B, allow, limit", 0, "counted", 300, MCP_ALLOW,
      bench_decide },
    { "call 300 B, deny", 0, "unknown", 300, MCP_DENY, bench_decide },
    { "call 300 B, limited", 0, "scarce", 300, MCP_LIMIT, bench_decide },
    { "call 4 KB, allow", 0, "tool_0", 4096, MCP_ALLOW, bench_decide },
    { "list of 20 tools", 0, NULL, 14200, MCP_ALLOW, bench_filter },
    { "list of 20 tools, known", 0, NULL, 14200, MCP_ALLOW,
      bench_filter_known },
    { "stream of 16 KB", 0, NULL, 16384, MCP_ALLOW, bench_stream },
    { "evaluate, 1 tool", 1, NULL, 1024, MCP_ALLOW, bench_evaluate },
    { "evaluate, 100 tools", 100, NULL, 1024, MCP_ALLOW, bench_evaluate },
    { "evaluate, 10000 tools", 10000, NULL, 1024, MCP_ALLOW,
      bench_evaluate },
    { "audit line", 0, "tool_0", 300, MCP_ALLOW, bench_audit }
};

#define BENCH_CASES  (sizeof(bench_cases) / sizeof(bench_cases[0]))


__attribute__((noinline)) void
bench_counted(bench_t *bench, void (*run)(bench_t *bench))
{
    int  i;

    for (i = 0; i < BENCH_COUNTED; i++) {
        run(bench);
    }
}


static void
bench_case_start(bench_t *bench, const bench_counted_t *c)
{
    if (c->tools) {
        bench_start_tools(bench, c->tools, c->length);

    } else {
        bench_start(bench, bench_policy);
        bench->text = c->tool ? bench_request(c->tool, c->length)
                      : c->run == bench_stream ? bench_events(c->length)
                      : bench_answer(c->length);
    }

    if ((c->tools || c->tool)
        && mcp_body_parse(&bench->body, bench->text, &bench->headers,
                          MCP_REVISIONS_ALL, &bench_limits, &bench->parsed)
           != MCP_OK)
    {
        bench_die("refused");
    }

    if (c->action == MCP_LIMIT) {
        bench->action = MCP_ALLOW;
        c->run(bench);
    }

    bench->action = c->action;
}


static void
bench_count(const char *wanted)
{
    int                     i;
    bench_t                 bench;
    const bench_counted_t  *c;

    for (c = bench_cases; c < bench_cases + BENCH_CASES; c++) {
        if (strstr(c->name, wanted) == NULL) {
            continue;
        }

        bench_case_start(&bench, c);

        for (i = 0; i < BENCH_WARM; i++) {
            c->run(&bench);
        }

        bench_counted(&bench, c->run);
        bench_end(&bench);
    }
}


static double
bench_time(bench_t *bench, void (*run)(bench_t *bench))
{
    bench_timer_t  timer = { 0 };

    while (bench_timer_next(&timer)) {
        run(bench);
    }

    return timer.best;
}


static void
bench_row(bool json, const char *name, double ns, const char *unit,
    double value)
{
    static bool  more;

    if (json) {
        printf("%s\n  { \"name\": \"%s\", \"ns\": %.1f", more ? "," : "",
               name, ns);

        if (unit) {
            printf(", \"%s\": %.3f", unit, value);
        }

        printf(" }");
        more = true;

    } else if (unit) {
        printf("%-32s %10.0f ns %10.3f %s\n", name, ns, value, unit);

    } else {
        printf("%-32s %10.0f ns\n", name, ns);
    }
}


static void
bench_documents(bool json)
{
    size_t        i;
    double        ours, theirs;
    char          name[64];
    bench_t       bench;
    bench_text_t  text;

    static const struct {
        const char  *name;
        void       (*write)(bench_text_t *text, size_t length);
        size_t       length;
    } documents[] = {
        { "300 B call",       bench_call,    0 },
        { "4 KB dense",       bench_dense,   4096 },
        { "64 KB dense",      bench_dense,   65536 },
        { "64 KB one string", bench_string,  65536 },
        { "145 KB list",      bench_list,    145000 }
    };

    for (i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        memset(&text, 0, sizeof(text));
        text.random = 88172645463325252u;
        documents[i].write(&text, documents[i].length);

        bench_start(&bench, bench_policy);
        bench.text = (mcp_str_t) { (uint8_t *) text.data, text.len };

        ours = bench_time(&bench, bench_tokenize);
        theirs = bench_time(&bench, bench_jansson);

        snprintf(name, sizeof(name), "tokenize %s", documents[i].name);
        bench_row(json, name, ours, "GB/s", (double) text.len / ours);
        snprintf(name, sizeof(name), "jansson %s", documents[i].name);
        bench_row(json, name, theirs, "GB/s", (double) text.len / theirs);

        bench_end(&bench);
    }
}


static void
bench_times(bool json)
{
    bench_t                 bench;
    const bench_counted_t  *c;

    if (json) {
        printf("[");
    }

    bench_documents(json);

    bench_start(&bench, bench_policy);
    bench.charges = 1;
    bench_row(json, "reserve, 1 limit", bench_time(&bench, bench_reserve),
              NULL, 0);
    bench.charges = 4;
    bench_row(json, "reserve, 4 limits", bench_time(&bench, bench_reserve),
              NULL, 0);
    bench_end(&bench);

    for (c = bench_cases + 1; c < bench_cases + BENCH_CASES; c++) {
        bench_case_start(&bench, c);
        bench_row(json, c->name, bench_time(&bench, c->run), NULL, 0);
        bench_end(&bench);
    }

    if (json) {
        printf("\n]\n");
    }
}


static void
bench_compiler(void)
{
    const char  *machine, *fortify;

#if defined(__x86_64__)
    machine = "x86-64";
#elif defined(__aarch64__)
    machine = "aarch64";
#else
    machine = "other";
#endif

#if defined(_FORTIFY_SOURCE) && defined(__OPTIMIZE__)
    fortify = "optimized, hardened";
#elif defined(__OPTIMIZE__)
    fortify = "optimized";
#else
    fortify = "plain";
#endif

#if defined(__clang__)
    printf("{ \"compiler\": \"clang %d.%d.%d\"", __clang_major__,
           __clang_minor__, __clang_patchlevel__);
#else
    printf("{ \"compiler\": \"gcc %d.%d.%d\"", __GNUC__, __GNUC_MINOR__,
           __GNUC_PATCHLEVEL__);
#endif

    printf(", \"flags\": \"%s\", \"libc\": \"glibc %s\", \"machine\": \"%s\","
           " \"decisions\": %d }\n", fortify, gnu_get_libc_version(), machine,
           BENCH_COUNTED);
}


int
main(int argc, char **argv)
{
    const char             *what;
    const bench_counted_t  *c;

    what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "--count") == 0) {
        bench_count(argc > 2 ? argv[2] : "");

    } else if (strcmp(what, "--cases") == 0) {
        for (c = bench_cases; c < bench_cases + BENCH_CASES; c++) {
            printf("%s\n", c->name);
        }

    } else if (strcmp(what, "--compiler") == 0) {
        bench_compiler();

    } else {
        bench_times(strcmp(what, "--json") == 0);
    }

    return 0;
}
