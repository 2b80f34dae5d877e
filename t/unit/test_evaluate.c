/*
 * Decisions: a policy, calls, and what becomes of each.  The number in front
 * of a name is that of the ruling it shows.
 */

#include "tap.h"
#include "policy_text.h"

#include "mcp_evaluate.h"


#define CELLS   64
#define OUTPUT  8192

/*
 * Lines of "calls":
 *   NAME [ARGUMENTS]   a tool call
 *   { or [             a whole body
 *   ? KIND NAME        whether a list shows it
 *   @NAME=VALUE        a variable, or: grant, session, dry, full, room,
 *                      fullallow, tasks
 */
typedef struct {
    const char  *name;
    const char  *policy;
    const char  *calls;
    const char  *expected;    /* a line per call, or per message */
} row_t;


/* A store of plain sums: windows never end. */
typedef struct {
    struct {
        uint64_t  key[2];
        int64_t   used;
    } cells[CELLS];
    uint32_t  count;
    uint32_t  reservations;
    bool      full;
    uint32_t  room;             /* counters that there can be, 0: any */
} store_t;

typedef struct {
    const mcp_policy_t  *policy;
    mcp_caller_t         caller;
    policy_variable_t    variables[8];
    char                 names[8][64];
    char                 values[8][64];
    char                 grant[64];
    char                 session[64];
    store_t              cells;
    mcp_store_t          store;
    mcp_arena_t          arena;
    char                 output[OUTPUT];
} run_t;


#define CALL(method, params)                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":"     \
    params "}"
#define TOOL(name)                                                            \
    "{\"jsonrpc\":\"2.0\",\"id\":\"" name "\",\"method\":\"tools/call\","     \
    "\"params\":{\"name\":\"" name "\"}}"
#define PROMPT(name)    CALL("prompts/get", "{\"name\":\"" name "\"}")
#define READ(uri)       CALL("resources/read", "{\"uri\":\"" uri "\"}")
#define TASK(id)        CALL("tasks/get", "{\"taskId\":\"" id "\"}")
#define NOTE(method)    "{\"jsonrpc\":\"2.0\",\"method\":\"" method "\"}"
#define COMPLETE(ref)                                                         \
    CALL("completion/complete", "{\"ref\":" ref ",\"argument\":"              \
         "{\"name\":\"a\",\"value\":\"b\"}}")

#define HIDDEN(kind, name)                                                    \
    "deny hidden (hidden) [not shown]: " kind " \"" name "\" is not "         \
    "permitted. Do not retry."
#define UNLISTED(kind, name)                                                  \
    "deny not_listed (default) [not shown]: " kind " \"" name "\" is not "    \
    "permitted. Do not retry."
#define DENIED(rule, name)                                                    \
    "deny denied " rule ": tool \"" name "\" is not permitted. Do not retry."
#define BATCH                                                                 \
    "deny batch : another message of the batch was refused, so none of them " \
    "was forwarded"


