/* mcp-policy: what nginx would decide, without nginx. */

#include <stdlib.h>

#include "cli.h"
#include "mcp_version.h"


static void cli_usage(FILE *out);
static const cli_command_t *cli_find(const char *name);


static const cli_command_t  cli_commands[] = {
    { "check", "read policies, report errors and warnings", cli_check },
    { "test", "run cases through a policy", cli_test },
    { "convert", "write a policy in another format", cli_convert },
    { "classify", "tell how much harm a server's tools may do",
      cli_classify },
    { "scan", "ask a server for its tools, write a policy for them",
      cli_scan },
    { "pin", "write down what a server's tools are, show what changed",
      cli_pin },
    { "status", "print what mcp_status tells", cli_status },
    { NULL, NULL, NULL }
};


int
main(int argc, char **argv)
{
    cli_code_t            code;
    const char           *name;
    const cli_command_t  *command;

    name = (argc > 1) ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0
        || strcmp(name, "help") == 0)
    {
        cli_usage(stdout);
        code = CLI_GOOD;

    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("mcp-policy %s\n", MCP_POLICY_VERSION);
        code = CLI_GOOD;

    } else if (*name == '\0') {
        cli_usage(stderr);
        code = CLI_FAILED;

    } else {
        command = cli_find(name);

        if (command) {
            code = command->run(argc - 2, argv + 2);

        } else {
            cli_error("unknown command \"%s\", see \"mcp-policy --help\"",
                      name);
            code = CLI_FAILED;
        }
    }

    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_error("cannot write the output");
        code = CLI_FAILED;
    }

    return code;
}


static void
cli_usage(FILE *out)
{
    const cli_command_t  *command;

    fprintf(out, "usage: mcp-policy COMMAND [OPTION]... [FILE]...\n\n"
                 "commands:\n");

    for (command = cli_commands; command->name; command++) {
        fprintf(out, "  %-10s %s\n", command->name, command->summary);
    }

    fprintf(out, "\n"
            "  mcp-policy COMMAND --help    what a command takes\n"
            "  mcp-policy --version\n"
            "\n"
            "exit status: 0 good, 1 findings, 2 usage or I/O error\n");
}


static const cli_command_t *
cli_find(const char *name)
{
    const cli_command_t  *command;

    for (command = cli_commands; command->name; command++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }

    return NULL;
}
