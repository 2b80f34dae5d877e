/*
 * mcp_policy_file: policies from JSON and YAML files.  They are read with the
 * configuration; with watch= each worker looks whether its file has changed
 * and puts the new version in the place of the old one.  Requests that were
 * judged by the old one keep it.
 *
 * A file is read again only when it looked the same twice: an editor may be
 * in the middle of writing it.
 */

#include "ngx_http_mcp_policy_zone.h"

#include "mcp_policy_file.h"

#include <openssl/evp.h>


#define NGX_HTTP_MCP_POLICY_FILE_SETTLE  100    /* ms between two looks */


/* What tells two states of a file apart; a missing file has none. */
typedef struct {
    ngx_file_uniq_t                 uniq;
    off_t                           size;
    time_t                          sec;
    long                            nsec;
    ngx_err_t                       error;      /* of stat() */
} ngx_http_mcp_policy_look_t;


struct ngx_http_mcp_policy_file_s {
    ngx_http_mcp_policy_t          *policy;
    ngx_str_t                       path;
    ngx_str_t                       zone;       /* zone=, or empty */
    u_char                         *conf_file;
    ngx_uint_t                      conf_line;
    ngx_msec_t                      watch;      /* 0: with nginx.conf alone */
    const uint64_t                 *hash_key;

    /* of the configuration: verdicts have their places by these */
    mcp_policy_file_pins_t          pins;       /* no file: none */
    ngx_uint_t                      unpinned;   /* unpinned= was said */

    ngx_http_mcp_policy_look_t      read;       /* when it was read last */
    ngx_http_mcp_policy_look_t      seen;       /* at the last look */
    ngx_uint_t                      unread;     /* now, which was told */
    ngx_event_t                     event;
    ngx_connection_t                dummy;      /* debugging events need one */
};


/* Where the errors of one reading go. */
typedef struct {
    ngx_log_t                      *log;
    ngx_pool_t                     *pool;
    ngx_uint_t                      error;      /* level */
    ngx_uint_t                      silent;     /* another worker told it */
    ngx_uint_t                      unread;     /* but may be later */
} ngx_http_mcp_policy_reading_t;


static char *ngx_http_mcp_policy_file_parameter(ngx_conf_t *cf,
    ngx_http_mcp_policy_file_t *file, ngx_str_t *value);
static ngx_int_t ngx_http_mcp_policy_file_pins(ngx_conf_t *cf,
    ngx_http_mcp_policy_file_t *file);
static ngx_http_mcp_policy_version_t *ngx_http_mcp_policy_file_load(
    ngx_http_mcp_policy_file_t *file, ngx_str_t *name, mcp_str_t text,
    u_char *sha256, ngx_http_mcp_policy_reading_t *reading);
static ngx_int_t ngx_http_mcp_policy_file_text(
    ngx_http_mcp_policy_file_t *file, mcp_str_t *text,
    ngx_http_mcp_policy_reading_t *reading);
static void ngx_http_mcp_policy_file_report(void *data,
    mcp_severity_t severity, const mcp_place_t *place, const char *text);
static void *ngx_http_mcp_policy_file_alloc(void *data, size_t size);
static void ngx_http_mcp_policy_file_free(void *data, void *p);
static void ngx_http_mcp_policy_file_sha256(mcp_str_t text, u_char *sha256);
static void ngx_http_mcp_policy_file_look(ngx_http_mcp_policy_file_t *file,
    ngx_http_mcp_policy_look_t *look);
static ngx_uint_t ngx_http_mcp_policy_file_same(
    const ngx_http_mcp_policy_look_t *a, const ngx_http_mcp_policy_look_t *b);
static void ngx_http_mcp_policy_file_cleanup(void *data);
static void ngx_http_mcp_policy_file_handler(ngx_event_t *ev);
static ngx_msec_t ngx_http_mcp_policy_file_catch_up(
    ngx_http_mcp_policy_file_t *file);
static ngx_int_t ngx_http_mcp_policy_file_reread(
    ngx_http_mcp_policy_file_t *file, ngx_uint_t known);


/*
 * mcp_policy_file NAME PATH [watch=TIME] [zone=NAME] [pin=FILE]
 *                 [unpinned=allow | hide]
 */

