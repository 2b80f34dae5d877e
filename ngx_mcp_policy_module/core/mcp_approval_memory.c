/*
 * The memory of the table of approvals: records in lists by key, by id and,
 * while they are pending, by grant; texts in chains of chunks; lists of what
 * is free.
 *
 * The records alone tell the truth.  A record is written before its state
 * makes it one, and loses its state first.  Lists, texts and counts are
 * changed while "busy" says so: whoever finds that set after a death makes
 * all of them anew from the records, and wipes each chunk that no record has.
 */

#include "mcp_approval_private.h"


/* Between two looks at all records for what has expired. */
#define MCP_APPROVALS_SWEEP_MS   100

/* Records that one call forgets; the next ones go on. */
#define MCP_APPROVALS_SWEEP_MAX  256


static void mcp_approvals_repair(mcp_approvals_t *approvals);
static bool mcp_approvals_mark(mcp_approvals_t *approvals,
    mcp_approval_text_t *text);
static void mcp_approvals_collect(mcp_approvals_t *approvals);
static void mcp_approvals_sweep(mcp_approvals_t *approvals, uint64_t now_ms);
static bool mcp_approvals_layout(const void *memory, size_t size,
    uint32_t *records, uint32_t *chunks);
static void mcp_approvals_link(mcp_approvals_t *approvals,
    mcp_approval_list_t list, mcp_approval_record_t *record);
static void mcp_approvals_release(mcp_approvals_t *approvals,
    mcp_approval_record_t *record);
static const uint64_t *mcp_approval_hash(const mcp_approval_record_t *record,
    mcp_approval_list_t list);


mcp_rc_t
mcp_approvals_init(void *memory, size_t size, mcp_approvals_t **approvals)
{
    uint32_t          records, chunks;
    mcp_approvals_t  *table;

    if (!mcp_approvals_layout(memory, size, &records, &chunks)) {
        return MCP_ERROR;
    }

    table = memory;
    memset(table, 0, size);

    table->version = MCP_APPROVALS_VERSION;
    table->record_size = sizeof(mcp_approval_record_t);
    table->record_count = records;
    table->chunk_count = chunks;

    mcp_approvals_clear(table);

    mcp_store_uint64(&table->magic, MCP_APPROVALS_MAGIC);

    *approvals = table;

    return MCP_OK;
}


mcp_rc_t
mcp_approvals_check(void *memory, size_t size, mcp_approvals_t **approvals)
{
    uint32_t          records, chunks;
    mcp_approvals_t  *table;

    table = memory;

    if (!mcp_approvals_layout(memory, size, &records, &chunks)
        || table->magic != MCP_APPROVALS_MAGIC
        || table->version != MCP_APPROVALS_VERSION
        || table->record_size != sizeof(mcp_approval_record_t)
        || table->record_count != records
        || table->chunk_count != chunks)
    {
        return MCP_ERROR;
    }

    *approvals = table;

    return MCP_OK;
}


static bool
mcp_approvals_layout(const void *memory, size_t size, uint32_t *records,
    uint32_t *chunks)
{
    uint64_t  count;

    if ((uintptr_t) memory % sizeof(uint64_t) != 0
        || size < sizeof(mcp_approvals_t))
    {
        return false;
    }

    size -= sizeof(mcp_approvals_t);
    count = size / MCP_APPROVALS_SHARE;

    if (count < MCP_APPROVALS_RECORDS_MIN || count > UINT32_MAX / 16) {
        return false;
    }

    size -= count * (sizeof(mcp_approval_record_t)
                     + sizeof(mcp_approval_bucket_t));

    *records = (uint32_t) count;
    *chunks = (uint32_t) (size / sizeof(mcp_approval_chunk_t));

    return true;
}


void
mcp_approvals_clear(mcp_approvals_t *approvals)
{
    uint32_t  i;

    mcp_approvals_touch(approvals);

    for (i = 0; i < approvals->record_count; i++) {
        mcp_store_uint64(&approvals->records[i].state, MCP_APPROVAL_NONE);
    }

    mcp_approvals_repair(approvals);
    mcp_approvals_end(approvals);
}


