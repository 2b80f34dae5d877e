/*
 * Counts decisions in the zone of the policy: a few atomic additions for
 * each, if the configuration has a page that shows them, else nothing.
 *
 * Names of tools come from clients, so there is room for a few that no policy
 * knows, and the rest are counted together as "other".  The lock is taken
 * when something is decided for the first time, and so no more often than
 * there are slots.
 */

#include "ngx_http_mcp_policy_status.h"

#include <time.h>


/* of a zone */
#define NGX_HTTP_MCP_POLICY_SERIES_SHARE  16
#define NGX_HTTP_MCP_POLICY_SERIES_MIN    48
#define NGX_HTTP_MCP_POLICY_SERIES_MAX    8192


static void ngx_http_mcp_policy_count_one(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_http_mcp_policy_series_slot_t *series,
    const mcp_target_t *target);
static void ngx_http_mcp_policy_count_refusal(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx,
    const ngx_http_mcp_policy_series_slot_t *series,
    const mcp_target_t *target, mcp_str_t rule);
static void ngx_http_mcp_policy_count_dry(
    ngx_http_mcp_policy_series_slot_t *series, const mcp_decision_t *decision,
    ngx_uint_t dry_run);
static ngx_uint_t ngx_http_mcp_policy_count_method(
    const mcp_message_t *message);
static ngx_uint_t ngx_http_mcp_policy_count_http(ngx_http_request_t *r);
static ngx_uint_t ngx_http_mcp_policy_count_plain(const mcp_target_t *target);
static ngx_uint_t ngx_http_mcp_policy_count_known(const mcp_policy_t *policy,
    const mcp_target_t *target);
static void ngx_http_mcp_policy_count_label(
    ngx_http_mcp_policy_series_slot_t *series, mcp_str_t tool);
static ngx_uint_t ngx_http_mcp_policy_count_add(
    ngx_http_mcp_policy_zone_t *zone,
    ngx_http_mcp_policy_series_slot_t *series,
    ngx_http_mcp_policy_series_class_e series_class);
static void ngx_http_mcp_policy_count_key(
    ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_series_slot_t *series);
static ngx_http_mcp_policy_series_slot_t *ngx_http_mcp_policy_count_find(
    ngx_http_mcp_policy_shared_t *shared,
    const ngx_http_mcp_policy_series_slot_t *series, ngx_uint_t *free);
static ngx_uint_t ngx_http_mcp_policy_count_room(
    const ngx_http_mcp_policy_statistics_t *statistics,
    ngx_uint_t series_class);
static ngx_http_mcp_policy_series_slot_t *ngx_http_mcp_policy_count_claim(
    ngx_http_mcp_policy_shared_t *shared,
    const ngx_http_mcp_policy_series_slot_t *series);


static const char  *ngx_http_mcp_policy_methods[] = {
    "other",
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "completion/complete",
    "logging/setLevel",
    "tasks/get",
    "tasks/result",
    "tasks/cancel",
    "tasks/list",
    "tasks/update",
    "notification",
    "response",
    "GET",
    "HEAD",
    "DELETE",
    "OPTIONS",
    ""
};

_Static_assert(sizeof(ngx_http_mcp_policy_methods) / sizeof(char *)
               == NGX_HTTP_MCP_POLICY_METHOD_COUNT, "a label for each method");
_Static_assert(sizeof(ngx_http_mcp_policy_series_slot_t) == 256,
               "a slot is whole cache lines");
_Static_assert(sizeof(ngx_http_mcp_policy_statistics_t) % 64 == 0,
               "slots begin on a cache line");


const char *const  ngx_http_mcp_policy_bounds[NGX_HTTP_MCP_POLICY_BUCKETS] = {
    "0.000001", "0.0000025", "0.000005", "0.00001", "0.000025", "0.00005",
    "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.1",
    "1", "+Inf"
};

static const uint64_t  ngx_http_mcp_policy_bounds_ns[] = {
    1000, 2500, 5000, 10000, 25000, 50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 100000000,
    1000000000
};


