#include <time.h>

#include "tap.h"
#include "mcp_condition.h"


#define WORDS_MAX  8
#define count(table)  (sizeof(table) / sizeof((table)[0]))

static const mcp_allocator_t  allocator = TAP_ALLOCATOR;
static const mcp_limits_t     limits = {
    MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS, MCP_DEFAULT_STRING_LENGTH,
    MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH, { 1, 2 }
};

/* Variables, by their names. */
static const char  *variables[][2] = {
    { "$role", "admin" }, { "$five", "5" }, { "$zero5", "05" },
    { "$word", "word" }, { "$empty", "" }, { "$bytes", "a\xff" },
    { "$umlaut", "\xc3\xa4\xc3\xb6" }, { "$half", "2.5" }
};


/*
 * A condition as words, a document, and what it says as requirement, trigger
 * and deny_if: "+" holds, "-" does not, "!" refuses the call.
 */
typedef struct {
    const char  *condition;
    const char  *json;
    const char  *expected;
} condition_case_t;


/*
 * Each operator on one value of each type, in this order: "5" 5 true false
 * null [5] {"b":5}, missing, [] and a string with U+0000.
 */
static const char  *each_type[] = {
    "{\"a\":\"5\"}", "{\"a\":5}", "{\"a\":true}", "{\"a\":false}",
    "{\"a\":null}", "{\"a\":[5]}", "{\"a\":{\"b\":5}}", "{}", "{\"a\":[]}",
    "{\"a\":\"5\\u0000\"}", "{\"a\":\"\\ud800\"}"
};

typedef struct {
    const char  *condition;
    const char  *requirement;
    const char  *trigger;
    const char  *deny_if;
} matrix_row_t;

static const matrix_row_t  matrix[] = {
    /*                      requirement    trigger        deny_if         */
    { "a eq 5",            "++---------", "++---++++++", "++---++-+++" },
    { "a eq true",         "--+--------", "--+--++++++", "--+--++-+++" },
    { "a eq false",        "---+-------", "---+-++++++", "---+-++-+++" },
    { "a eq null",         "----+------", "----+++++++", "----+++-+++" },
    { "a eq $five",        "++---------", "++---++++++", "++---++-+++" },
    { "a eq $empty",       "-----------", "+++++++++++", "+++++++-+++" },
    { "a neq 5",           "--+++------", "--+++++++++", "--+++++-+++" },
    { "a neq $empty",      "-----------", "+++++++++++", "+++++++-+++" },
    { "a in 5 true null",  "+++-+------", "+++-+++++++", "+++-+++-+++" },
    { "a not_in 5 true",   "---++------", "---++++++++", "---++++-+++" },
    { "a lt 6",            "-+---------", "+++++++++++", "+++++++-+++" },
    { "a lt 5",            "-----------", "+-+++++++++", "+-+++++-+++" },
    { "a lte 5",           "-+---------", "+++++++++++", "+++++++-+++" },
    { "a gt 5",            "-----------", "+-+++++++++", "+-+++++-+++" },
    { "a gte 5",           "-+---------", "+++++++++++", "+++++++-+++" },
    { "a lt $word",        "-----------", "+++++++++++", "+++++++-+++" },
    { "a regex ^5$",       "+----------", "+++++++++++", "+++++++-+++" },
    { "a regex x",         "-----------", "-++++++++++", "-++++++-+++" },
    { "a not_regex x",     "+----------", "+++++++++++", "+++++++-+++" },
    { "a not_regex ^5$",   "-----------", "-++++++++++", "-++++++-+++" },
    { "a contains 5",      "+----+-----", "++++++++-++", "+++++++--++" },
    { "a contains 6",      "-----------", "-++++-++-++", "-++++-+--++" },
    { "a contains $empty", "-----------", "+++++++++++", "+++++++-+++" },
    { "a exists",          "++++-++-+++", "++++-++-+++", "++++-++-+++" },
    { "a absent",          "-------+---", "-------+---", "-------+---" },
    { "a length_lte 1",    "+----+--+--", "+++++++++++", "+++++++-+++" },
    { "a length_lte 0",    "--------+--", "-++++-+++++", "-++++-+-+++" },
    { "a type string",     "+--------++", "+------+-++", "+--------++" },
    { "a type number",     "-+---------", "-+-----+---", "-+---------" },
    { "a type integer",    "-+---------", "-+-----+---", "-+---------" },
    { "a type boolean",    "--++-------", "--++---+---", "--++-------" },
    { "a type null",       "----+------", "----+--+---", "----+------" },
    { "a type array",      "-----+--+--", "-----+-++--", "-----+--+--" },
    { "a type object",     "------+----", "------++---", "------+----" },

    /* every element; an empty array is missing, another type does not fit */
    { "a[*] eq 5",         "-----+-----", "+++++++++++", "++++-++--++" },
    { "a[*] exists",       "-----+-----", "++++-++--++", "++++-++--++" },
    { "a[*] absent",       "----+--++--", "+++++-+++++", "+++++-+++++" },
    { "a[0] eq 5",         "-----+-----", "+++++++++++", "++++-++--++" },
    { "a[0] absent",       "----+--++--", "+++++-+++++", "+++++-+++++" },
    { "a.b eq 5",          "------+----", "+++++++++++", "++++-++-+++" },
    { "a.b exists",        "------+----", "++++-++-+++", "++++-++-+++" },
    { "a.b absent",        "----+--+---", "++++++-++++", "++++++-++++" }
};


