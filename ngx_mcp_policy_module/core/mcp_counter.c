#include "mcp_counter.h"


__extension__ typedef unsigned __int128  mcp_uint128_t;

/* A cell of a fixed or sliding limit as it reads at one moment. */
typedef struct {
    uint64_t  time_ms;          /* never before what the cell has seen */
    uint64_t  number;           /* of the window */
    uint64_t  left_ms;          /* of the window: 1 to window_ms */
    uint64_t  current;
    uint64_t  previous;
} mcp_window_t;

#define MCP_BUCKET_DEFAULT_BURST  1000000
#define MCP_BUCKET_TIME_MAX       (UINT64_MAX - 2)


static mcp_rc_t mcp_fixed_check(const mcp_limit_spec_t *spec,
    const mcp_cell_t *cell, uint64_t now_ms, uint64_t cost,
    mcp_charge_result_t *result);
static mcp_rc_t mcp_sliding_check(const mcp_limit_spec_t *spec,
    const mcp_cell_t *cell, uint64_t now_ms, uint64_t cost,
    mcp_charge_result_t *result);
static uint64_t mcp_sliding_retry(const mcp_limit_spec_t *spec,
    const mcp_window_t *window, uint64_t now_ms, uint64_t cost);
static mcp_rc_t mcp_bucket_check(const mcp_limit_spec_t *spec,
    const mcp_cell_t *cell, uint64_t now_ms, uint64_t cost,
    mcp_charge_result_t *result);
static void mcp_bucket_charge(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t cost);
static void mcp_bucket_refund(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t charged_ms, uint64_t cost);
static void mcp_bucket_set(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t time_us, mcp_uint128_t debt);
static mcp_uint128_t mcp_bucket_debt(const mcp_limit_spec_t *spec,
    const mcp_cell_t *cell, uint64_t time_us);
static uint64_t mcp_bucket_wait(const mcp_limit_spec_t *spec,
    mcp_uint128_t debt);
static uint64_t mcp_bucket_capacity(const mcp_limit_spec_t *spec);
static uint64_t mcp_bucket_time(uint64_t time_ms);
static void mcp_window_read(const mcp_limit_spec_t *spec,
    const mcp_cell_t *cell, uint64_t now_ms, mcp_window_t *window);
static uint64_t mcp_window_start(const mcp_limit_spec_t *spec, uint64_t number,
    uint64_t windows, uint64_t offset_ms);
static uint64_t mcp_window_wait(const mcp_limit_spec_t *spec, uint64_t number,
    uint64_t windows, uint64_t offset_ms, uint64_t now_ms);
static bool mcp_limit_valid(const mcp_limit_spec_t *spec);
static mcp_rc_t mcp_charge_never(mcp_charge_result_t *result);
static uint64_t mcp_uint128_divide_up(mcp_uint128_t dividend,
    uint64_t divisor);
static uint64_t mcp_uint128_clip(mcp_uint128_t value);


mcp_rc_t
mcp_counter_check(const mcp_limit_spec_t *spec, const mcp_cell_t *cell,
    uint64_t now_ms, int64_t cost, mcp_charge_result_t *result)
{
    if (!mcp_limit_valid(spec) || cost < 0) {
        return mcp_charge_never(result);
    }

    switch (spec->algorithm) {

    case MCP_ALGORITHM_FIXED:
        return mcp_fixed_check(spec, cell, now_ms, (uint64_t) cost, result);

    case MCP_ALGORITHM_SLIDING:
        return mcp_sliding_check(spec, cell, now_ms, (uint64_t) cost, result);

    case MCP_ALGORITHM_BUCKET:
        return mcp_bucket_check(spec, cell, now_ms, (uint64_t) cost, result);
    }

    return mcp_charge_never(result);
}


void
mcp_counter_charge(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t now_ms, int64_t cost)
{
    mcp_cell_t    charged;
    mcp_window_t  window;

    if (!mcp_limit_valid(spec) || cost <= 0) {
        return;
    }

    charged = *cell;

    if (now_ms > charged.seen_ms) {
        charged.seen_ms = now_ms;
    }

    if (spec->algorithm == MCP_ALGORITHM_BUCKET) {
        mcp_bucket_charge(spec, &charged, (uint64_t) cost);

    } else {
        mcp_window_read(spec, cell, now_ms, &window);

        charged.window = window.number;
        charged.current = window.current > (uint64_t) (INT64_MAX - cost)
                          ? INT64_MAX : (int64_t) window.current + cost;
        charged.previous = (int64_t) window.previous;
    }

    mcp_counter_store(cell, &charged);
}


/*
 * The clock comes first: from then on nobody reads the cell as of an earlier
 * window, where overwriting "previous" would free budget.  With the window
 * number rolled, the old count stands until the new one replaces it.  The two
 * parts of a fraction change while its whole part is higher than both ends.
 */
