/*
 * What a decision was about, copied out of the message for variables and
 * logs.
 */

#include "ngx_http_mcp_policy.h"

#include "mcp_siphash.h"


static ngx_int_t ngx_http_mcp_policy_set_message_facts(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_message_t *message, mcp_arena_t *arena);
static ngx_int_t ngx_http_mcp_policy_set_id(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_message_t *message, mcp_arena_t *arena);
static ngx_int_t ngx_http_mcp_policy_set_invalid_id(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena);
static void ngx_http_mcp_policy_set_session(ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_set_client(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body);
static ngx_int_t ngx_http_mcp_policy_set_arguments(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_message_t *message, mcp_arena_t *arena);
static ngx_int_t ngx_http_mcp_policy_find_argument(const mcp_json_t *json,
    uint32_t object, ngx_str_t *name, mcp_arena_t *arena, uint32_t *token);
static const uint64_t *ngx_http_mcp_policy_hash_key(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_hash_hex(ngx_http_request_t *r,
    const uint64_t hash[2], ngx_str_t *text);
static ngx_int_t ngx_http_mcp_policy_copy_text(ngx_pool_t *pool,
    const mcp_json_t *json, mcp_str_t src, ngx_str_t *dst);
static ngx_int_t ngx_http_mcp_policy_one_line(ngx_pool_t *pool,
    ngx_str_t *text);


/*
 * Copies what the configuration's variables and the logs may ask for about
 * message "index" of the body out of the worker's arena.
 */

ngx_int_t
ngx_http_mcp_policy_set_facts(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body, uint32_t index,
    mcp_arena_t *arena)
{
    mcp_str_t  revision;

    ctx->facts.count = body->count;

    if (body->revision != MCP_REVISION_NONE) {
        revision = mcp_revision_name(body->revision);

        ctx->facts.protocol.data = (u_char *) revision.data;
        ctx->facts.protocol.len = revision.len;

    } else if (ngx_http_mcp_policy_copy_text(r->pool, &body->json,
                                             body->initialize_version,
                                             &ctx->facts.protocol)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_mcp_policy_copy_text(r->pool, &body->json,
                                      body->traceparent,
                                      &ctx->facts.traceparent)
        != NGX_OK
        || ngx_http_mcp_policy_set_client(r, ctx, body) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_set_session(ctx);

    if (body->invalid != MCP_VALID) {
        return ngx_http_mcp_policy_set_invalid_id(r, ctx, body, arena);
    }

    if (body->count == 0) {
        return NGX_OK;
    }

    return ngx_http_mcp_policy_set_message_facts(r, ctx, body,
                                                 &body->messages[index],
                                                 arena);
}


static ngx_int_t
ngx_http_mcp_policy_set_invalid_id(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena)
{
    uint32_t   token;
    mcp_str_t  id;

    id = body->invalid_id;

    if (id.len && id.data[0] == '"') {
        token = mcp_json_member(&body->json, 0, mcp_str("id"));

        if (mcp_json_string(&body->json, token, arena, &id) == MCP_NOMEM) {
            return NGX_ERROR;
        }
    }

    return ngx_http_mcp_policy_copy_text(r->pool, &body->json, id,
                                         &ctx->facts.id);
}


/* A session id that is refused, or would be, is no text for logs. */

static void
ngx_http_mcp_policy_set_session(ngx_http_mcp_policy_ctx_t *ctx)
{
    size_t     i;
    mcp_str_t  session;

    session = ctx->headers.mcp.session.value;

    for (i = 0; i < session.len; i++) {
        if (session.data[i] <= ' ' || session.data[i] >= 0x7f) {
            return;
        }
    }

    ctx->facts.session.data = (u_char *) session.data;
    ctx->facts.session.len = session.len;
}


static ngx_int_t
ngx_http_mcp_policy_set_message_facts(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_message_t *message, mcp_arena_t *arena)
{
    uint64_t                          hash[2];
    mcp_str_t                         method, target;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    method = mcp_method_name(message->method);

    if (method.len) {
        ctx->facts.method.data = (u_char *) method.data;
        ctx->facts.method.len = method.len;

    } else if (ngx_http_mcp_policy_copy_text(r->pool, &body->json,
                                             message->method_name,
                                             &ctx->facts.method)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* whoever knows a task's id can ask for its result: no text for logs */

    target = (message->target_count
              && message->targets[0].kind != MCP_TARGET_TASK)
             ? message->targets[0].name : mcp_str("");

    if (ngx_http_mcp_policy_copy_text(r->pool, &body->json, target,
                                      &ctx->facts.tool)
        != NGX_OK
        || ngx_http_mcp_policy_set_id(r, ctx, body, message, arena) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mmcf->args_hash && message->arguments != MCP_JSON_NONE) {
        ngx_http_mcp_policy_hash_arguments(r, ctx,
                                           mcp_json_raw(&body->json,
                                                        message->arguments),
                                           hash);

        if (ngx_http_mcp_policy_hash_hex(r, hash, &ctx->facts.args_hash)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_mcp_policy_set_arguments(r, ctx, body, message, arena);
}


/* As written for the reply, and its value, which is most often part of it. */

static ngx_int_t
ngx_http_mcp_policy_set_id(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_message_t *message, mcp_arena_t *arena)
{
    mcp_str_t  id;

    if (ngx_http_mcp_policy_message_id(body, message, arena, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    if (body->batch || message->kind != MCP_MESSAGE_REQUEST) {
        return ngx_http_mcp_policy_copy_text(r->pool, &body->json, id,
                                             &ctx->facts.id);
    }

    if (ngx_http_mcp_policy_copy(r->pool, message->id, &ctx->raw_id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (id.data >= message->id.data
        && id.data < message->id.data + message->id.len)
    {
        ctx->facts.id.data = ctx->raw_id.data + (id.data - message->id.data);
        ctx->facts.id.len = id.len;

        return NGX_OK;
    }

    return ngx_http_mcp_policy_copy_text(r->pool, &body->json, id,
                                         &ctx->facts.id);
}


/* A string without its quotes, and with what its escapes stand for. */

ngx_int_t
ngx_http_mcp_policy_message_id(const mcp_body_t *body,
    const mcp_message_t *message, mcp_arena_t *arena, mcp_str_t *id)
{
    uint32_t  token;

    *id = message->id;

    if (id->len == 0 || id->data[0] != '"') {
        return NGX_OK;
    }

    token = mcp_json_member(&body->json, message->root, mcp_str("id"));

    return (mcp_json_string(&body->json, token, arena, id) == MCP_OK)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_mcp_policy_set_client(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body)
{
    u_char     *p;
    ngx_str_t  *client;

    if (body->client_name.len == 0) {
        return NGX_OK;
    }

    client = &ctx->facts.client;

    p = ngx_pnalloc(r->pool, body->client_name.len + 1
                             + body->client_version.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    client->data = p;

    p = ngx_cpymem(p, body->client_name.data, body->client_name.len);

    if (body->client_version.len) {
        *p++ = '/';
        p = ngx_cpymem(p, body->client_version.data,
                       body->client_version.len);
    }

    client->len = p - client->data;

    return ngx_http_mcp_policy_one_line(r->pool, client);
}


static ngx_int_t
ngx_http_mcp_policy_set_arguments(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_message_t *message, mcp_arena_t *arena)
{
    uint32_t                          token;
    mcp_rc_t                          rc;
    mcp_str_t                         value;
    ngx_str_t                        *argument;
    ngx_uint_t                        i;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    if (mmcf->arguments.nelts == 0) {
        return NGX_OK;
    }

    ctx->facts.arguments = ngx_pcalloc(r->pool, mmcf->arguments.nelts
                                                * sizeof(ngx_str_t));
    if (ctx->facts.arguments == NULL) {
        return NGX_ERROR;
    }

    if (message->arguments == MCP_JSON_NONE) {
        return NGX_OK;
    }

    argument = mmcf->arguments.elts;

    for (i = 0; i < mmcf->arguments.nelts; i++) {
        if (ngx_http_mcp_policy_find_argument(&body->json, message->arguments,
                                              &argument[i], arena, &token)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (token == MCP_JSON_NONE) {
            continue;
        }

        switch (body->json.tokens[token].type) {

        case MCP_JSON_OBJECT:
        case MCP_JSON_ARRAY:
            continue;

        case MCP_JSON_STRING:
            rc = mcp_json_string(&body->json, token, arena, &value);

            if (rc == MCP_NOMEM) {
                return NGX_ERROR;
            }

            if (rc != MCP_OK) {
                continue;
            }

            break;

        default:
            value = mcp_json_raw(&body->json, token);
        }

        if (ngx_http_mcp_policy_copy_text(r->pool, &body->json, value,
                                          &ctx->facts.arguments[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * nginx keeps names of variables in lower case: $mcp_arg_userId stands for
 * "userid", or for the one argument that differs from it in case only.
 */

static ngx_int_t
ngx_http_mcp_policy_find_argument(const mcp_json_t *json, uint32_t object,
    ngx_str_t *name, mcp_arena_t *arena, uint32_t *token)
{
    uint32_t    key, value;
    mcp_rc_t    rc;
    mcp_str_t   text;
    ngx_uint_t  count;

    text.data = name->data;
    text.len = name->len;

    *token = mcp_json_member(json, object, text);

    if (*token != MCP_JSON_NONE) {
        return NGX_OK;
    }

    count = 0;

    for (key = object + 1; key < json->tokens[object].next;
         key = json->tokens[value].next)
    {
        value = json->tokens[key].next;

        rc = mcp_json_string(json, key, arena, &text);

        if (rc == MCP_NOMEM) {
            return NGX_ERROR;
        }

        if (rc == MCP_OK && text.len == name->len
            && ngx_strncasecmp((u_char *) text.data, name->data, text.len)
               == 0)
        {
            *token = value;
            count++;
        }
    }

    if (count > 1) {
        *token = MCP_JSON_NONE;
    }

    return NGX_OK;
}


/* 128 bits, keyed by the policy's zone: equal across workers. */

void
ngx_http_mcp_policy_hash(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t input, uint64_t hash[2])
{
    mcp_siphash(ngx_http_mcp_policy_hash_key(r, ctx), input, hash);
}


/* These are long, and nothing is looked up by them. */

void
ngx_http_mcp_policy_hash_arguments(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t arguments, uint64_t hash[2])
{
    mcp_siphash_text(ngx_http_mcp_policy_hash_key(r, ctx), arguments, hash);
}


static const uint64_t *
ngx_http_mcp_policy_hash_key(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_shm_zone_t                   *zone;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    zone = ctx->policy ? ctx->policy->zone : mmcf->default_zone;

    return ngx_http_mcp_policy_zone_key(zone);
}


/* The hash in hex. */

ngx_int_t
ngx_http_mcp_policy_hash_text(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t input, ngx_str_t *text)
{
    uint64_t  hash[2];

    ngx_http_mcp_policy_hash(r, ctx, input, hash);

    return ngx_http_mcp_policy_hash_hex(r, hash, text);
}


static ngx_int_t
ngx_http_mcp_policy_hash_hex(ngx_http_request_t *r, const uint64_t hash[2],
    ngx_str_t *text)
{
    text->data = ngx_pnalloc(r->pool, 4 * sizeof(uint64_t));
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    (void) mcp_hex_write(text->data, hash);
    text->len = 4 * sizeof(uint64_t);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_policy_copy(ngx_pool_t *pool, mcp_str_t src, ngx_str_t *dst)
{
    ngx_str_null(dst);

    if (src.len == 0) {
        return NGX_OK;
    }

    dst->data = ngx_pnalloc(pool, src.len);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = src.len;
    ngx_memcpy(dst->data, src.data, src.len);

    return NGX_OK;
}


/*
 * A text of the client as a value of a variable.  What stands in the body
 * itself has no control characters: only escapes could bring them.
 */

static ngx_int_t
ngx_http_mcp_policy_copy_text(ngx_pool_t *pool, const mcp_json_t *json,
    mcp_str_t src, ngx_str_t *dst)
{
    if (ngx_http_mcp_policy_copy(pool, src, dst) != NGX_OK) {
        return NGX_ERROR;
    }

    if (src.len == 0
        || (src.data >= json->text && src.data < json->text + json->length))
    {
        return NGX_OK;
    }

    return ngx_http_mcp_policy_one_line(pool, dst);
}


/*
 * nginx writes variables into headers and request lines as they are.  Other
 * values of a client cannot have a line end; of a JSON string it stays
 * escaped.
 */

static ngx_int_t
ngx_http_mcp_policy_one_line(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char  *p, *src, *last;
    size_t   controls;

    last = text->data + text->len;
    controls = 0;

    for (src = text->data; src < last; src++) {
        controls += (*src < ' ');
    }

    if (controls == 0) {
        return NGX_OK;
    }

    src = text->data;

    p = ngx_pnalloc(pool, text->len + controls * (sizeof("\\u0000") - 2));
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for ( /* void */ ; src < last; src++) {
        if (*src < ' ') {
            p = ngx_sprintf(p, "\\u%04xd", (ngx_int_t) *src);

        } else {
            *p++ = *src;
        }
    }

    text->len = p - text->data;

    return NGX_OK;
}
