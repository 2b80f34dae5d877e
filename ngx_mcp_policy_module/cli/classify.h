/* What classify and scan have in common: options, and what is shown. */

#ifndef CLI_CLASSIFY_H
#define CLI_CLASSIFY_H

#include "tools.h"


typedef struct {
    cli_format_t   format;
    const char    *output;
    const char    *name;      /* of the policy in nginx's format */
    bool           json;
    bool           policy;    /* one is to be written */
} cli_classify_t;

#define CLI_CLASSIFY_HELP                                                     \
    "  --json           print the classes as JSON\n"                          \
    "  --format FORMAT  write a policy: nginx, json or yaml; default: what\n" \
    "                   the name of the -o FILE ends with, else nginx\n"      \
    "  -o FILE          the policy goes there, whole or not at all, and the\n"\
    "                   table to standard output\n"                           \
    "  --name NAME      of the policy, in nginx's format; default: scanned\n"

cli_code_t cli_classify_options(cli_classify_t *options, int argc,
    char *const *argv, const char *usage, const char **operands, int *count,
    bool *help);

/* CLI_FINDINGS: something is missing in the policy. */
cli_code_t cli_classify_show(const cli_tools_t *tools,
    const cli_classify_t *options, const char *protocol);

#endif /* CLI_CLASSIFY_H */
