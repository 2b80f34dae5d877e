/* Reading the tokens: members, strings, raw values; and writing strings. */

#include "mcp_json_keys.h"


/* Steps through a string's unescaped bytes without memory for them. */
typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    uint8_t         bytes[4];
    unsigned        next;
    unsigned        count;
} mcp_json_cursor_t;


static const uint8_t *mcp_json_unescape_one(const uint8_t *p,
    const uint8_t *end, uint8_t dst[4], unsigned *length);
static uint32_t mcp_json_hex4(const uint8_t *p);
static unsigned mcp_json_put_utf8(uint8_t *dst, uint32_t code);
static uint8_t *mcp_json_escape_control(uint8_t *dst, uint8_t c);


static inline bool
mcp_json_is_string(const mcp_json_t *json, uint32_t index)
{
    return index < json->count
           && json->tokens[index].type == MCP_JSON_STRING;
}


static inline mcp_str_t
mcp_json_span(const mcp_json_t *json, uint32_t index)
{
    mcp_str_t                s;
    const mcp_json_token_t  *t;

    t = &json->tokens[index];
    s.data = json->text + t->start;
    s.len = t->end - t->start;

    return s;
}


static inline void
mcp_json_cursor_init(mcp_json_cursor_t *cursor, mcp_str_t s)
{
    cursor->p = s.data;
    cursor->end = s.data + s.len;
    cursor->next = 0;
    cursor->count = 0;
}


/* The next unescaped byte, or -1. */
static inline int
mcp_json_cursor_next(mcp_json_cursor_t *cursor)
{
    if (cursor->next < cursor->count) {
        return cursor->bytes[cursor->next++];
    }

    if (cursor->p == cursor->end) {
        return -1;
    }

    if (*cursor->p != '\\') {
        return *cursor->p++;
    }

    cursor->p = mcp_json_unescape_one(cursor->p, cursor->end, cursor->bytes,
                                      &cursor->count);
    cursor->next = 1;

    return cursor->bytes[0];
}


uint32_t
mcp_json_member(const mcp_json_t *json, uint32_t object, mcp_str_t name)
{
    uint32_t                 i, end;
    const mcp_json_token_t  *t;

    if (object >= json->count
        || json->tokens[object].type != MCP_JSON_OBJECT)
    {
        return MCP_JSON_NONE;
    }

    t = json->tokens;
    end = t[object].next;

    for (i = object + 1; i < end; i = t[i + 1].next) {

        if (t[i].flags & MCP_JSON_ESCAPED
            ? mcp_json_string_equal(json, i, name)
            : mcp_str_equal(mcp_json_span(json, i), name))
        {
            return i + 1;
        }
    }

    return MCP_JSON_NONE;
}


bool
mcp_json_string_equal(const mcp_json_t *json, uint32_t index, mcp_str_t s)
{
    int                c;
    size_t             i;
    mcp_json_cursor_t  cursor;

    if (!mcp_json_is_string(json, index)) {
        return false;
    }

    if (!(json->tokens[index].flags & MCP_JSON_ESCAPED)) {
        return mcp_str_equal(mcp_json_span(json, index), s);
    }

    /* no UTF-8 spells it */
    if (json->tokens[index].flags & MCP_JSON_SURROGATE) {
        return false;
    }

    mcp_json_cursor_init(&cursor, mcp_json_span(json, index));

    for (i = 0; i < s.len; i++) {
        c = mcp_json_cursor_next(&cursor);

        if (c != s.data[i]) {
            return false;
        }
    }

    return mcp_json_cursor_next(&cursor) == -1;
}


bool
mcp_json_keys_equal(const mcp_json_t *json, uint32_t a, uint32_t b)
{
    return mcp_json_strings_equal(json, a, json, b);
}


bool
mcp_json_strings_equal(const mcp_json_t *json_a, uint32_t a,
    const mcp_json_t *json_b, uint32_t b)
{
    int                c;
    mcp_json_cursor_t  ca, cb;

    if (!((json_a->tokens[a].flags | json_b->tokens[b].flags)
          & MCP_JSON_ESCAPED))
    {
        return mcp_str_equal(mcp_json_span(json_a, a),
                             mcp_json_span(json_b, b));
    }

    mcp_json_cursor_init(&ca, mcp_json_span(json_a, a));
    mcp_json_cursor_init(&cb, mcp_json_span(json_b, b));

    do {
        c = mcp_json_cursor_next(&ca);

        if (c != mcp_json_cursor_next(&cb)) {
            return false;
        }

    } while (c != -1);

    return true;
}


mcp_rc_t
mcp_json_string_unescape(const mcp_json_t *json, uint32_t index,
    mcp_arena_t *arena, mcp_str_t *value)
{
    uint8_t    *p;
    uint8_t     flags;
    mcp_str_t   span;

    value->data = NULL;
    value->len = 0;

    if (!mcp_json_is_string(json, index)) {
        return MCP_ERROR;
    }

    flags = json->tokens[index].flags;

    if (flags & (MCP_JSON_NUL | MCP_JSON_SURROGATE)) {
        return MCP_NO;
    }

    span = mcp_json_span(json, index);
    p = mcp_arena_alloc(arena, span.len);

    if (p == NULL) {
        return MCP_NOMEM;
    }

    value->data = p;
    value->len = (size_t) (mcp_json_unescape(p, span.data,
                                             span.data + span.len)
                           - p);

    (void) mcp_arena_resize(arena, p, span.len, value->len);

    return MCP_OK;
}


