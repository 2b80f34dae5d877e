/*
 * The order of judgement: hide, default, names, pins, method blocks, the most
 * specific block, the block of "*", limits, approvals.  Lists ask the same
 * functions.
 */

#include "mcp_judge.h"


#define MCP_NAME_MAX  128

/* The blocks of one target: the most specific one and that of "*". */
#define MCP_SCOPES  2


static void mcp_evaluate_init(mcp_judge_t *judge, const mcp_policy_t *policy,
    const mcp_caller_t *caller, mcp_arena_t *arena);
static mcp_rc_t mcp_evaluate_take(mcp_judge_t *judge,
    const mcp_store_t *store, mcp_verdict_t *verdict);
static mcp_rc_t mcp_evaluate_messages(mcp_judge_t *judge,
    const mcp_body_t *body, mcp_verdict_t *verdict, bool *refused);
static mcp_rc_t mcp_evaluate_message(mcp_judge_t *judge,
    const mcp_message_t *message, mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_target(mcp_judge_t *judge,
    const mcp_message_t *message, const mcp_target_t *target,
    mcp_scope_t *scopes, uint32_t *count, mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_task(mcp_judge_t *judge, mcp_str_t id,
    mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_shown(mcp_judge_t *judge,
    mcp_target_kind_t kind, mcp_str_t name, mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_scopes(mcp_judge_t *judge,
    mcp_target_kind_t kind, mcp_str_t name, mcp_scope_t *scopes,
    uint32_t *count, mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_hidden(mcp_judge_t *judge,
    mcp_target_kind_t kind, mcp_str_t name, mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_name(mcp_judge_t *judge, mcp_target_kind_t kind,
    mcp_str_t name, bool exact, mcp_refusal_t *refusal);
static bool mcp_evaluate_name_valid(mcp_str_t name);
static mcp_rc_t mcp_evaluate_method(mcp_judge_t *judge,
    const mcp_message_t *message, mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_method_blocks(mcp_judge_t *judge,
    mcp_str_t name, bool *named, mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_blocks(mcp_judge_t *judge,
    const mcp_scope_t *scopes, uint32_t count, mcp_refusal_t *refusal);
static mcp_rc_t mcp_evaluate_refuse(mcp_refusal_t *refusal,
    mcp_target_kind_t kind, mcp_str_t name, mcp_reason_t reason);
static mcp_rc_t mcp_evaluate_no_variables(void *data, const void *variables,
    mcp_arena_t *arena, mcp_str_t *value);


mcp_rc_t
mcp_evaluate(const mcp_policy_t *policy, const mcp_body_t *body,
    const mcp_caller_t *caller, const mcp_store_t *store, mcp_arena_t *arena,
    mcp_verdict_t *verdict)
{
    bool         refused;
    mcp_rc_t     rc;
    mcp_judge_t  judge;

    memset(verdict, 0, sizeof(*verdict));

    if (body->count == 0) {
        return MCP_ERROR;
    }

    verdict->decisions = mcp_arena_calloc(arena, body->count
                                                 * sizeof(mcp_decision_t));
    if (verdict->decisions == NULL) {
        return MCP_NOMEM;
    }

    verdict->count = body->count;

    mcp_evaluate_init(&judge, policy, caller, arena);
    judge.subject.json = &body->json;

    rc = mcp_evaluate_messages(&judge, body, verdict, &refused);
    if (rc != MCP_OK) {
        return rc;
    }

    if (!refused) {
        rc = mcp_evaluate_take(&judge, store, verdict);

        if (rc == MCP_OK) {
            return MCP_OK;
        }

        verdict->charges = NULL;
        verdict->limits = NULL;
        verdict->charge_count = 0;

        if (rc != MCP_NO) {
            return rc;
        }
    }

    return mcp_decision_innocents(&judge, body, verdict);
}


/*
 * A human is not asked for what a limit refuses, and an approval that was
 * taken does not charge the limits until the call goes its way.  MCP_NO: the
 * decision is made, and nothing is taken.
 */
static mcp_rc_t
mcp_evaluate_take(mcp_judge_t *judge, const mcp_store_t *store,
    mcp_verdict_t *verdict)
{
    mcp_rc_t       rc;
    uint32_t       message;
    mcp_refusal_t  refusal;

    rc = MCP_OK;
    message = 0;

    if (judge->asked_count != 0) {

        if (judge->pending_count != 0) {
            rc = mcp_charge_check(judge, store, verdict, &message, &refusal);
        }

        if (rc == MCP_OK) {
            mcp_ask_dry(judge, verdict);

            if (judge->asked_count != 0) {
                rc = mcp_ask_take(judge, verdict);

                if (rc != MCP_OK) {
                    return rc;
                }
            }
        }
    }

    if (rc == MCP_OK && judge->pending_count != 0) {
        rc = mcp_charge_reserve(judge, store, verdict, &message, &refusal);
    }

    if (rc == MCP_OK) {
        return MCP_OK;
    }

    mcp_ask_give_back(judge, verdict);

    if (rc == MCP_NO) {
        verdict->first = message;

        rc = mcp_decision_make(judge, &refusal,
                               &verdict->decisions[message]);

        return rc == MCP_OK ? MCP_NO : rc;
    }

    return rc;
}


mcp_rc_t
mcp_evaluate_visible(const mcp_policy_t *policy, mcp_target_kind_t kind,
    mcp_str_t name, const mcp_caller_t *caller, mcp_arena_t *arena)
{
    mcp_rc_t       rc;
    mcp_judge_t    judge;
    mcp_refusal_t  refusal;

    mcp_evaluate_init(&judge, policy, caller, arena);

    rc = mcp_evaluate_shown(&judge, kind, name, &refusal);

    if (rc == MCP_OK) {
        return MCP_OK;
    }

    if (rc == MCP_NO && refusal.reason != MCP_REASON_UNDECIDABLE) {
        return MCP_NO;
    }

    return MCP_ERROR;
}


static void
mcp_evaluate_init(mcp_judge_t *judge, const mcp_policy_t *policy,
    const mcp_caller_t *caller, mcp_arena_t *arena)
{
    memset(judge, 0, sizeof(*judge));

    judge->policy = policy;
    judge->caller = caller;
    judge->arena = arena;
    judge->subject.arguments = MCP_JSON_NONE;
    judge->subject.arena = arena;
    judge->subject.resolve = caller->resolve != NULL
                             ? caller->resolve : mcp_evaluate_no_variables;
    judge->subject.resolve_data = caller->resolve_data;
}


static mcp_rc_t
mcp_evaluate_no_variables(void *data, const void *variables,
    mcp_arena_t *arena, mcp_str_t *value)
{
    (void) data;
    (void) variables;
    (void) arena;
    (void) value;

    return MCP_ERROR;
}


static mcp_rc_t
mcp_evaluate_messages(mcp_judge_t *judge, const mcp_body_t *body,
    mcp_verdict_t *verdict, bool *refused)
{
    mcp_rc_t       rc;
    uint32_t       i, noted, asked;
    mcp_refusal_t  refusal;

    *refused = false;

    for (i = 0; i < body->count; i++) {

        judge->message = i;
        judge->decision = &verdict->decisions[i];
        noted = judge->pending_count;
        asked = judge->asked_count;

        rc = mcp_evaluate_message(judge, &body->messages[i], &refusal);

        if (rc == MCP_OK && judge->pending_count != noted) {
            rc = mcp_charge_prepare(judge, noted, &refusal);
        }

        if (rc == MCP_OK && judge->asked_count != asked) {
            rc = mcp_ask_prepare(judge, &body->messages[i], asked, &refusal);
        }

        if (rc == MCP_NO) {
            judge->pending_count = noted;
            judge->asked_count = asked;

            if (!*refused) {
                *refused = true;
                verdict->first = i;
            }

            rc = mcp_decision_make(judge, &refusal, judge->decision);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_evaluate_message(mcp_judge_t *judge, const mcp_message_t *message,
    mcp_refusal_t *refusal)
{
    mcp_rc_t     rc;
    uint32_t     i, count;
    mcp_scope_t  scopes[MCP_SCOPES];

    if (message->kind == MCP_MESSAGE_RESULT
        || message->kind == MCP_MESSAGE_ERROR)
    {
        return MCP_OK;
    }

    judge->subject.arguments = message->arguments;

    if (message->target_count == 0) {
        return mcp_evaluate_method(judge, message, refusal);
    }

    for (i = 0; i < message->target_count; i++) {

        rc = mcp_evaluate_target(judge, message, &message->targets[i], scopes,
                                 &count, refusal);

        if (rc == MCP_OK && i == 0) {
            rc = mcp_evaluate_method(judge, message, refusal);
        }

        if (rc == MCP_OK) {
            rc = mcp_evaluate_blocks(judge, scopes, count, refusal);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* Hide, default and names; finds the blocks that apply. */
static mcp_rc_t
mcp_evaluate_target(mcp_judge_t *judge, const mcp_message_t *message,
    const mcp_target_t *target, mcp_scope_t *scopes, uint32_t *count,
    mcp_refusal_t *refusal)
{
    *count = 0;

    if (message->method == MCP_METHOD_COMPLETION_COMPLETE) {

        /* housekeeping, but it must not leak what is hidden */

        return mcp_evaluate_hidden(judge, target->kind, target->name,
                                   refusal);
    }

    switch (target->kind) {

    case MCP_TARGET_TOOL:
    case MCP_TARGET_PROMPT:
    case MCP_TARGET_RESOURCE:
        return mcp_evaluate_scopes(judge, target->kind, target->name, scopes,
                                   count, refusal);

    case MCP_TARGET_TASK:
        return mcp_evaluate_task(judge, target->name, refusal);

    default:
        return MCP_ERROR;
    }
}


/* A task is as visible as the tool that it runs. */
static mcp_rc_t
mcp_evaluate_task(mcp_judge_t *judge, mcp_str_t id, mcp_refusal_t *refusal)
{
    mcp_rc_t             rc;
    mcp_task_t           task;
    const mcp_caller_t  *caller;

    caller = judge->caller;
    rc = MCP_NO;

    if (caller->find_task != NULL) {
        rc = caller->find_task(caller->find_task_data, id, judge->arena,
                               &task);
    }

    switch (rc) {

    case MCP_OK:

        if (!task.owner) {
            return mcp_evaluate_refuse(refusal, MCP_TARGET_TASK, id,
                                       MCP_REASON_TASK_OWNER);
        }

        return mcp_evaluate_shown(judge, MCP_TARGET_TOOL, task.tool, refusal);

    case MCP_NO:

        if (judge->policy->default_allow) {
            return MCP_OK;
        }

        return mcp_evaluate_refuse(refusal, MCP_TARGET_TASK, id,
                                   MCP_REASON_TASK);

    case MCP_NOMEM:
        return MCP_NOMEM;

    default:
        return mcp_evaluate_refuse(refusal, MCP_TARGET_TASK, id,
                                   MCP_REASON_UNDECIDABLE);
    }
}


/* Whether some call could pass. */
static mcp_rc_t
mcp_evaluate_shown(mcp_judge_t *judge, mcp_target_kind_t kind,
    mcp_str_t name, mcp_refusal_t *refusal)
{
    bool         named;
    mcp_rc_t     rc;
    uint32_t     count;
    mcp_scope_t  scopes[MCP_SCOPES];

    if (kind < MCP_TARGET_TOOL || kind > MCP_TARGET_RESOURCE) {
        return MCP_ERROR;
    }

    judge->listing = true;

    rc = mcp_evaluate_scopes(judge, kind, name, scopes, &count, refusal);

    /* a resource is not only read: several methods are about it */

    if (rc == MCP_OK && kind != MCP_TARGET_RESOURCE) {
        rc = mcp_evaluate_method_blocks(judge,
                                        kind == MCP_TARGET_TOOL
                                        ? mcp_str("tools/call")
                                        : mcp_str("prompts/get"),
                                        &named, refusal);
    }

    if (rc == MCP_OK) {
        rc = mcp_evaluate_blocks(judge, scopes, count, refusal);
    }

    judge->listing = false;

    return rc;
}


static mcp_rc_t
mcp_evaluate_scopes(mcp_judge_t *judge, mcp_target_kind_t kind,
    mcp_str_t name, mcp_scope_t *scopes, uint32_t *count,
    mcp_refusal_t *refusal)
{
    bool                      exact;
    mcp_rc_t                  rc;
    uint32_t                  n;
    mcp_pattern_match_t       match;
    const mcp_pattern_set_t  *set;

    n = 0;
    exact = false;
    *count = 0;

    rc = mcp_evaluate_hidden(judge, kind, name, refusal);
    if (rc != MCP_OK) {
        return rc;
    }

    set = judge->policy->targets[kind];

    switch (mcp_pattern_set_find(set, name, &match)) {

    case MCP_OK:
        exact = match.exact;
        scopes[n++] = (mcp_scope_t) { match.value, match.pattern, kind,
                                      name };
        break;

    case MCP_NO:

        if (!judge->policy->default_allow) {
            return mcp_evaluate_refuse(refusal, kind, name,
                                       MCP_REASON_NOT_LISTED);
        }

        break;

    default:
        return mcp_evaluate_refuse(refusal, kind, name,
                                   MCP_REASON_UNDECIDABLE);
    }

    rc = mcp_evaluate_name(judge, kind, name, exact, refusal);

    if (rc == MCP_OK && kind == MCP_TARGET_TOOL) {
        rc = mcp_judge_pin(judge, name, refusal);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (mcp_pattern_set_star(set, &match) == MCP_OK) {
        scopes[n++] = (mcp_scope_t) { match.value, match.pattern, kind,
                                      name };
    }

    *count = n;

    return MCP_OK;
}


static mcp_rc_t
mcp_evaluate_hidden(mcp_judge_t *judge, mcp_target_kind_t kind,
    mcp_str_t name, mcp_refusal_t *refusal)
{
    mcp_rc_t  rc;

    rc = mcp_evaluate_hides(judge->policy, name);

    if (rc == MCP_NO) {
        return MCP_OK;
    }

    return mcp_evaluate_refuse(refusal, kind, name,
                               rc == MCP_OK ? MCP_REASON_HIDDEN
                                            : MCP_REASON_UNDECIDABLE);
}


/*
 * Names that a server might read as another name than we do.  Tools: ruled
 * out under "default allow" unless named exactly.  Prompts and resources:
 * only where the policy says anything that such a name could evade.
 */
static mcp_rc_t
mcp_evaluate_name(mcp_judge_t *judge, mcp_target_kind_t kind, mcp_str_t name,
    bool exact, mcp_refusal_t *refusal)
{
    bool                 evadable;
    const mcp_policy_t  *policy;

    policy = judge->policy;

    evadable = !mcp_pattern_set_empty(policy->hidden)
               || !mcp_pattern_set_empty(policy->targets[kind]);

    if (kind == MCP_TARGET_RESOURCE) {

        if ((evadable || !policy->default_allow)
            && (mcp_uri_has_dot_segments(name) || !mcp_uri_is_clean(name)))
        {
            return mcp_evaluate_refuse(refusal, kind, name, MCP_REASON_URI);
        }

        /*
         * Another spelling evades what denies, never what allows: under
         * "default deny" a block that stands beside another, or "hide".
         */

        if (evadable && !exact
            && (policy->default_allow
                || !mcp_pattern_set_empty(policy->hidden)
                || mcp_pattern_set_count(policy->targets[kind]) > 1)
            && !mcp_uri_is_normal(name))
        {
            return mcp_evaluate_refuse(refusal, kind, name, MCP_REASON_URI);
        }

        return MCP_OK;
    }

    if (!policy->default_allow || exact
        || (kind == MCP_TARGET_PROMPT && !evadable)
        || mcp_evaluate_name_valid(name))
    {
        return MCP_OK;
    }

    return mcp_evaluate_refuse(refusal, kind, name, MCP_REASON_NAME);
}


/* [A-Za-z0-9_./-]{1,128} */
static bool
mcp_evaluate_name_valid(mcp_str_t name)
{
    size_t   i;
    uint8_t  c;

    if (name.len == 0 || name.len > MCP_NAME_MAX) {
        return false;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || c == '_' || c == '.' || c == '/' || c == '-')
        {
            continue;
        }

        return false;
    }

    return true;
}


static mcp_rc_t
mcp_evaluate_method(mcp_judge_t *judge, const mcp_message_t *message,
    mcp_refusal_t *refusal)
{
    bool      named;
    mcp_rc_t  rc;

    rc = mcp_evaluate_method_blocks(judge, message->method_name, &named,
                                    refusal);

    if (rc != MCP_OK || message->target_count != 0
        || mcp_method_housekeeping(message->method))
    {
        return rc;
    }

    if (message->method == MCP_METHOD_OTHER
        || message->method == MCP_METHOD_TASKS_LIST)
    {
        if (named || judge->policy->default_allow) {
            return MCP_OK;
        }
    }

    /* also a method that must have a target and came here without one */

    return mcp_evaluate_refuse(refusal, MCP_TARGET_NONE, message->method_name,
                               MCP_REASON_METHOD);
}


/* "named": by a pattern other than "*". */
static mcp_rc_t
mcp_evaluate_method_blocks(mcp_judge_t *judge, mcp_str_t name, bool *named,
    mcp_refusal_t *refusal)
{
    uint32_t                  n;
    mcp_scope_t               scopes[MCP_SCOPES];
    mcp_pattern_match_t       match;
    const mcp_pattern_set_t  *methods;

    n = 0;
    *named = false;
    methods = judge->policy->methods;

    if (mcp_pattern_set_empty(methods)) {
        return MCP_OK;
    }

    switch (mcp_pattern_set_find(methods, name, &match)) {

    case MCP_OK:
        *named = true;
        scopes[n++] = (mcp_scope_t) { match.value, match.pattern,
                                      MCP_TARGET_NONE, name };
        break;

    case MCP_NO:
        break;

    default:
        return mcp_evaluate_refuse(refusal, MCP_TARGET_NONE, name,
                                   MCP_REASON_UNDECIDABLE);
    }

    if (mcp_pattern_set_star(methods, &match) == MCP_OK) {
        scopes[n++] = (mcp_scope_t) { match.value, match.pattern,
                                      MCP_TARGET_NONE, name };
    }

    return mcp_evaluate_blocks(judge, scopes, n, refusal);
}


static mcp_rc_t
mcp_evaluate_blocks(mcp_judge_t *judge, const mcp_scope_t *scopes,
    uint32_t count, mcp_refusal_t *refusal)
{
    mcp_rc_t  rc;
    uint32_t  i;

    for (i = 0; i < count; i++) {
        rc = mcp_judge_block(judge, &scopes[i], refusal);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* A refusal that no block is to blame for. */
static mcp_rc_t
mcp_evaluate_refuse(mcp_refusal_t *refusal, mcp_target_kind_t kind,
    mcp_str_t name, mcp_reason_t reason)
{
    memset(refusal, 0, sizeof(*refusal));

    refusal->action = MCP_DENY;
    refusal->reason = reason;
    refusal->scope.kind = kind;
    refusal->scope.name = name;
    refusal->scope.pattern = reason == MCP_REASON_HIDDEN
                             ? mcp_str("(hidden)") : mcp_str("(default)");

    return MCP_NO;
}
