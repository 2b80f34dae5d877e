/* What answers say of the calls that they answer. */

#include "tap.h"
#include "outcome_model.h"


#define LONG_ID  "0123456789abcdef0123456789abcdef0123456789abcdef"           \
                 "0123456789abcdef0123456789abcdef0123456789abcdef"           \
                 "0123456789abcdef0123456789abcdef0123456789abcdef"           \
                 "0123456789abcdef0123456789abcdef0123456789abcdef"           \
                 "0123456789abcdef0123456789abcdef0123456789abcdef"           \
                 "0123456789abcdef"


static mcp_arena_t       arena;
static uint32_t          seed;
static outcome_report_t  model, whole, split;


static uint32_t
chance(uint32_t n)
{
    seed = seed * 1103515245 + 12345;

    return (seed >> 16) % n;
}


static size_t
all(void *data)
{
    (void) data;
    return SIZE_MAX;
}


static size_t
one(void *data)
{
    (void) data;
    return 1;
}


static size_t
some(void *data)
{
    (void) data;
    return 1 + chance(9);
}


/* Two pieces: *data is the length of the first, 0 once it was taken. */

static size_t
in_two(void *data)
{
    size_t  n, *first = data;

    n = *first ? *first : SIZE_MAX;
    *first = 0;

    return n;
}


/* What a text is told to be; at once, byte by byte, cut anywhere. */

static void
reads(const char *name, bool results, const char *text, const char *expected)
{
    int     differ;
    size_t  i, first;

    outcome_read(&whole, tap_str(text), results, all, NULL);
    outcome_read(&split, tap_str(text), results, one, NULL);

    is_str(tap_str(whole.text), expected, name);
    ok(strcmp(whole.text, split.text) == 0, "%s: byte by byte", name);

    differ = 0;

    for (i = 1; i < strlen(text); i++) {
        first = i;
        outcome_read(&split, tap_str(text), results, in_two, &first);

        differ += strcmp(whole.text, split.text) != 0;
    }

    ok(differ == 0, "%s: in two pieces", name);
}


static void
test_single(void)
{
    reads("error", false, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":"
          "-1,\"message\":\"x\"}}", "031E;.ok");
    reads("error first", false, " {\"error\" : { } ,\n\"id\":\"a\"}\r\n\t ",
          "s61E;.ok");
    reads("result is left", false, "{\"id\":1,\"result\":{}}", "");
    reads("result", true, "{\"id\":1,\"result\":{}}", "031R;.ok");
    reads("isError", true, "{\"result\":{\"content\":[{\"isError\":false}],"
          "\"isError\":true},\"id\":-12}", "02d3132RT;.ok");
    reads("isError false", true, "{\"id\":1,\"result\":{\"isError\":false}}",
          "031R;.ok");
    reads("isError as text", true, "{\"id\":1,\"result\":{\"isError\":"
          "\"true\"}}", "031R;.ok");
    reads("isError deeper", true, "{\"id\":1,\"result\":{\"a\":{\"isError\":"
          "true},\"b\":[{\"isError\":true}]}}", "031R;.ok");
    reads("isError elsewhere", true, "{\"id\":1,\"isError\":true,\"error\":"
          "{\"isError\":true},\"_\":{\"isError\":true}}", "031E;.ok");
    reads("result in an array", true, "{\"id\":1,\"result\":[{\"isError\":"
          "true}]}", "031R;.ok");
    reads("the usual beginning", true, "{\"jsonrpc\":\"2.0\",\"id\":17,"
          "\"result\":{\"isError\":true}}", "03137RT;.ok");
    reads("and an id of text", true, "{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0062"
          "\",\"error\":{}}", "s6162E;.ok");
    reads("and no id", true, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{}}",
          "nE;.ok");
    reads("and a batch", true, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}},"
          "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}]",
          "031E;032R;.ok");
    reads("and two ids", true, "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,"
          "\"error\":{}}", "031EA;.ok");
    reads("and another id, escaped", true, "{\"jsonrpc\":\"2.0\",\"id\":1,"
          "\"\\u0069d\":2,\"error\":{}}", "032EA;.ok");
    reads("and no value", true, "{\"jsonrpc\":\"2.0\",\"id\":,\"error\":{}}",
          "");
    reads("and nothing", true, "{\"jsonrpc\":\"2.0\",\"id\":", "");
    reads("and a method", true, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
          "\"x\",\"error\":{}}", "");
    reads("a notification as usual", true, "{\"jsonrpc\":\"2.0\",\"method\":"
          "\"x\",\"id\":1,\"error\":{}}", "");
    reads("a notification is left", true, "{\"method\":\"x\",\"error\":{}}",
          "");
    reads("empty", false, "{}", "-;.ok");
    reads("names inside of others", false, "{\"params\":{\"error\":{},\"id\":"
          "3},\"Error\":{},\"errors\":{},\"erro\":{},\"id\":2}", "032;.ok");
}


