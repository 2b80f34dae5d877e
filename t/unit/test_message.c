/* Bodies: what is accepted, what is refused and why. */

#include "message.h"


typedef struct {
    const char     *what;
    const char     *body;
    mcp_invalid_t   invalid;
    const char     *id;        /* of the refusal */
} case_t;


/* Bodies under 2025-11-25. */
static const case_t  legacy[] = {

    /* shapes that are fine */

    { "request", RPC("ping") "}", MCP_VALID, "" },
    { "id 0", "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"ping\"}",
      MCP_VALID, "" },
    { "empty string id",
      "{\"jsonrpc\":\"2.0\",\"id\":\"\",\"method\":\"ping\"}",
      MCP_VALID, "" },
    { "negative id", "{\"jsonrpc\":\"2.0\",\"id\":-7,\"method\":\"ping\"}",
      MCP_VALID, "" },
    { "greatest id", "{\"jsonrpc\":\"2.0\",\"id\":9007199254740991,"
      "\"method\":\"ping\"}", MCP_VALID, "" },
    { "least id", "{\"jsonrpc\":\"2.0\",\"id\":-9007199254740991,"
      "\"method\":\"ping\"}", MCP_VALID, "" },
    { "any order of members",
      "{\"params\":{},\"method\":\"ping\",\"id\":1,\"jsonrpc\":\"2.0\"}",
      MCP_VALID, "" },
    { "white space around", " \t\r\n" RPC("ping") "}\n", MCP_VALID, "" },
    { "notification of the spec", NOTE("notifications/initialized"),
      MCP_VALID, "" },
    { "notification of others", NOTE("notifications/vendor/x"),
      MCP_VALID, "" },
    { "method of others", RPC("vendor/x") "}", MCP_VALID, "" },
    { "method of others without id", NOTE("vendor/x"), MCP_VALID, "" },
    { "escaped spelling of keys and values",
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"m\\u0065thod\":\"tools\\/call\","
      "\"params\":{\"n\\u0061me\":\"\\u0061\"}}", MCP_VALID, "" },
    { "unknown members of params", CALL("\"name\":\"a\",\"x-y\":null"),
      MCP_VALID, "" },
    { "any key inside arguments",
      CALL("\"name\":\"a\",\"arguments\":{\"Name\":1,\"NAME\":2,"
           "\"_Meta\":3,\"Params\":4}"), MCP_VALID, "" },
    { "U+0000 and lone surrogate in argument values",
      CALL("\"name\":\"a\",\"arguments\":{\"x\":\"\\u0000\","
           "\"y\":\"\\ud800\"}"), MCP_VALID, "" },
    { "huge numbers in arguments",
      CALL("\"name\":\"a\",\"arguments\":{\"x\":1e400,\"y\":-0,"
           "\"z\":12345678901234567890123}"), MCP_VALID, "" },
    { "prototype keys", CALL("\"name\":\"__proto__\",\"arguments\":"
                             "{\"__proto__\":1,\"constructor\":2}"),
      MCP_VALID, "" },
    { "empty task", CALL("\"name\":\"a\",\"task\":{}"), MCP_VALID, "" },
    { "result", "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}",
      MCP_VALID, "" },
    { "error", "{\"jsonrpc\":\"2.0\",\"id\":\"s\",\"error\":{\"code\":-1,"
      "\"message\":\"no\",\"data\":[]}}", MCP_VALID, "" },
    { "error without id", "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,"
      "\"message\":\"no\"}}", MCP_VALID, "" },

    /* not JSON */

    { "empty body", "", MCP_INVALID_JSON, "" },
    { "truncated", "{\"jsonrpc\":", MCP_INVALID_JSON, "" },
    { "trailing object", RPC("ping") "}{}", MCP_INVALID_JSON, "" },
    { "trailing array", "[][]", MCP_INVALID_JSON, "" },
    { "byte order mark", "\xef\xbb\xbf" RPC("ping") "}",
      MCP_INVALID_JSON, "" },
    { "invalid UTF-8", RPC("\xff") "}", MCP_INVALID_JSON, "" },
    { "overlong UTF-8", RPC("\xc0\xaf") "}", MCP_INVALID_JSON, "" },
    { "surrogate bytes", RPC("\xed\xa0\x80") "}", MCP_INVALID_JSON, "" },
    { "comment", "/**/" RPC("ping") "}", MCP_INVALID_JSON, "" },
    { "NaN", CALL("\"name\":\"a\",\"arguments\":{\"x\":NaN}"),
      MCP_INVALID_JSON, "" },
    { "leading zero id", "{\"jsonrpc\":\"2.0\",\"id\":01,\"method\":\"x\"}",
      MCP_INVALID_JSON, "" },
    { "raw control character", RPC("pi\nng") "}", MCP_INVALID_JSON, "" },
    { "single quotes", "{'jsonrpc':'2.0'}", MCP_INVALID_JSON, "" },

    /* JSON that two parsers may read differently */

    { "two names", CALL("\"name\":\"safe\",\"name\":\"danger\""),
      MCP_INVALID_DUPLICATE_KEY, "1" },
    { "two names, one escaped",
      CALL("\"name\":\"safe\",\"n\\u0061me\":\"danger\""),
      MCP_INVALID_DUPLICATE_KEY, "1" },
    { "two params", RPC("ping") ",\"params\":{},\"params\":{}}",
      MCP_INVALID_DUPLICATE_KEY, "1" },
    { "two methods", RPC("ping") ",\"method\":\"tools/call\"}",
      MCP_INVALID_DUPLICATE_KEY, "1" },
    { "two ids", RPC("ping") ",\"id\":2}", MCP_INVALID_DUPLICATE_KEY, "" },
    { "two ids, one escaped", RPC("ping") ",\"\\u0069d\":2}",
      MCP_INVALID_DUPLICATE_KEY, "" },
    { "duplicate deep in arguments",
      CALL("\"name\":\"a\",\"arguments\":{\"x\":[{\"y\":1,\"y\":2}]}"),
      MCP_INVALID_DUPLICATE_KEY, "1" },
    { "U+0000 in a key", CALL("\"name\\u0000\":\"a\""),
      MCP_INVALID_KEY, "1" },
    { "U+0000 in a top-level key: the id is not sure",
      RPC("ping") ",\"id\\u0000\":2}", MCP_INVALID_KEY, "" },
    { "surrogate in a key",
      CALL("\"name\":\"a\",\"arguments\":{\"\\ud800\":1}"),
      MCP_INVALID_KEY, "1" },

    { "METHOD", RPC("ping") ",\"METHOD\":\"x\"}",
      MCP_INVALID_CASE_VARIANT, "1" },
    { "Id", RPC("ping") ",\"Id\":2}", MCP_INVALID_CASE_VARIANT, "" },
    { "ID alone", "{\"jsonrpc\":\"2.0\",\"ID\":2,\"method\":\"x\"}",
      MCP_INVALID_CASE_VARIANT, "" },
    { "JsonRPC", RPC("ping") ",\"JsonRPC\":\"2.0\"}",
      MCP_INVALID_CASE_VARIANT, "1" },
    { "param\\u017f", RPC("ping") ",\"param\\u017f\":{}}",
      MCP_INVALID_CASE_VARIANT, "1" },
    { "param\xc5\xbf", RPC("ping") ",\"param\xc5\xbf\":{}}",
      MCP_INVALID_CASE_VARIANT, "1" },
    { "Result", RPC("ping") ",\"Result\":{}}",
      MCP_INVALID_CASE_VARIANT, "1" },
    { "Name in params", CALL("\"name\":\"a\",\"Name\":\"b\""),
      MCP_INVALID_CASE_VARIANT, "1" },
    { "N\\u0041ME in params", CALL("\"name\":\"a\",\"N\\u0041ME\":\"b\""),
      MCP_INVALID_CASE_VARIANT, "1" },
    { "Arguments", CALL("\"name\":\"a\",\"Arguments\":{}"),
      MCP_INVALID_CASE_VARIANT, "1" },
    { "argument\xc5\xbf", CALL("\"name\":\"a\",\"argument\xc5\xbf\":{}"),
      MCP_INVALID_CASE_VARIANT, "1" },
    { "ta\xc5\xbf\xe2\x84\xaa", CALL("\"name\":\"a\","
      "\"ta\xc5\xbf\xe2\x84\xaa\":{}"), MCP_INVALID_CASE_VARIANT, "1" },
    { "taskid", RPC("tasks/get") ",\"params\":{\"taskId\":\"t\","
      "\"taskid\":\"u\"}}", MCP_INVALID_CASE_VARIANT, "1" },
    { "_META", CALL("\"name\":\"a\",\"_META\":{}"),
      MCP_INVALID_CASE_VARIANT, "1" },
    { "protocolversion in _meta", CALL("\"name\":\"a\",\"_meta\":{\""
      PROTOCOL "protocolversion\":\"2026-07-28\"}"),
      MCP_INVALID_CASE_VARIANT, "1" },
    { "ProgressToken in _meta",
      CALL("\"name\":\"a\",\"_meta\":{\"ProgressToken\":1}"),
      MCP_INVALID_CASE_VARIANT, "1" },
    { "TTL in task", CALL("\"name\":\"a\",\"task\":{\"TTL\":1}"),
      MCP_INVALID_CASE_VARIANT, "1" },
    { "Type in ref", RPC("completion/complete") ",\"params\":{\"ref\":{"
      "\"type\":\"ref/prompt\",\"name\":\"p\",\"Type\":\"x\"}}}",
      MCP_INVALID_CASE_VARIANT, "1" },
    { "TaskIds in notifications", RPC("subscriptions/listen")
      ",\"params\":{\"notifications\":{\"TaskIds\":[\"t\"]}}}",
      MCP_INVALID_CASE_VARIANT, "1" },

    /* not a message */

    { "a string", "\"x\"", MCP_INVALID_MESSAGE, "" },
    { "null", "null", MCP_INVALID_MESSAGE, "" },
    { "a number", "1", MCP_INVALID_MESSAGE, "" },
    { "nothing but an id", "{\"jsonrpc\":\"2.0\",\"id\":1}",
      MCP_INVALID_MESSAGE, "1" },
    { "method and result", RPC("ping") ",\"result\":{}}",
      MCP_INVALID_MESSAGE, "1" },
    { "method and error", RPC("ping") ",\"error\":{\"code\":1,"
      "\"message\":\"x\"}}", MCP_INVALID_MESSAGE, "1" },
    { "result and error", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},"
      "\"error\":{\"code\":1,\"message\":\"x\"}}",
      MCP_INVALID_MESSAGE, "" },
    { "unknown member", RPC("ping") ",\"x\":1}", MCP_INVALID_MEMBER, "1" },
    { "_meta at the top", RPC("ping") ",\"_meta\":{}}",
      MCP_INVALID_MEMBER, "1" },
    { "empty key", RPC("ping") ",\"\":1}", MCP_INVALID_MEMBER, "1" },
    { "long key", RPC("ping") ",\"idididididididididididididididididididid"
      "idididididididididididididididididididididid\":1}",
      MCP_INVALID_MEMBER, "1" },
    { "long key in params", RPC("ping") ",\"params\":{\"namenamenamename"
      "namenamenamenamenamenamenamenamenamenamenamename\":1}}",
      MCP_VALID, "" },
    { "no jsonrpc", "{\"id\":1,\"method\":\"ping\"}",
      MCP_INVALID_VERSION, "1" },
    { "jsonrpc 1.0", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
      MCP_INVALID_VERSION, "1" },
    { "jsonrpc a number", "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}",
      MCP_INVALID_VERSION, "1" },
    { "jsonrpc with a blank",
      "{\"jsonrpc\":\"2.0 \",\"id\":1,\"method\":\"ping\"}",
      MCP_INVALID_VERSION, "1" },

