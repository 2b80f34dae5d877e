/*
 * mcp_zone with another size: what the running workers have in theirs is taken
 * over into the new one.
 */

#include "ngx_http_mcp_policy_approval.h"
#include "ngx_http_mcp_policy_status.h"


/* how long a reload waits for the lock of a zone, in ms */
#define NGX_HTTP_MCP_POLICY_ZONE_WAIT  500


static void ngx_http_mcp_policy_zone_take_tasks(
    ngx_http_mcp_policy_shared_t *shared, ngx_http_mcp_policy_shared_t *old);
static void ngx_http_mcp_policy_zone_take_files(
    ngx_http_mcp_policy_shared_t *shared, ngx_http_mcp_policy_shared_t *old);


/* The zone of this name in the running configuration, of another size. */

ngx_http_mcp_policy_zone_t *
ngx_http_mcp_policy_zone_former(ngx_http_mcp_policy_zone_t *zone)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_shm_zone_t   *shm_zone;

    part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
    shm_zone = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            shm_zone = part->elts;
            i = 0;
        }

        if (shm_zone[i].tag == &ngx_http_mcp_policy_module
            && shm_zone[i].shm.name.len == zone->name.len
            && ngx_memcmp(shm_zone[i].shm.name.data, zone->name.data,
                          zone->name.len)
               == 0)
        {
            return shm_zone[i].data;
        }
    }
}


/*
 * From here on the running workers cannot charge the old counters: what they
 * admitted would be unknown to their successors.  They ask to try again, for
 * the moment that it takes to replace them.
 */

ngx_int_t
ngx_http_mcp_policy_zone_take(ngx_http_mcp_policy_zone_t *zone,
    ngx_http_mcp_policy_zone_t *old, ngx_log_t *log)
{
    mcp_rc_t    rc;
    ngx_uint_t  n;

    /* a worker may have died in there, and only we can tell, later */

    for (n = 0; !ngx_shmtx_trylock(&old->shpool->mutex); n++) {

        if (n == NGX_HTTP_MCP_POLICY_ZONE_WAIT) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "mcp_zone \"%V\" is locked and cannot be given "
                          "another size now", &zone->name);
            return NGX_ERROR;
        }

        ngx_msleep(1);
    }

    rc = mcp_table_copy(old->table, zone->table, ngx_http_mcp_policy_now());

    if (rc == MCP_OK) {
        mcp_table_hash_key(zone->table, zone->shared->hash_key);
        ngx_http_mcp_policy_zone_take_tasks(zone->shared, old->shared);
        ngx_http_mcp_policy_zone_take_files(zone->shared, old->shared);
        ngx_http_mcp_policy_count_take(zone->shared, old->shared);
        ngx_http_mcp_policy_usage_take(zone->shared, old->shared);
        ngx_http_mcp_policy_refusal_take(zone->shared, old->shared);
        ngx_http_mcp_policy_approval_take(zone, old, log);

        zone->shared->epoch = old->shared->epoch;
        zone->shared->generation = old->shared->generation;

        old->shared->moved = 1;
        zone->from = old->shared;
    }

    ngx_shmtx_unlock(&old->shpool->mutex);

    if (rc != MCP_OK) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "mcp_zone \"%V\" is too small for the counters that "
                      "are in use", &zone->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_mcp_policy_zone_take_tasks(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_shared_t *old)
{
    ngx_uint_t                          i, n, first, width;
    ngx_http_mcp_policy_task_slot_t    *from, *to;

    from = ngx_http_mcp_policy_zone_area(old, task_offset);

    for (i = 0; i < old->tasks; i++) {

        if ((from[i].key[0] == 0 && from[i].key[1] == 0)
            || from[i].expires <= ngx_time())
        {
            continue;
        }

        to = ngx_http_mcp_policy_zone_area(shared, task_offset);

        first = ngx_http_mcp_policy_zone_group(shared->tasks, from[i].key,
                                               &width);

        for (n = first; n < first + width; n++) {
            if (to[n].key[0] == 0 && to[n].key[1] == 0) {
                to[n] = from[i];
                break;
            }
        }
    }
}


static void
ngx_http_mcp_policy_zone_take_files(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_shared_t *old)
{
    ngx_memcpy(ngx_http_mcp_policy_zone_area(shared, file_offset),
               ngx_http_mcp_policy_zone_area(old, file_offset),
               ngx_min(shared->files, old->files)
               * sizeof(ngx_http_mcp_policy_file_slot_t));
}