static const condition_case_t  cases[] = {
    /* numbers by value */
    { "a eq 5", "{\"a\":5.0}", "+++" },
    { "a eq 5", "{\"a\":50e-1}", "+++" },
    { "a eq 5.0", "{\"a\":5}", "+++" },
    { "a eq 5.0", "{\"a\":\"5\"}", "---" },
    { "a eq 0", "{\"a\":-0.0}", "+++" },
    { "a eq 05", "{\"a\":5}", "---" },
    { "a neq 05", "{\"a\":5}", "+++" },
    { "a eq 05", "{\"a\":\"05\"}", "+++" },
    { "a eq +5", "{\"a\":5}", "---" },
    { "a eq 0x5", "{\"a\":5}", "---" },
    { "a eq $zero5", "{\"a\":5}", "---" },
    { "a eq 9007199254740993", "{\"a\":9007199254740992}", "---" },
    { "a neq 9007199254740993", "{\"a\":9007199254740992}", "+++" },
    { "a gt 9223372036854775807", "{\"a\":9223372036854775808}", "+++" },
    { "a lt 1e999999999", "{\"a\":1e999999998}", "+++" },
    { "a lte 0.3", "{\"a\":0.30000000000000004}", "---" },
    { "a lte $five", "{\"a\":5}", "+++" },
    { "a lte $zero5", "{\"a\":5}", "-++" },
    { "a lte $empty", "{\"a\":5}", "-++" },

    /* no VALUE as it is written, but to servers, which read a double */
    { "a eq 42", "{\"a\":42.00000000000000000001}", "-++" },
    { "a neq 42", "{\"a\":42.00000000000000000001}", "-++" },
    { "a neq 42", "{\"a\":42.0000000000001}", "+++" },
    { "a in 41 42", "{\"a\":41.99999999999999999999}", "-++" },
    { "a not_in 41 43", "{\"a\":42.00000000000000000001}", "+++" },
    { "a not_in 41 42", "{\"a\":4200000000000000000001e-20}", "-++" },
    { "a[*] neq 42", "{\"a\":[1,42.00000000000000000001]}", "-++" },
    { "a contains 42", "{\"a\":[42.00000000000000000001]}", "-++" },
    { "a eq 9007199254740993", "{\"a\":9007199254740993.0}", "+++" },
    { "a neq 9007199254740992", "{\"a\":9007199254740993.0}", "-++" },
    { "a neq 9007199254740992", "{\"a\":9007199254740993}", "+++" },
    { "a neq 0.1", "{\"a\":0.10000000000000001}", "-++" },
    { "a neq 0.2", "{\"a\":0.10000000000000001}", "+++" },
    { "a neq 0", "{\"a\":1e-400}", "-++" },
    { "a neq 5", "{\"a\":1e999}", "+++" },

    /* strings */
    { "a eq admin", "{\"a\":\"adm\\u0069n\"}", "+++" },
    { "a eq admin", "{\"a\":\"Admin\"}", "---" },
    { "a eq true", "{\"a\":\"true\"}", "+++" },
    { "a eq null", "{\"a\":\"null\"}", "+++" },
    { "a eq ''", "{\"a\":\"\"}", "+++" },
    { "a neq ''", "{\"a\":\"\"}", "---" },
    { "a eq ''", "{\"a\":0}", "---" },
    { "a in $empty admin", "{\"a\":\"admin\"}", "+++" },
    { "a in $empty admin", "{\"a\":\"other\"}", "-++" },
    { "a not_in $empty admin", "{\"a\":\"admin\"}", "---" },
    { "a not_in $empty admin", "{\"a\":\"other\"}", "-++" },
    { "a in $role x", "{\"a\":\"admin\"}", "+++" },
    { "a neq x", "{\"a\":\"\\udc00\"}", "-++" },
    { "a regex x", "{\"a\":\"\\ud83d\"}", "-++" },
    { "a regex ^.$", "{\"a\":\"\\ud83d\\ude00\"}", "+++" },
    { "a regex ^a\\sb$", "{\"a\":\"a\\nb\"}", "+++" },
    { "a regex ^ok$", "{\"a\":\"ok\\n\"}", "---" },
    { "a not_regex ^ok$", "{\"a\":\"ok\\n\"}", "+++" },
    { "a regex ^(a+)+$", "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX\"}",
      "!!!" },
    { "a not_regex ^(a+)+$", "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX\"}",
      "!!!" },
    { "a contains /..", "{\"a\":\"\\u002f..\"}", "+++" },
    { "a contains abc", "{\"a\":\"ab\"}", "---" },
    { "a contains ''", "{\"a\":\"\"}", "+++" },
    { "a contains ''", "{\"a\":[\"\"]}", "+++" },
    { "a contains ''", "{\"a\":[]}", "---" },
    { "a contains 5", "{\"a\":[1,\"x\",5.0]}", "+++" },
    { "a contains 5", "{\"a\":[1,\"5\"]}", "+++" },
    { "a contains 5", "{\"a\":[[5]]}", "-++" },
    { "a contains 5", "{\"a\":[{},5]}", "+++" },
    { "a contains null", "{\"a\":[null]}", "+++" },
    { "a contains x", "{\"a\":[\"\\u0000\"]}", "-++" },
    { "a length_lte 2", "{\"a\":\"\\u00e4\\ud83d\\ude00\"}", "+++" },
    { "a length_lte 1", "{\"a\":\"\\u00e4\\ud83d\\ude00\"}", "---" },
    { "a length_lte 2", "{\"a\":\"\xc3\xa4\xe2\x82\xac\"}", "+++" },
    { "a length_lte 2e0", "{\"a\":[1,[2,3]]}", "+++" },
    { "a length_lte 1", "{\"a\":[1,[2,3]]}", "---" },
    { "a length_lte $five", "{\"a\":\"12345\"}", "+++" },
    { "a length_lte $five", "{\"a\":\"123456\"}", "---" },
    { "a length_lte $half", "{\"a\":\"1\"}", "-++" },
    { "a length_lte $word", "{\"a\":\"1\"}", "-++" },
    { "a length_lte 99999999999999999999", "{\"a\":\"1\"}", "+++" },

    /* types */
    { "a type integer", "{\"a\":5.0}", "+++" },
    { "a type integer", "{\"a\":1e2}", "+++" },
    { "a type integer", "{\"a\":5.5}", "---" },
    { "a type number", "{\"a\":5.5}", "+++" },
    { "a type string null", "{\"a\":null}", "+++" },
    { "a type string null", "{\"a\":1}", "---" },

    /* paths */
    { "a.b.c eq 1", "{\"a\":{\"b\":{\"c\":1}}}", "+++" },
    { "a.b.c eq 1", "{\"a\":{\"b\":{\"d\":1}}}", "-+-" },
    { "a.b.c eq 1", "{\"a\":{\"b\":null}}", "-+-" },
    { "a.b.c eq 1", "{\"a\":{\"b\":[{\"c\":1}]}}", "-++" },
    { "a.b eq 1", "{\"a\":\"{\\\"b\\\":1}\"}", "-++" },
    { "a[1] eq 1", "{\"a\":[[0,1],1]}", "+++" },
    { "a[2] eq 1", "{\"a\":[[0,1],1]}", "-+-" },
    { "a[0][1] eq 1", "{\"a\":[[0,1],1]}", "+++" },
    { "a[0] eq 1", "{\"a\":{\"0\":1}}", "-++" },
    { "a.0 eq 1", "{\"a\":{\"0\":1}}", "+++" },
    { "\"a.b\".c eq 1", "{\"a.b\":{\"c\":1}}", "+++" },
    { "\"a\\\"b\" eq 1", "{\"a\\\"b\":1}", "+++" },
    { "\"\" eq 1", "{\"\":1}", "+++" },
    { "\xc3\xa4 eq 1", "{\"\\u00e4\":1}", "+++" },
    { "a eq 1", "{\"A\":1}", "-+-" },
    { "a eq 1", "null", "-+-" },
    { "a eq 1", "[1]", "-++" },

    /* all elements, or any */
    { "a[*] eq 5", "{\"a\":[5,5.0,\"5\"]}", "+++" },
    { "a[*] eq 5", "{\"a\":[5,6]}", "-++" },
    { "a[*] eq 5", "{\"a\":[6,7]}", "---" },
    { "a[*] neq 5", "{\"a\":[6,7]}", "+++" },
    { "a[*] neq 5", "{\"a\":[6,5]}", "-++" },
    { "a[*] lt 10", "{\"a\":[1,\"2\"]}", "-++" },
    { "a[*] exists", "{\"a\":[1,null]}", "-++" },
    { "a[*] exists", "{\"a\":[null]}", "---" },
    { "a[*] type string", "{\"a\":[\"x\",\"y\"]}", "+++" },
    { "a[*].b eq 1", "{\"a\":[{\"b\":1},{\"b\":1}]}", "+++" },
    { "a[*].b eq 1", "{\"a\":[{\"b\":1},{}]}", "-++" },
    { "a[*].b eq 1", "{\"a\":[{\"b\":2},{}]}", "-+-" },
    { "a[*].b eq 1", "{\"a\":[{\"b\":2},null]}", "-+-" },
    { "a[*].b eq 1", "{\"a\":[{\"b\":2},7]}", "-++" },
    { "a[*].b absent", "{\"a\":[{},{}]}", "+++" },
    { "a[*].b absent", "{\"a\":[{},{\"b\":1}]}", "-++" },
    { "a[*].b absent", "{\"a\":[{\"b\":1}]}", "---" },
    { "a[*].b exists", "{\"a\":[{},{\"b\":1}]}", "-++" },
    { "a[*].b[*] eq 1", "{\"a\":[{\"b\":[1,1]},{\"b\":[1]}]}", "+++" },
    { "a[*].b[*] eq 1", "{\"a\":[{\"b\":[1,1]},{\"b\":[]}]}", "-++" },
    { "a[*].b[*] eq 1", "{\"a\":[{\"b\":[0,0]},{\"b\":[0,1]}]}", "-++" },
    { "a[*].b[*] eq 1", "{\"a\":[{\"b\":[0,0]},{\"b\":[]}]}", "-+-" },
    { "a[*][*][*] eq 1", "{\"a\":[[[1],[1,1]],[[1]]]}", "+++" },
    { "a[*][*][*] eq 1", "{\"a\":[[[1],[1,1]],[[1]],[[0]]]}", "-++" },
    { "a[*][1] eq 1", "{\"a\":[[0,1],[0,1]]}", "+++" },
    { "a[*][1] eq 1", "{\"a\":[[0,1],[0]]}", "-++" },
    { "a[1][*] eq 1", "{\"a\":[[0],[1,1]]}", "+++" },
    { "a[*] regex ^/srv/", "{\"a\":[\"/srv/a\",\"/etc/b\"]}", "-++" },
    { "a[*] regex ^/etc/", "{\"a\":\"/etc/passwd\"}", "-++" },
    { "a[*] regex ^(a+)+$", "{\"a\":[\"X\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaX\"]}",
      "-!!" },
    { "a[*] regex ^(a+)+$", "{\"a\":[\"a\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaX\"]}",
      "!++" },
    { "a[*] regex x", "{\"a\":[]}", "-+-" },

    /* texts */
    { "require $role eq admin", "{}", "+++" },
    { "require $role neq admin", "{}", "---" },
    { "require $role in ops admin", "{}", "+++" },
    { "require $role not_in ops admin", "{}", "---" },
    { "require $role eq $role", "{}", "+++" },
    { "require $empty eq ''", "{}", "-+-" },
    { "require $empty eq $empty", "{}", "-+-" },
    { "require $empty neq admin", "{}", "-+-" },
    { "require $empty not_in admin", "{}", "-+-" },
    { "require $empty not_regex x", "{}", "-+-" },
    { "require $unknown eq x", "{}", "-+-" },
    { "require $role exists", "{}", "+++" },
    { "require $empty exists", "{}", "---" },
    { "require $role absent", "{}", "---" },
    { "require $empty absent", "{}", "+++" },
    { "require $five lt 6", "{}", "+++" },
    { "require $five gt 6", "{}", "---" },
    { "require $five eq 5.0", "{}", "---" },
    { "require $zero5 lt 6", "{}", "-++" },
    { "require $word lt 6", "{}", "-++" },
    { "require $role regex ^adm", "{}", "+++" },
    { "require $role not_regex ^adm", "{}", "---" },
    { "require $role contains dmi", "{}", "+++" },
    { "require $role contains $empty", "{}", "-++" },
    { "require $role length_lte 5", "{}", "+++" },
    { "require $role length_lte 4", "{}", "---" },
    { "require $umlaut length_lte 2", "{}", "+++" },
    { "require $umlaut length_lte 1", "{}", "---" },
    { "require $role type string", "{}", "+++" },
    { "require $five type number", "{}", "---" },
    { "require $empty type string", "{}", "-+-" },
    { "require $bytes eq a\xff", "{}", "+++" },
    { "require $bytes regex a", "{}", "-++" },
    { "require $bytes not_regex b", "{}", "-++" },
    { "require $bytes length_lte 9", "{}", "-++" },
    { "require $nomem eq 1", "{}", "???" },
    { "require $error eq 1", "{}", "!!!" },
    { "require $role eq $error", "{}", "!!!" },
    { "a eq $error", "{\"a\":1}", "!!!" },
    { "a in x $nomem", "{\"a\":1}", "???" }
};


