/* Members of the same name, found at every depth, in time. */

#include "json_model.h"
#include "tap.h"


typedef struct {
    const char       *text;
    mcp_json_code_t   defect;
    size_t            offset;
} row_t;


static mcp_arena_t      arena;
static mcp_allocator_t  allocator = TAP_ALLOCATOR;


static const row_t  rows[] = {
    { "{\"a\":1,\"b\":2}", MCP_JSON_VALID, 0 },
    { "{\"a\":1,\"a\":1}", MCP_JSON_DUPLICATE_KEY, 8 },
    { "{\"\":1,\"\":1}", MCP_JSON_DUPLICATE_KEY, 7 },
    { "{\"a\":1,\"b\":2,\"a\":3}", MCP_JSON_DUPLICATE_KEY, 14 },
    { "{\"a\":1,\"b\":2,\"c\":3,\"a\":4}", MCP_JSON_DUPLICATE_KEY, 20 },
    { "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"b\":5}",
      MCP_JSON_DUPLICATE_KEY, 26 },
    { "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"f\":7}",
      MCP_JSON_DUPLICATE_KEY, 38 },

    /* one spelled with escapes, or both */
    { "{\"a\":1,\"\\u0061\":2}", MCP_JSON_DUPLICATE_KEY, 8 },
    { "{\"\\u0061\":1,\"a\":2}", MCP_JSON_DUPLICATE_KEY, 13 },
    { "{\"\\u0061\":1,\"\\u0061\":2}", MCP_JSON_DUPLICATE_KEY, 13 },
    { "{\"n\\u0061me\":1,\"name\":2}", MCP_JSON_DUPLICATE_KEY, 16 },
    { "{\"/\":1,\"\\/\":2}", MCP_JSON_DUPLICATE_KEY, 8 },
    { "{\"\\n\":1,\"\\u000a\":2}", MCP_JSON_DUPLICATE_KEY, 9 },
    { "{\"\\n\":1,\"\\u000A\":2}", MCP_JSON_DUPLICATE_KEY, 9 },
    { "{\"\\b\":1,\"\\f\":2,\"\\n\":3,\"\\r\":4,\"\\t\":5,\"\\u0008\":6}",
      MCP_JSON_DUPLICATE_KEY, 37 },
    { "{\"\\\"\":1,\"\\u0022\":2}", MCP_JSON_DUPLICATE_KEY, 9 },
    { "{\"\\\\\":1,\"\\u005c\":2}", MCP_JSON_DUPLICATE_KEY, 9 },
    { "{\"\xc3\xa4\":1,\"\\u00e4\":2}", MCP_JSON_DUPLICATE_KEY, 9 },
    { "{\"\xe2\x82\xac\":1,\"\\u20AC\":2}", MCP_JSON_DUPLICATE_KEY, 10 },
    { "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\uDE00\":2}",
      MCP_JSON_DUPLICATE_KEY, 11 },
    { "{\"\\\\n\":1,\"\\n\":2}", MCP_JSON_VALID, 0 },
    { "{\"\\u0061\":1,\"\\u0062\":2}", MCP_JSON_VALID, 0 },
    { "{\"\\u0061\":1}", MCP_JSON_VALID, 0 },
    { "{\"\\u0061\":{\"\\u0061\":{\"a\":1}}}", MCP_JSON_VALID, 0 },
    { "{\"\xc3\xa4\":1,\"\\u0061\\u0308\":2}", MCP_JSON_VALID, 0 },
    { "{\"A\":1,\"\\u0061\":2}", MCP_JSON_VALID, 0 },
    { "{\"n\\u0061me of some length beyond a block\":1,"
      "\"name of some length beyond a block\":2}",
      MCP_JSON_DUPLICATE_KEY, 46 },

    /* at depth, and with others in between */
    { "[{\"x\":[{\"a\":1,\"a\":2}]}]", MCP_JSON_DUPLICATE_KEY, 15 },
    { "{\"x\":{\"a\":1,\"y\":{\"a\":1},\"a\":2}}",
      MCP_JSON_DUPLICATE_KEY, 25 },
    { "{\"a\":{\"a\":[{\"a\":1},{\"a\":{\"a\":2}}]}}", MCP_JSON_VALID, 0 },
    { "{\"a\":[{\"b\":1,\"c\":2}],\"b\":3,\"c\":4,\"a\":5}",
      MCP_JSON_DUPLICATE_KEY, 34 },
    { "{\"a\":{},\"b\":{},\"c\":{\"b\":{}},\"b\":{}}",
      MCP_JSON_DUPLICATE_KEY, 29 },

    /* the first one in the text is told, wherever it is nested */
    { "{\"a\":1,\"a\":2,\"b\":{\"c\":1,\"c\":2}}", MCP_JSON_DUPLICATE_KEY, 8 },
    { "{\"a\":1,\"b\":{\"c\":1,\"c\":2},\"a\":2}", MCP_JSON_DUPLICATE_KEY,
      19 },
    { "[{\"a\":1,\"a\":2},{\"b\":1,\"b\":2}]", MCP_JSON_DUPLICATE_KEY, 9 },
    { "{\"a\":1,\"a\":2,\"\\u0000\":3}", MCP_JSON_DUPLICATE_KEY, 8 },
    { "{\"\\u0000\":1,\"a\":1,\"a\":2}", MCP_JSON_KEY_NUL, 2 },

    /* names that nobody should have */
    { "{\"a\\u0000\":1}", MCP_JSON_KEY_NUL, 2 },
    { "{\"\\ud800\":1}", MCP_JSON_KEY_SURROGATE, 2 },
    { "{\"x\":{\"\\udc00\\ud800\":1}}", MCP_JSON_KEY_SURROGATE, 7 },
    { "{\"x\":1 , \"\\ud800\\u0000\" : 1}", MCP_JSON_KEY_NUL, 10 },
    { "{\"\\ud83d\\ude00\":1}", MCP_JSON_VALID, 0 },
    { "{\"a\":\"\\u0000\",\"b\":\"\\ud800\"}", MCP_JSON_VALID, 0 },

    /* alike at both ends and in length */
    { "{\"12345678-a-12345678\":1,\"12345678-b-12345678\":2}",
      MCP_JSON_VALID, 0 },
    { "{\"12345678-a-12345678\":1,\"12345678-b-12345678\":2,"
      "\"12345678-a-12345678\":3}", MCP_JSON_DUPLICATE_KEY, 50 },
    { "{\"1234567812345678x\":1,\"1234567812345678\":2}",
      MCP_JSON_VALID, 0 }
};


