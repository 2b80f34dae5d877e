/*
 * From a body to messages: envelope, ids, batches.  JSON comes first, so that
 * the id of whatever else is refused can be told; then the headers, then the
 * shape.
 */

#include <stdio.h>

#include "mcp_message_private.h"


#define MCP_ID_MAX       256
#define MCP_ID_INTEGER   UINT64_C(9007199254740991)    /* 2^53 - 1 */


typedef enum {
    MCP_TOP_JSONRPC = 0,
    MCP_TOP_ID,
    MCP_TOP_METHOD,
    MCP_TOP_PARAMS,
    MCP_TOP_RESULT,
    MCP_TOP_ERROR,
    MCP_TOP_COUNT
} mcp_top_t;


static mcp_rc_t mcp_body_read(mcp_parse_t *parse);
static mcp_rc_t mcp_body_refuse_json(mcp_parse_t *parse,
    const mcp_error_t *error);
static mcp_rc_t mcp_body_refuse_defect(mcp_parse_t *parse);
static mcp_rc_t mcp_body_id(mcp_parse_t *parse);
static mcp_rc_t mcp_body_single(mcp_parse_t *parse);
static mcp_rc_t mcp_body_batch(mcp_parse_t *parse);
static mcp_rc_t mcp_batch_check(mcp_parse_t *parse,
    const mcp_message_t *messages, const uint32_t *ids, uint32_t count);
static mcp_rc_t mcp_batch_ids(mcp_parse_t *parse, const uint32_t *ids,
    uint32_t count);
static mcp_rc_t mcp_message_read(mcp_parse_t *parse, uint32_t root,
    mcp_message_t *message, uint32_t *id);
static mcp_rc_t mcp_message_call(mcp_parse_t *parse, mcp_message_t *message,
    const uint32_t *top);
static mcp_rc_t mcp_message_response(mcp_parse_t *parse,
    mcp_message_t *message, const uint32_t *top);
static bool mcp_id_valid(const mcp_json_t *json, uint32_t id);


static const mcp_str_t  mcp_top_names[MCP_TOP_COUNT] = {
    [MCP_TOP_JSONRPC] = mcp_str_init("jsonrpc"),
    [MCP_TOP_ID] = mcp_str_init("id"),
    [MCP_TOP_METHOD] = mcp_str_init("method"),
    [MCP_TOP_PARAMS] = mcp_str_init("params"),
    [MCP_TOP_RESULT] = mcp_str_init("result"),
    [MCP_TOP_ERROR] = mcp_str_init("error")
};


mcp_rc_t
mcp_body_parse(mcp_body_t *body, mcp_str_t text, const mcp_headers_t *headers,
    uint32_t revisions, const mcp_limits_t *limits, mcp_arena_t *arena)
{
    mcp_rc_t     rc;
    mcp_error_t  error;
    mcp_parse_t  parse;

    mcp_body_init(body);
    error.code = MCP_JSON_VALID;
    error.offset = 0;
    error.text[0] = '\0';

    parse.body = body;
    parse.headers = headers;
    parse.revisions = revisions;
    parse.limits = limits;
    parse.arena = arena;

    rc = mcp_json_parse(&body->json, text, limits, arena, &error);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK) {
        return mcp_body_refuse_json(&parse, &error);
    }

    rc = mcp_body_read(&parse);

    if (rc == MCP_ERROR) {
        /* Nobody may act on the messages of a refused body. */
        body->messages = NULL;
        body->count = 0;

        if (mcp_body_id(&parse) != MCP_OK) {
            return MCP_NOMEM;
        }
    }

    return rc;
}


void
mcp_body_init(mcp_body_t *body)
{
    memset(body, 0, sizeof(mcp_body_t));

    body->client_name = mcp_str("");
    body->client_version = mcp_str("");
    body->initialize_version = mcp_str("");
    body->traceparent = mcp_str("");
    body->invalid_id = mcp_str("");
    body->invalid_text = mcp_str("");
    body->requested = mcp_str("");
}


