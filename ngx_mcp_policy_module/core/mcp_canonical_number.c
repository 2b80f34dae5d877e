/*
 * From a decimal spelling to the nearest IEEE 754 double, ties to even, and
 * from there to the fewest decimal digits that name this double, those
 * nearest to it if there are several: ECMAScript, Number::toString.  The
 * second half is Steele and White's method as Burger and Dybvig, "Printing
 * Floating-Point Numbers Quickly and Accurately", have it.
 */

#include "mcp_canonical.h"


/*
 * Of a spelling so many digits count, and whether any follow: the exact
 * middle of two doubles has at most 768.
 */
#define MCP_DIGITS_MAX       800

/*
 * Decimals of so many digits never share a double within these exponents, so
 * a spelling that short is already the shortest one.
 */
#define MCP_DIGITS_EXACT     15
#define MCP_EXACT_POINT      300

/* 0.DIGITS times ten to the power of more or less is infinite or zero. */
#define MCP_POINT_MAX        310
#define MCP_POINT_MIN        -330

#define MCP_MANTISSA_BITS    53
#define MCP_MANTISSA_TOP     (UINT64_C(1) << (MCP_MANTISSA_BITS - 1))
#define MCP_EXPONENT_MIN     -1074
#define MCP_EXPONENT_MAX     971

/*
 * Natural numbers, least limb first.  The longest: 801 digits over ten to
 * the power of 1131, brought to a quotient of 64 bits.
 */
#define MCP_BIG_LIMBS        160

typedef struct {
    uint32_t  count;                    /* without leading zeros */
    uint32_t  limbs[MCP_BIG_LIMBS];
} mcp_big_t;


/* 0.DIGITS times ten to the power of "point". */
typedef struct {
    uint8_t   digits[MCP_DIGITS_MAX + 1];
    uint32_t  count;
    int64_t   point;
    bool      negative;
} mcp_digits_t;

/* mantissa times two to the power of exponent */
typedef struct {
    uint64_t  mantissa;
    int       exponent;
} mcp_binary_t;

/* The state of writing a double: r/s is what is left of it. */
typedef struct {
    mcp_big_t  r;
    mcp_big_t  s;
    mcp_big_t  plus;        /* over s: half way to the next double */
    mcp_big_t  minus;       /* to the one before */
    bool       even;        /* the middle itself reads back as this one */
} mcp_shortest_t;


static void mcp_digits_read(mcp_str_t s, mcp_digits_t *d);
static int64_t mcp_digits_exponent(const uint8_t *p, const uint8_t *end);
static bool mcp_digits_shortest(const mcp_digits_t *d);
static size_t mcp_digits_write(const mcp_digits_t *d, uint8_t *dst);
static size_t mcp_digits_write_exponent(uint8_t *dst, int64_t exponent);
static mcp_rc_t mcp_binary_read(const mcp_digits_t *d, mcp_binary_t *b);
static uint64_t mcp_binary_quotient(mcp_big_t *num, mcp_big_t *den,
    int *exponent);
static mcp_rc_t mcp_binary_round(uint64_t quotient, int exponent,
    bool remainder, mcp_binary_t *b);
static void mcp_binary_write(const mcp_binary_t *b, mcp_digits_t *d);
static void mcp_shortest_start(mcp_shortest_t *w, const mcp_binary_t *b);
static int mcp_shortest_scale(mcp_shortest_t *w, const mcp_binary_t *b);
static bool mcp_shortest_digit(mcp_shortest_t *w, uint8_t *digit);
static bool mcp_shortest_reaches(const mcp_shortest_t *w);
static void mcp_big_set(mcp_big_t *a, uint64_t value);
static unsigned mcp_big_bits(const mcp_big_t *a);
static void mcp_big_multiply(mcp_big_t *a, uint32_t factor, uint32_t carry);
static void mcp_big_scale(mcp_big_t *a, unsigned power);
static void mcp_big_shift(mcp_big_t *a, unsigned bits);
static int mcp_big_compare(const mcp_big_t *a, const mcp_big_t *b);
static void mcp_big_add(mcp_big_t *a, const mcp_big_t *b);
static uint32_t mcp_big_divide(mcp_big_t *a, const mcp_big_t *b,
    unsigned offset);
static bool mcp_big_subtract(mcp_big_t *a, const mcp_big_t *b,
    unsigned offset, uint32_t factor);
