/*
 * mcp_metrics: the text format 0.0.4 of Prometheus.
 */

#include "ngx_http_mcp_policy_status.h"

#include "mcp_version.h"


/* A number of each zone. */
typedef struct {
    const char  *name;
    const char  *type;
    const char  *help;
    size_t       offset;      /* of a uint64_t, see below */
} ngx_http_mcp_policy_metric_t;

typedef struct {
    uint64_t     size;
    uint64_t     since;
    uint64_t     limit;
    uint64_t     used;
    uint64_t     full;
    uint64_t     approvals;
    uint64_t     streams;
    uint64_t     tasks;
    uint64_t     series_slots;
    uint64_t     series_used;
    uint64_t     lost;
} ngx_http_mcp_policy_numbers_t;


static void ngx_http_mcp_policy_metrics_decisions(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all);
static void ngx_http_mcp_policy_metrics_limits(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all);
static void ngx_http_mcp_policy_metrics_policies(
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_http_mcp_policy_page_t *page);
static void ngx_http_mcp_policy_metrics_files(
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_http_mcp_policy_page_t *page);
static void ngx_http_mcp_policy_metrics_zones(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_zone_status_t *zones, ngx_uint_t count);
static void ngx_http_mcp_policy_metrics_approvals(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_zone_status_t *zones, ngx_uint_t count);
static void ngx_http_mcp_policy_metrics_times(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_zone_status_t *zones, ngx_uint_t count);
static void ngx_http_mcp_policy_metrics_family(
    ngx_http_mcp_policy_page_t *page, const char *name, const char *type,
    const char *help);
static void ngx_http_mcp_policy_metrics_label(
    ngx_http_mcp_policy_page_t *page, const char *text, const u_char *data,
    size_t len);
static void ngx_http_mcp_policy_metrics_value(
    ngx_http_mcp_policy_page_t *page, uint64_t number);


static const ngx_http_mcp_policy_metric_t  ngx_http_mcp_policy_of_zone[] = {

    { "mcp_policy_zone_size_bytes", "gauge",
      "Size of the zone.",
      offsetof(ngx_http_mcp_policy_numbers_t, size) },

    { "mcp_policy_zone_start_time_seconds", "gauge",
      "Unix time from which the zone counts.",
      offsetof(ngx_http_mcp_policy_numbers_t, since) },

    { "mcp_policy_zone_counters", "gauge",
      "Counters of limits in the zone, expired ones included.",
      offsetof(ngx_http_mcp_policy_numbers_t, used) },

    { "mcp_policy_zone_counters_max", "gauge",
      "Counters of limits that the zone has room for.",
      offsetof(ngx_http_mcp_policy_numbers_t, limit) },

    { "mcp_policy_zone_full_total", "counter",
      "Calls for whose counters the zone had no room.",
      offsetof(ngx_http_mcp_policy_numbers_t, full) },

    { "mcp_policy_approvals_max", "gauge",
      "Approvals that the zone has room for.",
      offsetof(ngx_http_mcp_policy_numbers_t, approvals) },

    { "mcp_policy_sse_streams", "gauge",
      "Open streams of the HTTP+SSE transport.",
      offsetof(ngx_http_mcp_policy_numbers_t, streams) },

    { "mcp_policy_tasks", "gauge",
      "Tasks whose tool and owner are known.",
      offsetof(ngx_http_mcp_policy_numbers_t, tasks) },

    { "mcp_policy_series", "gauge",
      "Combinations of labels of mcp_policy_decisions_total in the zone.",
      offsetof(ngx_http_mcp_policy_numbers_t, series_used) },

    { "mcp_policy_series_max", "gauge",
      "Combinations of labels that the zone has room for.",
      offsetof(ngx_http_mcp_policy_numbers_t, series_slots) },

    { "mcp_policy_uncounted_decisions_total", "counter",
      "Decisions missing in mcp_policy_decisions_total for lack of room.",
      offsetof(ngx_http_mcp_policy_numbers_t, lost) },

    { NULL, NULL, NULL, 0 }
};


