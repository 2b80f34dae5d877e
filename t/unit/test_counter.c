/* Window arithmetic: every edge by hand, the rest against exact models. */

#include "tap.h"
#include "mcp_counter.h"


__extension__ typedef unsigned __int128  uint128_t;

#define UNIT    INT64_C(1000000)
#define MINUTE  UINT64_C(60000)
#define DAY     UINT64_C(86400000)
#define AT      UINT64_C(1768473000000)     /* 2026-01-15T10:30:00Z */
#define NEVER   UINT64_MAX

static uint64_t  seed;


static uint64_t
draw(uint64_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed * UINT64_C(0x2545f4914f6cdd1d) >> 16) % bound;
}


static mcp_limit_spec_t
limit(mcp_algorithm_t algorithm, uint64_t window_ms, int64_t amount,
    int64_t burst)
{
    mcp_limit_spec_t  spec = { algorithm, window_ms, amount, burst };

    return spec;
}


static bool
take(const mcp_limit_spec_t *spec, mcp_cell_t *cell, uint64_t now_ms,
    int64_t cost, mcp_charge_result_t *result)
{
    if (mcp_counter_check(spec, cell, now_ms, cost, result) != MCP_OK) {
        return false;
    }

    mcp_counter_charge(spec, cell, now_ms, cost);

    return true;
}


static bool
fits(const mcp_limit_spec_t *spec, const mcp_cell_t *cell, uint64_t now_ms,
    int64_t cost)
{
    mcp_charge_result_t  result;

    return mcp_counter_check(spec, cell, now_ms, cost, &result) == MCP_OK;
}


static int64_t
remaining(const mcp_limit_spec_t *spec, const mcp_cell_t *cell,
    uint64_t now_ms)
{
    mcp_charge_result_t  result;

    (void) mcp_counter_check(spec, cell, now_ms, 0, &result);

    return result.remaining;
}


static void
test_fixed(void)
{
    int                  i, taken;
    mcp_cell_t           cell = { 0 }, before;
    mcp_limit_spec_t     spec = limit(MCP_ALGORITHM_FIXED, MINUTE, 3 * UNIT,
                                      0);
    mcp_charge_result_t  r;

    ok(take(&spec, &cell, AT + 7, UNIT, &r), "fixed: first call passes");
    ok(r.remaining == 2 * UNIT && r.reset_ms == AT + MINUTE
       && r.retry_ms == 0 && r.window == AT / MINUTE, "fixed: what it tells");

    taken = 1;

    for (i = 0; i < 10; i++) {
        taken += take(&spec, &cell, AT + 100, UNIT, &r);
    }

    before = cell;

    ok(taken == 3, "fixed: three of eleven calls pass");
    ok(!fits(&spec, &cell, AT + MINUTE - 1, UNIT), "fixed: last millisecond");
    ok(memcmp(&before, &cell, sizeof(cell)) == 0, "a check changes nothing");

    (void) mcp_counter_check(&spec, &cell, AT + 45000, UNIT, &r);

    ok(r.remaining == 0 && r.retry_ms == 15000, "fixed: wait to the edge");
    ok(fits(&spec, &cell, AT + MINUTE, UNIT), "fixed: first millisecond");
    ok(remaining(&spec, &cell, AT + MINUTE) == 3 * UNIT, "fixed: all is back");
    ok(mcp_counter_expires(&spec, &cell) == AT + MINUTE, "fixed: expiry");

    ok(!fits(&spec, &cell, AT - MINUTE, UNIT), "fixed: clock back");
    (void) mcp_counter_check(&spec, &cell, AT - MINUTE, UNIT, &r);
    ok(r.retry_ms == 2 * MINUTE, "fixed: clock back, wait");

    ok(take(&spec, &cell, AT + MINUTE, UNIT, &r), "fixed: next window");
    ok(!fits(&spec, &cell, AT + 1, 3 * UNIT), "fixed: back into the last one");
    (void) take(&spec, &cell, AT + 1, UNIT, &r);
    ok(cell.window == AT / MINUTE + 1 && cell.current == 2 * UNIT,
       "fixed: a late clock charges the window that was seen");

    ok(fits(&spec, &cell, AT + MINUTE, UNIT)
       && !fits(&spec, &cell, AT + MINUTE, UNIT + 1),
       "fixed: to the millionth");

    (void) mcp_counter_check(&spec, &cell, AT, 3 * UNIT + 1, &r);
    ok(r.retry_ms == NEVER, "fixed: over the limit never fits");

    spec = limit(MCP_ALGORITHM_FIXED, DAY, UNIT, 0);
    memset(&cell, 0, sizeof(cell));
    ok(take(&spec, &cell, 1768521599999, UNIT, &r)
       && r.reset_ms == 1768521600000, "fixed: a day ends at midnight UTC");
    ok(!fits(&spec, &cell, 1768521599999, UNIT)
       && fits(&spec, &cell, 1768521600000, UNIT), "fixed: over midnight");
}


