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
 * bytes, the other quote and a colon; or a sign, a block, a point, another
 * block and a byte.
 */
#define MCP_JSON_STEP        (2 * MCP_JSON_BLOCK + 4)

/* Steps of the state machine, which keeps its position in registers. */
#define mcp_json_seldom(x)  __builtin_expect(x, 0)
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
static mcp_rc_t mcp_json_run_text(mcp_json_parser_t *s);
static mcp_rc_t mcp_json_run_wide(mcp_json_parser_t *s, const uint8_t *text,
    size_t wide);
static mcp_rc_t mcp_json_run_tail(mcp_json_parser_t *s);
static mcp_rc_t mcp_json_finish(mcp_json_parser_t *s, size_t i,
    uint64_t place);


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
        rc = mcp_json_run_text(&s);
    }

    if (rc == MCP_OK) {
        json->count = s.count;

        /* gives back what was too much; larger than needed is no error */
        (void) mcp_arena_resize(arena, s.tokens,
                                (size_t) ((uint8_t *) s.tokens_end
                                          - (uint8_t *) s.tokens),
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
    s->place_max = MCP_JSON_PLACE_DEEPER
                   * (limits->depth < MCP_JSON_DEPTH_MAX ? limits->depth
                                                         : MCP_JSON_DEPTH_MAX);

    mcp_json_keys_init(&s->keys, limits, arena);
    s->top = s->keys.signatures;
}


/* A scalar is read here, a container left to the state machine. */
static mcp_rc_t
mcp_json_start(mcp_json_parser_t *s)
{
    size_t  i;

    i = mcp_json_slow_space(s, 0);
    s->i = i;

    if (mcp_json_grow(s, i, 0) == NULL) {
        return MCP_ERROR;
    }

    if (i < s->length && (s->text[i] == '{' || s->text[i] == '[')) {
        return MCP_LATER;
    }

    i = mcp_json_slow_value(s, i, 0);

    if (i == 0) {
        return MCP_ERROR;
    }

    return mcp_json_finish(s, i, 1);
}


/*
 * All of the text but its end is read wide where it is, and its end in a copy
 * that goes on with zeros, which are right nowhere: what is cut short is left
 * to the checks of the tail.
 */
static mcp_rc_t
mcp_json_run_text(mcp_json_parser_t *s)
{
    mcp_rc_t  rc;
    uint8_t   end[2 * MCP_JSON_STEP];

    /* the wide way does not look at limits that its steps could reach */
    if (s->limits->string_length < MCP_JSON_STEP
        || s->limits->number_length < MCP_JSON_STEP)
    {
        return mcp_json_run_tail(s);
    }

    if (s->length > MCP_JSON_STEP) {
        rc = mcp_json_run_wide(s, s->text, s->length - MCP_JSON_STEP);

        if (rc != MCP_LATER) {
            return rc;
        }
    }

    memset(end, 0, sizeof(end));
    memcpy(end, s->text + s->i, s->length - s->i);

    /* positions remain those of the text */
    rc = mcp_json_run_wide(s, (const uint8_t *) ((uintptr_t) end - s->i),
                           s->length);

    return rc == MCP_LATER ? mcp_json_run_tail(s) : rc;
}


/*
 * The wide functions read short and simple things, where a whole step can be
 * read, and move the position behind them; else false, for the slow way.
 */

mcp_json_step bool
mcp_json_wide_string(mcp_json_token_t *t, const uint8_t *text, size_t *i,
    uint64_t place)
{
    size_t  start, end;

    start = *i + 1;
    end = start + mcp_json_special16(text + start);

    if (text[end] != '"') {
        return false;
    }

    mcp_json_set_token(t, start, end, place + 1, MCP_JSON_STRING);
    *i = end + 1;

    return true;
}


mcp_json_step bool
mcp_json_wide_number(mcp_json_token_t *t, const uint8_t *text, size_t *i,
    uint64_t place)
{
    size_t    end;
    uint8_t   c;
    uint32_t  n;

    end = *i + (text[*i] == '-');
    n = mcp_json_digits16(text + end);

    if (n - 1 >= 15 || (text[end] == '0' && n != 1)) {
        return false;
    }

    end += n;
    c = text[end];

    if (c == '.') {
        n = mcp_json_digits16(text + end + 1);
        end += 1 + n;

        if (n - 1 >= 15 || (text[end] | 0x20) == 'e') {
            return false;
        }

        mcp_json_set_token(t, *i, end, place + 1, MCP_JSON_NUMBER);
        *i = end;

        return true;
    }

    if ((c | 0x20) == 'e') {
        return false;
    }

    mcp_json_set_token(t, *i, end, place + 1,
                       MCP_JSON_NUMBER | MCP_JSON_INTEGER << 8);
    *i = end;

    return true;
}


mcp_json_step bool
mcp_json_wide_literal(mcp_json_token_t *t, const uint8_t *text, size_t *i,
    uint64_t place)
{
    size_t    end;
    uint32_t  word, type;

    word = mcp_json_load32(text + *i);
    end = *i + 4;

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
        return false;
    }

    mcp_json_set_token(t, *i, end, place + 1, type);
    *i = end;

    return true;
}


