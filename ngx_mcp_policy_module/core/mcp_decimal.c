#include "mcp_decimal.h"


/*
 * 0.DIGITS times ten to the power of (point + exponent).  "digits" runs from
 * the first to the last digit that is not 0 and may enclose the point; it is
 * empty for zero.  The exponent stays text: it may be as long as the input.
 */
typedef struct {
    mcp_str_t  digits;
    size_t     count;               /* of digits, the point left out */
    mcp_str_t  exponent;            /* without sign and leading zeros */
    int64_t    point;
    bool       negative;
    bool       exponent_negative;
} mcp_decimal_t;

/* More than any input is long, with room to add to it. */
#define MCP_DECIMAL_EXPONENT_MAX  (INT64_C(1) << 60)

/* Digits that any int64_t has room for. */
#define MCP_DECIMAL_SMALL  18


static const uint8_t *mcp_decimal_digits(const uint8_t *p,
    const uint8_t *end);
static const uint8_t *mcp_decimal_exponent(const uint8_t *p,
    const uint8_t *end, mcp_decimal_t *d);
static void mcp_decimal_normalize(mcp_decimal_t *d, const uint8_t *start,
    const uint8_t *point, const uint8_t *end);
static int64_t mcp_decimal_small(mcp_str_t s);
static mcp_rc_t mcp_decimal_parse(mcp_str_t s, mcp_decimal_t *d);
static int mcp_decimal_compare_magnitude(const mcp_decimal_t *a,
    const mcp_decimal_t *b);
static int mcp_decimal_compare_digits(mcp_str_t a, mcp_str_t b);
static int64_t mcp_decimal_magnitude(const mcp_decimal_t *d);
static int mcp_decimal_exponent_digit(const mcp_decimal_t *d, size_t place);
static uint8_t *mcp_decimal_write(uint8_t *dst, const mcp_decimal_t *d,
    int64_t magnitude);


mcp_rc_t
mcp_decimal_compare(mcp_str_t a, mcp_str_t b, int *order)
{
    int            magnitude;
    int64_t        small_a, small_b;
    mcp_decimal_t  x, y;

    small_a = mcp_decimal_small(a);
    small_b = mcp_decimal_small(b);

    if (small_a >= 0 && small_b >= 0) {
        *order = (small_a > small_b) - (small_a < small_b);
        return MCP_OK;
    }

    if (mcp_decimal_parse(a, &x) != MCP_OK
        || mcp_decimal_parse(b, &y) != MCP_OK)
    {
        return MCP_ERROR;
    }

    if (x.count == 0 && y.count == 0) {
        *order = 0;
        return MCP_OK;
    }

    if (x.count == 0) {
        *order = y.negative ? 1 : -1;
        return MCP_OK;
    }

    if (y.count == 0 || x.negative != y.negative) {
        *order = x.negative ? -1 : 1;
        return MCP_OK;
    }

    magnitude = mcp_decimal_compare_magnitude(&x, &y);
    *order = x.negative ? -magnitude : magnitude;

    return MCP_OK;
}


bool
mcp_decimal_valid(mcp_str_t s)
{
    mcp_decimal_t  d;

    return mcp_decimal_parse(s, &d) == MCP_OK;
}


bool
mcp_decimal_integral(mcp_str_t s)
{
    mcp_decimal_t  d;

    if (mcp_decimal_parse(s, &d) != MCP_OK) {
        return false;
    }

    return d.count == 0 || mcp_decimal_magnitude(&d) >= (int64_t) d.count;
}


mcp_rc_t
mcp_decimal_micros(mcp_str_t s, int64_t *micros, mcp_error_t *error)
{
    size_t         i;
    int64_t        magnitude, zeros;
    uint64_t       value;
    mcp_decimal_t  d;

    if (mcp_decimal_parse(s, &d) != MCP_OK) {
        return mcp_error_set(error, 0, 0, "is not a number as JSON spells it");
    }

    if (d.count == 0) {
        *micros = 0;
        return MCP_OK;
    }

    if (d.negative) {
        return mcp_error_set(error, 0, 0, "is negative");
    }

    magnitude = mcp_decimal_magnitude(&d);

    if (magnitude > 13) {
        goto too_large;
    }

    zeros = magnitude - (int64_t) d.count + 6;

    if (zeros < 0) {
        return mcp_error_set(error, 0, 0,
                             "has more than six decimal places");
    }

    value = 0;

    /* at most 19 digits together, so nothing wraps */

    for (i = 0; i < d.digits.len; i++) {
        if (d.digits.data[i] != '.') {
            value = value * 10 + (uint64_t) (d.digits.data[i] - '0');
        }
    }

    while (zeros-- > 0) {
        value *= 10;
    }

    if (value > MCP_DECIMAL_MAX) {
        goto too_large;
    }

    *micros = (int64_t) value;

    return MCP_OK;

too_large:

    return mcp_error_set(error, 0, 0, "is over %lld",
                         (long long) (MCP_DECIMAL_MAX / MCP_DECIMAL_UNIT));
}