/* Only a beginning that is whole, and means a method to everybody. */

static void
test_request(void)
{
    size_t     i, k;
    mcp_str_t  text;
    bool       early;

    static const char  *requests[] = {
        "{\"jsonrpc\":\"2.0\",\"method\":\"", "{\"method\":\"",
        "{\"jsonrpc\": \"2.0\", \"method\": \""
    };
    static const char  *others[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}",
        "{\"jsonrpc\":\"2.0\",\"methods\":\"x\"}", "{\"method\":1}",
        "[{\"method\":\"x\"}]", "\"{\"method\":\"\"", " {\"method\":\"x\"}"
    };

    for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        text = tap_str(requests[i]);
        early = false;

        ok(mcp_outcome_is_request(text), "request: %s", requests[i]);
        reads(requests[i], true, requests[i], "");

        for (k = 0; k < strlen(requests[i]); k++) {
            text.len = k;
            early = early || mcp_outcome_is_request(text);
        }

        ok(!early, "request: not by less");
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ok(!mcp_outcome_is_request(tap_str(others[i])), "request: not %s",
           others[i]);
    }
}


static void
test_escapes(void)
{
    reads("escaped names", true, "{\"\\u0065rror\":{},\"i\\u0064\":1}",
          "031E;.ok");
    reads("escaped isError", true, "{\"res\\u0075lt\":{\"is\\u0045rror\":"
          "true},\"id\":1}", "031RT;.ok");
    reads("escaped ids", false, "{\"id\":\"\\u0041\\n\\\\\\/\\u00e9\\u20ac"
          "\\ud83d\\ude00\"}", "s410a5c2fc3a9e282acf09f9880;.ok");
    reads("half a pair", false, "{\"id\":\"\\ud83d\"}", "?;.ok");
    reads("half a pair and more", false, "{\"id\":\"\\ud83dx\"}", "?;.ok");
    reads("the other half", false, "{\"id\":\"\\ude00\"}", "?;.ok");
    reads("two first halves", false, "{\"id\":\"\\ud83d\\ud83d\\ude00\"}",
          "?;.ok");
    reads("U+0000", false, "{\"id\":\"a\\u0000\"}", "?;.ok");
    reads("a name with U+0000", false, "{\"id\\u0000\":1}", "-;.ok");
    reads("a name with half a pair", false, "{\"id\\ud83d\":1}", "-;.ok");
    reads("a quote in a string", false, "{\"a\":\"\\\",\\\"error\\\":{},\","
          "\"id\":1}", "031;.ok");
    reads("a wrong escape", false, "{\"a\":\"\\x\",\"error\":{}}", "");
    reads("wrong hex", false, "{\"a\":\"\\u12g4\",\"error\":{}}", "");
    reads("a raw line feed", false, "{\"a\":\"\n\",\"error\":{}}", "");
}


