/*
 * The pattern is read as Go's regexp/syntax reads it and written anew with
 * what means the same in PCRE2 whatever its options:
 *
 *   ^ $ without (?m)      \A \z
 *   ^ $ with (?m)         (?<![^\n]) (?![^\n])
 *   \d \s \w \b           ASCII, \s without U+000B; with (?i) \w also matches
 *                         U+017F and U+212A, to which s and k fold
 *   [[:word:]]            written out
 *   \v                    the one character
 *   (?P<name>x) (x)       (?:x): nothing refers to them
 *   a{,3}                 the text itself
 */

#include <stdio.h>

#include "mcp_re2.h"
#include "mcp_re2_class.h"


/* An open group. */
typedef struct {
    uint32_t  flags;     /* around it */
    uint32_t  weight;    /* of the alternatives so far */
} mcp_re2_group_t;

typedef struct {
    const uint8_t    *name;
    size_t            len;
} mcp_re2_name_t;

/* What can be repeated; the highest product of repeats in it. */
typedef enum {
    MCP_RE2_NOTHING,     /* the start of a group or alternative */
    MCP_RE2_ATOM,
    MCP_RE2_REPEATED,
    MCP_RE2_SETTING      /* (?i) */
} mcp_re2_last_t;

typedef struct {
    mcp_re2_text_t    text;
    mcp_re2_group_t   groups[MCP_RE2_DEPTH_MAX];
    uint32_t          depth;
    uint32_t          flags;
    mcp_re2_last_t    last;
    uint32_t          weight;       /* of the last */
    uint32_t          most;         /* of this group */
    mcp_re2_name_t   *names;
    uint32_t          name_count;
} mcp_re2_parser_t;


static mcp_rc_t mcp_re2_parse(mcp_re2_parser_t *parser);
static mcp_rc_t mcp_re2_open(mcp_re2_parser_t *parser);
static mcp_rc_t mcp_re2_push(mcp_re2_parser_t *parser);
static mcp_rc_t mcp_re2_close(mcp_re2_parser_t *parser);
static mcp_rc_t mcp_re2_name(mcp_re2_parser_t *parser, size_t start);
static mcp_rc_t mcp_re2_flags(mcp_re2_parser_t *parser, size_t start);
static mcp_rc_t mcp_re2_quantifier(mcp_re2_parser_t *parser);
static mcp_rc_t mcp_re2_repeat(mcp_re2_parser_t *parser, size_t start,
    uint32_t weight);
static bool mcp_re2_braces(mcp_re2_parser_t *parser, int *min, int *max,
    size_t *end);
static bool mcp_re2_integer(const mcp_re2_text_t *text, size_t *pos,
    int *value);
static mcp_rc_t mcp_re2_backslash(mcp_re2_parser_t *parser);
static mcp_rc_t mcp_re2_quoted(mcp_re2_parser_t *parser);
static mcp_rc_t mcp_re2_literal(mcp_re2_parser_t *parser);
static void mcp_re2_atom(mcp_re2_parser_t *parser);


mcp_rc_t
mcp_re2_translate(mcp_str_t pattern, mcp_arena_t *arena,
    mcp_str_t *translated, mcp_error_t *error)
{
    mcp_rc_t           rc;
    mcp_re2_text_t    *text;
    mcp_re2_parser_t  *parser;

    if (pattern.len > MCP_RE2_PATTERN_MAX) {
        return mcp_error_set(error, 0, MCP_RE2_PATTERN_MAX,
                             "longer than %d bytes", MCP_RE2_PATTERN_MAX);
    }

    parser = mcp_arena_calloc(arena, sizeof(mcp_re2_parser_t));
    if (parser == NULL) {
        return MCP_NOMEM;
    }

    text = &parser->text;
    text->in = pattern;
    text->arena = arena;
    text->error = error;

    /* names are at least as long as "(?<a>)" each */

    parser->names = mcp_arena_alloc(arena, (pattern.len / 6 + 1)
                                           * sizeof(mcp_re2_name_t));
    if (parser->names == NULL) {
        return MCP_NOMEM;
    }

    parser->most = 1;

    rc = mcp_re2_parse(parser);

    if (rc != MCP_OK) {
        return rc;
    }

    if (text->failed) {
        return MCP_NOMEM;
    }

    translated->data = text->out;
    translated->len = text->out_len;

    return MCP_OK;
}


