/* Values: their types, lengths and equality. */

#include "mcp_schema_private.h"
#include "mcp_siphash.h"


#define MCP_SCHEMA_PAIRS  64         /* elements that are compared in pairs */

/* Two values that are still to be compared. */
typedef struct {
    uint32_t  a;
    uint32_t  b;
} mcp_schema_pair_t;

typedef struct {
    mcp_schema_pair_t  *pairs;
    uint32_t            count;
    uint32_t            capacity;
    mcp_schema_pair_t   few[16];
} mcp_schema_pairs_t;


static mcp_rc_t mcp_schema_equal_scalar(mcp_schema_check_t *check,
    const mcp_json_t *json, uint32_t a, uint32_t b);
static mcp_rc_t mcp_schema_equal_array(mcp_schema_check_t *check,
    const mcp_json_t *json, mcp_schema_pair_t pair,
    mcp_schema_pairs_t *pairs);
static mcp_rc_t mcp_schema_equal_object(mcp_schema_check_t *check,
    const mcp_json_t *json, mcp_schema_pair_t pair,
    mcp_schema_pairs_t *pairs);
static mcp_rc_t mcp_schema_pair_add(mcp_schema_check_t *check,
    mcp_schema_pairs_t *pairs, uint32_t a, uint32_t b);
static mcp_rc_t mcp_schema_unique_few(mcp_schema_check_t *check,
    uint32_t array, uint32_t *twice);
static mcp_rc_t mcp_schema_unique_many(mcp_schema_check_t *check,
    uint32_t array, uint32_t count, uint32_t *twice);
static mcp_rc_t mcp_schema_hash_value(mcp_schema_check_t *check,
    uint32_t value, uint64_t *hash);
static mcp_rc_t mcp_schema_hash_token(mcp_schema_check_t *check,
    uint32_t token, uint64_t *hash);


uint8_t
mcp_schema_type(const mcp_json_t *json, uint32_t value)
{
    const mcp_json_token_t  *t;

    static const uint8_t  types[] = {
        [MCP_JSON_OBJECT] = MCP_SCHEMA_OBJECT,
        [MCP_JSON_ARRAY] = MCP_SCHEMA_ARRAY,
        [MCP_JSON_STRING] = MCP_SCHEMA_STRING,
        [MCP_JSON_NUMBER] = MCP_SCHEMA_FRACTION,
        [MCP_JSON_TRUE] = MCP_SCHEMA_BOOLEAN,
        [MCP_JSON_FALSE] = MCP_SCHEMA_BOOLEAN,
        [MCP_JSON_NULL] = MCP_SCHEMA_NULL
    };

    t = &json->tokens[value];

    if (t->type == MCP_JSON_NUMBER
        && ((t->flags & MCP_JSON_INTEGER)
            || mcp_decimal_integral(mcp_json_raw(json, value))))
    {
        return MCP_SCHEMA_INTEGER;
    }

    return types[t->type];
}


/* A pair of surrogates is one, an unpaired one is one as well. */

uint64_t
mcp_schema_length(const mcp_json_t *json, uint32_t value)
{
    bool            high;
    uint64_t        length;
    const uint8_t  *p, *end;

    p = json->text + json->tokens[value].start;
    end = json->text + json->tokens[value].end;
    length = 0;
    high = false;

    while (p < end) {
        if (*p != '\\') {
            length += ((*p & 0xc0) != 0x80);
            high = false;
            p++;
            continue;
        }

        if (p[1] != 'u') {
            length++;
            high = false;
            p += 2;
            continue;
        }

        /* D800 to DBFF, and DC00 to DFFF after it */

        if (high && (p[2] | 0x20) == 'd' && (p[3] | 0x20) >= 'c') {
            high = false;

        } else {
            length++;
            high = (p[2] | 0x20) == 'd' && p[3] >= '8'
                   && (p[3] | 0x20) <= 'b';
        }

        p += 6;
    }

    return length;
}


