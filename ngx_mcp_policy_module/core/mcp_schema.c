/*
 * Compiling a schema.  Subschemas wait in a queue, so that nothing recurses;
 * references are resolved when all of them are known.
 */

#include "mcp_schema_private.h"


static mcp_rc_t mcp_schema_copy(mcp_schema_t *schema, const mcp_json_t *json,
    uint32_t root);
static mcp_rc_t mcp_schema_build(mcp_schema_compiler_t *c);
static mcp_rc_t mcp_schema_link(mcp_schema_compiler_t *c);
static mcp_rc_t mcp_schema_resolve(mcp_schema_compiler_t *c,
    mcp_schema_op_t *op);
static mcp_rc_t mcp_schema_resolve_fragment(mcp_schema_compiler_t *c,
    uint32_t token, mcp_str_t fragment, uint32_t *target);
static bool mcp_schema_unquote(mcp_str_t *s, uint8_t *dst);
static uint32_t mcp_schema_follow(const mcp_json_t *json, mcp_str_t pointer,
    uint8_t *name);
static uint32_t mcp_schema_step(const mcp_json_t *json, uint32_t token,
    mcp_str_t name);
static mcp_rc_t mcp_schema_order(mcp_schema_compiler_t *c);
static void mcp_schema_narrow(mcp_schema_node_t *node);


/* Whether the operation's nodes are applied to the value itself. */
static inline bool
mcp_schema_same_value(const mcp_schema_op_t *op)
{
    return op->code >= MCP_SCHEMA_REF;
}


/* A node that is not known keeps no type out. */
static inline uint8_t
mcp_schema_types(const mcp_schema_node_t *node)
{
    return node != NULL ? node->types : MCP_SCHEMA_ANY;
}


mcp_rc_t
mcp_schema_compile(const mcp_json_t *json, uint32_t root,
    const mcp_allocator_t *allocator, const uint64_t hash_key[2],
    const mcp_schema_t **schema, mcp_error_t *error)
{
    mcp_rc_t               rc;
    mcp_schema_t          *s;
    mcp_schema_compiler_t  c;

    *schema = NULL;

    if (root >= json->count || json->defect != MCP_JSON_VALID) {
        return mcp_error_set(error, 0, json->defect_offset,
                             "the schema has a defect: %s",
                             mcp_json_code_name(json->defect));
    }

    s = allocator->alloc(allocator->data, sizeof(mcp_schema_t));

    if (s == NULL) {
        return MCP_NOMEM;
    }

    memset(s, 0, sizeof(mcp_schema_t));
    s->allocator = *allocator;
    s->hash_key[0] = hash_key[0];
    s->hash_key[1] = hash_key[1];
    mcp_arena_init(&s->arena, allocator, 0);

    memset(&c, 0, sizeof(c));
    c.schema = s;
    c.error = error;
    c.origin = json->tokens[root].start;

    rc = mcp_schema_copy(s, json, root);

    if (rc == MCP_OK) {
        rc = mcp_schema_build(&c);
    }

    if (rc != MCP_OK) {
        mcp_schema_free(s);
        return rc;
    }

    *schema = s;

    return MCP_OK;
}


void
mcp_schema_free(const mcp_schema_t *schema)
{
    mcp_arena_t          arena;
    mcp_allocator_t      allocator;
    mcp_schema_regex_t  *regex;

    if (schema == NULL) {
        return;
    }

    for (regex = schema->regexes; regex != NULL; regex = regex->next) {
        mcp_regex_free(regex->regex);
    }

    if (schema->allocator.free == NULL) {
        return;
    }

    arena = schema->arena;
    allocator = schema->allocator;

    mcp_arena_destroy(&arena);
    allocator.free(allocator.data, (void *) schema);
}


