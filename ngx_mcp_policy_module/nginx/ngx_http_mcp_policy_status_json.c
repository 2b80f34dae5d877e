/*
 * mcp_status: everything as JSON.  docs/status.schema.json describes it.
 */

#include "ngx_http_mcp_policy_status.h"

#include "mcp_version.h"


static ngx_uint_t ngx_http_mcp_policy_json_policies(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, ngx_uint_t overview);
static void ngx_http_mcp_policy_json_former(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, ngx_uint_t more);
static ngx_uint_t ngx_http_mcp_policy_json_same(const ngx_str_t *label,
    const ngx_str_t *name);
static void ngx_http_mcp_policy_json_file(ngx_http_mcp_policy_page_t *page,
    ngx_http_mcp_policy_t *policy);
static void ngx_http_mcp_policy_json_limits(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, const ngx_str_t *policy);
static void ngx_http_mcp_policy_json_decisions(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, const ngx_str_t *policy);
static void ngx_http_mcp_policy_json_series(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_series_t *series);
static void ngx_http_mcp_policy_json_approvals(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_zone_status_t *status);
static void ngx_http_mcp_policy_json_zone(ngx_http_mcp_policy_page_t *page,
    ngx_shm_zone_t *shm_zone);


void
ngx_http_mcp_policy_status_json(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all)
{
    ngx_http_mcp_policy_status_members(r, page, all, 0);
    ngx_http_mcp_policy_page_text(page, "}\n");
}


/* The object, not yet closed. */

void
ngx_http_mcp_policy_status_members(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, ngx_uint_t overview)
{
    ngx_uint_t                         i, more;
    ngx_shm_zone_t                   **shm_zone;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    ngx_http_mcp_policy_page_text(page,
                       "{\"schema\":1,\"version\":\"" MCP_POLICY_VERSION
                       "\",\"nginx\":\"" NGINX_VERSION "\"");

    ngx_http_mcp_policy_json_number(page, ",\"pid\":", ngx_pid);
    ngx_http_mcp_policy_json_number(page, ",\"time\":", ngx_time());

    ngx_http_mcp_policy_page_text(page, ",\n\"policies\":[");
    more = ngx_http_mcp_policy_json_policies(r, page, all, overview);
    ngx_http_mcp_policy_json_former(r, page, all, more);

    ngx_http_mcp_policy_page_text(page, "],\n\"zones\":[");

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        ngx_http_mcp_policy_page_text(page, i ? ",\n" : "\n");
        ngx_http_mcp_policy_json_zone(page, shm_zone[i]);
    }

    ngx_http_mcp_policy_page_text(page, "]");
}


static ngx_uint_t
ngx_http_mcp_policy_json_policies(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, ngx_uint_t overview)
{
    ngx_uint_t                         i;
    const mcp_policy_t                *core;
    ngx_http_mcp_policy_t            **policy;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    policy = mmcf->policies.elts;

    for (i = 0; i < mmcf->policies.nelts; i++) {
        core = policy[i]->version->core;

        ngx_http_mcp_policy_page_text(page, i ? ",\n" : "\n");
        ngx_http_mcp_policy_json_string(page, "{\"name\":",
                                        policy[i]->name.data,
                                        policy[i]->name.len);
        ngx_http_mcp_policy_page_text(page, ",\"source\":");
        ngx_http_mcp_policy_page_text(page, policy[i]->file
                                            ? "\"file\"" : "\"nginx\"");
        ngx_http_mcp_policy_json_string(page, ",\"zone\":",
                                        policy[i]->zone->shm.name.data,
                                        policy[i]->zone->shm.name.len);
        ngx_http_mcp_policy_page_text(page, ",\"default\":");
        ngx_http_mcp_policy_page_text(page, core->default_allow
                                            ? "\"allow\"" : "\"deny\"");

        if (policy[i]->file) {
            ngx_http_mcp_policy_json_file(page, policy[i]);
        }

        if (core->pins) {
            ngx_http_mcp_policy_json_number(page, ",\"pins\":{\"pinned\":",
                                            core->pins->count);
            ngx_http_mcp_policy_json_number(page, ",\"changed\":",
                                ngx_http_mcp_policy_pin_changes(policy[i]));
            ngx_http_mcp_policy_page_text(page, "}");
        }

        if (overview) {
            ngx_http_mcp_policy_overview_tools(r, page, policy[i]);
        }

        ngx_http_mcp_policy_json_limits(page, all, &policy[i]->name);
        ngx_http_mcp_policy_json_decisions(page, all, &policy[i]->name);
    }

    return i != 0;
}


