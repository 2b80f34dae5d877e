/*
 * Whether the definition of a pinned tool, as a list showed it last, is the
 * pinned one: what one worker sees holds in all of them.
 *
 * There is a slot in the zone for each policy, tool and pinned hash, given
 * out while the master is alone; a name that is not pinned has none and can
 * push none out.  A verdict is one word, changed by compare and swap: nobody
 * waits for it, and who changed it writes the line in the log.
 */

#include "ngx_http_mcp_policy_status.h"


/* share of a zone, and when so many are pinned */
#define NGX_HTTP_MCP_POLICY_PIN_SHARE      64
#define NGX_HTTP_MCP_POLICY_PIN_SHARE_MAX  4

/* Free slots are looked for so far, then one of an older configuration. */
#define NGX_HTTP_MCP_POLICY_PIN_REACH   64

/* What a worker remembers of the definitions of a policy. */
#define NGX_HTTP_MCP_POLICY_PIN_MEMORY  (1024 * 1024)


struct ngx_http_mcp_policy_pin_s {
    uint64_t                         key[2];
    ngx_http_mcp_policy_pin_slot_t  *slot;
};


static ngx_int_t ngx_http_mcp_policy_pin_recall(ngx_conf_t *cf,
    mcp_pin_memory_t *memory, ngx_uint_t count);
static void *ngx_http_mcp_policy_pin_alloc(void *data, size_t size);
static void ngx_http_mcp_policy_pin_free(void *data, void *p);
static void ngx_http_mcp_policy_pin_key(ngx_http_mcp_policy_t *policy,
    const mcp_pin_t *pin, uint64_t *key);
static ngx_http_mcp_policy_pin_slot_t *ngx_http_mcp_policy_pin_find(
    ngx_http_mcp_policy_shared_t *shared, const uint64_t *key);
static ngx_http_mcp_policy_pin_slot_t *ngx_http_mcp_policy_pin_claim(
    ngx_http_mcp_policy_shared_t *shared, const uint64_t *key);
static ngx_http_mcp_policy_pin_slot_t *ngx_http_mcp_policy_pin_slot(
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_pin_t *pin);
static void ngx_http_mcp_policy_pin_log(ngx_http_mcp_policy_ctx_t *ctx,
    const mcp_pin_t *pin, const uint8_t *hash, ngx_uint_t changed);


/* When the policies know their zones. */

