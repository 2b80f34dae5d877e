#include "mcp_task.h"


/* Milliseconds of 300 years: more digits than that mean for ever. */
#define MCP_TASK_TTL_DIGITS  13


static uint64_t mcp_task_ttl(const mcp_json_t *json, uint32_t object);


size_t
mcp_task_text_end(mcp_task_text_t *text, mcp_str_t piece)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < piece.len; i++) {
        c = piece.data[i];

        if (text->string) {
            if (text->escape) {
                text->escape = false;

            } else if (c == '\\') {
                text->escape = true;

            } else if (c == '"') {
                text->string = false;
            }

            continue;
        }

        switch (c) {

        case '"':
            text->string = true;
            break;

        case '{':
        case '[':
            text->depth++;
            text->started = true;
            break;

        case '}':
        case ']':
            if (text->depth) {
                text->depth--;
            }

            if (text->depth == 0 && text->started) {
                return i + 1;
            }

            break;

        default:
            break;
        }
    }

    return 0;
}


mcp_rc_t
mcp_task_created(const mcp_json_t *json, uint32_t root, bool modern,
    mcp_arena_t *arena, mcp_task_created_t *created)
{
    uint32_t  task, type, id;

    if (json->tokens[root].type != MCP_JSON_OBJECT) {
        return MCP_NO;
    }

    created->id = mcp_json_member(json, root, mcp_str("id"));
    task = mcp_json_member(json, root, mcp_str("result"));

    if (created->id == MCP_JSON_NONE || task == MCP_JSON_NONE
        || json->tokens[task].type != MCP_JSON_OBJECT)
    {
        return MCP_NO;
    }

    if (modern) {
        type = mcp_json_member(json, task, mcp_str("resultType"));

        if (type == MCP_JSON_NONE
            || json->tokens[type].type != MCP_JSON_STRING
            || !mcp_json_string_equal(json, type, mcp_str("task")))
        {
            return MCP_NO;
        }

    } else {
        task = mcp_json_member(json, task, mcp_str("task"));

        if (task == MCP_JSON_NONE
            || json->tokens[task].type != MCP_JSON_OBJECT)
        {
            return MCP_NO;
        }
    }

    id = mcp_json_member(json, task, mcp_str("taskId"));

    if (id == MCP_JSON_NONE || json->tokens[id].type != MCP_JSON_STRING) {
        return MCP_NO;
    }

    created->ttl_ms = mcp_task_ttl(json, task);

    return mcp_json_string(json, id, arena, &created->task_id);
}


static uint64_t
mcp_task_ttl(const mcp_json_t *json, uint32_t object)
{
    size_t     i;
    uint64_t   ttl;
    uint32_t   token;
    mcp_str_t  text;

    token = mcp_json_member(json, object, mcp_str("ttlMs"));

    if (token == MCP_JSON_NONE) {
        token = mcp_json_member(json, object, mcp_str("ttl"));
    }

    if (token == MCP_JSON_NONE) {
        return MCP_TASK_TTL_UNSAID;
    }

    if (json->tokens[token].type == MCP_JSON_NULL) {
        return MCP_TASK_TTL_UNLIMITED;
    }

    text = mcp_json_raw(json, token);

    if (json->tokens[token].type != MCP_JSON_NUMBER
        || !(json->tokens[token].flags & MCP_JSON_INTEGER)
        || text.data[0] == '-')
    {
        return MCP_TASK_TTL_UNSAID;
    }

    if (text.len > MCP_TASK_TTL_DIGITS) {
        return MCP_TASK_TTL_UNLIMITED;
    }

    ttl = 0;

    for (i = 0; i < text.len; i++) {
        ttl = ttl * 10 + (text.data[i] - '0');
    }

    return ttl;
}
