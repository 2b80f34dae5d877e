/*
 * Writing the state file of a zone.
 *
 * Worker 0 writes a snapshot each second in which something changed, a piece
 * at a time, to PATH.tmp, and renames that.  Every worker that leaves for
 * good writes what is not written yet.  Whoever writes holds a lock on
 * PATH.tmp from before it looks at the counters until after the rename, so
 * snapshots replace each other in the order in which they were taken; the
 * lock goes with its holder, however that ends.
 *
 * After a binary upgrade two generations of memory write to one file.  The
 * epoch in the file tells which is the younger: the elder then leaves the
 * file alone.
 */

#include "ngx_http_mcp_policy_state.h"

#include <fcntl.h>


/* milliseconds */
#define NGX_HTTP_MCP_POLICY_STATE_PERIOD   1000
#define NGX_HTTP_MCP_POLICY_STATE_PAUSE    1      /* between two pieces */
#define NGX_HTTP_MCP_POLICY_STATE_RETRY    50     /* another one writes */
#define NGX_HTTP_MCP_POLICY_STATE_WAIT     2000   /* the same, at the end */

/* slots that are looked at under the lock, and times before a pause */
#define NGX_HTTP_MCP_POLICY_STATE_SLOTS    1024
#define NGX_HTTP_MCP_POLICY_STATE_ROUNDS   4

#define NGX_HTTP_MCP_POLICY_STATE_QUIET    60     /* seconds between errors */


struct ngx_http_mcp_policy_state_s {
    ngx_http_mcp_policy_zone_t  *zone;
    ngx_event_t                  timer;
    ngx_connection_t             dummy;       /* debugging events need one */
    u_char                      *temp;        /* path, NUL terminated */

    ngx_fd_t                     fd;          /* while a snapshot is made */
    u_char                      *buffer;
    off_t                        offset;      /* of the next piece */
    uint64_t                     changes;     /* at its beginning */
    uint64_t                     approval_changes;
    ngx_msec_t                   started;
    uint32_t                     restarts;
    mcp_table_encoder_t          encoder;

    time_t                       complained;
    unsigned                     final:1;     /* no time for pauses */
    unsigned                     clean:1;     /* see the section's member */
    unsigned                     over:1;      /* a younger epoch writes */
};


static void ngx_http_mcp_policy_state_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_mcp_policy_state_dirty(
    ngx_http_mcp_policy_state_t *writer);
static ngx_int_t ngx_http_mcp_policy_state_begin(
    ngx_http_mcp_policy_state_t *writer);
static ngx_int_t ngx_http_mcp_policy_state_superseded(
    ngx_http_mcp_policy_state_t *writer);
static ngx_int_t ngx_http_mcp_policy_state_continue(
    ngx_http_mcp_policy_state_t *writer);
static ngx_int_t ngx_http_mcp_policy_state_finish(
    ngx_http_mcp_policy_state_t *writer);
static ngx_int_t ngx_http_mcp_policy_state_append(
    ngx_http_mcp_policy_state_t *writer);
static ngx_int_t ngx_http_mcp_policy_state_write(
    ngx_http_mcp_policy_state_t *writer, const void *data, size_t length,
    off_t offset);
static void ngx_http_mcp_policy_state_close(
    ngx_http_mcp_policy_state_t *writer);
static ngx_int_t ngx_http_mcp_policy_state_complain(
    ngx_http_mcp_policy_state_t *writer, const char *what, u_char *name);


ngx_int_t
ngx_http_mcp_policy_state_start(ngx_http_mcp_policy_zone_t *zone,
    ngx_cycle_t *cycle)
{
    ngx_http_mcp_policy_state_t  *writer;

    writer = ngx_pcalloc(cycle->pool, sizeof(ngx_http_mcp_policy_state_t));
    if (writer == NULL) {
        return NGX_ERROR;
    }

    writer->temp = ngx_http_mcp_policy_state_path(cycle->pool, &zone->state,
                                                  ".tmp");
    if (writer->temp == NULL) {
        return NGX_ERROR;
    }

    writer->zone = zone;
    writer->fd = NGX_INVALID_FILE;
    writer->dummy.fd = (ngx_socket_t) -1;

    writer->timer.handler = ngx_http_mcp_policy_state_handler;
    writer->timer.data = &writer->dummy;
    writer->timer.log = cycle->log;
    writer->timer.cancelable = 1;
    writer->dummy.data = writer;

    zone->writer = writer;

    ngx_http_mcp_policy_state_enter(zone, cycle->log);

    if (ngx_worker == 0) {
        ngx_add_timer(&writer->timer, NGX_HTTP_MCP_POLICY_STATE_PAUSE);
    }

    return NGX_OK;
}


