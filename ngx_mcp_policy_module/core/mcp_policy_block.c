/*
 * Blocks of a policy, and the directives that stand in it directly.
 */

#include "mcp_policy_builder.h"


static mcp_rc_t mcp_policy_note_hidden(mcp_policy_builder_t *builder,
    mcp_str_t pattern, const mcp_place_t *place);
static mcp_frame_t *mcp_policy_push(mcp_policy_builder_t *builder,
    mcp_context_t context, const mcp_place_t *place);
static mcp_rc_t mcp_policy_add_patterns(mcp_policy_builder_t *builder,
    mcp_block_t *block, const mcp_str_t *words, uint32_t count,
    const mcp_place_t *place);
static mcp_rc_t mcp_policy_check_rule_name(mcp_policy_builder_t *builder,
    const mcp_rule_t *block, mcp_str_t name, const mcp_place_t *place);
static mcp_requirement_t *mcp_policy_requirement(
    mcp_policy_builder_t *builder, mcp_frame_t *frame);


mcp_policy_setter(mcp_policy_set_default)
{
    (void) frame;
    (void) count;

    if (mcp_str_equal(words[1], mcp_str("allow"))) {
        builder->policy.default_allow = true;

    } else if (!mcp_str_equal(words[1], mcp_str("deny"))) {
        return mcp_policy_fail(builder, place,
                               "invalid value \"%.*s\" in \"default\", it "
                               "must be \"allow\" or \"deny\"",
                               mcp_shown(words[1]));
    }

    return MCP_OK;
}


mcp_policy_setter(mcp_policy_set_zone)
{
    (void) frame;
    (void) count;

    if (words[1].len == 0) {
        return mcp_policy_fail(builder, place,
                               "\"zone\" is empty, expected the name of a "
                               "\"mcp_zone\"");
    }

    if (mcp_policy_copy(builder, words[1], &builder->policy.zone) != MCP_OK) {
        return mcp_policy_no_memory(builder, place);
    }

    return MCP_OK;
}


