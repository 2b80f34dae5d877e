/* What the dialects have in common: messages, actions, the short form. */

#include "mcp_policy_reading.h"


static size_t mcp_policy_pointer_part(uint8_t *dst, mcp_str_t part);


enum { MCP_VALIDATE_REQUIRED, MCP_VALIDATE_KEYS };

static const mcp_policy_key_t  mcp_validate_keys[MCP_VALIDATE_KEYS] = {
    [MCP_VALIDATE_REQUIRED] = { mcp_str_init("required_args"),
                                MCP_TYPE_BOOLEAN }
};


mcp_rc_t
mcp_policy_read_message(mcp_policy_reading_t *reading,
    const mcp_policy_value_t *on_deny, const mcp_policy_value_t *reason,
    const char *where, mcp_rule_t *rule)
{
    mcp_place_t        place;
    const mcp_node_t  *node;

    node = on_deny->value;

    if (reason != NULL && reason->value != NULL) {

        if (node != NULL) {
            (void) mcp_policy_member_fail(reading, reason->member,
                                          "\"reason\" and \"on_deny\" of %s "
                                          "say the same, write one of them",
                                          where);
            return MCP_OK;
        }

        node = reason->value;
    }

    if (node == NULL) {
        return MCP_OK;
    }

    place = mcp_policy_node_place(reading, node);

    return mcp_policy_add_message(reading->builder, rule, node->text, &place);
}


mcp_rc_t
mcp_policy_read_validate(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_str_t tool,
    mcp_rule_t *block, mcp_str_t name)
{
    bool                 checked;
    char                 here[MCP_WHERE_MAX];
    mcp_rc_t             rc;
    mcp_rule_t          *rule;
    mcp_place_t          place;
    const mcp_node_t    *required;
    mcp_policy_value_t   values[MCP_VALIDATE_KEYS];

    mcp_policy_where(here, "\"validate\" of %s", where);
    mcp_policy_read_members(reading, node, here, mcp_validate_keys,
                            MCP_VALIDATE_KEYS, values);

    required = values[MCP_VALIDATE_REQUIRED].value;

    if (required == NULL || required->type == MCP_NODE_FALSE) {
        return MCP_OK;
    }

    place = mcp_policy_node_place(reading, required);

    rule = mcp_policy_add_rule(reading->builder, block, name, &place);
    if (rule == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_policy_add_required(reading->builder, rule, tool, &place,
                                 &checked);

    if (rc == MCP_OK && !checked) {
        mcp_policy_warn(reading->builder, &place,
                        mcp_str_equal(tool, mcp_str("*"))
                        ? "\"required_args\" of %s is checked only for "
                          "tools whose definition is pinned"
                        : "\"required_args\" of %s is not checked: the "
                          "definition of the tool is not pinned", where);
    }

    return rc;
}


mcp_rc_t
mcp_policy_read_action(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *where, bool evaluate, mcp_file_action_t *action)
{
    size_t  i;

    static const struct {
        mcp_str_t          word;
        mcp_file_action_t  action;
    } actions[] = {
        { mcp_str_init("allow"), MCP_FILE_ACTION_ALLOW },
        { mcp_str_init("deny"), MCP_FILE_ACTION_DENY },
        { mcp_str_init("require_approval"), MCP_FILE_ACTION_APPROVE },
        { mcp_str_init("require approval"), MCP_FILE_ACTION_APPROVE },
        { mcp_str_init("evaluate"), MCP_FILE_ACTION_EVALUATE }
    };

    for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (mcp_str_equal(actions[i].word, node->text)
            && (evaluate || actions[i].action != MCP_FILE_ACTION_EVALUATE))
        {
            *action = actions[i].action;
            return MCP_OK;
        }
    }

    return mcp_policy_node_fail(reading, node,
                                "unknown action \"%.*s\" in %s, it must be "
                                "%s\"allow\", \"deny\" or "
                                "\"require_approval\"", mcp_named(node->text),
                                where, evaluate ? "\"evaluate\", " : "");
}


mcp_rc_t
mcp_policy_read_approve(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const mcp_node_t *timeout, const char *where,
    mcp_rule_t *rule)
{
    mcp_place_t      place;
    mcp_approval_t  *approval;

    place = mcp_policy_node_place(reading, node);

    approval = mcp_policy_add_approve(reading->builder, rule, &place);
    if (approval == NULL) {
        return MCP_NOMEM;
    }

    rule->triggers = true;

    if (timeout == NULL) {
        return MCP_OK;
    }

    if (!mcp_policy_time(timeout->text, &approval->ttl_ms)) {
        return mcp_policy_node_fail(reading, timeout,
                                    "invalid \"approval_timeout\" \"%.*s\" of "
                                    "%s, expected a time from 1s to 366d "
                                    "such as \"30m\"",
                                    mcp_named(timeout->text), where)
               == MCP_NOMEM ? MCP_NOMEM : MCP_OK;
    }

    return mcp_policy_copy(reading->builder, timeout->text, &approval->ttl)
           == MCP_OK
           ? MCP_OK : mcp_policy_no_memory(reading->builder, &place);
}


mcp_str_t
mcp_policy_pointer(mcp_policy_reading_t *reading, mcp_str_t base,
    const char *kind, mcp_str_t first, mcp_str_t second)
{
    uint8_t    *p;
    mcp_str_t   pointer;

    p = mcp_arena_alloc(reading->arena, base.len + strlen(kind) + 3
                                        + 2 * (first.len + second.len));
    if (p == NULL) {
        return (mcp_str_t) { NULL, 0 };
    }

    pointer.data = p;

    memcpy(p, base.data, base.len);
    p += base.len;
    *p++ = '/';
    memcpy(p, kind, strlen(kind));
    p += strlen(kind);

    if (first.len != 0) {
        *p++ = '/';
        p += mcp_policy_pointer_part(p, first);
    }

    if (second.len != 0) {
        *p++ = '-';
        p += mcp_policy_pointer_part(p, second);
    }

    pointer.len = (size_t) (p - pointer.data);

    return pointer;
}


/* RFC 6901: "~" is "~0", "/" is "~1". */
static size_t
mcp_policy_pointer_part(uint8_t *dst, mcp_str_t part)
{
    size_t    i;
    uint8_t  *p;

    p = dst;

    for (i = 0; i < part.len; i++) {

        if (part.data[i] == '~' || part.data[i] == '/') {
            *p++ = '~';
            *p++ = part.data[i] == '~' ? '0' : '1';

        } else {
            *p++ = part.data[i];
        }
    }

    return (size_t) (p - dst);
}
