/*
 * A mutator that knows JSON: it replaces, repeats, wraps, adds and respells
 * values of a text, so that most of what it makes is JSON, and what is odd is
 * odd in places where readers differ.  The same seed does the same.
 */

#ifndef JSON_MUTATE_H
#define JSON_MUTATE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcp_json.h"


typedef struct {
    uint8_t   *data;
    size_t     length;
    size_t     size;
    uint64_t   seed;
} mutate_t;


/* Changes some bytes; gives the new size. */
typedef size_t (*mutate_bytes_pt)(uint8_t *data, size_t size, size_t max_size);


/* Where readers differ, or might. */
static const char *const  mutate_values[] = {
    "0", "-0", "-0.0", "0e0", "-0E+5", "1", "-1", "1.0", "1e0", "10e-1",
    "9007199254740991", "9007199254740992", "9007199254740993",
    "-9007199254740993", "9007199254740993.0", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "1e18", "1e19",
    "123456789012345678901234567890", "1e308", "1.7976931348623157e308",
    "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "-1e999",
    "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999",
    "5e-324", "2e-324", "4.9406564584124654e-324", "2.4703282292062328e-324",
    "2.2250738585072011e-308", "2.2250738585072014e-308", "0.1", "0.30",
    "0.1000000000000000055511151231257827", "1.00000000000000011102230246251",
    "0.500000000000000000000000000000000000000000000000000000000000000001",
    "8.5e1", "100000000000000000000000000000000e-32", "true", "false", "null",
    "\"\"", "\"\\u0000\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\udc00\"",
    "\"\\uD83D\\uDE00\"", "\"\\udc00\\ud800\"", "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\\udc00\"", "\"\\ud83d\xf0\x9f\x98\x80\"",
    "\"\xf0\x9f\x98\x80\"", "\"\xef\xbb\xbf\"", "\"\\ufeff\"",
    "\"\xef\xbf\xbd\"", "\"\\ufffd\"", "\"\\uffff\"", "\"\xef\xbf\xbf\"",
    "\"\xe2\x80\xa8\\u2029\"", "\"\x7f\\u007f\xc2\x80\"", "\"\\/\\b\\f\\n\"",
    "\"\\\\\\\"\"", "\"\\u005c\\u0022\"", "\"2.0\"", "\"tools/call\"",
    "\"tools\\/call\"", "\"prompts/get\"", "\"resources/read\"",
    "\"file:///etc/passwd\"", "\"FILE:///a/../b\"", "\"a\"",
    "[]", "{}", "[[]]", "{\"\":{}}", "{\"a\":1}", "[1,\"1\",1.0]",
    "{\"__proto__\":{\"a\":1}}", "{\"constructor\":{\"prototype\":1}}"
};

static const char *const  mutate_names[] = {
    "\"\"", "\"a\"", "\"b\"", "\"A\"", "\"1\"", "\"01\"", "\"-0\"",
    "\"\\u0061\"", "\"jsonrpc\"", "\"id\"", "\"ID\"", "\"\\u0069d\"",
    "\"method\"", "\"Method\"", "\"params\"", "\"result\"", "\"name\"",
    "\"Name\"", "\"n\\u0061me\"", "\"uri\"", "\"arguments\"", "\"Arguments\"",
    "\"argument\xc5\xbf\"", "\"argument\\u017f\"", "\"\xe2\x84\xaa\"",
    "\"_meta\"", "\"meta\"", "\"task\"", "\"taskId\"", "\"task_id\"",
    "\"__proto__\"", "\"constructor\"", "\"toString\"", "\"length\"",
    "\"\xc3\xa9\"", "\"e\xcc\x81\"", "\"\\u00e9\"", "\"\xef\xbb\xbf\"",
    "\"\xf0\x9f\x98\x80\"", "\"\xee\x80\x80\"", "\"\xef\xbf\xbd\"",
    "\"\\ufffd\"", "\"\\/\"", "\"/\"", "\"$serde_json::private::Number\"",
    "\"$serde_json::private::RawValue\""
};

static const char *const  mutate_space[] = { " ", "\n", "\t", "\r\n", "   " };

