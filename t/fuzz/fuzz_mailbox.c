/*
 * Refusals on their way to HTTP+SSE streams: the mailbox of the layer above
 * the core, in memory of its own, against a model that has a queue for each
 * stream.  Each byte of the input is a step: a stream opens under one of a
 * few endpoints, is kept, ends or reads; a message is posted, whole or by a
 * worker that dies over it; time goes by.  A stream gets the messages that
 * were posted to it while it alone had its endpoint, each once, whole, in
 * their order and as one event.
 */

#include "ngx_http_mcp_policy_zone.h"

#include <signal.h>

#include "fuzz.h"

#define kill     fuzz_kill

static int fuzz_kill(pid_t pid, int sig);

#include "ngx_http_mcp_policy_mailbox.c"


#define STREAMS   6
#define PARTS     48
#define HANDLES   10          /* streams that the model knows, also old ones */
#define WAITING   64
#define TEXT      NGX_HTTP_MCP_POLICY_MESSAGE_MAX
#define TAKEN     16384
#define TOO_LONG  (TEXT + 256)

#define OWN       100
#define DEAD      101         /* a worker that is no more */

typedef struct {
    uint8_t  first;           /* of bytes that go up */
    size_t   length;
    size_t   parts;           /* that lie there */
    bool     torn;
} message_t;

typedef struct {
    bool        used;
    unsigned    endpoint;
    ngx_uint_t  slot;
    uint64_t    serial;
    time_t      expires;
    ngx_pid_t   pid;
    bool        lossy;        /* had expired: what was there may be gone */
    message_t   messages[WAITING];
    unsigned    count;
} handle_t;


static const char *const  endpoints[] = {
    "/messages?sessionId=1", "http://a/messages?sessionId=1#x", "/messages?2",
    "/a/b/messages", "b/messages?", "/", "", "?", "messages"
};

/* Which of them have the same key; 0: none. */
static const unsigned     keys[] = { 1, 1, 2, 3, 3, 0, 0, 0, 0 };

#define ENDPOINTS  (sizeof(keys) / sizeof(keys[0]))


static struct {
    ngx_http_mcp_policy_shared_t       shared;
    ngx_http_mcp_policy_stream_slot_t  streams[STREAMS];
    ngx_http_mcp_policy_part_slot_t    parts[PARTS];
} memory;

static handle_t    handles[HANDLES];
static ngx_time_t  now;
static unsigned    woken;
static u_char      taken[TAKEN], expected[TAKEN];


/* What of nginx is asked for. */

volatile ngx_time_t  *ngx_cached_time = &now;
ngx_pid_t             ngx_pid = OWN;


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    (void) mtx;
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    (void) mtx;
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


void
ngx_http_mcp_policy_inbox_wake(void)
{
    woken++;
}


static int
fuzz_kill(pid_t pid, int sig)
{
    (void) sig;
    check(pid == DEAD);
    errno = ESRCH;

    return -1;
}


static bool
alive(const handle_t *handle)
{
    return handle->used && handle->expires > now.sec;
}


static void
fill(u_char *dst, const message_t *message)
{
    size_t  i;

    for (i = 0; i < message->length; i++) {
        dst[i] = (u_char) (' ' + (message->first + i) % 90);
    }
}


static size_t
parts_of(size_t length)
{
    return (length + NGX_HTTP_MCP_POLICY_PART_TEXT - 1)
           / NGX_HTTP_MCP_POLICY_PART_TEXT;
}


static size_t
waiting(const handle_t *handle)
{
    size_t    parts;
    unsigned  i;

    parts = 0;

    for (i = 0; i < handle->count; i++) {
        parts += handle->messages[i].parts;
    }

    return parts;
}


static void
open_stream(ngx_http_mcp_policy_zone_t *zone, unsigned endpoint,
    ngx_pid_t pid)
{
    size_t      i, free_slots;
    uint64_t    key[2], serial;
    ngx_int_t   rc;
    ngx_str_t   url;
    handle_t   *handle;
    ngx_uint_t  slot;

    url.data = (u_char *) endpoints[endpoint];
    url.len = strlen(endpoints[endpoint]);

    rc = ngx_http_mcp_policy_mailbox_key(zone, &url, key);
    check(rc == (keys[endpoint] ? NGX_OK : NGX_DECLINED));

    handle = NULL;
    free_slots = STREAMS;

    for (i = 0; i < HANDLES; i++) {
        free_slots -= alive(&handles[i]);

        if (!handles[i].used) {
            handle = &handles[i];
        }
    }

    if (rc != NGX_OK || handle == NULL) {
        return;
    }

    ngx_pid = pid;
    rc = ngx_http_mcp_policy_mailbox_open(zone, key, &slot, &serial);
    ngx_pid = OWN;

    check(rc == (free_slots ? NGX_OK : NGX_BUSY));

    if (rc != NGX_OK) {
        return;
    }

    memset(handle, 0, sizeof(handle_t));
    handle->used = true;
    handle->endpoint = keys[endpoint];
    handle->slot = slot;
    handle->serial = serial;
    handle->pid = pid;
    handle->expires = now.sec + NGX_HTTP_MCP_POLICY_STREAM_ALIVE;

    check(slot < STREAMS);

    for (i = 0; i < HANDLES; i++) {
        check(&handles[i] == handle || !alive(&handles[i])
              || handles[i].slot != slot);
        check(&handles[i] == handle || handles[i].serial != serial);
    }
}


