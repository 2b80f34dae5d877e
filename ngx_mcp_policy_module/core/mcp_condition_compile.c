/* Operators by name, and what they ask of their values. */

#include "mcp_condition.h"
#include "mcp_decimal.h"


typedef enum {
    MCP_VALUES_NONE,
    MCP_VALUES_ONE,
    MCP_VALUES_SOME
} mcp_value_need_t;

typedef struct {
    const char        *name;
    mcp_value_need_t   need;
} mcp_op_info_t;

typedef struct {
    mcp_str_t  word;
    uint32_t   types;
} mcp_type_word_t;


static mcp_rc_t mcp_condition_check_count(const mcp_condition_t *condition,
    mcp_error_t *error);
static mcp_rc_t mcp_condition_check_number(const mcp_condition_t *condition,
    mcp_error_t *error);
static mcp_rc_t mcp_condition_compile_regex(mcp_condition_t *condition,
    mcp_error_t *error);
static mcp_rc_t mcp_condition_compile_types(mcp_condition_t *condition,
    mcp_error_t *error);
static uint32_t mcp_condition_type(mcp_str_t word);


static const mcp_op_info_t  mcp_ops[MCP_OP_COUNT] = {
    [MCP_OP_EQ] = { "eq", MCP_VALUES_ONE },
    [MCP_OP_NEQ] = { "neq", MCP_VALUES_ONE },
    [MCP_OP_IN] = { "in", MCP_VALUES_SOME },
    [MCP_OP_NOT_IN] = { "not_in", MCP_VALUES_SOME },
    [MCP_OP_LT] = { "lt", MCP_VALUES_ONE },
    [MCP_OP_LTE] = { "lte", MCP_VALUES_ONE },
    [MCP_OP_GT] = { "gt", MCP_VALUES_ONE },
    [MCP_OP_GTE] = { "gte", MCP_VALUES_ONE },
    [MCP_OP_REGEX] = { "regex", MCP_VALUES_ONE },
    [MCP_OP_NOT_REGEX] = { "not_regex", MCP_VALUES_ONE },
    [MCP_OP_CONTAINS] = { "contains", MCP_VALUES_ONE },
    [MCP_OP_EXISTS] = { "exists", MCP_VALUES_NONE },
    [MCP_OP_ABSENT] = { "absent", MCP_VALUES_NONE },
    [MCP_OP_LENGTH_LTE] = { "length_lte", MCP_VALUES_ONE },
    [MCP_OP_TYPE] = { "type", MCP_VALUES_SOME }
};

static const mcp_type_word_t  mcp_type_words[] = {
    { mcp_str_init("string"), 1u << MCP_JSON_STRING },
    { mcp_str_init("number"), 1u << MCP_JSON_NUMBER },
    { mcp_str_init("integer"), MCP_TYPE_INTEGER },
    { mcp_str_init("boolean"), 1u << MCP_JSON_TRUE | 1u << MCP_JSON_FALSE },
    { mcp_str_init("array"), 1u << MCP_JSON_ARRAY },
    { mcp_str_init("object"), 1u << MCP_JSON_OBJECT },
    { mcp_str_init("null"), 1u << MCP_JSON_NULL }
};

/* of a word that was written, in messages */
#define mcp_condition_shown(s)                                                \
    (int) ((s).len > 60 ? 60 : (s).len), (const char *) (s).data


mcp_rc_t
mcp_op_parse(mcp_str_t word, mcp_op_t *op)
{
    unsigned  i;

    for (i = 0; i < MCP_OP_COUNT; i++) {
        if (strlen(mcp_ops[i].name) == word.len
            && memcmp(mcp_ops[i].name, word.data, word.len) == 0)
        {
            *op = (mcp_op_t) i;
            return MCP_OK;
        }
    }

    return MCP_NO;
}


const char *
mcp_op_name(mcp_op_t op)
{
    return ((unsigned) op < MCP_OP_COUNT) ? mcp_ops[op].name : "";
}


mcp_rc_t
mcp_condition_compile(mcp_condition_t *condition,
    const mcp_allocator_t *allocator, mcp_error_t *error)
{
    (void) allocator;

    condition->regex = NULL;
    condition->types = 0;

    if ((unsigned) condition->op >= MCP_OP_COUNT) {
        return mcp_error_set(error, 0, 0, "unknown operator");
    }

    if (mcp_condition_check_count(condition, error) != MCP_OK) {
        return MCP_ERROR;
    }

    switch (condition->op) {

    case MCP_OP_LT:
    case MCP_OP_LTE:
    case MCP_OP_GT:
    case MCP_OP_GTE:
    case MCP_OP_LENGTH_LTE:
        return mcp_condition_check_number(condition, error);

    case MCP_OP_REGEX:
    case MCP_OP_NOT_REGEX:
        return mcp_condition_compile_regex(condition, error);

    case MCP_OP_TYPE:
        return mcp_condition_compile_types(condition, error);

    default:
        return MCP_OK;
    }
}


