/*
 * Why a value does not fit, for whoever made it.  Of the schema its words
 * are shown, cut where they are long; of the arguments names alone.
 */

#include "mcp_schema_private.h"


#define MCP_SCHEMA_PATH_MAX   512
#define MCP_SCHEMA_TEXT_MAX   512
#define MCP_SCHEMA_WORD_MAX    80
#define MCP_SCHEMA_LIST_MAX   360

typedef struct {
    uint8_t  *p;
    uint8_t  *start;
    uint8_t  *end;
} mcp_schema_writer_t;


static mcp_rc_t mcp_schema_begin(mcp_schema_check_t *check,
    mcp_schema_writer_t *w, uint32_t value, const mcp_schema_op_t *op);
static mcp_rc_t mcp_schema_end(mcp_schema_check_t *check,
    mcp_schema_writer_t *w);
static void mcp_schema_say(mcp_schema_check_t *check, mcp_schema_writer_t *w,
    uint32_t value, const mcp_schema_op_t *op);
static void mcp_schema_say_forms(mcp_schema_check_t *check,
    mcp_schema_writer_t *w, uint32_t value, const mcp_schema_op_t *op);
static void mcp_schema_say_contains(mcp_schema_writer_t *w,
    const mcp_schema_op_t *op);
static void mcp_schema_say_type(mcp_schema_writer_t *w, uint8_t types,
    uint8_t type);
static void mcp_schema_say_values(mcp_schema_writer_t *w,
    const mcp_json_t *json, const mcp_schema_op_t *op, bool *first);
static void mcp_schema_say_bound(mcp_schema_writer_t *w, const char *how,
    uint64_t bound, const char *one, const char *many);
static void mcp_schema_write(mcp_schema_writer_t *w, const char *text);
static void mcp_schema_write_bytes(mcp_schema_writer_t *w, mcp_str_t s);
static void mcp_schema_write_raw(mcp_schema_writer_t *w,
    const mcp_json_t *json, uint32_t token);
static void mcp_schema_write_quoted(mcp_schema_writer_t *w, mcp_str_t s);
static void mcp_schema_write_number(mcp_schema_writer_t *w, uint64_t n);
static void mcp_schema_write_segment(mcp_schema_writer_t *w, mcp_str_t s);
static size_t mcp_schema_cut(mcp_str_t s, size_t max);


static const mcp_str_t  mcp_schema_code_names[MCP_SCHEMA_CODES] = {
    [MCP_SCHEMA_FALSE] = mcp_str_init("false"),
    [MCP_SCHEMA_TYPE] = mcp_str_init("type"),
    [MCP_SCHEMA_CONST] = mcp_str_init("const"),
    [MCP_SCHEMA_ENUM] = mcp_str_init("enum"),
    [MCP_SCHEMA_MINIMUM] = mcp_str_init("minimum"),
    [MCP_SCHEMA_MAXIMUM] = mcp_str_init("maximum"),
    [MCP_SCHEMA_EXCLUSIVE_MINIMUM] = mcp_str_init("exclusiveMinimum"),
    [MCP_SCHEMA_EXCLUSIVE_MAXIMUM] = mcp_str_init("exclusiveMaximum"),
    [MCP_SCHEMA_MULTIPLE_OF] = mcp_str_init("multipleOf"),
    [MCP_SCHEMA_MIN_LENGTH] = mcp_str_init("minLength"),
    [MCP_SCHEMA_MAX_LENGTH] = mcp_str_init("maxLength"),
    [MCP_SCHEMA_PATTERN] = mcp_str_init("pattern"),
    [MCP_SCHEMA_CLOSED] = mcp_str_init("additionalProperties"),
    [MCP_SCHEMA_REQUIRED] = mcp_str_init("required"),
    [MCP_SCHEMA_DEPENDENT_REQUIRED] = mcp_str_init("dependentRequired"),
    [MCP_SCHEMA_MIN_PROPERTIES] = mcp_str_init("minProperties"),
    [MCP_SCHEMA_MAX_PROPERTIES] = mcp_str_init("maxProperties"),
    [MCP_SCHEMA_PROPERTY_NAMES] = mcp_str_init("propertyNames"),
    [MCP_SCHEMA_MEMBERS] = mcp_str_init("properties"),
    [MCP_SCHEMA_MIN_ITEMS] = mcp_str_init("minItems"),
    [MCP_SCHEMA_MAX_ITEMS] = mcp_str_init("maxItems"),
    [MCP_SCHEMA_ITEMS] = mcp_str_init("items"),
    [MCP_SCHEMA_CONTAINS] = mcp_str_init("contains"),
    [MCP_SCHEMA_UNIQUE_ITEMS] = mcp_str_init("uniqueItems"),
    [MCP_SCHEMA_REF] = mcp_str_init("$ref"),
    [MCP_SCHEMA_ALL_OF] = mcp_str_init("allOf"),
    [MCP_SCHEMA_ANY_OF] = mcp_str_init("anyOf"),
    [MCP_SCHEMA_ONE_OF] = mcp_str_init("oneOf"),
    [MCP_SCHEMA_NOT] = mcp_str_init("not"),
    [MCP_SCHEMA_IF] = mcp_str_init("if"),
    [MCP_SCHEMA_DEPENDENT_SCHEMAS] = mcp_str_init("dependentSchemas")
};


