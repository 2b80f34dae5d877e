/* The syntax of nginx.conf, and the reader that finds policies in it. */

#include "tap.h"

#include "mcp_policy_conf.h"


static const mcp_allocator_t  allocator = TAP_ALLOCATOR;
static const uint64_t         hash_key[2] = { 1, 2 };


/*
 * The syntax, as one string: words in brackets, then ";" "{" "}" or at the
 * end "!line: error".  Texts are copied, so that a read beyond the end is
 * seen.
 */

static char    dump[64 * 1024];
static size_t  dumped;


static void
dump_reset(void)
{
    dumped = 0;
    dump[0] = '\0';
}


static void
dump_add(const char *data, size_t length)
{
    if (dumped + length < sizeof(dump)) {
        memcpy(dump + dumped, data, length);
        dumped += length;
        dump[dumped] = '\0';
    }
}


static const char *
scan_bytes(const char *text, size_t length)
{
    char              *copy, line[32];
    uint32_t           i;
    mcp_rc_t           rc;
    mcp_conf_t         conf;
    mcp_arena_t        arena;
    mcp_error_t        error;
    mcp_conf_token_t   token;

    copy = malloc(length ? length : 1);
    memcpy(copy, text, length);

    mcp_arena_init(&arena, &allocator, 0);
    mcp_conf_scan(&conf, (mcp_str_t) { (uint8_t *) copy, length }, &arena);
    dump_reset();

    for ( ;; ) {
        mcp_arena_reset(&arena, 4096);

        rc = mcp_conf_next(&conf, &token, &error);

        if (rc != MCP_OK) {
            snprintf(line, sizeof(line), "!%u: ", conf.line);
            dump_add(line, strlen(line));
            dump_add(error.text, strlen(error.text));
            break;
        }

        if (token == MCP_CONF_FILE_END) {
            break;
        }

        for (i = 0; i < conf.count; i++) {
            dump_add("[", 1);
            dump_add((const char *) conf.words[i].data, conf.words[i].len);
            dump_add("]", 1);
        }

        dump_add(token == MCP_CONF_BLOCK ? "{"
                 : token == MCP_CONF_BLOCK_END ? "}" : ";", 1);
    }

    mcp_arena_destroy(&arena);
    free(copy);

    return dump;
}


static void
scans(const char *text, const char *expected, const char *name)
{
    is_str(tap_str(scan_bytes(text, strlen(text))), expected, name);
}


static void
test_words(void)
{
    scans("", "", "empty");
    scans(" \t\r\n", "", "white space");
    scans("# a { ; }\n#", "", "comments");
    scans("a;", "[a];", "one word");
    scans("a b\tc\r\nd ;", "[a][b][c][d];", "words");
    scans("a{b;}c;", "[a]{[b];}[c];", "no white space");
    scans("a { b { } }", "[a]{[b]{}}", "nested");
    scans("a # b;\n c;", "[a][c];", "a comment in a directive");
    scans("a#b c;", "[a#b][c];", "no comment in a word");
    scans("a}b;", "[a}b];", "a brace in a word");
    scans("}", "}", "the end of a block");

    scans("\"a b;{}#\" 'c d';", "[a b;{}#][c d];", "quotes");
    scans("a \"it's\" 'a \"b\"';", "[a][it's][a \"b\"];", "other quotes");
    scans("a \"\" '';", "[a][][];", "empty words");
    scans("a \"b\nc\";", "[a][b\nc];", "a word of two lines");
    scans("a b\"c;", "[a][b\"c];", "a quote in a word");
    scans("a \"b\"{", "[a][b]{", "a block behind a quote");
    scans("if (\"a\") {", "[if][(\"a\")]{", "a quote behind a parenthesis");
    scans("if \"a\") {", "[if][a][)]{", "a parenthesis behind a quote");
}


static void
test_escapes(void)
{
    scans("a \"\\\"\\'\\\\\";", "[a][\"'\\];", "escaped quotes");
    scans("a \"\\t\\r\\n\";", "[a][\t\r\n];", "white space");
    scans("a \"\\d\\.\\x\";", "[a][\\d\\.\\x];", "others stay");
    scans("a b\\ c\\;d;", "[a][b\\ c\\;d];", "no end of a word");
    scans("\\a;", "[\\a];", "at the start");
    scans("a \\\";", "[a][\"];", "a quote that is none");
    scans("a 'b\\'c';", "[a][b'c];", "in single quotes");
    scans("a b\\{;", "[a][b\\{];", "a brace");
}


