/*
 * What the agent is told: the author's message, else one generated sentence
 * of constants and configured values.  Values of a call's arguments are never
 * in it, for they are text that somebody else may have chosen.
 */

#include "mcp_judge.h"

#include "mcp_decimal.h"


#define MCP_SENTENCE_MAX     1024
#define MCP_NAME_SHOWN       128
#define MCP_VALUES_SHOWN     16
#define MCP_SECONDS_SHOWN    120
#define MCP_MINUTES_SHOWN    120

/* Of a message in front of what an agent must know of its approval. */
#define MCP_ASKING_MAX       768

/* Of the words of a human. */
#define MCP_REASON_SHOWN     512

#define MCP_DO_NOT_RETRY     ". Do not retry."


typedef struct {
    uint8_t   *data;
    size_t     len;
    bool       full;
    uint64_t   now_ms;
} mcp_sentence_t;


static const mcp_text_t *mcp_sentence_message(const mcp_refusal_t *refusal);
static void mcp_sentence_generate(mcp_sentence_t *s,
    const mcp_refusal_t *refusal);
static void mcp_sentence_denied(mcp_sentence_t *s,
    const mcp_refusal_t *refusal);
static void mcp_sentence_condition(mcp_sentence_t *s,
    const mcp_refusal_t *refusal);
static void mcp_sentence_not_permitted(mcp_sentence_t *s,
    const mcp_refusal_t *refusal, const char *end);
static void mcp_sentence_asked(mcp_sentence_t *s,
    const mcp_approval_ask_t *ask);
static void mcp_sentence_human(mcp_sentence_t *s,
    const mcp_refusal_t *refusal);
static void mcp_sentence_no_key(mcp_sentence_t *s,
    const mcp_refusal_t *refusal);
static void mcp_sentence_fault(mcp_sentence_t *s,
    const mcp_refusal_t *refusal);
static void mcp_sentence_limit(mcp_sentence_t *s,
    const mcp_refusal_t *refusal);
static void mcp_sentence_window(mcp_sentence_t *s, uint64_t ms);
static void mcp_sentence_wait(mcp_sentence_t *s, uint64_t ms);
static void mcp_sentence_count(mcp_sentence_t *s, uint64_t n,
    const char *unit);
static uint32_t mcp_sentence_requirement(mcp_sentence_t *s,
    const mcp_requirement_t *requirement, const char *const *verbs,
    const char *before);
static void mcp_sentence_values(mcp_sentence_t *s,
    const mcp_condition_t *condition);
static void mcp_sentence_value(mcp_sentence_t *s, const mcp_text_t *value,
    bool quote);
static void mcp_sentence_types(mcp_sentence_t *s, uint32_t types);
static void mcp_sentence_subject(mcp_sentence_t *s,
    const mcp_scope_t *scope);
static void mcp_sentence_quoted(mcp_sentence_t *s, mcp_str_t value,
    size_t max);
static void mcp_sentence_add(mcp_sentence_t *s, const char *text);
static void mcp_sentence_add_str(mcp_sentence_t *s, mcp_str_t value);
static size_t mcp_sentence_cut(mcp_str_t value, size_t max);


static const char *const  mcp_kind_words[MCP_TARGET_COUNT] = {
    [MCP_TARGET_NONE] = "method",
    [MCP_TARGET_TOOL] = "tool",
    [MCP_TARGET_PROMPT] = "prompt",
    [MCP_TARGET_RESOURCE] = "resource",
    [MCP_TARGET_TASK] = "task"
};

/* after "argument X", by operator */

static const char *const  mcp_verbs_must[MCP_OP_COUNT] = {
    [MCP_OP_EQ] = " must be ",
    [MCP_OP_NEQ] = " must not be ",
    [MCP_OP_IN] = " must be ",
    [MCP_OP_NOT_IN] = " must not be ",
    [MCP_OP_LT] = " must be less than ",
    [MCP_OP_LTE] = " must be at most ",
    [MCP_OP_GT] = " must be more than ",
    [MCP_OP_GTE] = " must be at least ",
    [MCP_OP_REGEX] = " must match ",
    [MCP_OP_NOT_REGEX] = " must not match ",
    [MCP_OP_CONTAINS] = " must contain ",
    [MCP_OP_EXISTS] = " must be present",
    [MCP_OP_ABSENT] = " must be left out",
    [MCP_OP_LENGTH_LTE] = " must have a length of at most ",
    [MCP_OP_TYPE] = " must be of type "
};