void
ngx_http_mcp_policy_metrics_text(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all)
{
    ngx_uint_t                           i;
    ngx_shm_zone_t                     **shm_zone;
    ngx_http_mcp_policy_main_conf_t     *mmcf;
    ngx_http_mcp_policy_zone_status_t   *zones;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    zones = ngx_pcalloc(r->pool, (mmcf->zones.nelts + 1)
                                 * sizeof(ngx_http_mcp_policy_zone_status_t));
    if (zones == NULL) {
        page->failed = 1;
        return;
    }

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        ngx_http_mcp_policy_status_zone(shm_zone[i], &zones[i]);
    }

    ngx_http_mcp_policy_metrics_family(page, "mcp_policy_build_info", "gauge",
                                       "Versions of the module and nginx.");
    ngx_http_mcp_policy_page_text(page,
                   "mcp_policy_build_info{version=\"" MCP_POLICY_VERSION
                   "\",nginx=\"" NGINX_VERSION "\"} 1\n");

    ngx_http_mcp_policy_metrics_decisions(page, all);
    ngx_http_mcp_policy_metrics_limits(page, all);
    ngx_http_mcp_policy_metrics_times(page, zones, mmcf->zones.nelts);
    ngx_http_mcp_policy_metrics_zones(page, zones, mmcf->zones.nelts);
    ngx_http_mcp_policy_metrics_approvals(page, zones, mmcf->zones.nelts);
    ngx_http_mcp_policy_metrics_policies(mmcf, page);
    ngx_http_mcp_policy_metrics_files(mmcf, page);
}


static void
ngx_http_mcp_policy_metrics_decisions(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all)
{
    ngx_uint_t                           i;
    const ngx_http_mcp_policy_series_t  *series;

    ngx_http_mcp_policy_metrics_family(page, "mcp_policy_decisions_total",
                                       "counter",
                                       "Messages and requests decided.");

    for (i = 0; i < all->count; i++) {
        series = &all->series[i];

        ngx_http_mcp_policy_metrics_label(page,
                                 "mcp_policy_decisions_total{policy=\"",
                                 series->policy.data, series->policy.len);
        ngx_http_mcp_policy_page_text(page, "\",method=\"");
        ngx_http_mcp_policy_page_text(page,
                            ngx_http_mcp_policy_method_label(series->method));
        ngx_http_mcp_policy_metrics_label(page, "\",tool=\"",
                                          series->tool.data,
                                          series->tool.len);
        ngx_http_mcp_policy_page_text(page, series->dry
                                            ? "\",decision=\"dry_"
                                            : "\",decision=\"");
        ngx_http_mcp_policy_page_text(page,
                             mcp_action_name((mcp_action_t) series->action));
        ngx_http_mcp_policy_page_text(page, "\",reason=\"");
        ngx_http_mcp_policy_page_text(page,
                                  ngx_http_mcp_policy_status_reason(series));
        ngx_http_mcp_policy_metrics_value(page, series->count);
    }
}


/* The lines of one family stand together, so there is a walk for each. */

