#include "mcp_decimal.h"
#include "mcp_typing.h"


/*
 * Decimal numbers of so many digits and within these powers of ten are told
 * apart by 64-bit floats, and printed as they are written.
 */
#define MCP_TYPING_DIGITS        15
#define MCP_TYPING_EXPONENT_MAX  300
#define MCP_TYPING_EXPONENT_FAR  1000000

#define MCP_TYPING_PRINTED_MAX   40


/* 0.d1d2d3... times ten to the exponent */
typedef struct {
    bool      negative;
    uint8_t   digits[MCP_TYPING_DIGITS];    /* the first, filled with 0 */
    size_t    count;                        /* without zeros at the end; 0
                                               for 0 */
    int64_t   exponent;
} mcp_typing_number_t;


static mcp_equal_t mcp_typing_text(const mcp_json_t *json, uint32_t index,
    mcp_str_t value);
static mcp_equal_t mcp_typing_number(const mcp_json_t *json, uint32_t index,
    mcp_str_t value);
static mcp_equal_t mcp_typing_string(const mcp_json_t *json, uint32_t index,
    mcp_json_type_t type, mcp_str_t value);
static bool mcp_typing_hides_number(mcp_str_t text);
static bool mcp_typing_number_code(const uint8_t *hex);
static mcp_equal_t mcp_typing_same_number(mcp_str_t a, mcp_str_t b);
static mcp_equal_t mcp_typing_number_text(mcp_str_t number, bool integer,
    mcp_str_t text);
static void mcp_typing_read(mcp_str_t text, mcp_typing_number_t *number);
static bool mcp_typing_plain(const mcp_typing_number_t *number);
static bool mcp_typing_near(const mcp_typing_number_t *a,
    const mcp_typing_number_t *b);
static size_t mcp_typing_print(const mcp_typing_number_t *number,
    uint8_t *dst);


mcp_equal_t
mcp_typing_equal(const mcp_json_t *json, uint32_t index,
    mcp_json_type_t type, mcp_str_t value)
{
    mcp_json_type_t  own;

    own = json->tokens[index].type;

    if (own == MCP_JSON_STRING) {
        return mcp_typing_string(json, index, type, value);
    }

    if (type == MCP_JSON_STRING) {
        return mcp_typing_text(json, index, value);
    }

    if (own != type) {
        return MCP_EQUAL_NO;
    }

    return own == MCP_JSON_NUMBER ? mcp_typing_number(json, index, value)
                                  : MCP_EQUAL_YES;
}


/* Anything but a string, and a string of the policy. */
static mcp_equal_t
mcp_typing_text(const mcp_json_t *json, uint32_t index, mcp_str_t value)
{
    mcp_str_t  raw;

    raw = mcp_json_raw(json, index);

    switch (json->tokens[index].type) {

    case MCP_JSON_NUMBER:
        return mcp_typing_number_text(raw, false, value);

    case MCP_JSON_TRUE:
    case MCP_JSON_FALSE:
        return mcp_str_equal(raw, value) ? MCP_EQUAL_YES : MCP_EQUAL_NO;

    /* what Go prints begins like this */

    case MCP_JSON_NULL:
        return mcp_str_equal(value, mcp_str("<nil>")) ? MCP_EQUAL_UNCLEAR
                                                      : MCP_EQUAL_NO;

    case MCP_JSON_ARRAY:
        return value.len > 0 && value.data[0] == '[' ? MCP_EQUAL_UNCLEAR
                                                     : MCP_EQUAL_NO;

    default:
        return value.len > 4 && memcmp(value.data, "map[", 4) == 0
               ? MCP_EQUAL_UNCLEAR : MCP_EQUAL_NO;
    }
}


static mcp_equal_t
mcp_typing_number(const mcp_json_t *json, uint32_t index, mcp_str_t value)
{
    return mcp_typing_same_number(mcp_json_raw(json, index), value);
}


