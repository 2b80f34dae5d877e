#include <time.h>

#include "tap.h"
#include "mcp_pattern.h"


static const uint64_t  key[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };

typedef struct {
    const char  *glob;
    const char  *name;
    bool         matches;
} glob_case_t;

static const glob_case_t  globs[] = {
    { "*", "", true }, { "*", "anything/at all", true }, { "", "", true },
    { "", "a", false }, { "a", "a", true }, { "a", "A", false },
    { "a", "ab", false }, { "get_*", "get_", true },
    { "get_*", "get_user", true }, { "get_*", "get", false },
    { "get_*", "forget_user", false }, { "*_user", "get_user", true },
    { "*_user", "get_users", false }, { "a*c", "ac", true },
    { "a*c", "abcbc", true }, { "a*c", "abcb", false },
    { "*a*", "bab", true }, { "*a*", "bbb", false },
    { "a*b*c", "a--b--c", true }, { "a*b*c", "a--c--b", false },
    { "a*b*c", "abbc", true }, { "a*aa", "aaa", true },
    { "a*aa", "aa", false }, { "file:///srv/*", "file:///srv/a/b", true },
    { "file:///srv/*", "file:///srv", false }, { "a?c", "abc", false },
    { "a.c", "abc", false }, { "[a]", "a", false }, { "*\\*", "a\\b", true },
    { "a*b*", "a*b", true }, { "a*b", "a*b*", false },
    { "*ab*ab*", "abab", true }, { "*ab*ab*", "aba", false },
    { "\xff*", "\xff\xfe", true }, { "*\xc3", "\xc3\xa4", false }
};

typedef struct {
    const char  *pattern;
    const char  *subject;
    mcp_rc_t     rc;
} regex_case_t;

static const regex_case_t  regexes[] = {
    { "b", "abc", MCP_OK },                     /* not anchored */
    { "^b", "abc", MCP_NO },
    { "c$", "abc", MCP_OK },
    { "c$", "abc\n", MCP_NO },                  /* DOLLAR_ENDONLY */
    { "^.$", "\xc3\xa4", MCP_OK },              /* one character, UTF */
    { "^..$", "\xc3\xa4", MCP_NO },
    { "^\\x{e4}$", "\xc3\xa4", MCP_OK },
    { "a.b", "a\nb", MCP_NO },
    { "a.b", "a\rb", MCP_OK },                  /* newline is LF alone */
    { "(?s)a.b", "a\nb", MCP_OK },
    { "(?i)ABC", "xabc", MCP_OK },
    { "ABC", "xabc", MCP_NO },
    { "(a)(b)(c)(d)(e)(f)\\6", "abcdeff", MCP_OK },
    { "^(?!.*\\.\\.)", "a/../b", MCP_NO },
    { "^$", "", MCP_OK },
    { "a", "", MCP_NO },
    { "\\d", "\xd9\xa3", MCP_NO },              /* no UCP: ASCII digits */
    { "a", "a\xff", MCP_ERROR },                /* not UTF-8 */
    { "a", "\xed\xa0\x80", MCP_ERROR },
    { "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX", MCP_ERROR },
    { "(x+x+)+y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx y",
      MCP_ERROR },
    { "^(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX", MCP_ERROR },
    { "(.*)*[a-c][d-f]$", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
      MCP_ERROR }
};

typedef struct {
    const char  *pattern;
    const char  *message;
} regex_error_t;

/* What stands before the offset is PCRE2's own. */
static const regex_error_t  regex_errors[] = {
    { "(a", " at offset 2; quote a pattern that contains blanks, \";\", "
            "\"{\" or \"}\"" },
    { "[a", " at offset 2; quote a pattern that contains blanks, \";\", "
            "\"{\" or \"}\"" },
    { "a\\", " at offset 2; quote a pattern that contains blanks, \";\", "
             "\"{\" or \"}\"" },
    { "a)", " at offset 1; write \"\\)\" for a parenthesis in the text" },
    { "*.txt", " at offset 0; write \"\\\" before \"*\", \"+\" or \"?\" in "
               "the text" },
    { "a\\Cb", " at offset 3; write \"(?s:.)\" for any character" },
    { "a(?<n", " at offset 5" }
};