mcp_rc_t
mcp_schema_explain(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op)
{
    mcp_schema_writer_t  w;

    if (mcp_schema_begin(check, &w, value, op) != MCP_OK) {
        return MCP_NOMEM;
    }

    if (check->json->tokens[value].flags & MCP_JSON_KEY) {
        mcp_schema_write(&w, "is a name that ");
    }

    mcp_schema_say(check, &w, value, op);

    return mcp_schema_end(check, &w);
}


mcp_rc_t
mcp_schema_explain_several(mcp_schema_check_t *check, uint32_t value,
    const mcp_schema_op_t *op)
{
    mcp_schema_writer_t  w;

    if (mcp_schema_begin(check, &w, value, op) != MCP_OK) {
        return MCP_NOMEM;
    }

    mcp_schema_write(&w, "must fit only one of the forms in \"oneOf\"");

    return mcp_schema_end(check, &w);
}


mcp_rc_t
mcp_schema_explain_missing(mcp_schema_check_t *check, uint32_t object,
    const mcp_schema_op_t *op, uint32_t name, uint32_t because)
{
    mcp_str_t            s;
    mcp_schema_writer_t  w;

    if (mcp_schema_begin(check, &w, object, op) != MCP_OK
        || mcp_json_string(&check->schema->json, name, check->arena, &s)
           == MCP_NOMEM)
    {
        return MCP_NOMEM;
    }

    /* the path was the object's */

    w.start = (uint8_t *) check->fault->path.data;
    w.p = w.start + check->fault->path.len;
    w.end = w.start + MCP_SCHEMA_PATH_MAX;

    mcp_schema_write_segment(&w, s);
    check->fault->path.len = (size_t) (w.p - w.start);

    w.start += MCP_SCHEMA_PATH_MAX;
    w.p = w.start;
    w.end = w.start + MCP_SCHEMA_TEXT_MAX;

    mcp_schema_write(&w, "is required");

    if (because != MCP_JSON_NONE) {
        mcp_schema_write(&w, " together with ");
        mcp_schema_write_raw(&w, &check->schema->json, because);
    }

    return mcp_schema_end(check, &w);
}


mcp_rc_t
mcp_schema_explain_unknown(mcp_schema_check_t *check, uint32_t object,
    uint32_t key, const mcp_schema_op_t *op)
{
    bool                         first;
    uint32_t                     i;
    mcp_schema_writer_t          w;
    const mcp_schema_members_t  *members;

    if (mcp_schema_begin(check, &w, key, op) != MCP_OK) {
        return MCP_NOMEM;
    }

    mcp_schema_write(&w, (object == check->root) ? "is not a known argument"
                                                 : "is not a known member");

    members = op->u.members;
    first = true;

    for (i = 0; i < members->count; i++) {
        if (members->members[i].node == NULL) {
            continue;
        }

        mcp_schema_write(&w, first ? "; known are " : ", ");
        first = false;

        if (w.p - w.start > MCP_SCHEMA_LIST_MAX) {
            mcp_schema_write(&w, "...");
            break;
        }

        mcp_schema_write_quoted(&w, members->members[i].name);
    }

    if (first && members->pattern_count == 0) {
        mcp_schema_write(&w, "; there are none");
    }

    return mcp_schema_end(check, &w);
}


/* One piece of memory for the path and the text. */

