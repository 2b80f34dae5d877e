/*
 * The events of a stream that is rewritten.  One is held until it is complete
 * or larger than it may be, and goes on as it was, with less in it, or as an
 * error; what stands between two goes on at once.
 */

#include "ngx_http_mcp_policy_stream.h"

#include "mcp_event_write.h"
#include "mcp_json.h"
#include "mcp_outcome.h"


/* Of an event that is too large, what may tell that it is no answer. */
#define NGX_HTTP_MCP_POLICY_EVENT_BEGINNING  65536


static ngx_int_t ngx_http_mcp_policy_event_append(
    ngx_http_mcp_policy_stream_t *stream, const u_char *data, size_t size);
static ngx_int_t ngx_http_mcp_policy_event_complete(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_event_unread(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text, mcp_arena_t *arena,
    mcp_error_t *error);
static ngx_int_t ngx_http_mcp_policy_event_large(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_event_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text, mcp_arena_t *arena,
    const char *reason);
static ngx_int_t ngx_http_mcp_policy_event_error(mcp_str_t text,
    mcp_arena_t *arena, mcp_str_t *error);
static ngx_int_t ngx_http_mcp_policy_event_replace(
    ngx_http_mcp_policy_stream_t *stream, const mcp_str_t *pieces,
    size_t count);
static ngx_uint_t ngx_http_mcp_policy_event_awaited(
    ngx_http_mcp_policy_ctx_t *ctx, ngx_uint_t list);
static void ngx_http_mcp_policy_event_end(
    ngx_http_mcp_policy_stream_t *stream);


/* Some bytes off the front of a buffer, to the end of an event at most. */

ngx_int_t
ngx_http_mcp_policy_event_take(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_buf_t *b)
{
    u_char                        *p;
    mcp_str_t                      input;
    ngx_uint_t                     complete;
    ngx_http_mcp_policy_stream_t  *stream;

    stream = ctx->stream;

    if (stream->ended) {
        b->pos = b->last;
        return NGX_OK;
    }

    p = b->pos;

    input.data = p;
    input.len = ngx_min(b->last - p, NGX_HTTP_MCP_POLICY_STREAM_SIZE);

    complete = mcp_event_stream_next(&stream->events, &input);

    b->pos = (u_char *) input.data;

    if (stream->events.foreign) {

        /* clients differ in what they drop at the front of a stream */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "mcp policy \"%V\": name of the first field begins with "
                      "no ASCII, event stream is ended", &ctx->policy->name);

        stream->last = stream->event;
        ngx_http_mcp_policy_event_end(stream);
        return NGX_OK;
    }

    p += (stream->lf && *p == LF);
    stream->lf = 0;

    if (stream->state != NGX_HTTP_MCP_POLICY_EVENT_DROPPED
        && ngx_http_mcp_policy_event_append(stream, p, b->pos - p) != NGX_OK)
    {
        return NGX_ERROR;
    }

    switch (stream->state) {

    case NGX_HTTP_MCP_POLICY_EVENT_HELD:
        stream->event = stream->last - stream->events.length;

        if (stream->events.length > stream->max
            && ngx_http_mcp_policy_event_large(r, ctx) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (complete && stream->state == NGX_HTTP_MCP_POLICY_EVENT_HELD) {
            return ngx_http_mcp_policy_event_complete(r, ctx);
        }

        break;

    case NGX_HTTP_MCP_POLICY_EVENT_OTHER:
        if (complete
            && mcp_event_stream_type_is(&stream->events, mcp_str("message")))
        {
            /* without its end the client does not take it for one */

            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "mcp policy: event of two types and more than "
                          "\"mcp_max_list\", event stream is ended");

            stream->last = stream->event;
            ngx_http_mcp_policy_event_end(stream);
            return NGX_OK;
        }

        /* fall through */

    case NGX_HTTP_MCP_POLICY_EVENT_PASSED:
        stream->event = stream->last;
        break;

    default: /* NGX_HTTP_MCP_POLICY_EVENT_DROPPED */
        stream->lf = stream->events.cr;
        break;
    }

    if (complete) {
        stream->state = NGX_HTTP_MCP_POLICY_EVENT_HELD;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_event_append(ngx_http_mcp_policy_stream_t *stream,
    const u_char *data, size_t size)
{
    size_t   used, room;
    u_char  *p;

    if ((size_t) (stream->end - stream->last) < size) {
        used = stream->last - stream->pos;

        room = ngx_max(2 * used, used + size);
        room = ngx_max(room, NGX_HTTP_MCP_POLICY_STREAM_SIZE);

        p = ngx_alloc(room, stream->request->connection->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (used) {
            ngx_memcpy(p, stream->pos, used);
        }

        ngx_free(stream->start);

        stream->event = p + (stream->event - stream->pos);
        stream->start = p;
        stream->pos = p;
        stream->last = p + used;
        stream->end = p + room;
    }

    stream->last = ngx_cpymem(stream->last, data, size);

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_event_complete(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_int_t                      rc;
    mcp_str_t                      event, text;
    mcp_arena_t                   *arena;
    mcp_error_t                    error;
    mcp_list_result_t              result;
    ngx_http_mcp_policy_stream_t  *stream;

    stream = ctx->stream;

    event.data = stream->event;
    event.len = stream->last - stream->event;

    arena = ngx_http_mcp_policy_arena();

    if (mcp_event_stream_text(&stream->events, event, arena, &text)
        != MCP_OK)
    {
        return NGX_ERROR;
    }

    if (stream->inbox
        && ngx_http_mcp_policy_inbox_event(stream->inbox, &stream->events,
                                           text)
           == NGX_DECLINED)
    {
        stream->inbox = NULL;
    }

    if (text.len == 0
        || !mcp_event_stream_type_is(&stream->events, mcp_str("message")))
    {
        stream->event = stream->last;
        return NGX_OK;
    }

    rc = ngx_http_mcp_policy_list_apply(r, ctx, text, arena, &result, &error);

    if (rc == NGX_DECLINED) {
        return ngx_http_mcp_policy_event_unread(r, ctx, text, arena, &error);
    }

    if (rc == NGX_OK && result.changed) {
        return ngx_http_mcp_policy_event_replace(stream, result.pieces,
                                                 result.piece_count);
    }

    stream->event = stream->last;

    return rc;
}


/*
 * Data that cannot be read.  What is no JSON is no answer, and passes unless
 * it may stand for the list that was asked for; what is only too much for us
 * may well be a list for the client.
 */

static ngx_int_t
ngx_http_mcp_policy_event_unread(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text, mcp_arena_t *arena,
    mcp_error_t *error)
{
    ngx_uint_t                     passes;
    ngx_http_mcp_policy_stream_t  *stream;

    stream = ctx->stream;

    switch (error->code) {

    case MCP_JSON_UTF8:
    case MCP_JSON_DEPTH:
    case MCP_JSON_TOKENS:
    case MCP_JSON_STRING_LENGTH:
    case MCP_JSON_NUMBER_LENGTH:
        passes = mcp_list_is_request(text);
        break;

    default:
        passes = !ngx_http_mcp_policy_event_awaited(ctx, 1);
        break;
    }

    if (passes) {
        stream->event = stream->last;
        return NGX_OK;
    }

    return ngx_http_mcp_policy_event_refuse(r, ctx, text, arena,
                                            error->text);
}


/* The open event is larger than mcp_max_list. */

static ngx_int_t
ngx_http_mcp_policy_event_large(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    mcp_str_t                      event, text;
    mcp_arena_t                   *arena;
    ngx_http_mcp_policy_stream_t  *stream;

    stream = ctx->stream;
    arena = ngx_http_mcp_policy_arena();

    if (!mcp_event_stream_type_is(&stream->events, mcp_str("message"))) {
        stream->state = NGX_HTTP_MCP_POLICY_EVENT_OTHER;
        stream->event = stream->last;
        return NGX_OK;
    }

    event.data = stream->event;
    event.len = stream->last - stream->event;

    if (mcp_event_stream_text(&stream->events, event, arena, &text)
        != MCP_OK)
    {
        return NGX_ERROR;
    }

    text.len = ngx_min(text.len, NGX_HTTP_MCP_POLICY_EVENT_BEGINNING);

    if (mcp_list_is_request(text)) {
        stream->state = NGX_HTTP_MCP_POLICY_EVENT_PASSED;
        stream->event = stream->last;
        return NGX_OK;
    }

    stream->state = NGX_HTTP_MCP_POLICY_EVENT_DROPPED;

    if (ngx_http_mcp_policy_event_refuse(r, ctx, text, arena,
                                         "it is larger than \"mcp_max_list\"")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->list->count && !ngx_http_mcp_policy_event_awaited(ctx, 0)) {
        ngx_http_mcp_policy_event_end(stream);
    }

    return NGX_OK;
}


/* An error takes the place of the event, for all lists that are awaited. */

static ngx_int_t
ngx_http_mcp_policy_event_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text, mcp_arena_t *arena,
    const char *reason)
{
    ngx_int_t  rc;
    mcp_str_t  error;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "mcp policy \"%V\": an event that may be a list cannot be "
                  "filtered: %s", &ctx->policy->name, reason);

    if (ngx_http_mcp_policy_event_awaited(ctx, 1)) {
        rc = ngx_http_mcp_policy_list_refuse(r, ctx, arena, &error);

    } else {
        rc = ngx_http_mcp_policy_event_error(text, arena, &error);
    }

    return (rc == NGX_OK)
           ? ngx_http_mcp_policy_event_replace(ctx->stream, &error, 1)
           : NGX_ERROR;
}


/* For whoever waits for the answer: its id, if that can be read. */

static ngx_int_t
ngx_http_mcp_policy_event_error(mcp_str_t text, mcp_arena_t *arena,
    mcp_str_t *error)
{
    u_char            *p;
    mcp_str_t          id;
    mcp_reply_t        reply;
    mcp_outcome_t      outcome;
    mcp_outcome_id_t  *from;

    mcp_outcome_init(&outcome, 1);
    (void) mcp_outcome_next(&outcome, &text);

    from = &outcome.message.id;
    id = mcp_str("");

    if (from->type == MCP_OUTCOME_ID_NUMBER && outcome.level == 1) {
        id = from->text;

    } else if (from->type == MCP_OUTCOME_ID_STRING && outcome.level == 1) {

        p = mcp_arena_alloc(arena, from->text.len * MCP_JSON_ESCAPE_MAX + 2);
        if (p == NULL) {
            return NGX_ERROR;
        }

        id.data = p;

        *p++ = '"';
        p = mcp_json_escape(p, from->text);
        *p++ = '"';

        id.len = p - id.data;
    }

    if (mcp_reply_error(NGX_HTTP_OK, -32603, id,
                        mcp_str("The answer of the server cannot be checked "
                                "against the policy and is withheld"),
                        arena, &reply)
        != MCP_OK)
    {
        return NGX_ERROR;
    }

    *error = reply.body;

    return NGX_OK;
}


/* The pieces may be views of the event. */

static ngx_int_t
ngx_http_mcp_policy_event_replace(ngx_http_mcp_policy_stream_t *stream,
    const mcp_str_t *pieces, size_t count)
{
    size_t      ready, size;
    u_char     *p;
    mcp_str_t   event;

    event.data = stream->event;
    event.len = stream->last - stream->event;

    ready = stream->event - stream->pos;
    size = ready + mcp_event_write(NULL, event, pieces, count);

    p = ngx_alloc(size, stream->request->connection->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, stream->pos, ready);
    (void) mcp_event_write(p + ready, event, pieces, count);

    ngx_free(stream->start);

    stream->start = p;
    stream->pos = p;
    stream->event = p + size;
    stream->last = p + size;
    stream->end = p + size;
    stream->lf = stream->events.cr;

    return NGX_OK;
}


/*
 * Whether a client still waits: for a list, or for the answer of any request
 * of its POST.
 */

static ngx_uint_t
ngx_http_mcp_policy_event_awaited(ngx_http_mcp_policy_ctx_t *ctx,
    ngx_uint_t list)
{
    uint32_t             i;
    mcp_list_request_t  *request;

    for (i = 0; i < ctx->list->count; i++) {
        request = &ctx->list->requests[i];

        if (!request->answered
            && (!list || request->kind != MCP_LIST_NONE))
        {
            return 1;
        }
    }

    return 0;
}


/* The client has all that it waits for; what follows is thrown away. */

static void
ngx_http_mcp_policy_event_end(ngx_http_mcp_policy_stream_t *stream)
{
    ngx_http_upstream_t  *u;

    stream->ended = 1;
    stream->last_buf = 1;

    if (stream->inbox) {
        ngx_http_mcp_policy_inbox_close(stream->inbox);
        stream->inbox = NULL;
    }

    u = stream->request->upstream;

    if (u && !u->buffering) {

        /* for nginx, too, the answer is over; the connection is not kept */

        u->length = 0;
        u->keepalive = 0;
    }
}
