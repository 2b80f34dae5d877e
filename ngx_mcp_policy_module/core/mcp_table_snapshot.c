/*
 * Snapshots of a table: a header, the live counters, in the machine's byte
 * order.  Sweeping moves slots down, and a snapshot looks at the table from
 * its end to its beginning: a slot that moves in between can be seen twice,
 * but not be missed.  The rare slot that goes from the beginning back to the
 * end makes the snapshot begin again.
 */

#include "mcp_siphash.h"
#include "mcp_table_private.h"


/*
 * The checksum is over all that follows it: the counters in pieces of 64 KB,
 * each under the sum of those before it, and at last the header.
 */
typedef struct {
    uint64_t  magic;
    uint64_t  checksum[2];
    uint32_t  version;
    uint32_t  entry_size;
    uint64_t  count;
    uint64_t  hash_key[2];
    uint64_t  floor_ms;
} mcp_snapshot_t;

#define MCP_SNAPSHOT_MAGIC   0x70616e737470636dULL    /* "mcptsnap" */
#define MCP_SNAPSHOT_SUMMED  offsetof(mcp_snapshot_t, version)
#define MCP_SNAPSHOT_GROWTH  1024
#define MCP_SNAPSHOT_PIECE   (MCP_TABLE_BUFFER - MCP_TABLE_HEADER)

_Static_assert(sizeof(mcp_snapshot_t) == MCP_TABLE_HEADER, "as documented");
_Static_assert(MCP_SNAPSHOT_PIECE % sizeof(mcp_table_entry_t) == 0,
               "pieces hold whole counters");

/* Nobody is kept out by it: it finds damage. */
static const uint64_t  mcp_snapshot_key[2] = {
    0x6d63702d736e6170ULL, 0x73686f742d73756dULL
};


static mcp_rc_t mcp_snapshot_verify(const uint8_t *data, size_t length,
    mcp_snapshot_t *snapshot, mcp_error_t *error);
static void mcp_snapshot_sum(const uint8_t *data, size_t length,
    uint64_t sum[2]);
static void mcp_snapshot_seal(const mcp_snapshot_t *snapshot,
    const uint64_t sum[2], uint64_t checksum[2]);
static void mcp_table_encode_restart(const mcp_table_t *table,
    mcp_table_encoder_t *encoder);
static mcp_rc_t mcp_table_restore(mcp_table_t *table,
    const mcp_table_entry_t *entry, uint64_t now_ms);
static void mcp_cell_merge(mcp_cell_t *cell, const mcp_cell_t *other);


size_t
mcp_table_encode_size(const mcp_table_t *table)
{
    uint64_t  entries;

    entries = table->used + table->used / 8 + MCP_SNAPSHOT_GROWTH;

    if (entries > table->slot_count) {
        entries = table->slot_count;
    }

    return sizeof(mcp_snapshot_t)
           + (size_t) entries * sizeof(mcp_table_entry_t);
}


mcp_rc_t
mcp_table_encode_start(const mcp_table_t *table, uint64_t now_ms,
    uint8_t *buffer, size_t size, mcp_table_encoder_t *encoder)
{
    mcp_snapshot_t  snapshot;

    if (size < sizeof(mcp_snapshot_t)) {
        return MCP_NOMEM;
    }

    memset(&snapshot, 0, sizeof(mcp_snapshot_t));

    snapshot.magic = MCP_SNAPSHOT_MAGIC;
    snapshot.version = MCP_TABLE_VERSION;
    snapshot.entry_size = sizeof(mcp_table_entry_t);
    snapshot.hash_key[0] = table->hash_key[0];
    snapshot.hash_key[1] = table->hash_key[1];

    memcpy(buffer, &snapshot, sizeof(mcp_snapshot_t));

    encoder->buffer = buffer;
    encoder->size = size;
    encoder->now_ms = now_ms;
    encoder->floor_ms = table->floor_ms;
    encoder->restarts = 0;

    mcp_table_encode_restart(table, encoder);

    return MCP_OK;
}


static void
mcp_table_encode_restart(const mcp_table_t *table,
    mcp_table_encoder_t *encoder)
{
    encoder->length = sizeof(mcp_snapshot_t);
    encoder->position = table->slot_count;
    encoder->wraps = table->wraps;
    encoder->count = 0;
    encoder->sum[0] = mcp_snapshot_key[0];
    encoder->sum[1] = mcp_snapshot_key[1];
}


