/* The table against the model, at its limits, and its snapshots. */

#include "table_model.h"


#define SPACE   (sizeof(mcp_table_t) + 5000 * sizeof(mcp_table_entry_t))
#define TABLE(slots)                                                          \
    (sizeof(mcp_table_t) + (slots) * sizeof(mcp_table_entry_t))

static const uint64_t  hash_key[2] = { 1, 2 };

static uint64_t  space[SPACE / 8];
static uint64_t  other_space[SPACE / 8];
static uint8_t   buffer[SPACE];
static model_t   model;


static mcp_table_t *
make(uint64_t slots)
{
    mcp_table_t  *table;

    return mcp_table_init(space, TABLE(slots), hash_key, &table) == MCP_OK
           ? table : NULL;
}


static mcp_rc_t
take(mcp_table_t *table, const mcp_limit_spec_t *spec, uint64_t key,
    uint64_t now_ms, int64_t cost, mcp_charge_t *charge)
{
    uint32_t  failed;

    memset(charge, 0, sizeof(mcp_charge_t));

    charge->spec = spec;
    charge->key[0] = key * UINT64_C(0x9e3779b97f4a7c15);
    charge->key[1] = key;
    charge->cost = cost;

    return mcp_table_reserve(table, charge, 1, now_ms, &failed);
}


static void
test_init(void)
{
    uint64_t           key[2];
    mcp_table_t       *table, *same;
    mcp_table_stats_t  stats;

    ok(mcp_table_init(space, TABLE(7), hash_key, &table) == MCP_ERROR
       && mcp_table_init(space, 10, hash_key, &table) == MCP_ERROR,
       "too little memory");
    ok(mcp_table_init((uint8_t *) space + 4, TABLE(9), hash_key, &table)
       == MCP_ERROR, "memory out of line");

    table = make(100);
    mcp_table_stats(table, &stats);
    mcp_table_hash_key(table, key);
    ok(stats.slots == 100 && stats.limit == 87 && stats.used == 0,
       "seven eighths may be used");
    ok(key[0] == 1 && key[1] == 2, "keeps the hash key");

    ok(mcp_table_check(space, TABLE(100), &same) == MCP_OK && same == table,
       "is found again");
    ok(mcp_table_check(space, TABLE(101), &same) == MCP_ERROR, "other size");
    ok(mcp_table_check(space, 20, &same) == MCP_ERROR, "tiny size");
    table->version++;
    ok(mcp_table_check(space, TABLE(100), &same) == MCP_ERROR, "version");
    table->version--;
    table->magic++;
    ok(mcp_table_check(space, TABLE(100), &same) == MCP_ERROR, "magic");
    table->magic--;
    table->slot_size = 128;
    ok(mcp_table_check(space, TABLE(100), &same) == MCP_ERROR, "slot size");
    table->slot_size = 64;
    table->used = 101;
    ok(mcp_table_check(space, TABLE(100), &same) == MCP_ERROR, "used");
    table->used = 0;
    table->hand = 100;
    ok(mcp_table_check(space, TABLE(100), &same) == MCP_ERROR, "hand");

    ok(mcp_table_init(space, mcp_table_size(1000), hash_key, &table) == MCP_OK
       && mcp_table_limit(table) >= 1000, "mcp_table_size has room");
    ok(mcp_table_size(UINT64_MAX) == SIZE_MAX, "a size beyond reason");
}