static mcp_rc_t
mcp_re2_parse(mcp_re2_parser_t *parser)
{
    mcp_rc_t         rc;
    mcp_re2_text_t  *text;

    text = &parser->text;
    rc = MCP_OK;

    while (rc == MCP_OK && text->pos < text->in.len) {

        switch (text->in.data[text->pos]) {

        case '(':
            rc = mcp_re2_open(parser);
            break;

        case ')':
            rc = mcp_re2_close(parser);
            break;

        case '|':
            text->pos++;
            parser->last = MCP_RE2_NOTHING;
            mcp_re2_write(text, "|");
            break;

        case '*':
        case '+':
        case '?':
        case '{':
            rc = mcp_re2_quantifier(parser);
            break;

        case '^':
            text->pos++;
            mcp_re2_atom(parser);
            mcp_re2_write(text, parser->flags & MCP_RE2_MULTILINE
                                ? "(?<![^\\n])" : "(?:\\A)");
            break;

        case '$':
            text->pos++;
            mcp_re2_atom(parser);
            mcp_re2_write(text, parser->flags & MCP_RE2_MULTILINE
                                ? "(?![^\\n])" : "(?:\\z)");
            break;

        case '.':
            text->pos++;
            mcp_re2_atom(parser);
            mcp_re2_write(text, parser->flags & MCP_RE2_DOTALL
                                ? "[\\x{0}-\\x{10ffff}]" : "[^\\n]");
            break;

        case '[':
            mcp_re2_atom(parser);
            rc = mcp_re2_class(text, parser->flags);
            break;

        case '\\':
            rc = mcp_re2_backslash(parser);
            break;

        default:
            rc = mcp_re2_literal(parser);
            break;
        }
    }

    if (rc == MCP_OK && parser->depth > 0) {
        return mcp_re2_fail(text, text->pos, "missing \")\"");
    }

    return rc;
}


static void
mcp_re2_atom(mcp_re2_parser_t *parser)
{
    parser->last = MCP_RE2_ATOM;
    parser->weight = 1;
}


static mcp_rc_t
mcp_re2_open(mcp_re2_parser_t *parser)
{
    size_t           start;
    mcp_re2_text_t  *text;

    text = &parser->text;
    start = text->pos++;

    if (text->pos == text->in.len || text->in.data[text->pos] != '?') {
        return mcp_re2_push(parser);
    }

    text->pos++;

    if (mcp_re2_next(text, "P<")) {
        text->pos += 2;
        return mcp_re2_name(parser, start);
    }

    if (mcp_re2_next(text, "<") && !mcp_re2_next(text, "<=")
        && !mcp_re2_next(text, "<!"))
    {
        text->pos++;
        return mcp_re2_name(parser, start);
    }

    return mcp_re2_flags(parser, start);
}


static mcp_rc_t
mcp_re2_push(mcp_re2_parser_t *parser)
{
    mcp_re2_group_t  *group;

    if (parser->depth == MCP_RE2_DEPTH_MAX) {
        return mcp_re2_fail(&parser->text, parser->text.pos,
                            "groups are nested too deep");
    }

    group = &parser->groups[parser->depth++];
    group->flags = parser->flags;
    group->weight = parser->most;

    parser->most = 1;
    parser->last = MCP_RE2_NOTHING;

    mcp_re2_write(&parser->text, "(?:");

    return MCP_OK;
}


static mcp_rc_t
mcp_re2_close(mcp_re2_parser_t *parser)
{
    mcp_re2_group_t  *group;

    if (parser->depth == 0) {
        return mcp_re2_fail(&parser->text, parser->text.pos,
                            "unexpected \")\"");
    }

    parser->text.pos++;
    group = &parser->groups[--parser->depth];

    parser->last = MCP_RE2_ATOM;
    parser->weight = parser->most;
    parser->flags = group->flags;

    if (group->weight > parser->most) {
        parser->most = group->weight;
    }

    mcp_re2_write(&parser->text, ")");

    return MCP_OK;
}


