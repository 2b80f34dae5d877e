/*
 * The tokenizer and the view of messages against the parsers that servers
 * have: what we accept they read in the same way, or refuse where a trait in
 * json_readers.h says so.  What we refuse is nobody's to read.
 *
 * Texts are collected, so that a process is asked for many at once; a file
 * that is given by name is asked for at once.  A text that differs is printed
 * and left beside the fuzzer's artifacts.  With FUZZ_MUTANTS each text is
 * followed by so many that are made of it, always the same.
 */

#include "fuzz.h"

#include <sys/stat.h>

#include "json_mutate.h"
#include "json_readers.h"


#define BATCH_TEXTS  256
#define BATCH_SIZE   (256 * 1024)
#define MUTANT_SIZE  4096


typedef struct {
    size_t    start;
    uint32_t  length;
    bool      message;
} text_t;


int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
    unsigned seed);

static reader_t     readers[READERS_MAX];
static unsigned     reader_count;
static unsigned     batch_texts = BATCH_TEXTS;
static unsigned     mutants;
static const char  *artifacts = "";

static char         batch[4 + BATCH_SIZE];
static size_t       batch_length = 4;
static text_t       texts[BATCH_TEXTS];
static unsigned     text_count;


/* One message that some revision accepts. */
static bool
read_message(mcp_body_t *body, mcp_str_t text, mcp_arena_t *arena)
{
    mcp_headers_t  headers;

    memset(&headers, 0, sizeof(headers));

    return mcp_body_parse(body, text, &headers, MCP_REVISIONS_ALL,
                          &fuzz_limits, arena)
           == MCP_OK
           && body->count == 1 && !body->batch
           && (body->messages[0].kind == MCP_MESSAGE_REQUEST
               || body->messages[0].kind == MCP_MESSAGE_NOTIFICATION);
}


static void
differs(const reader_t *reader, mcp_str_t text, const dump_t *dump,
    const char *answer, size_t length)
{
    char      path[4096];
    FILE     *file;
    size_t    i;
    uint32_t  hash;

    hash = 2166136261u;

    for (i = 0; i < text.len; i++) {
        hash = (hash ^ text.data[i]) * 16777619u;
    }

    (void) snprintf(path, sizeof(path), "%sdiffers-%08x", artifacts, hash);
    file = fopen(path, "w");

    if (file != NULL) {
        (void) fwrite(text.data, 1, text.len, file);
        (void) fclose(file);
    }

    fprintf(stderr, "%s differs, text left in %s\ntext: %.*s\nours: %s%s\n"
                    "its:  %.*s\n", reader->kind->name, path, (int) text.len,
            (const char *) text.data, dump->data,
            dump->refused ? " (to be refused)" : "", (int) length, answer);
    abort();
}


static void
check_answer(const reader_t *reader, mcp_str_t text, const dump_t *dump,
    const char *answer, size_t length, bool may_refuse)
{
    if (length == 1 && answer[0] == 'E') {

        if (!dump->refused && !dump->doubtful && !may_refuse) {
            differs(reader, text, dump, answer, length);
        }

    } else if (dump->refused || !dump_agree(dump, answer, length)) {
        differs(reader, text, dump, answer, length);
    }
}


/* What a reader says of the message, if it knows any. */
static void
check_message(const reader_t *reader, mcp_str_t text, const char *answer,
    size_t length, mcp_arena_t *arena)
{
    dump_t         dump;
    mcp_body_t     body;
    dump_traits_t  traits;

    if (!reader->kind->messages || !read_message(&body, text, arena)
        || (reader->kind->own_uris
            && body.messages[0].method == MCP_METHOD_RESOURCES_READ))
    {
        return;
    }

    traits = reader->kind->traits;
    traits.null = reader->kind->null;

    memset(&dump, 0, sizeof(dump));
    dump.traits = &traits;
    dump_message(&dump, &body, arena, reader->kind->without);

    /* It may know more of messages than we do, and refuse them. */
    check_answer(reader, text, &dump, answer, length, true);
    free(dump.data);
}


