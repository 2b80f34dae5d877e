/*
 * One line of the audit log: a JSON object of bounded length.  The part that
 * tells of a message is written when it is judged, the rest when its request
 * has ended.  Members and their limits: docs/audit.schema.json.
 */

#ifndef MCP_AUDIT_H
#define MCP_AUDIT_H

#include "mcp_message.h"

#pragma GCC visibility push(hidden)


/*
 * Bytes of a string as written, escaped: a longer one is cut and ends with
 * "..." as one character, U+2026.
 */
#define MCP_AUDIT_WORD         32
#define MCP_AUDIT_TEXT         128
#define MCP_AUDIT_NAME         512    /* of a tool, prompt or resource */
#define MCP_AUDIT_KEY          64
#define MCP_AUDIT_KEYS         32     /* names of arguments */
#define MCP_AUDIT_KEYS_LENGTH  1024   /* of all, with quotes and commas */

#define MCP_AUDIT_MESSAGE_MAX  2560
#define MCP_AUDIT_LINE_MAX     4096   /* at once through a pipe, too */


/* A message and its decision; what is empty is left out. */
typedef struct {
    uint32_t           index;
    uint32_t           count;         /* messages in the body; 0: there was
                                         none that could be read */
    mcp_str_t          method;
    mcp_target_kind_t  target_kind;
    mcp_str_t          target;        /* of a task: a hash */
    uint32_t           target_count;
    mcp_str_t          id;            /* unescaped */
    bool               id_string;     /* it was one; else a number */
    mcp_str_t          decision;
    mcp_str_t          rule;
    mcp_str_t          reason;
    const uint8_t     *approval;      /* id of the one that it needs or used,
                                         16 bytes; NULL: none */
    uint32_t           approval_count;    /* used; told if more than one */
    bool               limited;
    int64_t            remaining;     /* millionths */
    uint64_t           reset_s;
    bool               arguments;     /* there are some */
    const mcp_str_t   *keys;
    uint32_t           key_count;
    uint32_t           argument_count;
    const uint64_t    *args_hash;     /* two numbers; NULL: none */
} mcp_audit_message_t;


#define MCP_AUDIT_NO_TIME  UINT64_MAX

typedef struct {
    uint64_t           time_ms;       /* of the decision, Unix time */
    mcp_str_t          request_id;
    mcp_str_t          address;
    mcp_str_t          http_method;
    const uint64_t    *grant;         /* hashes, of two numbers; NULL: none */
    const uint64_t    *session;
    mcp_str_t          policy;
    uint64_t           generation;    /* of a policy file, else 0 */
    const uint8_t     *sha256;        /* 32 bytes, with a generation */
    mcp_str_t          protocol;
    mcp_str_t          client;
    mcp_str_t          traceparent;
    uint32_t           status;        /* HTTP */
    uint32_t           upstream_tries;
    uint32_t           upstream_status;   /* of the last try; 0: none */
    uint64_t           upstream_ms;       /* likewise, or NO_TIME */
    uint64_t           duration_ms;
    uint64_t           bytes_received;
    uint64_t           bytes_sent;
} mcp_audit_request_t;


/* A human's decision on a call that was to be approved. */
typedef struct {
    uint64_t           time_ms;
    mcp_str_t          request_id;    /* of the request that brought it */
    mcp_str_t          address;
    const uint8_t     *approval;      /* 16 bytes */
    uint64_t           grant[2];      /* whose call it is */
    mcp_str_t          policy;
    mcp_str_t          rule;
    mcp_str_t          tool;          /* tool, prompt, URI or method */
    mcp_str_t          decision;      /* "approved" or "denied" */
    mcp_str_t          by;
    mcp_str_t          comment;       /* the human's reason */
} mcp_audit_approval_t;


/*
 * Sets the names of the arguments: the first MCP_AUDIT_KEYS of them, sorted.
 * MCP_OK or MCP_NOMEM.
 */
mcp_rc_t mcp_audit_arguments(mcp_audit_message_t *message,
    const mcp_json_t *json, uint32_t object, mcp_arena_t *arena);

/*
 * Writes members of a line into MCP_AUDIT_MESSAGE_MAX bytes; returns their
 * length.
 */
size_t mcp_audit_message_write(const mcp_audit_message_t *message,
    uint8_t *dst);

/*
 * Writes the line around them, with its line feed, into MCP_AUDIT_LINE_MAX
 * bytes; returns its length.
 */
size_t mcp_audit_line_write(const mcp_audit_request_t *request,
    mcp_str_t message, uint8_t *dst);

/* Likewise, a line of "event":"approval". */
size_t mcp_audit_approval_write(const mcp_audit_approval_t *approval,
    uint8_t *dst);

/* RFC 3339 with milliseconds, 24 bytes; returns their end. */
uint8_t *mcp_audit_time(uint8_t *p, uint64_t ms);

#pragma GCC visibility pop

#endif /* MCP_AUDIT_H */