static const char *const  mcp_verbs_is[MCP_OP_COUNT] = {
    [MCP_OP_EQ] = " is ",
    [MCP_OP_NEQ] = " is not ",
    [MCP_OP_IN] = " is ",
    [MCP_OP_NOT_IN] = " is not ",
    [MCP_OP_LT] = " is less than ",
    [MCP_OP_LTE] = " is at most ",
    [MCP_OP_GT] = " is more than ",
    [MCP_OP_GTE] = " is at least ",
    [MCP_OP_REGEX] = " matches ",
    [MCP_OP_NOT_REGEX] = " does not match ",
    [MCP_OP_CONTAINS] = " contains ",
    [MCP_OP_EXISTS] = " is present",
    [MCP_OP_ABSENT] = " is left out",
    [MCP_OP_LENGTH_LTE] = " has a length of at most ",
    [MCP_OP_TYPE] = " is of type "
};


mcp_rc_t
mcp_sentence_write(mcp_judge_t *judge, const mcp_refusal_t *refusal,
    mcp_str_t *text)
{
    mcp_rc_t           rc;
    mcp_sentence_t     sentence;
    const mcp_text_t  *message;

    message = mcp_sentence_message(refusal);
    sentence.now_ms = judge->caller->now_ms;

    if (message != NULL) {
        rc = mcp_text_value(message, judge->subject.resolve,
                            judge->subject.resolve_data, judge->arena, text);

        if (rc == MCP_NOMEM) {
            return rc;
        }

        if (rc == MCP_OK && text->len != 0 && refusal->ask == NULL) {
            return MCP_OK;
        }

        if (rc != MCP_OK || text->len == 0) {
            message = NULL;
        }
    }

    sentence.data = mcp_arena_alloc(judge->arena, MCP_SENTENCE_MAX);
    if (sentence.data == NULL) {
        return MCP_NOMEM;
    }

    sentence.len = 0;
    sentence.full = false;

    if (message != NULL) {
        text->len = mcp_sentence_cut(*text, MCP_ASKING_MAX);
        mcp_sentence_add_str(&sentence, *text);
        mcp_sentence_add(&sentence, " (");
        mcp_sentence_asked(&sentence, refusal->ask);
        mcp_sentence_add(&sentence, ")");

    } else {
        mcp_sentence_generate(&sentence, refusal);
    }

    text->data = sentence.data;
    text->len = sentence.len;

    return MCP_OK;
}


/* The innermost one; what the engine itself refused is told by the engine. */
static const mcp_text_t *
mcp_sentence_message(const mcp_refusal_t *refusal)
{
    switch (refusal->reason) {

    case MCP_REASON_DENIED:
    case MCP_REASON_CONDITION:
    case MCP_REASON_DENY_IF:
    case MCP_REASON_RATE_LIMITED:
    case MCP_REASON_APPROVAL:
        break;

    default:
        return NULL;
    }

    if (refusal->message != NULL) {
        return refusal->message;
    }

    if (refusal->rule->message != NULL) {
        return refusal->rule->message;
    }

    return refusal->scope.block->message;
}


