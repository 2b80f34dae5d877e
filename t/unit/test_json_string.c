/* Members, strings, raw values; and writing strings. */

#include "json_model.h"
#include "tap.h"


#define TEXT(literal)  mcp_str_init(literal)


static json_guard_t     guard;
static mcp_arena_t      arena;
static mcp_allocator_t  allocator = TAP_ALLOCATOR;


static void
parse(mcp_json_t *json, mcp_str_t text)
{
    mcp_error_t   error;
    mcp_limits_t  limits;

    limits = json_limits();
    mcp_arena_reset(&arena, 65536);

    if (mcp_json_parse(json, json_guard_copy(&guard, text), &limits, &arena,
                       &error) != MCP_OK)
    {
        printf("Bail out! %s\n", error.text);
        exit(2);
    }
}


static void
test_member(void)
{
    uint32_t    i;
    mcp_json_t  json;

    parse(&json, mcp_str("{\"a\":{\"b\":1},\"b\":[{\"c\":2}],\"n\\u0061me\":"
                         "\"x\",\"\":0,\"\\ud83d\\ude00\":5,\"aa\":6}"));

    i = mcp_json_member(&json, 0, mcp_str("b"));
    ok(json.tokens[i].type == MCP_JSON_ARRAY, "its own, not a child's");
    i = mcp_json_member(&json, 0, mcp_str("name"));
    is_str(mcp_json_raw(&json, i), "\"x\"", "a name with an escape");
    ok(mcp_json_member(&json, 0, mcp_str("n\\u0061me")) == MCP_JSON_NONE,
       "not by its spelling");
    is_str(mcp_json_raw(&json, mcp_json_member(&json, 0, mcp_str(""))), "0",
           "the empty name");
    is_str(mcp_json_raw(&json, mcp_json_member(&json, 0,
                                               mcp_str("\xf0\x9f\x98\x80"))),
           "5", "a name as a pair of surrogates");
    is_str(mcp_json_raw(&json, mcp_json_member(&json, 0, mcp_str("aa"))),
           "6", "a name that begins like another");
    ok(mcp_json_member(&json, 0, mcp_str("c")) == MCP_JSON_NONE
       && mcp_json_member(&json, 0, mcp_str("A")) == MCP_JSON_NONE
       && mcp_json_member(&json, 0, mcp_str("x")) == MCP_JSON_NONE
       && mcp_json_member(&json, 0, mcp_str("nam")) == MCP_JSON_NONE
       && mcp_json_member(&json, 0, mcp_str("names")) == MCP_JSON_NONE,
       "others are not there");
    ok(mcp_json_member(&json, 1, mcp_str("a")) == MCP_JSON_NONE
       && mcp_json_member(&json, i, mcp_str("a")) == MCP_JSON_NONE
       && mcp_json_member(&json, json.count, mcp_str("a")) == MCP_JSON_NONE,
       "nor in what is no object, nor beyond the tokens");
}


