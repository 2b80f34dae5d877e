/*
 * What has changed since tools were pinned.  Whoever reads this decides what
 * a model is told, so that nothing is cut, and nothing that cannot be seen is
 * printed as it is.
 */

#include <errno.h>
#include <stdlib.h>

#include "pin.h"
#include "mcp_canonical.h"


typedef struct {
    mcp_pin_set_t  set;
    mcp_json_t     json;
    mcp_arena_t    arena;
    char          *text;
} cli_pins_t;

/* A value on one of the two sides. */
typedef struct {
    const mcp_json_t  *json;
    uint32_t           token;
} cli_side_t;

typedef struct {
    mcp_arena_t  arena;
    char         path[4096];      /* JSON Pointer, cut when longer */
    size_t       length;
} cli_diff_t;


static cli_code_t cli_pins_load(cli_pins_t *pins, const char *path);
static void *cli_pins_alloc(void *data, size_t size);
static int cli_pins_order(const void *one, const void *two);
static void cli_diff_heading(cli_colour_t colour, const char *mark,
    mcp_str_t name);
static void cli_diff_tool(const cli_pins_t *pins, const mcp_pin_t *pin,
    const cli_definition_t *now);
static void cli_diff_hash(const char *mark, cli_colour_t colour,
    const uint8_t *hash);
static void cli_diff_value(cli_diff_t *diff, cli_side_t was, cli_side_t now);
static void cli_diff_object(cli_diff_t *diff, cli_side_t was,
    cli_side_t now);
static void cli_diff_array(cli_diff_t *diff, cli_side_t was, cli_side_t now);
static void cli_diff_into(cli_diff_t *diff, mcp_str_t segment,
    cli_side_t was, cli_side_t now);
static void cli_diff_print(cli_diff_t *diff, cli_side_t was, cli_side_t now);
static void cli_diff_side(cli_diff_t *diff, const char *mark,
    cli_colour_t colour, cli_side_t side);
static void cli_diff_lines(const char *mark, cli_colour_t colour,
    mcp_str_t text);
static void cli_diff_show(FILE *out, mcp_str_t s);
static bool cli_diff_invisible(uint32_t code);


cli_code_t
cli_pin_diff(const char *path, const cli_definitions_t *definitions)
{
    int                      order;
    uint32_t                 i, n, added, removed, changed;
    cli_pins_t               pins;
    const mcp_pin_t         *pin;
    const cli_definition_t  *now;

    if (cli_pins_load(&pins, path) != CLI_GOOD) {
        return CLI_FAILED;
    }

    i = n = added = removed = changed = 0;

    while (i < pins.set.count || n < definitions->count) {
        pin = &pins.set.pins[i];
        now = &definitions->list[n];

        order = i == pins.set.count ? 1
                : n == definitions->count ? -1
                : cli_pins_order(pin, &(mcp_pin_t) { .name = now->name });

        if (order < 0) {
            cli_diff_heading(CLI_RED, "- removed", pin->name);
            removed++;
            i++;
            continue;
        }

        n++;

        if (order > 0) {
            cli_diff_heading(CLI_GREEN, "+ added", now->name);
            added++;
            continue;
        }

        i++;

        if (memcmp(pin->hash, now->hash, MCP_PIN_HASH) != 0) {
            cli_diff_heading(CLI_YELLOW, "~ changed", now->name);
            cli_diff_tool(&pins, pin, now);
            changed++;
        }
    }

    printf("%u changed, %u added, %u removed\n", changed, added, removed);

    mcp_arena_destroy(&pins.arena);
    free(pins.text);

    return (added || removed || changed) ? CLI_FINDINGS : CLI_GOOD;
}


static cli_code_t
cli_pins_load(cli_pins_t *pins, const char *path)
{
    size_t           length;
    mcp_rc_t         rc;
    unsigned         line, column;
    mcp_str_t        text;
    mcp_error_t      error;
    mcp_allocator_t  kept;

    static const uint64_t  key[2] = { 1, 2 };

    memset(pins, 0, sizeof(cli_pins_t));
    pins->text = cli_read_file(path, &length);

    if (pins->text == NULL) {
        cli_error("%s: %s", path, strerror(errno));
        return CLI_FAILED;
    }

    mcp_arena_init(&pins->arena, &cli_allocator, 0);

    text.data = (uint8_t *) pins->text;
    text.len = length;

    kept.alloc = cli_pins_alloc;
    kept.free = NULL;
    kept.data = &pins->arena;

    rc = mcp_pin_read(&pins->set, &pins->json, text, &kept, &pins->arena, key,
                      &error);

    if (rc == MCP_OK) {
        qsort(pins->set.pins, pins->set.count, sizeof(mcp_pin_t),
              cli_pins_order);
        return CLI_GOOD;
    }

    if (rc == MCP_ERROR) {
        mcp_pin_position(text, error.offset, &line, &column);
        cli_error("%s:%u:%u: %s", path, line, column, error.text);

    } else {
        cli_error("out of memory");
    }

    mcp_arena_destroy(&pins->arena);
    free(pins->text);

    return CLI_FAILED;
}