static void
test_ids(void)
{
    reads("null", false, "{\"id\":null,\"error\":{}}", "nE;.ok");
    reads("true", false, "{\"id\":true,\"error\":{}}", "?E;.ok");
    reads("object", false, "{\"id\":{},\"error\":{}}", "?E;.ok");
    reads("array of one", false, "{\"id\":[1],\"error\":{}}", "?E;.ok");
    reads("zero", false, "{\"id\":0}", "030;.ok");
    reads("empty", false, "{\"id\":\"\"}", "s;.ok");
    reads("number with all parts", false, "{\"id\":-1.5e+10}",
          "02d312e35652b3130;.ok");
    reads("of 257 bytes", false, "{\"id\":\"" LONG_ID "x\"}", "?;.ok");
    reads("a number too long", false, "{\"id\":1" LONG_ID "}", "");

    outcome_read(&whole, tap_str("{\"id\":\"" LONG_ID "\"}"), false, all,
                 NULL);
    ok(whole.text[0] == 's' && whole.length == 1 + 512 + 4, "of 256 bytes");
}


static void
test_ambiguous(void)
{
    reads("two errors", false, "{\"error\":{},\"error\":{}}", "-EA;.ok");
    reads("two spellings", false, "{\"error\":{},\"\\u0065rror\":{}}",
          "-EA;.ok");
    reads("two ids", false, "{\"id\":1,\"error\":{},\"id\":2}", "032EA;.ok");
    reads("two isErrors", true, "{\"result\":{\"isError\":true,\"isError\":"
          "true}}", "-RTA;.ok");
    reads("two results", true, "{\"result\":{\"isError\":true},\"result\":"
          "{}}", "-RTA;.ok");
    reads("error and result", true, "{\"error\":{},\"result\":{}}",
          "-RE;.ok");
    reads("null error", true, "{\"id\":1,\"result\":{},\"error\":null}",
          "031RA;.ok");
    reads("error as text", false, "{\"error\":\"no\"}", "-A;.ok");
}


static void
test_malformed(void)
{
    size_t  i;

    static const char  *texts[] = {
        "", " ", "1", "\"error\"", "null", "x", "}", "]", ",", ":", "[[]]",
        "[1]", "[{\"error\":{}},1]", "{\"error\":{}", "{\"error\":{}]",
        "{\"error\":[}", "[{\"error\":{}}", "[{\"error\":{}}}",
        "{\"error\":{}}x", "{\"error\":{}}{}", "{\"error\":{}},",
        "{\"error\":{},}", "{,\"error\":{}}", "{\"error\" {}}",
        "{\"error\"::{}}", "{error:{}}", "{\"error\":{} \"id\":1}",
        "[{\"error\":{}},]", "[,{\"error\":{}}]", "{\"a\":01,\"error\":{}}",
        "{\"a\":+1,\"error\":{}}", "{\"a\":1.,\"error\":{}}",
        "{\"a\":.1,\"error\":{}}", "{\"a\":1e,\"error\":{}}",
        "{\"a\":1e+,\"error\":{}}", "{\"a\":-,\"error\":{}}",
        "{\"a\":1 2,\"error\":{}}", "{\"a\":tru,\"error\":{}}",
        "{\"a\":truee,\"error\":{}}", "{\"a\":True,\"error\":{}}",
        "{\"a\":nul", "{\"a\":'b',\"error\":{}}", "{\"a\":1}}",
        "{\"a\"}", "{\"a\":}", "{\"a\":[1,],\"error\":{}}",
        "\xef\xbb\xbf{\"error\":{}}", "{\"error\":{}}\f"
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        outcome_read(&whole, tap_str(texts[i]), true, all, NULL);
        outcome_read(&split, tap_str(texts[i]), true, one, NULL);

        ok(strstr(whole.text, "ok") == NULL
           && strcmp(whole.text, split.text) == 0,
           "not complete: '%s'", texts[i]);
    }
}


