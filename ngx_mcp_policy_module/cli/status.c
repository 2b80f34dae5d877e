/* The page of mcp_status as tables. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "client_http.h"


#define CLI_STATUS_WATCH  2     /* seconds */


typedef struct {
    bool         json;
    bool         help;
    unsigned     watch;         /* seconds, 0: once */
} cli_status_t;


static cli_code_t cli_status_options(cli_status_t *status, int *argc,
    char **argv, const char **url);
static cli_code_t cli_status_fetch(const cli_client_options_t *client,
    const cli_status_t *status);
static cli_code_t cli_status_show(cli_http_t *http, mcp_str_t text);
static bool cli_status_policy(cli_http_t *http, const mcp_json_t *json,
    uint32_t policy);
static bool cli_status_series(cli_http_t *http, const mcp_json_t *json,
    uint32_t series);
static bool cli_status_zone(cli_http_t *http, const mcp_json_t *json,
    uint32_t zone);
static bool cli_status_string(cli_http_t *http, const mcp_json_t *json,
    uint32_t object, const char *name, mcp_str_t *value);
static bool cli_status_number(const mcp_json_t *json, uint32_t object,
    const char *name, mcp_str_t *value);
static uint32_t cli_status_member(const mcp_json_t *json, uint32_t object,
    const char *name, mcp_json_type_t type);


static const char  cli_status_usage[] =
    "usage: mcp-policy status URL [--watch[=SECONDS]] [--json]\n"
    "                         [-H HEADER]... [--cacert FILE]"
    " [--timeout SECONDS]";

static const char  cli_status_help[] =
    "\n"
    "Prints what the page of mcp_status at URL tells: a table for each\n"
    "policy, and the zones.\n"
    "\n"
    "  --watch[=SECONDS]  again and again, every 2 seconds or as given\n"
    "  --json             print the page as it is\n"
    CLI_CLIENT_HELP
    "\n"
    "exit status: 0 good, 2 usage or I/O error";


cli_code_t
cli_status(int argc, char *const *argv)
{
    int                    i;
    char                 **args;
    const char            *url;
    cli_code_t             code;
    cli_status_t           status;
    cli_client_options_t   client;

    args = cli_alloc((size_t) argc * sizeof(char *) + 1);

    for (i = 0; i < argc; i++) {
        args[i] = argv[i];
    }

    memset(&status, 0, sizeof(cli_status_t));
    url = NULL;

    code = cli_client_options(&client, &argc, args, cli_status_usage);

    if (code == CLI_GOOD) {
        code = cli_status_options(&status, &argc, args, &url);
    }

    if (code == CLI_GOOD && status.help) {
        printf("%s\n%s\n", cli_status_usage, cli_status_help);

    } else if (code == CLI_GOOD) {
        client.url = url;

        do {
            if (status.watch && isatty(STDOUT_FILENO)) {
                fputs("\033[H\033[2J", stdout);
            }

            code = cli_status_fetch(&client, &status);

            if (fflush(stdout) != 0) {
                code = CLI_FAILED;
            }

        } while (status.watch && code != CLI_FAILED
                 && sleep(status.watch) == 0);
    }

    cli_client_options_free(&client);
    free(args);

    return code;
}


static cli_code_t
cli_status_options(cli_status_t *status, int *argc, char **argv,
    const char **url)
{
    int             i;
    char           *end;
    unsigned long   seconds;

    for (i = 0; i < *argc; i++) {

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            status->help = true;
            return CLI_GOOD;
        }

        if (strcmp(argv[i], "--json") == 0) {
            status->json = true;

        } else if (strcmp(argv[i], "--watch") == 0) {
            status->watch = CLI_STATUS_WATCH;

        } else if (strncmp(argv[i], "--watch=", 8) == 0) {
            errno = 0;
            seconds = strtoul(argv[i] + 8, &end, 10);

            if (argv[i][8] < '0' || argv[i][8] > '9' || *end || errno
                || seconds == 0 || seconds > 3600)
            {
                cli_error("invalid interval \"%s\", it must be 1 to 3600 "
                          "seconds", argv[i] + 8);
                return CLI_FAILED;
            }

            status->watch = (unsigned) seconds;

        } else if (argv[i][0] == '-') {
            cli_error("unknown option \"%s\"\n%s", argv[i],
                      cli_status_usage);
            return CLI_FAILED;

        } else if (*url == NULL) {
            *url = argv[i];

        } else {
            cli_error("expected one URL\n%s", cli_status_usage);
            return CLI_FAILED;
        }
    }

    if (*url == NULL) {
        cli_error("expected a URL\n%s", cli_status_usage);
        return CLI_FAILED;
    }

    return CLI_GOOD;
}


