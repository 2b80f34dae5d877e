/* What a schema says about the members of an object. */

#include "mcp_schema_private.h"
#include "mcp_siphash.h"


#define MCP_SCHEMA_FEW  8            /* names that need no hash */


static mcp_rc_t mcp_schema_object_reserve(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t properties, uint32_t required);
static mcp_rc_t mcp_schema_object_required(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t required);
static mcp_rc_t mcp_schema_object_properties(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t properties);
static mcp_rc_t mcp_schema_object_patterns(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t patterns);
static mcp_rc_t mcp_schema_object_add(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t name,
    mcp_schema_member_t **member);
static mcp_rc_t mcp_schema_names(mcp_schema_compiler_t *c, uint32_t array);
static uint32_t mcp_schema_hash(const mcp_schema_t *schema, mcp_str_t name);


mcp_rc_t
mcp_schema_object(mcp_schema_compiler_t *c)
{
    mcp_rc_t               rc;
    uint32_t               properties, required, patterns, additional;
    mcp_schema_members_t  *members;

    properties = mcp_schema_sibling(c, mcp_str("properties"));
    required = mcp_schema_sibling(c, mcp_str("required"));
    patterns = mcp_schema_sibling(c, mcp_str("patternProperties"));
    additional = mcp_schema_sibling(c, mcp_str("additionalProperties"));

    if (properties == MCP_JSON_NONE && required == MCP_JSON_NONE
        && patterns == MCP_JSON_NONE && additional == MCP_JSON_NONE)
    {
        return MCP_OK;
    }

    members = mcp_schema_alloc(c, 1, sizeof(mcp_schema_members_t));

    if (members == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_schema_object_reserve(c, members, properties, required);

    if (rc == MCP_OK && properties != MCP_JSON_NONE) {
        rc = mcp_schema_object_properties(c, members, properties);
    }

    if (rc == MCP_OK && required != MCP_JSON_NONE) {
        rc = mcp_schema_object_required(c, members, required);
    }

    if (rc == MCP_OK && patterns != MCP_JSON_NONE) {
        rc = mcp_schema_object_patterns(c, members, patterns);
    }

    if (rc == MCP_OK && additional != MCP_JSON_NONE) {
        rc = mcp_schema_child(c, additional, &members->additional);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (members->required > 0) {
        mcp_schema_add(c, MCP_SCHEMA_REQUIRED, required)->u.members = members;
    }

    if (additional != MCP_JSON_NONE
        && mcp_schema_token(c, additional)->type == MCP_JSON_FALSE)
    {
        members->additional = NULL;
        mcp_schema_add(c, MCP_SCHEMA_CLOSED, additional)->u.members = members;
    }

    if (properties != MCP_JSON_NONE || patterns != MCP_JSON_NONE
        || members->additional != NULL)
    {
        mcp_schema_add(c, MCP_SCHEMA_MEMBERS, c->node->token)->u.members
            = members;
    }

    return MCP_OK;
}


/* Names are compared with the copy, which "token" leads to. */

mcp_rc_t
mcp_schema_dependent(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    mcp_rc_t          rc;
    uint32_t          i, key;
    mcp_schema_op_t  *op;

    op = mcp_schema_add(c, code, value);

    if (mcp_schema_token(c, value)->type != MCP_JSON_OBJECT) {
        return mcp_schema_wrong(c, value, "must be an object");
    }

    if (code == MCP_SCHEMA_DEPENDENT_SCHEMAS) {
        op->count = mcp_json_size(&c->schema->json, value);
        op->nodes = mcp_schema_alloc(c, op->count, sizeof(void *));

        if (op->nodes == NULL) {
            return MCP_NOMEM;
        }
    }

    i = 0;

    for (key = value + 1; key < mcp_schema_token(c, value)->next;
         key = mcp_schema_token(c, key + 1)->next)
    {
        rc = (code == MCP_SCHEMA_DEPENDENT_SCHEMAS)
             ? mcp_schema_child(c, key + 1, &op->nodes[i++])
             : mcp_schema_names(c, key + 1);

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_names(mcp_schema_compiler_t *c, uint32_t array)
{
    uint32_t  i;

    if (mcp_schema_token(c, array)->type != MCP_JSON_ARRAY) {
        return mcp_schema_wrong(c, array, "must be an array of names");
    }

    for (i = array + 1; i < mcp_schema_token(c, array)->next;
         i = mcp_schema_token(c, i)->next)
    {
        if (mcp_schema_token(c, i)->type != MCP_JSON_STRING) {
            return mcp_schema_wrong(c, array, "must be an array of names");
        }
    }

    return MCP_OK;
}


/* Room for all names, and for their hashes when there are many. */

static mcp_rc_t
mcp_schema_object_reserve(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t properties, uint32_t required)
{
    uint32_t  size, count;

    count = 0;

    if (properties != MCP_JSON_NONE) {
        count += mcp_json_size(&c->schema->json, properties);
    }

    if (required != MCP_JSON_NONE) {
        count += mcp_json_size(&c->schema->json, required);
    }

    members->members = mcp_schema_alloc(c, count,
                                        sizeof(mcp_schema_member_t));

    if (members->members == NULL) {
        return MCP_NOMEM;
    }

    if (count <= MCP_SCHEMA_FEW) {
        return MCP_OK;
    }

    for (size = 2 * MCP_SCHEMA_FEW; size < 2 * count; size *= 2) {
        /* void */
    }

    members->mask = size - 1;
    members->index = mcp_schema_alloc(c, size, sizeof(uint32_t));

    return (members->index != NULL) ? MCP_OK : MCP_NOMEM;
}


static mcp_rc_t
mcp_schema_object_properties(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t properties)
{
    mcp_rc_t              rc;
    uint32_t              key;
    mcp_schema_member_t  *member;

    if (mcp_schema_token(c, properties)->type != MCP_JSON_OBJECT) {
        return mcp_schema_wrong(c, properties, "must be an object");
    }

    for (key = properties + 1; key < mcp_schema_token(c, properties)->next;
         key = mcp_schema_token(c, key + 1)->next)
    {
        rc = mcp_schema_object_add(c, members, key, &member);

        if (rc == MCP_OK) {
            rc = mcp_schema_child(c, key + 1, &member->node);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_object_required(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t required)
{
    mcp_rc_t              rc;
    uint32_t              name;
    mcp_schema_member_t  *member;

    rc = mcp_schema_names(c, required);

    if (rc != MCP_OK) {
        return rc;
    }

    for (name = required + 1; name < mcp_schema_token(c, required)->next;
         name = mcp_schema_token(c, name)->next)
    {
        rc = mcp_schema_object_add(c, members, name, &member);

        if (rc != MCP_OK) {
            return rc;
        }

        members->required += !member->required;
        member->required = true;
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_object_patterns(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t patterns)
{
    mcp_rc_t             rc;
    uint32_t             key;
    mcp_schema_regex_t  *regex;

    if (mcp_schema_token(c, patterns)->type != MCP_JSON_OBJECT) {
        return mcp_schema_wrong(c, patterns, "must be an object");
    }

    members->patterns = mcp_schema_alloc(c, mcp_json_size(&c->schema->json,
                                                          patterns),
                                         sizeof(mcp_schema_regex_t));

    if (members->patterns == NULL) {
        return MCP_NOMEM;
    }

    for (key = patterns + 1; key < mcp_schema_token(c, patterns)->next;
         key = mcp_schema_token(c, key + 1)->next)
    {
        regex = &members->patterns[members->pattern_count++];
        rc = mcp_schema_regex(c, key, regex);

        if (rc == MCP_OK) {
            rc = mcp_schema_child(c, key + 1, &regex->node);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* The name is new, or what is known about it already. */

static mcp_rc_t
mcp_schema_object_add(mcp_schema_compiler_t *c,
    mcp_schema_members_t *members, uint32_t name,
    mcp_schema_member_t **member)
{
    mcp_rc_t   rc;
    uint32_t   slot;
    mcp_str_t  text;

    rc = mcp_json_string(&c->schema->json, name, &c->schema->arena, &text);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK) {
        (void) mcp_schema_wrong(c, name, "is no name of a member");
        return MCP_ERROR;
    }

    *member = (mcp_schema_member_t *) mcp_schema_member(c->schema, members,
                                                        text);
    if (*member != NULL) {
        return MCP_OK;
    }

    *member = &members->members[members->count++];
    (*member)->name = text;

    if (members->index != NULL) {
        slot = mcp_schema_hash(c->schema, text) & members->mask;

        while (members->index[slot] != 0) {
            slot = (slot + 1) & members->mask;
        }

        members->index[slot] = members->count;
    }

    return MCP_OK;
}


const mcp_schema_member_t *
mcp_schema_member(const mcp_schema_t *schema,
    const mcp_schema_members_t *members, mcp_str_t name)
{
    uint32_t                    i, slot;
    const mcp_schema_member_t  *member;

    if (members->index == NULL) {
        for (i = 0; i < members->count; i++) {
            if (mcp_str_equal(members->members[i].name, name)) {
                return &members->members[i];
            }
        }

        return NULL;
    }

    slot = mcp_schema_hash(schema, name) & members->mask;

    while (members->index[slot] != 0) {
        member = &members->members[members->index[slot] - 1];

        if (mcp_str_equal(member->name, name)) {
            return member;
        }

        slot = (slot + 1) & members->mask;
    }

    return NULL;
}


static uint32_t
mcp_schema_hash(const mcp_schema_t *schema, mcp_str_t name)
{
    uint64_t  hash[2];

    mcp_siphash(schema->hash_key, name, hash);

    return (uint32_t) hash[0];
}
