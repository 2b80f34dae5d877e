/*
 * Regular expressions of RE2 as PCRE2 gets them.  A pattern that is taken
 *
 *   captures nothing, and is translated in the same way again;
 *   matches the same in a group, beside itself, with flags that decide only
 *   which match is found, and with anything allowed before and behind it;
 *   matches of ASCII what PCRE2 itself matches with it, if it is made of what
 *   both dialects have in common.
 *
 * One that is not taken has an error inside of it.
 *
 * Input: the pattern, a line feed, the subject.
 */

#define PCRE2_CODE_UNIT_WIDTH  8

#include "fuzz.h"

#include <pcre2.h>

#include "mcp_condition.h"
#include "mcp_pattern.h"
#include "mcp_re2.h"

#define PATTERN_MAX  200
#define SUBJECT_MAX  200

/* What RE2 also takes behind a backslash, with the same meaning. */
#define ESCAPES      "dDwWAzbBnrtf\\.+*?()|[]{}^$-/"


/* What stands around a pattern without a change of what matches. */
static const struct {
    const char  *before;
    const char  *after;
} forms[] = {
    { "(?:", ")" },
    { "(", ")" },
    { "(?P<fuzz_name>", ")" },
    { "(?U)(?:", ")" },
    { "(?:", ")(?i)" },
    { "\\Q\\E", "" },
    { "(?s-i:^.*)(?:", ")(?s-i:.*$)" },
    { "(?:", ")|[^\\x00-\\x{10FFFF}]" },
    { "(?:", "){1}" },
};


/* NULL without a translation, or when PCRE2 does not take that. */
static mcp_regex_t *
compile(mcp_str_t pattern, mcp_arena_t *arena)
{
    mcp_str_t    translated, again;
    mcp_error_t  error;

    error.offset = 0;
    error.text[0] = '\0';

    if (mcp_re2_translate(pattern, arena, &translated, &error) != MCP_OK) {
        check(error.text[0] != '\0' && error.offset <= pattern.len);
        return NULL;
    }

    check(error.text[0] == '\0');
    check(mcp_re2_translate(pattern, arena, &again, NULL) == MCP_OK);
    check(mcp_str_equal(translated, again));

    return mcp_regex_compile(translated, false, NULL);
}


static void
check_groups(mcp_str_t pattern, mcp_arena_t *arena)
{
    int          code;
    uint32_t     count;
    mcp_str_t    translated;
    PCRE2_SIZE   offset;
    pcre2_code  *compiled;

    check(mcp_re2_translate(pattern, arena, &translated, NULL) == MCP_OK);

    compiled = pcre2_compile(translated.len ? translated.data
                                            : (const uint8_t *) "",
                             translated.len, PCRE2_UTF, &code, &offset, NULL);
    check(compiled != NULL);
    check(pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &count) == 0);
    check(count == 0);

    pcre2_code_free(compiled);
}


/* MCP_ERROR when it cannot be said, also for lack of a regex. */
static mcp_rc_t
match(mcp_str_t pattern, mcp_str_t subject, mcp_arena_t *arena)
{
    mcp_rc_t      rc;
    mcp_regex_t  *regex;

    regex = compile(pattern, arena);

    if (regex == NULL) {
        return MCP_ERROR;
    }

    rc = mcp_regex_match(regex, subject);
    mcp_regex_free(regex);

    return rc;
}


static void
check_forms(mcp_str_t pattern, mcp_str_t subject, mcp_rc_t expected,
    mcp_arena_t *arena)
{
    int        length;
    char       text[2 * PATTERN_MAX + 64];
    size_t     i;
    mcp_rc_t   rc;
    mcp_str_t  other;

    for (i = 0; i <= sizeof(forms) / sizeof(forms[0]); i++) {

        if (i == sizeof(forms) / sizeof(forms[0])) {
            length = snprintf(text, sizeof(text), "(?:%.*s)|(?:%.*s)",
                              (int) pattern.len, (const char *) pattern.data,
                              (int) pattern.len, (const char *) pattern.data);

        } else {
            length = snprintf(text, sizeof(text), "%s%.*s%s",
                              forms[i].before, (int) pattern.len,
                              (const char *) pattern.data, forms[i].after);
        }

        other.data = (uint8_t *) text;
        other.len = (size_t) length;

        rc = match(other, subject, arena);
        check(rc == expected || rc == MCP_ERROR);
    }
}