char *
ngx_http_mcp_policy_policy_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_policy_main_conf_t *mmcf = conf;

    mcp_str_t                       text;
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    ngx_pool_cleanup_t             *cln;
    ngx_http_mcp_policy_file_t     *file;
    ngx_http_mcp_policy_reading_t   reading;
    ngx_http_mcp_policy_version_t  *version;
    u_char                          sha256[NGX_HTTP_MCP_POLICY_SHA256];

    value = cf->args->elts;

    if (ngx_http_mcp_policy_check_name(cf, mmcf, &value[1]) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    file = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_file_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (file == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    file->path = value[2];
    file->conf_file = cf->conf_file->file.name.data;
    file->conf_line = cf->conf_file->line;
    file->hash_key = mmcf->hash_key;

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_http_mcp_policy_file_parameter(cf, file, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_conf_full_name(cf->cycle, &file->path, 1) != NGX_OK
        || ngx_http_mcp_policy_file_pins(cf, file) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&reading, sizeof(ngx_http_mcp_policy_reading_t));

    reading.log = cf->log;
    reading.pool = cf->temp_pool;
    reading.error = NGX_LOG_EMERG;

    ngx_http_mcp_policy_file_look(file, &file->read);
    file->seen = file->read;

    version = NULL;

    if (ngx_http_mcp_policy_file_text(file, &text, &reading) == NGX_OK) {
        ngx_http_mcp_policy_file_sha256(text, sha256);

        version = ngx_http_mcp_policy_file_load(file, &value[1], text, sha256,
                                                &reading);
    }

    if (version == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "policy \"%V\" cannot be read from \"%V\"",
                           &value[1], &file->path);
        return NGX_CONF_ERROR;
    }

    file->policy = ngx_http_mcp_policy_add(cf, mmcf, &value[1], version);

    if (file->policy == NULL) {
        ngx_http_mcp_policy_release(version);
        return NGX_CONF_ERROR;
    }

    file->policy->file = file;

    cln->handler = ngx_http_mcp_policy_file_cleanup;
    cln->data = file->policy;

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_policy_file_parameter(ngx_conf_t *cf,
    ngx_http_mcp_policy_file_t *file, ngx_str_t *value)
{
    ngx_int_t                watch;
    ngx_str_t                s;
    mcp_policy_file_pins_t  *pins;

    pins = &file->pins;

    if (file->watch == 0 && ngx_strncmp(value->data, "watch=", 6) == 0) {
        s.data = value->data + 6;
        s.len = value->len - 6;

        watch = ngx_parse_time(&s, 0);

        if (watch == NGX_ERROR || watch == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\" in \"mcp_policy_file\", "
                               "expected watch=TIME such as watch=5s", value);
            return NGX_CONF_ERROR;
        }

        file->watch = watch;

        return NGX_CONF_OK;
    }

    if (file->zone.len == 0
        && value->len > 5
        && ngx_strncmp(value->data, "zone=", 5) == 0)
    {
        file->zone.data = value->data + 5;
        file->zone.len = value->len - 5;

        return NGX_CONF_OK;
    }

    if (pins->file.len == 0
        && value->len > 4
        && ngx_strncmp(value->data, "pin=", 4) == 0)
    {
        pins->file.data = value->data + 4;
        pins->file.len = value->len - 4;

        return NGX_CONF_OK;
    }

    if (!file->unpinned
        && (ngx_strcmp(value->data, "unpinned=allow") == 0
            || ngx_strcmp(value->data, "unpinned=hide") == 0))
    {
        file->unpinned = 1;
        pins->hide_unpinned = (value->data[9] == 'h');

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"mcp_policy_file\", "
                       "expected watch=TIME, zone=NAME, pin=FILE or "
                       "unpinned=allow|hide, each once", value);

    return NGX_CONF_ERROR;
}


/*
 * All versions of a file have the pins of the configuration: places for new
 * verdicts are given out by the master alone.
 */

static ngx_int_t
ngx_http_mcp_policy_file_pins(ngx_conf_t *cf,
    ngx_http_mcp_policy_file_t *file)
{
    u_char                  *p;
    mcp_policy_file_pins_t  *pins;

    pins = &file->pins;

    if (pins->file.len == 0) {

        if (file->unpinned) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"unpinned=\" of \"mcp_policy_file\" needs "
                               "pin=FILE");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (ngx_http_mcp_policy_read_file(cf, pins->file, NULL, &pins->text)
        != MCP_OK)
    {
        return NGX_ERROR;
    }

    if (file->watch) {
        p = ngx_palloc(cf->pool, pins->text.len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, pins->text.data, pins->text.len);
        pins->text.data = p;
    }

    return NGX_OK;
}


