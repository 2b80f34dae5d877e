/* {path, op, value} */

#include "mcp_policy_reading.h"
#include "mcp_re2.h"


typedef enum {
    MCP_FILE_VALUE_SCALAR,
    MCP_FILE_VALUE_LIST,
    MCP_FILE_VALUE_NUMBER,
    MCP_FILE_VALUE_REGEX,
    MCP_FILE_VALUE_BOOLEAN
} mcp_file_value_t;

typedef struct {
    mcp_str_t          name;
    mcp_op_t           op;
    mcp_file_value_t   value;
} mcp_file_op_t;


static const mcp_file_op_t *mcp_policy_read_op(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where);
static mcp_rc_t mcp_policy_read_value(mcp_policy_reading_t *reading,
    const mcp_file_op_t *op, const mcp_node_t *node, const char *where,
    mcp_condition_t *condition);
static mcp_rc_t mcp_policy_read_values(mcp_policy_reading_t *reading,
    const mcp_file_op_t *op, const mcp_node_t *const *nodes, uint32_t count,
    const char *where, mcp_condition_t *condition);
static mcp_rc_t mcp_policy_read_regex(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_condition_t *condition);
static mcp_rc_t mcp_policy_path_segments(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_path_t *path);
static bool mcp_policy_prefixed(mcp_str_t s, const char *prefix);


static const mcp_file_op_t  mcp_file_ops[] = {
    { mcp_str_init("eq"), MCP_OP_EQ, MCP_FILE_VALUE_SCALAR },
    { mcp_str_init("neq"), MCP_OP_NEQ, MCP_FILE_VALUE_SCALAR },
    { mcp_str_init("lt"), MCP_OP_LT, MCP_FILE_VALUE_NUMBER },
    { mcp_str_init("lte"), MCP_OP_LTE, MCP_FILE_VALUE_NUMBER },
    { mcp_str_init("gt"), MCP_OP_GT, MCP_FILE_VALUE_NUMBER },
    { mcp_str_init("gte"), MCP_OP_GTE, MCP_FILE_VALUE_NUMBER },
    { mcp_str_init("in"), MCP_OP_IN, MCP_FILE_VALUE_LIST },
    { mcp_str_init("not_in"), MCP_OP_NOT_IN, MCP_FILE_VALUE_LIST },
    { mcp_str_init("exists"), MCP_OP_EXISTS, MCP_FILE_VALUE_BOOLEAN },
    { mcp_str_init("regex"), MCP_OP_REGEX, MCP_FILE_VALUE_REGEX },
    { mcp_str_init("contains"), MCP_OP_CONTAINS, MCP_FILE_VALUE_SCALAR }
};

#define MCP_FILE_OPS  (sizeof(mcp_file_ops) / sizeof(mcp_file_ops[0]))


enum { MCP_CONDITION_PATH, MCP_CONDITION_OP, MCP_CONDITION_VALUE,
       MCP_CONDITION_KEYS };

static const mcp_policy_key_t  mcp_condition_keys[MCP_CONDITION_KEYS] = {
    [MCP_CONDITION_PATH] = { mcp_str_init("path"), MCP_TYPE_STRING },
    [MCP_CONDITION_OP] = { mcp_str_init("op"), MCP_TYPE_STRING },
    [MCP_CONDITION_VALUE] = { mcp_str_init("value"), MCP_TYPE_ANY }
};


