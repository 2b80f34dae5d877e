/*
 * What the files behind mcp_evaluate share.  Nobody else includes this.
 *
 * A message is judged in two passes: rules first, with the limits that apply
 * and the approvals it needs noted down; then keys and costs of these.  When
 * every message has passed both, limits are looked at, approvals are taken,
 * and limits are charged: each for the whole body or not at all.
 */

#ifndef MCP_JUDGE_H
#define MCP_JUDGE_H

#include "mcp_evaluate.h"

#pragma GCC visibility push(hidden)


/* A block that applies, and what it was asked about. */
typedef struct {
    const mcp_rule_t   *block;      /* NULL: hidden, default */
    mcp_str_t           pattern;    /* or "(hidden)", "(default)" */
    mcp_target_kind_t   kind;       /* NONE: the name is a method */
    mcp_str_t           name;
} mcp_scope_t;


/* Why a call is refused; a decision is made of it if it is enforced. */
typedef struct {
    mcp_action_t              action;
    mcp_reason_t              reason;
    mcp_scope_t               scope;
    const mcp_rule_t         *rule;          /* NULL without a block */
    const mcp_text_t         *message;       /* the step's own, or NULL */
    const mcp_requirement_t  *requirements;  /* of CONDITION, DENY_IF */
    uint32_t                  count;
    const mcp_limit_t        *limit;         /* of limits */
    const mcp_key_t          *key;           /* of NO_KEY of a limit */
    const mcp_approval_ask_t *ask;           /* of APPROVAL, APPROVAL_DENIED;
                                                NULL: there is no record */
    mcp_schema_fault_t        fault;         /* of ARGUMENTS */
    uint64_t                  retry_ms;
    int64_t                   remaining;
    uint64_t                  reset_ms;
} mcp_refusal_t;


/* A limit that applies to a message. */
typedef struct {
    const mcp_limit_t  *limit;
    const mcp_rule_t   *rule;
    mcp_scope_t         scope;
    uint32_t            message;
    bool                dry;
    uint64_t            key[2];
    int64_t             cost;
} mcp_pending_t;


/* An approval that a message needs. */
typedef struct {
    const mcp_approval_t  *approval;
    const mcp_rule_t      *rule;
    mcp_scope_t            scope;
    uint32_t               message;
    bool                   dry;
    uint64_t               key[2];
    uint8_t                mac[MCP_APPROVAL_MAC];
    mcp_str_t              arguments;
} mcp_asked_t;


typedef struct {
    const mcp_policy_t  *policy;
    const mcp_caller_t  *caller;
    mcp_arena_t         *arena;
    mcp_subject_t        subject;
    mcp_decision_t      *decision;    /* of the message at hand */
    uint32_t             message;
    bool                 listing;     /* arguments are not known */

    mcp_pending_t       *pending;
    uint32_t             pending_count;
    uint32_t             pending_room;

    mcp_asked_t         *asked;
    uint32_t             asked_count;
    uint32_t             asked_room;
} mcp_judge_t;


/*
 * All judges return MCP_OK to go on, MCP_NO when the call is refused and the
 * refusal is filled in, MCP_NOMEM.
 */

/* mcp_judge.c: rules */

/* A block that applies; with dry_run its refusal is noted, not returned. */
mcp_rc_t mcp_judge_block(mcp_judge_t *judge, const mcp_scope_t *scope,
    mcp_refusal_t *refusal);

/* Whether the definition is the one that was pinned. */
mcp_rc_t mcp_judge_pin(mcp_judge_t *judge, mcp_str_t tool,
    mcp_refusal_t *refusal);

/* Notes what a rule with "dry_run on" would have done: the first one. */
void mcp_judge_dry(mcp_judge_t *judge, const mcp_refusal_t *refusal);
mcp_str_t mcp_judge_rule_name(const mcp_refusal_t *refusal);


/* mcp_charge.c: limits */

/* Notes a limit down. */
mcp_rc_t mcp_charge_note(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, const mcp_limit_t *limit);