/* The decisions about a body, one for each message. */

void
ngx_http_mcp_policy_count_verdict(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_verdict_t *verdict)
{
    uint32_t                            i;
    const mcp_target_t                 *target;
    const mcp_message_t                *message;
    const mcp_decision_t               *decision;
    ngx_http_mcp_policy_loc_conf_t     *mlcf;
    ngx_http_mcp_policy_main_conf_t    *mmcf;
    ngx_http_mcp_policy_series_slot_t   series;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    if (!mmcf->counted) {
        return;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    for (i = 0; i < verdict->count; i++) {
        message = &body->messages[i];

        series.method = ngx_http_mcp_policy_count_method(message);
        decision = &verdict->decisions[i];

        ngx_http_mcp_policy_count_dry(&series, decision, mlcf->dry_run);

        target = message->target_count ? &message->targets[0] : NULL;

        ngx_http_mcp_policy_count_one(r, ctx, &series, target);

        /* innocent ones of a batch are not told of */

        if (series.action != MCP_ALLOW && series.reason != MCP_REASON_BATCH) {
            ngx_http_mcp_policy_count_refusal(r, ctx, &series, target,
                                              decision->action == MCP_ALLOW
                                              ? decision->dry_rule
                                              : decision->rule);
        }
    }

    if (verdict->charge_count || verdict->full) {
        ngx_http_mcp_policy_usage_note(r, ctx, verdict);
    }
}


/* There is no decision for lack of memory, or of the body's file. */

void
ngx_http_mcp_policy_count_failed(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    mcp_body_t  body;

    ngx_memzero(&body, sizeof(mcp_body_t));

    ngx_http_mcp_policy_count_request(r, ctx, &body, MCP_DENY,
                                      MCP_REASON_INTERNAL);
}


/* Of a request without messages, or of one whose messages do not matter. */

void
ngx_http_mcp_policy_count_request(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_action_t action, ngx_uint_t reason)
{
    uint32_t                            i;
    ngx_http_mcp_policy_loc_conf_t     *mlcf;
    ngx_http_mcp_policy_main_conf_t    *mmcf;
    ngx_http_mcp_policy_series_slot_t   series;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    if (!mmcf->counted) {
        return;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    series.action = action;
    series.reason = reason;
    series.dry = (action != MCP_ALLOW && mlcf->dry_run);
    series.method = ngx_http_mcp_policy_count_http(r);

    if (action == MCP_INVALID || body->count == 0) {
        ngx_http_mcp_policy_count_one(r, ctx, &series, NULL);
    }

    for (i = 0; action != MCP_INVALID && i < body->count; i++) {
        series.method = ngx_http_mcp_policy_count_method(&body->messages[i]);
        ngx_http_mcp_policy_count_one(r, ctx, &series, NULL);
    }

    if (action != MCP_ALLOW) {
        ngx_http_mcp_policy_count_refusal(r, ctx, &series, NULL, mcp_str(""));
    }
}


/* For the list of the latest. */

static void
ngx_http_mcp_policy_count_refusal(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx,
    const ngx_http_mcp_policy_series_slot_t *series,
    const mcp_target_t *target, mcp_str_t rule)
{
    ngx_http_mcp_policy_refusal_slot_t  refusal;

    ngx_memzero(&refusal, sizeof(ngx_http_mcp_policy_refusal_slot_t));

    refusal.method = series->method;
    refusal.action = series->action;
    refusal.reason = series->reason;
    refusal.dry = series->dry;

    if (ctx->policy) {
        refusal.policy_length = ngx_http_mcp_policy_usage_text(refusal.policy,
                                            NGX_HTTP_MCP_POLICY_USAGE_POLICY,
                                            ctx->policy->name.data,
                                            ctx->policy->name.len);
    }

    /* whoever knows a task's id can ask for its result */

    if (target && target->kind != MCP_TARGET_TASK) {
        refusal.tool_length = ngx_http_mcp_policy_usage_text(refusal.tool,
                                            NGX_HTTP_MCP_POLICY_USAGE_NAME,
                                            target->name.data,
                                            target->name.len);
    }

    refusal.rule_length = ngx_http_mcp_policy_usage_text(refusal.rule,
                                            NGX_HTTP_MCP_POLICY_USAGE_NAME,
                                            rule.data, rule.len);

    ngx_http_mcp_policy_refusal_note(r, ctx, &refusal);
}


/* A steady clock in ns, or 0 when nobody wants to know. */

uint64_t
ngx_http_mcp_policy_count_clock(ngx_http_request_t *r)
{
    struct timespec                   ts;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    if (!mmcf->counted || clock_gettime(CLOCK_MONOTONIC, &ts) == -1) {
        return 0;
    }

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


void
ngx_http_mcp_policy_count_time(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, uint64_t start)
{
    uint64_t                           ns;
    ngx_uint_t                         i;
    ngx_shm_zone_t                    *shm_zone;
    ngx_http_mcp_policy_time_t        *times;
    ngx_http_mcp_policy_zone_t        *zone;
    ngx_http_mcp_policy_main_conf_t   *mmcf;
    ngx_http_mcp_policy_statistics_t  *statistics;

    if (start == 0) {
        return;
    }

    ns = ngx_http_mcp_policy_count_clock(r) - start;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = ctx->policy ? ctx->policy->zone : mmcf->default_zone;
    zone = shm_zone->data;

    statistics = ngx_http_mcp_policy_zone_area(zone->shared,
                                               statistics_offset);
    times = &statistics->times[ngx_worker % NGX_HTTP_MCP_POLICY_SHARDS];

    for (i = 0; i < NGX_HTTP_MCP_POLICY_BUCKETS - 1; i++) {
        if (ns <= ngx_http_mcp_policy_bounds_ns[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&times->sum_ns, ns);
    (void) ngx_atomic_fetch_add(&times->buckets[i], 1);
}


static void
ngx_http_mcp_policy_count_one(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_http_mcp_policy_series_slot_t *series,
    const mcp_target_t *target)
{
    ngx_str_t                           name;
    ngx_uint_t                          known;
    ngx_shm_zone_t                     *shm_zone;
    ngx_http_mcp_policy_zone_t         *zone;
    ngx_http_mcp_policy_main_conf_t    *mmcf;
    ngx_http_mcp_policy_statistics_t   *statistics;
    ngx_http_mcp_policy_series_class_e  series_class;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    /* memcpy() from NULL would let a compiler forget the test */
    ngx_str_set(&name, "");

    if (ctx->policy) {
        name = ctx->policy->name;
        shm_zone = ctx->policy->zone;

    } else {
        shm_zone = mmcf->default_zone;
    }

    zone = shm_zone->data;

    series->policy_length = ngx_min(name.len,
                                    NGX_HTTP_MCP_POLICY_SERIES_POLICY);
    ngx_memcpy(series->policy, name.data, series->policy_length);

    if (target == NULL
        || target->kind == MCP_TARGET_NONE
        || target->kind == MCP_TARGET_TASK)
    {
        ngx_http_mcp_policy_count_label(series, mcp_str(""));

    } else {
        known = ngx_http_mcp_policy_count_known(ctx->version
                                                ? ctx->version->core : NULL,
                                                target);
        series_class = known ? NGX_HTTP_MCP_POLICY_SERIES_KNOWN
                             : NGX_HTTP_MCP_POLICY_SERIES_UNKNOWN;

        if (known || ngx_http_mcp_policy_count_plain(target)) {
            ngx_http_mcp_policy_count_label(series, target->name);

            if (ngx_http_mcp_policy_count_add(zone, series, series_class)) {
                return;
            }
        }

        ngx_http_mcp_policy_count_label(series, mcp_str("other"));
    }

    if (!ngx_http_mcp_policy_count_add(zone, series,
                                       NGX_HTTP_MCP_POLICY_SERIES_SUM))
    {
        statistics = ngx_http_mcp_policy_zone_area(zone->shared,
                                                   statistics_offset);
        (void) ngx_atomic_fetch_add(&statistics->lost, 1);
    }
}


static void
ngx_http_mcp_policy_count_dry(ngx_http_mcp_policy_series_slot_t *series,
    const mcp_decision_t *decision, ngx_uint_t dry_run)
{
    if (decision->action == MCP_ALLOW && decision->dry_action != MCP_ALLOW) {
        series->action = decision->dry_action;
        series->reason = decision->dry_reason;
        series->dry = 1;
        return;
    }

    series->action = decision->action;
    series->reason = decision->reason;
    series->dry = (decision->action != MCP_ALLOW && dry_run);
}


static ngx_uint_t
ngx_http_mcp_policy_count_method(const mcp_message_t *message)
{
    if (message->kind == MCP_MESSAGE_RESULT
        || message->kind == MCP_MESSAGE_ERROR)
    {
        return NGX_HTTP_MCP_POLICY_METHOD_RESPONSE;
    }

    return message->method;
}


static ngx_uint_t
ngx_http_mcp_policy_count_http(ngx_http_request_t *r)
{
    switch (r->method) {

    case NGX_HTTP_GET:
        return NGX_HTTP_MCP_POLICY_METHOD_GET;

    case NGX_HTTP_HEAD:
        return NGX_HTTP_MCP_POLICY_METHOD_HEAD;

    case NGX_HTTP_DELETE:
        return NGX_HTTP_MCP_POLICY_METHOD_DELETE;

    case NGX_HTTP_OPTIONS:
        return NGX_HTTP_MCP_POLICY_METHOD_OPTIONS;

    default:
        return NGX_HTTP_MCP_POLICY_METHOD_NONE;
    }
}


/*
 * Whether a name that no policy has may be shown.  URIs may not: there is no
 * end of them, and some have a secret inside.
 */

static ngx_uint_t
ngx_http_mcp_policy_count_plain(const mcp_target_t *target)
{
    u_char  c;
    size_t  i;

    if (target->kind == MCP_TARGET_RESOURCE
        || target->name.len == 0
        || target->name.len > NGX_HTTP_MCP_POLICY_SERIES_TOOL)
    {
        return 0;
    }

    for (i = 0; i < target->name.len; i++) {
        c = target->name.data[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9') && c != '_' && c != '.' && c != '/'
            && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_mcp_policy_count_known(const mcp_policy_t *policy,
    const mcp_target_t *target)
{
    if (policy == NULL || target->name.len == 0
        || target->name.len > NGX_HTTP_MCP_POLICY_SERIES_TOOL)
    {
        return 0;
    }

    return mcp_pattern_set_has(policy->targets[target->kind], target->name)
           || mcp_pattern_set_has(policy->hidden, target->name);
}


static void
ngx_http_mcp_policy_count_label(ngx_http_mcp_policy_series_slot_t *series,
    mcp_str_t tool)
{
    series->tool_length = tool.len;
    ngx_memcpy(series->tool, tool.data, tool.len);
}


/* Zero when there is no room. */

static ngx_uint_t
ngx_http_mcp_policy_count_add(ngx_http_mcp_policy_zone_t *zone,
    ngx_http_mcp_policy_series_slot_t *series,
    ngx_http_mcp_policy_series_class_e series_class)
{
    ngx_uint_t                          i;
    ngx_http_mcp_policy_statistics_t   *statistics;
    ngx_http_mcp_policy_series_slot_t  *slot;

    statistics = ngx_http_mcp_policy_zone_area(zone->shared,
                                               statistics_offset);

    series->series_class = series_class;
    ngx_http_mcp_policy_count_key(zone->shared, series);

    slot = ngx_http_mcp_policy_count_find(zone->shared, series, &i);

    if (slot == NULL) {

        if (!ngx_http_mcp_policy_count_room(statistics, series_class)) {
            return 0;
        }

        ngx_shmtx_lock(&zone->shpool->mutex);

        slot = ngx_http_mcp_policy_count_claim(zone->shared, series);

        ngx_http_mcp_policy_test_locked();

        ngx_shmtx_unlock(&zone->shpool->mutex);

        if (slot == NULL) {
            return 0;
        }
    }

    (void) ngx_atomic_fetch_add(&slot->count, 1);

    return 1;
}


static void
ngx_http_mcp_policy_count_key(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_series_slot_t *series)
{
    u_char      buf[5 + NGX_HTTP_MCP_POLICY_SERIES_POLICY
                    + NGX_HTTP_MCP_POLICY_SERIES_TOOL];
    u_char     *p;
    uint64_t    key[2];
    mcp_str_t   text;

    p = buf;

    *p++ = series->method;
    *p++ = series->action;
    *p++ = series->reason;
    *p++ = series->dry;
    *p++ = series->policy_length;
    p = ngx_cpymem(p, series->policy, series->policy_length);
    p = ngx_cpymem(p, series->tool, series->tool_length);

    text.data = buf;
    text.len = p - buf;

    mcp_siphash(shared->hash_key, text, key);

    series->key = key[0] | 1;    /* zero is free */
    series->rest = key[1];
}


/* NULL: it has no slot yet, and could get slot *free. */

static ngx_http_mcp_policy_series_slot_t *
ngx_http_mcp_policy_count_find(ngx_http_mcp_policy_shared_t *shared,
    const ngx_http_mcp_policy_series_slot_t *series, ngx_uint_t *free)
{
    ngx_uint_t                          i, n;
    ngx_http_mcp_policy_statistics_t   *statistics;
    ngx_http_mcp_policy_series_slot_t  *slots;

    statistics = ngx_http_mcp_policy_zone_area(shared, statistics_offset);
    slots = (ngx_http_mcp_policy_series_slot_t *) (statistics + 1);

    i = series->key % statistics->slots;

    for (n = 0; n < statistics->slots; n++) {

        if (slots[i].key == 0) {
            break;
        }

        ngx_memory_barrier();

        if (slots[i].key == series->key && slots[i].rest == series->rest) {
            return &slots[i];
        }

        i = (i + 1) % statistics->slots;
    }

    *free = i;

    return NULL;
}


/*
 * Names that clients make up get a quarter of the slots, they and the sums a
 * half, so that at least three in eight are left for names of policies.
 */

static ngx_uint_t
ngx_http_mcp_policy_count_room(
    const ngx_http_mcp_policy_statistics_t *statistics,
    ngx_uint_t series_class)
{
    if (statistics->used >= statistics->slots / 8 * 7) {
        return 0;
    }

    if (series_class == NGX_HTTP_MCP_POLICY_SERIES_KNOWN) {
        return 1;
    }

    if (statistics->unknown + statistics->sums >= statistics->slots / 2) {
        return 0;
    }

    return series_class == NGX_HTTP_MCP_POLICY_SERIES_SUM
           || statistics->unknown < statistics->slots / 4;
}


/* With the lock; a process that dies in here has used up a slot at most. */

static ngx_http_mcp_policy_series_slot_t *
ngx_http_mcp_policy_count_claim(ngx_http_mcp_policy_shared_t *shared,
    const ngx_http_mcp_policy_series_slot_t *series)
{
    ngx_uint_t                          i;
    ngx_http_mcp_policy_statistics_t   *statistics;
    ngx_http_mcp_policy_series_slot_t  *slot;

    slot = ngx_http_mcp_policy_count_find(shared, series, &i);

    if (slot) {
        return slot;
    }

    statistics = ngx_http_mcp_policy_zone_area(shared, statistics_offset);

    if (!ngx_http_mcp_policy_count_room(statistics, series->series_class)) {
        return NULL;
    }

    statistics->used++;
    statistics->unknown += (series->series_class
                            == NGX_HTTP_MCP_POLICY_SERIES_UNKNOWN);
    statistics->sums += (series->series_class
                         == NGX_HTTP_MCP_POLICY_SERIES_SUM);

    slot = (ngx_http_mcp_policy_series_slot_t *) (statistics + 1) + i;

    slot->rest = series->rest;
    slot->count = 0;
    slot->method = series->method;
    slot->action = series->action;
    slot->reason = series->reason;
    slot->dry = series->dry;
    slot->series_class = series->series_class;
    slot->policy_length = series->policy_length;
    slot->tool_length = series->tool_length;
    ngx_memcpy(slot->policy, series->policy, series->policy_length);
    ngx_memcpy(slot->tool, series->tool, series->tool_length);

    ngx_memory_barrier();

    slot->key = series->key;

    return slot;
}


/* The size of the area. */

size_t
ngx_http_mcp_policy_count_layout(ngx_http_mcp_policy_shared_t *shared,
    size_t size)
{
    ngx_uint_t                         slots;
    ngx_http_mcp_policy_statistics_t  *statistics;

    slots = size / NGX_HTTP_MCP_POLICY_SERIES_SHARE
            / sizeof(ngx_http_mcp_policy_series_slot_t);
    slots = ngx_max(slots, NGX_HTTP_MCP_POLICY_SERIES_MIN);
    slots = ngx_min(slots, NGX_HTTP_MCP_POLICY_SERIES_MAX);

    statistics = ngx_http_mcp_policy_zone_area(shared, statistics_offset);

    statistics->slots = slots;
    statistics->since = ngx_time();

    return sizeof(ngx_http_mcp_policy_statistics_t)
           + slots * sizeof(ngx_http_mcp_policy_series_slot_t);
}


/*
 * A zone of another size goes on counting.  In a smaller one names may have
 * to be added up.  What workers about to end decide from now on is not
 * counted.
 */

void
ngx_http_mcp_policy_count_take(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_shared_t *old)
{
    ngx_uint_t                          i, n, pass;
    ngx_http_mcp_policy_statistics_t   *to, *from;
    ngx_http_mcp_policy_series_slot_t  *slots, *slot, series;

    /* the sums first, which have to be there for the rest */

    static const uint8_t                classes[] = {
        NGX_HTTP_MCP_POLICY_SERIES_SUM,
        NGX_HTTP_MCP_POLICY_SERIES_KNOWN,
        NGX_HTTP_MCP_POLICY_SERIES_UNKNOWN
    };

    to = ngx_http_mcp_policy_zone_area(shared, statistics_offset);
    from = ngx_http_mcp_policy_zone_area(old, statistics_offset);

    to->since = from->since;
    to->lost = from->lost;
    ngx_memcpy(to->times, from->times, sizeof(to->times));

    slot = NULL;
    slots = (ngx_http_mcp_policy_series_slot_t *) (from + 1);

    for (pass = 0; pass < 3; pass++) {

        for (i = 0; i < from->slots; i++) {

            if (slots[i].key == 0 || slots[i].series_class != classes[pass]) {
                continue;
            }

            series = slots[i];

            for (n = 0; n < 2; n++) {
                ngx_http_mcp_policy_count_key(shared, &series);
                slot = ngx_http_mcp_policy_count_claim(shared, &series);

                if (slot || classes[pass] == NGX_HTTP_MCP_POLICY_SERIES_SUM) {
                    break;
                }

                series.series_class = NGX_HTTP_MCP_POLICY_SERIES_SUM;
                ngx_http_mcp_policy_count_label(&series, mcp_str("other"));
            }

            if (slot) {
                slot->count += series.count;

            } else {
                to->lost += series.count;
            }
        }
    }
}


const char *
ngx_http_mcp_policy_method_label(ngx_uint_t method)
{
    return ngx_http_mcp_policy_methods[method];
}