static void
test_depth(void)
{
    char    text[2 * MCP_OUTCOME_DEPTH + 64];
    size_t  depth, n;

    for (depth = MCP_OUTCOME_DEPTH - 1; depth <= MCP_OUTCOME_DEPTH; depth++) {
        n = snprintf(text, sizeof(text), "{\"error\":{},\"a\":");

        memset(text + n, '[', depth);
        memset(text + n + depth, ']', depth);
        memcpy(text + n + 2 * depth, "}", 2);

        reads(depth < MCP_OUTCOME_DEPTH ? "the deepest" : "too deep", false,
              text, depth < MCP_OUTCOME_DEPTH ? "-E;.ok" : "");
    }
}


static void
test_batch(void)
{
    reads("batch", true, "[{\"id\":1,\"result\":{\"isError\":true}},"
          "{\"id\":\"1\",\"error\":{}} , {\"method\":\"m\"},{\"id\":2,"
          "\"result\":{}}]", "031RT;s31E;-M;032R;.ok");
    reads("batch, results unread", false, "[{\"id\":1,\"result\":{}},"
          "{\"error\":{},\"id\":2}]", "031R;032E;.ok");
    reads("empty batch", false, "[ ]", ".ok");
    reads("broken batch", false, "[{\"id\":1,\"error\":{}},{]", "031E;");
}


static void
test_failed(void)
{
    mcp_outcome_message_t  message;

    memset(&message, 0, sizeof(message));
    ok(!mcp_outcome_failed(&message, true), "nothing has not failed");

    message.result = true;
    ok(!mcp_outcome_failed(&message, true), "a result has not");

    message.tool_error = true;
    ok(mcp_outcome_failed(&message, true), "an error of a tool has");
    ok(!mcp_outcome_failed(&message, false), "unless it does not matter");

    message.error = true;
    ok(!mcp_outcome_failed(&message, true), "error and result have not");

    message.result = false;
    ok(mcp_outcome_failed(&message, false), "an error has");

    message.method = true;
    ok(!mcp_outcome_failed(&message, true), "a request has not");

    message.method = false;
    message.ambiguous = true;
    ok(!mcp_outcome_failed(&message, true), "what is unclear has not");
}


static bool
equal(const char *a, const char *b)
{
    uint8_t           buffer[2][MCP_OUTCOME_ID_MAX];
    mcp_outcome_id_t  id[2];

    mcp_outcome_id(tap_str(a), buffer[0], &id[0]);
    mcp_outcome_id(tap_str(b), buffer[1], &id[1]);

    return mcp_outcome_id_equal(&id[0], &id[1]);
}


static void
test_equal(void)
{
    ok(equal("1", "1"), "numbers");
    ok(!equal("1", "\"1\""), "a number and a string");
    ok(!equal("1", "1.0"), "another spelling of a number");
    ok(!equal("1", "12"), "another number");
    ok(equal("\"a\"", "\"\\u0061\""), "strings by what they say");
    ok(equal("\"\"", "\"\""), "empty strings");
    ok(equal("0", "0") && equal("-1", "-1") && !equal("1", "-1"),
       "zero, and signs");
    ok(!equal("01", "01") && !equal("\"", "\"") && !equal("\"a", "\"a"),
       "nothing that JSON does not have");
    ok(!equal("\"a\"", "\"A\""), "other strings");
    ok(!equal("null", "null"), "null equals nothing");
    ok(!equal("", ""), "nor does nothing");
    ok(!equal("\"\\ud800\"", "\"\\ud800\""), "nor what is broken");
    ok(!equal("\"" LONG_ID "x\"", "\"" LONG_ID "x\""), "nor what is too long");
    ok(equal("\"" LONG_ID "\"", "\"" LONG_ID "\""), "as long as may be");
    ok(!equal("1}{", "1}{") && !equal("1,\"id\":2", "1,\"id\":2"),
       "nor what is no id");
}


/* Random texts that are made of what matters, some of them spoilt. */

static char    text[8192];
static size_t  text_length;


static void
put(const char *s)
{
    size_t  length;

    length = strlen(s);

    if (sizeof(text) - text_length > length) {
        memcpy(text + text_length, s, length);
        text_length += length;
    }
}


