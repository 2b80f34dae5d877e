/*
 * Policies from classes.  What a server names goes into comments escaped, and
 * into rules only when it can be nothing but a name; see
 * cli_tools_check_name().
 */

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcp_version.h"
#include "tools.h"


#define CLI_POLICY_PATH_MAX  512


static void cli_policy_write_head(FILE *out, const cli_tools_t *tools);
static void cli_policy_write_left_out(FILE *out, const cli_tools_t *tools,
    const char *indent);
static void cli_policy_write_comment(FILE *out, const cli_tool_t *tool,
    const char *indent);
static void cli_policy_write_class(FILE *out, mcp_risk_class_t class,
    const char *indent);
static void cli_policy_nginx_tool(FILE *out, const cli_tool_t *tool);
static void cli_policy_nginx_name(FILE *out, mcp_str_t name);
static void cli_policy_nginx_argument(FILE *out,
    const cli_argument_t *argument);
static bool cli_policy_plain(mcp_str_t name, const char *more);
static json_t *cli_policy_json_tool(const cli_tool_t *tool);
static bool cli_policy_path(const cli_argument_t *argument, char *path,
    size_t size);
static void cli_policy_yaml_tool(FILE *out, const cli_tool_t *tool);
static void cli_policy_yaml_string(FILE *out, mcp_str_t s);


/* How well a class is meant: a comment above the first of its tools. */
static const char *const  cli_policy_classes[] = {
    "",
    "Read, low risk: allowed",
    "Write, medium risk: 30 calls a minute",
    ("Execute, high risk: 10 calls a minute, with all required"
     " arguments"),
    "Financial, critical: every call needs the approval of a human",
    "Destructive, critical: hidden"
};


cli_code_t
cli_format_parse(const char *word, const char *path, cli_format_t *format)
{
    size_t       length;
    const char  *dot;

    dot = NULL;

    if (word == NULL && path) {
        length = strlen(path);
        dot = path + length;

        while (dot > path && dot[-1] != '.' && dot[-1] != '/') {
            dot--;
        }
    }

    *format = CLI_FORMAT_NGINX;

    if (word == NULL) {
        if (dot && strcmp(dot, "json") == 0) {
            *format = CLI_FORMAT_JSON;

        } else if (dot && (strcmp(dot, "yaml") == 0
                           || strcmp(dot, "yml") == 0))
        {
            *format = CLI_FORMAT_YAML;
        }

        return CLI_GOOD;
    }

    if (strcmp(word, "nginx") == 0) {
        return CLI_GOOD;
    }

    if (strcmp(word, "json") == 0) {
        *format = CLI_FORMAT_JSON;
        return CLI_GOOD;
    }

    if (strcmp(word, "yaml") == 0) {
        *format = CLI_FORMAT_YAML;
        return CLI_GOOD;
    }

    cli_error("invalid format \"%s\", it must be \"nginx\", \"json\" or "
              "\"yaml\"", word);

    return CLI_FAILED;
}


void
cli_policy_write(FILE *out, const cli_tools_t *tools, cli_format_t format,
    const char *name)
{
    switch (format) {

    case CLI_FORMAT_JSON:
        cli_policy_write_json(out, tools);
        break;

    case CLI_FORMAT_YAML:
        cli_policy_write_yaml(out, tools);
        break;

    default:
        cli_policy_write_nginx(out, tools, name);
    }
}


void
cli_policy_write_nginx(FILE *out, const cli_tools_t *tools, const char *name)
{
    uint32_t           i;
    mcp_risk_class_t   class;
    const cli_tool_t  *tool;

    cli_policy_write_head(out, tools);
    fprintf(out, "\nmcp_policy %s {\n    default deny;\n", name);

    class = MCP_RISK_NONE;

    for (i = 0; i < tools->count; i++) {
        tool = &tools->tools[i];

        if (tool->left_out) {
            continue;
        }

        if (tool->risk.class != class) {
            class = tool->risk.class;
            putc('\n', out);
            cli_policy_write_class(out, class, "    ");
        }

        putc('\n', out);
        cli_policy_write_comment(out, tool, "    ");
        cli_policy_nginx_tool(out, tool);
    }

    cli_policy_write_left_out(out, tools, "    ");
    fputs("}\n", out);
}


