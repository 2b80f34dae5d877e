/* What schemas compile, what values fit them, and what is said if not. */

#include <stdio.h>

#include "tap.h"
#include "mcp_decimal.h"
#include "mcp_schema.h"


static const mcp_allocator_t  allocator = TAP_ALLOCATOR;
static const uint64_t         hash_key[2] = { 1, 2 };
static const mcp_limits_t     limits = {
    MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS, MCP_DEFAULT_STRING_LENGTH,
    MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH, { 1, 2 }
};


typedef struct {
    const char  *schema;
    const char  *value;       /* NULL: a call without arguments */
    const char  *expected;    /* "ok", "error" or "PATH KEYWORD: TEXT" */
} schema_case_t;


static mcp_rc_t
compile(const char *text, const mcp_schema_t **schema, mcp_error_t *error)
{
    char         *copy;
    mcp_rc_t      rc;
    mcp_json_t    json;
    mcp_arena_t   arena;

    /* the text and its tokens are gone before the schema is used */

    copy = strdup(text);
    mcp_arena_init(&arena, &allocator, 0);

    if (mcp_json_parse(&json, tap_str(copy), &limits, &arena, error)
        != MCP_OK)
    {
        printf("# %s: %s\n", text, error->text);
        exit(2);
    }

    rc = mcp_schema_compile(&json, 0, &allocator, hash_key, schema, error);

    memset(copy, 'x', strlen(copy));
    free(copy);
    mcp_arena_destroy(&arena);

    return rc;
}


/* The value stands in an array, as arguments never are the whole text. */

static void
check(const mcp_schema_t *schema, const char *value, char *got, size_t size)
{
    int                  n;
    char                *text;
    mcp_rc_t             rc;
    mcp_json_t           json;
    mcp_arena_t          arena;
    mcp_error_t          error;
    mcp_schema_fault_t   fault;

    mcp_arena_init(&arena, &allocator, 0);
    memset(&json, 0, sizeof(json));
    text = NULL;

    if (value != NULL) {
        n = asprintf(&text, "[0,%s]", value);

        if (n < 0 || mcp_json_parse(&json, tap_str(text), &limits, &arena,
                                    &error)
                     != MCP_OK)
        {
            printf("# %s: %s\n", value, error.text);
            exit(2);
        }
    }

    rc = mcp_schema_check(schema, &json, (value != NULL) ? 2 : MCP_JSON_NONE,
                          &arena, &fault);

    if (rc == MCP_NO) {
        snprintf(got, size, "%.*s %.*s: %.*s",
                 (int) fault.path.len, (const char *) fault.path.data,
                 (int) fault.keyword.len, (const char *) fault.keyword.data,
                 (int) fault.text.len, (const char *) fault.text.data);

    } else {
        snprintf(got, size, "%s", rc == MCP_OK ? "ok" : "error");
    }

    mcp_arena_destroy(&arena);
    free(text);
}


static void
test_cases(const schema_case_t *cases, size_t count)
{
    char                 got[1200], name[120];
    size_t               i;
    mcp_error_t          error;
    const mcp_schema_t  *schema;

    for (i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%.58s: %.58s", cases[i].schema,
                 cases[i].value != NULL ? cases[i].value : "nothing");

        if (compile(cases[i].schema, &schema, &error) != MCP_OK) {
            is_str(tap_str(error.text), cases[i].expected, name);
            continue;
        }

        check(schema, cases[i].value, got, sizeof(got));
        is_str(tap_str(got), cases[i].expected, name);
        mcp_schema_free(schema);
    }
}


#define count(table)  (sizeof(table) / sizeof((table)[0]))


