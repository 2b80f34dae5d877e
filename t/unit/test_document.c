/* Documents: what a text is as a tree, and where everything is. */

#include "mcp_document.h"
#include "tap.h"


#define REPORT_MAX  512


static const mcp_allocator_t  allocator = TAP_ALLOCATOR;
static const uint64_t         hash_key[2] = { 1, 2 };


static void
report(void *data, unsigned line, unsigned column, const char *text)
{
    char    *reports = data;
    size_t   used;

    used = strlen(reports);
    snprintf(reports + used, REPORT_MAX - used, "%u:%u %s\n", line, column,
             text);
}


/* The tree as text, each value with its place; two levels are enough. */
static void
dump(const mcp_node_t *node, char *out, size_t size, int levels)
{
    size_t    used;
    uint32_t  i;

    static const char *const  types[] = {
        "", "{", "[", "s", "n", "true", "false", "null"
    };

    used = strlen(out);
    snprintf(out + used, size - used, "%u:%u%s%s%.*s", node->line,
             node->column, types[node->type], node->date ? "date:" : "",
             (int) node->text.len, (const char *) node->text.data);

    if (levels == 0) {
        return;
    }

    for (i = 0; i < node->count; i++) {
        used = strlen(out);

        if (node->type == MCP_NODE_MAP) {
            snprintf(out + used, size - used, " %u:%u<%.*s>",
                     node->members[i].line, node->members[i].column,
                     (int) node->members[i].name.len,
                     (const char *) node->members[i].name.data);
            dump(node->members[i].value, out, size, levels - 1);

        } else {
            snprintf(out + used, size - used, " ");
            dump(node->items[i], out, size, levels - 1);
        }
    }

    if (node->type == MCP_NODE_MAP || node->type == MCP_NODE_LIST) {
        used = strlen(out);
        snprintf(out + used, size - used, "%s",
                 node->type == MCP_NODE_MAP ? "}" : "]");
    }
}


static void
check(bool yaml, mcp_str_t text, const char *expected)
{
    char                    out[REPORT_MAX];
    mcp_rc_t                rc;
    mcp_arena_t             arena;
    const mcp_node_t       *root;
    mcp_document_caller_t   caller;

    out[0] = '\0';

    caller.report = report;
    caller.data = out;
    caller.hash_key = hash_key;

    mcp_arena_init(&arena, &allocator, 0);

    rc = yaml ? mcp_document_yaml(text, &arena, &caller, &root)
              : mcp_document_json(text, &arena, &caller, &root);

    if (rc == MCP_OK) {
        dump(root, out, sizeof(out), 4);
    }

    if (!ok(strcmp(out, expected) == 0 && (rc == MCP_OK) == (out[0] != '\0'
            && strchr(out, '\n') == NULL),
            "%s: %.*s", yaml ? "yaml" : "json",
            (int) (strcspn((const char *) text.data, "\n")),
            (const char *) text.data))
    {
        printf("# got      %s\n# expected %s\n", out, expected);
    }

    mcp_arena_destroy(&arena);
}


static void
test_json(void)
{
    check(false, mcp_str("{\"a\": 1}"), "1:1{ 1:2<a>1:7n1}");
    check(false, mcp_str(" [ true,\n  false, null, \"\\u0041\" ]"),
          "1:2[ 1:4true 2:3false 2:10null 2:16sA]");
    check(false, mcp_str("{\"\xc3\xa9\": \"x\", \"b\": {}}"),
          "1:1{ 1:2<\xc3\xa9>1:7sx 1:12<b>1:17{}}");
    check(false, mcp_str("{}"), "1:1{}");
    check(false, mcp_str("-1.50e1"), "1:1n-1.50e1");
    check(false, mcp_str("{\"a\":1,\"\\u0061\":2}"),
          "1:8 \"a\" is written twice, first at line 1\n");
    check(false, mcp_str("[1,]"), "1:4 JSON syntax error at byte 3\n");
    check(false, mcp_str("{}\n{}"), "2:1 data after the JSON value at "
                                    "byte 3\n");
}


static void
test_yaml(void)
{
    check(true, mcp_str("a: 1\nb:\n  - x\n  - {c: ~}\n"),
          "1:1{ 1:1<a>1:4n1 2:1<b>3:3[ 3:5sx 4:5{ 4:6<c>4:9null}]}");
    check(true, mcp_str("\xc3\xa9: x"), "1:1{ 1:1<\xc3\xa9>1:4sx}");
    check(true, mcp_str("- &a {k: v}\n- *a\n- &b [*a]\n"),
          "1:1[ 1:3{ 1:7<k>1:10sv} 2:3{ 1:7<k>1:10sv} 3:3[ 3:7{ 1:7<k>1:10sv"
          "}]]");
    check(true, mcp_str("- &a 1\n- &a 2\n- *a\n"),
          "1:1[ 1:3n1 2:3n2 3:3n2]");
    check(true, mcp_str(">-\n  two\n  lines\n"), "1:1stwo lines");
    check(true, mcp_str("- &a [*a]"), "1:7 anchor \"a\" contains itself\n");
    check(true, mcp_str("&k a: *k"), "1:7 unknown anchor \"k\"\n");
    check(true, mcp_str("%YAML 1.1\n---\nyes: on\n...\n"),
          "3:1{ 3:1<yes>3:6son}");
    check(true, mcp_str("{a: 1, a: 2, \"a\": 3}"),
          "1:8 \"a\" is written twice, first at line 1\n"
          "1:14 \"a\" is written twice, first at line 1\n");
    check(true, mcp_str("? [a]\n: b"),
          "1:3 the name of a member must be a string\n");
    check(true, mcp_str("!!str 5"), "1:1s5");
    check(true, mcp_str("!x 5"), "1:1 the tag \"!x\" is not supported\n");
    check(true, mcp_str("!!set {a}"), "1:1 the tag "
          "\"tag:yaml.org,2002:set\" is not supported\n");
}


