/* What is JSON, what is not, and the limits. */

#include "json_model.h"
#include "tap.h"


#define TEXT(literal)  mcp_str_init(literal)


typedef struct {
    mcp_str_t        text;
    mcp_json_code_t  code;
} reject_t;


static json_guard_t     guard;
static mcp_arena_t      arena;
static mcp_allocator_t  allocator = TAP_ALLOCATOR;


static const mcp_str_t  accepted[] = {
    TEXT("{}"), TEXT("[]"), TEXT("null"), TEXT("true"), TEXT("false"),
    TEXT("0"), TEXT("-0"), TEXT("1"), TEXT("-1"), TEXT("\"\""),
    TEXT(" \t\r\n{ } \t\r\n"), TEXT("[ ]"), TEXT("[[]]"), TEXT("[{}]"),
    TEXT("[[[[[[[[[[]]]]]]]]]]"), TEXT("[1]"), TEXT("[ 1 , 2 ]"),
    TEXT("[1,\n2\r,\t3]"), TEXT("{\"a\":1}"), TEXT("{ \"a\" : 1 }"),
    TEXT("{\n\"a\"\r:\t1\n,\n\"b\"\n:\n[\n]\n}\n"), TEXT("{\"\":0}"),
    TEXT("{\"a\":{\"a\":{\"a\":1}}}"), TEXT("{\"a\":{},\"b\":[]}"),
    TEXT("{\"a\":[{\"a\":1},{\"a\":1}],\"b\":1}"),
    TEXT("[true,false,null,1,\"\",{},[]]"),
    TEXT("0.0"), TEXT("0.5"), TEXT("-0.5"), TEXT("0e0"), TEXT("0E+0"),
    TEXT("1e400"), TEXT("1e-400"), TEXT("1.5e+10"), TEXT("-1.25E-3"),
    TEXT("123456789012345"), TEXT("1234567890123456"),
    TEXT("12345678901234567"), TEXT("123456789012345678901234567890123"),
    TEXT("-12345678901234567890.12345678901234567890e1234567890"),
    TEXT("[0,10,-0,-10,0.0,10.01,1E1]"), TEXT("[1e1,1E+1,1e-1]"),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\u0041\\uABCD\\uabcd\""),
    TEXT("\"\\ud83d\\ude00\""), TEXT("\"\\u0000\""), TEXT("\"\\ud800\""),
    TEXT("\"\\udc00\""), TEXT("\"\\ud800\\ud800\\udc00\""),
    TEXT("\"\\ud800x\""), TEXT("\"\\ud800\\n\""), TEXT("\"\\ud800\\u0041\""),
    TEXT("\"\\udc00\\ud800\""), TEXT("\"\x7f\""), TEXT("\"/\""),
    TEXT("\"\xc2\x80\""), TEXT("\"\xdf\xbf\""), TEXT("\"\xe0\xa0\x80\""),
    TEXT("\"\xed\x9f\xbf\""), TEXT("\"\xee\x80\x80\""),
    TEXT("\"\xef\xbf\xbf\""), TEXT("\"\xef\xbb\xbf\""),
    TEXT("\"\xf0\x90\x80\x80\""), TEXT("\"\xf4\x8f\xbf\xbf\""),
    TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""), TEXT("\"\xc3\xa4z\xc3\xb6\""),
    TEXT("\"a string of more than sixteen and than thirty-two bytes\""),
    TEXT("{\"a name of exactly\":1,\"a name of exactlz\":2}"),
    TEXT("{\"0123456789abcdef\":1,\"0123456789abcdeg\":2}"),
    TEXT("{\"A\":1,\"a\":2}"), TEXT("{\"a\":1,\"aa\":2,\"aaa\":3,\"\":4}"),
    TEXT("{\"\xc3\xa4\":1,\"a\xcc\x88\":2}"),
    TEXT("[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]")
};


