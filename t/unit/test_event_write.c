/* Events that take the place of others. */

#include "tap.h"

#include "mcp_event_stream.h"
#include "mcp_event_write.h"


#define SIZE  16384


static void
check(const char *name, mcp_str_t event, const mcp_str_t *pieces,
    size_t count, const char *expected)
{
    size_t          n;
    static uint8_t  buffer[SIZE];
    mcp_str_t       got;

    n = mcp_event_write(NULL, event, pieces, count);

    if (!ok(n < SIZE, "%s: its length", name)) {
        return;
    }

    got.data = buffer;
    got.len = mcp_event_write(buffer, event, pieces, count);

    ok(got.len == n, "%s: of the length that was told", name);
    is_str(got, expected, name);
}


static void
check_text(const char *name, mcp_str_t text, const char *expected)
{
    char  whole[SIZE];

    snprintf(whole, sizeof(whole), "event: message\ndata: %s\n\n", expected);
    check(name, mcp_str(""), &text, 1, whole);
}


static void
check_event(const char *name, mcp_str_t event, const char *fields)
{
    char       whole[SIZE];
    mcp_str_t  text;

    text = mcp_str("{}");

    snprintf(whole, sizeof(whole), "event: message\n%sdata: {}\n\n", fields);
    check(name, event, &text, 1, whole);
}


static void
test_fields(void)
{
    check_event("nothing but data", mcp_str("data: 1\n\n"), "");
    check_event("a type is one type", mcp_str("event:message\ndata: 1\n\n"),
                "");
    check_event("id", mcp_str("id: 7\ndata: 1\n\n"), "id: 7\n");
    check_event("id after the data", mcp_str("data: 1\nid: 7\n\n"),
                "id: 7\n");
    check_event("id without a blank", mcp_str("id:7\ndata: 1\n\n"), "id:7\n");
    check_event("id with blanks", mcp_str("id:  7 \ndata: 1\n\n"),
                "id:  7 \n");
    check_event("empty id", mcp_str("id:\ndata: 1\n\n"), "id:\n");
    check_event("id without a colon", mcp_str("id\ndata: 1\n\n"), "id:\n");
    check_event("retry without a colon", mcp_str("retry: 5\nretry\ndata: 1\n"),
                "retry: 5\nretry:\n");
    check_event("two ids", mcp_str("id: 1\nid: 2\ndata: 1\n\n"),
                "id: 1\nid: 2\n");
    check_event("retry", mcp_str("retry: 5\nid: 2\ndata: 1\n\n"),
                "retry: 5\nid: 2\n");
    check_event("CR", mcp_str("id: 2\rdata: 1\rretry: 5\r\r"),
                "id: 2\nretry: 5\n");
    check_event("CRLF", mcp_str("id: 2\r\ndata: 1\r\nretry: 5\r\n\r\n"),
                "id: 2\nretry: 5\n");
    check_event("comments and unknown fields",
                mcp_str(": c\nid2: 3\nidx\nID: 4\ndata: 1\n\n"), "");
    check_event("a line without an end", mcp_str("id: 1\nretry: 5\rid: 2"),
                "id: 1\nretry: 5\n");
    check_event("data that looks like an id",
                mcp_str("data: id: 4\ndata:id: 5\n\n"), "");
}


static void
test_text(void)
{
    mcp_str_t  pieces[3];

    check_text("plain", mcp_str("{\"a\":1}"), "{\"a\":1}");
    check_text("empty", mcp_str(""), "");
    check_text("line ends", mcp_str("{\n\"a\":\r\n1\r}"),
               "{ \"a\":  1 }");
    check_text("U+0085", mcp_str("\"a\xc2\x85" "b\""), "\"a\\u0085b\"");
    check_text("U+2028", mcp_str("\"\xe2\x80\xa8\xe2\x80\xa8\""),
               "\"\\u2028\\u2028\"");
    check_text("U+2029", mcp_str("\xe2\x80\xa9"), "\\u2029");
    check_text("neighbours", mcp_str("\xc2\x84\xc2\x86\xe2\x80\xa7\xe2\x80"
                                     "\xaa\xe2\x81\xa8\xc3\xa9"),
               "\xc2\x84\xc2\x86\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8"
               "\xc3\xa9");

    pieces[0] = mcp_str("[1,\n");
    pieces[1] = mcp_str("");
    pieces[2] = mcp_str("2]");
    check("pieces", mcp_str("id: 1\n\n"), pieces, 3,
          "event: message\nid: 1\ndata: [1, 2]\n\n");
    check("no pieces", mcp_str(""), NULL, 0, "event: message\ndata: \n\n");
}


/* Wherever a window of the search ends. */

static void
test_windows(void)
{
    bool            same;
    char            text[2048], expected[2048];
    size_t          at, n;
    mcp_str_t       piece;
    static uint8_t  buffer[SIZE];

    same = true;

    for (at = 500; at < 1040; at++) {
        memset(text, 'x', sizeof(text));
        memcpy(text + at, "\xe2\x80\xa8", 3);

        n = snprintf(expected, sizeof(expected), "event: message\ndata: ");
        memset(expected + n, 'x', at);
        n += at;
        memcpy(expected + n, "\\u2028", 6);
        n += 6;
        memcpy(expected + n, text + at + 3, 1200 - at - 3);
        n += 1200 - at - 3;
        memcpy(expected + n, "\n\n", 2);
        n += 2;

        piece = (mcp_str_t) { (uint8_t *) text, 1200 };

        same = same
               && mcp_event_write(buffer, mcp_str(""), &piece, 1) == n
               && memcmp(buffer, expected, n) == 0;
    }

    ok(same, "escaped at any offset");
}


/* What was written is read as what was meant. */

static void
test_read(void)
{
    uint8_t             data[64];
    static uint8_t      buffer[SIZE];
    mcp_str_t           input, text;
    mcp_event_stream_t  stream;

    text = mcp_str("[\"\xe2\x80\xa8\",\n1]");

    input.data = buffer;
    input.len = mcp_event_write(buffer, mcp_str("retry:9\rid: 4\rdata\r\r"),
                                &text, 1);

    mcp_event_stream_init(&stream, data, sizeof(data));

    ok(mcp_event_stream_next(&stream, &input) && input.len == 0, "one event");
    ok(mcp_event_stream_type_is(&stream, mcp_str("message")), "a message");
    is_str(mcp_event_stream_data(&stream), "[\"\\u2028\", 1]", "its data");
    ok(stream.has_id && stream.id_length == 1 && stream.id[0] == '4',
       "its id");
    ok(stream.has_retry && stream.retry_ms == 9, "its retry");
}


int
main(void)
{
    test_fields();
    test_text();
    test_windows();
    test_read();

    return tap_done();
}
