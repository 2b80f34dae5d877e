/*
 * A process dies between any two stores to the table of approvals; the others
 * go on.  The sources under test are compiled here once more, with a stop
 * after each store, under names of their own.
 */

#include <setjmp.h>

static jmp_buf  died;
static long     steps_left = -1;

#define MCP_STORE_STEP()                                                      \
    do { if (steps_left >= 0 && steps_left-- == 0) { longjmp(died, 1); } }    \
    while (0)

#define mcp_approval_state_name     step_state_name
#define mcp_approval_cut            step_cut
#define mcp_approval_whole          step_whole
#define mcp_approvals_after         step_after
#define mcp_approvals_append        step_append
#define mcp_approvals_begin         step_begin
#define mcp_approvals_check         step_check
#define mcp_approvals_clear         step_clear
#define mcp_approvals_decide        step_decide
#define mcp_approvals_drop          step_drop
#define mcp_approvals_end           step_end
#define mcp_approvals_expire        step_expire
#define mcp_approvals_find          step_find
#define mcp_approvals_first         step_first
#define mcp_approvals_give_back     step_give_back
#define mcp_approvals_init          step_init
#define mcp_approvals_look          step_look
#define mcp_approvals_new           step_new
#define mcp_approvals_next          step_next
#define mcp_approvals_notify_again  step_notify_again
#define mcp_approvals_notify_done   step_notify_done
#define mcp_approvals_notify_next   step_notify_next
#define mcp_approvals_publish       step_publish
#define mcp_approvals_read          step_read
#define mcp_approvals_set           step_set
#define mcp_approvals_show          step_show
#define mcp_approvals_state         step_state
#define mcp_approvals_stats         step_stats
#define mcp_approvals_take          step_take
#define mcp_approvals_unlink        step_unlink
#define mcp_approvals_wipe          step_wipe

#include "approval_model.h"
#include "mcp_approval.c"
#include "mcp_approval_memory.c"
#include "mcp_approval_view.c"


#define SPACE    10000
#define CALLS    5
#define RECORDS  16
#define LIVES    4096

typedef enum { TAKE, DECIDE, GIVE_BACK, NOTIFY, EXPIRE, OPERATIONS } work_t;

/* How many times a record was approved, and what it let through. */
typedef struct {
    uint8_t   id[MCP_APPROVAL_ID];
    uint64_t  approved;
    uint64_t  passed;
} ledger_t;

static uint64_t             space[SPACE / 8];
static uint64_t             before[SPACE / 8];
static uint64_t             after[SPACE / 8];
static uint8_t              arguments[600];
static uint8_t              buffer[mcp_approval_view_size(1000)];
static mcp_approvals_t     *table;

/* What an operation is made of: survives the jump. */
static work_t                work;
static mcp_approval_limits_t limits = { 4, 1000 };
static mcp_approval_ask_t    asks[2];
static mcp_approval_ask_t    drawn[2];
static mcp_approval_ask_t    used[2];
static uint32_t              count, used_count, failed;
static uint8_t               chosen[MCP_APPROVAL_ID];
static mcp_approval_state_t  decision;
static mcp_rc_t              rc;
static uint64_t              now_ms;
static ledger_t              ledger[LIVES];
static uint32_t              lives;


static void
draw_work(void)
{
    uint32_t             i;
    uint64_t             position;
    mcp_approval_view_t  view;

    now_ms += draw(6) == 0 ? draw(60000) : draw(2000);
    work = draw(2) == 0 ? TAKE : (work_t) draw(OPERATIONS);

    count = 1 + (uint32_t) draw(2);

    for (i = 0; i < count; i++) {
        ask_for(&drawn[i], draw(CALLS), draw(2),
                (mcp_str_t) { arguments, draw(3) ? sizeof(arguments) : 0 });
        drawn[i].ttl_ms = (1 + draw(2)) * MINUTE;
    }

    memset(chosen, 0, MCP_APPROVAL_ID);
    decision = draw(3) == 0 ? MCP_APPROVAL_DENIED : MCP_APPROVAL_APPROVED;

    position = draw(8);

    if (mcp_approvals_next(table, now_ms, 16, &position, 0, buffer, &view)
        == MCP_OK)
    {
        memcpy(chosen, view.id, MCP_APPROVAL_ID);
    }
}


