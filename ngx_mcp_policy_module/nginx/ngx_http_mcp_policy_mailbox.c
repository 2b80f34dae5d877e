/*
 * Refusals on their way to HTTP+SSE streams, which other workers may hold.  A
 * stream is known by its endpoint: the URL that the upstream told the client
 * to post to.  Everything has a fixed size, so a flood of posts fills its
 * share of the box and is then answered with plain HTTP errors.
 */

#include "ngx_http_mcp_policy_zone.h"


/* longer refusals are answered with an HTTP error */
#define NGX_HTTP_MCP_POLICY_MESSAGE_MAX   8192

/* parts that may wait for one stream; half of the box when that is less */
#define NGX_HTTP_MCP_POLICY_WAITING_MAX   128

/* a holder refreshes its streams well before */
#define NGX_HTTP_MCP_POLICY_STREAM_ALIVE  15

#define NGX_HTTP_MCP_POLICY_EVENT_START   "event: message\ndata: "
#define NGX_HTTP_MCP_POLICY_EVENT_END     "\n\n"
#define NGX_HTTP_MCP_POLICY_EVENT_FRAME                                       \
    (sizeof(NGX_HTTP_MCP_POLICY_EVENT_START) - 1                              \
     + sizeof(NGX_HTTP_MCP_POLICY_EVENT_END) - 1)


static ngx_http_mcp_policy_stream_slot_t *ngx_http_mcp_policy_mailbox_find(
    ngx_http_mcp_policy_shared_t *shared, const uint64_t *key);
static ngx_uint_t ngx_http_mcp_policy_mailbox_slot(
    ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_stream_slot_t *stream);
static ngx_int_t ngx_http_mcp_policy_mailbox_put(
    ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_stream_slot_t *stream, mcp_str_t text);
static ngx_uint_t ngx_http_mcp_policy_mailbox_part_free(
    ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_part_slot_t *part);
static ngx_uint_t ngx_http_mcp_policy_mailbox_collect(
    ngx_http_mcp_policy_shared_t *shared, uint64_t serial, uint16_t *list);
static size_t ngx_http_mcp_policy_mailbox_message(
    ngx_http_mcp_policy_part_slot_t *parts, uint16_t *list, ngx_uint_t n,
    ngx_uint_t *used);


/*
 * What tells an endpoint from others: its query, or, without one, the last
 * segment of its path.  NGX_DECLINED when it has neither.
 */

ngx_int_t
ngx_http_mcp_policy_mailbox_key(ngx_http_mcp_policy_zone_t *zone,
    ngx_str_t *url, uint64_t *key)
{
    u_char     *p, *last, *start;
    mcp_str_t   part;

    last = ngx_strlchr(url->data, url->data + url->len, '#');

    if (last == NULL) {
        last = url->data + url->len;
    }

    start = ngx_strlchr(url->data, last, '?');

    if (start == NULL || start + 1 == last) {
        last = start ? start : last;
        start = NULL;

        for (p = last; p > url->data; p--) {
            if (p[-1] == '/') {
                start = p - 1;
                break;
            }
        }
    }

    if (start == NULL || last - start < 2) {
        return NGX_DECLINED;
    }

    /* with its "?" or "/", so that the two kinds never meet */

    part.data = start;
    part.len = last - start;

    mcp_siphash(zone->shared->hash_key, part, key);

    return NGX_OK;
}


/* NGX_BUSY: too many streams. */

