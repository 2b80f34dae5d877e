/*
 * What front ends add whose policies are no words: the same blocks, rules and
 * steps that the directives make.
 */

#include "mcp_decimal.h"
#include "mcp_policy_builder.h"


#define MCP_AMOUNT_TEXT_MAX  32


static mcp_rc_t mcp_policy_add_condition_to(mcp_policy_builder_t *builder,
    mcp_requirement_t *requirement, mcp_condition_t *condition,
    const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_written(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, mcp_str_t window);


mcp_rule_t *
mcp_policy_add_tool(mcp_policy_builder_t *builder, mcp_str_t name,
    const mcp_place_t *place)
{
    mcp_str_t  words[2];

    words[0] = mcp_str("tool");
    words[1] = name;

    if (mcp_policy_open_target(builder, &builder->frames[0], words, 2, place)
        != MCP_OK)
    {
        builder->depth = 0;
        return NULL;
    }

    builder->depth--;

    return builder->policy.blocks[builder->policy.block_count - 1].rule;
}


mcp_rc_t
mcp_policy_add_hidden(mcp_policy_builder_t *builder, mcp_str_t name,
    const mcp_place_t *place)
{
    mcp_str_t  words[2];

    words[0] = mcp_str("hide");
    words[1] = name;

    return mcp_policy_set_hide(builder, &builder->frames[0], words, 2, place);
}


mcp_rule_t *
mcp_policy_add_rule(mcp_policy_builder_t *builder, mcp_rule_t *block,
    mcp_str_t name, const mcp_place_t *place)
{
    mcp_rule_t  *rule;
    mcp_step_t  *step;

    rule = mcp_policy_alloc(builder, sizeof(mcp_rule_t));

    if (rule == NULL
        || (name.len != 0
            && mcp_policy_copy(builder, name, &rule->name) != MCP_OK))
    {
        (void) mcp_policy_no_memory(builder, place);
        return NULL;
    }

    rule->place = *place;

    step = mcp_policy_step(builder, block, MCP_STEP_RULE);
    if (step == NULL) {
        (void) mcp_policy_no_memory(builder, place);
        return NULL;
    }

    step->rule = rule;

    return rule;
}


mcp_rc_t
mcp_policy_add_message(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    mcp_str_t text, const mcp_place_t *place)
{
    if (text.len == 0) {
        return MCP_OK;
    }

    rule->message = mcp_policy_alloc(builder, sizeof(mcp_text_t));

    if (rule->message == NULL
        || mcp_policy_copy(builder, text, &rule->message->literal) != MCP_OK)
    {
        return mcp_policy_no_memory(builder, place);
    }

    return MCP_OK;
}


mcp_rc_t
mcp_policy_add_requirement(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    mcp_condition_t *condition, const mcp_place_t *place)
{
    mcp_step_t         *step;
    mcp_requirement_t  *requirement;

    requirement = mcp_policy_alloc(builder, sizeof(mcp_requirement_t));
    step = requirement != NULL
           ? mcp_policy_step(builder, rule, MCP_STEP_REQUIRE) : NULL;

    if (step == NULL) {
        mcp_condition_free(condition);
        return mcp_policy_no_memory(builder, place);
    }

    step->requirement = requirement;

    return mcp_policy_add_condition_to(builder, requirement, condition,
                                       place);
}


mcp_deny_if_t *
mcp_policy_add_deny_if(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    const mcp_place_t *place)
{
    mcp_step_t     *step;
    mcp_deny_if_t  *deny_if;

    deny_if = mcp_policy_alloc(builder, sizeof(mcp_deny_if_t));
    step = deny_if != NULL
           ? mcp_policy_step(builder, rule, MCP_STEP_DENY_IF) : NULL;

    if (step == NULL) {
        (void) mcp_policy_no_memory(builder, place);
        return NULL;
    }

    deny_if->place = *place;
    step->deny_if = deny_if;

    return deny_if;
}


mcp_rc_t
mcp_policy_add_deny_condition(mcp_policy_builder_t *builder,
    mcp_deny_if_t *deny_if, mcp_condition_t *condition,
    const mcp_place_t *place)
{
    mcp_requirement_t  *requirements;

    requirements = mcp_policy_grow(builder, deny_if->requirements,
                                   deny_if->count, sizeof(mcp_requirement_t));
    if (requirements == NULL) {
        mcp_condition_free(condition);
        return mcp_policy_no_memory(builder, place);
    }

    deny_if->requirements = requirements;

    return mcp_policy_add_condition_to(builder,
                                       &requirements[deny_if->count++],
                                       condition, place);
}


static mcp_rc_t
mcp_policy_add_condition_to(mcp_policy_builder_t *builder,
    mcp_requirement_t *requirement, mcp_condition_t *condition,
    const mcp_place_t *place)
{
    requirement->place = *place;
    requirement->conditions = mcp_policy_alloc(builder,
                                               sizeof(mcp_condition_t));
    if (requirement->conditions == NULL) {
        mcp_condition_free(condition);
        return mcp_policy_no_memory(builder, place);
    }

    requirement->conditions[0] = *condition;
    requirement->count = 1;

    return MCP_OK;
}


mcp_rc_t
mcp_policy_add_deny(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    const mcp_place_t *place)
{
    if (mcp_policy_step(builder, rule, MCP_STEP_DENY) == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    rule->has_deny = true;
    rule->triggers = true;

    return MCP_OK;
}


mcp_approval_t *
mcp_policy_add_approve(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    const mcp_place_t *place)
{
    mcp_step_t      *step;
    mcp_approval_t  *approval;

    approval = mcp_policy_alloc(builder, sizeof(mcp_approval_t));
    step = approval != NULL
           ? mcp_policy_step(builder, rule, MCP_STEP_APPROVE) : NULL;

    if (step == NULL) {
        (void) mcp_policy_no_memory(builder, place);
        return NULL;
    }

    approval->place = *place;
    approval->ordinal = builder->policy.approval_count++;
    step->approval = approval;

    return approval;
}


mcp_limit_t *
mcp_policy_add_limit(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    int64_t amount, mcp_str_t window, uint64_t window_ms, mcp_key_kind_t key,
    mcp_str_t counter, const mcp_place_t *place)
{
    mcp_step_t   *step;
    mcp_limit_t  *limit, **limits;

    limit = mcp_policy_alloc(builder, sizeof(mcp_limit_t));
    limits = mcp_policy_grow(builder, builder->limits, builder->limit_count,
                             sizeof(mcp_limit_t *));
    if (limit == NULL || limits == NULL) {
        goto no_memory;
    }

    builder->limits = limits;

    limit->place = *place;
    limit->cost = MCP_DECIMAL_UNIT;
    limit->spec.algorithm = MCP_ALGORITHM_FIXED;
    limit->spec.amount = amount;
    limit->spec.window_ms = window_ms;
    limit->keys = mcp_policy_alloc(builder, sizeof(mcp_key_t));

    if (limit->keys == NULL
        || mcp_policy_limit_written(builder, limit, window) != MCP_OK
        || mcp_policy_copy(builder, counter, &limit->counter) != MCP_OK)
    {
        goto no_memory;
    }

    limit->key_count = 1;
    limit->keys[0].kind = key;
    limit->keys[0].source = key == MCP_KEY_GRANT ? mcp_str("grant")
                                                 : mcp_str("global");

    step = mcp_policy_step(builder, rule, MCP_STEP_LIMIT);
    if (step == NULL) {
        goto no_memory;
    }

    step->limit = limit;
    limits[builder->limit_count++] = limit;
    builder->policy.has_limits = true;

    return limit;

no_memory:

    (void) mcp_policy_no_memory(builder, place);

    return NULL;
}


/* "30/minute" */
static mcp_rc_t
mcp_policy_limit_written(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    mcp_str_t window)
{
    char      number[MCP_AMOUNT_TEXT_MAX];
    size_t    length;
    uint8_t  *text;

    length = mcp_decimal_format(limit->spec.amount, number, sizeof(number));

    text = mcp_policy_alloc(builder, length + 1 + window.len);
    if (text == NULL) {
        return MCP_NOMEM;
    }

    memcpy(text, number, length);
    text[length] = '/';
    memcpy(text + length + 1, window.data, window.len);

    limit->text.data = text;
    limit->text.len = length + 1 + window.len;
    limit->window_name.data = text + length + 1;
    limit->window_name.len = window.len;

    return MCP_OK;
}
