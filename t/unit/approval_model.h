/* What the tests of approvals share: asks, and words of random. */

#ifndef APPROVAL_MODEL_H
#define APPROVAL_MODEL_H

#include "tap.h"
#include "mcp_approval_private.h"


#define AT      UINT64_C(1768473000000)
#define MINUTE  UINT64_C(60000)

#define SECRET  "the-planted-secret-7391"

static uint64_t  seed = 88172645463325252;
static uint64_t  ids;


static inline uint64_t
draw(uint64_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed * UINT64_C(0x2545f4914f6cdd1d) >> 16) % bound;
}


/* Spread as hashes are. */
static inline uint64_t
spread(uint64_t n)
{
    n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    n ^= n >> 29;

    return n * UINT64_C(0xbf58476d1ce4e5b9);
}


/* The call number "call" of the grant number "grant". */
static inline void
ask_for(mcp_approval_ask_t *ask, uint64_t call, uint64_t grant,
    mcp_str_t arguments)
{
    uint64_t  id[2];

    memset(ask, 0, sizeof(mcp_approval_ask_t));

    ask->key[0] = spread(call * 1000 + grant);
    ask->key[1] = call;
    ask->grant[0] = spread(grant);
    ask->grant[1] = grant;
    memset(ask->mac, (int) (call & 0xff), MCP_APPROVAL_MAC);

    ask->policy = tap_str("crm");
    ask->rule = tap_str("large refund");
    ask->tool = tap_str("refund_create");
    ask->arguments = arguments;
    ask->ttl_ms = 10 * MINUTE;

    id[0] = spread(++ids);
    id[1] = ids;
    memcpy(ask->new_id, id, MCP_APPROVAL_ID);
}


static inline bool
planted(const void *memory, size_t size, const char *text)
{
    return memmem(memory, size, text, strlen(text)) != NULL;
}

#endif /* APPROVAL_MODEL_H */
