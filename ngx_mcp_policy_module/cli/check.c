#include <stdlib.h>

#include "load.h"


static cli_code_t cli_check_files(const char *const *files, int count,
    const char *prefix, const char *pin, const char *unpinned);


static const char  cli_check_usage[] =
    "usage: mcp-policy check [--prefix DIR] [--pin FILE] [--unpinned=hide]\n"
    "                        FILE...";

static const char  cli_check_help[] =
    "\n"
    "Reads the mcp_policy blocks of nginx configuration files, of a whole\n"
    "nginx.conf or parts of it, and policies in .json and .yaml files, and\n"
    "prints what is wrong with them.  The files that \"include\" names are\n"
    "read, too.\n"
    "\n"
    "  --prefix DIR   where relative includes are; default: the directory\n"
    "                 of FILE\n"
    "  --pin FILE     the pin file of policies in .json and .yaml files\n"
    "  --unpinned=hide\n"
    "                 refuse tools that it does not have\n"
    "\n"
    "exit status: 0 no errors, 1 errors, 2 usage or I/O error";


cli_code_t
cli_check(int argc, char *const *argv)
{
    int           count;
    bool          help;
    cli_code_t    code;
    const char   *prefix, *pin, *unpinned, **files;
    cli_option_t  options[] = {
        { "--prefix", &prefix, NULL },
        { "--pin", &pin, NULL },
        { "--unpinned", &unpinned, NULL },
        { "--help", NULL, &help },
        { "-h", NULL, &help },
        { NULL, NULL, NULL }
    };

    prefix = NULL;
    pin = NULL;
    unpinned = NULL;
    help = false;
    files = cli_alloc((size_t) argc * sizeof(char *));

    code = cli_options(argc, argv, cli_check_usage, options, files, &count);

    if (code == CLI_GOOD && help) {
        printf("%s\n%s\n", cli_check_usage, cli_check_help);
        free(files);
        return CLI_GOOD;
    }

    if (code == CLI_GOOD && count == 0) {
        cli_error("no file given\n%s", cli_check_usage);
        code = CLI_FAILED;
    }

    if (code != CLI_GOOD) {
        free(files);
        return code;
    }

    code = cli_check_files(files, count, prefix, pin, unpinned);

    free(files);

    return code;
}


static cli_code_t
cli_check_files(const char *const *files, int count, const char *prefix,
    const char *pin, const char *unpinned)
{
    int          i;
    unsigned     policies, errors, warnings;
    cli_code_t   code, worst;
    cli_load_t   load;

    policies = errors = warnings = 0;
    worst = CLI_GOOD;

    for (i = 0; i < count; i++) {
        cli_load_init(&load, stdout, prefix);

        code = cli_load_pins(&load, pin, unpinned);

        if (code == CLI_GOOD) {
            code = cli_load(&load, files[i]);
        }

        if (code > worst) {
            worst = code;
        }

        policies += load.count;
        errors += load.errors;
        warnings += load.warnings;

        cli_load_free(&load);
    }

    if (policies || errors) {
        cli_load_count(stdout, policies, "policy");
        fputs(": ", stdout);
        cli_load_count(stdout, errors, "error");
        fputs(", ", stdout);
        cli_load_count(stdout, warnings, "warning");
        putchar('\n');
    }

    return worst;
}