mcp_rc_t
mcp_schema_equal(mcp_schema_check_t *check, const mcp_json_t *json,
    uint32_t a, uint32_t b)
{
    mcp_rc_t                 rc;
    mcp_schema_pair_t        pair;
    mcp_schema_pairs_t       pairs;
    const mcp_json_token_t  *ta, *tb;

    pairs.pairs = pairs.few;
    pairs.capacity = sizeof(pairs.few) / sizeof(pairs.few[0]);
    pairs.pairs[0] = (mcp_schema_pair_t) { a, b };
    pairs.count = 1;

    while (pairs.count > 0) {
        pair = pairs.pairs[--pairs.count];
        ta = &json->tokens[pair.a];
        tb = &check->json->tokens[pair.b];

        if (!mcp_schema_charge(check, 1)) {
            return MCP_ERROR;
        }

        if (ta->type != tb->type) {
            return MCP_NO;
        }

        switch (ta->type) {

        case MCP_JSON_OBJECT:
            rc = mcp_schema_equal_object(check, json, pair, &pairs);
            break;

        case MCP_JSON_ARRAY:
            rc = mcp_schema_equal_array(check, json, pair, &pairs);
            break;

        default:
            rc = mcp_schema_equal_scalar(check, json, pair.a, pair.b);
            break;
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* Of the same type. */

static mcp_rc_t
mcp_schema_equal_scalar(mcp_schema_check_t *check, const mcp_json_t *json,
    uint32_t a, uint32_t b)
{
    int                      order;
    const mcp_json_token_t  *t;

    t = &check->json->tokens[b];

    if (!mcp_schema_charge(check, (t->end - t->start) / 64)) {
        return MCP_ERROR;
    }

    if (t->type == MCP_JSON_STRING) {
        return mcp_json_strings_equal(json, a, check->json, b) ? MCP_OK
                                                               : MCP_NO;
    }

    if (t->type == MCP_JSON_NUMBER) {
        if (mcp_decimal_compare(mcp_json_raw(json, a),
                                mcp_json_raw(check->json, b), &order)
            != MCP_OK)
        {
            return MCP_ERROR;
        }

        return (order == 0) ? MCP_OK : MCP_NO;
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_equal_array(mcp_schema_check_t *check, const mcp_json_t *json,
    mcp_schema_pair_t pair, mcp_schema_pairs_t *pairs)
{
    uint32_t                 a, b;
    mcp_rc_t                 rc;
    const mcp_json_token_t  *ta, *tb;

    ta = json->tokens;
    tb = check->json->tokens;
    a = pair.a + 1;
    b = pair.b + 1;

    while (a < ta[pair.a].next && b < tb[pair.b].next) {
        if (ta[a].type != tb[b].type) {
            return MCP_NO;
        }

        rc = (ta[a].type > MCP_JSON_ARRAY)
             ? mcp_schema_equal_scalar(check, json, a, b)
             : mcp_schema_pair_add(check, pairs, a, b);

        if (rc != MCP_OK) {
            return rc;
        }

        if (!mcp_schema_charge(check, 1)) {
            return MCP_ERROR;
        }

        a = ta[a].next;
        b = tb[b].next;
    }

    return (a == ta[pair.a].next && b == tb[pair.b].next) ? MCP_OK : MCP_NO;
}


/*
 * Looks for each name where the last one was found: of equal objects the
 * members are mostly in the same order.
 */

static mcp_rc_t
mcp_schema_equal_object(mcp_schema_check_t *check, const mcp_json_t *json,
    mcp_schema_pair_t pair, mcp_schema_pairs_t *pairs)
{
    uint32_t                 a, b, start, end, tried, count;
    mcp_rc_t                 rc;
    const mcp_json_token_t  *ta, *tb;

    ta = json->tokens;
    tb = check->json->tokens;
    end = tb[pair.b].next;
    count = mcp_json_size(check->json, pair.b);

    if (!mcp_schema_charge(check, count)) {
        return MCP_ERROR;
    }

    if (mcp_json_size(json, pair.a) != count) {
        return MCP_NO;
    }

    start = pair.b + 1;

    for (a = pair.a + 1; a < ta[pair.a].next; a = ta[a + 1].next) {
        b = start;

        for (tried = 0; tried < count; tried++) {
            if (!mcp_schema_charge(check, 1)) {
                return MCP_ERROR;
            }

            if (mcp_json_strings_equal(json, a, check->json, b)) {
                break;
            }

            b = (tb[b + 1].next < end) ? tb[b + 1].next : pair.b + 1;
        }

        if (tried == count) {
            return MCP_NO;
        }

        rc = mcp_schema_pair_add(check, pairs, a + 1, b + 1);

        if (rc != MCP_OK) {
            return rc;
        }

        start = (tb[b + 1].next < end) ? tb[b + 1].next : pair.b + 1;
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_pair_add(mcp_schema_check_t *check, mcp_schema_pairs_t *pairs,
    uint32_t a, uint32_t b)
{
    size_t              size;
    mcp_schema_pair_t  *grown;

    if (pairs->count == pairs->capacity) {
        size = pairs->capacity * sizeof(mcp_schema_pair_t);
        grown = mcp_arena_alloc(check->arena, 2 * size);

        if (grown == NULL) {
            return MCP_NOMEM;
        }

        memcpy(grown, pairs->pairs, size);
        pairs->pairs = grown;
        pairs->capacity *= 2;
    }

    pairs->pairs[pairs->count++] = (mcp_schema_pair_t) { a, b };

    return MCP_OK;
}


mcp_rc_t
mcp_schema_unique(mcp_schema_check_t *check, uint32_t array,
    uint32_t *twice)
{
    uint32_t  count;

    count = mcp_json_size(check->json, array);

    if (!mcp_schema_charge(check, count)) {
        return MCP_ERROR;
    }

    return (count <= MCP_SCHEMA_PAIRS)
           ? mcp_schema_unique_few(check, array, twice)
           : mcp_schema_unique_many(check, array, count, twice);
}


static mcp_rc_t
mcp_schema_unique_few(mcp_schema_check_t *check, uint32_t array,
    uint32_t *twice)
{
    mcp_rc_t                 rc;
    uint32_t                 a, b;
    const mcp_json_token_t  *t;

    t = check->json->tokens;

    for (b = array + 1; b < t[array].next; b = t[b].next) {
        for (a = array + 1; a < b; a = t[a].next) {
            rc = mcp_schema_equal(check, check->json, a, b);

            if (rc == MCP_OK) {
                *twice = b;
                return MCP_NO;
            }

            if (rc != MCP_NO) {
                return rc;
            }
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_unique_many(mcp_schema_check_t *check, uint32_t array,
    uint32_t count, uint32_t *twice)
{
    mcp_rc_t                 rc;
    uint32_t                 i, size, slot, *slots;
    uint64_t                 hash;
    const mcp_json_token_t  *t;

    t = check->json->tokens;

    for (size = 256; size / 2 < count; size *= 2) {
        /* void */
    }

    slots = mcp_arena_calloc(check->arena, (size_t) size * sizeof(uint32_t));

    if (slots == NULL) {
        return MCP_NOMEM;
    }

    for (i = array + 1; i < t[array].next; i = t[i].next) {
        rc = mcp_schema_hash_value(check, i, &hash);

        if (rc != MCP_OK) {
            return rc;
        }

        for (slot = (uint32_t) hash & (size - 1); slots[slot] != 0;
             slot = (slot + 1) & (size - 1))
        {
            rc = mcp_schema_equal(check, check->json, slots[slot], i);

            if (rc == MCP_OK) {
                *twice = i;
                return MCP_NO;
            }

            if (rc != MCP_NO) {
                return rc;
            }
        }

        slots[slot] = i;
    }

    return MCP_OK;
}


/*
 * The same for equal values: a sum over all that is in the value, as members
 * come in any order.  Places count where there are no members.
 */

static mcp_rc_t
mcp_schema_hash_value(mcp_schema_check_t *check, uint32_t value,
    uint64_t *hash)
{
    bool                     members;
    mcp_rc_t                 rc;
    uint32_t                 i;
    uint64_t                 token, placed;
    const mcp_json_token_t  *t;

    t = check->json->tokens;
    *hash = 0;
    placed = 0;
    members = false;

    for (i = value; i < t[value].next; i++) {
        rc = mcp_schema_hash_token(check, i, &token);

        if (rc != MCP_OK) {
            return rc;
        }

        *hash += token;
        placed = (placed ^ token) * UINT64_C(0x9e3779b97f4a7c15);
        members |= (t[i].type == MCP_JSON_OBJECT);
    }

    if (!members) {
        *hash = placed ^ placed >> 32;
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_schema_hash_token(mcp_schema_check_t *check, uint32_t token,
    uint64_t *hash)
{
    size_t                   length;
    uint8_t                  digits[MCP_DECIMAL_CANONICAL_MAX];
    uint64_t                 out[2];
    mcp_rc_t                 rc;
    mcp_str_t                bytes;
    const mcp_json_token_t  *t;

    t = &check->json->tokens[token];
    bytes = mcp_str("");

    if (!mcp_schema_charge(check, 1 + (t->type > MCP_JSON_ARRAY
                                       ? (t->end - t->start) / 64 : 0)))
    {
        return MCP_ERROR;
    }

    switch (t->type) {

    case MCP_JSON_STRING:
        rc = mcp_json_string(check->json, token, check->arena, &bytes);

        /* what has no spelling shares one hash */

        if (rc == MCP_NOMEM) {
            return rc;
        }

        break;

    case MCP_JSON_NUMBER:
        if (mcp_decimal_canonical(mcp_json_raw(check->json, token), digits,
                                  &length)
            == MCP_OK)
        {
            bytes = (mcp_str_t) { digits, length };
        }

        break;

    default:
        break;
    }

    mcp_siphash(check->schema->hash_key, bytes, out);
    *hash = out[0] + ((uint64_t) t->type + 8u * (t->flags & MCP_JSON_KEY))
                     * UINT64_C(0xd6e8feb86659fd93);

    return MCP_OK;
}
