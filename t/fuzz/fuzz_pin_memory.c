/*
 * What is remembered of pinned tools: any order of keeping, finding and
 * forgetting against a model that has all texts.  Memory fails where the
 * input says so, and may hold no more than its room.
 */

#include "fuzz.h"

#include "mcp_pin_memory.h"


#define PINS  4
#define ROOM  200

typedef struct {
    uint8_t  text[ROOM];
    size_t   length;     /* 0: nothing */
    uint8_t  hash;
} known_t;

typedef struct {
    known_t  known[PINS];
    size_t   live;
    bool     fails;
} model_t;


static void *
model_alloc(void *data, size_t size)
{
    model_t  *model = data;

    if (model->fails) {
        return NULL;
    }

    model->live++;

    return malloc(size);
}


static void
model_free(void *data, void *p)
{
    model_t  *model = data;

    model->live--;
    free(p);
}


static void
keep(model_t *model, mcp_pin_memory_t *memory, uint32_t pin, mcp_str_t text,
    uint8_t c)
{
    size_t    room;
    uint8_t   hash[MCP_PIN_HASH];
    known_t  *known;

    memset(hash, c, sizeof(hash));

    known = &model->known[pin];
    room = memory->room + known->length;
    known->length = 0;

    mcp_pin_memory_keep(memory, pin, text, hash);

    if (text.len > 0 && text.len <= room && !model->fails) {
        memcpy(known->text, text.data, text.len);
        known->length = text.len;
        known->hash = c;
    }
}


static void
find(const model_t *model, const mcp_pin_memory_t *memory, uint32_t pin,
    mcp_str_t text)
{
    bool            found;
    size_t          i;
    uint8_t         hash[MCP_PIN_HASH];
    mcp_str_t       own;
    const known_t  *known;

    memset(hash, 0, sizeof(hash));

    known = &model->known[pin];
    own.data = known->text;
    own.len = known->length;

    found = mcp_pin_memory_find(memory, pin, text, hash);
    check(found == (own.len > 0 && mcp_str_equal(own, text)));

    for (i = 0; i < sizeof(hash); i++) {
        check(hash[i] == (found ? known->hash : 0));
    }
}


static void
compare(const model_t *model, const mcp_pin_memory_t *memory)
{
    size_t    kept, live;
    uint32_t  i;

    kept = 0;
    live = 0;

    for (i = 0; i < PINS; i++) {
        kept += model->known[i].length;
        live += model->known[i].length > 0;

        find(model, memory, i, (mcp_str_t) { model->known[i].text,
                                             model->known[i].length });
    }

    check(memory->room == ROOM - kept);
    check(model->live == live);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t           step;
    uint32_t          i, pin;
    model_t           model;
    mcp_str_t         input, text;
    mcp_pin_recall_t  recalls[PINS];
    mcp_pin_memory_t  memory;

    memset(&model, 0, sizeof(model));
    memset(recalls, 0, sizeof(recalls));

    memory.allocator = (mcp_allocator_t) { model_alloc, model_free, &model };
    memory.recalls = recalls;
    memory.count = PINS;
    memory.room = ROOM;

    input.data = data;
    input.len = size;

    while (input.len > 0) {
        step = fuzz_byte(&input);
        pin = step / 8 % PINS;

        /* of the input itself, so that texts come again */

        text.data = data + (step >> 5) % size;
        text.len = fuzz_byte(&input);

        if (text.len > (size_t) (data + size - text.data)) {
            text.len = (size_t) (data + size - text.data);
        }

        model.fails = (step & 7) == 1;

        if ((step & 7) == 0) {
            mcp_pin_memory_clear(&memory);

            for (i = 0; i < PINS; i++) {
                model.known[i].length = 0;
            }

        } else if ((step & 7) < 5) {
            keep(&model, &memory, pin, text, step);

        } else {
            find(&model, &memory, pin, text);
        }

        compare(&model, &memory);
    }

    mcp_pin_memory_clear(&memory);
    check(memory.room == ROOM && model.live == 0);

    return 0;
}
