/*
 * Policy files: all memory is returned, whatever is refused, and the compiled
 * policy says what the file says.  What files decide is in t/cases/files.
 */

#include "mcp_decimal.h"
#include "mcp_policy_file.h"
#include "tap.h"


#define FAIL_NEVER  1000000


typedef struct {
    unsigned  live;      /* allocations not returned */
    unsigned  left;      /* until one fails */
    unsigned  errors;
    unsigned  warnings;
} memory_t;


static const uint64_t  hash_key[2] = { 1, 2 };

static const char  hosted[] =
    "{ \"version\": \"1\", \"default\": \"deny\", \"hide\": [ \"x\", \"y\" ],"
    "  \"all_tools\": { \"limits\": [ { \"counter\": \"c\","
    "    \"window\": \"day\", \"max\": 9, \"scope\": \"grant\" } ] },"
    "  \"tools\": { \"a\": { \"limits\": [ { \"counter\": \"c\","
    "      \"window\": \"hour\", \"max\": 3, \"on_deny\": \"later\" } ],"
    "    \"require\": [ { \"conditions\": [ { \"path\": \"args.a.b\","
    "      \"op\": \"regex\", \"value\": \"^(?i)[a-z]{2,}\\\\s$\" },"
    "      { \"path\": \"args.c\", \"op\": \"in\", \"value\": [ 1, \"d\" ] }"
    "      ] } ],"
    "    \"deny_if\": [ { \"conditions\": [ { \"path\": \"args.e\","
    "      \"op\": \"regex\", \"value\": \"^x\" } ], \"on_deny\": \"no\" },"
    "      { \"conditions\": [] } ] },"
    "  \"b\": { \"action\": \"require approval\" },"
    "  \"c\": { \"rate_limit\": { \"max\": 1, \"window\": 90 } } } }";

static const char  intercept[] =
    "version: 1\n"
    "tools:\n"
    "  a.b: &a\n"
    "    rules:\n"
    "      - name: spend\n"
    "        conditions:\n"
    "          - { path: args.x, op: regex, value: '^\\Qa.b\\E$' }\n"
    "          - { path: state.a.b.c.d, op: lt, value: 4.5 }\n"
    "        state: { counter: c.d, window: day, increment_from: args.n }\n"
    "        on_deny: enough\n"
    "      - rate_limit: +05/minute\n"
    "      - { name: no, action: deny, reason: never }\n"
    "  b:\n"
    "    rules: [ { action: allow, validate: { required_args: false } } ]\n"
    "  \"*\":\n"
    "    rules: [ { rate_limit: 7/hour } ]\n";

static const char  pinned[] =
    "version: 1\n"
    "tools:\n"
    "  search: { action: allow, validate: { required_args: true } }\n"
    "  \"*\":\n"
    "    rules: [ { action: allow, validate: { required_args: true } } ]\n";

static const char  pin_text[] =
    "{\"version\": 1, \"tools\": {\"search\": {\"sha256\": \"3"
    "b2310905c521bbadc6ef0b923ffe65bb6306fa0cc61f8061"
    "447f81267c86957\", \"definition\": {\"description\": "
    "\"Finds pages that contain a text.\", \"inputSchema"
    "\": {\"properties\": {\"text\": {\"maxLength\": 100, \"t"
    "ype\": \"string\"}}, \"required\": [\"text\"], \"type\": "
    "\"object\"}, \"name\": \"search\"}}}}";

static const mcp_policy_file_pins_t  pins = {
    mcp_str_init("pins.json"), mcp_str_init(pin_text), true
};


static void *
memory_alloc(void *data, size_t size)
{
    void      *p;
    memory_t  *memory = data;

    if (memory->left == 0) {
        return NULL;
    }

    memory->left--;

    p = malloc(size);
    memory->live += p != NULL;

    return p;
}


static void
memory_free(void *data, void *p)
{
    memory_t  *memory = data;

    memory->live -= p != NULL;
    free(p);
}


static void
report(void *data, mcp_severity_t severity, const mcp_place_t *place,
    const char *text)
{
    memory_t  *memory = data;

    (void) place;
    (void) text;

    if (severity == MCP_REPORT_ERROR) {
        memory->errors++;

    } else {
        memory->warnings++;
    }
}


/* "left": how many allocations may be made. */
static mcp_rc_t
read_file(const char *name, const char *text, unsigned left,
    memory_t *memory, const mcp_policy_t **policy)
{
    mcp_frontend_t   frontend;
    mcp_allocator_t  allocator;

    memset(memory, 0, sizeof(*memory));
    memory->left = left;

    allocator.alloc = memory_alloc;
    allocator.free = memory_free;
    allocator.data = memory;

    memset(&frontend, 0, sizeof(frontend));
    frontend.report = report;
    frontend.data = memory;

    return mcp_policy_file_read(mcp_str("test"), name, tap_str(text),
                                strcmp(name, "pins.yaml") == 0 ? &pins : NULL,
                                &allocator, &frontend, hash_key, policy);
}


static void
test_memory(const char *name, const char *text)
{
    bool                 returned, told;
    mcp_rc_t             rc;
    memory_t             memory;
    unsigned             left;
    const mcp_policy_t  *policy;

    returned = true;
    told = true;

    for (left = 0; left < FAIL_NEVER; left++) {
        rc = read_file(name, text, left, &memory, &policy);

        if (rc == MCP_OK) {
            break;
        }

        returned = returned && memory.live == 0 && policy == NULL;
        told = told && (rc == MCP_NOMEM || memory.errors > 0);
    }

    ok(left > 20 && left < FAIL_NEVER, "%s: needs %u allocations", name,
       left);
    ok(returned, "%s: without memory all of it is returned", name);
    ok(told, "%s: and it is told", name);
    ok(memory.errors == 0, "%s: with memory there are no errors", name);

    mcp_policy_destroy(policy);
    ok(memory.live == 0, "%s: a policy returns its memory", name);
}


