/*
 * What the workers agree on about a policy file, in shared memory: the number
 * of a version, and which content was found bad, so that its errors are told
 * once.
 */

#include "ngx_http_mcp_policy_zone.h"


static ngx_http_mcp_policy_file_slot_t *ngx_http_mcp_policy_generation_slot(
    ngx_http_mcp_policy_t *policy);


/* Whether nobody else has read this content, and its errors are ours. */

ngx_uint_t
ngx_http_mcp_policy_generation_claim(ngx_http_mcp_policy_t *policy,
    u_char *sha256)
{
    ngx_uint_t                        ours;
    ngx_http_mcp_policy_zone_t       *zone;
    ngx_http_mcp_policy_file_slot_t  *slot;

    zone = policy->zone->data;
    ours = 1;

    ngx_shmtx_lock(&zone->shpool->mutex);

    slot = ngx_http_mcp_policy_generation_slot(policy);

    if (slot) {
        ours = ngx_memcmp(slot->claimed, sha256, NGX_HTTP_MCP_POLICY_SHA256)
               != 0
               && ngx_memcmp(slot->sha256, sha256, NGX_HTTP_MCP_POLICY_SHA256)
                  != 0;

        ngx_memcpy(slot->claimed, sha256, NGX_HTTP_MCP_POLICY_SHA256);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return ours;
}


/* The number of a version; "first": it was not known before. */

uint64_t
ngx_http_mcp_policy_generation_accept(ngx_http_mcp_policy_t *policy,
    u_char *sha256, ngx_uint_t *first)
{
    uint64_t                          generation;
    ngx_http_mcp_policy_zone_t       *zone;
    ngx_http_mcp_policy_file_slot_t  *slot;

    zone = policy->zone->data;
    generation = policy->version->generation + 1;
    *first = 1;

    ngx_shmtx_lock(&zone->shpool->mutex);

    slot = ngx_http_mcp_policy_generation_slot(policy);

    if (slot) {
        *first = ngx_memcmp(slot->sha256, sha256, NGX_HTTP_MCP_POLICY_SHA256)
                 != 0;

        if (*first) {
            slot->generation++;
            ngx_memcpy(slot->sha256, sha256, NGX_HTTP_MCP_POLICY_SHA256);
        }

        /* the next bad content is worth a line again, whatever came before */

        ngx_memzero(slot->claimed, NGX_HTTP_MCP_POLICY_SHA256);

        generation = slot->generation;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return generation;
}


/* Whether other workers have it: then nobody is in the middle of writing. */

ngx_uint_t
ngx_http_mcp_policy_generation_known(ngx_http_mcp_policy_t *policy,
    u_char *sha256)
{
    ngx_uint_t                        known;
    ngx_http_mcp_policy_zone_t       *zone;
    ngx_http_mcp_policy_file_slot_t  *slot;

    zone = policy->zone->data;

    ngx_shmtx_lock(&zone->shpool->mutex);

    slot = ngx_http_mcp_policy_generation_slot(policy);

    known = slot
            && ngx_memcmp(slot->sha256, sha256, NGX_HTTP_MCP_POLICY_SHA256)
               == 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return known;
}


/* The file is again what it was: no bad content is left in it. */

void
ngx_http_mcp_policy_generation_back(ngx_http_mcp_policy_t *policy,
    u_char *sha256)
{
    ngx_http_mcp_policy_zone_t       *zone;
    ngx_http_mcp_policy_file_slot_t  *slot;

    zone = policy->zone->data;

    ngx_shmtx_lock(&zone->shpool->mutex);

    slot = ngx_http_mcp_policy_generation_slot(policy);

    if (slot && ngx_memcmp(slot->sha256, sha256, NGX_HTTP_MCP_POLICY_SHA256)
                == 0)
    {
        ngx_memzero(slot->claimed, NGX_HTTP_MCP_POLICY_SHA256);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* By the policy's name; NULL when the zone has no room. */

static ngx_http_mcp_policy_file_slot_t *
ngx_http_mcp_policy_generation_slot(ngx_http_mcp_policy_t *policy)
{
    uint64_t                          key[2];
    mcp_str_t                         name;
    ngx_uint_t                        i;
    ngx_http_mcp_policy_zone_t       *zone;
    ngx_http_mcp_policy_file_slot_t  *slot;

    zone = policy->zone->data;

    name.data = policy->name.data;
    name.len = policy->name.len;

    mcp_siphash(zone->shared->hash_key, name, key);

    slot = ngx_http_mcp_policy_zone_area(zone->shared, file_offset);

    for (i = 0; i < zone->shared->files; i++) {

        if (slot[i].generation == 0) {
            slot[i].key[0] = key[0];
            slot[i].key[1] = key[1];
            return &slot[i];
        }

        if (slot[i].key[0] == key[0] && slot[i].key[1] == key[1]) {
            return &slot[i];
        }
    }

    return NULL;
}
