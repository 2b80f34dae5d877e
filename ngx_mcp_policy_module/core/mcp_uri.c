/*
 * URIs of resources: spellings that a server may read as another resource
 * than the policy's patterns see.  Servers resolve dot segments, decode what
 * is percent-encoded, and many have a parser as https://url.spec.whatwg.org
 * describes it, which drops and changes more.
 */

#include "mcp_message_private.h"


typedef struct {
    mcp_str_t  name;
    mcp_str_t  port;       /* the one that is dropped */
} mcp_scheme_t;


static bool mcp_uri_is_special(mcp_str_t uri, mcp_scheme_t *scheme);
static bool mcp_uri_special_normal(mcp_str_t rest,
    const mcp_scheme_t *scheme);
static bool mcp_file_path_normal(mcp_str_t path);
static bool mcp_host_normal(mcp_str_t host);
static size_t mcp_expression_length(const uint8_t *p, size_t len);
static bool mcp_host_numeric_normal(mcp_str_t host);
static bool mcp_uri_decode(const uint8_t **pos, const uint8_t *end,
    uint8_t *c);


/* "Special schemes": only these have hosts that are changed. */
static const mcp_scheme_t  mcp_uri_schemes[] = {
    { mcp_str_init("file"), mcp_str_init("") },
    { mcp_str_init("http"), mcp_str_init("80") },
    { mcp_str_init("https"), mcp_str_init("443") },
    { mcp_str_init("ws"), mcp_str_init("80") },
    { mcp_str_init("wss"), mcp_str_init("443") },
    { mcp_str_init("ftp"), mcp_str_init("21") }
};


bool
mcp_uri_has_dot_segments(mcp_str_t uri)
{
    bool            encoded, other;
    uint8_t         c;
    unsigned        dots;
    const uint8_t  *p, *end;

    if (uri.len == 0) {
        return false;
    }

    p = uri.data;
    end = uri.data + uri.len;
    dots = 0;
    other = false;

    while (p < end) {
        encoded = mcp_uri_decode(&p, end, &c);

        /*
         * A segment ends at every byte that somebody takes for the end of
         * one: also behind the scheme, in the query and the fragment, and
         * at the backslash of other systems.
         */

        if (c == '/' || c == '\\'
            || (!encoded && (c == ':' || c == '?' || c == '#')))
        {
            if (!other && (dots == 1 || dots == 2)) {
                return true;
            }

            dots = 0;
            other = false;

        } else if (c == '.') {
            dots++;

        } else {
            other = true;
        }
    }

    return !other && (dots == 1 || dots == 2);
}


bool
mcp_uri_is_clean(mcp_str_t uri)
{
    size_t  i;

    if (uri.len == 0) {
        return true;
    }

    for (i = 0; i < uri.len; i++) {
        if (uri.data[i] < 0x20 || uri.data[i] == 0x7f) {
            return false;
        }
    }

    return uri.data[0] != ' ' && uri.data[uri.len - 1] != ' ';
}


/* RFC 3986 6.2.2: such spellings are equal to others, and servers know it. */

bool
mcp_uri_is_normal(mcp_str_t uri)
{
    bool            encoded;
    uint8_t         c;
    mcp_str_t       rest;
    mcp_scheme_t    scheme;
    const uint8_t  *p, *end;

    p = uri.data;
    end = uri.data + uri.len;

    while (p < end && *p != ':') {
        if (*p >= 'A' && *p <= 'Z') {
            return false;
        }

        p++;
    }

    while (p < end) {
        encoded = mcp_uri_decode(&p, end, &c);

        if (encoded
            && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                || (c >= '0' && c <= '9')
                || c == '-' || c == '.' || c == '_' || c == '~'))
        {
            return false;
        }
    }

    if (!mcp_uri_is_special(uri, &scheme)) {
        return true;
    }

    rest.data = uri.data + scheme.name.len + 1;
    rest.len = uri.len - scheme.name.len - 1;

    return mcp_uri_special_normal(rest, &scheme);
}


static bool
mcp_uri_is_special(mcp_str_t uri, mcp_scheme_t *scheme)
{
    size_t     i;
    mcp_str_t  name;

    for (i = 0; i < sizeof(mcp_uri_schemes) / sizeof(mcp_uri_schemes[0]); i++)
    {
        name = mcp_uri_schemes[i].name;

        if (uri.len > name.len && uri.data[name.len] == ':'
            && memcmp(uri.data, name.data, name.len) == 0)
        {
            *scheme = mcp_uri_schemes[i];
            return true;
        }
    }

    return false;
}


/* What follows the colon: two slashes, a host, a port, none that is usual. */

