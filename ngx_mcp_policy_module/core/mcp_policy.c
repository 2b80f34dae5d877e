/*
 * The life of a policy: memory, blocks that open and close, reports, the end.
 * Policy and builder are one object, because what the builder allocates ends
 * with the policy anyway.
 */

#include <stdarg.h>
#include <stdio.h>

#include "mcp_policy_builder.h"
#include "mcp_siphash.h"


#define MCP_REPORT_SIZE  1024


/* Every allocation is linked, so that one walk can free them. */
struct mcp_policy_chunk_s {
    _Alignas(16) mcp_policy_chunk_t  *next;
};


static void *mcp_policy_chunk_alloc(void *data, size_t size);
static mcp_rc_t mcp_policy_create_sets(mcp_policy_builder_t *builder,
    const uint64_t hash_key[2]);
static mcp_rc_t mcp_policy_freeze(mcp_policy_builder_t *builder);
static void mcp_policy_report(mcp_policy_builder_t *builder,
    mcp_severity_t severity, const mcp_place_t *place, const char *format,
    va_list args);
static void mcp_policy_free_rule(mcp_rule_t *rule);
static void mcp_policy_free_requirements(mcp_requirement_t *requirements,
    uint32_t count);


static const char *const  mcp_context_names[MCP_CONTEXT_COUNT] = {
    "mcp_policy", "tool", "prompt", "resource", "method", "rule", "any",
    "deny_if"
};


mcp_policy_builder_t *
mcp_policy_builder_create(mcp_str_t name, const mcp_place_t *place,
    const mcp_allocator_t *allocator, const mcp_frontend_t *frontend,
    const uint64_t hash_key[2])
{
    mcp_policy_builder_t  *builder;

    builder = allocator->alloc(allocator->data, sizeof(*builder));
    if (builder == NULL) {
        return NULL;
    }

    memset(builder, 0, sizeof(*builder));

    builder->outer = *allocator;
    builder->allocator.alloc = mcp_policy_chunk_alloc;
    builder->allocator.data = builder;
    builder->frontend = *frontend;

    if (frontend->scratch != NULL) {
        mcp_arena_init(&builder->scratch, frontend->scratch, 0);
    }

    builder->policy.place = *place;
    memcpy(builder->hash_key, hash_key, sizeof(builder->hash_key));
    builder->frames[0].context = MCP_CONTEXT_POLICY;
    builder->frames[0].place = *place;

    if (mcp_policy_copy(builder, name, &builder->policy.name) != MCP_OK
        || mcp_policy_create_sets(builder, hash_key) != MCP_OK)
    {
        mcp_policy_builder_destroy(builder);
        return NULL;
    }

    return builder;
}


static mcp_rc_t
mcp_policy_create_sets(mcp_policy_builder_t *builder,
    const uint64_t hash_key[2])
{
    mcp_policy_t       *policy;
    mcp_pattern_set_t  *sets[5];
    uint32_t            i;

    for (i = 0; i < 5; i++) {
        sets[i] = mcp_pattern_set_create(&builder->allocator, hash_key);
        if (sets[i] == NULL) {
            break;
        }
    }

    if (i < 5) {
        while (i > 0) {
            mcp_pattern_set_free(sets[--i]);
        }

        return MCP_NOMEM;
    }

    policy = &builder->policy;
    policy->hidden = sets[0];
    policy->targets[MCP_TARGET_TOOL] = sets[1];
    policy->targets[MCP_TARGET_PROMPT] = sets[2];
    policy->targets[MCP_TARGET_RESOURCE] = sets[3];
    policy->methods = sets[4];

    return MCP_OK;
}


mcp_rc_t
mcp_policy_block_end(mcp_policy_builder_t *builder, const mcp_place_t *place)
{
    const mcp_frame_t  *frame;

    if (builder->skipped > 0) {
        builder->skipped--;
        return MCP_OK;
    }

    if (builder->depth == 0) {
        return mcp_policy_fail(builder, place, "unexpected \"}\"");
    }

    frame = &builder->frames[builder->depth--];

    mcp_policy_fingerprint(builder, mcp_str("}"));

    return mcp_policy_check_block(builder, frame);
}


