/*
 * SipHash, 128-bit variant, after Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF".  Rounds are constants wherever it is inline.
 */

#include "mcp_siphash.h"


typedef struct {
    uint64_t  v0;
    uint64_t  v1;
    uint64_t  v2;
    uint64_t  v3;
} mcp_siphash_state_t;


static inline uint64_t
mcp_siphash_rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}


static inline void
mcp_siphash_rounds(mcp_siphash_state_t *s, unsigned rounds)
{
    while (rounds--) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = mcp_siphash_rotate(s->v1, 13) ^ s->v0;
        s->v3 = mcp_siphash_rotate(s->v3, 16) ^ s->v2;
        s->v0 = mcp_siphash_rotate(s->v0, 32);

        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = mcp_siphash_rotate(s->v1, 17) ^ s->v2;
        s->v3 = mcp_siphash_rotate(s->v3, 21) ^ s->v0;
        s->v2 = mcp_siphash_rotate(s->v2, 32);
    }
}


static inline void
mcp_siphash_word(mcp_siphash_state_t *s, uint64_t word, unsigned rounds)
{
    s->v3 ^= word;
    mcp_siphash_rounds(s, rounds);
    s->v0 ^= word;
}


/* Little endian whatever the machine; compilers make one load of it. */
static inline uint64_t
mcp_siphash_load(const uint8_t *p)
{
    return (uint64_t) p[0] | (uint64_t) p[1] << 8 | (uint64_t) p[2] << 16
           | (uint64_t) p[3] << 24 | (uint64_t) p[4] << 32
           | (uint64_t) p[5] << 40 | (uint64_t) p[6] << 48
           | (uint64_t) p[7] << 56;
}


static inline __attribute__((always_inline)) void
mcp_siphash_all(const uint64_t key[2], mcp_str_t input, uint64_t out[2],
    unsigned rounds, unsigned final)
{
    size_t               i, words, rest;
    uint64_t             last;
    mcp_siphash_state_t  s;

    s.v0 = key[0] ^ UINT64_C(0x736f6d6570736575);
    s.v1 = key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
    s.v2 = key[0] ^ UINT64_C(0x6c7967656e657261);
    s.v3 = key[1] ^ UINT64_C(0x7465646279746573);

    words = input.len / 8;
    rest = input.len % 8;

    for (i = 0; i < words; i++) {
        mcp_siphash_word(&s, mcp_siphash_load(input.data + i * 8), rounds);
    }

    last = (uint64_t) (input.len & 0xff) << 56;

    for (i = 0; i < rest; i++) {
        last |= (uint64_t) input.data[words * 8 + i] << (8 * i);
    }

    mcp_siphash_word(&s, last, rounds);

    s.v2 ^= 0xee;
    mcp_siphash_rounds(&s, final);
    out[0] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;

    s.v1 ^= 0xdd;
    mcp_siphash_rounds(&s, final);
    out[1] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}


void
mcp_siphash(const uint64_t key[2], mcp_str_t input, uint64_t out[2])
{
    mcp_siphash_all(key, input, out, 2, 4);
}


void
mcp_siphash_text(const uint64_t key[2], mcp_str_t input, uint64_t out[2])
{
    mcp_siphash_all(key, input, out, 1, 3);
}
