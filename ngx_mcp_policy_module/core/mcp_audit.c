/*
 * Lines of the audit log.  Every member has a bound, and their sum is below
 * that of a line: nothing that a client sends makes a line longer, or two.
 */

#include "mcp_audit.h"

#include "mcp_decimal.h"
#include "mcp_json_scan.h"


/* 9999-12-31T23:59:59.999Z, the last that RFC 3339 has */
#define MCP_AUDIT_LAST_MS   UINT64_C(253402300799999)

#define MCP_AUDIT_DIGITS    20
#define MCP_AUDIT_ELLIPSIS  "\xe2\x80\xa6"
#define MCP_AUDIT_SHA256    32
#define MCP_AUDIT_APPROVAL  16

#define MCP_AUDIT_NUMBER    32      /* digits */

/*
 * The name of a member, never the first of a line, which is the time.  Names
 * are constants: when these three are inline, a name is a store or two.
 */
#define mcp_audit_name(name)  mcp_str(",\"" name "\":")
#define mcp_audit_member      static inline __attribute__((always_inline))


mcp_audit_member uint8_t *mcp_audit_put(uint8_t *p, mcp_str_t s);
mcp_audit_member uint8_t *mcp_audit_string(uint8_t *p, mcp_str_t name,
    mcp_str_t value, size_t limit);
mcp_audit_member uint8_t *mcp_audit_integer(uint8_t *p, mcp_str_t name,
    uint64_t value);
mcp_audit_member uint8_t *mcp_audit_seconds(uint8_t *p, mcp_str_t name,
    uint64_t ms);
static uint8_t *mcp_audit_target(uint8_t *p,
    const mcp_audit_message_t *message);
static uint8_t *mcp_audit_id(uint8_t *p,
    const mcp_audit_message_t *message);
static uint8_t *mcp_audit_limit(uint8_t *p,
    const mcp_audit_message_t *message);
static uint8_t *mcp_audit_keys(uint8_t *p,
    const mcp_audit_message_t *message);
static uint8_t *mcp_audit_approval(uint8_t *p,
    const mcp_audit_message_t *message);
static uint8_t *mcp_audit_hash(uint8_t *p, mcp_str_t name,
    const uint64_t *hash);
static uint8_t *mcp_audit_hex(uint8_t *p, mcp_str_t name,
    const uint8_t *bytes, uint32_t count);
static void mcp_audit_sort(mcp_str_t *keys, uint32_t count);
static int mcp_audit_compare(mcp_str_t a, mcp_str_t b);
static uint8_t *mcp_audit_quote(uint8_t *p, mcp_str_t s, size_t limit);
static uint8_t *mcp_audit_escape(uint8_t *p, mcp_str_t s, size_t limit)
    __attribute__((noinline));
static bool mcp_audit_plain(mcp_str_t s);
static inline uint64_t mcp_audit_odd(uint64_t word);
static size_t mcp_audit_character(uint8_t *dst, const uint8_t **s,
    const uint8_t *end);
static uint8_t *mcp_audit_number(uint8_t *p, uint64_t value);
static inline uint8_t *mcp_audit_two(uint8_t *p, uint64_t value);
static inline uint8_t *mcp_audit_three(uint8_t *p, uint64_t value);
static size_t mcp_audit_unicode(uint8_t *dst, unsigned c);


mcp_rc_t
mcp_audit_arguments(mcp_audit_message_t *message, const mcp_json_t *json,
    uint32_t object, mcp_arena_t *arena)
{
    uint32_t    key, value, end;
    mcp_rc_t    rc;
    mcp_str_t  *keys;

    keys = mcp_arena_alloc(arena, MCP_AUDIT_KEYS * sizeof(mcp_str_t));
    if (keys == NULL) {
        return MCP_NOMEM;
    }

    message->arguments = true;
    message->keys = keys;
    message->key_count = 0;
    message->argument_count = 0;

    end = json->tokens[object].next;

    for (key = object + 1; key < end; key = json->tokens[value].next) {
        value = json->tokens[key].next;
        message->argument_count++;

        if (message->key_count == MCP_AUDIT_KEYS) {
            continue;
        }

        rc = mcp_json_string(json, key, arena, &keys[message->key_count]);

        if (rc == MCP_NOMEM) {
            return MCP_NOMEM;
        }

        if (rc == MCP_OK) {
            message->key_count++;
        }
    }

    mcp_audit_sort(keys, message->key_count);

    return MCP_OK;
}


