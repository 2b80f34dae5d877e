/*
 * Bodies against fixed policies.  The first byte chooses policy and caller,
 * the rest is the body.  What must hold: what is called is shown, a refused
 * body charges nothing, a refusal has a rule and a text, and the same body
 * gets the same answer.  Approvals that a refused body took are given back.
 */

#include "fuzz.h"

#include "../unit/policy_text.h"

#include "mcp_decimal.h"
#include "mcp_evaluate.h"


#define FUZZ_POLICIES  2

#define FUZZ_GRANT     0x02
#define FUZZ_SESSION   0x04
#define FUZZ_ADMIN     0x08
#define FUZZ_BROKEN    0x10
#define FUZZ_STORE     0x60   /* fits, used up, full, allowed when full */
#define FUZZ_HEADER    0x80


static const char *const  fuzz_texts[FUZZ_POLICIES] = {

    "default deny; hide delete_* ~^admin secret u:secret/*;\n"
    "tool a { }\n"
    "tool b { require $role eq admin; }\n"
    "tool c { arg x lte 5; arg y[*].z in 1 2 three; }\n"
    "tool d { deny_if { arg x gt 5; any { arg y eq $role; require $broken "
    "regex ^a; } message 'no $role'; } }\n"
    "tool e* { rule big { arg n gt 10; limit 2/day cost=args.n; }"
    " rule q { require $role neq admin; arg s regex '^(a+)+$'; deny; } }\n"
    "tool f { limit 5/minute per=grant,args.k; limit 9/hour per=session; }\n"
    "tool g { dry_run on; arg x eq 1; limit 1/day; }\n"
    "tool h { any { arg x exists; require $broken eq 1; } }\n"
    "tool i { any { require $broken eq 1; arg x exists; } }\n"
    "tool j { rule r { deny; } }\n"
    "tool ~^k[0-9]+$ { arg t type string integer; arg t length_lte 3; }\n"
    "tool * { limit 100/day per=global; deny_if { arg evil eq true; } }\n"
    "tool l { rule r { arg n gt 10; approve ttl=1h; } limit 1/day; }\n"
    "tool m { dry_run on; approve; } tool n { approve; approve; }\n"
    "prompt p { require $role eq admin; } prompt p* { approve; }\n"
    "resource v:* { approve wait=5s; }\n"
    "resource u:* { limit 9/minute per=$role; }\n"
    "method tools/call { arg blocked absent; }\n"
    "method x/* { rule r { require $role neq admin; deny; } }\n",

    "default allow; hide delete_* secret;\n"
    "tool a { deny no; }\n"
    "tool 'odd name' { }\n"
    "tool b { deny_if { require $role eq admin; } }\n"
    "tool c* { arg x absent; }\n"
    "tool * { rule r { dry_run on; limit 1/day counter=c; } }\n"
    "resource file:* { arg x absent; approve; }\n"
    "prompt p { deny_if { arg x exists; } }\n"
    "method ping { deny; } method prompts/get { require $role eq admin; }\n"
};


static mcp_rc_t
fuzz_reserve(void *data, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    const uint8_t  *flags = data;

    uint32_t  i;

    (void) now_ms;

    for (i = 0; i < count; i++) {
        if (charges[i].cost <= 0 || charges[i].cost > MCP_DECIMAL_MAX) {
            abort();
        }
    }

    switch (*flags & FUZZ_STORE) {

    case 0x20:
        *failed = count / 2;
        charges[*failed].result.retry_ms = count == 1 ? UINT64_MAX : 12345;
        return MCP_NO;

    case 0x40:
    case 0x60:
        return MCP_ERROR;

    default:
        return MCP_OK;
    }
}


static mcp_rc_t
fuzz_could_reserve(void *data, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    const uint8_t  *flags = data;

    /* what fits may be taken by another call before it is reserved */

    if (*flags & FUZZ_SESSION) {
        return MCP_OK;
    }

    return fuzz_reserve(data, charges, count, now_ms, failed);
}


/* What a human says is a matter of the key. */
static mcp_rc_t
fuzz_take(void *data, mcp_approval_ask_t *asks, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    uint32_t  *taken = data;

    uint32_t             i;
    mcp_approval_ask_t  *ask;

    *failed = count;

    for (i = 0; i < count; i++) {
        ask = &asks[i];

        if (ask->policy.len == 0 || ask->rule.len == 0 || ask->ttl_ms == 0
            || ask->wait_ms > ask->ttl_ms || ask->new_id[0] != 0x5a
            || (i != 0 && ask->message < asks[i - 1].message))
        {
            abort();
        }

        if ((ask->key[1] & 15) == 0) {
            *failed = i;
            return MCP_ERROR;
        }

        ask->state = (ask->key[0] & 7) == 0 ? MCP_APPROVAL_PENDING
                     : (ask->key[0] & 7) == 1 ? MCP_APPROVAL_DENIED
                     : MCP_APPROVAL_APPROVED;
        ask->expires_ms = now_ms + ask->ttl_ms;
        ask->reason = ask->key[0] & 8 ? mcp_str("no \"\n") : mcp_str("");

        if (ask->state != MCP_APPROVAL_APPROVED && *failed == count) {
            *failed = i;
        }
    }

    if (*failed < count) {
        return MCP_NO;
    }

    *taken += count;

    return MCP_OK;
}


static void
fuzz_give_back(void *data, const mcp_approval_ask_t *asks, uint32_t count,
    uint64_t now_ms)
{
    uint32_t  *taken = data;

    (void) asks;
    (void) now_ms;

    if (count > *taken) {
        abort();
    }

    *taken -= count;
}


static mcp_rc_t
fuzz_random(void *data, uint8_t *dst, size_t size)
{
    (void) data;

    memset(dst, 0x5a, size);

    return MCP_OK;
}


