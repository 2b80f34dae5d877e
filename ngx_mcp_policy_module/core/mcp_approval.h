/*
 * Approvals: calls that a human decides.  One block of memory without
 * pointers, shared between processes as the table of counters is: the caller
 * holds a lock around every call and knows the time; a process may die inside
 * any of them, after which at most an approval is lost, never one too many
 * there.
 *
 * A call asks with a key that binds policy, rule, tool, grant and arguments.
 * Equal asks share a record while it is pending; an approved record lets one
 * ask through, once.
 *
 *   PENDING -> APPROVED -> USED        (and back, when no server was reached)
 *   PENDING -> DENIED
 *
 * Each of them ends when it expires.
 */

#ifndef MCP_APPROVAL_H
#define MCP_APPROVAL_H

#include "mcp_base.h"

#pragma GCC visibility push(hidden)


#define MCP_APPROVAL_ID      16      /* random bytes; hex where it is told */
#define MCP_APPROVAL_MAC     32
#define MCP_APPROVAL_NAME    512     /* bytes kept of a name */
#define MCP_APPROVAL_REASON  1024    /* bytes kept of a human's reason */

/* without ttl= */
#define MCP_APPROVAL_TTL_MS  (15 * 60 * 1000)

typedef enum {
    MCP_APPROVAL_NONE = 0,
    MCP_APPROVAL_PENDING,
    MCP_APPROVAL_APPROVED,
    MCP_APPROVAL_DENIED,
    MCP_APPROVAL_USED
} mcp_approval_state_t;

const char *mcp_approval_state_name(mcp_approval_state_t state);


/* One approval that one call needs. */
typedef struct {
    uint64_t              key[2];       /* keyed hash of all that it binds */
    uint8_t               mac[MCP_APPROVAL_MAC];  /* HMAC-SHA256 of the
                                                     canonical arguments */
    uint64_t              grant[2];     /* keyed hash */
    mcp_str_t             policy;
    mcp_str_t             rule;
    mcp_str_t             tool;         /* tool, prompt, URI or method */
    mcp_str_t             arguments;    /* JSON as sent, for the human; may be
                                           empty */
    uint64_t              ttl_ms;
    uint64_t              wait_ms;      /* 0: the call is not held */
    uint32_t              message;      /* of the body */
    uint8_t               new_id[MCP_APPROVAL_ID];  /* random, of a record that
                                                       it may take to make */
    /* out */
    mcp_approval_state_t  state;        /* NONE: there is no record, and no
                                           room for one */
    uint8_t               id[MCP_APPROVAL_ID];
    uint64_t              expires_ms;
    uint64_t              use;          /* tells one use from another */
    bool                  created;      /* the record is new */
    bool                  crowded;      /* no room: its grant has too many */
    mcp_str_t             reason;       /* of DENIED, in "reason_text" */
    uint8_t               reason_text[MCP_APPROVAL_REASON];
} mcp_approval_ask_t;


/* Where approvals live, as evaluate sees it. */
typedef struct {
    /*
     * MCP_OK: each ask had an approved record, and all of these are used now.
     * MCP_NO: none was used; *failed is the first ask without one; asks that
     * had no record have a pending one now.  MCP_ERROR: there is no room, or
     * the grant has too many pending; *failed says which.
     */
    mcp_rc_t  (*take)(void *data, mcp_approval_ask_t *asks, uint32_t count,
                  uint64_t now_ms, uint32_t *failed);
    /* Takes it back, for asks that were taken together. */
    void      (*give_back)(void *data, const mcp_approval_ask_t *asks,
                  uint32_t count, uint64_t now_ms);
    /* Random bytes for new_id.  MCP_OK or MCP_ERROR. */
    mcp_rc_t  (*random)(void *data, uint8_t *dst, size_t size);
    void       *data;
} mcp_approval_store_t;


typedef struct mcp_approvals_s  mcp_approvals_t;

typedef struct {
    uint32_t  per_grant;        /* pending records of one grant */
    size_t    arguments;        /* bytes kept of the arguments of a call */
} mcp_approval_limits_t;

typedef struct {
    uint64_t  records;          /* room */
    uint64_t  pending;
    uint64_t  approved;
    uint64_t  denied;
    uint64_t  created;          /* since the beginning, as those that follow */
    uint64_t  expired;          /* while pending */
    uint64_t  used;
    uint64_t  refused;          /* for lack of room, or too many of a grant */
    uint64_t  changes;          /* grows with every change */
} mcp_approval_stats_t;

/* A record as a human sees it; texts are in the caller's buffer. */
typedef struct {
    uint8_t               id[MCP_APPROVAL_ID];
    mcp_approval_state_t  state;
    uint64_t              grant[2];
    uint8_t               mac[MCP_APPROVAL_MAC];
    uint64_t              created_ms;
    uint64_t              decided_ms;   /* 0: not yet */
    uint64_t              expires_ms;
    uint32_t              asked;        /* how often it was asked for */
    mcp_str_t             policy;
    mcp_str_t             rule;
    mcp_str_t             tool;
    mcp_str_t             by;           /* who decided */
    mcp_str_t             reason;
    mcp_str_t             arguments;    /* empty once decided, and after a
                                           restart */
    uint64_t              arguments_length;   /* as sent; larger when only the
                                                 beginning is kept */
} mcp_approval_view_t;

