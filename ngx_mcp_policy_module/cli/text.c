#include <stdio.h>

#include "text.h"


typedef struct {
    mcp_str_t  text;        /* literal, or the name of a variable */
    bool       variable;
} cli_text_part_t;

typedef struct {
    cli_text_part_t  *parts;
    uint32_t          count;
} cli_text_t;


static mcp_rc_t cli_text_variable(mcp_str_t source, size_t *pos,
    mcp_str_t *name, mcp_error_t *error);
static bool cli_text_name(uint8_t ch);


mcp_rc_t
cli_text_compile(mcp_str_t source, mcp_arena_t *arena, mcp_text_t *text,
    mcp_error_t *error)
{
    size_t            i, variables;
    mcp_rc_t          rc;
    cli_text_t       *compiled;
    cli_text_part_t  *part;

    text->literal = source;
    text->variables = NULL;

    variables = 0;

    for (i = 0; i < source.len; i++) {
        variables += (source.data[i] == '$');
    }

    if (variables == 0) {
        return MCP_OK;
    }

    compiled = mcp_arena_calloc(arena, sizeof(cli_text_t));
    if (compiled == NULL) {
        return MCP_NOMEM;
    }

    /* each variable may have a literal before it, the last one behind it */

    compiled->parts = mcp_arena_calloc(arena, (2 * variables + 1)
                                              * sizeof(cli_text_part_t));
    if (compiled->parts == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < source.len; /* void */ ) {

        part = &compiled->parts[compiled->count++];

        if (source.data[i] == '$') {
            i++;
            part->variable = true;

            rc = cli_text_variable(source, &i, &part->text, error);
            if (rc != MCP_OK) {
                return rc;
            }

            continue;
        }

        part->text.data = source.data + i;

        while (i < source.len && source.data[i] != '$') {
            i++;
            part->text.len++;
        }
    }

    text->variables = compiled;

    return MCP_OK;
}


/* The name of a variable, behind its "$". */
static mcp_rc_t
cli_text_variable(mcp_str_t source, size_t *pos, mcp_str_t *name,
    mcp_error_t *error)
{
    bool    brackets;
    size_t  i;

    i = *pos;
    brackets = (i < source.len && source.data[i] == '{');

    if (brackets) {
        i++;
    }

    name->data = source.data + i;
    name->len = 0;

    if (!brackets && i < source.len
        && source.data[i] >= '1' && source.data[i] <= '9')
    {
        /* a capture has one digit */

        name->len = 1;
        *pos = i + 1;
        return MCP_OK;
    }

    while (i < source.len && cli_text_name(source.data[i])) {
        i++;
        name->len++;
    }

    if (brackets) {
        if (i == source.len || source.data[i] != '}') {
            return mcp_error_set(error, 0, *pos, "the closing bracket in "
                                 "\"%.*s\" variable is missing",
                                 (int) name->len, (const char *) name->data);
        }

        i++;
    }

    if (name->len == 0) {
        return mcp_error_set(error, 0, *pos, "invalid variable name");
    }

    *pos = i;

    return MCP_OK;
}


static bool
cli_text_name(uint8_t ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
           || (ch >= '0' && ch <= '9') || ch == '_';
}


mcp_rc_t
cli_text_resolve(void *data, const void *variables, mcp_arena_t *arena,
    mcp_str_t *value)
{
    size_t                  length;
    uint8_t                *dst;
    uint32_t                i;
    mcp_rc_t                rc;
    mcp_str_t              *values;
    const cli_text_t       *text;
    const cli_variables_t  *scope;

    text = variables;
    scope = data;
    length = 0;

    values = mcp_arena_calloc(arena, text->count * sizeof(mcp_str_t));
    if (values == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < text->count; i++) {
        values[i] = text->parts[i].text;

        if (text->parts[i].variable) {
            rc = scope->find(scope->data, values[i], arena, &values[i]);

            if (rc == MCP_NO) {
                values[i].len = 0;

            } else if (rc != MCP_OK) {
                return rc;
            }
        }

        length += values[i].len;
    }

    dst = mcp_arena_alloc(arena, length + 1);
    if (dst == NULL) {
        return MCP_NOMEM;
    }

    value->data = dst;
    value->len = length;

    for (i = 0; i < text->count; i++) {
        if (values[i].len) {
            memcpy(dst, values[i].data, values[i].len);
            dst += values[i].len;
        }
    }

    return MCP_OK;
}
