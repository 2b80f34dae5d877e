/* Headers, revisions, refusal codes, media types and URIs. */

#include "message.h"


#define MODERN    "2026-07-28"
#define LEGACY    "2025-11-25"
#define PING      RPC("ping") "}"
#define MODERN_CALL  CALL("\"name\":\"a\"," META)


typedef struct {
    const char     *what;
    const char     *version;
    const char     *method;
    const char     *name;
    const char     *body;
    mcp_invalid_t   invalid;
} case_t;


/* Which revision a request belongs to, then what the headers must say. */
static const case_t  cases[] = {
    { "no header, legacy body", NULL, NULL, NULL, PING, MCP_VALID },
    { "legacy header, legacy body", LEGACY, NULL, NULL, PING, MCP_VALID },
    { "legacy header, other Mcp-Method and Mcp-Name", LEGACY, "x/y", "safe",
      CALL("\"name\":\"danger\""), MCP_VALID },
    { "legacy header, bytes in Mcp-Name", LEGACY, "\x01", "\xff",
      CALL("\"name\":\"a\""), MCP_VALID },
    { "blanks around the version", " \t" LEGACY "\t ", NULL, NULL, PING,
      MCP_VALID },
    { "2026-07-28, equal", MODERN, "tools/call", "a", MODERN_CALL,
      MCP_VALID },
    { "2026-07-28 without _meta", MODERN, "ping", NULL, PING,
      MCP_INVALID_META },
    { "no header, 2026-07-28 body", NULL, "tools/call", "a", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "legacy header, 2026-07-28 body", LEGACY, "tools/call", "a",
      MODERN_CALL, MCP_INVALID_HEADER },
    { "legacy header, 2025-11-25 in _meta", LEGACY, NULL, NULL,
      CALL("\"name\":\"a\",\"_meta\":{\"" PROTOCOL
           "protocolVersion\":\"2025-11-25\"}"), MCP_INVALID_HEADER },
    { "2026-07-28, other version in _meta", MODERN, "tools/call", "a",
      CALL("\"name\":\"a\",\"_meta\":{\"" PROTOCOL
           "protocolVersion\":\"2026-07-29\"," CLIENT "}"),
      MCP_INVALID_HEADER },
    { "unknown version", "2027-01-01", NULL, NULL, PING,
      MCP_INVALID_PROTOCOL_VERSION },
    { "unknown version, 2026-07-28 body", "2027-01-01", NULL, NULL,
      MODERN_CALL, MCP_INVALID_PROTOCOL_VERSION },
    { "empty version", "", NULL, NULL, PING, MCP_INVALID_PROTOCOL_VERSION },
    { "two versions in one line", "2025-11-25, 2025-11-25", NULL, NULL,
      PING, MCP_INVALID_PROTOCOL_VERSION },
    { "control character in version", "2025-11-25\x01", NULL, NULL, PING,
      MCP_INVALID_HEADER },
    { "high byte in version", "\xff", NULL, NULL, PING,
      MCP_INVALID_HEADER },
    { "legacy initialize", NULL, NULL, NULL,
      RPC("initialize") ",\"params\":{}}", MCP_VALID },
    { "legacy initialize, legacy header", LEGACY, NULL, NULL,
      RPC("initialize") ",\"params\":{}}", MCP_VALID },
    { "legacy initialize, 2026-07-28", MODERN, "initialize", NULL,
      RPC("initialize") ",\"params\":{}}", MCP_INVALID_HEADER },
    { "initialize in 2026-07-28", MODERN, "initialize", NULL,
      RPC("initialize") ",\"params\":{" META "}}", MCP_INVALID_INITIALIZE },

    { "Mcp-Method missing", MODERN, NULL, "a", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "Mcp-Method empty", MODERN, "", "a", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "Mcp-Method differs", MODERN, "tools/list", "a", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "Mcp-Method in other case", MODERN, "Tools/Call", "a", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "Mcp-Method in Base64", MODERN, "=?base64?dG9vbHMvY2FsbA==?=", "a",
      MODERN_CALL, MCP_INVALID_HEADER },
    { "blanks around Mcp-Method", MODERN, "\t tools/call ", "a",
      MODERN_CALL, MCP_VALID },
    { "high byte in Mcp-Method", MODERN, "tools/call\x80", "a", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "Mcp-Method of a notification differs", MODERN, "x", NULL,
      NOTE("notifications/cancelled"), MCP_INVALID_HEADER },
    { "Mcp-Method of a notification", MODERN, "notifications/cancelled",
      NULL, NOTE("notifications/cancelled"), MCP_VALID },
    { "notification without headers", MODERN, NULL, NULL,
      NOTE("notifications/cancelled"), MCP_VALID },

    { "Mcp-Name missing", MODERN, "tools/call", NULL, MODERN_CALL,
      MCP_INVALID_HEADER },
    { "Mcp-Name empty", MODERN, "tools/call", "", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "Mcp-Name differs", MODERN, "tools/call", "b", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "Mcp-Name in other case", MODERN, "tools/call", "A", MODERN_CALL,
      MCP_INVALID_HEADER },
    { "blanks around Mcp-Name", MODERN, "tools/call", " \ta \t",
      MODERN_CALL, MCP_VALID },
    { "HTAB inside Mcp-Name", MODERN, "tools/call", "a\tb",
      CALL("\"name\":\"a\\tb\"," META), MCP_VALID },
    { "control character in Mcp-Name", MODERN, "tools/call", "a\x7f",
      CALL("\"name\":\"a\x7f\"," META), MCP_INVALID_HEADER },
    { "raw UTF-8 in Mcp-Name", MODERN, "tools/call", "\xc3\xa9",
      CALL("\"name\":\"\xc3\xa9\"," META), MCP_INVALID_HEADER },
    { "Mcp-Name in Base64", MODERN, "tools/call",
      "=?base64?0YTQsNC50LvRiy5yZWFk?=",
      CALL("\"name\":\"\xd1\x84\xd0\xb0\xd0\xb9\xd0\xbb\xd1\x8b.read\","
           META), MCP_VALID },
    { "Mcp-Name in Base64, body escaped", MODERN, "tools/call",
      "=?base64?w6k=?=", CALL("\"name\":\"\\u00e9\"," META), MCP_VALID },
    { "Mcp-Name in Base64 without need", MODERN, "tools/call",
      "=?base64?YQ==?=", MODERN_CALL, MCP_VALID },
    { "no Unicode normalisation", MODERN, "tools/call", "=?base64?w6k=?=",
      CALL("\"name\":\"e\\u0301\"," META), MCP_INVALID_HEADER },
    { "Mcp-Name in Base64 differs", MODERN, "tools/call",
      "=?base64?Yg==?=", MODERN_CALL, MCP_INVALID_HEADER },
    { "Mcp-Name of empty Base64", MODERN, "tools/call", "=?base64?" "?=",
      MODERN_CALL, MCP_INVALID_HEADER },
    { "Mcp-Name of bad Base64", MODERN, "tools/call", "=?base64?YR==?=",
      MODERN_CALL, MCP_INVALID_HEADER },
    { "a name that looks like a sentinel, plain", MODERN, "tools/call",
      "=?base64?YQ==?=", CALL("\"name\":\"=?base64?YQ==?=\"," META),
      MCP_INVALID_HEADER },
    { "a name that looks like a sentinel, wrapped", MODERN, "tools/call",
      "=?base64?PT9iYXNlNjQ/WVE9PT89?=",
      CALL("\"name\":\"=?base64?YQ==?=\"," META), MCP_VALID },
    { "upper-case sentinel is literal", MODERN, "tools/call",
      "=?BASE64?YQ==?=", CALL("\"name\":\"=?BASE64?YQ==?=\"," META),
      MCP_VALID },
    { "BOM inside the sentinel stays", MODERN, "tools/call",
      "=?base64?77u/YQ==?=", MODERN_CALL, MCP_INVALID_HEADER },

    { "prompts/get without Mcp-Name", MODERN, "prompts/get", NULL,
      RPC("prompts/get") ",\"params\":{\"name\":\"p\"," META "}}",
      MCP_INVALID_HEADER },
    { "prompts/get", MODERN, "prompts/get", "p",
      RPC("prompts/get") ",\"params\":{\"name\":\"p\"," META "}}",
      MCP_VALID },
    { "resources/read", MODERN, "resources/read", "u:1",
      RPC("resources/read") ",\"params\":{\"uri\":\"u:1\"," META "}}",
      MCP_VALID },
    { "resources/read, other uri", MODERN, "resources/read", "u:2",
      RPC("resources/read") ",\"params\":{\"uri\":\"u:1\"," META "}}",
      MCP_INVALID_HEADER },
    { "resources/read without Mcp-Name", MODERN, "resources/read", NULL,
      RPC("resources/read") ",\"params\":{\"uri\":\"u:1\"," META "}}",
      MCP_INVALID_HEADER },
    { "tasks/get without Mcp-Name", MODERN, "tasks/get", NULL,
      RPC("tasks/get") ",\"params\":{\"taskId\":\"t\"," META "}}",
      MCP_VALID },
    { "tasks/cancel, equal Mcp-Name", MODERN, "tasks/cancel", "t",
      RPC("tasks/cancel") ",\"params\":{\"taskId\":\"t\"," META "}}",
      MCP_VALID },
    { "tasks/update, other Mcp-Name", MODERN, "tasks/update", "u",
      RPC("tasks/update") ",\"params\":{\"taskId\":\"t\"," META "}}",
      MCP_INVALID_HEADER },
    { "Mcp-Name on another method", MODERN, "tools/list", "x",
      RPC("tools/list") ",\"params\":{" META "}}", MCP_VALID },
    { "bad Base64 on another method", MODERN, "tools/list", "=?base64?=",
      RPC("tools/list") ",\"params\":{" META "}}", MCP_VALID },
    { "high byte in Mcp-Name on another method", MODERN, "tools/list",
      "\xff", RPC("tools/list") ",\"params\":{" META "}}",
      MCP_INVALID_HEADER }
};