static const schema_case_t  faults[] = {
    { "{\"type\":\"object\"}", NULL, "ok" },
    { "{\"required\":[\"a\"]}", NULL, "/a required: is required" },
    { "{\"type\":\"string\"}", "5", " type: must be a string, not a "
      "number" },
    { "{\"type\":[\"string\",\"number\",\"null\"]}", "[]",
      " type: must be a string, a number or null, not an array" },
    { "{\"type\":\"integer\"}", "1.5",
      " type: must be an integer, not a fraction" },
    { "{\"type\":\"integer\"}", "1.0", "ok" },
    { "{\"type\":\"integer\"}", "10e-1", "ok" },
    { "{\"type\":\"integer\"}", "1e400", "ok" },
    { "{\"enum\":[\"a\",\"b\"]}", "\"c\"",
      " enum: must be one of \"a\", \"b\"" },
    { "{\"enum\":[\"a\\u0062\",1.0,{\"x\":[1],\"y\":2}]}", "\"ab\"", "ok" },
    { "{\"enum\":[\"a\\u0062\",1.0,{\"x\":[1],\"y\":2}]}", "1", "ok" },
    { "{\"enum\":[{\"x\":[1],\"y\":2}]}", "{\"y\":2.0,\"\\u0078\":[10e-1]}",
      "ok" },
    { "{\"enum\":[{\"x\":[1],\"y\":2}]}", "{\"y\":2.0,\"x\":[1,2]}",
      " enum: must be one of {\"x\":[1],\"y\":2}" },
    { "{\"const\":\"a\\u0000\"}", "\"a\"", " const: must be \"a\\u0000\"" },
    { "{\"const\":\"a\\u0000\"}", "\"\\u0061\\u0000\"", "ok" },
    { "{\"const\":\"\\ud800\"}", "\"\\uD800\"", "ok" },
    { "{\"const\":\"\\ud83d\\ude00\"}", "\"\xf0\x9f\x98\x80\"", "ok" },
    { "{\"const\":false}", "0", " const: must be false" },
    { "{\"properties\":{\"limit\":{\"maximum\":100}}}", "{\"limit\":101}",
      "/limit maximum: must be at most 100" },
    { "{\"maximum\":100}", "1e2", "ok" },
    { "{\"minimum\":18446744073709551616}", "18446744073709551615",
      " minimum: must be at least 18446744073709551616" },
    { "{\"exclusiveMinimum\":0}", "-0.0",
      " exclusiveMinimum: must be greater than 0" },
    { "{\"exclusiveMaximum\":1}", "0.99999999999999999999999", "ok" },
    { "{\"multipleOf\":0.01}", "19.99", "ok" },
    { "{\"multipleOf\":0.01}", "19.995",
      " multipleOf: must be a multiple of 0.01" },
    { "{\"minLength\":2}", "\"\\ud83d\\ude00\"",
      " minLength: must have at least 2 characters" },
    { "{\"maxLength\":1}", "\"\xc3\xa4\"", "ok" },
    { "{\"maxLength\":1}", "\"\\ud800\\ud800\"",
      " maxLength: must have at most 1 character" },
    { "{\"pattern\":\"^a$\"}", "\"a\\n\"",
      " pattern: must match the pattern \"^a$\"" },
    { "{\"pattern\":\"a\"}", "\"a\\u0000\"", "error" },
    { "{\"not\":{\"pattern\":\"a\"}}", "\"\\ud800\"", "error" },
    { "{\"properties\":{\"a\":1.5},\"additionalProperties\":false}", "{}",
      "\"/properties/a\" must be an object, true or false" },
    { "{\"properties\":{\"a\":true,\"b\":{}},"
      "\"additionalProperties\":false}", "{\"c/d~\":1}",
      "/c~1d~0 additionalProperties: is not a known argument; known are "
      "\"a\", \"b\"" },
    { "{\"additionalProperties\":false}", "{\"a\":1}",
      "/a additionalProperties: is not a known argument; there are none" },
    { "{\"properties\":{\"a\":{\"properties\":{\"b\":{}},"
      "\"additionalProperties\":false}}}", "{\"a\":{\"c\":1}}",
      "/a/c additionalProperties: is not a known member; known are \"b\"" },
    { "{\"properties\":{\"a\":{\"items\":{\"type\":\"string\"}}}}",
      "{\"x\":0,\"a\":[\"\",\"\",7]}",
      "/a/2 type: must be a string, not a number" },
    { "{\"properties\":{\"a\":false}}", "{\"a\":1}",
      "/a false: is not allowed" },
    { "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
      "/b dependentRequired: is required together with \"a\"" },
    { "{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}",
      "/ab maxLength: is a name that must have at most 1 character" },
    { "{\"minProperties\":1}", "{}",
      " minProperties: must have at least 1 member" },
    { "{\"maxItems\":1}", "[1,2]",
      " maxItems: must have at most 1 element" },
    { "{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1.0}]",
      "/1 uniqueItems: must differ from the elements before it" },
    { "{\"contains\":{\"const\":1},\"maxContains\":1}", "[1,1]",
      " contains: must have at least 1 and at most 1 elements that fit the "
      "schema in \"contains\"" },
    { "{\"not\":{\"type\":\"null\"}}", "null",
      " not: must not fit the schema in \"not\"" },
    { "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}", "\"x\"",
      " anyOf: must be an integer or null, not a string" },
    { "{\"anyOf\":[{\"type\":\"object\",\"required\":[\"a\"]},"
      "{\"type\":\"null\"}]}", "{}", "/a required: is required" },
    { "{\"anyOf\":[{\"const\":\"a\"},{\"enum\":[\"b\",\"c\"]}]}", "\"d\"",
      " anyOf: must be one of \"a\", \"b\", \"c\"" },
    { "{\"anyOf\":[{\"minimum\":5},{\"maximum\":3}]}", "4",
      " anyOf: must fit one of the 2 forms in \"anyOf\"" },
    { "{\"oneOf\":[{\"minimum\":3},{\"maximum\":5}]}", "4",
      " oneOf: must fit only one of the forms in \"oneOf\"" },
    { "{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]},"
      "\"else\":{\"required\":[\"c\"]}}", "{\"a\":1}",
      "/b required: is required" },
    { "{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]},"
      "\"else\":{\"required\":[\"c\"]}}", "{}", "/c required: is required" },
    { "{\"properties\":{\"n\":{\"$ref\":\"#\"}},\"required\":[\"v\"]}",
      "{\"v\":1,\"n\":{\"v\":1,\"n\":{}}}", "/n/n/v required: is required" },
    { "{\"$ref\":\"#/$defs/a%25~1~0\",\"$defs\":{\"a%/~\":false}}", "1",
      " false: is not allowed" },
    { "{\"$ref\":\"#here\",\"$defs\":{\"a\":{\"$anchor\":\"here\","
      "\"type\":\"null\"}}}", "1", " type: must be null, not a number" }
};


