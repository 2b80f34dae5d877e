/* The keywords: what each may be, and the operation that it becomes. */

#include "mcp_schema_private.h"


#define MCP_SCHEMA_2020  "https://json-schema.org/draft/2020-12/schema"
#define MCP_SCHEMA_07    "http://json-schema.org/draft-07/schema"

typedef struct mcp_schema_keyword_s  mcp_schema_keyword_t;

typedef mcp_rc_t (*mcp_schema_keyword_pt)(mcp_schema_compiler_t *c,
    uint32_t value, mcp_schema_code_t code);

/* Draft-07 knows it as well, and means the same. */
#define MCP_SCHEMA_OLD        0x01
/* It says nothing about a value. */
#define MCP_SCHEMA_SILENT     0x02

struct mcp_schema_keyword_s {
    mcp_str_t              name;
    mcp_schema_keyword_pt  compile;     /* NULL: with another, or nothing */
    mcp_schema_code_t      code;
    unsigned               flags;
};

typedef struct {
    mcp_str_t    name;
    const char  *hint;
} mcp_schema_hint_t;

typedef struct {
    mcp_str_t  name;
    uint8_t    types;
} mcp_schema_type_word_t;


static mcp_rc_t mcp_schema_keyword(mcp_schema_compiler_t *c, uint32_t key);
static mcp_rc_t mcp_schema_unknown(mcp_schema_compiler_t *c, uint32_t key);
static mcp_rc_t mcp_schema_finish(mcp_schema_compiler_t *c);
static bool mcp_schema_is_draft7(const mcp_schema_compiler_t *c,
    uint32_t value);