static mcp_arena_t  arena;


static mcp_invalid_t
parse(const char *text, const mcp_headers_t *headers, uint32_t revisions,
    mcp_body_t *body)
{
    void      *copy;
    mcp_rc_t   rc;

    rc = message_parse(body, tap_str(text), headers, revisions, &arena,
                       &copy);
    free(copy);

    return (rc == MCP_OK) == (body->invalid == MCP_VALID)
           ? body->invalid : MCP_INVALID_COUNT;
}


static void
test_cases(void)
{
    size_t          i;
    mcp_body_t      body;
    mcp_headers_t   headers;
    const case_t   *c;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];
        headers = message_headers(c->version, c->method, c->name);

        if (!ok(parse(c->body, &headers, MCP_REVISIONS_ALL, &body)
                == c->invalid, "%s: %s", c->what,
                c->invalid ? mcp_invalid_name(c->invalid) : "accepted"))
        {
            printf("#   got '%s': %.*s\n", mcp_invalid_name(body.invalid),
                   (int) body.invalid_text.len,
                   (const char *) body.invalid_text.data);
        }

        mcp_arena_reset(&arena, 0);
    }
}


static void
test_repeated(void)
{
    mcp_body_t     body;
    mcp_headers_t  headers;

    headers = message_headers(LEGACY, NULL, NULL);
    headers.protocol_version.count = 2;
    ok(parse(PING, &headers, MCP_REVISIONS_ALL, &body) == MCP_INVALID_HEADER,
       "repeated MCP-Protocol-Version");

    headers = message_headers(LEGACY, "x", "y");
    headers.method.count = 2;
    headers.name.count = 3;
    ok(parse(PING, &headers, MCP_REVISIONS_ALL, &body) == MCP_VALID,
       "repeated Mcp-Method and Mcp-Name before 2026-07-28");

    headers = message_headers(MODERN, "tools/call", "a");
    headers.method.count = 2;
    ok(parse(MODERN_CALL, &headers, MCP_REVISIONS_ALL, &body)
       == MCP_INVALID_HEADER, "repeated Mcp-Method");

    headers = message_headers(MODERN, "tools/call", "a");
    headers.name.count = 2;
    ok(parse(MODERN_CALL, &headers, MCP_REVISIONS_ALL, &body)
       == MCP_INVALID_HEADER, "repeated Mcp-Name");

    headers = message_headers(MODERN, "tools/list", "a");
    headers.name.count = 2;
    ok(parse(RPC("tools/list") ",\"params\":{" META "}}", &headers,
             MCP_REVISIONS_ALL, &body) == MCP_INVALID_HEADER,
       "repeated Mcp-Name on another method");

    headers = message_headers(MODERN, NULL, NULL);
    headers.method = message_header("notifications/cancelled");
    headers.method.count = 2;
    ok(parse(NOTE("notifications/cancelled"), &headers, MCP_REVISIONS_ALL,
             &body) == MCP_INVALID_HEADER,
       "repeated Mcp-Method of a notification");
}