static const reject_t  rejected[] = {
    { TEXT(""), MCP_JSON_EMPTY },
    { TEXT(" "), MCP_JSON_EMPTY },
    { TEXT(" \n\t\r \n\t\r \n\t\r \n\t\r \n\t\r "), MCP_JSON_EMPTY },

    { TEXT("\xef\xbb\xbf{}"), MCP_JSON_ENCODING },
    { TEXT("\xef\xbb\xbf"), MCP_JSON_ENCODING },
    { TEXT("\xfe\xff\0{\0}"), MCP_JSON_ENCODING },
    { TEXT("\xff\xfe{\0}\0"), MCP_JSON_ENCODING },
    { TEXT("{\0}\0"), MCP_JSON_ENCODING },
    { TEXT("\0{\0}"), MCP_JSON_ENCODING },
    { TEXT("{\0\0\0}\0\0\0"), MCP_JSON_ENCODING },
    { TEXT("\0\0\0{\0\0\0}"), MCP_JSON_ENCODING },
    { TEXT("\0\0\xfe\xff\0\0\0{"), MCP_JSON_ENCODING },
    { TEXT("\xff\xfe\0\0{\0\0\0"), MCP_JSON_ENCODING },
    { TEXT("1\0"), MCP_JSON_ENCODING },
    { TEXT("\0"), MCP_JSON_ENCODING },

    { TEXT("{}{}"), MCP_JSON_TRAILING },
    { TEXT("{} {}"), MCP_JSON_TRAILING },
    { TEXT("[],"), MCP_JSON_TRAILING },
    { TEXT("[]]"), MCP_JSON_TRAILING },
    { TEXT("{}}"), MCP_JSON_TRAILING },
    { TEXT("1 2"), MCP_JSON_TRAILING },
    { TEXT("01"), MCP_JSON_SYNTAX },
    { TEXT("\"a\"\"b\""), MCP_JSON_TRAILING },
    { TEXT("nullnull"), MCP_JSON_TRAILING },
    { TEXT("truex"), MCP_JSON_TRAILING },
    { TEXT("1x"), MCP_JSON_TRAILING },
    { TEXT("0x10"), MCP_JSON_TRAILING },
    { TEXT("[1] \0"), MCP_JSON_TRAILING },
    { TEXT("[1]\xef\xbb\xbf"), MCP_JSON_TRAILING },
    { TEXT("{} // x"), MCP_JSON_TRAILING },
    { TEXT("[1]\v"), MCP_JSON_TRAILING },

    { TEXT("{"), MCP_JSON_TRUNCATED },
    { TEXT("["), MCP_JSON_TRUNCATED },
    { TEXT("[ "), MCP_JSON_TRUNCATED },
    { TEXT("[1"), MCP_JSON_TRUNCATED },
    { TEXT("[1 "), MCP_JSON_TRUNCATED },
    { TEXT("[1,"), MCP_JSON_TRUNCATED },
    { TEXT("[1, "), MCP_JSON_TRUNCATED },
    { TEXT("{\"a"), MCP_JSON_TRUNCATED },
    { TEXT("{\"a\""), MCP_JSON_TRUNCATED },
    { TEXT("{\"a\" "), MCP_JSON_TRUNCATED },
    { TEXT("{\"a\":"), MCP_JSON_TRUNCATED },
    { TEXT("{\"a\": "), MCP_JSON_TRUNCATED },
    { TEXT("{\"a\":1"), MCP_JSON_TRUNCATED },
    { TEXT("{\"a\":1,"), MCP_JSON_TRUNCATED },
    { TEXT("{\"a\":1 , "), MCP_JSON_TRUNCATED },
    { TEXT("[{}"), MCP_JSON_TRUNCATED },
    { TEXT("\""), MCP_JSON_TRUNCATED },
    { TEXT("\"abc"), MCP_JSON_TRUNCATED },
    { TEXT("\"abc\\"), MCP_JSON_TRUNCATED },
    { TEXT("\"abc\\\""), MCP_JSON_TRUNCATED },
    { TEXT("\"\\u"), MCP_JSON_TRUNCATED },
    { TEXT("\"\\u00"), MCP_JSON_TRUNCATED },
    { TEXT("\"\\u0041"), MCP_JSON_TRUNCATED },
    { TEXT("\"\\ud800\\u"), MCP_JSON_TRUNCATED },
    { TEXT("t"), MCP_JSON_TRUNCATED },
    { TEXT("tru"), MCP_JSON_TRUNCATED },
    { TEXT("fals"), MCP_JSON_TRUNCATED },
    { TEXT("nul"), MCP_JSON_TRUNCATED },
    { TEXT("-"), MCP_JSON_TRUNCATED },
    { TEXT("1."), MCP_JSON_TRUNCATED },
    { TEXT("1e"), MCP_JSON_TRUNCATED },
    { TEXT("1e+"), MCP_JSON_TRUNCATED },

    { TEXT("[,]"), MCP_JSON_SYNTAX },
    { TEXT("[1,]"), MCP_JSON_SYNTAX },
    { TEXT("[1 2]"), MCP_JSON_SYNTAX },
    { TEXT("[1,,2]"), MCP_JSON_SYNTAX },
    { TEXT("[,1]"), MCP_JSON_SYNTAX },
    { TEXT("[1}"), MCP_JSON_SYNTAX },
    { TEXT("[}"), MCP_JSON_SYNTAX },
    { TEXT("{]"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\":1]"), MCP_JSON_SYNTAX },
    { TEXT("[1:2]"), MCP_JSON_SYNTAX },
    { TEXT("]"), MCP_JSON_SYNTAX },
    { TEXT("}"), MCP_JSON_SYNTAX },
    { TEXT(","), MCP_JSON_SYNTAX },
    { TEXT(":"), MCP_JSON_SYNTAX },
    { TEXT("{,}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\":1,}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\":1,,\"b\":2}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\"}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\",1}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\"::1}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\":}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\" 1}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\"=1}"), MCP_JSON_SYNTAX },
    { TEXT("{:1}"), MCP_JSON_SYNTAX },
    { TEXT("{1:1}"), MCP_JSON_SYNTAX },
    { TEXT("{null:1}"), MCP_JSON_SYNTAX },
    { TEXT("{a:1}"), MCP_JSON_SYNTAX },
    { TEXT("{'a':1}"), MCP_JSON_SYNTAX },
    { TEXT("{\"a\":1 \"b\":2}"), MCP_JSON_SYNTAX },
    { TEXT("{[]:1}"), MCP_JSON_SYNTAX },
    { TEXT("['a']"), MCP_JSON_SYNTAX },
    { TEXT("[/* x */]"), MCP_JSON_SYNTAX },
    { TEXT("[1//x\n]"), MCP_JSON_SYNTAX },
    { TEXT("// x\n1"), MCP_JSON_SYNTAX },
    { TEXT("[\f1]"), MCP_JSON_SYNTAX },
    { TEXT("[1\v]"), MCP_JSON_SYNTAX },
    { TEXT("[\x01]"), MCP_JSON_SYNTAX },
    { TEXT("[1,\xc2\xa0]"), MCP_JSON_SYNTAX },
    { TEXT("[\xc2\x85 1]"), MCP_JSON_SYNTAX },
    { TEXT("[1 ,\0 2]"), MCP_JSON_SYNTAX },
    { TEXT("[1, \0]"), MCP_JSON_SYNTAX },

    { TEXT("NaN"), MCP_JSON_SYNTAX },
    { TEXT("[NaN]"), MCP_JSON_SYNTAX },
    { TEXT("[nan]"), MCP_JSON_SYNTAX },
    { TEXT("[Infinity]"), MCP_JSON_SYNTAX },
    { TEXT("[-Infinity]"), MCP_JSON_SYNTAX },
    { TEXT("[undefined]"), MCP_JSON_SYNTAX },
    { TEXT("[True]"), MCP_JSON_SYNTAX },
    { TEXT("[TRUE]"), MCP_JSON_SYNTAX },
    { TEXT("[nulL]"), MCP_JSON_SYNTAX },
    { TEXT("[tru]"), MCP_JSON_SYNTAX },
    { TEXT("[falsy]"), MCP_JSON_SYNTAX },
    { TEXT("[truee]"), MCP_JSON_SYNTAX },
    { TEXT("[nullx]"), MCP_JSON_SYNTAX },

    { TEXT("[+1]"), MCP_JSON_SYNTAX },
    { TEXT("[.5]"), MCP_JSON_SYNTAX },
    { TEXT("[-.5]"), MCP_JSON_SYNTAX },
    { TEXT("[5.]"), MCP_JSON_SYNTAX },
    { TEXT("[5.e1]"), MCP_JSON_SYNTAX },
    { TEXT("[1e]"), MCP_JSON_SYNTAX },
    { TEXT("[1e+]"), MCP_JSON_SYNTAX },
    { TEXT("[1e1.5]"), MCP_JSON_SYNTAX },
    { TEXT("[1.2.3]"), MCP_JSON_SYNTAX },
    { TEXT("[--1]"), MCP_JSON_SYNTAX },
    { TEXT("[-]"), MCP_JSON_SYNTAX },
    { TEXT("[- 1]"), MCP_JSON_SYNTAX },
    { TEXT("[-a]"), MCP_JSON_SYNTAX },
    { TEXT("[00]"), MCP_JSON_SYNTAX },
    { TEXT("[01]"), MCP_JSON_SYNTAX },
    { TEXT("[-01]"), MCP_JSON_SYNTAX },
    { TEXT("[-012]"), MCP_JSON_SYNTAX },
    { TEXT("[00.5]"), MCP_JSON_SYNTAX },
    { TEXT("[0x1]"), MCP_JSON_SYNTAX },
    { TEXT("[1_000]"), MCP_JSON_SYNTAX },
    { TEXT("[1a]"), MCP_JSON_SYNTAX },
    { TEXT("[1 000]"), MCP_JSON_SYNTAX },
    { TEXT("[\xef\xbc\x91]"), MCP_JSON_SYNTAX },
    { TEXT("[/]"), MCP_JSON_SYNTAX },
    { TEXT("[!]"), MCP_JSON_SYNTAX },

    { TEXT("[\"\t\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\n\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"a\x1f\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"a\0\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\x41\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\a\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\'\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\N\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\U0041\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\\n\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\\0\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u12\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u123\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u12g4\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u-123\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u 123\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u@@@@\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u00`0\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u00:0\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\u00\\u00\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\ud800\\u12\"]"), MCP_JSON_SYNTAX },
    { TEXT("[\"\\ud800\\x\"]"), MCP_JSON_SYNTAX },
    { TEXT("{\"\t\":1}"), MCP_JSON_SYNTAX },
    { TEXT("{\"\\x\":1}"), MCP_JSON_SYNTAX },

    { TEXT("[\"\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xbf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xc0\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xc0\xaf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xc1\xbf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xc2\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xc2\x7f\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xc2\xc0\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xe0\x9f\xbf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xe0\x80\xaf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xe1\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xe1\x80z\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xe1\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xed\xa0\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xed\xad\xbf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xed\xbf\xbf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xed\xa0\x80\xed\xb0\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xf0\x8f\xbf\xbf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xf0\x80\x80\xaf\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xf1\x80\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xf1\x80\x80z\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xf4\x90\x80\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xf5\x80\x80\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xf8\x88\x80\x80\x80\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xfe\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xff\"]"), MCP_JSON_UTF8 },
    { TEXT("[\"\xc3\xa4\xff\"]"), MCP_JSON_UTF8 },
    { TEXT("{\"\xff\":1}"), MCP_JSON_UTF8 },
    { TEXT("[\"\\u00e4\xe4\"]"), MCP_JSON_UTF8 }
};


