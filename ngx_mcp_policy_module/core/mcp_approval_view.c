/* Records as people see them, and which of them somebody is to be told of. */

#include "mcp_approval_private.h"


static void mcp_approval_view(const mcp_approvals_t *approvals,
    const mcp_approval_record_t *record, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view);
static mcp_str_t mcp_approval_take_text(mcp_str_t *text, size_t length);


void
mcp_approvals_stats(const mcp_approvals_t *approvals, uint64_t now_ms,
    mcp_approval_stats_t *stats)
{
    uint32_t                      i;
    const mcp_approval_record_t  *record;

    now_ms = mcp_approvals_now(approvals, now_ms);

    memset(stats, 0, sizeof(mcp_approval_stats_t));

    stats->records = approvals->record_count;
    stats->created = approvals->created;
    stats->expired = approvals->expired;
    stats->used = approvals->used;
    stats->refused = approvals->refused;
    stats->changes = approvals->changes;

    for (i = 0; i < approvals->record_count; i++) {

        record = &approvals->records[i];

        if (!mcp_approval_live(record, now_ms)) {
            stats->expired += record->state == MCP_APPROVAL_PENDING;
            continue;
        }

        stats->pending += record->state == MCP_APPROVAL_PENDING;
        stats->approved += record->state == MCP_APPROVAL_APPROVED;
        stats->denied += record->state == MCP_APPROVAL_DENIED;
    }
}


mcp_rc_t
mcp_approvals_show(const mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t now_ms, size_t arguments,
    uint8_t *buffer, mcp_approval_view_t *view)
{
    const mcp_approval_record_t  *record;

    record = mcp_approvals_look(approvals, id,
                                mcp_approvals_now(approvals, now_ms));

    if (record == NULL) {
        return MCP_NO;
    }

    mcp_approval_view(approvals, record, arguments, buffer, view);

    return MCP_OK;
}


mcp_rc_t
mcp_approvals_next(const mcp_approvals_t *approvals, uint64_t now_ms,
    uint64_t slots, uint64_t *position, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view)
{
    const mcp_approval_record_t  *record;

    now_ms = mcp_approvals_now(approvals, now_ms);

    while (*position < approvals->record_count) {

        if (slots-- == 0) {
            return MCP_LATER;
        }

        record = &approvals->records[(*position)++];

        if (mcp_approval_live(record, now_ms)) {
            mcp_approval_view(approvals, record, arguments, buffer, view);
            return MCP_OK;
        }
    }

    return MCP_NO;
}


static void
mcp_approval_view(const mcp_approvals_t *approvals,
    const mcp_approval_record_t *record, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view)
{
    mcp_str_t  names, words;

    memset(view, 0, sizeof(mcp_approval_view_t));

    memcpy(view->id, record->id, MCP_APPROVAL_ID);
    memcpy(view->grant, record->grant, sizeof(view->grant));
    memcpy(view->mac, record->mac, MCP_APPROVAL_MAC);

    view->state = (mcp_approval_state_t) record->state;
    view->created_ms = record->created_ms;
    view->expires_ms = mcp_approval_expires(record);
    view->asked = record->asked < UINT32_MAX ? (uint32_t) record->asked
                                             : UINT32_MAX;
    view->arguments_length = record->arguments_length;

    names.data = buffer;
    names.len = mcp_approvals_read(approvals, &record->names, 0, buffer,
                                   3 * MCP_APPROVAL_NAME);
    buffer += names.len;

    view->policy = mcp_approval_take_text(&names, record->policy);
    view->rule = mcp_approval_take_text(&names, record->rule);
    view->tool = names;

    words.data = buffer;
    words.len = 0;
    view->arguments = words;

    if (record->state == MCP_APPROVAL_PENDING) {

        view->arguments.len = mcp_approvals_read(approvals,
                                                 &record->arguments, 0, buffer,
                                                 arguments);

        if (view->arguments.len < record->arguments.length) {
            view->arguments = mcp_approval_whole(view->arguments);
        }

    } else {
        view->decided_ms = record->decided_ms;
        words.len = mcp_approvals_read(approvals, &record->words, 0, buffer,
                                       MCP_APPROVAL_NAME
                                       + MCP_APPROVAL_REASON);
    }

    view->by = mcp_approval_take_text(&words, record->by);
    view->reason = words;
}


static mcp_str_t
mcp_approval_take_text(mcp_str_t *text, size_t length)
{
    mcp_str_t  taken;

    taken.data = text->data;
    taken.len = length < text->len ? length : text->len;

    text->data += taken.len;
    text->len -= taken.len;

    return taken;
}


mcp_rc_t
mcp_approvals_notify_next(mcp_approvals_t *approvals, uint64_t now_ms,
    uint64_t lease_ms, uint32_t *tries, size_t arguments, uint8_t *buffer,
    mcp_approval_view_t *view)
{
    uint32_t                n, hand;
    uint64_t                next_ms;
    mcp_approval_record_t  *record;

    now_ms = mcp_approvals_begin(approvals, now_ms);

    if (now_ms < approvals->notify_ms) {
        return MCP_NO;
    }

    next_ms = MCP_APPROVAL_TOLD;
    hand = approvals->notify_hand;

    for (n = 0; n < approvals->record_count; n++) {

        hand = hand + 1 < approvals->record_count ? hand + 1 : 0;
        record = &approvals->records[hand];

        if (record->state != MCP_APPROVAL_PENDING
            || !mcp_approval_live(record, now_ms))
        {
            continue;
        }

        if (record->notify_ms <= now_ms) {
            *tries = (uint32_t) record->notify_tries;

            mcp_approval_count(&record->notify_tries);
            mcp_store_uint64(&record->notify_ms,
                             mcp_approval_after(now_ms, lease_ms));
            mcp_approval_store(&approvals->notify_hand, hand);

            mcp_approval_view(approvals, record, arguments, buffer, view);

            return MCP_OK;
        }

        if (record->notify_ms < next_ms) {
            next_ms = record->notify_ms;
        }
    }

    mcp_store_uint64(&approvals->notify_ms, next_ms);

    return MCP_NO;
}


void
mcp_approvals_notify_done(mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID])
{
    mcp_approvals_notify_again(approvals, id, MCP_APPROVAL_TOLD);
}


void
mcp_approvals_notify_again(mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t due_ms)
{
    uint64_t                now_ms;
    mcp_approval_record_t  *record;

    now_ms = mcp_approvals_begin(approvals, 0);
    record = mcp_approvals_find(approvals, id, now_ms);

    if (record == NULL) {
        return;
    }

    if (due_ms < approvals->notify_ms) {
        mcp_store_uint64(&approvals->notify_ms, due_ms);
    }

    mcp_store_uint64(&record->notify_ms, due_ms);
}
