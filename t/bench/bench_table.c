/*
 * Cost of counters in CPU time: hits and inserts while a 128 MB table fills
 * with a million callers, and whether all of them are still there.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "mcp_siphash.h"
#include "mcp_table.h"


#define TABLE_SIZE  (128u * 1024 * 1024)
#define CALLERS     1000000
#define ROUNDS      1000000
#define DAY_MS      (24u * 60 * 60 * 1000)
#define NOW_MS      (UINT64_C(1768473000) * 1000)


static const uint64_t  hash_key[2] = { 1, 2 };

static const mcp_limit_spec_t  spec = {
    .algorithm = MCP_ALGORITHM_FIXED,
    .window_ms = DAY_MS,
    .amount = INT64_C(1000000000) * 1000000
};


static uint32_t
next_random(void)
{
    static uint64_t  state = 88172645463325252;

    return (uint32_t) (bench_random_next(&state) >> 16);
}


static void
charge_caller(mcp_charge_t *charge, uint32_t caller)
{
    mcp_str_t  s;

    s.data = (const uint8_t *) &caller;
    s.len = sizeof(caller);

    charge->spec = &spec;
    charge->cost = 1000000;
    mcp_siphash(hash_key, s, charge->key);
}


/* ns of one reservation with "count" charges for random known callers */
static double
reserve_known(mcp_table_t *table, uint32_t callers, uint32_t count)
{
    double        start;
    uint32_t      i, n, failed;
    mcp_charge_t  charges[4];

    start = bench_now();

    for (i = 0; i < ROUNDS; i++) {

        for (n = 0; n < count; n++) {
            charge_caller(&charges[n], next_random() % callers);
        }

        if (mcp_table_reserve(table, charges, count, NOW_MS, &failed)
            != MCP_OK)
        {
            fprintf(stderr, "a known caller was refused\n");
            exit(1);
        }
    }

    return (bench_now() - start) / ROUNDS;
}


int
main(void)
{
    void               *memory;
    double              start;
    uint32_t            i, known, lost, failed;
    mcp_table_t        *table;
    mcp_charge_t        charge;
    mcp_table_entry_t   entry;

    memory = aligned_alloc(64, TABLE_SIZE);

    if (memory == NULL
        || mcp_table_init(memory, TABLE_SIZE, hash_key, &table) != MCP_OK)
    {
        fprintf(stderr, "no table\n");
        return 1;
    }

    printf("%10s %14s %14s %14s\n", "callers", "insert ns", "1 limit ns",
           "4 limits ns");

    known = 0;

    for (i = 1000; i <= CALLERS; i *= 10) {
        start = bench_now();

        for (uint32_t n = known; n < i; n++) {
            charge_caller(&charge, n);

            if (mcp_table_reserve(table, &charge, 1, NOW_MS, &failed)
                != MCP_OK)
            {
                fprintf(stderr, "a new caller was refused\n");
                return 1;
            }
        }

        start = (bench_now() - start) / (i - known);
        known = i;

        printf("%10" PRIu32 " %14.0f", known, start);
        printf(" %14.0f", reserve_known(table, known, 1));
        printf(" %14.0f\n", reserve_known(table, known, 4));
    }

    lost = 0;

    for (i = 0; i < CALLERS; i++) {
        charge_caller(&charge, i);
        lost += mcp_table_find(table, charge.key, &entry) != MCP_OK;
    }

    printf("counters lost: %" PRIu32 " of %d\n", lost, CALLERS);
    free(memory);

    return lost != 0;
}
