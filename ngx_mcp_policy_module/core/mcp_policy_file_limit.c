/* Limits: of policy.json, "rate_limit" in both forms, "state" counters. */

#include "mcp_decimal.h"
#include "mcp_policy_reading.h"


#define MCP_LIMIT_MAX          1000000000000ull    /* calls per window */
#define MCP_WINDOW_SECONDS_MAX (366ull * 24 * 3600)


static mcp_rc_t mcp_policy_read_rate_text(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_policy_rate_t *rate);
static mcp_rc_t mcp_policy_read_rate_object(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_policy_rate_t *rate);
static mcp_rc_t mcp_policy_read_seconds(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_policy_rate_t *rate);
static mcp_rc_t mcp_policy_read_max(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_policy_rate_t *rate);
static bool mcp_policy_named_window(mcp_str_t word, mcp_policy_rate_t *rate);
static mcp_rc_t mcp_policy_missing(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, const mcp_policy_key_t *keys,
    const mcp_policy_value_t *values, uint32_t count);


enum { MCP_RATE_MAX, MCP_RATE_WINDOW, MCP_RATE_KEYS };

static const mcp_policy_key_t  mcp_rate_keys[MCP_RATE_KEYS] = {
    [MCP_RATE_MAX] = { mcp_str_init("max"), MCP_TYPE_NUMBER },
    [MCP_RATE_WINDOW] = { mcp_str_init("window"),
                          MCP_TYPE_NUMBER | MCP_TYPE_STRING }
};

enum { MCP_FILE_LIMIT_COUNTER, MCP_FILE_LIMIT_WINDOW, MCP_FILE_LIMIT_MAX,
       MCP_FILE_LIMIT_SCOPE, MCP_FILE_LIMIT_ON_DENY, MCP_FILE_LIMIT_KEYS };

/* The first three must be there. */
#define MCP_FILE_LIMIT_NEEDED  3

static const mcp_policy_key_t  mcp_limit_keys[MCP_FILE_LIMIT_KEYS] = {
    [MCP_FILE_LIMIT_COUNTER] = { mcp_str_init("counter"), MCP_TYPE_STRING },
    [MCP_FILE_LIMIT_WINDOW] = { mcp_str_init("window"), MCP_TYPE_STRING },
    [MCP_FILE_LIMIT_MAX] = { mcp_str_init("max"), MCP_TYPE_NUMBER },
    [MCP_FILE_LIMIT_SCOPE] = { mcp_str_init("scope"), MCP_TYPE_STRING },
    [MCP_FILE_LIMIT_ON_DENY] = { mcp_str_init("on_deny"),
                                 MCP_TYPE_STRING | MCP_TYPE_NULL }
};

enum { MCP_STATE_COUNTER, MCP_STATE_WINDOW, MCP_STATE_INCREMENT,
       MCP_STATE_INCREMENT_FROM, MCP_STATE_KEYS };

#define MCP_STATE_NEEDED  2

static const mcp_policy_key_t  mcp_state_keys[MCP_STATE_KEYS] = {
    [MCP_STATE_COUNTER] = { mcp_str_init("counter"), MCP_TYPE_STRING },
    [MCP_STATE_WINDOW] = { mcp_str_init("window"), MCP_TYPE_STRING },
    [MCP_STATE_INCREMENT] = { mcp_str_init("increment"),
                              MCP_TYPE_NUMBER | MCP_TYPE_NULL },
    [MCP_STATE_INCREMENT_FROM] = { mcp_str_init("increment_from"),
                                   MCP_TYPE_STRING | MCP_TYPE_NULL }
};


