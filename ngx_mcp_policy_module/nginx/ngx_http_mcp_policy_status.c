/*
 * mcp_status and mcp_metrics: the directives, the handler, and what both
 * pages show.  Nothing in them tells who called, or with what.
 */

#include "ngx_http_mcp_policy_status.h"
#include "ngx_http_mcp_policy_approval.h"


#define NGX_HTTP_MCP_POLICY_PAGE_BUFFER   16384


static ngx_int_t ngx_http_mcp_policy_page_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_page_send(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page, ngx_uint_t metrics);
static ngx_int_t ngx_http_mcp_policy_page_header(ngx_http_request_t *r,
    const char *key, const char *value);
static int ngx_libc_cdecl ngx_http_mcp_policy_status_order(const void *one,
    const void *two);
static ngx_int_t ngx_http_mcp_policy_status_compare(const ngx_str_t *one,
    const ngx_str_t *two);


char *
ngx_http_mcp_policy_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_mcp_policy_page_set(cf, conf,
                                        NGX_HTTP_MCP_POLICY_PAGE_STATUS,
                                        ngx_http_mcp_policy_page_handler);
}


char *
ngx_http_mcp_policy_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_mcp_policy_page_set(cf, conf,
                                        NGX_HTTP_MCP_POLICY_PAGE_METRICS,
                                        ngx_http_mcp_policy_page_handler);
}


char *
ngx_http_mcp_policy_page_set(ngx_conf_t *cf, void *conf, ngx_uint_t page,
    ngx_http_handler_pt handler)
{
    ngx_http_mcp_policy_loc_conf_t *mlcf = conf;

    ngx_http_core_loc_conf_t         *clcf;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    if (mlcf->page == page) {
        return "is duplicate";
    }

    if (mlcf->page) {
        return "needs a location of its own: \"mcp_status\", "
               "\"mcp_metrics\" and \"mcp_admin\" are three pages";
    }

    mlcf->page = page;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_policy_module);
    mmcf->counted = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "is beside another handler of the location";
    }

    clcf->handler = handler;
    mlcf->page_handler = handler;

    return NGX_CONF_OK;
}


/*
 * Directives may come in any order: another one, such as proxy_pass, may have
 * taken the location over.
 */

ngx_int_t
ngx_http_mcp_policy_page_check(ngx_conf_t *cf,
    ngx_http_mcp_policy_loc_conf_t *mlcf)
{
    ngx_http_core_loc_conf_t  *clcf;

    static const char  *names[] = { "", "mcp_status", "mcp_metrics",
                                    "mcp_admin" };

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != mlcf->page_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" is beside another handler in location "
                           "\"%V\"", names[mlcf->page], &clcf->name);
        return NGX_ERROR;
    }

    if (mlcf->enforce == NGX_CONF_UNSET_PTR) {
        mlcf->enforce = NULL;
    }

    if (mlcf->enforce) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" and \"mcp_enforce\" are both in location "
                           "\"%V\"", names[mlcf->page], &clcf->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_page_handler(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_uint_t                        metrics;
    ngx_http_mcp_policy_page_t        page;
    ngx_http_mcp_policy_loc_conf_t   *mlcf;
    ngx_http_mcp_policy_all_series_t  all;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return (ngx_http_mcp_policy_page_header(r, "Allow", "GET, HEAD")
                == NGX_OK)
               ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_mcp_policy_status_series(r, &all) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mcp_policy_page_init(&page, r->pool);

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    metrics = (mlcf->page == NGX_HTTP_MCP_POLICY_PAGE_METRICS);

    if (metrics) {
        ngx_http_mcp_policy_metrics_text(r, &page, &all);

    } else {
        ngx_http_mcp_policy_status_json(r, &page, &all);
    }

    if (page.failed || page.buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mcp_policy_page_send(r, &page, metrics);
}


static ngx_int_t
ngx_http_mcp_policy_page_send(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page, ngx_uint_t metrics)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    for (cl = page->out; cl; cl = cl->next) {
        page->size += cl->buf->last - cl->buf->pos;
    }

    page->buf->last_buf = (r == r->main) ? 1 : 0;
    page->buf->last_in_chain = 1;

    if (metrics) {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = page->size;

    if (ngx_http_mcp_policy_page_header(r, "Cache-Control", "no-store")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, page->out);
}


static ngx_int_t
ngx_http_mcp_policy_page_header(ngx_http_request_t *r, const char *key,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_header_init(h);

    h->hash = 1;
    h->key.data = (u_char *) key;
    h->key.len = ngx_strlen(key);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return NGX_OK;
}


/*
 * Those of all zones.  Texts are where they lie: a slot that was given out
 * keeps them.  Two with the same labels, of a policy that has changed its
 * zone, become one.
 */

ngx_int_t
ngx_http_mcp_policy_status_series(ngx_http_request_t *r,
    ngx_http_mcp_policy_all_series_t *all)
{
    ngx_uint_t                          i, n, room;
    ngx_shm_zone_t                    **shm_zone;
    ngx_http_mcp_policy_zone_t         *zone;
    ngx_http_mcp_policy_series_t       *series;
    ngx_http_mcp_policy_main_conf_t    *mmcf;
    ngx_http_mcp_policy_statistics_t   *statistics;
    ngx_http_mcp_policy_series_slot_t  *slots;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = mmcf->zones.elts;
    room = 1;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;
        statistics = ngx_http_mcp_policy_zone_area(zone->shared,
                                                   statistics_offset);
        room += statistics->slots;
    }

    series = ngx_pcalloc(r->pool,
                         room * sizeof(ngx_http_mcp_policy_series_t));
    if (series == NULL) {
        return NGX_ERROR;
    }

    all->series = series;
    all->count = 0;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        zone = shm_zone[i]->data;
        statistics = ngx_http_mcp_policy_zone_area(zone->shared,
                                                   statistics_offset);
        slots = (ngx_http_mcp_policy_series_slot_t *) (statistics + 1);

        for (n = 0; n < statistics->slots; n++) {

            if (slots[n].key == 0) {
                continue;
            }

            ngx_memory_barrier();

            series = &all->series[all->count++];

            series->policy.data = slots[n].policy;
            series->policy.len = slots[n].policy_length;
            series->tool.data = slots[n].tool;
            series->tool.len = slots[n].tool_length;
            series->method = slots[n].method;
            series->action = slots[n].action;
            series->reason = slots[n].reason;
            series->dry = slots[n].dry;
            series->count = slots[n].count;
        }
    }

    ngx_qsort(all->series, all->count, sizeof(ngx_http_mcp_policy_series_t),
              ngx_http_mcp_policy_status_order);

    series = all->series;

    for (i = 1, n = 0; i < all->count; i++) {

        if (ngx_http_mcp_policy_status_order(&series[n], &series[i]) == 0) {
            series[n].count += series[i].count;

        } else {
            series[++n] = series[i];
        }
    }

    all->count = all->count ? n + 1 : 0;

    if (ngx_http_mcp_policy_usage_read(r, &all->usages) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_policy_usage_families(r, &all->usages, &all->families,
                                              &all->family_count);
}


