/*
 * Body and headers to messages, and every answer to them.
 *
 * Input: one line each for MCP-Protocol-Version, Mcp-Method, Mcp-Name and
 * Mcp-Session-Id, then the body.  The first byte of a line says how often the
 * header was sent: "=" once, "&" twice, anything else never.
 */

#include "fuzz.h"

#include "mcp_reply.h"


static const mcp_limits_t  limits = {
    .depth = 16,
    .tokens = 10000,
    .string_length = 100000,
    .number_length = 100,
    .batch = 8,
    .hash_key = { 1, 2 }
};


static mcp_header_t
read_header(const uint8_t **data, size_t *size)
{
    size_t          length;
    mcp_header_t    header;
    const uint8_t  *line, *end;

    memset(&header, 0, sizeof(header));

    line = *data;
    end = *size ? memchr(line, '\n', *size) : NULL;

    if (end == NULL) {
        return header;
    }

    length = (size_t) (end - line);

    if (length > 0) {
        header.count = line[0] == '=' ? 1 : line[0] == '&' ? 2 : 0;
        header.value.data = line + 1;
        header.value.len = length - 1;
    }

    *data += length + 1;
    *size -= length + 1;

    return header;
}


/* Valid, without defects, and with members of JSON-RPC only. */

static void
check_reply(const mcp_reply_t *reply, size_t cap, mcp_arena_t *arena)
{
    uint32_t     i, item, key, count;
    mcp_json_t   json;
    mcp_error_t  error;

    check(reply->status >= 200 && reply->status < 600);

    if (reply->body.len == 0) {
        check(reply->status == 202);
        return;
    }

    check(reply->body.len <= cap);
    check(mcp_json_parse(&json, reply->body, &limits, arena, &error)
          == MCP_OK);
    check(json.defect == MCP_JSON_VALID);

    count = 1;
    item = 0;

    if (json.tokens[0].type == MCP_JSON_ARRAY) {
        count = mcp_json_size(&json, 0);
        item = 1;
        check(count > 0);
    }

    for (i = 0; i < count; i++, item = json.tokens[item].next) {
        check(json.tokens[item].type == MCP_JSON_OBJECT);

        for (key = item + 1; key < json.tokens[item].next;
             key = json.tokens[json.tokens[key].next].next)
        {
            check(mcp_json_string_equal(&json, key, mcp_str("jsonrpc"))
                  || mcp_json_string_equal(&json, key, mcp_str("id"))
                  || mcp_json_string_equal(&json, key, mcp_str("result"))
                  || mcp_json_string_equal(&json, key, mcp_str("error")));
        }
    }
}


static void
check_id(mcp_str_t id, mcp_arena_t *arena)
{
    mcp_json_t   json;
    mcp_error_t  error;

    check(mcp_json_parse(&json, id, &limits, arena, &error) == MCP_OK);
    check(json.count == 1);
    check(json.tokens[0].type == MCP_JSON_STRING
          || (json.tokens[0].type == MCP_JSON_NUMBER
              && (json.tokens[0].flags & MCP_JSON_INTEGER)));
    check(id.len <= 258);
}


static void
check_message(const mcp_body_t *body, const mcp_message_t *message,
    mcp_arena_t *arena)
{
    uint32_t  i;

    switch (message->kind) {

    case MCP_MESSAGE_REQUEST:
        check(message->id.len != 0 && message->method_name.len != 0);
        check(message->method != MCP_METHOD_NOTIFICATION);
        break;

    case MCP_MESSAGE_NOTIFICATION:
        check(message->id.len == 0 && message->method_name.len != 0);
        check(message->method == MCP_METHOD_NOTIFICATION
              || message->method == MCP_METHOD_OTHER);
        break;

    case MCP_MESSAGE_RESULT:
    case MCP_MESSAGE_ERROR:
        check(body->revision != MCP_2026_07_28);
        check(message->method == MCP_METHOD_OTHER
              && message->target_count == 0);
        break;

    default:
        check(false);
    }

    if (message->id.len != 0) {
        check_id(message->id, arena);
    }

    if (message->method == MCP_METHOD_TOOLS_CALL) {
        check(message->target_count == 1
              && message->targets[0].kind == MCP_TARGET_TOOL);
    }

    for (i = 0; i < message->target_count; i++) {
        check(message->targets[i].kind != MCP_TARGET_NONE);
        check(message->targets[i].name.len != 0);
        check(memchr(message->targets[i].name.data, '\0',
                     message->targets[i].name.len) == NULL);
    }

    check(!(message->task && body->revision == MCP_2026_07_28));
}