static mcp_rc_t
fuzz_find_task(void *data, mcp_str_t id, mcp_arena_t *arena,
    mcp_task_t *task)
{
    (void) data;
    (void) arena;

    if (id.len < 2) {
        return MCP_NO;
    }

    task->owner = id.data[0] != 'x';
    task->tool.data = id.data + 1;
    task->tool.len = id.len - 1;

    return MCP_OK;
}


static void
fuzz_check_message(const mcp_policy_t *policy, const mcp_message_t *message,
    const mcp_decision_t *decision, const mcp_caller_t *caller,
    mcp_arena_t *arena)
{
    uint32_t             i;
    const mcp_target_t  *target;

    if (decision->action != MCP_ALLOW) {

        if (decision->text.len == 0
            || (decision->rule.len == 0
                && decision->reason != MCP_REASON_BATCH)
            || decision->reason == MCP_REASON_NONE)
        {
            abort();
        }

        if (decision->not_shown
            && decision->reason != MCP_REASON_HIDDEN
            && decision->reason != MCP_REASON_NOT_LISTED)
        {
            abort();
        }

        return;
    }

    if (decision->reason != MCP_REASON_NONE || decision->rule.len != 0
        || decision->not_shown)
    {
        abort();
    }

    if (message->method == MCP_METHOD_COMPLETION_COMPLETE) {
        return;
    }

    for (i = 0; i < message->target_count; i++) {
        target = &message->targets[i];

        if (target->kind != MCP_TARGET_TASK
            && mcp_evaluate_visible(policy, target->kind, target->name,
                                    caller, arena)
               != MCP_OK)
        {
            abort();
        }
    }
}


static void
fuzz_check(const mcp_policy_t *policy, const mcp_body_t *body,
    const mcp_caller_t *caller, const mcp_store_t *store, mcp_arena_t *arena)
{
    bool           refused, allowed;
    uint32_t       i, *taken;
    mcp_verdict_t  verdict, again;

    taken = caller->approvals->data;

    if (mcp_evaluate(policy, body, caller, store, arena, &verdict) != MCP_OK
        || mcp_evaluate(policy, body, caller, store, arena, &again)
           != MCP_OK
        || verdict.count != body->count || verdict.first != again.first
        || verdict.charge_count != again.charge_count
        || verdict.ask_count != again.ask_count
        || verdict.ask_count + again.ask_count != *taken)
    {
        abort();
    }

    refused = false;
    allowed = false;

    for (i = 0; i < verdict.count; i++) {

        if (verdict.decisions[i].action == MCP_ALLOW) {
            allowed = true;

        } else {
            refused = true;
        }

        if (verdict.decisions[i].action != again.decisions[i].action
            || verdict.decisions[i].reason != again.decisions[i].reason)
        {
            abort();
        }

        fuzz_check_message(policy, &body->messages[i],
                           &verdict.decisions[i], caller, arena);
    }

    if (refused
        && (allowed || verdict.charge_count != 0 || verdict.ask_count != 0
            || verdict.decisions[verdict.first].action == MCP_ALLOW))
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned           i;
    uint8_t            flags;
    uint32_t           taken;
    mcp_body_t         body;
    mcp_store_t        store;
    mcp_arena_t        arena;
    mcp_caller_t       caller;
    mcp_headers_t      headers;
    policy_reports_t   reports;
    policy_variable_t  variables[3];

    mcp_approval_store_t  approvals = { fuzz_take, fuzz_give_back,
                                        fuzz_random, &taken };

    static const mcp_policy_t  *policies[FUZZ_POLICIES];

    if (size < 2) {
        return 0;
    }

    for (i = 0; policies[FUZZ_POLICIES - 1] == NULL && i < FUZZ_POLICIES; i++)
    {
        policies[i] = policy_build(fuzz_texts[i], &reports);

        if (policies[i] == NULL) {
            fprintf(stderr, "policy %u: %s\n", i, reports.texts[0]);
            abort();
        }
    }

    flags = data[0];

    memset(&caller, 0, sizeof(caller));
    memset(&body, 0, sizeof(body));
    memset(&headers, 0, sizeof(headers));

    variables[0] = (policy_variable_t) { "role", flags & FUZZ_ADMIN
                                                 ? "admin" : "user" };
    variables[1] = (policy_variable_t) { "broken", flags & FUZZ_BROKEN
                                                   ? NULL : "abc" };
    variables[2] = (policy_variable_t) { NULL, NULL };

    caller.grant = flags & FUZZ_GRANT ? mcp_str("grant") : mcp_str("");
    caller.session = flags & FUZZ_SESSION ? mcp_str("session") : mcp_str("");
    caller.resolve = policy_resolve;
    caller.resolve_data = variables;
    caller.find_task = fuzz_find_task;
    taken = 0;
    caller.approvals = &approvals;
    caller.zone_full_allow = (flags & FUZZ_STORE) == FUZZ_STORE;

    store.reserve = fuzz_reserve;
    store.check = fuzz_could_reserve;
    store.refund = NULL;
    store.data = &flags;

    if (flags & FUZZ_HEADER) {
        headers.protocol_version.value = mcp_str("2025-11-25");
        headers.protocol_version.count = 1;
    }

    mcp_arena_init(&arena, &policy_allocator, 1 << 26);

    if (mcp_body_parse(&body, (mcp_str_t) { data + 1, size - 1 }, &headers,
                       MCP_REVISIONS_ALL, &fuzz_limits, &arena)
        == MCP_OK)
    {
        fuzz_check(policies[flags & 1], &body, &caller, &store, &arena);
    }

    mcp_arena_destroy(&arena);

    return 0;
}
