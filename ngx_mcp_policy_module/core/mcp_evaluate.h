/*
 * Messages + caller + clock + store -> decisions.  The predicate that judges
 * calls is the one that decides what lists show.
 */

#ifndef MCP_EVALUATE_H
#define MCP_EVALUATE_H

#include "mcp_approval.h"
#include "mcp_policy.h"
#include "mcp_store.h"

#pragma GCC visibility push(hidden)


typedef enum {
    MCP_ALLOW = 0,
    MCP_DENY,
    MCP_LIMIT,
    MCP_APPROVE,
    MCP_INVALID
} mcp_action_t;

const char *mcp_action_name(mcp_action_t action);   /* "allow", ... */


/* Why: stable lower-case words, listed in docs/decisions.md. */
typedef enum {
    MCP_REASON_NONE = 0,         /* "" */
    MCP_REASON_HIDDEN,           /* "hidden" */
    MCP_REASON_NOT_LISTED,       /* "not_listed": default deny */
    MCP_REASON_NAME,             /* "bad_name": outside [A-Za-z0-9_./-] */
    MCP_REASON_URI,              /* "bad_uri": dot segments */
    MCP_REASON_DENIED,           /* "denied": a deny directive */
    MCP_REASON_CONDITION,        /* "condition": a requirement failed */
    MCP_REASON_DENY_IF,          /* "deny_if" */
    MCP_REASON_METHOD,           /* "method": method under default deny */
    MCP_REASON_TASK,             /* "unknown_task" */
    MCP_REASON_TASK_OWNER,       /* "task_owner": another caller's task */
    MCP_REASON_UNDECIDABLE,      /* "undecidable": regex limit, variable */
    MCP_REASON_RATE_LIMITED,     /* "rate_limited" */
    MCP_REASON_BAD_COST,         /* "bad_cost" */
    MCP_REASON_NO_KEY,           /* "no_key": a per= key is empty, missing */
    MCP_REASON_ZONE_FULL,        /* "zone_full" */
    MCP_REASON_APPROVAL,         /* "approval_required" */
    MCP_REASON_APPROVAL_DENIED,  /* "approval_denied": by a human */
    MCP_REASON_APPROVALS_FULL,   /* "approvals_full": too many wait */
    MCP_REASON_BATCH,            /* "batch": innocent, another was refused */
    MCP_REASON_UNPINNED,         /* "unpinned": not in the pin file */
    MCP_REASON_DEFINITION,       /* "definition_changed": since pinned */
    MCP_REASON_ARGUMENTS,        /* "invalid_arguments": validate on */
    MCP_REASON_UNKNOWN_POLICY,   /* "unknown_policy" */
    MCP_REASON_INTERNAL,         /* "internal": out of memory */
    MCP_REASON_COUNT
} mcp_reason_t;

const char *mcp_reason_name(mcp_reason_t reason);


typedef struct {
    mcp_action_t        action;
    mcp_reason_t        reason;
    mcp_str_t           rule;          /* name, else pattern, else "(hidden)",
                                          "(default)"; empty when allowed */
    mcp_str_t           text;          /* the author's or a generated sentence,
                                          without "[POLICY DENIED] " */
    mcp_denial_t        denial;        /* of the rule, or DEFAULT */
    bool                not_shown;     /* answer like an unknown name */
    bool                method_denied; /* a method block or the default refused
                                          the method as a whole */
    const mcp_limit_t  *limit;         /* of LIMIT */
    uint64_t            retry_ms;      /* of LIMIT */
    int64_t             remaining;     /* of LIMIT: what is left, millionths */
    uint64_t            reset_ms;      /* of LIMIT: Unix time, see
                                          mcp_charge_result_t */
    const mcp_approval_ask_t  *ask;    /* of APPROVE and a human's denial, with
                                          what became of it; NULL in dry run
                                          and without a store */

    /* A rule with "dry_run on" that would have refused, else ALLOW. */
    mcp_action_t        dry_action;
    mcp_reason_t        dry_reason;
    mcp_str_t           dry_rule;
} mcp_decision_t;