static void
mcp_sentence_generate(mcp_sentence_t *s, const mcp_refusal_t *refusal)
{
    switch (refusal->reason) {

    case MCP_REASON_NAME:
        mcp_sentence_add(s, mcp_kind_words[refusal->scope.kind]);
        mcp_sentence_add(s, " names other than 1 to 128 letters, digits, "
                            "\"_\", \".\", \"/\" and \"-\" are not "
                            "permitted" MCP_DO_NOT_RETRY);
        break;

    case MCP_REASON_URI:
        mcp_sentence_add(s, "the resource URI must be in its normal form, "
                            "without \".\" and \"..\" as path segments");
        break;

    case MCP_REASON_TASK:
    case MCP_REASON_TASK_OWNER:

        /* the same for both: whether a task exists is not told */

        mcp_sentence_add(s, "this task is not known" MCP_DO_NOT_RETRY);
        break;

    case MCP_REASON_DENIED:
        mcp_sentence_denied(s, refusal);
        break;

    case MCP_REASON_CONDITION:
    case MCP_REASON_DENY_IF:
        mcp_sentence_condition(s, refusal);
        break;

    case MCP_REASON_UNDECIDABLE:
        mcp_sentence_subject(s, &refusal->scope);
        mcp_sentence_add(s, " is refused, because a rule could not be "
                            "decided for this call" MCP_DO_NOT_RETRY);
        break;

    case MCP_REASON_RATE_LIMITED:
        mcp_sentence_limit(s, refusal);
        break;

    case MCP_REASON_BAD_COST:
        mcp_sentence_add(s, "argument ");
        mcp_sentence_quoted(s, refusal->limit->cost_path->text,
                            MCP_NAME_SHOWN);
        mcp_sentence_add(s, " must be a number of at least 0 with at most "
                            "six decimal places");
        break;

    case MCP_REASON_NO_KEY:
        mcp_sentence_no_key(s, refusal);
        break;

    case MCP_REASON_ZONE_FULL:
        mcp_sentence_add(s, "calls of ");
        mcp_sentence_subject(s, &refusal->scope);
        mcp_sentence_add(s, " cannot be counted now; try again later");
        break;

    case MCP_REASON_APPROVAL:
        mcp_sentence_subject(s, &refusal->scope);
        mcp_sentence_add(s, " needs the approval of a human");

        if (refusal->ask != NULL) {
            mcp_sentence_add(s, ": ");
            mcp_sentence_asked(s, refusal->ask);
        }

        break;

    case MCP_REASON_APPROVAL_DENIED:
        mcp_sentence_human(s, refusal);
        break;

    case MCP_REASON_APPROVALS_FULL:
        mcp_sentence_subject(s, &refusal->scope);
        mcp_sentence_add(s, " needs the approval of a human, and too many "
                            "calls wait for one; try again later");
        break;

    case MCP_REASON_UNPINNED:
        mcp_sentence_not_permitted(s, refusal,
                                   ", because its definition was not "
                                   "reviewed. Do not retry: an operator has "
                                   "to review and pin it.");
        break;

    case MCP_REASON_DEFINITION:
        mcp_sentence_not_permitted(s, refusal,
                                   ", because its definition is not the one "
                                   "that was reviewed. Do not retry: an "
                                   "operator has to review and pin it "
                                   "again.");
        break;

    case MCP_REASON_ARGUMENTS:
        mcp_sentence_fault(s, refusal);
        break;

    case MCP_REASON_BATCH:
        mcp_sentence_add(s, "another message of the batch was refused, so "
                            "none of them was forwarded");
        break;

    default:
        mcp_sentence_not_permitted(s, refusal, MCP_DO_NOT_RETRY);
        break;
    }
}


/* An unconditional deny, or one of a rule whose conditions are triggers. */
static void
mcp_sentence_denied(mcp_sentence_t *s, const mcp_refusal_t *refusal)
{
    bool               caller;
    uint32_t           i, n, told;
    const mcp_rule_t  *rule;
    mcp_sentence_t     start;

    rule = refusal->rule;
    start = *s;
    caller = false;
    told = 0;

    mcp_sentence_not_permitted(s, refusal, " when ");

    for (i = 0; rule->triggers && i < rule->count; i++) {
        if (rule->steps[i].kind != MCP_STEP_REQUIRE) {
            continue;
        }

        n = mcp_sentence_requirement(s, rule->steps[i].requirement,
                                     mcp_verbs_is, told != 0 ? " and " : "");
        told += n;

        if (n == 0) {
            caller = true;
        }
    }

    if (told == 0) {
        *s = start;
        mcp_sentence_not_permitted(s, refusal, caller
                                               ? " for this caller"
                                                 MCP_DO_NOT_RETRY
                                               : MCP_DO_NOT_RETRY);
    }
}