uint64_t
mcp_approvals_begin(mcp_approvals_t *approvals, uint64_t now_ms)
{
    if (approvals->busy != 0) {
        mcp_approvals_repair(approvals);
    }

    if (now_ms > approvals->seen_ms) {
        mcp_store_uint64(&approvals->seen_ms, now_ms);
    }

    mcp_approvals_sweep(approvals, approvals->seen_ms);

    return approvals->seen_ms;
}


void
mcp_approvals_end(mcp_approvals_t *approvals)
{
    if (approvals->busy != 0) {
        mcp_store_uint64(&approvals->busy, 0);
    }
}


static void
mcp_approvals_repair(mcp_approvals_t *approvals)
{
    uint32_t                i, j;
    mcp_approval_record_t  *record;
    mcp_approval_bucket_t  *bucket;

    mcp_store_uint64(&approvals->epoch, approvals->epoch + 1);

    for (i = 0; i < approvals->record_count; i++) {

        bucket = &mcp_approvals_buckets(approvals)[i];
        mcp_store_uint64(&bucket->full_ms, 0);

        for (j = 0; j < MCP_APPROVAL_LISTS; j++) {
            mcp_approval_store(&bucket->heads[j], MCP_APPROVAL_END);
        }
    }

    mcp_approval_store(&approvals->free_record, MCP_APPROVAL_END);

    for (i = approvals->record_count; i > 0; i--) {

        record = &approvals->records[i - 1];

        if (record->state == MCP_APPROVAL_PENDING) {
            mcp_approval_store(&record->words.length, 0);

        } else {
            mcp_approval_store(&record->arguments.length, 0);
        }

        if (record->state == MCP_APPROVAL_NONE
            || record->state > MCP_APPROVAL_USED
            || !mcp_approvals_mark(approvals, &record->names)
            || !mcp_approvals_mark(approvals, &record->arguments)
            || !mcp_approvals_mark(approvals, &record->words))
        {
            mcp_approvals_release(approvals, record);
            continue;
        }

        mcp_approvals_link(approvals, MCP_APPROVAL_BY_KEY, record);
        mcp_approvals_link(approvals, MCP_APPROVAL_BY_ID, record);

        if (record->state == MCP_APPROVAL_PENDING) {
            mcp_approvals_link(approvals, MCP_APPROVAL_BY_GRANT, record);
        }
    }

    mcp_approvals_collect(approvals);

    mcp_store_uint64(&approvals->earliest_ms, 0);
    mcp_store_uint64(&approvals->swept_ms, 0);
    mcp_store_uint64(&approvals->notify_ms, 0);
    mcp_store_uint64(&approvals->busy, 0);
}


/* False: the text is not one, for which there is no good reason. */
static bool
mcp_approvals_mark(mcp_approvals_t *approvals, mcp_approval_text_t *text)
{
    uint32_t               i, n;
    mcp_approval_chunk_t  *chunks;

    chunks = mcp_approvals_chunks(approvals);
    i = text->first;

    for (n = mcp_approval_chunks(text->length); n > 0; n--) {

        if (i >= approvals->chunk_count
            || chunks[i].mark == approvals->epoch)
        {
            return false;
        }

        mcp_store_uint64(&chunks[i].mark, approvals->epoch);

        if (n == 1) {
            mcp_approval_store(&chunks[i].next, MCP_APPROVAL_END);
        }

        i = chunks[i].next;
    }

    return true;
}


/* Every chunk without a mark is free. */
static void
mcp_approvals_collect(mcp_approvals_t *approvals)
{
    uint32_t               i, count;
    mcp_approval_chunk_t  *chunk;

    count = 0;
    mcp_approval_store(&approvals->free_chunk, MCP_APPROVAL_END);

    for (i = approvals->chunk_count; i > 0; i--) {

        chunk = &mcp_approvals_chunks(approvals)[i - 1];

        if (chunk->mark != approvals->epoch) {
            mcp_approval_store_bytes(chunk->data, NULL, sizeof(chunk->data));
            mcp_approval_store(&chunk->next, approvals->free_chunk);
            mcp_approval_store(&approvals->free_chunk, i - 1);
            count++;
        }
    }

    mcp_approval_store(&approvals->free_chunks, count);
}