/* Keys and costs of the limits noted from index "from" on. */
mcp_rc_t mcp_charge_prepare(mcp_judge_t *judge, uint32_t from,
    mcp_refusal_t *refusal);

/*
 * Reserves all that is noted.  MCP_NO: *message is the one to refuse.  Dry
 * limits that are used up are noted in decisions[] and left out.
 */
mcp_rc_t mcp_charge_reserve(mcp_judge_t *judge, const mcp_store_t *store,
    mcp_verdict_t *verdict, uint32_t *message, mcp_refusal_t *refusal);


/* The same, but nothing is charged yet. */
mcp_rc_t mcp_charge_check(mcp_judge_t *judge, const mcp_store_t *store,
    mcp_verdict_t *verdict, uint32_t *message, mcp_refusal_t *refusal);


/* mcp_ask.c: approvals */

/* Notes down that an approval is needed. */
mcp_rc_t mcp_ask_note(mcp_judge_t *judge, const mcp_scope_t *scope,
    const mcp_rule_t *rule, const mcp_approval_t *approval);

/* What the approvals of a message bind, noted from index "from" on. */
mcp_rc_t mcp_ask_prepare(mcp_judge_t *judge, const mcp_message_t *message,
    uint32_t from, mcp_refusal_t *refusal);

/* Takes the dry ones out, and notes them in the decisions. */
void mcp_ask_dry(mcp_judge_t *judge, mcp_verdict_t *verdict);

/*
 * Takes all that are noted.  MCP_NO: the decisions and "first" are made.
 * MCP_ERROR: no hash or no random bytes could be had.
 */
mcp_rc_t mcp_ask_take(mcp_judge_t *judge, mcp_verdict_t *verdict);
void mcp_ask_give_back(mcp_judge_t *judge, mcp_verdict_t *verdict);


/* mcp_key_text.c: keys of counters and approvals */

/* Tags in a key: two things that spell alike are not the same. */
typedef enum {
    MCP_TAG_NAMED = 'n',
    MCP_TAG_SHARED = 's',
    MCP_TAG_CALLED = 'c',
    MCP_TAG_GRANT = 'G',
    MCP_TAG_SESSION = 'S',
    MCP_TAG_STANDS_IN = 'I',      /* the grant, without a session */
    MCP_TAG_GLOBAL = 'A',
    MCP_TAG_METHOD = 'M',
    MCP_TAG_MAC = 'H',
    MCP_TAG_TEXT = 'T',
    MCP_TAG_STRING = 'q',
    MCP_TAG_NUMBER = '0',
    MCP_TAG_TRUE = 't',
    MCP_TAG_FALSE = 'f'
} mcp_tag_t;

#define MCP_KEY_BUFFER  512

/* What a key is hashed of; grows into the arena. */
typedef struct {
    uint8_t      *data;
    size_t        len;
    size_t        size;
    bool          failed;
    mcp_arena_t  *arena;
    uint8_t       buffer[MCP_KEY_BUFFER];
} mcp_key_text_t;

void mcp_key_text_start(mcp_key_text_t *text, mcp_arena_t *arena);
void mcp_key_text_add(mcp_key_text_t *text, mcp_tag_t tag, mcp_str_t value);

/* MCP_OK or MCP_NOMEM. */
mcp_rc_t mcp_key_text_hash(const mcp_key_text_t *text,
    const uint64_t hash_key[2], uint64_t key[2]);


/* mcp_decision.c: what is told */

mcp_rc_t mcp_decision_make(mcp_judge_t *judge, const mcp_refusal_t *refusal,
    mcp_decision_t *decision);

/* One refusal in a batch refuses all of it. */
mcp_rc_t mcp_decision_innocents(mcp_judge_t *judge, const mcp_body_t *body,
    mcp_verdict_t *verdict);


/* mcp_sentence.c: texts */

/* The author's message or a generated sentence, in the arena. */
mcp_rc_t mcp_sentence_write(mcp_judge_t *judge, const mcp_refusal_t *refusal,
    mcp_str_t *text);

#pragma GCC visibility pop

#endif /* MCP_JUDGE_H */
