/*
 * The directive mcp_approval_notify: URL, secret, and certificates.
 */

#include "ngx_http_mcp_policy_notify.h"

#include "mcp_version.h"


/* bytes of a secret: as many as SHA-256 has, at least half of them */
#define NGX_HTTP_MCP_POLICY_SECRET_MIN    16
#define NGX_HTTP_MCP_POLICY_SECRET_MAX    4096

#define NGX_HTTP_MCP_POLICY_NOTIFY_TIME   10000   /* ms */
#define NGX_HTTP_MCP_POLICY_NOTIFY_DEPTH  4       /* of certificates */


/* Parameters as they were written. */
typedef struct {
    ngx_str_t                      url;
    ngx_str_t                      secret;
    ngx_str_t                      ca;
    ngx_str_t                      host;
    ngx_str_t                      admin;
    ngx_str_t                      arguments;
    ngx_str_t                      timeout;
} ngx_http_mcp_policy_notify_words_t;

typedef struct {
    ngx_str_t                      name;       /* with "=" */
    size_t                         offset;     /* of its ngx_str_t */
} ngx_http_mcp_policy_notify_parameter_t;


static char *ngx_http_mcp_policy_notify_words(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_words_t *words);
static char *ngx_http_mcp_policy_notify_text(ngx_conf_t *cf,
    ngx_str_t *value, const char *what);
static char *ngx_http_mcp_policy_notify_options(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify,
    ngx_http_mcp_policy_notify_words_t *words);
static char *ngx_http_mcp_policy_notify_url(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify,
    ngx_http_mcp_policy_notify_words_t *words);
static char *ngx_http_mcp_policy_notify_head(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify, ngx_str_t *host, ngx_str_t *uri);
static char *ngx_http_mcp_policy_notify_secret(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify, ngx_str_t *path);
static ssize_t ngx_http_mcp_policy_notify_read(ngx_str_t *path, u_char *buf,
    size_t size);
static void ngx_http_mcp_policy_notify_cleanup(void *data);
static void ngx_http_mcp_policy_notify_upstream(
    ngx_http_mcp_policy_notify_t *notify);
static char *ngx_http_mcp_policy_notify_ssl(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify,
    ngx_http_mcp_policy_notify_words_t *words, ngx_str_t *host);


static ngx_http_mcp_policy_notify_parameter_t
    ngx_http_mcp_policy_notify_parameters[] =
{
    { ngx_string("secret="),
      offsetof(ngx_http_mcp_policy_notify_words_t, secret) },
    { ngx_string("ca="),
      offsetof(ngx_http_mcp_policy_notify_words_t, ca) },
    { ngx_string("host="),
      offsetof(ngx_http_mcp_policy_notify_words_t, host) },
    { ngx_string("admin="),
      offsetof(ngx_http_mcp_policy_notify_words_t, admin) },
    { ngx_string("arguments="),
      offsetof(ngx_http_mcp_policy_notify_words_t, arguments) },
    { ngx_string("timeout="),
      offsetof(ngx_http_mcp_policy_notify_words_t, timeout) },
    { ngx_null_string, 0 }
};


char *
ngx_http_mcp_policy_approval_notify(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_policy_main_conf_t *mmcf = conf;

    ngx_http_mcp_policy_notify_t        *notify;
    ngx_http_mcp_policy_notify_words_t   words;

    if (mmcf->notify) {
        return "is duplicate";
    }

    notify = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_notify_t));
    if (notify == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_mcp_policy_notify_words(cf, &words) != NGX_CONF_OK
        || ngx_http_mcp_policy_notify_options(cf, notify, &words)
           != NGX_CONF_OK
        || ngx_http_mcp_policy_notify_url(cf, notify, &words) != NGX_CONF_OK
        || ngx_http_mcp_policy_notify_secret(cf, notify, &words.secret)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_http_mcp_policy_notify_upstream(notify);

    mmcf->notify = notify;

    return NGX_CONF_OK;
}


/* When all is read: a request is of some server. */

