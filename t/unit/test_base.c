/* Strings are compared to their last byte, and no further. */

#include <stdlib.h>

#include "mcp_base.h"
#include "tap.h"

#define LONGEST  130


/* Memory that ends where it may not be read any more, for a sanitizer. */
static uint8_t *
copy(const uint8_t *p, size_t length)
{
    uint8_t  *bytes;

    bytes = malloc(length + (length == 0));

    if (bytes == NULL) {
        abort();
    }

    memcpy(bytes, p, length);

    return bytes;
}


static bool
equal_agrees(size_t length, size_t skip)
{
    bool      good;
    size_t    i, bit;
    uint8_t  *a, *b;
    uint8_t   text[LONGEST];

    for (i = 0; i < length; i++) {
        text[i] = (uint8_t) (i * 37 + length);
    }

    a = copy(text, length);
    b = copy(text, length);

    good = mcp_str_equal((mcp_str_t) { a + skip, length - skip },
                         (mcp_str_t) { b + skip, length - skip });

    /* what lies before does not matter */
    for (i = 0; i < length; i++) {
        for (bit = 0; bit < 8; bit += 7) {
            b[i] ^= (uint8_t) (1 << bit);
            good = good
                   && mcp_str_equal((mcp_str_t) { a + skip, length - skip },
                                    (mcp_str_t) { b + skip, length - skip })
                      == (i < skip);
            b[i] ^= (uint8_t) (1 << bit);
        }
    }

    free(a);
    free(b);

    return good;
}


int
main(void)
{
    bool    good;
    size_t  length, skip;

    good = true;

    for (length = 0; length < LONGEST; length++) {
        for (skip = 0; skip <= length && skip < 17; skip++) {
            good = good && equal_agrees(length, skip);
        }
    }

    ok(good, "every length, difference and alignment");

    ok(mcp_str_equal((mcp_str_t) { NULL, 0 }, mcp_str("")),
       "nothing equals nothing");
    ok(!mcp_str_equal(mcp_str("abc"), mcp_str("abcd"))
       && !mcp_str_equal(mcp_str("abcd"), mcp_str("abc"))
       && !mcp_str_equal(mcp_str(""), mcp_str("a")),
       "a beginning is not the whole");

    return tap_done();
}
