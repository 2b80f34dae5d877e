/*
 * Tasks: an answer that creates one binds its id to the tool and the caller,
 * so that tasks/get and its like can be judged.  Answers are only looked at:
 * a JSON text or an event is read when it is complete, before the bytes that
 * complete it are passed on, so nobody can use the id earlier than the zone
 * knows it.
 */

#include "ngx_http_mcp_policy_zone.h"

#include "mcp_event_stream.h"
#include "mcp_task.h"


/* an answer that creates a task is short; longer ones are not looked at */
#define NGX_HTTP_MCP_POLICY_TASK_TEXT     65536
#define NGX_HTTP_MCP_POLICY_TASK_TOKENS   16384

#define NGX_HTTP_MCP_POLICY_TASK_LIFE     (24 * 60 * 60)
#define NGX_HTTP_MCP_POLICY_TASK_LIFE_MAX (30 * 24 * 60 * 60)

/* of a group's slots those that one caller can have */
#define NGX_HTTP_MCP_POLICY_TASK_QUOTA    4


/* A request whose answer may create a task. */
typedef struct {
    ngx_str_t                           id;       /* a string unescaped */
    ngx_str_t                           tool;
    unsigned                            string:1; /* the id is a string */
} ngx_http_mcp_policy_task_request_t;


struct ngx_http_mcp_policy_watch_s {
    ngx_http_mcp_policy_task_request_t *requests;
    ngx_uint_t                          count;
    uint64_t                            grant[2];
    u_char                             *buffer;
    size_t                              length;   /* of a JSON answer */
    mcp_task_text_t                     text;
    mcp_event_stream_t                 *events;   /* NULL: a JSON answer */
    unsigned                            modern:1; /* by 2026-07-28 */
    unsigned                            active:1;
};


static ngx_int_t ngx_http_mcp_policy_task_possible(const mcp_body_t *body,
    const mcp_message_t *message);
static ngx_int_t ngx_http_mcp_policy_task_request(ngx_http_request_t *r,
    const mcp_body_t *body, const mcp_message_t *message, mcp_arena_t *arena,
    ngx_http_mcp_policy_task_request_t *request);
static void ngx_http_mcp_policy_task_stop(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
static ngx_int_t ngx_http_mcp_policy_task_collect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t piece);
static void ngx_http_mcp_policy_task_read(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text);
static void ngx_http_mcp_policy_task_message(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_json_t *json, uint32_t root,
    mcp_arena_t *arena);
static ngx_http_mcp_policy_task_request_t *ngx_http_mcp_policy_task_answered(
    ngx_http_mcp_policy_watch_t *watch, const mcp_json_t *json, uint32_t id);
static void ngx_http_mcp_policy_task_key(ngx_http_mcp_policy_t *policy,
    mcp_str_t id, uint64_t *key);
static void ngx_http_mcp_policy_task_grant(ngx_http_mcp_policy_t *policy,
    ngx_str_t *grant, uint64_t *hash);
static time_t ngx_http_mcp_policy_task_expires(uint64_t ttl_ms);
static ngx_int_t ngx_http_mcp_policy_task_bind(
    ngx_http_mcp_policy_shared_t *shared,
    const ngx_http_mcp_policy_task_slot_t *task);


/*
 * After a body was allowed, while it is still at hand.  NGX_ERROR: no memory.
 */

