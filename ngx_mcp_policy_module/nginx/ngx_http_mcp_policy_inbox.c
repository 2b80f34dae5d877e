/*
 * The side of HTTP+SSE streams that takes refusals.  A stream registers when
 * its "endpoint" event is seen, before the client sees it.  Each worker that
 * holds streams looks every 50 ms whether a message was left for one of them;
 * a post to the same worker is delivered at once.
 */

#include "ngx_http_mcp_policy_stream.h"


#define NGX_HTTP_MCP_POLICY_INBOX_POLL      50      /* ms */
#define NGX_HTTP_MCP_POLICY_INBOX_REFRESH   5       /* s */
#define NGX_HTTP_MCP_POLICY_INBOX_BUFFER    16384

/* the first event of HTTP+SSE is "endpoint"; other streams are left alone */
#define NGX_HTTP_MCP_POLICY_INBOX_EVENTS    4
#define NGX_HTTP_MCP_POLICY_INBOX_ENDPOINT  2048


/* What a worker keeps for a zone as long as it holds streams there. */
struct ngx_http_mcp_policy_holder_s {
    ngx_queue_t                     queue;
    ngx_queue_t                     inboxes;
    ngx_http_mcp_policy_zone_t     *zone;
    ngx_atomic_uint_t               seen;      /* of shared->mail */
    time_t                          refreshed;
    ngx_http_mcp_policy_inbox_t   **slots;     /* by slot of the zone */
};


/*
 * WATCHED until the endpoint is known, then OPEN; ENDED when no event may
 * follow: the upstream's answer ended, or the request is being freed.
 */
typedef enum {
    NGX_HTTP_MCP_POLICY_INBOX_WATCHED = 0,
    NGX_HTTP_MCP_POLICY_INBOX_OPEN,
    NGX_HTTP_MCP_POLICY_INBOX_ENDED
} ngx_http_mcp_policy_inbox_state_e;

struct ngx_http_mcp_policy_inbox_s {
    ngx_queue_t                        queue;     /* of the holder */
    ngx_queue_t                        pending;   /* has mail */
    ngx_http_request_t                *request;
    ngx_http_mcp_policy_stream_t      *stream;
    ngx_http_mcp_policy_zone_t        *zone;
    ngx_http_mcp_policy_inbox_state_e  state;
    ngx_uint_t                         slot;
    uint64_t                           serial;
    ngx_uint_t                         seen;      /* events */
    u_char                            *buffer;    /* of all messages */
    unsigned                           mail:1;
};


static ngx_int_t ngx_http_mcp_policy_inbox_open(
    ngx_http_mcp_policy_inbox_t *inbox, ngx_str_t *url);
static ngx_http_mcp_policy_holder_t *ngx_http_mcp_policy_inbox_holder(
    ngx_http_mcp_policy_zone_t *zone, ngx_log_t *log);
static void ngx_http_mcp_policy_inbox_cleanup(void *data);
static void ngx_http_mcp_policy_inbox_handler(ngx_event_t *ev);
static void ngx_http_mcp_policy_inbox_collect(
    ngx_http_mcp_policy_holder_t *holder);
static void ngx_http_mcp_policy_inbox_refresh(
    ngx_http_mcp_policy_holder_t *holder);
static void ngx_http_mcp_policy_inbox_pend(
    ngx_http_mcp_policy_inbox_t *inbox);
static void ngx_http_mcp_policy_inbox_deliver(
    ngx_http_mcp_policy_inbox_t *inbox);
static ngx_int_t ngx_http_mcp_policy_inbox_send(
    ngx_http_mcp_policy_inbox_t *inbox);


/* of this worker */
static ngx_queue_t       ngx_http_mcp_policy_holders;
static ngx_queue_t       ngx_http_mcp_policy_pending;
static ngx_event_t       ngx_http_mcp_policy_poll;
static ngx_connection_t  ngx_http_mcp_policy_poll_connection;