typedef struct {
    const char  *condition;
    const char  *message;
} compile_case_t;

static const compile_case_t  compile_errors[] = {
    { "a eq", "operator \"eq\" takes one value, 0 given" },
    { "a eq 1 2", "operator \"eq\" takes one value, 2 given, use \"in\"" },
    { "a neq", "operator \"neq\" takes one value, 0 given" },
    { "a neq 1 2",
      "operator \"neq\" takes one value, 2 given, use \"not_in\"" },
    { "a in", "operator \"in\" takes one or more values, none given" },
    { "a not_in", "operator \"not_in\" takes one or more values, none given" },
    { "a lt 1 2", "operator \"lt\" takes one value, 2 given" },
    { "a lte", "operator \"lte\" takes one value, 0 given" },
    { "a gt", "operator \"gt\" takes one value, 0 given" },
    { "a gte 1 2", "operator \"gte\" takes one value, 2 given" },
    { "a regex", "operator \"regex\" takes one value, 0 given" },
    { "a not_regex a b", "operator \"not_regex\" takes one value, 2 given" },
    { "a contains", "operator \"contains\" takes one value, 0 given" },
    { "a exists x", "operator \"exists\" takes no value, 1 given" },
    { "a absent x", "operator \"absent\" takes no value, 1 given" },
    { "a length_lte", "operator \"length_lte\" takes one value, 0 given" },
    { "a type", "operator \"type\" takes one or more values, none given" },
    { "a lt 05", "operator \"lt\" takes a number as JSON spells it, such as "
                 "5, -0.5 or 1e6, \"05\" is none" },
    { "a gte +5", "operator \"gte\" takes a number as JSON spells it, such "
                  "as 5, -0.5 or 1e6, \"+5\" is none" },
    { "a gt 0x5", "operator \"gt\" takes a number as JSON spells it, such as "
                  "5, -0.5 or 1e6, \"0x5\" is none" },
    { "a lte ''", "operator \"lte\" takes a number as JSON spells it, such "
                  "as 5, -0.5 or 1e6, \"\" is none" },
    { "a length_lte -1",
      "operator \"length_lte\" takes a whole number from 0, \"-1\" is none" },
    { "a length_lte 1.5",
      "operator \"length_lte\" takes a whole number from 0, \"1.5\" is none" },
    { "a length_lte x",
      "operator \"length_lte\" takes a whole number from 0, \"x\" is none" },
    { "a regex $role",
      "operator \"regex\" takes a fixed pattern, without variables" },
    { "a regex ''",
      "operator \"regex\" takes a pattern, an empty one matches everything" },
    { "a type text", "unknown type \"text\", expected one of string, number, "
                     "integer, boolean, array, object, null" },
    { "a type string $role",
      "unknown type \"$role\", expected one of string, number, integer, "
      "boolean, array, object, null" }
};