static bool mcp_big_add_back(mcp_big_t *a, const mcp_big_t *b,
    unsigned offset);
static void mcp_big_trim(mcp_big_t *a);


size_t
mcp_canonical_number(mcp_str_t number, uint8_t dst[MCP_CANONICAL_NUMBER_MAX])
{
    mcp_binary_t  b;
    mcp_digits_t  d;

    mcp_digits_read(number, &d);

    if (d.count != 0 && !mcp_digits_shortest(&d)) {

        if (mcp_binary_read(&d, &b) != MCP_OK) {
            return 0;
        }

        mcp_binary_write(&b, &d);
    }

    if (d.count == 0) {
        dst[0] = '0';            /* -0, too */
        return 1;
    }

    return mcp_digits_write(&d, dst);
}


/* The tokenizer has checked the grammar. */
static void
mcp_digits_read(mcp_str_t s, mcp_digits_t *d)
{
    bool            fraction;
    int64_t         point;
    uint32_t        zeros;
    const uint8_t  *p, *end;

    p = s.data;
    end = p + s.len;

    d->count = 0;
    d->negative = p < end && *p == '-';
    p += d->negative;

    point = 0;
    zeros = 0;                   /* read, but not yet kept */
    fraction = false;

    for ( /* void */ ; p < end && (*p | 0x20) != 'e'; p++) {

        if (*p == '.') {
            fraction = true;
            continue;
        }

        if (d->count == 0 && *p == '0') {
            point -= fraction;
            continue;
        }

        point += !fraction;

        if (*p == '0') {
            zeros++;
            continue;
        }

        for ( /* void */ ; zeros > 0 && d->count < MCP_DIGITS_MAX; zeros--) {
            d->digits[d->count++] = '0';
        }

        zeros = 0;

        /* what is dropped only has to be more than nothing */

        if (d->count < MCP_DIGITS_MAX) {
            d->digits[d->count++] = *p;

        } else {
            d->digits[MCP_DIGITS_MAX] = '1';
            d->count = MCP_DIGITS_MAX + 1;
        }
    }

    d->point = point + (p < end ? mcp_digits_exponent(p + 1, end) : 0);
}


/* No longer exact where it no longer matters. */
static int64_t
mcp_digits_exponent(const uint8_t *p, const uint8_t *end)
{
    bool     negative;
    int64_t  exponent;

    negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');

    for (exponent = 0; p < end && exponent < INT64_MAX / 100; p++) {
        exponent = exponent * 10 + (*p - '0');
    }

    return negative ? -exponent : exponent;
}


/* Whether no double between needs looking at. */
static bool
mcp_digits_shortest(const mcp_digits_t *d)
{
    static const uint8_t  largest[] = "9007199254740992";

    if (d->count <= MCP_DIGITS_EXACT) {
        return d->point <= MCP_EXACT_POINT && d->point >= -MCP_EXACT_POINT;
    }

    /* integers up to 2 to the power of 53 */

    return d->count == sizeof(largest) - 1 && d->point == d->count
           && memcmp(d->digits, largest, d->count) <= 0;
}


/* Number::toString, steps 6 to 12 (ECMA-262, 6.1.6.1.20). */
static size_t
mcp_digits_write(const mcp_digits_t *d, uint8_t *dst)
{
    size_t    head;
    int64_t   k, n;
    uint8_t  *p;

    p = dst;
    k = d->count;
    n = d->point;

    if (d->negative) {
        *p++ = '-';
    }

    if (n > -6 && n <= 0) {
        *p++ = '0';
        *p++ = '.';
        memset(p, '0', (size_t) -n);
        p += -n;
        head = 0;

    } else {
        head = n > 0 && n <= 21 ? (size_t) (k < n ? k : n) : 1;

        memcpy(p, d->digits, head);
        p += head;

        if (n > k && n <= 21) {
            memset(p, '0', (size_t) (n - k));
            p += n - k;
        }

        if (head < d->count) {
            *p++ = '.';
        }
    }

    memcpy(p, d->digits + head, d->count - head);
    p += d->count - head;

    if (n <= -6 || n > 21) {
        p += mcp_digits_write_exponent(p, n - 1);
    }

    return (size_t) (p - dst);
}


