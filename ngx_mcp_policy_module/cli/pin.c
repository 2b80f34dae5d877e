#include <errno.h>
#include <stdlib.h>

#include "classify.h"
#include "client.h"
#include "pin.h"


typedef struct {
    const char  *url;
    const char  *output;
    const char  *diff;
} cli_pin_options_t;

/* Where a list comes from, while it is read. */
typedef struct {
    const char         *path;         /* or URL, for messages */
    cli_definitions_t  *definitions;
    uint32_t            room;
    bool                listed;       /* there was a list of tools */
} cli_pin_input_t;


static cli_code_t cli_pin_run(const cli_pin_options_t *options,
    cli_client_options_t *client, const char *path);
static cli_code_t cli_pin_text(const cli_pin_options_t *options,
    const char *path, mcp_str_t text);
static cli_code_t cli_pin_read(cli_definitions_t *definitions,
    const char *path, mcp_str_t text);
static bool cli_pin_is_stream(mcp_str_t text);
static cli_code_t cli_pin_stream(cli_pin_input_t *input, mcp_str_t text);
static cli_code_t cli_pin_documents(cli_pin_input_t *input, mcp_str_t text);
static cli_code_t cli_pin_document(cli_pin_input_t *input,
    const mcp_json_t *json);
static cli_code_t cli_pin_answer(cli_pin_input_t *input,
    const mcp_json_t *json, uint32_t answer);
static cli_code_t cli_pin_tools(cli_pin_input_t *input,
    const mcp_json_t *json, uint32_t array);
static cli_code_t cli_pin_tool(cli_pin_input_t *input,
    const mcp_json_t *json, uint32_t tool);
static int cli_pin_order(const void *one, const void *two);
static cli_code_t cli_pin_merge(cli_pin_input_t *input);
static cli_code_t cli_pin_write(const char *path,
    const cli_definitions_t *definitions);
static void cli_pin_pretty(FILE *out, mcp_str_t text, unsigned depth);
static void cli_pin_indent(FILE *out, unsigned depth);


static const char  cli_pin_usage[] =
    "usage: mcp-policy pin [-o FILE] [--diff PINFILE] [FILE]\n"
    "       mcp-policy pin [-o FILE] [--diff PINFILE] --url URL\n"
    "                      [-H HEADER]... [--cacert FILE]"
    " [--timeout SECONDS]";

static const char  cli_pin_help[] =
    "\n"
    "Reads a server's answer to tools/list, from standard input when no FILE\n"
    "is given, and writes the file that \"mcp_pin\" wants: of every tool its\n"
    "definition, and the SHA-256 of the canonical form of that.  Look at it\n"
    "before you use it: what it says is what you vouch for.\n"
    "\n"
    "Several pages may follow each other, and the data of an event stream is\n"
    "read as well.\n"
    "\n"
    "  -o FILE            the pins go there, whole or not at all; default:\n"
    "                     standard output\n"
    "  --diff PINFILE     write nothing, show what has changed since PINFILE\n"
    "                     was written\n"
    "  --url URL          ask the server\n"
    CLI_CLIENT_HELP
    "\n"
    "exit status: 0 good or no difference, 1 differences or the list is not\n"
    "complete, 2 usage or I/O error, nothing is written";


cli_code_t
cli_pin(int argc, char *const *argv)
{
    int                     i, count;
    bool                    help;
    char                  **args;
    const char            **files;
    cli_code_t              code;
    cli_pin_options_t       options;
    cli_client_options_t    client;
    const cli_option_t      table[] = {
        { "-o", &options.output, NULL },
        { "--output", &options.output, NULL },
        { "--diff", &options.diff, NULL },
        { "--url", &options.url, NULL },
        { "--help", NULL, &help },
        { "-h", NULL, &help },
        { NULL, NULL, NULL }
    };

    memset(&options, 0, sizeof(cli_pin_options_t));
    help = false;
    count = 0;

    args = cli_alloc((size_t) argc * sizeof(char *) + 1);
    files = cli_alloc((size_t) argc * sizeof(char *) + 1);

    for (i = 0; i < argc; i++) {
        args[i] = argv[i];
    }

    code = cli_client_options(&client, &argc, args, cli_pin_usage);

    if (code == CLI_GOOD) {
        code = cli_options(argc, args, cli_pin_usage, table, files, &count);
    }

    if (code == CLI_GOOD && help) {
        printf("%s\n%s\n", cli_pin_usage, cli_pin_help);

    } else if (code == CLI_GOOD && (count > 1 || (count && options.url))) {
        cli_error("expected one FILE or --url URL\n%s", cli_pin_usage);
        code = CLI_FAILED;

    } else if (code == CLI_GOOD && options.diff && options.output) {
        cli_error("--diff writes nothing, -o makes no sense\n%s",
                  cli_pin_usage);
        code = CLI_FAILED;

    } else if (code == CLI_GOOD) {
        code = cli_pin_run(&options, &client, count ? files[0] : "-");
    }

    cli_client_options_free(&client);
    free(files);
    free(args);

    return code;
}


