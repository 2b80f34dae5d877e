/*
 * JSON answers of requests for lists: the header is held and the body
 * collected, then the client is answered once, with what it may see or with
 * an error.
 */

#include "ngx_http_mcp_policy.h"

#include <zlib.h>


#define NGX_HTTP_MCP_POLICY_ANSWER_SIZE  8192

/* zlib: the largest window, and a header of gzip or zlib */
#define NGX_HTTP_MCP_POLICY_ANSWER_BITS  (MAX_WBITS + 32)


struct ngx_http_mcp_policy_answer_s {
    u_char       *data;
    size_t        length;
    size_t        size;
    size_t        max;           /* mcp_max_list */
    z_stream     *zstream;       /* NULL: not compressed */
    unsigned      inflated:1;    /* to the end */
    unsigned      upstream:1;    /* it comes from one, not of a file */
    unsigned      ended:1;       /* nothing more comes of it */
    unsigned      done:1;        /* the client has been answered */
};


static ngx_uint_t ngx_http_mcp_policy_answer_expected(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_uint_t ngx_http_mcp_policy_answer_json(ngx_http_request_t *r);
static ngx_uint_t ngx_http_mcp_policy_answer_promised(ngx_http_request_t *r);
static const char *ngx_http_mcp_policy_answer_check(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_answer_encoding(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_answer_hold(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_answer_inflate_init(
    ngx_http_request_t *r, ngx_http_mcp_policy_answer_t *answer);
static const char *ngx_http_mcp_policy_answer_take(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer, ngx_buf_t *b);
static const char *ngx_http_mcp_policy_answer_inflate(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer, ngx_buf_t *b);
static const char *ngx_http_mcp_policy_answer_grow(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer, size_t more);
static ngx_int_t ngx_http_mcp_policy_answer_end(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_answer_join(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer, const mcp_list_result_t *result);
static ngx_uint_t ngx_http_mcp_policy_answer_fits(
    ngx_http_mcp_policy_answer_t *answer, const mcp_list_result_t *result);
static ngx_int_t ngx_http_mcp_policy_answer_send(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer);
static ngx_int_t ngx_http_mcp_policy_answer_fail(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const char *failure);
static void ngx_http_mcp_policy_answer_clear(ngx_http_request_t *r);
static void *ngx_http_mcp_policy_answer_alloc(void *data, u_int items,
    u_int size);
static void ngx_http_mcp_policy_answer_free(void *data, void *p);


/*
 * NGX_OK: the header is held; NGX_DECLINED: it is to be sent, of an answer
 * that is not ours or of the refusal that took its place.
 */

ngx_int_t
ngx_http_mcp_policy_answer_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    const char  *failure;

    ctx->answer = NULL;

    if (!ngx_http_mcp_policy_answer_expected(r, ctx)) {
        return NGX_DECLINED;
    }

    failure = ngx_http_mcp_policy_answer_check(r, ctx);

    if (failure == NULL) {
        return ngx_http_mcp_policy_answer_hold(r, ctx);
    }

    ctx->replace = 1;

    return (ngx_http_mcp_policy_answer_refuse(r, ctx, failure) == NGX_OK)
           ? NGX_DECLINED : NGX_ERROR;
}


/*
 * JSON at any status.  Anything else where the list should be; over HTTP+SSE
 * that is on the stream, and nobody reads what is here.
 */

static ngx_uint_t
ngx_http_mcp_policy_answer_expected(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    if (r->method == NGX_HTTP_HEAD
        || r->headers_out.status == NGX_HTTP_NO_CONTENT
        || r->headers_out.status == NGX_HTTP_NOT_MODIFIED
        || ngx_http_mcp_policy_content_type_is(r, "text/event-stream",
                                            sizeof("text/event-stream") - 1))
    {
        return 0;
    }

    if (ctx->list->count == 0) {

        /* some clients read an event stream whatever its type is */

        return ctx->list->stream && ngx_http_mcp_policy_answer_promised(r);
    }

    if (ngx_http_mcp_policy_answer_json(r)) {
        return ngx_http_mcp_policy_answer_promised(r)
               || r->headers_out.content_length_n != 0;
    }

    return ngx_http_mcp_policy_answer_promised(r)
           && ctx->list->conf->transport != MCP_TRANSPORT_SSE;
}


static ngx_uint_t
ngx_http_mcp_policy_answer_json(ngx_http_request_t *r)
{
    return ngx_http_mcp_policy_content_type_is(r, "application/json",
                                             sizeof("application/json") - 1);
}


/*
 * Whether the status says that here is what was asked for.  With any other
 * there may be nothing, or the page of a proxy.
 */

static ngx_uint_t
ngx_http_mcp_policy_answer_promised(ngx_http_request_t *r)
{
    return r->headers_out.status < NGX_HTTP_SPECIAL_RESPONSE
           && r->headers_out.status != NGX_HTTP_ACCEPTED;
}


/* What the header says against it, or NULL. */

static const char *
ngx_http_mcp_policy_answer_check(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    mcp_str_t  type;

    if (r->headers_out.status == NGX_HTTP_PARTIAL_CONTENT) {
        return "it is a part";
    }

    if (ctx->list->count == 0) {
        return "its type is not text/event-stream";
    }

    if (!ngx_http_mcp_policy_answer_json(r)) {
        return "its type is not application/json";
    }

    type.data = r->headers_out.content_type.data;
    type.len = r->headers_out.content_type.len;

    if (!mcp_content_type_valid(type)) {
        return "its type does not say plain UTF-8";
    }

    if (ngx_http_mcp_policy_answer_encoding(r) == NGX_DECLINED) {
        return "its encoding is not known";
    }

    if (r->headers_out.content_length_n > (off_t) ctx->list->conf->max_list) {
        return "it is longer than mcp_max_list";
    }

    return NULL;
}


/* NGX_OK: none; NGX_AGAIN: one of zlib's; NGX_DECLINED: another. */

static ngx_int_t
ngx_http_mcp_policy_answer_encoding(ngx_http_request_t *r)
{
    ngx_uint_t   i;
    ngx_str_t   *value;

    static ngx_str_t  known[] = {
        ngx_string("identity"),
        ngx_string("gzip"),
        ngx_string("x-gzip"),
        ngx_string("deflate")
    };

    if (r->headers_out.content_encoding == NULL
        || r->headers_out.content_encoding->value.len == 0)
    {
        return NGX_OK;
    }

    value = &r->headers_out.content_encoding->value;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {

        if (value->len == known[i].len
            && ngx_strncasecmp(value->data, known[i].data, value->len) == 0)
        {
            return i ? NGX_AGAIN : NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_mcp_policy_answer_hold(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_http_mcp_policy_answer_t  *answer;

    answer = ngx_pcalloc(r->pool, sizeof(ngx_http_mcp_policy_answer_t));
    if (answer == NULL) {
        return NGX_ERROR;
    }

    answer->max = ctx->list->conf->max_list;
    answer->upstream = (r->upstream && r->upstream->cleanup);

    if (ngx_http_mcp_policy_answer_encoding(r) == NGX_AGAIN) {

        if (ngx_http_mcp_policy_answer_inflate_init(r, answer) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (r->headers_out.content_length_n > 0
               && ngx_http_mcp_policy_answer_grow(r, answer,
                                          r->headers_out.content_length_n)
                  != NULL)
    {
        return NGX_ERROR;
    }

    /* also where nothing is hidden now: that may change, the tag would not */

    ngx_http_mcp_policy_answer_clear(r);

    r->filter_need_in_memory = 1;

    ctx->answer = answer;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_answer_inflate_init(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer)
{
    answer->zstream = ngx_pcalloc(r->pool, sizeof(z_stream));
    if (answer->zstream == NULL) {
        return NGX_ERROR;
    }

    answer->max++;     /* the byte that is too many */

    answer->zstream->zalloc = ngx_http_mcp_policy_answer_alloc;
    answer->zstream->zfree = ngx_http_mcp_policy_answer_free;
    answer->zstream->opaque = r->pool;

    return (inflateInit2(answer->zstream, NGX_HTTP_MCP_POLICY_ANSWER_BITS)
            == Z_OK)
           ? NGX_OK : NGX_ERROR;
}


/*
 * Takes all that comes, and answers at its end or as soon as it is clear that
 * it cannot be filtered.  What comes behind the end is another filter's.
 */

ngx_int_t
ngx_http_mcp_policy_answer_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in)
{
    const char                    *failure;
    ngx_chain_t                   *cl;
    ngx_http_mcp_policy_answer_t  *answer;

    answer = ctx->answer;

    if (answer->ended || (in == NULL && answer->done)) {
        return ngx_http_mcp_policy_next_body(r, in);
    }

    failure = NULL;

    for (cl = in; cl; cl = cl->next) {

        if (failure == NULL && !answer->done) {
            failure = ngx_http_mcp_policy_answer_take(r, answer, cl->buf);
        }

        answer->ended |= cl->buf->last_buf;

        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (answer->done) {
        return NGX_OK;
    }

    if (failure == NULL && !answer->ended) {

        if (!answer->upstream || r->upstream->cleanup) {
            return NGX_OK;
        }

        /* nginx has left an upstream that did not say all */

        answer->ended = 1;
        failure = "it is not complete";
    }

    answer->done = 1;

    return failure ? ngx_http_mcp_policy_answer_fail(r, ctx, failure)
                   : ngx_http_mcp_policy_answer_end(r, ctx);
}


/* NULL, or why the answer cannot be filtered. */

static const char *
ngx_http_mcp_policy_answer_take(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer, ngx_buf_t *b)
{
    size_t       length;
    const char  *failure;

    if (ngx_buf_special(b)) {
        return NULL;
    }

    if (!ngx_buf_in_memory(b)) {
        return "it is not in memory";
    }

    if (answer->zstream) {
        return ngx_http_mcp_policy_answer_inflate(r, answer, b);
    }

    length = b->last - b->pos;

    failure = ngx_http_mcp_policy_answer_grow(r, answer, length);
    if (failure) {
        return failure;
    }

    ngx_memcpy(answer->data + answer->length, b->pos, length);
    answer->length += length;

    return NULL;
}


/* Never holds more than mcp_max_list, however well it was compressed. */

static const char *
ngx_http_mcp_policy_answer_inflate(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer, ngx_buf_t *b)
{
    int          rc;
    size_t       more;
    z_stream    *zstream;
    const char  *failure;

    zstream = answer->zstream;

    zstream->next_in = b->pos;
    zstream->avail_in = b->last - b->pos;

    do {
        if (answer->inflated) {
            return zstream->avail_in ? "it goes on behind its end" : NULL;
        }

        if (answer->length == answer->size) {
            more = ngx_min(answer->max - answer->length,
                           NGX_HTTP_MCP_POLICY_ANSWER_SIZE);

            failure = ngx_http_mcp_policy_answer_grow(r, answer, more);
            if (failure) {
                return failure;
            }
        }

        zstream->next_out = answer->data + answer->length;
        zstream->avail_out = answer->size - answer->length;

        rc = inflate(zstream, Z_NO_FLUSH);

        answer->length = answer->size - zstream->avail_out;
        answer->inflated = (rc == Z_STREAM_END);

        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            return "it cannot be inflated";
        }

        if (answer->length == answer->max) {
            return "it is longer than mcp_max_list";
        }

    } while (zstream->avail_in || zstream->avail_out == 0);

    return NULL;
}


/* Makes room for "more" bytes behind those that are there. */

static const char *
ngx_http_mcp_policy_answer_grow(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer, size_t more)
{
    size_t   size;
    u_char  *data;

    if (more <= answer->size - answer->length) {
        return NULL;
    }

    if (more > answer->max - answer->length) {
        return "it is longer than mcp_max_list";
    }

    size = ngx_max(answer->length + more, 2 * answer->size);
    size = ngx_min(size, answer->max);

    data = ngx_palloc(r->pool, size);
    if (data == NULL) {
        return "there is no memory for it";
    }

    if (answer->data) {
        ngx_memcpy(data, answer->data, answer->length);
        (void) ngx_pfree(r->pool, answer->data);
    }

    answer->data = data;
    answer->size = size;

    return NULL;
}


static ngx_int_t
ngx_http_mcp_policy_answer_end(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_int_t                      rc;
    mcp_str_t                      text;
    mcp_arena_t                   *arena;
    mcp_error_t                    error;
    mcp_list_result_t              result;
    ngx_http_mcp_policy_answer_t  *answer;

    answer = ctx->answer;

    if (answer->zstream) {

        if (!answer->inflated) {
            return ngx_http_mcp_policy_answer_fail(r, ctx,
                                                   "it is not complete");
        }

        (void) inflateEnd(answer->zstream);
    }

    if (answer->length == 0 && !ngx_http_mcp_policy_answer_promised(r)) {
        return ngx_http_mcp_policy_answer_send(r, answer);
    }

    arena = ngx_http_mcp_policy_arena();

    text.data = answer->data;
    text.len = answer->length;

    rc = ngx_http_mcp_policy_list_apply(r, ctx, text, arena, &result, &error);

    if (rc == NGX_DECLINED) {
        return ngx_http_mcp_policy_answer_fail(r, ctx, error.text);
    }

    if (rc != NGX_OK
        || (result.changed
            && ngx_http_mcp_policy_answer_join(r, answer, &result) != NGX_OK))
    {
        return ngx_http_mcp_policy_answer_fail(r, ctx,
                                               "there is no memory for it");
    }

    if (result.refused) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "mcp policy \"%V\": %uD answers of a list request "
                      "cannot be filtered", &ctx->policy->name,
                      result.refused);
    }

    return ngx_http_mcp_policy_answer_send(r, answer);
}


/*
 * What is left of the text moves together where it is; only if more was
 * written into it than had gone before, a new place is taken.
 */

static ngx_int_t
ngx_http_mcp_policy_answer_join(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer, const mcp_list_result_t *result)
{
    u_char           *p;
    uint32_t          i;
    const mcp_str_t  *piece;

    p = answer->data;

    if (!ngx_http_mcp_policy_answer_fits(answer, result)) {
        p = ngx_pnalloc(r->pool, result->length);
        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    answer->data = p;
    answer->length = result->length;

    for (i = 0; i < result->piece_count; i++) {
        piece = &result->pieces[i];

        if (piece->data != p) {
            ngx_memmove(p, piece->data, piece->len);
        }

        p += piece->len;
    }

    return NGX_OK;
}


/* Whether no piece comes to lie on one that is still to be moved. */

static ngx_uint_t
ngx_http_mcp_policy_answer_fits(ngx_http_mcp_policy_answer_t *answer,
    const mcp_list_result_t *result)
{
    size_t            length;
    uint32_t          i;
    const mcp_str_t  *piece;

    length = 0;

    for (i = 0; i < result->piece_count; i++) {
        piece = &result->pieces[i];

        if (piece->data >= answer->data
            && piece->data < answer->data + answer->length
            && (size_t) (piece->data - answer->data) < length)
        {
            return 0;
        }

        length += piece->len;
    }

    return length <= answer->size;
}


static ngx_int_t
ngx_http_mcp_policy_answer_send(ngx_http_request_t *r,
    ngx_http_mcp_policy_answer_t *answer)
{
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t   out;

    r->headers_out.content_length_n = answer->length;

    rc = ngx_http_mcp_policy_next_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return (rc > NGX_OK) ? NGX_ERROR : rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (answer->length) {
        b->start = answer->data;
        b->pos = b->start;
        b->last = b->start + answer->length;
        b->end = b->last;
        b->temporary = 1;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_mcp_policy_next_body(r, &out);
}


/* When the header is still held. */

static ngx_int_t
ngx_http_mcp_policy_answer_fail(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const char *failure)
{
    ngx_int_t     rc;
    ngx_chain_t  *out;

    if (ctx->answer->zstream) {
        (void) inflateEnd(ctx->answer->zstream);
    }

    if (ngx_http_mcp_policy_answer_refuse(r, ctx, failure) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_mcp_policy_next_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return (rc > NGX_OK) ? NGX_ERROR : rc;
    }

    out = ngx_http_mcp_policy_reply_chain(r, ctx);
    if (out == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_policy_next_body(r, out);
}


/*
 * Our own answer instead.  An error status of the upstream stays, with what
 * its header says: a client needs to know that it has to log in.
 */

ngx_int_t
ngx_http_mcp_policy_answer_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const char *failure)
{
    mcp_reply_t   reply;
    mcp_arena_t  *arena;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "mcp policy \"%V\": the answer of a list request cannot be "
                  "filtered: %s", &ctx->policy->name, failure);

    arena = ngx_http_mcp_policy_arena();

    ngx_memzero(&reply, sizeof(mcp_reply_t));

    reply.status = (r->headers_out.status < NGX_HTTP_BAD_REQUEST)
                   ? NGX_HTTP_BAD_GATEWAY : r->headers_out.status;

    if (ngx_http_mcp_policy_list_refuse(r, ctx, arena, &reply.body) != NGX_OK
        || ngx_http_mcp_policy_keep_reply(r, ctx, &reply) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_answer_clear(r);
    ngx_http_mcp_policy_reply_headers(r, ctx);

    /*
     * For an upstream that sent no header nginx makes the answer one of
     * HTTP/0.9, which has none; but a client of 1.1 would wait for it.
     */

    if (r->http_version < NGX_HTTP_VERSION_10 && r->http_major > 0) {
        r->http_version = r->http_major * 1000 + r->http_minor;
    }

    return NGX_OK;
}


/* What the header said of bytes that the client will not get. */

static void
ngx_http_mcp_policy_answer_clear(ngx_http_request_t *r)
{
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    ngx_http_mcp_policy_clear_digests(r);
    ngx_http_clear_content_length(r);

    if (r->headers_out.content_encoding) {
        r->headers_out.content_encoding->hash = 0;
        r->headers_out.content_encoding = NULL;
    }

    if (r->headers_out.content_range) {
        r->headers_out.content_range->hash = 0;
        r->headers_out.content_range = NULL;
    }
}


/* zlib takes and returns the little it needs, within the request's pool. */

static void *
ngx_http_mcp_policy_answer_alloc(void *data, u_int items, u_int size)
{
    return ngx_palloc(data, items * size);
}


static void
ngx_http_mcp_policy_answer_free(void *data, void *p)
{
    (void) ngx_pfree(data, p);
}
