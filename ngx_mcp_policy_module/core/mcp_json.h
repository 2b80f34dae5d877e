/*
 * Strict RFC 8259 tokenizer: one pass, no recursion, a flat array of tokens
 * with byte spans into the text, numbers kept as text.
 */

#ifndef MCP_JSON_H
#define MCP_JSON_H

#include "mcp_arena.h"

#pragma GCC visibility push(hidden)


typedef enum {
    MCP_JSON_OBJECT = 1,
    MCP_JSON_ARRAY,
    MCP_JSON_STRING,
    MCP_JSON_NUMBER,
    MCP_JSON_TRUE,
    MCP_JSON_FALSE,
    MCP_JSON_NULL
} mcp_json_type_t;


/* token flags */
#define MCP_JSON_KEY        0x01   /* a member's name; its value follows */
#define MCP_JSON_ESCAPED    0x02   /* the string contains a backslash */
#define MCP_JSON_NUL        0x04   /* the string contains an escaped U+0000 */
#define MCP_JSON_SURROGATE  0x08   /* the string has an unpaired surrogate */
#define MCP_JSON_INTEGER    0x10   /* a number without fraction, exponent */


/*
 * Strings: start and end enclose the bytes between the quotes.  Everything
 * else: the whole value.  "next" is the index of the token after the value
 * and all it contains, so children of a container at index i are visited by
 * for (c = i + 1; c < t[i].next; c = t[c].next); a key's next is its value.
 */
typedef struct {
    uint32_t  start;
    uint32_t  end;
    uint32_t  next;
    uint8_t   type;
    uint8_t   flags;
    uint16_t  depth;    /* containers around the value */
} mcp_json_token_t;


/* Why a text was refused. */
typedef enum {
    MCP_JSON_VALID = 0,
    MCP_JSON_EMPTY,            /* nothing but white space */
    MCP_JSON_TOO_LARGE,        /* 2^31 bytes or more */
    MCP_JSON_ENCODING,         /* byte order mark, UTF-16, UTF-32 */
    MCP_JSON_UTF8,
    MCP_JSON_SYNTAX,
    MCP_JSON_TRAILING,         /* data after the value */
    MCP_JSON_TRUNCATED,
    MCP_JSON_DEPTH,
    MCP_JSON_TOKENS,
    MCP_JSON_STRING_LENGTH,
    MCP_JSON_NUMBER_LENGTH,
    /* defects: well-formed JSON that two parsers may read differently */
    MCP_JSON_DUPLICATE_KEY,
    MCP_JSON_KEY_NUL,
    MCP_JSON_KEY_SURROGATE
} mcp_json_code_t;


/* Token 0 is the top value, so index 0 never names a member: it means none. */
#define MCP_JSON_NONE  0

typedef struct {
    const uint8_t           *text;
    size_t                   length;
    const mcp_json_token_t  *tokens;
    uint32_t                 count;
    mcp_json_code_t          defect;         /* the first one, or VALID */
    size_t                   defect_offset;
} mcp_json_t;


/*
 * Tokenizes "text"; tokens live in the arena, the text must outlive them.
 * MCP_OK also when the text has a defect: the rest of it is still read, so
 * that the id of a refused message can be told, but nobody may act on it.
 * MCP_ERROR: error->code is a mcp_json_code_t.  MCP_NOMEM.
 */
mcp_rc_t mcp_json_parse(mcp_json_t *json, mcp_str_t text,
    const mcp_limits_t *limits, mcp_arena_t *arena, mcp_error_t *error);

/* A stable lower-case word for logs: "duplicate_key", "bad_utf8", ... */
const char *mcp_json_code_name(mcp_json_code_t code);

/* Index of the value of member "name" (unescaped), or MCP_JSON_NONE. */
uint32_t mcp_json_member(const mcp_json_t *json, uint32_t object,
    mcp_str_t name);

/* Whether the unescaped string at "index" is "s". */
bool mcp_json_string_equal(const mcp_json_t *json, uint32_t index,
    mcp_str_t s);

/*
 * Whether two strings, also of different texts, have the same characters;
 * an unpaired surrogate equals itself.
 */
bool mcp_json_strings_equal(const mcp_json_t *json_a, uint32_t a,
    const mcp_json_t *json_b, uint32_t b);

/* As mcp_json_string, of one with escapes. */
mcp_rc_t mcp_json_string_unescape(const mcp_json_t *json, uint32_t index,
    mcp_arena_t *arena, mcp_str_t *value);

/*
 * The unescaped string; a view of the text when it has no escapes, else in
 * the arena.  MCP_NO when it contains U+0000 or an unpaired surrogate.
 */
static inline mcp_rc_t
mcp_json_string(const mcp_json_t *json, uint32_t index, mcp_arena_t *arena,
    mcp_str_t *value)
{
    const mcp_json_token_t  *t;

    if (index < json->count) {
        t = &json->tokens[index];

        if (t->type == MCP_JSON_STRING && !(t->flags & MCP_JSON_ESCAPED)) {
            value->data = json->text + t->start;
            value->len = t->end - t->start;

            return MCP_OK;
        }
    }

    return mcp_json_string_unescape(json, index, arena, value);
}


/* The bytes of the value as written, a string with its quotes. */
mcp_str_t mcp_json_raw(const mcp_json_t *json, uint32_t index);

/* Number of elements of an array or members of an object. */
uint32_t mcp_json_size(const mcp_json_t *json, uint32_t index);

/*
 * Appends "s" as the inside of a JSON string: control characters, quote,
 * backslash, U+2028 and U+2029 escaped, bytes that are not UTF-8 replaced by
 * U+FFFD.  Returns the new position; the result takes at most
 * MCP_JSON_ESCAPE_MAX bytes for each byte of s.
 */
#define MCP_JSON_ESCAPE_MAX  6

uint8_t *mcp_json_escape(uint8_t *dst, mcp_str_t s);

#pragma GCC visibility pop

#endif /* MCP_JSON_H */
