/*
 * Incremental reader of text/event-stream (WHATWG HTML, "Server-sent
 * events"): fed bytes in any splitting, it tells where events end and what
 * they say.  Memory is the struct and a buffer that the caller gives.
 */

#ifndef MCP_EVENT_STREAM_H
#define MCP_EVENT_STREAM_H

#include "mcp_arena.h"

#pragma GCC visibility push(hidden)


/* Longer types and ids are told by their beginning and their length. */
#define MCP_EVENT_TYPE_MAX  32
#define MCP_EVENT_ID_MAX    256

typedef enum {
    MCP_EVENT_FIELD_OTHER = 0,
    MCP_EVENT_FIELD_EVENT,
    MCP_EVENT_FIELD_DATA,
    MCP_EVENT_FIELD_ID,
    MCP_EVENT_FIELD_RETRY
} mcp_event_field_t;

/* Where in a line the next byte belongs. */
typedef enum {
    MCP_EVENT_BOM = 0,       /* a byte order mark may begin the stream */
    MCP_EVENT_LINE,          /* the first byte of a line */
    MCP_EVENT_NAME,
    MCP_EVENT_SPACE,         /* one space after the colon does not count */
    MCP_EVENT_VALUE,
    MCP_EVENT_COMMENT
} mcp_event_state_t;


/*
 * A piece of the open event's data, line ends included: before it is known
 * whether the event is completed, and of which type.
 */
typedef void (*mcp_event_data_pt)(void *data, mcp_str_t piece);

/*
 * The first part describes the event that mcp_event_stream_next() completed,
 * until it is called again.  An event without data is one that clients do
 * not dispatch, but its id counts.
 */
typedef struct {
    uint8_t            *data;           /* lines joined by LF */
    size_t              capacity;       /* of data; may be 0 */
    size_t              data_length;    /* beyond capacity: data is cut */
    size_t              data_lines;
    size_t              data_offset;    /* in the event, of data that is one
                                           line */
    size_t              type_length;    /* 0: "message" */
    size_t              id_length;
    uint64_t            retry_ms;
    uint8_t             type[MCP_EVENT_TYPE_MAX];
    uint8_t             id[MCP_EVENT_ID_MAX];
    bool                has_data;
    bool                has_id;
    bool                has_retry;

    mcp_event_data_pt   take;           /* for data as it comes, or NULL */
    void               *take_data;

    size_t              length;         /* bytes taken of the event that is
                                           open or was completed */
    const uint8_t      *mark;           /* since here in the input, only
                                           while it is read */

    mcp_event_state_t   state;
    mcp_event_field_t   field;
    uint8_t             name[sizeof("event") - 1];
    size_t              name_length;
    size_t              bom_length;
    bool                open;           /* fields came since the last event */
    bool                complete;
    bool                cr;             /* a LF now belongs to the last CR */
    bool                bare_cr;        /* lines of this stream end in CR */
    bool                begun;          /* by its first line */
    bool                foreign;        /* a name began that line and with no
                                           ASCII: a client may take that for a
                                           mark */
} mcp_event_stream_t;


/* "buffer" must outlive the stream; its content is the event's data. */
void mcp_event_stream_init(mcp_event_stream_t *stream, uint8_t *buffer,
    size_t capacity);

/*
 * Takes bytes off the front of *input: up to the end of an event, then true,
 * or all of them, then false.  A LF that completes a CRLF of an earlier call
 * is taken without a word.
 */
bool mcp_event_stream_next(mcp_event_stream_t *stream, mcp_str_t *input);

/*
 * Takes events off the front of *input that are whole, have one line of data,
 * and are of no interest by that line; only fields of the usual names precede
 * it, and none follows.  Nothing is told of them.
 */
void mcp_event_stream_skip(const mcp_event_stream_t *stream,
    mcp_str_t *input, bool (*boring)(mcp_str_t data));

/*
 * Whether an event of somebody else's may stand here: no event is open, and
 * no line end is half read.
 */
bool mcp_event_stream_between(const mcp_event_stream_t *stream);

/* Of the complete event.  "message" is also what no event field says. */
bool mcp_event_stream_type_is(const mcp_event_stream_t *stream,
    mcp_str_t type);

/* As much of the data as there was room for. */
mcp_str_t mcp_event_stream_data(const mcp_event_stream_t *stream);
bool mcp_event_stream_truncated(const mcp_event_stream_t *stream);

/*
 * The data of the complete event, whose bytes the caller kept: the last
 * stream->length ones.  One line of data is a view of them, several are
 * joined in the arena.  MCP_NOMEM.
 */
mcp_rc_t mcp_event_stream_text(const mcp_event_stream_t *stream,
    mcp_str_t event, mcp_arena_t *arena, mcp_str_t *data);

/* Bytes in front of the first line end. */
size_t mcp_event_stream_line(mcp_str_t text);

#pragma GCC visibility pop

#endif /* MCP_EVENT_STREAM_H */
