/*
 * mcp_zone: one allocation with fixed areas.  The slab pool's mutex is the
 * only lock, because nginx's master releases just that one when a worker dies
 * holding it.
 */

#include "ngx_http_mcp_policy_zone.h"

#include <fcntl.h>


#define NGX_HTTP_MCP_POLICY_ZONE_MAGIC     0x656e6f5a7963696cULL
#define NGX_HTTP_MCP_POLICY_ZONE_VERSION   1
#define NGX_HTTP_MCP_POLICY_ZONE_DEFAULT   (8 * 1024 * 1024)

/* shares of a zone; what is left is for counters */
#define NGX_HTTP_MCP_POLICY_STREAM_SHARE   64
#define NGX_HTTP_MCP_POLICY_MESSAGE_SHARE  32
#define NGX_HTTP_MCP_POLICY_TASK_SHARE     16

/* walked under the lock, and few are ever in use */
#define NGX_HTTP_MCP_POLICY_PARTS_MAX      1024


static ngx_shm_zone_t *ngx_http_mcp_policy_zone_add(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *name, size_t size);
static ngx_int_t ngx_http_mcp_policy_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static void ngx_http_mcp_policy_zone_layout(
    ngx_http_mcp_policy_shared_t *shared, size_t size);
static mcp_rc_t ngx_http_mcp_policy_zone_reserve(void *data,
    mcp_charge_t *charges, uint32_t count, uint64_t now_ms,
    uint32_t *failed);
static void ngx_http_mcp_policy_zone_refund(void *data,
    const mcp_charge_t *charges, uint32_t count, uint64_t now_ms);


char *
ngx_http_mcp_policy_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_main_conf_t *mmcf = conf;

    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, name, s;

    value = cf->args->elts;

    if (cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"mcp_zone\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    p = (u_char *) ngx_strchr(value[1].data, ':');

    if (p == NULL || p == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\" in \"mcp_zone\", expected "
                           "NAME:SIZE", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data;
    name.len = p - value[1].data;

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR || size < (ssize_t) (16 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" of zone \"%V\" in "
                           "\"mcp_zone\", expected at least %uzk",
                           &s, &name, 16 * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    return ngx_http_mcp_policy_zone_add(cf, mmcf, &name, size)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_shm_zone_t *
ngx_http_mcp_policy_zone_add(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *name, size_t size)
{
    ngx_shm_zone_t              *shm_zone, **slot;
    ngx_http_mcp_policy_zone_t  *zone;

    shm_zone = ngx_shared_memory_add(cf, name, size,
                                     &ngx_http_mcp_policy_module);
    if (shm_zone == NULL) {
        return NULL;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate zone \"%V\" in "
                           "\"mcp_zone\"", name);
        return NULL;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_zone_t));
    slot = ngx_array_push(&mmcf->zones);

    if (zone == NULL || slot == NULL) {
        return NULL;
    }

    zone->name = *name;
    *slot = shm_zone;

    shm_zone->init = ngx_http_mcp_policy_zone_init;
    shm_zone->data = zone;

    return shm_zone;
}


/* An empty name is the zone "default", which exists without a directive. */

ngx_shm_zone_t *
ngx_http_mcp_policy_zone_find(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, mcp_str_t name)
{
    ngx_uint_t                    i;
    ngx_shm_zone_t              **zone;

    static ngx_str_t              ngx_http_mcp_policy_default_zone =
                                      ngx_string("default");

    if (name.len == 0) {
        name = mcp_str("default");
    }

    zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        if (zone[i]->shm.name.len == name.len
            && ngx_memcmp(zone[i]->shm.name.data, name.data, name.len) == 0)
        {
            return zone[i];
        }
    }

    if (!mcp_str_equal(name, mcp_str("default"))) {
        return NULL;
    }

    return ngx_http_mcp_policy_zone_add(cf, mmcf,
                                        &ngx_http_mcp_policy_default_zone,
                                        NGX_HTTP_MCP_POLICY_ZONE_DEFAULT);
}