/* A smeared leap second: the clock runs slow, stands still, steps back. */
static void
test_smear(void)
{
    int                  i, taken;
    uint64_t             now_ms;
    mcp_cell_t           cell = { 0 };
    mcp_limit_spec_t     spec = limit(MCP_ALGORITHM_FIXED, 1000, 5 * UNIT, 0);
    mcp_charge_result_t  r;

    taken = 0;
    now_ms = AT + 900;

    for (i = 0; i < 1000; i++) {
        taken += take(&spec, &cell, now_ms, UNIT, &r);
        now_ms += i % 3 == 0 ? 1 : 0;
        now_ms -= i % 50 == 49 ? 16 : 0;
    }

    ok(now_ms < AT + 1000 && taken == 5, "smeared second counts once");
}


static void
test_sliding(void)
{
    int                  i, taken;
    mcp_cell_t           cell = { 0 };
    mcp_limit_spec_t     spec = limit(MCP_ALGORITHM_SLIDING, 1000, 10 * UNIT,
                                      0);
    mcp_charge_result_t  r;

    for (i = 0, taken = 0; i < 20; i++) {
        taken += take(&spec, &cell, AT + 999, UNIT, &r);
    }

    ok(taken == 10, "sliding: ten of twenty");
    ok(r.retry_ms == 101 && r.reset_ms == AT + 2000,
       "sliding: the wait crosses into the next window");
    ok(!fits(&spec, &cell, AT + 1000, 1), "sliding: no burst at the edge");
    ok(!fits(&spec, &cell, AT + 1099, UNIT)
       && fits(&spec, &cell, AT + 1100, UNIT), "sliding: frees a tenth");
    ok(remaining(&spec, &cell, AT + 1500) == 5 * UNIT, "sliding: half");
    ok(mcp_counter_expires(&spec, &cell) == AT + 2000, "sliding: expiry");
    ok(remaining(&spec, &cell, AT + 2000) == 10 * UNIT, "sliding: all back");

    ok(take(&spec, &cell, AT + 1500, 5 * UNIT, &r), "sliding: takes the half");
    ok(cell.previous == 10 * UNIT && cell.current == 5 * UNIT, "rolled");
    ok(!fits(&spec, &cell, AT + 900, UNIT), "sliding: clock back");

    (void) mcp_counter_check(&spec, &cell, AT + 1500, 10 * UNIT + 1, &r);
    ok(r.retry_ms == NEVER, "sliding: over the limit never fits");

    mcp_counter_refund(&spec, &cell, AT / 1000, AT + 1500, 4 * UNIT);
    ok(cell.previous == 6 * UNIT, "sliding: refund to the window before");
    mcp_counter_refund(&spec, &cell, AT / 1000 + 1, AT + 1500, UNIT);
    ok(cell.current == 4 * UNIT, "sliding: refund to the current window");
    mcp_counter_refund(&spec, &cell, AT / 1000 - 1, AT + 1500, UNIT);
    mcp_counter_refund(&spec, &cell, AT / 1000 + 2, AT + 1500, UNIT);
    ok(cell.previous == 6 * UNIT && cell.current == 4 * UNIT,
       "sliding: no refund to other windows");

    spec = limit(MCP_ALGORITHM_SLIDING, 1000, 3, 0);
    memset(&cell, 0, sizeof(cell));
    (void) take(&spec, &cell, AT, 1, &r);
    ok(remaining(&spec, &cell, AT + 1999) == 2, "sliding: rounds up a share");
}