static mcp_rc_t
parse_with(mcp_json_t *json, mcp_str_t text, const mcp_limits_t *limits,
    mcp_error_t *error)
{
    mcp_arena_reset(&arena, 65536);
    memset(error, 0, sizeof(mcp_error_t));

    return mcp_json_parse(json, json_guard_copy(&guard, text), limits,
                          &arena, error);
}


static mcp_rc_t
parse(mcp_json_t *json, mcp_str_t text, mcp_error_t *error)
{
    mcp_limits_t  limits;

    limits = json_limits();
    return parse_with(json, text, &limits, error);
}


/* "text" as an element with so much behind it that it is read wide. */
static mcp_str_t
wrap(mcp_str_t text)
{
    size_t          n;
    static uint8_t  buf[1024];
    const char      rest[] = ",\"0123456789012345678901234567890123456789"
                             "0123456789012345678901234567890123456789\"]";

    memcpy(buf, "[0,", 3);
    n = 3;
    memcpy(buf + n, text.data, text.len);
    n += text.len;
    memcpy(buf + n, rest, sizeof(rest) - 1);

    return (mcp_str_t) { buf, n + sizeof(rest) - 1 };
}


static void
test_accepted(void)
{
    size_t       i;
    mcp_json_t   json;
    mcp_error_t  error;
    const char  *wrong;

    for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        wrong = "refused";

        if (parse(&json, accepted[i], &error) == MCP_OK) {
            wrong = json.defect == MCP_JSON_VALID ? json_check(&json)
                                                  : "defect";
        }

        if (wrong == NULL) {
            wrong = "refused when wrapped";

            if (parse(&json, wrap(accepted[i]), &error) == MCP_OK) {
                wrong = json_check(&json);
            }
        }

        ok(wrong == NULL, "accepted %zu%s%s", i, wrong ? ": " : "",
           wrong ? wrong : "");
    }
}


