/*
 * Regular expressions of ECMA-262 (Unicode mode) as PCRE2 reads them.  What
 * the two read differently is rewritten; what one of them lacks is refused.
 */

#include "mcp_schema_private.h"


/* What one byte of a pattern may become, "\S" being the longest. */
#define MCP_SCHEMA_GROWTH  128

typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    uint8_t        *dst;
    const char     *what;
} mcp_schema_source_t;

typedef struct {
    mcp_str_t  name;
    mcp_str_t  category;
} mcp_schema_category_t;


static bool mcp_schema_group(mcp_schema_source_t *s);
static bool mcp_schema_class(mcp_schema_source_t *s);
static bool mcp_schema_is_range(const mcp_schema_source_t *s);
static bool mcp_schema_class_one(mcp_schema_source_t *s, bool *set);
static bool mcp_schema_quantifier(mcp_schema_source_t *s);
static bool mcp_schema_escape(mcp_schema_source_t *s, bool in_class,
    bool *set);
static bool mcp_schema_code_point(mcp_schema_source_t *s);
static bool mcp_schema_hex(mcp_schema_source_t *s, unsigned digits,
    uint32_t *code);
static bool mcp_schema_property(mcp_schema_source_t *s);
static bool mcp_schema_refuse(mcp_schema_source_t *s, const char *what);
static void mcp_schema_put(mcp_schema_source_t *s, mcp_str_t text);
static void mcp_schema_put_code(mcp_schema_source_t *s, uint32_t code);


/* White space and line ends of ECMA-262, and all that is neither. */

#define MCP_SCHEMA_SPACE                                                      \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}"        \
    "\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"

#define MCP_SCHEMA_NO_SPACE                                                   \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}"             \
    "\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"               \
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}"               \
    "\\x{ff00}-\\x{10ffff}"

/* The long names of the general categories. */
static const mcp_schema_category_t  mcp_schema_categories[] = {
    { mcp_str_init("Letter"), mcp_str_init("L") },
    { mcp_str_init("Cased_Letter"), mcp_str_init("L&") },
    { mcp_str_init("LC"), mcp_str_init("L&") },
    { mcp_str_init("Uppercase_Letter"), mcp_str_init("Lu") },
    { mcp_str_init("Lowercase_Letter"), mcp_str_init("Ll") },
    { mcp_str_init("Titlecase_Letter"), mcp_str_init("Lt") },
    { mcp_str_init("Modifier_Letter"), mcp_str_init("Lm") },
    { mcp_str_init("Other_Letter"), mcp_str_init("Lo") },
    { mcp_str_init("Mark"), mcp_str_init("M") },
    { mcp_str_init("Combining_Mark"), mcp_str_init("M") },
    { mcp_str_init("Nonspacing_Mark"), mcp_str_init("Mn") },
    { mcp_str_init("Spacing_Mark"), mcp_str_init("Mc") },
    { mcp_str_init("Enclosing_Mark"), mcp_str_init("Me") },
    { mcp_str_init("Number"), mcp_str_init("N") },
    { mcp_str_init("Decimal_Number"), mcp_str_init("Nd") },
    { mcp_str_init("digit"), mcp_str_init("Nd") },
    { mcp_str_init("Letter_Number"), mcp_str_init("Nl") },
    { mcp_str_init("Other_Number"), mcp_str_init("No") },
    { mcp_str_init("Punctuation"), mcp_str_init("P") },
    { mcp_str_init("punct"), mcp_str_init("P") },
    { mcp_str_init("Connector_Punctuation"), mcp_str_init("Pc") },
    { mcp_str_init("Dash_Punctuation"), mcp_str_init("Pd") },
    { mcp_str_init("Open_Punctuation"), mcp_str_init("Ps") },
    { mcp_str_init("Close_Punctuation"), mcp_str_init("Pe") },
    { mcp_str_init("Initial_Punctuation"), mcp_str_init("Pi") },
    { mcp_str_init("Final_Punctuation"), mcp_str_init("Pf") },
    { mcp_str_init("Other_Punctuation"), mcp_str_init("Po") },
    { mcp_str_init("Symbol"), mcp_str_init("S") },
    { mcp_str_init("Math_Symbol"), mcp_str_init("Sm") },
    { mcp_str_init("Currency_Symbol"), mcp_str_init("Sc") },
    { mcp_str_init("Modifier_Symbol"), mcp_str_init("Sk") },
    { mcp_str_init("Other_Symbol"), mcp_str_init("So") },
    { mcp_str_init("Separator"), mcp_str_init("Z") },
    { mcp_str_init("Space_Separator"), mcp_str_init("Zs") },
    { mcp_str_init("Line_Separator"), mcp_str_init("Zl") },
    { mcp_str_init("Paragraph_Separator"), mcp_str_init("Zp") },
    { mcp_str_init("Other"), mcp_str_init("C") },
    { mcp_str_init("Control"), mcp_str_init("Cc") },
    { mcp_str_init("cntrl"), mcp_str_init("Cc") },
    { mcp_str_init("Format"), mcp_str_init("Cf") },
    { mcp_str_init("Surrogate"), mcp_str_init("Cs") },
    { mcp_str_init("Private_Use"), mcp_str_init("Co") },
    { mcp_str_init("Unassigned"), mcp_str_init("Cn") }
};


