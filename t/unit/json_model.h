/*
 * What must hold of every token array, checked without the tokenizer's help,
 * and a text that ends where reading on would crash.
 */

#ifndef JSON_MODEL_H
#define JSON_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mcp_json.h"


/* Memory whose last byte lies before a page that cannot be read. */
typedef struct {
    uint8_t  *base;
    uint8_t  *end;
    size_t    size;
} json_guard_t;


static inline void
json_guard_init(json_guard_t *guard, size_t size)
{
    size_t  page;

    page = (size_t) sysconf(_SC_PAGESIZE);
    guard->size = (size + page - 1) / page * page;
    guard->base = mmap(NULL, guard->size + page, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (guard->base == MAP_FAILED
        || mprotect(guard->base + guard->size, page, PROT_NONE) != 0)
    {
        perror("guard page");
        exit(2);
    }

    guard->end = guard->base + guard->size;
}


/* Copies the text to the very end. */
static inline mcp_str_t
json_guard_copy(json_guard_t *guard, mcp_str_t text)
{
    mcp_str_t  s;

    if (text.len > guard->size) {
        exit(2);
    }

    s.data = guard->end - text.len;
    s.len = text.len;

    if (text.len != 0) {
        memcpy(guard->end - text.len, text.data, text.len);
    }

    return s;
}


static inline mcp_limits_t
json_limits(void)
{
    mcp_limits_t  limits;

    memset(&limits, 0, sizeof(limits));

    limits.depth = MCP_DEFAULT_DEPTH;
    limits.tokens = MCP_DEFAULT_TOKENS;
    limits.string_length = MCP_DEFAULT_STRING_LENGTH;
    limits.number_length = MCP_DEFAULT_NUMBER_LENGTH;
    limits.batch = MCP_DEFAULT_BATCH;
    limits.hash_key[0] = 0x0123456789abcdef;
    limits.hash_key[1] = 0xfedcba9876543210;

    return limits;
}


/* A token by itself: its span, its type, its flags. */
static inline const char *
json_check_token(const mcp_json_t *json, uint32_t index)
{
    bool                     escaped;
    const uint8_t           *start, *end;
    const mcp_json_token_t  *t;

    t = &json->tokens[index];

    if (t->start > t->end || t->end > json->length) {
        return "span outside the text";
    }

    start = json->text + t->start;
    end = json->text + t->end;

    if ((t->flags & MCP_JSON_KEY) && t->type != MCP_JSON_STRING) {
        return "a key that is no string";
    }

    switch (t->type) {

    case MCP_JSON_STRING:

        if (t->start == 0 || start[-1] != '"' || t->end == json->length
            || *end != '"')
        {
            return "no quotes around a string";
        }

        escaped = memchr(start, '\\', (size_t) (end - start)) != NULL;

        if (escaped != ((t->flags & MCP_JSON_ESCAPED) != 0)) {
            return "the flag for escapes";
        }

        if (!escaped && (t->flags & (MCP_JSON_NUL | MCP_JSON_SURROGATE))) {
            return "flags without escapes";
        }

        return (t->flags & MCP_JSON_INTEGER) ? "flag of a string" : NULL;

    case MCP_JSON_NUMBER:

        if (*start != '-' && (*start < '0' || *start > '9')) {
            return "start of a number";
        }

        if (end[-1] < '0' || end[-1] > '9') {
            return "end of a number";
        }

        escaped = true;

        for ( ; start < end; start++) {
            if (*start == '.' || *start == 'e' || *start == 'E') {
                escaped = false;
            }
        }

        return t->flags == (escaped ? MCP_JSON_INTEGER : 0)
               ? NULL : "flags of a number";

    case MCP_JSON_OBJECT:
        return t->flags == 0 && *start == '{' && end[-1] == '}'
               && end - start >= 2 ? NULL : "object";

    case MCP_JSON_ARRAY:
        return t->flags == 0 && *start == '[' && end[-1] == ']'
               && end - start >= 2 ? NULL : "array";

    case MCP_JSON_TRUE:
        return t->flags == 0 && end - start == 4
               && memcmp(start, "true", 4) == 0 ? NULL : "true";

    case MCP_JSON_FALSE:
        return t->flags == 0 && end - start == 5
               && memcmp(start, "false", 5) == 0 ? NULL : "false";

    case MCP_JSON_NULL:
        return t->flags == 0 && end - start == 4
               && memcmp(start, "null", 4) == 0 ? NULL : "null";

    default:
        return "type";
    }
}


/* The children of a container: order, nesting, keys, depth. */
static inline const char *
json_check_children(const mcp_json_t *json, uint32_t index)
{
    bool                     key;
    uint32_t                 c, n, count;
    const mcp_json_token_t  *t, *child;

    t = &json->tokens[index];

    if (t->type > MCP_JSON_ARRAY) {
        return t->next == index + 1 ? NULL : "next of a scalar";
    }

    if (t->next <= index || t->next > json->count) {
        return "next of a container";
    }

    count = 0;
    n = t->start;

    for (c = index + 1; c < t->next; c = child->next) {
        child = &json->tokens[c];
        key = t->type == MCP_JSON_OBJECT && count % 2 == 0;

        if (child->start <= n || child->end >= t->end) {
            return "a child outside its container or its place";
        }

        if (key != ((child->flags & MCP_JSON_KEY) != 0)) {
            return "keys and values take turns";
        }

        if (child->depth != t->depth + 1) {
            return "depth";
        }

        if (child->next <= c || child->next > t->next) {
            return "next of a child";
        }

        n = child->end;
        count++;
    }

    if (c != t->next) {
        return "children end where the container does";
    }

    if (t->type == MCP_JSON_OBJECT && count % 2 != 0) {
        return "a key without a value";
    }

    if (mcp_json_size(json, index)
        != (t->type == MCP_JSON_OBJECT ? count / 2 : count))
    {
        return "size";
    }

    return NULL;
}


/* NULL, or what is wrong. */
static inline const char *
json_check(const mcp_json_t *json)
{
    uint32_t     i;
    const char  *wrong;

    if (json->count == 0 || json->tokens[0].next != json->count
        || json->tokens[0].depth != 0)
    {
        return "the top value";
    }

    if ((json->defect != MCP_JSON_VALID
         && json->defect < MCP_JSON_DUPLICATE_KEY)
        || json->defect_offset > json->length)
    {
        return "defect";
    }

    for (i = 0; i < json->count; i++) {
        wrong = json_check_token(json, i);

        if (wrong == NULL) {
            wrong = json_check_children(json, i);
        }

        if (wrong != NULL) {
            return wrong;
        }
    }

    return NULL;
}

#endif /* JSON_MODEL_H */