static void
test_rejected(void)
{
    size_t           i;
    mcp_rc_t         rc;
    mcp_json_t       json;
    mcp_error_t      error;
    mcp_json_code_t  code;

    for (i = 0; i < sizeof(rejected) / sizeof(rejected[0]); i++) {
        code = rejected[i].code;
        rc = parse(&json, rejected[i].text, &error);

        if (!ok(rc == MCP_ERROR && error.code == (int) code
                && error.offset <= rejected[i].text.len,
                "rejected %zu: %s", i, mcp_json_code_name(code)))
        {
            printf("#   rc %d, %s at %zu\n", rc,
                   mcp_json_code_name((mcp_json_code_t) error.code),
                   error.offset);
        }

        if (code == MCP_JSON_UTF8 || code == MCP_JSON_SYNTAX) {
            rc = parse(&json, wrap(rejected[i].text), &error);
            ok(rc == MCP_ERROR && error.code == (int) code,
               "rejected %zu when wrapped", i);
        }
    }
}


static void
test_truncated(void)
{
    bool         good;
    size_t       i;
    mcp_str_t    s;
    mcp_json_t   json;
    mcp_error_t  error;

    static const char  text[] =
        "{\"jsonrpc\":\"2.0\",\"id\":17,\"method\":\"tools/call\",\"params\":"
        "{\"name\":\"f\",\"arguments\":{\"a\":[1.5e3,-2,true,false,null,"
        "\"\\ud83d\\ude00 text \xc3\xa4\"],\"long\":"
        "\"0123456789012345678901234567890123456789\",\"b\" : {} }}}";

    s = tap_str(text);
    good = parse(&json, s, &error) == MCP_OK && json_check(&json) == NULL;
    ok(good, "a call");

    for (i = 1; i < sizeof(text) - 1; i++) {
        s.len = i;
        good = good && parse(&json, s, &error) == MCP_ERROR
               && (error.code == MCP_JSON_TRUNCATED
                   || error.code == MCP_JSON_UTF8);
    }

    ok(good, "is truncated wherever it is cut");
}