static cli_code_t
cli_status_fetch(const cli_client_options_t *client,
    const cli_status_t *status)
{
    cli_code_t       code;
    cli_http_t       http;
    cli_transfer_t  *transfer;

    transfer = NULL;
    code = cli_http_init(&http, client);

    if (code == CLI_GOOD) {
        transfer = cli_http_start(&http, NULL, client->url, NULL, NULL);
        code = cli_http_run(&http, transfer);
    }

    if (code == CLI_GOOD && transfer->status != 200) {
        code = cli_http_error(&http, "the server answered %ld",
                              transfer->status);
    }

    if (code == CLI_GOOD && strcmp(transfer->type, "application/json") != 0) {
        code = cli_http_error(&http, "the answer is not JSON: is mcp_status "
                              "at this URL?");
    }

    if (code == CLI_GOOD && status->json) {
        fwrite(transfer->body, 1, transfer->length, stdout);

    } else if (code == CLI_GOOD) {
        code = cli_status_show(&http, (mcp_str_t) {
                                          (uint8_t *) transfer->body,
                                          transfer->length });
    }

    if (code == CLI_FAILED) {
        fputs("mcp-policy: ", stderr);
        cli_coloured(stderr, CLI_RED, "error:");
        putc(' ', stderr);
        cli_print(stderr, cli_str(http.error));
        putc('\n', stderr);
    }

    if (transfer) {
        cli_http_end(transfer);
    }

    cli_http_free(&http);

    return code;
}


static cli_code_t
cli_status_show(cli_http_t *http, mcp_str_t text)
{
    bool        good;
    uint32_t    i, list;
    mcp_str_t   schema;
    mcp_json_t  json;

    if (cli_http_json(http, text, &json) != MCP_OK) {
        return CLI_FAILED;
    }

    good = json.tokens[0].type == MCP_JSON_OBJECT
           && cli_status_number(&json, 0, "schema", &schema)
           && mcp_str_equal(schema, mcp_str("1"));

    list = good ? cli_status_member(&json, 0, "policies", MCP_JSON_ARRAY)
                : MCP_JSON_NONE;
    good = list != MCP_JSON_NONE;

    for (i = list + 1; good && i < json.tokens[list].next;
         i = json.tokens[i].next)
    {
        good = cli_status_policy(http, &json, i);
    }

    list = good ? cli_status_member(&json, 0, "zones", MCP_JSON_ARRAY)
                : MCP_JSON_NONE;
    good = list != MCP_JSON_NONE;

    for (i = list + 1; good && i < json.tokens[list].next;
         i = json.tokens[i].next)
    {
        good = cli_status_zone(http, &json, i);
    }

    if (!good) {
        return cli_http_error(http, "the answer is no page of mcp_status "
                              "that this version knows");
    }

    return CLI_GOOD;
}


static bool
cli_status_policy(cli_http_t *http, const mcp_json_t *json, uint32_t policy)
{
    bool       good;
    uint32_t   i, file, list;
    mcp_str_t  name, generation, sha256;

    if (json->tokens[policy].type != MCP_JSON_OBJECT
        || !cli_status_string(http, json, policy, "name", &name))
    {
        return false;
    }

    cli_coloured(stdout, CLI_BOLD, "policy ");
    cli_print(stdout, name.len ? name : mcp_str("(unknown)"));

    file = cli_status_member(json, policy, "file", MCP_JSON_OBJECT);

    if (file != MCP_JSON_NONE
        && cli_status_number(json, file, "generation", &generation)
        && cli_status_string(http, json, file, "sha256", &sha256))
    {
        printf(", generation %.*s, sha256 ", cli_shown(generation));
        cli_print(stdout, sha256);
    }

    putchar('\n');

    list = cli_status_member(json, policy, "series", MCP_JSON_ARRAY);
    good = list != MCP_JSON_NONE;

    for (i = list + 1; good && i < json->tokens[list].next;
         i = json->tokens[i].next)
    {
        good = cli_status_series(http, json, i);
    }

    putchar('\n');

    return good;
}


