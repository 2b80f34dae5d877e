/*
 * What can only be seen of a block or a policy as a whole: contradictions,
 * rules that never apply, policies that refuse everything.
 */

#include "mcp_policy_builder.h"


static void mcp_policy_check_rule(mcp_policy_builder_t *builder,
    const mcp_frame_t *frame);
static void mcp_policy_check_deny(mcp_policy_builder_t *builder,
    const mcp_frame_t *frame, uint32_t at, const mcp_place_t *deny);
static const mcp_place_t *mcp_policy_step_place(const mcp_step_t *step,
    const mcp_place_t *deny);
static void mcp_policy_check_patterns(mcp_policy_builder_t *builder,
    const mcp_block_t *block);
static bool mcp_policy_hides(const mcp_policy_t *policy, mcp_str_t pattern);
static bool mcp_policy_denies_all(const mcp_rule_t *rule);
static bool mcp_policy_rule_denies(const mcp_rule_t *rule);
static void mcp_policy_check_stars(mcp_policy_builder_t *builder);
static void mcp_policy_check_nothing_left(mcp_policy_builder_t *builder);
static void mcp_policy_check_limits(mcp_policy_builder_t *builder);
static bool mcp_policy_asks_caller(const mcp_rule_t *rule);
static bool mcp_policy_caller_decides(const mcp_requirement_t *requirement,
    bool alone);


mcp_rc_t
mcp_policy_check_block(mcp_policy_builder_t *builder,
    const mcp_frame_t *frame)
{
    uint32_t     i;
    mcp_rule_t  *rule;

    switch (frame->context) {

    case MCP_CONTEXT_ANY:

        if (frame->any->count == 0) {
            return mcp_policy_fail(builder, &frame->place,
                                   "\"any\" is empty, expected \"arg\" or "
                                   "\"require\" in it");
        }

        return MCP_OK;

    case MCP_CONTEXT_DENY_IF:

        if (frame->deny_if->count == 0) {
            return mcp_policy_fail(builder, &frame->place,
                                   "\"deny_if\" has no conditions, write "
                                   "\"deny\" to refuse every call");
        }

        return MCP_OK;

    default:
        break;
    }

    rule = frame->rule;

    if (frame->context == MCP_CONTEXT_RULE) {

        for (i = 0; i < rule->count; i++) {
            if (rule->steps[i].kind == MCP_STEP_LIMIT
                || rule->steps[i].kind == MCP_STEP_APPROVE
                || rule->steps[i].kind == MCP_STEP_DENY)
            {
                rule->triggers = true;
            }
        }
    }

    mcp_policy_check_rule(builder, frame);

    return MCP_OK;
}


static void
mcp_policy_check_rule(mcp_policy_builder_t *builder,
    const mcp_frame_t *frame)
{
    uint32_t           i;
    const mcp_rule_t  *rule;
    const mcp_step_t  *step;

    rule = frame->rule;

    if (frame->context == MCP_CONTEXT_RULE && rule->count == 0
        && !builder->failed)
    {
        mcp_policy_warn(builder, &frame->place,
                        "rule \"%.*s\" asks nothing: it has no condition, "
                        "\"limit\", \"deny\" or \"deny_if\"",
                        mcp_shown(rule->name));
    }

    for (i = 0; i < rule->count; i++) {
        step = &rule->steps[i];

        if (step->kind == MCP_STEP_DENY) {
            mcp_policy_check_deny(builder, frame, i,
                                  &frame->singles[MCP_SINGLE_DENY]);
            return;
        }

        if (step->kind == MCP_STEP_RULE
            && mcp_policy_rule_denies(step->rule))
        {
            mcp_policy_check_deny(builder, frame, i, &step->rule->place);
            return;
        }
    }
}


