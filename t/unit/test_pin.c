#include "tap.h"
#include "mcp_pin.h"


/* The hashes of definitions are sha256sum's. */
#define HEX1                                                                  \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2                                                                  \
    "ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789"
#define HEX_BAD                                                               \
    "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HASH_CD                                                               \
    "27b23bfb2aba00168ff17107efb5cd43fa4cf22cfff4842746a3c2e53e3543bd"
#define HASH_A                                                                \
    "2e44991f7e090cef71334d3beda7f0ea58896f23ec68eb876877629830e4f6ac"


static const mcp_limits_t     limits = {
    .depth = MCP_DEFAULT_DEPTH,
    .tokens = MCP_DEFAULT_TOKENS,
    .string_length = MCP_DEFAULT_STRING_LENGTH,
    .number_length = MCP_DEFAULT_NUMBER_LENGTH,
    .batch = MCP_DEFAULT_BATCH,
    .hash_key = { 1, 2 }
};

static const uint64_t         hash_key[2] = { 3, 4 };

typedef struct {
    mcp_rc_t       rc;
    mcp_pin_set_t  set;
    mcp_json_t     json;
    mcp_error_t    error;
    unsigned       line;
    unsigned       column;
    mcp_arena_t    kept;
    mcp_arena_t    arena;
} reading_t;


static const mcp_allocator_t  allocator = TAP_ALLOCATOR;


static void *
arena_alloc(void *data, size_t size)
{
    return mcp_arena_alloc(data, size);
}


static void
start(reading_t *reading, const char *text, size_t cap)
{
    mcp_allocator_t  kept = { arena_alloc, NULL, &reading->kept };

    memset(reading, 0, sizeof(*reading));
    mcp_arena_init(&reading->kept, &allocator, cap);
    mcp_arena_init(&reading->arena, &allocator, cap);

    reading->rc = mcp_pin_read(&reading->set, &reading->json, tap_str(text),
                               &kept, &reading->arena, hash_key,
                               &reading->error);

    if (reading->rc == MCP_ERROR) {
        mcp_pin_position(tap_str(text), reading->error.offset,
                         &reading->line, &reading->column);
    }
}


static void
finish(reading_t *reading)
{
    mcp_arena_destroy(&reading->kept);
    mcp_arena_destroy(&reading->arena);
}


/* The hash of a definition in hexadecimal, "!" when it has none. */
static const char *
hash_of(const char *text)
{
    mcp_rc_t     rc;
    uint8_t      hash[MCP_PIN_HASH];
    mcp_json_t   json;
    mcp_error_t  error;
    mcp_arena_t  arena;
    static char  hex[MCP_PIN_HEX + 1];

    mcp_arena_init(&arena, &allocator, 0);

    rc = mcp_json_parse(&json, tap_str(text), &limits, &arena, &error);

    if (rc == MCP_OK) {
        rc = mcp_pin_hash(&json, 0, &arena, hash);
    }

    mcp_arena_destroy(&arena);

    if (rc != MCP_OK) {
        return "!";
    }

    mcp_pin_hex(hash, hex);

    return hex;
}


static void
is_hash(const char *text, const char *expected, const char *name)
{
    is_str(tap_str(hash_of(text)), expected, name);
}


static void
test_hash(void)
{
    char  original[MCP_PIN_HEX + 1];

    /* printf '{}' | sha256sum */
    is_hash("{}", "44136fa355b3678a1146ad16f7e8649e"
                  "94fb4fc21fe77e8310c060f61caaff8a", "of nothing");

    /* printf '{"description":"Says \xc3\xa4","inputSchema":{"a":1,
       "b":[2]},"name":"echo"}' | sha256sum */
    is_hash("{\"name\":\"echo\", \"description\":\"Says \\u00e4\","
            "\"inputSchema\":{\"b\":[2.0],\"a\":1e0}}",
            "45eefe619da39e92f2f6c6d84bf9b80d"
            "d2076893dbd0883bbef7d6ca751b2ede",
            "of the canonical form");

    memcpy(original, hash_of("{\"name\":\"t\",\"title\":\"T\"}"),
           sizeof(original));

    is_hash("{\"title\":\"T\",\"name\":\"t\",\"icons\":[],\"_meta\":{},"
            "\"execution\":{}}", original, "other members do not count");
    ok(strcmp(hash_of("{\"name\":\"t\",\"title\":\"T \"}"), original) != 0,
       "every character counts");
    ok(strcmp(hash_of("{\"name\":\"t\",\"title\":\"T\","
                      "\"annotations\":{}}"), original) != 0,
       "an empty member counts");

    is_hash("{\"name\":\"t\",\"name\":\"t\"}", "!", "a name twice");
    is_hash("{\"name\":1e400}", "!", "an infinite number");
    is_hash("[]", "!", "no object");
}