static inline bool
mcp_schema_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}


static inline bool
mcp_schema_is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}


mcp_rc_t
mcp_schema_translate(mcp_str_t pattern, mcp_arena_t *arena,
    mcp_str_t *regex, const char **what)
{
    bool                 done, set;
    uint8_t             *start;
    mcp_schema_source_t  s;

    if (pattern.len > MCP_REGEX_PATTERN_MAX) {
        *what = "is too long a regex";
        return MCP_ERROR;
    }

    start = mcp_arena_alloc(arena, pattern.len * MCP_SCHEMA_GROWTH
                                   + MCP_SCHEMA_GROWTH);

    if (start == NULL) {
        return MCP_NOMEM;
    }

    s.p = pattern.data;
    s.end = pattern.data + pattern.len;
    s.dst = start;
    s.what = NULL;
    done = true;

    while (done && s.p < s.end) {

        switch (*s.p) {

        case '\\':
            done = mcp_schema_escape(&s, false, &set);
            break;

        case '(':
            done = mcp_schema_group(&s);
            break;

        case '[':
            done = mcp_schema_class(&s);
            break;

        case '*':
        case '+':
        case '?':
        case '{':
            done = mcp_schema_quantifier(&s);
            break;

        case '.':
            s.p++;
            mcp_schema_put(&s, mcp_str("[^\\n\\r\\x{2028}\\x{2029}]"));
            break;

        default:
            *s.dst++ = *s.p++;
            break;
        }
    }

    if (!done) {
        *what = s.what;
        return MCP_ERROR;
    }

    regex->data = start;
    regex->len = (size_t) (s.dst - start);

    (void) mcp_arena_resize(arena, start, pattern.len * MCP_SCHEMA_GROWTH
                                          + MCP_SCHEMA_GROWTH, regex->len);

    return MCP_OK;
}


/* At "(": what both have. */

static bool
mcp_schema_group(mcp_schema_source_t *s)
{
    const uint8_t  *p;

    p = s->p + 1;
    *s->dst++ = *s->p++;

    if (p == s->end) {
        return true;
    }

    if (*p == '*') {
        return mcp_schema_refuse(s, "has nothing to repeat after \"(\"");
    }

    if (*p != '?') {
        return true;
    }

    p++;

    if (p < s->end && *p == '<') {
        p++;
        p += (p < s->end && *p == '=') || (p < s->end && *p == '!');

    } else if (p < s->end && (*p == ':' || *p == '=' || *p == '!')) {
        p++;

    } else {
        return mcp_schema_refuse(s, "has a group \"(?\" that JSON Schema's "
                                 "regex does not know");
    }

    mcp_schema_put(s, (mcp_str_t) { s->p, (size_t) (p - s->p) });
    s->p = p;

    return true;
}


/* At "[".  No class of POSIX inside, and "]" always ends it. */

static bool
mcp_schema_class(mcp_schema_source_t *s)
{
    bool  set;

    s->p++;

    if (s->end - s->p >= 1 && s->p[0] == ']') {
        s->p++;
        mcp_schema_put(s, mcp_str("(?!)"));
        return true;
    }

    if (s->end - s->p >= 2 && s->p[0] == '^' && s->p[1] == ']') {
        s->p += 2;
        mcp_schema_put(s, mcp_str("(?s:.)"));
        return true;
    }

    *s->dst++ = '[';

    if (s->p < s->end && *s->p == '^') {
        *s->dst++ = *s->p++;
    }

    while (s->p < s->end && *s->p != ']') {

        if (!mcp_schema_class_one(s, &set)) {
            return false;
        }

        /* "-" beside a class stands for itself */

        if (set || !mcp_schema_is_range(s)) {
            continue;
        }

        *s->dst++ = *s->p++;

        if (!mcp_schema_class_one(s, &set)) {
            return false;
        }
    }

    if (s->p == s->end) {
        return mcp_schema_refuse(s, "lacks \"]\"");
    }

    *s->dst++ = *s->p++;

    return true;
}


static bool
mcp_schema_is_range(const mcp_schema_source_t *s)
{
    static const uint8_t  sets[] = "dDwWsSpP";

    if (s->end - s->p < 2 || s->p[0] != '-' || s->p[1] == ']') {
        return false;
    }

    return s->p[1] != '\\' || s->end - s->p < 3
           || memchr(sets, s->p[2], sizeof(sets) - 1) == NULL;
}


