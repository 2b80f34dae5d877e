#include "mcp_policy_conf.h"


/* One include: the files it named and the one that is being read. */
typedef struct {
    mcp_conf_t                     scanner;
    const mcp_policy_conf_file_t  *files;
    uint32_t                       count;
    uint32_t                       current;
    uint32_t                       depth;      /* blocks around the files */
} mcp_policy_conf_frame_t;

typedef struct {
    const mcp_policy_conf_caller_t  *caller;
    mcp_arena_t                      arena;     /* the current words */
    mcp_policy_conf_frame_t          frames[MCP_POLICY_CONF_DEPTH_MAX];
    uint32_t                         frame_count;
    uint32_t                         file_count;
    uint32_t                         depth;     /* open blocks */
    uint32_t                         policy;    /* depth in the mcp_policy
                                                   block, 0 outside */
    mcp_policy_builder_t            *builder;   /* NULL: the policy is
                                                   skipped */
    bool                             in_http;   /* the outermost block */
    bool                             failed;
} mcp_policy_conf_reading_t;


static mcp_rc_t mcp_policy_conf_step(mcp_policy_conf_reading_t *reading);
static mcp_rc_t mcp_policy_conf_file_end(mcp_policy_conf_reading_t *reading);
static mcp_rc_t mcp_policy_conf_block_end(mcp_policy_conf_reading_t *reading);
static mcp_rc_t mcp_policy_conf_outside(mcp_policy_conf_reading_t *reading,
    bool block);
static mcp_rc_t mcp_policy_conf_inside(mcp_policy_conf_reading_t *reading,
    bool block);
static mcp_rc_t mcp_policy_conf_start(mcp_policy_conf_reading_t *reading,
    bool block);
static mcp_rc_t mcp_policy_conf_include(mcp_policy_conf_reading_t *reading,
    bool block);
static mcp_rc_t mcp_policy_conf_enter(mcp_policy_conf_reading_t *reading,
    const mcp_policy_conf_file_t *files, uint32_t count);
static mcp_rc_t mcp_policy_conf_complain(mcp_policy_conf_reading_t *reading,
    const char *text);
static mcp_place_t mcp_policy_conf_place(
    const mcp_policy_conf_reading_t *reading);
static bool mcp_policy_conf_lua_block(mcp_str_t word);


mcp_rc_t
mcp_policy_conf_read(const mcp_policy_conf_file_t *file,
    const mcp_policy_conf_caller_t *caller, const mcp_allocator_t *allocator)
{
    mcp_rc_t                    rc;
    mcp_policy_conf_reading_t  *reading;

    reading = allocator->alloc(allocator->data,
                               sizeof(mcp_policy_conf_reading_t));
    if (reading == NULL) {
        return MCP_NOMEM;
    }

    memset(reading, 0, sizeof(mcp_policy_conf_reading_t));
    reading->caller = caller;
    mcp_arena_init(&reading->arena, allocator, 0);

    rc = mcp_policy_conf_enter(reading, file, 1);

    while (rc == MCP_OK && reading->frame_count > 0) {
        rc = mcp_policy_conf_step(reading);
        mcp_arena_reset(&reading->arena, 2 * MCP_CONF_WORD_MAX);
    }

    if (reading->builder) {
        caller->policy_end(caller->data, reading->builder, false);
    }

    if (rc == MCP_OK && reading->failed) {
        rc = MCP_ERROR;
    }

    mcp_arena_destroy(&reading->arena);

    if (allocator->free) {
        allocator->free(allocator->data, reading);
    }

    return rc;
}