static void
test_bucket(void)
{
    int                  i, taken;
    mcp_cell_t           cell = { 0 };
    mcp_limit_spec_t     spec = limit(MCP_ALGORITHM_BUCKET, MINUTE, 60 * UNIT,
                                      5 * UNIT);
    mcp_charge_result_t  r;

    for (i = 0, taken = 0; i < 20; i++) {
        taken += take(&spec, &cell, AT, UNIT, &r);
    }

    ok(taken == 5 && r.retry_ms == 1000, "bucket: the burst, then one more");
    ok(r.reset_ms == AT + 5000, "bucket: full again");
    ok(!fits(&spec, &cell, AT + 999, UNIT)
       && fits(&spec, &cell, AT + 1000, UNIT), "bucket: one a second");
    ok(mcp_counter_expires(&spec, &cell) == AT + 5000, "bucket: expiry");
    ok(!fits(&spec, &cell, AT - 1000000, UNIT), "bucket: clock back");

    (void) mcp_counter_check(&spec, &cell, AT, 5 * UNIT + 1, &r);
    ok(r.retry_ms == NEVER, "bucket: over the burst never fits");

    spec = limit(MCP_ALGORITHM_BUCKET, MINUTE, 7 * UNIT, 0);
    memset(&cell, 0, sizeof(cell));
    ok(take(&spec, &cell, AT, UNIT, &r) && !fits(&spec, &cell, AT, 1),
       "bucket: burst is one by default, whatever the fraction");
    ok(!fits(&spec, &cell, AT + 8571, UNIT)
       && fits(&spec, &cell, AT + 8572, UNIT), "bucket: 60/7 seconds");

    spec.burst = 7 * UNIT;
    memset(&cell, 0, sizeof(cell));

    for (i = 0; i < 7; i++) {
        (void) take(&spec, &cell, AT, UNIT, &r);
    }

    ok(cell.tat_us == (AT + MINUTE) * 1000 && cell.current == 0,
       "bucket: sevenths add up to a whole");

    for (i = 0, taken = 0; i < 3 * 60000; i += 100) {
        taken += take(&spec, &cell, AT + (uint64_t) i, UNIT, &r);
    }

    ok(taken == 20, "bucket: seven a minute sustained");

    spec = limit(MCP_ALGORITHM_BUCKET, 1000, 1000000 * UNIT, 1000000 * UNIT);
    memset(&cell, 0, sizeof(cell));
    (void) take(&spec, &cell, AT, 999999 * UNIT, &r);
    ok(fits(&spec, &cell, AT, UNIT) && !fits(&spec, &cell, AT, UNIT + 1),
       "bucket: a million a second, exactly");
}


static void
test_bucket_refund(void)
{
    mcp_cell_t           cell = { 0 }, empty;
    mcp_limit_spec_t     spec = limit(MCP_ALGORITHM_BUCKET, MINUTE, 60 * UNIT,
                                      10 * UNIT);
    mcp_charge_result_t  r, first;

    (void) take(&spec, &cell, AT, UNIT, &first);
    mcp_counter_refund(&spec, &cell, first.window, AT + 500, UNIT);
    ok(remaining(&spec, &cell, AT) == 10 * UNIT, "bucket: refunded at once");

    memset(&cell, 0, sizeof(cell));
    (void) take(&spec, &cell, AT, UNIT, &first);
    (void) take(&spec, &cell, AT + 900, UNIT, &r);
    mcp_counter_refund(&spec, &cell, first.window, AT + 950, UNIT);
    ok(cell.tat_us == (AT + 1900) * 1000,
       "bucket: time that an idle bucket would have lost stays lost");

    memset(&cell, 0, sizeof(cell));
    (void) take(&spec, &cell, AT, UNIT, &first);
    (void) take(&spec, &cell, AT + 5000, UNIT, &r);
    empty = cell;
    mcp_counter_refund(&spec, &cell, first.window, AT + 5001, UNIT);
    mcp_counter_refund(&spec, &cell, AT + 9000, AT + 9001, UNIT);
    ok(memcmp(&cell, &empty, sizeof(cell)) == 0,
       "bucket: no refund of what has leaked, or was never charged");
}


