#include "mcp_conf.h"


#define MCP_CONF_WORDS  16        /* room to start with */


static bool mcp_conf_space(uint8_t ch);
static mcp_rc_t mcp_conf_skip_space(mcp_conf_t *conf, mcp_error_t *error);
static mcp_rc_t mcp_conf_word(mcp_conf_t *conf, mcp_error_t *error);
static mcp_rc_t mcp_conf_word_end(mcp_conf_t *conf, uint8_t quote,
    size_t *end, mcp_error_t *error);
static mcp_rc_t mcp_conf_after_quote(mcp_conf_t *conf, mcp_error_t *error);
static mcp_rc_t mcp_conf_push(mcp_conf_t *conf, mcp_str_t source);
static size_t mcp_conf_unescape(uint8_t *data, mcp_str_t source);
static mcp_rc_t mcp_conf_too_long(mcp_conf_t *conf, uint8_t quote,
    mcp_error_t *error);
static mcp_rc_t mcp_conf_unexpected(uint8_t ch, mcp_error_t *error);
static mcp_rc_t mcp_conf_end_of_file(mcp_error_t *error);
static void mcp_conf_skip_lua_line(mcp_conf_t *conf);
static bool mcp_conf_skip_lua_long(mcp_conf_t *conf);
static void mcp_conf_skip_lua_string(mcp_conf_t *conf, uint8_t quote);


void
mcp_conf_scan(mcp_conf_t *conf, mcp_str_t text, mcp_arena_t *arena)
{
    memset(conf, 0, sizeof(mcp_conf_t));

    conf->text = text;
    conf->line = 1;
    conf->arena = arena;
}


mcp_rc_t
mcp_conf_next(mcp_conf_t *conf, mcp_conf_token_t *token, mcp_error_t *error)
{
    uint8_t   ch;
    mcp_rc_t  rc;

    /* the words of the last directive went with the arena's reset */

    conf->words = NULL;
    conf->count = 0;
    conf->capacity = 0;
    conf->start = conf->pos;
    conf->start_line = conf->line;

    for ( ;; ) {

        rc = mcp_conf_skip_space(conf, error);
        if (rc != MCP_OK) {
            return rc;
        }

        if (conf->pos == conf->text.len) {
            if (conf->count > 0) {
                return mcp_conf_end_of_file(error);
            }

            *token = MCP_CONF_FILE_END;
            return MCP_OK;
        }

        ch = conf->text.data[conf->pos];

        if (ch == ';' || ch == '{' || ch == '}') {

            if ((conf->count == 0) != (ch == '}')) {
                return mcp_conf_unexpected(ch, error);
            }

            conf->pos++;

            *token = (ch == ';') ? MCP_CONF_DIRECTIVE
                   : (ch == '{') ? MCP_CONF_BLOCK
                   : MCP_CONF_BLOCK_END;

            return MCP_OK;
        }

        rc = mcp_conf_word(conf, error);
        if (rc != MCP_OK) {
            return rc;
        }
    }
}


mcp_rc_t
mcp_conf_skip_lua(mcp_conf_t *conf)
{
    uint8_t   ch;
    uint32_t  depth;

    depth = 1;

    while (conf->pos < conf->text.len) {

        ch = conf->text.data[conf->pos++];

        switch (ch) {

        case '\n':
            conf->line++;
            break;

        case '{':
            depth++;
            break;

        case '}':
            if (--depth == 0) {
                return MCP_OK;
            }
            break;

        case '"':
        case '\'':
            mcp_conf_skip_lua_string(conf, ch);
            break;

        case '[':
            (void) mcp_conf_skip_lua_long(conf);
            break;

        case '-':
            if (conf->pos < conf->text.len
                && conf->text.data[conf->pos] == '-')
            {
                conf->pos++;
                mcp_conf_skip_lua_line(conf);
            }
            break;
        }
    }

    return MCP_ERROR;
}


static bool
mcp_conf_space(uint8_t ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}


/*
 * Over white space and comments.  As in nginx, a word and the space that
 * ends it, or a comment, must fit the buffer together.
 */
