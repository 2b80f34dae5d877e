/*
 * What a policy file is: its syntax, its dialect, and the members at its top.
 */

#include "mcp_policy_file.h"


mcp_rc_t
mcp_policy_file_read(mcp_str_t name, const char *file, mcp_str_t text,
    const mcp_allocator_t *allocator, const mcp_frontend_t *frontend,
    const uint64_t hash_key[2], const mcp_policy_t **policy)
{
    mcp_place_t  place;

    (void) name;
    (void) text;
    (void) allocator;
    (void) hash_key;

    *policy = NULL;

    place.file = file;
    place.line = 1;
    place.column = 1;

    frontend->report(frontend->data, MCP_REPORT_ERROR, &place,
                     "policy files are not supported yet");

    return MCP_ERROR;
}
