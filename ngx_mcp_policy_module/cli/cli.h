/* What the files of the mcp-policy tool share. */

#ifndef CLI_H
#define CLI_H

#include <stdio.h>

#include "mcp_policy.h"


/* Exit codes. */
typedef enum {
    CLI_GOOD = 0,
    CLI_FINDINGS = 1,
    CLI_FAILED = 2         /* usage, I/O */
} cli_code_t;

typedef struct {
    const char  *name;
    const char  *summary;
    cli_code_t  (*run)(int argc, char *const *argv);
} cli_command_t;

cli_code_t cli_check(int argc, char *const *argv);
cli_code_t cli_convert(int argc, char *const *argv);
cli_code_t cli_classify(int argc, char *const *argv);
cli_code_t cli_pin(int argc, char *const *argv);
cli_code_t cli_scan(int argc, char *const *argv);
cli_code_t cli_status(int argc, char *const *argv);
cli_code_t cli_test(int argc, char *const *argv);


/*
 * Options of a command.  "value" receives the option's argument; without it
 * "set" tells that the option was given.
 */
typedef struct {
    const char   *name;     /* "--policy" */
    const char  **value;
    bool         *set;
} cli_option_t;

/*
 * Takes the options out of argv, which may stand anywhere before "--", as
 * "--name VALUE" or "--name=VALUE"; *operands are what remains, in order.
 * "options" ends with a NULL name.  CLI_FAILED: the usage line was printed.
 */
cli_code_t cli_options(int argc, char *const *argv, const char *usage,
    const cli_option_t *options, const char **operands, int *count);


typedef enum {
    CLI_PLAIN = 0,
    CLI_RED,
    CLI_GREEN,
    CLI_YELLOW,
    CLI_BOLD
} cli_colour_t;

/* Colours only on a terminal that wants them. */
void cli_coloured(FILE *out, cli_colour_t colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints text of others' making: control characters and such as "\x1b". */
void cli_print(FILE *out, mcp_str_t s);

/* "error: text" on stderr, with the name of the tool before it. */
void cli_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));


/* A whole file, NULL with errno when that failed; the caller frees it. */
char *cli_read_file(const char *path, size_t *length);

/* Memory or exit. */
void *cli_alloc(size_t size);
char *cli_copy(const char *data, size_t length);

/* The core's view of malloc and free. */
extern const mcp_allocator_t  cli_allocator;

/* For JSON that strangers wrote. */
void cli_limits(mcp_limits_t *limits);

static inline mcp_str_t
cli_str(const char *s)
{
    return (mcp_str_t) { (const uint8_t *) s, strlen(s) };
}

#define cli_shown(s)  (int) (s).len, (const char *) (s).data

#endif /* CLI_H */