static void
ngx_http_mcp_policy_state_handler(ngx_event_t *ev)
{
    ngx_int_t                     rc;
    ngx_msec_t                    spent;
    ngx_connection_t             *dummy;
    ngx_http_mcp_policy_zone_t   *zone;
    ngx_http_mcp_policy_state_t  *writer;

    dummy = ev->data;
    writer = dummy->data;
    zone = writer->zone;

    if (writer->fd == NGX_INVALID_FILE) {

        /* the workers of a newer configuration have one that writes */

        if (writer->over || zone->generation != zone->shared->generation) {
            return;
        }

        writer->started = ngx_current_msec;

        if (!ngx_http_mcp_policy_state_dirty(writer)) {
            ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_STATE_PERIOD);
            return;
        }

        rc = ngx_http_mcp_policy_state_begin(writer);

        if (rc == NGX_BUSY) {
            ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_STATE_RETRY);
            return;
        }

    } else {
        rc = NGX_AGAIN;
    }

    if (rc == NGX_AGAIN) {
        rc = ngx_http_mcp_policy_state_continue(writer);
    }

    if (rc == NGX_AGAIN) {
        ngx_add_timer(ev, NGX_HTTP_MCP_POLICY_STATE_PAUSE);
        return;
    }

    spent = ngx_current_msec - writer->started;

    ngx_add_timer(ev, spent < NGX_HTTP_MCP_POLICY_STATE_PERIOD
                      ? NGX_HTTP_MCP_POLICY_STATE_PERIOD - spent : 1);
}


/* The worker leaves: nothing waits for its event loop any more. */

void
ngx_http_mcp_policy_state_stop(ngx_http_mcp_policy_zone_t *zone)
{
    ngx_int_t                     rc;
    ngx_uint_t                    waited;
    ngx_http_mcp_policy_state_t  *writer;

    writer = zone->writer;
    zone->writer = NULL;

    if (writer->timer.timer_set) {
        ngx_del_timer(&writer->timer);
    }

    /* one that was begun may lack the latest charges */

    ngx_http_mcp_policy_state_close(writer);

    ngx_http_mcp_policy_state_leave(zone);

    if (writer->over || zone->generation != zone->shared->generation) {
        return;
    }

    writer->final = 1;
    waited = 0;

    while (ngx_http_mcp_policy_state_dirty(writer)) {

        rc = ngx_http_mcp_policy_state_begin(writer);

        if (rc == NGX_BUSY && waited < NGX_HTTP_MCP_POLICY_STATE_WAIT) {
            waited += NGX_HTTP_MCP_POLICY_STATE_RETRY;
            ngx_msleep(NGX_HTTP_MCP_POLICY_STATE_RETRY);
            continue;
        }

        while (rc == NGX_AGAIN) {
            rc = ngx_http_mcp_policy_state_continue(writer);
        }

        break;
    }
}


static ngx_int_t
ngx_http_mcp_policy_state_dirty(ngx_http_mcp_policy_state_t *writer)
{
    ngx_int_t                    dirty;
    mcp_table_stats_t            stats;
    ngx_http_mcp_policy_zone_t  *zone;

    zone = writer->zone;

    ngx_shmtx_lock(&zone->shpool->mutex);

    mcp_table_stats(zone->table, &stats);

    writer->changes = stats.changes;

    /* what is in another zone now is that one's to write */

    dirty = !zone->shared->moved
            && (stats.changes != zone->shared->saved
                || ngx_http_mcp_policy_state_dirty_approvals(zone,
                                                             writer->final));

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return dirty;
}


/* NGX_AGAIN: begun, NGX_BUSY: another one writes. */

