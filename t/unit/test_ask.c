/* Approvals as evaluate asks for them: what binds, in what order, at what
 * cost to limits. */

#include "tap.h"
#include "policy_text.h"

#include "mcp_evaluate.h"
#include "mcp_siphash.h"
#include "mcp_table.h"


#define AT       UINT64_C(1700000000000)
#define RECORDS  16
#define SPACE    16384

typedef struct {
    uint64_t              key[2];
    mcp_approval_state_t  state;
    uint8_t               id[MCP_APPROVAL_ID];
    char                  arguments[1024];
    char                  tool[1024];
    char                  rule[64];
    uint64_t              grant[2];
    uint8_t               mac[MCP_APPROVAL_MAC];
    uint64_t              ttl_ms;
    uint64_t              wait_ms;
} record_t;

/* Approvals as simple as they can be, and a real table of counters. */
typedef struct {
    record_t              records[RECORDS];
    uint32_t              count;
    uint32_t              room;
    const char           *reason;
    bool                  no_random;
    uint32_t              takes;
    uint32_t              given_back;
    uint8_t               next_id;

    const mcp_policy_t   *policy;
    mcp_caller_t          caller;
    mcp_approval_store_t  approvals;
    mcp_store_t           store;
    mcp_store_t           table_store;
    bool                  fail_reserve;
    uint32_t              reserves;
    mcp_arena_t           arena;
    mcp_body_t            body;
    mcp_verdict_t         verdict;
    _Alignas(64) uint8_t  memory[SPACE];
} run_t;


#define TOOL(id, params)                                                      \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\","           \
    "\"params\":" params "}"
#define REFUND(arguments)                                                     \
    TOOL("1", "{\"name\":\"refund\",\"arguments\":" arguments "}")
#define APPROVAL  "approval 01000000000000000000000000000000"


static record_t *
record_of(run_t *run, const mcp_approval_ask_t *ask)
{
    uint32_t  i;

    for (i = 0; i < run->count; i++) {
        if (run->records[i].state != MCP_APPROVAL_USED
            && memcmp(run->records[i].key, ask->key, 16) == 0)
        {
            return &run->records[i];
        }
    }

    return NULL;
}


static record_t *
make_record(run_t *run, const mcp_approval_ask_t *ask)
{
    record_t  *record;

    if (run->count == run->room) {
        return NULL;
    }

    record = &run->records[run->count++];
    memset(record, 0, sizeof(record_t));

    record->state = MCP_APPROVAL_PENDING;
    memcpy(record->key, ask->key, 16);
    memcpy(record->id, ask->new_id, MCP_APPROVAL_ID);
    memcpy(record->grant, ask->grant, 16);
    memcpy(record->mac, ask->mac, MCP_APPROVAL_MAC);
    record->ttl_ms = ask->ttl_ms;
    record->wait_ms = ask->wait_ms;

    snprintf(record->arguments, sizeof(record->arguments), "%.*s",
             (int) ask->arguments.len, (const char *) ask->arguments.data);
    snprintf(record->tool, sizeof(record->tool), "%.*s",
             (int) ask->tool.len, (const char *) ask->tool.data);
    snprintf(record->rule, sizeof(record->rule), "%.*s",
             (int) ask->rule.len, (const char *) ask->rule.data);

    return record;
}


static mcp_rc_t
take(void *data, mcp_approval_ask_t *asks, uint32_t count, uint64_t now_ms,
    uint32_t *failed)
{
    run_t     *run = data;

    uint32_t   i;
    mcp_rc_t   rc;
    record_t  *record;

    run->takes++;
    rc = MCP_OK;

    for (i = 0; i < count; i++) {
        record = record_of(run, &asks[i]);

        if (record == NULL) {
            record = make_record(run, &asks[i]);

            if (record == NULL) {
                *failed = i;
                return MCP_ERROR;
            }
        }

        asks[i].state = record->state;
        asks[i].expires_ms = now_ms + record->ttl_ms;
        memcpy(asks[i].id, record->id, MCP_APPROVAL_ID);

        if (run->reason != NULL) {
            asks[i].reason = tap_str(run->reason);
        }

        if (record->state != MCP_APPROVAL_APPROVED && rc == MCP_OK) {
            *failed = i;
            rc = MCP_NO;
        }
    }

    for (i = 0; rc == MCP_OK && i < count; i++) {
        record_of(run, &asks[i])->state = MCP_APPROVAL_USED;
    }

    return rc;
}


