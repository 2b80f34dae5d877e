/*
 * A policy: built by a front end directive by directive, checked as a whole,
 * then immutable.
 */

#ifndef MCP_POLICY_H
#define MCP_POLICY_H

#include "mcp_condition.h"
#include "mcp_counter.h"
#include "mcp_message.h"
#include "mcp_pin.h"

#pragma GCC visibility push(hidden)


typedef enum {
    MCP_DENIAL_DEFAULT = 0,     /* as the location says */
    MCP_DENIAL_RESULT,
    MCP_DENIAL_ERROR,
    MCP_DENIAL_STATUS
} mcp_denial_t;


/* Where something was written; file is NUL terminated and outlives all. */
typedef struct {
    const char  *file;
    unsigned     line;
    unsigned     column;    /* 0: none is known */
} mcp_place_t;


/* Where a directive of a policy may stand. */
typedef enum {
    MCP_CONTEXT_POLICY = 0,
    MCP_CONTEXT_TOOL,
    MCP_CONTEXT_PROMPT,
    MCP_CONTEXT_RESOURCE,
    MCP_CONTEXT_METHOD,
    MCP_CONTEXT_RULE,
    MCP_CONTEXT_ANY,
    MCP_CONTEXT_DENY_IF,
    MCP_CONTEXT_COUNT
} mcp_context_t;


typedef enum {
    MCP_KEY_GRANT = 1,
    MCP_KEY_SESSION,
    MCP_KEY_GLOBAL,
    MCP_KEY_ARGUMENT,
    MCP_KEY_TEXT
} mcp_key_kind_t;

typedef struct {
    mcp_key_kind_t  kind;
    mcp_path_t      path;      /* of ARGUMENT */
    mcp_text_t      text;      /* of TEXT */
    mcp_str_t       source;    /* as written */
} mcp_key_t;

typedef struct {
    mcp_limit_spec_t   spec;
    mcp_str_t          text;          /* "30/minute" as written */
    mcp_str_t          window_name;   /* "minute", "90m" */
    mcp_key_t         *keys;          /* per=; one of kind GRANT by default */
    uint32_t           key_count;
    mcp_str_t          counter;       /* counter=, else empty: per tool */
    enum {
        MCP_COUNTER_SHARED = 0,       /* by all users of the name */
        MCP_COUNTER_OF_TOOL,          /* policy files: each tool its own */
        MCP_COUNTER_OF_ALL            /* policy files: that of the rules for
                                         all tools */
    } space;                          /* of a named counter */
    bool               shared;        /* unnamed in a lone "*" block: one
                                         counter for all tools */
    int64_t            cost;          /* cost=N, millionths; 1 by default */
    mcp_path_t        *cost_path;     /* cost=args.PATH, or NULL */
    mcp_place_t        place;
} mcp_limit_t;


/* A condition, or with "any" alternatives of which one is enough. */
typedef struct {
    bool              any;
    mcp_condition_t  *conditions;
    uint32_t          count;
    mcp_place_t       place;
} mcp_requirement_t;

typedef struct {
    mcp_requirement_t  *requirements;   /* all must hold */
    uint32_t            count;
    mcp_text_t         *message;        /* or NULL */
    mcp_place_t         place;
} mcp_deny_if_t;

/* "approve"; the times are 0 and their texts empty when they are not said. */
typedef struct {
    mcp_str_t    wait;
    uint64_t     wait_ms;
    mcp_str_t    ttl;
    uint64_t     ttl_ms;
    uint32_t     ordinal;    /* of its directive in the policy */
    mcp_place_t  place;
} mcp_approval_t;

/* "validate": a pinned schema that the arguments must fit. */
typedef struct {
    mcp_place_t  place;
    bool         if_pinned;    /* without a schema nothing is asked */
} mcp_validate_t;

typedef struct mcp_rule_s  mcp_rule_t;

/* What is asked of a call, in written order. */
typedef struct {
    enum {
        MCP_STEP_REQUIRE,
        MCP_STEP_DENY_IF,
        MCP_STEP_DENY,
        MCP_STEP_LIMIT,
        MCP_STEP_APPROVE,
        MCP_STEP_VALIDATE,
        MCP_STEP_RULE
    } kind;
    union {
        mcp_requirement_t  *requirement;
        mcp_deny_if_t      *deny_if;
        mcp_text_t         *deny_message;   /* NULL: a generated sentence */
        mcp_limit_t        *limit;
        mcp_approval_t     *approval;
        mcp_validate_t     *validate;
        mcp_rule_t         *rule;
    };
} mcp_step_t;