mcp_rc_t
mcp_policy_read_condition(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_condition_t *condition,
    mcp_policy_state_t *state)
{
    char                  here[MCP_WHERE_MAX];
    mcp_rc_t              rc;
    uint32_t              i;
    const mcp_node_t     *path;
    mcp_policy_value_t    values[MCP_CONDITION_KEYS];
    const mcp_file_op_t  *op;

    memset(condition, 0, sizeof(*condition));

    if (state != NULL) {
        memset(state, 0, sizeof(*state));
    }

    if (node->type != MCP_NODE_MAP) {
        return mcp_policy_node_fail(reading, node, "a condition in %s must "
                                    "be an object, not %s", where,
                                    mcp_document_type_name(node));
    }

    mcp_policy_where(here, "a condition in %s", where);
    mcp_policy_read_members(reading, node, here, mcp_condition_keys,
                            MCP_CONDITION_KEYS, values);

    for (i = 0; i < MCP_CONDITION_KEYS; i++) {
        if (values[i].member == NULL) {
            (void) mcp_policy_node_fail(reading, node,
                                        "\"%.*s\" is missing in %s",
                                        mcp_named(mcp_condition_keys[i].name),
                                        here);
        }
    }

    path = values[MCP_CONDITION_PATH].value;
    op = NULL;

    if (values[MCP_CONDITION_OP].value != NULL) {
        op = mcp_policy_read_op(reading, values[MCP_CONDITION_OP].value,
                                here);
    }

    if (path != NULL && !mcp_policy_prefixed(path->text, "args.")
        && (state == NULL || !mcp_policy_prefixed(path->text, "state.")))
    {
        (void) mcp_policy_node_fail(reading, path,
                                    "\"path\" of %s must begin with "
                                    "\"args.\"%s, not \"%.*s\"", here,
                                    state != NULL ? " or \"state.\"" : "",
                                    mcp_named(path->text));
        path = NULL;
    }

    if (path == NULL || op == NULL
        || values[MCP_CONDITION_VALUE].member == NULL)
    {
        return MCP_ERROR;
    }

    if (state != NULL && mcp_policy_prefixed(path->text, "state.")) {
        state->path = path;
        state->op = op->op;
        state->value = values[MCP_CONDITION_VALUE].value;

        return MCP_OK;
    }

    condition->on_arguments = true;
    condition->typing = MCP_TYPING_FILE;
    condition->op = op->op;

    rc = mcp_policy_path_segments(reading, path, here, &condition->path);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    /* the value is looked at in any case */

    if (mcp_policy_read_value(reading, op, values[MCP_CONDITION_VALUE].value,
                              here, condition)
        != MCP_OK)
    {
        rc = MCP_ERROR;
    }

    if (rc != MCP_OK) {
        mcp_condition_free(condition);
    }

    return rc;
}


static const mcp_file_op_t *
mcp_policy_read_op(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *where)
{
    size_t  i;

    for (i = 0; i < MCP_FILE_OPS; i++) {
        if (mcp_str_equal(mcp_file_ops[i].name, node->text)) {
            return &mcp_file_ops[i];
        }
    }

    (void) mcp_policy_node_fail(reading, node,
                                "unknown operator \"%.*s\" in %s, expected "
                                "one of: eq, neq, lt, lte, gt, gte, in, "
                                "not_in, exists, regex, contains",
                                mcp_named(node->text), where);

    return NULL;
}


static mcp_rc_t
mcp_policy_read_value(mcp_policy_reading_t *reading, const mcp_file_op_t *op,
    const mcp_node_t *node, const char *where, mcp_condition_t *condition)
{
    const char  *expected;

    expected = NULL;

    switch (op->value) {

    case MCP_FILE_VALUE_LIST:

        if (node->type != MCP_NODE_LIST || node->count == 0) {
            expected = "a list of at least one value";
            break;
        }

        return mcp_policy_read_values(reading, op, node->items, node->count,
                                      where, condition);

    case MCP_FILE_VALUE_NUMBER:

        if (node->type != MCP_NODE_NUMBER) {
            expected = "a number";
        }

        break;

    case MCP_FILE_VALUE_BOOLEAN:

        if (node->type != MCP_NODE_TRUE && node->type != MCP_NODE_FALSE) {
            expected = "true or false";
            break;
        }

        condition->negate = node->type == MCP_NODE_FALSE;

        return MCP_OK;

    case MCP_FILE_VALUE_REGEX:

        if (node->type != MCP_NODE_STRING) {
            expected = "a string";
            break;
        }

        if (mcp_policy_read_regex(reading, node, where, condition) != MCP_OK)
        {
            return MCP_ERROR;
        }

        break;

    default:
        break;
    }

    if (expected != NULL) {
        return mcp_policy_node_fail(reading, node,
                                    "operator \"%.*s\" in %s takes %s, not "
                                    "%s", mcp_named(op->name), where,
                                    expected,
                                    node->type == MCP_NODE_LIST
                                    && node->count == 0
                                    ? "an empty list"
                                    : mcp_document_type_name(node));
    }

    return mcp_policy_read_values(reading, op, &node, 1, where, condition);
}


