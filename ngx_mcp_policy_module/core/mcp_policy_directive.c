/*
 * Directives: which may stand where, how many words they take, and the
 * setters of the plain ones.  The table is the documentation of the dialect.
 */

#include <stdio.h>

#include "mcp_approval.h"
#include "mcp_policy_builder.h"


#define MCP_IN_POLICY  MCP_CONTEXT_BIT(MCP_CONTEXT_POLICY)
#define MCP_IN_TARGET  (MCP_CONTEXT_BIT(MCP_CONTEXT_TOOL)                     \
                        | MCP_CONTEXT_BIT(MCP_CONTEXT_PROMPT)                 \
                        | MCP_CONTEXT_BIT(MCP_CONTEXT_RESOURCE)               \
                        | MCP_CONTEXT_BIT(MCP_CONTEXT_METHOD))
#define MCP_IN_RULES   (MCP_IN_TARGET | MCP_CONTEXT_BIT(MCP_CONTEXT_RULE))
#define MCP_IN_DENY_IF MCP_CONTEXT_BIT(MCP_CONTEXT_DENY_IF)
#define MCP_IN_ANY     MCP_CONTEXT_BIT(MCP_CONTEXT_ANY)

#define MCP_WORDS_MAX  UINT32_MAX


typedef struct {
    mcp_str_t             name;
    uint32_t              contexts;
    bool                  block;
    uint32_t              min;           /* arguments */
    uint32_t              max;
    mcp_single_t          single;
    mcp_policy_setter_pt  set;
    const char           *usage;
} mcp_directive_t;


static mcp_policy_setter(mcp_policy_set_allow);
static mcp_policy_setter(mcp_policy_set_deny);
static mcp_policy_setter(mcp_policy_set_approve);
static mcp_policy_setter(mcp_policy_set_message);
static mcp_policy_setter(mcp_policy_set_denial);
static mcp_policy_setter(mcp_policy_set_dry_run);

static mcp_rc_t mcp_policy_dispatch(mcp_policy_builder_t *builder,
    const mcp_str_t *words, uint32_t count, bool block,
    const mcp_place_t *place);
static const mcp_directive_t *mcp_policy_find(mcp_context_t context,
    mcp_str_t name);
static mcp_rc_t mcp_policy_unknown(mcp_policy_builder_t *builder,
    mcp_context_t context, mcp_str_t name, const mcp_place_t *place);
static mcp_rc_t mcp_policy_check_shape(mcp_policy_builder_t *builder,
    const mcp_directive_t *directive, uint32_t count, bool block,
    const mcp_place_t *place);
static mcp_rc_t mcp_policy_check_single(mcp_policy_builder_t *builder,
    mcp_frame_t *frame, const mcp_directive_t *directive,
    const mcp_place_t *place);
static mcp_rc_t mcp_policy_message(mcp_policy_builder_t *builder,
    mcp_str_t source, const mcp_place_t *place, mcp_text_t *message);


