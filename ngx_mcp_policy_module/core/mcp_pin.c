#include <openssl/evp.h>

#include "mcp_canonical.h"
#include "mcp_pin.h"
#include "mcp_siphash.h"


/* A definition in a pin file is less deep than in the answer it is from. */
#define MCP_PIN_DEPTH  (2 * MCP_DEFAULT_DEPTH)

/* Of a name, in messages. */
#define mcp_pin_shown(s)                                                      \
    (int) ((s).len < 100 ? (s).len : 100), (const char *) (s).data


typedef struct {
    mcp_pin_set_t          *set;
    const mcp_json_t       *json;
    const mcp_allocator_t  *allocator;
    mcp_arena_t            *arena;
    mcp_error_t            *error;
} mcp_pin_reading_t;


static mcp_rc_t mcp_pin_top(mcp_pin_reading_t *reading, uint32_t *tools);
static mcp_rc_t mcp_pin_tools(mcp_pin_reading_t *reading, uint32_t tools,
    bool objects);
static mcp_rc_t mcp_pin_tool(mcp_pin_reading_t *reading, uint32_t value,
    bool objects, mcp_pin_t *pin);
static mcp_rc_t mcp_pin_object(mcp_pin_reading_t *reading, uint32_t value,
    mcp_pin_t *pin);
static mcp_rc_t mcp_pin_definition(mcp_pin_reading_t *reading,
    mcp_pin_t *pin);
static mcp_rc_t mcp_pin_members(mcp_pin_reading_t *reading, uint32_t object,
    const mcp_str_t *known, uint32_t count, const char *where);
static mcp_rc_t mcp_pin_read_hash(mcp_pin_reading_t *reading, uint32_t value,
    mcp_pin_t *pin);
static int mcp_pin_digit(uint8_t c);
static mcp_rc_t mcp_pin_name(mcp_pin_reading_t *reading, uint32_t key,
    mcp_str_t *name);
static mcp_rc_t mcp_pin_index(mcp_pin_set_t *set,
    const mcp_allocator_t *allocator);
static uint32_t mcp_pin_slot(const mcp_pin_set_t *set, mcp_str_t name);
static mcp_rc_t mcp_pin_fail(mcp_pin_reading_t *reading, uint32_t token,
    const char *expected);


/* What the hash is about: all that a model reads, nothing else. */
static const mcp_str_t  mcp_pin_defining[] = {
    mcp_str_init("name"), mcp_str_init("title"), mcp_str_init("description"),
    mcp_str_init("inputSchema"), mcp_str_init("outputSchema"),
    mcp_str_init("annotations")
};

#define MCP_PIN_DEFINING                                                      \
    (sizeof(mcp_pin_defining) / sizeof(mcp_pin_defining[0]))