static ngx_int_t
ngx_http_mcp_policy_state_begin(ngx_http_mcp_policy_state_t *writer)
{
    mcp_rc_t                      rc;
    ngx_err_t                     err;
    struct stat                   held, named;
    struct flock                  lock;
    ngx_http_mcp_policy_zone_t   *zone;

    zone = writer->zone;

    writer->fd = ngx_http_mcp_policy_state_open(writer->temp);

    if (writer->fd == NGX_INVALID_FILE) {
        return ngx_http_mcp_policy_state_complain(writer, "open()",
                                                  writer->temp);
    }

    ngx_memzero(&lock, sizeof(struct flock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;

    if (fcntl(writer->fd, F_SETLK, &lock) == -1) {
        err = ngx_errno;

        if (err == NGX_EAGAIN || err == NGX_EACCES) {
            ngx_http_mcp_policy_state_close(writer);
            return NGX_BUSY;
        }

        return ngx_http_mcp_policy_state_complain(writer, "fcntl()",
                                                  writer->temp);
    }

    /* the former holder may have renamed what was opened */

    if (fstat(writer->fd, &held) == -1
        || stat((char *) writer->temp, &named) == -1
        || held.st_ino != named.st_ino || held.st_dev != named.st_dev)
    {
        ngx_http_mcp_policy_state_close(writer);
        return NGX_BUSY;
    }

    if (ngx_http_mcp_policy_state_superseded(writer)) {
        ngx_http_mcp_policy_state_close(writer);
        return NGX_DECLINED;
    }

    if (!ngx_http_mcp_policy_state_dirty(writer)) {
        ngx_http_mcp_policy_state_close(writer);
        return NGX_OK;
    }

    if (fchmod(writer->fd, 0600) == -1) {
        return ngx_http_mcp_policy_state_complain(writer, "fchmod()",
                                                  writer->temp);
    }

    writer->buffer = ngx_alloc(MCP_TABLE_BUFFER, writer->timer.log);

    if (writer->buffer == NULL) {
        ngx_http_mcp_policy_state_close(writer);
        return NGX_ERROR;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    rc = mcp_table_encode_start(zone->table, ngx_http_mcp_policy_now(),
                                writer->buffer, MCP_TABLE_BUFFER,
                                &writer->encoder);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (rc != MCP_OK) {
        ngx_http_mcp_policy_state_close(writer);
        return NGX_ERROR;
    }

    writer->restarts = 0;
    writer->offset = sizeof(ngx_http_mcp_policy_state_header_t)
                     + MCP_TABLE_HEADER;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_mcp_policy_state_superseded(ngx_http_mcp_policy_state_t *writer)
{
    ssize_t                              n;
    ngx_fd_t                             fd;
    ngx_http_mcp_policy_zone_t          *zone;
    ngx_http_mcp_policy_state_header_t   header;

    zone = writer->zone;

    fd = open((char *) zone->state.data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    n = pread(fd, &header, sizeof(header), 0);

    (void) close(fd);

    if (n != (ssize_t) sizeof(header)
        || ngx_http_mcp_policy_state_check(&header) != NGX_OK
        || header.epoch <= zone->shared->epoch)
    {
        return 0;
    }

    ngx_log_error(NGX_LOG_NOTICE, writer->timer.log, 0,
                  "state file \"%V\" of mcp_zone \"%V\" is written by an "
                  "nginx that started later", &zone->state, &zone->name);

    writer->over = 1;

    return 1;
}


/* NGX_AGAIN: there is more to do. */

static ngx_int_t
ngx_http_mcp_policy_state_continue(ngx_http_mcp_policy_state_t *writer)
{
    mcp_rc_t                     rc;
    ngx_uint_t                   n;
    mcp_table_encoder_t         *encoder;
    ngx_http_mcp_policy_zone_t  *zone;

    zone = writer->zone;
    encoder = &writer->encoder;

    for (n = 0; n < NGX_HTTP_MCP_POLICY_STATE_ROUNDS; n++) {

        ngx_shmtx_lock(&zone->shpool->mutex);

        rc = mcp_table_encode_step(zone->table, encoder,
                                   NGX_HTTP_MCP_POLICY_STATE_SLOTS);

        ngx_shmtx_unlock(&zone->shpool->mutex);

        if (encoder->restarts != writer->restarts) {
            writer->restarts = encoder->restarts;
            writer->offset = sizeof(ngx_http_mcp_policy_state_header_t)
                             + MCP_TABLE_HEADER;
        }

        if (rc == MCP_OK) {
            return ngx_http_mcp_policy_state_finish(writer);
        }

        if (rc == MCP_NOMEM) {

            if (ngx_http_mcp_policy_state_write(writer,
                                          writer->buffer + MCP_TABLE_HEADER,
                                          encoder->length - MCP_TABLE_HEADER,
                                          writer->offset)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            writer->offset += encoder->length - MCP_TABLE_HEADER;

            mcp_table_encode_take(encoder);
        }
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_mcp_policy_state_finish(ngx_http_mcp_policy_state_t *writer)
{
    size_t                               length;
    ngx_http_mcp_policy_zone_t          *zone;
    ngx_http_mcp_policy_state_header_t   header;

    zone = writer->zone;

    length = mcp_table_encode_finish(&writer->encoder) - MCP_TABLE_HEADER;

    ngx_memzero(&header, sizeof(header));

    header.magic = NGX_HTTP_MCP_POLICY_STATE_MAGIC;
    header.version = NGX_HTTP_MCP_POLICY_STATE_VERSION;
    header.size = sizeof(header);
    header.epoch = zone->shared->epoch;
    header.length = writer->offset + length - sizeof(header);

    ngx_http_mcp_policy_state_checksum(&header, header.checksum);

    if (ngx_http_mcp_policy_state_write(writer,
                                        writer->buffer + MCP_TABLE_HEADER,
                                        length, writer->offset)
        != NGX_OK
        || ngx_http_mcp_policy_state_write(writer, writer->buffer,
                                           MCP_TABLE_HEADER, sizeof(header))
           != NGX_OK
        || ngx_http_mcp_policy_state_write(writer, &header, sizeof(header), 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    writer->offset += length;

    if (ngx_http_mcp_policy_state_append(writer) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ftruncate(writer->fd, writer->offset) == -1) {
        return ngx_http_mcp_policy_state_complain(writer, "ftruncate()",
                                                  writer->temp);
    }

    /* waits for the disk, which only a worker that leaves has time for */

    if (writer->final && fsync(writer->fd) == -1) {
        return ngx_http_mcp_policy_state_complain(writer, "fsync()",
                                                  writer->temp);
    }

    if (rename((char *) writer->temp, (char *) zone->state.data) == -1) {
        return ngx_http_mcp_policy_state_complain(writer, "rename() to",
                                                  zone->state.data);
    }

    zone->shared->saved = writer->changes;
    zone->shared->approvals_saved = writer->approval_changes;

    if (writer->clean) {
        ngx_http_mcp_policy_state_confirm(zone, writer->timer.log);
    }

    ngx_http_mcp_policy_state_close(writer);

    return NGX_OK;
}


/* The approvals, after the counters. */

static ngx_int_t
ngx_http_mcp_policy_state_append(ngx_http_mcp_policy_state_t *writer)
{
    u_char                               *data;
    size_t                                length;
    ngx_int_t                             rc;
    ngx_http_mcp_policy_zone_t           *zone;

    zone = writer->zone;

    rc = ngx_http_mcp_policy_state_encode_approvals(zone, writer->final,
                                                    &data, &length,
                                                    &writer->approval_changes,
                                                    writer->timer.log);
    if (rc != NGX_OK) {
        ngx_http_mcp_policy_state_close(writer);
        return NGX_ERROR;
    }

    writer->clean = 0;

    if (data == NULL) {
        return NGX_OK;
    }

    writer->clean = ((ngx_http_mcp_policy_state_section_t *) data)->clean;

    rc = ngx_http_mcp_policy_state_write(writer, data, length, writer->offset);

    ngx_free(data);

    writer->offset += length;

    return rc;
}


static ngx_int_t
ngx_http_mcp_policy_state_write(ngx_http_mcp_policy_state_t *writer,
    const void *data, size_t length, off_t offset)
{
    ssize_t        n;
    const u_char  *p;

    for (p = data; length; p += n, length -= n, offset += n) {

        n = pwrite(writer->fd, p, length, offset);

        if (n == -1) {
            return ngx_http_mcp_policy_state_complain(writer, "pwrite()",
                                                      writer->temp);
        }
    }

    return NGX_OK;
}


/* Gives the lock up, too. */

static void
ngx_http_mcp_policy_state_close(ngx_http_mcp_policy_state_t *writer)
{
    if (writer->fd != NGX_INVALID_FILE) {
        (void) close(writer->fd);
        writer->fd = NGX_INVALID_FILE;
    }

    if (writer->buffer) {
        ngx_free(writer->buffer);
        writer->buffer = NULL;
    }
}


static ngx_int_t
ngx_http_mcp_policy_state_complain(ngx_http_mcp_policy_state_t *writer,
    const char *what, u_char *name)
{
    ngx_err_t                    err;
    ngx_http_mcp_policy_zone_t  *zone;

    err = ngx_errno;
    zone = writer->zone;

    if (writer->complained == 0
        || ngx_time() - writer->complained >= NGX_HTTP_MCP_POLICY_STATE_QUIET)
    {
        writer->complained = ngx_time();

        ngx_log_error(NGX_LOG_ERR, writer->timer.log, err,
                      "%s \"%s\" failed, the counters of mcp_zone \"%V\" are "
                      "not saved", what, name, &zone->name);
    }

    ngx_http_mcp_policy_state_close(writer);

    return NGX_ERROR;
}
