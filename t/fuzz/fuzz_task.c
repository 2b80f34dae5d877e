/*
 * Answers that create tasks.  The first byte chooses the form and the pieces,
 * the rest is the answer.  What must hold:
 *
 *   the text ends where it ends for the tokenizer, in whatever pieces it
 *   comes and whatever follows it;
 *   the task is the one that jansson finds, under the same name, for the same
 *   time, and of the same request.
 */

#include "fuzz.h"

#include <jansson.h>

#include "mcp_task.h"

#define FLAGS  (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* The first integer of more digits than a ttl has. */
#define LONG_TTL  INT64_C(10000000000000)


/* Where the text ends when it comes in pieces; 0 when it goes on. */
static size_t
end_of(mcp_str_t text, uint32_t seed)
{
    size_t           done, end;
    mcp_str_t        piece;
    mcp_task_text_t  state;

    memset(&state, 0, sizeof(state));

    for (done = 0; done < text.len; done += piece.len) {
        seed = seed * 1103515245 + 12345;

        piece.data = text.data + done;
        piece.len = 1 + (seed >> 16) % 16;

        if (piece.len > text.len - done) {
            piece.len = text.len - done;
        }

        end = mcp_task_text_end(&state, piece);
        check(end <= piece.len);

        if (end > 0) {
            return done + end;
        }
    }

    return 0;
}


static void
check_end(mcp_str_t text, uint32_t seed)
{
    size_t           whole;
    mcp_str_t        part;
    mcp_json_t       json;
    mcp_arena_t      arena;
    mcp_task_text_t  state;

    memset(&state, 0, sizeof(state));

    whole = mcp_task_text_end(&state, text);
    check(whole == end_of(text, seed));

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    if (mcp_json_parse(&json, text, &fuzz_limits, &arena, NULL) == MCP_OK) {
        check(whole == (json.tokens[0].type == MCP_JSON_OBJECT
                        || json.tokens[0].type == MCP_JSON_ARRAY
                        ? json.tokens[0].end : 0));
    }

    /* there, and not before */

    if (whole > 0) {
        part.data = text.data;
        part.len = whole;
        check(end_of(part, seed + 1) == whole);
        part.len--;
        check(end_of(part, seed + 2) == 0);
    }

    mcp_arena_destroy(&arena);
}


/* NULL without any; a ttl that is no integer says nothing. */
static json_t *
find_task(json_t *answer, bool modern, uint64_t *ttl_ms)
{
    json_t      *task, *ttl;
    const char  *type;

    task = json_object_get(answer, "result");

    if (json_object_get(answer, "id") == NULL || !json_is_object(task)) {
        return NULL;
    }

    if (modern) {
        type = json_string_value(json_object_get(task, "resultType"));

        if (type == NULL || strcmp(type, "task") != 0) {
            return NULL;
        }

    } else {
        task = json_object_get(task, "task");
    }

    ttl = json_object_get(task, "ttlMs");
    ttl = ttl ? ttl : json_object_get(task, "ttl");

    *ttl_ms = MCP_TASK_TTL_UNSAID;

    if (json_is_null(ttl)) {
        *ttl_ms = MCP_TASK_TTL_UNLIMITED;

    } else if (json_is_integer(ttl) && json_integer_value(ttl) >= 0) {
        *ttl_ms = json_integer_value(ttl) < LONG_TTL
                  ? (uint64_t) json_integer_value(ttl)
                  : MCP_TASK_TTL_UNLIMITED;
    }

    return json_object_get(task, "taskId");
}


static void
check_task(mcp_str_t text, bool modern)
{
    json_t              *answer, *task;
    uint64_t             ttl_ms;
    mcp_rc_t             rc;
    mcp_json_t           json;
    mcp_arena_t          arena;
    mcp_task_created_t   created;

    mcp_arena_init(&arena, &fuzz_allocator, 0);
    answer = json_loadb((const char *) text.data, text.len, FLAGS, NULL);

    if (mcp_json_parse(&json, text, &fuzz_limits, &arena, NULL) == MCP_OK
        && json.defect == MCP_JSON_VALID)
    {
        rc = mcp_task_created(&json, 0, modern, &arena, &created);
        check(rc == MCP_OK || rc == MCP_NO);

        if (rc == MCP_OK) {
            check(created.id == mcp_json_member(&json, 0, mcp_str("id"))
                  && created.id != MCP_JSON_NONE);
            check(memchr(created.task_id.data, '\0', created.task_id.len)
                  == NULL);
        }

        if (answer != NULL) {
            task = find_task(answer, modern, &ttl_ms);

            if (!json_is_string(task)
                || memchr(json_string_value(task), '\0',
                          json_string_length(task)))
            {
                check(rc == MCP_NO);

            } else {
                check(rc == MCP_OK && created.ttl_ms == ttl_ms);
                check(created.task_id.len == json_string_length(task)
                      && memcmp(created.task_id.data,
                                json_string_value(task), created.task_id.len)
                         == 0);
            }
        }
    }

    json_decref(answer);
    mcp_arena_destroy(&arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_str_t  text;

    if (size < 1) {
        return 0;
    }

    text.data = data + 1;
    text.len = size - 1;

    check_end(text, data[0]);
    check_task(text, data[0] & 1);

    return 0;
}
