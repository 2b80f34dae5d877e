/*
 * Pin files and canonical forms.  What must hold of a text that has one:
 *
 *   to jansson, which reads numbers as doubles, too, both are equal;
 *   it is the canonical form of itself;
 *   it has one again when memory ends just behind it.
 *
 * Whatever is read as a pin file finds each of its names, and an error is
 * inside of the text.
 */

#include "fuzz.h"

#include <jansson.h>

#include "mcp_canonical.h"
#include "mcp_pin.h"

#define FLAGS  (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL    \
                | JSON_REJECT_DUPLICATES)


static void *
fuzz_arena_alloc(void *data, size_t size)
{
    return mcp_arena_alloc(data, size);
}


static mcp_rc_t
canonical(mcp_str_t text, mcp_arena_t *arena, mcp_str_t *form)
{
    mcp_rc_t     rc;
    mcp_json_t   json;
    mcp_error_t  error;

    rc = mcp_json_parse(&json, text, &fuzz_limits, arena, &error);

    return rc == MCP_OK
           ? mcp_canonical_write(&json, 0, NULL, 0, arena, form) : rc;
}


static void
fuzz_canonical(mcp_str_t text)
{
    json_t       *before, *after;
    mcp_str_t     form, again;
    mcp_arena_t   arena;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    if (canonical(text, &arena, &form) == MCP_OK) {
        check(canonical(form, &arena, &again) == MCP_OK);
        check(mcp_str_equal(form, again));

        before = json_loadb((const char *) text.data, text.len, FLAGS, NULL);
        after = json_loadb((const char *) form.data, form.len, FLAGS, NULL);

        check(before != NULL && after != NULL && json_equal(before, after));

        json_decref(before);
        json_decref(after);
    }

    mcp_arena_destroy(&arena);
}


static void
fuzz_file(mcp_str_t text)
{
    mcp_rc_t         rc;
    unsigned         line, column;
    uint32_t         i;
    mcp_json_t       json;
    mcp_error_t      error;
    mcp_arena_t      arena, kept;
    mcp_pin_set_t    set;
    mcp_allocator_t  keep = { fuzz_arena_alloc, NULL, &kept };

    mcp_arena_init(&arena, &fuzz_allocator, 0);
    mcp_arena_init(&kept, &fuzz_allocator, 0);
    memset(&set, 0, sizeof(set));

    rc = mcp_pin_read(&set, &json, text, &keep, &arena, fuzz_limits.hash_key,
                      &error);

    if (rc == MCP_OK) {
        for (i = 0; i < set.count; i++) {
            check(mcp_pin_find(&set, set.pins[i].name) == &set.pins[i]);
        }

        check(mcp_pin_find(&set, mcp_str("")) == NULL);

    } else {
        check(rc == MCP_ERROR && error.offset <= text.len);
        mcp_pin_position(text, error.offset, &line, &column);
        check(line > 0 && column > 0 && error.text[0] != '\0');
    }

    mcp_arena_destroy(&arena);
    mcp_arena_destroy(&kept);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_str_t  text;

    text.data = data;
    text.len = size;

    fuzz_canonical(text);
    fuzz_file(text);

    return 0;
}
