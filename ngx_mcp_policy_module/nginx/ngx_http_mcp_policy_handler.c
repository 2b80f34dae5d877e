/*
 * The phase handler: finds the policy, has the body read, gets the decision
 * and hands the request on.  PRECONTENT comes after every authenticator and
 * before anything is sent upstream.
 */

#include "ngx_http_mcp_policy.h"


/* kept between two messages: a call or a list rarely needs more */
#define NGX_HTTP_MCP_POLICY_ARENA_KEEP  (512 * 1024)


static ngx_http_mcp_policy_ctx_t *ngx_http_mcp_policy_decided(
    ngx_http_request_t *r, ngx_http_mcp_policy_t *policy);
static ngx_int_t ngx_http_mcp_policy_covered(ngx_http_request_t *r,
    ngx_http_mcp_policy_t *policy);
static ngx_int_t ngx_http_mcp_policy_enforced(ngx_http_request_t *r,
    ngx_http_mcp_policy_t **policy);
static ngx_int_t ngx_http_mcp_policy_interrupted(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_start(ngx_http_request_t *r,
    ngx_http_mcp_policy_t *policy);
static void ngx_http_mcp_policy_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_proceed(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static void ngx_http_mcp_policy_ctx_cleanup(void *data);
static void *ngx_http_mcp_policy_arena_alloc(void *data, size_t size);
static void ngx_http_mcp_policy_arena_free(void *data, void *p);


static mcp_arena_t  ngx_http_mcp_policy_worker_arena;


ngx_int_t
ngx_http_mcp_policy_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_mcp_policy_t           *policy;
    ngx_http_mcp_policy_ctx_t       *ctx;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    ctx = ngx_http_mcp_policy_get_ctx(r);

    if (ctx && (ctx->state == NGX_HTTP_MCP_POLICY_READING
                || ctx->state == NGX_HTTP_MCP_POLICY_WAITING))
    {
        return NGX_DONE;
    }

    rc = ngx_http_mcp_policy_enforced(r, &policy);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_mcp_policy_decided(r, policy);

    if (ctx) {
        ngx_http_set_ctx(r, ctx, ngx_http_mcp_policy_module);

        return ngx_http_mcp_policy_proceed(r, ctx);
    }

    if (ngx_http_mcp_policy_covered(r, policy)) {
        return NGX_DECLINED;
    }

    if (ngx_http_mcp_policy_interrupted(r)) {
        mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

        if (mlcf->dry_run) {
            return NGX_DECLINED;
        }

        return (r->err_status >= NGX_HTTP_BAD_REQUEST) ? r->err_status
                                                       : NGX_HTTP_BAD_REQUEST;
    }

    return ngx_http_mcp_policy_start(r, policy);
}


/*
 * Whether this policy has judged the request before an internal redirect:
 * nothing is charged twice, and no refusal is lost.
 */

static ngx_http_mcp_policy_ctx_t *
ngx_http_mcp_policy_decided(ngx_http_request_t *r,
    ngx_http_mcp_policy_t *policy)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_mcp_policy_ctx_t  *ctx;

    if (!r->internal) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_mcp_policy_module);

        if (ctx == NULL) {
            return NULL;
        }
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_mcp_policy_ctx_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r
            && ctx->state == NGX_HTTP_MCP_POLICY_DECIDED
            && ctx->policy == policy
            && ctx->body == r->request_body)
        {
            return ctx;
        }
    }

    return NULL;
}


/*
 * NGX_DECLINED: no policy here.  NGX_OK with *policy NULL: one was asked for
 * that does not exist, so everything is refused.
 */

static ngx_int_t
ngx_http_mcp_policy_enforced(ngx_http_request_t *r,
    ngx_http_mcp_policy_t **policy)
{
    ngx_str_t                         name;
    ngx_http_mcp_policy_loc_conf_t   *mlcf;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (mlcf->enforce == NULL) {
        return NGX_DECLINED;
    }

    if (mlcf->enforce->lengths == NULL) {
        *policy = mlcf->policy;
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, mlcf->enforce, &name) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    *policy = ngx_http_mcp_policy_find(mmcf, &name);

    return NGX_OK;
}


