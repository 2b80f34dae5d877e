/*
 * mcp_audit_log.  What the judge knows of each message is kept when it
 * decides; lines are written when the request has ended, as access_log does,
 * with what became of it.
 */

#include "ngx_http_mcp_policy_audit.h"
#include "ngx_http_mcp_policy_zone.h"

#include "mcp_siphash.h"


/* A decision of one policy on one request, in the request's pool. */
struct ngx_http_mcp_policy_audit_s {
    ngx_http_mcp_policy_audit_t      *next;
    ngx_http_mcp_policy_audit_log_t  *log;   /* of the location that judged */
    ngx_http_mcp_policy_ctx_t        *ctx;
    uint64_t                          time_ms;
    uint64_t                          grant[2];   /* hashes */
    uint64_t                          session[2];
    mcp_str_t                        *messages;   /* members of lines */
    ngx_uint_t                        count;
    unsigned                          has_grant:1;
    unsigned                          has_session:1;
};


static ngx_http_mcp_policy_audit_t *ngx_http_mcp_policy_audit_create(
    ngx_http_request_t *r, ngx_http_mcp_policy_ctx_t *ctx, ngx_uint_t count);
static ngx_int_t ngx_http_mcp_policy_audit_add(ngx_http_request_t *r,
    ngx_http_mcp_policy_audit_t *audit, const mcp_audit_message_t *message);
static ngx_int_t ngx_http_mcp_policy_audit_describe(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body, uint32_t index,
    mcp_arena_t *arena, mcp_audit_message_t *message);
static void ngx_http_mcp_policy_audit_decide(ngx_http_mcp_policy_ctx_t *ctx,
    const mcp_decision_t *decision, ngx_uint_t dry,
    mcp_audit_message_t *message);
static void ngx_http_mcp_policy_audit_ask(const mcp_verdict_t *verdict,
    uint32_t index, mcp_audit_message_t *message);
static mcp_str_t ngx_http_mcp_policy_audit_word(const char *word);
static mcp_str_t ngx_http_mcp_policy_audit_text(ngx_str_t *text);

static ngx_int_t ngx_http_mcp_policy_audit_handler(ngx_http_request_t *r);
static void ngx_http_mcp_policy_audit_lines(ngx_http_request_t *r,
    ngx_http_mcp_policy_audit_t *audit);
static mcp_str_t ngx_http_mcp_policy_audit_request_id(ngx_http_request_t *r);
static void ngx_http_mcp_policy_audit_request(ngx_http_request_t *r,
    ngx_http_mcp_policy_audit_t *audit, mcp_audit_request_t *request);
static void ngx_http_mcp_policy_audit_outcome(ngx_http_request_t *r,
    mcp_audit_request_t *request);


/*
 * Keeps what lines will tell of the messages of a body.  NGX_ERROR: nobody
 * could answer for the call later, refuse it.
 */

