/* A policy as an mcp_policy block. */

#include <stdarg.h>
#include <stdlib.h>

#include "mcp_decimal.h"
#include "print.h"


/* nginx reads a word, the quote and what follows it into 4096 bytes. */
#define CLI_WORD_MAX  4090

/* Steps of a rule: all of them, or in two rules. */
typedef enum {
    CLI_STEPS_ALL,
    CLI_STEPS_CONDITIONS,    /* requirements and deny_if */
    CLI_STEPS_OTHERS
} cli_steps_t;


static void cli_nginx_block(cli_print_t *print, const mcp_block_t *block);
static void cli_nginx_body(cli_print_t *print, const mcp_block_t *block,
    const mcp_rule_t *rule, cli_steps_t steps, unsigned depth);
static void cli_nginx_step(cli_print_t *print, const mcp_block_t *block,
    const mcp_rule_t *rule, const mcp_step_t *step, unsigned depth);
static void cli_nginx_rule(cli_print_t *print, const mcp_block_t *block,
    const mcp_rule_t *rule, unsigned depth);
static void cli_nginx_requirement(cli_print_t *print,
    const mcp_requirement_t *requirement, unsigned depth);
static void cli_nginx_condition(cli_print_t *print,
    const mcp_condition_t *condition, const mcp_place_t *place,
    unsigned depth);
static void cli_nginx_values(cli_print_t *print,
    const mcp_condition_t *condition, const mcp_place_t *place);
static void cli_nginx_limit(cli_print_t *print, const mcp_block_t *block,
    const mcp_limit_t *limit, unsigned depth);
static void cli_nginx_amount(cli_print_t *print, const char *name,
    int64_t amount);
static mcp_str_t cli_nginx_counter(cli_print_t *print,
    const mcp_block_t *block, const mcp_limit_t *limit);
static void cli_nginx_line(cli_print_t *print, unsigned depth,
    const char *directive);
static void cli_nginx_word(cli_print_t *print, const mcp_place_t *place,
    mcp_str_t word);
static void cli_nginx_joined(cli_print_t *print, const mcp_place_t *place,
    const char *prefix, mcp_str_t value);
static bool cli_nginx_plain(mcp_str_t word);


void
cli_print_nginx(cli_print_t *print)
{
    uint32_t             i;
    const mcp_policy_t  *policy;

    policy = print->policy;

    cli_nginx_line(print, 0, "mcp_policy");
    cli_nginx_word(print, &policy->place, cli_str(print->name));
    fputs(" {\n", print->out);

    if (*print->name == '\0' || strcmp(print->name, "off") == 0) {
        cli_print_fail(print, &policy->place, "a policy cannot be called "
                       "\"%s\", choose another name with --name",
                       print->name);
    }

    if (policy->typing == MCP_TYPING_FILE) {
        fputs("    typing file;\n", print->out);
    }

    fprintf(print->out, "    default %s;\n",
            policy->default_allow ? "allow" : "deny");

    if (policy->zone.len) {
        cli_nginx_line(print, 1, "zone");
        cli_nginx_word(print, &policy->place, policy->zone);
        fputs(";\n", print->out);
    }

    if (policy->pins) {
        cli_nginx_line(print, 1, "mcp_pin");
        cli_nginx_word(print, &policy->place, policy->pins->file);
        fprintf(print->out, "%s;\n", policy->pins->hide_unpinned
                                     ? " unpinned=hide" : "");
    }

    if (policy->hide_count) {
        putc('\n', print->out);
    }

    for (i = 0; i < policy->hide_count; i++) {
        cli_nginx_line(print, 1, "hide");
        cli_nginx_word(print, &policy->hides[i].place,
                       policy->hides[i].pattern);
        fputs(";\n", print->out);
    }

    for (i = 0; i < policy->block_count; i++) {
        putc('\n', print->out);
        cli_nginx_block(print, &policy->blocks[i]);
    }

    fputs("}\n", print->out);
}


static void
cli_nginx_block(cli_print_t *print, const mcp_block_t *block)
{
    uint32_t  i;

    static const char *const  names[MCP_CONTEXT_COUNT] = {
        [MCP_CONTEXT_TOOL] = "tool",
        [MCP_CONTEXT_PROMPT] = "prompt",
        [MCP_CONTEXT_RESOURCE] = "resource",
        [MCP_CONTEXT_METHOD] = "method"
    };

    cli_nginx_line(print, 1, names[block->context]);

    for (i = 0; i < block->count; i++) {
        cli_nginx_word(print, &block->rule->place, block->patterns[i]);
    }

    fputs(" {\n", print->out);
    cli_nginx_body(print, block, block->rule, CLI_STEPS_ALL, 2);
    fputs("    }\n", print->out);
}


