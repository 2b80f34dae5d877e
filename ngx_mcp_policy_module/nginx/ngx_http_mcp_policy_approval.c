/*
 * Approvals in a zone.  The core's table does the work; here it gets its
 * lock, its time and its random bytes, and whoever waits for a decision is
 * told that there is one.
 */

#include "ngx_http_mcp_policy_approval.h"

#include <openssl/rand.h>


/* records that are looked at under the lock */
#define NGX_HTTP_MCP_POLICY_APPROVAL_SLOTS  64

/* ms until what has expired is forgotten at the latest */
#define NGX_HTTP_MCP_POLICY_APPROVAL_SWEEP  60000
#define NGX_HTTP_MCP_POLICY_APPROVAL_PAUSE  10

/* seconds between lines about a full zone */
#define NGX_HTTP_MCP_POLICY_APPROVAL_QUIET  60


static mcp_rc_t ngx_http_mcp_policy_approval_ask(void *data,
    mcp_approval_ask_t *asks, uint32_t count, uint64_t now_ms,
    uint32_t *failed);
static mcp_rc_t ngx_http_mcp_policy_approval_stand(
    ngx_http_mcp_policy_approvals_t *approvals, mcp_approval_ask_t *asks,
    uint32_t count, uint64_t now_ms, uint32_t *failed);
static void ngx_http_mcp_policy_approval_full(
    ngx_http_mcp_policy_zone_t *zone);
static void ngx_http_mcp_policy_approval_return(void *data,
    const mcp_approval_ask_t *asks, uint32_t count, uint64_t now_ms);
static mcp_rc_t ngx_http_mcp_policy_approval_random(void *data, uint8_t *dst,
    size_t size);
static void ngx_http_mcp_policy_approval_sweep(ngx_event_t *ev);
static ngx_uint_t ngx_http_mcp_policy_approval_lock(
    ngx_http_mcp_policy_zone_t *zone);
static void ngx_http_mcp_policy_approval_unlock(
    ngx_http_mcp_policy_zone_t *zone);


void
ngx_http_mcp_policy_approval_store(ngx_http_mcp_policy_ctx_t *ctx,
    ngx_http_mcp_policy_loc_conf_t *mlcf,
    ngx_http_mcp_policy_approvals_t *approvals)
{
    approvals->store.take = ngx_http_mcp_policy_approval_ask;
    approvals->store.give_back = ngx_http_mcp_policy_approval_return;
    approvals->store.random = ngx_http_mcp_policy_approval_random;
    approvals->store.data = approvals;
    approvals->zone = ctx->policy->zone->data;
    approvals->limits.per_grant = mlcf->max_approvals;
    approvals->limits.arguments = mlcf->max_approval_arguments;
    approvals->hold = ctx->hold;
    approvals->closed = (ctx->hold && ctx->hold->ended);
}