static const mcp_directive_t  mcp_directives[] = {

    { mcp_str_init("default"),
      MCP_IN_POLICY,
      false, 1, 1, MCP_SINGLE_DEFAULT,
      mcp_policy_set_default,
      "default allow|deny" },

    { mcp_str_init("hide"),
      MCP_IN_POLICY,
      false, 1, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_set_hide,
      "hide PATTERN ..." },

    { mcp_str_init("tool"),
      MCP_IN_POLICY,
      true, 1, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_open_target,
      "tool PATTERN ... { ... }" },

    { mcp_str_init("prompt"),
      MCP_IN_POLICY,
      true, 1, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_open_target,
      "prompt PATTERN ... { ... }" },

    { mcp_str_init("resource"),
      MCP_IN_POLICY,
      true, 1, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_open_target,
      "resource URI-PATTERN ... { ... }" },

    { mcp_str_init("method"),
      MCP_IN_POLICY,
      true, 1, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_open_target,
      "method PATTERN ... { ... }" },

    { mcp_str_init("zone"),
      MCP_IN_POLICY,
      false, 1, 1, MCP_SINGLE_ZONE,
      mcp_policy_set_zone,
      "zone NAME" },

    { mcp_str_init("typing"),
      MCP_IN_POLICY,
      false, 1, 1, MCP_SINGLE_TYPING,
      mcp_policy_set_typing,
      "typing conf|file" },

    { mcp_str_init("mcp_pin"),
      MCP_IN_POLICY,
      false, 1, 2, MCP_SINGLE_PIN,
      mcp_policy_set_pin,
      "mcp_pin FILE [unpinned=allow|hide]" },

    { mcp_str_init("allow"),
      MCP_IN_RULES,
      false, 0, 0, MCP_SINGLE_ALLOW,
      mcp_policy_set_allow,
      "allow" },

    { mcp_str_init("deny"),
      MCP_IN_RULES,
      false, 0, 1, MCP_SINGLE_DENY,
      mcp_policy_set_deny,
      "deny [MESSAGE]" },

    { mcp_str_init("arg"),
      MCP_IN_RULES | MCP_IN_DENY_IF | MCP_IN_ANY,
      false, 2, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_set_arg,
      "arg PATH OPERATOR [VALUE ...]" },

    { mcp_str_init("require"),
      MCP_IN_RULES | MCP_IN_DENY_IF | MCP_IN_ANY,
      false, 2, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_set_require,
      "require STRING OPERATOR [VALUE ...]" },

    { mcp_str_init("any"),
      MCP_IN_RULES | MCP_IN_DENY_IF,
      true, 0, 0, MCP_SINGLE_NONE,
      mcp_policy_open_any,
      "any { ... }" },

    { mcp_str_init("deny_if"),
      MCP_IN_RULES,
      true, 0, 0, MCP_SINGLE_NONE,
      mcp_policy_open_deny_if,
      "deny_if { ... }" },

    { mcp_str_init("limit"),
      MCP_IN_RULES,
      false, 1, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_set_limit,
      "limit N/WINDOW [per=KEY,...] [counter=NAME] [cost=N|args.PATH]"
      " [algorithm=fixed|sliding|bucket] [burst=N]" },

    { mcp_str_init("approve"),
      MCP_IN_RULES,
      false, 0, MCP_WORDS_MAX, MCP_SINGLE_NONE,
      mcp_policy_set_approve,
      "approve [wait=TIME] [ttl=TIME]" },

    { mcp_str_init("message"),
      MCP_IN_RULES | MCP_IN_DENY_IF,
      false, 1, 1, MCP_SINGLE_MESSAGE,
      mcp_policy_set_message,
      "message STRING" },

    { mcp_str_init("denial"),
      MCP_IN_RULES,
      false, 1, 1, MCP_SINGLE_DENIAL,
      mcp_policy_set_denial,
      "denial result|error|status" },

    { mcp_str_init("dry_run"),
      MCP_IN_RULES,
      false, 1, 1, MCP_SINGLE_DRY_RUN,
      mcp_policy_set_dry_run,
      "dry_run on|off" },

    { mcp_str_init("rule"),
      MCP_IN_TARGET,
      true, 1, 1, MCP_SINGLE_NONE,
      mcp_policy_open_rule,
      "rule NAME { ... }" },

    { mcp_str_init("validate"),
      MCP_CONTEXT_BIT(MCP_CONTEXT_TOOL),
      false, 1, 1, MCP_SINGLE_VALIDATE,
      mcp_policy_set_validate,
      "validate on|off" }
};

#define MCP_DIRECTIVES  (sizeof(mcp_directives) / sizeof(mcp_directives[0]))


mcp_rc_t
mcp_policy_directive(mcp_policy_builder_t *builder, const mcp_str_t *words,
    uint32_t count, bool block, const mcp_place_t *place)
{
    mcp_rc_t  rc;
    uint32_t  i, depth;

    if (builder->skipped > 0) {
        if (block) {
            builder->skipped++;
        }

        return MCP_OK;
    }

    for (i = 0; i < count; i++) {
        mcp_policy_fingerprint(builder, words[i]);
    }

    mcp_policy_fingerprint(builder, block ? mcp_str("{") : mcp_str(";"));

    depth = builder->depth;

    rc = mcp_policy_dispatch(builder, words, count, block, place);

    if (block && builder->depth == depth) {

        /* what the block contains would only give errors that follow */

        builder->skipped = 1;
    }

    return rc;
}


