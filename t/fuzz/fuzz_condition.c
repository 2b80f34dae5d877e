/*
 * Any condition on any arguments: what it says when it is used in different
 * ways, and what its opposite says, must fit together.
 *
 * Input: a line "PATH OP VALUE ..." or "require TEXT OP VALUE ...", divided
 * by single spaces, then the arguments as JSON.  A text that begins with "$"
 * is a variable whose value is the rest.
 */

#include "fuzz.h"

#include "mcp_condition.h"


#define VALUES_MAX  6
#define LINE_BYTES   256


typedef struct {
    mcp_condition_t  condition;
    mcp_text_t       values[VALUES_MAX];
} written_t;


static const mcp_limits_t  limits = {
    .depth = 32,
    .tokens = 10000,
    .string_length = 100000,
    .number_length = 1000,
    .batch = 8,
    .hash_key = { 1, 2 }
};

/* No value fulfils both; one that both can be applied to fulfils one. */
static const mcp_op_t  opposites[MCP_OP_COUNT] = {
    [MCP_OP_EQ] = MCP_OP_NEQ,
    [MCP_OP_NEQ] = MCP_OP_EQ,
    [MCP_OP_IN] = MCP_OP_NOT_IN,
    [MCP_OP_NOT_IN] = MCP_OP_IN,
    [MCP_OP_LT] = MCP_OP_GTE,
    [MCP_OP_GTE] = MCP_OP_LT,
    [MCP_OP_GT] = MCP_OP_LTE,
    [MCP_OP_LTE] = MCP_OP_GT,
    [MCP_OP_REGEX] = MCP_OP_NOT_REGEX,
    [MCP_OP_NOT_REGEX] = MCP_OP_REGEX,
    [MCP_OP_CONTAINS] = MCP_OP_COUNT,
    [MCP_OP_EXISTS] = MCP_OP_ABSENT,
    [MCP_OP_ABSENT] = MCP_OP_EXISTS,
    [MCP_OP_LENGTH_LTE] = MCP_OP_COUNT,
    [MCP_OP_TYPE] = MCP_OP_COUNT
};


static mcp_rc_t
resolve(void *data, const void *variables, mcp_arena_t *arena,
    mcp_str_t *value)
{
    (void) data;
    (void) arena;

    *value = *(const mcp_str_t *) variables;
    value->data++;
    value->len--;

    return MCP_OK;
}


static mcp_str_t
next_word(mcp_str_t *line)
{
    size_t     i;
    mcp_str_t  word;

    for (i = 0; i < line->len && line->data[i] != ' '; i++) {
        /* void */
    }

    word = (mcp_str_t) { line->data, i };
    i += (i < line->len);
    line->data += i;
    line->len -= i;

    return word;
}


static bool
read_condition(written_t *written, mcp_str_t line)
{
    mcp_str_t         word;
    mcp_text_t       *value;
    mcp_condition_t  *condition;

    memset(written, 0, sizeof(written_t));
    condition = &written->condition;
    condition->values = written->values;
    word = next_word(&line);

    if (mcp_str_equal(word, mcp_str("require"))) {
        condition->subject.literal = next_word(&line);

    } else {
        condition->on_arguments = true;

        if (mcp_path_parse(&condition->path, word, &fuzz_allocator, NULL)
            != MCP_OK)
        {
            return false;
        }
    }

    if (mcp_op_parse(next_word(&line), &condition->op) != MCP_OK) {
        return false;
    }

    while (line.len > 0 && condition->value_count < VALUES_MAX) {
        value = &written->values[condition->value_count++];
        value->literal = next_word(&line);

        if (value->literal.len > 0 && value->literal.data[0] == '$') {
            value->variables = &value->literal;
        }
    }

    if (condition->subject.literal.len > 0
        && condition->subject.literal.data[0] == '$')
    {
        condition->subject.variables = &condition->subject.literal;
    }

    return mcp_condition_compile(condition, &fuzz_allocator, NULL) == MCP_OK;
}


static bool
has_star(const mcp_path_t *path)
{
    uint32_t  i;

    for (i = 0; i < path->count; i++) {
        if (path->segments[i].kind == MCP_SEGMENT_ALL) {
            return true;
        }
    }

    return false;
}


/* In all three uses; false when one of them could not be told. */

static bool
say(const mcp_condition_t *condition, const mcp_subject_t *subject,
    bool said[3])
{
    mcp_rc_t        rc;
    mcp_polarity_t  polarity;

    for (polarity = MCP_REQUIREMENT; polarity <= MCP_DENY_IF; polarity++) {
        rc = mcp_condition_holds(condition, polarity, subject);

        if (rc != MCP_OK && rc != MCP_NO) {
            check(rc == MCP_ERROR && condition->regex != NULL);
            return false;
        }

        said[polarity] = (rc == MCP_OK);
    }

    return true;
}


