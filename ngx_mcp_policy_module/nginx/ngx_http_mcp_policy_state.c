/*
 * The state file of a zone: its counters and approvals survive what its memory
 * does not.  Here it is read, in the master; ngx_http_mcp_policy_state_write.c
 * writes it.
 */

#include "ngx_http_mcp_policy_state.h"

#include <fcntl.h>
#include <grp.h>


#define NGX_HTTP_MCP_POLICY_STATE_GROUPS   256


static ngx_fd_t ngx_http_mcp_policy_state_open_as_worker(
    ngx_core_conf_t *ccf, u_char *name);
static ngx_int_t ngx_http_mcp_policy_state_read(
    ngx_http_mcp_policy_zone_t *zone, u_char **data, size_t *length,
    ngx_log_t *log);
static void ngx_http_mcp_policy_state_set_aside(
    ngx_http_mcp_policy_zone_t *zone, const char *suffix, const char *why,
    ngx_log_t *log);
static uint64_t ngx_http_mcp_policy_state_epoch(uint64_t found);


/*
 * Whether workers will be able to write, in the master and with the rights
 * of a worker.  The file stays: it may be the one that is being written.
 */

ngx_int_t
ngx_http_mcp_policy_state_probe(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log)
{
    u_char           *name;
    ngx_fd_t          fd;
    ngx_core_conf_t  *ccf;

    name = ngx_http_mcp_policy_state_path(zone->cycle->pool, &zone->state,
                                          ".tmp");
    if (name == NULL) {
        return NGX_ERROR;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(zone->cycle->conf_ctx,
                                           ngx_core_module);

    if (geteuid() == 0 && ccf->master) {
        fd = ngx_http_mcp_policy_state_open_as_worker(ccf, name);

        if (fd == NGX_INVALID_FILE) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "state file of mcp_zone \"%V\": cannot write \"%s\" "
                          "as user \"%s\"; its directory must exist and be "
                          "writable for that user",
                          &zone->name, name, ccf->username);
            return NGX_ERROR;
        }

    } else {
        fd = ngx_http_mcp_policy_state_open(name);

        if (fd == NGX_INVALID_FILE) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "state file of mcp_zone \"%V\": cannot write \"%s\"",
                          &zone->name, name);
            return NGX_ERROR;
        }
    }

    (void) close(fd);

    return NGX_OK;
}


u_char *
ngx_http_mcp_policy_state_path(ngx_pool_t *pool, ngx_str_t *path,
    const char *suffix)
{
    size_t   length;
    u_char  *name;

    length = path->len + ngx_strlen(suffix) + 1;

    name = ngx_pnalloc(pool, length);

    if (name) {
        (void) ngx_snprintf(name, length, "%V%s%Z", path, suffix);
    }

    return name;
}


ngx_fd_t
ngx_http_mcp_policy_state_open(u_char *name)
{
    return open((char *) name, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK,
                0600);
}


static ngx_fd_t
ngx_http_mcp_policy_state_open_as_worker(ngx_core_conf_t *ccf, u_char *name)
{
    int        n;
    gid_t      gid, groups[NGX_HTTP_MCP_POLICY_STATE_GROUPS];
    ngx_fd_t   fd;
    ngx_err_t  err;

    fd = NGX_INVALID_FILE;
    gid = getegid();
    n = getgroups(NGX_HTTP_MCP_POLICY_STATE_GROUPS, groups);

    if (n == -1) {
        return fd;
    }

    if (initgroups(ccf->username, ccf->group) == 0
        && setegid(ccf->group) == 0
        && seteuid(ccf->user) == 0)
    {
        fd = ngx_http_mcp_policy_state_open(name);
    }

    err = ngx_errno;

    if (seteuid(0) == -1 || setegid(gid) == -1 || setgroups(n, groups) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "cannot return to the rights of the master process");
    }

    ngx_set_errno(err);

    return fd;
}


/*
 * Into new memory, in the master.  A file that is no good is out of the way
 * afterwards; only one that is good and does not fit ends the start, because
 * what is charged in it would be given out again.
 */