static void
keep_stream(ngx_http_mcp_policy_zone_t *zone, handle_t *handle)
{
    bool       lost;
    size_t     i;
    ngx_int_t  rc;

    if (!handle->used) {
        return;
    }

    lost = false;

    for (i = 0; i < HANDLES; i++) {
        lost = lost || (handles[i].used && handles[i].slot == handle->slot
                        && handles[i].serial > handle->serial);
    }

    rc = ngx_http_mcp_policy_mailbox_keep(zone->shared, handle->slot,
                                          handle->serial);

    if (rc != NGX_OK) {
        check(!alive(handle));
        return;
    }

    check(!lost);

    handle->lossy = handle->lossy || !alive(handle);
    handle->expires = now.sec + NGX_HTTP_MCP_POLICY_STREAM_ALIVE;
}


static void
close_stream(ngx_http_mcp_policy_zone_t *zone, handle_t *handle)
{
    unsigned    i, whole;
    ngx_uint_t  dropped;

    if (!handle->used) {
        return;
    }

    whole = 0;

    for (i = 0; i < handle->count; i++) {
        whole += !handle->messages[i].torn;
    }

    dropped = ngx_http_mcp_policy_mailbox_close(zone, handle->slot,
                                                handle->serial);

    check(alive(handle) && !handle->lossy ? dropped == whole
                                          : dropped <= whole);
    handle->used = false;
}


/* The worker that wrote it died before the last parts. */
static void
tear(handle_t *handle, message_t *message, uint64_t order, size_t left)
{
    size_t  i;

    for (i = 0; i < PARTS; i++) {
        if (memory.parts[i].serial == handle->serial
            && memory.parts[i].order >= order + left)
        {
            memory.parts[i].serial = 0;
        }
    }

    message->torn = true;
    message->parts = left;
}


/* Whether there is room; beside streams that may have lost some, unknown. */
static bool
fits(const handle_t *handle, size_t needed, bool *known)
{
    size_t  i, room, own;

    room = PARTS;
    own = waiting(handle);
    *known = !handle->lossy;

    for (i = 0; i < HANDLES; i++) {
        if (alive(&handles[i])) {
            room -= waiting(&handles[i]);
            *known = *known && !handles[i].lossy;
        }
    }

    return needed <= room && (own == 0 || own + needed <= PARTS / 2);
}


static void
post(ngx_http_mcp_policy_zone_t *zone, unsigned endpoint, message_t message,
    uint8_t left)
{
    bool                        room, known;
    size_t                      i, streams;
    u_char                      text[TOO_LONG];
    uint64_t                    order;
    handle_t                   *handle;
    ngx_int_t                   rc;
    mcp_reply_t                 reply;
    ngx_shm_zone_t              shm_zone;
    ngx_connection_t            connection;
    ngx_http_request_t          request;
    ngx_http_mcp_policy_t       policy;
    ngx_http_mcp_policy_ctx_t   ctx;

    memset(&reply, 0, sizeof(reply));
    memset(&ctx, 0, sizeof(ctx));
    memset(&request, 0, sizeof(request));
    memset(&connection, 0, sizeof(connection));
    memset(&policy, 0, sizeof(policy));
    memset(&shm_zone, 0, sizeof(shm_zone));

    connection.log = &(ngx_log_t) { .log_level = 0 };
    request.connection = &connection;
    request.unparsed_uri.data = (u_char *) endpoints[endpoint];
    request.unparsed_uri.len = strlen(endpoints[endpoint]);
    shm_zone.data = zone;
    policy.zone = &shm_zone;
    ctx.policy = &policy;

    fill(text, &message);
    reply.body.data = text;
    reply.body.len = message.length;

    handle = NULL;
    streams = 0;

    for (i = 0; i < HANDLES; i++) {
        if (alive(&handles[i]) && handles[i].endpoint == keys[endpoint]
            && keys[endpoint])
        {
            handle = &handles[i];
            streams++;
        }
    }

    if (handle != NULL && handle->count == WAITING) {
        return;
    }

    order = zone->shared->order + 1;
    rc = ngx_http_mcp_policy_mailbox_post(&request, &ctx, &reply);

    if (streams == 1 && handle->pid == DEAD) {
        check(rc == NGX_DECLINED);
        handle->used = false;
        return;
    }

    if (streams != 1 || message.length == 0 || message.length > TEXT) {
        check(rc == NGX_DECLINED);
        return;
    }

    room = fits(handle, parts_of(message.length), &known);
    check(!known || rc == (room ? NGX_OK : NGX_DECLINED));

    if (rc != NGX_OK) {
        return;
    }

    check(woken > 0);

    message.parts = parts_of(message.length);

    if (left > 0 && left < message.parts) {
        tear(handle, &message, order, left);
    }

    handle->messages[handle->count++] = message;
}


