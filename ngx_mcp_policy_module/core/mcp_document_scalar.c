#include "mcp_document_yaml.h"


#define MCP_YAML_DIGITS_MAX  20    /* of 2^64 */

typedef struct {
    mcp_str_t        word;
    mcp_node_type_t  type;    /* NUMBER: one that JSON does not have */
} mcp_yaml_word_t;


static bool mcp_yaml_date(mcp_str_t word);
static bool mcp_yaml_integer(mcp_str_t digits, uint64_t *value);
static size_t mcp_yaml_format(uint64_t value, uint8_t *dst);
static size_t mcp_yaml_decimal(mcp_str_t word, uint8_t *dst);
static size_t mcp_yaml_copy_digits(const uint8_t **pos, const uint8_t *end,
    uint8_t *dst);


static const mcp_yaml_word_t  mcp_yaml_words[] = {
    { mcp_str_init(""), MCP_NODE_NULL },
    { mcp_str_init("~"), MCP_NODE_NULL },
    { mcp_str_init("null"), MCP_NODE_NULL },
    { mcp_str_init("Null"), MCP_NODE_NULL },
    { mcp_str_init("NULL"), MCP_NODE_NULL },
    { mcp_str_init("true"), MCP_NODE_TRUE },
    { mcp_str_init("True"), MCP_NODE_TRUE },
    { mcp_str_init("TRUE"), MCP_NODE_TRUE },
    { mcp_str_init("false"), MCP_NODE_FALSE },
    { mcp_str_init("False"), MCP_NODE_FALSE },
    { mcp_str_init("FALSE"), MCP_NODE_FALSE },
    { mcp_str_init(".nan"), MCP_NODE_NUMBER },
    { mcp_str_init(".NaN"), MCP_NODE_NUMBER },
    { mcp_str_init(".NAN"), MCP_NODE_NUMBER },
    { mcp_str_init(".inf"), MCP_NODE_NUMBER },
    { mcp_str_init(".Inf"), MCP_NODE_NUMBER },
    { mcp_str_init(".INF"), MCP_NODE_NUMBER },
    { mcp_str_init("+.inf"), MCP_NODE_NUMBER },
    { mcp_str_init("+.Inf"), MCP_NODE_NUMBER },
    { mcp_str_init("+.INF"), MCP_NODE_NUMBER },
    { mcp_str_init("-.inf"), MCP_NODE_NUMBER },
    { mcp_str_init("-.Inf"), MCP_NODE_NUMBER },
    { mcp_str_init("-.INF"), MCP_NODE_NUMBER }
};


mcp_rc_t
mcp_yaml_resolve(mcp_str_t word, mcp_arena_t *arena, mcp_node_t *node)
{
    size_t     i, length;
    uint8_t   *plain, *number;
    uint64_t   value;
    mcp_str_t  digits;

    for (i = 0; i < sizeof(mcp_yaml_words) / sizeof(mcp_yaml_words[0]); i++) {
        if (mcp_str_equal(mcp_yaml_words[i].word, word)) {
            node->type = mcp_yaml_words[i].type;
            node->text = mcp_str("");

            return node->type == MCP_NODE_NUMBER ? MCP_ERROR : MCP_OK;
        }
    }

    if (memchr("0123456789+-.", word.data[0], 13) == NULL) {
        return MCP_OK;
    }

    if (mcp_yaml_date(word)) {
        node->date = true;
        return MCP_OK;
    }

    plain = mcp_arena_alloc(arena, word.len);
    number = mcp_arena_alloc(arena, word.len + MCP_YAML_DIGITS_MAX + 2);

    if (plain == NULL || number == NULL) {
        return MCP_NOMEM;
    }

    length = 0;

    for (i = 0; i < word.len; i++) {
        if (word.data[i] != '_') {
            plain[length++] = word.data[i];
        }
    }

    if (length == 0) {
        return MCP_OK;
    }

    digits.data = plain;
    digits.len = length;

    if (plain[0] == '+' || plain[0] == '-') {
        digits.data++;
        digits.len--;
    }

    length = 0;

    if (mcp_yaml_integer(digits, &value)) {

        if (plain[0] == '-' && value != 0) {
            number[length++] = '-';
        }

        length += mcp_yaml_format(value, number + length);

    } else {

        if (plain[0] == '-') {
            number[length++] = '-';
        }

        i = mcp_yaml_decimal(digits, number + length);
        length = i != 0 ? length + i : 0;
    }

    /* an integer has no sign when it is 0 */

    if (length == 2 && number[0] == '-' && number[1] == '0') {
        number++;
        length--;
    }

    if (length != 0) {
        node->type = MCP_NODE_NUMBER;
        node->text.data = number;
        node->text.len = length;
    }

    return MCP_OK;
}


