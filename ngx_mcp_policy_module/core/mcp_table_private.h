/* The layout of the table, for its own two source files. */

#ifndef MCP_TABLE_PRIVATE_H
#define MCP_TABLE_PRIVATE_H

#include "mcp_table.h"

#pragma GCC visibility push(hidden)


#define MCP_TABLE_MAGIC      0x31656c626174706dULL    /* "mptable1" */
#define MCP_TABLE_VERSION    1                        /* layout, snapshots */
#define MCP_TABLE_SLOTS_MIN  8

struct mcp_table_s {
    uint64_t           magic;
    uint32_t           version;
    uint32_t           slot_size;
    uint64_t           slot_count;
    uint64_t           hash_key[2];
    uint64_t           unused[3];

    /* What follows is written while serving. */

    uint64_t           used;
    uint64_t           floor_ms;        /* no counter that was forgotten had
                                           anything to say after it */
    uint64_t           hand;            /* of the sweep */
    uint64_t           inserted;
    uint64_t           full;
    uint64_t           changes;
    uint64_t           wraps;           /* slots that went from the beginning
                                           back to the end */
    uint64_t           unused_too;

    mcp_table_entry_t  slots[];
};

/* Of the second word of a slot's key; no key has them. */
#define MCP_SLOT_EMPTY    0
#define MCP_SLOT_RETIRED  1

_Static_assert(sizeof(mcp_table_entry_t) == 64, "a slot is a cache line");
_Static_assert(sizeof(mcp_table_t) == 128, "slots begin on a cache line");


uint64_t mcp_table_capacity(const void *memory, size_t size);

/* As mcp_table_init leaves it. */
void mcp_table_clear(mcp_table_t *table, const uint64_t hash_key[2]);

/* NULL when the table does not have the key. */
mcp_table_entry_t *mcp_table_find_slot(const mcp_table_t *table,
    const uint64_t key[2]);

/* A new key, into a table without dead slots.  MCP_NOMEM: no room. */
mcp_rc_t mcp_table_add(mcp_table_t *table, const mcp_table_entry_t *entry);


static inline uint64_t
mcp_table_limit(const mcp_table_t *table)
{
    return table->slot_count - (table->slot_count + 7) / 8;
}


static inline void
mcp_table_key(const uint64_t key[2], uint64_t own[2])
{
    own[0] = key[0];
    own[1] = key[1] > MCP_SLOT_RETIRED ? key[1] : key[1] + 2;
}


static inline bool
mcp_slot_has(const mcp_table_entry_t *slot, const uint64_t key[2])
{
    return slot->key[0] == key[0] && slot->key[1] == key[1];
}


/* Empty slots are dead too. */
static inline bool
mcp_slot_dead(const mcp_table_t *table, const mcp_table_entry_t *slot,
    uint64_t now_ms)
{
    return slot->key[1] <= MCP_SLOT_RETIRED
           || slot->expires_ms <= now_ms
           || slot->expires_ms <= table->floor_ms;
}

#pragma GCC visibility pop

#endif /* MCP_TABLE_PRIVATE_H */
