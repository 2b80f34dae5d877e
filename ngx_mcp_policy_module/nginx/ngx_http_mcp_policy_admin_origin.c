/*
 * mcp_admin: who may change something.  Whom the operator lets in is nginx's
 * own business; what is checked here is that it was this page, or no browser,
 * that sent the request, and not a page of another origin in the browser of
 * somebody who may.
 *
 * A page of another origin can make a browser post a form, or anything of
 * three content types, without being asked.  It cannot post JSON unless an
 * OPTIONS request is answered by that this is welcome, which never happens
 * here.  It cannot do without Origin, nor change it or Sec-Fetch-Site.
 */

#include "ngx_http_mcp_policy_admin.h"


typedef struct {
    ngx_table_elt_t  *origin;
    ngx_table_elt_t  *site;         /* Sec-Fetch-Site */
    ngx_table_elt_t  *type;
    unsigned          repeated:1;   /* any of these */
    unsigned          encoded:1;
} ngx_http_mcp_policy_admin_headers_t;


static void ngx_http_mcp_policy_admin_headers(ngx_http_request_t *r,
    ngx_http_mcp_policy_admin_headers_t *headers);
static ngx_uint_t ngx_http_mcp_policy_admin_own(ngx_http_request_t *r,
    ngx_str_t *origin);
static ngx_str_t ngx_http_mcp_policy_admin_host(ngx_http_request_t *r);
static void ngx_http_mcp_policy_admin_port(ngx_str_t *host,
    const char *port);


const ngx_http_mcp_policy_admin_error_t *
ngx_http_mcp_policy_admin_check(ngx_http_request_t *r)
{
    mcp_str_t                            type;
    ngx_http_mcp_policy_admin_headers_t  headers;

    static const ngx_http_mcp_policy_admin_error_t  cross_origin = {
        NGX_HTTP_FORBIDDEN, "cross_origin",
        "the request is of a page that is not this one"
    };

    static const ngx_http_mcp_policy_admin_error_t  not_json = {
        NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, "not_json",
        "Content-Type must be application/json"
    };

    ngx_http_mcp_policy_admin_headers(r, &headers);

    if (headers.repeated
        || (headers.site
            && (headers.site->value.len != sizeof("same-origin") - 1
                || ngx_memcmp(headers.site->value.data, "same-origin",
                              sizeof("same-origin") - 1)
                   != 0))
        || (headers.origin
            && !ngx_http_mcp_policy_admin_own(r, &headers.origin->value)))
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "mcp policy: \"mcp_admin\" refused a request of "
                      "another origin");

        return &cross_origin;
    }

    if (headers.type == NULL || headers.encoded) {
        return &not_json;
    }

    type.data = headers.type->value.data;
    type.len = headers.type->value.len;

    return mcp_content_type_valid(type) ? NULL : &not_json;
}


static void
ngx_http_mcp_policy_admin_headers(ngx_http_request_t *r,
    ngx_http_mcp_policy_admin_headers_t *headers)
{
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *found[4];

    static const ngx_str_t  names[] = {
        ngx_string("origin"),
        ngx_string("sec-fetch-site"),
        ngx_string("content-type"),
        ngx_string("content-encoding")
    };

    ngx_memzero(found, sizeof(found));
    ngx_memzero(headers, sizeof(ngx_http_mcp_policy_admin_headers_t));

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        for (n = 0; n < 4; n++) {
            if (h[i].key.len == names[n].len
                && ngx_strncasecmp(h[i].key.data, names[n].data,
                                   names[n].len)
                   == 0)
            {
                headers->repeated |= (found[n] != NULL);
                found[n] = &h[i];
            }
        }
    }

    headers->origin = found[0];
    headers->site = found[1];
    headers->type = found[2];
    headers->encoded = (found[3] != NULL);
}


/*
 * The host and port of Origin must be those that the request was sent to.
 * Without TLS here the page may still have come by https: it may have ended
 * in front of this nginx.  With TLS it cannot have come without.
 */

static ngx_uint_t
ngx_http_mcp_policy_admin_own(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_str_t    host, own;
    const char  *port;

    if (origin->len > 8
        && ngx_strncasecmp(origin->data, (u_char *) "https://", 8) == 0)
    {
        host.data = origin->data + 8;
        host.len = origin->len - 8;
        port = ":443";

    } else if (origin->len > 7
               && ngx_strncasecmp(origin->data, (u_char *) "http://", 7) == 0)
    {
#if (NGX_HTTP_SSL)
        if (r->connection->ssl) {
            return 0;
        }
#endif

        host.data = origin->data + 7;
        host.len = origin->len - 7;
        port = ":80";

    } else {
        return 0;
    }

    own = ngx_http_mcp_policy_admin_host(r);

    ngx_http_mcp_policy_admin_port(&host, port);
    ngx_http_mcp_policy_admin_port(&own, port);

    return own.len != 0 && host.len == own.len
           && ngx_strncasecmp(host.data, own.data, own.len) == 0;
}


/* Host, or what HTTP/3 has in its place. */

static ngx_str_t
ngx_http_mcp_policy_admin_host(ngx_http_request_t *r)
{
    ngx_str_t  host;

    if (r->headers_in.host) {
        return r->headers_in.host->value;
    }

    ngx_str_null(&host);

    if (r->host_start && r->host_end) {
        host.data = r->host_start;
        host.len = r->host_end - r->host_start;
    }

    return host;
}


static void
ngx_http_mcp_policy_admin_port(ngx_str_t *host, const char *port)
{
    size_t  len;

    len = ngx_strlen(port);

    if (host->len > len
        && ngx_memcmp(host->data + host->len - len, port, len) == 0)
    {
        host->len -= len;
    }
}
