/*
 * Types that every part of the core shares.  The core knows nothing of nginx:
 * it is handed memory, time and randomness, and returns codes and texts.
 */

#ifndef MCP_BASE_H
#define MCP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma GCC visibility push(hidden)


/* A view of bytes that somebody else owns; never NUL terminated. */
typedef struct {
    const uint8_t  *data;
    size_t          len;
} mcp_str_t;

#define mcp_str(literal)                                                      \
    ((mcp_str_t) { (const uint8_t *) (literal), sizeof(literal) - 1 })
#define mcp_str_init(literal)                                                 \
    { (const uint8_t *) (literal), sizeof(literal) - 1 }


typedef enum {
    MCP_OK = 0,
    MCP_NO,               /* does not hold, was not found */
    MCP_ERROR,            /* the input is wrong; an error struct says how */
    MCP_NOMEM,
    MCP_LATER             /* the answer comes through a callback */
} mcp_rc_t;


/* What is wrong with an input, for a log line or a configuration error. */
typedef struct {
    int     code;         /* of the part that failed, 0 when it has none */
    size_t  offset;       /* byte offset into the input, where it applies */
    char    text[256];    /* NUL terminated, cut when longer */
} mcp_error_t;


/*
 * Memory by the caller's rules.  "free" may be NULL for allocators that are
 * released as a whole (an nginx pool).
 */
typedef struct {
    void  *(*alloc)(void *data, size_t size);
    void   (*free)(void *data, void *p);
    void    *data;
} mcp_allocator_t;


/*
 * Bounds on one input; each has a directive.  The key seeds the hashes that
 * an attacker could otherwise aim at: random per process.
 */
typedef struct {
    uint32_t  depth;            /* the top container counts as 1 */
    uint32_t  tokens;
    uint32_t  string_length;    /* bytes of one string as written */
    uint32_t  number_length;    /* bytes of one number as written */
    uint32_t  batch;            /* messages in one body */
    uint64_t  hash_key[2];
} mcp_limits_t;

#define MCP_DEFAULT_DEPTH          64
#define MCP_DEFAULT_TOKENS         1000000
#define MCP_DEFAULT_STRING_LENGTH  (64 * 1024 * 1024)
#define MCP_DEFAULT_NUMBER_LENGTH  1024
#define MCP_DEFAULT_BATCH          16


/* Whether so many bytes are equal; for names, faster than memcmp. */
bool mcp_bytes_equal(const uint8_t *a, const uint8_t *b, size_t length);


static inline bool
mcp_str_equal(mcp_str_t a, mcp_str_t b)
{
    return a.len == b.len && mcp_bytes_equal(a.data, b.data, a.len);
}


/* 32 digits of a hash; returns their end. */
uint8_t *mcp_hex_write(uint8_t *dst, const uint64_t value[2]);

/* snprintf into error->text; "error" may be NULL. Always returns MCP_ERROR. */
mcp_rc_t mcp_error_set(mcp_error_t *error, int code, size_t offset,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

#pragma GCC visibility pop

#endif /* MCP_BASE_H */
