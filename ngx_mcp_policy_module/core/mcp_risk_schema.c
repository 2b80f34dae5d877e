/*
 * What the arguments of a tool say: those that take code, a command or a
 * query make it Execute, and one that names the operation has the class of
 * the worst; places and formats are noted.
 */

#include "mcp_risk_private.h"


/* A schema that is still to be read, and where its value is. */
typedef struct {
    uint32_t   schema;
    mcp_str_t  path;        /* "attachments[].url" */
    mcp_str_t  name;        /* of the nearest argument */
} mcp_risk_node_t;

#define MCP_RISK_NODES_MAX  4096
#define MCP_RISK_STACK_MAX  512
#define MCP_RISK_PATH_MAX   256
#define MCP_RISK_REFS_MAX   256

/* More are a sign of a tool that does many things. */
#define MCP_RISK_ARGUMENTS_MANY  10

/* Shorter strings are keys and codes, not programs. */
#define MCP_RISK_SHORT_STRING  32

typedef struct {
    mcp_risk_reader_t  *reader;
    uint32_t            root;
    mcp_risk_node_t    *stack;
    uint32_t            depth;
    uint32_t            nodes;
    uint32_t            refs[MCP_RISK_REFS_MAX];   /* each is read once */
    uint32_t            ref_count;
    bool                partial;
} mcp_risk_schema_t;

typedef enum {
    MCP_RISK_CODE = 0,      /* by its name alone */
    MCP_RISK_PERHAPS,       /* if its description does not say otherwise */
    MCP_RISK_QUERY,         /* code, if there is a database */
    MCP_RISK_PLACE
} mcp_risk_kind_t;

typedef struct {
    const char       *word;       /* the last one of the argument's name */
    mcp_risk_kind_t   kind;
    const char       *takes;
} mcp_risk_argument_t;


static void mcp_risk_read_node(mcp_risk_schema_t *schema,
    const mcp_risk_node_t *node);
static void mcp_risk_push_properties(mcp_risk_schema_t *schema,
    uint32_t properties, const mcp_risk_node_t *node);
static void mcp_risk_push_branches(mcp_risk_schema_t *schema, uint32_t array,
    const mcp_risk_node_t *node);
static void mcp_risk_push_reference(mcp_risk_schema_t *schema,
    uint32_t reference, const mcp_risk_node_t *node);
static void mcp_risk_push(mcp_risk_schema_t *schema, uint32_t index,
    mcp_str_t path, mcp_str_t name);
static mcp_str_t mcp_risk_join(mcp_risk_schema_t *schema, mcp_str_t path,
    mcp_str_t name, const char *between);
static void mcp_risk_judge_argument(mcp_risk_schema_t *schema,
    const mcp_risk_node_t *node);
static void mcp_risk_judge_string(mcp_risk_schema_t *schema,
    const mcp_risk_node_t *node, const mcp_risk_argument_t *entry);
static void mcp_risk_judge_choice(mcp_risk_schema_t *schema,
    const mcp_risk_node_t *node, uint32_t values);
static bool mcp_risk_takes_text(const mcp_risk_schema_t *schema,
    uint32_t index);
static bool mcp_risk_has_type(const mcp_risk_schema_t *schema,
    uint32_t type, mcp_str_t name);
static bool mcp_risk_mentions(mcp_risk_schema_t *schema, uint32_t index,
    const char *const *list, bool *described);
static const mcp_risk_argument_t *mcp_risk_find_argument(mcp_str_t name,
    bool *operation);
static uint32_t mcp_risk_member(const mcp_risk_schema_t *schema,
    uint32_t object, mcp_str_t name);


