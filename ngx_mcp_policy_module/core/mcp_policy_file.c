/*
 * What a policy file is: its syntax, its dialect, and the members at its top.
 *
 * Without "version" it is a fragment: the entries of tools, with or without
 * "tools" around them.  The dialect is that of the tools' entries: "rules"
 * are Intercept's; "require", "deny_if" and "limits" are policy.json's, and
 * so is "all_tools".  The short form, "action" and "rate_limit", may be in
 * both, and so may be what has no rules at all.
 */

#include "mcp_policy_file.h"
#include "mcp_policy_reading.h"


#define MCP_TOP_KINDS  (MCP_TYPE_MAP | MCP_TYPE_NULL)

enum { MCP_TOP_VERSION, MCP_TOP_DEFAULT, MCP_TOP_HIDE, MCP_TOP_ALL_TOOLS,
       MCP_TOP_TOOLS, MCP_TOP_DESCRIPTION, MCP_TOP_APPROVALS,
       MCP_TOP_NOTIFY, MCP_TOP_KEYS };


static mcp_rc_t mcp_policy_file_pins(mcp_policy_reading_t *reading,
    const mcp_policy_file_pins_t *source, const mcp_place_t *place);
static mcp_rc_t mcp_policy_file_document(mcp_policy_reading_t *reading,
    mcp_str_t text, const uint64_t hash_key[2], const mcp_node_t **root);
static bool mcp_policy_file_is_json(const char *file, mcp_str_t text);
static bool mcp_policy_file_ends(const char *file, const char *suffix);
static void mcp_policy_file_report(void *data, unsigned line,
    unsigned column, const char *text);
static mcp_rc_t mcp_policy_file_top(mcp_policy_reading_t *reading,
    const mcp_node_t *root);
static bool mcp_policy_file_bare(const mcp_node_t *root);
static mcp_rc_t mcp_policy_file_dialect(mcp_policy_reading_t *reading,
    const mcp_node_t *tools, const mcp_member_t *all_tools);
static mcp_rc_t mcp_policy_file_evidence(mcp_policy_reading_t *reading,
    const mcp_member_t *key, const mcp_member_t **evidence);
static void mcp_policy_file_version(mcp_policy_reading_t *reading,
    const mcp_node_t *version);
static void mcp_policy_file_default(mcp_policy_reading_t *reading,
    const mcp_node_t *root, const mcp_policy_value_t *values);
static mcp_rc_t mcp_policy_file_hide(mcp_policy_reading_t *reading,
    const mcp_node_t *list);
static mcp_rc_t mcp_policy_file_tools(mcp_policy_reading_t *reading,
    const mcp_node_t *tools);
static bool mcp_policy_file_name_valid(mcp_policy_reading_t *reading,
    const mcp_member_t *member);


static const mcp_policy_key_t  mcp_top_keys[MCP_TOP_KEYS] = {
    [MCP_TOP_VERSION] = { mcp_str_init("version"),
                          MCP_TYPE_STRING | MCP_TYPE_NUMBER },
    [MCP_TOP_DEFAULT] = { mcp_str_init("default"),
                          MCP_TYPE_STRING | MCP_TYPE_NULL },
    [MCP_TOP_HIDE] = { mcp_str_init("hide"), MCP_TYPE_LIST | MCP_TYPE_NULL },
    [MCP_TOP_ALL_TOOLS] = { mcp_str_init("all_tools"), MCP_TOP_KINDS },
    [MCP_TOP_TOOLS] = { mcp_str_init("tools"), MCP_TOP_KINDS },
    [MCP_TOP_DESCRIPTION] = { mcp_str_init("description"),
                              MCP_TYPE_STRING | MCP_TYPE_NULL },
    [MCP_TOP_APPROVALS] = { mcp_str_init("approvals"), MCP_TOP_KINDS },
    [MCP_TOP_NOTIFY] = { mcp_str_init("notify"), MCP_TOP_KINDS }
};


mcp_rc_t
mcp_policy_file_read(mcp_str_t name, const char *file, mcp_str_t text,
    const mcp_policy_file_pins_t *pins, const mcp_allocator_t *allocator,
    const mcp_frontend_t *frontend, const uint64_t hash_key[2],
    const mcp_policy_t **policy)
{
    mcp_rc_t               rc;
    mcp_arena_t            arena;
    mcp_place_t            place;
    const mcp_node_t      *root;
    mcp_policy_reading_t   reading;

    root = NULL;
    *policy = NULL;

    place.file = file;
    place.line = 1;
    place.column = 1;

    memset(&reading, 0, sizeof(reading));
    reading.file = file;
    reading.arena = &arena;
    reading.builder = mcp_policy_builder_create(name, &place, allocator,
                                                frontend, hash_key);
    if (reading.builder == NULL) {
        return MCP_NOMEM;
    }

    reading.builder->policy.typing = MCP_TYPING_FILE;
    mcp_policy_fingerprint(reading.builder, text);

    mcp_arena_init(&arena, allocator, 0);

    rc = pins != NULL ? mcp_policy_file_pins(&reading, pins, &place) : MCP_OK;

    if (rc != MCP_NOMEM) {
        rc = mcp_policy_file_document(&reading, text, hash_key, &root);
    }

    if (rc != MCP_NOMEM && root != NULL) {
        rc = mcp_policy_file_top(&reading, root);
    }

    mcp_arena_destroy(&arena);

    if (rc == MCP_NOMEM) {
        mcp_policy_builder_destroy(reading.builder);
        return rc;
    }

    return mcp_policy_finish(reading.builder, policy);
}


