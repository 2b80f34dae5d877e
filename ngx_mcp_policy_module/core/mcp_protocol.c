/*
 * The protocol's words: revisions, refusal codes, media type.
 */

#include "mcp_message_private.h"


typedef struct {
    const char  *name;
    int          code;
    unsigned     status;
    mcp_str_t    text;     /* where the refusal says nothing more precise */
} mcp_invalid_entry_t;


static bool mcp_content_type_is(mcp_str_t value, const char *wanted_type,
    const char *wanted_subtype);
static bool mcp_content_type_parameter(const uint8_t **pos,
    const uint8_t *end, mcp_str_t *name, mcp_str_t *value);
static bool mcp_charset_named(mcp_str_t name);
static mcp_str_t mcp_token(const uint8_t **pos, const uint8_t *end);
static void mcp_skip_blanks(const uint8_t **pos, const uint8_t *end);
static bool mcp_equal_caseless(mcp_str_t s, const char *lower);


#define MCP_REVISION_LENGTH  (sizeof("2026-07-28") - 1)

static const mcp_str_t  mcp_revision_names[] = {
    [MCP_REVISION_NONE] = mcp_str_init(""),
    [MCP_2024_11_05] = mcp_str_init("2024-11-05"),
    [MCP_2025_03_26] = mcp_str_init("2025-03-26"),
    [MCP_2025_06_18] = mcp_str_init("2025-06-18"),
    [MCP_2025_11_25] = mcp_str_init("2025-11-25"),
    [MCP_2026_07_28] = mcp_str_init("2026-07-28")
};