/* Policies that were counted and are no longer, or never were, configured. */

static void
ngx_http_mcp_policy_json_former(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, ngx_uint_t more)
{
    ngx_uint_t                         i, n;
    const ngx_str_t                   *name, *previous;
    ngx_http_mcp_policy_t            **policy;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    policy = mmcf->policies.elts;
    previous = NULL;

    for (i = 0; i < all->count; i++) {
        name = &all->series[i].policy;

        if (previous && previous->len == name->len
            && ngx_memcmp(previous->data, name->data, name->len) == 0)
        {
            continue;
        }

        previous = name;

        for (n = 0; n < mmcf->policies.nelts; n++) {
            if (ngx_http_mcp_policy_json_same(name, &policy[n]->name)) {
                break;
            }
        }

        if (n < mmcf->policies.nelts) {
            continue;
        }

        ngx_http_mcp_policy_page_text(page, more ? ",\n" : "\n");
        ngx_http_mcp_policy_json_string(page, "{\"name\":", name->data,
                                        name->len);
        ngx_http_mcp_policy_page_text(page, ",\"source\":\"none\"");
        ngx_http_mcp_policy_json_decisions(page, all, name);

        more = 1;
    }
}


static ngx_uint_t
ngx_http_mcp_policy_json_same(const ngx_str_t *label, const ngx_str_t *name)
{
    return label->len == ngx_min(name->len,
                                 NGX_HTTP_MCP_POLICY_SERIES_POLICY)
           && ngx_memcmp(label->data, name->data, label->len) == 0;
}


static void
ngx_http_mcp_policy_json_file(ngx_http_mcp_policy_page_t *page,
    ngx_http_mcp_policy_t *policy)
{
    ngx_http_mcp_policy_file_status_t  status;

    ngx_http_mcp_policy_status_file(policy, &status);

    ngx_http_mcp_policy_json_number(page, ",\"file\":{\"generation\":",
                                    status.generation);
    ngx_http_mcp_policy_json_string(page, ",\"sha256\":", status.sha256,
                                    sizeof(status.sha256));
    ngx_http_mcp_policy_json_number(page, ",\"newest\":{\"generation\":",
                                    status.newest_generation);
    ngx_http_mcp_policy_json_string(page, ",\"sha256\":", status.newest,
                                    sizeof(status.newest));
    ngx_http_mcp_policy_page_text(page, status.rejected
                                        ? "},\"rejected\":true}"
                                        : "},\"rejected\":false}");
}


/* How far they are used up, by whoever is nearest to the end. */

static void
ngx_http_mcp_policy_json_limits(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, const ngx_str_t *policy)
{
    ngx_str_t                                label;
    ngx_uint_t                               i, more;
    const ngx_http_mcp_policy_family_t      *family;
    const ngx_http_mcp_policy_usage_slot_t  *slot;

    more = 0;

    ngx_http_mcp_policy_page_text(page, ",\n \"limits\":[");

    for (i = 0; i < all->family_count; i++) {
        family = &all->families[i];
        slot = &family->slot;

        label.data = (u_char *) slot->policy;
        label.len = slot->policy_length;

        if (!ngx_http_mcp_policy_json_same(&label, policy)) {
            continue;
        }

        ngx_http_mcp_policy_page_text(page, more ? ",\n  " : "\n  ");
        ngx_http_mcp_policy_json_string(page, "{\"rule\":", slot->rule,
                                        slot->rule_length);
        ngx_http_mcp_policy_json_string(page, ",\"limit\":", slot->limit,
                                        slot->limit_length);
        ngx_http_mcp_policy_page_text(page, slot->dry
                                            ? ",\"dry_run\":true"
                                            : ",\"dry_run\":false");
        ngx_http_mcp_policy_page_text(page, ",\"utilization\":");
        ngx_http_mcp_policy_page_ratio(page, family->ratio);
        ngx_http_mcp_policy_json_number(page, ",\"counters\":",
                                        family->counters);
        ngx_http_mcp_policy_json_number(page, ",\"exhausted\":",
                                        family->exhausted);
        ngx_http_mcp_policy_page_text(page, "}");

        more = 1;
    }

    ngx_http_mcp_policy_page_text(page, "]");
}


