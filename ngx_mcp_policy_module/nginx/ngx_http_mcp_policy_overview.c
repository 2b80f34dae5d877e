/*
 * What mcp_admin shows beside the status: which callers are how near to their
 * limits, what was refused to whom, and which tools there are.
 */

#include "ngx_http_mcp_policy_status.h"

#include "mcp_decimal.h"


#define NGX_HTTP_MCP_POLICY_OVERVIEW_LIMITS    200
#define NGX_HTTP_MCP_POLICY_OVERVIEW_REFUSALS  100
#define NGX_HTTP_MCP_POLICY_OVERVIEW_TOOLS     500    /* of a policy */

/* Names of tools that calls can have are no longer. */
#define NGX_HTTP_MCP_POLICY_OVERVIEW_NAME      128


static void ngx_http_mcp_policy_overview_limits(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_usages_t *usages);
static void ngx_http_mcp_policy_overview_limit(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_usage_t *usage,
    const ngx_http_mcp_policy_usage_slot_t *slot);
static void ngx_http_mcp_policy_overview_amount(
    ngx_http_mcp_policy_page_t *page, const char *member, int64_t amount);
static void ngx_http_mcp_policy_overview_grant(
    ngx_http_mcp_policy_page_t *page, const uint64_t *grant);
static void ngx_http_mcp_policy_overview_refusals(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page);
static void ngx_http_mcp_policy_overview_refusal(
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_refusal_slot_t *refusal);
static void ngx_http_mcp_policy_overview_tool(
    ngx_http_mcp_policy_page_t *page, ngx_http_mcp_policy_t *policy,
    mcp_str_t name, ngx_uint_t more);
static mcp_risk_class_t ngx_http_mcp_policy_overview_risk(mcp_str_t name);


static const char  *ngx_http_mcp_policy_algorithms[] = {
    "fixed", "sliding", "bucket"
};


void
ngx_http_mcp_policy_overview_json(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_all_series_t *all)
{
    ngx_http_mcp_policy_status_members(r, page, all, 1);
    ngx_http_mcp_policy_overview_limits(page, &all->usages);
    ngx_http_mcp_policy_overview_refusals(r, page);
    ngx_http_mcp_policy_page_text(page, "}\n");
}


static void
ngx_http_mcp_policy_overview_limits(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_usages_t *usages)
{
    ngx_uint_t                        i, count;
    ngx_http_mcp_policy_usage_slot_t  slot;

    count = 0;

    ngx_http_mcp_policy_page_text(page, ",\n\"limits\":[");

    for (i = 0; i < usages->count; i++) {

        if (count == NGX_HTTP_MCP_POLICY_OVERVIEW_LIMITS) {
            break;
        }

        if (ngx_http_mcp_policy_usage_slot(&usages->usages[i], &slot)
            != NGX_OK)
        {
            continue;
        }

        ngx_http_mcp_policy_page_text(page, count ? ",\n" : "\n");
        ngx_http_mcp_policy_overview_limit(page, &usages->usages[i], &slot);

        count++;
    }

    ngx_http_mcp_policy_page_text(page, "]");
}


