/* Characters of a pattern: read, escaped, written. */

#include <stdarg.h>
#include <stdio.h>

#include "mcp_re2_class.h"


#define MCP_RE2_OUT_MIN  256


static mcp_rc_t mcp_re2_hex(mcp_re2_text_t *text, size_t start, uint32_t *c);
static int mcp_re2_digit(uint8_t c);


mcp_rc_t
mcp_re2_fail(mcp_re2_text_t *text, size_t offset, const char *format, ...)
{
    char     message[160];
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    return mcp_error_set(text->error, 0, offset, "%s at offset %zu", message,
                         offset);
}


bool
mcp_re2_next(const mcp_re2_text_t *text, const char *s)
{
    size_t  length;

    length = strlen(s);

    return text->in.len - text->pos >= length
           && memcmp(text->in.data + text->pos, s, length) == 0;
}


bool
mcp_re2_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
           || c == '_';
}


/* The pattern is known to be UTF-8. */
uint32_t
mcp_re2_character(mcp_re2_text_t *text)
{
    uint8_t   byte;
    uint32_t  c;

    byte = text->in.data[text->pos++];

    if (byte < 0x80) {
        return byte;
    }

    c = byte < 0xe0 ? byte & 0x1f : byte < 0xf0 ? byte & 0x0f : byte & 0x07;

    while (text->pos < text->in.len
           && (text->in.data[text->pos] & 0xc0) == 0x80)
    {
        c = (c << 6 | (text->in.data[text->pos++] & 0x3f)) & 0x1fffff;
    }

    return c;
}


/* "\" and what follows, where that is one character. */
mcp_rc_t
mcp_re2_escape(mcp_re2_text_t *text, uint32_t *c)
{
    int      i;
    size_t   start;
    uint8_t  byte;

    static const char  letters[] = "afnrtv";
    static const char  values[] = "\a\f\n\r\t\v";

    start = text->pos++;

    if (text->pos == text->in.len) {
        return mcp_re2_fail(text, start, "\"\\\" at the end");
    }

    byte = text->in.data[text->pos++];

    for (i = 0; letters[i] != '\0'; i++) {
        if (byte == (uint8_t) letters[i]) {
            *c = (uint8_t) values[i];
            return MCP_OK;
        }
    }

    if (byte == 'x') {
        return mcp_re2_hex(text, start, c);
    }

    if (byte >= '0' && byte <= '7') {

        /* a single digit but 0 would be a back-reference */

        if (byte != '0' && (text->pos == text->in.len
                            || text->in.data[text->pos] < '0'
                            || text->in.data[text->pos] > '7'))
        {
            return mcp_re2_fail(text, start, "RE2 has no back-references");
        }

        *c = byte - '0';

        for (i = 1; i < 3 && text->pos < text->in.len
                    && text->in.data[text->pos] >= '0'
                    && text->in.data[text->pos] <= '7'; i++)
        {
            *c = *c * 8 + (text->in.data[text->pos++] - '0');
        }

        return MCP_OK;
    }

    if (byte < 0x80 && (!mcp_re2_word(byte) || byte == '_')) {
        *c = byte;
        return MCP_OK;
    }

    if (byte >= 0x80) {
        return mcp_re2_fail(text, start, "invalid escape of a letter that "
                            "is not ASCII");
    }

    return mcp_re2_fail(text, start, "RE2 has no escape \"\\%c\"", byte);
}


/* \x7f, \x{10ffff} */
static mcp_rc_t
mcp_re2_hex(mcp_re2_text_t *text, size_t start, uint32_t *c)
{
    int       digit;
    size_t    count;
    bool      braces;

    braces = mcp_re2_next(text, "{");
    text->pos += braces;

    *c = 0;
    count = 0;

    while (text->pos < text->in.len && (braces || count < 2)) {
        digit = mcp_re2_digit(text->in.data[text->pos]);

        if (digit < 0) {
            break;
        }

        *c = *c * 16 + (uint32_t) digit;
        count++;
        text->pos++;

        if (*c > 0x10ffff) {
            break;
        }
    }

    if (*c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff)
        || (braces ? count == 0 || !mcp_re2_next(text, "}") : count != 2))
    {
        return mcp_re2_fail(text, start, "invalid character code");
    }

    text->pos += braces;

    return MCP_OK;
}


static int
mcp_re2_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


void
mcp_re2_write(mcp_re2_text_t *text, const char *s)
{
    mcp_re2_write_bytes(text, (const uint8_t *) s, strlen(s));
}


void
mcp_re2_write_bytes(mcp_re2_text_t *text, const uint8_t *data, size_t len)
{
    size_t    size;
    uint8_t  *out;

    if (text->failed) {
        return;
    }

    if (text->out_size - text->out_len < len) {
        size = text->out_size * 2 + len + MCP_RE2_OUT_MIN;

        out = mcp_arena_alloc(text->arena, size);
        if (out == NULL) {
            text->failed = true;
            return;
        }

        if (text->out_len != 0) {
            memcpy(out, text->out, text->out_len);
        }

        text->out = out;
        text->out_size = size;
    }

    memcpy(text->out + text->out_len, data, len);
    text->out_len += len;
}


void
mcp_re2_write_character(mcp_re2_text_t *text, uint32_t c)
{
    uint8_t  bytes[2];

    if (c >= 0x80 || c < 0x20 || c == 0x7f) {
        mcp_re2_write_code(text, c);
        return;
    }

    bytes[0] = '\\';
    bytes[1] = (uint8_t) c;

    if (mcp_re2_word(bytes[1]) || c == ' ' || c == '/') {
        mcp_re2_write_bytes(text, &bytes[1], 1);

    } else {
        mcp_re2_write_bytes(text, bytes, 2);
    }
}


void
mcp_re2_write_code(mcp_re2_text_t *text, uint32_t c)
{
    char  code[16];

    (void) snprintf(code, sizeof(code), "\\x{%x}", (unsigned) c);
    mcp_re2_write(text, code);
}
