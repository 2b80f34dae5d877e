/*
 * SipHash with 128-bit output: hashes that nobody without the key can aim at
 * or invert by trial.
 */

#ifndef MCP_SIPHASH_H
#define MCP_SIPHASH_H

#include "mcp_base.h"

#pragma GCC visibility push(hidden)


/* SipHash-2-4, for keys of counters and of all that is looked up. */
void mcp_siphash(const uint64_t key[2], mcp_str_t input, uint64_t out[2]);

/* SipHash-1-3, half the work: for long texts of which logs tell equal ones. */
void mcp_siphash_text(const uint64_t key[2], mcp_str_t input,
    uint64_t out[2]);

#pragma GCC visibility pop

#endif /* MCP_SIPHASH_H */
