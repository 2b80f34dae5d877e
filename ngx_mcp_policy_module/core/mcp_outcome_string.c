#include "mcp_outcome_private.h"

#include "mcp_json_scan.h"


static void mcp_outcome_code(mcp_outcome_t *outcome, uint32_t code);


void
mcp_outcome_string(mcp_outcome_t *outcome, mcp_str_t *input)
{
    const uint8_t  *p, *end;

    p = input->data;
    end = p + input->len;

    for ( ;; ) {
        p = mcp_json_skip_plain(p, end);

        if (p == end || *p < 0x80) {
            break;
        }

        while (p < end && *p >= 0x80) {
            p++;
        }
    }

    mcp_outcome_append(outcome, input->data, (size_t) (p - input->data));

    if (p < end) {

        if (*p == '"') {
            mcp_outcome_string_end(outcome);

        } else if (*p == '\\') {
            outcome->state = MCP_OUTCOME_ESCAPE;

        } else {
            outcome->state = MCP_OUTCOME_MALFORMED;
        }

        p++;
    }

    input->data = p;
    input->len = (size_t) (end - p);
}


void
mcp_outcome_escape(mcp_outcome_t *outcome, uint8_t c)
{
    size_t  i;

    static const char  names[] = "\"\\/bfnrt";
    static const char  bytes[] = "\"\\/\b\f\n\r\t";

    outcome->state = MCP_OUTCOME_STRING;

    if (c == 'u') {
        outcome->state = MCP_OUTCOME_HEX;
        outcome->code = 0;
        outcome->digits = 0;
        return;
    }

    for (i = 0; i < sizeof(names) - 1; i++) {
        if (c == (uint8_t) names[i]) {
            mcp_outcome_append(outcome, (const uint8_t *) &bytes[i], 1);
            return;
        }
    }

    outcome->state = MCP_OUTCOME_MALFORMED;
}


void
mcp_outcome_hex(mcp_outcome_t *outcome, uint8_t c)
{
    uint32_t  digit;

    if (c >= '0' && c <= '9') {
        digit = c - '0';

    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        digit = (c | 0x20) - 'a' + 10;

    } else {
        outcome->state = MCP_OUTCOME_MALFORMED;
        return;
    }

    outcome->code = outcome->code << 4 | digit;

    if (++outcome->digits == 4) {
        outcome->state = MCP_OUTCOME_STRING;

        if (outcome->keep) {
            mcp_outcome_code(outcome, outcome->code);
        }
    }
}


/*
 * A code unit of UTF-16 becomes UTF-8, with the other half of its pair.  No
 * name and no id that counts has U+0000.
 */

static void
mcp_outcome_code(mcp_outcome_t *outcome, uint32_t code)
{
    size_t   n;
    uint8_t  utf8[4];

    if (outcome->high && code >= 0xdc00 && code <= 0xdfff) {
        code = 0x10000 + ((outcome->high - 0xd800) << 10) + (code - 0xdc00);
        outcome->high = 0;

    } else if (code >= 0xd800 && code <= 0xdfff) {

        if (outcome->high || code >= 0xdc00) {
            outcome->broken = true;
        }

        outcome->high = (code < 0xdc00) ? code : 0;
        return;
    }

    if (code == 0) {
        outcome->broken = true;
    }

    n = 0;

    if (code < 0x80) {
        utf8[n++] = (uint8_t) code;

    } else if (code < 0x800) {
        utf8[n++] = (uint8_t) (0xc0 | code >> 6);
        utf8[n++] = (uint8_t) (0x80 | (code & 0x3f));

    } else if (code < 0x10000) {
        utf8[n++] = (uint8_t) (0xe0 | code >> 12);
        utf8[n++] = (uint8_t) (0x80 | (code >> 6 & 0x3f));
        utf8[n++] = (uint8_t) (0x80 | (code & 0x3f));

    } else {
        utf8[n++] = (uint8_t) (0xf0 | code >> 18);
        utf8[n++] = (uint8_t) (0x80 | (code >> 12 & 0x3f));
        utf8[n++] = (uint8_t) (0x80 | (code >> 6 & 0x3f));
        utf8[n++] = (uint8_t) (0x80 | (code & 0x3f));
    }

    mcp_outcome_append(outcome, utf8, n);
}


void
mcp_outcome_keep(mcp_outcome_t *outcome, uint8_t *buffer, size_t room)
{
    outcome->keep = buffer;
    outcome->room = room;
    outcome->length = 0;
    outcome->high = 0;
    outcome->broken = false;
}


void
mcp_outcome_append(mcp_outcome_t *outcome, const uint8_t *data, size_t length)
{
    size_t  n;

    if (outcome->keep == NULL || length == 0) {
        return;
    }

    if (outcome->high) {
        outcome->high = 0;
        outcome->broken = true;
    }

    if (outcome->length > outcome->room) {
        return;
    }

    n = outcome->room - outcome->length;

    if (n < length) {
        memcpy(outcome->keep + outcome->length, data, n);
        outcome->length = outcome->room + 1;
        return;
    }

    memcpy(outcome->keep + outcome->length, data, length);
    outcome->length += length;
}
