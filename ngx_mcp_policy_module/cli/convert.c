#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>

#include "classify.h"
#include "load.h"
#include "print.h"


/* A counter of the policy that is written, or a name that is taken. */
typedef struct {
    mcp_str_t  key;
    mcp_str_t  name;
} cli_print_counter_t;


static cli_code_t cli_convert_policy(const mcp_policy_t *policy,
    const char *name, const char *format, const char *path);
static cli_print_counter_t *cli_print_find(cli_print_t *print, char kind,
    mcp_str_t key);
static int cli_print_compare(const void *a, const void *b);
static void cli_print_free_counter(void *data);


static const char  cli_convert_usage[] =
    "usage: mcp-policy convert --to nginx|json [--policy NAME] [--name NAME]\n"
    "                          [--prefix DIR] [-o FILE] POLICY";

static const char  cli_convert_help[] =
    "\n"
    "Writes a policy of an nginx configuration file, or of a .json or .yaml\n"
    "file, in another format.  What is written decides alike; if the format\n"
    "cannot say what the policy says, nothing is written, and each reason is\n"
    "told with its place.\n"
    "\n"
    "  --to nginx      an mcp_policy block\n"
    "  --to json       PolicyLayer's policy.json\n"
    "  --policy NAME   which one, of a file with several\n"
    "  --name NAME     what the block is called; default: as the policy\n"
    "  --prefix DIR    where relative includes are; default: the directory\n"
    "                  of POLICY\n"
    "  -o FILE         where to; default: standard output\n"
    "\n"
    "exit status: 0 good, 1 the policy has errors or cannot be said, 2 usage\n"
    "or I/O error";


cli_code_t
cli_convert(int argc, char *const *argv)
{
    int                  count;
    bool                 help;
    cli_code_t           code;
    cli_load_t           load;
    const char         **operands, *to, *policy_name, *name, *prefix, *path;
    const mcp_policy_t  *policy;
    cli_option_t         options[] = {
        { "--to", &to, NULL },
        { "--policy", &policy_name, NULL },
        { "--name", &name, NULL },
        { "--prefix", &prefix, NULL },
        { "-o", &path, NULL },
        { "--help", NULL, &help },
        { "-h", NULL, &help },
        { NULL, NULL, NULL }
    };

    to = policy_name = name = prefix = path = NULL;
    help = false;
    operands = cli_alloc((size_t) argc * sizeof(char *));

    code = cli_options(argc, argv, cli_convert_usage, options, operands,
                       &count);

    if (code == CLI_GOOD && help) {
        printf("%s\n%s\n", cli_convert_usage, cli_convert_help);
        free(operands);
        return CLI_GOOD;
    }

    if (code == CLI_GOOD && count != 1) {
        cli_error("expected one policy\n%s", cli_convert_usage);
        code = CLI_FAILED;

    } else if (code == CLI_GOOD
               && (to == NULL || (strcmp(to, "nginx") != 0
                                  && strcmp(to, "json") != 0)))
    {
        cli_error("expected --to nginx or --to json\n%s", cli_convert_usage);
        code = CLI_FAILED;
    }

    if (code != CLI_GOOD) {
        free(operands);
        return code;
    }

    cli_load_init(&load, stderr, prefix);

    code = cli_load(&load, operands[0]);

    if (code == CLI_GOOD) {
        policy = cli_load_choose(&load, operands[0], policy_name);

        code = policy ? cli_convert_policy(policy, name, to, path)
                      : CLI_FAILED;
    }

    cli_load_free(&load);
    free(operands);

    return code;
}


