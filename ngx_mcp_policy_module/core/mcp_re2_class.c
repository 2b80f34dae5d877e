/*
 * Classes.  Those of ASCII are written out as ranges: what PCRE2 means by
 * them depends on its options and its version.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE                    /* memmem */
#endif

#include "mcp_re2_class.h"


#define MCP_RE2_LAST        0x10ffff
#define MCP_RE2_RANGES_MAX  16

typedef struct {
    uint32_t  low;
    uint32_t  high;
} mcp_re2_range_t;

/* Ranges in rising order; the first with high 0 ends them. */
typedef struct {
    const char       *name;
    mcp_re2_range_t   ranges[6];
} mcp_re2_named_t;


static mcp_rc_t mcp_re2_class_items(mcp_re2_text_t *text, uint32_t flags,
    size_t start);
static mcp_rc_t mcp_re2_class_range(mcp_re2_text_t *text, size_t start);
static mcp_rc_t mcp_re2_class_character(mcp_re2_text_t *text, size_t start,
    uint32_t *c);
static mcp_rc_t mcp_re2_class_named(mcp_re2_text_t *text, uint32_t flags,
    bool *found);
static mcp_rc_t mcp_re2_class_property(mcp_re2_text_t *text, uint32_t flags,
    size_t start, bool negative);
static bool mcp_re2_property_known(mcp_str_t name);
static void mcp_re2_write_ranges(mcp_re2_text_t *text,
    const mcp_re2_named_t *named, bool negative, bool caseless);
static uint32_t mcp_re2_fold(const mcp_re2_named_t *named,
    mcp_re2_range_t *ranges);
static bool mcp_re2_has(const mcp_re2_named_t *named, uint32_t c);


/* the first three are also \d, \s, \w */
static const mcp_re2_named_t  mcp_re2_names[] = {
    { "digit", { { '0', '9' } } },
    { "", { { '\t', '\n' }, { '\f', '\r' }, { ' ', ' ' } } },
    { "word", { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } } },
    { "alnum", { { '0', '9' }, { 'A', 'Z' }, { 'a', 'z' } } },
    { "alpha", { { 'A', 'Z' }, { 'a', 'z' } } },
    { "ascii", { { 0, 0x7f } } },
    { "blank", { { '\t', '\t' }, { ' ', ' ' } } },
    { "cntrl", { { 0, 0x1f }, { 0x7f, 0x7f } } },
    { "graph", { { '!', '~' } } },
    { "lower", { { 'a', 'z' } } },
    { "print", { { ' ', '~' } } },
    { "punct", { { '!', '/' }, { ':', '@' }, { '[', '`' }, { '{', '~' } } },
    { "space", { { '\t', '\r' }, { ' ', ' ' } } },
    { "upper", { { 'A', 'Z' } } },
    { "xdigit", { { '0', '9' }, { 'A', 'F' }, { 'a', 'f' } } }
};

#define MCP_RE2_NAMES  (sizeof(mcp_re2_names) / sizeof(mcp_re2_names[0]))

/* General categories that have the same members in both libraries. */
static const char  mcp_re2_categories[] =
    " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc "
    "Sk So Z Zs Zl Zp Cc Cf Co ";


mcp_rc_t
mcp_re2_class(mcp_re2_text_t *text, uint32_t flags)
{
    size_t  start;

    start = text->pos++;

    mcp_re2_write(text, "[");

    if (mcp_re2_next(text, "^")) {
        text->pos++;
        mcp_re2_write(text, "^");
    }

    return mcp_re2_class_items(text, flags, start);
}


static mcp_rc_t
mcp_re2_class_items(mcp_re2_text_t *text, uint32_t flags, size_t start)
{
    bool      first, found;
    mcp_rc_t  rc;

    first = true;
    rc = MCP_OK;

    while (rc == MCP_OK) {

        if (text->pos == text->in.len) {
            return mcp_re2_fail(text, start, "missing \"]\"");
        }

        if (mcp_re2_next(text, "]") && !first) {
            text->pos++;
            mcp_re2_write(text, "]");
            return MCP_OK;
        }

        first = false;

        if (mcp_re2_next(text, "[:")) {
            rc = mcp_re2_class_named(text, flags, &found);

            if (rc != MCP_OK || found) {
                continue;
            }
        }

        if (mcp_re2_next(text, "\\") && text->pos + 1 < text->in.len
            && mcp_re2_is_class(text->in.data[text->pos + 1]))
        {
            rc = mcp_re2_class_escape(text, flags, true);
            continue;
        }

        rc = mcp_re2_class_range(text, start);
    }

    return rc;
}