static int ngx_libc_cdecl
ngx_http_mcp_policy_status_order(const void *one, const void *two)
{
    ngx_int_t                            rc;
    const ngx_http_mcp_policy_series_t  *a, *b;

    a = one;
    b = two;

    rc = ngx_http_mcp_policy_status_compare(&a->policy, &b->policy);

    if (rc == 0) {
        rc = (ngx_int_t) a->method - (ngx_int_t) b->method;
    }

    if (rc == 0) {
        rc = ngx_http_mcp_policy_status_compare(&a->tool, &b->tool);
    }

    if (rc == 0) {
        rc = (ngx_int_t) a->dry - (ngx_int_t) b->dry;
    }

    if (rc == 0) {
        rc = (ngx_int_t) a->action - (ngx_int_t) b->action;
    }

    if (rc == 0) {
        rc = (ngx_int_t) a->reason - (ngx_int_t) b->reason;
    }

    return rc;
}


static ngx_int_t
ngx_http_mcp_policy_status_compare(const ngx_str_t *one, const ngx_str_t *two)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(one->data, two->data, ngx_min(one->len, two->len));

    return rc ? rc : (ngx_int_t) one->len - (ngx_int_t) two->len;
}


/* Slots are looked at without the lock: one may come or go meanwhile. */

void
ngx_http_mcp_policy_status_zone(ngx_shm_zone_t *shm_zone,
    ngx_http_mcp_policy_zone_status_t *status)
{
    uint64_t                             ns;
    ngx_uint_t                           i, n;
    ngx_http_mcp_policy_zone_t          *zone;
    ngx_http_mcp_policy_shared_t        *shared;
    ngx_http_mcp_policy_task_slot_t     *tasks;
    ngx_http_mcp_policy_statistics_t    *statistics;
    ngx_http_mcp_policy_stream_slot_t   *streams;

    ngx_memzero(status, sizeof(ngx_http_mcp_policy_zone_status_t));

    zone = shm_zone->data;
    shared = zone->shared;
    statistics = ngx_http_mcp_policy_zone_area(shared, statistics_offset);

    status->name = zone->name;
    status->size = shm_zone->shm.size;
    status->since = statistics->since;
    status->slots = statistics->slots;
    status->used = statistics->used;
    status->lost = statistics->lost;

    ngx_shmtx_lock(&zone->shpool->mutex);

    mcp_table_stats(zone->table, &status->counters);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    ngx_http_mcp_policy_approval_stats(zone, &status->approvals);

    status->notified = shared->notified;
    status->notify_failed = shared->notify_failed;

    streams = ngx_http_mcp_policy_zone_area(shared, stream_offset);

    for (i = 0; i < shared->streams; i++) {
        status->streams += (streams[i].serial
                            && streams[i].expires > ngx_time());
    }

    tasks = ngx_http_mcp_policy_zone_area(shared, task_offset);

    for (i = 0; i < shared->tasks; i++) {
        status->tasks += ((tasks[i].key[0] || tasks[i].key[1])
                          && tasks[i].expires > ngx_time());
    }

    for (n = 0; n < NGX_HTTP_MCP_POLICY_SHARDS; n++) {
        status->sum_ns += statistics->times[n].sum_ns;
    }

    ns = 0;

    for (i = 0; i < NGX_HTTP_MCP_POLICY_BUCKETS; i++) {

        for (n = 0; n < NGX_HTTP_MCP_POLICY_SHARDS; n++) {
            ns += statistics->times[n].buckets[i];
        }

        status->buckets[i] = ns;
    }
}


