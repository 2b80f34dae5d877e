/*
 * Open addressing with linear probing, the keys being keyed hashes already.
 *
 *   - A slot is empty, retired, or has a key; the second word of the key
 *     tells.  Retired slots belong to nobody but do not end a probe.
 *   - A slot whose counter has expired is as good as retired: it is reused by
 *     the first insert that meets it.  Each insert also sweeps a few slots
 *     and gives expired ones back by shifting later slots down, so probes
 *     stay short over the life of a table.
 *   - Whatever makes a key findable or ends a probe is stored last, and
 *     before an expired counter is forgotten "floor_ms" has its time, which
 *     is where counters without history begin: a clock that goes back does
 *     not meet them empty.
 *
 * "used" is raised before and lowered after the fact; each process that dies
 * between the two costs the use of one slot.
 */

#include "mcp_table_private.h"


typedef struct {
    uint32_t  *slots;           /* of each charge, or MCP_SLOT_NONE */
    uint32_t   count;
    uint32_t   empty;           /* of them empty ones */
    uint32_t   fresh;           /* of them without the key, empty included */
} mcp_plan_t;

#define MCP_SLOT_NONE       UINT32_MAX

#define MCP_SWEEP_INSERT    8       /* slots per insert */
#define MCP_SWEEP_FULL      64      /* slots before "full" is said */
#define MCP_SWEEP_ENOUGH    8       /* slots given back */
#define MCP_SHIFT_MAX       256     /* slots looked at to give one back */


static mcp_rc_t mcp_table_prepare(mcp_table_t *table, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, mcp_plan_t *plan, uint32_t *failed);
static mcp_rc_t mcp_table_plan(mcp_table_t *table, const mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, mcp_plan_t *plan);
static uint32_t mcp_table_plan_slot(const mcp_table_t *table,
    const uint64_t key[2], uint64_t now_ms, mcp_plan_t *plan);
static uint32_t mcp_table_plan_free(const mcp_table_t *table,
    const uint64_t key[2], const mcp_plan_t *plan);
static bool mcp_plan_has(const mcp_plan_t *plan, uint32_t slot);
static mcp_rc_t mcp_table_check_charges(mcp_table_t *table,
    mcp_charge_t *charges, uint64_t now_ms, const mcp_plan_t *plan,
    uint32_t *failed);
static uint32_t mcp_table_check_key(const mcp_cell_t *cell,
    mcp_charge_t *charges, uint32_t first, uint64_t now_ms,
    const mcp_plan_t *plan);
static void mcp_table_charge(mcp_table_t *table, mcp_table_entry_t *slot,
    const mcp_charge_t *charge, uint64_t now_ms);
static void mcp_table_insert(mcp_table_t *table, mcp_table_entry_t *slot,
    const mcp_table_entry_t *entry);
static void mcp_slot_write(mcp_table_entry_t *slot,
    const mcp_table_entry_t *entry);
static uint64_t mcp_table_sweep(mcp_table_t *table, uint64_t now_ms,
    uint64_t slots);
static bool mcp_table_remove(mcp_table_t *table, uint64_t hole,
    uint64_t now_ms);
static uint64_t mcp_table_distance(const mcp_table_t *table, uint64_t from,
    uint64_t to);
static void mcp_table_retire(mcp_table_t *table, mcp_table_entry_t *slot);
static uint64_t mcp_table_home(const mcp_table_t *table,
    const uint64_t key[2]);


size_t
mcp_table_size(uint64_t counters)
{
    uint64_t  slots;

    if (counters > UINT32_MAX / 2) {
        return SIZE_MAX;
    }

    slots = counters + counters / 7 + MCP_TABLE_SLOTS_MIN;

    return sizeof(mcp_table_t) + (size_t) slots * sizeof(mcp_table_entry_t);
}


mcp_rc_t
mcp_table_init(void *memory, size_t size, const uint64_t hash_key[2],
    mcp_table_t **table)
{
    uint64_t      count;
    mcp_table_t  *t;

    count = mcp_table_capacity(memory, size);

    if (count == 0) {
        return MCP_ERROR;
    }

    t = memory;
    t->slot_count = count;

    mcp_table_clear(t, hash_key);

    *table = t;

    return MCP_OK;
}