static bool
is_ascii(mcp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len && s.data[i] < 0x80; i++) { /* void */ }

    return i == s.len;
}


/*
 * (?:, (?i-s), (?s:, which mean the same as long as what is matched is ASCII:
 * of the flags "m" is another, "U" is unknown, and some letters fold to others
 * that are not ASCII.  The length, 0 for any other group.
 */
static size_t
flags_in_common(mcp_str_t rest)
{
    size_t  i;

    for (i = 2; i < rest.len; i++) {
        if (rest.data[i] == ':' || rest.data[i] == ')') {
            return i + 1;
        }

        if (rest.data[i] != 'i' && rest.data[i] != 's'
            && (rest.data[i] != '-' || i != 3))
        {
            break;
        }
    }

    return 0;
}


/* Whether all of it means the same to both. */
static bool
in_common(mcp_str_t pattern)
{
    bool     class;
    size_t   i, length;
    uint8_t  c, next;

    class = false;

    for (i = 0; i < pattern.len; i++) {
        c = pattern.data[i];
        next = i + 1 < pattern.len ? pattern.data[i + 1] : '\0';

        switch (c) {

        case '\\':
            if (next == '\0' || strchr(ESCAPES, next) == NULL
                || (class && strchr("AzbBdDwW", next) != NULL))
            {
                return false;
            }

            i++;
            break;

        case '(':
            if (!class && next == '?') {
                length = flags_in_common((mcp_str_t) { pattern.data + i,
                                                       pattern.len - i });
                if (length == 0) {
                    return false;
                }

                i += length - 1;

            } else if (next == '*') {
                return false;
            }

            break;

        case '[':
            if (class) {
                return false;
            }

            class = true;

            if (next == '^') {
                i++;
                next = i + 1 < pattern.len ? pattern.data[i + 1] : '\0';
            }

            if (next == ']') {
                return false;
            }

            break;

        case ']':
            class = false;
            break;

        /* a{01} is text to one of them, a{ 1 } to some versions of PCRE2 */

        case '{':
        case ',':
            if (next < '1' || next > '9') {
                return false;
            }

            break;

        case ' ':
        case '\t':
            return false;

        default:
            break;
        }
    }

    return true;
}


/* The subject, and each character. */
static void
check_pcre2(const mcp_regex_t *translated, mcp_str_t pattern,
    mcp_str_t subject)
{
    uint8_t       c;
    mcp_rc_t      rc, expected;
    mcp_regex_t  *regex;

    if (!in_common(pattern)) {
        return;
    }

    regex = mcp_regex_compile(pattern, false, NULL);

    if (regex == NULL) {
        return;
    }

    for (c = 0; c < 0x80; c++) {
        expected = mcp_regex_match(translated, subject);
        rc = mcp_regex_match(regex, subject);
        check(rc == expected || rc == MCP_ERROR || expected == MCP_ERROR
              || !is_ascii(subject));

        subject.data = &c;
        subject.len = 1;
    }

    mcp_regex_free(regex);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_rc_t        rc;
    mcp_str_t       pattern, subject;
    mcp_arena_t     arena;
    mcp_regex_t    *regex;
    const uint8_t  *end;

    end = size ? memchr(data, '\n', size) : NULL;

    pattern.data = data;
    pattern.len = end ? (size_t) (end - data) : size;
    subject.data = end ? end + 1 : data;
    subject.len = end ? size - pattern.len - 1 : 0;

    /* policy files are UTF-8, without U+0000 in a pattern */

    if (pattern.len > PATTERN_MAX || subject.len > SUBJECT_MAX
        || (size && memchr(data, '\0', pattern.len))
        || !mcp_condition_utf8(pattern))
    {
        return 0;
    }

    mcp_arena_init(&arena, &fuzz_allocator, 0);
    regex = compile(pattern, &arena);

    if (regex != NULL) {
        check_groups(pattern, &arena);

        check_pcre2(regex, pattern, subject);

        rc = mcp_regex_match(regex, subject);

        if (rc != MCP_ERROR) {
            check_forms(pattern, subject, rc, &arena);
        }

        mcp_regex_free(regex);
    }

    mcp_arena_destroy(&arena);

    return 0;
}
