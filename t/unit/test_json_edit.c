/* What is left of a JSON text when parts of it go. */

#include <jansson.h>

#include "tap.h"
#include "mcp_json_edit.h"


static mcp_arena_t  arena;
static uint32_t     seed = 1;
static char         text[65536];

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


/* The pieces, one after the other; none is empty, and lengths add up. */
static const char *
joined(const mcp_json_edit_t *edit)
{
    size_t    length;
    uint32_t  i;

    static char  buffer[65536];

    length = 0;

    for (i = 0; i < edit->count; i++) {
        if (edit->pieces[i].len == 0
            || length + edit->pieces[i].len >= sizeof(buffer))
        {
            return "(bad piece)";
        }

        memcpy(buffer + length, edit->pieces[i].data, edit->pieces[i].len);
        length += edit->pieces[i].len;
    }

    buffer[length] = '\0';

    return length == edit->length ? buffer : "(bad length)";
}


/* "keep" has a letter for each element of the top array: "k" or "d". */
static const char *
edited(const char *from, const char *keep, mcp_json_edit_t *edit)
{
    uint32_t             i;
    mcp_json_t           json;
    mcp_json_elements_t  elements;

    if (mcp_json_parse(&json, tap_str(from), &limits, &arena, NULL) != MCP_OK)
    {
        return "(refused)";
    }

    mcp_json_edit_init(edit, tap_str(from), &arena);
    mcp_json_elements_init(&elements, edit, &json, 0);

    for (i = 1; i < json.tokens[0].next; i = json.tokens[i].next) {

        if (*keep++ == 'd') {
            mcp_json_elements_drop(&elements, i);

        } else if (mcp_json_elements_keep(&elements, i) != MCP_OK) {
            return "(no memory)";
        }
    }

    if (mcp_json_elements_finish(&elements) != MCP_OK
        || mcp_json_edit_finish(edit) != MCP_OK)
    {
        return "(no memory)";
    }

    return joined(edit);
}


static void
leaves(const char *from, const char *keep, const char *expected)
{
    char             name[256], *p;
    mcp_json_edit_t  edit;

    snprintf(name, sizeof(name), "%s: %s", from, keep);

    for (p = name; *p != '\0'; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }

    is_str(tap_str(edited(from, keep, &edit)), expected, name);
    mcp_arena_reset(&arena, 4096);
}


static void
test_elements(void)
{
    leaves("[]", "", "[]");
    leaves("[ \n ]", "", "[ \n ]");
    leaves("[1]", "k", "[1]");
    leaves("[1]", "d", "[]");
    leaves("[ 1 ]", "d", "[]");
    leaves(" \n[ 1 , 2 ] \t", "dd", " \n[] \t");
    leaves("[1,2,3]", "dkk", "[2,3]");
    leaves("[1,2,3]", "kdk", "[1,3]");
    leaves("[1,2,3]", "kkd", "[1,2]");
    leaves("[1,2,3]", "ddk", "[3]");
    leaves("[1,2,3]", "kdd", "[1]");
    leaves("[1,2,3]", "dkd", "[2]");
    leaves("[1,2,3]", "ddd", "[]");
    leaves("[1,2,3]", "kkk", "[1,2,3]");
    leaves("[1,2,3,4,5,6]", "dkddkd", "[2,5]");
    leaves("[ 1 , 2 , 3 ]", "dkk", "[ 2 , 3 ]");
    leaves("[ 1 , 2 , 3 ]", "kdk", "[ 1 , 3 ]");
    leaves("[ 1 , 2 , 3 ]", "kkd", "[ 1 , 2 ]");
    leaves("[\n  1,\n  2,\n  3\n]", "kdk", "[\n  1,\n  3\n]");
    leaves("[\n  1,\n  2,\n  3\n]", "dkk", "[\n  2,\n  3\n]");
    leaves("[\n  1,\n  2,\n  3\n]", "kkd", "[\n  1,\n  2\n]");
    leaves("[\"a\",\"b\",\"c\"]", "dkk", "[\"b\",\"c\"]");
    leaves("[\"a\",\"b\",\"c\"]", "kdk", "[\"a\",\"c\"]");
    leaves("[\"a\", \"\" ,\"c\"]", "kkd", "[\"a\", \"\"]");
    leaves("[{\"a\":[1,2]},[3,[4]],\"]\",null]", "kdkd",
           "[{\"a\":[1,2]},\"]\"]");
    leaves("[true,{\"x\":\"[,]\"},-1.50e+3]", "dkk",
           "[{\"x\":\"[,]\"},-1.50e+3]");
}


static void
test_pieces(void)
{
    mcp_json_edit_t  edit;

    (void) edited("[1,2,3,4,5,6,7,8]", "kkkkkkkk", &edit);
    ok(edit.count == 1, "what is not edited is one piece");

    (void) edited("[1,2,3,4,5,6,7,8]", "kkkddkkk", &edit);
    ok(edit.count == 2, "elements that stay together are one piece");

    (void) edited("[1,2,3,4,5,6,7,8]", "ddddkkkk", &edit);
    ok(edit.count == 2, "so are the bracket and nothing");

    mcp_arena_reset(&arena, 4096);
}