/* A name with nothing around it, and the colon. */
mcp_json_step bool
mcp_json_wide_key(mcp_json_token_t *t, const uint8_t *text, size_t *i,
    uint64_t place, uint32_t *signature)
{
    size_t    start, end;
    unsigned  n;

    start = *i + 1;
    n = mcp_json_special16(text + start);
    end = start + n;

    if (memcmp(text + end, "\":", 2) != 0) {
        return false;
    }

    mcp_json_set_token(t, start, end, place + 1,
                       MCP_JSON_STRING | MCP_JSON_KEY << 8);

    *signature = mcp_json_short_signature(text + start, n);
    *i = end + 2;

    return true;
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


/* Opens a container; the position is where something may be in it. */
mcp_json_step bool
mcp_json_enter(mcp_json_parser_t *s, mcp_json_token_t **t,
    const uint8_t *text, size_t *i, uint8_t c, uint64_t *place,
    const uint32_t *top, bool tail)
{
    uint32_t  index;

    if (*place >= s->place_max) {
        mcp_json_fail(s, MCP_JSON_DEPTH, s->text + *i);
        return false;
    }

    index = mcp_json_place_index(*place);

    mcp_json_set_token((*t)++, *i, (size_t) (top - s->keys.signatures),
                       *place - index + s->open,
                       c == '{' ? MCP_JSON_OBJECT : MCP_JSON_ARRAY);

    s->open = index;
    *place += 1 + MCP_JSON_PLACE_DEEPER;
    *i += 1;

    if (mcp_json_peek(s, text, *i, tail) <= ' ') {
        *i = mcp_json_slow_space(s, *i);
    }

    return true;
}


/* Closes the innermost container, which ends before "end". */
mcp_json_step mcp_rc_t
mcp_json_leave(mcp_json_parser_t *s, size_t end, uint64_t place,
    uint32_t **top)
{
    bool               escaped;
    uint32_t           open, base, keys;
    mcp_json_token_t  *t;

    open = s->open;
    t = &s->tokens[open];
    base = t->end;
    keys = (uint32_t) (*top - s->keys.signatures) - base;
    escaped = t->flags != 0;

    s->open = t->next;
    *top = s->keys.signatures + base;

    t->end = (uint32_t) end;
    t->next = mcp_json_place_index(place);
    t->flags = 0;

    if (keys < 2
        || (!escaped && keys <= 8 && mcp_json_keys_distinct8(*top, keys)))
    {
        return MCP_OK;
    }

    return mcp_json_keys_check(&s->keys, s->json, open, base, keys, escaped);
}


/* Ends the wide way, for the other to go on. */
mcp_json_step mcp_rc_t
mcp_json_suspend(mcp_json_parser_t *s, mcp_json_state_t state, size_t i,
    uint64_t place, uint32_t *top, uint8_t closer)
{
    s->state = state;
    s->i = i;
    s->place = place;
    s->top = top;
    s->closer = closer;

    return MCP_LATER;
}


/* Room for the next token. */
mcp_json_step bool
mcp_json_room(mcp_json_parser_t *s, mcp_json_token_t **t, size_t i,
    uint64_t place)
{
    if (mcp_json_seldom(*t == s->tokens_end)) {
        *t = mcp_json_grow(s, i, place);
    }

    return *t != NULL;
}


/* Likewise for the next signature. */
mcp_json_step bool
mcp_json_signature_room(mcp_json_parser_t *s, uint32_t **top)
{
    if (mcp_json_seldom(*top == s->keys.signatures_end)) {
        *top = mcp_json_keys_grow(&s->keys);
    }

    return *top != NULL;
}


/* A string, number or literal. */
mcp_json_step bool
mcp_json_scalar(mcp_json_parser_t *s, mcp_json_token_t **t,
    const uint8_t *text, size_t *i, uint8_t c, uint64_t *place, bool tail)
{
    bool  read;

    if (c == '"') {
        read = !tail && mcp_json_wide_string(*t, text, i, *place);

    } else if (c <= '9') {
        read = !tail && mcp_json_wide_number(*t, text, i, *place);

    } else {
        read = !tail && mcp_json_wide_literal(*t, text, i, *place);
    }

    if (mcp_json_seldom(!read)) {
        *i = mcp_json_slow_value(s, *i, *place);

        if (*i == 0) {
            return false;
        }
    }

    *t += 1;
    *place += 1;

    return true;
}


/* A name and its colon. */
mcp_json_step bool
mcp_json_key(mcp_json_parser_t *s, mcp_json_token_t **t,
    const uint8_t *text, size_t *i, uint8_t c, uint64_t *place,
    uint32_t **top, bool tail)
{
    if (!mcp_json_room(s, t, *i, *place) || !mcp_json_signature_room(s, top))
    {
        return false;
    }

    if (mcp_json_seldom(tail || c != '"'
                        || !mcp_json_wide_key(*t, text, i, *place, *top)))
    {
        *i = mcp_json_slow_key(s, *i, *place);

        if (*i == 0) {
            return false;
        }

        **top = s->signature;
    }

    *t += 1;
    *place += 1;
    *top += 1;

    return true;
}


/*
 * The state machine, compiled twice: with every read checked ("tail"), and
 * with one check of the position, which is below "wide", for all that a step
 * reads of "text".  Whatever is unusual is left to the slow functions, which
 * check by themselves.
 */
mcp_json_step mcp_rc_t
mcp_json_run(mcp_json_parser_t *s, const uint8_t *text, size_t wide,
    const bool tail)
{
    size_t             i;
    uint8_t            c, closer;
    uint32_t          *top;
    uint64_t           place;
    mcp_json_token_t  *t;

    i = s->i;
    place = s->place;
    top = s->top;
    closer = s->closer;
    t = s->tokens + mcp_json_place_index(place);

    if (s->state == MCP_JSON_AT_KEY) {
        goto key;
    }

    if (s->state == MCP_JSON_AT_NEXT) {
        goto next;
    }

value:

    if (!tail && i >= wide) {
        return mcp_json_suspend(s, MCP_JSON_AT_VALUE, i, place, top, closer);
    }

    if (!mcp_json_room(s, &t, i, place)) {
        return MCP_ERROR;
    }

    c = mcp_json_peek(s, text, i, tail);

    /* most are strings, and quickly known not to be all else */

    if (c != '"' && (c == '{' || c == '[')) {

        if (!mcp_json_enter(s, &t, text, &i, c, &place, top, tail)) {
            return MCP_ERROR;
        }

        closer = (uint8_t) (c + 2);     /* as ASCII has it */

        if (mcp_json_peek(s, text, i, true) == closer) {
            goto close;
        }

        goto element;
    }

    if (c != '"' && mcp_json_seldom(c <= ' ')
        && mcp_json_skip(s, text, &i, tail))
    {
        goto value;
    }

    if (!mcp_json_scalar(s, &t, text, &i, c, &place, tail)) {
        return MCP_ERROR;
    }

next:

    if (!tail && i >= wide) {
        return mcp_json_suspend(s, MCP_JSON_AT_NEXT, i, place, top, closer);
    }

    c = mcp_json_peek(s, text, i, tail);

    if (c == ',') {
        i++;
        goto element;
    }

    if (mcp_json_seldom(c <= ' ') && mcp_json_skip(s, text, &i, tail)) {
        goto next;
    }

    if (c != closer) {
        return mcp_json_unexpected(s, i);
    }

close:

    i++;
    place -= MCP_JSON_PLACE_DEEPER;

    if (mcp_json_leave(s, i, place, &top) != MCP_OK) {
        return MCP_NOMEM;
    }

    if (place < MCP_JSON_PLACE_DEEPER) {
        return mcp_json_finish(s, i, place);
    }

    closer = mcp_json_closers[s->tokens[s->open].type];
    goto next;

element:

    if (closer == ']') {
        goto value;
    }

key:

    if (!tail && i >= wide) {
        return mcp_json_suspend(s, MCP_JSON_AT_KEY, i, place, top, closer);
    }

    c = mcp_json_peek(s, text, i, tail);

    if (c != '"' && c <= ' ' && mcp_json_skip(s, text, &i, tail)) {
        goto key;
    }

    if (!mcp_json_key(s, &t, text, &i, c, &place, &top, tail)) {
        return MCP_ERROR;
    }

    goto value;
}


static __attribute__((noinline)) mcp_rc_t
mcp_json_run_wide(mcp_json_parser_t *s, const uint8_t *text, size_t wide)
{
    return mcp_json_run(s, text, wide, false);
}


static __attribute__((noinline)) mcp_rc_t
mcp_json_run_tail(mcp_json_parser_t *s)
{
    return mcp_json_run(s, s->text, 0, true);
}


/* Nothing but white space may follow the value. */
static mcp_rc_t
mcp_json_finish(mcp_json_parser_t *s, size_t i, uint64_t place)
{
    s->count = mcp_json_place_index(place);
    i = mcp_json_slow_space(s, i);

    if (i == s->length) {
        return MCP_OK;
    }

    mcp_json_fail(s, MCP_JSON_TRAILING, s->text + i);

    return MCP_ERROR;
}
