/*
 * A policy as PolicyLayer's policy.json: for each tool what it requires, what
 * it denies and its limits, in this order.
 */

#include <stdlib.h>

#include "mcp_decimal.h"
#include "print_json.h"


#define CLI_JSON_AMOUNT_MAX  (1000000000000 * MCP_DECIMAL_UNIT)


static void cli_json_hide(cli_json_t *json);
static bool cli_json_exact(mcp_str_t pattern);
static void cli_json_tool(cli_json_t *json, const mcp_block_t *block,
    mcp_str_t name);
static bool cli_json_short(cli_json_t *json, const mcp_block_t *block);
static bool cli_json_short_limit(cli_json_t *json, const mcp_block_t *block,
    const cli_json_item_t *item);
static void cli_json_predicates(cli_json_t *json, const char *key, bool deny);
static void cli_json_all_tools(cli_json_t *json, const mcp_block_t *block);
static void cli_json_limits(cli_json_t *json, const mcp_block_t *block,
    mcp_str_t tool, const char *indent);
static const char *cli_json_window(const mcp_limit_t *limit);
static bool cli_json_limit_fits(cli_json_t *json, const mcp_limit_t *limit,
    bool all);
static uint32_t cli_json_counter_users(const mcp_rule_t *rule,
    mcp_str_t counter);
static mcp_str_t cli_json_counter(cli_json_t *json, mcp_str_t tool,
    const mcp_limit_t *limit, bool all);
static void cli_json_message(cli_json_t *json, const cli_json_item_t *item,
    const char *key, const char *before);
static void cli_json_key(cli_json_t *json, const char *indent,
    const char *key);
static bool cli_json_named(const mcp_rule_t *rule, const char *end);


void
cli_print_json(cli_print_t *print)
{
    bool                 tools;
    uint32_t             i, n;
    cli_json_t           json;
    const mcp_block_t   *block, *all;
    const mcp_policy_t  *policy;

    memset(&json, 0, sizeof(json));
    json.print = print;
    json.out = print->out;

    policy = print->policy;

    fprintf(json.out, "{\n  \"version\": \"1\",\n  \"default\": \"%s\"",
            policy->default_allow ? "allow" : "deny");

    if (policy->zone.len) {
        cli_print_fail(print, &policy->place, "policy.json has no \"zone\", "
                       "give it to \"mcp_policy_file\"");
    }

    if (policy->pins) {
        cli_print_fail(print, &policy->place, "policy.json has no "
                       "\"mcp_pin\"");
    }

    cli_json_hide(&json);

    all = NULL;
    tools = false;

    for (i = 0; i < policy->block_count; i++) {
        block = &policy->blocks[i];

        if (block->context != MCP_CONTEXT_TOOL) {
            cli_print_fail(print, &block->rule->place, "policy.json has "
                           "rules for tools alone, not for prompts, "
                           "resources and methods");

        } else if (block->star) {
            all = block;

        } else {
            tools = true;
        }
    }

    if (all) {
        cli_json_all_tools(&json, all);
    }

    if (tools) {
        fputs(",\n  \"tools\": {", json.out);
        json.more = false;

        for (i = 0; i < policy->block_count; i++) {
            block = &policy->blocks[i];

            if (block->context != MCP_CONTEXT_TOOL || block->star) {
                continue;
            }

            cli_json_collect(&json, block);

            for (n = 0; n < block->count; n++) {
                if (cli_json_exact(block->patterns[n])) {
                    cli_json_tool(&json, block, block->patterns[n]);

                } else {
                    cli_print_fail(print, &block->rule->place, "policy.json "
                                   "has no patterns such as \"%.*s\"",
                                   cli_shown(block->patterns[n]));
                }
            }
        }

        fputs("\n  }", json.out);
    }

    fputs("\n}\n", json.out);
    free(json.items);
}


static void
cli_json_hide(cli_json_t *json)
{
    uint32_t             i;
    const mcp_hide_t    *hide;
    const mcp_policy_t  *policy;

    policy = json->print->policy;

    if (policy->hide_count == 0) {
        return;
    }

    fputs(",\n  \"hide\": [", json->out);

    for (i = 0; i < policy->hide_count; i++) {
        hide = &policy->hides[i];

        if (!cli_json_exact(hide->pattern)
            && !mcp_str_equal(hide->pattern, mcp_str("*")))
        {
            cli_print_fail(json->print, &hide->place, "policy.json has no "
                           "patterns such as \"%.*s\"",
                           cli_shown(hide->pattern));
        }

        fprintf(json->out, "%s", i ? ", " : "");
        cli_json_string(json, &hide->place, hide->pattern);
    }

    putc(']', json->out);
}