mcp_rc_t
mcp_table_encode_step(const mcp_table_t *table, mcp_table_encoder_t *encoder,
    uint64_t slots)
{
    const mcp_table_entry_t  *slot;

    if (table->floor_ms > encoder->floor_ms) {
        encoder->floor_ms = table->floor_ms;
    }

    if (table->wraps != encoder->wraps) {
        encoder->restarts++;
        mcp_table_encode_restart(table, encoder);
    }

    while (encoder->position > 0) {

        if (slots-- == 0) {
            return MCP_LATER;
        }

        slot = &table->slots[encoder->position - 1];

        if (slot->key[1] <= MCP_SLOT_RETIRED) {
            encoder->position--;
            continue;
        }

        if (mcp_slot_dead(table, slot, encoder->now_ms)) {
            encoder->position--;

            if (slot->expires_ms > encoder->floor_ms) {
                encoder->floor_ms = slot->expires_ms;
            }

            continue;
        }

        if (encoder->size - encoder->length < sizeof(mcp_table_entry_t)) {
            return MCP_NOMEM;
        }

        memcpy(encoder->buffer + encoder->length, slot,
               sizeof(mcp_table_entry_t));
        encoder->length += sizeof(mcp_table_entry_t);
        encoder->position--;
    }

    return MCP_OK;
}


void
mcp_table_encode_take(mcp_table_encoder_t *encoder)
{
    mcp_snapshot_sum(encoder->buffer + sizeof(mcp_snapshot_t),
                     encoder->length - sizeof(mcp_snapshot_t), encoder->sum);

    encoder->count += (encoder->length - sizeof(mcp_snapshot_t))
                      / sizeof(mcp_table_entry_t);
    encoder->length = sizeof(mcp_snapshot_t);
}


size_t
mcp_table_encode_finish(mcp_table_encoder_t *encoder)
{
    size_t          length;
    mcp_snapshot_t  snapshot;

    length = encoder->length;

    mcp_table_encode_take(encoder);

    memcpy(&snapshot, encoder->buffer, sizeof(mcp_snapshot_t));

    snapshot.floor_ms = encoder->floor_ms;
    snapshot.count = encoder->count;

    mcp_snapshot_seal(&snapshot, encoder->sum, snapshot.checksum);

    memcpy(encoder->buffer, &snapshot, sizeof(mcp_snapshot_t));

    return length;
}


mcp_rc_t
mcp_table_encode(const mcp_table_t *table, uint64_t now_ms, uint8_t *buffer,
    size_t size, size_t *length)
{
    mcp_rc_t             rc;
    mcp_table_encoder_t  encoder;

    rc = mcp_table_encode_start(table, now_ms, buffer, size, &encoder);

    if (rc == MCP_OK) {
        rc = mcp_table_encode_step(table, &encoder, table->slot_count);
    }

    if (rc == MCP_OK) {
        *length = mcp_table_encode_finish(&encoder);
    }

    return rc;
}


mcp_rc_t
mcp_table_decode(mcp_table_t *table, uint64_t now_ms, const uint8_t *data,
    size_t length, mcp_error_t *error)
{
    size_t             offset;
    uint64_t           hash_key[2];
    mcp_snapshot_t     snapshot;
    mcp_table_entry_t  entry;

    memset(&snapshot, 0, sizeof(mcp_snapshot_t));

    hash_key[0] = table->hash_key[0];
    hash_key[1] = table->hash_key[1];

    if (mcp_snapshot_verify(data, length, &snapshot, error) != MCP_OK) {
        mcp_table_clear(table, hash_key);
        return MCP_ERROR;
    }

    mcp_table_clear(table, snapshot.hash_key);

    table->floor_ms = snapshot.floor_ms;

    for (offset = sizeof(mcp_snapshot_t);
         offset < length;
         offset += sizeof(mcp_table_entry_t))
    {
        memcpy(&entry, data + offset, sizeof(mcp_table_entry_t));

        if (entry.key[1] <= MCP_SLOT_RETIRED
            || entry.cell.current < 0 || entry.cell.previous < 0)
        {
            mcp_table_clear(table, hash_key);
            return mcp_error_set(error, 0, offset, "counter is damaged");
        }

        if (mcp_table_restore(table, &entry, now_ms) != MCP_OK) {
            mcp_table_clear(table, hash_key);
            (void) mcp_error_set(error, 0, offset,
                                 "%llu counters do not fit",
                                 (unsigned long long) snapshot.count);
            return MCP_NOMEM;
        }
    }

    return MCP_OK;
}


mcp_rc_t
mcp_table_next(const mcp_table_t *table, uint64_t now_ms, uint64_t slots,
    uint64_t *position, mcp_table_entry_t *entry)
{
    const mcp_table_entry_t  *slot;

    while (*position < table->slot_count) {

        if (slots-- == 0) {
            return MCP_LATER;
        }

        slot = &table->slots[(*position)++];

        if (!mcp_slot_dead(table, slot, now_ms)) {
            *entry = *slot;
            return MCP_OK;
        }
    }

    return MCP_NO;
}


