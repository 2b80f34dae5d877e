/*
 * Finds members of the same name.  Private to the tokenizer.
 *
 * Every key leaves a 32-bit signature on a stack that all open objects
 * share; an object's own ones lie on top when it is closed.  Different
 * signatures prove different keys, and that settles nearly every object.
 * What is left is hashed whole, with a key that nobody else knows.
 */

#ifndef MCP_JSON_KEYS_H
#define MCP_JSON_KEYS_H

#include "mcp_json.h"
#include "mcp_json_scan.h"

#pragma GCC visibility push(hidden)

#define MCP_JSON_KEYS_INITIAL  256

/*
 * Signatures are compared by fours, so that more than there are are read:
 * room for those.
 */
#define MCP_JSON_KEYS_PAD      8

typedef uint32_t  mcp_json_four_t  __attribute__((vector_size(16)));


typedef struct {
    uint64_t   hash;
    uint32_t   token;
    uint32_t   next;          /* entry in the same bucket, plus one */
} mcp_json_key_entry_t;


typedef struct {
    uint32_t              *signatures;
    uint32_t              *signatures_end;
    const uint64_t        *hash_key;
    mcp_arena_t           *arena;

    /* scratch of the slow way, grown and kept for the whole text */
    mcp_json_key_entry_t  *entries;
    uint32_t              *buckets;
    size_t                 entry_capacity;
    size_t                 bucket_capacity;
    uint8_t               *unescaped;
    size_t                 unescaped_capacity;

    uint32_t               initial[MCP_JSON_KEYS_INITIAL
                                   + MCP_JSON_KEYS_PAD];
} mcp_json_keys_t;


void mcp_json_keys_init(mcp_json_keys_t *keys, const mcp_limits_t *limits,
    mcp_arena_t *arena);

/* Room for more; where the next signature goes, or NULL. */
uint32_t *mcp_json_keys_grow(mcp_json_keys_t *keys);

/*
 * Looks for equal keys in a closed object, whose "count" signatures start at
 * "base" and mean nothing if some are "escaped", and notes the defect.
 * MCP_OK or MCP_NOMEM.
 */
mcp_rc_t mcp_json_keys_check(mcp_json_keys_t *keys, mcp_json_t *json,
    uint32_t object, uint32_t base, uint32_t count, bool escaped);

/* Compares two keys by their unescaped bytes. */
bool mcp_json_keys_equal(const mcp_json_t *json, uint32_t a, uint32_t b);

/* Keeps the defect that comes first in the text. */
static inline void
mcp_json_set_defect(mcp_json_t *json, mcp_json_code_t code, size_t offset)
{
    if (json->defect == MCP_JSON_VALID || offset < json->defect_offset) {
        json->defect = code;
        json->defect_offset = offset;
    }
}


/* Writes the unescaped string, which is never longer; returns its end. */
uint8_t *mcp_json_unescape(uint8_t *dst, const uint8_t *p,
    const uint8_t *end);


static inline mcp_json_four_t
mcp_json_load_four(const uint32_t *p)
{
    mcp_json_four_t  four;

    memcpy(&four, p, sizeof(four));
    return four;
}


static inline bool
mcp_json_is_zero(mcp_json_four_t four)
{
    uint64_t  halves[2];

    memcpy(halves, &four, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
}


/* Ends the signatures with ones that differ from each other. */
static inline void
mcp_json_keys_pad(uint32_t *signatures, uint32_t count)
{
    static const uint32_t  pad[MCP_JSON_KEYS_PAD] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    memcpy(signatures + count, pad, sizeof(pad));
}


/* Ones where the four are equal to those at p. */
static inline mcp_json_four_t
mcp_json_equal_four(mcp_json_four_t four, const uint32_t *p)
{
    return (mcp_json_four_t) (four == mcp_json_load_four(p));
}


/*
 * Whether two to eight signatures differ from each other: compares every one
 * with the next, the next but one and so on.  Also false for the odd set that
 * does differ.
 */
static inline bool
mcp_json_keys_distinct8(uint32_t *signatures, uint32_t count)
{
    const uint32_t   *p;
    mcp_json_four_t   four, equal;

    mcp_json_keys_pad(signatures, count);

    p = signatures;
    four = mcp_json_load_four(p);
    equal = mcp_json_equal_four(four, p + 1) | mcp_json_equal_four(four, p + 2)
            | mcp_json_equal_four(four, p + 3);

    if (count > 4) {
        equal |= mcp_json_equal_four(four, p + 4)
                 | mcp_json_equal_four(four, p + 5)
                 | mcp_json_equal_four(four, p + 6)
                 | mcp_json_equal_four(four, p + 7);

        p += 4;
        four = mcp_json_load_four(p);
        equal |= mcp_json_equal_four(four, p + 1)
                 | mcp_json_equal_four(four, p + 2)
                 | mcp_json_equal_four(four, p + 3);
    }

    return mcp_json_is_zero(equal);
}


/* Says the same of equal keys, and seldom the same of different ones. */
static inline uint32_t
mcp_json_signature(uint64_t low, uint64_t high)
{
    return (uint32_t) ((low * UINT64_C(0x9e3779b97f4a7c15)
                        + high * UINT64_C(0xd6e8feb86659fd93)) >> 32);
}


/* Of up to 16 bytes, when 16 can be read. */
static inline uint32_t
mcp_json_short_signature(const uint8_t *p, size_t length)
{
    const uint8_t  *mask;

    static const uint8_t  masks[32] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
    };

    mask = masks + 16 - length;

    return mcp_json_signature(mcp_json_load64(p) & mcp_json_load64(mask),
                              mcp_json_load64(p + 8)
                              & mcp_json_load64(mask + 8));
}


/*
 * Longer keys count with both ends and their length.  That this can be aimed
 * at takes the attacker to the slow way, no further.
 */
static inline uint32_t
mcp_json_long_signature(const uint8_t *p, size_t length)
{
    return mcp_json_signature(mcp_json_load64(p) + length * MCP_JSON_ONES,
                              mcp_json_load64(p + length - 8));
}


static inline uint32_t
mcp_json_key_signature(const uint8_t *p, size_t length, const uint8_t *end)
{
    uint8_t  bytes[16];

    if (length > 16) {
        return mcp_json_long_signature(p, length);
    }

    if (end - p >= 16) {
        return mcp_json_short_signature(p, length);
    }

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, p, length);

    return mcp_json_short_signature(bytes, length);
}

#pragma GCC visibility pop

#endif /* MCP_JSON_KEYS_H */
