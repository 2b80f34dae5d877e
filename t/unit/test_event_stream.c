/* The reader of event streams: framing, splitting, limits. */

#include "tap.h"
#include "event_model.h"


#define CAPACITY  64


static size_t
all_at_once(void *data)
{
    (void) data;
    return SIZE_MAX;
}


static size_t
byte_by_byte(void *data)
{
    (void) data;
    return 1;
}


/* two pieces: *data is the length of the first, 0 once it was taken */

static size_t
in_two(void *data)
{
    size_t  n, *first = data;

    n = *first ? *first : SIZE_MAX;
    *first = 0;

    return n;
}


/* pieces of 1 to 8 bytes, the same on every machine */

static size_t
some(void *data)
{
    uint32_t *seed = data;

    *seed = *seed * 1103515245 + 12345;

    return 1 + (*seed >> 16) % 8;
}


static void
check(const char *name, mcp_str_t text, const char *expected)
{
    bool            same;
    size_t          first, rest;
    uint32_t        i, seed;
    uint8_t         buffer[CAPACITY];
    event_report_t  model, whole, split;

    memset(&model, 0, sizeof(model));
    memset(&whole, 0, sizeof(whole));

    event_report_add(&model, "", 0);
    event_report_add(&whole, "", 0);

    event_model(&model, text, CAPACITY);
    event_read(&whole, text, buffer, CAPACITY, all_at_once, NULL);

    if (expected) {
        is_str(tap_str(whole.text), expected, name);
    }

    same = whole.length == model.length
           && memcmp(whole.text, model.text, model.length) == 0;

    if (!ok(same, "%s: as the model", name)) {
        printf("# got %s\n# model %s\n", whole.text, model.text);
    }

    same = true;

    for (i = 0; i < 50; i++) {
        memset(&split, 0, sizeof(split));
        event_report_add(&split, "", 0);

        seed = i;
        event_read(&split, text, buffer, CAPACITY,
                   (i == 0) ? byte_by_byte : some, &seed);

        same = same && split.length == whole.length
               && memcmp(split.text, whole.text, whole.length) == 0;

        free(split.text);
    }

    for (first = 1; first < text.len; first++) {
        memset(&split, 0, sizeof(split));
        event_report_add(&split, "", 0);

        rest = first;
        event_read(&split, text, buffer, CAPACITY, in_two, &rest);

        same = same && split.length == whole.length
               && memcmp(split.text, whole.text, whole.length) == 0;

        free(split.text);
    }

    ok(same, "%s: in pieces", name);

    seed = 7;
    ok(event_bytes_agree(text, all_at_once, NULL)
       && event_bytes_agree(text, byte_by_byte, NULL)
       && event_bytes_agree(text, some, &seed), "%s: its bytes", name);

    free(model.text);
    free(whole.text);
}