ngx_http_mcp_policy_inbox_t *
ngx_http_mcp_policy_inbox_create(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_http_mcp_policy_stream_t *stream)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_mcp_policy_inbox_t  *inbox;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_policy_inbox_t));
    if (cln == NULL) {
        return NULL;
    }

    inbox = cln->data;
    ngx_memzero(inbox, sizeof(ngx_http_mcp_policy_inbox_t));

    inbox->request = r;
    inbox->stream = stream;
    inbox->zone = ctx->policy->zone->data;

    cln->handler = ngx_http_mcp_policy_inbox_cleanup;

    return inbox;
}


/*
 * Each event, before the client sees it.  NGX_DONE: the endpoint is known,
 * data is of no more use; NGX_DECLINED: the stream takes no refusals.
 */

ngx_int_t
ngx_http_mcp_policy_inbox_event(ngx_http_mcp_policy_inbox_t *inbox,
    const mcp_event_stream_t *events, mcp_str_t data)
{
    ngx_str_t  url;

    if (inbox->state == NGX_HTTP_MCP_POLICY_INBOX_OPEN) {
        return NGX_DONE;
    }

    if (inbox->state == NGX_HTTP_MCP_POLICY_INBOX_ENDED) {
        return NGX_DECLINED;
    }

    if (!mcp_event_stream_type_is(events, mcp_str("endpoint"))) {

        if (++inbox->seen == NGX_HTTP_MCP_POLICY_INBOX_EVENTS) {
            ngx_http_mcp_policy_inbox_close(inbox);
            return NGX_DECLINED;
        }

        return NGX_OK;
    }

    url.data = (u_char *) data.data;
    url.len = data.len;

    if (events->data_length > NGX_HTTP_MCP_POLICY_INBOX_ENDPOINT
        || ngx_http_mcp_policy_inbox_open(inbox, &url) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_WARN, inbox->request->connection->log, 0,
                      "mcp policy: no place for the endpoint of an event "
                      "stream, refusals of its calls will be HTTP errors");
        ngx_http_mcp_policy_inbox_close(inbox);
        return NGX_DECLINED;
    }

    return NGX_DONE;
}


/* The client has what was sent, and may get more. */

void
ngx_http_mcp_policy_inbox_sent(ngx_http_mcp_policy_inbox_t *inbox)
{
    if (inbox->mail) {
        ngx_http_mcp_policy_inbox_wake();
    }
}


static ngx_int_t
ngx_http_mcp_policy_inbox_open(ngx_http_mcp_policy_inbox_t *inbox,
    ngx_str_t *url)
{
    uint64_t                       key[2];
    ngx_http_mcp_policy_holder_t  *holder;

    if (ngx_http_mcp_policy_mailbox_key(inbox->zone, url, key) != NGX_OK) {
        return NGX_DECLINED;
    }

    holder = ngx_http_mcp_policy_inbox_holder(inbox->zone,
                                            inbox->request->connection->log);
    if (holder == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&holder->inboxes, &inbox->queue);

    inbox->state = NGX_HTTP_MCP_POLICY_INBOX_OPEN;

    if (ngx_http_mcp_policy_mailbox_open(inbox->zone, key, &inbox->slot,
                                         &inbox->serial)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    holder->slots[inbox->slot] = inbox;

    return NGX_OK;
}


static ngx_http_mcp_policy_holder_t *
ngx_http_mcp_policy_inbox_holder(ngx_http_mcp_policy_zone_t *zone,
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
                          * sizeof(ngx_http_mcp_policy_inbox_t *),
                        log);
    if (holder == NULL) {
        return NULL;
    }

    holder->zone = zone;
    holder->seen = zone->shared->mail;
    holder->refreshed = ngx_time();
    holder->slots = (ngx_http_mcp_policy_inbox_t **) &holder[1];
    ngx_queue_init(&holder->inboxes);

    ev = &ngx_http_mcp_policy_poll;

    if (ev->handler == NULL) {
        ngx_queue_init(&ngx_http_mcp_policy_holders);
        ngx_queue_init(&ngx_http_mcp_policy_pending);

        ngx_http_mcp_policy_poll_connection.fd = (ngx_socket_t) -1;

        ev->handler = ngx_http_mcp_policy_inbox_handler;
        ev->data = &ngx_http_mcp_policy_poll_connection;
        ev->cancelable = 1;
    }

    ev->log = ngx_cycle->log;

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_INBOX_POLL);
    }

    ngx_queue_insert_tail(&ngx_http_mcp_policy_holders, &holder->queue);
    zone->holder = holder;

    return holder;
}


