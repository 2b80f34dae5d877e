/* The state file's format, for its own two source files. */

#ifndef NGX_HTTP_MCP_POLICY_STATE_H
#define NGX_HTTP_MCP_POLICY_STATE_H

#include "ngx_http_mcp_policy_zone.h"

#pragma GCC visibility push(hidden)


#define NGX_HTTP_MCP_POLICY_STATE_MAGIC    0x6574617473706d63ULL
#define NGX_HTTP_MCP_POLICY_STATE_VERSION  1

/*
 * In the machine's byte order, like the snapshot that follows it.  After that
 * comes a section with approvals, if there have been any.
 */
typedef struct {
    uint64_t                     magic;
    uint32_t                     version;
    uint32_t                     size;        /* of this header */
    uint64_t                     epoch;
    uint64_t                     length;      /* of the snapshot */
    uint64_t                     checksum[2]; /* of what is above */
} ngx_http_mcp_policy_state_header_t;


#define NGX_HTTP_MCP_POLICY_STATE_APPROVALS  0x736c61766f727070ULL

/*
 * "clean": whoever could have used an approval had left when this was
 * written, so that those in it are unused.
 */
typedef struct {
    uint64_t                     magic;
    uint32_t                     version;
    uint32_t                     size;        /* of this header */
    uint64_t                     length;      /* of the snapshot */
    uint64_t                     clean;
    uint64_t                     checksum[2]; /* of what is above */
} ngx_http_mcp_policy_state_section_t;


/* The path with a suffix, NUL terminated; NULL: no memory. */
u_char *ngx_http_mcp_policy_state_path(ngx_pool_t *pool, ngx_str_t *path,
    const char *suffix);

/* For writing, by whoever calls it. */
ngx_fd_t ngx_http_mcp_policy_state_open(u_char *name);

ngx_int_t ngx_http_mcp_policy_state_check(
    const ngx_http_mcp_policy_state_header_t *header);
void ngx_http_mcp_policy_state_checksum(
    const ngx_http_mcp_policy_state_header_t *header, uint64_t checksum[2]);

/* ngx_http_mcp_policy_state_approval.c */

/* From what follows the counters in a file that is read. */
void ngx_http_mcp_policy_state_load_approvals(
    ngx_http_mcp_policy_zone_t *zone, const u_char *data, size_t length,
    ngx_log_t *log);

/*
 * The section, to be freed, or NULL without approvals; NGX_ERROR: no memory.
 * "final": the caller has left the zone.
 */
ngx_int_t ngx_http_mcp_policy_state_encode_approvals(
    ngx_http_mcp_policy_zone_t *zone, ngx_uint_t final, u_char **data,
    size_t *length, uint64_t *changes, ngx_log_t *log);

/* Whether there is something to be saved; the zone is locked. */
ngx_int_t ngx_http_mcp_policy_state_dirty_approvals(
    ngx_http_mcp_policy_zone_t *zone, ngx_uint_t final);

/* A file that says "clean" is in place. */
void ngx_http_mcp_policy_state_confirm(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log);

/* Who could use an approval: a worker from its start to its end. */
void ngx_http_mcp_policy_state_enter(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log);
void ngx_http_mcp_policy_state_leave(ngx_http_mcp_policy_zone_t *zone);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_STATE_H */
