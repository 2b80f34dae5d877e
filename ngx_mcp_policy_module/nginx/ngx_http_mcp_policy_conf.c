/*
 * Policies in nginx.conf: hands the words of each directive to the core's
 * builder and tells the operator what it answers, with file and line.
 */

#include "ngx_http_mcp_policy.h"


static char *ngx_http_mcp_policy_words(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_uint_t block);
static mcp_rc_t ngx_http_mcp_policy_compile_text(void *data, mcp_str_t source,
    const mcp_place_t *place, mcp_text_t *text);
static void ngx_http_mcp_policy_report(void *data, mcp_severity_t severity,
    const mcp_place_t *place, const char *text);
static void *ngx_http_mcp_policy_conf_alloc(void *data, size_t size);
static void *ngx_http_mcp_policy_scratch_alloc(void *data, size_t size);
static void ngx_http_mcp_policy_scratch_free(void *data, void *p);
static void ngx_http_mcp_policy_cleanup(void *data);
static void ngx_http_mcp_policy_place(ngx_conf_t *cf, mcp_place_t *place);


static const mcp_allocator_t  ngx_http_mcp_policy_scratch = {
    ngx_http_mcp_policy_scratch_alloc,
    ngx_http_mcp_policy_scratch_free,
    NULL
};


char *
ngx_http_mcp_policy_policy_start(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_str_t        *value;
    mcp_str_t         name;
    mcp_place_t       place;
    mcp_frontend_t    frontend;
    mcp_allocator_t   allocator;

    value = cf->args->elts;

    if (ngx_http_mcp_policy_check_name(cf, mmcf, &value[1]) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data;
    name.len = value[1].len;

    ngx_memzero(&frontend, sizeof(mcp_frontend_t));

    frontend.report = ngx_http_mcp_policy_report;
    frontend.compile_text = ngx_http_mcp_policy_compile_text;
    frontend.read_file = ngx_http_mcp_policy_read_file;
    frontend.scratch = &ngx_http_mcp_policy_scratch;
    frontend.data = cf;

    allocator.alloc = ngx_http_mcp_policy_conf_alloc;
    allocator.free = NULL;
    allocator.data = cf->pool;

    ngx_http_mcp_policy_place(cf, &place);

    mmcf->builder = mcp_policy_builder_create(name, &place, &allocator,
                                              &frontend, mmcf->hash_key);

    return mmcf->builder ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_mcp_policy_check_name(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *name)
{
    if (name->len == 0 || ngx_strcmp(name->data, "off") == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid policy name \"%V\", it must not be empty "
                           "or \"off\"", name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_mcp_policy_find(mmcf, name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate policy \"%V\", each needs a name of its "
                           "own", name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_policy_policy_end(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    mcp_rc_t                        rc;
    ngx_str_t                       name;
    ngx_pool_cleanup_t             *cln;
    const mcp_policy_t             *core;
    ngx_http_mcp_policy_version_t  *version;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    version = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_version_t));

    if (cln == NULL || version == NULL) {
        return NGX_CONF_ERROR;
    }

    rc = mcp_policy_finish(mmcf->builder, &core);
    mmcf->builder = NULL;

    if (rc != MCP_OK) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_mcp_policy_cleanup;
    cln->data = version;

    version->core = core;
    version->references = 1;
    ngx_http_mcp_policy_list_memory(version);

    name.data = (u_char *) core->name.data;
    name.len = core->name.len;

    return ngx_http_mcp_policy_add(cf, mmcf, &name, version)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_http_mcp_policy_t *
ngx_http_mcp_policy_add(ngx_conf_t *cf, ngx_http_mcp_policy_main_conf_t *mmcf,
    ngx_str_t *name, ngx_http_mcp_policy_version_t *version)
{
    ngx_http_mcp_policy_t  *policy, **slot;

    policy = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_t));
    slot = ngx_array_push(&mmcf->policies);

    if (policy == NULL || slot == NULL) {
        return NULL;
    }

    policy->name = *name;
    policy->version = version;

    *slot = policy;

    return policy;
}


char *
ngx_http_mcp_policy_block_start(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    return ngx_http_mcp_policy_words(cf, mmcf, 1);
}


char *
ngx_http_mcp_policy_block_end(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    mcp_place_t  place;

    ngx_http_mcp_policy_place(cf, &place);

    return mcp_policy_block_end(mmcf->builder, &place) == MCP_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_mcp_policy_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_main_conf_t *mmcf = conf;

    return ngx_http_mcp_policy_words(cf, mmcf, 0);
}


static char *
ngx_http_mcp_policy_words(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_uint_t block)
{
    mcp_rc_t      rc;
    ngx_str_t    *value;
    mcp_str_t    *words;
    ngx_uint_t    i;
    mcp_place_t   place;

    words = ngx_palloc(cf->temp_pool, cf->args->nelts * sizeof(mcp_str_t));
    if (words == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 0; i < cf->args->nelts; i++) {
        words[i].data = value[i].data;
        words[i].len = value[i].len;
    }

    ngx_http_mcp_policy_place(cf, &place);

    rc = mcp_policy_directive(mmcf->builder, words, cf->args->nelts, block,
                              &place);

    return rc == MCP_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static mcp_rc_t
ngx_http_mcp_policy_compile_text(void *data, mcp_str_t source,
    const mcp_place_t *place, mcp_text_t *text)
{
    ngx_conf_t *cf = data;

    ngx_str_t                          value;
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    cv = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    value.data = ngx_pnalloc(cf->pool, source.len + 1);

    if (cv == NULL || value.data == NULL) {
        return MCP_NOMEM;
    }

    value.len = source.len;
    ngx_memcpy(value.data, source.data, source.len);
    value.data[source.len] = '\0';

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value;
    ccv.complex_value = cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return MCP_ERROR;
    }

    text->literal.data = cv->value.data;
    text->literal.len = cv->value.len;
    text->variables = cv->lengths ? cv : NULL;

    return MCP_OK;
}


/* The text is there until the configuration is read. */

mcp_rc_t
ngx_http_mcp_policy_read_file(void *data, mcp_str_t path,
    const mcp_place_t *place, mcp_str_t *text)
{
    ngx_conf_t *cf = data;

    u_char           *buf;
    size_t            size;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_str_t         name;
    const char       *failed;
    ngx_file_info_t   fi;

    name.data = (u_char *) path.data;
    name.len = path.len;

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return MCP_NOMEM;
    }

    fd = ngx_open_file(name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &name);
        return MCP_ERROR;
    }

    failed = NULL;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        failed = "is no regular file";

    } else if (ngx_file_size(&fi) > MCP_PIN_FILE_MAX) {
        failed = "is larger than 16m";

    } else {
        size = ngx_file_size(&fi);
        buf = ngx_palloc(cf->temp_pool, size + 1);
        n = buf ? ngx_read_fd(fd, buf, size + 1) : NGX_ERROR;

        if (n != (ssize_t) size) {
            failed = "cannot be read as a whole";
        }

        text->data = buf;
        text->len = size;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &name);
    }

    if (failed) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "file \"%V\" %s", &name,
                           failed);
        return MCP_ERROR;
    }

    return MCP_OK;
}