size_t
mcp_audit_message_write(const mcp_audit_message_t *message, uint8_t *dst)
{
    uint8_t  *p;

    p = dst;

    if (message->count) {
        p = mcp_audit_integer(p, mcp_audit_name("index"), message->index);
        p = mcp_audit_integer(p, mcp_audit_name("count"), message->count);
    }

    p = mcp_audit_string(p, mcp_audit_name("method"), message->method,
                         MCP_AUDIT_TEXT);
    p = mcp_audit_target(p, message);
    p = mcp_audit_id(p, message);
    p = mcp_audit_string(p, mcp_audit_name("decision"), message->decision,
                         MCP_AUDIT_WORD);
    p = mcp_audit_string(p, mcp_audit_name("rule"), message->rule,
                         MCP_AUDIT_TEXT);
    p = mcp_audit_string(p, mcp_audit_name("reason"), message->reason,
                         MCP_AUDIT_WORD);
    p = mcp_audit_approval(p, message);
    p = mcp_audit_limit(p, message);
    p = mcp_audit_keys(p, message);
    p = mcp_audit_hash(p, mcp_audit_name("args_hash"), message->args_hash);

    return (size_t) (p - dst);
}


size_t
mcp_audit_line_write(const mcp_audit_request_t *request, mcp_str_t message,
    uint8_t *dst)
{
    uint8_t  *p;

    p = mcp_audit_put(dst, mcp_str("{\"time\":\""));
    p = mcp_audit_time(p, request->time_ms);
    *p++ = '"';

    p = mcp_audit_string(p, mcp_audit_name("request_id"),
                         request->request_id, MCP_AUDIT_WORD);
    p = mcp_audit_string(p, mcp_audit_name("address"), request->address,
                         MCP_AUDIT_TEXT);
    p = mcp_audit_string(p, mcp_audit_name("http_method"),
                         request->http_method, MCP_AUDIT_WORD);
    p = mcp_audit_hash(p, mcp_audit_name("grant"), request->grant);
    p = mcp_audit_hash(p, mcp_audit_name("session"), request->session);
    p = mcp_audit_string(p, mcp_audit_name("policy"), request->policy,
                         MCP_AUDIT_TEXT);

    if (request->generation) {
        p = mcp_audit_integer(p, mcp_audit_name("generation"),
                              request->generation);
        p = mcp_audit_hex(p, mcp_audit_name("policy_sha256"), request->sha256,
                          MCP_AUDIT_SHA256);
    }

    p = mcp_audit_put(p, message);

    p = mcp_audit_string(p, mcp_audit_name("protocol"), request->protocol,
                         MCP_AUDIT_WORD);
    p = mcp_audit_string(p, mcp_audit_name("client"), request->client,
                         MCP_AUDIT_TEXT);
    p = mcp_audit_string(p, mcp_audit_name("traceparent"),
                         request->traceparent, MCP_AUDIT_TEXT);
    p = mcp_audit_integer(p, mcp_audit_name("status"), request->status);

    if (request->upstream_tries) {
        p = mcp_audit_integer(p, mcp_audit_name("upstream_tries"),
                              request->upstream_tries);

        if (request->upstream_status) {
            p = mcp_audit_integer(p, mcp_audit_name("upstream_status"),
                                  request->upstream_status);
        }

        if (request->upstream_ms != MCP_AUDIT_NO_TIME) {
            p = mcp_audit_seconds(p, mcp_audit_name("upstream_time"),
                                  request->upstream_ms);
        }
    }

    p = mcp_audit_seconds(p, mcp_audit_name("duration"), request->duration_ms);
    p = mcp_audit_integer(p, mcp_audit_name("bytes_received"),
                          request->bytes_received);
    p = mcp_audit_integer(p, mcp_audit_name("bytes_sent"),
                          request->bytes_sent);

    p = mcp_audit_put(p, mcp_str("}\n"));

    return (size_t) (p - dst);
}


