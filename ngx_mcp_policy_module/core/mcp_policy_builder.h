/*
 * What the files of the policy builder share: its state, its memory and its
 * reports.  Nobody else includes this.
 */

#ifndef MCP_POLICY_BUILDER_H
#define MCP_POLICY_BUILDER_H

#include "mcp_policy.h"

#pragma GCC visibility push(hidden)


#define MCP_CONTEXT_BIT(context)  (1u << (context))

/* mcp_policy > tool > rule > deny_if > any */
#define MCP_CONTEXT_DEPTH  5


/* What may stand once in a block. */
typedef enum {
    MCP_SINGLE_NONE = 0,
    MCP_SINGLE_DEFAULT,
    MCP_SINGLE_ZONE,
    MCP_SINGLE_ALLOW,
    MCP_SINGLE_DENY,
    MCP_SINGLE_MESSAGE,
    MCP_SINGLE_DENIAL,
    MCP_SINGLE_DRY_RUN,
    MCP_SINGLE_PIN,
    MCP_SINGLE_VALIDATE,
    MCP_SINGLE_TYPING,
    MCP_SINGLE_COUNT
} mcp_single_t;

#define MCP_SINGLE_BIT(single)  (1u << (single))


/* An open block. */
typedef struct {
    mcp_context_t       context;
    mcp_place_t         place;
    mcp_rule_t         *rule;           /* of the block or the rule in it */
    mcp_deny_if_t      *deny_if;
    mcp_requirement_t  *any;
    mcp_str_t           first;          /* first directive but "allow" */
    uint32_t            seen;           /* bits by mcp_single_t */
    mcp_place_t         singles[MCP_SINGLE_COUNT];
    bool                star;           /* the block of the lone "*" */
} mcp_frame_t;


typedef struct mcp_policy_chunk_s  mcp_policy_chunk_t;

struct mcp_policy_builder_s {
    mcp_policy_t          policy;       /* first: it outlives the rest */

    mcp_allocator_t       outer;        /* the front end's */
    mcp_allocator_t       allocator;    /* ours: everything ends in chunks */
    mcp_policy_chunk_t   *chunks;

    mcp_frontend_t        frontend;
    mcp_frame_t           frames[MCP_CONTEXT_DEPTH];
    uint32_t              depth;        /* of the innermost frame */
    uint32_t              skipped;      /* open blocks that nobody reads */

    mcp_limit_t         **limits;
    uint32_t              limit_count;
    mcp_limit_t         **counters;     /* first user of each counter=, by
                                           the hash of its name; NULL: none */
    uint32_t              counter_count;
    uint32_t              counter_room; /* a power of two, or 0 */

    uint64_t              hash_key[2];

    /* the pin file, until the end */
    mcp_str_t             pin_text;
    mcp_json_t            pin_json;
    mcp_arena_t           scratch;

    bool                  failed;
};


/* For "%.*s"; words of a configuration are cut in messages. */
#define MCP_WORD_SHOWN  200
#define mcp_shown(s)                                                          \
    (int) ((s).len < MCP_WORD_SHOWN ? (s).len : MCP_WORD_SHOWN),              \
    (const char *) (s).data
#define mcp_shown_place(place)                                                \
    (place)->file != NULL ? (place)->file : "line", (place)->line


/* mcp_policy.c */