static mcp_rc_t
mcp_conf_skip_space(mcp_conf_t *conf, mcp_error_t *error)
{
    bool     comment, word;
    uint8_t  ch;

    comment = false;
    word = (conf->count > 0);

    for ( /* void */ ; conf->pos < conf->text.len; conf->pos++) {

        if (conf->pos - conf->start == MCP_CONF_WORD_MAX) {
            return mcp_conf_too_long(conf, 0, error);
        }

        ch = conf->text.data[conf->pos];

        if (ch == '\n') {
            conf->line++;
            comment = false;
        }

        if (comment) {
            continue;
        }

        if (word && mcp_conf_space(ch)) {
            word = false;
            continue;
        }

        conf->start = conf->pos;
        conf->start_line = conf->line;

        if (ch == '#') {
            comment = true;
            continue;
        }

        if (!mcp_conf_space(ch)) {
            break;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_conf_word(mcp_conf_t *conf, mcp_error_t *error)
{
    size_t     end;
    uint8_t    quote;
    mcp_rc_t   rc;
    mcp_str_t  source;

    quote = conf->text.data[conf->pos];

    if (quote == '"' || quote == '\'') {
        conf->start++;

    } else {
        quote = 0;
    }

    rc = mcp_conf_word_end(conf, quote, &end, error);
    if (rc != MCP_OK) {
        return rc;
    }

    source.data = conf->text.data + conf->start;
    source.len = end - conf->start;

    rc = mcp_conf_push(conf, source);
    if (rc != MCP_OK || !quote) {
        return rc;
    }

    return mcp_conf_after_quote(conf, error);
}


/*
 * Finds the end of the word at conf->start and moves there, behind the
 * closing quote if there is one.  A "{" behind "$" belongs to a variable.
 */
static mcp_rc_t
mcp_conf_word_end(mcp_conf_t *conf, uint8_t quote, size_t *end,
    mcp_error_t *error)
{
    bool     escaped, variable;
    size_t   p;
    uint8_t  ch;

    escaped = false;
    variable = false;
    *end = conf->start;

    for (p = conf->start; p < conf->text.len; p++) {

        if (p - conf->start == MCP_CONF_WORD_MAX) {
            return mcp_conf_too_long(conf, quote, error);
        }

        ch = conf->text.data[p];

        if (!quote && !escaped && !(ch == '{' && variable)
            && (mcp_conf_space(ch) || ch == ';' || ch == '{'))
        {
            conf->pos = p;
            *end = p;
            return MCP_OK;
        }

        if (ch == '\n') {
            conf->line++;
        }

        if (escaped) {
            escaped = false;
            continue;
        }

        if (ch == '{' && variable) {
            continue;
        }

        variable = (ch == '$');
        escaped = (ch == '\\');

        if (quote && ch == quote) {
            conf->pos = p + 1;
            *end = p;
            return MCP_OK;
        }
    }

    return mcp_conf_end_of_file(error);
}


static mcp_rc_t
mcp_conf_after_quote(mcp_conf_t *conf, mcp_error_t *error)
{
    uint8_t  ch;

    if (conf->pos == conf->text.len) {
        return mcp_conf_end_of_file(error);
    }

    if (conf->pos - conf->start == MCP_CONF_WORD_MAX) {
        return mcp_conf_too_long(conf, 0, error);
    }

    ch = conf->text.data[conf->pos];

    if (mcp_conf_space(ch) || ch == ';' || ch == '{' || ch == ')') {
        return MCP_OK;
    }

    return mcp_conf_unexpected(ch, error);
}


/* Appends the word with its escapes resolved. */
static mcp_rc_t
mcp_conf_push(mcp_conf_t *conf, mcp_str_t source)
{
    uint8_t    *data;
    uint32_t    capacity;
    mcp_str_t  *words;

    if (conf->count == conf->capacity) {
        capacity = conf->capacity ? conf->capacity * 2 : MCP_CONF_WORDS;

        words = mcp_arena_alloc(conf->arena, capacity * sizeof(mcp_str_t));
        if (words == NULL) {
            return MCP_NOMEM;
        }

        if (conf->count) {
            memcpy(words, conf->words, conf->count * sizeof(mcp_str_t));
        }

        conf->words = words;
        conf->capacity = capacity;
    }

    data = mcp_arena_alloc(conf->arena, source.len + 1);
    if (data == NULL) {
        return MCP_NOMEM;
    }

    conf->words[conf->count].data = data;
    conf->words[conf->count].len = mcp_conf_unescape(data, source);
    conf->count++;

    return MCP_OK;
}


/* A backslash before anything else stays. */
static size_t
mcp_conf_unescape(uint8_t *data, mcp_str_t source)
{
    size_t    i;
    uint8_t  *dst, ch;

    dst = data;

    for (i = 0; i < source.len; i++) {
        ch = source.data[i];

        if (ch == '\\' && i + 1 < source.len) {

            switch (source.data[i + 1]) {

            case '"':
            case '\'':
            case '\\':
                ch = source.data[++i];
                break;

            case 't':
                ch = '\t';
                i++;
                break;

            case 'r':
                ch = '\r';
                i++;
                break;

            case 'n':
                ch = '\n';
                i++;
                break;
            }
        }

        *dst++ = ch;
    }

    return dst - data;
}


static mcp_rc_t
mcp_conf_too_long(mcp_conf_t *conf, uint8_t quote, mcp_error_t *error)
{
    conf->line = conf->start_line;

    if (quote) {
        return mcp_error_set(error, 0, conf->start, "too long parameter, "
                             "probably missing terminating \"%c\" character",
                             quote);
    }

    return mcp_error_set(error, 0, conf->start,
                         "too long parameter \"%.10s...\" started",
                         (const char *) conf->text.data + conf->start);
}


static mcp_rc_t
mcp_conf_unexpected(uint8_t ch, mcp_error_t *error)
{
    return mcp_error_set(error, 0, 0, "unexpected \"%c\"", ch);
}


static mcp_rc_t
mcp_conf_end_of_file(mcp_error_t *error)
{
    return mcp_error_set(error, 0, 0,
                         "unexpected end of file, expecting \";\" or \"}\"");
}


/* Behind "--": a long bracket, else the rest of the line. */
static void
mcp_conf_skip_lua_line(mcp_conf_t *conf)
{
    mcp_str_t  text;

    text = conf->text;

    if (conf->pos < text.len && text.data[conf->pos] == '[') {
        conf->pos++;

        if (mcp_conf_skip_lua_long(conf)) {
            return;
        }
    }

    while (conf->pos < text.len && text.data[conf->pos] != '\n') {
        conf->pos++;
    }
}


/* Behind "[": "[[ ... ]]", "[=[ ... ]=]"; false when it is none of these. */
static bool
mcp_conf_skip_lua_long(mcp_conf_t *conf)
{
    size_t     p, level, equals;
    mcp_str_t  text;

    text = conf->text;
    p = conf->pos;

    while (p < text.len && text.data[p] == '=') {
        p++;
    }

    if (p == text.len || text.data[p] != '[') {
        return false;
    }

    level = p - conf->pos;
    equals = level + 1;              /* of no closing bracket yet */

    for (p++; p < text.len; p++) {

        if (text.data[p] == ']' && equals == level) {
            conf->pos = p + 1;
            return true;
        }

        if (text.data[p] == ']') {
            equals = 0;

        } else if (text.data[p] == '=' && equals < level) {
            equals++;

        } else {
            equals = level + 1;
        }

        if (text.data[p] == '\n') {
            conf->line++;
        }
    }

    conf->pos = p;
    return true;
}


static void
mcp_conf_skip_lua_string(mcp_conf_t *conf, uint8_t quote)
{
    bool     escaped;
    uint8_t  ch;

    escaped = false;

    while (conf->pos < conf->text.len) {

        ch = conf->text.data[conf->pos++];

        if (ch == '\n') {
            conf->line++;
        }

        if (escaped) {
            escaped = false;
            continue;
        }

        if (ch == quote) {
            return;
        }

        escaped = (ch == '\\');
    }
}
