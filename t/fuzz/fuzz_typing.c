/*
 * Equality as in policy files, against what it stands for: the gateway in Go
 * compares the texts that it prints of the two values, and numbers as 64-bit
 * floats.  What is equal is so for Go and by value; what is not equal is not
 * for either of them.
 *
 * Input: a digit for the type of the policy's value, its text, a line feed,
 * and the value of the call as JSON.
 */

#include "fuzz.h"

#include <math.h>

#include "mcp_decimal.h"
#include "mcp_typing.h"


#define DIGITS   17       /* that tell a double from any other */
#define PRINTED  64
#define NUMBER   512


static double
read_double(const char *text)
{
    double  value;

    check(sscanf(text, "%lf", &value) == 1);

    return value;
}


static double
number_double(mcp_str_t number)
{
    char  text[NUMBER + 1];

    memcpy(text, number.data, number.len);
    text[number.len] = '\0';

    return read_double(text);
}


/* Between -4 and 6 without a power of ten. */
static void
write_digits(char *dst, const char *digits, int power)
{
    int  i, count;

    count = (int) strlen(digits);

    if (power < -4 || power > 5) {
        (void) snprintf(dst, PRINTED - 1, "%c%s%se%c%02d", digits[0],
                        count > 1 ? "." : "", digits + 1,
                        power < 0 ? '-' : '+', abs(power));
        return;
    }

    if (power < 0) {
        *dst++ = '0';
        *dst++ = '.';
    }

    for (i = -1; i > power; i--) {
        *dst++ = '0';
    }

    for (i = 0; i < count || i <= power; i++) {
        if (i == power + 1 && power >= 0) {
            *dst++ = '.';
        }

        *dst++ = i < count ? digits[i] : '0';
    }

    *dst = '\0';
}


/* fmt.Sprint of a float64: the fewest digits that are read as the same. */
static void
print_double(char *dst, double value)
{
    int    i, count;
    char  *p, text[PRINTED], digits[DIGITS + 1];

    if (signbit(value)) {
        *dst++ = '-';
        value = -value;
    }

    if (value == 0 || isinf(value)) {
        memcpy(dst, value == 0 ? "0" : "+Inf", value == 0 ? 2 : 5);
        return;
    }

    for (i = 0; i < DIGITS; i++) {
        (void) snprintf(text, sizeof(text), "%.*e", i, value);

        if (read_double(text) == value) {
            break;
        }
    }

    count = 0;

    for (p = text; *p != 'e'; p++) {
        if (*p != '.') {
            digits[count++] = *p;
        }
    }

    digits[count] = '\0';
    write_digits(dst, digits, (int) strtol(p + 1, NULL, 10));
}


static bool
is_integer(mcp_str_t number)
{
    size_t  i;

    for (i = 0; i < number.len; i++) {
        if (number.data[i] != '-'
            && (number.data[i] < '0' || number.data[i] > '9'))
        {
            return false;
        }
    }

    return true;
}


static bool
prints_as(mcp_str_t number, mcp_str_t text)
{
    char  printed[PRINTED];

    print_double(printed, number_double(number));

    return mcp_str_equal(text, (mcp_str_t) { (uint8_t *) printed,
                                             strlen(printed) });
}


/* JSON has no text for it that differs from a number's own. */
static bool
same_value(mcp_str_t a, mcp_str_t b)
{
    int  order;

    return mcp_decimal_valid(b)
           && mcp_decimal_compare(a, b, &order) == MCP_OK && order == 0;
}


static void
check_numbers(mcp_equal_t equal, mcp_str_t call, mcp_str_t policy)
{
    bool  floats;

    floats = number_double(call) == number_double(policy);

    check(equal != MCP_EQUAL_NO
          || (!floats && !same_value(call, policy)));
    check(equal != MCP_EQUAL_YES
          || (floats && same_value(call, policy)));
}


/* "integer": Go has one for what is written as one, and has no -0. */
static void
check_number_text(mcp_equal_t equal, mcp_str_t number, bool integer,
    mcp_str_t text)
{
    bool       printed;
    mcp_str_t  whole;

    if (integer && is_integer(number)) {
        whole = mcp_str_equal(number, mcp_str("-0")) ? mcp_str("0") : number;
        printed = mcp_str_equal(whole, text);

    } else {
        printed = prints_as(number, text);
    }

    check(equal != MCP_EQUAL_NO || (!printed && !same_value(number, text)));
    check(equal != MCP_EQUAL_YES || (printed && same_value(number, text)));
}