static void
ngx_http_mcp_policy_overview_limit(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_usage_t *usage,
    const ngx_http_mcp_policy_usage_slot_t *slot)
{
    ngx_str_t  *zone;

    zone = &usage->zone->shm.name;

    ngx_http_mcp_policy_json_string(page, "{\"policy\":", slot->policy,
                                    slot->policy_length);
    ngx_http_mcp_policy_json_string(page, ",\"zone\":", zone->data,
                                    zone->len);
    ngx_http_mcp_policy_json_string(page, ",\"tool\":", slot->tool,
                                    slot->tool_length);
    ngx_http_mcp_policy_json_string(page, ",\"rule\":", slot->rule,
                                    slot->rule_length);
    ngx_http_mcp_policy_json_string(page, ",\"limit\":", slot->limit,
                                    slot->limit_length);
    ngx_http_mcp_policy_page_text(page, ",\"algorithm\":\"");
    ngx_http_mcp_policy_page_text(page,
                    ngx_http_mcp_policy_algorithms[slot->spec.algorithm]);
    ngx_http_mcp_policy_json_string(page, "\",\"counter\":", slot->counter,
                                    slot->counter_length);
    ngx_http_mcp_policy_page_text(page, slot->dry ? ",\"dry_run\":true"
                                                  : ",\"dry_run\":false");
    ngx_http_mcp_policy_overview_grant(page, slot->grant);
    ngx_http_mcp_policy_overview_amount(page, ",\"amount\":", usage->amount);
    ngx_http_mcp_policy_overview_amount(page, ",\"used\":", usage->used);
    ngx_http_mcp_policy_overview_amount(page, ",\"remaining\":",
                                        usage->remaining);
    ngx_http_mcp_policy_json_number(page, ",\"reset\":",
                                    (usage->reset_ms + 999) / 1000);
    ngx_http_mcp_policy_page_text(page, "}");
}


static void
ngx_http_mcp_policy_overview_amount(ngx_http_mcp_policy_page_t *page,
    const char *member, int64_t amount)
{
    char    text[32];
    size_t  length;

    length = mcp_decimal_format(amount, text, sizeof(text));

    ngx_http_mcp_policy_json_string(page, member, (u_char *) text, length);
}


/* As $mcp_grant and the audit log have it. */

static void
ngx_http_mcp_policy_overview_grant(ngx_http_mcp_policy_page_t *page,
    const uint64_t *grant)
{
    size_t  length;
    u_char  text[2 * NGX_INT64_LEN];

    length = 0;

    if (grant[0] || grant[1]) {
        length = ngx_sprintf(text, "%016xL%016xL", grant[0], grant[1]) - text;
    }

    ngx_http_mcp_policy_json_string(page, ",\"grant\":", text, length);
}


static void
ngx_http_mcp_policy_overview_refusals(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page)
{
    ngx_uint_t                           i, count;
    ngx_http_mcp_policy_refusal_slot_t  *refusals;

    refusals = ngx_http_mcp_policy_refusal_read(r, &count);

    if (refusals == NULL) {
        page->failed = 1;
        return;
    }

    count = ngx_min(count, NGX_HTTP_MCP_POLICY_OVERVIEW_REFUSALS);

    ngx_http_mcp_policy_page_text(page, ",\n\"refusals\":[");

    for (i = 0; i < count; i++) {
        ngx_http_mcp_policy_page_text(page, i ? ",\n" : "\n");
        ngx_http_mcp_policy_overview_refusal(page, &refusals[i]);
    }

    ngx_http_mcp_policy_page_text(page, "]");
}


static void
ngx_http_mcp_policy_overview_refusal(ngx_http_mcp_policy_page_t *page,
    const ngx_http_mcp_policy_refusal_slot_t *refusal)
{
    u_char  *p;

    p = ngx_http_mcp_policy_page_room(page, NGX_INT64_LEN + 16);

    if (p) {
        page->buf->last = ngx_sprintf(p, "{\"time\":%uL.%03uL",
                                      refusal->time_ms / 1000,
                                      refusal->time_ms % 1000);
    }

    ngx_http_mcp_policy_json_string(page, ",\"policy\":", refusal->policy,
                                    refusal->policy_length);
    ngx_http_mcp_policy_page_text(page, ",\"method\":\"");
    ngx_http_mcp_policy_page_text(page,
                           ngx_http_mcp_policy_method_label(refusal->method));
    ngx_http_mcp_policy_json_string(page, "\",\"tool\":", refusal->tool,
                                    refusal->tool_length);
    ngx_http_mcp_policy_json_string(page, ",\"rule\":", refusal->rule,
                                    refusal->rule_length);
    ngx_http_mcp_policy_page_text(page, ",\"decision\":\"");
    ngx_http_mcp_policy_page_text(page,
                            mcp_action_name((mcp_action_t) refusal->action));
    ngx_http_mcp_policy_page_text(page, refusal->dry
                                        ? "\",\"dry_run\":true"
                                        : "\",\"dry_run\":false");
    ngx_http_mcp_policy_page_text(page, ",\"reason\":\"");
    ngx_http_mcp_policy_page_text(page,
                ngx_http_mcp_policy_reason_label(refusal->action,
                                                 refusal->reason));
    ngx_http_mcp_policy_page_text(page, "\"");
    ngx_http_mcp_policy_overview_grant(page, refusal->grant);
    ngx_http_mcp_policy_page_text(page, "}");
}