static const mcp_risk_argument_t  mcp_risk_arguments[] = {
    { "sql",        MCP_RISK_CODE,    "a query" },
    { "cypher",     MCP_RISK_CODE,    "a query" },
    { "sparql",     MCP_RISK_CODE,    "a query" },
    { "command",    MCP_RISK_CODE,    "a command" },
    { "commands",   MCP_RISK_CODE,    "a command" },
    { "cmd",        MCP_RISK_CODE,    "a command" },
    { "shell",      MCP_RISK_CODE,    "a command" },
    { "bash",       MCP_RISK_CODE,    "a command" },
    { "script",     MCP_RISK_CODE,    "code" },
    { "javascript", MCP_RISK_CODE,    "code" },
    { "python",     MCP_RISK_CODE,    "code" },
    { "code",       MCP_RISK_PERHAPS, "code" },
    { "program",    MCP_RISK_PERHAPS, "code" },
    { "expression", MCP_RISK_PERHAPS, "code" },
    { "statement",  MCP_RISK_PERHAPS, "a query" },
    { "query",      MCP_RISK_QUERY,   "a freeform query" },
    { "filter",     MCP_RISK_QUERY,   "a freeform query" },
    { "url",        MCP_RISK_PLACE,   "a URL" },
    { "urls",       MCP_RISK_PLACE,   "a URL" },
    { "uri",        MCP_RISK_PLACE,   "a URL" },
    { "uris",       MCP_RISK_PLACE,   "a URL" },
    { "endpoint",   MCP_RISK_PLACE,   "a URL" },
    { "webhook",    MCP_RISK_PLACE,   "a URL" },
    { "href",       MCP_RISK_PLACE,   "a URL" },
    { "callback",   MCP_RISK_PLACE,   "a URL" },
    { "path",       MCP_RISK_PLACE,   "a file-system path" },
    { "paths",      MCP_RISK_PLACE,   "a file-system path" },
    { "file",       MCP_RISK_PLACE,   "a file-system path" },
    { "filename",   MCP_RISK_PLACE,   "a file-system path" },
    { "filepath",   MCP_RISK_PLACE,   "a file-system path" },
    { "directory",  MCP_RISK_PLACE,   "a file-system path" },
    { "dir",        MCP_RISK_PLACE,   "a file-system path" },
    { "folder",     MCP_RISK_PLACE,   "a file-system path" },
    { "html",       MCP_RISK_PLACE,   "raw HTML" },
    { "template",   MCP_RISK_PLACE,   "a template" },
    { NULL, MCP_RISK_PLACE, NULL }
};


/* Arguments that choose what a tool does. */
static const char *const  mcp_risk_operations[] = {
    "action", "operation", "op", "command", "method", "verb", NULL
};

static const char *const  mcp_risk_languages[] = {
    "javascript", "typescript", "python", "ruby", "php", "sql", "shell",
    "bash", "script", "snippet", "source", "program", "function", "execute",
    "executed", "executes", "evaluate", "evaluated", "run", "jq", "lua",
    NULL
};


void
mcp_risk_read_schema(mcp_risk_reader_t *reader, uint32_t index)
{
    uint32_t           properties;
    mcp_risk_node_t    node;
    mcp_risk_schema_t  schema;

    memset(&schema, 0, sizeof(mcp_risk_schema_t));

    schema.reader = reader;
    schema.root = index;
    schema.stack = mcp_arena_alloc(reader->arena, MCP_RISK_STACK_MAX
                                                  * sizeof(mcp_risk_node_t));
    if (schema.stack == NULL) {
        reader->nomem = true;
        return;
    }

    mcp_risk_push(&schema, index, mcp_str(""), mcp_str(""));

    while (schema.depth > 0 && !reader->nomem) {
        if (schema.nodes++ == MCP_RISK_NODES_MAX) {
            schema.partial = true;
            break;
        }

        node = schema.stack[--schema.depth];
        mcp_risk_read_node(&schema, &node);
    }

    if (schema.partial) {
        mcp_risk_add(reader, MCP_RISK_EXECUTE,
                     "the input schema cannot be read whole");
    }

    properties = mcp_risk_member(&schema, index, mcp_str("properties"));

    if (properties != MCP_JSON_NONE
        && reader->json->tokens[properties].type == MCP_JSON_OBJECT
        && mcp_json_size(reader->json, properties) > MCP_RISK_ARGUMENTS_MANY)
    {
        mcp_risk_add(reader, MCP_RISK_NONE, "%u arguments",
                     (unsigned) mcp_json_size(reader->json, properties));
    }
}