/* 2026-01-15, alone or before a time */
static bool
mcp_yaml_date(mcp_str_t word)
{
    size_t    i, n;
    unsigned  part;

    i = 0;

    for (part = 0; part < 3; part++) {

        for (n = 0; i < word.len && word.data[i] >= '0'
                    && word.data[i] <= '9'; n++)
        {
            i++;
        }

        if (part == 0 ? n != 4 : (n < 1 || n > 2)) {
            return false;
        }

        if (part < 2) {
            if (i == word.len || word.data[i] != '-') {
                return false;
            }

            i++;
        }
    }

    return i == word.len || word.data[i] == 'T' || word.data[i] == 't'
           || word.data[i] == ' ' || word.data[i] == '\t';
}


/*
 * 0x1f, 0o17, 0b11 and 017.  What is too large is no number there, but text;
 * decimal digits are left to mcp_yaml_decimal, which has no such limit.
 */
static bool
mcp_yaml_integer(mcp_str_t digits, uint64_t *value)
{
    size_t    i;
    uint8_t   c;
    uint64_t  digit, base;

    if (digits.len < 2 || digits.data[0] != '0') {
        return false;
    }

    switch (digits.data[1] | 0x20) {

    case 'x':
        base = 16;
        i = 2;
        break;

    case 'o':
        base = 8;
        i = 2;
        break;

    case 'b':
        base = 2;
        i = 2;
        break;

    default:
        base = 8;
        i = 1;
        break;
    }

    if (i == digits.len) {
        return false;
    }

    *value = 0;

    for ( /* void */ ; i < digits.len; i++) {
        c = digits.data[i];

        if (c >= '0' && c <= '9') {
            digit = c - '0';

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (c | 0x20) - 'a' + 10;

        } else {
            return false;
        }

        if (digit >= base || *value > (UINT64_MAX - digit) / base) {
            return false;
        }

        *value = *value * base + digit;
    }

    return true;
}


static size_t
mcp_yaml_format(uint64_t value, uint8_t *dst)
{
    size_t   i, length;
    uint8_t  digits[MCP_YAML_DIGITS_MAX];

    i = sizeof(digits);

    do {
        digits[--i] = (uint8_t) ('0' + value % 10);
        value /= 10;
    } while (value != 0);

    length = sizeof(digits) - i;
    memcpy(dst, &digits[i], length);

    return length;
}


/*
 * Digits, fraction, exponent, of which either side of the point may be empty,
 * as JSON spells it; 0 when the word is no number.
 */
static size_t
mcp_yaml_decimal(mcp_str_t word, uint8_t *dst)
{
    size_t          n, whole, fraction;
    uint8_t        *p;
    const uint8_t  *pos, *end;

    p = dst;
    pos = word.data;
    end = word.data + word.len;

    while (pos + 1 < end && pos[0] == '0' && pos[1] >= '0' && pos[1] <= '9') {
        pos++;
    }

    whole = mcp_yaml_copy_digits(&pos, end, p);
    p += whole;

    if (whole == 0) {
        *p++ = '0';
    }

    fraction = 0;

    if (pos < end && *pos == '.') {
        pos++;
        *p++ = '.';

        fraction = mcp_yaml_copy_digits(&pos, end, p);
        p += fraction;

        if (fraction == 0) {
            *p++ = '0';
        }
    }

    if (whole == 0 && fraction == 0) {
        return 0;
    }

    if (pos < end && (*pos | 0x20) == 'e') {
        *p++ = *pos++;

        if (pos < end && (*pos == '+' || *pos == '-')) {
            *p++ = *pos++;
        }

        n = mcp_yaml_copy_digits(&pos, end, p);
        p += n;

        if (n == 0) {
            return 0;
        }
    }

    return pos == end ? (size_t) (p - dst) : 0;
}


static size_t
mcp_yaml_copy_digits(const uint8_t **pos, const uint8_t *end, uint8_t *dst)
{
    size_t  n;

    n = 0;

    while (*pos < end && **pos >= '0' && **pos <= '9') {
        dst[n++] = *(*pos)++;
    }

    return n;
}