static void
test_full(void)
{
    int                i, bad;
    uint32_t           failed;
    uint64_t           position;
    mcp_table_t       *table;
    mcp_charge_t       charge, pair[2];
    mcp_limit_spec_t   spec = { MCP_ALGORITHM_FIXED, 1000, 2 * UNIT, 0 };
    mcp_table_entry_t  entry;
    mcp_table_stats_t  stats;

    table = make(64);

    for (i = 1, bad = 0; i <= 56; i++) {
        bad += take(table, &spec, (uint64_t) i, AT, UNIT, &charge) != MCP_OK;
    }

    ok(bad == 0, "56 of 64 slots are filled");
    ok(take(table, &spec, 57, AT, UNIT, &charge) == MCP_ERROR, "then full");
    ok(take(table, &spec, 57, AT, 0, &charge) == MCP_OK
       && charge.result.remaining == 2 * UNIT, "nothing costs no slot");

    mcp_table_stats(table, &stats);
    ok(stats.full == 1 && stats.used == 56 && stats.inserted == 56, "stats");

    for (i = 1, bad = 0; i <= 56; i++) {
        bad += take(table, &spec, (uint64_t) i, AT, UNIT, &charge) != MCP_OK;
        bad += take(table, &spec, (uint64_t) i, AT, UNIT, &charge) != MCP_NO;
    }

    ok(bad == 0, "no counter was lost to the flood");

    for (i = 1000, bad = 0; i < 3000; i++) {
        bad += take(table, &spec, (uint64_t) i, AT + 999, UNIT, &charge)
               != MCP_ERROR;
    }

    for (i = 1; i <= 56; i++) {
        bad += take(table, &spec, (uint64_t) i, AT, UNIT, &charge) != MCP_NO;
    }

    ok(bad == 0, "nor to a longer one");

    pair[0] = charge;
    pair[0].key[0] = UINT64_C(0x9e3779b97f4a7c15);
    pair[0].key[1] = 1;
    pair[1] = charge;
    pair[1].key[1] = 4711;
    ok(mcp_table_reserve(table, pair, 2, AT + 1, &failed) == MCP_ERROR
       && failed == 1, "the charge without a slot is named");
    ok(mcp_table_fits(table, pair, 2, AT + 1, &failed) == MCP_ERROR
       && failed == 1, "also without charging");

    position = 0;
    for (i = 0; mcp_table_next(table, AT, 64, &position, &entry) == MCP_OK;) {
        i++;
    }
    ok(i == 56, "iteration meets all");
    position = 0;
    ok(mcp_table_next(table, AT + 1000, 10, &position, &entry) == MCP_LATER
       && position == 10
       && mcp_table_next(table, AT + 1000, 100, &position, &entry) == MCP_NO,
       "iteration passes over what has expired");

    for (i = 3000, bad = 0; i < 3056; i++) {
        bad += take(table, &spec, (uint64_t) i, AT + 1000, UNIT, &charge)
               != MCP_OK;
    }

    ok(bad == 0, "expired counters make room for as many new ones");
    ok(take(table, &spec, 1, AT + 999, UNIT, &charge) != MCP_OK,
       "a clock that goes back does not find them forgotten");

    failed = 0;
    ok(mcp_table_reserve(table, pair, MCP_TABLE_CHARGES_MAX + 1, AT, &failed)
       == MCP_ERROR, "too many charges");
    ok(mcp_table_reserve(table, pair, 0, AT, &failed) == MCP_OK, "no charges");
}


/* Looked at with the clock gone back, a new counter begins where the
 * forgotten one had ended. */
static void
test_clock(void)
{
    int               i;
    mcp_table_t      *table;
    mcp_charge_t      charge;
    mcp_limit_spec_t  spec = { MCP_ALGORITHM_FIXED, 1000, UNIT, 0 };

    table = make(16);

    (void) take(table, &spec, 1, AT, UNIT, &charge);

    for (i = 2; i < 100; i++) {
        (void) take(table, &spec, (uint64_t) i, AT + 1000 * (uint64_t) i, UNIT,
                    &charge);
    }

    ok(take(table, &spec, 1, AT, UNIT, &charge) == MCP_OK
       && charge.window > AT / 1000 + 90, "the clock went back");
    ok(take(table, &spec, 1, AT, UNIT, &charge) == MCP_NO, "and counts");
}