#define mutate_pick(mutate, list)                                             \
    ((list)[mutate_draw(mutate, sizeof(list) / sizeof((list)[0]))])


/* Below n; by splitmix64. */
static inline uint32_t
mutate_draw(mutate_t *mutate, uint32_t n)
{
    uint64_t  z;

    mutate->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = mutate->seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);

    return n == 0 ? 0 : (uint32_t) ((z ^ z >> 31) % n);
}


/* Puts "text" in the place of some bytes, if there is room. */
static inline void
mutate_put(mutate_t *mutate, size_t start, size_t end, const char *text,
    size_t length)
{
    if (mutate->length - (end - start) + length > mutate->size) {
        return;
    }

    memmove(mutate->data + start + length, mutate->data + end,
            mutate->length - end);
    memcpy(mutate->data + start, text, length);
    mutate->length += length - (end - start);
}


static inline size_t
mutate_digits(mutate_t *mutate, char *text, uint32_t most)
{
    uint32_t  i, n;

    n = 1 + mutate_draw(mutate, most);
    text[0] = (char) ('1' + mutate_draw(mutate, 9));

    for (i = 1; i < n; i++) {
        text[i] = mutate_draw(mutate, 3) == 0 ? '0'
                  : (char) ('0' + mutate_draw(mutate, 10));
    }

    return n;
}


/* A number of any spelling, sometimes long, often near a limit. */
static inline size_t
mutate_number(mutate_t *mutate, char *text)
{
    size_t  n;

    n = 0;

    if (mutate_draw(mutate, 3) == 0) {
        text[n++] = '-';
    }

    if (mutate_draw(mutate, 4) == 0) {
        text[n++] = '0';

    } else {
        n += mutate_digits(mutate, text + n,
                           mutate_draw(mutate, 8) == 0 ? 400 : 21);
    }

    if (mutate_draw(mutate, 2) == 0) {
        text[n++] = '.';
        n += mutate_digits(mutate, text + n,
                           mutate_draw(mutate, 8) == 0 ? 400 : 18);
    }

    if (mutate_draw(mutate, 2) == 0) {
        text[n++] = mutate_draw(mutate, 2) ? 'e' : 'E';

        if (mutate_draw(mutate, 2) == 0) {
            text[n++] = mutate_draw(mutate, 2) ? '-' : '+';
        }

        n += mutate_digits(mutate, text + n, 3);
    }

    return n;
}


/* One character of a string by its escape. */
static inline void
mutate_respell(mutate_t *mutate, const mcp_json_token_t *t)
{
    int       n;
    char      text[8];
    size_t    i;
    uint32_t  length;

    length = t->end - t->start;

    if (length == 0) {
        return;
    }

    i = t->start + mutate_draw(mutate, length);

    if (mutate->data[i] >= 0x80 || mutate->data[i] == '\\'
        || (i > t->start && mutate->data[i - 1] == '\\'))
    {
        return;
    }

    n = snprintf(text, sizeof(text),
                 mutate_draw(mutate, 2) ? "\\u%04x" : "\\u%04X",
                 mutate->data[i]);
    mutate_put(mutate, i, i + 1, text, (size_t) n);
}


/* One more in a container, in front. */
static inline void
mutate_add(mutate_t *mutate, const mcp_json_t *json, uint32_t i)
{
    int          n;
    char         text[256];
    bool         empty;
    const char  *value;

    empty = mcp_json_size(json, i) == 0;
    value = mutate_pick(mutate, mutate_values);

    if (json->tokens[i].type == MCP_JSON_OBJECT) {
        n = snprintf(text, sizeof(text), "%s:%s%s",
                     mutate_pick(mutate, mutate_names), value,
                     empty ? "" : ",");

    } else {
        n = snprintf(text, sizeof(text), "%s%s", value, empty ? "" : ",");
    }

    mutate_put(mutate, json->tokens[i].start + 1,
               json->tokens[i].start + 1, text, (size_t) n);
}


