/*
 * Answers made here.  A body has no members but jsonrpc, id and result or
 * error: clients refuse others.  All of it is bounded, and every text that
 * came from outside is cut and escaped.
 */

#include "mcp_reply.h"


#define MCP_REPLY_FIRST      512
#define MCP_REPLY_NAME_MAX   256
#define MCP_REPLY_TEXT_MAX   1024

#define MCP_CODE_METHOD      (-32601)
#define MCP_CODE_PARAMS      (-32602)

#define MCP_DECISION_META    "ngx-mcp-policy/decision"


/* Text that grows in the arena; once memory is short it stays unwritten. */
typedef struct {
    mcp_arena_t  *arena;
    uint8_t      *start;
    size_t        length;
    size_t        capacity;
    bool          failed;
} mcp_writer_t;


/* How one refused message is answered. */
typedef enum {
    MCP_FORM_NONE = 0,       /* not at all */
    MCP_FORM_RESULT,         /* tool result with isError */
    MCP_FORM_APPLICATION,    /* error with a code of ours and data */
    MCP_FORM_METHOD,         /* error: the method does not exist */
    MCP_FORM_UNKNOWN,        /* error: the target does not exist */
    MCP_FORM_BATCH           /* error: another message was refused */
} mcp_form_t;


static mcp_rc_t mcp_reply_denied_batch(const mcp_body_t *body,
    const mcp_verdict_t *verdict, const mcp_reply_options_t *options,
    mcp_arena_t *arena, mcp_reply_t *reply);
static mcp_form_t mcp_reply_form(const mcp_body_t *body,
    const mcp_message_t *message, const mcp_decision_t *decision,
    const mcp_reply_options_t *options, mcp_denial_t *denial);
static bool mcp_reply_unknown(const mcp_message_t *message,
    const mcp_decision_t *decision, const mcp_reply_options_t *options);
static void mcp_write_denied(mcp_writer_t *w, const mcp_body_t *body,
    const mcp_message_t *message, const mcp_decision_t *decision,
    mcp_form_t form);
static void mcp_write_result(mcp_writer_t *w, const mcp_body_t *body,
    const mcp_decision_t *decision);
static void mcp_write_application(mcp_writer_t *w,
    const mcp_decision_t *decision);
static void mcp_write_method(mcp_writer_t *w,
    const mcp_decision_t *decision);
static void mcp_write_unknown(mcp_writer_t *w, const mcp_message_t *message);
static void mcp_write_decision(mcp_writer_t *w,
    const mcp_decision_t *decision);
static void mcp_write_text(mcp_writer_t *w, const mcp_decision_t *decision);
static void mcp_write_supported(mcp_writer_t *w, const mcp_body_t *body,
    uint32_t revisions);
static void mcp_write_error_object(mcp_writer_t *w, mcp_str_t id, int code,
    mcp_str_t message);
static void mcp_write_head(mcp_writer_t *w, mcp_str_t id);
static void mcp_write_error_head(mcp_writer_t *w, int code);
static mcp_rc_t mcp_write_done(mcp_writer_t *w, mcp_reply_t *reply);

static void mcp_writer_init(mcp_writer_t *w, mcp_arena_t *arena);
static uint8_t *mcp_writer_reserve(mcp_writer_t *w, size_t size);
static void mcp_write(mcp_writer_t *w, mcp_str_t s);
static void mcp_write_number(mcp_writer_t *w, bool negative, uint64_t value);
static void mcp_write_escaped(mcp_writer_t *w, mcp_str_t s, size_t max);


mcp_rc_t
mcp_reply_invalid(const mcp_body_t *body, const mcp_reply_options_t *options,
    mcp_arena_t *arena, mcp_reply_t *reply)
{
    mcp_str_t     text;
    mcp_writer_t  w;

    memset(reply, 0, sizeof(mcp_reply_t));
    reply->status = mcp_invalid_status(body->invalid);

    text = body->invalid_text.len != 0 ? body->invalid_text
                                       : mcp_invalid_text(body->invalid);

    mcp_writer_init(&w, arena);
    mcp_write_head(&w, body->invalid_id);
    mcp_write_error_head(&w, mcp_invalid_code(body->invalid));
    mcp_write_escaped(&w, text, MCP_REPLY_TEXT_MAX);
    mcp_write(&w, mcp_str("\""));

    if (body->invalid == MCP_INVALID_PROTOCOL_VERSION) {
        mcp_write_supported(&w, body, options->revisions);
    }

    mcp_write(&w, mcp_str("}}"));

    return mcp_write_done(&w, reply);
}


