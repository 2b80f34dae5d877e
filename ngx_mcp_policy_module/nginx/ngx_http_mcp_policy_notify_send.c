/*
 * One notification on its way: a request that nginx's upstream module sends
 * as it does those of clients, with peers, timeouts, connections that are
 * kept, and TLS.  There is no client: the connection of the request has no
 * socket and no events, and "post_action" is how nginx itself says that an
 * answer goes nowhere.
 *
 * The request is counted twice: once for the upstream module, which lets go
 * of it in many ways, and once for us, so that it is still there afterwards.
 */

#include "ngx_http_mcp_policy_notify.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>


#define NGX_HTTP_MCP_POLICY_NOTIFY_POOL  4096

/* "Content-Length" and the headers of our own, with their values */
#define NGX_HTTP_MCP_POLICY_NOTIFY_HEAD  512


static ngx_int_t ngx_http_mcp_policy_notify_connection(
    ngx_http_mcp_policy_delivery_t *delivery, ngx_pool_t *pool);
static ngx_int_t ngx_http_mcp_policy_notify_request(
    ngx_http_mcp_policy_delivery_t *delivery);
static ngx_int_t ngx_http_mcp_policy_notify_body(
    ngx_http_mcp_policy_delivery_t *delivery,
    const mcp_approval_view_t *view);
static ngx_int_t ngx_http_mcp_policy_notify_page(
    ngx_http_mcp_policy_delivery_t *delivery, ngx_str_t *page);
static ngx_chain_t *ngx_http_mcp_policy_notify_link(ngx_pool_t *pool,
    u_char *start, u_char *end, ngx_chain_t *next);
static ngx_int_t ngx_http_mcp_policy_notify_upstream(
    ngx_http_mcp_policy_delivery_t *delivery);
