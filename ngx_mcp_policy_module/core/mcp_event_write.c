#include "mcp_event_write.h"

#include "mcp_event_stream.h"


#define MCP_EVENT_WINDOW  512


typedef struct {
    uint8_t  *dst;       /* NULL: only counts */
    size_t    length;
} mcp_event_writer_t;


static void mcp_event_write_fields(mcp_event_writer_t *writer,
    mcp_str_t event);
static void mcp_event_write_text(mcp_event_writer_t *writer, mcp_str_t text);
static bool mcp_event_write_plain(mcp_str_t text);
static void mcp_event_write_escaped(mcp_event_writer_t *writer,
    mcp_str_t text);
static void mcp_event_write_bytes(mcp_event_writer_t *writer,
    mcp_str_t bytes);
static bool mcp_event_write_starts(mcp_str_t text, mcp_str_t start);


size_t
mcp_event_write(uint8_t *dst, mcp_str_t event, const mcp_str_t *pieces,
    size_t count)
{
    size_t              i;
    mcp_event_writer_t  writer;

    writer.dst = dst;
    writer.length = 0;

    mcp_event_write_bytes(&writer, mcp_str("event: message\n"));
    mcp_event_write_fields(&writer, event);
    mcp_event_write_bytes(&writer, mcp_str("data: "));

    for (i = 0; i < count; i++) {
        mcp_event_write_text(&writer, pieces[i]);
    }

    mcp_event_write_bytes(&writer, mcp_str("\n\n"));

    return writer.length;
}


/* A client that resumes names the id that it saw last. */

static void
mcp_event_write_fields(mcp_event_writer_t *writer, mcp_str_t event)
{
    size_t     n;
    mcp_str_t  line;

    while (event.len) {
        n = mcp_event_stream_line(event);

        if (n == event.len) {
            /* of an event that is not complete */
            return;
        }

        line.data = event.data;
        line.len = n;

        /* the two bytes of a CRLF make one line and an empty one */

        event.data += n + 1;
        event.len -= n + 1;

        if (mcp_event_write_starts(line, mcp_str("id:"))
            || mcp_event_write_starts(line, mcp_str("retry:")))
        {
            mcp_event_write_bytes(writer, line);
            mcp_event_write_bytes(writer, mcp_str("\n"));

        } else if (mcp_str_equal(line, mcp_str("id"))
                   || mcp_str_equal(line, mcp_str("retry")))
        {
            /* Go's client takes a line without a colon for an error */

            mcp_event_write_bytes(writer, line);
            mcp_event_write_bytes(writer, mcp_str(":\n"));
        }
    }
}


/* Most texts have nothing to escape for long stretches. */

static void
mcp_event_write_text(mcp_event_writer_t *writer, mcp_str_t text)
{
    mcp_str_t  window;

    while (text.len) {
        window.data = text.data;
        window.len = text.len;

        if (window.len > MCP_EVENT_WINDOW) {
            window.len = MCP_EVENT_WINDOW;

            /* no character is cut: the bytes inside one start with 10 */

            while (window.len > MCP_EVENT_WINDOW - 3
                   && (text.data[window.len] & 0xc0) == 0x80)
            {
                window.len--;
            }
        }

        if (mcp_event_write_plain(window)) {
            mcp_event_write_bytes(writer, window);

        } else {
            mcp_event_write_escaped(writer, window);
        }

        text.data += window.len;
        text.len -= window.len;
    }
}


static bool
mcp_event_write_plain(mcp_str_t text)
{
    return memchr(text.data, 0xe2, text.len) == NULL
           && memchr(text.data, 0xc2, text.len) == NULL
           && memchr(text.data, '\n', text.len) == NULL
           && memchr(text.data, '\r', text.len) == NULL;
}


static void
mcp_event_write_escaped(mcp_event_writer_t *writer, mcp_str_t text)
{
    size_t     n;
    mcp_str_t  plain, with;

    plain.data = text.data;
    plain.len = 0;

    while (text.len) {
        n = 1;
        with.data = NULL;
        with.len = 0;

        if (text.data[0] == '\n' || text.data[0] == '\r') {
            with = mcp_str(" ");

        } else if (mcp_event_write_starts(text, mcp_str("\xc2\x85"))) {
            with = mcp_str("\\u0085");
            n = 2;

        } else if (mcp_event_write_starts(text, mcp_str("\xe2\x80\xa8"))) {
            with = mcp_str("\\u2028");
            n = 3;

        } else if (mcp_event_write_starts(text, mcp_str("\xe2\x80\xa9"))) {
            with = mcp_str("\\u2029");
            n = 3;
        }

        text.data += n;
        text.len -= n;

        if (with.len == 0) {
            plain.len++;
            continue;
        }

        mcp_event_write_bytes(writer, plain);
        mcp_event_write_bytes(writer, with);

        plain.data = text.data;
        plain.len = 0;
    }

    mcp_event_write_bytes(writer, plain);
}


static void
mcp_event_write_bytes(mcp_event_writer_t *writer, mcp_str_t bytes)
{
    if (writer->dst && bytes.len) {
        memcpy(writer->dst + writer->length, bytes.data, bytes.len);
    }

    writer->length += bytes.len;
}


static bool
mcp_event_write_starts(mcp_str_t text, mcp_str_t start)
{
    return text.len >= start.len
           && memcmp(text.data, start.data, start.len) == 0;
}
