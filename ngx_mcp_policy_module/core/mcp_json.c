/*
 * The tokenizer.  No recursion: an open container keeps, in the token that
 * it will become, where its keys start ("end") and the container around it
 * ("next").
 */

#include "mcp_json_parser.h"

#define MCP_JSON_LENGTH_MAX  0x7fffffff
#define MCP_JSON_DEPTH_MAX   65535

/*
 * No step reads further than this behind its position: a quote, a block of
 * bytes, the other quote and a colon; or a sign, a block and a byte.
 */
#define MCP_JSON_STEP        (MCP_JSON_BLOCK + 4)

/* Steps of the state machine, which keeps its position in registers. */
#define mcp_json_step  static inline __attribute__((always_inline))


typedef struct {
    const char  *name;
    const char  *text;
} mcp_json_code_text_t;


static const mcp_json_code_text_t  mcp_json_codes[] = {
    [MCP_JSON_VALID]         = { "valid", "valid JSON" },
    [MCP_JSON_EMPTY]         = { "empty", "no JSON value" },
    [MCP_JSON_TOO_LARGE]     = { "too_large", "JSON text too large" },
    [MCP_JSON_ENCODING]      = { "bad_encoding",
                                 "byte order mark, UTF-16 or UTF-32" },
    [MCP_JSON_UTF8]          = { "bad_utf8", "invalid UTF-8" },
    [MCP_JSON_SYNTAX]        = { "bad_syntax", "JSON syntax error" },
    [MCP_JSON_TRAILING]      = { "trailing_data",
                                 "data after the JSON value" },
    [MCP_JSON_TRUNCATED]     = { "truncated", "JSON text ends early" },
    [MCP_JSON_DEPTH]         = { "too_deep", "JSON nested too deep" },
    [MCP_JSON_TOKENS]        = { "too_many_tokens",
                                 "too many JSON values" },
    [MCP_JSON_STRING_LENGTH] = { "string_too_long",
                                 "JSON string too long" },
    [MCP_JSON_NUMBER_LENGTH] = { "number_too_long",
                                 "JSON number too long" },
    [MCP_JSON_DUPLICATE_KEY] = { "duplicate_key",
                                 "two members of one name" },
    [MCP_JSON_KEY_NUL]       = { "key_nul", "U+0000 in a member name" },
    [MCP_JSON_KEY_SURROGATE] = { "key_surrogate",
                                 "unpaired surrogate in a member name" }
};


static const uint8_t  mcp_json_closers[] = {
    [MCP_JSON_OBJECT] = '}',
    [MCP_JSON_ARRAY]  = ']'
};


static mcp_json_code_t mcp_json_check_start(mcp_str_t text, size_t *offset);
static void mcp_json_init(mcp_json_parser_t *s, mcp_json_t *json,
    const mcp_limits_t *limits, mcp_arena_t *arena);
static mcp_rc_t mcp_json_start(mcp_json_parser_t *s);
static mcp_rc_t mcp_json_run_wide(mcp_json_parser_t *s);
static mcp_rc_t mcp_json_run_tail(mcp_json_parser_t *s);
static mcp_rc_t mcp_json_finish(mcp_json_parser_t *s, size_t i,
    uint32_t count);


mcp_rc_t
mcp_json_parse(mcp_json_t *json, mcp_str_t text, const mcp_limits_t *limits,
    mcp_arena_t *arena, mcp_error_t *error)
{
    size_t             offset;
    mcp_rc_t           rc;
    mcp_json_code_t    code;
    mcp_json_parser_t  s;

    memset(json, 0, sizeof(mcp_json_t));
    json->text = text.data;
    json->length = text.len;

    code = mcp_json_check_start(text, &offset);

    if (code != MCP_JSON_VALID) {
        return mcp_error_set(error, (int) code, offset, "%s",
                             mcp_json_codes[code].text);
    }

    mcp_json_init(&s, json, limits, arena);

    rc = mcp_json_start(&s);

    if (rc == MCP_LATER) {
        rc = mcp_json_run_wide(&s);
    }

    if (rc == MCP_LATER) {
        rc = mcp_json_run_tail(&s);
    }

    if (rc == MCP_OK) {
        json->count = s.count;

        /* gives back what was too much; larger than needed is no error */
        (void) mcp_arena_resize(arena, s.tokens,
                                s.capacity * sizeof(mcp_json_token_t),
                                s.count * sizeof(mcp_json_token_t));
        return MCP_OK;
    }

    json->tokens = NULL;
    json->defect = MCP_JSON_VALID;
    json->defect_offset = 0;

    if (s.code == MCP_JSON_VALID) {
        return MCP_NOMEM;
    }

    offset = (size_t) (s.at - s.text);

    return mcp_error_set(error, (int) s.code, offset, "%s at byte %zu",
                         mcp_json_codes[s.code].text, offset);
}


