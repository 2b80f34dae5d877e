/*
 * Event streams of HTTP+SSE.  The bytes of the upstream pass as they are; the
 * reader of events only tells where one ends, so that a refusal can be put
 * between two.
 *
 * A stream registers when its "endpoint" event is seen, before the client
 * sees it.  Each worker that holds streams looks every 50 ms whether a
 * message was left for one of them; a post to the same worker is delivered
 * at once.
 */

#include "ngx_http_mcp_policy_zone.h"

#include "mcp_event_stream.h"


#define NGX_HTTP_MCP_POLICY_STREAM_POLL      50      /* ms */
#define NGX_HTTP_MCP_POLICY_STREAM_REFRESH   5       /* s */
#define NGX_HTTP_MCP_POLICY_STREAM_BUFFER    16384

/* the first event of HTTP+SSE is "endpoint"; other streams are left alone */
#define NGX_HTTP_MCP_POLICY_STREAM_EVENTS    4
#define NGX_HTTP_MCP_POLICY_STREAM_ENDPOINT  2048


/* What a worker keeps for a zone as long as it holds streams there. */
struct ngx_http_mcp_policy_holder_s {
    ngx_queue_t                     queue;
    ngx_queue_t                     streams;
    ngx_http_mcp_policy_zone_t     *zone;
    ngx_atomic_uint_t               seen;      /* of shared->mail */
    time_t                          refreshed;
    ngx_http_mcp_policy_stream_t  **slots;     /* by slot of the zone */
};


/*
 * WATCHED until the endpoint is known, then OPEN; ENDED when no event may
 * follow: the upstream's answer ended, or the request is being freed.
 */
typedef enum {
    NGX_HTTP_MCP_POLICY_STREAM_WATCHED = 0,
    NGX_HTTP_MCP_POLICY_STREAM_OPEN,
    NGX_HTTP_MCP_POLICY_STREAM_ENDED
} ngx_http_mcp_policy_stream_state_e;

struct ngx_http_mcp_policy_stream_s {
    ngx_queue_t                         queue;     /* of the holder */
    ngx_queue_t                         pending;   /* has mail */
    ngx_http_request_t                 *request;
    ngx_http_mcp_policy_zone_t         *zone;
    ngx_http_mcp_policy_stream_state_e  state;
    ngx_uint_t                          slot;
    uint64_t                            serial;
    ngx_uint_t                          seen;      /* events */
    u_char                             *buffer;    /* of all messages */
    ngx_chain_t                        *free;
    ngx_chain_t                        *busy;
    mcp_event_stream_t                  events;
    unsigned                            mail:1;
};


static void ngx_http_mcp_policy_stream_read(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream, ngx_chain_t *in);
static void ngx_http_mcp_policy_stream_event(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream);
static ngx_int_t ngx_http_mcp_policy_stream_open(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream, ngx_str_t *url);
static ngx_http_mcp_policy_holder_t *ngx_http_mcp_policy_stream_holder(
    ngx_http_mcp_policy_zone_t *zone, ngx_log_t *log);
static void ngx_http_mcp_policy_stream_close(
    ngx_http_mcp_policy_stream_t *stream);
static void ngx_http_mcp_policy_stream_cleanup(void *data);
static void ngx_http_mcp_policy_stream_handler(ngx_event_t *ev);
static void ngx_http_mcp_policy_stream_collect(
    ngx_http_mcp_policy_holder_t *holder);
static void ngx_http_mcp_policy_stream_refresh(
    ngx_http_mcp_policy_holder_t *holder);
static void ngx_http_mcp_policy_stream_pend(
    ngx_http_mcp_policy_stream_t *stream);
static void ngx_http_mcp_policy_stream_deliver(
    ngx_http_mcp_policy_stream_t *stream);
static ngx_int_t ngx_http_mcp_policy_stream_ready(
    ngx_http_mcp_policy_stream_t *stream);
static ngx_int_t ngx_http_mcp_policy_stream_send(
    ngx_http_mcp_policy_stream_t *stream);


/* of this worker */
static ngx_queue_t       ngx_http_mcp_policy_holders;
static ngx_queue_t       ngx_http_mcp_policy_pending;
static ngx_event_t       ngx_http_mcp_policy_poll;
static ngx_connection_t  ngx_http_mcp_policy_poll_connection;


/* From the header filter, for an event stream of a GET request. */

