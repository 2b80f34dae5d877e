/*
 * Names the counters of limits, whose keys are hashes.
 *
 * A charge finds its counter named, and leaves a hint of how full it is, in
 * two cache lines and without a lock.  The lock is taken to name one: in a
 * free slot, in one whose counter says nothing any more, or in that of the
 * least used counter of the group if this one is used more.  So a flood of
 * callers pushes out none that is nearer to its end, and soon takes no lock.
 */

#include "ngx_http_mcp_policy_usage.h"


/* of a zone */
#define NGX_HTTP_MCP_POLICY_USAGE_SHARE       32
#define NGX_HTTP_MCP_POLICY_USAGE_GROUPS_MAX  512


static void ngx_http_mcp_policy_usage_charge(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_charge_t *charge,
    const mcp_limit_t *limit);
static uint32_t ngx_http_mcp_policy_usage_level(const mcp_charge_t *charge);
static ngx_uint_t ngx_http_mcp_policy_usage_victim(
    const ngx_http_mcp_policy_usage_group_t *group, uint32_t level,
    uint32_t now);
static void ngx_http_mcp_policy_usage_describe(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_charge_t *charge,
    const mcp_limit_t *limit, ngx_http_mcp_policy_usage_slot_t *slot);
static void ngx_http_mcp_policy_usage_family(
    ngx_http_mcp_policy_usage_slot_t *slot);
static void ngx_http_mcp_policy_usage_claim(
    ngx_http_mcp_policy_shared_t *shared,
    const ngx_http_mcp_policy_usage_slot_t *slot, uint32_t level,
    uint32_t reset);


_Static_assert(sizeof(ngx_http_mcp_policy_usage_group_t) == 128,
               "a group is whole cache lines");
_Static_assert(sizeof(ngx_http_mcp_policy_usage_slot_t) == 512,
               "a slot is whole cache lines");


void
ngx_http_mcp_policy_usage_note(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_verdict_t *verdict)
{
    uint32_t  i;

    for (i = 0; i < verdict->charge_count; i++) {
        ngx_http_mcp_policy_usage_charge(r, ctx, &verdict->charges[i],
                                         verdict->limits[i]);
    }

    /* after a restart nothing else may tell who is at the end */

    if (verdict->full) {
        ngx_http_mcp_policy_usage_charge(r, ctx, verdict->full,
                                   verdict->decisions[verdict->first].limit);
    }
}


