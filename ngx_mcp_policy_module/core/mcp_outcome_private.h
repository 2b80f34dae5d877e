/*
 * Between mcp_outcome.c, which knows what a text means, and
 * mcp_outcome_string.c, which unescapes what counts in it.
 */

#ifndef MCP_OUTCOME_PRIVATE_H
#define MCP_OUTCOME_PRIVATE_H

#include "mcp_outcome.h"

#pragma GCC visibility push(hidden)


/* The string or number that begins is to be kept: up to "room" bytes. */
void mcp_outcome_keep(mcp_outcome_t *outcome, uint8_t *buffer, size_t room);

void mcp_outcome_append(mcp_outcome_t *outcome, const uint8_t *data,
    size_t length);

/* Takes bytes of a string, up to an escape or its end. */
void mcp_outcome_string(mcp_outcome_t *outcome, mcp_str_t *input);

/* One byte, behind a backslash and behind "\u". */
void mcp_outcome_escape(mcp_outcome_t *outcome, uint8_t c);
void mcp_outcome_hex(mcp_outcome_t *outcome, uint8_t c);

/* The string is whole. */
void mcp_outcome_string_end(mcp_outcome_t *outcome);

#pragma GCC visibility pop

#endif /* MCP_OUTCOME_PRIVATE_H */
