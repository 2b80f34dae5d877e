/* What an agent reads of an answer. */

#ifndef CLI_REPLY_H
#define CLI_REPLY_H

#include "cli.h"


/*
 * The texts of a JSON-RPC answer: the error's message or the result's text
 * content; of a batch all of them, one in a line.
 */
mcp_rc_t cli_reply_text(mcp_str_t body, mcp_arena_t *arena, mcp_str_t *text);

#endif /* CLI_REPLY_H */
