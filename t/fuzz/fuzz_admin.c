/*
 * Requests of mcp_admin: what an address asks for, whether a page of another
 * origin may have sent it, and the reason in a body, in the layer above the
 * core.
 *
 * Input: the path, Host, Origin, Sec-Fetch-Site, Content-Type on a line each,
 * then the body.  The first byte of a line of a header says how often it was
 * sent: "=" once, "&" twice, anything else never.
 */

#include "ngx_http_mcp_policy_admin.h"

#include "fuzz.h"

#include <jansson.h>
#include <strings.h>

/* What only functions need that are not called here. */
#pragma weak ngx_conf_log_error
#pragma weak ngx_http_compile_complex_value
#pragma weak ngx_http_complex_value
#pragma weak ngx_http_discard_request_body
#pragma weak ngx_http_finalize_request
#pragma weak ngx_http_output_filter
#pragma weak ngx_http_read_client_request_body
#pragma weak ngx_http_send_header
#pragma weak ngx_list_push
#pragma weak ngx_palloc
#pragma weak ngx_pnalloc
#pragma weak ngx_sprintf
#pragma weak ngx_http_mcp_policy_admin_list
#pragma weak ngx_http_mcp_policy_admin_page
#pragma weak ngx_http_mcp_policy_admin_page_init
#pragma weak ngx_http_mcp_policy_approval_decide
#pragma weak ngx_http_mcp_policy_approval_hex
#pragma weak ngx_http_mcp_policy_approval_id
#pragma weak ngx_http_mcp_policy_approval_show
#pragma weak ngx_http_mcp_policy_audit_approval
#pragma weak ngx_http_mcp_policy_json_number
#pragma weak ngx_http_mcp_policy_json_string
#pragma weak ngx_http_mcp_policy_log_name
#pragma weak ngx_http_mcp_policy_now
#pragma weak ngx_http_mcp_policy_overview_json
#pragma weak ngx_http_mcp_policy_page_init
#pragma weak ngx_http_mcp_policy_page_room
#pragma weak ngx_http_mcp_policy_page_set
#pragma weak ngx_http_mcp_policy_page_text
#pragma weak ngx_http_mcp_policy_status_series

#include "ngx_http_mcp_policy_admin.c"
#include "ngx_http_mcp_policy_admin_approval.c"
#include "ngx_http_mcp_policy_admin_origin.c"


#define LOCATION  "/admin/"
#define HEADERS   6

typedef struct {
    ngx_str_t   value;
    ngx_uint_t  count;
} header_t;


static mcp_str_t    body;
static mcp_arena_t  arena;


/* What of nginx and of the module is asked for. */

ngx_module_t  ngx_http_core_module = { .ctx_index = 0 };
ngx_module_t  ngx_http_mcp_policy_module = { .ctx_index = 1 };


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) log;
    (void) err;
    (void) fmt;
}


mcp_arena_t *
ngx_http_mcp_policy_arena(void)
{
    return &arena;
}


ngx_int_t
ngx_http_mcp_policy_body_text(ngx_http_request_t *r, mcp_arena_t *a,
    mcp_str_t *text)
{
    (void) r;
    (void) a;
    *text = body;

    return NGX_OK;
}


void
ngx_http_mcp_policy_limits(ngx_http_request_t *r,
    ngx_http_mcp_policy_loc_conf_t *mlcf, mcp_limits_t *limits)
{
    (void) r;
    (void) mlcf;
    *limits = fuzz_limits;
}


ngx_int_t
ngx_http_mcp_policy_copy(ngx_pool_t *pool, mcp_str_t src, ngx_str_t *dst)
{
    (void) pool;
    dst->data = (u_char *) src.data;
    dst->len = src.len;

    return NGX_OK;
}


static bool
is(const ngx_str_t *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}


/* A path is nothing, or it is written out of what was found in it. */
static void
check_path(ngx_http_request_t *r)
{
    int                               length;
    char                              text[4096];
    const char                       *end;
    ngx_http_mcp_policy_admin_path_t  path;

    static const char *const  forms[] = {
        [NGX_HTTP_MCP_POLICY_ADMIN_PAGE] = LOCATION "%.*s%s",
        [NGX_HTTP_MCP_POLICY_ADMIN_OVERVIEW] = LOCATION "api/overview%.*s%s",
        [NGX_HTTP_MCP_POLICY_ADMIN_LIST] = LOCATION "api/approvals%.*s%s",
        [NGX_HTTP_MCP_POLICY_ADMIN_APPROVAL] =
                                          LOCATION "api/approvals/%.*s%s",
        [NGX_HTTP_MCP_POLICY_ADMIN_DECISION] =
                                          LOCATION "api/approvals/%.*s%s"
    };

    ngx_http_mcp_policy_admin_path(r, &path);

    check(path.id.len == 0 || memchr(path.id.data, '/', path.id.len) == NULL);
    check((path.kind == NGX_HTTP_MCP_POLICY_ADMIN_DECISION)
          == (path.decision != MCP_APPROVAL_NONE));

    if (path.kind == NGX_HTTP_MCP_POLICY_ADMIN_NOTHING
        || (r->uri.len && memchr(r->uri.data, '\0', r->uri.len)))
    {
        return;
    }

    end = path.decision == MCP_APPROVAL_NONE ? ""
          : path.decision == MCP_APPROVAL_APPROVED ? "/approve" : "/deny";

    length = snprintf(text, sizeof(text), forms[path.kind],
                      (int) path.id.len, path.id.len ? (char *) path.id.data
                                                     : "", end);

    check((size_t) length == r->uri.len
          && memcmp(text, r->uri.data, r->uri.len) == 0);
}