/* True: ran to its end within so many stores; below 0: no bound. */
static bool
run(long steps)
{
    uint32_t              tries;
    mcp_approval_view_t   view;
    mcp_approval_state_t  state;

    memcpy(asks, drawn, sizeof(asks));
    rc = MCP_NO;
    steps_left = steps;

    if (setjmp(died) != 0) {
        steps_left = -1;
        rc = MCP_ERROR;
        return false;
    }

    switch (work) {

    case TAKE:
        rc = mcp_approvals_take(table, &limits, asks, count, now_ms, &failed);
        break;

    case DECIDE:
        rc = mcp_approvals_decide(table, chosen, decision, tap_str("ann"),
                                  tap_str("because"), now_ms, &state);
        break;

    case GIVE_BACK:
        mcp_approvals_give_back(table, used, used_count, now_ms);
        break;

    case NOTIFY:
        rc = mcp_approvals_notify_next(table, now_ms, 5000, &tries, 1000,
                                       buffer, &view);
        mcp_approvals_notify_done(table, chosen);
        break;

    default:
        (void) mcp_approvals_expire(table, now_ms);
    }

    steps_left = -1;

    return true;
}


static mcp_approval_state_t
state_in(const uint64_t *memory, const uint8_t *id)
{
    return mcp_approvals_state((const mcp_approvals_t *) memory, id, now_ms);
}


/* What anybody can see is whole, and as it was or as it was to be. */
static int
look(void)
{
    int                   bad;
    uint64_t              position;
    mcp_approval_view_t   view;
    mcp_approval_state_t  was, is;

    bad = 0;
    position = 0;

    while (mcp_approvals_next(table, now_ms, 100, &position, 1000, buffer,
                              &view)
           == MCP_OK)
    {
        was = state_in(before, view.id);
        is = state_in(after, view.id);

        /* Of asks that are refused together some were made, and not undone. */

        bad += view.state != was && view.state != is
               && !(work == TAKE && view.state == MCP_APPROVAL_PENDING);

        bad += !mcp_str_equal(view.policy, tap_str("crm"))
               || !mcp_str_equal(view.rule, tap_str("large refund"))
               || !mcp_str_equal(view.tool, tap_str("refund_create"));

        bad += view.arguments.len != 0
               && (view.arguments.len != sizeof(arguments)
                   || view.state != MCP_APPROVAL_PENDING
                   || memcmp(view.arguments.data, arguments,
                             sizeof(arguments)) != 0);

        if (view.state == MCP_APPROVAL_PENDING) {
            bad += view.by.len != 0 || view.reason.len != 0
                   || view.decided_ms != 0;

            continue;
        }

        bad += view.decided_ms == 0;

        if (view.by.len != 0 || view.reason.len != 0) {

            /* Without a chunk left there is the word alone. */

            bad += !mcp_str_equal(view.by, tap_str("ann"))
                   || !mcp_str_equal(view.reason, tap_str("because"));
        }
    }

    return bad;
}


/* Each record and chunk is somebody's or free, and found where it should. */
static int
sound(void)
{
    int                           bad;
    uint32_t                      i, n, records, chunks;
    const mcp_approval_record_t  *record;

    bad = 0;
    records = 0;
    chunks = 0;

    for (i = table->free_record; i != MCP_APPROVAL_END && records < 100;
         i = table->records[i].next[MCP_APPROVAL_BY_KEY])
    {
        bad += table->records[i].state != MCP_APPROVAL_NONE;
        records++;
    }

    for (i = table->free_chunk; i != MCP_APPROVAL_END && chunks < 100;
         i = mcp_approvals_chunks(table)[i].next)
    {
        chunks++;
    }

    bad += chunks != table->free_chunks;

    for (i = 0; i < table->record_count; i++) {

        record = &table->records[i];

        if (record->state == MCP_APPROVAL_NONE) {
            continue;
        }

        records++;
        chunks += mcp_approval_chunks(record->names.length)
                  + mcp_approval_chunks(record->arguments.length)
                  + mcp_approval_chunks(record->words.length);

        bad += mcp_approvals_find(table, (const uint8_t *) record->id, 0)
               != record;

        for (n = 0; n < MCP_APPROVAL_LISTS; n++) {

            const mcp_approval_record_t  *other;

            for (other = mcp_approvals_first(table, (mcp_approval_list_t) n,
                             mcp_approval_hash(record,
                                               (mcp_approval_list_t) n));
                 other != NULL && other != record;
                 other = mcp_approvals_after(table, (mcp_approval_list_t) n,
                                             other))
            {
                /* void */
            }

            bad += (other == NULL)
                   != (n == MCP_APPROVAL_BY_GRANT
                       && record->state != MCP_APPROVAL_PENDING);
        }
    }

    return bad + (records != table->record_count)
           + (chunks != table->chunk_count);
}