ngx_int_t
ngx_http_mcp_policy_task_expect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena)
{
    uint32_t                      i;
    ngx_str_t                     grant;
    ngx_uint_t                    n;
    ngx_http_mcp_policy_watch_t  *watch;

    n = 0;

    for (i = 0; i < body->count; i++) {
        n += ngx_http_mcp_policy_task_possible(body, &body->messages[i]);
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_http_mcp_policy_grant(r, &grant);

    if (grant.len == 0) {
        /* nobody's task: everybody could ask for it */
        return NGX_OK;
    }

    watch = ngx_pcalloc(r->pool, sizeof(ngx_http_mcp_policy_watch_t));
    if (watch == NULL) {
        return NGX_ERROR;
    }

    watch->requests = ngx_pcalloc(r->pool,
                           n * sizeof(ngx_http_mcp_policy_task_request_t));
    if (watch->requests == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < body->count; i++) {

        if (!ngx_http_mcp_policy_task_possible(body, &body->messages[i])) {
            continue;
        }

        if (ngx_http_mcp_policy_task_request(r, body, &body->messages[i],
                                         arena,
                                         &watch->requests[watch->count])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        watch->count++;
    }

    watch->modern = (body->revision == MCP_2026_07_28);

    ngx_http_mcp_policy_task_grant(ctx->policy, &grant, watch->grant);

    ctx->watch = watch;

    return NGX_OK;
}


/*
 * Legacy: the call asks for a task.  2026-07-28: the client knows tasks, and
 * a server may not create one for any other.
 */

static ngx_int_t
ngx_http_mcp_policy_task_possible(const mcp_body_t *body,
    const mcp_message_t *message)
{
    uint32_t   token;
    mcp_str_t  capabilities;

    if (message->kind != MCP_MESSAGE_REQUEST
        || message->method != MCP_METHOD_TOOLS_CALL
        || message->target_count != 1)
    {
        return 0;
    }

    if (body->revision != MCP_2026_07_28) {
        return message->task;
    }

    if (message->meta == MCP_JSON_NONE) {
        return 0;
    }

    token = mcp_json_member(&body->json, message->meta,
                    mcp_str("io.modelcontextprotocol/clientCapabilities"));

    if (token == MCP_JSON_NONE) {
        return 0;
    }

    /* the slash before it may be written in two ways */

    capabilities = mcp_json_raw(&body->json, token);

    return memmem(capabilities.data, capabilities.len, "tasks",
                  sizeof("tasks") - 1)
           != NULL;
}


static ngx_int_t
ngx_http_mcp_policy_task_request(ngx_http_request_t *r,
    const mcp_body_t *body, const mcp_message_t *message, mcp_arena_t *arena,
    ngx_http_mcp_policy_task_request_t *request)
{
    uint32_t   token;
    mcp_rc_t   rc;
    mcp_str_t  id;

    id = message->id;
    token = mcp_json_member(&body->json, message->root, mcp_str("id"));

    if (token != MCP_JSON_NONE
        && body->json.tokens[token].type == MCP_JSON_STRING)
    {
        rc = mcp_json_string(&body->json, token, arena, &id);

        if (rc != MCP_OK) {
            return NGX_ERROR;
        }

        request->string = 1;
    }

    if (ngx_http_mcp_policy_copy(r->pool, id, &request->id) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_policy_copy(r->pool, message->targets[0].name,
                                    &request->tool);
}


/* Whether the answer is one to look at, and how. */

void
ngx_http_mcp_policy_task_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_http_mcp_policy_watch_t  *watch;

    watch = ctx->watch;
    ctx->watch = NULL;

    if (r->headers_out.status != NGX_HTTP_OK
        || (r->headers_out.content_encoding
            && r->headers_out.content_encoding->value.len)
        || r->headers_out.content_length_n > NGX_HTTP_MCP_POLICY_TASK_TEXT)
    {
        return;
    }

    if (ngx_http_mcp_policy_content_type_is(r, "text/event-stream",
                                            sizeof("text/event-stream") - 1))
    {
        watch->events = ngx_palloc(r->pool, sizeof(mcp_event_stream_t));
        if (watch->events == NULL) {
            return;
        }

    } else if (!ngx_http_mcp_policy_content_type_is(r, "application/json",
                                              sizeof("application/json") - 1))
    {
        return;
    }

    watch->buffer = ngx_palloc(r->pool, NGX_HTTP_MCP_POLICY_TASK_TEXT);
    if (watch->buffer == NULL) {
        return;
    }

    if (watch->events) {
        mcp_event_stream_init(watch->events, watch->buffer,
                              NGX_HTTP_MCP_POLICY_TASK_TEXT);
    }

    r->filter_need_in_memory = 1;

    ctx->watch = watch;
    watch->active = 1;
}


void
ngx_http_mcp_policy_task_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in)
{
    mcp_str_t                     piece;
    ngx_buf_t                    *b;
    ngx_http_mcp_policy_watch_t  *watch;

    watch = ctx->watch;

    if (!watch->active) {
        /* an answer without a header of ours: an error page */
        return;
    }

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (ngx_buf_in_memory(b)) {
            piece.data = b->pos;
            piece.len = b->last - b->pos;

            if (ngx_http_mcp_policy_task_collect(r, ctx, piece) != NGX_OK) {
                ngx_http_mcp_policy_task_stop(r, ctx);
                return;
            }
        }

        if (b->last_buf) {
            ngx_http_mcp_policy_task_stop(r, ctx);
            return;
        }
    }
}


