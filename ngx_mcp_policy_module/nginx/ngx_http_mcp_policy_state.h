/* The state file's format, for its own two source files. */

#ifndef NGX_HTTP_MCP_POLICY_STATE_H
#define NGX_HTTP_MCP_POLICY_STATE_H

#include "ngx_http_mcp_policy_zone.h"

#pragma GCC visibility push(hidden)


#define NGX_HTTP_MCP_POLICY_STATE_MAGIC    0x6574617473706d63ULL
#define NGX_HTTP_MCP_POLICY_STATE_VERSION  1

/* In the machine's byte order, like the snapshot that follows it. */
typedef struct {
    uint64_t                     magic;
    uint32_t                     version;
    uint32_t                     size;        /* of this header */
    uint64_t                     epoch;
    uint64_t                     length;      /* of the snapshot */
    uint64_t                     checksum[2]; /* of what is above */
} ngx_http_mcp_policy_state_header_t;


/* The path with a suffix, NUL terminated; NULL: no memory. */
u_char *ngx_http_mcp_policy_state_path(ngx_pool_t *pool, ngx_str_t *path,
    const char *suffix);

/* For writing, by whoever calls it. */
ngx_fd_t ngx_http_mcp_policy_state_open(u_char *name);

ngx_int_t ngx_http_mcp_policy_state_check(
    const ngx_http_mcp_policy_state_header_t *header);
void ngx_http_mcp_policy_state_checksum(
    const ngx_http_mcp_policy_state_header_t *header, uint64_t checksum[2]);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_STATE_H */