void
ngx_http_mcp_policy_status_file(ngx_http_mcp_policy_t *policy,
    ngx_http_mcp_policy_file_status_t *status)
{
    uint64_t                          key[2];
    mcp_str_t                         name;
    ngx_uint_t                        i;
    ngx_http_mcp_policy_zone_t       *zone;
    ngx_http_mcp_policy_file_slot_t  *slot;

    static const u_char  none[NGX_HTTP_MCP_POLICY_SHA256];

    zone = policy->zone->data;

    status->rejected = 0;
    status->generation = policy->version->generation;
    status->newest_generation = status->generation;

    (void) ngx_hex_dump(status->sha256, policy->version->sha256,
                        NGX_HTTP_MCP_POLICY_SHA256);
    ngx_memcpy(status->newest, status->sha256, sizeof(status->newest));

    name.data = policy->name.data;
    name.len = policy->name.len;

    mcp_siphash(zone->shared->hash_key, name, key);

    slot = ngx_http_mcp_policy_zone_area(zone->shared, file_offset);

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 0; i < zone->shared->files && slot[i].generation; i++) {

        if (slot[i].key[0] == key[0] && slot[i].key[1] == key[1]) {
            status->newest_generation = slot[i].generation;
            status->rejected = ngx_memcmp(slot[i].claimed, none,
                                          NGX_HTTP_MCP_POLICY_SHA256) != 0;
            (void) ngx_hex_dump(status->newest, slot[i].sha256,
                                NGX_HTTP_MCP_POLICY_SHA256);
            break;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


const char *
ngx_http_mcp_policy_status_reason(const ngx_http_mcp_policy_series_t *series)
{
    return ngx_http_mcp_policy_reason_label(series->action, series->reason);
}


const char *
ngx_http_mcp_policy_reason_label(ngx_uint_t action, ngx_uint_t reason)
{
    return (action == MCP_INVALID) ? mcp_invalid_name((mcp_invalid_t) reason)
                                   : mcp_reason_name((mcp_reason_t) reason);
}


void
ngx_http_mcp_policy_page_init(ngx_http_mcp_policy_page_t *page,
    ngx_pool_t *pool)
{
    ngx_memzero(page, sizeof(ngx_http_mcp_policy_page_t));

    page->pool = pool;
    page->last = &page->out;
}


/* Where to write; the caller moves page->buf->last.  NULL: no memory. */

u_char *
ngx_http_mcp_policy_page_room(ngx_http_mcp_policy_page_t *page, size_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (page->failed) {
        return NULL;
    }

    b = page->buf;

    if (b == NULL || (size_t) (b->end - b->last) < size) {
        b = ngx_create_temp_buf(page->pool,
                                ngx_max(size,
                                        NGX_HTTP_MCP_POLICY_PAGE_BUFFER));
        cl = ngx_alloc_chain_link(page->pool);

        if (b == NULL || cl == NULL) {
            page->failed = 1;
            return NULL;
        }

        cl->buf = b;
        cl->next = NULL;

        *page->last = cl;
        page->last = &cl->next;
        page->buf = b;
    }

    return b->last;
}


void
ngx_http_mcp_policy_page_text(ngx_http_mcp_policy_page_t *page,
    const char *text)
{
    u_char  *p;
    size_t   len;

    len = ngx_strlen(text);
    p = ngx_http_mcp_policy_page_room(page, len);

    if (p) {
        page->buf->last = ngx_cpymem(p, text, len);
    }
}


void
ngx_http_mcp_policy_page_number(ngx_http_mcp_policy_page_t *page,
    uint64_t number)
{
    u_char  *p;

    p = ngx_http_mcp_policy_page_room(page, NGX_INT64_LEN);

    if (p) {
        page->buf->last = ngx_sprintf(p, "%uL", number);
    }
}


void
ngx_http_mcp_policy_page_seconds(ngx_http_mcp_policy_page_t *page,
    uint64_t ns)
{
    u_char  *p;

    p = ngx_http_mcp_policy_page_room(page, NGX_INT64_LEN + 10);

    if (p) {
        page->buf->last = ngx_sprintf(p, "%uL.%09uL", ns / 1000000000,
                                      ns % 1000000000);
    }
}


/* Of four digits behind the point. */

void
ngx_http_mcp_policy_page_ratio(ngx_http_mcp_policy_page_t *page,
    ngx_uint_t ratio)
{
    u_char  *p;

    p = ngx_http_mcp_policy_page_room(page, NGX_INT64_LEN + 5);

    if (p) {
        page->buf->last = ngx_sprintf(p, "%ui.%04ui", ratio / 10000,
                                      ratio % 10000);
    }
}
