/* Operations that apply other nodes: to members, elements, the value. */

#include "mcp_schema_private.h"


static mcp_rc_t mcp_schema_lookup(mcp_schema_check_t *check, uint32_t key,
    const mcp_schema_members_t *members, const mcp_schema_member_t **member);
static mcp_rc_t mcp_schema_find(mcp_schema_check_t *check, uint32_t object,
    uint32_t name, bool *found);
static mcp_rc_t mcp_schema_missing(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);
static mcp_rc_t mcp_schema_member_node(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_members_t *members,
    const mcp_schema_node_t **node);
static mcp_rc_t mcp_schema_none_of(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op);


/* What the schema says about the member; NULL: nothing. */

static mcp_rc_t
mcp_schema_lookup(mcp_schema_check_t *check, uint32_t key,
    const mcp_schema_members_t *members, const mcp_schema_member_t **member)
{
    mcp_rc_t   rc;
    mcp_str_t  name;

    rc = mcp_json_string(check->json, key, check->arena, &name);

    if (rc != MCP_OK) {
        return (rc == MCP_NOMEM) ? rc : MCP_ERROR;
    }

    if (!mcp_schema_charge(check, 1 + name.len / 64)) {
        return MCP_ERROR;
    }

    *member = mcp_schema_member(check->schema, members, name);

    return MCP_OK;
}


/* Whether the object has a member with the schema's "name". */

static mcp_rc_t
mcp_schema_find(mcp_schema_check_t *check, uint32_t object, uint32_t name,
    bool *found)
{
    uint32_t                 key;
    const mcp_json_token_t  *t;

    t = check->json->tokens;
    *found = false;

    for (key = object + 1; key < t[object].next; key = t[key + 1].next) {
        if (!mcp_schema_charge(check, 1)) {
            return MCP_ERROR;
        }

        if (mcp_json_strings_equal(&check->schema->json, name, check->json,
                                   key))
        {
            *found = true;
            break;
        }
    }

    return MCP_OK;
}