static mcp_rc_t
mcp_schema_copy(mcp_schema_t *schema, const mcp_json_t *json, uint32_t root)
{
    uint32_t           i, count, start;
    mcp_str_t          text;
    mcp_json_token_t  *tokens;

    text.data = json->text + json->tokens[root].start;
    text.len = json->tokens[root].end - json->tokens[root].start;

    start = json->tokens[root].start;
    count = json->tokens[root].next - root;

    text = mcp_arena_copy(&schema->arena, text);
    tokens = mcp_arena_alloc(&schema->arena,
                             count * sizeof(mcp_json_token_t));

    if (text.data == NULL || tokens == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < count; i++) {
        tokens[i] = json->tokens[root + i];
        tokens[i].start -= start;
        tokens[i].end -= start;
        tokens[i].next -= root;
    }

    schema->json.text = text.data;
    schema->json.length = text.len;
    schema->json.tokens = tokens;
    schema->json.count = count;

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_build(mcp_schema_compiler_t *c)
{
    mcp_rc_t            rc;
    mcp_schema_t       *schema;
    mcp_schema_node_t  *node;

    schema = c->schema;
    c->by_token = mcp_arena_calloc(&schema->arena, schema->json.count
                                                   * sizeof(void *));

    if (c->by_token == NULL) {
        return MCP_NOMEM;
    }

    schema->root = mcp_schema_node(c, 0);

    if (schema->root == NULL) {
        return MCP_NOMEM;
    }

    for (node = schema->root; node != NULL; node = node->next) {
        c->node = node;
        rc = mcp_schema_compile_keywords(c);

        if (rc != MCP_OK) {
            return rc;
        }
    }

    rc = mcp_schema_link(c);

    return (rc == MCP_OK) ? mcp_schema_order(c) : rc;
}


mcp_schema_node_t *
mcp_schema_node(mcp_schema_compiler_t *c, uint32_t token)
{
    mcp_schema_node_t  *node;

    node = mcp_arena_calloc(&c->schema->arena, sizeof(mcp_schema_node_t));

    if (node == NULL) {
        return NULL;
    }

    node->token = token;
    node->types = MCP_SCHEMA_ANY;
    c->by_token[token] = node;

    if (c->last != NULL) {
        c->last->next = node;
    }

    c->last = node;

    return node;
}


mcp_rc_t
mcp_schema_wrong(mcp_schema_compiler_t *c, uint32_t token, const char *what)
{
    size_t    i, len;
    uint8_t   path[112];

    len = mcp_schema_pointer(&c->schema->json, 0, token, &c->schema->arena,
                             path, sizeof(path));

    for (i = 0; i < len; i++) {
        if (path[i] < 0x20 || path[i] == 0x7f) {
            path[i] = '?';
        }
    }

    if (len == 0) {
        (void) mcp_error_set(c->error, 0, c->origin, "the schema %s", what);
        return MCP_ERROR;
    }

    (void) mcp_error_set(c->error, 0,
                         c->origin + c->schema->json.tokens[token].start,
                         "\"%.*s\" %s", (int) len, (const char *) path,
                         what);

    return MCP_ERROR;
}


static mcp_rc_t
mcp_schema_link(mcp_schema_compiler_t *c)
{
    mcp_rc_t            rc;
    uint32_t            i;
    mcp_schema_node_t  *node;

    for (node = c->schema->root; node != NULL; node = node->next) {
        for (i = 0; i < node->count; i++) {
            if (node->ops[i].code != MCP_SCHEMA_REF) {
                continue;
            }

            rc = mcp_schema_resolve(c, &node->ops[i]);

            if (rc != MCP_OK) {
                return rc;
            }
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_resolve(mcp_schema_compiler_t *c, mcp_schema_op_t *op)
{
    mcp_rc_t       rc;
    uint32_t       target;
    mcp_str_t      ref;
    mcp_schema_t  *schema;

    schema = c->schema;
    target = 0;

    rc = mcp_json_string(&schema->json, op->token, &schema->arena, &ref);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK) {
        return mcp_schema_wrong(c, op->token, "must be a URI reference");
    }

    /* the document by its own name */

    if (c->id.len > 0 && ref.len >= c->id.len
        && memcmp(ref.data, c->id.data, c->id.len) == 0
        && (ref.len == c->id.len || ref.data[c->id.len] == '#'))
    {
        ref.data += c->id.len;
        ref.len -= c->id.len;

        if (ref.len == 0) {
            ref = mcp_str("#");
        }
    }

    if (ref.len == 0 || ref.data[0] != '#') {
        return mcp_schema_wrong(c, op->token, "points out of the document; "
                                "write \"#/$defs/NAME\"");
    }

    ref.data++;
    ref.len--;

    rc = mcp_schema_resolve_fragment(c, op->token, ref, &target);

    if (rc != MCP_OK) {
        return rc;
    }

    op->nodes[0] = c->by_token[target];

    if (op->nodes[0] == NULL) {
        return mcp_schema_wrong(c, op->token, "points at no schema");
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_resolve_fragment(mcp_schema_compiler_t *c, uint32_t token,
    mcp_str_t fragment, uint32_t *target)
{
    uint8_t              *bytes, *name;
    mcp_schema_anchor_t  *anchor;

    bytes = mcp_arena_alloc(&c->schema->arena, fragment.len);
    name = mcp_arena_alloc(&c->schema->arena, fragment.len);

    if (bytes == NULL || name == NULL) {
        return MCP_NOMEM;
    }

    if (!mcp_schema_unquote(&fragment, bytes)) {
        return mcp_schema_wrong(c, token, "must be a URI reference");
    }

    if (fragment.len == 0) {
        *target = 0;
        return MCP_OK;
    }

    if (fragment.data[0] == '/') {
        *target = mcp_schema_follow(&c->schema->json, fragment, name);

        if (*target != MCP_JSON_NONE) {
            return MCP_OK;
        }

        return mcp_schema_wrong(c, token, "points at nothing");
    }

    for (anchor = c->anchors; anchor != NULL; anchor = anchor->next) {
        if (mcp_str_equal(anchor->name, fragment)) {
            *target = anchor->token;
            return MCP_OK;
        }
    }

    return mcp_schema_wrong(c, token, "names no \"$anchor\"");
}


/* Percent-encoding of a fragment. */

static bool
mcp_schema_unquote(mcp_str_t *s, uint8_t *dst)
{
    size_t    i, k;
    uint8_t   c, byte, *p;

    p = dst;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] != '%') {
            *p++ = s->data[i];
            continue;
        }

        if (s->len - i < 3) {
            return false;
        }

        byte = 0;

        for (k = 1; k <= 2; k++) {
            c = s->data[i + k];

            if (c >= '0' && c <= '9') {
                c = (uint8_t) (c - '0');

            } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
                c = (uint8_t) ((c | 0x20) - 'a' + 10);

            } else {
                return false;
            }

            byte = (uint8_t) (byte << 4 | c);
        }

        *p++ = byte;
        i += 2;
    }

    s->data = dst;
    s->len = (size_t) (p - dst);

    return true;
}


/* Where a JSON Pointer leads; "name" has room for one of its segments. */

static uint32_t
mcp_schema_follow(const mcp_json_t *json, mcp_str_t pointer, uint8_t *name)
{
    size_t     i;
    uint32_t   token;
    mcp_str_t  segment;

    token = 0;
    i = 0;

    while (i < pointer.len) {
        i++;
        segment.data = name;
        segment.len = 0;

        while (i < pointer.len && pointer.data[i] != '/') {
            name[segment.len] = pointer.data[i++];

            if (name[segment.len] == '~') {
                if (i == pointer.len
                    || (pointer.data[i] != '0' && pointer.data[i] != '1'))
                {
                    return MCP_JSON_NONE;
                }

                name[segment.len] = (pointer.data[i++] == '0') ? '~' : '/';
            }

            segment.len++;
        }

        token = mcp_schema_step(json, token, segment);

        if (token == MCP_JSON_NONE) {
            break;
        }
    }

    return token;
}


static uint32_t
mcp_schema_step(const mcp_json_t *json, uint32_t token, mcp_str_t name)
{
    size_t    i;
    uint32_t  index, child;

    if (json->tokens[token].type == MCP_JSON_OBJECT) {
        return mcp_json_member(json, token, name);
    }

    if (json->tokens[token].type != MCP_JSON_ARRAY || name.len == 0
        || name.len > 9 || (name.len > 1 && name.data[0] == '0'))
    {
        return MCP_JSON_NONE;
    }

    index = 0;

    for (i = 0; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') {
            return MCP_JSON_NONE;
        }

        index = index * 10 + (uint32_t) (name.data[i] - '0');
    }

    for (child = token + 1; child < json->tokens[token].next;
         child = json->tokens[child].next)
    {
        if (index-- == 0) {
            return child;
        }
    }

    return MCP_JSON_NONE;
}