/* Another value of the text, or what is around this one. */
static inline void
mutate_repeat(mutate_t *mutate, const mcp_json_t *json, uint32_t i,
    size_t start, size_t end)
{
    char       *copy;
    uint32_t    other;
    mcp_str_t   raw;

    other = mutate_draw(mutate, json->count);
    raw = mcp_json_raw(json, other);

    if ((json->tokens[i].flags ^ json->tokens[other].flags) & MCP_JSON_KEY) {
        return;
    }

    copy = malloc(raw.len + 3);

    if (copy == NULL) {
        abort();
    }

    memcpy(copy + 1, raw.data, raw.len);

    if (!(json->tokens[i].flags & MCP_JSON_KEY)
        && mutate_draw(mutate, 4) == 0)
    {
        copy[0] = '[';
        copy[raw.len + 1] = ']';
        mutate_put(mutate, start, end, copy, raw.len + 2);

    } else {
        mutate_put(mutate, start, end, copy + 1, raw.len);
    }

    free(copy);
}


static inline void
mutate_token(mutate_t *mutate, const mcp_json_t *json)
{
    char                     number[1024];
    bool                     key;
    size_t                   start, end;
    uint32_t                 i;
    mcp_str_t                raw;
    const char              *text;
    const mcp_json_token_t  *t;

    i = mutate_draw(mutate, json->count);
    t = &json->tokens[i];
    key = t->flags & MCP_JSON_KEY;
    raw = mcp_json_raw(json, i);
    start = (size_t) (raw.data - json->text);
    end = start + raw.len;

    switch (mutate_draw(mutate, 8)) {

    case 0:
    case 1:
        text = key ? mutate_pick(mutate, mutate_names)
                   : mutate_pick(mutate, mutate_values);
        mutate_put(mutate, start, end, text, strlen(text));
        break;

    case 2:
        if (!key) {
            mutate_put(mutate, start, end, number,
                       mutate_number(mutate, number));
            break;
        }

        /* fall through */

    case 3:
    case 4:
        if (t->type == MCP_JSON_STRING) {
            mutate_respell(mutate, t);
            break;
        }

        if (t->type <= MCP_JSON_ARRAY) {
            mutate_add(mutate, json, i);
            break;
        }

        /* fall through */

    case 5:
        text = mutate_pick(mutate, mutate_space);
        start = mutate_draw(mutate, 2) ? start : end;
        mutate_put(mutate, start, start, text, strlen(text));
        break;

    default:
        mutate_repeat(mutate, json, i, start, end);
    }
}


/* A byte for another; for the fuzzer's own mutator, which has a memory. */
static inline size_t
mutate_byte(uint8_t *data, size_t size, size_t max_size)
{
    size_t    i;
    uint64_t  hash;

    hash = 14695981039346656037u;

    for (i = 0; i < size; i++) {
        hash = (hash ^ data[i]) * 1099511628211u;
    }

    if (size == 0 || size > max_size) {
        return size;
    }

    data[hash % size] = (uint8_t) "[]{},:\"\\0e.-u \x80"[(hash >> 32) % 15];

    return size;
}


static inline size_t
mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned seed,
    const mcp_limits_t *limits, const mcp_allocator_t *allocator,
    mutate_bytes_pt bytes)
{
    uint8_t      *copy;
    uint32_t      steps;
    mutate_t      mutate;
    mcp_json_t    json;
    mcp_arena_t   arena;

    mutate.data = data;
    mutate.length = size;
    mutate.size = max_size;
    mutate.seed = seed;

    if (mutate_draw(&mutate, 4) == 0) {
        return bytes(data, size, max_size);
    }

    for (steps = 1 + mutate_draw(&mutate, 4); steps > 0; steps--) {
        mcp_arena_init(&arena, allocator, 0);

        /* the tokens are of the text before the step */
        copy = malloc(mutate.length + 1);

        if (copy == NULL) {
            abort();
        }

        memcpy(copy, data, mutate.length);

        if (mcp_json_parse(&json, (mcp_str_t) { copy, mutate.length },
                           limits, &arena, NULL)
            == MCP_OK)
        {
            mutate_token(&mutate, &json);

        } else {
            mutate.length = bytes(data, mutate.length, max_size);
        }

        free(copy);
        mcp_arena_destroy(&arena);
    }

    return mutate.length;
}

#endif /* JSON_MUTATE_H */
