#include <stdio.h>

#include "reply.h"


static mcp_rc_t cli_reply_message(const mcp_json_t *json, uint32_t message,
    mcp_arena_t *arena, mcp_str_t *text);
static mcp_rc_t cli_reply_append(const mcp_json_t *json, uint32_t string,
    mcp_arena_t *arena, mcp_str_t *text);


mcp_rc_t
cli_reply_text(mcp_str_t body, mcp_arena_t *arena, mcp_str_t *text)
{
    uint32_t      i;
    mcp_rc_t      rc;
    mcp_json_t    json;
    mcp_error_t   error;
    mcp_limits_t  limits;

    memset(&limits, 0, sizeof(mcp_limits_t));

    limits.depth = MCP_DEFAULT_DEPTH;
    limits.tokens = MCP_DEFAULT_TOKENS;
    limits.string_length = MCP_DEFAULT_STRING_LENGTH;
    limits.number_length = MCP_DEFAULT_NUMBER_LENGTH;

    text->data = (const uint8_t *) "";
    text->len = 0;

    rc = mcp_json_parse(&json, body, &limits, arena, &error);
    if (rc != MCP_OK) {
        return rc;
    }

    if (json.tokens[0].type == MCP_JSON_OBJECT) {
        return cli_reply_message(&json, 0, arena, text);
    }

    if (json.tokens[0].type != MCP_JSON_ARRAY) {
        return MCP_OK;
    }

    for (i = 1; i < json.tokens[0].next; i = json.tokens[i].next) {
        rc = cli_reply_message(&json, i, arena, text);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
cli_reply_message(const mcp_json_t *json, uint32_t message,
    mcp_arena_t *arena, mcp_str_t *text)
{
    uint32_t  error, result, content, i;
    mcp_rc_t  rc;

    if (json->tokens[message].type != MCP_JSON_OBJECT) {
        return MCP_OK;
    }

    error = mcp_json_member(json, message, mcp_str("error"));

    if (error != MCP_JSON_NONE) {
        return cli_reply_append(json,
                                mcp_json_member(json, error,
                                                mcp_str("message")),
                                arena, text);
    }

    result = mcp_json_member(json, message, mcp_str("result"));
    if (result == MCP_JSON_NONE) {
        return MCP_OK;
    }

    content = mcp_json_member(json, result, mcp_str("content"));
    if (content == MCP_JSON_NONE) {
        return MCP_OK;
    }

    for (i = content + 1;
         i < json->tokens[content].next;
         i = json->tokens[i].next)
    {
        rc = cli_reply_append(json, mcp_json_member(json, i, mcp_str("text")),
                              arena, text);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
cli_reply_append(const mcp_json_t *json, uint32_t string, mcp_arena_t *arena,
    mcp_str_t *text)
{
    uint8_t    *data;
    mcp_rc_t    rc;
    mcp_str_t   more;

    if (string == MCP_JSON_NONE) {
        return MCP_OK;
    }

    rc = mcp_json_string(json, string, arena, &more);
    if (rc != MCP_OK) {
        return (rc == MCP_NO) ? MCP_OK : rc;
    }

    if (text->len == 0) {
        *text = more;
        return MCP_OK;
    }

    data = mcp_arena_alloc(arena, text->len + 1 + more.len);
    if (data == NULL) {
        return MCP_NOMEM;
    }

    memcpy(data, text->data, text->len);
    data[text->len] = '\n';
    memcpy(data + text->len + 1, more.data, more.len);

    text->data = data;
    text->len += 1 + more.len;

    return MCP_OK;
}