/*
 * Both are an integer, without zeros at its end, times a power of ten.  What
 * of these powers is left for the divisor cannot divide such an integer;
 * what is left for the value can do no more than make up for the divisor's
 * factors 2 and 5, which are fewer than 60.
 */

mcp_rc_t
mcp_decimal_multiple(mcp_str_t s, mcp_str_t divisor, bool *multiple)
{
    size_t         i;
    int64_t        zeros;
    uint64_t       modulus, rest;
    mcp_decimal_t  x, y;

    if (mcp_decimal_parse(s, &x) != MCP_OK
        || mcp_decimal_parse(divisor, &y) != MCP_OK
        || y.count > 18 || y.negative)
    {
        return MCP_ERROR;
    }

    modulus = 0;

    for (i = 0; i < y.digits.len; i++) {
        if (y.digits.data[i] != '.') {
            modulus = modulus * 10 + (uint64_t) (y.digits.data[i] - '0');
        }
    }

    if (modulus == 0) {
        return MCP_ERROR;
    }

    *multiple = (x.count == 0);

    if (x.count == 0) {
        return MCP_OK;
    }

    zeros = (mcp_decimal_magnitude(&x) - (int64_t) x.count)
            - (mcp_decimal_magnitude(&y) - (int64_t) y.count);

    if (zeros < 0) {
        return MCP_OK;
    }

    rest = 0;

    for (i = 0; i < x.digits.len; i++) {
        if (x.digits.data[i] != '.') {
            rest = (rest * 10 + (uint64_t) (x.digits.data[i] - '0'))
                   % modulus;
        }
    }

    for ( /* void */ ; zeros > 0 && rest != 0 && i < x.digits.len + 60; i++) {
        rest = rest * 10 % modulus;
        zeros--;
    }

    *multiple = (rest == 0);

    return MCP_OK;
}


size_t
mcp_decimal_format(int64_t micros, char *buf, size_t size)
{
    char      *p, text[32];
    size_t     len;
    unsigned   places;
    uint64_t   value;

    value = (micros < 0) ? 0 - (uint64_t) micros : (uint64_t) micros;
    places = 6;

    while (places > 0 && value % 10 == 0) {
        value /= 10;
        places--;
    }

    p = text + sizeof(text);

    if (places > 0) {
        while (places-- > 0) {
            *--p = (char) ('0' + value % 10);
            value /= 10;
        }

        *--p = '.';
    }

    do {
        *--p = (char) ('0' + value % 10);
        value /= 10;
    } while (value > 0);

    if (micros < 0) {
        *--p = '-';
    }

    len = (size_t) (text + sizeof(text) - p);

    if (len > size) {
        return 0;
    }

    memcpy(buf, p, len);

    if (len < size) {
        buf[len] = '\0';
    }

    return len;
}


mcp_rc_t
mcp_decimal_canonical(mcp_str_t s, uint8_t *dst, size_t *length)
{
    int64_t        magnitude, integer, fraction, count;
    mcp_decimal_t  d;

    if (mcp_decimal_parse(s, &d) != MCP_OK) {
        return MCP_ERROR;
    }

    if (d.count == 0) {
        dst[0] = '0';
        *length = 1;
        return MCP_OK;
    }

    magnitude = mcp_decimal_magnitude(&d);
    count = (int64_t) d.count;

    /* as written out in full: digits before the point, and after it */

    integer = (magnitude > 0) ? magnitude : 1;
    fraction = (count > magnitude) ? count - magnitude : 0;

    if (d.negative + integer + (fraction > 0) + fraction
        > MCP_DECIMAL_CANONICAL_MAX)
    {
        return MCP_ERROR;
    }

    *length = (size_t) (mcp_decimal_write(dst, &d, magnitude) - dst);

    return MCP_OK;
}


/* The caller has checked that all of it fits. */

static uint8_t *
mcp_decimal_write(uint8_t *dst, const mcp_decimal_t *d, int64_t magnitude)
{
    size_t   i;
    int64_t  place;

    if (d->negative) {
        *dst++ = '-';
    }

    if (magnitude <= 0) {
        *dst++ = '0';
        *dst++ = '.';

        for (place = magnitude; place < 0; place++) {
            *dst++ = '0';
        }
    }

    place = 0;

    for (i = 0; i < d->digits.len; i++) {
        if (d->digits.data[i] == '.') {
            continue;
        }

        if (place == magnitude && magnitude > 0) {
            *dst++ = '.';
        }

        *dst++ = d->digits.data[i];
        place++;
    }

    for ( /* void */ ; place < magnitude; place++) {
        *dst++ = '0';
    }

    return dst;
}


/* What most numbers are: whole, without a sign.  -1: some other, or none. */

static int64_t
mcp_decimal_small(mcp_str_t s)
{
    size_t   i;
    int64_t  value;

    if (s.len == 0 || s.len > MCP_DECIMAL_SMALL
        || (s.data[0] == '0' && s.len > 1))
    {
        return -1;
    }

    value = 0;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return -1;
        }

        value = value * 10 + (s.data[i] - '0');
    }

    return value;
}