size_t
mcp_audit_approval_write(const mcp_audit_approval_t *approval, uint8_t *dst)
{
    uint8_t  *p;

    p = mcp_audit_put(dst, mcp_str("{\"time\":\""));
    p = mcp_audit_time(p, approval->time_ms);
    p = mcp_audit_put(p, mcp_str("\",\"event\":\"approval\""));

    p = mcp_audit_string(p, mcp_audit_name("request_id"),
                         approval->request_id, MCP_AUDIT_WORD);
    p = mcp_audit_string(p, mcp_audit_name("address"), approval->address,
                         MCP_AUDIT_TEXT);
    p = mcp_audit_hash(p, mcp_audit_name("grant"), approval->grant);
    p = mcp_audit_string(p, mcp_audit_name("policy"), approval->policy,
                         MCP_AUDIT_TEXT);
    p = mcp_audit_string(p, mcp_audit_name("tool"), approval->tool,
                         MCP_AUDIT_NAME);
    p = mcp_audit_string(p, mcp_audit_name("decision"), approval->decision,
                         MCP_AUDIT_WORD);
    p = mcp_audit_string(p, mcp_audit_name("rule"), approval->rule,
                         MCP_AUDIT_TEXT);
    p = mcp_audit_hex(p, mcp_audit_name("approval"), approval->approval,
                      MCP_AUDIT_APPROVAL);
    p = mcp_audit_string(p, mcp_audit_name("by"), approval->by,
                         MCP_AUDIT_TEXT);
    p = mcp_audit_string(p, mcp_audit_name("comment"), approval->comment,
                         MCP_AUDIT_NAME);
    p = mcp_audit_put(p, mcp_str("}\n"));

    return (size_t) (p - dst);
}


mcp_audit_member uint8_t *
mcp_audit_put(uint8_t *p, mcp_str_t s)
{
    if (s.len) {
        memcpy(p, s.data, s.len);
    }

    return p + s.len;
}


mcp_audit_member uint8_t *
mcp_audit_string(uint8_t *p, mcp_str_t name, mcp_str_t value, size_t limit)
{
    if (value.len == 0) {
        return p;
    }

    return mcp_audit_quote(mcp_audit_put(p, name), value, limit);
}


mcp_audit_member uint8_t *
mcp_audit_integer(uint8_t *p, mcp_str_t name, uint64_t value)
{
    return mcp_audit_number(mcp_audit_put(p, name), value);
}


mcp_audit_member uint8_t *
mcp_audit_seconds(uint8_t *p, mcp_str_t name, uint64_t ms)
{
    p = mcp_audit_number(mcp_audit_put(p, name), ms / 1000);
    *p++ = '.';

    return mcp_audit_three(p, ms % 1000);
}


/* The Gregorian calendar counted from March, when leap days come last. */

uint8_t *
mcp_audit_time(uint8_t *p, uint64_t ms)
{
    uint64_t  days, seconds, era, year, day, month;

    if (ms > MCP_AUDIT_LAST_MS) {
        ms = MCP_AUDIT_LAST_MS;
    }

    seconds = ms / 1000;
    days = seconds / 86400 + 719468;      /* since 0000-03-01 */

    era = days / 146097;                  /* of 400 years */
    day = days % 146097;
    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;

    month = (month < 10) ? month + 3 : month - 9;
    year += 400 * era + (month <= 2);
    seconds %= 86400;

    p = mcp_audit_two(p, year / 100);
    p = mcp_audit_two(p, year % 100);
    *p++ = '-';
    p = mcp_audit_two(p, month);
    *p++ = '-';
    p = mcp_audit_two(p, day + 1);
    *p++ = 'T';
    p = mcp_audit_two(p, seconds / 3600);
    *p++ = ':';
    p = mcp_audit_two(p, seconds / 60 % 60);
    *p++ = ':';
    p = mcp_audit_two(p, seconds % 60);
    *p++ = '.';
    p = mcp_audit_three(p, ms % 1000);
    *p++ = 'Z';

    return p;
}


static uint8_t *
mcp_audit_target(uint8_t *p, const mcp_audit_message_t *message)
{
    static const mcp_str_t  names[MCP_TARGET_COUNT] = {
        [MCP_TARGET_NONE] = mcp_str_init(",\"target\":"),
        [MCP_TARGET_TOOL] = mcp_str_init(",\"tool\":"),
        [MCP_TARGET_PROMPT] = mcp_str_init(",\"prompt\":"),
        [MCP_TARGET_RESOURCE] = mcp_str_init(",\"uri\":"),
        [MCP_TARGET_TASK] = mcp_str_init(",\"task\":")
    };

    if (message->target_kind == MCP_TARGET_NONE) {
        return p;
    }

    p = mcp_audit_string(p, names[message->target_kind], message->target,
                         MCP_AUDIT_NAME);

    if (message->target_count > 1) {
        p = mcp_audit_integer(p, mcp_audit_name("targets"),
                              message->target_count);
    }

    return p;
}


/* A number keeps its spelling, unless that is one to fill logs with. */

static uint8_t *
mcp_audit_id(uint8_t *p, const mcp_audit_message_t *message)
{
    if (!message->id_string && message->id.len <= MCP_AUDIT_NUMBER
        && mcp_decimal_valid(message->id))
    {
        p = mcp_audit_put(p, mcp_audit_name("id"));
        return mcp_audit_put(p, message->id);
    }

    return mcp_audit_string(p, mcp_audit_name("id"), message->id,
                            MCP_AUDIT_TEXT);
}


