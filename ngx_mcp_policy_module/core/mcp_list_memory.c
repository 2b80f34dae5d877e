#include "mcp_list_memory.h"

/* Longer texts are not kept. */
#define MCP_LIST_MEMORY_TEXT  (256 * 1024)


/*
 * A piece of what was left.  Offsets from the end of the text on are those of
 * what was put into it, which is kept behind it.
 */
typedef struct {
    size_t              offset;
    size_t              length;
} mcp_list_part_t;

struct mcp_list_recall_s {
    size_t              room;         /* bytes that follow this struct */
    size_t              length;       /* of the text; 0: none */
    size_t              id;           /* where it is in the text */
    size_t              id_length;
    bool                hidden_only;
    bool                private_view;
    uint64_t            max_ttl_ms;
    mcp_limits_t        limits;
    mcp_list_result_t   result;       /* without pieces */
    mcp_list_part_t    *parts;
    uint8_t            *text;
};


static bool mcp_list_recall_fits(const mcp_list_recall_t *recall,
    const mcp_list_filter_t *filter, const mcp_limits_t *limits);
static bool mcp_list_recall_equal(const mcp_list_recall_t *recall,
    mcp_str_t text, mcp_str_t id);
static mcp_rc_t mcp_list_recall_result(const mcp_list_recall_t *recall,
    mcp_str_t text, mcp_arena_t *arena, mcp_list_result_t *result);
static mcp_rc_t mcp_list_memory_resolve(void *data, const void *variables,
    mcp_arena_t *arena, mcp_str_t *value);
static mcp_list_recall_t *mcp_list_memory_room(mcp_list_memory_t *memory,
    mcp_list_kind_t kind, size_t room);
static bool mcp_list_is_view(mcp_str_t piece, mcp_str_t text);


bool
mcp_list_memory_used(const mcp_list_filter_t *filter)
{
    return filter->lists != NULL
           && filter->caller != NULL
           && filter->policy->pins == NULL
           && filter->request_count == 1
           && filter->requests[0].kind >= MCP_LIST_TOOLS
           && filter->requests[0].kind < MCP_LIST_COMPLETION;
}


mcp_rc_t
mcp_list_memory_find(const mcp_list_filter_t *filter, mcp_str_t text,
    const mcp_limits_t *limits, mcp_arena_t *arena, mcp_list_result_t *result)
{
    mcp_rc_t                  rc;
    mcp_list_request_t       *request;
    const mcp_list_recall_t  *recall;

    request = &filter->requests[0];
    recall = filter->lists->recalls[request->kind];

    if (recall == NULL
        || !mcp_list_recall_fits(recall, filter, limits)
        || !mcp_list_recall_equal(recall, text, request->id))
    {
        return MCP_NO;
    }

    rc = mcp_list_recall_result(recall, text, arena, result);

    if (rc == MCP_OK) {
        request->answered = true;
    }

    return rc;
}


static bool
mcp_list_recall_fits(const mcp_list_recall_t *recall,
    const mcp_list_filter_t *filter, const mcp_limits_t *limits)
{
    return recall->length != 0
           && recall->hidden_only == filter->hidden_only
           && recall->private_view == filter->private_view
           && recall->max_ttl_ms == filter->max_ttl_ms
           && recall->limits.depth == limits->depth
           && recall->limits.tokens == limits->tokens
           && recall->limits.string_length == limits->string_length
           && recall->limits.number_length == limits->number_length
           && filter->requests[0].id.len <= limits->string_length
           && filter->requests[0].id.len <= limits->number_length;
}


/* But for the id, which has to be that of the request as it was written. */

static bool
mcp_list_recall_equal(const mcp_list_recall_t *recall, mcp_str_t text,
    mcp_str_t id)
{
    size_t  before, after;

    before = recall->id;
    after = recall->length - recall->id - recall->id_length;

    if (text.len < id.len || text.len - id.len != before + after) {
        return false;
    }

    return memcmp(text.data, recall->text, before) == 0
           && memcmp(text.data + before, id.data, id.len) == 0
           && memcmp(text.data + before + id.len,
                     recall->text + before + recall->id_length, after)
              == 0;
}


