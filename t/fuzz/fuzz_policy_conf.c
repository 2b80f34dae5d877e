/*
 * A configuration file, and behind the first byte 0xff a second one, which
 * every "include" names: scanner, reader, builder.  What is refused must have
 * been reported, and nothing else.
 */

#include "fuzz.h"

#include "mcp_policy_conf.h"


#define POLICIES_MAX  64


typedef struct {
    mcp_policy_conf_file_t   second;
    const mcp_policy_t      *policies[POLICIES_MAX];
    unsigned                 count;
    unsigned                 started;
    unsigned                 ended;
    unsigned                 errors;
} reading_t;


static void
fuzz_report(void *data, mcp_severity_t severity, const mcp_place_t *place,
    const char *text)
{
    reading_t  *reading;

    reading = data;
    reading->errors += (severity == MCP_REPORT_ERROR);

    check(place->line > 0);
    check(place->file[0] == '1' || place->file[0] == '2');
    check(text[0] != '\0');
}


/* "$" anywhere makes a text with variables, at the end a wrong one. */
static mcp_rc_t
fuzz_text(void *data, mcp_str_t source, const mcp_place_t *place,
    mcp_text_t *text)
{
    text->literal = source;
    text->variables = NULL;

    if (source.len && source.data[source.len - 1] == '$') {
        fuzz_report(data, MCP_REPORT_ERROR, place, "invalid variable name");
        return MCP_ERROR;
    }

    if (source.len) {
        text->variables = memchr(source.data, '$', source.len);
    }

    return MCP_OK;
}


static mcp_rc_t
fuzz_include(void *data, mcp_str_t pattern, bool in_policy,
    const mcp_place_t *place, const mcp_policy_conf_file_t **files,
    uint32_t *count)
{
    reading_t  *reading;

    reading = data;

    if (pattern.len == 0) {
        fuzz_report(data, MCP_REPORT_ERROR, place, "no such file");
        return MCP_ERROR;
    }

    *files = &reading->second;
    *count = in_policy || pattern.data[0] != '*';

    return MCP_OK;
}


static mcp_rc_t
fuzz_start(void *data, mcp_str_t name, const mcp_place_t *place,
    mcp_policy_builder_t **builder)
{
    reading_t             *reading;
    const mcp_frontend_t   frontend = { .report = fuzz_report,
                                          .compile_text = fuzz_text,
                                          .scratch = &fuzz_allocator,
                                          .data = data };

    reading = data;

    if (reading->started == POLICIES_MAX) {
        return MCP_OK;
    }

    reading->started++;

    *builder = mcp_policy_builder_create(name, place, &fuzz_allocator,
                                         &frontend, fuzz_limits.hash_key);

    return *builder ? MCP_OK : MCP_NOMEM;
}


static void
fuzz_end(void *data, mcp_policy_builder_t *builder, bool complete)
{
    reading_t           *reading;
    const mcp_policy_t  *policy;

    reading = data;
    reading->ended++;

    if (mcp_policy_finish(builder, &policy) == MCP_OK) {
        reading->policies[reading->count++] = policy;

    } else {
        check(reading->errors > 0 || !complete);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_rc_t                  rc;
    reading_t                 reading;
    const uint8_t            *second;
    mcp_policy_conf_file_t    first;
    mcp_policy_conf_caller_t  caller;

    memset(&reading, 0, sizeof(reading_t));

    second = size ? memchr(data, 0xff, size) : NULL;

    first.name = "1";
    first.text.data = data;
    first.text.len = second ? (size_t) (second - data) : size;

    reading.second.name = "2";

    if (second) {
        reading.second.text.data = second + 1;
        reading.second.text.len = size - first.text.len - 1;
    }

    caller.include = fuzz_include;
    caller.policy_start = fuzz_start;
    caller.policy_end = fuzz_end;
    caller.report = fuzz_report;
    caller.data = &reading;

    rc = mcp_policy_conf_read(&first, &caller, &fuzz_allocator);

    check(rc == MCP_OK || rc == MCP_ERROR);
    check(rc == MCP_OK || reading.errors > 0);
    check(reading.started == reading.ended);

    /* all policies are good, or something was said */

    check(reading.count == reading.ended || reading.errors > 0);

    while (reading.count) {
        mcp_policy_destroy(reading.policies[--reading.count]);
    }

    return 0;
}
