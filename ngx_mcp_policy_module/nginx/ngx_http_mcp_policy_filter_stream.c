/*
 * Event streams.  They are passed on as they come; where one may bring a
 * list, an event is held until it is complete, and goes on as it was, with
 * less in it, or as an error.  Refusals of HTTP+SSE are put between two.
 *
 * A stream that is rewritten has one buffer: first what is to be sent, then
 * the open event.  While it is being sent nothing more is read, which is what
 * tells the upstream to wait; when nothing is left in it, it is given back.
 */

#include "ngx_http_mcp_policy_stream.h"


/* Data of events that pass unread, for the endpoint of HTTP+SSE. */
#define NGX_HTTP_MCP_POLICY_STREAM_ENDPOINT  2048


static ngx_uint_t ngx_http_mcp_policy_stream_encoded(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_stream_start(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_uint_t rewrite, ngx_uint_t inject);
static void ngx_http_mcp_policy_stream_cleanup(void *data);
static ngx_int_t ngx_http_mcp_policy_stream_watch(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream, ngx_chain_t *in);
static void ngx_http_mcp_policy_stream_look(
    ngx_http_mcp_policy_stream_t *stream, ngx_chain_t *in);
static ngx_int_t ngx_http_mcp_policy_stream_rewrite(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_mcp_policy_stream_read(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_stream_send(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream);
static ngx_int_t ngx_http_mcp_policy_stream_send_special(
    ngx_http_request_t *r, ngx_http_mcp_policy_stream_t *stream);
static ngx_buf_t *ngx_http_mcp_policy_stream_buf(
    ngx_http_mcp_policy_stream_t *stream, ngx_chain_t **out, u_char *pos,
    u_char *last);
static void ngx_http_mcp_policy_stream_sent(
    ngx_http_mcp_policy_stream_t *stream);


/*
 * From the header filter, for an answer that is an event stream.  NGX_OK: the
 * header is to be sent, be it that of a refusal.
 */

ngx_int_t
ngx_http_mcp_policy_stream_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    mcp_str_t             type;
    ngx_uint_t            encoded, inject, rewrite, stored;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    stored = (u == NULL || u->cacheable || u->store);

    /*
     * nginx tests u->buffering after the header filters: events arrive as
     * they are sent, also where nobody wrote "proxy_buffering off".
     */

    if (!stored) {
        u->buffering = 0;
    }

    if (ctx == NULL || ctx->policy == NULL || r->method == NGX_HTTP_HEAD
        || r->headers_out.status == NGX_HTTP_NO_CONTENT
        || r->headers_out.status == NGX_HTTP_NOT_MODIFIED)
    {
        return NGX_OK;
    }

    encoded = ngx_http_mcp_policy_stream_encoded(r);
    rewrite = (ctx->list != NULL);

    if (rewrite && encoded) {
        ctx->replace = 1;

        return ngx_http_mcp_policy_answer_refuse(r, ctx,
                                           "the event stream is compressed");
    }

    /* a stream of known length or compressed has no place for more */

    inject = !stored
             && !encoded
             && r->method == NGX_HTTP_GET
             && r->headers_out.status == NGX_HTTP_OK
             && r->headers_out.content_length_n == -1;

    if (!rewrite && !inject) {
        return NGX_OK;
    }

    type.data = r->headers_out.content_type.data;
    type.len = r->headers_out.content_type.len;

    if (rewrite && !mcp_content_type_stream_valid(type)) {
        ctx->replace = 1;

        return ngx_http_mcp_policy_answer_refuse(r, ctx,
                                     "the event stream is not plain UTF-8");
    }

    return ngx_http_mcp_policy_stream_start(r, ctx, rewrite, inject);
}


static ngx_uint_t
ngx_http_mcp_policy_stream_encoded(ngx_http_request_t *r)
{
    ngx_str_t  *value;

    if (r->headers_out.content_encoding == NULL) {
        return 0;
    }

    value = &r->headers_out.content_encoding->value;

    return value->len != 0
           && (value->len != sizeof("identity") - 1
               || ngx_strncasecmp(value->data, (u_char *) "identity",
                                  sizeof("identity") - 1)
                  != 0);
}


static ngx_int_t
ngx_http_mcp_policy_stream_start(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_uint_t rewrite, ngx_uint_t inject)
{
    size_t                         capacity;
    u_char                        *endpoint;
    ngx_pool_cleanup_t            *cln;
    ngx_http_mcp_policy_stream_t  *stream;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_policy_stream_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    stream = cln->data;
    ngx_memzero(stream, sizeof(ngx_http_mcp_policy_stream_t));

    cln->handler = ngx_http_mcp_policy_stream_cleanup;

    stream->request = r;
    stream->rewrite = rewrite;

    /* an event that is held has its data in it */

    capacity = rewrite ? 0 : NGX_HTTP_MCP_POLICY_STREAM_ENDPOINT;
    endpoint = NULL;

    if (capacity) {
        endpoint = ngx_pnalloc(r->pool, capacity);
        if (endpoint == NULL) {
            return NGX_ERROR;
        }
    }

    mcp_event_stream_init(&stream->events, endpoint, capacity);

    if (inject) {
        stream->inbox = ngx_http_mcp_policy_inbox_create(r, ctx, stream);
        if (stream->inbox == NULL) {
            return NGX_ERROR;
        }
    }

    if (rewrite) {
        stream->max = ctx->list->conf->max_list;

        r->filter_need_in_memory = 1;

        ngx_http_clear_content_length(r);
        ngx_http_clear_accept_ranges(r);
        ngx_http_clear_last_modified(r);
        ngx_http_weak_etag(r);
        ngx_http_mcp_policy_clear_digests(r);
    }

    ctx->stream = stream;

    return NGX_OK;
}


/* r->pool is gone here: nothing may be allocated. */

static void
ngx_http_mcp_policy_stream_cleanup(void *data)
{
    ngx_http_mcp_policy_stream_t *stream = data;

    ngx_free(stream->start);
    stream->start = NULL;
}


ngx_int_t
ngx_http_mcp_policy_stream_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_int_t                      rc;
    ngx_http_mcp_policy_stream_t  *stream;

    stream = ctx->stream;

    rc = stream->rewrite ? ngx_http_mcp_policy_stream_rewrite(r, ctx, in)
                         : ngx_http_mcp_policy_stream_watch(r, stream, in);

    if (stream->inbox && ngx_http_mcp_policy_stream_ready(stream)) {
        ngx_http_mcp_policy_inbox_sent(stream->inbox);
    }

    return rc;
}


/* The chain passes as it is; only the ends of its events are wanted. */

static ngx_int_t
ngx_http_mcp_policy_stream_watch(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream, ngx_chain_t *in)
{
    ngx_int_t  rc;

    if (stream->inbox) {
        ngx_http_mcp_policy_stream_look(stream, in);
    }

    rc = ngx_http_mcp_policy_next_body(r, in);

    ngx_http_mcp_policy_stream_sent(stream);

    return rc;
}


/* Looks at the bytes before the next filter may move buf->pos. */

static void
ngx_http_mcp_policy_stream_look(ngx_http_mcp_policy_stream_t *stream,
    ngx_chain_t *in)
{
    mcp_str_t   input, data;
    ngx_buf_t  *b;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (b->last_buf || b->in_file) {
            ngx_http_mcp_policy_inbox_close(stream->inbox);
            stream->inbox = NULL;
            return;
        }

        if (!ngx_buf_in_memory(b)) {
            continue;
        }

        input.data = b->pos;
        input.len = b->last - b->pos;

        while (mcp_event_stream_next(&stream->events, &input)) {
            data = mcp_event_stream_data(&stream->events);

            switch (ngx_http_mcp_policy_inbox_event(stream->inbox,
                                                    &stream->events, data))
            {
            case NGX_OK:
                break;

            case NGX_DONE:
                /* data is of no more use, ends of events are */
                stream->events.capacity = 0;
                break;

            default:
                stream->inbox = NULL;
                return;
            }
        }
    }
}


