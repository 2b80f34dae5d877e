/*
 * Three numbers from one input, divided by line feeds: their order against a
 * slow reference that writes all digits out, and against each other.
 */

#include "fuzz.h"

#include "mcp_decimal.h"


#define NUMBERS         3
#define PLACES          512     /* before and after the point */
#define REFERENCE_MAX   200     /* of an exponent, and of a length */


typedef struct {
    bool     negative;
    bool     zero;
    uint8_t  digits[2 * PLACES];
} reference_t;


static size_t
digits(mcp_str_t s, size_t i)
{
    while (i < s.len && s.data[i] >= '0' && s.data[i] <= '9') {
        i++;
    }

    return i;
}


/* RFC 8259, section 6, rule by rule. */

static bool
reference_valid(mcp_str_t s)
{
    size_t  i, start;

    i = (s.len > 0 && s.data[0] == '-');
    start = i;
    i = digits(s, i);

    if (i == start || (s.data[start] == '0' && i != start + 1)) {
        return false;
    }

    if (i < s.len && s.data[i] == '.') {
        start = i + 1;
        i = digits(s, start);

        if (i == start) {
            return false;
        }
    }

    if (i < s.len && (s.data[i] | 0x20) == 'e') {
        i++;
        i += (i < s.len && (s.data[i] == '+' || s.data[i] == '-'));
        start = i;
        i = digits(s, start);

        if (i == start) {
            return false;
        }
    }

    return i == s.len;
}


/* False when the number is too large to be written out. */

static bool
reference_read(mcp_str_t s, reference_t *r)
{
    int     exponent, sign, place, point;
    size_t  i, end;

    memset(r, 0, sizeof(reference_t));

    if (s.len > REFERENCE_MAX) {
        return false;
    }

    end = 0;

    while (end < s.len && (s.data[end] | 0x20) != 'e') {
        end++;
    }

    exponent = 0;
    sign = 1;

    for (i = end + 1; i < s.len; i++) {
        if (s.data[i] == '-') {
            sign = -1;

        } else if (s.data[i] != '+') {
            exponent = exponent * 10 + (s.data[i] - '0');

            if (exponent > REFERENCE_MAX) {
                return false;
            }
        }
    }

    r->negative = (s.data[0] == '-');
    i = r->negative;
    point = 0;

    while (i + (size_t) point < end && s.data[i + (size_t) point] != '.') {
        point++;
    }

    place = PLACES - point - sign * exponent;

    for ( /* void */ ; i < end; i++) {
        if (s.data[i] != '.') {
            r->digits[place++] = (uint8_t) (s.data[i] - '0');
        }
    }

    r->zero = true;

    for (i = 0; i < sizeof(r->digits); i++) {
        r->zero = r->zero && r->digits[i] == 0;
    }

    return true;
}


static int
reference_compare(const reference_t *a, const reference_t *b)
{
    int  order;

    if (a->zero && b->zero) {
        return 0;
    }

    if (a->zero || b->zero || a->negative != b->negative) {
        if (a->zero) {
            return b->negative ? 1 : -1;
        }

        return a->negative ? -1 : 1;
    }

    order = memcmp(a->digits, b->digits, sizeof(a->digits));

    return a->negative ? -order : order;
}


static int
sign_of(int order)
{
    return (order > 0) - (order < 0);
}


static void
check_amount(mcp_str_t s, const reference_t *r)
{
    char         text[32];
    bool         fraction, fine;
    size_t       i, length;
    int64_t      micros, again;
    uint64_t     value;
    mcp_error_t  error;

    fraction = false;

    for (i = PLACES; i < 2 * PLACES; i++) {
        fraction = fraction || r->digits[i] != 0;
    }

    check(mcp_decimal_integral(s) == !fraction);

    fine = r->zero || !r->negative;
    value = 0;

    for (i = 0; i < 2 * PLACES && fine; i++) {
        if (i < PLACES + 6) {
            fine = value <= MCP_DECIMAL_MAX / 10;
            value = value * 10 + r->digits[i];

        } else {
            fine = r->digits[i] == 0;
        }
    }

    fine = fine && value <= MCP_DECIMAL_MAX;

    error.text[0] = '\0';
    check((mcp_decimal_micros(s, &micros, &error) == MCP_OK) == fine);
    check(fine == (error.text[0] == '\0'));

    if (fine) {
        check((uint64_t) micros == value);
        length = mcp_decimal_format(micros, text, sizeof(text));
        check(length > 0 && length == strlen(text));
        check(mcp_decimal_micros((mcp_str_t) { (uint8_t *) text, length },
                                 &again, NULL) == MCP_OK && again == micros);
    }
}


