/*
 * From a body to a decision and its reply, by the core; nothing here waits.
 */

#include "ngx_http_mcp_policy_approval.h"


static ngx_int_t ngx_http_mcp_policy_evaluate(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena);
static ngx_int_t ngx_http_mcp_policy_keep_charges(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_verdict_t *verdict,
    uint64_t now_ms);
static ngx_int_t ngx_http_mcp_policy_keep_asks(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_verdict_t *verdict);
static ngx_uint_t ngx_http_mcp_policy_tighter(const mcp_charge_t *charge,
    const mcp_charge_t *other);
static void ngx_http_mcp_policy_set_limit(ngx_http_mcp_policy_ctx_t *ctx,
    int64_t remaining, uint64_t reset_ms, uint64_t now_ms);
static ngx_int_t ngx_http_mcp_policy_refuse_invalid(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena);
static ngx_int_t ngx_http_mcp_policy_refuse_unknown(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena);
static ngx_int_t ngx_http_mcp_policy_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_verdict_t *verdict, mcp_arena_t *arena);
static ngx_int_t ngx_http_mcp_policy_set_decision(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_action_t action, const char *reason,
    mcp_str_t rule, ngx_uint_t dry);
static ngx_int_t ngx_http_mcp_policy_set_reply(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_reply_t *reply);
static void ngx_http_mcp_policy_reply_options(
    ngx_http_mcp_policy_loc_conf_t *mlcf, mcp_reply_options_t *options);
static void ngx_http_mcp_policy_log(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_uint_t level);
static mcp_rc_t ngx_http_mcp_policy_resolve(void *data,
    const void *variables, mcp_arena_t *arena, mcp_str_t *value);


static const char  *ngx_http_mcp_policy_dry_actions[] = {
    "allow",
    "dry_deny",
    "dry_limit",
    "dry_approve",
    "dry_invalid"
};


/*
 * The read body of a POST.  NGX_ERROR is an internal failure: refuse.
 * NGX_AGAIN: the call is held, and nothing is decided yet.
 */