void
mcp_condition_free(mcp_condition_t *condition)
{
    mcp_regex_free(condition->regex);
    condition->regex = NULL;
}


static mcp_rc_t
mcp_condition_check_count(const mcp_condition_t *condition,
    mcp_error_t *error)
{
    uint32_t              count;
    const mcp_op_info_t  *info;

    info = &mcp_ops[condition->op];
    count = condition->value_count;

    switch (info->need) {

    case MCP_VALUES_NONE:
        if (count == 0) {
            return MCP_OK;
        }

        return mcp_error_set(error, 0, 0, "operator \"%s\" takes no value, "
                             "%u given", info->name, count);

    case MCP_VALUES_ONE:
        if (count == 1) {
            return MCP_OK;
        }

        return mcp_error_set(error, 0, 0, "operator \"%s\" takes one value, "
                             "%u given%s", info->name, count,
                             (count > 1 && condition->op == MCP_OP_EQ)
                             ? ", use \"in\""
                             : (count > 1 && condition->op == MCP_OP_NEQ)
                               ? ", use \"not_in\"" : "");

    default:
        if (count > 0) {
            return MCP_OK;
        }

        return mcp_error_set(error, 0, 0, "operator \"%s\" takes one or more "
                             "values, none given", info->name);
    }
}


/* Values with variables are looked at when they are known. */

static mcp_rc_t
mcp_condition_check_number(const mcp_condition_t *condition,
    mcp_error_t *error)
{
    mcp_str_t  value;

    if (condition->values[0].variables != NULL) {
        return MCP_OK;
    }

    value = condition->values[0].literal;

    if (condition->op == MCP_OP_LENGTH_LTE) {
        if (mcp_condition_length_valid(value)) {
            return MCP_OK;
        }

        return mcp_error_set(error, 0, 0, "operator \"length_lte\" takes a "
                             "whole number from 0, \"%.*s\" is none",
                             mcp_condition_shown(value));
    }

    if (mcp_decimal_valid(value)) {
        return MCP_OK;
    }

    return mcp_error_set(error, 0, 0, "operator \"%s\" takes a number as JSON "
                         "spells it, such as 5, -0.5 or 1e6, \"%.*s\" is "
                         "none", mcp_ops[condition->op].name,
                         mcp_condition_shown(value));
}


bool
mcp_condition_length_valid(mcp_str_t value)
{
    int  order;

    return mcp_decimal_compare(value, mcp_str("0"), &order) == MCP_OK
           && order >= 0 && mcp_decimal_integral(value);
}


static mcp_rc_t
mcp_condition_compile_regex(mcp_condition_t *condition, mcp_error_t *error)
{
    mcp_str_t    pattern;
    mcp_error_t  reason;

    pattern = condition->values[0].literal;

    if (condition->values[0].variables != NULL) {
        return mcp_error_set(error, 0, 0, "operator \"%s\" takes a fixed "
                             "pattern, without variables",
                             mcp_ops[condition->op].name);
    }

    if (pattern.len == 0) {
        return mcp_error_set(error, 0, 0, "operator \"%s\" takes a pattern, "
                             "an empty one matches everything",
                             mcp_ops[condition->op].name);
    }

    condition->regex = mcp_regex_compile(pattern, false, &reason);

    if (condition->regex == NULL) {
        return mcp_error_set(error, reason.code, reason.offset,
                             "invalid regex \"%.*s\": %s",
                             mcp_condition_shown(pattern), reason.text);
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_condition_compile_types(mcp_condition_t *condition, mcp_error_t *error)
{
    uint32_t   i, types;
    mcp_str_t  word;

    for (i = 0; i < condition->value_count; i++) {
        word = condition->values[i].literal;
        types = (condition->values[i].variables == NULL)
                ? mcp_condition_type(word) : 0;

        if (types == 0) {
            return mcp_error_set(error, 0, 0, "unknown type \"%.*s\", "
                                 "expected one of string, number, integer, "
                                 "boolean, array, object, null",
                                 mcp_condition_shown(word));
        }

        condition->types |= types;
    }

    return MCP_OK;
}


static uint32_t
mcp_condition_type(mcp_str_t word)
{
    size_t  i;

    for (i = 0; i < sizeof(mcp_type_words) / sizeof(mcp_type_words[0]); i++) {
        if (mcp_str_equal(mcp_type_words[i].word, word)) {
            return mcp_type_words[i].types;
        }
    }

    return 0;
}