static void
mcp_sentence_condition(mcp_sentence_t *s, const mcp_refusal_t *refusal)
{
    uint32_t        i, told;
    mcp_sentence_t  start;

    start = *s;
    told = 0;

    if (refusal->reason == MCP_REASON_CONDITION) {
        told = mcp_sentence_requirement(s, refusal->requirements,
                                        mcp_verbs_must, "");

    } else {
        mcp_sentence_not_permitted(s, refusal, " when ");

        for (i = 0; i < refusal->count; i++) {
            told += mcp_sentence_requirement(s, &refusal->requirements[i],
                                             mcp_verbs_is,
                                             told != 0 ? " and " : "");
        }
    }

    if (told == 0) {
        *s = start;
        mcp_sentence_not_permitted(s, refusal,
                                   " for this caller" MCP_DO_NOT_RETRY);
    }
}


static void
mcp_sentence_not_permitted(mcp_sentence_t *s, const mcp_refusal_t *refusal,
    const char *end)
{
    mcp_sentence_subject(s, &refusal->scope);
    mcp_sentence_add(s, " is not permitted");
    mcp_sentence_add(s, end);
}


/* What there is to do about a call that waits for its approval. */
static void
mcp_sentence_asked(mcp_sentence_t *s, const mcp_approval_ask_t *ask)
{
    uint8_t  hex[MCP_APPROVAL_HEX];

    mcp_approval_hex(ask->id, hex);

    mcp_sentence_add(s, "approval ");
    mcp_sentence_add_str(s, (mcp_str_t) { hex, sizeof(hex) });
    mcp_sentence_add(s, " can be given within ");
    mcp_sentence_wait(s, ask->expires_ms > s->now_ms
                         ? ask->expires_ms - s->now_ms : 0);
    mcp_sentence_add(s, ", then send the very same call again");
}


/* The words of a human come last: they may be cut. */
static void
mcp_sentence_human(mcp_sentence_t *s, const mcp_refusal_t *refusal)
{
    mcp_sentence_add(s, "a human denied this call of ");
    mcp_sentence_subject(s, &refusal->scope);
    mcp_sentence_add(s, ". Do not retry it with the same arguments");

    if (refusal->ask->reason.len != 0) {
        mcp_sentence_add(s, ": ");
        mcp_sentence_quoted(s, refusal->ask->reason, MCP_REASON_SHOWN);
        return;
    }

    mcp_sentence_add(s, ".");
}


static void
mcp_sentence_no_key(mcp_sentence_t *s, const mcp_refusal_t *refusal)
{
    if (refusal->key == NULL) {
        mcp_sentence_subject(s, &refusal->scope);
        mcp_sentence_add(s, " needs the approval of a human, and this caller "
                            "is not known" MCP_DO_NOT_RETRY);
        return;
    }

    if (refusal->key->kind == MCP_KEY_ARGUMENT) {
        mcp_sentence_add(s, "argument ");
        mcp_sentence_quoted(s, refusal->key->path.text, MCP_NAME_SHOWN);
        mcp_sentence_add(s, " must be a string, a number or a boolean");
        return;
    }

    mcp_sentence_add(s, "calls of ");
    mcp_sentence_subject(s, &refusal->scope);
    mcp_sentence_add(s, " are counted per caller, and this caller is not "
                        "known" MCP_DO_NOT_RETRY);
}


/* The place is a JSON Pointer, but that of an argument is its name. */
static void
mcp_sentence_fault(mcp_sentence_t *s, const mcp_refusal_t *refusal)
{
    mcp_str_t                  path;
    const mcp_schema_fault_t  *fault;

    fault = &refusal->fault;
    path = fault->path;

    if (path.len == 0) {
        mcp_sentence_add(s, "the arguments of ");

    } else {
        if (path.len > 1 && memchr(path.data + 1, '/', path.len - 1) == NULL
            && memchr(path.data, '~', path.len) == NULL)
        {
            path.data++;
            path.len--;
        }

        mcp_sentence_add(s, "argument ");
        mcp_sentence_quoted(s, path, MCP_NAME_SHOWN);
        mcp_sentence_add(s, " of ");
    }

    mcp_sentence_subject(s, &refusal->scope);
    mcp_sentence_add(s, " ");
    mcp_sentence_add_str(s, fault->text);
    mcp_sentence_add(s, " (");
    mcp_sentence_add_str(s, fault->keyword);
    mcp_sentence_add(s, "). Correct the arguments and try again.");
}


