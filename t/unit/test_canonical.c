/*
 * test_canonical [FILE]: pairs of lines, a JSON text and its canonical form
 * or "!" when it has none, made with the npm package "canonicalize".
 */

#include "tap.h"
#include "mcp_canonical.h"

#define VECTORS      "t/unit/vectors/canonical.txt"
#define FAILED_MAX   10


static const mcp_limits_t     limits = {
    .depth = MCP_DEFAULT_DEPTH,
    .tokens = MCP_DEFAULT_TOKENS,
    .string_length = MCP_DEFAULT_STRING_LENGTH,
    .number_length = 5000,
    .batch = MCP_DEFAULT_BATCH,
    .hash_key = { 1, 2 }
};

static const mcp_allocator_t  allocator = TAP_ALLOCATOR;


/* In the arena; "!" when there is no canonical form. */
static mcp_str_t
canonical(mcp_arena_t *arena, mcp_str_t text, const mcp_str_t *only,
    uint32_t count)
{
    mcp_rc_t     rc;
    mcp_str_t    form;
    mcp_json_t   json;
    mcp_error_t  error;

    rc = mcp_json_parse(&json, text, &limits, arena, &error);
    if (rc != MCP_OK) {
        return mcp_str("unreadable");
    }

    rc = mcp_canonical_write(&json, 0, only, count, arena, &form);

    if (rc == MCP_OK) {
        return form;
    }

    return rc == MCP_ERROR ? mcp_str("!") : mcp_str("no memory");
}


static void
is_canonical(const char *text, const char *expected)
{
    mcp_arena_t  arena;

    mcp_arena_init(&arena, &allocator, 0);
    is_str(canonical(&arena, tap_str(text), NULL, 0), expected, text);
    mcp_arena_destroy(&arena);
}


static bool
read_line(FILE *file, char **line, size_t *size, mcp_str_t *s)
{
    ssize_t  n;

    n = getline(line, size, file);
    if (n <= 0) {
        return false;
    }

    s->data = (uint8_t *) *line;
    s->len = (size_t) n - ((*line)[n - 1] == '\n');

    return true;
}


static void
test_vectors(const char *name)
{
    FILE        *file;
    char        *lines[2];
    size_t       sizes[2];
    unsigned     count, failed;
    mcp_str_t    text, expected, got;
    mcp_arena_t  arena;

    file = fopen(name, "r");
    if (!ok(file != NULL, "%s can be read", name)) {
        return;
    }

    mcp_arena_init(&arena, &allocator, 0);
    memset(lines, 0, sizeof(lines));
    memset(sizes, 0, sizeof(sizes));
    count = 0;
    failed = 0;

    while (read_line(file, &lines[0], &sizes[0], &text)
           && read_line(file, &lines[1], &sizes[1], &expected))
    {
        got = canonical(&arena, text, NULL, 0);
        count++;

        if (!mcp_str_equal(got, expected) && failed++ < FAILED_MAX) {
            printf("# text     %.*s\n# got      %.*s\n# expected %.*s\n",
                   (int) text.len, (const char *) text.data, (int) got.len,
                   (const char *) got.data, (int) expected.len,
                   (const char *) expected.data);
        }

        mcp_arena_reset(&arena, 1024 * 1024);
    }

    ok(count >= 700 && failed == 0, "%s: %u vectors, %u failed", name,
       count, failed);

    mcp_arena_destroy(&arena);
    free(lines[0]);
    free(lines[1]);
    fclose(file);
}


static void
test_numbers(void)
{
    static const char  *numbers[][2] = {
        { "0", "0" }, { "-0", "0" }, { "-0.0e5", "0" }, { "10", "10" },
        { "1.0", "1" }, { "1E2", "100" }, { "-1.50", "-1.5" },
        { "0.000001", "0.000001" }, { "0.0000001", "1e-7" },
        { "123e-20", "1.23e-18" }, { "1e20", "100000000000000000000" },
        { "123456789012345680000", "123456789012345680000" },
        { "1e21", "1e+21" }, { "1.5e300", "1.5e+300" },
        { "9007199254740991", "9007199254740991" },
        { "9007199254740992", "9007199254740992" },
        { "9007199254740993", "9007199254740992" },
        { "9007199254740993.0000000000000000000000000000001",
          "9007199254740994" },
        { "9007199254740995", "9007199254740996" },
        { "0.1000000000000000055511151231257827", "0.1" },
        { "1.7976931348623157e308", "1.7976931348623157e+308" },
        { "1.7976931348623158e308", "1.7976931348623157e+308" },
        { "1.797693134862315807e308", "1.7976931348623157e+308" },
        { "1.797693134862315808e308", "!" },
        { "1e309", "!" }, { "-1e400", "!" },
        { "1e99999999999999999999", "!" },
        { "0e99999999999999999999", "0" },
        { "1e-99999999999999999999", "0" },
        { "5e-324", "5e-324" }, { "4.9e-324", "5e-324" },
        { "2.4703282292062328e-324", "5e-324" },
        { "2.4703282292062327e-324", "0" }, { "-1e-400", "0" },
        { "2.2250738585072011e-308", "2.225073858507201e-308" },
        { "2.2250738585072014e-308", "2.2250738585072014e-308" },
        { "5.684341886080801486968994140625e-14", "5.684341886080802e-14" }
    };

    size_t  i;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        is_canonical(numbers[i][0], numbers[i][1]);
    }
}


