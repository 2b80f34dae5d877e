/* Reading and showing a server's tools. */

#include <stdlib.h>

#include "tools.h"


#define CLI_TOOLS_NAME_MAX  128


static uint32_t cli_tools_find(cli_tools_t *tools);
static uint32_t cli_tools_member(const cli_tools_t *tools, uint32_t object,
    const char *name);
static cli_code_t cli_tools_take(cli_tools_t *tools, const char *path,
    uint32_t array);
static void cli_tools_name_server(cli_tools_t *tools);
static const char *cli_tools_string(cli_tools_t *tools, uint32_t object,
    const char *name);
static void *cli_tools_alloc(cli_tools_t *tools, size_t size);
static void cli_tools_take_required(cli_tools_t *tools,
    cli_tool_t *tool, uint32_t definition);
static bool cli_tools_nullable(const cli_tools_t *tools, uint32_t schema);
static void cli_tools_merge(cli_tools_t *tools);
static int cli_tools_by_name(const void *a, const void *b);
static int cli_tools_by_class(const void *a, const void *b);
static const char *cli_tools_check_name(mcp_str_t name);
static bool cli_tools_invisible(uint32_t ch);


cli_code_t
cli_tools_read(cli_tools_t *tools, const char *path, mcp_str_t text)
{
    uint32_t      i, array, cursor;
    mcp_rc_t      rc;
    cli_code_t    code;
    mcp_error_t   error;
    mcp_limits_t  limits;

    memset(tools, 0, sizeof(cli_tools_t));
    mcp_arena_init(&tools->arena, &cli_allocator, 0);
    cli_limits(&limits);

    rc = mcp_json_parse(&tools->json, text, &limits, &tools->arena, &error);

    if (rc == MCP_OK && tools->json.defect != MCP_JSON_VALID) {
        error.code = (int) tools->json.defect;
        error.offset = tools->json.defect_offset;
        rc = MCP_ERROR;
    }

    if (rc != MCP_OK) {
        cli_error("%s: not JSON that all read alike: %s at byte %zu", path,
                  mcp_json_code_name((mcp_json_code_t) error.code),
                  error.offset);
        return CLI_FAILED;
    }

    array = cli_tools_find(tools);

    if (tools->json.tokens[array].type != MCP_JSON_ARRAY) {
        cli_error("%s: no answer to tools/list: no array \"tools\" in it",
                  path);
        return CLI_FAILED;
    }

    cli_tools_name_server(tools);

    code = cli_tools_take(tools, path, array);
    if (code != CLI_GOOD) {
        return code;
    }

    cli_tools_merge(tools);

    for (i = 0; i < tools->count; i++) {
        tools->counts[tools->tools[i].risk.class]++;
        tools->left_out += (tools->tools[i].left_out != NULL);
    }

    cursor = cli_tools_member(tools, 0, "result");
    cursor = cli_tools_member(tools, cursor, "nextCursor");

    tools->more = cursor != MCP_JSON_NONE
                  && tools->json.tokens[cursor].type != MCP_JSON_NULL;

    return CLI_GOOD;
}


void
cli_tools_free(cli_tools_t *tools)
{
    mcp_arena_destroy(&tools->arena);
}


static uint32_t
cli_tools_find(cli_tools_t *tools)
{
    uint32_t  result;

    if (tools->json.tokens[0].type == MCP_JSON_ARRAY) {
        return 0;
    }

    result = cli_tools_member(tools, 0, "result");

    return cli_tools_member(tools, result, "tools");
}


/* Token 0, the whole, is also what stands for a "result" that is not there. */
static uint32_t
cli_tools_member(const cli_tools_t *tools, uint32_t object, const char *name)
{
    if (tools->json.tokens[object].type != MCP_JSON_OBJECT) {
        return MCP_JSON_NONE;
    }

    return mcp_json_member(&tools->json, object, cli_str(name));
}


static void
cli_tools_name_server(cli_tools_t *tools)
{
    uint32_t  meta, info;

    tools->server = tools->version = "";

    meta = cli_tools_member(tools, cli_tools_member(tools, 0, "result"),
                            "_meta");
    if (meta == MCP_JSON_NONE) {
        return;
    }

    info = cli_tools_member(tools, meta,
                            "io.modelcontextprotocol/serverInfo");
    if (info != MCP_JSON_NONE) {
        tools->server = cli_tools_string(tools, info, "name");
        tools->version = cli_tools_string(tools, info, "version");
    }
}


