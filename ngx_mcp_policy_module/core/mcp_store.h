/*
 * Where counters live, as evaluate sees it: all charges of a body are taken
 * together or not at all.
 */

#ifndef MCP_STORE_H
#define MCP_STORE_H

#include "mcp_counter.h"

#pragma GCC visibility push(hidden)


/* One limit applied to one call.  The key is a keyed 128-bit hash. */
typedef struct {
    const mcp_limit_spec_t  *spec;
    uint64_t                 key[2];
    int64_t                  cost;      /* millionths */
    uint64_t                 window;    /* out: token for the refund */
    mcp_charge_result_t      result;    /* out */

    /* what the store does not look at */
    uint32_t                 message;   /* of the body */
    bool                     dry;       /* counted apart, as of dry run */
    mcp_str_t                rule;      /* its name, else the pattern of its
                                           block */
    mcp_str_t                name;      /* tool or other target; the
                                           message's */
} mcp_charge_t;

typedef mcp_rc_t (*mcp_store_charge_pt)(void *data, mcp_charge_t *charges,
    uint32_t count, uint64_t now_ms, uint32_t *failed);

typedef struct {
    /*
     * MCP_OK: all charged.  MCP_NO: none charged, *failed is the index of
     * the charge that did not fit.  MCP_ERROR: no cell could be had (full)
     * for that charge; *failed is "count" when there are too many of them.
     * Charges with equal keys add up.
     */
    mcp_store_charge_pt   reserve;
    /* What "reserve" would say now; nothing is charged. */
    mcp_store_charge_pt   check;
    void                (*refund)(void *data, const mcp_charge_t *charges,
                            uint32_t count, uint64_t now_ms);
    void                 *data;
} mcp_store_t;

#pragma GCC visibility pop

#endif /* MCP_STORE_H */