static void
check_number(mcp_str_t s)
{
    int          order;
    size_t       length;
    uint8_t     *text;
    int64_t      micros;
    mcp_str_t    canonical;
    reference_t  r;

    check(mcp_decimal_valid(s) == reference_valid(s));

    text = malloc(MCP_DECIMAL_CANONICAL_MAX);
    check(text != NULL);

    if (!mcp_decimal_valid(s)) {
        check(mcp_decimal_compare(s, mcp_str("0"), &order) == MCP_ERROR);
        check(mcp_decimal_micros(s, &micros, NULL) == MCP_ERROR);
        check(mcp_decimal_canonical(s, text, &length) == MCP_ERROR);
        free(text);
        return;
    }

    check(mcp_decimal_compare(s, s, &order) == MCP_OK && order == 0);

    if (mcp_decimal_canonical(s, text, &length) == MCP_OK) {
        check(length <= MCP_DECIMAL_CANONICAL_MAX);
        canonical = (mcp_str_t) { text, length };
        check(mcp_decimal_compare(s, canonical, &order) == MCP_OK
              && order == 0);
    }

    if (reference_read(s, &r)) {
        check_amount(s, &r);
    }

    free(text);
}


static void
check_pair(mcp_str_t a, mcp_str_t b)
{
    int          order, reverse;
    bool         same;
    size_t       length[2];
    uint8_t      text[2][MCP_DECIMAL_CANONICAL_MAX];
    mcp_rc_t     rc[2];
    reference_t  x, y;

    check(mcp_decimal_compare(a, b, &order) == MCP_OK);
    check(mcp_decimal_compare(b, a, &reverse) == MCP_OK);
    check(sign_of(order) == -sign_of(reverse));

    rc[0] = mcp_decimal_canonical(a, text[0], &length[0]);
    rc[1] = mcp_decimal_canonical(b, text[1], &length[1]);

    if (order == 0) {
        check(rc[0] == rc[1]);
    }

    if (rc[0] == MCP_OK && rc[1] == MCP_OK) {
        same = length[0] == length[1]
               && memcmp(text[0], text[1], length[0]) == 0;
        check(same == (order == 0));
    }

    if (reference_read(a, &x) && reference_read(b, &y)) {
        check(sign_of(order) == sign_of(reference_compare(&x, &y)));
    }
}


static void
check_triple(const mcp_str_t *s)
{
    int  ab, bc, ac;

    check(mcp_decimal_compare(s[0], s[1], &ab) == MCP_OK);
    check(mcp_decimal_compare(s[1], s[2], &bc) == MCP_OK);
    check(mcp_decimal_compare(s[0], s[2], &ac) == MCP_OK);

    if (ab <= 0 && bc <= 0) {
        check(ac <= 0);
    }

    if (ab >= 0 && bc >= 0) {
        check(ac >= 0);
    }

    if (ab == 0) {
        check(sign_of(ac) == sign_of(bc));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool        valid;
    size_t      i, k, n;
    uint8_t    *copies[NUMBERS];
    mcp_str_t   s[NUMBERS];

    i = 0;
    valid = true;

    for (n = 0; n < NUMBERS; n++) {
        for (k = i; k < size && data[k] != '\n'; k++) {
            /* void */
        }

        /* a block of its own, so that reading beyond it is seen */

        copies[n] = malloc(k - i + (k == i));
        check(copies[n] != NULL);

        if (k > i) {
            memcpy(copies[n], data + i, k - i);
        }

        s[n] = (mcp_str_t) { copies[n], k - i };
        i = (k < size) ? k + 1 : size;

        check_number(s[n]);
        valid = valid && mcp_decimal_valid(s[n]);
    }

    if (valid) {
        check_pair(s[0], s[1]);
        check_pair(s[1], s[2]);
        check_pair(s[0], s[2]);
        check_triple(s);
    }

    for (n = 0; n < NUMBERS; n++) {
        free(copies[n]);
    }

    return 0;
}