static mcp_rc_t
mcp_re2_class_range(mcp_re2_text_t *text, size_t start)
{
    size_t    begin;
    mcp_rc_t  rc;
    uint32_t  low, high;

    begin = text->pos;
    low = 0;
    high = 0;

    rc = mcp_re2_class_character(text, start, &low);
    if (rc != MCP_OK) {
        return rc;
    }

    mcp_re2_write_code(text, low);

    /* before "]" a "-" is a character */

    if (!mcp_re2_next(text, "-") || mcp_re2_next(text, "-]")
        || text->pos + 1 == text->in.len)
    {
        return MCP_OK;
    }

    text->pos++;

    rc = mcp_re2_class_character(text, start, &high);
    if (rc != MCP_OK) {
        return rc;
    }

    if (high < low) {
        return mcp_re2_fail(text, begin, "invalid range of characters");
    }

    mcp_re2_write(text, "-");
    mcp_re2_write_code(text, high);

    return MCP_OK;
}


static mcp_rc_t
mcp_re2_class_character(mcp_re2_text_t *text, size_t start, uint32_t *c)
{
    if (text->pos == text->in.len) {
        return mcp_re2_fail(text, start, "missing \"]\"");
    }

    if (text->in.data[text->pos] == '\\') {
        return mcp_re2_escape(text, c);
    }

    *c = mcp_re2_character(text);

    return MCP_OK;
}


/* "[:word:]", "[:^word:]"; not found when there is no ":]". */
static mcp_rc_t
mcp_re2_class_named(mcp_re2_text_t *text, uint32_t flags, bool *found)
{
    bool            negative;
    size_t          i, length;
    const uint8_t  *name, *end;

    *found = false;

    name = text->in.data + text->pos + 2;
    end = memmem(name, text->in.len - text->pos - 2, ":]", 2);

    if (end == NULL) {
        return MCP_OK;
    }

    negative = end > name && *name == '^';
    name += negative;
    length = (size_t) (end - name);

    for (i = 0; i < MCP_RE2_NAMES; i++) {
        if (length != 0 && strlen(mcp_re2_names[i].name) == length
            && memcmp(mcp_re2_names[i].name, name, length) == 0)
        {
            mcp_re2_write_ranges(text, &mcp_re2_names[i], negative,
                                 flags & MCP_RE2_CASELESS);
            text->pos = (size_t) (end + 2 - text->in.data);
            *found = true;

            return MCP_OK;
        }
    }

    return mcp_re2_fail(text, text->pos, "unknown class of characters");
}


bool
mcp_re2_is_class(uint8_t c)
{
    return c != '\0' && strchr("dDsSwWpP", c) != NULL;
}


mcp_rc_t
mcp_re2_class_escape(mcp_re2_text_t *text, uint32_t flags, bool in_class)
{
    size_t    start;
    uint8_t   c;
    mcp_rc_t  rc;
    uint32_t  i;

    start = text->pos;
    c = text->in.data[start + 1];
    text->pos += 2;

    if (!in_class) {
        mcp_re2_write(text, "[");
    }

    rc = MCP_OK;

    if ((c | 0x20) == 'p') {
        rc = mcp_re2_class_property(text, flags, start, c == 'P');

    } else {
        i = (c | 0x20) == 'd' ? 0 : (c | 0x20) == 's' ? 1 : 2;

        mcp_re2_write_ranges(text, &mcp_re2_names[i], c < 'a',
                             flags & MCP_RE2_CASELESS);
    }

    if (!in_class) {
        mcp_re2_write(text, "]");
    }

    return rc;
}