/* What stands between the braces of a block or a rule. */
static void
cli_nginx_body(cli_print_t *print, const mcp_block_t *block,
    const mcp_rule_t *rule, cli_steps_t steps, unsigned depth)
{
    bool      condition;
    uint32_t  i;

    static const char *const  forms[] = {
        [MCP_DENIAL_RESULT] = "result",
        [MCP_DENIAL_ERROR] = "error",
        [MCP_DENIAL_STATUS] = "status"
    };

    for (i = 0; i < rule->count; i++) {
        condition = rule->steps[i].kind == MCP_STEP_REQUIRE
                    || rule->steps[i].kind == MCP_STEP_DENY_IF;

        if (steps == CLI_STEPS_ALL
            || condition == (steps == CLI_STEPS_CONDITIONS))
        {
            cli_nginx_step(print, block, rule, &rule->steps[i], depth);
        }
    }

    if (rule->message) {
        cli_nginx_line(print, depth, "message");
        cli_nginx_word(print, &rule->place, rule->message->literal);
        fputs(";\n", print->out);
    }

    if (rule->denial != MCP_DENIAL_DEFAULT) {
        cli_nginx_line(print, depth, "denial");
        fprintf(print->out, " %s;\n", forms[rule->denial]);
    }

    if (rule->dry_run) {
        cli_nginx_line(print, depth, "dry_run");
        fputs(" on;\n", print->out);
    }
}


static void
cli_nginx_step(cli_print_t *print, const mcp_block_t *block,
    const mcp_rule_t *rule, const mcp_step_t *step, unsigned depth)
{
    uint32_t  i;

    switch (step->kind) {

    case MCP_STEP_REQUIRE:
        cli_nginx_requirement(print, step->requirement, depth);
        return;

    case MCP_STEP_DENY_IF:
        cli_nginx_line(print, depth, "deny_if");
        fputs(" {\n", print->out);

        for (i = 0; i < step->deny_if->count; i++) {
            cli_nginx_requirement(print, &step->deny_if->requirements[i],
                                  depth + 1);
        }

        if (step->deny_if->message) {
            cli_nginx_line(print, depth + 1, "message");
            cli_nginx_word(print, &step->deny_if->place,
                           step->deny_if->message->literal);
            fputs(";\n", print->out);
        }

        cli_nginx_line(print, depth, "}\n");
        return;

    case MCP_STEP_DENY:
        cli_nginx_line(print, depth, "deny");

        if (step->deny_message) {
            cli_nginx_word(print, &rule->place, step->deny_message->literal);
        }

        break;

    case MCP_STEP_LIMIT:
        cli_nginx_limit(print, block, step->limit, depth);
        return;

    case MCP_STEP_APPROVE:
        cli_nginx_line(print, depth, "approve");

        if (step->approval->wait.len) {
            cli_nginx_joined(print, &step->approval->place, "wait=",
                             step->approval->wait);
        }

        if (step->approval->ttl.len) {
            cli_nginx_joined(print, &step->approval->place, "ttl=",
                             step->approval->ttl);
        }

        break;

    case MCP_STEP_VALIDATE:
        cli_nginx_line(print, depth, "validate");
        fputs(" on", print->out);
        break;

    case MCP_STEP_RULE:
        cli_nginx_rule(print, block, step->rule, depth);
        return;
    }

    fputs(";\n", print->out);
}


/*
 * In a rule with a limit conditions are triggers here.  In policy files they
 * are not: those become two rules of one name.  A rule without a name says
 * no more than its block would, unless it has a message.
 */
static void
cli_nginx_rule(cli_print_t *print, const mcp_block_t *block,
    const mcp_rule_t *rule, unsigned depth)
{
    bool         conditions, others, plain;
    uint32_t     i;
    cli_steps_t  steps;

    conditions = others = false;
    plain = rule->name.len == 0 && rule->message == NULL
            && rule->denial == MCP_DENIAL_DEFAULT && !rule->dry_run
            && !rule->triggers;

    for (i = 0; i < rule->count; i++) {
        if (rule->steps[i].kind == MCP_STEP_REQUIRE) {
            conditions = true;

        } else if (rule->steps[i].kind != MCP_STEP_DENY_IF) {
            others = true;
            plain = plain && rule->steps[i].kind == MCP_STEP_LIMIT;
        }
    }

    if (rule->count == 0 && print->policy->typing == MCP_TYPING_FILE) {
        return;
    }

    if (plain) {
        cli_nginx_body(print, block, rule, CLI_STEPS_ALL, depth);
        return;
    }

    steps = conditions && others && !rule->triggers ? CLI_STEPS_CONDITIONS
                                                    : CLI_STEPS_ALL;

    for ( ;; ) {
        cli_nginx_line(print, depth, "rule");
        cli_nginx_word(print, &rule->place, rule->name);
        fputs(" {\n", print->out);

        cli_nginx_body(print, block, rule, steps, depth + 1);

        cli_nginx_line(print, depth, "}\n");

        if (steps != CLI_STEPS_CONDITIONS) {
            return;
        }

        steps = CLI_STEPS_OTHERS;
    }
}


