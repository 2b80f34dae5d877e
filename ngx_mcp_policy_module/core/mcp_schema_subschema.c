/* Keywords whose values are schemas: those become nodes of their own. */

#include "mcp_schema_private.h"


mcp_rc_t
mcp_schema_child(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_node_t **node)
{
    *node = mcp_schema_node(c, value);

    return (*node != NULL) ? MCP_OK : MCP_NOMEM;
}


mcp_rc_t
mcp_schema_container(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    uint32_t  key, end;

    (void) code;

    if (mcp_schema_token(c, value)->type != MCP_JSON_OBJECT) {
        return mcp_schema_wrong(c, value, "must be an object");
    }

    end = mcp_schema_token(c, value)->next;

    for (key = value + 1; key < end;
         key = mcp_schema_token(c, key + 1)->next)
    {
        if (mcp_schema_node(c, key + 1) == NULL) {
            return MCP_NOMEM;
        }
    }

    return MCP_OK;
}


mcp_rc_t
mcp_schema_reference(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    mcp_schema_op_t  *op;

    op = mcp_schema_add(c, code, value);
    op->nodes = mcp_schema_alloc(c, 1, sizeof(void *));
    op->count = 1;

    return (op->nodes != NULL) ? MCP_OK : MCP_NOMEM;
}


mcp_rc_t
mcp_schema_one(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    mcp_schema_op_t  *op;

    op = mcp_schema_add(c, code, value);
    op->nodes = mcp_schema_alloc(c, 1, sizeof(void *));
    op->count = 1;

    return (op->nodes != NULL) ? mcp_schema_child(c, value, &op->nodes[0])
                               : MCP_NOMEM;
}


mcp_rc_t
mcp_schema_several(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    uint32_t          i, child;
    mcp_schema_op_t  *op;

    op = mcp_schema_add(c, code, value);

    if (mcp_schema_token(c, value)->type != MCP_JSON_ARRAY
        || mcp_schema_token(c, value)->next == value + 1)
    {
        return mcp_schema_wrong(c, value, "must be an array of schemas");
    }

    op->count = mcp_json_size(&c->schema->json, value);
    op->nodes = mcp_schema_alloc(c, op->count, sizeof(void *));

    if (op->nodes == NULL) {
        return MCP_NOMEM;
    }

    child = value + 1;

    for (i = 0; i < op->count; i++) {
        if (mcp_schema_child(c, child, &op->nodes[i]) != MCP_OK) {
            return MCP_NOMEM;
        }

        child = mcp_schema_token(c, child)->next;
    }

    return MCP_OK;
}


mcp_rc_t
mcp_schema_items(mcp_schema_compiler_t *c)
{
    mcp_rc_t          rc;
    uint32_t          prefix, items;
    mcp_schema_op_t  *op;

    prefix = mcp_schema_sibling(c, mcp_str("prefixItems"));
    items = mcp_schema_sibling(c, mcp_str("items"));

    if (items != MCP_JSON_NONE
        && mcp_schema_token(c, items)->type == MCP_JSON_ARRAY)
    {
        return mcp_schema_wrong(c, items, "must be a schema; write "
                                "\"prefixItems\" for an array of them");
    }

    if (prefix != MCP_JSON_NONE) {
        rc = mcp_schema_several(c, prefix, MCP_SCHEMA_ITEMS);

        if (rc != MCP_OK) {
            return rc;
        }

    } else if (items != MCP_JSON_NONE) {
        (void) mcp_schema_add(c, MCP_SCHEMA_ITEMS, items);

    } else {
        return MCP_OK;
    }

    op = &c->ops[MCP_SCHEMA_ITEMS];

    return (items != MCP_JSON_NONE)
           ? mcp_schema_child(c, items, &op->u.items) : MCP_OK;
}


mcp_rc_t
mcp_schema_contains(mcp_schema_compiler_t *c)
{
    mcp_rc_t          rc;
    uint32_t          contains, min, max;
    uint64_t          bounds[2];
    mcp_schema_op_t  *op;

    bounds[0] = 1;
    bounds[1] = UINT64_MAX;

    contains = mcp_schema_sibling(c, mcp_str("contains"));
    min = mcp_schema_sibling(c, mcp_str("minContains"));
    max = mcp_schema_sibling(c, mcp_str("maxContains"));

    if (min != MCP_JSON_NONE) {
        rc = mcp_schema_count(c, min, &bounds[0]);

        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (max != MCP_JSON_NONE) {
        rc = mcp_schema_count(c, max, &bounds[1]);

        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (contains == MCP_JSON_NONE) {
        return MCP_OK;
    }

    rc = mcp_schema_one(c, contains, MCP_SCHEMA_CONTAINS);
    op = &c->ops[MCP_SCHEMA_CONTAINS];
    op->u.contains.min = bounds[0];
    op->u.contains.max = bounds[1];

    return rc;
}


/* "then" and "else" without "if" are schemas that nobody applies. */

mcp_rc_t
mcp_schema_conditional(mcp_schema_compiler_t *c)
{
    unsigned             i;
    uint32_t             value;
    mcp_schema_op_t     *op;
    mcp_schema_node_t  **nodes;

    static const mcp_str_t  names[3] = {
        mcp_str_init("if"), mcp_str_init("then"), mcp_str_init("else")
    };

    nodes = mcp_schema_alloc(c, 3, sizeof(void *));

    if (nodes == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < 3; i++) {
        value = mcp_schema_sibling(c, names[i]);

        if (value != MCP_JSON_NONE
            && mcp_schema_child(c, value, &nodes[i]) != MCP_OK)
        {
            return MCP_NOMEM;
        }
    }

    if (nodes[0] != NULL) {
        op = mcp_schema_add(c, MCP_SCHEMA_IF, nodes[0]->token);
        op->nodes = nodes;
        op->count = 3;
    }

    return MCP_OK;
}
