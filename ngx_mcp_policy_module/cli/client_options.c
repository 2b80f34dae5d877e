/* Options of the commands that ask a server. */

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "client.h"


#define CLI_CLIENT_HEADERS_MAX  100


static cli_code_t cli_client_take(cli_client_options_t *options,
    const char *name, const char *value);
static cli_code_t cli_client_add_header(cli_client_options_t *options,
    const char *line, size_t length);
static cli_code_t cli_client_add_file(cli_client_options_t *options,
    const char *path);
static bool cli_client_reserved(const char *name, size_t length);


cli_code_t
cli_client_options(cli_client_options_t *options, int *argc, char **argv,
    const char *usage)
{
    int          i, kept;
    size_t       length;
    const char  *name, *value;

    static const char *const  names[] = {
        "-H", "--header", "--cacert", "--timeout", NULL
    };

    memset(options, 0, sizeof(cli_client_options_t));

    options->timeout = CLI_CLIENT_TIMEOUT;
    options->progress = true;
    options->headers = cli_alloc(CLI_CLIENT_HEADERS_MAX * sizeof(char *));
    kept = 0;

    for (i = 0; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        name = NULL;
        value = NULL;

        for (length = 0; names[length]; length++) {
            name = names[length];

            if (strncmp(argv[i], name, strlen(name)) == 0
                && (argv[i][strlen(name)] == '\0'
                    || argv[i][strlen(name)] == '='))
            {
                value = argv[i] + strlen(name);
                break;
            }
        }

        if (value == NULL) {
            argv[kept++] = argv[i];
            continue;
        }

        if (*value == '=') {
            value++;

        } else if (++i < *argc) {
            value = argv[i];

        } else {
            cli_error("option \"%s\" needs a value\n%s", name, usage);
            return CLI_FAILED;
        }

        if (cli_client_take(options, name, value) != CLI_GOOD) {
            return CLI_FAILED;
        }
    }

    while (i < *argc) {
        argv[kept++] = argv[i++];
    }

    *argc = kept;

    return CLI_GOOD;
}


void
cli_client_options_free(cli_client_options_t *options)
{
    size_t  i;

    for (i = 0; i < options->header_count; i++) {
        free(options->headers[i]);
    }

    free(options->headers);
}


static cli_code_t
cli_client_take(cli_client_options_t *options, const char *name,
    const char *value)
{
    char           *end;
    unsigned long   seconds;

    if (strcmp(name, "--cacert") == 0) {
        options->ca_file = value;
        return CLI_GOOD;
    }

    if (strcmp(name, "--timeout") == 0) {
        errno = 0;
        seconds = strtoul(value, &end, 10);

        if (*value < '0' || *value > '9' || *end || errno || seconds == 0
            || seconds > 3600)
        {
            cli_error("invalid timeout \"%s\", it must be 1 to 3600 seconds",
                      value);
            return CLI_FAILED;
        }

        options->timeout = (unsigned) seconds;

        return CLI_GOOD;
    }

    if (*value == '@') {
        return cli_client_add_file(options, value + 1);
    }

    return cli_client_add_header(options, value, strlen(value));
}


static cli_code_t
cli_client_add_file(cli_client_options_t *options, const char *path)
{
    char        *text, *line, *end, *next;
    size_t       length;
    cli_code_t   code;

    text = cli_read_file(path, &length);

    if (text == NULL) {
        cli_error("%s: %s", path, strerror(errno));
        return CLI_FAILED;
    }

    code = CLI_GOOD;
    end = text + length;

    for (line = text; line < end && code == CLI_GOOD; line = next) {
        next = memchr(line, '\n', (size_t) (end - line));
        length = (size_t) ((next ? next : end) - line);
        next = next ? next + 1 : end;

        if (length > 0 && line[length - 1] == '\r') {
            length--;
        }

        if (length > 0) {
            code = cli_client_add_header(options, line, length);
        }
    }

    free(text);

    return code;
}


/* The text of a header is a secret as a rule: messages do not repeat it. */
static cli_code_t
cli_client_add_header(cli_client_options_t *options, const char *line,
    size_t length)
{
    size_t  i, name;

    name = 0;

    while (name < length
           && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ", line[name])
           && line[name])
    {
        name++;
    }

    i = name + 1;

    while (i < length && (line[i] == ' ' || line[i] == '\t')) {
        i++;
    }

    if (name == 0 || name == length || line[name] != ':' || i >= length) {
        cli_error("a header must be \"Name: value\"");
        return CLI_FAILED;
    }

    for ( /* void */ ; i < length; i++) {
        if (((uint8_t) line[i] < 0x20 && line[i] != '\t')
            || line[i] == 0x7f)
        {
            cli_error("the header \"%.*s\" has a control character",
                      (int) name, line);
            return CLI_FAILED;
        }
    }

    if (cli_client_reserved(line, name)) {
        cli_error("the header \"%.*s\" is the client's own", (int) name,
                  line);
        return CLI_FAILED;
    }

    if (options->header_count == CLI_CLIENT_HEADERS_MAX) {
        cli_error("more than %d headers", CLI_CLIENT_HEADERS_MAX);
        return CLI_FAILED;
    }

    options->headers[options->header_count++] = cli_copy(line, length);

    return CLI_GOOD;
}


static bool
cli_client_reserved(const char *name, size_t length)
{
    size_t  i;

    static const char *const  reserved[] = {
        "Accept", "Accept-Encoding", "Connection", "Content-Encoding",
        "Content-Length", "Content-Type", "Expect", "Last-Event-ID",
        "Mcp-Method", "Mcp-Name", "MCP-Protocol-Version", "Mcp-Session-Id",
        "TE", "Trailer", "Transfer-Encoding", "Upgrade", NULL
    };

    for (i = 0; reserved[i]; i++) {
        if (strlen(reserved[i]) == length
            && strncasecmp(reserved[i], name, length) == 0)
        {
            return true;
        }
    }

    return false;
}