static void
ngx_http_mcp_policy_metrics_limits(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all)
{
    ngx_uint_t                               i, n;
    const ngx_http_mcp_policy_family_t      *family;
    const ngx_http_mcp_policy_usage_slot_t  *slot;

    static const char  *names[][2] = {
        { "mcp_policy_limit_utilization_ratio",
          "Used part of the limit, of the counter that is nearest to its "
          "end." },
        { "mcp_policy_limit_counters",
          "Counters of the limit that are in use and known." },
        { "mcp_policy_limit_exhausted",
          "Counters of the limit that are at their end." }
    };

    for (n = 0; n < 3; n++) {

        ngx_http_mcp_policy_metrics_family(page, names[n][0], "gauge",
                                           names[n][1]);

        for (i = 0; i < all->family_count; i++) {
            family = &all->families[i];
            slot = &family->slot;

            ngx_http_mcp_policy_page_text(page, names[n][0]);
            ngx_http_mcp_policy_metrics_label(page, "{policy=\"",
                                              slot->policy,
                                              slot->policy_length);
            ngx_http_mcp_policy_metrics_label(page, "\",rule=\"", slot->rule,
                                              slot->rule_length);
            ngx_http_mcp_policy_metrics_label(page, "\",limit=\"",
                                              slot->limit,
                                              slot->limit_length);
            ngx_http_mcp_policy_page_text(page, slot->dry
                                                ? "\",dry_run=\"true"
                                                : "\",dry_run=\"false");
            if (n == 0) {
                ngx_http_mcp_policy_page_text(page, "\"} ");
                ngx_http_mcp_policy_page_ratio(page, family->ratio);
                ngx_http_mcp_policy_page_text(page, "\n");

            } else {
                ngx_http_mcp_policy_metrics_value(page, n == 1
                                                        ? family->counters
                                                        : family->exhausted);
            }
        }
    }
}


static void
ngx_http_mcp_policy_metrics_policies(ngx_http_mcp_policy_main_conf_t *mmcf,
    ngx_http_mcp_policy_page_t *page)
{
    ngx_uint_t                  i, changed;
    const mcp_pin_set_t        *pins;
    ngx_http_mcp_policy_t     **policy;

    policy = mmcf->policies.elts;

    for (changed = 0; changed < 2; changed++) {

        ngx_http_mcp_policy_metrics_family(page, changed
                                ? "mcp_policy_changed_tools"
                                : "mcp_policy_pinned_tools",
                                "gauge", changed
                                ? "Pinned tools whose definition was last "
                                  "seen to differ."
                                : "Tools whose definition is pinned.");

        for (i = 0; i < mmcf->policies.nelts; i++) {
            pins = policy[i]->version->core->pins;

            if (pins == NULL) {
                continue;
            }

            ngx_http_mcp_policy_metrics_label(page, changed
                                      ? "mcp_policy_changed_tools{policy=\""
                                      : "mcp_policy_pinned_tools{policy=\"",
                                      policy[i]->name.data,
                                      policy[i]->name.len);
            ngx_http_mcp_policy_metrics_value(page, changed
                                ? ngx_http_mcp_policy_pin_changes(policy[i])
                                : pins->count);
        }
    }
}


static void
ngx_http_mcp_policy_metrics_files(ngx_http_mcp_policy_main_conf_t *mmcf,
    ngx_http_mcp_policy_page_t *page)
{
    uint64_t                             values[4];
    ngx_uint_t                           i, n;
    ngx_http_mcp_policy_t              **policy;
    ngx_http_mcp_policy_file_status_t    status;

    static const char  *names[][3] = {
        { "mcp_policy_file_generation",
          "Generation of the policy file in the worker that answers.",
          "mcp_policy_file_generation{policy=\"" },
        { "mcp_policy_file_newest_generation",
          "Newest generation of the policy file in any worker.",
          "mcp_policy_file_newest_generation{policy=\"" },
        { "mcp_policy_file_rejected",
          "Whether the content of the policy file was found bad.",
          "mcp_policy_file_rejected{policy=\"" },
        { "mcp_policy_file_info",
          "Content of the policy file in the worker that answers.",
          "mcp_policy_file_info{policy=\"" }
    };

    policy = mmcf->policies.elts;

    for (n = 0; n < 4; n++) {

        ngx_http_mcp_policy_metrics_family(page, names[n][0], "gauge",
                                           names[n][1]);

        for (i = 0; i < mmcf->policies.nelts; i++) {

            if (policy[i]->file == NULL) {
                continue;
            }

            ngx_http_mcp_policy_status_file(policy[i], &status);

            ngx_http_mcp_policy_metrics_label(page, names[n][2],
                                              policy[i]->name.data,
                                              policy[i]->name.len);
            values[0] = status.generation;
            values[1] = status.newest_generation;
            values[2] = status.rejected;
            values[3] = 1;

            if (n == 3) {
                ngx_http_mcp_policy_metrics_label(page, "\",sha256=\"",
                                                  status.sha256,
                                                  sizeof(status.sha256));
            }

            ngx_http_mcp_policy_metrics_value(page, values[n]);
        }
    }
}