static void
cli_policy_write_head(FILE *out, const cli_tools_t *tools)
{
    fprintf(out, "# Written by mcp-policy %s from the %u tools",
            MCP_POLICY_VERSION, (unsigned) tools->count);

    if (*tools->server) {
        fputs(" of ", out);
        cli_print(out, cli_str(tools->server));

        if (*tools->version) {
            putc(' ', out);
            cli_print(out, cli_str(tools->version));
        }
    }

    fputs(".\n#\n"
          "# The classes are told from names, descriptions and arguments: the"
          " server's\n"
          "# own words, and no proof of what a tool does.  Read them before"
          " you rely on\n"
          "# them.  What is not named here is refused.\n", out);

    if (tools->more) {
        fputs("#\n# The list was not complete: more pages follow it.\n", out);
    }
}


static void
cli_policy_write_left_out(FILE *out, const cli_tools_t *tools,
    const char *indent)
{
    bool               begun;
    uint32_t           i;
    const cli_tool_t  *tool;

    begun = false;

    for (i = 0; i < tools->count; i++) {
        tool = &tools->tools[i];

        if (tool->left_out == NULL) {
            continue;
        }

        if (!begun) {
            fprintf(out, "\n%s# Left out, and so refused:\n%s#\n", indent,
                    indent);
            begun = true;
        }

        fprintf(out, "%s# ", indent);
        cli_tools_print_name(out, tool->name);
        fprintf(out, ": %s\n", tool->left_out);
    }
}


static void
cli_policy_write_class(FILE *out, mcp_risk_class_t class, const char *indent)
{
    fprintf(out, "%s# ---- %s\n", indent, cli_policy_classes[class]);
}


static void
cli_policy_write_comment(FILE *out, const cli_tool_t *tool,
    const char *indent)
{
    fprintf(out, "%s# %s: ", indent, mcp_risk_class_name(tool->risk.class));
    cli_tools_evidence(out, tool);
    putc('\n', out);
}


static void
cli_policy_nginx_tool(FILE *out, const cli_tool_t *tool)
{
    uint32_t  i;

    if (tool->risk.class == MCP_RISK_DESTRUCTIVE) {
        fputs("    hide ", out);
        cli_policy_nginx_name(out, tool->name);
        fputs(";\n", out);
        return;
    }

    fputs("    tool ", out);
    cli_policy_nginx_name(out, tool->name);
    fputs(" {\n", out);

    switch (tool->risk.class) {

    case MCP_RISK_WRITE:
        fputs("        limit 30/minute;\n", out);
        break;

    case MCP_RISK_EXECUTE:

        for (i = 0; i < tool->required_count; i++) {
            cli_policy_nginx_argument(out, &tool->required[i]);
        }

        fputs("        limit 10/minute;\n", out);
        break;

    case MCP_RISK_FINANCIAL:
        fputs("        approve;\n", out);
        break;

    default:
        break;
    }

    fputs("    }\n", out);
}


static void
cli_policy_nginx_name(FILE *out, mcp_str_t name)
{
    if (cli_policy_plain(name, "_-./")) {
        fprintf(out, "%.*s", cli_shown(name));

    } else {
        fprintf(out, "\"%.*s\"", cli_shown(name));
    }
}


/* Only ASCII letters and digits and what is in "more". */
static bool
cli_policy_plain(mcp_str_t name, const char *more)
{
    size_t   i;
    uint8_t  ch;

    for (i = 0; i < name.len; i++) {
        ch = name.data[i];

        if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z')
            && !(ch >= '0' && ch <= '9')
            && (ch == '\0' || strchr(more, ch) == NULL))
        {
            return false;
        }
    }

    return name.len > 0;
}


