/* JSON files: a tree of the tokens, with the lines and columns of each. */

#include "mcp_document.h"
#include "mcp_json.h"


/* Tokens come in written order, so that one walk tells all their places. */
typedef struct {
    size_t    offset;
    unsigned  line;
    unsigned  column;
} mcp_document_cursor_t;

typedef struct {
    mcp_json_t                    json;
    mcp_str_t                     text;
    mcp_arena_t                  *arena;
    const mcp_document_caller_t  *caller;
    mcp_node_t                   *nodes;       /* one for each token */
    mcp_document_cursor_t         cursor;
    bool                          failed;
} mcp_document_reading_t;


static mcp_rc_t mcp_document_nodes(mcp_document_reading_t *reading);
static mcp_rc_t mcp_document_scalar(mcp_document_reading_t *reading,
    uint32_t index);
static mcp_rc_t mcp_document_map(mcp_document_reading_t *reading,
    uint32_t index);
static mcp_rc_t mcp_document_list(mcp_document_reading_t *reading,
    uint32_t index);
static mcp_rc_t mcp_document_string(mcp_document_reading_t *reading,
    uint32_t index, mcp_str_t *value);
static void mcp_document_move(mcp_document_reading_t *reading,
    mcp_document_cursor_t *cursor, size_t offset);
static mcp_rc_t mcp_document_syntax(mcp_document_reading_t *reading,
    const mcp_error_t *error);