static mcp_equal_t
mcp_typing_string(const mcp_json_t *json, uint32_t index,
    mcp_json_type_t type, mcp_str_t value)
{
    mcp_str_t  text;

    if (json->tokens[index].flags & (MCP_JSON_NUL|MCP_JSON_SURROGATE)) {
        return MCP_EQUAL_UNCLEAR;
    }

    switch (type) {

    case MCP_JSON_STRING:
        return mcp_json_string_equal(json, index, value) ? MCP_EQUAL_YES
                                                         : MCP_EQUAL_NO;

    case MCP_JSON_TRUE:
        return mcp_json_string_equal(json, index, mcp_str("true"))
               ? MCP_EQUAL_YES : MCP_EQUAL_NO;

    case MCP_JSON_FALSE:
        return mcp_json_string_equal(json, index, mcp_str("false"))
               ? MCP_EQUAL_YES : MCP_EQUAL_NO;

    case MCP_JSON_NULL:
        return mcp_json_string_equal(json, index, mcp_str("<nil>"))
               ? MCP_EQUAL_UNCLEAR : MCP_EQUAL_NO;

    case MCP_JSON_NUMBER:
        break;

    default:
        return MCP_EQUAL_UNCLEAR;
    }

    text = mcp_json_raw(json, index);
    text.data++;
    text.len -= 2;

    if (json->tokens[index].flags & MCP_JSON_ESCAPED) {

        /* whoever escapes a digit wants it to be overlooked */

        return mcp_typing_hides_number(text) ? MCP_EQUAL_UNCLEAR
                                             : MCP_EQUAL_NO;
    }

    return mcp_typing_number_text(value, true, text);
}


/* Whether nothing stands there, escaped or not, that no number has. */
static bool
mcp_typing_hides_number(mcp_str_t text)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c == '\\') {

            if (text.len - i < 6 || memcmp(&text.data[i], "\\u00", 4) != 0
                || !mcp_typing_number_code(&text.data[i + 4]))
            {
                return false;
            }

            i += 5;

        } else if (c == '\0' || strchr("0123456789.eE+-", c) == NULL) {
            return false;
        }
    }

    return true;
}


/* The same characters in hexadecimal. */
static bool
mcp_typing_number_code(const uint8_t *hex)
{
    switch (hex[0]) {

    case '2':
        return hex[1] != '\0' && strchr("bdeBDE", hex[1]) != NULL;

    case '3':
        return hex[1] >= '0' && hex[1] <= '9';

    case '4':
    case '6':
        return hex[1] == '5';

    default:
        return false;
    }
}


static mcp_equal_t
mcp_typing_same_number(mcp_str_t a, mcp_str_t b)
{
    int                  order;
    mcp_typing_number_t  x, y;

    if (mcp_decimal_compare(a, b, &order) != MCP_OK) {
        return MCP_EQUAL_UNCLEAR;
    }

    if (order == 0) {
        return MCP_EQUAL_YES;
    }

    mcp_typing_read(a, &x);
    mcp_typing_read(b, &y);

    if (mcp_typing_plain(&x) && mcp_typing_plain(&y)) {
        return MCP_EQUAL_NO;
    }

    return mcp_typing_near(&x, &y) ? MCP_EQUAL_UNCLEAR : MCP_EQUAL_NO;
}


/* "integer": the number is printed as one if it is written as one. */
static mcp_equal_t
mcp_typing_number_text(mcp_str_t number, bool integer, mcp_str_t text)
{
    size_t               i, length;
    uint8_t              printed[MCP_TYPING_PRINTED_MAX];
    mcp_typing_number_t  read;

    if (!mcp_decimal_valid(text)) {
        return MCP_EQUAL_NO;
    }

    for (i = 0; integer && i < number.len; i++) {
        if (number.data[i] != '-'
            && (number.data[i] < '0' || number.data[i] > '9'))
        {
            integer = false;
        }
    }

    mcp_typing_read(number, &read);

    if (integer) {

        /* integers of Go have no -0 */

        if (mcp_str_equal(text, number)
            && !mcp_str_equal(number, mcp_str("-0")))
        {
            return MCP_EQUAL_YES;
        }

    } else if (mcp_typing_plain(&read)) {
        length = mcp_typing_print(&read, printed);

        if (mcp_str_equal(text, (mcp_str_t) { printed, length })) {
            return MCP_EQUAL_YES;
        }
    }

    return mcp_typing_same_number(number, text) == MCP_EQUAL_NO
           ? MCP_EQUAL_NO : MCP_EQUAL_UNCLEAR;
}