/*
 * A subrequest that inherits its main request's policy carries the very body
 * that policy has judged (mirror), or none (auth_request).  Anything else, a
 * script's own call for instance, is judged like a request.
 */

static ngx_int_t
ngx_http_mcp_policy_covered(ngx_http_request_t *r,
    ngx_http_mcp_policy_t *policy)
{
    ngx_http_mcp_policy_t      *main_policy;
    ngx_http_mcp_policy_ctx_t  *ctx;

    if (r == r->main
        || ngx_http_mcp_policy_enforced(r->main, &main_policy) != NGX_OK
        || main_policy != policy)
    {
        return 0;
    }

    if (!ngx_http_mcp_policy_has_body(r)) {
        return 1;
    }

    ctx = ngx_http_mcp_policy_get_ctx(r->main);

    return ctx
           && ctx->state == NGX_HTTP_MCP_POLICY_DECIDED
           && ctx->reply.status == 0
           && ctx->policy == policy
           && ctx->body == r->request_body;
}


/*
 * An error_page of a body that never came whole (400, 408, 413), or of a call
 * whose client did not wait for a decision: there is nothing to judge, and
 * nothing that may be sent on.
 */

static ngx_int_t
ngx_http_mcp_policy_interrupted(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_mcp_policy_ctx_t  *ctx;

    if (r->discard_body) {
        return ngx_http_mcp_policy_is_message(r);
    }

    if (!r->internal) {
        return 0;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_mcp_policy_ctx_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r
            && (ctx->state == NGX_HTTP_MCP_POLICY_READING
                || ctx->state == NGX_HTTP_MCP_POLICY_WAITING))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_mcp_policy_start(ngx_http_request_t *r,
    ngx_http_mcp_policy_t *policy)
{
    ngx_int_t                        rc;
    mcp_invalid_t                    invalid;
    ngx_http_mcp_policy_ctx_t       *ctx;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    ctx = ngx_http_mcp_policy_create_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->policy = policy;

    if (policy) {
        ctx->version = policy->version;
        ctx->version->references++;
    }

    ngx_http_mcp_policy_collect_headers(r, &ctx->headers);

    invalid = ngx_http_mcp_policy_check_request(r, mlcf, &ctx->headers);

    if (invalid != MCP_VALID || !ngx_http_mcp_policy_is_message(r)) {
        rc = ngx_http_mcp_policy_judge_headers(r, ctx, invalid);

        ctx->state = NGX_HTTP_MCP_POLICY_DECIDED;
        ctx->body = r->request_body;

        if (rc != NGX_OK) {
            ngx_http_mcp_policy_count_failed(r, ctx);
            ngx_http_mcp_policy_audit_failed(r, ctx);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_mcp_policy_proceed(r, ctx);
    }

    ctx->state = NGX_HTTP_MCP_POLICY_READING;

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_mcp_policy_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_mcp_policy_body_handler(ngx_http_request_t *r)
{
    ngx_http_mcp_policy_decide(r, ngx_http_mcp_policy_get_ctx(r));
}


/* With the whole body: now, or when a call that was held goes on. */

void
ngx_http_mcp_policy_decide(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    uint64_t   start;
    ngx_int_t  rc;

    start = ngx_http_mcp_policy_count_clock(r);

    rc = ngx_http_mcp_policy_judge(r, ctx);

    if (rc == NGX_AGAIN) {
        ctx->state = NGX_HTTP_MCP_POLICY_WAITING;
        return;
    }

    ngx_http_mcp_policy_count_time(r, ctx, start);

    ctx->state = NGX_HTTP_MCP_POLICY_DECIDED;
    ctx->body = r->request_body;

    /* the reader left its own; a later wake-up must reach the phases */
    r->write_event_handler = ngx_http_core_run_phases;

    if (rc != NGX_OK) {
        ngx_http_mcp_policy_count_failed(r, ctx);
        ngx_http_mcp_policy_settle_cancel(ctx);
        ngx_http_mcp_policy_audit_failed(r, ctx);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_http_mcp_policy_proceed(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    if (ctx->reply.status == 0) {
        return NGX_DECLINED;
    }

    /* the next phase, past mirror and try_files, then our own content */

    r->content_handler = ngx_http_mcp_policy_send_reply;

    return NGX_OK;
}


/*
 * The slot is empty after an internal redirect; the pool still has the
 * context.  Subrequests share the pool, hence the comparison.  A context
 * whose body never came whole has nothing to tell.
 */

ngx_http_mcp_policy_ctx_t *
ngx_http_mcp_policy_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mcp_policy_module);

    if (ctx || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_mcp_policy_ctx_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r
            && ctx->state != NGX_HTTP_MCP_POLICY_READING
            && ctx->state != NGX_HTTP_MCP_POLICY_WAITING)
        {
            ngx_http_set_ctx(r, ctx, ngx_http_mcp_policy_module);
            return ctx;
        }
    }

    return NULL;
}


ngx_http_mcp_policy_ctx_t *
ngx_http_mcp_policy_create_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_mcp_policy_ctx_t  *ctx, *previous;

    /* the newest is found first: a redirect to another policy's location */

    previous = ngx_http_mcp_policy_get_ctx(r);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_policy_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_mcp_policy_ctx_t));

    ctx->request = r;

    /*
     * What was charged and asked for there waits for the same answer, and a
     * map of variables still has the value that it had there.
     */

    if (previous) {
        ctx->settlement = previous->settlement;
        ctx->list = previous->list;
        ctx->of_message = previous->of_message;
    }

    cln->handler = ngx_http_mcp_policy_ctx_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_mcp_policy_module);

    return ctx;
}


