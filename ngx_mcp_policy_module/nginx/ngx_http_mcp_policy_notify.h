/*
 * What the files of mcp_approval_notify share.  Nobody else includes this.
 */

#ifndef NGX_HTTP_MCP_POLICY_NOTIFY_H
#define NGX_HTTP_MCP_POLICY_NOTIFY_H

#include "ngx_http_mcp_policy_approval.h"

#include "mcp_notify.h"

#pragma GCC visibility push(hidden)


/* The directive. */
struct ngx_http_mcp_policy_notify_s {
    ngx_http_upstream_conf_t      upstream;
    ngx_http_conf_ctx_t          *ctx;        /* of the first server, for what
                                                 nginx wants to know of any
                                                 request; NULL: there is
                                                 none */
    ngx_str_t                     host;       /* of the URL, for logs; what
                                                 follows it may be secret */
    ngx_str_t                     head;       /* of the request, as far as it
                                                 is the same for all */
    ngx_str_t                     secret;
    ngx_str_t                     admin;      /* URL, or empty */
    ngx_msec_t                    timeout;    /* of one try */
    unsigned                      ssl:1;
    unsigned                      arguments:1;
};


typedef enum {
    NGX_HTTP_MCP_POLICY_NOTIFY_FAILED = 0,    /* here */
    NGX_HTTP_MCP_POLICY_NOTIFY_UNREACHED,
    NGX_HTTP_MCP_POLICY_NOTIFY_LATE,
    NGX_HTTP_MCP_POLICY_NOTIFY_REFUSED,       /* by its status */
    NGX_HTTP_MCP_POLICY_NOTIFY_LEAVING,       /* the worker is */
    NGX_HTTP_MCP_POLICY_NOTIFY_GONE,          /* 410: no more of this one */
    NGX_HTTP_MCP_POLICY_NOTIFY_DELIVERED
} ngx_http_mcp_policy_notify_result_e;

#define NGX_HTTP_MCP_POLICY_NOTIFY_RESULTS                                    \
    (NGX_HTTP_MCP_POLICY_NOTIFY_DELIVERED + 1)


typedef struct ngx_http_mcp_policy_delivery_s
                                          ngx_http_mcp_policy_delivery_t;

typedef void (*ngx_http_mcp_policy_delivered_pt)(
    ngx_http_mcp_policy_delivery_t *delivery);


/*
 * One try for one record.  It is a request of nginx's without a client: its
 * connection has no socket, and its answer goes nowhere.
 *
 * While the request runs the upstream module owns it; when that lets go of
 * it, "ended" is posted, because the upstream module still looks at it until
 * its event is handled.  Only "ended" frees it.
 */
struct ngx_http_mcp_policy_delivery_s {
    ngx_http_log_ctx_t                   log_ctx;     /* first: log.data */
    ngx_log_t                            log;
    ngx_connection_t                     connection;
    ngx_event_t                          read;
    ngx_event_t                          write;
    ngx_http_connection_t                http_connection;
    ngx_http_request_body_t              body;
    ngx_http_request_t                  *request;

    ngx_queue_t                          queue;       /* of the worker's */
    ngx_event_t                          deadline;
    ngx_event_t                          ended;
    ngx_http_mcp_policy_delivered_pt     handler;

    ngx_http_mcp_policy_notify_t        *notify;
    ngx_http_mcp_policy_zone_t          *zone;
    uint8_t                              id[MCP_APPROVAL_ID];
    uint32_t                             tries;       /* before this one */
    ngx_msec_t                           started;

    ngx_http_status_t                    status;      /* of the answer */
    off_t                                length;      /* likewise; -1: not
                                                         told */
    ngx_http_mcp_policy_notify_result_e  result;
    unsigned                             headers:1;   /* the status is read */
    unsigned                             close:1;     /* no next request on
                                                         its connection */
    unsigned                             quiet:1;     /* nginx's own lines were
                                                         seen a moment ago */
};


/*
 * ngx_http_mcp_policy_notify_send.c: begins to tell of a record and calls
 * "handler" later, never at once, with a result; then frees the delivery.
 * NULL: there is no memory.
 */
ngx_http_mcp_policy_delivery_t *ngx_http_mcp_policy_notify_send(
    ngx_http_mcp_policy_notify_t *notify, const mcp_approval_view_t *view,
    ngx_http_mcp_policy_delivered_pt handler, ngx_uint_t quiet);

/* Ends it: "handler" is called soon. */
void ngx_http_mcp_policy_notify_abort(
    ngx_http_mcp_policy_delivery_t *delivery,
    ngx_http_mcp_policy_notify_result_e result);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_NOTIFY_H */
