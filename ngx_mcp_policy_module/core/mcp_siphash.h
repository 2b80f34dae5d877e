/* SipHash-2-4 with 128-bit output: hashes that nobody without the key can
 * aim at or invert by trial. */

#ifndef MCP_SIPHASH_H
#define MCP_SIPHASH_H

#include "mcp_base.h"

#pragma GCC visibility push(hidden)


void mcp_siphash(const uint64_t key[2], mcp_str_t input, uint64_t out[2]);

#pragma GCC visibility pop

#endif /* MCP_SIPHASH_H */
