/* Tools whose definition is not what was pinned are not shown. */

#include "tap.h"
#include "policy_text.h"
#include "mcp_list_filter.h"


#define GOOD   "{\"name\":\"good\",\"description\":\"Adds.\",\"x\":1}"
#define BAD    "{\"name\":\"good\",\"description\":\"Adds!\"}"
#define OTHER  "{\"name\":\"other\"}"

#define ANSWER(tools)  "{\"id\":1,\"result\":{\"tools\":[" tools "]}}"


static char                seen[256];
static uint8_t             pinned[MCP_PIN_HASH];
static mcp_arena_t         arena;
static mcp_caller_t        caller;
static mcp_policy_t        policy;
static mcp_pin_set_t       pins;
static mcp_list_filter_t   filter;
static mcp_list_request_t  request;

static const mcp_limits_t  limits = {
    MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS, MCP_DEFAULT_STRING_LENGTH,
    MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH, { 1, 2 }
};


/* Notes the name with "+" when the hash is the pinned one, "0" for none. */
static void
note(void *data, const mcp_pin_t *pin, const uint8_t hash[MCP_PIN_HASH])
{
    size_t  length;
    char    sign;

    static const uint8_t  none[MCP_PIN_HASH];

    sign = memcmp(hash, pin->hash, MCP_PIN_HASH) == 0 ? '+'
           : memcmp(hash, none, MCP_PIN_HASH) == 0 ? '0' : '-';

    length = strlen(data);
    snprintf((char *) data + length, sizeof(seen) - length, "%.*s%c ",
             (int) pin->name.len, (const char *) pin->name.data, sign);
}


static void
gives(const char *name, const char *text, const char *expected,
    const char *told)
{
    size_t             length;
    uint32_t           i;
    mcp_list_result_t  result;

    static char  buffer[4096];

    length = 0;
    seen[0] = '\0';

    if (mcp_list_filter(&filter, tap_str(text), &limits, &arena, &result,
                        NULL)
        == MCP_OK)
    {
        for (i = 0; i < result.piece_count; i++) {
            memcpy(buffer + length, result.pieces[i].data,
                   result.pieces[i].len);
            length += result.pieces[i].len;
        }
    }

    is_str(((mcp_str_t) { (uint8_t *) buffer, length }), expected, name);
    is_str(tap_str(seen), told, "what was seen");
    mcp_arena_reset(&arena, 4096);
}


/* A pin file with the definition of GOOD. */
static bool
read_pins(void)
{
    int          i;
    char         text[256], hex[2 * MCP_PIN_HASH + 1];
    mcp_json_t   json;

    if (mcp_json_parse(&json, mcp_str(GOOD), &limits, &arena, NULL) != MCP_OK
        || mcp_pin_hash(&json, 0, &arena, pinned) != MCP_OK)
    {
        return false;
    }

    for (i = 0; i < MCP_PIN_HASH; i++) {
        snprintf(hex + 2 * i, 3, "%02x", pinned[i]);
    }

    snprintf(text, sizeof(text), "{\"good\":\"%s\",\"hidden\":\"%s\"}", hex,
             hex);

    return mcp_pin_read(&pins, &json,
                        mcp_arena_copy(&arena, tap_str(text)),
                        &policy_allocator, &arena, policy_hash_key, NULL)
           == MCP_OK;
}


static void
test_pins(void)
{
    gives("nothing is unpinned", ANSWER(GOOD "," OTHER),
          ANSWER(GOOD "," OTHER), "good+ ");
    gives("what is not defining may change",
          ANSWER("{ \"x\":2, \"description\":\"Add\\u0073.\",\"_meta\":{},"
                 "\"name\":\"good\" }"),
          ANSWER("{ \"x\":2, \"description\":\"Add\\u0073.\",\"_meta\":{},"
                 "\"name\":\"good\" }"), "good+ ");
    gives("a definition that changed", ANSWER(OTHER "," BAD),
          ANSWER(OTHER), "good- ");
    gives("twice, first another one", ANSWER(BAD "," GOOD "," BAD),
          ANSWER(""), "good- ");
    gives("twice, then another one", ANSWER(GOOD "," BAD "," GOOD),
          ANSWER(GOOD), "good- ");
    gives("twice the pinned one", ANSWER(GOOD "," GOOD),
          ANSWER(GOOD "," GOOD), "good+ ");
    gives("what else is hidden is compared, too",
          ANSWER("{\"name\":\"hidden\"}"), ANSWER(""), "hidden- ");
    gives("no canonical form", ANSWER("{\"name\":\"good\",\"inputSchema\":{"
          "\"a\":1,\"a\":1}}"), ANSWER(""), "good0 ");
    gives("nor with a lone surrogate", ANSWER("{\"name\":\"good\","
          "\"description\":\"\\ud800\"}"), ANSWER(""), "good0 ");
    gives("two descriptions", ANSWER("{\"name\":\"good\",\"description\":"
          "\"Adds.\",\"Description\":\"Adds!\"}"), ANSWER(""), "good0 ");
    gives("the same twice", ANSWER("{\"name\":\"good\",\"description\":"
          "\"Adds.\",\"description\":\"Adds.\"}"), ANSWER(""), "good0 ");
}