static mcp_rc_t mcp_schema_dialect(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
static mcp_rc_t mcp_schema_id(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
static mcp_rc_t mcp_schema_anchor(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
static mcp_rc_t mcp_schema_type_words(mcp_schema_compiler_t *c,
    uint32_t value, mcp_schema_code_t code);
static mcp_rc_t mcp_schema_value(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
static mcp_rc_t mcp_schema_number(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
static mcp_rc_t mcp_schema_bound(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
static mcp_rc_t mcp_schema_pattern(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);
static mcp_rc_t mcp_schema_flag(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code);


#define MCP_SCHEMA_ANNOTATION  NULL, 0, MCP_SCHEMA_SILENT|MCP_SCHEMA_OLD

static const mcp_schema_keyword_t  mcp_schema_keywords[] = {

    { mcp_str_init("$schema"), mcp_schema_dialect, 0,
      MCP_SCHEMA_SILENT|MCP_SCHEMA_OLD },
    { mcp_str_init("$id"), mcp_schema_id, 0,
      MCP_SCHEMA_SILENT|MCP_SCHEMA_OLD },
    { mcp_str_init("$anchor"), mcp_schema_anchor, 0, 0 },
    { mcp_str_init("$ref"), mcp_schema_reference, MCP_SCHEMA_REF,
      MCP_SCHEMA_OLD },
    { mcp_str_init("$defs"), mcp_schema_container, 0,
      MCP_SCHEMA_SILENT|MCP_SCHEMA_OLD },
    { mcp_str_init("definitions"), mcp_schema_container, 0,
      MCP_SCHEMA_SILENT|MCP_SCHEMA_OLD },

    { mcp_str_init("title"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("description"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("default"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("examples"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("deprecated"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("readOnly"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("writeOnly"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("$comment"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("format"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("contentEncoding"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("contentMediaType"), MCP_SCHEMA_ANNOTATION },
    { mcp_str_init("contentSchema"), MCP_SCHEMA_ANNOTATION },

    { mcp_str_init("type"), mcp_schema_type_words, MCP_SCHEMA_TYPE,
      MCP_SCHEMA_OLD },
    { mcp_str_init("const"), mcp_schema_value, MCP_SCHEMA_CONST,
      MCP_SCHEMA_OLD },
    { mcp_str_init("enum"), mcp_schema_value, MCP_SCHEMA_ENUM,
      MCP_SCHEMA_OLD },

    { mcp_str_init("minimum"), mcp_schema_number, MCP_SCHEMA_MINIMUM,
      MCP_SCHEMA_OLD },
    { mcp_str_init("maximum"), mcp_schema_number, MCP_SCHEMA_MAXIMUM,
      MCP_SCHEMA_OLD },
    { mcp_str_init("exclusiveMinimum"), mcp_schema_number,
      MCP_SCHEMA_EXCLUSIVE_MINIMUM, MCP_SCHEMA_OLD },
    { mcp_str_init("exclusiveMaximum"), mcp_schema_number,
      MCP_SCHEMA_EXCLUSIVE_MAXIMUM, MCP_SCHEMA_OLD },
    { mcp_str_init("multipleOf"), mcp_schema_number, MCP_SCHEMA_MULTIPLE_OF,
      MCP_SCHEMA_OLD },

    { mcp_str_init("minLength"), mcp_schema_bound, MCP_SCHEMA_MIN_LENGTH,
      MCP_SCHEMA_OLD },
    { mcp_str_init("maxLength"), mcp_schema_bound, MCP_SCHEMA_MAX_LENGTH,
      MCP_SCHEMA_OLD },
    { mcp_str_init("pattern"), mcp_schema_pattern, MCP_SCHEMA_PATTERN,
      MCP_SCHEMA_OLD },

    { mcp_str_init("properties"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("patternProperties"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("additionalProperties"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("required"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("dependentRequired"), mcp_schema_dependent,
      MCP_SCHEMA_DEPENDENT_REQUIRED, 0 },
    { mcp_str_init("minProperties"), mcp_schema_bound,
      MCP_SCHEMA_MIN_PROPERTIES, MCP_SCHEMA_OLD },
    { mcp_str_init("maxProperties"), mcp_schema_bound,
      MCP_SCHEMA_MAX_PROPERTIES, MCP_SCHEMA_OLD },
    { mcp_str_init("propertyNames"), mcp_schema_one,
      MCP_SCHEMA_PROPERTY_NAMES, MCP_SCHEMA_OLD },

    { mcp_str_init("minItems"), mcp_schema_bound, MCP_SCHEMA_MIN_ITEMS,
      MCP_SCHEMA_OLD },
    { mcp_str_init("maxItems"), mcp_schema_bound, MCP_SCHEMA_MAX_ITEMS,
      MCP_SCHEMA_OLD },
    { mcp_str_init("prefixItems"), NULL, 0, 0 },
    { mcp_str_init("items"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("contains"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("minContains"), NULL, 0, 0 },
    { mcp_str_init("maxContains"), NULL, 0, 0 },
    { mcp_str_init("uniqueItems"), mcp_schema_flag, MCP_SCHEMA_UNIQUE_ITEMS,
      MCP_SCHEMA_OLD },

    { mcp_str_init("allOf"), mcp_schema_several, MCP_SCHEMA_ALL_OF,
      MCP_SCHEMA_OLD },
    { mcp_str_init("anyOf"), mcp_schema_several, MCP_SCHEMA_ANY_OF,
      MCP_SCHEMA_OLD },
    { mcp_str_init("oneOf"), mcp_schema_several, MCP_SCHEMA_ONE_OF,
      MCP_SCHEMA_OLD },
    { mcp_str_init("not"), mcp_schema_one, MCP_SCHEMA_NOT, MCP_SCHEMA_OLD },
    { mcp_str_init("if"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("then"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("else"), NULL, 0, MCP_SCHEMA_OLD },
    { mcp_str_init("dependentSchemas"), mcp_schema_dependent,
      MCP_SCHEMA_DEPENDENT_SCHEMAS, 0 }
};

/* What was meant, where the name tells. */
static const mcp_schema_hint_t  mcp_schema_hints[] = {
    { mcp_str_init("dependencies"),
      "write \"dependentRequired\" or \"dependentSchemas\"" },
    { mcp_str_init("additionalItems"),
      "write \"prefixItems\", and \"items\" for the others" },
    { mcp_str_init("nullable"), "add \"null\" to \"type\"" },
    { mcp_str_init("id"), "write \"$id\"" },
    { mcp_str_init("unevaluatedProperties"),
      "write \"additionalProperties\"" },
    { mcp_str_init("unevaluatedItems"), "write \"items\"" },
    { mcp_str_init("$dynamicRef"), "write \"$ref\"" },
    { mcp_str_init("$recursiveRef"), "write \"$ref\"" },
    { mcp_str_init("example"), "write \"examples\"" }
};

static const mcp_schema_type_word_t  mcp_schema_type_table[] = {
    { mcp_str_init("string"), MCP_SCHEMA_STRING },
    { mcp_str_init("number"), MCP_SCHEMA_NUMBER },
    { mcp_str_init("integer"), MCP_SCHEMA_INTEGER },
    { mcp_str_init("boolean"), MCP_SCHEMA_BOOLEAN },
    { mcp_str_init("array"), MCP_SCHEMA_ARRAY },
    { mcp_str_init("object"), MCP_SCHEMA_OBJECT },
    { mcp_str_init("null"), MCP_SCHEMA_NULL }
};

#define mcp_schema_table_size(table)  (sizeof(table) / sizeof((table)[0]))


mcp_rc_t
mcp_schema_compile_keywords(mcp_schema_compiler_t *c)
{
    mcp_rc_t                 rc;
    uint32_t                 key, end, value;
    const mcp_json_token_t  *t;

    memset(c->present, 0, sizeof(c->present));
    t = mcp_schema_token(c, c->node->token);

    switch (t->type) {

    case MCP_JSON_TRUE:
        return MCP_OK;

    case MCP_JSON_FALSE:
        (void) mcp_schema_add(c, MCP_SCHEMA_FALSE, c->node->token);
        return mcp_schema_finish(c);

    case MCP_JSON_OBJECT:
        break;

    default:
        return mcp_schema_wrong(c, c->node->token,
                                "must be an object, true or false");
    }

    if (c->node->token == 0) {
        value = mcp_schema_sibling(c, mcp_str("$schema"));
        c->draft7 = (value != MCP_JSON_NONE
                     && mcp_schema_is_draft7(c, value));
    }

    end = t->next;

    for (key = c->node->token + 1; key < end;
         key = mcp_schema_token(c, key + 1)->next)
    {
        rc = mcp_schema_keyword(c, key);

        if (rc != MCP_OK) {
            return rc;
        }
    }

    rc = mcp_schema_object(c);

    if (rc == MCP_OK) {
        rc = mcp_schema_items(c);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_contains(c);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_conditional(c);
    }

    return (rc == MCP_OK) ? mcp_schema_finish(c) : rc;
}


static mcp_rc_t
mcp_schema_keyword(mcp_schema_compiler_t *c, uint32_t key)
{
    size_t                       i;
    const mcp_schema_keyword_t  *keyword;

    keyword = mcp_schema_keywords;

    for (i = 0; i < mcp_schema_table_size(mcp_schema_keywords); i++) {
        keyword = &mcp_schema_keywords[i];

        if (mcp_json_string_equal(&c->schema->json, key, keyword->name)) {
            break;
        }
    }

    if (i == mcp_schema_table_size(mcp_schema_keywords)) {
        return mcp_schema_unknown(c, key);
    }

    if (c->draft7 && !(keyword->flags & MCP_SCHEMA_OLD)) {
        return mcp_schema_wrong(c, key + 1, "means nothing in draft-07; "
                                "\"$schema\" must be \"" MCP_SCHEMA_2020
                                "\"");
    }

    if (c->draft7 && !(keyword->flags & MCP_SCHEMA_SILENT)
        && keyword->code != MCP_SCHEMA_REF
        && mcp_schema_sibling(c, mcp_str("$ref")) != MCP_JSON_NONE)
    {
        return mcp_schema_wrong(c, key + 1, "stands beside \"$ref\", where "
                                "draft-07 ignores it; \"$schema\" must be \""
                                MCP_SCHEMA_2020 "\"");
    }

    return (keyword->compile == NULL)
           ? MCP_OK : keyword->compile(c, key + 1, keyword->code);
}


static mcp_rc_t
mcp_schema_unknown(mcp_schema_compiler_t *c, uint32_t key)
{
    char                     what[128];
    size_t                   i, len;
    const char              *hint;
    const mcp_json_token_t  *t;

    t = mcp_schema_token(c, key);

    if (t->end - t->start > 2
        && memcmp(c->schema->json.text + t->start, "x-", 2) == 0)
    {
        return MCP_OK;
    }

    for (i = 0; i < mcp_schema_table_size(mcp_schema_hints); i++) {
        if (!mcp_json_string_equal(&c->schema->json, key,
                                   mcp_schema_hints[i].name))
        {
            continue;
        }

        hint = mcp_schema_hints[i].hint;
        len = sizeof("is not supported; ") - 1;

        memcpy(what, "is not supported; ", len);
        memcpy(what + len, hint, strlen(hint) + 1);

        return mcp_schema_wrong(c, key + 1, what);
    }

    return mcp_schema_wrong(c, key + 1, "is not a supported keyword");
}


/* Puts the operations in their order. */

static mcp_rc_t
mcp_schema_finish(mcp_schema_compiler_t *c)
{
    unsigned            i;
    mcp_schema_node_t  *node;

    node = c->node;
    node->count = 0;

    for (i = 0; i < MCP_SCHEMA_CODES; i++) {
        node->count += c->present[i];
    }

    node->ops = mcp_schema_alloc(c, node->count, sizeof(mcp_schema_op_t));

    if (node->ops == NULL) {
        return MCP_NOMEM;
    }

    node->count = 0;

    for (i = 0; i < MCP_SCHEMA_CODES; i++) {
        if (c->present[i]) {
            node->ops[node->count++] = c->ops[i];
        }
    }

    return MCP_OK;
}


static bool
mcp_schema_is_draft7(const mcp_schema_compiler_t *c, uint32_t value)
{
    return mcp_json_string_equal(&c->schema->json, value,
                                 mcp_str(MCP_SCHEMA_07))
           || mcp_json_string_equal(&c->schema->json, value,
                                    mcp_str(MCP_SCHEMA_07 "#"));
}


/* The root's was read first, as it decides about the other keywords. */

static mcp_rc_t
mcp_schema_dialect(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    bool  old;

    (void) code;

    old = mcp_schema_is_draft7(c, value);

    if (!old
        && !mcp_json_string_equal(&c->schema->json, value,
                                  mcp_str(MCP_SCHEMA_2020))
        && !mcp_json_string_equal(&c->schema->json, value,
                                  mcp_str(MCP_SCHEMA_2020 "#")))
    {
        return mcp_schema_wrong(c, value, "must be \"" MCP_SCHEMA_2020 "\" "
                                "or \"" MCP_SCHEMA_07 "#\"");
    }

    if (c->node->token != 0 && old != c->draft7) {
        return mcp_schema_wrong(c, value,
                                "must be that of the whole schema");
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_id(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    mcp_rc_t  rc;

    (void) code;

    if (c->node->token != 0) {
        return mcp_schema_wrong(c, value, "is supported at the top only; "
                                "write \"$anchor\"");
    }

    rc = mcp_json_string(&c->schema->json, value, &c->schema->arena, &c->id);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK
        || (c->id.len > 1 && memchr(c->id.data, '#', c->id.len - 1) != NULL))
    {
        return mcp_schema_wrong(c, value, "must be a URI without fragment");
    }

    if (c->id.len > 0 && c->id.data[c->id.len - 1] == '#') {
        c->id.len--;
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_anchor(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    mcp_rc_t              rc;
    mcp_schema_anchor_t  *anchor, *other;

    (void) code;

    anchor = mcp_schema_alloc(c, 1, sizeof(mcp_schema_anchor_t));

    if (anchor == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_json_string(&c->schema->json, value, &c->schema->arena,
                         &anchor->name);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK || anchor->name.len == 0
        || memchr(anchor->name.data, '/', anchor->name.len) != NULL)
    {
        return mcp_schema_wrong(c, value, "must be a name");
    }

    for (other = c->anchors; other != NULL; other = other->next) {
        if (mcp_str_equal(other->name, anchor->name)) {
            return mcp_schema_wrong(c, value, "is there twice");
        }
    }

    anchor->token = c->node->token;
    anchor->next = c->anchors;
    c->anchors = anchor;

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_type_words(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    size_t            i;
    uint32_t          word, end;
    mcp_schema_op_t  *op;

    op = mcp_schema_add(c, code, value);
    word = value;
    end = mcp_schema_token(c, value)->next;

    if (mcp_schema_token(c, value)->type == MCP_JSON_ARRAY) {
        word++;
    }

    if (word == end) {
        return mcp_schema_wrong(c, value, "names no type");
    }

    for ( /* void */ ; word < end; word = mcp_schema_token(c, word)->next) {
        for (i = 0; i < mcp_schema_table_size(mcp_schema_type_table); i++) {
            if (mcp_json_string_equal(&c->schema->json, word,
                                      mcp_schema_type_table[i].name))
            {
                op->u.types |= mcp_schema_type_table[i].types;
                break;
            }
        }

        if (i == mcp_schema_table_size(mcp_schema_type_table)) {
            return mcp_schema_wrong(c, word, "must be string, number, "
                                    "integer, boolean, array, object or "
                                    "null");
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_value(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    if (code == MCP_SCHEMA_ENUM
        && mcp_schema_token(c, value)->type != MCP_JSON_ARRAY)
    {
        return mcp_schema_wrong(c, value, "must be an array of values");
    }

    (void) mcp_schema_add(c, code, value);

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_number(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    bool  multiple;

    if (mcp_schema_token(c, value)->type != MCP_JSON_NUMBER) {
        return mcp_schema_wrong(c, value, "must be a number");
    }

    if (code == MCP_SCHEMA_MULTIPLE_OF
        && mcp_decimal_multiple(mcp_str("0"),
                                mcp_json_raw(&c->schema->json, value),
                                &multiple)
           != MCP_OK)
    {
        return mcp_schema_wrong(c, value, "must be greater than 0 and have "
                                "at most 18 digits");
    }

    (void) mcp_schema_add(c, code, value);

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_bound(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    return mcp_schema_count(c, value,
                            &mcp_schema_add(c, code, value)->u.bound);
}


/* Beyond what 18 digits hold it makes no difference. */

mcp_rc_t
mcp_schema_count(mcp_schema_compiler_t *c, uint32_t value, uint64_t *count)
{
    int        order;
    size_t     i, length;
    uint8_t    digits[MCP_DECIMAL_CANONICAL_MAX];
    mcp_str_t  raw;

    raw = mcp_json_raw(&c->schema->json, value);

    if (mcp_schema_token(c, value)->type != MCP_JSON_NUMBER
        || !mcp_decimal_integral(raw)
        || mcp_decimal_compare(raw, mcp_str("0"), &order) != MCP_OK
        || order < 0)
    {
        return mcp_schema_wrong(c, value, "must be an integer, not negative");
    }

    if (mcp_decimal_canonical(raw, digits, &length) != MCP_OK
        || length > 18)
    {
        *count = UINT64_MAX;
        return MCP_OK;
    }

    *count = 0;

    for (i = 0; i < length; i++) {
        *count = *count * 10 + (uint64_t) (digits[i] - '0');
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_pattern(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    mcp_rc_t             rc;
    mcp_schema_regex_t  *regex;

    regex = mcp_schema_alloc(c, 1, sizeof(mcp_schema_regex_t));

    if (regex == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_schema_regex(c, value, regex);

    if (rc == MCP_OK) {
        mcp_schema_add(c, code, value)->u.regex = regex->regex;
    }

    return rc;
}


/* "token" may be a key; the regex is freed with the schema. */

mcp_rc_t
mcp_schema_regex(mcp_schema_compiler_t *c, uint32_t token,
    mcp_schema_regex_t *regex)
{
    char         *hint;
    mcp_rc_t      rc;
    mcp_str_t     pattern;
    const char   *what;
    mcp_error_t   error;

    rc = mcp_json_string(&c->schema->json, token, &c->schema->arena,
                         &pattern);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK) {
        return mcp_schema_wrong(c, token, "must be a regular expression");
    }

    rc = mcp_schema_translate(pattern, &c->schema->arena, &pattern, &what);

    if (rc != MCP_OK) {
        return (rc == MCP_NOMEM) ? rc : mcp_schema_wrong(c, token, what);
    }

    regex->regex = mcp_regex_compile(pattern, false, &error);

    /* what it advises is about configuration files */

    if (regex->regex == NULL) {
        hint = strchr(error.text, ';');

        if (hint != NULL) {
            *hint = '\0';
        }

        return mcp_schema_wrong(c, token, error.text);
    }

    regex->next = c->schema->regexes;
    c->schema->regexes = regex;

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_flag(mcp_schema_compiler_t *c, uint32_t value,
    mcp_schema_code_t code)
{
    switch (mcp_schema_token(c, value)->type) {

    case MCP_JSON_TRUE:
        (void) mcp_schema_add(c, code, value);
        return MCP_OK;

    case MCP_JSON_FALSE:
        return MCP_OK;

    default:
        return mcp_schema_wrong(c, value, "must be true or false");
    }
}
