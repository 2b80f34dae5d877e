/* What the tests of messages, headers and replies share. */

#ifndef MESSAGE_H
#define MESSAGE_H

#include "tap.h"

#include "mcp_message.h"


#define PROTOCOL  "io.modelcontextprotocol/"
#define VERSION   "\"" PROTOCOL "protocolVersion\":\"2026-07-28\""
#define CLIENT    "\"" PROTOCOL "clientCapabilities\":{}"
#define META      "\"_meta\":{" VERSION "," CLIENT "}"

/* The beginning of a request up to its params or its end. */
#define RPC(method)  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\""
#define CALL(params)                                                          \
    RPC("tools/call") ",\"params\":{" params "}}"
#define NOTE(method)  "{\"jsonrpc\":\"2.0\",\"method\":\"" method "\"}"


static const mcp_allocator_t  message_allocator = TAP_ALLOCATOR;

static const mcp_limits_t  message_limits = {
    .depth = MCP_DEFAULT_DEPTH,
    .tokens = MCP_DEFAULT_TOKENS,
    .string_length = MCP_DEFAULT_STRING_LENGTH,
    .number_length = MCP_DEFAULT_NUMBER_LENGTH,
    .batch = MCP_DEFAULT_BATCH,
    .hash_key = { 1, 2 }
};


/* NULL: the line is absent. */
static inline mcp_header_t
message_header(const char *value)
{
    mcp_header_t  header;

    memset(&header, 0, sizeof(header));

    if (value != NULL) {
        header.value = tap_str(value);
        header.count = 1;
    }

    return header;
}


static inline mcp_headers_t
message_headers(const char *version, const char *method, const char *name)
{
    mcp_headers_t  headers;

    headers.protocol_version = message_header(version);
    headers.method = message_header(method);
    headers.name = message_header(name);
    headers.session = message_header(NULL);

    return headers;
}


/*
 * Parses a heap copy of exactly the text, so that reading beyond it shows
 * under a sanitizer; the caller frees *copy after use.
 */
static inline mcp_rc_t
message_parse(mcp_body_t *body, mcp_str_t text, const mcp_headers_t *headers,
    uint32_t revisions, mcp_arena_t *arena, void **copy)
{
    *copy = malloc(text.len ? text.len : 1);

    if (*copy == NULL) {
        abort();
    }

    memcpy(*copy, text.data, text.len);
    text.data = *copy;

    return mcp_body_parse(body, text, headers, revisions, &message_limits,
                          arena);
}

#endif /* MESSAGE_H */
