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


/* Regular expressions, and strings that they match or not. */

typedef struct {
    const char  *pattern;      /* as JSON spells it */
    const char  *matching;
    const char  *other;        /* or the error */
} pattern_case_t;

static const pattern_case_t  patterns[] = {
    { "^\\\\d$", "0", "\xdf\x80" },
    { "^\\\\w$", "a", "\xc3\xa9" },
    { "^\\\\s$", "\xc2\xa0", "a" },
    { "^[\\\\s]$", "\xef\xbb\xbf", "a" },
    { "^\\\\S$", "\xe2\x80\x93", "\xe2\x80\x83" },
    { "^[^\\\\S]$", " ", "a" },
    { "^.$", "\xf0\x9f\x98\x80", "\xe2\x80\xa8" },
    { "^.$", "a", "\\r" },
    { "a$", "ba", "a\\n" },
    { "^[^]$", "\\n", "ab" },
    { "^[]|b$", "b", "" },
    { "^[[:alpha:]]$", ":]", "b" },
    { "^[\\\\w-.]$", "-", "," },
    { "^[.-\\\\w]$", "-", "," },
    { "^[\\\\]a-]$", "-", "[" },
    { "^\\\\v$", "\\u000b", "\\n" },
    { "^\\\\cC$", "\\u0003", "C" },
    { "^\\\\x41\\\\u0042\\\\u{43}$", "ABC", "abc" },
    { "^\\\\ud83d\\\\ude00$", "\xf0\x9f\x98\x80", "a" },
    { "^\\\\p{Letter}\\\\P{Lu}$", "\xc3\xa9""a", "aA" },
    { "^\\\\p{Script=Greek}$", "\xce\xb1", "a" },
    { "^a{,2}$", "a{,2}", "aa" },
    { "^{$", "{", "" },
    { "^a{2}?$", "aa", "a" },
    { "^(?<n>a)(?:b)(?=c)(?!d)c$", "abc", "abd" },
    { "(?<=a)b", "ab", "bb" },
    { "^\\\\/\\\\-$", "/-", "\\\\/-" },
    { "\\\\Aa", NULL, "has a backslash before a letter that means nothing in "
      "JSON Schema's regex" },
    { "(?i)a", NULL, "has a group \"(?\" that JSON Schema's regex does not "
      "know" },
    { "(*UTF)a", NULL, "has nothing to repeat after \"(\"" },
    { "a++", NULL, "has nothing to repeat before \"+\"" },
    { "(a)\\\\1", NULL, "refers back to a group, which is not supported" },
    { "\\\\k<a>", NULL, "refers back to a group, which is not supported" },
    { "\\\\ud800", NULL, "names no character" },
    { "\\\\u{110000}", NULL, "names no character" },
    { "\\\\u00g0", NULL, "has \"\\u\" without digits" },
    { "\\\\x4", NULL, "has \"\\x\" without two digits" },
    { "\\\\01", NULL, "has an octal escape" },
    { "\\\\p{Block=x}", NULL, "names a property that is not known" },
    { "\\\\pL", NULL, "has \"\\p\" without \"{\"" },
    { "[a", NULL, "lacks \"]\"" },
    { "a\\\\", NULL, "ends with a backslash" }
};


static void
test_patterns(void)
{
    char                 text[200], got[1200], name[200];
    size_t               i;
    mcp_error_t          error;
    const mcp_schema_t  *schema;

    for (i = 0; i < count(patterns); i++) {
        snprintf(name, sizeof(name), "pattern %s", patterns[i].pattern);
        snprintf(text, sizeof(text), "{\"pattern\":\"%s\"}",
                 patterns[i].pattern);

        if (compile(text, &schema, &error) != MCP_OK) {
            snprintf(text, sizeof(text), "\"/pattern\" %s",
                     patterns[i].matching ? "" : patterns[i].other);
            is_str(tap_str(error.text), text, name);
            continue;
        }

        if (patterns[i].matching == NULL) {
            ok(false, "%s is refused", name);
            mcp_schema_free(schema);
            continue;
        }

        snprintf(text, sizeof(text), "\"%s\"", patterns[i].matching);
        check(schema, text, got, sizeof(got));
        ok(strcmp(got, "ok") == 0, "%s matches", name);

        snprintf(text, sizeof(text), "\"%s\"", patterns[i].other);
        check(schema, text, got, sizeof(got));
        ok(strncmp(got, " pattern: ", 10) == 0, "%s does not match", name);

        mcp_schema_free(schema);
    }
}


/* "value" is a multiple of "divisor": 1, 0, or -1 for an error. */

