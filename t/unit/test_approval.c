/* Approvals: asked for, decided, used once, given back, wiped. */

#include "approval_model.h"


#define MEGABYTE  (1024 * 1024)
#define NO_ARGUMENTS  tap_str("")


static uint64_t               space[MEGABYTE / 8];
static uint64_t               other[MEGABYTE / 8];
static uint8_t                snapshot[2 * MEGABYTE];
static model_t                model;
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


/* A flood: of one grant, of many, with long arguments. */
static void
test_limits(void)
{
    uint64_t              i, n;
    mcp_rc_t              rc;
    mcp_approval_ask_t    ask, first;
    mcp_approval_stats_t  stats;

    static char  longest[65536];

    empty(MEGABYTE);
    ask_for(&first, 0, 1, NO_ARGUMENTS);
    (void) take(&first, AT);

    for (i = 1; i < 100; i++) {
        ask_for(&ask, i, 1, NO_ARGUMENTS);
        rc = take(&ask, AT + i);

        if (rc != (i < 16 ? MCP_NO : MCP_ERROR)) {
            break;
        }
    }

    ok(i == 100 && pending(AT + 99) == 16, "a grant has so many pending");
    ok(ask.state == MCP_APPROVAL_NONE && !ask.created, "and then no more");
    ok(ask.crowded, "which is the grant's trouble");

    ask_for(&ask, 0, 1, NO_ARGUMENTS);
    ok(take(&ask, AT + 99) == MCP_NO && ask.state == MCP_APPROVAL_PENDING,
       "what it asked before goes on");
    ask_for(&ask, 0, 2, NO_ARGUMENTS);
    ok(take(&ask, AT + 99) == MCP_NO && ask.created, "as do other grants");

    (void) decide(&first, MCP_APPROVAL_DENIED, AT + 99);
    ask_for(&ask, 200, 1, NO_ARGUMENTS);
    ok(take(&ask, AT + 99) == MCP_NO && ask.created,
       "a decision makes room");
    ask_for(&ask, 201, 1, NO_ARGUMENTS);
    ok(take(&ask, AT + 10 * MINUTE) == MCP_ERROR, "for one");
    ok(take(&ask, AT + 10 * MINUTE + 1) == MCP_NO,
       "and so does what expires, at once");

    limits.per_grant = 100;
    ask_for(&ask, 202, 2, NO_ARGUMENTS);
    ok(take(&ask, AT + 99) == MCP_NO, "another limit counts anew");

    /* As many as there is room for. */

    empty(MEGABYTE);

    for (n = 0; n < 2000; n++) {
        ask_for(&ask, n, n / 10, tap_str("{\"amount\": 900}"));

        if (take(&ask, AT) != MCP_NO) {
            break;
        }
    }

    mcp_approvals_stats(table, AT, &stats);
    ok(n >= 1000 && n == stats.records && stats.pending == n
       && stats.refused == 1, "a megabyte has room for %d", (int) n);
    ok(!ask.crowded, "and no grant has too many");
    ask_for(&ask, 7, 0, NO_ARGUMENTS);
    ok(take(&ask, AT) == MCP_NO && !ask.created, "all of them are found");
    ask_for(&ask, 2000, 9, NO_ARGUMENTS);
    ok(take(&ask, AT + 10 * MINUTE) == MCP_NO && ask.created
       && pending(AT + 10 * MINUTE) == 1, "and give way when they expire");
    mcp_approvals_stats(table, AT, &stats);
    ok(stats.expired == n && stats.created == n + 1, "which is counted");

    for (i = 0; i < n / 256 + 1; i++) {
        (void) mcp_approvals_expire(table, AT + 10 * MINUTE);
    }

    mcp_approvals_stats(table, AT, &stats);
    ok(table->expired == n && stats.expired == n
       && !planted(space, MEGABYTE, "amount"), "all go, some at a time");

    /* Long ones do not take the room of short ones. */

    empty(MEGABYTE);
    limits.arguments = sizeof(longest);
    memset(longest, 'y', sizeof(longest));

    for (i = 0; i < 1000; i++) {
        ask_for(&ask, i, i, (mcp_str_t) { (uint8_t *) longest,
                                          sizeof(longest) });

        if (take(&ask, AT) != MCP_NO) {
            break;
        }
    }

    ok(!ask.crowded, "the longest soon have no room");
    ask_for(&ask, i, i, tap_str("{\"amount\": 900}"));
    ok(i > 4 && i < 10 && take(&ask, AT) == MCP_NO,
       "after %d of the longest there is room for others", (int) i);
}