static cli_code_t
cli_pin_run(const cli_pin_options_t *options, cli_client_options_t *client,
    const char *path)
{
    char                 *text;
    size_t                length;
    cli_code_t            code;
    cli_client_answer_t   answer;

    if (options->url) {
        client->url = options->url;
        code = cli_client_fetch_tools(client, &answer);

        if (code == CLI_GOOD) {
            code = cli_pin_text(options, options->url,
                                (mcp_str_t) { (uint8_t *) answer.text,
                                              answer.length });
            cli_client_answer_free(&answer);
        }

        return code;
    }

    if (strcmp(path, "-") == 0) {
        path = "/dev/stdin";
    }

    text = cli_read_file(path, &length);

    if (text == NULL) {
        cli_error("%s: %s", path, strerror(errno));
        return CLI_FAILED;
    }

    code = cli_pin_text(options, path,
                        (mcp_str_t) { (uint8_t *) text, length });
    free(text);

    return code;
}


static cli_code_t
cli_pin_text(const cli_pin_options_t *options, const char *path,
    mcp_str_t text)
{
    cli_code_t         code;
    cli_definitions_t  definitions;

    code = cli_pin_read(&definitions, path, text);

    if (code == CLI_GOOD) {
        code = options->diff ? cli_pin_diff(options->diff, &definitions)
                             : cli_pin_write(options->output, &definitions);

        if (code == CLI_GOOD && definitions.more) {
            code = CLI_FINDINGS;
        }

        if (definitions.more) {
            cli_error("the list is not complete, \"nextCursor\" asks for "
                      "more");
        }
    }

    mcp_arena_destroy(&definitions.arena);

    return code;
}


static cli_code_t
cli_pin_read(cli_definitions_t *definitions, const char *path,
    mcp_str_t text)
{
    cli_code_t       code;
    cli_pin_input_t  input;

    memset(definitions, 0, sizeof(cli_definitions_t));
    mcp_arena_init(&definitions->arena, &cli_allocator, 0);

    input.path = path;
    input.definitions = definitions;
    input.room = 0;
    input.listed = false;

    code = cli_pin_is_stream(text) ? cli_pin_stream(&input, text)
                                   : cli_pin_documents(&input, text);

    if (code == CLI_GOOD && !input.listed) {
        cli_error("%s: no answer to tools/list: no array \"tools\" in it",
                  path);
        code = CLI_FAILED;
    }

    return code == CLI_GOOD ? cli_pin_merge(&input) : code;
}


/* No JSON starts with a field of an event. */
static bool
cli_pin_is_stream(mcp_str_t text)
{
    size_t  i, length;

    static const char *const  fields[] = { "data:", "event:", "id:",
                                           "retry:", ":" };

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        length = strlen(fields[i]);

        if (text.len >= length && memcmp(text.data, fields[i], length) == 0) {
            return true;
        }
    }

    return false;
}


/* The data of each event is a message. */
static cli_code_t
cli_pin_stream(cli_pin_input_t *input, mcp_str_t text)
{
    size_t          n;
    uint8_t        *data;
    cli_code_t      code;
    mcp_str_t       event;
    const uint8_t  *p, *end, *line;

    data = mcp_arena_alloc(&input->definitions->arena, text.len + 1);

    if (data == NULL) {
        cli_error("out of memory");
        return CLI_FAILED;
    }

    code = CLI_GOOD;
    event.data = data;
    event.len = 0;
    end = text.data + text.len;

    for (p = text.data; code == CLI_GOOD && p <= end; p++) {
        line = p;

        while (p < end && *p != '\n' && *p != '\r') {
            p++;
        }

        n = (size_t) (p - line);

        if (p < end && *p == '\r' && p + 1 < end && p[1] == '\n') {
            p++;
        }

        if (n >= 5 && memcmp(line, "data:", 5) == 0) {
            memcpy(data + event.len, line + 5, n - 5);
            event.len += n - 5;
            data[event.len++] = '\n';

        } else if ((n == 0 || p >= end) && event.len != 0) {
            code = cli_pin_documents(input, event);

            /* names are kept where they are */

            data += event.len;
            event.data = data;
            event.len = 0;
        }
    }

    if (code == CLI_GOOD && event.len != 0) {
        code = cli_pin_documents(input, event);
    }

    return code;
}