mcp_rc_t
mcp_reply_denied(const mcp_body_t *body, const mcp_verdict_t *verdict,
    const mcp_reply_options_t *options, mcp_arena_t *arena,
    mcp_reply_t *reply)
{
    mcp_form_t             form;
    mcp_denial_t           denial;
    mcp_writer_t           w;
    const mcp_message_t   *message;
    const mcp_decision_t  *decision;

    memset(reply, 0, sizeof(mcp_reply_t));

    if (body->count == 0 || verdict->count != body->count) {
        return MCP_ERROR;
    }

    if (body->batch) {
        return mcp_reply_denied_batch(body, verdict, options, arena, reply);
    }

    message = &body->messages[0];
    decision = &verdict->decisions[0];

    if (decision->action == MCP_ALLOW) {
        return MCP_ERROR;
    }

    form = mcp_reply_form(body, message, decision, options, &denial);

    if (form == MCP_FORM_NONE) {
        reply->status = 202;
        return MCP_OK;
    }

    reply->status = 200;

    if (form == MCP_FORM_METHOD && body->revision == MCP_2026_07_28) {
        reply->status = 404;

    } else if (denial == MCP_DENIAL_STATUS) {
        reply->status = 403;

        if (decision->action == MCP_LIMIT) {
            reply->status = 429;

            if (decision->retry_ms != UINT64_MAX) {
                reply->retry_after_s = decision->retry_ms / 1000
                                       + (decision->retry_ms % 1000 != 0);
            }
        }
    }

    mcp_writer_init(&w, arena);
    mcp_write_denied(&w, body, message, decision, form);

    return mcp_write_done(&w, reply);
}


/* One answer for each request; notifications and responses have none. */

static mcp_rc_t
mcp_reply_denied_batch(const mcp_body_t *body, const mcp_verdict_t *verdict,
    const mcp_reply_options_t *options, mcp_arena_t *arena,
    mcp_reply_t *reply)
{
    bool          first;
    uint32_t      i;
    mcp_form_t    form;
    mcp_denial_t  denial;
    mcp_writer_t  w;

    first = true;
    mcp_writer_init(&w, arena);

    for (i = 0; i < body->count; i++) {
        form = mcp_reply_form(body, &body->messages[i],
                              &verdict->decisions[i], options, &denial);

        if (form == MCP_FORM_NONE) {
            continue;
        }

        mcp_write(&w, first ? mcp_str("[") : mcp_str(","));
        first = false;

        mcp_write_denied(&w, body, &body->messages[i],
                         &verdict->decisions[i], form);
    }

    if (first) {
        reply->status = 202;
        return MCP_OK;
    }

    reply->status = 200;
    mcp_write(&w, mcp_str("]"));

    return mcp_write_done(&w, reply);
}


/*
 * *denial is set to STATUS where that form applies: calls of a visible tool
 * that are alone in the body.
 */

static mcp_form_t
mcp_reply_form(const mcp_body_t *body, const mcp_message_t *message,
    const mcp_decision_t *decision, const mcp_reply_options_t *options,
    mcp_denial_t *denial)
{
    *denial = MCP_DENIAL_DEFAULT;

    if (message->kind != MCP_MESSAGE_REQUEST) {
        return MCP_FORM_NONE;
    }

    if (body->batch
        && (decision->action == MCP_ALLOW
            || decision->reason == MCP_REASON_BATCH))
    {
        return MCP_FORM_BATCH;
    }

    /* Only for good is a method unknown; a limit on it frees again. */

    if (decision->method_denied && decision->action == MCP_DENY) {
        return MCP_FORM_METHOD;
    }

    if (mcp_reply_unknown(message, decision, options)) {
        return MCP_FORM_UNKNOWN;
    }

    if (message->method != MCP_METHOD_TOOLS_CALL || body->batch
        || decision->reason == MCP_REASON_UNKNOWN_POLICY)
    {
        return MCP_FORM_APPLICATION;
    }

    *denial = decision->denial != MCP_DENIAL_DEFAULT ? decision->denial
                                                     : options->denial;

    /* A client that asked for a task cannot read a tool result. */

    if (*denial == MCP_DENIAL_ERROR || *denial == MCP_DENIAL_STATUS
        || message->task)
    {
        return MCP_FORM_APPLICATION;
    }

    return MCP_FORM_RESULT;
}