const char *
mcp_json_code_name(mcp_json_code_t code)
{
    if ((size_t) code >= sizeof(mcp_json_codes) / sizeof(mcp_json_codes[0])) {
        return "unknown";
    }

    return mcp_json_codes[code].name;
}


static mcp_json_code_t
mcp_json_check_start(mcp_str_t text, size_t *offset)
{
    size_t          i;
    const uint8_t  *p;

    p = text.data;
    *offset = 0;

    if (text.len == 0) {
        return MCP_JSON_EMPTY;
    }

    if (text.len > MCP_JSON_LENGTH_MAX) {
        return MCP_JSON_TOO_LARGE;
    }

    if (text.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        return MCP_JSON_ENCODING;
    }

    if (text.len >= 2
        && (memcmp(p, "\xfe\xff", 2) == 0 || memcmp(p, "\xff\xfe", 2) == 0))
    {
        return MCP_JSON_ENCODING;
    }

    /* JSON begins in ASCII: UTF-16 and UTF-32 show in either byte order */
    for (i = 0; i < 2 && i < text.len; i++) {

        if (p[i] == '\0') {
            *offset = i;
            return MCP_JSON_ENCODING;
        }
    }

    return MCP_JSON_VALID;
}


static void
mcp_json_init(mcp_json_parser_t *s, mcp_json_t *json,
    const mcp_limits_t *limits, mcp_arena_t *arena)
{
    /* the stack of signatures needs no zeroing */
    memset(s, 0, offsetof(mcp_json_parser_t, keys));

    s->json = json;
    s->text = json->text;
    s->end = json->text + json->length;
    s->length = json->length;
    s->limits = limits;
    s->arena = arena;
    s->depth_max = limits->depth < MCP_JSON_DEPTH_MAX ? limits->depth
                                                      : MCP_JSON_DEPTH_MAX;

    /* the wide way does not look at limits that its steps could reach */
    if (s->length > MCP_JSON_STEP && limits->string_length >= MCP_JSON_STEP
        && limits->number_length >= 2 * MCP_JSON_STEP)
    {
        s->wide = s->length - MCP_JSON_STEP;
    }

    mcp_json_keys_init(&s->keys, limits, arena);
}


/* A scalar is read here, a container left to the state machine. */
static mcp_rc_t
mcp_json_start(mcp_json_parser_t *s)
{
    size_t  i;

    i = mcp_json_slow_space(s, 0);
    s->i = i;

    if (i < s->length && (s->text[i] == '{' || s->text[i] == '[')) {
        return MCP_LATER;
    }

    if (mcp_json_grow(s, 0, i) != MCP_OK) {
        return MCP_ERROR;
    }

    i = mcp_json_slow_value(s, i, 0);

    if (i == 0) {
        return MCP_ERROR;
    }

    return mcp_json_finish(s, i, 1);
}


/*
 * The wide functions read short and simple things, where a whole step can be
 * read, and give the position behind them; else 0, for the slow way.
 */

mcp_json_step size_t
mcp_json_wide_string(const mcp_json_parser_t *s, mcp_json_token_t *t,
    const uint8_t *text, size_t i, uint32_t next)
{
    size_t  end;

    i++;
    end = i + mcp_json_special16(text + i);

    if (text[end] != '"') {
        return 0;
    }

    mcp_json_set_token(s, t, i, end, next, MCP_JSON_STRING);

    return end + 1;
}


mcp_json_step size_t
mcp_json_wide_number(const mcp_json_parser_t *s, mcp_json_token_t *t,
    const uint8_t *text, size_t i, uint32_t next)
{
    size_t    end;
    uint32_t  n;

    end = i + (text[i] == '-');
    n = mcp_json_digits16(text + end);

    if (n - 1 >= 15 || (text[end] == '0' && n != 1)) {
        return 0;
    }

    end += n;

    if (text[end] == '.') {

        if (s->length - end < MCP_JSON_STEP) {
            return 0;
        }

        n = mcp_json_digits16(text + end + 1);
        end += 1 + n;

        if (n - 1 >= 15 || (text[end] | 0x20) == 'e') {
            return 0;
        }

        mcp_json_set_token(s, t, i, end, next, MCP_JSON_NUMBER);

        return end;
    }

    if ((text[end] | 0x20) == 'e') {
        return 0;
    }

    mcp_json_set_token(s, t, i, end, next,
                       MCP_JSON_NUMBER | MCP_JSON_INTEGER << 8);

    return end;
}


