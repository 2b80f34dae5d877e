#include "mcp_list_private.h"

#include "mcp_decimal.h"
#include "mcp_message_private.h"


typedef enum {
    MCP_LIST_VALUES = 0,
    MCP_LIST_TOTAL,
    MCP_LIST_COMPLETION_COUNT
} mcp_list_completion_member_t;


/* MCP_NO besides what the shared functions return. */
static mcp_rc_t mcp_list_element(mcp_list_t *list, mcp_list_kind_t kind,
    uint32_t index);
static mcp_rc_t mcp_list_named(mcp_list_t *list, mcp_list_kind_t kind,
    uint32_t index, mcp_str_t name);
static mcp_rc_t mcp_list_total(mcp_list_t *list, uint32_t index,
    uint32_t removed, uint32_t left);
static mcp_rc_t mcp_list_number(mcp_arena_t *arena, uint64_t value,
    mcp_str_t *text);
static mcp_rc_t mcp_list_member(mcp_list_t *list, uint32_t key,
    const mcp_str_t *names, uint32_t count, uint32_t *index);


/* What an element is known by. */
static const mcp_str_t  mcp_list_element_names[] = {
    [MCP_LIST_TOOLS] = mcp_str_init("name"),
    [MCP_LIST_PROMPTS] = mcp_str_init("name"),
    [MCP_LIST_RESOURCES] = mcp_str_init("uri"),
    [MCP_LIST_TEMPLATES] = mcp_str_init("uriTemplate")
};

static const mcp_target_kind_t  mcp_list_targets[] = {
    [MCP_LIST_TOOLS] = MCP_TARGET_TOOL,
    [MCP_LIST_PROMPTS] = MCP_TARGET_PROMPT,
    [MCP_LIST_RESOURCES] = MCP_TARGET_RESOURCE
};

static const mcp_str_t  mcp_list_completion_names[MCP_LIST_COMPLETION_COUNT] =
{
    [MCP_LIST_VALUES] = mcp_str_init("values"),
    [MCP_LIST_TOTAL] = mcp_str_init("total")
};