static void
ngx_http_mcp_policy_task_stop(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    (void) ngx_pfree(r->pool, ctx->watch->buffer);

    ctx->watch = NULL;
}


/* NGX_DONE: nothing more can follow that matters. */

static ngx_int_t
ngx_http_mcp_policy_task_collect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t piece)
{
    size_t                        end;
    mcp_str_t                     text;
    ngx_http_mcp_policy_watch_t  *watch;

    watch = ctx->watch;

    if (watch->events) {

        while (mcp_event_stream_next(watch->events, &piece)) {

            if (mcp_event_stream_type_is(watch->events, mcp_str("message"))
                && !mcp_event_stream_truncated(watch->events))
            {
                text = mcp_event_stream_data(watch->events);
                ngx_http_mcp_policy_task_read(r, ctx, text);
            }
        }

        return NGX_OK;
    }

    if (piece.len > NGX_HTTP_MCP_POLICY_TASK_TEXT - watch->length) {
        return NGX_DONE;
    }

    end = mcp_task_text_end(&watch->text, piece);

    ngx_memcpy(watch->buffer + watch->length, piece.data, piece.len);

    if (end == 0) {
        watch->length += piece.len;
        return NGX_OK;
    }

    text.data = watch->buffer;
    text.len = watch->length + end;

    ngx_http_mcp_policy_task_read(r, ctx, text);

    return NGX_DONE;
}


static void
ngx_http_mcp_policy_task_read(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text)
{
    uint32_t                          root;
    mcp_json_t                        json;
    mcp_arena_t                      *arena;
    mcp_limits_t                      limits;
    ngx_http_mcp_policy_loc_conf_t   *mlcf;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    /* nearly every answer is told to be another one by this */

    if (memmem(text.data, text.len, "taskId", sizeof("taskId") - 1) == NULL) {
        return;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);
    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    limits.depth = mlcf->max_depth;
    limits.tokens = NGX_HTTP_MCP_POLICY_TASK_TOKENS;
    limits.string_length = NGX_HTTP_MCP_POLICY_TASK_TEXT;
    limits.number_length = mlcf->max_number;
    limits.batch = mlcf->max_batch;
    limits.hash_key[0] = mmcf->hash_key[0];
    limits.hash_key[1] = mmcf->hash_key[1];

    arena = ngx_http_mcp_policy_arena();

    if (mcp_json_parse(&json, text, &limits, arena, NULL) != MCP_OK
        || json.defect != MCP_JSON_VALID)
    {
        return;
    }

    if (json.tokens[0].type != MCP_JSON_ARRAY) {
        ngx_http_mcp_policy_task_message(r, ctx, &json, 0, arena);
        return;
    }

    for (root = 1; root < json.tokens[0].next; root = json.tokens[root].next)
    {
        ngx_http_mcp_policy_task_message(r, ctx, &json, root, arena);
    }
}