static void
give_back(void *data, const mcp_approval_ask_t *asks, uint32_t count,
    uint64_t now_ms)
{
    run_t     *run = data;

    uint32_t   i, k;

    (void) now_ms;

    for (i = 0; i < count; i++) {
        for (k = 0; k < run->count; k++) {
            if (memcmp(run->records[k].id, asks[i].id, MCP_APPROVAL_ID) == 0
                && run->records[k].state == MCP_APPROVAL_USED)
            {
                run->records[k].state = MCP_APPROVAL_APPROVED;
                run->given_back++;
            }
        }
    }
}


/* 01 00 00 ..., 02 00 00 ... */
static mcp_rc_t
random_bytes(void *data, uint8_t *dst, size_t size)
{
    run_t  *run = data;

    memset(dst, 0, size);
    dst[0] = ++run->next_id;

    return run->no_random ? MCP_ERROR : MCP_OK;
}


/* Lets a test refuse what was found to fit. */
static mcp_rc_t
reserve(void *data, mcp_charge_t *charges, uint32_t count, uint64_t now_ms,
    uint32_t *failed)
{
    run_t  *run = data;

    run->reserves++;

    if (run->fail_reserve) {
        *failed = 0;
        charges[0].result.retry_ms = 5000;
        return MCP_NO;
    }

    return run->table_store.reserve(run->table_store.data, charges, count,
                                    now_ms, failed);
}


static mcp_rc_t
check(void *data, mcp_charge_t *charges, uint32_t count, uint64_t now_ms,
    uint32_t *failed)
{
    run_t  *run = data;

    return run->table_store.check(run->table_store.data, charges, count,
                                  now_ms, failed);
}


static void
set_policy(run_t *run, const char *text)
{
    policy_reports_t  reports;

    mcp_policy_destroy(run->policy);

    run->policy = policy_build(text, &reports);

    if (run->policy == NULL || reports.count != 0) {
        ok(false, "%s: %s", text, reports.texts[0]);
        exit(EXIT_FAILURE);
    }
}


static run_t *
start(const char *policy)
{
    run_t            *run;
    uint64_t          hash_key[2] = { 5, 6 };
    mcp_table_t      *table;
    mcp_allocator_t   allocator = TAP_ALLOCATOR;

    run = aligned_alloc(64, sizeof(run_t));
    if (run == NULL) {
        exit(EXIT_FAILURE);
    }

    memset(run, 0, sizeof(run_t));

    run->room = RECORDS;
    run->approvals.take = take;
    run->approvals.give_back = give_back;
    run->approvals.random = random_bytes;
    run->approvals.data = run;
    run->caller.approvals = &run->approvals;
    run->caller.grant = mcp_str("alice");
    run->caller.now_ms = AT;
    run->caller.hash_key[0] = 5;
    run->caller.hash_key[1] = 6;

    if (mcp_table_init(run->memory, SPACE, hash_key, &table) != MCP_OK) {
        exit(EXIT_FAILURE);
    }

    mcp_table_store(table, &run->table_store);
    run->store.reserve = reserve;
    run->store.check = check;
    run->store.data = run;

    mcp_arena_init(&run->arena, &allocator, 1 << 24);
    set_policy(run, policy);

    return run;
}


static void
finish(run_t *run)
{
    mcp_arena_destroy(&run->arena);
    mcp_policy_destroy(run->policy);
    free(run);
}


