#include <stddef.h>
#include <stdio.h>

#include "case.h"


#define CLI_TYPE(type)  (1u << (type))
#define CLI_TYPES_ANY   (~0u)

#define CLI_CASE_DEPTH  1000

/* how a field is taken over */
typedef enum {
    CLI_FIELD_STRING,      /* unescaped */
    CLI_FIELD_RAW,         /* as written */
    CLI_FIELD_TOKEN        /* an object of strings */
} cli_field_kind_t;

typedef struct {
    mcp_str_t         name;
    cli_field_kind_t  kind;
    unsigned          types;
    size_t            offset;
} cli_field_t;


static mcp_rc_t cli_case_fields(cli_case_t *c, mcp_arena_t *arena,
    mcp_error_t *error);
static mcp_rc_t cli_case_field(cli_case_t *c, const cli_field_t *field,
    uint32_t value, mcp_arena_t *arena, mcp_error_t *error);
static mcp_rc_t cli_case_strings(const mcp_json_t *json, uint32_t object,
    mcp_str_t name, mcp_arena_t *arena, mcp_error_t *error);
static mcp_rc_t cli_case_check(cli_case_t *c, mcp_error_t *error);
static bool cli_case_one_of(mcp_str_t word, const char *const *words,
    unsigned *index);
static bool cli_case_header_name(const mcp_json_t *json, uint32_t key,
    mcp_str_t name, bool variable);
static uint8_t cli_case_lower(uint8_t ch);
static bool cli_case_digits(mcp_str_t *text, unsigned count, unsigned *value);
static bool cli_case_char(mcp_str_t *text, char ch);
static bool cli_case_fraction(mcp_str_t *text, unsigned *milli);
static bool cli_case_zone(mcp_str_t *text, int *minutes);
static int64_t cli_case_days(unsigned year, unsigned month, unsigned day);


static const cli_field_t  cli_fields[] = {

    { mcp_str_init("tool"), CLI_FIELD_RAW, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, tool) },

    { mcp_str_init("arguments"), CLI_FIELD_RAW, CLI_TYPES_ANY,
      offsetof(cli_case_t, arguments) },

    { mcp_str_init("body"), CLI_FIELD_STRING, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, body) },

    { mcp_str_init("headers"), CLI_FIELD_TOKEN, CLI_TYPE(MCP_JSON_OBJECT),
      offsetof(cli_case_t, headers) },

    { mcp_str_init("expect"), CLI_FIELD_STRING, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, expect) },

    { mcp_str_init("message"), CLI_FIELD_STRING, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, message) },

    { mcp_str_init("rule"), CLI_FIELD_STRING, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, rule) },

    { mcp_str_init("grant"), CLI_FIELD_STRING, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, grant) },

    { mcp_str_init("session"), CLI_FIELD_STRING, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, session) },

    { mcp_str_init("vars"), CLI_FIELD_TOKEN, CLI_TYPE(MCP_JSON_OBJECT),
      offsetof(cli_case_t, vars) },

    { mcp_str_init("at"), CLI_FIELD_STRING, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, at) },

    { mcp_str_init("upstream"), CLI_FIELD_STRING, CLI_TYPE(MCP_JSON_STRING),
      offsetof(cli_case_t, upstream_name) }
};

#define CLI_FIELDS  (sizeof(cli_fields) / sizeof(cli_fields[0]))


static const char *const  cli_expectations[] = {
    "allow", "deny", "limit", "approve", "invalid", NULL
};

/* in the order of cli_upstream_t */
static const char *const  cli_upstreams[] = {
    "ok", "error", "tool_error", "unreachable", NULL
};