static bool
cli_json_exact(mcp_str_t pattern)
{
    return pattern.data[0] != '~'
           && memchr(pattern.data, '*', pattern.len) == NULL;
}


static void
cli_json_tool(cli_json_t *json, const mcp_block_t *block, mcp_str_t name)
{
    fprintf(json->out, "%s\n    ", json->more ? "," : "");
    cli_json_string(json, &block->rule->place, name);
    fputs(": {", json->out);

    json->more = false;

    if (!cli_json_short(json, block)) {
        cli_json_predicates(json, "require", false);
        cli_json_predicates(json, "deny_if", true);
        cli_json_limits(json, block, name, "      ");
    }

    fputs(json->more ? "\n    }" : "}", json->out);
    json->more = true;
}


/*
 * {"action"} and {"rate_limit"} stand alone.  They are written for what the
 * long form cannot say, and for what was written so.
 */
static bool
cli_json_short(cli_json_t *json, const mcp_block_t *block)
{
    bool                    deny;
    const cli_json_item_t  *item;

    if (json->count != 1) {
        return false;
    }

    item = &json->items[0];
    deny = item->kind == CLI_JSON_DENY;

    if (item->kind == CLI_JSON_LIMIT) {
        return cli_json_short_limit(json, block, item);
    }

    if (item->kind != CLI_JSON_APPROVE
        && !(deny && cli_json_named(item->rule, "/action")))
    {
        return false;
    }

    cli_json_key(json, "      ", "action");
    fputs(deny ? "\"deny\"" : "\"require_approval\"", json->out);
    cli_json_message(json, item, deny ? "reason" : "on_deny", ",\n      ");

    return true;
}


static bool
cli_json_short_limit(cli_json_t *json, const mcp_block_t *block,
    const cli_json_item_t *item)
{
    bool                global;
    uint64_t            max;
    const char         *window;
    const mcp_limit_t  *limit;
    const mcp_rule_t   *rule;
    uint32_t            i, users;

    limit = item->step->limit;
    window = cli_json_window(limit);

    if (limit->key_count != 1) {
        return false;
    }

    global = limit->keys[0].kind == MCP_KEY_GLOBAL;

    if (global ? window == NULL
               : limit->keys[0].kind != MCP_KEY_GRANT
                 || (window && !cli_json_named(item->rule, "/rate_limit")))
    {
        return false;
    }

    /* this form has a counter of its own */

    if (limit->counter.len && limit->space == MCP_COUNTER_SHARED) {
        users = block->count;

        for (i = 0; i < json->print->policy->block_count; i++) {
            rule = json->print->policy->blocks[i].rule;

            if (rule != block->rule) {
                users += cli_json_counter_users(rule, limit->counter);
            }
        }

        if (users != 1) {
            return false;
        }
    }

    if (!cli_json_limit_fits(json, limit, false)) {
        return true;
    }

    max = (uint64_t) limit->spec.amount / MCP_DECIMAL_UNIT;

    cli_json_key(json, "      ", "rate_limit");

    if (global) {
        fprintf(json->out, "\"%llu/%s\"", (unsigned long long) max, window);

    } else if (window
               && mcp_str_equal(limit->window_name, cli_str(window)))
    {
        fprintf(json->out, "{\"max\": %llu, \"window\": \"%s\"}",
                (unsigned long long) max, window);

    } else {
        fprintf(json->out, "{\"max\": %llu, \"window\": %llu}",
                (unsigned long long) max,
                (unsigned long long) limit->spec.window_ms / 1000);
    }

    cli_json_message(json, item, "on_deny", ",\n      ");

    return true;
}


