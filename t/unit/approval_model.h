/*
 * A reference for the table of approvals: plain records, nothing forgotten,
 * and random lives in which both must say the same.
 */

#ifndef APPROVAL_MODEL_H
#define APPROVAL_MODEL_H

#include "tap.h"
#include "mcp_approval_private.h"


#define AT      UINT64_C(1768473000000)
#define MINUTE  UINT64_C(60000)

/* In all arguments of the model. */
#define SECRET  "the-planted-secret-7391"

#ifndef MODEL_RECORDS
#define MODEL_RECORDS  4096
#endif

#define MODEL_USES     64
#define MODEL_CALLS    6
#define MODEL_GRANTS   3

typedef struct {
    uint8_t               id[MCP_APPROVAL_ID];
    uint64_t              call;
    uint64_t              grant;
    mcp_approval_state_t  state;
    uint64_t              ttl_ms;
    uint64_t              decided_ms;
    uint64_t              expires_ms;
    uint64_t              until_ms;
    uint64_t              uses;
    uint64_t              passes;       /* less those given back */
    uint64_t              approvals;
} model_record_t;

typedef struct {
    mcp_approvals_t        *table;
    mcp_approval_limits_t   limits;
    uint64_t                now_ms;
    uint64_t                seen_ms;
    uint32_t                count;
    uint32_t                uses;
    uint64_t                passed;
    uint64_t                refused;
    uint64_t                bad;
    model_record_t          records[MODEL_RECORDS];
    mcp_approval_ask_t      used[MODEL_USES];
} model_t;

static uint64_t        seed = 88172645463325252;
static uint64_t        ids;

/* Where choices come from instead; zeros when there are no more. */
static const uint8_t  *feed;
static size_t          feed_size;


static inline uint64_t
draw(uint64_t bound)
{
    if (feed != NULL) {

        if (feed_size == 0) {
            return 0;
        }

        feed_size--;

        return *feed++ % bound;
    }

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed * UINT64_C(0x2545f4914f6cdd1d) >> 16) % bound;
}


/* Spread as hashes are. */
static inline uint64_t
spread(uint64_t n)
{
    n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    n ^= n >> 29;

    return n * UINT64_C(0xbf58476d1ce4e5b9);
}


/* The call number "call" of the grant number "grant". */
static inline void
ask_for(mcp_approval_ask_t *ask, uint64_t call, uint64_t grant,
    mcp_str_t arguments)
{
    uint64_t  id[2];

    memset(ask, 0, sizeof(mcp_approval_ask_t));

    ask->key[0] = spread(call * 1000 + grant);
    ask->key[1] = call;
    ask->grant[0] = spread(grant);
    ask->grant[1] = grant;
    memset(ask->mac, (int) (call & 0xff), MCP_APPROVAL_MAC);

    ask->policy = tap_str("crm");
    ask->rule = tap_str("large refund");
    ask->tool = tap_str("refund_create");
    ask->arguments = arguments;
    ask->ttl_ms = 10 * MINUTE;

    id[0] = spread(++ids);
    id[1] = ids;
    memcpy(ask->new_id, id, MCP_APPROVAL_ID);
}


static inline bool
planted(const void *memory, size_t size, const char *text)
{
    return memmem(memory, size, text, strlen(text)) != NULL;
}


static inline void
model_init(model_t *model, mcp_approvals_t *table, uint32_t per_grant)
{
    memset(model, 0, sizeof(model_t));

    model->table = table;
    model->limits.per_grant = per_grant;
    model->limits.arguments = 1000;
    model->now_ms = AT;
    model->seen_ms = AT;
}


static inline void
model_expect(model_t *model, bool holds, const char *what)
{
    if (!holds) {
        model->bad++;
        printf("# %s\n", what);
    }
}


static inline bool
model_live(const model_t *model, const model_record_t *record)
{
    switch (record->state) {

    case MCP_APPROVAL_PENDING:
    case MCP_APPROVAL_DENIED:
        return record->expires_ms > model->seen_ms;

    case MCP_APPROVAL_APPROVED:
    case MCP_APPROVAL_USED:
        return record->until_ms > model->seen_ms;

    default:
        return false;
    }
}