static void
ngx_http_mcp_policy_metrics_zones(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_zone_status_t *zones, ngx_uint_t count)
{
    ngx_uint_t                           i;
    const ngx_http_mcp_policy_metric_t  *metric;
    ngx_http_mcp_policy_numbers_t        numbers;

    for (metric = ngx_http_mcp_policy_of_zone; metric->name; metric++) {

        ngx_http_mcp_policy_metrics_family(page, metric->name, metric->type,
                                           metric->help);

        for (i = 0; i < count; i++) {
            numbers.size = zones[i].size;
            numbers.since = zones[i].since;
            numbers.limit = zones[i].counters.limit;
            numbers.used = zones[i].counters.used;
            numbers.full = zones[i].counters.full;
            numbers.approvals = zones[i].approvals.records;
            numbers.streams = zones[i].streams;
            numbers.tasks = zones[i].tasks;
            numbers.series_slots = zones[i].slots;
            numbers.series_used = zones[i].used;
            numbers.lost = zones[i].lost;

            ngx_http_mcp_policy_page_text(page, metric->name);
            ngx_http_mcp_policy_metrics_label(page, "{zone=\"",
                                              zones[i].name.data,
                                              zones[i].name.len);
            ngx_http_mcp_policy_metrics_value(page,
                     *(uint64_t *) ((u_char *) &numbers + metric->offset));
        }
    }
}


static void
ngx_http_mcp_policy_metrics_approvals(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_zone_status_t *zones, ngx_uint_t count)
{
    ngx_uint_t     i, n, events;
    const u_char  *stats;

    static const struct {
        const char  *label;
        size_t       offset;
    } numbers[] = {
        { "\",state=\"pending",
          offsetof(ngx_http_mcp_policy_zone_status_t, approvals.pending) },
        { "\",state=\"approved",
          offsetof(ngx_http_mcp_policy_zone_status_t, approvals.approved) },
        { "\",state=\"denied",
          offsetof(ngx_http_mcp_policy_zone_status_t, approvals.denied) },
        { "\",event=\"created",
          offsetof(ngx_http_mcp_policy_zone_status_t, approvals.created) },
        { "\",event=\"expired",
          offsetof(ngx_http_mcp_policy_zone_status_t, approvals.expired) },
        { "\",event=\"used",
          offsetof(ngx_http_mcp_policy_zone_status_t, approvals.used) },
        { "\",event=\"refused",
          offsetof(ngx_http_mcp_policy_zone_status_t, approvals.refused) },
        { "\",event=\"notified",
          offsetof(ngx_http_mcp_policy_zone_status_t, notified) },
        { "\",event=\"notify_failed",
          offsetof(ngx_http_mcp_policy_zone_status_t, notify_failed) }
    };

    for (events = 0; events < 2; events++) {

        ngx_http_mcp_policy_metrics_family(page, events
                                ? "mcp_policy_approvals_total"
                                : "mcp_policy_approvals",
                                events ? "counter" : "gauge", events
                                ? "What became of approvals; refused: there "
                                  "was no room for one; notify_failed: tries."
                                : "Approvals that have not expired.");

        for (i = 0; i < count; i++) {
            stats = (const u_char *) &zones[i];

            for (n = events ? 3 : 0; n < (events ? 9 : 3); n++) {
                ngx_http_mcp_policy_metrics_label(page, events
                                      ? "mcp_policy_approvals_total{zone=\""
                                      : "mcp_policy_approvals{zone=\"",
                                      zones[i].name.data, zones[i].name.len);
                ngx_http_mcp_policy_page_text(page, numbers[n].label);
                ngx_http_mcp_policy_metrics_value(page,
                         *(const uint64_t *) (stats + numbers[n].offset));
            }
        }
    }
}