static void *
cli_pins_alloc(void *data, size_t size)
{
    return mcp_arena_alloc(data, size);
}


static int
cli_pins_order(const void *one, const void *two)
{
    int               order;
    size_t            length;
    const mcp_pin_t  *a = one, *b = two;

    length = a->name.len < b->name.len ? a->name.len : b->name.len;
    order = memcmp(a->name.data, b->name.data, length);

    if (order == 0) {
        order = (a->name.len > b->name.len) - (a->name.len < b->name.len);
    }

    return order;
}


static void
cli_diff_heading(cli_colour_t colour, const char *mark, mcp_str_t name)
{
    cli_coloured(stdout, colour, "%s ", mark);
    cli_diff_show(stdout, name);
    putchar('\n');
}


static void
cli_diff_tool(const cli_pins_t *pins, const mcp_pin_t *pin,
    const cli_definition_t *now)
{
    cli_diff_t    diff;
    cli_side_t    old, new;
    mcp_json_t    json;
    mcp_error_t   error;
    mcp_limits_t  limits;

    if (pin->definition == MCP_JSON_NONE) {
        printf("  the pin file has no definition to compare with\n");
        cli_diff_hash("-", CLI_RED, pin->hash);
        cli_diff_hash("+", CLI_GREEN, now->hash);
        return;
    }

    cli_limits(&limits);
    diff.length = 0;
    mcp_arena_init(&diff.arena, &cli_allocator, 0);

    if (mcp_json_parse(&json, now->text, &limits, &diff.arena, &error)
        == MCP_OK)
    {
        old = (cli_side_t) { &pins->json, pin->definition };
        new = (cli_side_t) { &json, 0 };

        cli_diff_object(&diff, old, new);

    } else {
        cli_error("out of memory");
    }

    mcp_arena_destroy(&diff.arena);
}


static void
cli_diff_hash(const char *mark, cli_colour_t colour, const uint8_t *hash)
{
    char  hex[MCP_PIN_HEX];

    mcp_pin_hex(hash, hex);
    cli_coloured(stdout, colour, "  %s sha256 %.*s\n", mark, MCP_PIN_HEX,
                 hex);
}


/* As deep as the tokenizer goes, which is not deep. */
static void
cli_diff_value(cli_diff_t *diff, cli_side_t was, cli_side_t now)
{
    uint8_t    a, b;
    mcp_str_t  x, y;

    a = was.json->tokens[was.token].type;
    b = now.json->tokens[now.token].type;

    if (mcp_canonical_write(was.json, was.token, NULL, 0, &diff->arena, &x)
        == MCP_OK
        && mcp_canonical_write(now.json, now.token, NULL, 0, &diff->arena,
                               &y)
           == MCP_OK
        && mcp_str_equal(x, y))
    {
        return;
    }

    if (a == MCP_JSON_OBJECT && b == MCP_JSON_OBJECT) {
        cli_diff_object(diff, was, now);

    } else if (a == MCP_JSON_ARRAY && b == MCP_JSON_ARRAY) {
        cli_diff_array(diff, was, now);

    } else {
        cli_diff_print(diff, was, now);
    }
}


static void
cli_diff_object(cli_diff_t *diff, cli_side_t was, cli_side_t now)
{
    uint32_t                 i, other;
    mcp_str_t                key;
    const mcp_json_token_t  *t;

    t = was.json->tokens;

    for (i = was.token + 1; i < t[was.token].next; i = t[i + 1].next) {
        if (mcp_json_string(was.json, i, &diff->arena, &key) == MCP_OK) {
            other = mcp_json_member(now.json, now.token, key);
            cli_diff_into(diff, key, (cli_side_t) { was.json, i + 1 },
                          (cli_side_t) { now.json, other });
        }
    }

    t = now.json->tokens;

    for (i = now.token + 1; i < t[now.token].next; i = t[i + 1].next) {
        if (mcp_json_string(now.json, i, &diff->arena, &key) == MCP_OK
            && mcp_json_member(was.json, was.token, key) == MCP_JSON_NONE)
        {
            cli_diff_into(diff, key,
                          (cli_side_t) { was.json, MCP_JSON_NONE },
                          (cli_side_t) { now.json, i + 1 });
        }
    }
}