/* Any refusal of what was accepted; the input chooses which. */

static void
check_denied(const mcp_body_t *body, const uint8_t *data, size_t size,
    mcp_arena_t *arena)
{
    uint8_t               c;
    uint32_t              i;
    mcp_rc_t              rc;
    mcp_reply_t           reply;
    mcp_verdict_t         verdict;
    mcp_decision_t        decisions[8];
    mcp_reply_options_t   options;

    memset(&verdict, 0, sizeof(verdict));
    memset(&options, 0, sizeof(options));
    memset(decisions, 0, sizeof(decisions));

    verdict.decisions = decisions;
    verdict.count = body->count;
    options.revisions = MCP_REVISIONS_ALL;
    options.denial = MCP_DENIAL_RESULT + size % 3;
    options.list_unfiltered = size & 4;

    for (i = 0; i < body->count; i++) {
        c = data[(i * 7919 + 13) % size];

        decisions[i].action = MCP_DENY + c % 3;
        decisions[i].reason = c % MCP_REASON_COUNT;
        decisions[i].denial = c >> 6;
        decisions[i].not_shown = c & 1;
        decisions[i].method_denied = (c & 6) == 6;
        decisions[i].retry_ms = c & 8 ? UINT64_MAX : c;
        decisions[i].text = (mcp_str_t) { data, size };
        decisions[i].rule = (mcp_str_t) { data, c % size };
    }

    rc = mcp_reply_denied(body, &verdict, &options, arena, &reply);
    check(rc == MCP_OK);
    check_reply(&reply, 10240 * body->count, arena);

    rc = mcp_reply_error_all(body, 200, -32603, (mcp_str_t) { data, size },
                             arena, &reply);
    check(rc == MCP_OK);
    check_reply(&reply, 10240 * body->count, arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t              *copy;
    uint32_t              i;
    mcp_rc_t              rc;
    mcp_body_t            body;
    mcp_reply_t           reply;
    mcp_arena_t           arena;
    mcp_headers_t         headers;
    mcp_reply_options_t   options;

    headers.protocol_version = read_header(&data, &size);
    headers.method = read_header(&data, &size);
    headers.name = read_header(&data, &size);
    headers.session = read_header(&data, &size);

    copy = malloc(size ? size : 1);
    check(copy != NULL);

    if (size != 0) {
        memcpy(copy, data, size);
    }

    memset(&options, 0, sizeof(options));
    options.denial = MCP_DENIAL_RESULT;
    options.revisions = MCP_REVISIONS_ALL;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    rc = mcp_body_parse(&body, (mcp_str_t) { copy, size }, &headers,
                        MCP_REVISIONS_ALL, &limits, &arena);

    if (rc == MCP_OK) {
        check(body.invalid == MCP_VALID);
        check(body.json.defect == MCP_JSON_VALID);
        check(body.count > 0 && body.count <= limits.batch);
        check(body.batch || body.count == 1);
        check(headers.protocol_version.count <= 1);

        for (i = 0; i < body.count; i++) {
            check_message(&body, &body.messages[i], &arena);
        }

        check_denied(&body, copy, size, &arena);

    } else {
        check(rc == MCP_ERROR);
        check(body.invalid != MCP_VALID && body.count == 0);
        check(body.invalid_text.len != 0);

        if (body.invalid_id.len != 0) {
            check_id(body.invalid_id, &arena);
        }

        check(mcp_reply_invalid(&body, &options, &arena, &reply) == MCP_OK);
        check_reply(&reply, 10240, &arena);
    }

    mcp_arena_destroy(&arena);
    free(copy);

    return 0;
}