/* Pages follow each other, on lines of their own or not. */
static cli_code_t
cli_pin_documents(cli_pin_input_t *input, mcp_str_t text)
{
    size_t         done, end;
    mcp_rc_t       rc;
    mcp_str_t      rest;
    cli_code_t     code;
    mcp_json_t     json;
    mcp_error_t    error;
    mcp_limits_t   limits;
    mcp_arena_t   *arena;

    cli_limits(&limits);
    arena = &input->definitions->arena;
    code = CLI_GOOD;
    done = 0;

    while (code == CLI_GOOD && done < text.len) {
        rest.data = text.data + done;
        rest.len = text.len - done;
        end = rest.len;

        rc = mcp_json_parse(&json, rest, &limits, arena, &error);

        if (rc == MCP_ERROR && error.code == MCP_JSON_TRAILING) {
            end = error.offset;
            rest.len = end;
            rc = mcp_json_parse(&json, rest, &limits, arena, &error);
        }

        if (rc == MCP_ERROR && error.code == MCP_JSON_EMPTY && done > 0) {
            break;
        }

        if (rc == MCP_OK && json.defect != MCP_JSON_VALID) {
            rc = mcp_error_set(&error, (int) json.defect, json.defect_offset,
                               "defect");
        }

        if (rc != MCP_OK) {
            cli_error("%s: not JSON that all read alike: %s at byte %zu",
                      input->path,
                      mcp_json_code_name((mcp_json_code_t) error.code),
                      done + error.offset);
            return CLI_FAILED;
        }

        code = cli_pin_document(input, &json);
        done += end;
    }

    return code;
}


/* An answer, a batch of them, a result, or the tools alone. */
static cli_code_t
cli_pin_document(cli_pin_input_t *input, const mcp_json_t *json)
{
    uint32_t                 i;
    cli_code_t               code;
    const mcp_json_token_t  *t;

    t = json->tokens;

    if (t[0].type != MCP_JSON_ARRAY) {
        return cli_pin_answer(input, json, 0);
    }

    if (t[0].next == 1
        || mcp_json_member(json, 1, mcp_str("jsonrpc")) == MCP_JSON_NONE)
    {
        return cli_pin_tools(input, json, 0);
    }

    code = CLI_GOOD;

    for (i = 1; code == CLI_GOOD && i < t[0].next; i = t[i].next) {
        code = cli_pin_answer(input, json, i);
    }

    return code;
}


/* Messages that are no answer to tools/list may stand between. */
static cli_code_t
cli_pin_answer(cli_pin_input_t *input, const mcp_json_t *json,
    uint32_t answer)
{
    uint32_t  result, tools, cursor, error;

    error = mcp_json_member(json, answer, mcp_str("error"));

    if (error != MCP_JSON_NONE) {
        cli_error("%s: the server answered with an error", input->path);
        return CLI_FAILED;
    }

    result = mcp_json_member(json, answer, mcp_str("result"));

    if (result == MCP_JSON_NONE) {
        result = answer;
    }

    tools = mcp_json_member(json, result, mcp_str("tools"));

    if (tools == MCP_JSON_NONE || json->tokens[tools].type != MCP_JSON_ARRAY)
    {
        return CLI_GOOD;
    }

    cursor = mcp_json_member(json, result, mcp_str("nextCursor"));

    input->definitions->more = cursor != MCP_JSON_NONE
                               && json->tokens[cursor].type != MCP_JSON_NULL;

    return cli_pin_tools(input, json, tools);
}


static cli_code_t
cli_pin_tools(cli_pin_input_t *input, const mcp_json_t *json, uint32_t array)
{
    uint32_t                 i;
    cli_code_t               code;
    const mcp_json_token_t  *t;

    t = json->tokens;
    code = CLI_GOOD;
    input->listed = true;

    for (i = array + 1; code == CLI_GOOD && i < t[array].next; i = t[i].next)
    {
        code = cli_pin_tool(input, json, i);
    }

    return code;
}


static cli_code_t
cli_pin_tool(cli_pin_input_t *input, const mcp_json_t *json, uint32_t tool)
{
    uint32_t            name;
    cli_definition_t   *bigger, *definition;
    cli_definitions_t  *definitions;

    definitions = input->definitions;

    if (definitions->count == input->room) {
        input->room = input->room ? 2 * input->room : 64;
        bigger = mcp_arena_alloc(&definitions->arena,
                                 input->room * sizeof(cli_definition_t));

        if (bigger == NULL) {
            cli_error("out of memory");
            return CLI_FAILED;
        }

        if (definitions->count) {
            memcpy(bigger, definitions->list,
                   definitions->count * sizeof(cli_definition_t));
        }

        definitions->list = bigger;
    }

    definition = &definitions->list[definitions->count];
    name = mcp_json_member(json, tool, mcp_str("name"));

    if (name == MCP_JSON_NONE
        || mcp_json_string(json, name, &definitions->arena,
                           &definition->name)
           != MCP_OK
        || definition->name.len == 0)
    {
        cli_error("%s: tool %u of the list has no name", input->path,
                  definitions->count + 1);
        return CLI_FAILED;
    }

    if (mcp_pin_hash(json, tool, &definitions->arena, definition->hash)
        != MCP_OK
        || mcp_pin_canonical(json, tool, &definitions->arena,
                             &definition->text)
           != MCP_OK)
    {
        cli_error("%s: tool %u of the list has no canonical form: a number "
                  "is too large or a string has an unpaired surrogate",
                  input->path, definitions->count + 1);
        return CLI_FAILED;
    }

    definitions->count++;

    return CLI_GOOD;
}


