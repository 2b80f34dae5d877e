/* Regular expressions of RE2: against Go's answers, and limits. */

#include "mcp_pattern.h"
#include "mcp_re2.h"
#include "re2_cases.h"
#include "tap.h"


#define SUBJECTS  (sizeof(re2_subjects) / sizeof(re2_subjects[0]))
#define CASES     (sizeof(re2_cases) / sizeof(re2_cases[0]))


static const mcp_allocator_t  allocator = TAP_ALLOCATOR;


static mcp_regex_t *
compile(mcp_str_t pattern, mcp_arena_t *arena, mcp_error_t *error)
{
    mcp_str_t  translated;

    error->text[0] = '\0';
    mcp_arena_reset(arena, 65536);

    if (mcp_re2_translate(pattern, arena, &translated, error) != MCP_OK) {
        return NULL;
    }

    return mcp_regex_compile(translated, false, error);
}


static void
test_go(mcp_arena_t *arena)
{
    char                got[SUBJECTS + 1];
    size_t              i, n;
    mcp_error_t         error;
    mcp_regex_t        *regex;
    const re2_case_t   *c;

    for (i = 0; i < CASES; i++) {
        c = &re2_cases[i];
        regex = compile(c->pattern, arena, &error);

        if (c->matches == NULL || c->stricter) {
            ok(regex == NULL && error.text[0] != '\0',
               "case %zu is refused: %s", i, error.text);
            mcp_regex_free(regex);
            continue;
        }

        for (n = 0; regex != NULL && n < SUBJECTS; n++) {
            got[n] = mcp_regex_match(regex, re2_subjects[n]) == MCP_OK
                     ? '1' : '0';
        }

        got[regex != NULL ? SUBJECTS : 0] = '\0';

        if (!ok(strcmp(got, c->matches) == 0, "case %zu matches as in Go", i))
        {
            printf("# pattern %.*s: %s\n# got      %s\n# expected %s\n",
                   (int) c->pattern.len, (const char *) c->pattern.data,
                   error.text, got, c->matches);
        }

        mcp_regex_free(regex);
    }
}


static void
test_limits(mcp_arena_t *arena)
{
    size_t        i;
    char          text[MCP_RE2_PATTERN_MAX + 1];
    mcp_error_t   error;
    mcp_regex_t  *regex;

    static const struct {
        mcp_str_t    pattern;
        const char  *error;
    } cases[] = {
        { mcp_str_init("a{1001}"), "invalid repeat count at offset 1" },
        { mcp_str_init("(?:a{32}){32}"),
          "invalid repeat count at offset 9" },
        { mcp_str_init("(a{10}|b{11}){100}"),
          "invalid repeat count at offset 13" },
        { mcp_str_init("a{2,1}"), "invalid repeat count at offset 1" },
        { mcp_str_init("a**"), "a repeat cannot be repeated, RE2 has no "
                               "possessive ones at offset 2" },
        { mcp_str_init("a++"), "a repeat cannot be repeated, RE2 has no "
                               "possessive ones at offset 2" },
        { mcp_str_init("|*"), "there is nothing to repeat at offset 1" },
        { mcp_str_init("(a"), "missing \")\" at offset 2" },
        { mcp_str_init("a)"), "unexpected \")\" at offset 1" },
        { mcp_str_init("[a"), "missing \"]\" at offset 0" },
        { mcp_str_init("[z-a]"),
          "invalid range of characters at offset 1" },
        { mcp_str_init("[[:nope:]]"),
          "unknown class of characters at offset 1" },
        { mcp_str_init("\\"), "\"\\\" at the end at offset 0" },
        { mcp_str_init("\\Z"), "RE2 has no escape \"\\Z\" at offset 0" },
        { mcp_str_init("\\1"), "RE2 has no back-references at offset 0" },
        { mcp_str_init("\\x{110000}"),
          "invalid character code at offset 0" },
        { mcp_str_init("\\xg0"), "invalid character code at offset 0" },
        { mcp_str_init("\\\xc3\xa9"), "invalid escape of a letter that is "
                                      "not ASCII at offset 0" },
        { mcp_str_init("(?P<n>a)(?P<n>b)"),
          "two groups have the same name at offset 8" },
        { mcp_str_init("(?P<n-m>a)"), "invalid name of a group at offset 0" },
        { mcp_str_init("(?<=a)"), "RE2 knows no such group, it has no "
          "look-around, comments or atomic groups at offset 0" },
        { mcp_str_init("\\p{greek}"), "unknown property at offset 0" },
        { mcp_str_init("\\p"), "invalid property at offset 0" },
        { mcp_str_init("(?i)\\pL"),
          "properties are not supported under (?i) at offset 4" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        regex = compile(cases[i].pattern, arena, &error);
        ok(regex == NULL && strcmp(error.text, cases[i].error) == 0,
           "%s", error.text);
        mcp_regex_free(regex);
    }

    memset(text, 'a', sizeof(text));

    regex = compile((mcp_str_t) { (uint8_t *) text, MCP_RE2_PATTERN_MAX },
                    arena, &error);
    ok(regex != NULL, "the longest pattern");
    mcp_regex_free(regex);

    regex = compile((mcp_str_t) { (uint8_t *) text, sizeof(text) }, arena,
                    &error);
    ok(regex == NULL && strcmp(error.text, "longer than 8192 bytes") == 0,
       "a longer one");

    memset(text, '(', sizeof(text));
    regex = compile((mcp_str_t) { (uint8_t *) text, MCP_RE2_DEPTH_MAX + 1 },
                    arena, &error);
    ok(regex == NULL
       && strcmp(error.text, "groups are nested too deep at offset 201")
          == 0, "too many groups");

    memset(text + MCP_RE2_DEPTH_MAX, ')', MCP_RE2_DEPTH_MAX);
    regex = compile((mcp_str_t) { (uint8_t *) text, 2 * MCP_RE2_DEPTH_MAX },
                    arena, &error);
    ok(regex != NULL, "as many as there may be");
    mcp_regex_free(regex);

    regex = compile(mcp_str(""), arena, &error);
    ok(regex != NULL && mcp_regex_match(regex, mcp_str("x")) == MCP_OK,
       "an empty pattern matches everything");
    mcp_regex_free(regex);
}


int
main(void)
{
    mcp_arena_t  arena;

    mcp_arena_init(&arena, &allocator, 0);

    test_go(&arena);
    test_limits(&arena);

    mcp_arena_destroy(&arena);

    return tap_done();
}