void
mcp_counter_store(mcp_cell_t *cell, const mcp_cell_t *charged)
{
    uint64_t  high;

    mcp_store_uint64(&cell->seen_ms, charged->seen_ms);

    if (charged->tat_us != 0) {
        high = cell->tat_us > charged->tat_us ? cell->tat_us : charged->tat_us;

        if (high < UINT64_MAX) {
            high++;
        }

        mcp_store_uint64(&cell->tat_us, high);
    }

    mcp_store_uint64((uint64_t *) &cell->previous,
                     (uint64_t) charged->previous);
    mcp_store_uint64(&cell->window, charged->window);
    mcp_store_uint64((uint64_t *) &cell->current,
                     (uint64_t) charged->current);
    mcp_store_uint64(&cell->tat_us, charged->tat_us);
}


void
mcp_counter_refund(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t window, uint64_t now_ms, int64_t cost)
{
    int64_t  *count;

    (void) now_ms;

    if (!mcp_limit_valid(spec) || cost <= 0) {
        return;
    }

    if (spec->algorithm == MCP_ALGORITHM_BUCKET) {
        mcp_bucket_refund(spec, cell, window, (uint64_t) cost);
        return;
    }

    if (window == cell->window) {
        count = &cell->current;

    } else if (cell->window > 0 && window == cell->window - 1) {
        count = &cell->previous;

    } else {
        return;
    }

    /* What a saturated count has lost is not known: it stays. */

    if (*count <= 0 || *count == INT64_MAX) {
        return;
    }

    mcp_store_uint64((uint64_t *) count,
                     *count > cost ? (uint64_t) (*count - cost) : 0);
}


uint64_t
mcp_counter_expires(const mcp_limit_spec_t *spec, const mcp_cell_t *cell)
{
    uint64_t  whole_us;

    if (!mcp_limit_valid(spec)) {
        return UINT64_MAX;
    }

    switch (spec->algorithm) {

    case MCP_ALGORITHM_FIXED:
        return cell->current == 0
               ? 0 : mcp_window_start(spec, cell->window, 1, 0);

    case MCP_ALGORITHM_SLIDING:
        if (cell->current == 0 && cell->previous == 0) {
            return 0;
        }

        return mcp_window_start(spec, cell->window, cell->current ? 2 : 1, 0);

    case MCP_ALGORITHM_BUCKET:
        whole_us = cell->tat_us;

        if (cell->current != 0 && whole_us < UINT64_MAX) {
            whole_us++;
        }

        return mcp_uint128_divide_up(whole_us, 1000);
    }

    return UINT64_MAX;
}


static mcp_rc_t
mcp_fixed_check(const mcp_limit_spec_t *spec, const mcp_cell_t *cell,
    uint64_t now_ms, uint64_t cost, mcp_charge_result_t *result)
{
    bool          fits;
    uint64_t      amount, used;
    mcp_window_t  window;

    mcp_window_read(spec, cell, now_ms, &window);

    amount = (uint64_t) spec->amount;
    used = window.current;

    fits = cost == 0 || (cost <= amount && used <= amount - cost);

    if (fits) {
        used += cost;
    }

    result->remaining = used < amount ? (int64_t) (amount - used) : 0;
    result->reset_ms = used ? mcp_window_start(spec, window.number, 1, 0)
                            : window.time_ms;
    result->window = window.number;
    result->retry_ms = 0;

    if (fits) {
        return MCP_OK;
    }

    result->retry_ms = cost > amount
                       ? UINT64_MAX
                       : mcp_window_wait(spec, window.number, 1, 0, now_ms);

    return MCP_NO;
}


/*
 * The estimate is what the current window has, and of the previous one the
 * share that a window ending now would still cover, rounded up.
 */
static mcp_rc_t
mcp_sliding_check(const mcp_limit_spec_t *spec, const mcp_cell_t *cell,
    uint64_t now_ms, uint64_t cost, mcp_charge_result_t *result)
{
    bool           fits;
    uint64_t       amount;
    mcp_window_t   window;
    mcp_uint128_t  used;

    mcp_window_read(spec, cell, now_ms, &window);

    amount = (uint64_t) spec->amount;

    used = window.current;
    used += mcp_uint128_divide_up((mcp_uint128_t) window.previous
                                  * window.left_ms, spec->window_ms);

    fits = cost == 0 || used + cost <= amount;

    result->window = window.number;
    result->retry_ms = 0;

    if (!fits) {
        result->retry_ms = mcp_sliding_retry(spec, &window, now_ms, cost);

    } else {
        used += cost;
        window.current += cost;
    }

    result->remaining = used < amount ? (int64_t) (amount - (uint64_t) used)
                                      : 0;

    if (window.current) {
        result->reset_ms = mcp_window_start(spec, window.number, 2, 0);

    } else if (window.previous) {
        result->reset_ms = mcp_window_start(spec, window.number, 1, 0);

    } else {
        result->reset_ms = window.time_ms;
    }

    return fits ? MCP_OK : MCP_NO;
}


