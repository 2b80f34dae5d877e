#include "mcp_event_stream.h"

#include "mcp_json_scan.h"


/* Digits of a reconnection time that anybody could mean. */
#define MCP_EVENT_RETRY_MAX  999999999999ULL

#define mcp_event_stream_begins(text, constant)                               \
    ((text).len >= sizeof(constant) - 1                                       \
     && memcmp((text).data, constant, sizeof(constant) - 1) == 0)


static bool mcp_event_stream_read(mcp_event_stream_t *stream,
    mcp_str_t *input);
static bool mcp_event_stream_step(mcp_event_stream_t *stream,
    mcp_str_t *input);
static bool mcp_event_stream_name(mcp_event_stream_t *stream,
    mcp_str_t *input);
static void mcp_event_stream_bom(mcp_event_stream_t *stream,
    mcp_str_t *input);
static bool mcp_event_stream_line_end(mcp_event_stream_t *stream,
    mcp_str_t *input);
static void mcp_event_stream_value_start(mcp_event_stream_t *stream);
static void mcp_event_stream_value(mcp_event_stream_t *stream,
    mcp_str_t value);
static void mcp_event_stream_value_end(mcp_event_stream_t *stream);
static void mcp_event_stream_add_data(mcp_event_stream_t *stream,
    mcp_str_t value);
static void mcp_event_stream_append(uint8_t *dst, size_t capacity,
    size_t *length, mcp_str_t value);
static mcp_str_t mcp_event_stream_take(mcp_str_t *input, size_t length);
static bool mcp_event_stream_skip_one(mcp_str_t *input,
    bool (*boring)(mcp_str_t data));
static bool mcp_event_stream_skip_line(mcp_str_t *input);
static inline bool mcp_event_stream_skip_end(mcp_str_t *input);


void
mcp_event_stream_init(mcp_event_stream_t *stream, uint8_t *buffer,
    size_t capacity)
{
    memset(stream, 0, sizeof(mcp_event_stream_t));

    stream->data = buffer;
    stream->capacity = capacity;
}


bool
mcp_event_stream_next(mcp_event_stream_t *stream, mcp_str_t *input)
{
    bool  complete;

    if (stream->complete) {
        stream->complete = false;
        stream->length = 0;
        stream->data_length = 0;
        stream->data_lines = 0;
        stream->data_offset = 0;
        stream->type_length = 0;
        stream->id_length = 0;
        stream->has_data = false;
        stream->has_id = false;
        stream->has_retry = false;
    }

    stream->mark = input->data;

    complete = mcp_event_stream_read(stream, input);

    /* what may be the beginning of a mark may be that of an event, too */

    if (complete || stream->open || stream->state == MCP_EVENT_BOM) {
        stream->length += input->data - stream->mark;
    }

    stream->mark = NULL;

    return complete;
}


static bool
mcp_event_stream_read(mcp_event_stream_t *stream, mcp_str_t *input)
{
    while (input->len) {

        if (stream->cr) {
            stream->cr = false;

            if (input->data[0] == '\n') {
                mcp_event_stream_take(input, 1);
                continue;
            }

            stream->bare_cr = true;
        }

        if (mcp_event_stream_step(stream, input)) {
            return true;
        }
    }

    return false;
}


/* One step of at least one byte: at most to the end of a line. */

static bool
mcp_event_stream_step(mcp_event_stream_t *stream, mcp_str_t *input)
{
    uint8_t  c;

    c = input->data[0];

    if (stream->state == MCP_EVENT_BOM) {
        mcp_event_stream_bom(stream, input);
        return false;
    }

    if (mcp_json_is_line_end(c)) {
        return mcp_event_stream_line_end(stream, input);
    }

    switch (stream->state) {

    case MCP_EVENT_LINE:
        if (c == ':') {
            stream->state = MCP_EVENT_COMMENT;
            return false;
        }

        if (!stream->open) {
            stream->open = true;
            stream->mark = input->data;
        }

        stream->foreign |= (c >= 0x80 && !stream->begun);
        stream->name_length = 0;
        stream->state = MCP_EVENT_NAME;

        /* fall through */

    case MCP_EVENT_NAME:
        if (!mcp_event_stream_name(stream, input)) {
            break;
        }

        mcp_event_stream_value_start(stream);
        stream->state = MCP_EVENT_SPACE;

        if (input->len == 0) {
            return false;
        }

        /* fall through */

    case MCP_EVENT_SPACE:
        if (input->data[0] == ' ') {
            mcp_event_stream_take(input, 1);
        }

        stream->state = MCP_EVENT_VALUE;

        /* fall through */

    case MCP_EVENT_VALUE:
        mcp_event_stream_value(stream,
                               mcp_event_stream_take(input,
                                            mcp_event_stream_line(*input)));
        break;

    default: /* MCP_EVENT_COMMENT */
        mcp_event_stream_take(input, mcp_event_stream_line(*input));
        break;
    }

    return input->len != 0 && mcp_event_stream_line_end(stream, input);
}


/* Takes bytes of a name, and the colon behind it: then true. */

