/* What the readers of policy files share.  Nobody else includes this. */

#ifndef MCP_POLICY_READING_H
#define MCP_POLICY_READING_H

#include "mcp_document.h"
#include "mcp_policy_builder.h"

#pragma GCC visibility push(hidden)


/* Who wrote the file; what both would write is HOSTED. */
typedef enum {
    MCP_DIALECT_HOSTED = 0,    /* PolicyLayer: policy.json */
    MCP_DIALECT_INTERCEPT
} mcp_dialect_t;

typedef struct {
    mcp_policy_builder_t  *builder;
    mcp_arena_t           *arena;      /* of the document */
    const char            *file;
    bool                   yaml;
    mcp_dialect_t          dialect;
} mcp_policy_reading_t;


/* Bits of mcp_node_type_t. */
#define MCP_TYPE_MAP      (1u << MCP_NODE_MAP)
#define MCP_TYPE_LIST     (1u << MCP_NODE_LIST)
#define MCP_TYPE_STRING   (1u << MCP_NODE_STRING)
#define MCP_TYPE_NUMBER   (1u << MCP_NODE_NUMBER)
#define MCP_TYPE_BOOLEAN  (1u << MCP_NODE_TRUE | 1u << MCP_NODE_FALSE)
#define MCP_TYPE_NULL     (1u << MCP_NODE_NULL)
#define MCP_TYPE_ANY      0xffu

/* A member that an object may have. */
typedef struct {
    mcp_str_t  name;
    uint32_t   types;
} mcp_policy_key_t;

/* For a member: NULL when it is missing, null or of a wrong type. */
typedef struct {
    const mcp_node_t    *value;
    const mcp_member_t  *member;    /* NULL only when it is missing */
} mcp_policy_value_t;


/*
 * Readers return MCP_OK also after errors, which the builder remembers, so
 * that all of them are told; MCP_NOMEM ends the reading.
 */

/* mcp_policy_reading.c */

mcp_place_t mcp_policy_node_place(const mcp_policy_reading_t *reading,
    const mcp_node_t *node);
mcp_place_t mcp_policy_member_place(const mcp_policy_reading_t *reading,
    const mcp_member_t *member);

/* Reports an error at a node, or at the name of a member; MCP_ERROR. */
mcp_rc_t mcp_policy_node_fail(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
mcp_rc_t mcp_policy_member_fail(mcp_policy_reading_t *reading,
    const mcp_member_t *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Sorts the members of an object into "values", one for each key; what has
 * no key, and what is of a wrong type, is an error.  "where" names the object
 * in messages.
 */
void mcp_policy_read_members(mcp_policy_reading_t *reading,
    const mcp_node_t *map, const char *where, const mcp_policy_key_t *keys,
    uint32_t count, mcp_policy_value_t *values);

/* Joins into "dst" for "where"; cut when it is too long. */
#define MCP_WHERE_MAX  320
void mcp_policy_where(char *dst, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A number from 1 without a fraction, and at most "max"; or MCP_ERROR. */
mcp_rc_t mcp_policy_read_count(const mcp_node_t *node, uint64_t max,
    uint64_t *count);

/* A name in messages: cut, for "%.*s". */
#define mcp_named(s)                                                          \
    (int) ((s).len < 100 ? (s).len : 100), (const char *) (s).data


/* mcp_policy_file_condition.c */

/* What a condition on "state." says. */
typedef struct {
    const mcp_node_t  *path;       /* NULL: the condition is on arguments */
    mcp_op_t           op;
    const mcp_node_t  *value;      /* a number for lt and lte */
} mcp_policy_state_t;

/*
 * Reads {path, op, value}.  MCP_ERROR: it was reported and there is no
 * condition.  With "state" NULL paths must begin with "args.".
 */
mcp_rc_t mcp_policy_read_condition(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_condition_t *condition,
    mcp_policy_state_t *state);

/* "args.a.b" where no condition is; MCP_ERROR was reported. */
mcp_rc_t mcp_policy_read_path(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *key, const char *where,
    mcp_path_t *path);


/* mcp_policy_file_limit.c */

/* A rate: N per window. */
typedef struct {
    int64_t    amount;      /* millionths */
    mcp_str_t  window;      /* "minute", "90s" */
    uint64_t   window_ms;
} mcp_policy_rate_t;

/* "minute", "hour", "day"; MCP_ERROR was reported. */
mcp_rc_t mcp_policy_read_window(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_policy_rate_t *rate);

/*
 * "rate_limit" in both of its forms, "30/minute" and {max, window}, as a
 * limit of the rule.  "all": of the rules for all tools.
 */
mcp_rc_t mcp_policy_read_rate_limit(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_rule_t *rule, bool all,
    mcp_limit_t **limit);

/* {counter, window, max, scope, on_deny} */
mcp_rc_t mcp_policy_read_limit(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_str_t pointer,
    mcp_rule_t *block, bool all);

/* {counter, window, increment, increment_from}; the amount is not known. */
typedef struct {
    mcp_str_t          counter;
    mcp_policy_rate_t  rate;
    int64_t            cost;
    mcp_path_t        *cost_path;
} mcp_policy_counter_t;

mcp_rc_t mcp_policy_read_state(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where,
    mcp_policy_counter_t *counter);


/* mcp_policy_file_tool.c: what both dialects have */

/* "on_deny" or "reason" of a rule. */
mcp_rc_t mcp_policy_read_message(mcp_policy_reading_t *reading,
    const mcp_policy_value_t *on_deny, const mcp_policy_value_t *reason,
    const char *where, mcp_rule_t *rule);

/*
 * "validate" of a tool or "*": a rule of its own in the block, whatever the
 * rest of the entry is about; what it refuses is told by the argument, not by
 * "on_deny".  A warning where arguments cannot be checked.
 */
mcp_rc_t mcp_policy_read_validate(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_str_t tool,
    mcp_rule_t *block, mcp_str_t name);

typedef enum {
    MCP_FILE_ACTION_NONE = 0,
    MCP_FILE_ACTION_ALLOW,
    MCP_FILE_ACTION_EVALUATE,
    MCP_FILE_ACTION_DENY,
    MCP_FILE_ACTION_APPROVE
} mcp_file_action_t;

mcp_rc_t mcp_policy_read_action(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, bool evaluate,
    mcp_file_action_t *action);

/* An approval; "timeout" is NULL when nothing is said about it. */
mcp_rc_t mcp_policy_read_approve(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const mcp_node_t *timeout, const char *where,
    mcp_rule_t *rule);

/*
 * "BASE/kind", "BASE/kind/first", "BASE/kind/first-second", the parts with
 * the escapes of RFC 6901; data is NULL when there is no memory.
 */
mcp_str_t mcp_policy_pointer(mcp_policy_reading_t *reading, mcp_str_t base,
    const char *kind, mcp_str_t first, mcp_str_t second);


/* mcp_policy_hosted.c, mcp_policy_intercept.c */

/* The entry of a tool; "member" is its name and value. */
mcp_rc_t mcp_policy_hosted_tool(mcp_policy_reading_t *reading,
    const mcp_member_t *member);
mcp_rc_t mcp_policy_hosted_all_tools(mcp_policy_reading_t *reading,
    const mcp_node_t *node);
mcp_rc_t mcp_policy_intercept_tool(mcp_policy_reading_t *reading,
    const mcp_member_t *member);

#pragma GCC visibility pop

#endif /* MCP_POLICY_READING_H */
