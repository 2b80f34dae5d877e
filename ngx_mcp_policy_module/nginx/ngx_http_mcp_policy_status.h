/*
 * Statistics: counted in the zones by every worker, read by mcp_status and
 * mcp_metrics.
 */

#ifndef NGX_HTTP_MCP_POLICY_STATUS_H
#define NGX_HTTP_MCP_POLICY_STATUS_H

#include "ngx_http_mcp_policy_usage.h"

#pragma GCC visibility push(hidden)


#define NGX_HTTP_MCP_POLICY_SERIES_POLICY  88
#define NGX_HTTP_MCP_POLICY_SERIES_TOOL    128

/* What may be given up for a name that a policy knows, and what not. */
typedef enum {
    NGX_HTTP_MCP_POLICY_SERIES_KNOWN = 0,   /* a policy has the exact name */
    NGX_HTTP_MCP_POLICY_SERIES_UNKNOWN,     /* a client made the name up */
    NGX_HTTP_MCP_POLICY_SERIES_SUM          /* without a name, or "other" */
} ngx_http_mcp_policy_series_class_e;

/*
 * How often one thing was decided.  A slot is given out once, under the
 * lock, and never changes but for its count.
 */
typedef struct {
    ngx_atomic_t    key;         /* written last; zero: free */
    uint64_t        rest;        /* of the key */
    ngx_atomic_t    count;
    uint8_t         method;      /* mcp_method_t, and see below */
    uint8_t         action;      /* mcp_action_t */
    uint8_t         reason;      /* mcp_reason_t; of INVALID mcp_invalid_t */
    uint8_t         dry;
    uint8_t         series_class;
    uint8_t         policy_length;
    uint8_t         tool_length;
    uint8_t         unused[9];
    u_char          policy[NGX_HTTP_MCP_POLICY_SERIES_POLICY];
    u_char          tool[NGX_HTTP_MCP_POLICY_SERIES_TOOL];
} ngx_http_mcp_policy_series_slot_t;


/* Methods that mcp_method_t does not have. */
enum {
    NGX_HTTP_MCP_POLICY_METHOD_RESPONSE = MCP_METHOD_COUNT,
    NGX_HTTP_MCP_POLICY_METHOD_GET,
    NGX_HTTP_MCP_POLICY_METHOD_HEAD,
    NGX_HTTP_MCP_POLICY_METHOD_DELETE,
    NGX_HTTP_MCP_POLICY_METHOD_OPTIONS,
    NGX_HTTP_MCP_POLICY_METHOD_NONE,      /* it could not be told */
    NGX_HTTP_MCP_POLICY_METHOD_COUNT
};


#define NGX_HTTP_MCP_POLICY_BUCKETS  16
#define NGX_HTTP_MCP_POLICY_SHARDS   8

/* Of some of the workers, whole cache lines. */
typedef struct {
    ngx_atomic_t    buckets[NGX_HTTP_MCP_POLICY_BUCKETS];
    ngx_atomic_t    sum_ns;
    ngx_atomic_t    unused[7];
} ngx_http_mcp_policy_time_t;

/* At the beginning of the area; the slots of series follow. */
typedef struct {
    ngx_atomic_t    lost;        /* decisions that found no slot */
    time_t          since;
    ngx_uint_t      slots;
    ngx_uint_t      used;
    ngx_uint_t      unknown;     /* used by names of clients */
    ngx_uint_t      sums;        /* used by neither kind of names */
    uint64_t        unused[2];
    ngx_http_mcp_policy_time_t  times[NGX_HTTP_MCP_POLICY_SHARDS];
} ngx_http_mcp_policy_statistics_t;


/* Series as they are shown: of all zones, in order, none of them twice. */
typedef struct {
    ngx_str_t       policy;
    ngx_str_t       tool;
    ngx_uint_t      method;
    ngx_uint_t      action;
    ngx_uint_t      reason;
    ngx_uint_t      dry;
    uint64_t        count;
} ngx_http_mcp_policy_series_t;

typedef struct {
    ngx_http_mcp_policy_series_t  *series;
    ngx_uint_t                     count;
    ngx_http_mcp_policy_usages_t   usages;     /* of limits, by caller */
    ngx_http_mcp_policy_family_t  *families;   /* and without, in order */
    ngx_uint_t                     family_count;
} ngx_http_mcp_policy_all_series_t;

typedef struct {
    ngx_str_t                      name;
    size_t                         size;
    time_t                         since;
    mcp_table_stats_t              counters;
    mcp_approval_stats_t           approvals;
    uint64_t                       notified;   /* notifications taken */
    uint64_t                       notify_failed;    /* tries */
    ngx_uint_t                     streams;
    ngx_uint_t                     tasks;
    ngx_uint_t                     slots;
    ngx_uint_t                     used;
    uint64_t                       lost;
    uint64_t                       buckets[NGX_HTTP_MCP_POLICY_BUCKETS];
                                                 /* each with those before */
    uint64_t                       sum_ns;
} ngx_http_mcp_policy_zone_status_t;