/* Before all else: what is read then asks for them. */
static mcp_rc_t
mcp_policy_file_pins(mcp_policy_reading_t *reading,
    const mcp_policy_file_pins_t *source, const mcp_place_t *place)
{
    mcp_pin_set_t         *pins;
    mcp_policy_builder_t  *builder;

    builder = reading->builder;
    pins = mcp_policy_alloc(builder, sizeof(mcp_pin_set_t));

    if (pins == NULL
        || mcp_policy_copy(builder, source->file, &pins->file) != MCP_OK)
    {
        return mcp_policy_no_memory(builder, place);
    }

    pins->hide_unpinned = source->hide_unpinned;

    mcp_arena_init(&builder->scratch, &builder->outer, 0);
    builder->pin_text = source->text;

    return mcp_policy_read_pins(builder, pins, place);
}


static mcp_rc_t
mcp_policy_file_document(mcp_policy_reading_t *reading, mcp_str_t text,
    const uint64_t hash_key[2], const mcp_node_t **root)
{
    mcp_rc_t               rc;
    mcp_document_caller_t  caller;

    *root = NULL;

    caller.report = mcp_policy_file_report;
    caller.data = reading;
    caller.hash_key = hash_key;

    if (text.len > MCP_POLICY_FILE_MAX) {
        mcp_policy_file_report(reading, 1, 1, "the file is larger than "
                                              "16 MiB");
        return MCP_ERROR;
    }

    /* editors on Windows begin their files with U+FEFF */

    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }

    reading->yaml = !mcp_policy_file_is_json(reading->file, text);

    rc = reading->yaml
         ? mcp_document_yaml(text, reading->arena, &caller, root)
         : mcp_document_json(text, reading->arena, &caller, root);

    /* what has errors may have a root all the same */

    if (*root != NULL && (*root)->type != MCP_NODE_MAP) {
        rc = mcp_policy_node_fail(reading, *root, "a policy must be an "
                                  "object, not %s",
                                  mcp_document_type_name(*root));
        *root = NULL;
    }

    return rc;
}


/* YAML may begin with "{", too: then the name of the file decides. */
static bool
mcp_policy_file_is_json(const char *file, mcp_str_t text)
{
    size_t  i;

    if (mcp_policy_file_ends(file, ".json")) {
        return true;
    }

    if (mcp_policy_file_ends(file, ".yaml")
        || mcp_policy_file_ends(file, ".yml"))
    {
        return false;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\t'
            && text.data[i] != '\n' && text.data[i] != '\r')
        {
            return text.data[i] == '{';
        }
    }

    return false;
}


static bool
mcp_policy_file_ends(const char *file, const char *suffix)
{
    size_t  length;

    length = strlen(file);

    return length >= strlen(suffix)
           && strcmp(file + length - strlen(suffix), suffix) == 0;
}


static void
mcp_policy_file_report(void *data, unsigned line, unsigned column,
    const char *text)
{
    mcp_place_t            place;
    mcp_policy_reading_t  *reading = data;

    place.file = reading->file;
    place.line = line;
    place.column = column;

    (void) mcp_policy_fail(reading->builder, &place, "%s", text);
}