static void
test_framing(void)
{
    check("empty", mcp_str(""), "");
    check("one event", mcp_str("data: a\n\n"), "[|=a|]");
    check("event at the end of the stream", mcp_str("data: a\n"), "");
    check("type", mcp_str("event: endpoint\ndata: /m\n\n"), "[endpoint|=/m|]");
    check("last type wins", mcp_str("event: a\nevent: b\ndata:\n\n"),
          "[b|=|]");
    check("CR", mcp_str("event: x\rdata: a\r\rdata: b\r\r"),
          "[x|=a|][|=b|]");
    check("CRLF", mcp_str("event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n"),
          "[x|=a|][|=b|]");
    check("mixed line ends", mcp_str("data: a\rdata: b\ndata: c\r\n\n\r"),
          "[|=a\nb\nc|]");
    check("joined data", mcp_str("data: {\ndata:\ndata: }\n\n"),
          "[|={\n\n}|]");
    check("one space after the colon", mcp_str("data:  a\n\n"), "[|= a|]");
    check("no space after the colon", mcp_str("data:a\n\n"), "[|=a|]");
    check("colon in the value", mcp_str("data: a:b\n\n"), "[|=a:b|]");
    check("field without a colon", mcp_str("data\n\n"), "[|=|]");
    check("unknown field", mcp_str("datax: a\nDATA: a\ndat: b\n\n"), "[||]");
    check("long field name", mcp_str("datadatadata: a\n\n"), "[||]");
    check("comment", mcp_str(": x\ndata: a\n:y\ndata: b\n\n: z\n\n"),
          "[|=a\nb|]");
    check("blank lines", mcp_str("\n\n\ndata: a\n\n\n\n"), "[|=a|]");
    check("id alone", mcp_str("id: 7\n\n"), "[||#7]");
    check("empty id", mcp_str("id\ndata: a\n\n"), "[|=a|#]");
    check("id with NUL", mcp_str("id: 7\0\ndata: a\n\n"), "[|=a|]");
    check("retry", mcp_str("retry: 250\n\n"), "[|||250]");
    check("retry of other than digits", mcp_str("retry: 2s\ndata: a\n\n"),
          "[|=a|]");
    check("huge retry",
          mcp_str("retry: 99999999999999999999999999\ndata: a\n\n"),
          "[|=a|]");
    check("byte order mark", mcp_str("\xef\xbb\xbf" "data: a\n\n"),
          "[|=a|]");
    check("half of a byte order mark", mcp_str("\xef\xbb" "data: a\n\n"),
          "[||]");
    check("a second byte order mark",
          mcp_str("\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\n"), "[||]");
    check("every usual name", mcp_str("event: message\nid: 1_7\ndata: {}\n\n"
                                      "id: 1_8\ndata: {\ndata: }\n\n"),
          "[message|={}|#1_7][|={\n}|#1_8]");
    check("usual names and CRLF",
          mcp_str("event: message\r\nid: 1_7\r\ndata: {}\r\n\r\n"
                  "id: 1_8\r\ndata: {\r\ndata: }\r\n\r\n"),
          "[message|={}|#1_7][|={\n}|#1_8]");
    check("usual names, the last line not ended",
          mcp_str("id: 7\ndata: a\n\nevent: x\ndata: b\ndata: c"),
          "[|=a|#7]");
    check("a usual name of no value",
          mcp_str("event: x\nevent: \ndata: \ndata: \nid: 1\nid: \n\n"),
          "[|=\n|#]");
    check("usual names between unusual ones",
          mcp_str("data: a\nfoo: b\ndata: c\r:\r\ndata: d\n\rdata: e\n\n"),
          "[|=a\nc\nd|][|=e|]");
    check("nearly a usual name",
          mcp_str("dat: a\neven: b\nids: c\ndata : d\nid:9\n\n"),
          "[||#9]");
    check("priming event", mcp_str("id: s-0\ndata:\n\ndata: x\n\n"),
          "[|=|#s-0][|=x|]");
}


static void
test_limits(void)
{
    char                text[4096];
    size_t              n;
    uint8_t             buffer[8];
    mcp_str_t           input;
    mcp_event_stream_t  stream;

    mcp_event_stream_init(&stream, buffer, sizeof(buffer));
    input = mcp_str("data: 12345678\n\ndata: 123456789\n\ndata: 1\n\n");

    ok(mcp_event_stream_next(&stream, &input)
       && !mcp_event_stream_truncated(&stream), "data that just fits");
    ok(mcp_event_stream_next(&stream, &input)
       && mcp_event_stream_truncated(&stream), "data over capacity");
    is_str(mcp_event_stream_data(&stream), "12345678",
           "its beginning is there");
    ok(mcp_event_stream_next(&stream, &input)
       && !mcp_event_stream_truncated(&stream), "and the next event is whole");
    is_str(mcp_event_stream_data(&stream), "1", "with its data");

    mcp_event_stream_init(&stream, NULL, 0);
    input = mcp_str("data: a\n\n");
    ok(mcp_event_stream_next(&stream, &input)
       && mcp_event_stream_truncated(&stream), "no buffer at all");

    n = snprintf(text, sizeof(text), "event: %0100d\nid: %0600d\ndata:x\n\n",
                 0, 0);
    mcp_event_stream_init(&stream, buffer, sizeof(buffer));
    input = (mcp_str_t) { (uint8_t *) text, n };
    ok(mcp_event_stream_next(&stream, &input), "long type and id");
    ok(stream.type_length == 100 && stream.id_length == 600,
       "their length is told");

    stream.type_length = MCP_EVENT_TYPE_MAX + 1;
    ok(!mcp_event_stream_type_is(&stream, mcp_str("0000")),
       "a cut type is nobody's");

    /* more than one window of the line search */

    memset(text, 'x', sizeof(text));
    memcpy(text, "data: ", 6);
    memcpy(text + 3000, "\ndata:y\r\r", 9);
    input = (mcp_str_t) { (uint8_t *) text, 3009 };
    check("long line", input, NULL);
}