static const mcp_decision_t *
judge(run_t *run, const char *text)
{
    mcp_rc_t       rc;
    mcp_limits_t   limits = { MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS,
                              MCP_DEFAULT_STRING_LENGTH,
                              MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH,
                              { 3, 4 } };
    mcp_headers_t  headers;

    memset(&headers, 0, sizeof(headers));
    memset(&run->body, 0, sizeof(run->body));

    if (mcp_body_parse(&run->body, tap_str(text), &headers,
                       MCP_REVISIONS_ALL, &limits, &run->arena)
        != MCP_OK)
    {
        ok(false, "invalid: %s", text);
        exit(EXIT_FAILURE);
    }

    rc = mcp_evaluate(run->policy, &run->body, &run->caller, &run->store,
                      &run->arena, &run->verdict);
    if (rc != MCP_OK) {
        ok(false, "rc %d: %s", rc, text);
        exit(EXIT_FAILURE);
    }

    return &run->verdict.decisions[run->verdict.first];
}


static bool
is(const mcp_decision_t *d, mcp_action_t action, mcp_reason_t reason)
{
    return d->action == action && d->reason == reason;
}


static bool
passes(run_t *run, const char *text)
{
    return judge(run, text)->action == MCP_ALLOW;
}


static bool
waits(run_t *run, const char *text)
{
    return is(judge(run, text), MCP_APPROVE, MCP_REASON_APPROVAL);
}


static void
approve_all(run_t *run)
{
    uint32_t  i;

    for (i = 0; i < run->count; i++) {
        if (run->records[i].state == MCP_APPROVAL_PENDING) {
            run->records[i].state = MCP_APPROVAL_APPROVED;
        }
    }
}


/* What waits is approved, and then passes for this text and no other. */
static void
is_other(run_t *run, const char *asked, const char *called, const char *name)
{
    bool  other;

    run->count = 0;

    if (!waits(run, asked)) {
        ok(false, "%s: it waits", name);
        return;
    }

    approve_all(run);
    other = waits(run, called);

    ok(other && passes(run, asked), "%s", name);
}


static void
is_same(run_t *run, const char *asked, const char *called, const char *name)
{
    bool  asks;

    run->count = 0;
    asks = waits(run, asked);
    approve_all(run);

    ok(asks && passes(run, called) && !passes(run, asked), "%s", name);
}


static void
test_life(void)
{
    run_t                 *run;
    uint64_t               grant[2];
    const record_t        *record;
    const mcp_decision_t  *d;

    run = start("tool refund { rule big { arg amount gt 500; approve ttl=1h "
                "wait=10s; } }");
    record = &run->records[0];

    ok(passes(run, REFUND("{\"amount\":500}")) && run->takes == 0,
       "what no trigger meets needs no approval");

    d = judge(run, REFUND("{\"amount\":501}"));
    ok(is(d, MCP_APPROVE, MCP_REASON_APPROVAL) && d->ask != NULL
       && run->count == 1, "a call that needs one waits");
    is_str(d->rule, "big", "its rule");
    is_str(d->text, "tool \"refund\" needs the approval of a human: "
           APPROVAL " can be given within 60 minutes, then send the very "
           "same call again", "the agent is told what to do");
    ok(d->ask->wait_ms == 10000 && record->ttl_ms == 3600000,
       "its times");
    is_str(tap_str(record->arguments), "{\"amount\":501}", "its arguments");
    is_str(tap_str(record->tool), "refund", "its tool");
    is_str(tap_str(record->rule), "big", "its rule, for the human");

    mcp_siphash(run->caller.hash_key, run->caller.grant, grant);
    ok(memcmp(record->grant, grant, 16) == 0, "the hash of its grant");
    ok(run->verdict.ask_count == 0 && run->verdict.asks == NULL,
       "nothing is used");

    ok(waits(run, REFUND("{\"amount\":501}")) && run->count == 1,
       "the same call waits for the same");

    approve_all(run);
    ok(passes(run, REFUND("{\"amount\":501}"))
       && run->verdict.ask_count == 1
       && run->verdict.asks[0].id[0] == 1
       && run->verdict.decisions[0].ask == NULL,
       "approved, it passes, and what it used is known");
    ok(waits(run, REFUND("{\"amount\":501}")) && run->count == 2,
       "once");

    finish(run);
}