static const mcp_invalid_entry_t  mcp_invalids[MCP_INVALID_COUNT] = {
    [MCP_VALID] = { "", 0, 200, mcp_str_init("") },
    [MCP_INVALID_JSON] = { "bad_json", -32700, 400,
        mcp_str_init("The body is not valid JSON") },
    [MCP_INVALID_DUPLICATE_KEY] = { "duplicate_key", -32600, 400,
        mcp_str_init("An object has two members of the same name; "
                     "each name may be used once") },
    [MCP_INVALID_KEY] = { "bad_key", -32600, 400,
        mcp_str_init("A member name contains U+0000 or an unpaired "
                     "surrogate") },
    [MCP_INVALID_CASE_VARIANT] = { "case_variant", -32600, 400,
        mcp_str_init("A member name differs from the protocol's only in "
                     "case; write it exactly as the protocol does") },
    [MCP_INVALID_MESSAGE] = { "bad_message", -32600, 400,
        mcp_str_init("The body is not a JSON-RPC message") },
    [MCP_INVALID_MEMBER] = { "unknown_member", -32600, 400,
        mcp_str_init("The message has a member other than jsonrpc, id, "
                     "method and params") },
    [MCP_INVALID_VERSION] = { "bad_jsonrpc", -32600, 400,
        mcp_str_init("jsonrpc must be the string \"2.0\"") },
    [MCP_INVALID_ID] = { "bad_id", -32600, 400,
        mcp_str_init("id must be a string of up to 256 bytes or an integer "
                     "within 2^53-1") },
    [MCP_INVALID_METHOD] = { "bad_method", -32600, 400,
        mcp_str_init("method must be a non-empty string") },
    [MCP_INVALID_PARAMS] = { "bad_params", -32600, 400,
        mcp_str_init("params do not have the shape that the method asks "
                     "for") },
    [MCP_INVALID_REQUEST_WITHOUT_ID] = { "request_without_id", -32600, 400,
        mcp_str_init("This method is a request and needs an id") },
    [MCP_INVALID_NOTIFICATION_WITH_ID] = { "notification_with_id", -32600,
        400, mcp_str_init("A notification must not have an id") },
    [MCP_INVALID_RESPONSE] = { "bad_response", -32600, 400,
        mcp_str_init("The posted response is not one that this revision "
                     "allows") },
    [MCP_INVALID_BATCH] = { "bad_batch", -32600, 400,
        mcp_str_init("The batch is not one that this revision allows") },
    [MCP_INVALID_BATCH_SIZE] = { "batch_size", -32600, 400,
        mcp_str_init("The batch has too many messages; send fewer") },
    [MCP_INVALID_META] = { "bad_meta", -32602, 400,
        mcp_str_init("params._meta must have the protocol version and the "
                     "client's capabilities") },
    [MCP_INVALID_HEADER] = { "header_mismatch", -32020, 400,
        mcp_str_init("Header mismatch: headers and body disagree") },
    [MCP_INVALID_PROTOCOL_VERSION] = { "protocol_version", -32022, 400,
        mcp_str_init("Unsupported protocol version") },
    [MCP_INVALID_INITIALIZE] = { "initialize", -32601, 404,
        mcp_str_init("Method not found: revision 2026-07-28 has no "
                     "initialize") },
    [MCP_INVALID_SESSION] = { "bad_session", -32600, 400,
        mcp_str_init("Mcp-Session-Id must be sent once and consist of "
                     "visible ASCII characters") },
    [MCP_INVALID_BODY] = { "unexpected_body", -32600, 400,
        mcp_str_init("A body is allowed with POST only") },
    [MCP_INVALID_HTTP_METHOD] = { "http_method", -32600, 405,
        mcp_str_init("The HTTP method must be POST, GET, HEAD, DELETE or "
                     "OPTIONS") },
    [MCP_INVALID_UPGRADE] = { "upgrade", -32600, 400,
        mcp_str_init("Upgrade is not allowed here") },
    [MCP_INVALID_HEADER_VALUE] = { "bad_header", -32600, 400,
        mcp_str_init("A header begins or ends with a tab or another control "
                     "character, or Authorization has more than one blank "
                     "behind its scheme") },
    [MCP_INVALID_CONTENT_TYPE] = { "content_type", -32600, 415,
        mcp_str_init("Content-Type must be application/json in UTF-8, sent "
                     "once") },
    [MCP_INVALID_CONTENT_ENCODING] = { "content_encoding", -32600, 415,
        mcp_str_init("Content-Encoding is not allowed; send the body as it "
                     "is") },
    [MCP_INVALID_ORIGIN] = { "origin", -32600, 403,
        mcp_str_init("Origin not allowed") },
    [MCP_INVALID_STREAM] = { "no_stream", -32600, 400,
        mcp_str_init("The answer could not reach the client: the message "
                     "needs a usable id and an open stream") }
};


mcp_revision_t
mcp_revision_parse(mcp_str_t text)
{
    mcp_revision_t  revision;

    if (text.len != MCP_REVISION_LENGTH) {
        return MCP_REVISION_NONE;
    }

    /* the newest first: it is what most clients send */

    for (revision = MCP_2026_07_28; revision > MCP_REVISION_NONE; revision--)
    {
        if (memcmp(text.data, mcp_revision_names[revision].data,
                   MCP_REVISION_LENGTH)
            == 0)
        {
            break;
        }
    }

    return revision;
}


mcp_str_t
mcp_revision_name(mcp_revision_t revision)
{
    return mcp_revision_names[revision <= MCP_2026_07_28 ? revision
                                                         : MCP_REVISION_NONE];
}


const char *
mcp_invalid_name(mcp_invalid_t invalid)
{
    return mcp_invalids[invalid < MCP_INVALID_COUNT ? invalid : MCP_VALID]
               .name;
}


int
mcp_invalid_code(mcp_invalid_t invalid)
{
    return mcp_invalids[invalid < MCP_INVALID_COUNT ? invalid : MCP_VALID]
               .code;
}


unsigned
mcp_invalid_status(mcp_invalid_t invalid)
{
    return mcp_invalids[invalid < MCP_INVALID_COUNT ? invalid : MCP_VALID]
               .status;
}


