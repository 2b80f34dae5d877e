/*
 * The body of a notification.  Names in it come from agents and from servers:
 * they are escaped; arguments are JSON that was read before.
 */

#include "mcp_notify.h"

#include "mcp_audit.h"
#include "mcp_json.h"


#define MCP_NOTIFY_DIGITS  20

/* names of members, times, ids and numbers */
#define MCP_NOTIFY_FRAME   512


static uint8_t *mcp_notify_put(uint8_t *p, mcp_str_t s);
static uint8_t *mcp_notify_name(uint8_t *p, mcp_str_t name);
static uint8_t *mcp_notify_text(uint8_t *p, mcp_str_t name, mcp_str_t value);
static uint8_t *mcp_notify_hex(uint8_t *p, mcp_str_t name,
    const uint8_t *bytes, size_t length);
static uint8_t *mcp_notify_time(uint8_t *p, mcp_str_t name, uint64_t ms);
static uint8_t *mcp_notify_grant(uint8_t *p, const uint64_t grant[2]);
static uint8_t *mcp_notify_arguments(uint8_t *p,
    const mcp_approval_view_t *approval);
static uint8_t *mcp_notify_integer(uint8_t *p, uint64_t value);


size_t
mcp_notify_write(const mcp_approval_view_t *approval, mcp_str_t page,
    bool arguments, uint8_t *dst)
{
    uint8_t  *p;

    p = mcp_notify_put(dst, mcp_str("{\"schema\":"));
    p = mcp_notify_integer(p, MCP_NOTIFY_SCHEMA);
    p = mcp_notify_text(p, mcp_str("event"), mcp_str("approval.pending"));
    p = mcp_notify_hex(p, mcp_str("id"), approval->id, MCP_APPROVAL_ID);
    p = mcp_notify_time(p, mcp_str("time"), approval->created_ms);
    p = mcp_notify_time(p, mcp_str("expires"), approval->expires_ms);
    p = mcp_notify_text(p, mcp_str("policy"), approval->policy);
    p = mcp_notify_text(p, mcp_str("rule"), approval->rule);
    p = mcp_notify_text(p, mcp_str("tool"), approval->tool);
    p = mcp_notify_grant(p, approval->grant);

    if (page.len) {
        p = mcp_notify_text(p, mcp_str("url"), page);
    }

    if (arguments) {
        p = mcp_notify_arguments(p, approval);
    }

    *p++ = '}';

    return (size_t) (p - dst);
}


size_t
mcp_notify_length(const mcp_approval_view_t *approval, mcp_str_t page,
    bool arguments)
{
    return MCP_NOTIFY_FRAME
           + MCP_JSON_ESCAPE_MAX * (approval->policy.len + approval->rule.len
                                    + approval->tool.len + page.len)
           + (arguments ? approval->arguments.len : 0);
}


uint64_t
mcp_notify_delay(uint32_t tries, uint32_t random)
{
    uint64_t  delay;

    delay = MCP_NOTIFY_LAST_MS;

    if (tries < 20 && ((uint64_t) MCP_NOTIFY_FIRST_MS << tries) < delay) {
        delay = (uint64_t) MCP_NOTIFY_FIRST_MS << tries;
    }

    return delay - delay / 4 + random % (delay / 2 + 1);
}


static uint8_t *
mcp_notify_put(uint8_t *p, mcp_str_t s)
{
    if (s.len) {
        memcpy(p, s.data, s.len);
    }

    return p + s.len;
}


/* Never the first member, which is the schema. */

static uint8_t *
mcp_notify_name(uint8_t *p, mcp_str_t name)
{
    p = mcp_notify_put(p, mcp_str(",\""));
    p = mcp_notify_put(p, name);

    return mcp_notify_put(p, mcp_str("\":"));
}


static uint8_t *
mcp_notify_text(uint8_t *p, mcp_str_t name, mcp_str_t value)
{
    p = mcp_notify_name(p, name);

    *p++ = '"';
    p = mcp_json_escape(p, value);
    *p++ = '"';

    return p;
}


static uint8_t *
mcp_notify_hex(uint8_t *p, mcp_str_t name, const uint8_t *bytes,
    size_t length)
{
    size_t  i;

    static const char  digits[] = "0123456789abcdef";

    p = mcp_notify_name(p, name);

    *p++ = '"';

    for (i = 0; i < length; i++) {
        *p++ = (uint8_t) digits[bytes[i] >> 4];
        *p++ = (uint8_t) digits[bytes[i] & 0xf];
    }

    *p++ = '"';

    return p;
}


static uint8_t *
mcp_notify_time(uint8_t *p, mcp_str_t name, uint64_t ms)
{
    p = mcp_notify_name(p, name);

    *p++ = '"';
    p = mcp_audit_time(p, ms);
    *p++ = '"';

    return p;
}


/* As $mcp_grant and the audit log have it. */

static uint8_t *
mcp_notify_grant(uint8_t *p, const uint64_t grant[2])
{
    size_t   i;
    uint8_t  bytes[16];

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (grant[i / 8] >> (56 - 8 * (i % 8)));
    }

    return mcp_notify_hex(p, mcp_str("grant"), bytes, sizeof(bytes));
}


static uint8_t *
mcp_notify_arguments(uint8_t *p, const mcp_approval_view_t *approval)
{
    if (approval->arguments.len == 0) {
        return p;
    }

    if (approval->arguments.len == approval->arguments_length) {
        p = mcp_notify_name(p, mcp_str("arguments"));
        return mcp_notify_put(p, approval->arguments);
    }

    p = mcp_notify_name(p, mcp_str("arguments_length"));

    return mcp_notify_integer(p, approval->arguments_length);
}


static uint8_t *
mcp_notify_integer(uint8_t *p, uint64_t value)
{
    size_t   n;
    uint8_t  digits[MCP_NOTIFY_DIGITS];

    n = sizeof(digits);

    do {
        digits[--n] = (uint8_t) ('0' + value % 10);
        value /= 10;
    } while (value);

    return mcp_notify_put(p, (mcp_str_t) { digits + n, sizeof(digits) - n });
}
