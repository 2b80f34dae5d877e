/*
 * Approvals in the state file.
 *
 * An approved call that passed after the last snapshot would pass once more
 * when that snapshot is read.  So what is read counts as approved only if the
 * file is "clean": it was written when no worker was left that could have
 * used it.  Otherwise a human is asked again.  The word is taken back in the
 * file before anybody serves.
 */

#include "ngx_http_mcp_policy_state.h"

#include <fcntl.h>
#include <signal.h>


static ngx_int_t ngx_http_mcp_policy_state_section(const u_char *data,
    size_t length, ngx_http_mcp_policy_state_section_t *section);
static void ngx_http_mcp_policy_state_seal(
    const ngx_http_mcp_policy_state_section_t *section, uint64_t checksum[2]);
static ngx_int_t ngx_http_mcp_policy_state_unclean(
    ngx_http_mcp_policy_zone_t *zone, ngx_log_t *log);
static ngx_int_t ngx_http_mcp_policy_state_alone(
    ngx_http_mcp_policy_zone_t *zone);
static ngx_int_t ngx_http_mcp_policy_state_runs(ngx_pid_t pid);


/* What is lost here has to be approved again, which ends no start. */

void
ngx_http_mcp_policy_state_load_approvals(ngx_http_mcp_policy_zone_t *zone,
    const u_char *data, size_t length, ngx_log_t *log)
{
    ngx_uint_t                            clean;
    mcp_error_t                           error;
    mcp_approval_stats_t                  stats;
    ngx_http_mcp_policy_state_section_t   section;

    if (length == 0) {
        return;
    }

    if (ngx_http_mcp_policy_state_section(data, length, &section) != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "approvals in the state file \"%V\" of mcp_zone \"%V\" "
                      "are damaged or of another version, they are lost",
                      &zone->state, &zone->name);
        return;
    }

    if (zone->approvals == NULL) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "mcp_zone \"%V\" has no room for the approvals in its "
                      "state file \"%V\", they are lost",
                      &zone->name, &zone->state);
        return;
    }

    clean = section.clean
            && ngx_http_mcp_policy_state_unclean(zone, log) == NGX_OK;

    if (mcp_approvals_decode(zone->approvals, ngx_http_mcp_policy_now(), clean,
                             data + sizeof(section), section.length, &error)
        != MCP_OK)
    {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "approvals in the state file \"%V\" of mcp_zone \"%V\" "
                      "are lost: %s", &zone->state, &zone->name, error.text);
        return;
    }

    mcp_approvals_stats(zone->approvals, ngx_http_mcp_policy_now(), &stats);

    zone->shared->approvals_asked = 1;
    zone->shared->approvals_saved = stats.changes;
}


static ngx_int_t
ngx_http_mcp_policy_state_section(const u_char *data, size_t length,
    ngx_http_mcp_policy_state_section_t *section)
{
    uint64_t  checksum[2];

    if (length < sizeof(ngx_http_mcp_policy_state_section_t)) {
        return NGX_ERROR;
    }

    ngx_memcpy(section, data, sizeof(ngx_http_mcp_policy_state_section_t));

    ngx_http_mcp_policy_state_seal(section, checksum);

    if (section->magic != NGX_HTTP_MCP_POLICY_STATE_APPROVALS
        || section->version != NGX_HTTP_MCP_POLICY_STATE_VERSION
        || section->size != sizeof(ngx_http_mcp_policy_state_section_t)
        || section->checksum[0] != checksum[0]
        || section->checksum[1] != checksum[1]
        || section->length
           != length - sizeof(ngx_http_mcp_policy_state_section_t))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_mcp_policy_state_seal(
    const ngx_http_mcp_policy_state_section_t *section, uint64_t checksum[2])
{
    mcp_str_t  summed;

    static const uint64_t  key[2] = {
        NGX_HTTP_MCP_POLICY_STATE_APPROVALS, NGX_HTTP_MCP_POLICY_STATE_VERSION
    };

    summed.data = (const uint8_t *) section;
    summed.len = offsetof(ngx_http_mcp_policy_state_section_t, checksum);

    mcp_siphash(key, summed, checksum);
}


/* In place, and on the disk. */

static ngx_int_t
ngx_http_mcp_policy_state_unclean(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log)
{
    off_t                                 offset;
    ssize_t                               n;
    ngx_fd_t                              fd;
    ngx_int_t                             rc;
    ngx_http_mcp_policy_state_header_t    header;
    ngx_http_mcp_policy_state_section_t   section;

    fd = open((char *) zone->state.data,
              O_RDWR|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);

    if (fd == NGX_INVALID_FILE) {
        rc = (ngx_errno == NGX_ENOENT) ? NGX_OK : NGX_ERROR;
        goto done;
    }

    rc = NGX_ERROR;

    n = pread(fd, &header, sizeof(header), 0);

    if (n == (ssize_t) sizeof(header)
        && ngx_http_mcp_policy_state_check(&header) == NGX_OK)
    {
        offset = sizeof(header) + header.length;

        if (pread(fd, &section, sizeof(section), offset)
            == (ssize_t) sizeof(section))
        {
            section.clean = 0;
            ngx_http_mcp_policy_state_seal(&section, section.checksum);

            if (pwrite(fd, &section, sizeof(section), offset)
                == (ssize_t) sizeof(section)
                && fsync(fd) == 0)
            {
                rc = NGX_OK;
            }
        }
    }

    (void) close(fd);

done:

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "state file \"%V\" of mcp_zone \"%V\" cannot be "
                      "changed, what is approved in it has to be approved "
                      "again", &zone->state, &zone->name);
    }

    return rc;
}


