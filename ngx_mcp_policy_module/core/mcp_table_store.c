/* A table as the store that evaluate charges. */

#include "mcp_table.h"


static mcp_rc_t mcp_table_store_reserve(void *data, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, uint32_t *failed);
static mcp_rc_t mcp_table_store_check(void *data, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, uint32_t *failed);
static void mcp_table_store_refund(void *data, const mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms);


void
mcp_table_store(mcp_table_t *table, mcp_store_t *store)
{
    store->reserve = mcp_table_store_reserve;
    store->check = mcp_table_store_check;
    store->refund = mcp_table_store_refund;
    store->data = table;
}


static mcp_rc_t
mcp_table_store_reserve(void *data, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    return mcp_table_reserve(data, charges, count, now_ms, failed);
}


static mcp_rc_t
mcp_table_store_check(void *data, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    return mcp_table_fits(data, charges, count, now_ms, failed);
}


static void
mcp_table_store_refund(void *data, const mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms)
{
    mcp_table_refund(data, charges, count, now_ms);
}