static mcp_rc_t
mcp_schema_begin(mcp_schema_check_t *check, mcp_schema_writer_t *w,
    uint32_t value, const mcp_schema_op_t *op)
{
    uint8_t  *p;

    p = mcp_arena_alloc(check->arena,
                        MCP_SCHEMA_PATH_MAX + MCP_SCHEMA_TEXT_MAX);

    if (p == NULL) {
        return MCP_NOMEM;
    }

    check->fault->path.data = p;
    check->fault->path.len = mcp_schema_pointer(check->json, check->root,
                                                value, check->arena, p,
                                                MCP_SCHEMA_PATH_MAX);
    check->fault->keyword = mcp_schema_code_names[op->code];

    w->start = p + MCP_SCHEMA_PATH_MAX;
    w->p = w->start;
    w->end = w->start + MCP_SCHEMA_TEXT_MAX;

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_end(mcp_schema_check_t *check, mcp_schema_writer_t *w)
{
    check->fault->text.data = w->start;
    check->fault->text.len = (size_t) (w->p - w->start);

    return MCP_NO;
}


static void
mcp_schema_say(mcp_schema_check_t *check, mcp_schema_writer_t *w,
    uint32_t value, const mcp_schema_op_t *op)
{
    bool               first;
    const mcp_json_t  *json;

    json = &check->schema->json;

    switch (op->code) {

    case MCP_SCHEMA_FALSE:
        mcp_schema_write(w, "is not allowed");
        return;

    case MCP_SCHEMA_TYPE:
        mcp_schema_say_type(w, op->u.types,
                            mcp_schema_type(check->json, value));
        return;

    case MCP_SCHEMA_CONST:
    case MCP_SCHEMA_ENUM:
        mcp_schema_write(w, (op->code == MCP_SCHEMA_CONST)
                            ? "must be " : "must be one of ");
        first = true;
        mcp_schema_say_values(w, json, op, &first);
        return;

    case MCP_SCHEMA_MINIMUM:
        mcp_schema_write(w, "must be at least ");
        mcp_schema_write_raw(w, json, op->token);
        return;

    case MCP_SCHEMA_MAXIMUM:
        mcp_schema_write(w, "must be at most ");
        mcp_schema_write_raw(w, json, op->token);
        return;

    case MCP_SCHEMA_EXCLUSIVE_MINIMUM:
        mcp_schema_write(w, "must be greater than ");
        mcp_schema_write_raw(w, json, op->token);
        return;

    case MCP_SCHEMA_EXCLUSIVE_MAXIMUM:
        mcp_schema_write(w, "must be less than ");
        mcp_schema_write_raw(w, json, op->token);
        return;

    case MCP_SCHEMA_MULTIPLE_OF:
        mcp_schema_write(w, "must be a multiple of ");
        mcp_schema_write_raw(w, json, op->token);
        return;

    case MCP_SCHEMA_PATTERN:
        mcp_schema_write(w, "must match the pattern ");
        mcp_schema_write_raw(w, json, op->token);
        return;

    case MCP_SCHEMA_MIN_LENGTH:
        mcp_schema_say_bound(w, "at least", op->u.bound, "character",
                             "characters");
        return;

    case MCP_SCHEMA_MAX_LENGTH:
        mcp_schema_say_bound(w, "at most", op->u.bound, "character",
                             "characters");
        return;

    case MCP_SCHEMA_MIN_PROPERTIES:
        mcp_schema_say_bound(w, "at least", op->u.bound, "member", "members");
        return;

    case MCP_SCHEMA_MAX_PROPERTIES:
        mcp_schema_say_bound(w, "at most", op->u.bound, "member", "members");
        return;

    case MCP_SCHEMA_MIN_ITEMS:
        mcp_schema_say_bound(w, "at least", op->u.bound, "element",
                             "elements");
        return;

    case MCP_SCHEMA_MAX_ITEMS:
        mcp_schema_say_bound(w, "at most", op->u.bound, "element",
                             "elements");
        return;

    case MCP_SCHEMA_UNIQUE_ITEMS:
        mcp_schema_write(w, "must differ from the elements before it");
        return;

    case MCP_SCHEMA_CONTAINS:
        mcp_schema_say_contains(w, op);
        return;

    case MCP_SCHEMA_ANY_OF:
    case MCP_SCHEMA_ONE_OF:
        mcp_schema_say_forms(check, w, value, op);
        return;

    default:
        mcp_schema_write(w, "must not fit the schema in \"not\"");
        return;
    }
}


/* Types where those differ, values where all forms are values. */

static void
mcp_schema_say_forms(mcp_schema_check_t *check, mcp_schema_writer_t *w,
    uint32_t value, const mcp_schema_op_t *op)
{
    bool                    first;
    uint8_t                 types, type;
    uint32_t                i, k;
    const mcp_schema_op_t  *form;

    type = mcp_schema_type(check->json, value);
    types = 0;

    for (i = 0; i < op->count; i++) {
        types |= op->nodes[i]->types;
    }

    if (types != 0 && !(types & type)) {
        mcp_schema_say_type(w, types, type);
        return;
    }

    mcp_schema_write(w, "must be one of ");
    first = true;

    for (i = 0; i < op->count; i++) {
        form = NULL;

        for (k = 0; k < op->nodes[i]->count; k++) {
            if (op->nodes[i]->ops[k].code == MCP_SCHEMA_CONST
                || op->nodes[i]->ops[k].code == MCP_SCHEMA_ENUM)
            {
                form = &op->nodes[i]->ops[k];
            }
        }

        if (form == NULL) {
            w->p = w->start;
            mcp_schema_write(w, "must fit one of the ");
            mcp_schema_write_number(w, op->count);
            mcp_schema_write(w, (op->code == MCP_SCHEMA_ANY_OF)
                                ? " forms in \"anyOf\""
                                : " forms in \"oneOf\"");
            return;
        }

        mcp_schema_say_values(w, &check->schema->json, form, &first);
    }
}


static void
mcp_schema_say_contains(mcp_schema_writer_t *w, const mcp_schema_op_t *op)
{
    mcp_schema_write(w, "must have at least ");
    mcp_schema_write_number(w, op->u.contains.min);

    if (op->u.contains.max != UINT64_MAX) {
        mcp_schema_write(w, " and at most ");
        mcp_schema_write_number(w, op->u.contains.max);
    }

    mcp_schema_write(w, " elements that fit the schema in \"contains\"");
}


static void
mcp_schema_say_type(mcp_schema_writer_t *w, uint8_t types, uint8_t type)
{
    bool         found;
    size_t       i;
    unsigned     left;
    const char  *is;

    static const struct {
        uint8_t      types;
        const char  *name;
    } names[] = {
        { MCP_SCHEMA_STRING, "a string" },
        { MCP_SCHEMA_NUMBER, "a number" },
        { MCP_SCHEMA_INTEGER, "an integer" },
        { MCP_SCHEMA_BOOLEAN, "a boolean" },
        { MCP_SCHEMA_ARRAY, "an array" },
        { MCP_SCHEMA_OBJECT, "an object" },
        { MCP_SCHEMA_NULL, "null" }
    };

    is = "";
    left = 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        found = (names[i].types & types) == names[i].types
                && !(names[i].types == MCP_SCHEMA_INTEGER
                     && (types & MCP_SCHEMA_FRACTION));
        left += found;

        if (names[i].types & type && is[0] == '\0') {
            is = names[i].name;
        }
    }

    if (type == MCP_SCHEMA_FRACTION && (types & MCP_SCHEMA_INTEGER)) {
        is = "a fraction";
    }

    mcp_schema_write(w, "must be ");

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        found = (names[i].types & types) == names[i].types
                && !(names[i].types == MCP_SCHEMA_INTEGER
                     && (types & MCP_SCHEMA_FRACTION));

        if (found) {
            mcp_schema_write(w, names[i].name);
            left--;
            mcp_schema_write(w, (left > 1) ? ", " : (left == 1) ? " or "
                                                                : "");
        }
    }

    mcp_schema_write(w, ", not ");
    mcp_schema_write(w, is);
}