static mcp_rc_t
ngx_http_mcp_policy_approval_ask(void *data, mcp_approval_ask_t *asks,
    uint32_t count, uint64_t now_ms, uint32_t *failed)
{
    ngx_http_mcp_policy_approvals_t *approvals = data;

    mcp_rc_t                     rc;
    uint32_t                     i;
    ngx_http_mcp_policy_zone_t  *zone;

    zone = approvals->zone;

    if (approvals->closed) {
        return ngx_http_mcp_policy_approval_stand(approvals, asks, count,
                                                  now_ms, failed);
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (zone->shared->moved) {
        ngx_shmtx_unlock(&zone->shpool->mutex);

        approvals->closed = 1;

        return ngx_http_mcp_policy_approval_stand(approvals, asks, count,
                                                  now_ms, failed);
    }

    *failed = 0;
    zone->shared->approvals_asked = 1;

    rc = zone->approvals ? mcp_approvals_take(zone->approvals,
                                              &approvals->limits, asks, count,
                                              now_ms, failed)
                         : MCP_ERROR;

    ngx_http_mcp_policy_test_locked();

    ngx_shmtx_unlock(&zone->shpool->mutex);

    /* too many of one grant are that grant's trouble */

    if (rc == MCP_ERROR && !asks[*failed].crowded) {
        ngx_http_mcp_policy_approval_full(zone);
    }

    for (i = 0; rc == MCP_NO && i < count; i++) {

        if (asks[i].created) {
            ngx_http_mcp_policy_notify_wake();
        }
    }

    return rc;
}


/*
 * Nothing may be taken here any more: the caller has gone, or the records are
 * in the zone that takes the place of this one, where the next call finds
 * them.  What a call waited for stays what it is told to wait for.
 */

static mcp_rc_t
ngx_http_mcp_policy_approval_stand(ngx_http_mcp_policy_approvals_t *approvals,
    mcp_approval_ask_t *asks, uint32_t count, uint64_t now_ms,
    uint32_t *failed)
{
    uint32_t                           i;
    mcp_approval_ask_t                *ask;
    const ngx_http_mcp_policy_hold_t  *hold;

    hold = approvals->hold;
    *failed = 0;

    for (i = 0; hold && i < count; i++) {

        if (asks[i].key[0] == hold->key[0] && asks[i].key[1] == hold->key[1]) {
            *failed = i;
            break;
        }
    }

    ask = &asks[*failed];

    ngx_memcpy(ask->id, (hold && i < count) ? hold->id : ask->new_id,
               MCP_APPROVAL_ID);

    ask->state = MCP_APPROVAL_PENDING;
    ask->expires_ms = now_ms + ask->ttl_ms;
    ask->created = false;

    return MCP_NO;
}


static void
ngx_http_mcp_policy_approval_full(ngx_http_mcp_policy_zone_t *zone)
{
    if (zone->approvals_logged
        && ngx_time() - zone->approvals_logged
           < NGX_HTTP_MCP_POLICY_APPROVAL_QUIET)
    {
        return;
    }

    zone->approvals_logged = ngx_time();

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "zone \"%V\" has no room for approvals, increase its size "
                  "in mcp_zone", &zone->name);
}


static void
ngx_http_mcp_policy_approval_return(void *data,
    const mcp_approval_ask_t *asks, uint32_t count, uint64_t now_ms)
{
    ngx_http_mcp_policy_approvals_t *approvals = data;

    ngx_http_mcp_policy_approval_give_back(approvals->zone, asks, count);
}


void
ngx_http_mcp_policy_approval_give_back(ngx_http_mcp_policy_zone_t *zone,
    const mcp_approval_ask_t *asks, uint32_t count)
{
    if (count == 0 || !ngx_http_mcp_policy_approval_lock(zone)) {
        return;
    }

    mcp_approvals_give_back(zone->approvals, asks, count,
                            ngx_http_mcp_policy_now());

    /* the same call may wait for another approval, and needs none now */
    (void) ngx_atomic_fetch_add(&zone->shared->approval_news, 1);

    ngx_http_mcp_policy_approval_unlock(zone);

    ngx_http_mcp_policy_hold_wake();
}


/* libcrypto's generator asks the system once, and never waits after that. */

static mcp_rc_t
ngx_http_mcp_policy_approval_random(void *data, uint8_t *dst, size_t size)
{
    return (RAND_bytes(dst, (int) size) == 1) ? MCP_OK : MCP_ERROR;
}


mcp_approval_state_t
ngx_http_mcp_policy_approval_state(ngx_http_mcp_policy_zone_t *zone,
    const uint8_t *id)
{
    mcp_approval_state_t  state;

    state = MCP_APPROVAL_NONE;

    if (ngx_http_mcp_policy_approval_lock(zone)) {
        state = mcp_approvals_state(zone->approvals, id,
                                    ngx_http_mcp_policy_now());

        ngx_http_mcp_policy_approval_unlock(zone);
    }

    return state;
}


void
ngx_http_mcp_policy_approval_hex(const uint8_t *id, u_char *dst)
{
    (void) ngx_hex_dump(dst, (u_char *) id, MCP_APPROVAL_ID);
}