mcp_str_t
mcp_invalid_text(mcp_invalid_t invalid)
{
    return mcp_invalids[invalid < MCP_INVALID_COUNT ? invalid : MCP_VALID]
               .text;
}


bool
mcp_content_type_valid(mcp_str_t value)
{
    /* as clients write it */
    if (mcp_str_equal(value, mcp_str("application/json"))) {
        return true;
    }

    return mcp_content_type_is(value, "application", "json");
}


bool
mcp_content_type_stream_valid(mcp_str_t value)
{
    return mcp_content_type_is(value, "text", "event-stream");
}


/* Of this type, and in UTF-8 whoever reads it. */

static bool
mcp_content_type_is(mcp_str_t value, const char *wanted_type,
    const char *wanted_subtype)
{
    bool            charset;
    mcp_str_t       type, subtype, name, text;
    const uint8_t  *p, *end;

    if (value.len == 0) {
        return false;
    }

    p = value.data;
    end = value.data + value.len;
    charset = false;

    mcp_skip_blanks(&p, end);
    type = mcp_token(&p, end);

    if (p == end || *p++ != '/') {
        return false;
    }

    subtype = mcp_token(&p, end);

    if (!mcp_equal_caseless(type, wanted_type)
        || !mcp_equal_caseless(subtype, wanted_subtype))
    {
        return false;
    }

    for ( ;; ) {
        mcp_skip_blanks(&p, end);

        if (p == end) {
            return true;
        }

        if (*p++ != ';') {
            return false;
        }

        mcp_skip_blanks(&p, end);

        if (p == end || *p == ';') {
            continue;
        }

        if (!mcp_content_type_parameter(&p, end, &name, &text)) {
            return false;
        }

        if (!mcp_charset_named(name)) {
            continue;
        }

        /* also refuses "charset*" and "charset*0", RFC 2231's spellings */

        if (charset || !mcp_equal_caseless(name, "charset")
            || !mcp_equal_caseless(text, "utf-8"))
        {
            return false;
        }

        charset = true;
    }
}


static bool
mcp_charset_named(mcp_str_t name)
{
    if (name.len > 7) {
        name.len = 7;
    }

    return mcp_equal_caseless(name, "charset");
}


/*
 * token "=" ( token / DQUOTE token DQUOTE ).  What else a quoted string may
 * contain is where parsers that split at semicolons or commas part.
 */

static bool
mcp_content_type_parameter(const uint8_t **pos, const uint8_t *end,
    mcp_str_t *name, mcp_str_t *value)
{
    bool            quoted;
    const uint8_t  *p;

    p = *pos;
    *name = mcp_token(&p, end);

    if (name->len == 0 || p == end || *p++ != '=') {
        return false;
    }

    quoted = p < end && *p == '"';

    if (quoted) {
        p++;
    }

    *value = mcp_token(&p, end);

    if (value->len == 0 || (quoted && (p == end || *p++ != '"'))) {
        return false;
    }

    *pos = p;

    return true;
}


/* RFC 9110 section 5.6.2; empty when there is none. */

static mcp_str_t
mcp_token(const uint8_t **pos, const uint8_t *end)
{
    mcp_str_t       token;
    const uint8_t  *p;

    for (p = *pos; p < end; p++) {
        if ((*p >= '0' && *p <= '9')
            || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')
            || (*p != '\0' && strchr("!#$%&'*+-.^_`|~", *p) != NULL))
        {
            continue;
        }

        break;
    }

    token.data = *pos;
    token.len = (size_t) (p - *pos);
    *pos = p;

    return token;
}


static void
mcp_skip_blanks(const uint8_t **pos, const uint8_t *end)
{
    while (*pos < end && (**pos == ' ' || **pos == '\t')) {
        (*pos)++;
    }
}


static bool
mcp_equal_caseless(mcp_str_t s, const char *lower)
{
    size_t   i;
    uint8_t  c;

    if (s.len != strlen(lower)) {
        return false;
    }

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if (c != (uint8_t) lower[i]) {
            return false;
        }
    }

    return true;
}
