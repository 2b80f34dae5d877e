/* Approvals: asked for, decided, used once, given back, wiped. */

#include "approval_model.h"


#define MEGABYTE  (1024 * 1024)
#define NO_ARGUMENTS  tap_str("")


static uint64_t               space[MEGABYTE / 8];
static uint8_t                buffer[mcp_approval_view_size(65536)];
static mcp_approvals_t       *table;
static mcp_approval_limits_t  limits = { 16, 16384 };
static mcp_approval_view_t    view;


static void
empty(size_t size)
{
    limits.per_grant = 16;
    limits.arguments = 16384;

    if (mcp_approvals_init(space, size, &table) != MCP_OK) {
        abort();
    }
}


static mcp_rc_t
take(mcp_approval_ask_t *ask, uint64_t now_ms)
{
    uint32_t  failed;

    return mcp_approvals_take(table, &limits, ask, 1, now_ms, &failed);
}


static mcp_rc_t
decide(const mcp_approval_ask_t *ask, mcp_approval_state_t decision,
    uint64_t now_ms)
{
    mcp_approval_state_t  state;

    return mcp_approvals_decide(table, ask->id, decision, tap_str("ann"),
                                tap_str("as agreed"), now_ms, &state);
}


static uint64_t
pending(uint64_t now_ms)
{
    mcp_approval_stats_t  stats;

    mcp_approvals_stats(table, now_ms, &stats);

    return stats.pending;
}


static void
test_memory(void)
{
    mcp_approvals_t  *again;

    ok(mcp_approvals_init(space, 1000, &table) == MCP_ERROR, "too small");
    ok(mcp_approvals_init((uint8_t *) space + 4, MEGABYTE - 8, &table)
       == MCP_ERROR, "not aligned");

    memset(space, 0, sizeof(space));
    ok(mcp_approvals_check(space, MEGABYTE, &table) == MCP_ERROR,
       "zeros are no table");

    empty(MEGABYTE);
    ok(mcp_approvals_check(space, MEGABYTE, &again) == MCP_OK
       && again == table, "a table is found again");
    ok(mcp_approvals_check(space, MEGABYTE / 2, &again) == MCP_ERROR,
       "not in another size");

    table->version++;
    ok(mcp_approvals_check(space, MEGABYTE, &again) == MCP_ERROR,
       "not of another version");
}