static const row_t  rows[] = {

    /* the order: hide, default, names */

    { "default allow", "default allow;", "x", "allow" },
    { "default deny", "tool a { }", "a\nb", "allow\n" UNLISTED("tool", "b") },
    { "14: allow is an empty block", "tool a { allow; }", "a", "allow" },
    { "hide comes first", "hide a; tool a { deny m; }", "a",
      HIDDEN("tool", "a") },
    { "hide with a glob and a regex", "default allow; hide x_* ~^y; ",
      "x_1\ny1\nz", HIDDEN("tool", "x_1") "\n" HIDDEN("tool", "y1")
      "\nallow" },
    { "16: hide covers prompts and resources", "default allow; hide a u:*;",
      PROMPT("a") "\n" READ("u:1") "\n" PROMPT("b"),
      HIDDEN("prompt", "a") "\n" HIDDEN("resource", "u:1") "\nallow" },
    { "hide of a star", "default allow; hide *;", "a\n" READ("u:1"),
      HIDDEN("tool", "a") "\n" HIDDEN("resource", "u:1") },
    { "32: hide under default deny", "hide a;", "a\nb",
      HIDDEN("tool", "a") "\n" UNLISTED("tool", "b") },
    { "a star alone lists nothing", "tool * { }", "a\n? tool a",
      UNLISTED("tool", "a") "\nnot shown" },
    { "14: the star applies to all in addition",
      "tool a { allow; } tool b { deny; } tool * { arg x absent; }",
      "a\na {\"x\":1}\nb {\"x\":1}",
      "allow\ndeny condition *: argument \"x\" must be left out\n"
      DENIED("b", "b") },
    { "43: odd names under default allow", "default allow;",
      "a b\n? tool a b\na/b.c_d-e\n? tool a/b",
      "deny bad_name (default): tool names other than 1 to 128 letters, "
      "digits, \"_\", \".\", \"/\" and \"-\" are not permitted. Do not retry."
      "\nnot shown\nallow\nshown" },
    { "43: named exactly", "default allow; tool 'a b' { }",
      "a b\n? tool a b", "allow\nshown" },
    { "43: a glob does not name exactly", "default allow; tool 'a*' { }",
      "? tool a b", "not shown" },
    { "43: hidden all the same", "default allow; hide 'a*';", "a b",
      HIDDEN("tool", "a b") },
    { "43: under default deny a pattern says it", "tool 'a*' { }",
      "a b", "allow" },
    { "43: prompts where a rule could be evaded", "default allow; hide x;",
      PROMPT("x y"),
      "deny bad_name (default): prompt names other than 1 to 128 letters, "
      "digits, \"_\", \".\", \"/\" and \"-\" are not permitted. Do not retry."
    },
    { "43: prompts where nothing is said", "default allow;", PROMPT("x y"),
      "allow" },
    { "the most specific block",
      "tool ~^get { deny r; } tool get_* { deny g; } tool get_user* { deny l;"
      " } tool get_user { deny e; }",
      "get_user\nget_users\nget_x\ngetx",
      "deny denied get_user: e\ndeny denied get_user*: l\n"
      "deny denied get_*: g\ndeny denied ~^get: r" },
    { "10: regexes are not anchored, \"$\" is the very end",
      "tool ~^a$ { } tool ~b { }", "a\nxbx\na\\n\n? tool ab",
      "allow\nallow\n" UNLISTED("tool", "a\n") "\nshown" },
    { "11: a star matches slashes, the longest literal wins",
      "tool a/* { deny 1; } tool */b/c { deny 2; }", "a/b/c\na/b",
      "deny denied */b/c: 2\ndeny denied a/*: 1" },
    { "prompts and resources have their own blocks",
      "tool a { } prompt b { } resource u:* { }",
      PROMPT("a") "\n" PROMPT("b") "\n" READ("u:1") "\n" READ("v:1"),
      UNLISTED("prompt", "a") "\nallow\nallow\n"
      UNLISTED("resource", "v:1") },
    { "11: dot segments", "resource file:///pub/* { }",
      READ("file:///pub/../etc") "\n" READ("file:///pub/%2e%2E/etc") "\n"
      READ("file:///pub/a"),
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments\n"
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments\nallow" },
    { "what URL parsers drop", "resource file:///pub/* { }",
      READ("file:///pub/.\\t./etc") "\n" READ("file:///pub/a ") "\n"
      READ("file:///pub/a b"),
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments\n"
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments\nallow" },
    { "what URL parsers drop could evade a rule",
      "default allow; resource file:///etc/* { deny M; }",
      READ("file:///e\\ntc/x") "\n" READ("file:/etc/x") "\n"
      READ("file:///usr/x") "\n" READ("memo:x"),
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments\n"
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments\nallow\nallow" },
    { "another spelling of what a narrower block denies",
      "resource file:///pub/* { } resource file:///pub/secret* { deny M; }",
      READ("file:///pub/%73ecret") "\n" READ("file:///pub/secret") "\n"
      READ("file:///pub/a"),
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments\n"
      "deny denied file:///pub/secret*: M\nallow" },
    { "another spelling of what is hidden",
      "resource file:///pub/* { } hide file:///pub/secret*;",
      READ("file:///pub/%73ecret"),
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments" },
    { "another spelling where nothing could be evaded",
      "resource file:///pub/* { }", READ("file:///pub/%73ecret"), "allow" },
    { "11: dot segments where nothing is said", "default allow;",
      READ("file:///pub/../etc"), "allow" },
    { "11: dot segments could evade hide", "default allow; hide 'file:*/x';",
      READ("file:///x/../y"),
      "deny bad_uri (default): the resource URI must be in its normal form, "
      "without \".\" and \"..\" as path segments" },
    { "17: subscribing is reading", "resource u:1 { }",
      CALL("resources/subscribe", "{\"uri\":\"u:1\"}") "\n"
      CALL("resources/unsubscribe", "{\"uri\":\"u:2\"}"),
      "allow\n" UNLISTED("resource", "u:2") },
    { "12: U+0000 in a value that nobody looks at", "tool a { arg x eq 1; }",
      "a {\"x\":1,\"y\":\"\\u0000\"}", "allow" },

    /* conditions */

    { "requirements: all must hold",
      "tool pay { arg amount lte 500; arg to exists; }",
      "pay {\"amount\":500,\"to\":\"x\"}\npay {\"amount\":501,\"to\":\"x\"}\n"
      "pay {\"amount\":5}\npay",
      "allow\ndeny condition pay: argument \"amount\" must be at most 500\n"
      "deny condition pay: argument \"to\" must be present\n"
      "deny condition pay: argument \"amount\" must be at most 500" },
    { "4: exists and null",
      "tool a { arg x exists; } tool b { arg x absent; }",
      "a {\"x\":null}\nb {\"x\":null}\nb",
      "deny condition a: argument \"x\" must be present\n"
      "deny condition b: argument \"x\" must be left out\nallow" },
    { "any: one is enough",
      "tool a { any { arg x eq 1; arg y eq b; } }",
      "a {\"x\":1}\na {\"y\":\"b\"}\na {\"x\":2,\"y\":\"c\"}",
      "allow\nallow\ndeny condition a: argument \"x\" must be 1 or argument "
      "\"y\" must be \"b\"" },
    { "require", "tool a { require $role in admin ops; }",
      "a\n@role=ops\na\n@role=x\na",
      "deny condition a: tool \"a\" is not permitted for this caller. Do not "
      "retry.\nallow\ndeny condition a: tool \"a\" is not permitted for this "
      "caller. Do not retry." },
    { "a variable that cannot be had", "tool a { require $broken eq 1; }",
      "a\n? tool a",
      "deny undecidable a: tool \"a\" is refused, because a rule could not be "
      "decided for this call. Do not retry.\ncannot tell" },
    { "8: values with variables", "tool a { arg owner eq $user; }",
      "@user=joe\na {\"owner\":\"joe\"}\na {\"owner\":\"jim\"}",
      "allow\ndeny condition a: argument \"owner\" must be the value that the "
      "policy has for this caller" },
    { "8: messages with variables",
      "tool a { deny 'not for $user'; } tool b { deny $user; }",
      "b\n@user=joe\na",
      DENIED("b", "b") "\ndeny denied a: not for joe" },
    { "a message that cannot be had", "tool a { deny $broken; }", "a",
      DENIED("a", "a") },
    { "deny_if: when all hold",
      "tool a { deny_if { arg x gt 5; arg y exists; } }",
      "a {\"x\":6}\na {\"x\":5,\"y\":1}\na {\"x\":6,\"y\":1}\na",
      "allow\nallow\ndeny deny_if a: tool \"a\" is not permitted when "
      "argument \"x\" is more than 5 and argument \"y\" is present\nallow" },
    { "3, 42: deny_if holds where it cannot be applied",
      "tool a { deny_if { arg x gt 5; } }",
      "a {\"x\":\"6\"}\na {\"x\":{}}\na",
      "deny deny_if a: tool \"a\" is not permitted when argument \"x\" is "
      "more than 5\ndeny deny_if a: tool \"a\" is not permitted when argument "
      "\"x\" is more than 5\nallow" },
    { "2: all elements, any element",
      "tool a { arg x[*] lt 5; } tool b { deny_if { arg x[*] lt 5; } }",
      "a {\"x\":[1,2]}\na {\"x\":[1,9]}\na {\"x\":[]}\nb {\"x\":[9,1]}\n"
      "b {\"x\":[9]}\nb {\"x\":[]}",
      "allow\ndeny condition a: argument \"x[*]\" must be less than 5\n"
      "deny condition a: argument \"x[*]\" must be less than 5\n"
      "deny deny_if b: tool \"b\" is not permitted when argument \"x[*]\" is "
      "less than 5\nallow\nallow" },
    { "any in deny_if",
      "tool a { deny_if { arg x exists; any { arg y eq 1; require $role eq r;"
      " } } }",
      "a {\"x\":1}\na {\"x\":1,\"y\":1}\n@role=r\na {\"x\":1}\na",
      "allow\ndeny deny_if a: tool \"a\" is not permitted when argument \"x\" "
      "is present and argument \"y\" is 1\n"
      "deny deny_if a: tool \"a\" is not permitted when argument \"x\" is "
      "present and argument \"y\" is 1\nallow" },
    { "15: the innermost message",
      "tool a { message block; deny_if { arg x eq 1; message inner; } "
      " deny_if { arg x eq 2; } rule r { arg x neq 3; message rule; }"
      " rule q { arg x eq 4; deny direct; message no; }"
      " rule s { arg x neq 5; } }",
      "a {\"x\":1}\na {\"x\":2}\na {\"x\":3}\na {\"x\":4}\na {\"x\":5}",
      "deny deny_if a: inner\ndeny deny_if a: block\ndeny condition r: rule\n"
      "deny denied q: direct\ndeny condition s: block" },
    { "a rule of requirements is named",
      "tool a { rule small { arg x lt 5; } rule b { arg y eq 1; } }",
      "a {\"x\":9}\na {\"x\":1}\na {\"x\":1,\"y\":1}",
      "deny condition small: argument \"x\" must be less than 5\n"
      "deny condition b: argument \"y\" must be 1\nallow" },
    { "1: conditions beside deny are triggers",
      "tool a { rule big { deny; arg x gt 5; } }",
      "a {\"x\":5}\na {\"x\":6}\na {\"x\":\"y\"}\na\n? tool a",
      "allow\n"
      "deny denied big: tool \"a\" is not permitted when argument \"x\" is "
      "more than 5\n"
      "deny denied big: tool \"a\" is not permitted when argument \"x\" is "
      "more than 5\n"
      "deny denied big: tool \"a\" is not permitted when argument \"x\" is "
      "more than 5\nshown" },
    { "1: in a rule of triggers deny_if is about such calls only",
      "tool a { rule r { arg x eq 1; limit 9/day; deny_if { arg y eq 1; } } }",
      "a {\"x\":2,\"y\":1}\na {\"x\":1,\"y\":1}",
      "allow\ndeny deny_if r: tool \"a\" is not permitted when argument \"y\" "
      "is 1" },
    { "a trigger on the caller",
      "tool a { rule guests { require $role eq guest; deny; } }",
      "@role=admin\na\n? tool a\n@role=guest\na\n? tool a",
      "allow\nshown\ndeny denied guests: tool \"a\" is not permitted for this "
      "caller. Do not retry.\nnot shown" },
    { "written order decides",
      "tool a { arg x eq 1; deny_if { arg y eq 1; } arg z eq 1; }",
      "a {\"x\":2,\"y\":1}\na {\"x\":1,\"y\":1}\na {\"x\":1}",
      "deny condition a: argument \"x\" must be 1\n"
      "deny deny_if a: tool \"a\" is not permitted when argument \"y\" is 1\n"
      "deny condition a: argument \"z\" must be 1" },
    { "denial of the rule, else of the block",
      "tool a { denial error; rule r { arg x neq 1; denial status; }"
      " arg x neq 2; }", "a {\"x\":1}\na {\"x\":2}",
      "deny condition r <status>: argument \"x\" must not be 1\n"
      "deny condition a <error>: argument \"x\" must not be 2" },
    { "sentences by operator",
      "tool a { arg o eq x; } tool b { arg o neq null; } "
      "tool c { arg o in a 2 true; } tool d { arg o not_in b 'c d'; } "
      "tool e { arg o gt 1; } tool f { arg o gte 1; } "
      "tool g { arg o regex ^a; } tool h { arg o not_regex ^a; } "
      "tool i { arg o contains 5; } tool j { arg o length_lte 2; } "
      "tool k { arg o type string boolean; }",
      "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk",
      "deny condition a: argument \"o\" must be \"x\"\n"
      "deny condition b: argument \"o\" must not be null\n"
      "deny condition c: argument \"o\" must be \"a\", 2 or true\n"
      "deny condition d: argument \"o\" must not be \"b\" or \"c d\"\n"
      "deny condition e: argument \"o\" must be more than 1\n"
      "deny condition f: argument \"o\" must be at least 1\n"
      "deny condition g: argument \"o\" must match \"^a\"\n"
      "deny condition h: argument \"o\" must not match \"^a\"\n"
      "deny condition i: argument \"o\" must contain \"5\"\n"
      "deny condition j: argument \"o\" must have a length of at most 2\n"
      "deny condition k: argument \"o\" must be of type string or boolean" },

    { "a list of many values is cut",
      "tool a { arg x in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; }", "a",
      "deny condition a: argument \"x\" must be 1, 2, 3, 4, 5, 6, 7, 8, 9, "
      "10, 11, 12, 13, 14, 15, 16 or another value of a list" },

    /* methods */

    { "17: housekeeping under default deny", "tool a { }",
      CALL("ping", "{}") "\n" CALL("tools/list", "{}") "\n"
      CALL("logging/setLevel", "{\"level\":\"info\"}") "\n"
      NOTE("notifications/initialized"), "allow\nallow\nallow\nallow" },
    { "unknown methods follow the default", "tool a { }",
      CALL("x/y", "{}") "\n" CALL("tasks/list", "{}") "\n" NOTE("x/y"),
      "deny method (default) [method]: method \"x/y\" is not permitted. Do "
      "not retry.\n"
      "deny method (default) [method]: method \"tasks/list\" is not "
      "permitted. Do not retry.\n"
      "deny method (default) [method]: method \"x/y\" is not permitted. Do "
      "not retry." },
    { "unknown methods under default allow", "default allow;",
      CALL("x/y", "{}") "\n" CALL("tasks/list", "{}"), "allow\nallow" },
    { "a method block lists a method", "method x/* { } tool a { }",
      CALL("x/y", "{}") "\n" CALL("z/y", "{}"),
      "allow\ndeny method (default) [method]: method \"z/y\" is not "
      "permitted. Do not retry." },
    { "a star among methods lists nothing", "method * { } tool a { }",
      CALL("x/y", "{}") "\n" CALL("ping", "{}"),
      "deny method (default) [method]: method \"x/y\" is not permitted. Do "
      "not retry.\nallow" },
    { "40: a method that is denied", "default allow; method ping { deny M; }",
      CALL("ping", "{}"), "deny denied ping [method]: M" },
    { "40: also a notification",
      "default allow; method notifications/* { deny; }",
      NOTE("notifications/initialized"),
      "deny denied notifications/* [method]: method "
      "\"notifications/initialized\" is not permitted. Do not retry." },
    { "16: method and tool rules must both hold",
      "tool a { arg x eq 1; } tool b { }"
      " method tools/call { arg y eq 1; }",
      "a {\"x\":1,\"y\":1}\na {\"x\":1}\na {\"y\":1}\nb\nb {\"y\":1}",
      "allow\ndeny condition tools/call: argument \"y\" must be 1\n"
      "deny condition a: argument \"x\" must be 1\n"
      "deny condition tools/call: argument \"y\" must be 1\nallow" },
    { "hide and default come before methods",
      "hide h; tool a { } method tools/call { deny no; }", "h\nb\na\n? tool a",
      HIDDEN("tool", "h") "\n" UNLISTED("tool", "b")
      "\ndeny denied tools/call [method]: no\nnot shown" },
    { "a denial by arguments is not about the whole method",
      "tool a { } method tools/call { rule r { arg x eq 1; deny no; } }",
      "a {\"x\":1}\n? tool a", "deny denied r: no\nshown" },
    { "a method star in addition",
      "tool a { } method tools/call { } method * { require $role eq r; }",
      "a\n@role=r\na\n" CALL("ping", "{}"),
      "deny condition *: method \"tools/call\" is not permitted for this "
      "caller. Do not retry.\nallow\nallow" },
    { "arguments of a method without any",
      "default allow; method ping { arg x eq 1; }", CALL("ping", "{}"),
      "deny condition ping: argument \"x\" must be 1" },
    { "41: posted answers", "tool a { }",
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n"
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,"
      "\"message\":\"m\"}}",
      "allow\nallow" },
    { "completion leaks nothing hidden", "hide h u:h; tool a { }",
      COMPLETE("{\"type\":\"ref/prompt\",\"name\":\"h\"}") "\n"
      COMPLETE("{\"type\":\"ref/resource\",\"uri\":\"u:h\"}") "\n"
      COMPLETE("{\"type\":\"ref/prompt\",\"name\":\"other\"}"),
      HIDDEN("prompt", "h") "\n" HIDDEN("resource", "u:h") "\nallow" },

    /* tasks */

    { "17: tasks follow their tool", "tool a { } tool b { deny; } hide h;",
      "@tasks=1\n" TASK("mine:a") "\n" TASK("mine:b") "\n" TASK("mine:c") "\n"
      TASK("mine:h") "\n" TASK("other:a") "\n" TASK("x"),
      "allow\n" DENIED("b", "b") "\n" UNLISTED("tool", "c") "\n"
      HIDDEN("tool", "h") "\n"
      "deny task_owner (default): this task is not known. Do not retry.\n"
      "deny unknown_task (default): this task is not known. Do not retry." },
    { "17: unknown tasks under default allow",
      "default allow; tool b { deny; }",
      TASK("x") "\n@tasks=1\n" TASK("x") "\n" TASK("other:a") "\n"
      TASK("mine:b"),
      "allow\nallow\n"
      "deny task_owner (default): this task is not known. Do not retry.\n"
      DENIED("b", "b") },
    { "17: without anybody who knows tasks", "tool a { }", TASK("mine:a"),
      "deny unknown_task (default): this task is not known. Do not retry." },
    { "tasks: arguments do not matter", "tool a { arg x eq 1; }",
      "@tasks=1\n" TASK("mine:a"), "allow" },
    { "tasks and method blocks",
      "tool a { } method tasks/cancel { deny no; }",
      "@tasks=1\n" TASK("mine:a") "\n"
      CALL("tasks/cancel", "{\"taskId\":\"mine:a\"}"),
      "allow\ndeny denied tasks/cancel [method]: no" },
    { "tasks of a store that fails", "default allow;",
      "@tasks=1\n" TASK("broken"),
      "deny undecidable (default): task \"broken\" is refused, because a rule "
      "could not be decided for this call. Do not retry." },

    /* 38: what lists show */

    { "38: hidden, unlisted, denied", "hide h; tool a { } tool d { deny; }"
      " tool r { rule x { deny; } } tool * { limit 9/day; }",
      "? tool h\n? tool a\n? tool d\n? tool r\n? tool z\n? prompt a",
      "not shown\nshown\nnot shown\nnot shown\nnot shown\nnot shown" },
    { "38: conditions on arguments", "tool a { arg x eq 1; deny_if { arg y "
      "eq 1; } any { arg z eq 1; require $role eq r; } }", "? tool a",
      "shown" },
    { "38: require", "tool a { require $role eq r; }",
      "? tool a\n@role=r\n? tool a", "not shown\nshown" },
    { "38: the star's require", "tool a { } tool * { require $role eq r; }",
      "? tool a\n@role=r\n? tool a", "not shown\nshown" },
    { "38: a deny_if on the caller alone",
      "tool a { deny_if { require $role eq r; } }"
      " tool b { deny_if { require $role eq r; arg x eq 1; } }",
      "@role=r\n? tool a\n? tool b\n@role=q\n? tool a",
      "not shown\nshown\nshown" },
    { "38: limits do not matter", "tool a { limit 1/day; }",
      "@grant=\n? tool a", "shown" },
    { "38: an alternative that cannot be had",
      "tool a { any { arg x eq 1; require $broken eq 1; } }"
      " tool b { any { require $broken eq 1; arg x eq 1; } }",
      "? tool a\na {\"x\":1}\n? tool b\nb {\"x\":1}",
      "shown\nallow\ncannot tell\n"
      "deny undecidable b: tool \"b\" is refused, because a rule could not be "
      "decided for this call. Do not retry." },
    { "38: a trigger or a deny_if that cannot be had",
      "tool a { rule r { arg x eq 1; require $broken eq 1; deny; } }"
      " tool b { deny_if { arg x eq 1; require $broken eq 1; } }"
      " tool c { rule r { require $broken eq 1; deny; } }",
      "? tool a\na {\"x\":2}\n? tool b\nb {\"x\":2}\n? tool c\nc",
      "shown\nallow\nshown\nallow\ncannot tell\n"
      "deny undecidable r: tool \"c\" is refused, because a rule could not be "
      "decided for this call. Do not retry." },
    { "38: other kinds", "prompt p { require $role eq r; } resource u:* { }"
      " method prompts/get { deny; } method resources/read { deny; }",
      "@role=r\n? prompt p\n? resource u:1\n? resource u:/../x\n"
      "? resource v:1",
      "not shown\nshown\nnot shown\nnot shown" },
    { "39: a deny gives its message", "tool a { deny 'ask Joe'; }", "a",
      "deny denied a: ask Joe" },

    /* dry run of a rule */

    { "34: a dry rule refuses nothing", "tool a { rule r { dry_run on; arg x "
      "eq 1; } rule q { dry_run on; deny; } arg y eq 1; }",
      "a {\"x\":2,\"y\":1}\na {\"x\":2}\na {\"x\":1,\"y\":1}\n? tool a",
      "allow (dry deny condition r)\n"
      "deny condition a (dry deny condition r): argument \"y\" must be 1\n"
      "allow (dry deny denied q)\nshown" },
    { "a dry block is dry as a whole",
      "tool a { dry_run on; arg x eq 1; rule r { deny; } }"
      " tool * { arg y eq 1; }",
      "a\na {\"y\":1}\na {\"x\":1,\"y\":1}",
      "deny condition * (dry deny condition a): argument \"y\" must be 1\n"
      "allow (dry deny condition a)\nallow (dry deny denied r)" },
    { "a dry limit counts apart and refuses nothing",
      "tool a { limit 3/day; rule r { dry_run on; limit 1/day; } }",
      "a\na\na\na", "allow\nallow (dry limit rate_limited r)\n"
      "allow (dry limit rate_limited r)\n"
      "deny-limit rate_limited a [12000]: 3 calls per day; try again in 12 "
      "seconds" },
    { "a dry limit whose key or cost is missing",
      "tool a { rule r { dry_run on; limit 1/day per=args.x; }"
      " rule q { dry_run on; limit 1/day cost=args.y; } }",
      "a\na {\"x\":1}", "allow (dry deny no_key r)\n"
      "allow (dry deny bad_cost q)" },
    { "a dry rule that refuses counts nothing",
      "tool a { rule r { dry_run on; limit 1/day counter=c; deny_if { arg x "
      "eq 1; } } }",
      "a {\"x\":1}\na\na", "allow (dry deny deny_if r)\nallow\n"
      "allow (dry limit rate_limited r)" },
    { "a dry limit finds no counter",
      "tool a { rule r { dry_run on; limit 1/day; } }", "@full=1\na",
      "allow (dry deny zone_full r)" },

    /* limits */

    { "a limit", "tool a { limit 2/minute; }", "a\na\na",
      "allow\nallow\ndeny-limit rate_limited a [12000]: 2 calls per minute; "
      "try again in 12 seconds" },
    { "a limit of one", "tool a { limit 1/90m; }", "a\na",
      "allow\ndeny-limit rate_limited a [12000]: 1 call per 90 minutes; try "
      "again in 12 seconds" },
    { "a limit's message", "tool a { limit 1/day; message 'slow down'; }",
      "a\na", "allow\ndeny-limit rate_limited a [12000]: slow down" },
    { "1: only such calls count",
      "tool a { rule big { arg x gt 5; limit 1/day; } }",
      "a {\"x\":1}\na {\"x\":6}\na {\"x\":1}\na {\"x\":7}\na",
      "allow\nallow\nallow\n"
      "deny-limit rate_limited big [12000]: 1 call per day; try again in 12 "
      "seconds\n"
      "deny-limit rate_limited big [12000]: 1 call per day; try again in 12 "
      "seconds" },
    { "19: per called tool, also in a glob", "tool x_* { limit 1/day; }",
      "x_1\nx_2\nx_1", "allow\nallow\ndeny-limit rate_limited x_* [12000]: 1 "
      "call per day; try again in 12 seconds" },
    { "19: one for all in a star",
      "default allow; tool b { limit 1/day; } tool * { limit 2/day; }",
      "b\nc\nd", "allow\nallow\ndeny-limit rate_limited * [12000]: 2 calls "
      "per day; try again in 12 seconds" },
    { "19: a named counter is shared",
      "tool a { limit 2/day counter=c; } tool b { limit 3/day counter=c; }",
      "a\nb\na\nb\nb",
      "allow\nallow\ndeny-limit rate_limited a [12000]: 2 calls per day; try "
      "again in 12 seconds\nallow\ndeny-limit rate_limited b [12000]: 3 calls "
      "per day; try again in 12 seconds" },
    { "two names are two counters",
      "tool a { limit 1/day counter=c; } tool b { limit 1/day counter=d; }",
      "a\nb\nb", "allow\nallow\ndeny-limit rate_limited b [12000]: 1 call "
      "per day; try again in 12 seconds" },
    { "a named counter is shared by all kinds",
      "default allow; tool a { limit 1/day counter=c; }"
      " method ping { limit 1/day counter=c; }", "a\n" CALL("ping", "{}"),
      "allow\ndeny-limit rate_limited ping [12000]: 1 call per day; try again "
      "in 12 seconds" },
    { "a dry user of a named counter counts apart",
      "tool a { limit 1/day counter=c; }"
      " tool b { limit 1/day counter=c; dry_run on; }", "b\na\nb",
      "allow\nallow\nallow (dry limit rate_limited b)" },
    { "21: a cost of 0 needs no counter", "tool a { limit 1/day "
      "cost=args.n; }", "@full=1\na {\"n\":0}", "allow" },
    { "a limit in a rule is a counter of its own",
      "tool a { limit 5/day; rule r { arg x gt 1; limit 1/day; } }",
      "a {\"x\":1}\na {\"x\":2}\na {\"x\":1}\na {\"x\":2}",
      "allow\nallow\nallow\ndeny-limit rate_limited r [12000]: 1 call per "
      "day; try again in 12 seconds" },
    { "methods have counters", "default allow; method x/* { limit 1/day; }",
      CALL("x/a", "{}") "\n" CALL("x/b", "{}") "\n" CALL("x/a", "{}"),
      "allow\nallow\ndeny-limit rate_limited x/* [12000]: 1 call per day; try "
      "again in 12 seconds" },
    { "a tool and a method of one name are two",
      "tool a { limit 1/day; } method a { limit 1/day; }",
      "a\n" CALL("a", "{}"), "allow\nallow" },
    { "per=grant is the default", "tool a { limit 1/day; }",
      "@grant=g\na\n@grant=h\na\n@grant=g\na\n@grant=\na",
      "allow\nallow\ndeny-limit rate_limited a [12000]: 1 call per day; try "
      "again in 12 seconds\n"
      "deny no_key a: calls of tool \"a\" are counted per caller, and this "
      "caller is not known. Do not retry." },
    { "per=session, where the grant may stand in",
      "tool a { limit 1/day per=session; limit 99/hour; }",
      "@session=s\na\n@session=t\na\n@session=g\na\n@session=\na\na",
      "allow\nallow\nallow\nallow\ndeny-limit rate_limited a [12000]: 1 call "
      "per day; try again in 12 seconds" },
    { "per=session without a grant either", "tool a { limit 1/day "
      "per=session; }", "@grant=\na",
      "deny no_key a: calls of tool \"a\" are counted per caller, and this "
      "caller is not known. Do not retry." },
    { "per=global", "tool a { limit 1/day per=global; }",
      "@grant=\na\n@grant=x\na", "allow\ndeny-limit rate_limited a [12000]: 1 "
      "call per day; try again in 12 seconds" },
    { "20: per=args", "tool a { limit 1/day per=args.x; }",
      "a\na {\"x\":null}\na {\"x\":[]}\na {\"x\":{}}\na {\"x\":1}\n"
      "a {\"x\":\"1\"}\na {\"x\":true}\na {\"x\":false}\na {\"x\":\"\"}\n"
      "a {\"x\":1.0}",
      "deny no_key a: argument \"x\" must be a string, a number or a boolean\n"
      "deny no_key a: argument \"x\" must be a string, a number or a boolean\n"
      "deny no_key a: argument \"x\" must be a string, a number or a boolean\n"
      "deny no_key a: argument \"x\" must be a string, a number or a boolean\n"
      "allow\nallow\nallow\nallow\nallow\n"
      "deny-limit rate_limited a [12000]: 1 call per day; try again in 12 "
      "seconds" },
    { "per=args: a number that is another's double, or that has none",
      "tool a { limit 1/day per=args.x; }",
      "a {\"x\":42}\na {\"x\":42.00000000000000000001}\n"
      "a {\"x\":4200000000000000000001e-20}\na {\"x\":42.5}\n"
      "a {\"x\":9007199254740993}\na {\"x\":9007199254740992}\n"
      "a {\"x\":1e400}",
      "allow\n"
      "deny-limit rate_limited a [12000]: 1 call per day; try again in 12 "
      "seconds\n"
      "deny-limit rate_limited a [12000]: 1 call per day; try again in 12 "
      "seconds\n"
      "allow\nallow\nallow\n"
      "deny no_key a: argument \"x\" must be a string, a number or a boolean"
    },
    { "12: per=args with U+0000", "tool a { limit 1/day per=args.x; }",
      "a {\"x\":\"a\\u0000\"}",
      "deny no_key a: argument \"x\" must be a string, a number or a boolean"
    },
    { "20: per=args without arguments, or one that cannot be had",
      "tool a { limit 1/day per=args.x; } tool b { limit 1/day per=$broken; }"
      " tool c { limit 1/day per=args.x; }",
      "a\nb\nc {\"x\":1e999999}",
      "deny no_key a: argument \"x\" must be a string, a number or a boolean\n"
      "deny no_key b: calls of tool \"b\" are counted per caller, and this "
      "caller is not known. Do not retry.\n"
      "deny no_key c: argument \"x\" must be a string, a number or a boolean"
    },
    { "many limits",
      "tool a { limit 9/1s; limit 9/2s; limit 9/3s; limit 9/4s; limit 9/5s;"
      " limit 9/6s; limit 9/7s; limit 9/8s; limit 9/9s; limit 1/10s; }",
      "a\na", "allow\ndeny-limit rate_limited a [12000]: 1 call per 10 "
      "seconds; try again in 12 seconds" },
    { "a long key", "tool a { limit 1/day per=args.x,grant,$role; }",
      "@role=r\na {\"x\":\"0123456789012345678901234567890123456789012345678"
      "9012345678901234567890123456789012345678901234567890123456789012345678"
      "9012345678901234567890123456789012345678901234567890123456789012345678"
      "9012345678901234567890123456789012345678901234567890123456789012345678"
      "9012345678901234567890123456789012345678901234567890123456789012345678"
      "9012345678901234567890123456789012345678901234567890123456789012345678"
      "90123456789012345678901234567890123456789012345678901234567890\"}\n"
      "@role=q\na {\"x\":\"0\"}", "allow\nallow" },
    { "per=TEXT", "tool a { limit 1/day per=$role; }",
      "a\n@role=r\na\n@role=q\na\na",
      "deny no_key a: calls of tool \"a\" are counted per caller, and this "
      "caller is not known. Do not retry.\nallow\nallow\n"
      "deny-limit rate_limited a [12000]: 1 call per day; try again in 12 "
      "seconds" },
    { "21: cost by value", "tool a { limit 10/day cost=args.n; }",
      "a {\"n\":4}\na {\"n\":0.5e1}\na {\"n\":0}\na {\"n\":1.000001}\n"
      "a {\"n\":1.0}\na {\"n\":0}",
      "allow\nallow\nallow\ndeny-limit rate_limited a [12000]: 10 per day; "
      "try again in 12 seconds\nallow\nallow" },
    { "21: bad costs", "tool a { limit 10/day cost=args.n; }",
      "a\na {\"n\":\"1\"}\na {\"n\":-1}\na {\"n\":0.0000001}\na {\"n\":1e99}",
      "deny bad_cost a: argument \"n\" must be a number of at least 0 with at "
      "most six decimal places\n"
      "deny bad_cost a: argument \"n\" must be a number of at least 0 with at "
      "most six decimal places\n"
      "deny bad_cost a: argument \"n\" must be a number of at least 0 with at "
      "most six decimal places\n"
      "deny bad_cost a: argument \"n\" must be a number of at least 0 with at "
      "most six decimal places\n"
      "deny bad_cost a: argument \"n\" must be a number of at least 0 with at "
      "most six decimal places" },
    { "a cost that never fits", "tool a { limit 10/day cost=args.n; }",
      "a {\"n\":11}", "deny-limit rate_limited a [never]: 10 per day; this "
      "call alone asks for more. Do not retry." },
    { "all limits or none",
      "tool a { limit 9/hour counter=h; limit 1/day; } tool b { limit 2/hour "
      "counter=h; }", "a\na\na\nb\nb",
      "allow\ndeny-limit rate_limited a [12000]: 1 call per day; try again in "
      "12 seconds\ndeny-limit rate_limited a [12000]: 1 call per day; try "
      "again in 12 seconds\nallow\ndeny-limit rate_limited b [12000]: 2 calls "
      "per hour; try again in 12 seconds" },
    { "a refused call changes no counter",
      "tool a { limit 1/day; arg x eq 1; }", "a\na {\"x\":1}",
      "deny condition a: argument \"x\" must be 1\nallow" },
    { "a condition behind a limit decides before its key",
      "tool a { limit 1/day per=args.k; arg x eq 1; }", "a",
      "deny condition a: argument \"x\" must be 1" },
    { "mcp_dry_run counts apart", "tool a { limit 1/day; }",
      "a\n@dry=1\na\na\n@dry=\na",
      "allow\nallow\ndeny-limit rate_limited a [12000]: 1 call per day; try "
      "again in 12 seconds\ndeny-limit rate_limited a [12000]: 1 call per "
      "day; try again in 12 seconds" },
    { "a full zone", "tool a { limit 1/day; }",
      "@full=1\na\n@fullallow=1\na",
      "deny zone_full a: calls of tool \"a\" cannot be counted now; try again "
      "later\nallow" },
    { "a zone with room for one of two counters",
      "tool a { limit 2/hour counter=h; limit 1/day; }",
      "@room=1\na\n@fullallow=1\na\na\na",
      "deny zone_full a: calls of tool \"a\" cannot be counted now; try again "
      "later\nallow\nallow\ndeny-limit rate_limited a [12000]: 2 calls per "
      "hour; try again in 12 seconds" },
    { "waits", "tool a { limit 1/day; }",
      "a\n@retry=0\na\n@retry=1001\na\n@retry=120001\na\n@retry=7200001\na",
      "allow\n"
      "deny-limit rate_limited a [0]: 1 call per day; try again in 1 second\n"
      "deny-limit rate_limited a [1001]: 1 call per day; try again in 2 "
      "seconds\n"
      "deny-limit rate_limited a [120001]: 1 call per day; try again in 3 "
      "minutes\n"
      "deny-limit rate_limited a [7200001]: 1 call per day; try again in 3 "
      "hours" },

    /* batches */

    { "48: one refused element refuses all, and nothing is counted",
      "tool a { limit 1/day; } tool b { arg x eq 1; }",
      "[" TOOL("a") "," TOOL("b") "," NOTE("notifications/initialized") "]\n"
      "a",
      BATCH "\ndeny condition b: argument \"x\" must be 1\n" BATCH
      "\nfirst 1\nallow" },
    { "48: a batch that passes is counted for each",
      "tool a { limit 2/day; }", "[" CALL("ping", "{}") "," TOOL("a") "]\na\n"
      "a", "allow\nallow\nallow\ndeny-limit rate_limited a [12000]: 2 calls "
      "per day; try again in 12 seconds" },
    { "48: a limit in a batch", "tool a { limit 1/day; } tool b { }",
      "[" TOOL("b") "," CALL("tools/call", "{\"name\":\"a\"}") ","
      TOOL("a") "]\na",
      BATCH "\n" BATCH "\ndeny-limit rate_limited a [12000]: 1 call per day; "
      "try again in 12 seconds\nfirst 2\nallow" },
    { "48: hidden in a batch", "hide h; tool b { }",
      "[" TOOL("h") "," TOOL("b") "]",
      HIDDEN("tool", "h") "\n" BATCH "\nfirst 0" },

    { NULL, NULL, NULL, NULL }
};


static uint64_t  retry_ms;


static mcp_rc_t
store_reserve(void *data, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    store_t  *store = data;

    int64_t   used;
    uint32_t  i, k, n, fresh;

    (void) now_ms;

    fresh = 0;
    store->reservations++;

    if (store->full) {
        return MCP_ERROR;
    }

    for (i = 0; store->room != 0 && i < count; i++) {

        for (k = 0; k < store->count; k++) {
            if (memcmp(store->cells[k].key, charges[i].key, 16) == 0) {
                break;
            }
        }

        fresh += k == store->count;

        if (store->count + fresh > store->room && k == store->count) {
            *failed = i;
            return MCP_ERROR;
        }
    }

    for (i = 0; i < count; i++) {
        used = charges[i].cost;

        for (k = 0; k < store->count; k++) {
            if (memcmp(store->cells[k].key, charges[i].key, 16) == 0) {
                used += store->cells[k].used;
            }
        }

        for (n = 0; n < i; n++) {
            if (memcmp(charges[n].key, charges[i].key, 16) == 0) {
                used += charges[n].cost;
            }
        }

        if (used > charges[i].spec->amount) {
            charges[i].result.retry_ms = charges[i].cost
                                         > charges[i].spec->amount
                                         ? UINT64_MAX : retry_ms;
            *failed = i;
            return MCP_NO;
        }
    }

    for (i = 0; i < count; i++) {

        for (k = 0; k < store->count; k++) {
            if (memcmp(store->cells[k].key, charges[i].key, 16) == 0) {
                break;
            }
        }

        if (k == store->count) {
            memcpy(store->cells[k].key, charges[i].key, 16);
            store->cells[k].used = 0;
            store->count++;
        }

        store->cells[k].used += charges[i].cost;
    }

    return MCP_OK;
}


static mcp_rc_t
store_check(void *data, mcp_charge_t *charges, uint32_t count,
    uint64_t now_ms, uint32_t *failed)
{
    store_t  copy;

    copy = *(store_t *) data;

    return store_reserve(&copy, charges, count, now_ms, failed);
}


/* "mine:TOOL", "other:TOOL", "broken"; others are unknown. */
static mcp_rc_t
find_task(void *data, mcp_str_t id, mcp_arena_t *arena, mcp_task_t *task)
{
    const uint8_t  *colon;

    (void) data;
    (void) arena;

    if (mcp_str_equal(id, mcp_str("broken"))) {
        return MCP_ERROR;
    }

    colon = memchr(id.data, ':', id.len);
    if (colon == NULL) {
        return MCP_NO;
    }

    task->tool.data = colon + 1;
    task->tool.len = id.len - (size_t) (colon + 1 - id.data);
    task->owner = id.data[0] == 'm';

    return MCP_OK;
}


static void
print(run_t *run, const char *format, ...)
{
    size_t   used;
    va_list  args;

    used = strlen(run->output);

    va_start(args, format);
    vsnprintf(run->output + used, OUTPUT - used, format, args);
    va_end(args);
}


static void
set_variable(run_t *run, const char *line, size_t len)
{
    char                name[64], *value;
    policy_variable_t  *v;

    memcpy(name, line, len);
    name[len] = '\0';
    value = strchr(name, '=');
    *value++ = '\0';

    if (strcmp(name, "grant") == 0) {
        snprintf(run->grant, sizeof(run->grant), "%s", value);
        run->caller.grant = tap_str(run->grant);

    } else if (strcmp(name, "session") == 0) {
        snprintf(run->session, sizeof(run->session), "%s", value);
        run->caller.session = tap_str(run->session);

    } else if (strcmp(name, "dry") == 0) {
        run->caller.dry_run = *value != '\0';

    } else if (strcmp(name, "full") == 0) {
        run->cells.full = *value != '\0';

    } else if (strcmp(name, "room") == 0) {
        run->cells.room = (uint32_t) strtoul(value, NULL, 10);

    } else if (strcmp(name, "fullallow") == 0) {
        run->caller.zone_full_allow = *value != '\0';

    } else if (strcmp(name, "tasks") == 0) {
        run->caller.find_task = find_task;

    } else if (strcmp(name, "retry") == 0) {
        retry_ms = strtoull(value, NULL, 10);

    } else {
        for (v = run->variables; v->name != NULL; v++) {
            if (strcmp(v->name, name) == 0) {
                break;
            }
        }

        if (v->name == NULL) {
            v->name = run->names[v - run->variables];
            memcpy(run->names[v - run->variables], name, sizeof(name));
        }

        snprintf(run->values[v - run->variables],
                 sizeof(run->values[0]), "%s", value);
        v->value = run->values[v - run->variables];
    }
}


static void
print_decision(run_t *run, const mcp_decision_t *d)
{
    static const char *const  denials[] = {
        "", " <result>", " <error>", " <status>"
    };

    if (run->output[0] != '\0') {
        print(run, "\n");
    }

    if (d->action == MCP_ALLOW) {
        print(run, "allow");

        if (d->reason != MCP_REASON_NONE || d->rule.len != 0
            || d->text.len != 0)
        {
            print(run, " with a reason");
        }

    } else {
        print(run, "%s%s %s %.*s%s%s%s", d->action == MCP_LIMIT ? "deny-" : "",
              mcp_action_name(d->action), mcp_reason_name(d->reason),
              (int) d->rule.len, (const char *) d->rule.data,
              denials[d->denial], d->not_shown ? " [not shown]" : "",
              d->method_denied ? " [method]" : "");
    }

    if (d->action == MCP_LIMIT) {
        if (d->limit == NULL) {
            print(run, " without a limit");
        }

        if (d->retry_ms == UINT64_MAX) {
            print(run, " [never]");

        } else {
            print(run, " [%llu]", (unsigned long long) d->retry_ms);
        }
    }

    if (d->dry_action != MCP_ALLOW) {
        print(run, " (dry %s %s %.*s)", mcp_action_name(d->dry_action),
              mcp_reason_name(d->dry_reason), (int) d->dry_rule.len,
              (const char *) d->dry_rule.data);
    }

    if (d->action != MCP_ALLOW) {
        print(run, ": %.*s", (int) d->text.len, (const char *) d->text.data);
    }
}


static void
judge_body(run_t *run, mcp_str_t text)
{
    bool           refused;
    mcp_rc_t       rc;
    uint32_t       i;
    mcp_body_t     body;
    mcp_limits_t   limits = { MCP_DEFAULT_DEPTH, MCP_DEFAULT_TOKENS,
                              MCP_DEFAULT_STRING_LENGTH,
                              MCP_DEFAULT_NUMBER_LENGTH, MCP_DEFAULT_BATCH,
                              { 3, 4 } };
    mcp_headers_t  headers;
    mcp_verdict_t  verdict;

    memset(&headers, 0, sizeof(headers));
    memset(&body, 0, sizeof(body));

    rc = mcp_body_parse(&body, text, &headers, MCP_REVISIONS_ALL, &limits,
                        &run->arena);
    if (rc != MCP_OK) {
        print(run, "\ninvalid %s", mcp_invalid_name(body.invalid));
        return;
    }

    rc = mcp_evaluate(run->policy, &body, &run->caller, &run->store,
                      &run->arena, &verdict);
    if (rc != MCP_OK) {
        print(run, "\nrc %d", rc);
        return;
    }

    refused = false;

    for (i = 0; i < verdict.count; i++) {
        print_decision(run, &verdict.decisions[i]);
        refused |= verdict.decisions[i].action != MCP_ALLOW;
    }

    if (refused && verdict.charge_count != 0) {
        print(run, " and charged");
    }

    if (refused && body.batch) {
        print(run, "\nfirst %u", verdict.first);
    }
}


static void
judge_line(run_t *run, const char *line, size_t len)
{
    int                 n;
    char                name[64], text[1024];
    const char         *space;
    mcp_str_t           what;
    mcp_target_kind_t   kind;

    if (line[0] == '@') {
        set_variable(run, line + 1, len - 1);
        return;
    }

    if (line[0] == '?') {
        kind = line[2] == 't' ? MCP_TARGET_TOOL
               : line[2] == 'p' ? MCP_TARGET_PROMPT : MCP_TARGET_RESOURCE;

        space = memchr(line + 2, ' ', len - 2);
        what.data = (const uint8_t *) space + 1;
        what.len = len - (size_t) (space + 1 - line);

        switch (mcp_evaluate_visible(run->policy, kind, what, &run->caller,
                                     &run->arena))
        {
        case MCP_OK:
            print(run, "%sshown", run->output[0] != '\0' ? "\n" : "");
            break;

        case MCP_NO:
            print(run, "%snot shown", run->output[0] != '\0' ? "\n" : "");
            break;

        default:
            print(run, "%scannot tell", run->output[0] != '\0' ? "\n" : "");
        }

        return;
    }

    if (line[0] == '{' || line[0] == '[') {
        judge_body(run, (mcp_str_t) { (const uint8_t *) line, len });
        return;
    }

    /* a tool name may contain spaces, arguments start with a brace */

    space = memchr(line, '{', len);
    n = (int) (space != NULL ? space - line - 1 : (ptrdiff_t) len);
    snprintf(name, sizeof(name), "%.*s", n, line);

    snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
             "\"tools/call\",\"params\":{\"name\":\"%s\"%s%.*s}}", name,
             space != NULL ? ",\"arguments\":" : "",
             (int) (space != NULL ? line + len - space : 0),
             space != NULL ? space : "");

    judge_body(run, tap_str(text));
}


static void
run_row(const row_t *row)
{
    run_t              *run;
    const char         *line, *end;
    mcp_allocator_t     allocator = TAP_ALLOCATOR;
    policy_reports_t    reports;

    run = calloc(1, sizeof(run_t));
    retry_ms = 12000;

    run->policy = policy_build(row->policy, &reports);
    if (run->policy == NULL) {
        ok(false, "%s: the policy loads: %s", row->name, reports.texts[0]);
        free(run);
        return;
    }

    mcp_arena_init(&run->arena, &allocator, 1 << 22);

    run->variables[0].name = "broken";
    run->grant[0] = 'g';
    run->caller.grant = tap_str(run->grant);
    run->caller.resolve = policy_resolve;
    run->caller.resolve_data = run->variables;
    run->caller.hash_key[0] = 5;
    run->store.reserve = store_reserve;
    run->store.check = store_check;
    run->store.data = &run->cells;

    for (line = row->calls; *line != '\0'; line = end) {
        end = line + strcspn(line, "\n");
        judge_line(run, line, (size_t) (end - line));

        if (*end == '\n') {
            end++;
        }
    }

    is_str(tap_str(run->output), row->expected, row->name);

    mcp_arena_destroy(&run->arena);
    mcp_policy_destroy(run->policy);
    free(run);
}


/* Without a store, and for a caller without variables. */
static void
test_edges(void)
{
    mcp_body_t          body;
    mcp_arena_t         arena;
    mcp_caller_t        caller;
    mcp_verdict_t       verdict;
    mcp_allocator_t     allocator = TAP_ALLOCATOR;
    policy_reports_t    reports;
    const mcp_policy_t  *policy;

    mcp_target_t   target = { MCP_TARGET_TOOL, mcp_str_init("a") };
    mcp_message_t  message = { .kind = MCP_MESSAGE_REQUEST,
                               .method = MCP_METHOD_TOOLS_CALL,
                               .method_name = mcp_str_init("tools/call"),
                               .targets = &target, .target_count = 1 };

    memset(&body, 0, sizeof(body));
    memset(&caller, 0, sizeof(caller));
    mcp_arena_init(&arena, &allocator, 1 << 20);
    policy = policy_build("tool a { limit 1/day per=global; }"
                          " tool b { require $x eq 1; }"
                          " tool c { }", &reports);

    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict)
       == MCP_ERROR, "a body without messages is an error");

    body.messages = &message;
    body.count = 1;

    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].reason == MCP_REASON_ZONE_FULL,
       "a limit without a store refuses");

    target.name = mcp_str("b");
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].reason == MCP_REASON_UNDECIDABLE,
       "a variable without a resolver refuses");

    target.name = mcp_str("c");
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].action == MCP_ALLOW,
       "nothing to count needs no store");

    message.target_count = 0;
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].reason == MCP_REASON_METHOD,
       "a call of nothing is refused");

    message.method = MCP_METHOD_SUBSCRIPTIONS_LISTEN;
    message.method_name = mcp_str("subscriptions/listen");
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].action == MCP_ALLOW,
       "17: listening to nothing in particular is allowed");

    ok(mcp_evaluate_visible(policy, MCP_TARGET_TASK, mcp_str("x"), &caller,
                            &arena) == MCP_ERROR
       && mcp_evaluate_visible(policy, MCP_TARGET_NONE, mcp_str("x"), &caller,
                               &arena) == MCP_ERROR,
       "only tools, prompts and resources are shown or not");

    ok(strcmp(mcp_action_name(MCP_INVALID), "invalid") == 0
       && strcmp(mcp_reason_name(MCP_REASON_INTERNAL), "internal") == 0,
       "actions and reasons have names");

    mcp_policy_destroy(policy);
    mcp_arena_destroy(&arena);
}


