/* The tokenizer's slow functions: all of the grammar, byte by byte. */

#include "mcp_json_parser.h"

#define MCP_JSON_TOKENS_FIRST  2048


static uint64_t mcp_json_next_capacity(const mcp_json_parser_t *s,
    uint32_t count, size_t i);
static const uint8_t *mcp_json_slow_string(mcp_json_parser_t *s,
    const uint8_t *start);
static const uint8_t *mcp_json_escape_sequence(mcp_json_parser_t *s,
    const uint8_t *p);
static const uint8_t *mcp_json_slow_number(mcp_json_parser_t *s,
    const uint8_t *p);
static const uint8_t *mcp_json_slow_literal(mcp_json_parser_t *s,
    const uint8_t *p, uint8_t *type);


size_t
mcp_json_slow_space(const mcp_json_parser_t *s, size_t i)
{
    return (size_t) (mcp_json_skip_space(s->text + i, s->end) - s->text);
}


mcp_rc_t
mcp_json_unexpected(mcp_json_parser_t *s, size_t i)
{
    mcp_json_fail(s, s->text + i < s->end ? MCP_JSON_SYNTAX
                                          : MCP_JSON_TRUNCATED, s->text + i);

    return MCP_ERROR;
}


mcp_json_token_t *
mcp_json_grow(mcp_json_parser_t *s, size_t i, uint64_t place)
{
    size_t             size;
    uint32_t           count;
    uint64_t           capacity;
    mcp_json_token_t  *tokens;

    count = mcp_json_place_index(place);

    if (count >= s->limits->tokens) {
        mcp_json_fail(s, MCP_JSON_TOKENS, s->text + i);
        return NULL;
    }

    size = sizeof(mcp_json_token_t);
    capacity = mcp_json_next_capacity(s, count, i);

    if (capacity > SIZE_MAX / size) {
        return NULL;
    }

    if (count == 0
        || mcp_arena_resize(s->arena, s->tokens, count * size,
                            (size_t) capacity * size)
           != MCP_OK)
    {
        tokens = mcp_arena_alloc(s->arena, (size_t) capacity * size);

        if (tokens == NULL) {
            return NULL;
        }

        if (count != 0) {
            memcpy(tokens, s->tokens, count * size);
        }

        s->tokens = tokens;
        s->json->tokens = tokens;
    }

    s->tokens_end = s->tokens + capacity;

    return s->tokens + count;
}


/*
 * The first size suits most messages.  The next ones follow the density seen
 * so far, within bounds: a text that starts dense may go on with one string,
 * and the other way round.
 */
static uint64_t
mcp_json_next_capacity(const mcp_json_parser_t *s, uint32_t count, size_t i)
{
    uint64_t  capacity;

    if (count == 0) {
        capacity = s->length / 6 + 16;

        if (capacity > MCP_JSON_TOKENS_FIRST) {
            capacity = MCP_JSON_TOKENS_FIRST;
        }

    } else {
        capacity = (uint64_t) count * s->length / i + count / 4;

        if (capacity < (uint64_t) count * 2) {
            capacity = (uint64_t) count * 2;
        }

        if (capacity > (uint64_t) count * 8) {
            capacity = (uint64_t) count * 8;
        }
    }

    return capacity < s->limits->tokens ? capacity : s->limits->tokens;
}


size_t
mcp_json_slow_value(mcp_json_parser_t *s, size_t i, uint64_t place)
{
    uint8_t         type;
    uint32_t        index;
    const uint8_t  *p;

    index = mcp_json_place_index(place);

    if (s->text + i == s->end) {
        mcp_json_fail(s, index == 0 ? MCP_JSON_EMPTY : MCP_JSON_TRUNCATED,
                      s->end);
        return 0;
    }

    p = s->text + i;
    s->flags = 0;

    if (*p == '"') {
        i++;
        type = MCP_JSON_STRING;
        p = mcp_json_slow_string(s, p + 1);

    } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
        type = MCP_JSON_NUMBER;
        p = mcp_json_slow_number(s, p);

    } else {
        p = mcp_json_slow_literal(s, p, &type);
    }

    if (p == NULL) {
        return 0;
    }

    mcp_json_set_token(&s->tokens[index], i, (size_t) (p - s->text),
                       place + 1, type | (uint32_t) s->flags << 8);

    return (size_t) (p - s->text) + (type == MCP_JSON_STRING);
}


size_t
mcp_json_slow_key(mcp_json_parser_t *s, size_t i, uint64_t place)
{
    size_t          end;
    const uint8_t  *p;

    i = mcp_json_slow_space(s, i);

    if (mcp_json_peek(s, s->text, i, true) != '"') {
        mcp_json_unexpected(s, i);
        return 0;
    }

    i++;
    s->flags = MCP_JSON_KEY;
    p = mcp_json_slow_string(s, s->text + i);

    if (p == NULL) {
        return 0;
    }

    end = (size_t) (p - s->text);
    mcp_json_set_token(&s->tokens[mcp_json_place_index(place)], i, end,
                       place + 1, MCP_JSON_STRING | (uint32_t) s->flags << 8);

    s->signature = mcp_json_key_signature(s->text + i, end - i, s->end);
    s->tokens[s->open].flags |= s->flags & MCP_JSON_ESCAPED;

    if (s->flags & MCP_JSON_NUL) {
        mcp_json_set_defect(s->json, MCP_JSON_KEY_NUL, i);

    } else if (s->flags & MCP_JSON_SURROGATE) {
        mcp_json_set_defect(s->json, MCP_JSON_KEY_SURROGATE, i);
    }

    i = mcp_json_slow_space(s, end + 1);

    if (mcp_json_peek(s, s->text, i, true) != ':') {
        mcp_json_unexpected(s, i);
        return 0;
    }

    return i + 1;
}


