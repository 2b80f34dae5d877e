/*
 * Response filters: nginx's own error pages become JSON-RPC errors, lists
 * lose what their reader may not see, event streams are passed on as they
 * come.  Everything else is not touched.
 */

#include "ngx_http_mcp_policy.h"


static ngx_int_t ngx_http_mcp_policy_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_mcp_policy_replace_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_mcp_policy_is_error_page(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_replace_page(ngx_http_request_t *r);
static mcp_str_t ngx_http_mcp_policy_status_text(ngx_uint_t status);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


void
ngx_http_mcp_policy_filter_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_mcp_policy_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_mcp_policy_body_filter;
}


static ngx_int_t
ngx_http_mcp_policy_header_filter(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_mcp_policy_ctx_t       *ctx;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);
    ctx = ngx_http_mcp_policy_get_ctx(r);

    if (ctx == NULL && mlcf->enforce == NULL) {
        return ngx_http_next_header_filter(r);
    }

    if (ctx && ctx->settlement) {
        ngx_http_mcp_policy_settle_header(r, ctx);
    }

    if (ctx && ctx->own_reply) {
        return ngx_http_next_header_filter(r);
    }

    if (!mlcf->dry_run && ngx_http_mcp_policy_is_error_page(r)) {
        if (ngx_http_mcp_policy_replace_page(r) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_next_header_filter(r);
    }

    if (ctx && ctx->watch) {
        ngx_http_mcp_policy_task_header(r, ctx);
    }

    if (ctx && ctx->list) {
        rc = ngx_http_mcp_policy_answer_header(r, ctx);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (ngx_http_mcp_policy_content_type_is(r, "text/event-stream",
                                            sizeof("text/event-stream") - 1)
        && ngx_http_mcp_policy_stream_header(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_mcp_policy_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_mcp_policy_ctx_t  *ctx;

    if (r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_mcp_policy_module);

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->replace) {
        return ngx_http_mcp_policy_replace_body(r, ctx, in);
    }

    if (ctx->settlement) {
        ngx_http_mcp_policy_settle_body(r, ctx, in);
    }

    if (ctx->watch) {
        ngx_http_mcp_policy_task_body(r, ctx, in);
    }

    if (ctx->answer) {
        return ngx_http_mcp_policy_answer_body(r, ctx, in);
    }

    if (ctx->stream) {
        return ngx_http_mcp_policy_stream_body(r, ctx, in);
    }

    return ngx_http_next_body_filter(r, in);
}


ngx_int_t
ngx_http_mcp_policy_next_header(ngx_http_request_t *r)
{
    return ngx_http_next_header_filter(r);
}


ngx_int_t
ngx_http_mcp_policy_next_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    return ngx_http_next_body_filter(r, in);
}


/* The page is swallowed; the reply takes its place once. */

static ngx_int_t
ngx_http_mcp_policy_replace_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_chain_t  *cl, *out;

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->replaced) {
        return (in == NULL) ? ngx_http_next_body_filter(r, NULL) : NGX_OK;
    }

    ctx->replaced = 1;

    out = ngx_http_mcp_policy_reply_chain(r, ctx);
    if (out == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_next_body_filter(r, out);
}


/*
 * A page of nginx's own, or of an error_page that was not made for a client
 * that reads JSON.  What an upstream answered is not ours to change.
 */

static ngx_int_t
ngx_http_mcp_policy_is_error_page(ngx_http_request_t *r)
{
    ngx_uint_t  status;

    status = r->headers_out.status;

    if (status < NGX_HTTP_BAD_REQUEST) {
        return 0;
    }

    if (r->err_status == 0) {

        if (r->upstream && r->upstream->headers_in.status_n == status) {
            return 0;
        }

    } else if (r->headers_out.content_type.len == 0) {

        /* a status that nginx has no page for */
        return 1;
    }

    return ngx_http_mcp_policy_content_type_is(r, "text/html",
                                               sizeof("text/html") - 1);
}


static ngx_int_t
ngx_http_mcp_policy_replace_page(ngx_http_request_t *r)
{
    mcp_str_t                   id;
    ngx_uint_t                  status;
    mcp_arena_t                *arena;
    mcp_reply_t                 reply;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_mcp_policy_create_ctx(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }
    }

    status = r->headers_out.status;

    id.data = ctx->raw_id.data;
    id.len = ctx->raw_id.len;

    arena = ngx_http_mcp_policy_arena();

    if (mcp_reply_error(status, (status < 500) ? -32600 : -32603, id,
                        ngx_http_mcp_policy_status_text(status), arena,
                        &reply)
        != MCP_OK
        || ngx_http_mcp_policy_keep_reply(r, ctx, &reply) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    ngx_http_mcp_policy_clear_digests(r);
    ngx_http_clear_content_length(r);

    /* of a page from gzip_static */

    if (r->headers_out.content_encoding) {
        r->headers_out.content_encoding->hash = 0;
        r->headers_out.content_encoding = NULL;
    }

    ngx_http_mcp_policy_reply_headers(r, ctx);

    /* an answer to HEAD has no body that could be replaced */

    ctx->replace = (r->method != NGX_HTTP_HEAD);

    return NGX_OK;
}


static mcp_str_t
ngx_http_mcp_policy_status_text(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_UNAUTHORIZED:
        return mcp_str("Authorization is required");

    case NGX_HTTP_FORBIDDEN:
        return mcp_str("Access is forbidden");

    case NGX_HTTP_NOT_FOUND:
        return mcp_str("Not found");

    case NGX_HTTP_REQUEST_TIME_OUT:
        return mcp_str("The request body did not arrive in time");

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return mcp_str("The request body is too large");

    case NGX_HTTP_UNSUPPORTED_MEDIA_TYPE:
        return mcp_str("The media type is not supported");

    case NGX_HTTP_TOO_MANY_REQUESTS:
        return mcp_str("Too many requests");

    case NGX_HTTP_BAD_GATEWAY:
        return mcp_str("The MCP server cannot be reached");

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return mcp_str("The MCP server is not available");

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return mcp_str("The MCP server did not answer in time");

    default:
        return (status < 500) ? mcp_str("The request was not accepted")
                              : mcp_str("The gateway failed to answer");
    }
}


/* The essence only: what follows ";" or a blank does not count. */

ngx_int_t
ngx_http_mcp_policy_content_type_is(ngx_http_request_t *r, const char *type,
    size_t len)
{
    ngx_str_t  *value;

    value = &r->headers_out.content_type;

    return value->len >= len
           && (ngx_memcmp(value->data, type, len) == 0
               || ngx_strncasecmp(value->data, (u_char *) type, len) == 0)
           && (value->len == len || value->data[len] == ';'
               || value->data[len] == ' ');
}


/* They are of bytes that the client will not get. */

void
ngx_http_mcp_policy_clear_digests(ngx_http_request_t *r)
{
    ngx_uint_t        i, k;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    static const ngx_str_t  names[] = {
        ngx_string("Content-Digest"),
        ngx_string("Content-MD5"),
        ngx_string("Digest"),
        ngx_string("Repr-Digest")
    };

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {

                if (header[i].key.len == names[k].len
                    && ngx_strncasecmp(header[i].key.data, names[k].data,
                                       names[k].len)
                       == 0)
                {
                    header[i].hash = 0;
                }
            }
        }
    }
}