static void
ngx_http_mcp_policy_metrics_times(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_zone_status_t *zones, ngx_uint_t count)
{
    ngx_uint_t                                i, n;
    const ngx_http_mcp_policy_zone_status_t  *zone;

    ngx_http_mcp_policy_metrics_family(page, "mcp_policy_evaluation_seconds",
                                       "histogram",
                                       "Time from a body to its decision.");

    for (i = 0; i < count; i++) {
        zone = &zones[i];

        for (n = 0; n < NGX_HTTP_MCP_POLICY_BUCKETS; n++) {
            ngx_http_mcp_policy_metrics_label(page,
                               "mcp_policy_evaluation_seconds_bucket{zone=\"",
                               zone->name.data, zone->name.len);
            ngx_http_mcp_policy_page_text(page, "\",le=\"");
            ngx_http_mcp_policy_page_text(page,
                                          ngx_http_mcp_policy_bounds[n]);
            ngx_http_mcp_policy_metrics_value(page, zone->buckets[n]);
        }

        ngx_http_mcp_policy_metrics_label(page,
                                  "mcp_policy_evaluation_seconds_sum{zone=\"",
                                  zone->name.data, zone->name.len);
        ngx_http_mcp_policy_page_text(page, "\"} ");
        ngx_http_mcp_policy_page_seconds(page, zone->sum_ns);
        ngx_http_mcp_policy_metrics_label(page,
                              "\nmcp_policy_evaluation_seconds_count{zone=\"",
                              zone->name.data, zone->name.len);
        ngx_http_mcp_policy_metrics_value(page,
                             zone->buckets[NGX_HTTP_MCP_POLICY_BUCKETS - 1]);
    }
}


static void
ngx_http_mcp_policy_metrics_family(ngx_http_mcp_policy_page_t *page,
    const char *name, const char *type, const char *help)
{
    ngx_http_mcp_policy_page_text(page, "# HELP ");
    ngx_http_mcp_policy_page_text(page, name);
    ngx_http_mcp_policy_page_text(page, " ");
    ngx_http_mcp_policy_page_text(page, help);
    ngx_http_mcp_policy_page_text(page, "\n# TYPE ");
    ngx_http_mcp_policy_page_text(page, name);
    ngx_http_mcp_policy_page_text(page, " ");
    ngx_http_mcp_policy_page_text(page, type);
    ngx_http_mcp_policy_page_text(page, "\n");
}


/* A value may have any characters of UTF-8, three of them escaped. */

static void
ngx_http_mcp_policy_metrics_label(ngx_http_mcp_policy_page_t *page,
    const char *text, const u_char *data, size_t len)
{
    u_char    *p, *src, *next, *last;
    uint32_t   c;

    ngx_http_mcp_policy_page_text(page, text);

    /* a byte that is not UTF-8 becomes the three of U+FFFD */

    p = ngx_http_mcp_policy_page_room(page, 3 * len);

    if (p == NULL) {
        return;
    }

    src = (u_char *) data;
    last = src + len;

    while (src < last) {
        next = src;

        if (*src < 0x80) {
            c = *next++;

        } else {
            c = ngx_utf8_decode(&next, last - src);
        }

        if (*src == '\n') {
            *p++ = '\\';
            *p++ = 'n';
            src++;

        } else if (*src == '"' || *src == '\\') {
            *p++ = '\\';
            *p++ = *src++;

        } else if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
            p = ngx_cpymem(p, "\xef\xbf\xbd", 3);
            src++;

        } else {
            p = ngx_cpymem(p, src, next - src);
            src = next;
        }
    }

    page->buf->last = p;
}


static void
ngx_http_mcp_policy_metrics_value(ngx_http_mcp_policy_page_t *page,
    uint64_t number)
{
    ngx_http_mcp_policy_page_text(page, "\"} ");
    ngx_http_mcp_policy_page_number(page, number);
    ngx_http_mcp_policy_page_text(page, "\n");
}