void
ngx_http_mcp_policy_notify_init(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_http_core_srv_conf_t   **cscfp;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (mmcf->notify && cmcf->servers.nelts) {
        cscfp = cmcf->servers.elts;
        mmcf->notify->ctx = cscfp[0]->ctx;
    }
}


static char *
ngx_http_mcp_policy_notify_words(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_words_t *words)
{
    ngx_str_t                               *value, *word;
    ngx_uint_t                               i;
    ngx_http_mcp_policy_notify_parameter_t  *parameter;

    ngx_memzero(words, sizeof(ngx_http_mcp_policy_notify_words_t));

    value = cf->args->elts;
    words->url = value[1];

    for (i = 2; i < cf->args->nelts; i++) {

        for (parameter = ngx_http_mcp_policy_notify_parameters;
             parameter->name.len;
             parameter++)
        {
            if (value[i].len > parameter->name.len
                && ngx_strncmp(value[i].data, parameter->name.data,
                               parameter->name.len)
                   == 0)
            {
                break;
            }
        }

        word = (ngx_str_t *) ((u_char *) words + parameter->offset);

        if (parameter->name.len == 0 || word->len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"mcp_approval_notify\", expected "
                               "secret=PATH, ca=PATH, host=NAME, admin=URL, "
                               "arguments=on|off and timeout=TIME, each once",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        word->data = value[i].data + parameter->name.len;
        word->len = value[i].len - parameter->name.len;
    }

    if (words->secret.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mcp_approval_notify\" needs secret=PATH, a "
                           "file with what its requests are signed with");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_policy_notify_options(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify,
    ngx_http_mcp_policy_notify_words_t *words)
{
    ngx_int_t  time;

    notify->timeout = NGX_HTTP_MCP_POLICY_NOTIFY_TIME;

    if (words->timeout.len) {
        time = ngx_parse_time(&words->timeout, 0);

        if (time == NGX_ERROR || time == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\" in "
                               "\"mcp_approval_notify\", expected "
                               "timeout=TIME", &words->timeout);
            return NGX_CONF_ERROR;
        }

        notify->timeout = time;
    }

    if (words->arguments.len) {

        if (ngx_strcmp(words->arguments.data, "on") == 0) {
            notify->arguments = 1;

        } else if (ngx_strcmp(words->arguments.data, "off") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in "
                               "\"mcp_approval_notify\", expected "
                               "arguments=on or arguments=off",
                               &words->arguments);
            return NGX_CONF_ERROR;
        }
    }

    if (words->admin.len) {

        if ((ngx_strncasecmp(words->admin.data, (u_char *) "http://", 7) != 0
             && ngx_strncasecmp(words->admin.data, (u_char *) "https://", 8)
                != 0)
            || ngx_strlchr(words->admin.data,
                           words->admin.data + words->admin.len, '#'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid page \"%V\" in "
                               "\"mcp_approval_notify\", expected "
                               "admin=https://... without \"#\"",
                               &words->admin);
            return NGX_CONF_ERROR;
        }

        notify->admin = words->admin;
    }

    return ngx_http_mcp_policy_notify_text(cf, &words->admin, "page");
}


/* What becomes part of a request line, a header or a page. */

static char *
ngx_http_mcp_policy_notify_text(ngx_conf_t *cf, ngx_str_t *value,
    const char *what)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] <= ' ' || value->data[i] >= 0x7f
            || value->data[i] == '"')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid %s in \"mcp_approval_notify\", "
                               "expected ASCII without spaces, quotes and "
                               "control characters", what);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_script_variables_count(value)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid %s in \"mcp_approval_notify\", expected "
                           "no variables: there is no client's request they "
                           "could be of", what);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * nginx is given the authority alone: its messages tell all it has, and what
 * follows may be secret.
 */