static void
ngx_http_mcp_policy_json_decisions(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all, const ngx_str_t *policy)
{
    uint64_t                             sums[2][MCP_INVALID + 1];
    ngx_uint_t                           i, dry, first, last;
    const ngx_http_mcp_policy_series_t  *series;

    static const char  *members[] = {
        "\"allow\":", ",\"deny\":", ",\"limit\":", ",\"approve\":",
        ",\"invalid\":"
    };

    ngx_memzero(sums, sizeof(sums));

    for (first = 0; first < all->count; first++) {
        if (ngx_http_mcp_policy_json_same(&all->series[first].policy,
                                          policy))
        {
            break;
        }
    }

    for (last = first; last < all->count; last++) {
        series = &all->series[last];

        if (!ngx_http_mcp_policy_json_same(&series->policy, policy)) {
            break;
        }

        sums[series->dry][series->action] += series->count;
    }

    for (dry = 0; dry < 2; dry++) {
        ngx_http_mcp_policy_page_text(page, dry ? "},\n \"dry_run\":{"
                                                : ",\n \"decisions\":{");

        for (i = dry; i <= MCP_INVALID; i++) {
            ngx_http_mcp_policy_json_number(page,
                                            members[i] + (dry && i == dry),
                                            sums[dry][i]);
        }
    }

    ngx_http_mcp_policy_page_text(page, "},\n \"series\":[");

    for (i = first; i < last; i++) {
        ngx_http_mcp_policy_page_text(page, (i > first) ? ",\n  " : "\n  ");
        ngx_http_mcp_policy_json_series(page, &all->series[i]);
    }

    ngx_http_mcp_policy_page_text(page, "]}");
}


static void
ngx_http_mcp_policy_json_series(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_series_t *series)
{
    ngx_http_mcp_policy_page_text(page, "{\"method\":\"");
    ngx_http_mcp_policy_page_text(page,
                            ngx_http_mcp_policy_method_label(series->method));
    ngx_http_mcp_policy_json_string(page, "\",\"tool\":", series->tool.data,
                                    series->tool.len);
    ngx_http_mcp_policy_page_text(page, ",\"decision\":\"");
    ngx_http_mcp_policy_page_text(page,
                             mcp_action_name((mcp_action_t) series->action));
    ngx_http_mcp_policy_page_text(page, series->dry
                                        ? "\",\"dry_run\":true"
                                        : "\",\"dry_run\":false");
    ngx_http_mcp_policy_page_text(page, ",\"reason\":\"");
    ngx_http_mcp_policy_page_text(page,
                                  ngx_http_mcp_policy_status_reason(series));
    ngx_http_mcp_policy_json_number(page, "\",\"count\":", series->count);
    ngx_http_mcp_policy_page_text(page, "}");
}


