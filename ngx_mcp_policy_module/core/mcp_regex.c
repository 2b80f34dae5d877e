/* PCRE2 with limits.  Nothing of it is seen outside of this file. */

#define PCRE2_CODE_UNIT_WIDTH  8

#include <pcre2.h>
#include <stdlib.h>

#include "mcp_pattern.h"


#define MCP_REGEX_HEAP_LIMIT   64              /* KiB, of the interpreter */
#define MCP_REGEX_JIT_STACK    (256 * 1024)

struct mcp_regex_s {
    pcre2_code           *code;
    pcre2_match_data     *match_data;
    pcre2_match_context  *match_context;
    pcre2_jit_stack      *jit_stack;
    bool                  anchored;
};

typedef struct {
    int          code;
    const char  *text;
} mcp_regex_hint_t;


static bool mcp_regex_build(mcp_regex_t *regex, mcp_str_t pattern,
    bool caseless, mcp_error_t *error);
static bool mcp_regex_prepare(mcp_regex_t *regex);
static void mcp_regex_explain(mcp_error_t *error, int code, size_t offset);
static bool mcp_regex_ascii(mcp_str_t s);
static uint32_t mcp_regex_match_limit(size_t starts);


#define MCP_REGEX_CUT                                                         \
    "; quote a pattern that contains blanks, \";\", \"{\" or \"}\""

/* What was meant, where the error tells. */
static const mcp_regex_hint_t  mcp_regex_hints[] = {
    { PCRE2_ERROR_MISSING_SQUARE_BRACKET, MCP_REGEX_CUT },
    { PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS, MCP_REGEX_CUT },
    { PCRE2_ERROR_END_BACKSLASH, MCP_REGEX_CUT },
    { PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS,
      "; write \"\\)\" for a parenthesis in the text" },
    { PCRE2_ERROR_QUANTIFIER_INVALID,
      "; write \"\\\" before \"*\", \"+\" or \"?\" in the text" },
    { PCRE2_ERROR_BACKSLASH_C_CALLER_DISABLED,
      "; write \"(?s:.)\" for any character" },
};


mcp_regex_t *
mcp_regex_compile(mcp_str_t pattern, bool caseless, mcp_error_t *error)
{
    mcp_regex_t  *regex;

    if (pattern.len > MCP_REGEX_PATTERN_MAX) {
        (void) mcp_error_set(error, 0, MCP_REGEX_PATTERN_MAX,
                             "regex of %zu bytes is longer than %d",
                             pattern.len, MCP_REGEX_PATTERN_MAX);
        return NULL;
    }

    /* PCRE2 takes from the same heap what belongs to the regex */

    regex = calloc(1, sizeof(mcp_regex_t));

    if (regex == NULL) {
        (void) mcp_error_set(error, 0, 0, "no memory for a regex");
        return NULL;
    }

    if (!mcp_regex_build(regex, pattern, caseless, error)) {
        mcp_regex_free(regex);
        return NULL;
    }

    return regex;
}


void
mcp_regex_free(mcp_regex_t *regex)
{
    if (regex == NULL) {
        return;
    }

    pcre2_jit_stack_free(regex->jit_stack);
    pcre2_match_context_free(regex->match_context);
    pcre2_match_data_free(regex->match_data);
    pcre2_code_free(regex->code);
    free(regex);
}


mcp_rc_t
mcp_regex_match(const mcp_regex_t *regex, mcp_str_t subject)
{
    size_t  starts;

    starts = 0;

    return mcp_regex_match_next(regex, subject, &starts);
}


mcp_rc_t
mcp_regex_match_next(const mcp_regex_t *regex, mcp_str_t subject,
    size_t *starts)
{
    int     rc;
    bool    ascii;
    size_t  max;

    max = (regex->jit_stack != NULL) ? MCP_REGEX_SUBJECT_MAX
                                     : MCP_REGEX_INTERPRETED_MAX;

    if (subject.len > max) {
        return MCP_ERROR;
    }

    if (subject.len == 0) {
        subject = mcp_str("");
    }

    *starts += regex->anchored ? 1 : subject.len + 1;

    (void) pcre2_set_match_limit(regex->match_context,
                                 mcp_regex_match_limit(*starts));

    ascii = mcp_regex_ascii(subject);

    /* what pcre2_match() would do, after checks that a subject may need */

    if (ascii && regex->jit_stack != NULL) {
        rc = pcre2_jit_match(regex->code, subject.data, subject.len, 0, 0,
                             regex->match_data, regex->match_context);

    } else {
        rc = pcre2_match(regex->code, subject.data, subject.len, 0,
                         ascii ? PCRE2_NO_UTF_CHECK : 0, regex->match_data,
                         regex->match_context);
    }

    /* 0: the groups did not fit into match data for one */

    if (rc >= 0) {
        return MCP_OK;
    }

    return (rc == PCRE2_ERROR_NOMATCH) ? MCP_NO : MCP_ERROR;
}


