#include <time.h>

#include "tap.h"
#include "mcp_decimal.h"


static const char  *valid[] = {
    "0", "-0", "1", "10", "-10", "0.0", "0.5", "-0.5", "1e1", "1E1", "1e+1",
    "1e-1", "1.5e10", "0e0", "0e999999999999999999999", "1e0000", "1e-0",
    "9223372036854775808", "123.4560"
};

static const char  *invalid[] = {
    "", "-", "+", "+5", "05", "-05", "00", "0x5", ".5", "5.", "-.5", "5.e1",
    "1e", "1e+", "1e-", "1e1.0", "e1", "1 ", " 1", "1,0", "1_000", "NaN",
    "Infinity", "-Infinity", "1e1e1", "1.2.3", "--1", "1-", "true", "\"5\"",
    "1e 1", "0.-1"
};

/* Ordered by value; spellings on one line are equal. */
static const char  *ladder[][6] = {
    { "-1e99999999999999999999" },
    { "-1e99999999999999999998" },
    { "-1e999999999" },
    { "-9223372036854775809" },
    { "-9223372036854775808", "-9223372036854775808.000" },
    { "-100", "-1e2", "-1E+2", "-100.0", "-1000e-1", "-0.1e3" },
    { "-1.5", "-15e-1" },
    { "-1" },
    { "-0.000001", "-1e-6" },
    { "-1e-999999999" },
    { "0", "-0", "0.0", "0e5", "-0.000e-7", "0e99999999999999999999" },
    { "1e-99999999999999999999", "10e-100000000000000000000" },
    { "1e-999999999" },
    { "0.000001", "1e-6", "0.1e-5", "0.0000010" },
    { "0.1", "1e-1", "0.10", "10e-2" },
    { "0.10000000000000000000000000000000000000001" },
    { "0.3", "3e-1" },
    { "0.30000000000000004" },
    { "1", "1.0", "1e0", "10e-1", "0.01e2", "1e00000000000000000000000" },
    { "5", "5.0", "50e-1", "0.5e1", "5e-0", "5E+0" },
    { "9.99" },
    { "10", "1e1", "10.0", "1.0e1" },
    { "100.5", "1005e-1" },
    { "9007199254740992" },
    { "9007199254740993" },
    { "9223372036854775807" },
    { "9223372036854775808" },
    { "18446744073709551616", "1844674407370955161.6e1" },
    { "1e400" },
    { "1e999999999", "10e999999998" },
    { "1.5e999999999", "15e999999998" },
    { "1e99999999999999999998", "0.1e99999999999999999999" },
    { "1e99999999999999999999", "100e99999999999999999997" },
    { "1.0000001e99999999999999999999" },
    { "1e100000000000000000000", "10e99999999999999999999" },
};

typedef struct {
    const char  *text;
    int64_t      micros;
} amount_t;

static const amount_t  amounts[] = {
    { "0", 0 }, { "-0", 0 }, { "-0.0e5", 0 }, { "1", 1000000 },
    { "1e0", 1000000 }, { "1.0", 1000000 }, { "0.99", 990000 },
    { "0.000001", 1 }, { "1e-6", 1 }, { "1.000000000", 1000000 },
    { "0.0000010", 1 }, { "25e-1", 2500000 }, { "2305843009213.693951",
      INT64_MAX / 4 }, { "2305843009213693951e-6", INT64_MAX / 4 },
    { "1e12", INT64_C(1000000000000000000) }, { "12.345", 12345000 },
    { "0e99999999999999999999", 0 }
};

typedef struct {
    const char  *text;
    const char  *message;
} refusal_t;

static const refusal_t  refusals[] = {
    { "-1", "is negative" }, { "-0.000001", "is negative" },
    { "-1e999999999", "is negative" },
    { "0.0000001", "has more than six decimal places" },
    { "1.0000001", "has more than six decimal places" },
    { "1e-7", "has more than six decimal places" },
    { "1e-99999999999999999999", "has more than six decimal places" },
    { "2305843009213.693952", "is over 2305843009213" },
    { "9999999999999.999999", "is over 2305843009213" },
    { "99999999999999", "is over 2305843009213" },
    { "1e30", "is over 2305843009213" },
    { "1e99999999999999999999", "is over 2305843009213" },
    { "05", "is not a number as JSON spells it" },
    { "", "is not a number as JSON spells it" },
    { "1 ", "is not a number as JSON spells it" }
};

