/*
 * Lists of any length and content: what is left is what another JSON library
 * leaves when the hidden names are taken out, and its bytes are the ones that
 * were there.
 */

#include "tap.h"
#include "list_model.h"
#include "policy_text.h"


#define ELEMENTS  5000
#define TEXT      (8 * 1024 * 1024)


typedef struct {
    char      *data;
    size_t     length;
} text_t;

static uint32_t            seed = 7;
static mcp_arena_t         arena;
static mcp_caller_t        caller;
static mcp_list_filter_t   filter;
static mcp_list_request_t  request;
static text_t              input, output;
static size_t              starts[ELEMENTS], ends[ELEMENTS];
static bool                shown[ELEMENTS];

static const mcp_limits_t  limits = {
    MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS, MCP_DEFAULT_STRING_LENGTH,
    MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH, { 1, 2 }
};


static uint32_t
chance(uint32_t n)
{
    seed = seed * 1103515245 + 12345;

    return (seed >> 16) % n;
}


static void
add(const char *s)
{
    size_t  length;

    length = strlen(s);

    if (input.length + length >= TEXT) {
        exit(1);
    }

    memcpy(input.data + input.length, s, length + 1);
    input.length += length;
}


static void
space(void)
{
    static const char *const  spaces[] = { "", "", "", "", " ", "\n  ",
                                           "\r\n", "\t" };

    add(spaces[chance(8)]);
}


static bool
visible(const char *name)
{
    return strncmp(name, "get_", 4) == 0;
}


/* A member that has nothing to do with it, "nasty" to other readers. */
static void
member(bool nasty)
{
    static const char *const  members[] = {
        "\"description\":\"a \\\"quoted\\\" text, ] } \\\\\"",
        "\"title\":\"\\u2028\xe2\x80\xa8\xf0\x9f\x98\x80\\ud83d\\ude00\"",
        ("\"inputSchema\":{\"type\":\"object\",\"properties\":{\"name\":{"
         "\"type\":\"string\"},\"Name\":{\"enum\":[1,2.50,-0]}}}"),
        "\"x\":[[[[{\"tools\":[{\"name\":\"inner\"}]}]]],{},[ ]]",
        "\"_meta\":{\"a/b\" : null , \"\":true}",
        "\"n\":12345678901234567890",
        "\"annotations\":{\"readOnlyHint\":false}",
        "\"e\":-0.10E-7",
        "\"big\":1e400",
        "\"lone\":\"\\ud800\""
    };

    add(members[chance(nasty ? 10 : 8)]);
}


static void
element(uint32_t i, bool nasty)
{
    char  name[64];

    shown[i] = chance(3) != 0;

    snprintf(name, sizeof(name), "\"%s\":\"%s%u\"",
             list_names[request.kind], !shown[i] ? "hidden_"
             : chance(4) ? "get_" : "g\\u0065t\\u005f", i);

    starts[i] = input.length;
    add("{");
    space();

    if (chance(2)) {
        member(nasty);
        space();
        add(",");
    }

    add(name);

    if (chance(2)) {
        add(",\"last\":{");
        space();
        member(nasty);
        add("}");
    }

    space();
    add("}");
    ends[i] = input.length;
}


/* Returns where the array begins and ends. */
static void
answer(uint32_t count, bool nasty, size_t *start, size_t *end)
{
    uint32_t  i;

    input.length = 0;
    space();
    add("{\"jsonrpc\":\"2.0\",\"id\":1,");
    add("\"result\":{");
    member(nasty);
    add(",\"");
    add(list_members[request.kind]);
    add("\":");
    space();
    *start = input.length;
    add("[");
    space();

    for (i = 0; i < count; i++) {

        if (i != 0) {
            add(",");
            space();
        }

        element(i, nasty);
        space();
    }

    add("]");
    *end = input.length;
    space();
    add(",\"nextCursor\":\"\"}");
    space();
    add("}");
    space();
}