static void
test_texts(void)
{
    size_t              i;
    char                name[600];
    uint8_t             bytes[1500];
    mcp_approval_ask_t  ask;

    static const char  euro[] = "\xe2\x82\xac";

    for (i = 0; i < sizeof(name); i++) {
        name[i] = euro[i % 3];
    }

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 7);
    }

    empty(MEGABYTE);
    limits.arguments = 1000;

    ask_for(&ask, 1, 1, (mcp_str_t) { bytes, sizeof(bytes) });
    ask.policy = (mcp_str_t) { (uint8_t *) name, sizeof(name) };
    ask.rule = (mcp_str_t) { bytes, 512 };
    ask.tool = (mcp_str_t) { (uint8_t *) name + 2, 598 };
    (void) take(&ask, AT);

    (void) mcp_approvals_show(table, ask.id, AT, 65536, buffer, &view);
    ok(view.policy.len == 510 && memcmp(view.policy.data, name, 510) == 0,
       "a long name ends with a whole character");
    ok(view.rule.len == 512 && memcmp(view.rule.data, bytes, 512) == 0,
       "a name may be any bytes");
    ok(view.tool.len == 511 && memcmp(view.tool.data, name + 2, 511) == 0,
       "wherever it begins");
    ok(view.arguments.len <= 1000 && view.arguments.len > 996
       && memcmp(view.arguments.data, bytes, view.arguments.len) == 0
       && view.arguments_length == 1500, "long arguments are cut");

    (void) mcp_approvals_show(table, ask.id, AT, 10, buffer, &view);
    ok(view.arguments.len == 10, "and shown as far as is asked for");
    (void) mcp_approvals_show(table, ask.id, AT, 0, buffer, &view);
    ok(view.arguments.len == 0, "or not at all");

    ok(mcp_approval_cut(tap_str("a\xf0\x9f\x98\x80z"), 4).len == 1
       && mcp_approval_cut(tap_str("a\xf0\x9f\x98\x80z"), 5).len == 5
       && mcp_approval_cut(tap_str("\x80\x80\x80\x80\x80"), 4).len == 4
       && mcp_approval_cut(tap_str("\xc3\xa4"), 1).len == 0
       && mcp_approval_cut(tap_str("ab"), 0).len == 0
       && mcp_approval_cut(tap_str(""), 0).len == 0, "cuts");

    for (i = 0; i < MCP_APPROVAL_USED; i++) {
        ok(mcp_approval_state_name((mcp_approval_state_t) i)[0] != '\0',
           "state %d has the name %s", (int) i,
           mcp_approval_state_name((mcp_approval_state_t) i));
    }
}


static void
test_wiped(void)
{
    mcp_approval_ask_t  ask;

    static const char  arguments[] = "{\"token\":\"" SECRET "\"}";

    empty(MEGABYTE);
    ask_for(&ask, 1, 1, tap_str(arguments));
    (void) take(&ask, AT);
    ok(planted(space, MEGABYTE, SECRET), "arguments are there while pending");

    (void) decide(&ask, MCP_APPROVAL_APPROVED, AT);
    ok(!planted(space, MEGABYTE, SECRET), "not when approved");

    ask_for(&ask, 2, 1, tap_str(arguments));
    (void) take(&ask, AT);
    (void) decide(&ask, MCP_APPROVAL_DENIED, AT);
    ok(!planted(space, MEGABYTE, SECRET), "nor denied");

    ask_for(&ask, 3, 1, tap_str(arguments));
    (void) take(&ask, AT);
    ok(planted(space, MEGABYTE, SECRET)
       && mcp_approvals_expire(table, AT + 9 * MINUTE) == AT + 10 * MINUTE,
       "it is known when one expires");
    ok(mcp_approvals_expire(table, AT + 10 * MINUTE) == 0
       && !planted(space, MEGABYTE, SECRET), "it is gone when that is over");

    limits.per_grant = 0;
    ask_for(&ask, 4, 1, tap_str(arguments));
    ok(take(&ask, AT) == MCP_ERROR && !planted(space, MEGABYTE, SECRET),
       "what is refused leaves nothing");
}