static void
mcp_risk_read_node(mcp_risk_schema_t *schema, const mcp_risk_node_t *node)
{
    uint32_t                 key, value;
    mcp_str_t                path;
    const mcp_json_t        *json;
    const mcp_json_token_t  *tokens;

    json = schema->reader->json;
    tokens = json->tokens;

    if (tokens[node->schema].type != MCP_JSON_OBJECT) {
        return;
    }

    mcp_risk_judge_argument(schema, node);

    for (key = node->schema + 1;
         key < tokens[node->schema].next;
         key = tokens[value].next)
    {
        value = tokens[key].next;

        if (mcp_json_string_equal(json, key, mcp_str("properties"))) {
            mcp_risk_push_properties(schema, value, node);

        } else if (mcp_json_string_equal(json, key, mcp_str("items"))
                   || mcp_json_string_equal(json, key,
                                            mcp_str("prefixItems")))
        {
            path = mcp_risk_join(schema, node->path, mcp_str(""), "[]");

            if (tokens[value].type == MCP_JSON_ARRAY) {
                mcp_risk_push_branches(schema, value,
                    &(mcp_risk_node_t) { value, path, node->name });
            } else {
                mcp_risk_push(schema, value, path, node->name);
            }

        } else if (mcp_json_string_equal(json, key,
                                         mcp_str("additionalProperties")))
        {
            path = mcp_risk_join(schema, node->path, mcp_str("*"), ".");
            mcp_risk_push(schema, value, path, node->name);

        } else if (mcp_json_string_equal(json, key, mcp_str("anyOf"))
                   || mcp_json_string_equal(json, key, mcp_str("oneOf"))
                   || mcp_json_string_equal(json, key, mcp_str("allOf")))
        {
            mcp_risk_push_branches(schema, value, node);

        } else if (mcp_json_string_equal(json, key, mcp_str("then"))
                   || mcp_json_string_equal(json, key, mcp_str("else")))
        {
            mcp_risk_push(schema, value, node->path, node->name);

        } else if (mcp_json_string_equal(json, key, mcp_str("$ref"))) {
            mcp_risk_push_reference(schema, value, node);
        }
    }
}


static void
mcp_risk_push_properties(mcp_risk_schema_t *schema, uint32_t properties,
    const mcp_risk_node_t *node)
{
    uint32_t                 key, value;
    mcp_str_t                name;
    const mcp_json_token_t  *tokens;

    tokens = schema->reader->json->tokens;

    if (tokens[properties].type != MCP_JSON_OBJECT) {
        return;
    }

    for (key = properties + 1;
         key < tokens[properties].next;
         key = tokens[value].next)
    {
        value = tokens[key].next;

        if (!mcp_risk_string(schema->reader, key, &name)) {
            schema->partial = true;
            continue;
        }

        mcp_risk_push(schema, value,
                      mcp_risk_join(schema, node->path, name,
                                    node->path.len ? "." : ""), name);
    }
}


static void
mcp_risk_push_branches(mcp_risk_schema_t *schema, uint32_t array,
    const mcp_risk_node_t *node)
{
    uint32_t                 i;
    const mcp_json_token_t  *tokens;

    tokens = schema->reader->json->tokens;

    if (tokens[array].type != MCP_JSON_ARRAY) {
        return;
    }

    for (i = array + 1; i < tokens[array].next; i = tokens[i].next) {
        mcp_risk_push(schema, i, node->path, node->name);
    }
}


/* "#/$defs/NAME", and nothing else: it is what generators write. */
static void
mcp_risk_push_reference(mcp_risk_schema_t *schema, uint32_t reference,
    const mcp_risk_node_t *node)
{
    size_t     prefix;
    uint32_t   i, target;
    mcp_str_t  text;

    static const mcp_str_t  defs = mcp_str_init("#/$defs/");
    static const mcp_str_t  definitions = mcp_str_init("#/definitions/");

    prefix = 0;
    target = MCP_JSON_NONE;

    if (mcp_risk_string(schema->reader, reference, &text)) {

        if (text.len > defs.len
            && memcmp(text.data, defs.data, defs.len) == 0)
        {
            prefix = defs.len;
            target = mcp_risk_member(schema, schema->root, mcp_str("$defs"));

        } else if (text.len > definitions.len
                   && memcmp(text.data, definitions.data, definitions.len)
                      == 0)
        {
            prefix = definitions.len;
            target = mcp_risk_member(schema, schema->root,
                                     mcp_str("definitions"));
        }

        if (target != MCP_JSON_NONE) {
            text.data += prefix;
            text.len -= prefix;
            target = mcp_risk_member(schema, target, text);
        }
    }

    if (target == MCP_JSON_NONE || schema->ref_count == MCP_RISK_REFS_MAX) {
        schema->partial = true;
        return;
    }

    for (i = 0; i < schema->ref_count; i++) {
        if (schema->refs[i] == target) {
            return;
        }
    }

    schema->refs[schema->ref_count++] = target;
    mcp_risk_push(schema, target, node->path, node->name);
}


