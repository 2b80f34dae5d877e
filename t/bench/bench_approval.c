/*
 * Cost of approvals in CPU time, with 1000 pending records in a megabyte: what
 * each call of a flood costs, what a held call costs each time it looks.
 */

#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "mcp_approval.h"


#define SIZE    (1024 * 1024)
#define ROUNDS  1000000
#define NOW_MS  (UINT64_C(1768473000) * 1000)


static const mcp_approval_limits_t  limits = { 16, 16384 };

static mcp_approval_ask_t  asks[1000];
static uint64_t            state = 88172645463325252;


/* A call that nobody made before, of a grant below 1000 / 16. */
static void
draw_ask(mcp_approval_ask_t *ask, uint64_t grant)
{
    uint64_t  id[2];

    ask->key[0] = bench_random_next(&state);
    ask->key[1] = bench_random_next(&state);
    ask->grant[0] = grant * UINT64_C(0x9e3779b97f4a7c15);
    ask->grant[1] = grant;
    ask->tool = mcp_str("refund_create");
    ask->arguments = mcp_str("{\"amount\": 900, \"currency\": \"EUR\"}");

    id[0] = bench_random_next(&state);
    id[1] = bench_random_next(&state);
    memcpy(ask->new_id, id, MCP_APPROVAL_ID);
}


/* ns of one refusal, among so many grants that have their 16 */
static double
flood(mcp_approvals_t *table, uint32_t grants)
{
    double              start;
    uint32_t            i, failed;
    mcp_approval_ask_t  ask;

    memset(&ask, 0, sizeof(mcp_approval_ask_t));
    start = bench_now();

    for (i = 0; i < ROUNDS; i++) {

        draw_ask(&ask, i % grants);

        if (mcp_approvals_take(table, &limits, &ask, 1, NOW_MS, &failed)
            != MCP_ERROR)
        {
            fprintf(stderr, "a call of a flood was not refused\n");
            exit(1);
        }
    }

    return (bench_now() - start) / ROUNDS;
}


static void
tell(const char *what, double ns)
{
    printf("%-44s %8.0f ns\n", what, ns);
}


int
main(void)
{
    void                *memory;
    double               start;
    uint32_t             i, failed;
    uint64_t             sum;
    mcp_approvals_t     *table;
    mcp_approval_ask_t  *ask;

    memory = aligned_alloc(64, SIZE);

    if (memory == NULL
        || mcp_approvals_init(memory, SIZE, &table) != MCP_OK)
    {
        fprintf(stderr, "no table\n");
        return 1;
    }

    start = bench_now();

    for (i = 0; i < 1000; i++) {

        draw_ask(&asks[i], i / 16);

        if (mcp_approvals_take(table, &limits, &asks[i], 1, NOW_MS, &failed)
            != MCP_NO)
        {
            fprintf(stderr, "no room for record %u\n", i);
            return 1;
        }
    }

    tell("new pending record", (bench_now() - start) / 1000);
    tell("unknown call, one grant has too many pending", flood(table, 1));
    tell("unknown call, 62 grants have", flood(table, 62));

    start = bench_now();

    for (i = 0; i < ROUNDS; i++) {
        ask = &asks[bench_random_next(&state) % 1000];
        (void) mcp_approvals_take(table, &limits, ask, 1, NOW_MS, &failed);
    }

    tell("call that has a pending record", (bench_now() - start) / ROUNDS);

    sum = 0;
    start = bench_now();

    for (i = 0; i < ROUNDS; i++) {
        ask = &asks[bench_random_next(&state) % 1000];
        sum += mcp_approvals_state(table, ask->id, NOW_MS);
    }

    tell("state of a record", (bench_now() - start) / ROUNDS);

    free(memory);

    return sum != (uint64_t) ROUNDS * MCP_APPROVAL_PENDING;
}