static void
test_offsets(void)
{
    mcp_json_t   json;
    mcp_error_t  error;

    parse(&json, mcp_str("{\"a\":1,\"b\":tru}"), &error);
    ok(error.offset == 14, "offset of a syntax error");
    ok(strstr(error.text, "byte 14") != NULL, "in its text, too");
    ok(json.count == 0 && json.tokens == NULL, "no tokens after an error");

    parse(&json, mcp_str("[\"abc\xff\"]"), &error);
    ok(error.offset == 5, "offset of bad UTF-8");

    ok(mcp_json_parse(&json, mcp_str("["), &(mcp_limits_t) { .depth = 9,
                      .tokens = 9 }, &arena, NULL) == MCP_ERROR,
       "no error struct");
}


static void
test_spans(void)
{
    size_t       i;
    mcp_json_t   json;
    mcp_error_t  error;

    static const mcp_json_token_t  expected[] = {
        { 0, 46, 10, MCP_JSON_OBJECT, 0, 0 },
        { 2, 3, 2, MCP_JSON_STRING, MCP_JSON_KEY, 1 },
        { 5, 17, 6, MCP_JSON_ARRAY, 0, 1 },
        { 6, 8, 4, MCP_JSON_NUMBER, MCP_JSON_INTEGER, 2 },
        { 9, 11, 5, MCP_JSON_OBJECT, 0, 2 },
        { 12, 15, 6, MCP_JSON_NUMBER, 0, 2 },
        { 19, 22, 7, MCP_JSON_STRING, MCP_JSON_KEY | MCP_JSON_ESCAPED, 1 },
        { 26, 33, 8, MCP_JSON_STRING, MCP_JSON_ESCAPED | MCP_JSON_NUL, 1 },
        { 38, 38, 9, MCP_JSON_STRING, MCP_JSON_KEY, 1 },
        { 40, 44, 10, MCP_JSON_NULL, 0, 1 }
    };

    ok(parse(&json, mcp_str("{\"a\":[-1,{},2.5 ],\"b\\n\": \"x\\u0000\" , "
                            "\"\":null }"), &error) == MCP_OK, "a document");
    ok(json.count == 10, "has ten tokens");

    for (i = 0; i < 10 && i < json.count; i++) {
        ok(memcmp(&json.tokens[i], &expected[i], sizeof(expected[i])) == 0,
           "token %zu: %u %u %u", i, json.tokens[i].start,
           json.tokens[i].end, json.tokens[i].next);
    }
}


