/*
 * Texts that are measured, the same in every run.
 */

#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"


typedef struct {
    char      *data;
    size_t     len;
    size_t     size;
    uint64_t   random;
} bench_text_t;


static inline void
bench_add(bench_text_t *text, const char *format, ...)
{
    int      n;
    va_list  args;

    if (text->size - text->len < 4096) {
        text->size = text->size * 2 + 65536;
        text->data = realloc(text->data, text->size);

        if (text->data == NULL) {
            exit(2);
        }
    }

    va_start(args, format);
    n = vsnprintf(text->data + text->len, text->size - text->len, format,
                  args);
    va_end(args);

    text->len += (size_t) n;
}


static inline unsigned
bench_random(bench_text_t *text, unsigned limit)
{
    return (unsigned) (bench_random_next(&text->random) >> 33) % limit;
}


static inline void
bench_call(bench_text_t *text, size_t length)
{
    (void) length;

    bench_add(text,
        "{\"jsonrpc\":\"2.0\",\"id\":42,\"method\":\"tools/call\",\"params\":"
        "{\"name\":\"create_refund\",\"arguments\":{\"customer\":"
        "\"cus_9s6XKzkNRiz8i3\",\"amount\":2599,\"currency\":\"eur\","
        "\"reason\":\"requested by customer, see ticket 88213\","
        "\"notify\":true,\"metadata\":{\"order\":\"A-1009\",\"attempt\":1}},"
        "\"_meta\":{\"progressToken\":7}}}");
}


/* Small members of every kind, values and their lengths at random. */
static inline void
bench_dense(bench_text_t *text, size_t length)
{
    unsigned  i, n;

    static const char *const  word[] = {
        "red", "green", "blue", "open", "closed", "a", "pending", "ok",
        "invoice-2024"
    };

    bench_add(text, "{\"method\":\"tools/call\",\"params\":{\"rows\":[");

    for (i = 0; text->len + 120 < length; i++) {
        bench_add(text, "%s{\"id\":%u,\"open\":%s,\"tags\":[", i ? "," : "",
                  bench_random(text, 100000),
                  bench_random(text, 2) ? "true" : "false");

        for (n = bench_random(text, 4); n != 0; n--) {
            bench_add(text, "\"%s\"%s", word[bench_random(text, 9)],
                      n > 1 ? "," : "");
        }

        bench_add(text, "],\"point\":[%u,%u.%u],\"owner\":{\"left\":%s,"
                  "\"state\":\"%s\"}}", bench_random(text, 1000),
                  bench_random(text, 100), bench_random(text, 100),
                  bench_random(text, 2) ? "null" : "-1",
                  word[bench_random(text, 9)]);
    }

    bench_add(text, "]}}");
}


static inline void
bench_string(bench_text_t *text, size_t length)
{
    bench_add(text, "{\"method\":\"tools/call\",\"params\":{\"text\":\"");

    while (text->len + 40 < length) {
        bench_add(text, "the quick brown fox jumps, ");
    }

    bench_add(text, "\"}}");
}


static inline void
bench_unicode(bench_text_t *text, size_t length)
{
    bench_add(text, "{\"method\":\"tools/call\",\"params\":{\"text\":\"");

    while (text->len + 60 < length) {
        bench_add(text, "\346\227\245\346\234\254\350\252\236\343\201\256"
                  "\346\226\207\347\253\240 f\303\274r ");
    }

    bench_add(text, "\"}}");
}


static inline void
bench_escapes(bench_text_t *text, size_t length)
{
    bench_add(text, "{\"method\":\"tools/call\",\"params\":{\"text\":\"");

    while (text->len + 60 < length) {
        bench_add(text, "int main(void) {\\n    puts(\\\"hi\\\");\\n}\\n");
    }

    bench_add(text, "\"}}");
}


static inline void
bench_pretty(bench_text_t *text, size_t length)
{
    unsigned  i;

    bench_add(text, "{\n  \"rows\": [");

    for (i = 0; text->len + 160 < length; i++) {
        bench_add(text, "%s\n    {\n      \"id\": %u,\n      \"name\": "
                  "\"item %u\",\n      \"open\": true\n    }", i ? "," : "",
                  bench_random(text, 100000), i);
    }

    bench_add(text, "\n  ]\n}\n");
}


static inline void
bench_keys(bench_text_t *text, size_t length)
{
    unsigned  i;

    bench_add(text, "{");

    for (i = 0; text->len + 40 < length; i++) {
        bench_add(text, "%s\"key%u\":%u", i ? "," : "", i,
                  bench_random(text, 10));
    }

    bench_add(text, "}");
}


/* Pairs of escaped names are what costs most for each byte. */
static inline void
bench_hostile(bench_text_t *text, size_t length)
{
    bench_add(text, "[0");

    while (text->len + 40 < length) {
        bench_add(text, ",{\"\\n\":1,\"\":2}");
    }

    bench_add(text, "]");
}


static inline void
bench_list(bench_text_t *text, size_t length)
{
    unsigned  i;

    bench_add(text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[");

    for (i = 0; text->len + 720 < length; i++) {
        bench_add(text, "%s{\"name\":\"service_%u_operation\",\"title\":"
            "\"Operation %u\",\"description\":\"Looks up the records that "
            "match a query and returns them, newest first.\\nUse it before "
            "anything that changes records.\",\"inputSchema\":{\"type\":"
            "\"object\",\"properties\":{\"query\":{\"type\":\"string\","
            "\"description\":\"What to look for\"},\"limit\":{\"type\":"
            "\"integer\",\"minimum\":1,\"maximum\":%u},\"verbose\":{\"type\":"
            "\"boolean\",\"default\":false}},\"required\":[\"query\"],"
            "\"additionalProperties\":false,\"$schema\":"
            "\"http://json-schema.org/draft-07/schema#\"},\"annotations\":"
            "{\"readOnlyHint\":true,\"openWorldHint\":false}}",
            i ? "," : "", i, i, 10 + bench_random(text, 1000));
    }

    bench_add(text, "]}}");
}

#endif /* BENCH_TEXT_H */