/* The keys of two policies differ, whatever they share. */
static void
test_policies(void)
{
    unsigned               i;
    uint64_t               keys[2][2];
    mcp_body_t             body;
    store_t                cells;
    mcp_store_t            store;
    mcp_arena_t            arena;
    mcp_caller_t           caller;
    mcp_verdict_t          verdict;
    mcp_allocator_t        allocator = TAP_ALLOCATOR;
    policy_reports_t       reports;
    const mcp_policy_t    *policy;
    mcp_policy_builder_t  *builder;

    mcp_target_t   target = { MCP_TARGET_TOOL, mcp_str_init("a") };
    mcp_message_t  message = { .kind = MCP_MESSAGE_REQUEST,
                               .method = MCP_METHOD_TOOLS_CALL,
                               .method_name = mcp_str_init("tools/call"),
                               .targets = &target, .target_count = 1 };

    memset(&body, 0, sizeof(body));
    memset(&cells, 0, sizeof(cells));
    memset(&caller, 0, sizeof(caller));
    body.messages = &message;
    body.count = 1;
    store.reserve = store_reserve;
    store.check = store_check;
    store.data = &cells;
    mcp_arena_init(&arena, &allocator, 1 << 20);

    for (i = 0; i < 2; i++) {
        builder = policy_builder(i == 0 ? "p" : "q", &policy_allocator,
                                 &reports);
        policy_feed(builder, "tool a { limit 1/day per=global counter=c; }");
        (void) mcp_policy_finish(builder, &policy);

        ok(mcp_evaluate(policy, &body, &caller, &store, &arena, &verdict)
           == MCP_OK && verdict.charge_count == 1
           && verdict.decisions[0].action == MCP_ALLOW
           && verdict.charges[0].cost == 1000000
           && verdict.charges[0].spec == &verdict.limits[0]->spec,
           "a call is charged once");

        memcpy(keys[i], verdict.charges[0].key, sizeof(keys[i]));
        mcp_policy_destroy(policy);
    }

    ok(memcmp(keys[0], keys[1], sizeof(keys[0])) != 0,
       "two policies share no counter");
    ok(cells.reservations == 2, "a body is reserved at once");

    mcp_arena_destroy(&arena);
}