static char *
ngx_http_mcp_policy_notify_url(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify,
    ngx_http_mcp_policy_notify_words_t *words)
{
    u_char     *p, *end;
    ngx_str_t   authority, host, uri;
    ngx_url_t   u;

    if (ngx_http_mcp_policy_notify_text(cf, &words->url, "URL") != NGX_CONF_OK
        || ngx_http_mcp_policy_notify_text(cf, &words->host, "host")
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    p = words->url.data;
    end = p + words->url.len;

    if (ngx_strncasecmp(p, (u_char *) "https://", 8) == 0) {
        notify->ssl = 1;
        p += 8;

    } else if (ngx_strncasecmp(p, (u_char *) "http://", 7) == 0) {
        p += 7;

    } else {
        goto invalid;
    }

    authority.data = p;

    if (end - p > 5 && ngx_strncmp(p, "unix:", 5) == 0) {
        p = ngx_strlchr(p + 5, end, ':');
        uri.data = p ? p + 1 : end;
        p = p ? p : end;

    } else {

        while (p < end && *p != '/' && *p != '?') {
            p++;
        }

        uri.data = p;
    }

    authority.len = p - authority.data;
    uri.len = end - uri.data;

    if (authority.len == 0
        || ngx_strlchr(authority.data, p, '@')
        || ngx_strlchr(uri.data, end, '#'))
    {
        goto invalid;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = authority;
    u.default_port = notify->ssl ? 443 : 80;
    u.no_resolve = 1;

    notify->upstream.upstream = ngx_http_upstream_add(cf, &u, 0);
    if (notify->upstream.upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    host = authority;

    if (ngx_strncmp(host.data, "unix:", 5) == 0) {
        ngx_str_set(&host, "localhost");
    }

    if (words->host.len) {
        host = words->host;
    }

    notify->host = host;

    if (notify->ssl
        && ngx_http_mcp_policy_notify_ssl(cf, notify, words, &host)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (words->ca.len && !notify->ssl) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ca\" in \"mcp_approval_notify\" needs a URL "
                           "that begins with https://");
        return NGX_CONF_ERROR;
    }

    return ngx_http_mcp_policy_notify_head(cf, notify, &host, &uri);

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid URL in \"mcp_approval_notify\", expected "
                       "https://HOST[:PORT][/PATH] or "
                       "http://HOST[:PORT][/PATH], where HOST may be "
                       "the name of an upstream, without a user and \"#\"");

    return NGX_CONF_ERROR;
}


static char *
ngx_http_mcp_policy_notify_head(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify, ngx_str_t *host, ngx_str_t *uri)
{
    u_char  *p;
    size_t   length;

    static const char  format[] =
        "POST %s%V HTTP/1.1" CRLF
        "Host: %V" CRLF
        "User-Agent: ngx-mcp-policy/" MCP_POLICY_VERSION CRLF
        "Content-Type: application/json" CRLF;

    length = sizeof(format) + uri->len + host->len;

    p = ngx_pnalloc(cf->pool, length);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    notify->head.data = p;

    p = ngx_snprintf(p, length, format,
                     (uri->len && uri->data[0] == '/') ? "" : "/", uri, host);

    notify->head.len = p - notify->head.data;

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_policy_notify_secret(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify, ngx_str_t *path)
{
    u_char              *secret;
    ssize_t              n;
    ngx_pool_cleanup_t  *cln;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    secret = ngx_pnalloc(cf->pool, NGX_HTTP_MCP_POLICY_SECRET_MAX + 1);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (secret == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    notify->secret.data = secret;

    cln->handler = ngx_http_mcp_policy_notify_cleanup;
    cln->data = notify;

    n = ngx_http_mcp_policy_notify_read(path, secret,
                                        NGX_HTTP_MCP_POLICY_SECRET_MAX + 1);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read the secret \"%V\" of "
                           "\"mcp_approval_notify\"", path);
        return NGX_CONF_ERROR;
    }

    if (n > NGX_HTTP_MCP_POLICY_SECRET_MAX) {
        n = 0;
    }

    /* one that an editor has ended */

    if (n && secret[n - 1] == LF) {
        n--;
    }

    if (n && secret[n - 1] == CR) {
        n--;
    }

    if (n < NGX_HTTP_MCP_POLICY_SECRET_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid secret \"%V\" of "
                           "\"mcp_approval_notify\", expected a file of %d "
                           "to %d bytes", path,
                           NGX_HTTP_MCP_POLICY_SECRET_MIN,
                           NGX_HTTP_MCP_POLICY_SECRET_MAX);
        return NGX_CONF_ERROR;
    }

    notify->secret.len = n;

    return NGX_CONF_OK;
}


