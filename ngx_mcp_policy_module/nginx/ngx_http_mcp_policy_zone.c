/*
 * mcp_zone: one allocation with fixed areas.  The slab pool's mutex is the
 * only lock, because nginx's master releases just that one when a worker dies
 * holding it.
 */

#include "ngx_http_mcp_policy_status.h"

#include <fcntl.h>


#define NGX_HTTP_MCP_POLICY_ZONE_MAGIC     0x656e6f5a7963696cULL
#define NGX_HTTP_MCP_POLICY_ZONE_VERSION   5
#define NGX_HTTP_MCP_POLICY_ZONE_DEFAULT   (8 * 1024 * 1024)

/* shares of a zone; what is left is for counters */
#define NGX_HTTP_MCP_POLICY_STREAM_SHARE   64
#define NGX_HTTP_MCP_POLICY_MESSAGE_SHARE  32
#define NGX_HTTP_MCP_POLICY_TASK_SHARE     16
#define NGX_HTTP_MCP_POLICY_FILE_SHARE     256
#define NGX_HTTP_MCP_POLICY_APPROVAL_SHARE 8

#define NGX_HTTP_MCP_POLICY_ZONE_FULL      60     /* seconds between lines */
#define NGX_HTTP_MCP_POLICY_ZONE_MOVED     1000   /* ms until asked again */

#define NGX_HTTP_MCP_POLICY_FILES_MIN      16

/* walked under the lock, and few are ever in use */
#define NGX_HTTP_MCP_POLICY_PARTS_MAX      1024
#define NGX_HTTP_MCP_POLICY_APPROVALS_MAX  (4 * 1024 * 1024)


static char *ngx_http_mcp_policy_zone_state(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *path);
static ngx_shm_zone_t *ngx_http_mcp_policy_zone_add(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *name, size_t size,
    ngx_str_t *state);
static ngx_int_t ngx_http_mcp_policy_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_mcp_policy_zone_create(ngx_shm_zone_t *shm_zone,
    ngx_http_mcp_policy_zone_t *zone);
static ngx_int_t ngx_http_mcp_policy_zone_same_state(
    ngx_http_mcp_policy_zone_t *zone, ngx_http_mcp_policy_zone_t *old,
    ngx_log_t *log);
static void ngx_http_mcp_policy_zone_cleanup(void *data);
static void ngx_http_mcp_policy_zone_layout(
    ngx_http_mcp_policy_shared_t *shared, size_t size, ngx_uint_t pins);
static mcp_rc_t ngx_http_mcp_policy_zone_reserve(void *data,
    mcp_charge_t *charges, uint32_t count, uint64_t now_ms,
    uint32_t *failed);
static mcp_rc_t ngx_http_mcp_policy_zone_check(void *data,
    mcp_charge_t *charges, uint32_t count, uint64_t now_ms,
    uint32_t *failed);
static mcp_rc_t ngx_http_mcp_policy_zone_charge(
    ngx_http_mcp_policy_zone_t *zone, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, ngx_uint_t check, uint32_t *failed);
static void ngx_http_mcp_policy_zone_refund(void *data,
    const mcp_charge_t *charges, uint32_t count, uint64_t now_ms);
static void ngx_http_mcp_policy_zone_full(ngx_http_mcp_policy_zone_t *zone,
    ngx_uint_t full);


