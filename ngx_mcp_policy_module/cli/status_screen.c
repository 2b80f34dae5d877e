/* The other screen of a terminal, for what is written there anew. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "status.h"


#define CLI_SCREEN_ROWS  24     /* of a terminal that does not tell */

/* alternate screen, no cursor, lines are cut and not wrapped; and back */
#define CLI_SCREEN_OPEN   "\033[?1049h\033[?25l\033[?7l"
#define CLI_SCREEN_CLOSE  "\033[?7h\033[?25h\033[?1049l"


static void cli_screen_write(const char *text, size_t length);
static void cli_screen_end(int signo);
static void cli_screen_signals(sigset_t *set);


static const int  cli_screen_ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };


void
cli_screen_open(void)
{
    size_t            i;
    sigset_t          set;
    struct sigaction  action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = cli_screen_end;
    sigemptyset(&action.sa_mask);

    for (i = 0; i < sizeof(cli_screen_ends) / sizeof(int); i++) {
        sigaction(cli_screen_ends[i], &action, NULL);
    }

    action.sa_flags = SA_NODEFER | SA_RESTART;
    sigaction(SIGTSTP, &action, NULL);

    cli_screen_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);

    cli_screen_write(CLI_SCREEN_OPEN, sizeof(CLI_SCREEN_OPEN) - 1);
}


void
cli_screen_close(void)
{
    cli_screen_write(CLI_SCREEN_CLOSE, sizeof(CLI_SCREEN_CLOSE) - 1);
}


/* As many lines as there are rows; each covers what was there before. */
void
cli_screen_show(const char *text, size_t length)
{
    char            *shown;
    FILE            *out;
    size_t           size;
    unsigned         rows;
    const char      *p, *end, *next;
    struct winsize   window;

    rows = CLI_SCREEN_ROWS;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row) {
        rows = window.ws_row;
    }

    out = open_memstream(&shown, &size);
    if (out == NULL) {
        return;
    }

    fputs("\033[H", out);
    end = text + length;

    for (p = text; p < end; p = next) {
        next = memchr(p, '\n', (size_t) (end - p));
        next = next ? next + 1 : end;

        if (--rows == 0 && next < end) {
            fputs("...\033[0m\033[K", out);
            break;
        }

        fwrite(p, 1, (size_t) (next - p) - (next[-1] == '\n'), out);
        fputs("\033[0m\033[K", out);
        fputs(rows ? "\r\n" : "", out);

        if (rows == 0) {
            break;
        }
    }

    fputs("\033[J", out);

    if (fclose(out) == 0) {
        cli_screen_write(shown, size);
    }

    free(shown);
}


void
cli_screen_wait(unsigned seconds, const char *text, size_t length)
{
    int              signo;
    sigset_t         set;
    struct timespec  now, end, left;

    cli_screen_signals(&set);

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;

    for ( ;; ) {
        clock_gettime(CLOCK_MONOTONIC, &now);

        left.tv_sec = end.tv_sec - now.tv_sec;
        left.tv_nsec = end.tv_nsec - now.tv_nsec;

        if (left.tv_nsec < 0) {
            left.tv_sec--;
            left.tv_nsec += 1000000000;
        }

        if (left.tv_sec < 0) {
            return;
        }

        signo = sigtimedwait(&set, NULL, &left);

        if (signo == SIGCONT) {
            cli_screen_write(CLI_SCREEN_OPEN, sizeof(CLI_SCREEN_OPEN) - 1);
        }

        if (signo == SIGCONT || signo == SIGWINCH) {
            cli_screen_show(text, length);

        } else if (errno == EAGAIN) {
            return;
        }
    }
}


static void
cli_screen_write(const char *text, size_t length)
{
    ssize_t  n;

    while (length != 0) {
        n = write(STDOUT_FILENO, text, length);

        if (n > 0) {
            text += n;
            length -= (size_t) n;

        } else if (n == 0 || errno != EINTR) {
            return;
        }
    }
}


/* The program ends, or stops, as it would have without a screen. */
static void
cli_screen_end(int signo)
{
    int       error;
    sigset_t  set;

    error = errno;

    cli_screen_close();

    if (signo == SIGTSTP) {
        (void) raise(SIGSTOP);
        errno = error;
        return;
    }

    signal(signo, SIG_DFL);

    sigemptyset(&set);
    sigaddset(&set, signo);
    sigprocmask(SIG_UNBLOCK, &set, NULL);

    (void) raise(signo);
}


/* Those that are waited for, and not handled. */
static void
cli_screen_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGWINCH);
    sigaddset(set, SIGCONT);
}