static void
test_binding(void)
{
    run_t  *run;

    run = start("tool refund pay { approve; }");

    is_same(run, REFUND("{\"a\":1,\"b\":[true,\"x\"]}"),
            REFUND(" { \"b\" : [ true , \"\\u0078\" ] , \"a\" : 1.0 } "),
            "order, white space and spelling make no other call");
    is_same(run, REFUND("{\"a\":0.1}"), REFUND("{\"a\":10e-2}"),
            "nor does the spelling of a number");
    is_same(run, REFUND("{}"),
            TOOL("\"two\"", "{\"_meta\":{\"progressToken\":\"\\ud800\"},"
                 "\"name\":\"refund\",\"arguments\":{}}"),
            "nor do the id and _meta");
    is_same(run, REFUND("{}"),
            TOOL("1", "{\"name\":\"refund\",\"arguments\":{},"
                 "\"task\":{\"ttl\":1}}"),
            "nor that a task is asked for");

    is_other(run, REFUND("{\"a\":1}"), REFUND("{\"a\":2}"),
             "another argument is another call");
    is_other(run, REFUND("{\"a\":9007199254740992}"),
             REFUND("{\"a\":9007199254740993}"),
             "so is a number that only a double takes for the same");
    is_other(run, REFUND("{\"a\":9007199254740993}"),
             REFUND("{\"a\":9007199254740992}"), "the other way round, too");
    is_other(run, REFUND("{\"a\":0.1}"),
             REFUND("{\"a\":0.1000000000000000055511151231257827}"),
             "so is a fraction");
    is_other(run, REFUND("{\"a\":0}"), REFUND("{\"a\":1e-400}"),
             "so is what a double takes for nothing");
    is_other(run, REFUND("{\"a\":1}"), REFUND("{\"a\":\"1\"}"),
             "so is another type");
    is_other(run, REFUND("{}"), TOOL("1", "{\"name\":\"refund\"}"),
             "no arguments are not empty ones");
    is_other(run, REFUND("{}"),
             TOOL("1", "{\"name\":\"pay\",\"arguments\":{}}"),
             "another tool is another call");
    is_other(run, REFUND("{}"),
             TOOL("1", "{\"name\":\"refund\",\"arguments\":{},\"x\":1}"),
             "so is anything else in params");

    finish(run);
}


static void
test_caller(void)
{
    run_t  *run;

    run = start("tool refund { approve; }");

    (void) waits(run, REFUND("{}"));
    approve_all(run);

    run->caller.grant = mcp_str("bob");
    ok(waits(run, REFUND("{}")), "another grant needs an approval of its own");

    run->caller.grant = mcp_str("alice");
    set_policy(run, "tool refund { approve; } tool x { }");
    ok(waits(run, REFUND("{}")), "so does another text of the policy");

    set_policy(run, "tool refund { approve; }");
    ok(passes(run, REFUND("{}")), "the text of before has the approval");

    run->caller.grant = mcp_str("");
    run->takes = 0;
    ok(is(judge(run, REFUND("{}")), MCP_DENY, MCP_REASON_NO_KEY)
       && run->takes == 0, "nobody in particular gets none");

    run->caller.grant = mcp_str("alice");
    ok(is(judge(run, REFUND("{\"a\":\"\\ud800\"}")), MCP_DENY,
          MCP_REASON_UNDECIDABLE)
       && is(judge(run, REFUND("{\"a\":1e400}")), MCP_DENY,
             MCP_REASON_UNDECIDABLE)
       && run->takes == 0, "nor does what has no canonical form");

    finish(run);
}


