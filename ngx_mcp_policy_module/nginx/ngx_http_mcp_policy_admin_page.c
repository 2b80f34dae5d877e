/*
 * The page of mcp_admin.  Its policy names the style and the script in it by
 * their SHA-256, so that nothing else, whatever a tool is called, is either.
 */

#include "ngx_http_mcp_policy_admin.h"

#include <openssl/evp.h>


/* base64 of a SHA-256, with padding */
#define NGX_HTTP_MCP_POLICY_ADMIN_BASE64  ngx_base64_encoded_length(32)


static ngx_int_t ngx_http_mcp_policy_admin_hash(const char *start,
    const char *end, u_char *base64);


static const u_char  ngx_http_mcp_policy_admin_text[] =
#include "ngx_http_mcp_policy_admin_text.h"
;


static const char  ngx_http_mcp_policy_admin_csp[] =
    "default-src 'none'; connect-src 'self'; img-src data:; "
    "script-src 'sha256-%*s'; style-src 'sha256-%*s'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";


ngx_int_t
ngx_http_mcp_policy_admin_page_init(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    u_char       *p;
    u_char        style[NGX_HTTP_MCP_POLICY_ADMIN_BASE64];
    u_char        script[NGX_HTTP_MCP_POLICY_ADMIN_BASE64];
    u_char        sha256[EVP_MAX_MD_SIZE];
    size_t        size;
    unsigned int  length;

    if (mmcf->admin_csp.len) {
        return NGX_OK;
    }

    if (ngx_http_mcp_policy_admin_hash("<style>", "</style>", style)
        != NGX_OK
        || ngx_http_mcp_policy_admin_hash("<script>", "</script>", script)
           != NGX_OK
        || EVP_Digest(ngx_http_mcp_policy_admin_text,
                      sizeof(ngx_http_mcp_policy_admin_text) - 1, sha256,
                      &length, EVP_sha256(), NULL)
           != 1)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the page of \"mcp_admin\" cannot be hashed");
        return NGX_ERROR;
    }

    size = sizeof(ngx_http_mcp_policy_admin_csp) + sizeof(style)
           + sizeof(script);

    p = ngx_pnalloc(cf->pool, size + sizeof("\"\"") + 2 * 16);
    if (p == NULL) {
        return NGX_ERROR;
    }

    mmcf->admin_csp.data = p;
    p = ngx_sprintf(p, ngx_http_mcp_policy_admin_csp, sizeof(script), script,
                    sizeof(style), style);
    mmcf->admin_csp.len = p - mmcf->admin_csp.data;

    mmcf->admin_etag.data = p;
    *p++ = '"';
    p = ngx_hex_dump(p, sha256, 16);
    *p++ = '"';
    mmcf->admin_etag.len = p - mmcf->admin_etag.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_admin_hash(const char *start, const char *end,
    u_char *base64)
{
    u_char       *first, *last;
    u_char        sha256[EVP_MAX_MD_SIZE];
    ngx_str_t     src, dst;
    unsigned int  length;

    first = (u_char *) ngx_strstr(ngx_http_mcp_policy_admin_text, start);
    if (first == NULL) {
        return NGX_ERROR;
    }

    first += ngx_strlen(start);

    last = (u_char *) ngx_strstr(first, end);
    if (last == NULL) {
        return NGX_ERROR;
    }

    if (EVP_Digest(first, last - first, sha256, &length, EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    src.data = sha256;
    src.len = length;
    dst.data = base64;

    ngx_encode_base64(&dst, &src);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_policy_admin_page(ngx_http_request_t *r)
{
    ngx_buf_t                        *b;
    ngx_str_t                         type, cache;
    ngx_chain_t                       out;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) ngx_http_mcp_policy_admin_text;
    b->last = b->pos + sizeof(ngx_http_mcp_policy_admin_text) - 1;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    if (ngx_http_mcp_policy_admin_etag(r, &mmcf->admin_etag) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* another page comes with another module: the browser asks each time */

    ngx_str_set(&type, "text/html; charset=utf-8");
    ngx_str_set(&cache, "no-cache");

    return ngx_http_mcp_policy_admin_output(r, &type, &cache,
                                            &mmcf->admin_csp, &out);
}
