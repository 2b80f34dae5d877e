/*
 * Approvals that the calls of a body need: what each of them binds, and the
 * taking of all of them at once.
 */

#include "mcp_judge.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "mcp_canonical.h"
#include "mcp_siphash.h"


#define MCP_ASKED_MIN    4

/* Of one body; a human would not decide as many. */
#define MCP_ASKS_MAX     256

#define MCP_ASK_LABEL    "mcp approval"

/* Behind a name that is cut. */
#define MCP_ASK_MORE     "\xe2\x80\xa6"


/* What of a message an approval is for. */
typedef struct {
    mcp_rc_t   rc;
    bool       plain;       /* nothing but a name and arguments */
    mcp_str_t  text;        /* canonical; empty without params */
    uint8_t    mac[MCP_APPROVAL_MAC];
} mcp_bound_t;


static mcp_rc_t mcp_ask_bind(mcp_judge_t *judge,
    const mcp_message_t *message, mcp_bound_t *bound);
static bool mcp_ask_plain(const mcp_json_t *json,
    const mcp_message_t *message, const mcp_str_t *except, uint32_t count);
static mcp_rc_t mcp_ask_mac(const uint64_t hash_key[2], mcp_str_t text,
    uint8_t mac[MCP_APPROVAL_MAC]);
static mcp_rc_t mcp_ask_key(mcp_judge_t *judge, const mcp_message_t *message,
    const mcp_bound_t *bound, mcp_asked_t *asked);
static mcp_str_t mcp_ask_arguments(const mcp_json_t *json,
    const mcp_message_t *message, const mcp_bound_t *bound,
    const mcp_asked_t *asked);
static void mcp_ask_refuse(const mcp_asked_t *asked, mcp_action_t action,
    mcp_reason_t reason, mcp_refusal_t *refusal);
static mcp_rc_t mcp_ask_fill(mcp_judge_t *judge, mcp_approval_ask_t *asks);
static mcp_rc_t mcp_ask_name(mcp_judge_t *judge, mcp_str_t name,
    mcp_str_t *kept);
static mcp_rc_t mcp_ask_nobody(mcp_judge_t *judge, mcp_verdict_t *verdict);
static mcp_rc_t mcp_ask_full(mcp_judge_t *judge, mcp_verdict_t *verdict,
    uint32_t failed);
static mcp_rc_t mcp_ask_waiting(mcp_judge_t *judge, mcp_verdict_t *verdict,
    const mcp_approval_ask_t *asks, uint32_t failed);
static mcp_rc_t mcp_ask_decide(mcp_judge_t *judge, mcp_verdict_t *verdict,
    uint32_t message, const mcp_refusal_t *refusal);


mcp_rc_t
mcp_ask_note(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, const mcp_approval_t *approval)
{
    uint32_t      room;
    mcp_asked_t  *asked;

    if (judge->asked_count == judge->asked_room) {

        room = judge->asked_room == 0 ? MCP_ASKED_MIN : judge->asked_room * 2;

        asked = mcp_arena_alloc(judge->arena, room * sizeof(mcp_asked_t));
        if (asked == NULL) {
            return MCP_NOMEM;
        }

        if (judge->asked_count != 0) {
            memcpy(asked, judge->asked,
                   judge->asked_count * sizeof(mcp_asked_t));
        }

        judge->asked = asked;
        judge->asked_room = room;
    }

    asked = &judge->asked[judge->asked_count++];
    memset(asked, 0, sizeof(mcp_asked_t));

    asked->approval = approval;
    asked->rule = rule;
    asked->scope = *scope;
    asked->message = judge->message;
    asked->dry = rule->dry_run || scope->block->dry_run;

    return MCP_OK;
}


mcp_rc_t
mcp_ask_prepare(mcp_judge_t *judge, const mcp_message_t *message,
    uint32_t from, mcp_refusal_t *refusal)
{
    mcp_rc_t      rc;
    uint32_t      i, kept;
    mcp_asked_t  *asked;
    mcp_bound_t   bound;

    rc = mcp_ask_bind(judge, message, &bound);

    if (rc != MCP_OK && rc != MCP_NO) {
        return rc;
    }

    kept = from;

    for (i = from; i < judge->asked_count; i++) {
        asked = &judge->asked[i];

        if (judge->caller->grant.len == 0) {
            mcp_ask_refuse(asked, MCP_DENY, MCP_REASON_NO_KEY, refusal);
            rc = MCP_NO;

        } else if (bound.rc != MCP_OK) {
            mcp_ask_refuse(asked, MCP_DENY, MCP_REASON_UNDECIDABLE, refusal);
            rc = MCP_NO;

        } else {
            rc = mcp_ask_key(judge, message, &bound, asked);
        }

        if (rc == MCP_NO && asked->dry) {
            mcp_judge_dry(judge, refusal);
            continue;
        }

        if (rc != MCP_OK) {
            return rc;
        }

        judge->asked[kept++] = *asked;
    }

    judge->asked_count = kept;

    return MCP_OK;
}