/* Everything beside an unconditional deny, at index "at", is suspect. */
static void
mcp_policy_check_deny(mcp_policy_builder_t *builder,
    const mcp_frame_t *frame, uint32_t at, const mcp_place_t *deny)
{
    bool               conditions;
    uint32_t           i;
    const mcp_rule_t  *rule;
    const mcp_step_t  *step;

    static const char *const  names[] = {
        [MCP_STEP_DENY_IF] = "deny_if",
        [MCP_STEP_DENY] = "deny",
        [MCP_STEP_LIMIT] = "limit",
        [MCP_STEP_APPROVE] = "approve",
        [MCP_STEP_VALIDATE] = "validate",
        [MCP_STEP_RULE] = "rule"
    };

    rule = frame->rule;
    conditions = false;

    for (i = 0; i < rule->count; i++) {
        step = &rule->steps[i];

        if (step->kind == MCP_STEP_REQUIRE) {
            conditions = true;

        } else if (i > at || step->kind == MCP_STEP_LIMIT
                   || step->kind == MCP_STEP_APPROVE)
        {
            mcp_policy_warn(builder, mcp_policy_step_place(step, deny),
                            "\"%s\" never applies: \"deny\" at %s:%u refuses "
                            "the call in any case", names[step->kind],
                            mcp_shown_place(deny));
        }
    }

    if (conditions && !rule->triggers) {
        mcp_policy_warn(builder, deny,
                        "\"deny\" refuses every call, conditions beside it "
                        "in \"%s\" do not narrow it: put both into a "
                        "\"rule\"", mcp_context_name(frame->context));
    }
}


/* A "deny" has no place of its own. */
static const mcp_place_t *
mcp_policy_step_place(const mcp_step_t *step, const mcp_place_t *deny)
{
    switch (step->kind) {

    case MCP_STEP_DENY_IF:
        return &step->deny_if->place;

    case MCP_STEP_LIMIT:
        return &step->limit->place;

    case MCP_STEP_APPROVE:
        return &step->approval->place;

    case MCP_STEP_VALIDATE:
        return &step->validate->place;

    case MCP_STEP_RULE:
        return &step->rule->place;

    default:
        return deny;
    }
}


void
mcp_policy_check(mcp_policy_builder_t *builder)
{
    uint32_t            i;
    const mcp_block_t  *block;

    for (i = 0; i < builder->policy.block_count; i++) {
        block = &builder->policy.blocks[i];

        mcp_policy_check_patterns(builder, block);

        if (mcp_policy_asks_caller(block->rule)) {
            builder->policy.depends_on_caller = true;
        }
    }

    mcp_policy_check_stars(builder);
    mcp_policy_check_nothing_left(builder);
    mcp_policy_check_limits(builder);
    mcp_policy_check_validate(builder);
}


static void
mcp_policy_check_patterns(mcp_policy_builder_t *builder,
    const mcp_block_t *block)
{
    uint32_t                  i, hidden;
    mcp_str_t                 pattern;
    const char               *name;
    const mcp_pattern_set_t  *set;

    hidden = 0;
    name = mcp_context_name(block->context);
    set = mcp_policy_set(&builder->policy, block->context);

    for (i = 0; i < block->count; i++) {
        pattern = block->patterns[i];

        if (!block->star && mcp_pattern_set_shadowed(set, pattern)) {
            mcp_policy_warn(builder, &block->rule->place,
                            "pattern \"%.*s\" of \"%s\" never applies: more "
                            "specific patterns match all its names",
                            mcp_shown(pattern), name);
        }

        if (block->context != MCP_CONTEXT_METHOD
            && mcp_policy_hides(&builder->policy, pattern))
        {
            hidden++;
        }
    }

    if (hidden > 0 && hidden == block->count) {
        mcp_policy_warn(builder, &block->rule->place,
                        "\"%s %.*s\" never applies: \"hide\" hides every "
                        "name of it", name, mcp_shown(block->patterns[0]));
    }
}


