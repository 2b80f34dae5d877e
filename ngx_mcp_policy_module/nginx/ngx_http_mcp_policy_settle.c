/*
 * Settlement: what becomes of the charges of an allowed request.  They stand
 * unless it is certain that the call came to nothing: no server was reached,
 * every one that was answered 5xx, or the answer says so.  Answers are only
 * looked at, and charges given back before the bytes that tell are passed on.
 *
 * An approval is for one try: it is given back only if no server was reached,
 * whatever mcp_refund says, because one that failed may have acted before.
 */

#include "ngx_http_mcp_policy_approval.h"

#include "mcp_event_stream.h"
#include "mcp_outcome.h"


/* What the text that is being read says of a call. */
typedef enum {
    NGX_HTTP_MCP_POLICY_UNSAID = 0,
    NGX_HTTP_MCP_POLICY_FAILED,
    NGX_HTTP_MCP_POLICY_DONE
} ngx_http_mcp_policy_said_e;


/* How far the request came. */
typedef enum {
    NGX_HTTP_MCP_POLICY_NOWHERE = 0,   /* no upstream was asked for */
    NGX_HTTP_MCP_POLICY_UNSENT,        /* nothing was sent to any */
    NGX_HTTP_MCP_POLICY_REFUSED,       /* all failed or answered 5xx */
    NGX_HTTP_MCP_POLICY_ACCEPTED       /* one answered, or nobody knows */
} ngx_http_mcp_policy_reach_e;


/* A message that was charged. */
typedef struct {
    mcp_outcome_id_t                   id;
    uint32_t                           first;     /* of its charges */
    uint32_t                           count;
    ngx_http_mcp_policy_said_e         said;
    unsigned                           settled:1;
} ngx_http_mcp_policy_call_t;


struct ngx_http_mcp_policy_settlement_s {
    ngx_http_mcp_policy_settlement_t  *next;      /* of another policy, before
                                                     an internal redirect */
    ngx_http_request_t                *request;
    ngx_http_mcp_policy_ctx_t         *ctx;       /* whose decision it was */
    mcp_store_t                        store;
    mcp_charge_t                      *charges;
    ngx_http_mcp_policy_call_t        *calls;
    ngx_uint_t                         count;
    ngx_uint_t                         waiting;   /* calls that an answer can
                                                     still settle */
    mcp_outcome_t                     *outcome;   /* NULL: nothing is read */
    mcp_event_stream_t                *events;    /* NULL: one JSON text */
    unsigned                           tool_errors:1;
    unsigned                           elsewhere:1;  /* the answer comes on
                                                        another stream */
    unsigned                           bad_request:1;  /* by its status */
    unsigned                           answered:1;
};


static ngx_int_t ngx_http_mcp_policy_settle_charged(ngx_http_request_t *r,
    ngx_http_mcp_policy_settlement_t *settlement, const mcp_body_t *body);
static ngx_uint_t ngx_http_mcp_policy_settle_calls(ngx_http_mcp_policy_ctx_t
    *ctx, ngx_http_mcp_policy_call_t *calls);
static ngx_int_t ngx_http_mcp_policy_settle_ids(ngx_http_request_t *r,
    ngx_http_mcp_policy_settlement_t *settlement, const mcp_body_t *body);
static ngx_http_mcp_policy_reach_e ngx_http_mcp_policy_settle_reach(
    ngx_http_request_t *r);
static void ngx_http_mcp_policy_settle_start(ngx_http_request_t *r,
    ngx_http_mcp_policy_settlement_t *settlement);
static void ngx_http_mcp_policy_settle_read(
    ngx_http_mcp_policy_settlement_t *settlement, mcp_str_t piece);
static void ngx_http_mcp_policy_settle_events(
    ngx_http_mcp_policy_settlement_t *settlement, mcp_str_t piece);
static void ngx_http_mcp_policy_settle_data(void *data, mcp_str_t piece);
static void ngx_http_mcp_policy_settle_message(
    ngx_http_mcp_policy_settlement_t *settlement);
static void ngx_http_mcp_policy_settle_said(
    ngx_http_mcp_policy_settlement_t *settlement, ngx_uint_t whole);
