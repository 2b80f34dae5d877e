/*
 * PolicyLayer's policy.json: "require", "deny_if" and "limits" of a tool,
 * "limits" of all tools, and the form of its documentation, "action" and
 * "rate_limit".  Rules are named by JSON pointers into the file.
 */

#include <stdio.h>

#include "mcp_policy_reading.h"


#define MCP_HOSTED_LIMITS_MAX  100    /* in one list */


static mcp_rc_t mcp_policy_hosted_short(mcp_policy_reading_t *reading,
    const mcp_policy_value_t *values, const mcp_member_t *tool,
    const char *where, mcp_str_t pointer, mcp_rule_t *block);
static mcp_rc_t mcp_policy_hosted_validate(mcp_policy_reading_t *reading,
    const mcp_node_t *node, mcp_str_t tool, const char *where,
    mcp_str_t pointer, mcp_rule_t *block);
static mcp_rc_t mcp_policy_hosted_predicates(mcp_policy_reading_t *reading,
    const mcp_node_t *list, const char *kind, mcp_str_t tool,
    mcp_str_t pointer, mcp_rule_t *block);
static mcp_rc_t mcp_policy_hosted_predicate(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *kind, uint32_t index,
    const char *where, mcp_str_t pointer, mcp_rule_t *block);
static mcp_rc_t mcp_policy_hosted_conditions(mcp_policy_reading_t *reading,
    const mcp_node_t *list, bool require, const char *where,
    mcp_rule_t *rule);
static mcp_str_t mcp_policy_hosted_name(mcp_policy_reading_t *reading,
    const mcp_node_t *conditions, const char *kind, uint32_t index,
    mcp_str_t pointer);
static mcp_rc_t mcp_policy_hosted_limits(mcp_policy_reading_t *reading,
    const mcp_node_t *list, const char *where, mcp_str_t pointer,
    mcp_rule_t *block, bool all);
static void mcp_policy_hosted_twice(mcp_policy_reading_t *reading,
    const mcp_node_t *list, const char *where);


enum { MCP_HOSTED_REQUIRE, MCP_HOSTED_DENY_IF, MCP_HOSTED_LIMITS,
       MCP_HOSTED_RULES, MCP_HOSTED_ACTION, MCP_HOSTED_REASON,
       MCP_HOSTED_ON_DENY, MCP_HOSTED_RATE_LIMIT, MCP_HOSTED_VALIDATE,
       MCP_HOSTED_KEYS };

/* From here on they are of the short form. */
#define MCP_HOSTED_SHORT  MCP_HOSTED_ACTION

static const mcp_policy_key_t  mcp_hosted_keys[MCP_HOSTED_KEYS] = {
    [MCP_HOSTED_REQUIRE] = { mcp_str_init("require"), MCP_TYPE_LIST },
    [MCP_HOSTED_DENY_IF] = { mcp_str_init("deny_if"), MCP_TYPE_LIST },
    [MCP_HOSTED_LIMITS] = { mcp_str_init("limits"), MCP_TYPE_LIST },
    /* whoever has it is not read here: for those who misspelt it */
    [MCP_HOSTED_RULES] = { mcp_str_init("rules"), MCP_TYPE_LIST },
    [MCP_HOSTED_ACTION] = { mcp_str_init("action"), MCP_TYPE_STRING },
    [MCP_HOSTED_REASON] = { mcp_str_init("reason"),
                            MCP_TYPE_STRING | MCP_TYPE_NULL },
    [MCP_HOSTED_ON_DENY] = { mcp_str_init("on_deny"),
                             MCP_TYPE_STRING | MCP_TYPE_NULL },
    [MCP_HOSTED_RATE_LIMIT] = { mcp_str_init("rate_limit"),
                                MCP_TYPE_MAP | MCP_TYPE_STRING },
    [MCP_HOSTED_VALIDATE] = { mcp_str_init("validate"), MCP_TYPE_MAP }
};

enum { MCP_PREDICATE_CONDITIONS, MCP_PREDICATE_ON_DENY, MCP_PREDICATE_KEYS };

static const mcp_policy_key_t  mcp_predicate_keys[MCP_PREDICATE_KEYS] = {
    [MCP_PREDICATE_CONDITIONS] = { mcp_str_init("conditions"),
                                   MCP_TYPE_LIST },
    [MCP_PREDICATE_ON_DENY] = { mcp_str_init("on_deny"),
                                MCP_TYPE_STRING | MCP_TYPE_NULL }
};

enum { MCP_ALL_LIMITS, MCP_ALL_KEYS };

static const mcp_policy_key_t  mcp_all_keys[MCP_ALL_KEYS] = {
    [MCP_ALL_LIMITS] = { mcp_str_init("limits"), MCP_TYPE_LIST }
};