/* Bytes for the texts of a view, when at most "arguments" of them are. */
#define mcp_approval_view_size(arguments)                                     \
    (4 * MCP_APPROVAL_NAME + MCP_APPROVAL_REASON + (arguments))


/* Makes an empty table in "memory", 8-byte aligned.  MCP_ERROR: too small. */
mcp_rc_t mcp_approvals_init(void *memory, size_t size,
    mcp_approvals_t **approvals);

/* One that mcp_approvals_init made earlier, or MCP_ERROR. */
mcp_rc_t mcp_approvals_check(void *memory, size_t size,
    mcp_approvals_t **approvals);

/*
 * Forgets what has expired, bytes of arguments included, as each call that
 * changes the table does; for a timer.  Returns when to do that again, which
 * is now when there is much of it, and 0 when there is no record.
 */
uint64_t mcp_approvals_expire(mcp_approvals_t *approvals, uint64_t now_ms);

/* Looks at all records. */
void mcp_approvals_stats(const mcp_approvals_t *approvals, uint64_t now_ms,
    mcp_approval_stats_t *stats);

/*
 * As mcp_approval_store_t.  The state of an ask that was used is USED.  An
 * approval does not come back when a human has refused the same call since;
 * when it does, a pending record of the same call goes.
 */
mcp_rc_t mcp_approvals_take(mcp_approvals_t *approvals,
    const mcp_approval_limits_t *limits, mcp_approval_ask_t *asks,
    uint32_t count, uint64_t now_ms, uint32_t *failed);
void mcp_approvals_give_back(mcp_approvals_t *approvals,
    const mcp_approval_ask_t *asks, uint32_t count, uint64_t now_ms);

/*
 * A human's word: APPROVED or DENIED.  MCP_OK; MCP_NO: there is no such
 * record, or it has expired; MCP_ERROR: it is decided, *state says how.  The
 * arguments are wiped; an approved record lives for its ttl from now.
 */
mcp_rc_t mcp_approvals_decide(mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], mcp_approval_state_t decision,
    mcp_str_t by, mcp_str_t reason, uint64_t now_ms,
    mcp_approval_state_t *state);

/*
 * The state of a record, for a call that is held: NONE when it is gone.
 */
mcp_approval_state_t mcp_approvals_state(const mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t now_ms);

/*
 * Copies a record, with at most "arguments" bytes of its arguments, and its
 * texts into "buffer" of mcp_approval_view_size(arguments).  MCP_NO: none.
 */
mcp_rc_t mcp_approvals_show(const mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t now_ms, size_t arguments,
    uint8_t *buffer, mcp_approval_view_t *view);

/*
 * The next live record, beginning with *position 0, in no order, looking at
 * no more than "slots" records.  MCP_OK, MCP_LATER: none among these, call
 * again, MCP_NO: that was all.
 */
mcp_rc_t mcp_approvals_next(const mcp_approvals_t *approvals,
    uint64_t now_ms, uint64_t slots, uint64_t *position, size_t arguments,
    uint8_t *buffer, mcp_approval_view_t *view);

/*
 * Pending records that somebody is to be told of.  "next" leaves one to the
 * caller alone until now_ms + lease_ms: MCP_OK with *tries that came before,
 * or MCP_NO.  "done" ends it; without that another caller gets it when the
 * lease is over.
 */
mcp_rc_t mcp_approvals_notify_next(mcp_approvals_t *approvals,
    uint64_t now_ms, uint64_t lease_ms, uint32_t *tries,
    size_t arguments, uint8_t *buffer, mcp_approval_view_t *view);
void mcp_approvals_notify_done(mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID]);
void mcp_approvals_notify_again(mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t due_ms);

/*
 * Moves the live records of "from" into the empty table "to".  MCP_NOMEM:
 * they do not fit; what fits is there.
 */
mcp_rc_t mcp_approvals_copy(const mcp_approvals_t *from, mcp_approvals_t *to,
    uint64_t now_ms);

/*
 * A snapshot: every live record without its arguments, which are for no
 * file.  "encode" returns its length, at most mcp_approvals_encode_size().
 * "decode" fills the empty table: after a stop that was not "clean" an
 * approval may have been used since, and must be given again: it is pending.
 * MCP_ERROR: damaged; MCP_NOMEM: too small; after both it is empty.
 */
size_t mcp_approvals_encode_size(const mcp_approvals_t *approvals);
size_t mcp_approvals_encode(const mcp_approvals_t *approvals,
    uint64_t now_ms, uint8_t *buffer);
mcp_rc_t mcp_approvals_decode(mcp_approvals_t *approvals, uint64_t now_ms,
    bool clean, const uint8_t *data, size_t length, mcp_error_t *error);

#pragma GCC visibility pop

#endif /* MCP_APPROVAL_H */