/* Digits far behind the point decide between two doubles. */
static void
test_long_numbers(void)
{
    char         text[3100];
    mcp_arena_t  arena;

    mcp_arena_init(&arena, &allocator, 0);

    memset(text, '0', sizeof(text));
    memcpy(text, "9007199254740993.", 17);

    is_str(canonical(&arena, (mcp_str_t) { (uint8_t *) text, 3000 }, NULL, 0),
           "9007199254740992", "a tie with 3,000 digits goes to even");

    text[2999] = '1';

    is_str(canonical(&arena, (mcp_str_t) { (uint8_t *) text, 3000 }, NULL, 0),
           "9007199254740994", "the last of 3,000 digits breaks the tie");

    memset(text, '9', sizeof(text));

    is_str(canonical(&arena, (mcp_str_t) { (uint8_t *) text, 308 }, NULL, 0),
           "1e+308", "308 nines");
    is_str(canonical(&arena, (mcp_str_t) { (uint8_t *) text, 309 }, NULL, 0),
           "!", "309 nines are infinite");

    memset(text, '0', sizeof(text));
    memcpy(text, "0.", 2);
    memcpy(text + 3000, "7e2999", 6);

    is_str(canonical(&arena, (mcp_str_t) { (uint8_t *) text, 3006 }, NULL, 0),
           "7", "zeros and exponent make up for each other");

    mcp_arena_destroy(&arena);
}