static mcp_rc_t
mcp_body_read(mcp_parse_t *parse)
{
    mcp_rc_t           rc;
    const mcp_json_t  *json;

    json = &parse->body->json;

    rc = mcp_headers_read(parse);
    if (rc != MCP_OK) {
        return rc;
    }

    if (json->defect != MCP_JSON_VALID) {
        return mcp_body_refuse_defect(parse);
    }

    switch (json->tokens[0].type) {

    case MCP_JSON_OBJECT:
        return mcp_body_single(parse);

    case MCP_JSON_ARRAY:
        return mcp_body_batch(parse);

    default:
        return mcp_parse_refuse(parse, MCP_INVALID_MESSAGE,
                                "The body must be a JSON-RPC object");
    }
}


mcp_rc_t
mcp_parse_refuse(mcp_parse_t *parse, mcp_invalid_t invalid, const char *text)
{
    parse->body->invalid = invalid;
    parse->body->invalid_text.data = (const uint8_t *) text;
    parse->body->invalid_text.len = strlen(text);

    return MCP_ERROR;
}


static mcp_rc_t
mcp_body_refuse_json(mcp_parse_t *parse, const mcp_error_t *error)
{
    int          length;
    char         buf[128];
    mcp_body_t  *body;

    body = parse->body;

    memset(&body->json, 0, sizeof(mcp_json_t));
    body->json.defect = (mcp_json_code_t) error->code;
    body->json.defect_offset = error->offset;

    length = snprintf(buf, sizeof(buf),
                      "The body is not valid JSON: %s at byte %zu",
                      mcp_json_code_name((mcp_json_code_t) error->code),
                      error->offset);

    if (length < 0 || (size_t) length >= sizeof(buf)) {
        return mcp_parse_refuse(parse, MCP_INVALID_JSON,
                                "The body is not valid JSON");
    }

    body->invalid = MCP_INVALID_JSON;
    body->invalid_text = mcp_arena_copy(parse->arena,
                                        (mcp_str_t) { (const uint8_t *) buf,
                                                      (size_t) length });

    return body->invalid_text.data == NULL ? MCP_NOMEM : MCP_ERROR;
}


static mcp_rc_t
mcp_body_refuse_defect(mcp_parse_t *parse)
{
    switch (parse->body->json.defect) {

    case MCP_JSON_DUPLICATE_KEY:
        return mcp_parse_refuse(parse, MCP_INVALID_DUPLICATE_KEY,
                                "An object has two members of the same "
                                "name; each name may be used once");

    case MCP_JSON_KEY_NUL:
        return mcp_parse_refuse(parse, MCP_INVALID_KEY,
                                "A member name contains U+0000");

    default:
        return mcp_parse_refuse(parse, MCP_INVALID_KEY,
                                "A member name contains an unpaired "
                                "surrogate");
    }
}


/*
 * The id for the answer to a refused message: only when there is exactly one
 * key that anybody could read as "id".  A posted response is answered without
 * one, since its id was chosen by the server and could equal that of another
 * request of the client.
 */

