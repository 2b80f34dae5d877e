/*
 * The inner loops of the tokenizer and of the readers of streams: 16 bytes at
 * a time with SSE2 or NEON, plain C elsewhere and under MCP_JSON_PLAIN.
 * Nothing here reads at or beyond the "end" it is given.
 */

#ifndef MCP_JSON_SCAN_H
#define MCP_JSON_SCAN_H

#include "mcp_base.h"

#if !defined MCP_JSON_PLAIN && defined __SSE2__
#define MCP_JSON_SSE2  1
#include <emmintrin.h>
#elif !defined MCP_JSON_PLAIN && defined __ARM_NEON && defined __aarch64__    \
      && !defined __AARCH64EB__
#define MCP_JSON_NEON  1
#include <arm_neon.h>
#endif

#pragma GCC visibility push(hidden)

#define MCP_JSON_BLOCK  16

#define MCP_JSON_ONES   UINT64_C(0x0101010101010101)
#define MCP_JSON_HIGHS  UINT64_C(0x8080808080808080)


static inline uint64_t
mcp_json_load64(const uint8_t *p)
{
    uint64_t  word;

    memcpy(&word, p, sizeof(word));
    return word;
}


static inline uint32_t
mcp_json_load32(const uint8_t *p)
{
    uint32_t  word;

    memcpy(&word, p, sizeof(word));
    return word;
}


static inline bool
mcp_json_is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


/* A byte that a string cannot just run over. */
static inline bool
mcp_json_is_special(uint8_t c)
{
    return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}


static inline bool
mcp_json_is_line_end(uint8_t c)
{
    return c == '\n' || c == '\r';
}


/*
 * mcp_json_special16: index of the first special byte of 16, or 16.
 * mcp_json_digits16:  how many of 16 bytes are digits before another byte.
 * mcp_json_spaces16:  likewise white space.
 * mcp_json_plain64:   whether none of 64 bytes is special.
 * mcp_json_line16:    index of the first CR or LF of 16 bytes, or 16.
 * mcp_json_line64:    whether none of 64 bytes is a control character up to
 *                     CR, so that none of them is a line end.
 */

#if defined MCP_JSON_SSE2

/* Ones in the bytes that are not special. */
static inline __m128i
mcp_json_plain(const uint8_t *p)
{
    __m128i  v, quote, backslash;

    v = _mm_loadu_si128((const __m128i *) (const void *) p);

    quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));

    /* signed: bytes from 0x80 are less than a space as well */
    v = _mm_cmpgt_epi8(v, _mm_set1_epi8(0x1f));

    return _mm_andnot_si128(_mm_or_si128(quote, backslash), v);
}


static inline unsigned
mcp_json_special16(const uint8_t *p)
{
    unsigned  mask;

    mask = (unsigned) _mm_movemask_epi8(mcp_json_plain(p));
    return (unsigned) __builtin_ctz(~mask);
}


static inline bool
mcp_json_plain64(const uint8_t *p)
{
    __m128i  a, b;

    a = _mm_and_si128(mcp_json_plain(p), mcp_json_plain(p + 16));
    b = _mm_and_si128(mcp_json_plain(p + 32), mcp_json_plain(p + 48));

    return _mm_movemask_epi8(_mm_and_si128(a, b)) == 0xffff;
}


static inline unsigned
mcp_json_digits16(const uint8_t *p)
{
    __m128i   v;
    unsigned  mask;

    v = _mm_loadu_si128((const __m128i *) (const void *) p);
    v = _mm_sub_epi8(v, _mm_set1_epi8('0'));
    v = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v);

    mask = (unsigned) _mm_movemask_epi8(v);
    return (unsigned) __builtin_ctz(~mask);
}


static inline unsigned
mcp_json_spaces16(const uint8_t *p)
{
    __m128i   v, a, b;
    unsigned  mask;

    v = _mm_loadu_si128((const __m128i *) (const void *) p);

    a = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                     _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
    b = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')),
                     _mm_cmpeq_epi8(v, _mm_set1_epi8('\t')));

    mask = (unsigned) _mm_movemask_epi8(_mm_or_si128(a, b));
    return (unsigned) __builtin_ctz(~mask);
}


static inline unsigned
mcp_json_line16(const uint8_t *p)
{
    __m128i   v;
    unsigned  mask;

    v = _mm_loadu_si128((const __m128i *) (const void *) p);
    v = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
                     _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));

    mask = (unsigned) _mm_movemask_epi8(v);
    return (unsigned) __builtin_ctz(mask | 0x10000);
}


