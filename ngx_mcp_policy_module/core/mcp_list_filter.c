#include "mcp_list_private.h"

#include "mcp_decimal.h"
#include "mcp_list_memory.h"
#include "mcp_reply.h"

#define MCP_CODE_INTERNAL  (-32603)


/* Members that count. */
typedef enum {
    MCP_LIST_JSONRPC = 0,
    MCP_LIST_ID,
    MCP_LIST_METHOD,
    MCP_LIST_RESULT,
    MCP_LIST_ERROR,
    MCP_LIST_MESSAGE_COUNT
} mcp_list_message_member_t;

/* What is of a kind stands at its number, arrays before the completion. */
typedef enum {
    MCP_LIST_RESULT_TYPE = MCP_LIST_NONE,
    MCP_LIST_CACHE_SCOPE = MCP_LIST_COMPLETION + 1,
    MCP_LIST_TTL,
    MCP_LIST_RESULT_COUNT
} mcp_list_result_member_t;


static mcp_rc_t mcp_list_read(mcp_list_t *list, mcp_str_t text,
    const mcp_limits_t *limits, mcp_error_t *error);
static mcp_rc_t mcp_list_text(mcp_list_t *list);
static mcp_rc_t mcp_list_message(mcp_list_t *list, uint32_t index);
static mcp_rc_t mcp_list_answer(mcp_list_t *list, uint32_t index);
static mcp_rc_t mcp_list_result(mcp_list_t *list,
    const mcp_list_request_t *request, uint32_t index);
static bool mcp_list_expected(const mcp_list_t *list,
    const mcp_list_request_t *request, const uint32_t *values);
static mcp_rc_t mcp_list_edit(mcp_list_t *list, uint32_t index,
    const mcp_list_request_t *request, const uint32_t *values);
static mcp_rc_t mcp_list_find(mcp_list_t *list, uint32_t id,
    mcp_list_request_t **request);
static mcp_rc_t mcp_list_read_ids(mcp_list_t *list);
static bool mcp_list_id_equal(const mcp_outcome_id_t *a,
    const mcp_outcome_id_t *b);
static mcp_rc_t mcp_list_withhold(mcp_list_t *list, uint32_t index);
static mcp_rc_t mcp_list_error(mcp_str_t id, mcp_arena_t *arena,
    mcp_str_t *text);


static const mcp_str_t  mcp_list_message_names[MCP_LIST_MESSAGE_COUNT] = {
    [MCP_LIST_JSONRPC] = mcp_str_init("jsonrpc"),
    [MCP_LIST_ID] = mcp_str_init("id"),
    [MCP_LIST_METHOD] = mcp_str_init("method"),
    [MCP_LIST_RESULT] = mcp_str_init("result"),
    [MCP_LIST_ERROR] = mcp_str_init("error")
};

static const mcp_str_t  mcp_list_result_names[MCP_LIST_RESULT_COUNT] = {
    [MCP_LIST_RESULT_TYPE] = mcp_str_init("resultType"),
    [MCP_LIST_TOOLS] = mcp_str_init("tools"),
    [MCP_LIST_PROMPTS] = mcp_str_init("prompts"),
    [MCP_LIST_RESOURCES] = mcp_str_init("resources"),
    [MCP_LIST_TEMPLATES] = mcp_str_init("resourceTemplates"),
    [MCP_LIST_COMPLETION] = mcp_str_init("completion"),
    [MCP_LIST_CACHE_SCOPE] = mcp_str_init("cacheScope"),
    [MCP_LIST_TTL] = mcp_str_init("ttlMs")
};


mcp_list_kind_t
mcp_list_kind(mcp_method_t method)
{
    switch (method) {

    case MCP_METHOD_TOOLS_LIST:
        return MCP_LIST_TOOLS;

    case MCP_METHOD_PROMPTS_LIST:
        return MCP_LIST_PROMPTS;

    case MCP_METHOD_RESOURCES_LIST:
        return MCP_LIST_RESOURCES;

    case MCP_METHOD_RESOURCES_TEMPLATES_LIST:
        return MCP_LIST_TEMPLATES;

    case MCP_METHOD_COMPLETION_COMPLETE:
        return MCP_LIST_COMPLETION;

    default:
        return MCP_LIST_NONE;
    }
}