static void
mcp_risk_push(mcp_risk_schema_t *schema, uint32_t index, mcp_str_t path,
    mcp_str_t name)
{
    if (schema->depth == MCP_RISK_STACK_MAX) {
        schema->partial = true;
        return;
    }

    schema->stack[schema->depth++] = (mcp_risk_node_t) { index, path, name };
}


/* Paths are for people; long ones are cut. */
static mcp_str_t
mcp_risk_join(mcp_risk_schema_t *schema, mcp_str_t path, mcp_str_t name,
    const char *between)
{
    size_t     length;
    uint8_t   *data;
    mcp_str_t  joined;

    length = strlen(between);

    if (path.len + length + name.len > MCP_RISK_PATH_MAX) {
        return path;
    }

    data = mcp_arena_alloc(schema->reader->arena,
                           path.len + length + name.len + 1);
    if (data == NULL) {
        schema->reader->nomem = true;
        return path;
    }

    joined.data = data;
    joined.len = path.len + length + name.len;

    if (path.len) {
        memcpy(data, path.data, path.len);
    }

    memcpy(data + path.len, between, length);

    if (name.len) {
        memcpy(data + path.len + length, name.data, name.len);
    }

    return joined;
}


static void
mcp_risk_judge_argument(mcp_risk_schema_t *schema,
    const mcp_risk_node_t *node)
{
    bool                        operation;
    uint32_t                    format, values;
    const mcp_json_t           *json;
    const mcp_risk_argument_t  *entry;

    if (node->name.len == 0) {
        return;
    }

    json = schema->reader->json;
    entry = mcp_risk_find_argument(node->name, &operation);
    values = mcp_risk_member(schema, node->schema, mcp_str("enum"));

    if (values != MCP_JSON_NONE) {
        if (operation && json->tokens[values].type == MCP_JSON_ARRAY) {
            mcp_risk_judge_choice(schema, node, values);
        }

        return;
    }

    if (!mcp_risk_takes_text(schema, node->schema)) {
        return;
    }

    if (entry) {
        mcp_risk_judge_string(schema, node, entry);
        return;
    }

    format = mcp_risk_member(schema, node->schema, mcp_str("format"));

    if (format != MCP_JSON_NONE
        && json->tokens[format].type == MCP_JSON_STRING
        && (mcp_json_string_equal(json, format, mcp_str("uri"))
            || mcp_json_string_equal(json, format, mcp_str("url"))))
    {
        mcp_risk_add(schema->reader, MCP_RISK_NONE,
                     "argument '%.*s' takes a URL", (int) node->path.len,
                     (const char *) node->path.data);
    }
}


static void
mcp_risk_judge_string(mcp_risk_schema_t *schema, const mcp_risk_node_t *node,
    const mcp_risk_argument_t *entry)
{
    bool              described, mentioned;
    mcp_risk_class_t  class;

    class = MCP_RISK_NONE;
    described = false;

    switch (entry->kind) {

    case MCP_RISK_CODE:
        class = MCP_RISK_EXECUTE;
        break;

    case MCP_RISK_PERHAPS:
        mentioned = mcp_risk_mentions(schema, node->schema,
                                      mcp_risk_languages, &described);
        if (described && !mentioned) {
            return;
        }

        class = MCP_RISK_EXECUTE;
        break;

    case MCP_RISK_QUERY:
        if (schema->reader->database
            || mcp_risk_mentions(schema, node->schema, mcp_risk_databases,
                                 &described))
        {
            class = MCP_RISK_EXECUTE;
        }

        break;

    case MCP_RISK_PLACE:
        break;
    }

    mcp_risk_add(schema->reader, class, "argument '%.*s' takes %s",
                 (int) node->path.len, (const char *) node->path.data,
                 entry->takes);
}


static void
mcp_risk_judge_choice(mcp_risk_schema_t *schema, const mcp_risk_node_t *node,
    uint32_t values)
{
    uint32_t                 i;
    mcp_str_t                value;
    const char              *verb;
    mcp_risk_class_t         class, worst;
    const char              *worst_verb;
    const mcp_json_token_t  *tokens;

    tokens = schema->reader->json->tokens;
    worst = MCP_RISK_NONE;
    worst_verb = NULL;

    for (i = values + 1; i < tokens[values].next; i = tokens[i].next) {

        if (!mcp_risk_string(schema->reader, i, &value)) {
            continue;
        }

        class = mcp_risk_verb(value, &verb);

        if (class > worst) {
            worst = class;
            worst_verb = verb;
        }
    }

    if (worst_verb) {
        mcp_risk_add(schema->reader, worst, "argument '%.*s' may be '%s'",
                     (int) node->path.len, (const char *) node->path.data,
                     worst_verb);
    }
}