static mcp_json_code_t
limited(mcp_str_t text, const mcp_limits_t *limits)
{
    mcp_rc_t     rc;
    mcp_json_t   json;
    mcp_error_t  error;

    rc = parse_with(&json, text, limits, &error);

    if (rc == MCP_OK) {
        return json_check(&json) == NULL ? MCP_JSON_VALID : MCP_JSON_EMPTY;
    }

    return (mcp_json_code_t) error.code;
}


static void
test_limits(void)
{
    uint32_t      i;
    mcp_limits_t  limits;

    limits = json_limits();
    limits.depth = 3;
    ok(limited(mcp_str("[[{}]]"), &limits) == MCP_JSON_VALID, "depth 3");
    ok(limited(mcp_str("[[{\"a\":[]}]]"), &limits) == MCP_JSON_DEPTH,
       "depth 4 of 3");
    ok(limited(wrap(mcp_str("[[[]]]")), &limits) == MCP_JSON_DEPTH,
       "depth 4 of 3, wide");
    limits.depth = 0;
    ok(limited(mcp_str("1"), &limits) == MCP_JSON_VALID, "scalar at depth 0");
    ok(limited(mcp_str("[]"), &limits) == MCP_JSON_DEPTH, "array at depth 0");

    limits = json_limits();

    for (i = 0; i < 6; i++) {
        limits.tokens = i;
        ok(limited(mcp_str("[1,{\"a\":2}]"), &limits)
           == (i < 5 ? MCP_JSON_TOKENS : MCP_JSON_VALID),
           "5 tokens of %u", i);
        ok(limited(wrap(mcp_str("{\"a\":2}")), &limits)
           == MCP_JSON_TOKENS, "6 tokens of %u, wide", i);
    }

    limits = json_limits();

    for (i = 0; i < 60; i++) {
        limits.string_length = i;

        if (limited(mcp_str("[\"0123456789012345678901234567890123456789\"]"),
                    &limits)
            != (i < 40 ? MCP_JSON_STRING_LENGTH : MCP_JSON_VALID)
            || limited(mcp_str("{\"0123456789\":[1,2,3,4,5,6,7,8,9,10,11,12,"
                               "13,14,15,16,17]}"), &limits)
            != (i < 10 ? MCP_JSON_STRING_LENGTH : MCP_JSON_VALID)
            || limited(mcp_str("[\"\\u0041\\u0042\"]"), &limits)
            != (i < 12 ? MCP_JSON_STRING_LENGTH : MCP_JSON_VALID))
        {
            break;
        }
    }

    ok(i == 60, "string length, as written, in keys and values");

    limits = json_limits();

    for (i = 0; i < 60; i++) {
        limits.number_length = i;

        if (limited(mcp_str("[-01234]"), &limits) != MCP_JSON_SYNTAX
            || limited(mcp_str("[12345,\"0123456789012345678901234567890\"]"),
                       &limits)
            != (i < 5 ? MCP_JSON_NUMBER_LENGTH : MCP_JSON_VALID)
            || limited(mcp_str("[-1.5e+10,0]"), &limits)
            != (i < 8 ? MCP_JSON_NUMBER_LENGTH : MCP_JSON_VALID)
            || limited(mcp_str("[1234567890123456789012345678901234567890]"),
                       &limits)
            != (i < 40 ? MCP_JSON_NUMBER_LENGTH : MCP_JSON_VALID))
        {
            break;
        }
    }

    ok(i == 60, "number length");

    limits.depth = 1000000;
    limits.tokens = UINT32_MAX;
    limits.string_length = UINT32_MAX;
    limits.number_length = UINT32_MAX;
    ok(limited(mcp_str("[[\"a\",1]]"), &limits) == MCP_JSON_VALID,
       "limits beyond everything");
}