ngx_int_t
ngx_http_mcp_policy_judge(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    mcp_rc_t                         rc;
    mcp_str_t                        text;
    ngx_int_t                        judged;
    mcp_body_t                       body;
    mcp_arena_t                     *arena;
    mcp_limits_t                     limits;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    arena = ngx_http_mcp_policy_arena();

    if (ngx_http_mcp_policy_body_text(r, arena, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_limits(r, mlcf, &limits);

    rc = mcp_body_parse(&body, text, &ctx->headers.mcp, mlcf->revisions,
                        &limits, arena);

    if (rc == MCP_NOMEM) {
        return NGX_ERROR;
    }

    if (rc != MCP_OK) {
        return ngx_http_mcp_policy_refuse_invalid(r, ctx, &body, arena);
    }

    if (ngx_http_mcp_policy_set_facts(r, ctx, &body, 0, arena) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->policy == NULL) {
        return ngx_http_mcp_policy_refuse_unknown(r, ctx, &body, arena);
    }

    judged = ngx_http_mcp_policy_evaluate(r, ctx, &body, arena);

    if (judged != NGX_OK || ctx->reply.status) {
        return judged;
    }

    if (ngx_http_mcp_policy_list_expect(r, ctx, &body) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_policy_task_expect(r, ctx, &body, arena);
}


/* A request without a body, or one that its headers refuse. */

ngx_int_t
ngx_http_mcp_policy_judge_headers(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_invalid_t invalid)
{
    mcp_body_t                       body;
    mcp_arena_t                     *arena;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    arena = ngx_http_mcp_policy_arena();

    ngx_memzero(&body, sizeof(mcp_body_t));

    body.invalid = invalid;

    if (invalid == MCP_VALID
        && mcp_headers_check(&body, &ctx->headers.mcp, mlcf->revisions, arena)
           == MCP_NOMEM)
    {
        return NGX_ERROR;
    }

    if (body.invalid != MCP_VALID) {
        return ngx_http_mcp_policy_refuse_invalid(r, ctx, &body, arena);
    }

    if (ngx_http_mcp_policy_set_facts(r, ctx, &body, 0, arena) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->policy == NULL) {
        return ngx_http_mcp_policy_refuse_unknown(r, ctx, &body, arena);
    }

    if (ngx_http_mcp_policy_list_expect(r, ctx, &body) != NGX_OK
        || ngx_http_mcp_policy_set_decision(r, ctx, MCP_ALLOW, "",
                                            mcp_str(""), 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_count_request(r, ctx, &body, MCP_ALLOW,
                                      MCP_REASON_NONE);

    return ngx_http_mcp_policy_audit_keep(r, ctx, &body, NULL, arena);
}


void
ngx_http_mcp_policy_limits(ngx_http_request_t *r,
    ngx_http_mcp_policy_loc_conf_t *mlcf, mcp_limits_t *limits)
{
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    limits->depth = mlcf->max_depth;
    limits->tokens = mlcf->max_tokens;
    limits->string_length = ngx_min(mlcf->max_string, NGX_MAX_INT32_VALUE);
    limits->number_length = mlcf->max_number;
    limits->batch = mlcf->max_batch;
    limits->hash_key[0] = mmcf->hash_key[0];
    limits->hash_key[1] = mmcf->hash_key[1];
}


static ngx_int_t
ngx_http_mcp_policy_evaluate(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena)
{
    mcp_rc_t                          rc;
    ngx_int_t                         held;
    mcp_store_t                       store;
    mcp_caller_t                      caller;
    mcp_verdict_t                     verdict;
    const mcp_decision_t             *decision;
    ngx_http_mcp_policy_caller_t      task_caller;
    ngx_http_mcp_policy_loc_conf_t   *mlcf;
    ngx_http_mcp_policy_approvals_t   approvals;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    ngx_http_mcp_policy_set_caller(r, ctx, mlcf, &caller);

    task_caller.policy = ctx->policy;
    task_caller.grant.data = (u_char *) caller.grant.data;
    task_caller.grant.len = caller.grant.len;

    caller.find_task = ngx_http_mcp_policy_task_find;
    caller.find_task_data = &task_caller;

    ngx_http_mcp_policy_approval_store(ctx, mlcf, &approvals);
    caller.approvals = &approvals.store;

    ngx_http_mcp_policy_zone_store(ctx->policy->zone, &store);

    rc = mcp_evaluate(ctx->version->core, body, &caller, &store, arena,
                      &verdict);

    if (rc != MCP_OK) {
        return NGX_ERROR;
    }

    decision = &verdict.decisions[verdict.first];

    if (decision->action == MCP_APPROVE && decision->ask && !approvals.closed)
    {
        held = ngx_http_mcp_policy_hold(r, ctx, decision->ask, caller.now_ms);

        if (held != NGX_DECLINED) {
            return held;
        }
    }

    if (decision->action == MCP_LIMIT) {
        ngx_http_mcp_policy_set_limit(ctx, decision->remaining,
                                      decision->reset_ms, caller.now_ms);
    }

    if (ngx_http_mcp_policy_keep_charges(r, ctx, &verdict, caller.now_ms)
        != NGX_OK
        || ngx_http_mcp_policy_keep_asks(r, ctx, &verdict) != NGX_OK
        || ngx_http_mcp_policy_audit_keep(r, ctx, body, &verdict, arena)
           != NGX_OK
        || ngx_http_mcp_policy_settle_expect(r, ctx, body) != NGX_OK)
    {
        store.refund(store.data, verdict.charges, verdict.charge_count,
                     caller.now_ms);
        ngx_http_mcp_policy_approval_give_back(approvals.zone, verdict.asks,
                                               verdict.ask_count);
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_count_verdict(r, ctx, body, &verdict);

    if (decision->action != MCP_ALLOW) {
        return ngx_http_mcp_policy_refuse(r, ctx, body, &verdict, arena);
    }

    if (decision->dry_action != MCP_ALLOW) {
        return ngx_http_mcp_policy_set_decision(r, ctx, decision->dry_action,
                                        mcp_reason_name(decision->dry_reason),
                                        decision->dry_rule, 1);
    }

    return ngx_http_mcp_policy_set_decision(r, ctx, MCP_ALLOW, "",
                                            mcp_str(""), 0);
}


/* Who is calling, for the core, and how it learns what it wants to know. */

void
ngx_http_mcp_policy_set_caller(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_http_mcp_policy_loc_conf_t *mlcf,
    mcp_caller_t *caller)
{
    ngx_str_t                   grant;
    const uint64_t             *key;
    ngx_http_mcp_policy_ctx_t  *main;

    main = ngx_http_mcp_policy_main_ctx(r);

    if (main == NULL) {
        main = ctx;
    }

    ngx_http_mcp_policy_grant(r, &grant);

    if (main->of_message) {
        ngx_str_null(&grant);
    }

    ngx_memzero(caller, sizeof(mcp_caller_t));

    caller->grant.data = grant.data;
    caller->grant.len = grant.len;
    caller->session = ctx->headers.mcp.session.value;
    caller->resolve = ngx_http_mcp_policy_resolve;
    caller->resolve_data = r;
    caller->pin_changed = ngx_http_mcp_policy_pin_changed;
    caller->pin_changed_data = ctx;
    caller->dry_run = mlcf->dry_run;
    caller->zone_full_allow = mlcf->zone_full_allow;
    caller->now_ms = ngx_http_mcp_policy_now();

    key = ngx_http_mcp_policy_zone_key(ctx->policy->zone);
    caller->hash_key[0] = key[0];
    caller->hash_key[1] = key[1];
}


/* What the call was charged outlives the arena, for its settlement. */

static ngx_int_t
ngx_http_mcp_policy_keep_charges(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_verdict_t *verdict,
    uint64_t now_ms)
{
    uint32_t             i;
    const mcp_charge_t  *tightest;

    if (verdict->charge_count == 0) {
        return NGX_OK;
    }

    ctx->charges = ngx_palloc(r->pool, verdict->charge_count
                                       * sizeof(mcp_charge_t));
    if (ctx->charges == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ctx->charges, verdict->charges,
               verdict->charge_count * sizeof(mcp_charge_t));

    ctx->charge_count = verdict->charge_count;

    tightest = &verdict->charges[0];

    for (i = 1; i < verdict->charge_count; i++) {
        if (ngx_http_mcp_policy_tighter(&verdict->charges[i], tightest)) {
            tightest = &verdict->charges[i];
        }
    }

    ngx_http_mcp_policy_set_limit(ctx, tightest->result.remaining,
                                  tightest->result.reset_ms, now_ms);

    return NGX_OK;
}


/* Which approvals it used, likewise, and which one it lacked. */

static ngx_int_t
ngx_http_mcp_policy_keep_asks(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_verdict_t *verdict)
{
    uint32_t                   i;
    const mcp_approval_ask_t  *ask;

    ask = verdict->decisions[verdict->first].ask;

    if (verdict->ask_count) {
        ask = &verdict->asks[0];
    }

    if (ask == NULL || ask->state == MCP_APPROVAL_NONE) {
        return NGX_OK;
    }

    ctx->facts.approval.len = NGX_HTTP_MCP_POLICY_APPROVAL_HEX;
    ctx->facts.approval.data = ngx_pnalloc(r->pool, ctx->facts.approval.len);

    if (ctx->facts.approval.data == NULL) {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_approval_hex(ask->id, ctx->facts.approval.data);

    if (verdict->ask_count == 0) {
        return NGX_OK;
    }

    ctx->asks = ngx_palloc(r->pool, verdict->ask_count
                                    * sizeof(mcp_approval_ask_t));
    if (ctx->asks == NULL) {
        return NGX_ERROR;
    }

    ctx->ask_count = verdict->ask_count;

    for (i = 0; i < verdict->ask_count; i++) {
        ctx->asks[i] = verdict->asks[i];

        /* the arena's */

        ctx->asks[i].policy = mcp_str("");
        ctx->asks[i].rule = mcp_str("");
        ctx->asks[i].tool = mcp_str("");
        ctx->asks[i].arguments = mcp_str("");
        ctx->asks[i].reason = mcp_str("");
    }

    return NGX_OK;
}


/* By the share that is left, as limits count different things. */

static ngx_uint_t
ngx_http_mcp_policy_tighter(const mcp_charge_t *charge,
    const mcp_charge_t *other)
{
    int64_t  amount, other_amount;

    amount = charge->spec->burst ? charge->spec->burst
                                 : charge->spec->amount;
    other_amount = other->spec->burst ? other->spec->burst
                                      : other->spec->amount;

    return (__int128) charge->result.remaining * other_amount
           <= (__int128) other->result.remaining * amount;
}


static void
ngx_http_mcp_policy_set_limit(ngx_http_mcp_policy_ctx_t *ctx,
    int64_t remaining, uint64_t reset_ms, uint64_t now_ms)
{
    ctx->facts.limited = 1;
    ctx->facts.remaining = remaining;
    ctx->facts.reset_s = (reset_ms > now_ms) ? (reset_ms - now_ms + 999) / 1000
                                             : 0;
}


static ngx_int_t
ngx_http_mcp_policy_refuse_invalid(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena)
{
    mcp_reply_t                      reply;
    mcp_reply_options_t              options;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (ngx_http_mcp_policy_set_facts(r, ctx, body, 0, arena) != NGX_OK
        || ngx_http_mcp_policy_set_decision(r, ctx, MCP_INVALID,
                                            mcp_invalid_name(body->invalid),
                                            mcp_str(""), mlcf->dry_run)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_count_request(r, ctx, body, MCP_INVALID,
                                      body->invalid);
    ngx_http_mcp_policy_log(r, ctx, NGX_LOG_INFO);

    if (ngx_http_mcp_policy_audit_keep(r, ctx, body, NULL, arena) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mlcf->dry_run) {
        return NGX_OK;
    }

    ngx_http_mcp_policy_reply_options(mlcf, &options);

    if (mcp_reply_invalid(body, &options, arena, &reply) != MCP_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_policy_set_reply(r, ctx, body, &reply);
}


/* mcp_enforce names a policy that does not exist. */

static ngx_int_t
ngx_http_mcp_policy_refuse_unknown(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena)
{
    unsigned                         status;
    mcp_rc_t                         rc;
    mcp_reply_t                      reply;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (ngx_http_mcp_policy_set_decision(r, ctx, MCP_DENY,
                              mcp_reason_name(MCP_REASON_UNKNOWN_POLICY),
                              mcp_str(""), mlcf->dry_run)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_count_request(r, ctx, body, MCP_DENY,
                                      MCP_REASON_UNKNOWN_POLICY);
    ngx_http_mcp_policy_log(r, ctx, NGX_LOG_WARN);

    if (ngx_http_mcp_policy_audit_keep(r, ctx, body, NULL, arena) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mlcf->dry_run) {
        return NGX_OK;
    }

    status = (body->count == 0) ? NGX_HTTP_FORBIDDEN : NGX_HTTP_OK;

    rc = mcp_reply_error_all(body, status, MCP_CODE_DENIED,
                             mcp_str("[POLICY DENIED] No policy is in force "
                                     "here, so nothing is permitted. Do not "
                                     "retry."),
                             arena, &reply);
    if (rc != MCP_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_policy_set_reply(r, ctx, body, &reply);
}


static ngx_int_t
ngx_http_mcp_policy_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_verdict_t *verdict, mcp_arena_t *arena)
{
    mcp_reply_t                      reply;
    mcp_reply_options_t              options;
    const mcp_decision_t            *decision;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    decision = &verdict->decisions[verdict->first];

    if (verdict->first
        && ngx_http_mcp_policy_set_facts(r, ctx, body, verdict->first, arena)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_mcp_policy_set_decision(r, ctx, decision->action,
                                         mcp_reason_name(decision->reason),
                                         decision->rule, mlcf->dry_run)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_log(r, ctx, NGX_LOG_WARN);

    if (mlcf->dry_run) {
        return NGX_OK;
    }

    ngx_http_mcp_policy_reply_options(mlcf, &options);

    if (mcp_reply_denied(body, verdict, &options, arena, &reply) != MCP_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_policy_set_reply(r, ctx, body, &reply);
}


static ngx_int_t
ngx_http_mcp_policy_set_decision(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_action_t action, const char *reason,
    mcp_str_t rule, ngx_uint_t dry)
{
    ctx->facts.decision = ngx_http_mcp_policy_action_name(action, dry);
    ctx->facts.reason = reason;

    ngx_http_mcp_policy_reset_variables(r);

    return ngx_http_mcp_policy_copy(r->pool, rule, &ctx->facts.rule);
}


const char *
ngx_http_mcp_policy_action_name(mcp_action_t action, ngx_uint_t dry)
{
    return dry ? ngx_http_mcp_policy_dry_actions[action]
               : mcp_action_name(action);
}


/*
 * Over HTTP+SSE a client ignores the POST's answer: what answers a request
 * goes to its stream.
 */

static ngx_int_t
ngx_http_mcp_policy_set_reply(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_reply_t *reply)
{
    ngx_int_t                        rc;
    ngx_uint_t                       answers;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    answers = (body->invalid == MCP_VALID) ? body->count
                                           : body->invalid_id.len;

    if (mlcf->transport == MCP_TRANSPORT_SSE && answers && reply->body.len) {

        rc = ngx_http_mcp_policy_mailbox_post(r, ctx, reply);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            reply->status = NGX_HTTP_ACCEPTED;
            reply->body.len = 0;

        } else if (reply->status < NGX_HTTP_BAD_REQUEST) {
            reply->status = NGX_HTTP_BAD_REQUEST;
        }
    }

    return ngx_http_mcp_policy_keep_reply(r, ctx, reply);
}


static void
ngx_http_mcp_policy_reply_options(ngx_http_mcp_policy_loc_conf_t *mlcf,
    mcp_reply_options_t *options)
{
    options->denial = mlcf->denial;
    options->list_unfiltered = (mlcf->list_filter
                                != NGX_HTTP_MCP_POLICY_LIST_ON);
    options->revisions = mlcf->revisions;
}


/* Who is calling: what mcp_grant says, else the credentials, else the peer. */

void
ngx_http_mcp_policy_grant(ngx_http_request_t *r, ngx_str_t *grant)
{
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (mlcf->grant) {
        if (ngx_http_complex_value(r, mlcf->grant, grant) != NGX_OK) {
            ngx_str_null(grant);
        }

        return;
    }

    if (r->headers_in.authorization) {
        *grant = r->headers_in.authorization->value;
        return;
    }

    *grant = r->connection->addr_text;
}


/* Names come from clients: cut, and without control characters. */

size_t
ngx_http_mcp_policy_log_name(u_char *dst, ngx_str_t *name)
{
    u_char     *p, *last;
    mcp_str_t   cut;

    cut.data = name->data;
    cut.len = ngx_min(name->len, NGX_HTTP_MCP_POLICY_LOG_NAME);

    last = mcp_json_escape(dst, cut);

    /* what JSON leaves alone, but a terminal does not: U+007F to U+009F */

    for (p = dst; p < last; p++) {
        if (*p == 0x7f) {
            *p = '?';

        } else if (*p == 0xc2 && last - p > 1 && p[1] < 0xa0) {
            *p++ = '?';
            *p = '?';
        }
    }

    return last - dst;
}


static void
ngx_http_mcp_policy_log(ngx_http_request_t *r, ngx_http_mcp_policy_ctx_t *ctx,
    ngx_uint_t level)
{
    u_char       tool[NGX_HTTP_MCP_POLICY_LOG_NAME * MCP_JSON_ESCAPE_MAX];
    u_char       method[NGX_HTTP_MCP_POLICY_LOG_NAME * MCP_JSON_ESCAPE_MAX];
    size_t       tool_length, method_length;
    ngx_str_t   *policy;
    const char  *approval, *end;

    static ngx_str_t  unknown = ngx_string("");

    tool_length = ngx_http_mcp_policy_log_name(tool, &ctx->facts.tool);
    method_length = ngx_http_mcp_policy_log_name(method, &ctx->facts.method);

    policy = ctx->policy ? &ctx->policy->name : &unknown;

    approval = ctx->facts.approval.len ? ", approval \"" : "";
    end = ctx->facts.approval.len ? "\"" : "";

    ngx_log_error(level, r->connection->log, 0,
                  "mcp policy \"%V\": decision %s, reason %s, rule \"%V\", "
                  "method \"%*s\", tool \"%*s\"%s%V%s",
                  policy, ctx->facts.decision, ctx->facts.reason,
                  &ctx->facts.rule, method_length, method, tool_length, tool,
                  approval, &ctx->facts.approval, end);
}


static mcp_rc_t
ngx_http_mcp_policy_resolve(void *data, const void *variables,
    mcp_arena_t *arena, mcp_str_t *value)
{
    ngx_http_request_t *r = data;

    ngx_str_t                   text;
    ngx_http_mcp_policy_ctx_t  *ctx;

    if (ngx_http_complex_value(r, (ngx_http_complex_value_t *) variables,
                               &text)
        != NGX_OK)
    {
        return MCP_NOMEM;
    }

    ctx = ngx_http_mcp_policy_main_ctx(r);

    if (ctx && ctx->of_message) {
        return MCP_ERROR;
    }

    value->data = text.data;
    value->len = text.len;

    return MCP_OK;
}