static void
test_type(void)
{
    uint8_t             buffer[8];
    mcp_str_t           input;
    mcp_event_stream_t  stream;

    mcp_event_stream_init(&stream, buffer, sizeof(buffer));
    input = mcp_str("data: a\n\nevent: message\ndata: b\n\n"
                    "event: messages\ndata: c\n\n");

    mcp_event_stream_next(&stream, &input);
    ok(mcp_event_stream_type_is(&stream, mcp_str("message")),
       "no type is message");
    mcp_event_stream_next(&stream, &input);
    ok(mcp_event_stream_type_is(&stream, mcp_str("message")), "message");
    mcp_event_stream_next(&stream, &input);
    ok(!mcp_event_stream_type_is(&stream, mcp_str("message")), "messages");
    ok(mcp_event_stream_type_is(&stream, mcp_str("messages")), "its own name");
}


/* "^" stands where another event may be put, "." where it may not. */

static void
check_between(const char *name, mcp_str_t text, const char *expected)
{
    char                got[128];
    size_t              i;
    mcp_str_t           input;
    mcp_event_stream_t  stream;

    mcp_event_stream_init(&stream, NULL, 0);

    for (i = 0; i < text.len; i++) {
        input.data = text.data + i;
        input.len = 1;

        while (mcp_event_stream_next(&stream, &input)) { /* void */ }

        got[i] = mcp_event_stream_between(&stream) ? '^' : '.';
    }

    got[i] = '\0';

    is_str(tap_str(got), expected, name);
}


static void
test_between(void)
{
    check_between("between: LF", mcp_str("data:a\n\n\n:c\n"),
                  ".......^^..^");
    check_between("between: open fields of any kind", mcp_str("x\nid\n\n"),
                  ".....^");
    check_between("between: CRLF is not cut", mcp_str("id\r\n\r\n:c\r\n"),
                  ".....^...^");
    check_between("between: CR", mcp_str("id\ra\r\rid\r\r"), ".....^...^");
    check_between("between: a lone CR may have its LF to come",
                  mcp_str("id\n\r\nid\r\n\r\n"), "....^.....^");
    check_between("between: byte order mark",
                  mcp_str("\xef\xbb\xbf" "id\n\n"), "..^...^");
}


static void
test_between_start(void)
{
    mcp_event_stream_t  stream;

    mcp_event_stream_init(&stream, NULL, 0);
    ok(!mcp_event_stream_between(&stream),
       "between: not before a byte order mark may come");
}


/* Streams made of the bytes that matter. */