/* Leaves everything that others know of the stream; may be called again. */

void
ngx_http_mcp_policy_inbox_close(ngx_http_mcp_policy_inbox_t *inbox)
{
    ngx_uint_t                     dropped;
    ngx_http_mcp_policy_holder_t  *holder;

    if (inbox->state == NGX_HTTP_MCP_POLICY_INBOX_ENDED) {
        return;
    }

    if (inbox->state == NGX_HTTP_MCP_POLICY_INBOX_OPEN) {
        holder = inbox->zone->holder;
        dropped = 0;

        if (inbox->serial) {
            holder->slots[inbox->slot] = NULL;

            dropped = ngx_http_mcp_policy_mailbox_close(inbox->zone,
                                                        inbox->slot,
                                                        inbox->serial);
        }

        ngx_queue_remove(&inbox->queue);

        if (inbox->mail) {
            ngx_queue_remove(&inbox->pending);
            inbox->mail = 0;
        }

        if (ngx_queue_empty(&holder->inboxes)) {
            ngx_queue_remove(&holder->queue);
            inbox->zone->holder = NULL;
            ngx_free(holder);
        }

        if (dropped) {
            ngx_log_error(NGX_LOG_INFO, inbox->request->connection->log, 0,
                          "mcp policy: event stream ended before %ui "
                          "refusals were sent", dropped);
        }
    }

    inbox->state = NGX_HTTP_MCP_POLICY_INBOX_ENDED;
}


/* r->pool is gone here: nothing may be allocated. */

static void
ngx_http_mcp_policy_inbox_cleanup(void *data)
{
    ngx_http_mcp_policy_inbox_t *inbox = data;

    ngx_http_mcp_policy_inbox_close(inbox);
}


/*
 * Soon, but not from here: the caller may be in the middle of the very
 * request that the stream belongs to.
 */

void
ngx_http_mcp_policy_inbox_wake(void)
{
    if (ngx_http_mcp_policy_poll.handler) {
        ngx_post_event(&ngx_http_mcp_policy_poll, &ngx_posted_events);
    }
}


static void
ngx_http_mcp_policy_inbox_handler(ngx_event_t *ev)
{
    ngx_queue_t                    work, *q;
    ngx_http_mcp_policy_holder_t  *holder;
    ngx_http_mcp_policy_inbox_t  *inbox;

    for (q = ngx_queue_head(&ngx_http_mcp_policy_holders);
         q != ngx_queue_sentinel(&ngx_http_mcp_policy_holders);
         q = ngx_queue_next(q))
    {
        holder = ngx_queue_data(q, ngx_http_mcp_policy_holder_t, queue);

        ngx_http_mcp_policy_inbox_collect(holder);
        ngx_http_mcp_policy_inbox_refresh(holder);
    }

    /* a stream that cannot take its mail now is put on the list again */

    ngx_queue_init(&work);

    if (!ngx_queue_empty(&ngx_http_mcp_policy_pending)) {
        ngx_queue_add(&work, &ngx_http_mcp_policy_pending);
        ngx_queue_init(&ngx_http_mcp_policy_pending);
    }

    while (!ngx_queue_empty(&work)) {
        q = ngx_queue_head(&work);
        inbox = ngx_queue_data(q, ngx_http_mcp_policy_inbox_t, pending);

        ngx_queue_remove(q);
        inbox->mail = 0;

        ngx_http_mcp_policy_inbox_deliver(inbox);
    }

    if (!ngx_queue_empty(&ngx_http_mcp_policy_holders) && !ev->timer_set) {
        ev->log = ngx_cycle->log;
        ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_INBOX_POLL);
    }
}