/* One character of a class, or a set of them. */

static bool
mcp_schema_class_one(mcp_schema_source_t *s, bool *set)
{
    *set = false;

    if (*s->p == '\\') {
        return mcp_schema_escape(s, true, set);
    }

    if (*s->p == '[' || *s->p == '-' || *s->p == '^') {
        *s->dst++ = '\\';
    }

    do {
        *s->dst++ = *s->p++;
    } while (s->p < s->end && (*s->p & 0xc0) == 0x80);

    return true;
}


/* PCRE2 has possessive ones, and takes "{" that begins none for itself. */

static bool
mcp_schema_quantifier(mcp_schema_source_t *s)
{
    const uint8_t  *p;

    p = s->p + 1;

    if (*s->p == '{') {
        while (p < s->end && mcp_schema_is_digit(*p)) {
            p++;
        }

        if (p > s->p + 1 && p < s->end && *p == ',') {
            p++;

            while (p < s->end && mcp_schema_is_digit(*p)) {
                p++;
            }
        }

        if (p == s->p + 1 || p == s->end || *p != '}') {
            *s->dst++ = '\\';
            *s->dst++ = *s->p++;
            return true;
        }

        p++;
    }

    if (p < s->end && *p == '+') {
        return mcp_schema_refuse(s, "has nothing to repeat before \"+\"");
    }

    if (p < s->end && *p == '?') {
        p++;

        if (p < s->end && (*p == '+' || *p == '?' || *p == '*')) {
            return mcp_schema_refuse(s, "has nothing to repeat after a "
                                     "quantifier");
        }
    }

    mcp_schema_put(s, (mcp_str_t) { s->p, (size_t) (p - s->p) });
    s->p = p;

    return true;
}


/* At a backslash; *set: it stands for several characters. */

static bool
mcp_schema_escape(mcp_schema_source_t *s, bool in_class, bool *set)
{
    uint8_t  c;

    *set = false;

    if (s->end - s->p < 2) {
        return mcp_schema_refuse(s, "ends with a backslash");
    }

    c = s->p[1];

    switch (c) {

    case 's':
    case 'S':
        *set = true;
        s->p += 2;

        mcp_schema_put(s, in_class ? mcp_str("") : mcp_str("["));
        mcp_schema_put(s, (c == 's') ? mcp_str(MCP_SCHEMA_SPACE)
                                     : mcp_str(MCP_SCHEMA_NO_SPACE));
        mcp_schema_put(s, in_class ? mcp_str("") : mcp_str("]"));
        return true;

    case 'd':
    case 'D':
    case 'w':
    case 'W':
        *set = true;
        break;

    case 'b':
        if (in_class) {
            s->p += 2;
            mcp_schema_put_code(s, '\b');
            return true;
        }

        break;

    case 'B':
        if (in_class) {
            return mcp_schema_refuse(s, "has \"\\B\" in a class");
        }

        break;

    case 'f':
    case 'n':
    case 'r':
    case 't':
        break;

    case 'p':
    case 'P':
        *set = true;
        return mcp_schema_property(s);

    case 'v':
    case '0':
    case 'c':
    case 'x':
    case 'u':
        return mcp_schema_code_point(s);

    case 'k':
        return mcp_schema_refuse(s, "refers back to a group, which is not "
                                 "supported");

    default:
        if (mcp_schema_is_digit(c)) {
            return mcp_schema_refuse(s, "refers back to a group, which is "
                                     "not supported");
        }

        if (mcp_schema_is_letter(c)) {
            return mcp_schema_refuse(s, "has a backslash before a letter "
                                     "that means nothing in JSON Schema's "
                                     "regex");
        }

        break;
    }

    mcp_schema_put(s, (mcp_str_t) { s->p, 2 });
    s->p += 2;

    return true;
}


/* Escapes of one code point, which PCRE2 spells in another way. */

static bool
mcp_schema_code_point(mcp_schema_source_t *s)
{
    uint8_t   c;
    uint32_t  code, low;

    c = s->p[1];
    s->p += 2;

    switch (c) {

    case 'v':
        code = 0x0b;
        break;

    case '0':
        if (s->p < s->end && mcp_schema_is_digit(*s->p)) {
            return mcp_schema_refuse(s, "has an octal escape");
        }

        code = 0;
        break;

    case 'c':
        if (s->p == s->end || !mcp_schema_is_letter(*s->p)) {
            return mcp_schema_refuse(s, "has \"\\c\" without a letter");
        }

        code = *s->p++ & 0x1f;
        break;

    case 'x':
        if (!mcp_schema_hex(s, 2, &code)) {
            return mcp_schema_refuse(s, "has \"\\x\" without two digits");
        }

        break;

    default:
        if (!mcp_schema_hex(s, 4, &code)) {
            return mcp_schema_refuse(s, "has \"\\u\" without digits");
        }

        if ((code & 0xfc00) == 0xd800 && s->end - s->p >= 6
            && s->p[0] == '\\' && s->p[1] == 'u' && s->p[2] != '{')
        {
            s->p += 2;

            if (!mcp_schema_hex(s, 4, &low)) {
                return mcp_schema_refuse(s, "has \"\\u\" without digits");
            }

            if ((low & 0xfc00) == 0xdc00) {
                code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
            }
        }

        break;
    }

    if (code > 0x10ffff || (code & 0xfffff800) == 0xd800) {
        return mcp_schema_refuse(s, "names no character");
    }

    mcp_schema_put_code(s, code);

    return true;
}


