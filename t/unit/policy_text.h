/*
 * Policies from text for tests: a splitter into words, variables from a
 * table, and reports kept for comparison.
 */

#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stdio.h>
#include <stdlib.h>

#include "mcp_policy.h"


#define POLICY_REPORTS  64
#define POLICY_WORDS    128

typedef struct {
    unsigned  count;
    unsigned  errors;
    char      texts[POLICY_REPORTS][1100];   /* "error 3: ..." */
} policy_reports_t;

typedef struct {
    const char  *name;
    const char  *value;     /* NULL: cannot be resolved */
} policy_variable_t;


/* What directives can read: a table that ends with a NULL name, or NULL. */
typedef struct {
    const char  *name;
    const char  *text;
} policy_file_t;

static const policy_file_t  *policy_files;


static inline void *
policy_alloc(void *data, size_t size)
{
    (void) data;
    return malloc(size);
}


static inline void
policy_free(void *data, void *p)
{
    (void) data;
    free(p);
}


static const mcp_allocator_t  policy_allocator = {
    policy_alloc, policy_free, NULL
};

static const uint64_t  policy_hash_key[2] = { 1, 2 };


static inline void
policy_report(void *data, mcp_severity_t severity, const mcp_place_t *place,
    const char *text)
{
    char               column[16] = "";
    policy_reports_t  *reports = data;

    if (severity == MCP_REPORT_ERROR) {
        reports->errors++;
    }

    if (place->column != 0) {
        snprintf(column, sizeof(column), ":%u", place->column);
    }

    if (reports->count < POLICY_REPORTS) {
        snprintf(reports->texts[reports->count++], sizeof(reports->texts[0]),
                 "%s %u%s: %s",
                 severity == MCP_REPORT_ERROR ? "error" : "warning",
                 place->line, column, text);
    }
}


static inline mcp_rc_t
policy_compile_text(void *data, mcp_str_t source, const mcp_place_t *place,
    mcp_text_t *text)
{
    if (source.len == 4 && memcmp(source.data, "$bad", 4) == 0) {
        policy_report(data, MCP_REPORT_ERROR, place,
                      "unknown \"bad\" variable");
        return MCP_ERROR;
    }

    text->literal = source;

    if (memchr(source.data, '$', source.len) != NULL) {
        text->variables = source.data;       /* the builder's copy ends in 0 */
    }

    return MCP_OK;
}


static inline mcp_rc_t
policy_read_file(void *data, mcp_str_t path, const mcp_place_t *place,
    mcp_str_t *text)
{
    const policy_file_t  *file;

    for (file = policy_files; file && file->name; file++) {
        if (strlen(file->name) == path.len
            && memcmp(file->name, path.data, path.len) == 0)
        {
            text->data = (const uint8_t *) file->text;
            text->len = strlen(file->text);
            return MCP_OK;
        }
    }

    policy_report(data, MCP_REPORT_ERROR, place, "no such file");

    return MCP_ERROR;
}


/* "data" is a table that ends with a NULL name. */
static inline mcp_rc_t
policy_resolve(void *data, const void *variables, mcp_arena_t *arena,
    mcp_str_t *value)
{
    size_t                    len, used;
    uint8_t                  *out;
    const char               *p;
    const policy_variable_t  *v;

    out = mcp_arena_alloc(arena, 4096);
    if (out == NULL) {
        return MCP_NOMEM;
    }

    used = 0;

    for (p = variables; *p != '\0'; /* void */ ) {

        if (*p != '$') {
            out[used++] = (uint8_t) *p++;
            continue;
        }

        p++;
        len = strspn(p, "abcdefghijklmnopqrstuvwxyz_");

        for (v = data; v->name != NULL; v++) {
            if (strlen(v->name) == len && memcmp(v->name, p, len) == 0) {
                if (v->value == NULL) {
                    return MCP_ERROR;
                }

                memcpy(out + used, v->value, strlen(v->value));
                used += strlen(v->value);
            }
        }

        p += len;
    }

    value->data = out;
    value->len = used;

    return MCP_OK;
}


static inline mcp_policy_builder_t *
policy_builder(const char *name, const mcp_allocator_t *allocator,
    policy_reports_t *reports)
{
    mcp_place_t     place = { .file = "test", .line = 0 };
    mcp_frontend_t  frontend = { .report = policy_report,
                                 .compile_text = policy_compile_text,
                                 .read_file = policy_read_file,
                                 .scratch = &policy_allocator,
                                 .data = reports };

    memset(reports, 0, sizeof(*reports));

    return mcp_policy_builder_create((mcp_str_t) { (const uint8_t *) name,
                                                   strlen(name) },
                                     &place, allocator, &frontend,
                                     policy_hash_key);
}


/* Feeds "text"; quotes keep words together; lines count from 1. */
static inline void
policy_feed(mcp_policy_builder_t *builder, const char *text)
{
    char          quote;
    bool          word;
    size_t        used;
    uint32_t      count;
    const char   *p;
    mcp_str_t     words[POLICY_WORDS];
    mcp_place_t   place = { .file = "test", .line = 1 };
    static char   bytes[65536];

    used = 0;
    count = 0;
    word = false;
    quote = '\0';

    for (p = text; *p != '\0'; p++) {

        if (quote != '\0') {
            if (*p == quote) {
                quote = '\0';

            } else {
                bytes[used++] = *p;
                words[count].len++;
            }

            continue;
        }

        if (strchr(" \n;{}", *p) != NULL) {

            if (word) {
                count++;
                word = false;
            }

            if (*p == ';' || *p == '{') {
                (void) mcp_policy_directive(builder, words, count, *p == '{',
                                            &place);
                count = 0;
                used = 0;
            }

            if (*p == '}') {
                (void) mcp_policy_block_end(builder, &place);
            }

            if (*p == '\n') {
                place.line++;
            }

            continue;
        }

        if (!word) {
            word = true;
            words[count].data = (uint8_t *) bytes + used;
            words[count].len = 0;

            if (*p == '\'' || *p == '"') {
                quote = *p;
                continue;
            }
        }

        bytes[used++] = *p;
        words[count].len++;
    }
}


/* NULL when the policy has an error. */
static inline const mcp_policy_t *
policy_build(const char *text, policy_reports_t *reports)
{
    const mcp_policy_t    *policy;
    mcp_policy_builder_t  *builder;

    builder = policy_builder("p", &policy_allocator, reports);
    if (builder == NULL) {
        return NULL;
    }

    policy_feed(builder, text);

    if (mcp_policy_finish(builder, &policy) != MCP_OK) {
        return NULL;
    }

    return policy;
}

#endif /* POLICY_TEXT_H */
