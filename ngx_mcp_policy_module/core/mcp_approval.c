/* Asking, taking, giving back and deciding. */

#include "mcp_approval_private.h"


static mcp_approval_record_t *mcp_approvals_best(mcp_approvals_t *approvals,
    const mcp_approval_ask_t *asks, uint32_t n, uint64_t now_ms);
static bool mcp_approval_claimed(const mcp_approval_record_t *record,
    const mcp_approval_ask_t *asks, uint32_t count);
static int mcp_approval_rank(uint64_t state);
static void mcp_approval_tell(const mcp_approvals_t *approvals,
    const mcp_approval_record_t *record, mcp_approval_ask_t *ask);
static mcp_rc_t mcp_approvals_ask(mcp_approvals_t *approvals,
    const mcp_approval_limits_t *limits, mcp_approval_ask_t *asks, uint32_t n,
    uint64_t now_ms);
static mcp_rc_t mcp_approvals_create(mcp_approvals_t *approvals,
    const mcp_approval_limits_t *limits, mcp_approval_ask_t *ask,
    uint64_t now_ms);
static void mcp_approval_fill(const mcp_approval_ask_t *ask, uint64_t now_ms,
    mcp_approval_record_t *record);
static void mcp_approvals_keep(mcp_approvals_t *approvals,
    const mcp_approval_limits_t *limits, mcp_approval_record_t *record,
    mcp_str_t arguments);
static bool mcp_approvals_fits(const mcp_approvals_t *approvals,
    uint32_t chunks);
static bool mcp_approvals_grant_full(mcp_approvals_t *approvals,
    const uint64_t grant[2], uint32_t limit, uint64_t now_ms);
static void mcp_approvals_undo(mcp_approvals_t *approvals,
    mcp_approval_ask_t *asks, uint32_t count, uint64_t now_ms);
static void mcp_approvals_use(mcp_approvals_t *approvals,
    mcp_approval_ask_t *ask, uint64_t now_ms);
static bool mcp_approvals_replaces(mcp_approvals_t *approvals,
    const mcp_approval_record_t *record, uint64_t now_ms);
static void mcp_approvals_say(mcp_approvals_t *approvals,
    mcp_approval_record_t *record, mcp_str_t by, mcp_str_t reason);
static bool mcp_approval_same(const mcp_approval_record_t *record,
    const uint64_t key[2], const void *mac);


const char *
mcp_approval_state_name(mcp_approval_state_t state)
{
    static const char  *names[] = {
        "none", "pending", "approved", "denied", "used"
    };

    return names[state];
}


mcp_rc_t
mcp_approvals_take(mcp_approvals_t *approvals,
    const mcp_approval_limits_t *limits, mcp_approval_ask_t *asks,
    uint32_t count, uint64_t now_ms, uint32_t *failed)
{
    uint32_t                      i;
    const mcp_approval_record_t  *record;

    now_ms = mcp_approvals_begin(approvals, now_ms);
    *failed = count;

    for (i = 0; i < count; i++) {

        asks[i].crowded = false;

        record = mcp_approvals_best(approvals, asks, i, now_ms);
        mcp_approval_tell(approvals, record, &asks[i]);

        if (asks[i].state != MCP_APPROVAL_APPROVED && *failed == count) {
            *failed = i;
        }
    }

    if (*failed == count) {

        for (i = 0; i < count; i++) {
            mcp_approvals_use(approvals, &asks[i], now_ms);
        }

        return MCP_OK;
    }

    for (i = 0; i < count; i++) {

        if (mcp_approvals_ask(approvals, limits, asks, i, now_ms) != MCP_OK) {
            mcp_approvals_undo(approvals, asks, count, now_ms);
            mcp_approvals_end(approvals);
            mcp_approval_count(&approvals->refused);
            *failed = i;
            return MCP_ERROR;
        }
    }

    mcp_approvals_end(approvals);

    return MCP_NO;
}


