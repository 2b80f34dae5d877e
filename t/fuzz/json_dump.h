/*
 * What a text means, written so that readers in any language can write the
 * same:
 *
 *   n t f          null, true, false
 *   i12            an integer, by readers that have integers
 *   d4028000...    any other number: the bits of the double next to it, those
 *                  of 0 for either zero
 *   "a\u00e9\n"    a string in ASCII, by UTF-16 code units
 *   [v,v,]         an array
 *   {"a":v,}       an object, its members in the order of their dumped names
 *   -              nothing there
 *
 * The strings are those that the tokenizer's callers get, as long as they get
 * any: U+0000 and unpaired surrogates are read here.
 */

#ifndef JSON_DUMP_H
#define JSON_DUMP_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcp_message.h"

/* Some places before the last double. */
#define DUMP_LAST  1.797693134862315e308


/* What becomes of an integer. */
typedef enum {
    DUMP_EXACT,        /* an integer */
    DUMP_64,           /* an integer as far as 64 bits have it, signed or not;
                          -0 is none */
    DUMP_DOUBLE
} dump_numbers_t;


/* What becomes of an unpaired surrogate. */
typedef enum {
    DUMP_KEPT,
    DUMP_REPLACED,     /* U+FFFD */
    DUMP_REFUSED
} dump_surrogates_t;


/* How a reader differs from ours: each of these stands in docs/security.md. */
typedef struct {
    dump_numbers_t      numbers;
    dump_surrogates_t   surrogates;
    bool                finite;      /* refuses what is beyond a double */
    bool                null;        /* has null for what is beyond it */
    unsigned            places;      /* its doubles may be so far off */
} dump_traits_t;


typedef struct {
    char                 *data;
    size_t                length;
    size_t                size;
    const dump_traits_t  *traits;
    bool                  refused;   /* by a reader with these traits */
    bool                  doubtful;  /* refused or not, so near to the end of
                                        doubles that it takes exact ones */
} dump_t;


typedef struct {
    uint32_t  token;
    dump_t    name;
} dump_member_t;


static void dump_value(dump_t *dump, const mcp_json_t *json, uint32_t i,
    mcp_arena_t *arena, const char *without);


static inline void
dump_add(dump_t *dump, const char *data, size_t length)
{
    if (dump->size - dump->length <= length) {
        dump->size = (dump->size + length) * 2 + 64;
        dump->data = realloc(dump->data, dump->size);

        if (dump->data == NULL) {
            abort();
        }
    }

    memcpy(dump->data + dump->length, data, length);
    dump->length += length;
    dump->data[dump->length] = '\0';
}


static inline void
dump_text(dump_t *dump, const char *text)
{
    dump_add(dump, text, strlen(text));
}


static inline void
dump_unit(dump_t *dump, uint16_t unit)
{
    int                n;
    char               text[8];
    const char        *place;

    static const char  letters[] = "\"\\\b\f\n\r\t";
    static const char  escapes[] = "\"\\bfnrt";

    place = unit != 0 && unit < 0x80 ? strchr(letters, unit) : NULL;

    if (place != NULL) {
        n = snprintf(text, sizeof(text), "\\%c", escapes[place - letters]);

    } else if (unit >= 0x20 && unit < 0x7f) {
        n = snprintf(text, sizeof(text), "%c", unit);

    } else {
        n = snprintf(text, sizeof(text), "\\u%04x", unit);
    }

    dump_add(dump, text, (size_t) n);
}


static inline void
dump_units(dump_t *dump, const uint16_t *units, size_t count)
{
    bool    low;
    size_t  i;

    dump_text(dump, "\"");

    for (i = 0; i < count; i++) {

        if ((units[i] & 0xf800) != 0xd800) {
            dump_unit(dump, units[i]);
            continue;
        }

        low = i + 1 < count && (units[i + 1] & 0xfc00) == 0xdc00;

        if (units[i] < 0xdc00 && low) {
            dump_unit(dump, units[i]);
            dump_unit(dump, units[++i]);
            continue;
        }

        switch (dump->traits->surrogates) {

        case DUMP_KEPT:
            dump_unit(dump, units[i]);
            break;

        case DUMP_REPLACED:
            dump_unit(dump, 0xfffd);
            break;

        default:
            dump->refused = true;
        }
    }

    dump_text(dump, "\"");
}


