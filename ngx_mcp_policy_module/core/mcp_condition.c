/*
 * What a condition says, by what is found:
 *
 *                              requirement    trigger      deny_if
 *   the operator holds            holds        holds        holds
 *   it does not                  refused         no           no
 *   it cannot be applied         refused       holds        holds
 *   nothing is there             refused       holds          no
 *
 * "exists" and "absent" are about being there, so the last line is not for
 * them.  "exists" holds for what is there and not null, "absent" for what is
 * not there, whatever the condition is used for.
 *
 * With a[*] every element is looked at by itself: a requirement must hold for
 * all of them, the others for one.  An empty array is nothing there, and so
 * is the rest of the path in an element that lacks it, for that element.
 *
 * What can be compared:
 *
 *   eq neq in not_in   strings, numbers, booleans, null; a number equals a
 *                      VALUE of the same value, the others one of the same
 *                      bytes
 *   lt lte gt gte      numbers with a VALUE that is one; in "require" text
 *                      that is a number
 *   regex not_regex    strings
 *   contains           strings: the bytes; arrays: an element as with "eq"
 *   length_lte         strings: code points; arrays: elements
 *   type               anything; "integer" goes by value, 5.0 is one
 *
 * To anything else the operator cannot be applied, nor to a string with U+0000
 * or an unpaired surrogate, text that is not UTF-8 (where characters matter),
 * a number that is not VALUE while its double is, a VALUE whose variables came
 * out empty, and a path through a value that has no such parts: a server may
 * read "[1]" as [1], so this is not the same as nothing there.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE                    /* memmem */
#endif

#include "mcp_canonical.h"
#include "mcp_condition.h"
#include "mcp_decimal.h"
#include "mcp_json_scan.h"
#include "mcp_typing.h"


typedef enum {
    MCP_FOUND_NO = 0,
    MCP_FOUND_YES,
    MCP_FOUND_UNDECIDABLE,
    MCP_FOUND_MISSING,
    MCP_FOUND_ERROR,          /* these two end the evaluation */
    MCP_FOUND_NOMEM
} mcp_found_t;

/* One condition at work. */
typedef struct {
    const mcp_condition_t  *condition;
    const mcp_subject_t    *subject;
    const mcp_str_t        *values;    /* NULL: all are literals */
    size_t                  starts;    /* of regex matches, over elements */
} mcp_trial_t;

/* What is judged: a JSON value, or the text of a "require" as a string. */
typedef struct {
    mcp_json_type_t  type;
    uint32_t         index;            /* MCP_JSON_NONE: it is a text */
    mcp_str_t        text;             /* the text, or JSON as written */
} mcp_operand_t;

typedef mcp_found_t (*mcp_judge_pt)(mcp_trial_t *trial,
    const mcp_operand_t *operand);


static mcp_rc_t mcp_condition_resolve(mcp_trial_t *trial, mcp_str_t *value);
static mcp_rc_t mcp_condition_walk(mcp_trial_t *trial,
    mcp_polarity_t polarity);
static mcp_rc_t mcp_condition_text(mcp_trial_t *trial,
    mcp_polarity_t polarity);