mcp_rc_t
mcp_policy_hosted_tool(mcp_policy_reading_t *reading,
    const mcp_member_t *member)
{
    char                       where[MCP_WHERE_MAX];
    mcp_rc_t                   rc;
    uint32_t                   i;
    mcp_str_t                  pointer;
    mcp_rule_t                *block;
    mcp_place_t                place;
    const mcp_member_t        *long_form, *short_form;
    mcp_policy_value_t         values[MCP_HOSTED_KEYS];

    mcp_policy_where(where, "tool \"%.*s\"", mcp_named(member->name));

    place = mcp_policy_member_place(reading, member);

    block = mcp_policy_add_tool(reading->builder, member->name, &place);
    if (block == NULL) {
        return MCP_OK;
    }

    if (member->value->type == MCP_NODE_NULL) {
        return MCP_OK;
    }

    mcp_policy_read_members(reading, member->value, where, mcp_hosted_keys,
                            MCP_HOSTED_KEYS, values);

    pointer = mcp_policy_pointer(reading, mcp_str(""), "tools", member->name,
                                 mcp_str(""));
    if (pointer.data == NULL) {
        return mcp_policy_no_memory(reading->builder, &place);
    }

    long_form = NULL;
    short_form = NULL;

    for (i = 0; i < MCP_HOSTED_KEYS; i++) {
        if (values[i].member != NULL) {
            if (i < MCP_HOSTED_SHORT) {
                long_form = values[i].member;

            } else {
                short_form = values[i].member;
            }
        }
    }

    if (long_form != NULL && short_form != NULL) {
        (void) mcp_policy_member_fail(reading, short_form,
                                      "\"%.*s\" cannot stand beside \"%.*s\" "
                                      "in %s: they are of different formats",
                                      mcp_named(short_form->name),
                                      mcp_named(long_form->name), where);
    }

    rc = mcp_policy_hosted_short(reading, values, member, where, pointer,
                                 block);

    if (rc == MCP_OK && values[MCP_HOSTED_REQUIRE].value != NULL) {
        rc = mcp_policy_hosted_predicates(reading,
                                          values[MCP_HOSTED_REQUIRE].value,
                                          "require", member->name, pointer,
                                          block);
    }

    if (rc == MCP_OK && values[MCP_HOSTED_DENY_IF].value != NULL) {
        rc = mcp_policy_hosted_predicates(reading,
                                          values[MCP_HOSTED_DENY_IF].value,
                                          "deny_if", member->name, pointer,
                                          block);
    }

    if (rc == MCP_OK && values[MCP_HOSTED_LIMITS].value != NULL) {
        rc = mcp_policy_hosted_limits(reading,
                                      values[MCP_HOSTED_LIMITS].value, where,
                                      pointer, block, false);
    }

    return rc;
}