mcp_rc_t
mcp_list_filter(const mcp_list_filter_t *filter, mcp_str_t text,
    const mcp_limits_t *limits, mcp_arena_t *arena, mcp_list_result_t *result,
    mcp_error_t *error)
{
    mcp_rc_t          rc;
    mcp_list_t        list;
    mcp_list_watch_t  watch;

    memset(result, 0, sizeof(mcp_list_result_t));
    memset(&list, 0, sizeof(mcp_list_t));

    list.filter = filter;
    list.arena = arena;
    list.result = result;

    if (!mcp_list_memory_used(filter)) {
        return mcp_list_read(&list, text, limits, error);
    }

    rc = mcp_list_memory_find(filter, text, limits, arena, result);
    if (rc != MCP_NO) {
        return rc;
    }

    mcp_list_memory_watch(&watch, filter);
    list.filter = &watch.filter;

    rc = mcp_list_read(&list, text, limits, error);

    if (rc == MCP_OK && list.id.len != 0
        && list.json.tokens[0].type == MCP_JSON_OBJECT)
    {
        mcp_list_memory_keep(&watch, text, list.id, limits, result);
    }

    return rc;
}


static mcp_rc_t
mcp_list_read(mcp_list_t *list, mcp_str_t text, const mcp_limits_t *limits,
    mcp_error_t *error)
{
    mcp_rc_t            rc;
    mcp_list_result_t  *result;

    result = list->result;

    rc = mcp_json_parse(&list->json, text, limits, list->arena, error);
    if (rc != MCP_OK) {
        return rc;
    }

    mcp_json_edit_init(&list->edit, text, list->arena);

    rc = mcp_list_text(list);
    if (rc != MCP_OK) {
        return rc;
    }

    mcp_list_tell_seen(list);

    result->changed = (list->edit.position != 0);

    rc = mcp_json_edit_finish(&list->edit);

    result->pieces = list->edit.pieces;
    result->piece_count = list->edit.count;
    result->length = list->edit.length;

    return rc;
}


mcp_rc_t
mcp_list_refuse(const mcp_list_filter_t *filter, bool batch,
    mcp_arena_t *arena, mcp_str_t *text)
{
    uint8_t             *p;
    mcp_rc_t             rc;
    uint32_t             i, count;
    mcp_str_t           *errors;
    mcp_list_request_t  *request;

    errors = mcp_arena_alloc(arena, filter->request_count
                                    * sizeof(mcp_str_t));
    if (errors == NULL) {
        return MCP_NOMEM;
    }

    count = 0;
    text->len = 0;

    for (i = 0; i < filter->request_count; i++) {
        request = &filter->requests[i];

        if (request->kind == MCP_LIST_NONE || request->answered) {
            continue;
        }

        rc = mcp_list_error(request->id, arena, &errors[count]);
        if (rc != MCP_OK) {
            return rc;
        }

        request->answered = true;
        text->len += errors[count++].len + 1;
    }

    if (count == 0) {
        return mcp_list_error(mcp_str(""), arena, text);
    }

    if (count == 1 && !batch) {
        *text = errors[0];
        return MCP_OK;
    }

    p = mcp_arena_alloc(arena, ++text->len);
    if (p == NULL) {
        return MCP_NOMEM;
    }

    text->data = p;

    for (i = 0; i < count; i++) {
        *p++ = (i == 0) ? '[' : ',';
        memcpy(p, errors[i].data, errors[i].len);
        p += errors[i].len;
    }

    *p = ']';

    return MCP_OK;
}


/*
 * To readers that go by the members a message is an answer only when its
 * method is no string.
 */

