/*
 * mcp_approval_notify: which approvals somebody is told of, and when.
 *
 * What is to be told stands in the zone.  A worker leases a record for as
 * long as one try may take, so that one try at a time is made for it, and
 * another worker goes on when this one dies.  Each worker looks once a
 * second, and at once after a call of its own that asks for an approval;
 * calls wait for nothing of this.
 */

#include "ngx_http_mcp_policy_notify.h"


#define NGX_HTTP_MCP_POLICY_NOTIFY_PERIOD   1000   /* ms */
#define NGX_HTTP_MCP_POLICY_NOTIFY_MAX      8      /* on their way at once */

/* of a lease, over the time of a try */
#define NGX_HTTP_MCP_POLICY_NOTIFY_GRACE    5000

/* a worker that leaves waits for a try as long as this */
#define NGX_HTTP_MCP_POLICY_NOTIFY_LEAVE    1000

#define NGX_HTTP_MCP_POLICY_NOTIFY_QUIET    60     /* s between two lines */

/* longer ones are not sent */
#define NGX_HTTP_MCP_POLICY_NOTIFY_ARGUMENTS  65536


/* Of this worker. */
typedef struct {
    ngx_http_mcp_policy_main_conf_t  *mmcf;
    ngx_event_t                       timer;
    ngx_event_t                       wake;
    ngx_connection_t                  dummy;      /* events need one */
    ngx_queue_t                       deliveries;
    ngx_uint_t                        count;      /* of them */
    ngx_uint_t                        zone;       /* the next to look into */
    u_char                           *buffer;     /* of a record's texts */
    size_t                            arguments;  /* its room for these */
    time_t                            detailed;   /* when nginx's own lines
                                                     were let through */
    time_t                            told[NGX_HTTP_MCP_POLICY_NOTIFY_RESULTS];
    ngx_uint_t                        untold[
                                          NGX_HTTP_MCP_POLICY_NOTIFY_RESULTS];
    unsigned                          failing:1;  /* the last try did: the
                                                     next one has time */
} ngx_http_mcp_policy_notifier_t;


static void ngx_http_mcp_policy_notify_timer(ngx_event_t *ev);
static void ngx_http_mcp_policy_notify_posted(ngx_event_t *ev);
static void ngx_http_mcp_policy_notify_leave(
    ngx_http_mcp_policy_notifier_t *notifier);
static void ngx_http_mcp_policy_notify_look(
    ngx_http_mcp_policy_notifier_t *notifier);
static ngx_int_t ngx_http_mcp_policy_notify_one(
    ngx_http_mcp_policy_notifier_t *notifier,
    ngx_http_mcp_policy_zone_t *zone);
static ngx_uint_t ngx_http_mcp_policy_notify_under_way(
    ngx_http_mcp_policy_notifier_t *notifier, const uint8_t *id);
static void ngx_http_mcp_policy_notify_delivered(
    ngx_http_mcp_policy_delivery_t *delivery);
static void ngx_http_mcp_policy_notify_again(
    ngx_http_mcp_policy_zone_t *zone, const uint8_t *id, uint64_t delay);
static void ngx_http_mcp_policy_notify_complain(
    ngx_http_mcp_policy_notifier_t *notifier,
    ngx_http_mcp_policy_delivery_t *delivery);


/* by result */
static const char  *ngx_http_mcp_policy_notify_failures[] = {
    "it could not be sent",
    "no connection",
    "no answer in time",
    "it is refused",
    "this worker leaves",
    "it is gone, and not told again",
    NULL
};


static ngx_http_mcp_policy_notifier_t  *ngx_http_mcp_policy_notifier;


ngx_int_t
ngx_http_mcp_policy_notify_init_process(
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_cycle_t *cycle)
{
    ngx_http_mcp_policy_notifier_t  *notifier;

    if (mmcf->notify == NULL || mmcf->notify->ctx == NULL) {
        return NGX_OK;
    }

    notifier = ngx_pcalloc(cycle->pool,
                           sizeof(ngx_http_mcp_policy_notifier_t));
    if (notifier == NULL) {
        return NGX_ERROR;
    }

    notifier->arguments = mmcf->notify->arguments
                          ? NGX_HTTP_MCP_POLICY_NOTIFY_ARGUMENTS : 0;

    notifier->buffer = ngx_pnalloc(cycle->pool,
                              mcp_approval_view_size(notifier->arguments));
    if (notifier->buffer == NULL) {
        return NGX_ERROR;
    }

    notifier->mmcf = mmcf;
    notifier->dummy.fd = (ngx_socket_t) -1;
    notifier->dummy.data = notifier;

    notifier->timer.handler = ngx_http_mcp_policy_notify_timer;
    notifier->timer.data = &notifier->dummy;
    notifier->timer.log = cycle->log;
    notifier->timer.cancelable = 1;

    notifier->wake.handler = ngx_http_mcp_policy_notify_posted;
    notifier->wake.data = &notifier->dummy;
    notifier->wake.log = cycle->log;

    ngx_queue_init(&notifier->deliveries);

    ngx_http_mcp_policy_notifier = notifier;

    ngx_add_timer(&notifier->timer, NGX_HTTP_MCP_POLICY_NOTIFY_PERIOD);

    return NGX_OK;
}