static void
test_random(void)
{
    static const char  *words[] = {
        "\n", "\r", "\r\n", ":", " ", "data", "data: ", "event:", "id:",
        "\nevent: ", "\nid: ", "\r\ndata: ",
        "retry: 1", "x", "\xef\xbb\xbf", "\xef", "{\"a\":1}", "\n\n",
        "\r\r", "\r\n\r\n", ": c"
    };

    bool            same;
    char            text[256];
    size_t          n, length;
    uint32_t        i, k, seed, pieces;
    uint8_t         buffer[CAPACITY];
    const char     *word;
    mcp_str_t       input;
    event_report_t  model, split;

    same = true;
    seed = 1;

    for (i = 0; i < 20000 && same; i++) {
        length = 0;

        for (k = 0; k < 20; k++) {
            seed = seed * 1103515245 + 12345;
            word = words[(seed >> 16) % (sizeof(words) / sizeof(words[0]))];
            n = strlen(word);
            memcpy(text + length, word, n);
            length += n;
        }

        input.data = (uint8_t *) text;
        input.len = length;

        memset(&model, 0, sizeof(model));
        memset(&split, 0, sizeof(split));

        event_report_add(&model, "", 0);
        event_report_add(&split, "", 0);

        pieces = i;
        event_model(&model, input, CAPACITY);
        event_read(&split, input, buffer, CAPACITY,
                   (i % 4 == 0) ? all_at_once : some, &pieces);

        same = model.length == split.length
               && memcmp(model.text, split.text, model.length) == 0
               && event_bytes_agree(input, some, &pieces);

        if (!same) {
            printf("# input %.*s\n# got %s\n# model %s\n", (int) length,
                   text, split.text, model.text);
        }

        free(model.text);
        free(split.text);
    }

    ok(same, "20000 random streams in random pieces");
}


static void
check_skip(const char *name, mcp_str_t text, size_t expected)
{
    bool            same;
    size_t          first, rest, skipped;
    event_report_t  report;

    memset(&report, 0, sizeof(report));
    skipped = event_read_rest(&report, text, true, all_at_once,
                              NULL);
    free(report.text);

    if (!ok(skipped == expected, "skip: %s", name)) {
        printf("# %zu bytes of %zu, not %zu\n", skipped, text.len, expected);
    }

    same = event_skip_agrees(text, all_at_once, NULL)
           && event_skip_agrees(text, byte_by_byte, NULL);

    for (first = 1; first < text.len; first++) {
        rest = first;
        same = same && event_skip_agrees(text, in_two, &rest);
    }

    ok(same, "skip: %s: what is left", name);
}


/* The first event is always read: a stream may begin with a mark. */

static void
test_skip(void)
{
#define FIRST  "data: a\n\n"

    check_skip("an event", mcp_str(FIRST "data: b\n\ndata: c\n\n"), 9);
    check_skip("not the first", mcp_str("data: b\n\n"), 0);
    check_skip("events of all usual names",
               mcp_str(FIRST "event: message\nid: 1\ndata: b\n\n"
                       "id: 2\nevent: x\ndata: b\n\ndata: c\n\n"), 54);
    check_skip("CRLF", mcp_str(FIRST "event: x\r\ndata: b\r\n\r\n"
                               "data: b\r\n\r\ndata: c\r\n\r\n"), 32);
    check_skip("not the last, which is open",
               mcp_str(FIRST "data: b\n\ndata: b\n"), 9);
    check_skip("not without its last line feed",
               mcp_str(FIRST "data: b\n"), 0);
    check_skip("not where the CR may be half of an end",
               mcp_str(FIRST "data: b\r\n\r"), 0);
    check_skip("not by CR alone", mcp_str(FIRST "data: b\r\r"), 0);
    check_skip("not two lines of data",
               mcp_str(FIRST "data: b\ndata: b\n\n"), 0);
    check_skip("not with a field behind it",
               mcp_str(FIRST "data: b\nid: 1\n\n"), 0);
    check_skip("not of another name",
               mcp_str(FIRST "retry: 1\ndata: b\n\n"), 0);
    check_skip("not behind other data",
               mcp_str(FIRST "data: a\ndata: b\n\n"), 0);
    check_skip("not comments", mcp_str(FIRST ": b\n\n:data: b\n\n"), 0);
    check_skip("not in an open event", mcp_str(FIRST "x\ndata: b\n\n"), 0);
    check_skip("behind a CR that is a line end",
               mcp_str("data: a\r\n\rdata: b\n\n"), 9);
    check_skip("not without data", mcp_str(FIRST "event: b\nid: b\n\n"), 0);

#undef FIRST
}


