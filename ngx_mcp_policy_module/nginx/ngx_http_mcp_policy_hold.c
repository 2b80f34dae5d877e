/*
 * Calls that wait for a human's decision (approve wait=).  A held call is a
 * timer and a place in this worker's queue; the zone knows nothing of it, so
 * a worker that dies leaves nothing behind.  Decisions made in this worker
 * wake it at once; for those of others the zone's news are looked at every
 * 50 ms as long as a call is held.
 */

#include "ngx_http_mcp_policy_approval.h"


/* milliseconds */
#define NGX_HTTP_MCP_POLICY_HOLD_POLL   50
#define NGX_HTTP_MCP_POLICY_HOLD_AGAIN  1000


static ngx_http_mcp_policy_hold_t *ngx_http_mcp_policy_hold_create(
    ngx_http_request_t *r, ngx_http_mcp_policy_ctx_t *ctx);
static void ngx_http_mcp_policy_hold_test_writing(ngx_http_request_t *r);
static void ngx_http_mcp_policy_hold_poll(void);
static ngx_msec_t ngx_http_mcp_policy_hold_next(
    ngx_http_mcp_policy_hold_t *hold, uint64_t left);
static void ngx_http_mcp_policy_hold_handler(ngx_event_t *ev);
static void ngx_http_mcp_policy_hold_timer(ngx_event_t *ev);
static void ngx_http_mcp_policy_hold_resume(ngx_http_mcp_policy_hold_t *hold);
static void ngx_http_mcp_policy_hold_release(
    ngx_http_mcp_policy_hold_t *hold);
static void ngx_http_mcp_policy_hold_cleanup(void *data);


/* of this worker */
static ngx_queue_t       ngx_http_mcp_policy_held;
static ngx_event_t       ngx_http_mcp_policy_hold_event;
static ngx_connection_t  ngx_http_mcp_policy_hold_connection;


/*
 * After a body was refused for lack of an approval.  NGX_AGAIN: it waits;
 * NGX_DECLINED: it does not, or not any more.  The time counts from when it
 * waited first, also when another call with the same arguments was quicker.
 */

ngx_int_t
ngx_http_mcp_policy_hold(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_approval_ask_t *ask,
    uint64_t now_ms)
{
    u_char                       id[NGX_HTTP_MCP_POLICY_APPROVAL_HEX];
    uint64_t                     left;
    ngx_event_t                 *rev;
    ngx_http_mcp_policy_hold_t  *hold;

    if (ask->state != MCP_APPROVAL_PENDING || ask->wait_ms == 0) {
        return NGX_DECLINED;
    }

    hold = ctx->hold;

    if (hold == NULL) {
        hold = ngx_http_mcp_policy_hold_create(r, ctx);
        if (hold == NULL) {
            return NGX_ERROR;
        }

    } else if (ngx_current_msec - hold->since >= ask->wait_ms) {
        return NGX_DECLINED;
    }

    ngx_http_mcp_policy_approval_hex(ask->id, id);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "mcp policy \"%V\": call is held, approval \"%*s\"",
                  &ctx->policy->name, sizeof(id), id);

    hold->key[0] = ask->key[0];
    hold->key[1] = ask->key[1];
    ngx_memcpy(hold->id, ask->id, MCP_APPROVAL_ID);
    hold->wait_ms = ask->wait_ms;

    /* it may have been decided since: the next poll looks in any case */
    hold->seen = hold->zone->shared->approval_news - 1;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_mcp_policy_hold_test_writing;

    if (r->connection->write->error) {
        ngx_post_event(r->connection->write, &ngx_posted_events);
    }

    ngx_http_mcp_policy_hold_poll();

    left = (ask->expires_ms > now_ms) ? ask->expires_ms - now_ms : 0;

    ngx_add_timer(&hold->timer, ngx_http_mcp_policy_hold_next(hold, left));
    ngx_queue_insert_tail(&ngx_http_mcp_policy_held, &hold->queue);
    hold->held = 1;

    return NGX_AGAIN;
}


static ngx_http_mcp_policy_hold_t *
ngx_http_mcp_policy_hold_create(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_http_cleanup_t          *cln;
    ngx_http_mcp_policy_hold_t  *hold;

    /* not the pool's cleanup: this one runs before the request is logged */

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_mcp_policy_hold_t));
    if (cln == NULL) {
        return NULL;
    }

    hold = cln->data;
    ngx_memzero(hold, sizeof(ngx_http_mcp_policy_hold_t));

    cln->handler = ngx_http_mcp_policy_hold_cleanup;

    hold->request = r;
    hold->ctx = ctx;
    hold->zone = ctx->policy->zone->data;
    hold->since = ngx_current_msec;

    hold->timer.handler = ngx_http_mcp_policy_hold_timer;
    hold->timer.data = r->connection;
    hold->timer.log = r->connection->log;

    ctx->hold = hold;

    return hold;
}


/* Over HTTP/3 a client that has sent all says so when it reads no more. */

static void
ngx_http_mcp_policy_hold_test_writing(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    if (!c->write->error) {
        return;
    }

    c->error = 1;

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "client gave up a call that is held");

    ngx_http_finalize_request(r, NGX_HTTP_CLIENT_CLOSED_REQUEST);
}