static mcp_rc_t
mcp_policy_file_top(mcp_policy_reading_t *reading, const mcp_node_t *root)
{
    mcp_rc_t              rc;
    mcp_place_t           place;
    const mcp_node_t     *tools;
    mcp_policy_value_t    values[MCP_TOP_KEYS];

    memset(values, 0, sizeof(values));

    if (mcp_policy_file_bare(root)) {
        tools = root;

    } else {
        mcp_policy_read_members(reading, root, "the policy", mcp_top_keys,
                                MCP_TOP_KEYS, values);
        tools = values[MCP_TOP_TOOLS].value;
    }

    /* of two dialects in one file only one could be read */

    if (mcp_policy_file_dialect(reading, tools,
                                values[MCP_TOP_ALL_TOOLS].member)
        != MCP_OK)
    {
        return MCP_OK;
    }

    rc = MCP_OK;

    if (values[MCP_TOP_VERSION].value != NULL) {
        mcp_policy_file_version(reading, values[MCP_TOP_VERSION].value);
    }

    mcp_policy_file_default(reading, root, values);

    if (values[MCP_TOP_APPROVALS].value != NULL) {
        place = mcp_policy_member_place(reading,
                                        values[MCP_TOP_APPROVALS].member);
        mcp_policy_warn(reading->builder, &place, "\"approvals\" has no "
                        "effect: calls that are the same share an approval "
                        "for as long as it waits");
    }

    if (values[MCP_TOP_NOTIFY].value != NULL) {
        place = mcp_policy_member_place(reading,
                                        values[MCP_TOP_NOTIFY].member);
        mcp_policy_warn(reading->builder, &place, "\"notify\" has no effect: "
                        "the directive \"mcp_approval_notify\" says who is "
                        "told of approvals");
    }

    if (values[MCP_TOP_HIDE].value != NULL) {
        rc = mcp_policy_file_hide(reading, values[MCP_TOP_HIDE].value);
    }

    if (rc == MCP_OK && values[MCP_TOP_ALL_TOOLS].value != NULL) {
        rc = mcp_policy_hosted_all_tools(reading,
                                         values[MCP_TOP_ALL_TOOLS].value);
    }

    if (rc == MCP_OK && tools != NULL) {
        rc = mcp_policy_file_tools(reading, tools);
    }

    return rc;
}


/* Whether all that the file has are entries of tools. */
static bool
mcp_policy_file_bare(const mcp_node_t *root)
{
    uint32_t  i, n;

    for (i = 0; i < root->count; i++) {

        if (root->members[i].value->type != MCP_NODE_MAP
            && root->members[i].value->type != MCP_NODE_NULL)
        {
            return false;
        }

        for (n = 0; n < MCP_TOP_KEYS; n++) {
            if (mcp_str_equal(mcp_top_keys[n].name, root->members[i].name)) {
                return false;
            }
        }
    }

    return root->count != 0;
}


static mcp_rc_t
mcp_policy_file_dialect(mcp_policy_reading_t *reading,
    const mcp_node_t *tools, const mcp_member_t *all_tools)
{
    uint32_t             i, n;
    const mcp_node_t    *entry;
    const mcp_member_t  *evidence;

    evidence = all_tools;
    reading->dialect = MCP_DIALECT_HOSTED;

    for (i = 0; tools != NULL && i < tools->count; i++) {
        entry = tools->members[i].value;

        if (entry->type != MCP_NODE_MAP) {
            continue;
        }

        for (n = 0; n < entry->count; n++) {
            if (mcp_policy_file_evidence(reading, &entry->members[n],
                                         &evidence)
                != MCP_OK)
            {
                return MCP_ERROR;
            }
        }
    }

    return MCP_OK;
}


/* A member of a tool's entry; the first that tells the dialect decides. */
static mcp_rc_t
mcp_policy_file_evidence(mcp_policy_reading_t *reading,
    const mcp_member_t *key, const mcp_member_t **evidence)
{
    bool           hosted;
    mcp_dialect_t  dialect;

    hosted = mcp_str_equal(key->name, mcp_str("require"))
             || mcp_str_equal(key->name, mcp_str("deny_if"))
             || mcp_str_equal(key->name, mcp_str("limits"));

    if (!hosted && !mcp_str_equal(key->name, mcp_str("rules"))) {
        return MCP_OK;
    }

    dialect = hosted ? MCP_DIALECT_HOSTED : MCP_DIALECT_INTERCEPT;

    if (*evidence == NULL) {
        *evidence = key;
        reading->dialect = dialect;
        return MCP_OK;
    }

    if (dialect == reading->dialect) {
        return MCP_OK;
    }

    return mcp_policy_member_fail(reading, key,
                                  hosted
                                  ? "\"%.*s\" is of policy.json, but "
                                    "\"%.*s\" at line %u makes this a policy "
                                    "of Intercept"
                                  : "\"%.*s\" is of Intercept, but \"%.*s\" "
                                    "at line %u makes this a policy.json",
                                  mcp_named(key->name),
                                  mcp_named((*evidence)->name),
                                  (*evidence)->line);
}


static void
mcp_policy_file_version(mcp_policy_reading_t *reading,
    const mcp_node_t *version)
{
    /* YAML's 1 is taken for the string */

    if (mcp_str_equal(version->text, mcp_str("1"))
        && (version->type == MCP_NODE_STRING || reading->yaml))
    {
        return;
    }

    (void) mcp_policy_node_fail(reading, version, "\"version\" must be "
                                "\"1\", not %s%.*s%s",
                                version->type == MCP_NODE_STRING ? "\"" : "",
                                mcp_named(version->text),
                                version->type == MCP_NODE_STRING ? "\"" : "");
}


