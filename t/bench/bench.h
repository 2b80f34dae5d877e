/*
 * What all of the benchmarks need: memory, a clock, and the time of something
 * that is done again and again.
 */

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "mcp_json.h"


#define BENCH_KEEP    (8 * 1024 * 1024)
#define BENCH_ROUNDS  7
#define BENCH_ROUND   20e6    /* nanoseconds */

/*
 * The best round of several, each long enough to be measured:
 *
 *     bench_timer_t  timer = { 0 };
 *
 *     while (bench_timer_next(&timer)) {
 *         what_is_measured();
 *     }
 *
 * and the nanoseconds of one turn are in timer.best.
 */
typedef struct {
    double    best;
    double    start;
    unsigned  turns;    /* of a round */
    unsigned  left;
    unsigned  round;    /* 0 while looking for how many turns make one */
} bench_timer_t;

static const mcp_limits_t  bench_limits = {
    MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS, MCP_DEFAULT_STRING_LENGTH,
    MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH, { 1, 2 }
};


static inline void *
bench_alloc(void *data, size_t size)
{
    (void) data;
    return malloc(size);
}


static inline void
bench_free(void *data, void *p)
{
    (void) data;
    free(p);
}


/* CPU time of this process, in nanoseconds. */
static inline double
bench_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


static inline uint64_t
bench_random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return *state;
}


static inline bool
bench_timer_turn(bench_timer_t *timer)
{
    double  took;

    took = bench_now() - timer->start;

    if (timer->round > 0) {
        took /= timer->turns;

        if (timer->round == 1 || took < timer->best) {
            timer->best = took;
        }

        if (timer->round++ == BENCH_ROUNDS) {
            return false;
        }

    } else if (timer->turns == 0) {
        timer->turns = 1;

    } else if (took > BENCH_ROUND / 2 || timer->turns >= 1u << 24) {
        timer->round = 1;

    } else {
        timer->turns *= 2;
    }

    timer->left = timer->turns - 1;
    timer->start = bench_now();

    return true;
}


static inline bool
bench_timer_next(bench_timer_t *timer)
{
    if (timer->left > 0) {
        timer->left--;
        return true;
    }

    return bench_timer_turn(timer);
}

#endif /* BENCH_H */
