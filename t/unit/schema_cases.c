/*
 * Reads cases in the form of the JSON Schema Test Suite from standard input,
 * an array of {"schema": ..., "tests": [{"data": ..., "valid": ...}]}, and
 * prints what the checker makes of them: for each schema a line "schema ok"
 * or "schema error TEXT", for each value of a compiled one a line "valid",
 * "invalid PATH KEYWORD TEXT" or "error", with tabs between the words.
 */

#include <stdio.h>
#include <stdlib.h>

#include "tap.h"
#include "mcp_schema.h"


static const mcp_allocator_t  allocator = TAP_ALLOCATOR;
static const uint64_t         hash_key[2] = { 1, 2 };


static mcp_str_t
read_all(FILE *file)
{
    size_t    size, len, n;
    uint8_t  *data;

    size = 1 << 16;
    len = 0;
    data = malloc(size);

    while (data != NULL
           && (n = fread(data + len, 1, size - len, file)) > 0)
    {
        len += n;

        if (len == size) {
            size *= 2;
            data = realloc(data, size);
        }
    }

    if (data == NULL) {
        fprintf(stderr, "no memory\n");
        exit(2);
    }

    return (mcp_str_t) { data, len };
}


static void
print_word(mcp_str_t s)
{
    size_t  i;

    putchar('\t');

    for (i = 0; i < s.len; i++) {
        putchar(s.data[i] < 0x20 ? '?' : s.data[i]);
    }
}


static void
check_value(const mcp_schema_t *schema, const mcp_json_t *json,
    uint32_t value)
{
    mcp_arena_t         arena;
    mcp_schema_fault_t  fault;

    mcp_arena_init(&arena, &allocator, 0);

    switch (mcp_schema_check(schema, json, value, &arena, &fault)) {

    case MCP_OK:
        printf("valid");
        break;

    case MCP_NO:
        printf("invalid");
        print_word(fault.path);
        print_word(fault.keyword);
        print_word(fault.text);
        break;

    default:
        printf("error");
        break;
    }

    putchar('\n');
    mcp_arena_destroy(&arena);
}


static void
check_group(const mcp_json_t *json, uint32_t group)
{
    uint32_t             tests, i;
    mcp_error_t          error;
    const mcp_schema_t  *schema;

    if (mcp_schema_compile(json,
                           mcp_json_member(json, group, mcp_str("schema")),
                           &allocator, hash_key, &schema, &error)
        != MCP_OK)
    {
        printf("schema error\t%s\n", error.text);
        return;
    }

    printf("schema ok\n");

    tests = mcp_json_member(json, group, mcp_str("tests"));

    for (i = tests + 1; i < json->tokens[tests].next;
         i = json->tokens[i].next)
    {
        check_value(schema, json, mcp_json_member(json, i, mcp_str("data")));
    }

    mcp_schema_free(schema);
}


int
main(void)
{
    uint32_t      group;
    mcp_str_t     text;
    mcp_json_t    json;
    mcp_arena_t   arena;
    mcp_error_t   error;
    mcp_limits_t  limits;

    memset(&limits, 0, sizeof(limits));
    limits.depth = 1000;
    limits.tokens = 10000000;
    limits.string_length = 1 << 24;
    limits.number_length = 4096;

    mcp_arena_init(&arena, &allocator, 0);
    text = read_all(stdin);

    if (mcp_json_parse(&json, text, &limits, &arena, &error) != MCP_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }

    for (group = 1; group < json.tokens[0].next;
         group = json.tokens[group].next)
    {
        check_group(&json, group);
    }

    mcp_arena_destroy(&arena);
    free((void *) text.data);

    return 0;
}
