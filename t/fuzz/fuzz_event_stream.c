/*
 * The reader of event streams: split anywhere it says what the plain model
 * says of the whole.  The first two bytes choose the pieces and the room.
 */

#include "fuzz.h"

#include "../unit/event_model.h"


#define CAPACITY  256


static size_t
pieces(void *data)
{
    uint32_t *seed = data;

    *seed = *seed * 1103515245 + 12345;

    /* sometimes several lines at once */

    return 1 + (*seed >> 16) % ((*seed & 0x8000) ? 16 : 256);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          capacity;
    uint8_t         buffer[CAPACITY];
    uint32_t        seed;
    mcp_str_t       text;
    event_report_t  model, split;

    if (size < 2) {
        return 0;
    }

    seed = data[0];
    capacity = data[1];

    text.data = data + 2;
    text.len = size - 2;

    memset(&model, 0, sizeof(model));
    memset(&split, 0, sizeof(split));

    event_report_add(&model, "", 0);
    event_report_add(&split, "", 0);

    event_model(&model, text, capacity);
    event_read(&split, text, buffer, capacity, pieces, &seed);

    if (model.length != split.length
        || memcmp(model.text, split.text, model.length) != 0
        || !event_bytes_agree(text, pieces, &seed)
        || !event_skip_agrees(text, pieces, &seed))
    {
        abort();
    }

    free(model.text);
    free(split.text);

    return 0;
}
