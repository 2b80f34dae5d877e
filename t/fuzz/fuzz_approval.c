/*
 * Approvals.  The first byte: whether the rest is a snapshot as it stands,
 * the records of one that is sealed here, so that damage behind the checksum
 * is met too, or what is done to a table, which a model does as well.
 */

#define MODEL_RECORDS  32

#include "fuzz.h"

#include "../unit/approval_model.h"
#include "mcp_siphash.h"


#define SIZE    32768
#define HEADER  88
#define SUMMED  24


static uint64_t  space[SIZE / 8];
static uint64_t  other[SIZE / 8];
static uint8_t   buffer[2 * SIZE];
static model_t   model;

/* Of the sum, as the source has it. */
static const uint64_t  sum_key[2] = {
    0x6d63702d61707072ULL, 0x6f76616c732d7375ULL
};


/* The header of a snapshot of nothing, then so many records. */
static size_t
seal(mcp_approvals_t *table, const uint8_t *data, size_t size)
{
    size_t     length;
    uint64_t   count, checksum[2];
    mcp_str_t  summed;

    length = mcp_approvals_encode(table, AT, buffer);
    check(length == HEADER);

    if (size == 0) {
        return length;
    }

    count = *data++;
    size--;

    if (size > SIZE) {
        size = SIZE;
    }

    memcpy(buffer + 32, &count, sizeof(count));
    memcpy(buffer + HEADER, data, size);

    summed.data = buffer + SUMMED;
    summed.len = HEADER - SUMMED + size;
    mcp_siphash(sum_key, summed, checksum);
    memcpy(buffer + 8, checksum, sizeof(checksum));

    return HEADER + size;
}


/* Whatever the records say, they can be looked at, decided and copied. */
static void
use(mcp_approvals_t *table)
{
    size_t                 length;
    uint32_t               tries;
    uint64_t               position;
    uint8_t                texts[mcp_approval_view_size(100)];
    mcp_approvals_t       *to;
    mcp_approval_view_t    view;
    mcp_approval_stats_t   stats;
    mcp_approval_state_t   state;

    check(mcp_approvals_init(other, sizeof(other), &to) == MCP_OK);
    check(mcp_approvals_copy(table, to, AT) == MCP_OK);

    length = mcp_approvals_encode(table, AT, buffer);
    check(length <= mcp_approvals_encode_size(table));
    check(mcp_approvals_decode(to, AT, true, buffer, length, NULL) == MCP_OK);

    (void) mcp_approvals_notify_next(table, AT, 1000, &tries, 100, texts,
                                     &view);

    position = 0;

    while (mcp_approvals_next(table, AT, UINT64_MAX, &position, 100, texts,
                              &view)
           == MCP_OK)
    {
        check(view.arguments.len == 0);
        (void) mcp_approvals_decide(table, view.id, MCP_APPROVAL_DENIED,
                                    tap_str("bob"), tap_str("no"), AT, &state);
        check(state != MCP_APPROVAL_PENDING);
    }

    mcp_approvals_stats(table, AT, &stats);
    check(stats.pending == 0);
}


static void
decode(uint8_t mode, const uint8_t *data, size_t size)
{
    mcp_rc_t              rc;
    mcp_error_t           error;
    mcp_approvals_t      *table;
    mcp_approval_stats_t  stats;

    check(mcp_approvals_init(space, sizeof(space), &table) == MCP_OK);

    if (mode & 1) {
        size = seal(table, data, size);
        data = buffer;
    }

    rc = mcp_approvals_decode(table, AT, mode & 2, data, size, &error);

    mcp_approvals_stats(table, AT, &stats);

    if (rc != MCP_OK) {
        check(rc == MCP_ERROR || rc == MCP_NOMEM);
        check(table->free_chunks == table->chunk_count
              && stats.pending + stats.approved + stats.denied == 0);
        return;
    }

    check((mode & 2) || stats.approved == 0);

    use(table);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t           mode;
    mcp_approvals_t  *table;

    if (size == 0) {
        return 0;
    }

    mode = *data++;
    size--;

    if (mode & 4) {
        decode(mode, data, size);
        return 0;
    }

    if (size > 4000) {
        size = 4000;
    }

    feed = data;
    feed_size = size;

    check(mcp_approvals_init(space, sizeof(space), &table) == MCP_OK);
    model_init(&model, table, 1 + mode / 8);

    /* As many as have room with their arguments. */

    while (feed_size > 0 && model.count < 12) {

        if (draw(16) == 15) {
            model_move(&model,
                       model.table == (void *) space ? other : space,
                       sizeof(space), buffer);

        } else {
            model_step(&model);
        }

        model_compare(&model);
        check(model.bad == 0);
    }

    return 0;
}