/* Goes on with a list where something is in it already. */

static void
mcp_schema_say_values(mcp_schema_writer_t *w, const mcp_json_t *json,
    const mcp_schema_op_t *op, bool *first)
{
    uint32_t  i, end;

    i = op->token + (op->code == MCP_SCHEMA_ENUM);
    end = json->tokens[op->token].next;

    for ( /* void */ ; i < end; i = json->tokens[i].next) {
        mcp_schema_write(w, *first ? "" : ", ");
        *first = false;

        if (w->p - w->start > MCP_SCHEMA_LIST_MAX) {
            mcp_schema_write(w, "...");
            break;
        }

        mcp_schema_write_raw(w, json, i);
    }
}


static void
mcp_schema_say_bound(mcp_schema_writer_t *w, const char *how, uint64_t bound,
    const char *one, const char *many)
{
    mcp_schema_write(w, "must have ");
    mcp_schema_write(w, how);
    mcp_schema_write(w, " ");
    mcp_schema_write_number(w, bound);
    mcp_schema_write(w, " ");
    mcp_schema_write(w, (bound == 1) ? one : many);
}


size_t
mcp_schema_pointer(const mcp_json_t *json, uint32_t root, uint32_t target,
    mcp_arena_t *arena, uint8_t *dst, size_t size)
{
    uint32_t                 at, child, value, index;
    mcp_str_t                name;
    mcp_schema_writer_t      w;
    const mcp_json_token_t  *t;

    t = json->tokens;
    w.start = dst;
    w.p = dst;
    w.end = dst + size;
    at = root;

    while (at != target && t[at].type <= MCP_JSON_ARRAY) {
        index = 0;
        value = at;

        for (child = at + 1; child < t[at].next; child = t[value].next) {
            value = child + (t[at].type == MCP_JSON_OBJECT);

            if (target < t[value].next) {
                break;
            }

            index++;
        }

        if (t[at].type == MCP_JSON_OBJECT) {
            if (mcp_json_string(json, child, arena, &name) != MCP_OK) {
                break;
            }

            mcp_schema_write_segment(&w, name);

        } else {
            mcp_schema_write(&w, "/");
            mcp_schema_write_number(&w, index);
        }

        at = (target == child) ? child : value;
    }

    return (size_t) (w.p - w.start);
}