static void
test_odd(void)
{
    mcp_cell_t           cell = { 0 };
    mcp_limit_spec_t     spec = limit(MCP_ALGORITHM_FIXED, MINUTE, UNIT, 0);
    mcp_charge_result_t  r;
    int                  i;

    for (i = 0; i < 3; i++) {
        spec = limit((mcp_algorithm_t) i, MINUTE, UNIT, UNIT);
        memset(&cell, 0, sizeof(cell));

        ok(take(&spec, &cell, 0, UNIT, &r), "%d: at time zero", i);
        ok(!fits(&spec, &cell, 0, UNIT) && fits(&spec, &cell, 0, 0),
           "%d: a cost of nothing fits a full counter", i);
        ok(!fits(&spec, &cell, AT, -1), "%d: a negative cost does not", i);

        memset(&cell, 0, sizeof(cell));
        mcp_counter_charge(&spec, &cell, AT, -5);
        mcp_counter_charge(&spec, &cell, AT, 0);
        ok(cell.seen_ms == 0, "%d: nothing charged, nothing changed", i);

        mcp_counter_charge(&spec, &cell, AT, INT64_MAX);
        mcp_counter_charge(&spec, &cell, AT, INT64_MAX);
        ok(!fits(&spec, &cell, AT, 1) && cell.current >= 0,
           "%d: counts saturate", i);
        mcp_counter_refund(&spec, &cell, i == 2 ? AT : AT / MINUTE, AT, 1);
        ok(!fits(&spec, &cell, AT, 1), "%d: and stay so", i);

        memset(&cell, 0, sizeof(cell));
        (void) take(&spec, &cell, AT, UNIT, &r);
        mcp_counter_refund(&spec, &cell, r.window, AT, -UNIT);
        ok(!fits(&spec, &cell, AT, 1), "%d: no negative refund", i);
        mcp_counter_refund(&spec, &cell, r.window, AT, 9 * UNIT);
        ok(remaining(&spec, &cell, AT) == UNIT
           && mcp_counter_expires(&spec, &cell) <= AT,
           "%d: a refund does not go below nothing", i);

        spec.amount = 0;
        ok(!fits(&spec, &cell, AT, 0), "%d: no amount, no call", i);
        spec.amount = UNIT;
        spec.window_ms = 0;
        ok(!fits(&spec, &cell, AT, 1), "%d: no window, no call", i);
        spec.window_ms = NEVER;
        ok(!fits(&spec, &cell, AT, 1), "%d: window too long, no call", i);
        ok(mcp_counter_expires(&spec, &cell) == NEVER, "%d: no expiry", i);

        spec = limit((mcp_algorithm_t) i, MCP_COUNTER_WINDOW_MAX,
                     INT64_MAX, INT64_MAX);
        memset(&cell, 0, sizeof(cell));
        (void) take(&spec, &cell, NEVER, INT64_MAX, &r);
        (void) take(&spec, &cell, NEVER, INT64_MAX, &r);
        ok(r.retry_ms > 0, "%d: the end of time", i);

        memset(&cell, 0xff, sizeof(cell));
        spec = limit((mcp_algorithm_t) i, MINUTE, UNIT, UNIT);
        ok(!fits(&spec, &cell, AT, 1), "%d: a damaged cell frees nothing", i);
        mcp_counter_refund(&spec, &cell, NEVER, AT, UNIT);
        mcp_counter_charge(&spec, &cell, AT, UNIT);
        ok(!fits(&spec, &cell, AT, 1), "%d: nor after a charge", i);
    }

    spec = limit((mcp_algorithm_t) 9, MINUTE, UNIT, UNIT);
    ok(!fits(&spec, &cell, AT, 1)
       && mcp_counter_expires(&spec, &cell) == NEVER, "unknown algorithm");
}


/* What the limit says, from the list of the charges that passed. */
typedef struct {
    uint64_t  at_ms;
    int64_t   cost;
    uint64_t  window;
    bool      gone;             /* refunded */
} event_t;

#define EVENTS  64

static bool
model_fits(const mcp_limit_spec_t *spec, const event_t *events, int count,
    uint64_t at_ms, int64_t cost)
{
    int        i;
    uint64_t   number;
    uint128_t  current, previous, level, amount;

    number = at_ms / spec->window_ms;
    amount = (uint128_t) spec->amount;
    current = 0;
    previous = 0;
    level = 0;

    for (i = 0; i < count; i++) {

        if (spec->algorithm == MCP_ALGORITHM_BUCKET) {
            level += (uint128_t) events[i].cost * spec->window_ms
                     * !events[i].gone;
            previous = amount * ((i + 1 < count ? events[i + 1].at_ms : at_ms)
                                 - events[i].at_ms);
            level = level > previous ? level - previous : 0;
            continue;
        }

        if (events[i].gone) {
            continue;
        }

        if (events[i].at_ms / spec->window_ms == number) {
            current += (uint64_t) events[i].cost;

        } else if (events[i].at_ms / spec->window_ms == number - 1) {
            previous += (uint64_t) events[i].cost;
        }
    }

    switch (spec->algorithm) {

    case MCP_ALGORITHM_BUCKET:
        return level + (uint128_t) cost * spec->window_ms
               <= (uint128_t) spec->burst * spec->window_ms;

    case MCP_ALGORITHM_SLIDING:
        return (current + (uint64_t) cost) * spec->window_ms
               + previous * (spec->window_ms - at_ms % spec->window_ms)
               <= amount * spec->window_ms;

    default:
        return current + (uint64_t) cost <= amount;
    }
}