typedef struct {
    const char  *path;
    const char  *segments;    /* kinds: m member, i index, * all */
    const char  *message;     /* of an error */
} path_case_t;

static const path_case_t  paths[] = {
    { "a", "m", NULL },
    { "a.b.c", "mmm", NULL },
    { "a[0]", "mi", NULL },
    { "a[10][*].b", "mi*m", NULL },
    { "\"a.b\".c", "mm", NULL },
    { "a.\"b c\"[0]", "mmi", NULL },
    { "\"\"", "m", NULL },
    { "a-b.c_d.e:f/g@h", "mmm", NULL },
    { "a$b", "m", NULL },
    { "\"$a\"", "m", NULL },
    { "a[999999999]", "mi", NULL },
    { "", NULL, "name expected at offset 0" },
    { ".", NULL, "name expected at offset 0" },
    { "a.", NULL, "name expected at offset 2" },
    { "a..b", NULL, "name expected at offset 2" },
    { ".a", NULL, "name expected at offset 0" },
    { "[0]", NULL, "name expected at offset 0" },
    { "a.[0]", NULL, "name expected at offset 2" },
    { "a[0]b", NULL, "\".\" or \"[\" expected at offset 4" },
    { "\"a\"b", NULL, "\".\" or \"[\" expected at offset 3" },
    { "a[]", NULL, "[*] or an index such as [0] expected at offset 1" },
    { "a[", NULL, "[*] or an index such as [0] expected at offset 1" },
    { "a[1", NULL, "[*] or an index such as [0] expected at offset 1" },
    { "a[*", NULL, "[*] or an index such as [0] expected at offset 1" },
    { "a[01]", NULL, "[*] or an index such as [0] expected at offset 1" },
    { "a[-1]", NULL, "[*] or an index such as [0] expected at offset 1" },
    { "a[x]", NULL, "[*] or an index such as [0] expected at offset 1" },
    { "a[1000000000]", NULL,
      "[*] or an index such as [0] expected at offset 1" },
    { "a.*", NULL, "\"*\" stands for elements only in brackets, as in a[*] "
                   "at offset 2" },
    { "$role", NULL, "variables are tested by \"require\", a name that begins "
                     "with \"$\" needs quotes at offset 0" },
    { "a b", NULL, "a name with this character needs quotes, as in "
                   "'\"odd.name\".b' at offset 1" },
    { "a]", NULL, "a name with this character needs quotes, as in "
                  "'\"odd.name\".b' at offset 1" },
    { "a\"b", NULL, "a name with this character needs quotes, as in "
                    "'\"odd.name\".b' at offset 1" },
    { "\"a", NULL, "closing quote expected at offset 2" },
    { "\"a\\", NULL, "closing quote expected at offset 3" },
    { "a.\xff", NULL, "name is not UTF-8 at offset 3" },
    { "\"\xff\"", NULL, "name is not UTF-8 at offset 3" }
};