mcp_rc_t
mcp_table_copy(const mcp_table_t *from, mcp_table_t *to, uint64_t now_ms)
{
    uint64_t                  i, hash_key[2];
    const mcp_table_entry_t  *slot;

    hash_key[0] = to->hash_key[0];
    hash_key[1] = to->hash_key[1];

    mcp_table_clear(to, from->hash_key);

    to->floor_ms = from->floor_ms;

    /* From the end, as for a snapshot: what a probe meets first comes last. */

    for (i = from->slot_count; i > 0; i--) {

        slot = &from->slots[i - 1];

        if (slot->key[1] <= MCP_SLOT_RETIRED) {
            continue;
        }

        if (mcp_table_restore(to, slot, now_ms) != MCP_OK) {
            mcp_table_clear(to, hash_key);
            return MCP_NOMEM;
        }
    }

    return MCP_OK;
}


/* A counter that says nothing any more leaves its time behind. */
static mcp_rc_t
mcp_table_restore(mcp_table_t *table, const mcp_table_entry_t *entry,
    uint64_t now_ms)
{
    mcp_table_entry_t  *slot;

    if (mcp_slot_dead(table, entry, now_ms)) {

        if (entry->expires_ms > table->floor_ms) {
            table->floor_ms = entry->expires_ms;
        }

        return MCP_OK;
    }

    slot = mcp_table_find_slot(table, entry->key);

    if (slot == NULL) {
        return mcp_table_add(table, entry);
    }

    if (entry->expires_ms > slot->expires_ms) {
        slot->expires_ms = entry->expires_ms;
    }

    mcp_cell_merge(&slot->cell, &entry->cell);

    return MCP_OK;
}


/* Two states of one cell: the later one, or of one moment the higher. */
static void
mcp_cell_merge(mcp_cell_t *cell, const mcp_cell_t *other)
{
    if (other->seen_ms > cell->seen_ms) {
        *cell = *other;
        return;
    }

    if (other->seen_ms < cell->seen_ms) {
        return;
    }

    if (other->tat_us > cell->tat_us
        || (other->tat_us == cell->tat_us && other->window > cell->window))
    {
        *cell = *other;
        return;
    }

    if (other->tat_us != cell->tat_us || other->window != cell->window) {
        return;
    }

    if (other->current > cell->current) {
        cell->current = other->current;
    }

    if (other->previous > cell->previous) {
        cell->previous = other->previous;
    }
}


static mcp_rc_t
mcp_snapshot_verify(const uint8_t *data, size_t length,
    mcp_snapshot_t *snapshot, mcp_error_t *error)
{
    uint64_t  sum[2], checksum[2];

    if (length < sizeof(mcp_snapshot_t)) {
        return mcp_error_set(error, 0, length, "is cut short");
    }

    memcpy(snapshot, data, sizeof(mcp_snapshot_t));

    if (snapshot->magic != MCP_SNAPSHOT_MAGIC) {
        return mcp_error_set(error, 0, 0, "is not a snapshot of counters");
    }

    if (snapshot->version != MCP_TABLE_VERSION
        || snapshot->entry_size != sizeof(mcp_table_entry_t))
    {
        return mcp_error_set(error, 0, MCP_SNAPSHOT_SUMMED,
                             "has version %u, expected %u",
                             (unsigned) snapshot->version,
                             (unsigned) MCP_TABLE_VERSION);
    }

    if ((length - sizeof(mcp_snapshot_t)) % sizeof(mcp_table_entry_t) != 0
        || (length - sizeof(mcp_snapshot_t)) / sizeof(mcp_table_entry_t)
           != snapshot->count)
    {
        return mcp_error_set(error, 0, length,
                             "has another length than its header says");
    }

    sum[0] = mcp_snapshot_key[0];
    sum[1] = mcp_snapshot_key[1];

    mcp_snapshot_sum(data + sizeof(mcp_snapshot_t),
                     length - sizeof(mcp_snapshot_t), sum);
    mcp_snapshot_seal(snapshot, sum, checksum);

    if (checksum[0] != snapshot->checksum[0]
        || checksum[1] != snapshot->checksum[1])
    {
        return mcp_error_set(error, 0, 0, "has a wrong checksum");
    }

    return MCP_OK;
}


static void
mcp_snapshot_sum(const uint8_t *data, size_t length, uint64_t sum[2])
{
    uint64_t   key[2];
    mcp_str_t  piece;

    while (length != 0) {
        piece.data = data;
        piece.len = length < MCP_SNAPSHOT_PIECE ? length : MCP_SNAPSHOT_PIECE;

        key[0] = sum[0];
        key[1] = sum[1];

        mcp_siphash(key, piece, sum);

        data += piece.len;
        length -= piece.len;
    }
}


static void
mcp_snapshot_seal(const mcp_snapshot_t *snapshot, const uint64_t sum[2],
    uint64_t checksum[2])
{
    mcp_str_t  header;

    header.data = (const uint8_t *) snapshot + MCP_SNAPSHOT_SUMMED;
    header.len = sizeof(mcp_snapshot_t) - MCP_SNAPSHOT_SUMMED;

    mcp_siphash(sum, header, checksum);
}