ngx_int_t
ngx_http_mcp_policy_stream_start(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    u_char                        *endpoint;
    ngx_pool_cleanup_t            *cln;
    ngx_http_mcp_policy_stream_t  *stream;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_policy_stream_t));
    endpoint = ngx_pnalloc(r->pool, NGX_HTTP_MCP_POLICY_STREAM_ENDPOINT);

    if (cln == NULL || endpoint == NULL) {
        return NGX_ERROR;
    }

    stream = cln->data;
    ngx_memzero(stream, sizeof(ngx_http_mcp_policy_stream_t));

    stream->request = r;
    stream->zone = ctx->policy->zone->data;

    mcp_event_stream_init(&stream->events, endpoint,
                          NGX_HTTP_MCP_POLICY_STREAM_ENDPOINT);

    cln->handler = ngx_http_mcp_policy_stream_cleanup;

    ctx->stream = stream;

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_policy_stream_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_int_t                      rc;
    ngx_chain_t                   *none;
    ngx_http_mcp_policy_stream_t  *stream;

    stream = ctx->stream;

    if (stream->state != NGX_HTTP_MCP_POLICY_STREAM_ENDED) {
        ngx_http_mcp_policy_stream_read(r, stream, in);
    }

    rc = ngx_http_mcp_policy_next_body(r, in);

    none = NULL;
    ngx_chain_update_chains(r->pool, &stream->free, &stream->busy, &none,
                            (ngx_buf_tag_t) &ngx_http_mcp_policy_module);

    if (stream->mail && ngx_http_mcp_policy_stream_ready(stream)) {
        ngx_http_mcp_policy_stream_wake();
    }

    return rc;
}


/* Looks at the bytes before the next filter may move buf->pos. */

static void
ngx_http_mcp_policy_stream_read(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream, ngx_chain_t *in)
{
    mcp_str_t   input;
    ngx_buf_t  *b;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (b->last_buf || b->in_file) {
            ngx_http_mcp_policy_stream_close(stream);
            return;
        }

        if (!ngx_buf_in_memory(b)) {
            continue;
        }

        input.data = b->pos;
        input.len = b->last - b->pos;

        while (mcp_event_stream_next(&stream->events, &input)) {

            if (stream->state == NGX_HTTP_MCP_POLICY_STREAM_WATCHED) {
                ngx_http_mcp_policy_stream_event(r, stream);
            }

            if (stream->state == NGX_HTTP_MCP_POLICY_STREAM_ENDED) {
                return;
            }
        }
    }
}


static void
ngx_http_mcp_policy_stream_event(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream)
{
    ngx_str_t  url;
    mcp_str_t  data;

    if (!mcp_event_stream_type_is(&stream->events, mcp_str("endpoint"))) {

        if (++stream->seen == NGX_HTTP_MCP_POLICY_STREAM_EVENTS) {
            ngx_http_mcp_policy_stream_close(stream);
        }

        return;
    }

    data = mcp_event_stream_data(&stream->events);

    url.data = (u_char *) data.data;
    url.len = data.len;

    if (mcp_event_stream_truncated(&stream->events)
        || ngx_http_mcp_policy_stream_open(r, stream, &url) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "mcp policy: no place for the endpoint of an event "
                      "stream, refusals of its calls will be HTTP errors");
        ngx_http_mcp_policy_stream_close(stream);
        return;
    }

    /* data is of no more use, ends of events are */

    stream->events.capacity = 0;
}


static ngx_int_t
ngx_http_mcp_policy_stream_open(ngx_http_request_t *r,
    ngx_http_mcp_policy_stream_t *stream, ngx_str_t *url)
{
    uint64_t                       key[2];
    ngx_http_mcp_policy_holder_t  *holder;

    if (ngx_http_mcp_policy_mailbox_key(stream->zone, url, key) != NGX_OK) {
        return NGX_DECLINED;
    }

    holder = ngx_http_mcp_policy_stream_holder(stream->zone,
                                               r->connection->log);
    if (holder == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&holder->streams, &stream->queue);

    stream->state = NGX_HTTP_MCP_POLICY_STREAM_OPEN;

    if (ngx_http_mcp_policy_mailbox_open(stream->zone, key, &stream->slot,
                                         &stream->serial)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    holder->slots[stream->slot] = stream;

    return NGX_OK;
}


static ngx_http_mcp_policy_holder_t *
ngx_http_mcp_policy_stream_holder(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log)
{
    ngx_event_t                   *ev;
    ngx_http_mcp_policy_holder_t  *holder;

    if (zone->holder) {
        return zone->holder;
    }

    /* not from a pool: a worker may gain and lose its streams many times */

    holder = ngx_calloc(sizeof(ngx_http_mcp_policy_holder_t)
                        + zone->shared->streams
                          * sizeof(ngx_http_mcp_policy_stream_t *),
                        log);
    if (holder == NULL) {
        return NULL;
    }

    holder->zone = zone;
    holder->seen = zone->shared->mail;
    holder->refreshed = ngx_time();
    holder->slots = (ngx_http_mcp_policy_stream_t **) &holder[1];
    ngx_queue_init(&holder->streams);

    ev = &ngx_http_mcp_policy_poll;

    if (ev->handler == NULL) {
        ngx_queue_init(&ngx_http_mcp_policy_holders);
        ngx_queue_init(&ngx_http_mcp_policy_pending);

        ngx_http_mcp_policy_poll_connection.fd = (ngx_socket_t) -1;

        ev->handler = ngx_http_mcp_policy_stream_handler;
        ev->data = &ngx_http_mcp_policy_poll_connection;
        ev->cancelable = 1;
    }

    ev->log = ngx_cycle->log;

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_STREAM_POLL);
    }

    ngx_queue_insert_tail(&ngx_http_mcp_policy_holders, &holder->queue);
    zone->holder = holder;

    return holder;
}