/* The words of a condition with its values; texts point into "line". */
typedef struct {
    char             line[256];
    mcp_text_t       values[WORDS_MAX];
    mcp_condition_t  condition;
} written_t;


static mcp_rc_t
resolve(void *data, const void *compiled, mcp_arena_t *arena,
    mcp_str_t *value)
{
    size_t  i;

    (void) data;

    *value = mcp_str("");

    if (strcmp(compiled, "$nomem") == 0) {
        return MCP_NOMEM;
    }

    if (strcmp(compiled, "$error") == 0) {
        return MCP_ERROR;
    }

    for (i = 0; i < count(variables); i++) {
        if (strcmp(compiled, variables[i][0]) == 0) {
            *value = mcp_arena_copy(arena, tap_str(variables[i][1]));
        }
    }

    return MCP_OK;
}


static mcp_text_t
make_text(const char *word)
{
    mcp_text_t  text;

    if (strcmp(word, "''") == 0) {
        word = "";
    }

    text.literal = tap_str(word);
    text.variables = (word[0] == '$') ? word : NULL;

    return text;
}


/* Reads "PATH OP VALUE ..." or "require TEXT OP VALUE ...". */

static mcp_rc_t
make_condition(written_t *written, const char *line, mcp_error_t *error)
{
    char             *word, *next;
    mcp_condition_t  *condition;

    memset(written, 0, sizeof(written_t));
    condition = &written->condition;

    if (strlen(line) >= sizeof(written->line)) {
        exit(2);
    }

    memcpy(written->line, line, strlen(line));
    word = strtok_r(written->line, " ", &next);

    if (strcmp(word, "require") == 0) {
        condition->subject = make_text(strtok_r(NULL, " ", &next));
        condition->subject_text = condition->subject.literal;

    } else {
        condition->on_arguments = true;

        if (mcp_path_parse(&condition->path, tap_str(word), &allocator, error)
            != MCP_OK)
        {
            return MCP_ERROR;
        }
    }

    if (mcp_op_parse(tap_str(strtok_r(NULL, " ", &next)), &condition->op)
        != MCP_OK)
    {
        return MCP_NO;
    }

    condition->values = written->values;

    for (word = strtok_r(NULL, " ", &next); word != NULL;
         word = strtok_r(NULL, " ", &next))
    {
        written->values[condition->value_count++] = make_text(word);
    }

    return mcp_condition_compile(condition, &allocator, error);
}


