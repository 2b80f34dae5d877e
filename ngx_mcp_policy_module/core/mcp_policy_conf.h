/*
 * The nginx.conf front end without nginx: reads what nginx would read, skips
 * everything but the mcp_policy blocks, and feeds those to the builder.  File
 * contents and includes come from the caller.
 */

#ifndef MCP_POLICY_CONF_H
#define MCP_POLICY_CONF_H

#include "mcp_conf.h"
#include "mcp_policy.h"

#pragma GCC visibility push(hidden)


#define MCP_POLICY_CONF_DEPTH_MAX    16      /* files that include files */
#define MCP_POLICY_CONF_FILES_MAX    1000    /* opened by one reading */


typedef struct {
    const char  *name;    /* for messages; outlives the policies */
    mcp_str_t    text;    /* outlives the reading */
} mcp_policy_conf_file_t;

typedef struct {
    /*
     * The files that "include PATTERN" names, none when a mask matches none.
     * The array lives until the reading ends.  MCP_ERROR was reported; it
     * ends the reading.  "in_policy": inside of an mcp_policy block.
     */
    mcp_rc_t  (*include)(void *data, mcp_str_t pattern, bool in_policy,
                  const mcp_place_t *place,
                  const mcp_policy_conf_file_t **files, uint32_t *count);
    /*
     * "mcp_policy NAME {".  With *builder left NULL the block is skipped.
     * MCP_ERROR was reported, and skips the block, too.
     */
    mcp_rc_t  (*policy_start)(void *data, mcp_str_t name,
                  const mcp_place_t *place, mcp_policy_builder_t **builder);
    /*
     * Its "}": time for mcp_policy_finish.  Not "complete" when the reading
     * stopped inside the block: the builder need only be released.
     */
    void      (*policy_end)(void *data, mcp_policy_builder_t *builder,
                  bool complete);
    /* NUL terminated, without file and line. */
    void      (*report)(void *data, mcp_severity_t severity,
                  const mcp_place_t *place, const char *text);
    void       *data;
} mcp_policy_conf_caller_t;

/*
 * Reads a file and what it includes: a fragment with mcp_policy blocks at
 * the top or a whole nginx.conf.  MCP_OK; MCP_ERROR when something was
 * reported as an error here or by the builder; MCP_NOMEM.
 */
mcp_rc_t mcp_policy_conf_read(const mcp_policy_conf_file_t *file,
    const mcp_policy_conf_caller_t *caller, const mcp_allocator_t *allocator);

#pragma GCC visibility pop

#endif /* MCP_POLICY_CONF_H */