static const refusal_t  canonical[] = {
    { "0", "0" }, { "-0", "0" }, { "0.00e7", "0" }, { "1e1", "10" },
    { "10.0", "10" }, { "10", "10" }, { "-1e2", "-100" }, { "0.5", "0.5" },
    { "5e-1", "0.5" }, { "1.50", "1.5" }, { "15e-1", "1.5" },
    { "123.456e1", "1234.56" }, { "123.456e-5", "0.00123456" },
    { "123.456e3", "123456" }, { "123.456e5", "12345600" },
    { "-12.5e-1", "-1.25" },
    { "1e63",
      "1000000000000000000000000000000000000000000000000000000000000000" },
    { "-1e62",
      "-100000000000000000000000000000000000000000000000000000000000000" },
    { "1e-62",
      "0.00000000000000000000000000000000000000000000000000000000000001" },
};

static const char  *too_long[] = {
    "1e64", "-1e63", "1e-63", "-1e-62", "1e999999999",
    "1e-99999999999999999999",
    "1.0000000000000000000000000000000000000000000000000000000000000001"
};

static const char  *integral[] = {
    "0", "-0.0", "5", "5.0", "50e-1", "1e2", "1.5e1", "1e99999999999999999999",
    "0e-99999999999999999999", "-123.4500e2", "100e-2"
};

static const char  *fractional[] = {
    "0.5", "5.01", "1e-1", "15e-1", "1e-99999999999999999999", "100e-3",
    "", "05"
};

#define count(table)  (sizeof(table) / sizeof((table)[0]))


static int
sign(int value)
{
    return (value > 0) - (value < 0);
}


static void
test_ladder(void)
{
    int     order;
    size_t  i, j, k, m, wrong;

    for (i = 0; i < count(ladder); i++) {
        wrong = 0;

        for (j = 0; j < count(ladder); j++) {
            for (k = 0; k < 6 && ladder[i][k]; k++) {
                for (m = 0; m < 6 && ladder[j][m]; m++) {
                    if (mcp_decimal_compare(tap_str(ladder[i][k]),
                                            tap_str(ladder[j][m]), &order)
                        != MCP_OK
                        || sign(order) != (i > j) - (i < j))
                    {
                        printf("# %s against %s\n", ladder[i][k],
                               ladder[j][m]);
                        wrong++;
                    }
                }
            }
        }

        ok(wrong == 0, "%s takes its place among all values", ladder[i][0]);
    }
}


static void
test_grammar(void)
{
    int     order;
    size_t  i;

    for (i = 0; i < count(valid); i++) {
        ok(mcp_decimal_valid(tap_str(valid[i])), "%s is valid", valid[i]);
    }

    for (i = 0; i < count(invalid); i++) {
        ok(!mcp_decimal_valid(tap_str(invalid[i]))
           && mcp_decimal_compare(tap_str(invalid[i]), mcp_str("1"), &order)
              == MCP_ERROR
           && mcp_decimal_compare(mcp_str("1"), tap_str(invalid[i]), &order)
              == MCP_ERROR,
           "'%s' is not valid", invalid[i]);
    }

    ok(!mcp_decimal_valid((mcp_str_t) { NULL, 0 }), "no bytes at all");
    ok(!mcp_decimal_valid((mcp_str_t) { (const uint8_t *) "1\0", 2 }),
       "a NUL byte");

    for (i = 0; i < count(integral); i++) {
        ok(mcp_decimal_integral(tap_str(integral[i])), "%s is integral",
           integral[i]);
    }

    for (i = 0; i < count(fractional); i++) {
        ok(!mcp_decimal_integral(tap_str(fractional[i])),
           "'%s' is not integral", fractional[i]);
    }
}