static const schema_case_t  errors[] = {
    { "{\"foo\":1}", "1", "\"/foo\" is not a supported keyword" },
    { "{\"x-foo\":1}", "1", "ok" },
    { "{\"unevaluatedProperties\":false}", "1", "\"/unevaluatedProperties\" "
      "is not supported; write \"additionalProperties\"" },
    { "{\"items\":[{}]}", "1", "\"/items\" must be a schema; write "
      "\"prefixItems\" for an array of them" },
    { "{\"$ref\":\"#\"}", "1", "the schema refers to itself without end" },
    { "{\"$defs\":{\"a\":{\"allOf\":[{\"$ref\":\"#/$defs/b\"}]},"
      "\"b\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}}", "1",
      "\"/$defs/a\" refers to itself without end" },
    { "{\"$ref\":\"http://example.com/\"}", "1", "\"/$ref\" points out of "
      "the document; write \"#/$defs/NAME\"" },
    { "{\"$ref\":\"#/enum/0\",\"enum\":[{}]}", "1",
      "\"/$ref\" points at no schema" },
    { "{\"$ref\":\"#/$defs/b\",\"$defs\":{}}", "1",
      "\"/$ref\" points at nothing" },
    { "{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}", "1",
      "\"/$schema\" must be \"https://json-schema.org/draft/2020-12/schema\""
      " or \"http://json-schema.org/draft-07/schema#\"" },
    { "{\"dependentRequired\":{},"
      "\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "1",
      "\"/dependentRequired\" means nothing in draft-07; \"$schema\" must be "
      "\"https://json-schema.org/draft/2020-12/schema\"" },
    { "{\"properties\":{\"a\":{\"$ref\":\"#/definitions/b\",\"title\":\"T\"}"
      "},\"definitions\":{\"b\":{\"type\":\"null\"}},"
      "\"$schema\":\"http://json-schema.org/draft-07/schema#\"}",
      "{\"a\":1}", "/a type: must be null, not a number" },
    { "{\"properties\":{\"a\":{\"minimum\":1,\"$ref\":\"#\"}},"
      "\"$schema\":\"http://json-schema.org/draft-07/schema\"}", "1",
      "\"/properties/a/minimum\" stands beside \"$ref\", where draft-07 "
      "ignores it; \"$schema\" must be "
      "\"https://json-schema.org/draft/2020-12/schema\"" },
    { "{\"properties\":{\"a\":{\"$id\":\"x\"}}}", "1", "\"/properties/a/$id\""
      " is supported at the top only; write \"$anchor\"" },
    { "{\"type\":\"text\"}", "1", "\"/type\" must be string, number, "
      "integer, boolean, array, object or null" },
    { "{\"type\":[]}", "1", "\"/type\" names no type" },
    { "{\"minimum\":\"1\"}", "1", "\"/minimum\" must be a number" },
    { "{\"multipleOf\":0}", "1", "\"/multipleOf\" must be greater than 0 and "
      "have at most 18 digits" },
    { "{\"minLength\":-1}", "1",
      "\"/minLength\" must be an integer, not negative" },
    { "{\"minLength\":1.5}", "1",
      "\"/minLength\" must be an integer, not negative" },
    { "{\"minLength\":1e99}", "\"a\"", " minLength: must have at least "
      "18446744073709551615 characters" },
    { "{\"pattern\":\"(\"}", "1", "\"/pattern\" missing closing parenthesis "
      "at offset 1" },
    { "{\"pattern\":1}", "1", "\"/pattern\" must be a regular expression" },
    { "{\"required\":\"a\"}", "1", "\"/required\" must be an array of names" },
    { "{\"anyOf\":[]}", "1", "\"/anyOf\" must be an array of schemas" },
    { "{\"uniqueItems\":1}", "1", "\"/uniqueItems\" must be true or false" },
    { "[]", "1", "the schema must be an object, true or false" }
};


int
main(void)
{
    test_cases(faults, count(faults));
    test_cases(errors, count(errors));

    return tap_done();
}
