/*
 * What a text says, by the real tokenizer and the whole of it in memory.
 * What the incremental reader says must equal it.
 */

#ifndef OUTCOME_MODEL_H
#define OUTCOME_MODEL_H

#include <stdio.h>
#include <stdlib.h>

#include "mcp_json.h"
#include "mcp_outcome.h"


#define OUTCOME_REPORT  65536

typedef struct {
    size_t  length;
    char    text[OUTCOME_REPORT];
} outcome_report_t;


static inline void
outcome_report_message(outcome_report_t *report,
    const mcp_outcome_message_t *message)
{
    size_t  i;

    static const char  types[] = "-n0s?";

    if (OUTCOME_REPORT - report->length < 2 * MCP_OUTCOME_ID_MAX + 64) {
        return;
    }

    report->text[report->length++] = types[message->id.type];

    for (i = 0; i < message->id.text.len; i++) {
        report->length += snprintf(report->text + report->length, 3, "%02x",
                                   message->id.text.data[i]);
    }

    report->length += snprintf(report->text + report->length, 16,
                               "%s%s%s%s%s;",
                               message->method ? "M" : "",
                               message->result ? "R" : "",
                               message->error ? "E" : "",
                               message->tool_error ? "T" : "",
                               message->ambiguous ? "A" : "");
}


static inline void
outcome_report_end(outcome_report_t *report)
{
    report->text[report->length++] = '.';
}


/* What the reader says when it is fed pieces of the sizes that next gives. */

static inline void
outcome_read(outcome_report_t *report, mcp_str_t text, bool results,
    size_t (*next)(void *data), void *data)
{
    size_t               n;
    mcp_str_t            piece, input;
    mcp_outcome_t        outcome;
    mcp_outcome_event_t  event;

    mcp_outcome_init(&outcome, results);

    report->length = 0;

    while (text.len) {
        n = next(data);
        n = (n == 0) ? 1 : n;
        n = (n < text.len) ? n : text.len;

        /* its own allocation, so that a sanitizer sees what is read */

        piece.data = malloc(n);
        piece.len = n;

        if (piece.data == NULL) {
            abort();
        }

        memcpy((void *) piece.data, text.data, n);
        input = piece;

        text.data += n;
        text.len -= n;

        while ((event = mcp_outcome_next(&outcome, &input))
               != MCP_OUTCOME_MORE)
        {
            if (event == MCP_OUTCOME_MESSAGE) {
                outcome_report_message(report, &outcome.message);
            } else {
                outcome_report_end(report);
            }
        }

        free((void *) piece.data);

        if (input.len) {
            abort();
        }
    }

    if (mcp_outcome_complete(&outcome)) {
        report->text[report->length++] = 'o';
        report->text[report->length++] = 'k';
    }

    report->text[report->length] = '\0';
}


static inline bool
outcome_model_twice(bool *seen)
{
    bool  twice;

    twice = *seen;
    *seen = true;

    return twice;
}


static inline void
outcome_model_id(const mcp_json_t *json, uint32_t token, mcp_arena_t *arena,
    mcp_outcome_id_t *id)
{
    id->text = mcp_str("");

    switch (json->tokens[token].type) {

    case MCP_JSON_NUMBER:
        id->type = MCP_OUTCOME_ID_NUMBER;
        id->text = mcp_json_raw(json, token);
        break;

    case MCP_JSON_STRING:
        id->type = (mcp_json_string(json, token, arena, &id->text) == MCP_OK)
                   ? MCP_OUTCOME_ID_STRING : MCP_OUTCOME_ID_UNKNOWN;
        break;

    case MCP_JSON_NULL:
        id->type = MCP_OUTCOME_ID_NULL;
        break;

    default:
        id->type = MCP_OUTCOME_ID_UNKNOWN;
        break;
    }

    if (id->type == MCP_OUTCOME_ID_UNKNOWN
        || id->text.len > MCP_OUTCOME_ID_MAX)
    {
        id->type = MCP_OUTCOME_ID_UNKNOWN;
        id->text = mcp_str("");
    }
}


/* False: the text is left before the message ends. */