mcp_rc_t
mcp_pin_hash(const mcp_json_t *json, uint32_t tool, mcp_arena_t *arena,
    uint8_t hash[MCP_PIN_HASH])
{
    mcp_rc_t   rc;
    mcp_str_t  text;

    rc = mcp_pin_canonical(json, tool, arena, &text);
    if (rc != MCP_OK) {
        return rc;
    }

    if (EVP_Digest(text.data, text.len, hash, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return MCP_NOMEM;
    }

    return MCP_OK;
}


mcp_rc_t
mcp_pin_canonical(const mcp_json_t *json, uint32_t tool, mcp_arena_t *arena,
    mcp_str_t *text)
{
    if (tool >= json->count || json->tokens[tool].type != MCP_JSON_OBJECT) {
        return MCP_ERROR;
    }

    return mcp_canonical_write(json, tool, mcp_pin_defining,
                               MCP_PIN_DEFINING, arena, text);
}


mcp_rc_t
mcp_pin_read(mcp_pin_set_t *set, mcp_json_t *json, mcp_str_t text,
    const mcp_allocator_t *allocator, mcp_arena_t *arena,
    const uint64_t hash_key[2], mcp_error_t *error)
{
    mcp_rc_t           rc;
    uint32_t           tools;
    mcp_limits_t       limits;
    mcp_pin_reading_t  reading;

    limits.depth = MCP_PIN_DEPTH;
    limits.tokens = MCP_DEFAULT_TOKENS;
    limits.string_length = MCP_DEFAULT_STRING_LENGTH;
    limits.number_length = MCP_DEFAULT_NUMBER_LENGTH;
    limits.batch = MCP_DEFAULT_BATCH;
    memcpy(limits.hash_key, hash_key, sizeof(limits.hash_key));

    rc = mcp_json_parse(json, text, &limits, arena, error);
    if (rc != MCP_OK) {
        return rc;
    }

    if (json->defect != MCP_JSON_VALID) {
        return mcp_error_set(error, (int) json->defect, json->defect_offset,
                             "a name that is there twice or has characters "
                             "that none can have (%s)",
                             mcp_json_code_name(json->defect));
    }

    reading.set = set;
    reading.json = json;
    reading.allocator = allocator;
    reading.arena = arena;
    reading.error = error;

    memcpy(set->hash_key, hash_key, sizeof(set->hash_key));
    set->count = 0;

    tools = MCP_JSON_NONE;       /* the top */

    rc = mcp_pin_top(&reading, &tools);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_pin_tools(&reading, tools, tools != MCP_JSON_NONE);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_pin_index(set, allocator);
}


/* The two forms; "tools" is the token of the object with the names. */
static mcp_rc_t
mcp_pin_top(mcp_pin_reading_t *reading, uint32_t *tools)
{
    uint32_t           version;
    const mcp_json_t  *json;

    static const mcp_str_t  known[] = {
        mcp_str_init("version"), mcp_str_init("tools")
    };

    json = reading->json;

    if (json->tokens[0].type != MCP_JSON_OBJECT) {
        return mcp_pin_fail(reading, 0, "expected an object, {\"version\": "
                                        "1, \"tools\": {...}}");
    }

    *tools = mcp_json_member(json, 0, mcp_str("tools"));
    version = mcp_json_member(json, 0, mcp_str("version"));

    /* a tool may have one of these names */

    if ((*tools == MCP_JSON_NONE
         || json->tokens[*tools].type == MCP_JSON_STRING)
        && (version == MCP_JSON_NONE
            || json->tokens[version].type == MCP_JSON_STRING))
    {
        *tools = MCP_JSON_NONE;
        return MCP_OK;
    }

    if (version != MCP_JSON_NONE
        && !mcp_str_equal(mcp_json_raw(json, version), mcp_str("1")))
    {
        return mcp_pin_fail(reading, version, "unknown \"version\" of the "
                                              "file, expected 1");
    }

    if (*tools == MCP_JSON_NONE
        || json->tokens[*tools].type != MCP_JSON_OBJECT)
    {
        return mcp_pin_fail(reading, *tools, "expected \"tools\": an object "
                                             "with the names of tools");
    }

    return mcp_pin_members(reading, 0, known, 2, "of a pin file");
}


static mcp_rc_t
mcp_pin_tools(mcp_pin_reading_t *reading, uint32_t tools, bool objects)
{
    size_t                   size;
    mcp_rc_t                 rc;
    uint32_t                 i;
    mcp_str_t                name;
    uint8_t                 *copy;
    mcp_pin_t               *pin;
    mcp_pin_set_t           *set;
    const mcp_json_token_t  *t;

    t = reading->json->tokens;
    set = reading->set;

    size = ((size_t) mcp_json_size(reading->json, tools) + 1)
           * sizeof(mcp_pin_t);

    set->pins = reading->allocator->alloc(reading->allocator->data, size);
    if (set->pins == NULL) {
        return MCP_NOMEM;
    }

    for (i = tools + 1; i < t[tools].next; i = t[i + 1].next) {

        rc = mcp_pin_name(reading, i, &name);
        if (rc != MCP_OK) {
            return rc;
        }

        copy = reading->allocator->alloc(reading->allocator->data, name.len);
        if (copy == NULL) {
            return MCP_NOMEM;
        }

        memcpy(copy, name.data, name.len);

        pin = &set->pins[set->count++];
        memset(pin, 0, sizeof(*pin));
        pin->name.data = copy;
        pin->name.len = name.len;

        rc = mcp_pin_tool(reading, i + 1, objects, pin);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_pin_tool(mcp_pin_reading_t *reading, uint32_t value, bool objects,
    mcp_pin_t *pin)
{
    const mcp_json_token_t  *t;

    t = &reading->json->tokens[value];

    if (t->type == MCP_JSON_STRING) {
        return mcp_pin_read_hash(reading, value, pin);
    }

    if (objects && t->type == MCP_JSON_OBJECT) {
        return mcp_pin_object(reading, value, pin);
    }

    return mcp_error_set(reading->error, 0, t->start,
                         "expected the SHA-256 of tool \"%.*s\", 64 "
                         "hexadecimal digits in quotes%s",
                         mcp_pin_shown(pin->name),
                         objects ? ", or an object with \"sha256\"" : "");
}


static mcp_rc_t
mcp_pin_object(mcp_pin_reading_t *reading, uint32_t value, mcp_pin_t *pin)
{
    mcp_rc_t  rc;
    uint32_t  hash;

    static const mcp_str_t  known[] = {
        mcp_str_init("sha256"), mcp_str_init("definition")
    };

    rc = mcp_pin_members(reading, value, known, 2, "of a tool");
    if (rc != MCP_OK) {
        return rc;
    }

    hash = mcp_json_member(reading->json, value, mcp_str("sha256"));

    if (hash == MCP_JSON_NONE) {
        return mcp_error_set(reading->error, 0,
                             reading->json->tokens[value].start,
                             "tool \"%.*s\" has no \"sha256\"",
                             mcp_pin_shown(pin->name));
    }

    rc = mcp_pin_read_hash(reading, hash, pin);
    if (rc != MCP_OK) {
        return rc;
    }

    pin->definition = mcp_json_member(reading->json, value,
                                      mcp_str("definition"));

    return pin->definition == MCP_JSON_NONE
           ? MCP_OK : mcp_pin_definition(reading, pin);
}


/* That it is the one that was hashed: nobody edits what others reviewed. */
static mcp_rc_t
mcp_pin_definition(mcp_pin_reading_t *reading, mcp_pin_t *pin)
{
    char              got[MCP_PIN_HEX];
    size_t            offset;
    uint8_t           hash[MCP_PIN_HASH];
    mcp_rc_t          rc;
    uint32_t          name;
    const mcp_json_t *json;

    json = reading->json;
    offset = json->tokens[pin->definition].start;

    if (json->tokens[pin->definition].type != MCP_JSON_OBJECT) {
        return mcp_pin_fail(reading, pin->definition,
                            "expected \"definition\": an object");
    }

    rc = mcp_pin_members(reading, pin->definition, mcp_pin_defining,
                         MCP_PIN_DEFINING, "of a definition");
    if (rc != MCP_OK) {
        return rc;
    }

    name = mcp_json_member(json, pin->definition, mcp_str("name"));

    if (name == MCP_JSON_NONE
        || !mcp_json_string_equal(json, name, pin->name))
    {
        return mcp_error_set(reading->error, 0, offset,
                             "the definition of tool \"%.*s\" has another "
                             "\"name\" or none", mcp_pin_shown(pin->name));
    }

    rc = mcp_pin_hash(json, pin->definition, reading->arena, hash);

    if (rc == MCP_ERROR) {
        return mcp_error_set(reading->error, 0, offset,
                             "the definition of tool \"%.*s\" has no "
                             "canonical form: a number is too large or a "
                             "string has an unpaired surrogate",
                             mcp_pin_shown(pin->name));
    }

    if (rc == MCP_OK && memcmp(hash, pin->hash, MCP_PIN_HASH) != 0) {
        mcp_pin_hex(hash, got);

        return mcp_error_set(reading->error, 0, offset,
                             "the definition of tool \"%.*s\" is not what "
                             "its \"sha256\" says, but has %.*s",
                             mcp_pin_shown(pin->name), MCP_PIN_HEX, got);
    }

    return rc;
}


static mcp_rc_t
mcp_pin_members(mcp_pin_reading_t *reading, uint32_t object,
    const mcp_str_t *known, uint32_t count, const char *where)
{
    uint32_t                 i, n;
    mcp_str_t                raw;
    const mcp_json_token_t  *t;

    t = reading->json->tokens;

    for (i = object + 1; i < t[object].next; i = t[i + 1].next) {

        for (n = 0; n < count; n++) {
            if (mcp_json_string_equal(reading->json, i, known[n])) {
                break;
            }
        }

        if (n == count) {
            raw = mcp_json_raw(reading->json, i);

            return mcp_error_set(reading->error, 0, t[i].start,
                                 "unknown member %.*s %s",
                                 mcp_pin_shown(raw), where);
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_pin_read_hash(mcp_pin_reading_t *reading, uint32_t value, mcp_pin_t *pin)
{
    int                      high, low;
    unsigned                 i;
    const uint8_t           *p;
    const mcp_json_token_t  *t;

    t = &reading->json->tokens[value];
    p = reading->json->text + t->start;

    if (t->type == MCP_JSON_STRING && t->end - t->start == MCP_PIN_HEX) {

        for (i = 0; i < MCP_PIN_HASH; i++, p += 2) {
            high = mcp_pin_digit(p[0]);
            low = mcp_pin_digit(p[1]);

            if (high < 0 || low < 0) {
                break;
            }

            pin->hash[i] = (uint8_t) (high << 4 | low);
        }

        if (i == MCP_PIN_HASH) {
            return MCP_OK;
        }
    }

    return mcp_error_set(reading->error, 0, t->start,
                         "expected the SHA-256 of tool \"%.*s\", 64 "
                         "hexadecimal digits in quotes",
                         mcp_pin_shown(pin->name));
}


static int
mcp_pin_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static mcp_rc_t
mcp_pin_name(mcp_pin_reading_t *reading, uint32_t key, mcp_str_t *name)
{
    mcp_rc_t  rc;

    rc = mcp_json_string(reading->json, key, reading->arena, name);

    if (rc == MCP_OK && name->len == 0) {
        return mcp_pin_fail(reading, key, "the name of a tool is empty");
    }

    return rc;
}


static mcp_rc_t
mcp_pin_index(mcp_pin_set_t *set, const mcp_allocator_t *allocator)
{
    size_t    size;
    uint32_t  i;

    for (size = 2; size < 2 * (size_t) set->count; size *= 2) { /* void */ }

    set->index = allocator->alloc(allocator->data, size * sizeof(uint32_t));
    if (set->index == NULL) {
        return MCP_NOMEM;
    }

    memset(set->index, 0, size * sizeof(uint32_t));
    set->index_size = (uint32_t) size;

    for (i = 0; i < set->count; i++) {
        set->index[mcp_pin_slot(set, set->pins[i].name)] = i + 1;
    }

    return MCP_OK;
}


const mcp_pin_t *
mcp_pin_find(const mcp_pin_set_t *set, mcp_str_t name)
{
    uint32_t  i;

    i = set->index[mcp_pin_slot(set, name)];

    return i != 0 ? &set->pins[i - 1] : NULL;
}


/* Where the name is, or would be: at most half of the index is taken. */
static uint32_t
mcp_pin_slot(const mcp_pin_set_t *set, mcp_str_t name)
{
    uint32_t  slot, mask;
    uint64_t  hash[2];

    mcp_siphash(set->hash_key, name, hash);

    mask = set->index_size - 1;
    slot = (uint32_t) hash[0] & mask;

    while (set->index[slot] != 0
           && !mcp_str_equal(set->pins[set->index[slot] - 1].name, name))
    {
        slot = (slot + 1) & mask;
    }

    return slot;
}


void
mcp_pin_hex(const uint8_t hash[MCP_PIN_HASH], char hex[MCP_PIN_HEX])
{
    unsigned  i;

    static const char  digits[] = "0123456789abcdef";

    for (i = 0; i < MCP_PIN_HASH; i++) {
        *hex++ = digits[hash[i] >> 4];
        *hex++ = digits[hash[i] & 0x0f];
    }
}


void
mcp_pin_position(mcp_str_t text, size_t offset, unsigned *line,
    unsigned *column)
{
    size_t  i;

    *line = 1;
    *column = 1;

    for (i = 0; i < offset && i < text.len; i++) {
        (*column)++;

        if (text.data[i] == '\n') {
            (*line)++;
            *column = 1;
        }
    }
}


static mcp_rc_t
mcp_pin_fail(mcp_pin_reading_t *reading, uint32_t token,
    const char *expected)
{
    return mcp_error_set(reading->error, 0,
                         reading->json->tokens[token].start, "%s", expected);
}