mcp_policy_setter(mcp_policy_set_hide)
{
    void               *value;
    mcp_rc_t            rc, result;
    uint32_t            i;
    mcp_error_t         error;
    mcp_place_t        *copy;
    const mcp_place_t  *first;

    (void) frame;

    copy = mcp_policy_alloc(builder, sizeof(mcp_place_t));
    if (copy == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    *copy = *place;
    result = MCP_OK;

    for (i = 1; i < count; i++) {
        value = copy;
        error.text[0] = '\0';

        rc = mcp_pattern_set_add(builder->policy.hidden, words[i], &value,
                                 &error);

        if (rc == MCP_OK) {
            rc = mcp_policy_note_hidden(builder, words[i], place);
        }

        if (rc == MCP_NOMEM) {
            return mcp_policy_no_memory(builder, place);
        }

        if (rc == MCP_NO) {
            first = value;
            mcp_policy_warn(builder, place,
                            "\"%.*s\" is hidden twice, first at %s:%u",
                            mcp_shown(words[i]), mcp_shown_place(first));

        } else if (rc != MCP_OK) {
            result = mcp_policy_fail(builder, place,
                                     "invalid pattern \"%.*s\" in \"hide\": "
                                     "%s", mcp_shown(words[i]), error.text);
        }
    }

    return result;
}


static mcp_rc_t
mcp_policy_note_hidden(mcp_policy_builder_t *builder, mcp_str_t pattern,
    const mcp_place_t *place)
{
    mcp_hide_t    *hide;
    mcp_policy_t  *policy;

    policy = &builder->policy;

    hide = mcp_policy_grow(builder, policy->hides, policy->hide_count,
                           sizeof(mcp_hide_t));
    if (hide == NULL) {
        return MCP_NOMEM;
    }

    policy->hides = hide;
    hide = &hide[policy->hide_count];
    hide->place = *place;

    if (mcp_policy_copy(builder, pattern, &hide->pattern) != MCP_OK) {
        return MCP_NOMEM;
    }

    policy->hide_count++;

    return MCP_OK;
}


mcp_policy_setter(mcp_policy_open_target)
{
    mcp_str_t       name;
    mcp_rule_t     *rule;
    mcp_block_t    *block;
    mcp_policy_t   *policy;
    mcp_context_t   context;

    context = MCP_CONTEXT_TOOL;

    while (context < MCP_CONTEXT_METHOD) {
        name.data = (const uint8_t *) mcp_context_name(context);
        name.len = strlen(mcp_context_name(context));

        if (mcp_str_equal(words[0], name)) {
            break;
        }

        context++;
    }

    policy = &builder->policy;

    block = mcp_policy_grow(builder, policy->blocks, policy->block_count,
                            sizeof(mcp_block_t));
    if (block == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    policy->blocks = block;
    block = &block[policy->block_count];

    rule = mcp_policy_alloc(builder, sizeof(mcp_rule_t));
    if (rule == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    rule->place = *place;
    block->context = context;
    block->rule = rule;
    block->star = count == 2 && mcp_str_equal(words[1], mcp_str("*"));
    policy->block_count++;

    /* the frame comes first: the block is read even if a pattern is wrong */

    frame = mcp_policy_push(builder, context, place);
    frame->rule = rule;
    frame->star = block->star;

    return mcp_policy_add_patterns(builder, block, words, count, place);
}


static mcp_rc_t
mcp_policy_add_patterns(mcp_policy_builder_t *builder, mcp_block_t *block,
    const mcp_str_t *words, uint32_t count, const mcp_place_t *place)
{
    void              *value;
    mcp_rc_t           rc, result;
    uint32_t           i;
    const char        *name;
    mcp_error_t        error;
    const mcp_rule_t  *earlier;

    name = mcp_context_name(block->context);
    result = MCP_OK;

    block->patterns = mcp_policy_alloc(builder, count * sizeof(mcp_str_t));
    if (block->patterns == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    for (i = 1; i < count; i++) {

        if (!block->star && mcp_str_equal(words[i], mcp_str("*"))) {

            /* its rules would be asked twice of the other names */

            result = mcp_policy_fail(builder, place,
                                     "\"*\" cannot stand beside other "
                                     "patterns in \"%s\", give it a block of "
                                     "its own", name);
            continue;
        }

        value = block->rule;
        error.text[0] = '\0';

        rc = mcp_pattern_set_add(mcp_policy_set(&builder->policy,
                                                block->context),
                                 words[i], &value, &error);

        if (rc == MCP_OK) {
            rc = mcp_policy_copy(builder, words[i],
                                 &block->patterns[block->count]);
            block->count++;
        }

        if (rc == MCP_NOMEM) {
            return mcp_policy_no_memory(builder, place);
        }

        if (rc == MCP_NO) {
            earlier = value;
            result = mcp_policy_fail(builder, place,
                                     "pattern \"%.*s\" has a \"%s\" block "
                                     "already, at %s:%u", mcp_shown(words[i]),
                                     name, mcp_shown_place(&earlier->place));

        } else if (rc != MCP_OK) {
            result = mcp_policy_fail(builder, place,
                                     "invalid pattern \"%.*s\" in \"%s\": %s",
                                     mcp_shown(words[i]), name, error.text);
        }
    }

    return result;
}


mcp_policy_setter(mcp_policy_open_rule)
{
    mcp_rc_t      rc;
    mcp_step_t   *step;
    mcp_rule_t   *rule, *block;
    mcp_frame_t  *opened;

    (void) count;

    block = frame->rule;

    rule = mcp_policy_alloc(builder, sizeof(mcp_rule_t));
    if (rule == NULL
        || mcp_policy_copy(builder, words[1], &rule->name) != MCP_OK)
    {
        return mcp_policy_no_memory(builder, place);
    }

    rule->place = *place;

    rc = mcp_policy_check_rule_name(builder, block, rule->name, place);

    step = mcp_policy_step(builder, block, MCP_STEP_RULE);
    if (step == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    step->rule = rule;

    opened = mcp_policy_push(builder, MCP_CONTEXT_RULE, place);
    opened->rule = rule;
    opened->star = frame->star;

    return rc;
}


static mcp_rc_t
mcp_policy_check_rule_name(mcp_policy_builder_t *builder,
    const mcp_rule_t *block, mcp_str_t name, const mcp_place_t *place)
{
    uint32_t           i;
    const mcp_rule_t  *earlier;

    if (name.len == 0 && builder->policy.typing != MCP_TYPING_FILE) {
        return mcp_policy_fail(builder, place, "\"rule\" has an empty name");
    }

    if (mcp_str_equal(name, mcp_str("(hidden)"))
        || mcp_str_equal(name, mcp_str("(default)")))
    {
        return mcp_policy_fail(builder, place,
                               "the name \"%.*s\" in \"rule\" is reserved",
                               mcp_shown(name));
    }

    /* in policy files neither names nor different names are needed */

    if (builder->policy.typing == MCP_TYPING_FILE) {
        return MCP_OK;
    }

    for (i = 0; i < block->count; i++) {
        if (block->steps[i].kind != MCP_STEP_RULE) {
            continue;
        }

        earlier = block->steps[i].rule;

        if (mcp_str_equal(earlier->name, name)) {
            return mcp_policy_fail(builder, place,
                                   "rule \"%.*s\" is duplicate, the first is "
                                   "at %s:%u", mcp_shown(name),
                                   mcp_shown_place(&earlier->place));
        }
    }

    return MCP_OK;
}


mcp_policy_setter(mcp_policy_open_deny_if)
{
    mcp_step_t     *step;
    mcp_frame_t    *opened;
    mcp_deny_if_t  *deny_if;

    (void) words;
    (void) count;

    deny_if = mcp_policy_alloc(builder, sizeof(mcp_deny_if_t));
    if (deny_if == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    deny_if->place = *place;

    step = mcp_policy_step(builder, frame->rule, MCP_STEP_DENY_IF);
    if (step == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    step->deny_if = deny_if;

    opened = mcp_policy_push(builder, MCP_CONTEXT_DENY_IF, place);
    opened->deny_if = deny_if;

    return MCP_OK;
}


mcp_policy_setter(mcp_policy_open_any)
{
    mcp_frame_t        *opened;
    mcp_requirement_t  *requirement;

    (void) words;
    (void) count;

    requirement = mcp_policy_requirement(builder, frame);
    if (requirement == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    requirement->any = true;
    requirement->place = *place;

    /* nothing joins the parent's array while this frame is open */

    opened = mcp_policy_push(builder, MCP_CONTEXT_ANY, place);
    opened->any = requirement;

    return MCP_OK;
}


mcp_rc_t
mcp_policy_add_condition(mcp_policy_builder_t *builder, mcp_frame_t *frame,
    const mcp_condition_t *condition, const mcp_place_t *place)
{
    mcp_condition_t    *conditions;
    mcp_requirement_t  *requirement;

    requirement = frame->any;

    if (requirement == NULL) {
        requirement = mcp_policy_requirement(builder, frame);
        if (requirement == NULL) {
            return mcp_policy_no_memory(builder, place);
        }

        requirement->place = *place;
    }

    conditions = mcp_policy_grow(builder, requirement->conditions,
                                 requirement->count, sizeof(mcp_condition_t));
    if (conditions == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    requirement->conditions = conditions;
    conditions[requirement->count++] = *condition;

    return MCP_OK;
}


/* A new requirement of the frame's block, rule or deny_if. */
static mcp_requirement_t *
mcp_policy_requirement(mcp_policy_builder_t *builder, mcp_frame_t *frame)
{
    mcp_step_t         *step;
    mcp_deny_if_t      *deny_if;
    mcp_requirement_t  *requirement;

    deny_if = frame->deny_if;

    if (deny_if != NULL) {
        requirement = mcp_policy_grow(builder, deny_if->requirements,
                                      deny_if->count,
                                      sizeof(mcp_requirement_t));
        if (requirement == NULL) {
            return NULL;
        }

        deny_if->requirements = requirement;

        return &requirement[deny_if->count++];
    }

    requirement = mcp_policy_alloc(builder, sizeof(mcp_requirement_t));
    if (requirement == NULL) {
        return NULL;
    }

    step = mcp_policy_step(builder, frame->rule, MCP_STEP_REQUIRE);
    if (step == NULL) {
        return NULL;
    }

    step->requirement = requirement;

    return requirement;
}


/* The table of directives keeps the depth within MCP_CONTEXT_DEPTH. */
static mcp_frame_t *
mcp_policy_push(mcp_policy_builder_t *builder, mcp_context_t context,
    const mcp_place_t *place)
{
    mcp_frame_t  *frame;

    frame = &builder->frames[++builder->depth];

    memset(frame, 0, sizeof(*frame));
    frame->context = context;
    frame->place = *place;

    return frame;
}