static bool
mcp_reply_unknown(const mcp_message_t *message,
    const mcp_decision_t *decision, const mcp_reply_options_t *options)
{
    if (decision->reason == MCP_REASON_TASK
        || decision->reason == MCP_REASON_TASK_OWNER)
    {
        return true;
    }

    if (!decision->not_shown || message->target_count == 0) {
        return false;
    }

    return !(options->list_unfiltered
             && decision->reason == MCP_REASON_NOT_LISTED);
}


static void
mcp_write_denied(mcp_writer_t *w, const mcp_body_t *body,
    const mcp_message_t *message, const mcp_decision_t *decision,
    mcp_form_t form)
{
    mcp_write_head(w, message->id);

    switch (form) {

    case MCP_FORM_RESULT:
        mcp_write_result(w, body, decision);
        break;

    case MCP_FORM_METHOD:
        mcp_write_method(w, decision);
        break;

    case MCP_FORM_UNKNOWN:
        mcp_write_unknown(w, message);
        break;

    case MCP_FORM_BATCH:
        mcp_write_error_head(w, MCP_CODE_BATCH);
        mcp_write(w, mcp_str("Batch refused: another message was denied\""
                             "}"));
        break;

    default:
        mcp_write_application(w, decision);
        break;
    }

    mcp_write(w, mcp_str("}"));
}


static void
mcp_write_result(mcp_writer_t *w, const mcp_body_t *body,
    const mcp_decision_t *decision)
{
    mcp_write(w, mcp_str("\"result\":{"));

    if (body->revision == MCP_2026_07_28) {
        mcp_write(w, mcp_str("\"resultType\":\"complete\","));
    }

    mcp_write(w, mcp_str("\"content\":[{\"type\":\"text\",\"text\":\""));
    mcp_write_text(w, decision);
    mcp_write(w, mcp_str("\"}],\"isError\":true,"
                         "\"_meta\":{\"" MCP_DECISION_META "\":"));
    mcp_write_decision(w, decision);
    mcp_write(w, mcp_str("}}"));
}


static void
mcp_write_application(mcp_writer_t *w, const mcp_decision_t *decision)
{
    int  code;

    switch (decision->action) {

    case MCP_LIMIT:
        code = MCP_CODE_LIMIT;
        break;

    case MCP_APPROVE:
        code = MCP_CODE_APPROVAL;
        break;

    default:
        code = MCP_CODE_DENIED;
        break;
    }

    mcp_write_error_head(w, code);
    mcp_write_text(w, decision);
    mcp_write(w, mcp_str("\",\"data\":"));
    mcp_write_decision(w, decision);
    mcp_write(w, mcp_str("}"));
}


/* A rule speaks for itself; the default hides that there is a policy. */

static void
mcp_write_method(mcp_writer_t *w, const mcp_decision_t *decision)
{
    mcp_write_error_head(w, MCP_CODE_METHOD);

    if (decision->reason == MCP_REASON_METHOD || decision->text.len == 0) {
        mcp_write(w, mcp_str("Method not found\"}"));
        return;
    }

    mcp_write_escaped(w, decision->text, MCP_REPLY_TEXT_MAX);
    mcp_write(w, mcp_str("\",\"data\":"));
    mcp_write_decision(w, decision);
    mcp_write(w, mcp_str("}"));
}


static void
mcp_write_unknown(mcp_writer_t *w, const mcp_message_t *message)
{
    mcp_target_kind_t  kind;

    /*
     * Of several targets (subscriptions/listen) it is not said which one;
     * the first decides the words.
     */

    kind = message->target_count ? message->targets[0].kind
                                 : MCP_TARGET_TASK;

    mcp_write_error_head(w, MCP_CODE_PARAMS);

    switch (kind) {

    case MCP_TARGET_TOOL:
        mcp_write(w, mcp_str("Unknown tool"));
        break;

    case MCP_TARGET_PROMPT:
        mcp_write(w, mcp_str("Unknown prompt"));
        break;

    case MCP_TARGET_RESOURCE:
        mcp_write(w, mcp_str("Resource not found"));
        break;

    default:
        mcp_write(w, mcp_str("Task not found\"}"));
        return;
    }

    if (message->target_count == 1) {
        mcp_write(w, mcp_str(": "));
        mcp_write_escaped(w, message->targets[0].name, MCP_REPLY_NAME_MAX);
    }

    mcp_write(w, mcp_str("\"}"));
}


