/*
 * Intercept's rules: every one of them must let a call pass.  "evaluate" has
 * conditions that must hold, of which one on "state." is a limit; "deny"
 * refuses; the forms of the tool pages and of newer versions are beside them.
 */

#include "mcp_decimal.h"
#include "mcp_policy_reading.h"


#define MCP_RULE_COUNTERS_MAX  1000    /* in one tool */


enum { MCP_RULE_NAME, MCP_RULE_ACTION, MCP_RULE_RATE_LIMIT,
       MCP_RULE_CONDITIONS, MCP_RULE_ON_DENY, MCP_RULE_STATE, MCP_RULE_REASON,
       MCP_RULE_VALIDATE, MCP_RULE_APPROVAL_TIMEOUT, MCP_RULE_KEYS };

/* One tool, or "*", and the rule of it that is read. */
typedef struct {
    mcp_policy_reading_t      *reading;
    mcp_str_t                  tool;
    mcp_rule_t                *block;
    const mcp_limit_t        **counters;    /* of the rules so far */
    uint32_t                   counter_count;

    const mcp_node_t          *node;
    char                       where[MCP_WHERE_MAX];
    mcp_policy_value_t         values[MCP_RULE_KEYS];
    mcp_file_action_t          action;
    mcp_rule_t                *rule;
} mcp_intercept_t;


static mcp_rc_t mcp_intercept_rule(mcp_intercept_t *tool, uint32_t index);
static bool mcp_intercept_fits(mcp_intercept_t *tool);
static mcp_rc_t mcp_intercept_steps(mcp_intercept_t *tool);
static mcp_rc_t mcp_intercept_conditions(mcp_intercept_t *tool,
    mcp_policy_state_t *limit, uint32_t *limits);
static mcp_rc_t mcp_intercept_limit(mcp_intercept_t *tool,
    const mcp_policy_state_t *state, uint32_t limits);
static mcp_rc_t mcp_intercept_amount(mcp_intercept_t *tool,
    const mcp_policy_state_t *state, int64_t *amount);
static bool mcp_intercept_refers(const mcp_intercept_t *tool, mcp_str_t path,
    mcp_str_t counter);
static mcp_rc_t mcp_intercept_counter(mcp_intercept_t *tool,
    const mcp_node_t *node, const mcp_limit_t *limit);


static const mcp_policy_key_t  mcp_rule_keys[MCP_RULE_KEYS] = {
    [MCP_RULE_NAME] = { mcp_str_init("name"), MCP_TYPE_STRING },
    [MCP_RULE_ACTION] = { mcp_str_init("action"),
                          MCP_TYPE_STRING | MCP_TYPE_NULL },
    [MCP_RULE_RATE_LIMIT] = { mcp_str_init("rate_limit"),
                              MCP_TYPE_MAP | MCP_TYPE_STRING
                              | MCP_TYPE_NULL },
    [MCP_RULE_CONDITIONS] = { mcp_str_init("conditions"),
                              MCP_TYPE_LIST | MCP_TYPE_NULL },
    [MCP_RULE_ON_DENY] = { mcp_str_init("on_deny"),
                           MCP_TYPE_STRING | MCP_TYPE_NULL },
    [MCP_RULE_STATE] = { mcp_str_init("state"),
                         MCP_TYPE_MAP | MCP_TYPE_NULL },
    [MCP_RULE_REASON] = { mcp_str_init("reason"),
                          MCP_TYPE_STRING | MCP_TYPE_NULL },
    [MCP_RULE_VALIDATE] = { mcp_str_init("validate"), MCP_TYPE_MAP },
    [MCP_RULE_APPROVAL_TIMEOUT] = { mcp_str_init("approval_timeout"),
                                    MCP_TYPE_STRING | MCP_TYPE_NULL }
};

enum { MCP_TOOL_RULES, MCP_TOOL_KEYS };

static const mcp_policy_key_t  mcp_tool_keys[MCP_TOOL_KEYS] = {
    [MCP_TOOL_RULES] = { mcp_str_init("rules"), MCP_TYPE_LIST | MCP_TYPE_NULL }
};


