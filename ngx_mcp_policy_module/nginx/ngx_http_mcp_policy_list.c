/*
 * Which answers may be lists, and what their reader may see.  Nothing is
 * hidden in a dry run, nor with mcp_list_filter off.
 */

#include "ngx_http_mcp_policy.h"


static ngx_int_t ngx_http_mcp_policy_list_asked(const mcp_body_t *body);
static ngx_int_t ngx_http_mcp_policy_list_requests(ngx_http_request_t *r,
    ngx_http_mcp_policy_list_t *list, const mcp_body_t *body);
static ngx_uint_t ngx_http_mcp_policy_list_stream(ngx_http_request_t *r);
static void ngx_http_mcp_policy_list_plain(ngx_http_request_t *r);
static void ngx_http_mcp_policy_list_filter(ngx_http_mcp_policy_list_t *list,
    const mcp_caller_t *caller, mcp_list_filter_t *filter);
static mcp_str_t ngx_http_mcp_policy_list_join(
    const mcp_list_result_t *result, mcp_arena_t *arena);
static void *ngx_http_mcp_policy_list_alloc(void *data, size_t size);
static void ngx_http_mcp_policy_list_free(void *data, void *p);


/*
 * After a body or a GET was allowed.  Sets ctx->list when the answer may have
 * to be filtered.  NGX_ERROR: no memory.
 */

ngx_int_t
ngx_http_mcp_policy_list_expect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body)
{
    ngx_http_mcp_policy_list_t      *list;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (r != r->main
        || mlcf->dry_run
        || mlcf->list_filter == NGX_HTTP_MCP_POLICY_LIST_OFF)
    {
        return NGX_OK;
    }

    if (body->count ? !ngx_http_mcp_policy_list_asked(body)
                    : r->method != NGX_HTTP_GET)
    {
        return NGX_OK;
    }

    list = ngx_pcalloc(r->pool, sizeof(ngx_http_mcp_policy_list_t));
    if (list == NULL) {
        return NGX_ERROR;
    }

    list->ctx = ctx;
    list->conf = mlcf;
    list->batch = body->batch;
    list->stream = body->count == 0 && ngx_http_mcp_policy_list_stream(r);
    list->private_view = mlcf->enforce->lengths != NULL
                         || ctx->version->core->depends_on_caller;

    if (ngx_http_mcp_policy_list_requests(r, list, body) != NGX_OK) {
        return NGX_ERROR;
    }

    /* A file that is there compressed goes to who takes it so. */

    if (body->count || r->content_handler) {
        ngx_http_mcp_policy_list_plain(r);
    }

    list->next = ctx->list;
    ctx->list = list;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_list_asked(const mcp_body_t *body)
{
    uint32_t  i;

    for (i = 0; i < body->count; i++) {

        if (body->messages[i].kind == MCP_MESSAGE_REQUEST
            && mcp_list_kind(body->messages[i].method) != MCP_LIST_NONE)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_mcp_policy_list_requests(ngx_http_request_t *r,
    ngx_http_mcp_policy_list_t *list, const mcp_body_t *body)
{
    uint32_t              i;
    ngx_str_t             id;
    mcp_list_request_t   *request;
    const mcp_message_t  *message;

    if (body->count == 0) {
        return NGX_OK;
    }

    list->requests = ngx_pcalloc(r->pool,
                                 body->count * sizeof(mcp_list_request_t));
    if (list->requests == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < body->count; i++) {
        message = &body->messages[i];

        if (message->kind != MCP_MESSAGE_REQUEST) {
            continue;
        }

        if (ngx_http_mcp_policy_copy(r->pool, message->id, &id) != NGX_OK) {
            return NGX_ERROR;
        }

        request = &list->requests[list->count++];

        request->id.data = id.data;
        request->id.len = id.len;
        request->kind = mcp_list_kind(message->method);
    }

    return NGX_OK;
}


/* Whether a client of MCP asks, and no browser. */

static ngx_uint_t
ngx_http_mcp_policy_list_stream(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return 0;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("accept") - 1
            && ngx_memcmp(h[i].lowcase_key, "accept", h[i].key.len) == 0
            && ngx_strlcasestrn(h[i].value.data,
                                h[i].value.data + h[i].value.len,
                                (u_char *) "text/event-stream",
                                sizeof("text/event-stream") - 2))
        {
            return 1;
        }
    }
}


/*
 * The upstream is asked not to compress.  Whether the client may get the
 * answer compressed is noted first, for nginx's own gzip.
 */

static void
ngx_http_mcp_policy_list_plain(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

#if (NGX_HTTP_GZIP)
    if (!r->gzip_tested) {
        (void) ngx_http_gzip_ok(r);
    }
#endif

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

        if (h[i].key.len == sizeof("accept-encoding") - 1
            && ngx_memcmp(h[i].lowcase_key, "accept-encoding", h[i].key.len)
               == 0)
        {
            ngx_str_set(&h[i].value, "identity");
        }
    }
}