/* Leaves everything that others know of the stream; may be called again. */

static void
ngx_http_mcp_policy_stream_close(ngx_http_mcp_policy_stream_t *stream)
{
    ngx_uint_t                     dropped;
    ngx_http_mcp_policy_holder_t  *holder;

    if (stream->state == NGX_HTTP_MCP_POLICY_STREAM_ENDED) {
        return;
    }

    if (stream->state == NGX_HTTP_MCP_POLICY_STREAM_OPEN) {
        holder = stream->zone->holder;
        dropped = 0;

        if (stream->serial) {
            holder->slots[stream->slot] = NULL;

            dropped = ngx_http_mcp_policy_mailbox_close(stream->zone,
                                                        stream->slot,
                                                        stream->serial);
        }

        ngx_queue_remove(&stream->queue);

        if (stream->mail) {
            ngx_queue_remove(&stream->pending);
            stream->mail = 0;
        }

        if (ngx_queue_empty(&holder->streams)) {
            ngx_queue_remove(&holder->queue);
            stream->zone->holder = NULL;
            ngx_free(holder);
        }

        if (dropped) {
            ngx_log_error(NGX_LOG_INFO, stream->request->connection->log, 0,
                          "mcp policy: event stream ended before %ui "
                          "refusals were sent", dropped);
        }
    }

    stream->state = NGX_HTTP_MCP_POLICY_STREAM_ENDED;
}


/* r->pool is gone here: nothing may be allocated. */

static void
ngx_http_mcp_policy_stream_cleanup(void *data)
{
    ngx_http_mcp_policy_stream_t *stream = data;

    ngx_http_mcp_policy_stream_close(stream);
}


/*
 * Soon, but not from here: the caller may be in the middle of the very
 * request that the stream belongs to.
 */

void
ngx_http_mcp_policy_stream_wake(void)
{
    if (ngx_http_mcp_policy_poll.handler) {
        ngx_post_event(&ngx_http_mcp_policy_poll, &ngx_posted_events);
    }
}


static void
ngx_http_mcp_policy_stream_handler(ngx_event_t *ev)
{
    ngx_queue_t                    work, *q;
    ngx_http_mcp_policy_holder_t  *holder;
    ngx_http_mcp_policy_stream_t  *stream;

    for (q = ngx_queue_head(&ngx_http_mcp_policy_holders);
         q != ngx_queue_sentinel(&ngx_http_mcp_policy_holders);
         q = ngx_queue_next(q))
    {
        holder = ngx_queue_data(q, ngx_http_mcp_policy_holder_t, queue);

        ngx_http_mcp_policy_stream_collect(holder);
        ngx_http_mcp_policy_stream_refresh(holder);
    }

    /* a stream that cannot take its mail now is put on the list again */

    ngx_queue_init(&work);

    if (!ngx_queue_empty(&ngx_http_mcp_policy_pending)) {
        ngx_queue_add(&work, &ngx_http_mcp_policy_pending);
        ngx_queue_init(&ngx_http_mcp_policy_pending);
    }

    while (!ngx_queue_empty(&work)) {
        q = ngx_queue_head(&work);
        stream = ngx_queue_data(q, ngx_http_mcp_policy_stream_t, pending);

        ngx_queue_remove(q);
        stream->mail = 0;

        ngx_http_mcp_policy_stream_deliver(stream);
    }

    if (!ngx_queue_empty(&ngx_http_mcp_policy_holders) && !ev->timer_set) {
        ev->log = ngx_cycle->log;
        ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_STREAM_POLL);
    }
}


/* Finds the streams that messages were left for. */

