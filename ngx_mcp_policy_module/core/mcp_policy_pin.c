/*
 * mcp_pin: the file of reviewed definitions, which the front end reads and
 * the core understands.
 */

#include "mcp_policy_builder.h"


static mcp_rc_t mcp_policy_read_pins(mcp_policy_builder_t *builder,
    mcp_pin_set_t *pins, const mcp_place_t *place);


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


static mcp_rc_t
mcp_policy_read_pins(mcp_policy_builder_t *builder, mcp_pin_set_t *pins,
    const mcp_place_t *place)
{
    mcp_rc_t     rc;
    mcp_place_t  there;
    mcp_error_t  error;

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

    if (pins->count == 0) {
        mcp_policy_warn(builder, place,
                        "pin file \"%.*s\" pins no tool",
                        mcp_shown(pins->file));
    }

    return MCP_OK;
}
