/*
 * Snapshots of the table of approvals: a header, then each live record as it
 * is, with its names and words behind it, in the machine's byte order.
 * Arguments stay in memory.
 */

#include "mcp_approval_private.h"
#include "mcp_siphash.h"


/* The checksum is over all that follows it. */
typedef struct {
    uint64_t  magic;
    uint64_t  checksum[2];
    uint32_t  version;
    uint32_t  record_size;
    uint64_t  count;
    uint64_t  seen_ms;
    uint64_t  created;
    uint64_t  expired;
    uint64_t  used;
    uint64_t  refused;
    uint64_t  changes;
} mcp_approvals_snapshot_t;

#define MCP_APPROVALS_SNAPSHOT_MAGIC   0x736c7661707061ULL   /* "appavls" */
#define MCP_APPROVALS_SNAPSHOT_SUMMED                                         \
    offsetof(mcp_approvals_snapshot_t, version)

#define MCP_APPROVAL_NAMES  (3 * MCP_APPROVAL_NAME)
#define MCP_APPROVAL_WORDS  (MCP_APPROVAL_NAME + MCP_APPROVAL_REASON)

/* Nobody is kept out by it: it finds damage. */
static const uint64_t  mcp_approvals_snapshot_key[2] = {
    0x6d63702d61707072ULL, 0x6f76616c732d7375ULL
};


static mcp_rc_t mcp_approvals_verify(const uint8_t *data, size_t length,
    mcp_approvals_snapshot_t *snapshot, mcp_error_t *error);
static void mcp_approvals_sum(const uint8_t *data, size_t length,
    uint64_t checksum[2]);
static mcp_rc_t mcp_approvals_decode_record(mcp_approvals_t *approvals,
    uint64_t now_ms, bool clean, const uint8_t *data, size_t length,
    size_t *offset);
static bool mcp_approval_sound(const mcp_approval_record_t *record);
static void mcp_approval_demote(mcp_approval_record_t *record,
    uint64_t now_ms);
static bool mcp_approvals_asked(const mcp_approvals_t *approvals,
    const mcp_approval_record_t *draft);
static mcp_rc_t mcp_approvals_restore(mcp_approvals_t *approvals,
    const mcp_approval_record_t *draft, const uint8_t *names,
    const uint8_t *words, const mcp_approvals_t *from);


size_t
mcp_approvals_encode_size(const mcp_approvals_t *approvals)
{
    return sizeof(mcp_approvals_snapshot_t)
           + (size_t) approvals->record_count * sizeof(mcp_approval_record_t)
           + (size_t) approvals->chunk_count * MCP_APPROVAL_CHUNK;
}


size_t
mcp_approvals_encode(const mcp_approvals_t *approvals, uint64_t now_ms,
    uint8_t *buffer)
{
    size_t                     length;
    uint32_t                   i;
    mcp_approval_record_t      record;
    mcp_approvals_snapshot_t   snapshot;

    now_ms = mcp_approvals_now(approvals, now_ms);

    memset(&snapshot, 0, sizeof(mcp_approvals_snapshot_t));

    snapshot.magic = MCP_APPROVALS_SNAPSHOT_MAGIC;
    snapshot.version = MCP_APPROVALS_VERSION;
    snapshot.record_size = sizeof(mcp_approval_record_t);
    snapshot.seen_ms = now_ms;
    snapshot.created = approvals->created;
    snapshot.expired = approvals->expired;
    snapshot.used = approvals->used;
    snapshot.refused = approvals->refused;
    snapshot.changes = approvals->changes;

    length = sizeof(mcp_approvals_snapshot_t);

    for (i = 0; i < approvals->record_count; i++) {

        record = approvals->records[i];

        if (!mcp_approval_live(&record, now_ms)) {
            continue;
        }

        if (record.state == MCP_APPROVAL_PENDING) {
            record.words.length = 0;
            record.by = 0;
        }

        memset(&record.arguments, 0, sizeof(record.arguments));
        memset(record.next, 0, sizeof(record.next));

        memcpy(buffer + length, &record, sizeof(mcp_approval_record_t));
        length += sizeof(mcp_approval_record_t);

        length += mcp_approvals_read(approvals, &record.names, 0,
                                     buffer + length, MCP_APPROVAL_NAMES);
        length += mcp_approvals_read(approvals, &record.words, 0,
                                     buffer + length, MCP_APPROVAL_WORDS);
        snapshot.count++;
    }

    memcpy(buffer, &snapshot, sizeof(mcp_approvals_snapshot_t));

    mcp_approvals_sum(buffer, length, snapshot.checksum);

    memcpy(buffer, &snapshot, sizeof(mcp_approvals_snapshot_t));

    return length;
}


static void
mcp_approvals_sum(const uint8_t *data, size_t length, uint64_t checksum[2])
{
    mcp_str_t  summed;

    summed.data = data + MCP_APPROVALS_SNAPSHOT_SUMMED;
    summed.len = length - MCP_APPROVALS_SNAPSHOT_SUMMED;

    mcp_siphash(mcp_approvals_snapshot_key, summed, checksum);
}