mcp_rc_t
mcp_policy_intercept_tool(mcp_policy_reading_t *reading,
    const mcp_member_t *member)
{
    mcp_rc_t            rc;
    uint32_t            i;
    mcp_place_t         place;
    mcp_intercept_t     tool;
    const mcp_node_t   *rules;
    mcp_policy_value_t  values[MCP_TOOL_KEYS];

    memset(&tool, 0, sizeof(tool));
    tool.reading = reading;
    tool.tool = member->name;

    place = mcp_policy_member_place(reading, member);

    tool.block = mcp_policy_add_tool(reading->builder, member->name, &place);

    mcp_policy_where(tool.where, "tool \"%.*s\"", mcp_named(member->name));
    mcp_policy_read_members(reading, member->value, tool.where, mcp_tool_keys,
                            MCP_TOOL_KEYS, values);

    rules = values[MCP_TOOL_RULES].value;

    if (tool.block == NULL || rules == NULL) {
        return MCP_OK;
    }

    rc = MCP_OK;

    for (i = 0; i < rules->count && rc == MCP_OK; i++) {
        tool.node = rules->items[i];
        rc = mcp_intercept_rule(&tool, i);
    }

    return rc;
}


static mcp_rc_t
mcp_intercept_rule(mcp_intercept_t *tool, uint32_t index)
{
    char                  *where;
    mcp_rc_t               rc;
    mcp_str_t              name;
    mcp_place_t            place;
    const mcp_node_t      *node;
    mcp_policy_reading_t  *reading;

    reading = tool->reading;
    where = tool->where;
    tool->action = MCP_FILE_ACTION_NONE;

    mcp_policy_where(where, "rule %u of tool \"%.*s\"", index + 1,
                     mcp_named(tool->tool));

    if (tool->node->type != MCP_NODE_MAP) {
        (void) mcp_policy_node_fail(reading, tool->node, "%s must be an "
                                    "object, not %s", where,
                                    mcp_document_type_name(tool->node));
        return MCP_OK;
    }

    mcp_policy_read_members(reading, tool->node, where, mcp_rule_keys,
                            MCP_RULE_KEYS, tool->values);

    name = mcp_str("");
    node = tool->values[MCP_RULE_NAME].value;

    if (node != NULL) {
        name = node->text;

        if (name.len == 0 || mcp_str_equal(name, mcp_str("(hidden)"))
            || mcp_str_equal(name, mcp_str("(default)")))
        {
            (void) mcp_policy_node_fail(reading, node, "\"name\" of %s is %s",
                                        where, name.len == 0 ? "empty"
                                                             : "reserved");
        }

        mcp_policy_where(where, "rule \"%.*s\" of tool \"%.*s\"",
                         mcp_named(name), mcp_named(tool->tool));
    }

    node = tool->values[MCP_RULE_ACTION].value;

    if (node != NULL && node->text.len != 0
        && mcp_policy_read_action(reading, node, where, true, &tool->action)
           != MCP_OK)
    {
        return MCP_OK;
    }

    node = tool->values[MCP_RULE_VALIDATE].value;

    if (node != NULL) {
        rc = mcp_policy_read_validate(reading, node, where, tool->tool,
                                      tool->block, name);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    place = mcp_policy_node_place(reading, tool->node);

    tool->rule = mcp_policy_add_rule(reading->builder, tool->block, name,
                                     &place);
    if (tool->rule == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_policy_read_message(reading, &tool->values[MCP_RULE_ON_DENY],
                                 &tool->values[MCP_RULE_REASON], where,
                                 tool->rule);

    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_intercept_fits(tool) ? mcp_intercept_steps(tool) : MCP_OK;
}


/* Whether the members of a rule go together; else that was reported. */
static bool
mcp_intercept_fits(mcp_intercept_t *tool)
{
    bool                       asks;
    uint32_t                   i;
    const mcp_node_t          *conditions;
    mcp_policy_reading_t      *reading;
    const mcp_policy_value_t  *values;

    reading = tool->reading;
    values = tool->values;
    conditions = values[MCP_RULE_CONDITIONS].value;

    /* a member of a wrong type is error enough */

    for (i = 0; i < MCP_RULE_KEYS; i++) {
        if (values[i].value == NULL && values[i].member != NULL
            && values[i].member->value->type != MCP_NODE_NULL)
        {
            return false;
        }
    }

    if (conditions != NULL && conditions->count == 0) {
        conditions = NULL;
    }

    asks = conditions != NULL || values[MCP_RULE_STATE].value != NULL;

    if (values[MCP_RULE_RATE_LIMIT].value != NULL) {

        if (asks) {
            (void) mcp_policy_member_fail(reading,
                                          values[MCP_RULE_RATE_LIMIT].member,
                                          "\"rate_limit\" of %s cannot stand "
                                          "beside \"conditions\" or "
                                          "\"state\", write two rules",
                                          tool->where);
            return false;
        }

        if (tool->action == MCP_FILE_ACTION_DENY
            || tool->action == MCP_FILE_ACTION_APPROVE)
        {
            (void) mcp_policy_member_fail(reading,
                                          values[MCP_RULE_RATE_LIMIT].member,
                                          "\"rate_limit\" of %s cannot stand "
                                          "beside the action \"%s\"",
                                          tool->where,
                                          tool->action == MCP_FILE_ACTION_DENY
                                          ? "deny" : "require_approval");
            return false;
        }

        return true;
    }

    switch (tool->action) {

    case MCP_FILE_ACTION_DENY:
    case MCP_FILE_ACTION_ALLOW:

        if (!asks) {
            return true;
        }

        (void) mcp_policy_node_fail(reading, tool->node,
                                    "the action \"%s\" of %s has neither "
                                    "\"conditions\" nor \"state\", those are "
                                    "for \"evaluate\"",
                                    tool->action == MCP_FILE_ACTION_DENY
                                    ? "deny" : "allow", tool->where);
        return false;

    case MCP_FILE_ACTION_APPROVE:

        if (values[MCP_RULE_STATE].value == NULL) {
            return true;
        }

        (void) mcp_policy_member_fail(reading, values[MCP_RULE_STATE].member,
                                      "\"state\" of %s cannot stand beside "
                                      "the action \"require_approval\"",
                                      tool->where);
        return false;

    default:

        if (conditions != NULL
            || (values[MCP_RULE_VALIDATE].value != NULL
                && values[MCP_RULE_STATE].value == NULL))
        {
            return true;
        }

        (void) mcp_policy_node_fail(reading, tool->node,
                                    "%s asks nothing, expected "
                                    "\"conditions\", \"rate_limit\" or an "
                                    "\"action\" such as \"deny\"",
                                    tool->where);
        return false;
    }
}


static mcp_rc_t
mcp_intercept_steps(mcp_intercept_t *tool)
{
    mcp_rc_t            rc;
    uint32_t            limits;
    mcp_limit_t        *limit;
    mcp_place_t         place;
    mcp_policy_state_t  state;
    const mcp_node_t   *rate, *timeout;

    rate = tool->values[MCP_RULE_RATE_LIMIT].value;
    timeout = tool->values[MCP_RULE_APPROVAL_TIMEOUT].value;

    if (timeout != NULL && tool->action != MCP_FILE_ACTION_APPROVE) {
        place = mcp_policy_node_place(tool->reading, timeout);
        mcp_policy_warn(tool->reading->builder, &place,
                        "\"approval_timeout\" of %s has no effect, it is for "
                        "the action \"require_approval\"", tool->where);
    }

    if (rate != NULL) {
        rc = mcp_policy_read_rate_limit(tool->reading, rate, tool->where,
                                        tool->rule,
                                        mcp_str_equal(tool->tool,
                                                      mcp_str("*")),
                                        &limit);

        if (rc == MCP_OK && limit != NULL) {
            rc = mcp_intercept_counter(tool, rate, limit);
        }

        return rc;
    }

    if (tool->action == MCP_FILE_ACTION_DENY) {
        place = mcp_policy_node_place(tool->reading, tool->node);

        return mcp_policy_add_deny(tool->reading->builder, tool->rule,
                                   &place);
    }

    limits = 0;

    rc = mcp_intercept_conditions(tool, &state, &limits);
    if (rc != MCP_OK) {
        return rc;
    }

    if (tool->action == MCP_FILE_ACTION_APPROVE) {
        return mcp_policy_read_approve(tool->reading,
                                       tool->values[MCP_RULE_ACTION].value,
                                       timeout, tool->where, tool->rule);
    }

    if (limits == 0 && tool->values[MCP_RULE_STATE].value == NULL) {
        return MCP_OK;
    }

    return mcp_intercept_limit(tool, &state, limits);
}


/* Those on arguments are steps; of those on state the first is kept. */
static mcp_rc_t
mcp_intercept_conditions(mcp_intercept_t *tool, mcp_policy_state_t *limit,
    uint32_t *limits)
{
    mcp_rc_t             rc;
    uint32_t             i;
    mcp_place_t          place;
    const mcp_node_t    *list;
    mcp_condition_t      condition;
    mcp_policy_state_t   state;

    memset(limit, 0, sizeof(*limit));
    list = tool->values[MCP_RULE_CONDITIONS].value;

    for (i = 0; list != NULL && i < list->count; i++) {

        rc = mcp_policy_read_condition(tool->reading, list->items[i],
                                       tool->where, &condition,
                                       tool->action == MCP_FILE_ACTION_APPROVE
                                       ? NULL : &state);
        if (rc == MCP_ERROR) {
            continue;
        }

        if (rc != MCP_OK) {
            return rc;
        }

        if (tool->action != MCP_FILE_ACTION_APPROVE && state.path != NULL) {

            if ((*limits)++ == 0) {
                *limit = state;

            } else {
                (void) mcp_policy_node_fail(tool->reading, state.path,
                                            "%s has two conditions on "
                                            "\"state.\", the first is at "
                                            "line %u, write two rules",
                                            tool->where, limit->path->line);
            }

            continue;
        }

        place = mcp_policy_node_place(tool->reading, list->items[i]);

        rc = mcp_policy_add_requirement(tool->reading->builder, tool->rule,
                                        &condition, &place);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* A condition on "state." with the "state" that it is about. */
static mcp_rc_t
mcp_intercept_limit(mcp_intercept_t *tool, const mcp_policy_state_t *state,
    uint32_t limits)
{
    int64_t                amount;
    mcp_rc_t               rc;
    mcp_limit_t           *limit;
    mcp_place_t            place;
    const mcp_node_t      *node;
    mcp_policy_reading_t  *reading;
    mcp_policy_counter_t   counter;

    reading = tool->reading;
    node = tool->values[MCP_RULE_STATE].value;

    if (node == NULL) {

        if (tool->values[MCP_RULE_STATE].member == NULL
            || tool->values[MCP_RULE_STATE].member->value->type
               == MCP_NODE_NULL)
        {
            (void) mcp_policy_node_fail(reading, state->path,
                                        "\"%.*s\" refers to a counter, but "
                                        "%s has no \"state\" that counts it",
                                        mcp_named(state->path->text),
                                        tool->where);
        }

        return MCP_OK;
    }

    rc = mcp_policy_read_state(reading, node, tool->where, &counter);

    if (rc != MCP_OK) {
        return rc == MCP_NOMEM ? rc : MCP_OK;
    }

    if (limits == 0) {
        (void) mcp_policy_node_fail(reading, node,
                                    "\"state\" of %s counts without a limit, "
                                    "expected a condition on "
                                    "\"state.%.*s.%.*s\"", tool->where,
                                    mcp_named(mcp_str_equal(tool->tool,
                                                            mcp_str("*"))
                                              ? mcp_str("_global")
                                              : tool->tool),
                                    mcp_named(counter.counter));
        return MCP_OK;
    }

    if (!mcp_intercept_refers(tool, state->path->text, counter.counter)) {
        (void) mcp_policy_node_fail(reading, state->path,
                                    "\"%.*s\" refers to another counter than "
                                    "\"state.%.*s.%.*s\", which \"state\" of "
                                    "%s counts",
                                    mcp_named(state->path->text),
                                    mcp_named(mcp_str_equal(tool->tool,
                                                            mcp_str("*"))
                                              ? mcp_str("_global")
                                              : tool->tool),
                                    mcp_named(counter.counter), tool->where);
        return MCP_OK;
    }

    amount = 0;

    if (mcp_intercept_amount(tool, state, &amount) != MCP_OK) {
        return MCP_OK;
    }

    place = mcp_policy_node_place(reading, state->path);

    limit = mcp_policy_add_limit(reading->builder, tool->rule, amount,
                                 counter.rate.window, counter.rate.window_ms,
                                 MCP_KEY_GLOBAL, counter.counter, &place);
    if (limit == NULL) {
        return MCP_NOMEM;
    }

    limit->space = mcp_str_equal(tool->tool, mcp_str("*"))
                   ? MCP_COUNTER_OF_ALL : MCP_COUNTER_OF_TOOL;
    limit->cost = counter.cost;
    limit->cost_path = counter.cost_path;

    return mcp_intercept_counter(tool, node, limit);
}


/* "lte N" allows N, "lt N" one less; what is behind the point is cut. */
static mcp_rc_t
mcp_intercept_amount(mcp_intercept_t *tool, const mcp_policy_state_t *state,
    int64_t *amount)
{
    size_t       i;
    mcp_str_t    whole;
    mcp_error_t  error;

    if (state->op != MCP_OP_LT && state->op != MCP_OP_LTE) {
        return mcp_policy_node_fail(tool->reading, state->path,
                                    "the condition on \"%.*s\" in %s must be "
                                    "\"lt\" or \"lte\"",
                                    mcp_named(state->path->text),
                                    tool->where);
    }

    if (state->value->type == MCP_NODE_NUMBER) {

        whole = state->value->text;

        if (!mcp_decimal_integral(whole)) {
            for (i = 0; i < whole.len; i++) {
                if (whole.data[i] == '.') {
                    whole.len = i;
                }
            }
        }

        if (mcp_decimal_integral(whole)
            && mcp_decimal_micros(whole, amount, &error) == MCP_OK)
        {
            if (state->op == MCP_OP_LT) {
                *amount -= MCP_DECIMAL_UNIT;
            }

            if (*amount > 0) {
                return MCP_OK;
            }
        }
    }

    return mcp_policy_node_fail(tool->reading, state->value,
                                "the value for \"%.*s\" in %s must be a "
                                "number that lets a call through, from %s",
                                mcp_named(state->path->text), tool->where,
                                state->op == MCP_OP_LT ? "2 with \"lt\""
                                                       : "1 with \"lte\"");
}


/* state.TOOL.COUNTER; both names may contain dots. */
static bool
mcp_intercept_refers(const mcp_intercept_t *tool, mcp_str_t path,
    mcp_str_t counter)
{
    mcp_str_t  scope;

    scope = mcp_str_equal(tool->tool, mcp_str("*")) ? mcp_str("_global")
                                                    : tool->tool;

    path.data += sizeof("state.") - 1;
    path.len -= sizeof("state.") - 1;

    return path.len == scope.len + 1 + counter.len
           && memcmp(path.data, scope.data, scope.len) == 0
           && path.data[scope.len] == '.'
           && memcmp(path.data + scope.len + 1, counter.data, counter.len)
              == 0;
}


/* Two rules that count in one counter would count every call twice. */
static mcp_rc_t
mcp_intercept_counter(mcp_intercept_t *tool, const mcp_node_t *node,
    const mcp_limit_t *limit)
{
    uint32_t             i;
    mcp_place_t          place;
    const mcp_limit_t  **counters;

    for (i = 0; i < tool->counter_count; i++) {
        if (mcp_str_equal(tool->counters[i]->counter, limit->counter)) {
            (void) mcp_policy_node_fail(tool->reading, node,
                                        "counter \"%.*s\" of tool \"%.*s\" "
                                        "is counted by two rules, the first "
                                        "is at line %u",
                                        mcp_named(limit->counter),
                                        mcp_named(tool->tool),
                                        tool->counters[i]->place.line);
            return MCP_OK;
        }
    }

    if (tool->counter_count == MCP_RULE_COUNTERS_MAX) {
        (void) mcp_policy_node_fail(tool->reading, node, "more than %d "
                                    "counters in tool \"%.*s\"",
                                    MCP_RULE_COUNTERS_MAX,
                                    mcp_named(tool->tool));
        return MCP_OK;
    }

    counters = mcp_policy_grow(tool->reading->builder,
                               (void *) tool->counters, tool->counter_count,
                               sizeof(mcp_limit_t *));
    if (counters == NULL) {
        place = mcp_policy_node_place(tool->reading, node);
        return mcp_policy_no_memory(tool->reading->builder, &place);
    }

    tool->counters = counters;
    counters[tool->counter_count++] = limit;

    return MCP_OK;
}