static void
test_equal_keys(void)
{
    int               i;
    uint32_t          failed;
    mcp_store_t       store;
    mcp_table_t      *table;
    mcp_charge_t      charges[4];
    mcp_limit_spec_t  specs[4];

    table = make(16);
    mcp_table_store(table, &store);

    for (i = 0; i < 4; i++) {
        specs[i] = (mcp_limit_spec_t) { MCP_ALGORITHM_FIXED, 60000, 3 * UNIT,
                                        0 };
        memset(&charges[i], 0, sizeof(mcp_charge_t));
        charges[i].spec = &specs[i];
        charges[i].cost = UNIT;
    }

    ok(store.reserve(store.data, charges, 4, AT, &failed) == MCP_NO
       && failed == 3 && charges[3].result.retry_ms == UINT64_MAX,
       "four of one key never fit three");
    ok(table->used == 0, "refused: no slot is taken");

    ok(store.reserve(store.data, charges, 2, AT, &failed) == MCP_OK
       && charges[0].result.remaining == 2 * UNIT
       && charges[1].result.remaining == UNIT, "two of one key add up");
    ok(store.reserve(store.data, charges, 2, AT, &failed) == MCP_NO
       && failed == 1 && charges[1].result.retry_ms == 60000,
       "two more do not fit together");

    charges[0].cost = 0;
    ok(store.reserve(store.data, charges, 2, AT, &failed) == MCP_OK
       && table->used == 1, "a cost of nothing shares the slot");
    charges[0].cost = -1;
    ok(store.reserve(store.data, charges, 2, AT, &failed) == MCP_NO
       && failed == 0, "a negative cost is refused");
    charges[0].cost = UNIT;
    ok(store.reserve(store.data, charges, 1, AT, &failed) == MCP_NO, "full");

    store.refund(store.data, charges, 2, AT + 1);
    ok(store.reserve(store.data, charges, 3, AT, &failed) == MCP_NO
       && failed == 2
       && store.reserve(store.data, charges, 2, AT, &failed) == MCP_OK,
       "a refund of two gives two back");

    specs[1].amount = UNIT;
    specs[0].amount = 10 * UNIT;
    ok(store.reserve(store.data, charges, 2, AT, &failed) == MCP_NO
       && failed == 1, "a shared counter may have several amounts");
    charges[1].key[0] = 77;
    charges[1].key[1] = 7;
    ok(store.reserve(store.data, charges, 2, AT, &failed) == MCP_OK
       && store.reserve(store.data, charges, 2, AT, &failed) == MCP_NO
       && failed == 1, "another key, and its limit");
    charges[0].cost = 0;
    ok(store.reserve(store.data, charges, 1, AT, &failed) == MCP_OK
       && charges[0].result.remaining == 6 * UNIT,
       "a charge that would have fitted was not made");
}


/* One random reservation; returns the number of differences. */
static int
step(mcp_table_t *table, uint64_t now_ms, uint64_t *used_full)
{
    int           i, n, keys[6], bad;
    uint32_t      failed;
    model_t       before;
    mcp_rc_t      rc;
    mcp_charge_t  charges[6];
    static uint64_t  image[SPACE / 8];

    n = 1 + (int) draw(6);

    for (i = 0; i < n; i++) {
        keys[i] = (int) draw(MODEL_KEYS);
        model_charge(&model, keys[i], (int64_t) draw(3) * UNIT / 2,
                     &charges[i]);
    }

    before = model;
    memcpy(image, table, TABLE(table->slot_count));
    failed = 99;

    rc = mcp_table_reserve(table, charges, (uint32_t) n, now_ms, &failed);

    for (i = 0; i < n; i++) {
        if (!model_take(&model, keys[i], now_ms, charges[i].cost)) {
            break;
        }
    }

    bad = 0;

    if (rc == MCP_ERROR) {
        (*used_full)++;
        model = before;

    } else if (i < n) {
        model = before;
        bad += rc != MCP_NO || failed != (uint32_t) i;
        bad += charges[i].result.retry_ms == 0;
        bad += memcmp(image, table, TABLE(table->slot_count)) != 0
               && table->used == ((mcp_table_t *) image)->used
               && table->hand == ((mcp_table_t *) image)->hand;

    } else {
        bad += rc != MCP_OK;
    }

    if (rc == MCP_OK && draw(3) == 0) {
        for (i = 0; i < n; i++) {
            if (model.specs[keys[i]].algorithm != MCP_ALGORITHM_BUCKET) {
                mcp_table_refund(table, &charges[i], 1, now_ms);
                model_refund(&model, keys[i], charges[i].window,
                             charges[i].cost);
            }
        }
    }

    bad += table->used != table_occupied(table);

    return bad;
}


