/*
 * mcp_pin: the file of reviewed definitions, which the front end reads and
 * the core understands; validate, which asks for their schemas; and what is
 * left of that in policy files, the arguments that they require.
 */

#include "mcp_policy_builder.h"


#define MCP_REQUIRED_DEPTH    64
#define MCP_REQUIRED_HEAD     "{\"required\":"
#define MCP_POLICY_RISK_KEEP  16384


static mcp_rc_t mcp_policy_classify_pins(mcp_policy_builder_t *builder,
    mcp_pin_set_t *pins);
static const mcp_place_t *mcp_policy_validate(const mcp_rule_t *rule);
static void mcp_policy_check_exact(mcp_policy_builder_t *builder,
    const mcp_block_t *block, const mcp_place_t *place);
static const mcp_place_t *mcp_policy_needs_schema(
    const mcp_policy_t *policy, mcp_str_t tool);
static void mcp_policy_compile_schema(mcp_policy_builder_t *builder,
    mcp_pin_t *pin, const mcp_place_t *place);
static mcp_rc_t mcp_policy_compile_required(mcp_policy_builder_t *builder,
    mcp_pin_t *pin, const mcp_place_t *place);
static mcp_rc_t mcp_policy_required_schema(mcp_policy_builder_t *builder,
    mcp_pin_t *pin, mcp_str_t list, mcp_error_t *error);


mcp_policy_setter(mcp_policy_set_pin)
{
    mcp_rc_t        rc;
    mcp_pin_set_t  *pins;

    (void) frame;

    if (builder->frontend.read_file == NULL
        || builder->frontend.scratch == NULL)
    {
        return mcp_policy_fail(builder, place,
                               "\"mcp_pin\" cannot be used here, because "
                               "this policy cannot name files");
    }

    if (words[1].len == 0) {
        return mcp_policy_fail(builder, place,
                               "\"mcp_pin\" needs the name of a pin file, "
                               "which \"mcp-policy pin\" writes");
    }

    pins = mcp_policy_alloc(builder, sizeof(mcp_pin_set_t));

    if (pins == NULL
        || mcp_policy_copy(builder, words[1], &pins->file) != MCP_OK)
    {
        return mcp_policy_no_memory(builder, place);
    }

    if (count == 3) {

        if (mcp_str_equal(words[2], mcp_str("unpinned=hide"))) {
            pins->hide_unpinned = true;

        } else if (!mcp_str_equal(words[2], mcp_str("unpinned=allow"))) {
            return mcp_policy_fail(builder, place,
                                   "invalid parameter \"%.*s\" in "
                                   "\"mcp_pin\", expected \"unpinned=allow\" "
                                   "or \"unpinned=hide\"",
                                   mcp_shown(words[2]));
        }
    }

    rc = builder->frontend.read_file(builder->frontend.data, pins->file,
                                     place, &builder->pin_text);
    if (rc != MCP_OK) {
        builder->failed = true;
        return rc;
    }

    return mcp_policy_read_pins(builder, pins, place);
}


mcp_rc_t
mcp_policy_read_pins(mcp_policy_builder_t *builder, mcp_pin_set_t *pins,
    const mcp_place_t *place)
{
    mcp_rc_t     rc;
    mcp_place_t  there;
    mcp_error_t  error;

    mcp_policy_fingerprint(builder, builder->pin_text);

    rc = mcp_pin_read(pins, &builder->pin_json, builder->pin_text,
                      &builder->allocator, &builder->scratch,
                      builder->hash_key, &error);

    if (rc == MCP_NOMEM) {
        return mcp_policy_no_memory(builder, place);
    }

    if (rc != MCP_OK) {
        there.file = (const char *) pins->file.data;
        mcp_pin_position(builder->pin_text, error.offset, &there.line,
                         &there.column);

        return mcp_policy_fail(builder, &there, "%s", error.text);
    }

    builder->policy.pins = pins;

    if (mcp_policy_classify_pins(builder, pins) != MCP_OK) {
        return mcp_policy_no_memory(builder, place);
    }

    if (pins->count == 0) {
        mcp_policy_warn(builder, place,
                        "pin file \"%.*s\" pins no tool",
                        mcp_shown(pins->file));
    }

    return MCP_OK;
}


/* For those who look at the policy later, when the file is gone. */
static mcp_rc_t
mcp_policy_classify_pins(mcp_policy_builder_t *builder, mcp_pin_set_t *pins)
{
    mcp_rc_t     rc;
    uint32_t     i;
    mcp_risk_t   risk;
    mcp_arena_t  arena;

    mcp_arena_init(&arena, &builder->scratch.allocator, 0);

    rc = MCP_OK;

    for (i = 0; rc == MCP_OK && i < pins->count; i++) {

        if (pins->pins[i].definition == MCP_JSON_NONE) {
            continue;
        }

        rc = mcp_risk_classify(&builder->pin_json, pins->pins[i].definition,
                               &arena, &risk);

        pins->pins[i].risk = risk.class;
        mcp_arena_reset(&arena, MCP_POLICY_RISK_KEEP);
    }

    mcp_arena_destroy(&arena);

    return rc;
}