static void
ngx_http_mcp_policy_task_message(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_json_t *json, uint32_t root,
    mcp_arena_t *arena)
{
    ngx_int_t                            rc;
    mcp_task_created_t                   created;
    ngx_http_mcp_policy_zone_t          *zone;
    ngx_http_mcp_policy_watch_t         *watch;
    ngx_http_mcp_policy_task_slot_t      task;
    ngx_http_mcp_policy_task_request_t  *request;

    watch = ctx->watch;

    if (mcp_task_created(json, root, watch->modern, arena, &created)
        != MCP_OK)
    {
        return;
    }

    request = ngx_http_mcp_policy_task_answered(watch, json, created.id);
    if (request == NULL) {
        return;
    }

    rc = NGX_DECLINED;

    if (request->tool.len <= NGX_HTTP_MCP_POLICY_TASK_NAME) {
        ngx_http_mcp_policy_task_key(ctx->policy, created.task_id, task.key);

        task.grant[0] = watch->grant[0];
        task.grant[1] = watch->grant[1];
        task.expires = ngx_http_mcp_policy_task_expires(created.ttl_ms);
        task.length = request->tool.len;
        ngx_memcpy(task.tool, request->tool.data, request->tool.len);

        zone = ctx->policy->zone->data;

        ngx_shmtx_lock(&zone->shpool->mutex);

        rc = ngx_http_mcp_policy_task_bind(zone->shared, &task);

        ngx_shmtx_unlock(&zone->shpool->mutex);
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "mcp policy \"%V\": a task of tool \"%V\" is not "
                      "remembered: %s", &ctx->policy->name, &request->tool,
                      (rc == NGX_BUSY) ? "no room in the zone"
                      : (rc == NGX_ABORT) ? "its id is another caller's"
                      : "the name of the tool is too long");
    }
}


static ngx_http_mcp_policy_task_request_t *
ngx_http_mcp_policy_task_answered(ngx_http_mcp_policy_watch_t *watch,
    const mcp_json_t *json, uint32_t id)
{
    mcp_str_t                            text, raw;
    ngx_uint_t                           i;
    ngx_http_mcp_policy_task_request_t  *request;

    for (i = 0; i < watch->count; i++) {
        request = &watch->requests[i];

        text.data = request->id.data;
        text.len = request->id.len;

        if (json->tokens[id].type == MCP_JSON_STRING) {

            if (request->string && mcp_json_string_equal(json, id, text)) {
                return request;
            }

            continue;
        }

        raw = mcp_json_raw(json, id);

        if (!request->string && mcp_str_equal(raw, text)) {
            return request;
        }
    }

    return NULL;
}


/* "data" is a ngx_http_mcp_policy_caller_t. */