char *
ngx_http_mcp_policy_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_main_conf_t *mmcf = conf;

    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, name, state, s;

    value = cf->args->elts;

    ngx_str_null(&state);

    if (cf->args->nelts > 2) {
        state = value[2];

        if (ngx_http_mcp_policy_zone_state(cf, mmcf, &state) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
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

    return ngx_http_mcp_policy_zone_add(cf, mmcf, &name, size, &state)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_mcp_policy_zone_state(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *path)
{
    ngx_uint_t                    i;
    ngx_shm_zone_t              **shm_zone;
    ngx_http_mcp_policy_zone_t   *zone;

    if (path->len <= 6 || ngx_strncmp(path->data, "state=", 6) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"mcp_zone\", "
                           "expected state=PATH", path);
        return NGX_CONF_ERROR;
    }

    path->data += 6;
    path->len -= 6;

    if (ngx_conf_full_name(cf->cycle, path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;

        if (zone->state.len == path->len
            && ngx_memcmp(zone->state.data, path->data, path->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "state file \"%V\" in \"mcp_zone\" is that of "
                               "zone \"%V\"", path, &zone->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_shm_zone_t *
ngx_http_mcp_policy_zone_add(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *name, size_t size,
    ngx_str_t *state)
{
    ngx_shm_zone_t              *shm_zone, **slot;
    ngx_pool_cleanup_t          *cln;
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
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (zone == NULL || slot == NULL || cln == NULL) {
        return NULL;
    }

    zone->name = *name;
    zone->state = *state;
    zone->cycle = cf->cycle;
    *slot = shm_zone;

    cln->handler = ngx_http_mcp_policy_zone_cleanup;
    cln->data = zone;

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

    static ngx_str_t              no_state = ngx_null_string;
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
                                        NGX_HTTP_MCP_POLICY_ZONE_DEFAULT,
                                        &no_state);
}


/*
 * In the master, before it is sure that this configuration will be used:
 * nothing may be done here that cannot be taken back.
 */

static ngx_int_t
ngx_http_mcp_policy_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_mcp_policy_zone_t *old = data;

    ngx_http_mcp_policy_zone_t  *zone;

    zone = shm_zone->data;
    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old) {
        zone->shared = old->shared;
        zone->table = old->table;
        zone->approvals = old->approvals;
        zone->adopt = zone->state.len && old->state.len == 0;

    } else if (ngx_http_mcp_policy_zone_create(shm_zone, zone) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_mcp_policy_pin_check(zone, shm_zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_test_config) {
        return NGX_OK;
    }

    if (zone->state.len
        && ngx_http_mcp_policy_state_probe(zone, shm_zone->shm.log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (old == NULL) {
        old = ngx_http_mcp_policy_zone_former(zone);

        if (old == NULL) {
            return zone->state.len
                   ? ngx_http_mcp_policy_state_load(zone, shm_zone->shm.log)
                   : NGX_OK;
        }

        if (ngx_http_mcp_policy_zone_take(zone, old, shm_zone->shm.log)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        zone->adopt = zone->state.len && old->state.len == 0;
    }

    return ngx_http_mcp_policy_zone_same_state(zone, old, shm_zone->shm.log);
}


static ngx_int_t
ngx_http_mcp_policy_zone_create(ngx_shm_zone_t *shm_zone,
    ngx_http_mcp_policy_zone_t *zone)
{
    size_t                         size;
    ngx_http_mcp_policy_shared_t  *shared;

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

    ngx_http_mcp_policy_zone_layout(shared, size, zone->pins);

    if (mcp_table_init(ngx_http_mcp_policy_zone_area(shared, table_offset),
                       shared->table_size, shared->hash_key, &zone->table)
        != MCP_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small", &zone->name);
        return NGX_ERROR;
    }

    /* a small zone is for counters alone */

    if (mcp_approvals_init(ngx_http_mcp_policy_zone_area(shared,
                                                         approval_offset),
                           shared->approval_size, &zone->approvals)
        != MCP_OK)
    {
        zone->approvals = NULL;
    }

    shared->saved = UINT64_MAX;

    zone->shpool->data = shared;
    zone->shared = shared;

    return NGX_OK;
}


/* Two files would take turns at being right while both workers run. */

static ngx_int_t
ngx_http_mcp_policy_zone_same_state(ngx_http_mcp_policy_zone_t *zone,
    ngx_http_mcp_policy_zone_t *old, ngx_log_t *log)
{
    if (zone->state.len == 0
        || old->state.len == 0
        || (zone->state.len == old->state.len
            && ngx_memcmp(zone->state.data, old->state.data, old->state.len)
               == 0))
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "mcp_zone \"%V\" uses the state file \"%V\" while "
                  "previously it used \"%V\"; to change it restart nginx, "
                  "with the file moved",
                  &zone->name, &zone->state, &old->state);

    return NGX_ERROR;
}


/* With the pool of a configuration, which may never have come into use. */

static void
ngx_http_mcp_policy_zone_cleanup(void *data)
{
    ngx_http_mcp_policy_zone_t *zone = data;

    if (zone->from) {
        zone->from->moved = 0;
    }
}


/* The configuration is in use: there is no way back. */

ngx_int_t
ngx_http_mcp_policy_zone_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                         i;
    ngx_shm_zone_t                   **shm_zone;
    ngx_http_mcp_policy_zone_t        *zone;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_mcp_policy_module);

    if (mmcf == NULL || ngx_test_config) {
        return NGX_OK;
    }

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;

        zone->generation = ++zone->shared->generation;

        ngx_http_mcp_policy_pin_init_module(mmcf, shm_zone[i], zone->from);
        zone->from = NULL;

        if (zone->adopt) {
            ngx_http_mcp_policy_state_adopt(zone, cycle->log);
        }
    }

    ngx_http_mcp_policy_file_init_module(mmcf);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_policy_zone_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                         i;
    ngx_shm_zone_t                   **shm_zone;
    ngx_http_mcp_policy_zone_t        *zone;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_mcp_policy_module);

    if (mmcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;

        if ((zone->state.len
             && ngx_http_mcp_policy_state_start(zone, cycle) != NGX_OK)
            || ngx_http_mcp_policy_approval_init_process(zone, cycle)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_http_mcp_policy_file_init_process(mmcf, cycle);

    return ngx_http_mcp_policy_notify_init_process(mmcf, cycle);
}


void
ngx_http_mcp_policy_zone_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                         i;
    ngx_shm_zone_t                   **shm_zone;
    ngx_http_mcp_policy_zone_t        *zone;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_mcp_policy_module);

    if (mmcf == NULL) {
        return;
    }

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;

        if (zone->writer) {
            ngx_http_mcp_policy_state_stop(zone);
        }
    }

    ngx_http_mcp_policy_file_exit_process(mmcf);
    ngx_http_mcp_policy_pin_exit_process(mmcf);
}


static void
ngx_http_mcp_policy_zone_layout(ngx_http_mcp_policy_shared_t *shared,
    size_t size, ngx_uint_t pins)
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

    shared->files = size / NGX_HTTP_MCP_POLICY_FILE_SHARE
                    / sizeof(ngx_http_mcp_policy_file_slot_t);
    shared->files = ngx_max(shared->files, NGX_HTTP_MCP_POLICY_FILES_MIN);
    shared->file_offset = offset;
    offset += ngx_align(shared->files
                        * sizeof(ngx_http_mcp_policy_file_slot_t), 64);

    shared->pins = ngx_http_mcp_policy_pin_slots(size, pins);
    shared->pin_offset = offset;
    offset += ngx_align(shared->pins
                        * sizeof(ngx_http_mcp_policy_pin_slot_t), 64);

    shared->statistics_offset = offset;
    offset += ngx_align(ngx_http_mcp_policy_count_layout(shared, size), 64);

    shared->usage_offset = offset;
    offset += ngx_align(ngx_http_mcp_policy_usage_layout(shared, size), 64);

    shared->refusal_offset = offset;
    offset += ngx_align(ngx_http_mcp_policy_refusal_layout(shared, size), 64);

    shared->approval_size = ngx_align(size
                                      / NGX_HTTP_MCP_POLICY_APPROVAL_SHARE,
                                      64);
    shared->approval_size = ngx_min(shared->approval_size,
                                    NGX_HTTP_MCP_POLICY_APPROVALS_MAX);
    shared->approval_offset = offset;
    offset += shared->approval_size;

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
    store->check = ngx_http_mcp_policy_zone_check;
    store->refund = ngx_http_mcp_policy_zone_refund;
    store->data = shm_zone->data;
}


