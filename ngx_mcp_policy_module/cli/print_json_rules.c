/*
 * Which rules policy.json can have.  Conditions of nginx.conf are compared in
 * another way than those of files: only such are taken as mean the same.
 */

#include <stdlib.h>

#include "mcp_decimal.h"
#include "mcp_re2.h"
#include "print_json.h"


static void cli_json_rule(cli_json_t *json, const mcp_block_t *block,
    const mcp_rule_t *rule);
static void cli_json_step(cli_json_t *json, const mcp_block_t *block,
    const mcp_rule_t *rule, const mcp_step_t *step);
static cli_json_item_t *cli_json_item(cli_json_t *json, cli_json_kind_t kind,
    const mcp_block_t *block, const mcp_rule_t *rule,
    const mcp_step_t *step);
static void cli_json_requirement_fits(cli_json_t *json,
    const mcp_requirement_t *requirement, bool deny_if);
static const char *cli_json_misfit(const mcp_condition_t *condition,
    bool deny_if);
static const char *cli_json_unequal(const mcp_condition_t *condition,
    bool deny_if);
static bool cli_json_unlike(mcp_str_t value);
static bool cli_json_same_regex(mcp_str_t pattern);
static bool cli_json_same_atom(mcp_str_t pattern, size_t *pos);
static bool cli_json_punctuation(uint8_t ch);
static void cli_json_value(cli_json_t *json, const mcp_condition_t *condition,
    uint32_t index, const mcp_place_t *place);


void
cli_json_collect(cli_json_t *json, const mcp_block_t *block)
{
    json->count = 0;
    cli_json_rule(json, block, block->rule);
}


static void
cli_json_rule(cli_json_t *json, const mcp_block_t *block,
    const mcp_rule_t *rule)
{
    uint32_t          i;
    cli_json_item_t  *item;

    if (rule->dry_run) {
        cli_print_fail(json->print, &rule->place, "policy.json has no "
                       "\"dry_run\"");
    }

    if (rule->denial != MCP_DENIAL_DEFAULT) {
        cli_print_fail(json->print, &rule->place, "policy.json has no "
                       "\"denial\"");
    }

    /* an entry without conditions counts for the names of those behind it */

    if (rule != block->rule && rule->count == 0
        && memmem(rule->name.data, rule->name.len, "/require/", 9))
    {
        item = cli_json_item(json, CLI_JSON_REQUIRE, block, rule, NULL);
        item->count = 0;
        return;
    }

    for (i = 0; i < rule->count; i++) {
        cli_json_step(json, block, rule, &rule->steps[i]);
    }
}


static void
cli_json_step(cli_json_t *json, const mcp_block_t *block,
    const mcp_rule_t *rule, const mcp_step_t *step)
{
    uint32_t          i;
    cli_json_item_t  *item;

    switch (step->kind) {

    case MCP_STEP_REQUIRE:

        if (rule->triggers) {
            cli_print_fail(json->print, &step->requirement->place,
                           "policy.json has no conditions that say which "
                           "calls a limit, a denial or an approval is about");
            return;
        }

        cli_json_requirement_fits(json, step->requirement, false);

        for (i = 0; i < json->count; i++) {
            if (json->items[i].kind == CLI_JSON_DENY_IF
                || json->items[i].kind == CLI_JSON_DENY)
            {
                cli_print_fail(json->print, &step->requirement->place,
                               "policy.json asks what it requires before "
                               "what it denies, write this condition first");
                break;
            }
        }

        /* the conditions of a rule are one entry */

        item = json->count ? &json->items[json->count - 1] : NULL;

        if (item && rule != block->rule && item->kind == CLI_JSON_REQUIRE
            && item->rule == rule && item->step + item->count == step)
        {
            item->count++;
            return;
        }

        (void) cli_json_item(json, CLI_JSON_REQUIRE, block, rule, step);
        return;

    case MCP_STEP_DENY_IF:

        for (i = 0; i < step->deny_if->count; i++) {
            cli_json_requirement_fits(json, &step->deny_if->requirements[i],
                                      true);
        }

        item = cli_json_item(json, CLI_JSON_DENY_IF, block, rule, step);

        if (step->deny_if->message) {
            item->message = step->deny_if->message;
        }

        return;

    case MCP_STEP_DENY:
        item = cli_json_item(json, CLI_JSON_DENY, block, rule, step);

        if (step->deny_message) {
            item->message = step->deny_message;
        }

        return;

    case MCP_STEP_LIMIT:
        (void) cli_json_item(json, CLI_JSON_LIMIT, block, rule, step);
        return;

    case MCP_STEP_APPROVE:

        if (step->approval->wait.len || step->approval->ttl.len) {
            cli_print_fail(json->print, &step->approval->place, "policy.json "
                           "has no times of approvals");
        }

        (void) cli_json_item(json, CLI_JSON_APPROVE, block, rule, step);
        return;

    case MCP_STEP_VALIDATE:
        cli_print_fail(json->print, &step->validate->place, "policy.json has "
                       "no \"validate\"");
        return;

    case MCP_STEP_RULE:
        cli_json_rule(json, block, step->rule);
        return;
    }
}


