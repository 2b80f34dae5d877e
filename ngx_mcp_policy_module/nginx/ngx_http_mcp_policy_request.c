/*
 * What HTTP says before the body is looked at, and the body as one text.
 */

#include "ngx_http_mcp_policy.h"


typedef struct {
    const char  *name;
    size_t       offset;    /* of an mcp_header_t in the collected headers */
} ngx_http_mcp_policy_header_name_t;


static ngx_int_t ngx_http_mcp_policy_collect_header(
    ngx_http_mcp_policy_headers_t *headers, ngx_table_elt_t *h);
static ngx_int_t ngx_http_mcp_policy_credentials(ngx_str_t *value);
static ngx_int_t ngx_http_mcp_policy_header_is(ngx_table_elt_t *h,
    const char *name);
static void ngx_http_mcp_policy_trim(ngx_str_t *value, mcp_str_t *trimmed);
static ngx_int_t ngx_http_mcp_policy_copy_body(ngx_http_request_t *r,
    u_char *dst, size_t size);


#define NGX_HTTP_MCP_POLICY_HEADER(name)                                      \
    offsetof(ngx_http_mcp_policy_headers_t, name)

/* No two are of the same length, which is their index. */

static const ngx_http_mcp_policy_header_name_t
    ngx_http_mcp_policy_header_names[] =
{
    [6] = { "origin", NGX_HTTP_MCP_POLICY_HEADER(origin) },
    [7] = { "upgrade", NGX_HTTP_MCP_POLICY_HEADER(upgrade) },
    [8] = { "mcp-name", NGX_HTTP_MCP_POLICY_HEADER(mcp.name) },
    [10] = { "mcp-method", NGX_HTTP_MCP_POLICY_HEADER(mcp.method) },
    [12] = { "content-type", NGX_HTTP_MCP_POLICY_HEADER(content_type) },
    [14] = { "mcp-session-id", NGX_HTTP_MCP_POLICY_HEADER(mcp.session) },
    [16] = { "content-encoding",
             NGX_HTTP_MCP_POLICY_HEADER(content_encoding) },
    [20] = { "mcp-protocol-version",
             NGX_HTTP_MCP_POLICY_HEADER(mcp.protocol_version) }
};


/* "headers" is zeroed. */

void
ngx_http_mcp_policy_collect_headers(ngx_http_request_t *r,
    ngx_http_mcp_policy_headers_t *headers)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

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

        /* nginx keeps what servers take away, so one value would be many */

        if (ngx_http_mcp_policy_collect_header(headers, &h[i]) != NGX_OK
            && h[i].value.len
            && (h[i].value.data[0] <= ' '
                || h[i].value.data[h[i].value.len - 1] <= ' '))
        {
            headers->ambiguous = 1;
        }
    }

    if (r->headers_in.authorization
        && ngx_http_mcp_policy_credentials(&r->headers_in.authorization->value)
           != NGX_OK)
    {
        headers->ambiguous = 1;
    }
}


/* NGX_OK: it is one of those that are collected. */

static ngx_int_t
ngx_http_mcp_policy_collect_header(ngx_http_mcp_policy_headers_t *headers,
    ngx_table_elt_t *h)
{
    size_t                                    len;
    ngx_int_t                                 rc;
    mcp_header_t                             *header;
    const ngx_http_mcp_policy_header_name_t  *n;

    len = h->key.len;

    if (len >= sizeof(ngx_http_mcp_policy_header_names)
               / sizeof(ngx_http_mcp_policy_header_names[0]))
    {
        return NGX_DECLINED;
    }

    n = &ngx_http_mcp_policy_header_names[len];

    if (n->name == NULL || h->lowcase_key[0] != n->name[0]) {
        return NGX_DECLINED;
    }

    rc = ngx_http_mcp_policy_header_is(h, n->name);

    if (rc == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    header = (mcp_header_t *) ((u_char *) headers + n->offset);

    if (header == &headers->content_encoding
        && h->value.len == sizeof("identity") - 1
        && ngx_strncasecmp(h->value.data, (u_char *) "identity",
                           h->value.len)
           == 0)
    {
        return NGX_OK;
    }

    if (rc == NGX_ABORT) {

        /* as bad as a repeated line */
        header->count += 2;

    } else if (header->count++ == 0) {
        ngx_http_mcp_policy_trim(&h->value, &header->value);
    }

    return NGX_OK;
}


/*
 * The scheme of credentials has no case, but who is calling is told by the
 * bytes of the line: it gets the usual spelling, for the server, too, and for
 * all variables that are made of it.  More than one blank behind it is
 * refused.
 */

static ngx_int_t
ngx_http_mcp_policy_credentials(ngx_str_t *value)
{
    size_t      len;
    u_char     *p, *last;
    ngx_uint_t  i;

    static const ngx_str_t  schemes[] = {
        ngx_string("Bearer"),
        ngx_string("Basic"),
        ngx_string("DPoP"),
        ngx_string("Digest"),
        ngx_string("Negotiate")
    };

    p = value->data;
    last = p + value->len;

    while (p < last && *p > ' ') {
        p++;
    }

    if (p == last) {
        return NGX_OK;
    }

    if (*p != ' ' || last - p < 2 || p[1] <= ' ') {
        return NGX_ERROR;
    }

    len = p - value->data;

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {

        if (schemes[i].len == len
            && ngx_strncasecmp(schemes[i].data, value->data, len) == 0)
        {
            ngx_memcpy(value->data, schemes[i].data, len);
            break;
        }
    }

    return NGX_OK;
}


/*
 * Of two names of the same length: NGX_OK, NGX_DECLINED, or NGX_ABORT for a
 * spelling with underscores, which servers that know headers as environment
 * variables take for the same.
 */

static ngx_int_t
ngx_http_mcp_policy_header_is(ngx_table_elt_t *h, const char *name)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    if (ngx_memcmp(h->lowcase_key, name, h->key.len) == 0) {
        return NGX_OK;
    }

    rc = NGX_OK;

    for (i = 0; i < h->key.len; i++) {

        if (h->lowcase_key[i] == (u_char) name[i]) {
            continue;
        }

        if (h->lowcase_key[i] != '_' || name[i] != '-') {
            return NGX_DECLINED;
        }

        rc = NGX_ABORT;
    }

    return rc;
}


