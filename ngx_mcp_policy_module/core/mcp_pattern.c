#include "mcp_pattern.h"


typedef enum {
    MCP_PATTERN_EXACT,
    MCP_PATTERN_GLOB,
    MCP_PATTERN_STAR,
    MCP_PATTERN_REGEX
} mcp_pattern_kind_t;

typedef struct {
    mcp_str_t            text;       /* as written */
    void                *value;
    mcp_regex_t         *regex;
    mcp_pattern_kind_t   kind;
    uint32_t             literals;   /* bytes of a glob that are no "*" */
} mcp_pattern_t;

/* The hash saves a look at the pattern where it differs; 0 is free. */
typedef struct {
    uint32_t  hash;
    uint32_t  number;                /* of the pattern, from 1 */
} mcp_pattern_slot_t;

struct mcp_pattern_set_s {
    mcp_allocator_t      allocator;
    uint64_t             hash_key[2];
    mcp_pattern_t       *patterns;   /* in the order added */
    uint32_t             count;
    uint32_t             allocated;
    mcp_pattern_slot_t  *slots;      /* of all patterns as written */
    uint32_t             slot_mask;  /* slots are a power of 2, half free */
    uint32_t            *globs;      /* by literal length, once frozen */
    uint32_t             glob_count;
    uint32_t            *regexes;    /* in the order added, once frozen */
    uint32_t             regex_count;
    uint32_t             star;       /* number of the lone "*", or 0 */
    bool                 frozen;
};

#define MCP_PATTERN_INITIAL  8
#define MCP_PATTERN_MAX      (1u << 24)

#define MCP_PATTERN_FACTOR   UINT64_C(0x9e3779b97f4a7c15)


static mcp_rc_t mcp_pattern_init(mcp_pattern_t *entry, mcp_str_t pattern,
    mcp_error_t *error);
static mcp_rc_t mcp_pattern_init_glob(mcp_pattern_t *entry, mcp_str_t pattern,
    mcp_error_t *error);
static mcp_rc_t mcp_pattern_set_grow(mcp_pattern_set_t *set);
static void mcp_pattern_set_insert(mcp_pattern_set_t *set,
    mcp_pattern_slot_t *slots, uint32_t mask, uint32_t number);
static void mcp_pattern_set_sort(mcp_pattern_set_t *set);
static const mcp_pattern_t *mcp_pattern_set_lookup(
    const mcp_pattern_set_t *set, mcp_str_t text);
static void mcp_pattern_set_release(const mcp_pattern_set_t *set, void *p);
static uint32_t mcp_pattern_hash(const mcp_pattern_set_t *set,
    mcp_str_t text);
static inline uint64_t mcp_pattern_mix(uint64_t hash, uint64_t word);
static inline uint64_t mcp_pattern_word(const uint8_t *p);
static inline uint64_t mcp_pattern_short_word(const uint8_t *p, size_t len);
static bool mcp_pattern_set_covers(const mcp_pattern_set_t *set,
    mcp_str_t glob, const mcp_pattern_t *self, uint32_t literals);
static bool mcp_pattern_regex_to_glob(mcp_str_t regex, uint8_t *glob,
    size_t *length);


bool
mcp_glob_match(mcp_str_t glob, mcp_str_t name)
{
    bool    star;
    size_t  g, n, after, from;

    g = 0;
    n = 0;
    star = false;
    after = 0;
    from = 0;

    /* only the last "*" ever has to be given more */

    while (n < name.len) {
        if (g < glob.len && glob.data[g] == '*') {
            star = true;
            after = ++g;
            from = n;
            continue;
        }

        if (g < glob.len && glob.data[g] == name.data[n]) {
            g++;
            n++;
            continue;
        }

        if (!star) {
            return false;
        }

        g = after;
        n = ++from;
    }

    while (g < glob.len && glob.data[g] == '*') {
        g++;
    }

    return g == glob.len;
}


mcp_pattern_set_t *
mcp_pattern_set_create(const mcp_allocator_t *allocator,
    const uint64_t hash_key[2])
{
    mcp_pattern_set_t  *set;

    set = allocator->alloc(allocator->data, sizeof(mcp_pattern_set_t));

    if (set == NULL) {
        return NULL;
    }

    memset(set, 0, sizeof(mcp_pattern_set_t));
    set->allocator = *allocator;
    memcpy(set->hash_key, hash_key, sizeof(set->hash_key));

    return set;
}