static void
test_forms(void)
{
    reading_t         r;
    const mcp_pin_t  *pin;

    start(&r, "{\"version\": 1, \"tools\": {\n"
              " \"a\": \"" HEX1 "\",\n"
              " \"b\": {\"sha256\": \"" HEX2 "\"},\n"
              " \"c\\u0064\": {\"sha256\": \"" HASH_CD "\", \"definition\":\n"
              "   {\"title\": \"T\", \"name\": \"cd\"}}}}", 0);

    ok(r.rc == MCP_OK && r.set.count == 3, "a file of version 1");

    pin = mcp_pin_find(&r.set, mcp_str("a"));
    ok(pin == &r.set.pins[0] && pin->hash[0] == 0x01 && pin->hash[31] == 0xef
       && pin->definition == MCP_JSON_NONE, "just a hash");

    pin = mcp_pin_find(&r.set, mcp_str("b"));
    ok(pin == &r.set.pins[1] && pin->hash[0] == 0xab, "upper case");

    pin = mcp_pin_find(&r.set, mcp_str("cd"));
    ok(pin == &r.set.pins[2]
       && mcp_json_member(&r.json, pin->definition, mcp_str("title")) != 0,
       "with its definition");

    ok(mcp_pin_find(&r.set, mcp_str("A")) == NULL
       && mcp_pin_find(&r.set, mcp_str("")) == NULL, "not pinned");
    finish(&r);

    start(&r, "{\"tools\": \"" HEX1 "\", \"version\": \"" HEX2 "\"}", 0);
    ok(r.rc == MCP_OK && r.set.count == 2
       && mcp_pin_find(&r.set, mcp_str("tools")) != NULL,
       "the short form, with awkward names");
    finish(&r);

    start(&r, "{\"tools\": {\"version\": \"" HEX1 "\"}}", 0);
    ok(r.rc == MCP_OK && r.set.count == 1
       && mcp_pin_find(&r.set, mcp_str("version")) != NULL,
       "without version");
    finish(&r);

    start(&r, "{}", 0);
    ok(r.rc == MCP_OK && r.set.count == 0
       && mcp_pin_find(&r.set, mcp_str("a")) == NULL, "no tools");
    finish(&r);
}