static mcp_rc_t
parse(mcp_json_t *json, mcp_str_t text)
{
    mcp_error_t   error;
    mcp_limits_t  limits;

    limits = json_limits();
    limits.depth = 100000;
    limits.tokens = 10000000;
    mcp_arena_reset(&arena, 65536);

    return mcp_json_parse(json, text, &limits, &arena, &error);
}


static void
test_rows(void)
{
    size_t      i, n;
    uint8_t     buf[512];
    mcp_str_t   s;
    mcp_json_t  json;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s = tap_str(rows[i].text);

        ok(parse(&json, s) == MCP_OK && json.defect == rows[i].defect
           && json.defect_offset == rows[i].offset
           && json_check(&json) == NULL,
           "%s at %zu: %s", mcp_json_code_name(rows[i].defect),
           rows[i].offset, rows[i].text);

        /* and far from the end of the text */
        n = 0;
        buf[n++] = '[';
        memcpy(buf + n, s.data, s.len);
        n += s.len;
        buf[n++] = ',';
        memset(buf + n, ' ', 100);
        n += 100;
        memcpy(buf + n, "{\"n\":7}]", 8);
        n += 8;

        ok(parse(&json, (mcp_str_t) { buf, n }) == MCP_OK
           && json.defect == rows[i].defect
           && json.defect_offset
              == (rows[i].defect ? rows[i].offset + 1 : 0)
           && json_check(&json) == NULL
           && json.tokens[json.count - 1].end == n - 2,
           "and in a longer text, which is read to its end");
    }
}


/* An object of "count" members; "twin" is spelled as an earlier one. */
static mcp_str_t
object(char *buf, size_t size, size_t count, size_t twin, size_t of,
    const char *format)
{
    size_t  i, n;

    n = 0;
    buf[n++] = '{';

    for (i = 0; i < count; i++) {
        buf[n++] = '"';
        n += (size_t) snprintf(buf + n, size - n, format,
                               i == twin ? of : i);
        buf[n++] = '"';
        buf[n++] = ':';
        buf[n++] = '0';
        buf[n++] = ',';
    }

    buf[n - (count != 0)] = '}';
    n += count == 0;

    return (mcp_str_t) { (uint8_t *) buf, n };
}


static void
test_sizes(void)
{
    bool        good;
    char       *buf;
    size_t      count, twin, of, f;
    mcp_str_t   s;
    mcp_json_t  json;

    static const char *const  formats[] = {
        "%zu", "k%zu", "a longer key with %zu somewhere and an end",
        "\\u0041%zu", "%08zu-in the middle-alike"
    };

    buf = malloc(1 << 20);

    if (buf == NULL) {
        exit(2);
    }

    for (f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
        good = true;

        for (count = 0; count < 80; count++) {
            s = object(buf, 1 << 20, count, count, 0, formats[f]);
            good = good && parse(&json, s) == MCP_OK
                   && json.defect == MCP_JSON_VALID
                   && json_check(&json) == NULL
                   && mcp_json_size(&json, 0) == count;

            for (twin = 1; twin < count; twin += 1 + twin / 8) {
                for (of = 0; of < twin; of += 1 + of / 8) {
                    s = object(buf, 1 << 20, count, twin, of, formats[f]);
                    good = good && parse(&json, s) == MCP_OK
                           && json.defect == MCP_JSON_DUPLICATE_KEY
                           && json.defect_offset
                              == json.tokens[1 + 2 * twin].start;
                }
            }
        }

        ok(good, "every size and twin of keys like %s", formats[f]);
    }

    free(buf);
}


