#if defined __SANITIZE_ADDRESS__
#define HAVE_ASAN  1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define HAVE_ASAN  1
#endif
#endif

#if defined HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

#include "tap.h"
#include "mcp_arena.h"


/* Counts what the arena asks for; "refuse" makes it fail. */
typedef struct {
    unsigned  allocs;
    unsigned  frees;
    size_t    largest;
    bool      refuse;
    size_t    skew;       /* to hand out badly aligned memory */
} memory_t;


static void *
memory_alloc(void *data, size_t size)
{
    uint8_t   *p;
    memory_t  *memory;

    memory = data;

    if (memory->refuse) {
        return NULL;
    }

    memory->allocs++;

    if (size > memory->largest) {
        memory->largest = size;
    }

    p = malloc(size + 16);
    return p == NULL ? NULL : p + memory->skew;
}


static void
memory_free(void *data, void *p)
{
    memory_t  *memory;

    memory = data;
    memory->frees++;
    free((uint8_t *) p - memory->skew);
}


static void
start(mcp_arena_t *arena, memory_t *memory, size_t cap)
{
    mcp_allocator_t  allocator = { memory_alloc, memory_free, memory };

    memset(memory, 0, sizeof(memory_t));
    mcp_arena_init(arena, &allocator, cap);
}


static void
test_alloc(void)
{
    bool         aligned, apart;
    size_t       i, j;
    uint8_t     *p[200];
    memory_t     memory;
    mcp_arena_t  arena;

    start(&arena, &memory, 0);
    ok(memory.allocs == 0 && arena.used == 0, "init takes no memory");

    memory.skew = 8;
    aligned = true;
    apart = true;

    for (i = 0; i < 200; i++) {
        p[i] = mcp_arena_alloc(&arena, i);
        aligned = aligned && p[i] != NULL && (uintptr_t) p[i] % 16 == 0;
        memset(p[i], (int) i, i);
    }

    for (i = 0; i < 200; i++) {
        for (j = 0; j < i; j++) {
            apart = apart && p[i][j] == i;
        }
    }

    ok(aligned, "aligned to 16 bytes, whatever the allocator's memory");
    ok(apart, "allocations do not overlap");
    ok(p[0] != NULL && p[0] != p[1], "zero bytes have a place of their own");
    ok(memory.allocs > 1 && memory.allocs < 10, "many from few chunks");

    p[0] = mcp_arena_alloc(&arena, 3000000);
    memset(p[0], 1, 3000000);
    ok(memory.largest >= 3000000, "one larger than any chunk");

    mcp_arena_destroy(&arena);
    ok(memory.allocs == memory.frees && arena.used == 0,
       "destroy returns all");

    p[0] = mcp_arena_calloc(&arena, 5000);
    aligned = true;

    for (i = 0; i < 5000; i++) {
        aligned = aligned && p[0][i] == 0;
    }

    ok(aligned, "calloc zeroes; the arena works again after destroy");
    mcp_arena_destroy(&arena);
}


static void
test_limits(void)
{
    unsigned     n;
    memory_t     memory;
    mcp_arena_t  arena;

    start(&arena, &memory, 0);

    ok(mcp_arena_alloc(&arena, SIZE_MAX) == NULL
       && mcp_arena_alloc(&arena, SIZE_MAX - 15) == NULL
       && mcp_arena_alloc(&arena, SIZE_MAX / 2) == NULL
       && mcp_arena_calloc(&arena, SIZE_MAX - 40) == NULL,
       "sizes that would overflow");
    ok(memory.allocs == 0, "are refused before anybody is asked");

    memory.refuse = true;
    ok(mcp_arena_alloc(&arena, 1) == NULL
       && mcp_arena_calloc(&arena, 1) == NULL
       && mcp_arena_copy(&arena, mcp_str("x")).data == NULL,
       "no memory");
    memory.refuse = false;
    ok(mcp_arena_alloc(&arena, 1) != NULL, "and memory again");
    mcp_arena_destroy(&arena);

    start(&arena, &memory, 10000);

    for (n = 0; n < 1000 && mcp_arena_alloc(&arena, 100) != NULL; n++) {
        if (arena.used > 10000) {
            break;
        }
    }

    ok(n >= 60 && n < 100 && arena.used <= 10000, "the cap holds");
    ok(mcp_arena_alloc(&arena, 9000) == NULL, "also for a large one");
    mcp_arena_destroy(&arena);

    start(&arena, &memory, 10000);
    ok(mcp_arena_alloc(&arena, 9900) != NULL, "nearly all in one piece");
    ok(mcp_arena_alloc(&arena, 200) == NULL, "and no more");
    mcp_arena_destroy(&arena);

    start(&arena, &memory, 200);
    ok(mcp_arena_alloc(&arena, 100) != NULL, "a cap below a chunk");
    mcp_arena_destroy(&arena);
}