static uint64_t
mcp_sliding_retry(const mcp_limit_spec_t *spec, const mcp_window_t *window,
    uint64_t now_ms, uint64_t cost)
{
    uint64_t  amount, room, shrinking, windows, covered_ms;

    amount = (uint64_t) spec->amount;

    if (cost > amount) {
        return UINT64_MAX;
    }

    if (window->current <= amount - cost) {
        room = amount - cost - window->current;
        shrinking = window->previous;
        windows = 0;

    } else {
        room = amount - cost;
        shrinking = window->current;
        windows = 1;
    }

    /* So much of the window before may still be covered. */

    covered_ms = (uint64_t) ((mcp_uint128_t) room * spec->window_ms
                             / shrinking);

    return mcp_window_wait(spec, window->number, windows,
                           spec->window_ms - covered_ms, now_ms);
}


/*
 * GCRA without rounding: times are multiplied by the amount of the limit, and
 * amounts by its window in microseconds.  The products fit 128 bits because
 * an amount has 63 and a window 54.
 */
static mcp_rc_t
mcp_bucket_check(const mcp_limit_spec_t *spec, const mcp_cell_t *cell,
    uint64_t now_ms, uint64_t cost, mcp_charge_result_t *result)
{
    bool           fits;
    uint64_t       time_ms, time_us, window_us, amount, capacity, used;
    mcp_uint128_t  debt, charge, limit;

    time_ms = now_ms > cell->seen_ms ? now_ms : cell->seen_ms;
    time_us = mcp_bucket_time(time_ms);
    window_us = spec->window_ms * 1000;
    amount = (uint64_t) spec->amount;
    capacity = mcp_bucket_capacity(spec);

    debt = mcp_bucket_debt(spec, cell, time_us);
    charge = (mcp_uint128_t) cost * window_us;
    limit = (mcp_uint128_t) capacity * window_us;

    /* A theoretical arrival time beyond what a cell can hold never comes. */

    if (cost != 0
        && debt + charge
           > (mcp_uint128_t) (MCP_BUCKET_TIME_MAX - time_us) * amount)
    {
        return mcp_charge_never(result);
    }

    fits = cost == 0 || debt + charge <= limit;

    result->window = time_ms;
    result->retry_ms = 0;

    if (fits) {
        debt += charge;

    } else if (cost > capacity) {
        result->retry_ms = UINT64_MAX;

    } else {
        result->retry_ms = time_ms - now_ms
                           + mcp_bucket_wait(spec, debt + charge - limit);
    }

    used = mcp_uint128_divide_up(debt, window_us);

    result->remaining = used < capacity ? (int64_t) (capacity - used) : 0;
    result->reset_ms = mcp_uint128_clip((mcp_uint128_t) time_ms
                                        + mcp_bucket_wait(spec, debt));

    return fits ? MCP_OK : MCP_NO;
}


static void
mcp_bucket_charge(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t cost)
{
    uint64_t       time_us;
    mcp_uint128_t  debt;

    time_us = mcp_bucket_time(cell->seen_ms);

    debt = mcp_bucket_debt(spec, cell, time_us);
    debt += (mcp_uint128_t) cost * (spec->window_ms * 1000);

    mcp_bucket_set(spec, cell, time_us, debt);
}


/*
 * Without this charge the bucket might have run empty meanwhile, and time that
 * passes for an empty bucket is lost.  So only that part comes back which had
 * not leaked when the last charge was made: every charge in between found at
 * least that much debt of this one.
 */
static void
mcp_bucket_refund(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t charged_ms, uint64_t cost)
{
    uint64_t       time_us, elapsed_us;
    mcp_cell_t     refunded;
    mcp_uint128_t  debt, back, leaked;

    if (charged_ms > cell->seen_ms) {
        return;
    }

    time_us = mcp_bucket_time(cell->seen_ms);
    elapsed_us = time_us - mcp_bucket_time(charged_ms);

    back = (mcp_uint128_t) cost * (spec->window_ms * 1000);
    leaked = (mcp_uint128_t) elapsed_us * (uint64_t) spec->amount;

    if (leaked >= back) {
        return;
    }

    back -= leaked;
    debt = mcp_bucket_debt(spec, cell, time_us);

    refunded = *cell;
    mcp_bucket_set(spec, &refunded, time_us, debt > back ? debt - back : 0);

    mcp_counter_store(cell, &refunded);
}


