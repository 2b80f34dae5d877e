/*
 * Window arithmetic on one counter cell: fixed, sliding and bucket limits as
 * pure functions of cell, time and cost.  Amounts are in millionths.
 */

#ifndef MCP_COUNTER_H
#define MCP_COUNTER_H

#include "mcp_base.h"

#pragma GCC visibility push(hidden)


typedef enum {
    MCP_ALGORITHM_FIXED = 0,
    MCP_ALGORITHM_SLIDING,
    MCP_ALGORITHM_BUCKET
} mcp_algorithm_t;

/* What a limit says, compiled; the same for every key it counts. */
typedef struct {
    mcp_algorithm_t  algorithm;
    uint64_t         window_ms;     /* minute, hour, day: aligned in UTC;
                                       others aligned to the epoch, which is
                                       the same arithmetic */
    int64_t          amount;        /* N, millionths, > 0 */
    int64_t          burst;         /* bucket: capacity, millionths */
} mcp_limit_spec_t;

/*
 * Pointer-free, copied to disk as it is.  All zero is a cell that nothing was
 * charged to.  A bucket keeps its theoretical arrival time as an exact
 * fraction, so that no number of charges adds up a rounding error:
 * tat_us + current/previous microseconds, where "previous" is the amount of
 * the limit that charged last.
 */
typedef struct {
    uint64_t  window;               /* fixed, sliding: number of the window
                                       that "current" counts; bucket: 0 */
    int64_t   current;              /* charged in that window; bucket: the
                                       numerator */
    int64_t   previous;             /* charged in the window before; bucket:
                                       the denominator */
    uint64_t  tat_us;               /* bucket: Unix microseconds */
    uint64_t  seen_ms;              /* latest clock that charged this cell */
} mcp_cell_t;

typedef struct {
    int64_t   remaining;            /* after the charge, or now if refused */
    uint64_t  reset_ms;             /* Unix time from which all of the budget
                                       is there, if nothing more is charged */
    uint64_t  retry_ms;             /* refused: wait this long; UINT64_MAX
                                       when the cost can never fit */
    uint64_t  window;               /* token for mcp_counter_refund */
} mcp_charge_result_t;

/* Longer windows are refused as invalid; some 580 years. */
#define MCP_COUNTER_WINDOW_MAX  (UINT64_MAX / 1000000)


/*
 * Stores to memory that another process goes on with when this one dies: the
 * compiler keeps their order.  Tests define MCP_STORE_STEP to stop after any.
 */
#ifndef MCP_STORE_STEP
#define MCP_STORE_STEP()
#endif

static inline void
mcp_store_uint64(uint64_t *field, uint64_t value)
{
    *(volatile uint64_t *) field = value;
    MCP_STORE_STEP();
}


/*
 * Whether "cost" fits now; the cell is not changed.  MCP_OK or MCP_NO.  A
 * clock that went back frees nothing: time is max(now_ms, cell->seen_ms).
 */
mcp_rc_t mcp_counter_check(const mcp_limit_spec_t *spec,
    const mcp_cell_t *cell, uint64_t now_ms, int64_t cost,
    mcp_charge_result_t *result);

/*
 * Charges what mcp_counter_check allowed at the same time.  Writes are
 * ordered so that stopping between any two leaves the higher count.
 */
void mcp_counter_charge(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t now_ms, int64_t cost);

/* Copies a charged cell over the state it was computed from, in that order. */
void mcp_counter_store(mcp_cell_t *cell, const mcp_cell_t *charged);

/*
 * Gives "cost" back to the window that was charged, if it still counts; never
 * more than if that charge had not happened.
 */
void mcp_counter_refund(const mcp_limit_spec_t *spec, mcp_cell_t *cell,
    uint64_t window, uint64_t now_ms, int64_t cost);

/* Unix ms from which the cell says no more than an empty one would. */
uint64_t mcp_counter_expires(const mcp_limit_spec_t *spec,
    const mcp_cell_t *cell);

#pragma GCC visibility pop

#endif /* MCP_COUNTER_H */