/* The machine-readable part, the same in results and errors. */

static void
mcp_write_decision(mcp_writer_t *w, const mcp_decision_t *decision)
{
    uint8_t      hex[MCP_APPROVAL_HEX];
    const char  *word;

    word = mcp_action_name(decision->action);
    mcp_write(w, mcp_str("{\"action\":\""));
    mcp_write(w, (mcp_str_t) { (const uint8_t *) word, strlen(word) });

    word = mcp_reason_name(decision->reason);
    mcp_write(w, mcp_str("\",\"reason\":\""));
    mcp_write(w, (mcp_str_t) { (const uint8_t *) word, strlen(word) });
    mcp_write(w, mcp_str("\""));

    if (decision->rule.len != 0) {
        mcp_write(w, mcp_str(",\"rule\":\""));
        mcp_write_escaped(w, decision->rule, MCP_REPLY_NAME_MAX);
        mcp_write(w, mcp_str("\""));
    }

    if (decision->action == MCP_LIMIT && decision->retry_ms != UINT64_MAX) {
        mcp_write(w, mcp_str(",\"retryAfterMs\":"));
        mcp_write_number(w, false, decision->retry_ms);
    }

    if (decision->ask != NULL) {
        mcp_approval_hex(decision->ask->id, hex);

        mcp_write(w, mcp_str(",\"approvalId\":\""));
        mcp_write(w, (mcp_str_t) { hex, sizeof(hex) });
        mcp_write(w, mcp_str("\""));
    }

    mcp_write(w, mcp_str("}"));
}


static void
mcp_write_text(mcp_writer_t *w, const mcp_decision_t *decision)
{
    mcp_str_t  text;

    text = decision->text.len != 0 ? decision->text
                                   : mcp_str("This call is not permitted.");

    mcp_write(w, mcp_str("[POLICY DENIED] "));
    mcp_write_escaped(w, text, MCP_REPLY_TEXT_MAX);
}


static void
mcp_write_supported(mcp_writer_t *w, const mcp_body_t *body,
    uint32_t revisions)
{
    bool            first;
    mcp_revision_t  revision;

    /* a client that sends _meta can go on with another such revision only */

    if (body->modern && (revisions & ~MCP_REVISIONS_LEGACY)) {
        revisions &= ~MCP_REVISIONS_LEGACY;
    }

    first = true;
    mcp_write(w, mcp_str(",\"data\":{\"supported\":["));

    for (revision = MCP_2024_11_05; revision <= MCP_2026_07_28; revision++) {
        if (revisions & MCP_REVISION_BIT(revision)) {
            mcp_write(w, first ? mcp_str("\"") : mcp_str(",\""));
            mcp_write(w, mcp_revision_name(revision));
            mcp_write(w, mcp_str("\""));
            first = false;
        }
    }

    mcp_write(w, mcp_str("],\"requested\":\""));
    mcp_write_escaped(w, body->requested, MCP_REPLY_NAME_MAX);
    mcp_write(w, mcp_str("\"}"));
}


mcp_rc_t
mcp_reply_error(unsigned status, int code, mcp_str_t id, mcp_str_t message,
    mcp_arena_t *arena, mcp_reply_t *reply)
{
    mcp_writer_t  w;

    memset(reply, 0, sizeof(mcp_reply_t));
    reply->status = status;

    mcp_writer_init(&w, arena);
    mcp_write_error_object(&w, id, code, message);

    return mcp_write_done(&w, reply);
}


mcp_rc_t
mcp_reply_error_all(const mcp_body_t *body, unsigned status, int code,
    mcp_str_t message, mcp_arena_t *arena, mcp_reply_t *reply)
{
    bool          first;
    uint32_t      i;
    mcp_writer_t  w;

    memset(reply, 0, sizeof(mcp_reply_t));
    reply->status = status;

    first = true;
    mcp_writer_init(&w, arena);

    for (i = 0; i < body->count; i++) {
        if (body->messages[i].kind != MCP_MESSAGE_REQUEST) {
            continue;
        }

        if (body->batch) {
            mcp_write(&w, first ? mcp_str("[") : mcp_str(","));
        }

        first = false;
        mcp_write_error_object(&w, body->messages[i].id, code, message);
    }

    if (first) {
        reply->status = status == 200 ? 202 : status;
        return MCP_OK;
    }

    if (body->batch) {
        mcp_write(&w, mcp_str("]"));
    }

    return mcp_write_done(&w, reply);
}