/* The record that says most about asks[n], but for those that are used up. */
static mcp_approval_record_t *
mcp_approvals_best(mcp_approvals_t *approvals, const mcp_approval_ask_t *asks,
    uint32_t n, uint64_t now_ms)
{
    mcp_approval_record_t     *best, *record;
    const mcp_approval_ask_t  *ask;

    ask = &asks[n];
    best = NULL;

    for (record = mcp_approvals_first(approvals, MCP_APPROVAL_BY_KEY,
                                      ask->key);
         record != NULL;
         record = mcp_approvals_after(approvals, MCP_APPROVAL_BY_KEY, record))
    {
        if (!mcp_approval_live(record, now_ms)
            || !mcp_approval_same(record, ask->key, ask->mac)
            || memcmp(record->grant, ask->grant, sizeof(ask->grant)) != 0
            || (record->state == MCP_APPROVAL_APPROVED
                && mcp_approval_claimed(record, asks, n)))
        {
            continue;
        }

        if (mcp_approval_rank(record->state)
            > (best == NULL ? 0 : mcp_approval_rank(best->state)))
        {
            best = record;
        }
    }

    return best;
}


static bool
mcp_approval_same(const mcp_approval_record_t *record, const uint64_t key[2],
    const void *mac)
{
    return record->key[0] == key[0] && record->key[1] == key[1]
           && memcmp(record->mac, mac, MCP_APPROVAL_MAC) == 0;
}


static bool
mcp_approval_claimed(const mcp_approval_record_t *record,
    const mcp_approval_ask_t *asks, uint32_t count)
{
    uint32_t  i;

    for (i = 0; i < count; i++) {
        if (asks[i].state == MCP_APPROVAL_APPROVED
            && memcmp(asks[i].id, record->id, MCP_APPROVAL_ID) == 0)
        {
            return true;
        }
    }

    return false;
}


static int
mcp_approval_rank(uint64_t state)
{
    switch (state) {

    case MCP_APPROVAL_APPROVED:
        return 3;

    case MCP_APPROVAL_DENIED:
        return 2;

    case MCP_APPROVAL_PENDING:
        return 1;

    default:
        return 0;
    }
}


static void
mcp_approval_tell(const mcp_approvals_t *approvals,
    const mcp_approval_record_t *record, mcp_approval_ask_t *ask)
{
    ask->created = false;
    ask->use = 0;
    ask->reason.data = ask->reason_text;
    ask->reason.len = 0;

    if (record == NULL) {
        ask->state = MCP_APPROVAL_NONE;
        ask->expires_ms = 0;
        memset(ask->id, 0, MCP_APPROVAL_ID);
        return;
    }

    ask->state = (mcp_approval_state_t) record->state;
    ask->expires_ms = mcp_approval_expires(record);
    memcpy(ask->id, record->id, MCP_APPROVAL_ID);

    if (ask->state == MCP_APPROVAL_DENIED) {
        ask->reason.len = mcp_approvals_read(approvals, &record->words,
                                             record->by, ask->reason_text,
                                             MCP_APPROVAL_REASON);
    }
}


static void
mcp_approvals_use(mcp_approvals_t *approvals, mcp_approval_ask_t *ask,
    uint64_t now_ms)
{
    mcp_approval_record_t  *record;

    record = mcp_approvals_find(approvals, ask->id, now_ms);

    mcp_store_uint64(&record->uses, record->uses + 1);
    mcp_store_uint64(&record->state, MCP_APPROVAL_USED);

    mcp_approval_count(&approvals->used);
    mcp_approval_count(&approvals->changes);

    ask->use = record->uses;
    ask->state = MCP_APPROVAL_USED;
}


