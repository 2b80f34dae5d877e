/*
 * What a webhook is told of an approval that waits for a human, and when it
 * is told again.
 */

#ifndef MCP_NOTIFY_H
#define MCP_NOTIFY_H

#include "mcp_approval.h"

#pragma GCC visibility push(hidden)


#define MCP_NOTIFY_SCHEMA     1

/* between two tries: doubled from the first to the last, a quarter about */
#define MCP_NOTIFY_FIRST_MS   1000
#define MCP_NOTIFY_LAST_MS    (5 * 60 * 1000)


/*
 * Writes the JSON object.  The arguments are those of the record, as they
 * were sent; without all of them just their length is told.  "page" is where
 * a human decides, or empty.  Returns the length, at most
 * mcp_notify_length().
 */
size_t mcp_notify_write(const mcp_approval_view_t *approval, mcp_str_t page,
    bool arguments, uint8_t *dst);
size_t mcp_notify_length(const mcp_approval_view_t *approval, mcp_str_t page,
    bool arguments);

/* How long to wait after a try that "tries" others came before. */
uint64_t mcp_notify_delay(uint32_t tries, uint32_t random);

#pragma GCC visibility pop

#endif /* MCP_NOTIFY_H */