ngx_int_t
ngx_http_mcp_policy_pin_bind(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_uint_t                    i;
    const mcp_pin_set_t          *pins;
    ngx_http_mcp_policy_t       **policy;
    ngx_http_mcp_policy_zone_t   *zone;

    policy = mmcf->policies.elts;

    for (i = 0; i < mmcf->policies.nelts; i++) {
        pins = policy[i]->version->core->pins;

        if (pins == NULL) {
            continue;
        }

        policy[i]->pins = ngx_pcalloc(cf->pool, (pins->count + 1)
                                          * sizeof(ngx_http_mcp_policy_pin_t));
        if (policy[i]->pins == NULL
            || ngx_http_mcp_policy_pin_recall(cf, &policy[i]->pin_memory,
                                              pins->count)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        zone = policy[i]->zone->data;
        zone->pins += pins->count;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_pin_recall(ngx_conf_t *cf, mcp_pin_memory_t *memory,
    ngx_uint_t count)
{
    memory->recalls = ngx_pcalloc(cf->pool, (count + 1)
                                            * sizeof(mcp_pin_recall_t));
    if (memory->recalls == NULL) {
        return NGX_ERROR;
    }

    memory->count = count;
    memory->room = NGX_HTTP_MCP_POLICY_PIN_MEMORY;
    memory->allocator.alloc = ngx_http_mcp_policy_pin_alloc;
    memory->allocator.free = ngx_http_mcp_policy_pin_free;

    return NGX_OK;
}


static void *
ngx_http_mcp_policy_pin_alloc(void *data, size_t size)
{
    return ngx_alloc(size, ngx_cycle->log);
}


static void
ngx_http_mcp_policy_pin_free(void *data, void *p)
{
    ngx_free(p);
}


void
ngx_http_mcp_policy_pin_exit_process(ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_uint_t               i;
    ngx_http_mcp_policy_t  **policy;

    policy = mmcf->policies.elts;

    for (i = 0; i < mmcf->policies.nelts; i++) {
        mcp_pin_memory_clear(&policy[i]->pin_memory);
    }
}


/* How many a new zone has: twice what a reload needs, twice. */

ngx_uint_t
ngx_http_mcp_policy_pin_slots(size_t size, ngx_uint_t pins)
{
    size /= sizeof(ngx_http_mcp_policy_pin_slot_t);
    pins = ngx_min(pins * 4, size / NGX_HTTP_MCP_POLICY_PIN_SHARE_MAX);

    return ngx_max(pins, size / NGX_HTTP_MCP_POLICY_PIN_SHARE);
}


/* In the master, before it is sure that the configuration will be used. */

ngx_int_t
ngx_http_mcp_policy_pin_check(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log)
{
    if (zone->pins <= zone->shared->pins / 2) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "zone \"%V\" is too small for %ui pinned tools, it has room "
                  "for %ui, increase its size in mcp_zone",
                  &zone->name, zone->pins, zone->shared->pins / 2);

    return NGX_ERROR;
}


/*
 * The configuration is in use.  Slots that it shares with the one before keep
 * their verdict, also when the zone has got another size.
 */

void
ngx_http_mcp_policy_pin_init_module(ngx_http_mcp_policy_main_conf_t *mmcf,
    ngx_shm_zone_t *shm_zone, ngx_http_mcp_policy_shared_t *from)
{
    ngx_uint_t                        i, n, pass;
    const mcp_pin_set_t              *pins;
    ngx_http_mcp_policy_t           **policy;
    ngx_http_mcp_policy_pin_t        *pin;
    ngx_http_mcp_policy_zone_t       *zone;
    ngx_http_mcp_policy_pin_slot_t   *old;

    zone = shm_zone->data;
    policy = mmcf->policies.elts;

    /* those that are there first, so that nobody takes them */

    for (pass = 0; pass < 2; pass++) {

        for (i = 0; i < mmcf->policies.nelts; i++) {
            pins = policy[i]->version->core->pins;

            if (pins == NULL || policy[i]->zone != shm_zone) {
                continue;
            }

            for (n = 0; n < pins->count; n++) {
                pin = &policy[i]->pins[n];

                if (pass == 0) {
                    ngx_http_mcp_policy_pin_key(policy[i], &pins->pins[n],
                                                pin->key);
                    pin->slot = ngx_http_mcp_policy_pin_find(zone->shared,
                                                             pin->key);
                } else if (pin->slot == NULL) {
                    pin->slot = ngx_http_mcp_policy_pin_claim(zone->shared,
                                                              pin->key);
                    old = from ? ngx_http_mcp_policy_pin_find(from, pin->key)
                               : NULL;

                    pin->slot->seen = old ? old->seen : 0;
                }

                if (pin->slot) {
                    pin->slot->generation = zone->generation;
                }
            }
        }
    }
}


static void
ngx_http_mcp_policy_pin_key(ngx_http_mcp_policy_t *policy,
    const mcp_pin_t *pin, uint64_t *key)
{
    uint64_t   of_policy[2], of_tool[2];
    mcp_str_t  text;

    text.data = policy->name.data;
    text.len = policy->name.len;
    mcp_siphash(ngx_http_mcp_policy_zone_key(policy->zone), text, of_policy);

    mcp_siphash(of_policy, pin->name, of_tool);

    text.data = pin->hash;
    text.len = MCP_PIN_HASH;
    mcp_siphash(of_tool, text, key);

    key[0] |= 1;    /* zero is free */
}


static ngx_http_mcp_policy_pin_slot_t *
ngx_http_mcp_policy_pin_find(ngx_http_mcp_policy_shared_t *shared,
    const uint64_t *key)
{
    ngx_uint_t                       i, n;
    ngx_http_mcp_policy_pin_slot_t  *slots;

    slots = ngx_http_mcp_policy_zone_area(shared, pin_offset);
    i = key[0] % shared->pins;

    for (n = 0; n < shared->pins && slots[i].key[0]; n++) {

        if (slots[i].key[0] == key[0] && slots[i].key[1] == key[1]) {
            return &slots[i];
        }

        i = (i + 1) % shared->pins;
    }

    return NULL;
}


/*
 * At least half of the slots are not of this configuration.  Workers that are
 * about to end find that one of theirs has another key, and refuse.
 */

static ngx_http_mcp_policy_pin_slot_t *
ngx_http_mcp_policy_pin_claim(ngx_http_mcp_policy_shared_t *shared,
    const uint64_t *key)
{
    ngx_uint_t                       i, n;
    ngx_http_mcp_policy_pin_slot_t  *slots, *slot;

    slots = ngx_http_mcp_policy_zone_area(shared, pin_offset);
    i = key[0] % shared->pins;
    slot = NULL;

    for (n = 0; n < shared->pins; n++) {

        if (slots[i].key[0] == 0) {
            slot = &slots[i];
            break;
        }

        if (slot == NULL && slots[i].generation != shared->generation) {
            slot = &slots[i];
        }

        if (slot && n >= NGX_HTTP_MCP_POLICY_PIN_REACH) {
            break;
        }

        i = (i + 1) % shared->pins;
    }

    slot->key[1] = key[1];
    slot->key[0] = key[0];

    return slot;
}


/* What a list has shown: a seen() of mcp_list_filter_t. */

void
ngx_http_mcp_policy_pin_seen(void *data, const mcp_pin_t *pin,
    const uint8_t hash[MCP_PIN_HASH])
{
    ngx_http_mcp_policy_ctx_t *ctx = data;

    ngx_uint_t                       changed;
    ngx_atomic_uint_t                before, now;
    ngx_http_mcp_policy_pin_slot_t  *slot;

    slot = ngx_http_mcp_policy_pin_slot(ctx, pin);

    if (slot == NULL) {
        return;
    }

    changed = ngx_memcmp(hash, pin->hash, MCP_PIN_HASH) != 0;
    now = 0;

    if (changed) {
        ngx_memcpy(&now, hash, sizeof(ngx_atomic_uint_t));
        now |= 1;
    }

    before = slot->seen;

    if (before != now && ngx_atomic_cmp_set(&slot->seen, before, now)) {
        ngx_http_mcp_policy_pin_log(ctx, pin, hash, changed);
    }
}


/* A pin_changed() of mcp_caller_t. */

bool
ngx_http_mcp_policy_pin_changed(void *data, const mcp_policy_t *policy,
    const mcp_pin_t *pin)
{
    ngx_http_mcp_policy_ctx_t *ctx = data;

    ngx_http_mcp_policy_pin_slot_t  *slot;

    slot = ngx_http_mcp_policy_pin_slot(ctx, pin);

    return slot == NULL || slot->seen != 0;
}


/* How many definitions are not the pinned ones, for the status. */

ngx_uint_t
ngx_http_mcp_policy_pin_changes(ngx_http_mcp_policy_t *policy)
{
    ngx_uint_t            i, changes;
    const mcp_pin_set_t  *pins;

    pins = policy->version->core->pins;
    changes = 0;

    for (i = 0; pins && i < pins->count; i++) {
        changes += ngx_http_mcp_policy_pin_differs(policy, i);
    }

    return changes;
}


ngx_uint_t
ngx_http_mcp_policy_pin_differs(ngx_http_mcp_policy_t *policy, ngx_uint_t i)
{
    ngx_http_mcp_policy_pin_t  *known;

    known = &policy->pins[i];

    return known->slot->key[0] != known->key[0]
           || known->slot->key[1] != known->key[1]
           || known->slot->seen != 0;
}


/* NULL: a newer configuration needed it for another tool. */

static ngx_http_mcp_policy_pin_slot_t *
ngx_http_mcp_policy_pin_slot(ngx_http_mcp_policy_ctx_t *ctx,
    const mcp_pin_t *pin)
{
    ngx_http_mcp_policy_pin_t  *known;

    known = &ctx->policy->pins[pin - ctx->version->core->pins->pins];

    return (known->slot->key[0] == known->key[0]
            && known->slot->key[1] == known->key[1])
           ? known->slot : NULL;
}


static void
ngx_http_mcp_policy_pin_log(ngx_http_mcp_policy_ctx_t *ctx,
    const mcp_pin_t *pin, const uint8_t *hash, ngx_uint_t changed)
{
    char       pinned[MCP_PIN_HEX], now[MCP_PIN_HEX];
    u_char     tool[NGX_HTTP_MCP_POLICY_LOG_NAME * MCP_JSON_ESCAPE_MAX];
    size_t     length;
    ngx_str_t  name;

    name.data = (u_char *) pin->name.data;
    name.len = pin->name.len;
    length = ngx_http_mcp_policy_log_name(tool, &name);

    mcp_pin_hex(pin->hash, pinned);
    mcp_pin_hex(hash, now);

    if (changed) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "mcp policy \"%V\": the definition of tool \"%*s\" has "
                      "changed, calls are refused: pinned sha256 %*s, now %*s",
                      &ctx->policy->name, length, tool,
                      (size_t) MCP_PIN_HEX, pinned, (size_t) MCP_PIN_HEX,
                      now);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ctx->request->connection->log, 0,
                  "mcp policy \"%V\": the definition of tool \"%*s\" is the "
                  "pinned one again: sha256 %*s",
                  &ctx->policy->name, length, tool, (size_t) MCP_PIN_HEX,
                  pinned);
}