static mcp_rc_t
ngx_http_mcp_policy_zone_reserve(void *data, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, uint32_t *failed)
{
    return ngx_http_mcp_policy_zone_charge(data, charges, count, now_ms, 0,
                                           failed);
}


static mcp_rc_t
ngx_http_mcp_policy_zone_check(void *data, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, uint32_t *failed)
{
    return ngx_http_mcp_policy_zone_charge(data, charges, count, now_ms, 1,
                                           failed);
}


static mcp_rc_t
ngx_http_mcp_policy_zone_charge(ngx_http_mcp_policy_zone_t *zone,
    mcp_charge_t *charges, uint32_t count, uint64_t now_ms, ngx_uint_t check,
    uint32_t *failed)
{
    mcp_rc_t  rc;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (zone->shared->moved) {
        rc = MCP_NO;

        *failed = 0;
        charges[0].result.remaining = 0;
        charges[0].result.reset_ms = now_ms + NGX_HTTP_MCP_POLICY_ZONE_MOVED;
        charges[0].result.retry_ms = NGX_HTTP_MCP_POLICY_ZONE_MOVED;

    } else {
        rc = check
             ? mcp_table_fits(zone->table, charges, count, now_ms, failed)
             : mcp_table_reserve(zone->table, charges, count, now_ms, failed);
    }

    ngx_http_mcp_policy_test_locked();

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (rc == MCP_ERROR) {
        ngx_http_mcp_policy_zone_full(zone, *failed < count);
    }

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


static void
ngx_http_mcp_policy_zone_full(ngx_http_mcp_policy_zone_t *zone,
    ngx_uint_t full)
{
    if (!full) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mcp policy: more than %d limits apply to one body",
                      MCP_TABLE_CHARGES_MAX);
        return;
    }

    if (zone->full_logged
        && ngx_time() - zone->full_logged < NGX_HTTP_MCP_POLICY_ZONE_FULL)
    {
        return;
    }

    zone->full_logged = ngx_time();

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "zone \"%V\" is full, increase its size in mcp_zone",
                  &zone->name);
}


#if !(NGX_HTTP_MCP_POLICY_TEST)

/* Unix time in milliseconds, by which limits count. */

uint64_t
ngx_http_mcp_policy_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}

#endif


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