/* A call of this worker has asked for an approval. */

void
ngx_http_mcp_policy_notify_wake(void)
{
    ngx_http_mcp_policy_notifier_t  *notifier;

    notifier = ngx_http_mcp_policy_notifier;

    if (notifier && !notifier->failing && !notifier->wake.posted) {
        ngx_post_event(&notifier->wake, &ngx_posted_events);
    }
}


static void
ngx_http_mcp_policy_notify_timer(ngx_event_t *ev)
{
    ngx_connection_t                *dummy;
    ngx_http_mcp_policy_notifier_t  *notifier;

    dummy = ev->data;
    notifier = dummy->data;

    if (ngx_exiting) {
        ngx_http_mcp_policy_notify_leave(notifier);

    } else {
        ngx_http_mcp_policy_notify_look(notifier);
    }

    ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_NOTIFY_PERIOD);
}


static void
ngx_http_mcp_policy_notify_posted(ngx_event_t *ev)
{
    ngx_connection_t  *dummy;

    dummy = ev->data;

    ngx_http_mcp_policy_notify_look(dummy->data);
}


/* Others go on with it. */

static void
ngx_http_mcp_policy_notify_leave(ngx_http_mcp_policy_notifier_t *notifier)
{
    ngx_queue_t                     *q;
    ngx_http_mcp_policy_delivery_t  *delivery;

    for (q = ngx_queue_head(&notifier->deliveries);
         q != ngx_queue_sentinel(&notifier->deliveries);
         q = ngx_queue_next(q))
    {
        delivery = ngx_queue_data(q, ngx_http_mcp_policy_delivery_t, queue);

        if (ngx_current_msec - delivery->started
            >= NGX_HTTP_MCP_POLICY_NOTIFY_LEAVE)
        {
            ngx_http_mcp_policy_notify_abort(delivery,
                                         NGX_HTTP_MCP_POLICY_NOTIFY_LEAVING);
        }
    }
}


/* Takes what is due, from one zone after the other. */

static void
ngx_http_mcp_policy_notify_look(ngx_http_mcp_policy_notifier_t *notifier)
{
    ngx_int_t         rc;
    ngx_uint_t        idle, zones;
    ngx_shm_zone_t  **zone;

    zone = notifier->mmcf->zones.elts;
    zones = notifier->mmcf->zones.nelts;
    idle = 0;

    while (idle < zones
           && notifier->count < NGX_HTTP_MCP_POLICY_NOTIFY_MAX
           && !ngx_exiting
           && !ngx_terminate)
    {
        /* clients come first */

        if (ngx_cycle->free_connection_n == 0) {
            return;
        }

        notifier->zone = (notifier->zone + 1) % zones;

        rc = ngx_http_mcp_policy_notify_one(notifier,
                                            zone[notifier->zone]->data);

        if (rc == NGX_ERROR) {
            return;
        }

        idle = (rc == NGX_OK) ? 0 : idle + 1;
    }
}


/* NGX_DECLINED: there is none to be told of. */

