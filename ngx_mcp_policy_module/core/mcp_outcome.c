#include "mcp_outcome_private.h"

#include "mcp_json_scan.h"


#define mcp_outcome_begins(text, constant)                                    \
    ((text).len >= sizeof(constant) - 1                                       \
     && memcmp((text).data, constant, sizeof(constant) - 1) == 0)


/* What became of a byte. */
typedef enum {
    MCP_OUTCOME_TAKEN = 0,
    MCP_OUTCOME_AGAIN,           /* it ended a number, and is not part of it */
    MCP_OUTCOME_TAKEN_MESSAGE
} mcp_outcome_step_t;


static void mcp_outcome_begin(mcp_outcome_t *outcome, mcp_str_t *input);
static mcp_outcome_step_t mcp_outcome_byte(mcp_outcome_t *outcome, uint8_t c);
static mcp_outcome_step_t mcp_outcome_between(mcp_outcome_t *outcome,
    uint8_t c);
static void mcp_outcome_value(mcp_outcome_t *outcome, uint8_t c);
static void mcp_outcome_member(mcp_outcome_t *outcome, uint8_t c);
static void mcp_outcome_open(mcp_outcome_t *outcome, bool object);
static mcp_outcome_step_t mcp_outcome_close(mcp_outcome_t *outcome,
    bool object);
static bool mcp_outcome_in_object(const mcp_outcome_t *outcome);
static void mcp_outcome_start_literal(mcp_outcome_t *outcome,
    const char *rest);
static mcp_outcome_step_t mcp_outcome_number(mcp_outcome_t *outcome,
    uint8_t c);
static mcp_outcome_state_t mcp_outcome_number_state(mcp_outcome_state_t state,
    uint8_t c);
static void mcp_outcome_start_key(mcp_outcome_t *outcome);
static void mcp_outcome_name(mcp_outcome_t *outcome);
static void mcp_outcome_id_end(mcp_outcome_t *outcome);
static bool mcp_outcome_id_plain(mcp_str_t raw, mcp_outcome_id_t *id);


void
mcp_outcome_init(mcp_outcome_t *outcome, bool results)
{
    memset(outcome, 0, offsetof(mcp_outcome_t, name));

    outcome->results = results;
}


mcp_outcome_event_t
mcp_outcome_next(mcp_outcome_t *outcome, mcp_str_t *input)
{
    mcp_outcome_step_t  step;

    if (outcome->state == MCP_OUTCOME_CLOSED) {
        outcome->state = MCP_OUTCOME_DONE;
        return MCP_OUTCOME_END;
    }

    if (outcome->state == MCP_OUTCOME_START) {
        mcp_outcome_begin(outcome, input);
    }

    while (input->len) {

        if (outcome->state == MCP_OUTCOME_SKIP
            || outcome->state == MCP_OUTCOME_MALFORMED)
        {
            input->data += input->len;
            input->len = 0;
            break;
        }

        if (outcome->state == MCP_OUTCOME_STRING) {
            mcp_outcome_string(outcome, input);
            continue;
        }

        step = mcp_outcome_byte(outcome, input->data[0]);

        if (step != MCP_OUTCOME_AGAIN) {
            input->data++;
            input->len--;
        }

        if (step == MCP_OUTCOME_TAKEN_MESSAGE) {
            return MCP_OUTCOME_MESSAGE;
        }

        if (outcome->state == MCP_OUTCOME_CLOSED) {
            outcome->state = MCP_OUTCOME_DONE;
            return MCP_OUTCOME_END;
        }
    }

    return MCP_OUTCOME_MORE;
}


bool
mcp_outcome_complete(const mcp_outcome_t *outcome)
{
    return outcome->state == MCP_OUTCOME_CLOSED
           || outcome->state == MCP_OUTCOME_DONE;
}


bool
mcp_outcome_over(const mcp_outcome_t *outcome)
{
    return outcome->state >= MCP_OUTCOME_DONE;
}


bool
mcp_outcome_failed(const mcp_outcome_message_t *message, bool results)
{
    if (message->ambiguous || message->method
        || message->error == message->result)
    {
        return false;
    }

    return message->error || (results && message->tool_error);
}


/* Of any message that has a method nothing more is read. */

