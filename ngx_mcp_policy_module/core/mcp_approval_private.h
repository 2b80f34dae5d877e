/* The layout of the table of approvals, for its own source files. */

#ifndef MCP_APPROVAL_PRIVATE_H
#define MCP_APPROVAL_PRIVATE_H

#include <stdatomic.h>

#include "mcp_approval.h"
#include "mcp_counter.h"

#pragma GCC visibility push(hidden)


#define MCP_APPROVALS_MAGIC        0x31767270706170ULL    /* "papprv1" */
#define MCP_APPROVALS_VERSION      1                /* layout, snapshots */
#define MCP_APPROVALS_RECORDS_MIN  4

/*
 * One record for so many bytes: itself, its bucket, and 2.2 chunks, where a
 * call with short arguments has one for its names and one for these.  1 MB
 * has room for 1260 records and 2835 chunks.
 */
#define MCP_APPROVALS_SHARE        832

#define MCP_APPROVAL_CHUNK         240
#define MCP_APPROVAL_END           UINT32_MAX

/* Nobody is to be told any more. */
#define MCP_APPROVAL_TOLD          UINT64_MAX


/* Lists that records are in, each with a head in every bucket. */
typedef enum {
    MCP_APPROVAL_BY_KEY = 0,    /* of free records: the next free one */
    MCP_APPROVAL_BY_ID,
    MCP_APPROVAL_BY_GRANT,      /* pending ones alone */
    MCP_APPROVAL_LISTS
} mcp_approval_list_t;

typedef struct {
    uint64_t  mark;             /* the last repair that met it in a text */
    uint32_t  next;
    uint32_t  unused;
    uint8_t   data[MCP_APPROVAL_CHUNK];
} mcp_approval_chunk_t;

/* Bytes in chunks; none when the length is 0. */
typedef struct {
    uint32_t  first;
    uint32_t  length;
} mcp_approval_text_t;

typedef struct {
    uint64_t             state;     /* stored last of a new record, and first
                                       when it goes */
    uint64_t             id[2];
    uint64_t             key[2];
    uint64_t             mac[4];
    uint64_t             grant[2];
    uint64_t             created_ms;
    uint64_t             decided_ms;
    uint64_t             expires_ms;    /* pending, denied */
    uint64_t             until_ms;      /* approved, used */
    uint64_t             ttl_ms;
    uint64_t             asked;
    uint64_t             uses;
    uint64_t             notify_ms;     /* due then */
    uint64_t             notify_tries;
    uint64_t             arguments_length;  /* as sent */
    mcp_approval_text_t  names;         /* policy, rule, tool */
    mcp_approval_text_t  arguments;
    mcp_approval_text_t  words;         /* who decided, the reason */
    uint32_t             policy;        /* lengths in these */
    uint32_t             rule;
    uint32_t             by;
    uint32_t             next[MCP_APPROVAL_LISTS];
} mcp_approval_record_t;

/*
 * The heads of the lists.  Of one grant that has "full" pending records until
 * "full_ms" at least, so that a flood of it is refused without a count.
 */
typedef struct {
    uint32_t  heads[MCP_APPROVAL_LISTS];
    uint32_t  full;
    uint64_t  full_grant[2];
    uint64_t  full_ms;
} mcp_approval_bucket_t;

struct mcp_approvals_s {
    uint64_t  magic;
    uint32_t  version;
    uint32_t  record_size;
    uint32_t  record_count;
    uint32_t  chunk_count;
    uint64_t  unused[5];

    /* What follows is written while serving. */

    uint64_t  busy;             /* lists and texts are being changed, or a
                                   process died while it did that */
    uint64_t  seen_ms;          /* the latest clock */
    uint64_t  epoch;            /* of repairs */
    uint64_t  earliest_ms;      /* no record expires before it */
    uint64_t  swept_ms;
    uint64_t  notify_ms;        /* nobody is to be told before it */
    uint32_t  notify_hand;
    uint32_t  free_record;
    uint32_t  free_chunk;
    uint32_t  free_chunks;

    uint64_t  created;
    uint64_t  expired;
    uint64_t  used;
    uint64_t  refused;
    uint64_t  changes;
    uint64_t  unused_too[7];

    /* records, buckets (as many), chunks */
    mcp_approval_record_t  records[];
};

_Static_assert(sizeof(mcp_approval_record_t) == 216, "no holes");
_Static_assert(sizeof(mcp_approval_bucket_t) == 40, "no holes");
_Static_assert(sizeof(mcp_approval_chunk_t) == 256, "no holes");
_Static_assert(sizeof(mcp_approvals_t) == 224, "no holes");


/*
 * What each call does first and last: it repairs what a process that died
 * has left, and returns the time, which does not go back.
 */
uint64_t mcp_approvals_begin(mcp_approvals_t *approvals, uint64_t now_ms);
void mcp_approvals_end(mcp_approvals_t *approvals);

/* Empties the table. */
void mcp_approvals_clear(mcp_approvals_t *approvals);

