/* The page of mcp_status as tables. */

#include "mcp_decimal.h"

#include "status.h"


#define CLI_STATUS_BAR   10
#define CLI_STATUS_NEAR  (MCP_DECIMAL_UNIT * 8 / 10)    /* a limit, its end */


/* A page that is being printed. */
typedef struct {
    cli_http_t        *http;
    const mcp_json_t  *json;
    FILE              *out;
    unsigned           findings;
} cli_page_t;


static bool cli_status_list(cli_page_t *page, uint32_t object,
    const char *name, bool (*print)(cli_page_t *page, uint32_t element));
static bool cli_status_policy(cli_page_t *page, uint32_t policy);
static bool cli_status_file(cli_page_t *page, uint32_t file);
static bool cli_status_pins(cli_page_t *page, uint32_t pins);
static bool cli_status_limit(cli_page_t *page, uint32_t limit);
static bool cli_status_series(cli_page_t *page, uint32_t series);
static bool cli_status_zone(cli_page_t *page, uint32_t zone);
static bool cli_status_approvals(cli_page_t *page, uint32_t approvals);
static void cli_status_finding(cli_page_t *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool cli_status_true(const cli_page_t *page, uint32_t object,
    const char *name);
static bool cli_status_string(cli_page_t *page, uint32_t object,
    const char *name, mcp_str_t *value);
static bool cli_status_number(const cli_page_t *page, uint32_t object,
    const char *name, mcp_str_t *value);
static bool cli_status_amount(const cli_page_t *page, uint32_t object,
    const char *name, int64_t *value);
static uint32_t cli_status_member(const cli_page_t *page, uint32_t object,
    const char *name, mcp_json_type_t type);


cli_code_t
cli_status_print(cli_http_t *http, mcp_str_t text, FILE *out)
{
    bool        good;
    mcp_str_t   schema;
    mcp_json_t  json;
    cli_page_t  page;

    if (cli_http_json(http, text, &json) != MCP_OK) {
        return CLI_FAILED;
    }

    memset(&page, 0, sizeof(cli_page_t));

    page.http = http;
    page.json = &json;
    page.out = out;

    good = json.tokens[0].type == MCP_JSON_OBJECT
           && cli_status_number(&page, 0, "schema", &schema)
           && mcp_str_equal(schema, mcp_str("1"))
           && cli_status_list(&page, 0, "policies", cli_status_policy)
           && cli_status_list(&page, 0, "zones", cli_status_zone);

    if (!good) {
        return cli_http_error(http, "the answer is no page of mcp_status "
                              "that this version knows");
    }

    return page.findings ? CLI_FINDINGS : CLI_GOOD;
}


/* False: there is no such list, or an element is not as it should be. */
static bool
cli_status_list(cli_page_t *page, uint32_t object, const char *name,
    bool (*print)(cli_page_t *page, uint32_t element))
{
    bool      good;
    uint32_t  i, list;

    list = cli_status_member(page, object, name, MCP_JSON_ARRAY);
    good = list != MCP_JSON_NONE;

    for (i = list + 1; good && i < page->json->tokens[list].next;
         i = page->json->tokens[i].next)
    {
        good = page->json->tokens[i].type == MCP_JSON_OBJECT
               && print(page, i);
    }

    return good;
}


static bool
cli_status_policy(cli_page_t *page, uint32_t policy)
{
    bool       good;
    uint32_t   file, pins;
    mcp_str_t  name, generation, sha256;

    if (!cli_status_string(page, policy, "name", &name)) {
        return false;
    }

    cli_coloured(page->out, CLI_BOLD, "policy ");
    cli_print(page->out, name.len ? name : mcp_str("(unknown)"));

    file = cli_status_member(page, policy, "file", MCP_JSON_OBJECT);

    if (file != MCP_JSON_NONE
        && cli_status_number(page, file, "generation", &generation)
        && cli_status_string(page, file, "sha256", &sha256))
    {
        fprintf(page->out, ", generation %.*s, sha256 ",
                cli_shown(generation));
        cli_print(page->out, sha256);
    }

    putc('\n', page->out);

    good = file == MCP_JSON_NONE || cli_status_file(page, file);

    pins = cli_status_member(page, policy, "pins", MCP_JSON_OBJECT);

    good = good && (pins == MCP_JSON_NONE || cli_status_pins(page, pins));

    /* an older gateway does not tell of them */

    if (cli_status_member(page, policy, "limits", MCP_JSON_ARRAY)
        != MCP_JSON_NONE)
    {
        good = good && cli_status_list(page, policy, "limits",
                                       cli_status_limit);
    }

    good = good && cli_status_list(page, policy, "series",
                                   cli_status_series);

    putc('\n', page->out);

    return good;
}


static bool
cli_status_file(cli_page_t *page, uint32_t file)
{
    uint32_t   newest;
    mcp_str_t  generation, other;

    if (cli_status_true(page, file, "rejected")) {
        cli_status_finding(page, "the file has errors and is not in force");
    }

    newest = cli_status_member(page, file, "newest", MCP_JSON_OBJECT);

    if (newest == MCP_JSON_NONE
        || !cli_status_number(page, file, "generation", &generation)
        || !cli_status_number(page, newest, "generation", &other))
    {
        return false;
    }

    if (!mcp_str_equal(generation, other)) {
        cli_status_finding(page, "another worker has generation %.*s",
                           cli_shown(other));
    }

    return true;
}


static bool
cli_status_pins(cli_page_t *page, uint32_t pins)
{
    mcp_str_t  pinned, changed;

    if (!cli_status_number(page, pins, "pinned", &pinned)
        || !cli_status_number(page, pins, "changed", &changed))
    {
        return false;
    }

    if (!mcp_str_equal(changed, mcp_str("0"))) {
        cli_status_finding(page, "%.*s of %.*s pinned definitions have "
                           "changed", cli_shown(changed), cli_shown(pinned));
    }

    return true;
}


static bool
cli_status_limit(cli_page_t *page, uint32_t limit)
{
    int64_t       used;
    unsigned      i, permille;
    mcp_str_t     rule, text, counters, exhausted;
    cli_colour_t  colour;

    if (!cli_status_string(page, limit, "rule", &rule)
        || !cli_status_string(page, limit, "limit", &text)
        || !cli_status_amount(page, limit, "utilization", &used)
        || !cli_status_number(page, limit, "counters", &counters)
        || !cli_status_number(page, limit, "exhausted", &exhausted)
        || used > MCP_DECIMAL_UNIT)
    {
        return false;
    }

    permille = (unsigned) (used / (MCP_DECIMAL_UNIT / 1000));

    colour = (used == MCP_DECIMAL_UNIT) ? CLI_RED
             : (used >= CLI_STATUS_NEAR) ? CLI_YELLOW
             : CLI_GREEN;

    fprintf(page->out, "  %*u.%u %%  ", 8, permille / 10, permille % 10);

    for (i = 0; i < CLI_STATUS_BAR; i++) {
        cli_coloured(page->out, colour, "%c",
                     i * 1000 < permille * CLI_STATUS_BAR ? '#' : '.');
    }

    fputs("  ", page->out);
    cli_print(page->out, text);
    fputs(" of ", page->out);
    cli_print(page->out, rule);
    fprintf(page->out, ": %.*s in use, %.*s at the end%s\n",
            cli_shown(counters), cli_shown(exhausted),
            cli_status_true(page, limit, "dry_run") ? ", dry run" : "");

    return true;
}


/* What is of one width comes first: names are as long as they like. */
static bool
cli_status_series(cli_page_t *page, uint32_t series)
{
    bool          dry;
    size_t        i;
    mcp_str_t     count, decision, reason, method, tool;
    cli_colour_t  colour;

    if (!cli_status_number(page, series, "count", &count)
        || !cli_status_string(page, series, "decision", &decision)
        || !cli_status_string(page, series, "reason", &reason)
        || !cli_status_string(page, series, "method", &method)
        || !cli_status_string(page, series, "tool", &tool)
        || count.len > 20 || decision.len > 16)
    {
        return false;
    }

    for (i = 0; i < decision.len; i++) {
        if (decision.data[i] < 'a' || decision.data[i] > 'z') {
            return false;
        }
    }

    dry = cli_status_true(page, series, "dry_run");

    colour = dry ? CLI_YELLOW
             : mcp_str_equal(decision, mcp_str("allow")) ? CLI_GREEN
             : CLI_RED;

    fprintf(page->out, "  %*.*s  ", 12, cli_shown(count));
    cli_coloured(page->out, colour, "%s", dry ? "dry " : "");
    cli_coloured(page->out, colour, "%-*.*s", dry ? 8 : 12,
                 cli_shown(decision));
    cli_print(page->out, method.len ? method : mcp_str("-"));

    if (tool.len) {
        putc(' ', page->out);
        cli_print(page->out, tool);
    }

    if (reason.len) {
        fputs(": ", page->out);
        cli_print(page->out, reason);
    }

    putc('\n', page->out);

    return true;
}


static bool
cli_status_zone(cli_page_t *page, uint32_t zone)
{
    int64_t    full, room;
    uint32_t   counters, approvals;
    mcp_str_t  name, used, limit, refused;

    if (!cli_status_string(page, zone, "name", &name)) {
        return false;
    }

    counters = cli_status_member(page, zone, "counters", MCP_JSON_OBJECT);

    if (counters == MCP_JSON_NONE
        || !cli_status_number(page, counters, "used", &used)
        || !cli_status_number(page, counters, "limit", &limit)
        || !cli_status_number(page, counters, "full", &refused)
        || !cli_status_amount(page, counters, "used", &full)
        || !cli_status_amount(page, counters, "limit", &room))
    {
        return false;
    }

    cli_coloured(page->out, CLI_BOLD, "zone ");
    cli_print(page->out, name);
    fprintf(page->out, ": %.*s of %.*s counters, full %.*s times\n",
            cli_shown(used), cli_shown(limit), cli_shown(refused));

    if (full >= room) {
        cli_status_finding(page, "the zone has no room for another counter");
    }

    approvals = cli_status_member(page, zone, "approvals", MCP_JSON_OBJECT);

    return approvals == MCP_JSON_NONE
           || cli_status_approvals(page, approvals);
}


static bool
cli_status_approvals(cli_page_t *page, uint32_t approvals)
{
    unsigned      i;
    mcp_str_t     number;
    cli_colour_t  colour;

    static const char *const  names[] = {
        "pending", "approved", "denied", "room", "created", "expired",
        "used", "refused"
    };

    fputs("  approvals:", page->out);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if (!cli_status_number(page, approvals, names[i], &number)) {
            return false;
        }

        colour = (i == 0 && !mcp_str_equal(number, mcp_str("0")))
                 ? CLI_YELLOW : CLI_PLAIN;

        fputs(i ? ", " : " ", page->out);
        cli_coloured(page->out, colour, "%s %.*s", names[i],
                     cli_shown(number));
    }

    putc('\n', page->out);

    return true;
}