bool
mcp_outcome_is_request(mcp_str_t text)
{
    return mcp_outcome_begins(text, "{\"jsonrpc\":\"2.0\",\"method\":\"")
           || mcp_outcome_begins(text, "{\"method\":\"")
           || mcp_outcome_begins(text,
                                 "{\"jsonrpc\": \"2.0\", \"method\": \"");
}


/* What servers begin with, taken at once. */

static void
mcp_outcome_begin(mcp_outcome_t *outcome, mcp_str_t *input)
{
    size_t  length;

    if (mcp_outcome_is_request(*input)) {
        outcome->level = 1;
        outcome->message.method = true;
        outcome->state = MCP_OUTCOME_SKIP;

    } else if (mcp_outcome_begins(*input, "{\"jsonrpc\":\"2.0\",\"id\":")) {
        outcome->level = 1;
        mcp_outcome_open(outcome, true);

        outcome->member = MCP_OUTCOME_ID;
        outcome->seen = 1u << MCP_OUTCOME_ID;
        outcome->state = MCP_OUTCOME_VALUE;

        length = sizeof("{\"jsonrpc\":\"2.0\",\"id\":") - 1;
        input->data += length;
        input->len -= length;
    }
}


static mcp_outcome_step_t
mcp_outcome_byte(mcp_outcome_t *outcome, uint8_t c)
{
    switch (outcome->state) {

    case MCP_OUTCOME_ESCAPE:
        mcp_outcome_escape(outcome, c);
        return MCP_OUTCOME_TAKEN;

    case MCP_OUTCOME_HEX:
        mcp_outcome_hex(outcome, c);
        return MCP_OUTCOME_TAKEN;

    case MCP_OUTCOME_LITERAL:
        if (c != (uint8_t) *outcome->literal) {
            outcome->state = MCP_OUTCOME_MALFORMED;
            return MCP_OUTCOME_TAKEN;
        }

        outcome->literal++;

        if (*outcome->literal == '\0') {
            outcome->state = MCP_OUTCOME_AFTER;
        }

        return MCP_OUTCOME_TAKEN;

    case MCP_OUTCOME_MINUS:
    case MCP_OUTCOME_ZERO:
    case MCP_OUTCOME_INTEGER:
    case MCP_OUTCOME_POINT:
    case MCP_OUTCOME_FRACTION:
    case MCP_OUTCOME_E:
    case MCP_OUTCOME_SIGN:
    case MCP_OUTCOME_EXPONENT:
        return mcp_outcome_number(outcome, c);

    default:
        if (mcp_json_is_space(c)) {
            return MCP_OUTCOME_TAKEN;
        }

        return mcp_outcome_between(outcome, c);
    }
}


/* Where white space may stand, and does not. */

static mcp_outcome_step_t
mcp_outcome_between(mcp_outcome_t *outcome, uint8_t c)
{
    switch (outcome->state) {

    case MCP_OUTCOME_VALUE_OR_END:
        if (c == ']') {
            return mcp_outcome_close(outcome, false);
        }

        /* fall through */

    case MCP_OUTCOME_START:
    case MCP_OUTCOME_VALUE:
        mcp_outcome_value(outcome, c);
        return MCP_OUTCOME_TAKEN;

    case MCP_OUTCOME_KEY_OR_END:
        if (c == '}') {
            return mcp_outcome_close(outcome, true);
        }

        /* fall through */

    case MCP_OUTCOME_KEY:
        if (c == '"') {
            mcp_outcome_start_key(outcome);
            return MCP_OUTCOME_TAKEN;
        }

        break;

    case MCP_OUTCOME_COLON:
        if (c == ':') {
            outcome->state = MCP_OUTCOME_VALUE;
            return MCP_OUTCOME_TAKEN;
        }

        break;

    case MCP_OUTCOME_AFTER:
        if (c == ',') {
            outcome->state = mcp_outcome_in_object(outcome)
                             ? MCP_OUTCOME_KEY : MCP_OUTCOME_VALUE;
            return MCP_OUTCOME_TAKEN;
        }

        if (c == '}' || c == ']') {
            return mcp_outcome_close(outcome, c == '}');
        }

        break;

    default:
        break;
    }

    outcome->state = MCP_OUTCOME_MALFORMED;

    return MCP_OUTCOME_TAKEN;
}