static void
cli_json_predicates(cli_json_t *json, const char *key, bool deny)
{
    bool                    begun;
    uint32_t                i, n, written;
    const mcp_deny_if_t    *deny_if;
    const cli_json_item_t  *item;

    begun = false;

    for (i = 0; i < json->count; i++) {
        item = &json->items[i];

        if (item->kind != CLI_JSON_REQUIRE && item->kind != CLI_JSON_DENY_IF
            && item->kind != CLI_JSON_DENY)
        {
            continue;
        }

        if ((item->kind != CLI_JSON_REQUIRE) != deny) {
            continue;
        }

        if (!begun) {
            cli_json_key(json, "      ", key);
            putc('[', json->out);
        }

        fprintf(json->out, "%s\n        {\"conditions\": [",
                begun ? "," : "");
        begun = true;
        written = 0;

        for (n = 0; item->kind == CLI_JSON_REQUIRE && n < item->count; n++) {
            cli_json_condition(json, item->step[n].requirement, written++);
        }

        if (item->kind == CLI_JSON_DENY_IF) {
            deny_if = item->step->deny_if;

            for (n = 0; n < deny_if->count; n++) {
                cli_json_condition(json, &deny_if->requirements[n],
                                   written++);
            }
        }

        fputs(written ? "\n        ]" : "]", json->out);
        cli_json_message(json, item, "on_deny", ", ");
        putc('}', json->out);
    }

    if (begun) {
        fputs("\n      ]", json->out);
    }
}


static void
cli_json_all_tools(cli_json_t *json, const mcp_block_t *block)
{
    uint32_t  i;

    cli_json_collect(json, block);

    for (i = 0; i < json->count; i++) {
        if (json->items[i].kind != CLI_JSON_LIMIT) {
            cli_print_fail(json->print, &json->items[i].rule->place,
                           "policy.json has for all tools limits alone");
        }
    }

    fputs(",\n  \"all_tools\": {", json->out);
    json->more = false;
    cli_json_limits(json, block, mcp_str("all"), "    ");
    fputs(json->more ? "\n  }" : "}", json->out);
}


static void
cli_json_limits(cli_json_t *json, const mcp_block_t *block, mcp_str_t tool,
    const char *indent)
{
    bool                    begun;
    uint32_t                i;
    const char             *window;
    const mcp_limit_t      *limit;
    const cli_json_item_t  *item;

    begun = false;

    for (i = 0; i < json->count; i++) {
        item = &json->items[i];

        if (item->kind == CLI_JSON_APPROVE) {
            cli_print_fail(json->print, &item->step->approval->place,
                           "in policy.json an approval stands alone in its "
                           "tool");
        }

        if (item->kind != CLI_JSON_LIMIT) {
            continue;
        }

        limit = item->step->limit;

        if (!cli_json_limit_fits(json, limit, block->star)) {
            continue;
        }

        window = cli_json_window(limit);

        if (window == NULL) {
            cli_print_fail(json->print, &limit->place, "policy.json has the "
                           "windows minute, hour and day, and others only "
                           "where a limit stands alone in its tool");
            continue;
        }

        if (limit->key_count != 1 || limit->keys[0].kind != MCP_KEY_GRANT) {
            cli_print_fail(json->print, &limit->place, "policy.json counts "
                           "\"per=grant\", and \"per=global\" only where a "
                           "limit stands alone in its tool");
            continue;
        }

        if (!begun) {
            cli_json_key(json, indent, "limits");
            putc('[', json->out);
        }

        fprintf(json->out, "%s\n%s  {\"counter\": ", begun ? "," : "",
                indent);
        cli_json_string(json, &limit->place,
                        cli_json_counter(json, tool, limit, block->star));
        fprintf(json->out, ", \"window\": \"%s\", \"max\": %llu, "
                "\"scope\": \"grant\"", window,
                (unsigned long long) limit->spec.amount / MCP_DECIMAL_UNIT);
        cli_json_message(json, item, "on_deny", ", ");
        putc('}', json->out);

        begun = true;
    }

    if (begun) {
        fprintf(json->out, "\n%s]", indent);
    }
}


/* NULL: it has no name. */
static const char *
cli_json_window(const mcp_limit_t *limit)
{
    switch (limit->spec.window_ms) {

    case 60000:
        return "minute";

    case 3600000:
        return "hour";

    case 86400000:
        return "day";

    default:
        return NULL;
    }
}