mcp_rc_t
ngx_http_mcp_policy_task_find(void *data, mcp_str_t id, mcp_arena_t *arena,
    mcp_task_t *task)
{
    ngx_http_mcp_policy_caller_t *caller = data;

    time_t                            now;
    uint64_t                          key[2], grant[2];
    mcp_str_t                         tool;
    ngx_uint_t                        i, first, width;
    ngx_http_mcp_policy_zone_t       *zone;
    ngx_http_mcp_policy_task_slot_t  *slot, found;

    now = ngx_time();
    zone = caller->policy->zone->data;

    ngx_http_mcp_policy_task_key(caller->policy, id, key);
    ngx_http_mcp_policy_task_grant(caller->policy, &caller->grant, grant);

    slot = ngx_http_mcp_policy_zone_area(zone->shared, task_offset);
    first = ngx_http_mcp_policy_zone_group(zone->shared->tasks, key, &width);

    found.key[0] = 0;
    found.key[1] = 0;

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = first; i < first + width; i++) {
        if (slot[i].key[0] == key[0] && slot[i].key[1] == key[1]
            && slot[i].expires > now)
        {
            found = slot[i];
            break;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (found.key[0] != key[0] || found.key[1] != key[1]) {
        return MCP_NO;
    }

    tool.data = found.tool;
    tool.len = ngx_min(found.length, NGX_HTTP_MCP_POLICY_TASK_NAME);

    task->tool = mcp_arena_copy(arena, tool);
    task->owner = found.grant[0] == grant[0] && found.grant[1] == grant[1]
                  && caller->grant.len;

    return task->tool.data ? MCP_OK : MCP_NOMEM;
}


/* Policies do not share tasks: their upstreams may use the same ids. */

static void
ngx_http_mcp_policy_task_key(ngx_http_mcp_policy_t *policy, mcp_str_t id,
    uint64_t *key)
{
    uint64_t   of_policy[2];
    mcp_str_t  name;

    name.data = policy->name.data;
    name.len = policy->name.len;

    mcp_siphash(ngx_http_mcp_policy_zone_key(policy->zone), name, of_policy);
    mcp_siphash(of_policy, id, key);

    if (key[0] == 0 && key[1] == 0) {
        /* means a free slot */
        key[0] = 1;
    }
}


static void
ngx_http_mcp_policy_task_grant(ngx_http_mcp_policy_t *policy,
    ngx_str_t *grant, uint64_t *hash)
{
    mcp_str_t  text;

    text.data = grant->data;
    text.len = grant->len;

    mcp_siphash(ngx_http_mcp_policy_zone_key(policy->zone), text, hash);
}


static time_t
ngx_http_mcp_policy_task_expires(uint64_t ttl_ms)
{
    uint64_t  life;

    life = ngx_min(ttl_ms / 1000, NGX_HTTP_MCP_POLICY_TASK_LIFE_MAX);
    life = ngx_max(life, NGX_HTTP_MCP_POLICY_TASK_LIFE);

    return ngx_time() + (time_t) life;
}


/*
 * Under the lock.  No caller crowds out others: who has its share of a group
 * gives up its own task that is the next to expire.  NGX_BUSY: others fill
 * the group.  NGX_ABORT: the id is known, as another caller's.
 */

static ngx_int_t
ngx_http_mcp_policy_task_bind(ngx_http_mcp_policy_shared_t *shared,
    const ngx_http_mcp_policy_task_slot_t *task)
{
    time_t                            now;
    ngx_uint_t                        i, first, width, owned;
    ngx_http_mcp_policy_task_slot_t  *slot, *vacant, *own;

    now = ngx_time();
    vacant = NULL;
    own = NULL;
    owned = 0;

    slot = ngx_http_mcp_policy_zone_area(shared, task_offset);
    first = ngx_http_mcp_policy_zone_group(shared->tasks, task->key, &width);

    for (i = first; i < first + width; i++) {

        if ((slot[i].key[0] == 0 && slot[i].key[1] == 0)
            || slot[i].expires <= now)
        {
            if (vacant == NULL) {
                vacant = &slot[i];
            }

            continue;
        }

        if (slot[i].grant[0] != task->grant[0]
            || slot[i].grant[1] != task->grant[1])
        {
            if (slot[i].key[0] == task->key[0]
                && slot[i].key[1] == task->key[1])
            {
                return NGX_ABORT;
            }

            continue;
        }

        if (slot[i].key[0] == task->key[0] && slot[i].key[1] == task->key[1])
        {
            vacant = &slot[i];
            own = NULL;
            owned = 0;
            break;
        }

        owned++;

        if (own == NULL || slot[i].expires < own->expires) {
            own = &slot[i];
        }
    }

    if (own && (vacant == NULL
                || owned >= ngx_max(width / NGX_HTTP_MCP_POLICY_TASK_QUOTA,
                                    1)))
    {
        vacant = own;
    }

    if (vacant == NULL) {
        return NGX_BUSY;
    }

    /* a worker that dies in between leaves a free slot */

    vacant->key[0] = 0;
    vacant->key[1] = 0;

    ngx_memory_barrier();

    vacant->grant[0] = task->grant[0];
    vacant->grant[1] = task->grant[1];
    vacant->expires = task->expires;
    vacant->length = task->length;
    ngx_memcpy(vacant->tool, task->tool, task->length);

    ngx_memory_barrier();

    vacant->key[0] = task->key[0];
    vacant->key[1] = task->key[1];

    return NGX_OK;
}