static void
ngx_http_mcp_policy_hold_poll(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_mcp_policy_hold_event;

    if (ev->handler == NULL) {
        ngx_queue_init(&ngx_http_mcp_policy_held);

        ngx_http_mcp_policy_hold_connection.fd = (ngx_socket_t) -1;

        ev->handler = ngx_http_mcp_policy_hold_handler;
        ev->data = &ngx_http_mcp_policy_hold_connection;
        ev->cancelable = 1;
    }

    if (!ev->timer_set) {
        ev->log = ngx_cycle->log;
        ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_HOLD_POLL);
    }
}


/* Until the time is over, or the record, which nobody else announces. */

static ngx_msec_t
ngx_http_mcp_policy_hold_next(ngx_http_mcp_policy_hold_t *hold, uint64_t left)
{
    uint64_t  rest;

    rest = hold->wait_ms - (ngx_current_msec - hold->since);

    return (ngx_msec_t) ngx_min(rest, left + 1);
}


/*
 * Soon, but not from here: the caller is in the middle of the request that
 * brought the decision.
 */

void
ngx_http_mcp_policy_hold_wake(void)
{
    if (ngx_http_mcp_policy_hold_event.handler) {
        ngx_post_event(&ngx_http_mcp_policy_hold_event, &ngx_posted_events);
    }
}


static void
ngx_http_mcp_policy_hold_handler(ngx_event_t *ev)
{
    ngx_queue_t                  work, *q;
    ngx_atomic_uint_t            news;
    ngx_http_mcp_policy_hold_t  *hold;

    /* those that go on may end others, or come back to the queue */

    ngx_queue_init(&work);

    if (!ngx_queue_empty(&ngx_http_mcp_policy_held)) {
        ngx_queue_add(&work, &ngx_http_mcp_policy_held);
        ngx_queue_init(&ngx_http_mcp_policy_held);
    }

    while (!ngx_queue_empty(&work)) {
        q = ngx_queue_head(&work);
        hold = ngx_queue_data(q, ngx_http_mcp_policy_hold_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_http_mcp_policy_held, q);

        news = hold->zone->shared->approval_news;

        if (news == hold->seen) {
            continue;
        }

        hold->seen = news;

        if (ngx_http_mcp_policy_approval_state(hold->zone, hold->id)
            != MCP_APPROVAL_PENDING)
        {
            ngx_http_mcp_policy_hold_resume(hold);
        }
    }

    if (!ngx_queue_empty(&ngx_http_mcp_policy_held)) {
        ngx_http_mcp_policy_hold_poll();
    }
}


static void
ngx_http_mcp_policy_hold_timer(ngx_event_t *ev)
{
    ngx_http_mcp_policy_hold_t  *hold;

    hold = (ngx_http_mcp_policy_hold_t *)
               ((u_char *) ev - offsetof(ngx_http_mcp_policy_hold_t, timer));

    if (ngx_current_msec - hold->since < hold->wait_ms
        && ngx_http_mcp_policy_approval_state(hold->zone, hold->id)
           == MCP_APPROVAL_PENDING)
    {
        ngx_add_timer(ev, ngx_http_mcp_policy_hold_next(hold,
                                             NGX_HTTP_MCP_POLICY_HOLD_AGAIN));
        return;
    }

    ngx_http_mcp_policy_hold_resume(hold);
}


/* Judged by the policy that is in force now. */

static void
ngx_http_mcp_policy_hold_resume(ngx_http_mcp_policy_hold_t *hold)
{
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_mcp_policy_ctx_t  *ctx;

    r = hold->request;
    c = r->connection;
    ctx = hold->ctx;

    ngx_http_mcp_policy_hold_release(hold);

    if (ngx_http_get_module_ctx(r, ngx_http_mcp_policy_module) != ctx) {

        /* a post_action: the client has gone */
        return;
    }

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;

    if (ctx->version != ctx->policy->version) {
        ngx_http_mcp_policy_release(ctx->version);

        ctx->version = ctx->policy->version;
        ctx->version->references++;
    }

    ngx_http_mcp_policy_decide(r, ctx);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_mcp_policy_hold_release(ngx_http_mcp_policy_hold_t *hold)
{
    ngx_queue_remove(&hold->queue);
    hold->held = 0;

    if (hold->timer.timer_set) {
        ngx_del_timer(&hold->timer);
    }
}


/*
 * The request ends while it is held, or long after.  If it is held, the
 * client has gone, or the worker has no more time: that is a refusal, for
 * logs and statistics, and nothing is taken.
 */

static void
ngx_http_mcp_policy_hold_cleanup(void *data)
{
    ngx_http_mcp_policy_hold_t *hold = data;

    ngx_http_request_t         *r;
    ngx_http_mcp_policy_ctx_t  *ctx;

    r = hold->request;
    ctx = hold->ctx;

    if (!hold->held) {
        return;
    }

    ngx_http_mcp_policy_hold_release(hold);

    hold->ended = 1;

    if (ngx_http_get_module_ctx(r, ngx_http_mcp_policy_module) != ctx) {
        return;
    }

    if (ngx_http_mcp_policy_judge(r, ctx) != NGX_OK) {
        ngx_http_mcp_policy_count_failed(r, ctx);
        ngx_http_mcp_policy_audit_failed(r, ctx);
    }

    ctx->state = NGX_HTTP_MCP_POLICY_DECIDED;
    ctx->body = r->request_body;

    /* what it was charged if it had been allowed */
    ngx_http_mcp_policy_settle_cancel(ctx);
}
