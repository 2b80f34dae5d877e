/*
 * Other readers of JSON, each a process of its own that lives as long as the
 * fuzzer.  What goes to its input is a batch: the length of all that follows,
 * then texts, each with its length before it.  What comes from its output has
 * the same form, with an answer to each text in its place.  Lengths are of
 * four bytes, the lowest first.
 *
 * An answer is a line with the dump of the value, or "E" when the reader
 * refuses the text, then the same of the message, if the reader knows any:
 * id, method, target and arguments, divided by spaces (json_dump.h).
 *
 * FUZZ_READERS has a line for each: its name, a space, its command.
 *
 * The fuzzer's timer interrupts whoever waits for a reader.
 */

#ifndef JSON_READERS_H
#define JSON_READERS_H

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json_dump.h"

#define READERS_MAX  16


typedef struct {
    const char     *name;
    dump_traits_t   traits;
    bool            messages;     /* it knows them */
    bool            own_uris;     /* it spells URIs in its own way */
    bool            null;         /* trait of its messages */
    const char     *without;      /* top argument that it drops */
} reader_kind_t;


typedef struct {
    const reader_kind_t  *kind;
    int                   fd;
    uint64_t              texts;
} reader_t;


static const reader_kind_t  reader_kinds[] = {
    { "node", { DUMP_DOUBLE, DUMP_KEPT, false, false, 0 },
      true, false, false, "__proto__" },
    { "json", { DUMP_EXACT, DUMP_KEPT, false, false, 0 },
      false, false, false, NULL },
    { "jiter", { DUMP_EXACT, DUMP_REFUSED, false, false, 0 },
      false, false, false, NULL },
    { "sdk1", { DUMP_EXACT, DUMP_KEPT, false, false, 0 },
      true, true, true, NULL },
    { "sdk2", { DUMP_EXACT, DUMP_REFUSED, false, false, 0 },
      true, false, false, NULL },
    { "go", { DUMP_DOUBLE, DUMP_REPLACED, true, false, 0 },
      true, false, false, NULL },
    { "serde", { DUMP_64, DUMP_REFUSED, true, false, 8 },
      false, false, false, NULL }
};


static inline void
reader_start(reader_t *reader, const char *name, const char *command)
{
    int     fds[2];
    size_t  i;

    memset(reader, 0, sizeof(reader_t));

    for (i = 0; i < sizeof(reader_kinds) / sizeof(reader_kinds[0]); i++) {

        if (strcmp(reader_kinds[i].name, name) == 0) {
            reader->kind = &reader_kinds[i];
        }
    }

    if (reader->kind == NULL) {
        fprintf(stderr, "unknown reader \"%s\"\n", name);
        exit(2);
    }

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        perror("socketpair");
        exit(2);
    }

    switch (fork()) {

    case -1:
        perror("fork");
        exit(2);

    case 0:
        (void) dup2(fds[1], STDIN_FILENO);
        (void) dup2(fds[1], STDOUT_FILENO);
        (void) execl("/bin/sh", "sh", "-c", command, (char *) NULL);
        _exit(127);
    }

    (void) close(fds[1]);
    reader->fd = fds[0];
}


static inline unsigned
readers_start(reader_t *readers)
{
    char      *list, *line, *space, *rest;
    unsigned   count;

    (void) signal(SIGPIPE, SIG_IGN);

    count = 0;
    list = strdup(getenv("FUZZ_READERS") != NULL ? getenv("FUZZ_READERS")
                                                 : "");

    for (line = strtok_r(list, "\n", &rest);
         line != NULL && count < READERS_MAX;
         line = strtok_r(NULL, "\n", &rest))
    {
        space = strchr(line, ' ');

        if (space == NULL) {
            fprintf(stderr, "reader without a command: %s\n", line);
            exit(2);
        }

        *space = '\0';
        reader_start(&readers[count++], line, space + 1);
    }

    free(list);

    if (count == 0) {
        fprintf(stderr, "no readers in FUZZ_READERS\n");
        exit(2);
    }

    return count;
}


static inline void
reader_send(reader_t *reader, const char *data, size_t length)
{
    ssize_t  n;

    while (length > 0) {
        n = write(reader->fd, data, length);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            fprintf(stderr, "%s: %s\n", reader->kind->name, strerror(errno));
            exit(2);
        }

        data += n;
        length -= (size_t) n;
    }
}


static inline void
reader_receive(reader_t *reader, char *data, size_t length)
{
    ssize_t  n;

    while (length > 0) {
        n = read(reader->fd, data, length);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            fprintf(stderr, "%s has gone: %s\n", reader->kind->name,
                    n == 0 ? "end of its output" : strerror(errno));
            exit(2);
        }

        data += n;
        length -= (size_t) n;
    }
}


static inline uint32_t
reader_length(const char *data)
{
    const uint8_t  *p = (const uint8_t *) data;

    return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}


static inline void
reader_put_length(char *data, size_t length)
{
    data[0] = (char) length;
    data[1] = (char) (length >> 8);
    data[2] = (char) (length >> 16);
    data[3] = (char) (length >> 24);
}

#endif /* JSON_READERS_H */