/* The closing quote of the string that begins at "start", or NULL. */
static const uint8_t *
mcp_json_slow_string(mcp_json_parser_t *s, const uint8_t *start)
{
    unsigned        n;
    const uint8_t  *p, *end;

    p = start;
    end = s->end;

    for ( ;; ) {
        p = mcp_json_skip_plain(p, end);

        if (p == end) {
            return mcp_json_fail(s, MCP_JSON_TRUNCATED, p);
        }

        if (*p == '"') {
            break;
        }

        if (*p == '\\') {
            p = mcp_json_escape_sequence(s, p);

            if (p == NULL) {
                return NULL;
            }

            continue;
        }

        if (*p < 0x20) {
            return mcp_json_fail(s, MCP_JSON_SYNTAX, p);
        }

        do {
            n = mcp_json_utf8(p, end);

            if (n == 0) {
                return mcp_json_fail(s, MCP_JSON_UTF8, p);
            }

            p += n;

        } while (p < end && *p >= 0x80);
    }

    if ((size_t) (p - start) > s->limits->string_length) {
        return mcp_json_fail(s, MCP_JSON_STRING_LENGTH, start);
    }

    return p;
}


/* Four hexadecimal digits, or -1. */
static inline int32_t
mcp_json_hex(const uint8_t *p)
{
    int32_t   code;
    uint8_t   c;
    unsigned  i;

    code = 0;

    for (i = 0; i < 4; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            code = code << 4 | (c - '0');
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'f') {
            return -1;
        }

        code = code << 4 | (c - 'a' + 10);
    }

    return code;
}


/* The end of the escape sequence at p; a pair of surrogates is one. */
static const uint8_t *
mcp_json_escape_sequence(mcp_json_parser_t *s, const uint8_t *p)
{
    int32_t         code, low;
    const uint8_t  *end;

    end = s->end;
    s->flags |= MCP_JSON_ESCAPED;

    if (end - p < 2) {
        return mcp_json_fail(s, MCP_JSON_TRUNCATED, end);
    }

    switch (p[1]) {

    case '"': case '\\': case '/':
    case 'b': case 'f': case 'n': case 'r': case 't':
        return p + 2;

    case 'u':
        break;

    default:
        return mcp_json_fail(s, MCP_JSON_SYNTAX, p + 1);
    }

    if (end - p < 6) {
        return mcp_json_fail(s, memchr(p, '"', (size_t) (end - p)) != NULL
                                    ? MCP_JSON_SYNTAX : MCP_JSON_TRUNCATED,
                             end);
    }

    code = mcp_json_hex(p + 2);

    if (code < 0) {
        return mcp_json_fail(s, MCP_JSON_SYNTAX, p + 2);
    }

    p += 6;

    if (code == 0) {
        s->flags |= MCP_JSON_NUL;
    }

    if (code < 0xd800 || code > 0xdfff) {
        return p;
    }

    if (code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        low = mcp_json_hex(p + 2);

        if (low >= 0xdc00 && low <= 0xdfff) {
            return p + 6;
        }
    }

    /* what follows, an escape or not, is looked at by itself */
    s->flags |= MCP_JSON_SURROGATE;

    return p;
}


/* The whole grammar: fractions, exponents, long ones, the text's end. */
static const uint8_t *
mcp_json_slow_number(mcp_json_parser_t *s, const uint8_t *p)
{
    const uint8_t  *start, *digits, *end;

    start = p;
    end = s->end;
    p += *p == '-';

    s->flags = MCP_JSON_INTEGER;

    digits = p;
    p = mcp_json_skip_digits(p, end);

    if (p == digits) {
        goto no_digits;
    }

    if (*digits == '0' && p - digits > 1) {
        return mcp_json_fail(s, MCP_JSON_SYNTAX, digits);
    }

    if (p < end && *p == '.') {
        s->flags = 0;
        digits = ++p;
        p = mcp_json_skip_digits(p, end);

        if (p == digits) {
            goto no_digits;
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        s->flags = 0;
        p++;

        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }

        digits = p;
        p = mcp_json_skip_digits(p, end);

        if (p == digits) {
            goto no_digits;
        }
    }

    if ((size_t) (p - start) > s->limits->number_length) {
        return mcp_json_fail(s, MCP_JSON_NUMBER_LENGTH, start);
    }

    return p;

no_digits:

    return mcp_json_fail(s, p == end ? MCP_JSON_TRUNCATED : MCP_JSON_SYNTAX,
                         p);
}


static const uint8_t *
mcp_json_slow_literal(mcp_json_parser_t *s, const uint8_t *p, uint8_t *type)
{
    size_t       i, length;
    const char  *word;

    switch (*p) {

    case 't':
        word = "true";
        *type = MCP_JSON_TRUE;
        break;

    case 'f':
        word = "false";
        *type = MCP_JSON_FALSE;
        break;

    case 'n':
        word = "null";
        *type = MCP_JSON_NULL;
        break;

    default:
        return mcp_json_fail(s, MCP_JSON_SYNTAX, p);
    }

    length = strlen(word);

    for (i = 0; i < length; i++) {

        if (p + i == s->end) {
            return mcp_json_fail(s, MCP_JSON_TRUNCATED, s->end);
        }

        if (p[i] != (uint8_t) word[i]) {
            return mcp_json_fail(s, MCP_JSON_SYNTAX, p + i);
        }
    }

    return p + length;
}
