/* What the files of "mcp-policy status" share. */

#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdarg.h>

#include "client_http.h"


/*
 * Prints the page as tables.  CLI_FINDINGS: somebody should look after
 * something; CLI_FAILED with http->error: it is no page of mcp_status.
 */
cli_code_t cli_status_print(cli_http_t *http, mcp_str_t text, FILE *out);


/*
 * A screen that is written anew again and again.  It is left as it was found,
 * also by a signal that ends the program.
 */
void cli_screen_open(void);
void cli_screen_close(void);
void cli_screen_show(const char *text, size_t length);

/* Shows it again when the size changes, until the time is over. */
void cli_screen_wait(unsigned seconds, const char *text, size_t length);

#endif /* CLI_STATUS_H */