void
mcp_table_clear(mcp_table_t *table, const uint64_t hash_key[2])
{
    uint64_t  count, key[2];

    count = table->slot_count;
    key[0] = hash_key[0];
    key[1] = hash_key[1];

    memset(table, 0, sizeof(mcp_table_t) + count * sizeof(mcp_table_entry_t));

    table->version = MCP_TABLE_VERSION;
    table->slot_size = sizeof(mcp_table_entry_t);
    table->slot_count = count;
    table->hash_key[0] = key[0];
    table->hash_key[1] = key[1];

    mcp_store_uint64(&table->magic, MCP_TABLE_MAGIC);
}


mcp_rc_t
mcp_table_check(void *memory, size_t size, mcp_table_t **table)
{
    uint64_t      count;
    mcp_table_t  *t;

    count = mcp_table_capacity(memory, size);

    if (count == 0) {
        return MCP_ERROR;
    }

    t = memory;

    if (t->magic != MCP_TABLE_MAGIC
        || t->version != MCP_TABLE_VERSION
        || t->slot_size != sizeof(mcp_table_entry_t)
        || t->slot_count != count
        || t->used > count
        || t->hand >= count)
    {
        return MCP_ERROR;
    }

    *table = t;

    return MCP_OK;
}


/* Slots that fit the memory, 0 when it will not do at all. */
uint64_t
mcp_table_capacity(const void *memory, size_t size)
{
    uint64_t  count;

    if ((uintptr_t) memory % sizeof(uint64_t) != 0
        || size < sizeof(mcp_table_t))
    {
        return 0;
    }

    count = (size - sizeof(mcp_table_t)) / sizeof(mcp_table_entry_t);

    if (count < MCP_TABLE_SLOTS_MIN) {
        return 0;
    }

    return count < MCP_SLOT_NONE ? count : MCP_SLOT_NONE - 1;
}


void
mcp_table_hash_key(const mcp_table_t *table, uint64_t hash_key[2])
{
    hash_key[0] = table->hash_key[0];
    hash_key[1] = table->hash_key[1];
}


void
mcp_table_stats(const mcp_table_t *table, mcp_table_stats_t *stats)
{
    stats->slots = table->slot_count;
    stats->limit = mcp_table_limit(table);
    stats->used = table->used;
    stats->inserted = table->inserted;
    stats->full = table->full;
    stats->changes = table->changes;
}


mcp_rc_t
mcp_table_reserve(mcp_table_t *table, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    uint32_t    i, slots[MCP_TABLE_CHARGES_MAX];
    mcp_rc_t    rc;
    mcp_plan_t  plan;

    plan.slots = slots;

    rc = mcp_table_prepare(table, charges, count, now_ms, &plan, failed);

    if (rc != MCP_OK) {
        return rc;
    }

    for (i = 0; i < count; i++) {
        charges[i].window = charges[i].result.window;

        if (charges[i].cost > 0) {
            mcp_table_charge(table, &table->slots[slots[i]], &charges[i],
                             now_ms);
        }
    }

    if (plan.fresh) {
        (void) mcp_table_sweep(table, now_ms,
                               (uint64_t) plan.fresh * MCP_SWEEP_INSERT);
    }

    return MCP_OK;
}


mcp_rc_t
mcp_table_fits(mcp_table_t *table, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    uint32_t    slots[MCP_TABLE_CHARGES_MAX];
    mcp_plan_t  plan;

    plan.slots = slots;

    return mcp_table_prepare(table, charges, count, now_ms, &plan, failed);
}


/* Where each charge would go, and whether there is room for all of them. */
static mcp_rc_t
mcp_table_prepare(mcp_table_t *table, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, mcp_plan_t *plan, uint32_t *failed)
{
    mcp_rc_t  rc;

    *failed = 0;

    if (count > MCP_TABLE_CHARGES_MAX) {
        *failed = count;
        return MCP_ERROR;
    }

    rc = mcp_table_plan(table, charges, count, now_ms, plan);

    if (rc != MCP_OK && mcp_table_sweep(table, now_ms, MCP_SWEEP_FULL)) {
        rc = mcp_table_plan(table, charges, count, now_ms, plan);
    }

    if (rc != MCP_OK) {
        *failed = plan->count;
        table->full++;
        return rc;
    }

    return mcp_table_check_charges(table, charges, now_ms, plan, failed);
}


void
mcp_table_refund(mcp_table_t *table, const mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms)
{
    uint32_t            i;
    uint64_t            key[2];
    mcp_table_entry_t  *slot;

    for (i = 0; i < count; i++) {
        mcp_table_key(charges[i].key, key);

        slot = mcp_table_find_slot(table, key);

        if (slot != NULL) {
            mcp_counter_refund(charges[i].spec, &slot->cell, charges[i].window,
                               now_ms, charges[i].cost);
            table->changes++;
        }
    }
}