mcp_rc_t
mcp_approvals_decode(mcp_approvals_t *approvals, uint64_t now_ms, bool clean,
    const uint8_t *data, size_t length, mcp_error_t *error)
{
    size_t                     offset;
    uint64_t                   i;
    mcp_rc_t                   rc;
    mcp_approvals_snapshot_t   snapshot;

    memset(&snapshot, 0, sizeof(mcp_approvals_snapshot_t));
    mcp_approvals_clear(approvals);

    if (mcp_approvals_verify(data, length, &snapshot, error) != MCP_OK) {
        return MCP_ERROR;
    }

    if (snapshot.seen_ms > now_ms) {
        now_ms = snapshot.seen_ms;
    }

    offset = sizeof(mcp_approvals_snapshot_t);

    for (i = 0; i < snapshot.count; i++) {

        rc = mcp_approvals_decode_record(approvals, now_ms, clean, data,
                                         length, &offset);

        if (rc != MCP_OK) {
            mcp_approvals_clear(approvals);
            (void) mcp_error_set(error, 0, offset, rc == MCP_NOMEM
                                 ? "its approvals do not fit"
                                 : "an approval in it is damaged");
            return rc;
        }
    }

    if (offset != length) {
        mcp_approvals_clear(approvals);
        return mcp_error_set(error, 0, offset,
                             "is longer than its approvals");
    }

    approvals->seen_ms = snapshot.seen_ms;
    approvals->created = snapshot.created;
    approvals->expired = snapshot.expired;
    approvals->used = snapshot.used;
    approvals->refused = snapshot.refused;
    approvals->changes = snapshot.changes;

    mcp_approvals_end(approvals);

    return MCP_OK;
}


static mcp_rc_t
mcp_approvals_verify(const uint8_t *data, size_t length,
    mcp_approvals_snapshot_t *snapshot, mcp_error_t *error)
{
    uint64_t  checksum[2];

    if (length < sizeof(mcp_approvals_snapshot_t)) {
        return mcp_error_set(error, 0, length, "is cut short");
    }

    memcpy(snapshot, data, sizeof(mcp_approvals_snapshot_t));

    if (snapshot->magic != MCP_APPROVALS_SNAPSHOT_MAGIC) {
        return mcp_error_set(error, 0, 0, "is not a snapshot of approvals");
    }

    if (snapshot->version != MCP_APPROVALS_VERSION
        || snapshot->record_size != sizeof(mcp_approval_record_t))
    {
        return mcp_error_set(error, 0, MCP_APPROVALS_SNAPSHOT_SUMMED,
                             "has version %u of approvals, expected %u",
                             (unsigned) snapshot->version,
                             (unsigned) MCP_APPROVALS_VERSION);
    }

    mcp_approvals_sum(data, length, checksum);

    if (checksum[0] != snapshot->checksum[0]
        || checksum[1] != snapshot->checksum[1])
    {
        return mcp_error_set(error, 0, 0, "has a wrong checksum");
    }

    return MCP_OK;
}


static mcp_rc_t
mcp_approvals_decode_record(mcp_approvals_t *approvals, uint64_t now_ms,
    bool clean, const uint8_t *data, size_t length, size_t *offset)
{
    mcp_rc_t                rc;
    mcp_approval_record_t   record;

    if (length - *offset < sizeof(mcp_approval_record_t)) {
        return MCP_ERROR;
    }

    memcpy(&record, data + *offset, sizeof(mcp_approval_record_t));
    *offset += sizeof(mcp_approval_record_t);

    if (!mcp_approval_sound(&record)
        || length - *offset < (size_t) record.names.length
                              + record.words.length)
    {
        return MCP_ERROR;
    }

    data += *offset;
    *offset += record.names.length + record.words.length;

    if (!mcp_approval_live(&record, now_ms)) {
        return MCP_OK;
    }

    rc = MCP_OK;

    if (!clean && record.state == MCP_APPROVAL_APPROVED) {
        mcp_approval_demote(&record, now_ms);
    }

    /* Whether it was used up or came back, nobody knows any more. */

    if (!(record.state == MCP_APPROVAL_USED && !clean)
        && !mcp_approvals_asked(approvals, &record))
    {
        if (mcp_approvals_find(approvals, (uint8_t *) record.id, 0) != NULL) {
            return MCP_ERROR;
        }

        rc = mcp_approvals_restore(approvals, &record, data,
                                   data + record.names.length, NULL);
    }

    return rc;
}


/* Nothing that is said of lengths is believed. */
static bool
mcp_approval_sound(const mcp_approval_record_t *record)
{
    return record->state != MCP_APPROVAL_NONE
           && record->state <= MCP_APPROVAL_USED
           && record->names.length <= MCP_APPROVAL_NAMES
           && record->policy <= MCP_APPROVAL_NAME
           && record->rule <= MCP_APPROVAL_NAME
           && record->policy + record->rule <= record->names.length
           && record->words.length <= MCP_APPROVAL_WORDS
           && record->by <= record->words.length
           && (record->state != MCP_APPROVAL_PENDING
               || record->words.length == 0)
           && record->arguments.length == 0;
}