static void
cli_diff_array(cli_diff_t *diff, cli_side_t was, cli_side_t now)
{
    int                      n;
    char                     index[16];
    unsigned                 position;
    uint32_t                 a, b, a_end, b_end;
    const mcp_json_token_t  *s, *t;

    s = was.json->tokens;
    t = now.json->tokens;

    a = was.token + 1;
    b = now.token + 1;
    a_end = s[was.token].next;
    b_end = t[now.token].next;

    for (position = 0; a < a_end || b < b_end; position++) {
        n = snprintf(index, sizeof(index), "%u", position);

        cli_diff_into(diff, (mcp_str_t) { (uint8_t *) index, (size_t) n },
                      (cli_side_t) { was.json,
                                     a < a_end ? a : MCP_JSON_NONE },
                      (cli_side_t) { now.json,
                                     b < b_end ? b : MCP_JSON_NONE });

        a = a < a_end ? s[a].next : a;
        b = b < b_end ? t[b].next : b;
    }
}


/* Token 0 is no member, so that NONE is told apart. */
static void
cli_diff_into(cli_diff_t *diff, mcp_str_t segment, cli_side_t was,
    cli_side_t now)
{
    size_t  i, length;

    length = diff->length;

    if (length + 1 < sizeof(diff->path)) {
        diff->path[diff->length++] = '/';
    }

    for (i = 0; i < segment.len && diff->length + 2 < sizeof(diff->path); i++)
    {
        if (segment.data[i] == '~' || segment.data[i] == '/') {
            diff->path[diff->length++] = '~';
            diff->path[diff->length++] = segment.data[i] == '~' ? '0' : '1';

        } else {
            diff->path[diff->length++] = (char) segment.data[i];
        }
    }

    if (was.token == MCP_JSON_NONE || now.token == MCP_JSON_NONE) {
        cli_diff_print(diff, was, now);

    } else {
        cli_diff_value(diff, was, now);
    }

    diff->length = length;
}


static void
cli_diff_print(cli_diff_t *diff, cli_side_t was, cli_side_t now)
{
    fputs("  ", stdout);
    cli_diff_show(stdout, (mcp_str_t) { (uint8_t *) diff->path,
                                        diff->length });
    putchar('\n');

    if (was.token != MCP_JSON_NONE) {
        cli_diff_side(diff, "-", CLI_RED, was);
    }

    if (now.token != MCP_JSON_NONE) {
        cli_diff_side(diff, "+", CLI_GREEN, now);
    }
}


/* Text as text, on as many lines as it has. */
static void
cli_diff_side(cli_diff_t *diff, const char *mark, cli_colour_t colour,
    cli_side_t side)
{
    mcp_str_t  text;

    if (side.json->tokens[side.token].type == MCP_JSON_STRING
        && mcp_json_string(side.json, side.token, &diff->arena, &text)
           == MCP_OK)
    {
        cli_diff_lines(mark, colour, text);
        return;
    }

    if (mcp_canonical_write(side.json, side.token, NULL, 0, &diff->arena,
                            &text)
        == MCP_OK)
    {
        cli_diff_lines(mark, colour, text);
    }
}


static void
cli_diff_lines(const char *mark, cli_colour_t colour, mcp_str_t text)
{
    mcp_str_t       line;
    const uint8_t  *end;

    do {
        end = text.len ? memchr(text.data, '\n', text.len) : NULL;
        line.data = text.data;
        line.len = end ? (size_t) (end - text.data) : text.len;

        cli_coloured(stdout, colour, "    %s ", mark);
        cli_diff_show(stdout, line);
        putchar('\n');

        if (end) {
            text.data += line.len + 1;
            text.len -= line.len + 1;
        }
    } while (end);
}


/* UTF-8 has been checked. */
static void
cli_diff_show(FILE *out, mcp_str_t s)
{
    size_t    i, k, n;
    uint8_t   c;
    uint32_t  code;

    for (i = 0; i < s.len; i += n) {
        c = s.data[i];
        n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

        if (n > s.len - i) {
            n = s.len - i;
        }

        code = n == 1 ? c : c & (0xffu >> (n + 1));

        for (k = 1; k < n; k++) {
            code = code << 6 | (s.data[i + k] & 0x3f);
        }

        if (cli_diff_invisible(code)) {
            fprintf(out, "<U+%04X>", code);

        } else {
            cli_print(out, (mcp_str_t) { s.data + i, n });
        }
    }
}


/* Characters that hide text, or the order of it, from people. */
static bool
cli_diff_invisible(uint32_t code)
{
    return code == 0xad || code == 0x61c || code == 0x180e
           || (code >= 0x200b && code <= 0x200f)
           || (code >= 0x2028 && code <= 0x202e)
           || (code >= 0x2060 && code <= 0x206f)
           || (code >= 0xfe00 && code <= 0xfe0f) || code == 0xfeff
           || (code >= 0xfff9 && code <= 0xfffb)
           || (code >= 0xe0000 && code <= 0xe0fff);
}