static mcp_rc_t
mcp_decimal_parse(mcp_str_t s, mcp_decimal_t *d)
{
    const uint8_t  *p, *start, *point, *end, *last;

    memset(d, 0, sizeof(mcp_decimal_t));

    if (s.len == 0) {
        return MCP_ERROR;
    }

    p = s.data;
    end = p + s.len;

    if (*p == '-') {
        d->negative = true;
        p++;
    }

    start = p;
    p = mcp_decimal_digits(start, end);
    point = p;

    if (p == start || (*start == '0' && p - start > 1)) {
        return MCP_ERROR;
    }

    if (p < end && *p == '.') {
        p = mcp_decimal_digits(point + 1, end);

        if (p == point + 1) {
            return MCP_ERROR;
        }
    }

    last = p;

    if (p < end && (*p == 'e' || *p == 'E')) {
        p = mcp_decimal_exponent(p + 1, end, d);
    }

    if (p != end) {
        return MCP_ERROR;
    }

    mcp_decimal_normalize(d, start, point, last);

    return MCP_OK;
}


static const uint8_t *
mcp_decimal_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }

    return p;
}


/* NULL when there are no digits. */

static const uint8_t *
mcp_decimal_exponent(const uint8_t *p, const uint8_t *end, mcp_decimal_t *d)
{
    const uint8_t  *start;

    if (p < end && (*p == '+' || *p == '-')) {
        d->exponent_negative = (*p == '-');
        p++;
    }

    start = p;
    p = mcp_decimal_digits(start, end);

    if (p == start) {
        return NULL;
    }

    while (start < p && *start == '0') {
        start++;
    }

    d->exponent.data = start;
    d->exponent.len = (size_t) (p - start);

    return p;
}


/* "point" is where the integer part ends, whether a point stands there. */

static void
mcp_decimal_normalize(mcp_decimal_t *d, const uint8_t *start,
    const uint8_t *point, const uint8_t *end)
{
    while (start < end && (*start == '0' || *start == '.')) {
        start++;
    }

    while (end > start && (end[-1] == '0' || end[-1] == '.')) {
        end--;
    }

    if (start == end) {
        return;
    }

    d->digits.data = start;
    d->digits.len = (size_t) (end - start);
    d->count = d->digits.len - (start < point && point < end);
    d->point = (start < point) ? point - start : point + 1 - start;
}


/* Of two numbers that are not zero, their signs left out. */

static int
mcp_decimal_compare_magnitude(const mcp_decimal_t *a, const mcp_decimal_t *b)
{
    size_t   place;
    int64_t  difference;

    place = (a->exponent.len > b->exponent.len) ? a->exponent.len
                                                : b->exponent.len;
    difference = 0;

    /*
     * Once the leading digits of the exponents differ by this much, neither
     * their other digits nor the positions of the points can make up for it.
     */

    while (place-- > 0 && difference < MCP_DECIMAL_EXPONENT_MAX / 16
           && difference > -MCP_DECIMAL_EXPONENT_MAX / 16)
    {
        difference = difference * 10 + mcp_decimal_exponent_digit(a, place)
                     - mcp_decimal_exponent_digit(b, place);
    }

    difference += a->point - b->point;

    if (difference != 0) {
        return (difference < 0) ? -1 : 1;
    }

    return mcp_decimal_compare_digits(a->digits, b->digits);
}


/* With its sign; "place" counts from the last digit, which is 0. */

static int
mcp_decimal_exponent_digit(const mcp_decimal_t *d, size_t place)
{
    int  digit;

    if (place >= d->exponent.len) {
        return 0;
    }

    digit = d->exponent.data[d->exponent.len - 1 - place] - '0';

    return d->exponent_negative ? -digit : digit;
}


static int
mcp_decimal_compare_digits(mcp_str_t a, mcp_str_t b)
{
    size_t  i, k;

    i = 0;
    k = 0;

    for ( ;; ) {
        if (i < a.len && a.data[i] == '.') {
            i++;
        }

        if (k < b.len && b.data[k] == '.') {
            k++;
        }

        if (i == a.len || k == b.len) {
            /* no trailing zeros, so the longer one is larger */
            return (i < a.len) - (k < b.len);
        }

        if (a.data[i] != b.data[k]) {
            return (a.data[i] < b.data[k]) ? -1 : 1;
        }

        i++;
        k++;
    }
}


/*
 * The number of digits before the point, negative for zeros after it.
 * Saturates far beyond what any other place of the number can reach.
 */

static int64_t
mcp_decimal_magnitude(const mcp_decimal_t *d)
{
    size_t   place;
    int64_t  exponent;

    exponent = 0;
    place = d->exponent.len;

    while (place-- > 0 && exponent < MCP_DECIMAL_EXPONENT_MAX / 16
           && exponent > -MCP_DECIMAL_EXPONENT_MAX / 16)
    {
        exponent = exponent * 10 + mcp_decimal_exponent_digit(d, place);
    }

    return exponent + d->point;
}