/* Something that somebody should look after. */
static void
cli_status_finding(cli_page_t *page, const char *format, ...)
{
    va_list  args;

    page->findings++;

    fputs("  ", page->out);
    cli_coloured(page->out, CLI_RED, "attention:");
    putc(' ', page->out);

    va_start(args, format);
    vfprintf(page->out, format, args);
    va_end(args);

    putc('\n', page->out);
}


static bool
cli_status_true(const cli_page_t *page, uint32_t object, const char *name)
{
    return cli_status_member(page, object, name, MCP_JSON_TRUE)
           != MCP_JSON_NONE;
}


static bool
cli_status_string(cli_page_t *page, uint32_t object, const char *name,
    mcp_str_t *value)
{
    uint32_t  token;

    token = cli_status_member(page, object, name, MCP_JSON_STRING);

    return token != MCP_JSON_NONE
           && mcp_json_string(page->json, token, &page->http->arena, value)
              == MCP_OK;
}


/* As it is written; the longest that a gateway prints has 20 digits. */
static bool
cli_status_number(const cli_page_t *page, uint32_t object, const char *name,
    mcp_str_t *value)
{
    uint32_t  token;

    token = cli_status_member(page, object, name, MCP_JSON_NUMBER);

    if (token == MCP_JSON_NONE) {
        return false;
    }

    *value = mcp_json_raw(page->json, token);

    return value->len <= 20;
}


/* In millionths. */
static bool
cli_status_amount(const cli_page_t *page, uint32_t object, const char *name,
    int64_t *value)
{
    mcp_str_t    number;
    mcp_error_t  error;

    return cli_status_number(page, object, name, &number)
           && mcp_decimal_micros(number, value, &error) == MCP_OK;
}


static uint32_t
cli_status_member(const cli_page_t *page, uint32_t object, const char *name,
    mcp_json_type_t type)
{
    uint32_t  token;

    token = mcp_json_member(page->json, object, cli_str(name));

    return token != MCP_JSON_NONE && page->json->tokens[token].type == type
           ? token : MCP_JSON_NONE;
}