static void
test_reset(void)
{
    void        *first;
    unsigned     n;
    memory_t     memory;
    mcp_arena_t  arena;

    start(&arena, &memory, 0);
    mcp_arena_reset(&arena, 65536);
    ok(memory.allocs == 0, "reset of an empty arena");

    first = mcp_arena_alloc(&arena, 1000);
    mcp_arena_reset(&arena, 65536);
    ok(mcp_arena_alloc(&arena, 1000) == first && memory.allocs == 1,
       "reset keeps the chunk");

    mcp_arena_reset(&arena, 65536);

    for (n = 0; n < 40; n++) {
        mcp_arena_alloc(&arena, 1000);
    }

    mcp_arena_reset(&arena, 1024 * 1024);
    ok(memory.allocs - memory.frees == 1,
       "several chunks become one");

    memory.allocs = 0;

    for (n = 0; n < 40; n++) {
        mcp_arena_alloc(&arena, 1000);
    }

    ok(memory.allocs == 0, "that holds as much");

    mcp_arena_alloc(&arena, 100000);
    mcp_arena_reset(&arena, 8192);
    ok(arena.used <= 8192, "no more than \"keep\" is kept");

    mcp_arena_alloc(&arena, 100000);
    mcp_arena_reset(&arena, 0);
    ok(arena.used == 0 && arena.chunks == NULL, "nothing with keep 0");
    ok(mcp_arena_alloc(&arena, 10) != NULL, "and it goes on");

    mcp_arena_alloc(&arena, 100000);
    memory.refuse = true;
    mcp_arena_reset(&arena, 65536);
    ok(arena.used == 0, "reset without memory keeps nothing");
    memory.refuse = false;

    mcp_arena_destroy(&arena);
}


static void
test_resize(void)
{
    char        *p, *q;
    memory_t     memory;
    mcp_arena_t  arena;

    start(&arena, &memory, 0);

    p = mcp_arena_alloc(&arena, 100);
    ok(mcp_arena_resize(&arena, p, 100, 2000) == MCP_OK, "grows in place");
    memset(p, 1, 2000);

    q = mcp_arena_alloc(&arena, 10);
    ok(q >= p + 2000, "what follows lies behind");
    memset(q, 2, 10);
    ok(p[1999] == 1, "and does not overlap");

    ok(mcp_arena_resize(&arena, p, 2000, 3000) == MCP_NO,
       "only the newest can grow");
    ok(mcp_arena_resize(&arena, q, 10, 100000) == MCP_NO,
       "not beyond the chunk");
    ok(mcp_arena_resize(&arena, q, 10, SIZE_MAX) == MCP_NO,
       "nor by a size that would overflow");

    ok(mcp_arena_resize(&arena, q, 10, 1000) == MCP_OK
       && mcp_arena_resize(&arena, q, 1000, 0) == MCP_OK,
       "shrinks to nothing");
    ok((char *) mcp_arena_alloc(&arena, 10) < q + 100,
       "what it had is free again");

    mcp_arena_destroy(&arena);
}


static void
test_copy(void)
{
    memory_t     memory;
    mcp_str_t    a, b;
    mcp_arena_t  arena;

    start(&arena, &memory, 0);

    a = mcp_str("some text");
    b = mcp_arena_copy(&arena, a);
    ok(b.data != a.data && mcp_str_equal(a, b), "copy");

    b = mcp_arena_copy(&arena, (mcp_str_t) { NULL, 0 });
    ok(b.data != NULL && b.len == 0, "copy of nothing succeeds");

    mcp_arena_destroy(&arena);
}


static void
test_error(void)
{
    mcp_error_t  error;

    ok(mcp_error_set(NULL, 1, 2, "x") == MCP_ERROR, "error_set without one");
    ok(mcp_error_set(&error, 7, 9, "%s %d", "text", 5) == MCP_ERROR
       && error.code == 7 && error.offset == 9,
       "error_set with code and offset");
    ok(strcmp(error.text, "text 5") == 0, "and a text");

    mcp_error_set(&error, 0, 0, "%0300d", 1);
    ok(strlen(error.text) == sizeof(error.text) - 1, "cut when too long");
}


#if defined HAVE_ASAN

static void
test_poison(void)
{
    char        *p, *q;
    memory_t     memory;
    mcp_arena_t  arena;

    start(&arena, &memory, 0);

    p = mcp_arena_alloc(&arena, 20);
    q = mcp_arena_alloc(&arena, 20);

    ok(!__asan_address_is_poisoned(p + 19)
       && __asan_address_is_poisoned(p + 20)
       && __asan_address_is_poisoned(q - 1), "red zones");

    mcp_arena_resize(&arena, q, 20, 10);
    ok(__asan_address_is_poisoned(q + 10), "what resize took away");

    mcp_arena_reset(&arena, 65536);
    ok(__asan_address_is_poisoned(p), "what reset took away");

    mcp_arena_destroy(&arena);
}

#endif


int
main(void)
{
    test_alloc();
    test_limits();
    test_reset();
    test_resize();
    test_copy();
    test_error();
#if defined HAVE_ASAN
    test_poison();
#endif

    return tap_done();
}