mcp_rc_t
mcp_list_array(mcp_list_t *list, mcp_list_kind_t kind, uint32_t array)
{
    mcp_rc_t                 rc;
    uint32_t                 i, end;
    mcp_json_elements_t      elements;
    const mcp_json_token_t  *tokens;

    tokens = list->json.tokens;
    end = tokens[array].next;

    list->result->listed++;
    mcp_json_elements_init(&elements, &list->edit, &list->json, array);

    for (i = array + 1; i < end; i = tokens[i].next) {
        rc = mcp_list_element(list, kind, i);

        if (rc == MCP_NO) {
            mcp_json_elements_drop(&elements, i);
            list->result->removed++;
            continue;
        }

        if (rc == MCP_OK) {
            rc = mcp_json_elements_keep(&elements, i);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return mcp_json_elements_finish(&elements);
}


/* MCP_NO: to be left out. */

static mcp_rc_t
mcp_list_element(mcp_list_t *list, mcp_list_kind_t kind, uint32_t index)
{
    mcp_rc_t                 rc;
    uint32_t                 value;
    mcp_str_t                name;
    const mcp_json_token_t  *tokens;

    tokens = list->json.tokens;
    value = index;

    if (kind != MCP_LIST_COMPLETION) {

        if (tokens[index].type != MCP_JSON_OBJECT) {
            return MCP_ERROR;
        }

        rc = mcp_list_members(list, index, &mcp_list_element_names[kind], 1,
                              &value);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (value == MCP_JSON_NONE || tokens[value].type != MCP_JSON_STRING) {
        return MCP_ERROR;
    }

    rc = mcp_json_string(&list->json, value, list->arena, &name);

    if (rc != MCP_OK) {
        return rc == MCP_NOMEM ? MCP_NOMEM : MCP_ERROR;
    }

    return mcp_list_named(list, kind, index, name);
}


/* MCP_OK, MCP_NO, MCP_NOMEM; what cannot be told is left out. */

static mcp_rc_t
mcp_list_named(mcp_list_t *list, mcp_list_kind_t kind, uint32_t index,
    mcp_str_t name)
{
    mcp_rc_t                  rc;
    const mcp_list_filter_t  *filter;

    filter = list->filter;

    if (kind == MCP_LIST_TOOLS && filter->policy->pins != NULL) {
        rc = mcp_list_pinned(list, index, name);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    /*
     * What is completed is no name of its own, so that only "hide" has
     * something to say about it.
     */

    if (filter->hidden_only || kind == MCP_LIST_COMPLETION) {
        return mcp_evaluate_hides(filter->policy, name) == MCP_NO ? MCP_OK
                                                                  : MCP_NO;
    }

    if (kind == MCP_LIST_TEMPLATES) {
        rc = mcp_evaluate_template(filter->policy, name, filter->caller,
                                   list->arena, &list->work);

    } else {
        rc = mcp_evaluate_visible(filter->policy, mcp_list_targets[kind],
                                  name, filter->caller, list->arena);
    }

    return rc == MCP_OK ? MCP_OK : MCP_NO;
}


mcp_rc_t
mcp_list_completion(mcp_list_t *list, uint32_t index, bool expected)
{
    mcp_rc_t                 rc;
    uint32_t                 removed, left, total, array;
    uint32_t                 values[MCP_LIST_COMPLETION_COUNT];
    mcp_json_mark_t          mark;
    mcp_list_result_t        before;
    const mcp_json_token_t  *tokens;

    tokens = list->json.tokens;

    if (tokens[index].type != MCP_JSON_OBJECT) {
        return MCP_OK;
    }

    rc = mcp_list_members(list, index, mcp_list_completion_names,
                          MCP_LIST_COMPLETION_COUNT, values);
    if (rc != MCP_OK) {
        return rc;
    }

    array = values[MCP_LIST_VALUES];
    total = values[MCP_LIST_TOTAL];

    if (array == MCP_JSON_NONE || tokens[array].type != MCP_JSON_ARRAY) {
        return expected ? MCP_ERROR : MCP_OK;
    }

    before = *list->result;
    mark = mcp_json_edit_mark(&list->edit);

    rc = mcp_list_array(list, MCP_LIST_COMPLETION, array);
    removed = list->result->removed - before.removed;

    if (rc != MCP_OK || removed == 0 || total == MCP_JSON_NONE) {
        return rc;
    }

    left = mcp_json_size(&list->json, array) - removed;

    if (total > array) {
        return mcp_list_total(list, total, removed, left);
    }

    /* it stands before the values, which had to be counted first */

    *list->result = before;
    mcp_json_edit_rewind(&list->edit, &mark);

    rc = mcp_list_total(list, total, removed, left);

    return rc == MCP_OK ? mcp_list_array(list, MCP_LIST_COMPLETION, array)
                        : rc;
}


/*
 * How many there are without those that were left out: letter by letter the
 * count would tell a hidden name as well as the name itself.
 */

static mcp_rc_t
mcp_list_total(mcp_list_t *list, uint32_t index, uint32_t removed,
    uint32_t left)
{
    size_t                   i;
    mcp_rc_t                 rc;
    uint64_t                 value;
    mcp_str_t                raw, text;
    const mcp_json_token_t  *t;

    t = &list->json.tokens[index];
    raw = mcp_json_raw(&list->json, index);
    value = left;

    if (t->type == MCP_JSON_NUMBER && (t->flags & MCP_JSON_INTEGER)
        && raw.data[0] != '-' && raw.len <= 15)
    {
        value = 0;

        for (i = 0; i < raw.len; i++) {
            value = value * 10 + (uint64_t) (raw.data[i] - '0');
        }

        value = (value >= (uint64_t) removed + left) ? value - removed : left;
    }

    rc = mcp_list_number(list->arena, value, &text);

    return rc == MCP_OK
           ? mcp_json_edit_value(&list->edit, &list->json, index, text) : rc;
}


mcp_rc_t
mcp_list_cache_scope(mcp_list_t *list, uint32_t index)
{
    if (!list->filter->private_view
        || mcp_json_string_equal(&list->json, index, mcp_str("private")))
    {
        return MCP_OK;
    }

    return mcp_json_edit_value(&list->edit, &list->json, index,
                               mcp_str("\"private\""));
}


/* What is no lifetime is none. */

mcp_rc_t
mcp_list_ttl(mcp_list_t *list, uint32_t index)
{
    int        order;
    mcp_rc_t   rc;
    mcp_str_t  raw, max;

    raw = mcp_json_raw(&list->json, index);

    if (list->json.tokens[index].type != MCP_JSON_NUMBER
        || !mcp_decimal_integral(raw)
        || mcp_decimal_compare(raw, mcp_str("0"), &order) != MCP_OK
        || order < 0)
    {
        return mcp_json_edit_value(&list->edit, &list->json, index,
                                   mcp_str("0"));
    }

    rc = mcp_list_number(list->arena, list->filter->max_ttl_ms, &max);
    if (rc != MCP_OK) {
        return rc;
    }

    if (mcp_decimal_compare(raw, max, &order) == MCP_OK && order <= 0) {
        return MCP_OK;
    }

    return mcp_json_edit_value(&list->edit, &list->json, index, max);
}


static mcp_rc_t
mcp_list_number(mcp_arena_t *arena, uint64_t value, mcp_str_t *text)
{
    size_t    n;
    uint8_t  *p, digits[20];

    n = sizeof(digits);

    do {
        digits[--n] = (uint8_t) ('0' + value % 10);
        value /= 10;
    } while (value != 0);

    text->len = sizeof(digits) - n;
    text->data = p = mcp_arena_alloc(arena, text->len);

    if (p == NULL) {
        return MCP_NOMEM;
    }

    memcpy(p, digits + n, text->len);

    return MCP_OK;
}


mcp_rc_t
mcp_list_members(mcp_list_t *list, uint32_t object, const mcp_str_t *names,
    uint32_t count, uint32_t *values)
{
    mcp_rc_t                 rc;
    uint32_t                 key, value, end, index;
    const mcp_json_token_t  *tokens;

    tokens = list->json.tokens;
    end = tokens[object].next;
    memset(values, 0, count * sizeof(uint32_t));

    for (key = object + 1; key < end; key = tokens[value].next) {
        value = tokens[key].next;

        rc = mcp_list_member(list, key, names, count, &index);

        if (rc == MCP_NO) {
            continue;
        }

        if (rc != MCP_OK) {
            return rc;
        }

        if (values[index] != MCP_JSON_NONE) {
            return MCP_ERROR;
        }

        values[index] = value;
    }

    return MCP_OK;
}


/* MCP_NO: none of the names, to no reader. */

static mcp_rc_t
mcp_list_member(mcp_list_t *list, uint32_t key, const mcp_str_t *names,
    uint32_t count, uint32_t *index)
{
    size_t                   length;
    uint8_t                  c, folded[MCP_KEY_MAX];
    uint32_t                 i;
    mcp_rc_t                 rc;
    mcp_str_t                name;
    const mcp_json_token_t  *t;

    t = &list->json.tokens[key];

    if (t->start == t->end) {
        return MCP_NO;
    }

    c = list->json.text[t->start];

    /* nearly every key is told by its first letter to be another one */

    if (c < 0x80 && c != '\\') {

        for (i = 0; i < count && names[i].data[0] != (c | 0x20); i++) {
            /* void */
        }

        if (i == count) {
            return MCP_NO;
        }
    }

    rc = mcp_json_string(&list->json, key, list->arena, &name);

    if (rc != MCP_OK) {
        return rc == MCP_NOMEM ? MCP_NOMEM : MCP_ERROR;
    }

    for (i = 0; i < count; i++) {
        if (mcp_str_equal(name, names[i])) {
            *index = i;
            return MCP_OK;
        }
    }

    length = mcp_key_fold(name, folded, sizeof(folded));

    for (i = 0; i < count; i++) {
        if (mcp_key_resembles(folded, length, names[i])) {
            return MCP_ERROR;
        }
    }

    return MCP_NO;
}