#define ID(id)  "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\"}"

    { "id null", ID("null"), MCP_INVALID_ID, "" },
    { "id true", ID("true"), MCP_INVALID_ID, "" },
    { "id false", ID("false"), MCP_INVALID_ID, "" },
    { "id 1.5", ID("1.5"), MCP_INVALID_ID, "" },
    { "id 1.0", ID("1.0"), MCP_INVALID_ID, "" },
    { "id 1e0", ID("1e0"), MCP_INVALID_ID, "" },
    { "id -0", ID("-0"), MCP_INVALID_ID, "" },
    { "id {}", ID("{}"), MCP_INVALID_ID, "" },
    { "id []", ID("[]"), MCP_INVALID_ID, "" },
    { "id 2^53", ID("9007199254740992"), MCP_INVALID_ID, "" },
    { "id -2^53", ID("-9007199254740992"), MCP_INVALID_ID, "" },
    { "id of 20 digits", ID("10000000000000000000"), MCP_INVALID_ID, "" },
    { "id with U+0000", ID("\"a\\u0000\""), MCP_INVALID_ID, "" },
    { "id with surrogate", ID("\"\\udc00\""), MCP_INVALID_ID, "" },

    { "method missing a type", "{\"jsonrpc\":\"2.0\",\"id\":1,"
      "\"method\":1}", MCP_INVALID_METHOD, "1" },
    { "method null", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":null}",
      MCP_INVALID_METHOD, "1" },
    { "method empty", RPC("") "}", MCP_INVALID_METHOD, "1" },
    { "method with U+0000", RPC("tools/call\\u0000") "}",
      MCP_INVALID_METHOD, "1" },
    { "method with surrogate", RPC("\\ud800") "}", MCP_INVALID_METHOD, "1" },

    { "params an array", RPC("ping") ",\"params\":[]}",
      MCP_INVALID_PARAMS, "1" },
    { "params null", RPC("ping") ",\"params\":null}",
      MCP_INVALID_PARAMS, "1" },
    { "params a string", RPC("ping") ",\"params\":\"\"}",
      MCP_INVALID_PARAMS, "1" },
    { "tools/call without params", RPC("tools/call") "}",
      MCP_INVALID_PARAMS, "1" },
    { "tools/call without name", CALL(""), MCP_INVALID_PARAMS, "1" },
    { "name empty", CALL("\"name\":\"\""), MCP_INVALID_PARAMS, "1" },
    { "name a number", CALL("\"name\":1"), MCP_INVALID_PARAMS, "1" },
    { "name an array", CALL("\"name\":[\"a\"]"), MCP_INVALID_PARAMS, "1" },
    { "name with U+0000", CALL("\"name\":\"a\\u0000\""),
      MCP_INVALID_PARAMS, "1" },
    { "name with surrogate", CALL("\"name\":\"a\\ud800\""),
      MCP_INVALID_PARAMS, "1" },
    { "arguments null", CALL("\"name\":\"a\",\"arguments\":null"),
      MCP_INVALID_PARAMS, "1" },
    { "arguments an array", CALL("\"name\":\"a\",\"arguments\":[]"),
      MCP_INVALID_PARAMS, "1" },
    { "arguments a string", CALL("\"name\":\"a\",\"arguments\":\"{}\""),
      MCP_INVALID_PARAMS, "1" },
    { "_meta null", CALL("\"name\":\"a\",\"_meta\":null"),
      MCP_INVALID_PARAMS, "1" },
    { "_meta an array", CALL("\"name\":\"a\",\"_meta\":[]"),
      MCP_INVALID_PARAMS, "1" },
    { "task true", CALL("\"name\":\"a\",\"task\":true"),
      MCP_INVALID_PARAMS, "1" },
    { "task null", CALL("\"name\":\"a\",\"task\":null"),
      MCP_INVALID_PARAMS, "1" },
    { "prompts/get without name", RPC("prompts/get") ",\"params\":{}}",
      MCP_INVALID_PARAMS, "1" },
    { "uri empty", RPC("resources/read") ",\"params\":{\"uri\":\"\"}}",
      MCP_INVALID_PARAMS, "1" },
    { "uri with U+0000",
      RPC("resources/read") ",\"params\":{\"uri\":\"a:\\u0000\"}}",
      MCP_INVALID_PARAMS, "1" },
    { "subscribe without uri", RPC("resources/subscribe") "}",
      MCP_INVALID_PARAMS, "1" },
    { "taskId empty", RPC("tasks/get") ",\"params\":{\"taskId\":\"\"}}",
      MCP_INVALID_PARAMS, "1" },
    { "taskId a number", RPC("tasks/update") ",\"params\":{\"taskId\":1}}",
      MCP_INVALID_PARAMS, "1" },
    { "completion without ref", RPC("completion/complete") "}",
      MCP_INVALID_PARAMS, "1" },
    { "ref an array",
      RPC("completion/complete") ",\"params\":{\"ref\":[]}}",
      MCP_INVALID_PARAMS, "1" },
    { "ref of another type", RPC("completion/complete")
      ",\"params\":{\"ref\":{\"type\":\"ref/tool\",\"name\":\"a\"}}}",
      MCP_INVALID_PARAMS, "1" },
    { "ref/prompt with a uri only", RPC("completion/complete")
      ",\"params\":{\"ref\":{\"type\":\"ref/prompt\",\"uri\":\"a\"}}}",
      MCP_INVALID_PARAMS, "1" },
    { "notifications an array", RPC("subscriptions/listen")
      ",\"params\":{\"notifications\":[]}}", MCP_INVALID_PARAMS, "1" },
    { "resourceSubscriptions a string", RPC("subscriptions/listen")
      ",\"params\":{\"notifications\":{\"resourceSubscriptions\":\"a\"}}}",
      MCP_INVALID_PARAMS, "1" },
    { "taskIds with a number", RPC("subscriptions/listen")
      ",\"params\":{\"notifications\":{\"taskIds\":[\"t\",1]}}}",
      MCP_INVALID_PARAMS, "1" },

    { "tools/call without id", NOTE("tools/call"),
      MCP_INVALID_REQUEST_WITHOUT_ID, "" },
    { "ping without id", NOTE("ping"), MCP_INVALID_REQUEST_WITHOUT_ID, "" },
    { "initialize without id", NOTE("initialize"),
      MCP_INVALID_REQUEST_WITHOUT_ID, "" },
    { "notification with id", RPC("notifications/initialized") "}",
      MCP_INVALID_NOTIFICATION_WITH_ID, "1" },
    { "unknown notification with id", RPC("notifications/x") "}",
      MCP_INVALID_NOTIFICATION_WITH_ID, "1" },

    { "result not an object", "{\"jsonrpc\":\"2.0\",\"id\":1,"
      "\"result\":[]}", MCP_INVALID_RESPONSE, "" },
    { "result without id", "{\"jsonrpc\":\"2.0\",\"result\":{}}",
      MCP_INVALID_RESPONSE, "" },
    { "result with params", "{\"jsonrpc\":\"2.0\",\"id\":1,"
      "\"result\":{},\"params\":{}}", MCP_INVALID_RESPONSE, "" },
    { "error a string", "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"x\"}",
      MCP_INVALID_RESPONSE, "" },
    { "error without code", "{\"jsonrpc\":\"2.0\",\"id\":1,"
      "\"error\":{\"message\":\"x\"}}", MCP_INVALID_RESPONSE, "" },
    { "error code 1.5", "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{"
      "\"code\":1.5,\"message\":\"x\"}}", MCP_INVALID_RESPONSE, "" },
    { "error with id null", "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{"
      "\"code\":1,\"message\":\"x\"}}", MCP_INVALID_ID, "" },

    { "batch in 2025-11-25", "[" RPC("ping") "}]", MCP_INVALID_BATCH, "" },
    { "empty batch in 2025-11-25", "[]", MCP_INVALID_BATCH, "" },
    { "2026-07-28 body", CALL("\"name\":\"a\"," META),
      MCP_INVALID_HEADER, "1" },
    { "2026-07-28 body of initialize",
      RPC("initialize") ",\"params\":{" META "}}", MCP_INVALID_HEADER, "1" }
};