/* Several targets: each must pass. */
static void
test_listen(void)
{
    mcp_body_t          body;
    mcp_arena_t         arena;
    mcp_caller_t        caller;
    mcp_verdict_t       verdict;
    mcp_allocator_t     allocator = TAP_ALLOCATOR;
    policy_reports_t    reports;
    const mcp_policy_t  *policy;

    mcp_target_t   targets[] = { { MCP_TARGET_RESOURCE, mcp_str_init("u:1") },
                                 { MCP_TARGET_RESOURCE, mcp_str_init("v:1") },
                                 { MCP_TARGET_TASK, mcp_str_init("t") } };
    mcp_message_t  message = { .kind = MCP_MESSAGE_REQUEST,
                               .method = MCP_METHOD_SUBSCRIPTIONS_LISTEN,
                               .method_name = mcp_str_init(
                                                  "subscriptions/listen"),
                               .targets = targets, .target_count = 3 };

    memset(&body, 0, sizeof(body));
    memset(&caller, 0, sizeof(caller));
    mcp_arena_init(&arena, &allocator, 1 << 20);
    policy = policy_build("resource u:* { }", &reports);

    body.messages = &message;
    body.count = 1;

    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].reason == MCP_REASON_NOT_LISTED,
       "17: every resource that is listened to is judged");

    targets[1].name = mcp_str("u:2");
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].reason == MCP_REASON_TASK,
       "17: and every task");

    message.target_count = 2;
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].action == MCP_ALLOW, "17: all may be heard");

    mcp_policy_destroy(policy);
    mcp_arena_destroy(&arena);
}


