/*
 * Words and the classes that they stand for: these tables are the rules of
 * the classification.
 */

#include "mcp_risk_private.h"


/* Shorter words begin too many others. */
#define MCP_RISK_PREFIX_MIN  4


typedef struct {
    const char        *first;
    const char        *second;
    mcp_risk_class_t   class;
} mcp_risk_pair_t;


static bool mcp_risk_inflected(const char *word, const char *entry);
static bool mcp_risk_ends(const char *word, const char *entry,
    size_t length, const char *ending);


static const mcp_risk_word_t  mcp_risk_words[] = {

    /* Destructive: what was there is gone */

    { "delete",      MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "del",         MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "remove",      MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "rm",          MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "rmdir",       MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "unlink",      MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "destroy",     MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "wipe",        MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "erase",       MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "purge",       MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "prune",       MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "truncate",    MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "overwrite",   MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "uninstall",   MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "revoke",      MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "terminate",   MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "kill",        MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "shred",       MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "nuke",        MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "discard",     MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "expunge",     MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "decommission", MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "deprovision", MCP_RISK_DESTRUCTIVE, MCP_RISK_ANYWHERE },
    { "cleanup",     MCP_RISK_DESTRUCTIVE, MCP_RISK_VERB },
    { "clean",       MCP_RISK_DESTRUCTIVE, MCP_RISK_VERB },
    { "clear",       MCP_RISK_DESTRUCTIVE, MCP_RISK_VERB },
    { "drop",        MCP_RISK_DESTRUCTIVE, MCP_RISK_VERB },
    { "reset",       MCP_RISK_DESTRUCTIVE, MCP_RISK_VERB },
    { "format",      MCP_RISK_DESTRUCTIVE, MCP_RISK_FIRST },
    { "empty",       MCP_RISK_DESTRUCTIVE, MCP_RISK_FIRST },
    { "flush",       MCP_RISK_DESTRUCTIVE, MCP_RISK_VERB },

    /* Financial: the noun counts more than the verb */

    { "invoice",     MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "subscription", MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "refund",      MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "charge",      MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "payment",     MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "payout",      MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "pricing",     MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "billing",     MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "payroll",     MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "checkout",    MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "wallet",      MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "purchase",    MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "withdrawal",  MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "money",       MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "fund",        MCP_RISK_FINANCIAL, MCP_RISK_NOUN },
    { "pay",         MCP_RISK_FINANCIAL, MCP_RISK_ANYWHERE },
    { "buy",         MCP_RISK_FINANCIAL, MCP_RISK_ANYWHERE },
    { "sell",        MCP_RISK_FINANCIAL, MCP_RISK_ANYWHERE },
    { "withdraw",    MCP_RISK_FINANCIAL, MCP_RISK_ANYWHERE },
    { "reimburse",   MCP_RISK_FINANCIAL, MCP_RISK_ANYWHERE },
    { "remit",       MCP_RISK_FINANCIAL, MCP_RISK_ANYWHERE },
    { "deposit",     MCP_RISK_FINANCIAL, MCP_RISK_VERB },
    { "donate",      MCP_RISK_FINANCIAL, MCP_RISK_ANYWHERE },
    { "debit",       MCP_RISK_FINANCIAL, MCP_RISK_VERB },
    { "transfer",    MCP_RISK_FINANCIAL, MCP_RISK_VERB },
    { "trade",       MCP_RISK_FINANCIAL, MCP_RISK_VERB },
    { "bill",        MCP_RISK_FINANCIAL, MCP_RISK_VERB },

    /* Execute: something runs, and what that means the arguments say */

    { "execute",     MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "exec",        MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "eval",        MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "evaluate",    MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "invoke",      MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "spawn",       MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "shell",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "bash",        MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "terminal",    MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "command",     MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "run",         MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "rerun",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "call",        MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "test",        MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "trigger",     MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "launch",      MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "start",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "stop",        MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "restart",     MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "reboot",      MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "shutdown",    MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "suspend",     MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "resume",      MCP_RISK_EXECUTE, MCP_RISK_FIRST },
    { "cancel",      MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "abort",       MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "retry",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "replay",      MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "connect",     MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "reconnect",   MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "disconnect",  MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "navigate",    MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "goto",        MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "click",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "press",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "drag",        MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "hover",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "deploy",      MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "redeploy",    MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "rollback",    MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "rollout",     MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "promote",     MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "failover",    MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "migrate",     MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "provision",   MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "scale",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "drain",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "cordon",      MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "apply",       MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "build",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "compile",     MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "install",     MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "upgrade",     MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "simulate",    MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "submit",      MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "process",     MCP_RISK_EXECUTE, MCP_RISK_FIRST },
    { "request",     MCP_RISK_EXECUTE, MCP_RISK_FIRST },
    { "dispatch",    MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "broadcast",   MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "approve",     MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "authorize",   MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "grant",       MCP_RISK_EXECUTE, MCP_RISK_VERB },
    { "impersonate", MCP_RISK_EXECUTE, MCP_RISK_ANYWHERE },
    { "sign",        MCP_RISK_EXECUTE, MCP_RISK_FIRST },

    /* Write: something is made or changed, and can be changed back */

    { "create",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "update",      MCP_RISK_WRITE, MCP_RISK_VERB },
    { "toggle",      MCP_RISK_WRITE, MCP_RISK_VERB },
    { "add",         MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "set",         MCP_RISK_WRITE, MCP_RISK_VERB },
    { "edit",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "rename",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "comment",     MCP_RISK_WRITE, MCP_RISK_VERB },
    { "write",       MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "insert",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "append",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "prepend",     MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "upsert",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "modify",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "change",      MCP_RISK_WRITE, MCP_RISK_VERB },
    { "replace",     MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "patch",       MCP_RISK_WRITE, MCP_RISK_VERB },
    { "put",         MCP_RISK_WRITE, MCP_RISK_VERB },
    { "post",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "save",        MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "store",       MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "upload",      MCP_RISK_WRITE, MCP_RISK_VERB },
    { "import",      MCP_RISK_WRITE, MCP_RISK_VERB },
    { "copy",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "duplicate",   MCP_RISK_WRITE, MCP_RISK_VERB },
    { "clone",       MCP_RISK_WRITE, MCP_RISK_VERB },
    { "fork",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "move",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "send",        MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "reply",       MCP_RISK_WRITE, MCP_RISK_VERB },
    { "forward",     MCP_RISK_WRITE, MCP_RISK_VERB },
    { "publish",     MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "unpublish",   MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "notify",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "share",       MCP_RISK_WRITE, MCP_RISK_VERB },
    { "invite",      MCP_RISK_WRITE, MCP_RISK_VERB },
    { "assign",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "unassign",    MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "tag",         MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "label",       MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "archive",     MCP_RISK_WRITE, MCP_RISK_VERB },
    { "restore",     MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "enable",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "disable",     MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "activate",    MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "deactivate",  MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "lock",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "unlock",      MCP_RISK_WRITE, MCP_RISK_VERB },
    { "pin",         MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "unpin",       MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "merge",       MCP_RISK_WRITE, MCP_RISK_VERB },
    { "commit",      MCP_RISK_WRITE, MCP_RISK_VERB },
    { "push",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "close",       MCP_RISK_WRITE, MCP_RISK_VERB },
    { "reopen",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "complete",    MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "mark",        MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "register",    MCP_RISK_WRITE, MCP_RISK_VERB },
    { "unregister",  MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "subscribe",   MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "unsubscribe", MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "link",        MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "attach",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "detach",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "configure",   MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "manage",      MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "schedule",    MCP_RISK_WRITE, MCP_RISK_VERB },
    { "generate",    MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "fill",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "type",        MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "sync",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "make",        MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "mkdir",       MCP_RISK_WRITE, MCP_RISK_ANYWHERE },
    { "vote",        MCP_RISK_WRITE, MCP_RISK_VERB },
    { "react",       MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "record",      MCP_RISK_WRITE, MCP_RISK_FIRST },
    { "log",         MCP_RISK_WRITE, MCP_RISK_FIRST },

    /* Read: an answer, and everything is as before */

    { "get",         MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "list",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "search",      MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "find",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "fetch",       MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "read",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "describe",    MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "retrieve",    MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "return",      MCP_RISK_READ, MCP_RISK_FIRST },
    { "show",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "view",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "lookup",      MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "resolve",     MCP_RISK_READ, MCP_RISK_VERB },
    { "count",       MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "query",       MCP_RISK_READ, MCP_RISK_FIRST },
    { "check",       MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "verify",      MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "validate",    MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "inspect",     MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "explain",     MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "compare",     MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "diff",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "analyze",     MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "analyse",     MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "summarize",   MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "summarise",   MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "calculate",   MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "compute",     MCP_RISK_READ, MCP_RISK_FIRST },
    { "convert",     MCP_RISK_READ, MCP_RISK_FIRST },
    { "estimate",    MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "preview",     MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "monitor",     MCP_RISK_READ, MCP_RISK_FIRST },
    { "watch",       MCP_RISK_READ, MCP_RISK_FIRST },
    { "wait",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "ping",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "whoami",      MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "export",      MCP_RISK_READ, MCP_RISK_VERB },
    { "download",    MCP_RISK_READ, MCP_RISK_VERB },
    { "tail",        MCP_RISK_READ, MCP_RISK_FIRST },
    { "grep",        MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "browse",      MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "echo",        MCP_RISK_READ, MCP_RISK_FIRST },
    { "screenshot",  MCP_RISK_READ, MCP_RISK_ANYWHERE },
    { "capture",     MCP_RISK_READ, MCP_RISK_FIRST },
    { "status",      MCP_RISK_READ, MCP_RISK_ANYWHERE },

    { NULL, MCP_RISK_NONE, MCP_RISK_ANYWHERE }
};


