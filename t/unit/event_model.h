/*
 * The plainest reading of text/event-stream there is: the whole text in
 * memory, line by line.  What the incremental reader says must equal it.
 */

#ifndef EVENT_MODEL_H
#define EVENT_MODEL_H

#include <stdio.h>
#include <stdlib.h>

#include "mcp_event_stream.h"
#include "mcp_event_write.h"
#include "tap.h"


/* A growing text: one line for each event. */
typedef struct {
    char    *text;
    size_t   length;
    size_t   size;
} event_report_t;


static inline void
event_report_add(event_report_t *report, const void *data, size_t length)
{
    if (report->size - report->length <= length) {
        report->size = (report->size + length) * 2 + 64;
        report->text = realloc(report->text, report->size);

        if (report->text == NULL) {
            abort();
        }
    }

    if (length) {
        memcpy(report->text + report->length, data, length);
    }

    report->length += length;
    report->text[report->length] = '\0';
}


static inline void
event_report_event(event_report_t *report, mcp_str_t type, mcp_str_t data,
    bool has_data, mcp_str_t id, bool has_id, bool has_retry, uint64_t retry)
{
    char  line[128];
    int   n;

    event_report_add(report, "[", 1);
    event_report_add(report, type.data, type.len);
    event_report_add(report, "|", 1);

    if (has_data) {
        event_report_add(report, "=", 1);
        event_report_add(report, data.data, data.len);
    }

    event_report_add(report, "|", 1);

    if (has_id) {
        event_report_add(report, "#", 1);
        event_report_add(report, id.data, id.len);
    }

    if (has_retry) {
        n = snprintf(line, sizeof(line), "|%llu",
                     (unsigned long long) retry);
        event_report_add(report, line, n);
    }

    event_report_add(report, "]", 1);
}


/* What the reader says when it is fed pieces of the sizes that next gives. */

static inline size_t
event_read(event_report_t *report, mcp_str_t text, uint8_t *buffer,
    size_t capacity, size_t (*next)(void *data), void *data)
{
    size_t              n, ends;
    mcp_str_t           piece, input, type, id;
    mcp_event_stream_t  stream;

    mcp_event_stream_init(&stream, buffer, capacity);

    ends = 0;

    while (text.len) {
        n = next(data);
        n = (n == 0) ? 1 : n;

        piece.data = text.data;
        piece.len = (n < text.len) ? n : text.len;

        text.data += piece.len;
        text.len -= piece.len;

        /* its own allocation, so that a sanitizer sees what is read */

        input.data = malloc(piece.len);
        input.len = piece.len;

        if (input.data == NULL) {
            abort();
        }

        memcpy((void *) input.data, piece.data, piece.len);
        piece = input;

        while (mcp_event_stream_next(&stream, &input)) {
            type.data = stream.type;
            type.len = (stream.type_length < MCP_EVENT_TYPE_MAX)
                       ? stream.type_length : MCP_EVENT_TYPE_MAX;
            id.data = stream.id;
            id.len = (stream.id_length < MCP_EVENT_ID_MAX)
                     ? stream.id_length : MCP_EVENT_ID_MAX;

            event_report_event(report, type, mcp_event_stream_data(&stream),
                               stream.has_data, id, stream.has_id,
                               stream.has_retry, stream.retry_ms);
            ends++;
        }

        free((void *) piece.data);
    }

    return ends;
}


static inline mcp_str_t
event_model_line(mcp_str_t *text)
{
    size_t     n;
    mcp_str_t  line;

    for (n = 0; n < text->len; n++) {
        if (text->data[n] == '\n' || text->data[n] == '\r') {
            break;
        }
    }

    line.data = text->data;
    line.len = n;

    if (n == text->len) {
        /* no line end: the line does not count */
        text->len = 0;
        line.data = NULL;
        return line;
    }

    n += (text->data[n] == '\r' && n + 1 < text->len
          && text->data[n + 1] == '\n')
         ? 2 : 1;

    text->data += n;
    text->len -= n;

    return line;
}


static inline size_t
event_model_cut(size_t length, size_t max)
{
    return (length < max) ? length : max;
}


/* Lines of one event: the fields, in order. */