static int  alloc_left;


static void *
failing_alloc(void *data, size_t size)
{
    (void) data;
    return alloc_left-- > 0 ? malloc(size) : NULL;
}


/* An arena that ends anywhere never lets a call through. */
static void
test_no_memory(void)
{
    int                  n;
    bool                 done;
    mcp_rc_t             rc;
    mcp_body_t           body;
    mcp_arena_t          arena;
    mcp_caller_t         caller;
    mcp_verdict_t        verdict;
    policy_reports_t     reports;
    const mcp_policy_t  *policy;

    mcp_target_t     target = { MCP_TARGET_TOOL, mcp_str_init("a") };
    mcp_message_t    message = { .kind = MCP_MESSAGE_REQUEST,
                                 .method = MCP_METHOD_TOOLS_CALL,
                                 .method_name = mcp_str_init("tools/call"),
                                 .targets = &target, .target_count = 1 };
    mcp_allocator_t  allocator = { failing_alloc, policy_free, NULL };

    policy = policy_build("tool a { limit 1/day per=global; }", &reports);

    memset(&body, 0, sizeof(body));
    memset(&caller, 0, sizeof(caller));
    body.messages = &message;
    body.count = 1;
    done = false;

    for (n = 0; n < 4096 && !done; n += 16) {
        alloc_left = 1000;
        mcp_arena_init(&arena, &allocator, (size_t) n + 1);

        rc = mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict);

        done = rc == MCP_OK
               && verdict.decisions[0].reason == MCP_REASON_ZONE_FULL;

        if (!done && rc != MCP_NOMEM) {
            ok(false, "cap %d: no memory is told", n);
        }

        mcp_arena_destroy(&arena);
    }

    ok(done && n > 64, "no memory is told (%d)", n);

    mcp_policy_destroy(policy);
}


