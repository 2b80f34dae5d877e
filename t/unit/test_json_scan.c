/*
 * The inner loops of the tokenizer and of the readers of streams beside loops
 * over bytes: every byte at every place, where exactly as much can be read as
 * they may.  test_json_scan_plain.c does the same without SSE2 or NEON.
 */

#include <stdlib.h>

#include "mcp_json_scan.h"
#include "tap.h"

#define LONGEST  200


typedef bool (*scan_stop_pt)(uint8_t c);

typedef struct {
    const char      *name;
    unsigned       (*block)(const uint8_t *p);
    const uint8_t *(*skip)(const uint8_t *p, const uint8_t *end);
    scan_stop_pt     stops;
    uint8_t          over;      /* a byte that it runs over */
} scan_t;


static bool
stops_at_space_end(uint8_t c)
{
    return !mcp_json_is_space(c);
}


static bool
stops_at_digits_end(uint8_t c)
{
    return c < '0' || c > '9';
}


static const scan_t  scans[] = {
    { "plain bytes of a string", mcp_json_special16, mcp_json_skip_plain,
      mcp_json_is_special, 'x' },
    { "white space", mcp_json_spaces16, mcp_json_skip_space,
      stops_at_space_end, ' ' },
    { "digits", mcp_json_digits16, mcp_json_skip_digits, stops_at_digits_end,
      '7' },
    { "a line", mcp_json_line16, mcp_json_skip_line, mcp_json_is_line_end,
      'x' }
};


/* Memory that ends where it may not be read any more, for a sanitizer. */
static uint8_t *
scan_text(size_t length, uint8_t over)
{
    uint8_t  *p;

    p = malloc(length + (length == 0));

    if (p == NULL) {
        abort();
    }

    memset(p, over, length);

    return p;
}


/* One byte in the text, and another behind it. */
static bool
scan_agrees(const scan_t *scan, size_t length, size_t place, uint8_t c)
{
    bool      good;
    size_t    i;
    uint8_t  *p;

    p = scan_text(length, scan->over);

    if (place < length) {
        p[place] = c;
    }

    if (place + 3 < length) {
        p[place + 3] = 0x01;
    }

    for (i = 0; i < length && !scan->stops(p[i]); i++) { /* void */ }

    good = scan->skip(p, p + length) == p + i;

    if (length == MCP_JSON_BLOCK) {
        good = good && scan->block(p) == i;
    }

    free(p);

    return good;
}


static void
test_scan(const scan_t *scan)
{
    size_t    length, place;
    unsigned  c, wrong;

    wrong = 0;

    for (length = 0; length <= LONGEST; length++) {
        wrong += !scan_agrees(scan, length, length, 0);

        for (place = 0; place < length; place += 1 + place / 20) {
            wrong += !scan_agrees(scan, length, place, '\n');
            wrong += !scan_agrees(scan, length, place, 0x80);
        }
    }

    for (c = 0; c < 256; c++) {

        for (place = 0; place < MCP_JSON_BLOCK; place++) {
            wrong += !scan_agrees(scan, MCP_JSON_BLOCK, place, (uint8_t) c);
        }

        for (place = 0; place < 100; place++) {
            wrong += !scan_agrees(scan, 100, place, (uint8_t) c);
        }
    }

    ok(wrong == 0, "%s: every byte at every place", scan->name);
}


/* Of 64 bytes at once it may only be said that none stops. */
static void
test_64(const char *name, bool (*none)(const uint8_t *p), scan_stop_pt stops,
    scan_stop_pt may)
{
    size_t    place;
    uint8_t  *p;
    unsigned  c, wrong;

    wrong = 0;

    for (c = 0; c < 256; c++) {

        for (place = 0; place < 64; place++) {
            p = scan_text(64, 'x');
            p[place] = (uint8_t) c;

            wrong += none(p) && stops((uint8_t) c);
            wrong += !none(p) && !may((uint8_t) c);

            free(p);
        }
    }

    ok(wrong == 0, "%s: 64 bytes at once", name);
}


static bool
is_low(uint8_t c)
{
    return c <= '\r';
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(scans) / sizeof(scans[0]); i++) {
        test_scan(&scans[i]);
    }

    test_64("plain bytes of a string", mcp_json_plain64, mcp_json_is_special,
            mcp_json_is_special);
    test_64("a line", mcp_json_line64, mcp_json_is_line_end, is_low);

    return tap_done();
}