static void
test_too_large(void)
{
    mcp_json_t    json;
    mcp_error_t   error;
    mcp_limits_t  limits;

    limits = json_limits();

    ok(mcp_json_parse(&json, (mcp_str_t) { (const uint8_t *) "1",
                                           (size_t) 1 << 31 },
                      &limits, &arena, &error) == MCP_ERROR
       && error.code == MCP_JSON_TOO_LARGE, "2^31 bytes are not even read");
}


static void
test_deep(void)
{
    size_t         i, n;
    uint8_t       *text;
    mcp_json_t     json;
    mcp_error_t    error;
    mcp_limits_t   limits;

    limits = json_limits();
    n = 200000;
    text = malloc(2 * n);

    if (text == NULL) {
        exit(2);
    }

    memset(text, '[', n);
    memset(text + n, ']', n);

    ok(parse(&json, (mcp_str_t) { text, 128 }, &error) == MCP_ERROR
       && error.code == MCP_JSON_DEPTH && error.offset == 64,
       "the default depth is 64");

    limits.depth = UINT32_MAX;
    mcp_arena_reset(&arena, 65536);
    ok(mcp_json_parse(&json, (mcp_str_t) { text, 2 * n }, &limits, &arena,
                      &error) == MCP_ERROR
       && error.code == MCP_JSON_DEPTH && error.offset == 65535,
       "no more than tokens can say");

    memset(text + 65535, ']', 65535);
    mcp_arena_reset(&arena, 65536);
    ok(mcp_json_parse(&json, (mcp_str_t) { text, 2 * 65535 }, &limits,
                      &arena, &error) == MCP_OK
       && json.tokens[65534].depth == 65534, "65535 deep");

    for (i = 0; i < 65535; i++) {
        if (json.tokens[i].next != 65535
            || json.tokens[i].end != 2 * 65535 - i)
        {
            break;
        }
    }

    ok(i == 65535, "with all ends right");
    free(text);
}


/* A string of "length" bytes with the thing at every place. */
static bool
position_good(mcp_str_t thing, uint8_t flags, bool good, size_t before,
    size_t length, size_t after)
{
    size_t       at, n;
    uint8_t      buf[512];
    mcp_json_t   json;
    mcp_error_t  error;

    for (at = 0; at <= length; at++) {
        memset(buf, ' ', before);
        n = before;
        buf[n++] = '[';
        buf[n++] = '"';
        memset(buf + n, 'x', at);
        n += at;
        memcpy(buf + n, thing.data, thing.len);
        n += thing.len;
        memset(buf + n, 'y', length - at);
        n += length - at;
        buf[n++] = '"';
        memset(buf + n, '\r', after);
        n += after;
        buf[n++] = ']';

        if ((parse(&json, (mcp_str_t) { buf, n }, &error) == MCP_OK) != good) {
            return false;
        }

        if (good && (json.tokens[1].start != before + 2
                     || json.tokens[1].end != n - after - 2
                     || json.tokens[1].flags != flags))
        {
            return false;
        }
    }

    return true;
}


/*
 * One thing after another at every place of a string and of a block, where
 * the text ends and far from there.
 */
static void
test_positions(void)
{
    bool       good;
    size_t     kind, n;
    mcp_str_t  thing;

    static const struct {
        mcp_str_t  bytes;
        uint8_t    flags;
        bool       good;
    } things[] = {
        { TEXT(""), 0, true },
        { TEXT("\\n"), MCP_JSON_ESCAPED, true },
        { TEXT("\\ud83d\\ude00"), MCP_JSON_ESCAPED, true },
        { TEXT("\\udead"), MCP_JSON_ESCAPED | MCP_JSON_SURROGATE, true },
        { TEXT("\\u0000"), MCP_JSON_ESCAPED | MCP_JSON_NUL, true },
        { TEXT("\xc3\xa4"), 0, true },
        { TEXT("\xf0\x9f\x98\x80"), 0, true },
        { TEXT("\x1f"), 0, false },
        { TEXT("\\q"), 0, false },
        { TEXT("\xff"), 0, false },
        { TEXT("\xe2\x82"), 0, false },
        { TEXT("\""), 0, false }
    };

    for (kind = 0; kind < sizeof(things) / sizeof(things[0]); kind++) {
        thing = things[kind].bytes;
        good = true;

        for (n = 0; n < 17 * 131 * 2; n++) {
            good = good && position_good(thing, things[kind].flags,
                                         things[kind].good, n % 17,
                                         n / 17 % 131, n / (17 * 131) * 90);
        }

        ok(good, "every position, thing %zu", kind);
    }
}