/* Valid UTF-8 of a code point; the position behind it. */
static inline size_t
dump_code(const uint8_t *p, uint16_t *units, size_t *count)
{
    size_t    i, n;
    uint32_t  code;

    n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    code = n == 1 ? p[0] : p[0] & (0x7fu >> n);

    for (i = 1; i < n; i++) {
        code = code << 6 | (p[i] & 0x3f);
    }

    if (code < 0x10000) {
        units[(*count)++] = (uint16_t) code;

    } else {
        code -= 0x10000;
        units[(*count)++] = (uint16_t) (0xd800 | code >> 10);
        units[(*count)++] = (uint16_t) (0xdc00 | (code & 0x3ff));
    }

    return n;
}


static inline void
dump_utf8(dump_t *dump, mcp_str_t s)
{
    size_t     i, count;
    uint16_t  *units;

    units = malloc((s.len + 1) * sizeof(uint16_t));

    if (units == NULL) {
        abort();
    }

    count = 0;

    for (i = 0; i < s.len; ) {
        i += dump_code(s.data + i, units, &count);
    }

    dump_units(dump, units, count);
    free(units);
}


/* As it is written: what nobody is given as bytes. */
static inline void
dump_written(dump_t *dump, mcp_str_t s)
{
    char               hex[5];
    size_t             i, count;
    unsigned           unit;
    uint16_t          *units;
    const char        *place;

    static const char  letters[] = "bfnrt";
    static const char  values[] = "\b\f\n\r\t";

    units = malloc((s.len + 1) * sizeof(uint16_t));

    if (units == NULL) {
        abort();
    }

    count = 0;

    for (i = 0; i < s.len; ) {

        if (s.data[i] != '\\') {
            i += dump_code(s.data + i, units, &count);
            continue;
        }

        if (s.data[i + 1] != 'u') {
            place = strchr(letters, s.data[i + 1]);
            units[count++] = place != NULL
                             ? (uint16_t) values[place - letters]
                             : s.data[i + 1];
            i += 2;
            continue;
        }

        memcpy(hex, s.data + i + 2, 4);
        hex[4] = '\0';

        if (sscanf(hex, "%4x", &unit) != 1) {
            abort();
        }

        units[count++] = (uint16_t) unit;
        i += 6;
    }

    dump_units(dump, units, count);
    free(units);
}


static inline void
dump_string(dump_t *dump, const mcp_json_t *json, uint32_t i,
    mcp_arena_t *arena)
{
    mcp_str_t  s;

    if (mcp_json_string(json, i, arena, &s) == MCP_OK) {
        dump_utf8(dump, s);

    } else {
        s = mcp_json_raw(json, i);
        s.data++;
        s.len -= 2;
        dump_written(dump, s);
    }
}


/* Whether 64 bits have it; what is negative needs one for its sign. */
static inline bool
dump_fits(const char *text)
{
    const char  *bound;

    bound = "18446744073709551615";

    if (text[0] == '-') {
        text++;
        bound = "9223372036854775808";
    }

    return strlen(text) < strlen(bound)
           || (strlen(text) == strlen(bound) && strcmp(text, bound) <= 0);
}


static inline void
dump_number(dump_t *dump, const mcp_json_t *json, uint32_t i)
{
    char      *text, bits[32];
    double     value;
    uint64_t   n;
    mcp_str_t  raw;

    raw = mcp_json_raw(json, i);
    text = strndup((const char *) raw.data, raw.len);

    if (text == NULL || sscanf(text, "%lf", &value) != 1) {
        abort();
    }

    if ((json->tokens[i].flags & MCP_JSON_INTEGER)
        && (dump->traits->numbers == DUMP_EXACT
            || (dump->traits->numbers == DUMP_64 && dump_fits(text)
                && strcmp(text, "-0") != 0)))
    {
        dump_text(dump, "i");
        dump_text(dump, strcmp(text, "-0") == 0 ? "0" : text);

    } else {
        memcpy(&n, &value, sizeof(n));
        (void) snprintf(bits, sizeof(bits), "d%016llx",
                        fpclassify(value) == FP_ZERO ? 0ull
                                                     : (unsigned long long) n);
        dump_text(dump, isinf(value) && dump->traits->null ? "n" : bits);

        if (fabs(value) >= DUMP_LAST && dump->traits->places != 0) {
            dump->doubtful = true;

        } else if (isinf(value) && dump->traits->finite) {
            dump->refused = true;
        }
    }

    free(text);
}


static inline int
dump_compare(const void *one, const void *two)
{
    const dump_member_t  *a, *b;

    a = one;
    b = two;

    return strcmp(a->name.data, b->name.data);
}