static mcp_table_t *
move(mcp_table_t *table, uint64_t now_ms, int *bad)
{
    size_t        length;
    uint64_t      slots;
    mcp_table_t  *to;

    slots = 60 + draw(100);
    to = NULL;

    (void) mcp_table_init(table == (void *) space ? other_space : space,
                          TABLE(slots), hash_key, &to);

    if (draw(2)) {
        *bad += mcp_table_copy(table, to, now_ms) != MCP_OK;
        return to;
    }

    *bad += mcp_table_encode(table, now_ms, buffer,
                             mcp_table_encode_size(table), &length) != MCP_OK
            || mcp_table_decode(to, now_ms, buffer, length, NULL) != MCP_OK;

    return to;
}


static void
test_model(uint64_t slots, uint64_t homes)
{
    int           bad, i, moves;
    uint64_t      run, now_ms, full;
    mcp_table_t  *table;

    bad = 0;
    full = 0;
    moves = 0;

    for (run = 1; run <= 40; run++) {
        seed = run * UINT64_C(0x9e3779b97f4a7c15) + slots;
        model_init(&model, homes);
        table = make(slots);
        now_ms = AT;

        for (i = 0; i < 400; i++) {
            now_ms += draw(20) == 0 ? draw(9000) : draw(60);
            bad += step(table, now_ms, &full);

            if (slots >= 60 && draw(40) == 0) {
                table = move(table, now_ms, &bad);
                moves++;
            }
        }
    }

    ok(bad == 0, "%d slots, %d homes: as the model, %d differences, "
       "%d times full, %d moves", (int) slots, (int) homes, bad, (int) full,
       moves);
    ok(slots < 60 || full == 0, "and full only when it is");
}


/* Many short-lived keys: how far a probe that finds nothing has to go. */
static void
test_lifetime(uint64_t slots, uint64_t live, double most)
{
    uint64_t          i, n, distance, full, now_ms, key;
    mcp_table_t      *table;
    mcp_charge_t      charge;
    mcp_limit_spec_t  spec = { MCP_ALGORITHM_BUCKET, 1000000, 1000 * UNIT,
                               UNIT };

    /* Each key lives for a second. */

    table = make(slots);
    full = 0;
    seed = slots;

    for (key = 1; key < 200000; key++) {
        now_ms = AT + key * 1000 / live;
        memset(&charge, 0, sizeof(charge));
        charge.spec = &spec;
        charge.key[0] = draw_word();
        charge.key[1] = draw_word();
        charge.cost = UNIT;
        full += mcp_table_reserve(table, &charge, 1, now_ms, &(uint32_t) { 0 })
                != MCP_OK;
    }

    for (i = 0, distance = 0; i < slots; i++) {
        for (n = 0; table->slots[(i + n) % slots].key[1]; n++) { /* void */ }
        distance += n + 1;
    }

    ok(full == 0 && (double) distance / (double) slots < most,
       "%d slots, %d alive: probes for new keys look at %.1f slots after "
       "200000 keys, %d used, %d times full", (int) slots, (int) live,
       (double) distance / (double) slots, (int) table->used, (int) full);
}