static void
ngx_http_mcp_policy_json_zone(ngx_http_mcp_policy_page_t *page,
    ngx_shm_zone_t *shm_zone)
{
    ngx_uint_t                          i;
    ngx_http_mcp_policy_zone_status_t   status;

    ngx_http_mcp_policy_status_zone(shm_zone, &status);

    ngx_http_mcp_policy_json_string(page, "{\"name\":", status.name.data,
                                    status.name.len);
    ngx_http_mcp_policy_json_number(page, ",\"size\":", status.size);
    ngx_http_mcp_policy_json_number(page, ",\"since\":", status.since);

    ngx_http_mcp_policy_json_number(page, ",\"counters\":{\"slots\":",
                                    status.counters.slots);
    ngx_http_mcp_policy_json_number(page, ",\"limit\":",
                                    status.counters.limit);
    ngx_http_mcp_policy_json_number(page, ",\"used\":", status.counters.used);
    ngx_http_mcp_policy_json_number(page, ",\"full\":", status.counters.full);

    ngx_http_mcp_policy_page_text(page, "},\n ");
    ngx_http_mcp_policy_json_approvals(page, &status);

    ngx_http_mcp_policy_json_number(page, ",\n \"streams\":",
                                    status.streams);
    ngx_http_mcp_policy_json_number(page, ",\"tasks\":", status.tasks);

    ngx_http_mcp_policy_json_number(page, ",\"series\":{\"slots\":",
                                    status.slots);
    ngx_http_mcp_policy_json_number(page, ",\"used\":", status.used);
    ngx_http_mcp_policy_json_number(page, ",\"lost\":", status.lost);

    ngx_http_mcp_policy_json_number(page, "},\n \"evaluation\":{\"count\":",
                            status.buckets[NGX_HTTP_MCP_POLICY_BUCKETS - 1]);
    ngx_http_mcp_policy_page_text(page, ",\"seconds\":");
    ngx_http_mcp_policy_page_seconds(page, status.sum_ns);
    ngx_http_mcp_policy_page_text(page, ",\"buckets\":[");

    for (i = 0; i < NGX_HTTP_MCP_POLICY_BUCKETS - 1; i++) {
        ngx_http_mcp_policy_page_text(page, i ? ",{\"le\":" : "{\"le\":");
        ngx_http_mcp_policy_page_text(page, ngx_http_mcp_policy_bounds[i]);
        ngx_http_mcp_policy_json_number(page, ",\"count\":",
                                        status.buckets[i]);
        ngx_http_mcp_policy_page_text(page, "}");
    }

    ngx_http_mcp_policy_page_text(page, "]}}");
}


static void
ngx_http_mcp_policy_json_approvals(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_zone_status_t *status)
{
    const mcp_approval_stats_t  *stats;

    stats = &status->approvals;

    ngx_http_mcp_policy_json_number(page, "\"approvals\":{\"pending\":",
                                    stats->pending);
    ngx_http_mcp_policy_json_number(page, ",\"approved\":",
                                    stats->approved);
    ngx_http_mcp_policy_json_number(page, ",\"denied\":", stats->denied);
    ngx_http_mcp_policy_json_number(page, ",\"room\":", stats->records);
    ngx_http_mcp_policy_json_number(page, ",\"created\":", stats->created);
    ngx_http_mcp_policy_json_number(page, ",\"expired\":", stats->expired);
    ngx_http_mcp_policy_json_number(page, ",\"used\":", stats->used);
    ngx_http_mcp_policy_json_number(page, ",\"refused\":", stats->refused);
    ngx_http_mcp_policy_json_number(page, ",\"notified\":",
                                    status->notified);
    ngx_http_mcp_policy_json_number(page, ",\"notify_failed\":",
                                    status->notify_failed);
    ngx_http_mcp_policy_page_text(page, "}");
}


void
ngx_http_mcp_policy_json_string(ngx_http_mcp_policy_page_t *page,
    const char *member, const u_char *data, size_t len)
{
    u_char     *p;
    mcp_str_t   text;

    ngx_http_mcp_policy_page_text(page, member);

    p = ngx_http_mcp_policy_page_room(page, len * MCP_JSON_ESCAPE_MAX + 2);

    if (p) {
        text.data = data;
        text.len = len;

        *p++ = '"';
        p = mcp_json_escape(p, text);
        *p++ = '"';

        page->buf->last = p;
    }
}


void
ngx_http_mcp_policy_json_number(ngx_http_mcp_policy_page_t *page,
    const char *member, uint64_t number)
{
    ngx_http_mcp_policy_page_text(page, member);
    ngx_http_mcp_policy_page_number(page, number);
}