/* Names of the caller are cut between characters, sentences too. */
static void
test_long(void)
{
    size_t                i;
    mcp_body_t            body;
    mcp_arena_t           arena;
    mcp_caller_t          caller;
    mcp_verdict_t         verdict;
    mcp_allocator_t       allocator = TAP_ALLOCATOR;
    policy_reports_t      reports;
    const mcp_policy_t   *policy;
    const mcp_decision_t *decision;
    static char           name[3001], text[4096];

    mcp_target_t   target = { MCP_TARGET_TOOL, { (uint8_t *) name, 129 } };
    mcp_message_t  message = { .kind = MCP_MESSAGE_REQUEST,
                               .method = MCP_METHOD_TOOLS_CALL,
                               .method_name = mcp_str_init("tools/call"),
                               .targets = &target, .target_count = 1 };

    memset(&body, 0, sizeof(body));
    memset(&caller, 0, sizeof(caller));
    body.messages = &message;
    body.count = 1;
    mcp_arena_init(&arena, &allocator, 1 << 20);

    for (i = 0; i < sizeof(name) - 1; i++) {
        name[i] = i % 2 == 0 ? '\xc3' : '\xa4';
    }

    name[0] = 'a';
    name[1] = 'b';
    name[2] = 'c';
    memmove(name + 3, name + 4, sizeof(name) - 4);

    policy = policy_build("tool x { }", &reports);
    target.name.len = 201;
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK,
       "a long name is judged");

    decision = &verdict.decisions[0];
    snprintf(text, sizeof(text), "tool \"%.*s...\" is not permitted. Do not "
             "retry.", 127, name);
    is_str(decision->text, text, "a long name is cut between characters");
    mcp_policy_destroy(policy);

    snprintf(text, sizeof(text), "tool * { } tool a { } tool ab* { arg x eq "
             "'%s'; }", name);
    policy = policy_build(text, &reports);
    target.name.len = 3;
    ok(policy != NULL
       && mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict)
          == MCP_OK, "a long value is judged");

    decision = &verdict.decisions[0];
    ok(decision->reason == MCP_REASON_CONDITION && decision->text.len <= 1024
       && decision->text.len > 1000
       && (decision->text.data[decision->text.len - 1] & 0xc0) == 0x80,
       "a long sentence is cut between characters");
    mcp_policy_destroy(policy);

    policy = policy_build("default allow;", &reports);
    memset(name, 'a', 200);
    target.name.len = 129;
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].reason == MCP_REASON_NAME,
       "43: 129 bytes are too long");
    target.name.len = 128;
    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].action == MCP_ALLOW, "43: 128 bytes are not");
    mcp_policy_destroy(policy);

    mcp_arena_destroy(&arena);
}