/* Conservative: false when it cannot be told. */
static bool
mcp_policy_hides(const mcp_policy_t *policy, mcp_str_t pattern)
{
    mcp_pattern_match_t  match;

    if (mcp_pattern_set_empty(policy->hidden)) {
        return false;
    }

    if (mcp_pattern_set_star(policy->hidden, &match) == MCP_OK) {
        return true;
    }

    if (pattern.data[0] == '~'
        || mcp_pattern_set_find(policy->hidden, pattern, &match) != MCP_OK)
    {
        return false;
    }

    /*
     * A glob that matches another one as a text matches all its names too;
     * for a regular expression that holds for exact names alone.
     */

    return match.pattern.data[0] != '~'
           || memchr(pattern.data, '*', pattern.len) == NULL;
}


/* Whether no call passes a block, whoever calls. */
static bool
mcp_policy_denies_all(const mcp_rule_t *rule)
{
    uint32_t  i;

    if (rule->dry_run) {
        return false;
    }

    if (rule->has_deny) {
        return true;
    }

    for (i = 0; i < rule->count; i++) {
        if (rule->steps[i].kind == MCP_STEP_RULE
            && mcp_policy_rule_denies(rule->steps[i].rule))
        {
            return true;
        }
    }

    return false;
}


/* Whether a rule in a block denies without a condition. */
static bool
mcp_policy_rule_denies(const mcp_rule_t *rule)
{
    uint32_t  i;

    if (rule->dry_run || !rule->has_deny) {
        return false;
    }

    for (i = 0; i < rule->count; i++) {
        if (rule->steps[i].kind == MCP_STEP_REQUIRE) {
            return false;
        }
    }

    return true;
}


/* Traps of the lone "*". */
static void
mcp_policy_check_stars(mcp_policy_builder_t *builder)
{
    bool                others;
    uint32_t            i, n;
    const char         *name;
    const mcp_block_t  *block;

    for (i = 0; i < builder->policy.block_count; i++) {
        block = &builder->policy.blocks[i];

        if (!block->star) {
            continue;
        }

        others = false;
        name = mcp_context_name(block->context);

        for (n = 0; n < builder->policy.block_count; n++) {
            if (builder->policy.blocks[n].context == block->context
                && n != i)
            {
                others = true;
            }
        }

        if (others && mcp_policy_denies_all(block->rule)) {
            mcp_policy_warn(builder, &block->rule->place,
                            "\"%s *\" refuses every call, also of what has a "
                            "block of its own", name);
        }

        if (!others && !builder->policy.default_allow
            && block->context != MCP_CONTEXT_METHOD)
        {
            mcp_policy_warn(builder, &block->rule->place,
                            "\"%s *\" lists and allows nothing under "
                            "\"default deny\": name what is allowed, or write "
                            "\"default allow\"", name);
        }
    }
}


/* Whether some tool, prompt or resource is left that may be called. */
static void
mcp_policy_check_nothing_left(mcp_policy_builder_t *builder)
{
    bool                  hide_all, denied[MCP_CONTEXT_COUNT];
    uint32_t              i, n;
    mcp_pattern_match_t   match;
    const mcp_block_t    *block;
    const mcp_policy_t   *policy;

    policy = &builder->policy;
    hide_all = mcp_pattern_set_star(policy->hidden, &match) == MCP_OK;

    memset(denied, 0, sizeof(denied));

    for (i = 0; i < policy->block_count; i++) {
        block = &policy->blocks[i];

        if (block->star && mcp_policy_denies_all(block->rule)) {
            denied[block->context] = true;
        }
    }

    if (policy->default_allow) {
        if (hide_all
            || (denied[MCP_CONTEXT_TOOL] && denied[MCP_CONTEXT_PROMPT]
                && denied[MCP_CONTEXT_RESOURCE])
            || denied[MCP_CONTEXT_METHOD])
        {
            goto nothing;
        }

        return;
    }

    for (i = 0; i < policy->block_count && !denied[MCP_CONTEXT_METHOD]; i++) {
        block = &policy->blocks[i];

        if (block->star || denied[block->context]
            || mcp_policy_denies_all(block->rule))
        {
            continue;
        }

        if (block->context == MCP_CONTEXT_METHOD) {
            return;
        }

        for (n = 0; n < block->count; n++) {
            if (!mcp_policy_hides(policy, block->patterns[n])) {
                return;
            }
        }
    }

nothing:

    mcp_policy_warn(builder, &policy->place,
                    "policy \"%.*s\" refuses everything%s",
                    mcp_shown(policy->name),
                    policy->default_allow
                    ? ""
                    : policy->block_count != 0
                    ? ": nothing that it names may be called"
                    : mcp_pattern_set_empty(policy->hidden)
                    ? ": it names nothing under \"default deny\""
                    : ": \"hide\" allows nothing under \"default deny\", name "
                      "what is allowed, or write \"default allow\"");
}