mcp_rc_t
mcp_policy_read_limit(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *where, mcp_str_t pointer, mcp_rule_t *block, bool all)
{
    bool                 failed;
    mcp_str_t            name;
    mcp_rule_t          *rule;
    mcp_place_t          place;
    mcp_limit_t         *limit;
    mcp_policy_rate_t    rate;
    mcp_policy_value_t   values[MCP_FILE_LIMIT_KEYS];
    const mcp_node_t    *counter, *scope;

    if (node->type != MCP_NODE_MAP) {
        (void) mcp_policy_node_fail(reading, node, "%s must be an object, "
                                    "not %s", where,
                                    mcp_document_type_name(node));
        return MCP_OK;
    }

    memset(&rate, 0, sizeof(rate));
    mcp_policy_read_members(reading, node, where, mcp_limit_keys,
                            MCP_FILE_LIMIT_KEYS, values);

    failed = mcp_policy_missing(reading, node, where, mcp_limit_keys, values,
                                MCP_FILE_LIMIT_NEEDED)
             != MCP_OK;

    counter = values[MCP_FILE_LIMIT_COUNTER].value;

    if (counter != NULL && counter->text.len == 0) {
        (void) mcp_policy_node_fail(reading, counter, "\"counter\" of %s is "
                                    "empty", where);
        failed = true;
    }

    if (values[MCP_FILE_LIMIT_WINDOW].value != NULL
        && mcp_policy_read_window(reading,
                                  values[MCP_FILE_LIMIT_WINDOW].value, where,
                                  &rate)
           != MCP_OK)
    {
        failed = true;
    }

    if (values[MCP_FILE_LIMIT_MAX].value != NULL
        && mcp_policy_read_max(reading, values[MCP_FILE_LIMIT_MAX].value,
                               where, &rate)
           != MCP_OK)
    {
        failed = true;
    }

    scope = values[MCP_FILE_LIMIT_SCOPE].value;

    if (scope != NULL && !mcp_str_equal(scope->text, mcp_str("grant"))) {
        (void) mcp_policy_node_fail(reading, scope,
                                    "unknown scope \"%.*s\" in %s, it must "
                                    "be \"grant\"", mcp_named(scope->text),
                                    where);
        failed = true;
    }

    if (failed || counter == NULL) {
        return MCP_OK;
    }

    /* POINTER/limits/COUNTER */

    name = mcp_policy_pointer(reading, pointer, "limits", counter->text,
                              mcp_str(""));
    if (name.data == NULL) {
        return MCP_NOMEM;
    }

    place = mcp_policy_node_place(reading, node);

    rule = mcp_policy_add_rule(reading->builder, block, name, &place);
    if (rule == NULL) {
        return MCP_NOMEM;
    }

    limit = mcp_policy_add_limit(reading->builder, rule, rate.amount,
                                 rate.window, rate.window_ms, MCP_KEY_GRANT,
                                 counter->text, &place);
    if (limit == NULL) {
        return MCP_NOMEM;
    }

    limit->space = all ? MCP_COUNTER_OF_ALL : MCP_COUNTER_SHARED;

    return mcp_policy_read_message(reading, &values[MCP_FILE_LIMIT_ON_DENY],
                                   NULL, where, rule);
}


mcp_rc_t
mcp_policy_read_rate_limit(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_rule_t *rule, bool all,
    mcp_limit_t **limit)
{
    mcp_rc_t           rc;
    uint8_t           *name;
    mcp_str_t          counter;
    mcp_place_t        place;
    mcp_key_kind_t     key;
    mcp_policy_rate_t  rate;

    *limit = NULL;
    memset(&rate, 0, sizeof(rate));
    rate.window = mcp_str("");

    /* the string is Intercept's, which has no callers to tell apart */

    if (node->type == MCP_NODE_STRING) {
        rc = mcp_policy_read_rate_text(reading, node, where, &rate);
        key = MCP_KEY_GLOBAL;

    } else {
        rc = mcp_policy_read_rate_object(reading, node, where, &rate);
        key = MCP_KEY_GRANT;
    }

    if (rc != MCP_OK) {
        return rc == MCP_NOMEM ? rc : MCP_OK;
    }

    place = mcp_policy_node_place(reading, node);

    counter.len = sizeof("_rate_") - 1 + rate.window.len;
    name = mcp_arena_alloc(reading->arena, counter.len);
    if (name == NULL) {
        return mcp_policy_no_memory(reading->builder, &place);
    }

    memcpy(name, "_rate_", sizeof("_rate_") - 1);
    memcpy(name + sizeof("_rate_") - 1, rate.window.data, rate.window.len);
    counter.data = name;

    *limit = mcp_policy_add_limit(reading->builder, rule, rate.amount,
                                  rate.window, rate.window_ms, key, counter,
                                  &place);
    if (*limit == NULL) {
        return MCP_NOMEM;
    }

    (*limit)->space = all ? MCP_COUNTER_OF_ALL : MCP_COUNTER_OF_TOOL;

    return MCP_OK;
}


