/*
 * The answer to a refused body: HTTP status and JSON, by kind of message,
 * revision and form; mcp-protocol rules in one place.
 */

#ifndef MCP_REPLY_H
#define MCP_REPLY_H

#include "mcp_evaluate.h"

#pragma GCC visibility push(hidden)


#define MCP_CODE_DENIED    (-31001)
#define MCP_CODE_LIMIT     (-31002)
#define MCP_CODE_BATCH     (-31003)
#define MCP_CODE_APPROVAL  (-31004)

/* Where an answer may go. */
typedef enum {
    MCP_TRANSPORT_HTTP = 0,
    MCP_TRANSPORT_SSE          /* HTTP+SSE: the body is for the stream */
} mcp_transport_t;

typedef struct {
    mcp_denial_t  denial;          /* of the location; never DEFAULT */
    bool          list_unfiltered; /* lists show unlisted tools all the same:
                                      a call of one gets a plain denial */
    uint32_t      revisions;       /* for data.supported */
} mcp_reply_options_t;

typedef struct {
    unsigned   status;
    mcp_str_t  body;               /* in the arena; empty: none */
    uint64_t   retry_after_s;      /* for a Retry-After header, or 0 */
} mcp_reply_t;


/* For a body that mcp_body_parse or the HTTP checks refused. */
mcp_rc_t mcp_reply_invalid(const mcp_body_t *body,
    const mcp_reply_options_t *options, mcp_arena_t *arena,
    mcp_reply_t *reply);

/* For a verdict with a refusal.  A refused notification: 202, no body. */
mcp_rc_t mcp_reply_denied(const mcp_body_t *body,
    const mcp_verdict_t *verdict, const mcp_reply_options_t *options,
    mcp_arena_t *arena, mcp_reply_t *reply);

/*
 * A bare JSON-RPC error, for nginx's own failures: "id" are raw bytes, empty
 * to leave it out.
 */
mcp_rc_t mcp_reply_error(unsigned status, int code, mcp_str_t id,
    mcp_str_t message, mcp_arena_t *arena, mcp_reply_t *reply);

/* The same for every request of "body": one object, or an array of them. */
mcp_rc_t mcp_reply_error_all(const mcp_body_t *body, unsigned status,
    int code, mcp_str_t message, mcp_arena_t *arena, mcp_reply_t *reply);

#pragma GCC visibility pop

#endif /* MCP_REPLY_H */
