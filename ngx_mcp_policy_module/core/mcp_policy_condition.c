/*
 * The directives "arg" and "require".
 */

#include <stdio.h>

#include "mcp_policy_builder.h"


static mcp_rc_t mcp_policy_untyped_condition(mcp_policy_builder_t *builder,
    const mcp_str_t *words, uint32_t count, const mcp_place_t *place,
    mcp_condition_t *condition);
static mcp_rc_t mcp_policy_finish_condition(mcp_policy_builder_t *builder,
    const mcp_str_t *words, uint32_t count, const mcp_place_t *place,
    mcp_condition_t *condition);
static mcp_rc_t mcp_policy_unknown_op(mcp_policy_builder_t *builder,
    const mcp_str_t *words, const mcp_place_t *place);
static mcp_rc_t mcp_policy_set_values(mcp_policy_builder_t *builder,
    mcp_condition_t *condition, const mcp_str_t *words, uint32_t count,
    const mcp_place_t *place);
static bool mcp_policy_regex_variable(mcp_str_t regex);


mcp_policy_setter(mcp_policy_set_arg)
{
    mcp_rc_t         rc;
    mcp_condition_t  condition;

    memset(&condition, 0, sizeof(condition));
    condition.on_arguments = true;

    rc = builder->policy.typing == MCP_TYPING_FILE
         ? mcp_policy_typed_condition(builder, words, count, place,
                                      &condition)
         : mcp_policy_untyped_condition(builder, words, count, place,
                                        &condition);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_policy_add_condition(builder, frame, &condition, place);
    if (rc != MCP_OK) {
        mcp_condition_free(&condition);
    }

    return rc;
}


static mcp_rc_t
mcp_policy_untyped_condition(mcp_policy_builder_t *builder,
    const mcp_str_t *words, uint32_t count, const mcp_place_t *place,
    mcp_condition_t *condition)
{
    mcp_str_t    text;
    mcp_error_t  error;

    if (mcp_policy_copy(builder, words[1], &text) != MCP_OK) {
        return mcp_policy_no_memory(builder, place);
    }

    error.text[0] = '\0';

    switch (mcp_path_parse(&condition->path, text, &builder->allocator,
                           &error))
    {
    case MCP_OK:
        break;

    case MCP_NOMEM:
        return mcp_policy_no_memory(builder, place);

    default:
        return mcp_policy_fail(builder, place,
                               "invalid path \"%.*s\" in \"arg\": %s",
                               mcp_shown(text), error.text);
    }

    if (text.len > 5 && memcmp(text.data, "args.", 5) == 0) {
        mcp_policy_warn(builder, place,
                        "the path \"%.*s\" in \"arg\" starts inside the "
                        "arguments already, did you mean \"%.*s\"?",
                        mcp_shown(text), (int) text.len - 5,
                        (const char *) text.data + 5);
    }

    return mcp_policy_finish_condition(builder, words, count, place,
                                       condition);
}


mcp_policy_setter(mcp_policy_set_require)
{
    mcp_rc_t         rc;
    mcp_condition_t  condition;

    memset(&condition, 0, sizeof(condition));

    rc = mcp_policy_text(builder, words[1], place, &condition.subject);
    if (rc != MCP_OK) {
        return rc;
    }

    condition.subject_text = condition.subject.literal;

    if (condition.subject.variables == NULL) {
        return mcp_policy_fail(builder, place,
                               "\"require\" looks at variables, \"%.*s\" is "
                               "a constant, did you mean \"$%.*s\"?",
                               mcp_shown(words[1]), mcp_shown(words[1]));
    }

    rc = mcp_policy_finish_condition(builder, words, count, place,
                                     &condition);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_policy_add_condition(builder, frame, &condition, place);
    if (rc != MCP_OK) {
        mcp_condition_free(&condition);
    }

    return rc;
}