ngx_int_t
ngx_http_mcp_policy_approval_id(ngx_str_t *hex, uint8_t *id)
{
    ngx_int_t   n;
    ngx_uint_t  i;

    if (hex->len != NGX_HTTP_MCP_POLICY_APPROVAL_HEX) {
        return NGX_ERROR;
    }

    for (i = 0; i < MCP_APPROVAL_ID; i++) {
        n = ngx_hextoi(&hex->data[2 * i], 2);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        id[i] = (uint8_t) n;
    }

    return NGX_OK;
}


mcp_rc_t
ngx_http_mcp_policy_approval_decide(ngx_http_mcp_policy_zone_t *zone,
    const uint8_t *id, mcp_approval_state_t decision, mcp_str_t by,
    mcp_str_t reason, mcp_approval_state_t *state)
{
    mcp_rc_t  rc;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (zone->shared->moved) {
        rc = MCP_LATER;

    } else if (zone->approvals == NULL) {
        rc = MCP_NO;

    } else {
        rc = mcp_approvals_decide(zone->approvals, id, decision, by, reason,
                                  ngx_http_mcp_policy_now(), state);
    }

    if (rc == MCP_OK) {
        (void) ngx_atomic_fetch_add(&zone->shared->approval_news, 1);
    }

    ngx_http_mcp_policy_test_locked();

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (rc == MCP_OK) {
        ngx_http_mcp_policy_hold_wake();
    }

    return rc;
}


mcp_rc_t
ngx_http_mcp_policy_approval_show(ngx_http_mcp_policy_zone_t *zone,
    const uint8_t *id, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view)
{
    mcp_rc_t  rc;

    if (!ngx_http_mcp_policy_approval_lock(zone)) {
        return MCP_NO;
    }

    rc = mcp_approvals_show(zone->approvals, id, ngx_http_mcp_policy_now(),
                            arguments, buffer, view);

    ngx_http_mcp_policy_approval_unlock(zone);

    return rc;
}


mcp_rc_t
ngx_http_mcp_policy_approval_next(ngx_http_mcp_policy_zone_t *zone,
    uint64_t *position, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view)
{
    mcp_rc_t  rc;

    do {
        if (!ngx_http_mcp_policy_approval_lock(zone)) {
            return MCP_NO;
        }

        rc = mcp_approvals_next(zone->approvals, ngx_http_mcp_policy_now(),
                                NGX_HTTP_MCP_POLICY_APPROVAL_SLOTS, position,
                                arguments, buffer, view);

        ngx_http_mcp_policy_approval_unlock(zone);

    } while (rc == MCP_LATER);

    return rc;
}


void
ngx_http_mcp_policy_approval_stats(ngx_http_mcp_policy_zone_t *zone,
    mcp_approval_stats_t *stats)
{
    ngx_memzero(stats, sizeof(mcp_approval_stats_t));

    if (ngx_http_mcp_policy_approval_lock(zone)) {
        mcp_approvals_stats(zone->approvals, ngx_http_mcp_policy_now(), stats);

        ngx_http_mcp_policy_approval_unlock(zone);
    }
}


mcp_rc_t
ngx_http_mcp_policy_approval_notify_next(ngx_http_mcp_policy_zone_t *zone,
    uint64_t lease_ms, uint32_t *tries, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view)
{
    mcp_rc_t  rc;

    if (!ngx_http_mcp_policy_approval_lock(zone)) {
        return MCP_NO;
    }

    rc = mcp_approvals_notify_next(zone->approvals, ngx_http_mcp_policy_now(),
                                   lease_ms, tries, arguments, buffer, view);

    ngx_http_mcp_policy_approval_unlock(zone);

    return rc;
}


void
ngx_http_mcp_policy_approval_notify_done(ngx_http_mcp_policy_zone_t *zone,
    const uint8_t *id)
{
    if (ngx_http_mcp_policy_approval_lock(zone)) {
        mcp_approvals_notify_done(zone->approvals, id);

        ngx_http_mcp_policy_approval_unlock(zone);
    }
}


