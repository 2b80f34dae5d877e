/*
 * Policies in files: PolicyLayer's policy.json and Intercept's YAML, in JSON
 * or YAML, recognised by what they contain.  They become the same compiled
 * policy as an mcp_policy block.
 */

#ifndef MCP_POLICY_FILE_H
#define MCP_POLICY_FILE_H

#include "mcp_policy.h"

#pragma GCC visibility push(hidden)


#define MCP_POLICY_FILE_MAX  (16 * 1024 * 1024)    /* bytes */


/* Reviewed definitions of the tools: what mcp_pin is in a block. */
typedef struct {
    mcp_str_t  file;             /* for messages */
    mcp_str_t  text;             /* its content, needed during the call */
    bool       hide_unpinned;
} mcp_policy_file_pins_t;

/*
 * Reads the policy that "text", the content of "file", defines; "name" is
 * what the operator calls it.  All errors of the file are reported, each with
 * its place: MCP_ERROR when there was one, or MCP_NOMEM.
 *
 * "file" is NUL terminated and outlives the policy; "text" need not.  The
 * allocator must have "free": mcp_policy_destroy returns all memory, so that
 * a file can be read again and again.  Of the front end only "report" is
 * called, during the call: texts in files have no variables.  "pins" may be
 * NULL; the pins of the policy are in the order of their file.
 */
mcp_rc_t mcp_policy_file_read(mcp_str_t name, const char *file,
    mcp_str_t text, const mcp_policy_file_pins_t *pins,
    const mcp_allocator_t *allocator, const mcp_frontend_t *frontend,
    const uint64_t hash_key[2], const mcp_policy_t **policy);

#pragma GCC visibility pop

#endif /* MCP_POLICY_FILE_H */