/*
 * An argument that may be null only has to be there.  One whose name is odd
 * is left to the server, which requires it anyway.
 */
static void
cli_policy_nginx_argument(FILE *out, const cli_argument_t *argument)
{
    if (!cli_policy_plain(argument->name, "_-")) {
        return;
    }

    if (argument->nullable) {
        fprintf(out, "        any {\n"
                "            arg %.*s exists;\n"
                "            arg %.*s type null;\n"
                "        }\n", cli_shown(argument->name),
                cli_shown(argument->name));

    } else {
        fprintf(out, "        arg %.*s exists;\n", cli_shown(argument->name));
    }
}


/* JSON has no comments. */
void
cli_policy_write_json(FILE *out, const cli_tools_t *tools)
{
    json_t            *root, *hide, *list;
    uint32_t           i;
    const cli_tool_t  *tool;

    root = json_object();
    hide = json_array();
    list = json_object();

    json_object_set_new(root, "version", json_string("1"));
    json_object_set_new(root, "default", json_string("deny"));

    for (i = 0; i < tools->count; i++) {
        tool = &tools->tools[i];

        if (tool->left_out) {
            continue;
        }

        if (tool->risk.class == MCP_RISK_DESTRUCTIVE) {
            json_array_append_new(hide,
                json_stringn((const char *) tool->name.data,
                             tool->name.len));

        } else {
            json_object_setn_new(list, (const char *) tool->name.data,
                                 tool->name.len, cli_policy_json_tool(tool));
        }
    }

    json_object_set_new(root, "hide", hide);
    json_object_set_new(root, "tools", list);

    (void) json_dumpf(root, out, JSON_INDENT(2));
    putc('\n', out);

    json_decref(root);
}


static json_t *
cli_policy_json_tool(const cli_tool_t *tool)
{
    char        path[CLI_POLICY_PATH_MAX], counter[CLI_POLICY_PATH_MAX];
    json_t     *object, *rules;
    uint32_t    i;
    long long   max;

    object = json_object();
    max = (tool->risk.class == MCP_RISK_WRITE) ? 30 : 10;

    if (tool->risk.class == MCP_RISK_READ) {
        return object;
    }

    if (tool->risk.class == MCP_RISK_FINANCIAL) {
        json_object_set_new(object, "action",
                            json_string("require_approval"));
        return object;
    }

    rules = json_array();

    for (i = 0; tool->risk.class == MCP_RISK_EXECUTE
                && i < tool->required_count; i++)
    {
        if (cli_policy_path(&tool->required[i], path, sizeof(path))) {
            json_array_append_new(rules,
                json_pack("{s:[{s:s,s:s,s:b}]}", "conditions", "path", path,
                          "op", "exists", "value", 1));
        }
    }

    if (json_array_size(rules)) {
        json_object_set_new(object, "require", rules);

    } else {
        json_decref(rules);
    }

    (void) snprintf(counter, sizeof(counter), "%.*s_rate",
                    cli_shown(tool->name));

    json_object_set_new(object, "limits",
        json_pack("[{s:s,s:s,s:I,s:s}]", "counter", counter, "window",
                  "minute", "max", (json_int_t) max, "scope", "grant"));

    return object;
}


/* "args.NAME", for arguments that these formats can name and require. */
static bool
cli_policy_path(const cli_argument_t *argument, char *path, size_t size)
{
    int  n;

    if (argument->nullable || !cli_policy_plain(argument->name, "_-")) {
        return false;
    }

    n = snprintf(path, size, "args.%.*s", cli_shown(argument->name));

    return n > 0 && (size_t) n < size;
}