/* A block: tool, prompt, resource, method, or a rule inside one. */
struct mcp_rule_s {
    mcp_str_t      name;       /* of "rule NAME"; empty for blocks */
    bool           triggers;   /* a rule whose conditions are triggers */
    mcp_step_t    *steps;
    uint32_t       count;
    mcp_text_t    *message;
    mcp_denial_t   denial;
    bool           dry_run;
    bool           has_deny;   /* an unconditional deny among the steps */
    mcp_place_t    place;
};


/* A tool, prompt, resource or method block. */
typedef struct {
    mcp_context_t   context;
    mcp_rule_t     *rule;
    mcp_str_t      *patterns;
    uint32_t        count;
    bool            star;      /* of the lone "*" */
} mcp_block_t;

/* An entry of "hide". */
typedef struct {
    mcp_str_t    pattern;
    mcp_place_t  place;
} mcp_hide_t;


typedef struct mcp_policy_s {
    mcp_str_t           name;
    bool                default_allow;
    mcp_typing_t        typing;                     /* of its texts */
    mcp_str_t           zone;                       /* empty: the default */
    mcp_pattern_set_t  *hidden;                     /* all target kinds */
    mcp_pattern_set_t  *targets[MCP_TARGET_COUNT];  /* TOOL, PROMPT, RESOURCE:
                                                       values mcp_rule_t * */
    mcp_pattern_set_t  *methods;
    mcp_pin_set_t      *pins;                       /* mcp_pin, or NULL */
    mcp_block_t        *blocks;                     /* in written order */
    uint32_t            block_count;
    mcp_hide_t         *hides;
    uint32_t            hide_count;
    bool                has_limits;
    uint32_t            approval_count;
    uint64_t            fingerprint[2];             /* of all that was read,
                                                       pins included */
    bool                depends_on_caller;          /* some tool is shown or
                                                       not by "require" */
    mcp_place_t         place;
} mcp_policy_t;


typedef struct mcp_policy_builder_s  mcp_policy_builder_t;

typedef enum { MCP_REPORT_ERROR, MCP_REPORT_WARNING } mcp_severity_t;

/* What the front end does for the builder. */
typedef struct {
    /* Tells the operator; text is NUL terminated, without file and line. */
    void      (*report)(void *data, mcp_severity_t severity,
                  const mcp_place_t *place, const char *text);
    /*
     * Compiles a text as written.  A text without variables leaves
     * text->variables NULL.  MCP_ERROR was reported by the callee.
     */
    mcp_rc_t  (*compile_text)(void *data, mcp_str_t source,
                  const mcp_place_t *place, mcp_text_t *text);
    /*
     * The content of a file that a directive names, in memory that lives as
     * long as the builder.  MCP_ERROR was reported by the callee.  NULL:
     * there are no files here.
     */
    mcp_rc_t  (*read_file)(void *data, mcp_str_t path,
                  const mcp_place_t *place, mcp_str_t *text);
    /* With "free", for what is not needed when the policy is finished; NULL
       without read_file. */
    const mcp_allocator_t  *scratch;
    void       *data;
} mcp_frontend_t;


/*
 * Memory for the policy comes from the allocator and lives as long as the
 * policy; names and words are copied.  NULL: no memory.
 */
mcp_policy_builder_t *mcp_policy_builder_create(mcp_str_t name,
    const mcp_place_t *place, const mcp_allocator_t *allocator,
    const mcp_frontend_t *frontend, const uint64_t hash_key[2]);

/*
 * One directive of the mcp_policy block as words; "block": it opened a block
 * with "{", which mcp_policy_block_end closes.  Every error has been reported
 * when MCP_ERROR is returned.  "include" is the front end's business.
 */
mcp_rc_t mcp_policy_directive(mcp_policy_builder_t *builder,
    const mcp_str_t *words, uint32_t count, bool block,
    const mcp_place_t *place);
mcp_rc_t mcp_policy_block_end(mcp_policy_builder_t *builder,
    const mcp_place_t *place);

/* Checks the whole, reports errors and warnings.  The builder is used up. */
mcp_rc_t mcp_policy_finish(mcp_policy_builder_t *builder,
    const mcp_policy_t **policy);

/* Instead of finish, for a front end that stops at an error. */
void mcp_policy_builder_destroy(mcp_policy_builder_t *builder);

/* Frees compiled regexes, and all memory if the allocator has "free". */
void mcp_policy_destroy(const mcp_policy_t *policy);

#pragma GCC visibility pop

#endif /* MCP_POLICY_H */
