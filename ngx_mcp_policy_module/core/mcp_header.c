/*
 * Request headers: MCP-Protocol-Version, Mcp-Session-Id, and in 2026-07-28
 * Mcp-Method and Mcp-Name, which mirror the body.  The body decides; headers
 * are only compared with it.
 */

#include "mcp_json_scan.h"
#include "mcp_message_private.h"


#define MCP_REQUESTED_MAX    64

#define MCP_SENTINEL_PREFIX  "=?base64?"
#define MCP_SENTINEL_SUFFIX  "?="


static mcp_rc_t mcp_header_version(mcp_parse_t *parse);
static mcp_rc_t mcp_header_session(mcp_parse_t *parse);
static mcp_str_t mcp_header_trim(mcp_str_t value);
static bool mcp_header_printable(mcp_str_t value);
static mcp_rc_t mcp_header_name_match(mcp_parse_t *parse,
    const mcp_message_t *message, mcp_str_t value);
static mcp_rc_t mcp_base64_decode(mcp_str_t payload, uint8_t *dst,
    size_t *length);
static int mcp_base64_value(uint8_t c);
static bool mcp_utf8_valid(mcp_str_t s);
static bool mcp_body_claims_revision(const mcp_json_t *json);


mcp_rc_t
mcp_headers_check(mcp_body_t *body, const mcp_headers_t *headers,
    uint32_t revisions, mcp_arena_t *arena)
{
    mcp_parse_t  parse;

    mcp_body_init(body);
    memset(&parse, 0, sizeof(mcp_parse_t));

    parse.body = body;
    parse.headers = headers;
    parse.revisions = revisions;
    parse.arena = arena;

    return mcp_headers_read(&parse);
}


mcp_rc_t
mcp_headers_read(mcp_parse_t *parse)
{
    mcp_rc_t  rc;

    rc = mcp_header_version(parse);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_header_session(parse);
}


static mcp_rc_t
mcp_header_version(mcp_parse_t *parse)
{
    mcp_str_t            value;
    mcp_revision_t       revision;
    const mcp_header_t  *header;

    header = &parse->headers->protocol_version;

    if (header->count == 0) {
        if (parse->revisions & MCP_REVISIONS_LEGACY) {
            return MCP_OK;
        }

        if (mcp_body_claims_revision(&parse->body->json)) {
            return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                    "Header mismatch: MCP-Protocol-Version "
                                    "is missing");
        }

        return mcp_parse_refuse(parse, MCP_INVALID_PROTOCOL_VERSION,
                                "Unsupported protocol version: "
                                "MCP-Protocol-Version is missing");
    }

    if (header->count > 1) {
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: MCP-Protocol-Version is "
                                "repeated");
    }

    value = mcp_header_trim(header->value);
    revision = mcp_revision_parse(value);

    if (revision == MCP_REVISION_NONE && !mcp_header_printable(value)) {
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: MCP-Protocol-Version has "
                                "invalid characters");
    }

    if (revision == MCP_REVISION_NONE
        || !(parse->revisions & MCP_REVISION_BIT(revision)))
    {
        if (value.len > MCP_REQUESTED_MAX) {
            value.len = MCP_REQUESTED_MAX;
        }

        parse->body->requested = value;
        parse->body->modern = mcp_body_claims_revision(&parse->body->json);

        return mcp_parse_refuse(parse, MCP_INVALID_PROTOCOL_VERSION,
                                "Unsupported protocol version");
    }

    parse->body->revision = revision;

    return MCP_OK;
}


static mcp_rc_t
mcp_header_session(mcp_parse_t *parse)
{
    size_t               i;
    mcp_str_t            value;
    const mcp_header_t  *header;

    header = &parse->headers->session;

    if (header->count == 0) {
        return MCP_OK;
    }

    if (header->count > 1) {
        return mcp_parse_refuse(parse, MCP_INVALID_SESSION,
                                "Mcp-Session-Id is repeated; send it once");
    }

    value = mcp_header_trim(header->value);

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < 0x21 || value.data[i] > 0x7e) {
            return mcp_parse_refuse(parse, MCP_INVALID_SESSION,
                                    "Mcp-Session-Id must consist of visible "
                                    "ASCII characters");
        }
    }

    return MCP_OK;
}


static mcp_str_t
mcp_header_trim(mcp_str_t value)
{
    while (value.len > 0
           && (value.data[0] == ' ' || value.data[0] == '\t'))
    {
        value.data++;
        value.len--;
    }

    while (value.len > 0
           && (value.data[value.len - 1] == ' '
               || value.data[value.len - 1] == '\t'))
    {
        value.len--;
    }

    return value;
}