static void
free_condition(written_t *written)
{
    mcp_condition_free(&written->condition);
    free(written->condition.path.segments);
}


/* What the condition says of a document, one polarity after the other. */

static void
judge(const mcp_condition_t *condition, const char *text, char said[4])
{
    char            params[512];
    mcp_json_t      json;
    mcp_arena_t     arena;
    mcp_subject_t   subject;
    mcp_polarity_t  polarity;

    mcp_arena_init(&arena, &allocator, 0);
    (void) snprintf(params, sizeof(params), "{\"arguments\":%s}", text);

    if (mcp_json_parse(&json, tap_str(params), &limits, &arena, NULL)
        != MCP_OK)
    {
        printf("# not JSON: %s\n", params);
        exit(2);
    }

    memset(&subject, 0, sizeof(subject));
    subject.json = &json;
    subject.arguments = mcp_json_member(&json, 0, mcp_str("arguments"));
    subject.resolve = resolve;
    subject.arena = &arena;

    said[3] = '\0';

    for (polarity = MCP_REQUIREMENT; polarity <= MCP_DENY_IF; polarity++) {
        switch (mcp_condition_holds(condition, polarity, &subject)) {

        case MCP_OK:
            said[polarity] = '+';
            break;

        case MCP_NO:
            said[polarity] = '-';
            break;

        case MCP_NOMEM:
            said[polarity] = '?';
            break;

        default:
            said[polarity] = '!';
            break;
        }
    }

    mcp_arena_destroy(&arena);
}


static void
test_matrix(void)
{
    char         said[4];
    size_t       i, k, wrong;
    written_t    written;
    mcp_error_t  error;

    for (i = 0; i < count(matrix); i++) {
        error.text[0] = '\0';

        if (!ok(make_condition(&written, matrix[i].condition, &error)
                == MCP_OK, "%s compiles%s", matrix[i].condition, error.text))
        {
            continue;
        }

        wrong = 0;

        for (k = 0; k < count(each_type); k++) {
            judge(&written.condition, each_type[k], said);

            if (said[0] != matrix[i].requirement[k]
                || said[1] != matrix[i].trigger[k]
                || said[2] != matrix[i].deny_if[k])
            {
                printf("# %s: %s\n", each_type[k], said);
                wrong++;
            }
        }

        ok(wrong == 0, "%s on each type", matrix[i].condition);
        free_condition(&written);
    }
}


static void
test_cases(void)
{
    char         said[4];
    size_t       i;
    written_t    written;
    mcp_error_t  error;

    for (i = 0; i < count(cases); i++) {
        error.text[0] = '\0';

        if (!ok(make_condition(&written, cases[i].condition, &error)
                == MCP_OK, "%s compiles%s", cases[i].condition, error.text))
        {
            continue;
        }

        judge(&written.condition, cases[i].json, said);
        is_str(tap_str(said), cases[i].expected, cases[i].json);
        free_condition(&written);
    }
}


static void
test_compile(void)
{
    size_t       i;
    mcp_op_t     op, parsed;
    written_t    written;
    mcp_error_t  error;

    for (i = 0; i < count(compile_errors); i++) {
        error.text[0] = '\0';
        ok(make_condition(&written, compile_errors[i].condition, &error)
           == MCP_ERROR, "'%s' is refused", compile_errors[i].condition);
        is_str(tap_str(error.text), compile_errors[i].message, "its message");
        free_condition(&written);
    }

    error.text[0] = '\0';
    ok(make_condition(&written, "a regex ^(a", &error) == MCP_ERROR
       && strncmp(error.text, "invalid regex \"^(a\": ", 21) == 0
       && strstr(error.text, "quote a pattern") != NULL,
       "a regex that was cut: %s", error.text);
    free_condition(&written);

    for (op = MCP_OP_EQ; op < MCP_OP_COUNT; op++) {
        parsed = MCP_OP_COUNT;
        ok(mcp_op_parse(tap_str(mcp_op_name(op)), &parsed) == MCP_OK
           && parsed == op, "operator %s", mcp_op_name(op));
    }

    ok(mcp_op_parse(mcp_str("EQ"), &op) == MCP_NO
       && mcp_op_parse(mcp_str(""), &op) == MCP_NO
       && mcp_op_parse(mcp_str("eqq"), &op) == MCP_NO
       && mcp_op_parse(mcp_str("e"), &op) == MCP_NO, "no operators");
    is_str(tap_str(mcp_op_name(MCP_OP_COUNT)), "", "no name");

    memset(&written, 0, sizeof(written));
    written.condition.op = MCP_OP_COUNT;
    ok(mcp_condition_compile(&written.condition, &allocator, NULL)
       == MCP_ERROR, "no condition");
}