static void
mcp_approvals_sweep(mcp_approvals_t *approvals, uint64_t now_ms)
{
    uint32_t                i, n;
    uint64_t                earliest_ms;
    mcp_approval_record_t  *record;

    if (now_ms < approvals->earliest_ms
        || now_ms - approvals->swept_ms < MCP_APPROVALS_SWEEP_MS)
    {
        return;
    }

    earliest_ms = UINT64_MAX;
    n = 0;

    /* Later ones stand first in the lists. */

    for (i = approvals->record_count; i > 0; i--) {

        record = &approvals->records[i - 1];

        if (record->state == MCP_APPROVAL_NONE) {
            continue;
        }

        if (mcp_approval_live(record, now_ms)) {

            if (mcp_approval_expires(record) < earliest_ms) {
                earliest_ms = mcp_approval_expires(record);
            }

            continue;
        }

        if (n++ == MCP_APPROVALS_SWEEP_MAX) {
            mcp_approvals_end(approvals);
            return;
        }

        if (record->state == MCP_APPROVAL_PENDING) {
            mcp_approval_count(&approvals->expired);
        }

        mcp_approvals_drop(approvals, record);
    }

    mcp_approvals_end(approvals);

    mcp_store_uint64(&approvals->swept_ms, now_ms);
    mcp_store_uint64(&approvals->earliest_ms, earliest_ms);
}


uint64_t
mcp_approvals_expire(mcp_approvals_t *approvals, uint64_t now_ms)
{
    uint64_t  soon_ms;

    (void) mcp_approvals_begin(approvals, now_ms);

    soon_ms = mcp_approval_after(approvals->swept_ms, MCP_APPROVALS_SWEEP_MS);

    if (approvals->earliest_ms == UINT64_MAX) {
        return 0;
    }

    return approvals->earliest_ms > soon_ms ? approvals->earliest_ms : soon_ms;
}


mcp_approval_record_t *
mcp_approvals_find(const mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t now_ms)
{
    uint64_t                hash[2];
    mcp_approval_record_t  *record;

    memcpy(hash, id, MCP_APPROVAL_ID);

    for (record = mcp_approvals_first(approvals, MCP_APPROVAL_BY_ID, hash);
         record != NULL;
         record = mcp_approvals_after(approvals, MCP_APPROVAL_BY_ID, record))
    {
        if (record->id[0] == hash[0] && record->id[1] == hash[1]
            && mcp_approval_live(record, now_ms))
        {
            return record;
        }
    }

    return NULL;
}


const mcp_approval_record_t *
mcp_approvals_look(const mcp_approvals_t *approvals,
    const uint8_t id[MCP_APPROVAL_ID], uint64_t now_ms)
{
    uint32_t                      i;
    const mcp_approval_record_t  *record;

    if (approvals->busy == 0) {
        return mcp_approvals_find(approvals, id, now_ms);
    }

    for (i = 0; i < approvals->record_count; i++) {

        record = &approvals->records[i];

        if (memcmp(record->id, id, MCP_APPROVAL_ID) == 0
            && mcp_approval_live(record, now_ms))
        {
            return record;
        }
    }

    return NULL;
}


mcp_approval_record_t *
mcp_approvals_first(const mcp_approvals_t *approvals, mcp_approval_list_t list,
    const uint64_t hash[2])
{
    uint32_t  i;

    i = mcp_approvals_bucket(approvals, hash)->heads[list];

    return i < approvals->record_count
           ? (mcp_approval_record_t *) &approvals->records[i] : NULL;
}


mcp_approval_record_t *
mcp_approvals_after(const mcp_approvals_t *approvals, mcp_approval_list_t list,
    const mcp_approval_record_t *record)
{
    uint32_t  i;

    i = record->next[list];

    return i < approvals->record_count
           ? (mcp_approval_record_t *) &approvals->records[i] : NULL;
}


static const uint64_t *
mcp_approval_hash(const mcp_approval_record_t *record,
    mcp_approval_list_t list)
{
    switch (list) {

    case MCP_APPROVAL_BY_KEY:
        return record->key;

    case MCP_APPROVAL_BY_ID:
        return record->id;

    default:
        return record->grant;
    }
}