/* "30/minute" */
static mcp_rc_t
mcp_policy_read_rate_text(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_policy_rate_t *rate)
{
    size_t          i;
    uint64_t        count;
    mcp_str_t       digits, word;
    const uint8_t  *slash;

    slash = memchr(node->text.data, '/', node->text.len);

    if (slash == NULL) {
        return mcp_policy_node_fail(reading, node,
                                    "\"rate_limit\" of %s must be "
                                    "\"N/window\" such as \"5/hour\", not "
                                    "\"%.*s\"", where, mcp_named(node->text));
    }

    digits.data = node->text.data;
    digits.len = (size_t) (slash - node->text.data);
    word.data = slash + 1;
    word.len = node->text.len - digits.len - 1;

    if (digits.len > 1 && digits.data[0] == '+') {
        digits.data++;
        digits.len--;
    }

    count = 0;

    for (i = 0; i < digits.len && count <= MCP_LIMIT_MAX; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            count = 0;
            break;
        }

        count = count * 10 + (uint64_t) (digits.data[i] - '0');
    }

    if (count == 0 || count > MCP_LIMIT_MAX) {
        return mcp_policy_node_fail(reading, node,
                                    "the count in \"rate_limit\" of %s must "
                                    "be a whole number from 1, not \"%.*s\"",
                                    where, mcp_named(digits));
    }

    if (!mcp_policy_named_window(word, rate)) {
        return mcp_policy_node_fail(reading, node,
                                    "the window in \"rate_limit\" of %s must "
                                    "be \"minute\", \"hour\" or \"day\", not "
                                    "\"%.*s\"", where, mcp_named(word));
    }

    rate->amount = (int64_t) count * MCP_DECIMAL_UNIT;

    return MCP_OK;
}


/* {max: 30, window: 60} */
static mcp_rc_t
mcp_policy_read_rate_object(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_policy_rate_t *rate)
{
    char                 here[MCP_WHERE_MAX];
    mcp_rc_t             rc;
    const mcp_node_t    *window;
    mcp_policy_value_t   values[MCP_RATE_KEYS];

    mcp_policy_where(here, "\"rate_limit\" of %s", where);
    mcp_policy_read_members(reading, node, here, mcp_rate_keys, MCP_RATE_KEYS,
                            values);

    rc = mcp_policy_missing(reading, node, here, mcp_rate_keys, values,
                            MCP_RATE_KEYS);

    if (values[MCP_RATE_MAX].value != NULL
        && mcp_policy_read_max(reading, values[MCP_RATE_MAX].value, here,
                               rate)
           != MCP_OK)
    {
        rc = MCP_ERROR;
    }

    window = values[MCP_RATE_WINDOW].value;

    if (window == NULL) {
        return MCP_ERROR;
    }

    if (window->type == MCP_NODE_NUMBER
        ? mcp_policy_read_seconds(reading, window, here, rate) != MCP_OK
        : mcp_policy_read_window(reading, window, here, rate) != MCP_OK)
    {
        return MCP_ERROR;
    }

    return rc;
}


