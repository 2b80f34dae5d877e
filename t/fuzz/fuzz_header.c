/*
 * Values of headers, and URIs.  What is read from Base64 has this Base64 and
 * no other, and what is not Base64 is read as it is.  A capital in its scheme
 * makes a URI one that is not normal, but nothing of its dots.
 */

#include "fuzz.h"

#include "mcp_message.h"


static const char  alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789+/";


/* "=?base64?...?="; the length. */
static size_t
encode(mcp_str_t text, uint8_t *dst)
{
    size_t    i, k, left;
    uint8_t  *p;
    uint32_t  bits;

    p = dst;
    memcpy(p, "=?base64?", 9);
    p += 9;

    for (i = 0; i < text.len; i += 3) {
        left = text.len - i;
        bits = (uint32_t) text.data[i] << 16;
        bits |= left > 1 ? (uint32_t) text.data[i + 1] << 8 : 0;
        bits |= left > 2 ? text.data[i + 2] : 0;

        for (k = 0; k < 4; k++) {
            *p++ = k <= left ? (uint8_t) alphabet[bits >> (18 - 6 * k) & 63]
                             : '=';
        }
    }

    memcpy(p, "?=", 2);

    return (size_t) (p + 2 - dst);
}


static void
check_decoded(mcp_str_t value, mcp_arena_t *arena)
{
    uint8_t    *dst;
    mcp_rc_t    rc;
    mcp_str_t   decoded, form, again;

    rc = mcp_header_decode(value, arena, &decoded);
    check(rc == MCP_OK || rc == MCP_ERROR);

    dst = malloc(value.len * 2 + 16);
    check(dst != NULL);

    if (rc == MCP_OK && value.len >= 11 && memcmp(value.data, "=?base64?", 9)
                                           == 0
        && memcmp(value.data + value.len - 2, "?=", 2) == 0)
    {
        form.data = dst;
        form.len = encode(decoded, dst);
        check(mcp_str_equal(form, value));

    } else if (rc == MCP_OK) {
        check(mcp_str_equal(decoded, value));
    }

    form.data = dst;
    form.len = encode(value, dst);

    if (mcp_header_decode(form, arena, &again) == MCP_OK) {
        check(mcp_str_equal(again, value));
    }

    free(dst);
}


static void
check_uri(mcp_str_t uri)
{
    bool       normal;
    size_t     i;
    uint8_t   *copy;
    mcp_str_t  other;

    copy = malloc(uri.len + 1);
    check(copy != NULL);

    if (uri.len != 0) {
        memcpy(copy, uri.data, uri.len);
    }

    other.data = copy;
    other.len = uri.len;
    normal = mcp_uri_is_normal(uri);

    if (mcp_uri_is_clean(uri)) {
        copy[uri.len] = '\n';
        other.len = uri.len + 1;
        check(!mcp_uri_is_clean(other));
    }

    other.len = uri.len;

    for (i = 0; i < uri.len && copy[i] != ':'; i++) {

        if (copy[i] >= 'a' && copy[i] <= 'z') {
            copy[i] &= 0xdf;
            check(!mcp_uri_is_normal(other));
            check(mcp_uri_has_dot_segments(other)
                  == mcp_uri_has_dot_segments(uri));
            copy[i] |= 0x20;
        }
    }

    check(mcp_uri_is_normal(other) == normal);
    free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_str_t    value;
    mcp_arena_t  arena;

    if (size > 4096) {
        return 0;
    }

    value.data = data;
    value.len = size;

    mcp_arena_init(&arena, &fuzz_allocator, 0);
    check_decoded(value, &arena);
    check_uri(value);
    (void) mcp_content_type_valid(value);
    (void) mcp_content_type_stream_valid(value);
    mcp_arena_destroy(&arena);

    return 0;
}