mcp_str_t
mcp_json_raw(const mcp_json_t *json, uint32_t index)
{
    mcp_str_t  s;

    if (index >= json->count) {
        return (mcp_str_t) { NULL, 0 };
    }

    s = mcp_json_span(json, index);

    if (json->tokens[index].type == MCP_JSON_STRING) {
        s.data--;
        s.len += 2;
    }

    return s;
}


uint32_t
mcp_json_size(const mcp_json_t *json, uint32_t index)
{
    uint32_t                 i, count, end, key;
    const mcp_json_token_t  *t;

    if (index >= json->count || json->tokens[index].type > MCP_JSON_ARRAY) {
        return 0;
    }

    t = json->tokens;
    end = t[index].next;
    key = t[index].type == MCP_JSON_OBJECT;
    count = 0;

    for (i = index + 1; i < end; i = t[i + key].next) {
        count++;
    }

    return count;
}


uint8_t *
mcp_json_unescape(uint8_t *dst, const uint8_t *p, const uint8_t *end)
{
    size_t          n;
    uint8_t         bytes[4];
    unsigned        length;
    const uint8_t  *backslash;

    while (p < end) {
        backslash = memchr(p, '\\', (size_t) (end - p));
        n = (size_t) ((backslash != NULL ? backslash : end) - p);

        memcpy(dst, p, n);
        dst += n;
        p += n;

        if (p < end) {
            p = mcp_json_unescape_one(p, end, bytes, &length);
            memcpy(dst, bytes, length);
            dst += length;
        }
    }

    return dst;
}


/*
 * One escape that the tokenizer has found valid.  An unpaired surrogate
 * becomes the three bytes it would have had, so that keys still compare.
 */
static const uint8_t *
mcp_json_unescape_one(const uint8_t *p, const uint8_t *end, uint8_t dst[4],
    unsigned *length)
{
    uint32_t  code, low;

    *length = 1;

    switch (p[1]) {

    case 'b':
        dst[0] = '\b';
        return p + 2;

    case 'f':
        dst[0] = '\f';
        return p + 2;

    case 'n':
        dst[0] = '\n';
        return p + 2;

    case 'r':
        dst[0] = '\r';
        return p + 2;

    case 't':
        dst[0] = '\t';
        return p + 2;

    case 'u':
        break;

    default:
        dst[0] = p[1];
        return p + 2;
    }

    code = mcp_json_hex4(p + 2);
    p += 6;

    if ((code & 0xfc00) == 0xd800 && end - p >= 6 && p[0] == '\\'
        && p[1] == 'u')
    {
        low = mcp_json_hex4(p + 2);

        if ((low & 0xfc00) == 0xdc00) {
            code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
            p += 6;
        }
    }

    *length = mcp_json_put_utf8(dst, code);

    return p;
}


/* The digits have been checked. */
static uint32_t
mcp_json_hex4(const uint8_t *p)
{
    uint32_t  code;
    unsigned  i;

    code = 0;

    for (i = 0; i < 4; i++) {
        code = code << 4 | ((p[i] & 0x0fu) + (p[i] >> 6) * 9u);
    }

    return code;
}


static unsigned
mcp_json_put_utf8(uint8_t *dst, uint32_t code)
{
    if (code < 0x80) {
        dst[0] = (uint8_t) code;
        return 1;
    }

    if (code < 0x800) {
        dst[0] = (uint8_t) (0xc0 | code >> 6);
        dst[1] = (uint8_t) (0x80 | (code & 0x3f));
        return 2;
    }

    if (code < 0x10000) {
        dst[0] = (uint8_t) (0xe0 | code >> 12);
        dst[1] = (uint8_t) (0x80 | (code >> 6 & 0x3f));
        dst[2] = (uint8_t) (0x80 | (code & 0x3f));
        return 3;
    }

    dst[0] = (uint8_t) (0xf0 | code >> 18);
    dst[1] = (uint8_t) (0x80 | (code >> 12 & 0x3f));
    dst[2] = (uint8_t) (0x80 | (code >> 6 & 0x3f));
    dst[3] = (uint8_t) (0x80 | (code & 0x3f));
    return 4;
}


uint8_t *
mcp_json_escape(uint8_t *dst, mcp_str_t s)
{
    size_t          plain;
    uint8_t         c;
    unsigned        n;
    const uint8_t  *p, *end;

    if (s.len == 0) {
        return dst;
    }

    p = s.data;
    end = p + s.len;

    while (p < end) {
        plain = (size_t) (mcp_json_skip_plain(p, end) - p);
        memcpy(dst, p, plain);
        dst += plain;
        p += plain;

        if (p == end) {
            break;
        }

        c = *p;

        if (c < 0x80) {
            dst = mcp_json_escape_control(dst, c);
            p++;
            continue;
        }

        n = mcp_json_utf8(p, end);

        if (n == 0) {
            memcpy(dst, "\xef\xbf\xbd", 3);
            dst += 3;
            p++;
            continue;
        }

        /* line ends to JavaScript and to readers of event streams */
        if (n == 3 && c == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8) {
            memcpy(dst, p[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
            dst += 6;

        } else {
            memcpy(dst, p, n);
            dst += n;
        }

        p += n;
    }

    return dst;
}


/* A control character, a quote or a backslash. */
static uint8_t *
mcp_json_escape_control(uint8_t *dst, uint8_t c)
{
    static const uint8_t  hex[] = "0123456789abcdef";
    static const uint8_t  letter[] = "btn?fr";

    *dst++ = '\\';

    if (c >= 0x20) {
        *dst++ = c;

    } else if (c >= '\b' && c <= '\r' && c != '\v') {
        *dst++ = letter[c - '\b'];

    } else {
        memcpy(dst, "u00", 3);
        dst[3] = hex[c >> 4];
        dst[4] = hex[c & 0x0f];
        dst += 5;
    }

    return dst;
}
