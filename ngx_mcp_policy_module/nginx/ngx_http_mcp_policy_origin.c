/*
 * mcp_origin: which web origins may call, as valid_referers names hosts.
 * A request without Origin is no browser's and passes.
 */

#include "ngx_http_mcp_policy.h"


static char *ngx_http_mcp_policy_origin_add(ngx_conf_t *cf,
    ngx_http_mcp_policy_origin_t *origin, ngx_str_t *name);
static ngx_int_t ngx_http_mcp_policy_origin_name(ngx_str_t *name);
static void ngx_http_mcp_policy_origin_cleanup(void *data);
static ngx_int_t ngx_http_mcp_policy_origin_host(mcp_str_t origin,
    ngx_str_t *host);
static ngx_int_t ngx_http_mcp_policy_origin_match(
    ngx_http_mcp_policy_origin_t *origin, ngx_str_t *host);


char *
ngx_http_mcp_policy_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_loc_conf_t *mlcf = conf;

    char                           *rv;
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    ngx_http_mcp_policy_origin_t   *origin;

    if (mlcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        if (cf->args->nelts > 2) {
            return "takes no names after \"off\"";
        }

        mlcf->origins = NULL;
        return NGX_CONF_OK;
    }

    mlcf->origins = ngx_array_create(cf->pool, cf->args->nelts,
                                     sizeof(ngx_http_mcp_policy_origin_t));
    if (mlcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        origin = ngx_array_push(mlcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(origin, sizeof(ngx_http_mcp_policy_origin_t));

        rv = ngx_http_mcp_policy_origin_add(cf, origin, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_policy_origin_add(ngx_conf_t *cf,
    ngx_http_mcp_policy_origin_t *origin, ngx_str_t *name)
{
    mcp_str_t            pattern;
    mcp_error_t          error;
    ngx_pool_cleanup_t  *cln;

    if (name->len && name->data[0] == '~') {
        pattern.data = name->data + 1;
        pattern.len = name->len - 1;

        cln = ngx_pool_cleanup_add(cf->pool, 0);
        if (cln == NULL) {
            return NGX_CONF_ERROR;
        }

        origin->regex = mcp_regex_compile(pattern, true, &error);
        if (origin->regex == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid regex \"%V\" in \"mcp_origin\": %s",
                               name, error.text);
            return NGX_CONF_ERROR;
        }

        cln->handler = ngx_http_mcp_policy_origin_cleanup;
        cln->data = origin->regex;

        return NGX_CONF_OK;
    }

    origin->host = *name;

    if (origin->host.len > 2 && ngx_strncmp(name->data, "*.", 2) == 0) {
        origin->host.data++;
        origin->host.len--;
        origin->prefix = 1;

    } else if (origin->host.len > 2
               && ngx_strncmp(name->data + name->len - 2, ".*", 2) == 0)
    {
        origin->host.len--;
        origin->suffix = 1;
    }

    if (ngx_http_mcp_policy_origin_name(&origin->host) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" in \"mcp_origin\", expected "
                           "a host without scheme, port or path, "
                           "\"*.example.com\", \"example.*\" or \"~regex\"",
                           name);
        return NGX_CONF_ERROR;
    }

    ngx_strlow(origin->host.data, origin->host.data, origin->host.len);

    return NGX_CONF_OK;
}


/* A name that no host of an Origin can equal is a mistake. */

static ngx_int_t
ngx_http_mcp_policy_origin_name(ngx_str_t *name)
{
    u_char      *p, *last;
    ngx_uint_t   address;

    p = name->data;
    last = p + name->len;

    if (name->len == 0 || (name->len == 3 && ngx_strncmp(p, "off", 3) == 0)) {
        return NGX_ERROR;
    }

    address = (*p == '[' && last[-1] == ']');

    for ( /* void */ ; p < last; p++) {

        switch (*p) {

        case ':':
            if (!address) {
                return NGX_ERROR;
            }

            break;

        case '*':
        case '/':
        case '@':
        case '?':
        case '#':
            return NGX_ERROR;

        default:
            if (*p <= ' ' || *p >= 0x7f) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static void
ngx_http_mcp_policy_origin_cleanup(void *data)
{
    mcp_regex_free(data);
}


ngx_int_t
ngx_http_mcp_policy_origin_allowed(ngx_http_request_t *r,
    ngx_array_t *origins, mcp_header_t *header)
{
    u_char                        *lower;
    ngx_str_t                      host;
    ngx_uint_t                     i;
    ngx_http_mcp_policy_origin_t  *origin;

    if (header->count == 0) {
        return NGX_OK;
    }

    if (header->count > 1
        || ngx_http_mcp_policy_origin_host(header->value, &host) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    lower = ngx_pnalloc(r->pool, host.len);
    if (lower == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(lower, host.data, host.len);
    host.data = lower;

    origin = origins->elts;

    for (i = 0; i < origins->nelts; i++) {
        if (ngx_http_mcp_policy_origin_match(&origin[i], &host) == NGX_OK) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* "scheme://host[:port]" and nothing else; user information is refused. */

static ngx_int_t
ngx_http_mcp_policy_origin_host(mcp_str_t origin, ngx_str_t *host)
{
    u_char  *p, *last, *port;

    p = (u_char *) origin.data;
    last = p + origin.len;

    if (origin.len > 7 && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0) {
        p += 7;

    } else if (origin.len > 8
               && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0)
    {
        p += 8;

    } else {
        return NGX_DECLINED;
    }

    host->data = p;

    if (*p == '[') {
        p = ngx_strlchr(p, last, ']');
        if (p == NULL) {
            return NGX_DECLINED;
        }
    }

    port = ngx_strlchr(p, last, ':');
    host->len = (port ? port : last) - host->data;

    if (host->len == 0) {
        return NGX_DECLINED;
    }

    for (p = host->data; p < host->data + host->len; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '@' || *p == '/' || *p == '\\'
            || *p == '?' || *p == '#')
        {
            return NGX_DECLINED;
        }
    }

    if (port == NULL) {
        return NGX_OK;
    }

    for (p = port + 1; p < last; p++) {
        if (*p < '0' || *p > '9') {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_origin_match(ngx_http_mcp_policy_origin_t *origin,
    ngx_str_t *host)
{
    u_char     *start;
    mcp_str_t   subject;

    if (origin->regex) {
        subject.data = host->data;
        subject.len = host->len;

        return mcp_regex_match(origin->regex, subject) == MCP_OK
               ? NGX_OK : NGX_DECLINED;
    }

    start = host->data;

    if (origin->prefix || origin->suffix) {
        if (host->len <= origin->host.len) {
            return NGX_DECLINED;
        }

        if (origin->prefix) {
            start += host->len - origin->host.len;
        }

    } else if (host->len != origin->host.len) {
        return NGX_DECLINED;
    }

    return ngx_memcmp(start, origin->host.data, origin->host.len) == 0
           ? NGX_OK : NGX_DECLINED;
}
