/*
 * A bump allocator over the caller's callback, with a cap.  One arena serves
 * one message at a time and is reset, not freed, between two.
 */

#ifndef MCP_ARENA_H
#define MCP_ARENA_H

#include "mcp_base.h"

#pragma GCC visibility push(hidden)


typedef struct mcp_arena_chunk_s  mcp_arena_chunk_t;

typedef struct {
    mcp_allocator_t     allocator;
    mcp_arena_chunk_t  *chunks;      /* newest first */
    uint8_t            *pos;
    uint8_t            *end;
    size_t              used;        /* bytes in all chunks */
    size_t              cap;         /* of "used"; 0 for none */
} mcp_arena_t;


/* Takes no memory yet.  The allocator must have "free". */
void mcp_arena_init(mcp_arena_t *arena, const mcp_allocator_t *allocator,
    size_t cap);

/* 16-byte aligned, not zeroed; NULL when memory or the cap is exhausted. */
void *mcp_arena_alloc(mcp_arena_t *arena, size_t size);
void *mcp_arena_calloc(mcp_arena_t *arena, size_t size);

/*
 * Makes an allocation larger or smaller without moving it; MCP_NO when it is
 * not the newest one or there is no room behind it: then nothing changed.
 */
mcp_rc_t mcp_arena_resize(mcp_arena_t *arena, void *p, size_t size,
    size_t new_size);

/* Copies "s" into the arena; data is NULL when that failed. */
mcp_str_t mcp_arena_copy(mcp_arena_t *arena, mcp_str_t s);

/*
 * Forgets everything allocated; keeps one chunk of at most "keep" bytes, so
 * that a run of alike messages asks the allocator for nothing.
 */
void mcp_arena_reset(mcp_arena_t *arena, size_t keep);

/* Returns all memory. */
void mcp_arena_destroy(mcp_arena_t *arena);

#pragma GCC visibility pop

#endif /* MCP_ARENA_H */
