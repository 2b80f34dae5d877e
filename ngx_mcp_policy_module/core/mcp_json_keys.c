#include "mcp_json_keys.h"
#include "mcp_siphash.h"

/* Comparing pairs is quadratic: for no more than this. */
#define MCP_JSON_KEYS_PAIRWISE  32

/* Of a set of signatures; far above what an honest one takes. */
#define MCP_JSON_KEYS_STEPS     8


static bool mcp_json_keys_distinct(uint32_t *signatures, uint32_t count);
static bool mcp_json_keys_distinct_set(const mcp_json_keys_t *keys,
    const uint32_t *signatures, uint32_t count);
static mcp_rc_t mcp_json_keys_hash_all(mcp_json_keys_t *keys,
    mcp_json_t *json, uint32_t object, uint32_t count);
static mcp_rc_t mcp_json_keys_reserve_buckets(mcp_json_keys_t *keys,
    size_t count);
static mcp_rc_t mcp_json_keys_reserve_entries(mcp_json_keys_t *keys,
    size_t count);
static mcp_rc_t mcp_json_keys_hash(mcp_json_keys_t *keys,
    const mcp_json_t *json, uint32_t token, uint64_t *hash);


void
mcp_json_keys_init(mcp_json_keys_t *keys, const mcp_limits_t *limits,
    mcp_arena_t *arena)
{
    keys->signatures = keys->initial;
    keys->signatures_end = keys->initial + MCP_JSON_KEYS_INITIAL;
    keys->hash_key = limits->hash_key;
    keys->arena = arena;
    keys->entries = NULL;
    keys->buckets = NULL;
    keys->entry_capacity = 0;
    keys->bucket_capacity = 0;
    keys->unescaped = NULL;
    keys->unescaped_capacity = 0;
}


uint32_t *
mcp_json_keys_grow(mcp_json_keys_t *keys)
{
    size_t     count;
    uint32_t  *signatures;

    count = (size_t) (keys->signatures_end - keys->signatures);

    signatures = mcp_arena_alloc(keys->arena,
                                 (count * 4 + MCP_JSON_KEYS_PAD)
                                 * sizeof(uint32_t));
    if (signatures == NULL) {
        return NULL;
    }

    memcpy(signatures, keys->signatures, count * sizeof(uint32_t));

    keys->signatures = signatures;
    keys->signatures_end = signatures + count * 4;

    return signatures + count;
}


mcp_rc_t
mcp_json_keys_check(mcp_json_keys_t *keys, mcp_json_t *json, uint32_t object,
    uint32_t base, uint32_t count, bool escaped)
{
    uint32_t  *signatures;

    if (json->defect != MCP_JSON_VALID
        && json->defect_offset < json->tokens[object].start)
    {
        return MCP_OK;
    }

    signatures = keys->signatures + base;

    if (!escaped && count <= MCP_JSON_KEYS_PAIRWISE
        && mcp_json_keys_distinct(signatures, count))
    {
        return MCP_OK;
    }

    if (mcp_json_keys_reserve_buckets(keys, count) != MCP_OK) {
        return MCP_NOMEM;
    }

    if (!escaped && count > MCP_JSON_KEYS_PAIRWISE
        && mcp_json_keys_distinct_set(keys, signatures, count))
    {
        return MCP_OK;
    }

    return mcp_json_keys_hash_all(keys, json, object, count);
}


/* As mcp_json_keys_distinct8, for more. */
static bool
mcp_json_keys_distinct(uint32_t *signatures, uint32_t count)
{
    uint32_t         i, j;
    mcp_json_four_t  one, equal;

    mcp_json_keys_pad(signatures, count);
    memset(&equal, 0, sizeof(equal));

    for (i = 0; i + 1 < count; i++) {
        one = (mcp_json_four_t) { signatures[i], signatures[i],
                                  signatures[i], signatures[i] };

        for (j = i + 1; j < count; j += 4) {
            equal |= (mcp_json_four_t)
                     (mcp_json_load_four(signatures + j) == one);
        }
    }

    return mcp_json_is_zero(equal);
}