/* A pattern that runs into its limit: refused, not shown. */
static void
test_undecidable(void)
{
    size_t               i;
    mcp_body_t           body;
    mcp_arena_t          arena;
    mcp_caller_t         caller;
    mcp_verdict_t        verdict;
    mcp_allocator_t      allocator = TAP_ALLOCATOR;
    policy_reports_t     reports;
    const mcp_policy_t  *policy;

    static const char *const  texts[] = {
        "default allow; hide ~^(a+)+$;",
        "default allow; tool ~^(a+)+$ { }",
        "tool ~^(a+)+$ { }",
        "default allow; method ~^(a+)+$ { }"
    };

    static const mcp_str_t  name = mcp_str_init(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad");

    mcp_target_t   target = { MCP_TARGET_TOOL, name };
    mcp_message_t  message = { .kind = MCP_MESSAGE_REQUEST,
                               .method = MCP_METHOD_TOOLS_CALL,
                               .method_name = name,
                               .targets = &target, .target_count = 1 };

    memset(&body, 0, sizeof(body));
    memset(&caller, 0, sizeof(caller));
    body.messages = &message;
    body.count = 1;
    mcp_arena_init(&arena, &allocator, 1 << 20);

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        policy = policy_build(texts[i], &reports);

        ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict)
           == MCP_OK
           && verdict.decisions[0].reason == MCP_REASON_UNDECIDABLE,
           "%s cannot be decided", texts[i]);

        ok(mcp_evaluate_visible(policy, MCP_TARGET_TOOL, name, &caller,
                                &arena)
           == (i < 3 ? MCP_ERROR : MCP_OK), "and is not shown");

        mcp_policy_destroy(policy);
    }

    mcp_arena_destroy(&arena);
}