/* All these would take hours if anything were quadratic. */
static void
test_large(void)
{
    char        *buf;
    size_t       i, n, size;
    mcp_str_t    s;
    mcp_json_t   json;

    size = 64 * 1000 * 1000;
    buf = malloc(size);

    if (buf == NULL) {
        exit(2);
    }

    s = object(buf, size, 1000000, 999999, 3, "%zu");
    ok(parse(&json, s) == MCP_OK && json.defect == MCP_JSON_DUPLICATE_KEY
       && json.defect_offset == s.len - 5, "the last of 1,000,000 keys");

    s = object(buf, size, 1000000, 1000000, 0, "%zu");
    ok(parse(&json, s) == MCP_OK && json.defect == MCP_JSON_VALID,
       "1,000,000 different ones");

    s = object(buf, size, 500000, 500000, 0, "12345678-%zu-12345678");
    ok(parse(&json, s) == MCP_OK && json.defect == MCP_JSON_VALID,
       "500,000 with few signatures");

    s = object(buf, size, 300000, 300000, 0, "\\u0061%zu");
    ok(parse(&json, s) == MCP_OK && json.defect == MCP_JSON_VALID,
       "300,000 with escapes");

    /* an object open at every level, each with more than a few keys */
    n = 0;

    for (i = 0; i < 20000; i++) {
        n += (size_t) snprintf(buf + n, size - n,
                               "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,"
                               "\"f\":6,\"\\u0067\":7,\"h\":");
    }

    buf[n++] = '0';

    for (i = 0; i < 20000; i++) {
        n += (size_t) snprintf(buf + n, size - n, ",\"i\":8,\"j\":9}");
    }

    s = (mcp_str_t) { (uint8_t *) buf, n };
    ok(parse(&json, s) == MCP_OK && json.defect == MCP_JSON_VALID,
       "20,000 objects in each other");

    buf[n - 5] = 'a';
    ok(parse(&json, s) == MCP_OK && json.defect == MCP_JSON_DUPLICATE_KEY
       && json.defect_offset == n - 5,
       "the outermost has the same name twice");

    /* a large object between two keys of another large one */
    n = 0;
    buf[n++] = '{';

    for (i = 0; i < 3000; i++) {
        n += (size_t) snprintf(buf + n, size - n, "\"%zu\":{", i);
        s = object(buf + n - 1, size - n, 50, 50, 0, "%zu");
        n += s.len - 1;
        buf[n++] = ',';
    }

    buf[n - 1] = '}';
    s = (mcp_str_t) { (uint8_t *) buf, n };
    ok(parse(&json, s) == MCP_OK && json.defect == MCP_JSON_VALID
       && json_check(&json) == NULL && mcp_json_size(&json, 0) == 3000,
       "3,000 objects of 50 in one");

    free(buf);
}


static void
test_memory(void)
{
    char          *buf;
    size_t         cap;
    mcp_rc_t       rc;
    mcp_str_t      s;
    unsigned       failed;
    mcp_json_t     json;
    mcp_arena_t    small;
    mcp_error_t    error;
    mcp_limits_t   limits;

    buf = malloc(1 << 20);

    if (buf == NULL) {
        exit(2);
    }

    limits = json_limits();
    failed = 0;
    s = object(buf, 1 << 20, 600, 599, 1, "a\\t%zu");

    for (cap = 64; cap < 200000; cap += 64) {
        mcp_arena_init(&small, &allocator, cap);
        rc = mcp_json_parse(&json, s, &limits, &small, &error);
        mcp_arena_destroy(&small);

        if (rc == MCP_NOMEM) {
            failed++;

        } else if (rc != MCP_OK || json.defect != MCP_JSON_DUPLICATE_KEY) {
            break;
        }
    }

    ok(cap >= 200000 && failed > 10,
       "memory that ends anywhere is told, a duplicate is never missed");
    free(buf);
}


int
main(void)
{
    mcp_arena_init(&arena, &allocator, 0);

    test_rows();
    test_sizes();
    test_large();
    test_memory();

    mcp_arena_destroy(&arena);

    return tap_done();
}