static void
test_multiples(void)
{
    bool    multiple;
    int     got;
    size_t  i;

    static const struct {
        const char  *value;
        const char  *divisor;
        int          expected;
    } cases[] = {
        { "0", "7", 1 }, { "-14.0", "7", 1 }, { "15", "7", 0 },
        { "1e400", "7", 0 }, { "1e400", "1024", 1 }, { "1e9", "1024", 0 },
        { "1e10", "1024", 1 }, { "0.3", "0.1", 1 }, { "0.35", "0.1", 0 },
        { "1e-400", "1e-400", 1 }, { "1e-400", "1e-399", 0 },
        { "1e99999999999999999999", "3e-5", 0 },
        { "3e99999999999999999999", "3e-5", 1 },
        { "123456789012345678901234567890", "10", 1 },
        { "999999999999999999999999999999", "999999999999999", 1 },
        { "999999999999999999999999999998", "999999999999999", 0 },
        { "4.5", "0.000000000000000001", 1 },
        { "1", "0", -1 }, { "1", "-1", -1 }, { "x", "1", -1 },
        { "1", "1234567890123456789", -1 }
    };

    for (i = 0; i < count(cases); i++) {
        got = -1;

        if (mcp_decimal_multiple(tap_str(cases[i].value),
                                 tap_str(cases[i].divisor), &multiple)
            == MCP_OK)
        {
            got = multiple;
        }

        ok(got == cases[i].expected, "%s of %s", cases[i].value,
           cases[i].divisor);
    }
}


static char *
repeat(const char *before, const char *each, unsigned times,
    const char *after)
{
    char      *text;
    size_t     size, len;
    unsigned   i;

    size = strlen(before) + strlen(after) + times * (strlen(each) + 12) + 1;
    text = malloc(size);

    if (text == NULL) {
        exit(2);
    }

    len = (size_t) snprintf(text, size, "%s", before);

    for (i = 0; i < times; i++) {
        len += (size_t) snprintf(text + len, size - len, "%s%s%u",
                                 i > 0 ? "," : "", each, i);
    }

    (void) snprintf(text + len, size - len, "%s", after);

    return text;
}


static void
test_one(const char *name, const char *schema_text, const char *value,
    const char *expected)
{
    char                 got[1200];
    mcp_error_t          error;
    const mcp_schema_t  *schema;

    if (compile(schema_text, &schema, &error) != MCP_OK) {
        is_str(tap_str(error.text), expected, name);
        return;
    }

    check(schema, value, got, sizeof(got));
    is_str(tap_str(got), expected, name);
    mcp_schema_free(schema);
}


static void
test_large(void)
{
    char  *text, *schema;

    static const char  unique[] = "{\"uniqueItems\":true}";

    text = repeat("[", "", 20000, "]");
    test_one("20000 different numbers", unique, text, "ok");
    free(text);

    text = repeat("[", "", 20000, ",77.0]");
    test_one("20000 numbers, one twice", unique, text,
             "/20000 uniqueItems: must differ from the elements before it");
    free(text);

    text = repeat("[[2,1],{\"a\":1,\"b\":[1]},", "-", 99,
                  ",{\"b\":[1e0],\"\\u0061\":1},[1,2]]");
    test_one("many, one object twice", unique, text,
             "/101 uniqueItems: must differ from the elements before it");
    free(text);

    text = repeat("[[2,1],", "-", 99, ",[1,2]]");
    test_one("many, one turned around", unique, text, "ok");
    free(text);

    /* more names than are compared one by one */

    schema = repeat("{\"additionalProperties\":false,\"required\":[\"p19\"],"
                    "\"properties\":{", "\"q\":{},\"p", 1,
                    "\":{},\"p19\":{\"type\":\"null\"}}}");
    test_one("few names", schema, "{\"p0\":1,\"p19\":null}", "ok");
    free(schema);

    schema = strdup("{\"additionalProperties\":false,\"required\":[\"p9\"],"
                    "\"properties\":{\"p0\":{},\"p1\":{},\"p2\":{},\"p3\":{},"
                    "\"p4\":{},\"p5\":{},\"p6\":{},\"p7\":{},\"p8\":{},"
                    "\"p9\":{\"type\":\"null\"}}}");
    test_one("many names", schema, "{\"p3\":1,\"p\\u0039\":null}", "ok");
    test_one("many names, one unknown", schema, "{\"px\":1,\"p9\":null}",
             "/px additionalProperties: is not a known argument; known are "
             "\"p0\", \"p1\", \"p2\", \"p3\", \"p4\", \"p5\", \"p6\", "
             "\"p7\", \"p8\", \"p9\"");
    test_one("many names, one missing", schema, "{\"p8\":1}",
             "/p9 required: is required");
    free(schema);

    text = repeat("{\"enum\":[", "", 400, "]}");
    test_one("a long list is cut", text, "\"x\"",
             " enum: must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "
             "12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, "
             "27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, "
             "42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, "
             "57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, "
             "72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, "
             "87, 88, ...");
    free(text);
}