static void
mcp_approvals_link(mcp_approvals_t *approvals, mcp_approval_list_t list,
    mcp_approval_record_t *record)
{
    uint32_t  *head;

    head = &mcp_approvals_bucket(approvals, mcp_approval_hash(record, list))
            ->heads[list];

    mcp_approval_store(&record->next[list], *head);
    mcp_approval_store(head, (uint32_t) (record - approvals->records));
}


void
mcp_approvals_unlink(mcp_approvals_t *approvals, mcp_approval_list_t list,
    mcp_approval_record_t *record)
{
    uint32_t               *link, own;
    mcp_approval_bucket_t  *bucket;

    bucket = mcp_approvals_bucket(approvals, mcp_approval_hash(record, list));
    own = (uint32_t) (record - approvals->records);

    if (list == MCP_APPROVAL_BY_GRANT) {
        mcp_store_uint64(&bucket->full_ms, 0);
    }

    for (link = &bucket->heads[list];
         *link < approvals->record_count;
         link = &approvals->records[*link].next[list])
    {
        if (*link == own) {
            mcp_approval_store(link, record->next[list]);
            return;
        }
    }
}


mcp_approval_record_t *
mcp_approvals_new(mcp_approvals_t *approvals,
    const mcp_approval_record_t *from)
{
    mcp_approval_record_t  *record;

    if (approvals->free_record >= approvals->record_count) {
        return NULL;
    }

    mcp_approvals_touch(approvals);

    record = &approvals->records[approvals->free_record];

    mcp_approval_store(&approvals->free_record,
                       record->next[MCP_APPROVAL_BY_KEY]);
    mcp_approval_store_bytes(&record->id, &from->id,
                             sizeof(mcp_approval_record_t)
                             - offsetof(mcp_approval_record_t, id));
    mcp_approval_store_bytes(&record->names, NULL,
                             3 * sizeof(mcp_approval_text_t));

    return record;
}


void
mcp_approvals_publish(mcp_approvals_t *approvals,
    mcp_approval_record_t *record, mcp_approval_state_t state)
{
    uint64_t  expires_ms;

    mcp_approvals_link(approvals, MCP_APPROVAL_BY_KEY, record);
    mcp_approvals_link(approvals, MCP_APPROVAL_BY_ID, record);

    if (state == MCP_APPROVAL_PENDING) {
        mcp_approvals_link(approvals, MCP_APPROVAL_BY_GRANT, record);

        if (record->notify_ms < approvals->notify_ms) {
            mcp_store_uint64(&approvals->notify_ms, record->notify_ms);
        }
    }

    expires_ms = state == MCP_APPROVAL_APPROVED || state == MCP_APPROVAL_USED
                 ? record->until_ms : record->expires_ms;

    if (expires_ms < approvals->earliest_ms) {
        mcp_store_uint64(&approvals->earliest_ms, expires_ms);
    }

    mcp_store_uint64(&record->state, state);
    mcp_approval_count(&approvals->changes);
}


void
mcp_approvals_drop(mcp_approvals_t *approvals, mcp_approval_record_t *record)
{
    mcp_approval_state_t  state;

    mcp_approvals_touch(approvals);

    state = (mcp_approval_state_t) record->state;
    mcp_store_uint64(&record->state, MCP_APPROVAL_NONE);

    mcp_approvals_unlink(approvals, MCP_APPROVAL_BY_KEY, record);
    mcp_approvals_unlink(approvals, MCP_APPROVAL_BY_ID, record);

    if (state == MCP_APPROVAL_PENDING) {
        mcp_approvals_unlink(approvals, MCP_APPROVAL_BY_GRANT, record);
    }

    mcp_approvals_wipe(approvals, &record->names);
    mcp_approvals_wipe(approvals, &record->arguments);
    mcp_approvals_wipe(approvals, &record->words);

    mcp_approvals_release(approvals, record);
    mcp_approval_count(&approvals->changes);
}


static void
mcp_approvals_release(mcp_approvals_t *approvals,
    mcp_approval_record_t *record)
{
    mcp_store_uint64(&record->state, MCP_APPROVAL_NONE);
    mcp_approval_store_bytes(record, NULL, sizeof(mcp_approval_record_t));
    mcp_approval_store(&record->next[MCP_APPROVAL_BY_KEY],
                       approvals->free_record);
    mcp_approval_store(&approvals->free_record,
                       (uint32_t) (record - approvals->records));
}