mcp_rc_t
mcp_table_find(const mcp_table_t *table, const uint64_t key[2],
    mcp_table_entry_t *entry)
{
    uint64_t                 own[2];
    const mcp_table_entry_t  *slot;

    mcp_table_key(key, own);

    slot = mcp_table_find_slot(table, own);

    if (slot == NULL) {
        return MCP_NO;
    }

    *entry = *slot;

    return MCP_OK;
}


/* MCP_ERROR: no slot for the charge plan->count. */
static mcp_rc_t
mcp_table_plan(mcp_table_t *table, const mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, mcp_plan_t *plan)
{
    uint32_t  i, j;
    uint64_t  key[2], other[2];

    plan->empty = 0;
    plan->fresh = 0;

    for (i = 0; i < count; i++) {

        plan->count = i;
        mcp_table_key(charges[i].key, key);

        for (j = 0; j < i; j++) {
            mcp_table_key(charges[j].key, other);

            if (other[0] == key[0] && other[1] == key[1]
                && plan->slots[j] != MCP_SLOT_NONE)
            {
                break;
            }
        }

        if (j < i) {
            plan->slots[i] = plan->slots[j];
            continue;
        }

        if (charges[i].cost <= 0) {
            plan->slots[i] = mcp_table_plan_free(table, key, plan);
            continue;
        }

        plan->slots[i] = mcp_table_plan_slot(table, key, now_ms, plan);

        if (plan->slots[i] == MCP_SLOT_NONE) {
            return MCP_ERROR;
        }
    }

    plan->count = count;

    return MCP_OK;
}


/* A charge of nothing looks at its counter, if there is one. */
static uint32_t
mcp_table_plan_free(const mcp_table_t *table, const uint64_t key[2],
    const mcp_plan_t *plan)
{
    uint32_t                  found;
    const mcp_table_entry_t  *slot;

    slot = mcp_table_find_slot(table, key);

    if (slot == NULL) {
        return MCP_SLOT_NONE;
    }

    found = (uint32_t) (slot - table->slots);

    return mcp_plan_has(plan, found) ? MCP_SLOT_NONE : found;
}


/*
 * Where the key is, else the first slot of its path that is dead or empty and
 * not promised to an earlier charge.
 */
static uint32_t
mcp_table_plan_slot(const mcp_table_t *table, const uint64_t key[2],
    uint64_t now_ms, mcp_plan_t *plan)
{
    uint32_t                  reuse;
    uint64_t                  i, n;
    const mcp_table_entry_t  *slot;

    reuse = MCP_SLOT_NONE;
    i = mcp_table_home(table, key);

    for (n = 0; n < table->slot_count; n++) {

        slot = &table->slots[i];

        if (mcp_slot_has(slot, key) && !mcp_plan_has(plan, (uint32_t) i)) {
            return (uint32_t) i;
        }

        if (slot->key[1] == MCP_SLOT_EMPTY) {

            if (reuse != MCP_SLOT_NONE) {
                break;
            }

            if (!mcp_plan_has(plan, (uint32_t) i)) {

                if (table->used + plan->empty >= mcp_table_limit(table)) {
                    return MCP_SLOT_NONE;
                }

                plan->empty++;
                plan->fresh++;

                return (uint32_t) i;
            }

        } else if (reuse == MCP_SLOT_NONE
                   && mcp_slot_dead(table, slot, now_ms)
                   && !mcp_plan_has(plan, (uint32_t) i))
        {
            reuse = (uint32_t) i;
        }

        i = i + 1 < table->slot_count ? i + 1 : 0;
    }

    plan->fresh += reuse != MCP_SLOT_NONE;

    return reuse;
}


static bool
mcp_plan_has(const mcp_plan_t *plan, uint32_t slot)
{
    uint32_t  i;

    for (i = 0; i < plan->count; i++) {
        if (plan->slots[i] == slot) {
            return true;
        }
    }

    return false;
}


