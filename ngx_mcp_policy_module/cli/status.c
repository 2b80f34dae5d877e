/* The page of mcp_status, once or again and again. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "status.h"


#define CLI_STATUS_WATCH  2     /* seconds */


typedef struct {
    bool         json;
    bool         help;
    unsigned     watch;         /* seconds, 0: once */
    char         error[512];
} cli_status_t;


static cli_code_t cli_status_options(cli_status_t *status, int *argc,
    char **argv, const char **url);
static cli_code_t cli_status_run(const cli_client_options_t *client,
    cli_status_t *status);
static cli_code_t cli_status_fetch(const cli_client_options_t *client,
    cli_status_t *status, FILE *out);

static const char  cli_status_usage[] =
    "usage: mcp-policy status URL [--watch[=SECONDS]] [--json]\n"
    "                         [-H HEADER]... [--cacert FILE]"
    " [--timeout SECONDS]";

static const char  cli_status_help[] =
    "\n"
    "Prints what the page of mcp_status at URL tells: a table for each\n"
    "policy, how far its limits are used up, zones and approvals.\n"
    "\n"
    "  --watch[=SECONDS]  again and again, every 2 seconds or as given;\n"
    "                     Ctrl-C ends it\n"
    "  --json             print the page as it is\n"
    CLI_CLIENT_HELP
    "\n"
    "exit status: 0 good, 1 something needs attention: a policy file with\n"
    "errors or not taken up, a changed definition, a full zone; 2 usage or\n"
    "I/O error";


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

        code = cli_status_run(&client, &status);
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


/* A page is printed when it is complete. */
static cli_code_t
cli_status_run(const cli_client_options_t *client, cli_status_t *status)
{
    bool         screen;
    char        *text;
    FILE        *out;
    size_t       length;
    cli_code_t   code;

    screen = status->watch && isatty(STDOUT_FILENO);

    if (screen) {
        cli_screen_open();
    }

    do {
        text = NULL;
        out = open_memstream(&text, &length);

        if (out == NULL) {
            code = CLI_FAILED;
            break;
        }

        code = cli_status_fetch(client, status, out);

        if (fclose(out) != 0) {
            code = CLI_FAILED;

        } else if (code != CLI_FAILED && screen) {
            cli_screen_show(text, length);
            cli_screen_wait(status->watch, text, length);

        } else if (code != CLI_FAILED) {

            if (fwrite(text, 1, length, stdout) != length
                || fflush(stdout) != 0)
            {
                code = CLI_FAILED;

            } else if (status->watch) {
                sleep(status->watch);
            }
        }

        free(text);

    } while (status->watch && code != CLI_FAILED);

    if (screen) {
        cli_screen_close();
    }

    if (code == CLI_FAILED && status->error[0] != '\0') {
        fputs("mcp-policy: ", stderr);
        cli_coloured(stderr, CLI_RED, "error:");
        putc(' ', stderr);
        cli_print(stderr, cli_str(status->error));
        putc('\n', stderr);
    }

    return code;
}


static cli_code_t
cli_status_fetch(const cli_client_options_t *client, cli_status_t *status,
    FILE *out)
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
        fwrite(transfer->body, 1, transfer->length, out);

    } else if (code == CLI_GOOD) {
        code = cli_status_print(&http, (mcp_str_t) {
                                           (uint8_t *) transfer->body,
                                           transfer->length }, out);
    }

    if (code == CLI_FAILED) {
        snprintf(status->error, sizeof(status->error), "%s", http.error);
    }

    if (transfer) {
        cli_http_end(transfer);
    }

    cli_http_free(&http);

    return code;
}