/* Finds the streams that messages were left for. */

static void
ngx_http_mcp_policy_inbox_collect(ngx_http_mcp_policy_holder_t *holder)
{
    ngx_uint_t                        i;
    ngx_atomic_uint_t                 mail;
    ngx_http_mcp_policy_shared_t     *shared;
    ngx_http_mcp_policy_inbox_t      *inbox;
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

        inbox = holder->slots[part[i].stream];

        if (inbox && inbox->serial == part[i].serial) {
            ngx_http_mcp_policy_inbox_pend(inbox);
        }
    }

    ngx_shmtx_unlock(&holder->zone->shpool->mutex);
}


/*
 * A worker that was stopped for long finds its slots given away: the streams
 * go on, only refusals no longer reach them.
 */

static void
ngx_http_mcp_policy_inbox_refresh(ngx_http_mcp_policy_holder_t *holder)
{
    ngx_queue_t                   *q;
    ngx_http_mcp_policy_inbox_t  *inbox;

    if (ngx_time() - holder->refreshed < NGX_HTTP_MCP_POLICY_INBOX_REFRESH) {
        return;
    }

    holder->refreshed = ngx_time();

    ngx_shmtx_lock(&holder->zone->shpool->mutex);

    for (q = ngx_queue_head(&holder->inboxes);
         q != ngx_queue_sentinel(&holder->inboxes);
         q = ngx_queue_next(q))
    {
        inbox = ngx_queue_data(q, ngx_http_mcp_policy_inbox_t, queue);

        (void) ngx_http_mcp_policy_mailbox_keep(holder->zone->shared,
                                                inbox->slot, inbox->serial);
    }

    ngx_shmtx_unlock(&holder->zone->shpool->mutex);
}


static void
ngx_http_mcp_policy_inbox_pend(ngx_http_mcp_policy_inbox_t *inbox)
{
    if (!inbox->mail) {
        inbox->mail = 1;
        ngx_queue_insert_tail(&ngx_http_mcp_policy_pending,
                              &inbox->pending);
    }
}


static void
ngx_http_mcp_policy_inbox_deliver(ngx_http_mcp_policy_inbox_t *inbox)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = inbox->request;
    c = r->connection;

    if (r->upstream->cleanup == NULL) {

        /* the upstream failed, and the client is told by the end alone */

        ngx_http_mcp_policy_inbox_close(inbox);
        return;
    }

    if (!ngx_http_mcp_policy_stream_ready(inbox->stream)) {
        ngx_http_mcp_policy_inbox_pend(inbox);
        return;
    }

    ngx_http_set_log_request(c->log, r);

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (ngx_http_mcp_policy_inbox_send(inbox) != NGX_OK
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
ngx_http_mcp_policy_inbox_send(ngx_http_mcp_policy_inbox_t *inbox)
{
    size_t      n;
    ngx_int_t   rc;
    ngx_uint_t  more;

    if (inbox->buffer == NULL) {
        inbox->buffer = ngx_palloc(inbox->request->pool,
                                   NGX_HTTP_MCP_POLICY_INBOX_BUFFER);
        if (inbox->buffer == NULL) {
            return NGX_ERROR;
        }
    }

    n = ngx_http_mcp_policy_mailbox_take(inbox->zone, inbox->serial,
                                         inbox->buffer,
                                         NGX_HTTP_MCP_POLICY_INBOX_BUFFER,
                                         &more);
    if (n == 0) {
        return NGX_OK;
    }

    rc = ngx_http_mcp_policy_stream_put(inbox->stream, inbox->buffer, n);

    if (more) {
        ngx_http_mcp_policy_inbox_pend(inbox);
    }

    return rc;
}