mcp_json_step size_t
mcp_json_wide_literal(const mcp_json_parser_t *s, mcp_json_token_t *t,
    const uint8_t *text, size_t i, uint32_t next)
{
    size_t    end;
    uint32_t  word, type;

    word = mcp_json_load32(text + i);
    end = i + 4;

    if (word == mcp_json_load32((const uint8_t *) "true")) {
        type = MCP_JSON_TRUE;

    } else if (word == mcp_json_load32((const uint8_t *) "null")) {
        type = MCP_JSON_NULL;

    } else if (word == mcp_json_load32((const uint8_t *) "fals")
               && text[end] == 'e')
    {
        type = MCP_JSON_FALSE;
        end++;

    } else {
        return 0;
    }

    mcp_json_set_token(s, t, i, end, next, type);

    return end;
}


mcp_json_step size_t
mcp_json_wide_key(mcp_json_parser_t *s, mcp_json_token_t *t,
    const uint8_t *text, size_t i, uint32_t next)
{
    size_t    end;
    unsigned  n;

    if (text[i] != '"') {
        return 0;
    }

    i++;
    n = mcp_json_special16(text + i);
    end = i + n;

    if (text[end] != '"' || text[end + 1] != ':') {
        return 0;
    }

    mcp_json_set_token(s, t, i, end, next,
                       MCP_JSON_STRING | MCP_JSON_KEY << 8);

    s->keys.signatures[s->top++] = mcp_json_short_signature(text + i, n);

    return end + 2;
}


/* Skips white space; whether there was any. */
mcp_json_step bool
mcp_json_skip(const mcp_json_parser_t *s, const uint8_t *text, size_t *i,
    bool tail)
{
    size_t  start;

    start = *i;

    if (!tail && text[start] == ' ' && text[start + 1] > ' ') {
        *i = start + 1;
        return true;
    }

    *i = mcp_json_slow_space(s, start);

    return *i != start;
}


/* A string, number or literal as token "count". */
mcp_json_step size_t
mcp_json_scalar(mcp_json_parser_t *s, const uint8_t *text, size_t i,
    uint8_t c, uint32_t count, bool tail)
{
    size_t             end;
    mcp_json_token_t  *t;

    if (!tail) {
        t = &s->tokens[count];

        if (c == '"') {
            end = mcp_json_wide_string(s, t, text, i, count + 1);

        } else if (c <= '9') {
            end = mcp_json_wide_number(s, t, text, i, count + 1);

        } else {
            end = mcp_json_wide_literal(s, t, text, i, count + 1);
        }

        if (end != 0) {
            return end;
        }
    }

    return mcp_json_slow_value(s, i, count);
}


/* A name and its colon, as token "count". */
mcp_json_step size_t
mcp_json_key(mcp_json_parser_t *s, const uint8_t *text, size_t i,
    uint32_t count, bool tail)
{
    size_t  end;

    if (count == s->capacity && mcp_json_grow(s, count, i) != MCP_OK) {
        return 0;
    }

    if (s->top == s->keys.capacity
        && mcp_json_keys_grow(&s->keys) != MCP_OK)
    {
        return 0;
    }

    if (!tail) {
        end = mcp_json_wide_key(s, &s->tokens[count], text, i, count + 1);

        if (end != 0) {
            return end;
        }
    }

    return mcp_json_slow_key(s, i, count);
}


/*
 * Opens the container that token "count" is to become; gives the position of
 * what is next in it, 0 when it is too deep.
 */
mcp_json_step size_t
mcp_json_enter(mcp_json_parser_t *s, const uint8_t *text, size_t i,
    uint8_t c, uint32_t count, bool tail)
{
    if (s->depth == s->depth_max) {
        mcp_json_fail(s, MCP_JSON_DEPTH, text + i);
        return 0;
    }

    mcp_json_set_token(s, &s->tokens[count], i, s->top, s->open,
                       c == '{' ? MCP_JSON_OBJECT : MCP_JSON_ARRAY);

    s->open = count;
    s->closer = (uint8_t) (c + 2);     /* as ASCII has it */
    s->depth++;
    s->place += MCP_JSON_PLACE_ONE;

    i++;

    return mcp_json_peek(s, text, i, tail) > ' '
           ? i : mcp_json_slow_space(s, i);
}