static void
mcp_sentence_limit(mcp_sentence_t *s, const mcp_refusal_t *refusal)
{
    char                number[32];
    size_t              length;
    const mcp_limit_t  *limit;

    limit = refusal->limit;

    length = mcp_decimal_format(limit->spec.amount, number, sizeof(number));
    mcp_sentence_add_str(s, (mcp_str_t) { (uint8_t *) number, length });

    if (limit->cost_path == NULL && limit->cost == MCP_DECIMAL_UNIT) {
        mcp_sentence_add(s, limit->spec.amount == MCP_DECIMAL_UNIT
                            ? " call" : " calls");
    }

    mcp_sentence_add(s, " per ");
    mcp_sentence_window(s, limit->spec.window_ms);

    if (refusal->retry_ms == UINT64_MAX) {
        mcp_sentence_add(s, "; this call alone asks for more"
                            MCP_DO_NOT_RETRY);
        return;
    }

    mcp_sentence_add(s, "; try again in ");
    mcp_sentence_wait(s, refusal->retry_ms);
}


static void
mcp_sentence_window(mcp_sentence_t *s, uint64_t ms)
{
    uint64_t     n;
    const char  *unit;

    if (ms % 86400000 == 0) {
        n = ms / 86400000;
        unit = "day";

    } else if (ms % 3600000 == 0) {
        n = ms / 3600000;
        unit = "hour";

    } else if (ms % 60000 == 0) {
        n = ms / 60000;
        unit = "minute";

    } else {
        n = ms / 1000;
        unit = "second";
    }

    if (n == 1) {
        mcp_sentence_add(s, unit);
        return;
    }

    mcp_sentence_count(s, n, unit);
}


/* Rounded up: who comes back then is not early. */
static void
mcp_sentence_wait(mcp_sentence_t *s, uint64_t ms)
{
    uint64_t  seconds;

    seconds = ms / 1000 + (ms % 1000 != 0);

    if (seconds == 0) {
        seconds = 1;
    }

    if (seconds <= MCP_SECONDS_SHOWN) {
        mcp_sentence_count(s, seconds, "second");

    } else if (seconds <= MCP_MINUTES_SHOWN * 60) {
        mcp_sentence_count(s, (seconds + 59) / 60, "minute");

    } else {
        mcp_sentence_count(s, seconds / 3600 + (seconds % 3600 != 0), "hour");
    }
}