#define R(id)  "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}"
#define N      NOTE("notifications/initialized")
#define P      "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"

/* Bodies without a version header. */
static const case_t  batches[] = {
    { "one message", "[" R("1") "]", MCP_VALID, "" },
    { "requests and notifications", "[" R("1") "," N "," R("2") "]",
      MCP_VALID, "" },
    { "1 and \"1\"", "[" R("1") "," R("\"1\"") "]", MCP_VALID, "" },
    { "responses", "[" P "]", MCP_VALID, "" },
    { "16 messages", "[" N "," N "," N "," N "," N "," N "," N "," N ","
      N "," N "," N "," N "," N "," N "," N "," N "]", MCP_VALID, "" },
    { "17 messages", "[" N "," N "," N "," N "," N "," N "," N "," N ","
      N "," N "," N "," N "," N "," N "," N "," N "," N "]",
      MCP_INVALID_BATCH_SIZE, "" },
    { "empty", "[]", MCP_INVALID_BATCH, "" },
    { "nested", "[[" R("1") "]]", MCP_INVALID_BATCH, "" },
    { "a number inside", "[" R("1") ",1]", MCP_INVALID_BATCH, "" },
    { "initialize inside", "[" RPC("initialize") "}]",
      MCP_INVALID_BATCH, "" },
    { "requests and responses", "[" R("2") "," P "]",
      MCP_INVALID_BATCH, "" },
    { "notification and response", "[" N "," P "]", MCP_INVALID_BATCH, "" },
    { "same id", "[" R("1") "," R("2") "," R("1") "]",
      MCP_INVALID_BATCH, "" },
    { "same id, escaped", "[" R("\"a\"") "," R("\"\\u0061\"") "]",
      MCP_INVALID_BATCH, "" },
    { "same empty id", "[" R("\"\"") "," R("\"\"") "]",
      MCP_INVALID_BATCH, "" },
    { "element of 2026-07-28", "[" R("1") ","
      "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\",\"params\":{"
      META "}}]", MCP_INVALID_HEADER, "" },
    { "bad element", "[" R("1") "," R("null") "]", MCP_INVALID_ID, "" },
    { "duplicate key in an element",
      "[{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"ping\"}]",
      MCP_INVALID_DUPLICATE_KEY, "" },
    { "2026-07-28 body", CALL("\"name\":\"a\"," META),
      MCP_INVALID_HEADER, "1" },
    { "initialize", RPC("initialize") ",\"params\":{}}", MCP_VALID, "" },
    { "initialize of 2026-07-28",
      RPC("initialize") ",\"params\":{" META "}}", MCP_INVALID_HEADER, "1" }
};