/* What is of one width comes first: names are as long as they like. */
static bool
cli_status_series(cli_http_t *http, const mcp_json_t *json, uint32_t series)
{
    bool          dry;
    size_t        i;
    uint32_t      token;
    mcp_str_t     count, decision, reason, method, tool;
    cli_colour_t  colour;

    if (json->tokens[series].type != MCP_JSON_OBJECT
        || !cli_status_number(json, series, "count", &count)
        || !cli_status_string(http, json, series, "decision", &decision)
        || !cli_status_string(http, json, series, "reason", &reason)
        || !cli_status_string(http, json, series, "method", &method)
        || !cli_status_string(http, json, series, "tool", &tool)
        || count.len > 20 || decision.len > 16)
    {
        return false;
    }

    for (i = 0; i < decision.len; i++) {
        if (decision.data[i] < 'a' || decision.data[i] > 'z') {
            return false;
        }
    }

    token = mcp_json_member(json, series, mcp_str("dry_run"));
    dry = token != MCP_JSON_NONE
          && mcp_str_equal(mcp_json_raw(json, token), mcp_str("true"));

    colour = dry ? CLI_YELLOW
             : mcp_str_equal(decision, mcp_str("allow")) ? CLI_GREEN
             : CLI_RED;

    printf("  %*.*s  ", 12, cli_shown(count));
    cli_coloured(stdout, colour, "%s", dry ? "dry " : "");
    cli_coloured(stdout, colour, "%-*.*s", dry ? 8 : 12,
                 cli_shown(decision));
    cli_print(stdout, method.len ? method : mcp_str("-"));

    if (tool.len) {
        putchar(' ');
        cli_print(stdout, tool);
    }

    if (reason.len) {
        fputs(": ", stdout);
        cli_print(stdout, reason);
    }

    putchar('\n');

    return true;
}


static bool
cli_status_zone(cli_http_t *http, const mcp_json_t *json, uint32_t zone)
{
    uint32_t   counters;
    mcp_str_t  name, used, limit, full;

    if (json->tokens[zone].type != MCP_JSON_OBJECT
        || !cli_status_string(http, json, zone, "name", &name))
    {
        return false;
    }

    counters = cli_status_member(json, zone, "counters", MCP_JSON_OBJECT);

    if (counters == MCP_JSON_NONE
        || !cli_status_number(json, counters, "used", &used)
        || !cli_status_number(json, counters, "limit", &limit)
        || !cli_status_number(json, counters, "full", &full))
    {
        return false;
    }

    cli_coloured(stdout, CLI_BOLD, "zone ");
    cli_print(stdout, name);
    printf(": %.*s of %.*s counters, full %.*s times\n", cli_shown(used),
           cli_shown(limit), cli_shown(full));

    return true;
}


static bool
cli_status_string(cli_http_t *http, const mcp_json_t *json, uint32_t object,
    const char *name, mcp_str_t *value)
{
    uint32_t  token;

    token = cli_status_member(json, object, name, MCP_JSON_STRING);

    return token != MCP_JSON_NONE
           && mcp_json_string(json, token, &http->arena, value) == MCP_OK;
}


static bool
cli_status_number(const mcp_json_t *json, uint32_t object, const char *name,
    mcp_str_t *value)
{
    uint32_t  token;

    token = cli_status_member(json, object, name, MCP_JSON_NUMBER);

    if (token == MCP_JSON_NONE) {
        return false;
    }

    *value = mcp_json_raw(json, token);

    return true;
}


static uint32_t
cli_status_member(const mcp_json_t *json, uint32_t object, const char *name,
    mcp_json_type_t type)
{
    uint32_t  token;

    token = mcp_json_member(json, object, cli_str(name));

    return token != MCP_JSON_NONE && json->tokens[token].type == type
           ? token : MCP_JSON_NONE;
}