static void
mcp_sentence_count(mcp_sentence_t *s, uint64_t n, const char *unit)
{
    size_t    i;
    uint8_t   digits[20];
    uint64_t  rest;

    rest = n;
    i = sizeof(digits);

    do {
        digits[--i] = (uint8_t) ('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);

    mcp_sentence_add_str(s, (mcp_str_t) { &digits[i], sizeof(digits) - i });
    mcp_sentence_add(s, " ");
    mcp_sentence_add(s, unit);

    if (n != 1) {
        mcp_sentence_add(s, "s");
    }
}


/*
 * The conditions on arguments, joined by "or"; returns how many they were.
 * Those on variables are not told: the agent can do nothing about them.
 */
static uint32_t
mcp_sentence_requirement(mcp_sentence_t *s,
    const mcp_requirement_t *requirement, const char *const *verbs,
    const char *before)
{
    uint32_t                i, told;
    const mcp_condition_t  *condition;

    told = 0;

    for (i = 0; i < requirement->count; i++) {
        condition = &requirement->conditions[i];

        if (!condition->on_arguments) {
            continue;
        }

        mcp_sentence_add(s, told == 0 ? before : " or ");
        mcp_sentence_add(s, "argument ");
        mcp_sentence_quoted(s, condition->path.text, MCP_NAME_SHOWN);
        mcp_sentence_add(s, verbs[condition->negate ? MCP_OP_ABSENT
                                                    : condition->op]);
        mcp_sentence_values(s, condition);

        told++;
    }

    return told;
}


static void
mcp_sentence_values(mcp_sentence_t *s, const mcp_condition_t *condition)
{
    bool      quote;
    uint32_t  i, shown;

    if (condition->op == MCP_OP_TYPE) {
        mcp_sentence_types(s, condition->types);
        return;
    }

    /* what can only be text is always quoted */

    quote = condition->op == MCP_OP_REGEX
            || condition->op == MCP_OP_NOT_REGEX
            || condition->op == MCP_OP_CONTAINS;

    shown = condition->value_count;

    if (shown > MCP_VALUES_SHOWN) {
        shown = MCP_VALUES_SHOWN;
    }

    for (i = 0; i < shown; i++) {
        if (i > 0) {
            mcp_sentence_add(s, i + 1 < condition->value_count ? ", "
                                                               : " or ");
        }

        mcp_sentence_value(s, &condition->values[i], quote);
    }

    if (shown < condition->value_count) {
        mcp_sentence_add(s, " or another value of a list");
    }
}


static void
mcp_sentence_value(mcp_sentence_t *s, const mcp_text_t *value, bool quote)
{
    mcp_str_t  literal;

    if (value->variables != NULL) {
        mcp_sentence_add(s, "the value that the policy has for this caller");
        return;
    }

    literal = value->literal;

    if (!quote
        && (mcp_decimal_valid(literal)
            || mcp_str_equal(literal, mcp_str("true"))
            || mcp_str_equal(literal, mcp_str("false"))
            || mcp_str_equal(literal, mcp_str("null"))))
    {
        mcp_sentence_add_str(s, literal);
        return;
    }

    mcp_sentence_quoted(s, literal, literal.len);
}


static void
mcp_sentence_types(mcp_sentence_t *s, uint32_t types)
{
    size_t    i;
    uint32_t  told;

    static const struct {
        uint32_t     bits;
        const char  *name;
    } names[] = {
        { 1u << MCP_JSON_STRING, "string" },
        { 1u << MCP_JSON_NUMBER, "number" },
        { MCP_TYPE_INTEGER, "integer" },
        { 1u << MCP_JSON_TRUE, "boolean" },
        { 1u << MCP_JSON_ARRAY, "array" },
        { 1u << MCP_JSON_OBJECT, "object" },
        { 1u << MCP_JSON_NULL, "null" }
    };

    told = 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (types & names[i].bits) {
            mcp_sentence_add(s, told++ == 0 ? "" : " or ");
            mcp_sentence_add(s, names[i].name);
        }
    }
}


static void
mcp_sentence_subject(mcp_sentence_t *s, const mcp_scope_t *scope)
{
    mcp_sentence_add(s, mcp_kind_words[scope->kind]);
    mcp_sentence_add(s, " ");
    mcp_sentence_quoted(s, scope->name, MCP_NAME_SHOWN);
}


static void
mcp_sentence_quoted(mcp_sentence_t *s, mcp_str_t value, size_t max)
{
    size_t  length;

    length = mcp_sentence_cut(value, max);

    mcp_sentence_add(s, "\"");
    mcp_sentence_add_str(s, (mcp_str_t) { value.data, length });
    mcp_sentence_add(s, length < value.len ? "...\"" : "\"");
}


static void
mcp_sentence_add(mcp_sentence_t *s, const char *text)
{
    mcp_sentence_add_str(s, (mcp_str_t) { (const uint8_t *) text,
                                          strlen(text) });
}


static void
mcp_sentence_add_str(mcp_sentence_t *s, mcp_str_t value)
{
    size_t  length;

    if (s->full || value.len == 0) {
        return;
    }

    length = mcp_sentence_cut(value, MCP_SENTENCE_MAX - s->len);
    s->full = length < value.len;

    memcpy(s->data + s->len, value.data, length);
    s->len += length;
}


/* The length of "value" cut to "max" bytes between two characters. */
static size_t
mcp_sentence_cut(mcp_str_t value, size_t max)
{
    if (value.len <= max) {
        return value.len;
    }

    while (max > 0 && (value.data[max] & 0xc0) == 0x80) {
        max--;
    }

    return max;
}