static void
test_revisions(void)
{
    char            version[200];
    mcp_body_t      body;
    mcp_headers_t   headers;
    mcp_revision_t  r;

    for (r = MCP_2024_11_05; r <= MCP_2026_07_28; r++) {
        ok(mcp_revision_parse(mcp_revision_name(r)) == r,
           "revision %.*s", (int) mcp_revision_name(r).len,
           (const char *) mcp_revision_name(r).data);
    }

    ok(mcp_revision_parse(mcp_str("2025-11-2")) == MCP_REVISION_NONE
       && mcp_revision_parse(mcp_str("")) == MCP_REVISION_NONE,
       "no revision");
    ok(mcp_revision_name(MCP_REVISION_NONE).len == 0, "no name");

    headers = message_headers("2025-06-18", NULL, NULL);
    ok(parse(PING, &headers, MCP_REVISION_BIT(MCP_2025_11_25), &body)
       == MCP_INVALID_PROTOCOL_VERSION, "known revision, not accepted");
    is_str(body.requested, "2025-06-18", "  requested");
    ok(body.invalid_id.len == 1, "  id");
    ok(body.revision == MCP_REVISION_NONE, "  no revision");

    headers = message_headers(NULL, NULL, NULL);
    ok(parse(PING, &headers, MCP_REVISION_BIT(MCP_2025_11_25), &body)
       == MCP_VALID, "no header, one legacy revision accepted");
    ok(parse(PING, &headers, MCP_REVISION_BIT(MCP_2026_07_28), &body)
       == MCP_INVALID_PROTOCOL_VERSION, "no header, 2026-07-28 only");
    is_str(body.requested, "", "  requested");
    ok(parse(MODERN_CALL, &headers, MCP_REVISION_BIT(MCP_2026_07_28), &body)
       == MCP_INVALID_HEADER, "no header, 2026-07-28 only, body of it");

    memset(version, 'v', sizeof(version));
    version[sizeof(version) - 1] = '\0';
    headers = message_headers(version, NULL, NULL);
    ok(parse(PING, &headers, MCP_REVISIONS_ALL, &body)
       == MCP_INVALID_PROTOCOL_VERSION, "long version");
    ok(body.requested.len == 64, "  requested is cut");

    headers = message_headers("2027-01-01", NULL, NULL);
    ok(parse("[]", &headers, MCP_REVISIONS_ALL, &body)
       == MCP_INVALID_PROTOCOL_VERSION, "unknown version before the shape");
    ok(parse("{", &headers, MCP_REVISIONS_ALL, &body) == MCP_INVALID_JSON,
       "not JSON before an unknown version");

    mcp_arena_reset(&arena, 0);
}