static bool
mcp_uri_special_normal(mcp_str_t rest, const mcp_scheme_t *scheme)
{
    size_t     i, end;
    mcp_str_t  host, port, path;

    if (rest.len < 2 || memcmp(rest.data, "//", 2) != 0
        || memchr(rest.data, '\\', rest.len) != NULL)
    {
        return false;
    }

    end = 2;

    while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?'
           && rest.data[end] != '#')
    {
        end++;
    }

    host.data = rest.data + 2;
    host.len = end - 2;

    /* the colons of "[::1]" are before its bracket */

    for (i = host.len; i > 0 && host.data[i - 1] != ':'
                       && host.data[i - 1] != ']'; i--)
    {
        /* void */
    }

    if (i > 0 && host.data[i - 1] == ':') {
        port.data = host.data + i;
        port.len = host.len - i;
        host.len = i - 1;

        if (port.len == 0 || port.data[0] == '0'
            || mcp_str_equal(port, scheme->port))
        {
            return false;
        }
    }

    if (scheme->port.len == 0) {

        path.data = rest.data + end;
        path.len = rest.len - end;

        if (!mcp_file_path_normal(path)
            || mcp_str_equal(host, mcp_str("localhost")))
        {
            return false;
        }

        if (host.len == 0) {
            return true;
        }
    }

    return mcp_host_normal(host);
}


/*
 * A file's path, as servers have it: "?" and "#" end it, an encoded slash is
 * one, a second one and one at the end count for nothing.  In an expression
 * of a template all this means something else, and no path of a real URI
 * loses its braces.
 */

static bool
mcp_file_path_normal(mcp_str_t path)
{
    bool            encoded, slash;
    uint8_t         c;
    const uint8_t  *p, *end, *brace;

    p = path.data;
    end = path.data + path.len;
    slash = false;

    while (p < end) {

        if (*p == '{') {
            brace = memchr(p, '}', (size_t) (end - p));

            if (brace != NULL) {
                p = brace + 1;
                slash = false;
                continue;
            }
        }

        encoded = mcp_uri_decode(&p, end, &c);

        if (encoded ? (c == '/' || c == '\\' || c == '\0')
                    : (c == '?' || c == '#' || (c == '/' && slash)))
        {
            return false;
        }

        slash = (c == '/');
    }

    return !slash || path.len == 1;
}


/*
 * Lower-case ASCII; no user, no dot at its end, no odd number.  Templates
 * have expressions in it (RFC 6570), and no host is named with a brace.
 */

static bool
mcp_host_normal(mcp_str_t host)
{
    size_t   i, label;
    uint8_t  c;

    if (host.len == 0 || host.data[host.len - 1] == '.') {
        return false;
    }

    label = 0;

    for (i = 0; i < host.len; i++) {
        c = host.data[i];

        if (c == '{') {
            i += mcp_expression_length(host.data + i, host.len - i) - 1;
            continue;
        }

        if (c == '.') {
            label = i + 1;
        }

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
              || c == '.' || c == '_' || c == ':' || c == '[' || c == ']'))
        {
            return false;
        }
    }

    /* if the last label begins as a number, all of it is an address */

    return host.data[label] < '0' || host.data[label] > '9'
           || mcp_host_numeric_normal(host);
}


/*
 * "{name,other*}", or its beginning up to an operator or a modifier, which
 * end a host for everybody.
 */

static size_t
mcp_expression_length(const uint8_t *p, size_t len)
{
    size_t   i;
    uint8_t  c;

    for (i = 1; i < len; i++) {
        c = p[i];

        if (c == '}') {
            return i + 1;
        }

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == ','
              || c == '+' || c == '*'))
        {
            break;
        }
    }

    return i;
}


/* Four decimal numbers; "127.1" and "0x7f000001" are that address, too. */

static bool
mcp_host_numeric_normal(mcp_str_t host)
{
    size_t    i, start;
    unsigned  labels;

    start = 0;
    labels = 1;

    for (i = 0; i <= host.len; i++) {

        if (i < host.len && host.data[i] != '.') {

            if (host.data[i] < '0' || host.data[i] > '9') {
                return false;
            }

            continue;
        }

        if (i == start || i - start > 3
            || (host.data[start] == '0' && i - start > 1))
        {
            return false;
        }

        labels += i < host.len;
        start = i + 1;
    }

    return labels == 4;
}


/*
 * Takes one byte of a URI, percent-decoded, however many times it was
 * encoded: "%2e", "%252e", ...  Returns whether it was encoded.
 */

static bool
mcp_uri_decode(const uint8_t **pos, const uint8_t *end, uint8_t *c)
{
    size_t          i;
    uint8_t         digit, value;
    const uint8_t  *p;

    p = *pos;
    *c = *p++;
    *pos = p;

    if (*c != '%') {
        return false;
    }

    while (end - p >= 4 && p[0] == '2' && p[1] == '5') {
        p += 2;
    }

    if (end - p < 2) {
        return false;
    }

    value = 0;

    for (i = 0; i < 2; i++) {
        digit = p[i];

        if (digit >= '0' && digit <= '9') {
            digit = (uint8_t) (digit - '0');

        } else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f') {
            digit = (uint8_t) ((digit | 0x20) - 'a' + 10);

        } else {
            return false;
        }

        value = (uint8_t) (value << 4 | digit);
    }

    *c = value;
    *pos = p + 2;

    return true;
}
