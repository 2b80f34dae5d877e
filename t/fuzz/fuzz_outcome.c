/*
 * What answers say: read in pieces it is what the tokenizer says of the
 * whole.  The first byte chooses the pieces and whether results matter.
 */

#include "fuzz.h"

#include "../unit/outcome_model.h"


static size_t
all(void *data)
{
    (void) data;
    return SIZE_MAX;
}


static size_t
pieces(void *data)
{
    uint32_t *seed = data;

    *seed = *seed * 1103515245 + 12345;

    return 1 + (*seed >> 16) % 16;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool         results;
    uint32_t     seed;
    mcp_str_t    text;
    mcp_arena_t  arena;

    static outcome_report_t       model, whole, split;

    if (size < 1) {
        return 0;
    }

    seed = data[0] >> 1;
    results = data[0] & 1;

    text.data = data + 1;
    text.len = size - 1;

    outcome_read(&whole, text, results, all, NULL);
    outcome_read(&split, text, results, pieces, &seed);

    if (strcmp(whole.text, split.text) != 0) {
        abort();
    }

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    if (outcome_model(&model, text, results, &arena)
        && !outcome_agree(&model, &whole))
    {
        abort();
    }

    mcp_arena_destroy(&arena);

    return 0;
}
