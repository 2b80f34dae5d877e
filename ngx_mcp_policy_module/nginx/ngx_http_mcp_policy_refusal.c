/*
 * The latest refusals, in a ring: nobody waits for it.  A number is taken by
 * an atomic addition, its slot by compare and swap; a writer that finds its
 * slot taken, by one that is that late, gives up what it had to tell.
 */

#include "ngx_http_mcp_policy_usage.h"


/* of a zone */
#define NGX_HTTP_MCP_POLICY_REFUSAL_SHARE  32
#define NGX_HTTP_MCP_POLICY_REFUSALS_MIN   4
#define NGX_HTTP_MCP_POLICY_REFUSALS_MAX   256

/* After so many rounds whoever was writing has died. */
#define NGX_HTTP_MCP_POLICY_REFUSAL_DEAD   16


static ngx_uint_t ngx_http_mcp_policy_refusal_get(
    const ngx_http_mcp_policy_refusals_t *refusals, ngx_atomic_uint_t number,
    ngx_http_mcp_policy_refusal_slot_t *refusal);
static int ngx_libc_cdecl ngx_http_mcp_policy_refusal_order(const void *one,
    const void *two);


_Static_assert(sizeof(ngx_http_mcp_policy_refusal_slot_t) == 384,
               "a slot is whole cache lines");
_Static_assert(sizeof(ngx_http_mcp_policy_refusals_t) == 64,
               "slots begin on a cache line");


void
ngx_http_mcp_policy_refusal_note(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx,
    ngx_http_mcp_policy_refusal_slot_t *refusal)
{
    ngx_str_t                            grant;
    mcp_str_t                            text;
    ngx_shm_zone_t                      *shm_zone;
    ngx_atomic_uint_t                    number, serial;
    ngx_http_mcp_policy_zone_t          *zone;
    ngx_http_mcp_policy_refusals_t      *refusals;
    ngx_http_mcp_policy_main_conf_t     *mmcf;
    ngx_http_mcp_policy_refusal_slot_t  *slot;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = ctx->policy ? ctx->policy->zone : mmcf->default_zone;
    zone = shm_zone->data;

    refusal->time_ms = ngx_http_mcp_policy_now();
    refusal->grant[0] = 0;
    refusal->grant[1] = 0;

    ngx_http_mcp_policy_grant(r, &grant);

    if (grant.len) {
        text.data = grant.data;
        text.len = grant.len;

        mcp_siphash(ngx_http_mcp_policy_zone_key(shm_zone), text,
                    refusal->grant);
    }

    refusals = ngx_http_mcp_policy_zone_area(zone->shared, refusal_offset);

    number = ngx_atomic_fetch_add(&refusals->next, 1);

    slot = (ngx_http_mcp_policy_refusal_slot_t *) (refusals + 1);
    slot += number % refusals->slots;

    serial = slot->serial;

    if ((serial & 1)
        && number - serial / 2
           < NGX_HTTP_MCP_POLICY_REFUSAL_DEAD * refusals->slots)
    {
        return;
    }

    if (!ngx_atomic_cmp_set(&slot->serial, serial, 2 * number + 1)) {
        return;
    }

    ngx_memory_barrier();

    ngx_memcpy((u_char *) slot + sizeof(ngx_atomic_t),
               (u_char *) refusal + sizeof(ngx_atomic_t),
               sizeof(ngx_http_mcp_policy_refusal_slot_t)
               - sizeof(ngx_atomic_t));

    ngx_memory_barrier();

    (void) ngx_atomic_cmp_set(&slot->serial, 2 * number + 1, 2 * number + 2);
}


/* Zero: it is being written, or gone. */

static ngx_uint_t
ngx_http_mcp_policy_refusal_get(
    const ngx_http_mcp_policy_refusals_t *refusals, ngx_atomic_uint_t number,
    ngx_http_mcp_policy_refusal_slot_t *refusal)
{
    ngx_http_mcp_policy_refusal_slot_t  *slot;

    slot = (ngx_http_mcp_policy_refusal_slot_t *) (refusals + 1);
    slot += number % refusals->slots;

    if (slot->serial != 2 * number + 2) {
        return 0;
    }

    ngx_memory_barrier();

    *refusal = *slot;

    ngx_memory_barrier();

    return slot->serial == 2 * number + 2;
}


