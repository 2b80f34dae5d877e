/*
 * Lines of the audit log: whatever is in the strings that a line has, it is
 * one line of JSON below the maximum, each member once, no string longer than
 * it may be and nothing in it that a terminal takes for a command.
 */

#include "fuzz.h"

#include "mcp_audit.h"


#define KEYS  40


/* One in two that there is none. */

static const uint64_t *
take_hash(mcp_str_t *input, uint64_t hash[2])
{
    hash[0] = fuzz_number(input);
    hash[1] = ~hash[0];

    return (hash[0] & 1) ? hash : NULL;
}


static void
take_message(mcp_str_t *input, mcp_audit_message_t *message,
    mcp_str_t keys[KEYS], uint64_t hash[2])
{
    memset(message, 0, sizeof(mcp_audit_message_t));

    message->index = (uint32_t) fuzz_number(input);
    message->count = (uint32_t) fuzz_number(input);
    message->method = fuzz_piece(input);
    message->target_kind = fuzz_number(input) % MCP_TARGET_COUNT;
    message->target = fuzz_piece(input);
    message->target_count = (uint32_t) fuzz_number(input);
    message->id_string = fuzz_number(input) & 1;
    message->id = fuzz_piece(input);
    message->decision = fuzz_piece(input);
    message->rule = fuzz_piece(input);
    message->reason = fuzz_piece(input);
    message->limited = fuzz_number(input) & 1;
    message->remaining = (int64_t) fuzz_number(input);
    message->reset_s = fuzz_number(input);
    message->args_hash = take_hash(input, hash);
    message->arguments = fuzz_number(input) & 1;
    message->argument_count = (uint32_t) fuzz_number(input);
    message->keys = keys;

    while (message->key_count < MCP_AUDIT_KEYS && input->len) {
        keys[message->key_count++] = fuzz_piece(input);
    }
}


static void
take_request(mcp_str_t *input, mcp_audit_request_t *request,
    uint64_t hashes[4])
{
    static const uint8_t  sha256[32] = { 1, 0xff, 0x80 };

    memset(request, 0, sizeof(mcp_audit_request_t));

    request->time_ms = fuzz_number(input);
    request->request_id = fuzz_piece(input);
    request->address = fuzz_piece(input);
    request->http_method = fuzz_piece(input);
    request->grant = take_hash(input, &hashes[0]);
    request->session = take_hash(input, &hashes[2]);
    request->policy = fuzz_piece(input);
    request->generation = fuzz_number(input);
    request->sha256 = sha256;
    request->protocol = fuzz_piece(input);
    request->client = fuzz_piece(input);
    request->traceparent = fuzz_piece(input);
    request->status = (uint32_t) fuzz_number(input);
    request->upstream_tries = (uint32_t) fuzz_number(input);
    request->upstream_status = (uint32_t) fuzz_number(input);
    request->upstream_ms = fuzz_number(input);
    request->duration_ms = fuzz_number(input);
    request->bytes_received = fuzz_number(input);
    request->bytes_sent = fuzz_number(input);
}


/* The tokenizer refuses duplicate members and bytes that are not UTF-8. */

static void
check_line(const uint8_t *line, size_t length)
{
    uint32_t      i;
    mcp_json_t    json;
    mcp_arena_t   arena;
    mcp_limits_t  limits;


    check(length > 2 && length < MCP_AUDIT_LINE_MAX);
    check(line[length - 1] == '\n');

    for (i = 0; i < length - 1; i++) {
        check(line[i] >= 0x20 && line[i] != 0x7f);
        check(line[i] != 0xc2 || line[i + 1] >= 0xa0);
    }

    memset(&limits, 0, sizeof(limits));
    limits.depth = 2;
    limits.tokens = 256;
    limits.string_length = MCP_AUDIT_NAME;
    limits.number_length = 40;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    check(mcp_json_parse(&json, (mcp_str_t) { line, length - 1 }, &limits,
                         &arena, NULL)
          == MCP_OK);
    check(json.tokens[0].type == MCP_JSON_OBJECT);
    check(mcp_json_member(&json, 0, mcp_str("time")) == 2);

    mcp_arena_destroy(&arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t               length;
    uint8_t              line[MCP_AUDIT_LINE_MAX];
    uint8_t              members[MCP_AUDIT_MESSAGE_MAX];
    mcp_str_t            input, keys[KEYS];
    mcp_audit_request_t  request;
    mcp_audit_message_t  message;
    uint64_t             hashes[6];

    input.data = data;
    input.len = size;

    take_request(&input, &request, hashes);
    take_message(&input, &message, keys, &hashes[4]);

    length = mcp_audit_message_write(&message, members);
    check(length <= MCP_AUDIT_MESSAGE_MAX);

    length = mcp_audit_line_write(&request, (mcp_str_t) { members, length },
                                  line);
    check_line(line, length);

    return 0;
}