static mcp_rc_t
mcp_body_id(mcp_parse_t *parse)
{
    bool                     call, response;
    size_t                   length;
    uint32_t                 key, value, id, ids;
    uint8_t                  folded[MCP_KEY_MAX];
    mcp_rc_t                 rc;
    mcp_str_t                name;
    const mcp_json_t        *json;
    const mcp_json_token_t  *tokens;

    json = &parse->body->json;
    tokens = json->tokens;

    if (tokens[0].type != MCP_JSON_OBJECT) {
        return MCP_OK;
    }

    call = false;
    response = false;
    id = MCP_JSON_NONE;
    ids = 0;

    for (key = 1; key < tokens[0].next; key = tokens[value].next) {
        value = tokens[key].next;

        rc = mcp_json_string(json, key, parse->arena, &name);

        if (rc == MCP_NOMEM) {
            return rc;
        }

        if (rc != MCP_OK) {
            /* to some readers it ends at U+0000: it may be "id" as well */
            return MCP_OK;
        }

        if (mcp_str_equal(name, mcp_top_names[MCP_TOP_METHOD])) {
            call = true;

        } else if (mcp_str_equal(name, mcp_top_names[MCP_TOP_RESULT])
                   || mcp_str_equal(name, mcp_top_names[MCP_TOP_ERROR]))
        {
            response = true;
        }

        length = mcp_key_fold(name, folded, sizeof(folded));

        if (mcp_key_resembles(folded, length, mcp_top_names[MCP_TOP_ID])) {
            ids++;

            if (mcp_str_equal(name, mcp_top_names[MCP_TOP_ID])) {
                id = value;
            }
        }
    }

    if (ids == 1 && id != MCP_JSON_NONE && (call || !response)
        && mcp_id_valid(json, id))
    {
        parse->body->invalid_id = mcp_json_raw(json, id);
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_body_single(mcp_parse_t *parse)
{
    uint32_t        id;
    mcp_rc_t        rc;
    mcp_message_t  *message;

    message = mcp_arena_calloc(parse->arena, sizeof(mcp_message_t));
    if (message == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_message_read(parse, 0, message, &id);
    if (rc != MCP_OK) {
        return rc;
    }

    if (message->kind == MCP_MESSAGE_REQUEST
        || message->kind == MCP_MESSAGE_NOTIFICATION)
    {
        rc = mcp_headers_match(parse, message);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    parse->body->messages = message;
    parse->body->count = 1;

    return MCP_OK;
}


/*
 * Batches belong to 2025-03-26, and to requests without a version header,
 * which servers read as that revision.
 */

static mcp_rc_t
mcp_body_batch(mcp_parse_t *parse)
{
    uint32_t                 i, root, count, *ids;
    mcp_rc_t                 rc;
    mcp_body_t              *body;
    mcp_message_t           *messages;
    const mcp_json_token_t  *tokens;

    body = parse->body;
    tokens = body->json.tokens;
    body->batch = true;

    if (body->revision != MCP_REVISION_NONE
        && body->revision != MCP_2025_03_26)
    {
        return mcp_parse_refuse(parse, MCP_INVALID_BATCH,
                                "This protocol version has no batches; send "
                                "one message");
    }

    count = mcp_json_size(&body->json, 0);

    if (count == 0) {
        return mcp_parse_refuse(parse, MCP_INVALID_BATCH,
                                "A batch must contain a message");
    }

    if (count > parse->limits->batch) {
        return mcp_parse_refuse(parse, MCP_INVALID_BATCH_SIZE,
                                "The batch has too many messages; send "
                                "fewer");
    }

    messages = mcp_arena_calloc(parse->arena, count * sizeof(mcp_message_t));
    ids = mcp_arena_alloc(parse->arena, count * sizeof(uint32_t));

    if (messages == NULL || ids == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0, root = 1; i < count; i++, root = tokens[root].next) {
        if (tokens[root].type != MCP_JSON_OBJECT) {
            return mcp_parse_refuse(parse, MCP_INVALID_BATCH,
                                    "A batch must contain objects only");
        }

        rc = mcp_message_read(parse, root, &messages[i], &ids[i]);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    rc = mcp_batch_check(parse, messages, ids, count);
    if (rc != MCP_OK) {
        return rc;
    }

    body->messages = messages;
    body->count = count;

    return MCP_OK;
}


static mcp_rc_t
mcp_batch_check(mcp_parse_t *parse, const mcp_message_t *messages,
    const uint32_t *ids, uint32_t count)
{
    bool      calls, responses;
    uint32_t  i;

    calls = false;
    responses = false;

    for (i = 0; i < count; i++) {
        if (messages[i].method == MCP_METHOD_INITIALIZE) {
            return mcp_parse_refuse(parse, MCP_INVALID_BATCH,
                                    "initialize must not be in a batch");
        }

        if (messages[i].kind == MCP_MESSAGE_RESULT
            || messages[i].kind == MCP_MESSAGE_ERROR)
        {
            responses = true;

        } else {
            calls = true;
        }
    }

    if (calls && responses) {
        return mcp_parse_refuse(parse, MCP_INVALID_BATCH,
                                "A batch must not mix requests and "
                                "responses");
    }

    return mcp_batch_ids(parse, ids, count);
}


/*
 * 1 and "1" differ, "a" and "\u0061" do not.  Quadratic in the number of
 * messages, which limits->batch bounds.
 */

static mcp_rc_t
mcp_batch_ids(mcp_parse_t *parse, const uint32_t *ids, uint32_t count)
{
    uint32_t           i, k;
    mcp_rc_t           rc;
    mcp_str_t         *values;
    const mcp_json_t  *json;

    json = &parse->body->json;

    values = mcp_arena_calloc(parse->arena, count * sizeof(mcp_str_t));
    if (values == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < count; i++) {
        if (ids[i] == MCP_JSON_NONE) {
            continue;
        }

        if (json->tokens[ids[i]].type == MCP_JSON_STRING) {
            rc = mcp_string_read(parse, ids[i], &values[i]);
            if (rc != MCP_OK) {
                return rc;
            }

        } else {
            values[i] = mcp_json_raw(json, ids[i]);
        }

        for (k = 0; k < i; k++) {
            if (ids[k] != MCP_JSON_NONE
                && json->tokens[ids[k]].type == json->tokens[ids[i]].type
                && mcp_str_equal(values[k], values[i]))
            {
                return mcp_parse_refuse(parse, MCP_INVALID_BATCH,
                                        "Two messages of the batch have the "
                                        "same id");
            }
        }
    }

    return MCP_OK;
}


/* One message; *id is the token of its id. */

static mcp_rc_t
mcp_message_read(mcp_parse_t *parse, uint32_t root, mcp_message_t *message,
    uint32_t *id)
{
    bool               unknown;
    uint32_t           top[MCP_TOP_COUNT];
    mcp_rc_t           rc;
    const mcp_json_t  *json;

    json = &parse->body->json;
    message->root = root;
    message->id = mcp_str("");
    message->method_name = mcp_str("");
    unknown = false;

    rc = mcp_members_read(parse, root, mcp_top_names, MCP_TOP_COUNT, top,
                          &unknown);
    if (rc != MCP_OK) {
        return rc;
    }

    *id = top[MCP_TOP_ID];

    if (unknown) {
        return mcp_parse_refuse(parse, MCP_INVALID_MEMBER,
                                "A message has no members but jsonrpc, id, "
                                "method and params");
    }

    if (top[MCP_TOP_JSONRPC] == MCP_JSON_NONE
        || json->tokens[top[MCP_TOP_JSONRPC]].type != MCP_JSON_STRING
        || !mcp_json_string_equal(json, top[MCP_TOP_JSONRPC],
                                  mcp_str("2.0")))
    {
        return mcp_parse_refuse(parse, MCP_INVALID_VERSION,
                                "jsonrpc must be the string \"2.0\"");
    }

    if ((top[MCP_TOP_METHOD] != MCP_JSON_NONE)
        + (top[MCP_TOP_RESULT] != MCP_JSON_NONE)
        + (top[MCP_TOP_ERROR] != MCP_JSON_NONE)
        != 1)
    {
        return mcp_parse_refuse(parse, MCP_INVALID_MESSAGE,
                                "A message must have exactly one of method, "
                                "result and error");
    }

    if (*id != MCP_JSON_NONE) {
        if (!mcp_id_valid(json, *id)) {
            return mcp_parse_refuse(parse, MCP_INVALID_ID,
                                    "id must be a string of up to 256 bytes "
                                    "or an integer within 2^53-1");
        }

        message->id = mcp_json_raw(json, *id);
    }

    if (top[MCP_TOP_METHOD] == MCP_JSON_NONE) {
        return mcp_message_response(parse, message, top);
    }

    return mcp_message_call(parse, message, top);
}


/* A request or a notification. */

static mcp_rc_t
mcp_message_call(mcp_parse_t *parse, mcp_message_t *message,
    const uint32_t *top)
{
    bool          notification;
    mcp_rc_t      rc;
    mcp_str_t     prefix;
    mcp_params_t  params;

    rc = mcp_string_read(parse, top[MCP_TOP_METHOD], &message->method_name);
    if (rc != MCP_OK) {
        return rc;
    }

    if (message->method_name.len == 0) {
        return mcp_parse_refuse(parse, MCP_INVALID_METHOD,
                                "method must be a non-empty string of valid "
                                "Unicode without U+0000");
    }

    message->method = mcp_method_parse(message->method_name);
    message->kind = top[MCP_TOP_ID] == MCP_JSON_NONE
                    ? MCP_MESSAGE_NOTIFICATION : MCP_MESSAGE_REQUEST;

    prefix = mcp_str("notifications/");
    notification = message->method_name.len >= prefix.len
                   && memcmp(message->method_name.data, prefix.data,
                             prefix.len)
                      == 0;

    if (notification && message->kind == MCP_MESSAGE_REQUEST) {
        return mcp_parse_refuse(parse, MCP_INVALID_NOTIFICATION_WITH_ID,
                                "A notification must not have an id");
    }

    if (!notification && message->method != MCP_METHOD_OTHER
        && message->kind == MCP_MESSAGE_NOTIFICATION)
    {
        return mcp_parse_refuse(parse, MCP_INVALID_REQUEST_WITHOUT_ID,
                                "This method is a request and needs an id");
    }

    message->params = top[MCP_TOP_PARAMS];

    rc = mcp_params_read(parse, message, &params);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_revision_check(parse, message, &params);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_params_targets(parse, message, &params);
}


/* The client's answer to a request of the server. */

static mcp_rc_t
mcp_message_response(mcp_parse_t *parse, mcp_message_t *message,
    const uint32_t *top)
{
    uint32_t                 code, text;
    const mcp_json_t        *json;
    const mcp_json_token_t  *tokens;

    json = &parse->body->json;
    tokens = json->tokens;

    if (parse->body->revision == MCP_2026_07_28) {
        return mcp_parse_refuse(parse, MCP_INVALID_RESPONSE,
                                "Revision 2026-07-28 has no responses from "
                                "clients; send a request or a notification");
    }

    if (top[MCP_TOP_PARAMS] != MCP_JSON_NONE) {
        return mcp_parse_refuse(parse, MCP_INVALID_RESPONSE,
                                "A response must not have params");
    }

    if (top[MCP_TOP_RESULT] != MCP_JSON_NONE) {
        message->kind = MCP_MESSAGE_RESULT;

        if (tokens[top[MCP_TOP_RESULT]].type != MCP_JSON_OBJECT
            || top[MCP_TOP_ID] == MCP_JSON_NONE)
        {
            return mcp_parse_refuse(parse, MCP_INVALID_RESPONSE,
                                    "A result must be an object and come "
                                    "with an id");
        }

        return MCP_OK;
    }

    message->kind = MCP_MESSAGE_ERROR;

    if (tokens[top[MCP_TOP_ERROR]].type == MCP_JSON_OBJECT) {
        code = mcp_json_member(json, top[MCP_TOP_ERROR], mcp_str("code"));
        text = mcp_json_member(json, top[MCP_TOP_ERROR], mcp_str("message"));

        if (code != MCP_JSON_NONE && tokens[code].type == MCP_JSON_NUMBER
            && (tokens[code].flags & MCP_JSON_INTEGER)
            && text != MCP_JSON_NONE && tokens[text].type == MCP_JSON_STRING)
        {
            return MCP_OK;
        }
    }

    return mcp_parse_refuse(parse, MCP_INVALID_RESPONSE,
                            "An error must be an object with an integer code "
                            "and a message");
}


/*
 * What every known peer reads alike: no null, fraction, exponent or "-0", no
 * integer that a double cannot hold.
 */

static bool
mcp_id_valid(const mcp_json_t *json, uint32_t id)
{
    size_t                   i;
    uint64_t                 number;
    mcp_str_t                raw;
    const mcp_json_token_t  *token;

    token = &json->tokens[id];

    if (token->type == MCP_JSON_STRING) {
        return token->end - token->start <= MCP_ID_MAX
               && !(token->flags & (MCP_JSON_NUL | MCP_JSON_SURROGATE));
    }

    if (token->type != MCP_JSON_NUMBER || !(token->flags & MCP_JSON_INTEGER))
    {
        return false;
    }

    raw = mcp_json_raw(json, id);
    i = raw.data[0] == '-';

    /* 16 digits fit, and JSON has no leading zeros. */

    if (raw.len - i > 16 || (i == 1 && raw.data[1] == '0')) {
        return false;
    }

    number = 0;

    for ( /* void */ ; i < raw.len; i++) {
        number = number * 10 + (uint64_t) (raw.data[i] - '0');
    }

    return number <= MCP_ID_INTEGER;
}