static void *
no_memory(void *data, size_t size)
{
    (void) data;
    (void) size;

    return NULL;
}


static void
test_paths(void)
{
    char                    text[MCP_PATH_LENGTH_MAX + 2];
    size_t                  i, k;
    mcp_path_t              path;
    mcp_error_t             error;
    const mcp_allocator_t   none = { no_memory, NULL, NULL };

    for (i = 0; i < count(paths); i++) {
        error.text[0] = '\0';

        if (paths[i].segments == NULL) {
            ok(mcp_path_parse(&path, tap_str(paths[i].path), &allocator,
                              &error) == MCP_ERROR,
               "path '%s' is refused", paths[i].path);
            is_str(tap_str(error.text), paths[i].message, "its message");
            continue;
        }

        ok(mcp_path_parse(&path, tap_str(paths[i].path), &allocator, &error)
           == MCP_OK, "path '%s'%s", paths[i].path, error.text);

        for (k = 0; k < path.count; k++) {
            text[k] = "mi*"[path.segments[k].kind];
        }

        text[path.count] = '\0';
        is_str(tap_str(text), paths[i].segments, "its segments");
        is_str(path.text, paths[i].path, "its text");
        free(path.segments);
    }

    (void) mcp_path_parse(&path, mcp_str("\"a.\\\"\\\\\".bc[7]"), &allocator,
                          NULL);
    is_str(path.segments[0].name, "a.\"\\", "a quoted name");
    is_str(path.segments[1].name, "bc", "a plain name");
    ok(path.segments[2].index == 7, "an index");
    free(path.segments);

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (i % 2) ? '.' : 'a';
    }

    ok(mcp_path_parse(&path, (mcp_str_t) { (uint8_t *) text,
                                           2 * MCP_PATH_SEGMENTS_MAX - 1 },
                      &allocator, &error) == MCP_OK
       && path.count == MCP_PATH_SEGMENTS_MAX, "the most segments");
    free(path.segments);

    ok(mcp_path_parse(&path, (mcp_str_t) { (uint8_t *) text,
                                           2 * MCP_PATH_SEGMENTS_MAX + 1 },
                      &allocator, &error) == MCP_ERROR, "one more: %s",
       error.text);

    memset(text, 'a', sizeof(text));
    ok(mcp_path_parse(&path, (mcp_str_t) { (uint8_t *) text,
                                           MCP_PATH_LENGTH_MAX },
                      &allocator, &error) == MCP_OK, "the longest path");
    free(path.segments);

    ok(mcp_path_parse(&path, (mcp_str_t) { (uint8_t *) text,
                                           MCP_PATH_LENGTH_MAX + 1 },
                      &allocator, &error) == MCP_ERROR, "one byte more: %s",
       error.text);

    ok(mcp_path_parse(&path, mcp_str("a"), &none, &error) == MCP_NOMEM,
       "no memory for a path");
}


static void
find(const mcp_json_t *json, const char *text, const char *expected)
{
    uint32_t    index;
    mcp_path_t  path;

    if (mcp_path_parse(&path, tap_str(text), &allocator, NULL) != MCP_OK) {
        exit(2);
    }

    index = mcp_path_find(&path, json,
                          mcp_json_member(json, 0, mcp_str("p")));

    if (expected == NULL) {
        ok(index == MCP_JSON_NONE, "nothing at %s", text);

    } else {
        is_str(mcp_json_raw(json, index), expected, text);
    }

    free(path.segments);
}


static void
test_find(void)
{
    mcp_path_t     path;
    mcp_json_t     json;
    mcp_arena_t    arena;
    written_t      written;
    mcp_subject_t  subject;

    mcp_arena_init(&arena, &allocator, 0);

    if (mcp_json_parse(&json, mcp_str("{\"p\":{\"a\":[1,{\"b\":null}],"
                                      "\"c\":\"x\",\"d\":[]}}"),
                       &limits, &arena, NULL) != MCP_OK)
    {
        exit(2);
    }

    find(&json, "a", "[1,{\"b\":null}]");
    find(&json, "a[0]", "1");
    find(&json, "a[1].b", "null");
    find(&json, "c", "\"x\"");
    find(&json, "a[2]", NULL);
    find(&json, "a[1].b.c", NULL);
    find(&json, "c.x", NULL);
    find(&json, "x", NULL);
    find(&json, "a[*]", NULL);
    find(&json, "d[*]", NULL);

    (void) mcp_path_parse(&path, mcp_str("a"), &allocator, NULL);
    ok(mcp_path_find(&path, &json, MCP_JSON_NONE) == MCP_JSON_NONE,
       "a call without arguments");
    free(path.segments);

    memset(&subject, 0, sizeof(subject));
    subject.arena = &arena;
    subject.resolve = resolve;

    (void) make_condition(&written, "a absent", NULL);
    ok(mcp_condition_holds(&written.condition, MCP_REQUIREMENT, &subject)
       == MCP_OK, "without a document all is absent");

    subject.json = &json;
    ok(mcp_condition_holds(&written.condition, MCP_REQUIREMENT, &subject)
       == MCP_OK, "and without arguments");
    free_condition(&written);

    (void) make_condition(&written, "a eq 1", NULL);
    ok(mcp_condition_holds(&written.condition, MCP_REQUIREMENT, &subject)
       == MCP_NO
       && mcp_condition_holds(&written.condition, MCP_TRIGGER, &subject)
          == MCP_OK
       && mcp_condition_holds(&written.condition, MCP_DENY_IF, &subject)
          == MCP_NO, "any other operator says missing");
    free_condition(&written);

    mcp_arena_destroy(&arena);
}


