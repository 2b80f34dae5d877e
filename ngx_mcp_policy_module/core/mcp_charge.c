/*
 * Limits that apply to the calls of a body: which counter, what cost, and the
 * reservation of all of them at once.
 */

#include "mcp_judge.h"

#include "mcp_canonical.h"
#include "mcp_decimal.h"


#define MCP_PENDING_MIN  8

#define MCP_MARK_RULE      0x01   /* rule with "dry_run on" */
#define MCP_MARK_LOCATION  0x02   /* "mcp_dry_run on" */


static mcp_rc_t mcp_charge_key(mcp_judge_t *judge, mcp_pending_t *pending,
    mcp_refusal_t *refusal);
static mcp_rc_t mcp_charge_key_part(mcp_judge_t *judge, const mcp_key_t *key,
    mcp_key_text_t *text);
static mcp_rc_t mcp_charge_key_argument(mcp_judge_t *judge,
    const mcp_key_t *key, mcp_key_text_t *text);
static mcp_rc_t mcp_charge_cost(mcp_judge_t *judge, mcp_pending_t *pending);
static void mcp_charge_refuse(const mcp_pending_t *pending,
    mcp_action_t action, mcp_reason_t reason, mcp_refusal_t *refusal);
static void mcp_charge_result(const mcp_charge_result_t *result,
    mcp_refusal_t *refusal);
static mcp_rc_t mcp_charge_all(mcp_judge_t *judge, const mcp_store_t *store,
    mcp_store_charge_pt charge, mcp_verdict_t *verdict, uint32_t *message,
    mcp_refusal_t *refusal);
static mcp_rc_t mcp_charge_arrays(mcp_judge_t *judge,
    mcp_verdict_t *verdict);
static void mcp_charge_drop(mcp_judge_t *judge, mcp_verdict_t *verdict,
    uint32_t index, mcp_action_t action, mcp_reason_t reason);
static void mcp_charge_remove(mcp_judge_t *judge, mcp_verdict_t *verdict,
    uint32_t index);
static bool mcp_charge_drop_dry(mcp_judge_t *judge, mcp_verdict_t *verdict);


mcp_rc_t
mcp_charge_note(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, const mcp_limit_t *limit)
{
    uint32_t        room;
    mcp_pending_t  *pending;

    if (judge->pending_count == judge->pending_room) {

        room = judge->pending_room == 0 ? MCP_PENDING_MIN
                                        : judge->pending_room * 2;

        pending = mcp_arena_alloc(judge->arena,
                                  room * sizeof(mcp_pending_t));
        if (pending == NULL) {
            return MCP_NOMEM;
        }

        if (judge->pending_count != 0) {
            memcpy(pending, judge->pending,
                   judge->pending_count * sizeof(mcp_pending_t));
        }

        judge->pending = pending;
        judge->pending_room = room;
    }

    pending = &judge->pending[judge->pending_count++];

    pending->limit = limit;
    pending->rule = rule;
    pending->scope = *scope;
    pending->message = judge->message;
    pending->dry = rule->dry_run || scope->block->dry_run;

    return MCP_OK;
}


mcp_rc_t
mcp_charge_prepare(mcp_judge_t *judge, uint32_t from, mcp_refusal_t *refusal)
{
    mcp_rc_t        rc;
    uint32_t        i, kept;
    mcp_pending_t  *pending;

    kept = from;

    for (i = from; i < judge->pending_count; i++) {
        pending = &judge->pending[i];

        rc = mcp_charge_key(judge, pending, refusal);

        if (rc == MCP_OK) {
            rc = mcp_charge_cost(judge, pending);

            if (rc == MCP_NO) {
                mcp_charge_refuse(pending, MCP_DENY, MCP_REASON_BAD_COST,
                                  refusal);
            }
        }

        if (rc == MCP_NO && pending->dry) {
            mcp_judge_dry(judge, refusal);
            continue;
        }

        if (rc != MCP_OK) {
            return rc;
        }

        /* a cost of 0 passes, and needs no counter */

        if (pending->cost != 0) {
            judge->pending[kept++] = *pending;
        }
    }

    judge->pending_count = kept;

    return MCP_OK;
}