static mcp_rc_t
mcp_policy_read_seconds(mcp_policy_reading_t *reading,
    const mcp_node_t *node, const char *where, mcp_policy_rate_t *rate)
{
    size_t    length;
    char      number[32];
    uint8_t  *text;
    uint64_t  seconds;

    if (mcp_policy_read_count(node, MCP_WINDOW_SECONDS_MAX, &seconds)
        != MCP_OK)
    {
        return mcp_policy_node_fail(reading, node,
                                    "\"window\" of %s must be a whole number "
                                    "of seconds up to a year, or \"minute\", "
                                    "\"hour\" or \"day\", not %.*s", where,
                                    mcp_named(node->text));
    }

    length = mcp_decimal_format((int64_t) seconds * MCP_DECIMAL_UNIT, number,
                                sizeof(number) - 1);

    text = mcp_arena_alloc(reading->arena, length + 1);
    if (text == NULL) {
        return mcp_policy_node_fail(reading, node, "not enough memory");
    }

    memcpy(text, number, length);
    text[length] = 's';

    rate->window.data = text;
    rate->window.len = length + 1;
    rate->window_ms = seconds * 1000;

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_read_max(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *where, mcp_policy_rate_t *rate)
{
    uint64_t  max;

    if (mcp_policy_read_count(node, MCP_LIMIT_MAX, &max) != MCP_OK) {
        return mcp_policy_node_fail(reading, node,
                                    "\"max\" of %s must be a whole number "
                                    "from 1, not %.*s", where,
                                    mcp_named(node->text));
    }

    rate->amount = (int64_t) max * MCP_DECIMAL_UNIT;

    return MCP_OK;
}


mcp_rc_t
mcp_policy_read_window(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *where, mcp_policy_rate_t *rate)
{
    if (mcp_policy_named_window(node->text, rate)) {
        return MCP_OK;
    }

    return mcp_policy_node_fail(reading, node,
                                "unknown window \"%.*s\" in %s, it must be "
                                "\"minute\", \"hour\" or \"day\"",
                                mcp_named(node->text), where);
}


/* Calendar windows in UTC. */
static bool
mcp_policy_named_window(mcp_str_t word, mcp_policy_rate_t *rate)
{
    size_t  i;

    static const struct {
        mcp_str_t  word;
        uint64_t   ms;
    } windows[] = {
        { mcp_str_init("minute"), 60000 },
        { mcp_str_init("hour"), 3600000 },
        { mcp_str_init("day"), 86400000 }
    };

    for (i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        if (mcp_str_equal(windows[i].word, word)) {
            rate->window = windows[i].word;
            rate->window_ms = windows[i].ms;
            return true;
        }
    }

    return false;
}


mcp_rc_t
mcp_policy_read_state(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *where, mcp_policy_counter_t *counter)
{
    char                 here[MCP_WHERE_MAX];
    mcp_rc_t             rc;
    uint64_t             count;
    const mcp_node_t    *value;
    mcp_policy_value_t   values[MCP_STATE_KEYS];

    memset(counter, 0, sizeof(*counter));
    counter->cost = MCP_DECIMAL_UNIT;

    mcp_policy_where(here, "\"state\" of %s", where);
    mcp_policy_read_members(reading, node, here, mcp_state_keys,
                            MCP_STATE_KEYS, values);

    rc = mcp_policy_missing(reading, node, here, mcp_state_keys, values,
                            MCP_STATE_NEEDED);

    value = values[MCP_STATE_COUNTER].value;

    if (value != NULL) {
        counter->counter = value->text;

        if (value->text.len == 0) {
            rc = mcp_policy_node_fail(reading, value, "\"counter\" of %s is "
                                      "empty", here);
        }
    }

    value = values[MCP_STATE_WINDOW].value;

    if (value != NULL
        && mcp_policy_read_window(reading, value, here, &counter->rate)
           != MCP_OK)
    {
        rc = MCP_ERROR;
    }

    value = values[MCP_STATE_INCREMENT].value;

    /* 0 says that nothing was said */

    if (value != NULL && !mcp_str_equal(value->text, mcp_str("0"))) {

        if (mcp_policy_read_count(value, MCP_LIMIT_MAX, &count) != MCP_OK) {
            rc = mcp_policy_node_fail(reading, value,
                                      "\"increment\" of %s must be a whole "
                                      "number from 1, not %.*s", here,
                                      mcp_named(value->text));

        } else {
            counter->cost = (int64_t) count * MCP_DECIMAL_UNIT;
        }
    }

    value = values[MCP_STATE_INCREMENT_FROM].value;

    if (value == NULL || value->text.len == 0) {
        return rc;
    }

    counter->cost_path = mcp_policy_alloc(reading->builder,
                                          sizeof(mcp_path_t));

    if (counter->cost_path == NULL
        || mcp_policy_read_path(reading, value, "increment_from", here,
                                counter->cost_path)
           != MCP_OK)
    {
        rc = MCP_ERROR;
    }

    return rc;
}


/* The first "count" keys must be there. */
static mcp_rc_t
mcp_policy_missing(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *where, const mcp_policy_key_t *keys,
    const mcp_policy_value_t *values, uint32_t count)
{
    mcp_rc_t  rc;
    uint32_t  i;

    rc = MCP_OK;

    for (i = 0; i < count; i++) {
        if (values[i].member == NULL) {
            rc = mcp_policy_node_fail(reading, node, "\"%.*s\" is missing in "
                                      "%s", mcp_named(keys[i].name), where);

        } else if (values[i].value == NULL) {
            rc = MCP_ERROR;
        }
    }

    return rc;
}