/* Value: the pattern itself. */
typedef struct {
    const char  *name;
    const char  *pattern;     /* NULL: none */
} find_case_t;

static const char  *mixed[] = {
    "~^get", "get_*", "*", "get_user", "*_user", "get_user_*", "g*t_*",
    "~*DELETE", "a*b", "a*b*", "~.", "get_u*r"
};

static const find_case_t  finds[] = {
    { "get_user", "get_user" },        /* exact over all */
    { "get_user_x", "get_user_*" },    /* the longest literal part */
    { "get_usxr", "get_u*r" },
    { "get_x", "get_*" },              /* a tie: the first written */
    { "gut_x", "g*t_*" },
    { "set_user", "*_user" },
    { "axb", "a*b" },                  /* a tie */
    { "axbc", "a*b*" },
    { "get", "~^get" },                /* the first regex */
    { "xdelete", "~*DELETE" },
    { "something", "~." },
    { "get_*", "get_*" },              /* a name that looks like a glob */
    { "~^get", "~." },                 /* and like a regex */
    { "*", "~." },                     /* the lone star takes no part */
    { "", NULL }
};

typedef struct {
    const char  *pattern;
    const char  *message;
} add_error_t;

static const add_error_t  add_errors[] = {
    { "", "empty pattern" },
    { "~", "empty regex, write \"*\" for any name" },
    { "~*", "empty regex, write \"*\" for any name" },
    { "a**b", "\"**\" in a pattern, write \"*\", which matches \"/\" too" },
    { "**", "\"**\" in a pattern, write \"*\", which matches \"/\" too" }
};

typedef struct {
    const char  *pattern;
    const char  *before[4];
    bool         shadowed;
} shadow_case_t;

static const shadow_case_t  shadows[] = {
    { "a*b", { "a*b*" }, true },
    { "a*b*", { "a*b" }, false },
    { "get_user", { "get_*", "*" }, false },
    { "get_*", { "get_user_*", "*" }, false },
    { "get_user_*", { "get_*" }, false },
    { "*ab", { "*a*b" }, true },
    { "a*b", { "b*a", "a*b*c" }, false },
    { "~^get_(a|b)", { "get_*" }, false },     /* "|" is not looked into */
    { "~^get_[ab]", { "get_*" }, true },
    { "~^get_$", { "get_*" }, true },
    { "~^get_user$", { "*user" }, true },
    { "~^get_users?$", { "get_user*" }, true },
    { "~^get_users?$", { "get_users*" }, false },
    { "~^get_x", { "get_*" }, true },
    { "~^get_x", { "get_x?" }, false },
    { "~^gets(?#c)?", { "gets*" }, false },
    { "~^gets\\E?", { "gets*" }, false },
    { "~^gets(?:a)", { "gets*" }, false },     /* not told, so not said */
    { "~^get(a)", { "get*" }, true },
    { "~^get.*", { "get*" }, true },
    { "~^get", { "*" }, false },               /* the star takes no part */
    { "~admin", { "*admin*" }, true },
    { "~admin$", { "*admin" }, true },
    { "~admin", { "admin*" }, false },
    { "~*admin", { "*admin*" }, false },
    { "~^*", { "a*" }, false },
    { "~.", { "a*" }, false },
    { "~a?", { "*a*" }, false },
    { "~^get", { "~." }, false },              /* regexes are not compared */
    { "*", { "a*" }, false },
    { "", { "a*" }, false },
    { "**", { "a*" }, false }
};

#define count(table)  (sizeof(table) / sizeof((table)[0]))


