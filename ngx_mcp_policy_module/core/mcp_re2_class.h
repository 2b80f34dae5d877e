/* What the two files of the translator share.  Nobody else includes this. */

#ifndef MCP_RE2_CLASS_H
#define MCP_RE2_CLASS_H

#include "mcp_re2.h"

#pragma GCC visibility push(hidden)


#define MCP_RE2_CASELESS   0x01
#define MCP_RE2_MULTILINE  0x02
#define MCP_RE2_DOTALL     0x04
#define MCP_RE2_UNGREEDY   0x08


typedef struct {
    mcp_str_t     in;
    size_t        pos;
    uint8_t      *out;
    size_t        out_len;
    size_t        out_size;
    mcp_arena_t  *arena;
    mcp_error_t  *error;
    bool          failed;      /* no memory for "out" */
} mcp_re2_text_t;


/* mcp_re2_class.c */

/* "[...]" at the position. */
mcp_rc_t mcp_re2_class(mcp_re2_text_t *text, uint32_t flags);

/* Whether "\c" stands for a class: one of d D s S w W p P. */
bool mcp_re2_is_class(uint8_t c);
mcp_rc_t mcp_re2_class_escape(mcp_re2_text_t *text, uint32_t flags,
    bool in_class);

/* mcp_re2_text.c */
mcp_rc_t mcp_re2_fail(mcp_re2_text_t *text, size_t offset,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
bool mcp_re2_next(const mcp_re2_text_t *text, const char *s);
bool mcp_re2_word(uint8_t c);

/* The character at the position, which moves behind it. */
uint32_t mcp_re2_character(mcp_re2_text_t *text);
mcp_rc_t mcp_re2_escape(mcp_re2_text_t *text, uint32_t *c);

void mcp_re2_write(mcp_re2_text_t *text, const char *s);
void mcp_re2_write_bytes(mcp_re2_text_t *text, const uint8_t *data,
    size_t len);
void mcp_re2_write_character(mcp_re2_text_t *text, uint32_t c);
void mcp_re2_write_code(mcp_re2_text_t *text, uint32_t c);

#pragma GCC visibility pop

#endif /* MCP_RE2_CLASS_H */