static bool
mcp_header_printable(mcp_str_t value)
{
    size_t  i;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] != '\t'
            && (value.data[i] < 0x20 || value.data[i] > 0x7e))
        {
            return false;
        }
    }

    return true;
}


mcp_rc_t
mcp_revision_check(mcp_parse_t *parse, const mcp_message_t *message,
    const mcp_params_t *params)
{
    uint32_t           version, capabilities;
    const mcp_json_t  *json;

    json = &parse->body->json;
    version = params->meta[MCP_META_PROTOCOL_VERSION];
    capabilities = params->meta[MCP_META_CLIENT_CAPABILITIES];

    if (parse->body->revision != MCP_2026_07_28) {
        if (version != MCP_JSON_NONE) {
            return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                    "Header mismatch: MCP-Protocol-Version "
                                    "does not match params._meta");
        }

        return MCP_OK;
    }

    if (version == MCP_JSON_NONE) {
        if (message->method == MCP_METHOD_INITIALIZE) {
            return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                    "Header mismatch: initialize belongs to "
                                    "revisions before 2026-07-28");
        }

        if (message->kind == MCP_MESSAGE_NOTIFICATION) {
            return MCP_OK;
        }

        return mcp_parse_refuse(parse, MCP_INVALID_META,
                                "params._meta must have "
                                "io.modelcontextprotocol/protocolVersion");
    }

    if (json->tokens[version].type != MCP_JSON_STRING) {
        return mcp_parse_refuse(parse, MCP_INVALID_META,
                                "io.modelcontextprotocol/protocolVersion "
                                "must be a string");
    }

    if (!mcp_json_string_equal(json, version,
                               mcp_revision_name(MCP_2026_07_28)))
    {
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: MCP-Protocol-Version does "
                                "not match params._meta");
    }

    if (message->method == MCP_METHOD_INITIALIZE) {
        return mcp_parse_refuse(parse, MCP_INVALID_INITIALIZE,
                                "Method not found: revision 2026-07-28 has "
                                "no initialize");
    }

    if (message->kind == MCP_MESSAGE_REQUEST
        && (capabilities == MCP_JSON_NONE
            || json->tokens[capabilities].type != MCP_JSON_OBJECT))
    {
        return mcp_parse_refuse(parse, MCP_INVALID_META,
                                "params._meta must have the object "
                                "io.modelcontextprotocol/clientCapabilities");
    }

    return MCP_OK;
}


mcp_rc_t
mcp_headers_match(mcp_parse_t *parse, const mcp_message_t *message)
{
    mcp_str_t             method, name;
    const mcp_headers_t  *headers;

    if (parse->body->revision != MCP_2026_07_28) {
        return MCP_OK;
    }

    headers = parse->headers;

    if (headers->method.count > 1 || headers->name.count > 1) {
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: Mcp-Method or Mcp-Name is "
                                "repeated");
    }

    method = mcp_header_trim(headers->method.value);
    name = mcp_header_trim(headers->name.value);

    if ((headers->method.count && !mcp_header_printable(method))
        || (headers->name.count && !mcp_header_printable(name)))
    {
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: Mcp-Method or Mcp-Name has "
                                "invalid characters");
    }

    if (headers->method.count == 0) {
        if (message->kind == MCP_MESSAGE_REQUEST) {
            return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                    "Header mismatch: Mcp-Method is missing");
        }

    } else if (!mcp_str_equal(method, message->method_name)) {
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: Mcp-Method does not match "
                                "method");
    }

    return mcp_header_name_match(parse, message, name);
}


static mcp_rc_t
mcp_header_name_match(mcp_parse_t *parse, const mcp_message_t *message,
    mcp_str_t value)
{
    mcp_rc_t         rc;
    mcp_str_t        name;
    mcp_name_rule_t  rule;

    rule = mcp_method_name_rule(message->method);

    if (rule == MCP_NAME_IGNORED || message->target_count == 0) {
        return MCP_OK;
    }

    if (parse->headers->name.count == 0) {
        if (rule == MCP_NAME_OPTIONAL) {
            return MCP_OK;
        }

        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: Mcp-Name is missing");
    }

    rc = mcp_header_decode(value, parse->arena, &name);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK) {
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: Mcp-Name is not valid "
                                "Base64 of UTF-8");
    }

    if (mcp_str_equal(name, message->targets[0].name)) {
        return MCP_OK;
    }

    switch (message->targets[0].kind) {

    case MCP_TARGET_RESOURCE:
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: Mcp-Name does not match "
                                "params.uri");

    case MCP_TARGET_TASK:
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: Mcp-Name does not match "
                                "params.taskId");

    default:
        return mcp_parse_refuse(parse, MCP_INVALID_HEADER,
                                "Header mismatch: Mcp-Name does not match "
                                "params.name");
    }
}