static inline model_record_t *
model_find(model_t *model, const uint8_t *id)
{
    uint32_t  i;

    for (i = 0; i < model->count; i++) {
        if (memcmp(model->records[i].id, id, MCP_APPROVAL_ID) == 0) {
            return &model->records[i];
        }
    }

    return NULL;
}


static inline int
model_rank(mcp_approval_state_t state)
{
    return state == MCP_APPROVAL_APPROVED ? 3
           : state == MCP_APPROVAL_DENIED ? 2
           : state == MCP_APPROVAL_PENDING;
}


/* Pending ones of the grant. */
static inline uint32_t
model_pending(const model_t *model, uint64_t grant)
{
    uint32_t  i, n;

    for (i = 0, n = 0; i < model->count; i++) {
        n += model->records[i].grant == grant
             && model->records[i].state == MCP_APPROVAL_PENDING
             && model_live(model, &model->records[i]);
    }

    return n;
}


/* The best rank that ask number n can have. */
static inline int
model_best(model_t *model, const mcp_approval_ask_t *asks, uint32_t n,
    const bool *claims)
{
    int              rank, best;
    uint32_t         i, j;
    model_record_t  *record;

    best = 0;

    for (i = 0; i < model->count; i++) {

        record = &model->records[i];

        if (record->call != asks[n].key[1]
            || record->grant != asks[n].grant[1]
            || !model_live(model, record))
        {
            continue;
        }

        for (j = 0; j < n; j++) {
            if (claims[j]
                && memcmp(asks[j].id, record->id, MCP_APPROVAL_ID) == 0)
            {
                break;
            }
        }

        rank = j == n ? model_rank(record->state) : 0;
        best = rank > best ? rank : best;
    }

    return best;
}


static inline void
model_create(model_t *model, const mcp_approval_ask_t *ask)
{
    model_record_t  *record;

    model_expect(model, ask->created && ask->state == MCP_APPROVAL_PENDING
                 && memcmp(ask->id, ask->new_id, MCP_APPROVAL_ID) == 0,
                 "a record is made of what has none");

    if (model->count == MODEL_RECORDS) {
        abort();
    }

    record = &model->records[model->count++];
    memset(record, 0, sizeof(model_record_t));

    memcpy(record->id, ask->id, MCP_APPROVAL_ID);
    record->call = ask->key[1];
    record->grant = ask->grant[1];
    record->state = MCP_APPROVAL_PENDING;
    record->ttl_ms = ask->ttl_ms;
    record->expires_ms = model->seen_ms + ask->ttl_ms;
}


static inline void
model_used(model_t *model, const mcp_approval_ask_t *asks, uint32_t count)
{
    uint32_t         i;
    model_record_t  *record;

    for (i = 0; i < count; i++) {

        record = model_find(model, asks[i].id);

        if (record == NULL || record->state != MCP_APPROVAL_APPROVED) {
            model_expect(model, false, "what passes was approved");
            continue;
        }

        record->state = MCP_APPROVAL_USED;
        record->uses++;
        record->passes++;
        model->passed++;

        model_expect(model, record->passes <= record->approvals,
                     "one passes for each approval");

        if (model->uses < MODEL_USES) {
            model->used[model->uses++] = asks[i];
        }
    }
}


/* What the table made of the asks is what it should have. */
static inline void
model_took(model_t *model, mcp_rc_t rc, uint32_t failed,
    const mcp_approval_ask_t *asks, uint32_t count)
{
    int              rank[4];
    bool             claims[4];
    uint32_t         i, j, missing, made;
    model_record_t  *record;

    missing = count;

    for (i = 0; i < count; i++) {

        rank[i] = model_best(model, asks, i, claims);
        claims[i] = rank[i] == 3;

        if (rank[i] != 3 && missing == count) {
            missing = i;
        }
    }

    if (missing == count) {
        model_expect(model, rc == MCP_OK, "all are approved");
        model_used(model, asks, count);
        return;
    }

    for (i = 0; i < count; i++) {

        made = 0;

        for (j = 0; j < i; j++) {
            made += rank[j] == 0 && asks[j].grant[1] == asks[i].grant[1];

            if (rank[i] == 0 && rank[j] == 0
                && asks[j].key[1] == asks[i].key[1]
                && asks[j].grant[1] == asks[i].grant[1])
            {
                rank[i] = 1;
            }
        }

        if (rank[i] == 0
            && model_pending(model, asks[i].grant[1]) + made
               >= model->limits.per_grant)
        {
            model_expect(model, rc == MCP_ERROR && failed == i,
                         "the grant has too many");
            model->refused++;
            return;
        }
    }

    model_expect(model, rc == MCP_NO && failed == missing,
                 "the first without an approval is told");

    if (rc != MCP_NO) {
        return;
    }

    for (i = 0; i < count; i++) {

        if (rank[i] == 0) {
            model_create(model, &asks[i]);
            continue;
        }

        record = model_find(model, asks[i].id);
        model_expect(model, record != NULL && !asks[i].created
                     && model_rank(record->state) == rank[i]
                     && record->state == asks[i].state, "the best is found");
    }
}