/* A string of any content, or what may be one for all that is said. */
static bool
mcp_risk_takes_text(const mcp_risk_schema_t *schema, uint32_t index)
{
    uint32_t    type, limit;
    uint32_t    i;
    mcp_str_t   raw;
    unsigned    length;

    type = mcp_risk_member(schema, index, mcp_str("type"));

    if (mcp_risk_member(schema, index, mcp_str("const")) != MCP_JSON_NONE
        || (type != MCP_JSON_NONE
            && !mcp_risk_has_type(schema, type, mcp_str("string"))))
    {
        return false;
    }

    if (type == MCP_JSON_NONE
        && (mcp_risk_member(schema, index, mcp_str("$ref")) != MCP_JSON_NONE
            || mcp_risk_member(schema, index, mcp_str("anyOf"))
               != MCP_JSON_NONE
            || mcp_risk_member(schema, index, mcp_str("oneOf"))
               != MCP_JSON_NONE))
    {
        return false;     /* the branches tell */
    }

    limit = mcp_risk_member(schema, index, mcp_str("maxLength"));

    if (limit == MCP_JSON_NONE) {
        return true;
    }

    raw = mcp_json_raw(schema->reader->json, limit);
    length = 0;

    for (i = 0; i < raw.len && i < 6; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9') {
            return true;
        }

        length = length * 10 + (unsigned) (raw.data[i] - '0');
    }

    return length > MCP_RISK_SHORT_STRING;
}


static bool
mcp_risk_has_type(const mcp_risk_schema_t *schema, uint32_t type,
    mcp_str_t name)
{
    uint32_t                 i;
    const mcp_json_t        *json;
    const mcp_json_token_t  *tokens;

    json = schema->reader->json;
    tokens = json->tokens;

    if (tokens[type].type == MCP_JSON_STRING) {
        return mcp_json_string_equal(json, type, name);
    }

    if (tokens[type].type != MCP_JSON_ARRAY) {
        return true;
    }

    for (i = type + 1; i < tokens[type].next; i = tokens[i].next) {
        if (tokens[i].type == MCP_JSON_STRING
            && mcp_json_string_equal(json, i, name))
        {
            return true;
        }
    }

    return false;
}


static bool
mcp_risk_mentions(mcp_risk_schema_t *schema, uint32_t index,
    const char *const *list, bool *described)
{
    uint32_t          description;
    mcp_str_t         text;
    mcp_risk_words_t  words;

    description = mcp_risk_member(schema, index, mcp_str("description"));

    if (!mcp_risk_string(schema->reader, description, &text)) {
        return false;
    }

    *described = true;
    mcp_risk_words_init(&words, text, false);

    while (mcp_risk_words_next(&words)) {
        if (mcp_risk_listed(words.word, list)) {
            return true;
        }
    }

    return false;
}


/* By the last word: "source_code", "imageUrl". */
static const mcp_risk_argument_t *
mcp_risk_find_argument(mcp_str_t name, bool *operation)
{
    char                        last[MCP_RISK_WORD_MAX + 1];
    mcp_risk_words_t            words;
    const mcp_risk_argument_t  *entry;

    last[0] = '\0';
    mcp_risk_words_init(&words, name, true);

    while (mcp_risk_words_next(&words)) {
        memcpy(last, words.word, sizeof(last));
    }

    *operation = mcp_risk_listed(last, mcp_risk_operations);

    for (entry = mcp_risk_arguments; entry->word; entry++) {
        if (strcmp(entry->word, last) == 0) {
            return entry;
        }
    }

    return NULL;
}


static uint32_t
mcp_risk_member(const mcp_risk_schema_t *schema, uint32_t object,
    mcp_str_t name)
{
    if (object == MCP_JSON_NONE
        || schema->reader->json->tokens[object].type != MCP_JSON_OBJECT)
    {
        return MCP_JSON_NONE;
    }

    return mcp_json_member(schema->reader->json, object, name);
}
