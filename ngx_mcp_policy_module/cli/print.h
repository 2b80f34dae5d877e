/*
 * Compiled policies written down again, so that they decide alike.  What a
 * format cannot say is an error with the place where the policy says it.
 */

#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "cli.h"


typedef struct {
    const mcp_policy_t  *policy;
    const char          *name;        /* of the policy that is written */
    FILE                *out;
    unsigned             errors;
    void                *counters;    /* names that are taken: tsearch() */
} cli_print_t;


/* An mcp_policy block. */
void cli_print_nginx(cli_print_t *print);

/* PolicyLayer's policy.json. */
void cli_print_json(cli_print_t *print);


/* The text is NUL terminated when it is printed, without file and line. */
void cli_print_fail(cli_print_t *print, const mcp_place_t *place,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * The name of what counts under "identity", any bytes: "wanted", or when
 * something else is called so, "wanted#2".  It lives as long as the printer.
 */
mcp_str_t cli_print_counter(cli_print_t *print, mcp_str_t identity,
    mcp_str_t wanted);
void cli_print_free(cli_print_t *print);

/* With quotes. */
void cli_print_json_string(FILE *out, mcp_str_t s);

#endif /* CLI_PRINT_H */