ngx_http_mcp_policy_ctx_t *
ngx_http_mcp_policy_next_ctx(ngx_pool_cleanup_t **cln)
{
    ngx_pool_cleanup_t  *c;

    for (c = *cln; c; c = c->next) {

        if (c->handler == ngx_http_mcp_policy_ctx_cleanup) {
            *cln = c->next;
            return c->data;
        }
    }

    return NULL;
}


/*
 * Also marks the context in the pool.  It comes after the cleanups that need
 * the policy: they were added later.
 */

static void
ngx_http_mcp_policy_ctx_cleanup(void *data)
{
    ngx_http_mcp_policy_ctx_t *ctx = data;

    if (ctx->version) {
        ngx_http_mcp_policy_release(ctx->version);
    }
}


/*
 * Parsing and judging one body never waits, so one arena serves a worker.
 * Whatever outlives the decision is copied to the request's pool.
 */

mcp_arena_t *
ngx_http_mcp_policy_arena(void)
{
    mcp_allocator_t  allocator;

    if (ngx_http_mcp_policy_worker_arena.allocator.alloc == NULL) {
        allocator.alloc = ngx_http_mcp_policy_arena_alloc;
        allocator.free = ngx_http_mcp_policy_arena_free;
        allocator.data = NULL;

        mcp_arena_init(&ngx_http_mcp_policy_worker_arena, &allocator, 0);
    }

    mcp_arena_reset(&ngx_http_mcp_policy_worker_arena,
                    NGX_HTTP_MCP_POLICY_ARENA_KEEP);

    return &ngx_http_mcp_policy_worker_arena;
}


void
ngx_http_mcp_policy_arena_destroy(void)
{
    if (ngx_http_mcp_policy_worker_arena.allocator.alloc) {
        mcp_arena_destroy(&ngx_http_mcp_policy_worker_arena);
    }
}


static void *
ngx_http_mcp_policy_arena_alloc(void *data, size_t size)
{
    return ngx_alloc(size, ngx_cycle->log);
}


static void
ngx_http_mcp_policy_arena_free(void *data, void *p)
{
    ngx_free(p);
}