/* nginx has trimmed blanks, but not tabs. */

static void
ngx_http_mcp_policy_trim(ngx_str_t *value, mcp_str_t *trimmed)
{
    u_char  *p, *last;

    p = value->data;
    last = p + value->len;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (p < last && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    trimmed->data = p;
    trimmed->len = last - p;
}


/* The checks that come before the body is read, in the order of refusal. */

mcp_invalid_t
ngx_http_mcp_policy_check_request(ngx_http_request_t *r,
    ngx_http_mcp_policy_loc_conf_t *mlcf,
    ngx_http_mcp_policy_headers_t *headers)
{
    if (headers->upgrade.count) {
        return MCP_INVALID_UPGRADE;
    }

    if (headers->ambiguous) {
        return MCP_INVALID_HEADER_VALUE;
    }

    if (mlcf->origins
        && ngx_http_mcp_policy_origin_allowed(r, mlcf->origins,
                                              &headers->origin)
           != NGX_OK)
    {
        return MCP_INVALID_ORIGIN;
    }

    if (!ngx_http_mcp_policy_is_message(r)) {

        switch (r->method) {

        case NGX_HTTP_GET:
        case NGX_HTTP_HEAD:
        case NGX_HTTP_DELETE:
        case NGX_HTTP_OPTIONS:
            return ngx_http_mcp_policy_has_body(r) ? MCP_INVALID_BODY
                                                   : MCP_VALID;

        default:
            return MCP_INVALID_HTTP_METHOD;
        }
    }

    if (headers->content_encoding.count) {
        return MCP_INVALID_CONTENT_ENCODING;
    }

    if (headers->content_type.count != 1
        || !mcp_content_type_valid(headers->content_type.value))
    {
        return MCP_INVALID_CONTENT_TYPE;
    }

    return MCP_VALID;
}


/*
 * error_page and X-Accel-Redirect make a GET of what the client has posted,
 * but its body goes on with it.
 */

ngx_int_t
ngx_http_mcp_policy_is_message(ngx_http_request_t *r)
{
    if (r->method == NGX_HTTP_POST) {
        return 1;
    }

    return r == r->main
           && r->method == NGX_HTTP_GET
           && r->request_line.len > sizeof("POST ") - 1
           && ngx_strncmp(r->request_line.data, "POST ", sizeof("POST ") - 1)
              == 0
           && ngx_http_mcp_policy_has_body(r);
}


/* A subrequest has its parent's headers, but perhaps another body. */

ngx_int_t
ngx_http_mcp_policy_has_body(ngx_http_request_t *r)
{
    if (r != r->main || r->request_body) {
        return r->request_body && r->request_body->bufs;
    }

    if (r->discard_body) {
        return 0;
    }

    return r->headers_in.content_length_n > 0 || r->headers_in.chunked;
}


/*
 * The body as one text: the buffer itself where there is one in memory, else
 * a copy in the arena.  client_max_body_size bounds it.
 */

ngx_int_t
ngx_http_mcp_policy_body_text(ngx_http_request_t *r, mcp_arena_t *arena,
    mcp_str_t *text)
{
    off_t         size;
    u_char       *copy;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    text->data = (const uint8_t *) "";
    text->len = 0;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    cl = r->request_body->bufs;
    b = cl->buf;

    if (cl->next == NULL && ngx_buf_in_memory(b)) {
        text->data = b->pos;
        text->len = b->last - b->pos;
        return NGX_OK;
    }

    size = 0;

    for ( /* void */ ; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size < 0 || size > NGX_MAX_INT32_VALUE) {
        return NGX_ERROR;
    }

    copy = mcp_arena_alloc(arena, size + 1);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    text->data = copy;
    text->len = size;

    return ngx_http_mcp_policy_copy_body(r, copy, size);
}


static ngx_int_t
ngx_http_mcp_policy_copy_body(ngx_http_request_t *r, u_char *dst, size_t size)
{
    u_char       *last;
    size_t        n;
    ssize_t       rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    last = dst + size;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        n = ngx_buf_size(b);

        /* the last one of a chunked body is often an empty mark */

        if (n == 0) {
            continue;
        }

        if (n > (size_t) (last - dst)) {
            return NGX_ERROR;
        }

        if (ngx_buf_in_memory(b)) {
            dst = ngx_cpymem(dst, b->pos, n);
            continue;
        }

        rc = ngx_read_file(b->file, dst, n, b->file_pos);

        if (rc < 0 || (size_t) rc != n) {
            ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                          "mcp policy: request body file \"%V\" read %z of "
                          "%uz bytes", &b->file->name, rc, n);
            return NGX_ERROR;
        }

        dst += n;
    }

    return NGX_OK;
}
