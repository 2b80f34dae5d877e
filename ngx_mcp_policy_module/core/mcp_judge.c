/*
 * Rules against one call.  In a listing the arguments are not known: what
 * depends on them is MCP_LATER, and refuses nothing, since some call could
 * pass.  So lists and calls are judged by the same walk.
 */

#include "mcp_judge.h"


static mcp_rc_t mcp_judge_rule(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, mcp_refusal_t *refusal);
static mcp_rc_t mcp_judge_triggers(mcp_judge_t *judge,
    const mcp_rule_t *rule);
static mcp_rc_t mcp_judge_steps(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, mcp_refusal_t *refusal);
static mcp_rc_t mcp_judge_validate(mcp_judge_t *judge,
    const mcp_scope_t *scope, const mcp_rule_t *rule,
    const mcp_validate_t *validate, mcp_refusal_t *refusal);
static mcp_rc_t mcp_judge_refuse(mcp_refusal_t *refusal,
    const mcp_scope_t *scope, const mcp_rule_t *rule, mcp_reason_t reason,
    const mcp_text_t *message);
static mcp_rc_t mcp_judge_all(mcp_judge_t *judge,
    const mcp_requirement_t *requirements, uint32_t count,
    mcp_polarity_t polarity);
static mcp_rc_t mcp_judge_requirement(mcp_judge_t *judge,
    const mcp_requirement_t *requirement, mcp_polarity_t polarity);
static mcp_rc_t mcp_judge_condition(mcp_judge_t *judge,
    const mcp_condition_t *condition, mcp_polarity_t polarity);


mcp_rc_t
mcp_judge_block(mcp_judge_t *judge, const mcp_scope_t *scope,
    mcp_refusal_t *refusal)
{
    if (scope->block->count == 0) {
        return MCP_OK;
    }

    return mcp_judge_rule(judge, scope, scope->block, refusal);
}


mcp_rc_t
mcp_judge_pin(mcp_judge_t *judge, mcp_str_t tool, mcp_refusal_t *refusal)
{
    mcp_scope_t           scope;
    const mcp_pin_t      *pin;
    const mcp_caller_t   *caller;
    const mcp_pin_set_t  *pins;

    pins = judge->policy->pins;
    caller = judge->caller;

    if (pins == NULL) {
        return MCP_OK;
    }

    pin = mcp_pin_find(pins, tool);

    if (pin == NULL ? !pins->hide_unpinned
                    : caller->pin_changed == NULL
                      || !caller->pin_changed(caller->pin_changed_data,
                                              judge->policy, pin))
    {
        return MCP_OK;
    }

    scope = (mcp_scope_t) { NULL, mcp_str("(pin)"), MCP_TARGET_TOOL, tool };

    return mcp_judge_refuse(refusal, &scope, NULL,
                            pin == NULL ? MCP_REASON_UNPINNED
                                        : MCP_REASON_DEFINITION,
                            NULL);
}


static mcp_rc_t
mcp_judge_rule(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, mcp_refusal_t *refusal)
{
    mcp_rc_t  rc;
    uint32_t  noted, asked;

    if (judge->listing && rule->dry_run) {
        return MCP_OK;
    }

    noted = judge->pending_count;
    asked = judge->asked_count;
    rc = MCP_OK;

    if (rule->triggers) {
        rc = mcp_judge_triggers(judge, rule);

        if (rc == MCP_NO || rc == MCP_LATER) {
            return MCP_OK;
        }

        if (rc == MCP_ERROR) {
            rc = mcp_judge_refuse(refusal, scope, rule,
                                  MCP_REASON_UNDECIDABLE, NULL);
        }
    }

    if (rc == MCP_OK) {
        rc = mcp_judge_steps(judge, scope, rule, refusal);
    }

    if (rc == MCP_NO && rule->dry_run) {

        /* a call that would have been refused would not have been counted */

        judge->pending_count = noted;
        judge->asked_count = asked;
        mcp_judge_dry(judge, refusal);

        return MCP_OK;
    }

    return rc;
}


/*
 * The conditions of a rule with limit, deny or approve say which calls it is
 * about, wherever in the rule they stand.
 */
static mcp_rc_t
mcp_judge_triggers(mcp_judge_t *judge, const mcp_rule_t *rule)
{
    bool      later;
    mcp_rc_t  rc;
    uint32_t  i;

    later = false;

    for (i = 0; i < rule->count; i++) {

        if (rule->steps[i].kind != MCP_STEP_REQUIRE) {
            continue;
        }

        rc = mcp_judge_requirement(judge, rule->steps[i].requirement,
                                   MCP_TRIGGER);

        if (rc == MCP_LATER) {
            later = true;

        } else if (rc == MCP_ERROR && later) {
            return MCP_LATER;

        } else if (rc != MCP_OK) {
            return rc;
        }
    }

    return later ? MCP_LATER : MCP_OK;
}