/* {action, reason, rate_limit, validate} */
static mcp_rc_t
mcp_policy_hosted_short(mcp_policy_reading_t *reading,
    const mcp_policy_value_t *values, const mcp_member_t *tool,
    const char *where, mcp_str_t pointer, mcp_rule_t *block)
{
    mcp_rc_t             rc;
    mcp_str_t            name;
    mcp_rule_t          *rule;
    mcp_place_t          place;
    mcp_limit_t         *limit;
    const mcp_node_t    *action_node, *rate;
    mcp_file_action_t    action;

    action = MCP_FILE_ACTION_NONE;
    action_node = values[MCP_HOSTED_ACTION].value;
    rate = values[MCP_HOSTED_RATE_LIMIT].value;

    if (action_node != NULL
        && mcp_policy_read_action(reading, action_node, where, false, &action)
           != MCP_OK)
    {
        return MCP_OK;
    }

    if (rate != NULL && (action == MCP_FILE_ACTION_DENY
                         || action == MCP_FILE_ACTION_APPROVE))
    {
        (void) mcp_policy_member_fail(reading,
                                      values[MCP_HOSTED_RATE_LIMIT].member,
                                      "\"rate_limit\" cannot stand beside "
                                      "\"action\" \"%.*s\" in %s",
                                      mcp_named(action_node->text), where);
        return MCP_OK;
    }

    if (values[MCP_HOSTED_VALIDATE].value != NULL) {
        rc = mcp_policy_hosted_validate(reading,
                                        values[MCP_HOSTED_VALIDATE].value,
                                        tool->name, where, pointer, block);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (rate == NULL && action != MCP_FILE_ACTION_DENY
        && action != MCP_FILE_ACTION_APPROVE)
    {
        return MCP_OK;
    }

    place = mcp_policy_member_place(reading, tool);
    name = mcp_policy_pointer(reading, pointer,
                              rate != NULL ? "rate_limit" : "action",
                              mcp_str(""), mcp_str(""));
    rule = name.data != NULL
           ? mcp_policy_add_rule(reading->builder, block, name, &place)
           : NULL;

    if (rule == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_policy_read_message(reading, &values[MCP_HOSTED_ON_DENY],
                                 &values[MCP_HOSTED_REASON], where, rule);

    if (rc == MCP_OK && rate != NULL) {
        rc = mcp_policy_read_rate_limit(reading, rate, where, rule,
                                        mcp_str_equal(tool->name,
                                                      mcp_str("*")),
                                        &limit);

    } else if (rc == MCP_OK && action == MCP_FILE_ACTION_DENY) {
        rc = mcp_policy_add_deny(reading->builder, rule, &place);

    } else if (rc == MCP_OK) {
        rc = mcp_policy_read_approve(reading, action_node, NULL, where, rule);
    }

    return rc;
}


static mcp_rc_t
mcp_policy_hosted_validate(mcp_policy_reading_t *reading,
    const mcp_node_t *node, mcp_str_t tool, const char *where,
    mcp_str_t pointer, mcp_rule_t *block)
{
    mcp_str_t  name;

    name = mcp_policy_pointer(reading, pointer, "validate", mcp_str(""),
                              mcp_str(""));
    if (name.data == NULL) {
        return MCP_NOMEM;
    }

    return mcp_policy_read_validate(reading, node, where, tool, block, name);
}


static mcp_rc_t
mcp_policy_hosted_predicates(mcp_policy_reading_t *reading,
    const mcp_node_t *list, const char *kind, mcp_str_t tool,
    mcp_str_t pointer, mcp_rule_t *block)
{
    char      where[MCP_WHERE_MAX];
    mcp_rc_t  rc;
    uint32_t  i;

    mcp_policy_where(where, "\"%s\" of tool \"%.*s\"", kind, mcp_named(tool));

    rc = MCP_OK;

    for (i = 0; i < list->count && rc == MCP_OK; i++) {
        rc = mcp_policy_hosted_predicate(reading, list->items[i], kind, i,
                                         where, pointer, block);
    }

    return rc;
}


static mcp_rc_t
mcp_policy_hosted_predicate(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *kind, uint32_t index,
    const char *where, mcp_str_t pointer, mcp_rule_t *block)
{
    bool                 require;
    mcp_rc_t             rc;
    mcp_str_t            name;
    mcp_rule_t          *rule;
    mcp_place_t          place;
    const mcp_node_t    *conditions;
    mcp_policy_value_t   values[MCP_PREDICATE_KEYS];

    if (node->type != MCP_NODE_MAP) {
        (void) mcp_policy_node_fail(reading, node, "an entry of %s must be "
                                    "an object, not %s", where,
                                    mcp_document_type_name(node));
        return MCP_OK;
    }

    mcp_policy_read_members(reading, node, where, mcp_predicate_keys,
                            MCP_PREDICATE_KEYS, values);

    conditions = values[MCP_PREDICATE_CONDITIONS].value;

    if (conditions == NULL) {

        if (values[MCP_PREDICATE_CONDITIONS].member == NULL) {
            (void) mcp_policy_node_fail(reading, node,
                                        "\"conditions\" is missing in %s, "
                                        "write [] for every call", where);
        }

        return MCP_OK;
    }

    place = mcp_policy_node_place(reading, node);
    require = kind[0] == 'r';

    name = mcp_policy_hosted_name(reading, conditions, kind, index, pointer);
    rule = name.data != NULL
           ? mcp_policy_add_rule(reading->builder, block, name, &place)
           : NULL;

    if (rule == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_policy_read_message(reading, &values[MCP_PREDICATE_ON_DENY],
                                 NULL, where, rule);
    if (rc != MCP_OK) {
        return rc;
    }

    if (conditions->count != 0) {
        return mcp_policy_hosted_conditions(reading, conditions, require,
                                            where, rule);
    }

    if (!require) {
        return mcp_policy_add_deny(reading->builder, rule, &place);
    }

    mcp_policy_warn(reading->builder, &place,
                    "an entry of %s asks nothing: it has no conditions",
                    where);

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_hosted_conditions(mcp_policy_reading_t *reading,
    const mcp_node_t *list, bool require, const char *where,
    mcp_rule_t *rule)
{
    mcp_rc_t          rc;
    uint32_t          i;
    mcp_place_t       place;
    mcp_deny_if_t    *deny_if;
    mcp_condition_t   condition;

    deny_if = NULL;
    place = mcp_policy_node_place(reading, list);

    if (!require) {
        deny_if = mcp_policy_add_deny_if(reading->builder, rule, &place);
        if (deny_if == NULL) {
            return MCP_NOMEM;
        }
    }

    for (i = 0; i < list->count; i++) {
        rc = mcp_policy_read_condition(reading, list->items[i], where,
                                       &condition, NULL);
        if (rc == MCP_ERROR) {
            continue;
        }

        if (rc == MCP_OK) {
            place = mcp_policy_node_place(reading, list->items[i]);

            rc = require
                 ? mcp_policy_add_requirement(reading->builder, rule,
                                              &condition, &place)
                 : mcp_policy_add_deny_condition(reading->builder, deny_if,
                                                 &condition, &place);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* POINTER/KIND/PATH-OP, or the index of the entry. */
static mcp_str_t
mcp_policy_hosted_name(mcp_policy_reading_t *reading,
    const mcp_node_t *conditions, const char *kind, uint32_t index,
    mcp_str_t pointer)
{
    char               number[16];
    int                length;
    const mcp_node_t  *path, *op;

    if (conditions->count == 1) {
        path = mcp_document_member(conditions->items[0], mcp_str("path"));
        op = mcp_document_member(conditions->items[0], mcp_str("op"));

        if (path != NULL && path->type == MCP_NODE_STRING
            && op != NULL && op->type == MCP_NODE_STRING)
        {
            return mcp_policy_pointer(reading, pointer, kind, path->text,
                                      op->text);
        }
    }

    length = snprintf(number, sizeof(number), "%u", (unsigned) index);

    return mcp_policy_pointer(reading, pointer, kind,
                              (mcp_str_t) { (uint8_t *) number,
                                            (size_t) length },
                              mcp_str(""));
}


mcp_rc_t
mcp_policy_hosted_all_tools(mcp_policy_reading_t *reading,
    const mcp_node_t *node)
{
    mcp_rule_t          *block;
    mcp_place_t          place;
    const mcp_node_t    *limits;
    mcp_policy_value_t   values[MCP_ALL_KEYS];

    mcp_policy_read_members(reading, node, "\"all_tools\"", mcp_all_keys,
                            MCP_ALL_KEYS, values);

    limits = values[MCP_ALL_LIMITS].value;

    if (limits == NULL || limits->count == 0) {
        return MCP_OK;
    }

    place = mcp_policy_node_place(reading, node);

    block = mcp_policy_add_tool(reading->builder, mcp_str("*"), &place);
    if (block == NULL) {
        return MCP_OK;
    }

    return mcp_policy_hosted_limits(reading, limits, "\"all_tools\"",
                                    mcp_str("/all_tools"), block, true);
}


static mcp_rc_t
mcp_policy_hosted_limits(mcp_policy_reading_t *reading,
    const mcp_node_t *list, const char *where, mcp_str_t pointer,
    mcp_rule_t *block, bool all)
{
    char      here[MCP_WHERE_MAX];
    mcp_rc_t  rc;
    uint32_t  i;

    mcp_policy_where(here, "a limit of %s", where);

    if (list->count > MCP_HOSTED_LIMITS_MAX) {
        (void) mcp_policy_node_fail(reading, list, "more than %d limits of "
                                    "%s", MCP_HOSTED_LIMITS_MAX, where);
        return MCP_OK;
    }

    mcp_policy_hosted_twice(reading, list, where);
    rc = MCP_OK;

    for (i = 0; i < list->count && rc == MCP_OK; i++) {
        rc = mcp_policy_read_limit(reading, list->items[i], here, pointer,
                                   block, all);
    }

    return rc;
}


/* The same counter in the same window would count every call twice. */
static void
mcp_policy_hosted_twice(mcp_policy_reading_t *reading,
    const mcp_node_t *list, const char *where)
{
    uint32_t           i, n;
    const mcp_node_t  *a[2], *b[2];

    for (i = 1; i < list->count; i++) {

        a[0] = mcp_document_member(list->items[i], mcp_str("counter"));
        a[1] = mcp_document_member(list->items[i], mcp_str("window"));

        if (a[0] == NULL || a[1] == NULL || a[0]->type != MCP_NODE_STRING
            || a[1]->type != MCP_NODE_STRING)
        {
            continue;
        }

        for (n = 0; n < i; n++) {
            b[0] = mcp_document_member(list->items[n], mcp_str("counter"));
            b[1] = mcp_document_member(list->items[n], mcp_str("window"));

            if (b[0] != NULL && b[1] != NULL
                && b[0]->type == MCP_NODE_STRING
                && b[1]->type == MCP_NODE_STRING
                && mcp_str_equal(a[0]->text, b[0]->text)
                && mcp_str_equal(a[1]->text, b[1]->text))
            {
                (void) mcp_policy_node_fail(reading, a[0],
                                            "two limits of %s count in "
                                            "\"%.*s\" per %.*s, the first is "
                                            "at line %u", where,
                                            mcp_named(a[0]->text),
                                            mcp_named(a[1]->text),
                                            b[0]->line);
                break;
            }
        }
    }
}