/* As if it had just been asked for. */
static void
mcp_approval_demote(mcp_approval_record_t *record, uint64_t now_ms)
{
    record->state = MCP_APPROVAL_PENDING;
    record->expires_ms = record->until_ms;
    record->decided_ms = 0;
    record->words.length = 0;
    record->by = 0;
    record->notify_ms = now_ms;
    record->notify_tries = 0;
}


/* Pending, and the same call is there already, pending too. */
static bool
mcp_approvals_asked(const mcp_approvals_t *approvals,
    const mcp_approval_record_t *draft)
{
    const mcp_approval_record_t  *record;

    if (draft->state != MCP_APPROVAL_PENDING) {
        return false;
    }

    for (record = mcp_approvals_first(approvals, MCP_APPROVAL_BY_KEY,
                                      draft->key);
         record != NULL;
         record = mcp_approvals_after(approvals, MCP_APPROVAL_BY_KEY, record))
    {
        if (record->state == MCP_APPROVAL_PENDING
            && memcmp(record->key, draft->key, sizeof(draft->key)) == 0
            && memcmp(record->mac, draft->mac, sizeof(draft->mac)) == 0
            && memcmp(record->grant, draft->grant, sizeof(draft->grant)) == 0)
        {
            return true;
        }
    }

    return false;
}


/* With the arguments when "from" is where they are. */
static mcp_rc_t
mcp_approvals_restore(mcp_approvals_t *approvals,
    const mcp_approval_record_t *draft, const uint8_t *names,
    const uint8_t *words, const mcp_approvals_t *from)
{
    size_t                  length;
    uint32_t                i, last, chunks;
    mcp_str_t               piece;
    mcp_approval_text_t     text;
    mcp_approval_record_t  *record;

    chunks = mcp_approval_chunks(draft->names.length)
             + mcp_approval_chunks(draft->words.length)
             + mcp_approval_chunks(draft->arguments.length);

    if (chunks > approvals->free_chunks) {
        return MCP_NOMEM;
    }

    record = mcp_approvals_new(approvals, draft);

    if (record == NULL) {
        return MCP_NOMEM;
    }

    memset(&text, 0, sizeof(mcp_approval_text_t));
    piece.data = names;
    piece.len = draft->names.length;
    mcp_approvals_append(approvals, &text, &last, piece);
    mcp_approvals_set(&record->names, &text);

    memset(&text, 0, sizeof(mcp_approval_text_t));
    piece.data = words;
    piece.len = draft->words.length;
    mcp_approvals_append(approvals, &text, &last, piece);
    mcp_approvals_set(&record->words, &text);

    memset(&text, 0, sizeof(mcp_approval_text_t));
    length = draft->arguments.length;

    for (i = draft->arguments.first;
         length != 0 && i < from->chunk_count;
         i = mcp_approvals_chunks(from)[i].next)
    {
        piece.data = mcp_approvals_chunks(from)[i].data;
        piece.len = length < MCP_APPROVAL_CHUNK ? length : MCP_APPROVAL_CHUNK;
        length -= piece.len;

        mcp_approvals_append(approvals, &text, &last, piece);
    }

    mcp_approvals_set(&record->arguments, &text);
    mcp_approvals_publish(approvals, record,
                          (mcp_approval_state_t) draft->state);

    return MCP_OK;
}


mcp_rc_t
mcp_approvals_copy(const mcp_approvals_t *from, mcp_approvals_t *to,
    uint64_t now_ms)
{
    uint8_t                 names[MCP_APPROVAL_NAMES];
    uint8_t                 words[MCP_APPROVAL_WORDS];
    uint32_t                i;
    mcp_rc_t                rc;
    mcp_approval_record_t   record;

    now_ms = mcp_approvals_now(from, now_ms);
    rc = MCP_OK;

    mcp_approvals_clear(to);

    for (i = 0; i < from->record_count; i++) {

        record = from->records[i];

        if (!mcp_approval_live(&record, now_ms)) {
            continue;
        }

        if (record.state == MCP_APPROVAL_PENDING) {
            record.words.length = 0;
            record.by = 0;

        } else {
            record.arguments.length = 0;
        }

        (void) mcp_approvals_read(from, &record.names, 0, names,
                                  sizeof(names));
        (void) mcp_approvals_read(from, &record.words, 0, words,
                                  sizeof(words));

        if (mcp_approvals_restore(to, &record, names, words, from)
            != MCP_OK)
        {
            rc = MCP_NOMEM;
        }
    }

    to->seen_ms = from->seen_ms;
    to->created = from->created;
    to->expired = from->expired;
    to->used = from->used;
    to->refused = from->refused;
    to->changes = from->changes;

    mcp_approvals_end(to);

    return rc;
}