static cli_json_item_t *
cli_json_item(cli_json_t *json, cli_json_kind_t kind,
    const mcp_block_t *block, const mcp_rule_t *rule, const mcp_step_t *step)
{
    cli_json_item_t  *item, *items;

    if (json->count == json->room) {
        json->room = json->room ? 2 * json->room : 16;

        items = cli_alloc(json->room * sizeof(cli_json_item_t));

        if (json->count) {
            memcpy(items, json->items,
                   json->count * sizeof(cli_json_item_t));
        }

        free(json->items);
        json->items = items;
    }

    item = &json->items[json->count++];

    item->kind = kind;
    item->rule = rule;
    item->step = step;
    item->count = 1;
    item->message = rule->message ? rule->message : block->rule->message;

    return item;
}


static void
cli_json_requirement_fits(cli_json_t *json,
    const mcp_requirement_t *requirement, bool deny_if)
{
    const char  *misfit;

    if (requirement->count > 1) {
        cli_print_fail(json->print, &requirement->place,
                       "policy.json has no \"any\"");
        return;
    }

    misfit = cli_json_misfit(&requirement->conditions[0], deny_if);

    if (misfit) {
        cli_print_fail(json->print, &requirement->place,
                       "policy.json cannot say this condition: %s", misfit);
    }
}


/* Why a condition has no counterpart that holds for the same calls. */
static const char *
cli_json_misfit(const mcp_condition_t *condition, bool deny_if)
{
    uint32_t                   i;
    const mcp_path_segment_t  *segment;

    if (!condition->on_arguments) {
        return "it has no variables";
    }

    if (condition->typing == MCP_TYPING_FILE) {
        return NULL;
    }

    for (i = 0; i < condition->path.count; i++) {
        segment = &condition->path.segments[i];

        if (segment->kind != MCP_SEGMENT_MEMBER
            || memchr(segment->name.data, '.', segment->name.len))
        {
            return "its paths are names between dots";
        }
    }

    for (i = 0; i < condition->value_count; i++) {
        if (condition->values[i].variables) {
            return "it has no variables";
        }
    }

    switch (condition->op) {

    case MCP_OP_EXISTS:
    case MCP_OP_LT:
    case MCP_OP_LTE:
    case MCP_OP_GT:
    case MCP_OP_GTE:
        return NULL;

    case MCP_OP_REGEX:
        return cli_json_same_regex(condition->values[0].literal)
               ? NULL : "its regular expressions are RE2's, where this one "
                        "is an error or means something else";

    case MCP_OP_EQ:
    case MCP_OP_IN:
    case MCP_OP_NEQ:
    case MCP_OP_NOT_IN:
    case MCP_OP_CONTAINS:
        return cli_json_unequal(condition, deny_if);

    default:
        return "it has no such operator";
    }
}


/*
 * Arrays and objects equal nothing there, and here nobody can tell: that is
 * the same as long as it refuses.  Numbers and their texts are compared in
 * different ways.
 */
static const char *
cli_json_unequal(const mcp_condition_t *condition, bool deny_if)
{
    bool      negated;
    uint32_t  i;

    negated = condition->op == MCP_OP_NEQ || condition->op == MCP_OP_NOT_IN;

    if (negated != deny_if) {
        return "an array or object would pass there, which is refused here";
    }

    for (i = 0; i < condition->value_count; i++) {
        if (cli_json_unlike(condition->values[i].literal)) {
            return "numbers, true, false and null are compared in another "
                   "way there";
        }
    }

    return NULL;
}


/* Whether a value that is no string may equal this text, or print alike. */
static bool
cli_json_unlike(mcp_str_t value)
{
    return mcp_decimal_valid(value)
           || mcp_str_equal(value, mcp_str("true"))
           || mcp_str_equal(value, mcp_str("false"))
           || mcp_str_equal(value, mcp_str("null"))
           || mcp_str_equal(value, mcp_str("<nil>"))
           || (value.len > 0 && value.data[0] == '[')
           || (value.len >= 4 && memcmp(value.data, "map[", 4) == 0);
}


/*
 * Whether a pattern of PCRE2 is one of RE2 that matches the same.  Only what
 * is known to be the same is taken: plain characters, "^", "$", classes of
 * such, groups, alternatives, "*", "+", "?" and counts, "\d", "\w" and escaped
 * punctuation.
 */