static mcp_found_t mcp_condition_judge(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_rc_t mcp_condition_conclude(mcp_found_t found,
    mcp_polarity_t polarity);
static mcp_found_t mcp_judge_in(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_found_t mcp_judge_order(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_found_t mcp_judge_regex(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_found_t mcp_judge_contains(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_found_t mcp_judge_exists(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_found_t mcp_judge_absent(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_found_t mcp_judge_length(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_found_t mcp_judge_type(mcp_trial_t *trial,
    const mcp_operand_t *operand);
static mcp_operand_t mcp_operand_json(const mcp_json_t *json, uint32_t index);
static mcp_found_t mcp_operand_equal(mcp_trial_t *trial,
    const mcp_operand_t *operand, uint32_t number);
static mcp_found_t mcp_operand_number(const mcp_trial_t *trial,
    const mcp_operand_t *operand, mcp_str_t value);
static mcp_found_t mcp_operand_typed(mcp_trial_t *trial,
    const mcp_operand_t *operand, uint32_t number);
static mcp_found_t mcp_operand_string(mcp_trial_t *trial,
    const mcp_operand_t *operand, mcp_str_t *s);
static mcp_str_t mcp_trial_value(const mcp_trial_t *trial, uint32_t number);
static bool mcp_trial_value_empty(const mcp_trial_t *trial, uint32_t number);
static mcp_found_t mcp_found_not(mcp_found_t found);


static const mcp_judge_pt  mcp_condition_judges[MCP_OP_COUNT] = {
    [MCP_OP_EQ] = mcp_judge_in,
    [MCP_OP_NEQ] = mcp_judge_in,
    [MCP_OP_IN] = mcp_judge_in,
    [MCP_OP_NOT_IN] = mcp_judge_in,
    [MCP_OP_LT] = mcp_judge_order,
    [MCP_OP_LTE] = mcp_judge_order,
    [MCP_OP_GT] = mcp_judge_order,
    [MCP_OP_GTE] = mcp_judge_order,
    [MCP_OP_REGEX] = mcp_judge_regex,
    [MCP_OP_NOT_REGEX] = mcp_judge_regex,
    [MCP_OP_CONTAINS] = mcp_judge_contains,
    [MCP_OP_EXISTS] = mcp_judge_exists,
    [MCP_OP_ABSENT] = mcp_judge_absent,
    [MCP_OP_LENGTH_LTE] = mcp_judge_length,
    [MCP_OP_TYPE] = mcp_judge_type
};


mcp_rc_t
mcp_condition_holds(const mcp_condition_t *condition, mcp_polarity_t polarity,
    const mcp_subject_t *subject)
{
    mcp_rc_t     rc;
    mcp_str_t    value;
    mcp_trial_t  trial;

    trial.condition = condition;
    trial.subject = subject;
    trial.values = NULL;
    trial.starts = 0;

    rc = mcp_condition_resolve(&trial, &value);

    if (rc != MCP_OK) {
        return rc;
    }

    return condition->on_arguments ? mcp_condition_walk(&trial, polarity)
                                   : mcp_condition_text(&trial, polarity);
}


/* Values with variables, once for all elements; "value" has room for one. */

static mcp_rc_t
mcp_condition_resolve(mcp_trial_t *trial, mcp_str_t *value)
{
    mcp_rc_t                rc;
    uint32_t                i;
    mcp_str_t              *values;
    const mcp_subject_t    *subject;
    const mcp_condition_t  *condition;

    subject = trial->subject;
    condition = trial->condition;

    for (i = 0; i < condition->value_count; i++) {
        if (condition->values[i].variables != NULL) {
            break;
        }
    }

    if (i == condition->value_count) {
        return MCP_OK;
    }

    values = value;

    if (condition->value_count > 1) {
        values = mcp_arena_alloc(subject->arena, condition->value_count
                                                 * sizeof(mcp_str_t));

        if (values == NULL) {
            return MCP_NOMEM;
        }
    }

    for (i = 0; i < condition->value_count; i++) {
        rc = mcp_text_value(&condition->values[i], subject->resolve,
                            subject->resolve_data, subject->arena,
                            &values[i]);

        if (rc != MCP_OK) {
            return rc;
        }
    }

    trial->values = values;

    return MCP_OK;
}


static mcp_rc_t
mcp_condition_walk(mcp_trial_t *trial, mcp_polarity_t polarity)
{
    mcp_rc_t              rc;
    uint32_t              index;
    mcp_found_t           found;
    mcp_operand_t         operand;
    mcp_path_walk_t       walk;
    mcp_path_found_t      place;
    const mcp_subject_t  *subject;

    subject = trial->subject;
    mcp_path_walk_start(&walk, &trial->condition->path, subject->json,
                        subject->arguments);

    rc = MCP_NO;

    do {
        place = mcp_path_walk_next(&walk, &index);

        if (place == MCP_PATH_END) {
            return rc;
        }

        if (place == MCP_PATH_VALUE) {
            operand = mcp_operand_json(subject->json, index);
            found = mcp_condition_judge(trial, &operand);

        } else if (place == MCP_PATH_MISFIT) {
            found = MCP_FOUND_UNDECIDABLE;

        } else {
            found = mcp_condition_judge(trial, NULL);
        }

        rc = mcp_condition_conclude(found, polarity);

        /* all must hold, or one is enough */

        if (rc != (polarity == MCP_REQUIREMENT ? MCP_OK : MCP_NO)) {
            return rc;
        }

    } while (walk.depth > 0);

    return rc;
}


static mcp_rc_t
mcp_condition_text(mcp_trial_t *trial, mcp_polarity_t polarity)
{
    mcp_rc_t              rc;
    mcp_found_t           found;
    mcp_operand_t         operand;
    const mcp_subject_t  *subject;

    subject = trial->subject;
    operand.type = MCP_JSON_STRING;
    operand.index = MCP_JSON_NONE;

    rc = mcp_text_value(&trial->condition->subject, subject->resolve,
                        subject->resolve_data, subject->arena, &operand.text);

    if (rc != MCP_OK) {
        return rc;
    }

    found = mcp_condition_judge(trial, operand.text.len ? &operand : NULL);

    return mcp_condition_conclude(found, polarity);
}


/* "operand" is NULL when nothing is there. */

static mcp_found_t
mcp_condition_judge(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    mcp_op_t  op;

    op = trial->condition->op;

    if ((unsigned) op >= MCP_OP_COUNT) {
        return MCP_FOUND_ERROR;
    }

    if (operand == NULL && op != MCP_OP_EXISTS && op != MCP_OP_ABSENT) {
        return MCP_FOUND_MISSING;
    }

    return mcp_condition_judges[op](trial, operand);
}


static mcp_rc_t
mcp_condition_conclude(mcp_found_t found, mcp_polarity_t polarity)
{
    switch (found) {

    case MCP_FOUND_NO:
        return MCP_NO;

    case MCP_FOUND_YES:
        return MCP_OK;

    case MCP_FOUND_UNDECIDABLE:
        return (polarity == MCP_REQUIREMENT) ? MCP_NO : MCP_OK;

    case MCP_FOUND_MISSING:
        return (polarity == MCP_TRIGGER) ? MCP_OK : MCP_NO;

    case MCP_FOUND_NOMEM:
        return MCP_NOMEM;

    default:
        return MCP_ERROR;
    }
}


/* eq, neq, in, not_in */

static mcp_found_t
mcp_judge_in(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    uint32_t     i;
    mcp_op_t     op;
    mcp_found_t  found, one;

    op = trial->condition->op;
    found = MCP_FOUND_NO;

    for (i = 0; i < trial->condition->value_count; i++) {
        one = mcp_operand_equal(trial, operand, i);

        if (one == MCP_FOUND_YES) {
            found = one;
            break;
        }

        if (one == MCP_FOUND_UNDECIDABLE) {
            found = one;
        }
    }

    return (op == MCP_OP_NEQ || op == MCP_OP_NOT_IN) ? mcp_found_not(found)
                                                     : found;
}


/* lt, lte, gt, gte */

static mcp_found_t
mcp_judge_order(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    int   order;
    bool  holds;

    if (operand->index != MCP_JSON_NONE && operand->type != MCP_JSON_NUMBER) {
        return MCP_FOUND_UNDECIDABLE;
    }

    if (mcp_decimal_compare(operand->text, mcp_trial_value(trial, 0), &order)
        != MCP_OK)
    {
        return MCP_FOUND_UNDECIDABLE;
    }

    switch (trial->condition->op) {

    case MCP_OP_LT:
        holds = order < 0;
        break;

    case MCP_OP_LTE:
        holds = order <= 0;
        break;

    case MCP_OP_GT:
        holds = order > 0;
        break;

    default:
        holds = order >= 0;
        break;
    }

    return holds ? MCP_FOUND_YES : MCP_FOUND_NO;
}


static mcp_found_t
mcp_judge_regex(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    mcp_rc_t     rc;
    mcp_str_t    s;
    mcp_found_t  found;

    found = mcp_operand_string(trial, operand, &s);

    if (found != MCP_FOUND_YES) {
        return found;
    }

    if (operand->index == MCP_JSON_NONE && !mcp_condition_utf8(s)) {
        return MCP_FOUND_UNDECIDABLE;
    }

    rc = mcp_regex_match_next(trial->condition->regex, s, &trial->starts);

    if (rc != MCP_OK && rc != MCP_NO) {
        return MCP_FOUND_ERROR;
    }

    found = (rc == MCP_OK) ? MCP_FOUND_YES : MCP_FOUND_NO;

    return (trial->condition->op == MCP_OP_REGEX) ? found
                                                  : mcp_found_not(found);
}


static mcp_found_t
mcp_judge_contains(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    uint32_t           i;
    mcp_str_t          s, value;
    mcp_found_t        found, one;
    mcp_operand_t      element;
    const mcp_json_t  *json;

    if (mcp_trial_value_empty(trial, 0)) {
        return MCP_FOUND_UNDECIDABLE;
    }

    if (operand->type != MCP_JSON_ARRAY) {

        if (trial->condition->typing == MCP_TYPING_FILE
            && trial->condition->value_types[0] != MCP_JSON_STRING)
        {
            return MCP_FOUND_UNDECIDABLE;
        }

        found = mcp_operand_string(trial, operand, &s);

        if (found != MCP_FOUND_YES) {
            return found;
        }

        value = mcp_trial_value(trial, 0);

        return (value.len == 0
                || (s.len >= value.len
                    && memmem(s.data, s.len, value.data, value.len) != NULL))
               ? MCP_FOUND_YES : MCP_FOUND_NO;
    }

    json = trial->subject->json;
    found = MCP_FOUND_NO;

    for (i = operand->index + 1; i < json->tokens[operand->index].next;
         i = json->tokens[i].next)
    {
        element = mcp_operand_json(json, i);
        one = mcp_operand_equal(trial, &element, 0);

        if (one == MCP_FOUND_YES) {
            return one;
        }

        if (one == MCP_FOUND_UNDECIDABLE) {
            found = one;
        }
    }

    return found;
}


static mcp_found_t
mcp_judge_exists(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    bool  exists;

    exists = operand != NULL && operand->type != MCP_JSON_NULL;

    return (exists != trial->condition->negate) ? MCP_FOUND_YES
                                                : MCP_FOUND_NO;
}


static mcp_found_t
mcp_judge_absent(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    (void) trial;

    return (operand == NULL) ? MCP_FOUND_YES : MCP_FOUND_NO;
}


static mcp_found_t
mcp_judge_length(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    int          order;
    char         text[24];
    size_t       i, length, len;
    mcp_str_t    s, value;
    mcp_found_t  found;

    if (operand->type == MCP_JSON_ARRAY) {
        length = mcp_json_size(trial->subject->json, operand->index);

    } else {
        found = mcp_operand_string(trial, operand, &s);

        if (found != MCP_FOUND_YES) {
            return found;
        }

        if (operand->index == MCP_JSON_NONE && !mcp_condition_utf8(s)) {
            return MCP_FOUND_UNDECIDABLE;
        }

        length = 0;

        for (i = 0; i < s.len; i++) {
            length += (s.data[i] & 0xc0) != 0x80;
        }
    }

    value = mcp_trial_value(trial, 0);

    if (!mcp_condition_length_valid(value)) {
        return MCP_FOUND_UNDECIDABLE;
    }

    len = sizeof(text);

    do {
        text[--len] = (char) ('0' + length % 10);
        length /= 10;
    } while (length > 0);

    s.data = (const uint8_t *) text + len;
    s.len = sizeof(text) - len;

    if (mcp_decimal_compare(s, value, &order) != MCP_OK) {
        return MCP_FOUND_UNDECIDABLE;
    }

    return (order <= 0) ? MCP_FOUND_YES : MCP_FOUND_NO;
}


static mcp_found_t
mcp_judge_type(mcp_trial_t *trial, const mcp_operand_t *operand)
{
    uint32_t  types;

    types = trial->condition->types;

    if (types & (1u << operand->type)) {
        return MCP_FOUND_YES;
    }

    return ((types & MCP_TYPE_INTEGER) && operand->type == MCP_JSON_NUMBER
            && mcp_decimal_integral(operand->text))
           ? MCP_FOUND_YES : MCP_FOUND_NO;
}


static mcp_operand_t
mcp_operand_json(const mcp_json_t *json, uint32_t index)
{
    mcp_operand_t  operand;

    operand.type = json->tokens[index].type;
    operand.index = index;
    operand.text = mcp_json_raw(json, index);

    return operand;
}


static mcp_found_t
mcp_operand_equal(mcp_trial_t *trial, const mcp_operand_t *operand,
    uint32_t number)
{
    bool                     equal;
    mcp_str_t                value;
    const mcp_json_token_t  *token;

    value = mcp_trial_value(trial, number);

    if (trial->condition->typing == MCP_TYPING_FILE) {
        return mcp_operand_typed(trial, operand, number);
    }

    if (operand->type == MCP_JSON_ARRAY || operand->type == MCP_JSON_OBJECT
        || mcp_trial_value_empty(trial, number))
    {
        return MCP_FOUND_UNDECIDABLE;
    }

    if (operand->type == MCP_JSON_NUMBER) {
        return mcp_operand_number(trial, operand, value);
    }

    if (operand->type == MCP_JSON_STRING && operand->index != MCP_JSON_NONE) {
        token = &trial->subject->json->tokens[operand->index];

        if (token->flags & (MCP_JSON_NUL|MCP_JSON_SURROGATE)) {
            return MCP_FOUND_UNDECIDABLE;
        }

        equal = mcp_json_string_equal(trial->subject->json, operand->index,
                                      value);

    } else {
        equal = mcp_str_equal(operand->text, value);
    }

    return equal ? MCP_FOUND_YES : MCP_FOUND_NO;
}


/*
 * By value; but a number with a fraction or an exponent is a double to every
 * server, so 42.00000000000000000001 is not for certain another than 42.
 */

static mcp_found_t
mcp_operand_number(const mcp_trial_t *trial, const mcp_operand_t *operand,
    mcp_str_t value)
{
    int        order;
    uint8_t    number[MCP_CANONICAL_NUMBER_MAX];
    mcp_str_t  read;

    if (mcp_decimal_compare(operand->text, value, &order) != MCP_OK) {
        return MCP_FOUND_NO;
    }

    if (order == 0) {
        return MCP_FOUND_YES;
    }

    if (trial->subject->json->tokens[operand->index].flags & MCP_JSON_INTEGER)
    {
        return MCP_FOUND_NO;
    }

    read.data = number;
    read.len = mcp_canonical_number(operand->text, number);

    return read.len != 0
           && mcp_decimal_compare(read, value, &order) == MCP_OK
           && order == 0
           ? MCP_FOUND_UNDECIDABLE : MCP_FOUND_NO;
}


static mcp_found_t
mcp_operand_typed(mcp_trial_t *trial, const mcp_operand_t *operand,
    uint32_t number)
{
    switch (mcp_typing_equal(trial->subject->json, operand->index,
                             trial->condition->value_types[number],
                             trial->condition->values[number].literal))
    {
    case MCP_EQUAL_YES:
        return MCP_FOUND_YES;

    case MCP_EQUAL_NO:
        return MCP_FOUND_NO;

    default:
        return MCP_FOUND_UNDECIDABLE;
    }
}


/* MCP_FOUND_YES: "s" is set. */

static mcp_found_t
mcp_operand_string(mcp_trial_t *trial, const mcp_operand_t *operand,
    mcp_str_t *s)
{
    if (operand->type != MCP_JSON_STRING) {
        return MCP_FOUND_UNDECIDABLE;
    }

    if (operand->index == MCP_JSON_NONE) {
        *s = operand->text;
        return MCP_FOUND_YES;
    }

    switch (mcp_json_string(trial->subject->json, operand->index,
                            trial->subject->arena, s))
    {
    case MCP_OK:
        return MCP_FOUND_YES;

    case MCP_NO:
        return MCP_FOUND_UNDECIDABLE;

    case MCP_NOMEM:
        return MCP_FOUND_NOMEM;

    default:
        return MCP_FOUND_ERROR;
    }
}


static mcp_str_t
mcp_trial_value(const mcp_trial_t *trial, uint32_t number)
{
    return (trial->values != NULL) ? trial->values[number]
                                   : trial->condition->values[number].literal;
}


/* Nobody is to be equal to a caller without a name. */

static bool
mcp_trial_value_empty(const mcp_trial_t *trial, uint32_t number)
{
    return trial->values != NULL && trial->values[number].len == 0
           && trial->condition->values[number].variables != NULL;
}


static mcp_found_t
mcp_found_not(mcp_found_t found)
{
    return (found == MCP_FOUND_YES) ? MCP_FOUND_NO
           : (found == MCP_FOUND_NO) ? MCP_FOUND_YES : found;
}


bool
mcp_condition_utf8(mcp_str_t s)
{
    unsigned        length;
    const uint8_t  *p, *end;

    end = s.data + s.len;

    for (p = s.data; p < end; p += length) {
        length = (*p < 0x80) ? 1 : mcp_json_utf8(p, end);

        if (length == 0) {
            return false;
        }
    }

    return true;
}