static void
check_text(const reader_t *reader, const text_t *t, const char *answer,
    size_t length)
{
    dump_t       dump;
    mcp_str_t    text;
    mcp_json_t   json;
    const char  *line;
    mcp_arena_t  arena;

    text.data = (const uint8_t *) batch + t->start;
    text.len = t->length;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    if (mcp_json_parse(&json, text, &fuzz_limits, &arena, NULL) != MCP_OK) {
        abort();
    }

    memset(&dump, 0, sizeof(dump));
    dump.traits = &reader->kind->traits;
    dump_value(&dump, &json, 0, &arena, NULL);

    line = memchr(answer, '\n', length);

    if (line == NULL) {
        differs(reader, text, &dump, answer, length);
    }

    check_answer(reader, text, &dump, answer, (size_t) (line - answer), false);

    if (t->message && !dump.refused) {
        line++;
        check_message(reader, text, line, length - (size_t) (line - answer),
                      &arena);
    }

    free(dump.data);
    mcp_arena_destroy(&arena);
}


static void
check_batch(reader_t *reader)
{
    char      head[4], *answers;
    size_t    i, end;
    unsigned  n;

    reader_receive(reader, head, 4);
    end = reader_length(head);
    answers = malloc(end + 1);

    if (answers == NULL) {
        abort();
    }

    reader_receive(reader, answers, end);
    i = 0;

    for (n = 0; n < text_count && end - i >= 4; n++) {
        if (end - i - 4 < reader_length(answers + i)) {
            break;
        }

        check_text(reader, &texts[n], answers + i + 4,
                   reader_length(answers + i));
        i += 4 + reader_length(answers + i);
    }

    if (n != text_count || i != end) {
        fprintf(stderr, "%s: answers that are no batch\n", reader->kind->name);
        abort();
    }

    reader->texts += n;
    free(answers);
}


static void
flush(void)
{
    unsigned  i;

    if (text_count == 0) {
        return;
    }

    reader_put_length(batch, batch_length - 4);

    for (i = 0; i < reader_count; i++) {
        reader_send(&readers[i], batch, batch_length);
    }

    for (i = 0; i < reader_count; i++) {
        check_batch(&readers[i]);
    }

    text_count = 0;
    batch_length = 4;
}


static void
finish(void)
{
    unsigned  i;

    flush();

    for (i = 0; i < reader_count; i++) {
        fprintf(stderr, "stat::texts_%s: %llu\n", readers[i].kind->name,
                (unsigned long long) readers[i].texts);
    }
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    int          i;
    struct stat  st;
    const char  *arg;

    static const char  prefix[] = "-artifact_prefix=";

    for (i = 1; i < *argc; i++) {
        arg = (*argv)[i];

        if (strncmp(arg, prefix, sizeof(prefix) - 1) == 0) {
            artifacts = arg + sizeof(prefix) - 1;

        } else if (stat(arg, &st) == 0 && S_ISREG(st.st_mode)) {
            batch_texts = 1;
        }
    }

    arg = getenv("FUZZ_MUTANTS");

    if (arg != NULL) {
        mutants = (unsigned) strtoul(arg, NULL, 10);
    }

    reader_count = readers_start(readers);
    (void) atexit(finish);

    return 0;
}


size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
    unsigned seed)
{
    return mutate_json(data, size, max_size, seed, &fuzz_limits,
                       &fuzz_allocator, LLVMFuzzerMutate);
}


/* To be read by all, if we accept it. */
static void
ask(const uint8_t *data, size_t size)
{
    mcp_str_t    text;
    mcp_body_t   body;
    mcp_json_t   json;
    mcp_arena_t  arena;

    text.data = data;
    text.len = size;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    if (size > BATCH_SIZE - 4
        || mcp_json_parse(&json, text, &fuzz_limits, &arena, NULL) != MCP_OK
        || json.defect != MCP_JSON_VALID)
    {
        mcp_arena_destroy(&arena);
        return;
    }

    if (sizeof(batch) - batch_length < size + 4) {
        flush();
    }

    reader_put_length(batch + batch_length, size);
    memcpy(batch + batch_length + 4, data, size);

    texts[text_count].start = batch_length + 4;
    texts[text_count].length = (uint32_t) size;
    texts[text_count].message = read_message(&body, text, &arena);

    text_count++;
    batch_length += 4 + size;

    if (text_count == batch_texts) {
        flush();
    }

    mcp_arena_destroy(&arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t   buffer[MUTANT_SIZE];
    size_t    length;
    unsigned  i;

    ask(data, size);

    for (i = 0; i < mutants && size <= sizeof(buffer); i++) {
        memcpy(buffer, data, size);
        length = mutate_json(buffer, size, sizeof(buffer), i, &fuzz_limits,
                             &fuzz_allocator, mutate_byte);
        ask(buffer, length);
    }

    return 0;
}
