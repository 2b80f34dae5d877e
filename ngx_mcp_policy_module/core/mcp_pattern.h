/*
 * Names and patterns: exact, glob with "*", and regular expressions, and the
 * lookup in which the most specific one wins.  Regular expressions are run
 * by PCRE2 with limits; an error in matching is reported, never ignored.
 */

#ifndef MCP_PATTERN_H
#define MCP_PATTERN_H

#include "mcp_arena.h"

#pragma GCC visibility push(hidden)


typedef struct mcp_regex_s        mcp_regex_t;
typedef struct mcp_pattern_set_s  mcp_pattern_set_t;

#define MCP_REGEX_MATCH_LIMIT   10000
#define MCP_REGEX_SUBJECT_MAX   65536
#define MCP_REGEX_PATTERN_MAX   8192
#define MCP_GLOB_MAX            512

/*
 * PCRE2 counts steps anew at each place where a match could begin, so where
 * there are many such places fewer steps are allowed for each.
 */
#define MCP_REGEX_TOTAL_LIMIT   4000000

/* Without JIT a single step may scan all that is left of the subject. */
#define MCP_REGEX_INTERPRETED_MAX  8192

/*
 * Compiles with PCRE2_UTF, DOLLAR_ENDONLY, NEVER_BACKSLASH_C, not anchored;
 * JIT when there is one.  The caller frees.  NULL: error->text says what is
 * wrong and where, without the pattern.
 */
mcp_regex_t *mcp_regex_compile(mcp_str_t pattern, bool caseless,
    mcp_error_t *error);
void mcp_regex_free(mcp_regex_t *regex);

/*
 * MCP_OK, MCP_NO, or MCP_ERROR when a limit was hit, the subject is over
 * MCP_REGEX_SUBJECT_MAX, or it is not UTF-8: callers treat that as a refusal.
 * Not for two threads at once: the regex holds the state of a match.
 */
mcp_rc_t mcp_regex_match(const mcp_regex_t *regex, mcp_str_t subject);

/*
 * One of several matches that make one decision: many subjects are not to
 * cost more than a long one.  "*starts" is 0 before the first.
 */
mcp_rc_t mcp_regex_match_next(const mcp_regex_t *regex, mcp_str_t subject,
    size_t *starts);

/*
 * Whether "name" matches a glob: "*" stands for any bytes, also none.  With
 * another glob as the name: whether everything that it matches is matched,
 * as only a "*" matches a "*".
 */
bool mcp_glob_match(mcp_str_t glob, mcp_str_t name);


/*
 * A set maps patterns to the caller's values.  Build: create, add..., then
 * freeze; from then on it is read-only.  Exact names live in a hash, so that
 * lookup costs the same for 1 and for 10,000 of them.
 */
mcp_pattern_set_t *mcp_pattern_set_create(const mcp_allocator_t *allocator,
    const uint64_t hash_key[2]);
void mcp_pattern_set_free(mcp_pattern_set_t *set);   /* regexes, and memory
                                                        if there is "free" */

/*
 * "pattern" as written: exact, glob, "~regex" or "~*regex"; it is copied.
 * MCP_NO when the same pattern is in the set already (*value is then the
 * earlier value); MCP_ERROR when it is empty, does not compile, is a glob over
 * MCP_GLOB_MAX bytes or with "**", or the set is frozen; MCP_NOMEM.
 */
mcp_rc_t mcp_pattern_set_add(mcp_pattern_set_t *set, mcp_str_t pattern,
    void **value, mcp_error_t *error);
mcp_rc_t mcp_pattern_set_freeze(mcp_pattern_set_t *set);

typedef struct {
    void       *value;
    mcp_str_t   pattern;    /* as written */
    bool        exact;
} mcp_pattern_match_t;

/*
 * The most specific match: exact, else the glob with the longest literal
 * part (ties: first added), else the first regex.  A lone "*" takes no part
 * here.  MCP_NO; MCP_ERROR when a regex could not be decided.
 */
mcp_rc_t mcp_pattern_set_find(const mcp_pattern_set_t *set, mcp_str_t name,
    mcp_pattern_match_t *match);

/* Whether "name" was added as an exact name. */
bool mcp_pattern_set_has(const mcp_pattern_set_t *set, mcp_str_t name);

/* The value of the lone "*", if it was added. */
mcp_rc_t mcp_pattern_set_star(const mcp_pattern_set_t *set,
    mcp_pattern_match_t *match);

/*
 * Exact names and globs one after the other, a lone "*" not among them;
 * "*position" is 0 before the first.  MCP_NO: there are no more.
 */
mcp_rc_t mcp_pattern_set_next(const mcp_pattern_set_t *set,
    uint32_t *position, mcp_pattern_match_t *match);

/* The lone "*" is one of them. */
uint32_t mcp_pattern_set_count(const mcp_pattern_set_t *set);


static inline bool
mcp_pattern_set_empty(const mcp_pattern_set_t *set)
{
    return mcp_pattern_set_count(set) == 0;
}


/*
 * For warnings: whether every name that "pattern" matches is matched by an
 * exact or glob pattern that find() would prefer.  Conservative: false when
 * that cannot be told.
 */
bool mcp_pattern_set_shadowed(const mcp_pattern_set_t *set,
    mcp_str_t pattern);

#pragma GCC visibility pop

#endif /* MCP_PATTERN_H */