/* Every definition asks the next one twice. */

static void
test_explosion(void)
{
    char      text[4096];
    size_t    len;
    unsigned  i;

    len = (size_t) snprintf(text, sizeof(text), "{\"$ref\":\"#/$defs/0\","
                            "\"$defs\":{");

    for (i = 0; i < 40; i++) {
        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "\"%u\":{\"allOf\":[{\"$ref\":\"#/$defs/%u\""
                                 "},{\"$ref\":\"#/$defs/%u\"}]},", i, i + 1,
                                 i + 1);
    }

    (void) snprintf(text + len, sizeof(text) - len, "\"40\":true}}");

    test_one("too much work", text, "1", "error");
}


/* Fails once "left" allocations have been made. */

static void *
scarce_alloc(void *data, size_t size)
{
    unsigned  *left;

    left = data;

    if (*left == 0) {
        return NULL;
    }

    --*left;

    return malloc(size);
}


static void
test_memory(void)
{
    mcp_rc_t             rc;
    unsigned             n, left;
    mcp_json_t           json, value;
    mcp_arena_t          arena, scarce;
    mcp_error_t          error;
    mcp_allocator_t      short_of = { scarce_alloc, tap_free, &left };
    mcp_schema_fault_t   fault;
    const mcp_schema_t  *schema;

    static const char  text[] =
        "{\"properties\":{\"a\":{\"pattern\":\"a\"},\"b\":{\"$ref\":\"#\"}},"
        "\"required\":[\"a\"],\"patternProperties\":{\"x\":{}},"
        "\"anyOf\":[{\"if\":{},\"then\":{}},{\"items\":{}}]}";

    mcp_arena_init(&arena, &allocator, 0);
    mcp_json_parse(&json, tap_str(text), &limits, &arena, &error);
    mcp_json_parse(&value, tap_str("[0,{\"b\":1}]"), &limits, &arena,
                   &error);

    schema = NULL;
    rc = MCP_NOMEM;

    for (n = 0; rc == MCP_NOMEM && n < 100; n++) {
        left = n;
        rc = mcp_schema_compile(&json, 0, &short_of, hash_key, &schema,
                                &error);
    }

    ok(rc == MCP_OK && n > 2, "compiled with %u allocations", n - 1);

    rc = MCP_NOMEM;

    for (n = 0; rc == MCP_NOMEM && n < 100; n++) {
        left = n;
        mcp_arena_init(&scarce, &short_of, 0);
        rc = mcp_schema_check(schema, &value, 2, &scarce, &fault);
        mcp_arena_destroy(&scarce);
    }

    ok(rc == MCP_NO && n > 1, "checked with %u allocations", n - 1);

    mcp_schema_free(schema);
    mcp_schema_free(NULL);
    mcp_arena_destroy(&arena);
}


/* The offset leads to the place in the caller's text. */

static void
test_offset(void)
{
    mcp_json_t           json;
    mcp_arena_t          arena;
    mcp_error_t          error;
    const mcp_schema_t  *schema;

    static const char  text[] = "{\"a\":{\"items\":{\"minItems\":\"x\"}}}";

    mcp_arena_init(&arena, &allocator, 0);
    mcp_json_parse(&json, tap_str(text), &limits, &arena, &error);

    ok(mcp_schema_compile(&json, mcp_json_member(&json, 0, mcp_str("a")),
                          &allocator, hash_key, &schema, &error)
       == MCP_ERROR, "a schema inside of a text");
    is_str(tap_str(error.text),
           "\"/items/minItems\" must be an integer, not negative",
           "the pointer begins at the schema");
    ok(strncmp(text + error.offset, "x\"", 2) == 0,
       "the offset is one of the text");

    mcp_json_parse(&json, tap_str("{\"a\":1,\"a\":1}"), &limits, &arena,
                   &error);
    ok(mcp_schema_compile(&json, 0, &allocator, hash_key, &schema, &error)
       == MCP_ERROR, "a name twice");
    is_str(tap_str(error.text), "the schema has a defect: duplicate_key",
           "is a defect");

    mcp_arena_destroy(&arena);
}


int
main(void)
{
    test_cases(faults, count(faults));
    test_cases(errors, count(errors));
    test_patterns();
    test_multiples();
    test_large();
    test_explosion();
    test_memory();
    test_offset();

    return tap_done();
}