void
mcp_approvals_append(mcp_approvals_t *approvals, mcp_approval_text_t *text,
    uint32_t *last, mcp_str_t bytes)
{
    size_t                 size, offset;
    uint32_t               i;
    mcp_approval_chunk_t  *chunks;

    chunks = mcp_approvals_chunks(approvals);

    while (bytes.len != 0) {

        offset = text->length % MCP_APPROVAL_CHUNK;

        if (offset == 0) {
            i = approvals->free_chunk;

            if (i >= approvals->chunk_count) {
                return;
            }

            mcp_approval_store(&approvals->free_chunk, chunks[i].next);
            mcp_approval_store(&approvals->free_chunks,
                               approvals->free_chunks - 1);
            mcp_approval_store(&chunks[i].next, MCP_APPROVAL_END);

            if (text->length == 0) {
                text->first = i;

            } else {
                mcp_approval_store(&chunks[*last].next, i);
            }

            *last = i;
        }

        size = MCP_APPROVAL_CHUNK - offset;

        if (size > bytes.len) {
            size = bytes.len;
        }

        mcp_approval_store_bytes(chunks[*last].data + offset, bytes.data,
                                 size);

        text->length += (uint32_t) size;
        bytes.data += size;
        bytes.len -= size;
    }
}


/* The length makes it one. */
void
mcp_approvals_set(mcp_approval_text_t *to, const mcp_approval_text_t *text)
{
    mcp_approval_store(&to->first, text->first);
    mcp_approval_store(&to->length, text->length);
}


void
mcp_approvals_wipe(mcp_approvals_t *approvals, mcp_approval_text_t *text)
{
    uint32_t               i, n, next;
    mcp_approval_chunk_t  *chunks;

    chunks = mcp_approvals_chunks(approvals);
    i = text->first;
    n = mcp_approval_chunks(text->length);

    mcp_approval_store(&text->length, 0);

    for ( /* void */ ; n > 0 && i < approvals->chunk_count; n--) {

        next = chunks[i].next;

        mcp_approval_store_bytes(chunks[i].data, NULL,
                                 sizeof(chunks[i].data));
        mcp_approval_store(&chunks[i].next, approvals->free_chunk);
        mcp_approval_store(&approvals->free_chunk, i);
        mcp_approval_store(&approvals->free_chunks,
                           approvals->free_chunks + 1);
        i = next;
    }
}


size_t
mcp_approvals_read(const mcp_approvals_t *approvals,
    const mcp_approval_text_t *text, size_t skip, uint8_t *dst, size_t size)
{
    size_t                       offset, length, part, done;
    uint32_t                     i;
    const mcp_approval_chunk_t  *chunks;

    chunks = mcp_approvals_chunks(approvals);
    length = text->length;
    done = 0;

    for (i = text->first;
         length != 0 && done < size && i < approvals->chunk_count;
         i = chunks[i].next)
    {
        part = length < MCP_APPROVAL_CHUNK ? length : MCP_APPROVAL_CHUNK;
        length -= part;

        offset = skip < part ? skip : part;
        skip -= offset;
        part -= offset;

        if (part > size - done) {
            part = size - done;
        }

        memcpy(dst + done, chunks[i].data + offset, part);
        done += part;
    }

    return done;
}


mcp_str_t
mcp_approval_cut(mcp_str_t s, size_t size)
{
    if (s.len <= size) {
        return s;
    }

    s.len = size;

    return mcp_approval_whole(s);
}


mcp_str_t
mcp_approval_whole(mcp_str_t s)
{
    size_t   n;
    uint8_t  lead;

    for (n = 1; n <= s.len && n < 4; n++) {

        lead = s.data[s.len - n];

        if ((lead & 0xc0) == 0x80) {
            continue;
        }

        if ((lead >= 0xc0 && n < 2) || (lead >= 0xe0 && n < 3)
            || (lead >= 0xf0 && n < 4))
        {
            s.len -= n;
        }

        break;
    }

    return s;
}
