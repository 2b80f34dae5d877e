/*
 * Files of mcp_audit_log: the directive, buffers, and writing whole lines.
 */

#include "ngx_http_mcp_policy_audit.h"


#define NGX_HTTP_MCP_POLICY_AUDIT_FLUSH   1000   /* ms, with a buffer */
#define NGX_HTTP_MCP_POLICY_AUDIT_REPORT  59     /* s between two */
#define NGX_HTTP_MCP_POLICY_AUDIT_FLAGS   64


static void ngx_http_mcp_policy_audit_flush(
    ngx_http_mcp_policy_audit_log_t *log, ngx_log_t *errlog);
static void ngx_http_mcp_policy_audit_write(
    ngx_http_mcp_policy_audit_log_t *log, u_char *text, size_t length,
    ngx_uint_t lines, ngx_log_t *errlog);
static ssize_t ngx_http_mcp_policy_audit_write_fd(
    ngx_http_mcp_policy_audit_log_t *log, u_char *text, size_t length);
static void ngx_http_mcp_policy_audit_report(
    ngx_http_mcp_policy_audit_log_t *log, time_t now, ngx_err_t err,
    ngx_log_t *errlog);
static ngx_uint_t ngx_http_mcp_policy_audit_whole(u_char *text, ssize_t n);
static void ngx_http_mcp_policy_audit_timer(ngx_event_t *ev);
static void ngx_http_mcp_policy_audit_reopen(ngx_open_file_t *file,
    ngx_log_t *errlog);

static char *ngx_http_mcp_policy_audit_parameter(ngx_conf_t *cf,
    ngx_str_t *value, ngx_http_mcp_policy_audit_log_t *log);
static ngx_http_mcp_policy_audit_log_t *ngx_http_mcp_policy_audit_open(
    ngx_conf_t *cf, ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *path,
    ngx_http_mcp_policy_audit_log_t *wanted);
static ngx_atomic_t *ngx_http_mcp_policy_audit_torn(ngx_conf_t *cf,
    ngx_str_t *name);


void
ngx_http_mcp_policy_audit_append(ngx_http_mcp_policy_audit_log_t *log,
    u_char *line, size_t length, ngx_log_t *errlog)
{
    if (log->size == 0) {
        ngx_http_mcp_policy_audit_write(log, line, length, 1, errlog);
        return;
    }

    if (length > log->size - log->length) {
        ngx_http_mcp_policy_audit_flush(log, errlog);
    }

    ngx_memcpy(log->buffer + log->length, line, length);
    log->length += length;
    log->lines++;

    if (!log->event.timer_set) {
        ngx_add_timer(&log->event, log->flush);
    }
}


static void
ngx_http_mcp_policy_audit_flush(ngx_http_mcp_policy_audit_log_t *log,
    ngx_log_t *errlog)
{
    if (log->event.timer_set) {
        ngx_del_timer(&log->event);
    }

    if (log->length == 0) {
        return;
    }

    ngx_http_mcp_policy_audit_write(log, log->buffer, log->length, log->lines,
                                    errlog);

    log->length = 0;
    log->lines = 0;
}


/*
 * One write: appended as a whole, whatever other workers write.  What cannot
 * be written is lost and counted; requests go on.
 */

static void
ngx_http_mcp_policy_audit_write(ngx_http_mcp_policy_audit_log_t *log,
    u_char *text, size_t length, ngx_uint_t lines, ngx_log_t *errlog)
{
    time_t     now;
    ssize_t    n;
    ngx_err_t  err;

    now = (time_t) (ngx_http_mcp_policy_now() / 1000);

    /* some systems block for long in a write to a full disk */

    if (now == log->full) {
        log->lost += lines;
        return;
    }

    n = ngx_http_mcp_policy_audit_write_fd(log, text, length);
    err = (n == -1) ? ngx_errno : 0;

    if (n != (ssize_t) length) {
        log->lost += lines - ngx_http_mcp_policy_audit_whole(text, n);

        if (n != -1 || err == NGX_ENOSPC) {
            log->full = now;
        }
    }

    /* also when the clock went back */

    if (now < log->reported
        || now - log->reported > NGX_HTTP_MCP_POLICY_AUDIT_REPORT)
    {
        ngx_http_mcp_policy_audit_report(log, now, err, errlog);
    }
}


/*
 * A file that another worker, too, may have left with a part of a line goes
 * on with a line of its own; two of them at once leave an empty one.
 */