static bool
mcp_event_stream_name(mcp_event_stream_t *stream, mcp_str_t *input)
{
    size_t          n;
    const uint8_t  *p, *end;

    n = stream->name_length;
    end = input->data + input->len;

    for (p = input->data;
         p < end && *p != ':' && !mcp_json_is_line_end(*p);
         p++)
    {
        if (n < sizeof(stream->name)) {
            stream->name[n] = *p;
        }

        n++;
    }

    stream->name_length = n;

    mcp_event_stream_take(input, (size_t) (p - input->data));

    if (input->len == 0 || *p != ':') {
        return false;
    }

    mcp_event_stream_take(input, 1);

    return true;
}


/* Bytes that only look like the beginning of a mark name a field. */

static void
mcp_event_stream_bom(mcp_event_stream_t *stream, mcp_str_t *input)
{
    static const uint8_t  bom[] = { 0xef, 0xbb, 0xbf };

    if (input->data[0] == bom[stream->bom_length]) {
        mcp_event_stream_take(input, 1);
        stream->bom_length++;

        if (stream->bom_length == sizeof(bom)) {
            stream->state = MCP_EVENT_LINE;
            stream->length = 0;
        }

        return;
    }

    stream->state = MCP_EVENT_LINE;

    if (stream->bom_length) {
        memcpy(stream->name, bom, stream->bom_length);
        stream->name_length = stream->bom_length;
        stream->open = true;
        stream->foreign = true;
        stream->state = MCP_EVENT_NAME;
    }
}


/* True when the line was an empty one that ended an event. */

static bool
mcp_event_stream_line_end(mcp_event_stream_t *stream, mcp_str_t *input)
{
    uint8_t  c;
    bool     complete;

    c = input->data[0];
    mcp_event_stream_take(input, 1);

    if (c == '\r') {
        if (input->len == 0) {
            stream->cr = true;

        } else if (input->data[0] == '\n') {
            mcp_event_stream_take(input, 1);

        } else {
            stream->bare_cr = true;
        }
    }

    stream->begun = true;
    complete = stream->state == MCP_EVENT_LINE && stream->open;

    if (stream->state == MCP_EVENT_NAME) {
        mcp_event_stream_value_start(stream);
        mcp_event_stream_value_end(stream);

    } else if (stream->state == MCP_EVENT_SPACE
               || stream->state == MCP_EVENT_VALUE)
    {
        mcp_event_stream_value_end(stream);
    }

    stream->state = MCP_EVENT_LINE;

    if (complete) {
        stream->open = false;
        stream->complete = true;
    }

    return complete;
}


/* The name is whole: from here on the bytes belong to its value. */

static void
mcp_event_stream_value_start(mcp_event_stream_t *stream)
{
    mcp_str_t  name;

    name.data = stream->name;
    name.len = stream->name_length;

    stream->field = MCP_EVENT_FIELD_OTHER;

    if (name.len > sizeof(stream->name)) {
        return;
    }

    if (mcp_str_equal(name, mcp_str("data"))) {
        stream->field = MCP_EVENT_FIELD_DATA;

        if (stream->has_data) {
            mcp_event_stream_add_data(stream, mcp_str("\n"));
        }

        stream->has_data = true;
        stream->data_lines++;

    } else if (mcp_str_equal(name, mcp_str("event"))) {
        stream->field = MCP_EVENT_FIELD_EVENT;
        stream->type_length = 0;

    } else if (mcp_str_equal(name, mcp_str("id"))) {
        stream->field = MCP_EVENT_FIELD_ID;
        stream->id_length = 0;
        stream->has_id = true;

    } else if (mcp_str_equal(name, mcp_str("retry"))) {
        stream->field = MCP_EVENT_FIELD_RETRY;
        stream->retry_ms = 0;
        stream->has_retry = false;
    }
}


static void
mcp_event_stream_value(mcp_event_stream_t *stream, mcp_str_t value)
{
    size_t  i;

    if (value.len == 0) {
        return;
    }

    switch (stream->field) {

    case MCP_EVENT_FIELD_DATA:
        if (stream->data_length == 0) {
            stream->data_offset = stream->length
                                  + (value.data - stream->mark);
        }

        mcp_event_stream_add_data(stream, value);
        break;

    case MCP_EVENT_FIELD_EVENT:
        mcp_event_stream_append(stream->type, MCP_EVENT_TYPE_MAX,
                                &stream->type_length, value);
        break;

    case MCP_EVENT_FIELD_ID:
        if (memchr(value.data, '\0', value.len)) {
            stream->has_id = false;
        }

        mcp_event_stream_append(stream->id, MCP_EVENT_ID_MAX,
                                &stream->id_length, value);
        break;

    case MCP_EVENT_FIELD_RETRY:
        for (i = 0; i < value.len; i++) {

            if (value.data[i] < '0' || value.data[i] > '9'
                || stream->retry_ms > MCP_EVENT_RETRY_MAX)
            {
                stream->field = MCP_EVENT_FIELD_OTHER;
                stream->has_retry = false;
                return;
            }

            stream->retry_ms = stream->retry_ms * 10 + (value.data[i] - '0');
            stream->has_retry = true;
        }

        break;

    default:
        break;
    }
}


