/*
 * A process dies between any two stores to the table; the others go on.  The
 * sources under test are compiled here once more, with a stop after each
 * store, under names of their own.
 */

#include <setjmp.h>

static jmp_buf  died;
static long     steps_left = -1;

#define MCP_STORE_STEP()                                                      \
    do { if (steps_left >= 0 && steps_left-- == 0) { longjmp(died, 1); } }    \
    while (0)

#define mcp_counter_check      step_counter_check
#define mcp_counter_charge     step_counter_charge
#define mcp_counter_store      step_counter_store
#define mcp_counter_refund     step_counter_refund
#define mcp_counter_expires    step_counter_expires
#define mcp_table_size         step_table_size
#define mcp_table_init         step_table_init
#define mcp_table_clear        step_table_clear
#define mcp_table_check        step_table_check
#define mcp_table_capacity     step_table_capacity
#define mcp_table_hash_key     step_table_hash_key
#define mcp_table_stats        step_table_stats
#define mcp_table_reserve      step_table_reserve
#define mcp_table_fits         step_table_fits
#define mcp_table_refund       step_table_refund
#define mcp_table_find         step_table_find
#define mcp_table_store        step_table_store
#define mcp_table_find_slot    step_table_find_slot
#define mcp_table_add          step_table_add

#include "table_model.h"
#include "mcp_counter.c"
#include "mcp_table.c"


#define SLOTS  80
#define SPACE  (sizeof(mcp_table_t) + SLOTS * sizeof(mcp_table_entry_t))

static const uint64_t  hash_key[2] = { 1, 2 };

static uint64_t  space[SPACE / 8];
static uint64_t  before[SPACE / 8];
static uint64_t  after[SPACE / 8];
static model_t   model;

/* What a call is made of: survives the jump. */
static mcp_charge_t  charges[4];
static int           keys[4];
static uint32_t      count, failed;
static mcp_rc_t      rc;
static uint64_t      now_ms;


static void
draw_charges(void)
{
    uint32_t  i;

    count = 1 + (uint32_t) draw(4);

    for (i = 0; i < count; i++) {
        keys[i] = (int) draw(MODEL_KEYS);
        model_charge(&model, keys[i], (int64_t) (1 + draw(4)) * UNIT / 2,
                     &charges[i]);
    }
}


/* True: ran to its end within so many stores; below 0: no bound. */
static bool
run(mcp_table_t *table, bool refund, long steps)
{
    steps_left = steps;

    if (setjmp(died) != 0) {
        steps_left = -1;
        return false;
    }

    if (refund) {
        mcp_table_refund(table, charges, count, now_ms);

    } else {
        rc = mcp_table_reserve(table, charges, count, now_ms, &failed);
    }

    steps_left = -1;

    return true;
}


/* No key has more budget in one table than in the other, now or later. */
static int
compare(const mcp_table_t *table, const mcp_table_t *reference)
{
    int       key, i, bad;
    uint64_t  then_ms;

    static const uint64_t  later[] = { 0, 1, 400, 999, 1500, 6000, 9000 };

    bad = 0;

    for (key = 0; key < MODEL_KEYS; key++) {
        for (i = 0; i < 7; i++) {
            then_ms = now_ms + later[i];
            bad += table_remaining(table, &model, key, then_ms)
                   > table_remaining(reference, &model, key, then_ms);
        }
    }

    return bad;
}


/* Each call of a random history dies after each of its stores. */
static int
every_step(uint64_t slots, uint64_t homes, long *deaths)
{
    int           i, bad;
    long          step;
    bool          refund;
    size_t        size;
    mcp_table_t  *table;

    size = sizeof(mcp_table_t) + slots * sizeof(mcp_table_entry_t);
    model_init(&model, homes);
    (void) mcp_table_init(space, size, hash_key, &table);
    now_ms = AT;
    bad = 0;
    rc = MCP_NO;

    for (i = 0; i < 80; i++) {

        refund = rc == MCP_OK && i > 0 && draw(3) == 0;

        if (!refund) {
            now_ms += draw(8) == 0 ? draw(9000) : draw(200);
            draw_charges();
        }

        memcpy(before, space, size);
        (void) run(table, refund, -1);
        memcpy(after, space, size);

        for (step = 0; ; step++) {

            memcpy(space, before, size);

            if (run(table, refund, step)) {
                break;
            }

            (*deaths)++;

            /* A call that dies was not let through; a refund was due. */

            bad += compare(table, (mcp_table_t *) (refund ? after : before));
            bad += table->used < table_occupied(table);
            bad += mcp_table_check(space, size, &table) != MCP_OK;
        }

        if (refund) {
            rc = MCP_NO;
        }
    }

    return bad;
}


/*
 * A long life with a death now and then, the damage left as it is: nothing is
 * let through that the model, which saw only what was let through, refuses.
 */
static int
long_life(uint64_t slots, uint64_t homes, long *deaths, long *passed)
{
    int           i, bad;
    long          steps;
    uint32_t      j;
    mcp_table_t  *table;

    model_init(&model, homes);
    (void) mcp_table_init(space, sizeof(mcp_table_t)
                          + slots * sizeof(mcp_table_entry_t), hash_key,
                          &table);
    now_ms = AT;
    bad = 0;

    for (i = 0; i < 2000; i++) {

        now_ms += draw(20) == 0 ? draw(9000) : draw(60);
        draw_charges();

        steps = draw(4) == 0 ? (long) draw(40) : -1;

        if (!run(table, false, steps)) {
            (*deaths)++;
            continue;
        }

        if (rc != MCP_OK) {
            continue;
        }

        (*passed)++;

        for (j = 0; j < count; j++) {
            bad += !model_take(&model, keys[j], now_ms, charges[j].cost);
        }

        if (draw(4) != 0 || model.specs[keys[0]].algorithm
                            == MCP_ALGORITHM_BUCKET)
        {
            continue;
        }

        model_refund(&model, keys[0], charges[0].window, charges[0].cost);
        count = 1;

        if (!run(table, true, (long) draw(3) - 1)) {
            (*deaths)++;
        }
    }

    return bad;
}


int
main(void)
{
    int   i, bad;
    long  deaths, passed;

    bad = 0;
    deaths = 0;

    for (i = 1; i <= 12; i++) {
        seed = (uint64_t) i * UINT64_C(0x9e3779b97f4a7c15);
        bad += every_step(i % 2 ? SLOTS : 24, i % 3 ? 40 : 3, &deaths);
    }

    ok(bad == 0 && deaths > 10000,
       "%ld deaths, one after each store: no budget gained, %d were", deaths,
       bad);

    bad = 0;
    deaths = 0;
    passed = 0;

    for (i = 1; i <= 24; i++) {
        seed = (uint64_t) i * UINT64_C(0x9e3779b97f4a7c15);
        bad += long_life(i % 2 ? SLOTS : 40, i % 3 ? 40 : 3, &deaths,
                         &passed);
    }

    ok(bad == 0 && deaths > 1000 && passed > 1000,
       "%ld deaths among %ld calls: %d too many let through", deaths, passed,
       bad);

    return tap_done();
}