void
mcp_pattern_set_free(mcp_pattern_set_t *set)
{
    uint32_t         i;
    mcp_allocator_t  allocator;

    if (set == NULL) {
        return;
    }

    for (i = 0; i < set->count; i++) {
        mcp_regex_free(set->patterns[i].regex);
        mcp_pattern_set_release(set, (void *) set->patterns[i].text.data);
    }

    mcp_pattern_set_release(set, set->patterns);
    mcp_pattern_set_release(set, set->slots);
    mcp_pattern_set_release(set, set->globs);

    allocator = set->allocator;

    if (allocator.free != NULL) {
        allocator.free(allocator.data, set);
    }
}


static void
mcp_pattern_set_release(const mcp_pattern_set_t *set, void *p)
{
    if (p != NULL && set->allocator.free != NULL) {
        set->allocator.free(set->allocator.data, p);
    }
}


mcp_rc_t
mcp_pattern_set_add(mcp_pattern_set_t *set, mcp_str_t pattern, void **value,
    mcp_error_t *error)
{
    uint8_t              *copy;
    mcp_rc_t              rc;
    mcp_pattern_t        *entry;
    const mcp_pattern_t  *earlier;

    if (set->frozen) {
        return mcp_error_set(error, 0, 0, "the set of patterns is complete");
    }

    if (pattern.len == 0) {
        return mcp_error_set(error, 0, 0, "empty pattern");
    }

    earlier = mcp_pattern_set_lookup(set, pattern);

    if (earlier != NULL) {
        *value = earlier->value;
        return MCP_NO;
    }

    if (set->count == set->allocated) {
        rc = mcp_pattern_set_grow(set);

        if (rc != MCP_OK) {
            return rc;
        }
    }

    entry = &set->patterns[set->count];
    memset(entry, 0, sizeof(mcp_pattern_t));
    rc = mcp_pattern_init(entry, pattern, error);

    if (rc != MCP_OK) {
        return rc;
    }

    copy = set->allocator.alloc(set->allocator.data, pattern.len);

    if (copy == NULL) {
        mcp_regex_free(entry->regex);
        return MCP_NOMEM;
    }

    memcpy(copy, pattern.data, pattern.len);
    entry->text = (mcp_str_t) { copy, pattern.len };
    entry->value = *value;

    set->count++;
    mcp_pattern_set_insert(set, set->slots, set->slot_mask, set->count);

    switch (entry->kind) {

    case MCP_PATTERN_GLOB:
        set->glob_count++;
        break;

    case MCP_PATTERN_REGEX:
        set->regex_count++;
        break;

    case MCP_PATTERN_STAR:
        set->star = set->count;
        break;

    case MCP_PATTERN_EXACT:
        break;
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_pattern_init(mcp_pattern_t *entry, mcp_str_t pattern, mcp_error_t *error)
{
    bool       caseless;
    mcp_str_t  regex;

    if (pattern.data[0] != '~') {
        return mcp_pattern_init_glob(entry, pattern, error);
    }

    caseless = (pattern.len > 1 && pattern.data[1] == '*');
    regex.data = pattern.data + (caseless ? 2 : 1);
    regex.len = pattern.len - (caseless ? 2 : 1);

    if (regex.len == 0) {
        return mcp_error_set(error, 0, 0,
                             "empty regex, write \"*\" for any name");
    }

    entry->kind = MCP_PATTERN_REGEX;
    entry->regex = mcp_regex_compile(regex, caseless, error);

    return (entry->regex != NULL) ? MCP_OK : MCP_ERROR;
}


static mcp_rc_t
mcp_pattern_init_glob(mcp_pattern_t *entry, mcp_str_t pattern,
    mcp_error_t *error)
{
    size_t  i, stars;

    stars = 0;

    for (i = 0; i < pattern.len; i++) {
        if (pattern.data[i] != '*') {
            continue;
        }

        if (i > 0 && pattern.data[i - 1] == '*') {
            return mcp_error_set(error, 0, i, "\"**\" in a pattern, write "
                                 "\"*\", which matches \"/\" too");
        }

        stars++;
    }

    if (stars == 0) {
        entry->kind = MCP_PATTERN_EXACT;
        return MCP_OK;
    }

    if (pattern.len > MCP_GLOB_MAX) {
        return mcp_error_set(error, 0, MCP_GLOB_MAX,
                             "pattern of %zu bytes is longer than %d",
                             pattern.len, MCP_GLOB_MAX);
    }

    entry->kind = (pattern.len == 1) ? MCP_PATTERN_STAR : MCP_PATTERN_GLOB;
    entry->literals = (uint32_t) (pattern.len - stars);

    return MCP_OK;
}


static mcp_rc_t
mcp_pattern_set_grow(mcp_pattern_set_t *set)
{
    uint32_t             i, allocated, mask;
    mcp_pattern_t       *patterns;
    mcp_pattern_slot_t  *slots;

    if (set->allocated >= MCP_PATTERN_MAX) {
        return MCP_NOMEM;
    }

    allocated = set->allocated ? set->allocated * 2 : MCP_PATTERN_INITIAL;
    mask = allocated * 2 - 1;

    patterns = set->allocator.alloc(set->allocator.data,
                                    allocated * sizeof(mcp_pattern_t));

    if (patterns == NULL) {
        return MCP_NOMEM;
    }

    slots = set->allocator.alloc(set->allocator.data, ((size_t) mask + 1)
                                 * sizeof(mcp_pattern_slot_t));

    if (slots == NULL) {
        mcp_pattern_set_release(set, patterns);
        return MCP_NOMEM;
    }

    if (set->count > 0) {
        memcpy(patterns, set->patterns, set->count * sizeof(mcp_pattern_t));
    }

    mcp_pattern_set_release(set, set->patterns);
    mcp_pattern_set_release(set, set->slots);

    memset(slots, 0, ((size_t) mask + 1) * sizeof(mcp_pattern_slot_t));
    set->patterns = patterns;
    set->allocated = allocated;
    set->slots = slots;
    set->slot_mask = mask;

    for (i = 1; i <= set->count; i++) {
        mcp_pattern_set_insert(set, slots, mask, i);
    }

    return MCP_OK;
}


static void
mcp_pattern_set_insert(mcp_pattern_set_t *set, mcp_pattern_slot_t *slots,
    uint32_t mask, uint32_t number)
{
    uint32_t  hash, i;

    hash = mcp_pattern_hash(set, set->patterns[number - 1].text);

    for (i = hash & mask; slots[i].number != 0; i = (i + 1) & mask) {
        /* void */
    }

    slots[i].hash = hash;
    slots[i].number = number;
}


mcp_rc_t
mcp_pattern_set_freeze(mcp_pattern_set_t *set)
{
    size_t     size;
    uint32_t  *order;

    if (set->frozen) {
        return MCP_OK;
    }

    size = ((size_t) set->glob_count + set->regex_count) * sizeof(uint32_t);

    if (size > 0) {
        order = set->allocator.alloc(set->allocator.data, size);

        if (order == NULL) {
            return MCP_NOMEM;
        }

        set->globs = order;
        set->regexes = order + set->glob_count;
        mcp_pattern_set_sort(set);
    }

    set->frozen = true;

    return MCP_OK;
}


/* By literal length, the longest first; equal ones as they were added. */

static void
mcp_pattern_set_sort(mcp_pattern_set_t *set)
{
    uint32_t              i, k, regexes, places[MCP_GLOB_MAX + 1];
    const mcp_pattern_t  *pattern;

    memset(places, 0, sizeof(places));

    for (i = 0; i < set->count; i++) {
        pattern = &set->patterns[i];

        if (pattern->kind == MCP_PATTERN_GLOB) {
            for (k = 0; k < pattern->literals; k++) {
                places[k]++;
            }
        }
    }

    regexes = 0;

    for (i = 0; i < set->count; i++) {
        pattern = &set->patterns[i];

        if (pattern->kind == MCP_PATTERN_GLOB) {
            set->globs[places[pattern->literals]++] = i;

        } else if (pattern->kind == MCP_PATTERN_REGEX) {
            set->regexes[regexes++] = i;
        }
    }
}


mcp_rc_t
mcp_pattern_set_find(const mcp_pattern_set_t *set, mcp_str_t name,
    mcp_pattern_match_t *match)
{
    mcp_rc_t              rc;
    uint32_t              i;
    const mcp_pattern_t  *pattern;

    if (!set->frozen) {
        return MCP_ERROR;
    }

    pattern = mcp_pattern_set_lookup(set, name);

    if (pattern != NULL && pattern->kind == MCP_PATTERN_EXACT) {
        goto found;
    }

    for (i = 0; i < set->glob_count; i++) {
        pattern = &set->patterns[set->globs[i]];

        if (mcp_glob_match(pattern->text, name)) {
            goto found;
        }
    }

    for (i = 0; i < set->regex_count; i++) {
        pattern = &set->patterns[set->regexes[i]];
        rc = mcp_regex_match(pattern->regex, name);

        if (rc == MCP_OK) {
            goto found;
        }

        if (rc != MCP_NO) {
            return rc;
        }
    }

    return MCP_NO;

found:

    match->value = pattern->value;
    match->pattern = pattern->text;
    match->exact = (pattern->kind == MCP_PATTERN_EXACT);

    return MCP_OK;
}


bool
mcp_pattern_set_has(const mcp_pattern_set_t *set, mcp_str_t name)
{
    const mcp_pattern_t  *pattern;

    pattern = mcp_pattern_set_lookup(set, name);

    return pattern != NULL && pattern->kind == MCP_PATTERN_EXACT;
}


mcp_rc_t
mcp_pattern_set_star(const mcp_pattern_set_t *set, mcp_pattern_match_t *match)
{
    const mcp_pattern_t  *pattern;

    if (set->star == 0) {
        return MCP_NO;
    }

    pattern = &set->patterns[set->star - 1];
    match->value = pattern->value;
    match->pattern = pattern->text;
    match->exact = false;

    return MCP_OK;
}


mcp_rc_t
mcp_pattern_set_next(const mcp_pattern_set_t *set, uint32_t *position,
    mcp_pattern_match_t *match)
{
    const mcp_pattern_t  *pattern;

    while (*position < set->count) {
        pattern = &set->patterns[(*position)++];

        if (pattern->kind == MCP_PATTERN_EXACT
            || pattern->kind == MCP_PATTERN_GLOB)
        {
            match->value = pattern->value;
            match->pattern = pattern->text;
            match->exact = (pattern->kind == MCP_PATTERN_EXACT);
            return MCP_OK;
        }
    }

    return MCP_NO;
}


uint32_t
mcp_pattern_set_count(const mcp_pattern_set_t *set)
{
    return set->count;
}


/* A pattern of any kind by what was written. */

static const mcp_pattern_t *
mcp_pattern_set_lookup(const mcp_pattern_set_t *set, mcp_str_t text)
{
    uint32_t                   hash, i;
    const mcp_pattern_t       *pattern;
    const mcp_pattern_slot_t  *slot;

    if (set->count == 0) {
        return NULL;
    }

    hash = mcp_pattern_hash(set, text);

    for (i = hash & set->slot_mask; ; i = (i + 1) & set->slot_mask) {
        slot = &set->slots[i];

        if (slot->number == 0) {
            return NULL;
        }

        if (slot->hash == hash) {
            pattern = &set->patterns[slot->number - 1];

            if (mcp_str_equal(pattern->text, text)) {
                return pattern;
            }
        }
    }
}


/*
 * Cheap rather than strong: what is in the set was written by the operator,
 * so that a client can at most find the longest run of slots, and the key
 * keeps it from knowing where that is.
 */

static uint32_t
mcp_pattern_hash(const mcp_pattern_set_t *set, mcp_str_t text)
{
    size_t          len;
    uint64_t        hash;
    const uint8_t  *p;

    p = text.data;
    len = text.len;
    hash = set->hash_key[0] ^ (len * MCP_PATTERN_FACTOR);

    if (len < 8) {
        hash = mcp_pattern_mix(hash, mcp_pattern_short_word(p, len));

    } else {
        for ( /* void */ ; len > 8; p += 8, len -= 8) {
            hash = mcp_pattern_mix(hash, mcp_pattern_word(p));
        }

        /* the last eight, some of them for the second time */

        hash = mcp_pattern_mix(hash, mcp_pattern_word(p + len - 8));
    }

    hash = mcp_pattern_mix(hash, set->hash_key[1]);

    return (uint32_t) hash;
}


static inline uint64_t
mcp_pattern_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * MCP_PATTERN_FACTOR;

    return hash ^ hash >> 32;
}


static inline uint64_t
mcp_pattern_word(const uint8_t *p)
{
    uint64_t  word;

    memcpy(&word, p, sizeof(word));

    return word;
}


/* Of less than eight bytes. */

static inline uint64_t
mcp_pattern_short_word(const uint8_t *p, size_t len)
{
    uint32_t  low, high;

    if (len >= 4) {
        memcpy(&low, p, sizeof(low));
        memcpy(&high, p + len - 4, sizeof(high));

        return (uint64_t) high << 32 | low;
    }

    if (len == 0) {
        return 0;
    }

    return (uint64_t) p[0] << 16 | (uint64_t) p[len / 2] << 8 | p[len - 1];
}


/*
 * What find() prefers to a pattern can hide it in two cases only.  A glob
 * that matches all that another one does has no more literal bytes than that,
 * so it must have as many and come first ("a*b*" before "a*b"); and a regex
 * comes after all globs.  Exact names are never hidden, and hide no pattern.
 */

bool
mcp_pattern_set_shadowed(const mcp_pattern_set_t *set, mcp_str_t pattern)
{
    size_t                len;
    uint8_t               glob[MCP_GLOB_MAX];
    mcp_pattern_t         entry;
    const mcp_pattern_t  *self;

    if (pattern.len == 0) {
        return false;
    }

    if (pattern.data[0] == '~') {
        return mcp_pattern_regex_to_glob(pattern, glob, &len)
               && mcp_pattern_set_covers(set, (mcp_str_t) { glob, len },
                                         NULL, 0);
    }

    memset(&entry, 0, sizeof(mcp_pattern_t));

    if (mcp_pattern_init_glob(&entry, pattern, NULL) != MCP_OK
        || entry.kind != MCP_PATTERN_GLOB)
    {
        return false;
    }

    self = mcp_pattern_set_lookup(set, pattern);

    return mcp_pattern_set_covers(set, pattern, self, entry.literals);
}


/* "self" ends the search among globs with as many literals; NULL: none. */

static bool
mcp_pattern_set_covers(const mcp_pattern_set_t *set, mcp_str_t glob,
    const mcp_pattern_t *self, uint32_t literals)
{
    uint32_t              i;
    const mcp_pattern_t  *pattern;

    for (i = 0; i < set->count; i++) {
        pattern = &set->patterns[i];

        if (pattern == self) {
            return false;
        }

        if (pattern->kind == MCP_PATTERN_GLOB && pattern->literals >= literals
            && mcp_glob_match(pattern->text, glob))
        {
            return true;
        }
    }

    return false;
}


/*
 * A glob that matches at least what the regex does, read from a plain text at
 * its beginning: "^get_(a|b)$" gives "get_*", "admin" gives "*admin*".
 */

static bool
mcp_pattern_regex_to_glob(mcp_str_t regex, uint8_t *glob, size_t *length)
{
    bool            anchored;
    size_t          len;
    uint8_t         c;
    const uint8_t  *p, *end;

    p = regex.data + 1;
    end = regex.data + regex.len;
    anchored = (p < end && *p == '^');

    if (memchr(p, '|', (size_t) (end - p)) != NULL) {
        return false;
    }

    p += anchored;
    len = 0;

    if (!anchored) {
        glob[len++] = '*';
    }

    for ( /* void */ ; p < end && len < MCP_GLOB_MAX - 2; p++) {
        c = *p;

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9') && c != '_' && c != '-' && c != '/')
        {
            break;
        }

        glob[len++] = c;
    }

    /* a quantifier, also one behind a comment or "\\E", takes a character */

    if (p < end && *p != '.' && *p != '[' && *p != '$'
        && (*p != '(' || p[1] == '?' || p[1] == '*'))
    {
        if (len == (size_t) !anchored) {
            return false;
        }

        len--;
    }

    if (end - p == 1 && *p == '$') {
        *length = len;
        return true;
    }

    glob[len++] = '*';
    *length = len;

    return true;
}