static void
test_variables(void)
{
    scans("a ${b}c;", "[a][${b}c];", "brackets");
    scans("a x${b}{", "[a][x${b}]{", "and a block");
    scans("a $b{", "[a][$b]{", "without brackets");
    scans("a $ {", "[a][$]{", "a lone sign");
    scans("a $;", "[a][$];", "and an end");
    scans("a ${{b}};", "[a][${{b}}];", "two brackets");
    scans("a b$${c;", "[a][b$${c];", "two signs");
    scans("a \"${b}\" {", "[a][${b}]{", "quoted");
    scans("a \\${;", "[a][\\$]{!1: unexpected \";\"", "escaped");
}


static void
test_errors(void)
{
    scans("\n;", "!2: unexpected \";\"", "no directive");
    scans("{", "!1: unexpected \"{\"", "no directive for a block");
    scans("a;\na }", "[a];!2: unexpected \"}\"", "no end of a directive");
    scans("a \"b\"c;", "!1: unexpected \"c\"", "text behind a quote");
    scans("a 'b'\n'c''d';", "!2: unexpected \"'\"", "quotes side by side");
    scans("a",
          "!1: unexpected end of file, expecting \";\" or \"}\"", "a word");
    scans("a b \n",
          "!2: unexpected end of file, expecting \";\" or \"}\"", "words");
    scans("a { b # ;",
          "[a]{!1: unexpected end of file, expecting \";\" or \"}\"",
          "a comment");
    scans("a \"b;\n\n",
          "!3: unexpected end of file, expecting \";\" or \"}\"", "a quote");
    scans("\"a\"",
          "!1: unexpected end of file, expecting \";\" or \"}\"",
          "behind a quote");
    scans("a \\",
          "!1: unexpected end of file, expecting \";\" or \"}\"",
          "a backslash");

    scan_bytes("a \0b;", 5);
    ok(memcmp(dump, "[a][\0b];", 9) == 0, "a zero byte is a character");
}


/* A word of "length" bytes between "before" and "after". */
static void
scans_long(size_t length, const char *before, const char *after,
    const char *error, const char *name)
{
    char        *text;
    size_t       n;
    const char  *found;

    text = malloc(strlen(before) + length + strlen(after));
    n = strlen(before);
    memcpy(text, before, n);
    memset(text + n, 'q', length);
    memcpy(text + n + length, after, strlen(after));

    scan_bytes(text, n + length + strlen(after));
    free(text);

    found = strchr(dump, '!');

    if (error) {
        is_str(tap_str(found ? found : ""), error, name);

    } else {
        ok(found == NULL, "%s", name);
    }
}


/* The numbers are those of nginx's buffer. */
static void
test_long_words(void)
{
    const char  *plain, *quoted;

    plain = "!2: too long parameter \"qqqqqqqqqq...\" started";
    quoted = "!2: too long parameter, probably missing terminating \"'\" "
             "character";

    scans_long(4095, "\n", ";", NULL, "4095 bytes");
    scans_long(4096, "\n", ";", plain, "4096 bytes");
    scans_long(4094, "\n", " b;", NULL, "4094 bytes and another word");
    scans_long(4095, "\n", " b;", plain, "4095 bytes and another word");
    scans_long(4094, "\n'", "';", NULL, "4094 bytes in quotes");
    scans_long(4095, "\n'", "';", plain, "4095 bytes in quotes");
    scans_long(4096, "\n'", "';", quoted, "4096 bytes in quotes");
    scans_long(4093, "\n'", "' b;", NULL, "4093 in quotes, another word");
    scans_long(4094, "\n'", "' b;", plain, "4094 in quotes, another word");
    scans_long(100000, "\n'", "", quoted, "a quote that is not closed");
    scans_long(4094, "a;#", "\nb;", NULL, "a comment of 4095 bytes");
    scans_long(4095, "a;\n#", "\nb;",
               "!2: too long parameter \"#qqqqqqqqq...\" started",
               "a comment of 4096 bytes");
    scans_long(100, "a;\n", "\n",
               "!3: unexpected end of file, expecting \";\" or \"}\"",
               "the end of the file comes first");
}


