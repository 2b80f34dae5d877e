/*
 * How far the counters that are named in the zones are used up now.
 */

#include "ngx_http_mcp_policy_usage.h"

#include "mcp_decimal.h"


static void ngx_http_mcp_policy_usage_zone(ngx_shm_zone_t *shm_zone,
    ngx_http_mcp_policy_usages_t *all, ngx_uint_t room);
static ngx_uint_t ngx_http_mcp_policy_usage_group(
    ngx_http_mcp_policy_zone_t *zone, ngx_uint_t n,
    ngx_http_mcp_policy_usage_t *usages, mcp_table_entry_t *entries,
    mcp_limit_spec_t *specs);
static ngx_uint_t ngx_http_mcp_policy_usage_now(
    ngx_http_mcp_policy_usage_t *usage, const mcp_limit_spec_t *spec,
    const mcp_table_entry_t *entry);
static int ngx_libc_cdecl ngx_http_mcp_policy_usage_order(const void *one,
    const void *two);
static void ngx_http_mcp_policy_usage_add(
    ngx_http_mcp_policy_family_t *family,
    const ngx_http_mcp_policy_usage_t *usage);
static int ngx_libc_cdecl ngx_http_mcp_policy_usage_family_order(
    const void *one, const void *two);
static int ngx_libc_cdecl ngx_http_mcp_policy_usage_label_order(
    const void *one, const void *two);


ngx_int_t
ngx_http_mcp_policy_usage_read(ngx_http_request_t *r,
    ngx_http_mcp_policy_usages_t *all)
{
    ngx_uint_t                          i, n, k, room;
    ngx_shm_zone_t                    **shm_zone;
    ngx_http_mcp_policy_zone_t         *zone;
    ngx_http_mcp_policy_main_conf_t    *mmcf;
    ngx_http_mcp_policy_usage_group_t  *group;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = mmcf->zones.elts;
    room = 0;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;
        group = ngx_http_mcp_policy_zone_area(zone->shared, usage_offset);

        for (n = 0; n < zone->shared->usages; n++) {
            for (k = 0; k < NGX_HTTP_MCP_POLICY_USAGE_GROUP; k++) {
                room += (group[n].key[k] != 0);
            }
        }
    }

    all->count = 0;
    all->usages = ngx_palloc(r->pool, (room + 1)
                                      * sizeof(ngx_http_mcp_policy_usage_t));
    if (all->usages == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < mmcf->zones.nelts; i++) {
        ngx_http_mcp_policy_usage_zone(shm_zone[i], all, room);
    }

    ngx_qsort(all->usages, all->count, sizeof(ngx_http_mcp_policy_usage_t),
              ngx_http_mcp_policy_usage_order);

    return NGX_OK;
}


/* The lock is held for one group at a time. */

static void
ngx_http_mcp_policy_usage_zone(ngx_shm_zone_t *shm_zone,
    ngx_http_mcp_policy_usages_t *all, ngx_uint_t room)
{
    ngx_uint_t                    i, n, count;
    mcp_limit_spec_t              specs[NGX_HTTP_MCP_POLICY_USAGE_GROUP];
    mcp_table_entry_t             entries[NGX_HTTP_MCP_POLICY_USAGE_GROUP];
    ngx_http_mcp_policy_zone_t   *zone;
    ngx_http_mcp_policy_usage_t   usages[NGX_HTTP_MCP_POLICY_USAGE_GROUP];

    zone = shm_zone->data;

    for (n = 0; n < zone->shared->usages; n++) {

        ngx_shmtx_lock(&zone->shpool->mutex);

        count = ngx_http_mcp_policy_usage_group(zone, n, usages, entries,
                                                specs);

        ngx_shmtx_unlock(&zone->shpool->mutex);

        for (i = 0; i < count && all->count < room; i++) {
            usages[i].zone = shm_zone;

            if (ngx_http_mcp_policy_usage_now(&usages[i], &specs[i],
                                              &entries[i]))
            {
                all->usages[all->count++] = usages[i];
            }
        }
    }
}


static ngx_uint_t
ngx_http_mcp_policy_usage_group(ngx_http_mcp_policy_zone_t *zone,
    ngx_uint_t n, ngx_http_mcp_policy_usage_t *usages,
    mcp_table_entry_t *entries, mcp_limit_spec_t *specs)
{
    ngx_uint_t                          i, count, slot;
    ngx_http_mcp_policy_usage_slot_t   *slots;
    ngx_http_mcp_policy_usage_group_t  *group;

    group = ngx_http_mcp_policy_zone_area(zone->shared, usage_offset);
    slots = (ngx_http_mcp_policy_usage_slot_t *)
                                             (group + zone->shared->usages);
    count = 0;

    for (i = 0; i < NGX_HTTP_MCP_POLICY_USAGE_GROUP; i++) {
        slot = n * NGX_HTTP_MCP_POLICY_USAGE_GROUP + i;

        if (group[n].key[i] == 0
            || mcp_table_find(zone->table, slots[slot].key, &entries[count])
               != MCP_OK)
        {
            continue;
        }

        usages[count].slot = slot;
        usages[count].key[0] = slots[slot].key[0];
        usages[count].key[1] = slots[slot].key[1];
        usages[count].family = slots[slot].family;
        specs[count++] = slots[slot].spec;
    }

    return count;
}