static void
test_damage(void)
{
    int                i, bad;
    size_t             length, cut;
    mcp_error_t        error;
    mcp_table_t       *table, *to;
    mcp_charge_t       charge;
    mcp_limit_spec_t   spec = { MCP_ALGORITHM_FIXED, 60000, 9 * UNIT, 0 };
    mcp_table_entry_t  entry;

    table = make(16);

    for (i = 1; i <= 3; i++) {
        (void) take(table, &spec, (uint64_t) i, AT, i * UNIT, &charge);
    }

    (void) mcp_table_init(other_space, TABLE(20), hash_key, &to);

    ok(mcp_table_encode(table, AT, buffer, sizeof(buffer), &length) == MCP_OK
       && length == 64 + 3 * 64, "a snapshot has only what lives");
    ok(mcp_table_encode(table, AT, buffer, 63, &cut) == MCP_NOMEM
       && mcp_table_encode(table, AT, buffer, length - 1, &cut) == MCP_NOMEM,
       "a buffer that is too small");

    (void) mcp_table_encode(table, AT, buffer, sizeof(buffer), &length);

    for (cut = 0, bad = 0; cut < length; cut++) {
        bad += mcp_table_decode(to, AT, buffer, cut, &error) != MCP_ERROR
               || table_occupied(to) != 0 || error.text[0] == '\0';
    }

    ok(bad == 0, "cut short at every byte: refused, empty");

    for (cut = 0, bad = 0; cut < length * 8; cut++) {
        buffer[cut / 8] ^= (uint8_t) (1 << cut % 8);
        bad += mcp_table_decode(to, AT, buffer, length, NULL) != MCP_ERROR
               || table_occupied(to) != 0 || to->floor_ms != 0
               || to->hash_key[0] != 1;
        buffer[cut / 8] ^= (uint8_t) (1 << cut % 8);
    }

    ok(bad == 0, "each bit flipped: refused, empty");

    ok(mcp_table_decode(to, AT, buffer, length + 1, NULL) == MCP_ERROR
       && mcp_table_decode(to, AT, buffer, length + 64, NULL) == MCP_ERROR,
       "something follows");
    buffer[24]--;
    ok(mcp_table_decode(to, AT, buffer, length, &error) == MCP_ERROR
       && strstr(error.text, "has version 0, expected 1") != NULL,
       "an older version is named");
    buffer[24] += 2;
    ok(mcp_table_decode(to, AT, buffer, length, &error) == MCP_ERROR
       && strstr(error.text, "has version 2, expected 1") != NULL,
       "a newer version is named");
    buffer[24]--;

    ok(mcp_table_decode(to, AT, buffer, length, &error) == MCP_OK
       && to->used == 3, "sound");
    ok(take(to, &spec, 3, AT, 7 * UNIT, &charge) == MCP_NO
       && take(to, &spec, 3, AT, 6 * UNIT, &charge) == MCP_OK, "it counts on");

    ok(mcp_table_decode(to, AT + 60000, buffer, length, &error) == MCP_OK
       && to->used == 0 && to->floor_ms == AT + 60000, "late: all expired");
    ok(take(to, &spec, 3, AT, 6 * UNIT, &charge) == MCP_OK
       && charge.window == AT / 60000 + 1,
       "and not charged anew to a window that was over");

    for (i = 4; i <= 14; i++) {
        (void) take(table, &spec, (uint64_t) i, AT, UNIT, &charge);
    }

    (void) mcp_table_encode(table, AT, buffer, sizeof(buffer), &length);
    (void) mcp_table_init(other_space, TABLE(15), hash_key, &to);
    ok(mcp_table_decode(to, AT, buffer, length, &error) == MCP_NOMEM
       && to->used == 0 && table_occupied(to) == 0,
       "too small for a snapshot: none of it");
    ok(mcp_table_copy(table, to, AT) == MCP_NOMEM && table_occupied(to) == 0,
       "too small for a copy: none of it");

    entry.key[0] = 5;
    entry.key[1] = 5;
    ok(mcp_table_find(table, entry.key, &entry) == MCP_NO, "an unknown key");
}


/* Reservations between the steps of a snapshot. */
static void
test_steps(void)
{
    int                  bad, key, i;
    size_t               length;
    uint64_t             run, now_ms, full, then_ms, floor_ms;
    mcp_rc_t             rc;
    mcp_charge_t         charge;
    mcp_table_t         *table, *start, *to;
    mcp_table_encoder_t  encoder;
    static uint64_t      image[SPACE / 8];
    static uint64_t      decoded[SPACE / 8];

    bad = 0;

    for (run = 1; run <= 600; run++) {
        seed = run * UINT64_C(0x9e3779b97f4a7c15);
        model_init(&model, run % 2 ? 5 : 60);
        table = make(64);
        now_ms = AT;
        floor_ms = 0;

        /* A crowd that reaches over the end of the table. */

        for (key = 0; run % 3 == 0 && key < MODEL_KEYS; key += 2) {
            model.keys[key][0] = UINT64_MAX - draw(UINT64_MAX / 16);
        }

        for (i = 0; i < 60; i++) {
            now_ms += draw(100);
            (void) step(table, now_ms, &full);
        }

        memcpy(image, table, TABLE(64));
        start = (mcp_table_t *) image;

        (void) mcp_table_encode_start(table, now_ms, buffer, sizeof(buffer),
                                      &encoder);

        while ((rc = mcp_table_encode_step(table, &encoder, 1 + draw(8)))
               == MCP_LATER)
        {
            /* Charges only: a refund may be newer than the start. */

            for (i = 0; i < 4; i++) {
                now_ms += draw(200);
                model_charge(&model, (int) draw(MODEL_KEYS), UNIT / 2,
                             &charge);
                (void) mcp_table_reserve(table, &charge, 1, now_ms,
                                         &(uint32_t) { 0 });
            }

            floor_ms = table->floor_ms;
        }

        bad += rc != MCP_OK;
        length = mcp_table_encode_finish(&encoder);
        (void) mcp_table_init(decoded, TABLE(150), hash_key, &to);
        bad += mcp_table_decode(to, encoder.now_ms, buffer, length, NULL)
               != MCP_OK;

        bad += to->floor_ms < floor_ms;

        for (key = 0; key < MODEL_KEYS; key++) {
            for (i = 0; i < 4; i++) {
                then_ms = now_ms + draw(3000);
                bad += table_remaining(to, &model, key, then_ms)
                       > table_remaining(start, &model, key, then_ms);
            }
        }
    }

    ok(bad == 0, "snapshot in steps: no counter is missed, %d were", bad);
}


