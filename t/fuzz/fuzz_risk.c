/*
 * Classification: any JSON has a class, evidence that fits it, and the same
 * class again; a hint makes it no less severe.
 */

#include "fuzz.h"

#include "mcp_risk.h"


#define TEXT_MAX  65536


/* MCP_RISK_NONE when the text is no JSON. */
static mcp_risk_class_t
classify(mcp_str_t text)
{
    uint32_t          i;
    mcp_json_t        json;
    mcp_risk_t        risk;
    mcp_arena_t       arena;
    mcp_limits_t      limits;
    mcp_risk_class_t  worst;


    memset(&limits, 0, sizeof(limits));
    memset(&risk, 0, sizeof(risk));
    limits.depth = 64;
    limits.tokens = 100000;
    limits.string_length = TEXT_MAX;
    limits.number_length = 1024;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    if (mcp_json_parse(&json, text, &limits, &arena, NULL) == MCP_OK) {

        if (mcp_risk_classify(&json, 0, &arena, &risk) != MCP_OK) {
            abort();
        }

        worst = MCP_RISK_NONE;

        for (i = 0; i < risk.count; i++) {
            if (risk.evidence[i].class > worst) {
                worst = risk.evidence[i].class;
            }
        }

        if (risk.class == MCP_RISK_NONE || worst != risk.class
            || *mcp_risk_severity(risk.class) == '\0')
        {
            abort();
        }
    }

    mcp_arena_destroy(&arena);

    return risk.class;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char              hinted[TEXT_MAX];
    int               n;
    mcp_risk_class_t  class;

    static const char *const  hints[] = {
        "{\"readOnlyHint\":true,\"destructiveHint\":false}",
        "{\"readOnlyHint\":false}", "{\"destructiveHint\":true}"
    };

    class = classify((mcp_str_t) { data, size });

    if (class != classify((mcp_str_t) { data, size })) {
        abort();
    }

    if (class == MCP_RISK_NONE || size < 3 || data[0] != '{'
        || data[1] != '"' || size > TEXT_MAX - 128)
    {
        return 0;
    }

    /* a second "annotations" is not looked at, so the first one counts */

    n = snprintf(hinted, sizeof(hinted), "{\"annotations\":%s,%.*s",
                 hints[data[size / 2] % 3], (int) size - 1,
                 (const char *) data + 1);

    if (n > 0 && memchr(data, '\0', size) == NULL
        && memmem(data, size, "annotations", 11) == NULL
        && memmem(data, size, "\\u", 2) == NULL
        && classify((mcp_str_t) { (uint8_t *) hinted, (size_t) n }) < class)
    {
        abort();
    }

    return 0;
}
