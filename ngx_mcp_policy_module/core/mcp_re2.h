/*
 * Regular expressions of Go's RE2 dialect, in which policy files write them,
 * for PCRE2.  What RE2 refuses is refused, what it means is kept.
 */

#ifndef MCP_RE2_H
#define MCP_RE2_H

#include "mcp_arena.h"

#pragma GCC visibility push(hidden)


#define MCP_RE2_PATTERN_MAX  8192
#define MCP_RE2_DEPTH_MAX    200     /* groups in groups */
#define MCP_RE2_REPEAT_MAX   1000    /* also of repeats in repeats */

/*
 * A pattern for PCRE2 with UTF and LF as the newline that matches the same
 * strings; groups capture nothing.  It lives in the arena.  MCP_ERROR with a
 * text, and the offset of what is wrong in "pattern", which must be UTF-8;
 * MCP_NOMEM.
 */
mcp_rc_t mcp_re2_translate(mcp_str_t pattern, mcp_arena_t *arena,
    mcp_str_t *translated, mcp_error_t *error);

#pragma GCC visibility pop

#endif /* MCP_RE2_H */
