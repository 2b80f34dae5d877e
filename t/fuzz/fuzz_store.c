/*
 * The store that evaluate charges, against plain counts that forget nothing.
 * The first byte chooses the limits, and how far keys get in each other's way
 * in a table that has room for all of them or a third; each byte behind it is
 * a step: a reservation, a question, a refund, time that goes by, or a reload
 * into a table of another size.  Between two steps, each budget is what the
 * counts leave.
 */

#include "fuzz.h"

#include "../unit/table_model.h"


#define SLOTS    96
#define FEW      16
#define CHARGES  6
#define SPACE    (sizeof(mcp_table_t) + SLOTS * sizeof(mcp_table_entry_t))

typedef struct {
    mcp_table_t   *table;
    mcp_store_t    store;
    uint64_t       now_ms;
    bool           roomy;
    uint32_t       count;       /* of what was reserved last */
    int            keys[CHARGES];
    mcp_charge_t   charges[CHARGES];
} run_t;


static const uint64_t  hash_key[2] = { 1, 2 };

static uint64_t  space[SPACE / 8];
static uint64_t  other[SPACE / 8];
static uint8_t   buffer[SPACE];
static model_t   model;


/* Also of keys that the table had no room for: nothing was charged to them. */
static void
compare(const run_t *run)
{
    int           key;
    int64_t       left;
    model_cell_t  cell;

    check(run->table->used == table_occupied(run->table));

    for (key = 0; key < MODEL_KEYS; key++) {
        cell = model.cells[key];
        left = table_remaining(run->table, &model, key, run->now_ms);

        check(left >= 0 && model_take(&model, key, run->now_ms, left));
        model.cells[key] = cell;

        check(!model_take(&model, key, run->now_ms, left + 1));
        model.cells[key] = cell;
    }
}


static void
draw_charges(run_t *run, mcp_str_t *input, uint8_t step)
{
    uint32_t  i;

    run->count = 1 + step / 8 % CHARGES;

    for (i = 0; i < run->count; i++) {
        run->keys[i] = fuzz_byte(input) % MODEL_KEYS;
        model_charge(&model, run->keys[i],
                     (int64_t) fuzz_byte(input) * UNIT / 64,
                     &run->charges[i]);
    }
}


/* The first charge that does not fit; the model is as before unless all do. */
static uint32_t
expect(const run_t *run, bool take)
{
    uint32_t  i;
    model_t   before;

    before = model;

    for (i = 0; i < run->count; i++) {
        if (!model_take(&model, run->keys[i], run->now_ms,
                        run->charges[i].cost))
        {
            break;
        }
    }

    if (!take || i < run->count) {
        model = before;
    }

    return i;
}


static void
reserve(run_t *run, bool take)
{
    mcp_rc_t  rc;
    uint32_t  fits, failed;
    uint64_t  used;

    failed = UINT32_MAX;
    used = run->table->used;

    rc = (take ? run->store.reserve : run->store.check)
             (run->store.data, run->charges, run->count, run->now_ms,
              &failed);

    if (rc == MCP_ERROR) {
        check(!run->roomy && failed < run->count);
        check(used >= mcp_table_limit(run->table) - CHARGES);
        run->count = 0;
        return;
    }

    fits = expect(run, take);

    if (fits == run->count) {
        check(rc == MCP_OK);

    } else {
        check(rc == MCP_NO && failed == fits);
        check(run->charges[fits].result.retry_ms > 0);
    }

    if (rc != MCP_OK || !take) {
        run->count = 0;
    }
}


/* Buckets get back no more than they had, which the counts do not know. */
static void
refund(run_t *run)
{
    uint32_t  i;

    for (i = 0; i < run->count; i++) {
        if (model.specs[run->keys[i]].algorithm != MCP_ALGORITHM_BUCKET) {
            run->store.refund(run->store.data, &run->charges[i], 1,
                              run->now_ms);
            model_refund(&model, run->keys[i], run->charges[i].window,
                         run->charges[i].cost);
        }
    }

    run->count = 0;
}


static void
move(run_t *run, uint8_t step)
{
    size_t        size, length;
    mcp_rc_t      rc;
    mcp_table_t  *to;

    size = sizeof(mcp_table_t)
           + (run->roomy ? SLOTS - step % 32u : FEW)
             * sizeof(mcp_table_entry_t);

    check(mcp_table_init(run->table == (void *) space ? other : space, size,
                         hash_key, &to)
          == MCP_OK);

    if (step & 64) {
        rc = mcp_table_copy(run->table, to, run->now_ms);

    } else {
        rc = mcp_table_encode(run->table, run->now_ms, buffer, sizeof(buffer),
                              &length);
        check(rc == MCP_OK);
        rc = mcp_table_decode(to, run->now_ms, buffer, length, NULL);
    }

    check(rc == MCP_OK);

    run->table = to;
    run->count = 0;
    mcp_table_store(run->table, &run->store);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run_t      run;
    uint8_t    step;
    mcp_str_t  input;

    if (size < 2 || size > 1000) {
        return 0;
    }

    memset(&run, 0, sizeof(run));

    run.now_ms = AT;
    run.roomy = data[0] & 1;
    seed = 1 + data[0] / 4;
    model_init(&model, data[0] & 2 ? 40 : 3);

    check(mcp_table_init(space, sizeof(mcp_table_t)
                         + (run.roomy ? SLOTS : FEW)
                           * sizeof(mcp_table_entry_t), hash_key, &run.table)
          == MCP_OK);

    mcp_table_store(run.table, &run.store);

    input.data = data + 1;
    input.len = size - 1;

    while (input.len > 0) {
        step = fuzz_byte(&input);

        switch (step % 8) {

        case 0:
            move(&run, step / 8);
            break;

        case 1:
            run.now_ms += fuzz_byte(&input) * (step & 128 ? 40 : 1);
            break;

        case 2:
            refund(&run);
            break;

        case 3:
            draw_charges(&run, &input, step);
            reserve(&run, false);
            break;

        default:
            draw_charges(&run, &input, step);
            reserve(&run, true);
        }

        compare(&run);
    }

    return 0;
}