mcp_rc_t
mcp_schema_closed(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    uint32_t                    i, key;
    mcp_rc_t                    rc;
    const mcp_json_token_t     *t;
    const mcp_schema_member_t  *member;

    t = check->json->tokens;

    for (key = frame->value + 1; key < t[frame->value].next;
         key = t[key + 1].next)
    {
        rc = mcp_schema_lookup(check, key, op->u.members, &member);

        if (rc != MCP_OK) {
            return rc;
        }

        if (member != NULL && member->node != NULL) {
            continue;
        }

        rc = MCP_NO;

        for (i = 0; rc == MCP_NO && i < op->u.members->pattern_count; i++) {
            rc = mcp_schema_matches(check, key,
                                    op->u.members->patterns[i].regex);
        }

        if (rc == MCP_NO) {
            return frame->quiet
                   ? MCP_NO : mcp_schema_explain_unknown(check, frame->value,
                                                        key, op);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* No name is there twice, so that it is enough to count. */

mcp_rc_t
mcp_schema_required(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    uint32_t                    key, found;
    mcp_rc_t                    rc;
    const mcp_json_token_t     *t;
    const mcp_schema_member_t  *member;

    t = check->json->tokens;
    found = 0;

    for (key = frame->value + 1; key < t[frame->value].next;
         key = t[key + 1].next)
    {
        rc = mcp_schema_lookup(check, key, op->u.members, &member);

        if (rc != MCP_OK) {
            return rc;
        }

        found += (member != NULL && member->required);
    }

    if (found == op->u.members->required) {
        return MCP_OK;
    }

    return frame->quiet ? MCP_NO : mcp_schema_missing(check, frame, op);
}


/* Names the first that is missing. */

static mcp_rc_t
mcp_schema_missing(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    bool               found;
    uint32_t           name;
    mcp_rc_t           rc;
    const mcp_json_t  *json;

    json = &check->schema->json;

    for (name = op->token + 1; name < json->tokens[op->token].next; name++) {
        rc = mcp_schema_find(check, frame->value, name, &found);

        if (rc != MCP_OK) {
            return rc;
        }

        if (!found) {
            return mcp_schema_explain_missing(check, frame->value, op, name,
                                              MCP_JSON_NONE);
        }
    }

    return MCP_ERROR;
}


mcp_rc_t
mcp_schema_dependent_required(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op)
{
    bool                     found;
    uint32_t                 key, name;
    mcp_rc_t                 rc;
    const mcp_json_token_t  *t;

    t = check->schema->json.tokens;

    for (key = op->token + 1; key < t[op->token].next; key = t[key + 1].next)
    {
        rc = mcp_schema_find(check, frame->value, key, &found);

        if (rc != MCP_OK) {
            return rc;
        }

        if (!found) {
            continue;
        }

        for (name = key + 2; name < t[key + 1].next; name++) {
            rc = mcp_schema_find(check, frame->value, name, &found);

            if (rc != MCP_OK) {
                return rc;
            }

            if (!found) {
                return frame->quiet
                       ? MCP_NO
                       : mcp_schema_explain_missing(check, frame->value, op,
                                                    name, key);
            }
        }
    }

    return MCP_OK;
}


mcp_rc_t
mcp_schema_property_names(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op)
{
    uint32_t                 key;
    const mcp_json_token_t  *t;

    t = check->json->tokens;

    if (frame->cursor == 0) {
        frame->cursor = frame->value + 1;

    } else if (check->result == MCP_NO) {
        return MCP_NO;
    }

    if (frame->cursor >= t[frame->value].next) {
        return MCP_OK;
    }

    key = frame->cursor;
    frame->cursor = t[key + 1].next;

    return mcp_schema_push(check, op->nodes[0], key, frame->quiet);
}


mcp_rc_t
mcp_schema_members(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    mcp_rc_t                  rc;
    uint32_t                  end;
    const mcp_json_token_t   *t;
    const mcp_schema_node_t  *node;

    t = check->json->tokens;
    end = t[frame->value].next;

    if (frame->cursor == 0) {
        frame->cursor = frame->value + 1;

    } else if (check->result == MCP_NO) {
        return MCP_NO;
    }

    while (frame->cursor < end) {
        rc = mcp_schema_member_node(check, frame, op->u.members, &node);

        if (rc == MCP_OK) {
            return mcp_schema_push(check, node, frame->cursor + 1,
                                   frame->quiet);
        }

        if (rc != MCP_NO) {
            return rc;
        }

        frame->cursor = t[frame->cursor + 1].next;
        frame->count = 0;
        frame->matched = false;
    }

    return MCP_OK;
}


/*
 * The next node for the member at the cursor: that of its name, those of
 * patterns, and the one for what nothing else is said about.  MCP_NO: that
 * was the last.
 */

static mcp_rc_t
mcp_schema_member_node(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_members_t *members, const mcp_schema_node_t **node)
{
    mcp_rc_t                    rc;
    const mcp_schema_member_t  *member;

    if (frame->count == 0) {
        frame->count = 1;
        rc = mcp_schema_lookup(check, frame->cursor, members, &member);

        if (rc != MCP_OK) {
            return rc;
        }

        if (member != NULL && member->node != NULL) {
            frame->matched = true;
            *node = member->node;
            return MCP_OK;
        }
    }

    while (frame->count <= members->pattern_count) {
        *node = members->patterns[frame->count - 1].node;
        rc = mcp_schema_matches(check, frame->cursor,
                                members->patterns[frame->count - 1].regex);
        frame->count++;

        if (rc == MCP_OK) {
            frame->matched = true;
        }

        if (rc != MCP_NO) {
            return rc;
        }
    }

    if (frame->count++ == members->pattern_count + 1 && !frame->matched
        && members->additional != NULL)
    {
        *node = members->additional;
        return MCP_OK;
    }

    return MCP_NO;
}


mcp_rc_t
mcp_schema_elements(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    uint32_t                  element;
    const mcp_json_token_t   *t;
    const mcp_schema_node_t  *node;

    t = check->json->tokens;

    if (frame->cursor == 0) {
        frame->cursor = frame->value + 1;

    } else if (check->result == MCP_NO) {
        return MCP_NO;
    }

    if (frame->cursor >= t[frame->value].next) {
        return MCP_OK;
    }

    element = frame->cursor;
    frame->cursor = t[element].next;

    node = (frame->count < op->count) ? op->nodes[frame->count]
                                      : op->u.items;
    frame->count++;

    return (node != NULL) ? mcp_schema_push(check, node, element,
                                            frame->quiet)
                          : MCP_OK;
}


mcp_rc_t
mcp_schema_contained(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    uint32_t                 element;
    const mcp_json_token_t  *t;

    t = check->json->tokens;

    if (frame->cursor == 0) {
        frame->cursor = frame->value + 1;

    } else {
        frame->count += (check->result == MCP_OK);
    }

    if (frame->count > op->u.contains.max) {
        return mcp_schema_fails(check, frame, op);
    }

    if (frame->count >= op->u.contains.min
        && op->u.contains.max == UINT64_MAX)
    {
        return MCP_OK;
    }

    if (frame->cursor >= t[frame->value].next) {
        return (frame->count >= op->u.contains.min)
               ? MCP_OK : mcp_schema_fails(check, frame, op);
    }

    element = frame->cursor;
    frame->cursor = t[element].next;

    return mcp_schema_push(check, op->nodes[0], element, true);
}


mcp_rc_t
mcp_schema_unique_items(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    mcp_rc_t  rc;
    uint32_t  twice;

    rc = mcp_schema_unique(check, frame->value, &twice);

    if (rc != MCP_NO || frame->quiet) {
        return rc;
    }

    return mcp_schema_explain(check, twice, op);
}


/* "$ref" is this with one. */

mcp_rc_t
mcp_schema_all_of(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    if (frame->cursor > 0 && check->result == MCP_NO) {
        return MCP_NO;
    }

    if (frame->cursor == op->count) {
        return MCP_OK;
    }

    return mcp_schema_push(check, op->nodes[frame->cursor++], frame->value,
                           frame->quiet);
}


mcp_rc_t
mcp_schema_any_of(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    const mcp_schema_node_t  *node;

    if (frame->cursor > op->count) {
        return MCP_NO;
    }

    if (frame->cursor > 0 && frame->matched && check->result == MCP_OK) {
        return MCP_OK;
    }

    while (frame->cursor < op->count) {
        node = op->nodes[frame->cursor++];

        if (!mcp_schema_charge(check, 1)) {
            return MCP_ERROR;
        }

        /* here: that there is a result */

        if (node->types & frame->type) {
            frame->matched = true;
            return mcp_schema_push(check, node, frame->value, true);
        }
    }

    return mcp_schema_none_of(check, frame, op);
}


mcp_rc_t
mcp_schema_one_of(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    const mcp_schema_node_t  *node;

    if (frame->cursor > op->count) {
        return MCP_NO;
    }

    if (frame->matched) {
        frame->matched = false;
        frame->count += (check->result == MCP_OK);
    }

    if (frame->count > 1) {
        return frame->quiet
               ? MCP_NO : mcp_schema_explain_several(check, frame->value, op);
    }

    while (frame->cursor < op->count) {
        node = op->nodes[frame->cursor++];

        if (!mcp_schema_charge(check, 1)) {
            return MCP_ERROR;
        }

        if (node->types & frame->type) {
            frame->matched = true;
            return mcp_schema_push(check, node, frame->value, true);
        }
    }

    return (frame->count == 1) ? MCP_OK
                               : mcp_schema_none_of(check, frame, op);
}


/*
 * Nothing fits.  Where only one form is for values of this type, it is the
 * one that was meant: it is asked again, for its fault.
 */

static mcp_rc_t
mcp_schema_none_of(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    uint32_t                  i;
    const mcp_schema_node_t  *meant;

    if (frame->quiet) {
        return MCP_NO;
    }

    meant = NULL;

    for (i = 0; i < op->count; i++) {
        if (!(op->nodes[i]->types & frame->type)) {
            continue;
        }

        if (meant != NULL) {
            return mcp_schema_explain(check, frame->value, op);
        }

        meant = op->nodes[i];
    }

    if (meant == NULL) {
        return mcp_schema_explain(check, frame->value, op);
    }

    frame->cursor = op->count + 1;

    return mcp_schema_push(check, meant, frame->value, false);
}


mcp_rc_t
mcp_schema_not(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    if (frame->cursor++ == 0) {
        return mcp_schema_push(check, op->nodes[0], frame->value, true);
    }

    return (check->result == MCP_NO) ? MCP_OK
                                     : mcp_schema_fails(check, frame, op);
}


mcp_rc_t
mcp_schema_if(mcp_schema_check_t *check, mcp_schema_frame_t *frame,
    const mcp_schema_op_t *op)
{
    const mcp_schema_node_t  *node;

    switch (frame->cursor++) {

    case 0:
        return mcp_schema_push(check, op->nodes[0], frame->value, true);

    case 1:
        node = op->nodes[check->result == MCP_OK ? 1 : 2];

        return (node != NULL) ? mcp_schema_push(check, node, frame->value,
                                                frame->quiet)
                              : MCP_OK;

    default:
        return check->result;
    }
}


mcp_rc_t
mcp_schema_dependent_schemas(mcp_schema_check_t *check,
    mcp_schema_frame_t *frame, const mcp_schema_op_t *op)
{
    bool                     found;
    uint32_t                 key;
    mcp_rc_t                 rc;
    const mcp_json_token_t  *t;

    t = check->schema->json.tokens;

    if (frame->cursor == 0) {
        frame->cursor = op->token + 1;

    } else if (check->result == MCP_NO) {
        return MCP_NO;
    }

    while (frame->cursor < t[op->token].next) {
        key = frame->cursor;
        frame->cursor = t[key + 1].next;
        rc = mcp_schema_find(check, frame->value, key, &found);

        if (rc != MCP_OK) {
            return rc;
        }

        if (found) {
            return mcp_schema_push(check, op->nodes[frame->count++],
                                   frame->value, frame->quiet);
        }

        frame->count++;
    }

    return MCP_OK;
}