static mcp_rc_t
mcp_judge_steps(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, mcp_refusal_t *refusal)
{
    mcp_rc_t              rc;
    uint32_t              i;
    const mcp_step_t     *step;
    const mcp_deny_if_t  *deny_if;

    for (i = 0; i < rule->count; i++) {
        step = &rule->steps[i];
        rc = MCP_OK;

        switch (step->kind) {

        case MCP_STEP_REQUIRE:

            if (rule->triggers) {
                break;
            }

            rc = mcp_judge_requirement(judge, step->requirement,
                                       MCP_REQUIREMENT);

            if (rc == MCP_NO) {
                rc = mcp_judge_refuse(refusal, scope, rule,
                                      MCP_REASON_CONDITION, NULL);
                refusal->requirements = step->requirement;
                refusal->count = 1;
            }

            break;

        case MCP_STEP_DENY_IF:

            deny_if = step->deny_if;

            rc = mcp_judge_all(judge, deny_if->requirements, deny_if->count,
                               MCP_DENY_IF);

            if (rc == MCP_NO) {
                rc = MCP_OK;

            } else if (rc == MCP_OK) {
                rc = mcp_judge_refuse(refusal, scope, rule,
                                      MCP_REASON_DENY_IF, deny_if->message);
                refusal->requirements = deny_if->requirements;
                refusal->count = deny_if->count;
            }

            break;

        case MCP_STEP_DENY:
            rc = mcp_judge_refuse(refusal, scope, rule, MCP_REASON_DENIED,
                                  step->deny_message);
            break;

        case MCP_STEP_LIMIT:

            if (!judge->listing) {
                rc = mcp_charge_note(judge, scope, rule, step->limit);
            }

            break;

        case MCP_STEP_APPROVE:

            if (!judge->listing) {
                rc = mcp_ask_note(judge, scope, rule, step->approval);
            }

            break;

        case MCP_STEP_VALIDATE:
            rc = mcp_judge_validate(judge, scope, rule, step->validate,
                                    refusal);
            break;

        case MCP_STEP_RULE:
            rc = mcp_judge_rule(judge, scope, step->rule, refusal);
            break;
        }

        if (rc == MCP_ERROR) {
            return mcp_judge_refuse(refusal, scope, rule,
                                    MCP_REASON_UNDECIDABLE, NULL);
        }

        if (rc != MCP_OK && rc != MCP_LATER) {
            return rc;
        }
    }

    return MCP_OK;
}


/*
 * Without a reviewed schema no arguments are the right ones, unless the rule
 * is about those that have one.
 */
static mcp_rc_t
mcp_judge_validate(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, const mcp_validate_t *validate,
    mcp_refusal_t *refusal)
{
    mcp_rc_t             rc;
    const mcp_pin_t     *pin;
    mcp_schema_fault_t   fault;

    pin = mcp_pin_find(judge->policy->pins, scope->name);

    if (pin == NULL || pin->schema == NULL) {

        if (validate->if_pinned) {
            return MCP_OK;
        }

        return mcp_judge_refuse(refusal, scope, rule, MCP_REASON_UNPINNED,
                                NULL);
    }

    if (judge->listing) {
        return MCP_OK;
    }

    rc = mcp_schema_check(pin->schema, judge->subject.json,
                          judge->subject.arguments, judge->arena, &fault);

    if (rc == MCP_NO) {
        (void) mcp_judge_refuse(refusal, scope, rule, MCP_REASON_ARGUMENTS,
                                NULL);
        refusal->fault = fault;
    }

    return rc;
}


static mcp_rc_t
mcp_judge_refuse(mcp_refusal_t *refusal, const mcp_scope_t *scope,
    const mcp_rule_t *rule, mcp_reason_t reason, const mcp_text_t *message)
{
    memset(refusal, 0, sizeof(*refusal));

    refusal->action = MCP_DENY;
    refusal->reason = reason;
    refusal->scope = *scope;
    refusal->rule = rule;
    refusal->message = message;

    return MCP_NO;
}


static mcp_rc_t
mcp_judge_all(mcp_judge_t *judge, const mcp_requirement_t *requirements,
    uint32_t count, mcp_polarity_t polarity)
{
    bool      later;
    mcp_rc_t  rc;
    uint32_t  i;

    later = false;

    for (i = 0; i < count; i++) {
        rc = mcp_judge_requirement(judge, &requirements[i], polarity);

        if (rc == MCP_LATER) {
            later = true;

        } else if (rc == MCP_ERROR && later) {
            return MCP_LATER;

        } else if (rc != MCP_OK) {
            return rc;
        }
    }

    return later ? MCP_LATER : MCP_OK;
}


/* One condition, or alternatives of which one is enough. */
static mcp_rc_t
mcp_judge_requirement(mcp_judge_t *judge,
    const mcp_requirement_t *requirement, mcp_polarity_t polarity)
{
    bool      later;
    mcp_rc_t  rc;
    uint32_t  i;

    later = false;

    for (i = 0; i < requirement->count; i++) {
        rc = mcp_judge_condition(judge, &requirement->conditions[i],
                                 polarity);

        if (rc == MCP_LATER) {
            later = true;

        } else if (rc == MCP_ERROR && later) {

            /* a call whose arguments suffice never comes this far */

            return MCP_LATER;

        } else if (rc != MCP_NO) {
            return rc;
        }
    }

    return later ? MCP_LATER : MCP_NO;
}


static mcp_rc_t
mcp_judge_condition(mcp_judge_t *judge, const mcp_condition_t *condition,
    mcp_polarity_t polarity)
{
    if (judge->listing && condition->on_arguments) {
        return MCP_LATER;
    }

    return mcp_condition_holds(condition, polarity, &judge->subject);
}


void
mcp_judge_dry(mcp_judge_t *judge, const mcp_refusal_t *refusal)
{
    mcp_decision_t  *decision;

    decision = judge->decision;

    if (decision->dry_action == MCP_ALLOW) {
        decision->dry_action = refusal->action;
        decision->dry_reason = refusal->reason;
        decision->dry_rule = mcp_judge_rule_name(refusal);
    }
}


mcp_str_t
mcp_judge_rule_name(const mcp_refusal_t *refusal)
{
    if (refusal->rule != NULL && refusal->rule->name.len != 0) {
        return refusal->rule->name;
    }

    return refusal->scope.pattern;
}