/* A member for messages; "" when it is no string. */
static const char *
cli_tools_string(cli_tools_t *tools, uint32_t object, const char *name)
{
    uint8_t    *copy;
    uint32_t    member;
    mcp_str_t   value;

    member = cli_tools_member(tools, object, name);

    if (member == MCP_JSON_NONE
        || tools->json.tokens[member].type != MCP_JSON_STRING
        || mcp_json_string(&tools->json, member, &tools->arena, &value)
           != MCP_OK)
    {
        return "";
    }

    copy = cli_tools_alloc(tools, value.len + 1);
    memcpy(copy, value.data, value.len);
    copy[value.len] = '\0';

    return (const char *) copy;
}


static void *
cli_tools_alloc(cli_tools_t *tools, size_t size)
{
    void  *p;

    p = mcp_arena_calloc(&tools->arena, size);

    if (p == NULL) {
        cli_error("out of memory");
        exit(CLI_FAILED);
    }

    return p;
}


static cli_code_t
cli_tools_take(cli_tools_t *tools, const char *path, uint32_t array)
{
    uint32_t                 i, name;
    mcp_rc_t                 rc;
    cli_tool_t              *tool;
    const mcp_json_token_t  *tokens;

    tokens = tools->json.tokens;
    tools->tools = cli_tools_alloc(tools, mcp_json_size(&tools->json, array)
                                          * sizeof(cli_tool_t) + 1);

    for (i = array + 1; i < tokens[array].next; i = tokens[i].next) {

        tool = &tools->tools[tools->count++];
        tool->listed = 1;
        name = cli_tools_member(tools, i, "name");

        if (name == MCP_JSON_NONE || tokens[name].type != MCP_JSON_STRING) {
            cli_error("%s: tool %u has no name", path,
                      (unsigned) tools->count);
            return CLI_FAILED;
        }

        rc = mcp_json_string(&tools->json, name, &tools->arena, &tool->name);

        if (rc == MCP_OK) {
            tool->left_out = cli_tools_check_name(tool->name);

        } else {
            tool->name = mcp_json_raw(&tools->json, name);
            tool->left_out = "the name has characters that are none";
        }

        if (mcp_risk_classify(&tools->json, i, &tools->arena, &tool->risk)
            != MCP_OK)
        {
            cli_error("out of memory");
            return CLI_FAILED;
        }

        cli_tools_take_required(tools, tool, i);
    }

    return CLI_GOOD;
}


static void
cli_tools_take_required(cli_tools_t *tools, cli_tool_t *tool,
    uint32_t definition)
{
    uint32_t                 i, schema, required, properties, property;
    cli_argument_t          *argument;
    const mcp_json_token_t  *tokens;

    tokens = tools->json.tokens;
    schema = cli_tools_member(tools, definition, "inputSchema");

    if (schema == MCP_JSON_NONE) {
        return;
    }

    required = cli_tools_member(tools, schema, "required");
    properties = cli_tools_member(tools, schema, "properties");

    if (required == MCP_JSON_NONE || tokens[required].type != MCP_JSON_ARRAY) {
        return;
    }

    tool->required = cli_tools_alloc(tools,
                                     mcp_json_size(&tools->json, required)
                                     * sizeof(cli_argument_t) + 1);

    for (i = required + 1; i < tokens[required].next; i = tokens[i].next) {

        argument = &tool->required[tool->required_count];

        if (tokens[i].type != MCP_JSON_STRING
            || mcp_json_string(&tools->json, i, &tools->arena,
                               &argument->name) != MCP_OK)
        {
            continue;
        }

        property = MCP_JSON_NONE;

        if (properties != MCP_JSON_NONE
            && tokens[properties].type == MCP_JSON_OBJECT)
        {
            property = mcp_json_member(&tools->json, properties,
                                       argument->name);
        }

        argument->nullable = (property == MCP_JSON_NONE)
                             || cli_tools_nullable(tools, property);
        tool->required_count++;
    }
}


/* Only a type that is said, and is not null, rules null out. */
static bool
cli_tools_nullable(const cli_tools_t *tools, uint32_t schema)
{
    uint32_t                 i, type;
    const mcp_json_t        *json;
    const mcp_json_token_t  *tokens;

    json = &tools->json;
    tokens = json->tokens;
    type = cli_tools_member(tools, schema, "type");

    if (type == MCP_JSON_NONE) {
        return true;
    }

    if (tokens[type].type == MCP_JSON_STRING) {
        return mcp_json_string_equal(json, type, mcp_str("null"));
    }

    for (i = type + 1; i < tokens[type].next; i = tokens[i].next) {
        if (tokens[i].type == MCP_JSON_STRING
            && mcp_json_string_equal(json, i, mcp_str("null")))
        {
            return true;
        }
    }

    return false;
}