static void
mcp_bucket_set(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t time_us, mcp_uint128_t debt)
{
    uint64_t       amount;
    mcp_uint128_t  whole_us;

    amount = (uint64_t) spec->amount;
    whole_us = debt / amount;

    cell->current = (int64_t) (debt - whole_us * amount);
    cell->previous = spec->amount;

    whole_us += time_us;

    if (whole_us > MCP_BUCKET_TIME_MAX) {
        whole_us = MCP_BUCKET_TIME_MAX;
    }

    cell->tat_us = (uint64_t) whole_us;
}


/* How far the arrival time lies ahead, times the amount of the limit. */
static mcp_uint128_t
mcp_bucket_debt(const mcp_limit_spec_t *spec, const mcp_cell_t *cell,
    uint64_t time_us)
{
    uint64_t  tat_us, part;

    tat_us = cell->tat_us;
    part = (uint64_t) cell->current;

    /* A fraction of another limit, or one that was cut short: rounded up. */

    if (part != 0
        && (cell->previous != spec->amount || part >= (uint64_t) spec->amount))
    {
        part = 0;
        tat_us += tat_us < UINT64_MAX;
    }

    if (tat_us < time_us) {
        return 0;
    }

    return (mcp_uint128_t) (tat_us - time_us) * (uint64_t) spec->amount + part;
}


/* Milliseconds until so much debt has leaked away. */
static uint64_t
mcp_bucket_wait(const mcp_limit_spec_t *spec, mcp_uint128_t debt)
{
    return mcp_uint128_divide_up(
        mcp_uint128_divide_up(debt, (uint64_t) spec->amount), 1000);
}


static uint64_t
mcp_bucket_capacity(const mcp_limit_spec_t *spec)
{
    return spec->burst > 0 ? (uint64_t) spec->burst
                           : MCP_BUCKET_DEFAULT_BURST;
}


static uint64_t
mcp_bucket_time(uint64_t time_ms)
{
    return time_ms > MCP_BUCKET_TIME_MAX / 1000 ? MCP_BUCKET_TIME_MAX
                                                : time_ms * 1000;
}


static void
mcp_window_read(const mcp_limit_spec_t *spec, const mcp_cell_t *cell,
    uint64_t now_ms, mcp_window_t *window)
{
    window->time_ms = now_ms > cell->seen_ms ? now_ms : cell->seen_ms;
    window->number = window->time_ms / spec->window_ms;
    window->left_ms = spec->window_ms - window->time_ms % spec->window_ms;
    window->current = 0;
    window->previous = 0;

    /* Only a damaged cell is ahead of its own clock: it frees nothing. */

    if (cell->window > window->number) {
        window->number = cell->window;
        window->left_ms = spec->window_ms;
    }

    if (cell->window == window->number) {
        window->current = (uint64_t) cell->current;
        window->previous = (uint64_t) cell->previous;

    } else if (cell->window == window->number - 1) {
        window->previous = (uint64_t) cell->current;
    }
}


static uint64_t
mcp_window_start(const mcp_limit_spec_t *spec, uint64_t number,
    uint64_t windows, uint64_t offset_ms)
{
    return mcp_uint128_clip(((mcp_uint128_t) number + windows)
                            * spec->window_ms + offset_ms);
}


static uint64_t
mcp_window_wait(const mcp_limit_spec_t *spec, uint64_t number,
    uint64_t windows, uint64_t offset_ms, uint64_t now_ms)
{
    uint64_t  start_ms;

    start_ms = mcp_window_start(spec, number, windows, offset_ms);

    return start_ms == UINT64_MAX ? UINT64_MAX : start_ms - now_ms;
}


static bool
mcp_limit_valid(const mcp_limit_spec_t *spec)
{
    return spec->amount > 0 && spec->window_ms > 0
           && spec->window_ms <= MCP_COUNTER_WINDOW_MAX;
}


static mcp_rc_t
mcp_charge_never(mcp_charge_result_t *result)
{
    result->remaining = 0;
    result->reset_ms = UINT64_MAX;
    result->retry_ms = UINT64_MAX;
    result->window = 0;

    return MCP_NO;
}


static uint64_t
mcp_uint128_divide_up(mcp_uint128_t dividend, uint64_t divisor)
{
    uint64_t       low;
    mcp_uint128_t  quotient;

    if (dividend <= UINT64_MAX) {
        low = (uint64_t) dividend;
        return low / divisor + (low % divisor != 0);
    }

    quotient = dividend / divisor;

    return mcp_uint128_clip(quotient + (quotient * divisor != dividend));
}


static uint64_t
mcp_uint128_clip(mcp_uint128_t value)
{
    return value > UINT64_MAX ? UINT64_MAX : (uint64_t) value;
}