static void
ngx_http_mcp_policy_stream_collect(ngx_http_mcp_policy_holder_t *holder)
{
    ngx_uint_t                        i;
    ngx_atomic_uint_t                 mail;
    ngx_http_mcp_policy_shared_t     *shared;
    ngx_http_mcp_policy_stream_t     *stream;
    ngx_http_mcp_policy_part_slot_t  *part;

    shared = holder->zone->shared;
    mail = shared->mail;

    if (mail == holder->seen) {
        return;
    }

    holder->seen = mail;
    part = ngx_http_mcp_policy_zone_area(shared, part_offset);

    ngx_shmtx_lock(&holder->zone->shpool->mutex);

    for (i = 0; i < shared->parts; i++) {

        if (part[i].serial == 0 || part[i].stream >= shared->streams) {
            continue;
        }

        stream = holder->slots[part[i].stream];

        if (stream && stream->serial == part[i].serial) {
            ngx_http_mcp_policy_stream_pend(stream);
        }
    }

    ngx_shmtx_unlock(&holder->zone->shpool->mutex);
}


/*
 * A worker that was stopped for long finds its slots given away: the streams
 * go on, only refusals no longer reach them.
 */

static void
ngx_http_mcp_policy_stream_refresh(ngx_http_mcp_policy_holder_t *holder)
{
    ngx_queue_t                   *q;
    ngx_http_mcp_policy_stream_t  *stream;

    if (ngx_time() - holder->refreshed < NGX_HTTP_MCP_POLICY_STREAM_REFRESH) {
        return;
    }

    holder->refreshed = ngx_time();

    ngx_shmtx_lock(&holder->zone->shpool->mutex);

    for (q = ngx_queue_head(&holder->streams);
         q != ngx_queue_sentinel(&holder->streams);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_http_mcp_policy_stream_t, queue);

        (void) ngx_http_mcp_policy_mailbox_keep(holder->zone->shared,
                                                stream->slot,
                                                stream->serial);
    }

    ngx_shmtx_unlock(&holder->zone->shpool->mutex);
}


static void
ngx_http_mcp_policy_stream_pend(ngx_http_mcp_policy_stream_t *stream)
{
    if (!stream->mail) {
        stream->mail = 1;
        ngx_queue_insert_tail(&ngx_http_mcp_policy_pending,
                              &stream->pending);
    }
}


static void
ngx_http_mcp_policy_stream_deliver(ngx_http_mcp_policy_stream_t *stream)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = stream->request;
    c = r->connection;

    if (r->upstream->cleanup == NULL) {

        /* the upstream failed, and the client is told by the end alone */

        ngx_http_mcp_policy_stream_close(stream);
        return;
    }

    if (!ngx_http_mcp_policy_stream_ready(stream)) {
        ngx_http_mcp_policy_stream_pend(stream);
        return;
    }

    ngx_http_set_log_request(c->log, r);

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (ngx_http_mcp_policy_stream_send(stream) != NGX_OK
        || ngx_handle_write_event(c->write, clcf->send_lowat) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        ngx_http_run_posted_requests(c);
        return;
    }

    /* what could not be sent is the business of the upstream's handler */

    if (c->write->active && !c->write->ready) {
        ngx_add_timer(c->write, clcf->send_timeout);

    } else if (c->write->timer_set && !c->write->delayed) {
        ngx_del_timer(c->write);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_mcp_policy_stream_ready(ngx_http_mcp_policy_stream_t *stream)
{
    ngx_http_request_t  *r;

    r = stream->request;

    return stream->busy == NULL
           && mcp_event_stream_between(&stream->events)
           && r->connection->data == r
           && r->postponed == NULL;
}


static ngx_int_t
ngx_http_mcp_policy_stream_send(ngx_http_mcp_policy_stream_t *stream)
{
    size_t               n;
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_uint_t           more;
    ngx_chain_t         *out;
    ngx_http_request_t  *r;

    r = stream->request;

    if (stream->buffer == NULL) {
        stream->buffer = ngx_palloc(r->pool,
                                    NGX_HTTP_MCP_POLICY_STREAM_BUFFER);
        if (stream->buffer == NULL) {
            return NGX_ERROR;
        }
    }

    n = ngx_http_mcp_policy_mailbox_take(stream->zone, stream->serial,
                                         stream->buffer,
                                         NGX_HTTP_MCP_POLICY_STREAM_BUFFER,
                                         &more);
    if (n == 0) {
        return NGX_OK;
    }

    out = ngx_chain_get_free_buf(r->pool, &stream->free);
    if (out == NULL) {
        return NGX_ERROR;
    }

    b = out->buf;

    b->start = stream->buffer;
    b->pos = stream->buffer;
    b->last = stream->buffer + n;
    b->end = stream->buffer + NGX_HTTP_MCP_POLICY_STREAM_BUFFER;
    b->tag = (ngx_buf_tag_t) &ngx_http_mcp_policy_module;
    b->temporary = 1;
    b->flush = 1;

    rc = ngx_http_mcp_policy_next_body(r, out);

    ngx_chain_update_chains(r->pool, &stream->free, &stream->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_mcp_policy_module);

    if (more) {
        ngx_http_mcp_policy_stream_pend(stream);
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}