static mcp_rc_t
mcp_charge_key(mcp_judge_t *judge, mcp_pending_t *pending,
    mcp_refusal_t *refusal)
{
    mcp_rc_t            rc;
    uint8_t             head[12];
    uint32_t            i;
    mcp_key_text_t      text;
    const mcp_limit_t  *limit;
    const mcp_scope_t  *scope;

    limit = pending->limit;
    scope = &pending->scope;

    mcp_key_text_start(&text, judge->arena);

    head[0] = (pending->dry ? MCP_MARK_RULE : 0)
              | (judge->caller->dry_run ? MCP_MARK_LOCATION : 0);
    head[1] = (uint8_t) limit->spec.algorithm;
    head[2] = (uint8_t) scope->kind;
    head[3] = (uint8_t) limit->key_count;
    memcpy(&head[4], &limit->spec.window_ms, 8);

    if (limit->counter.len != 0) {

        /* shared by all kinds of users */

        head[2] = 0;
        mcp_key_text_add(&text, MCP_TAG_NAMED, limit->counter);

        if (limit->space == MCP_COUNTER_OF_TOOL) {
            mcp_key_text_add(&text, MCP_TAG_CALLED, scope->name);

        } else if (limit->space == MCP_COUNTER_OF_ALL) {
            mcp_key_text_add(&text, MCP_TAG_SHARED, mcp_str("*"));
        }

    } else {
        mcp_key_text_add(&text, MCP_TAG_NAMED, pending->rule->name);
        mcp_key_text_add(&text, limit->shared ? MCP_TAG_SHARED
                                               : MCP_TAG_CALLED,
                          limit->shared ? mcp_str("*") : scope->name);
    }

    mcp_key_text_add(&text, MCP_TAG_TEXT, judge->policy->name);
    mcp_key_text_add(&text, MCP_TAG_TEXT,
                      (mcp_str_t) { head, sizeof(head) });

    for (i = 0; i < limit->key_count; i++) {
        rc = mcp_charge_key_part(judge, &limit->keys[i], &text);

        if (rc == MCP_NO || rc == MCP_ERROR) {
            mcp_charge_refuse(pending, MCP_DENY, MCP_REASON_NO_KEY, refusal);
            refusal->key = &limit->keys[i];

            return MCP_NO;
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return mcp_key_text_hash(&text, judge->caller->hash_key, pending->key);
}


/* MCP_NO and MCP_ERROR: there is no usable value. */
static mcp_rc_t
mcp_charge_key_part(mcp_judge_t *judge, const mcp_key_t *key,
    mcp_key_text_t *text)
{
    mcp_rc_t             rc;
    mcp_str_t            value;
    mcp_tag_t            tag;
    const mcp_caller_t  *caller;

    caller = judge->caller;

    switch (key->kind) {

    case MCP_KEY_GRANT:
        tag = MCP_TAG_GRANT;
        value = caller->grant;
        break;

    case MCP_KEY_SESSION:

        if (caller->session.len != 0) {
            tag = MCP_TAG_SESSION;
            value = caller->session;

        } else {
            tag = MCP_TAG_STANDS_IN;
            value = caller->grant;
        }

        break;

    case MCP_KEY_GLOBAL:
        tag = MCP_TAG_GLOBAL;
        value = mcp_str("*");
        break;

    case MCP_KEY_ARGUMENT:
        return mcp_charge_key_argument(judge, key, text);

    case MCP_KEY_TEXT:
        tag = MCP_TAG_TEXT;

        rc = mcp_text_value(&key->text, judge->subject.resolve,
                            judge->subject.resolve_data, judge->arena,
                            &value);
        if (rc != MCP_OK) {
            return rc;
        }

        break;

    default:
        return MCP_ERROR;
    }

    if (value.len == 0) {
        return MCP_NO;
    }

    mcp_key_text_add(text, tag, value);

    return MCP_OK;
}


static mcp_rc_t
mcp_charge_key_argument(mcp_judge_t *judge, const mcp_key_t *key,
    mcp_key_text_t *text)
{
    size_t             length;
    uint8_t            read[MCP_CANONICAL_NUMBER_MAX];
    uint8_t            number[MCP_DECIMAL_CANONICAL_MAX];
    mcp_rc_t           rc;
    uint32_t           index;
    mcp_str_t          value;
    const mcp_json_t  *json;

    if (judge->subject.arguments == MCP_JSON_NONE) {
        return MCP_NO;
    }

    json = judge->subject.json;

    index = mcp_path_find(&key->path, json, judge->subject.arguments);
    if (index == MCP_JSON_NONE) {
        return MCP_NO;
    }

    switch (json->tokens[index].type) {

    case MCP_JSON_STRING:

        rc = mcp_json_string(json, index, judge->arena, &value);
        if (rc != MCP_OK) {
            return rc;
        }

        mcp_key_text_add(text, MCP_TAG_STRING, value);
        return MCP_OK;

    case MCP_JSON_NUMBER:

        value = mcp_json_raw(json, index);

        /* any other is a double to servers: one, with endless spellings */

        if (!(json->tokens[index].flags & MCP_JSON_INTEGER)) {
            value.len = mcp_canonical_number(value, read);
            value.data = read;
        }

        rc = mcp_decimal_canonical(value, number, &length);
        if (rc != MCP_OK) {
            return rc;
        }

        mcp_key_text_add(text, MCP_TAG_NUMBER,
                          (mcp_str_t) { number, length });
        return MCP_OK;

    case MCP_JSON_TRUE:
        mcp_key_text_add(text, MCP_TAG_TRUE, mcp_str(""));
        return MCP_OK;

    case MCP_JSON_FALSE:
        mcp_key_text_add(text, MCP_TAG_FALSE, mcp_str(""));
        return MCP_OK;

    default:
        return MCP_NO;
    }
}


static mcp_rc_t
mcp_charge_cost(mcp_judge_t *judge, mcp_pending_t *pending)
{
    uint32_t           index;
    mcp_error_t        error;
    const mcp_json_t  *json;

    if (pending->limit->cost_path == NULL) {
        pending->cost = pending->limit->cost;
        return MCP_OK;
    }

    if (judge->subject.arguments == MCP_JSON_NONE) {
        return MCP_NO;
    }

    json = judge->subject.json;

    index = mcp_path_find(pending->limit->cost_path, json,
                          judge->subject.arguments);

    if (index == MCP_JSON_NONE
        || json->tokens[index].type != MCP_JSON_NUMBER
        || mcp_decimal_micros(mcp_json_raw(json, index), &pending->cost,
                              &error)
           != MCP_OK)
    {
        return MCP_NO;
    }

    return MCP_OK;
}


static void
mcp_charge_refuse(const mcp_pending_t *pending, mcp_action_t action,
    mcp_reason_t reason, mcp_refusal_t *refusal)
{
    memset(refusal, 0, sizeof(*refusal));

    refusal->action = action;
    refusal->reason = reason;
    refusal->scope = pending->scope;
    refusal->rule = pending->rule;
    refusal->limit = pending->limit;
}


mcp_rc_t
mcp_charge_reserve(mcp_judge_t *judge, const mcp_store_t *store,
    mcp_verdict_t *verdict, uint32_t *message, mcp_refusal_t *refusal)
{
    return mcp_charge_all(judge, store, store != NULL ? store->reserve : NULL,
                          verdict, message, refusal);
}


mcp_rc_t
mcp_charge_check(mcp_judge_t *judge, const mcp_store_t *store,
    mcp_verdict_t *verdict, uint32_t *message, mcp_refusal_t *refusal)
{
    mcp_rc_t  rc;

    rc = mcp_charge_all(judge, store, store != NULL ? store->check : NULL,
                        verdict, message, refusal);

    verdict->charges = NULL;
    verdict->limits = NULL;
    verdict->charge_count = 0;

    return rc;
}


static mcp_rc_t
mcp_charge_all(mcp_judge_t *judge, const mcp_store_t *store,
    mcp_store_charge_pt charge, mcp_verdict_t *verdict, uint32_t *message,
    mcp_refusal_t *refusal)
{
    mcp_rc_t  rc;
    uint32_t  failed;

    if (mcp_charge_arrays(judge, verdict) != MCP_OK) {
        return MCP_NOMEM;
    }

    /* every round takes a limit away: at most pending_count rounds */

    while (verdict->charge_count > 0) {

        failed = 0;
        rc = MCP_ERROR;

        if (charge != NULL) {
            rc = charge(store->data, verdict->charges, verdict->charge_count,
                        judge->caller->now_ms, &failed);
        }

        if (rc == MCP_OK || rc == MCP_NOMEM) {
            return rc;
        }

        if (rc == MCP_NO && failed < verdict->charge_count) {

            if (judge->pending[failed].dry) {
                mcp_charge_drop(judge, verdict, failed, MCP_LIMIT,
                                MCP_REASON_RATE_LIMITED);
                continue;
            }

            mcp_charge_refuse(&judge->pending[failed], MCP_LIMIT,
                              MCP_REASON_RATE_LIMITED, refusal);
            mcp_charge_result(&verdict->charges[failed].result, refusal);
            *message = judge->pending[failed].message;
            verdict->full = &verdict->charges[failed];

            return MCP_NO;
        }

        /* no counter: without the dry ones there may be room */

        if (mcp_charge_drop_dry(judge, verdict)) {
            continue;
        }

        if (rc == MCP_ERROR && failed < verdict->charge_count
            && judge->caller->zone_full_allow)
        {
            mcp_charge_remove(judge, verdict, failed);
            continue;
        }

        failed = failed < verdict->charge_count ? failed : 0;

        mcp_charge_refuse(&judge->pending[failed], MCP_DENY,
                          MCP_REASON_ZONE_FULL, refusal);
        *message = judge->pending[failed].message;

        return MCP_NO;
    }

    return MCP_OK;
}


static void
mcp_charge_result(const mcp_charge_result_t *result, mcp_refusal_t *refusal)
{
    refusal->retry_ms = result->retry_ms;
    refusal->remaining = result->remaining;
    refusal->reset_ms = result->reset_ms;
}


static mcp_rc_t
mcp_charge_arrays(mcp_judge_t *judge, mcp_verdict_t *verdict)
{
    uint32_t              i, count;
    mcp_charge_t         *charges;
    const mcp_limit_t   **limits;
    const mcp_pending_t  *pending;

    count = judge->pending_count;

    charges = mcp_arena_calloc(judge->arena, count * sizeof(mcp_charge_t));
    limits = mcp_arena_alloc(judge->arena, count * sizeof(mcp_limit_t *));

    if (charges == NULL || limits == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < count; i++) {
        pending = &judge->pending[i];

        charges[i].spec = &pending->limit->spec;
        charges[i].key[0] = pending->key[0];
        charges[i].key[1] = pending->key[1];
        charges[i].cost = pending->cost;
        charges[i].message = pending->message;
        charges[i].dry = pending->dry || judge->caller->dry_run;
        charges[i].rule = pending->rule->name.len != 0
                          ? pending->rule->name : pending->scope.pattern;
        charges[i].name = pending->scope.name;
        limits[i] = pending->limit;
    }

    verdict->charges = charges;
    verdict->limits = limits;
    verdict->charge_count = count;

    return MCP_OK;
}


/* Takes a dry charge out, and notes why in the decision of its message. */
static void
mcp_charge_drop(mcp_judge_t *judge, mcp_verdict_t *verdict, uint32_t index,
    mcp_action_t action, mcp_reason_t reason)
{
    mcp_refusal_t  refusal;

    mcp_charge_refuse(&judge->pending[index], action, reason, &refusal);

    judge->decision = &verdict->decisions[judge->pending[index].message];
    mcp_judge_dry(judge, &refusal);

    mcp_charge_remove(judge, verdict, index);
}


static void
mcp_charge_remove(mcp_judge_t *judge, mcp_verdict_t *verdict, uint32_t index)
{
    uint32_t  after;

    after = verdict->charge_count - index - 1;

    memmove(&judge->pending[index], &judge->pending[index + 1],
            after * sizeof(mcp_pending_t));
    memmove(&verdict->charges[index], &verdict->charges[index + 1],
            after * sizeof(mcp_charge_t));
    memmove(&verdict->limits[index], &verdict->limits[index + 1],
            after * sizeof(mcp_limit_t *));

    judge->pending_count--;
    verdict->charge_count--;
}


static bool
mcp_charge_drop_dry(mcp_judge_t *judge, mcp_verdict_t *verdict)
{
    bool      dropped;
    uint32_t  i;

    dropped = false;

    for (i = verdict->charge_count; i > 0; i--) {
        if (judge->pending[i - 1].dry) {
            mcp_charge_drop(judge, verdict, i - 1, MCP_DENY,
                            MCP_REASON_ZONE_FULL);
            dropped = true;
        }
    }

    return dropped;
}