static void
test_session(void)
{
    size_t         i;
    mcp_body_t     body;
    mcp_headers_t  headers;

    static const struct {
        const char     *value;
        uint32_t        count;
        mcp_invalid_t   invalid;
    } sessions[] = {
        { "7fQ2-9c", 1, MCP_VALID },
        { "!~", 1, MCP_VALID },
        { "\t a ", 1, MCP_VALID },
        { "", 1, MCP_VALID },
        { "a b", 1, MCP_INVALID_SESSION },
        { "a\tb", 1, MCP_INVALID_SESSION },
        { "a\x7f", 1, MCP_INVALID_SESSION },
        { "\xc3\xa9", 1, MCP_INVALID_SESSION },
        { "\x01", 1, MCP_INVALID_SESSION },
        { "a", 2, MCP_INVALID_SESSION }
    };

    headers = message_headers(LEGACY, NULL, NULL);

    for (i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
        headers.session.value = tap_str(sessions[i].value);
        headers.session.count = sessions[i].count;

        ok(parse(PING, &headers, MCP_REVISIONS_ALL, &body)
           == sessions[i].invalid, "session %d of a POST", (int) i);

        ok(mcp_headers_check(&body, &headers, MCP_REVISIONS_ALL, &arena)
           == (sessions[i].invalid ? MCP_ERROR : MCP_OK)
           && body.invalid == sessions[i].invalid,
           "session %d of a GET", (int) i);
    }

    mcp_arena_reset(&arena, 0);
}