bool
mcp_list_is_request(mcp_str_t beginning)
{
    uint8_t        c;
    mcp_str_t      byte;
    mcp_outcome_t  outcome;

    mcp_outcome_init(&outcome, true);

    while (beginning.len && !mcp_outcome_over(&outcome)) {
        c = beginning.data[0];

        byte.data = beginning.data++;
        byte.len = 1;
        beginning.len--;

        (void) mcp_outcome_next(&outcome, &byte);

        if (outcome.message.method) {
            return c == '"' && !outcome.message.result
                   && !outcome.message.ambiguous && outcome.level == 1;
        }
    }

    return false;
}


static mcp_rc_t
mcp_list_text(mcp_list_t *list)
{
    mcp_rc_t                 rc;
    uint32_t                 i, end;
    const mcp_json_token_t  *tokens;

    tokens = list->json.tokens;

    if (tokens[0].type != MCP_JSON_ARRAY) {
        return mcp_list_message(list, 0);
    }

    end = tokens[0].next;

    for (i = 1; i < end; i = tokens[i].next) {
        rc = mcp_list_message(list, i);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* MCP_OK or MCP_NOMEM. */

static mcp_rc_t
mcp_list_message(mcp_list_t *list, uint32_t index)
{
    mcp_rc_t           rc;
    mcp_json_mark_t    mark;
    mcp_list_result_t  before;

    before = *list->result;
    mark = mcp_json_edit_mark(&list->edit);

    switch (list->json.tokens[index].type) {

    case MCP_JSON_OBJECT:
        rc = mcp_list_answer(list, index);
        break;

    case MCP_JSON_ARRAY:
        rc = MCP_ERROR;            /* inside of a batch */
        break;

    default:
        rc = MCP_OK;
        break;
    }

    if (rc != MCP_ERROR) {
        return rc;
    }

    *list->result = before;
    mcp_json_edit_rewind(&list->edit, &mark);

    return mcp_list_withhold(list, index);
}


static mcp_rc_t
mcp_list_answer(mcp_list_t *list, uint32_t index)
{
    mcp_rc_t                 rc;
    uint32_t                 values[MCP_LIST_MESSAGE_COUNT];
    const mcp_json_token_t  *tokens;
    mcp_list_request_t      *request;

    tokens = list->json.tokens;

    rc = mcp_list_members(list, index, mcp_list_message_names,
                          MCP_LIST_MESSAGE_COUNT, values);
    if (rc != MCP_OK) {
        return rc;
    }

    if (values[MCP_LIST_METHOD] != MCP_JSON_NONE) {
        return values[MCP_LIST_RESULT] == MCP_JSON_NONE ? MCP_OK : MCP_ERROR;
    }

    if (values[MCP_LIST_RESULT] == MCP_JSON_NONE
        && values[MCP_LIST_ERROR] == MCP_JSON_NONE)
    {
        return MCP_OK;
    }

    rc = mcp_list_find(list, values[MCP_LIST_ID], &request);
    if (rc != MCP_OK) {
        return rc;
    }

    if (request != NULL) {
        request->answered = true;

        if (request->kind == MCP_LIST_NONE) {
            return MCP_OK;
        }
    }

    if (values[MCP_LIST_RESULT] == MCP_JSON_NONE) {
        return MCP_OK;
    }

    /* some servers write both, the one that there is not as null */

    if (values[MCP_LIST_ERROR] != MCP_JSON_NONE
        && tokens[values[MCP_LIST_ERROR]].type != MCP_JSON_NULL)
    {
        return MCP_ERROR;
    }

    return mcp_list_result(list, request, values[MCP_LIST_RESULT]);
}


static mcp_rc_t
mcp_list_result(mcp_list_t *list, const mcp_list_request_t *request,
    uint32_t index)
{
    mcp_rc_t  rc;
    uint32_t  values[MCP_LIST_RESULT_COUNT];

    if (list->json.tokens[index].type != MCP_JSON_OBJECT) {
        return request != NULL ? MCP_ERROR : MCP_OK;
    }

    rc = mcp_list_members(list, index, mcp_list_result_names,
                          MCP_LIST_RESULT_COUNT, values);
    if (rc != MCP_OK) {
        return rc;
    }

    if (!mcp_list_expected(list, request, values)) {
        return MCP_ERROR;
    }

    return mcp_list_edit(list, index, request, values);
}


/*
 * A list that was asked for has to be there.  Where it is not known what was
 * asked for, "tools" that are no array are a list that cannot be read.
 */

static bool
mcp_list_expected(const mcp_list_t *list, const mcp_list_request_t *request,
    const uint32_t *values)
{
    uint32_t                 value;
    mcp_list_kind_t          kind;
    const mcp_json_token_t  *tokens;

    tokens = list->json.tokens;

    if (request == NULL) {
        value = values[MCP_LIST_TOOLS];

        return list->filter->request_count != 0 || value == MCP_JSON_NONE
               || tokens[value].type == MCP_JSON_ARRAY;
    }

    kind = request->kind;
    value = values[kind];

    return value != MCP_JSON_NONE
           && tokens[value].type == (kind == MCP_LIST_COMPLETION
                                     ? MCP_JSON_OBJECT : MCP_JSON_ARRAY);
}


/* Member by member, in the order of the text. */

static mcp_rc_t
mcp_list_edit(mcp_list_t *list, uint32_t index,
    const mcp_list_request_t *request, const uint32_t *values)
{
    bool                     cached;
    mcp_rc_t                 rc;
    uint32_t                 i, key, value;
    mcp_json_edit_t         *edit;
    const mcp_json_token_t  *tokens;

    edit = &list->edit;
    tokens = list->json.tokens;
    cached = false;

    for (i = MCP_LIST_TOOLS; i < MCP_LIST_COMPLETION; i++) {
        cached |= values[i] != MCP_JSON_NONE
                  && tokens[values[i]].type == MCP_JSON_ARRAY;
    }

    rc = MCP_OK;

    if (cached && list->filter->private_view
        && values[MCP_LIST_CACHE_SCOPE] == MCP_JSON_NONE
        && (values[MCP_LIST_TTL] != MCP_JSON_NONE
            || values[MCP_LIST_RESULT_TYPE] != MCP_JSON_NONE))
    {
        rc = mcp_json_edit_replace(edit, tokens[index].start + 1,
                                   tokens[index].start + 1,
                                   mcp_str("\"cacheScope\":\"private\","));
    }

    for (key = index + 1; rc == MCP_OK && key < tokens[index].next;
         key = tokens[value].next)
    {
        value = tokens[key].next;

        for (i = 0; i < MCP_LIST_RESULT_COUNT && values[i] != value; i++) {
            /* void */
        }

        if (i >= MCP_LIST_TOOLS && i < MCP_LIST_COMPLETION
            && tokens[value].type == MCP_JSON_ARRAY)
        {
            rc = mcp_list_array(list, (mcp_list_kind_t) i, value);

        } else if (i == MCP_LIST_COMPLETION) {
            rc = mcp_list_completion(list, value, request != NULL
                                     && request->kind == MCP_LIST_COMPLETION);

        } else if (cached && i == MCP_LIST_CACHE_SCOPE) {
            rc = mcp_list_cache_scope(list, value);

        } else if (cached && i == MCP_LIST_TTL) {
            rc = mcp_list_ttl(list, value);
        }
    }

    return rc;
}


/* NULL: nobody asked under this id, as far as is known. */

static mcp_rc_t
mcp_list_find(mcp_list_t *list, uint32_t id, mcp_list_request_t **request)
{
    uint8_t                   buffer[MCP_OUTCOME_ID_MAX];
    mcp_rc_t                  rc;
    uint32_t                  i;
    mcp_str_t                 raw;
    mcp_outcome_id_t          answered;
    const mcp_list_filter_t  *filter;

    *request = NULL;
    filter = list->filter;

    if (id == MCP_JSON_NONE || filter->request_count == 0) {
        return MCP_OK;
    }

    raw = mcp_json_raw(&list->json, id);

    for (i = 0; i < filter->request_count; i++) {
        if (mcp_str_equal(raw, filter->requests[i].id)) {
            list->id = raw;
            *request = &filter->requests[i];
            return MCP_OK;
        }
    }

    /* servers write the id anew, and not always as it was */

    rc = mcp_list_read_ids(list);
    if (rc != MCP_OK) {
        return rc;
    }

    mcp_outcome_id(raw, buffer, &answered);

    for (i = 0; i < filter->request_count; i++) {
        if (mcp_list_id_equal(&answered, &list->ids[i])) {
            *request = &filter->requests[i];
            return MCP_OK;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_list_read_ids(mcp_list_t *list)
{
    uint8_t   *buffer;
    uint32_t   i, count;

    if (list->ids != NULL) {
        return MCP_OK;
    }

    count = list->filter->request_count;

    list->ids = mcp_arena_alloc(list->arena, count
                                             * sizeof(mcp_outcome_id_t));
    buffer = mcp_arena_alloc(list->arena,
                             (size_t) count * MCP_OUTCOME_ID_MAX);

    if (list->ids == NULL || buffer == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < count; i++) {
        mcp_outcome_id(list->filter->requests[i].id, buffer, &list->ids[i]);
        buffer += MCP_OUTCOME_ID_MAX;
    }

    return MCP_OK;
}


static bool
mcp_list_id_equal(const mcp_outcome_id_t *a, const mcp_outcome_id_t *b)
{
    int  order;

    if (a->type == MCP_OUTCOME_ID_NUMBER && b->type == MCP_OUTCOME_ID_NUMBER) {
        return mcp_decimal_compare(a->text, b->text, &order) == MCP_OK
               && order == 0;
    }

    return mcp_outcome_id_equal(a, b);
}


/*
 * An error in the place of a message.  Of several ids readers take the last.
 */

static mcp_rc_t
mcp_list_withhold(mcp_list_t *list, uint32_t index)
{
    mcp_rc_t                 rc;
    uint32_t                 key, id;
    mcp_str_t                raw, text;
    mcp_list_request_t      *request;
    const mcp_json_token_t  *tokens;

    id = MCP_JSON_NONE;
    raw = mcp_str("");
    tokens = list->json.tokens;

    for (key = index + 1;
         tokens[index].type == MCP_JSON_OBJECT && key < tokens[index].next;
         key = tokens[key + 1].next)
    {
        if (mcp_json_string_equal(&list->json, key, mcp_str("id"))) {
            id = key + 1;
        }
    }

    if (id != MCP_JSON_NONE
        && (tokens[id].type == MCP_JSON_STRING
            || tokens[id].type == MCP_JSON_NUMBER
            || tokens[id].type == MCP_JSON_NULL))
    {
        raw = mcp_json_raw(&list->json, id);

        rc = mcp_list_find(list, id, &request);
        if (rc != MCP_OK) {
            return rc;
        }

        if (request != NULL) {
            request->answered = true;
        }
    }

    rc = mcp_list_error(raw, list->arena, &text);
    if (rc != MCP_OK) {
        return rc;
    }

    list->result->refused++;

    return mcp_json_edit_value(&list->edit, &list->json, index, text);
}


static mcp_rc_t
mcp_list_error(mcp_str_t id, mcp_arena_t *arena, mcp_str_t *text)
{
    mcp_rc_t     rc;
    mcp_reply_t  reply;

    rc = mcp_reply_error(200, MCP_CODE_INTERNAL, id,
                         mcp_str("The answer of the server cannot be checked "
                                 "against the policy and is withheld"),
                         arena, &reply);

    *text = reply.body;

    return rc;
}
