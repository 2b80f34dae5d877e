/*
 * Events in place of those that a server sent: in the one form that all
 * clients read alike.
 */

#ifndef MCP_EVENT_WRITE_H
#define MCP_EVENT_WRITE_H

#include "mcp_base.h"

#pragma GCC visibility push(hidden)


/*
 * Writes the event that "event" becomes when its data is the JSON text in
 * "pieces": of type message, with the id and retry lines that it had, lines
 * ending in LF.  Line ends of the text become blanks, and what some clients
 * take for one (U+0085, U+2028, U+2029) is escaped.  "event" may be the first
 * bytes of one: a line without an end does not count.
 *
 * Returns the number of bytes; with "dst" NULL they are only counted.
 */
size_t mcp_event_write(uint8_t *dst, mcp_str_t event, const mcp_str_t *pieces,
    size_t count);

#pragma GCC visibility pop

#endif /* MCP_EVENT_WRITE_H */
