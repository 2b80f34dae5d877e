/*
 * What a webhook is told of an approval.  Whatever names and arguments are
 * like, it is one JSON object in its room, for jansson as well: each member
 * there once, with what it was made of.
 */

#include "fuzz.h"

#include <jansson.h>
#include <time.h>

#include "mcp_json.h"
#include "mcp_notify.h"

#define FLAGS     (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

/* of a time as it is written; later ones have no date of four digits */
#define TIME      24
#define LAST_MS   UINT64_C(253402300799999)


/* The bytes, if they are UTF-8: others are replaced. */
static void
check_text(json_t *body, const char *name, mcp_str_t text)
{
    json_t  *value, *expected;

    value = json_object_get(body, name);
    check(json_is_string(value));

    expected = json_stringn((const char *) text.data, text.len);
    check(expected == NULL || json_equal(value, expected));

    json_decref(expected);
}


static void
check_hex(json_t *body, const char *name, const uint8_t *bytes, size_t length)
{
    char    hex[2 * 16 + 1];
    size_t  i;

    for (i = 0; i < length; i++) {
        (void) snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }

    check_text(body, name, (mcp_str_t) { (uint8_t *) hex, 2 * length });
}


static void
check_time(json_t *body, const char *name, uint64_t ms)
{
    char       text[TIME + 1], whole[TIME];
    time_t     seconds;
    struct tm  tm;

    if (ms > LAST_MS) {
        check(json_string_length(json_object_get(body, name)) == TIME);
        return;
    }

    seconds = (time_t) (ms / 1000);
    check(gmtime_r(&seconds, &tm) != NULL);
    check(strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm) == 19);
    (void) snprintf(text, sizeof(text), "%.19s.%03uZ", whole,
                    (unsigned) (ms % 1000));

    check_text(body, name, (mcp_str_t) { (uint8_t *) text, TIME });
}


/* Whole ones as they were sent; if jansson reads those, it reads the body. */
static bool
read_arguments(mcp_str_t text, json_t **arguments)
{
    bool         whole;
    mcp_json_t   json;
    mcp_arena_t  arena;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    whole = mcp_json_parse(&json, text, &fuzz_limits, &arena, NULL) == MCP_OK
            && json.defect == MCP_JSON_VALID;

    mcp_arena_destroy(&arena);

    *arguments = json_loadb((const char *) text.data, text.len,
                            FLAGS | JSON_DECODE_ANY, NULL);
    return whole;
}


static void
check_body(const mcp_approval_view_t *approval, mcp_str_t page, bool told,
    mcp_str_t text)
{
    bool       whole;
    size_t     i, members;
    uint8_t    grant[16];
    json_t    *body, *arguments;

    whole = approval->arguments.len == approval->arguments_length;
    members = 9;
    arguments = NULL;

    if (told && whole) {
        (void) read_arguments(approval->arguments, &arguments);
    }

    body = json_loadb((const char *) text.data, text.len, FLAGS, NULL);

    /* jansson has no arguments that it cannot represent */

    if (told && whole && approval->arguments.len && arguments == NULL) {
        json_decref(body);
        return;
    }

    check(body != NULL);

    for (i = 0; i < sizeof(grant); i++) {
        grant[i] = (uint8_t) (approval->grant[i / 8] >> (56 - i % 8 * 8));
    }

    check(json_integer_value(json_object_get(body, "schema")) == 1);
    check_text(body, "event", mcp_str("approval.pending"));
    check_hex(body, "id", approval->id, MCP_APPROVAL_ID);
    check_time(body, "time", approval->created_ms);
    check_time(body, "expires", approval->expires_ms);
    check_text(body, "policy", approval->policy);
    check_text(body, "rule", approval->rule);
    check_text(body, "tool", approval->tool);
    check_hex(body, "grant", grant, sizeof(grant));

    if (page.len) {
        members++;
        check_text(body, "url", page);
    }

    if (told && approval->arguments.len) {
        members++;
        check(whole == json_equal(json_object_get(body, "arguments"),
                                  arguments));
        check(whole || (uint64_t) json_integer_value(
                           json_object_get(body, "arguments_length"))
                       == approval->arguments_length);
    }

    check(json_object_size(body) == members);

    json_decref(arguments);
    json_decref(body);
}


/* A quarter about a time that doubles, from the first to the last. */
static void
check_delay(uint32_t tries, uint32_t random)
{
    uint32_t  i;
    uint64_t  delay, expected;

    expected = MCP_NOTIFY_FIRST_MS;

    for (i = 0; i < tries && expected < MCP_NOTIFY_LAST_MS; i++) {
        expected *= 2;
    }

    if (expected > MCP_NOTIFY_LAST_MS) {
        expected = MCP_NOTIFY_LAST_MS;
    }

    delay = mcp_notify_delay(tries, random);
    check(delay >= expected - expected / 4);
    check(delay <= expected + expected / 4);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool                  told;
    size_t                room;
    json_t               *arguments;
    uint8_t              *body;
    uint32_t              tries;
    mcp_str_t             input, page, piece, text;
    mcp_approval_view_t   approval;

    memset(&approval, 0, sizeof(approval));

    input.data = data;
    input.len = size;

    told = fuzz_byte(&input) & 1;
    approval.created_ms = fuzz_number(&input);
    approval.expires_ms = fuzz_number(&input);
    approval.grant[0] = fuzz_number(&input);
    approval.grant[1] = fuzz_number(&input);
    approval.policy = fuzz_piece(&input);
    approval.rule = fuzz_piece(&input);
    approval.tool = fuzz_piece(&input);
    page = fuzz_piece(&input);
    piece = fuzz_piece(&input);
    memcpy(approval.id, piece.data,
           piece.len < MCP_APPROVAL_ID ? piece.len : MCP_APPROVAL_ID);
    tries = (uint32_t) fuzz_number(&input);
    check_delay(tries, (uint32_t) fuzz_number(&input));

    approval.arguments = input;
    approval.arguments_length = input.len;

    /* what is no JSON is the beginning of some */

    if (!read_arguments(input, &arguments)) {
        approval.arguments_length++;
    }

    json_decref(arguments);

    room = mcp_notify_length(&approval, page, told);
    body = malloc(room);
    check(body != NULL);

    text.data = body;
    text.len = mcp_notify_write(&approval, page, told, body);
    check(text.len <= room);

    check_body(&approval, page, told, text);
    free(body);

    return 0;
}