static uint8_t *
mcp_audit_limit(uint8_t *p, const mcp_audit_message_t *message)
{
    char       decimal[MCP_AUDIT_WORD];
    mcp_str_t  remaining;

    if (!message->limited) {
        return p;
    }

    remaining.data = (uint8_t *) decimal;
    remaining.len = mcp_decimal_format(message->remaining, decimal,
                                       sizeof(decimal));

    p = mcp_audit_put(p, mcp_audit_name("limit"));
    p = mcp_audit_put(p, mcp_str("{\"remaining\":"));
    p = mcp_audit_put(p, remaining);
    p = mcp_audit_integer(p, mcp_audit_name("reset"), message->reset_s);
    *p++ = '}';

    return p;
}


static uint8_t *
mcp_audit_keys(uint8_t *p, const mcp_audit_message_t *message)
{
    uint8_t   *start;
    uint32_t   i;

    if (!message->arguments) {
        return p;
    }

    p = mcp_audit_integer(p, mcp_audit_name("argument_count"),
                          message->argument_count);
    p = mcp_audit_put(p, mcp_audit_name("argument_keys"));
    *p++ = '[';

    start = p;

    for (i = 0; i < message->key_count; i++) {

        if ((size_t) (p - start) + MCP_AUDIT_KEY + sizeof(",\"\"") - 1
            > MCP_AUDIT_KEYS_LENGTH)
        {
            break;
        }

        if (i) {
            *p++ = ',';
        }

        p = mcp_audit_quote(p, message->keys[i], MCP_AUDIT_KEY);
    }

    *p++ = ']';

    return p;
}


static uint8_t *
mcp_audit_approval(uint8_t *p, const mcp_audit_message_t *message)
{
    if (message->approval == NULL) {
        return p;
    }

    p = mcp_audit_hex(p, mcp_audit_name("approval"), message->approval,
                      MCP_AUDIT_APPROVAL);

    if (message->approval_count > 1) {
        p = mcp_audit_integer(p, mcp_audit_name("approvals"),
                              message->approval_count);
    }

    return p;
}


static uint8_t *
mcp_audit_hash(uint8_t *p, mcp_str_t name, const uint64_t *hash)
{
    if (hash == NULL) {
        return p;
    }

    p = mcp_audit_put(p, name);

    *p++ = '"';
    p = mcp_hex_write(p, hash);
    *p++ = '"';

    return p;
}


static uint8_t *
mcp_audit_hex(uint8_t *p, mcp_str_t name, const uint8_t *bytes,
    uint32_t count)
{
    uint32_t  i;

    static const char  hex[] = "0123456789abcdef";

    p = mcp_audit_put(p, name);
    *p++ = '"';

    for (i = 0; i < count; i++) {
        *p++ = (uint8_t) hex[bytes[i] >> 4];
        *p++ = (uint8_t) hex[bytes[i] & 0xf];
    }

    *p++ = '"';

    return p;
}


static void
mcp_audit_sort(mcp_str_t *keys, uint32_t count)
{
    uint32_t   i, n;
    mcp_str_t  key;

    for (i = 1; i < count; i++) {
        key = keys[i];

        for (n = i; n && mcp_audit_compare(key, keys[n - 1]) < 0; n--) {
            keys[n] = keys[n - 1];
        }

        keys[n] = key;
    }
}


static int
mcp_audit_compare(mcp_str_t a, mcp_str_t b)
{
    int     order;
    size_t  len;

    len = a.len < b.len ? a.len : b.len;
    order = len ? memcmp(a.data, b.data, len) : 0;

    if (order) {
        return order;
    }

    return (a.len > b.len) - (a.len < b.len);
}


static uint8_t *
mcp_audit_quote(uint8_t *p, mcp_str_t s, size_t limit)
{
    *p++ = '"';

    if (s.len <= limit && mcp_audit_plain(s)) {
        p = mcp_audit_put(p, s);

    } else {
        p = mcp_audit_escape(p, s, limit);
    }

    *p++ = '"';

    return p;
}


/* Takes at most "limit" bytes; never half of a character or an escape. */