/* The events of the next messages, as many as fit; those are forgotten. */
static size_t
expect(handle_t *handle, size_t size, bool *more)
{
    u_char    *p;
    size_t     length;
    unsigned   i;

    p = expected;
    *more = false;

    for (i = 0; i < handle->count; i++) {

        if (handle->messages[i].torn) {
            continue;
        }

        length = handle->messages[i].length;

        if (length + 23 > size - (size_t) (p - expected)) {
            *more = true;
            break;
        }

        p = ngx_cpymem(p, "event: message\ndata: ", 21);
        fill(p, &handle->messages[i]);
        p = ngx_cpymem(p + length, "\n\n", 2);
    }

    handle->count -= i;
    memmove(handle->messages, handle->messages + i,
            handle->count * sizeof(message_t));

    return (size_t) (p - expected);
}


static void
take(ngx_http_mcp_policy_zone_t *zone, handle_t *handle, size_t size)
{
    bool        rest;
    size_t      n, length;
    ngx_uint_t  more;

    if (!handle->used) {
        return;
    }

    n = ngx_http_mcp_policy_mailbox_take(zone, handle->serial, taken, size,
                                         &more);
    check(n <= size);

    if (handle->lossy || !alive(handle)) {

        /* whatever is left of it, nothing but whole events comes */

        check(n == 0 || (n > 23 && memcmp(taken, "event: message\n", 15) == 0
                         && memcmp(taken + n - 2, "\n\n", 2) == 0));
        handle->lossy = true;
        return;
    }

    length = expect(handle, size, &rest);

    check(n == length && memcmp(taken, expected, n) == 0);
    check((more != 0) == rest);
}


static void
step(ngx_http_mcp_policy_zone_t *zone, mcp_str_t *input)
{
    uint8_t    c, what;
    handle_t  *handle;
    message_t  message;

    what = fuzz_byte(input);
    c = fuzz_byte(input);
    handle = &handles[c % HANDLES];

    switch (what % 8) {

    case 0:
        open_stream(zone, c % ENDPOINTS, c < 240 ? OWN : DEAD);
        break;

    case 1:
        keep_stream(zone, handle);
        break;

    case 2:
        close_stream(zone, handle);
        break;

    case 3:
        now.sec += c % 20;
        break;

    case 4:
        take(zone, handle, what & 64 ? TAKEN : TEXT + 23);
        break;

    default:
        memset(&message, 0, sizeof(message));
        message.first = c;
        message.length = fuzz_byte(input) * 33;
        post(zone, c % ENDPOINTS, message, what & 128 ? what / 8 % 16 : 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_str_t                    input;
    ngx_slab_pool_t              shpool;
    ngx_http_mcp_policy_zone_t   zone;

    memset(&memory, 0, sizeof(memory));
    memset(&shpool, 0, sizeof(shpool));
    memset(&zone, 0, sizeof(zone));
    memset(handles, 0, sizeof(handles));

    now.sec = 1768473000;

    memory.shared.hash_key[0] = 1;
    memory.shared.streams = STREAMS;
    memory.shared.parts = PARTS;
    memory.shared.stream_offset = (size_t) ((u_char *) memory.streams
                                            - (u_char *) &memory);
    memory.shared.part_offset = (size_t) ((u_char *) memory.parts
                                          - (u_char *) &memory);

    zone.shpool = &shpool;
    zone.shared = &memory.shared;

    input.data = data;
    input.len = size < 1000 ? size : 1000;

    while (input.len > 0) {
        step(&zone, &input);
    }

    return 0;
}