static inline bool
outcome_model_message(const mcp_json_t *json, uint32_t root, bool single,
    bool results, mcp_arena_t *arena, mcp_outcome_message_t *message)
{
    bool      seen[5];
    uint32_t  key, value, member;

    memset(message, 0, sizeof(*message));
    memset(seen, 0, sizeof(seen));

    for (key = root + 1; key < json->tokens[root].next;
         key = json->tokens[value].next)
    {
        value = json->tokens[key].next;

        if (mcp_json_string_equal(json, key, mcp_str("id"))) {
            message->ambiguous |= outcome_model_twice(&seen[0]);
            outcome_model_id(json, value, arena, &message->id);

        } else if (mcp_json_string_equal(json, key, mcp_str("method"))) {
            message->ambiguous |= outcome_model_twice(&seen[1]);
            message->method = true;

            if (single) {
                return false;
            }

        } else if (mcp_json_string_equal(json, key, mcp_str("error"))) {
            message->ambiguous |= outcome_model_twice(&seen[2]);

            if (json->tokens[value].type == MCP_JSON_OBJECT) {
                message->error = true;
            } else {
                message->ambiguous = true;
            }

        } else if (mcp_json_string_equal(json, key, mcp_str("result"))) {
            message->ambiguous |= outcome_model_twice(&seen[3]);
            message->result = true;

            if (single && !results) {
                return false;
            }

            if (json->tokens[value].type != MCP_JSON_OBJECT) {
                continue;
            }

            for (member = value + 1; member < json->tokens[value].next;
                 member = json->tokens[json->tokens[member].next].next)
            {
                if (!mcp_json_string_equal(json, member, mcp_str("isError"))) {
                    continue;
                }

                message->ambiguous |= outcome_model_twice(&seen[4]);
                message->tool_error
                    = json->tokens[json->tokens[member].next].type
                      == MCP_JSON_TRUE;
            }
        }
    }

    return true;
}


/*
 * False: the tokenizer refuses the text for something that the reader does
 * not look at.
 */

static inline bool
outcome_model(outcome_report_t *report, mcp_str_t text, bool results,
    mcp_arena_t *arena)
{
    mcp_rc_t               rc;
    uint32_t               i;
    mcp_json_t             json;
    mcp_error_t            error;
    mcp_limits_t           limits;
    mcp_outcome_message_t  message;

    memset(&limits, 0, sizeof(limits));
    limits.depth = MCP_OUTCOME_DEPTH;
    limits.tokens = 1000000;
    limits.string_length = 1000000;
    limits.number_length = 1000000;

    mcp_arena_reset(arena, 0);

    report->length = 0;
    report->text[0] = '\0';

    rc = mcp_json_parse(&json, text, &limits, arena, &error);

    if (rc != MCP_OK) {
        return error.code != MCP_JSON_UTF8 && error.code != MCP_JSON_ENCODING;
    }

    if (json.tokens[0].type == MCP_JSON_OBJECT) {

        if (!outcome_model_message(&json, 0, true, results, arena, &message))
        {
            return true;
        }

        outcome_report_message(report, &message);

    } else if (json.tokens[0].type == MCP_JSON_ARRAY) {

        for (i = 1; i < json.tokens[0].next; i = json.tokens[i].next) {

            if (json.tokens[i].type != MCP_JSON_OBJECT) {
                report->text[report->length] = '\0';
                return true;
            }

            outcome_model_message(&json, i, false, results, arena, &message);
            outcome_report_message(report, &message);
        }

    } else {
        return true;
    }

    outcome_report_end(report);
    report->length += snprintf(report->text + report->length, 3, "ok");

    return true;
}


/*
 * Whether the two agree.  A text that the tokenizer refuses may still begin
 * with messages, and even be followed by something, but it is not complete.
 */

static inline bool
outcome_agree(const outcome_report_t *model, const outcome_report_t *read)
{
    if (model->length == 0) {
        return read->length < 2
               || strcmp(read->text + read->length - 2, "ok") != 0;
    }

    return strcmp(model->text, read->text) == 0;
}

#endif /* OUTCOME_MODEL_H */