/* As mcp_json_keys_distinct, for any number of them. */
static bool
mcp_json_keys_distinct_set(const mcp_json_keys_t *keys,
    const uint32_t *signatures, uint32_t count)
{
    size_t     slot, mask, steps;
    uint32_t   n, signature;
    unsigned   bits;
    uint32_t  *set;

    for (bits = 1; (size_t) 1 << bits < 2 * (size_t) count; bits++) {
        /* void */
    }

    set = keys->buckets;
    mask = ((size_t) 1 << bits) - 1;
    steps = (size_t) count * MCP_JSON_KEYS_STEPS;

    memset(set, 0, (mask + 1) * sizeof(uint32_t));

    for (n = 0; n < count; n++) {
        signature = signatures[n] | 1;

        /* the high bits are the better mixed ones */
        slot = (size_t) ((uint64_t) signature << bits >> 32);

        while (set[slot] != 0) {

            if (set[slot] == signature || steps-- == 0) {
                return false;
            }

            slot = (slot + 1) & mask;
        }

        set[slot] = signature;
    }

    return true;
}


/* The slow way, which nobody can aim at and which compares the keys. */
static mcp_rc_t
mcp_json_keys_hash_all(mcp_json_keys_t *keys, mcp_json_t *json,
    uint32_t object, uint32_t count)
{
    size_t                   bucket, mask;
    uint32_t                 token, other, n;
    uint64_t                 hash;
    mcp_json_key_entry_t    *entry;
    const mcp_json_token_t  *tokens;

    if (mcp_json_keys_reserve_entries(keys, count) != MCP_OK) {
        return MCP_NOMEM;
    }

    tokens = json->tokens;
    token = object + 1;

    for (mask = 1; mask < count; mask *= 2) { /* void */ }

    memset(keys->buckets, 0, mask * sizeof(uint32_t));
    mask--;

    for (n = 0; n < count; n++) {

        if (mcp_json_keys_hash(keys, json, token, &hash) != MCP_OK) {
            return MCP_NOMEM;
        }

        bucket = (size_t) hash & mask;

        for (other = keys->buckets[bucket]; other != 0; other = entry->next) {
            entry = &keys->entries[other - 1];

            if (entry->hash == hash
                && mcp_json_keys_equal(json, entry->token, token))
            {
                mcp_json_set_defect(json, MCP_JSON_DUPLICATE_KEY,
                                    tokens[token].start);
                return MCP_OK;
            }
        }

        entry = &keys->entries[n];
        entry->hash = hash;
        entry->token = token;
        entry->next = keys->buckets[bucket];
        keys->buckets[bucket] = n + 1;

        token = tokens[token + 1].next;
    }

    return MCP_OK;
}


/* Two buckets for each of "count" keys, or more. */
static mcp_rc_t
mcp_json_keys_reserve_buckets(mcp_json_keys_t *keys, size_t count)
{
    size_t  capacity;

    if (count <= keys->bucket_capacity) {
        return MCP_OK;
    }

    for (capacity = 64; capacity < count; capacity *= 2) { /* void */ }

    keys->buckets = mcp_arena_alloc(keys->arena,
                                    2 * capacity * sizeof(uint32_t));

    if (keys->buckets == NULL) {
        return MCP_NOMEM;
    }

    keys->bucket_capacity = capacity;

    return MCP_OK;
}


static mcp_rc_t
mcp_json_keys_reserve_entries(mcp_json_keys_t *keys, size_t count)
{
    size_t  capacity;

    if (count <= keys->entry_capacity) {
        return MCP_OK;
    }

    for (capacity = 64; capacity < count; capacity *= 2) { /* void */ }

    keys->entries = mcp_arena_alloc(keys->arena,
                                    capacity * sizeof(mcp_json_key_entry_t));

    if (keys->entries == NULL) {
        return MCP_NOMEM;
    }

    keys->entry_capacity = capacity;

    return MCP_OK;
}


static mcp_rc_t
mcp_json_keys_hash(mcp_json_keys_t *keys, const mcp_json_t *json,
    uint32_t token, uint64_t *hash)
{
    size_t                   capacity;
    uint64_t                 out[2];
    mcp_str_t                key;
    const mcp_json_token_t  *t;

    t = &json->tokens[token];
    key.data = json->text + t->start;
    key.len = t->end - t->start;

    if (t->flags & MCP_JSON_ESCAPED) {

        if (key.len > keys->unescaped_capacity) {

            for (capacity = 256; capacity < key.len; capacity *= 2) {
                /* void */
            }

            keys->unescaped = mcp_arena_alloc(keys->arena, capacity);

            if (keys->unescaped == NULL) {
                return MCP_NOMEM;
            }

            keys->unescaped_capacity = capacity;
        }

        key.len = (size_t) (mcp_json_unescape(keys->unescaped, key.data,
                                              key.data + key.len)
                            - keys->unescaped);
        key.data = keys->unescaped;
    }

    mcp_siphash(keys->hash_key, key, out);
    *hash = out[0];

    return MCP_OK;
}