/* Words of a name that say together what neither says alone. */
static const mcp_risk_pair_t  mcp_risk_pairs[] = {
    { "send",   "email",    MCP_RISK_EXECUTE },   /* it leaves the house */
    { "send",   "request",  MCP_RISK_EXECUTE },
    { "port",   "forward",  MCP_RISK_EXECUTE },
    { "http",   "request",  MCP_RISK_EXECUTE },
    { "api",    "request",  MCP_RISK_EXECUTE },
    { "make",   "request",  MCP_RISK_EXECUTE },
    { "place",  "order",    MCP_RISK_FINANCIAL },
    { "create", "order",    MCP_RISK_FINANCIAL },
    { "submit", "order",    MCP_RISK_FINANCIAL },
    { "credit", "card",     MCP_RISK_FINANCIAL },
    { "send",   "tokens",   MCP_RISK_FINANCIAL },
    { "send",   "eth",      MCP_RISK_FINANCIAL },
    { "send",   "transaction", MCP_RISK_FINANCIAL },
    { "sign",   "transaction", MCP_RISK_FINANCIAL },
    { NULL, NULL, MCP_RISK_NONE }
};


/* What a description says in passing, unless "not" or such stands before. */
const mcp_risk_phrase_t  mcp_risk_phrases[] = {
    { "permanently delete",     MCP_RISK_DESTRUCTIVE },
    { "permanently deletes",    MCP_RISK_DESTRUCTIVE },
    { "permanently remove",     MCP_RISK_DESTRUCTIVE },
    { "permanently removes",    MCP_RISK_DESTRUCTIVE },
    { "permanently erase",      MCP_RISK_DESTRUCTIVE },
    { "permanently erases",     MCP_RISK_DESTRUCTIVE },
    { "irreversible",           MCP_RISK_DESTRUCTIVE },
    { "irreversibly",           MCP_RISK_DESTRUCTIVE },
    { "cannot be undone",       MCP_RISK_DESTRUCTIVE },
    { "can not be undone",      MCP_RISK_DESTRUCTIVE },
    { "can t be undone",        MCP_RISK_DESTRUCTIVE },
    { "completely overwrite",   MCP_RISK_DESTRUCTIVE },
    { "completely overwrites",  MCP_RISK_DESTRUCTIVE },
    { "get rid of",             MCP_RISK_DESTRUCTIVE },
    { "gets rid of",            MCP_RISK_DESTRUCTIVE },
    { "real money",             MCP_RISK_FINANCIAL },
    { "transfer funds",         MCP_RISK_FINANCIAL },
    { "transfers funds",        MCP_RISK_FINANCIAL },
    { "transfer money",         MCP_RISK_FINANCIAL },
    { "transfers money",        MCP_RISK_FINANCIAL },
    { "moves money",            MCP_RISK_FINANCIAL },
    { "process a payment",      MCP_RISK_FINANCIAL },
    { "processes a payment",    MCP_RISK_FINANCIAL },
    { "charge a customer",      MCP_RISK_FINANCIAL },
    { "charges a customer",     MCP_RISK_FINANCIAL },
    { "charge the customer",    MCP_RISK_FINANCIAL },
    { "charges the customer",   MCP_RISK_FINANCIAL },
    { "arbitrary code",         MCP_RISK_EXECUTE },
    { "arbitrary command",      MCP_RISK_EXECUTE },
    { "arbitrary commands",     MCP_RISK_EXECUTE },
    { "arbitrary javascript",   MCP_RISK_EXECUTE },
    { "arbitrary python",       MCP_RISK_EXECUTE },
    { "arbitrary sql",          MCP_RISK_EXECUTE },
    { "shell command",          MCP_RISK_EXECUTE },
    { "shell commands",         MCP_RISK_EXECUTE },
    { "execute sql",            MCP_RISK_EXECUTE },
    { "executes sql",           MCP_RISK_EXECUTE },
    { "run sql",                MCP_RISK_EXECUTE },
    { "runs sql",               MCP_RISK_EXECUTE },
    { NULL, MCP_RISK_NONE }
};