static void
test_clock(void)
{
    mcp_approval_ask_t  ask;

    empty(MEGABYTE);
    ask_for(&ask, 1, 1, NO_ARGUMENTS);
    (void) take(&ask, AT);
    (void) decide(&ask, MCP_APPROVAL_APPROVED, AT + MINUTE);

    (void) mcp_approvals_expire(table, AT + 11 * MINUTE);
    ok(mcp_approvals_state(table, ask.id, AT) == MCP_APPROVAL_NONE
       && take(&ask, AT) == MCP_NO && ask.created,
       "a clock that goes back does not bring back what has expired");
    ok(ask.expires_ms == AT + 21 * MINUTE, "and goes on from the latest time");

    ask_for(&ask, 2, 1, NO_ARGUMENTS);
    ask.ttl_ms = UINT64_MAX;
    ok(take(&ask, AT) == MCP_NO && ask.expires_ms == UINT64_MAX - 1,
       "a ttl has an end");
    ask_for(&ask, 3, 1, NO_ARGUMENTS);
    ask.ttl_ms = 0;
    ok(take(&ask, AT) == MCP_NO
       && ask.expires_ms == AT + 11 * MINUTE + MCP_APPROVAL_TTL_MS,
       "and one when nobody says it");
}


static void
test_notify(void)
{
    uint32_t             i, tries, told;
    mcp_approval_ask_t   asks[3];
    mcp_approval_view_t  again;

    static const uint8_t  unknown[MCP_APPROVAL_ID];

    empty(MEGABYTE);

    ok(mcp_approvals_notify_next(table, AT, 1000, &tries, 100, buffer, &view)
       == MCP_NO, "nobody is to be told of nothing");

    for (i = 0; i < 3; i++) {
        ask_for(&asks[i], i, 1, tap_str("{}"));
        (void) take(&asks[i], AT);
    }

    told = 0;

    while (mcp_approvals_notify_next(table, AT, 1000, &tries, 100, buffer,
                                     &view)
           == MCP_OK)
    {
        told += tries == 0 && view.arguments.len == 2;
    }

    ok(told == 3, "of each pending one once");
    ok(mcp_approvals_notify_next(table, AT + 999, 1000, &tries, 100, buffer,
                                 &view)
       == MCP_NO, "no more while somebody is at it");

    mcp_approvals_notify_done(table, asks[0].id);
    mcp_approvals_notify_again(table, asks[1].id, AT + 500);
    ok(mcp_approvals_notify_next(table, AT + 999, 1000, &tries, 100, buffer,
                                 &view)
       == MCP_OK && tries == 1
       && memcmp(view.id, asks[1].id, MCP_APPROVAL_ID) == 0,
       "again when it is due");
    ok(mcp_approvals_notify_next(table, AT + 1000, 1000, &tries, 100, buffer,
                                 &again)
       == MCP_OK && memcmp(again.id, asks[2].id, MCP_APPROVAL_ID) == 0,
       "and when the lease is over");

    (void) decide(&asks[2], MCP_APPROVAL_APPROVED, AT + 1000);
    mcp_approvals_notify_done(table, asks[1].id);
    ok(mcp_approvals_notify_next(table, AT + 9000, 1000, &tries, 100, buffer,
                                 &view)
       == MCP_NO, "not of what is done or decided");

    mcp_approvals_notify_done(table, unknown);
    ok(pending(AT + 9000) == 2, "one that is not there does not matter");
}