static void
ngx_http_mcp_policy_report(void *data, mcp_severity_t severity,
    const mcp_place_t *place, const char *text)
{
    ngx_conf_t *cf = data;

    ngx_uint_t  level;

    level = (severity == MCP_REPORT_ERROR) ? NGX_LOG_EMERG : NGX_LOG_WARN;

    if (place->column) {
        ngx_log_error(level, cf->log, 0, "%s in %s:%ui:%ui", text,
                      place->file, (ngx_uint_t) place->line,
                      (ngx_uint_t) place->column);
        return;
    }

    ngx_log_error(level, cf->log, 0, "%s in %s:%ui", text, place->file,
                  (ngx_uint_t) place->line);
}


static void *
ngx_http_mcp_policy_conf_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


static void *
ngx_http_mcp_policy_scratch_alloc(void *data, size_t size)
{
    return ngx_alloc(size, ngx_cycle->log);
}


static void
ngx_http_mcp_policy_scratch_free(void *data, void *p)
{
    ngx_free(p);
}


static void
ngx_http_mcp_policy_cleanup(void *data)
{
    ngx_http_mcp_policy_version_t *version = data;

    mcp_list_memory_clear(&version->lists);
    mcp_policy_destroy(version->core);
}


static void
ngx_http_mcp_policy_place(ngx_conf_t *cf, mcp_place_t *place)
{
    place->file = (const char *) cf->conf_file->file.name.data;
    place->line = cf->conf_file->line;
    place->column = 0;
}


ngx_http_mcp_policy_t *
ngx_http_mcp_policy_find(ngx_http_mcp_policy_main_conf_t *mmcf,
    ngx_str_t *name)
{
    ngx_uint_t               i;
    ngx_http_mcp_policy_t  **policy;

    policy = mmcf->policies.elts;

    for (i = 0; i < mmcf->policies.nelts; i++) {
        if (policy[i]->name.len == name->len
            && ngx_memcmp(policy[i]->name.data, name->data, name->len) == 0)
        {
            return policy[i];
        }
    }

    return NULL;
}