static mcp_rc_t
mcp_policy_dispatch(mcp_policy_builder_t *builder, const mcp_str_t *words,
    uint32_t count, bool block, const mcp_place_t *place)
{
    mcp_rc_t                rc;
    mcp_str_t               name;
    mcp_frame_t            *frame;
    const mcp_directive_t  *directive;

    if (count == 0) {
        return mcp_policy_fail(builder, place, "expected a directive");
    }

    name = words[0];
    frame = &builder->frames[builder->depth];

    directive = mcp_policy_find(MCP_CONTEXT_COUNT, name);
    if (directive == NULL) {
        return mcp_policy_unknown(builder, frame->context, name, place);
    }

    directive = mcp_policy_find(frame->context, name);
    if (directive == NULL) {
        return mcp_policy_fail(builder, place,
                               "\"%.*s\" is not allowed in \"%s\"",
                               mcp_shown(name),
                               mcp_context_name(frame->context));
    }

    rc = mcp_policy_check_shape(builder, directive, count - 1, block, place);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_policy_check_single(builder, frame, directive, place);
    if (rc != MCP_OK) {
        return rc;
    }

    return directive->set(builder, frame, words, count, place);
}


/* MCP_CONTEXT_COUNT: in any context. */
static const mcp_directive_t *
mcp_policy_find(mcp_context_t context, mcp_str_t name)
{
    size_t                  i;
    const mcp_directive_t  *directive;

    for (i = 0; i < MCP_DIRECTIVES; i++) {
        directive = &mcp_directives[i];

        if (mcp_str_equal(directive->name, name)
            && (context == MCP_CONTEXT_COUNT
                || (directive->contexts & MCP_CONTEXT_BIT(context))))
        {
            return directive;
        }
    }

    return NULL;
}


static mcp_rc_t
mcp_policy_unknown(mcp_policy_builder_t *builder, mcp_context_t context,
    mcp_str_t name, const mcp_place_t *place)
{
    char                    list[256];
    int                     n;
    size_t                  i, used;
    const mcp_directive_t  *directive;

    used = 0;
    list[0] = '\0';

    for (i = 0; i < MCP_DIRECTIVES; i++) {
        directive = &mcp_directives[i];

        if (!(directive->contexts & MCP_CONTEXT_BIT(context))) {
            continue;
        }

        if (mcp_policy_one_edit(directive->name, name)) {
            return mcp_policy_fail(builder, place,
                                   "unknown directive \"%.*s\" in \"%s\", "
                                   "did you mean \"%.*s\"?", mcp_shown(name),
                                   mcp_context_name(context),
                                   mcp_shown(directive->name));
        }

        n = snprintf(list + used, sizeof(list) - used, "%s%.*s",
                     used == 0 ? "" : ", ", mcp_shown(directive->name));
        if (n > 0 && (size_t) n < sizeof(list) - used) {
            used += (size_t) n;
        }
    }

    return mcp_policy_fail(builder, place,
                           "unknown directive \"%.*s\" in \"%s\", "
                           "expected one of: %s", mcp_shown(name),
                           mcp_context_name(context), list);
}


bool
mcp_policy_one_edit(mcp_str_t a, mcp_str_t b)
{
    while (a.len > 0 && b.len > 0 && a.data[0] == b.data[0]) {
        a.data++;
        a.len--;
        b.data++;
        b.len--;
    }

    while (a.len > 0 && b.len > 0
           && a.data[a.len - 1] == b.data[b.len - 1])
    {
        a.len--;
        b.len--;
    }

    if (a.len == 2 && b.len == 2) {
        return a.data[0] == b.data[1] && a.data[1] == b.data[0];
    }

    return a.len <= 1 && b.len <= 1;
}


