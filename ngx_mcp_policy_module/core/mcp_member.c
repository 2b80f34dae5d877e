/*
 * Members of the objects that the protocol defines, looked up so that no
 * other spelling of their names slips by.
 */

#include "mcp_message_private.h"


static mcp_rc_t mcp_member_find(mcp_parse_t *parse, uint32_t key,
    const mcp_str_t *names, uint32_t count, uint32_t *index);
static mcp_rc_t mcp_member_unknown(mcp_parse_t *parse, mcp_str_t key,
    const mcp_str_t *names, uint32_t count);


mcp_rc_t
mcp_members_read(mcp_parse_t *parse, uint32_t object, const mcp_str_t *names,
    uint32_t count, uint32_t *values, bool *unknown)
{
    uint32_t                 key, value, index;
    mcp_rc_t                 rc;
    const mcp_json_token_t  *tokens;

    index = 0;
    memset(values, 0, count * sizeof(uint32_t));

    tokens = parse->body->json.tokens;

    for (key = object + 1; key < tokens[object].next;
         key = tokens[value].next)
    {
        value = tokens[key].next;

        rc = mcp_member_find(parse, key, names, count, &index);

        if (rc == MCP_OK) {
            values[index] = value;

        } else if (rc != MCP_NO) {
            return rc;

        } else if (unknown != NULL) {
            *unknown = true;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_member_find(mcp_parse_t *parse, uint32_t key, const mcp_str_t *names,
    uint32_t count, uint32_t *index)
{
    uint32_t   i;
    mcp_rc_t   rc;
    mcp_str_t  name;

    rc = mcp_json_string(&parse->body->json, key, parse->arena, &name);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK) {
        return mcp_parse_refuse(parse, MCP_INVALID_KEY,
                                "A member name contains U+0000 or an "
                                "unpaired surrogate");
    }

    for (i = 0; i < count; i++) {
        if (mcp_str_equal(name, names[i])) {
            *index = i;
            return MCP_OK;
        }
    }

    return mcp_member_unknown(parse, name, names, count);
}


/* MCP_NO: the key does not resemble any of the names. */

static mcp_rc_t
mcp_member_unknown(mcp_parse_t *parse, mcp_str_t key, const mcp_str_t *names,
    uint32_t count)
{
    size_t    length;
    uint8_t   folded[MCP_KEY_MAX];
    uint32_t  i;

    length = mcp_key_fold(key, folded, sizeof(folded));

    for (i = 0; i < count; i++) {
        if (mcp_key_resembles(folded, length, names[i])) {
            return mcp_parse_refuse(parse, MCP_INVALID_CASE_VARIANT,
                                    "A member name differs from the "
                                    "protocol's only in case; write it "
                                    "exactly as the protocol does");
        }
    }

    return MCP_NO;
}


size_t
mcp_key_fold(mcp_str_t key, uint8_t *dst, size_t size)
{
    size_t          i, n;
    uint8_t         c;
    const uint8_t  *s;

    s = key.data;
    n = 0;

    for (i = 0; i < key.len; i++) {
        if (n == size) {
            return 0;
        }

        c = s[i];

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;

        } else if (c == 0xc5 && key.len - i >= 2 && s[i + 1] == 0xbf) {
            c = 's';
            i += 1;

        } else if (c == 0xe2 && key.len - i >= 3 && s[i + 1] == 0x84
                   && s[i + 2] == 0xaa)
        {
            c = 'k';
            i += 2;
        }

        dst[n++] = c;
    }

    return n;
}


bool
mcp_key_resembles(const uint8_t *folded, size_t length, mcp_str_t name)
{
    size_t   i;
    uint8_t  c;

    if (length != name.len) {
        return false;
    }

    for (i = 0; i < length; i++) {
        c = name.data[i];

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if (folded[i] != c) {
            return false;
        }
    }

    return true;
}


mcp_rc_t
mcp_string_read(mcp_parse_t *parse, uint32_t token, mcp_str_t *value)
{
    mcp_rc_t           rc;
    const mcp_json_t  *json;

    json = &parse->body->json;
    *value = mcp_str("");

    if (token == MCP_JSON_NONE || json->tokens[token].type != MCP_JSON_STRING)
    {
        return MCP_OK;
    }

    rc = mcp_json_string(json, token, parse->arena, value);

    if (rc == MCP_NO) {
        *value = mcp_str("");
        return MCP_OK;
    }

    return rc;
}
