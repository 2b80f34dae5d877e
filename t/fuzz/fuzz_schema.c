/*
 * Any schema on any value: what it says of the value, and what schemas made
 * of it say, must fit together.
 *
 * Input: the schema on a line, then the value.
 */

#include "fuzz.h"

#include "mcp_schema.h"


#define SCHEMA_BYTES  4096


static const mcp_limits_t  limits = {
    .depth = 32,
    .tokens = 10000,
    .string_length = 100000,
    .number_length = 1000,
    .batch = 8,
    .hash_key = { 1, 2 }
};

/* Forms around a schema, and whether they turn what it says around. */
static const struct {
    const char  *before;
    const char  *after;
    bool         inverts;
} forms[] = {
    { "{\"not\":", "}", true },
    { "{\"not\":{\"not\":", "}}", false },
    { "{\"allOf\":[", "]}", false },
    { "{\"anyOf\":[false,", "]}", false },
    { "{\"oneOf\":[", ",false]}", false },
    { "{\"if\":", ",\"else\":false}", false },
    { "{\"if\":", ",\"then\":false}", true },
    { "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":", "}}", false }
};


/* NULL when it does not compile; the text is gone when it has. */

static const mcp_schema_t *
compile(const char *before, mcp_str_t text, const char *after)
{
    char                *copy;
    size_t               len;
    mcp_rc_t             rc;
    mcp_json_t           json;
    mcp_arena_t          arena;
    mcp_error_t          error;
    const mcp_schema_t  *schema;

    len = strlen(before) + text.len + strlen(after);
    copy = malloc(len + 1);
    check(copy != NULL);

    snprintf(copy, len + 1, "%s%.*s%s", before, (int) text.len,
             (const char *) text.data, after);

    mcp_arena_init(&arena, &fuzz_allocator, 16 * 1024 * 1024);
    schema = NULL;

    if (mcp_json_parse(&json, (mcp_str_t) { (uint8_t *) copy, len }, &limits,
                       &arena, NULL)
        == MCP_OK)
    {
        rc = mcp_schema_compile(&json, 0, &fuzz_allocator, limits.hash_key,
                                &schema, &error);

        check((rc == MCP_OK) == (schema != NULL));
        check(rc != MCP_ERROR || error.text[0] != '\0');
    }

    mcp_arena_destroy(&arena);
    free(copy);

    return schema;
}


static mcp_rc_t
say(const mcp_schema_t *schema, const mcp_json_t *json, uint32_t value)
{
    mcp_rc_t            rc, again;
    mcp_arena_t         arena;
    mcp_schema_fault_t  fault, other;

    mcp_arena_init(&arena, &fuzz_allocator, 64 * 1024 * 1024);
    rc = mcp_schema_check(schema, json, value, &arena, &fault);
    again = mcp_schema_check(schema, json, value, &arena, &other);

    check(rc == again || rc == MCP_NOMEM || again == MCP_NOMEM);

    if (rc == MCP_NO && again == MCP_NO) {
        check(mcp_str_equal(fault.path, other.path));
        check(mcp_str_equal(fault.keyword, other.keyword));
        check(mcp_str_equal(fault.text, other.text));
        check(fault.text.len > 0 && fault.text.len <= 512);
        check(fault.path.len <= 512);
        check(fault.path.len == 0 || fault.path.data[0] == '/');
        check(fault.keyword.len > 0);
    }

    mcp_arena_destroy(&arena);

    return rc;
}


/* Inside of another schema these mean something else. */

static bool
can_be_inside(mcp_str_t text)
{
    return memchr(text.data, '$', text.len) == NULL
           && memmem(text.data, text.len, "\\u", 2) == NULL;
}


static void
check_forms(mcp_str_t text, const mcp_json_t *json, uint32_t value,
    mcp_rc_t said)
{
    size_t               i;
    mcp_rc_t             rc;
    const mcp_schema_t  *schema;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        schema = compile(forms[i].before, text, forms[i].after);

        /* it may be too deep */

        if (schema == NULL) {
            continue;
        }

        rc = say(schema, json, value);

        if (rc == MCP_OK || rc == MCP_NO) {
            check((rc == said) != forms[i].inverts);
        }

        mcp_schema_free(schema);
    }
}