/* Numbers and white space of every length at every place. */
static void
test_lengths(void)
{
    bool         good;
    size_t       before, length, n, point;
    uint8_t      buf[256];
    mcp_json_t   json;
    mcp_error_t  error;

    good = true;

    for (before = 0; before < 40; before++) {
        for (length = 1; length < 70; length++) {
            for (point = 0; point < length; point++) {
                n = 0;
                buf[n++] = '[';
                memset(buf + n, '\t', before);
                n += before;
                memset(buf + n, '7', length);

                if (point > 0 && point < length - 1) {
                    buf[n + point] = '.';
                }

                n += length;
                memset(buf + n, '\n', before);
                n += before;
                buf[n++] = ']';

                good = good
                       && parse(&json, (mcp_str_t) { buf, n }, &error)
                          == MCP_OK
                       && json.count == 2
                       && json.tokens[1].start == before + 1
                       && json.tokens[1].end == before + 1 + length
                       && (json.tokens[1].flags == MCP_JSON_INTEGER)
                          == (point == 0 || point == length - 1);
            }
        }
    }

    ok(good, "numbers of every length, white space of every length");
}


/* The token array grows, where it is and elsewhere, and keeps what it has. */
static void
test_growth(void)
{
    size_t         i, n, size;
    uint8_t       *text;
    mcp_rc_t       rc;
    mcp_json_t     json;
    mcp_error_t    error;
    mcp_arena_t    small;
    mcp_limits_t   limits;

    limits = json_limits();
    size = 1000000;
    text = malloc(size);

    if (text == NULL) {
        exit(2);
    }

    n = 0;
    text[n++] = '[';

    for (i = 0; i < 120000; i++) {
        memcpy(text + n, i % 3 == 0 ? "{}," : "\"\",", 3);
        n += 3;
    }

    text[n - 1] = ']';

    mcp_arena_init(&small, &allocator, 0);
    rc = mcp_json_parse(&json, (mcp_str_t) { text, n }, &limits, &small,
                        &error);
    ok(rc == MCP_OK && json.count == 120001 && json_check(&json) == NULL,
       "120,001 tokens");
    mcp_arena_destroy(&small);

    mcp_arena_init(&small, &allocator, 1000000);
    rc = mcp_json_parse(&json, (mcp_str_t) { text, n }, &limits, &small,
                        &error);
    ok(rc == MCP_NOMEM, "not within a cap of 1 MB");
    mcp_arena_destroy(&small);

    memset(text, 'x', size);
    text[0] = '"';
    text[size - 1] = '"';

    mcp_arena_init(&small, &allocator, 0);
    rc = mcp_json_parse(&json, (mcp_str_t) { text, size }, &limits, &small,
                        &error);
    ok(rc == MCP_OK && json.count == 1 && small.used <= 65536,
       "one string of 1 MB takes little memory");
    mcp_arena_destroy(&small);

    free(text);
}


static void
test_names(void)
{
    int   code;
    bool  good;

    good = true;

    for (code = MCP_JSON_VALID; code <= MCP_JSON_KEY_SURROGATE; code++) {
        good = good
               && strlen(mcp_json_code_name((mcp_json_code_t) code)) > 3
               && strspn(mcp_json_code_name((mcp_json_code_t) code),
                         "abcdefghijklmnopqrstuvwxyz_8")
                  == strlen(mcp_json_code_name((mcp_json_code_t) code));
    }

    ok(good, "every code has a word");
    ok(strcmp(mcp_json_code_name(MCP_JSON_DUPLICATE_KEY), "duplicate_key")
       == 0 && strcmp(mcp_json_code_name(MCP_JSON_UTF8), "bad_utf8") == 0,
       "the documented ones");
    ok(strcmp(mcp_json_code_name((mcp_json_code_t) 99), "unknown") == 0,
       "and no code has one, too");
}


int
main(void)
{
    json_guard_init(&guard, 65536);
    mcp_arena_init(&arena, &allocator, 0);

    test_accepted();
    test_rejected();
    test_truncated();
    test_offsets();
    test_spans();
    test_limits();
    test_too_large();
    test_deep();
    test_positions();
    test_lengths();
    test_growth();
    test_names();

    mcp_arena_destroy(&arena);

    return tap_done();
}
