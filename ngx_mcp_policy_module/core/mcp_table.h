/*
 * The table of counter cells: one block of memory without pointers, which can
 * be shared between processes, copied and written to disk.
 *
 * The caller holds a lock around every call that takes a table, and knows the
 * time.  A process may die inside any of them: the others go on with the
 * table, in which then at most too much is counted.  A live counter is never
 * given up for another; when there is no room, a charge is refused.
 */

#ifndef MCP_TABLE_H
#define MCP_TABLE_H

#include "mcp_store.h"

#pragma GCC visibility push(hidden)


typedef struct mcp_table_s  mcp_table_t;

/* One counter, as it lies in the table and in a snapshot. */
typedef struct {
    uint64_t    key[2];
    uint64_t    expires_ms;     /* Unix time from which it says nothing */
    mcp_cell_t  cell;
} mcp_table_entry_t;

typedef struct {
    uint64_t  slots;
    uint64_t  limit;            /* slots that may be used, 7/8 */
    uint64_t  used;             /* expired ones included */
    uint64_t  inserted;
    uint64_t  full;             /* reservations refused for lack of room */
    uint64_t  changes;          /* grows with every charge and refund */
} mcp_table_stats_t;

/* Charges in one reservation; more are refused with MCP_ERROR. */
#define MCP_TABLE_CHARGES_MAX  1024

/* Bytes that "counters" live counters need. */
size_t mcp_table_size(uint64_t counters);

/*
 * Makes an empty table in "memory", 8-byte aligned, best on a cache line.
 * "hash_key" is the one that the callers' keys are made with; it stays with
 * the counters.  MCP_ERROR: too small.
 */
mcp_rc_t mcp_table_init(void *memory, size_t size, const uint64_t hash_key[2],
    mcp_table_t **table);

/* A table that mcp_table_init made earlier, or MCP_ERROR. */
mcp_rc_t mcp_table_check(void *memory, size_t size, mcp_table_t **table);

void mcp_table_hash_key(const mcp_table_t *table, uint64_t hash_key[2]);
void mcp_table_stats(const mcp_table_t *table, mcp_table_stats_t *stats);

/*
 * As mcp_store_t.reserve.  Fills "result" of each charge up to the one that
 * failed, and "window" when all were taken.  A cost of 0 needs no counter.
 */
mcp_rc_t mcp_table_reserve(mcp_table_t *table, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, uint32_t *failed);

/* As mcp_store_t.check. */
mcp_rc_t mcp_table_fits(mcp_table_t *table, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, uint32_t *failed);

/* As mcp_store_t.refund; once for each reservation. */
void mcp_table_refund(mcp_table_t *table, const mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms);

/* MCP_OK with a copy of the counter, or MCP_NO. */
mcp_rc_t mcp_table_find(const mcp_table_t *table, const uint64_t key[2],
    mcp_table_entry_t *entry);

/*
 * Copies the next live counter, beginning with *position 0, looking at no
 * more than "slots" slots.  MCP_OK, MCP_LATER: none among these, call again,
 * MCP_NO: that was all.
 */
mcp_rc_t mcp_table_next(const mcp_table_t *table, uint64_t now_ms,
    uint64_t slots, uint64_t *position, mcp_table_entry_t *entry);

/*
 * Moves the live counters of "from", its clock and its hash key into the
 * empty table "to".  MCP_NOMEM: they do not fit, "to" is empty again; a
 * caller that goes on with it gives up counters.
 */
mcp_rc_t mcp_table_copy(const mcp_table_t *from, mcp_table_t *to,
    uint64_t now_ms);

/* The table as a store for evaluate, where one process has it alone. */
void mcp_table_store(mcp_table_t *table, mcp_store_t *store);


/*
 * A snapshot is taken in steps, so that the lock is held for no longer than
 * "slots" of one step ask; reservations may go on between two steps.  Every
 * counter that lived when the first step was made is in it, as it was then or
 * later.  Snapshots contain the hash key: they are for the owner's eyes.
 */
typedef struct {
    uint8_t   *buffer;
    size_t     size;
    size_t     length;
    uint64_t   position;        /* slots not yet looked at */
    uint64_t   wraps;
    uint64_t   now_ms;
    uint64_t   floor_ms;
    uint64_t   count;           /* of counters that were taken out */
    uint64_t   sum[2];          /* over these */
    uint32_t   restarts;        /* pieces taken before one are void */
} mcp_table_encoder_t;

/* Bytes that will do for a snapshot begun now, with room for some growth. */
size_t mcp_table_encode_size(const mcp_table_t *table);

/* MCP_NOMEM: the buffer is too small. */
mcp_rc_t mcp_table_encode_start(const mcp_table_t *table, uint64_t now_ms,
    uint8_t *buffer, size_t size, mcp_table_encoder_t *encoder);

/* MCP_OK: done, MCP_LATER: more to do, MCP_NOMEM: the buffer is full. */
mcp_rc_t mcp_table_encode_step(const mcp_table_t *table,
    mcp_table_encoder_t *encoder, uint64_t slots);

/*
 * Seals the buffer, outside the lock, and returns its length.  The header is
 * its first MCP_TABLE_HEADER bytes.
 */
size_t mcp_table_encode_finish(mcp_table_encoder_t *encoder);

/*
 * A snapshot larger than its buffer goes through one of MCP_TABLE_BUFFER
 * bytes: when that is full, what follows the header is written out and taken,
 * and the step is made again.  After a restart it begins anew, behind the
 * header.  That and the rest of the counters come with the end.
 */
#define MCP_TABLE_HEADER  64
#define MCP_TABLE_BUFFER  (MCP_TABLE_HEADER + 65536)

void mcp_table_encode_take(mcp_table_encoder_t *encoder);

/* All of it at once. */
mcp_rc_t mcp_table_encode(const mcp_table_t *table, uint64_t now_ms,
    uint8_t *buffer, size_t size, size_t *length);

/*
 * Fills the empty table, which takes over the hash key of the snapshot.
 * MCP_ERROR: not a snapshot, of another version, or damaged; MCP_NOMEM: the
 * table is too small for it.  After both the table is empty.
 */
mcp_rc_t mcp_table_decode(mcp_table_t *table, uint64_t now_ms,
    const uint8_t *data, size_t length, mcp_error_t *error);

#pragma GCC visibility pop

#endif /* MCP_TABLE_H */