static void
test_headers_check(void)
{
    mcp_body_t     body;
    mcp_headers_t  headers;

    headers = message_headers(LEGACY, "x", "\xff");
    ok(mcp_headers_check(&body, &headers, MCP_REVISIONS_ALL, &arena)
       == MCP_OK && body.revision == MCP_2025_11_25, "GET");

    headers = message_headers(MODERN, NULL, NULL);
    ok(mcp_headers_check(&body, &headers, MCP_REVISIONS_ALL, &arena)
       == MCP_OK && body.revision == MCP_2026_07_28, "GET in 2026-07-28");

    headers = message_headers(NULL, NULL, NULL);
    ok(mcp_headers_check(&body, &headers, MCP_REVISIONS_ALL, &arena)
       == MCP_OK && body.revision == MCP_REVISION_NONE,
       "GET without a version");
    ok(mcp_headers_check(&body, &headers, MCP_REVISION_BIT(MCP_2026_07_28),
                         &arena)
       == MCP_ERROR && body.invalid == MCP_INVALID_PROTOCOL_VERSION,
       "GET without a version, 2026-07-28 only");

    headers = message_headers("x", NULL, NULL);
    ok(mcp_headers_check(&body, &headers, MCP_REVISIONS_ALL, &arena)
       == MCP_ERROR && body.invalid == MCP_INVALID_PROTOCOL_VERSION,
       "GET with an unknown version");
    is_str(body.requested, "x", "  requested");
    ok(body.invalid_text.len > 10 && body.invalid_id.len == 0,
       "  a sentence, no id");

    headers.protocol_version.count = 2;
    ok(mcp_headers_check(&body, &headers, MCP_REVISIONS_ALL, &arena)
       == MCP_ERROR && body.invalid == MCP_INVALID_HEADER,
       "GET with a repeated version");
}


/* "!" stands for a refusal. */