static inline void
dump_object(dump_t *dump, const mcp_json_t *json, uint32_t i,
    mcp_arena_t *arena, const char *without)
{
    uint32_t        c, n, count;
    dump_member_t  *members;

    count = mcp_json_size(json, i);
    members = calloc(count + 1u, sizeof(dump_member_t));

    if (members == NULL) {
        abort();
    }

    n = 0;

    for (c = i + 1; c < json->tokens[i].next; c = json->tokens[c + 1].next) {

        if (without != NULL
            && mcp_json_string_equal(json, c,
                                     (mcp_str_t) { (const uint8_t *) without,
                                                   strlen(without) }))
        {
            continue;
        }

        members[n].token = c;
        members[n].name.traits = dump->traits;
        dump_string(&members[n].name, json, c, arena);
        n++;
    }

    qsort(members, n, sizeof(dump_member_t), dump_compare);
    dump_text(dump, "{");

    for (c = 0; c < n; c++) {
        dump_add(dump, members[c].name.data, members[c].name.length);
        dump_text(dump, ":");
        dump_value(dump, json, members[c].token + 1, arena, NULL);
        dump_text(dump, ",");
        free(members[c].name.data);
    }

    dump_text(dump, "}");
    free(members);
}


/* As deep as the limits of the text; "without" a member of this name. */
static inline void
dump_value(dump_t *dump, const mcp_json_t *json, uint32_t i,
    mcp_arena_t *arena, const char *without)
{
    uint32_t  c;

    switch (json->tokens[i].type) {

    case MCP_JSON_OBJECT:
        dump_object(dump, json, i, arena, without);
        break;

    case MCP_JSON_ARRAY:
        dump_text(dump, "[");

        for (c = i + 1; c < json->tokens[i].next; c = json->tokens[c].next) {
            dump_value(dump, json, c, arena, NULL);
            dump_text(dump, ",");
        }

        dump_text(dump, "]");
        break;

    case MCP_JSON_STRING:
        dump_string(dump, json, i, arena);
        break;

    case MCP_JSON_NUMBER:
        dump_number(dump, json, i);
        break;

    case MCP_JSON_TRUE:
        dump_text(dump, "t");
        break;

    case MCP_JSON_FALSE:
        dump_text(dump, "f");
        break;

    default:
        dump_text(dump, "n");
    }
}


/* Id, method, target and arguments of the only message of a body. */
static inline void
dump_message(dump_t *dump, const mcp_body_t *body, mcp_arena_t *arena,
    const char *without)
{
    bool                  call;
    uint32_t              id;
    const mcp_message_t  *message;

    message = &body->messages[0];
    call = message->method == MCP_METHOD_TOOLS_CALL
           || message->method == MCP_METHOD_PROMPTS_GET
           || message->method == MCP_METHOD_RESOURCES_READ;

    id = message->id.len != 0
         ? mcp_json_member(&body->json, message->root, mcp_str("id"))
         : MCP_JSON_NONE;

    if (id != MCP_JSON_NONE) {
        dump_value(dump, &body->json, id, arena, NULL);

    } else {
        dump_text(dump, "-");
    }

    dump_text(dump, " ");
    dump_utf8(dump, message->method_name);
    dump_text(dump, " ");

    if (call && message->target_count == 1) {
        dump_utf8(dump, message->targets[0].name);

    } else {
        dump_text(dump, "-");
    }

    dump_text(dump, " ");

    if (call && message->arguments != MCP_JSON_NONE) {
        dump_value(dump, &body->json, message->arguments, arena, without);

    } else {
        dump_text(dump, "-");
    }
}


/* Whether the doubles that begin here are close enough. */
static inline bool
dump_close(const dump_t *dump, const char *ours, const char *other)
{
    char                bits[17], other_bits[17];
    unsigned long long  a, b;

    (void) snprintf(bits, sizeof(bits), "%.16s", ours + 1);
    (void) snprintf(other_bits, sizeof(other_bits), "%.16s", other + 1);

    return ours[0] == 'd' && other[0] == 'd'
           && sscanf(bits, "%16llx", &a) == 1
           && sscanf(other_bits, "%16llx", &b) == 1
           && (a > b ? a - b : b - a) <= dump->traits->places;
}


/* A dump for a reader, and its own. */
static inline bool
dump_agree(const dump_t *dump, const char *other, size_t length)
{
    size_t  i;

    if (dump->length != length) {
        return false;
    }

    for (i = 0; i < length; i++) {

        if (dump->data[i] == other[i]) {
            continue;
        }

        /* to the beginning of the value */

        while (i > 0 && strchr(" :,[", dump->data[i - 1]) == NULL) {
            i--;
        }

        if (length - i < 17
            || !dump_close(dump, dump->data + i, other + i))
        {
            return false;
        }

        i += 16;
    }

    return true;
}

#endif /* JSON_DUMP_H */
