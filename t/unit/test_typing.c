/*
 * Equality as in policy files.  What both Go's printing and a comparison by
 * value hold for equal is equal, of what only one of them does nobody can
 * tell.
 */

#include "mcp_typing.h"
#include "tap.h"


static const mcp_allocator_t  allocator = TAP_ALLOCATOR;

typedef struct {
    const char       *call;      /* JSON */
    mcp_json_type_t   type;
    const char       *value;
    mcp_equal_t       equal;
} case_t;

#define S  MCP_JSON_STRING
#define N  MCP_JSON_NUMBER
#define Y  MCP_EQUAL_YES
#define U  MCP_EQUAL_UNCLEAR

static const case_t  cases[] = {

    /* how Go prints a float64 */
    { "0", S, "0", Y }, { "-0", S, "-0", Y }, { "-0", S, "0", U },
    { "0.0", S, "0", Y }, { "0e5", S, "0", Y }, { "7", S, "7", Y },
    { "100000", S, "100000", Y }, { "999999", S, "999999", Y },
    { "1000000", S, "1e+06", Y }, { "1000000", S, "1000000", U },
    { "1234567", S, "1.234567e+06", Y }, { "1234567", S, "1234567", U },
    { "123456", S, "123456", Y }, { "1e21", S, "1e+21", Y },
    { "1e100", S, "1e+100", Y }, { "1.5", S, "1.5", Y },
    { "-0.5", S, "-0.5", Y }, { "120.50", S, "120.5", Y },
    { "0.0001", S, "0.0001", Y }, { "0.00001", S, "1e-05", Y },
    { "0.00001", S, "0.00001", U }, { "1.5e-5", S, "1.5e-05", Y },
    { "12e-4", S, "0.0012", Y }, { "1e2", S, "100", Y },
    { "100000.5", S, "100000.5", Y }, { "1000000.5", S, "1.0000005e+06", Y },
    { "5", S, "5.0", U }, { "5", S, "05", 0 }, { "5", S, "+5", 0 },
    { "5", S, "6", 0 }, { "5", S, "", 0 }, { "5", S, "five", 0 },
    { "5", S, "5 ", 0 },

    /* more digits than a float64 keeps */
    { "9007199254740993", N, "9007199254740993", Y },
    { "9007199254740993", N, "9007199254740992", U },
    { "9007199254740993", S, "9007199254740993", U },
    { "9007199254740993", S, "9.007199254740992e+15", U },
    { "9007199254740993", N, "9007199254740000", 0 },
    { "0.99999999999999999999", N, "1", U },
    { "1.00000000000000000001", N, "1", U },
    { "1.000000000001", N, "1", 0 }, { "-1.00000000000000000001", N, "1", 0 },
    { "1e400", N, "1e401", U }, { "1e-400", N, "0", U },
    { "1e-400", N, "1e-300", 0 }, { "1e400", N, "5", 0 },
    { "1e99999999999999999999", N, "1e99999999999999999998", U },

    /* numbers */
    { "5", N, "5.0", Y }, { "50e-1", N, "5", Y }, { "5", N, "6", 0 },
    { "-5", N, "5", 0 }, { "0", N, "-0", Y },

    /* text of the call and a number of the policy */
    { "\"5\"", N, "5", Y }, { "\"5.0\"", N, "5", U },
    { "\"-0\"", N, "-0", U }, { "\"0\"", N, "-0", U },
    { "\"-5\"", N, "-5", Y }, { "\"-0\"", N, "-0.0", Y },
    { "\"1000000\"", N, "1000000", Y }, { "\"1e+06\"", N, "1000000", U },
    { "\"1e+06\"", N, "1000000.0", Y }, { "\"1000000\"", N, "1000000.0", U },
    { "\"9007199254740993\"", N, "9007199254740993", Y },
    { "\"9007199254740992\"", N, "9007199254740993", U },
    { "\" 5\"", N, "5", 0 }, { "\"\"", N, "0", 0 }, { "\"x\"", N, "5", 0 },
    { "\"\\u0035\"", N, "5", U }, { "\"\\t5\"", N, "5", 0 },
    { "\"a\\\\u\"", N, "5", 0 },
    { "\"\\u002b\\u0035\\u002E0\\u0065\\u0045\\u002d1\"", N, "5", U },
    { "\"caf\\u00e9\"", N, "5", 0 }, { "\"\\u00e9\"", N, "5", 0 },
    { "\"tr\\u0075e\"", N, "5", 0 }, { "\"\\u0035 \"", N, "5", 0 },
    { "\"\\u0135\"", N, "5", 0 }, { "\"\\u3005\"", N, "5", 0 },
    { "\"5\\u00355\"", N, "5", U }, { "\"\\u002f\"", N, "5", 0 },

    /* text */
    { "\"x\"", S, "x", Y }, { "\"\\u0078\"", S, "x", Y },
    { "\"X\"", S, "x", 0 }, { "\"\"", S, "", Y },
    { "\"x\\u0000\"", S, "x", U }, { "\"\\ud800\"", S, "x", U },

    /* words */
    { "true", S, "true", Y }, { "false", S, "false", Y },
    { "true", S, "True", 0 }, { "\"true\"", MCP_JSON_TRUE, "true", Y },
    { "\"false\"", MCP_JSON_TRUE, "true", 0 },
    { "\"false\"", MCP_JSON_FALSE, "false", Y },
    { "true", MCP_JSON_TRUE, "true", Y },
    { "true", MCP_JSON_FALSE, "false", 0 }, { "1", MCP_JSON_TRUE, "true", 0 },
    { "null", MCP_JSON_NULL, "null", Y }, { "null", S, "<nil>", U },
    { "null", S, "null", 0 }, { "\"<nil>\"", MCP_JSON_NULL, "null", U },
    { "\"null\"", MCP_JSON_NULL, "null", 0 },
    { "null", N, "0", 0 }, { "0", MCP_JSON_NULL, "null", 0 },

    /* what Go prints of the others */
    { "[\"a\"]", S, "[a]", U }, { "[\"a\"]", S, "a", 0 },
    { "[5]", N, "5", 0 }, { "[]", S, "", 0 }, { "{}", S, "map[]", U },
    { "{}", S, "map", 0 }, { "{}", MCP_JSON_NULL, "null", 0 }
};


int
main(void)
{
    size_t          i;
    mcp_json_t      json;
    mcp_equal_t     got;
    mcp_arena_t     arena;
    mcp_error_t     error;

    static const mcp_limits_t  limits = { 8, 100, 1000, 1000, 1, { 1, 2 } };

    mcp_arena_init(&arena, &allocator, 0);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (mcp_json_parse(&json, tap_str(cases[i].call), &limits, &arena,
                           &error)
            != MCP_OK)
        {
            ok(false, "%s: %s", cases[i].call, error.text);
            continue;
        }

        got = mcp_typing_equal(&json, 0, cases[i].type,
                               tap_str(cases[i].value));

        ok(got == cases[i].equal, "%s and %s%s%s: %d", cases[i].call,
           cases[i].type == S ? "\"" : "", cases[i].value,
           cases[i].type == S ? "\"" : "", got);
    }

    mcp_arena_destroy(&arena);

    return tap_done();
}