static void
test_decode(void)
{
    size_t     i;
    mcp_rc_t   rc;
    mcp_str_t  decoded;

    static const struct {
        const char  *value;
        const char  *decoded;
    } values[] = {
        { "", "" },
        { "plain", "plain" },
        { "=?base64?YQ==?=", "a" },
        { "=?base64?YWI=?=", "ab" },
        { "=?base64?YWJj?=", "abc" },
        { "=?base64?YWJjZA==?=", "abcd" },
        { "=?base64?" "?=", "" },
        { "=?base64?=", "!" },
        { "=?base64?77u/YQ==?=", "\xef\xbb\xbf" "a" },
        { "=?base64?8J+YgA==?=", "\xf0\x9f\x98\x80" },
        { "=?base64?YQ=?=", "!" },
        { "=?base64?YQ?=", "!" },
        { "=?base64?Y===?=", "!" },
        { "=?base64?====?=", "!" },
        { "=?base64?YQ==YQ==?=", "!" },
        { "=?base64?Y=Q=?=", "!" },
        { "=?base64?YR==?=", "!" },
        { "=?base64?YWJ=?=", "!" },
        { "=?base64?Y Q=?=", "!" },
        { "=?base64?YQ-_?=", "!" },
        { "=?base64?YQ\xff=?=", "!" },
        { "=?base64?/w==?=", "!" },          /* FF */
        { "=?base64?wK8=?=", "!" },          /* C0 AF, overlong */
        { "=?base64?7aCA?=", "!" },          /* ED A0 80, surrogate */
        { "=?base64?9JCAgA==?=", "!" },      /* over U+10FFFF */
        { "=?base64?4oA=?=", "!" },          /* cut short */
        { "=?base64?YQ==", "=?base64?YQ==" },
        { "?base64?YQ==?=", "?base64?YQ==?=" },
        { "base64?YQ==?=", "base64?YQ==?=" },
        { "=?BASE64?YQ==?=", "=?BASE64?YQ==?=" },
        { "=?base64?YQ==?= ", "=?base64?YQ==?= " },
        { "=?base64?", "=?base64?" },
        { "=?base64", "=?base64" },
        { "?=", "?=" }
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        rc = mcp_header_decode(tap_str(values[i].value), &arena, &decoded);

        if (strcmp(values[i].decoded, "!") == 0) {
            ok(rc == MCP_ERROR, "refused: %s", values[i].value);

        } else if (ok(rc == MCP_OK, "decoded: %s", values[i].value)) {
            is_str(decoded, values[i].decoded, "  as expected");
        }
    }

    mcp_arena_reset(&arena, 0);
}


static void
test_content_type(void)
{
    size_t  i;

    static const struct {
        const char  *value;
        bool         valid;
    } values[] = {
        { "application/json", true },
        { "Application/JSON", true },
        { " application/json ", true },
        { "application/json;charset=utf-8", true },
        { "application/json; charset=UTF-8", true },
        { "application/json ; CharSet=Utf-8", true },
        { "application/json; charset=\"utf-8\"", true },
        { "application/json; v=1", true },
        { "application/json; v=\"1\"; charset=utf-8", true },
        { "application/json;", true },
        { "application/json; ; charset=utf-8", true },
        { "", false },
        { "application", false },
        { "application/", false },
        { "/json", false },
        { "application/jsonp", false },
        { "application/json5", false },
        { "application/vnd.api+json", false },
        { "text/plain", false },
        { "text/plain; x=application/json", false },
        { "text/json", false },
        { "application/json, text/plain", false },
        { "application/json application/json", false },
        { "application /json", false },
        { "application/json; charset=utf-16le", false },
        { "application/json; charset=utf-7", false },
        { "application/json; charset=utf8", false },
        { "application/json; charset=iso-8859-1", false },
        { "application/json; charset=", false },
        { "application/json; charset=\"\"", false },
        { "application/json; charset", false },
        { "application/json; charset =utf-8", false },
        { "application/json; charset= utf-8", false },
        { "application/json; charset=utf-8; charset=utf-16", false },
        { "application/json; charset=utf-8; charset=utf-8", false },
        { "application/json; charset*=utf-16''x", false },
        { "application/json; charset=\"utf-8", false },
        { "application/json; charset=\"utf\\-8\"", false },
        { "application/json; charset='utf-8'", false },
        { "application/json; x=\"; charset=utf-16\"", false },
        { "application/json; charset=utf-8, x", false },
        { "application/json; x=\xff", false }
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ok(mcp_content_type_valid(tap_str(values[i].value))
           == values[i].valid, "%s: %s",
           values[i].valid ? "JSON" : "not JSON", values[i].value);
    }

    ok(mcp_content_type_stream_valid(mcp_str("Text/Event-Stream; "
                                             "charset=\"UTF-8\"; x=1")),
       "an event stream");
    ok(!mcp_content_type_stream_valid(mcp_str("text/event-stream; "
                                              "charset=utf-16")),
       "an event stream in UTF-16");
    ok(!mcp_content_type_stream_valid(mcp_str("application/json")),
       "no event stream");
    ok(!mcp_content_type_valid(mcp_str("text/event-stream")),
       "an event stream is no JSON");
    ok(!mcp_content_type_valid((mcp_str_t) { NULL, 0 }), "no value");
    ok(!mcp_content_type_valid(mcp_str("application/json\r\n")),
       "line break behind");
    ok(!mcp_content_type_valid(mcp_str("application/json; x=\x01")),
       "control character in a parameter");
    ok(!mcp_content_type_valid(mcp_str("application/json\0")),
       "NUL behind");
}


