/*
 * Shared memory of mcp_zone: counters, HTTP+SSE streams with their mailbox,
 * tasks, and approvals.  Pointer-free; everything is read and written under
 * the slab pool's mutex except the "mail" and "approval_news" generations.
 */

#ifndef NGX_HTTP_MCP_POLICY_ZONE_H
#define NGX_HTTP_MCP_POLICY_ZONE_H

#include "ngx_http_mcp_policy.h"

#include "mcp_siphash.h"
#include "mcp_table.h"

#pragma GCC visibility push(hidden)


/*
 * A key lives in one group of slots, so that nothing that is done under the
 * lock takes longer in a larger zone.
 */
#define NGX_HTTP_MCP_POLICY_GROUP  64


#define NGX_HTTP_MCP_POLICY_WORKERS  128


/* An open HTTP+SSE stream, so that any worker can tell that it is there. */
typedef struct {
    uint64_t        serial;      /* zero: free */
    uint64_t        key[2];      /* hash of the endpoint */
    time_t          expires;     /* refreshed by the holder */
    ngx_pid_t       pid;         /* of the worker that holds it */
} ngx_http_mcp_policy_stream_slot_t;


#define NGX_HTTP_MCP_POLICY_PART_SIZE  512
#define NGX_HTTP_MCP_POLICY_PART_TEXT                                         \
    (NGX_HTTP_MCP_POLICY_PART_SIZE - 3 * sizeof(uint64_t))

/* A part of a refusal on its way to a stream; it lives as long as that. */
typedef struct {
    uint64_t        serial;      /* of the stream; zero: free */
    uint64_t        order;       /* parts of one message follow each other */
    uint32_t        stream;      /* slot of the stream */
    uint16_t        length;
    uint16_t        rest;        /* parts of the message after this one */
    u_char          text[NGX_HTTP_MCP_POLICY_PART_TEXT];
} ngx_http_mcp_policy_part_slot_t;


#define NGX_HTTP_MCP_POLICY_TASK_NAME  136

/* A task that an answer created: whose it is and which tool runs. */
typedef struct {
    uint64_t        key[2];      /* hash of policy and task id; zero: free */
    uint64_t        grant[2];
    time_t          expires;
    uint64_t        length;
    u_char          tool[NGX_HTTP_MCP_POLICY_TASK_NAME];
} ngx_http_mcp_policy_task_slot_t;


/* What the workers know of a policy file; never given to another policy. */
typedef struct {
    uint64_t        key[2];      /* hash of the policy's name */
    uint64_t        generation;  /* zero: free */
    u_char          sha256[NGX_HTTP_MCP_POLICY_SHA256];   /* the newest */
    u_char          claimed[NGX_HTTP_MCP_POLICY_SHA256];  /* whose errors a
                                                             worker tells */
} ngx_http_mcp_policy_file_slot_t;


/* What is known of a pinned tool, see ngx_http_mcp_policy_pin.c. */
typedef struct {
    uint64_t        key[2];      /* of policy, tool and hash; zero: free */
    uint64_t        generation;  /* of the newest configuration that has it */
    ngx_atomic_t    seen;        /* zero: as it was pinned, or not seen yet;
                                    else the beginning of another hash */
} ngx_http_mcp_policy_pin_slot_t;


typedef struct {
    uint64_t        magic;
    uint64_t        version;
    uint64_t        hash_key[2];

    ngx_uint_t      moved;       /* the counters are in the zone that takes
                                    the place of this one */
    uint64_t        generation;  /* of the newest configuration's workers */
    uint64_t        epoch;       /* of the state file, see there */
    uint64_t        saved;       /* "changes" of the counters in that file */

    ngx_atomic_t    mail;        /* changes with every new message */
    uint64_t        serial;      /* last one given to a stream */
    uint64_t        order;       /* last one given to a part */

    ngx_uint_t      streams;
    ngx_uint_t      parts;
    ngx_uint_t      tasks;
    ngx_uint_t      files;
    ngx_uint_t      pins;
    ngx_uint_t      usages;            /* groups of slots */

    ngx_atomic_t    approval_news;     /* changes with every decision */
    ngx_uint_t      approvals_asked;   /* there may be some */
    uint64_t        approvals_saved;   /* "changes" of those in the file */
    ngx_uint_t      approvals_clean;   /* what the file says of them */
    ngx_atomic_t    notified;          /* approvals that a webhook took */
    ngx_atomic_t    notify_failed;     /* tries that came to nothing */

    /* with a state file: who may use an approval; 0 is free */
    ngx_pid_t       workers[NGX_HTTP_MCP_POLICY_WORKERS];
    ngx_uint_t      crowd;             /* there were more */

    size_t          stream_offset;     /* from the start of this struct */
    size_t          part_offset;
    size_t          task_offset;
    size_t          file_offset;
    size_t          pin_offset;
    size_t          statistics_offset;
    size_t          usage_offset;
    size_t          refusal_offset;
    size_t          approval_offset;
    size_t          approval_size;
    size_t          table_offset;
    size_t          table_size;
} ngx_http_mcp_policy_shared_t;


