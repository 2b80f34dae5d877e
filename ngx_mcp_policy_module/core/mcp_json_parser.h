/*
 * The tokenizer's state and its slow functions.  Private to the tokenizer.
 */

#ifndef MCP_JSON_PARSER_H
#define MCP_JSON_PARSER_H

#include "mcp_json_keys.h"

#pragma GCC visibility push(hidden)

#define MCP_JSON_PLACE_DEEPER  (UINT64_C(1) << 48)


/* What is looked for at a position. */
typedef enum {
    MCP_JSON_AT_VALUE = 0,
    MCP_JSON_AT_KEY,
    MCP_JSON_AT_NEXT          /* a comma or the end of the container */
} mcp_json_state_t;


typedef struct {
    mcp_json_t           *json;
    const uint8_t        *text;
    const uint8_t        *end;
    const mcp_limits_t   *limits;
    mcp_arena_t          *arena;

    mcp_json_token_t     *tokens;
    mcp_json_token_t     *tokens_end;
    uint32_t              count;      /* of a text that was read */

    size_t                length;
    uint64_t              place_max;  /* of what is too deep */
    uint32_t              open;       /* the innermost open container */

    /* what the state machine has in registers while it runs */
    mcp_json_state_t      state;
    size_t                i;          /* position in the text */
    uint64_t              place;
    uint32_t             *top;        /* of the stack of signatures */
    uint8_t               closer;     /* the byte that ends "open" */

    /* what a slow way has read, or why it failed and where */
    uint8_t               flags;
    uint32_t              signature;
    mcp_json_code_t       code;
    const uint8_t        *at;

    mcp_json_keys_t       keys;
} mcp_json_parser_t;


/* Always a failure, so that callers can return it. */
static inline const uint8_t *
mcp_json_fail(mcp_json_parser_t *s, mcp_json_code_t code, const uint8_t *at)
{
    s->code = code;
    s->at = at;

    return NULL;
}


/*
 * A place is the depth and the index of a token as the second half of one has
 * them.  That of the next token is the place plus one.
 */
static inline uint32_t
mcp_json_place_index(uint64_t place)
{
    return (uint32_t) place;
}


/*
 * Writes a token and all that is known of it: "kind" is the type and, shifted
 * by eight, the flags.  Two stores instead of six where the layout allows.
 */
static inline void
mcp_json_set_token(mcp_json_token_t *t, size_t start, size_t end,
    uint64_t next, uint32_t kind)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t  half;

    half = start | (uint64_t) end << 32;
    memcpy(t, &half, sizeof(half));

    half = next + ((uint64_t) kind << 32);
    memcpy(&t->next, &half, sizeof(half));

    _Static_assert(sizeof(mcp_json_token_t) == 2 * sizeof(half)
                   && offsetof(mcp_json_token_t, next) == sizeof(half),
                   "the layout of a token");
#else
    t->start = (uint32_t) start;
    t->end = (uint32_t) end;
    t->next = mcp_json_place_index(next);
    t->type = (uint8_t) kind;
    t->flags = (uint8_t) (kind >> 8);
    t->depth = (uint16_t) (next / MCP_JSON_PLACE_DEEPER);
#endif
}


/* The byte at i; in the tail 0 stands for the end, as it is never right. */
static inline uint8_t
mcp_json_peek(const mcp_json_parser_t *s, const uint8_t *text, size_t i,
    bool tail)
{
    return tail && i >= s->length ? 0 : text[i];
}


/*
 * These check all they read and every limit, note what is wrong, and return
 * the position behind what they have read, 0 when there is none.  Without a
 * code it was for want of memory.
 */

/* A string, number or literal as the token of "place". */
size_t mcp_json_slow_value(mcp_json_parser_t *s, size_t i, uint64_t place);

/* A name with white space around it, and the colon. */
size_t mcp_json_slow_key(mcp_json_parser_t *s, size_t i, uint64_t place);

size_t mcp_json_slow_space(const mcp_json_parser_t *s, size_t i);

/* Room for the token of "place", or NULL. */
mcp_json_token_t *mcp_json_grow(mcp_json_parser_t *s, size_t i,
    uint64_t place);

/* MCP_ERROR: the byte at i, or the end of the text, cannot be there. */
mcp_rc_t mcp_json_unexpected(mcp_json_parser_t *s, size_t i);

#pragma GCC visibility pop

#endif /* MCP_JSON_PARSER_H */
