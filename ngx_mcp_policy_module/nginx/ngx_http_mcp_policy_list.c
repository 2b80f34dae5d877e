/*
 * Which answers may be lists, and what their reader may see.  Nothing is
 * hidden in a dry run, nor with mcp_list_filter off.
 */

#include "ngx_http_mcp_policy.h"


/*
 * After a body or a GET was allowed.  Sets ctx->list when the answer may have
 * to be filtered.  NGX_ERROR: no memory.
 */

ngx_int_t
ngx_http_mcp_policy_list_expect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body)
{
    return NGX_OK;
}


/*
 * Filters one text by ctx->list.  NGX_OK; NGX_DECLINED: it cannot be read,
 * "error" says why; NGX_ERROR: no memory.  The result is the arena's.
 */

ngx_int_t
ngx_http_mcp_policy_list_apply(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text, mcp_arena_t *arena,
    mcp_list_result_t *result, mcp_error_t *error)
{
    ngx_memzero(result, sizeof(mcp_list_result_t));

    return NGX_OK;
}


/*
 * What takes the place of an answer: -32603 for every list request that was
 * not answered, without such a request an error without id.
 */

ngx_int_t
ngx_http_mcp_policy_list_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_arena_t *arena, mcp_str_t *text)
{
    return NGX_ERROR;
}