mcp_rc_t
mcp_policy_finish(mcp_policy_builder_t *builder, const mcp_policy_t **policy)
{
    const mcp_frame_t  *frame;

    *policy = NULL;

    if (builder->depth > 0 || builder->skipped > 0) {
        frame = &builder->frames[builder->depth];
        (void) mcp_policy_fail(builder, &frame->place,
                               "\"%s\" is not closed, expected \"}\"",
                               mcp_context_name(frame->context));
    }

    if (!builder->failed && mcp_policy_freeze(builder) == MCP_OK) {
        mcp_policy_check(builder);
    }

    mcp_arena_destroy(&builder->scratch);

    if (builder->failed) {
        mcp_policy_builder_destroy(builder);
        return MCP_ERROR;
    }

    *policy = &builder->policy;

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_freeze(mcp_policy_builder_t *builder)
{
    const mcp_policy_t  *policy;

    policy = &builder->policy;

    if (mcp_pattern_set_freeze(policy->hidden) != MCP_OK
        || mcp_pattern_set_freeze(policy->targets[MCP_TARGET_TOOL]) != MCP_OK
        || mcp_pattern_set_freeze(policy->targets[MCP_TARGET_PROMPT])
           != MCP_OK
        || mcp_pattern_set_freeze(policy->targets[MCP_TARGET_RESOURCE])
           != MCP_OK
        || mcp_pattern_set_freeze(policy->methods) != MCP_OK)
    {
        return mcp_policy_no_memory(builder, &policy->place);
    }

    return MCP_OK;
}


void
mcp_policy_builder_destroy(mcp_policy_builder_t *builder)
{
    mcp_policy_destroy(&builder->policy);
}


void
mcp_policy_destroy(const mcp_policy_t *policy)
{
    uint32_t               i;
    mcp_allocator_t        outer;
    mcp_policy_chunk_t    *chunk, *next;
    mcp_policy_builder_t  *builder;

    if (policy == NULL) {
        return;
    }

    builder = (mcp_policy_builder_t *) policy;

    mcp_arena_destroy(&builder->scratch);

    for (i = 0; i < builder->policy.block_count; i++) {
        mcp_policy_free_rule(builder->policy.blocks[i].rule);
    }

    for (i = 0; policy->pins != NULL && i < policy->pins->count; i++) {
        mcp_schema_free(policy->pins->pins[i].schema);
    }

    if (policy->hidden != NULL) {
        mcp_pattern_set_free(policy->hidden);
        mcp_pattern_set_free(policy->methods);

        for (i = MCP_TARGET_TOOL; i <= MCP_TARGET_RESOURCE; i++) {
            mcp_pattern_set_free(policy->targets[i]);
        }
    }

    outer = builder->outer;

    if (outer.free == NULL) {
        return;
    }

    for (chunk = builder->chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        outer.free(outer.data, chunk);
    }

    outer.free(outer.data, builder);
}


static void
mcp_policy_free_rule(mcp_rule_t *rule)
{
    uint32_t     i;
    mcp_step_t  *step;

    for (i = 0; i < rule->count; i++) {
        step = &rule->steps[i];

        switch (step->kind) {

        case MCP_STEP_REQUIRE:
            mcp_policy_free_requirements(step->requirement, 1);
            break;

        case MCP_STEP_DENY_IF:
            mcp_policy_free_requirements(step->deny_if->requirements,
                                         step->deny_if->count);
            break;

        case MCP_STEP_RULE:
            mcp_policy_free_rule(step->rule);
            break;

        default:
            break;
        }
    }
}


static void
mcp_policy_free_requirements(mcp_requirement_t *requirements, uint32_t count)
{
    uint32_t  i, n;

    for (i = 0; i < count; i++) {
        for (n = 0; n < requirements[i].count; n++) {
            mcp_condition_free(&requirements[i].conditions[n]);
        }
    }
}


static void *
mcp_policy_chunk_alloc(void *data, size_t size)
{
    mcp_policy_builder_t  *builder = data;

    mcp_policy_chunk_t  *chunk;

    if (size > SIZE_MAX - sizeof(mcp_policy_chunk_t)) {
        return NULL;
    }

    chunk = builder->outer.alloc(builder->outer.data,
                                 sizeof(mcp_policy_chunk_t) + size);
    if (chunk == NULL) {
        return NULL;
    }

    chunk->next = builder->chunks;
    builder->chunks = chunk;

    return chunk + 1;
}


void *
mcp_policy_alloc(mcp_policy_builder_t *builder, size_t size)
{
    void  *p;

    p = mcp_policy_chunk_alloc(builder, size);
    if (p != NULL) {
        memset(p, 0, size);
    }

    return p;
}


void *
mcp_policy_grow(mcp_policy_builder_t *builder, void *array, uint32_t count,
    size_t size)
{
    void    *grown;
    size_t   capacity;

    /* room ends at 4, 8, 16 ...: no field for the capacity is needed */

    if (count != 0 && (count < 4 || (count & (count - 1)) != 0)) {
        return array;
    }

    capacity = count == 0 ? 4 : (size_t) count * 2;

    if (capacity > SIZE_MAX / size || count > UINT32_MAX / 4) {
        return NULL;
    }

    grown = mcp_policy_alloc(builder, capacity * size);

    if (grown != NULL && count != 0) {
        memcpy(grown, array, count * size);
    }

    return grown;
}


mcp_rc_t
mcp_policy_copy(mcp_policy_builder_t *builder, mcp_str_t source,
    mcp_str_t *copy)
{
    uint8_t  *p;

    p = mcp_policy_chunk_alloc(builder, source.len + 1);
    if (p == NULL) {
        return MCP_NOMEM;
    }

    if (source.len != 0) {
        memcpy(p, source.data, source.len);
    }

    p[source.len] = '\0';

    copy->data = p;
    copy->len = source.len;

    return MCP_OK;
}


mcp_rc_t
mcp_policy_text(mcp_policy_builder_t *builder, mcp_str_t source,
    const mcp_place_t *place, mcp_text_t *text)
{
    mcp_rc_t   rc;
    mcp_str_t  copy;

    memset(text, 0, sizeof(*text));

    if (mcp_policy_copy(builder, source, &copy) != MCP_OK) {
        return mcp_policy_no_memory(builder, place);
    }

    rc = builder->frontend.compile_text(builder->frontend.data, copy, place,
                                        text);
    if (rc != MCP_OK) {
        builder->failed = true;
        return rc;
    }

    text->literal = copy;

    return MCP_OK;
}


mcp_step_t *
mcp_policy_step(mcp_policy_builder_t *builder, mcp_rule_t *rule, int kind)
{
    mcp_step_t  *steps;

    steps = mcp_policy_grow(builder, rule->steps, rule->count,
                            sizeof(mcp_step_t));
    if (steps == NULL) {
        return NULL;
    }

    rule->steps = steps;
    steps[rule->count].kind = kind;

    return &steps[rule->count++];
}


/* Each text is hashed with what came before it as the key. */
void
mcp_policy_fingerprint(mcp_policy_builder_t *builder, mcp_str_t text)
{
    uint64_t  key[2];

    memcpy(key, builder->policy.fingerprint, sizeof(key));

    mcp_siphash(key, text, builder->policy.fingerprint);
}


const char *
mcp_context_name(mcp_context_t context)
{
    return mcp_context_names[context];
}


mcp_pattern_set_t *
mcp_policy_set(const mcp_policy_t *policy, mcp_context_t context)
{
    switch (context) {

    case MCP_CONTEXT_TOOL:
        return policy->targets[MCP_TARGET_TOOL];

    case MCP_CONTEXT_PROMPT:
        return policy->targets[MCP_TARGET_PROMPT];

    case MCP_CONTEXT_RESOURCE:
        return policy->targets[MCP_TARGET_RESOURCE];

    default:
        return policy->methods;
    }
}


mcp_rc_t
mcp_policy_fail(mcp_policy_builder_t *builder, const mcp_place_t *place,
    const char *format, ...)
{
    va_list  args;

    builder->failed = true;

    va_start(args, format);
    mcp_policy_report(builder, MCP_REPORT_ERROR, place, format, args);
    va_end(args);

    return MCP_ERROR;
}


mcp_rc_t
mcp_policy_no_memory(mcp_policy_builder_t *builder, const mcp_place_t *place)
{
    (void) mcp_policy_fail(builder, place, "not enough memory");

    return MCP_NOMEM;
}


void
mcp_policy_warn(mcp_policy_builder_t *builder, const mcp_place_t *place,
    const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    mcp_policy_report(builder, MCP_REPORT_WARNING, place, format, args);
    va_end(args);
}


static void
mcp_policy_report(mcp_policy_builder_t *builder, mcp_severity_t severity,
    const mcp_place_t *place, const char *format, va_list args)
{
    char  text[MCP_REPORT_SIZE];

    (void) vsnprintf(text, sizeof(text), format, args);

    builder->frontend.report(builder->frontend.data, severity, place, text);
}
