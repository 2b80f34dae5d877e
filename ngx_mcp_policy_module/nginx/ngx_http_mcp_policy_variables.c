/*
 * Variables: what a decision was about and how it went.  Values are set once,
 * when the decision is taken; handlers only hand them out.
 */

#include "ngx_http_mcp_policy.h"

#include "mcp_decimal.h"


#define NGX_HTTP_MCP_POLICY_DECIMAL  32

static ngx_int_t ngx_http_mcp_policy_variable_message(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_variable_string(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_variable_word(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_variable_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_variable_remaining(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_variable_reset(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_variable_policy(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_variable_grant(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_variable_argument(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_policy_found(ngx_http_variable_value_t *v,
    const void *data, size_t len);


#define NGX_HTTP_MCP_POLICY_FACT(name)                                        \
    offsetof(ngx_http_mcp_policy_ctx_t, facts)                                \
    + offsetof(ngx_http_mcp_policy_facts_t, name)


static ngx_http_variable_t  ngx_http_mcp_policy_vars[] = {

    { ngx_string("mcp_method"), NULL, ngx_http_mcp_policy_variable_message,
      NGX_HTTP_MCP_POLICY_FACT(method), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_tool"), NULL, ngx_http_mcp_policy_variable_message,
      NGX_HTTP_MCP_POLICY_FACT(tool), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_id"), NULL, ngx_http_mcp_policy_variable_message,
      NGX_HTTP_MCP_POLICY_FACT(id), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_protocol"), NULL, ngx_http_mcp_policy_variable_string,
      NGX_HTTP_MCP_POLICY_FACT(protocol), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_session"), NULL, ngx_http_mcp_policy_variable_string,
      NGX_HTTP_MCP_POLICY_FACT(session), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_client"), NULL, ngx_http_mcp_policy_variable_message,
      NGX_HTTP_MCP_POLICY_FACT(client), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_traceparent"), NULL,
      ngx_http_mcp_policy_variable_message,
      NGX_HTTP_MCP_POLICY_FACT(traceparent), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_rule"), NULL, ngx_http_mcp_policy_variable_string,
      NGX_HTTP_MCP_POLICY_FACT(rule), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_approval"), NULL, ngx_http_mcp_policy_variable_string,
      NGX_HTTP_MCP_POLICY_FACT(approval), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_args_hash"), NULL, ngx_http_mcp_policy_variable_message,
      NGX_HTTP_MCP_POLICY_FACT(args_hash), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_decision"), NULL, ngx_http_mcp_policy_variable_word,
      NGX_HTTP_MCP_POLICY_FACT(decision), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_reason"), NULL, ngx_http_mcp_policy_variable_word,
      NGX_HTTP_MCP_POLICY_FACT(reason), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_count"), NULL, ngx_http_mcp_policy_variable_count, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_limit_remaining"), NULL,
      ngx_http_mcp_policy_variable_remaining, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_limit_reset"), NULL,
      ngx_http_mcp_policy_variable_reset, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_policy"), NULL, ngx_http_mcp_policy_variable_policy, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_grant"), NULL, ngx_http_mcp_policy_variable_grant, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mcp_arg_"), NULL, ngx_http_mcp_policy_variable_argument, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_mcp_policy_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_mcp_policy_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/*
 * Every variable that the configuration uses is indexed by now: tells which
 * arguments and hashes are worth computing, and which cached values a
 * decision makes stale (the log module reads values already computed).
 */

ngx_int_t
ngx_http_mcp_policy_init_variables(ngx_conf_t *cf)
{
    ngx_str_t                         name, *argument;
    ngx_uint_t                        i, *index;
    ngx_http_variable_t              *v;
    ngx_http_core_main_conf_t        *cmcf;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_policy_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        name = v[i].name;

        if (name.len < 4 || ngx_strncmp(name.data, "mcp_", 4) != 0) {
            continue;
        }

        index = ngx_array_push(&mmcf->variables);
        if (index == NULL) {
            return NGX_ERROR;
        }

        *index = i;

        if (name.len == sizeof("mcp_args_hash") - 1
            && ngx_strncmp(name.data, "mcp_args_hash", name.len) == 0)
        {
            mmcf->args_hash = 1;
            continue;
        }

        if (name.len > 8 && ngx_strncmp(name.data, "mcp_arg_", 8) == 0) {
            argument = ngx_array_push(&mmcf->arguments);
            if (argument == NULL) {
                return NGX_ERROR;
            }

            argument->data = name.data + 8;
            argument->len = name.len - 8;
        }
    }

    return NGX_OK;
}


void
ngx_http_mcp_policy_reset_variables(ngx_http_request_t *r)
{
    ngx_uint_t                        i, *index;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    index = mmcf->variables.elts;

    for (i = 0; i < mmcf->variables.nelts; i++) {
        r->variables[index[i]].valid = 0;
        r->variables[index[i]].not_found = 0;
    }
}


/* Subrequests share variables with the main request: theirs is the context. */

ngx_http_mcp_policy_ctx_t *
ngx_http_mcp_policy_main_ctx(ngx_http_request_t *r)
{
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_get_ctx(r->main);

    return ctx ? ctx : ngx_http_mcp_policy_get_ctx(r);
}


static ngx_int_t
ngx_http_mcp_policy_found(ngx_http_variable_value_t *v, const void *data,
    size_t len)
{
    v->data = (u_char *) data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_variable_string(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                  *fact;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_main_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    fact = (ngx_str_t *) ((u_char *) ctx + data);

    return ngx_http_mcp_policy_found(v, fact->data, fact->len);
}


/*
 * Of several messages it is the first one's: no rule must be made of it, nor
 * of what a map has remembered since.
 */

static ngx_int_t
ngx_http_mcp_policy_variable_message(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_main_ctx(r);

    if (ctx && ctx->facts.count > 1) {
        ctx->of_message = 1;
    }

    return ngx_http_mcp_policy_variable_string(r, v, data);
}


static ngx_int_t
ngx_http_mcp_policy_variable_word(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char                 *word;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_main_ctx(r);
    word = ctx ? *(const char **) ((u_char *) ctx + data) : NULL;

    if (word == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_mcp_policy_found(v, word, ngx_strlen(word));
}


static ngx_int_t
ngx_http_mcp_policy_variable_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p, *last;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_main_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(p, "%ui", ctx->facts.count);

    return ngx_http_mcp_policy_found(v, p, last - p);
}


static ngx_int_t
ngx_http_mcp_policy_variable_remaining(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p;
    size_t                      len;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_main_ctx(r);

    if (ctx == NULL || !ctx->facts.limited) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_MCP_POLICY_DECIMAL);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = mcp_decimal_format(ctx->facts.remaining, (char *) p,
                             NGX_HTTP_MCP_POLICY_DECIMAL);

    return ngx_http_mcp_policy_found(v, p, len);
}


static ngx_int_t
ngx_http_mcp_policy_variable_reset(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p, *last;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_main_ctx(r);

    if (ctx == NULL || !ctx->facts.limited) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(p, "%uL", ctx->facts.reset_s);

    return ngx_http_mcp_policy_found(v, p, last - p);
}


static ngx_int_t
ngx_http_mcp_policy_variable_policy(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_main_ctx(r);

    if (ctx == NULL || ctx->policy == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_mcp_policy_found(v, ctx->policy->name.data,
                                     ctx->policy->name.len);
}


static ngx_int_t
ngx_http_mcp_policy_variable_grant(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                   grant, hash;
    mcp_str_t                   input;
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = ngx_http_mcp_policy_main_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_mcp_policy_grant(ctx->request, &grant);

    if (grant.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    input.data = grant.data;
    input.len = grant.len;

    if (ngx_http_mcp_policy_hash_text(r, ctx, input, &hash) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_policy_found(v, hash.data, hash.len);
}


static ngx_int_t
ngx_http_mcp_policy_variable_argument(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *variable = (ngx_str_t *) data;

    ngx_str_t                         name, *argument, *value;
    ngx_uint_t                        i;
    ngx_http_mcp_policy_ctx_t        *ctx;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    ctx = ngx_http_mcp_policy_main_ctx(r);

    v->not_found = 1;

    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ctx->facts.count > 1) {
        ctx->of_message = 1;
    }

    if (ctx->facts.arguments == NULL) {
        return NGX_OK;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    name.data = variable->data + sizeof("mcp_arg_") - 1;
    name.len = variable->len - (sizeof("mcp_arg_") - 1);

    argument = mmcf->arguments.elts;

    for (i = 0; i < mmcf->arguments.nelts; i++) {

        if (argument[i].len != name.len
            || ngx_memcmp(argument[i].data, name.data, name.len) != 0)
        {
            continue;
        }

        value = &ctx->facts.arguments[i];

        if (value->data) {
            (void) ngx_http_mcp_policy_found(v, value->data, value->len);
        }

        break;
    }

    return NGX_OK;
}