/* What may stand before the verb of a description. */
const char *const  mcp_risk_fillers[] = {
    "this", "the", "a", "an", "tool", "tools", "use", "used", "to", "for",
    "that", "which", "allows", "allow", "you", "lets", "let", "can", "will",
    "helps", "utility", "function", "endpoint", "it", "is", "please",
    "simply", "deprecated", NULL
};

const char *const  mcp_risk_negations[] = {
    "not", "never", "no", "non", "without", "nothing", "t", NULL
};

/* What reads these reads secrets; worth a look. */
const char *const  mcp_risk_secrets[] = {
    "secret", "secrets", "password", "passwords", "token", "tokens",
    "credential", "credentials", "apikey", "env", "environment", NULL
};

const char *const  mcp_risk_databases[] = {
    "sql", "mysql", "postgres", "postgresql", "sqlite", "bigquery",
    "snowflake", "clickhouse", "database", "db", "cypher", "sparql",
    "graphql", "mongo", "mongodb", "dynamodb", NULL
};


const mcp_risk_word_t *
mcp_risk_find_word(const char *word, bool description)
{
    const mcp_risk_word_t  *entry;

    for (entry = mcp_risk_words; entry->word; entry++) {

        if (description && entry->place == MCP_RISK_NOUN) {
            continue;
        }

        if (strcmp(word, entry->word) == 0
            || (description && mcp_risk_inflected(word, entry->word))
            || (entry->place == MCP_RISK_NOUN
                && mcp_risk_ends(word, entry->word, strlen(entry->word), "s")))
        {
            return entry;
        }
    }

    return NULL;
}