static void
mcp_policy_file_default(mcp_policy_reading_t *reading,
    const mcp_node_t *root, const mcp_policy_value_t *values)
{
    bool                 fragment;
    mcp_place_t          place;
    const mcp_node_t    *node;
    mcp_policy_t        *policy;

    policy = &reading->builder->policy;
    node = values[MCP_TOP_DEFAULT].value;
    fragment = values[MCP_TOP_VERSION].member == NULL;
    place = mcp_policy_node_place(reading, root);

    if (fragment) {
        mcp_policy_warn(reading->builder, &place,
                        node != NULL
                        ? "\"version\" is missing, expected \"1\""
                        : "\"version\" is missing: this is taken as part of "
                          "a policy, and tools that it does not name are "
                          "refused");
    }

    if (node != NULL) {

        if (mcp_str_equal(node->text, mcp_str("allow"))) {
            policy->default_allow = true;

        } else if (!mcp_str_equal(node->text, mcp_str("deny"))) {
            (void) mcp_policy_node_fail(reading, node,
                                        "\"default\" must be \"allow\" or "
                                        "\"deny\", not \"%.*s\"",
                                        mcp_named(node->text));
        }

        return;
    }

    if (fragment || reading->builder->failed) {
        return;
    }

    if (reading->dialect == MCP_DIALECT_INTERCEPT) {
        policy->default_allow = true;
        return;
    }

    (void) mcp_policy_node_fail(reading, root,
                                "\"default\" is missing, write \"deny\" or "
                                "\"allow\" for the tools that are not "
                                "named");
}


static mcp_rc_t
mcp_policy_file_hide(mcp_policy_reading_t *reading, const mcp_node_t *list)
{
    mcp_rc_t           rc;
    uint32_t           i;
    mcp_place_t        place;
    const mcp_node_t  *node;
    mcp_member_t       member;

    rc = MCP_OK;

    for (i = 0; i < list->count && rc != MCP_NOMEM; i++) {
        node = list->items[i];

        if (node->type != MCP_NODE_STRING || node->text.len == 0) {
            (void) mcp_policy_node_fail(reading, node,
                                        "an entry of \"hide\" must be the "
                                        "name of a tool, not %s",
                                        node->type == MCP_NODE_STRING
                                        ? "empty"
                                        : mcp_document_type_name(node));
            continue;
        }

        member.name = node->text;
        member.line = node->line;
        member.column = node->column;
        member.value = node;

        if (!mcp_str_equal(node->text, mcp_str("*"))
            && !mcp_policy_file_name_valid(reading, &member))
        {
            continue;
        }

        place = mcp_policy_node_place(reading, node);
        rc = mcp_policy_add_hidden(reading->builder, node->text, &place);
    }

    return rc == MCP_NOMEM ? rc : MCP_OK;
}


static mcp_rc_t
mcp_policy_file_tools(mcp_policy_reading_t *reading, const mcp_node_t *tools)
{
    mcp_rc_t             rc;
    uint32_t             i;
    const mcp_member_t  *member;

    rc = MCP_OK;

    for (i = 0; i < tools->count && rc == MCP_OK; i++) {
        member = &tools->members[i];

        if (mcp_str_equal(member->name, mcp_str("*"))) {

            if (reading->dialect == MCP_DIALECT_HOSTED) {
                (void) mcp_policy_member_fail(reading, member,
                                 "a policy.json has no tool \"*\", limits on "
                                 "all tools are in \"all_tools\"");
                continue;
            }

        } else if (!mcp_policy_file_name_valid(reading, member)) {
            continue;
        }

        if (member->value->type != MCP_NODE_MAP
            && member->value->type != MCP_NODE_NULL)
        {
            (void) mcp_policy_node_fail(reading, member->value,
                                        "tool \"%.*s\" must be an object, "
                                        "not %s", mcp_named(member->name),
                                        mcp_document_type_name(
                                            member->value));
            continue;
        }

        rc = mcp_document_member(member->value, mcp_str("rules")) != NULL
             ? mcp_policy_intercept_tool(reading, member)
             : mcp_policy_hosted_tool(reading, member);
    }

    return rc;
}


/* Names are exact in these files; patterns are not. */
static bool
mcp_policy_file_name_valid(mcp_policy_reading_t *reading,
    const mcp_member_t *member)
{
    if (member->name.len == 0) {
        (void) mcp_policy_member_fail(reading, member,
                                      "the name of a tool is empty");
        return false;
    }

    if (memchr(member->name.data, '*', member->name.len) != NULL
        || member->name.data[0] == '~')
    {
        (void) mcp_policy_member_fail(reading, member,
                                      "\"%.*s\" is a pattern, in this format "
                                      "names of tools are exact",
                                      mcp_named(member->name));
        return false;
    }

    return true;
}