/* [0-9A-Za-z_]+> */
static mcp_rc_t
mcp_re2_name(mcp_re2_parser_t *parser, size_t start)
{
    size_t           begin;
    uint8_t          c;
    uint32_t         i;
    mcp_re2_text_t  *text;
    mcp_re2_name_t  *name;

    text = &parser->text;
    begin = text->pos;

    for ( /* void */ ; text->pos < text->in.len; text->pos++) {
        c = text->in.data[text->pos];

        if (!mcp_re2_word(c)) {
            break;
        }
    }

    if (text->pos == begin || !mcp_re2_next(text, ">")) {
        return mcp_re2_fail(text, start, "invalid name of a group");
    }

    name = &parser->names[parser->name_count];
    name->name = text->in.data + begin;
    name->len = text->pos - begin;

    for (i = 0; i < parser->name_count; i++) {
        if (parser->names[i].len == name->len
            && memcmp(parser->names[i].name, name->name, name->len) == 0)
        {
            return mcp_re2_fail(text, start, "two groups have the same name");
        }
    }

    parser->name_count++;
    text->pos++;

    return mcp_re2_push(parser);
}


/* "(?flags)" and "(?flags:" */
static mcp_rc_t
mcp_re2_flags(mcp_re2_parser_t *parser, size_t start)
{
    bool             negative, seen;
    uint8_t          c;
    uint32_t         flags, bit;
    mcp_re2_text_t  *text;

    text = &parser->text;
    flags = parser->flags;
    negative = false;
    seen = false;

    while (text->pos < text->in.len) {
        c = text->in.data[text->pos++];

        switch (c) {

        case 'i':
            bit = MCP_RE2_CASELESS;
            break;

        case 'm':
            bit = MCP_RE2_MULTILINE;
            break;

        case 's':
            bit = MCP_RE2_DOTALL;
            break;

        case 'U':

            /* which of the matches is found does not matter */

            bit = MCP_RE2_UNGREEDY;
            break;

        case '-':

            if (negative) {
                goto unknown;
            }

            negative = true;
            seen = false;
            continue;

        case ':':
        case ')':

            if (negative && !seen) {
                goto unknown;
            }

            if (c == ':') {
                if (mcp_re2_push(parser) != MCP_OK) {
                    return MCP_ERROR;
                }

            } else {
                parser->last = MCP_RE2_SETTING;
            }

            parser->flags = flags;
            mcp_re2_write(text, flags & MCP_RE2_CASELESS ? "(?i)" : "(?-i)");

            return MCP_OK;

        default:
            goto unknown;
        }

        seen = true;

        if (negative) {
            flags &= ~bit;

        } else {
            flags |= bit;
        }
    }

unknown:

    return mcp_re2_fail(text, start, "RE2 knows no such group, it has no "
                        "look-around, comments or atomic groups");
}


static mcp_rc_t
mcp_re2_quantifier(mcp_re2_parser_t *parser)
{
    int              min, max;
    char             braces[32];
    size_t           start, end;
    uint32_t         weight;
    mcp_re2_text_t  *text;

    text = &parser->text;
    start = text->pos;

    if (text->in.data[start] != '{') {
        braces[0] = (char) text->in.data[start];
        braces[1] = '\0';
        text->pos++;

        if (mcp_re2_repeat(parser, start, 1) != MCP_OK) {
            return MCP_ERROR;
        }

        mcp_re2_write(text, braces);

    } else {

        if (!mcp_re2_braces(parser, &min, &max, &end)) {
            return mcp_re2_literal(parser);
        }

        if (min < 0 || min > MCP_RE2_REPEAT_MAX || max > MCP_RE2_REPEAT_MAX
            || (max >= 0 && min > max) || max == -2)
        {
            return mcp_re2_fail(text, start, "invalid repeat count");
        }

        text->pos = end;

        /* {0,} is "*" */

        weight = (uint32_t) (max >= 0 ? max : min > 0 ? min : 1);

        if (mcp_re2_repeat(parser, start, weight) != MCP_OK) {
            return MCP_ERROR;
        }

        if (max == min) {
            (void) snprintf(braces, sizeof(braces), "{%d}", min);

        } else if (max < 0) {
            (void) snprintf(braces, sizeof(braces), "{%d,}", min);

        } else {
            (void) snprintf(braces, sizeof(braces), "{%d,%d}", min, max);
        }

        mcp_re2_write(text, braces);
    }

    if (mcp_re2_next(text, "?")) {
        text->pos++;
        mcp_re2_write(text, "?");
    }

    return MCP_OK;
}