/* "deletes", "pushes", "copies", "running" is none, "deleting". */
static bool
mcp_risk_inflected(const char *word, const char *entry)
{
    char    last;
    size_t  length;

    length = strlen(entry);
    last = entry[length - 1];

    return mcp_risk_ends(word, entry, length, "s")
           || mcp_risk_ends(word, entry, length, "es")
           || mcp_risk_ends(word, entry, length, "ing")
           || (last == 'y' && mcp_risk_ends(word, entry, length - 1, "ies"))
           || (last == 'e' && mcp_risk_ends(word, entry, length - 1, "ing"));
}


/* Whether the word is the beginning of the entry and the ending. */
static bool
mcp_risk_ends(const char *word, const char *entry, size_t length,
    const char *ending)
{
    return strncmp(word, entry, length) == 0
           && strcmp(word + length, ending) == 0;
}


const mcp_risk_word_t *
mcp_risk_find_prefix(const char *word)
{
    size_t                  length;
    const mcp_risk_word_t  *entry;

    for (entry = mcp_risk_words; entry->word; entry++) {
        length = strlen(entry->word);

        if (entry->class >= MCP_RISK_EXECUTE
            && entry->place != MCP_RISK_FIRST
            && length >= MCP_RISK_PREFIX_MIN
            && strncmp(word, entry->word, length) == 0)
        {
            return entry;
        }
    }

    return NULL;
}


mcp_risk_class_t
mcp_risk_find_pair(const char *first, const char *second)
{
    const mcp_risk_pair_t  *pair;

    for (pair = mcp_risk_pairs; pair->first; pair++) {
        if (strcmp(pair->first, first) == 0
            && strcmp(pair->second, second) == 0)
        {
            return pair->class;
        }
    }

    return MCP_RISK_NONE;
}


bool
mcp_risk_listed(const char *word, const char *const *list)
{
    for ( /* void */ ; *list; list++) {
        if (strcmp(word, *list) == 0) {
            return true;
        }
    }

    return false;
}