static mcp_rc_t
mcp_list_recall_result(const mcp_list_recall_t *recall, mcp_str_t text,
    mcp_arena_t *arena, mcp_list_result_t *result)
{
    size_t                  id_end, start, end;
    uint8_t                *p;
    uint32_t                i;
    mcp_str_t              *piece;
    const mcp_list_part_t  *part;

    *result = recall->result;

    result->length = 0;
    result->pieces = mcp_arena_alloc(arena, (size_t) result->piece_count
                                            * sizeof(mcp_str_t));
    if (result->pieces == NULL) {
        return MCP_NOMEM;
    }

    id_end = recall->id + recall->id_length;

    for (i = 0; i < result->piece_count; i++) {
        part = &recall->parts[i];
        piece = &result->pieces[i];

        start = part->offset;
        end = part->offset + part->length;

        if (start >= recall->length) {
            p = mcp_arena_alloc(arena, part->length);
            if (p == NULL) {
                return MCP_NOMEM;
            }

            memcpy(p, recall->text + start, part->length);

            piece->data = p;
            piece->len = part->length;

        } else {

            /* the id lies in one piece, and what follows it moves with it */

            if (start >= id_end) {
                start = start + text.len - recall->length;
            }

            if (end >= id_end) {
                end = end + text.len - recall->length;
            }

            piece->data = text.data + start;
            piece->len = end - start;
        }

        result->length += piece->len;
    }

    return MCP_OK;
}


void
mcp_list_memory_watch(mcp_list_watch_t *watch,
    const mcp_list_filter_t *filter)
{
    watch->filter = *filter;
    watch->caller = *filter->caller;
    watch->resolve = filter->caller->resolve;
    watch->resolve_data = filter->caller->resolve_data;
    watch->asked = false;

    watch->filter.caller = &watch->caller;

    if (watch->resolve != NULL) {
        watch->caller.resolve = mcp_list_memory_resolve;
        watch->caller.resolve_data = watch;
    }
}


static mcp_rc_t
mcp_list_memory_resolve(void *data, const void *variables, mcp_arena_t *arena,
    mcp_str_t *value)
{
    mcp_list_watch_t *watch = data;

    watch->asked = true;

    return watch->resolve(watch->resolve_data, variables, arena, value);
}


void
mcp_list_memory_keep(const mcp_list_watch_t *watch, mcp_str_t text,
    mcp_str_t id, const mcp_limits_t *limits, const mcp_list_result_t *result)
{
    size_t              parts, extra;
    uint32_t            i;
    mcp_str_t           piece;
    mcp_list_recall_t  *recall;

    if (watch->asked || result->refused || text.len > MCP_LIST_MEMORY_TEXT) {
        return;
    }

    extra = 0;

    for (i = 0; i < result->piece_count; i++) {
        if (!mcp_list_is_view(result->pieces[i], text)) {
            extra += result->pieces[i].len;
        }
    }

    parts = result->piece_count * sizeof(mcp_list_part_t);

    recall = mcp_list_memory_room(watch->filter.lists,
                                  watch->filter.requests[0].kind,
                                  parts + text.len + extra);
    if (recall == NULL) {
        return;
    }

    recall->length = text.len;
    recall->id = (size_t) (id.data - text.data);
    recall->id_length = id.len;
    recall->hidden_only = watch->filter.hidden_only;
    recall->private_view = watch->filter.private_view;
    recall->max_ttl_ms = watch->filter.max_ttl_ms;
    recall->limits = *limits;
    recall->result = *result;
    recall->result.pieces = NULL;
    recall->parts = (mcp_list_part_t *) (recall + 1);
    recall->text = (uint8_t *) (recall->parts + result->piece_count);

    memcpy(recall->text, text.data, text.len);
    extra = text.len;

    for (i = 0; i < result->piece_count; i++) {
        piece = result->pieces[i];
        recall->parts[i].length = piece.len;

        if (mcp_list_is_view(piece, text)) {
            recall->parts[i].offset = (size_t) (piece.data - text.data);
            continue;
        }

        recall->parts[i].offset = extra;
        memcpy(recall->text + extra, piece.data, piece.len);
        extra += piece.len;
    }
}


/* Where the last one was, if that is large enough and not far too large. */

static mcp_list_recall_t *
mcp_list_memory_room(mcp_list_memory_t *memory, mcp_list_kind_t kind,
    size_t room)
{
    mcp_list_recall_t  *recall;

    recall = memory->recalls[kind];

    if (recall != NULL && (recall->room < room || recall->room / 4 > room)) {
        memory->allocator.free(memory->allocator.data, recall);
        recall = NULL;
    }

    if (recall == NULL) {
        recall = memory->allocator.alloc(memory->allocator.data,
                                         sizeof(mcp_list_recall_t) + room);
        if (recall != NULL) {
            recall->room = room;
        }
    }

    memory->recalls[kind] = recall;

    return recall;
}


static bool
mcp_list_is_view(mcp_str_t piece, mcp_str_t text)
{
    return (uintptr_t) piece.data >= (uintptr_t) text.data
           && (uintptr_t) piece.data < (uintptr_t) text.data + text.len;
}


void
mcp_list_memory_clear(mcp_list_memory_t *memory)
{
    size_t  i;

    for (i = 0; i < MCP_LIST_COMPLETION; i++) {

        if (memory->recalls[i] != NULL) {
            memory->allocator.free(memory->allocator.data,
                                   memory->recalls[i]);
            memory->recalls[i] = NULL;
        }
    }
}
