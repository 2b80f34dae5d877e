/*
 * Snapshots of counters.  The first byte: whether the input is one as it
 * stands, or the counters of one that is sealed here, so that damage behind
 * the checksum is met too; and the size of the table that reads it.
 */

#include "fuzz.h"

#include "mcp_table_private.h"


#define HEADER    64
#define SLOTS     64
#define COUNTERS  128
#define NOW       UINT64_C(1768473000000)


static const uint64_t  hash_key[2] = { 1, 2 };

static uint64_t  space[(sizeof(mcp_table_t)
                        + SLOTS * sizeof(mcp_table_entry_t)) / 8];
static uint64_t  other[(sizeof(mcp_table_t)
                        + COUNTERS * sizeof(mcp_table_entry_t)) / 8];
static uint8_t   buffer[HEADER + COUNTERS * sizeof(mcp_table_entry_t)];


/* A snapshot of nothing, then the counters, and the header that fits them. */
static size_t
seal(mcp_table_t *table, const uint8_t *data, size_t size)
{
    size_t               length;
    mcp_table_encoder_t  encoder;

    size -= size % sizeof(mcp_table_entry_t);

    if (size > COUNTERS * sizeof(mcp_table_entry_t)) {
        size = COUNTERS * sizeof(mcp_table_entry_t);
    }

    check(mcp_table_encode_start(table, NOW, buffer, sizeof(buffer), &encoder)
          == MCP_OK);
    check(encoder.length == HEADER);

    memcpy(buffer + encoder.length, data, size);
    encoder.length += size;

    length = mcp_table_encode_finish(&encoder);
    check(length == HEADER + size);

    return length;
}


static void
check_empty(const mcp_table_t *table)
{
    uint64_t  i;

    check(table->used == 0 && table->floor_ms == 0
          && table->hash_key[0] == hash_key[0]);

    for (i = 0; i < table->slot_count; i++) {
        check(table->slots[i].key[1] == MCP_SLOT_EMPTY);
    }
}


/* No counter of the snapshot says less in the table. */
static void
check_counters(const mcp_table_t *table, const uint8_t *data, size_t length)
{
    size_t             offset;
    mcp_table_entry_t  entry, found;

    for (offset = HEADER; offset < length; offset += sizeof(entry)) {

        memcpy(&entry, data + offset, sizeof(entry));

        check(entry.key[1] > MCP_SLOT_RETIRED);

        if (mcp_table_find(table, entry.key, &found) != MCP_OK) {
            check(entry.expires_ms <= NOW
                  || entry.expires_ms <= table->floor_ms);
            continue;
        }

        if (entry.expires_ms > NOW && entry.expires_ms > table->floor_ms) {
            check(found.cell.seen_ms >= entry.cell.seen_ms);
            check(found.expires_ms >= entry.expires_ms);
            check(found.cell.seen_ms > entry.cell.seen_ms
                  || found.cell.tat_us >= entry.cell.tat_us);
            check(found.cell.seen_ms > entry.cell.seen_ms
                  || found.cell.tat_us > entry.cell.tat_us
                  || found.cell.window > entry.cell.window
                  || found.cell.current >= entry.cell.current);
        }
    }
}


/* Whatever the counters say, they can be charged, refunded and copied. */
static void
use(mcp_table_t *table, const uint8_t *data, size_t length)
{
    size_t            offset, size;
    uint32_t          failed, count;
    mcp_charge_t      charges[8];
    mcp_table_t      *to;
    mcp_limit_spec_t  spec = { MCP_ALGORITHM_FIXED, 60000, 5000000, 1000000 };

    memset(charges, 0, sizeof(charges));
    count = 0;

    for (offset = HEADER; offset < length && count < 8;
         offset += sizeof(mcp_table_entry_t))
    {
        spec.algorithm = (mcp_algorithm_t) (data[offset + 16] % 3);
        charges[count].spec = &spec;
        charges[count].cost = 1000000;
        memcpy(charges[count++].key, data + offset, 16);
    }

    if (mcp_table_reserve(table, charges, count, NOW + 1, &failed) == MCP_OK) {
        mcp_table_refund(table, charges, count, NOW + 2);
    }

    check(mcp_table_init(other, sizeof(other), hash_key, &to) == MCP_OK);
    check(mcp_table_copy(table, to, NOW) == MCP_OK);
    check(mcp_table_encode(table, NOW, buffer, sizeof(buffer), &size)
          == MCP_OK);
    check(mcp_table_decode(to, NOW, buffer, size, NULL) == MCP_OK);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       length;
    mcp_rc_t     rc;
    uint8_t      mode;
    mcp_error_t  error;
    mcp_table_t *table;

    if (size == 0) {
        return 0;
    }

    mode = *data++;
    size--;

    check(mcp_table_init(space, sizeof(mcp_table_t)
                         + (8 + (mode >> 1) % (SLOTS - 8))
                           * sizeof(mcp_table_entry_t), hash_key, &table)
          == MCP_OK);

    length = size;

    if (mode & 1) {
        length = seal(table, data, size);
        data = buffer;
    }

    rc = mcp_table_decode(table, NOW, data, length, &error);

    if (rc != MCP_OK) {
        check(rc == MCP_ERROR || rc == MCP_NOMEM);
        check_empty(table);
        return 0;
    }

    check(table->used <= mcp_table_limit(table));
    check_counters(table, data, length);
    use(table, data, length);

    return 0;
}