static void
test_policies(void)
{
    size_t         i;
    uint64_t       first[2];
    mcp_policy_t  *policy;
    run_t         *run;

    static const char *const  texts[] = {
        "tool a { approve; } tool b { }",
        "tool a { } tool b { approve; }",
        "tool a b { approve; }",
        "tool a { rule b { approve; } } tool b { }",
        "tool a { approve ttl=1h; } tool b { }",
    };

    run = start("default allow;");

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        set_policy(run, texts[i]);
        policy = (mcp_policy_t *) run->policy;

        if (i == 0) {
            memcpy(first, policy->fingerprint, sizeof(first));
            set_policy(run, "tool a  {  approve ; }\n\n tool b {\n}");
            ok(memcmp(first, run->policy->fingerprint, sizeof(first)) == 0,
               "white space makes no other policy");
            continue;
        }

        ok(memcmp(first, policy->fingerprint, sizeof(first)) != 0
           && policy->approval_count == 1, "another policy: %s", texts[i]);
    }

    finish(run);
}


/* A rule's approval is not the one of its neighbour. */
static void
test_several(void)
{
    run_t  *run;

    run = start("tool refund { approve; rule x { approve; } }"
                " tool * { approve; }");

    ok(waits(run, REFUND("{}")) && run->count == 3,
       "each directive asks for an approval of its own");

    run->records[0].state = MCP_APPROVAL_APPROVED;
    run->records[1].state = MCP_APPROVAL_APPROVED;

    ok(waits(run, REFUND("{}"))
       && run->verdict.decisions[0].ask->id[0] == run->records[2].id[0]
       && run->records[0].state == MCP_APPROVAL_APPROVED,
       "the first that is not given is told, and none is used");

    approve_all(run);
    ok(passes(run, REFUND("{}")) && run->verdict.ask_count == 3, "all given");

    finish(run);
}


static void
test_methods(void)
{
    char    uri[701], text[1024];
    run_t  *run;

#define SEND(method, params)                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":"     \
    params "}"

    run = start("resource u:* { approve; } prompt p { approve; }"
                " method x/y { approve; } method tools/call { approve; }"
                " tool t { }");

    is_other(run, SEND("resources/read", "{\"uri\":\"u:1\"}"),
             SEND("resources/subscribe", "{\"uri\":\"u:1\"}"),
             "to read a resource is not to subscribe to it");
    is_str(tap_str(run->records[0].arguments), "",
           "a resource has nothing to show");
    is_str(tap_str(run->records[0].tool), "u:1", "but its name");

    is_other(run, SEND("prompts/get", "{\"name\":\"p\",\"arguments\":"
                       "{\"a\":\"1\"}}"),
             SEND("prompts/get", "{\"name\":\"p\",\"arguments\":"
                  "{\"a\":\"2\"}}"), "arguments of prompts are bound");
    is_str(tap_str(run->records[0].arguments), "{\"a\":\"1\"}",
           "and shown");

    is_other(run, SEND("x/y", "{\"b\":1,\"_meta\":{},\"a\":2}"),
             SEND("x/y", "{\"b\":1}"), "params of other methods are bound");
    is_str(tap_str(run->records[0].arguments), "{\"a\":2,\"b\":1}",
           "and shown without _meta");
    is_str(tap_str(run->records[0].tool), "x/y", "with the method");

    run->count = 0;
    ok(waits(run, TOOL("1", "{\"name\":\"t\",\"arguments\":{}}")),
       "a method of tools");
    is_str(tap_str(run->records[0].arguments),
           "{\"arguments\":{},\"name\":\"t\"}", "shows which tool");

    /* The end of a long name may be what matters. */

    snprintf(uri, sizeof(uri), "u:%0697d", 7);
    memcpy(uri + MCP_APPROVAL_NAME - 4, "\xc3\xa9", 2);
    snprintf(text, sizeof(text), SEND("resources/read", "{\"uri\":\"%s\"}"),
             uri);

    run->count = 0;
    ok(waits(run, text), "a URI that is longer than what is kept");
    uri[MCP_APPROVAL_NAME - 4] = '\0';
    ok(strncmp(run->records[0].tool, uri, MCP_APPROVAL_NAME - 4) == 0
       && strcmp(run->records[0].tool + MCP_APPROVAL_NAME - 4,
                 "\xe2\x80\xa6") == 0, "is seen to be cut");
    ok(strstr(run->records[0].arguments, "00007\"}") != NULL,
       "and shown as a whole below");

    finish(run);
}


