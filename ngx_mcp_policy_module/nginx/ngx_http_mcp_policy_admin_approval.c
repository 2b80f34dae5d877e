/*
 * mcp_admin: one approval, with its arguments, and what a human says to it.
 */

#include "ngx_http_mcp_policy_admin.h"


/* bytes of a body with a reason, and of arguments that are shown */
#define NGX_HTTP_MCP_POLICY_ADMIN_BODY       16384
#define NGX_HTTP_MCP_POLICY_ADMIN_ARGUMENTS  (1024 * 1024)


static ngx_int_t ngx_http_mcp_policy_admin_find(ngx_http_request_t *r,
    ngx_str_t *id, size_t arguments, ngx_str_t **zone,
    mcp_approval_view_t *view);
static void ngx_http_mcp_policy_admin_arguments(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page, const mcp_approval_view_t *view);
static ngx_uint_t ngx_http_mcp_policy_admin_complete(ngx_http_request_t *r,
    const mcp_approval_view_t *view);
static void ngx_http_mcp_policy_admin_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_policy_admin_word(ngx_http_request_t *r);
static const ngx_http_mcp_policy_admin_error_t *
    ngx_http_mcp_policy_admin_reason(ngx_http_request_t *r,
    ngx_str_t *reason);
static ngx_int_t ngx_http_mcp_policy_admin_say(ngx_http_request_t *r,
    ngx_http_mcp_policy_admin_path_t *path, ngx_str_t *by,
    ngx_str_t *reason);
static ngx_int_t ngx_http_mcp_policy_admin_done(ngx_http_request_t *r,
    ngx_http_mcp_policy_admin_path_t *path, ngx_str_t *by,
    ngx_str_t *reason);
static ngx_int_t ngx_http_mcp_policy_admin_decided(ngx_http_request_t *r,
    ngx_str_t *id);


static const ngx_http_mcp_policy_admin_error_t
    ngx_http_mcp_policy_admin_unknown =
{
    NGX_HTTP_NOT_FOUND, "unknown",
    "there is no such approval, or it has expired"
};


static const ngx_http_mcp_policy_admin_error_t
    ngx_http_mcp_policy_admin_too_large =
{
    NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "too_large", "the body is too large"
};


static const ngx_http_mcp_policy_admin_error_t
    ngx_http_mcp_policy_admin_bad_body =
{
    NGX_HTTP_BAD_REQUEST, "bad_body",
    "the body is an object with one member, \\\"reason\\\", a string"
};


static const ngx_http_mcp_policy_admin_error_t
    ngx_http_mcp_policy_admin_long_reason =
{
    NGX_HTTP_BAD_REQUEST, "long_reason",
    "the reason is longer than 1024 bytes"
};


static const ngx_http_mcp_policy_admin_error_t
    ngx_http_mcp_policy_admin_failed =
{
    NGX_HTTP_INTERNAL_SERVER_ERROR, "internal", "the body cannot be read"
};


