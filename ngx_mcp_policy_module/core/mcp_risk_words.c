/* What the words of a name and of a description say, and where they count. */

#include "mcp_risk_private.h"


static void mcp_risk_read_joined(mcp_risk_reader_t *reader, mcp_str_t name);
static void mcp_risk_read_first_sentence(mcp_risk_reader_t *reader,
    mcp_str_t text);
static void mcp_risk_read_phrases(mcp_risk_reader_t *reader,
    mcp_str_t text);
static bool mcp_risk_phrase_here(const mcp_risk_words_t *words,
    const char *phrase);
static bool mcp_risk_upper(uint8_t ch);
static bool mcp_risk_lower(uint8_t ch);


#define MCP_RISK_DESCRIPTION_MAX  4096
#define MCP_RISK_FILLERS_MAX      8


void
mcp_risk_read_name(mcp_risk_reader_t *reader, mcp_str_t name)
{
    bool                    first, reads, known;
    char                    previous[MCP_RISK_WORD_MAX + 1];
    mcp_risk_class_t        class;
    mcp_risk_words_t        words;
    const mcp_risk_word_t  *entry;

    first = true;
    reads = known = false;
    previous[0] = '\0';

    mcp_risk_words_init(&words, name, true);

    while (mcp_risk_words_next(&words)) {

        reader->database |= mcp_risk_listed(words.word, mcp_risk_databases);

        if (mcp_risk_listed(words.word, mcp_risk_secrets)) {
            mcp_risk_add(reader, MCP_RISK_NONE, "name speaks of '%s'",
                         words.word);
        }

        class = mcp_risk_find_pair(previous, words.word);

        if (class != MCP_RISK_NONE) {
            mcp_risk_add(reader, class, "name contains '%s %s'", previous,
                         words.word);
        }

        memcpy(previous, words.word, sizeof(previous));

        if (strcmp(words.word, "and") == 0 || strcmp(words.word, "or") == 0) {
            reads = false;
        }

        entry = mcp_risk_find_word(words.word, false);

        if (entry && !(entry->place == MCP_RISK_VERB && reads)
            && !(entry->place == MCP_RISK_FIRST && !first))
        {
            mcp_risk_add(reader, entry->class, "name contains '%s'",
                         words.word);
            known = true;
            reads |= (entry->class == MCP_RISK_READ);
        }

        first = false;
    }

    if (!known) {
        mcp_risk_read_joined(reader, name);
    }

    if (words.foreign) {
        mcp_risk_add(reader, MCP_RISK_EXECUTE,
                     "name has characters that are not ASCII");
    }
}


/* "deletefile": names that nobody took apart; only what makes stricter. */
static void
mcp_risk_read_joined(mcp_risk_reader_t *reader, mcp_str_t name)
{
    mcp_risk_words_t        words;
    const mcp_risk_word_t  *entry;

    mcp_risk_words_init(&words, name, true);

    while (mcp_risk_words_next(&words)) {
        entry = mcp_risk_find_prefix(words.word);

        if (entry) {
            mcp_risk_add(reader, entry->class, "name has '%s' in '%s'",
                         entry->word, words.word);
        }
    }
}


mcp_risk_class_t
mcp_risk_verb(mcp_str_t name, const char **verb)
{
    mcp_risk_words_t        words;
    const mcp_risk_word_t  *entry;

    mcp_risk_words_init(&words, name, true);

    if (!mcp_risk_words_next(&words)) {
        return MCP_RISK_NONE;
    }

    entry = mcp_risk_find_word(words.word, false);

    if (entry == NULL) {
        return MCP_RISK_NONE;
    }

    *verb = entry->word;

    return entry->class;
}


void
mcp_risk_read_description(mcp_risk_reader_t *reader, mcp_str_t text)
{
    mcp_risk_words_t  words;

    if (text.len > MCP_RISK_DESCRIPTION_MAX) {
        text.len = MCP_RISK_DESCRIPTION_MAX;
    }

    mcp_risk_words_init(&words, text, false);

    while (mcp_risk_words_next(&words)) {
        reader->database |= mcp_risk_listed(words.word, mcp_risk_databases);
    }

    mcp_risk_read_first_sentence(reader, text);
    mcp_risk_read_phrases(reader, text);
}


/*
 * The verb that the first sentence begins with, and others that follow it
 * behind a comma, "and" or "or": of those only words that are no nouns.
 */