/* Reports an error; returns MCP_ERROR. */
mcp_rc_t mcp_policy_fail(mcp_policy_builder_t *builder,
    const mcp_place_t *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
mcp_rc_t mcp_policy_no_memory(mcp_policy_builder_t *builder,
    const mcp_place_t *place);
void mcp_policy_warn(mcp_policy_builder_t *builder, const mcp_place_t *place,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Zeroed, freed with the policy. */
void *mcp_policy_alloc(mcp_policy_builder_t *builder, size_t size);

/*
 * The array, moved if need be, with a zeroed element at index "count"; NULL
 * when there is no memory.
 */
void *mcp_policy_grow(mcp_policy_builder_t *builder, void *array,
    uint32_t count, size_t size);
mcp_rc_t mcp_policy_copy(mcp_policy_builder_t *builder, mcp_str_t source,
    mcp_str_t *copy);
mcp_rc_t mcp_policy_text(mcp_policy_builder_t *builder, mcp_str_t source,
    const mcp_place_t *place, mcp_text_t *text);
mcp_step_t *mcp_policy_step(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    int kind);

/* What the policy is made of, in this order. */
void mcp_policy_fingerprint(mcp_policy_builder_t *builder, mcp_str_t text);

const char *mcp_context_name(mcp_context_t context);

/* The patterns of a context: TOOL to METHOD. */
mcp_pattern_set_t *mcp_policy_set(const mcp_policy_t *policy,
    mcp_context_t context);


/* A setter of the directive table; the words have been counted. */
#define mcp_policy_setter(name)                                               \
    mcp_rc_t name(mcp_policy_builder_t *builder, mcp_frame_t *frame,          \
        const mcp_str_t *words, uint32_t count, const mcp_place_t *place)

typedef mcp_policy_setter((*mcp_policy_setter_pt));

/* mcp_policy_block.c: blocks and what mcp_policy itself contains */
mcp_policy_setter(mcp_policy_set_default);
mcp_policy_setter(mcp_policy_set_hide);
mcp_policy_setter(mcp_policy_set_zone);
mcp_policy_setter(mcp_policy_open_target);
mcp_policy_setter(mcp_policy_open_rule);
mcp_policy_setter(mcp_policy_open_any);
mcp_policy_setter(mcp_policy_open_deny_if);

/* To the "any" that is open, else as a requirement of its own. */
mcp_rc_t mcp_policy_add_condition(mcp_policy_builder_t *builder,
    mcp_frame_t *frame, const mcp_condition_t *condition,
    const mcp_place_t *place);

/* mcp_policy_condition.c */
mcp_policy_setter(mcp_policy_set_arg);
mcp_policy_setter(mcp_policy_set_require);

/* mcp_policy_limit.c */
mcp_policy_setter(mcp_policy_set_limit);

/* "1h30m", up to 366 days; the unit is never left out. */
bool mcp_policy_time(mcp_str_t word, uint64_t *ms);

/* mcp_policy_typing.c: texts as policy files have them */
mcp_policy_setter(mcp_policy_set_typing);

/* The condition that "arg PATH OP VALUE ..." is under "typing file". */
mcp_rc_t mcp_policy_typed_condition(mcp_policy_builder_t *builder,
    const mcp_str_t *words, uint32_t count, const mcp_place_t *place,
    mcp_condition_t *condition);

/* mcp_policy_pin.c */
mcp_policy_setter(mcp_policy_set_pin);
mcp_policy_setter(mcp_policy_set_validate);

/* That everything under "validate" has a definition, compiled. */
void mcp_policy_check_validate(mcp_policy_builder_t *builder);

/* The pins of the policy, from builder->pin_text. */
mcp_rc_t mcp_policy_read_pins(mcp_policy_builder_t *builder,
    mcp_pin_set_t *pins, const mcp_place_t *place);

/*
 * Asks for the arguments that the pinned definition of "tool" requires; "*"
 * is every tool.  *checked is false when the definition of some tool is not
 * known: that tool is asked nothing.
 */
mcp_rc_t mcp_policy_add_required(mcp_policy_builder_t *builder,
    mcp_rule_t *rule, mcp_str_t tool, const mcp_place_t *place,
    bool *checked);


/*
 * mcp_policy_typed.c: for front ends whose policies are no words.  What is
 * added is complete: no block is open.  NULL, MCP_NOMEM: that was reported.
 */

/* A block for the tool of exactly this name, or "*". */
mcp_rule_t *mcp_policy_add_tool(mcp_policy_builder_t *builder,
    mcp_str_t name, const mcp_place_t *place);
mcp_rc_t mcp_policy_add_hidden(mcp_policy_builder_t *builder, mcp_str_t name,
    const mcp_place_t *place);

/* A rule in a block; the name may be empty. */
mcp_rule_t *mcp_policy_add_rule(mcp_policy_builder_t *builder,
    mcp_rule_t *block, mcp_str_t name, const mcp_place_t *place);

/* The message of a rule, word for word; an empty one is none. */
mcp_rc_t mcp_policy_add_message(mcp_policy_builder_t *builder,
    mcp_rule_t *rule, mcp_str_t text, const mcp_place_t *place);

/* These own the condition: it is freed when they fail. */
mcp_rc_t mcp_policy_add_requirement(mcp_policy_builder_t *builder,
    mcp_rule_t *rule, mcp_condition_t *condition, const mcp_place_t *place);
mcp_rc_t mcp_policy_add_deny_condition(mcp_policy_builder_t *builder,
    mcp_deny_if_t *deny_if, mcp_condition_t *condition,
    const mcp_place_t *place);

mcp_deny_if_t *mcp_policy_add_deny_if(mcp_policy_builder_t *builder,
    mcp_rule_t *rule, const mcp_place_t *place);
mcp_rc_t mcp_policy_add_deny(mcp_policy_builder_t *builder, mcp_rule_t *rule,
    const mcp_place_t *place);

mcp_approval_t *mcp_policy_add_approve(mcp_policy_builder_t *builder,
    mcp_rule_t *rule, const mcp_place_t *place);

/* A fixed window; "key" is GRANT or GLOBAL, "cost" what a call costs. */
mcp_limit_t *mcp_policy_add_limit(mcp_policy_builder_t *builder,
    mcp_rule_t *rule, int64_t amount, mcp_str_t window, uint64_t window_ms,
    mcp_key_kind_t key, mcp_str_t counter, const mcp_place_t *place);


/* mcp_policy_directive.c */

/* Whether one letter more, less, another or swapped makes "a" of "b". */
bool mcp_policy_one_edit(mcp_str_t a, mcp_str_t b);


/* mcp_policy_check.c */

/* What can only be said when a block is closed. */
mcp_rc_t mcp_policy_check_block(mcp_policy_builder_t *builder,
    const mcp_frame_t *frame);

/* Warnings about the whole, and the flags of the policy. */
void mcp_policy_check(mcp_policy_builder_t *builder);

#pragma GCC visibility pop

#endif /* MCP_POLICY_BUILDER_H */