static void ngx_http_mcp_policy_settle_refund(
    ngx_http_mcp_policy_settlement_t *settlement,
    ngx_http_mcp_policy_call_t *call);
static void ngx_http_mcp_policy_settle_refund_all(
    ngx_http_mcp_policy_settlement_t *settlement);
static void ngx_http_mcp_policy_settle_give_back(
    ngx_http_mcp_policy_settlement_t *settlement);
static void ngx_http_mcp_policy_settle_cleanup(void *data);


/*
 * After a body was charged, or let through by approvals, while it is still at
 * hand.  NGX_ERROR: no memory, and the caller gives all that back.
 */

ngx_int_t
ngx_http_mcp_policy_settle_expect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body)
{
    ngx_uint_t                         refund;
    ngx_pool_cleanup_t                *cln;
    ngx_http_mcp_policy_loc_conf_t    *mlcf;
    ngx_http_mcp_policy_settlement_t  *settlement;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_policy_module);

    refund = (ctx->charge_count
              && mlcf->refund != NGX_HTTP_MCP_POLICY_REFUND_OFF);

    if (!refund && ctx->ask_count == 0) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool,
                               sizeof(ngx_http_mcp_policy_settlement_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    settlement = cln->data;
    ngx_memzero(settlement, sizeof(ngx_http_mcp_policy_settlement_t));

    settlement->next = ctx->settlement;
    settlement->request = r;
    settlement->ctx = ctx;
    settlement->charges = ctx->charges;
    settlement->tool_errors = (mlcf->refund
                               == NGX_HTTP_MCP_POLICY_REFUND_TOOL_ERROR);
    settlement->elsewhere = (mlcf->transport == MCP_TRANSPORT_SSE);

    ngx_http_mcp_policy_zone_store(ctx->policy->zone, &settlement->store);

    if (refund
        && ngx_http_mcp_policy_settle_charged(r, settlement, body) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_mcp_policy_settle_cleanup;

    ctx->settlement = settlement;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_policy_settle_charged(ngx_http_request_t *r,
    ngx_http_mcp_policy_settlement_t *settlement, const mcp_body_t *body)
{
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = settlement->ctx;

    settlement->count = ngx_http_mcp_policy_settle_calls(ctx, NULL);

    settlement->calls = ngx_pcalloc(r->pool, settlement->count
                                         * sizeof(ngx_http_mcp_policy_call_t));
    if (settlement->calls == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_mcp_policy_settle_calls(ctx, settlement->calls);

    return ngx_http_mcp_policy_settle_ids(r, settlement, body);
}


/* Groups the charges, which come in the order of the messages. */

static ngx_uint_t
ngx_http_mcp_policy_settle_calls(ngx_http_mcp_policy_ctx_t *ctx,
    ngx_http_mcp_policy_call_t *calls)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < ctx->charge_count; i++) {

        if (i == 0
            || ctx->charges[i].message != ctx->charges[i - 1].message)
        {
            n++;

            if (calls) {
                calls[n - 1].first = i;
            }
        }

        if (calls) {
            calls[n - 1].count++;
        }
    }

    return n;
}


static ngx_int_t
ngx_http_mcp_policy_settle_ids(ngx_http_request_t *r,
    ngx_http_mcp_policy_settlement_t *settlement, const mcp_body_t *body)
{
    u_char                      *p, buffer[MCP_OUTCOME_ID_MAX];
    ngx_uint_t                   i;
    const mcp_message_t         *message;
    ngx_http_mcp_policy_call_t  *call;

    for (i = 0; i < settlement->count; i++) {
        call = &settlement->calls[i];
        message = &body->messages[settlement->charges[call->first].message];

        if (message->id.len == 0) {
            continue;
        }

        mcp_outcome_id(message->id, buffer, &call->id);

        p = ngx_pnalloc(r->pool, call->id.text.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, buffer, call->id.text.len);
        call->id.text.data = p;

        settlement->waiting++;
    }

    return NGX_OK;
}


/* The request fails before anybody else has seen it. */

void
ngx_http_mcp_policy_settle_cancel(ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_http_mcp_policy_settlement_t  *settlement;

    settlement = ctx->settlement;

    if (settlement && settlement->ctx == ctx) {
        ngx_http_mcp_policy_settle_refund_all(settlement);
        ngx_http_mcp_policy_settle_give_back(settlement);
    }
}


/*
 * The answer begins: whoever makes it, it is the last that this request gets.
 */

void
ngx_http_mcp_policy_settle_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx)
{
    ngx_uint_t                         reading;
    ngx_http_mcp_policy_reach_e        reach;
    ngx_http_mcp_policy_settlement_t  *settlement;

    reading = 0;
    reach = ngx_http_mcp_policy_settle_reach(r);

    if (reach == NGX_HTTP_MCP_POLICY_NOWHERE
        && !ctx->own_reply
        && r->headers_out.status < NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        /* a content handler without an upstream is the server */
        reach = NGX_HTTP_MCP_POLICY_ACCEPTED;
    }

    for (settlement = ctx->settlement; settlement;
         settlement = settlement->next)
    {
        settlement->answered = 1;
        settlement->outcome = NULL;
        settlement->events = NULL;

        if (reach == NGX_HTTP_MCP_POLICY_UNSENT
            || (reach == NGX_HTTP_MCP_POLICY_NOWHERE
                && (ctx->own_reply || r->upstream)))
        {
            ngx_http_mcp_policy_settle_give_back(settlement);
        }

        if (reach != NGX_HTTP_MCP_POLICY_ACCEPTED) {
            ngx_http_mcp_policy_settle_refund_all(settlement);

        } else if (!ctx->own_reply) {
            ngx_http_mcp_policy_settle_start(r, settlement);
        }

        reading |= (settlement->outcome != NULL);
    }

    if (reading) {
        r->filter_need_in_memory = 1;

    } else {
        ctx->settlement = NULL;
    }
}


