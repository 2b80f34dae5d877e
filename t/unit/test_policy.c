/* The builder: every directive, every error and warning, word for word. */

#include "tap.h"
#include "policy_text.h"


typedef struct {
    const char  *name;
    const char  *text;
    const char  *reports;    /* joined by newlines */
} build_case_t;


/* A policy without a warning of its own, to put directives into. */
#define IN_TOOL(text)    "tool t {\n" text "\n}"
#define IN_RULE(text)    "tool t { rule r {\n" text "\n} }"
#define IN_DENY_IF(text) "tool t { deny_if {\n" text "\n} }"
#define IN_ANY(text)     "tool t { any {\n" text "\n} }"

#define IN_BLOCK                                                              \
    "allow, deny, arg, require, any, deny_if, limit, approve, message, "      \
    "denial, dry_run"


#define TYPED(text)  "typing file; tool t {\n" text "\n}"


static const build_case_t  cases[] = {

    /* texts as policy files have them */

    { "typing conf", "typing conf; tool t { arg a length_lte 5; }", "" },
    { "every operator under typing file",
      TYPED("arg a eq '\"x\"'; arg a neq null; arg a in '\"x\"' 5 true; "
            "arg a not_in -1.5e3 false; arg a lt 1; arg a lte 1; arg a gt 1; "
            "arg a gte 1; arg a exists true; arg a exists false; "
            "arg a regex '\"(?i)^x$\"'; arg a contains '\"\"';"), "" },
    { "names of rules under typing file",
      TYPED("rule '' { arg a exists true; } rule '' { arg b exists true; }"),
      "" },
    { "a dollar under typing file",
      TYPED("arg a regex '\"$bad\"'; arg $x.y eq '\"$bad\"'; "
            "message $bad;"), "" },
    { "odd paths under typing file",
      TYPED("arg '' exists true; arg a..b exists true; arg 'a[0].\"b' exists "
            "true; limit 5/day cost=args.a[*],b counter=x;"), "" },
    { "variables under typing file",
      TYPED("require $role eq $x; limit 5/day per=$tenant;"), "" },
    { "typing of another kind", "typing json; tool t {}",
      "error 1: invalid value \"json\" in \"typing\", it must be \"conf\" or "
      "\"file\"" },
    { "typing twice", "typing file;\ntyping file; tool t {}",
      "error 2: \"typing\" is duplicate in \"mcp_policy\", the first is at "
      "test:1" },
    { "typing behind a block", "tool t {}\ntyping file;",
      "error 2: \"typing\" must stand before all blocks, the first is at "
      "test:1" },
    { "an operator that files do not have", TYPED("arg a absent;"),
      "error 2: unknown operator \"absent\" in \"arg\" under \"typing file\", "
      "expected one of: eq, neq, lt, lte, gt, gte, in, not_in, exists, regex, "
      "contains" },
    { "a word that is no JSON", TYPED("arg a eq USD;"),
      "error 2: invalid value USD in \"arg\" under \"typing file\", expected "
      "JSON: 5, true, null or '\"a text\"'" },
    { "a list", TYPED("arg a in '[1, 2]';"),
      "error 2: invalid value [1, 2] in \"arg\" under \"typing file\", "
      "expected JSON: 5, true, null or '\"a text\"'" },
    { "U+0000", TYPED("arg a eq '\"\\u0000\"';"),
      "error 2: invalid value \"\\u0000\" in \"arg\" under \"typing file\", "
      "expected JSON: 5, true, null or '\"a text\"'" },
    { "a text under an ordering operator", TYPED("arg a lt '\"5\"';"),
      "error 2: operator \"lt\" takes a number under \"typing file\", not "
      "\"5\"" },
    { "exists without a value", TYPED("arg a exists;"),
      "error 2: operator \"exists\" takes true or false under \"typing "
      "file\", 0 given" },
    { "exists of a text", TYPED("arg a exists '\"true\"';"),
      "error 2: operator \"exists\" takes true or false under \"typing "
      "file\", not \"true\"" },
    { "eq of two values", TYPED("arg a eq 1 2;"),
      "error 2: operator \"eq\" takes one value under \"typing file\", 2 "
      "given" },
    { "a regex that RE2 does not have", TYPED("arg a regex '\"(?=x)\"';"),
      "error 2: invalid regex \"(?=x)\" in \"arg\": RE2 knows no such "
      "group, it has no look-around, comments or atomic groups at offset 0" },
    { "a limit in a rule without a counter",
      TYPED("rule a { limit 1/day; }"),
      "error 2: a \"limit\" in \"rule\" needs \"counter=\" under \"typing "
      "file\", where rules may have the same name" },

    /* what is fine says nothing */

    { "default deny", "default deny; tool t {}", "" },
    { "default allow", "default allow;", "" },
    { "every directive once",
      "default deny; hide a b_*; zone z;\n"
      "tool get_* ~^read_ x { allow; }\n"
      "tool pay { arg amount lte 500; require $role in a b;\n"
      "  any { arg a eq 1; require $role eq x; }\n"
      "  deny_if { arg b exists; any { arg c eq 1; } message m; }\n"
      "  limit 30/minute; limit 5.5/1h30m per=args.a.b,grant counter=c"
      " cost=args.n algorithm=bucket burst=10;\n"
      "  message 'hello $role'; denial status; dry_run off;\n"
      "  rule big { arg amount gt 100; limit 1/day algorithm=sliding"
      " per=$role,session; deny_if { require $role eq y; } } }\n"
      "prompt p { denial error; arg a exists; }\n"
      "resource 'file:///x/*' { dry_run on; arg a exists; }\n"
      "method tools/call { limit 1/s; }\n",
      "error 11: invalid window \"s\" in \"limit\", expected \"minute\", "
      "\"hour\", \"day\" or a time from 1s to 366d such as \"90m\"" },

    /* directives of mcp_policy */

    { "unknown directive", "frobnicate x;",
      "error 1: unknown directive \"frobnicate\" in \"mcp_policy\", expected "
      "one of: default, hide, tool, prompt, resource, method, zone, "
      "typing, mcp_pin" },
    { "unknown directive in tool", IN_TOOL("frobnicate;"),
      "error 2: unknown directive \"frobnicate\" in \"tool\", expected one "
      "of: " IN_BLOCK ", rule, validate" },
    { "unknown directive in rule", IN_RULE("frobnicate;"),
      "error 2: unknown directive \"frobnicate\" in \"rule\", expected one "
      "of: " IN_BLOCK },
    { "unknown directive in deny_if", IN_DENY_IF("x; arg a eq 1;"),
      "error 2: unknown directive \"x\" in \"deny_if\", expected one of: "
      "arg, require, any, message" },
    { "a letter is missing", IN_TOOL("lmit 1/day;"),
      "error 2: unknown directive \"lmit\" in \"tool\", did you mean "
      "\"limit\"?" },
    { "a letter too much", "toool t {}\ndefault allow;",
      "error 1: unknown directive \"toool\" in \"mcp_policy\", did you mean "
      "\"tool\"?" },
    { "two letters swapped", IN_TOOL("dney;"),
      "error 2: unknown directive \"dney\" in \"tool\", did you mean "
      "\"deny\"?" },
    { "another letter", IN_TOOL("arc a exists;"),
      "error 2: unknown directive \"arc\" in \"tool\", did you mean "
      "\"arg\"?" },
    { "the inside of an unknown block is skipped",
      "frob { x; y { z; } }\ntools t { deny; limit x; }",
      "error 1: unknown directive \"frob\" in \"mcp_policy\", expected one "
      "of: default, hide, tool, prompt, resource, method, zone, typing, "
      "mcp_pin\n"
      "error 2: unknown directive \"tools\" in \"mcp_policy\", did you mean "
      "\"tool\"?" },
    { "default twice", "default deny;\ndefault allow;",
      "error 2: \"default\" is duplicate in \"mcp_policy\", the first is at "
      "test:1" },
    { "default without a value", "default;",
      "error 1: invalid number of arguments in \"default\", expected "
      "\"default allow|deny\"" },
    { "default with another value", "default maybe;",
      "error 1: invalid value \"maybe\" in \"default\", it must be \"allow\" "
      "or \"deny\"" },
    { "no words", ";", "error 1: expected a directive" },
    { "default is no block", "default deny { }",
      "error 1: \"default\" is no block, expected \"default allow|deny;\"" },
    { "zone twice", "zone a;\nzone a;",
      "error 2: \"zone\" is duplicate in \"mcp_policy\", the first is at "
      "test:1" },
    { "zone empty", "zone '';",
      "error 1: \"zone\" is empty, expected the name of a \"mcp_zone\"" },
    { "zone in tool", IN_TOOL("zone z;"),
      "error 2: \"zone\" is not allowed in \"tool\"" },
    { "hide without patterns", "hide;",
      "error 1: invalid number of arguments in \"hide\", expected \"hide "
      "PATTERN ...\"" },
    { "hide twice", "default allow; hide a b;\nhide c b d;\nhide d;",
      "warning 2: \"b\" is hidden twice, first at test:1\n"
      "warning 3: \"d\" is hidden twice, first at test:2" },
    { "hide with a bad pattern", "hide a '' b;",
      "error 1: invalid pattern \"\" in \"hide\": empty pattern" },

    /* blocks */

    { "a tool without a block", "tool t;",
      "error 1: \"tool\" needs a block, expected \"tool PATTERN ... { ... }\""
    },
    { "a tool without a pattern", "tool { deny; }",
      "error 1: invalid number of arguments in \"tool\", expected \"tool "
      "PATTERN ... { ... }\"" },
    { "a tool in a tool", IN_TOOL("tool x { }"),
      "error 2: \"tool\" is not allowed in \"tool\"" },
    { "ruling 14: the same pattern in two blocks",
      "tool a b { }\ntool c a { }",
      "error 2: pattern \"a\" has a \"tool\" block already, at test:1" },
    { "the same pattern in one block", "tool a a { }",
      "error 1: pattern \"a\" has a \"tool\" block already, at test:1" },
    { "the same pattern for two kinds", "tool a { } prompt a { }", "" },
    { "a star beside others", "tool * a { }",
      "error 1: \"*\" cannot stand beside other patterns in \"tool\", give it "
      "a block of its own" },
    { "a bad pattern", "prompt ~ { }",
      "error 1: invalid pattern \"~\" in \"prompt\": empty regex, write \"*\" "
      "for any name" },
    { "all errors are told", "tool '' { limit 0/day; }\nx;",
      "error 1: invalid pattern \"\" in \"tool\": empty pattern\n"
      "error 1: a \"limit\" of 0 lets no call through, write \"deny\"\n"
      "error 2: unknown directive \"x\" in \"mcp_policy\", expected one of: "
      "default, hide, tool, prompt, resource, method, zone, typing, "
      "mcp_pin" },
    { "a block that is not closed", "tool t { rule x {",
      "error 1: \"rule\" is not closed, expected \"}\"" },
    { "an end too much", "tool t { } }", "error 1: unexpected \"}\"" },
    { "rule outside", "rule x { }",
      "error 1: \"rule\" is not allowed in \"mcp_policy\"" },
    { "rule in rule", IN_RULE("arg a exists; rule x { deny; }"),
      "error 2: \"rule\" is not allowed in \"rule\"" },
    { "rule without a name", IN_TOOL("rule { deny; }"),
      "error 2: invalid number of arguments in \"rule\", expected \"rule NAME "
      "{ ... }\"" },
    { "rule with an empty name", IN_TOOL("rule '' { arg a exists; }"),
      "error 2: \"rule\" has an empty name" },
    { "rule with a reserved name",
      IN_TOOL("rule '(hidden)' { arg a exists; }"),
      "error 2: the name \"(hidden)\" in \"rule\" is reserved" },
    { "rule twice",
      IN_TOOL("rule a { arg a exists; }\nrule a { arg b exists; }"),
      "error 3: rule \"a\" is duplicate, the first is at test:2" },
    { "rule of the same name in another block",
      "tool a { rule r { arg a exists; } } tool b { rule r { arg a exists; } "
      "}", "" },
    { "an empty rule", IN_RULE("message x;"),
      "warning 1: rule \"r\" asks nothing: it has no condition, \"limit\", "
      "\"deny\" or \"deny_if\"" },
    { "any empty", IN_ANY(""),
      "error 1: \"any\" is empty, expected \"arg\" or \"require\" in it" },
    { "any in any", IN_ANY("any { arg a exists; }"),
      "error 2: \"any\" is not allowed in \"any\"\n"
      "error 1: \"any\" is empty, expected \"arg\" or \"require\" in it" },
    { "any with a name", IN_TOOL("any x { arg a exists; }"),
      "error 2: invalid number of arguments in \"any\", expected \"any { ... "
      "}\"" },
    { "deny_if empty", IN_DENY_IF("message x;"),
      "error 1: \"deny_if\" has no conditions, write \"deny\" to refuse every "
      "call" },
    { "deny_if without a block", IN_TOOL("deny_if;"),
      "error 2: \"deny_if\" needs a block, expected \"deny_if { ... }\"" },
    { "limit in deny_if", IN_DENY_IF("arg a exists; limit 1/day;"),
      "error 2: \"limit\" is not allowed in \"deny_if\"" },
    { "message in any", IN_ANY("arg a exists; message x;"),
      "error 2: \"message\" is not allowed in \"any\"" },
    { "deny in any", IN_ANY("arg a exists; deny;"),
      "error 2: \"deny\" is not allowed in \"any\"" },
    { "limit outside", "limit 1/day;",
      "error 1: \"limit\" is not allowed in \"mcp_policy\"" },

    /* plain directives */

    { "allow with an argument", IN_TOOL("allow x;"),
      "error 2: invalid number of arguments in \"allow\", expected \"allow\""
    },
    { "allow twice", IN_TOOL("allow;\nallow;"),
      "error 3: \"allow\" is duplicate in \"tool\", the first is at test:2" },
    { "ruling 14: allow before something", IN_TOOL("allow; message x;"),
      "error 2: \"message\" cannot stand beside \"allow\" in \"tool\", which "
      "says that nothing is asked" },
    { "ruling 14: allow after something", IN_RULE("arg a exists; allow;"),
      "error 2: \"allow\" cannot stand beside \"arg\" in \"rule\", it says "
      "that nothing is asked" },
    { "deny of many words", IN_TOOL("deny this is not quoted;"),
      "error 2: invalid number of arguments in \"deny\", expected \"deny "
      "[MESSAGE]\"" },
    { "deny twice", "tool a {} tool t { deny;\ndeny x; }",
      "error 2: \"deny\" is duplicate in \"tool\", the first is at test:1" },
    { "approve", IN_TOOL("approve wait=10m ttl=1h;"), "" },
    { "approve, waiting as long as it may be", IN_TOOL("approve wait=15m;"),
      "" },
    { "approve, waiting for longer than it may be",
      IN_TOOL("approve wait=901s;"),
      "error 2: \"wait=901s\" in \"approve\" is longer than \"ttl=15m\", "
      "after which nobody can approve: make \"ttl\" at least as long" },
    { "approve, waiting for longer than ttl",
      IN_TOOL("approve ttl=9m wait=10m;"),
      "error 2: \"wait=10m\" in \"approve\" is longer than \"ttl=9m\", "
      "after which nobody can approve: make \"ttl\" at least as long" },
    { "approve for no time", IN_TOOL("approve ttl=0s;"),
      "error 2: invalid time \"0s\" in \"ttl=\" of \"approve\", expected a "
      "time from 1s to 366d such as \"10m\"" },
    { "approve of another parameter", IN_TOOL("approve 10m;"),
      "error 2: invalid parameter \"10m\" in \"approve\", expected wait=TIME "
      "or ttl=TIME" },
    { "approve with an empty time", IN_TOOL("approve ttl=;"),
      "error 2: invalid parameter \"ttl=\" in \"approve\", expected wait=TIME "
      "or ttl=TIME" },
    { "approve with a wrong time", IN_TOOL("approve wait=10;"),
      "error 2: invalid time \"10\" in \"wait=\" of \"approve\", expected a "
      "time from 1s to 366d such as \"10m\"" },
    { "approve with a time twice", IN_TOOL("approve ttl=1h ttl=2h;"),
      "error 2: \"ttl=\" is duplicate in \"approve\"" },
    { "approve behind deny", IN_TOOL("deny;\napprove;"),
      "warning 3: \"approve\" never applies: \"deny\" at test:2 refuses the "
      "call in any case\n"
      "warning 0: policy \"p\" refuses everything: nothing that it names "
      "may be called" },
    { "approve in any", IN_ANY("arg a exists; approve;"),
      "error 2: \"approve\" is not allowed in \"any\"" },
    { "message twice", IN_TOOL("arg a exists; message a;\nmessage b;"),
      "error 3: \"message\" is duplicate in \"tool\", the first is at test:2"
    },
    { "message empty", IN_TOOL("message '';"),
      "error 2: \"message\" is empty, leave it out for a generated sentence"
    },
    { "message with an unknown variable", IN_TOOL("message $bad;"),
      "error 2: unknown \"bad\" variable" },
    { "denial twice", IN_TOOL("denial error;\ndenial error;"),
      "error 3: \"denial\" is duplicate in \"tool\", the first is at test:2" },
    { "denial of another form", IN_TOOL("denial html;"),
      "error 2: invalid value \"html\" in \"denial\", it must be \"result\", "
      "\"error\" or \"status\"" },
    { "dry_run twice", IN_TOOL("dry_run on;\ndry_run off;"),
      "error 3: \"dry_run\" is duplicate in \"tool\", the first is at test:2"
    },
    { "dry_run maybe", IN_TOOL("dry_run yes;"),
      "error 2: invalid value \"yes\" in \"dry_run\", it must be \"on\" or "
      "\"off\"" },

    /* conditions */

    { "arg without an operator", IN_TOOL("arg a;"),
      "error 2: invalid number of arguments in \"arg\", expected \"arg PATH "
      "OPERATOR [VALUE ...]\"" },
    { "require without an operator", IN_TOOL("require $a;"),
      "error 2: invalid number of arguments in \"require\", expected "
      "\"require STRING OPERATOR [VALUE ...]\"" },
    { "arg with a bad path", IN_TOOL("arg a..b exists;"),
      "error 2: invalid path \"a..b\" in \"arg\": name expected at offset "
      "2" },
    { "unknown operator", IN_TOOL("arg a equals 5;"),
      "error 2: unknown operator \"equals\" in \"arg\", expected one of: eq, "
      "neq, in, not_in, lt, lte, gt, gte, regex, not_regex, contains, exists, "
      "absent, length_lte, type" },
    { "ruling 7: one value", IN_TOOL("arg a eq 1 2;"),
      "error 2: invalid \"arg\": operator \"eq\" takes one value, 2 given, "
      "use \"in\"" },
    { "ruling 7: no value", IN_TOOL("require $a exists 1;"),
      "error 2: invalid \"require\": operator \"exists\" takes no value, 1 "
      "given" },
    { "ruling 7: some values", IN_TOOL("arg a in;"),
      "error 2: invalid \"arg\": operator \"in\" takes one or more values, "
      "none given" },
    { "ruling 7: no number", IN_TOOL("arg a lt 05;"),
      "error 2: invalid \"arg\": operator \"lt\" takes a number as JSON "
      "spells it, such as 5, -0.5 or 1e6, \"05\" is none" },
    { "ruling 8: a value with a variable", IN_TOOL("arg a lt $max;"), "" },
    { "a regex with an end", IN_TOOL("arg a regex '^a[$x]\\$b$';"), "" },
    { "a regex with a variable", IN_TOOL("arg a not_regex '^$user/';"),
      "error 2: a regular expression in \"arg\" cannot contain variables: "
      "\"^$user/\"" },
    { "a regex with a variable in braces", IN_TOOL("arg a regex '${u}';"),
      "error 2: a regular expression in \"arg\" cannot contain variables: "
      "\"${u}\"" },
    { "a regex class with a bracket", IN_TOOL("arg a regex '[]$x][^]$y]';"),
      "" },
    { "unknown type", IN_TOOL("arg a type float;"),
      "error 2: invalid \"arg\": unknown type \"float\", expected one of "
      "string, number, integer, boolean, array, object, null" },
    { "require of a constant", IN_TOOL("require role eq admin;"),
      "error 2: \"require\" looks at variables, \"role\" is a constant, did "
      "you mean \"$role\"?" },
    { "require of an unknown variable", IN_TOOL("require $bad eq admin;"),
      "error 2: unknown \"bad\" variable" },
    { "arg that starts with args", IN_TOOL("arg args.a eq 1;"),
      "warning 2: the path \"args.a\" in \"arg\" starts inside the arguments "
      "already, did you mean \"a\"?" },

    /* limits */

    { "limit without a rate", IN_TOOL("limit;"),
      "error 2: invalid number of arguments in \"limit\", expected \"limit "
      "N/WINDOW [per=KEY,...] [counter=NAME] [cost=N|args.PATH] "
      "[algorithm=fixed|sliding|bucket] [burst=N]\"" },
    { "limit without a window", IN_TOOL("limit 30;"),
      "error 2: invalid rate \"30\" in \"limit\", expected N/WINDOW as in "
      "\"30/minute\"" },
    { "ruling 21: limit of 0", IN_TOOL("limit 0.0/day;"),
      "error 2: a \"limit\" of 0 lets no call through, write \"deny\"" },
    { "limit below 0", IN_TOOL("limit -1/day;"),
      "error 2: invalid amount \"-1\" in \"limit\", expected a number above 0 "
      "with at most six decimal places" },
    { "ruling 21: seven places", IN_TOOL("limit 0.0000001/day;"),
      "error 2: invalid amount \"0.0000001\" in \"limit\", expected a number "
      "above 0 with at most six decimal places" },
    { "ruling 21: six places", IN_TOOL("limit 1.000001/day;"), "" },
    { "windows", IN_TOOL("limit 1/minute; limit 1/hour; limit 1/day;"
      "limit 1/1s; limit 1/1h30m; limit 1/1w2d; limit 1/366d;"), "" },
    { "a window without a unit", IN_TOOL("limit 1/60;"),
      "error 2: invalid window \"60\" in \"limit\", expected \"minute\", "
      "\"hour\", \"day\" or a time from 1s to 366d such as \"90m\"" },
    { "a window that is too long", IN_TOOL("limit 1/367d;"),
      "error 2: invalid window \"367d\" in \"limit\", expected \"minute\", "
      "\"hour\", \"day\" or a time from 1s to 366d such as \"90m\"" },
    { "a window that overflows",
      IN_TOOL("limit 1/99999999999999999999999w;"),
      "error 2: invalid window \"99999999999999999999999w\" in \"limit\", "
      "expected \"minute\", \"hour\", \"day\" or a time from 1s to 366d such "
      "as \"90m\"" },
    { "a window of none", IN_TOOL("limit 1/0s;"),
      "error 2: invalid window \"0s\" in \"limit\", expected \"minute\", "
      "\"hour\", \"day\" or a time from 1s to 366d such as \"90m\"" },
    { "a window in a wrong order", IN_TOOL("limit 1/30m1h;"),
      "error 2: invalid window \"30m1h\" in \"limit\", expected \"minute\", "
      "\"hour\", \"day\" or a time from 1s to 366d such as \"90m\"" },
    { "unknown parameter", IN_TOOL("limit 1/day by=grant;"),
      "error 2: invalid parameter \"by=grant\" in \"limit\", expected per=, "
      "counter=, cost=, algorithm= or burst=" },
    { "parameter twice", IN_TOOL("limit 1/day counter=a counter=b;"),
      "error 2: \"counter=\" is duplicate in \"limit\"" },
    { "parameter empty", IN_TOOL("limit 1/day per=;"),
      "error 2: \"per=\" is empty in \"limit\"" },
    { "ruling 20: constant key", IN_TOOL("limit 1/day per=user;"),
      "error 2: invalid key \"user\" in \"per=\" of \"limit\", expected "
      "grant, session, global, args.PATH or a string with variables" },
    { "key empty", IN_TOOL("limit 1/day per=grant,;"),
      "error 2: invalid key \"\" in \"per=\" of \"limit\", expected "
      "grant, session, global, args.PATH or a string with variables" },
    { "key twice", IN_TOOL("limit 1/day per=grant,grant;"),
      "error 2: \"grant\" is duplicate in \"per=\" of \"limit\"" },
    { "global beside others", IN_TOOL("limit 1/day per=grant,global;"),
      "error 2: \"global\" cannot stand beside other keys in "
      "\"per=grant,global\"" },
    { "key with a comma in quotes",
      IN_TOOL("limit 1/day 'per=args.\"a,b\".c,grant';"), "" },
    { "key with a bad path", IN_TOOL("limit 1/day per=args.;"),
      "error 2: invalid path \"args.\" in \"per=\" of \"limit\": name "
      "expected at offset 0" },
    { "key of all elements", IN_TOOL("limit 1/day per=args.a[*];"),
      "error 2: \"[*]\" is not allowed in \"per=\" of \"limit\", one value is "
      "needed" },
    { "cost of all elements", IN_TOOL("limit 1/day cost=args.a[*];"),
      "error 2: \"[*]\" is not allowed in \"cost=\" of \"limit\", one value "
      "is needed" },
    { "cost of 0", IN_TOOL("limit 1/day cost=0;"),
      "error 2: invalid value \"0\" in \"cost=\" of \"limit\", expected a "
      "number above 0 with at most six decimal places, or args.PATH" },
    { "cost of a word", IN_TOOL("limit 1/day cost=much;"),
      "error 2: invalid value \"much\" in \"cost=\" of \"limit\", expected a "
      "number above 0 with at most six decimal places, or args.PATH" },
    { "cost over the limit", IN_TOOL("limit 5/day cost=6;"),
      "warning 2: a call never fits into \"limit 5/day\": it costs more than "
      "there is" },
    { "cost over the bucket",
      IN_TOOL("limit 5/day algorithm=bucket cost=2;"),
      "warning 2: a call never fits into \"limit 5/day\": it costs more than "
      "there is in the bucket, see \"burst=\"" },
    { "unknown algorithm", IN_TOOL("limit 5/day algorithm=gcra;"),
      "error 2: invalid value \"gcra\" in \"algorithm=\" of \"limit\", it "
      "must be \"fixed\", \"sliding\" or \"bucket\"" },
    { "ruling 18: burst without a bucket", IN_TOOL("limit 5/day burst=3;"),
      "error 2: \"burst=\" in \"limit\" needs \"algorithm=bucket\"" },
    { "burst of 0", IN_TOOL("limit 5/day algorithm=bucket burst=0;"),
      "error 2: invalid value \"0\" in \"burst=\" of \"limit\", expected a "
      "number above 0 with at most six decimal places" },
    { "ruling 19: two unnamed limits with one window",
      IN_TOOL("limit 5/60s;\nlimit 9/minute per=global;"),
      "error 3: two limits without \"counter=\" have the window \"minute\" in "
      "one \"tool\", the first is at test:2, give one of them a \"counter=\""
    },
    { "ruling 19: one of them named",
      IN_TOOL("limit 5/60s; limit 9/minute per=global counter=a;"), "" },
    { "ruling 19: in a rule it is another counter",
      IN_TOOL("limit 5/day; rule r { arg a gt 1; limit 1/day; }"), "" },
    { "ruling 19: users of a counter, another window",
      "tool a { limit 5/day counter=c; }\ntool b { limit 5/hour counter=c; }",
      "error 2: counter \"c\" has another window at test:1, its users must "
      "agree in window, \"per=\" and \"algorithm=\"" },
    { "ruling 19: users of a counter, another algorithm",
      "tool a { limit 5/day counter=c; }\n"
      "tool b { limit 5/day counter=c algorithm=sliding; }",
      "error 2: counter \"c\" has another algorithm at test:1, its users must "
      "agree in window, \"per=\" and \"algorithm=\"" },
    { "ruling 19: users of a counter, another key",
      "tool a { limit 5/day counter=c; }\n"
      "tool b { limit 5/day counter=c per=global; }",
      "error 2: counter \"c\" has another per= at test:1, its users must "
      "agree in window, \"per=\" and \"algorithm=\"" },
    { "ruling 19: users of a counter, more keys",
      "tool a { limit 5/day counter=b; limit 5/day counter=c; }\n"
      "tool b { limit 5/day counter=c per=grant,$x algorithm=fixed; }",
      "error 2: counter \"c\" has another per= at test:1, its users must "
      "agree in window, \"per=\" and \"algorithm=\"" },
    { "ruling 19: N may differ",
      "tool a { limit 5/day counter=c; }\n"
      "tool b { limit 9/day counter=c per=grant; }", "" },
    { "only sessions are counted",
      "tool a { limit 5/day per=session; }\n"
      "tool b { limit 5/day per=session,$x; }",
      "warning 1: all limits of policy \"p\" count \"per=session\", a caller "
      "who opens a new session escapes them: add one with \"per=grant\"" },
    { "not only sessions",
      "tool a { limit 5/day per=session; limit 9/hour; }", "" },

    /* what never applies */

    { "ruling 14: limit after deny",
      "default allow; tool t { deny;\nlimit 1/day; }",
      "warning 2: \"limit\" never applies: \"deny\" at test:1 refuses the "
      "call in any case" },
    { "ruling 14: limit before deny",
      "default allow; tool t {\nlimit 1/day;\ndeny; }",
      "warning 2: \"limit\" never applies: \"deny\" at test:3 refuses the "
      "call in any case" },
    { "ruling 14: rules after deny",
      "default allow; tool t { deny;\nrule r { arg a exists; } }",
      "warning 2: \"rule\" never applies: \"deny\" at test:1 refuses the call "
      "in any case" },
    { "ruling 14: deny_if after deny in a rule",
      IN_RULE("arg a gt 1; deny;\ndeny_if { arg b exists; }"),
      "warning 3: \"deny_if\" never applies: \"deny\" at test:2 refuses the "
      "call in any case" },
    { "ruling 14: limit in a rule with deny",
      IN_RULE("arg a gt 1;\nlimit 1/day; deny;"),
      "warning 3: \"limit\" never applies: \"deny\" at test:3 refuses the "
      "call in any case" },
    { "ruling 14: limit after a rule that denies",
      "default allow; tool t {\nrule r { deny; }\nlimit 1/day; }",
      "warning 3: \"limit\" never applies: \"deny\" at test:2 refuses the "
      "call in any case" },
    { "a rule that denies in a dry run",
      "default allow; tool t { rule r { deny; dry_run on; } limit 1/day; }",
      "" },
    { "conditions beside deny in a block",
      "default allow; tool t { require $role eq guest;\ndeny; }",
      "warning 2: \"deny\" refuses every call, conditions beside it in "
      "\"tool\" do not narrow it: put both into a \"rule\"" },
    { "a pattern that others cover",
      "default allow; tool get_* { }\ntool ~^get_user { deny; }",
      "warning 2: pattern \"~^get_user\" of \"tool\" never applies: more "
      "specific patterns match all its names" },
    { "hidden names",
      "default allow; hide get_* x;\ntool get_user get_a* { limit 1/day; }\n"
      "tool get_b y { }\nprompt x { }",
      "warning 2: \"tool get_user\" never applies: \"hide\" hides every name "
      "of it\n"
      "warning 4: \"prompt x\" never applies: \"hide\" hides every name of "
      "it" },
    { "hidden by a regex",
      "default allow; hide ~^get;\ntool get_user { deny; }\n"
      "tool get_* { deny; }",
      "warning 2: \"tool get_user\" never applies: \"hide\" hides every name "
      "of it" },

    /* what refuses everything */

    { "nothing at all", "",
      "warning 0: policy \"p\" refuses everything: it names nothing under "
      "\"default deny\"" },
    { "ruling 32: hide under default deny", "hide x;",
      "warning 0: policy \"p\" refuses everything: \"hide\" allows nothing "
      "under \"default deny\", name what is allowed, or write \"default "
      "allow\"" },
    { "a star under default deny", "tool * { }",
      "warning 1: \"tool *\" lists and allows nothing under \"default deny\": "
      "name what is allowed, or write \"default allow\"\n"
      "warning 0: policy \"p\" refuses everything: nothing that it names may "
      "be called" },
    { "a star beside a name", "tool * { limit 9/day; } tool a { }", "" },
    { "all denied", "tool a { deny; } tool b { rule r { deny; } }",
      "warning 0: policy \"p\" refuses everything: nothing that it names may "
      "be called" },
    { "all denied in a dry run", "tool a { deny; dry_run on; }", "" },
    { "all hidden under default allow", "default allow; hide *;",
      "warning 0: policy \"p\" refuses everything" },
    { "a star that denies",
      "default allow; tool a { }\ntool * { deny; }",
      "warning 2: \"tool *\" refuses every call, also of what has a block of "
      "its own" },
    { "all three kinds denied",
      "default allow; tool * { deny; } prompt * { deny; } resource * { deny; "
      "denial result; }", "warning 0: policy \"p\" refuses everything" },
    { "two of three kinds denied",
      "default allow; tool * { deny; } prompt * { deny; } resource * { }",
      "" },
    { "all methods denied", "default allow; method * { deny; }",
      "warning 0: policy \"p\" refuses everything" },
    { "a method alone", "method x/y { }", "" },
    { "the other two kinds", "prompt a { }", "" },

    { NULL, NULL, NULL }
};