static inline void
event_model(event_report_t *report, mcp_str_t text, size_t capacity)
{
    bool            open, has_data, has_id, has_retry;
    size_t          i;
    uint64_t        retry;
    mcp_str_t       line, name, value, type, id;
    event_report_t  data;

    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }

    open = has_data = has_id = has_retry = false;
    retry = 0;
    type = id = mcp_str("");
    memset(&data, 0, sizeof(data));

    while (text.len) {
        line = event_model_line(&text);

        if (line.data == NULL) {
            break;
        }

        if (line.len == 0) {
            if (open) {
                type.len = event_model_cut(type.len, MCP_EVENT_TYPE_MAX);
                id.len = event_model_cut(id.len, MCP_EVENT_ID_MAX);

                event_report_event(report, type,
                    (mcp_str_t) { (uint8_t *) data.text,
                                  event_model_cut(data.length, capacity) },
                    has_data, id, has_id, has_retry, retry);
            }

            open = has_data = has_id = has_retry = false;
            type = id = mcp_str("");
            data.length = 0;
            continue;
        }

        if (line.data[0] == ':') {
            continue;
        }

        open = true;
        name = line;
        value = mcp_str("");

        for (i = 0; i < line.len; i++) {
            if (line.data[i] == ':') {
                name.len = i;
                value.data = line.data + i + 1;
                value.len = line.len - i - 1;

                if (value.len && value.data[0] == ' ') {
                    value.data++;
                    value.len--;
                }

                break;
            }
        }

        if (mcp_str_equal(name, mcp_str("event"))) {
            type = value;

        } else if (mcp_str_equal(name, mcp_str("data"))) {
            if (has_data) {
                event_report_add(&data, "\n", 1);
            }

            event_report_add(&data, value.data, value.len);
            has_data = true;

        } else if (mcp_str_equal(name, mcp_str("id"))) {
            id = value;
            has_id = value.len == 0
                     || memchr(value.data, '\0', value.len) == NULL;

            if (!has_id) {
                id.len = 0;
            }

        } else if (mcp_str_equal(name, mcp_str("retry"))) {
            retry = 0;
            has_retry = value.len > 0;

            for (i = 0; i < value.len; i++) {
                if (value.data[i] < '0' || value.data[i] > '9'
                    || retry > 999999999999ULL)
                {
                    has_retry = false;
                    break;
                }

                retry = retry * 10 + (value.data[i] - '0');
            }
        }
    }

    free(data.text);
}


/* After a blank line nothing is a byte order mark. */

static inline void
event_model_alone(event_report_t *report, mcp_str_t event)
{
    event_report_t  text;

    memset(&text, 0, sizeof(text));
    event_report_add(&text, "\n", 1);
    event_report_add(&text, event.data, event.len);

    event_model(report, (mcp_str_t) { (uint8_t *) text.text, text.length },
                SIZE_MAX);

    free(text.text);
}


/* The data that an event has which was written with this text. */

static inline void
event_model_written(event_report_t *report, mcp_str_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {

        if (text.data[i] == '\n' || text.data[i] == '\r') {
            event_report_add(report, " ", 1);

        } else if (text.len - i >= 2
                   && memcmp(text.data + i, "\xc2\x85", 2) == 0)
        {
            event_report_add(report, "\\u0085", 6);
            i += 1;

        } else if (text.len - i >= 3
                   && memcmp(text.data + i, "\xe2\x80", 2) == 0
                   && (text.data[i + 2] & 0xfe) == 0xa8)
        {
            event_report_add(report, (text.data[i + 2] & 1) ? "\\u2029"
                                                            : "\\u2028", 6);
            i += 2;

        } else {
            event_report_add(report, text.data + i, 1);
        }
    }
}


/*
 * Whether an event that is written in the place of the complete one, with the
 * same data, is read as one with the same id.
 */

static inline bool
event_write_agrees(const mcp_event_stream_t *stream, mcp_str_t event,
    mcp_str_t data)
{
    bool                same;
    size_t              n;
    uint8_t            *text, *read;
    mcp_str_t           input;
    event_report_t      expected;
    mcp_event_stream_t  again;

    n = mcp_event_write(NULL, event, &data, 1);
    text = malloc(n);
    read = malloc(n);

    if (text == NULL || read == NULL) {
        abort();
    }

    memset(&expected, 0, sizeof(expected));
    event_report_add(&expected, "", 0);
    event_model_written(&expected, data);

    input.data = text;
    input.len = mcp_event_write(text, event, &data, 1);

    mcp_event_stream_init(&again, read, n);

    same = input.len == n
           && mcp_event_stream_next(&again, &input)
           && input.len == 0
           && mcp_event_stream_type_is(&again, mcp_str("message"))
           && again.data_lines == 1
           && mcp_str_equal(mcp_event_stream_data(&again),
                            (mcp_str_t) { (uint8_t *) expected.text,
                                          expected.length })
           && again.has_id == stream->has_id
           && again.id_length == stream->id_length
           && memcmp(again.id, stream->id,
                     event_model_cut(again.id_length, MCP_EVENT_ID_MAX)) == 0
           && again.has_retry == stream->has_retry
           && (!again.has_retry || again.retry_ms == stream->retry_ms);

    free(text);
    free(read);
    free(expected.text);

    return same;
}


/*
 * Whether the bytes of the events are those that the reader says: each of
 * them alone is that event, its text is its data, what lies between them says
 * nothing, and another can be written in its place.
 */