static void
cli_nginx_requirement(cli_print_t *print,
    const mcp_requirement_t *requirement, unsigned depth)
{
    uint32_t  i;

    if (requirement->any) {
        cli_nginx_line(print, depth, "any");
        fputs(" {\n", print->out);
    }

    for (i = 0; i < requirement->count; i++) {
        cli_nginx_condition(print, &requirement->conditions[i],
                            &requirement->place, depth + requirement->any);
    }

    if (requirement->any) {
        cli_nginx_line(print, depth, "}\n");
    }
}


static void
cli_nginx_condition(cli_print_t *print, const mcp_condition_t *condition,
    const mcp_place_t *place, unsigned depth)
{
    if (condition->on_arguments) {
        cli_nginx_line(print, depth, "arg");
        cli_nginx_word(print, place, condition->path.text);

    } else {
        cli_nginx_line(print, depth, "require");
        cli_nginx_word(print, place, condition->subject_text);
    }

    fprintf(print->out, " %s", mcp_op_name(condition->op));
    cli_nginx_values(print, condition, place);
    fputs(";\n", print->out);
}


static void
cli_nginx_values(cli_print_t *print, const mcp_condition_t *condition,
    const mcp_place_t *place)
{
    char       *text;
    FILE       *out;
    size_t      length;
    uint32_t    i;
    mcp_str_t   value;

    if (condition->typing == MCP_TYPING_FILE
        && condition->op == MCP_OP_EXISTS)
    {
        fputs(condition->negate ? " false" : " true", print->out);
        return;
    }

    for (i = 0; i < condition->value_count; i++) {
        value = condition->values[i].literal;

        if (condition->typing != MCP_TYPING_FILE
            || condition->value_types[i] != MCP_JSON_STRING)
        {
            cli_nginx_word(print, place, value);
            continue;
        }

        out = open_memstream(&text, &length);

        if (out == NULL) {
            cli_error("out of memory");
            exit(CLI_FAILED);
        }

        cli_print_json_string(out, value);
        (void) fclose(out);

        cli_nginx_word(print, place, (mcp_str_t) { (uint8_t *) text,
                                                   length });
        free(text);
    }
}


static void
cli_nginx_limit(cli_print_t *print, const mcp_block_t *block,
    const mcp_limit_t *limit, unsigned depth)
{
    char       *text;
    FILE       *out;
    size_t      length;
    uint32_t    i;

    cli_nginx_line(print, depth, "limit");
    cli_nginx_word(print, &limit->place, limit->text);

    if (limit->key_count != 1 || limit->keys[0].kind != MCP_KEY_GRANT) {

        out = open_memstream(&text, &length);

        if (out == NULL) {
            cli_error("out of memory");
            exit(CLI_FAILED);
        }

        for (i = 0; i < limit->key_count; i++) {
            fprintf(out, "%s%.*s", i ? "," : "",
                    cli_shown(limit->keys[i].source));
        }

        (void) fclose(out);

        cli_nginx_joined(print, &limit->place, "per=",
                         (mcp_str_t) { (uint8_t *) text, length });
        free(text);
    }

    if (limit->counter.len) {
        cli_nginx_joined(print, &limit->place, "counter=",
                         cli_nginx_counter(print, block, limit));
    }

    if (limit->cost_path) {
        cli_nginx_joined(print, &limit->place, "cost=args.",
                         limit->cost_path->text);

    } else if (limit->cost != MCP_DECIMAL_UNIT) {
        cli_nginx_amount(print, "cost", limit->cost);
    }

    if (limit->spec.algorithm == MCP_ALGORITHM_SLIDING) {
        fputs(" algorithm=sliding", print->out);

    } else if (limit->spec.algorithm == MCP_ALGORITHM_BUCKET) {
        fputs(" algorithm=bucket", print->out);
        cli_nginx_amount(print, "burst", limit->spec.burst);
    }

    fputs(";\n", print->out);
}


static void
cli_nginx_amount(cli_print_t *print, const char *name, int64_t amount)
{
    char    number[32];
    size_t  length;

    length = mcp_decimal_format(amount, number, sizeof(number));
    fprintf(print->out, " %s=%.*s", name, (int) length, number);
}


