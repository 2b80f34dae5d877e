/*
 * mcp_admin: the approvals of all zones, without their arguments.
 */

#include "ngx_http_mcp_policy_admin.h"


/* A record of the list, with texts in the request's pool. */
typedef struct {
    mcp_approval_view_t   view;
    ngx_str_t            *zone;
} ngx_http_mcp_policy_admin_row_t;


static ngx_int_t ngx_http_mcp_policy_admin_state(ngx_http_request_t *r,
    ngx_uint_t *all);
static ngx_int_t ngx_http_mcp_policy_admin_tag(ngx_http_request_t *r,
    ngx_uint_t all);
static ngx_int_t ngx_http_mcp_policy_admin_rows(ngx_http_request_t *r,
    ngx_uint_t all, ngx_array_t *rows);
static ngx_int_t ngx_http_mcp_policy_admin_keep(ngx_http_request_t *r,
    ngx_array_t *rows, ngx_str_t *zone, const mcp_approval_view_t *view);
static int ngx_libc_cdecl ngx_http_mcp_policy_admin_order(const void *one,
    const void *two);


ngx_int_t
ngx_http_mcp_policy_admin_list(ngx_http_request_t *r)
{
    ngx_uint_t                        i, all;
    ngx_array_t                       rows;
    ngx_http_mcp_policy_page_t        page;
    ngx_http_mcp_policy_admin_row_t  *row;

    static const ngx_http_mcp_policy_admin_error_t  bad_state = {
        NGX_HTTP_BAD_REQUEST, "bad_state",
        "the argument \\\"state\\\" is pending or all"
    };

    if (ngx_http_mcp_policy_admin_state(r, &all) != NGX_OK) {
        return ngx_http_mcp_policy_admin_refuse(r, &bad_state);
    }

    ngx_http_mcp_policy_page_init(&page, r->pool);
    ngx_http_mcp_policy_page_text(&page, "{\"schema\":1,\"time\":");
    ngx_http_mcp_policy_admin_time(&page, ngx_http_mcp_policy_now());
    ngx_http_mcp_policy_page_text(&page, ",\"approvals\":[");

    switch (ngx_http_mcp_policy_admin_tag(r, all)) {

    case NGX_OK:
        break;

    case NGX_DONE:

        /* the caller has them all: nginx turns this into 304 */

        return ngx_http_mcp_policy_admin_send(r, NGX_HTTP_OK, &page);

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_array_init(&rows, r->pool, 64,
                       sizeof(ngx_http_mcp_policy_admin_row_t))
        != NGX_OK
        || ngx_http_mcp_policy_admin_rows(r, all, &rows) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    row = rows.elts;

    ngx_qsort(row, rows.nelts, sizeof(ngx_http_mcp_policy_admin_row_t),
              ngx_http_mcp_policy_admin_order);

    for (i = 0; i < rows.nelts; i++) {
        ngx_http_mcp_policy_page_text(&page, i ? ",\n" : "\n");
        ngx_http_mcp_policy_admin_record(&page, row[i].zone, &row[i].view);
        ngx_http_mcp_policy_page_text(&page, "}");
    }

    ngx_http_mcp_policy_page_text(&page, "]}\n");

    return ngx_http_mcp_policy_admin_send(r, NGX_HTTP_OK, &page);
}


static ngx_int_t
ngx_http_mcp_policy_admin_state(ngx_http_request_t *r, ngx_uint_t *all)
{
    ngx_str_t  state;

    *all = 0;

    if (ngx_http_arg(r, (u_char *) "state", sizeof("state") - 1, &state)
        != NGX_OK)
    {
        return NGX_OK;
    }

    if (state.len == sizeof("all") - 1
        && ngx_memcmp(state.data, "all", state.len) == 0)
    {
        *all = 1;
        return NGX_OK;
    }

    return (state.len == sizeof("pending") - 1
            && ngx_memcmp(state.data, "pending", state.len) == 0)
           ? NGX_OK : NGX_ERROR;
}


/*
 * Changes with every change of a record, and when one that is shown expires.
 * The zones' keys keep those of two zones apart, also of one that was made
 * anew.  NGX_DONE: it is the one that the caller has, and 304 is certain.
 */

static ngx_int_t
ngx_http_mcp_policy_admin_tag(ngx_http_request_t *r, ngx_uint_t all)
{
    ngx_uint_t                         i;
    ngx_str_t                          etag;
    mcp_str_t                          text;
    ngx_shm_zone_t                   **shm_zone;
    ngx_table_elt_t                   *have;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    struct {
        uint64_t              tag[2];
        mcp_approval_stats_t  stats;
    } input;

    ngx_memzero(&input, sizeof(input));

    input.tag[0] = all;
    text.data = (u_char *) &input;
    text.len = sizeof(input);

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        ngx_http_mcp_policy_approval_stats(shm_zone[i]->data, &input.stats);

        mcp_siphash(ngx_http_mcp_policy_zone_key(shm_zone[i]), text,
                    input.tag);
    }

    etag.data = ngx_pnalloc(r->pool, sizeof("W/\"\"") - 1 + 32);
    if (etag.data == NULL) {
        return NGX_ERROR;
    }

    etag.len = ngx_sprintf(etag.data, "W/\"%016xL%016xL\"", input.tag[0],
                           input.tag[1])
               - etag.data;

    if (ngx_http_mcp_policy_admin_etag(r, &etag) != NGX_OK) {
        return NGX_ERROR;
    }

    have = r->headers_in.if_none_match;

    if (r != r->main || r->headers_in.if_modified_since
        || r->headers_in.if_unmodified_since || r->headers_in.if_match
        || have == NULL || have->value.len != etag.len
        || ngx_memcmp(have->value.data, etag.data, etag.len) != 0)
    {
        return NGX_OK;
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_mcp_policy_admin_rows(ngx_http_request_t *r, ngx_uint_t all,
    ngx_array_t *rows)
{
    uint8_t                            buffer[mcp_approval_view_size(0)];
    uint64_t                           position;
    ngx_uint_t                         i;
    ngx_shm_zone_t                   **shm_zone;
    mcp_approval_view_t                view;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        position = 0;

        while (ngx_http_mcp_policy_approval_next(shm_zone[i]->data, &position,
                                                 0, buffer, &view)
               == MCP_OK)
        {
            if (!all && view.state != MCP_APPROVAL_PENDING) {
                continue;
            }

            if (ngx_http_mcp_policy_admin_keep(r, rows,
                                               &shm_zone[i]->shm.name, &view)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_admin_keep(ngx_http_request_t *r, ngx_array_t *rows,
    ngx_str_t *zone, const mcp_approval_view_t *view)
{
    u_char                           *p;
    ngx_uint_t                        i;
    mcp_str_t                        *text[5];
    ngx_http_mcp_policy_admin_row_t  *row;

    row = ngx_array_push(rows);
    if (row == NULL) {
        return NGX_ERROR;
    }

    row->view = *view;
    row->zone = zone;

    text[0] = &row->view.policy;
    text[1] = &row->view.rule;
    text[2] = &row->view.tool;
    text[3] = &row->view.by;
    text[4] = &row->view.reason;

    p = ngx_pnalloc(r->pool, text[0]->len + text[1]->len + text[2]->len
                             + text[3]->len + text[4]->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < 5; i++) {
        if (text[i]->len) {
            ngx_memcpy(p, text[i]->data, text[i]->len);
        }

        text[i]->data = p;
        p += text[i]->len;
    }

    return NGX_OK;
}


/* Oldest first. */

static int ngx_libc_cdecl
ngx_http_mcp_policy_admin_order(const void *one, const void *two)
{
    const ngx_http_mcp_policy_admin_row_t  *a, *b;

    a = one;
    b = two;

    if (a->view.created_ms != b->view.created_ms) {
        return (a->view.created_ms < b->view.created_ms) ? -1 : 1;
    }

    return ngx_memcmp(a->view.id, b->view.id, MCP_APPROVAL_ID);
}