/* A policy, and whether lists differ between callers. */
static const struct {
    const char  *text;
    bool         depends;
} views[] = {
    { "tool a { }", false },
    { "tool a { arg a eq 1; }", false },
    { "tool a { require $r eq 1; }", true },
    { "tool a { require $r eq 1; dry_run on; }", false },
    { "tool a { any { require $r eq 1; require $q eq 1; } }", true },
    { "tool a { any { require $r eq 1; arg a eq 1; } }", false },
    { "tool a { deny_if { require $r eq 1; } }", true },
    { "tool a { deny_if { require $r eq 1; arg a eq 1; } }", false },
    { "tool a { deny_if { any { require $r eq 1; arg a eq 1; } } }", true },
    { "tool a { rule r { require $r eq 1; limit 1/day; } }", false },
    { "tool a { rule r { require $r eq 1; deny; } }", true },
    { "tool a { rule r { require $r eq 1; arg a eq 1; deny; } }", false },
    { "tool a { rule r { require $r eq 1; } }", true },
    { "tool a { rule r { deny; } }", false },
    { "tool a { rule r { limit 1/day; deny_if { require $r eq 1; } } }",
      true },
    { "tool a { } method tools/call { require $r eq 1; }", true },
    { "prompt a { require $r eq 1; }", true }
};