/*
 * By all attempts, those before an error_page included.  A timeout while an
 * answer was awaited is a 504, as for clients; one that nginx has no status
 * for came to nothing only if nothing had been sent.
 */

static ngx_http_mcp_policy_reach_e
ngx_http_mcp_policy_settle_reach(ngx_http_request_t *r)
{
    off_t                         sent;
    ngx_uint_t                    i;
    ngx_http_upstream_state_t    *state;
    ngx_http_mcp_policy_reach_e   reach;

    if (r->upstream_states == NULL) {
        return NGX_HTTP_MCP_POLICY_NOWHERE;
    }

    reach = NGX_HTTP_MCP_POLICY_UNSENT;
    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        sent = state[i].bytes_sent;

        /* of an attempt that goes on only its connection knows */

        if (r->upstream
            && r->upstream->state == &state[i]
            && r->upstream->peer.connection)
        {
            sent = r->upstream->peer.connection->sent;
        }

        if (state[i].status == 0 && sent == 0) {
            continue;
        }

        if (state[i].status < NGX_HTTP_INTERNAL_SERVER_ERROR) {
            return NGX_HTTP_MCP_POLICY_ACCEPTED;
        }

        if (sent) {
            reach = NGX_HTTP_MCP_POLICY_REFUSED;
        }
    }

    return reach;
}


/* Whether the answer is one to read, and how. */

static void
ngx_http_mcp_policy_settle_start(ngx_http_request_t *r,
    ngx_http_mcp_policy_settlement_t *settlement)
{
    ngx_uint_t      events;
    mcp_outcome_t  *outcome;

    if (settlement->count == 0
        || settlement->elsewhere
        || (r->upstream && r->upstream->cleanup == NULL)
        || (r->headers_out.content_encoding
            && r->headers_out.content_encoding->value.len))
    {
        /* of no charge; not here, of an error_page, a cache, or compressed */
        return;
    }

    events = ngx_http_mcp_policy_content_type_is(r, "text/event-stream",
                                            sizeof("text/event-stream") - 1);

    if (events) {
        if (settlement->waiting == 0) {
            return;
        }

        settlement->events = ngx_palloc(r->pool, sizeof(mcp_event_stream_t));
        if (settlement->events == NULL) {
            return;
        }

        mcp_event_stream_init(settlement->events, NULL, 0);

        settlement->events->take = ngx_http_mcp_policy_settle_data;
        settlement->events->take_data = settlement;

    } else if (!ngx_http_mcp_policy_content_type_is(r, "application/json",
                                              sizeof("application/json") - 1))
    {
        return;
    }

    outcome = ngx_palloc(r->pool, sizeof(mcp_outcome_t));
    if (outcome == NULL) {
        return;
    }

    mcp_outcome_init(outcome, settlement->tool_errors);

    settlement->bad_request = (r->headers_out.status
                               >= NGX_HTTP_BAD_REQUEST);
    settlement->outcome = outcome;
}