static void
test_replace(void)
{
    uint32_t         id, a;
    mcp_json_t       json;
    mcp_json_edit_t  edit;
    mcp_json_mark_t  mark;

    static const char  from[] = " {\"id\" : \"x\", \"a\":[1] , \"b\":2 }\n";

    (void) mcp_json_parse(&json, tap_str(from), &limits, &arena, NULL);
    id = mcp_json_member(&json, 0, mcp_str("id"));
    a = mcp_json_member(&json, 0, mcp_str("a"));

    mcp_json_edit_init(&edit, tap_str(from), &arena);
    ok(mcp_json_edit_finish(&edit) == MCP_OK && edit.count == 1,
       "nothing is edited");
    is_str(tap_str(joined(&edit)), from, "it is the text");

    mcp_json_edit_init(&edit, tap_str(from), &arena);
    (void) mcp_json_edit_replace(&edit, 2, 2, mcp_str("\"new\":1,"));
    (void) mcp_json_edit_value(&edit, &json, id, mcp_str("null"));
    mark = mcp_json_edit_mark(&edit);
    (void) mcp_json_edit_value(&edit, &json, a, mcp_str("wrong"));
    mcp_json_edit_rewind(&edit, &mark);
    (void) mcp_json_edit_value(&edit, &json, a, mcp_str("\"right\""));
    (void) mcp_json_edit_finish(&edit);
    is_str(tap_str(joined(&edit)), " {\"new\":1,\"id\" : null, "
           "\"a\":\"right\" , \"b\":2 }\n", "insert, replace, go back");

    mcp_json_edit_init(&edit, tap_str(from), &arena);
    (void) mcp_json_edit_value(&edit, &json, 0, mcp_str("[]"));
    (void) mcp_json_edit_finish(&edit);
    is_str(tap_str(joined(&edit)), " []\n", "all of it");

    mcp_arena_reset(&arena, 4096);
}


static void
test_no_memory(void)
{
    mcp_json_edit_t  edit;
    mcp_arena_t      small;
    mcp_allocator_t  allocator = TAP_ALLOCATOR;

    mcp_arena_init(&small, &allocator, 16);
    mcp_json_edit_init(&edit, mcp_str("[1]"), &small);
    ok(mcp_json_edit_replace(&edit, 1, 2, mcp_str("2")) == MCP_NOMEM,
       "no memory for pieces");
    mcp_arena_destroy(&small);
}


static size_t
add(size_t used, const char *s)
{
    return used + (size_t) snprintf(text + used, sizeof(text) - used, "%s",
                                    s);
}


/* Elements of many kinds, with white space in every place. */
static void
random_array(char *keep)
{
    size_t    used;
    uint32_t  i, count;

    static const char *const  values[] = {
        "0", "-1.5e+20", "\"\"", "\"a,b]\"", "\"\\\"[\\\\\"", "{}", "[]",
        "{\"a\":[1,{\"b\":\"}\"}]}", "[ [ ] , [1 ,2] ]", "null", "true",
        "12345678901234567", "\"\\u2028\xe2\x80\xa8\""
    };
    static const char *const  spaces[] = { "", "", "", " ", "\n  ", "\r\t" };

    count = chance(12);
    used = add(0, spaces[chance(6)]);
    used = add(used, "[");
    used = add(used, spaces[chance(6)]);

    for (i = 0; i < count; i++) {
        used = add(used, i != 0 ? "," : "");
        used = add(used, spaces[chance(6)]);
        used = add(used, values[chance(13)]);
        used = add(used, spaces[chance(6)]);
        keep[i] = chance(2) ? 'k' : 'd';
    }

    used = add(used, "]");
    (void) add(used, spaces[chance(6)]);
    keep[count] = '\0';
}


/* Another JSON library says the same of what is left. */
static void
test_random(void)
{
    char              keep[16];
    size_t            n;
    json_t           *before, *after;
    uint32_t          i;
    const char       *result;
    mcp_json_edit_t   edit;

    for (i = 0; i < 20000; i++) {
        random_array(keep);

        before = json_loads(text, 0, NULL);
        result = edited(text, keep, &edit);
        after = json_loads(result, 0, NULL);

        for (n = strlen(keep); before != NULL && n > 0; n--) {
            if (keep[n - 1] == 'd') {
                json_array_remove(before, n - 1);
            }
        }

        if (before == NULL || after == NULL || !json_equal(before, after)
            || (strchr(keep, 'd') == NULL && strcmp(text, result) != 0))
        {
            ok(false, "round %u: %s with %s is %s", i, text, keep, result);
            json_decref(before);
            json_decref(after);
            return;
        }

        json_decref(before);
        json_decref(after);
        mcp_arena_reset(&arena, 65536);
    }

    ok(true, "20000 arrays at random");
}


int
main(void)
{
    mcp_allocator_t  allocator = TAP_ALLOCATOR;

    mcp_arena_init(&arena, &allocator, 0);

    test_elements();
    test_pieces();
    test_replace();
    test_no_memory();
    test_random();

    mcp_arena_destroy(&arena);

    return tap_done();
}