static void
put_space(void)
{
    static const char  *spaces[] = { "", "", "", "", " ", "\n", "\t\r" };

    put(spaces[chance(sizeof(spaces) / sizeof(spaces[0]))]);
}


static void
put_value(unsigned depth)
{
    uint32_t  i, n;

    static const char  *scalars[] = {
        "true", "false", "null", "0", "-1", "12.5e-3", "1", "2", "\"\"",
        "\"a\"", "\"error\"", "\"\\u0061\\\"}\"", "\"\\ud83d\\ude00\"",
        "\"\\udc00\"", "\"\\u0000\"", "\"\xc3\xa9 and much more than that\""
    };
    static const char  *names[] = {
        "\"id\"", "\"error\"", "\"result\"", "\"isError\"", "\"\\u0069d\"",
        "\"e\\u0072ror\"", "\"is\\u0045rror\"", "\"\\u0000\"", "\"ids\"",
        "\"isErrors\"", "\"content\"", "\"error\"", "\"result\"",
        "\"method\"", "\"id\\ud800\""
    };

    if (depth == 0 || chance(3) == 0) {
        put(scalars[chance(sizeof(scalars) / sizeof(scalars[0]))]);
        return;
    }

    n = chance(5);

    if (chance(4) == 0) {
        put("[");

        for (i = 0; i < n; i++) {
            put(i ? "," : "");
            put_space();
            put_value(depth - 1);
            put_space();
        }

        put("]");
        return;
    }

    put("{");

    for (i = 0; i < n; i++) {
        put(i ? "," : "");
        put_space();
        put(names[chance(sizeof(names) / sizeof(names[0]))]);
        put_space();
        put(":");
        put_space();
        put_value(depth - 1);
    }

    put("}");
}


static void
put_text(void)
{
    uint32_t  i, n;

    text_length = 0;
    put_space();

    if (chance(6) == 0) {
        put("{\"jsonrpc\":\"2.0\",\"id\":");
        put_value(1);
        put(",\"error\":");
        put_value(2);
        put("}");

    } else if (chance(3)) {
        put_value(4);

    } else {
        n = chance(4);
        put("[");

        for (i = 0; i < n; i++) {
            put(i ? "," : "");
            put_value(4);
        }

        put("]");
    }

    put_space();

    if (text_length && chance(4) == 0) {
        i = chance((uint32_t) text_length);
        text[i] = "{}[]\":,\\e0x \n"[chance(13)];
    }

    if (text_length && chance(8) == 0) {
        text_length = chance((uint32_t) text_length);
    }
}


static void
test_random(void)
{
    int        i, complete, disagree, differ;
    bool       results;
    mcp_str_t  all_text;

    complete = 0;
    disagree = 0;
    differ = 0;
    seed = 1;

    for (i = 0; i < 60000; i++) {
        put_text();

        results = chance(2);
        all_text.data = (const uint8_t *) text;
        all_text.len = text_length;

        outcome_read(&whole, all_text, results, all, NULL);
        outcome_read(&split, all_text, results, some, NULL);

        if (strcmp(whole.text, split.text) != 0) {
            differ++;
        }

        if (outcome_model(&model, all_text, results, &arena)
            && !outcome_agree(&model, &whole))
        {
            if (disagree++ == 0) {
                printf("# '%.*s'\n# model '%s'\n# read  '%s'\n",
                       (int) text_length, text, model.text, whole.text);
            }
        }

        complete += model.length > 3;
    }

    ok(disagree == 0, "the tokenizer agrees");
    ok(differ == 0, "in pieces they say what they say at once");
    ok(complete > 5000, "%d texts had messages", complete);
}


int
main(void)
{
    mcp_allocator_t  allocator = TAP_ALLOCATOR;

    mcp_arena_init(&arena, &allocator, 0);

    test_single();
    test_request();
    test_escapes();
    test_ids();
    test_ambiguous();
    test_malformed();
    test_depth();
    test_batch();
    test_failed();
    test_equal();
    test_random();

    mcp_arena_destroy(&arena);

    return tap_done();
}