static void
test_many_words(void)
{
    int     i;
    char    text[4096];
    size_t  n;

    n = 0;

    for (i = 0; i < 1000; i++) {
        text[n++] = 'a';
        text[n++] = ' ';
    }

    text[n++] = ';';
    text[n] = '\0';

    scan_bytes(text, n);
    ok(strlen(dump) == 3001, "a thousand words");
}


static void
test_lua(void)
{
    size_t       i;
    mcp_conf_t   conf;
    mcp_arena_t  arena;

    static const struct {
        const char  *code;
        bool         ends;      /* at its last byte */
    } cases[] = {
        { "}", true },
        { " local t = { { }, { } } }", true },
        { "local s = \"}\\\"}\" }", true },
        { "local s = '}\\'}' }", true },
        { "-- }\n }", true },
        { "--[ }\n }", true },
        { "--[[ } \n } ]] }", true },
        { "--[==[ } ]] ]=] ]==] }", true },
        { "local s = [[ } ]] }", true },
        { "local s = [=[ } ]] ]=] }", true },
        { "local s = [[ ] } ]] }", true },
        { "t[1] = t[t[2]] }", true },
        { "t[i] = 1 - 2 }", true },
        { "[[]]}", true },
        { "[=[]]==]=]}", true },
        { "", false },
        { "{ }", false },
        { "-- }", false },
        { "--[[ }", false },
        { "[==[ } ]=]", false },
        { "\" }", false },
        { "'\\", false },
        { "[", false },
        { "-", false },
        { "--[", false },
    };

    mcp_arena_init(&arena, &allocator, 0);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mcp_conf_scan(&conf, tap_str(cases[i].code), &arena);

        if (cases[i].ends) {
            ok(mcp_conf_skip_lua(&conf) == MCP_OK
               && conf.pos == conf.text.len, "lua: %s", cases[i].code);

        } else {
            ok(mcp_conf_skip_lua(&conf) == MCP_ERROR, "lua, no end: %s",
               cases[i].code);
        }
    }

    mcp_conf_scan(&conf, tap_str("'\n' [[\n]] --\n --[[\n]]\n}"), &arena);
    ok(mcp_conf_skip_lua(&conf) == MCP_OK && conf.line == 6,
       "lua: lines are counted");

    mcp_arena_destroy(&arena);
}


/* The reader: files by name, what it did as one string. */

typedef struct {
    const char  *name;
    const char  *text;
} test_file_t;

static const test_file_t       *files;
static mcp_policy_conf_file_t   opened[4096];
static unsigned                 opened_count;
static const mcp_policy_t      *policies[16];
static unsigned                 policy_count;


static void
record(const char *what, const char *text)
{
    dump_add(what, strlen(what));
    dump_add(text, strlen(text));
    dump_add("\n", 1);
}


static void
test_report(void *data, mcp_severity_t severity, const mcp_place_t *place,
    const char *text)
{
    char  line[64];

    (void) data;

    snprintf(line, sizeof(line), "%s %s:%u ",
             severity == MCP_REPORT_ERROR ? "error" : "warning", place->file,
             place->line);
    record(line, text);
}


static mcp_rc_t
test_text(void *data, mcp_str_t source, const mcp_place_t *place,
    mcp_text_t *text)
{
    (void) data;
    (void) place;

    text->literal = source;
    text->variables = NULL;

    return MCP_OK;
}


/* "two" is a mask for "a" and "b", "none" for nothing. */
static mcp_rc_t
test_include(void *data, mcp_str_t pattern, bool in_policy,
    const mcp_place_t *place, const mcp_policy_conf_file_t **list,
    uint32_t *count)
{
    const test_file_t       *file;
    mcp_policy_conf_file_t  *found;

    (void) data;

    found = opened + opened_count;
    *list = found;
    *count = 0;

    if (mcp_str_equal(pattern, mcp_str("none"))) {
        return MCP_OK;
    }

    for (file = files; file->name; file++) {

        if (mcp_str_equal(pattern, tap_str(file->name))
            || (mcp_str_equal(pattern, mcp_str("two")) && *count < 2
                && (*file->name == 'a' || *file->name == 'b')))
        {
            found[*count].name = file->name;
            found[*count].text = tap_str(file->text);
            (*count)++;
            opened_count++;
        }
    }

    if (*count == 0) {
        test_report(NULL, MCP_REPORT_ERROR, place,
                    in_policy ? "missing in a policy" : "missing");
        return MCP_ERROR;
    }

    return MCP_OK;
}