/*
 * Filters one text by ctx->list.  NGX_OK; NGX_DECLINED: it cannot be read,
 * "error" says why; NGX_ERROR: no memory.  The result is the arena's, which
 * must not be used for anything else in between.
 */

ngx_int_t
ngx_http_mcp_policy_list_apply(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text, mcp_arena_t *arena,
    mcp_list_result_t *result, mcp_error_t *error)
{
    mcp_rc_t                     rc;
    mcp_limits_t                 limits;
    mcp_caller_t                 caller;
    mcp_list_filter_t            filter;
    mcp_list_result_t            part;
    ngx_http_mcp_policy_ctx_t   *main;
    ngx_http_mcp_policy_list_t  *list;

    ngx_memzero(result, sizeof(mcp_list_result_t));

    /* All calls are judged; what was told to the server hides no list. */

    main = ngx_http_mcp_policy_main_ctx(r);

    if (main) {
        main->of_message = 0;
    }

    for (list = ctx->list; list; list = list->next) {

        ngx_http_mcp_policy_limits(r, list->conf, &limits);
        ngx_http_mcp_policy_set_caller(r, list->ctx, list->conf, &caller);

        /* what a list says now counts, not what another one said before */

        caller.pin_changed = NULL;

        ngx_http_mcp_policy_list_filter(list, &caller, &filter);

        rc = mcp_list_filter(&filter, text, &limits, arena, &part, error);

        if (rc == MCP_NOMEM) {
            return NGX_ERROR;
        }

        if (rc != MCP_OK) {
            return NGX_DECLINED;
        }

        result->listed += part.listed;
        result->removed += part.removed;
        result->refused += part.refused;

        if (!part.changed) {
            continue;
        }

        /* the policies that follow read what this one leaves */

        if (list->next) {
            text = ngx_http_mcp_policy_list_join(&part, arena);
            part.pieces = mcp_arena_alloc(arena, sizeof(mcp_str_t));

            if (text.data == NULL || part.pieces == NULL) {
                return NGX_ERROR;
            }

            part.pieces[0] = text;
            part.piece_count = 1;
        }

        result->changed = 1;
        result->pieces = part.pieces;
        result->piece_count = part.piece_count;
        result->length = part.length;
    }

    return NGX_OK;
}


static void
ngx_http_mcp_policy_list_filter(ngx_http_mcp_policy_list_t *list,
    const mcp_caller_t *caller, mcp_list_filter_t *filter)
{
    ngx_memzero(filter, sizeof(mcp_list_filter_t));

    filter->policy = list->ctx->version->core;
    filter->caller = caller;
    filter->hidden_only = (list->conf->list_filter
                           == NGX_HTTP_MCP_POLICY_LIST_HIDDEN);
    filter->private_view = list->private_view;
    filter->max_ttl_ms = list->conf->list_ttl;
    filter->requests = list->requests;
    filter->request_count = list->count;
    filter->lists = &list->ctx->version->lists;

    if (list->ctx->policy->pins) {
        filter->memory = &list->ctx->policy->pin_memory;
    }

    filter->seen = ngx_http_mcp_policy_pin_seen;
    filter->seen_data = list->ctx;
}


static mcp_str_t
ngx_http_mcp_policy_list_join(const mcp_list_result_t *result,
    mcp_arena_t *arena)
{
    u_char     *p;
    uint32_t    i;
    mcp_str_t   text;

    p = mcp_arena_alloc(arena, result->length + 1);

    text.data = p;
    text.len = result->length;

    for (i = 0; p && i < result->piece_count; i++) {
        p = ngx_cpymem(p, result->pieces[i].data, result->pieces[i].len);
    }

    return text;
}


/*
 * What takes the place of an answer: -32603 for every list request that was
 * not answered, without such a request an error without id.  The text is the
 * arena's.
 */

ngx_int_t
ngx_http_mcp_policy_list_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_arena_t *arena, mcp_str_t *text)
{
    mcp_list_filter_t            filter;
    ngx_http_mcp_policy_list_t  *list;

    list = ctx->list;

    ngx_http_mcp_policy_list_filter(list, NULL, &filter);

    return (mcp_list_refuse(&filter, list->batch, arena, text) == MCP_OK)
           ? NGX_OK : NGX_ERROR;
}


/* For a version that is about to be used. */

void
ngx_http_mcp_policy_list_memory(ngx_http_mcp_policy_version_t *version)
{
    version->lists.allocator.alloc = ngx_http_mcp_policy_list_alloc;
    version->lists.allocator.free = ngx_http_mcp_policy_list_free;
}


static void *
ngx_http_mcp_policy_list_alloc(void *data, size_t size)
{
    return ngx_alloc(size, ngx_cycle->log);
}


static void
ngx_http_mcp_policy_list_free(void *data, void *p)
{
    ngx_free(p);
}