/* Bodies under 2026-07-28, with the headers that fit them. */
static const struct {
    const char     *what;
    const char     *method;
    const char     *name;
    const char     *body;
    mcp_invalid_t   invalid;
} modern[] = {
    { "tools/call", "tools/call", "a", CALL("\"name\":\"a\"," META),
      MCP_VALID },
    { "params.task is ignored, an object", "tools/call", "a",
      CALL("\"name\":\"a\",\"task\":{\"TTL\":1}," META), MCP_VALID },
    { "params.task is ignored, no object", "tools/call", "a",
      CALL("\"name\":\"a\",\"task\":true," META), MCP_VALID },
    { "notification without _meta", "notifications/cancelled", NULL,
      NOTE("notifications/cancelled"), MCP_VALID },
    { "no _meta", "tools/call", "a", CALL("\"name\":\"a\""),
      MCP_INVALID_META },
    { "no params", "tools/list", NULL, RPC("tools/list") "}",
      MCP_INVALID_META },
    { "no protocolVersion", "tools/call", "a",
      CALL("\"name\":\"a\",\"_meta\":{" CLIENT "}"), MCP_INVALID_META },
    { "protocolVersion a number", "tools/call", "a",
      CALL("\"name\":\"a\",\"_meta\":{\"" PROTOCOL "protocolVersion\":1,"
           CLIENT "}"), MCP_INVALID_META },
    { "no clientCapabilities", "tools/call", "a",
      CALL("\"name\":\"a\",\"_meta\":{" VERSION "}"), MCP_INVALID_META },
    { "clientCapabilities null", "tools/call", "a",
      CALL("\"name\":\"a\",\"_meta\":{" VERSION ",\"" PROTOCOL
           "clientCapabilities\":null}"), MCP_INVALID_META },
    { "another protocolVersion", "tools/call", "a",
      CALL("\"name\":\"a\",\"_meta\":{\"" PROTOCOL "protocolVersion\":"
           "\"2025-11-25\"," CLIENT "}"), MCP_INVALID_HEADER },
    { "another protocolVersion of a notification",
      "notifications/cancelled", NULL,
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
      "\"params\":{\"_meta\":{\"" PROTOCOL "protocolVersion\":"
      "\"2025-11-25\"}}}", MCP_INVALID_HEADER },
    { "initialize", "initialize", NULL,
      RPC("initialize") ",\"params\":{" META "}}", MCP_INVALID_INITIALIZE },
    { "initialize without Mcp-Method", NULL, NULL,
      RPC("initialize") ",\"params\":{" META "}}", MCP_INVALID_INITIALIZE },
    { "legacy initialize", "initialize", NULL,
      RPC("initialize") ",\"params\":{}}", MCP_INVALID_HEADER },
    { "posted result", NULL, NULL, P, MCP_INVALID_RESPONSE },
    { "posted error", NULL, NULL, "{\"jsonrpc\":\"2.0\",\"id\":1,"
      "\"error\":{\"code\":1,\"message\":\"x\"}}", MCP_INVALID_RESPONSE },
    { "batch", NULL, NULL, "[" R("1") "]", MCP_INVALID_BATCH }
};


