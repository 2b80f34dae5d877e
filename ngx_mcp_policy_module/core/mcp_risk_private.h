/* Shared by the parts of the classification; nobody else's. */

#ifndef MCP_RISK_PRIVATE_H
#define MCP_RISK_PRIVATE_H

#include "mcp_risk.h"

#pragma GCC visibility push(hidden)


/*
 * Many verbs are nouns as well: "run_workflow" runs one, "get_workflow_run"
 * does not.
 */
typedef enum {
    MCP_RISK_ANYWHERE = 0,
    MCP_RISK_VERB,         /* not behind a verb that reads */
    MCP_RISK_FIRST,        /* as the first word alone */
    MCP_RISK_NOUN          /* in names alone, its plural as well */
} mcp_risk_place_t;

typedef struct {
    const char        *word;
    mcp_risk_class_t   class;
    mcp_risk_place_t   place;
} mcp_risk_word_t;

typedef struct {
    const char        *text;
    mcp_risk_class_t   class;
} mcp_risk_phrase_t;


/* Longer words are in no table. */
#define MCP_RISK_WORD_MAX  24

/* Words of one name or text in order, lower case, without what is between. */
typedef struct {
    const uint8_t  *pos;
    const uint8_t  *end;
    char            word[MCP_RISK_WORD_MAX + 1];   /* "" when it is longer */
    uint8_t         before;      /* the byte that ended the one before it */
    bool            split;       /* at "aB" and "ABc", as in identifiers */
    bool            foreign;     /* bytes that are not ASCII were met */
} mcp_risk_words_t;

typedef struct {
    const mcp_json_t  *json;
    mcp_arena_t       *arena;
    mcp_risk_t        *risk;
    bool               database;   /* name or description speaks of one */
    bool               nomem;
} mcp_risk_reader_t;


/* Lists and tables end with NULL. */
extern const mcp_risk_phrase_t  mcp_risk_phrases[];
extern const char *const        mcp_risk_fillers[];
extern const char *const        mcp_risk_negations[];
extern const char *const        mcp_risk_secrets[];
extern const char *const        mcp_risk_databases[];

bool mcp_risk_listed(const char *word, const char *const *list);

/* In a description "deletes" and "deleting" are the word "delete", too. */
const mcp_risk_word_t *mcp_risk_find_word(const char *word,
    bool description);

/* The first word, Execute or worse, that this one begins with. */
const mcp_risk_word_t *mcp_risk_find_prefix(const char *word);

mcp_risk_class_t mcp_risk_find_pair(const char *first, const char *second);


void mcp_risk_words_init(mcp_risk_words_t *words, mcp_str_t text,
    bool identifier);
bool mcp_risk_words_next(mcp_risk_words_t *words);

/* Evidence from the words of a tool's name, and of what describes it. */
void mcp_risk_read_name(mcp_risk_reader_t *reader, mcp_str_t name);
void mcp_risk_read_description(mcp_risk_reader_t *reader, mcp_str_t text);

/*
 * The class of the verb that a name such as "delete_all" begins with, and the
 * verb; NONE when it is no known one.
 */
mcp_risk_class_t mcp_risk_verb(mcp_str_t name, const char **verb);

/* Evidence from the arguments that a JSON Schema permits. */
void mcp_risk_read_schema(mcp_risk_reader_t *reader, uint32_t schema);

/* Printed into the arena. */
void mcp_risk_add(mcp_risk_reader_t *reader, mcp_risk_class_t class,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Whether something says this or worse already. */
bool mcp_risk_known(const mcp_risk_reader_t *reader, mcp_risk_class_t class);

/* The value of a string; false when it is none, or has no clean form. */
bool mcp_risk_string(mcp_risk_reader_t *reader, uint32_t index,
    mcp_str_t *value);

#pragma GCC visibility pop

#endif /* MCP_RISK_PRIVATE_H */