static mcp_pattern_set_t *
make_set(void)
{
    mcp_allocator_t     allocator = TAP_ALLOCATOR;
    mcp_pattern_set_t  *set;

    set = mcp_pattern_set_create(&allocator, key);

    if (set == NULL) {
        exit(2);
    }

    return set;
}


static mcp_rc_t
add(mcp_pattern_set_t *set, const char *pattern)
{
    void  *value;

    value = (void *) pattern;

    return mcp_pattern_set_add(set, tap_str(pattern), &value, NULL);
}


static void
test_glob(void)
{
    char       *long_glob;
    size_t      i;
    clock_t     start;
    mcp_str_t   name;

    for (i = 0; i < count(globs); i++) {
        ok(mcp_glob_match(tap_str(globs[i].glob), tap_str(globs[i].name))
           == globs[i].matches, "glob '%s' %s '%s'", globs[i].glob,
           globs[i].matches ? "matches" : "does not match", globs[i].name);
    }

    ok(mcp_glob_match(mcp_str("*"), (mcp_str_t) { NULL, 0 }),
       "a glob and no bytes");

    /* a*a*a*... against many a: exponential for a naive matcher */

    long_glob = malloc(100000);

    if (long_glob == NULL) {
        exit(2);
    }

    memset(long_glob, 'a', 100000);
    name = (mcp_str_t) { (uint8_t *) long_glob, 100000 };
    start = clock();
    ok(!mcp_glob_match(mcp_str("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab"),
                       name), "many stars do not match");
    ok(clock() - start < CLOCKS_PER_SEC / 2, "and say so quickly");
    free(long_glob);
}


static void
test_regex_errors(void)
{
    char         *message;
    size_t        i;
    mcp_error_t   error;
    mcp_regex_t  *regex;

    for (i = 0; i < count(regex_errors); i++) {
        regex = mcp_regex_compile(tap_str(regex_errors[i].pattern), false,
                                  &error);
        ok(regex == NULL, "regex '%s' is refused", regex_errors[i].pattern);
        message = strstr(error.text, " at offset");
        is_str(tap_str(message ? message : ""), regex_errors[i].message,
               error.text);
        ok(mcp_regex_compile(tap_str(regex_errors[i].pattern), false, NULL)
           == NULL, "and without an error struct");
    }
}


