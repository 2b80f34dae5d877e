/*
 * "typing file": conditions and texts mean what they mean in policy files, so
 * that such a policy can be written down here.
 */

#include "mcp_decimal.h"
#include "mcp_policy_builder.h"
#include "mcp_re2.h"


/* What a policy file compares with, as JSON spells it. */
typedef struct {
    mcp_op_t     op;
    uint32_t     max;        /* values */
    uint32_t     types;      /* bits 1 << mcp_json_type_t */
    const char  *expected;
} mcp_typed_op_t;

#define MCP_TYPED_BOOLEAN  (1u << MCP_JSON_TRUE | 1u << MCP_JSON_FALSE)
#define MCP_TYPED_SCALAR   (1u << MCP_JSON_STRING | 1u << MCP_JSON_NUMBER     \
                            | MCP_TYPED_BOOLEAN | 1u << MCP_JSON_NULL)


static const mcp_typed_op_t *mcp_policy_typed_op(
    mcp_policy_builder_t *builder, mcp_str_t word, const mcp_place_t *place);
static mcp_rc_t mcp_policy_typed_value(mcp_policy_builder_t *builder,
    mcp_str_t word, mcp_arena_t *arena, const mcp_place_t *place,
    mcp_json_type_t *type, mcp_str_t *value);
static mcp_rc_t mcp_policy_typed_values(mcp_policy_builder_t *builder,
    const mcp_typed_op_t *op, const mcp_str_t *words, uint32_t count,
    mcp_arena_t *arena, const mcp_place_t *place,
    mcp_condition_t *condition);
static mcp_rc_t mcp_policy_typed_regex(mcp_policy_builder_t *builder,
    mcp_arena_t *arena, const mcp_place_t *place,
    mcp_condition_t *condition);


static const mcp_typed_op_t  mcp_typed_ops[] = {
    { MCP_OP_EQ, 1, MCP_TYPED_SCALAR, "one value" },
    { MCP_OP_NEQ, 1, MCP_TYPED_SCALAR, "one value" },
    { MCP_OP_LT, 1, 1u << MCP_JSON_NUMBER, "a number" },
    { MCP_OP_LTE, 1, 1u << MCP_JSON_NUMBER, "a number" },
    { MCP_OP_GT, 1, 1u << MCP_JSON_NUMBER, "a number" },
    { MCP_OP_GTE, 1, 1u << MCP_JSON_NUMBER, "a number" },
    { MCP_OP_IN, UINT32_MAX, MCP_TYPED_SCALAR, "values" },
    { MCP_OP_NOT_IN, UINT32_MAX, MCP_TYPED_SCALAR, "values" },
    { MCP_OP_EXISTS, 1, MCP_TYPED_BOOLEAN, "true or false" },
    { MCP_OP_REGEX, 1, 1u << MCP_JSON_STRING, "a string" },
    { MCP_OP_CONTAINS, 1, MCP_TYPED_SCALAR, "one value" }
};

#define MCP_TYPED_OPS  (sizeof(mcp_typed_ops) / sizeof(mcp_typed_ops[0]))


mcp_policy_setter(mcp_policy_set_typing)
{
    (void) frame;
    (void) count;

    if (mcp_str_equal(words[1], mcp_str("file"))) {

        if (builder->frontend.scratch == NULL) {
            return mcp_policy_fail(builder, place,
                                   "\"typing file\" cannot be used here");
        }

        builder->policy.typing = MCP_TYPING_FILE;

    } else if (!mcp_str_equal(words[1], mcp_str("conf"))) {
        return mcp_policy_fail(builder, place,
                               "invalid value \"%.*s\" in \"typing\", it "
                               "must be \"conf\" or \"file\"",
                               mcp_shown(words[1]));
    }

    if (builder->policy.block_count != 0) {
        return mcp_policy_fail(builder, place,
                               "\"typing\" must stand before all blocks, "
                               "the first is at %s:%u",
                               mcp_shown_place(
                                   &builder->policy.blocks[0].rule->place));
    }

    return MCP_OK;
}


mcp_rc_t
mcp_policy_typed_condition(mcp_policy_builder_t *builder,
    const mcp_str_t *words, uint32_t count, const mcp_place_t *place,
    mcp_condition_t *condition)
{
    mcp_rc_t               rc;
    mcp_arena_t            arena;
    mcp_error_t            error;
    const mcp_typed_op_t  *op;

    condition->typing = MCP_TYPING_FILE;

    switch (mcp_path_split(&condition->path, words[1], &builder->allocator,
                           &error))
    {
    case MCP_OK:
        break;

    case MCP_NOMEM:
        return mcp_policy_no_memory(builder, place);

    default:
        return mcp_policy_fail(builder, place,
                               "invalid path \"%.*s\" in \"arg\": %s",
                               mcp_shown(words[1]), error.text);
    }

    op = mcp_policy_typed_op(builder, words[2], place);
    if (op == NULL) {
        return MCP_ERROR;
    }

    condition->op = op->op;

    mcp_arena_init(&arena, builder->frontend.scratch, 0);

    rc = mcp_policy_typed_values(builder, op, words + 3, count - 3, &arena,
                                 place, condition);

    if (rc == MCP_OK && op->op == MCP_OP_REGEX) {
        rc = mcp_policy_typed_regex(builder, &arena, place, condition);
    }

    mcp_arena_destroy(&arena);

    return rc;
}