ngx_int_t
ngx_http_mcp_policy_mailbox_open(ngx_http_mcp_policy_zone_t *zone,
    const uint64_t *key, ngx_uint_t *slot, uint64_t *serial)
{
    time_t                              now;
    ngx_int_t                           rc;
    ngx_uint_t                          i, first, width;
    ngx_http_mcp_policy_shared_t       *shared;
    ngx_http_mcp_policy_stream_slot_t  *stream;

    now = ngx_time();
    rc = NGX_BUSY;
    shared = zone->shared;
    stream = ngx_http_mcp_policy_zone_area(shared, stream_offset);
    first = ngx_http_mcp_policy_zone_group(shared->streams, key, &width);

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = first; i < first + width; i++) {

        if (stream[i].serial && stream[i].expires > now) {
            continue;
        }

        stream[i].serial = 0;
        stream[i].key[0] = key[0];
        stream[i].key[1] = key[1];
        stream[i].expires = now + NGX_HTTP_MCP_POLICY_STREAM_ALIVE;
        stream[i].pid = ngx_pid;

        ngx_memory_barrier();

        stream[i].serial = ++shared->serial;

        *slot = i;
        *serial = stream[i].serial;
        rc = NGX_OK;
        break;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


/* The holder tells that it still holds it; NGX_DECLINED: it came too late. */

ngx_int_t
ngx_http_mcp_policy_mailbox_keep(ngx_http_mcp_policy_shared_t *shared,
    ngx_uint_t slot, uint64_t serial)
{
    ngx_http_mcp_policy_stream_slot_t  *stream;

    stream = ngx_http_mcp_policy_zone_area(shared, stream_offset);

    if (stream[slot].serial != serial) {
        return NGX_DECLINED;
    }

    stream[slot].expires = ngx_time() + NGX_HTTP_MCP_POLICY_STREAM_ALIVE;

    return NGX_OK;
}


/* The number of messages that nobody will read. */

ngx_uint_t
ngx_http_mcp_policy_mailbox_close(ngx_http_mcp_policy_zone_t *zone,
    ngx_uint_t slot, uint64_t serial)
{
    ngx_uint_t                          i, dropped;
    ngx_http_mcp_policy_shared_t       *shared;
    ngx_http_mcp_policy_part_slot_t    *part;
    ngx_http_mcp_policy_stream_slot_t  *stream;

    dropped = 0;
    shared = zone->shared;
    stream = ngx_http_mcp_policy_zone_area(shared, stream_offset);
    part = ngx_http_mcp_policy_zone_area(shared, part_offset);

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (stream[slot].serial == serial) {
        stream[slot].serial = 0;
    }

    for (i = 0; i < shared->parts; i++) {
        if (part[i].serial == serial) {
            part[i].serial = 0;
            dropped += (part[i].rest == 0);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return dropped;
}


/* NGX_DECLINED: the reply cannot reach the client this way. */

ngx_int_t
ngx_http_mcp_policy_mailbox_post(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_reply_t *reply)
{
    uint64_t                            key[2], serial;
    ngx_int_t                           rc;
    ngx_pid_t                           pid;
    ngx_uint_t                          slot;
    ngx_http_mcp_policy_zone_t         *zone;
    ngx_http_mcp_policy_stream_slot_t  *stream;

    if (ctx->policy == NULL) {
        return NGX_DECLINED;
    }

    zone = ctx->policy->zone->data;

    /* the client's own spelling of the URL, like that of the endpoint */

    if (ngx_http_mcp_policy_mailbox_key(zone, &r->unparsed_uri, key)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;
    pid = ngx_pid;
    slot = 0;
    serial = 0;

    ngx_shmtx_lock(&zone->shpool->mutex);

    stream = ngx_http_mcp_policy_mailbox_find(zone->shared, key);

    if (stream) {
        pid = stream->pid;
        slot = ngx_http_mcp_policy_mailbox_slot(zone->shared, stream);
        serial = stream->serial;
        rc = ngx_http_mcp_policy_mailbox_put(zone->shared, stream,
                                             reply->body);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (pid != ngx_pid && kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH) {

        /* the worker died, and its streams with it */

        (void) ngx_http_mcp_policy_mailbox_close(zone, slot, serial);
        rc = NGX_DECLINED;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "mcp policy: %s, the refusal is answered with an HTTP "
                      "error",
                      (rc == NGX_BUSY) ? "mailbox of the event stream is full"
                                       : "no event stream for this URL");
        return NGX_DECLINED;
    }

    (void) ngx_atomic_fetch_add(&zone->shared->mail, 1);

    if (pid == ngx_pid) {
        ngx_http_mcp_policy_inbox_wake();
    }

    return NGX_OK;
}


/*
 * The one stream of an endpoint.  When there are several, a server without
 * sessions gave the same URL to all, nobody can tell whose call was refused.
 */

static ngx_http_mcp_policy_stream_slot_t *
ngx_http_mcp_policy_mailbox_find(ngx_http_mcp_policy_shared_t *shared,
    const uint64_t *key)
{
    time_t                              now;
    ngx_uint_t                          i, first, width;
    ngx_http_mcp_policy_stream_slot_t  *stream, *found;

    now = ngx_time();
    found = NULL;
    stream = ngx_http_mcp_policy_zone_area(shared, stream_offset);
    first = ngx_http_mcp_policy_zone_group(shared->streams, key, &width);

    for (i = first; i < first + width; i++) {

        if (stream[i].serial == 0
            || stream[i].expires <= now
            || stream[i].key[0] != key[0]
            || stream[i].key[1] != key[1])
        {
            continue;
        }

        if (found) {
            return NULL;
        }

        found = &stream[i];
    }

    return found;
}


static ngx_uint_t
ngx_http_mcp_policy_mailbox_slot(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_stream_slot_t *stream)
{
    ngx_http_mcp_policy_stream_slot_t  *first;

    first = ngx_http_mcp_policy_zone_area(shared, stream_offset);

    return stream - first;
}


static ngx_int_t
ngx_http_mcp_policy_mailbox_put(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_stream_slot_t *stream, mcp_str_t text)
{
    size_t                              n;
    uint64_t                            order;
    ngx_uint_t                          i, needed, waiting, room;
    ngx_http_mcp_policy_part_slot_t    *part;

    /* a line end would end the event: there is none in what core writes */

    if (text.len == 0 || text.len > NGX_HTTP_MCP_POLICY_MESSAGE_MAX
        || memchr(text.data, LF, text.len) || memchr(text.data, CR, text.len))
    {
        return NGX_DECLINED;
    }

    part = ngx_http_mcp_policy_zone_area(shared, part_offset);
    needed = (text.len - 1) / NGX_HTTP_MCP_POLICY_PART_TEXT + 1;
    waiting = 0;
    room = 0;

    for (i = 0; i < shared->parts; i++) {
        if (ngx_http_mcp_policy_mailbox_part_free(shared, &part[i])) {
            room++;

        } else if (part[i].serial == stream->serial) {
            waiting++;
        }
    }

    if (needed > room
        || waiting + needed > NGX_HTTP_MCP_POLICY_WAITING_MAX
        || (waiting && waiting + needed > shared->parts / 2))
    {
        return NGX_BUSY;
    }

    /*
     * Numbers are taken first: what a dying worker leaves unfinished is never
     * continued by another message.
     */

    order = shared->order + 1;
    shared->order += needed;

    for (i = 0; needed; i++) {

        if (!ngx_http_mcp_policy_mailbox_part_free(shared, &part[i])) {
            continue;
        }

        needed--;
        n = ngx_min(text.len, NGX_HTTP_MCP_POLICY_PART_TEXT);

        part[i].serial = 0;
        part[i].order = order++;
        part[i].stream = ngx_http_mcp_policy_mailbox_slot(shared, stream);
        part[i].length = n;
        part[i].rest = needed;
        ngx_memcpy(part[i].text, text.data, n);

        ngx_memory_barrier();

        part[i].serial = stream->serial;

        text.data += n;
        text.len -= n;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mcp_policy_mailbox_part_free(ngx_http_mcp_policy_shared_t *shared,
    ngx_http_mcp_policy_part_slot_t *part)
{
    ngx_http_mcp_policy_stream_slot_t  *stream;

    if (part->serial == 0) {
        return 1;
    }

    stream = ngx_http_mcp_policy_zone_area(shared, stream_offset);
    stream += part->stream;

    return stream->serial != part->serial || stream->expires <= ngx_time();
}


/*
 * Messages of a stream, in order, as events: as many whole ones as fit.
 * *more: some are left.
 */

size_t
ngx_http_mcp_policy_mailbox_take(ngx_http_mcp_policy_zone_t *zone,
    uint64_t serial, u_char *buf, size_t size, ngx_uint_t *more)
{
    u_char                           *p;
    size_t                            length;
    uint16_t                          list[NGX_HTTP_MCP_POLICY_WAITING_MAX];
    ngx_uint_t                        i, n, k, used;
    ngx_http_mcp_policy_part_slot_t  *part;

    p = buf;
    *more = 0;
    part = ngx_http_mcp_policy_zone_area(zone->shared, part_offset);

    ngx_shmtx_lock(&zone->shpool->mutex);

    n = ngx_http_mcp_policy_mailbox_collect(zone->shared, serial, list);

    for (i = 0; i < n; i += used) {
        length = ngx_http_mcp_policy_mailbox_message(part, &list[i], n - i,
                                                     &used);

        if (length + NGX_HTTP_MCP_POLICY_EVENT_FRAME
            > size - (size_t) (p - buf))
        {
            *more = 1;
            break;
        }

        if (length) {
            p = ngx_cpymem(p, NGX_HTTP_MCP_POLICY_EVENT_START,
                           sizeof(NGX_HTTP_MCP_POLICY_EVENT_START) - 1);
        }

        for (k = i; k < i + used; k++) {
            if (length) {
                p = ngx_cpymem(p, part[list[k]].text, part[list[k]].length);
            }

            part[list[k]].serial = 0;
        }

        if (length) {
            p = ngx_cpymem(p, NGX_HTTP_MCP_POLICY_EVENT_END,
                           sizeof(NGX_HTTP_MCP_POLICY_EVENT_END) - 1);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return p - buf;
}


/* The stream's parts, by their order. */

static ngx_uint_t
ngx_http_mcp_policy_mailbox_collect(ngx_http_mcp_policy_shared_t *shared,
    uint64_t serial, uint16_t *list)
{
    ngx_uint_t                        i, k, n;
    ngx_http_mcp_policy_part_slot_t  *part;

    n = 0;
    part = ngx_http_mcp_policy_zone_area(shared, part_offset);

    for (i = 0; i < shared->parts; i++) {

        if (part[i].serial != serial) {
            continue;
        }

        if (n == NGX_HTTP_MCP_POLICY_WAITING_MAX) {
            break;
        }

        /* parts are mostly written from the first slot on: few are moved */

        for (k = n; k && part[list[k - 1]].order > part[i].order; k--) {
            list[k] = list[k - 1];
        }

        list[k] = i;
        n++;
    }

    return n;
}


/*
 * The length of the message that begins with the first part; 0 and *used 1
 * for what a worker left unfinished.
 */

static size_t
ngx_http_mcp_policy_mailbox_message(ngx_http_mcp_policy_part_slot_t *part,
    uint16_t *list, ngx_uint_t n, ngx_uint_t *used)
{
    size_t      length;
    ngx_uint_t  i, count;

    *used = 1;
    count = part[list[0]].rest + 1;

    if (count > n) {
        return 0;
    }

    length = 0;

    for (i = 0; i < count; i++) {
        if (part[list[i]].order != part[list[0]].order + i
            || part[list[i]].rest != count - 1 - i)
        {
            return 0;
        }

        length += part[list[i]].length;
    }

    *used = count;

    return length;
}
