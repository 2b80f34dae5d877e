/*
 * Sends the reply that the decision left in the context.
 */

#include "ngx_http_mcp_policy.h"


static ngx_int_t ngx_http_mcp_policy_add_header(ngx_http_request_t *r,
    ngx_str_t *key, ngx_str_t *value);


/* The reply lives in the worker's arena until it is copied here. */

ngx_int_t
ngx_http_mcp_policy_keep_reply(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_reply_t *reply)
{
    ngx_str_t  body;

    if (ngx_http_mcp_policy_copy(r->pool, reply->body, &body) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->reply = *reply;
    ctx->reply.body.data = body.data;

    return NGX_OK;
}


/* A content handler. */

ngx_int_t
ngx_http_mcp_policy_send_reply(ngx_http_request_t *r)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_str_t                   key, value;
    ngx_chain_t                *out;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_get_ctx(r);

    if (ctx == NULL || ctx->reply.status == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* a body that nobody reads is not asked for */

    r->expect_tested = 1;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->own_reply = 1;

    ngx_http_mcp_policy_reply_headers(r, ctx);

    if (ctx->reply.status == NGX_HTTP_NOT_ALLOWED) {
        ngx_str_set(&key, "Allow");
        ngx_str_set(&value, "POST, GET, HEAD, DELETE, OPTIONS");

        if (ngx_http_mcp_policy_add_header(r, &key, &value) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ctx->reply.retry_after_s) {
        p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_str_set(&key, "Retry-After");
        value.data = p;
        value.len = ngx_sprintf(p, "%uL", ctx->reply.retry_after_s) - p;

        if (ngx_http_mcp_policy_add_header(r, &key, &value) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out = ngx_http_mcp_policy_reply_chain(r, ctx);
    if (out == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_output_filter(r, out);
}


void
ngx_http_mcp_policy_reply_headers(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    r->headers_out.status = ctx->reply.status;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = ctx->reply.body.len;

    if (ctx->reply.body.len == 0) {
        r->headers_out.content_type.len = 0;
        return;
    }

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;
}


ngx_chain_t *
ngx_http_mcp_policy_reply_chain(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t  *out;

    b = ngx_calloc_buf(r->pool);
    out = ngx_alloc_chain_link(r->pool);

    if (b == NULL || out == NULL) {
        return NULL;
    }

    if (ctx->reply.body.len) {
        b->pos = (u_char *) ctx->reply.body.data;
        b->last = b->pos + ctx->reply.body.len;
        b->memory = 1;
    }

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;
    b->sync = !(b->last_buf || b->memory);

    out->buf = b;
    out->next = NULL;

    return out;
}


static ngx_int_t
ngx_http_mcp_policy_add_header(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = *key;
    h->value = *value;
    h->lowcase_key = NULL;
    ngx_http_mcp_policy_header_init(h);

    return NGX_OK;
}