static mcp_rc_t
mcp_policy_finish_condition(mcp_policy_builder_t *builder,
    const mcp_str_t *words, uint32_t count, const mcp_place_t *place,
    mcp_condition_t *condition)
{
    mcp_rc_t     rc;
    mcp_error_t  error;

    if (mcp_op_parse(words[2], &condition->op) != MCP_OK) {
        return mcp_policy_unknown_op(builder, words, place);
    }

    rc = mcp_policy_set_values(builder, condition, words, count, place);
    if (rc != MCP_OK) {
        return rc;
    }

    error.text[0] = '\0';

    rc = mcp_condition_compile(condition, &builder->allocator, &error);

    if (rc == MCP_NOMEM) {
        return mcp_policy_no_memory(builder, place);
    }

    if (rc != MCP_OK) {
        return mcp_policy_fail(builder, place, "invalid \"%.*s\": %s",
                               mcp_shown(words[0]), error.text);
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_unknown_op(mcp_policy_builder_t *builder, const mcp_str_t *words,
    const mcp_place_t *place)
{
    int       n;
    char      list[256];
    size_t    used;
    mcp_op_t  op;

    used = 0;
    list[0] = '\0';

    for (op = 0; op < MCP_OP_COUNT; op++) {
        n = snprintf(list + used, sizeof(list) - used, "%s%s",
                     used == 0 ? "" : ", ", mcp_op_name(op));
        if (n > 0 && (size_t) n < sizeof(list) - used) {
            used += (size_t) n;
        }
    }

    return mcp_policy_fail(builder, place,
                           "unknown operator \"%.*s\" in \"%.*s\", expected "
                           "one of: %s", mcp_shown(words[2]),
                           mcp_shown(words[0]), list);
}


static mcp_rc_t
mcp_policy_set_values(mcp_policy_builder_t *builder,
    mcp_condition_t *condition, const mcp_str_t *words, uint32_t count,
    const mcp_place_t *place)
{
    bool         regex;
    mcp_rc_t     rc;
    uint32_t     i;
    mcp_text_t  *value;

    regex = condition->op == MCP_OP_REGEX
            || condition->op == MCP_OP_NOT_REGEX;

    if (count == 3) {
        return MCP_OK;
    }

    condition->values = mcp_policy_alloc(builder,
                                         (count - 3) * sizeof(mcp_text_t));
    if (condition->values == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    for (i = 3; i < count; i++) {
        value = &condition->values[condition->value_count++];

        if (!regex) {
            rc = mcp_policy_text(builder, words[i], place, value);
            if (rc != MCP_OK) {
                return rc;
            }

            continue;
        }

        /* "$" is the end of the subject here, not a variable */

        if (mcp_policy_regex_variable(words[i])) {
            return mcp_policy_fail(builder, place,
                                   "a regular expression in \"%.*s\" cannot "
                                   "contain variables: \"%.*s\"",
                                   mcp_shown(words[0]), mcp_shown(words[i]));
        }

        if (mcp_policy_copy(builder, words[i], &value->literal) != MCP_OK) {
            return mcp_policy_no_memory(builder, place);
        }
    }

    return MCP_OK;
}


/*
 * Whether a "$" is followed by a name, outside of a character class: as a
 * regular expression that can match nothing, so a variable was meant.
 */
static bool
mcp_policy_regex_variable(mcp_str_t regex)
{
    bool     in_class;
    size_t   i;
    uint8_t  c;

    in_class = false;

    for (i = 0; i + 1 < regex.len; i++) {
        c = regex.data[i];

        if (c == '\\') {
            i++;

        } else if (in_class) {
            in_class = c != ']';

        } else if (c == '[') {
            in_class = true;

            /* "]" is ordinary as the first of a class */

            if (regex.data[i + 1] == '^') {
                i++;
            }

            if (i + 1 < regex.len && regex.data[i + 1] == ']') {
                i++;
            }

        } else if (c == '$') {
            c = regex.data[i + 1];

            if (c == '{' || c == '_' || (c >= '0' && c <= '9')
                || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            {
                return true;
            }
        }
    }

    return false;
}