ngx_int_t
ngx_http_mcp_policy_state_load(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log)
{
    size_t                              length, rest;
    u_char                             *data;
    mcp_rc_t                            rc;
    ngx_int_t                           read;
    mcp_error_t                         error;
    ngx_http_mcp_policy_state_header_t  header;

    zone->shared->epoch = ngx_http_mcp_policy_state_epoch(0);

    read = ngx_http_mcp_policy_state_read(zone, &data, &length, log);

    if (read != NGX_OK) {
        return (read == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    ngx_memzero(&header, sizeof(header));
    ngx_memcpy(&header, data, ngx_min(length, sizeof(header)));

    if (ngx_http_mcp_policy_state_check(&header) != NGX_OK
        || header.length > length - sizeof(header))
    {
        ngx_free(data);
        ngx_http_mcp_policy_state_set_aside(zone, ".corrupt", "is damaged or "
                                            "of another version", log);
        return NGX_OK;
    }

    rc = mcp_table_decode(zone->table, ngx_http_mcp_policy_now(),
                          data + sizeof(header), header.length, &error);

    if (rc == MCP_OK) {
        rest = sizeof(header) + header.length;

        ngx_http_mcp_policy_state_load_approvals(zone, data + rest,
                                                 length - rest, log);
    }

    ngx_free(data);

    switch (rc) {

    case MCP_OK:
        mcp_table_hash_key(zone->table, zone->shared->hash_key);
        zone->shared->epoch = ngx_http_mcp_policy_state_epoch(header.epoch);
        return NGX_OK;

    case MCP_NOMEM:
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "mcp_zone \"%V\" is too small for its state file "
                      "\"%V\": %s", &zone->name, &zone->state, error.text);
        return NGX_ERROR;

    default:
        ngx_http_mcp_policy_state_set_aside(zone, ".corrupt", error.text, log);
        return NGX_OK;
    }
}


/* NGX_DECLINED: there is none.  The data is to be freed. */

static ngx_int_t
ngx_http_mcp_policy_state_read(ngx_http_mcp_policy_zone_t *zone,
    u_char **data, size_t *length, ngx_log_t *log)
{
    size_t       done;
    ssize_t      n;
    ngx_fd_t     fd;
    struct stat  st;

    fd = open((char *) zone->state.data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "cannot open state file \"%V\" of mcp_zone \"%V\"",
                      &zone->state, &zone->name);
        return NGX_ERROR;
    }

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "state file \"%V\" of mcp_zone \"%V\" is not a regular "
                      "file", &zone->state, &zone->name);
        (void) close(fd);
        return NGX_ERROR;
    }

    *data = ngx_alloc(st.st_size + 1, log);

    if (*data == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    for (done = 0; done < (size_t) st.st_size; done += n) {

        n = pread(fd, *data + done, st.st_size - done, done);

        if (n <= 0) {
            break;
        }
    }

    (void) close(fd);

    *length = done;

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_policy_state_check(
    const ngx_http_mcp_policy_state_header_t *header)
{
    uint64_t  checksum[2];

    ngx_http_mcp_policy_state_checksum(header, checksum);

    if (header->magic != NGX_HTTP_MCP_POLICY_STATE_MAGIC
        || header->version != NGX_HTTP_MCP_POLICY_STATE_VERSION
        || header->size != sizeof(ngx_http_mcp_policy_state_header_t)
        || header->checksum[0] != checksum[0]
        || header->checksum[1] != checksum[1])
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_mcp_policy_state_checksum(
    const ngx_http_mcp_policy_state_header_t *header, uint64_t checksum[2])
{
    mcp_str_t  summed;

    static const uint64_t  key[2] = {
        NGX_HTTP_MCP_POLICY_STATE_MAGIC, NGX_HTTP_MCP_POLICY_STATE_VERSION
    };

    summed.data = (const uint8_t *) header;
    summed.len = offsetof(ngx_http_mcp_policy_state_header_t, checksum);

    mcp_siphash(key, summed, checksum);
}


static void
ngx_http_mcp_policy_state_set_aside(ngx_http_mcp_policy_zone_t *zone,
    const char *suffix, const char *why, ngx_log_t *log)
{
    u_char  *name;

    name = ngx_http_mcp_policy_state_path(zone->cycle->pool, &zone->state,
                                          suffix);

    if (name == NULL || rename((char *) zone->state.data, (char *) name) == -1)
    {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "state file \"%V\" of mcp_zone \"%V\" %s and is "
                      "ignored", &zone->state, &zone->name, why);
        return;
    }

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "state file \"%V\" of mcp_zone \"%V\" %s, kept as \"%s\"",
                  &zone->state, &zone->name, why, name);
}


/* Younger than what was found, and than whoever started earlier. */

static uint64_t
ngx_http_mcp_policy_state_epoch(uint64_t found)
{
    uint64_t     now;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    now = (uint64_t) tp->sec * 1000 + tp->msec;

    return ngx_max(found + 1, now);
}


/* A zone in use was given a state file: what is in memory counts. */

void
ngx_http_mcp_policy_state_adopt(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log)
{
    zone->shared->saved = UINT64_MAX;
    zone->shared->epoch = ngx_http_mcp_policy_state_epoch(0);

    if (access((char *) zone->state.data, F_OK) == 0) {
        ngx_http_mcp_policy_state_set_aside(zone, ".old", "was written before "
                                            "the counters in memory", log);
    }
}
