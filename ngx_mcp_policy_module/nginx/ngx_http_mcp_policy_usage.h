/*
 * What an operator is shown beside the sums: how far limits are used up, and
 * what was refused lately.  Kept in the zones, if some page shows it.
 */

#ifndef NGX_HTTP_MCP_POLICY_USAGE_H
#define NGX_HTTP_MCP_POLICY_USAGE_H

#include "ngx_http_mcp_policy_zone.h"

#pragma GCC visibility push(hidden)


#define NGX_HTTP_MCP_POLICY_USAGE_POLICY   88
#define NGX_HTTP_MCP_POLICY_USAGE_NAME     128
#define NGX_HTTP_MCP_POLICY_USAGE_LIMIT    40
#define NGX_HTTP_MCP_POLICY_USAGE_COUNTER  48

#define NGX_HTTP_MCP_POLICY_USAGE_GROUP    8

#define NGX_HTTP_MCP_POLICY_USAGE_FULL     65535

/*
 * The counters that a group of slots names, so that a charge looks at two
 * cache lines.  Levels and times are hints: the page asks the counter.
 */
typedef struct {
    ngx_atomic_t       key[NGX_HTTP_MCP_POLICY_USAGE_GROUP];
                                             /* zero: free */
    volatile uint32_t  level[NGX_HTTP_MCP_POLICY_USAGE_GROUP];
                                             /* at the last charge; FULL: all
                                                of the limit */
    volatile uint32_t  reset[NGX_HTTP_MCP_POLICY_USAGE_GROUP];
                                             /* Unix time from which nothing
                                                of it is used */
} ngx_http_mcp_policy_usage_group_t;

/* Whose counter it is; changes under the lock. */
typedef struct {
    uint64_t           key[2];       /* of the counter */
    mcp_limit_spec_t   spec;
    uint64_t           grant[2];     /* hash; zero: not of one caller */
    uint64_t           family;       /* hash of policy, rule, limit and dry */
    uint8_t            policy_length;
    uint8_t            tool_length;
    uint8_t            rule_length;
    uint8_t            limit_length;
    uint8_t            counter_length;
    uint8_t            dry;
    uint8_t            unused[2];
    u_char             policy[NGX_HTTP_MCP_POLICY_USAGE_POLICY];
    u_char             tool[NGX_HTTP_MCP_POLICY_USAGE_NAME];
    u_char             rule[NGX_HTTP_MCP_POLICY_USAGE_NAME];
    u_char             limit[NGX_HTTP_MCP_POLICY_USAGE_LIMIT];
    u_char             counter[NGX_HTTP_MCP_POLICY_USAGE_COUNTER];
} ngx_http_mcp_policy_usage_slot_t;


/* A counter that something was charged to, as it is now. */
typedef struct {
    ngx_shm_zone_t    *zone;
    ngx_uint_t         slot;
    uint64_t           key[2];
    uint64_t           family;
    int64_t            amount;       /* millionths, as the others */
    int64_t            used;
    int64_t            remaining;
    uint64_t           reset_ms;
} ngx_http_mcp_policy_usage_t;

typedef struct {
    ngx_http_mcp_policy_usage_t  *usages;
    ngx_uint_t                    count;
} ngx_http_mcp_policy_usages_t;

/* The counters of one limit of a policy, whoever they are of. */
typedef struct {
    ngx_http_mcp_policy_usage_slot_t  slot;
    ngx_uint_t                        ratio;      /* the highest, of four
                                                     digits behind the point */
    ngx_uint_t                        counters;
    ngx_uint_t                        exhausted;
} ngx_http_mcp_policy_family_t;


/*
 * One thing that was refused, or would have been.  Whoever takes a number
 * writes the slot of that number: "serial" is odd meanwhile, and tells the
 * number, so that a reader knows what it has read.
 */
typedef struct {
    ngx_atomic_t       serial;       /* 2 * number + 1, + 2 when complete */
    uint64_t           time_ms;
    uint64_t           grant[2];     /* hash; zero: none is known */
    uint8_t            method;       /* as in a series, with what follows */
    uint8_t            action;
    uint8_t            reason;
    uint8_t            dry;
    uint8_t            policy_length;
    uint8_t            tool_length;
    uint8_t            rule_length;
    uint8_t            unused;
    u_char             policy[NGX_HTTP_MCP_POLICY_USAGE_POLICY];
    u_char             tool[NGX_HTTP_MCP_POLICY_USAGE_NAME];
    u_char             rule[NGX_HTTP_MCP_POLICY_USAGE_NAME];
} ngx_http_mcp_policy_refusal_slot_t;

/* At the beginning of the area; the slots follow. */
typedef struct {
    ngx_atomic_t       next;         /* number, from 0 */
    ngx_uint_t         slots;
    uint64_t           unused[6];
} ngx_http_mcp_policy_refusals_t;


/* ngx_http_mcp_policy_usage.c */
size_t ngx_http_mcp_policy_usage_layout(ngx_http_mcp_policy_shared_t *shared,
    size_t size);
void ngx_http_mcp_policy_usage_take(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_shared_t *old);
void ngx_http_mcp_policy_usage_note(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_verdict_t *verdict);

/* ngx_http_mcp_policy_usage_read.c: highest utilization first */
ngx_int_t ngx_http_mcp_policy_usage_read(ngx_http_request_t *r,
    ngx_http_mcp_policy_usages_t *all);
/* NGX_DECLINED: another counter has its place by now */
ngx_int_t ngx_http_mcp_policy_usage_slot(
    const ngx_http_mcp_policy_usage_t *usage,
    ngx_http_mcp_policy_usage_slot_t *slot);
ngx_int_t ngx_http_mcp_policy_usage_families(ngx_http_request_t *r,
    const ngx_http_mcp_policy_usages_t *all,
    ngx_http_mcp_policy_family_t **families, ngx_uint_t *count);

/* ngx_http_mcp_policy_refusal.c */
size_t ngx_http_mcp_policy_refusal_layout(
    ngx_http_mcp_policy_shared_t *shared, size_t size);
void ngx_http_mcp_policy_refusal_take(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_shared_t *old);
/* all but serial, time and grant are the caller's */
void ngx_http_mcp_policy_refusal_note(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx,
    ngx_http_mcp_policy_refusal_slot_t *refusal);
/* in the request's pool, newest first; NULL: no memory */
ngx_http_mcp_policy_refusal_slot_t *ngx_http_mcp_policy_refusal_read(
    ngx_http_request_t *r, ngx_uint_t *count);

/* A text with no more than "room" bytes, cut between characters. */
uint8_t ngx_http_mcp_policy_usage_text(u_char *dst, size_t room,
    const u_char *data, size_t len);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_USAGE_H */