static void
test_list(void)
{
    uint64_t            i, position, found, later;
    mcp_rc_t            rc;
    mcp_approval_ask_t  ask;

    empty(MEGABYTE);

    for (i = 0; i < 50; i++) {
        ask_for(&ask, i, i, NO_ARGUMENTS);
        (void) take(&ask, AT + i);
    }

    position = 0;
    found = 0;
    later = 0;

    while ((rc = mcp_approvals_next(table, AT + 50, 64, &position, 0, buffer,
                                    &view))
           != MCP_NO)
    {
        found += rc == MCP_OK;
        later += rc == MCP_LATER;
    }

    ok(found == 50 && later > 10, "a list in steps");

    position = 0;
    ok(mcp_approvals_next(table, AT + 10 * MINUTE + 60, UINT64_MAX, &position,
                          0, buffer, &view)
       == MCP_NO, "nothing that has expired is in it");
    ok(mcp_approvals_show(table, ask.id, AT + 10 * MINUTE + 60, 0, buffer,
                          &view)
       == MCP_NO, "or shown");
}


static void
test_snapshot(void)
{
    size_t              i, length, bad;
    mcp_error_t         error;
    mcp_approvals_t    *to;
    mcp_approval_ask_t  asks[4], ask;

    empty(MEGABYTE);

    for (i = 0; i < 4; i++) {
        ask_for(&asks[i], i, 1, tap_str("{\"token\":\"" SECRET "\"}"));
        (void) take(&asks[i], AT);
    }

    (void) decide(&asks[1], MCP_APPROVAL_APPROVED, AT + MINUTE);
    (void) decide(&asks[2], MCP_APPROVAL_DENIED, AT + MINUTE);
    (void) decide(&asks[3], MCP_APPROVAL_APPROVED, AT + MINUTE);
    (void) take(&asks[3], AT + MINUTE);

    length = mcp_approvals_encode(table, AT + MINUTE, snapshot);
    ok(length <= mcp_approvals_encode_size(table), "a snapshot");
    ok(!planted(snapshot, length, SECRET), "has no arguments");
    ok(planted(snapshot, length, "refund_create")
       && planted(snapshot, length, "as agreed"), "but names and words");

    (void) mcp_approvals_init(other, MEGABYTE, &to);
    ok(mcp_approvals_decode(to, AT + MINUTE, true, snapshot, length, &error)
       == MCP_OK
       && mcp_approvals_state(to, asks[0].id, AT) == MCP_APPROVAL_PENDING
       && mcp_approvals_state(to, asks[1].id, AT) == MCP_APPROVAL_APPROVED
       && mcp_approvals_state(to, asks[2].id, AT) == MCP_APPROVAL_DENIED
       && mcp_approvals_state(to, asks[3].id, AT) == MCP_APPROVAL_USED,
       "after a clean stop all is as it was");
    (void) mcp_approvals_show(to, asks[0].id, AT, 100, buffer, &view);
    ok(view.arguments.len == 0 && view.arguments_length > 0,
       "but for the arguments");
    is_str(view.tool, "refund_create", "the name is there");

    (void) mcp_approvals_decode(to, AT + MINUTE, false, snapshot, length,
                                &error);
    ok(mcp_approvals_state(to, asks[0].id, AT) == MCP_APPROVAL_PENDING
       && mcp_approvals_state(to, asks[1].id, AT) == MCP_APPROVAL_PENDING
       && mcp_approvals_state(to, asks[2].id, AT) == MCP_APPROVAL_DENIED
       && mcp_approvals_state(to, asks[3].id, AT) == MCP_APPROVAL_NONE,
       "after another one an approval must be given again");
    (void) mcp_approvals_show(to, asks[1].id, AT, 100, buffer, &view);
    ok(view.expires_ms == AT + 11 * MINUTE && view.by.len == 0
       && view.decided_ms == 0, "until it would have expired");

    table = to;
    ask_for(&ask, 1, 1, tap_str("{\"token\":\"" SECRET "\"}"));
    (void) take(&ask, AT + 2 * MINUTE);
    (void) mcp_approvals_show(to, asks[1].id, AT, 100, buffer, &view);
    ok(memcmp(ask.id, asks[1].id, MCP_APPROVAL_ID) == 0
       && view.arguments.len > 0, "the same call brings its arguments again");

    bad = 0;

    for (i = 0; i < length; i++) {
        snapshot[i] ^= 0x10;
        bad += mcp_approvals_decode(to, AT, true, snapshot, length, &error)
               != MCP_ERROR || pending(AT) != 0;
        snapshot[i] ^= 0x10;
        bad += mcp_approvals_decode(to, AT, true, snapshot, i, &error)
               != MCP_ERROR;
    }

    ok(bad == 0, "damage is seen, wherever it is");

    /* A table that is too small. */

    empty(MEGABYTE);

    for (i = 0; i < 100; i++) {
        ask_for(&ask, i, i, NO_ARGUMENTS);
        (void) take(&ask, AT);
    }

    length = mcp_approvals_encode(table, AT, snapshot);
    (void) mcp_approvals_init(other, 65536, &to);
    ok(mcp_approvals_decode(to, AT, true, snapshot, length, &error)
       == MCP_NOMEM, "too many");
    ok(mcp_approvals_copy(table, to, AT) == MCP_NOMEM,
       "also for a zone that becomes smaller");
    table = to;
    ok(pending(AT) == 78, "what fits is there, %d", (int) pending(AT));
}