/* The pieces, in the output. */
static bool
run(mcp_list_result_t *result)
{
    uint32_t  i;

    if (mcp_list_filter(&filter, (mcp_str_t) { (uint8_t *) input.data,
                                               input.length },
                        &limits, &arena, result, NULL)
        != MCP_OK)
    {
        return false;
    }

    output.length = 0;

    for (i = 0; i < result->piece_count; i++) {
        if (result->pieces[i].len > TEXT - output.length) {
            return false;
        }

        memcpy(output.data + output.length, result->pieces[i].data,
               result->pieces[i].len);
        output.length += result->pieces[i].len;
    }

    return output.length == result->length;
}


/*
 * The same bytes outside of the array, and inside of it the elements that
 * stay, with nothing but white space and one comma between two.
 */
static bool
same_bytes(uint32_t count, size_t start, size_t end)
{
    bool         first;
    size_t       tail;
    uint32_t     i, commas;
    const char  *p, *last;

    tail = input.length - end;

    if (output.length < start + 2 + tail
        || memcmp(output.data, input.data, start + 1) != 0
        || memcmp(output.data + output.length - tail, input.data + end, tail)
           != 0)
    {
        return false;
    }

    p = output.data + start + 1;
    last = output.data + output.length - tail - 1;
    first = true;

    for (i = 0; i < count; i++) {

        if (!shown[i]) {
            continue;
        }

        for (commas = 0; p < last && strchr(" \n\r\t,", *p) != NULL; p++) {
            commas += (*p == ',');
        }

        if (commas != (first ? 0 : 1)
            || (size_t) (last - p) < ends[i] - starts[i]
            || memcmp(p, input.data + starts[i], ends[i] - starts[i]) != 0)
        {
            return false;
        }

        p += ends[i] - starts[i];
        first = false;
    }

    while (p < last && strchr(" \n\r\t", *p) != NULL) {
        p++;
    }

    return p == last && *last == ']';
}


/* What the other library has to say. */
static bool
same_value(void)
{
    bool     same;
    json_t  *before, *after;

    before = list_read(input.data, input.length);
    after = list_read(output.data, output.length);

    list_remove(json_object_get(before, "result"), request.kind, visible);
    same = before != NULL && json_equal(before, after);

    json_decref(before);
    json_decref(after);

    return same;
}


static void
check(uint32_t count, unsigned rounds)
{
    bool               nasty, same;
    size_t             start, end;
    unsigned           i, k, hidden;
    mcp_list_result_t  result;

    same = true;

    for (i = 0; same && i < rounds; i++) {
        request.kind = (mcp_list_kind_t) (MCP_LIST_TOOLS + chance(4));
        request.answered = false;
        filter.request_count = chance(2);
        nasty = chance(2);

        answer(count, nasty, &start, &end);

        for (hidden = 0, k = 0; k < count; k++) {
            hidden += !shown[k];
        }

        same = run(&result) && same_bytes(count, start, end)
               && result.removed == hidden && result.listed == 1
               && result.changed == (hidden != 0)
               && (nasty || same_value());

        mcp_arena_reset(&arena, 16 * 1024 * 1024);
    }

    if (!ok(same, "%u lists of %u", rounds, count)) {
        printf("#   round %u: %.2000s\n#   is %.2000s\n", i, input.data,
               output.data);
    }
}


int
main(void)
{
    uint32_t          i;
    mcp_allocator_t   allocator = TAP_ALLOCATOR;
    policy_reports_t  reports;

    input.data = malloc(TEXT);
    output.data = malloc(TEXT);
    mcp_arena_init(&arena, &allocator, 0);

    filter.policy = policy_build("default deny; tool get_* { } prompt get_* {"
                                 " } resource get_* { }", &reports);
    filter.caller = &caller;
    filter.requests = &request;
    request.id = mcp_str("1");

    for (i = 0; i < 12; i++) {
        check(i, 500);
    }

    check(200, 20);
    check(5000, 3);

    mcp_policy_destroy(filter.policy);
    mcp_arena_destroy(&arena);
    free(input.data);
    free(output.data);

    return tap_done();
}
