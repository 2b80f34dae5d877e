/*
 * What lists ask besides the predicate of calls: what "hide" covers, and what
 * may be read of all that a URI template stands for.
 */

#include "mcp_evaluate.h"

/* Longer templates are looked at as they are written, and no further. */
#define MCP_TEMPLATE_MAX   1024

/* Bytes of templates and patterns that the templates of a list may meet. */
#define MCP_TEMPLATE_WORK  (16 * 1024 * 1024)


static mcp_rc_t mcp_template_glob(mcp_str_t template, uint8_t *dst,
    mcp_str_t *glob);
static bool mcp_template_common(mcp_str_t a, mcp_str_t b, uint8_t *dst,
    mcp_str_t *name);
static size_t mcp_template_prefix(mcp_str_t glob);
static size_t mcp_template_suffix(mcp_str_t glob);
static uint8_t *mcp_template_fill(uint8_t *dst, mcp_str_t glob);


mcp_rc_t
mcp_evaluate_hides(const mcp_policy_t *policy, mcp_str_t name)
{
    mcp_rc_t             rc;
    mcp_pattern_match_t  match;

    if (mcp_pattern_set_empty(policy->hidden)) {
        return MCP_NO;
    }

    rc = mcp_pattern_set_star(policy->hidden, &match);

    if (rc == MCP_NO) {
        rc = mcp_pattern_set_find(policy->hidden, name, &match);
    }

    return rc;
}


/*
 * The template's own text is judged like a URI: what a pattern matches of
 * "file:///etc/{name}" it matches of every URI that comes of it.  Under
 * "default deny" patterns may also permit some of those URIs alone; then one
 * that the template and such a pattern have in common is judged, pattern by
 * pattern, until one may be read.
 */

mcp_rc_t
mcp_evaluate_template(const mcp_policy_t *policy, mcp_str_t template,
    const mcp_caller_t *caller, mcp_arena_t *arena, size_t *work)
{
    uint8_t              star[MCP_TEMPLATE_MAX];
    uint8_t              common[MCP_TEMPLATE_MAX + MCP_GLOB_MAX];
    mcp_rc_t             rc;
    uint32_t             position;
    mcp_str_t            glob, uri;
    mcp_pattern_match_t  match;

    rc = mcp_evaluate_visible(policy, MCP_TARGET_RESOURCE, template, caller,
                              arena);

    if (rc != MCP_NO || policy->default_allow
        || template.len > MCP_TEMPLATE_MAX
        || mcp_evaluate_hides(policy, template) != MCP_NO)
    {
        return rc;
    }

    rc = mcp_template_glob(template, star, &glob);
    if (rc != MCP_OK) {
        return rc;
    }

    position = 0;

    while (mcp_pattern_set_next(policy->targets[MCP_TARGET_RESOURCE],
                                &position, &match)
           == MCP_OK)
    {
        *work += glob.len + match.pattern.len;

        if (*work > MCP_TEMPLATE_WORK) {
            return MCP_ERROR;
        }

        uri = match.pattern;

        if (match.exact ? !mcp_glob_match(glob, uri)
                        : !mcp_template_common(glob, uri, common, &uri))
        {
            continue;
        }

        if (mcp_evaluate_visible(policy, MCP_TARGET_RESOURCE, uri, caller,
                                 arena)
            == MCP_OK)
        {
            return MCP_OK;
        }
    }

    return MCP_NO;
}


/*
 * RFC 6570, section 2: expressions stand in braces and do not nest.  MCP_NO
 * when there are none, for such a template stands for itself.
 */

static mcp_rc_t
mcp_template_glob(mcp_str_t template, uint8_t *dst, mcp_str_t *glob)
{
    bool      inside, star;
    size_t    i;
    uint8_t   c, *p;

    p = dst;
    inside = false;
    star = false;

    for (i = 0; i < template.len; i++) {
        c = template.data[i];

        if (c == (inside ? '{' : '}')) {
            return MCP_ERROR;
        }

        if (c == '{') {
            inside = true;

            if (p == dst || p[-1] != '*') {
                *p++ = '*';
            }

            star = true;

        } else if (c == '}') {
            inside = false;

        } else if (!inside) {
            *p++ = c;
        }
    }

    glob->data = dst;
    glob->len = (size_t) (p - dst);

    return inside ? MCP_ERROR : star ? MCP_OK : MCP_NO;
}


/*
 * A name that both globs match: there is one if what they begin with and what
 * they end with agree as far as both reach, since all between can follow one
 * after the other.
 */

static bool
mcp_template_common(mcp_str_t a, mcp_str_t b, uint8_t *dst, mcp_str_t *name)
{
    size_t     n;
    uint8_t   *p;
    mcp_str_t  prefix[2], suffix[2];

    prefix[0] = (mcp_str_t) { a.data, mcp_template_prefix(a) };
    prefix[1] = (mcp_str_t) { b.data, mcp_template_prefix(b) };

    n = prefix[0].len < prefix[1].len ? prefix[0].len : prefix[1].len;

    if (memcmp(a.data, b.data, n) != 0) {
        return false;
    }

    suffix[0].len = mcp_template_suffix(a);
    suffix[0].data = a.data + a.len - suffix[0].len;
    suffix[1].len = mcp_template_suffix(b);
    suffix[1].data = b.data + b.len - suffix[1].len;

    n = suffix[0].len < suffix[1].len ? suffix[0].len : suffix[1].len;

    if (memcmp(a.data + a.len - n, b.data + b.len - n, n) != 0) {
        return false;
    }

    n = prefix[0].len < prefix[1].len;
    memcpy(dst, prefix[n].data, prefix[n].len);
    p = dst + prefix[n].len;

    a.data += prefix[0].len;
    a.len -= prefix[0].len + suffix[0].len;
    p = mcp_template_fill(p, a);

    b.data += prefix[1].len;
    b.len -= prefix[1].len + suffix[1].len;
    p = mcp_template_fill(p, b);

    n = suffix[0].len < suffix[1].len;
    memcpy(p, suffix[n].data, suffix[n].len);
    p += suffix[n].len;

    name->data = dst;
    name->len = (size_t) (p - dst);

    return true;
}


/* Both globs have a "*". */

static size_t
mcp_template_prefix(mcp_str_t glob)
{
    size_t  n;

    for (n = 0; glob.data[n] != '*'; n++) {
        /* void */
    }

    return n;
}


static size_t
mcp_template_suffix(mcp_str_t glob)
{
    size_t  n;

    for (n = 0; glob.data[glob.len - n - 1] != '*'; n++) {
        /* void */
    }

    return n;
}


/* A letter for each "*": no segment is to consist of dots. */

static uint8_t *
mcp_template_fill(uint8_t *dst, mcp_str_t glob)
{
    size_t  i;

    for (i = 0; i < glob.len; i++) {
        *dst++ = glob.data[i] == '*' ? 'x' : glob.data[i];
    }

    return dst;
}