/* Plain words as Go's yaml package takes them. */
static void
test_words(void)
{
    size_t  i;
    char    text[64], expected[80];

    static const struct {
        const char  *word;
        const char  *is;
    } words[] = {
        { "null", "null" }, { "Null", "null" }, { "nULL", "snULL" },
        { "~", "null" }, { "true", "true" }, { "TRUE", "true" },
        { "tRUE", "stRUE" }, { "False", "false" }, { "yes", "syes" },
        { "y", "sy" }, { "off", "soff" },
        { "0", "n0" }, { "-0", "n0" }, { "00", "n0" }, { "+5", "n5" },
        { "-5", "n-5" }, { "1_000", "n1000" }, { "010", "n8" },
        { "-010", "n-8" }, { "09", "n9" }, { "0o17", "n15" },
        { "0x1F", "n31" }, { "-0x10", "n-16" }, { "0b101", "n5" },
        { "0x", "s0x" }, { "0b2", "s0b2" }, { "0o8", "s0o8" },
        { "0xffffffffffffffff", "n18446744073709551615" },
        { "0x10000000000000000", "s0x10000000000000000" },
        { "18446744073709551616", "n18446744073709551616" },
        { "1.5", "n1.5" }, { ".5", "n0.5" }, { "-.5", "n-0.5" },
        { "5.", "n5.0" }, { "007.50", "n7.50" }, { "1e3", "n1e3" },
        { "1E-3", "n1E-3" }, { "5.e3", "n5.0e3" }, { "1e", "s1e" },
        { "1e+", "s1e+" }, { ".", "s." }, { "+", "s+" },
        { "..", "s.." }, { "1.2.3", "s1.2.3" }, { "1,5", "s1,5" },
        { "0.5x", "s0.5x" }, { "_1", "s_1" }, { "1_", "n1" },
        { "2026-01-15", "sdate:2026-01-15" },
        { "2026-1-5", "sdate:2026-1-5" },
        { "2026-01-15T10:00:00Z", "sdate:2026-01-15T10:00:00Z" },
        { "2026-01-15x", "s2026-01-15x" }, { "26-01-15", "s26-01-15" },
        { "'5'", "s5" }, { "\"null\"", "snull" }
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        snprintf(text, sizeof(text), "[%s]", words[i].word);
        snprintf(expected, sizeof(expected), "1:1[ 1:2%s]", words[i].is);

        /* in brackets a comma is something else */

        if (strchr(words[i].word, ',') != NULL) {
            snprintf(text, sizeof(text), "a: %s", words[i].word);
            snprintf(expected, sizeof(expected), "1:1{ 1:1<a>1:4%s}",
                     words[i].is);
        }

        check(true, (mcp_str_t) { (uint8_t *) text, strlen(text) },
              expected);
    }

    check(true, mcp_str("[.nan]"), "1:2 \".nan\" is no number that a call can "
          "have, put it in quotes if it is text\n");
    check(true, mcp_str("[-.Inf]"), "1:2 \"-.Inf\" is no number that a call "
          "can have, put it in quotes if it is text\n");
}


static void
test_members(void)
{
    char                    text[8192], out[REPORT_MAX], name[16];
    bool                    found;
    size_t                  used;
    unsigned                i;
    mcp_arena_t             arena;
    const mcp_node_t       *root, *value;
    mcp_document_caller_t   caller;

    out[0] = '\0';
    caller.report = report;
    caller.data = out;
    caller.hash_key = hash_key;

    used = (size_t) snprintf(text, sizeof(text), "{");

    for (i = 0; i < 300; i++) {
        used += (size_t) snprintf(text + used, sizeof(text) - used,
                                  "\"m%u\": %u, ", i, i);
    }

    used += (size_t) snprintf(text + used, sizeof(text) - used,
                              "\"m7\": 0, \"m299\": 0}");

    mcp_arena_init(&arena, &allocator, 0);

    ok(mcp_document_json((mcp_str_t) { (uint8_t *) text, used }, &arena,
                         &caller, &root)
       == MCP_ERROR && root != NULL && root->count == 300,
       "of members with the same name the first is kept");
    is_str(tap_str(out), "1:3682 \"m7\" is written twice, first at line 1\n"
                         "1:3691 \"m299\" is written twice, first at line "
                         "1\n", "the others are told");

    found = true;

    for (i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "m%u", i);
        value = mcp_document_member(root, (mcp_str_t) { (uint8_t *) name,
                                                        strlen(name) });
        snprintf(name, sizeof(name), "%u", i);
        found = found && value != NULL && value->text.len == strlen(name)
                && memcmp(value->text.data, name, strlen(name)) == 0;
    }

    ok(found, "every member is found");
    ok(mcp_document_member(root, mcp_str("m")) == NULL, "others are not");
    ok(mcp_document_member(root->members[0].value, mcp_str("m0")) == NULL,
       "a number has no members");

    mcp_arena_destroy(&arena);
}


int
main(void)
{
    test_json();
    test_yaml();
    test_words();
    test_members();

    return tap_done();
}
