/*
 * Every difference between nginx versions that this module meets, 1.22 to
 * mainline.  No other file looks at nginx_version.
 */

#ifndef NGX_HTTP_MCP_POLICY_COMPAT_H
#define NGX_HTTP_MCP_POLICY_COMPAT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <nginx.h>


/* Since 1.23.0 headers of one name are linked; list memory is not zeroed. */
#if (nginx_version >= 1023000)
#define ngx_http_mcp_policy_header_init(h)  (h)->next = NULL
#else
#define ngx_http_mcp_policy_header_init(h)
#endif

/* nginx looks at whole seconds, in which a file can change twice. */
#if (NGX_DARWIN)
#define ngx_http_mcp_policy_mtime_nsec(fi)  (fi)->st_mtimespec.tv_nsec
#else
#define ngx_http_mcp_policy_mtime_nsec(fi)  (fi)->st_mtim.tv_nsec
#endif

#endif /* NGX_HTTP_MCP_POLICY_COMPAT_H */
