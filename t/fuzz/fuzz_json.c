/*
 * The tokenizer against jansson with JSON_REJECT_DUPLICATES, JSON_DECODE_ANY
 * and JSON_ALLOW_NUL: the same texts, the same values.  A defect counts as
 * refused.  Intended differences, each a predicate below:
 *
 *   unpaired surrogate escapes in values: ours flags, jansson refuses
 *   integers outside of 64 bits:          ours keeps text, jansson refuses
 *   numbers beyond a double:              ours keeps text, jansson refuses
 *   U+0000 as it is, behind a number:     ours refuses, jansson skips it
 *
 * Not differences, though the reasons differ: U+0000 and unpaired surrogates
 * in names (ours: defects), byte order marks, and depth, set to jansson's.
 *
 * Besides: the invariants of the token array; the wide way through a text
 * against the careful one; limits and memory that end just before the text.
 */

#include "fuzz.h"

#include <jansson.h>

#include "../unit/json_model.h"

#define JANSSON_DEPTH   2048
#define JANSSON_FLAGS   (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY             \
                         | JSON_ALLOW_NUL)
#define WIDE            64
#define MEMBERS         64      /* looked up one by one up to so many */

/* A double may hold 308 digits or one more. */
#define MAGNITUDE_SURE  300
#define MAGNITUDE_MOST  320


typedef enum {
    JANSSON_ACCEPTS,
    JANSSON_REFUSES,
    JANSSON_MAY_DO_EITHER
} expected_t;


static bool
integer_fits(mcp_str_t s)
{
    const char  *bound;

    bound = "9223372036854775807";

    if (s.data[0] == '-') {
        s.data++;
        s.len--;
        bound = "9223372036854775808";
    }

    return s.len < 19 || (s.len == 19 && memcmp(s.data, bound, 19) <= 0);
}


/* Upper end of the number of digits before the point, within an int. */
static int
magnitude(mcp_str_t s)
{
    bool    negative, zero;
    int     digits, exponent;
    size_t  i;

    i = s.data[0] == '-';
    digits = 0;
    zero = true;

    for ( ; i < s.len && s.data[i] >= '0' && s.data[i] <= '9'; i++) {
        digits++;
        zero = zero && s.data[i] == '0';
    }

    if (i < s.len && s.data[i] == '.') {
        for (i++; i < s.len && s.data[i] >= '0' && s.data[i] <= '9'; i++) {

            if (zero) {
                digits--;
            }

            zero = zero && s.data[i] == '0';
        }
    }

    if (zero || i == s.len) {
        return zero ? 0 : digits;
    }

    i++;
    negative = s.data[i] == '-';
    i += s.data[i] == '-' || s.data[i] == '+';
    exponent = 0;

    for ( ; i < s.len; i++) {

        if (exponent < 1000000) {
            exponent = exponent * 10 + s.data[i] - '0';
        }
    }

    return digits + (negative ? -exponent : exponent);
}


static expected_t
expect(const mcp_json_t *json)
{
    int                      n;
    uint32_t                 i;
    expected_t               expected;
    const mcp_json_token_t  *t;

    expected = JANSSON_ACCEPTS;

    for (i = 0; i < json->count; i++) {
        t = &json->tokens[i];

        if (t->flags & MCP_JSON_SURROGATE) {
            return JANSSON_REFUSES;
        }

        if (t->type != MCP_JSON_NUMBER) {
            continue;
        }

        if (t->flags & MCP_JSON_INTEGER) {

            if (!integer_fits(mcp_json_raw(json, i))) {
                return JANSSON_REFUSES;
            }

            continue;
        }

        n = magnitude(mcp_json_raw(json, i));

        if (n > MAGNITUDE_MOST) {
            return JANSSON_REFUSES;
        }

        if (n > MAGNITUDE_SURE) {
            expected = JANSSON_MAY_DO_EITHER;
        }
    }

    return expected;
}


static mcp_str_t
string_of(const json_t *value)
{
    return (mcp_str_t) { (const uint8_t *) json_string_value(value),
                         json_string_length(value) };
}


static void
check_string(const mcp_json_t *json, uint32_t i, mcp_str_t expected,
    mcp_arena_t *arena)
{
    mcp_rc_t   rc;
    mcp_str_t  value;

    rc = mcp_json_string(json, i, arena, &value);

    if (json->tokens[i].flags & MCP_JSON_NUL) {
        check(rc == MCP_NO);
        check(memchr(expected.data, '\0', expected.len) != NULL);

    } else {
        check(rc == MCP_OK);
        check(mcp_str_equal(value, expected));
        check(expected.len == 0
              || memchr(expected.data, '\0', expected.len) == NULL);
    }

    check(mcp_json_string_equal(json, i, expected));
}


