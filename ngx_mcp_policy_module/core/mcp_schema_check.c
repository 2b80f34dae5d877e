/*
 * Checking a value: frames on a stack of their own, one for each node at
 * work.  An operation that needs another node pushes it, and is run again
 * with its result.
 */

#include "mcp_schema_private.h"


/* What a check may cost: for any call, and for each of its tokens more. */
#define MCP_SCHEMA_STEPS        1000000
#define MCP_SCHEMA_TOKEN_STEPS  32
#define MCP_SCHEMA_FRAMES       4096

#define MCP_SCHEMA_FIRST_FRAMES  32

typedef mcp_rc_t (*mcp_schema_run_pt)(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);


static mcp_rc_t mcp_schema_run(mcp_schema_check_t *check);
static mcp_rc_t mcp_schema_simple(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
static mcp_rc_t mcp_schema_holds(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op);
static mcp_rc_t mcp_schema_enum(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op);
static mcp_rc_t mcp_schema_compare(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op);
static mcp_rc_t mcp_schema_size(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op);


/* What an operation is run by, and on values of which types. */
typedef struct {
    mcp_schema_run_pt  run;
    uint8_t            types;
} mcp_schema_runner_t;

static const mcp_schema_runner_t  mcp_schema_runners[MCP_SCHEMA_CODES] = {
    [MCP_SCHEMA_FALSE] = { mcp_schema_simple, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_TYPE] = { mcp_schema_simple, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_CONST] = { mcp_schema_simple, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_ENUM] = { mcp_schema_simple, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_MINIMUM] = { mcp_schema_simple, MCP_SCHEMA_NUMBER },
    [MCP_SCHEMA_MAXIMUM] = { mcp_schema_simple, MCP_SCHEMA_NUMBER },
    [MCP_SCHEMA_EXCLUSIVE_MINIMUM] = { mcp_schema_simple, MCP_SCHEMA_NUMBER },
    [MCP_SCHEMA_EXCLUSIVE_MAXIMUM] = { mcp_schema_simple, MCP_SCHEMA_NUMBER },
    [MCP_SCHEMA_MULTIPLE_OF] = { mcp_schema_simple, MCP_SCHEMA_NUMBER },
    [MCP_SCHEMA_MIN_LENGTH] = { mcp_schema_simple, MCP_SCHEMA_STRING },
    [MCP_SCHEMA_MAX_LENGTH] = { mcp_schema_simple, MCP_SCHEMA_STRING },
    [MCP_SCHEMA_PATTERN] = { mcp_schema_simple, MCP_SCHEMA_STRING },
    [MCP_SCHEMA_CLOSED] = { mcp_schema_closed, MCP_SCHEMA_OBJECT },
    [MCP_SCHEMA_REQUIRED] = { mcp_schema_required, MCP_SCHEMA_OBJECT },
    [MCP_SCHEMA_DEPENDENT_REQUIRED] = { mcp_schema_dependent_required,
                                        MCP_SCHEMA_OBJECT },
    [MCP_SCHEMA_MIN_PROPERTIES] = { mcp_schema_simple, MCP_SCHEMA_OBJECT },
    [MCP_SCHEMA_MAX_PROPERTIES] = { mcp_schema_simple, MCP_SCHEMA_OBJECT },
    [MCP_SCHEMA_PROPERTY_NAMES] = { mcp_schema_property_names,
                                    MCP_SCHEMA_OBJECT },
    [MCP_SCHEMA_MEMBERS] = { mcp_schema_members, MCP_SCHEMA_OBJECT },
    [MCP_SCHEMA_MIN_ITEMS] = { mcp_schema_simple, MCP_SCHEMA_ARRAY },
    [MCP_SCHEMA_MAX_ITEMS] = { mcp_schema_simple, MCP_SCHEMA_ARRAY },
    [MCP_SCHEMA_ITEMS] = { mcp_schema_elements, MCP_SCHEMA_ARRAY },
    [MCP_SCHEMA_CONTAINS] = { mcp_schema_contained, MCP_SCHEMA_ARRAY },
    [MCP_SCHEMA_UNIQUE_ITEMS] = { mcp_schema_unique_items,
                                  MCP_SCHEMA_ARRAY },
    [MCP_SCHEMA_REF] = { mcp_schema_all_of, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_ALL_OF] = { mcp_schema_all_of, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_ANY_OF] = { mcp_schema_any_of, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_ONE_OF] = { mcp_schema_one_of, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_NOT] = { mcp_schema_not, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_IF] = { mcp_schema_if, MCP_SCHEMA_ANY },
    [MCP_SCHEMA_DEPENDENT_SCHEMAS] = { mcp_schema_dependent_schemas,
                                       MCP_SCHEMA_OBJECT }
};

/* A call without arguments. */
static const mcp_json_token_t  mcp_schema_empty_token = {
    .start = 0, .end = 2, .next = 1, .type = MCP_JSON_OBJECT
};

static const mcp_json_t  mcp_schema_empty = {
    .text = (const uint8_t *) "{}", .length = 2,
    .tokens = &mcp_schema_empty_token, .count = 1
};


mcp_rc_t
mcp_schema_check(const mcp_schema_t *schema, const mcp_json_t *json,
    uint32_t value, mcp_arena_t *arena, mcp_schema_fault_t *fault)
{
    mcp_rc_t            rc;
    mcp_schema_check_t  check;
    mcp_schema_frame_t  frames[MCP_SCHEMA_FIRST_FRAMES];

    memset(fault, 0, sizeof(mcp_schema_fault_t));

    if (value == MCP_JSON_NONE) {
        json = &mcp_schema_empty;
    }

    check.schema = schema;
    check.json = json;
    check.root = value;
    check.arena = arena;
    check.fault = fault;
    check.frames = frames;
    check.depth = 0;
    check.capacity = MCP_SCHEMA_FIRST_FRAMES;
    check.result = MCP_OK;
    check.steps = MCP_SCHEMA_STEPS
                  + (uint64_t) MCP_SCHEMA_TOKEN_STEPS
                    * (json->tokens[value].next - value);
    check.starts = 0;

    rc = mcp_schema_push(&check, schema->root, value, false);

    return (rc == MCP_LATER) ? mcp_schema_run(&check) : rc;
}


static mcp_rc_t
mcp_schema_run(mcp_schema_check_t *check)
{
    mcp_rc_t                rc;
    mcp_schema_frame_t     *frame;
    const mcp_schema_op_t  *op;

    for ( ;; ) {
        frame = &check->frames[check->depth - 1];
        rc = MCP_OK;

        while (rc == MCP_OK && frame->op < frame->node->count) {
            op = &frame->node->ops[frame->op];

            if (!mcp_schema_charge(check, 1)) {
                return MCP_ERROR;
            }

            if (mcp_schema_runners[op->code].types & frame->type) {
                rc = mcp_schema_runners[op->code].run(check, frame, op);
            }

            if (rc == MCP_OK) {
                frame->op++;
                frame->cursor = 0;
                frame->count = 0;
                frame->matched = false;
            }
        }

        if (rc == MCP_LATER) {
            continue;
        }

        if (rc != MCP_OK && rc != MCP_NO) {
            return rc;
        }

        check->result = rc;
        check->depth--;

        if (check->depth == 0) {
            return rc;
        }
    }
}


/* MCP_LATER: the caller is run again when the node has a result. */

mcp_rc_t
mcp_schema_push(mcp_schema_check_t *check, const mcp_schema_node_t *node,
    uint32_t value, bool quiet)
{
    size_t               size;
    mcp_schema_frame_t  *frame, *frames;

    if (check->depth == check->capacity) {
        if (check->capacity >= MCP_SCHEMA_FRAMES) {
            return MCP_ERROR;
        }

        size = check->capacity * sizeof(mcp_schema_frame_t);
        frames = mcp_arena_alloc(check->arena, 2 * size);

        if (frames == NULL) {
            return MCP_NOMEM;
        }

        memcpy(frames, check->frames, size);
        check->frames = frames;
        check->capacity *= 2;
    }

    frame = &check->frames[check->depth++];
    memset(frame, 0, sizeof(mcp_schema_frame_t));

    frame->node = node;
    frame->value = value;
    frame->type = mcp_schema_type(check->json, value);
    frame->quiet = quiet;

    return MCP_LATER;
}


mcp_rc_t
mcp_schema_fails(mcp_schema_check_t *check, const mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    return frame->quiet ? MCP_NO
                        : mcp_schema_explain(check, frame->value, op);
}


static mcp_rc_t
mcp_schema_simple(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    mcp_rc_t  rc;

    if (op->code == MCP_SCHEMA_TYPE) {
        rc = (op->u.types & frame->type) ? MCP_OK : MCP_NO;

    } else {
        rc = mcp_schema_holds(check, frame->value, op);
    }

    return (rc == MCP_NO) ? mcp_schema_fails(check, frame, op) : rc;
}


static mcp_rc_t
mcp_schema_holds(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op)
{
    bool  multiple;

    switch (op->code) {

    case MCP_SCHEMA_CONST:
        return mcp_schema_equal(check, &check->schema->json, op->token,
                                value);

    case MCP_SCHEMA_ENUM:
        return mcp_schema_enum(check, value, op);

    case MCP_SCHEMA_MULTIPLE_OF:
        if (mcp_decimal_multiple(mcp_json_raw(check->json, value),
                                 mcp_json_raw(&check->schema->json,
                                              op->token),
                                 &multiple)
            != MCP_OK)
        {
            return MCP_ERROR;
        }

        return multiple ? MCP_OK : MCP_NO;

    case MCP_SCHEMA_MINIMUM:
    case MCP_SCHEMA_MAXIMUM:
    case MCP_SCHEMA_EXCLUSIVE_MINIMUM:
    case MCP_SCHEMA_EXCLUSIVE_MAXIMUM:
        return mcp_schema_compare(check, value, op);

    case MCP_SCHEMA_PATTERN:
        return mcp_schema_matches(check, value, op->u.regex);

    case MCP_SCHEMA_FALSE:
        return MCP_NO;

    default:
        return mcp_schema_size(check, value, op);
    }
}


static mcp_rc_t
mcp_schema_enum(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op)
{
    mcp_rc_t           rc;
    uint32_t           i, end;
    const mcp_json_t  *json;

    json = &check->schema->json;
    end = json->tokens[op->token].next;

    for (i = op->token + 1; i < end; i = json->tokens[i].next) {
        rc = mcp_schema_equal(check, json, i, value);

        if (rc != MCP_NO) {
            return rc;
        }
    }

    return MCP_NO;
}


static mcp_rc_t
mcp_schema_compare(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op)
{
    int   order;
    bool  holds;

    if (mcp_decimal_compare(mcp_json_raw(check->json, value),
                            mcp_json_raw(&check->schema->json, op->token),
                            &order)
        != MCP_OK)
    {
        return MCP_ERROR;
    }

    switch (op->code) {

    case MCP_SCHEMA_MINIMUM:
        holds = order >= 0;
        break;

    case MCP_SCHEMA_MAXIMUM:
        holds = order <= 0;
        break;

    case MCP_SCHEMA_EXCLUSIVE_MINIMUM:
        holds = order > 0;
        break;

    default:
        holds = order < 0;
        break;
    }

    return holds ? MCP_OK : MCP_NO;
}


static mcp_rc_t
mcp_schema_size(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op)
{
    bool                     most;
    uint64_t                 size, cost;
    const mcp_json_token_t  *t;

    t = &check->json->tokens[value];

    if (t->type == MCP_JSON_STRING) {
        size = mcp_schema_length(check->json, value);
        cost = (t->end - t->start) / 64;

    } else {
        size = mcp_json_size(check->json, value);
        cost = size;
    }

    if (!mcp_schema_charge(check, cost)) {
        return MCP_ERROR;
    }

    most = op->code == MCP_SCHEMA_MAX_LENGTH
           || op->code == MCP_SCHEMA_MAX_ITEMS
           || op->code == MCP_SCHEMA_MAX_PROPERTIES;

    return (most ? size <= op->u.bound : size >= op->u.bound) ? MCP_OK
                                                              : MCP_NO;
}


/* A string that has no spelling cannot be matched, nor said not to. */

mcp_rc_t
mcp_schema_matches(mcp_schema_check_t *check, uint32_t value,
    mcp_regex_t *regex)
{
    mcp_rc_t   rc;
    mcp_str_t  subject;

    rc = mcp_json_string(check->json, value, check->arena, &subject);

    if (rc != MCP_OK) {
        return (rc == MCP_NOMEM) ? rc : MCP_ERROR;
    }

    return mcp_regex_match_next(regex, subject, &check->starts);
}