/* A record that waits for a human, where asks[n] has none that is decided. */
static mcp_rc_t
mcp_approvals_ask(mcp_approvals_t *approvals,
    const mcp_approval_limits_t *limits, mcp_approval_ask_t *asks, uint32_t n,
    uint64_t now_ms)
{
    mcp_approval_ask_t     *ask;
    mcp_approval_record_t  *record;

    ask = &asks[n];

    if (ask->state == MCP_APPROVAL_NONE) {

        /* An equal ask of the same body may have made one. */

        record = mcp_approvals_best(approvals, asks, n, now_ms);

        if (record == NULL) {
            return mcp_approvals_create(approvals, limits, ask, now_ms);
        }

        mcp_approval_tell(approvals, record, ask);
    }

    if (ask->state != MCP_APPROVAL_PENDING) {
        return MCP_OK;
    }

    record = mcp_approvals_find(approvals, ask->id, now_ms);

    mcp_approval_count(&record->asked);

    if (record->arguments.length == 0) {
        mcp_approvals_keep(approvals, limits, record, ask->arguments);
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_approvals_create(mcp_approvals_t *approvals,
    const mcp_approval_limits_t *limits, mcp_approval_ask_t *ask,
    uint64_t now_ms)
{
    uint32_t                last, chunks;
    mcp_str_t               policy, rule, tool, arguments;
    mcp_approval_text_t     names;
    mcp_approval_record_t   draft, *record;

    policy = mcp_approval_cut(ask->policy, MCP_APPROVAL_NAME);
    rule = mcp_approval_cut(ask->rule, MCP_APPROVAL_NAME);
    tool = mcp_approval_cut(ask->tool, MCP_APPROVAL_NAME);
    arguments = mcp_approval_cut(ask->arguments, limits->arguments);

    chunks = mcp_approval_chunks(policy.len + rule.len + tool.len)
             + mcp_approval_chunks(arguments.len);

    ask->crowded = mcp_approvals_grant_full(approvals, ask->grant,
                                            limits->per_grant, now_ms);

    if (ask->crowded
        || !mcp_approvals_fits(approvals, chunks)
        || mcp_approvals_find(approvals, ask->new_id, now_ms) != NULL)
    {
        return MCP_ERROR;
    }

    mcp_approval_fill(ask, now_ms, &draft);

    draft.policy = (uint32_t) policy.len;
    draft.rule = (uint32_t) rule.len;

    record = mcp_approvals_new(approvals, &draft);

    if (record == NULL) {
        return MCP_ERROR;
    }

    names.first = MCP_APPROVAL_END;
    names.length = 0;
    last = MCP_APPROVAL_END;

    mcp_approvals_append(approvals, &names, &last, policy);
    mcp_approvals_append(approvals, &names, &last, rule);
    mcp_approvals_append(approvals, &names, &last, tool);

    mcp_approvals_set(&record->names, &names);
    mcp_approvals_keep(approvals, limits, record, ask->arguments);

    mcp_approvals_publish(approvals, record, MCP_APPROVAL_PENDING);
    mcp_approval_count(&approvals->created);

    mcp_approval_tell(approvals, record, ask);
    ask->created = true;

    return MCP_OK;
}


static void
mcp_approval_fill(const mcp_approval_ask_t *ask, uint64_t now_ms,
    mcp_approval_record_t *record)
{
    memset(record, 0, sizeof(mcp_approval_record_t));

    memcpy(record->id, ask->new_id, sizeof(record->id));
    memcpy(record->key, ask->key, sizeof(record->key));
    memcpy(record->mac, ask->mac, sizeof(record->mac));
    memcpy(record->grant, ask->grant, sizeof(record->grant));

    record->ttl_ms = ask->ttl_ms != 0 ? ask->ttl_ms : MCP_APPROVAL_TTL_MS;
    record->created_ms = now_ms;
    record->expires_ms = mcp_approval_after(now_ms, record->ttl_ms);
    record->asked = 1;
    record->notify_ms = now_ms;
    record->arguments_length = ask->arguments.len;
}


/* The arguments, of a new record or one that came without them. */
static void
mcp_approvals_keep(mcp_approvals_t *approvals,
    const mcp_approval_limits_t *limits, mcp_approval_record_t *record,
    mcp_str_t arguments)
{
    size_t               length;
    uint32_t             last;
    mcp_approval_text_t  text;

    length = arguments.len;
    arguments = mcp_approval_cut(arguments, limits->arguments);

    if (arguments.len == 0
        || !mcp_approvals_fits(approvals, mcp_approval_chunks(arguments.len)))
    {
        return;
    }

    mcp_approvals_touch(approvals);

    text.first = MCP_APPROVAL_END;
    text.length = 0;
    last = MCP_APPROVAL_END;

    mcp_approvals_append(approvals, &text, &last, arguments);

    mcp_store_uint64(&record->arguments_length, length);
    mcp_approvals_set(&record->arguments, &text);
}


/*
 * Long arguments may have a part of what is free, so that some cannot take
 * the room of all others.
 */
static bool
mcp_approvals_fits(const mcp_approvals_t *approvals, uint32_t chunks)
{
    return chunks <= approvals->free_chunks
           && (chunks <= 8 || chunks <= approvals->free_chunks / 4);
}


static bool
mcp_approvals_grant_full(mcp_approvals_t *approvals, const uint64_t grant[2],
    uint32_t limit, uint64_t now_ms)
{
    uint32_t                      pending;
    uint64_t                      until_ms;
    mcp_approval_bucket_t        *bucket;
    const mcp_approval_record_t  *record;

    bucket = mcp_approvals_bucket(approvals, grant);

    if (bucket->full >= limit && bucket->full_ms > now_ms
        && bucket->full_grant[0] == grant[0]
        && bucket->full_grant[1] == grant[1])
    {
        return true;
    }

    pending = 0;
    until_ms = UINT64_MAX;

    for (record = mcp_approvals_first(approvals, MCP_APPROVAL_BY_GRANT, grant);
         record != NULL;
         record = mcp_approvals_after(approvals, MCP_APPROVAL_BY_GRANT,
                                      record))
    {
        if (record->grant[0] != grant[0] || record->grant[1] != grant[1]
            || !mcp_approval_live(record, now_ms))
        {
            continue;
        }

        pending++;

        if (record->expires_ms < until_ms) {
            until_ms = record->expires_ms;
        }
    }

    if (pending < limit) {
        return false;
    }

    mcp_store_uint64(&bucket->full_ms, 0);
    mcp_store_uint64(&bucket->full_grant[0], grant[0]);
    mcp_store_uint64(&bucket->full_grant[1], grant[1]);
    mcp_approval_store(&bucket->full, pending);
    mcp_store_uint64(&bucket->full_ms, until_ms);

    return true;
}


static void
mcp_approvals_undo(mcp_approvals_t *approvals, mcp_approval_ask_t *asks,
    uint32_t count, uint64_t now_ms)
{
    uint32_t                i;
    mcp_approval_record_t  *record;

    for (i = 0; i < count; i++) {

        if (asks[i].created) {
            record = mcp_approvals_find(approvals, asks[i].id, now_ms);

            if (record != NULL) {
                mcp_approvals_drop(approvals, record);
            }
        }
    }

    for (i = 0; i < count; i++) {
        if (mcp_approvals_find(approvals, asks[i].id, now_ms) == NULL) {
            mcp_approval_tell(approvals, NULL, &asks[i]);
        }
    }
}


void
mcp_approvals_give_back(mcp_approvals_t *approvals,
    const mcp_approval_ask_t *asks, uint32_t count, uint64_t now_ms)
{
    uint32_t                i;
    mcp_approval_record_t  *record;

    now_ms = mcp_approvals_begin(approvals, now_ms);

    for (i = 0; i < count; i++) {

        record = mcp_approvals_find(approvals, asks[i].id, now_ms);

        if (record != NULL && record->state == MCP_APPROVAL_USED
            && record->uses == asks[i].use
            && mcp_approvals_replaces(approvals, record, now_ms))
        {
            mcp_store_uint64(&record->state, MCP_APPROVAL_APPROVED);
            mcp_approval_count(&approvals->changes);
        }
    }

    mcp_approvals_end(approvals);
}


/* False when a human has refused the call since; else nobody is asked. */
static bool
mcp_approvals_replaces(mcp_approvals_t *approvals,
    const mcp_approval_record_t *record, uint64_t now_ms)
{
    mcp_approval_record_t  *other, *next;

    for (other = mcp_approvals_first(approvals, MCP_APPROVAL_BY_KEY,
                                     record->key);
         other != NULL;
         other = mcp_approvals_after(approvals, MCP_APPROVAL_BY_KEY, other))
    {
        if (other->state == MCP_APPROVAL_DENIED
            && other->decided_ms >= record->decided_ms
            && mcp_approval_live(other, now_ms)
            && mcp_approval_same(other, record->key, record->mac))
        {
            return false;
        }
    }

    for (other = mcp_approvals_first(approvals, MCP_APPROVAL_BY_KEY,
                                     record->key);
         other != NULL;
         other = next)
    {
        next = mcp_approvals_after(approvals, MCP_APPROVAL_BY_KEY, other);

        if (other->state == MCP_APPROVAL_PENDING
            && mcp_approval_same(other, record->key, record->mac))
        {
            mcp_approvals_drop(approvals, other);
        }
    }

    return true;
}


mcp_rc_t
mcp_approvals_decide(mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], mcp_approval_state_t decision,
    mcp_str_t by, mcp_str_t reason, uint64_t now_ms,
    mcp_approval_state_t *state)
{
    uint64_t                expires_ms;
    mcp_approval_record_t  *record;

    now_ms = mcp_approvals_begin(approvals, now_ms);
    record = mcp_approvals_find(approvals, id, now_ms);

    if (record == NULL) {
        *state = MCP_APPROVAL_NONE;
        return MCP_NO;
    }

    *state = (mcp_approval_state_t) record->state;

    if (*state != MCP_APPROVAL_PENDING
        || (decision != MCP_APPROVAL_APPROVED
            && decision != MCP_APPROVAL_DENIED))
    {
        return MCP_ERROR;
    }

    mcp_approvals_touch(approvals);

    mcp_approvals_wipe(approvals, &record->arguments);
    mcp_approvals_say(approvals, record, by, reason);

    mcp_store_uint64(&record->decided_ms, now_ms);
    mcp_store_uint64(&record->until_ms,
                     mcp_approval_after(now_ms, record->ttl_ms));

    expires_ms = decision == MCP_APPROVAL_APPROVED ? record->until_ms
                                                   : record->expires_ms;

    if (expires_ms < approvals->earliest_ms) {
        mcp_store_uint64(&approvals->earliest_ms, expires_ms);
    }

    mcp_approvals_unlink(approvals, MCP_APPROVAL_BY_GRANT, record);

    mcp_store_uint64(&record->state, decision);
    mcp_approval_count(&approvals->changes);
    mcp_approvals_end(approvals);

    *state = decision;

    return MCP_OK;
}


/* The word counts, also where there is no room for how it was put. */
static void
mcp_approvals_say(mcp_approvals_t *approvals, mcp_approval_record_t *record,
    mcp_str_t by, mcp_str_t reason)
{
    size_t               room;
    uint32_t             last;
    mcp_approval_text_t  words;

    room = (size_t) approvals->free_chunks * MCP_APPROVAL_CHUNK;

    by = mcp_approval_cut(by, room < MCP_APPROVAL_NAME ? room
                                                       : MCP_APPROVAL_NAME);
    room -= by.len;
    reason = mcp_approval_cut(reason, room < MCP_APPROVAL_REASON
                                      ? room : MCP_APPROVAL_REASON);

    words.first = MCP_APPROVAL_END;
    words.length = 0;
    last = MCP_APPROVAL_END;

    mcp_approvals_append(approvals, &words, &last, by);
    mcp_approvals_append(approvals, &words, &last, reason);

    mcp_approval_store(&record->by, (uint32_t) by.len);
    mcp_approvals_set(&record->words, &words);
}


mcp_approval_state_t
mcp_approvals_state(const mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t now_ms)
{
    const mcp_approval_record_t  *record;

    record = mcp_approvals_look(approvals, id,
                                mcp_approvals_now(approvals, now_ms));

    return record == NULL ? MCP_APPROVAL_NONE
                          : (mcp_approval_state_t) record->state;
}