/*
 * A tool that is listed twice is one tool of the worse class; which of its
 * arguments are required nobody can tell.
 */
static void
cli_tools_merge(cli_tools_t *tools)
{
    uint32_t      i, kept;
    cli_tool_t   *tool, *first, **sorted;

    sorted = cli_tools_alloc(tools, tools->count * sizeof(cli_tool_t *) + 1);

    for (i = 0; i < tools->count; i++) {
        sorted[i] = &tools->tools[i];
    }

    qsort(sorted, tools->count, sizeof(cli_tool_t *), cli_tools_by_name);

    first = NULL;

    for (i = 0; i < tools->count; i++) {
        tool = sorted[i];

        if (first == NULL || !mcp_str_equal(first->name, tool->name)) {
            first = tool;
            continue;
        }

        if (tool->risk.class > first->risk.class) {
            first->risk = tool->risk;
        }

        first->listed++;
        first->required_count = 0;
        tool->listed = 0;
    }

    kept = 0;

    for (i = 0; i < tools->count; i++) {
        if (tools->tools[i].listed) {
            tools->tools[kept] = tools->tools[i];
            tools->tools[kept].order = kept;
            kept++;
        }
    }

    tools->count = kept;

    if (kept) {
        qsort(tools->tools, kept, sizeof(cli_tool_t), cli_tools_by_class);
    }
}


static int
cli_tools_by_name(const void *a, const void *b)
{
    int                order;
    size_t             length;
    const cli_tool_t  *x, *y;

    x = *(cli_tool_t *const *) a;
    y = *(cli_tool_t *const *) b;
    length = (x->name.len < y->name.len) ? x->name.len : y->name.len;
    order = length ? memcmp(x->name.data, y->name.data, length) : 0;

    if (order == 0) {
        order = (x->name.len > y->name.len) - (x->name.len < y->name.len);
    }

    return order ? order : (x > y) - (x < y);
}


static int
cli_tools_by_class(const void *a, const void *b)
{
    const cli_tool_t  *x, *y;

    x = a;
    y = b;

    if (x->risk.class != y->risk.class) {
        return (x->risk.class > y->risk.class) ? 1 : -1;
    }

    return (x->order > y->order) - (x->order < y->order);
}


/*
 * Names come from the server.  What is a pattern or quoting in any of the
 * formats, or cannot be seen by who reads the policy, is not written into
 * one.
 */
static const char *
cli_tools_check_name(mcp_str_t name)
{
    size_t    i, more;
    uint32_t  ch;

    if (name.len == 0) {
        return "the name is empty";
    }

    if (name.len > CLI_TOOLS_NAME_MAX) {
        return "the name is too long";
    }

    if (name.data[0] == '~') {
        return "the name would be read as a regular expression";
    }

    for (i = 0; i < name.len; /* void */ ) {
        ch = name.data[i++];

        if (ch < 0x80) {
            if (ch < 0x20 || ch == 0x7f) {
                return "the name has control characters";
            }

            if (strchr("\"'\\$*{};#", (int) ch)) {
                return "the name has characters with a meaning in policies";
            }

            continue;
        }

        more = (ch >= 0xf0) ? 3 : (ch >= 0xe0) ? 2 : 1;
        ch &= 0x3fu >> more;

        while (more-- && i < name.len) {
            ch = (ch << 6) | (name.data[i++] & 0x3f);
        }

        if (cli_tools_invisible(ch)) {
            return "the name has characters that cannot be seen";
        }
    }

    if (name.data[0] == ' ' || name.data[name.len - 1] == ' ') {
        return "the name begins or ends with a space";
    }

    return NULL;
}


/* Controls, joiners, marks of direction, odd spaces, tags, private use. */
static bool
cli_tools_invisible(uint32_t ch)
{
    size_t  i;

    static const uint32_t  ranges[][2] = {
        { 0x0080, 0x00a0 }, { 0x00ad, 0x00ad }, { 0x0300, 0x036f },
        { 0x034f, 0x034f }, { 0x061c, 0x061c }, { 0x115f, 0x1160 },
        { 0x1680, 0x1680 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
        { 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x206f },
        { 0x2800, 0x2800 }, { 0x3000, 0x3000 }, { 0x3164, 0x3164 },
        { 0xe000, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
        { 0xffa0, 0xffa0 }, { 0xfff0, 0xffff }, { 0xe0000, 0x10ffff }
    };

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (ch >= ranges[i][0] && ch <= ranges[i][1]) {
            return true;
        }
    }

    return false;
}
