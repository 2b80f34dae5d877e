/* Policies from files, for every command that needs them. */

#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "cli.h"


typedef struct cli_file_s    cli_file_t;
typedef struct cli_policy_s  cli_policy_t;

struct cli_policy_s {
    cli_policy_t        *next;      /* in written order */
    char                *name;
    mcp_place_t          place;
    const mcp_policy_t  *policy;    /* NULL: it has errors */
};

typedef struct {
    FILE          *out;          /* for findings */
    const char    *prefix;       /* of relative includes; NULL: the directory
                                    of the file */
    const char    *pin;          /* pin file of policies in JSON and YAML */
    bool           hide_unpinned;
    cli_file_t    *files;
    cli_policy_t  *policies;
    unsigned       count;        /* of policies */
    unsigned       errors;
    unsigned       warnings;
    mcp_arena_t    arena;        /* compiled texts */
    const char    *path;         /* of the file that is being loaded */
    bool           quiet;
} cli_load_t;


void cli_load_init(cli_load_t *load, FILE *out, const char *prefix);
void cli_load_free(cli_load_t *load);

/* "--pin FILE" and "--unpinned", either NULL; what is wrong was told. */
cli_code_t cli_load_pins(cli_load_t *load, const char *pin,
    const char *unpinned);

/*
 * Adds the policies of a file.  Findings are printed as they are met, all of
 * them; CLI_FINDINGS when there was an error.  CLI_FAILED: the file cannot be
 * read or has a format that this version does not know.
 */
cli_code_t cli_load(cli_load_t *load, const char *path);

/* The only policy or the one of that name; NULL was explained. */
const mcp_policy_t *cli_load_choose(const cli_load_t *load, const char *path,
    const char *name);

/* "2 errors" */
void cli_load_count(FILE *out, unsigned count, const char *noun);

#endif /* CLI_LOAD_H */