static void
mcp_risk_read_first_sentence(mcp_risk_reader_t *reader, mcp_str_t text)
{
    bool                    joined, begun;
    size_t                  length;
    uint32_t                fillers;
    mcp_risk_words_t        words;
    const mcp_risk_word_t  *entry;

    begun = joined = false;
    fillers = 0;

    mcp_risk_words_init(&words, text, false);

    while (mcp_risk_words_next(&words)) {

        if (begun && (words.before == '.' || words.before == '\n')) {
            return;
        }

        if (!begun && mcp_risk_listed(words.word, mcp_risk_fillers)
            && fillers++ < MCP_RISK_FILLERS_MAX)
        {
            continue;
        }

        if (strcmp(words.word, "and") == 0 || strcmp(words.word, "or") == 0) {
            joined = true;
            continue;
        }

        length = strlen(words.word);

        if (joined && length > 2
            && strcmp(words.word + length - 2, "ly") == 0)
        {
            continue;
        }

        joined |= (words.before == ',' || words.before == '/');
        entry = NULL;

        if (!begun || joined) {
            entry = mcp_risk_find_word(words.word, true);
        }

        if (entry && !(begun && entry->place != MCP_RISK_ANYWHERE)
            && !mcp_risk_known(reader, entry->class))
        {
            mcp_risk_add(reader, entry->class, "description says '%s'",
                         words.word);
        }

        begun = true;
        joined = false;
    }
}


static void
mcp_risk_read_phrases(mcp_risk_reader_t *reader, mcp_str_t text)
{
    uint32_t                  since;
    mcp_risk_words_t          words;
    const mcp_risk_phrase_t  *phrase;

    since = UINT32_MAX;    /* words since the last negation */

    mcp_risk_words_init(&words, text, false);

    while (mcp_risk_words_next(&words)) {

        if (since > 2) {
            for (phrase = mcp_risk_phrases; phrase->text; phrase++) {
                if (mcp_risk_phrase_here(&words, phrase->text)) {
                    mcp_risk_add(reader, phrase->class,
                                 "description says '%s'", phrase->text);
                    break;
                }
            }
        }

        if (mcp_risk_listed(words.word, mcp_risk_negations)) {
            since = 0;

        } else if (since < UINT32_MAX) {
            since++;
        }
    }
}


/* Whether the phrase begins with the current word. */
static bool
mcp_risk_phrase_here(const mcp_risk_words_t *words, const char *phrase)
{
    size_t            length;
    mcp_risk_words_t  here;

    here = *words;

    for ( ;; ) {
        length = strcspn(phrase, " ");

        if (strlen(here.word) != length
            || memcmp(here.word, phrase, length) != 0)
        {
            return false;
        }

        phrase += length;

        if (*phrase == '\0') {
            return true;
        }

        phrase++;

        if (!mcp_risk_words_next(&here)) {
            return false;
        }
    }
}


void
mcp_risk_words_init(mcp_risk_words_t *words, mcp_str_t text, bool identifier)
{
    memset(words, 0, sizeof(mcp_risk_words_t));

    words->pos = text.data;
    words->end = text.data + text.len;
    words->split = identifier;
}


bool
mcp_risk_words_next(mcp_risk_words_t *words)
{
    size_t          length;
    uint8_t         ch;
    const uint8_t  *p, *start;

    p = words->pos;
    words->before = 0;

    while (p < words->end && !mcp_risk_upper(*p) && !mcp_risk_lower(*p)) {
        words->foreign |= (*p >= 0x80);

        /* of several the one that separates most */

        if (*p != ' ' && words->before != '.') {
            words->before = *p;
        }

        p++;
    }

    if (p == words->end) {
        words->pos = p;
        return false;
    }

    start = p;
    length = 0;

    while (p < words->end && (mcp_risk_upper(*p) || mcp_risk_lower(*p))) {

        if (words->split && p > start && mcp_risk_upper(*p)
            && (mcp_risk_lower(p[-1])
                || (p + 1 < words->end && mcp_risk_lower(p[1]))))
        {
            break;
        }

        ch = mcp_risk_upper(*p) ? (uint8_t) (*p | 0x20) : *p;

        if (length < MCP_RISK_WORD_MAX) {
            words->word[length] = (char) ch;
        }

        length++;
        p++;
    }

    words->word[(length <= MCP_RISK_WORD_MAX) ? length : 0] = '\0';
    words->pos = p;

    return true;
}


static bool
mcp_risk_upper(uint8_t ch)
{
    return ch >= 'A' && ch <= 'Z';
}


static bool
mcp_risk_lower(uint8_t ch)
{
    return ch >= 'a' && ch <= 'z';
}