/* What does not fit is left out. */

static void
mcp_schema_write(mcp_schema_writer_t *w, const char *text)
{
    mcp_schema_write_bytes(w, (mcp_str_t) { (const uint8_t *) text,
                                            strlen(text) });
}


static void
mcp_schema_write_bytes(mcp_schema_writer_t *w, mcp_str_t s)
{
    size_t  len;

    len = mcp_schema_cut(s, (size_t) (w->end - w->p));
    memcpy(w->p, s.data, len);
    w->p += len;
}


/* A value of the schema as it stands there. */

static void
mcp_schema_write_raw(mcp_schema_writer_t *w, const mcp_json_t *json,
    uint32_t token)
{
    size_t     len;
    mcp_str_t  raw;

    raw = mcp_json_raw(json, token);
    len = mcp_schema_cut(raw, MCP_SCHEMA_WORD_MAX);

    mcp_schema_write_bytes(w, (mcp_str_t) { raw.data, len });

    if (len < raw.len) {
        mcp_schema_write(w, (json->tokens[token].type == MCP_JSON_STRING)
                            ? "...\"" : "...");
    }
}


static void
mcp_schema_write_quoted(mcp_schema_writer_t *w, mcp_str_t s)
{
    size_t   len;
    uint8_t  escaped[MCP_SCHEMA_WORD_MAX * MCP_JSON_ESCAPE_MAX];

    len = mcp_schema_cut(s, MCP_SCHEMA_WORD_MAX);

    mcp_schema_write(w, "\"");
    mcp_schema_write_bytes(w, (mcp_str_t) {
        escaped, (size_t) (mcp_json_escape(escaped, (mcp_str_t) { s.data,
                                                                  len })
                           - escaped) });
    mcp_schema_write(w, (len < s.len) ? "...\"" : "\"");
}


static void
mcp_schema_write_number(mcp_schema_writer_t *w, uint64_t n)
{
    uint8_t   digits[20];
    unsigned  i;

    i = sizeof(digits);

    do {
        digits[--i] = (uint8_t) ('0' + n % 10);
        n /= 10;
    } while (n > 0);

    mcp_schema_write_bytes(w, (mcp_str_t) { digits + i, sizeof(digits) - i });
}


/* A name in a JSON Pointer. */

static void
mcp_schema_write_segment(mcp_schema_writer_t *w, mcp_str_t s)
{
    size_t  i, start, len;

    mcp_schema_write(w, "/");
    len = mcp_schema_cut(s, MCP_SCHEMA_WORD_MAX);
    start = 0;

    for (i = 0; i <= len; i++) {
        if (i < len && s.data[i] != '~' && s.data[i] != '/') {
            continue;
        }

        mcp_schema_write_bytes(w, (mcp_str_t) { s.data + start, i - start });

        if (i < len) {
            mcp_schema_write(w, (s.data[i] == '~') ? "~0" : "~1");
        }

        start = i + 1;
    }

    if (len < s.len) {
        mcp_schema_write(w, "...");
    }
}


/* As many bytes as make whole characters. */

static size_t
mcp_schema_cut(mcp_str_t s, size_t max)
{
    size_t  len;

    if (s.len <= max) {
        return s.len;
    }

    for (len = max; len > 0 && (s.data[len] & 0xc0) == 0x80; len--) {
        /* void */
    }

    return len;
}
