/* Places, messages and members: what every reader of a policy file needs. */

#include <stdarg.h>
#include <stdio.h>

#include "mcp_decimal.h"
#include "mcp_policy_reading.h"


#define MCP_READING_TEXT  768
#define MCP_COUNT_DIGITS  18


static void mcp_policy_unknown_key(mcp_policy_reading_t *reading,
    const mcp_member_t *member, const char *where,
    const mcp_policy_key_t *keys, uint32_t count);
static void mcp_policy_wrong_type(mcp_policy_reading_t *reading,
    const mcp_member_t *member, const char *where, uint32_t types);


mcp_place_t
mcp_policy_node_place(const mcp_policy_reading_t *reading,
    const mcp_node_t *node)
{
    mcp_place_t  place;

    place.file = reading->file;
    place.line = node->line;
    place.column = node->column;

    return place;
}


mcp_place_t
mcp_policy_member_place(const mcp_policy_reading_t *reading,
    const mcp_member_t *member)
{
    mcp_place_t  place;

    place.file = reading->file;
    place.line = member->line;
    place.column = member->column;

    return place;
}


mcp_rc_t
mcp_policy_node_fail(mcp_policy_reading_t *reading, const mcp_node_t *node,
    const char *format, ...)
{
    char         text[MCP_READING_TEXT];
    va_list      args;
    mcp_place_t  place;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    place = mcp_policy_node_place(reading, node);

    return mcp_policy_fail(reading->builder, &place, "%s", text);
}


mcp_rc_t
mcp_policy_member_fail(mcp_policy_reading_t *reading,
    const mcp_member_t *member, const char *format, ...)
{
    char         text[MCP_READING_TEXT];
    va_list      args;
    mcp_place_t  place;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    place = mcp_policy_member_place(reading, member);

    return mcp_policy_fail(reading->builder, &place, "%s", text);
}


void
mcp_policy_where(char *dst, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(dst, MCP_WHERE_MAX, format, args);
    va_end(args);
}


void
mcp_policy_read_members(mcp_policy_reading_t *reading, const mcp_node_t *map,
    const char *where, const mcp_policy_key_t *keys, uint32_t count,
    mcp_policy_value_t *values)
{
    uint32_t             i, n;
    const mcp_member_t  *member;

    memset(values, 0, count * sizeof(mcp_policy_value_t));

    for (i = 0; i < map->count; i++) {
        member = &map->members[i];

        for (n = 0; n < count; n++) {
            if (mcp_str_equal(keys[n].name, member->name)) {
                break;
            }
        }

        if (n == count) {
            mcp_policy_unknown_key(reading, member, where, keys, count);
            continue;
        }

        values[n].member = member;

        if (!(keys[n].types & (1u << member->value->type))) {
            mcp_policy_wrong_type(reading, member, where, keys[n].types);

        } else if (member->value->type != MCP_NODE_NULL
                   || keys[n].types == MCP_TYPE_ANY)
        {
            values[n].value = member->value;
        }
    }
}


static void
mcp_policy_unknown_key(mcp_policy_reading_t *reading,
    const mcp_member_t *member, const char *where,
    const mcp_policy_key_t *keys, uint32_t count)
{
    int       n;
    char      list[256];
    size_t    used;
    uint32_t  i;

    used = 0;
    list[0] = '\0';

    for (i = 0; i < count; i++) {

        if (mcp_policy_one_edit(keys[i].name, member->name)) {
            (void) mcp_policy_member_fail(reading, member,
                                          "unknown key \"%.*s\" in %s, did "
                                          "you mean \"%.*s\"?",
                                          mcp_named(member->name), where,
                                          mcp_named(keys[i].name));
            return;
        }

        n = snprintf(list + used, sizeof(list) - used, "%s%.*s",
                     used == 0 ? "" : ", ", mcp_named(keys[i].name));

        if (n > 0 && (size_t) n < sizeof(list) - used) {
            used += (size_t) n;
        }
    }

    (void) mcp_policy_member_fail(reading, member,
                                  "unknown key \"%.*s\" in %s, expected %s%s",
                                  mcp_named(member->name), where,
                                  count > 1 ? "one of: " : "", list);
}


static void
mcp_policy_wrong_type(mcp_policy_reading_t *reading,
    const mcp_member_t *member, const char *where, uint32_t types)
{
    int       n;
    char      list[96];
    size_t    i, used;
    uint32_t  rest;

    static const struct {
        uint32_t     types;
        const char  *name;
    } names[] = {
        { MCP_TYPE_MAP, "an object" },
        { MCP_TYPE_LIST, "a list" },
        { MCP_TYPE_STRING, "a string" },
        { MCP_TYPE_NUMBER, "a number" },
        { MCP_TYPE_BOOLEAN, "true or false" }
    };

    used = 0;
    list[0] = '\0';
    rest = types & ~MCP_TYPE_NULL;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!(rest & names[i].types)) {
            continue;
        }

        rest &= ~names[i].types;

        n = snprintf(list + used, sizeof(list) - used, "%s%s",
                     used == 0 ? "" : " or ", names[i].name);

        if (n > 0 && (size_t) n < sizeof(list) - used) {
            used += (size_t) n;
        }
    }

    (void) mcp_policy_node_fail(reading, member->value,
                                "\"%.*s\" of %s must be %s, not %s",
                                mcp_named(member->name), where, list,
                                mcp_document_type_name(member->value));
}


mcp_rc_t
mcp_policy_read_count(const mcp_node_t *node, uint64_t max, uint64_t *count)
{
    size_t   i, length;
    uint8_t  digits[MCP_DECIMAL_CANONICAL_MAX];

    /* by value: 30.0 and 3e1 are 30 */

    if (node->type != MCP_NODE_NUMBER || !mcp_decimal_integral(node->text)
        || mcp_decimal_canonical(node->text, digits, &length) != MCP_OK
        || length > MCP_COUNT_DIGITS)
    {
        return MCP_ERROR;
    }

    *count = 0;

    for (i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return MCP_ERROR;
        }

        *count = *count * 10 + (uint64_t) (digits[i] - '0');
    }

    return *count >= 1 && *count <= max ? MCP_OK : MCP_ERROR;
}