static void
test_reports(void)
{
    char                 joined[8192];
    unsigned             i;
    policy_reports_t     reports;
    const build_case_t  *c;
    const mcp_policy_t  *policy;

    for (c = cases; c->name != NULL; c++) {
        policy = policy_build(c->text, &reports);
        joined[0] = '\0';

        for (i = 0; i < reports.count; i++) {
            snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined),
                     "%s%s", i == 0 ? "" : "\n", reports.texts[i]);
        }

        is_str(tap_str(joined), c->reports, c->name);

        if ((policy == NULL) != (reports.errors != 0)) {
            ok(false, "%s: an error and only that gives no policy", c->name);
        }

        mcp_policy_destroy(policy);
    }
}


static void
test_views(void)
{
    size_t               i;
    policy_reports_t     reports;
    const mcp_policy_t  *policy;

    for (i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        policy = policy_build(views[i].text, &reports);

        ok(policy != NULL && policy->depends_on_caller == views[i].depends,
           "%s depends on the caller: %d", views[i].text, views[i].depends);

        mcp_policy_destroy(policy);
    }
}


static void
test_structure(void)
{
    const mcp_rule_t     *rule, *inner;
    policy_reports_t      reports;
    mcp_pattern_match_t   match;
    const mcp_limit_t    *limit;
    const mcp_policy_t   *policy;

    policy = policy_build("default allow; zone z; hide h; tool * {"
                          " limit 1.5/90m; limit 2/day counter=c per=session,"
                          "args.a cost=args.b algorithm=bucket burst=7; }"
                          " tool t { arg a exists; rule r { limit 1/day;"
                          " arg b gt 1; message m; denial status;"
                          " dry_run on; } rule q { arg b gt 1; } }",
                          &reports);

    if (!ok(policy != NULL, "a policy is built")) {
        return;
    }

    is_str(policy->name, "p", "its name");
    is_str(policy->zone, "z", "its zone");
    ok(policy->default_allow && policy->has_limits
       && !policy->depends_on_caller, "its flags");
    ok(!mcp_pattern_set_empty(policy->hidden)
       && mcp_pattern_set_empty(policy->methods), "its patterns");

    ok(mcp_pattern_set_star(policy->targets[MCP_TARGET_TOOL], &match)
       == MCP_OK, "the star is found");
    rule = match.value;

    limit = rule->steps[0].limit;
    ok(limit->shared && limit->spec.amount == 1500000
       && limit->spec.window_ms == 5400000 && limit->cost == 1000000
       && limit->key_count == 1 && limit->keys[0].kind == MCP_KEY_GRANT
       && limit->cost_path == NULL, "the defaults of a limit");
    is_str(limit->text, "1.5/90m", "its text");
    is_str(limit->window_name, "90m", "its window");

    limit = rule->steps[1].limit;
    ok(!limit->shared && limit->spec.algorithm == MCP_ALGORITHM_BUCKET
       && limit->spec.burst == 7000000 && limit->key_count == 2
       && limit->keys[0].kind == MCP_KEY_SESSION
       && limit->keys[1].kind == MCP_KEY_ARGUMENT && limit->cost_path != NULL,
       "the parameters of a limit");
    is_str(limit->counter, "c", "its counter");

    ok(mcp_pattern_set_find(policy->targets[MCP_TARGET_TOOL], mcp_str("t"),
                            &match)
       == MCP_OK, "the tool is found");
    rule = match.value;

    ok(rule->count == 3 && !rule->triggers && rule->name.len == 0
       && rule->steps[0].kind == MCP_STEP_REQUIRE
       && rule->steps[1].kind == MCP_STEP_RULE, "the steps of a block");

    inner = rule->steps[1].rule;
    ok(inner->triggers && inner->dry_run && inner->message != NULL
       && inner->denial == MCP_DENIAL_STATUS && inner->place.line == 1,
       "ruling 1: conditions beside a limit are triggers");
    is_str(inner->name, "r", "the name of a rule");
    ok(!rule->steps[2].rule->triggers,
       "ruling 1: conditions alone are requirements");

    mcp_policy_destroy(policy);
}