/* A definition with so many numbers that no double keeps as written. */
static void
test_numbers(unsigned count, const char *told)
{
    char               *text;
    size_t              length, size;
    unsigned            i;
    mcp_list_result_t   result;

    size = 256 + 32 * (size_t) count;
    text = malloc(size);

    length = (size_t) snprintf(text, size, "{\"id\":1,\"result\":{\"tools\":"
                               "[{\"name\":\"good\",\"inputSchema\":{"
                               "\"enum\":[0");

    for (i = 0; i < count; i++) {
        length += (size_t) snprintf(text + length, size - length,
                                    ",1.234567890123456%u", i);
    }

    length += (size_t) snprintf(text + length, size - length, "]}}]}}");

    seen[0] = '\0';

    ok(mcp_list_filter(&filter, (mcp_str_t) { (uint8_t *) text, length },
                       &limits, &arena, &result, NULL)
       == MCP_OK
       && result.removed == 1, "%u long numbers: not shown", count);
    is_str(tap_str(seen), told, "and what was seen");

    mcp_arena_reset(&arena, 4096);
    free(text);
}


/* The same answers, whatever is remembered of earlier ones. */
static void
test_memory(size_t room)
{
    mcp_pin_recall_t  recalls[2];
    mcp_pin_memory_t  memory;

    memset(recalls, 0, sizeof(recalls));

    memory.allocator = policy_allocator;
    memory.recalls = recalls;
    memory.count = 2;
    memory.room = room;

    filter.memory = &memory;

    test_pins();
    test_pins();

    gives("again", ANSWER(GOOD), ANSWER(GOOD), "good+ ");
    ok((recalls[0].text != NULL) == (room > sizeof(GOOD)),
       "the bytes are kept if there is room");
    gives("and again", ANSWER(GOOD), ANSWER(GOOD), "good+ ");
    gives("but not with another byte", ANSWER(BAD), ANSWER(""), "good- ");
    gives("twice", ANSWER(BAD), ANSWER(""), "good- ");

    mcp_pin_memory_clear(&memory);
    ok(memory.room == room, "all room is given back");

    filter.memory = NULL;
}


int
main(void)
{
    mcp_allocator_t      allocator = TAP_ALLOCATOR;
    policy_reports_t     reports;
    const mcp_policy_t  *built;

    mcp_arena_init(&arena, &allocator, 0);

    built = policy_build("default allow; hide hidden;", &reports);
    ok(built != NULL && read_pins(), "a policy and a pin file");

    policy = *built;
    policy.pins = &pins;
    filter.policy = &policy;
    filter.caller = &caller;
    filter.requests = &request;
    filter.request_count = 1;
    filter.seen = note;
    filter.seen_data = seen;
    request.id = mcp_str("1");
    request.kind = MCP_LIST_TOOLS;

    test_pins();
    test_numbers(4096, "good- ");
    test_numbers(4097, "good0 ");
    test_memory(4096);
    test_memory(64);
    test_memory(0);

    filter.hidden_only = true;
    gives("also where only hidden tools are left out", ANSWER(OTHER "," BAD),
          ANSWER(OTHER), "good- ");

    pins.hide_unpinned = true;
    gives("nor are unpinned ones shown", ANSWER(OTHER "," GOOD),
          ANSWER(GOOD), "good+ ");

    filter.hidden_only = false;
    gives("in either case", ANSWER(OTHER "," GOOD), ANSWER(GOOD), "good+ ");

    filter.seen = NULL;
    gives("nobody wants to know", ANSWER(GOOD "," BAD), ANSWER(GOOD), "");

    request.kind = MCP_LIST_PROMPTS;
    gives("prompts are not pinned",
          "{\"id\":1,\"result\":{\"prompts\":[" OTHER "," BAD "]}}",
          "{\"id\":1,\"result\":{\"prompts\":[" OTHER "," BAD "]}}", "");

    mcp_policy_destroy(built);
    mcp_arena_destroy(&arena);

    return tap_done();
}
