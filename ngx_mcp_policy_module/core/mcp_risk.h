/*
 * What a tool may do, told from its definition: words of its name and its
 * description, its arguments, its annotations.  A guess by rules that are
 * easy to foretell; where several classes fit it is the most severe one.
 */

#ifndef MCP_RISK_H
#define MCP_RISK_H

#include "mcp_json.h"

#pragma GCC visibility push(hidden)


/*
 * In the order of severity.  Destructive stands above Financial, as critical
 * as that, because what it is given is stricter: not even shown.
 */
typedef enum {
    MCP_RISK_NONE = 0,         /* of evidence: worth a look, decides nothing */
    MCP_RISK_READ,
    MCP_RISK_WRITE,
    MCP_RISK_EXECUTE,
    MCP_RISK_FINANCIAL,
    MCP_RISK_DESTRUCTIVE
} mcp_risk_class_t;

/* "name contains 'send'"; has words of the server's, not yet escaped. */
typedef struct {
    mcp_risk_class_t  class;
    mcp_str_t         text;
} mcp_risk_evidence_t;

#define MCP_RISK_EVIDENCE_MAX  16

typedef struct {
    mcp_risk_class_t     class;
    mcp_risk_evidence_t  evidence[MCP_RISK_EVIDENCE_MAX];
    uint32_t             count;
} mcp_risk_t;


/*
 * Classifies the definition at token "tool", any JSON value.  What nothing
 * is known of is Execute: what it does depends on arguments that nobody has
 * looked at.  MCP_OK or MCP_NOMEM; texts live in the arena.
 */
mcp_rc_t mcp_risk_classify(const mcp_json_t *json, uint32_t tool,
    mcp_arena_t *arena, mcp_risk_t *risk);

/* The class that a name alone tells. */
mcp_rc_t mcp_risk_classify_name(mcp_str_t name, mcp_arena_t *arena,
    mcp_risk_t *risk);

/* "Read", "Low" */
const char *mcp_risk_class_name(mcp_risk_class_t class);
const char *mcp_risk_severity(mcp_risk_class_t class);

#pragma GCC visibility pop

#endif /* MCP_RISK_H */
