#include <errno.h>
#include <stdlib.h>

#include "classify.h"


static cli_code_t cli_classify_file(const char *path,
    const cli_classify_t *options);


static const char  cli_classify_usage[] =
    "usage: mcp-policy classify [--json] [--format nginx|json|yaml]"
    " [-o FILE]\n"
    "                           [--name NAME] [FILE]";

static const char  cli_classify_help[] =
    "\n"
    "Reads a server's answer to tools/list, from standard input when no FILE\n"
    "is given, and says of each tool how much harm it may do and why:\n"
    "\n"
    "  Read         low       asks only\n"
    "  Write        medium    makes or changes what can be changed back\n"
    "  Execute      high      runs something; what nothing is known of, too\n"
    "  Financial    critical  moves money\n"
    "  Destructive  critical  takes away for good\n"
    "\n"
    "Of several that fit it is the most severe one.  Annotations can make a\n"
    "class more severe, never less.\n"
    "\n"
    CLI_CLASSIFY_HELP
    "\n"
    "exit status: 0 good, 1 the list is not complete or some tools cannot be\n"
    "named in a policy, 2 usage or I/O error, nothing is written";


cli_code_t
cli_classify(int argc, char *const *argv)
{
    int              count;
    bool             help;
    const char     **files;
    cli_code_t       code;
    cli_classify_t   options;

    files = cli_alloc((size_t) argc * sizeof(char *) + 1);

    code = cli_classify_options(&options, argc, argv, cli_classify_usage,
                                files, &count, &help);

    if (code == CLI_GOOD && help) {
        printf("%s\n%s\n", cli_classify_usage, cli_classify_help);
        free(files);
        return CLI_GOOD;
    }

    if (code == CLI_GOOD && count > 1) {
        cli_error("more than one file\n%s", cli_classify_usage);
        code = CLI_FAILED;
    }

    if (code == CLI_GOOD) {
        code = cli_classify_file(count ? files[0] : "-", &options);
    }

    free(files);

    return code;
}


static cli_code_t
cli_classify_file(const char *path, const cli_classify_t *options)
{
    char         *text;
    size_t        length;
    cli_code_t    code;
    cli_tools_t   tools;

    if (strcmp(path, "-") == 0) {
        path = "/dev/stdin";
    }

    text = cli_read_file(path, &length);

    if (text == NULL) {
        cli_error("%s: %s", path, strerror(errno));
        return CLI_FAILED;
    }

    code = cli_tools_read(&tools, path, (mcp_str_t) { (uint8_t *) text,
                                                      length });
    if (code == CLI_GOOD) {
        code = cli_classify_show(&tools, options, NULL);
    }

    cli_tools_free(&tools);
    free(text);

    return code;
}


cli_code_t
cli_classify_options(cli_classify_t *options, int argc, char *const *argv,
    const char *usage, const char **operands, int *count, bool *help)
{
    size_t         i;
    const char    *format;
    cli_code_t     code;
    cli_option_t   table[] = {
        { "--json", NULL, &options->json },
        { "--format", &format, NULL },
        { "-o", &options->output, NULL },
        { "--output", &options->output, NULL },
        { "--name", &options->name, NULL },
        { "--help", NULL, help },
        { "-h", NULL, help },
        { NULL, NULL, NULL }
    };

    memset(options, 0, sizeof(cli_classify_t));
    options->name = "scanned";
    format = NULL;
    *help = false;

    code = cli_options(argc, argv, usage, table, operands, count);

    if (code != CLI_GOOD || *help) {
        return code;
    }

    for (i = 0; options->name[i]; i++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                    "0123456789_-.", options->name[i]))
        {
            break;
        }
    }

    if (i == 0 || options->name[i]) {
        cli_error("invalid policy name \"%s\"", options->name);
        return CLI_FAILED;
    }

    options->policy = format || options->output;

    return cli_format_parse(format, options->output, &options->format);
}


/*
 * The policy goes to the file, or to standard output, which it then has for
 * itself unless there is a file.
 */
cli_code_t
cli_classify_show(const cli_tools_t *tools, const cli_classify_t *options,
    const char *protocol)
{
    char        *policy;
    FILE        *out;
    size_t       length;
    cli_code_t   code;

    if (options->policy) {
        policy = NULL;
        out = open_memstream(&policy, &length);

        if (out == NULL) {
            cli_error("out of memory");
            return CLI_FAILED;
        }

        cli_policy_write(out, tools, options->format, options->name);

        if (fclose(out) != 0) {
            cli_error("out of memory");
            free(policy);
            return CLI_FAILED;
        }

        code = cli_write_file(options->output, policy, length);
        free(policy);

        if (code != CLI_GOOD) {
            return code;
        }
    }

    if (options->json) {
        cli_tools_print_json(options->policy && !options->output ? stderr
                                                                 : stdout,
                             tools, protocol);

    } else if (!options->policy || options->output) {
        cli_tools_print(stdout, tools);
    }

    if (tools->more) {
        cli_error("the list is not complete, \"nextCursor\" asks for more");
    }

    return (tools->more || tools->left_out) ? CLI_FINDINGS : CLI_GOOD;
}