/* NULL: that was reported. */
static const mcp_typed_op_t *
mcp_policy_typed_op(mcp_policy_builder_t *builder, mcp_str_t word,
    const mcp_place_t *place)
{
    size_t    i;
    mcp_op_t  op;

    if (mcp_op_parse(word, &op) == MCP_OK) {
        for (i = 0; i < MCP_TYPED_OPS; i++) {
            if (mcp_typed_ops[i].op == op) {
                return &mcp_typed_ops[i];
            }
        }
    }

    (void) mcp_policy_fail(builder, place,
                           "unknown operator \"%.*s\" in \"arg\" under "
                           "\"typing file\", expected one of: eq, neq, lt, "
                           "lte, gt, gte, in, not_in, exists, regex, "
                           "contains", mcp_shown(word));

    return NULL;
}


static mcp_rc_t
mcp_policy_typed_values(mcp_policy_builder_t *builder,
    const mcp_typed_op_t *op, const mcp_str_t *words, uint32_t count,
    mcp_arena_t *arena, const mcp_place_t *place, mcp_condition_t *condition)
{
    uint8_t          *types;
    mcp_rc_t          rc;
    uint32_t          i;
    mcp_str_t         value;
    mcp_json_type_t   type;

    if (count == 0 || count > op->max) {
        return mcp_policy_fail(builder, place,
                               "operator \"%s\" takes %s under \"typing "
                               "file\", %u given", mcp_op_name(op->op),
                               op->expected, (unsigned) count);
    }

    types = mcp_policy_alloc(builder, count);
    condition->values = mcp_policy_alloc(builder,
                                         count * sizeof(mcp_text_t));

    if (types == NULL || condition->values == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    condition->value_types = types;
    type = MCP_JSON_NULL;
    value = mcp_str("");

    for (i = 0; i < count; i++) {
        rc = mcp_policy_typed_value(builder, words[i], arena, place, &type,
                                    &value);
        if (rc != MCP_OK) {
            return rc;
        }

        if (!(op->types & (1u << type))) {
            return mcp_policy_fail(builder, place,
                                   "operator \"%s\" takes %s under \"typing "
                                   "file\", not %.*s", mcp_op_name(op->op),
                                   op->expected, mcp_shown(words[i]));
        }

        if (op->op == MCP_OP_EXISTS) {
            condition->negate = type == MCP_JSON_FALSE;
            return MCP_OK;
        }

        types[i] = (uint8_t) type;

        if (mcp_policy_copy(builder, value, &condition->values[i].literal)
            != MCP_OK)
        {
            return mcp_policy_no_memory(builder, place);
        }
    }

    condition->value_count = count;

    return MCP_OK;
}


/* The text of a scalar: of a string without quotes and escapes. */
static mcp_rc_t
mcp_policy_typed_value(mcp_policy_builder_t *builder, mcp_str_t word,
    mcp_arena_t *arena, const mcp_place_t *place, mcp_json_type_t *type,
    mcp_str_t *value)
{
    mcp_rc_t      rc;
    mcp_json_t    json;
    mcp_error_t   error;
    mcp_limits_t  limits;

    memset(&limits, 0, sizeof(limits));

    limits.depth = 1;
    limits.tokens = 1;
    limits.string_length = MCP_DEFAULT_STRING_LENGTH;
    limits.number_length = MCP_DEFAULT_NUMBER_LENGTH;
    memcpy(limits.hash_key, builder->hash_key, sizeof(limits.hash_key));

    rc = mcp_json_parse(&json, word, &limits, arena, &error);

    if (rc == MCP_OK && json.tokens[0].type >= MCP_JSON_STRING) {
        *type = json.tokens[0].type;

        if (*type != MCP_JSON_STRING) {
            *value = mcp_json_raw(&json, 0);
            return MCP_OK;
        }

        rc = mcp_json_string(&json, 0, arena, value);

        if (rc == MCP_OK) {
            return rc;
        }
    }

    if (rc == MCP_NOMEM) {
        return mcp_policy_no_memory(builder, place);
    }

    return mcp_policy_fail(builder, place,
                           "invalid value %.*s in \"arg\" under \"typing "
                           "file\", expected JSON: 5, true, null or '\"a "
                           "text\"'", mcp_shown(word));
}


static mcp_rc_t
mcp_policy_typed_regex(mcp_policy_builder_t *builder, mcp_arena_t *arena,
    const mcp_place_t *place, mcp_condition_t *condition)
{
    mcp_str_t    pattern, translated;
    mcp_error_t  error;

    pattern = condition->values[0].literal;
    error.text[0] = '\0';

    switch (mcp_re2_translate(pattern, arena, &translated, &error)) {

    case MCP_OK:
        condition->regex = mcp_regex_compile(translated, false, &error);
        break;

    case MCP_NOMEM:
        return mcp_policy_no_memory(builder, place);

    default:
        break;
    }

    if (condition->regex == NULL) {
        return mcp_policy_fail(builder, place,
                               "invalid regex \"%.*s\" in \"arg\": %s",
                               mcp_shown(pattern), error.text);
    }

    return MCP_OK;
}