/* \pL, \p{Greek}, \p{^Lu} */
static mcp_rc_t
mcp_re2_class_property(mcp_re2_text_t *text, uint32_t flags, size_t start,
    bool negative)
{
    mcp_str_t       name;
    const uint8_t  *end;

    if (text->pos == text->in.len) {
        return mcp_re2_fail(text, start, "invalid property");
    }

    name.data = text->in.data + text->pos;

    if (*name.data == '{') {
        name.data++;
        end = memchr(name.data, '}', text->in.len - text->pos - 1);

        if (end == NULL) {
            return mcp_re2_fail(text, start, "invalid property");
        }

        name.len = (size_t) (end - name.data);
        text->pos += name.len + 2;

        if (name.len > 0 && *name.data == '^') {
            negative = !negative;
            name.data++;
            name.len--;
        }

    } else {
        name.len = 1;
        text->pos++;
    }

    if (mcp_str_equal(name, mcp_str("Any"))) {
        mcp_re2_write(text, negative ? "\\P{Any}" : "\\p{Any}");
        return MCP_OK;
    }

    /* folding of whole properties differs */

    if (flags & MCP_RE2_CASELESS) {
        return mcp_re2_fail(text, start, "properties are not supported under "
                            "(?i)");
    }

    mcp_re2_write(text, negative ? "\\P{" : "\\p{");

    if (!mcp_re2_property_known(name)) {

        /* a script; PCRE2 knows its name or the pattern does not compile */

        if (name.len < 3 || name.data[0] < 'A' || name.data[0] > 'Z') {
            return mcp_re2_fail(text, start, "unknown property");
        }

        mcp_re2_write(text, "sc:");
    }

    mcp_re2_write_bytes(text, name.data, name.len);
    mcp_re2_write(text, "}");

    return MCP_OK;
}


static bool
mcp_re2_property_known(mcp_str_t name)
{
    size_t  i;
    char    word[5];

    if (name.len < 1 || name.len > 2) {
        return false;
    }

    word[0] = ' ';

    for (i = 0; i < name.len; i++) {
        word[i + 1] = (char) name.data[i];
    }

    word[i + 1] = ' ';
    word[i + 2] = '\0';

    return strstr(mcp_re2_categories, word) != NULL;
}


/* Inside of brackets, so that the complement must be ranges, too. */
static void
mcp_re2_write_ranges(mcp_re2_text_t *text, const mcp_re2_named_t *named,
    bool negative, bool caseless)
{
    uint32_t          i, count, next;
    mcp_re2_range_t   ranges[MCP_RE2_RANGES_MAX];

    count = 0;

    if (caseless) {
        count = mcp_re2_fold(named, ranges);

    } else {
        while (count < 6 && (named->ranges[count].high != 0)) {
            ranges[count] = named->ranges[count];
            count++;
        }
    }

    if (!negative) {
        for (i = 0; i < count; i++) {
            mcp_re2_write_code(text, ranges[i].low);
            mcp_re2_write(text, "-");
            mcp_re2_write_code(text, ranges[i].high);
        }

        return;
    }

    next = 0;

    for (i = 0; i < count; i++) {

        if (ranges[i].low > next) {
            mcp_re2_write_code(text, next);
            mcp_re2_write(text, "-");
            mcp_re2_write_code(text, ranges[i].low - 1);
        }

        next = ranges[i].high + 1;
    }

    mcp_re2_write_code(text, next);
    mcp_re2_write(text, "-");
    mcp_re2_write_code(text, MCP_RE2_LAST);
}


/* The other cases of letters belong to the class, too. */
static uint32_t
mcp_re2_fold(const mcp_re2_named_t *named, mcp_re2_range_t *ranges)
{
    bool      in;
    uint32_t  c, count;

    count = 0;

    for (c = 0; c < 0x80; c++) {
        in = mcp_re2_has(named, c);

        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
            in = in || mcp_re2_has(named, c ^ 0x20);
        }

        if (!in) {
            continue;
        }

        if (count > 0 && ranges[count - 1].high + 1 == c) {
            ranges[count - 1].high = c;

        } else {
            ranges[count++] = (mcp_re2_range_t) { c, c };
        }
    }

    /* long s and the sign of Kelvin */

    if (mcp_re2_has(named, 's') || mcp_re2_has(named, 'S')) {
        ranges[count++] = (mcp_re2_range_t) { 0x17f, 0x17f };
    }

    if (mcp_re2_has(named, 'k') || mcp_re2_has(named, 'K')) {
        ranges[count++] = (mcp_re2_range_t) { 0x212a, 0x212a };
    }

    return count;
}


static bool
mcp_re2_has(const mcp_re2_named_t *named, uint32_t c)
{
    uint32_t  i;

    for (i = 0; i < 6 && named->ranges[i].high != 0; i++) {
        if (c >= named->ranges[i].low && c <= named->ranges[i].high) {
            return true;
        }
    }

    return false;
}