/*
 * Nodes that are applied to the same value must form no cycle, or checking
 * would never end.  They are put in order, users first, and what types they
 * take is then worked out from the used ones.
 */

static mcp_rc_t
mcp_schema_order(mcp_schema_compiler_t *c)
{
    uint32_t            i, k;
    mcp_schema_op_t    *op;
    mcp_schema_node_t  *node, *ready, *reversed, *used;

    for (node = c->schema->root; node != NULL; node = node->next) {
        for (i = 0; i < node->count; i++) {
            op = &node->ops[i];

            for (k = 0; mcp_schema_same_value(op) && k < op->count; k++) {
                if (op->nodes[k] != NULL) {
                    op->nodes[k]->uses++;
                }
            }
        }
    }

    ready = NULL;

    for (node = c->schema->root; node != NULL; node = node->next) {
        if (node->uses == 0) {
            node->ready = ready;
            ready = node;
        }
    }

    reversed = NULL;

    while (ready != NULL) {
        node = ready;
        ready = node->ready;
        node->ready = reversed;
        reversed = node;

        for (i = 0; i < node->count; i++) {
            op = &node->ops[i];

            for (k = 0; mcp_schema_same_value(op) && k < op->count; k++) {
                used = op->nodes[k];

                if (used != NULL && --used->uses == 0) {
                    used->ready = ready;
                    ready = used;
                }
            }
        }
    }

    for (node = c->schema->root; node != NULL; node = node->next) {
        if (node->uses > 0) {
            return mcp_schema_wrong(c, node->token,
                                    "refers to itself without end");
        }
    }

    for (node = reversed; node != NULL; node = node->ready) {
        mcp_schema_narrow(node);
    }

    return MCP_OK;
}


static void
mcp_schema_narrow(mcp_schema_node_t *node)
{
    uint8_t           types;
    uint32_t          i, k;
    mcp_schema_op_t  *op;

    for (i = 0; i < node->count; i++) {
        op = &node->ops[i];
        types = 0;

        switch (op->code) {

        case MCP_SCHEMA_FALSE:
            node->types = 0;
            break;

        case MCP_SCHEMA_TYPE:
            node->types &= op->u.types;
            break;

        case MCP_SCHEMA_REF:
        case MCP_SCHEMA_ALL_OF:
            for (k = 0; k < op->count; k++) {
                node->types &= mcp_schema_types(op->nodes[k]);
            }

            break;

        case MCP_SCHEMA_ANY_OF:
        case MCP_SCHEMA_ONE_OF:
            for (k = 0; k < op->count; k++) {
                types |= mcp_schema_types(op->nodes[k]);
            }

            node->types &= types;
            break;

        default:
            break;
        }
    }
}