static ngx_int_t
ngx_http_mcp_policy_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_mcp_policy_zone_t *old = data;

    size_t                         size;
    ngx_http_mcp_policy_zone_t    *zone;
    ngx_http_mcp_policy_shared_t  *shared;

    zone = shm_zone->data;
    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old) {
        zone->shared = old->shared;
        zone->table = old->table;
        return NGX_OK;
    }

    size = zone->shpool->pfree * ngx_pagesize;

    shared = ngx_slab_calloc(zone->shpool, size);
    if (shared == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_mcp_policy_random(shared->hash_key,
                                   sizeof(shared->hash_key),
                                   shm_zone->shm.log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_zone_layout(shared, size);

    if (mcp_table_init(ngx_http_mcp_policy_zone_area(shared, table_offset),
                       shared->table_size, shared->hash_key, &zone->table)
        != MCP_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small", &zone->name);
        return NGX_ERROR;
    }

    zone->shpool->data = shared;
    zone->shared = shared;

    return NGX_OK;
}


static void
ngx_http_mcp_policy_zone_layout(ngx_http_mcp_policy_shared_t *shared,
    size_t size)
{
    size_t  offset;

    shared->magic = NGX_HTTP_MCP_POLICY_ZONE_MAGIC;
    shared->version = NGX_HTTP_MCP_POLICY_ZONE_VERSION;

    offset = ngx_align(sizeof(ngx_http_mcp_policy_shared_t), 64);

    shared->streams = size / NGX_HTTP_MCP_POLICY_STREAM_SHARE
                      / sizeof(ngx_http_mcp_policy_stream_slot_t);
    shared->stream_offset = offset;
    offset += ngx_align(shared->streams
                        * sizeof(ngx_http_mcp_policy_stream_slot_t), 64);

    shared->parts = size / NGX_HTTP_MCP_POLICY_MESSAGE_SHARE
                    / sizeof(ngx_http_mcp_policy_part_slot_t);
    shared->parts = ngx_min(shared->parts, NGX_HTTP_MCP_POLICY_PARTS_MAX);
    shared->part_offset = offset;
    offset += ngx_align(shared->parts
                        * sizeof(ngx_http_mcp_policy_part_slot_t), 64);

    shared->tasks = size / NGX_HTTP_MCP_POLICY_TASK_SHARE
                    / sizeof(ngx_http_mcp_policy_task_slot_t);
    shared->task_offset = offset;
    offset += ngx_align(shared->tasks
                        * sizeof(ngx_http_mcp_policy_task_slot_t), 64);

    shared->table_offset = offset;
    shared->table_size = size - offset;
}


const uint64_t *
ngx_http_mcp_policy_zone_key(ngx_shm_zone_t *shm_zone)
{
    ngx_http_mcp_policy_zone_t  *zone;

    zone = shm_zone->data;

    return zone->shared->hash_key;
}


void
ngx_http_mcp_policy_zone_store(ngx_shm_zone_t *shm_zone, mcp_store_t *store)
{
    store->reserve = ngx_http_mcp_policy_zone_reserve;
    store->refund = ngx_http_mcp_policy_zone_refund;
    store->data = shm_zone->data;
}


static mcp_rc_t
ngx_http_mcp_policy_zone_reserve(void *data, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, uint32_t *failed)
{
    ngx_http_mcp_policy_zone_t *zone = data;

    mcp_rc_t  rc;

    ngx_shmtx_lock(&zone->shpool->mutex);

    rc = mcp_table_reserve(zone->table, charges, count, now_ms, failed);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


static void
ngx_http_mcp_policy_zone_refund(void *data, const mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms)
{
    ngx_http_mcp_policy_zone_t *zone = data;

    ngx_shmtx_lock(&zone->shpool->mutex);

    mcp_table_refund(zone->table, charges, count, now_ms);

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


ngx_int_t
ngx_http_mcp_policy_random(void *buf, size_t size, ngx_log_t *log)
{
    int      fd;
    ssize_t  n;

    fd = open("/dev/urandom", O_RDONLY|O_CLOEXEC);

    n = (fd == -1) ? -1 : read(fd, buf, size);

    if (n != (ssize_t) size) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "reading /dev/urandom failed");
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return (n == (ssize_t) size) ? NGX_OK : NGX_ERROR;
}