ngx_int_t
ngx_http_mcp_policy_state_encode_approvals(ngx_http_mcp_policy_zone_t *zone,
    ngx_uint_t final, u_char **data, size_t *length, uint64_t *changes,
    ngx_log_t *log)
{
    size_t                                n;
    mcp_approval_stats_t                  stats;
    ngx_http_mcp_policy_state_section_t  *section;

    *data = NULL;
    *length = 0;
    *changes = zone->shared->approvals_saved;

    if (zone->approvals == NULL || !zone->shared->approvals_asked) {
        return NGX_OK;
    }

    section = ngx_alloc(sizeof(ngx_http_mcp_policy_state_section_t)
                        + mcp_approvals_encode_size(zone->approvals), log);
    if (section == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(section, sizeof(ngx_http_mcp_policy_state_section_t));

    ngx_shmtx_lock(&zone->shpool->mutex);

    mcp_approvals_stats(zone->approvals, ngx_http_mcp_policy_now(), &stats);

    n = mcp_approvals_encode(zone->approvals, ngx_http_mcp_policy_now(),
                             (uint8_t *) (section + 1));

    section->clean = final && ngx_http_mcp_policy_state_alone(zone);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    *changes = stats.changes;

    section->magic = NGX_HTTP_MCP_POLICY_STATE_APPROVALS;
    section->version = NGX_HTTP_MCP_POLICY_STATE_VERSION;
    section->size = sizeof(ngx_http_mcp_policy_state_section_t);
    section->length = n;

    ngx_http_mcp_policy_state_seal(section, section->checksum);

    *data = (u_char *) section;
    *length = sizeof(ngx_http_mcp_policy_state_section_t) + n;

    return NGX_OK;
}


/* The last one who leaves writes once more, to say so. */

ngx_int_t
ngx_http_mcp_policy_state_dirty_approvals(ngx_http_mcp_policy_zone_t *zone,
    ngx_uint_t final)
{
    mcp_approval_stats_t  stats;

    if (zone->approvals == NULL || !zone->shared->approvals_asked) {
        return 0;
    }

    mcp_approvals_stats(zone->approvals, ngx_http_mcp_policy_now(), &stats);

    if (stats.changes != zone->shared->approvals_saved) {
        return 1;
    }

    return final
           && stats.approved
           && !zone->shared->approvals_clean
           && ngx_http_mcp_policy_state_alone(zone);
}


/* Either we see a worker that has just come, or it sees what we say here. */

void
ngx_http_mcp_policy_state_confirm(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log)
{
    ngx_uint_t  alone;

    ngx_shmtx_lock(&zone->shpool->mutex);

    alone = ngx_http_mcp_policy_state_alone(zone);
    zone->shared->approvals_clean = alone;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (!alone) {
        (void) ngx_http_mcp_policy_state_unclean(zone, log);
    }
}


void
ngx_http_mcp_policy_state_enter(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log)
{
    ngx_uint_t                     i, clean;
    ngx_http_mcp_policy_shared_t  *shared;

    shared = zone->shared;

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 0; i < NGX_HTTP_MCP_POLICY_WORKERS; i++) {
        if (!ngx_http_mcp_policy_state_runs(shared->workers[i])) {
            shared->workers[i] = ngx_pid;
            break;
        }
    }

    if (i == NGX_HTTP_MCP_POLICY_WORKERS) {
        shared->crowd = 1;
    }

    clean = shared->approvals_clean;
    shared->approvals_clean = 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    /* all others have just left, and the master goes on */

    if (clean) {
        (void) ngx_http_mcp_policy_state_unclean(zone, log);
    }
}


void
ngx_http_mcp_policy_state_leave(ngx_http_mcp_policy_zone_t *zone)
{
    ngx_uint_t                     i;
    ngx_http_mcp_policy_shared_t  *shared;

    shared = zone->shared;

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 0; i < NGX_HTTP_MCP_POLICY_WORKERS; i++) {
        if (shared->workers[i] == ngx_pid) {
            shared->workers[i] = 0;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


static ngx_int_t
ngx_http_mcp_policy_state_alone(ngx_http_mcp_policy_zone_t *zone)
{
    ngx_uint_t                     i;
    ngx_http_mcp_policy_shared_t  *shared;

    shared = zone->shared;

    if (shared->crowd) {
        return 0;
    }

    for (i = 0; i < NGX_HTTP_MCP_POLICY_WORKERS; i++) {
        if (ngx_http_mcp_policy_state_runs(shared->workers[i])) {
            return 0;
        }
    }

    return 1;
}


/* Another process that got the number of one that died does no harm. */

static ngx_int_t
ngx_http_mcp_policy_state_runs(ngx_pid_t pid)
{
    return pid && (kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH);
}