/* The same value as jansson's; as deep as jansson goes itself. */
static void
check_value(const mcp_json_t *json, uint32_t i, const json_t *value,
    mcp_arena_t *arena)
{
    char                     spelling[32];
    size_t                   n;
    uint32_t                 c;
    mcp_str_t                key, raw;
    const json_t            *member;
    const mcp_json_token_t  *t;

    t = &json->tokens[i];

    switch (t->type) {

    case MCP_JSON_OBJECT:
        check(json_is_object(value));
        check(mcp_json_size(json, i) == json_object_size(value));

        for (c = i + 1; c < t->next; c = json->tokens[c + 1].next) {
            check(mcp_json_string(json, c, arena, &key) == MCP_OK);

            member = json_object_getn(value, (const char *) key.data,
                                      key.len);
            check(member != NULL);
            check_value(json, c + 1, member, arena);
        }

        break;

    case MCP_JSON_ARRAY:
        check(json_is_array(value));
        check(mcp_json_size(json, i) == json_array_size(value));
        n = 0;

        for (c = i + 1; c < t->next; c = json->tokens[c].next) {
            check_value(json, c, json_array_get(value, n), arena);
            n++;
        }

        break;

    case MCP_JSON_STRING:
        check(json_is_string(value));
        check_string(json, i, string_of(value), arena);
        break;

    case MCP_JSON_NUMBER:
        check(((t->flags & MCP_JSON_INTEGER) != 0) == json_is_integer(value));

        if (json_is_integer(value)) {
            raw = mcp_json_raw(json, i);
            n = (size_t) snprintf(spelling, sizeof(spelling),
                                  "%" JSON_INTEGER_FORMAT,
                                  json_integer_value(value));
            check(mcp_str_equal(raw, (mcp_str_t) {
                                    (const uint8_t *) spelling, n })
                  || mcp_str_equal(raw, mcp_str("-0")));
        }

        break;

    case MCP_JSON_TRUE:
        check(json_is_true(value));
        break;

    case MCP_JSON_FALSE:
        check(json_is_false(value));
        break;

    default:
        check(json_is_null(value));
    }
}


static mcp_limits_t
widest_limits(void)
{
    mcp_limits_t  limits;

    limits = json_limits();
    limits.depth = JANSSON_DEPTH;
    limits.number_length = UINT32_MAX;

    return limits;
}


/* Strings can be read, written and read again; names lead to values. */
static void
check_strings(const mcp_json_t *json, mcp_arena_t *arena)
{
    uint8_t       *buf, *end;
    uint32_t       i, c, n;
    mcp_str_t      value;
    mcp_json_t     again;
    mcp_limits_t   limits;

    limits = widest_limits();

    for (i = 0; i < json->count; i++) {

        if (json->tokens[i].type == MCP_JSON_OBJECT
            && json->defect == MCP_JSON_VALID)
        {
            n = 0;

            for (c = i + 1; c < json->tokens[i].next && n < MEMBERS; n++) {
                check(mcp_json_string(json, c, arena, &value) == MCP_OK);
                check(mcp_json_member(json, i, value) == c + 1);
                c = json->tokens[c + 1].next;
            }
        }

        if (json->tokens[i].type != MCP_JSON_STRING
            || mcp_json_string(json, i, arena, &value) != MCP_OK)
        {
            continue;
        }

        buf = malloc(value.len * MCP_JSON_ESCAPE_MAX + 2);
        check(buf != NULL);

        buf[0] = '"';
        end = mcp_json_escape(buf + 1, value);
        *end++ = '"';
        check((size_t) (end - buf) <= value.len * MCP_JSON_ESCAPE_MAX + 2);

        check(mcp_json_parse(&again,
                             (mcp_str_t) { buf, (size_t) (end - buf) },
                             &limits, arena, NULL) == MCP_OK);
        check(mcp_json_string_equal(&again, 0, value));
        free(buf);
    }
}


/* White space before and behind changes no token, but the way to it. */
static void
check_padded(const mcp_json_t *json, mcp_rc_t rc, mcp_str_t text,
    size_t before, size_t behind, mcp_arena_t *arena)
{
    uint8_t       *buf;
    uint32_t       i;
    mcp_rc_t       padded_rc;
    mcp_json_t     padded;
    mcp_error_t    error;
    mcp_limits_t   limits;

    limits = widest_limits();
    limits.hash_key[0] = before;

    buf = malloc(before + text.len + behind);
    check(buf != NULL);

    memset(buf, ' ', before);
    memcpy(buf + before, text.data, text.len);
    memset(buf + before + text.len, '\n', behind);

    padded_rc = mcp_json_parse(&padded,
                               (mcp_str_t) { buf, before + text.len + behind },
                               &limits, arena, &error);
    check(padded_rc == rc);

    if (rc == MCP_OK) {
        check(padded.count == json->count);
        check(padded.defect == json->defect);
        check(padded.defect == MCP_JSON_VALID
              || padded.defect_offset == json->defect_offset + before);

        for (i = 0; i < json->count; i++) {
            check(padded.tokens[i].start == json->tokens[i].start + before);
            check(padded.tokens[i].end == json->tokens[i].end + before);
            check(memcmp(&padded.tokens[i].next, &json->tokens[i].next, 8)
                  == 0);
        }
    }

    free(buf);
}