static ngx_int_t
ngx_http_mcp_policy_notify_one(ngx_http_mcp_policy_notifier_t *notifier,
    ngx_http_mcp_policy_zone_t *zone)
{
    uint32_t                         tries;
    ngx_uint_t                       quiet;
    mcp_approval_view_t              view;
    ngx_http_mcp_policy_notify_t    *notify;
    ngx_http_mcp_policy_delivery_t  *delivery;

    notify = notifier->mmcf->notify;

    if (ngx_http_mcp_policy_approval_notify_next(zone,
            notify->timeout + NGX_HTTP_MCP_POLICY_NOTIFY_GRACE, &tries,
            notifier->arguments, notifier->buffer, &view)
        != MCP_OK)
    {
        return NGX_DECLINED;
    }

    /* a clock that jumps ends a lease too soon */

    if (ngx_http_mcp_policy_notify_under_way(notifier, view.id)) {
        return NGX_OK;
    }

    quiet = (notifier->detailed
             && ngx_time() - notifier->detailed
                < NGX_HTTP_MCP_POLICY_NOTIFY_QUIET);

    delivery = ngx_http_mcp_policy_notify_send(notify, &view,
                                     ngx_http_mcp_policy_notify_delivered,
                                     quiet);

    if (notify->arguments) {
        ngx_explicit_memzero(notifier->buffer,
                             mcp_approval_view_size(notifier->arguments));
    }

    if (delivery == NULL) {
        ngx_http_mcp_policy_notify_again(zone, view.id,
                                  mcp_notify_delay(tries, ngx_random()));
        return NGX_ERROR;
    }

    delivery->zone = zone;
    delivery->tries = tries;

    ngx_queue_insert_tail(&notifier->deliveries, &delivery->queue);
    notifier->count++;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mcp_policy_notify_under_way(
    ngx_http_mcp_policy_notifier_t *notifier, const uint8_t *id)
{
    ngx_queue_t                     *q;
    ngx_http_mcp_policy_delivery_t  *delivery;

    for (q = ngx_queue_head(&notifier->deliveries);
         q != ngx_queue_sentinel(&notifier->deliveries);
         q = ngx_queue_next(q))
    {
        delivery = ngx_queue_data(q, ngx_http_mcp_policy_delivery_t, queue);

        if (ngx_memcmp(delivery->id, id, MCP_APPROVAL_ID) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_mcp_policy_notify_delivered(ngx_http_mcp_policy_delivery_t *delivery)
{
    ngx_http_mcp_policy_notifier_t  *notifier;

    notifier = ngx_http_mcp_policy_notifier;

    ngx_queue_remove(&delivery->queue);
    notifier->count--;

    switch (delivery->result) {

    case NGX_HTTP_MCP_POLICY_NOTIFY_DELIVERED:

        (void) ngx_atomic_fetch_add(&delivery->zone->shared->notified, 1);

        ngx_http_mcp_policy_approval_notify_done(delivery->zone,
                                                 delivery->id);
        notifier->failing = 0;

        ngx_http_mcp_policy_notify_wake();

        return;

    case NGX_HTTP_MCP_POLICY_NOTIFY_GONE:

        ngx_http_mcp_policy_approval_notify_done(delivery->zone,
                                                 delivery->id);
        break;

    case NGX_HTTP_MCP_POLICY_NOTIFY_LEAVING:

        ngx_http_mcp_policy_notify_again(delivery->zone, delivery->id, 0);
        break;

    default:

        notifier->failing = 1;

        (void) ngx_atomic_fetch_add(&delivery->zone->shared->notify_failed,
                                    1);

        ngx_http_mcp_policy_notify_again(delivery->zone, delivery->id,
                             mcp_notify_delay(delivery->tries, ngx_random()));
    }

    ngx_http_mcp_policy_notify_complain(notifier, delivery);
}


static void
ngx_http_mcp_policy_notify_again(ngx_http_mcp_policy_zone_t *zone,
    const uint8_t *id, uint64_t delay)
{
    ngx_http_mcp_policy_approval_notify_again(zone, id,
                                         ngx_http_mcp_policy_now() + delay);
}


/* A line for each kind of failure, once in a while. */

static void
ngx_http_mcp_policy_notify_complain(ngx_http_mcp_policy_notifier_t *notifier,
    ngx_http_mcp_policy_delivery_t *delivery)
{
    u_char      id[NGX_HTTP_MCP_POLICY_APPROVAL_HEX];
    time_t      now;
    ngx_uint_t  i, untold;

    now = ngx_time();
    i = delivery->result;

    if (!delivery->quiet) {
        notifier->detailed = now;
    }

    if (notifier->told[i]
        && now - notifier->told[i] < NGX_HTTP_MCP_POLICY_NOTIFY_QUIET)
    {
        notifier->untold[i]++;
        return;
    }

    untold = notifier->untold[i];
    notifier->untold[i] = 0;
    notifier->told[i] = now;

    (void) ngx_hex_dump(id, delivery->id, MCP_APPROVAL_ID);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "mcp_approval_notify to \"%V\" failed: %s, status: %ui, "
                  "approval: %*s, try: %uD, failures alike since the last "
                  "line: %ui",
                  &delivery->notify->host,
                  ngx_http_mcp_policy_notify_failures[i],
                  delivery->status.code, sizeof(id), id, delivery->tries + 1,
                  untold);
}