/* What the answering worker has, and the newest that any worker has. */
typedef struct {
    uint64_t                       generation;
    uint64_t                       newest_generation;
    ngx_uint_t                     rejected;   /* the file's content is bad */
    u_char                         sha256[2 * NGX_HTTP_MCP_POLICY_SHA256];
    u_char                         newest[2 * NGX_HTTP_MCP_POLICY_SHA256];
} ngx_http_mcp_policy_file_status_t;


/* What a location is: "page" of its configuration. */
#define NGX_HTTP_MCP_POLICY_PAGE_STATUS   1
#define NGX_HTTP_MCP_POLICY_PAGE_METRICS  2
#define NGX_HTTP_MCP_POLICY_PAGE_ADMIN    3


/* A text that grows in the request's pool. */
typedef struct {
    ngx_pool_t                    *pool;
    ngx_chain_t                   *out;
    ngx_chain_t                  **last;
    ngx_buf_t                     *buf;
    off_t                          size;
    unsigned                       failed:1;
} ngx_http_mcp_policy_page_t;


/* ngx_http_mcp_policy_count.c */
size_t ngx_http_mcp_policy_count_layout(ngx_http_mcp_policy_shared_t *shared,
    size_t size);
void ngx_http_mcp_policy_count_take(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_shared_t *old);
const char *ngx_http_mcp_policy_method_label(ngx_uint_t method);

/* upper bounds in seconds; the last one is "+Inf" */
extern const char *const
    ngx_http_mcp_policy_bounds[NGX_HTTP_MCP_POLICY_BUCKETS];

/* ngx_http_mcp_policy_status.c */
ngx_int_t ngx_http_mcp_policy_status_series(ngx_http_request_t *r,
    ngx_http_mcp_policy_all_series_t *all);
void ngx_http_mcp_policy_status_zone(ngx_shm_zone_t *shm_zone,
    ngx_http_mcp_policy_zone_status_t *status);
void ngx_http_mcp_policy_status_file(ngx_http_mcp_policy_t *policy,
    ngx_http_mcp_policy_file_status_t *status);
const char *ngx_http_mcp_policy_status_reason(
    const ngx_http_mcp_policy_series_t *series);
const char *ngx_http_mcp_policy_reason_label(ngx_uint_t action,
    ngx_uint_t reason);

char *ngx_http_mcp_policy_page_set(ngx_conf_t *cf, void *conf,
    ngx_uint_t page, ngx_http_handler_pt handler);
void ngx_http_mcp_policy_page_init(ngx_http_mcp_policy_page_t *page,
    ngx_pool_t *pool);
u_char *ngx_http_mcp_policy_page_room(ngx_http_mcp_policy_page_t *page,
    size_t size);
void ngx_http_mcp_policy_page_text(ngx_http_mcp_policy_page_t *page,
    const char *text);
void ngx_http_mcp_policy_page_number(ngx_http_mcp_policy_page_t *page,
    uint64_t number);
void ngx_http_mcp_policy_page_seconds(ngx_http_mcp_policy_page_t *page,
    uint64_t ns);
void ngx_http_mcp_policy_page_ratio(ngx_http_mcp_policy_page_t *page,
    ngx_uint_t ratio);

/* ngx_http_mcp_policy_status_json.c, ngx_http_mcp_policy_metrics.c */
void ngx_http_mcp_policy_status_json(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all);
void ngx_http_mcp_policy_status_members(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, ngx_uint_t overview);
void ngx_http_mcp_policy_json_string(ngx_http_mcp_policy_page_t *page,
    const char *member, const u_char *data, size_t len);
void ngx_http_mcp_policy_json_number(ngx_http_mcp_policy_page_t *page,
    const char *member, uint64_t number);
void ngx_http_mcp_policy_metrics_text(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all);

/*
 * ngx_http_mcp_policy_overview.c: the same with what only an admin may see,
 * who calls and what was refused
 */
void ngx_http_mcp_policy_overview_json(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all);
void ngx_http_mcp_policy_overview_tools(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page, ngx_http_mcp_policy_t *policy);

/* ngx_http_mcp_policy_pin.c */
ngx_uint_t ngx_http_mcp_policy_pin_changes(ngx_http_mcp_policy_t *policy);
ngx_uint_t ngx_http_mcp_policy_pin_differs(ngx_http_mcp_policy_t *policy,
    ngx_uint_t i);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_STATUS_H */