/* The only limit of a rule. */
static const mcp_limit_t *
limit_of(const mcp_policy_t *policy, const char *tool, uint32_t step)
{
    uint32_t             i;
    const mcp_rule_t    *rule;
    mcp_pattern_match_t  match;

    if ((strcmp(tool, "*") == 0
         ? mcp_pattern_set_star(policy->targets[MCP_TARGET_TOOL], &match)
         : mcp_pattern_set_find(policy->targets[MCP_TARGET_TOOL],
                                tap_str(tool), &match))
        != MCP_OK)
    {
        return NULL;
    }

    rule = match.value;

    if (step >= rule->count || rule->steps[step].kind != MCP_STEP_RULE) {
        return NULL;
    }

    rule = rule->steps[step].rule;

    for (i = 0; i < rule->count; i++) {
        if (rule->steps[i].kind == MCP_STEP_LIMIT) {
            return rule->steps[i].limit;
        }
    }

    return NULL;
}


static void
check_limit(const mcp_policy_t *policy, const char *tool, uint32_t step,
    const char *text, const char *counter, int space, mcp_key_kind_t key)
{
    const mcp_limit_t  *limit;

    limit = limit_of(policy, tool, step);

    if (!ok(limit != NULL, "%s: has a limit", tool)) {
        return;
    }

    is_str(limit->text, text, text);
    is_str(limit->counter, counter, counter);
    ok((int) limit->space == space, "%s: whose counter it is", tool);
    ok(limit->key_count == 1 && limit->keys[0].kind == key,
       "%s: who is counted", tool);
    ok(limit->spec.algorithm == MCP_ALGORITHM_FIXED,
       "%s: windows are of the calendar", tool);
}


static void
test_limits(void)
{
    memory_t             memory;
    const mcp_limit_t   *limit;
    const mcp_policy_t  *policy;

    ok(read_file("a.json", hosted, FAIL_NEVER, &memory, &policy) == MCP_OK
       && memory.warnings == 0, "policy.json");
    ok(!policy->default_allow && policy->has_limits, "its default");

    check_limit(policy, "a", 3, "3/hour", "c", MCP_COUNTER_SHARED,
                MCP_KEY_GRANT);
    check_limit(policy, "*", 0, "9/day", "c", MCP_COUNTER_OF_ALL,
                MCP_KEY_GRANT);
    check_limit(policy, "c", 0, "1/90s", "_rate_90s", MCP_COUNTER_OF_TOOL,
                MCP_KEY_GRANT);

    mcp_policy_destroy(policy);

    ok(read_file("a.yaml", intercept, FAIL_NEVER, &memory, &policy) == MCP_OK
       && memory.warnings == 0, "Intercept");
    ok(policy->default_allow, "its default");

    check_limit(policy, "a.b", 0, "3/day", "c.d", MCP_COUNTER_OF_TOOL,
                MCP_KEY_GLOBAL);
    check_limit(policy, "a.b", 1, "5/minute", "_rate_minute",
                MCP_COUNTER_OF_TOOL, MCP_KEY_GLOBAL);
    check_limit(policy, "*", 0, "7/hour", "_rate_hour", MCP_COUNTER_OF_ALL,
                MCP_KEY_GLOBAL);

    limit = limit_of(policy, "a.b", 0);

    ok(limit != NULL && limit->cost_path != NULL
       && limit->cost_path->count == 1, "it counts an argument");

    mcp_policy_destroy(policy);
}


/* What a file is, by its name and by how it begins. */
static void
test_syntax(void)
{
    size_t               i;
    mcp_rc_t             rc;
    memory_t             memory;
    const mcp_policy_t  *policy;

    static const struct {
        const char  *name;
        const char  *text;
        bool         good;
    } files[] = {
        { "p", "{\"version\": \"1\", \"default\": \"allow\"}", true },
        { "p", "version: \"1\"\ndefault: allow", true },
        { "p.conf", "\n\t {\"version\": \"1\", \"default\": \"allow\"}",
          true },
        { "p", "{version: \"1\", default: allow}", false },
        { "p.yaml", "{version: \"1\", default: allow}", true },
        { "p.yml", "{version: \"1\", default: allow}", true },
        { "p.yaml", "{\"version\": \"1\", \"default\": \"allow\"}", true },
        { "p.json", "version: \"1\"\ndefault: allow", false },
        { "p.json", "\xef\xbb\xbf{\"version\":\"1\",\"default\":\"allow\"}",
          true },
        { "p.yaml", "\xef\xbb\xbfversion: \"1\"\ndefault: allow", true },
        { "p.json", "", false },
        { ".yaml", "{a: {}}", true },
    };

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        rc = read_file(files[i].name, files[i].text, FAIL_NEVER, &memory,
                       &policy);

        ok((rc == MCP_OK) == files[i].good
           && (memory.errors > 0) != files[i].good, "%s: file %zu",
           files[i].name, i);

        mcp_policy_destroy(policy);
        ok(memory.live == 0, "its memory is returned");
    }
}


int
main(void)
{
    test_memory("a.json", hosted);
    test_memory("a.yaml", intercept);
    test_memory("pins.yaml", pinned);
    test_limits();
    test_syntax();

    return tap_done();
}