static cli_code_t
cli_convert_policy(const mcp_policy_t *policy, const char *name,
    const char *format, const char *path)
{
    char        *text, *own;
    bool         lost;
    size_t       length;
    cli_code_t   code;
    cli_print_t  print;

    own = cli_copy((const char *) policy->name.data, policy->name.len);
    text = NULL;

    memset(&print, 0, sizeof(print));
    print.policy = policy;
    print.name = name ? name : own;
    print.out = open_memstream(&text, &length);

    if (print.out == NULL) {
        cli_error("out of memory");
        free(own);
        return CLI_FAILED;
    }

    if (strcmp(format, "nginx") == 0) {
        cli_print_nginx(&print);

    } else {
        cli_print_json(&print);
    }

    lost = ferror(print.out) != 0;

    if (fclose(print.out) != 0 || lost) {
        cli_error("out of memory");
        code = CLI_FAILED;

    } else if (print.errors) {
        code = CLI_FINDINGS;

    } else {
        code = cli_write_file(path, text, length);
    }

    cli_print_free(&print);
    free(text);
    free(own);

    return code;
}


void
cli_print_fail(cli_print_t *print, const mcp_place_t *place,
    const char *format, ...)
{
    char     text[1024];
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    if (place->column) {
        cli_coloured(stderr, CLI_BOLD, "%s:%u:%u: ", place->file, place->line,
                     place->column);

    } else {
        cli_coloured(stderr, CLI_BOLD, "%s:%u: ", place->file, place->line);
    }

    cli_coloured(stderr, CLI_RED, "error: ");
    cli_print(stderr, cli_str(text));
    putc('\n', stderr);

    print->errors++;
}


mcp_str_t
cli_print_counter(cli_print_t *print, mcp_str_t identity, mcp_str_t wanted)
{
    char                  suffix[16];
    size_t                length;
    unsigned              number;
    uint8_t              *data;
    mcp_str_t             name;
    cli_print_counter_t  *counter, *taken;

    counter = cli_print_find(print, 'i', identity);

    if (counter->name.data) {
        return counter->name;
    }

    for (number = 1; /* void */ ; number++) {

        suffix[0] = '\0';

        if (number > 1) {
            (void) snprintf(suffix, sizeof(suffix), "#%u", number);
        }

        length = strlen(suffix);

        data = cli_alloc(wanted.len + length);
        memcpy(data, wanted.data, wanted.len);
        memcpy(data + wanted.len, suffix, length);

        name = (mcp_str_t) { data, wanted.len + length };

        taken = cli_print_find(print, 'n', name);

        if (taken->name.data == NULL) {
            taken->name = (mcp_str_t) { taken->key.data + 1, name.len };
            counter->name = taken->name;
            free(data);

            return counter->name;
        }

        free(data);
    }
}


static cli_print_counter_t *
cli_print_find(cli_print_t *print, char kind, mcp_str_t key)
{
    uint8_t              *data;
    cli_print_counter_t  *counter, **found;

    data = cli_alloc(1 + key.len);
    data[0] = (uint8_t) kind;
    memcpy(data + 1, key.data, key.len);

    counter = cli_alloc(sizeof(cli_print_counter_t));
    counter->key = (mcp_str_t) { data, 1 + key.len };
    counter->name = (mcp_str_t) { NULL, 0 };

    found = tsearch(counter, &print->counters, cli_print_compare);

    if (found == NULL) {
        cli_error("out of memory");
        exit(CLI_FAILED);
    }

    if (*found != counter) {
        cli_print_free_counter(counter);
    }

    return *found;
}


static int
cli_print_compare(const void *a, const void *b)
{
    int                         order;
    size_t                      length;
    const cli_print_counter_t  *x = a, *y = b;

    length = x->key.len < y->key.len ? x->key.len : y->key.len;
    order = memcmp(x->key.data, y->key.data, length);

    if (order != 0) {
        return order;
    }

    return (x->key.len > y->key.len) - (x->key.len < y->key.len);
}


void
cli_print_free(cli_print_t *print)
{
    tdestroy(print->counters, cli_print_free_counter);
}


static void
cli_print_free_counter(void *data)
{
    cli_print_counter_t  *counter = data;

    free((void *) counter->key.data);
    free(counter);
}


void
cli_print_json_string(FILE *out, mcp_str_t s)
{
    uint8_t  *data, *end;

    data = cli_alloc(s.len * MCP_JSON_ESCAPE_MAX);
    end = mcp_json_escape(data, s);

    fprintf(out, "\"%.*s\"", (int) (end - data), (const char *) data);

    free(data);
}
