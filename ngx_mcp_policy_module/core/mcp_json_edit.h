/*
 * Leaves out and replaces parts of a JSON text.  All else keeps its bytes:
 * what comes of it are pieces, views of the text and of what was put in.
 */

#ifndef MCP_JSON_EDIT_H
#define MCP_JSON_EDIT_H

#include "mcp_json.h"

#pragma GCC visibility push(hidden)


typedef struct {
    mcp_str_t     text;
    mcp_arena_t  *arena;
    mcp_str_t    *pieces;      /* none of them is empty */
    uint32_t      count;
    uint32_t      room;
    size_t        length;      /* of all pieces */
    size_t        position;    /* of the text, which is settled up to here;
                                  0: nothing was edited */
} mcp_json_edit_t;

/* Where to go back to. */
typedef struct {
    uint32_t  count;
    size_t    length;
    size_t    position;
} mcp_json_mark_t;


void mcp_json_edit_init(mcp_json_edit_t *edit, mcp_str_t text,
    mcp_arena_t *arena);

/*
 * Puts "by", which must live as long as the pieces, in the place of the bytes
 * from "start" to "end".  Edits are made in the order of the text and do not
 * overlap.  MCP_OK or MCP_NOMEM.
 */
mcp_rc_t mcp_json_edit_replace(mcp_json_edit_t *edit, size_t start,
    size_t end, mcp_str_t by);

/* The same for the value at a token. */
mcp_rc_t mcp_json_edit_value(mcp_json_edit_t *edit, const mcp_json_t *json,
    uint32_t index, mcp_str_t by);

mcp_json_mark_t mcp_json_edit_mark(const mcp_json_edit_t *edit);

/* Undoes what was edited since. */
void mcp_json_edit_rewind(mcp_json_edit_t *edit, const mcp_json_mark_t *mark);

/* Takes the rest of the text.  MCP_OK or MCP_NOMEM. */
mcp_rc_t mcp_json_edit_finish(mcp_json_edit_t *edit);


/*
 * Elements of an array, all of them and in their order: each is kept, or
 * dropped with a comma and the white space about it.  An array that loses
 * all it had becomes "[]".
 */
typedef struct {
    mcp_json_edit_t   *edit;
    const mcp_json_t  *json;
    uint32_t           array;
    bool               kept;        /* an element was */
    bool               dropped;     /* the last one was */
    size_t             cut;         /* from here on, if the last was */
    size_t             end;         /* of the last element */
} mcp_json_elements_t;

void mcp_json_elements_init(mcp_json_elements_t *elements,
    mcp_json_edit_t *edit, const mcp_json_t *json, uint32_t array);
void mcp_json_elements_drop(mcp_json_elements_t *elements, uint32_t index);

/* MCP_OK or MCP_NOMEM. */
mcp_rc_t mcp_json_elements_keep(mcp_json_elements_t *elements,
    uint32_t index);
mcp_rc_t mcp_json_elements_finish(mcp_json_elements_t *elements);

#pragma GCC visibility pop

#endif /* MCP_JSON_EDIT_H */