static void
test_denied(void)
{
    run_t                 *run;
    const mcp_decision_t  *d;

    run = start("tool refund { approve; message 'ask Ann'; }");

    d = judge(run, REFUND("{}"));
    is_str(d->text, "ask Ann (" APPROVAL " can be given within 15 minutes, "
           "then send the very same call again)",
           "the author's message has the id behind it");

    run->records[0].state = MCP_APPROVAL_DENIED;
    d = judge(run, REFUND("{}"));
    ok(is(d, MCP_DENY, MCP_REASON_APPROVAL_DENIED) && d->ask != NULL,
       "denied by a human");
    is_str(d->text, "a human denied this call of tool \"refund\". Do not "
           "retry it with the same arguments.", "without a word");

    run->reason = "too \"much\"\n";
    d = judge(run, REFUND("{}"));
    is_str(d->text, "a human denied this call of tool \"refund\". Do not "
           "retry it with the same arguments: \"too \"much\"\n\"",
           "with words");

    run->room = 1;
    d = judge(run, REFUND("{\"a\":1}"));
    ok(is(d, MCP_DENY, MCP_REASON_APPROVALS_FULL) && d->ask == NULL,
       "no room for another one");
    is_str(d->text, "tool \"refund\" needs the approval of a human, and too "
           "many calls wait for one; try again later", "and is told so");

    finish(run);
}


/* Ruling 22: limits are checked first and charged last. */
static void
test_limits(void)
{
    run_t  *run;

    run = start("tool refund { limit 1/hour; approve; }");

    ok(waits(run, REFUND("{\"a\":1}")) && waits(run, REFUND("{\"a\":2}"))
       && run->reserves == 0 && run->verdict.charge_count == 0,
       "what waits charges nothing");

    approve_all(run);
    ok(passes(run, REFUND("{\"a\":1}")) && run->verdict.charge_count == 1,
       "what passes does");

    run->takes = 0;
    ok(is(judge(run, REFUND("{\"a\":2}")), MCP_LIMIT, MCP_REASON_RATE_LIMITED)
       && is(judge(run, REFUND("{\"a\":3}")), MCP_LIMIT,
             MCP_REASON_RATE_LIMITED)
       && run->takes == 0 && run->count == 2
       && run->records[1].state == MCP_APPROVAL_APPROVED,
       "where a limit refuses nobody is asked and nothing used");

    run->caller.now_ms += 3600000;
    run->fail_reserve = true;
    ok(is(judge(run, REFUND("{\"a\":2}")), MCP_LIMIT,
          MCP_REASON_RATE_LIMITED)
       && run->given_back == 1 && run->verdict.ask_count == 0
       && run->records[1].state == MCP_APPROVAL_APPROVED,
       "a limit that is taken in between gives the approval back");

    run->fail_reserve = false;
    ok(passes(run, REFUND("{\"a\":2}")), "which is good for later");

    finish(run);
}


#define BATCH(a, b)  "[" a "," b "]"
#define CALL(id, a)                                                           \
    TOOL(id, "{\"name\":\"refund\",\"arguments\":{\"a\":" a "}}")