static void
test_string(void)
{
    size_t      i;
    mcp_str_t   value;
    mcp_json_t  json;

    static const struct {
        mcp_str_t  text;
        mcp_str_t  value;
        mcp_rc_t   rc;
    } rows[] = {
        { TEXT("\"\""), TEXT(""), MCP_OK },
        { TEXT("\"abc\""), TEXT("abc"), MCP_OK },
        { TEXT("\"\xc3\xa4\""), TEXT("\xc3\xa4"), MCP_OK },
        { TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\/\b\f\n\r\t"),
          MCP_OK },
        { TEXT("\"a\\nb\\tc\""), TEXT("a\nb\tc"), MCP_OK },
        { TEXT("\"\\u0041\\u005a\\u007f\""), TEXT("AZ\x7f"), MCP_OK },
        { TEXT("\"\\u0080\\u07ff\""), TEXT("\xc2\x80\xdf\xbf"), MCP_OK },
        { TEXT("\"\\u0800\\uD7FF\\ue000\\uFFff\""),
          TEXT("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), MCP_OK },
        { TEXT("\"\\ud800\\udc00\\udbff\\udfff\""),
          TEXT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), MCP_OK },
        { TEXT("\"x\\ud83d\\ude00y\""), TEXT("x\xf0\x9f\x98\x80y"), MCP_OK },
        { TEXT("\"\\\\u0041\""), TEXT("\\u0041"), MCP_OK },
        { TEXT("\"\\\\\\\\\""), TEXT("\\\\"), MCP_OK },
        { TEXT("\"\\u0000\""), TEXT(""), MCP_NO },
        { TEXT("\"a\\u0000b\""), TEXT(""), MCP_NO },
        { TEXT("\"\\ud800\""), TEXT(""), MCP_NO },
        { TEXT("\"\\udc00\\ud800\""), TEXT(""), MCP_NO },
        { TEXT("1"), TEXT(""), MCP_ERROR },
        { TEXT("[\"a\"]"), TEXT(""), MCP_ERROR }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        parse(&json, rows[i].text);

        ok(mcp_json_string(&json, 0, &arena, &value) == rows[i].rc
           && mcp_str_equal(value, rows[i].value), "string %zu", i);

        ok(mcp_json_string_equal(&json, 0, rows[i].value)
           == (rows[i].rc == MCP_OK), "string %zu equals its value", i);
    }

    parse(&json, mcp_str("\"abc\""));
    mcp_json_string(&json, 0, &arena, &value);
    ok(value.data == json.text + 1, "a view when nothing is escaped");

    ok(!mcp_json_string_equal(&json, 0, mcp_str("ab"))
       && !mcp_json_string_equal(&json, 0, mcp_str("abcd"))
       && !mcp_json_string_equal(&json, 0, mcp_str("abd"))
       && !mcp_json_string_equal(&json, 1, mcp_str("abc")),
       "what does not equal");

    parse(&json, mcp_str("\"\\u0061b\\n\""));
    ok(!mcp_json_string_equal(&json, 0, mcp_str("ab"))
       && !mcp_json_string_equal(&json, 0, mcp_str("ab\nd"))
       && !mcp_json_string_equal(&json, 0, mcp_str(""))
       && !mcp_json_string_equal(&json, 0, mcp_str("\\u0061b\\n")),
       "likewise with escapes");

    parse(&json, mcp_str("\"\\ud800\""));
    ok(!mcp_json_string_equal(&json, 0, mcp_str("\xed\xa0\x80")),
       "an unpaired surrogate equals nothing");

    parse(&json, mcp_str("\"a\\u0000\""));
    ok(!mcp_json_string_equal(&json, 0, mcp_str("a"))
       && mcp_json_string_equal(&json, 0, mcp_str("a\0")),
       "U+0000 ends no comparison");

    ok(mcp_json_string(&json, 5, &arena, &value) == MCP_ERROR,
       "no such token");
}


static void
test_string_memory(void)
{
    mcp_str_t    value;
    mcp_json_t   json;
    mcp_arena_t  small;

    parse(&json, mcp_str("\"\\n\""));
    mcp_arena_init(&small, &allocator, 8);
    ok(mcp_json_string(&json, 0, &small, &value) == MCP_NOMEM
       && value.len == 0, "no memory for a string");
    mcp_arena_destroy(&small);
}


static void
test_raw(void)
{
    mcp_json_t  json;

    parse(&json, mcp_str(" [ 1.50 , \"a\\n\", {\"b\" : [ ] } , true ] "));
    is_str(mcp_json_raw(&json, 0),
           "[ 1.50 , \"a\\n\", {\"b\" : [ ] } , true ]", "raw array");
    is_str(mcp_json_raw(&json, 1), "1.50", "raw number");
    is_str(mcp_json_raw(&json, 2), "\"a\\n\"", "raw string");
    is_str(mcp_json_raw(&json, 3), "{\"b\" : [ ] }", "raw object");
    is_str(mcp_json_raw(&json, 4), "\"b\"", "raw key");
    is_str(mcp_json_raw(&json, 6), "true", "raw literal");
    ok(mcp_json_raw(&json, 7).data == NULL, "no such token");

    ok(mcp_json_size(&json, 0) == 4 && mcp_json_size(&json, 3) == 1
       && mcp_json_size(&json, 5) == 0 && mcp_json_size(&json, 1) == 0
       && mcp_json_size(&json, 2) == 0 && mcp_json_size(&json, 7) == 0,
       "sizes");
}


static void
test_escape(void)
{
    size_t     i, n;
    uint8_t   *end;
    uint8_t    buf[256];
    mcp_str_t  s;

    static const struct {
        mcp_str_t   s;
        const char  *escaped;
    } rows[] = {
        { TEXT(""), "" },
        { TEXT("plain text, longer than a block of sixteen"),
          "plain text, longer than a block of sixteen" },
        { TEXT("\"\\/"), "\\\"\\\\/" },
        { TEXT("\b\f\n\r\t"), "\\b\\f\\n\\r\\t" },
        { TEXT("\0\x01\x0b\x0e\x1f\x7f"),
          "\\u0000\\u0001\\u000b\\u000e\\u001f\x7f" },
        { TEXT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
        { TEXT("a\xe2\x80\xa8z\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xa7"),
          "a\\u2028z\\u2029\xe2\x80\xaa\xe2\x80\xa7" },
        { TEXT("\xff"), "\xef\xbf\xbd" },
        { TEXT("a\xc3"), "a\xef\xbf\xbd" },
        { TEXT("\xe2\x80"), "\xef\xbf\xbd\xef\xbf\xbd" },
        { TEXT("\xe2\x80x"), "\xef\xbf\xbd\xef\xbf\xbdx" },
        { TEXT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { TEXT("\xc0\x80\n"), "\xef\xbf\xbd\xef\xbf\xbd\\n" },
        { TEXT("\xf4\x90\x80\x80"),
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s = json_guard_copy(&guard, rows[i].s);
        end = mcp_json_escape(buf, s);
        n = (size_t) (end - buf);

        is_str(((mcp_str_t) { buf, n }), rows[i].escaped, "escaped");
        ok(n <= s.len * MCP_JSON_ESCAPE_MAX, "within the promised length");
    }

    ok(mcp_json_escape(buf, (mcp_str_t) { NULL, 0 }) == buf, "nothing");
}


/* Every character, escaped, is read back as it was. */
static void
test_round_trip(void)
{
    bool          good;
    size_t        n;
    uint8_t      *end;
    uint8_t       utf8[4], buf[32];
    uint32_t      c;
    mcp_json_t    json;
    mcp_error_t   error;
    mcp_limits_t  limits;

    good = true;
    limits = json_limits();

    for (c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 97) {

        if (c >= 0xd800 && c < 0xe000) {
            continue;
        }

        if (c < 0x80) {
            n = 1;
            utf8[0] = (uint8_t) c;

        } else if (c < 0x800) {
            n = 2;
            utf8[0] = (uint8_t) (0xc0 | c >> 6);
            utf8[1] = (uint8_t) (0x80 | (c & 63));

        } else if (c < 0x10000) {
            n = 3;
            utf8[0] = (uint8_t) (0xe0 | c >> 12);
            utf8[1] = (uint8_t) (0x80 | (c >> 6 & 63));
            utf8[2] = (uint8_t) (0x80 | (c & 63));

        } else {
            n = 4;
            utf8[0] = (uint8_t) (0xf0 | c >> 18);
            utf8[1] = (uint8_t) (0x80 | (c >> 12 & 63));
            utf8[2] = (uint8_t) (0x80 | (c >> 6 & 63));
            utf8[3] = (uint8_t) (0x80 | (c & 63));
        }

        buf[0] = '"';
        end = mcp_json_escape(buf + 1, (mcp_str_t) { utf8, n });
        *end++ = '"';

        mcp_arena_reset(&arena, 65536);
        good = good
               && mcp_json_parse(&json,
                                 (mcp_str_t) { buf, (size_t) (end - buf) },
                                 &limits, &arena, &error) == MCP_OK
               && mcp_json_string_equal(&json, 0, (mcp_str_t) { utf8, n });
    }

    ok(good, "round trip");
}


int
main(void)
{
    json_guard_init(&guard, 4096);
    mcp_arena_init(&arena, &allocator, 0);

    test_member();
    test_string();
    test_string_memory();
    test_raw();
    test_escape();
    test_round_trip();

    mcp_arena_destroy(&arena);

    return tap_done();
}
