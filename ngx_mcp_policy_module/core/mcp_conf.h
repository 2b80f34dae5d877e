/*
 * The syntax of nginx.conf: words, ";", "{" and "}", with quotes, escapes,
 * comments and errors exactly as in nginx.
 */

#ifndef MCP_CONF_H
#define MCP_CONF_H

#include "mcp_arena.h"

#pragma GCC visibility push(hidden)


#define MCP_CONF_WORD_MAX  4096    /* as nginx's NGX_CONF_BUFFER */


typedef enum {
    MCP_CONF_DIRECTIVE = 1,    /* words and ";" */
    MCP_CONF_BLOCK,            /* words and "{" */
    MCP_CONF_BLOCK_END,        /* "}" */
    MCP_CONF_FILE_END
} mcp_conf_token_t;

/* Splits one file into directives exactly as nginx does. */
typedef struct {
    mcp_str_t     text;
    size_t        pos;
    unsigned      line;       /* of the last byte read: a directive that spans
                                 lines is on the line of its end */
    size_t        start;      /* of the word, for its length */
    unsigned      start_line;
    mcp_str_t    *words;      /* unescaped; the arena's */
    uint32_t      count;
    uint32_t      capacity;
    mcp_arena_t  *arena;
} mcp_conf_t;

void mcp_conf_scan(mcp_conf_t *conf, mcp_str_t text, mcp_arena_t *arena);

/*
 * The next directive.  The arena may be reset between two calls.  MCP_ERROR:
 * nginx's own words in error->text, conf->line says where; MCP_NOMEM.
 */
mcp_rc_t mcp_conf_next(mcp_conf_t *conf, mcp_conf_token_t *token,
    mcp_error_t *error);

/*
 * Steps over the code of a *_by_lua_block whose "{" was just read, with its
 * strings and comments.  MCP_ERROR when it does not end.
 */
mcp_rc_t mcp_conf_skip_lua(mcp_conf_t *conf);

#pragma GCC visibility pop

#endif /* MCP_CONF_H */