/* The first byte of a value. */

static void
mcp_outcome_value(mcp_outcome_t *outcome, uint8_t c)
{
    outcome->keep = NULL;

    if (outcome->depth == 0) {

        /* a message or a batch of them; nothing else says anything */

        if (c != '{' && c != '[') {
            outcome->state = MCP_OUTCOME_MALFORMED;
            return;
        }

        outcome->level = (c == '{') ? 1 : 2;

    } else if (outcome->depth < outcome->level && c != '{') {
        outcome->state = MCP_OUTCOME_MALFORMED;
        return;

    } else if (outcome->depth == outcome->level) {
        mcp_outcome_member(outcome, c);

        if (outcome->state == MCP_OUTCOME_SKIP) {
            return;
        }

    } else if (outcome->depth == outcome->level + 1
               && outcome->nested == MCP_OUTCOME_IS_ERROR)
    {
        outcome->message.tool_error = (c == 't');
    }

    switch (c) {

    case '{':
    case '[':
        mcp_outcome_open(outcome, c == '{');
        break;

    case '"':
        outcome->key = false;
        outcome->state = MCP_OUTCOME_STRING;
        break;

    case 't':
        mcp_outcome_start_literal(outcome, "rue");
        break;

    case 'f':
        mcp_outcome_start_literal(outcome, "alse");
        break;

    case 'n':
        mcp_outcome_start_literal(outcome, "ull");
        break;

    default:
        outcome->state = (c == '-') ? MCP_OUTCOME_MINUS
                         : (c == '0') ? MCP_OUTCOME_ZERO
                         : (c >= '1' && c <= '9') ? MCP_OUTCOME_INTEGER
                         : MCP_OUTCOME_MALFORMED;

        mcp_outcome_append(outcome, &c, 1);
        break;
    }
}


/* The value of a member of the message begins. */

static void
mcp_outcome_member(mcp_outcome_t *outcome, uint8_t c)
{
    mcp_outcome_message_t  *message;

    message = &outcome->message;

    switch (outcome->member) {

    case MCP_OUTCOME_ID:
        mcp_outcome_keep(outcome, outcome->id, sizeof(outcome->id));
        message->id.text = mcp_str("");

        if (c == '"') {
            message->id.type = MCP_OUTCOME_ID_STRING;

        } else if (c == '-' || (c >= '0' && c <= '9')) {
            message->id.type = MCP_OUTCOME_ID_NUMBER;

        } else {
            message->id.type = (c == 'n') ? MCP_OUTCOME_ID_NULL
                                          : MCP_OUTCOME_ID_UNKNOWN;
        }

        break;

    case MCP_OUTCOME_METHOD:
        message->method = true;

        if (outcome->level == 1) {
            outcome->state = MCP_OUTCOME_SKIP;
        }

        break;

    case MCP_OUTCOME_RESULT:
        message->result = true;

        if (outcome->level == 1 && !outcome->results) {
            outcome->state = MCP_OUTCOME_SKIP;
        }

        break;

    case MCP_OUTCOME_ERROR:
        if (c == '{') {
            message->error = true;

        } else {
            message->ambiguous = true;
        }

        break;

    default:
        break;
    }
}


static void
mcp_outcome_open(mcp_outcome_t *outcome, bool object)
{
    uint8_t   bit;
    uint32_t  depth;

    depth = outcome->depth;

    if (depth == MCP_OUTCOME_DEPTH) {
        outcome->state = MCP_OUTCOME_MALFORMED;
        return;
    }

    bit = (uint8_t) (1u << (depth % 8));

    if (object) {
        outcome->objects[depth / 8] |= bit;
        outcome->state = MCP_OUTCOME_KEY_OR_END;

    } else {
        outcome->objects[depth / 8] &= (uint8_t) ~bit;
        outcome->state = MCP_OUTCOME_VALUE_OR_END;
    }

    outcome->keep = NULL;
    outcome->depth++;

    if (object && outcome->depth == outcome->level) {
        memset(&outcome->message, 0, sizeof(outcome->message));
        outcome->member = MCP_OUTCOME_OTHER;
        outcome->nested = MCP_OUTCOME_OTHER;
        outcome->seen = 0;
    }
}