/* Zero when nothing of it is used any more. */

static ngx_uint_t
ngx_http_mcp_policy_usage_now(ngx_http_mcp_policy_usage_t *usage,
    const mcp_limit_spec_t *spec, const mcp_table_entry_t *entry)
{
    mcp_charge_result_t  result;

    if (mcp_counter_check(spec, &entry->cell, ngx_http_mcp_policy_now(), 0,
                          &result)
        != MCP_OK)
    {
        return 0;
    }

    usage->amount = spec->burst ? spec->burst : spec->amount;
    usage->remaining = ngx_min(result.remaining, usage->amount);
    usage->used = usage->amount - usage->remaining;
    usage->reset_ms = result.reset_ms;

    return usage->used > 0;
}


static int ngx_libc_cdecl
ngx_http_mcp_policy_usage_order(const void *one, const void *two)
{
    __int128                            order;
    const ngx_http_mcp_policy_usage_t  *a, *b;

    a = one;
    b = two;

    order = (__int128) b->used * a->amount - (__int128) a->used * b->amount;

    if (order == 0) {
        order = (__int128) a->key[0] - b->key[0];
    }

    return (order > 0) - (order < 0);
}


ngx_int_t
ngx_http_mcp_policy_usage_slot(const ngx_http_mcp_policy_usage_t *usage,
    ngx_http_mcp_policy_usage_slot_t *slot)
{
    ngx_int_t                           rc;
    ngx_http_mcp_policy_zone_t         *zone;
    ngx_http_mcp_policy_usage_slot_t   *slots;
    ngx_http_mcp_policy_usage_group_t  *group;

    zone = usage->zone->data;

    group = ngx_http_mcp_policy_zone_area(zone->shared, usage_offset);
    slots = (ngx_http_mcp_policy_usage_slot_t *)
                                             (group + zone->shared->usages);
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (slots[usage->slot].key[0] == usage->key[0]
        && slots[usage->slot].key[1] == usage->key[1])
    {
        *slot = slots[usage->slot];
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


/* By policy, rule and limit, without their callers. */

ngx_int_t
ngx_http_mcp_policy_usage_families(ngx_http_request_t *r,
    const ngx_http_mcp_policy_usages_t *all,
    ngx_http_mcp_policy_family_t **families, ngx_uint_t *count)
{
    ngx_uint_t                     i, n, room;
    ngx_http_mcp_policy_usage_t   *usages;
    ngx_http_mcp_policy_family_t  *family;

    usages = ngx_palloc(r->pool, (all->count + 1)
                                 * sizeof(ngx_http_mcp_policy_usage_t));
    if (usages == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(usages, all->usages,
               all->count * sizeof(ngx_http_mcp_policy_usage_t));

    ngx_qsort(usages, all->count, sizeof(ngx_http_mcp_policy_usage_t),
              ngx_http_mcp_policy_usage_family_order);

    room = 1;

    for (i = 1; i < all->count; i++) {
        room += (usages[i].family != usages[i - 1].family);
    }

    family = ngx_pcalloc(r->pool,
                         room * sizeof(ngx_http_mcp_policy_family_t));
    if (family == NULL) {
        return NGX_ERROR;
    }

    *families = family;
    *count = 0;

    for (i = 0; i < all->count; i = n) {

        for (n = i; n < all->count && usages[n].family == usages[i].family;
             n++)
        {
            if (family->counters == 0
                && ngx_http_mcp_policy_usage_slot(&usages[n], &family->slot)
                   != NGX_OK)
            {
                continue;
            }

            ngx_http_mcp_policy_usage_add(family, &usages[n]);
        }

        if (family->counters) {
            ngx_memzero(family->slot.tool, NGX_HTTP_MCP_POLICY_USAGE_NAME);
            family++;
            (*count)++;
        }
    }

    ngx_qsort(*families, *count, sizeof(ngx_http_mcp_policy_family_t),
              ngx_http_mcp_policy_usage_label_order);

    return NGX_OK;
}


static void
ngx_http_mcp_policy_usage_add(ngx_http_mcp_policy_family_t *family,
    const ngx_http_mcp_policy_usage_t *usage)
{
    ngx_uint_t  ratio;

    ratio = (__int128) usage->used * 10000 / usage->amount;

    family->ratio = ngx_max(family->ratio, ratio);

    /* not as much is left as a call costs that says nothing else */

    family->exhausted += usage->remaining < ngx_min(MCP_DECIMAL_UNIT,
                                                    usage->amount);
    family->counters++;
}


static int ngx_libc_cdecl
ngx_http_mcp_policy_usage_family_order(const void *one, const void *two)
{
    const ngx_http_mcp_policy_usage_t  *a, *b;

    a = one;
    b = two;

    return (a->family > b->family) - (a->family < b->family);
}


/* What is behind a text is zero. */

static int ngx_libc_cdecl
ngx_http_mcp_policy_usage_label_order(const void *one, const void *two)
{
    ngx_int_t                            rc;
    const ngx_http_mcp_policy_family_t  *a, *b;

    a = one;
    b = two;

    rc = ngx_memcmp(a->slot.policy, b->slot.policy,
                    offsetof(ngx_http_mcp_policy_usage_slot_t, counter)
                    - offsetof(ngx_http_mcp_policy_usage_slot_t, policy));

    return rc ? rc : a->slot.dry - b->slot.dry;
}