static mcp_rc_t
mcp_policy_read_values(mcp_policy_reading_t *reading,
    const mcp_file_op_t *op, const mcp_node_t *const *nodes, uint32_t count,
    const char *where, mcp_condition_t *condition)
{
    uint8_t           *types;
    mcp_rc_t           result;
    uint32_t           i;
    mcp_place_t        place;
    const mcp_node_t  *node;

    static const uint8_t  json_types[] = {
        [MCP_NODE_STRING] = MCP_JSON_STRING,
        [MCP_NODE_NUMBER] = MCP_JSON_NUMBER,
        [MCP_NODE_TRUE] = MCP_JSON_TRUE,
        [MCP_NODE_FALSE] = MCP_JSON_FALSE,
        [MCP_NODE_NULL] = MCP_JSON_NULL
    };

    result = MCP_OK;
    types = mcp_policy_alloc(reading->builder, count);
    condition->values = mcp_policy_alloc(reading->builder,
                                         count * sizeof(mcp_text_t));

    if (types == NULL || condition->values == NULL) {
        goto no_memory;
    }

    condition->value_types = types;

    for (i = 0; i < count; i++) {
        node = nodes[i];

        if (node->type == MCP_NODE_MAP || node->type == MCP_NODE_LIST) {
            result = mcp_policy_node_fail(reading, node,
                                          "operator \"%.*s\" in %s compares "
                                          "with a string, a number, true, "
                                          "false or null, not with %s",
                                          mcp_named(op->name), where,
                                          mcp_document_type_name(node));
            continue;
        }

        if (node->date) {
            result = mcp_policy_node_fail(reading, node,
                                          "\"%.*s\" needs quotes: without "
                                          "them it is a date, which equals "
                                          "no text", mcp_named(node->text));
            continue;
        }

        types[i] = json_types[node->type];

        if (mcp_policy_copy(reading->builder,
                            node->text.data != NULL ? node->text
                                                    : mcp_str(""),
                            &condition->values[i].literal)
            != MCP_OK)
        {
            goto no_memory;
        }

        if (node->type == MCP_NODE_TRUE || node->type == MCP_NODE_FALSE) {
            condition->values[i].literal = node->type == MCP_NODE_TRUE
                                           ? mcp_str("true")
                                           : mcp_str("false");

        } else if (node->type == MCP_NODE_NULL) {
            condition->values[i].literal = mcp_str("null");
        }
    }

    condition->value_count = count;

    return result;

no_memory:

    place = mcp_policy_node_place(reading, nodes[0]);

    return mcp_policy_no_memory(reading->builder, &place);
}


static mcp_rc_t
mcp_policy_read_regex(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *where, mcp_condition_t *condition)
{
    mcp_str_t    translated;
    mcp_error_t  error;

    error.text[0] = '\0';

    switch (mcp_re2_translate(node->text, reading->arena, &translated,
                              &error))
    {
    case MCP_OK:
        condition->regex = mcp_regex_compile(translated, false, &error);
        break;

    case MCP_NOMEM:
        return mcp_policy_node_fail(reading, node, "not enough memory");

    default:
        break;
    }

    if (condition->regex == NULL) {
        return mcp_policy_node_fail(reading, node,
                                    "invalid regex \"%.*s\" in %s: %s",
                                    mcp_named(node->text), where, error.text);
    }

    return MCP_OK;
}


mcp_rc_t
mcp_policy_read_path(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *key, const char *where, mcp_path_t *path)
{
    if (!mcp_policy_prefixed(node->text, "args.")) {
        return mcp_policy_node_fail(reading, node,
                                    "\"%s\" of %s must begin with \"args.\", "
                                    "not \"%.*s\"", key, where,
                                    mcp_named(node->text));
    }

    return mcp_policy_path_segments(reading, node, where, path);
}


static mcp_rc_t
mcp_policy_path_segments(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_path_t *path)
{
    mcp_str_t    text;
    mcp_place_t  place;
    mcp_error_t  error;

    text.data = node->text.data + (sizeof("args.") - 1);
    text.len = node->text.len - (sizeof("args.") - 1);

    switch (mcp_path_split(path, text, &reading->builder->allocator, &error))
    {
    case MCP_OK:
        return MCP_OK;

    case MCP_NOMEM:
        place = mcp_policy_node_place(reading, node);
        return mcp_policy_no_memory(reading->builder, &place);

    default:
        return mcp_policy_node_fail(reading, node, "the path in %s is %s",
                                    where, error.text);
    }
}


static bool
mcp_policy_prefixed(mcp_str_t s, const char *prefix)
{
    return s.len >= strlen(prefix)
           && memcmp(s.data, prefix, strlen(prefix)) == 0;
}