/* Words are in the front end's memory, which goes away. */
static void
test_stop(void)
{
    policy_reports_t       reports;
    mcp_policy_builder_t  *builder;

    builder = policy_builder("p", &policy_allocator, &reports);
    policy_feed(builder, "tool a { arg a regex ^x; any { arg b regex ^y; ");
    mcp_policy_builder_destroy(builder);

    ok(reports.count == 0, "a front end may stop anywhere");

    mcp_policy_destroy(NULL);
}


static int  alloc_left;


static void *
failing_alloc(void *data, size_t size)
{
    (void) data;
    return alloc_left-- > 0 ? malloc(size) : NULL;
}


static void
test_no_memory(void)
{
    int                    n;
    policy_reports_t       reports;
    const mcp_policy_t    *policy;
    mcp_policy_builder_t  *builder;

    static const mcp_allocator_t  allocator = {
        failing_alloc, policy_free, NULL
    };

    policy = NULL;

    for (n = 0; n < 1000 && policy == NULL; n++) {
        alloc_left = n;

        builder = policy_builder("p", &allocator, &reports);
        if (builder == NULL) {
            continue;
        }

        policy_feed(builder, "hide x y; zone z; tool a b* ~c { arg a regex x;"
                             " any { require $a in 1 2; } rule r { deny m; }"
                             " deny_if { arg a eq $x; } limit 1/day"
                             " per=args.a,$b counter=c cost=args.c; }");

        if (mcp_policy_finish(builder, &policy) != MCP_OK
            && reports.errors == 0)
        {
            ok(false, "allocation %d: a failure without a report", n);
        }
    }

    ok(policy != NULL && n > 30, "without memory there is no policy (%d)", n);

    mcp_policy_destroy(policy);
}


int
main(void)
{
    test_reports();
    test_views();
    test_structure();
    test_stop();
    test_no_memory();

    return tap_done();
}