static void
test_micros(void)
{
    char         text[64], small[4];
    size_t       i, len;
    int64_t      micros;
    mcp_error_t  error;

    for (i = 0; i < count(amounts); i++) {
        micros = -1;

        ok(mcp_decimal_micros(tap_str(amounts[i].text), &micros, &error)
           == MCP_OK && micros == amounts[i].micros, "%s in millionths",
           amounts[i].text);

        len = mcp_decimal_format(micros, text, sizeof(text));
        ok(mcp_decimal_micros(tap_str(text), &micros, NULL) == MCP_OK
           && micros == amounts[i].micros && len == strlen(text),
           "%s is written as %s", amounts[i].text, text);
    }

    for (i = 0; i < count(refusals); i++) {
        error.text[0] = '\0';

        ok(mcp_decimal_micros(tap_str(refusals[i].text), &micros, &error)
           == MCP_ERROR && strcmp(error.text, refusals[i].message) == 0,
           "'%s' %s", refusals[i].text, error.text);
    }

    ok(mcp_decimal_micros(mcp_str("-1"), &micros, NULL) == MCP_ERROR,
       "refused without an error struct");

    (void) mcp_decimal_format(INT64_MIN, text, sizeof(text));
    is_str(tap_str(text), "-9223372036854.775808", "the smallest amount");
    (void) mcp_decimal_format(INT64_MAX, text, sizeof(text));
    is_str(tap_str(text), "9223372036854.775807", "the largest amount");
    (void) mcp_decimal_format(-500000, text, sizeof(text));
    is_str(tap_str(text), "-0.5", "a negative fraction");
    (void) mcp_decimal_format(30000000, text, sizeof(text));
    is_str(tap_str(text), "30", "no superfluous places");

    ok(mcp_decimal_format(1500000, small, 3) == 3
       && memcmp(small, "1.5", 3) == 0, "fits without a NUL");
    ok(mcp_decimal_format(1500000, small, 2) == 0, "does not fit");
}


static void
test_canonical(void)
{
    size_t   i, len;
    uint8_t  text[MCP_DECIMAL_CANONICAL_MAX];

    for (i = 0; i < count(canonical); i++) {
        len = 0;
        ok(mcp_decimal_canonical(tap_str(canonical[i].text), text, &len)
           == MCP_OK, "%s has a canonical spelling", canonical[i].text);
        is_str(((mcp_str_t) { text, len }), canonical[i].message,
               canonical[i].text);
    }

    for (i = 0; i < count(too_long); i++) {
        ok(mcp_decimal_canonical(tap_str(too_long[i]), text, &len)
           == MCP_ERROR, "%s has none", too_long[i]);
    }

    ok(mcp_decimal_canonical(mcp_str("05"), text, &len) == MCP_ERROR,
       "05 has none");
}


/* Linear: 100 KB compare in far less than the seconds of a quadratic loop. */

static void
test_long(void)
{
    int        order;
    char      *a, *b;
    clock_t    start;
    size_t     n;
    unsigned   i;
    mcp_str_t  x, y;

    n = 100000;
    a = malloc(n);
    b = malloc(n);

    if (a == NULL || b == NULL) {
        exit(2);
    }

    memset(a, '9', n);
    memset(b, '9', n);
    x = (mcp_str_t) { (uint8_t *) a, n };
    y = (mcp_str_t) { (uint8_t *) b, n };
    start = clock();

    ok(mcp_decimal_compare(x, y, &order) == MCP_OK && order == 0,
       "100 KB of digits equal themselves");

    b[n - 1] = '8';
    ok(mcp_decimal_compare(x, y, &order) == MCP_OK && order > 0,
       "the last of 100,000 digits decides");

    b[1] = '.';
    ok(mcp_decimal_compare(x, y, &order) == MCP_OK && order > 0,
       "a point moves the value");

    a[1] = 'e';
    b[1] = 'e';
    ok(mcp_decimal_compare(x, y, &order) == MCP_OK && order > 0,
       "the last digit of a 100 KB exponent decides");

    /* the same value: 10 ... 0 in full and as a power */

    memset(a, '0', n);
    a[0] = '1';
    ok(mcp_decimal_compare(x, mcp_str("1e99999"), &order) == MCP_OK
       && order == 0, "10^99999 in full");

    a[0] = '0';
    a[1] = '.';
    a[n - 1] = '1';
    ok(mcp_decimal_compare(x, mcp_str("1e-99998"), &order) == MCP_OK
       && order == 0, "10^-99998 in full");

    for (i = 0; i < 100; i++) {
        (void) mcp_decimal_compare(x, y, &order);
    }

    ok(clock() - start < 2 * CLOCKS_PER_SEC, "in linear time");

    free(a);
    free(b);
}


int
main(void)
{
    test_grammar();
    test_ladder();
    test_micros();
    test_canonical();
    test_long();

    return tap_done();
}
