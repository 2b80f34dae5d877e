/*
 * JSON answers that may be lists: the header is held and the body collected,
 * then the client is answered once.
 */

#include "ngx_http_mcp_policy.h"


/* NGX_OK: the header is held; NGX_DECLINED: the answer is not ours. */

ngx_int_t
ngx_http_mcp_policy_answer_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    return NGX_DECLINED;
}


ngx_int_t
ngx_http_mcp_policy_answer_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in)
{
    return ngx_http_mcp_policy_next_body(r, in);
}
