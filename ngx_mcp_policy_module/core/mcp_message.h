/*
 * What an HTTP body means to MCP: messages, their kind, id, method and what
 * they are about, by revision; everything that two parsers could read
 * differently is refused.
 */

#ifndef MCP_MESSAGE_H
#define MCP_MESSAGE_H

#include "mcp_json.h"

#pragma GCC visibility push(hidden)


typedef enum {
    MCP_REVISION_NONE = 0,      /* no version header: any legacy revision */
    MCP_2024_11_05,
    MCP_2025_03_26,
    MCP_2025_06_18,
    MCP_2025_11_25,
    MCP_2026_07_28
} mcp_revision_t;

#define MCP_REVISION_BIT(revision)  (1u << (revision))
#define MCP_REVISIONS_LEGACY        (MCP_REVISION_BIT(MCP_2024_11_05)         \
                                     | MCP_REVISION_BIT(MCP_2025_03_26)       \
                                     | MCP_REVISION_BIT(MCP_2025_06_18)       \
                                     | MCP_REVISION_BIT(MCP_2025_11_25))
#define MCP_REVISIONS_ALL           (MCP_REVISIONS_LEGACY                     \
                                     | MCP_REVISION_BIT(MCP_2026_07_28))

/* MCP_REVISION_NONE for a text that is no known revision. */
mcp_revision_t mcp_revision_parse(mcp_str_t text);
mcp_str_t mcp_revision_name(mcp_revision_t revision);


typedef enum {
    MCP_METHOD_OTHER = 0,              /* not in the table */
    MCP_METHOD_INITIALIZE,
    MCP_METHOD_PING,
    MCP_METHOD_DISCOVER,
    MCP_METHOD_TOOLS_LIST,
    MCP_METHOD_TOOLS_CALL,
    MCP_METHOD_PROMPTS_LIST,
    MCP_METHOD_PROMPTS_GET,
    MCP_METHOD_RESOURCES_LIST,
    MCP_METHOD_RESOURCES_TEMPLATES_LIST,
    MCP_METHOD_RESOURCES_READ,
    MCP_METHOD_RESOURCES_SUBSCRIBE,
    MCP_METHOD_RESOURCES_UNSUBSCRIBE,
    MCP_METHOD_SUBSCRIPTIONS_LISTEN,
    MCP_METHOD_COMPLETION_COMPLETE,
    MCP_METHOD_LOGGING_SET_LEVEL,
    MCP_METHOD_TASKS_GET,
    MCP_METHOD_TASKS_RESULT,
    MCP_METHOD_TASKS_CANCEL,
    MCP_METHOD_TASKS_LIST,
    MCP_METHOD_TASKS_UPDATE,
    MCP_METHOD_NOTIFICATION,           /* a notification of the spec */
    MCP_METHOD_COUNT
} mcp_method_t;


/* Empty for a method that is not in the table, and for notifications. */
mcp_str_t mcp_method_name(mcp_method_t method);


typedef enum {
    MCP_MESSAGE_REQUEST = 1,
    MCP_MESSAGE_NOTIFICATION,
    MCP_MESSAGE_RESULT,       /* the client answers a request of the server */
    MCP_MESSAGE_ERROR         /* likewise */
} mcp_message_kind_t;


/* What a message is about; the policy has patterns for each. */
typedef enum {
    MCP_TARGET_NONE = 0,
    MCP_TARGET_TOOL,
    MCP_TARGET_PROMPT,
    MCP_TARGET_RESOURCE,
    MCP_TARGET_TASK,
    MCP_TARGET_COUNT
} mcp_target_kind_t;

typedef struct {
    mcp_target_kind_t  kind;
    mcp_str_t          name;     /* unescaped name, URI or task id */
} mcp_target_t;


/* Strings are views of the body or live in the arena. */
typedef struct {
    mcp_message_kind_t   kind;
    uint32_t             root;          /* token of the message object */
    mcp_str_t            id;            /* bytes as written; empty: none */
    mcp_method_t         method;
    mcp_str_t            method_name;   /* unescaped */
    uint32_t             params;        /* token, or MCP_JSON_NONE */
    uint32_t             meta;          /* token of params._meta */
    uint32_t             arguments;     /* token of params.arguments */
    const mcp_target_t  *targets;       /* several in subscriptions/listen */
    uint32_t             target_count;
    bool                 task;          /* legacy params.task: the answer is
                                           a task, not a tool result */
} mcp_message_t;


/*
 * Why a body was refused before policy: every value has a stable word
 * (mcp_invalid_name), a JSON-RPC code and an HTTP status.
 */