/* The id of an approval as it is told, not NUL terminated. */
#define MCP_APPROVAL_HEX  (2 * MCP_APPROVAL_ID)

void mcp_approval_hex(const uint8_t id[MCP_APPROVAL_ID],
    uint8_t hex[MCP_APPROVAL_HEX]);


/* A task that an earlier answer created, or MCP_NO. */
typedef struct {
    mcp_str_t  tool;        /* in the arena */
    bool       owner;       /* it was created for this caller */
} mcp_task_t;

typedef struct {
    mcp_str_t             grant;       /* empty: no caller known */
    mcp_str_t             session;     /* empty: the grant stands in */
    mcp_text_resolve_pt   resolve;
    void                 *resolve_data;
    mcp_rc_t            (*find_task)(void *data, mcp_str_t id,
                            mcp_arena_t *arena, mcp_task_t *task);
    void                 *find_task_data;
    /* Whether the definition that was seen last differs from the pinned one;
       NULL: it does not. */
    bool                (*pin_changed)(void *data, const mcp_policy_t *policy,
                            const mcp_pin_t *pin);
    void                 *pin_changed_data;
    uint64_t              now_ms;      /* Unix time */
    bool                  dry_run;     /* mcp_dry_run: count apart */
    bool                  zone_full_allow;
    uint64_t              hash_key[2]; /* of the keys of counters and
                                          approvals, and of the grant's hash:
                                          that of the zone, so that what
                                          $mcp_grant shows is ask.grant */
    const mcp_approval_store_t  *approvals;  /* NULL: nobody can approve */
} mcp_caller_t;


/* The outcome for a whole body: one decision per message. */
typedef struct {
    mcp_decision_t      *decisions;
    uint32_t             count;
    uint32_t             first;        /* the message that decided: the first
                                          refused, else 0 */
    mcp_charge_t        *charges;      /* taken; the arena's */
    const mcp_limit_t  **limits;       /* of each charge */
    uint32_t             charge_count;
    const mcp_charge_t  *full;         /* of LIMIT: what did not fit, else
                                          NULL; the arena's */
    mcp_approval_ask_t  *asks;         /* approvals that were used; the
                                          arena's */
    uint32_t             ask_count;
} mcp_verdict_t;


/*
 * Judges a body.  MCP_OK: verdict is complete, also for refusals (the caller
 * looks at decisions[first].action).  When any message is refused nothing is
 * charged and no approval is used, and the innocent requests of a batch get
 * MCP_REASON_BATCH.
 * MCP_NOMEM and MCP_ERROR: refuse everything.  "store" may be NULL for a
 * policy without limits.
 */
mcp_rc_t mcp_evaluate(const mcp_policy_t *policy, const mcp_body_t *body,
    const mcp_caller_t *caller, const mcp_store_t *store, mcp_arena_t *arena,
    mcp_verdict_t *verdict);

/*
 * Whether some call of "name" could pass for this caller: what lists show.
 * MCP_OK shown, MCP_NO not shown, MCP_ERROR cannot be told: do not show.
 */
mcp_rc_t mcp_evaluate_visible(const mcp_policy_t *policy,
    mcp_target_kind_t kind, mcp_str_t name, const mcp_caller_t *caller,
    mcp_arena_t *arena);

/*
 * The same for a URI template: whether a URI that it stands for could be read.
 * "*work" is 0 before the first template of a list, which are not to cost
 * without end together.
 */
mcp_rc_t mcp_evaluate_template(const mcp_policy_t *policy,
    mcp_str_t template, const mcp_caller_t *caller, mcp_arena_t *arena,
    size_t *work);

/*
 * Whether "hide" covers a name of any kind.  MCP_OK, MCP_NO; MCP_ERROR cannot
 * be told: it does.
 */
mcp_rc_t mcp_evaluate_hides(const mcp_policy_t *policy, mcp_str_t name);

#pragma GCC visibility pop

#endif /* MCP_EVALUATE_H */