static void
ngx_http_mcp_policy_usage_charge(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_charge_t *charge,
    const mcp_limit_t *limit)
{
    uint32_t                            level, reset;
    uint64_t                            key;
    ngx_uint_t                          i;
    ngx_http_mcp_policy_zone_t         *zone;
    ngx_http_mcp_policy_shared_t       *shared;
    ngx_http_mcp_policy_usage_slot_t    slot;
    ngx_http_mcp_policy_usage_group_t  *group;

    zone = ctx->policy->zone->data;
    shared = zone->shared;

    group = ngx_http_mcp_policy_zone_area(shared, usage_offset);
    group += charge->key[1] % shared->usages;

    key = charge->key[0] | 1;
    level = ngx_http_mcp_policy_usage_level(charge);
    reset = ngx_min(charge->result.reset_ms / 1000 + 1, UINT32_MAX);

    for (i = 0; i < NGX_HTTP_MCP_POLICY_USAGE_GROUP; i++) {

        if (group->key[i] != key) {
            continue;
        }

        if (group->level[i] != level) {
            group->level[i] = level;
        }

        if (group->reset[i] != reset) {
            group->reset[i] = reset;
        }

        return;
    }

    if (ngx_http_mcp_policy_usage_victim(group, level,
                                         ngx_http_mcp_policy_now() / 1000)
        == NGX_HTTP_MCP_POLICY_USAGE_GROUP)
    {
        return;
    }

    ngx_http_mcp_policy_usage_describe(r, ctx, charge, limit, &slot);

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_http_mcp_policy_usage_claim(shared, &slot, level, reset);

    ngx_http_mcp_policy_test_locked();

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


static uint32_t
ngx_http_mcp_policy_usage_level(const mcp_charge_t *charge)
{
    uint64_t  amount, used;

    amount = charge->spec->burst ? charge->spec->burst : charge->spec->amount;
    used = amount - ngx_min((uint64_t) charge->result.remaining, amount);

    while (amount > UINT64_MAX / NGX_HTTP_MCP_POLICY_USAGE_FULL) {
        amount >>= 16;
        used >>= 16;
    }

    return used * NGX_HTTP_MCP_POLICY_USAGE_FULL / amount;
}


/* Which slot a counter of this level may have; GROUP: none. */

static ngx_uint_t
ngx_http_mcp_policy_usage_victim(
    const ngx_http_mcp_policy_usage_group_t *group, uint32_t level,
    uint32_t now)
{
    ngx_uint_t  i, victim;

    victim = NGX_HTTP_MCP_POLICY_USAGE_GROUP;

    for (i = 0; i < NGX_HTTP_MCP_POLICY_USAGE_GROUP; i++) {

        if (group->key[i] == 0 || group->reset[i] <= now) {
            return i;
        }

        if (group->level[i] < level) {
            level = group->level[i];
            victim = i;
        }
    }

    return victim;
}


static void
ngx_http_mcp_policy_usage_describe(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_charge_t *charge,
    const mcp_limit_t *limit, ngx_http_mcp_policy_usage_slot_t *slot)
{
    uint32_t   i;
    ngx_str_t  grant;
    mcp_str_t  text;

    ngx_memzero(slot, sizeof(ngx_http_mcp_policy_usage_slot_t));

    slot->key[0] = charge->key[0];
    slot->key[1] = charge->key[1];
    slot->spec = *charge->spec;
    slot->dry = charge->dry;

    slot->policy_length = ngx_http_mcp_policy_usage_text(slot->policy,
                                            NGX_HTTP_MCP_POLICY_USAGE_POLICY,
                                            ctx->policy->name.data,
                                            ctx->policy->name.len);
    slot->rule_length = ngx_http_mcp_policy_usage_text(slot->rule,
                                            NGX_HTTP_MCP_POLICY_USAGE_NAME,
                                            charge->rule.data,
                                            charge->rule.len);
    slot->limit_length = ngx_http_mcp_policy_usage_text(slot->limit,
                                            NGX_HTTP_MCP_POLICY_USAGE_LIMIT,
                                            limit->text.data,
                                            limit->text.len);
    slot->counter_length = ngx_http_mcp_policy_usage_text(slot->counter,
                                            NGX_HTTP_MCP_POLICY_USAGE_COUNTER,
                                            limit->counter.data,
                                            limit->counter.len);

    if (!limit->shared
        && (limit->counter.len == 0 || limit->space == MCP_COUNTER_OF_TOOL))
    {
        slot->tool_length = ngx_http_mcp_policy_usage_text(slot->tool,
                                            NGX_HTTP_MCP_POLICY_USAGE_NAME,
                                            charge->name.data,
                                            charge->name.len);
    }

    for (i = 0; i < limit->key_count; i++) {

        if (limit->keys[i].kind == MCP_KEY_GRANT
            || limit->keys[i].kind == MCP_KEY_SESSION)
        {
            ngx_http_mcp_policy_grant(r, &grant);

            text.data = grant.data;
            text.len = grant.len;

            mcp_siphash(ngx_http_mcp_policy_zone_key(ctx->policy->zone), text,
                        slot->grant);
            break;
        }
    }

    ngx_http_mcp_policy_usage_family(slot);
}


/* All of it is of the policy, none of callers: no key is needed. */

static void
ngx_http_mcp_policy_usage_family(ngx_http_mcp_policy_usage_slot_t *slot)
{
    u_char     buf[3 + NGX_HTTP_MCP_POLICY_USAGE_POLICY
                   + NGX_HTTP_MCP_POLICY_USAGE_NAME
                   + NGX_HTTP_MCP_POLICY_USAGE_LIMIT];
    u_char    *p;
    uint64_t   hash[2];
    mcp_str_t  text;

    static const uint64_t  key[2];

    p = buf;

    *p++ = slot->dry;
    *p++ = slot->policy_length;
    *p++ = slot->rule_length;
    p = ngx_cpymem(p, slot->policy, slot->policy_length);
    p = ngx_cpymem(p, slot->rule, slot->rule_length);
    p = ngx_cpymem(p, slot->limit, slot->limit_length);

    text.data = buf;
    text.len = p - buf;

    mcp_siphash(key, text, hash);

    slot->family = hash[0];
}


/* With the lock; a process that dies in here leaves a slot free at most. */

static void
ngx_http_mcp_policy_usage_claim(ngx_http_mcp_policy_shared_t *shared,
    const ngx_http_mcp_policy_usage_slot_t *slot, uint32_t level,
    uint32_t reset)
{
    uint64_t                            key;
    ngx_uint_t                          i, n;
    ngx_http_mcp_policy_usage_slot_t   *slots;
    ngx_http_mcp_policy_usage_group_t  *group;

    group = ngx_http_mcp_policy_zone_area(shared, usage_offset);
    slots = (ngx_http_mcp_policy_usage_slot_t *) (group + shared->usages);

    n = slot->key[1] % shared->usages;
    key = slot->key[0] | 1;

    group += n;

    for (i = 0; i < NGX_HTTP_MCP_POLICY_USAGE_GROUP; i++) {
        if (group->key[i] == key) {
            return;
        }
    }

    i = ngx_http_mcp_policy_usage_victim(group, level,
                                         ngx_http_mcp_policy_now() / 1000);

    if (i == NGX_HTTP_MCP_POLICY_USAGE_GROUP) {
        return;
    }

    group->key[i] = 0;

    ngx_memory_barrier();

    slots[n * NGX_HTTP_MCP_POLICY_USAGE_GROUP + i] = *slot;
    group->level[i] = level;
    group->reset[i] = reset;

    ngx_memory_barrier();

    group->key[i] = key;
}


/* The size of the area. */

size_t
ngx_http_mcp_policy_usage_layout(ngx_http_mcp_policy_shared_t *shared,
    size_t size)
{
    size_t      width;
    ngx_uint_t  groups;

    width = sizeof(ngx_http_mcp_policy_usage_group_t)
            + NGX_HTTP_MCP_POLICY_USAGE_GROUP
              * sizeof(ngx_http_mcp_policy_usage_slot_t);

    groups = size / NGX_HTTP_MCP_POLICY_USAGE_SHARE / width;
    groups = ngx_max(groups, 1);
    groups = ngx_min(groups, NGX_HTTP_MCP_POLICY_USAGE_GROUPS_MAX);

    shared->usages = groups;

    return groups * width;
}


/* A zone gets another size, and has the hash key of the old one. */

void
ngx_http_mcp_policy_usage_take(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_shared_t *old)
{
    ngx_uint_t                          i, n;
    ngx_http_mcp_policy_usage_slot_t   *slots;
    ngx_http_mcp_policy_usage_group_t  *group;

    group = ngx_http_mcp_policy_zone_area(old, usage_offset);
    slots = (ngx_http_mcp_policy_usage_slot_t *) (group + old->usages);

    for (n = 0; n < old->usages; n++) {

        for (i = 0; i < NGX_HTTP_MCP_POLICY_USAGE_GROUP; i++) {

            if (group[n].key[i]) {
                ngx_http_mcp_policy_usage_claim(shared,
                          &slots[n * NGX_HTTP_MCP_POLICY_USAGE_GROUP + i],
                          group[n].level[i], group[n].reset[i]);
            }
        }
    }
}


uint8_t
ngx_http_mcp_policy_usage_text(u_char *dst, size_t room, const u_char *data,
    size_t len)
{
    if (len > room) {
        len = room;

        while (len && (data[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    ngx_memcpy(dst, data, len);

    return len;
}