static void
test_batch(void)
{
    run_t                 *run;
    const mcp_decision_t  *d;

    run = start("tool refund { approve; } tool free { }");

    (void) judge(run, BATCH(CALL("1", "1"), CALL("2", "1")));
    d = run->verdict.decisions;

    ok(run->count == 2 && is(&d[0], MCP_APPROVE, MCP_REASON_APPROVAL)
       && is(&d[1], MCP_APPROVE, MCP_REASON_APPROVAL)
       && d[0].ask->id[0] != d[1].ask->id[0],
       "two equal calls need two approvals, and both are told");

    run->records[0].state = MCP_APPROVAL_APPROVED;
    (void) judge(run, BATCH(CALL("1", "1"), CALL("2", "1")));
    d = run->verdict.decisions;
    ok(is(&d[0], MCP_DENY, MCP_REASON_BATCH)
       && is(&d[1], MCP_APPROVE, MCP_REASON_APPROVAL)
       && run->verdict.first == 1
       && run->records[0].state == MCP_APPROVAL_APPROVED,
       "with one of them, the other is what is missing");

    ok(passes(run, CALL("1", "1")),
       "which is the approval of the call alone as well");

    run->records[0].state = MCP_APPROVAL_APPROVED;
    approve_all(run);
    ok(passes(run, BATCH(CALL("1", "1"), CALL("2", "1")))
       && run->verdict.ask_count == 2 && run->verdict.asks[1].message == 1,
       "with both the batch passes");

    run->count = 0;
    (void) judge(run, BATCH(TOOL("1", "{\"name\":\"free\"}"),
                            CALL("2", "1")));
    d = run->verdict.decisions;
    ok(run->verdict.first == 1 && is(&d[0], MCP_DENY, MCP_REASON_BATCH),
       "a call that waits holds up the others");

    run->count = 0;
    (void) judge(run, BATCH(CALL("2", "1"), TOOL("1", "{\"name\":\"no\"}")));
    ok(run->count == 0, "what another message refuses is not asked for");

    finish(run);
}


static void
test_dry(void)
{
    run_t                 *run;
    const mcp_decision_t  *d;

    run = start("tool refund { rule r { dry_run on; approve; limit 1/day; } "
                "}");

    d = judge(run, REFUND("{}"));
    ok(d->action == MCP_ALLOW && d->dry_action == MCP_APPROVE
       && d->dry_reason == MCP_REASON_APPROVAL && run->takes == 0,
       "a dry rule asks nobody");
    is_str(d->dry_rule, "r", "but is noted");

    d = judge(run, REFUND("{}"));
    ok(d->action == MCP_ALLOW && d->dry_action == MCP_LIMIT,
       "behind the limits that would have refused");

    set_policy(run, "tool refund { dry_run on; approve; deny_if { arg a "
               "absent; } }");
    d = judge(run, REFUND("{}"));
    ok(d->action == MCP_ALLOW && d->dry_action == MCP_DENY && run->takes == 0,
       "and a denial comes before");

    set_policy(run, "tool refund { dry_run on; approve; }");
    run->caller.grant = mcp_str("");
    d = judge(run, REFUND("{}"));
    ok(d->action == MCP_ALLOW && d->dry_reason == MCP_REASON_NO_KEY,
       "so does a caller who is not known");
    run->caller.grant = mcp_str("alice");

    set_policy(run, "tool refund { approve; }");
    run->caller.dry_run = true;
    d = judge(run, REFUND("{}"));
    ok(is(d, MCP_APPROVE, MCP_REASON_APPROVAL) && d->ask == NULL
       && run->takes == 0, "mcp_dry_run tells, and asks nobody");

    run->caller.dry_run = false;
    run->caller.approvals = NULL;
    d = judge(run, REFUND("{}"));
    ok(is(d, MCP_APPROVE, MCP_REASON_APPROVAL) && d->ask == NULL,
       "so does who has no approvals");
    is_str(d->text, "tool \"refund\" needs the approval of a human",
           "without an id");

    finish(run);
}


static mcp_rc_t
table_take(void *data, mcp_approval_ask_t *asks, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    static const mcp_approval_limits_t  limits = { 2, 256 };

    return mcp_approvals_take(data, &limits, asks, count, now_ms, failed);
}