static void
mcp_write_error_object(mcp_writer_t *w, mcp_str_t id, int code,
    mcp_str_t message)
{
    mcp_write_head(w, id);
    mcp_write_error_head(w, code);
    mcp_write_escaped(w, message, MCP_REPLY_TEXT_MAX);
    mcp_write(w, mcp_str("\"}}"));
}


/* Up to result or error; "id" are the bytes that the client wrote. */

static void
mcp_write_head(mcp_writer_t *w, mcp_str_t id)
{
    mcp_write(w, mcp_str("{\"jsonrpc\":\"2.0\","));

    if (id.len != 0) {
        mcp_write(w, mcp_str("\"id\":"));
        mcp_write(w, id);
        mcp_write(w, mcp_str(","));
    }
}


/* Up to the inside of the message's string. */

static void
mcp_write_error_head(mcp_writer_t *w, int code)
{
    mcp_write(w, mcp_str("\"error\":{\"code\":"));
    mcp_write_number(w, code < 0, code < 0 ? 0 - (uint64_t) code
                                           : (uint64_t) code);
    mcp_write(w, mcp_str(",\"message\":\""));
}


static mcp_rc_t
mcp_write_done(mcp_writer_t *w, mcp_reply_t *reply)
{
    if (w->failed) {
        return MCP_NOMEM;
    }

    reply->body.data = w->start;
    reply->body.len = w->length;

    return MCP_OK;
}


static void
mcp_writer_init(mcp_writer_t *w, mcp_arena_t *arena)
{
    memset(w, 0, sizeof(mcp_writer_t));
    w->arena = arena;
}


/* Room for "size" more bytes, or NULL. */

static uint8_t *
mcp_writer_reserve(mcp_writer_t *w, size_t size)
{
    size_t    capacity;
    uint8_t  *start;

    if (w->failed) {
        return NULL;
    }

    if (w->capacity - w->length >= size) {
        return w->start + w->length;
    }

    if (size > SIZE_MAX / 4 || w->length > SIZE_MAX / 4) {
        w->failed = true;
        return NULL;
    }

    capacity = 2 * (w->length + size);

    if (capacity < MCP_REPLY_FIRST) {
        capacity = MCP_REPLY_FIRST;
    }

    start = mcp_arena_alloc(w->arena, capacity);
    if (start == NULL) {
        w->failed = true;
        return NULL;
    }

    if (w->length != 0) {
        memcpy(start, w->start, w->length);
    }

    w->start = start;
    w->capacity = capacity;

    return start + w->length;
}


static void
mcp_write(mcp_writer_t *w, mcp_str_t s)
{
    uint8_t  *dst;

    if (s.len == 0) {
        return;
    }

    dst = mcp_writer_reserve(w, s.len);

    if (dst != NULL) {
        memcpy(dst, s.data, s.len);
        w->length += s.len;
    }
}


static void
mcp_write_number(mcp_writer_t *w, bool negative, uint64_t value)
{
    uint8_t  buf[21], *p;

    p = buf + sizeof(buf);

    do {
        *--p = (uint8_t) ('0' + value % 10);
        value /= 10;
    } while (value != 0);

    if (negative) {
        *--p = '-';
    }

    mcp_write(w, (mcp_str_t) { p, (size_t) (buf + sizeof(buf) - p) });
}


/* The inside of a string, cut between two characters. */

static void
mcp_write_escaped(mcp_writer_t *w, mcp_str_t s, size_t max)
{
    size_t    cut;
    uint8_t  *dst;

    if (s.len == 0) {
        return;
    }

    if (s.len > max) {
        for (cut = max; cut > max - 3; cut--) {
            if ((s.data[cut] & 0xc0) != 0x80) {
                break;
            }
        }

        s.len = cut;
    }

    dst = mcp_writer_reserve(w, s.len * MCP_JSON_ESCAPE_MAX);

    if (dst != NULL) {
        w->length += (size_t) (mcp_json_escape(dst, s) - dst);
    }
}