static ngx_int_t ngx_http_mcp_policy_notify_create(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_notify_reinit(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_notify_answer(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_notify_status(ngx_http_request_t *r,
    ngx_http_mcp_policy_delivery_t *delivery);
static void ngx_http_mcp_policy_notify_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_delivery_t *delivery);
static ngx_int_t ngx_http_mcp_policy_notify_answered(ngx_http_request_t *r,
    ngx_http_mcp_policy_delivery_t *delivery, ngx_uint_t complete);
static void ngx_http_mcp_policy_notify_aborted(ngx_http_request_t *r);
static void ngx_http_mcp_policy_notify_finalize(ngx_http_request_t *r,
    ngx_int_t rc);
static void ngx_http_mcp_policy_notify_deadline(ngx_event_t *ev);
static void ngx_http_mcp_policy_notify_ended(ngx_event_t *ev);
static void ngx_http_mcp_policy_notify_free(
    ngx_http_mcp_policy_delivery_t *delivery);
static u_char *ngx_http_mcp_policy_notify_log(ngx_log_t *log, u_char *buf,
    size_t len);


ngx_http_mcp_policy_delivery_t *
ngx_http_mcp_policy_notify_send(ngx_http_mcp_policy_notify_t *notify,
    const mcp_approval_view_t *view, ngx_http_mcp_policy_delivered_pt handler,
    ngx_uint_t quiet)
{
    ngx_pool_t                      *pool;
    ngx_http_mcp_policy_delivery_t  *delivery;

    pool = ngx_create_pool(NGX_HTTP_MCP_POLICY_NOTIFY_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    delivery = ngx_pcalloc(pool, sizeof(ngx_http_mcp_policy_delivery_t));
    if (delivery == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    delivery->notify = notify;
    delivery->handler = handler;
    delivery->quiet = quiet;
    delivery->started = ngx_current_msec;
    ngx_memcpy(delivery->id, view->id, MCP_APPROVAL_ID);

    if (ngx_http_mcp_policy_notify_connection(delivery, pool) != NGX_OK
        || ngx_http_mcp_policy_notify_request(delivery) != NGX_OK
        || ngx_http_mcp_policy_notify_body(delivery, view) != NGX_OK
        || ngx_http_mcp_policy_notify_upstream(delivery) != NGX_OK)
    {
        ngx_http_mcp_policy_notify_free(delivery);
        return NULL;
    }

    ngx_add_timer(&delivery->deadline, notify->timeout);

    delivery->request->count++;

    ngx_http_upstream_init(delivery->request);

    /* without memory it ends before it knows us */

    if (delivery->request->upstream->cleanup == NULL
        && !delivery->ended.posted)
    {
        ngx_post_event(&delivery->ended, &ngx_posted_events);
    }

    return delivery;
}


void
ngx_http_mcp_policy_notify_abort(ngx_http_mcp_policy_delivery_t *delivery,
    ngx_http_mcp_policy_notify_result_e result)
{
    ngx_http_upstream_t  *u;

    u = delivery->request->upstream;

    if (u->cleanup == NULL) {
        return;
    }

    delivery->result = result;

    (*u->cleanup)(delivery->request);
}


static ngx_int_t
ngx_http_mcp_policy_notify_connection(
    ngx_http_mcp_policy_delivery_t *delivery, ngx_pool_t *pool)
{
    ngx_connection_t  *c;

    static ngx_str_t        address = ngx_string("unix:");
    static struct sockaddr  sockaddr = { .sa_family = AF_UNIX };

    c = &delivery->connection;

    c->fd = (ngx_socket_t) -1;
    c->pool = pool;
    c->type = SOCK_STREAM;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->log = &delivery->log;
    c->log_error = NGX_ERROR_INFO;
    c->read = &delivery->read;
    c->write = &delivery->write;
    c->data = &delivery->http_connection;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    c->start_time = ngx_current_msec;

    /* balancers may ask */

    c->sockaddr = &sockaddr;
    c->socklen = sizeof(sa_family_t);
    c->addr_text = address;
    c->local_sockaddr = &sockaddr;
    c->local_socklen = sizeof(sa_family_t);

    delivery->log = *ngx_cycle->log;
    delivery->log.connection = c->number;
    delivery->log.handler = ngx_http_mcp_policy_notify_log;
    delivery->log.data = &delivery->log_ctx;
    delivery->log.action = "telling of an approval";

    pool->log = c->log;
    delivery->log_ctx.connection = c;
    delivery->http_connection.conf_ctx = delivery->notify->ctx;

    delivery->read.handler = ngx_http_empty_handler;
    delivery->read.data = c;
    delivery->read.log = c->log;

    /* "active": nobody waits for its events */

    delivery->write.handler = ngx_http_empty_handler;
    delivery->write.data = c;
    delivery->write.log = c->log;
    delivery->write.write = 1;
    delivery->write.active = 1;

    delivery->deadline.handler = ngx_http_mcp_policy_notify_deadline;
    delivery->deadline.data = c;
    delivery->deadline.log = c->log;
    delivery->deadline.cancelable = 1;

    delivery->ended.handler = ngx_http_mcp_policy_notify_ended;
    delivery->ended.data = c;
    delivery->ended.log = c->log;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_notify_request(ngx_http_mcp_policy_delivery_t *delivery)
{
    ngx_log_t           *log;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    static ngx_str_t  method = ngx_string("POST");
    static ngx_str_t  protocol = ngx_string("HTTP/1.1");
    static ngx_str_t  uri = ngx_string("/");

    c = &delivery->connection;

    r = ngx_http_create_request(c);
    if (r == NULL) {
        return NGX_ERROR;
    }

    c->data = r;
    delivery->request = r;

#if (NGX_STAT_STUB)

    /* stub_status is about clients */

    (void) ngx_atomic_fetch_add(ngx_stat_reading, -1);
    (void) ngx_atomic_fetch_add(ngx_stat_requests, -1);
    r->stat_reading = 0;

#endif

    /* not the error_log of whichever server is the first */

    log = ngx_cycle->log;
    ngx_set_connection_log(c, log);

    if (delivery->quiet && c->log->log_level > NGX_LOG_CRIT
        && !(c->log->log_level & NGX_LOG_DEBUG_ALL))
    {
        c->log->log_level = NGX_LOG_CRIT;
    }

    r->method = NGX_HTTP_POST;
    r->method_name = method;
    r->http_protocol = protocol;
    r->http_version = NGX_HTTP_VERSION_11;
    r->uri = uri;
    r->unparsed_uri = uri;
    r->internal = 1;

    /* no answer, error page or line of an access log comes of it */

    r->header_only = 1;
    r->post_action = 1;
    r->uri_changes = 0;
    r->error_page = 1;
    r->logged = 1;

    r->request_body = &delivery->body;

    return NGX_OK;
}


/* The body is behind the time, as both are signed. */

static ngx_int_t
ngx_http_mcp_policy_notify_body(ngx_http_mcp_policy_delivery_t *delivery,
    const mcp_approval_view_t *view)
{
    u_char                        *head, *text, *p, *last;
    size_t                         length;
    ngx_str_t                      page;
    ngx_pool_t                    *pool;
    mcp_str_t                      url;
    unsigned int                   size;
    ngx_chain_t                   *cl;
    unsigned char                  mac[EVP_MAX_MD_SIZE];
    ngx_http_mcp_policy_notify_t  *notify;

    notify = delivery->notify;
    pool = delivery->request->pool;

    if (ngx_http_mcp_policy_notify_page(delivery, &page) != NGX_OK) {
        return NGX_ERROR;
    }

    url.data = page.data;
    url.len = page.len;

    length = mcp_notify_length(view, url, notify->arguments);

    text = ngx_pnalloc(pool, NGX_INT64_LEN + 1 + length);
    head = ngx_pnalloc(pool, notify->head.len
                             + NGX_HTTP_MCP_POLICY_NOTIFY_HEAD);

    if (text == NULL || head == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text, "%uL.", ngx_http_mcp_policy_now() / 1000);
    last = p + mcp_notify_write(view, url, notify->arguments, p);

    if (HMAC(EVP_sha256(), notify->secret.data, (int) notify->secret.len,
             text, last - text, mac, &size)
        == NULL)
    {
        return NGX_ERROR;
    }

    cl = ngx_http_mcp_policy_notify_link(pool, p, last, NULL);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    length = p - text - 1;

    p = ngx_cpymem(head, notify->head.data, notify->head.len);
    p = ngx_sprintf(p, "Content-Length: %O" CRLF
                    "X-MCP-Timestamp: %*s" CRLF
                    "X-MCP-Delivery: ",
                    (off_t) (cl->buf->last - cl->buf->pos), length, text);
    p = ngx_hex_dump(p, delivery->id, MCP_APPROVAL_ID);
    p = ngx_cpymem(p, CRLF "X-MCP-Signature: sha256=",
                   sizeof(CRLF "X-MCP-Signature: sha256=") - 1);
    p = ngx_hex_dump(p, mac, size);
    p = ngx_cpymem(p, CRLF CRLF, sizeof(CRLF CRLF) - 1);

    delivery->body.bufs = ngx_http_mcp_policy_notify_link(pool, head, p, cl);

    return delivery->body.bufs ? NGX_OK : NGX_ERROR;
}


/* The operator's page, at the approval. */

static ngx_int_t
ngx_http_mcp_policy_notify_page(ngx_http_mcp_policy_delivery_t *delivery,
    ngx_str_t *page)
{
    u_char     *p;
    ngx_str_t  *admin;

    admin = &delivery->notify->admin;

    ngx_str_null(page);

    if (admin->len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(delivery->request->pool,
                    admin->len + 1 + NGX_HTTP_MCP_POLICY_APPROVAL_HEX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    page->data = p;

    p = ngx_cpymem(p, admin->data, admin->len);
    *p++ = '#';
    p = ngx_hex_dump(p, delivery->id, MCP_APPROVAL_ID);

    page->len = p - page->data;

    return NGX_OK;
}


static ngx_chain_t *
ngx_http_mcp_policy_notify_link(ngx_pool_t *pool, u_char *start, u_char *end,
    ngx_chain_t *next)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(pool);
    cl = ngx_alloc_chain_link(pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    /* a second try begins at "start" */

    b->start = start;
    b->pos = start;
    b->last = end;
    b->end = end;
    b->temporary = 1;

    cl->buf = b;
    cl->next = next;

    return cl;
}


static ngx_int_t
ngx_http_mcp_policy_notify_upstream(ngx_http_mcp_policy_delivery_t *delivery)
{
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = delivery->request;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    u = r->upstream;

    u->conf = &delivery->notify->upstream;
    u->output.tag = (ngx_buf_tag_t) &ngx_http_mcp_policy_module;

#if (NGX_HTTP_SSL)
    u->ssl = delivery->notify->ssl;
#endif

    if (delivery->notify->ssl) {
        ngx_str_set(&u->schema, "https://");

    } else {
        ngx_str_set(&u->schema, "http://");
    }

    u->create_request = ngx_http_mcp_policy_notify_create;
    u->reinit_request = ngx_http_mcp_policy_notify_reinit;
    u->process_header = ngx_http_mcp_policy_notify_answer;
    u->abort_request = ngx_http_mcp_policy_notify_aborted;
    u->finalize_request = ngx_http_mcp_policy_notify_finalize;
    u->input_filter_ctx = delivery;

    return ngx_http_mcp_policy_notify_reinit(r);
}


/* The request was written before, and is r->request_body. */

static ngx_int_t
ngx_http_mcp_policy_notify_create(ngx_http_request_t *r)
{
    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_notify_reinit(ngx_http_request_t *r)
{
    ngx_http_mcp_policy_delivery_t  *delivery;

    delivery = r->upstream->input_filter_ctx;

    ngx_memzero(&delivery->status, sizeof(ngx_http_status_t));
    delivery->length = -1;
    delivery->headers = 0;
    delivery->close = 0;

    r->state = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_notify_answer(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_upstream_t             *u;
    ngx_http_mcp_policy_delivery_t  *delivery;

    u = r->upstream;
    delivery = u->input_filter_ctx;

    for ( ;; ) {

        rc = delivery->headers
             ? ngx_http_parse_header_line(r, &u->buffer, 1)
             : ngx_http_mcp_policy_notify_status(r, delivery);

        if (rc == NGX_OK) {

            if (delivery->headers) {
                ngx_http_mcp_policy_notify_header(r, delivery);
            }

            delivery->headers = 1;
            continue;
        }

        if (rc == NGX_AGAIN) {

            /* the status is known, and all that is asked */

            if (delivery->headers && u->buffer.last == u->buffer.end) {
                return ngx_http_mcp_policy_notify_answered(r, delivery, 0);
            }

            return NGX_AGAIN;
        }

        if (rc != NGX_HTTP_PARSE_HEADER_DONE) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "upstream sent an invalid answer");
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        if (delivery->status.code < NGX_HTTP_OK
            && delivery->status.code != NGX_HTTP_SWITCHING_PROTOCOLS)
        {
            /* another answer follows */

            (void) ngx_http_mcp_policy_notify_reinit(r);
            continue;
        }

        return ngx_http_mcp_policy_notify_answered(r, delivery, 1);
    }
}


static ngx_int_t
ngx_http_mcp_policy_notify_status(ngx_http_request_t *r,
    ngx_http_mcp_policy_delivery_t *delivery)
{
    ngx_int_t  rc;

    rc = ngx_http_parse_status_line(r, &r->upstream->buffer,
                                    &delivery->status);

    if (rc == NGX_OK) {
        delivery->close = (delivery->status.http_version
                           < NGX_HTTP_VERSION_11);
    }

    return rc;
}


static void
ngx_http_mcp_policy_notify_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_delivery_t *delivery)
{
    u_char  *name, *value;
    size_t   length;

    name = r->header_name_start;
    length = r->header_name_end - name;
    value = r->header_start;

    if (length == sizeof("Content-Length") - 1
        && ngx_strncasecmp(name, (u_char *) "Content-Length", length) == 0)
    {
        delivery->length = ngx_atoof(value, r->header_end - value);

    } else if ((length == sizeof("Connection") - 1
                && ngx_strncasecmp(name, (u_char *) "Connection", length)
                   == 0
                && ngx_strlcasestrn(value, r->header_end,
                                    (u_char *) "close", 5 - 1))
               || (length == sizeof("Transfer-Encoding") - 1
                   && ngx_strncasecmp(name, (u_char *) "Transfer-Encoding",
                                      length)
                      == 0))
    {
        delivery->close = 1;
    }
}


/*
 * Nobody reads the body of an answer: the connection is kept for the next
 * request only if the answer is here as a whole, and nothing else is.
 */

static ngx_int_t
ngx_http_mcp_policy_notify_answered(ngx_http_request_t *r,
    ngx_http_mcp_policy_delivery_t *delivery, ngx_uint_t complete)
{
    off_t                 rest;
    ngx_uint_t            status;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    status = delivery->status.code;
    rest = u->buffer.last - u->buffer.pos;

    u->headers_in.status_n = status;
    u->state->status = status;

    if (status == NGX_HTTP_NO_CONTENT && delivery->length == -1) {
        delivery->length = 0;
    }

    u->keepalive = (complete && !delivery->close
                    && status != NGX_HTTP_SWITCHING_PROTOCOLS
                    && delivery->length == rest);

    if (status >= NGX_HTTP_OK && status < NGX_HTTP_SPECIAL_RESPONSE) {
        delivery->result = NGX_HTTP_MCP_POLICY_NOTIFY_DELIVERED;

    } else if (status == 410) {
        delivery->result = NGX_HTTP_MCP_POLICY_NOTIFY_GONE;

    } else {
        delivery->result = NGX_HTTP_MCP_POLICY_NOTIFY_REFUSED;
    }

    return NGX_OK;
}


static void
ngx_http_mcp_policy_notify_aborted(ngx_http_request_t *r)
{
}


/* The upstream module is about to let go of the request. */

static void
ngx_http_mcp_policy_notify_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_mcp_policy_delivery_t  *delivery;

    delivery = r->upstream->input_filter_ctx;

    if (delivery->result == NGX_HTTP_MCP_POLICY_NOTIFY_FAILED) {

        if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
            delivery->result = NGX_HTTP_MCP_POLICY_NOTIFY_LATE;

        } else if (rc == NGX_HTTP_BAD_GATEWAY) {
            delivery->result = NGX_HTTP_MCP_POLICY_NOTIFY_UNREACHED;
        }
    }

    /* whatever came of it, there is nobody to answer */

    r->connection->error = 1;

    ngx_post_event(&delivery->ended, &ngx_posted_events);
}


/* Each step has the same time; this is about all of them. */

static void
ngx_http_mcp_policy_notify_deadline(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = ev->data;
    r = c->data;

    if (r->upstream->cleanup == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT, "upstream timed out");

    ngx_http_mcp_policy_notify_abort(r->upstream->input_filter_ctx,
                                     NGX_HTTP_MCP_POLICY_NOTIFY_LATE);
}


static void
ngx_http_mcp_policy_notify_ended(ngx_event_t *ev)
{
    ngx_connection_t                *c;
    ngx_http_request_t              *r;
    ngx_http_mcp_policy_delivery_t  *delivery;

    c = ev->data;
    r = c->data;
    delivery = r->upstream->input_filter_ctx;

    delivery->handler(delivery);

    ngx_http_mcp_policy_notify_free(delivery);
}


static void
ngx_http_mcp_policy_notify_free(ngx_http_mcp_policy_delivery_t *delivery)
{
    ngx_buf_t   *b;
    ngx_pool_t  *pool;

    if (delivery->deadline.timer_set) {
        ngx_del_timer(&delivery->deadline);
    }

    if (delivery->body.bufs && delivery->notify->arguments) {
        b = delivery->body.bufs->next->buf;
        ngx_explicit_memzero(b->start, b->end - b->start);
    }

    if (delivery->request) {
        ngx_http_free_request(delivery->request, 0);
    }

    /* the log is in the pool, too */

    pool = delivery->connection.pool;
    pool->log = ngx_cycle->log;

    ngx_destroy_pool(pool);
}


/* The URL may be secret: just its host is told. */

static u_char *
ngx_http_mcp_policy_notify_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                          *p;
    u_char                           id[NGX_HTTP_MCP_POLICY_APPROVAL_HEX];
    ngx_http_mcp_policy_delivery_t  *delivery;

    delivery = log->data;

    (void) ngx_hex_dump(id, delivery->id, MCP_APPROVAL_ID);

    p = ngx_snprintf(buf, len, " while %s, mcp_approval_notify to \"%V\", "
                     "approval: %*s",
                     log->action ? log->action : "telling of an approval",
                     &delivery->notify->host, sizeof(id), id);

    return p;
}