void
ngx_http_mcp_policy_settle_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in)
{
    mcp_str_t                          piece;
    ngx_chain_t                       *cl;
    ngx_uint_t                         reading;
    ngx_http_mcp_policy_settlement_t  *settlement;

    reading = 0;

    for (settlement = ctx->settlement; settlement;
         settlement = settlement->next)
    {
        for (cl = in; cl && settlement->outcome; cl = cl->next) {

            if (ngx_buf_in_memory(cl->buf)) {
                piece.data = cl->buf->pos;
                piece.len = cl->buf->last - cl->buf->pos;

                ngx_http_mcp_policy_settle_read(settlement, piece);
            }

            if (cl->buf->last_buf) {
                settlement->outcome = NULL;
            }
        }

        reading |= (settlement->outcome != NULL);
    }

    if (!reading) {
        ctx->settlement = NULL;
    }
}


static void
ngx_http_mcp_policy_settle_read(ngx_http_mcp_policy_settlement_t *settlement,
    mcp_str_t piece)
{
    mcp_outcome_event_t  event;

    if (settlement->events) {
        ngx_http_mcp_policy_settle_events(settlement, piece);
        return;
    }

    do {
        event = mcp_outcome_next(settlement->outcome, &piece);

        if (event == MCP_OUTCOME_MESSAGE) {
            ngx_http_mcp_policy_settle_message(settlement);
        }

    } while (event == MCP_OUTCOME_MESSAGE);

    if (event == MCP_OUTCOME_END) {
        ngx_http_mcp_policy_settle_said(settlement, 1);
    }

    if (mcp_outcome_over(settlement->outcome)) {
        settlement->outcome = NULL;
    }
}


static void
ngx_http_mcp_policy_settle_events(ngx_http_mcp_policy_settlement_t *settlement,
    mcp_str_t piece)
{
    ngx_uint_t           whole;
    mcp_event_stream_t  *events;

    events = settlement->events;

    for ( ;; ) {
        mcp_event_stream_skip(events, &piece, mcp_outcome_is_request);

        if (!mcp_event_stream_next(events, &piece)) {
            return;
        }

        whole = mcp_outcome_complete(settlement->outcome)
                && mcp_event_stream_type_is(events, mcp_str("message"));

        ngx_http_mcp_policy_settle_said(settlement, whole);

        if (settlement->waiting == 0) {
            settlement->outcome = NULL;
            return;
        }

        mcp_outcome_init(settlement->outcome, settlement->tool_errors);
    }
}


static void
ngx_http_mcp_policy_settle_data(void *data, mcp_str_t piece)
{
    ngx_http_mcp_policy_settlement_t *settlement = data;

    mcp_outcome_event_t  event;

    do {
        event = mcp_outcome_next(settlement->outcome, &piece);

        if (event == MCP_OUTCOME_MESSAGE) {
            ngx_http_mcp_policy_settle_message(settlement);
        }

    } while (event != MCP_OUTCOME_MORE);
}


/* Notes down what one message says; it counts when its text is whole. */