static void
test_copy(void)
{
    mcp_approvals_t    *to;
    mcp_approval_ask_t  ask, same;

    char  arguments[1000];

    memset(arguments, 'z', sizeof(arguments));
    memcpy(arguments + 500, SECRET, strlen(SECRET));

    empty(MEGABYTE);
    ask_for(&ask, 1, 1, (mcp_str_t) { (uint8_t *) arguments, 1000 });
    (void) take(&ask, AT);
    ask_for(&same, 2, 1, NO_ARGUMENTS);
    (void) take(&same, AT);
    (void) decide(&same, MCP_APPROVAL_DENIED, AT);

    (void) mcp_approvals_init(other, MEGABYTE / 2, &to);
    ok(mcp_approvals_copy(table, to, AT) == MCP_OK, "a zone of another size");
    table = to;
    (void) mcp_approvals_show(table, ask.id, AT, 1000, buffer, &view);
    ok(view.arguments.len == 1000
       && memcmp(view.arguments.data, arguments, 1000) == 0,
       "takes the arguments, too");
    (void) mcp_approvals_show(table, same.id, AT, 1000, buffer, &view);
    is_str(view.reason, "as agreed", "and what was said");
}


static void
test_random(void)
{
    int               i, n;
    uint64_t          bad, passed, refused;
    mcp_approvals_t  *first;

    bad = 0;
    passed = 0;
    refused = 0;

    for (n = 1; n <= 24; n++) {

        seed = (uint64_t) n * UINT64_C(0x9e3779b97f4a7c15);
        (void) mcp_approvals_init(space, MEGABYTE / 4, &first);
        model_init(&model, first, n % 3 == 0 ? 100 : 4);

        for (i = 0; i < 2000; i++) {
            model_step(&model);
            model_compare(&model);

            if (draw(50) == 0) {
                model_move(&model,
                           model.table == (void *) space ? other : space,
                           (2 + draw(3)) * MEGABYTE / 8, snapshot);
                model_compare(&model);
            }
        }

        bad += model.bad;
        passed += model.passed;
        refused += model.refused;
    }

    ok(bad == 0 && passed > 1000 && refused > 100,
       "random lives: %d passed, %d refused, %d were wrong", (int) passed,
       (int) refused, (int) bad);
}


int
main(void)
{
    test_memory();
    test_life();
    test_denied();
    test_together();
    test_limits();
    test_texts();
    test_wiped();
    test_clock();
    test_notify();
    test_list();
    test_snapshot();
    test_copy();
    test_random();

    return tap_done();
}