static ngx_int_t
ngx_http_mcp_policy_stream_rewrite(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_int_t                      rc;
    ngx_http_mcp_policy_stream_t  *stream;

    rc = NGX_OK;
    stream = ctx->stream;

    if (in && ngx_chain_add_copy(r->pool, &stream->in, in) != NGX_OK) {
        return NGX_ERROR;
    }

    if (stream->busy || stream->in == NULL) {
        rc = ngx_http_mcp_policy_next_body(r, NULL);

        ngx_http_mcp_policy_stream_sent(stream);
    }

    while (stream->in && stream->busy == NULL && rc != NGX_ERROR) {

        if (ngx_http_mcp_policy_stream_read(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_mcp_policy_stream_send(r, stream);
    }

    return rc;
}


/* Until there is enough to send, or nothing more. */

static ngx_int_t
ngx_http_mcp_policy_stream_read(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_buf_t                     *b;
    ngx_chain_t                   *cl;
    ngx_http_mcp_policy_stream_t  *stream;

    stream = ctx->stream;

    while (stream->in) {
        cl = stream->in;
        b = cl->buf;

        if (!ngx_buf_in_memory(b) && !ngx_buf_special(b)) {
            ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                          "mcp policy: event stream is not in memory");
            return NGX_ERROR;
        }

        while (b->pos < b->last) {

            if (stream->event - stream->pos
                >= NGX_HTTP_MCP_POLICY_STREAM_SIZE)
            {
                return NGX_OK;
            }

            if (ngx_http_mcp_policy_event_take(r, ctx, b) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        b->file_pos = b->file_last;

        if (b->last_buf && !stream->ended) {

            /* clients discard an event that was not completed, too */

            stream->last = stream->event;
            stream->last_buf = 1;

            if (stream->inbox) {
                ngx_http_mcp_policy_inbox_close(stream->inbox);
                stream->inbox = NULL;
            }

        } else if (ngx_buf_special(b) && !stream->ended) {
            stream->special = b;
        }

        stream->in = cl->next;
        ngx_free_chain(r->pool, cl);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_stream_send(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *out;

    if (stream->pos == stream->event) {
        return ngx_http_mcp_policy_stream_send_special(r, stream);
    }

    b = ngx_http_mcp_policy_stream_buf(stream, &out, stream->pos,
                                       stream->event);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (stream->last_buf && stream->in == NULL) {
        b->last_buf = 1;
        stream->last_buf = 0;
    }

    stream->pos = stream->event;
    stream->special = NULL;

    rc = ngx_http_mcp_policy_next_body(r, out);

    ngx_chain_update_chains(r->pool, &stream->free, &stream->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_mcp_policy_module);

    ngx_http_mcp_policy_stream_sent(stream);

    return rc;
}


/* No bytes, but a flush, the header's for instance, or the end. */

static ngx_int_t
ngx_http_mcp_policy_stream_send_special(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = stream->special;
    stream->special = NULL;

    if (stream->last_buf) {
        b = ngx_calloc_buf(r->pool);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->last_buf = 1;
        stream->last_buf = 0;
    }

    if (b == NULL) {
        ngx_http_mcp_policy_stream_sent(stream);
        return NGX_OK;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    rc = ngx_http_mcp_policy_next_body(r, cl);

    ngx_free_chain(r->pool, cl);

    ngx_http_mcp_policy_stream_sent(stream);

    return rc;
}


static ngx_buf_t *
ngx_http_mcp_policy_stream_buf(ngx_http_mcp_policy_stream_t *stream,
    ngx_chain_t **out, u_char *pos, u_char *last)
{
    ngx_buf_t  *b;

    *out = ngx_chain_get_free_buf(stream->request->pool, &stream->free);
    if (*out == NULL) {
        return NULL;
    }

    b = (*out)->buf;

    b->start = pos;
    b->pos = pos;
    b->last = last;
    b->end = last;
    b->tag = (ngx_buf_tag_t) &ngx_http_mcp_policy_module;
    b->temporary = 1;
    b->flush = 1;
    b->last_buf = 0;

    return b;
}


/* Frees what the next filters are done with. */

static void
ngx_http_mcp_policy_stream_sent(ngx_http_mcp_policy_stream_t *stream)
{
    size_t        held;
    ngx_chain_t  *none;

    none = NULL;
    ngx_chain_update_chains(stream->request->pool, &stream->free,
                            &stream->busy, &none,
                            (ngx_buf_tag_t) &ngx_http_mcp_policy_module);

    if (stream->busy || stream->start == NULL
        || stream->pos != stream->event)
    {
        return;
    }

    held = stream->last - stream->event;

    if (held == 0) {
        ngx_free(stream->start);

        stream->start = NULL;
        stream->end = NULL;

    } else if (stream->pos != stream->start) {
        ngx_memmove(stream->start, stream->event, held);
    }

    stream->pos = stream->start;
    stream->event = stream->start;
    stream->last = stream->start + held;
}


/* Whether somebody else's event may be sent now. */

ngx_int_t
ngx_http_mcp_policy_stream_ready(ngx_http_mcp_policy_stream_t *stream)
{
    ngx_http_request_t  *r;

    r = stream->request;

    if (stream->busy || r->connection->data != r || r->postponed) {
        return 0;
    }

    if (stream->rewrite && stream->events.open
        && (stream->state == NGX_HTTP_MCP_POLICY_EVENT_HELD
            || stream->state == NGX_HTTP_MCP_POLICY_EVENT_DROPPED))
    {
        /* the client knows nothing of the event that is open */
        return 1;
    }

    return mcp_event_stream_between(&stream->events);
}


ngx_int_t
ngx_http_mcp_policy_stream_put(ngx_http_mcp_policy_stream_t *stream,
    u_char *data, size_t size)
{
    ngx_int_t            rc;
    ngx_chain_t         *out;
    ngx_http_request_t  *r;

    r = stream->request;

    if (ngx_http_mcp_policy_stream_buf(stream, &out, data, data + size)
        == NULL)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_mcp_policy_next_body(r, out);

    ngx_chain_update_chains(r->pool, &stream->free, &stream->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_mcp_policy_module);

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}