/* A default port, written or not, is one and the same. */
static ngx_str_t
without_port(ngx_str_t host, const char *port)
{
    size_t  n;

    n = strlen(port);

    if (host.len > n && memcmp(host.data + host.len - n, port, n) == 0) {
        host.len -= n;
    }

    return host;
}


/* Origin is a scheme and what Host has. */
static bool
same_origin(ngx_str_t host, ngx_str_t origin)
{
    size_t       n;
    const char  *scheme, *port;

    scheme = "https://";
    port = ":443";

    if (origin.len <= 8 || strncasecmp((char *) origin.data, scheme, 8) != 0) {
        scheme = "http://";
        port = ":80";
    }

    n = strlen(scheme);

    if (origin.len <= n
        || strncasecmp((char *) origin.data, scheme, n) != 0)
    {
        return false;
    }

    origin.data += n;
    origin.len -= n;
    origin = without_port(origin, port);
    host = without_port(host, port);

    return origin.len == host.len && host.len > 0
           && strncasecmp((char *) origin.data, (char *) host.data,
                          host.len)
              == 0;
}


static void
check_origin(ngx_http_request_t *r, const header_t *host,
    const header_t *origin, const header_t *site, const header_t *type)
{
    bool                                      own;
    const ngx_http_mcp_policy_admin_error_t  *error;

    own = origin->count < 2 && site->count < 2 && type->count < 2
          && (site->count == 0 || is(&site->value, "same-origin"))
          && (origin->count == 0
              || (host->count && same_origin(host->value, origin->value)));

    error = ngx_http_mcp_policy_admin_check(r);

    if (!own) {
        check(error != NULL && error->status == NGX_HTTP_FORBIDDEN);

    } else {
        check(error == NULL
              || error->status == NGX_HTTP_UNSUPPORTED_MEDIA_TYPE);
        check(error != NULL || type->count == 1);
        check(error == NULL || !type->count
              || !is(&type->value, "application/json"));
    }
}


/* An empty object, or one with a reason that jansson reads as well. */
static void
check_reason(ngx_http_request_t *r)
{
    json_t                                   *object, *value;
    ngx_str_t                                 reason;
    const ngx_http_mcp_policy_admin_error_t  *error;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    error = ngx_http_mcp_policy_admin_reason(r, &reason);
    object = json_loadb((const char *) body.data, body.len,
                        JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    value = json_object_get(object, "reason");

    if (error == NULL) {
        check(body.len <= 16384 && reason.len <= MCP_APPROVAL_REASON);
        check(body.len == 0 || json_is_object(object));
        check(json_object_size(object) == (value != NULL));
        check(reason.len == json_string_length(value));
        check(value == NULL
              || (json_is_string(value)
                  && memcmp(reason.data, json_string_value(value),
                            reason.len)
                     == 0));

    } else {
        check(reason.len == 0 && error->status >= 400 && error->status < 500);
        check(!json_is_string(value) || json_object_size(object) != 1
              || body.len > 16384
              || json_string_length(value) > MCP_APPROVAL_REASON
              || memchr(json_string_value(value), '\0',
                        json_string_length(value)));
    }

    json_decref(object);
    mcp_arena_destroy(&arena);
}


static ngx_str_t
read_line(mcp_str_t *input)
{
    ngx_str_t       line;
    const uint8_t  *end;

    end = input->len ? memchr(input->data, '\n', input->len) : NULL;

    line.data = (u_char *) input->data;
    line.len = end ? (size_t) (end - input->data) : input->len;

    input->data += line.len + (end != NULL);
    input->len -= line.len + (end != NULL);

    return line;
}


/* What was sent twice is in the list twice. */
static header_t
read_header(mcp_str_t *input, const char *name, ngx_list_part_t *part)
{
    header_t          header;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    header.value = read_line(input);
    header.count = 0;

    if (header.value.len) {
        header.count = header.value.data[0] == '=' ? 1
                       : header.value.data[0] == '&' ? 2 : 0;
        header.value.data++;
        header.value.len--;
    }

    for (i = 0; i < header.count; i++) {
        h = (ngx_table_elt_t *) part->elts + part->nelts++;

        h->key.data = (u_char *) name;
        h->key.len = strlen(name);
        h->value = header.value;
    }

    return header;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void                      *loc_conf[2];
    header_t                   host, origin, site, type;
    mcp_str_t                  input;
    ngx_log_t                  log;
    ngx_connection_t           connection;
    ngx_table_elt_t            elements[2 * HEADERS];
    ngx_http_request_t         r;
    ngx_http_core_loc_conf_t   clcf;

    memset(&r, 0, sizeof(r));
    memset(&log, 0, sizeof(log));
    memset(&clcf, 0, sizeof(clcf));
    memset(&connection, 0, sizeof(connection));
    memset(elements, 0, sizeof(elements));

    ngx_str_set(&clcf.name, LOCATION);
    loc_conf[0] = &clcf;
    loc_conf[1] = NULL;
    connection.log = &log;
    r.connection = &connection;
    r.loc_conf = loc_conf;
    r.headers_in.headers.part.elts = elements;

    input.data = data;
    input.len = size < 4000 ? size : 4000;

    r.uri = read_line(&input);
    host = read_header(&input, "Host", &r.headers_in.headers.part);
    r.headers_in.host = host.count ? &elements[0] : NULL;
    origin = read_header(&input, "Origin", &r.headers_in.headers.part);
    site = read_header(&input, "sec-fetch-site", &r.headers_in.headers.part);
    type = read_header(&input, "Content-Type", &r.headers_in.headers.part);
    body = input;

    check_path(&r);
    check_origin(&r, &host, &origin, &site, &type);
    check_reason(&r);

    return 0;
}