/* A value is equal to itself, and to nothing that it is not equal to. */

static void
check_value(const mcp_json_t *json, uint32_t value)
{
    mcp_rc_t             rc;
    mcp_str_t            raw;
    const mcp_schema_t  *schema;

    raw = mcp_json_raw(json, value);

    if (raw.len > SCHEMA_BYTES) {
        return;
    }

    schema = compile("{\"const\":", raw, "}");

    if (schema != NULL) {
        rc = say(schema, json, value);
        check(rc == MCP_OK || rc == MCP_ERROR || rc == MCP_NOMEM);
        mcp_schema_free(schema);
    }

    schema = compile("{\"not\":{\"enum\":[", raw, "]}}");

    if (schema != NULL) {
        check(say(schema, json, value) != MCP_OK);
        mcp_schema_free(schema);
    }
}


/* Both ways of finding equal elements find them. */

static void
check_unique(const mcp_json_t *json, uint32_t value)
{
    char                *text;
    size_t               i, len, size;
    mcp_str_t            raw;
    mcp_json_t           twice;
    mcp_arena_t          arena;
    const mcp_schema_t  *schema;

    raw = mcp_json_raw(json, value);

    if (raw.len > SCHEMA_BYTES / 16) {
        return;
    }

    size = 2 * raw.len + 1024;
    text = malloc(size);
    schema = compile("{\"uniqueItems\":true}", mcp_str(""), "");
    check(text != NULL && schema != NULL);

    mcp_arena_init(&arena, &fuzz_allocator, 16 * 1024 * 1024);

    for (i = 0; i < 2; i++) {
        len = (size_t) snprintf(text, size, "[[%.*s", (int) raw.len,
                                (const char *) raw.data);

        while (i > 0 && len < raw.len + 512) {
            len += (size_t) snprintf(text + len, size - len, ",[[%zu]]",
                                     len);
        }

        len += (size_t) snprintf(text + len, size - len, ",%.*s]]",
                                 (int) raw.len, (const char *) raw.data);

        if (mcp_json_parse(&twice, (mcp_str_t) { (uint8_t *) text, len },
                           &limits, &arena, NULL)
            == MCP_OK)
        {
            check(say(schema, &twice, 1) != MCP_OK);
        }
    }

    mcp_schema_free(schema);
    mcp_arena_destroy(&arena);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t               i;
    uint8_t             *text;
    mcp_rc_t             rc;
    mcp_str_t            schema_text;
    mcp_json_t           json;
    mcp_arena_t          arena;
    const mcp_schema_t  *schema;

    for (i = 0; i < size && data[i] != '\n'; i++) {
        /* void */
    }

    if (i == size || i > SCHEMA_BYTES || memchr(data, 0, i) != NULL) {
        return 0;
    }

    schema_text = (mcp_str_t) { data, i };
    size -= i + 1;
    text = malloc(size + 2);
    check(text != NULL);

    text[0] = '[';
    memcpy(text + 1, data + i + 1, size);
    text[size + 1] = ']';

    mcp_arena_init(&arena, &fuzz_allocator, 16 * 1024 * 1024);

    if (mcp_json_parse(&json, (mcp_str_t) { text, size + 2 }, &limits,
                       &arena, NULL)
        == MCP_OK
        && json.defect == MCP_JSON_VALID && json.tokens[0].next > 1)
    {
        check_value(&json, 1);
        check_unique(&json, 1);

        schema = compile("", schema_text, "");

        if (schema != NULL) {
            rc = say(schema, &json, 1);
            (void) say(schema, &json, MCP_JSON_NONE);

            if ((rc == MCP_OK || rc == MCP_NO) && can_be_inside(schema_text))
            {
                check_forms(schema_text, &json, 1, rc);
            }

            mcp_schema_free(schema);
        }
    }

    mcp_arena_destroy(&arena);
    free(text);

    return 0;
}