mcp_policy_setter(mcp_policy_set_validate)
{
    mcp_step_t      *step;
    mcp_validate_t  *validate;

    (void) count;

    if (mcp_str_equal(words[1], mcp_str("off"))) {
        return MCP_OK;
    }

    if (!mcp_str_equal(words[1], mcp_str("on"))) {
        return mcp_policy_fail(builder, place,
                               "invalid value \"%.*s\" in \"validate\", it "
                               "must be \"on\" or \"off\"",
                               mcp_shown(words[1]));
    }

    step = mcp_policy_step(builder, frame->rule, MCP_STEP_VALIDATE);
    validate = mcp_policy_alloc(builder, sizeof(mcp_validate_t));

    if (step == NULL || validate == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    validate->place = *place;
    step->validate = validate;

    return MCP_OK;
}


void
mcp_policy_check_validate(mcp_policy_builder_t *builder)
{
    bool                wanted;
    uint32_t            i;
    const mcp_place_t  *place;
    const mcp_block_t  *block;
    mcp_pin_set_t      *pins;

    pins = builder->policy.pins;
    wanted = false;

    for (i = 0; i < builder->policy.block_count; i++) {
        block = &builder->policy.blocks[i];
        place = mcp_policy_validate(block->rule);

        if (place == NULL) {
            continue;
        }

        if (pins == NULL) {
            (void) mcp_policy_fail(builder, place,
                                   "\"validate\" needs \"mcp_pin\" in this "
                                   "policy, a file with the definitions of "
                                   "the tools");
            return;
        }

        wanted = true;
        mcp_policy_check_exact(builder, block, place);
    }

    for (i = 0; wanted && i < pins->count; i++) {
        place = mcp_policy_needs_schema(&builder->policy, pins->pins[i].name);

        if (place != NULL) {
            mcp_policy_compile_schema(builder, &pins->pins[i], place);
        }
    }
}


/* Where a block says "validate on", or NULL. */
static const mcp_place_t *
mcp_policy_validate(const mcp_rule_t *rule)
{
    uint32_t  i;

    for (i = 0; i < rule->count; i++) {
        if (rule->steps[i].kind == MCP_STEP_VALIDATE) {
            return &rule->steps[i].validate->place;
        }
    }

    return NULL;
}


/* Of a tool that is named there must be a pin. */
static void
mcp_policy_check_exact(mcp_policy_builder_t *builder,
    const mcp_block_t *block, const mcp_place_t *place)
{
    uint32_t              i;
    mcp_str_t             name;
    const mcp_pin_set_t  *pins;

    pins = builder->policy.pins;

    for (i = 0; i < block->count; i++) {
        name = block->patterns[i];

        if (name.data[0] != '~' && memchr(name.data, '*', name.len) == NULL
            && mcp_pin_find(pins, name) == NULL)
        {
            (void) mcp_policy_fail(builder, place,
                                   "\"validate\" of tool \"%.*s\", which pin "
                                   "file \"%.*s\" does not have",
                                   mcp_shown(name), mcp_shown(pins->file));
        }
    }
}


/* Whether some call of the tool comes to a "validate on": where that is. */
static const mcp_place_t *
mcp_policy_needs_schema(const mcp_policy_t *policy, mcp_str_t tool)
{
    mcp_rc_t                  rc;
    const mcp_place_t        *place;
    mcp_pattern_match_t       match;
    const mcp_pattern_set_t  *tools;

    tools = policy->targets[MCP_TARGET_TOOL];
    place = NULL;

    rc = mcp_pattern_set_find(tools, tool, &match);

    if (rc == MCP_OK) {
        place = mcp_policy_validate(match.value);
    }

    if (place == NULL && (rc == MCP_OK || policy->default_allow)
        && mcp_pattern_set_star(tools, &match) == MCP_OK)
    {
        place = mcp_policy_validate(match.value);
    }

    return place;
}


static void
mcp_policy_compile_schema(mcp_policy_builder_t *builder, mcp_pin_t *pin,
    const mcp_place_t *place)
{
    uint32_t              schema;
    mcp_place_t           there;
    mcp_error_t           error;
    const mcp_pin_set_t  *pins;

    pins = builder->policy.pins;
    schema = MCP_JSON_NONE;

    if (pin->definition != MCP_JSON_NONE) {
        schema = mcp_json_member(&builder->pin_json, pin->definition,
                                 mcp_str("inputSchema"));
    }

    if (schema == MCP_JSON_NONE) {
        (void) mcp_policy_fail(builder, place,
                               "\"validate\" of tool \"%.*s\", of which pin "
                               "file \"%.*s\" has no inputSchema",
                               mcp_shown(pin->name), mcp_shown(pins->file));
        return;
    }

    switch (mcp_schema_compile(&builder->pin_json, schema,
                               &builder->allocator, builder->hash_key,
                               &pin->schema, &error))
    {

    case MCP_OK:
        break;

    case MCP_NOMEM:
        (void) mcp_policy_no_memory(builder, place);
        break;

    default:
        there.file = (const char *) pins->file.data;
        mcp_pin_position(builder->pin_text, error.offset, &there.line,
                         &there.column);

        (void) mcp_policy_fail(builder, &there,
                               "the inputSchema of tool \"%.*s\" cannot be "
                               "used to validate arguments: %s",
                               mcp_shown(pin->name), error.text);
        break;
    }
}


mcp_rc_t
mcp_policy_add_required(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    mcp_str_t tool, const mcp_place_t *place, bool *checked)
{
    bool              all;
    mcp_rc_t          rc;
    uint32_t          i, end;
    mcp_step_t       *step;
    mcp_pin_set_t    *pins;
    mcp_validate_t   *validate;
    const mcp_pin_t  *pin;

    pins = builder->policy.pins;

    if (pins == NULL) {
        *checked = false;
        return MCP_OK;
    }

    /* what is refused without a pin needs no check */

    *checked = pins->hide_unpinned;
    all = mcp_str_equal(tool, mcp_str("*"));
    i = 0;
    end = pins->count;

    if (!all) {
        pin = mcp_pin_find(pins, tool);
        if (pin == NULL) {
            return MCP_OK;
        }

        *checked = true;
        i = (uint32_t) (pin - pins->pins);
        end = i + 1;
    }

    for ( /* void */ ; i < end; i++) {

        if (pins->pins[i].definition == MCP_JSON_NONE) {
            *checked = false;
            continue;
        }

        rc = mcp_policy_compile_required(builder, &pins->pins[i], place);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    step = mcp_policy_step(builder, rule, MCP_STEP_VALIDATE);
    validate = mcp_policy_alloc(builder, sizeof(mcp_validate_t));

    if (step == NULL || validate == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    validate->place = *place;
    validate->if_pinned = true;
    step->validate = validate;

    return MCP_OK;
}


/* No schema, when nothing is required. */
static mcp_rc_t
mcp_policy_compile_required(mcp_policy_builder_t *builder, mcp_pin_t *pin,
    const mcp_place_t *place)
{
    size_t             offset;
    uint32_t           schema, required;
    mcp_place_t        there;
    mcp_error_t        error;
    const mcp_json_t  *json;

    json = &builder->pin_json;
    schema = mcp_json_member(json, pin->definition, mcp_str("inputSchema"));

    if (pin->schema != NULL || schema == MCP_JSON_NONE
        || json->tokens[schema].type != MCP_JSON_OBJECT)
    {
        return MCP_OK;
    }

    required = mcp_json_member(json, schema, mcp_str("required"));

    if (required == MCP_JSON_NONE) {
        return MCP_OK;
    }

    switch (mcp_policy_required_schema(builder, pin,
                                       mcp_json_raw(json, required), &error))
    {

    case MCP_OK:
        return MCP_OK;

    case MCP_NOMEM:
        return mcp_policy_no_memory(builder, place);

    default:
        break;
    }

    offset = (size_t) (mcp_json_raw(json, required).data - json->text);

    if (error.offset > sizeof(MCP_REQUIRED_HEAD) - 1) {
        offset += error.offset - (sizeof(MCP_REQUIRED_HEAD) - 1);
    }

    there.file = (const char *) builder->policy.pins->file.data;
    mcp_pin_position(builder->pin_text, offset, &there.line, &there.column);

    (void) mcp_policy_fail(builder, &there,
                           "the inputSchema of tool \"%.*s\" does not say "
                           "what is required: %s", mcp_shown(pin->name),
                           error.text);
    return MCP_OK;
}


/* Of the schema "required" alone: the rest of it was not asked for. */
static mcp_rc_t
mcp_policy_required_schema(mcp_policy_builder_t *builder, mcp_pin_t *pin,
    mcp_str_t list, mcp_error_t *error)
{
    uint8_t       *p;
    mcp_rc_t       rc;
    mcp_str_t      text;
    mcp_json_t     json;
    mcp_limits_t   limits;

    text.len = sizeof(MCP_REQUIRED_HEAD) - 1 + list.len + 1;
    p = mcp_arena_alloc(&builder->scratch, text.len);

    if (p == NULL) {
        return MCP_NOMEM;
    }

    text.data = p;
    memcpy(p, MCP_REQUIRED_HEAD, sizeof(MCP_REQUIRED_HEAD) - 1);
    p += sizeof(MCP_REQUIRED_HEAD) - 1;
    memcpy(p, list.data, list.len);
    p[list.len] = '}';

    memset(&limits, 0, sizeof(limits));
    limits.depth = MCP_REQUIRED_DEPTH;
    limits.tokens = MCP_DEFAULT_TOKENS;
    limits.string_length = MCP_DEFAULT_STRING_LENGTH;
    limits.number_length = MCP_DEFAULT_NUMBER_LENGTH;
    memcpy(limits.hash_key, builder->hash_key, sizeof(limits.hash_key));

    rc = mcp_json_parse(&json, text, &limits, &builder->scratch, error);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_schema_compile(&json, 0, &builder->allocator,
                              builder->hash_key, &pin->schema, error);
}