static mcp_outcome_step_t
mcp_outcome_close(mcp_outcome_t *outcome, bool object)
{
    if (mcp_outcome_in_object(outcome) != object) {
        outcome->state = MCP_OUTCOME_MALFORMED;
        return MCP_OUTCOME_TAKEN;
    }

    outcome->depth--;

    outcome->state = (outcome->depth == 0) ? MCP_OUTCOME_CLOSED
                                           : MCP_OUTCOME_AFTER;

    return (object && outcome->depth == outcome->level - 1)
           ? MCP_OUTCOME_TAKEN_MESSAGE : MCP_OUTCOME_TAKEN;
}


static bool
mcp_outcome_in_object(const mcp_outcome_t *outcome)
{
    uint32_t  depth;

    depth = outcome->depth - 1;

    return outcome->objects[depth / 8] & (1u << (depth % 8));
}


static void
mcp_outcome_start_literal(mcp_outcome_t *outcome, const char *rest)
{
    outcome->literal = rest;
    outcome->state = MCP_OUTCOME_LITERAL;
}


static mcp_outcome_step_t
mcp_outcome_number(mcp_outcome_t *outcome, uint8_t c)
{
    outcome->state = mcp_outcome_number_state(outcome->state, c);

    if (outcome->state == MCP_OUTCOME_AFTER) {

        if (outcome->keep) {
            mcp_outcome_id_end(outcome);
        }

        return MCP_OUTCOME_AGAIN;
    }

    mcp_outcome_append(outcome, &c, 1);

    return MCP_OUTCOME_TAKEN;
}


/* MCP_OUTCOME_AFTER: the number is complete without this byte. */

static mcp_outcome_state_t
mcp_outcome_number_state(mcp_outcome_state_t state, uint8_t c)
{
    bool  digit;

    digit = (c >= '0' && c <= '9');

    switch (state) {

    case MCP_OUTCOME_MINUS:
        if (c == '0') {
            return MCP_OUTCOME_ZERO;
        }

        return digit ? MCP_OUTCOME_INTEGER : MCP_OUTCOME_MALFORMED;

    case MCP_OUTCOME_INTEGER:
        if (digit) {
            return state;
        }

        /* fall through */

    case MCP_OUTCOME_ZERO:
        if (c == '.') {
            return MCP_OUTCOME_POINT;
        }

        return (c == 'e' || c == 'E') ? MCP_OUTCOME_E : MCP_OUTCOME_AFTER;

    case MCP_OUTCOME_POINT:
        return digit ? MCP_OUTCOME_FRACTION : MCP_OUTCOME_MALFORMED;

    case MCP_OUTCOME_FRACTION:
        if (digit) {
            return state;
        }

        return (c == 'e' || c == 'E') ? MCP_OUTCOME_E : MCP_OUTCOME_AFTER;

    case MCP_OUTCOME_E:
        if (c == '+' || c == '-') {
            return MCP_OUTCOME_SIGN;
        }

        /* fall through */

    case MCP_OUTCOME_SIGN:
        return digit ? MCP_OUTCOME_EXPONENT : MCP_OUTCOME_MALFORMED;

    default: /* MCP_OUTCOME_EXPONENT */
        return digit ? state : MCP_OUTCOME_AFTER;
    }
}


static void
mcp_outcome_start_key(mcp_outcome_t *outcome)
{
    outcome->key = true;
    outcome->state = MCP_OUTCOME_STRING;
    outcome->keep = NULL;

    if (outcome->depth == outcome->level
        || (outcome->depth == outcome->level + 1
            && outcome->member == MCP_OUTCOME_RESULT))
    {
        mcp_outcome_keep(outcome, outcome->name, sizeof(outcome->name));
    }
}


void
mcp_outcome_string_end(mcp_outcome_t *outcome)
{
    outcome->state = outcome->key ? MCP_OUTCOME_COLON : MCP_OUTCOME_AFTER;

    if (outcome->keep == NULL) {
        return;
    }

    if (outcome->high) {
        outcome->high = 0;
        outcome->broken = true;
    }

    if (outcome->key) {
        mcp_outcome_name(outcome);

    } else {
        mcp_outcome_id_end(outcome);
    }
}