ngx_int_t
ngx_http_mcp_policy_admin_show(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_int_t                    rc;
    ngx_str_t                   *zone;
    mcp_approval_view_t          view;
    ngx_http_mcp_policy_page_t   page;

    rc = ngx_http_mcp_policy_admin_find(r, id, 0, &zone, &view);

    if (rc == NGX_OK && view.state == MCP_APPROVAL_PENDING) {
        rc = ngx_http_mcp_policy_admin_find(r, id,
                                     ngx_min(view.arguments_length,
                                         NGX_HTTP_MCP_POLICY_ADMIN_ARGUMENTS),
                                     &zone, &view);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_mcp_policy_admin_refuse(r,
                                          &ngx_http_mcp_policy_admin_unknown);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mcp_policy_page_init(&page, r->pool);
    ngx_http_mcp_policy_admin_record(&page, zone, &view);
    ngx_http_mcp_policy_admin_arguments(r, &page, &view);
    ngx_http_mcp_policy_page_text(&page, "}\n");

    return ngx_http_mcp_policy_admin_send(r, NGX_HTTP_OK, &page);
}


/* In any of the zones; NGX_DECLINED: in none, or it has expired. */

static ngx_int_t
ngx_http_mcp_policy_admin_find(ngx_http_request_t *r, ngx_str_t *id,
    size_t arguments, ngx_str_t **zone, mcp_approval_view_t *view)
{
    uint8_t                           *buffer;
    uint8_t                            binary[MCP_APPROVAL_ID];
    ngx_uint_t                         i;
    ngx_shm_zone_t                   **shm_zone;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    if (ngx_http_mcp_policy_approval_id(id, binary) != NGX_OK) {
        return NGX_DECLINED;
    }

    buffer = ngx_pnalloc(r->pool, mcp_approval_view_size(arguments));
    if (buffer == NULL) {
        return NGX_ERROR;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        if (ngx_http_mcp_policy_approval_show(shm_zone[i]->data, binary,
                                              arguments, buffer, view)
            == MCP_OK)
        {
            *zone = &shm_zone[i]->shm.name;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* A JSON object of which the closing brace is left to the caller. */

void
ngx_http_mcp_policy_admin_record(ngx_http_mcp_policy_page_t *page,
    ngx_str_t *zone, const mcp_approval_view_t *view)
{
    u_char  id[NGX_HTTP_MCP_POLICY_APPROVAL_HEX];
    u_char  grant[2 * 16];

    ngx_http_mcp_policy_approval_hex(view->id, id);

    /* as $mcp_grant */

    (void) ngx_sprintf(grant, "%016xL%016xL", view->grant[0],
                       view->grant[1]);

    ngx_http_mcp_policy_json_string(page, "{\"id\":", id, sizeof(id));
    ngx_http_mcp_policy_page_text(page, ",\"state\":\"");
    ngx_http_mcp_policy_page_text(page,
                                  mcp_approval_state_name(view->state));
    ngx_http_mcp_policy_json_string(page, "\",\"zone\":", zone->data,
                                    zone->len);
    ngx_http_mcp_policy_json_string(page, ",\"policy\":", view->policy.data,
                                    view->policy.len);
    ngx_http_mcp_policy_json_string(page, ",\"rule\":", view->rule.data,
                                    view->rule.len);
    ngx_http_mcp_policy_json_string(page, ",\"tool\":", view->tool.data,
                                    view->tool.len);
    ngx_http_mcp_policy_json_string(page, ",\"grant\":", grant,
                                    sizeof(grant));

    ngx_http_mcp_policy_page_text(page, ",\"created\":");
    ngx_http_mcp_policy_admin_time(page, view->created_ms);
    ngx_http_mcp_policy_page_text(page, ",\"expires\":");
    ngx_http_mcp_policy_admin_time(page, view->expires_ms);
    ngx_http_mcp_policy_json_number(page, ",\"asked\":", view->asked);
    ngx_http_mcp_policy_json_number(page, ",\"arguments_length\":",
                                    view->arguments_length);

    if (view->state == MCP_APPROVAL_PENDING) {
        return;
    }

    ngx_http_mcp_policy_page_text(page, ",\"decided\":");
    ngx_http_mcp_policy_admin_time(page, view->decided_ms);
    ngx_http_mcp_policy_json_string(page, ",\"by\":", view->by.data,
                                    view->by.len);
    ngx_http_mcp_policy_json_string(page, ",\"reason\":", view->reason.data,
                                    view->reason.len);
}


/* Unix time in seconds. */

void
ngx_http_mcp_policy_admin_time(ngx_http_mcp_policy_page_t *page, uint64_t ms)
{
    u_char  *p;

    p = ngx_http_mcp_policy_page_room(page, NGX_INT64_LEN + 4);

    if (p) {
        page->buf->last = ngx_sprintf(p, "%uL.%03uL", ms / 1000, ms % 1000);
    }
}


/* As they were sent, if they are all there; the beginning is a string. */

static void
ngx_http_mcp_policy_admin_arguments(ngx_http_request_t *r,
    ngx_http_mcp_policy_page_t *page, const mcp_approval_view_t *view)
{
    u_char  *p;

    if (view->arguments.len == 0) {
        ngx_http_mcp_policy_page_text(page, ",\"arguments\":null");
        return;
    }

    if (!ngx_http_mcp_policy_admin_complete(r, view)) {
        ngx_http_mcp_policy_json_string(page, ",\"arguments\":",
                                        view->arguments.data,
                                        view->arguments.len);
        ngx_http_mcp_policy_page_text(page, ",\"truncated\":true");
        return;
    }

    ngx_http_mcp_policy_page_text(page, ",\"arguments\":");

    p = ngx_http_mcp_policy_page_room(page, view->arguments.len);

    if (p) {
        page->buf->last = ngx_cpymem(p, view->arguments.data,
                                     view->arguments.len);
    }

    ngx_http_mcp_policy_page_text(page, ",\"truncated\":false");
}


static ngx_uint_t
ngx_http_mcp_policy_admin_complete(ngx_http_request_t *r,
    const mcp_approval_view_t *view)
{
    mcp_json_t                       json;
    mcp_error_t                      error;
    mcp_limits_t                     limits;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    if (view->arguments.len != view->arguments_length) {
        return 0;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    ngx_http_mcp_policy_limits(r, mlcf, &limits);

    /* other locations have other limits, and have let them pass */

    limits.depth = NGX_MAX_INT32_VALUE;
    limits.tokens = NGX_MAX_INT32_VALUE;
    limits.string_length = NGX_MAX_INT32_VALUE;
    limits.number_length = NGX_MAX_INT32_VALUE;

    return mcp_json_parse(&json, view->arguments, &limits,
                          ngx_http_mcp_policy_arena(), &error)
           == MCP_OK
           && json.defect == MCP_JSON_VALID;
}


ngx_int_t
ngx_http_mcp_policy_admin_decide(ngx_http_request_t *r)
{
    ngx_int_t                                 rc;
    const ngx_http_mcp_policy_admin_error_t  *error;

    error = ngx_http_mcp_policy_admin_check(r);

    if (error == NULL
        && r->headers_in.content_length_n > NGX_HTTP_MCP_POLICY_ADMIN_BODY)
    {
        error = &ngx_http_mcp_policy_admin_too_large;
    }

    if (error) {
        return ngx_http_mcp_policy_admin_refuse(r, error);
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_mcp_policy_admin_body);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_mcp_policy_admin_body(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_mcp_policy_admin_word(r));
}


static ngx_int_t
ngx_http_mcp_policy_admin_word(ngx_http_request_t *r)
{
    ngx_str_t                                 by, reason;
    ngx_http_mcp_policy_loc_conf_t           *mlcf;
    ngx_http_mcp_policy_admin_path_t          path;
    const ngx_http_mcp_policy_admin_error_t  *error;

    error = ngx_http_mcp_policy_admin_reason(r, &reason);

    if (error) {
        return ngx_http_mcp_policy_admin_refuse(r, error);
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    if (ngx_http_complex_value(r, mlcf->admin_by, &by) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mcp_policy_admin_path(r, &path);

    switch (ngx_http_mcp_policy_admin_say(r, &path, &by, &reason)) {

    case NGX_OK:
        return ngx_http_mcp_policy_admin_done(r, &path, &by, &reason);

    case NGX_BUSY:
        return ngx_http_mcp_policy_admin_decided(r, &path.id);

    case NGX_AGAIN:
        return ngx_http_mcp_policy_admin_refuse(r,
                                          &ngx_http_mcp_policy_admin_moving);

    default: /* NGX_DECLINED */
        return ngx_http_mcp_policy_admin_refuse(r,
                                          &ngx_http_mcp_policy_admin_unknown);
    }
}


/* Without a body there is none. */

static const ngx_http_mcp_policy_admin_error_t *
ngx_http_mcp_policy_admin_reason(ngx_http_request_t *r, ngx_str_t *reason)
{
    uint32_t                         value;
    mcp_str_t                        text, string;
    mcp_json_t                       json;
    mcp_error_t                      error;
    mcp_arena_t                     *arena;
    mcp_limits_t                     limits;
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    ngx_str_null(reason);

    arena = ngx_http_mcp_policy_arena();

    if (ngx_http_mcp_policy_body_text(r, arena, &text) != NGX_OK) {
        return &ngx_http_mcp_policy_admin_failed;
    }

    if (text.len == 0) {
        return NULL;
    }

    if (text.len > NGX_HTTP_MCP_POLICY_ADMIN_BODY) {
        return &ngx_http_mcp_policy_admin_too_large;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    ngx_http_mcp_policy_limits(r, mlcf, &limits);

    if (mcp_json_parse(&json, text, &limits, arena, &error) != MCP_OK
        || json.defect != MCP_JSON_VALID
        || json.tokens[0].type != MCP_JSON_OBJECT)
    {
        return &ngx_http_mcp_policy_admin_bad_body;
    }

    if (json.count == 1) {
        return NULL;
    }

    value = mcp_json_member(&json, 0, mcp_str("reason"));

    if (value == MCP_JSON_NONE || mcp_json_size(&json, 0) != 1
        || json.tokens[value].type != MCP_JSON_STRING
        || mcp_json_string(&json, value, arena, &string) != MCP_OK)
    {
        return &ngx_http_mcp_policy_admin_bad_body;
    }

    if (string.len > MCP_APPROVAL_REASON) {
        return &ngx_http_mcp_policy_admin_long_reason;
    }

    return (ngx_http_mcp_policy_copy(r->pool, string, reason) == NGX_OK)
           ? NULL : &ngx_http_mcp_policy_admin_failed;
}


/* NGX_BUSY: it is decided; NGX_DECLINED: there is none. */

static ngx_int_t
ngx_http_mcp_policy_admin_say(ngx_http_request_t *r,
    ngx_http_mcp_policy_admin_path_t *path, ngx_str_t *by, ngx_str_t *reason)
{
    uint8_t                            id[MCP_APPROVAL_ID];
    mcp_rc_t                           rc;
    mcp_str_t                          who, why;
    ngx_uint_t                         i;
    ngx_shm_zone_t                   **shm_zone;
    mcp_approval_state_t               state;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    if (ngx_http_mcp_policy_approval_id(&path->id, id) != NGX_OK) {
        return NGX_DECLINED;
    }

    who.data = by->data;
    who.len = ngx_min(by->len, MCP_APPROVAL_NAME);
    why.data = reason->data;
    why.len = reason->len;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);

    shm_zone = mmcf->zones.elts;

    for (i = 0; i < mmcf->zones.nelts; i++) {
        rc = ngx_http_mcp_policy_approval_decide(shm_zone[i]->data, id,
                                                 path->decision, who, why,
                                                 &state);
        if (rc != MCP_NO) {
            return (rc == MCP_OK) ? NGX_OK
                                  : (rc == MCP_LATER) ? NGX_AGAIN : NGX_BUSY;
        }
    }

    return NGX_DECLINED;
}


/* It may be used by now, or in another zone: it was decided all the same. */

static ngx_int_t
ngx_http_mcp_policy_admin_done(ngx_http_request_t *r,
    ngx_http_mcp_policy_admin_path_t *path, ngx_str_t *by, ngx_str_t *reason)
{
    u_char                       name[NGX_HTTP_MCP_POLICY_LOG_NAME
                                      * MCP_JSON_ESCAPE_MAX];
    size_t                       length;
    ngx_str_t                   *zone, unknown;
    mcp_approval_state_t         state;
    mcp_approval_view_t          view;
    ngx_http_mcp_policy_page_t   page;

    if (ngx_http_mcp_policy_admin_find(r, &path->id, 0, &zone, &view)
        != NGX_OK)
    {
        ngx_memzero(&view, sizeof(mcp_approval_view_t));
        ngx_str_null(&unknown);

        (void) ngx_http_mcp_policy_approval_id(&path->id, view.id);

        view.state = path->decision;
        view.decided_ms = ngx_http_mcp_policy_now();
        view.by.data = by->data;
        view.by.len = by->len;
        view.reason.data = reason->data;
        view.reason.len = reason->len;
        zone = &unknown;
    }

    length = ngx_http_mcp_policy_log_name(name, by);

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "mcp policy: approval \"%V\" was %s by \"%*s\"", &path->id,
                  mcp_approval_state_name(path->decision), length, name);

    state = view.state;
    view.state = path->decision;

    ngx_http_mcp_policy_audit_approval(r, &view);

    view.state = state;

    ngx_http_mcp_policy_page_init(&page, r->pool);
    ngx_http_mcp_policy_admin_record(&page, zone, &view);
    ngx_http_mcp_policy_page_text(&page, "}\n");

    return ngx_http_mcp_policy_admin_send(r, NGX_HTTP_OK, &page);
}


/* 409, and how it was decided, and by whom. */

static ngx_int_t
ngx_http_mcp_policy_admin_decided(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_int_t                    rc;
    ngx_str_t                   *zone;
    mcp_approval_view_t          view;
    ngx_http_mcp_policy_page_t   page;

    rc = ngx_http_mcp_policy_admin_find(r, id, 0, &zone, &view);

    if (rc == NGX_DECLINED) {
        return ngx_http_mcp_policy_admin_refuse(r,
                                          &ngx_http_mcp_policy_admin_unknown);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mcp_policy_page_init(&page, r->pool);
    ngx_http_mcp_policy_page_text(&page,
                                  "{\"error\":{\"code\":\"decided\","
                                  "\"message\":\"the approval is decided\"},"
                                  "\"approval\":");
    ngx_http_mcp_policy_admin_record(&page, zone, &view);
    ngx_http_mcp_policy_page_text(&page, "}}\n");

    return ngx_http_mcp_policy_admin_send(r, NGX_HTTP_CONFLICT, &page);
}