void
ngx_http_mcp_policy_approval_notify_again(ngx_http_mcp_policy_zone_t *zone,
    const uint8_t *id, uint64_t due_ms)
{
    if (ngx_http_mcp_policy_approval_lock(zone)) {
        mcp_approvals_notify_again(zone->approvals, id, due_ms);

        ngx_http_mcp_policy_approval_unlock(zone);
    }
}


/*
 * Arguments are wiped when their record has expired: with the next call that
 * needs an approval, or by worker 0.
 */

ngx_int_t
ngx_http_mcp_policy_approval_init_process(ngx_http_mcp_policy_zone_t *zone,
    ngx_cycle_t *cycle)
{
    ngx_event_t       *ev;
    ngx_connection_t  *dummy;

    if (ngx_worker != 0 || zone->approvals == NULL) {
        return NGX_OK;
    }

    ev = ngx_pcalloc(cycle->pool, sizeof(ngx_event_t));
    dummy = ngx_pcalloc(cycle->pool, sizeof(ngx_connection_t));

    if (ev == NULL || dummy == NULL) {
        return NGX_ERROR;
    }

    dummy->fd = (ngx_socket_t) -1;
    dummy->data = zone;

    ev->handler = ngx_http_mcp_policy_approval_sweep;
    ev->data = dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_APPROVAL_SWEEP);

    return NGX_OK;
}


static void
ngx_http_mcp_policy_approval_sweep(ngx_event_t *ev)
{
    uint64_t                     now_ms, due_ms;
    ngx_connection_t            *dummy;
    ngx_http_mcp_policy_zone_t  *zone;

    dummy = ev->data;
    zone = dummy->data;

    due_ms = 0;
    now_ms = ngx_http_mcp_policy_now();

    if (zone->shared->approvals_asked
        && ngx_http_mcp_policy_approval_lock(zone))
    {
        due_ms = mcp_approvals_expire(zone->approvals, now_ms);

        ngx_http_mcp_policy_approval_unlock(zone);
    }

    ngx_add_timer(ev, (due_ms && due_ms <= now_ms)
                      ? NGX_HTTP_MCP_POLICY_APPROVAL_PAUSE
                      : NGX_HTTP_MCP_POLICY_APPROVAL_SWEEP);
}


/*
 * Calls that are held by workers about to end are told to try again, and find
 * their records here.
 */

void
ngx_http_mcp_policy_approval_take(ngx_http_mcp_policy_zone_t *zone,
    ngx_http_mcp_policy_zone_t *old, ngx_log_t *log)
{
    mcp_approval_stats_t  stats;

    (void) ngx_atomic_fetch_add(&old->shared->approval_news, 1);

    zone->shared->approvals_asked = old->shared->approvals_asked;

    if (old->approvals == NULL) {
        return;
    }

    if (zone->approvals == NULL) {
        mcp_approvals_stats(old->approvals, ngx_http_mcp_policy_now(), &stats);

        if (stats.pending + stats.approved + stats.denied == 0) {
            return;
        }
    }

    if (zone->approvals == NULL
        || mcp_approvals_copy(old->approvals, zone->approvals,
                              ngx_http_mcp_policy_now())
           != MCP_OK)
    {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "mcp_zone \"%V\" is too small for all of its approvals, "
                      "some are lost", &zone->name);
    }
}


/* 0: there is nothing to be looked at in this zone. */

static ngx_uint_t
ngx_http_mcp_policy_approval_lock(ngx_http_mcp_policy_zone_t *zone)
{
    if (zone->approvals == NULL) {
        return 0;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (zone->shared->moved) {
        ngx_shmtx_unlock(&zone->shpool->mutex);
        return 0;
    }

    return 1;
}


static void
ngx_http_mcp_policy_approval_unlock(ngx_http_mcp_policy_zone_t *zone)
{
    ngx_shmtx_unlock(&zone->shpool->mutex);
}