static void
test_errors(void)
{
    static const struct {
        const char  *text;
        const char  *error;
        unsigned     line;
        unsigned     column;
    } cases[] = {
        { "", "no JSON value", 1, 1 },
        { "[]", "expected an object, {\"version\": 1, \"tools\": {...}}",
          1, 1 },
        { "{\"a\": 1}", "expected the SHA-256 of tool \"a\", 64 "
          "hexadecimal digits in quotes", 1, 7 },
        { "{\"a\": {}}", "expected the SHA-256 of tool \"a\", 64 "
          "hexadecimal digits in quotes", 1, 7 },
        { "{\"a\": \"12\"}", "expected the SHA-256 of tool \"a\", 64 "
          "hexadecimal digits in quotes", 1, 8 },
        { "{\"a\": \"" HEX_BAD "\"}", "expected the SHA-256 of tool \"a\", "
          "64 hexadecimal digits in quotes", 1, 8 },
        { "{\"\": \"" HEX1 "\"}", "the name of a tool is empty", 1, 3 },
        { "{\"a\": \"" HEX1 "\",\n \"a\": \"" HEX1 "\"}",
          "a name that is there twice or has characters that none can have "
          "(duplicate_key)", 2, 3 },
        { "{\"version\": 2, \"tools\": {}}",
          "unknown \"version\" of the file, expected 1", 1, 13 },
        { "{\"version\": \"1\", \"tools\": {}}",
          "unknown \"version\" of the file, expected 1", 1, 14 },
        { "{\"version\": 1}",
          "expected \"tools\": an object with the names of tools", 1, 1 },
        { "{\"version\": 1, \"tools\": []}",
          "expected \"tools\": an object with the names of tools", 1, 25 },
        { "{\"version\": 1,\n \"tools\": {},\n \"tolls\": {}}",
          "unknown member \"tolls\" of a pin file", 3, 3 },
        { "{\"tools\": {\"a\": null}}", "expected the SHA-256 of tool \"a\", "
          "64 hexadecimal digits in quotes, or an object with \"sha256\"",
          1, 17 },
        { "{\"tools\": {\"a\": {}}}", "tool \"a\" has no \"sha256\"", 1, 17 },
        { "{\"tools\": {\"a\": {\"sha256\": 5}}}", "expected the SHA-256 of "
          "tool \"a\", 64 hexadecimal digits in quotes", 1, 28 },
        { "{\"tools\": {\"a\": {\"sha\": 5}}}",
          "unknown member \"sha\" of a tool", 1, 19 },
        { "{\"tools\": {\"a\": {\"sha256\": \"" HEX1 "\", \"definition\": "
          "[]}}}", "expected \"definition\": an object", 1, 110 },
        { "{\"tools\": {\"a\": {\"sha256\": \"" HEX1 "\", \"definition\": "
          "{\"name\": \"a\", \"x\": 1}}}}",
          "unknown member \"x\" of a definition", 1, 125 },
        { "{\"tools\": {\"a\": {\"sha256\": \"" HEX1 "\", \"definition\": "
          "{\"name\": \"b\"}}}}",
          "the definition of tool \"a\" has another \"name\" or none",
          1, 110 },
        { "{\"tools\": {\"a\": {\"sha256\": \"" HEX1 "\", \"definition\": "
          "{\"name\": \"a\", \"title\": 1e999}}}}",
          "the definition of tool \"a\" has no canonical form: a number is "
          "too large or a string has an unpaired surrogate", 1, 110 },
        { "{\"tools\": {\"a\": {\"sha256\": \"" HEX1 "\", \"definition\": "
          "{\"name\": \"a\"}}}}",
          "the definition of tool \"a\" is not what its \"sha256\" says, "
          "but has "
          "d9d719b27480b55cd4918020e7473e716ed3569c8adafe926cf9b10b4f8ef064",
          1, 110 }
    };

    size_t     i;
    reading_t  r;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(&r, cases[i].text, 0);

        ok(r.rc == MCP_ERROR, "case %zu is refused", i);
        is_str(tap_str(r.error.text), cases[i].error, "the error");
        ok(r.line == cases[i].line && r.column == cases[i].column,
           "at %u:%u", r.line, r.column);

        finish(&r);
    }
}


static void
test_many(void)
{
    char        *text;
    char         name[16];
    size_t       used;
    unsigned     i, found;
    reading_t    r;

    enum { TOOLS = 10000 };

    text = malloc(TOOLS * 90 + 10);
    used = 0;

    for (i = 0; i < TOOLS; i++) {
        used += (size_t) snprintf(text + used, 90,
                                  "%c\"tool_%u\":\"" HEX1 "\"",
                                  i == 0 ? '{' : ',', i);
    }

    memcpy(text + used, "}", 2);
    start(&r, text, 0);
    found = 0;

    for (i = 0; i < TOOLS; i++) {
        snprintf(name, sizeof(name), "tool_%u", i);
        found += mcp_pin_find(&r.set, tap_str(name)) == &r.set.pins[i];
    }

    ok(r.rc == MCP_OK && found == TOOLS, "10,000 tools are found");
    ok(mcp_pin_find(&r.set, mcp_str("tool_10000")) == NULL,
       "another one is not");

    finish(&r);
    free(text);
}


static void
test_memory(void)
{
    size_t     cap;
    unsigned   refused;
    reading_t  r;

    refused = 0;

    for (cap = 1; cap <= 65536; cap *= 2) {
        start(&r, "{\"tools\": {\"a\": {\"sha256\": \"" HASH_A "\","
                  "\"definition\": {\"name\":\"a\",\"title\":\"T\"}}}}", cap);

        refused += r.rc == MCP_NOMEM;

        if (r.rc != MCP_NOMEM && r.rc != MCP_OK) {
            ok(false, "%s", r.error.text);
        }

        finish(&r);
    }

    ok(refused > 0 && refused < 17, "no memory is told");
}


int
main(void)
{
    test_hash();
    test_forms();
    test_errors();
    test_many();
    test_memory();

    return tap_done();
}