/*
 * All of params is bound but "_meta", which is not for the tool, and "task"
 * of a tool call, which only says how the answer is fetched: what a server
 * might act on a human must have seen.  MCP_NO: it has no canonical form.
 */
static mcp_rc_t
mcp_ask_bind(mcp_judge_t *judge, const mcp_message_t *message,
    mcp_bound_t *bound)
{
    uint32_t           count;
    const mcp_json_t  *json;

    static const mcp_str_t  except[] = {
        mcp_str_init("_meta"), mcp_str_init("task")
    };

    memset(bound, 0, sizeof(mcp_bound_t));

    json = judge->subject.json;
    count = message->task ? 2 : 1;

    if (message->params != MCP_JSON_NONE) {
        bound->rc = mcp_canonical_write_exact(json, message->params, except,
                                              count, judge->arena,
                                              &bound->text);

        if (bound->rc == MCP_NOMEM) {
            return MCP_NOMEM;
        }

        if (bound->rc != MCP_OK) {
            return MCP_NO;
        }

        bound->plain = mcp_ask_plain(json, message, except, count);
    }

    return mcp_ask_mac(judge->caller->hash_key, bound->text, bound->mac);
}


/* Whether the name of the target and the arguments are all that there is. */
static bool
mcp_ask_plain(const mcp_json_t *json, const mcp_message_t *message,
    const mcp_str_t *except, uint32_t count)
{
    uint32_t                 i, n, known;
    const mcp_json_token_t  *t;

    t = json->tokens;

    if (message->target_count != 1 || t[message->params].type
                                      != MCP_JSON_OBJECT)
    {
        return false;
    }

    known = message->arguments != MCP_JSON_NONE ? 2 : 1;

    for (i = 0; i < count; i++) {
        if (mcp_json_member(json, message->params, except[i])
            != MCP_JSON_NONE)
        {
            known++;
        }
    }

    n = 0;

    for (i = message->params + 1; i < t[message->params].next;
         i = t[i + 1].next)
    {
        n++;
    }

    return n == known;
}


/* Of a key that is nothing else's, made of the hash key. */
static mcp_rc_t
mcp_ask_mac(const uint64_t hash_key[2], mcp_str_t text,
    uint8_t mac[MCP_APPROVAL_MAC])
{
    bool      made;
    uint8_t   key[2 * sizeof(uint64_t)], derived[EVP_MAX_MD_SIZE];
    unsigned  length;

    memcpy(key, hash_key, sizeof(key));

    made = HMAC(EVP_sha256(), key, sizeof(key),
                (const uint8_t *) MCP_ASK_LABEL, sizeof(MCP_ASK_LABEL) - 1,
                derived, &length)
           != NULL
           && HMAC(EVP_sha256(), derived, MCP_APPROVAL_MAC,
                   text.len != 0 ? text.data : (const uint8_t *) "",
                   text.len, mac, &length)
              != NULL
           && length == MCP_APPROVAL_MAC;

    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(derived, sizeof(derived));

    return made ? MCP_OK : MCP_ERROR;
}


/* All that an approval is for, but how often the same was asked before. */
static mcp_rc_t
mcp_ask_key(mcp_judge_t *judge, const mcp_message_t *message,
    const mcp_bound_t *bound, mcp_asked_t *asked)
{
    uint8_t              head[2 * sizeof(uint64_t) + sizeof(uint32_t) + 1];
    mcp_key_text_t       text;
    const mcp_policy_t  *policy;

    policy = judge->policy;

    memcpy(head, policy->fingerprint, 2 * sizeof(uint64_t));
    memcpy(head + 2 * sizeof(uint64_t), &asked->approval->ordinal,
           sizeof(uint32_t));
    head[sizeof(head) - 1] = (uint8_t) asked->scope.kind;

    mcp_key_text_start(&text, judge->arena);

    mcp_key_text_add(&text, MCP_TAG_TEXT, policy->name);
    mcp_key_text_add(&text, MCP_TAG_TEXT, (mcp_str_t) { head, sizeof(head) });
    mcp_key_text_add(&text, MCP_TAG_METHOD, message->method_name);
    mcp_key_text_add(&text, MCP_TAG_CALLED, asked->scope.name);
    mcp_key_text_add(&text, MCP_TAG_GRANT, judge->caller->grant);
    mcp_key_text_add(&text, MCP_TAG_MAC,
                     (mcp_str_t) { bound->mac, sizeof(bound->mac) });

    memcpy(asked->mac, bound->mac, sizeof(asked->mac));
    asked->arguments = mcp_ask_arguments(judge->subject.json, message, bound,
                                         asked);

    return mcp_key_text_hash(&text, judge->caller->hash_key, asked->key);
}