static ssize_t
ngx_http_mcp_policy_audit_write_fd(ngx_http_mcp_policy_audit_log_t *log,
    u_char *text, size_t length)
{
    ssize_t       n;
    ngx_uint_t    torn;
    struct iovec  iov[2];

    torn = *log->torn;

    if (torn) {
        iov[0].iov_base = "\n";
        iov[0].iov_len = 1;
        iov[1].iov_base = text;
        iov[1].iov_len = length;

        n = writev(log->file->fd, iov, 2);

        if (n > 0) {
            n--;
        }

    } else {
        n = ngx_write_fd(log->file->fd, text, length);
    }

    if (n > 0 && text[n - 1] != '\n') {
        *log->torn = 1;

    } else if (torn && n > 0) {
        *log->torn = 0;
    }

    return n;
}


static void
ngx_http_mcp_policy_audit_report(ngx_http_mcp_policy_audit_log_t *log,
    time_t now, ngx_err_t err, ngx_log_t *errlog)
{
    if (log->lost == 0) {
        return;
    }

    ngx_log_error(NGX_LOG_ALERT, errlog, err,
                  ngx_write_fd_n " to \"%V\" failed, "
                  "lines of the audit log lost: %ui",
                  &log->file->name, log->lost);

    log->lost = 0;
    log->reported = now;
}


static ngx_uint_t
ngx_http_mcp_policy_audit_whole(u_char *text, ssize_t n)
{
    ssize_t     i;
    ngx_uint_t  lines;

    lines = 0;

    for (i = 0; i < n; i++) {
        lines += (text[i] == '\n');
    }

    return lines;
}


static void
ngx_http_mcp_policy_audit_timer(ngx_event_t *ev)
{
    ngx_http_mcp_policy_audit_flush(ev->data, ev->log);
}


/*
 * Before the file is opened anew, and when a worker exits: nothing is left to
 * write or to tell.
 */

static void
ngx_http_mcp_policy_audit_reopen(ngx_open_file_t *file, ngx_log_t *errlog)
{
    time_t                             now;
    ngx_uint_t                         i;
    ngx_http_mcp_policy_main_conf_t   *mmcf;
    ngx_http_mcp_policy_audit_log_t  **log;

    mmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_mcp_policy_module);

    if (mmcf == NULL) {
        return;
    }

    now = (time_t) (ngx_http_mcp_policy_now() / 1000);
    log = mmcf->audit_logs.elts;

    for (i = 0; i < mmcf->audit_logs.nelts; i++) {
        if (log[i]->file == file) {
            ngx_http_mcp_policy_audit_flush(log[i], errlog);
            ngx_http_mcp_policy_audit_report(log[i], now, 0, errlog);
        }
    }
}


char *
ngx_http_mcp_policy_audit_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_loc_conf_t *mlcf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_mcp_policy_audit_log_t    wanted;
    ngx_http_mcp_policy_main_conf_t   *mmcf;

    if (mlcf->audit_log != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (cf->args->nelts > 2) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"mcp_audit_log off\", expected none",
                               &value[2]);
            return NGX_CONF_ERROR;
        }

        mlcf->audit_log = NULL;
        return NGX_CONF_OK;
    }

    if (value[1].len == 0
        || ngx_http_script_variables_count(&value[1])
        || ngx_strncmp(value[1].data, "syslog:", 7) == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path \"%V\" in \"mcp_audit_log\", "
                           "expected a file, without variables", &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&wanted, sizeof(ngx_http_mcp_policy_audit_log_t));

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_mcp_policy_audit_parameter(cf, &value[i], &wanted)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (wanted.flush && wanted.size == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"flush\" in \"mcp_audit_log\" needs \"buffer\"");
        return NGX_CONF_ERROR;
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_policy_module);

    mlcf->audit_log = ngx_http_mcp_policy_audit_open(cf, mmcf, &value[1],
                                                     &wanted);

    return mlcf->audit_log ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_mcp_policy_audit_parameter(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_mcp_policy_audit_log_t *log)
{
    ssize_t     size;
    ngx_int_t   time;
    ngx_str_t   s;

    if (log->size == 0 && ngx_strncmp(value->data, "buffer=", 7) == 0) {
        s.data = value->data + 7;
        s.len = value->len - 7;

        size = ngx_parse_size(&s);

        if (size < MCP_AUDIT_LINE_MAX) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid size \"%V\" in \"mcp_audit_log\", "
                               "expected buffer=SIZE of at least 4k", value);
            return NGX_CONF_ERROR;
        }

        log->size = size;

        return NGX_CONF_OK;
    }

    if (log->flush == 0 && ngx_strncmp(value->data, "flush=", 6) == 0) {
        s.data = value->data + 6;
        s.len = value->len - 6;

        time = ngx_parse_time(&s, 0);

        if (time == NGX_ERROR || time == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\" in \"mcp_audit_log\", "
                               "expected flush=TIME", value);
            return NGX_CONF_ERROR;
        }

        log->flush = time;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"mcp_audit_log\", "
                       "expected buffer=SIZE and flush=TIME, each once",
                       value);

    return NGX_CONF_ERROR;
}