static mcp_rc_t
mcp_policy_conf_step(mcp_policy_conf_reading_t *reading)
{
    bool               block;
    mcp_rc_t           rc;
    mcp_conf_t        *scanner;
    mcp_error_t        error;
    mcp_conf_token_t   token;

    scanner = &reading->frames[reading->frame_count - 1].scanner;

    rc = mcp_conf_next(scanner, &token, &error);
    if (rc == MCP_ERROR) {
        return mcp_policy_conf_complain(reading, error.text);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (token == MCP_CONF_FILE_END) {
        return mcp_policy_conf_file_end(reading);
    }

    if (token == MCP_CONF_BLOCK_END) {
        return mcp_policy_conf_block_end(reading);
    }

    block = (token == MCP_CONF_BLOCK);

    if (mcp_str_equal(scanner->words[0], mcp_str("include"))) {
        return mcp_policy_conf_include(reading, block);
    }

    if (reading->policy) {
        return mcp_policy_conf_inside(reading, block);
    }

    return mcp_policy_conf_outside(reading, block);
}


/* Blocks do not reach beyond the file that opened them. */
static mcp_rc_t
mcp_policy_conf_file_end(mcp_policy_conf_reading_t *reading)
{
    mcp_policy_conf_frame_t  *frame;

    frame = &reading->frames[reading->frame_count - 1];

    if (reading->depth > frame->depth) {
        return mcp_policy_conf_complain(reading,
                               "unexpected end of file, expecting \"}\"");
    }

    if (++frame->current == frame->count) {
        reading->frame_count--;
        return MCP_OK;
    }

    mcp_conf_scan(&frame->scanner, frame->files[frame->current].text,
                  &reading->arena);

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_conf_block_end(mcp_policy_conf_reading_t *reading)
{
    mcp_rc_t                  rc;
    mcp_place_t               place;
    mcp_policy_builder_t     *builder;
    mcp_policy_conf_frame_t  *frame;

    frame = &reading->frames[reading->frame_count - 1];

    if (reading->depth == frame->depth) {
        return mcp_policy_conf_complain(reading, "unexpected \"}\"");
    }

    reading->depth--;

    if (reading->policy == 0) {
        return MCP_OK;
    }

    reading->policy--;
    builder = reading->builder;

    if (reading->policy == 0) {
        reading->builder = NULL;

        if (builder) {
            reading->caller->policy_end(reading->caller->data, builder, true);
        }

        return MCP_OK;
    }

    if (builder == NULL) {
        return MCP_OK;
    }

    place = mcp_policy_conf_place(reading);

    rc = mcp_policy_block_end(builder, &place);
    if (rc == MCP_ERROR) {
        reading->failed = true;
        return MCP_OK;
    }

    return rc;
}


static mcp_rc_t
mcp_policy_conf_outside(mcp_policy_conf_reading_t *reading, bool block)
{
    mcp_str_t    name;
    mcp_conf_t  *scanner;

    scanner = &reading->frames[reading->frame_count - 1].scanner;
    name = scanner->words[0];

    if (mcp_str_equal(name, mcp_str("mcp_policy"))
        && (block || reading->depth == 0
            || (reading->depth == 1 && reading->in_http)))
    {
        return mcp_policy_conf_start(reading, block);
    }

    if (!block) {
        return MCP_OK;
    }

    if (mcp_policy_conf_lua_block(name)) {
        if (mcp_conf_skip_lua(scanner) == MCP_OK) {
            return MCP_OK;
        }

        return mcp_policy_conf_complain(reading,
                               "unexpected end of file, expecting \"}\"");
    }

    if (reading->depth == 0) {
        reading->in_http = mcp_str_equal(name, mcp_str("http"));
    }

    reading->depth++;

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_conf_inside(mcp_policy_conf_reading_t *reading, bool block)
{
    mcp_rc_t      rc;
    mcp_conf_t   *scanner;
    mcp_place_t   place;

    scanner = &reading->frames[reading->frame_count - 1].scanner;
    rc = MCP_OK;

    if (reading->builder) {
        place = mcp_policy_conf_place(reading);
        rc = mcp_policy_directive(reading->builder, scanner->words,
                                  scanner->count, block, &place);
    }

    if (rc == MCP_ERROR) {
        reading->failed = true;
    }

    if (block) {
        reading->depth++;
        reading->policy++;
    }

    return (rc == MCP_NOMEM) ? rc : MCP_OK;
}


/* "mcp_policy NAME {" */
static mcp_rc_t
mcp_policy_conf_start(mcp_policy_conf_reading_t *reading, bool block)
{
    mcp_rc_t                         rc;
    mcp_place_t                      place;
    mcp_policy_builder_t            *builder;
    mcp_conf_t                      *scanner;
    const mcp_policy_conf_caller_t  *caller;

    scanner = &reading->frames[reading->frame_count - 1].scanner;

    if (reading->depth > 1 || (reading->depth == 1 && !reading->in_http)) {
        return mcp_policy_conf_complain(reading,
                               "\"mcp_policy\" directive is not allowed here");
    }

    if (!block) {
        return mcp_policy_conf_complain(reading,
                           "directive \"mcp_policy\" has no opening \"{\"");
    }

    if (scanner->count != 2) {
        return mcp_policy_conf_complain(reading,
                  "invalid number of arguments in \"mcp_policy\" directive");
    }

    place = mcp_policy_conf_place(reading);
    caller = reading->caller;
    builder = NULL;

    rc = caller->policy_start(caller->data, scanner->words[1], &place,
                              &builder);
    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc != MCP_OK) {
        reading->failed = true;
        builder = NULL;
    }

    reading->builder = builder;
    reading->policy = 1;
    reading->depth++;

    return MCP_OK;
}


static mcp_rc_t
mcp_policy_conf_include(mcp_policy_conf_reading_t *reading, bool block)
{
    uint32_t                         count;
    mcp_rc_t                         rc;
    mcp_place_t                      place;
    mcp_conf_t                      *scanner;
    const mcp_policy_conf_file_t    *files;
    const mcp_policy_conf_caller_t  *caller;

    scanner = &reading->frames[reading->frame_count - 1].scanner;

    if (block) {
        return mcp_policy_conf_complain(reading,
                        "directive \"include\" is not terminated by \";\"");
    }

    if (scanner->count != 2) {
        return mcp_policy_conf_complain(reading,
                     "invalid number of arguments in \"include\" directive");
    }

    place = mcp_policy_conf_place(reading);
    caller = reading->caller;
    files = NULL;
    count = 0;

    rc = caller->include(caller->data, scanner->words[1],
                         reading->policy != 0, &place, &files, &count);
    if (rc == MCP_ERROR) {
        reading->failed = true;
    }

    if (rc != MCP_OK || count == 0) {
        return rc;
    }

    return mcp_policy_conf_enter(reading, files, count);
}


static mcp_rc_t
mcp_policy_conf_enter(mcp_policy_conf_reading_t *reading,
    const mcp_policy_conf_file_t *files, uint32_t count)
{
    mcp_policy_conf_frame_t  *frame;

    if (reading->frame_count == MCP_POLICY_CONF_DEPTH_MAX) {
        return mcp_policy_conf_complain(reading,
                                        "\"include\" is nested too deep");
    }

    if (count > MCP_POLICY_CONF_FILES_MAX - reading->file_count) {
        return mcp_policy_conf_complain(reading,
                                        "\"include\" names too many files");
    }

    reading->file_count += count;

    frame = &reading->frames[reading->frame_count++];
    frame->files = files;
    frame->count = count;
    frame->current = 0;
    frame->depth = reading->depth;

    mcp_conf_scan(&frame->scanner, files[0].text, &reading->arena);

    return MCP_OK;
}


/* Ends the reading, as it does in nginx. */
static mcp_rc_t
mcp_policy_conf_complain(mcp_policy_conf_reading_t *reading, const char *text)
{
    mcp_place_t  place;

    place = mcp_policy_conf_place(reading);
    reading->failed = true;

    reading->caller->report(reading->caller->data, MCP_REPORT_ERROR, &place,
                            text);

    return MCP_ERROR;
}


static mcp_place_t
mcp_policy_conf_place(const mcp_policy_conf_reading_t *reading)
{
    mcp_place_t                     place;
    const mcp_policy_conf_frame_t  *frame;

    frame = &reading->frames[reading->frame_count - 1];

    place.file = frame->files[frame->current].name;
    place.line = frame->scanner.line;
    place.column = 0;

    return place;
}


static bool
mcp_policy_conf_lua_block(mcp_str_t word)
{
    mcp_str_t  suffix;

    suffix = mcp_str("_by_lua_block");

    return word.len > suffix.len
           && memcmp(word.data + word.len - suffix.len, suffix.data,
                     suffix.len)
              == 0;
}