static void
mcp_event_stream_value_end(mcp_event_stream_t *stream)
{
    if (stream->field == MCP_EVENT_FIELD_ID && !stream->has_id) {
        stream->id_length = 0;
    }

    stream->field = MCP_EVENT_FIELD_OTHER;
}


static void
mcp_event_stream_add_data(mcp_event_stream_t *stream, mcp_str_t value)
{
    if (stream->take) {
        stream->take(stream->take_data, value);
    }

    mcp_event_stream_append(stream->data, stream->capacity,
                            &stream->data_length, value);
}


static void
mcp_event_stream_append(uint8_t *dst, size_t capacity, size_t *length,
    mcp_str_t value)
{
    size_t  n;

    if (*length < capacity) {
        n = capacity - *length;

        if (n > value.len) {
            n = value.len;
        }

        memcpy(dst + *length, value.data, n);
    }

    /* an endless event must not come round to a short one */

    if (value.len > SIZE_MAX - *length) {
        *length = SIZE_MAX;
        return;
    }

    *length += value.len;
}


static mcp_str_t
mcp_event_stream_take(mcp_str_t *input, size_t length)
{
    mcp_str_t  taken;

    taken.data = input->data;
    taken.len = length;

    input->data += length;
    input->len -= length;

    return taken;
}


void
mcp_event_stream_skip(const mcp_event_stream_t *stream, mcp_str_t *input,
    bool (*boring)(mcp_str_t data))
{
    if (stream->state != MCP_EVENT_LINE || stream->open || stream->cr) {
        return;
    }

    while (mcp_event_stream_skip_one(input, boring)) { /* void */ }
}


static bool
mcp_event_stream_skip_one(mcp_str_t *input, bool (*boring)(mcp_str_t data))
{
    mcp_str_t  text;

    text = *input;

    while (mcp_event_stream_begins(text, "event: ")
           || mcp_event_stream_begins(text, "id: "))
    {
        if (!mcp_event_stream_skip_line(&text)) {
            return false;
        }
    }

    if (!mcp_event_stream_begins(text, "data: ")) {
        return false;
    }

    mcp_event_stream_take(&text, sizeof("data: ") - 1);

    if (!boring(text)
        || !mcp_event_stream_skip_line(&text)
        || !mcp_event_stream_skip_end(&text))
    {
        return false;
    }

    *input = text;

    return true;
}


static bool
mcp_event_stream_skip_line(mcp_str_t *input)
{
    mcp_event_stream_take(input, mcp_event_stream_line(*input));

    return mcp_event_stream_skip_end(input);
}


/* A CR may be one of two bytes, and then both have to be there. */

static inline bool
mcp_event_stream_skip_end(mcp_str_t *input)
{
    if (mcp_event_stream_begins(*input, "\n")) {
        mcp_event_stream_take(input, 1);
        return true;
    }

    if (mcp_event_stream_begins(*input, "\r\n")) {
        mcp_event_stream_take(input, 2);
        return true;
    }

    return false;
}


bool
mcp_event_stream_between(const mcp_event_stream_t *stream)
{
    return stream->state == MCP_EVENT_LINE
           && !stream->open
           && (!stream->cr || stream->bare_cr);
}


bool
mcp_event_stream_type_is(const mcp_event_stream_t *stream, mcp_str_t type)
{
    if (stream->type_length == 0) {
        return mcp_str_equal(type, mcp_str("message"));
    }

    return stream->type_length == type.len
           && type.len <= MCP_EVENT_TYPE_MAX
           && memcmp(stream->type, type.data, type.len) == 0;
}


mcp_str_t
mcp_event_stream_data(const mcp_event_stream_t *stream)
{
    mcp_str_t  data;

    data.data = stream->data;
    data.len = stream->data_length;

    if (data.len > stream->capacity) {
        data.len = stream->capacity;
    }

    return data;
}


bool
mcp_event_stream_truncated(const mcp_event_stream_t *stream)
{
    return stream->data_length > stream->capacity;
}


mcp_rc_t
mcp_event_stream_text(const mcp_event_stream_t *stream, mcp_str_t event,
    mcp_arena_t *arena, mcp_str_t *data)
{
    mcp_event_stream_t  again;

    if (stream->data_lines <= 1) {
        data->data = event.data + stream->data_offset;
        data->len = stream->data_length;
        return MCP_OK;
    }

    mcp_event_stream_init(&again, mcp_arena_alloc(arena, stream->data_length),
                          stream->data_length);

    if (again.data == NULL) {
        return MCP_NOMEM;
    }

    again.state = MCP_EVENT_LINE;

    mcp_event_stream_next(&again, &event);

    *data = mcp_event_stream_data(&again);

    return MCP_OK;
}


size_t
mcp_event_stream_line(mcp_str_t text)
{
    return (size_t) (mcp_json_skip_line(text.data, text.data + text.len)
                     - text.data);
}