static size_t
mcp_digits_write_exponent(uint8_t *dst, int64_t exponent)
{
    uint8_t   digits[4];
    unsigned  i, rest;
    uint8_t  *p;

    p = dst;
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';

    rest = (unsigned) (exponent < 0 ? -exponent : exponent);
    i = sizeof(digits);

    do {
        digits[--i] = (uint8_t) ('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);

    memcpy(p, &digits[i], sizeof(digits) - i);

    return (size_t) (p - dst) + sizeof(digits) - i;
}


/* MCP_ERROR: infinite. */
static mcp_rc_t
mcp_binary_read(const mcp_digits_t *d, mcp_binary_t *b)
{
    int        exponent;
    int64_t    power;
    uint32_t   i;
    uint64_t   quotient;
    mcp_big_t  num, den;

    if (d->point > MCP_POINT_MAX) {
        return MCP_ERROR;
    }

    b->mantissa = 0;
    b->exponent = 0;

    if (d->point < MCP_POINT_MIN) {
        return MCP_OK;
    }

    mcp_big_set(&num, 0);
    mcp_big_set(&den, 1);

    for (i = 0; i < d->count; i++) {
        mcp_big_multiply(&num, 10, (uint32_t) (d->digits[i] - '0'));
    }

    power = d->point - d->count;

    if (power >= 0) {
        mcp_big_scale(&num, (unsigned) power);

    } else {
        mcp_big_scale(&den, (unsigned) -power);
    }

    quotient = mcp_binary_quotient(&num, &den, &exponent);

    return mcp_binary_round(quotient, exponent, num.count != 0, b);
}


/*
 * 63 or 64 bits of num/den, and what they are to be multiplied with; the
 * remainder stays in "num".
 */
static uint64_t
mcp_binary_quotient(mcp_big_t *num, mcp_big_t *den, int *exponent)
{
    int       shift;
    unsigned  bits, limbs;
    uint64_t  high;

    bits = -mcp_big_bits(den) % 32;
    mcp_big_shift(den, bits);

    *exponent = (int) bits;
    shift = 63 + (int) mcp_big_bits(den) - (int) mcp_big_bits(num);

    /* the divisor has to keep its top bit where it is */

    limbs = shift < 0 ? ((unsigned) -shift + 31) / 32 : 0;
    mcp_big_shift(den, limbs * 32);

    *exponent += (int) (limbs * 32);
    shift += (int) (limbs * 32);

    mcp_big_shift(num, (unsigned) shift);
    *exponent -= shift;

    high = mcp_big_divide(num, den, 1);

    return high << 32 | mcp_big_divide(num, den, 0);
}


static mcp_rc_t
mcp_binary_round(uint64_t quotient, int exponent, bool remainder,
    mcp_binary_t *b)
{
    int       drop;
    uint64_t  rest, half;

    drop = quotient >> 63 ? 64 - MCP_MANTISSA_BITS : 63 - MCP_MANTISSA_BITS;

    if (exponent + drop < MCP_EXPONENT_MIN) {
        drop = MCP_EXPONENT_MIN - exponent;
    }

    if (drop > 64) {
        return MCP_OK;           /* less than half of the least */
    }

    b->exponent = exponent + drop;
    b->mantissa = drop < 64 ? quotient >> drop : 0;

    rest = drop < 64 ? quotient & ((UINT64_C(1) << drop) - 1) : quotient;
    half = UINT64_C(1) << (drop - 1);

    if (rest > half
        || (rest == half && (remainder || (b->mantissa & 1) != 0)))
    {
        b->mantissa++;
    }

    if (b->mantissa == 2 * MCP_MANTISSA_TOP) {
        b->mantissa = MCP_MANTISSA_TOP;
        b->exponent++;
    }

    return b->exponent > MCP_EXPONENT_MAX ? MCP_ERROR : MCP_OK;
}


static void
mcp_binary_write(const mcp_binary_t *b, mcp_digits_t *d)
{
    bool            last;
    uint8_t         digit;
    mcp_shortest_t  w;

    d->count = 0;

    if (b->mantissa == 0) {
        return;
    }

    mcp_shortest_start(&w, b);
    d->point = mcp_shortest_scale(&w, b);

    /* 17 digits name any double */

    do {
        last = mcp_shortest_digit(&w, &digit);
        d->digits[d->count++] = (uint8_t) ('0' + digit);
    } while (!last && d->count < 17);
}


static void
mcp_shortest_start(mcp_shortest_t *w, const mcp_binary_t *b)
{
    bool      narrow;
    unsigned  up, down;

    /* below a power of two the doubles are twice as dense */

    narrow = b->mantissa == MCP_MANTISSA_TOP
             && b->exponent > MCP_EXPONENT_MIN;

    up = b->exponent > 0 ? (unsigned) b->exponent : 0;
    down = b->exponent < 0 ? (unsigned) -b->exponent : 0;

    w->even = (b->mantissa & 1) == 0;

    mcp_big_set(&w->r, b->mantissa);
    mcp_big_shift(&w->r, up + 1 + narrow);

    mcp_big_set(&w->s, 1);
    mcp_big_shift(&w->s, down + 1 + narrow);

    mcp_big_set(&w->plus, 1);
    mcp_big_shift(&w->plus, up + narrow);

    mcp_big_set(&w->minus, 1);
    mcp_big_shift(&w->minus, up);
}


/* Brings r/s below 1; returns the power of ten that this took. */
static int
mcp_shortest_scale(mcp_shortest_t *w, const mcp_binary_t *b)
{
    int       top, power;
    unsigned  bits;

    top = b->exponent + 63 - __builtin_clzll(b->mantissa);

    /*
     * 78913 / 2^18 is log10(2), close enough for any exponent of a double,
     * added to which 1,100 keeps the shift from negative numbers.  The power
     * is right or one too low.
     */
    power = (int) ((unsigned) (top * 78913 + (1100 << 18)) >> 18) - 1100 + 1;

    if (power >= 0) {
        mcp_big_scale(&w->s, (unsigned) power);

    } else {
        mcp_big_scale(&w->r, (unsigned) -power);
        mcp_big_scale(&w->plus, (unsigned) -power);
        mcp_big_scale(&w->minus, (unsigned) -power);
    }

    if (mcp_shortest_reaches(w)) {
        mcp_big_multiply(&w->s, 10, 0);
        power++;
    }

    bits = -mcp_big_bits(&w->s) % 32;

    mcp_big_shift(&w->r, bits);
    mcp_big_shift(&w->s, bits);
    mcp_big_shift(&w->plus, bits);
    mcp_big_shift(&w->minus, bits);

    return power;
}


/* True for the last one. */
static bool
mcp_shortest_digit(mcp_shortest_t *w, uint8_t *digit)
{
    int   order;
    bool  low, high;

    mcp_big_multiply(&w->r, 10, 0);
    mcp_big_multiply(&w->plus, 10, 0);
    mcp_big_multiply(&w->minus, 10, 0);

    *digit = (uint8_t) mcp_big_divide(&w->r, &w->s, 0);

    order = mcp_big_compare(&w->r, &w->minus);
    low = order < 0 || (order == 0 && w->even);
    high = mcp_shortest_reaches(w);

    if (!low && !high) {
        return false;
    }

    if (low && high) {
        mcp_big_shift(&w->r, 1);
        order = mcp_big_compare(&w->r, &w->s);
        high = order > 0 || (order == 0 && (*digit & 1) != 0);
    }

    *digit += high;

    return true;
}


/* Whether adding 1 to the digit would name this double as well. */
static bool
mcp_shortest_reaches(const mcp_shortest_t *w)
{
    int        order;
    mcp_big_t  sum;

    sum = w->r;
    mcp_big_add(&sum, &w->plus);
    order = mcp_big_compare(&sum, &w->s);

    return order > 0 || (order == 0 && w->even);
}


static void
mcp_big_set(mcp_big_t *a, uint64_t value)
{
    a->limbs[0] = (uint32_t) value;
    a->limbs[1] = (uint32_t) (value >> 32);
    a->count = 2;

    mcp_big_trim(a);
}


static unsigned
mcp_big_bits(const mcp_big_t *a)
{
    if (a->count == 0) {
        return 0;
    }

    return a->count * 32 - (unsigned) __builtin_clz(a->limbs[a->count - 1]);
}


static void
mcp_big_multiply(mcp_big_t *a, uint32_t factor, uint32_t carry)
{
    uint32_t  i;
    uint64_t  product;

    for (i = 0; i < a->count; i++) {
        product = (uint64_t) a->limbs[i] * factor + carry;
        a->limbs[i] = (uint32_t) product;
        carry = (uint32_t) (product >> 32);
    }

    if (carry != 0 && a->count < MCP_BIG_LIMBS) {
        a->limbs[a->count++] = carry;
    }
}


/* Times ten to the power of "power". */
static void
mcp_big_scale(mcp_big_t *a, unsigned power)
{
    for ( /* void */ ; power >= 9; power -= 9) {
        mcp_big_multiply(a, 1000000000, 0);
    }

    for ( /* void */ ; power > 0; power--) {
        mcp_big_multiply(a, 10, 0);
    }
}


static void
mcp_big_shift(mcp_big_t *a, unsigned bits)
{
    uint32_t  limbs, i;

    limbs = bits / 32;

    if (a->count == 0 || limbs > MCP_BIG_LIMBS - a->count) {
        return;
    }

    if (bits % 32 != 0) {
        mcp_big_multiply(a, UINT32_C(1) << bits % 32, 0);
    }

    if (limbs == 0 || limbs > MCP_BIG_LIMBS - a->count) {
        return;
    }

    memmove(a->limbs + limbs, a->limbs, a->count * sizeof(uint32_t));

    for (i = 0; i < limbs; i++) {
        a->limbs[i] = 0;
    }

    a->count += limbs;
}


static int
mcp_big_compare(const mcp_big_t *a, const mcp_big_t *b)
{
    uint32_t  i;

    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }

    for (i = a->count; i-- > 0; /* void */ ) {
        if (a->limbs[i] != b->limbs[i]) {
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
        }
    }

    return 0;
}


static void
mcp_big_add(mcp_big_t *a, const mcp_big_t *b)
{
    uint32_t  i;
    uint64_t  sum;

    sum = 0;

    for (i = 0; i < a->count || i < b->count; i++) {
        sum += i < a->count ? a->limbs[i] : 0;
        sum += i < b->count ? b->limbs[i] : 0;
        a->limbs[i] = (uint32_t) sum;
        sum >>= 32;
    }

    a->count = i;

    if (sum != 0 && i < MCP_BIG_LIMBS) {
        a->limbs[a->count++] = (uint32_t) sum;
    }
}


/*
 * The quotient of "a" and "b" times 2 to the power of 32 * offset, which must
 * be less than 2^32; "a" becomes the remainder.  The top bit of b's top limb
 * is set, so that the guess is at most two too high (Knuth, 4.3.1, B).
 */
static uint32_t
mcp_big_divide(mcp_big_t *a, const mcp_big_t *b, unsigned offset)
{
    uint32_t  top;
    uint64_t  guess;

    top = b->count + offset;

    if (a->count < top) {
        return 0;
    }

    guess = a->limbs[top - 1];

    if (a->count > top) {
        guess |= (uint64_t) a->limbs[top] << 32;
    }

    guess /= b->limbs[b->count - 1];

    if (guess > UINT32_MAX) {
        guess = UINT32_MAX;
    }

    if (mcp_big_subtract(a, b, offset, (uint32_t) guess)) {
        do {
            guess--;
        } while (!mcp_big_add_back(a, b, offset));
    }

    mcp_big_trim(a);

    return (uint32_t) guess;
}


/* a -= b * factor; true when that was too much. */
static bool
mcp_big_subtract(mcp_big_t *a, const mcp_big_t *b, unsigned offset,
    uint32_t factor)
{
    uint32_t  i, n;
    uint64_t  product, carry, take;

    carry = 0;

    for (i = 0; i < b->count; i++) {
        n = i + offset;
        product = (uint64_t) b->limbs[i] * factor + carry;
        take = (uint32_t) product;
        carry = (product >> 32) + (a->limbs[n] < take);
        a->limbs[n] -= (uint32_t) take;
    }

    n = b->count + offset;

    if (n < a->count) {
        take = carry;
        carry = a->limbs[n] < take;
        a->limbs[n] -= (uint32_t) take;
    }

    return carry != 0;
}


/* a += b; true when that brings it above zero again. */
static bool
mcp_big_add_back(mcp_big_t *a, const mcp_big_t *b, unsigned offset)
{
    uint32_t  i, n;
    uint64_t  sum;

    sum = 0;

    for (i = 0; i < b->count; i++) {
        n = i + offset;
        sum += (uint64_t) a->limbs[n] + b->limbs[i];
        a->limbs[n] = (uint32_t) sum;
        sum >>= 32;
    }

    n = b->count + offset;

    if (n < a->count) {
        sum += a->limbs[n];
        a->limbs[n] = (uint32_t) sum;
        sum >>= 32;
    }

    return sum != 0;
}


static void
mcp_big_trim(mcp_big_t *a)
{
    while (a->count > 0 && a->limbs[a->count - 1] == 0) {
        a->count--;
    }
}