static inline void
model_take(model_t *model)
{
    char                 arguments[800];
    uint32_t             i, count, failed;
    mcp_rc_t             rc;
    mcp_approval_ask_t   asks[3];

    count = draw(4) == 0 ? (uint32_t) draw(4) : 1;
    memset(arguments, 'x', sizeof(arguments));
    memcpy(arguments + draw(700), SECRET, strlen(SECRET));

    for (i = 0; i < count; i++) {
        ask_for(&asks[i], draw(MODEL_CALLS), draw(MODEL_GRANTS),
                (mcp_str_t) { (uint8_t *) arguments, sizeof(arguments) });
        asks[i].ttl_ms = (1 + draw(3)) * MINUTE;
    }

    rc = mcp_approvals_take(model->table, &model->limits, asks, count,
                            model->now_ms, &failed);

    model_took(model, rc, failed, asks, count);
}


static inline void
model_decide(model_t *model)
{
    mcp_rc_t               rc;
    model_record_t        *record;
    mcp_approval_state_t   decision, state;

    if (model->count == 0) {
        return;
    }

    /* Mostly of the latest, else nothing is alive any more. */

    record = &model->records[model->count - 1
                             - draw(model->count < 24 ? model->count : 24)];
    decision = draw(3) == 0 ? MCP_APPROVAL_DENIED : MCP_APPROVAL_APPROVED;

    rc = mcp_approvals_decide(model->table, record->id, decision,
                              tap_str("ann"), tap_str("because"),
                              model->now_ms, &state);

    if (!model_live(model, record)) {
        model_expect(model, rc == MCP_NO, "what has expired is not decided");
        return;
    }

    if (record->state != MCP_APPROVAL_PENDING) {
        model_expect(model, rc == MCP_ERROR && state == record->state,
                     "what is decided stays so");
        return;
    }

    model_expect(model, rc == MCP_OK && state == decision, "it is decided");

    record->state = decision;
    record->decided_ms = model->seen_ms;
    record->until_ms = model->seen_ms + record->ttl_ms;
    record->approvals += decision == MCP_APPROVAL_APPROVED;
}


static inline void
model_give_back(model_t *model)
{
    uint32_t             i;
    model_record_t      *record, *other;
    mcp_approval_ask_t  *ask;

    if (model->uses == 0) {
        return;
    }

    ask = &model->used[draw(model->uses)];
    record = model_find(model, ask->id);

    mcp_approvals_give_back(model->table, ask, 1, model->now_ms);

    if (!model_live(model, record) || record->state != MCP_APPROVAL_USED
        || record->uses != ask->use)
    {
        *ask = model->used[--model->uses];
        return;
    }

    for (i = 0; i < model->count; i++) {
        other = &model->records[i];

        if (other->state == MCP_APPROVAL_DENIED && model_live(model, other)
            && other->call == record->call && other->grant == record->grant
            && other->decided_ms >= record->decided_ms)
        {
            return;
        }
    }

    for (i = 0; i < model->count; i++) {
        other = &model->records[i];

        if (other->state == MCP_APPROVAL_PENDING
            && other->call == record->call && other->grant == record->grant)
        {
            other->state = MCP_APPROVAL_NONE;
        }
    }

    record->state = MCP_APPROVAL_APPROVED;
    record->passes--;
}