static void
mcp_outcome_name(mcp_outcome_t *outcome)
{
    unsigned              bit;
    mcp_str_t             name;
    mcp_outcome_member_t  member;

    name.data = outcome->name;
    name.len = outcome->length;

    member = MCP_OUTCOME_OTHER;

    if (name.len > sizeof(outcome->name) || outcome->broken) {
        name.len = 0;
    }

    if (outcome->depth == outcome->level) {

        if (mcp_str_equal(name, mcp_str("id"))) {
            member = MCP_OUTCOME_ID;

        } else if (mcp_str_equal(name, mcp_str("method"))) {
            member = MCP_OUTCOME_METHOD;

        } else if (mcp_str_equal(name, mcp_str("result"))) {
            member = MCP_OUTCOME_RESULT;

        } else if (mcp_str_equal(name, mcp_str("error"))) {
            member = MCP_OUTCOME_ERROR;
        }

        outcome->member = member;
        outcome->nested = MCP_OUTCOME_OTHER;

    } else {

        if (mcp_str_equal(name, mcp_str("isError"))) {
            member = MCP_OUTCOME_IS_ERROR;
        }

        outcome->nested = member;
    }

    if (member == MCP_OUTCOME_OTHER) {
        return;
    }

    bit = 1u << member;

    if (outcome->seen & bit) {
        outcome->message.ambiguous = true;
    }

    outcome->seen |= bit;
}


static void
mcp_outcome_id_end(mcp_outcome_t *outcome)
{
    mcp_outcome_id_t  *id;

    id = &outcome->message.id;

    id->text.data = outcome->id;
    id->text.len = outcome->length;

    if (outcome->length > sizeof(outcome->id) || outcome->broken) {
        id->text.len = 0;
        id->type = MCP_OUTCOME_ID_UNKNOWN;
    }

    outcome->keep = NULL;
}


void
mcp_outcome_id(mcp_str_t raw, uint8_t *buffer, mcp_outcome_id_t *id)
{
    mcp_str_t      before, after;
    mcp_outcome_t  outcome;

    if (mcp_outcome_id_plain(raw, id)) {
        memcpy(buffer, id->text.data, id->text.len);
        id->text.data = buffer;
        return;
    }

    before = mcp_str("{\"id\":");
    after = mcp_str("}");

    mcp_outcome_init(&outcome, true);

    (void) mcp_outcome_next(&outcome, &before);
    (void) mcp_outcome_next(&outcome, &raw);

    if (raw.len == 0
        && mcp_outcome_next(&outcome, &after) == MCP_OUTCOME_MESSAGE
        && !outcome.message.ambiguous)
    {
        *id = outcome.message.id;
        id->text.data = buffer;
        memcpy(buffer, outcome.id, id->text.len);
        return;
    }

    id->type = MCP_OUTCOME_ID_UNKNOWN;
    id->text.data = buffer;
    id->text.len = 0;
}


/*
 * What most ids are, and what reads as it is written: a whole number without
 * a sign, or a string of ASCII without escapes.
 */
static bool
mcp_outcome_id_plain(mcp_str_t raw, mcp_outcome_id_t *id)
{
    size_t     i;
    uint8_t    c;
    mcp_str_t  text;

    if (raw.len == 0 || raw.len > MCP_OUTCOME_ID_MAX) {
        return false;
    }

    id->type = MCP_OUTCOME_ID_NUMBER;
    text = raw;

    if (raw.data[0] == '"') {

        if (raw.len < 2 || raw.data[raw.len - 1] != '"') {
            return false;
        }

        id->type = MCP_OUTCOME_ID_STRING;
        text.data++;
        text.len -= 2;

    } else if (raw.data[0] == '0' && raw.len > 1) {
        return false;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (id->type == MCP_OUTCOME_ID_NUMBER
            ? c < '0' || c > '9'
            : c < ' ' || c == '"' || c == '\\' || c >= 0x7f)
        {
            return false;
        }
    }

    id->text = text;

    return true;
}


bool
mcp_outcome_id_equal(const mcp_outcome_id_t *a, const mcp_outcome_id_t *b)
{
    return a->type == b->type
           && (a->type == MCP_OUTCOME_ID_NUMBER
               || a->type == MCP_OUTCOME_ID_STRING)
           && mcp_str_equal(a->text, b->text);
}