/* Closes the innermost container, which ends before "end". */
mcp_json_step mcp_rc_t
mcp_json_leave(mcp_json_parser_t *s, size_t end, uint32_t next)
{
    bool               escaped;
    uint32_t           open, base, keys;
    mcp_json_token_t  *t;

    open = s->open;
    t = &s->tokens[open];
    base = t->end;
    keys = s->top - base;
    escaped = t->flags != 0;

    s->open = t->next;
    s->closer = mcp_json_closers[s->tokens[s->open].type];
    s->top = base;
    s->depth--;
    s->place -= MCP_JSON_PLACE_ONE;

    t->end = (uint32_t) end;
    t->next = next;
    t->flags = 0;

    if (keys < 2
        || (!escaped && keys <= 4
            && mcp_json_keys_distinct4(s->keys.signatures + base, keys)))
    {
        return MCP_OK;
    }

    return mcp_json_keys_check(&s->keys, s->json, open, base, keys, escaped);
}


/* Ends the wide way, for the other to go on. */
mcp_json_step mcp_rc_t
mcp_json_suspend(mcp_json_parser_t *s, mcp_json_state_t state, size_t i,
    uint32_t count)
{
    s->state = state;
    s->i = i;
    s->count = count;

    return MCP_LATER;
}


/*
 * The state machine, compiled twice: for the last bytes of the text ("tail"),
 * where every read is checked, and for all before, where one check of the
 * position covers what a step reads.  Whatever is unusual is left to the slow
 * functions, which check by themselves.
 */
mcp_json_step mcp_rc_t
mcp_json_run(mcp_json_parser_t *s, const bool tail)
{
    size_t          i;
    uint8_t         c;
    uint32_t        count;
    const uint8_t  *text;

    text = s->text;
    i = s->i;
    count = s->count;

    if (s->state == MCP_JSON_AT_KEY) {
        goto key;
    }

    if (s->state == MCP_JSON_AT_NEXT) {
        goto next;
    }

value:

    if (!tail && i >= s->wide) {
        return mcp_json_suspend(s, MCP_JSON_AT_VALUE, i, count);
    }

    if (count == s->capacity && mcp_json_grow(s, count, i) != MCP_OK) {
        return MCP_ERROR;
    }

    c = mcp_json_peek(s, text, i, tail);

    if (c == '{' || c == '[') {
        i = mcp_json_enter(s, text, i, c, count, tail);

        if (i == 0) {
            return MCP_ERROR;
        }

        count++;

        if (mcp_json_peek(s, text, i, true) == s->closer) {
            goto close;
        }

        goto element;
    }

    if (c <= ' ' && mcp_json_skip(s, text, &i, tail)) {
        goto value;
    }

    i = mcp_json_scalar(s, text, i, c, count, tail);

    if (i == 0) {
        return MCP_ERROR;
    }

    count++;

next:

    if (!tail && i >= s->wide) {
        return mcp_json_suspend(s, MCP_JSON_AT_NEXT, i, count);
    }

    c = mcp_json_peek(s, text, i, tail);

    if (c == ',') {
        i++;
        goto element;
    }

    if (c <= ' ' && mcp_json_skip(s, text, &i, tail)) {
        goto next;
    }

    if (c != s->closer) {
        return mcp_json_unexpected(s, i);
    }

close:

    i++;

    if (mcp_json_leave(s, i, count) != MCP_OK) {
        return MCP_NOMEM;
    }

    if (s->depth != 0) {
        goto next;
    }

    return mcp_json_finish(s, i, count);

element:

    if (s->closer == ']') {
        goto value;
    }

key:

    if (!tail && i >= s->wide) {
        return mcp_json_suspend(s, MCP_JSON_AT_KEY, i, count);
    }

    c = mcp_json_peek(s, text, i, tail);

    if (c <= ' ' && mcp_json_skip(s, text, &i, tail)) {
        goto key;
    }

    i = mcp_json_key(s, text, i, count, tail);

    if (i == 0) {
        return MCP_ERROR;
    }

    count++;
    goto value;
}


static __attribute__((noinline)) mcp_rc_t
mcp_json_run_wide(mcp_json_parser_t *s)
{
    return mcp_json_run(s, false);
}


static __attribute__((noinline)) mcp_rc_t
mcp_json_run_tail(mcp_json_parser_t *s)
{
    return mcp_json_run(s, true);
}


/* Nothing but white space may follow the value. */
static mcp_rc_t
mcp_json_finish(mcp_json_parser_t *s, size_t i, uint32_t count)
{
    s->count = count;
    i = mcp_json_slow_space(s, i);

    if (i == s->length) {
        return MCP_OK;
    }

    mcp_json_fail(s, MCP_JSON_TRAILING, s->text + i);

    return MCP_ERROR;
}
