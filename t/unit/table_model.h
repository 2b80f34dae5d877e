/* A reference for tables: plain counts per key, nothing ever forgotten. */

#ifndef TABLE_MODEL_H
#define TABLE_MODEL_H

#include "tap.h"
#include "mcp_table_private.h"


__extension__ typedef unsigned __int128  uint128_t;

#define UNIT        INT64_C(1000000)
#define AT          UINT64_C(1768473000000)
#define MODEL_KEYS  48

typedef struct {
    uint64_t   number;
    int64_t    current;
    int64_t    previous;
    uint128_t  level;           /* bucket: millionths times window_ms */
    uint64_t   seen_ms;
} model_cell_t;

typedef struct {
    mcp_limit_spec_t  specs[MODEL_KEYS];
    uint64_t          keys[MODEL_KEYS][2];
    model_cell_t      cells[MODEL_KEYS];
} model_t;

static uint64_t  seed;


static inline uint64_t
draw(uint64_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed * UINT64_C(0x2545f4914f6cdd1d) >> 16) % bound;
}


static inline uint64_t
draw_word(void)
{
    return draw(UINT64_C(1) << 32) << 32 | draw(UINT64_C(1) << 32);
}


/* "homes": how many different places the keys want in a table. */
static inline void
model_init(model_t *model, uint64_t homes)
{
    int                i;
    mcp_limit_spec_t  *spec;

    memset(model, 0, sizeof(model_t));

    for (i = 0; i < MODEL_KEYS; i++) {
        spec = &model->specs[i];
        spec->algorithm = (mcp_algorithm_t) (i % 3);
        spec->window_ms = i % 2 ? 1000 : 7000;
        spec->amount = (int64_t) (3 + draw(5)) * UNIT;
        spec->burst = (int64_t) (1 + draw(4)) * UNIT;

        model->keys[i][0] = UINT64_MAX / homes * draw(homes) + draw(1000);
        model->keys[i][1] = i < 3 ? (uint64_t) i : draw_word();
    }
}


static inline model_cell_t
model_read(const model_t *model, int key, uint64_t now_ms)
{
    uint128_t     leak;
    model_cell_t  cell;

    cell = model->cells[key];

    if (cell.number != now_ms / model->specs[key].window_ms) {
        cell.previous = cell.number + 1
                        == now_ms / model->specs[key].window_ms
                        ? cell.current : 0;
        cell.current = 0;
        cell.number = now_ms / model->specs[key].window_ms;
    }

    leak = (uint128_t) (now_ms - cell.seen_ms)
           * (uint64_t) model->specs[key].amount;
    cell.level = cell.level > leak ? cell.level - leak : 0;
    cell.seen_ms = now_ms;

    return cell;
}


/* Whether the cost fits, and if so charges it. */
static inline bool
model_take(model_t *model, int key, uint64_t now_ms, int64_t cost)
{
    uint64_t                 left_ms;
    model_cell_t             cell;
    const mcp_limit_spec_t  *spec;

    spec = &model->specs[key];
    cell = model_read(model, key, now_ms);
    left_ms = spec->window_ms - now_ms % spec->window_ms;

    if (cost == 0) {
        return true;
    }

    cell.current += cost;
    cell.level += (uint128_t) cost * spec->window_ms;

    switch (spec->algorithm) {

    case MCP_ALGORITHM_FIXED:
        if (cell.current > spec->amount) {
            return false;
        }
        break;

    case MCP_ALGORITHM_SLIDING:
        if ((uint128_t) cell.current * spec->window_ms
            + (uint128_t) cell.previous * left_ms
            > (uint128_t) spec->amount * spec->window_ms)
        {
            return false;
        }
        break;

    default:
        if (cell.level > (uint128_t) spec->burst * spec->window_ms) {
            return false;
        }
    }

    model->cells[key] = cell;

    return true;
}


static inline void
model_refund(model_t *model, int key, uint64_t window, int64_t cost)
{
    model_cell_t  *cell;

    cell = &model->cells[key];

    if (cell->number == window) {
        cell->current -= cost;

    } else if (cell->number == window + 1) {
        cell->previous -= cost;
    }
}


static inline void
model_charge(const model_t *model, int key, int64_t cost, mcp_charge_t *charge)
{
    memset(charge, 0, sizeof(mcp_charge_t));

    charge->spec = &model->specs[key];
    charge->key[0] = model->keys[key][0];
    charge->key[1] = model->keys[key][1];
    charge->cost = cost;
}


/* What a table would let through now, without asking it for a place. */
static inline int64_t
table_remaining(const mcp_table_t *table, const model_t *model, int key,
    uint64_t now_ms)
{
    mcp_table_entry_t    entry;
    mcp_charge_result_t  result;

    if (mcp_table_find(table, model->keys[key], &entry) != MCP_OK) {
        memset(&entry, 0, sizeof(entry));
        entry.cell.seen_ms = table->floor_ms;
    }

    (void) mcp_counter_check(&model->specs[key], &entry.cell, now_ms, 0,
                             &result);

    return result.remaining;
}


static inline uint64_t
table_occupied(const mcp_table_t *table)
{
    uint64_t  i, n;

    for (i = 0, n = 0; i < table->slot_count; i++) {
        n += table->slots[i].key[1] != MCP_SLOT_EMPTY;
    }

    return n;
}

#endif /* TABLE_MODEL_H */
