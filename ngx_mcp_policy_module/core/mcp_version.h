/* The version of module and tool, in one place. */

#ifndef MCP_VERSION_H
#define MCP_VERSION_H

#define MCP_POLICY_VERSION  "0.3.0"

#endif /* MCP_VERSION_H */