/* All that name a file share its buffer. */

static ngx_http_mcp_policy_audit_log_t *
ngx_http_mcp_policy_audit_open(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *path,
    ngx_http_mcp_policy_audit_log_t *wanted)
{
    ngx_uint_t                         i;
    ngx_open_file_t                   *file;
    ngx_http_mcp_policy_audit_log_t   *log, **logs;

    static ngx_str_t  request_id = ngx_string("request_id");

    if (wanted->size && wanted->flush == 0) {
        wanted->flush = NGX_HTTP_MCP_POLICY_AUDIT_FLUSH;
    }

    file = ngx_conf_open_file(cf->cycle, path);
    if (file == NULL) {
        return NULL;
    }

    logs = mmcf->audit_logs.elts;

    for (i = 0; i < mmcf->audit_logs.nelts; i++) {

        if (logs[i]->file != file) {
            continue;
        }

        if (logs[i]->size != wanted->size || logs[i]->flush != wanted->flush) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "mcp_audit_log \"%V\" has other parameters "
                               "elsewhere", path);
            return NULL;
        }

        return logs[i];
    }

    log = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_audit_log_t));
    logs = ngx_array_push(&mmcf->audit_logs);

    if (log == NULL || logs == NULL) {
        return NULL;
    }

    *logs = log;

    log->file = file;
    log->size = wanted->size;
    log->flush = wanted->flush;

    log->torn = ngx_http_mcp_policy_audit_torn(cf, &file->name);
    if (log->torn == NULL) {
        return NULL;
    }

    if (log->size) {
        log->buffer = ngx_pnalloc(cf->pool, log->size);
        if (log->buffer == NULL) {
            return NULL;
        }

        log->event.data = log;
        log->event.handler = ngx_http_mcp_policy_audit_timer;
        log->event.log = &cf->cycle->new_log;
        log->event.cancelable = 1;
    }

    mmcf->request_id = ngx_http_get_variable_index(cf, &request_id);

    return (mmcf->request_id == NGX_ERROR) ? NULL : log;
}


/*
 * A flag that all workers share, those of other configurations, too: the
 * memory stays as long as the master.  Files that share a flag by chance may
 * get an empty line after a disk was full.
 */

static ngx_atomic_t *
ngx_http_mcp_policy_audit_torn(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_shm_t  shm;

    static ngx_atomic_t  *torn;

    if (torn == NULL) {
        ngx_memzero(&shm, sizeof(ngx_shm_t));

        shm.size = NGX_HTTP_MCP_POLICY_AUDIT_FLAGS * sizeof(ngx_atomic_t);
        ngx_str_set(&shm.name, "mcp_audit_log");
        shm.log = cf->log;

        if (ngx_shm_alloc(&shm) != NGX_OK) {
            return NULL;
        }

        torn = (ngx_atomic_t *) shm.addr;
    }

    return &torn[ngx_crc32_long(name->data, name->len)
                 % NGX_HTTP_MCP_POLICY_AUDIT_FLAGS];
}


/* All configuration is read: the buffer of a file is ours or another's. */

ngx_int_t
ngx_http_mcp_policy_audit_bind(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf)
{
    ngx_uint_t                         i;
    ngx_http_mcp_policy_audit_log_t  **log;

    log = mmcf->audit_logs.elts;

    for (i = 0; i < mmcf->audit_logs.nelts; i++) {

        if (log[i]->size == 0 && log[i]->file->flush) {
            continue;
        }

        if (log[i]->file->flush) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "mcp_audit_log \"%V\" with \"buffer\" is the file "
                          "of another buffered log", &log[i]->file->name);
            return NGX_ERROR;
        }

        log[i]->file->flush = ngx_http_mcp_policy_audit_reopen;
    }

    return NGX_OK;
}
