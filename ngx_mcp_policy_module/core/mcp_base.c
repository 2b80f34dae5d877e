#include <stdarg.h>
#include <stdio.h>

#include "mcp_base.h"


mcp_rc_t
mcp_error_set(mcp_error_t *error, int code, size_t offset,
    const char *format, ...)
{
    va_list  args;

    if (error == NULL) {
        return MCP_ERROR;
    }

    error->code = code;
    error->offset = offset;

    va_start(args, format);

    if (vsnprintf(error->text, sizeof(error->text), format, args) < 0) {
        error->text[0] = '\0';
    }

    va_end(args);

    return MCP_ERROR;
}


/* Eight at a time, each in a byte of its own. */

uint8_t *
mcp_hex_write(uint8_t *dst, const uint64_t value[2])
{
    uint64_t  x;
    unsigned  i;

    const uint64_t  ones = UINT64_C(0x0101010101010101);

    for (i = 0; i < 4; i++) {
        x = (i % 2) ? value[i / 2] & 0xffffffff : value[i / 2] >> 32;

        x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
        x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
        x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);

        /* what is above 9 has a bit of 16 when 6 is added */

        x += ones * '0' + ((x + ones * 6) >> 4 & ones) * ('a' - '0' - 10);

#if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        x = __builtin_bswap64(x);
#endif

        memcpy(dst, &x, sizeof(x));
        dst += sizeof(x);
    }

    return dst;
}


/* Short ones by their first and their last bytes, which overlap. */
bool
mcp_bytes_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
    uint64_t  wide[4];
    uint32_t  half[4];

    if (length > 16) {
        return memcmp(a, b, length) == 0;
    }

    if (length >= 8) {
        memcpy(&wide[0], a, 8);
        memcpy(&wide[1], b, 8);
        memcpy(&wide[2], a + length - 8, 8);
        memcpy(&wide[3], b + length - 8, 8);

        return ((wide[0] ^ wide[1]) | (wide[2] ^ wide[3])) == 0;
    }

    if (length >= 4) {
        memcpy(&half[0], a, 4);
        memcpy(&half[1], b, 4);
        memcpy(&half[2], a + length - 4, 4);
        memcpy(&half[3], b + length - 4, 4);

        return ((half[0] ^ half[1]) | (half[2] ^ half[3])) == 0;
    }

    return length == 0
           || (a[0] == b[0] && a[length / 2] == b[length / 2]
               && a[length - 1] == b[length - 1]);
}
