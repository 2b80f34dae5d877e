/* Files, memory, options and output of the tool. */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli.h"


#define CLI_FILE_MAX    (256 * 1024 * 1024)
#define CLI_TOKENS_MAX  (8 * 1000 * 1000)


static void *cli_core_alloc(void *data, size_t size);
static void cli_core_free(void *data, void *p);
static const cli_option_t *cli_find_option(const cli_option_t *options,
    const char *arg, const char **value);
static bool cli_colours(FILE *out);
static bool cli_deceives(const uint8_t *p, size_t length);


const mcp_allocator_t  cli_allocator = { cli_core_alloc, cli_core_free,
                                         NULL };


cli_code_t
cli_options(int argc, char *const *argv, const char *usage,
    const cli_option_t *options, const char **operands, int *count)
{
    int                  i;
    bool                 literal;
    const char          *arg, *value;
    const cli_option_t  *option;

    *count = 0;
    literal = false;

    for (i = 0; i < argc; i++) {
        arg = argv[i];

        if (literal || arg[0] != '-' || arg[1] == '\0') {
            operands[(*count)++] = arg;
            continue;
        }

        if (strcmp(arg, "--") == 0) {
            literal = true;
            continue;
        }

        option = cli_find_option(options, arg, &value);

        if (option == NULL) {
            cli_error("unknown option \"%s\"\n%s", arg, usage);
            return CLI_FAILED;
        }

        if (option->set) {
            *option->set = true;
        }

        if (option->value) {
            if (value == NULL && i + 1 < argc) {
                value = argv[++i];
            }

            if (value == NULL) {
                cli_error("option \"%s\" needs a value\n%s", arg, usage);
                return CLI_FAILED;
            }

            *option->value = value;

        } else if (value) {
            cli_error("option \"%s\" takes no value\n%s", option->name,
                      usage);
            return CLI_FAILED;
        }
    }

    return CLI_GOOD;
}


static const cli_option_t *
cli_find_option(const cli_option_t *options, const char *arg,
    const char **value)
{
    size_t               length;
    const cli_option_t  *option;

    for (option = options; option->name; option++) {
        length = strlen(option->name);

        if (strncmp(arg, option->name, length) != 0) {
            continue;
        }

        if (arg[length] == '\0') {
            *value = NULL;
            return option;
        }

        if (arg[length] == '=') {
            *value = arg + length + 1;
            return option;
        }
    }

    return NULL;
}


void
cli_coloured(FILE *out, cli_colour_t colour, const char *format, ...)
{
    bool     coloured;
    va_list  args;

    static const char *const  codes[] = { "", "31", "32", "33", "1" };

    coloured = colour != CLI_PLAIN && cli_colours(out);

    if (coloured) {
        fprintf(out, "\033[%sm", codes[colour]);
    }

    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);

    if (coloured) {
        fputs("\033[0m", out);
    }
}


static bool
cli_colours(FILE *out)
{
    int          fd;
    const char  *term, *no_color;

    term = getenv("TERM");
    no_color = getenv("NO_COLOR");

    /* what is written to memory is for stdout */

    fd = fileno(out);

    return isatty(fd != -1 ? fd : STDOUT_FILENO)
           && term && strcmp(term, "dumb") != 0
           && (no_color == NULL || *no_color == '\0');
}


void
cli_print(FILE *out, mcp_str_t s)
{
    size_t   i;
    uint8_t  ch;

    for (i = 0; i < s.len; i++) {
        ch = s.data[i];

        if (ch == '\n') {
            fputs("\\n", out);

        } else if (ch < 0x20 || ch == 0x7f) {
            fprintf(out, "\\x%02x", ch);

        } else if (ch == 0xc2 && i + 1 < s.len && s.data[i + 1] < 0xa0) {
            fprintf(out, "\\u%04x", s.data[++i]);    /* U+0080 to U+009F */

        } else if (cli_deceives(s.data + i, s.len - i)) {
            fprintf(out, "\\u20%02x", (s.data[i + 1] == 0x80 ? 0 : 0x40)
                                       | (s.data[i + 2] & 0x3f));
            i += 2;

        } else {
            putc(ch, out);
        }
    }
}


/* U+200B to 200F, 2028 to 202E, 2060 to 206F: order, and ends of lines. */
static bool
cli_deceives(const uint8_t *p, size_t length)
{
    if (length < 3 || p[0] != 0xe2) {
        return false;
    }

    return (p[1] == 0x80 && ((p[2] >= 0x8b && p[2] <= 0x8f)
                             || (p[2] >= 0xa8 && p[2] <= 0xae)))
           || (p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf);
}


void
cli_error(const char *format, ...)
{
    va_list  args;

    fputs("mcp-policy: ", stderr);
    cli_coloured(stderr, CLI_RED, "error:");
    putc(' ', stderr);

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);

    putc('\n', stderr);
}


char *
cli_read_file(const char *path, size_t *length)
{
    char    *data, *bigger;
    FILE    *file;
    size_t   size, used, n;
    int      error;

    file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }

    size = 16 * 1024;
    used = 0;
    data = cli_alloc(size);

    for ( ;; ) {
        n = fread(data + used, 1, size - used, file);
        used += n;

        if (used < size) {
            break;
        }

        if (size >= CLI_FILE_MAX) {
            free(data);
            fclose(file);
            errno = EFBIG;
            return NULL;
        }

        size *= 2;
        bigger = realloc(data, size);
        if (bigger == NULL) {
            free(data);
            fclose(file);
            errno = ENOMEM;
            return NULL;
        }

        data = bigger;
    }

    error = ferror(file) ? (errno ? errno : EIO) : 0;
    fclose(file);

    if (error) {
        free(data);
        errno = error;
        return NULL;
    }

    *length = used;

    return data;
}


void *
cli_alloc(size_t size)
{
    void  *p;

    p = malloc(size ? size : 1);
    if (p == NULL) {
        cli_error("out of memory");
        exit(CLI_FAILED);
    }

    return p;
}


char *
cli_copy(const char *data, size_t length)
{
    char  *p;

    p = cli_alloc(length + 1);

    if (length) {
        memcpy(p, data, length);
    }

    p[length] = '\0';

    return p;
}


void
cli_limits(mcp_limits_t *limits)
{
    memset(limits, 0, sizeof(mcp_limits_t));

    limits->depth = MCP_DEFAULT_DEPTH;
    limits->tokens = CLI_TOKENS_MAX;
    limits->string_length = MCP_DEFAULT_STRING_LENGTH;
    limits->number_length = MCP_DEFAULT_NUMBER_LENGTH;
    limits->batch = MCP_DEFAULT_BATCH;

    if (getrandom(limits->hash_key, sizeof(limits->hash_key), 0)
        != sizeof(limits->hash_key))
    {
        cli_error("no random numbers");
        exit(CLI_FAILED);
    }
}


static void *
cli_core_alloc(void *data, size_t size)
{
    (void) data;
    return malloc(size);
}


static void
cli_core_free(void *data, void *p)
{
    (void) data;
    free(p);
}