static void
test_life(void)
{
    mcp_rc_t              rc;
    mcp_approval_ask_t    ask, same;
    mcp_approval_state_t  state;

    empty(MEGABYTE);
    ask_for(&ask, 1, 1, tap_str("{\"amount\":900}"));

    ok(take(&ask, AT) == MCP_NO && ask.state == MCP_APPROVAL_PENDING
       && ask.created && ask.expires_ms == AT + 10 * MINUTE
       && memcmp(ask.id, ask.new_id, MCP_APPROVAL_ID) == 0,
       "the first ask makes a pending record");

    ask_for(&same, 1, 1, tap_str("{\"amount\":900}"));
    ok(take(&same, AT + 1) == MCP_NO && !same.created
       && memcmp(same.id, ask.id, MCP_APPROVAL_ID) == 0,
       "an equal one shares it");

    rc = mcp_approvals_show(table, ask.id, AT + 1, 100, buffer, &view);
    ok(rc == MCP_OK && view.state == MCP_APPROVAL_PENDING && view.asked == 2
       && view.created_ms == AT && view.decided_ms == 0
       && view.expires_ms == AT + 10 * MINUTE
       && view.grant[0] == ask.grant[0]
       && memcmp(view.mac, ask.mac, MCP_APPROVAL_MAC) == 0, "it is shown");
    is_str(view.policy, "crm", "with its policy");
    is_str(view.rule, "large refund", "its rule");
    is_str(view.tool, "refund_create", "its tool");
    is_str(view.arguments, "{\"amount\":900}", "its arguments");
    ok(view.by.len == 0 && view.reason.len == 0 && view.arguments_length == 14,
       "and nobody's word");

    ok(mcp_approvals_state(table, ask.id, AT + 2) == MCP_APPROVAL_PENDING,
       "its state is pending");

    ok(decide(&ask, MCP_APPROVAL_USED, AT + 2) == MCP_ERROR,
       "a human cannot use it");
    ok(decide(&ask, MCP_APPROVAL_APPROVED, AT + MINUTE) == MCP_OK
       && mcp_approvals_state(table, ask.id, AT + MINUTE)
          == MCP_APPROVAL_APPROVED, "a human approves");
    rc = mcp_approvals_decide(table, ask.id, MCP_APPROVAL_DENIED,
                              tap_str("bob"), tap_str("no"), AT + MINUTE,
                              &state);
    ok(rc == MCP_ERROR && state == MCP_APPROVAL_APPROVED, "once");

    (void) mcp_approvals_show(table, ask.id, AT + MINUTE, 100, buffer, &view);
    ok(view.decided_ms == AT + MINUTE && view.expires_ms == AT + 11 * MINUTE
       && view.arguments.len == 0,
       "it lives for its ttl from then, without arguments");
    is_str(view.by, "ann", "who did it is shown");
    is_str(view.reason, "as agreed", "and why");

    ask_for(&same, 1, 1, NO_ARGUMENTS);
    same.mac[5] ^= 1;
    ok(take(&same, AT + MINUTE) == MCP_NO && same.created,
       "other arguments are another call");
    ask_for(&same, 1, 1, NO_ARGUMENTS);
    same.grant[1] ^= 1;
    ok(take(&same, AT + MINUTE) == MCP_NO && same.created,
       "and so is another grant");

    ok(take(&ask, AT + 2 * MINUTE) == MCP_OK
       && ask.state == MCP_APPROVAL_USED, "the call passes");

    same = ask;
    same.new_id[0]++;
    ok(take(&same, AT + 2 * MINUTE) == MCP_NO && same.created,
       "a second one does not, and asks anew");

    mcp_approvals_give_back(table, &ask, 1, AT + 3 * MINUTE);
    ok(mcp_approvals_state(table, ask.id, AT + 3 * MINUTE)
       == MCP_APPROVAL_APPROVED, "it is given back");
    ok(mcp_approvals_state(table, same.id, AT + 3 * MINUTE)
       == MCP_APPROVAL_NONE, "and nobody need be asked again");

    same.new_id[1]++;
    ok(take(&same, AT + 3 * MINUTE) == MCP_OK, "so that one passes");
    mcp_approvals_give_back(table, &ask, 1, AT + 3 * MINUTE);
    ok(mcp_approvals_state(table, ask.id, AT + 3 * MINUTE)
       == MCP_APPROVAL_USED, "whoever gave it back cannot do so for another");
    mcp_approvals_give_back(table, &same, 1, AT + 11 * MINUTE);
    ok(mcp_approvals_state(table, ask.id, AT + 11 * MINUTE)
       == MCP_APPROVAL_NONE, "nor when it has expired");
    ok(take(&ask, AT + 11 * MINUTE) == MCP_NO && ask.created,
       "then the call asks again");
}


static void
test_denied(void)
{
    mcp_approval_ask_t    ask, same;
    mcp_approval_state_t  state;

    empty(MEGABYTE);
    ask_for(&ask, 1, 1, NO_ARGUMENTS);
    (void) take(&ask, AT);

    ok(mcp_approvals_decide(table, ask.id, MCP_APPROVAL_DENIED,
                            tap_str("bob"), tap_str("not on Sundays"),
                            AT + MINUTE, &state)
       == MCP_OK && state == MCP_APPROVAL_DENIED, "a human refuses");

    ask_for(&same, 1, 1, NO_ARGUMENTS);
    ok(take(&same, AT + 9 * MINUTE) == MCP_NO
       && same.state == MCP_APPROVAL_DENIED && !same.created,
       "the call is refused until it would have expired");
    is_str(same.reason, "not on Sundays", "with the human's words");
    ok(take(&same, AT + 10 * MINUTE) == MCP_NO && same.created,
       "then it asks again");

    /* A later no stands. */

    (void) decide(&same, MCP_APPROVAL_APPROVED, AT + 11 * MINUTE);
    ok(take(&same, AT + 11 * MINUTE) == MCP_OK, "it was approved and used");
    ask_for(&ask, 1, 1, NO_ARGUMENTS);
    (void) take(&ask, AT + 12 * MINUTE);
    (void) decide(&ask, MCP_APPROVAL_DENIED, AT + 12 * MINUTE);
    mcp_approvals_give_back(table, &same, 1, AT + 12 * MINUTE);
    ask_for(&ask, 1, 1, NO_ARGUMENTS);
    ok(take(&ask, AT + 12 * MINUTE) == MCP_NO
       && ask.state == MCP_APPROVAL_DENIED,
       "what is given back does not undo a later no");
}