static mcp_rc_t
test_start(void *data, mcp_str_t name, const mcp_place_t *place,
    mcp_policy_builder_t **builder)
{
    static const mcp_frontend_t  frontend = { .report = test_report,
                                              .compile_text = test_text };

    (void) data;

    dump_add("policy ", 7);
    dump_add((const char *) name.data, name.len);
    dump_add("\n", 1);

    if (mcp_str_equal(name, mcp_str("skip"))) {
        return MCP_OK;
    }

    if (mcp_str_equal(name, mcp_str("refuse"))) {
        return MCP_ERROR;
    }

    *builder = mcp_policy_builder_create(name, place, &allocator, &frontend,
                                         hash_key);

    return *builder ? MCP_OK : MCP_NOMEM;
}


static void
test_end(void *data, mcp_policy_builder_t *builder, bool complete)
{
    const mcp_policy_t  *policy;

    (void) data;

    record("end", complete ? "" : " torn");

    if (mcp_policy_finish(builder, &policy) == MCP_OK
        && policy_count < sizeof(policies) / sizeof(policies[0]))
    {
        policies[policy_count++] = policy;
    }
}


static mcp_rc_t
read_with(const test_file_t *set, const mcp_allocator_t *memory)
{
    mcp_rc_t                  rc;
    mcp_policy_conf_file_t    file;

    static const mcp_policy_conf_caller_t  caller = {
        test_include, test_start, test_end, test_report, NULL
    };

    files = set;
    opened_count = 0;
    dump_reset();

    file.name = set->name;
    file.text = tap_str(set->text);

    rc = mcp_policy_conf_read(&file, &caller, memory);

    while (policy_count) {
        mcp_policy_destroy(policies[--policy_count]);
    }

    return rc;
}


static void
reads(const char *text, mcp_rc_t expected, const char *events,
    const char *name)
{
    mcp_rc_t           rc;
    const test_file_t  set[] = {
        { "main", text },
        { "a", "tool a { }\n" },
        { "b", "\ntool b { }" },
        { "policy", "mcp_policy included { default deny; tool x { } }" },
        { "self", "include self;" },
        { "open", "tool a {\n" },
        { "close", "\n}" },
        { "wide", "include wide2; include wide2; include wide2;" },
        { "wide2", "include wide3; include wide3; include wide3;" },
        { "wide3", "include wide4; include wide4; include wide4;" },
        { "wide4", "include wide5; include wide5; include wide5;" },
        { "wide5", "include wide6; include wide6; include wide6;" },
        { "wide6", "include wide7; include wide7; include wide7;" },
        { "wide7", "include none;" },
        { NULL, NULL }
    };

    rc = read_with(set, &allocator);

    ok(rc == expected, "%s: %d", name, rc);
    is_str(tap_str(dump), events, name);
}


#define POLICY  "{ default deny; tool x { } }"


static void
test_reader(void)
{
    reads("", MCP_OK, "", "nothing");
    reads("mcp_policy p " POLICY, MCP_OK, "policy p\nend\n", "a fragment");
    reads("user x; events { }\nhttp { server { location / { x { } } }\n"
          "mcp_policy p " POLICY " mcp_policy q " POLICY " }\nstream { }",
          MCP_OK, "policy p\nend\npolicy q\nend\n", "a whole nginx.conf");
    reads("http { map $a $b { mcp_policy x; } mcp_policyx p { } }", MCP_OK,
          "", "words that are no policies");
    reads("mcp_policy skip { what ever { it; is; } } mcp_policy p " POLICY,
          MCP_OK, "policy skip\npolicy p\nend\n", "a policy is skipped");
    reads("mcp_policy refuse { what; } mcp_policy p " POLICY, MCP_ERROR,
          "policy refuse\npolicy p\nend\n", "a policy is refused");
    reads("mcp_policy p { default deny; tool y { } xx; \n tool x { yy; } }",
          MCP_ERROR,
          "policy p\n"
          "error main:1 unknown directive \"xx\" in \"mcp_policy\", expected "
          "one of: default, hide, tool, prompt, resource, method, zone, "
          "typing, mcp_pin\n"
          "error main:2 unknown directive \"yy\" in \"tool\", expected one "
          "of: allow, deny, arg, require, any, deny_if, limit, approve, "
          "message, denial, dry_run, rule, validate\n"
          "end\n",
          "all errors are reported");

    reads("http { access_by_lua_block { local a = '}' } mcp_policy p "
          POLICY " }", MCP_OK, "policy p\nend\n", "lua");
    reads("content_by_lua_block {\n {\n }", MCP_ERROR,
          "error main:3 unexpected end of file, expecting \"}\"\n",
          "lua without an end");
}