static void
test_skip_random(void)
{
    static const char  *words[] = {
        "\n", "\r", "\r\n", "\n\n", "\r\n\r\n", "data: b", "data: b\n\n",
        "data: a\n\n", "event: x\n", "id: 1\n", "event: y\r\n", "data", "b",
        ": c\n", "data:b\n\n"
    };

    bool       same;
    char       text[256];
    size_t     length;
    uint32_t   i, k, seed, pieces;
    mcp_str_t  input;

    same = true;
    seed = 3;

    for (i = 0; i < 20000 && same; i++) {
        length = 0;

        for (k = 0; k < 16; k++) {
            seed = seed * 1103515245 + 12345;
            length += (size_t) snprintf(text + length, sizeof(text) - length,
                                        "%s", words[(seed >> 16)
                                                    % (sizeof(words)
                                                       / sizeof(words[0]))]);
        }

        pieces = i;
        input = (mcp_str_t) { (uint8_t *) text, length };
        same = event_skip_agrees(input, (i % 2) ? some : all_at_once, &pieces);

        if (!same) {
            printf("# input %.*s\n", (int) length, text);
        }
    }

    ok(same, "skip: 20000 random streams");
}


typedef struct {
    size_t   length;
    uint8_t  text[64];
} taken_t;


static void
take(void *data, mcp_str_t piece)
{
    taken_t *taken = data;

    if (piece.len <= sizeof(taken->text) - taken->length) {
        memcpy(taken->text + taken->length, piece.data, piece.len);
        taken->length += piece.len;
    }
}


/* Data is handed out as it comes, of an event that never ends, too. */

static void
test_take(void)
{
    size_t              i;
    taken_t             taken;
    mcp_str_t           input, text;
    mcp_event_stream_t  stream;

    text = mcp_str(": data\ndata: a\r\ndata\nid: x\ndata:b\n\n\ndata: c");

    memset(&taken, 0, sizeof(taken));
    mcp_event_stream_init(&stream, NULL, 0);

    stream.take = take;
    stream.take_data = &taken;

    for (i = 0; i < text.len; i++) {
        input.data = text.data + i;
        input.len = 1;

        if (mcp_event_stream_next(&stream, &input)) {
            ok(stream.data_length == 4, "four bytes of data");
            take(&taken, mcp_str("|"));
        }
    }

    text.data = taken.text;
    text.len = taken.length;

    is_str(text, "a\n\nb|c", "data as it comes");
}


/* Names that begin with what some clients drop, and some do not. */

static void
test_foreign(void)
{
    size_t              i, n;
    mcp_str_t           input;
    mcp_event_stream_t  stream;

    static const struct {
        const char  *text;
        bool         foreign;
    } cases[] = {
        { "data: \xc3\xaf\n\n", false },
        { "\xef\xbb\xbf" "data: x\n\n", false },
        { ":\xff\nid: \xff\n\n", false },
        { "\xef\xbb\xbf\xef\xbb\xbf" "data: x\n\n", true },
        { "\xc3\xaf\xc2\xbb\xc2\xbf" "data: x\n\n", true },
        { "\xef\xbb\xbf\xc3\xaf\xc2\xbb\xc2\xbf" "data: x\n\n", true },
        { "\xef\xbb" "data: x\n\n", true },
        { "\x80" "data: x\n\n", true },
        { "\n\xc3\xaf\xc2\xbb\xc2\xbf" "data: x\n\n", false },
        { ":\n\xef\xbb\xbf" "data: x\n\n", false },
        { "id: 1\n\x80" "data: x\n\n", false }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mcp_event_stream_init(&stream, NULL, 0);

        for (n = 0; cases[i].text[n]; n++) {
            input.data = (const uint8_t *) cases[i].text + n;
            input.len = 1;
            (void) mcp_event_stream_next(&stream, &input);
        }

        ok(stream.foreign == cases[i].foreign, "stream %zu: %s", i,
           cases[i].foreign ? "foreign" : "plain");
    }
}


int
main(void)
{
    test_foreign();
    test_framing();
    test_limits();
    test_type();
    test_between();
    test_between_start();
    test_take();
    test_skip();
    test_skip_random();
    test_random();

    return tap_done();
}
