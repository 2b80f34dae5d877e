/*
 * What fuzz targets share: memory, the limits of a location that sets none,
 * and the parts of an input.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "mcp_arena.h"


#define check(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "%s, line %d: %s\n", __FILE__, __LINE__,          \
                    #condition);                                              \
            abort();                                                          \
        }                                                                     \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static inline void *
fuzz_alloc(void *data, size_t size)
{
    (void) data;
    return malloc(size);
}


static inline void
fuzz_free(void *data, void *p)
{
    (void) data;
    free(p);
}


static const mcp_allocator_t  fuzz_allocator = {
    fuzz_alloc, fuzz_free, NULL
};

static const mcp_limits_t     fuzz_limits = {
    MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS, MCP_DEFAULT_STRING_LENGTH,
    MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH, { 1, 2 }
};


/* The next byte; 0 when there is none. */
static inline uint8_t
fuzz_byte(mcp_str_t *input)
{
    if (input->len == 0) {
        return 0;
    }

    input->len--;

    return *input->data++;
}


/* The next piece: its length in two bytes, then that much or what is left. */
static inline mcp_str_t
fuzz_piece(mcp_str_t *input)
{
    size_t     length;
    mcp_str_t  piece;

    piece.data = (const uint8_t *) "";
    piece.len = 0;

    if (input->len < 2) {
        return piece;
    }

    length = (size_t) input->data[0] << 8 | input->data[1];
    input->data += 2;
    input->len -= 2;

    piece.data = input->data;
    piece.len = (length < input->len) ? length : input->len;

    input->data += piece.len;
    input->len -= piece.len;

    return piece;
}


/* A piece as a number, the highest byte first. */
static inline uint64_t
fuzz_number(mcp_str_t *input)
{
    size_t     i;
    uint64_t   value;
    mcp_str_t  piece;

    piece = fuzz_piece(input);
    value = 0;

    for (i = 0; i < piece.len && i < 8; i++) {
        value = value << 8 | piece.data[i];
    }

    return value;
}

#endif /* FUZZ_H */