static inline bool
event_bytes_agree(mcp_str_t text, size_t (*next)(void *data), void *data)
{
    bool                same, written;
    size_t              n;
    mcp_str_t           input, event, joined, id;
    mcp_arena_t         arena;
    event_report_t      all, between, model, alone, told;
    mcp_allocator_t     allocator = TAP_ALLOCATOR;
    mcp_event_stream_t  stream;

    event_report_t *const reports[] = { &all, &between, &model, &alone,
                                        &told };

    for (n = 0; n < sizeof(reports) / sizeof(reports[0]); n++) {
        memset(reports[n], 0, sizeof(event_report_t));
        event_report_add(reports[n], "", 0);
    }

    mcp_arena_init(&arena, &allocator, 0);
    mcp_event_stream_init(&stream, NULL, 0);
    event_model(&model, text, SIZE_MAX);
    written = true;

    while (text.len) {
        n = next(data);
        n = (n == 0) ? 1 : n;

        input.data = text.data;
        input.len = (n < text.len) ? n : text.len;

        n = mcp_event_stream_next(&stream, &input);

        event_report_add(&all, text.data, input.data - text.data);
        text.len -= input.data - text.data;
        text.data = input.data;

        /* what is not of an event is not held back */

        if (stream.length == 0) {
            event_report_add(&between, all.text, all.length);
            all.length = 0;
            continue;
        }

        if (stream.length < all.length) {
            event_report_add(&between, all.text, all.length - stream.length);
            memmove(all.text, all.text + all.length - stream.length,
                    stream.length);
            all.length = stream.length;
        }

        if (n == 0) {
            continue;
        }

        event.data = (uint8_t *) all.text;
        event.len = all.length;

        if (mcp_event_stream_text(&stream, event, &arena, &joined) != MCP_OK) {
            abort();
        }

        id.data = stream.id;
        id.len = (stream.id_length < MCP_EVENT_ID_MAX)
                 ? stream.id_length : MCP_EVENT_ID_MAX;

        event_report_event(&told,
            (mcp_str_t) { stream.type,
                          event_model_cut(stream.type_length,
                                          MCP_EVENT_TYPE_MAX) },
            joined, stream.has_data, id, stream.has_id, stream.has_retry,
            stream.retry_ms);

        event_model_alone(&alone, event);
        written = written && event_write_agrees(&stream, event, joined);

        all.length = 0;
        mcp_arena_reset(&arena, 0);
    }

    same = written
           && told.length == model.length
           && memcmp(told.text, model.text, model.length) == 0
           && alone.length == model.length
           && memcmp(alone.text, model.text, model.length) == 0;

    n = model.length;
    event_model(&model, (mcp_str_t) { (uint8_t *) between.text,
                                      between.length }, SIZE_MAX);
    same = same && model.length == n;

    for (n = 0; n < sizeof(reports) / sizeof(reports[0]); n++) {
        free(reports[n]->text);
    }

    mcp_arena_destroy(&arena);

    return same;
}


/* Stands for what a caller knows to be of no interest. */

static inline bool
event_boring(mcp_str_t data)
{
    return data.len && data.data[0] == 'b';
}


/* Events that are of interest; those that are not may have been skipped. */

static inline size_t
event_read_rest(event_report_t *report, mcp_str_t text, bool skip,
    size_t (*next)(void *data), void *data)
{
    size_t              n, skipped;
    uint8_t            *copy, buffer[64];
    mcp_str_t           input, event;
    mcp_event_stream_t  stream;

    mcp_event_stream_init(&stream, buffer, sizeof(buffer));
    event_report_add(report, "", 0);
    skipped = 0;

    while (text.len) {
        n = next(data);
        n = (n == 0) ? 1 : n;
        n = (n < text.len) ? n : text.len;

        /* its own allocation, so that a sanitizer sees what is read */

        copy = malloc(n);

        if (copy == NULL) {
            abort();
        }

        memcpy(copy, text.data, n);
        input = (mcp_str_t) { copy, n };

        text.data += n;
        text.len -= n;

        for ( ;; ) {
            n = input.len;

            if (skip) {
                mcp_event_stream_skip(&stream, &input, event_boring);
            }

            skipped += n - input.len;

            if (!mcp_event_stream_next(&stream, &input)) {
                break;
            }

            event = mcp_event_stream_data(&stream);

            if (event_boring(event)) {
                continue;
            }

            event_report_event(report,
                (mcp_str_t) { stream.type,
                              event_model_cut(stream.type_length,
                                              MCP_EVENT_TYPE_MAX) },
                event, stream.has_data,
                (mcp_str_t) { stream.id,
                              event_model_cut(stream.id_length,
                                              MCP_EVENT_ID_MAX) },
                stream.has_id, stream.has_retry, stream.retry_ms);
        }

        free(copy);
    }

    return skipped;
}


/* Skipping loses nothing but that. */

static inline bool
event_skip_agrees(mcp_str_t text, size_t (*next)(void *data), void *data)
{
    bool            same;
    event_report_t  all, rest;

    memset(&all, 0, sizeof(all));
    memset(&rest, 0, sizeof(rest));

    event_read_rest(&rest, text, true, next, data);
    event_read_rest(&all, text, false, next, data);

    same = all.length == rest.length
           && memcmp(all.text, rest.text, all.length) == 0;

    free(all.text);
    free(rest.text);

    return same;
}

#endif /* EVENT_MODEL_H */