/* As many bytes as there are, at most "size"; -1: an error, see ngx_errno. */

static ssize_t
ngx_http_mcp_policy_notify_read(ngx_str_t *path, u_char *buf, size_t size)
{
    size_t     length;
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_err_t  err;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return -1;
    }

    length = 0;

    do {
        n = ngx_read_fd(fd, buf + length, size - length);
        err = (n == -1) ? ngx_errno : 0;
        length += (n > 0) ? n : 0;
    } while ((n > 0 && length < size) || err == NGX_EINTR);

    (void) ngx_close_file(fd);
    ngx_set_errno(err);

    return err ? -1 : (ssize_t) length;
}


static void
ngx_http_mcp_policy_notify_cleanup(void *data)
{
    ngx_http_mcp_policy_notify_t *notify = data;

    ngx_explicit_memzero(notify->secret.data,
                         NGX_HTTP_MCP_POLICY_SECRET_MAX + 1);
}


static void
ngx_http_mcp_policy_notify_upstream(ngx_http_mcp_policy_notify_t *notify)
{
    ngx_http_upstream_conf_t  *conf;

    conf = &notify->upstream;

    conf->connect_timeout = notify->timeout;
    conf->send_timeout = notify->timeout;
    conf->read_timeout = notify->timeout;
    conf->next_upstream_timeout = notify->timeout;
    conf->buffer_size = ngx_pagesize;

    /* a notification may come twice, and says which it is */

    conf->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                          |NGX_HTTP_UPSTREAM_FT_TIMEOUT
                          |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER
                          |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;

    conf->ignore_client_abort = 1;

    ngx_str_set(&conf->module, "mcp_approval_notify");
}


#if (NGX_HTTP_SSL)

/* The certificate is always verified, and it has to name the host. */

static char *
ngx_http_mcp_policy_notify_ssl(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify,
    ngx_http_mcp_policy_notify_words_t *words, ngx_str_t *host)
{
    ngx_ssl_t                 *ssl;
    ngx_pool_cleanup_t        *cln;
    ngx_http_complex_value_t  *name;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    name = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));

    if (ssl == NULL || name == NULL) {
        return NGX_CONF_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (words->ca.len) {

        if (ngx_ssl_trusted_certificate(cf, ssl, &words->ca,
                                        NGX_HTTP_MCP_POLICY_NOTIFY_DEPTH)
            != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "cannot use \"ca=%V\" of "
                               "\"mcp_approval_notify\", expected a file of "
                               "certificates in PEM format", &words->ca);
            return NGX_CONF_ERROR;
        }

    } else {

        if (SSL_CTX_set_default_verify_paths(ssl->ctx) != 1) {
            ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                          "SSL_CTX_set_default_verify_paths() failed");
            return NGX_CONF_ERROR;
        }

        SSL_CTX_set_verify_depth(ssl->ctx, NGX_HTTP_MCP_POLICY_NOTIFY_DEPTH);
    }

    name->value = *host;

    notify->upstream.ssl = ssl;
    notify->upstream.ssl_name = name;
    notify->upstream.ssl_server_name = 1;
    notify->upstream.ssl_verify = 1;

    return NGX_CONF_OK;
}

#else

static char *
ngx_http_mcp_policy_notify_ssl(ngx_conf_t *cf,
    ngx_http_mcp_policy_notify_t *notify,
    ngx_http_mcp_policy_notify_words_t *words, ngx_str_t *host)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "a URL with https:// in \"mcp_approval_notify\" needs "
                       "nginx with --with-http_ssl_module");
    return NGX_CONF_ERROR;
}

#endif