static void
test_uri(void)
{
    size_t  i;

    static const struct {
        const char  *uri;
        bool         dots;
    } uris[] = {
        { "file:///a/b", false },
        { "file:///a/.b", false },
        { "file:///a/b.", false },
        { "file:///a/...", false },
        { "file:///a/..b/c", false },
        { "https://a.b/c.d?e=.f#.g", false },
        { "x:a..b", false },
        { "", false },
        { "%", false },
        { "a%2", false },
        { "a%zz/b", false },
        { "a%25/b", false },
        { "file:///a/./b", true },
        { "file:///a/../b", true },
        { "file:///a/..", true },
        { "file:///a/.", true },
        { "..", true },
        { ".", true },
        { "../a", true },
        { "file:../a", true },
        { "file:///a/%2e%2e/b", true },
        { "file:///a/%2E./b", true },
        { "file:///a/.%2e", true },
        { "file:///a/%2e", true },
        { "file:///a%2f..%2fb", true },
        { "file:///a%2F..%5Cb", true },
        { "file:///a\\..\\b", true },
        { "file:///a/%252e%252e/b", true },
        { "file:///a/%25252e/b", true },
        { "file:///a/..?x", true },
        { "file:///a/..#x", true },
        { "x://h/a?b=/../c", true }
    };

    for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        ok(mcp_uri_has_dot_segments(tap_str(uris[i].uri)) == uris[i].dots,
           "%s: %s", uris[i].dots ? "dot segments" : "none", uris[i].uri);
    }
}


static void
test_uri_clean(void)
{
    size_t  i;

    static const struct {
        const char  *uri;
        bool         clean;
    } uris[] = {
        { "file:///a b", true },
        { "file:///\xc3\xa4", true },
        { "", true },
        { " ", false },
        { " file:///a", false },
        { "file:///a ", false },
        { "file:///e\ntc/passwd", false },
        { "file:///a/.\t./b", false },
        { "fi\rle:///a", false },
        { "\x01" "file:///a", false },
        { "file:///a\x1f", false },
        { "file:///a\x7f" "b", false }
    };

    for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        ok(mcp_uri_is_clean(tap_str(uris[i].uri)) == uris[i].clean,
           "%zu: a URI %s", i, uris[i].clean ? "as it is read"
                                             : "with what is dropped");
    }
}