/* "digits" of them; after "\u" also any number within braces. */

static bool
mcp_schema_hex(mcp_schema_source_t *s, unsigned digits, uint32_t *code)
{
    bool      braces;
    uint8_t   c;
    unsigned  i;

    braces = digits == 4 && s->p < s->end && *s->p == '{';
    s->p += braces;
    *code = 0;

    for (i = 0; s->p < s->end && (braces || i < digits); i++) {
        c = *s->p;

        if (mcp_schema_is_digit(c)) {
            c = (uint8_t) (c - '0');

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            c = (uint8_t) ((c | 0x20) - 'a' + 10);

        } else {
            break;
        }

        *code = *code << 4 | c;
        s->p++;

        if (*code > 0x10ffff) {
            return true;
        }
    }

    if (!braces) {
        return i == digits;
    }

    if (i == 0 || s->p == s->end || *s->p != '}') {
        return false;
    }

    s->p++;

    return true;
}


/* "\p{...}": a category or a script, or what else PCRE2 knows. */

static bool
mcp_schema_property(mcp_schema_source_t *s)
{
    size_t          i;
    mcp_str_t       name, value;
    const uint8_t  *end, *equals;

    if (s->end - s->p < 3 || s->p[2] != '{') {
        return mcp_schema_refuse(s, "has \"\\p\" without \"{\"");
    }

    name.data = s->p + 3;
    end = memchr(name.data, '}', (size_t) (s->end - name.data));

    if (end == NULL) {
        return mcp_schema_refuse(s, "has \"\\p\" without \"}\"");
    }

    name.len = (size_t) (end - name.data);
    equals = memchr(name.data, '=', name.len);
    value = name;

    if (equals != NULL) {
        name.len = (size_t) (equals - name.data);
        value.data = equals + 1;
        value.len = (size_t) (end - value.data);

        if (!mcp_str_equal(name, mcp_str("General_Category"))
            && !mcp_str_equal(name, mcp_str("gc"))
            && !mcp_str_equal(name, mcp_str("Script"))
            && !mcp_str_equal(name, mcp_str("sc"))
            && !mcp_str_equal(name, mcp_str("Script_Extensions"))
            && !mcp_str_equal(name, mcp_str("scx")))
        {
            return mcp_schema_refuse(s, "names a property that is not "
                                     "known");
        }
    }

    for (i = 0; i < value.len; i++) {
        if (!mcp_schema_is_letter(value.data[i])
            && !mcp_schema_is_digit(value.data[i]) && value.data[i] != '_')
        {
            return mcp_schema_refuse(s, "names a property that is not "
                                     "known");
        }
    }

    mcp_schema_put(s, (mcp_str_t) { s->p, 3 });

    if (equals != NULL && (name.data[0] == 's' || name.data[0] == 'S')) {
        mcp_schema_put(s, (name.len == 6 || name.len == 2)
                          ? mcp_str("sc:") : mcp_str("scx:"));

    } else {
        for (i = 0; i < sizeof(mcp_schema_categories)
                        / sizeof(mcp_schema_categories[0]); i++)
        {
            if (mcp_str_equal(mcp_schema_categories[i].name, value)) {
                value = mcp_schema_categories[i].category;
                break;
            }
        }
    }

    mcp_schema_put(s, value);
    *s->dst++ = '}';
    s->p = end + 1;

    return true;
}


static bool
mcp_schema_refuse(mcp_schema_source_t *s, const char *what)
{
    s->what = what;

    return false;
}


static void
mcp_schema_put(mcp_schema_source_t *s, mcp_str_t text)
{
    memcpy(s->dst, text.data, text.len);
    s->dst += text.len;
}


static void
mcp_schema_put_code(mcp_schema_source_t *s, uint32_t code)
{
    int  shift;

    static const uint8_t  hex[] = "0123456789abcdef";

    mcp_schema_put(s, mcp_str("\\x{"));

    for (shift = 20; shift >= 0; shift -= 4) {
        *s->dst++ = hex[code >> shift & 0x0f];
    }

    *s->dst++ = '}';
}