/* "weight" is how often the repeat repeats at most, by Go's reckoning. */
static mcp_rc_t
mcp_re2_repeat(mcp_re2_parser_t *parser, size_t start, uint32_t weight)
{
    switch (parser->last) {

    case MCP_RE2_NOTHING:
        return mcp_re2_fail(&parser->text, start, "there is nothing to "
                            "repeat");

    case MCP_RE2_REPEATED:
        return mcp_re2_fail(&parser->text, start, "a repeat cannot be "
                            "repeated, RE2 has no possessive ones");

    case MCP_RE2_SETTING:
        return mcp_re2_fail(&parser->text, start, "flags cannot be "
                            "repeated");

    default:
        break;
    }

    /* both are at most 1000; {0} takes no account of what it repeats */

    parser->weight = weight == 0 ? 1 : parser->weight * weight;

    if (parser->weight > MCP_RE2_REPEAT_MAX) {
        return mcp_re2_fail(&parser->text, start, "invalid repeat count");
    }

    if (parser->weight > parser->most) {
        parser->most = parser->weight;
    }

    parser->last = MCP_RE2_REPEATED;

    return MCP_OK;
}


/* "{n}", "{n,}", "{n,m}"; max is -1 without one, both -2 when too large. */
static bool
mcp_re2_braces(mcp_re2_parser_t *parser, int *min, int *max, size_t *end)
{
    size_t           pos;
    mcp_re2_text_t  *text;

    text = &parser->text;
    pos = text->pos + 1;

    if (!mcp_re2_integer(text, &pos, min) || pos == text->in.len) {
        return false;
    }

    *max = *min;

    if (text->in.data[pos] == ',') {
        pos++;
        *max = -1;

        if (pos == text->in.len) {
            return false;
        }

        if (text->in.data[pos] != '}'
            && !mcp_re2_integer(text, &pos, max))
        {
            return false;
        }
    }

    if (pos == text->in.len || text->in.data[pos] != '}') {
        return false;
    }

    *end = pos + 1;

    return true;
}


static bool
mcp_re2_integer(const mcp_re2_text_t *text, size_t *pos, int *value)
{
    size_t   start;
    uint8_t  c;

    start = *pos;
    *value = 0;

    for ( /* void */ ; *pos < text->in.len; (*pos)++) {
        c = text->in.data[*pos];

        if (c < '0' || c > '9') {
            break;
        }

        if (*value >= 0) {
            *value = *value * 10 + (c - '0');

            if (*value > 100000) {
                *value = -2;
            }
        }
    }

    return *pos > start
           && (text->in.data[start] != '0' || *pos == start + 1);
}


static mcp_rc_t
mcp_re2_backslash(mcp_re2_parser_t *parser)
{
    uint8_t          c;
    mcp_re2_text_t  *text;

    text = &parser->text;

    if (text->pos + 1 == text->in.len) {
        return mcp_re2_fail(text, text->pos, "\"\\\" at the end");
    }

    c = text->in.data[text->pos + 1];

    switch (c) {

    case 'Q':
        return mcp_re2_quoted(parser);

    case 'A':
        mcp_re2_write(text, "(?:\\A)");
        break;

    case 'z':
        mcp_re2_write(text, "(?:\\z)");
        break;

    case 'b':
        mcp_re2_write(text, "(?:\\b)");
        break;

    case 'B':
        mcp_re2_write(text, "(?:\\B)");
        break;

    default:
        mcp_re2_atom(parser);

        if (mcp_re2_is_class(c)) {
            return mcp_re2_class_escape(text, parser->flags, false);
        }

        return mcp_re2_literal(parser);
    }

    text->pos += 2;
    mcp_re2_atom(parser);

    return MCP_OK;
}


/* \Q...\E, of which the end may be missing */
static mcp_rc_t
mcp_re2_quoted(mcp_re2_parser_t *parser)
{
    uint32_t         c;
    mcp_re2_text_t  *text;

    text = &parser->text;
    text->pos += 2;

    while (text->pos < text->in.len) {

        if (mcp_re2_next(text, "\\E")) {
            text->pos += 2;
            break;
        }

        c = mcp_re2_character(text);
        mcp_re2_write_character(text, c);
        mcp_re2_atom(parser);
    }

    return MCP_OK;
}


/* One character, or the escape of one. */
static mcp_rc_t
mcp_re2_literal(mcp_re2_parser_t *parser)
{
    uint32_t         c;
    mcp_re2_text_t  *text;

    text = &parser->text;
    mcp_re2_atom(parser);

    if (text->in.data[text->pos] != '\\') {
        c = mcp_re2_character(text);

    } else if (mcp_re2_escape(text, &c) != MCP_OK) {
        return MCP_ERROR;
    }

    mcp_re2_write_character(text, c);

    return MCP_OK;
}