ngx_int_t
ngx_http_mcp_policy_audit_keep(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_verdict_t *verdict, mcp_arena_t *arena)
{
    uint32_t                         i, count;
    mcp_audit_message_t              message;
    const mcp_decision_t            *decision;
    ngx_http_mcp_policy_audit_t     *audit;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (mlcf->audit_log == NULL) {
        return NGX_OK;
    }

    count = (body->invalid == MCP_VALID) ? body->count : 0;

    audit = ngx_http_mcp_policy_audit_create(r, ctx, ngx_max(count, 1));
    if (audit == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ngx_max(count, 1); i++) {
        ngx_memzero(&message, sizeof(mcp_audit_message_t));

        if (count == 0) {
            message.id = ngx_http_mcp_policy_audit_text(&ctx->facts.id);
            message.id_string = body->invalid_id.len
                                && body->invalid_id.data[0] == '"';

        } else if (ngx_http_mcp_policy_audit_describe(r, ctx, body, i, arena,
                                                      &message)
                   != NGX_OK)
        {
            return NGX_ERROR;
        }

        decision = verdict ? &verdict->decisions[i] : NULL;

        /* the facts tell of one message, and a batch of which was refused */

        message.limited = ctx->facts.limited
                          && (count == 1
                              || (verdict && i == verdict->first
                                  && decision->action == MCP_LIMIT));

        ngx_http_mcp_policy_audit_decide(ctx, decision, mlcf->dry_run,
                                         &message);

        if (verdict) {
            ngx_http_mcp_policy_audit_ask(verdict, i, &message);
        }

        if (ngx_http_mcp_policy_audit_add(r, audit, &message) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* There is no decision for lack of memory, or of the body's file. */

void
ngx_http_mcp_policy_audit_failed(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    mcp_audit_message_t              message;
    ngx_http_mcp_policy_audit_t     *audit;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (mlcf->audit_log == NULL || (ctx->audit && ctx->audit->count)) {
        return;
    }

    audit = ngx_http_mcp_policy_audit_create(r, ctx, 1);
    if (audit == NULL) {
        return;
    }

    ngx_memzero(&message, sizeof(mcp_audit_message_t));

    message.method = ngx_http_mcp_policy_audit_text(&ctx->facts.method);
    message.decision = ngx_http_mcp_policy_audit_word(
                                                mcp_action_name(MCP_DENY));
    message.reason = ngx_http_mcp_policy_audit_word(
                                        mcp_reason_name(MCP_REASON_INTERNAL));

    (void) ngx_http_mcp_policy_audit_add(r, audit, &message);
}


static ngx_http_mcp_policy_audit_t *
ngx_http_mcp_policy_audit_create(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_uint_t count)
{
    ngx_str_t                        grant;
    mcp_str_t                        secret;
    ngx_http_mcp_policy_audit_t     *audit;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    audit = ngx_pcalloc(r->pool, sizeof(ngx_http_mcp_policy_audit_t)
                                 + count * sizeof(mcp_str_t));
    if (audit == NULL || ngx_http_mcp_policy_test_memory()) {
        return NULL;
    }

    audit->messages = (mcp_str_t *) &audit[1];
    audit->log = mlcf->audit_log;
    audit->ctx = ctx;
    audit->time_ms = ngx_http_mcp_policy_now();

    ngx_http_mcp_policy_grant(r, &grant);
    secret = ngx_http_mcp_policy_audit_text(&grant);

    if (secret.len) {
        ngx_http_mcp_policy_hash(r, ctx, secret, audit->grant);
        audit->has_grant = 1;
    }

    /* whoever knows a session's id can speak in it */

    secret = ctx->headers.mcp.session.value;

    if (secret.len) {
        ngx_http_mcp_policy_hash(r, ctx, secret, audit->session);
        audit->has_session = 1;
    }

    ctx->audit = audit;

    return audit;
}


static ngx_int_t
ngx_http_mcp_policy_audit_add(ngx_http_request_t *r,
    ngx_http_mcp_policy_audit_t *audit, const mcp_audit_message_t *message)
{
    size_t      length;
    u_char     *data;
    mcp_str_t  *members;
    u_char      text[MCP_AUDIT_MESSAGE_MAX];

    length = mcp_audit_message_write(message, text);

    data = ngx_pnalloc(r->pool, length);
    if (data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(data, text, length);

    members = &audit->messages[audit->count++];
    members->data = data;
    members->len = length;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_audit_describe(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body, uint32_t index,
    mcp_arena_t *arena, mcp_audit_message_t *message)
{
    uint64_t             *hash;
    ngx_str_t             task;
    const mcp_message_t  *source;

    source = &body->messages[index];

    message->index = index;
    message->count = body->count;
    message->method = source->method_name;
    message->id_string = source->id.len && source->id.data[0] == '"';

    if (ngx_http_mcp_policy_message_id(body, source, arena, &message->id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    message->target_count = source->target_count;

    if (source->target_count) {
        message->target_kind = source->targets[0].kind;
        message->target = source->targets[0].name;

        /* whoever knows a task's id can ask for its result */

        if (message->target_kind == MCP_TARGET_TASK && message->target.len) {
            if (ngx_http_mcp_policy_hash_text(r, ctx, message->target, &task)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            message->target = ngx_http_mcp_policy_audit_text(&task);
        }
    }

    if (source->arguments == MCP_JSON_NONE
        || body->json.tokens[source->arguments].type != MCP_JSON_OBJECT)
    {
        return NGX_OK;
    }

    hash = mcp_arena_alloc(arena, 2 * sizeof(uint64_t));

    if (hash == NULL
        || mcp_audit_arguments(message, &body->json, source->arguments, arena)
           != MCP_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_hash_arguments(r, ctx,
                                       mcp_json_raw(&body->json,
                                                    source->arguments),
                                       hash);
    message->args_hash = hash;

    return NGX_OK;
}


static void
ngx_http_mcp_policy_audit_decide(ngx_http_mcp_policy_ctx_t *ctx,
    const mcp_decision_t *decision, ngx_uint_t dry,
    mcp_audit_message_t *message)
{
    const char  *action, *reason;

    if (message->limited) {
        message->remaining = ctx->facts.remaining;
        message->reset_s = ctx->facts.reset_s;
    }

    if (decision == NULL) {
        action = ctx->facts.decision;
        reason = ctx->facts.reason;
        message->rule = ngx_http_mcp_policy_audit_text(&ctx->facts.rule);

    } else if (decision->action == MCP_ALLOW) {
        action = ngx_http_mcp_policy_action_name(decision->dry_action, 1);
        reason = mcp_reason_name(decision->dry_reason);
        message->rule = decision->dry_rule;

    } else {
        action = ngx_http_mcp_policy_action_name(decision->action, dry);
        reason = mcp_reason_name(decision->reason);
        message->rule = decision->rule;
    }

    message->decision = ngx_http_mcp_policy_audit_word(action);
    message->reason = ngx_http_mcp_policy_audit_word(reason);
}


/* The approval that the message lacks, or the first that it used. */

static void
ngx_http_mcp_policy_audit_ask(const mcp_verdict_t *verdict, uint32_t index,
    mcp_audit_message_t *message)
{
    uint32_t                   i;
    const mcp_approval_ask_t  *ask;

    ask = verdict->decisions[index].ask;

    if (ask && ask->state != MCP_APPROVAL_NONE) {
        message->approval = ask->id;
        return;
    }

    for (i = 0; i < verdict->ask_count; i++) {

        if (verdict->asks[i].message != index) {
            continue;
        }

        if (message->approval_count++ == 0) {
            message->approval = verdict->asks[i].id;
        }
    }
}


static mcp_str_t
ngx_http_mcp_policy_audit_word(const char *word)
{
    mcp_str_t  s;

    s.data = (const uint8_t *) word;
    s.len = ngx_strlen(word);

    return s;
}


static mcp_str_t
ngx_http_mcp_policy_audit_text(ngx_str_t *text)
{
    mcp_str_t  s;

    s.data = text->data;
    s.len = text->len;

    return s;
}


/*
 * The log phase.  Subrequests that were judged are told of with their main
 * request, whose pool has the contexts of all.
 */

static ngx_int_t
ngx_http_mcp_policy_audit_handler(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_mcp_policy_ctx_t    *ctx;
    ngx_http_mcp_policy_audit_t  *audit, *first;

    if (r != r->main) {
        return NGX_OK;
    }

    first = NULL;
    cln = r->pool->cleanup;

    for ( ;; ) {
        ctx = ngx_http_mcp_policy_next_ctx(&cln);

        if (ctx == NULL) {
            break;
        }

        if (ctx->audit) {
            ctx->audit->next = first;
            first = ctx->audit;
        }
    }

    for (audit = first; audit; audit = audit->next) {
        ngx_http_mcp_policy_audit_lines(r, audit);
    }

    return NGX_OK;
}


static void
ngx_http_mcp_policy_audit_lines(ngx_http_request_t *r,
    ngx_http_mcp_policy_audit_t *audit)
{
    size_t               length;
    ngx_uint_t           i;
    mcp_audit_request_t  request;
    u_char               line[MCP_AUDIT_LINE_MAX];

    ngx_http_mcp_policy_audit_request(r, audit, &request);

    for (i = 0; i < audit->count; i++) {
        length = mcp_audit_line_write(&request, audit->messages[i], line);

        ngx_http_mcp_policy_audit_append(audit->log, line, length,
                                         r->connection->log);
    }
}


/* A human's decision, in the log of the location where it was told. */

void
ngx_http_mcp_policy_audit_approval(ngx_http_request_t *r,
    const mcp_approval_view_t *view)
{
    size_t                           length;
    mcp_audit_approval_t             approval;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;
    u_char                           line[MCP_AUDIT_LINE_MAX];

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (mlcf->audit_log == NULL) {
        return;
    }

    approval.time_ms = view->decided_ms;
    approval.request_id = ngx_http_mcp_policy_audit_request_id(r);
    approval.address = ngx_http_mcp_policy_audit_text(
                                                  &r->connection->addr_text);
    approval.approval = view->id;
    approval.grant[0] = view->grant[0];
    approval.grant[1] = view->grant[1];
    approval.policy = view->policy;
    approval.rule = view->rule;
    approval.tool = view->tool;
    approval.decision = ngx_http_mcp_policy_audit_word(
                                       mcp_approval_state_name(view->state));
    approval.by = view->by;
    approval.comment = view->reason;

    length = mcp_audit_approval_write(&approval, line);

    ngx_http_mcp_policy_audit_append(mlcf->audit_log, line, length,
                                     r->connection->log);
}


/*
 * $request_id.  Where nothing has asked for it yet it becomes one of ours:
 * as hard to guess, and without the time that random numbers of OpenSSL take.
 */

static mcp_str_t
ngx_http_mcp_policy_audit_request_id(ngx_http_request_t *r)
{
    u_char                           *p;
    uint64_t                          out[2];
    mcp_str_t                         id;
    ngx_http_variable_value_t        *vv;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    static uint64_t  unique[3];

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);
    vv = &r->variables[mmcf->request_id];

    if (!vv->valid) {
        unique[0] = (uint64_t) ngx_pid;
        unique[1] = (uint64_t) ngx_time();
        unique[2]++;

        id.data = (const uint8_t *) unique;
        id.len = sizeof(unique);

        mcp_siphash(mmcf->hash_key, id, out);

        p = ngx_pnalloc(r->pool, 2 * sizeof(out));
        if (p == NULL) {
            return mcp_str("");
        }

        (void) mcp_hex_write(p, out);

        vv->data = p;
        vv->len = 2 * sizeof(out);
        vv->valid = 1;
        vv->no_cacheable = 0;
        vv->not_found = 0;
    }

    id.data = vv->data;
    id.len = vv->len;

    return id;
}


static void
ngx_http_mcp_policy_audit_request(ngx_http_request_t *r,
    ngx_http_mcp_policy_audit_t *audit, mcp_audit_request_t *request)
{
    ngx_time_t                 *tp;
    ngx_msec_int_t              ms;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = audit->ctx;

    ngx_memzero(request, sizeof(mcp_audit_request_t));

    request->time_ms = audit->time_ms;
    request->request_id = ngx_http_mcp_policy_audit_request_id(r);
    request->address = ngx_http_mcp_policy_audit_text(
                                                  &r->connection->addr_text);
    request->http_method = ngx_http_mcp_policy_audit_text(
                                                  &ctx->request->method_name);
    request->grant = audit->has_grant ? audit->grant : NULL;
    request->session = audit->has_session ? audit->session : NULL;
    request->protocol = ngx_http_mcp_policy_audit_text(&ctx->facts.protocol);
    request->client = ngx_http_mcp_policy_audit_text(&ctx->facts.client);
    request->traceparent = ngx_http_mcp_policy_audit_text(
                                                    &ctx->facts.traceparent);

    if (ctx->policy) {
        request->policy = ngx_http_mcp_policy_audit_text(&ctx->policy->name);

        if (ctx->policy->file) {
            request->generation = ctx->version->generation;
            request->sha256 = ctx->version->sha256;
        }
    }

    ngx_http_mcp_policy_audit_outcome(ctx->request, request);

    tp = ngx_timeofday();

    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));

    request->duration_ms = ngx_max(ms, 0);
    request->bytes_received = r->request_length;
    request->bytes_sent = r->connection->sent;
}


static void
ngx_http_mcp_policy_audit_outcome(ngx_http_request_t *r,
    mcp_audit_request_t *request)
{
    ngx_uint_t                  i;
    ngx_http_upstream_state_t  *state;

    request->status = r->err_status ? r->err_status : r->headers_out.status;
    request->upstream_ms = MCP_AUDIT_NO_TIME;

    if (r->upstream_states == NULL) {
        return;
    }

    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {

        /* internal redirects leave a state without a server */

        if (state[i].peer == NULL) {
            continue;
        }

        request->upstream_tries++;
        request->upstream_status = state[i].status;
        request->upstream_ms = (state[i].response_time == (ngx_msec_t) -1)
                               ? MCP_AUDIT_NO_TIME : state[i].response_time;
    }
}


ngx_int_t
ngx_http_mcp_policy_audit_init(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    if (mmcf->audit_logs.nelts == 0) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mcp_policy_audit_handler;

    return ngx_http_mcp_policy_audit_bind(cf, mmcf);
}
