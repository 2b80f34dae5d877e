/*
 * Answers that create a task: legacy result.task, and resultType "task" of
 * 2026-07-28.  What they name is bound to the call that they answer.
 */

#ifndef MCP_TASK_H
#define MCP_TASK_H

#include "mcp_json.h"

#pragma GCC visibility push(hidden)


/*
 * Finds the end of a JSON text that arrives in pieces, so that it can be read
 * before its last byte is passed on.  It takes the text for valid: a parser
 * has the last word.
 */
typedef struct {
    uint32_t  depth;
    bool      started;
    bool      string;
    bool      escape;
} mcp_task_text_t;

/*
 * The number of bytes up to the end of the text, 0 when it goes on.  Starts
 * with a zeroed struct.
 */
size_t mcp_task_text_end(mcp_task_text_t *text, mcp_str_t piece);


/* No ttl was said, or "null": the server decides, or never forgets. */
#define MCP_TASK_TTL_UNSAID     0
#define MCP_TASK_TTL_UNLIMITED  UINT64_MAX

typedef struct {
    uint32_t   id;           /* token of the id of the answered request */
    mcp_str_t  task_id;      /* unescaped; in the arena or in the text */
    uint64_t   ttl_ms;
} mcp_task_created_t;

/*
 * Whether the message at "root" creates a task.  "modern": by the rules of
 * 2026-07-28.  MCP_OK, MCP_NO, MCP_NOMEM.
 */
mcp_rc_t mcp_task_created(const mcp_json_t *json, uint32_t root, bool modern,
    mcp_arena_t *arena, mcp_task_created_t *created);

#pragma GCC visibility pop

#endif /* MCP_TASK_H */
