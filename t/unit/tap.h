/* TAP for unit tests: plan at the end, one line per check, no dependencies. */

#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcp_base.h"


static int  tap_count;
static int  tap_failed;


static inline bool
tap_ok(bool passed, const char *file, int line, const char *format, ...)
{
    va_list  args;

    tap_count++;
    printf("%sok %d - ", passed ? "" : "not ", tap_count);

    va_start(args, format);
    vprintf(format, args);
    va_end(args);

    printf("\n");

    if (!passed) {
        tap_failed++;
        printf("#   at %s line %d\n", file, line);
    }

    return passed;
}


static inline bool
tap_is_str(mcp_str_t got, const char *expected, const char *file, int line,
    const char *name)
{
    bool  passed;

    passed = got.len == strlen(expected)
             && memcmp(got.data, expected, got.len) == 0;

    tap_ok(passed, file, line, "%s", name);

    if (!passed) {
        printf("#   got      '%.*s'\n#   expected '%s'\n", (int) got.len,
               (const char *) got.data, expected);
    }

    return passed;
}


static inline int
tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}


#define ok(passed, ...)                                                       \
    tap_ok((passed), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, expected, name)                                           \
    tap_is_str((got), (expected), __FILE__, __LINE__, (name))

static inline mcp_str_t
tap_str(const char *s)
{
    return (mcp_str_t) { (const uint8_t *) s, strlen(s) };
}


static inline void *
tap_alloc(void *data, size_t size)
{
    (void) data;
    return malloc(size);
}


static inline void
tap_free(void *data, void *p)
{
    (void) data;
    free(p);
}

#define TAP_ALLOCATOR  { tap_alloc, tap_free, NULL }

#endif /* TAP_H */