/* Through a buffer of one piece, with charges in between or without. */
static void
test_pieces(void)
{
    int                            busy;
    size_t                         length, pieces, written;
    uint64_t                       key;
    mcp_rc_t                       rc;
    uint32_t                       restarts;
    mcp_charge_t                   charge;
    mcp_table_t                   *table, *to;
    mcp_table_encoder_t            encoder;
    static uint8_t                 piece[MCP_TABLE_BUFFER], file[SPACE];
    static uint64_t                decoded[SPACE / 8];

    static const mcp_limit_spec_t  day = {
        MCP_ALGORITHM_FIXED, 86400000, 1000 * UNIT, 0
    };

    for (busy = 0; busy < 2; busy++) {
        table = make(5000);

        for (key = 1; key <= 3000; key++) {
            (void) take(table, &day, key, AT, UNIT, &charge);
        }

        pieces = 0;
        restarts = 0;
        written = MCP_TABLE_HEADER;

        (void) mcp_table_encode_start(table, AT, piece, sizeof(piece),
                                      &encoder);

        for ( ;; ) {
            rc = mcp_table_encode_step(table, &encoder, 700);

            if (encoder.restarts != restarts) {
                restarts = encoder.restarts;
                written = MCP_TABLE_HEADER;
            }

            if (rc == MCP_OK) {
                break;
            }

            if (busy) {
                (void) take(table, &day, 1 + draw(3000), AT, UNIT, &charge);
            }

            if (rc == MCP_NOMEM) {
                memcpy(file + written, piece + MCP_TABLE_HEADER,
                       encoder.length - MCP_TABLE_HEADER);
                written += encoder.length - MCP_TABLE_HEADER;
                mcp_table_encode_take(&encoder);
                pieces++;
            }
        }

        length = mcp_table_encode_finish(&encoder);
        memcpy(file + written, piece + MCP_TABLE_HEADER,
               length - MCP_TABLE_HEADER);
        written += length - MCP_TABLE_HEADER;
        memcpy(file, piece, MCP_TABLE_HEADER);

        if (!busy) {
            ok(mcp_table_encode(table, AT, buffer, sizeof(buffer), &length)
               == MCP_OK && length == written
               && memcmp(buffer, file, length) == 0,
               "%zu pieces and the rest are what one buffer holds", pieces);
        }

        (void) mcp_table_init(decoded, TABLE(5000), hash_key, &to);

        ok(mcp_table_decode(to, AT, file, written, NULL) == MCP_OK
           && table_occupied(to) == 3000, "they are read back");
    }

    file[MCP_TABLE_HEADER + 100] ^= 1;

    ok(mcp_table_decode(to, AT, file, written, NULL) == MCP_ERROR,
       "damage in the first piece");
}


int
main(void)
{
    test_init();
    test_full();
    test_clock();
    test_equal_keys();

    test_model(200, 200);
    test_model(64, 64);
    test_model(64, 3);
    test_model(30, 30);
    test_model(30, 2);
    test_model(9, 9);

    test_lifetime(5000, 2500, 8);
    test_lifetime(5000, 3500, 25);
    test_lifetime(5000, 4000, 60);

    test_damage();
    test_steps();
    test_pieces();

    return tap_done();
}