/* The next process that comes repairs it; nothing is left for ever. */
static int
go_on(void)
{
    int                   bad;
    uint64_t              position;
    mcp_approval_view_t   view;
    mcp_approval_state_t  state;

    bad = look();

    (void) mcp_approvals_expire(table, now_ms);
    bad += table->busy != 0;
    bad += look();
    bad += sound();

    position = draw(8);

    while (mcp_approvals_next(table, now_ms, 100, &position, 0, buffer, &view)
           == MCP_OK)
    {
        (void) mcp_approvals_decide(table, view.id, MCP_APPROVAL_DENIED,
                                    tap_str("bob"), tap_str(""), now_ms,
                                    &state);
    }

    (void) mcp_approvals_expire(table, now_ms + 60 * MINUTE);
    bad += sound();
    bad += planted(space, sizeof(space), SECRET);
    bad += table->free_record == MCP_APPROVAL_END
           || table->free_chunks != table->chunk_count;

    return bad;
}


/* Each operation of a random history dies after each of its stores. */
static int
every_step(long *deaths)
{
    int   i, bad;
    long  step;

    memset(space, 0, sizeof(space));
    (void) mcp_approvals_init(space, SPACE - 8 * draw(200), &table);
    now_ms = AT;
    used_count = 0;
    bad = 0;

    for (i = 0; i < 150; i++) {

        draw_work();

        memcpy(before, space, sizeof(space));
        (void) run(-1);
        bad += sound();
        memcpy(after, space, sizeof(space));

        for (step = 0; ; step++) {

            memcpy(space, before, sizeof(space));

            if (run(step)) {
                break;
            }

            (*deaths)++;
            bad += go_on();
        }

        memcpy(space, after, sizeof(space));

        if (work == TAKE && rc == MCP_OK) {
            memcpy(used, asks, sizeof(used));
            used_count = count;
        }
    }

    return bad;
}


/* NULL: not yet known. */
static ledger_t *
entry(const uint8_t *id)
{
    uint32_t  i;

    for (i = lives; i > 0; i--) {
        if (memcmp(ledger[i - 1].id, id, MCP_APPROVAL_ID) == 0) {
            return &ledger[i - 1];
        }
    }

    if (lives == LIVES) {
        abort();
    }

    memset(&ledger[lives], 0, sizeof(ledger_t));
    memcpy(ledger[lives].id, id, MCP_APPROVAL_ID);

    return &ledger[lives++];
}


/*
 * A long life with a death now and then, also while the damage of one before
 * is repaired: what passes was approved, and once for each word of a human.
 */
static int
long_life(long *deaths, long *passed)
{
    int                   i, bad;
    bool                  ended;
    uint32_t              n;
    mcp_approval_state_t  was[2], is;

    (void) mcp_approvals_init(space, SPACE, &table);
    now_ms = AT;
    used_count = 0;
    lives = 0;
    bad = 0;

    for (i = 0; i < 2000; i++) {

        draw_work();

        was[0] = state_in(space, chosen);

        for (n = 0; work == GIVE_BACK && n < used_count; n++) {
            was[n] = state_in(space, used[n].id);
        }

        ended = run(draw(3) == 0 ? (long) draw(160) : -1);
        *deaths += !ended;

        if (work == DECIDE) {
            is = state_in(space, chosen);
            bad += is == MCP_APPROVAL_APPROVED && was[0] != is
                   && decision != is;
            entry(chosen)->approved += is == MCP_APPROVAL_APPROVED
                                       && was[0] == MCP_APPROVAL_PENDING;
        }

        for (n = 0; work == GIVE_BACK && n < used_count; n++) {
            is = state_in(space, used[n].id);

            if (was[n] == MCP_APPROVAL_USED && is == MCP_APPROVAL_APPROVED) {
                entry(used[n].id)->passed--;
            }
        }

        if (work == TAKE && ended && rc == MCP_OK) {

            for (n = 0; n < count; n++) {
                (*passed)++;
                entry(asks[n].id)->passed++;
                bad += entry(asks[n].id)->passed
                       > entry(asks[n].id)->approved;
            }

            memcpy(used, asks, sizeof(used));
            used_count = count;
        }
    }

    (void) mcp_approvals_expire(table, now_ms);

    return bad + sound();
}


int
main(void)
{
    int   i, bad;
    long  deaths, passed;

    memset(arguments, 'a', sizeof(arguments));
    memcpy(arguments + 300, SECRET, strlen(SECRET));

    bad = 0;
    deaths = 0;

    for (i = 1; i <= 12; i++) {
        seed = (uint64_t) i * UINT64_C(0x9e3779b97f4a7c15);
        bad += every_step(&deaths);
    }

    ok(bad == 0 && deaths > 10000,
       "%ld deaths, one after each store: %d things were wrong", deaths, bad);

    bad = 0;
    deaths = 0;
    passed = 0;

    for (i = 1; i <= 24; i++) {
        seed = (uint64_t) i * UINT64_C(0x9e3779b97f4a7c15);
        bad += long_life(&deaths, &passed);
    }

    ok(bad == 0 && deaths > 1000 && passed > 500,
       "%ld deaths among %ld calls that passed: %d things were wrong", deaths,
       passed, bad);

    return tap_done();
}