static void
test_uri_normal(void)
{
    size_t  i;

    static const struct {
        const char  *uri;
        bool         normal;
    } uris[] = {
        { "file:///a/B", true },
        { "file:///a%20b", true },
        { "memo:///a%2fb", true },
        { "x", true },
        { "", true },
        { "a:%", true },
        { "File:///a", false },
        { "X", false },
        { "file:///%61", false },
        { "file:///%2561", false },
        { "file:///a%2Db", false },
        { "file:///a%7e", false },

        /* what the URL parsers of servers have for these schemes */
        { "file://server/a", true },
        { "file://", true },
        { "file:///", true },
        { "file:///a/b=c;d,e%20f%3F%23%25", true },
        { "file:///a//b", false },
        { "file://server//a", false },
        { "file:///a/", false },
        { "file:///a%2fb", false },
        { "file:///a%252Fb", false },
        { "file:///a/%5Cb", false },
        { "file:///a%00", false },
        { "file:///a?", false },
        { "file:///a#b", false },
        { "file://?a", false },
        { "file:", false },
        { "file:/a", false },
        { "file:a", false },
        { "file:\\\\\\a", false },
        { "file:////a", false },
        { "file://localhost/a", false },
        { "file:///a\\b", false },
        { "https://a.b/C?D#E", true },
        { "https://a.b:8443/c", true },
        { "https://a.b", true },
        { "http://127.0.0.1:443/a", true },
        { "http://[::1]:8080/a", true },
        { "https:a.b/c", false },
        { "https:///a.b/c", false },
        { "https://A.b/c", false },
        { "https://a.b./c", false },
        { "https://a.b:/c", false },
        { "https://a.b:443/c", false },
        { "http://a.b:80", false },
        { "http://a.b:080/c", false },
        { "https://u@a.b/c", false },
        { "https://a%2eb/c", false },
        { "https://a%C3%A4b/c", false },
        { "https://\xef\xbd\x81.b/c", false },
        { "http://127.1/a", false },
        { "http://0x7f.0.0.1/a", false },
        { "http://127.0.0.01/a", false },
        { "http://2130706433/a", false },
        { "http://a.1x/b", false },

        /* templates */
        { "https://{host}/a", true },
        { "https://{subDomain}.a.b:{port}/{+Path}", true },
        { "https://a.b{/path*}{?x,y}", true },
        { "https://{var:3}.b/c", true },
        { "file:///a{/path*}{?x}{#y}", true },
        { "file:///{a}/{b}", true },
        { "file:///{a}//{b}", false },
        { "file:///{a}/", false },
        { "file:///{a?", false },
        { "https://{x}.B/c", false },
        { "https://{x}@a.b/c", false },
        { "https://{x@a.b/c", false },
        { "https://{x@A.b/c", false },
        { "https://{x}.b:443/c", false },
        { "http:{x}", false },

        /* of others they know nothing */
        { "memo://Insights", true },
        { "memo://a//b/?c#d", true },
        { "x://A.b:80\\c", true },
        { "filex:/a", true }
    };

    for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        ok(mcp_uri_is_normal(tap_str(uris[i].uri)) == uris[i].normal,
           "%s: %s", uris[i].normal ? "normal" : "not normal", uris[i].uri);
    }
}


static void
test_codes(void)
{
    mcp_invalid_t  i, k;

    static const struct {
        int       code;
        unsigned  status;
    } expected[MCP_INVALID_COUNT] = {
        [MCP_INVALID_JSON] = { -32700, 400 },
        [MCP_INVALID_META] = { -32602, 400 },
        [MCP_INVALID_HEADER] = { -32020, 400 },
        [MCP_INVALID_PROTOCOL_VERSION] = { -32022, 400 },
        [MCP_INVALID_INITIALIZE] = { -32601, 404 },
        [MCP_INVALID_HTTP_METHOD] = { -32600, 405 },
        [MCP_INVALID_CONTENT_TYPE] = { -32600, 415 },
        [MCP_INVALID_CONTENT_ENCODING] = { -32600, 415 },
        [MCP_INVALID_ORIGIN] = { -32600, 403 }
    };

    ok(mcp_invalid_name(MCP_VALID)[0] == '\0'
       && mcp_invalid_status(MCP_VALID) == 200, "nothing wrong");

    for (i = MCP_INVALID_JSON; i < MCP_INVALID_COUNT; i++) {
        ok(mcp_invalid_code(i) == (expected[i].code ? expected[i].code
                                                    : -32600)
           && mcp_invalid_status(i) == (expected[i].status
                                        ? expected[i].status : 400),
           "%s: code and status", mcp_invalid_name(i));
        ok(mcp_invalid_text(i).len > 10, "  a sentence");

        for (k = MCP_VALID; k < i; k++) {
            if (strcmp(mcp_invalid_name(k), mcp_invalid_name(i)) == 0) {
                break;
            }
        }

        ok(k == i, "  a word of its own");
    }

    ok(mcp_invalid_code(MCP_INVALID_COUNT) == 0, "no such refusal");
}


int
main(void)
{
    mcp_arena_init(&arena, &message_allocator, 0);

    test_cases();
    test_repeated();
    test_revisions();
    test_session();
    test_headers_check();
    test_decode();
    test_content_type();
    test_uri();
    test_uri_clean();
    test_uri_normal();
    test_codes();

    mcp_arena_destroy(&arena);

    return tap_done();
}