static mcp_arena_t  arena;


static void
check(const char *what, const char *text, const mcp_headers_t *headers,
    mcp_invalid_t invalid, const char *id)
{
    void        *copy;
    mcp_rc_t     rc;
    mcp_body_t   body;

    rc = message_parse(&body, tap_str(text), headers, MCP_REVISIONS_ALL,
                       &arena, &copy);

    ok(rc == (invalid == MCP_VALID ? MCP_OK : MCP_ERROR)
       && body.invalid == invalid
       && (invalid == MCP_VALID) == (body.count != 0),
       "%s: %s", what,
       invalid == MCP_VALID ? "accepted" : mcp_invalid_name(invalid));

    if (body.invalid != invalid) {
        printf("#   got '%s': %.*s\n", mcp_invalid_name(body.invalid),
               (int) body.invalid_text.len,
               (const char *) body.invalid_text.data);
    }

    if (id != NULL) {
        is_str(body.invalid_id, id, "  id of the answer");
    }

    if (invalid != MCP_VALID) {
        ok(body.invalid_text.len > 10, "  and a sentence");
    }

    free(copy);
    mcp_arena_reset(&arena, 0);
}


static void
test_tables(void)
{
    size_t         i;
    mcp_headers_t  headers;

    headers = message_headers("2025-11-25", NULL, NULL);

    for (i = 0; i < sizeof(legacy) / sizeof(legacy[0]); i++) {
        check(legacy[i].what, legacy[i].body, &headers, legacy[i].invalid,
              legacy[i].id);
    }

    headers = message_headers(NULL, NULL, NULL);

    for (i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        check(batches[i].what, batches[i].body, &headers, batches[i].invalid,
              batches[i].id);
    }

    headers = message_headers("2025-03-26", NULL, NULL);
    check("batch in 2025-03-26", "[" R("1") "]", &headers, MCP_VALID, "");

    headers = message_headers("2024-11-05", NULL, NULL);
    check("batch in 2024-11-05", "[" R("1") "]", &headers,
          MCP_INVALID_BATCH, "");

    headers = message_headers("2025-06-18", NULL, NULL);
    check("batch in 2025-06-18", "[" R("1") "]", &headers,
          MCP_INVALID_BATCH, "");

    for (i = 0; i < sizeof(modern) / sizeof(modern[0]); i++) {
        headers = message_headers("2026-07-28", modern[i].method,
                                  modern[i].name);
        check(modern[i].what, modern[i].body, &headers, modern[i].invalid,
              NULL);
    }
}