/* What no form of a limit has; false when that was told. */
static bool
cli_json_limit_fits(cli_json_t *json, const mcp_limit_t *limit, bool all)
{
    uint32_t             i, users;
    const char          *what;
    const mcp_policy_t  *policy;

    what = NULL;
    policy = json->print->policy;

    if (limit->spec.algorithm != MCP_ALGORITHM_FIXED) {
        what = "\"algorithm=\"";

    } else if (limit->cost_path || limit->cost != MCP_DECIMAL_UNIT) {
        what = "\"cost=\", every call counts as one";

    } else if (limit->spec.amount % MCP_DECIMAL_UNIT
               || limit->spec.amount > CLI_JSON_AMOUNT_MAX)
    {
        what = "limits with fractions, or beyond a million million";

    } else if (all && limit->counter.len
               && limit->space == MCP_COUNTER_SHARED)
    {
        users = 0;

        for (i = 0; i < policy->block_count; i++) {
            users += cli_json_counter_users(policy->blocks[i].rule,
                                            limit->counter);
        }

        if (users != 1) {
            what = "counters that all tools share with one of them";
        }
    }

    if (what) {
        cli_print_fail(json->print, &limit->place, "policy.json has no %s",
                       what);
    }

    return what == NULL;
}


static uint32_t
cli_json_counter_users(const mcp_rule_t *rule, mcp_str_t counter)
{
    uint32_t  i, count;

    count = 0;

    for (i = 0; i < rule->count; i++) {

        if (rule->steps[i].kind == MCP_STEP_RULE) {
            count += cli_json_counter_users(rule->steps[i].rule, counter);

        } else if (rule->steps[i].kind == MCP_STEP_LIMIT
                   && rule->steps[i].limit->space == MCP_COUNTER_SHARED
                   && mcp_str_equal(rule->steps[i].limit->counter, counter))
        {
            count++;
        }
    }

    return count;
}


/*
 * Counters of one name are one counter in all tools, but not with those of
 * all tools.  A limit without a name has a counter for each tool.
 */
static mcp_str_t
cli_json_counter(cli_json_t *json, mcp_str_t tool, const mcp_limit_t *limit,
    bool all)
{
    char       *identity, *wanted;
    FILE       *out;
    size_t      length, wanted_length;
    mcp_str_t   name;

    if (limit->counter.len
        && (all || limit->space == MCP_COUNTER_SHARED))
    {
        if (all) {
            return limit->counter;
        }

        return cli_print_counter(json->print, limit->counter,
                                 limit->counter);
    }

    out = open_memstream(&identity, &length);

    if (out == NULL) {
        cli_error("out of memory");
        exit(CLI_FAILED);
    }

    /* no name of a counter begins so: it would have been printed as it is */

    (void) putc('\0', out);
    fprintf(out, "%p", (const void *) limit);
    (void) fwrite(tool.data, 1, tool.len, out);
    (void) fclose(out);

    wanted_length = tool.len + sizeof("_rate") - 1;
    wanted = cli_alloc(wanted_length);
    memcpy(wanted, tool.data, tool.len);
    memcpy(wanted + tool.len, "_rate", sizeof("_rate") - 1);

    name = cli_print_counter(json->print,
                             (mcp_str_t) { (uint8_t *) identity, length },
                             (mcp_str_t) { (uint8_t *) wanted,
                                           wanted_length });
    free(identity);
    free(wanted);

    return name;
}


static void
cli_json_message(cli_json_t *json, const cli_json_item_t *item,
    const char *key, const char *before)
{
    if (item->message == NULL || item->message->literal.len == 0) {
        return;
    }

    if (item->message->variables) {
        cli_print_fail(json->print, &item->rule->place, "messages in "
                       "policy.json have no variables");
        return;
    }

    fprintf(json->out, "%s\"%s\": ", before, key);
    cli_json_string(json, &item->rule->place, item->message->literal);
}


static void
cli_json_key(cli_json_t *json, const char *indent, const char *key)
{
    fprintf(json->out, "%s\n%s\"%s\": ", json->more ? "," : "", indent, key);
    json->more = true;
}


/* Whether a rule has the name of an entry of policy.json that ends so. */
static bool
cli_json_named(const mcp_rule_t *rule, const char *end)
{
    mcp_str_t  name;

    name = rule->name;

    return name.len > sizeof("/tools/") - 1 + strlen(end)
           && memcmp(name.data, "/tools/", sizeof("/tools/") - 1) == 0
           && memcmp(name.data + name.len - strlen(end), end, strlen(end))
              == 0;
}