static bool
cli_json_same_regex(mcp_str_t pattern)
{
    bool          same;
    size_t        i;
    mcp_str_t     translated;
    mcp_arena_t   arena;
    mcp_error_t   error;

    mcp_arena_init(&arena, &cli_allocator, 0);

    same = mcp_re2_translate(pattern, &arena, &translated, &error) == MCP_OK;

    mcp_arena_destroy(&arena);

    i = 0;

    while (same && i < pattern.len) {
        same = cli_json_same_atom(pattern, &i);
    }

    return same;
}


/* One step of a pattern that RE2 takes; moves *pos behind it. */
static bool
cli_json_same_atom(mcp_str_t pattern, size_t *pos)
{
    size_t   i;
    uint8_t  ch;

    i = *pos;
    ch = pattern.data[i++];

    switch (ch) {

    case '\\':
        ch = i < pattern.len ? pattern.data[i++] : 0;

        if (ch != 'd' && ch != 'w' && !cli_json_punctuation(ch)) {
            return false;
        }

        break;

    case '(':

        if (i < pattern.len && pattern.data[i] == '?') {
            if (pattern.len - i < 2 || pattern.data[i + 1] != ':') {
                return false;
            }

            i += 2;

        } else if (i < pattern.len && pattern.data[i] == '*') {
            return false;
        }

        break;

    case '{':

        if (i == pattern.len || pattern.data[i] < '0'
            || pattern.data[i] > '9')
        {
            return false;
        }

        while (i < pattern.len && pattern.data[i] != '}') {
            ch = pattern.data[i++];

            if ((ch < '0' || ch > '9') && ch != ',') {
                return false;
            }
        }

        break;

    case '[':

        if (i < pattern.len && pattern.data[i] == '^') {
            i++;
        }

        if (i < pattern.len && pattern.data[i] == ']') {
            i++;
        }

        while (i < pattern.len && pattern.data[i] != ']') {
            ch = pattern.data[i++];

            if (ch == '[' || ch == '\\') {
                return false;
            }
        }

        i++;
        break;

    default:
        break;
    }

    *pos = i;

    return true;
}


static bool
cli_json_punctuation(uint8_t ch)
{
    return ch != '\0'
           && strchr("!\"#$%&'()*+,-./:;=?@[\\]^_`{|}~", ch) != NULL;
}


void
cli_json_condition(cli_json_t *json, const mcp_requirement_t *requirement,
    uint32_t index)
{
    char                   *text;
    FILE                   *out;
    bool                    list;
    size_t                  length;
    uint32_t                i;
    const mcp_place_t      *place;
    const mcp_condition_t  *condition;

    place = &requirement->place;
    condition = &requirement->conditions[0];

    out = open_memstream(&text, &length);

    if (out == NULL) {
        cli_error("out of memory");
        exit(CLI_FAILED);
    }

    fputs("args.", out);

    for (i = 0; i < condition->path.count; i++) {
        fprintf(out, "%s%.*s", i ? "." : "",
                cli_shown(condition->path.segments[i].name));
    }

    (void) fclose(out);

    fprintf(json->out, "%s\n          {\"path\": ", index ? "," : "");
    cli_json_string(json, place, (mcp_str_t) { (uint8_t *) text, length });
    fprintf(json->out, ", \"op\": \"%s\", \"value\": ",
            mcp_op_name(condition->op));
    free(text);

    if (condition->op == MCP_OP_EXISTS) {
        fputs(condition->negate ? "false}" : "true}", json->out);
        return;
    }

    list = condition->op == MCP_OP_IN || condition->op == MCP_OP_NOT_IN;

    if (list) {
        putc('[', json->out);
    }

    for (i = 0; i < condition->value_count; i++) {
        fputs(i ? ", " : "", json->out);
        cli_json_value(json, condition, i, place);
    }

    fputs(list ? "]}" : "}", json->out);
}


static void
cli_json_value(cli_json_t *json, const mcp_condition_t *condition,
    uint32_t index, const mcp_place_t *place)
{
    bool       string;
    mcp_str_t  value;

    value = condition->values[index].literal;

    if (condition->typing == MCP_TYPING_FILE) {
        string = condition->value_types[index] == MCP_JSON_STRING;

    } else {
        string = condition->op < MCP_OP_LT || condition->op > MCP_OP_GTE;
    }

    if (string) {
        cli_json_string(json, place, value);

    } else {
        fprintf(json->out, "%.*s", cli_shown(value));
    }
}


void
cli_json_string(cli_json_t *json, const mcp_place_t *place, mcp_str_t s)
{
    if (!mcp_condition_utf8(s) || memchr(s.data, '\0', s.len)) {
        cli_print_fail(json->print, place, "a text is not UTF-8, or has a "
                       "byte of value 0: \"%.*s\"", cli_shown(s));
    }

    cli_print_json_string(json->out, s);
}
