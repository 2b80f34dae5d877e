#include <stdlib.h>

#include "classify.h"
#include "client.h"


static cli_code_t cli_scan_url(const cli_client_options_t *client,
    const cli_classify_t *options);


static const char  cli_scan_usage[] =
    "usage: mcp-policy scan URL [-H HEADER]... [-o FILE]\n"
    "                       [--format nginx|json|yaml] [--name NAME]"
    " [--json]\n"
    "                       [--cacert FILE] [--timeout SECONDS]";

static const char  cli_scan_help[] =
    "\n"
    "Asks the MCP server at URL for its tools, sorts them into the classes\n"
    "of \"classify\" and writes a policy that allows what reads, limits what\n"
    "writes or runs, and refuses what moves money or destroys: to standard\n"
    "output, or to a file, and then prints the table.  Speaks Streamable\n"
    "HTTP of all revisions and HTTP+SSE.  Redirects are not followed.\n"
    "\n"
    CLI_CLIENT_HELP
    CLI_CLASSIFY_HELP
    "\n"
    "exit status: 0 good, 1 some tools cannot be named in a policy, 2 usage\n"
    "or I/O error, nothing is written";


cli_code_t
cli_scan(int argc, char *const *argv)
{
    int                    i, count;
    char                 **args;
    bool                   help;
    const char           **operands;
    cli_code_t             code;
    cli_classify_t         options;
    cli_client_options_t   client;

    args = cli_alloc((size_t) argc * sizeof(char *) + 1);
    operands = cli_alloc((size_t) argc * sizeof(char *) + 1);

    for (i = 0; i < argc; i++) {
        args[i] = argv[i];
    }

    help = false;
    count = 0;
    code = cli_client_options(&client, &argc, args, cli_scan_usage);

    if (code == CLI_GOOD) {
        code = cli_classify_options(&options, argc, args, cli_scan_usage,
                                    operands, &count, &help);
    }

    if (code == CLI_GOOD && help) {
        printf("%s\n%s\n", cli_scan_usage, cli_scan_help);

    } else if (code == CLI_GOOD && count != 1) {
        cli_error("expected a URL\n%s", cli_scan_usage);
        code = CLI_FAILED;

    } else if (code == CLI_GOOD) {
        client.url = operands[0];
        options.policy = options.policy || !options.json;
        code = cli_scan_url(&client, &options);
    }

    cli_client_options_free(&client);
    free(operands);
    free(args);

    return code;
}


static cli_code_t
cli_scan_url(const cli_client_options_t *client,
    const cli_classify_t *options)
{
    cli_code_t           code;
    cli_tools_t          tools;
    cli_client_answer_t  answer;

    code = cli_client_fetch_tools(client, &answer);

    if (code != CLI_GOOD) {
        return code;
    }

    code = cli_tools_read(&tools, client->url,
                          (mcp_str_t) { (uint8_t *) answer.text,
                                        answer.length });
    if (code == CLI_GOOD) {
        tools.server = answer.server;
        tools.version = answer.version;

        code = cli_classify_show(&tools, options, answer.protocol);
    }

    cli_tools_free(&tools);
    cli_client_answer_free(&answer);

    return code;
}
