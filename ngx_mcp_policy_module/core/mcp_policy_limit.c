/*
 * The directive "limit".
 */

#include "mcp_policy_builder.h"

#include "mcp_decimal.h"
#include "mcp_siphash.h"


#define MCP_LIMIT_COUNTERS_MIN  16

#define MCP_WINDOW_MAX  (366ull * 24 * 3600 * 1000)


typedef struct {
    mcp_str_t   name;          /* with the "=" */
    mcp_rc_t  (*set)(mcp_policy_builder_t *builder, mcp_limit_t *limit,
                     mcp_str_t value, const mcp_place_t *place);
} mcp_limit_option_t;


static mcp_rc_t mcp_policy_limit_rate(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, mcp_str_t word, const mcp_place_t *place);
static bool mcp_policy_limit_window(mcp_str_t word, uint64_t *window_ms);
static mcp_rc_t mcp_policy_limit_options(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, const mcp_str_t *words, uint32_t count,
    const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_check(mcp_policy_builder_t *builder,
    mcp_frame_t *frame, mcp_limit_t *limit, const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_unnamed(mcp_policy_builder_t *builder,
    const mcp_frame_t *frame, const mcp_limit_t *limit,
    const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_agree(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, const mcp_place_t *place);
static mcp_limit_t **mcp_policy_limit_slot(mcp_policy_builder_t *builder,
    mcp_str_t counter);
static mcp_limit_t **mcp_policy_limit_find(mcp_policy_builder_t *builder,
    mcp_str_t counter);
static bool mcp_policy_limit_keys_equal(const mcp_limit_t *a,
    const mcp_limit_t *b);
static mcp_rc_t mcp_policy_limit_path(mcp_policy_builder_t *builder,
    const char *option, mcp_str_t text, mcp_path_t *path,
    const mcp_place_t *place);

static mcp_rc_t mcp_policy_limit_per(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, mcp_str_t value, const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_key(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, mcp_str_t word, const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_counter(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, mcp_str_t value, const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_cost(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, mcp_str_t value, const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_algorithm(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, mcp_str_t value, const mcp_place_t *place);
static mcp_rc_t mcp_policy_limit_burst(mcp_policy_builder_t *builder,
    mcp_limit_t *limit, mcp_str_t value, const mcp_place_t *place);


static const mcp_limit_option_t  mcp_limit_options[] = {
    { mcp_str_init("per="), mcp_policy_limit_per },
    { mcp_str_init("counter="), mcp_policy_limit_counter },
    { mcp_str_init("cost="), mcp_policy_limit_cost },
    { mcp_str_init("algorithm="), mcp_policy_limit_algorithm },
    { mcp_str_init("burst="), mcp_policy_limit_burst }
};

#define MCP_LIMIT_OPTIONS                                                     \
    (sizeof(mcp_limit_options) / sizeof(mcp_limit_options[0]))


mcp_policy_setter(mcp_policy_set_limit)
{
    mcp_rc_t      rc;
    mcp_step_t   *step;
    mcp_limit_t  *limit, **limits;

    limit = mcp_policy_alloc(builder, sizeof(mcp_limit_t));
    limits = mcp_policy_grow(builder, builder->limits, builder->limit_count,
                             sizeof(mcp_limit_t *));
    if (limit == NULL || limits == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    builder->limits = limits;
    limit->place = *place;
    limit->cost = MCP_DECIMAL_UNIT;

    rc = mcp_policy_limit_rate(builder, limit, words[1], place);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_policy_limit_options(builder, limit, words, count, place);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_policy_limit_check(builder, frame, limit, place);
    if (rc != MCP_OK) {
        return rc;
    }

    step = mcp_policy_step(builder, frame->rule, MCP_STEP_LIMIT);
    if (step == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    step->limit = limit;
    builder->limits[builder->limit_count++] = limit;
    builder->policy.has_limits = true;

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_limit_rate(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    mcp_str_t word, const mcp_place_t *place)
{
    mcp_str_t       amount;
    mcp_error_t     error;
    const uint8_t  *slash;

    if (mcp_policy_copy(builder, word, &limit->text) != MCP_OK) {
        return mcp_policy_no_memory(builder, place);
    }

    word = limit->text;

    slash = memchr(word.data, '/', word.len);
    if (slash == NULL) {
        return mcp_policy_fail(builder, place,
                               "invalid rate \"%.*s\" in \"limit\", expected "
                               "N/WINDOW as in \"30/minute\"",
                               mcp_shown(word));
    }

    amount.data = word.data;
    amount.len = (size_t) (slash - word.data);

    limit->window_name.data = slash + 1;
    limit->window_name.len = word.len - amount.len - 1;

    if (mcp_decimal_micros(amount, &limit->spec.amount, &error) != MCP_OK) {
        return mcp_policy_fail(builder, place,
                               "invalid amount \"%.*s\" in \"limit\", "
                               "expected a number above 0 with at most six "
                               "decimal places", mcp_shown(amount));
    }

    if (limit->spec.amount == 0) {
        return mcp_policy_fail(builder, place,
                               "a \"limit\" of 0 lets no call through, write "
                               "\"deny\"");
    }

    if (!mcp_policy_limit_window(limit->window_name, &limit->spec.window_ms))
    {
        return mcp_policy_fail(builder, place,
                               "invalid window \"%.*s\" in \"limit\", "
                               "expected \"minute\", \"hour\", \"day\" or a "
                               "time from 1s to 366d such as \"90m\"",
                               mcp_shown(limit->window_name));
    }

    return MCP_OK;
}


static bool
mcp_policy_limit_window(mcp_str_t word, uint64_t *window_ms)
{
    if (mcp_str_equal(word, mcp_str("minute"))) {
        *window_ms = 60000;
        return true;
    }

    if (mcp_str_equal(word, mcp_str("hour"))) {
        *window_ms = 3600000;
        return true;
    }

    if (mcp_str_equal(word, mcp_str("day"))) {
        *window_ms = 86400000;
        return true;
    }

    return mcp_policy_time(word, window_ms);
}


/* As nginx writes times. */
bool
mcp_policy_time(mcp_str_t word, uint64_t *ms)
{
    size_t    i, unit;
    uint64_t  total, n;
    bool      digits;

    static const uint8_t   letters[] = { 'w', 'd', 'h', 'm', 's' };
    static const uint64_t  units[] = { 604800000, 86400000, 3600000, 60000,
                                       1000 };

    total = 0;
    n = 0;
    unit = 0;
    digits = false;

    for (i = 0; i < word.len; i++) {

        if (word.data[i] >= '0' && word.data[i] <= '9') {
            n = n * 10 + (uint64_t) (word.data[i] - '0');
            digits = true;

            if (n > MCP_WINDOW_MAX) {
                return false;
            }

            continue;
        }

        while (unit < sizeof(letters) && letters[unit] != word.data[i]) {
            unit++;
        }

        if (unit == sizeof(letters) || !digits) {
            return false;
        }

        /* both factors are bounded: no overflow */

        total += n * units[unit++];
        n = 0;
        digits = false;

        if (total > MCP_WINDOW_MAX) {
            return false;
        }
    }

    *ms = total;

    return !digits && total > 0;
}


static mcp_rc_t
mcp_policy_limit_options(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    const mcp_str_t *words, uint32_t count, const mcp_place_t *place)
{
    size_t     k;
    mcp_rc_t   rc;
    uint32_t   i, seen;
    mcp_str_t  name, value;

    seen = 0;

    for (i = 2; i < count; i++) {

        for (k = 0; k < MCP_LIMIT_OPTIONS; k++) {
            name = mcp_limit_options[k].name;

            if (words[i].len >= name.len
                && memcmp(words[i].data, name.data, name.len) == 0)
            {
                break;
            }
        }

        if (k == MCP_LIMIT_OPTIONS) {
            return mcp_policy_fail(builder, place,
                                   "invalid parameter \"%.*s\" in \"limit\", "
                                   "expected per=, counter=, cost=, "
                                   "algorithm= or burst=",
                                   mcp_shown(words[i]));
        }

        value.data = words[i].data + name.len;
        value.len = words[i].len - name.len;

        if (seen & (1u << k)) {
            return mcp_policy_fail(builder, place,
                                   "\"%.*s\" is duplicate in \"limit\"",
                                   mcp_shown(name));
        }

        if (value.len == 0) {
            return mcp_policy_fail(builder, place,
                                   "\"%.*s\" is empty in \"limit\"",
                                   mcp_shown(name));
        }

        seen |= 1u << k;

        rc = mcp_limit_options[k].set(builder, limit, value, place);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (limit->key_count == 0) {
        return mcp_policy_limit_key(builder, limit, mcp_str("grant"), place);
    }

    return MCP_OK;
}


/* What can be said when all parameters are known. */
static mcp_rc_t
mcp_policy_limit_check(mcp_policy_builder_t *builder, mcp_frame_t *frame,
    mcp_limit_t *limit, const mcp_place_t *place)
{
    int64_t   most;
    mcp_rc_t  rc;

    if (limit->spec.burst != 0
        && limit->spec.algorithm != MCP_ALGORITHM_BUCKET)
    {
        return mcp_policy_fail(builder, place,
                               "\"burst=\" in \"limit\" needs "
                               "\"algorithm=bucket\"");
    }

    most = limit->spec.amount;

    if (limit->spec.algorithm == MCP_ALGORITHM_BUCKET) {
        if (limit->spec.burst == 0) {
            limit->spec.burst = MCP_DECIMAL_UNIT;
        }

        most = limit->spec.burst;
    }

    rc = limit->counter.len != 0
         ? mcp_policy_limit_agree(builder, limit, place)
         : mcp_policy_limit_unnamed(builder, frame, limit, place);

    if (rc != MCP_OK) {
        return rc;
    }

    limit->shared = limit->counter.len == 0 && frame->star;

    if (limit->cost_path == NULL && limit->cost > most) {
        mcp_policy_warn(builder, place,
                        "a call never fits into \"limit %.*s\": it costs "
                        "more than there is%s", mcp_shown(limit->text),
                        limit->spec.algorithm == MCP_ALGORITHM_BUCKET
                        ? " in the bucket, see \"burst=\"" : "");
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_limit_unnamed(mcp_policy_builder_t *builder,
    const mcp_frame_t *frame, const mcp_limit_t *limit,
    const mcp_place_t *place)
{
    uint32_t            i;
    const mcp_step_t   *step;
    const mcp_limit_t  *other;

    /* the name of a rule tells its counters from those of others */

    if (frame->context == MCP_CONTEXT_RULE
        && builder->policy.typing == MCP_TYPING_FILE)
    {
        return mcp_policy_fail(builder, place,
                               "a \"limit\" in \"rule\" needs \"counter=\" "
                               "under \"typing file\", where rules may have "
                               "the same name");
    }

    for (i = 0; i < frame->rule->count; i++) {
        step = &frame->rule->steps[i];

        if (step->kind != MCP_STEP_LIMIT) {
            continue;
        }

        other = step->limit;

        if (other->counter.len == 0
            && other->spec.window_ms == limit->spec.window_ms)
        {
            return mcp_policy_fail(builder, place,
                                   "two limits without \"counter=\" have the "
                                   "window \"%.*s\" in one \"%s\", the first "
                                   "is at %s:%u, give one of them a "
                                   "\"counter=\"",
                                   mcp_shown(limit->window_name),
                                   mcp_context_name(frame->context),
                                   mcp_shown_place(&other->place));
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_limit_agree(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    const mcp_place_t *place)
{
    const char          *what;
    mcp_limit_t        **slot;
    const mcp_limit_t   *first;

    slot = mcp_policy_limit_slot(builder, limit->counter);
    if (slot == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    first = *slot;

    if (first != NULL) {

        if (first->spec.window_ms != limit->spec.window_ms) {
            what = "window";

        } else if (first->spec.algorithm != limit->spec.algorithm) {
            what = "algorithm";

        } else if (!mcp_policy_limit_keys_equal(first, limit)) {
            what = "per=";

        } else {
            return MCP_OK;
        }

        return mcp_policy_fail(builder, place,
                               "counter \"%.*s\" has another %s at %s:%u, "
                               "its users must agree in window, \"per=\" and "
                               "\"algorithm=\"", mcp_shown(limit->counter),
                               what, mcp_shown_place(&first->place));
    }

    *slot = limit;
    builder->counter_count++;

    return MCP_OK;
}


/* Where the first user of a counter is, or belongs; NULL: no memory. */
static mcp_limit_t **
mcp_policy_limit_slot(mcp_policy_builder_t *builder, mcp_str_t counter)
{
    uint32_t       i, room;
    mcp_limit_t  **old;

    if (builder->counter_count * 2 >= builder->counter_room) {

        old = builder->counters;
        room = builder->counter_room;

        builder->counter_room = room != 0 ? room * 2
                                          : MCP_LIMIT_COUNTERS_MIN;
        builder->counters = mcp_policy_alloc(builder,
                                             builder->counter_room
                                             * sizeof(mcp_limit_t *));
        if (builder->counters == NULL) {
            builder->counter_room = 0;
            builder->counter_count = 0;
            return NULL;
        }

        for (i = 0; i < room; i++) {
            if (old[i] != NULL) {
                *mcp_policy_limit_find(builder, old[i]->counter) = old[i];
            }
        }
    }

    return mcp_policy_limit_find(builder, counter);
}


/* There is a free slot. */
static mcp_limit_t **
mcp_policy_limit_find(mcp_policy_builder_t *builder, mcp_str_t counter)
{
    uint32_t  i;
    uint64_t  hash[2];

    mcp_siphash(builder->hash_key, counter, hash);

    i = (uint32_t) hash[0] & (builder->counter_room - 1);

    while (builder->counters[i] != NULL
           && !mcp_str_equal(builder->counters[i]->counter, counter))
    {
        i = (i + 1) & (builder->counter_room - 1);
    }

    return &builder->counters[i];
}


static bool
mcp_policy_limit_keys_equal(const mcp_limit_t *a, const mcp_limit_t *b)
{
    uint32_t  i;

    if (a->key_count != b->key_count) {
        return false;
    }

    for (i = 0; i < a->key_count; i++) {
        if (!mcp_str_equal(a->keys[i].source, b->keys[i].source)) {
            return false;
        }
    }

    return true;
}


/* KEY,KEY... where a comma in a quoted part of a path is no separator. */
static mcp_rc_t
mcp_policy_limit_per(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    mcp_str_t value, const mcp_place_t *place)
{
    bool       quoted;
    size_t     i, start;
    mcp_rc_t   rc;
    mcp_str_t  word;

    quoted = false;
    start = 0;

    for (i = 0; i <= value.len; i++) {

        if (i < value.len && value.data[i] == '"') {
            quoted = !quoted;
        }

        if (i < value.len && (quoted || value.data[i] != ',')) {
            continue;
        }

        word.data = value.data + start;
        word.len = i - start;
        start = i + 1;

        rc = mcp_policy_limit_key(builder, limit, word, place);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    for (i = 0; i < limit->key_count; i++) {
        if (limit->keys[i].kind == MCP_KEY_GLOBAL && limit->key_count > 1) {
            return mcp_policy_fail(builder, place,
                                   "\"global\" cannot stand beside other "
                                   "keys in \"per=%.*s\"", mcp_shown(value));
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_limit_key(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    mcp_str_t word, const mcp_place_t *place)
{
    mcp_rc_t    rc;
    uint32_t    i;
    mcp_key_t  *key;

    key = mcp_policy_grow(builder, limit->keys, limit->key_count,
                          sizeof(mcp_key_t));
    if (key == NULL) {
        return mcp_policy_no_memory(builder, place);
    }

    limit->keys = key;
    key = &key[limit->key_count];

    if (mcp_policy_copy(builder, word, &key->source) != MCP_OK) {
        return mcp_policy_no_memory(builder, place);
    }

    for (i = 0; i < limit->key_count; i++) {
        if (mcp_str_equal(limit->keys[i].source, word)) {
            return mcp_policy_fail(builder, place,
                                   "\"%.*s\" is duplicate in \"per=\" of "
                                   "\"limit\"", mcp_shown(word));
        }
    }

    rc = MCP_OK;

    if (mcp_str_equal(word, mcp_str("grant"))) {
        key->kind = MCP_KEY_GRANT;

    } else if (mcp_str_equal(word, mcp_str("session"))) {
        key->kind = MCP_KEY_SESSION;

    } else if (mcp_str_equal(word, mcp_str("global"))) {
        key->kind = MCP_KEY_GLOBAL;

    } else if (word.len >= 5 && memcmp(word.data, "args.", 5) == 0) {
        key->kind = MCP_KEY_ARGUMENT;
        rc = mcp_policy_limit_path(builder, "per=", key->source, &key->path,
                                   place);

    } else {
        key->kind = MCP_KEY_TEXT;
        rc = mcp_policy_text(builder, word, place, &key->text);

        if (rc == MCP_OK && key->text.variables == NULL) {
            return mcp_policy_fail(builder, place,
                                   "invalid key \"%.*s\" in \"per=\" of "
                                   "\"limit\", expected grant, session, "
                                   "global, args.PATH or a string with "
                                   "variables", mcp_shown(word));
        }
    }

    limit->key_count++;

    return rc;
}


/* "text" begins with "args." and outlives the policy's build. */
static mcp_rc_t
mcp_policy_limit_path(mcp_policy_builder_t *builder, const char *option,
    mcp_str_t text, mcp_path_t *path, const mcp_place_t *place)
{
    mcp_rc_t     rc;
    uint32_t     i;
    mcp_error_t  error;

    text.data += 5;
    text.len -= 5;
    error.text[0] = '\0';

    rc = builder->policy.typing == MCP_TYPING_FILE
         ? mcp_path_split(path, text, &builder->allocator, &error)
         : mcp_path_parse(path, text, &builder->allocator, &error);

    switch (rc) {

    case MCP_OK:
        break;

    case MCP_NOMEM:
        return mcp_policy_no_memory(builder, place);

    default:
        return mcp_policy_fail(builder, place,
                               "invalid path \"args.%.*s\" in \"%s\" of "
                               "\"limit\": %s", mcp_shown(text), option,
                               error.text);
    }

    for (i = 0; i < path->count; i++) {
        if (path->segments[i].kind == MCP_SEGMENT_ALL) {
            return mcp_policy_fail(builder, place,
                                   "\"[*]\" is not allowed in \"%s\" of "
                                   "\"limit\", one value is needed", option);
        }
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_limit_counter(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    mcp_str_t value, const mcp_place_t *place)
{
    if (mcp_policy_copy(builder, value, &limit->counter) != MCP_OK) {
        return mcp_policy_no_memory(builder, place);
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_limit_cost(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    mcp_str_t value, const mcp_place_t *place)
{
    mcp_str_t    copy;
    mcp_error_t  error;

    if (value.len >= 5 && memcmp(value.data, "args.", 5) == 0) {

        limit->cost_path = mcp_policy_alloc(builder, sizeof(mcp_path_t));
        if (limit->cost_path == NULL
            || mcp_policy_copy(builder, value, &copy) != MCP_OK)
        {
            return mcp_policy_no_memory(builder, place);
        }

        return mcp_policy_limit_path(builder, "cost=", copy,
                                     limit->cost_path, place);
    }

    if (mcp_decimal_micros(value, &limit->cost, &error) != MCP_OK
        || limit->cost == 0)
    {
        return mcp_policy_fail(builder, place,
                               "invalid value \"%.*s\" in \"cost=\" of "
                               "\"limit\", expected a number above 0 with at "
                               "most six decimal places, or args.PATH",
                               mcp_shown(value));
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_limit_algorithm(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    mcp_str_t value, const mcp_place_t *place)
{
    if (mcp_str_equal(value, mcp_str("fixed"))) {
        limit->spec.algorithm = MCP_ALGORITHM_FIXED;

    } else if (mcp_str_equal(value, mcp_str("sliding"))) {
        limit->spec.algorithm = MCP_ALGORITHM_SLIDING;

    } else if (mcp_str_equal(value, mcp_str("bucket"))) {
        limit->spec.algorithm = MCP_ALGORITHM_BUCKET;

    } else {
        return mcp_policy_fail(builder, place,
                               "invalid value \"%.*s\" in \"algorithm=\" of "
                               "\"limit\", it must be \"fixed\", \"sliding\" "
                               "or \"bucket\"", mcp_shown(value));
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_limit_burst(mcp_policy_builder_t *builder, mcp_limit_t *limit,
    mcp_str_t value, const mcp_place_t *place)
{
    mcp_error_t  error;

    if (mcp_decimal_micros(value, &limit->spec.burst, &error) != MCP_OK
        || limit->spec.burst == 0)
    {
        return mcp_policy_fail(builder, place,
                               "invalid value \"%.*s\" in \"burst=\" of "
                               "\"limit\", expected a number above 0 with at "
                               "most six decimal places", mcp_shown(value));
    }

    return MCP_OK;
}
