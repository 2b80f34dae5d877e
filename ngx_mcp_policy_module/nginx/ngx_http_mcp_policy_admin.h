/*
 * mcp_admin: what its files share.
 */

#ifndef NGX_HTTP_MCP_POLICY_ADMIN_H
#define NGX_HTTP_MCP_POLICY_ADMIN_H

#include "ngx_http_mcp_policy_approval.h"
#include "ngx_http_mcp_policy_status.h"

#pragma GCC visibility push(hidden)


typedef enum {
    NGX_HTTP_MCP_POLICY_ADMIN_NOTHING = 0,
    NGX_HTTP_MCP_POLICY_ADMIN_PAGE,
    NGX_HTTP_MCP_POLICY_ADMIN_OVERVIEW,
    NGX_HTTP_MCP_POLICY_ADMIN_LIST,
    NGX_HTTP_MCP_POLICY_ADMIN_APPROVAL,
    NGX_HTTP_MCP_POLICY_ADMIN_DECISION
} ngx_http_mcp_policy_admin_kind_e;

/* What a request asks for, by its path. */
typedef struct {
    ngx_http_mcp_policy_admin_kind_e  kind;
    ngx_str_t                         id;         /* as it is written */
    mcp_approval_state_t              decision;
} ngx_http_mcp_policy_admin_path_t;


typedef struct {
    ngx_uint_t                        status;
    const char                       *code;       /* a word for programs */
    const char                       *message;    /* as inside of JSON */
} ngx_http_mcp_policy_admin_error_t;


/* ngx_http_mcp_policy_admin.c */
extern const ngx_http_mcp_policy_admin_error_t
    ngx_http_mcp_policy_admin_moving;

void ngx_http_mcp_policy_admin_path(ngx_http_request_t *r,
    ngx_http_mcp_policy_admin_path_t *path);
ngx_int_t ngx_http_mcp_policy_admin_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_http_mcp_policy_page_t *page);
ngx_int_t ngx_http_mcp_policy_admin_refuse(ngx_http_request_t *r,
    const ngx_http_mcp_policy_admin_error_t *error);
ngx_int_t ngx_http_mcp_policy_admin_output(ngx_http_request_t *r,
    ngx_str_t *type, ngx_str_t *cache, ngx_str_t *csp, ngx_chain_t *out);
ngx_table_elt_t *ngx_http_mcp_policy_admin_header(ngx_http_request_t *r,
    ngx_str_t *key, ngx_str_t *value);
ngx_int_t ngx_http_mcp_policy_admin_etag(ngx_http_request_t *r,
    ngx_str_t *value);

/* ngx_http_mcp_policy_admin_page.c */
ngx_int_t ngx_http_mcp_policy_admin_page_init(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
ngx_int_t ngx_http_mcp_policy_admin_page(ngx_http_request_t *r);

/* ngx_http_mcp_policy_admin_origin.c; NULL: the request may change things */
const ngx_http_mcp_policy_admin_error_t *ngx_http_mcp_policy_admin_check(
    ngx_http_request_t *r);

/* ngx_http_mcp_policy_admin_list.c */
ngx_int_t ngx_http_mcp_policy_admin_list(ngx_http_request_t *r);

/* ngx_http_mcp_policy_admin_approval.c */
ngx_int_t ngx_http_mcp_policy_admin_show(ngx_http_request_t *r,
    ngx_str_t *id);
ngx_int_t ngx_http_mcp_policy_admin_decide(ngx_http_request_t *r);
void ngx_http_mcp_policy_admin_time(ngx_http_mcp_policy_page_t *page,
    uint64_t ms);
void ngx_http_mcp_policy_admin_record(ngx_http_mcp_policy_page_t *page,
    ngx_str_t *zone, const mcp_approval_view_t *view);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_ADMIN_H */