static void
check_opposite(const mcp_condition_t *condition, const mcp_subject_t *subject,
    const bool said[3])
{
    bool             other[3];
    mcp_condition_t  opposite;

    if (opposites[condition->op] == MCP_OP_COUNT
        || (condition->on_arguments && has_star(&condition->path)))
    {
        return;
    }

    opposite = *condition;
    opposite.op = opposites[condition->op];

    if (!say(&opposite, subject, other)) {
        return;
    }

    check(!(said[MCP_REQUIREMENT] && other[MCP_REQUIREMENT]));

    if (condition->op == MCP_OP_EXISTS || condition->op == MCP_OP_ABSENT) {
        return;
    }

    check(said[MCP_TRIGGER] || other[MCP_TRIGGER]);

    /* decided, undecidable or missing: both ways alike */

    if (said[MCP_DENY_IF] && other[MCP_DENY_IF]) {
        check(!said[MCP_REQUIREMENT] && !other[MCP_REQUIREMENT]);

    } else if (said[MCP_DENY_IF] || other[MCP_DENY_IF]) {
        check(said[MCP_REQUIREMENT] == said[MCP_DENY_IF]
              && other[MCP_REQUIREMENT] == other[MCP_DENY_IF]);

    } else {
        check(said[MCP_TRIGGER] && other[MCP_TRIGGER]);
    }
}


static void
check_path(const mcp_condition_t *condition, const mcp_subject_t *subject,
    const bool said[3])
{
    bool      exists;
    uint32_t  index;

    if (!condition->on_arguments || has_star(&condition->path)) {
        return;
    }

    index = mcp_path_find(&condition->path, subject->json,
                          subject->arguments);
    exists = index != MCP_JSON_NONE
             && subject->json->tokens[index].type != MCP_JSON_NULL;

    if (condition->op == MCP_OP_EXISTS) {
        check(said[MCP_REQUIREMENT] == exists);
    }

    if (condition->op == MCP_OP_ABSENT && index != MCP_JSON_NONE) {
        check(!said[MCP_REQUIREMENT]);
    }

    if (condition->op != MCP_OP_ABSENT && index == MCP_JSON_NONE) {
        check(!said[MCP_REQUIREMENT]);
    }
}


static void
check_condition(const mcp_condition_t *condition,
    const mcp_subject_t *subject)
{
    bool  said[3];

    if (!say(condition, subject, said)) {
        return;
    }

    /* what surely holds, holds everywhere; only a trigger takes missing */

    if (said[MCP_REQUIREMENT]) {
        check(said[MCP_TRIGGER] && said[MCP_DENY_IF]);
    }

    if (said[MCP_DENY_IF]) {
        check(said[MCP_TRIGGER]);
    }

    check_opposite(condition, subject, said);
    check_path(condition, subject, said);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          i;
    uint8_t        *line, *text;
    written_t       written;
    mcp_json_t      json;
    mcp_arena_t     arena;
    mcp_subject_t   subject;

    for (i = 0; i < size && data[i] != '\n'; i++) {
        /* void */
    }

    if (i == size || i > LINE_BYTES) {
        return 0;
    }

    /* blocks of their own, so that reading beyond them is seen */

    line = malloc(i + 1);
    size -= i + 1;
    text = malloc(size + 7);
    check(line != NULL && text != NULL);

    memcpy(line, data, i);
    memcpy(text, "{\"a\":", 5);
    memcpy(text + 5, data + i + 1, size);
    text[size + 5] = '}';

    mcp_arena_init(&arena, &fuzz_allocator, 16 * 1024 * 1024);
    memset(&subject, 0, sizeof(subject));

    if (mcp_json_parse(&json, (mcp_str_t) { text, size + 6 }, &limits, &arena,
                       NULL) == MCP_OK
        && json.defect == MCP_JSON_VALID)
    {
        subject.json = &json;
        subject.arguments = mcp_json_member(&json, 0, mcp_str("a"));
    }

    subject.resolve = resolve;
    subject.arena = &arena;

    if (read_condition(&written, (mcp_str_t) { line, i })) {
        check_condition(&written.condition, &subject);
    }

    mcp_condition_free(&written.condition);
    free(written.condition.path.segments);
    mcp_arena_destroy(&arena);
    free(line);
    free(text);

    return 0;
}