/*
 * In policy files the tool, or that all tools are meant, and the window tell
 * counters of one name apart; here only names do.
 */
static mcp_str_t
cli_nginx_counter(cli_print_t *print, const mcp_block_t *block,
    const mcp_limit_t *limit)
{
    char       *identity, *wanted;
    FILE       *out;
    size_t      length, wanted_length;
    uint32_t    i;
    mcp_str_t   scope, name;

    scope = limit->space == MCP_COUNTER_OF_TOOL ? block->patterns[0]
            : limit->space == MCP_COUNTER_OF_ALL ? mcp_str("*")
            : mcp_str("");

    out = open_memstream(&identity, &length);

    if (out == NULL) {
        cli_error("out of memory");
        exit(CLI_FAILED);
    }

    fprintf(out, "%d %d %llu %zu ", (int) limit->space,
            (int) limit->spec.algorithm,
            (unsigned long long) limit->spec.window_ms, scope.len);
    (void) fwrite(scope.data, 1, scope.len, out);
    fprintf(out, " %zu ", limit->counter.len);
    (void) fwrite(limit->counter.data, 1, limit->counter.len, out);

    for (i = 0; i < limit->key_count; i++) {
        fprintf(out, " %zu ", limit->keys[i].source.len);
        (void) fwrite(limit->keys[i].source.data, 1,
                      limit->keys[i].source.len, out);
    }

    (void) fclose(out);

    wanted_length = scope.len + (scope.len ? 1 : 0) + limit->counter.len;
    wanted = cli_alloc(wanted_length);

    memcpy(wanted, scope.data, scope.len);

    if (scope.len) {
        wanted[scope.len] = '.';
    }

    memcpy(wanted + wanted_length - limit->counter.len, limit->counter.data,
           limit->counter.len);

    name = cli_print_counter(print,
                             (mcp_str_t) { (uint8_t *) identity, length },
                             (mcp_str_t) { (uint8_t *) wanted,
                                           wanted_length });

    free(wanted);
    free(identity);

    return name;
}


/* The first word of a line. */
static void
cli_nginx_line(cli_print_t *print, unsigned depth, const char *directive)
{
    fprintf(print->out, "%*s%s", (int) (4 * depth), "", directive);
}


static void
cli_nginx_joined(cli_print_t *print, const mcp_place_t *place,
    const char *prefix, mcp_str_t value)
{
    char    *word;
    size_t   length;

    length = strlen(prefix);

    word = cli_alloc(length + value.len);
    memcpy(word, prefix, length);
    memcpy(word + length, value.data, value.len);

    cli_nginx_word(print, place, (mcp_str_t) { (uint8_t *) word,
                                               length + value.len });
    free(word);
}


/* A word, with a blank before it, so that nginx reads the same bytes. */
static void
cli_nginx_word(cli_print_t *print, const mcp_place_t *place, mcp_str_t word)
{
    char      quote;
    size_t    i, length;
    uint8_t   ch;

    if (cli_nginx_plain(word)) {
        quote = '\0';

    } else {
        quote = memchr(word.data, '"', word.len)
                && memchr(word.data, '\'', word.len) == NULL ? '\'' : '"';
    }

    putc(' ', print->out);

    if (quote) {
        putc(quote, print->out);
    }

    length = 0;

    for (i = 0; i < word.len; i++) {
        ch = word.data[i];
        length++;

        if (ch == '\n' || ch == '\r' || ch == '\t') {
            fprintf(print->out, "\\%c", ch == '\n' ? 'n'
                                        : ch == '\r' ? 'r' : 't');
            length++;
            continue;
        }

        if (ch == '\\' || ch == quote) {
            putc('\\', print->out);
            length++;
        }

        putc(ch, print->out);
    }

    if (quote) {
        putc(quote, print->out);
    }

    if (length > CLI_WORD_MAX) {
        cli_print_fail(print, place, "nginx.conf has no words of more than "
                       "%d bytes, this one has %zu: \"%.60s...\"",
                       CLI_WORD_MAX, length, (const char *) word.data);
    }
}


/* Whether a word needs no quotes, in the eyes of nginx and of readers. */
static bool
cli_nginx_plain(mcp_str_t word)
{
    size_t   i;
    uint8_t  ch;

    for (i = 0; i < word.len; i++) {
        ch = word.data[i];

        if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z')
            && !(ch >= '0' && ch <= '9')
            && (ch == '\0' || strchr("_-./:,=+*~^@%!?|()[]<>$", ch) == NULL))
        {
            return false;
        }
    }

    return word.len > 0;
}