/* Where nobody can approve, what must be approved is refused. */
static void
test_approve(void)
{
    mcp_body_t            body;
    mcp_arena_t           arena;
    mcp_caller_t          caller;
    mcp_verdict_t         verdict;
    mcp_allocator_t       allocator = TAP_ALLOCATOR;
    policy_reports_t      reports;
    const mcp_policy_t   *policy;

    mcp_target_t   target = { MCP_TARGET_TOOL, mcp_str_init("a") };
    mcp_message_t  message = { .kind = MCP_MESSAGE_REQUEST,
                               .method = MCP_METHOD_TOOLS_CALL,
                               .method_name = mcp_str_init("tools/call"),
                               .targets = &target, .target_count = 1 };

    memset(&body, 0, sizeof(body));
    memset(&caller, 0, sizeof(caller));
    body.messages = &message;
    body.count = 1;
    mcp_arena_init(&arena, &allocator, 1 << 20);

    policy = policy_build("tool a { approve; }", &reports);

    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].action == MCP_DENY
       && verdict.decisions[0].reason == MCP_REASON_NO_KEY,
       "a caller who is not known has no approval");
    is_str(verdict.decisions[0].text, "tool \"a\" needs the approval of a "
           "human, and this caller is not known. Do not retry.",
           "and is told so");

    caller.grant = mcp_str("grant");

    ok(mcp_evaluate(policy, &body, &caller, NULL, &arena, &verdict) == MCP_OK
       && verdict.decisions[0].action == MCP_APPROVE
       && verdict.decisions[0].reason == MCP_REASON_APPROVAL,
       "what must be approved does not pass");
    is_str(verdict.decisions[0].text, "tool \"a\" needs the approval of a "
           "human", "and is told so");
    ok(mcp_evaluate_visible(policy, MCP_TARGET_TOOL, target.name, &caller,
                            &arena) == MCP_OK, "but it is shown");

    mcp_policy_destroy(policy);
    mcp_arena_destroy(&arena);
}


int
main(void)
{
    const row_t  *row;

    for (row = rows; row->name != NULL; row++) {
        run_row(row);
    }

    test_edges();
    test_policies();
    test_listen();
    test_long();
    test_undecidable();
    test_approve();
    test_no_memory();

    return tap_done();
}
