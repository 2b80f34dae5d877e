/* Classes for people, and for machines. */

#include <jansson.h>
#include <stdlib.h>

#include "tools.h"


#define CLI_TOOLS_COLUMN_MAX  40
#define CLI_TOOLS_SHOWN_MAX   128


static uint32_t cli_tools_in_order(const cli_tool_t *tool, uint32_t *order);
static json_t *cli_tools_json(const cli_tool_t *tool);


void
cli_tools_print(FILE *out, const cli_tools_t *tools)
{
    int                width;
    uint32_t           i;
    const cli_tool_t  *tool;
    mcp_risk_class_t   class;

    static const cli_colour_t  colours[] = {
        CLI_PLAIN, CLI_GREEN, CLI_PLAIN, CLI_YELLOW, CLI_RED, CLI_RED
    };

    width = 4;

    for (i = 0; i < tools->count; i++) {
        if (tools->tools[i].name.len > (size_t) width) {
            width = (tools->tools[i].name.len > CLI_TOOLS_COLUMN_MAX)
                    ? CLI_TOOLS_COLUMN_MAX : (int) tools->tools[i].name.len;
        }
    }

    /* the worst first */

    for (i = tools->count; i > 0; i--) {
        tool = &tools->tools[i - 1];
        class = tool->risk.class;

        cli_coloured(out, colours[class], "%-11s  %-8s",
                     mcp_risk_class_name(class), mcp_risk_severity(class));
        fputs("  ", out);
        cli_tools_print_name(out, tool->name);

        if (tool->name.len < (size_t) width) {
            fprintf(out, "%*s", width - (int) tool->name.len, "");
        }

        fputs("  ", out);
        cli_tools_evidence(out, tool);

        if (tool->left_out) {
            cli_coloured(out, CLI_YELLOW, " (not in a policy: %s)",
                         tool->left_out);
        }

        putc('\n', out);
    }

    fprintf(out, "%u tool%s", (unsigned) tools->count,
            tools->count == 1 ? "" : "s");

    for (class = MCP_RISK_READ; class <= MCP_RISK_DESTRUCTIVE; class++) {
        fprintf(out, "%s %u %s", class == MCP_RISK_READ ? ":" : ",",
                (unsigned) tools->counts[class], mcp_risk_class_name(class));
    }

    putc('\n', out);
}


/* A server may call a tool what it likes. */
void
cli_tools_print_name(FILE *out, mcp_str_t name)
{
    size_t  length;

    if (name.len <= CLI_TOOLS_SHOWN_MAX) {
        cli_print(out, name);
        return;
    }

    length = CLI_TOOLS_SHOWN_MAX;

    while (length > 0 && (name.data[length] & 0xc0) == 0x80) {
        length--;
    }

    cli_print(out, (mcp_str_t) { name.data, length });
    fputs("...", out);
}


void
cli_tools_evidence(FILE *out, const cli_tool_t *tool)
{
    uint32_t  i, count, order[MCP_RISK_EVIDENCE_MAX];

    count = cli_tools_in_order(tool, order);

    for (i = 0; i < count; i++) {
        fputs(i ? "; " : "", out);
        cli_print(out, tool->risk.evidence[order[i]].text);
    }

    if (tool->listed > 1) {
        fprintf(out, "; listed %u times", tool->listed);
    }
}


/* What made the class before what did not. */
static uint32_t
cli_tools_in_order(const cli_tool_t *tool, uint32_t *order)
{
    bool      decides;
    uint32_t  i, n, pass;

    n = 0;

    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < tool->risk.count; i++) {
            decides = tool->risk.evidence[i].class == tool->risk.class;

            if (decides == (pass == 0)) {
                order[n++] = i;
            }
        }
    }

    return n;
}


const char *
cli_tools_rule(mcp_risk_class_t class)
{
    static const char *const  rules[] = {
        "", "allow", "30/minute", "10/minute, required arguments",
        "human approval", "hide"
    };

    return rules[class];
}


void
cli_tools_print_json(FILE *out, const cli_tools_t *tools,
    const char *protocol)
{
    json_t            *root, *list, *counts;
    uint32_t           i;
    mcp_risk_class_t   class;

    root = json_object();
    list = json_array();
    counts = json_object();

    json_object_set_new(root, "server", json_string(tools->server));
    json_object_set_new(root, "version", json_string(tools->version));

    if (protocol) {
        json_object_set_new(root, "protocol", json_string(protocol));
    }

    for (i = 0; i < tools->count; i++) {
        json_array_append_new(list, cli_tools_json(&tools->tools[i]));
    }

    for (class = MCP_RISK_READ; class <= MCP_RISK_DESTRUCTIVE; class++) {
        json_object_set_new(counts, mcp_risk_class_name(class),
                            json_integer(tools->counts[class]));
    }

    json_object_set_new(root, "tools", list);
    json_object_set_new(root, "counts", counts);
    json_object_set_new(root, "complete", json_boolean(!tools->more));

    (void) json_dumpf(root, out, JSON_INDENT(2));
    putc('\n', out);

    json_decref(root);
}


static json_t *
cli_tools_json(const cli_tool_t *tool)
{
    json_t     *object, *evidence;
    uint32_t    i, count, order[MCP_RISK_EVIDENCE_MAX];
    mcp_str_t   text;

    object = json_object();
    evidence = json_array();
    count = cli_tools_in_order(tool, order);

    for (i = 0; i < count; i++) {
        text = tool->risk.evidence[order[i]].text;
        json_array_append_new(evidence,
            json_stringn((const char *) text.data, text.len));
    }

    json_object_set_new(object, "name",
        json_stringn((const char *) tool->name.data, tool->name.len));
    json_object_set_new(object, "class",
                        json_string(mcp_risk_class_name(tool->risk.class)));
    json_object_set_new(object, "severity",
                        json_string(mcp_risk_severity(tool->risk.class)));
    json_object_set_new(object, "evidence", evidence);
    json_object_set_new(object, "rule", tool->left_out ? json_null()
                        : json_string(cli_tools_rule(tool->risk.class)));

    if (tool->left_out) {
        json_object_set_new(object, "left_out", json_string(tool->left_out));
    }

    if (tool->listed > 1) {
        json_object_set_new(object, "listed", json_integer(tool->listed));
    }

    return object;
}