mcp_rc_t
cli_case_read(cli_case_t *c, mcp_str_t line, mcp_arena_t *arena,
    mcp_error_t *error)
{
    mcp_rc_t      rc;
    mcp_limits_t  limits;

    memset(c, 0, sizeof(cli_case_t));
    memset(&limits, 0, sizeof(mcp_limits_t));

    /* arguments that are refused for their depth must fit in a case */

    limits.depth = CLI_CASE_DEPTH;
    limits.tokens = MCP_DEFAULT_TOKENS;
    limits.string_length = MCP_DEFAULT_STRING_LENGTH;
    limits.number_length = MCP_DEFAULT_STRING_LENGTH;

    rc = mcp_json_parse(&c->json, line, &limits, arena, error);

    if (rc == MCP_ERROR) {
        return mcp_error_set(error, error->code, error->offset,
                             "the case is not valid JSON: %s at column %zu",
                             mcp_json_code_name(error->code),
                             error->offset + 1);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (c->json.defect != MCP_JSON_VALID) {
        return mcp_error_set(error, c->json.defect, c->json.defect_offset,
                             "the case is ambiguous JSON: %s at column %zu",
                             mcp_json_code_name(c->json.defect),
                             c->json.defect_offset + 1);
    }

    if (c->json.tokens[0].type != MCP_JSON_OBJECT) {
        return mcp_error_set(error, 0, 0, "the case is not a JSON object");
    }

    rc = cli_case_fields(c, arena, error);
    if (rc != MCP_OK) {
        return rc;
    }

    return cli_case_check(c, error);
}


static mcp_rc_t
cli_case_fields(cli_case_t *c, mcp_arena_t *arena, mcp_error_t *error)
{
    size_t                   i;
    uint32_t                 key;
    mcp_rc_t                 rc;
    mcp_str_t                raw;
    const mcp_json_token_t  *tokens;

    tokens = c->json.tokens;

    for (key = 1; key < tokens[0].next; key = tokens[key + 1].next) {

        for (i = 0; i < CLI_FIELDS; i++) {
            if (mcp_json_string_equal(&c->json, key, cli_fields[i].name)) {
                break;
            }
        }

        if (i == CLI_FIELDS) {
            raw = mcp_json_raw(&c->json, key);
            return mcp_error_set(error, 0, tokens[key].start,
                                 "unknown field %.*s", cli_shown(raw));
        }

        rc = cli_case_field(c, &cli_fields[i], key + 1, arena, error);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
cli_case_field(cli_case_t *c, const cli_field_t *field, uint32_t value,
    mcp_arena_t *arena, mcp_error_t *error)
{
    void       *to;
    mcp_rc_t    rc;
    mcp_str_t  *string;

    if (!(field->types & CLI_TYPE(c->json.tokens[value].type))) {
        return mcp_error_set(error, 0, c->json.tokens[value].start,
                             "\"%.*s\" must be %s", cli_shown(field->name),
                             field->kind == CLI_FIELD_TOKEN ? "an object"
                                                            : "a string");
    }

    to = (char *) c + field->offset;

    if (field->kind == CLI_FIELD_TOKEN) {
        *(uint32_t *) to = value;
        return cli_case_strings(&c->json, value, field->name, arena, error);
    }

    string = to;

    if (field->kind == CLI_FIELD_RAW) {
        *string = mcp_json_raw(&c->json, value);

        if (c->json.tokens[value].type == MCP_JSON_STRING
            && string == &c->tool)
        {
            rc = mcp_json_string(&c->json, value, arena, &c->tool_name);
            return (rc == MCP_NOMEM) ? rc : MCP_OK;
        }

        return MCP_OK;
    }

    rc = mcp_json_string(&c->json, value, arena, string);

    if (rc == MCP_NO) {
        return mcp_error_set(error, 0, c->json.tokens[value].start,
                             "\"%.*s\" contains U+0000 or an unpaired "
                             "surrogate", cli_shown(field->name));
    }

    if (rc == MCP_OK && string->data == NULL) {
        string->data = (const uint8_t *) "";
    }

    return rc;
}


static mcp_rc_t
cli_case_strings(const mcp_json_t *json, uint32_t object, mcp_str_t name,
    mcp_arena_t *arena, mcp_error_t *error)
{
    uint32_t   key;
    mcp_rc_t   rc;
    mcp_str_t  string;

    for (key = object + 1;
         key < json->tokens[object].next;
         key = json->tokens[key + 1].next)
    {
        rc = MCP_NO;

        if (json->tokens[key + 1].type == MCP_JSON_STRING) {
            rc = mcp_json_string(json, key + 1, arena, &string);
        }

        if (rc == MCP_NO) {
            string = mcp_json_raw(json, key);
            return mcp_error_set(error, 0, json->tokens[key].start,
                                 "%.*s in \"%.*s\" must be a string without "
                                 "U+0000 and unpaired surrogates",
                                 cli_shown(string), cli_shown(name));
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static mcp_rc_t
cli_case_check(cli_case_t *c, mcp_error_t *error)
{
    unsigned  index;

    if (c->body.data == NULL && c->tool.data == NULL) {
        return mcp_error_set(error, 0, 0,
                             "the case has neither \"tool\" nor \"body\"");
    }

    if (c->body.data && c->arguments.data) {
        return mcp_error_set(error, 0, 0,
                             "the case has both \"arguments\" and \"body\"");
    }

    if (c->expect.data == NULL) {
        return mcp_error_set(error, 0, 0, "the case has no \"expect\"");
    }

    if (!cli_case_one_of(c->expect, cli_expectations, &index)) {
        return mcp_error_set(error, 0, 0, "invalid \"expect\", it must be "
                             "\"allow\", \"deny\", \"limit\", \"approve\" or "
                             "\"invalid\"");
    }

    if (c->upstream_name.data) {
        if (!cli_case_one_of(c->upstream_name, cli_upstreams, &index)) {
            return mcp_error_set(error, 0, 0, "invalid \"upstream\", it must "
                                 "be \"ok\", \"error\", \"tool_error\" or "
                                 "\"unreachable\"");
        }

        c->upstream = (cli_upstream_t) index;
    }

    if (c->at.data && cli_case_time(c->at, &c->at_ms) != MCP_OK) {
        return mcp_error_set(error, 0, 0, "invalid \"at\", it must be a time "
                             "such as \"2026-01-15T10:30:00Z\"");
    }

    return MCP_OK;
}


static bool
cli_case_one_of(mcp_str_t word, const char *const *words, unsigned *index)
{
    unsigned  i;

    for (i = 0; words[i]; i++) {
        if (mcp_str_equal(word, cli_str(words[i]))) {
            *index = i;
            return true;
        }
    }

    return false;
}


mcp_rc_t
cli_case_body(const cli_case_t *c, bool modern, mcp_arena_t *arena,
    mcp_str_t *body)
{
    char       *text;
    int         n;
    size_t      size;
    mcp_str_t   arguments;

    static const char  meta[] =
        ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"
        "\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}";

    if (c->body.data) {
        *body = c->body;
        return MCP_OK;
    }

    arguments = c->arguments;

    size = 128 + sizeof(meta) + c->tool.len + arguments.len;

    text = mcp_arena_alloc(arena, size);
    if (text == NULL) {
        return MCP_NOMEM;
    }

    n = snprintf(text, size, "{\"jsonrpc\":\"2.0\",\"id\":1,"
                 "\"method\":\"tools/call\",\"params\":{\"name\":");

    /* the tokenizer let no NUL pass, but let lengths rule all the same */

    memcpy(text + n, c->tool.data, c->tool.len);
    n += (int) c->tool.len;

    if (arguments.data) {
        n += snprintf(text + n, size - n, ",\"arguments\":");
        memcpy(text + n, arguments.data, arguments.len);
        n += (int) arguments.len;
    }

    n += snprintf(text + n, size - n, "%s}}", modern ? meta : "");

    body->data = (uint8_t *) text;
    body->len = n;

    return MCP_OK;
}


mcp_rc_t
cli_case_header(const cli_case_t *c, mcp_str_t name, mcp_arena_t *arena,
    mcp_header_t *header)
{
    uint32_t           key, end;
    mcp_rc_t           rc;
    mcp_str_t          value;
    const mcp_json_t  *json;

    memset(header, 0, sizeof(mcp_header_t));

    if (c->headers == MCP_JSON_NONE) {
        return MCP_OK;
    }

    json = &c->json;
    end = json->tokens[c->headers].next;

    for (key = c->headers + 1; key < end; key = json->tokens[key + 1].next) {

        if (!cli_case_header_name(json, key, name, false)) {
            continue;
        }

        rc = mcp_json_string(json, key + 1, arena, &value);
        if (rc != MCP_OK) {
            return rc;
        }

        /* names that differ in case alone are repeated lines */

        if (header->count++ == 0) {
            header->value = value;
        }
    }

    return MCP_OK;
}


mcp_rc_t
cli_case_variable(void *data, mcp_str_t name, mcp_arena_t *arena,
    mcp_str_t *value)
{
    uint32_t           key, end;
    const cli_case_t  *c;

    c = data;

    if (c->vars != MCP_JSON_NONE) {
        key = mcp_json_member(&c->json, c->vars, name);

        if (key != MCP_JSON_NONE) {
            return mcp_json_string(&c->json, key, arena, value);
        }
    }

    if (c->headers == MCP_JSON_NONE
        || name.len < 6 || memcmp(name.data, "http_", 5) != 0)
    {
        return MCP_NO;
    }

    name.data += 5;
    name.len -= 5;

    end = c->json.tokens[c->headers].next;

    for (key = c->headers + 1;
         key < end;
         key = c->json.tokens[key + 1].next)
    {
        if (cli_case_header_name(&c->json, key, name, true)) {
            return mcp_json_string(&c->json, key + 1, arena, value);
        }
    }

    return MCP_NO;
}


/* Whether a key is the header "name"; a variable has "_" for "-". */
static bool
cli_case_header_name(const mcp_json_t *json, uint32_t key, mcp_str_t name,
    bool variable)
{
    size_t     i;
    uint8_t    ch;
    mcp_str_t  text;

    text.data = json->text + json->tokens[key].start;
    text.len = json->tokens[key].end - json->tokens[key].start;

    if (text.len != name.len) {
        return false;
    }

    for (i = 0; i < text.len; i++) {
        ch = cli_case_lower(text.data[i]);

        if (variable && ch == '-') {
            ch = '_';
        }

        if (ch != cli_case_lower(name.data[i])) {
            return false;
        }
    }

    return true;
}


static uint8_t
cli_case_lower(uint8_t ch)
{
    return (ch >= 'A' && ch <= 'Z') ? (uint8_t) (ch | 0x20) : ch;
}


mcp_rc_t
cli_case_time(mcp_str_t text, uint64_t *ms)
{
    int       zone;
    bool      leap;
    int64_t   seconds;
    unsigned  year, month, day, hour, minute, second, milli;

    static const unsigned char  days[] = { 31, 28, 31, 30, 31, 30,
                                           31, 31, 30, 31, 30, 31 };

    if (!cli_case_digits(&text, 4, &year) || !cli_case_char(&text, '-')
        || !cli_case_digits(&text, 2, &month) || !cli_case_char(&text, '-')
        || !cli_case_digits(&text, 2, &day)
        || !(cli_case_char(&text, 't') || cli_case_char(&text, ' '))
        || !cli_case_digits(&text, 2, &hour) || !cli_case_char(&text, ':')
        || !cli_case_digits(&text, 2, &minute) || !cli_case_char(&text, ':')
        || !cli_case_digits(&text, 2, &second))
    {
        return MCP_ERROR;
    }

    if (!cli_case_fraction(&text, &milli) || !cli_case_zone(&text, &zone)
        || text.len != 0)
    {
        return MCP_ERROR;
    }

    leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    if (month < 1 || month > 12 || day < 1
        || day > days[month - 1] + (unsigned) (month == 2 && leap)
        || hour > 23 || minute > 59 || second > 60)
    {
        return MCP_ERROR;
    }

    seconds = cli_case_days(year, month, day) * 86400 + hour * 3600
              + minute * 60 - (int64_t) zone * 60;

    if (second == 60 && (seconds + 60) % 86400 != 0) {
        return MCP_ERROR;
    }

    seconds += second;

    if (seconds < 0) {
        return MCP_ERROR;
    }

    *ms = (uint64_t) seconds * 1000 + milli;

    return MCP_OK;
}


static bool
cli_case_digits(mcp_str_t *text, unsigned count, unsigned *value)
{
    unsigned  i;

    if (text->len < count) {
        return false;
    }

    *value = 0;

    for (i = 0; i < count; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return false;
        }

        *value = *value * 10 + (text->data[i] - '0');
    }

    text->data += count;
    text->len -= count;

    return true;
}


/* Takes a character, letters in either case. */
static bool
cli_case_char(mcp_str_t *text, char ch)
{
    if (text->len == 0 || cli_case_lower(text->data[0]) != (uint8_t) ch) {
        return false;
    }

    text->data++;
    text->len--;

    return true;
}


/* Without a "." nothing is taken; what is finer than milliseconds is cut. */
static bool
cli_case_fraction(mcp_str_t *text, unsigned *milli)
{
    unsigned  digit, digits;

    *milli = 0;

    if (!cli_case_char(text, '.')) {
        return true;
    }

    for (digits = 0; cli_case_digits(text, 1, &digit); digits++) {
        if (digits < 3) {
            *milli = *milli * 10 + digit;
        }
    }

    if (digits == 0) {
        return false;
    }

    for ( /* void */ ; digits < 3; digits++) {
        *milli *= 10;
    }

    return true;
}


static bool
cli_case_zone(mcp_str_t *text, int *minutes)
{
    int       sign;
    unsigned  hour, minute;

    if (cli_case_char(text, 'z')) {
        *minutes = 0;
        return true;
    }

    if (cli_case_char(text, '+')) {
        sign = 1;

    } else if (cli_case_char(text, '-')) {
        sign = -1;

    } else {
        return false;
    }

    if (!cli_case_digits(text, 2, &hour) || !cli_case_char(text, ':')
        || !cli_case_digits(text, 2, &minute) || hour > 23 || minute > 59)
    {
        return false;
    }

    *minutes = sign * (int) (hour * 60 + minute);

    return true;
}


/* Days since 1970-01-01 in the Gregorian calendar. */
static int64_t
cli_case_days(unsigned year, unsigned month, unsigned day)
{
    int64_t  y, m;

    /* years begin in March, so that the leap day comes last */

    y = (int64_t) year - (month <= 2);
    m = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1
           - 719468;
}