/* Charges of one key are checked as if each before it had been made. */
static mcp_rc_t
mcp_table_check_charges(mcp_table_t *table, mcp_charge_t *charges,
    uint64_t now_ms, const mcp_plan_t *plan, uint32_t *failed)
{
    uint32_t                  i, j, end, stop;
    uint64_t                  key[2];
    mcp_cell_t                cell;
    const mcp_table_entry_t  *slot;

    end = plan->count;

    for (i = 0; i < end; i++) {

        for (j = 0; j < i; j++) {
            if (plan->slots[j] == plan->slots[i]
                && plan->slots[i] != MCP_SLOT_NONE)
            {
                break;
            }
        }

        if (j < i) {
            continue;
        }

        memset(&cell, 0, sizeof(mcp_cell_t));
        cell.seen_ms = table->floor_ms;

        if (plan->slots[i] != MCP_SLOT_NONE) {
            slot = &table->slots[plan->slots[i]];
            mcp_table_key(charges[i].key, key);

            if (mcp_slot_has(slot, key)) {
                cell = slot->cell;
            }
        }

        stop = mcp_table_check_key(&cell, charges, i, now_ms, plan);

        if (stop < end) {
            end = stop;
        }
    }

    if (end < plan->count) {
        *failed = end;
        return MCP_NO;
    }

    return MCP_OK;
}


/* The first charge of the slot that does not fit, or plan->count. */
static uint32_t
mcp_table_check_key(const mcp_cell_t *cell, mcp_charge_t *charges,
    uint32_t first, uint64_t now_ms, const mcp_plan_t *plan)
{
    int64_t              sum;
    uint32_t             i;
    mcp_cell_t           charged;
    mcp_charge_t        *charge;
    mcp_charge_result_t  together;

    sum = 0;
    charged = *cell;

    for (i = first; i < plan->count; i++) {

        if (plan->slots[i] != plan->slots[first]) {
            continue;
        }

        charge = &charges[i];

        if (mcp_counter_check(charge->spec, &charged, now_ms, charge->cost,
                              &charge->result)
            != MCP_OK)
        {
            /* When they fit together is what helps who sends them again. */

            if (i > first && charge->cost > 0
                && sum <= INT64_MAX - charge->cost
                && mcp_counter_check(charge->spec, cell, now_ms,
                                     sum + charge->cost, &together)
                   == MCP_NO)
            {
                charge->result.retry_ms = together.retry_ms;
            }

            return i;
        }

        if (plan->slots[first] == MCP_SLOT_NONE) {
            break;
        }

        sum = sum > INT64_MAX - charge->cost ? INT64_MAX : sum + charge->cost;
        mcp_counter_charge(charge->spec, &charged, now_ms, charge->cost);
    }

    return plan->count;
}


static void
mcp_table_charge(mcp_table_t *table, mcp_table_entry_t *slot,
    const mcp_charge_t *charge, uint64_t now_ms)
{
    bool               found;
    uint64_t           expires_ms;
    mcp_table_entry_t  entry;

    mcp_table_key(charge->key, entry.key);

    found = mcp_slot_has(slot, entry.key);

    if (found) {
        entry.cell = slot->cell;

    } else {
        memset(&entry.cell, 0, sizeof(mcp_cell_t));
        entry.cell.seen_ms = table->floor_ms;
    }

    mcp_counter_charge(charge->spec, &entry.cell, now_ms, charge->cost);
    expires_ms = mcp_counter_expires(charge->spec, &entry.cell);

    table->changes++;

    if (!found) {
        entry.expires_ms = expires_ms;
        mcp_table_insert(table, slot, &entry);
        return;
    }

    if (expires_ms > slot->expires_ms) {
        mcp_store_uint64(&slot->expires_ms, expires_ms);
    }

    mcp_counter_store(&slot->cell, &entry.cell);
}


/* Into a slot that is empty or dead. */
static void
mcp_table_insert(mcp_table_t *table, mcp_table_entry_t *slot,
    const mcp_table_entry_t *entry)
{
    table->inserted++;

    if (slot->key[1] == MCP_SLOT_EMPTY) {
        mcp_store_uint64(&table->used, table->used + 1);

    } else {
        mcp_table_retire(table, slot);
    }

    mcp_slot_write(slot, entry);
}


static void
mcp_slot_write(mcp_table_entry_t *slot, const mcp_table_entry_t *entry)
{
    mcp_store_uint64(&slot->expires_ms, entry->expires_ms);
    mcp_counter_store(&slot->cell, &entry->cell);
    mcp_store_uint64(&slot->key[0], entry->key[0]);
    mcp_store_uint64(&slot->key[1], entry->key[1]);
}