static void
test_strings(void)
{
    is_canonical("\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/"
                 "\"",
                 "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
    is_canonical("\"\\b\\f\\n\\r\\t\\u000b\\u0000\\u007f\"",
                 "\"\\b\\f\\n\\r\\t\\u000b\\u0000\x7f\"");
    is_canonical("\"\\u2028\\ud83d\\ude00\"",
                 "\"\xe2\x80\xa8\xf0\x9f\x98\x80\"");
    is_canonical("\"\\ud83d\"", "!");
    is_canonical("[1,{\"a\":\"\\udc00\\ud800\"}]", "!");
    is_canonical("\"\"", "\"\"");
}


static void
test_structure(void)
{
    /* RFC 8785, section 3.2.3 */
    is_canonical("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
                 "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\","
                 "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\","
                 "\"\\u0080\":\"Control\",\"\\u00f6\":"
                 "\"Latin Small Letter O With Diaeresis\"}",
                 "{\"\\r\":\"Carriage Return\",\"1\":\"One\","
                 "\"\xc2\x80\":\"Control\",\"\xc3\xb6\":"
                 "\"Latin Small Letter O With Diaeresis\","
                 "\"\xe2\x82\xac\":\"Euro Sign\","
                 "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
                 "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");

    /* section 3.2.2 */
    is_canonical("{ \"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, "
                 "0.000000000000000000000000001], \"literals\": "
                 "[null, true, false] }",
                 "{\"literals\":[null,true,false],\"numbers\":"
                 "[333333333.3333333,1e+30,4.5,0.002,1e-27]}");

    is_canonical(" { } ", "{}");
    is_canonical("[ [ ] , { } ]", "[[],{}]");
    is_canonical("{\"\":1,\"ab\":2,\"a\":3}", "{\"\":1,\"a\":3,\"ab\":2}");
    is_canonical("{\"b\":{\"d\":1,\"c\":{\"z\":[],\"y\":2}},\"a\":[{\"2\":0,"
                 "\"1\":0}]}",
                 "{\"a\":[{\"1\":0,\"2\":0}],\"b\":{\"c\":{\"y\":2,\"z\":[]},"
                 "\"d\":1}}");
    is_canonical("{\"a\":1,\"\\u0061\":2}", "!");
    is_canonical("[{\"a\":{}},{\"a\":1,\"b\":1e999}]", "!");
}


static void
test_only(void)
{
    mcp_arena_t             arena;
    static const mcp_str_t  only[] = {
        mcp_str_init("name"), mcp_str_init("title")
    };

    mcp_arena_init(&arena, &allocator, 0);

    is_str(canonical(&arena, mcp_str("{\"x\":1,\"title\":{\"x\":1},"
                                     "\"n\\u0061me\":\"t\",\"name2\":0}"),
                     only, 2),
           "{\"name\":\"t\",\"title\":{\"x\":1}}",
           "only members of the top are left out");
    is_str(canonical(&arena, mcp_str("{\"x\":1}"), only, 2), "{}",
           "none of them");

    mcp_arena_destroy(&arena);
}


/* No two values have one text, whatever a double makes of them. */
static void
test_exact(void)
{
    size_t       i;
    mcp_str_t    form;
    mcp_json_t   json;
    mcp_arena_t  arena;
    mcp_error_t  error;

    static const mcp_str_t  except[] = {
        mcp_str_init("_meta"), mcp_str_init("task")
    };

    static const char  *texts[][2] = {
        { "{\"b\":1.0,\"a\":[1e2,-0]}", "{\"a\":[100,0],\"b\":1}" },
        { "{\"a\":9007199254740992}", "{\"a\":9007199254740992}" },
        { "{\"a\":9007199254740993}", "{\"a\":9007199254740993}" },
        { "{\"a\":-18446744073709551615}", "{\"a\":-18446744073709551615}" },
        { "{\"a\":0.1}", "{\"a\":0.1}" },
        { "{\"a\":10e-2}", "{\"a\":0.1}" },
        { "{\"a\":0.10000000000000000001}",
          "{\"a\":0.10000000000000000001}" },
        { "{\"a\":1e-400}", "{\"a\":1e-400}" },
        { "{\"a\":0e-400}", "{\"a\":0}" },
        { "{\"a\":1e400}", "!" },
        { "{\"a\":\"\\ud800\"}", "!" },
        { "{\"t\\u0061sk\":{\"a\":\"\\ud800\"},\"_meta\":1e400,\"b\":{"
          "\"task\":1,\"_meta\":2}}", "{\"b\":{\"_meta\":2,\"task\":1}}" },
        { "{\"_meta\":{}}", "{}" },
        { "[{\"_meta\":1}]", "[{\"_meta\":1}]" }
    };

    mcp_arena_init(&arena, &allocator, 0);

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {

        if (mcp_json_parse(&json, tap_str(texts[i][0]), &limits, &arena,
                           &error) != MCP_OK)
        {
            ok(false, "%s is read", texts[i][0]);
            continue;
        }

        if (mcp_canonical_write_exact(&json, 0, except, 2, &arena, &form)
            == MCP_ERROR)
        {
            form = mcp_str("!");
        }

        is_str(form, texts[i][1], texts[i][0]);
    }

    mcp_arena_destroy(&arena);
}


/* Keys in an order that a bad sort would be slow with, and deep values. */
static void
test_large(void)
{
    char         expected[64 * 2 + 1];
    size_t       used;
    unsigned     i;
    char        *text;
    mcp_str_t    form;
    mcp_arena_t  arena;

    enum { KEYS = 100000 };

    text = malloc(KEYS * 16);
    mcp_arena_init(&arena, &allocator, 0);

    used = 0;

    for (i = KEYS; i > 0; i--) {
        used += (size_t) snprintf(text + used, 16, "%c\"k%06u\":0",
                                  i == KEYS ? '{' : ',', i);
    }

    text[used++] = '}';
    form = canonical(&arena, (mcp_str_t) { (uint8_t *) text, used }, NULL, 0);

    ok(form.len == used && memcmp(form.data, "{\"k000001\":0,", 13) == 0
       && memcmp(form.data + used - 12, "\"k100000\":0}", 12) == 0,
       "100,000 members in reverse");

    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    memcpy(expected, text, 128);
    expected[128] = '\0';

    is_str(canonical(&arena, (mcp_str_t) { (uint8_t *) text, 128 }, NULL, 0),
           expected, "as deep as the tokenizer goes");

    mcp_arena_destroy(&arena);
    free(text);
}


static void
test_memory(void)
{
    size_t       cap;
    mcp_rc_t     rc;
    unsigned     refused;
    mcp_str_t    form;
    mcp_json_t   json;
    mcp_error_t  error;
    mcp_arena_t  tokens, arena;

    mcp_arena_init(&tokens, &allocator, 0);
    refused = 0;

    rc = mcp_json_parse(&json, mcp_str("{\"b\\u0000\":0,\"a\":[1]}"),
                        &limits, &tokens, &error);
    ok(rc == MCP_OK && json.defect == MCP_JSON_KEY_NUL, "U+0000 in a name");
    ok(mcp_canonical_write(&json, 0, NULL, 0, &tokens, &form) == MCP_ERROR,
       "has no canonical form");

    rc = mcp_json_parse(&json, mcp_str("{\"b\\u0041\":\"\\n\",\"a\":[1]}"),
                        &limits, &tokens, &error);
    ok(rc == MCP_OK, "a text");

    for (cap = 1; cap < 8192; cap *= 2) {
        mcp_arena_init(&arena, &allocator, cap);
        rc = mcp_canonical_write(&json, 0, NULL, 0, &arena, &form);
        refused += rc == MCP_NOMEM;

        if (rc != MCP_OK && rc != MCP_NOMEM) {
            refused = 1000;
        }

        mcp_arena_destroy(&arena);
    }

    ok(refused > 0 && refused < 1000, "no memory is told");
    ok(mcp_canonical_write(&json, json.count, NULL, 0, &tokens, &form)
       == MCP_ERROR, "no such token");

    mcp_arena_destroy(&tokens);
}


int
main(int argc, char **argv)
{
    if (argc == 2) {
        test_vectors(argv[1]);
        return tap_done();
    }

    test_vectors(VECTORS);
    test_numbers();
    test_long_numbers();
    test_strings();
    test_structure();
    test_only();
    test_exact();
    test_large();
    test_memory();

    return tap_done();
}