/* A session id is chosen by whoever sends it. */
static void
mcp_policy_check_limits(mcp_policy_builder_t *builder)
{
    uint32_t            i, n;
    const mcp_limit_t  *limit;

    for (i = 0; i < builder->limit_count; i++) {
        limit = builder->limits[i];

        for (n = 0; n < limit->key_count; n++) {
            if (limit->keys[n].kind == MCP_KEY_SESSION) {
                break;
            }
        }

        if (n == limit->key_count) {
            return;
        }
    }

    if (builder->limit_count != 0) {
        mcp_policy_warn(builder, &builder->limits[0]->place,
                        "all limits of policy \"%.*s\" count \"per=session\", "
                        "a caller who opens a new session escapes them: add "
                        "one with \"per=grant\"",
                        mcp_shown(builder->policy.name));
    }
}


/*
 * Whether what is shown can differ between callers: a refusal that variables
 * alone decide.  What depends on arguments as well is shown to all.
 */
static bool
mcp_policy_asks_caller(const mcp_rule_t *rule)
{
    bool                      triggered, caller;
    uint32_t                  i, n;
    const mcp_step_t         *step;
    const mcp_deny_if_t      *deny_if;

    if (rule->dry_run) {
        return false;
    }

    /* triggers: is the rule about some callers, whatever their arguments */

    triggered = true;
    caller = false;

    for (i = 0; rule->triggers && i < rule->count; i++) {
        if (rule->steps[i].kind == MCP_STEP_REQUIRE) {
            caller = true;

            if (!mcp_policy_caller_decides(rule->steps[i].requirement, false))
            {
                triggered = false;
            }
        }
    }

    if (!triggered) {
        return false;
    }

    if (caller && rule->has_deny) {
        return true;
    }

    for (i = 0; i < rule->count; i++) {
        step = &rule->steps[i];

        if (step->kind == MCP_STEP_REQUIRE && !rule->triggers
            && mcp_policy_caller_decides(step->requirement, true))
        {
            return true;
        }

        if (step->kind == MCP_STEP_RULE && mcp_policy_asks_caller(step->rule))
        {
            return true;
        }

        if (step->kind != MCP_STEP_DENY_IF) {
            continue;
        }

        deny_if = step->deny_if;

        for (n = 0; n < deny_if->count; n++) {
            if (!mcp_policy_caller_decides(&deny_if->requirements[n], false))
            {
                break;
            }
        }

        if (n == deny_if->count) {
            return true;
        }
    }

    return false;
}


/*
 * Whether variables can make a requirement hold ("alone" false), or make it
 * fail (true), without a look at the arguments.
 */
static bool
mcp_policy_caller_decides(const mcp_requirement_t *requirement, bool alone)
{
    uint32_t  i, variables;

    variables = 0;

    for (i = 0; i < requirement->count; i++) {
        if (!requirement->conditions[i].on_arguments) {
            variables++;
        }
    }

    return alone ? variables == requirement->count : variables > 0;
}