mcp_rc_t
mcp_header_decode(mcp_str_t value, mcp_arena_t *arena, mcp_str_t *decoded)
{
    size_t     length;
    uint8_t   *data;
    mcp_str_t  prefix, suffix, payload;

    prefix = mcp_str(MCP_SENTINEL_PREFIX);
    suffix = mcp_str(MCP_SENTINEL_SUFFIX);

    if (value.len <= prefix.len
        || memcmp(value.data, prefix.data, prefix.len) != 0
        || memcmp(value.data + value.len - suffix.len, suffix.data,
                  suffix.len)
           != 0)
    {
        *decoded = value;
        return MCP_OK;
    }

    /* "=?base64?=", one "?" for both: empty to some, literal to others. */

    if (value.len < prefix.len + suffix.len) {
        return MCP_ERROR;
    }

    payload.data = value.data + prefix.len;
    payload.len = value.len - prefix.len - suffix.len;

    data = mcp_arena_alloc(arena, payload.len / 4 * 3 + 1);
    if (data == NULL) {
        return MCP_NOMEM;
    }

    if (mcp_base64_decode(payload, data, &length) != MCP_OK) {
        return MCP_ERROR;
    }

    decoded->data = data;
    decoded->len = length;

    return mcp_utf8_valid(*decoded) ? MCP_OK : MCP_ERROR;
}


/*
 * RFC 4648 section 4, padded, with zero bits behind the last byte; "dst" has
 * three bytes for every four of the payload.
 */

static mcp_rc_t
mcp_base64_decode(mcp_str_t payload, uint8_t *dst, size_t *length)
{
    int       value;
    size_t    i, digits;
    uint8_t  *start;
    uint32_t  bits;

    if (payload.len % 4 != 0) {
        return MCP_ERROR;
    }

    start = dst;
    digits = payload.len;

    for (i = 0; i < 2 && digits > 0 && payload.data[digits - 1] == '='; i++) {
        digits--;
    }

    bits = 0;

    for (i = 0; i < digits; i++) {
        value = mcp_base64_value(payload.data[i]);
        if (value < 0) {
            return MCP_ERROR;
        }

        bits = (bits << 6) | (uint32_t) value;

        if (i % 4 == 3) {
            *dst++ = (uint8_t) (bits >> 16);
            *dst++ = (uint8_t) (bits >> 8);
            *dst++ = (uint8_t) bits;
            bits = 0;
        }
    }

    if (digits % 4 == 3) {
        if (bits & 0x3) {
            return MCP_ERROR;
        }

        *dst++ = (uint8_t) (bits >> 10);
        *dst++ = (uint8_t) (bits >> 2);

    } else if (digits % 4 == 2) {
        if (bits & 0xf) {
            return MCP_ERROR;
        }

        *dst++ = (uint8_t) (bits >> 4);
    }

    *length = (size_t) (dst - start);

    return MCP_OK;
}


static int
mcp_base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '+' ? 62 : c == '/' ? 63 : -1;
}


static bool
mcp_utf8_valid(mcp_str_t s)
{
    unsigned        length;
    const uint8_t  *p, *end;

    end = s.data + s.len;

    for (p = s.data; p < end; p += length) {
        length = *p < 0x80 ? 1 : mcp_json_utf8(p, end);

        if (length == 0) {
            return false;
        }
    }

    return true;
}


/* Whether a single message carries the protocol version of 2026-07-28. */

static bool
mcp_body_claims_revision(const mcp_json_t *json)
{
    uint32_t  value;

    if (json->count == 0 || json->tokens[0].type != MCP_JSON_OBJECT) {
        return false;
    }

    value = mcp_json_member(json, 0, mcp_str("params"));
    if (value == MCP_JSON_NONE
        || json->tokens[value].type != MCP_JSON_OBJECT)
    {
        return false;
    }

    value = mcp_json_member(json, value, mcp_str("_meta"));
    if (value == MCP_JSON_NONE
        || json->tokens[value].type != MCP_JSON_OBJECT)
    {
        return false;
    }

    return mcp_json_member(json, value,
                           mcp_str("io.modelcontextprotocol/protocolVersion"))
           != MCP_JSON_NONE;
}