void
cli_policy_write_yaml(FILE *out, const cli_tools_t *tools)
{
    bool               begun;
    uint32_t           i;
    mcp_risk_class_t   class;
    const cli_tool_t  *tool;

    cli_policy_write_head(out, tools);
    fputs("\nversion: \"1\"\ndefault: deny\n", out);

    begun = false;

    for (i = 0; i < tools->count; i++) {
        tool = &tools->tools[i];

        if (tool->left_out || tool->risk.class != MCP_RISK_DESTRUCTIVE) {
            continue;
        }

        if (!begun) {
            fputs("\nhide:\n", out);
            cli_policy_write_class(out, tool->risk.class, "  ");
            begun = true;
        }

        cli_policy_write_comment(out, tool, "  ");
        fputs("  - ", out);
        cli_policy_yaml_string(out, tool->name);
        putc('\n', out);
    }

    class = MCP_RISK_NONE;

    for (i = 0; i < tools->count; i++) {
        tool = &tools->tools[i];

        if (tool->left_out || tool->risk.class == MCP_RISK_DESTRUCTIVE) {
            continue;
        }

        if (class == MCP_RISK_NONE) {
            fputs("\ntools:\n", out);
        }

        if (tool->risk.class != class) {
            class = tool->risk.class;
            cli_policy_write_class(out, class, "  ");
        }

        cli_policy_write_comment(out, tool, "  ");
        cli_policy_yaml_tool(out, tool);
    }

    cli_policy_write_left_out(out, tools, "  ");
}


static void
cli_policy_yaml_tool(FILE *out, const cli_tool_t *tool)
{
    char      path[CLI_POLICY_PATH_MAX];
    bool      begun;
    uint32_t  i;

    fputs("  ", out);
    cli_policy_yaml_string(out, tool->name);
    fputs(":\n", out);

    switch (tool->risk.class) {

    case MCP_RISK_WRITE:
        fputs("    rules:\n"
              "      - name: pace\n"
              "        rate_limit: 30/minute\n", out);
        break;

    case MCP_RISK_EXECUTE:
        fputs("    rules:\n", out);
        begun = false;

        for (i = 0; i < tool->required_count; i++) {

            if (!cli_policy_path(&tool->required[i], path, sizeof(path))) {
                continue;
            }

            if (!begun) {
                fputs("      - name: required arguments\n"
                      "        conditions:\n", out);
                begun = true;
            }

            fprintf(out, "          - {path: \"%s\", op: exists,"
                         " value: true}\n", path);
        }

        fputs("      - name: pace\n"
              "        rate_limit: 10/minute\n", out);
        break;

    case MCP_RISK_FINANCIAL:
        fputs("    rules:\n"
              "      - name: human approval\n"
              "        action: require_approval\n", out);
        break;

    default:
        fputs("    rules: []\n", out);
    }
}


/* Names that may stand in a policy have nothing that needs an escape. */
static void
cli_policy_yaml_string(FILE *out, mcp_str_t s)
{
    fprintf(out, "\"%.*s\"", cli_shown(s));
}


cli_code_t
cli_write_file(const char *path, const char *data, size_t length)
{
    int     fd;
    char   *name;
    FILE   *file;
    bool    written;
    size_t  size;
    mode_t  mask;

    if (path == NULL || strcmp(path, "-") == 0) {
        return fwrite(data, 1, length, stdout) == length ? CLI_GOOD
                                                         : CLI_FAILED;
    }

    size = strlen(path) + sizeof(".XXXXXX");
    name = cli_alloc(size);
    (void) snprintf(name, size, "%s.XXXXXX", path);

    fd = mkstemp(name);
    file = (fd == -1) ? NULL : fdopen(fd, "w");

    if (file == NULL) {
        cli_error("%s: %s", path, strerror(errno));

        if (fd != -1) {
            (void) close(fd);
            (void) unlink(name);
        }

        free(name);
        return CLI_FAILED;
    }

    mask = umask(0);
    (void) umask(mask);

    written = fwrite(data, 1, length, file) == length
              && fchmod(fd, 0666 & ~mask) == 0
              && fflush(file) == 0
              && fsync(fd) == 0;

    written = (fclose(file) == 0) && written;
    written = written && rename(name, path) == 0;

    if (!written) {
        cli_error("%s: %s", path, strerror(errno));
        (void) unlink(name);
    }

    free(name);

    return written ? CLI_GOOD : CLI_FAILED;
}