static void
test_regex(void)
{
    char         *text, word[80];
    size_t        i, starts, wrong;
    mcp_str_t     s;
    mcp_error_t   error;
    mcp_regex_t  *regex;

    for (i = 0; i < count(regexes); i++) {
        regex = mcp_regex_compile(tap_str(regexes[i].pattern), false, &error);

        ok(regex != NULL
           && mcp_regex_match(regex, tap_str(regexes[i].subject))
              == regexes[i].rc,
           "regex '%s': %s", regexes[i].pattern,
           regexes[i].rc == MCP_OK ? "match"
           : regexes[i].rc == MCP_NO ? "no match" : "not decided");

        mcp_regex_free(regex);
    }

    ok(mcp_regex_compile(mcp_str("\xff"), false, &error) == NULL,
       "a pattern that is not UTF-8: %s", error.text);

    regex = mcp_regex_compile(mcp_str("STRASSE"), true, &error);
    ok(mcp_regex_match(regex, mcp_str("die Strasse")) == MCP_OK, "caseless");
    mcp_regex_free(regex);

    text = malloc(MCP_REGEX_SUBJECT_MAX + 1);

    if (text == NULL) {
        exit(2);
    }

    memset(text, 'a', MCP_REGEX_SUBJECT_MAX + 1);
    s = (mcp_str_t) { (uint8_t *) text, MCP_REGEX_PATTERN_MAX };
    regex = mcp_regex_compile(s, false, &error);
    ok(regex != NULL, "a pattern of the largest size");
    mcp_regex_free(regex);
    s.len++;
    ok(mcp_regex_compile(s, false, &error) == NULL, "one byte more: %s",
       error.text);

    regex = mcp_regex_compile(mcp_str("a$"), false, &error);
    s = (mcp_str_t) { (uint8_t *) text, 400 };
    ok(mcp_regex_match(regex, s) == MCP_OK, "a long subject");
    s.len = MCP_REGEX_SUBJECT_MAX + 1;
    ok(mcp_regex_match(regex, s) == MCP_ERROR, "a subject beyond the limit");
    mcp_regex_free(regex);

    regex = mcp_regex_compile(mcp_str("^a"), false, &error);
    s.len = MCP_REGEX_INTERPRETED_MAX;
    ok(mcp_regex_match(regex, s) == MCP_OK, "the largest subject");
    mcp_regex_free(regex);

    /* each start costs less than the limit, all together far more */

    for (i = 0; i < MCP_REGEX_SUBJECT_MAX; i++) {
        text[i] = (i % 13 == 12) ? 'b' : 'a';
    }

    regex = mcp_regex_compile(mcp_str("(x?a+)+[cd]"), false, &error);
    s.len = MCP_REGEX_SUBJECT_MAX;
    ok(mcp_regex_match(regex, s) == MCP_ERROR,
       "many costly places in one subject");

    s.len = 10;
    ok(mcp_regex_match(regex, s) == MCP_NO, "a costly place alone");

    wrong = 0;
    starts = 0;

    for (i = 0; i < 10000; i++) {
        wrong += mcp_regex_match_next(regex, s, &starts) == MCP_ERROR;
    }

    ok(wrong > 9000 && wrong < 10000, "or 10,000 times: %zu given up", wrong);
    mcp_regex_free(regex);

    regex = mcp_regex_compile(mcp_str("^[a-z_]+(?:,[a-z_]+)*$"), false,
                              &error);
    wrong = 0;
    starts = 0;

    for (i = 0; i < 100000; i++) {
        (void) snprintf(word, sizeof(word), "get_user,list_%c",
                        (char) ('a' + i % 26));
        wrong += mcp_regex_match_next(regex, tap_str(word), &starts)
                 != MCP_OK;
    }

    ok(wrong == 0, "a reasonable regex 100,000 times");
    mcp_regex_free(regex);

    /* the interpreter, which all of this must do without JIT */

    regex = mcp_regex_compile(mcp_str("(*NO_JIT)^(a+)+$"), false, &error);
    ok(mcp_regex_match(regex, mcp_str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX"))
       == MCP_ERROR, "a costly regex without JIT");
    memset(text, 'a', MCP_REGEX_SUBJECT_MAX);
    s.len = MCP_REGEX_INTERPRETED_MAX;
    ok(mcp_regex_match(regex, s) == MCP_OK, "the largest subject");
    s.len++;
    ok(mcp_regex_match(regex, s) == MCP_ERROR, "one byte more");
    mcp_regex_free(regex);

    regex = mcp_regex_compile(mcp_str("(*NO_JIT)^(?:a|b)+$"), false, &error);
    s.len--;
    ok(mcp_regex_match(regex, s) == MCP_ERROR, "more memory than allowed");
    mcp_regex_free(regex);

    mcp_regex_free(NULL);
    free(text);
}


static void
test_set(void)
{
    void                 *value;
    char                  name[32], glob[MCP_GLOB_MAX + 1];
    size_t                i;
    mcp_rc_t              rc;
    mcp_error_t           error;
    mcp_pattern_set_t    *set;
    mcp_pattern_match_t   match;

    set = make_set();
    ok(mcp_pattern_set_empty(set), "a new set is empty");

    for (i = 0; i < count(add_errors); i++) {
        value = NULL;
        error.text[0] = '\0';
        ok(mcp_pattern_set_add(set, tap_str(add_errors[i].pattern), &value,
                               &error) == MCP_ERROR,
           "pattern '%s' is refused", add_errors[i].pattern);
        is_str(tap_str(error.text), add_errors[i].message, "its message");
    }

    memset(glob, 'x', sizeof(glob));
    glob[0] = '*';
    value = NULL;
    ok(mcp_pattern_set_add(set, (mcp_str_t) { (uint8_t *) glob,
                                              MCP_GLOB_MAX + 1 },
                           &value, &error) == MCP_ERROR,
       "a glob beyond the limit: %s", error.text);
    ok(mcp_pattern_set_empty(set), "still empty");

    ok(mcp_pattern_set_add(set, (mcp_str_t) { (uint8_t *) glob,
                                              MCP_GLOB_MAX },
                           &value, &error) == MCP_OK, "the longest glob");

    for (i = 0; i < count(mixed); i++) {
        ok(add(set, mixed[i]) == MCP_OK, "%s is added", mixed[i]);
    }

    for (i = 0; i < count(mixed); i++) {
        value = NULL;
        ok(mcp_pattern_set_add(set, tap_str(mixed[i]), &value, &error)
           == MCP_NO && value == (void *) mixed[i], "%s is there", mixed[i]);
    }

    ok(mcp_pattern_set_find(set, mcp_str("get_user"), &match) == MCP_ERROR,
       "not before it is frozen");
    ok(mcp_pattern_set_freeze(set) == MCP_OK
       && mcp_pattern_set_freeze(set) == MCP_OK, "frozen");
    ok(add(set, "more") == MCP_ERROR, "nothing is added to a frozen set");
    ok(!mcp_pattern_set_empty(set), "not empty");

    for (i = 0; i < count(finds); i++) {
        rc = mcp_pattern_set_find(set, tap_str(finds[i].name), &match);

        if (finds[i].pattern == NULL) {
            ok(rc == MCP_NO, "'%s' matches nothing", finds[i].name);
            continue;
        }

        ok(rc == MCP_OK
           && strcmp(match.value, finds[i].pattern) == 0
           && mcp_str_equal(match.pattern, tap_str(finds[i].pattern))
           && match.exact == (strpbrk(finds[i].pattern, "*~") == NULL),
           "'%s' goes to %s", finds[i].name, finds[i].pattern);
    }

    ok(mcp_pattern_set_star(set, &match) == MCP_OK
       && strcmp(match.value, "*") == 0 && !match.exact, "the lone star");
    mcp_pattern_set_free(set);

    set = make_set();
    (void) add(set, "~^(a+)+$");
    (void) add(set, "aaa*");
    (void) mcp_pattern_set_freeze(set);
    (void) snprintf(name, sizeof(name), "%s", "baaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    ok(mcp_pattern_set_find(set, tap_str(name + 1), &match) == MCP_OK,
       "a glob before any regex");
    ok(mcp_pattern_set_find(set, tap_str(name), &match) == MCP_NO,
       "a regex that does not match");
    ok(mcp_pattern_set_star(set, &match) == MCP_NO, "no lone star");
    mcp_pattern_set_free(set);

    set = make_set();
    (void) add(set, "~^(a+)+$");
    (void) add(set, "~.");
    (void) mcp_pattern_set_freeze(set);
    ok(mcp_pattern_set_find(set, tap_str(name + 1), &match) == MCP_ERROR,
       "a regex that gives up hides those behind it");
    mcp_pattern_set_free(set);

    set = make_set();
    (void) mcp_pattern_set_freeze(set);
    ok(mcp_pattern_set_find(set, mcp_str("a"), &match) == MCP_NO,
       "an empty set finds nothing");
    mcp_pattern_set_free(set);
    mcp_pattern_set_free(NULL);
}


static void
test_many(size_t total)
{
    char                  (*names)[40];
    char                    text[40];
    double                  nanoseconds;
    size_t                  i, k, wrong;
    clock_t                 start;
    mcp_pattern_set_t      *set;
    mcp_pattern_match_t     match;

    names = malloc(total * sizeof(*names));

    if (names == NULL) {
        exit(2);
    }

    set = make_set();
    wrong = 0;

    for (i = 0; i < total; i++) {
        (void) snprintf(names[i], sizeof(names[i]), "tool_number_%zu", i);
        wrong += add(set, names[i]) != MCP_OK;
    }

    ok(wrong == 0 && mcp_pattern_set_freeze(set) == MCP_OK,
       "%zu exact names", total);

    for (i = 0; i < total; i++) {
        wrong += mcp_pattern_set_find(set, tap_str(names[i]), &match)
                 != MCP_OK || match.value != names[i] || !match.exact;
        (void) snprintf(text, sizeof(text), "tool_number_%zu", total + i);
        wrong += mcp_pattern_set_find(set, tap_str(text), &match) != MCP_NO;
    }

    ok(wrong == 0, "each is found, others are not");

    start = clock();

    for (i = 0; i < 200000; i++) {
        k = i * 7919 % total;
        wrong += mcp_pattern_set_find(set, tap_str(names[k]), &match)
                 != MCP_OK;
    }

    nanoseconds = (double) (clock() - start) * 1e9 / CLOCKS_PER_SEC / 200000;
    ok(wrong == 0, "%.0f ns for one of %zu", nanoseconds, total);
    mcp_pattern_set_free(set);
    free(names);
}


static void
test_shadowed(void)
{
    size_t              i, k;
    mcp_pattern_set_t  *set;

    for (i = 0; i < count(shadows); i++) {
        set = make_set();

        for (k = 0; k < 4 && shadows[i].before[k] != NULL; k++) {
            (void) add(set, shadows[i].before[k]);
        }

        (void) add(set, shadows[i].pattern);

        ok(mcp_pattern_set_shadowed(set, tap_str(shadows[i].pattern))
           == shadows[i].shadowed, "%s %s behind %s", shadows[i].pattern,
           shadows[i].shadowed ? "is unreachable" : "is reachable",
           shadows[i].before[0]);

        mcp_pattern_set_free(set);
    }

    set = make_set();
    (void) add(set, "a*b");
    (void) add(set, "a*b*");
    ok(!mcp_pattern_set_shadowed(set, mcp_str("a*b"))
       && !mcp_pattern_set_shadowed(set, mcp_str("a*b*")),
       "a wider glob behind a narrow one hides nothing");
    mcp_pattern_set_free(set);
}


/* The n-th allocation fails, for each n. */

static int  allocations_left;

static void *
failing_alloc(void *data, size_t size)
{
    (void) data;

    return (allocations_left-- > 0) ? malloc(size) : NULL;
}


static void
test_memory(void)
{
    int                  n;
    bool                 complete;
    void                *value;
    size_t               i;
    mcp_rc_t             rc;
    mcp_allocator_t      allocator = { failing_alloc, tap_free, NULL };
    mcp_pattern_set_t   *set;
    mcp_pattern_match_t  match;

    complete = false;

    for (n = 0; n < 100 && !complete; n++) {
        allocations_left = n;
        set = mcp_pattern_set_create(&allocator, key);

        if (set == NULL) {
            continue;
        }

        rc = MCP_OK;

        for (i = 0; i < count(mixed) && rc == MCP_OK; i++) {
            value = (void *) mixed[i];
            rc = mcp_pattern_set_add(set, tap_str(mixed[i]), &value, NULL);
        }

        if (rc == MCP_OK) {
            rc = mcp_pattern_set_freeze(set);
        }

        if (rc == MCP_OK) {
            complete = mcp_pattern_set_find(set, mcp_str("get_x"), &match)
                       == MCP_OK;

        } else if (rc != MCP_NOMEM) {
            break;
        }

        mcp_pattern_set_free(set);
    }

    ok(complete && n > 10, "no memory, at each of %d allocations", n - 1);
}


int
main(void)
{
    test_glob();
    test_regex();
    test_regex_errors();
    test_set();
    test_many(1);
    test_many(100);
    test_many(10000);
    test_shadowed();
    test_memory();

    return tap_done();
}