ngx_http_mcp_policy_refusal_slot_t *
ngx_http_mcp_policy_refusal_read(ngx_http_request_t *r, ngx_uint_t *count)
{
    ngx_uint_t                            i, n, room;
    ngx_shm_zone_t                      **shm_zone;
    ngx_atomic_uint_t                     next;
    ngx_http_mcp_policy_zone_t           *zone;
    ngx_http_mcp_policy_refusals_t       *refusals;
    ngx_http_mcp_policy_main_conf_t      *mmcf;
    ngx_http_mcp_policy_refusal_slot_t   *all;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = mmcf->zones.elts;
    room = 1;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;
        refusals = ngx_http_mcp_policy_zone_area(zone->shared,
                                                 refusal_offset);
        room += ngx_min(refusals->slots, refusals->next);
    }

    all = ngx_palloc(r->pool,
                     room * sizeof(ngx_http_mcp_policy_refusal_slot_t));
    if (all == NULL) {
        return NULL;
    }

    *count = 0;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;
        refusals = ngx_http_mcp_policy_zone_area(zone->shared,
                                                 refusal_offset);
        next = refusals->next;

        for (n = 1; n <= refusals->slots && n <= next && *count < room; n++) {
            *count += ngx_http_mcp_policy_refusal_get(refusals, next - n,
                                                      &all[*count]);
        }
    }

    if (mmcf->zones.nelts > 1) {
        ngx_qsort(all, *count, sizeof(ngx_http_mcp_policy_refusal_slot_t),
                  ngx_http_mcp_policy_refusal_order);
    }

    return all;
}


/* By time, and those of one zone by their numbers. */

static int ngx_libc_cdecl
ngx_http_mcp_policy_refusal_order(const void *one, const void *two)
{
    const ngx_http_mcp_policy_refusal_slot_t  *a, *b;

    a = one;
    b = two;

    if (a->time_ms != b->time_ms) {
        return (a->time_ms < b->time_ms) ? 1 : -1;
    }

    return (a->serial < b->serial) - (a->serial > b->serial);
}


/* The size of the area. */

size_t
ngx_http_mcp_policy_refusal_layout(ngx_http_mcp_policy_shared_t *shared,
    size_t size)
{
    ngx_uint_t                       slots;
    ngx_http_mcp_policy_refusals_t  *refusals;

    slots = size / NGX_HTTP_MCP_POLICY_REFUSAL_SHARE
            / sizeof(ngx_http_mcp_policy_refusal_slot_t);
    slots = ngx_max(slots, NGX_HTTP_MCP_POLICY_REFUSALS_MIN);
    slots = ngx_min(slots, NGX_HTTP_MCP_POLICY_REFUSALS_MAX);

    refusals = ngx_http_mcp_policy_zone_area(shared, refusal_offset);

    refusals->slots = slots;

    return sizeof(ngx_http_mcp_policy_refusals_t)
           + slots * sizeof(ngx_http_mcp_policy_refusal_slot_t);
}


/* A zone gets another size: as many of the newest as it has room for. */

void
ngx_http_mcp_policy_refusal_take(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_shared_t *old)
{
    ngx_uint_t                           n, count;
    ngx_atomic_uint_t                    next;
    ngx_http_mcp_policy_refusals_t      *to, *from;
    ngx_http_mcp_policy_refusal_slot_t  *slot;

    to = ngx_http_mcp_policy_zone_area(shared, refusal_offset);
    from = ngx_http_mcp_policy_zone_area(old, refusal_offset);

    slot = (ngx_http_mcp_policy_refusal_slot_t *) (to + 1);

    next = from->next;

    count = ngx_min(to->slots, from->slots);
    count = ngx_min(count, next);

    for (n = count; n; n--) {

        if (ngx_http_mcp_policy_refusal_get(from, next - n, &slot[to->next])) {
            slot[to->next].serial = 2 * to->next + 2;
            to->next++;
        }
    }
}
