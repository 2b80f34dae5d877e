/* What is told of a judgement: a decision for each message. */

#include "mcp_judge.h"


static bool mcp_decision_method_denied(const mcp_refusal_t *refusal);


static const char *const  mcp_actions[] = {
    [MCP_ALLOW] = "allow",
    [MCP_DENY] = "deny",
    [MCP_LIMIT] = "limit",
    [MCP_APPROVE] = "approve",
    [MCP_INVALID] = "invalid"
};

static const char *const  mcp_reasons[MCP_REASON_COUNT] = {
    [MCP_REASON_NONE] = "",
    [MCP_REASON_HIDDEN] = "hidden",
    [MCP_REASON_NOT_LISTED] = "not_listed",
    [MCP_REASON_NAME] = "bad_name",
    [MCP_REASON_URI] = "bad_uri",
    [MCP_REASON_DENIED] = "denied",
    [MCP_REASON_CONDITION] = "condition",
    [MCP_REASON_DENY_IF] = "deny_if",
    [MCP_REASON_METHOD] = "method",
    [MCP_REASON_TASK] = "unknown_task",
    [MCP_REASON_TASK_OWNER] = "task_owner",
    [MCP_REASON_UNDECIDABLE] = "undecidable",
    [MCP_REASON_RATE_LIMITED] = "rate_limited",
    [MCP_REASON_BAD_COST] = "bad_cost",
    [MCP_REASON_NO_KEY] = "no_key",
    [MCP_REASON_ZONE_FULL] = "zone_full",
    [MCP_REASON_APPROVAL] = "approval_required",
    [MCP_REASON_APPROVAL_DENIED] = "approval_denied",
    [MCP_REASON_APPROVALS_FULL] = "approvals_full",
    [MCP_REASON_BATCH] = "batch",
    [MCP_REASON_UNPINNED] = "unpinned",
    [MCP_REASON_DEFINITION] = "definition_changed",
    [MCP_REASON_ARGUMENTS] = "invalid_arguments",
    [MCP_REASON_UNKNOWN_POLICY] = "unknown_policy",
    [MCP_REASON_INTERNAL] = "internal"
};


const char *
mcp_action_name(mcp_action_t action)
{
    return mcp_actions[action];
}


const char *
mcp_reason_name(mcp_reason_t reason)
{
    return mcp_reasons[reason];
}


void
mcp_approval_hex(const uint8_t id[MCP_APPROVAL_ID],
    uint8_t hex[MCP_APPROVAL_HEX])
{
    size_t  i;

    static const uint8_t  digits[] = "0123456789abcdef";

    for (i = 0; i < MCP_APPROVAL_ID; i++) {
        hex[2 * i] = digits[id[i] >> 4];
        hex[2 * i + 1] = digits[id[i] & 0x0f];
    }
}


mcp_rc_t
mcp_decision_make(mcp_judge_t *judge, const mcp_refusal_t *refusal,
    mcp_decision_t *decision)
{
    decision->action = refusal->action;
    decision->reason = refusal->reason;
    decision->rule = mcp_judge_rule_name(refusal);
    decision->not_shown = refusal->reason == MCP_REASON_HIDDEN
                          || refusal->reason == MCP_REASON_NOT_LISTED;
    decision->method_denied = mcp_decision_method_denied(refusal);

    if (refusal->rule != NULL) {
        decision->denial = refusal->rule->denial != MCP_DENIAL_DEFAULT
                           ? refusal->rule->denial
                           : refusal->scope.block->denial;
    }

    if (refusal->action == MCP_LIMIT) {
        decision->limit = refusal->limit;
        decision->retry_ms = refusal->retry_ms;
        decision->remaining = refusal->remaining;
        decision->reset_ms = refusal->reset_ms;
    }

    decision->ask = refusal->ask;

    return mcp_sentence_write(judge, refusal, &decision->text);
}


/*
 * Refused as a whole: by the default, or by a deny that looks at no argument.
 */
static bool
mcp_decision_method_denied(const mcp_refusal_t *refusal)
{
    uint32_t                  i, n;
    const mcp_rule_t         *rule;
    const mcp_requirement_t  *requirement;

    if (refusal->scope.kind != MCP_TARGET_NONE) {
        return false;
    }

    if (refusal->reason == MCP_REASON_METHOD) {
        return true;
    }

    if (refusal->reason != MCP_REASON_DENIED) {
        return false;
    }

    rule = refusal->rule;

    for (i = 0; rule->triggers && i < rule->count; i++) {
        if (rule->steps[i].kind != MCP_STEP_REQUIRE) {
            continue;
        }

        requirement = rule->steps[i].requirement;

        for (n = 0; n < requirement->count; n++) {
            if (requirement->conditions[n].on_arguments) {
                return false;
            }
        }
    }

    return true;
}


mcp_rc_t
mcp_decision_innocents(mcp_judge_t *judge, const mcp_body_t *body,
    mcp_verdict_t *verdict)
{
    uint32_t         i;
    mcp_str_t        text;
    mcp_refusal_t    refusal;
    mcp_decision_t  *decision;

    text.len = 0;

    for (i = 0; i < body->count; i++) {
        decision = &verdict->decisions[i];

        if (decision->action != MCP_ALLOW) {
            continue;
        }

        if (text.len == 0) {
            memset(&refusal, 0, sizeof(refusal));

            refusal.action = MCP_DENY;
            refusal.reason = MCP_REASON_BATCH;

            if (mcp_sentence_write(judge, &refusal, &text) != MCP_OK) {
                return MCP_NOMEM;
            }
        }

        decision->action = MCP_DENY;
        decision->reason = MCP_REASON_BATCH;
        decision->text = text;
    }

    return MCP_OK;
}
