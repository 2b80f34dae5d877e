#include "mcp_json_edit.h"

#define MCP_JSON_PIECES_INITIAL  16


static mcp_rc_t mcp_json_edit_append(mcp_json_edit_t *edit, mcp_str_t piece);
static mcp_rc_t mcp_json_edit_grow(mcp_json_edit_t *edit);
static size_t mcp_json_start_of(const mcp_json_t *json, uint32_t index);
static size_t mcp_json_end_of(const mcp_json_t *json, uint32_t index);


void
mcp_json_edit_init(mcp_json_edit_t *edit, mcp_str_t text, mcp_arena_t *arena)
{
    memset(edit, 0, sizeof(mcp_json_edit_t));

    edit->text = text;
    edit->arena = arena;
}


mcp_rc_t
mcp_json_edit_replace(mcp_json_edit_t *edit, size_t start, size_t end,
    mcp_str_t by)
{
    mcp_rc_t   rc;
    mcp_str_t  before;

    before.data = edit->text.data + edit->position;
    before.len = start - edit->position;

    rc = mcp_json_edit_append(edit, before);

    if (rc == MCP_OK) {
        rc = mcp_json_edit_append(edit, by);
    }

    edit->position = end;

    return rc;
}


mcp_rc_t
mcp_json_edit_value(mcp_json_edit_t *edit, const mcp_json_t *json,
    uint32_t index, mcp_str_t by)
{
    return mcp_json_edit_replace(edit, mcp_json_start_of(json, index),
                                 mcp_json_end_of(json, index), by);
}


mcp_json_mark_t
mcp_json_edit_mark(const mcp_json_edit_t *edit)
{
    return (mcp_json_mark_t) { edit->count, edit->length, edit->position };
}


void
mcp_json_edit_rewind(mcp_json_edit_t *edit, const mcp_json_mark_t *mark)
{
    edit->count = mark->count;
    edit->length = mark->length;
    edit->position = mark->position;
}


mcp_rc_t
mcp_json_edit_finish(mcp_json_edit_t *edit)
{
    return mcp_json_edit_replace(edit, edit->text.len, edit->text.len,
                                 mcp_str(""));
}


static mcp_rc_t
mcp_json_edit_append(mcp_json_edit_t *edit, mcp_str_t piece)
{
    if (piece.len == 0) {
        return MCP_OK;
    }

    if (edit->count == edit->room && mcp_json_edit_grow(edit) != MCP_OK) {
        return MCP_NOMEM;
    }

    edit->pieces[edit->count++] = piece;
    edit->length += piece.len;

    return MCP_OK;
}


static mcp_rc_t
mcp_json_edit_grow(mcp_json_edit_t *edit)
{
    uint32_t    room;
    mcp_str_t  *pieces;

    room = edit->room != 0 ? edit->room * 2 : MCP_JSON_PIECES_INITIAL;

    pieces = mcp_arena_alloc(edit->arena, room * sizeof(mcp_str_t));

    if (pieces == NULL) {
        return MCP_NOMEM;
    }

    if (edit->count != 0) {
        memcpy(pieces, edit->pieces, edit->count * sizeof(mcp_str_t));
    }

    edit->pieces = pieces;
    edit->room = room;

    return MCP_OK;
}


void
mcp_json_elements_init(mcp_json_elements_t *elements, mcp_json_edit_t *edit,
    const mcp_json_t *json, uint32_t array)
{
    memset(elements, 0, sizeof(mcp_json_elements_t));

    elements->edit = edit;
    elements->json = json;
    elements->array = array;
}


/*
 * Behind an element that stays, what is left out begins with the white space
 * and the comma that follow it; before the first that stays, it ends with
 * those that precede it.
 */

void
mcp_json_elements_drop(mcp_json_elements_t *elements, uint32_t index)
{
    if (!elements->dropped) {
        elements->dropped = true;
        elements->cut = elements->kept
                        ? elements->end
                        : mcp_json_start_of(elements->json, index);
    }

    elements->end = mcp_json_end_of(elements->json, index);
}


mcp_rc_t
mcp_json_elements_keep(mcp_json_elements_t *elements, uint32_t index)
{
    size_t    end;
    mcp_rc_t  rc;

    rc = MCP_OK;

    if (elements->dropped) {
        end = elements->kept ? elements->end
                             : mcp_json_start_of(elements->json, index);

        rc = mcp_json_edit_replace(elements->edit, elements->cut, end,
                                   mcp_str(""));
    }

    elements->kept = true;
    elements->dropped = false;
    elements->end = mcp_json_end_of(elements->json, index);

    return rc;
}


mcp_rc_t
mcp_json_elements_finish(mcp_json_elements_t *elements)
{
    const mcp_json_token_t  *array;

    if (!elements->dropped) {
        return MCP_OK;
    }

    if (elements->kept) {
        return mcp_json_edit_replace(elements->edit, elements->cut,
                                     elements->end, mcp_str(""));
    }

    array = &elements->json->tokens[elements->array];

    return mcp_json_edit_replace(elements->edit, array->start + 1,
                                 array->end - 1, mcp_str(""));
}


/* A string is more than its token says: the quotes are part of the value. */

static size_t
mcp_json_start_of(const mcp_json_t *json, uint32_t index)
{
    const mcp_json_token_t  *t;

    t = &json->tokens[index];

    return t->start - (t->type == MCP_JSON_STRING);
}


static size_t
mcp_json_end_of(const mcp_json_t *json, uint32_t index)
{
    const mcp_json_token_t  *t;

    t = &json->tokens[index];

    return t->end + (t->type == MCP_JSON_STRING);
}
