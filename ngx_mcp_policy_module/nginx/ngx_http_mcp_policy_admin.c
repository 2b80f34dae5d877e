/*
 * mcp_admin: approvals and statistics for people.  The directive, what a
 * request asks for, and how it is answered; docs/admin.md describes the API.
 */

#include "ngx_http_mcp_policy_admin.h"


static char *ngx_http_mcp_policy_admin_place(
    ngx_http_core_loc_conf_t *clcf);
static ngx_int_t ngx_http_mcp_policy_admin_handler(ngx_http_request_t *r);
static ngx_uint_t ngx_http_mcp_policy_admin_is(ngx_str_t *path,
    const char *name);
static ngx_uint_t ngx_http_mcp_policy_admin_skip(ngx_str_t *path,
    const ngx_str_t *name);
static ngx_uint_t ngx_http_mcp_policy_admin_moved(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_admin_overview(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_admin_method(ngx_http_request_t *r,
    const char *allow);


const ngx_http_mcp_policy_admin_error_t
    ngx_http_mcp_policy_admin_moving =
{
    NGX_HTTP_SERVICE_UNAVAILABLE, "moving",
    "the zone gets another size, try again"
};


char *
ngx_http_mcp_policy_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_loc_conf_t *mlcf = conf;

    char                              *rv;
    ngx_str_t                         *value, by;
    ngx_http_core_loc_conf_t          *clcf;
    ngx_http_mcp_policy_main_conf_t   *mmcf;
    ngx_http_compile_complex_value_t   ccv;

    rv = ngx_http_mcp_policy_page_set(cf, conf,
                                      NGX_HTTP_MCP_POLICY_PAGE_ADMIN,
                                      ngx_http_mcp_policy_admin_handler);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    rv = ngx_http_mcp_policy_admin_place(clcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    if (cf->args->nelts == 1) {
        ngx_str_set(&by, "$remote_user");

    } else if (ngx_strncmp(value[1].data, "by=", 3) == 0 && value[1].len > 3)
    {
        by.data = value[1].data + 3;
        by.len = value[1].len - 3;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"mcp_admin\", "
                           "expected \"by=STRING\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    mlcf->admin_by = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (mlcf->admin_by == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &by;
    ccv.complex_value = mlcf->admin_by;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_policy_module);

    return ngx_http_mcp_policy_admin_page_init(cf, mmcf) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* The page's addresses are relative to its own, which ends in "/". */

static char *
ngx_http_mcp_policy_admin_place(ngx_http_core_loc_conf_t *clcf)
{
    if (clcf->exact_match || clcf->named
#if (NGX_PCRE)
        || clcf->regex
#endif
        || clcf->name.len == 0
        || clcf->name.data[clcf->name.len - 1] != '/')
    {
        return "needs a location by prefix that ends in \"/\", such as "
               "\"location /mcp-admin/\"";
    }

    clcf->auto_redirect = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_mcp_policy_admin_handler(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_http_mcp_policy_admin_path_t  path;

    static const ngx_http_mcp_policy_admin_error_t  nothing = {
        NGX_HTTP_NOT_FOUND, "not_found", "there is nothing here"
    };

    ngx_http_mcp_policy_admin_path(r, &path);

    if (path.kind == NGX_HTTP_MCP_POLICY_ADMIN_NOTHING) {
        return ngx_http_mcp_policy_admin_refuse(r, &nothing);
    }

    if (path.kind == NGX_HTTP_MCP_POLICY_ADMIN_DECISION) {
        return (r->method == NGX_HTTP_POST)
               ? ngx_http_mcp_policy_admin_decide(r)
               : ngx_http_mcp_policy_admin_method(r, "POST");
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_mcp_policy_admin_method(r, "GET, HEAD");
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (path.kind == NGX_HTTP_MCP_POLICY_ADMIN_PAGE) {
        return ngx_http_mcp_policy_admin_page(r);
    }

    if (ngx_http_mcp_policy_admin_moved(r)) {
        return ngx_http_mcp_policy_admin_refuse(r,
                                          &ngx_http_mcp_policy_admin_moving);
    }

    switch (path.kind) {

    case NGX_HTTP_MCP_POLICY_ADMIN_OVERVIEW:
        return ngx_http_mcp_policy_admin_overview(r);

    case NGX_HTTP_MCP_POLICY_ADMIN_LIST:
        return ngx_http_mcp_policy_admin_list(r);

    default: /* NGX_HTTP_MCP_POLICY_ADMIN_APPROVAL */
        return ngx_http_mcp_policy_admin_show(r, &path.id);
    }
}


/* What follows the location's name; "rewrite" may have taken that away. */

void
ngx_http_mcp_policy_admin_path(ngx_http_request_t *r,
    ngx_http_mcp_policy_admin_path_t *path)
{
    u_char                    *slash;
    ngx_str_t                  rest;
    ngx_http_core_loc_conf_t  *clcf;

    static const ngx_str_t  approval = ngx_string("api/approvals/");

    ngx_memzero(path, sizeof(ngx_http_mcp_policy_admin_path_t));

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    rest = r->uri;

    if (!ngx_http_mcp_policy_admin_skip(&rest, &clcf->name)) {
        return;
    }

    if (rest.len == 0) {
        path->kind = NGX_HTTP_MCP_POLICY_ADMIN_PAGE;

    } else if (ngx_http_mcp_policy_admin_is(&rest, "api/overview")) {
        path->kind = NGX_HTTP_MCP_POLICY_ADMIN_OVERVIEW;

    } else if (ngx_http_mcp_policy_admin_is(&rest, "api/approvals")) {
        path->kind = NGX_HTTP_MCP_POLICY_ADMIN_LIST;

    } else if (ngx_http_mcp_policy_admin_skip(&rest, &approval)) {
        slash = ngx_strlchr(rest.data, rest.data + rest.len, '/');

        path->id = rest;

        if (slash == NULL) {
            path->kind = NGX_HTTP_MCP_POLICY_ADMIN_APPROVAL;
            return;
        }

        path->id.len = slash - rest.data;

        rest.len -= path->id.len;
        rest.data = slash;

        if (ngx_http_mcp_policy_admin_is(&rest, "/approve")) {
            path->kind = NGX_HTTP_MCP_POLICY_ADMIN_DECISION;
            path->decision = MCP_APPROVAL_APPROVED;

        } else if (ngx_http_mcp_policy_admin_is(&rest, "/deny")) {
            path->kind = NGX_HTTP_MCP_POLICY_ADMIN_DECISION;
            path->decision = MCP_APPROVAL_DENIED;
        }
    }
}


static ngx_uint_t
ngx_http_mcp_policy_admin_is(ngx_str_t *path, const char *name)
{
    return path->len == ngx_strlen(name)
           && ngx_memcmp(path->data, name, path->len) == 0;
}


static ngx_uint_t
ngx_http_mcp_policy_admin_skip(ngx_str_t *path, const ngx_str_t *name)
{
    if (path->len < name->len
        || ngx_memcmp(path->data, name->data, name->len) != 0)
    {
        return 0;
    }

    path->data += name->len;
    path->len -= name->len;

    return 1;
}


/* What this worker knows is over: another one knows what is. */

static ngx_uint_t
ngx_http_mcp_policy_admin_moved(ngx_http_request_t *r)
{
    ngx_uint_t                         i;
    ngx_shm_zone_t                   **shm_zone;
    ngx_http_mcp_policy_zone_t        *zone;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;

        if (zone->shared->moved) {
            return 1;
        }
    }

    return 0;
}


/* As mcp_status, with what only those see who decide: callers' hashes. */

static ngx_int_t
ngx_http_mcp_policy_admin_overview(ngx_http_request_t *r)
{
    ngx_http_mcp_policy_page_t        page;
    ngx_http_mcp_policy_all_series_t  all;

    if (ngx_http_mcp_policy_status_series(r, &all) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mcp_policy_page_init(&page, r->pool);
    ngx_http_mcp_policy_overview_json(r, &page, &all);

    return ngx_http_mcp_policy_admin_send(r, NGX_HTTP_OK, &page);
}


static ngx_int_t
ngx_http_mcp_policy_admin_method(ngx_http_request_t *r, const char *allow)
{
    ngx_str_t  value;

    static ngx_str_t  key = ngx_string("Allow");

    static const ngx_http_mcp_policy_admin_error_t  error = {
        NGX_HTTP_NOT_ALLOWED, "method", "the method is not allowed here"
    };

    value.data = (u_char *) allow;
    value.len = ngx_strlen(allow);

    if (ngx_http_mcp_policy_admin_header(r, &key, &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mcp_policy_admin_refuse(r, &error);
}


ngx_int_t
ngx_http_mcp_policy_admin_refuse(ngx_http_request_t *r,
    const ngx_http_mcp_policy_admin_error_t *error)
{
    ngx_int_t                   rc;
    ngx_http_mcp_policy_page_t  page;

    /* a body that nobody reads is not asked for */

    r->expect_tested = 1;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_mcp_policy_page_init(&page, r->pool);

    ngx_http_mcp_policy_page_text(&page, "{\"error\":{\"code\":\"");
    ngx_http_mcp_policy_page_text(&page, error->code);
    ngx_http_mcp_policy_page_text(&page, "\",\"message\":\"");
    ngx_http_mcp_policy_page_text(&page, error->message);
    ngx_http_mcp_policy_page_text(&page, "\"}}\n");

    return ngx_http_mcp_policy_admin_send(r, error->status, &page);
}


/* JSON, which nobody keeps. */

ngx_int_t
ngx_http_mcp_policy_admin_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_mcp_policy_page_t *page)
{
    ngx_str_t     type, cache, csp;
    ngx_chain_t  *cl;

    if (page->failed || page->buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (cl = page->out; cl; cl = cl->next) {
        page->size += cl->buf->last - cl->buf->pos;
    }

    page->buf->last_buf = (r == r->main) ? 1 : 0;
    page->buf->last_in_chain = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = page->size;

    ngx_str_set(&type, "application/json");
    ngx_str_set(&cache, "no-store");
    ngx_str_set(&csp, "default-src 'none'; frame-ancestors 'none'");

    return ngx_http_mcp_policy_admin_output(r, &type, &cache, &csp,
                                            page->out);
}


ngx_int_t
ngx_http_mcp_policy_admin_output(ngx_http_request_t *r, ngx_str_t *type,
    ngx_str_t *cache, ngx_str_t *csp, ngx_chain_t *out)
{
    u_char      *semicolon;
    ngx_int_t    rc;
    ngx_uint_t   i;

    static ngx_str_t  headers[][2] = {
        { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") },
        { ngx_string("Referrer-Policy"), ngx_string("no-referrer") },
        { ngx_string("Cross-Origin-Opener-Policy"),
          ngx_string("same-origin") },
        { ngx_string("Cross-Origin-Resource-Policy"),
          ngx_string("same-origin") }
    };

    static ngx_str_t  cache_control = ngx_string("Cache-Control");
    static ngx_str_t  policy = ngx_string("Content-Security-Policy");

    semicolon = ngx_strlchr(type->data, type->data + type->len, ';');

    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = semicolon
                                      ? (size_t) (semicolon - type->data)
                                      : type->len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_mcp_policy_admin_header(r, &cache_control, cache) == NULL
        || ngx_http_mcp_policy_admin_header(r, &policy, csp) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (ngx_http_mcp_policy_admin_header(r, &headers[i][0],
                                             &headers[i][1])
            == NULL)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


ngx_table_elt_t *
ngx_http_mcp_policy_admin_header(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_http_mcp_policy_header_init(h);

    h->hash = 1;
    h->key = *key;
    h->value = *value;
    h->lowcase_key = NULL;

    return h;
}


/* With this nginx itself answers 304 to whom has it. */

ngx_int_t
ngx_http_mcp_policy_admin_etag(ngx_http_request_t *r, ngx_str_t *value)
{
    static ngx_str_t  key = ngx_string("ETag");

    r->headers_out.etag = ngx_http_mcp_policy_admin_header(r, &key, value);

    return r->headers_out.etag ? NGX_OK : NGX_ERROR;
}
