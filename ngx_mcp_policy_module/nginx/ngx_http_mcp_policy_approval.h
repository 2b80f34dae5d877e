/*
 * Approvals in a zone: for the judge, for calls that are held, for those who
 * decide and for those who tell them.  Nothing here waits, and each function
 * holds the zone's lock for a bounded time.
 */

#ifndef NGX_HTTP_MCP_POLICY_APPROVAL_H
#define NGX_HTTP_MCP_POLICY_APPROVAL_H

#include "ngx_http_mcp_policy_zone.h"

#pragma GCC visibility push(hidden)


/* hexadecimal digits of an id */
#define NGX_HTTP_MCP_POLICY_APPROVAL_HEX  (2 * MCP_APPROVAL_ID)


/* A call that waits, or did. */
struct ngx_http_mcp_policy_hold_s {
    ngx_queue_t                     queue;     /* of all in this worker */
    ngx_event_t                     timer;     /* not cancelable: a worker
                                                  that is to leave waits */
    ngx_http_request_t             *request;
    ngx_http_mcp_policy_ctx_t      *ctx;
    ngx_http_mcp_policy_zone_t     *zone;
    uint64_t                        key[2];    /* of what it waits for */
    uint8_t                         id[MCP_APPROVAL_ID];
    uint64_t                        wait_ms;
    ngx_msec_t                      since;
    ngx_atomic_uint_t               seen;      /* of shared->approval_news */
    unsigned                        held:1;
    unsigned                        ended:1;   /* nobody waits any more */
};


/* What mcp_caller_t asks, for one body. */
typedef struct {
    mcp_approval_store_t            store;     /* "data" is this struct */
    ngx_http_mcp_policy_zone_t     *zone;
    mcp_approval_limits_t           limits;
    const ngx_http_mcp_policy_hold_t  *hold;   /* NULL: it did not wait */
    unsigned                        closed:1;  /* nothing is taken, and no
                                                  record made */
} ngx_http_mcp_policy_approvals_t;


void ngx_http_mcp_policy_approval_store(ngx_http_mcp_policy_ctx_t *ctx,
    ngx_http_mcp_policy_loc_conf_t *mlcf,
    ngx_http_mcp_policy_approvals_t *approvals);
void ngx_http_mcp_policy_approval_give_back(ngx_http_mcp_policy_zone_t *zone,
    const mcp_approval_ask_t *asks, uint32_t count);
mcp_approval_state_t ngx_http_mcp_policy_approval_state(
    ngx_http_mcp_policy_zone_t *zone, const uint8_t *id);

/* dst of NGX_HTTP_MCP_POLICY_APPROVAL_HEX bytes, and back */
void ngx_http_mcp_policy_approval_hex(const uint8_t *id, u_char *dst);
ngx_int_t ngx_http_mcp_policy_approval_id(ngx_str_t *hex, uint8_t *id);

/*
 * A human's word, as mcp_approvals_decide; calls that wait for it go on.
 * MCP_LATER: the zone gets another size just now, try again.
 */
mcp_rc_t ngx_http_mcp_policy_approval_decide(ngx_http_mcp_policy_zone_t *zone,
    const uint8_t *id, mcp_approval_state_t decision, mcp_str_t by,
    mcp_str_t reason, mcp_approval_state_t *state);

/*
 * As mcp_approvals_show and mcp_approvals_next; "next" returns MCP_OK or
 * MCP_NO and lets go of the lock between a few records.
 */
mcp_rc_t ngx_http_mcp_policy_approval_show(ngx_http_mcp_policy_zone_t *zone,
    const uint8_t *id, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view);
mcp_rc_t ngx_http_mcp_policy_approval_next(ngx_http_mcp_policy_zone_t *zone,
    uint64_t *position, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view);

/* All zero for a zone without room for approvals. */
void ngx_http_mcp_policy_approval_stats(ngx_http_mcp_policy_zone_t *zone,
    mcp_approval_stats_t *stats);

/* As mcp_approvals_notify_... */
mcp_rc_t ngx_http_mcp_policy_approval_notify_next(
    ngx_http_mcp_policy_zone_t *zone, uint64_t lease_ms, uint32_t *tries,
    size_t arguments, uint8_t *buffer, mcp_approval_view_t *view);
void ngx_http_mcp_policy_approval_notify_done(
    ngx_http_mcp_policy_zone_t *zone, const uint8_t *id);
void ngx_http_mcp_policy_approval_notify_again(
    ngx_http_mcp_policy_zone_t *zone, const uint8_t *id, uint64_t due_ms);

/* ngx_http_mcp_policy_hold.c: soon looks whether a call can go on */
void ngx_http_mcp_policy_hold_wake(void);

/* A zone gets another size; the old one is locked. */
void ngx_http_mcp_policy_approval_take(ngx_http_mcp_policy_zone_t *zone,
    ngx_http_mcp_policy_zone_t *old, ngx_log_t *log);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_APPROVAL_H */