static void
test_long_ids(void)
{
    char           text[512], id[300];
    mcp_headers_t  headers;

    headers = message_headers(NULL, NULL, NULL);

    memset(id, 'x', sizeof(id));
    id[256] = '\0';
    snprintf(text, sizeof(text),
             "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"ping\"}", id);
    check("id of 256 bytes", text, &headers, MCP_VALID, "");

    id[256] = 'x';
    id[257] = '\0';
    snprintf(text, sizeof(text),
             "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"ping\"}", id);
    check("id of 257 bytes", text, &headers, MCP_INVALID_ID, "");
}


static void
test_depth(void)
{
    int            i, depth;
    char           text[256], *p;
    mcp_headers_t  headers;

    headers = message_headers(NULL, NULL, NULL);

    /* params, arguments and the message itself are three */

    for (depth = 61; depth <= 62; depth++) {
        p = text + snprintf(text, sizeof(text), RPC("tools/call")
                            ",\"params\":{\"name\":\"a\",\"arguments\":"
                            "{\"x\":");

        for (i = 0; i < depth; i++) {
            *p++ = '[';
        }

        for (i = 0; i < depth; i++) {
            *p++ = ']';
        }

        memcpy(p, "}}}", 4);

        check(depth == 61 ? "depth 64" : "depth 65", text, &headers,
              depth == 61 ? MCP_VALID : MCP_INVALID_JSON, "");
    }
}


static void
test_raw_bytes(void)
{
    size_t             i;
    void              *copy;
    mcp_body_t         body;
    mcp_headers_t      headers;
    static const char  nul[] = RPC("ping") "}\0";
    static const char  utf16[] = "{\0\"\0x\0\"\0";

    static const mcp_str_t  texts[] = {
        mcp_str_init(nul), mcp_str_init(utf16)
    };

    headers = message_headers(NULL, NULL, NULL);

    for (i = 0; i < 2; i++) {
        ok(message_parse(&body, texts[i], &headers, MCP_REVISIONS_ALL,
                         &arena, &copy)
           == MCP_ERROR
           && body.invalid == MCP_INVALID_JSON
           && body.json.defect != MCP_JSON_VALID,
           "%s: not JSON", i == 0 ? "NUL byte behind" : "UTF-16");
        free(copy);
        mcp_arena_reset(&arena, 0);
    }
}


int
main(void)
{
    mcp_arena_init(&arena, &message_allocator, 0);

    test_tables();
    test_long_ids();
    test_depth();
    test_raw_bytes();

    mcp_arena_destroy(&arena);

    return tap_done();
}