/* Those that the policy has by their exact names, and the pinned ones. */

void
ngx_http_mcp_policy_overview_tools(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page, ngx_http_mcp_policy_t *policy)
{
    uint32_t              position;
    ngx_uint_t            i, count;
    const mcp_policy_t   *core;
    const mcp_pin_set_t  *pins;
    mcp_pattern_match_t   match;

    core = policy->version->core;
    pins = core->pins;
    position = 0;
    count = 0;

    ngx_http_mcp_policy_page_text(page, ",\n \"tools\":[");

    while (count < NGX_HTTP_MCP_POLICY_OVERVIEW_TOOLS
           && mcp_pattern_set_next(core->targets[MCP_TARGET_TOOL], &position,
                                   &match)
              == MCP_OK)
    {
        if (match.exact) {
            ngx_http_mcp_policy_overview_tool(page, policy, match.pattern,
                                              count++);
        }
    }

    for (i = 0; pins && i < pins->count; i++) {

        if (count < NGX_HTTP_MCP_POLICY_OVERVIEW_TOOLS
            && !mcp_pattern_set_has(core->targets[MCP_TARGET_TOOL],
                                    pins->pins[i].name))
        {
            ngx_http_mcp_policy_overview_tool(page, policy,
                                              pins->pins[i].name, count++);
        }
    }

    ngx_http_mcp_policy_page_text(page, "]");
}


static void
ngx_http_mcp_policy_overview_tool(ngx_http_mcp_policy_page_t *page,
    ngx_http_mcp_policy_t *policy, mcp_str_t name, ngx_uint_t more)
{
    const char           *state;
    mcp_risk_class_t      risk;
    const mcp_pin_t      *pin;
    const mcp_pin_set_t  *pins;

    pins = policy->version->core->pins;
    pin = pins ? mcp_pin_find(pins, name) : NULL;

    risk = (pin && pin->risk) ? pin->risk
                              : ngx_http_mcp_policy_overview_risk(name);

    if (pin == NULL) {
        state = pins ? "unpinned" : "none";

    } else {
        state = ngx_http_mcp_policy_pin_differs(policy, pin - pins->pins)
                ? "changed" : "pinned";
    }

    ngx_http_mcp_policy_page_text(page, more ? ",\n  " : "\n  ");
    ngx_http_mcp_policy_json_string(page, "{\"name\":", name.data, name.len);
    ngx_http_mcp_policy_page_text(page, ",\"risk\":\"");
    ngx_http_mcp_policy_page_text(page, mcp_risk_class_name(risk));
    ngx_http_mcp_policy_page_text(page, "\",\"pin\":\"");
    ngx_http_mcp_policy_page_text(page, state);
    ngx_http_mcp_policy_page_text(page, "\"}");
}


static mcp_risk_class_t
ngx_http_mcp_policy_overview_risk(mcp_str_t name)
{
    mcp_risk_t  risk;

    if (name.len > NGX_HTTP_MCP_POLICY_OVERVIEW_NAME
        || mcp_risk_classify_name(name, ngx_http_mcp_policy_arena(), &risk)
           != MCP_OK)
    {
        return MCP_RISK_EXECUTE;
    }

    return risk.class;
}