/* PCRE2 checks byte by byte, which most subjects can be spared. */

static bool
mcp_regex_ascii(mcp_str_t s)
{
    size_t    i;
    uint64_t  word, all;

    all = 0;

    for (i = 0; i + 8 <= s.len; i += 8) {
        memcpy(&word, s.data + i, 8);
        all |= word;
    }

    for ( /* void */ ; i < s.len; i++) {
        all |= s.data[i];
    }

    return (all & UINT64_C(0x8080808080808080)) == 0;
}


/* What the longest subject gets is left to all. */

static uint32_t
mcp_regex_match_limit(size_t starts)
{
    if (starts <= MCP_REGEX_TOTAL_LIMIT / MCP_REGEX_MATCH_LIMIT) {
        return MCP_REGEX_MATCH_LIMIT;
    }

    if (starts > MCP_REGEX_SUBJECT_MAX) {
        return MCP_REGEX_TOTAL_LIMIT / MCP_REGEX_SUBJECT_MAX;
    }

    return (uint32_t) (MCP_REGEX_TOTAL_LIMIT / starts);
}


static bool
mcp_regex_build(mcp_regex_t *regex, mcp_str_t pattern, bool caseless,
    mcp_error_t *error)
{
    int                     code;
    size_t                  offset;
    uint32_t                options;
    pcre2_compile_context  *context;

    context = pcre2_compile_context_create(NULL);

    if (context == NULL) {
        (void) mcp_error_set(error, 0, 0, "no memory for a regex");
        return false;
    }

    /* what the library was built with is not to change what a policy means */

    (void) pcre2_set_newline(context, PCRE2_NEWLINE_LF);

    options = PCRE2_UTF|PCRE2_DOLLAR_ENDONLY|PCRE2_NEVER_BACKSLASH_C;

    if (caseless) {
        options |= PCRE2_CASELESS;
    }

    if (pattern.len == 0) {
        pattern = mcp_str("");
    }

    regex->code = pcre2_compile(pattern.data, pattern.len, options, &code,
                                &offset, context);
    pcre2_compile_context_free(context);

    if (regex->code == NULL) {
        mcp_regex_explain(error, code, offset);
        return false;
    }

    if (!mcp_regex_prepare(regex)) {
        (void) mcp_error_set(error, 0, 0, "no memory for a regex");
        return false;
    }

    return true;
}


static bool
mcp_regex_prepare(mcp_regex_t *regex)
{
    size_t    size;
    uint32_t  options;

    if (pcre2_pattern_info(regex->code, PCRE2_INFO_ALLOPTIONS, &options)
        != 0)
    {
        return false;
    }

    regex->anchored = (options & PCRE2_ANCHORED) != 0;
    regex->match_data = pcre2_match_data_create(1, NULL);
    regex->match_context = pcre2_match_context_create(NULL);

    if (regex->match_data == NULL || regex->match_context == NULL) {
        return false;
    }

    (void) pcre2_set_heap_limit(regex->match_context, MCP_REGEX_HEAP_LIMIT);
    (void) pcre2_set_depth_limit(regex->match_context, MCP_REGEX_MATCH_LIMIT);

    /* there may be no JIT on this machine, or none for this pattern */

    if (pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) != 0
        || pcre2_pattern_info(regex->code, PCRE2_INFO_JITSIZE, &size) != 0
        || size == 0)
    {
        return true;
    }

    /* address space: memory is only behind what a match has used of it */

    regex->jit_stack = pcre2_jit_stack_create(32 * 1024, MCP_REGEX_JIT_STACK,
                                              NULL);

    if (regex->jit_stack == NULL) {
        return false;
    }

    pcre2_jit_stack_assign(regex->match_context, NULL, regex->jit_stack);

    return true;
}


static void
mcp_regex_explain(mcp_error_t *error, int code, size_t offset)
{
    size_t       i;
    PCRE2_UCHAR  text[128];
    const char  *hint;

    if (pcre2_get_error_message(code, text, sizeof(text)) < 0) {
        text[0] = '\0';
    }

    hint = "";

    for (i = 0; i < sizeof(mcp_regex_hints) / sizeof(mcp_regex_hints[0]);
         i++)
    {
        if (mcp_regex_hints[i].code == code) {
            hint = mcp_regex_hints[i].text;
        }
    }

    (void) mcp_error_set(error, code, offset, "%s at offset %zu%s",
                         (const char *) text, offset, hint);
}