static void
test_together(void)
{
    uint32_t            failed;
    mcp_approval_ask_t  asks[3];

    empty(MEGABYTE);

    ask_for(&asks[0], 1, 1, NO_ARGUMENTS);
    ask_for(&asks[1], 2, 1, NO_ARGUMENTS);
    ask_for(&asks[2], 3, 1, NO_ARGUMENTS);

    ok(mcp_approvals_take(table, &limits, asks, 3, AT, &failed) == MCP_NO
       && failed == 0 && pending(AT) == 3, "three asks, three records");

    (void) decide(&asks[0], MCP_APPROVAL_APPROVED, AT);
    (void) decide(&asks[2], MCP_APPROVAL_APPROVED, AT);

    ok(mcp_approvals_take(table, &limits, asks, 3, AT, &failed) == MCP_NO
       && failed == 1 && asks[0].state == MCP_APPROVAL_APPROVED
       && asks[2].state == MCP_APPROVAL_APPROVED,
       "none is used while one is missing");

    (void) decide(&asks[1], MCP_APPROVAL_APPROVED, AT);
    ok(mcp_approvals_take(table, &limits, asks, 3, AT, &failed) == MCP_OK
       && failed == 3, "then all are");
    mcp_approvals_give_back(table, asks, 3, AT);
    ok(mcp_approvals_take(table, &limits, asks, 3, AT, &failed) == MCP_OK,
       "and come back together");

    /* Equal ones. */

    empty(MEGABYTE);
    ask_for(&asks[0], 1, 1, NO_ARGUMENTS);
    ask_for(&asks[1], 1, 1, NO_ARGUMENTS);
    ok(mcp_approvals_take(table, &limits, asks, 2, AT, &failed) == MCP_NO
       && pending(AT) == 1 && !asks[1].created, "equal asks share a record");
    (void) decide(&asks[0], MCP_APPROVAL_APPROVED, AT);
    ok(mcp_approvals_take(table, &limits, asks, 2, AT, &failed) == MCP_NO
       && failed == 1 && asks[1].created, "but not an approval");
    (void) decide(&asks[1], MCP_APPROVAL_APPROVED, AT);
    ok(mcp_approvals_take(table, &limits, asks, 2, AT, &failed) == MCP_OK,
       "two approvals do for both");

    /* No room for one is none for all. */

    empty(MEGABYTE);
    limits.per_grant = 2;
    ask_for(&asks[0], 1, 1, NO_ARGUMENTS);
    ask_for(&asks[1], 2, 1, NO_ARGUMENTS);
    ask_for(&asks[2], 3, 1, NO_ARGUMENTS);
    ok(mcp_approvals_take(table, &limits, asks, 3, AT, &failed) == MCP_ERROR
       && failed == 2 && pending(AT) == 0
       && asks[0].state == MCP_APPROVAL_NONE && !asks[0].created,
       "nothing stays of asks that do not fit together");

    ask_for(&asks[0], 1, 1, NO_ARGUMENTS);
    ask_for(&asks[1], 2, 2, NO_ARGUMENTS);
    memcpy(asks[1].new_id, asks[0].new_id, MCP_APPROVAL_ID);
    ok(mcp_approvals_take(table, &limits, asks, 2, AT, &failed) == MCP_ERROR
       && pending(AT) == 0, "an id is given once");
    ok(mcp_approvals_take(table, &limits, asks, 0, AT, &failed) == MCP_OK,
       "no asks, no approvals");
}


int
main(void)
{
    test_memory();
    test_life();
    test_denied();
    test_together();

    return tap_done();
}