static uint8_t *
mcp_audit_escape(uint8_t *p, mcp_str_t s, size_t limit)
{
    size_t          n;
    uint8_t         character[MCP_JSON_ESCAPE_MAX];
    uint8_t        *start, *cut;
    const uint8_t  *pos, *end;

    start = p;
    cut = p;
    pos = s.data;
    end = pos + s.len;

    while (pos < end) {
        n = mcp_audit_character(character, &pos, end);

        if ((size_t) (p - start) + n > limit) {
            return mcp_audit_put(cut, mcp_str(MCP_AUDIT_ELLIPSIS));
        }

        memcpy(p, character, n);
        p += n;

        if ((size_t) (p - start) + sizeof(MCP_AUDIT_ELLIPSIS) - 1 <= limit) {
            cut = p;
        }
    }

    return p;
}


/*
 * Whether nothing is to be escaped: looks at eight bytes at a time, at those
 * around the end twice.
 */

static bool
mcp_audit_plain(mcp_str_t s)
{
    size_t    i;
    uint32_t  half;
    uint64_t  word, odd;

    odd = 0;

    if (s.len >= 8) {
        for (i = 0; i < s.len - 8; i += 8) {
            memcpy(&word, s.data + i, 8);
            odd |= mcp_audit_odd(word);
        }

        memcpy(&word, s.data + s.len - 8, 8);

    } else if (s.len >= 4) {
        memcpy(&half, s.data, 4);
        word = (uint64_t) half << 32;
        memcpy(&half, s.data + s.len - 4, 4);
        word |= half;

    } else {
        word = UINT64_C(0x2020202020202020);

        for (i = 0; i < s.len; i++) {
            word = word << 8 | s.data[i];
        }
    }

    return ((odd | mcp_audit_odd(word)) & UINT64_C(0x8080808080808080)) == 0;
}


/* A high bit: some byte of the word, or one next to it, is to be escaped. */

static inline uint64_t
mcp_audit_odd(uint64_t word)
{
    const uint64_t  ones = UINT64_C(0x0101010101010101);

    /* a byte that is less than what is taken away borrows its high bit */

    return word
           | (word - ones * ' ')
           | ((word ^ ones * '"') - ones)
           | ((word ^ ones * '\\') - ones)
           | ((word ^ ones * 0x7f) - ones);
}


/*
 * Whatever a terminal or a reader of lines could take for a command stays
 * escaped: controls of both sets, U+2028 and U+2029.
 */

static size_t
mcp_audit_character(uint8_t *dst, const uint8_t **s, const uint8_t *end)
{
    unsigned        n;
    const uint8_t  *p;

    p = *s;

    if (*p < 0x80) {
        (*s)++;

        if (*p < 0x20 || *p == 0x7f) {
            return mcp_audit_unicode(dst, *p);
        }

        n = 0;

        if (*p == '"' || *p == '\\') {
            dst[n++] = '\\';
        }

        dst[n++] = *p;

        return n;
    }

    n = mcp_json_utf8(p, end);

    if (n == 0) {
        (*s)++;
        return mcp_audit_unicode(dst, 0xfffd);
    }

    *s += n;

    if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0) {
        return mcp_audit_unicode(dst, p[1]);
    }

    if (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8) {
        return mcp_audit_unicode(dst, 0x2000u + (p[2] & 0x3f));
    }

    memcpy(dst, p, n);

    return n;
}


static inline uint8_t *
mcp_audit_two(uint8_t *p, uint64_t value)
{
    p[0] = (uint8_t) ('0' + value / 10);
    p[1] = (uint8_t) ('0' + value % 10);

    return p + 2;
}


static inline uint8_t *
mcp_audit_three(uint8_t *p, uint64_t value)
{
    *p = (uint8_t) ('0' + value / 100);

    return mcp_audit_two(p + 1, value % 100);
}


static uint8_t *
mcp_audit_number(uint8_t *p, uint64_t value)
{
    unsigned  n;
    uint8_t   digits[MCP_AUDIT_DIGITS];

    if (value < 10) {
        *p = (uint8_t) ('0' + value);
        return p + 1;
    }

    if (value >= 100 && value < 1000) {
        return mcp_audit_three(p, value);
    }

    n = 0;

    do {
        digits[n++] = (uint8_t) ('0' + value % 10);
        value /= 10;
    } while (value);

    while (n) {
        *p++ = digits[--n];
    }

    return p;
}


static size_t
mcp_audit_unicode(uint8_t *dst, unsigned c)
{
    unsigned  i;

    static const char  hex[] = "0123456789abcdef";

    dst[0] = '\\';
    dst[1] = 'u';

    for (i = 0; i < 4; i++) {
        dst[2 + i] = (uint8_t) hex[(c >> (12 - 4 * i)) & 0xf];
    }

    return 6;
}