mcp_rc_t
mcp_document_json(mcp_str_t text, mcp_arena_t *arena,
    const mcp_document_caller_t *caller, const mcp_node_t **root)
{
    mcp_rc_t                rc;
    mcp_error_t             error;
    mcp_limits_t            limits;
    mcp_document_reading_t  reading;

    *root = NULL;

    memset(&reading, 0, sizeof(reading));
    reading.text = text;
    reading.arena = arena;
    reading.caller = caller;
    reading.cursor.line = 1;
    reading.cursor.column = 1;

    limits.depth = MCP_DOCUMENT_DEPTH;
    limits.tokens = MCP_DOCUMENT_NODES;
    limits.string_length = MCP_DEFAULT_STRING_LENGTH;
    limits.number_length = MCP_DEFAULT_NUMBER_LENGTH;
    limits.batch = 1;
    limits.hash_key[0] = caller->hash_key[0];
    limits.hash_key[1] = caller->hash_key[1];

    error.text[0] = '\0';

    rc = mcp_json_parse(&reading.json, text, &limits, arena, &error);

    if (rc == MCP_ERROR) {
        return mcp_document_syntax(&reading, &error);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_document_nodes(&reading);
    if (rc != MCP_OK) {
        return rc;
    }

    *root = reading.nodes;

    return reading.failed ? MCP_ERROR : MCP_OK;
}


static mcp_rc_t
mcp_document_nodes(mcp_document_reading_t *reading)
{
    mcp_rc_t                 rc;
    uint32_t                 i;
    mcp_node_t              *node;
    const mcp_json_token_t  *token;

    reading->nodes = mcp_arena_calloc(reading->arena, reading->json.count
                                                      * sizeof(mcp_node_t));
    if (reading->nodes == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < reading->json.count; i++) {
        node = &reading->nodes[i];
        token = &reading->json.tokens[i];

        mcp_document_move(reading, &reading->cursor,
                          token->start - (token->type == MCP_JSON_STRING));

        node->line = reading->cursor.line;
        node->column = reading->cursor.column;

        rc = mcp_document_scalar(reading, i);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    /* what a container holds comes after it */

    for (i = reading->json.count; i > 0; i--) {
        token = &reading->json.tokens[i - 1];
        rc = MCP_OK;

        if (token->type == MCP_JSON_OBJECT) {
            rc = mcp_document_map(reading, i - 1);

        } else if (token->type == MCP_JSON_ARRAY) {
            rc = mcp_document_list(reading, i - 1);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_document_scalar(mcp_document_reading_t *reading, uint32_t index)
{
    mcp_node_t  *node;

    node = &reading->nodes[index];

    switch (reading->json.tokens[index].type) {

    case MCP_JSON_OBJECT:
        node->type = MCP_NODE_MAP;
        return MCP_OK;

    case MCP_JSON_ARRAY:
        node->type = MCP_NODE_LIST;
        return MCP_OK;

    case MCP_JSON_STRING:
        node->type = MCP_NODE_STRING;
        return mcp_document_string(reading, index, &node->text);

    case MCP_JSON_NUMBER:
        node->type = MCP_NODE_NUMBER;
        node->text = mcp_json_raw(&reading->json, index);
        return MCP_OK;

    case MCP_JSON_TRUE:
        node->type = MCP_NODE_TRUE;
        return MCP_OK;

    case MCP_JSON_FALSE:
        node->type = MCP_NODE_FALSE;
        return MCP_OK;

    default:
        node->type = MCP_NODE_NULL;
        return MCP_OK;
    }
}


static mcp_rc_t
mcp_document_string(mcp_document_reading_t *reading, uint32_t index,
    mcp_str_t *value)
{
    mcp_rc_t           rc;
    const mcp_node_t  *node;

    node = &reading->nodes[index];

    rc = mcp_json_string(&reading->json, index, reading->arena, value);

    if (rc == MCP_NO) {
        reading->failed = true;
        reading->caller->report(reading->caller->data, node->line,
                                node->column, "the string contains U+0000 or "
                                "half a surrogate pair, no call can have it");
        *value = mcp_str("");
        return MCP_OK;
    }

    return rc;
}


static mcp_rc_t
mcp_document_map(mcp_document_reading_t *reading, uint32_t index)
{
    mcp_rc_t                 rc;
    uint32_t                 i, n;
    mcp_node_t              *node;
    mcp_member_t            *members;
    const mcp_json_token_t  *tokens;

    tokens = reading->json.tokens;
    node = &reading->nodes[index];
    node->count = mcp_json_size(&reading->json, index);

    members = mcp_arena_alloc(reading->arena,
                              node->count * sizeof(mcp_member_t));
    if (members == NULL) {
        return MCP_NOMEM;
    }

    n = 0;

    for (i = index + 1; i < tokens[index].next; i = tokens[i + 1].next) {
        members[n].name = reading->nodes[i].text;
        members[n].line = reading->nodes[i].line;
        members[n].column = reading->nodes[i].column;
        members[n].value = &reading->nodes[i + 1];
        n++;
    }

    node->members = members;

    rc = mcp_document_check_names(node, members, reading->arena,
                                  reading->caller);

    if (rc == MCP_ERROR) {
        reading->failed = true;
        return MCP_OK;
    }

    return rc;
}


static mcp_rc_t
mcp_document_list(mcp_document_reading_t *reading, uint32_t index)
{
    uint32_t                 i, n;
    mcp_node_t              *node;
    const mcp_json_token_t  *tokens;

    tokens = reading->json.tokens;
    node = &reading->nodes[index];
    node->count = mcp_json_size(&reading->json, index);

    node->items = mcp_arena_alloc(reading->arena,
                                  node->count * sizeof(mcp_node_t *));
    if (node->items == NULL) {
        return MCP_NOMEM;
    }

    n = 0;

    for (i = index + 1; i < tokens[index].next; i = tokens[i].next) {
        node->items[n++] = &reading->nodes[i];
    }

    return MCP_OK;
}


static void
mcp_document_move(mcp_document_reading_t *reading,
    mcp_document_cursor_t *cursor, size_t offset)
{
    uint8_t  c;

    for ( /* void */ ; cursor->offset < offset
                       && cursor->offset < reading->text.len;
          cursor->offset++)
    {
        c = reading->text.data[cursor->offset];

        if (c == '\n') {
            cursor->line++;
            cursor->column = 1;

        } else if ((c & 0xc0) != 0x80) {
            cursor->column++;
        }
    }
}


static mcp_rc_t
mcp_document_syntax(mcp_document_reading_t *reading, const mcp_error_t *error)
{
    mcp_document_cursor_t  cursor;

    cursor = reading->cursor;
    mcp_document_move(reading, &cursor, error->offset);

    reading->caller->report(reading->caller->data, cursor.line, cursor.column,
                            error->text);

    return MCP_ERROR;
}