/* Gives dead slots back on the way of the hand; returns how many. */
static uint64_t
mcp_table_sweep(mcp_table_t *table, uint64_t now_ms, uint64_t slots)
{
    uint64_t            hand, removed;
    mcp_table_entry_t  *slot;

    removed = 0;
    hand = table->hand < table->slot_count ? table->hand : 0;

    while (slots-- && removed < MCP_SWEEP_ENOUGH) {

        slot = &table->slots[hand];

        if (slot->key[1] != MCP_SLOT_EMPTY
            && mcp_slot_dead(table, slot, now_ms))
        {
            removed += mcp_table_remove(table, hand, now_ms);
        }

        hand = hand + 1 < table->slot_count ? hand + 1 : 0;
    }

    table->hand = hand;

    return removed;
}


/*
 * Empties a dead slot, or one further on that takes its place; where too many
 * follow, it stays retired.  A slot that moves is there twice for a moment:
 * probes meet the new one first, and equal keys keep their order ever after.
 */
static bool
mcp_table_remove(mcp_table_t *table, uint64_t hole, uint64_t now_ms)
{
    uint64_t            i, n, count;
    mcp_table_entry_t  *slot;

    mcp_table_retire(table, &table->slots[hole]);

    i = hole;
    count = table->slot_count > MCP_SHIFT_MAX ? MCP_SHIFT_MAX
                                              : table->slot_count;

    for (n = 1; n < count; n++) {

        i = i + 1 < table->slot_count ? i + 1 : 0;
        slot = &table->slots[i];

        if (slot->key[1] == MCP_SLOT_EMPTY) {
            mcp_store_uint64(&table->slots[hole].key[1], MCP_SLOT_EMPTY);
            mcp_store_uint64(&table->used, table->used - 1);
            return true;
        }

        if (mcp_slot_dead(table, slot, now_ms)) {
            mcp_table_retire(table, slot);
            continue;
        }

        if (mcp_table_distance(table, mcp_table_home(table, slot->key), i)
            >= mcp_table_distance(table, hole, i))
        {
            if (hole > i) {
                mcp_store_uint64(&table->wraps, table->wraps + 1);
            }

            mcp_slot_write(&table->slots[hole], slot);
            mcp_store_uint64(&slot->key[1], MCP_SLOT_RETIRED);
            hole = i;
        }
    }

    return false;
}


/* Steps of a probe from one slot to another. */
static uint64_t
mcp_table_distance(const mcp_table_t *table, uint64_t from, uint64_t to)
{
    return to >= from ? to - from : to + table->slot_count - from;
}


/* Nothing that was counted up to the expiry may be asked for any more. */
static void
mcp_table_retire(mcp_table_t *table, mcp_table_entry_t *slot)
{
    if (slot->key[1] == MCP_SLOT_RETIRED) {
        return;
    }

    if (slot->expires_ms > table->floor_ms) {
        mcp_store_uint64(&table->floor_ms, slot->expires_ms);
    }

    mcp_store_uint64(&slot->key[1], MCP_SLOT_RETIRED);
}


mcp_table_entry_t *
mcp_table_find_slot(const mcp_table_t *table, const uint64_t key[2])
{
    uint64_t                  i, n;
    const mcp_table_entry_t  *slot;

    i = mcp_table_home(table, key);

    for (n = 0; n < table->slot_count; n++) {

        slot = &table->slots[i];

        if (slot->key[1] == MCP_SLOT_EMPTY) {
            return NULL;
        }

        if (mcp_slot_has(slot, key)) {
            return (mcp_table_entry_t *) slot;
        }

        i = i + 1 < table->slot_count ? i + 1 : 0;
    }

    return NULL;
}


mcp_rc_t
mcp_table_add(mcp_table_t *table, const mcp_table_entry_t *entry)
{
    uint64_t  i;

    if (table->used >= mcp_table_limit(table)) {
        return MCP_NOMEM;
    }

    i = mcp_table_home(table, entry->key);

    while (table->slots[i].key[1] != MCP_SLOT_EMPTY) {
        i = i + 1 < table->slot_count ? i + 1 : 0;
    }

    mcp_table_insert(table, &table->slots[i], entry);

    return MCP_OK;
}


/* The hash scaled to the table, so that the number of slots is free. */
static uint64_t
mcp_table_home(const mcp_table_t *table, const uint64_t key[2])
{
    return (key[0] >> 32) * table->slot_count >> 32;
}