/* Both know the same records, in the same states. */
static inline void
model_compare(model_t *model)
{
    uint8_t               buffer[mcp_approval_view_size(1000)];
    uint32_t              i, live;
    uint64_t              position;
    model_record_t       *record;
    mcp_approval_state_t  state;
    mcp_approval_view_t   view;

    live = 0;

    for (i = 0; i < model->count; i++) {

        record = &model->records[i];
        state = mcp_approvals_state(model->table, record->id, model->now_ms);

        model_expect(model, state == (model_live(model, record)
                                      ? record->state : MCP_APPROVAL_NONE),
                     "states agree");
        live += model_live(model, record);
    }

    position = 0;

    while (mcp_approvals_next(model->table, model->now_ms, UINT64_MAX,
                              &position, 1000, buffer, &view)
           == MCP_OK)
    {
        live--;
        model_expect(model, view.state == MCP_APPROVAL_PENDING
                     || view.arguments.len == 0, "wiped when decided");
        model_expect(model, mcp_str_equal(view.policy, tap_str("crm"))
                     && mcp_str_equal(view.rule, tap_str("large refund"))
                     && mcp_str_equal(view.tool, tap_str("refund_create")),
                     "names stay");
    }

    model_expect(model, live == 0, "no other records");
}


/* Time passes; now and then the clock goes back. */
static inline void
model_tick(model_t *model)
{
    if (draw(30) == 0) {
        (void) mcp_approvals_expire(model->table, model->now_ms);
        model->now_ms -= draw(200) * 1000;

    } else if (draw(3) == 0) {
        model->now_ms += draw(40) * 1000;
    }

    if (model->now_ms > model->seen_ms) {
        model->seen_ms = model->now_ms;
    }
}


/* What a stop that was not clean leaves: one pending record of each call. */
static inline void
model_demote(model_t *model)
{
    uint32_t               i, j;
    model_record_t        *record, *other;
    mcp_approval_state_t   state;

    for (i = 0; i < model->count; i++) {

        record = &model->records[i];

        if (!model_live(model, record)
            || record->state == MCP_APPROVAL_DENIED)
        {
            continue;
        }

        state = mcp_approvals_state(model->table, record->id, model->now_ms);

        if (record->state == MCP_APPROVAL_USED) {
            record->state = MCP_APPROVAL_NONE;
            continue;
        }

        if (state == MCP_APPROVAL_PENDING) {

            if (record->state == MCP_APPROVAL_APPROVED) {
                record->expires_ms = record->until_ms;
                record->state = MCP_APPROVAL_PENDING;
                record->approvals--;
            }

            continue;
        }

        for (j = 0; j < model->count; j++) {
            other = &model->records[j];

            if (other->call == record->call && other->grant == record->grant
                && mcp_approvals_state(model->table, other->id, model->now_ms)
                   == MCP_APPROVAL_PENDING)
            {
                break;
            }
        }

        model_expect(model, j < model->count, "an equal one is there");
        record->state = MCP_APPROVAL_NONE;
    }
}


/* The table goes on in other memory, after a restart or with another size. */
static inline void
model_move(model_t *model, void *memory, size_t size, uint8_t *buffer)
{
    bool              clean;
    size_t            length;
    mcp_approvals_t  *to;

    if (mcp_approvals_init(memory, size, &to) != MCP_OK) {
        abort();
    }

    if (draw(3) == 0) {
        model_expect(model, mcp_approvals_copy(model->table, to,
                                               model->now_ms)
                            == MCP_OK, "a copy");
        model->table = to;
        return;
    }

    clean = draw(2) == 0;
    length = mcp_approvals_encode(model->table, model->now_ms, buffer);

    model_expect(model, length <= mcp_approvals_encode_size(model->table),
                 "as long as was said");
    model_expect(model, !planted(buffer, length, SECRET),
                 "no arguments in a snapshot");
    model_expect(model, mcp_approvals_decode(to, model->now_ms, clean, buffer,
                                             length, NULL)
                        == MCP_OK, "a snapshot");
    model->table = to;

    if (!clean) {
        model_demote(model);
    }
}


static inline void
model_step(model_t *model)
{
    model_tick(model);

    switch (draw(8)) {

    case 0:
    case 1:
    case 2:
    case 3:
        model_take(model);
        break;

    case 4:
    case 5:
        model_decide(model);
        break;

    case 6:
        model_give_back(model);
        break;

    default:
        (void) mcp_approvals_expire(model->table, model->now_ms);
        break;
    }
}

#endif /* APPROVAL_MODEL_H */
