/*
 * Event streams on their way to the client, and the refusals that are put
 * into those of HTTP+SSE.
 */

#ifndef NGX_HTTP_MCP_POLICY_STREAM_H
#define NGX_HTTP_MCP_POLICY_STREAM_H

#include "ngx_http_mcp_policy_zone.h"

#include "mcp_event_stream.h"

#pragma GCC visibility push(hidden)


/* Read at a time; and the buffer, unless an event is larger. */
#define NGX_HTTP_MCP_POLICY_STREAM_SIZE  8192


typedef struct ngx_http_mcp_policy_inbox_s  ngx_http_mcp_policy_inbox_t;

/* The open event of a stream that is rewritten. */
typedef enum {
    NGX_HTTP_MCP_POLICY_EVENT_HELD = 0,
    NGX_HTTP_MCP_POLICY_EVENT_PASSED,    /* too large, but no answer */
    NGX_HTTP_MCP_POLICY_EVENT_OTHER,     /* likewise, by its type so far */
    NGX_HTTP_MCP_POLICY_EVENT_DROPPED    /* too large, and replaced */
} ngx_http_mcp_policy_event_e;


struct ngx_http_mcp_policy_stream_s {
    ngx_http_request_t           *request;
    ngx_http_mcp_policy_inbox_t  *inbox;     /* NULL: takes no refusals */
    ngx_chain_t                  *in;        /* not read yet */
    ngx_chain_t                  *free;
    ngx_chain_t                  *busy;      /* at most one buffer */
    ngx_buf_t                    *special;   /* a flush without bytes */
    u_char                       *start;     /* of the buffer, or NULL */
    u_char                       *pos;       /* to be sent */
    u_char                       *event;     /* to be held */
    u_char                       *last;
    u_char                       *end;
    size_t                        max;       /* mcp_max_list */
    mcp_event_stream_t            events;
    ngx_http_mcp_policy_event_e   state;
    unsigned                      rewrite:1;
    unsigned                      lf:1;      /* may follow, of an event that
                                                was replaced */
    unsigned                      last_buf:1;
    unsigned                      ended:1;   /* by us */
};


/* ngx_http_mcp_policy_filter_stream.c */
ngx_int_t ngx_http_mcp_policy_stream_ready(
    ngx_http_mcp_policy_stream_t *stream);
ngx_int_t ngx_http_mcp_policy_stream_put(
    ngx_http_mcp_policy_stream_t *stream, u_char *data, size_t size);

/* ngx_http_mcp_policy_event.c: events of a stream that is rewritten */
ngx_int_t ngx_http_mcp_policy_event_take(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_buf_t *b);

/* ngx_http_mcp_policy_inbox.c: refusals for one stream */
ngx_http_mcp_policy_inbox_t *ngx_http_mcp_policy_inbox_create(
    ngx_http_request_t *r, ngx_http_mcp_policy_ctx_t *ctx,
    ngx_http_mcp_policy_stream_t *stream);
ngx_int_t ngx_http_mcp_policy_inbox_event(ngx_http_mcp_policy_inbox_t *inbox,
    const mcp_event_stream_t *events, mcp_str_t data);
void ngx_http_mcp_policy_inbox_sent(ngx_http_mcp_policy_inbox_t *inbox);
void ngx_http_mcp_policy_inbox_close(ngx_http_mcp_policy_inbox_t *inbox);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_STREAM_H */