/*
 * For the human, who is told the name apart: arguments as they are written,
 * or all that is bound where there is more to see, as of a name that is cut.
 */
static mcp_str_t
mcp_ask_arguments(const mcp_json_t *json, const mcp_message_t *message,
    const mcp_bound_t *bound, const mcp_asked_t *asked)
{
    if (!bound->plain || asked->scope.kind == MCP_TARGET_NONE
        || asked->scope.name.len > MCP_APPROVAL_NAME)
    {
        return bound->text;
    }

    return message->arguments != MCP_JSON_NONE
           ? mcp_json_raw(json, message->arguments) : mcp_str("");
}


static void
mcp_ask_refuse(const mcp_asked_t *asked, mcp_action_t action,
    mcp_reason_t reason, mcp_refusal_t *refusal)
{
    memset(refusal, 0, sizeof(*refusal));

    refusal->action = action;
    refusal->reason = reason;
    refusal->scope = asked->scope;
    refusal->rule = asked->rule;
}


void
mcp_ask_dry(mcp_judge_t *judge, mcp_verdict_t *verdict)
{
    uint32_t            i, kept;
    mcp_refusal_t       refusal;
    const mcp_asked_t  *asked;

    kept = 0;

    for (i = 0; i < judge->asked_count; i++) {
        asked = &judge->asked[i];

        if (!asked->dry) {
            judge->asked[kept++] = *asked;
            continue;
        }

        mcp_ask_refuse(asked, MCP_APPROVE, MCP_REASON_APPROVAL, &refusal);

        judge->decision = &verdict->decisions[asked->message];
        mcp_judge_dry(judge, &refusal);
    }

    judge->asked_count = kept;
}