static void
ngx_http_mcp_policy_settle_message(
    ngx_http_mcp_policy_settlement_t *settlement)
{
    ngx_uint_t                    i, all, failed;
    mcp_outcome_t                *outcome;
    mcp_outcome_message_t        *message;
    ngx_http_mcp_policy_call_t   *call;

    outcome = settlement->outcome;
    message = &outcome->message;

    if (message->method) {
        return;
    }

    failed = mcp_outcome_failed(message, settlement->tool_errors);

    /*
     * A server that refuses a POST as a whole may have read no id, and then
     * gives none, or one of its own.
     */

    all = failed
          && message->error
          && settlement->events == NULL
          && outcome->level == 1
          && (settlement->bad_request
              || message->id.type == MCP_OUTCOME_ID_ABSENT
              || message->id.type == MCP_OUTCOME_ID_NULL);

    for (i = 0; i < settlement->count; i++) {
        call = &settlement->calls[i];

        if (all) {
            call->said = NGX_HTTP_MCP_POLICY_FAILED;
            continue;
        }

        if (!mcp_outcome_id_equal(&call->id, &message->id)) {
            continue;
        }

        /* two answers in one text: which of them counts is not known */

        call->said = (failed && call->said == NGX_HTTP_MCP_POLICY_UNSAID)
                     ? NGX_HTTP_MCP_POLICY_FAILED : NGX_HTTP_MCP_POLICY_DONE;
    }
}


/* A text is over: it counts if it was whole, and is forgotten otherwise. */

static void
ngx_http_mcp_policy_settle_said(ngx_http_mcp_policy_settlement_t *settlement,
    ngx_uint_t whole)
{
    ngx_uint_t                   i;
    ngx_http_mcp_policy_call_t  *call;

    for (i = 0; i < settlement->count; i++) {
        call = &settlement->calls[i];

        if (whole
            && call->said != NGX_HTTP_MCP_POLICY_UNSAID
            && !call->settled)
        {
            if (call->said == NGX_HTTP_MCP_POLICY_FAILED) {
                ngx_http_mcp_policy_settle_refund(settlement, call);
            }

            call->settled = 1;

            if (call->id.type != MCP_OUTCOME_ID_ABSENT) {
                settlement->waiting--;
            }
        }

        call->said = NGX_HTTP_MCP_POLICY_UNSAID;
    }
}


static void
ngx_http_mcp_policy_settle_refund(ngx_http_mcp_policy_settlement_t *settlement,
    ngx_http_mcp_policy_call_t *call)
{
    settlement->store.refund(settlement->store.data,
                             &settlement->charges[call->first], call->count,
                             ngx_http_mcp_policy_now());
}


static void
ngx_http_mcp_policy_settle_refund_all(
    ngx_http_mcp_policy_settlement_t *settlement)
{
    ngx_uint_t                   i;
    ngx_http_mcp_policy_call_t  *call;

    for (i = 0; i < settlement->count; i++) {
        call = &settlement->calls[i];

        if (!call->settled) {
            ngx_http_mcp_policy_settle_refund(settlement, call);
            call->settled = 1;
        }
    }
}


static void
ngx_http_mcp_policy_settle_give_back(
    ngx_http_mcp_policy_settlement_t *settlement)
{
    ngx_http_mcp_policy_ctx_t  *ctx;

    ctx = settlement->ctx;

    if (ctx->ask_count) {
        ngx_http_mcp_policy_approval_give_back(ctx->policy->zone->data,
                                               ctx->asks, ctx->ask_count);
        ctx->ask_count = 0;
    }
}


/*
 * Nobody was answered: the client has gone, or it was a subrequest, whose
 * answer is its parent's business.  The pool is gone, the request is not.
 */

static void
ngx_http_mcp_policy_settle_cleanup(void *data)
{
    ngx_http_mcp_policy_settlement_t *settlement = data;

    ngx_http_request_t           *r;
    ngx_http_mcp_policy_reach_e   reach;

    if (settlement->answered) {
        return;
    }

    r = settlement->request;
    reach = ngx_http_mcp_policy_settle_reach(r);

    /* what another content handler did before it was cut off is not known */

    if (r->upstream
        && (reach == NGX_HTTP_MCP_POLICY_NOWHERE
            || reach == NGX_HTTP_MCP_POLICY_UNSENT))
    {
        ngx_http_mcp_policy_settle_give_back(settlement);
    }

    if (r->upstream
        && (reach == NGX_HTTP_MCP_POLICY_NOWHERE
            || reach == NGX_HTTP_MCP_POLICY_UNSENT
            || (reach == NGX_HTTP_MCP_POLICY_REFUSED && r != r->main)))
    {
        ngx_http_mcp_policy_settle_refund_all(settlement);
    }
}
