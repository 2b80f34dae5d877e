/*
 * What the files of mcp_audit_log share.  Nobody else includes this.
 */

#ifndef NGX_HTTP_MCP_POLICY_AUDIT_H
#define NGX_HTTP_MCP_POLICY_AUDIT_H

#include "ngx_http_mcp_policy.h"

#include "mcp_audit.h"

#pragma GCC visibility push(hidden)


/* A file; the buffer and what follows it are a worker's own. */
struct ngx_http_mcp_policy_audit_log_s {
    ngx_open_file_t              *file;
    size_t                        size;      /* of the buffer; 0: none */
    ngx_msec_t                    flush;
    u_char                       *buffer;
    size_t                        length;
    ngx_uint_t                    lines;     /* in the buffer */
    ngx_event_t                   event;
    time_t                        full;      /* when the disk was */
    time_t                        reported;
    ngx_uint_t                    lost;      /* lines, since the report */
    ngx_atomic_t                 *torn;      /* shared: the file ends in a
                                                line that came in part */
};


/* ngx_http_mcp_policy_audit_file.c */
void ngx_http_mcp_policy_audit_append(ngx_http_mcp_policy_audit_log_t *log,
    u_char *line, size_t length, ngx_log_t *errlog);
ngx_int_t ngx_http_mcp_policy_audit_bind(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_AUDIT_H */