static mcp_rc_t
mcp_policy_check_shape(mcp_policy_builder_t *builder,
    const mcp_directive_t *directive, uint32_t count, bool block,
    const mcp_place_t *place)
{
    if (block && !directive->block) {
        return mcp_policy_fail(builder, place,
                               "\"%.*s\" is no block, expected \"%s;\"",
                               mcp_shown(directive->name), directive->usage);
    }

    if (!block && directive->block) {
        return mcp_policy_fail(builder, place,
                               "\"%.*s\" needs a block, expected \"%s\"",
                               mcp_shown(directive->name), directive->usage);
    }

    if (count < directive->min || count > directive->max) {
        return mcp_policy_fail(builder, place,
                               "invalid number of arguments in \"%.*s\", "
                               "expected \"%s\"", mcp_shown(directive->name),
                               directive->usage);
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_check_single(mcp_policy_builder_t *builder, mcp_frame_t *frame,
    const mcp_directive_t *directive, const mcp_place_t *place)
{
    mcp_single_t        single;
    const mcp_place_t  *first;

    single = directive->single;

    if (single != MCP_SINGLE_NONE) {

        if (frame->seen & MCP_SINGLE_BIT(single)) {
            first = &frame->singles[single];

            return mcp_policy_fail(builder, place,
                                   "\"%.*s\" is duplicate in \"%s\", the "
                                   "first is at %s:%u",
                                   mcp_shown(directive->name),
                                   mcp_context_name(frame->context),
                                   mcp_shown_place(first));
        }

        frame->seen |= MCP_SINGLE_BIT(single);
        frame->singles[single] = *place;
    }

    if (single == MCP_SINGLE_ALLOW) {
        if (frame->first.len == 0) {
            return MCP_OK;
        }

        return mcp_policy_fail(builder, place,
                               "\"allow\" cannot stand beside \"%.*s\" in "
                               "\"%s\", it says that nothing is asked",
                               mcp_shown(frame->first),
                               mcp_context_name(frame->context));
    }

    if (frame->first.len == 0) {
        frame->first = directive->name;
    }

    if (frame->seen & MCP_SINGLE_BIT(MCP_SINGLE_ALLOW)) {
        return mcp_policy_fail(builder, place,
                               "\"%.*s\" cannot stand beside \"allow\" in "
                               "\"%s\", which says that nothing is asked",
                               mcp_shown(directive->name),
                               mcp_context_name(frame->context));
    }

    return MCP_OK;
}


static mcp_policy_setter(mcp_policy_set_allow)
{
    (void) builder;
    (void) frame;
    (void) words;
    (void) count;
    (void) place;

    return MCP_OK;
}


static mcp_policy_setter(mcp_policy_set_deny)
{
    mcp_rc_t     rc;
    mcp_step_t  *step;
    mcp_text_t  *message;

    message = NULL;

    if (count == 2) {
        message = mcp_policy_alloc(builder, sizeof(mcp_text_t));
        if (message == NULL) {
            return mcp_policy_no_memory(builder, place);
        }

        rc = mcp_policy_message(builder, words[1], place, message);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    step = mcp_policy_step(builder, frame->rule, MCP_STEP_DENY);
    if (step == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    step->deny_message = message;
    frame->rule->has_deny = true;

    return MCP_OK;
}


static mcp_policy_setter(mcp_policy_set_approve)
{
    bool             wait;
    uint32_t         i;
    uint64_t        *ms;
    mcp_str_t        value, *written;
    mcp_approval_t  *approval;

    approval = mcp_policy_add_approve(builder, frame->rule, place);
    if (approval == NULL) {
        return MCP_NOMEM;
    }

    for (i = 1; i < count; i++) {
        value = words[i];

        wait = value.len > 5 && memcmp(value.data, "wait=", 5) == 0;

        if (!wait && (value.len <= 4 || memcmp(value.data, "ttl=", 4) != 0)) {
            return mcp_policy_fail(builder, place,
                                   "invalid parameter \"%.*s\" in "
                                   "\"approve\", expected wait=TIME or "
                                   "ttl=TIME", mcp_shown(value));
        }

        written = wait ? &approval->wait : &approval->ttl;
        ms = wait ? &approval->wait_ms : &approval->ttl_ms;

        value.data += wait ? 5 : 4;
        value.len -= wait ? 5 : 4;

        if (written->len != 0) {
            return mcp_policy_fail(builder, place,
                                   "\"%s=\" is duplicate in \"approve\"",
                                   wait ? "wait" : "ttl");
        }

        if (!mcp_policy_time(value, ms)) {
            return mcp_policy_fail(builder, place,
                                   "invalid time \"%.*s\" in \"%s=\" of "
                                   "\"approve\", expected a time from 1s to "
                                   "366d such as \"10m\"", mcp_shown(value),
                                   wait ? "wait" : "ttl");
        }

        if (mcp_policy_copy(builder, value, written) != MCP_OK) {
            return mcp_policy_no_memory(builder, place);
        }
    }

    if (approval->wait_ms > (approval->ttl_ms != 0 ? approval->ttl_ms
                                                   : MCP_APPROVAL_TTL_MS))
    {
        return mcp_policy_fail(builder, place,
                               "\"wait=%.*s\" in \"approve\" is longer than "
                               "\"ttl=%.*s\", after which nobody can "
                               "approve: make \"ttl\" at least as long",
                               mcp_shown(approval->wait),
                               mcp_shown(approval->ttl.len != 0
                                         ? approval->ttl : mcp_str("15m")));
    }

    return MCP_OK;
}


static mcp_policy_setter(mcp_policy_set_message)
{
    mcp_rc_t     rc;
    mcp_text_t  *message;

    (void) count;

    if (words[1].len == 0) {
        return mcp_policy_fail(builder, place,
                               "\"message\" is empty, leave it out for a "
                               "generated sentence");
    }

    message = mcp_policy_alloc(builder, sizeof(mcp_text_t));
    if (message == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    rc = mcp_policy_message(builder, words[1], place, message);
    if (rc != MCP_OK) {
        return rc;
    }

    if (frame->context == MCP_CONTEXT_DENY_IF) {
        frame->deny_if->message = message;

    } else {
        frame->rule->message = message;
    }

    return MCP_OK;
}


/* A "$" in a policy file means itself. */
static mcp_rc_t
mcp_policy_message(mcp_policy_builder_t *builder, mcp_str_t source,
    const mcp_place_t *place, mcp_text_t *message)
{
    if (builder->policy.typing != MCP_TYPING_FILE) {
        return mcp_policy_text(builder, source, place, message);
    }

    memset(message, 0, sizeof(*message));

    if (mcp_policy_copy(builder, source, &message->literal) != MCP_OK) {
        return mcp_policy_no_memory(builder, place);
    }

    return MCP_OK;
}


static mcp_policy_setter(mcp_policy_set_denial)
{
    (void) count;

    if (mcp_str_equal(words[1], mcp_str("result"))) {
        frame->rule->denial = MCP_DENIAL_RESULT;

    } else if (mcp_str_equal(words[1], mcp_str("error"))) {
        frame->rule->denial = MCP_DENIAL_ERROR;

    } else if (mcp_str_equal(words[1], mcp_str("status"))) {
        frame->rule->denial = MCP_DENIAL_STATUS;

    } else {
        return mcp_policy_fail(builder, place,
                               "invalid value \"%.*s\" in \"denial\", it must "
                               "be \"result\", \"error\" or \"status\"",
                               mcp_shown(words[1]));
    }

    return MCP_OK;
}


static mcp_policy_setter(mcp_policy_set_dry_run)
{
    (void) count;

    if (mcp_str_equal(words[1], mcp_str("on"))) {
        frame->rule->dry_run = true;

    } else if (!mcp_str_equal(words[1], mcp_str("off"))) {
        return mcp_policy_fail(builder, place,
                               "invalid value \"%.*s\" in \"dry_run\", it "
                               "must be \"on\" or \"off\"",
                               mcp_shown(words[1]));
    }

    return MCP_OK;
}