static void
test_reader_errors(void)
{
    reads("server { mcp_policy p { } }", MCP_ERROR,
          "error main:1 \"mcp_policy\" directive is not allowed here\n",
          "in a server at the top");
    reads("http { server {\nmcp_policy p { } } }", MCP_ERROR,
          "error main:2 \"mcp_policy\" directive is not allowed here\n",
          "in a server");
    reads("mcp_policy p;", MCP_ERROR,
          "error main:1 directive \"mcp_policy\" has no opening \"{\"\n",
          "no block");
    reads("mcp_policy p q { }", MCP_ERROR,
          "error main:1 invalid number of arguments in \"mcp_policy\" "
          "directive\n", "two names");
    reads("a { }\n}", MCP_ERROR, "error main:2 unexpected \"}\"\n",
          "a brace too many");
    reads("a {\n b { }\n", MCP_ERROR,
          "error main:3 unexpected end of file, expecting \"}\"\n",
          "a brace too few");
    reads("mcp_policy p {\n tool x {", MCP_ERROR,
          "policy p\n"
          "error main:2 unexpected end of file, expecting \"}\"\n"
          "end torn\n"
          "error main:2 \"tool\" is not closed, expected \"}\"\n",
          "a policy is torn");
}


static void
test_reader_includes(void)
{
    reads("http { include policy; include none; }", MCP_OK,
          "policy included\nend\n", "a policy in a file");
    reads("mcp_policy p { default deny; include two; }", MCP_OK,
          "policy p\nend\n", "a mask in a policy");
    reads("mcp_policy skip { include two; x { include open2; } }", MCP_ERROR,
          "policy skip\nerror main:1 missing in a policy\n",
          "a missing file in a policy");
    reads("x { include nowhere; }", MCP_ERROR,
          "error main:1 missing\n", "a missing file");
    reads("mcp_policy p {\n include open; } }", MCP_ERROR,
          "policy p\n"
          "error open:2 unexpected end of file, expecting \"}\"\n"
          "end torn\n"
          "error open:1 \"tool\" is not closed, expected \"}\"\n",
          "a block that another file closes");
    reads("x {\n include close;", MCP_ERROR,
          "error close:2 unexpected \"}\"\n",
          "a block that another file opened");
    reads("include self;", MCP_ERROR,
          "error self:1 \"include\" is nested too deep\n",
          "a file that includes itself");
    reads("include wide;", MCP_ERROR,
          "error wide6:1 \"include\" names too many files\n",
          "too many files");
    reads("include a b;", MCP_ERROR,
          "error main:1 invalid number of arguments in \"include\" "
          "directive\n", "two words");
    reads("include a {", MCP_ERROR,
          "error main:1 directive \"include\" is not terminated by \";\"\n",
          "a block");
}


/* Memory that runs out at each allocation in turn. */

static unsigned  allocations;

static void *
failing_alloc(void *data, size_t size)
{
    unsigned  *left;

    left = data;
    allocations++;

    if (*left == 0) {
        return NULL;
    }

    (*left)--;

    return malloc(size);
}


static void
test_memory(void)
{
    bool             failed;
    unsigned         left, i, total;
    mcp_allocator_t  memory = { failing_alloc, tap_free, &left };

    static const test_file_t  set[] = {
        { "main", "mcp_policy skip { a b c d e f g h i j k l m n o p q r; }" },
        { NULL, NULL }
    };

    left = 1000;
    allocations = 0;
    ok(read_with(set, &memory) == MCP_OK, "memory suffices");

    total = allocations;
    failed = false;

    for (i = 0; i < total; i++) {
        left = i;
        failed |= read_with(set, &memory) != MCP_NOMEM;
    }

    ok(total > 1 && !failed, "no memory, %u times", total);
}


int
main(void)
{
    test_words();
    test_escapes();
    test_variables();
    test_errors();
    test_long_words();
    test_many_words();
    test_lua();
    test_reader();
    test_reader_errors();
    test_reader_includes();
    test_memory();

    return tap_done();
}