mcp_rc_t
mcp_ask_take(mcp_judge_t *judge, mcp_verdict_t *verdict)
{
    mcp_rc_t                     rc;
    uint32_t                     count, failed;
    mcp_approval_ask_t          *asks;
    const mcp_approval_store_t  *store;

    count = judge->asked_count;
    store = judge->caller->approvals;

    if (judge->caller->dry_run || store == NULL) {
        return mcp_ask_nobody(judge, verdict);
    }

    if (count > MCP_ASKS_MAX) {
        return mcp_ask_full(judge, verdict, 0);
    }

    asks = mcp_arena_calloc(judge->arena, count * sizeof(mcp_approval_ask_t));
    if (asks == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_ask_fill(judge, asks);
    if (rc != MCP_OK) {
        return rc;
    }

    failed = 0;

    rc = store->take(store->data, asks, count, judge->caller->now_ms,
                     &failed);

    failed = failed < count ? failed : 0;

    switch (rc) {

    case MCP_OK:
        verdict->asks = asks;
        verdict->ask_count = count;
        return MCP_OK;

    case MCP_NO:
        return mcp_ask_waiting(judge, verdict, asks, failed);

    case MCP_ERROR:
        return mcp_ask_full(judge, verdict, failed);

    default:
        return rc;
    }
}


static mcp_rc_t
mcp_ask_fill(mcp_judge_t *judge, mcp_approval_ask_t *asks)
{
    uint32_t                     i, n, before;
    uint64_t                     grant[2];
    mcp_asked_t                 *asked;
    mcp_refusal_t                refusal;
    mcp_key_text_t               text;
    mcp_approval_ask_t          *ask;
    const mcp_approval_store_t  *store;

    store = judge->caller->approvals;

    mcp_siphash(judge->caller->hash_key, judge->caller->grant, grant);

    for (i = 0; i < judge->asked_count; i++) {
        asked = &judge->asked[i];
        ask = &asks[i];

        /* two calls that are the same need two approvals */

        before = 0;

        for (n = 0; n < i; n++) {
            before += judge->asked[n].key[0] == asked->key[0]
                      && judge->asked[n].key[1] == asked->key[1];
        }

        mcp_key_text_start(&text, judge->arena);
        mcp_key_text_add(&text, MCP_TAG_TEXT,
                         (mcp_str_t) { (uint8_t *) asked->key,
                                       sizeof(asked->key) });
        mcp_key_text_add(&text, MCP_TAG_TEXT,
                         (mcp_str_t) { (uint8_t *) &before,
                                       sizeof(before) });

        if (mcp_key_text_hash(&text, judge->caller->hash_key, ask->key)
            != MCP_OK)
        {
            return MCP_NOMEM;
        }

        mcp_ask_refuse(asked, MCP_APPROVE, MCP_REASON_APPROVAL, &refusal);

        memcpy(ask->mac, asked->mac, sizeof(ask->mac));
        memcpy(ask->grant, grant, sizeof(ask->grant));

        ask->policy = judge->policy->name;
        ask->rule = mcp_judge_rule_name(&refusal);
        ask->arguments = asked->arguments;
        ask->ttl_ms = asked->approval->ttl_ms != 0 ? asked->approval->ttl_ms
                                                   : MCP_APPROVAL_TTL_MS;
        ask->wait_ms = asked->approval->wait_ms;
        ask->message = asked->message;

        if (mcp_ask_name(judge, asked->scope.name, &ask->tool) != MCP_OK) {
            return MCP_NOMEM;
        }

        if (store->random(store->data, ask->new_id, sizeof(ask->new_id))
            != MCP_OK)
        {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


/* As much as is kept; nobody is to take the beginning for all of it. */
static mcp_rc_t
mcp_ask_name(mcp_judge_t *judge, mcp_str_t name, mcp_str_t *kept)
{
    size_t    length;
    uint8_t  *p;

    *kept = name;

    if (name.len <= MCP_APPROVAL_NAME) {
        return MCP_OK;
    }

    length = MCP_APPROVAL_NAME - (sizeof(MCP_ASK_MORE) - 1);

    while (length != 0 && (name.data[length] & 0xc0) == 0x80) {
        length--;
    }

    kept->len = length + sizeof(MCP_ASK_MORE) - 1;

    p = mcp_arena_alloc(judge->arena, kept->len);
    if (p == NULL) {
        return MCP_NOMEM;
    }

    memcpy(p, name.data, length);
    memcpy(p + length, MCP_ASK_MORE, sizeof(MCP_ASK_MORE) - 1);

    kept->data = p;

    return MCP_OK;
}


/* A dry run, or the command-line tool: who would have been asked. */
static mcp_rc_t
mcp_ask_nobody(mcp_judge_t *judge, mcp_verdict_t *verdict)
{
    mcp_rc_t       rc;
    uint32_t       i;
    mcp_refusal_t  refusal;

    verdict->first = judge->asked[0].message;

    for (i = 0; i < judge->asked_count; i++) {
        mcp_ask_refuse(&judge->asked[i], MCP_APPROVE, MCP_REASON_APPROVAL,
                       &refusal);

        rc = mcp_ask_decide(judge, verdict, judge->asked[i].message,
                            &refusal);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_NO;
}


static mcp_rc_t
mcp_ask_full(mcp_judge_t *judge, mcp_verdict_t *verdict, uint32_t failed)
{
    mcp_rc_t            rc;
    mcp_refusal_t       refusal;
    const mcp_asked_t  *asked;

    asked = &judge->asked[failed];
    verdict->first = asked->message;

    mcp_ask_refuse(asked, MCP_DENY, MCP_REASON_APPROVALS_FULL, &refusal);

    rc = mcp_ask_decide(judge, verdict, asked->message, &refusal);

    return rc == MCP_OK ? MCP_NO : rc;
}


/* Every message that is not approved tells so, each with its own record. */
static mcp_rc_t
mcp_ask_waiting(mcp_judge_t *judge, mcp_verdict_t *verdict,
    const mcp_approval_ask_t *asks, uint32_t failed)
{
    mcp_rc_t       rc;
    uint32_t       i;
    mcp_refusal_t  refusal;

    verdict->first = asks[failed].message;

    for (i = failed; i < judge->asked_count; i++) {

        if (i != failed && asks[i].state != MCP_APPROVAL_PENDING
            && asks[i].state != MCP_APPROVAL_DENIED)
        {
            continue;
        }

        if (asks[i].state == MCP_APPROVAL_DENIED) {
            mcp_ask_refuse(&judge->asked[i], MCP_DENY,
                           MCP_REASON_APPROVAL_DENIED, &refusal);

        } else {
            mcp_ask_refuse(&judge->asked[i], MCP_APPROVE,
                           MCP_REASON_APPROVAL, &refusal);
        }

        refusal.ask = &asks[i];

        rc = mcp_ask_decide(judge, verdict, asks[i].message, &refusal);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_NO;
}


/* The first thing to say of a message is what is said. */
static mcp_rc_t
mcp_ask_decide(mcp_judge_t *judge, mcp_verdict_t *verdict, uint32_t message,
    const mcp_refusal_t *refusal)
{
    mcp_decision_t  *decision;

    decision = &verdict->decisions[message];

    if (decision->action != MCP_ALLOW) {
        return MCP_OK;
    }

    return mcp_decision_make(judge, refusal, decision);
}


void
mcp_ask_give_back(mcp_judge_t *judge, mcp_verdict_t *verdict)
{
    const mcp_approval_store_t  *store;

    if (verdict->ask_count != 0) {
        store = judge->caller->approvals;

        store->give_back(store->data, verdict->asks, verdict->ask_count,
                         judge->caller->now_ms);
    }

    verdict->asks = NULL;
    verdict->ask_count = 0;
}