static mcp_limit_spec_t
draw_limit(mcp_algorithm_t algorithm)
{
    mcp_limit_spec_t  spec;

    static const uint64_t  windows[] = { 1, 7, 1000, 10000, MINUTE, DAY };

    spec.algorithm = algorithm;
    spec.window_ms = windows[draw(6)];

    switch (draw(3)) {
    case 0:
        spec.amount = (int64_t) (1 + draw(20)) * UNIT;
        break;
    case 1:
        spec.amount = (int64_t) (1 + draw(1000));
        break;
    default:
        spec.amount = (int64_t) (1 + draw(INT64_MAX / 8));
    }

    spec.burst = (int64_t) (1 + draw((uint64_t) spec.amount * 2));

    return spec;
}


/* Random charges, refunds (fixed, sliding) and pauses, each check judged. */
static int
run_model(mcp_algorithm_t algorithm)
{
    int                  count, i, bad;
    int64_t              cost, top;
    uint64_t             now_ms, then_ms;
    event_t              events[EVENTS];
    mcp_cell_t           cell = { 0 };
    mcp_limit_spec_t     spec;
    mcp_charge_result_t  r;

    spec = draw_limit(algorithm);
    top = algorithm == MCP_ALGORITHM_BUCKET ? spec.burst : spec.amount;
    now_ms = AT + draw(DAY);
    count = 0;
    bad = 0;

    while (count < EVENTS) {

        now_ms += draw(4) == 0 ? draw(spec.window_ms * 2)
                               : draw(spec.window_ms / 8 + 2);
        cost = (int64_t) (1 + draw((uint64_t) top / (1 + draw(8)) + 1));

        if (cost > top) {
            bad += mcp_counter_check(&spec, &cell, now_ms, cost, &r) != MCP_NO
                   || r.retry_ms != NEVER;
            cost = top;
        }

        bad += fits(&spec, &cell, now_ms, cost)
               != model_fits(&spec, events, count, now_ms, cost);

        if (take(&spec, &cell, now_ms, cost, &r)) {
            events[count].at_ms = now_ms;
            events[count].cost = cost;
            events[count].window = r.window;
            events[count++].gone = false;

        } else {
            then_ms = now_ms + r.retry_ms;
            bad += r.retry_ms == 0 || r.retry_ms == NEVER
                   || !fits(&spec, &cell, then_ms, cost)
                   || fits(&spec, &cell, then_ms - 1, cost);
            now_ms = draw(3) ? now_ms : then_ms;
        }

        (void) mcp_counter_check(&spec, &cell, now_ms, 0, &r);
        bad += remaining(&spec, &cell, r.reset_ms) != top
               || (r.reset_ms > now_ms
                   && remaining(&spec, &cell, r.reset_ms - 1) == top);
        bad += r.remaining > 0 && !fits(&spec, &cell, now_ms, r.remaining);
        bad += r.remaining < top && fits(&spec, &cell, now_ms,
                                         r.remaining + 1);
        bad += remaining(&spec, &cell, mcp_counter_expires(&spec, &cell))
               != top;

        if (algorithm != MCP_ALGORITHM_BUCKET && count > 0 && draw(4) == 0) {
            i = (int) draw((uint64_t) count);

            if (!events[i].gone) {
                events[i].gone = true;
                mcp_counter_refund(&spec, &cell, events[i].window, now_ms,
                                   events[i].cost);
            }
        }
    }

    return bad;
}


/*
 * Bucket with refunds: never more budget than without the refunded calls.
 * The model replays what remains.
 */