static void
check_words(mcp_equal_t equal, mcp_str_t a, mcp_str_t b)
{
    check(equal == (mcp_str_equal(a, b) ? MCP_EQUAL_YES : MCP_EQUAL_NO));
}


/* The call has the string "call", NULL when it has no such text. */
static void
check_string(mcp_equal_t equal, const mcp_str_t *call, mcp_json_type_t type,
    mcp_str_t policy)
{
    if (call == NULL) {
        check(equal != MCP_EQUAL_YES);
        return;
    }

    switch (type) {

    case MCP_JSON_NUMBER:
        check_number_text(equal, policy, true, *call);
        break;

    case MCP_JSON_NULL:
        check(equal == (mcp_str_equal(*call, mcp_str("<nil>"))
                        ? MCP_EQUAL_UNCLEAR : MCP_EQUAL_NO));
        break;

    default:
        check_words(equal, *call, policy);
    }
}


static void
check_value(mcp_equal_t equal, const mcp_json_t *json, mcp_json_type_t type,
    mcp_str_t policy)
{
    mcp_str_t        call, start;
    mcp_json_type_t  own;

    call = mcp_json_raw(json, 0);
    own = json->tokens[0].type;

    if (type != MCP_JSON_STRING && type != own) {
        check(equal == MCP_EQUAL_NO);
        return;
    }

    switch (own) {

    case MCP_JSON_NUMBER:
        if (type == MCP_JSON_NUMBER) {
            check_numbers(equal, call, policy);

        } else {
            check_number_text(equal, call, false, policy);
        }

        break;

    case MCP_JSON_TRUE:
    case MCP_JSON_FALSE:
        check_words(equal, call, policy);
        break;

    case MCP_JSON_NULL:
        check(equal != MCP_EQUAL_NO
              || !mcp_str_equal(policy, mcp_str("<nil>")));
        check((equal == MCP_EQUAL_YES) == (type == own));
        break;

    default:
        start = own == MCP_JSON_ARRAY ? mcp_str("[") : mcp_str("map[]");

        check(equal != MCP_EQUAL_YES);
        check(equal != MCP_EQUAL_NO || policy.len < start.len
              || memcmp(policy.data, start.data, own == MCP_JSON_ARRAY ? 1 : 4)
                 != 0);
    }
}


static void
compare(mcp_json_type_t type, mcp_str_t policy, mcp_str_t text)
{
    mcp_rc_t      rc;
    mcp_str_t     call;
    mcp_json_t    json;
    mcp_arena_t   arena;
    mcp_equal_t   equal;

    mcp_arena_init(&arena, &fuzz_allocator, 0);

    if (mcp_json_parse(&json, text, &fuzz_limits, &arena, NULL) == MCP_OK
        && json.defect == MCP_JSON_VALID
        && (json.tokens[0].type != MCP_JSON_NUMBER
            || json.tokens[0].end - json.tokens[0].start <= NUMBER))
    {
        equal = mcp_typing_equal(&json, 0, type, policy);

        if (json.tokens[0].type == MCP_JSON_STRING) {
            rc = mcp_json_string(&json, 0, &arena, &call);
            check_string(equal, rc == MCP_OK ? &call : NULL, type, policy);

        } else {
            check_value(equal, &json, type, policy);
        }
    }

    mcp_arena_destroy(&arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_str_t       policy, text;
    const uint8_t  *end;

    end = size ? memchr(data, '\n', size) : NULL;

    if (end == NULL || end == data) {
        return 0;
    }

    policy.data = data + 1;
    policy.len = (size_t) (end - policy.data);
    text.data = end + 1;
    text.len = size - (size_t) (text.data - data);

    switch ((data[0] - '0' + 255) % 5) {

    case 0:
        compare(MCP_JSON_STRING, policy, text);
        break;

    case 1:
        if (mcp_decimal_valid(policy) && policy.len <= NUMBER) {
            compare(MCP_JSON_NUMBER, policy, text);
        }

        break;

    case 2:
        compare(MCP_JSON_TRUE, mcp_str("true"), text);
        break;

    case 3:
        compare(MCP_JSON_FALSE, mcp_str("false"), text);
        break;

    default:
        compare(MCP_JSON_NULL, mcp_str("null"), text);
    }

    return 0;
}