typedef enum {
    MCP_VALID = 0,
    MCP_INVALID_JSON,               /* -32700; see json_code */
    MCP_INVALID_DUPLICATE_KEY,      /* -32600 from here on ... */
    MCP_INVALID_KEY,                /* U+0000 or surrogate in a key */
    MCP_INVALID_CASE_VARIANT,
    MCP_INVALID_MESSAGE,            /* not the shape of any message */
    MCP_INVALID_MEMBER,             /* unknown top-level member */
    MCP_INVALID_VERSION,            /* jsonrpc is not "2.0" */
    MCP_INVALID_ID,
    MCP_INVALID_METHOD,
    MCP_INVALID_PARAMS,             /* shape or protocol string wrong */
    MCP_INVALID_REQUEST_WITHOUT_ID,
    MCP_INVALID_NOTIFICATION_WITH_ID,
    MCP_INVALID_RESPONSE,           /* posted response in 2026-07-28, or of
                                       the wrong shape */
    MCP_INVALID_BATCH,
    MCP_INVALID_BATCH_SIZE,
    MCP_INVALID_META,               /* -32602: _meta keys missing */
    MCP_INVALID_HEADER,             /* -32020 */
    MCP_INVALID_PROTOCOL_VERSION,   /* -32022 */
    MCP_INVALID_INITIALIZE,         /* -32601: initialize in 2026-07-28 */
    MCP_INVALID_SESSION,            /* -32600: session id not visible ASCII */
    MCP_INVALID_BODY,               /* -32600: body with GET ... */
    MCP_INVALID_HTTP_METHOD,        /* -32600, 405 */
    MCP_INVALID_UPGRADE,            /* -32600 */
    MCP_INVALID_HEADER_VALUE,       /* -32600 */
    MCP_INVALID_CONTENT_TYPE,       /* -32600, 415 */
    MCP_INVALID_CONTENT_ENCODING,   /* -32600, 415 */
    MCP_INVALID_ORIGIN,             /* -32600, 403 */
    MCP_INVALID_STREAM,             /* -32600: HTTP+SSE request whose answer
                                       could not reach the client */
    MCP_INVALID_COUNT
} mcp_invalid_t;

const char *mcp_invalid_name(mcp_invalid_t invalid);
int mcp_invalid_code(mcp_invalid_t invalid);
unsigned mcp_invalid_status(mcp_invalid_t invalid);   /* HTTP */

/* A sentence for refusals that say nothing more precise. */
mcp_str_t mcp_invalid_text(mcp_invalid_t invalid);


/* Header values as received; "count" tells repeated lines apart. */
typedef struct {
    mcp_str_t  value;     /* of the first line */
    uint32_t   count;     /* 0: the header is absent */
} mcp_header_t;

typedef struct {
    mcp_header_t  protocol_version;   /* MCP-Protocol-Version */
    mcp_header_t  method;             /* Mcp-Method */
    mcp_header_t  name;               /* Mcp-Name */
    mcp_header_t  session;            /* Mcp-Session-Id */
} mcp_headers_t;


typedef struct {
    mcp_json_t            json;
    mcp_revision_t        revision;   /* of the header, NONE without one */
    bool                  batch;
    const mcp_message_t  *messages;
    uint32_t              count;
    mcp_str_t             client_name;      /* clientInfo, may be empty */
    mcp_str_t             client_version;
    mcp_str_t             initialize_version;
    mcp_str_t             traceparent;      /* of _meta */

    /* when refused */
    mcp_invalid_t         invalid;
    mcp_str_t             invalid_id;       /* raw, empty when not readable */
    mcp_str_t             invalid_text;     /* for the reply and the log: no
                                               bytes of the input in it */
    mcp_str_t             requested;        /* of INVALID_PROTOCOL_VERSION */
    bool                  modern;           /* likewise: the body is one of
                                               2026-07-28 or later */
} mcp_body_t;


/*
 * Reads a whole body.  "revisions" are the accepted ones (bits).  MCP_OK;
 * MCP_ERROR: body->invalid and what follows it are set; MCP_NOMEM.
 * Allocates from the arena only; the text must outlive "body".
 */
mcp_rc_t mcp_body_parse(mcp_body_t *body, mcp_str_t text,
    const mcp_headers_t *headers, uint32_t revisions,
    const mcp_limits_t *limits, mcp_arena_t *arena);

/*
 * The checks that need no body, for GET and DELETE: version and session
 * headers.  MCP_OK or MCP_ERROR with body->invalid set.
 */
mcp_rc_t mcp_headers_check(mcp_body_t *body, const mcp_headers_t *headers,
    uint32_t revisions, mcp_arena_t *arena);

/*
 * Decodes the Base64 sentinel of Mcp-Name and Mcp-Param values; "value" is
 * trimmed already.  MCP_ERROR when the payload is not what the rules allow.
 */
mcp_rc_t mcp_header_decode(mcp_str_t value, mcp_arena_t *arena,
    mcp_str_t *decoded);

/* Content-Type: essence application/json, charset absent or utf-8. */
bool mcp_content_type_valid(mcp_str_t value);

/* Likewise "text/event-stream", of an answer. */
bool mcp_content_type_stream_valid(mcp_str_t value);

/*
 * Housekeeping: methods that every policy allows unless a method block says
 * otherwise (the closed list in the docs).
 */
bool mcp_method_housekeeping(mcp_method_t method);

/* Whether a URI has dot segments, percent-encoded ones included. */
bool mcp_uri_has_dot_segments(mcp_str_t uri);

/* No control characters, no blanks around it: URL parsers drop these. */
bool mcp_uri_is_clean(mcp_str_t uri);

/*
 * Whether a URI is spelled as normalization leaves it: its scheme in lower
 * case, no letter, digit, "-", ".", "_" or "~" percent-encoded; with file,
 * http, https, ws, wss and ftp two slashes and a host as well, as they are
 * known, and with file the one way to write a path: "file:a", "file:///a//b",
 * "file:///a?", "https://A.b:443/" and "http://127.1/" are not.
 */
bool mcp_uri_is_normal(mcp_str_t uri);

#pragma GCC visibility pop

#endif /* MCP_MESSAGE_H */
