/*
 * What an answer says of the calls that it answers: a JSON text, read in
 * pieces as they come and kept nowhere, is told to be an error, a result or
 * the error of a tool, with the id it is for.
 *
 * It is as strict as the tokenizer but for two things: strings are not
 * checked to be UTF-8, and only members that count here may not come twice.
 * Whoever acts on an outcome gives something back, so what is unclear is no
 * outcome.
 */

#ifndef MCP_OUTCOME_H
#define MCP_OUTCOME_H

#include "mcp_base.h"

#pragma GCC visibility push(hidden)


#define MCP_OUTCOME_ID_MAX   256
#define MCP_OUTCOME_KEY_MAX  (sizeof("isError") - 1)
#define MCP_OUTCOME_DEPTH    512

typedef enum {
    MCP_OUTCOME_ID_ABSENT = 0,
    MCP_OUTCOME_ID_NULL,
    MCP_OUTCOME_ID_NUMBER,       /* as written */
    MCP_OUTCOME_ID_STRING,       /* unescaped */
    MCP_OUTCOME_ID_UNKNOWN       /* too long, or nothing that is an id */
} mcp_outcome_id_type_t;

typedef struct {
    mcp_outcome_id_type_t  type;
    mcp_str_t              text;
} mcp_outcome_id_t;


/* The top-level object, or one element of the top-level array. */
typedef struct {
    mcp_outcome_id_t  id;             /* its text lies in the reader */
    bool              method;
    bool              result;
    bool              error;          /* which is an object */
    bool              tool_error;     /* result.isError is true */
    bool              ambiguous;      /* a member of these comes twice, or the
                                         error is no object */
} mcp_outcome_message_t;


typedef enum {
    MCP_OUTCOME_MORE = 0,     /* the input is used up */
    MCP_OUTCOME_MESSAGE,      /* "message" is complete */
    MCP_OUTCOME_END           /* so is the text; only white space may follow */
} mcp_outcome_event_t;

/* Where in the text the next byte belongs. */
typedef enum {
    MCP_OUTCOME_START = 0,
    MCP_OUTCOME_VALUE,
    MCP_OUTCOME_VALUE_OR_END,
    MCP_OUTCOME_KEY,
    MCP_OUTCOME_KEY_OR_END,
    MCP_OUTCOME_COLON,
    MCP_OUTCOME_AFTER,            /* a value: a comma or the container's end */
    MCP_OUTCOME_STRING,
    MCP_OUTCOME_ESCAPE,
    MCP_OUTCOME_HEX,
    MCP_OUTCOME_LITERAL,
    MCP_OUTCOME_MINUS,
    MCP_OUTCOME_ZERO,
    MCP_OUTCOME_INTEGER,
    MCP_OUTCOME_POINT,
    MCP_OUTCOME_FRACTION,
    MCP_OUTCOME_E,
    MCP_OUTCOME_SIGN,
    MCP_OUTCOME_EXPONENT,
    MCP_OUTCOME_CLOSED,           /* the last bracket was read, */
    MCP_OUTCOME_DONE,             /* and MCP_OUTCOME_END returned */
    MCP_OUTCOME_SKIP,             /* nothing that follows matters */
    MCP_OUTCOME_MALFORMED
} mcp_outcome_state_t;

/* Members that count: of a message, and of its result. */
typedef enum {
    MCP_OUTCOME_OTHER = 0,
    MCP_OUTCOME_ID,
    MCP_OUTCOME_METHOD,
    MCP_OUTCOME_RESULT,
    MCP_OUTCOME_ERROR,
    MCP_OUTCOME_IS_ERROR
} mcp_outcome_member_t;

typedef struct {
    mcp_outcome_message_t  message;

    mcp_outcome_state_t    state;
    mcp_outcome_member_t   member;      /* of the message, being read */
    mcp_outcome_member_t   nested;      /* of its result */
    unsigned               seen;        /* bits of those that came */
    bool                   results;     /* isError matters */
    bool                   key;         /* the string is a name */
    bool                   broken;      /* with U+0000 or half of a surrogate
                                           pair */
    uint32_t               depth;       /* of open containers */
    uint32_t               level;       /* the depth inside of a message */
    uint32_t               code;        /* of an escape */
    uint32_t               digits;
    uint32_t               high;        /* a surrogate that waits for its
                                           other half */
    const char            *literal;     /* what is left of it */
    uint8_t               *keep;        /* for a string or number, or NULL */
    size_t                 room;
    size_t                 length;      /* beyond room: cut */
    uint8_t                name[MCP_OUTCOME_KEY_MAX];
    uint8_t                id[MCP_OUTCOME_ID_MAX];
    uint8_t                objects[MCP_OUTCOME_DEPTH / 8];
} mcp_outcome_t;


/*
 * For a new text.  A single message is not read beyond the first sign that it
 * is no error; with "results", that it is no answer.
 */
void mcp_outcome_init(mcp_outcome_t *outcome, bool results);

/* Takes bytes off the front of *input, up to what it returns. */
mcp_outcome_event_t mcp_outcome_next(mcp_outcome_t *outcome,
    mcp_str_t *input);

/*
 * Whether a text that begins like this is no answer, whatever follows: only
 * for what servers write, others take longer to know.
 */
bool mcp_outcome_is_request(mcp_str_t text);

/* Whether all that came is one whole text. */
bool mcp_outcome_complete(const mcp_outcome_t *outcome);

/* Whether nothing that may follow is going to be told. */
bool mcp_outcome_over(const mcp_outcome_t *outcome);

/* Whether a call failed; "results": also by the error of a tool. */
bool mcp_outcome_failed(const mcp_outcome_message_t *message, bool results);

/*
 * The id of a request as it was written, unescaped into "buffer" of
 * MCP_OUTCOME_ID_MAX bytes.
 */
void mcp_outcome_id(mcp_str_t raw, uint8_t *buffer, mcp_outcome_id_t *id);

/* Those that are absent, null or unknown equal none. */
bool mcp_outcome_id_equal(const mcp_outcome_id_t *a,
    const mcp_outcome_id_t *b);

#pragma GCC visibility pop

#endif /* MCP_OUTCOME_H */