char *
ngx_http_mcp_policy_file_bind(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_http_mcp_policy_t *policy)
{
    mcp_str_t                    name;
    ngx_http_mcp_policy_file_t  *file;

    file = policy->file;

    name.data = file->zone.data;
    name.len = file->zone.len;

    policy->zone = ngx_http_mcp_policy_zone_find(cf, mmcf, name);

    if (policy->zone == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "unknown zone \"%V\" of policy \"%V\", expected the "
                      "name of an \"mcp_zone\" in %s:%ui",
                      &file->zone, &policy->name, file->conf_file,
                      file->conf_line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* NULL: what is wrong has been told. */

static ngx_http_mcp_policy_version_t *
ngx_http_mcp_policy_file_load(ngx_http_mcp_policy_file_t *file,
    ngx_str_t *name, mcp_str_t text, u_char *sha256,
    ngx_http_mcp_policy_reading_t *reading)
{
    mcp_rc_t                        rc;
    mcp_str_t                       policy_name;
    mcp_frontend_t                  frontend;
    mcp_allocator_t                 allocator;
    ngx_http_mcp_policy_version_t  *version;

    version = ngx_calloc(sizeof(ngx_http_mcp_policy_version_t),
                         ngx_cycle->log);
    if (version == NULL) {
        reading->unread = 1;
        return NULL;
    }

    ngx_memzero(&frontend, sizeof(mcp_frontend_t));

    frontend.report = ngx_http_mcp_policy_file_report;
    frontend.data = reading;

    allocator.alloc = ngx_http_mcp_policy_file_alloc;
    allocator.free = ngx_http_mcp_policy_file_free;
    allocator.data = NULL;

    policy_name.data = name->data;
    policy_name.len = name->len;

    rc = mcp_policy_file_read(policy_name, (char *) file->path.data, text,
                              file->pins.file.len ? &file->pins : NULL,
                              &allocator, &frontend, file->hash_key,
                              &version->core);
    if (rc != MCP_OK) {
        reading->unread = (rc == MCP_NOMEM);
        ngx_free(version);
        return NULL;
    }

    version->own_memory = 1;
    version->references = 1;
    ngx_http_mcp_policy_list_memory(version);
    ngx_memcpy(version->sha256, sha256, NGX_HTTP_MCP_POLICY_SHA256);

    return version;
}


/* The whole file, in the reading's pool. */

static ngx_int_t
ngx_http_mcp_policy_file_text(ngx_http_mcp_policy_file_t *file,
    mcp_str_t *text, ngx_http_mcp_policy_reading_t *reading)
{
    u_char           *buf;
    size_t            size;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_err_t         err;
    ngx_uint_t        level;
    const char       *failed;
    ngx_file_info_t   fi;

    level = reading->silent ? NGX_LOG_DEBUG : reading->error;
    failed = NULL;
    err = 0;
    buf = NULL;
    size = 0;

    /* not to wait for the other end of a pipe */

    fd = ngx_open_file(file->path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(level, reading->log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", &file->path);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;
        failed = ngx_fd_info_n " failed";

    } else if (!ngx_is_file(&fi)) {
        failed = "is no regular file";

    } else if (ngx_file_size(&fi) > MCP_POLICY_FILE_MAX) {
        failed = "is larger than 16m";

    } else {
        size = ngx_file_size(&fi);
        buf = ngx_palloc(reading->pool, size + 1);

        n = buf ? ngx_read_fd(fd, buf, size + 1) : -1;

        if (n == -1) {
            err = ngx_errno;
            failed = "cannot be read";

        } else if ((size_t) n != size) {
            failed = "changes while it is read";
        }
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, reading->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &file->path);
    }

    if (failed) {
        ngx_log_error(level, reading->log, err, "policy file \"%V\": %s",
                      &file->path, failed);
        return NGX_ERROR;
    }

    text->data = buf;
    text->len = size;

    return NGX_OK;
}


static void
ngx_http_mcp_policy_file_report(void *data, mcp_severity_t severity,
    const mcp_place_t *place, const char *text)
{
    ngx_http_mcp_policy_reading_t *reading = data;

    ngx_uint_t  level;

    if (reading->silent) {
        return;
    }

    level = (severity == MCP_REPORT_ERROR) ? reading->error : NGX_LOG_WARN;

    if (place->column) {
        ngx_log_error(level, reading->log, 0, "%s in %s:%ui:%ui", text,
                      place->file, (ngx_uint_t) place->line,
                      (ngx_uint_t) place->column);

    } else {
        ngx_log_error(level, reading->log, 0, "%s in %s:%ui", text,
                      place->file, (ngx_uint_t) place->line);
    }
}


static void *
ngx_http_mcp_policy_file_alloc(void *data, size_t size)
{
    return ngx_alloc(size, ngx_cycle->log);
}


static void
ngx_http_mcp_policy_file_free(void *data, void *p)
{
    ngx_free(p);
}


static void
ngx_http_mcp_policy_file_sha256(mcp_str_t text, u_char *sha256)
{
    if (!EVP_Digest(text.data, text.len, sha256, NULL, EVP_sha256(), NULL)) {
        ngx_memzero(sha256, NGX_HTTP_MCP_POLICY_SHA256);
    }
}


static void
ngx_http_mcp_policy_file_look(ngx_http_mcp_policy_file_t *file,
    ngx_http_mcp_policy_look_t *look)
{
    ngx_file_info_t  fi;

    ngx_memzero(look, sizeof(ngx_http_mcp_policy_look_t));

    if (ngx_file_info(file->path.data, &fi) == NGX_FILE_ERROR) {
        look->error = ngx_errno;
        return;
    }

    look->uniq = ngx_file_uniq(&fi);
    look->size = ngx_file_size(&fi);
    look->sec = ngx_file_mtime(&fi);
    look->nsec = ngx_http_mcp_policy_mtime_nsec(&fi);
}


static ngx_uint_t
ngx_http_mcp_policy_file_same(const ngx_http_mcp_policy_look_t *a,
    const ngx_http_mcp_policy_look_t *b)
{
    return a->error == b->error
           && a->uniq == b->uniq
           && a->size == b->size
           && a->sec == b->sec
           && a->nsec == b->nsec;
}


void
ngx_http_mcp_policy_release(ngx_http_mcp_policy_version_t *version)
{
    if (--version->references || !version->own_memory) {
        return;
    }

    mcp_list_memory_clear(&version->lists);
    mcp_policy_destroy(version->core);
    ngx_free(version);
}


/* With the configuration. */

static void
ngx_http_mcp_policy_file_cleanup(void *data)
{
    ngx_http_mcp_policy_t *policy = data;

    ngx_http_mcp_policy_release(policy->version);
}


/* The configuration is in use: its versions get their numbers. */

void
ngx_http_mcp_policy_file_init_module(ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_uint_t                       i, first;
    ngx_http_mcp_policy_t          **policy;
    ngx_http_mcp_policy_version_t   *version;

    policy = mmcf->policies.elts;

    for (i = 0; i < mmcf->policies.nelts; i++) {

        if (policy[i]->file) {
            version = policy[i]->version;
            version->generation = ngx_http_mcp_policy_generation_accept(
                                      policy[i], version->sha256, &first);
        }
    }
}


void
ngx_http_mcp_policy_file_init_process(ngx_http_mcp_policy_main_conf_t *mmcf,
    ngx_cycle_t *cycle)
{
    ngx_fd_t                      fd;
    ngx_uint_t                    i;
    ngx_event_t                  *ev;
    ngx_http_mcp_policy_t       **policy;
    ngx_http_mcp_policy_file_t   *file;

    policy = mmcf->policies.elts;

    for (i = 0; i < mmcf->policies.nelts; i++) {
        file = policy[i]->file;

        if (file == NULL || file->watch == 0) {
            continue;
        }

        /* the master may read what a worker may not */

        fd = ngx_open_file(file->path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                           NGX_FILE_OPEN, 0);

        if (fd != NGX_INVALID_FILE) {
            (void) ngx_close_file(fd);

        } else if (ngx_worker == 0) {
            ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno,
                          "policy file \"%V\" cannot be opened by worker "
                          "processes: \"watch=\" has no effect until they "
                          "may read it", &file->path);
        }

        ev = &file->event;

        file->dummy.fd = (ngx_socket_t) -1;
        file->dummy.data = file;

        ev->handler = ngx_http_mcp_policy_file_handler;
        ev->data = &file->dummy;
        ev->log = cycle->log;
        ev->cancelable = 1;

        ngx_add_timer(ev, ngx_http_mcp_policy_file_catch_up(file));
    }
}


/*
 * The master has what it read with the configuration.  A worker in the place
 * of one that died must not bring that back: what others have taken since is
 * in force from its first request on.
 */

static ngx_msec_t
ngx_http_mcp_policy_file_catch_up(ngx_http_mcp_policy_file_t *file)
{
    ngx_http_mcp_policy_look_t  look;

    ngx_http_mcp_policy_file_look(file, &look);

    if (ngx_http_mcp_policy_file_same(&look, &file->read)) {
        return file->watch;
    }

    file->seen = look;

    if (ngx_http_mcp_policy_file_reread(file, 1) == NGX_OK) {
        file->read = look;
        return file->watch;
    }

    return ngx_min(file->watch, NGX_HTTP_MCP_POLICY_FILE_SETTLE);
}


void
ngx_http_mcp_policy_file_exit_process(ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_uint_t               i;
    ngx_http_mcp_policy_t  **policy;

    policy = mmcf->policies.elts;

    for (i = 0; i < mmcf->policies.nelts; i++) {
        if (policy[i]->file && policy[i]->file->event.timer_set) {
            ngx_del_timer(&policy[i]->file->event);
        }
    }
}


static void
ngx_http_mcp_policy_file_handler(ngx_event_t *ev)
{
    ngx_msec_t                   next;
    ngx_connection_t            *dummy;
    ngx_http_mcp_policy_file_t  *file;
    ngx_http_mcp_policy_look_t   look;

    if (ngx_exiting) {
        return;
    }

    dummy = ev->data;
    file = dummy->data;
    next = file->watch;

    ngx_http_mcp_policy_file_look(file, &look);

    if (ngx_http_mcp_policy_file_same(&look, &file->read)) {
        file->unread = 0;

    } else if (!ngx_http_mcp_policy_file_same(&look, &file->seen)) {
        next = ngx_min(next, NGX_HTTP_MCP_POLICY_FILE_SETTLE);

    } else if (ngx_http_mcp_policy_file_reread(file, 0) != NGX_ERROR) {
        file->read = look;
    }

    file->seen = look;

    ngx_add_timer(ev, next);
}


/*
 * "known": nothing but what other workers have, and no word of the rest.
 * NGX_ERROR: it cannot be read now, for lack of memory or a permission.
 * NGX_DECLINED: it is not what is wanted.
 */

static ngx_int_t
ngx_http_mcp_policy_file_reread(ngx_http_mcp_policy_file_t *file,
    ngx_uint_t known)
{
    u_char                          hex[2 * NGX_HTTP_MCP_POLICY_SHA256];
    u_char                          sha256[NGX_HTTP_MCP_POLICY_SHA256];
    mcp_str_t                       text;
    ngx_uint_t                      first, level;
    ngx_pool_t                     *pool;
    ngx_http_mcp_policy_t          *policy;
    ngx_http_mcp_policy_reading_t   reading;
    ngx_http_mcp_policy_version_t  *version;

    policy = file->policy;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&reading, sizeof(ngx_http_mcp_policy_reading_t));

    reading.log = ngx_cycle->log;
    reading.pool = pool;
    reading.error = NGX_LOG_ERR;
    reading.silent = (ngx_worker != 0 || known || file->unread);
    reading.unread = 1;

    version = NULL;

    if (ngx_http_mcp_policy_file_text(file, &text, &reading) != NGX_OK) {
        goto done;
    }

    reading.unread = 0;

    ngx_http_mcp_policy_file_sha256(text, sha256);

    if (ngx_memcmp(sha256, policy->version->sha256,
                   NGX_HTTP_MCP_POLICY_SHA256)
        == 0)
    {
        /* written anew with the same content, or put back */
        file->unread = 0;
        ngx_http_mcp_policy_generation_back(policy, sha256);
        ngx_destroy_pool(pool);
        return NGX_OK;
    }

    if (known && !ngx_http_mcp_policy_generation_known(policy, sha256)) {
        goto done;
    }

    reading.silent = !ngx_http_mcp_policy_generation_claim(policy, sha256);

    version = ngx_http_mcp_policy_file_load(file, &policy->name, text, sha256,
                                            &reading);

done:

    ngx_destroy_pool(pool);

    if (!known) {
        file->unread = reading.unread;
    }

    if (version == NULL) {
        if (!reading.silent) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "policy \"%V\" is left as it was", &policy->name);
        }

        return reading.unread ? NGX_ERROR : NGX_DECLINED;
    }

    version->generation = ngx_http_mcp_policy_generation_accept(policy,
                                                                sha256,
                                                                &first);

    ngx_http_mcp_policy_release(policy->version);
    policy->version = version;

    (void) ngx_hex_dump(hex, sha256, NGX_HTTP_MCP_POLICY_SHA256);

    level = first ? NGX_LOG_NOTICE : NGX_LOG_INFO;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "policy \"%V\" is generation %uL from \"%V\", "
                  "sha256 %*s", &policy->name, version->generation,
                  &file->path, sizeof(hex), hex);

    return NGX_OK;
}
