/* The class of a tool: what every part of its definition says, and the sum. */

#include <stdarg.h>
#include <stdio.h>

#include "mcp_risk_private.h"


#define MCP_RISK_TEXT_MAX  512


static void mcp_risk_sum(mcp_risk_t *risk);
static void mcp_risk_read_annotations(mcp_risk_reader_t *reader,
    uint32_t annotations);
static bool mcp_risk_is(const mcp_risk_reader_t *reader, uint32_t object,
    mcp_str_t name, mcp_json_type_t type);


mcp_rc_t
mcp_risk_classify(const mcp_json_t *json, uint32_t tool, mcp_arena_t *arena,
    mcp_risk_t *risk)
{
    uint32_t           member;
    mcp_str_t          text;
    mcp_risk_reader_t  reader;

    memset(risk, 0, sizeof(mcp_risk_t));
    memset(&reader, 0, sizeof(mcp_risk_reader_t));

    reader.json = json;
    reader.arena = arena;
    reader.risk = risk;

    if (json->tokens[tool].type == MCP_JSON_OBJECT) {

        member = mcp_json_member(json, tool, mcp_str("name"));
        if (mcp_risk_string(&reader, member, &text)) {
            mcp_risk_read_name(&reader, text);
        }

        member = mcp_json_member(json, tool, mcp_str("description"));
        if (mcp_risk_string(&reader, member, &text)) {
            mcp_risk_read_description(&reader, text);

        } else if (member != MCP_JSON_NONE) {
            mcp_risk_add(&reader, MCP_RISK_EXECUTE,
                         "the description cannot be read");
        }

        member = mcp_json_member(json, tool, mcp_str("inputSchema"));
        if (member != MCP_JSON_NONE) {
            mcp_risk_read_schema(&reader, member);
        }

        /* before the annotations, which must not make it less */

        if (!mcp_risk_known(&reader, MCP_RISK_READ)) {
            mcp_risk_add(&reader, MCP_RISK_EXECUTE,
                         "nothing known in name and description");
        }

        member = mcp_json_member(json, tool, mcp_str("annotations"));
        if (member != MCP_JSON_NONE) {
            mcp_risk_read_annotations(&reader, member);
        }
    }

    mcp_risk_sum(risk);

    if (risk->class == MCP_RISK_NONE) {
        risk->class = MCP_RISK_EXECUTE;
        mcp_risk_add(&reader, MCP_RISK_EXECUTE, "the definition is no object");
    }

    return reader.nomem ? MCP_NOMEM : MCP_OK;
}


mcp_rc_t
mcp_risk_classify_name(mcp_str_t name, mcp_arena_t *arena, mcp_risk_t *risk)
{
    mcp_risk_reader_t  reader;

    memset(risk, 0, sizeof(mcp_risk_t));
    memset(&reader, 0, sizeof(mcp_risk_reader_t));

    reader.arena = arena;
    reader.risk = risk;

    mcp_risk_read_name(&reader, name);

    if (!mcp_risk_known(&reader, MCP_RISK_READ)) {
        mcp_risk_add(&reader, MCP_RISK_EXECUTE, "nothing known in the name");
    }

    mcp_risk_sum(risk);

    return reader.nomem ? MCP_NOMEM : MCP_OK;
}


static void
mcp_risk_sum(mcp_risk_t *risk)
{
    uint32_t  i;

    for (i = 0; i < risk->count; i++) {
        if (risk->evidence[i].class > risk->class) {
            risk->class = risk->evidence[i].class;
        }
    }
}


/*
 * Hints are the server's own words about itself: they can make a class more
 * severe, never less.  A hint that is absent says nothing.
 */
static void
mcp_risk_read_annotations(mcp_risk_reader_t *reader, uint32_t annotations)
{
    if (mcp_risk_is(reader, annotations, mcp_str("readOnlyHint"),
                    MCP_JSON_FALSE))
    {
        mcp_risk_add(reader, MCP_RISK_WRITE,
                     "annotation readOnlyHint is false");
    }

    if (mcp_risk_is(reader, annotations, mcp_str("destructiveHint"),
                    MCP_JSON_TRUE))
    {
        mcp_risk_add(reader, MCP_RISK_DESTRUCTIVE,
                     "annotation destructiveHint is true");
    }
}


static bool
mcp_risk_is(const mcp_risk_reader_t *reader, uint32_t object, mcp_str_t name,
    mcp_json_type_t type)
{
    uint32_t  member;

    if (reader->json->tokens[object].type != MCP_JSON_OBJECT) {
        return false;
    }

    member = mcp_json_member(reader->json, object, name);

    return member != MCP_JSON_NONE
           && reader->json->tokens[member].type == type;
}


/*
 * What decides must not be lost among what does not: when there is no room a
 * more severe class takes the place of the last one.
 */
void
mcp_risk_add(mcp_risk_reader_t *reader, mcp_risk_class_t class,
    const char *format, ...)
{
    int                   length;
    char                  text[MCP_RISK_TEXT_MAX];
    va_list               args;
    uint32_t              i;
    mcp_risk_t           *risk;
    mcp_risk_evidence_t  *evidence;

    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    if (length < 0) {
        length = 0;
    }

    if ((size_t) length >= sizeof(text)) {
        length = sizeof(text) - 1;
    }

    risk = reader->risk;

    for (i = 0; i < risk->count; i++) {
        if (mcp_str_equal(risk->evidence[i].text,
                          (mcp_str_t) { (uint8_t *) text, (size_t) length }))
        {
            return;
        }
    }

    if (risk->count < MCP_RISK_EVIDENCE_MAX) {
        evidence = &risk->evidence[risk->count++];

    } else {
        evidence = &risk->evidence[MCP_RISK_EVIDENCE_MAX - 1];

        if (class <= evidence->class) {
            return;
        }
    }

    evidence->class = class;
    evidence->text = mcp_arena_copy(reader->arena,
                         (mcp_str_t) { (uint8_t *) text, (size_t) length });

    if (evidence->text.data == NULL) {
        evidence->text.len = 0;
        reader->nomem = true;
    }
}


bool
mcp_risk_known(const mcp_risk_reader_t *reader, mcp_risk_class_t class)
{
    uint32_t  i;

    for (i = 0; i < reader->risk->count; i++) {
        if (reader->risk->evidence[i].class >= class) {
            return true;
        }
    }

    return false;
}


bool
mcp_risk_string(mcp_risk_reader_t *reader, uint32_t index, mcp_str_t *value)
{
    mcp_rc_t  rc;

    if (index == MCP_JSON_NONE
        || reader->json->tokens[index].type != MCP_JSON_STRING)
    {
        return false;
    }

    rc = mcp_json_string(reader->json, index, reader->arena, value);

    if (rc == MCP_NOMEM) {
        reader->nomem = true;
    }

    return rc == MCP_OK;
}


const char *
mcp_risk_class_name(mcp_risk_class_t class)
{
    static const char *const  names[] = {
        "", "Read", "Write", "Execute", "Financial", "Destructive"
    };

    return names[class];
}


const char *
mcp_risk_severity(mcp_risk_class_t class)
{
    static const char *const  names[] = {
        "", "Low", "Medium", "High", "Critical", "Critical"
    };

    return names[class];
}
