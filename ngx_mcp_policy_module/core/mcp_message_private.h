/*
 * What the files behind mcp_message.h share: mcp_message.c (envelope, batch),
 * mcp_member.c (members of objects), mcp_method.c (methods, params, targets),
 * mcp_header.c (request headers), mcp_protocol.c (revisions, codes, media
 * type), mcp_uri.c (URIs).
 */

#ifndef MCP_MESSAGE_PRIVATE_H
#define MCP_MESSAGE_PRIVATE_H

#include "mcp_message.h"

#pragma GCC visibility push(hidden)


/* One call of mcp_body_parse. */
typedef struct {
    mcp_body_t           *body;
    const mcp_headers_t  *headers;
    uint32_t              revisions;
    const mcp_limits_t   *limits;
    mcp_arena_t          *arena;
} mcp_parse_t;


/* Members of params that the protocol gives a meaning. */
typedef enum {
    MCP_PARAM_NAME = 0,
    MCP_PARAM_URI,
    MCP_PARAM_TASK_ID,
    MCP_PARAM_ARGUMENTS,
    MCP_PARAM_META,
    MCP_PARAM_TASK,
    MCP_PARAM_REF,
    MCP_PARAM_NOTIFICATIONS,
    MCP_PARAM_PROTOCOL_VERSION,
    MCP_PARAM_CLIENT_INFO,
    MCP_PARAM_CAPABILITIES,      /* from here on: known, not looked at */
    MCP_PARAM_CURSOR,
    MCP_PARAM_ARGUMENT,
    MCP_PARAM_CONTEXT,
    MCP_PARAM_INPUT_RESPONSES,
    MCP_PARAM_REQUEST_STATE,
    MCP_PARAM_LEVEL,
    MCP_PARAM_REQUEST_ID,
    MCP_PARAM_REASON,
    MCP_PARAM_PROGRESS_TOKEN,
    MCP_PARAM_PROGRESS,
    MCP_PARAM_TOTAL,
    MCP_PARAM_MESSAGE,
    MCP_PARAM_STATUS,
    MCP_PARAM_STATUS_MESSAGE,
    MCP_PARAM_TTL,
    MCP_PARAM_POLL_INTERVAL,
    MCP_PARAM_CREATED_AT,
    MCP_PARAM_LAST_UPDATED_AT,
    MCP_PARAM_COUNT
} mcp_param_t;

/* Members of params._meta likewise. */
typedef enum {
    MCP_META_PROTOCOL_VERSION = 0,
    MCP_META_CLIENT_CAPABILITIES,
    MCP_META_CLIENT_INFO,
    MCP_META_TRACEPARENT,
    MCP_META_TRACESTATE,         /* from here on: known, not looked at */
    MCP_META_BAGGAGE,
    MCP_META_PROGRESS_TOKEN,
    MCP_META_LOG_LEVEL,
    MCP_META_SERVER_INFO,
    MCP_META_SUBSCRIPTION_ID,
    MCP_META_RELATED_TASK,
    MCP_META_IMMEDIATE_RESPONSE,
    MCP_META_COUNT
} mcp_meta_t;

/* Tokens of the values; MCP_JSON_NONE for what is not there. */
typedef struct {
    uint32_t  member[MCP_PARAM_COUNT];
    uint32_t  meta[MCP_META_COUNT];
} mcp_params_t;


/* How Mcp-Name is compared with the target in 2026-07-28. */
typedef enum {
    MCP_NAME_IGNORED = 0,
    MCP_NAME_OPTIONAL,
    MCP_NAME_REQUIRED
} mcp_name_rule_t;


/* Empty strings everywhere, none of them NULL. */
void mcp_body_init(mcp_body_t *body);

/* Records the refusal; always MCP_ERROR.  "text" is constant. */
mcp_rc_t mcp_parse_refuse(mcp_parse_t *parse, mcp_invalid_t invalid,
    const char *text);

/* mcp_member.c */

/*
 * Looks up the members of an object whose names are in the table; values has
 * one entry for each.  A key that another parser could take for one of them
 * (see mcp_key_fold) is refused.  *unknown, unless NULL, is set when some key
 * is not in the table.
 */
mcp_rc_t mcp_members_read(mcp_parse_t *parse, uint32_t object,
    const mcp_str_t *names, uint32_t count, uint32_t *values, bool *unknown);

/* The string at a token; empty when there is none or it is no string. */
mcp_rc_t mcp_string_read(mcp_parse_t *parse, uint32_t token,
    mcp_str_t *value);

/* Longer than any name of the protocol; longer keys resemble none. */
#define MCP_KEY_MAX  64

/*
 * Simple case folding as far as it reaches ASCII: A-Z, U+017F (s) and U+212A
 * (k).  Returns the length, 0 for a key that is too long to resemble any.
 */
size_t mcp_key_fold(mcp_str_t key, uint8_t *dst, size_t size);
bool mcp_key_resembles(const uint8_t *folded, size_t length, mcp_str_t name);


/* mcp_method.c */

mcp_method_t mcp_method_parse(mcp_str_t name);
mcp_name_rule_t mcp_method_name_rule(mcp_method_t method);
mcp_rc_t mcp_params_read(mcp_parse_t *parse, mcp_message_t *message,
    mcp_params_t *params);
mcp_rc_t mcp_params_targets(mcp_parse_t *parse, mcp_message_t *message,
    const mcp_params_t *params);


/* mcp_header.c */

mcp_rc_t mcp_headers_read(mcp_parse_t *parse);

/* Header and _meta must agree about the revision of the message. */
mcp_rc_t mcp_revision_check(mcp_parse_t *parse, const mcp_message_t *message,
    const mcp_params_t *params);

/* Mcp-Method and Mcp-Name must say what the body says (2026-07-28). */
mcp_rc_t mcp_headers_match(mcp_parse_t *parse, const mcp_message_t *message);

#pragma GCC visibility pop

#endif /* MCP_MESSAGE_PRIVATE_H */