static void
table_give_back(void *data, const mcp_approval_ask_t *asks, uint32_t count,
    uint64_t now_ms)
{
    mcp_approvals_give_back(data, asks, count, now_ms);
}


static mcp_rc_t
table_random(void *data, uint8_t *dst, size_t size)
{
    static uint8_t  next;

    (void) data;
    memset(dst, ++next, size);

    return MCP_OK;
}


/* The table that the module has. */
static void
test_table(void)
{
    run_t                 *run;
    void                  *memory;
    uint8_t                first[MCP_APPROVAL_ID];
    mcp_approvals_t       *approvals;
    mcp_approval_state_t   state;
    const mcp_decision_t  *d;

    run = start("tool refund { limit 1/hour; approve ttl=10m; }");
    memory = aligned_alloc(64, 1 << 18);

    if (memory == NULL
        || mcp_approvals_init(memory, 1 << 18, &approvals) != MCP_OK)
    {
        exit(EXIT_FAILURE);
    }

    run->approvals.take = table_take;
    run->approvals.give_back = table_give_back;
    run->approvals.random = table_random;
    run->approvals.data = approvals;

    d = judge(run, REFUND("{\"a\":1}"));
    memcpy(first, d->ask->id, sizeof(first));
    ok(is(d, MCP_APPROVE, MCP_REASON_APPROVAL) && d->ask->created
       && d->ask->expires_ms == AT + 600000, "a record is made");

    d = judge(run, REFUND("{\"a\": 1}"));
    ok(is(d, MCP_APPROVE, MCP_REASON_APPROVAL) && !d->ask->created
       && memcmp(d->ask->id, first, sizeof(first)) == 0, "and shared");

    d = judge(run, REFUND("{\"a\":2}"));
    ok(is(d, MCP_APPROVE, MCP_REASON_APPROVAL)
       && mcp_approvals_decide(approvals, d->ask->id, MCP_APPROVAL_DENIED,
                               mcp_str("ann"), mcp_str("no"), AT, &state)
          == MCP_OK, "another one is denied");

    d = judge(run, REFUND("{\"a\":2}"));
    ok(is(d, MCP_DENY, MCP_REASON_APPROVAL_DENIED), "which is told");
    is_str(d->ask->reason, "no", "with the reason");

    (void) judge(run, REFUND("{\"a\":3}"));
    ok(is(judge(run, REFUND("{\"a\":4}")), MCP_DENY,
          MCP_REASON_APPROVALS_FULL), "too many wait");

    ok(mcp_approvals_decide(approvals, first, MCP_APPROVAL_APPROVED,
                            mcp_str("ann"), mcp_str(""), AT, &state)
       == MCP_OK, "the first is approved");

    run->fail_reserve = true;
    ok(is(judge(run, REFUND("{\"a\":1}")), MCP_LIMIT,
          MCP_REASON_RATE_LIMITED)
       && mcp_approvals_state(approvals, first, AT) == MCP_APPROVAL_APPROVED,
       "and given back when a limit refuses");

    run->fail_reserve = false;
    ok(passes(run, REFUND("{\"a\":1}")) && run->verdict.ask_count == 1
       && mcp_approvals_state(approvals, first, AT) == MCP_APPROVAL_USED,
       "and used by the call");

    free(memory);
    finish(run);
}


/* Without randomness nothing passes. */
static void
test_random(void)
{
    run_t  *run;

    run = start("tool refund { approve; }");
    (void) judge(run, REFUND("{}"));
    run->no_random = true;

    ok(mcp_evaluate(run->policy, &run->body, &run->caller, &run->store,
                    &run->arena, &run->verdict) == MCP_ERROR,
       "without random bytes there is no decision");

    finish(run);
}


int
main(void)
{
    test_life();
    test_binding();
    test_caller();
    test_policies();
    test_several();
    test_methods();
    test_denied();
    test_limits();
    test_batch();
    test_dry();
    test_table();
    test_random();

    return tap_done();
}