static int
run_refunds(void)
{
    int                  count, i, bad;
    int64_t              cost;
    uint64_t             now_ms;
    event_t              events[EVENTS];
    mcp_cell_t           cell = { 0 };
    mcp_limit_spec_t     spec;
    mcp_charge_result_t  r;

    spec = draw_limit(MCP_ALGORITHM_BUCKET);
    now_ms = AT;
    count = 0;
    bad = 0;

    while (count < EVENTS) {

        now_ms += draw(spec.window_ms / (1 + draw(50)) + 2);
        cost = (int64_t) (1 + draw((uint64_t) spec.burst));
        cost = cost / (int64_t) (1 + draw(4)) + 1;

        if (cost > spec.burst) {
            cost = spec.burst;
        }

        if (take(&spec, &cell, now_ms, cost, &r)) {
            bad += !model_fits(&spec, events, count, now_ms, cost);
            events[count].at_ms = now_ms;
            events[count].cost = cost;
            events[count].window = r.window;
            events[count++].gone = false;

        } else {
            now_ms += draw(2) ? r.retry_ms : 0;
        }

        i = count - 1 - (int) draw(4);

        if (i >= 0 && draw(2) && !events[i].gone) {
            events[i].gone = true;
            mcp_counter_refund(&spec, &cell, events[i].window, now_ms,
                               events[i].cost);
            (void) mcp_counter_check(&spec, &cell, now_ms, 0, &r);
            bad += r.remaining > 0
                   && !model_fits(&spec, events, count, now_ms, r.remaining);
        }
    }

    return bad;
}


/* Limits of different amounts on one named bucket: the clock never slips. */
static int
run_shared_bucket(void)
{
    int                  i, bad;
    uint64_t             now_ms, tat_us;
    mcp_cell_t           cell = { 0 };
    mcp_limit_spec_t     specs[2];
    mcp_charge_result_t  r;

    specs[0] = draw_limit(MCP_ALGORITHM_BUCKET);
    specs[1] = draw_limit(MCP_ALGORITHM_BUCKET);
    specs[1].window_ms = specs[0].window_ms;
    now_ms = AT;
    bad = 0;

    for (i = 0; i < 50; i++) {
        now_ms += draw(specs[0].window_ms / 4 + 1);
        tat_us = cell.tat_us;

        if (take(&specs[i % 2], &cell, now_ms, 1 + (int64_t) draw(100), &r)) {
            bad += cell.tat_us < tat_us;
            bad += cell.current < 0
                   || cell.current >= specs[i % 2].amount;
        }
    }

    return bad;
}


/* No clock frees what was charged: time only stands, or goes on. */
static int
run_clock(mcp_algorithm_t algorithm)
{
    int                  i, bad;
    int64_t              before;
    uint64_t             now_ms;
    mcp_cell_t           cell = { 0 };
    mcp_limit_spec_t     spec;
    mcp_charge_result_t  r;

    spec = draw_limit(algorithm);
    bad = 0;

    for (i = 0; i < 100; i++) {
        now_ms = AT + draw(spec.window_ms * 4);
        before = remaining(&spec, &cell, cell.seen_ms);

        if (now_ms < cell.seen_ms) {
            bad += remaining(&spec, &cell, now_ms) != before;
        }

        if (take(&spec, &cell, now_ms, 1 + (int64_t) draw(3), &r)) {
            bad += cell.seen_ms < now_ms;

        } else if (r.retry_ms != NEVER) {
            bad += !fits(&spec, &cell, now_ms + r.retry_ms, 1);
        }
    }

    return bad;
}


int
main(void)
{
    int  i, algorithm, bad;

    static const char  *const  names[] = { "fixed", "sliding", "bucket" };

    test_fixed();
    test_smear();
    test_sliding();
    test_bucket();
    test_bucket_refund();
    test_odd();

    for (algorithm = 0; algorithm < 3; algorithm++) {

        for (i = 0, bad = 0; i < 1000; i++) {
            seed = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t) (i + 1);
            bad += run_model((mcp_algorithm_t) algorithm);
        }

        ok(bad == 0, "%s: 1000 seeds against the model, %d differences",
           names[algorithm], bad);

        for (i = 0, bad = 0; i < 500; i++) {
            seed = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t) (i + 5000);
            bad += run_clock((mcp_algorithm_t) algorithm);
        }

        ok(bad == 0, "%s: 500 seeds of random clocks, %d differences",
           names[algorithm], bad);
    }

    for (i = 0, bad = 0; i < 3000; i++) {
        seed = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t) (i + 10000);
        bad += run_refunds();
    }

    ok(bad == 0, "bucket: 3000 seeds of refunds, %d differences", bad);

    for (i = 0, bad = 0; i < 500; i++) {
        seed = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t) (i + 20000);
        bad += run_shared_bucket();
    }

    ok(bad == 0, "bucket: 500 seeds of two amounts, %d differences", bad);

    return tap_done();
}
