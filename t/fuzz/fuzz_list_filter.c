/*
 * Answers with lists.  The first byte chooses what was asked for and the
 * policy, the rest is the answer.  What must hold of what is left:
 *
 *   it is JSON for us and for jansson, if the answer was for jansson;
 *   to jansson, which takes the last of equal members, no list has an element
 *   that is not shown or has no name, nor is there one in another spelling;
 *   bytes of the answer are in their order and are no others;
 *   filtering it once more changes nothing;
 *   and with a memory of it so it is, and what resembles it is read anew.
 */

#include "fuzz.h"

#include <strings.h>

#include "../unit/list_model.h"
#include "../unit/policy_text.h"

#define FUZZ_KIND     0x07
#define FUZZ_ADMIN    0x08     /* the other policy */
#define FUZZ_HIDDEN   0x10
#define FUZZ_PRIVATE  0x20
#define FUZZ_STREAM   0x40     /* nobody knows what was asked for */
#define FUZZ_STRING   0x80     /* the id */


typedef struct {
    mcp_list_filter_t   filter;
    mcp_list_request_t  request;
    mcp_caller_t        caller;
    mcp_arena_t         arena;
} fuzz_t;


static json_t *
fuzz_jansson(mcp_str_t text)
{
    return json_loadb((const char *) text.data, text.len, JSON_DECODE_ANY
                      | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}


/* Into memory that ends where the text does. */
static mcp_str_t
fuzz_join(const mcp_list_result_t *result)
{
    uint8_t   *p;
    size_t     length;
    uint32_t   i;

    p = malloc(result->length + 1);
    length = 0;

    for (i = 0; i < result->piece_count; i++) {
        check(result->pieces[i].len <= result->length - length);
        memcpy(p + length, result->pieces[i].data, result->pieces[i].len);
        length += result->pieces[i].len;
    }

    check(length == result->length);

    return (mcp_str_t) { p, length };
}


static void
fuzz_check_pieces(mcp_str_t text, const mcp_list_result_t *result)
{
    uint32_t        i;
    const uint8_t  *p, *last;

    last = text.data;

    for (i = 0; i < result->piece_count; i++) {
        p = result->pieces[i].data;

        if (p >= text.data && p < text.data + text.len) {
            check(p >= last);
            last = p + result->pieces[i].len;
            check(last <= text.data + text.len);
        }
    }
}


static void
fuzz_check_name(fuzz_t *f, mcp_list_kind_t kind, const json_t *value)
{
    size_t     work;
    mcp_str_t  name;

    check(json_is_string(value));

    name.data = (const uint8_t *) json_string_value(value);
    name.len = json_string_length(value);
    work = 0;

    if (f->filter.hidden_only || kind == MCP_LIST_COMPLETION) {
        check(mcp_evaluate_hides(f->filter.policy, name) == MCP_NO);

    } else if (kind == MCP_LIST_TEMPLATES) {
        check(mcp_evaluate_template(f->filter.policy, name, &f->caller,
                                    &f->arena, &work)
              == MCP_OK);

    } else {
        check(mcp_evaluate_visible(f->filter.policy,
                                   kind == MCP_LIST_TOOLS ? MCP_TARGET_TOOL
                                   : kind == MCP_LIST_PROMPTS
                                   ? MCP_TARGET_PROMPT : MCP_TARGET_RESOURCE,
                                   name, &f->caller, &f->arena)
              == MCP_OK);
    }
}


static void
fuzz_check_spelling(json_t *object, const char *name)
{
    void        *i;
    const char  *key;

    for (i = json_object_iter(object); i; i = json_object_iter_next(object, i))
    {
        key = json_object_iter_key(i);
        check(strcasecmp(key, name) != 0 || strcmp(key, name) == 0);
    }
}


static void
fuzz_check_result(fuzz_t *f, json_t *result)
{
    size_t           i;
    json_t          *array, *element;
    mcp_list_kind_t  kind;

    for (kind = MCP_LIST_TOOLS; kind <= MCP_LIST_TEMPLATES; kind++) {
        fuzz_check_spelling(result, list_members[kind]);
        array = json_object_get(result, list_members[kind]);

        for (i = 0; i < json_array_size(array); i++) {
            element = json_array_get(array, i);
            fuzz_check_spelling(element, list_names[kind]);
            fuzz_check_name(f, kind, json_object_get(element,
                                                     list_names[kind]));
        }
    }

    array = json_object_get(json_object_get(result, "completion"), "values");

    for (i = 0; i < json_array_size(array); i++) {
        fuzz_check_name(f, MCP_LIST_COMPLETION, json_array_get(array, i));
    }
}


/* A call that is known by its id may answer what it likes. */
static void
fuzz_check_message(fuzz_t *f, json_t *message)
{
    bool     asked;
    json_t  *id;

    id = json_object_get(message, "id");
    asked = f->filter.request_count != 0
            && (json_is_string(id) ? strcmp(json_string_value(id), "a") == 0
                : json_is_real(id) && json_real_value(id) == 1);

    fuzz_check_spelling(message, "result");

    if (!asked || f->request.kind != MCP_LIST_NONE) {
        fuzz_check_result(f, json_object_get(message, "result"));
    }
}


static void
fuzz_check(fuzz_t *f, mcp_str_t text)
{
    size_t             i;
    json_t            *before, *after;
    mcp_str_t          left;
    mcp_json_t         json;
    mcp_list_result_t  result, again;

    if (mcp_list_filter(&f->filter, text, &fuzz_limits, &f->arena, &result,
                        NULL)
        != MCP_OK)
    {
        return;
    }

    check(result.changed || (result.removed == 0 && result.refused == 0));
    fuzz_check_pieces(text, &result);

    left = fuzz_join(&result);
    check(mcp_json_parse(&json, left, &fuzz_limits, &f->arena, NULL)
          == MCP_OK);

    before = fuzz_jansson(text);
    after = fuzz_jansson(left);

    check(before == NULL || after != NULL);

    fuzz_check_message(f, after);

    for (i = 0; i < json_array_size(after); i++) {
        fuzz_check_message(f, json_array_get(after, i));
    }

    check(mcp_list_filter(&f->filter, left, &fuzz_limits, &f->arena, &again,
                          NULL)
          == MCP_OK);
    check(!again.changed);

    json_decref(before);
    json_decref(after);
    free((void *) left.data);
}


/* Whether a memory of other texts makes a difference. */
static void
fuzz_check_memory(fuzz_t *f, mcp_list_memory_t *memory, mcp_str_t text)
{
    bool               answered;
    mcp_rc_t           rc;
    mcp_str_t          with, without;
    mcp_list_result_t  one, other;

    f->request.answered = false;
    f->filter.lists = NULL;
    rc = mcp_list_filter(&f->filter, text, &fuzz_limits, &f->arena, &one,
                         NULL);
    answered = f->request.answered;

    f->request.answered = false;
    f->filter.lists = memory;
    check(mcp_list_filter(&f->filter, text, &fuzz_limits, &f->arena, &other,
                          NULL)
          == rc);
    check(f->request.answered == answered);

    if (rc != MCP_OK) {
        return;
    }

    check(one.changed == other.changed && one.listed == other.listed
          && one.removed == other.removed && one.refused == other.refused);
    fuzz_check_pieces(text, &other);

    without = fuzz_join(&one);
    with = fuzz_join(&other);

    check(mcp_str_equal(with, without));

    free((void *) with.data);
    free((void *) without.data);
}


/* The text twice, with another id, with another byte, and for others. */
static void
fuzz_check_memories(fuzz_t *f, mcp_str_t text)
{
    size_t              i, before;
    uint8_t            *p;
    mcp_str_t           id, changed;
    mcp_list_memory_t   memory;

    static const char  *const ids[] = { "2", "-17", "\"b\"", "\"\"", "1.0" };

    memset(&memory, 0, sizeof(memory));
    memory.allocator = policy_allocator;

    fuzz_check_memory(f, &memory, text);
    fuzz_check_memory(f, &memory, text);

    id = f->request.id;

    for (before = 0; before + id.len <= text.len; before++) {

        if (memcmp(text.data + before, id.data, id.len) == 0) {
            break;
        }
    }

    for (i = 0; before + id.len <= text.len && i < sizeof(ids) / sizeof(*ids);
         i++)
    {
        f->request.id = (mcp_str_t) { (const uint8_t *) ids[i],
                                      strlen(ids[i]) };

        fuzz_check_memory(f, &memory, text);

        p = malloc(text.len - id.len + f->request.id.len);
        memcpy(p, text.data, before);
        memcpy(p + before, f->request.id.data, f->request.id.len);
        memcpy(p + before + f->request.id.len, text.data + before + id.len,
               text.len - before - id.len);

        changed.data = p;
        changed.len = text.len - id.len + f->request.id.len;

        fuzz_check_memory(f, &memory, changed);
        free(p);
    }

    f->request.id = id;
    fuzz_check_memory(f, &memory, text);

    p = malloc(text.len + 1);
    memcpy(p, text.data, text.len);

    for (i = 0; i < text.len; i += 1 + text.len / 8) {
        p[i] ^= 1;
        fuzz_check_memory(f, &memory, (mcp_str_t) { p, text.len });
        fuzz_check_memory(f, &memory, text);
        p[i] ^= 1;
    }

    free(p);

    f->filter.private_view = !f->filter.private_view;
    fuzz_check_memory(f, &memory, text);
    f->filter.hidden_only = !f->filter.hidden_only;
    fuzz_check_memory(f, &memory, text);

    mcp_list_memory_clear(&memory);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t            f;
    uint8_t           flags;
    policy_reports_t  reports;

    static const mcp_policy_t  *policies[2];

    if (size < 1) {
        return 0;
    }

    if (policies[0] == NULL) {
        policies[0] = policy_build(
            "default deny; hide hidden* ~^h\\d; tool a { } tool get_* { }"
            "tool admin { require $role eq admin; } prompt p* { } prompt q {"
            " deny; } resource f:/* { } resource f:/x/* { deny; }"
            "resource d:/a { } resource t:*/z { }", &reports);
        policies[1] = policy_build(
            "default allow; hide hidden*; tool a* { deny; } prompt p { deny;"
            " } resource f:/* { deny; }", &reports);
    }

    memset(&f, 0, sizeof(f));
    flags = data[0];

    f.filter.policy = policies[(flags & FUZZ_ADMIN) != 0];
    f.filter.caller = &f.caller;
    f.filter.hidden_only = (flags & FUZZ_HIDDEN) != 0;
    f.filter.private_view = (flags & FUZZ_PRIVATE) != 0;
    f.filter.max_ttl_ms = 5000;
    f.filter.requests = &f.request;
    f.filter.request_count = (flags & FUZZ_STREAM) == 0;
    f.request.id = (flags & FUZZ_STRING) ? mcp_str("\"a\"") : mcp_str("1");
    f.request.kind = (mcp_list_kind_t) ((flags & FUZZ_KIND) % 6);

    mcp_arena_init(&f.arena, &policy_allocator, 1 << 26);
    fuzz_check(&f, (mcp_str_t) { data + 1, size - 1 });

    if (size < 4096) {
        fuzz_check_memories(&f, (mcp_str_t) { data + 1, size - 1 });
    }

    mcp_arena_destroy(&f.arena);

    return 0;
}