typedef struct ngx_http_mcp_policy_holder_s  ngx_http_mcp_policy_holder_t;
typedef struct ngx_http_mcp_policy_state_s  ngx_http_mcp_policy_state_t;

typedef struct {
    ngx_str_t                      name;
    ngx_slab_pool_t               *shpool;
    ngx_http_mcp_policy_shared_t  *shared;
    mcp_table_t                   *table;
    mcp_approvals_t               *approvals;  /* NULL: no room for any */
    ngx_http_mcp_policy_holder_t  *holder;   /* of this worker's streams in
                                                the zone, NULL without any */
    ngx_cycle_t                   *cycle;
    ngx_str_t                      state;    /* path, or empty */
    ngx_http_mcp_policy_state_t   *writer;   /* of this worker, or NULL */
    ngx_http_mcp_policy_shared_t  *from;     /* the zone that this one takes
                                                the place of, until then */
    uint64_t                       generation;
    ngx_uint_t                     pins;     /* of the policies in it */
    time_t                         full_logged;
    time_t                         approvals_logged;
    unsigned                       adopt:1;  /* state= is new, the zone not */
} ngx_http_mcp_policy_zone_t;


/*
 * A build for tests can be told to die while it holds the lock, and that the
 * audit log finds no memory.
 */
#if (NGX_HTTP_MCP_POLICY_TEST)
void ngx_http_mcp_policy_test_locked(void);
ngx_uint_t ngx_http_mcp_policy_test_memory(void);
#else
#define ngx_http_mcp_policy_test_locked()
#define ngx_http_mcp_policy_test_memory()  0
#endif


#define ngx_http_mcp_policy_zone_area(shared, offset)                         \
    ((void *) ((u_char *) (shared) + (shared)->offset))


/* The first slot of the key's group; *width is the number of slots in it. */

static ngx_inline ngx_uint_t
ngx_http_mcp_policy_zone_group(ngx_uint_t slots, const uint64_t *key,
    ngx_uint_t *width)
{
    ngx_uint_t  groups;

    groups = slots / NGX_HTTP_MCP_POLICY_GROUP;

    if (groups == 0) {
        *width = slots;
        return 0;
    }

    *width = NGX_HTTP_MCP_POLICY_GROUP;

    return (key[0] % groups) * NGX_HTTP_MCP_POLICY_GROUP;
}


/* ngx_http_mcp_policy_zone_take.c: a zone gets another size */
ngx_http_mcp_policy_zone_t *ngx_http_mcp_policy_zone_former(
    ngx_http_mcp_policy_zone_t *zone);
ngx_int_t ngx_http_mcp_policy_zone_take(ngx_http_mcp_policy_zone_t *zone,
    ngx_http_mcp_policy_zone_t *old, ngx_log_t *log);

/* ngx_http_mcp_policy_approval.c */
ngx_int_t ngx_http_mcp_policy_approval_init_process(
    ngx_http_mcp_policy_zone_t *zone, ngx_cycle_t *cycle);

/* ngx_http_mcp_policy_state.c, _state_write.c: counters survive a restart */
ngx_int_t ngx_http_mcp_policy_state_probe(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log);
ngx_int_t ngx_http_mcp_policy_state_load(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log);
void ngx_http_mcp_policy_state_adopt(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log);
ngx_int_t ngx_http_mcp_policy_state_start(ngx_http_mcp_policy_zone_t *zone,
    ngx_cycle_t *cycle);
void ngx_http_mcp_policy_state_stop(ngx_http_mcp_policy_zone_t *zone);

/* ngx_http_mcp_policy_mailbox.c */
ngx_int_t ngx_http_mcp_policy_mailbox_key(ngx_http_mcp_policy_zone_t *zone,
    ngx_str_t *url, uint64_t *key);
ngx_int_t ngx_http_mcp_policy_mailbox_open(ngx_http_mcp_policy_zone_t *zone,
    const uint64_t *key, ngx_uint_t *slot, uint64_t *serial);
ngx_int_t ngx_http_mcp_policy_mailbox_keep(
    ngx_http_mcp_policy_shared_t *shared, ngx_uint_t slot, uint64_t serial);
ngx_uint_t ngx_http_mcp_policy_mailbox_close(
    ngx_http_mcp_policy_zone_t *zone, ngx_uint_t slot, uint64_t serial);
size_t ngx_http_mcp_policy_mailbox_take(ngx_http_mcp_policy_zone_t *zone,
    uint64_t serial, u_char *buf, size_t size, ngx_uint_t *more);

/* ngx_http_mcp_policy_inbox.c: soon looks into the mailboxes */
void ngx_http_mcp_policy_inbox_wake(void);

/* ngx_http_mcp_policy_pin.c: definitions that changed */
ngx_uint_t ngx_http_mcp_policy_pin_slots(size_t size, ngx_uint_t pins);
ngx_int_t ngx_http_mcp_policy_pin_check(ngx_http_mcp_policy_zone_t *zone,
    ngx_log_t *log);
void ngx_http_mcp_policy_pin_init_module(
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_shm_zone_t *shm_zone,
    ngx_http_mcp_policy_shared_t *from);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_ZONE_H */
