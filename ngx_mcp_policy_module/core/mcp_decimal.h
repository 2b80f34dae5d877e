/*
 * Exact comparison and six-place amounts of decimal numbers as JSON spells
 * them.  No binary floating point anywhere.
 */

#ifndef MCP_DECIMAL_H
#define MCP_DECIMAL_H

#include "mcp_base.h"

#pragma GCC visibility push(hidden)


/*
 * Compares two JSON number spellings by value: "5" equals "5.0", "50e-1".
 * *order is negative, zero or positive.  MCP_ERROR when one of them is not a
 * number in JSON's grammar.  Takes time linear in the lengths, whatever the
 * exponents.
 */
mcp_rc_t mcp_decimal_compare(mcp_str_t a, mcp_str_t b, int *order);

/* Whether "s" is a number in JSON's grammar ("05", "+5", "0x5" are not). */
bool mcp_decimal_valid(mcp_str_t s);

/* Whether the value is an integer, however spelled: "5", "5.0", "50e-1". */
bool mcp_decimal_integral(mcp_str_t s);

/*
 * Whether the value is a multiple of the divisor: exactly, and in time
 * linear in the length.  MCP_ERROR when one is no number, or the divisor not
 * above 0 or of more than 18 significant digits.
 */
mcp_rc_t mcp_decimal_multiple(mcp_str_t s, mcp_str_t divisor,
    bool *multiple);

/*
 * The value in millionths, for costs and limits.  MCP_ERROR with a text when
 * it is negative, has more than six places, or is over MCP_DECIMAL_MAX.
 * "1e0", "1.0", "-0" are fine: by value, whatever the spelling.
 */
#define MCP_DECIMAL_UNIT  1000000
#define MCP_DECIMAL_MAX   (INT64_MAX / 4)

mcp_rc_t mcp_decimal_micros(mcp_str_t s, int64_t *micros, mcp_error_t *error);

/*
 * Writes millionths as the shortest decimal, NUL terminated when there is
 * room; returns the length (< 32), or 0 when "size" is too small.
 */
size_t mcp_decimal_format(int64_t micros, char *buf, size_t size);

/*
 * A spelling that is the same for equal values ("1e1", "10.0" give "10"),
 * for keys of counters; "dst" has MCP_DECIMAL_CANONICAL_MAX bytes.  Longer
 * values give MCP_ERROR.
 */
#define MCP_DECIMAL_CANONICAL_MAX  64

mcp_rc_t mcp_decimal_canonical(mcp_str_t s, uint8_t *dst, size_t *length);

#pragma GCC visibility pop

#endif /* MCP_DECIMAL_H */