/* NULL: no record that has not expired has the id. */
mcp_approval_record_t *mcp_approvals_find(const mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t now_ms);
/* For those who only look, and cannot repair the lists. */
const mcp_approval_record_t *mcp_approvals_look(
    const mcp_approvals_t *approvals, const uint8_t id[MCP_APPROVAL_ID],
    uint64_t now_ms);
mcp_approval_record_t *mcp_approvals_first(const mcp_approvals_t *approvals,
    mcp_approval_list_t list, const uint64_t hash[2]);
mcp_approval_record_t *mcp_approvals_after(const mcp_approvals_t *approvals,
    mcp_approval_list_t list, const mcp_approval_record_t *record);

/*
 * A record of its own with what "from" says, but no texts, and that nobody
 * sees until it is published; NULL: there is no room.
 */
mcp_approval_record_t *mcp_approvals_new(mcp_approvals_t *approvals,
    const mcp_approval_record_t *from);
void mcp_approvals_publish(mcp_approvals_t *approvals,
    mcp_approval_record_t *record, mcp_approval_state_t state);
void mcp_approvals_drop(mcp_approvals_t *approvals,
    mcp_approval_record_t *record);
void mcp_approvals_unlink(mcp_approvals_t *approvals, mcp_approval_list_t list,
    mcp_approval_record_t *record);

/* Texts.  The caller knows that there is room for what is appended. */
void mcp_approvals_append(mcp_approvals_t *approvals,
    mcp_approval_text_t *text, uint32_t *last, mcp_str_t bytes);
void mcp_approvals_set(mcp_approval_text_t *to,
    const mcp_approval_text_t *text);
void mcp_approvals_wipe(mcp_approvals_t *approvals, mcp_approval_text_t *text);
size_t mcp_approvals_read(const mcp_approvals_t *approvals,
    const mcp_approval_text_t *text, size_t skip, uint8_t *dst, size_t size);

/* The beginning, of whole characters where it is UTF-8. */
mcp_str_t mcp_approval_cut(mcp_str_t s, size_t size);
/* Without the last character when that is cut. */
mcp_str_t mcp_approval_whole(mcp_str_t s);


static inline mcp_approval_bucket_t *
mcp_approvals_buckets(const mcp_approvals_t *approvals)
{
    return (mcp_approval_bucket_t *) (approvals->records
                                      + approvals->record_count);
}


static inline mcp_approval_chunk_t *
mcp_approvals_chunks(const mcp_approvals_t *approvals)
{
    return (mcp_approval_chunk_t *) (mcp_approvals_buckets(approvals)
                                     + approvals->record_count);
}


/* Hashes are keyed, and ids random. */
static inline mcp_approval_bucket_t *
mcp_approvals_bucket(const mcp_approvals_t *approvals, const uint64_t hash[2])
{
    return mcp_approvals_buckets(approvals)
           + ((hash[0] >> 32) * approvals->record_count >> 32);
}


static inline uint64_t
mcp_approvals_now(const mcp_approvals_t *approvals, uint64_t now_ms)
{
    return now_ms > approvals->seen_ms ? now_ms : approvals->seen_ms;
}


static inline uint64_t
mcp_approval_after(uint64_t now_ms, uint64_t ms)
{
    return now_ms >= UINT64_MAX - 1 || ms > UINT64_MAX - 1 - now_ms
           ? UINT64_MAX - 1 : now_ms + ms;
}


static inline uint64_t
mcp_approval_expires(const mcp_approval_record_t *record)
{
    return record->state == MCP_APPROVAL_APPROVED
           || record->state == MCP_APPROVAL_USED
           ? record->until_ms : record->expires_ms;
}


static inline bool
mcp_approval_live(const mcp_approval_record_t *record, uint64_t now_ms)
{
    return record->state != MCP_APPROVAL_NONE
           && mcp_approval_expires(record) > now_ms;
}


static inline uint32_t
mcp_approval_chunks(size_t length)
{
    return (uint32_t) (length / MCP_APPROVAL_CHUNK
                       + (length % MCP_APPROVAL_CHUNK != 0));
}


/* As mcp_store_uint64. */
static inline void
mcp_approval_store(uint32_t *field, uint32_t value)
{
    *(volatile uint32_t *) field = value;
    MCP_STORE_STEP();
}


/* "from" NULL: zeros. */
static inline void
mcp_approval_store_bytes(void *to, const void *from, size_t size)
{
    atomic_signal_fence(memory_order_seq_cst);

    if (from != NULL) {
        memcpy(to, from, size);

    } else {
        memset(to, 0, size);
    }

    atomic_signal_fence(memory_order_seq_cst);
    MCP_STORE_STEP();
}


/* What is counted for people to read. */
static inline void
mcp_approval_count(uint64_t *field)
{
    mcp_store_uint64(field, *field + 1);
}


/* From here to mcp_approvals_end a death means a repair. */
static inline void
mcp_approvals_touch(mcp_approvals_t *approvals)
{
    if (approvals->busy == 0) {
        mcp_store_uint64(&approvals->busy, 1);
    }
}

#pragma GCC visibility pop

#endif /* MCP_APPROVAL_PRIVATE_H */
