#if defined __has_feature
#if __has_feature(address_sanitizer)
#define MCP_ARENA_ASAN  1
#endif
#elif defined __SANITIZE_ADDRESS__
#define MCP_ARENA_ASAN  1
#endif

/*
 * Under AddressSanitizer everything not handed out is poisoned, and a red
 * zone divides the allocations of one chunk.
 */
#if defined MCP_ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define MCP_ARENA_RED_ZONE  16
#define mcp_arena_poison(p, size)    ASAN_POISON_MEMORY_REGION(p, size)
#define mcp_arena_unpoison(p, size)  ASAN_UNPOISON_MEMORY_REGION(p, size)
#else
#define MCP_ARENA_RED_ZONE  0
#define mcp_arena_poison(p, size)    ((void) 0)
#define mcp_arena_unpoison(p, size)  ((void) 0)
#endif

#include "mcp_arena.h"

#define MCP_ARENA_ALIGN      16
#define MCP_ARENA_CHUNK_MIN  4096
#define MCP_ARENA_CHUNK_MAX  (1024 * 1024)


struct mcp_arena_chunk_s {
    mcp_arena_chunk_t  *next;
    size_t              size;    /* with this header */
};

/* with what aligning the first allocation may take */
#define MCP_ARENA_HEADER  (sizeof(mcp_arena_chunk_t) + MCP_ARENA_ALIGN - 1)

/* No real request comes near; sums below cannot overflow. */
#define MCP_ARENA_SIZE_MAX  (SIZE_MAX / 4)


static mcp_rc_t mcp_arena_add_chunk(mcp_arena_t *arena, size_t size);
static mcp_rc_t mcp_arena_take_chunk(mcp_arena_t *arena, size_t size);
static void mcp_arena_rewind(mcp_arena_t *arena);
static void mcp_arena_free_chunks(mcp_arena_t *arena);


/* What an allocation takes of its chunk. */
static inline size_t
mcp_arena_footprint(size_t size)
{
    size = (size + MCP_ARENA_ALIGN - 1) & ~(size_t) (MCP_ARENA_ALIGN - 1);

    return size + MCP_ARENA_RED_ZONE;
}


void
mcp_arena_init(mcp_arena_t *arena, const mcp_allocator_t *allocator,
    size_t cap)
{
    memset(arena, 0, sizeof(mcp_arena_t));

    arena->allocator = *allocator;
    arena->cap = cap;
}


void *
mcp_arena_alloc(mcp_arena_t *arena, size_t size)
{
    void    *p;
    size_t   footprint;

    if (size > MCP_ARENA_SIZE_MAX) {
        return NULL;
    }

    /* a pointer of its own also for nothing */
    footprint = mcp_arena_footprint(size + (size == 0));

    if (footprint > (size_t) (arena->end - arena->pos)
        && mcp_arena_add_chunk(arena, footprint) != MCP_OK)
    {
        return NULL;
    }

    p = arena->pos;
    arena->pos += footprint;
    mcp_arena_unpoison(p, size);

    return p;
}


void *
mcp_arena_calloc(mcp_arena_t *arena, size_t size)
{
    void  *p;

    p = mcp_arena_alloc(arena, size);

    if (p != NULL) {
        memset(p, 0, size);
    }

    return p;
}


mcp_rc_t
mcp_arena_resize(mcp_arena_t *arena, void *p, size_t size, size_t new_size)
{
    size_t    footprint;
    uint8_t  *start;

    start = p;

    if (new_size > MCP_ARENA_SIZE_MAX
        || start + mcp_arena_footprint(size + (size == 0)) != arena->pos)
    {
        return MCP_NO;
    }

    footprint = mcp_arena_footprint(new_size + (new_size == 0));

    if (footprint > (size_t) (arena->end - start)) {
        return MCP_NO;
    }

    mcp_arena_poison(start, (size_t) (arena->pos - start));
    mcp_arena_unpoison(start, new_size);
    arena->pos = start + footprint;

    return MCP_OK;
}


mcp_str_t
mcp_arena_copy(mcp_arena_t *arena, mcp_str_t s)
{
    uint8_t    *p;
    mcp_str_t   copy;

    p = mcp_arena_alloc(arena, s.len);

    if (p != NULL && s.len != 0) {
        memcpy(p, s.data, s.len);
    }

    copy.data = p;
    copy.len = p != NULL ? s.len : 0;

    return copy;
}


void
mcp_arena_reset(mcp_arena_t *arena, size_t keep)
{
    size_t  size;

    if (arena->chunks == NULL) {
        return;
    }

    if (arena->chunks->next == NULL && arena->used <= keep) {
        mcp_arena_rewind(arena);
        return;
    }

    /* One chunk that would have done instead of several, if allowed. */

    size = arena->used < keep ? arena->used : keep;

    mcp_arena_free_chunks(arena);

    if (size >= MCP_ARENA_CHUNK_MIN) {
        (void) mcp_arena_take_chunk(arena, size);
    }
}


void
mcp_arena_destroy(mcp_arena_t *arena)
{
    mcp_arena_free_chunks(arena);
}


/*
 * Chunks grow with what the arena holds; near the cap one is only as large
 * as it must be.
 */
static mcp_rc_t
mcp_arena_add_chunk(mcp_arena_t *arena, size_t size)
{
    size_t  room, wanted;

    size += MCP_ARENA_HEADER;
    room = arena->cap != 0 ? arena->cap - arena->used
                           : SIZE_MAX - arena->used;

    if (size > room) {
        return MCP_NOMEM;
    }

    wanted = arena->used;

    if (wanted < MCP_ARENA_CHUNK_MIN) {
        wanted = MCP_ARENA_CHUNK_MIN;
    }

    if (wanted > MCP_ARENA_CHUNK_MAX) {
        wanted = MCP_ARENA_CHUNK_MAX;
    }

    if (wanted < size || wanted > room) {
        wanted = size;
    }

    return mcp_arena_take_chunk(arena, wanted);
}


static mcp_rc_t
mcp_arena_take_chunk(mcp_arena_t *arena, size_t size)
{
    mcp_arena_chunk_t  *chunk;

    chunk = arena->allocator.alloc(arena->allocator.data, size);

    if (chunk == NULL) {
        return MCP_NOMEM;
    }

    chunk->next = arena->chunks;
    chunk->size = size;

    arena->chunks = chunk;
    arena->used += size;

    mcp_arena_rewind(arena);

    return MCP_OK;
}


/* The newest chunk is empty again. */
static void
mcp_arena_rewind(mcp_arena_t *arena)
{
    uint8_t  *start;

    start = (uint8_t *) arena->chunks + sizeof(mcp_arena_chunk_t);
    start += -(uintptr_t) start & (MCP_ARENA_ALIGN - 1);

    arena->pos = start;
    arena->end = (uint8_t *) arena->chunks + arena->chunks->size;

    mcp_arena_poison(arena->pos, (size_t) (arena->end - arena->pos));
}


static void
mcp_arena_free_chunks(mcp_arena_t *arena)
{
    mcp_arena_chunk_t  *chunk, *next;

    for (chunk = arena->chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        mcp_arena_unpoison(chunk, chunk->size);
        arena->allocator.free(arena->allocator.data, chunk);
    }

    arena->chunks = NULL;
    arena->pos = NULL;
    arena->end = NULL;
    arena->used = 0;
}