static inline bool
mcp_json_line64(const uint8_t *p)
{
    unsigned        i;
    __m128i         least;
    const __m128i  *v;

    v = (const __m128i *) (const void *) p;
    least = _mm_set1_epi8('\r' + 1);

    for (i = 0; i < 4; i++) {
        least = _mm_min_epu8(least, _mm_loadu_si128(v + i));
    }

    least = _mm_cmpeq_epi8(least, _mm_set1_epi8('\r' + 1));

    return _mm_movemask_epi8(least) == 0xffff;
}

#elif defined MCP_JSON_NEON

/* Narrowing by four bits makes a 64-bit mask of a nibble for each byte. */
static inline unsigned
mcp_json_first16(uint8x16_t v)
{
    uint64_t    mask;
    uint8x8_t   narrow;

    narrow = vshrn_n_u16(vreinterpretq_u16_u8(v), 4);
    mask = vget_lane_u64(vreinterpret_u64_u8(narrow), 0);

    return mask == 0 ? 16 : (unsigned) __builtin_ctzll(mask) >> 2;
}


static inline uint8x16_t
mcp_json_specials(const uint8_t *p)
{
    uint8x16_t  v, quote, backslash, other;

    v = vld1q_u8(p);

    quote = vceqq_u8(v, vdupq_n_u8('"'));
    backslash = vceqq_u8(v, vdupq_n_u8('\\'));
    other = vcltq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8(0x20));

    return vorrq_u8(vorrq_u8(quote, backslash), other);
}


static inline unsigned
mcp_json_special16(const uint8_t *p)
{
    return mcp_json_first16(mcp_json_specials(p));
}


static inline bool
mcp_json_plain64(const uint8_t *p)
{
    uint8x16_t  a, b;

    a = vorrq_u8(mcp_json_specials(p), mcp_json_specials(p + 16));
    b = vorrq_u8(mcp_json_specials(p + 32), mcp_json_specials(p + 48));

    return vmaxvq_u8(vorrq_u8(a, b)) == 0;
}


static inline unsigned
mcp_json_digits16(const uint8_t *p)
{
    uint8x16_t  v;

    v = vsubq_u8(vld1q_u8(p), vdupq_n_u8('0'));
    return mcp_json_first16(vcgtq_u8(v, vdupq_n_u8(9)));
}


static inline unsigned
mcp_json_spaces16(const uint8_t *p)
{
    uint8x16_t  v, a, b;

    v = vld1q_u8(p);

    a = vorrq_u8(vceqq_u8(v, vdupq_n_u8(' ')), vceqq_u8(v, vdupq_n_u8('\n')));
    b = vorrq_u8(vceqq_u8(v, vdupq_n_u8('\r')),
                 vceqq_u8(v, vdupq_n_u8('\t')));

    return mcp_json_first16(vmvnq_u8(vorrq_u8(a, b)));
}


static inline unsigned
mcp_json_line16(const uint8_t *p)
{
    uint8x16_t  v;

    v = vld1q_u8(p);

    return mcp_json_first16(vorrq_u8(vceqq_u8(v, vdupq_n_u8('\n')),
                                     vceqq_u8(v, vdupq_n_u8('\r'))));
}


static inline bool
mcp_json_line64(const uint8_t *p)
{
    uint8x16_t  a, b;

    a = vminq_u8(vld1q_u8(p), vld1q_u8(p + 16));
    b = vminq_u8(vld1q_u8(p + 32), vld1q_u8(p + 48));

    return vminvq_u8(vminq_u8(a, b)) > '\r';
}

#else

/* Bit 7 of every byte that is special; the lowest one is exact. */
static inline uint64_t
mcp_json_specials(uint64_t word)
{
    uint64_t  quote, backslash, control;

    quote = word ^ (MCP_JSON_ONES * '"');
    backslash = word ^ (MCP_JSON_ONES * '\\');

    quote = (quote - MCP_JSON_ONES) & ~quote;
    backslash = (backslash - MCP_JSON_ONES) & ~backslash;
    control = (word - MCP_JSON_ONES * 0x20) & ~word;

    return (quote | backslash | control | word) & MCP_JSON_HIGHS;
}


static inline unsigned
mcp_json_special16(const uint8_t *p)
{
    unsigned  i, n;

    for (i = 0; i < 16; i += 8) {

        if (mcp_json_specials(mcp_json_load64(p + i)) != 0) {

            for (n = i; !mcp_json_is_special(p[n]); n++) { /* void */ }

            return n;
        }
    }

    return 16;
}