/* One less of anything is too little, just as much is enough. */
static void
check_limits(const mcp_json_t *json, mcp_str_t text, uint8_t seed)
{
    uint32_t      i, depth;
    mcp_rc_t      rc;
    mcp_json_t    other;
    mcp_arena_t   arena;
    mcp_error_t   error;
    mcp_limits_t  limits;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    limits = widest_limits();
    limits.tokens = json->count;
    check(mcp_json_parse(&other, text, &limits, &arena, &error) == MCP_OK);

    limits.tokens--;
    check(mcp_json_parse(&other, text, &limits, &arena, &error) == MCP_ERROR);
    check(error.code == MCP_JSON_TOKENS);

    depth = 0;

    for (i = 0; i < json->count; i++) {

        if (json->tokens[i].type <= MCP_JSON_ARRAY
            && json->tokens[i].depth >= depth)
        {
            depth = json->tokens[i].depth + 1u;
        }
    }

    limits = widest_limits();
    limits.depth = depth;
    check(mcp_json_parse(&other, text, &limits, &arena, &error) == MCP_OK);

    if (depth > 0) {
        limits.depth--;
        check(mcp_json_parse(&other, text, &limits, &arena, &error)
              == MCP_ERROR);
        check(error.code == MCP_JSON_DEPTH);
    }

    mcp_arena_destroy(&arena);

    mcp_arena_init(&arena, &fuzz_allocator, 64 + seed * 128u);
    limits = widest_limits();
    rc = mcp_json_parse(&other, text, &limits, &arena, &error);
    check(rc == MCP_NOMEM
          || (rc == MCP_OK && other.defect == json->defect
              && other.count == json->count));
    mcp_arena_destroy(&arena);
}


static void
check_jansson(const mcp_json_t *json, mcp_rc_t rc, mcp_str_t text,
    mcp_arena_t *arena)
{
    json_t       *value;
    expected_t    expected;
    json_error_t  error;

    expected = JANSSON_REFUSES;

    if (text.len != 0 && memchr(text.data, '\0', text.len) != NULL) {
        check(rc == MCP_ERROR);
        return;
    }

    if (rc == MCP_OK && json->defect == MCP_JSON_VALID) {
        expected = expect(json);
    }

    value = json_loadb((const char *) text.data, text.len, JANSSON_FLAGS,
                       &error);

    if (expected != JANSSON_MAY_DO_EITHER) {
        check((value != NULL) == (expected == JANSSON_ACCEPTS));
    }

    if (value != NULL) {
        check_value(json, 0, value, arena);
        json_decref(value);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t       *copy;
    mcp_rc_t       rc;
    mcp_str_t      text;
    mcp_json_t     json;
    mcp_arena_t    arena;
    mcp_error_t    error;
    mcp_limits_t   limits;
    const char    *wrong;

    /* of its own size, so that reading beyond it is seen */
    copy = malloc(size);
    check(copy != NULL || size == 0);

    if (size != 0) {
        memcpy(copy, data, size);
    }

    text.data = copy;
    text.len = size;
    limits = widest_limits();
    mcp_arena_init(&arena, &fuzz_allocator, 0);

    rc = mcp_json_parse(&json, text, &limits, &arena, &error);
    check(rc == MCP_OK || rc == MCP_ERROR);
    check_jansson(&json, rc, text, &arena);

    if (rc == MCP_OK) {
        wrong = json_check(&json);

        if (wrong != NULL) {
            fprintf(stderr, "%s\n", wrong);
            abort();
        }

        check_strings(&json, &arena);
        check_limits(&json, text, data[size / 2]);

    } else {
        check(error.code > MCP_JSON_VALID
              && error.code < MCP_JSON_DUPLICATE_KEY);
        check(error.offset <= size);
    }

    /* padding in front would hide an encoding that is refused */
    if (rc == MCP_OK
        || (error.code != MCP_JSON_ENCODING && error.code != MCP_JSON_EMPTY))
    {
        check_padded(&json, rc, text, 0, WIDE, &arena);
        check_padded(&json, rc, text, 1, 0, &arena);
        check_padded(&json, rc, text, 1 + size % 17, WIDE / 2, &arena);
    }

    mcp_arena_destroy(&arena);
    free(copy);

    return 0;
}