/* The text is a number in JSON's grammar. */
static void
mcp_typing_read(mcp_str_t text, mcp_typing_number_t *number)
{
    bool     point, minus;
    size_t   i, count;
    int64_t  exponent;
    uint8_t  c;

    memset(number, 0, sizeof(*number));
    point = false;
    count = 0;
    i = 0;

    if (text.len > 0 && text.data[0] == '-') {
        number->negative = true;
        i++;
    }

    for ( /* void */ ; i < text.len; i++) {
        c = text.data[i];

        if (c == '.') {
            point = true;
            continue;
        }

        if (c < '0' || c > '9') {
            break;
        }

        if (count > 0 || c != '0') {
            if (count < MCP_TYPING_DIGITS) {
                number->digits[count] = c - '0';
            }

            count++;

            if (c != '0') {
                number->count = count;
            }

            number->exponent += !point;

        } else if (point) {
            number->exponent--;
        }
    }

    if (i == text.len) {
        return;
    }

    /* the exponent */

    i++;
    minus = i < text.len && text.data[i] == '-';
    exponent = 0;

    for ( /* void */ ; i < text.len; i++) {
        c = text.data[i];

        if (c >= '0' && c <= '9' && exponent < MCP_TYPING_EXPONENT_FAR) {
            exponent = exponent * 10 + (c - '0');
        }
    }

    number->exponent += minus ? -exponent : exponent;
}


/* Whether a 64-bit float keeps it. */
static bool
mcp_typing_plain(const mcp_typing_number_t *number)
{
    return number->count == 0
           || (number->count <= MCP_TYPING_DIGITS
               && number->exponent <= MCP_TYPING_EXPONENT_MAX
               && number->exponent >= -MCP_TYPING_EXPONENT_MAX);
}


/* Whether 64-bit floats could take one for the other; errs on that side. */
static bool
mcp_typing_near(const mcp_typing_number_t *a, const mcp_typing_number_t *b)
{
    size_t    i;
    uint64_t  x, y;

    if (a->exponent < -MCP_TYPING_EXPONENT_MAX
        || b->exponent < -MCP_TYPING_EXPONENT_MAX)
    {
        return (a->count == 0 || a->exponent < -MCP_TYPING_EXPONENT_MAX)
               && (b->count == 0 || b->exponent < -MCP_TYPING_EXPONENT_MAX);
    }

    if (a->count == 0 || b->count == 0 || a->negative != b->negative) {
        return false;
    }

    if (a->exponent > MCP_TYPING_EXPONENT_MAX
        && b->exponent > MCP_TYPING_EXPONENT_MAX)
    {
        return true;
    }

    x = 0;
    y = 0;

    for (i = 0; i < MCP_TYPING_DIGITS; i++) {
        x = x * 10 + a->digits[i];
        y = y * 10 + b->digits[i];
    }

    if (a->exponent == b->exponent + 1) {
        x *= 10;

    } else if (b->exponent == a->exponent + 1) {
        y *= 10;

    } else if (a->exponent != b->exponent) {
        return false;
    }

    /* 1 and 0.99999999999999999 */

    return x > y ? x - y <= 1 : y - x <= 1;
}


/* As Go prints a float64. */
static size_t
mcp_typing_print(const mcp_typing_number_t *number, uint8_t *dst)
{
    size_t    i;
    int64_t   exponent, power;
    uint8_t  *p;

    p = dst;
    exponent = number->exponent - 1;

    if (number->negative) {
        *p++ = '-';
    }

    if (number->count == 0) {
        *p++ = '0';
        return (size_t) (p - dst);
    }

    if (exponent < -4 || exponent >= 6) {
        *p++ = '0' + number->digits[0];

        if (number->count > 1) {
            *p++ = '.';

            for (i = 1; i < number->count; i++) {
                *p++ = '0' + number->digits[i];
            }
        }

        *p++ = 'e';
        *p++ = exponent < 0 ? '-' : '+';
        power = exponent < 0 ? -exponent : exponent;

        if (power >= 100) {
            *p++ = (uint8_t) ('0' + power / 100);
        }

        *p++ = (uint8_t) ('0' + power / 10 % 10);
        *p++ = (uint8_t) ('0' + power % 10);

        return (size_t) (p - dst);
    }

    if (exponent < 0) {
        *p++ = '0';
        *p++ = '.';

        while (++exponent < 0) {
            *p++ = '0';
        }

        for (i = 0; i < number->count; i++) {
            *p++ = '0' + number->digits[i];
        }

        return (size_t) (p - dst);
    }

    for (i = 0; i < number->count || (int64_t) i <= exponent; i++) {
        if ((int64_t) i == exponent + 1) {
            *p++ = '.';
        }

        *p++ = '0' + number->digits[i];
    }

    return (size_t) (p - dst);
}