static inline bool
mcp_json_plain64(const uint8_t *p)
{
    unsigned  i;
    uint64_t  found;

    found = 0;

    for (i = 0; i < 64; i += 8) {
        found |= mcp_json_specials(mcp_json_load64(p + i));
    }

    return found == 0;
}


static inline unsigned
mcp_json_digits16(const uint8_t *p)
{
    unsigned  n;

    for (n = 0; n < 16 && (uint8_t) (p[n] - '0') < 10; n++) { /* void */ }

    return n;
}


static inline unsigned
mcp_json_spaces16(const uint8_t *p)
{
    unsigned  n;

    for (n = 0; n < 16 && mcp_json_is_space(p[n]); n++) { /* void */ }

    return n;
}


static inline unsigned
mcp_json_line16(const uint8_t *p)
{
    unsigned  n;

    for (n = 0; n < 16 && !mcp_json_is_line_end(p[n]); n++) { /* void */ }

    return n;
}


static inline bool
mcp_json_line64(const uint8_t *p)
{
    unsigned  i;
    uint64_t  word, found;

    found = 0;

    for (i = 0; i < 64; i += 8) {
        word = mcp_json_load64(p + i);
        found |= (word - MCP_JSON_ONES * ('\r' + 1)) & ~word;
    }

    return (found & MCP_JSON_HIGHS) == 0;
}

#endif


/* The first special byte from p on, or end. */
static inline const uint8_t *
mcp_json_skip_plain(const uint8_t *p, const uint8_t *end)
{
    unsigned  n;

    while (end - p >= MCP_JSON_BLOCK) {
        n = mcp_json_special16(p);
        p += n;

        if (n < MCP_JSON_BLOCK) {
            return p;
        }

        while (end - p >= 64 && mcp_json_plain64(p)) {
            p += 64;
        }
    }

    while (p < end && !mcp_json_is_special(*p)) {
        p++;
    }

    return p;
}


/* The first byte from p on that is not white space, or end. */
static inline const uint8_t *
mcp_json_skip_space(const uint8_t *p, const uint8_t *end)
{
    unsigned  n;

    while (end - p >= MCP_JSON_BLOCK) {
        n = mcp_json_spaces16(p);
        p += n;

        if (n < MCP_JSON_BLOCK) {
            return p;
        }
    }

    while (p < end && mcp_json_is_space(*p)) {
        p++;
    }

    return p;
}


/* The first CR or LF from p on, or end. */
static inline const uint8_t *
mcp_json_skip_line(const uint8_t *p, const uint8_t *end)
{
    unsigned  n;

    while (end - p >= MCP_JSON_BLOCK) {
        n = mcp_json_line16(p);
        p += n;

        if (n < MCP_JSON_BLOCK) {
            return p;
        }

        while (end - p >= 64 && mcp_json_line64(p)) {
            p += 64;
        }
    }

    while (p < end && !mcp_json_is_line_end(*p)) {
        p++;
    }

    return p;
}


static inline const uint8_t *
mcp_json_skip_digits(const uint8_t *p, const uint8_t *end)
{
    unsigned  n;

    while (end - p >= MCP_JSON_BLOCK) {
        n = mcp_json_digits16(p);
        p += n;

        if (n < MCP_JSON_BLOCK) {
            return p;
        }
    }

    while (p < end && (uint8_t) (*p - '0') < 10) {
        p++;
    }

    return p;
}


/*
 * Length of the UTF-8 sequence at p, whose first byte is 0x80 or more; 0
 * when it is not one of Unicode 15, table 3-7.
 */
static inline unsigned
mcp_json_utf8(const uint8_t *p, const uint8_t *end)
{
    size_t    left;
    uint8_t   c, low, high;
    unsigned  i, n;

    c = *p;
    left = (size_t) (end - p);
    low = 0x80;
    high = 0xbf;

    if (c >= 0xc2 && c <= 0xdf) {
        n = 2;

    } else if (c >= 0xe0 && c <= 0xef) {
        n = 3;
        low = c == 0xe0 ? 0xa0 : 0x80;
        high = c == 0xed ? 0x9f : 0xbf;

    } else if (c >= 0xf0 && c <= 0xf4) {
        n = 4;
        low = c == 0xf0 ? 0x90 : 0x80;
        high = c == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if (left < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {

        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}

#pragma GCC visibility pop

#endif /* MCP_JSON_SCAN_H */