/* The arena is at its end when a string must be unescaped, a list resolved. */

static void
test_memory(void)
{
    static const char  *lines[] = {
        "a regex x", "a contains x", "a length_lte 5", "a in x $role"
    };

    size_t           i;
    mcp_json_t       json;
    mcp_arena_t      arena, full;
    written_t        written;
    mcp_subject_t    subject;
    mcp_polarity_t   polarity;
    mcp_allocator_t  none = { no_memory, tap_free, NULL };

    mcp_arena_init(&arena, &allocator, 0);
    mcp_arena_init(&full, &none, 0);

    if (mcp_json_parse(&json, mcp_str("{\"p\":{\"a\":\"\\u0041\"}}"), &limits,
                       &arena, NULL) != MCP_OK)
    {
        exit(2);
    }

    memset(&subject, 0, sizeof(subject));
    subject.json = &json;
    subject.arguments = mcp_json_member(&json, 0, mcp_str("p"));
    subject.resolve = resolve;
    subject.arena = &full;

    for (i = 0; i < count(lines); i++) {
        (void) make_condition(&written, lines[i], NULL);

        for (polarity = MCP_REQUIREMENT; polarity <= MCP_DENY_IF; polarity++) {
            ok(mcp_condition_holds(&written.condition, polarity, &subject)
               == MCP_NOMEM, "no memory: %s, %d", lines[i], polarity);
        }

        free_condition(&written);
    }

    mcp_arena_destroy(&arena);
}


/* 100,000 elements, each of which nearly exhausts the steps of a match. */

static void
test_many(void)
{
    char           *text, *p;
    size_t          i;
    clock_t         start;
    mcp_json_t      json;
    mcp_arena_t     arena;
    written_t       written;
    mcp_subject_t   subject;

    text = malloc(3000000);

    if (text == NULL) {
        exit(2);
    }

    p = text + snprintf(text, 3000000, "{\"p\":{\"a\":[");

    for (i = 0; i < 100000; i++) {
        p += snprintf(p, 20, "%s\"aaaaaaaaaaab\"", i ? "," : "");
    }

    (void) snprintf(p, 4, "]}}");
    mcp_arena_init(&arena, &allocator, 0);

    if (mcp_json_parse(&json, tap_str(text), &limits, &arena, NULL)
        != MCP_OK)
    {
        exit(2);
    }

    memset(&subject, 0, sizeof(subject));
    subject.json = &json;
    subject.arguments = mcp_json_member(&json, 0, mcp_str("p"));
    subject.resolve = resolve;
    subject.arena = &arena;

    (void) make_condition(&written, "a[*] regex ^(a+)+$", NULL);
    start = clock();
    ok(mcp_condition_holds(&written.condition, MCP_DENY_IF, &subject)
       == MCP_ERROR, "many elements do not multiply the steps");
    ok(clock() - start < CLOCKS_PER_SEC, "nor the time");
    free_condition(&written);

    (void) make_condition(&written, "a[*] regex ^[a-z]+$", NULL);
    ok(mcp_condition_holds(&written.condition, MCP_REQUIREMENT, &subject)
       == MCP_OK, "a regex that all elements match");
    free_condition(&written);

    (void) make_condition(&written, "a[*] eq $role", NULL);
    ok(mcp_condition_holds(&written.condition, MCP_DENY_IF, &subject)
       == MCP_NO, "a variable is resolved once for all elements");
    free_condition(&written);

    (void) make_condition(&written, "a[99999] eq aaaaaaaaaaab", NULL);
    ok(mcp_condition_holds(&written.condition, MCP_REQUIREMENT, &subject)
       == MCP_OK, "the last element");
    free_condition(&written);

    mcp_arena_destroy(&arena);
    free(text);
}


static void
test_utf8(void)
{
    static const char  *valid[] = {
        "", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"
    };
    static const char  *invalid[] = {
        "\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\302a", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xe1\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "a\xfe"
    };

    size_t  i;

    for (i = 0; i < count(valid); i++) {
        ok(mcp_condition_utf8(tap_str(valid[i])), "UTF-8 %zu", i);
    }

    for (i = 0; i < count(invalid); i++) {
        ok(!mcp_condition_utf8(tap_str(invalid[i])), "no UTF-8 %zu", i);
    }
}


int
main(void)
{
    test_paths();
    test_find();
    test_compile();
    test_matrix();
    test_cases();
    test_memory();
    test_many();
    test_utf8();

    return tap_done();
}