char *
ngx_http_mcp_policy_bind_zones(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_uint_t               i;
    const mcp_policy_t      *core;
    ngx_http_mcp_policy_t  **policy;

    policy = mmcf->policies.elts;

    for (i = 0; i < mmcf->policies.nelts; i++) {

        if (policy[i]->file) {
            if (ngx_http_mcp_policy_file_bind(cf, mmcf, policy[i])
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        core = policy[i]->version->core;

        policy[i]->zone = ngx_http_mcp_policy_zone_find(cf, mmcf, core->zone);

        if (policy[i]->zone == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown zone \"%*s\" of policy \"%V\", expected "
                          "the name of an \"mcp_zone\" in %s:%ui",
                          core->zone.len, core->zone.data, &policy[i]->name,
                          core->place.file, (ngx_uint_t) core->place.line);
            return NGX_CONF_ERROR;
        }
    }

    /* grants and streams of locations whose policy is unknown */

    mmcf->default_zone = ngx_http_mcp_policy_zone_find(cf, mmcf, mcp_str(""));

    if (mmcf->default_zone == NULL
        || ngx_http_mcp_policy_pin_bind(cf, mmcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_policy_enforce(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_loc_conf_t *mlcf = conf;

    ngx_str_t                          *value;
    ngx_http_complex_value_t           *cv;
    ngx_http_mcp_policy_use_t          *use;
    ngx_http_mcp_policy_main_conf_t    *mmcf;
    ngx_http_compile_complex_value_t    ccv;

    if (mlcf->enforce != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        mlcf->enforce = NULL;
        return NGX_CONF_OK;
    }

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mlcf->enforce = cv;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_policy_module);
    mmcf->enforced = 1;

    if (cv->lengths) {
        return NGX_CONF_OK;
    }

    use = ngx_array_push(&mmcf->uses);
    if (use == NULL) {
        return NGX_CONF_ERROR;
    }

    use->name = value[1];
    use->file = cf->conf_file->file.name.data;
    use->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


void
ngx_http_mcp_policy_check_uses(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_uint_t                  i;
    ngx_http_mcp_policy_use_t  *use;

    use = mmcf->uses.elts;

    for (i = 0; i < mmcf->uses.nelts; i++) {
        if (ngx_http_mcp_policy_find(mmcf, &use[i].name) == NULL) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "unknown policy \"%V\" in \"mcp_enforce\", every "
                          "request is refused there, expected the name of an "
                          "\"mcp_policy\" in %s:%ui",
                          &use[i].name, use[i].file, use[i].line);
        }
    }
}


char *
ngx_http_mcp_policy_protocol(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_loc_conf_t *mlcf = conf;

    ngx_str_t       *value;
    ngx_uint_t       i;
    mcp_str_t        word;
    mcp_revision_t   revision;

    if (mlcf->revisions) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        word.data = value[i].data;
        word.len = value[i].len;

        revision = mcp_revision_parse(word);

        if (revision == MCP_REVISION_NONE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown revision \"%V\" in \"mcp_protocol\", "
                               "expected 2024-11-05, 2025-03-26, 2025-06-18, "
                               "2025-11-25 or 2026-07-28", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (mlcf->revisions & MCP_REVISION_BIT(revision)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate revision \"%V\" in "
                               "\"mcp_protocol\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        mlcf->revisions |= MCP_REVISION_BIT(revision);
    }

    return NGX_CONF_OK;
}


/* As ngx_conf_set_enum_slot(), which does not tell the words. */

char *
ngx_http_mcp_policy_word(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char           *last, words[128];
    ngx_str_t        *value;
    ngx_uint_t        i, *field;
    ngx_conf_enum_t  *word;

    field = (ngx_uint_t *) ((u_char *) conf + cmd->offset);

    if (*field != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    word = cmd->post;
    last = words;

    for (i = 0; word[i].name.len; i++) {

        if (word[i].name.len == value[1].len
            && ngx_strcasecmp(word[i].name.data, value[1].data) == 0)
        {
            *field = word[i].value;
            return NGX_CONF_OK;
        }

        last = ngx_slprintf(last, words + sizeof(words), "%s\"%V\"",
                            i == 0 ? "" : word[i + 1].name.len ? ", " : " or ",
                            &word[i].name);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive, "
                       "it must be %*s",
                       &value[1], &cmd->name, (size_t) (last - words), words);

    return NGX_CONF_ERROR;
}


char *
ngx_http_mcp_policy_positive(ngx_conf_t *cf, void *post, void *data)
{
    ngx_int_t  *number = data;

    if (*number < 1 || *number > NGX_MAX_INT32_VALUE) {
        return "must be between 1 and 2147483647";
    }

    return NGX_CONF_OK;
}