/* By name; a tool may be on two pages, but not as two tools. */
static cli_code_t
cli_pin_merge(cli_pin_input_t *input)
{
    uint32_t            i, kept;
    cli_definition_t   *list;
    cli_definitions_t  *definitions;

    definitions = input->definitions;
    list = definitions->list;
    kept = 0;

    if (definitions->count == 0) {
        return CLI_GOOD;
    }

    qsort(list, definitions->count, sizeof(cli_definition_t), cli_pin_order);

    for (i = 1; i < definitions->count; i++) {

        if (!mcp_str_equal(list[kept].name, list[i].name)) {
            list[++kept] = list[i];
            continue;
        }

        if (memcmp(list[kept].hash, list[i].hash, MCP_PIN_HASH) != 0) {
            cli_error("%s: a tool is listed twice, with two definitions",
                      input->path);
            fputs("  ", stderr);
            cli_print(stderr, list[i].name);
            putc('\n', stderr);
            return CLI_FAILED;
        }
    }

    definitions->count = kept + 1;

    return CLI_GOOD;
}


static int
cli_pin_order(const void *one, const void *two)
{
    int                      order;
    size_t                   length;
    const cli_definition_t  *a = one, *b = two;

    length = a->name.len < b->name.len ? a->name.len : b->name.len;
    order = memcmp(a->name.data, b->name.data, length);

    if (order == 0) {
        order = (a->name.len > b->name.len) - (a->name.len < b->name.len);
    }

    return order;
}


static cli_code_t
cli_pin_write(const char *path, const cli_definitions_t *definitions)
{
    char                     hex[MCP_PIN_HEX], *text;
    FILE                    *out;
    size_t                   length;
    uint8_t                 *name;
    uint32_t                 i;
    cli_code_t               code;
    const cli_definition_t  *d;

    text = NULL;
    out = open_memstream(&text, &length);

    if (out == NULL) {
        cli_error("out of memory");
        return CLI_FAILED;
    }

    fputs("{\n  \"version\": 1,\n  \"tools\": {", out);

    for (i = 0; i < definitions->count; i++) {
        d = &definitions->list[i];

        name = cli_alloc(d->name.len * MCP_JSON_ESCAPE_MAX);
        fprintf(out, "%s\n    \"%.*s\": {\n", i ? "," : "",
                (int) (mcp_json_escape(name, d->name) - name), name);
        free(name);

        mcp_pin_hex(d->hash, hex);
        fprintf(out, "      \"sha256\": \"%.*s\",\n      \"definition\": ",
                MCP_PIN_HEX, hex);

        cli_pin_pretty(out, d->text, 3);
        fputs("\n    }", out);
    }

    fputs(definitions->count ? "\n  }\n}\n" : "}\n}\n", out);

    if (fclose(out) != 0) {
        cli_error("out of memory");
        free(text);
        return CLI_FAILED;
    }

    code = cli_write_file(path, text, length);
    free(text);

    return code;
}


/* The canonical form on several lines: no white space is in it. */
static void
cli_pin_pretty(FILE *out, mcp_str_t text, unsigned depth)
{
    bool     string;
    size_t   i;
    uint8_t  c, next;

    string = false;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];
        next = i + 1 < text.len ? text.data[i + 1] : '\0';

        if (string && c == '\\') {
            putc(c, out);
            putc(text.data[++i], out);
            continue;
        }

        if (c == '"') {
            string = !string;

        } else if (!string && (c == '}' || c == ']')) {
            cli_pin_indent(out, --depth);
        }

        putc(c, out);

        if (string) {
            continue;
        }

        if ((c == '{' && next == '}') || (c == '[' && next == ']')) {
            putc(next, out);
            i++;

        } else if (c == '{' || c == '[') {
            cli_pin_indent(out, ++depth);

        } else if (c == ',') {
            cli_pin_indent(out, depth);

        } else if (c == ':') {
            putc(' ', out);
        }
    }
}


static void
cli_pin_indent(FILE *out, unsigned depth)
{
    fprintf(out, "\n%*s", (int) (2 * depth), "");
}
