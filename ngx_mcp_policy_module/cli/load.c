#include <errno.h>
#include <glob.h>
#include <stdlib.h>

#include "load.h"
#include "mcp_policy_conf.h"
#include "mcp_policy_file.h"
#include "text.h"


/* Everything read stays: places point to the names. */
struct cli_file_s {
    cli_file_t              *next;
    mcp_policy_conf_file_t  *files;
    uint32_t                 count;
};


static cli_code_t cli_load_file(cli_load_t *load,
    const mcp_policy_conf_file_t *file);
static cli_code_t cli_load_pin_file(cli_load_t *load,
    mcp_policy_file_pins_t *pins);
static cli_policy_t *cli_load_add(cli_load_t *load, char *name,
    const mcp_place_t *place);
static bool cli_load_suffix(const char *path, const char *suffix);
static char *cli_load_full_name(const cli_load_t *load, mcp_str_t name);
static mcp_rc_t cli_load_read(cli_load_t *load, char **names,
    uint32_t count, const cli_file_t **set, const char **failed);

static mcp_rc_t cli_load_include(void *data, mcp_str_t pattern,
    bool in_policy, const mcp_place_t *place,
    const mcp_policy_conf_file_t **files, uint32_t *count);
static char **cli_load_glob(const char *pattern, uint32_t *count);
static mcp_rc_t cli_load_start(void *data, mcp_str_t name,
    const mcp_place_t *place, mcp_policy_builder_t **builder);
static mcp_rc_t cli_load_named(void *data, mcp_str_t path,
    const mcp_place_t *place, mcp_str_t *text);
static void cli_load_end(void *data, mcp_policy_builder_t *builder,
    bool complete);
static void cli_load_report(void *data, mcp_severity_t severity,
    const mcp_place_t *place, const char *text);
static mcp_rc_t cli_load_text(void *data, mcp_str_t source,
    const mcp_place_t *place, mcp_text_t *text);


/*
 * Hashes need a secret where strangers choose the names; here the operator
 * does, and equal runs should be equal.
 */
static const uint64_t  cli_hash_key[2] = { 0x6d63702d706f6c69,
                                           0x63792d636c692121 };


void
cli_load_init(cli_load_t *load, FILE *out, const char *prefix)
{
    memset(load, 0, sizeof(cli_load_t));

    load->out = out;
    load->prefix = prefix;

    mcp_arena_init(&load->arena, &cli_allocator, 0);
}


cli_code_t
cli_load_pins(cli_load_t *load, const char *pin, const char *unpinned)
{
    load->pin = pin;

    if (unpinned == NULL) {
        return CLI_GOOD;
    }

    if (pin == NULL) {
        cli_error("--unpinned needs --pin FILE");
        return CLI_FAILED;
    }

    load->hide_unpinned = strcmp(unpinned, "hide") == 0;

    if (!load->hide_unpinned && strcmp(unpinned, "allow") != 0) {
        cli_error("invalid value \"%s\" of --unpinned, it must be \"allow\" "
                  "or \"hide\"", unpinned);
        return CLI_FAILED;
    }

    return CLI_GOOD;
}


void
cli_load_free(cli_load_t *load)
{
    uint32_t       i;
    cli_file_t    *file;
    cli_policy_t  *policy;

    while (load->policies) {
        policy = load->policies;
        load->policies = policy->next;

        if (policy->policy) {
            mcp_policy_destroy(policy->policy);
        }

        free(policy->name);
        free(policy);
    }

    while (load->files) {
        file = load->files;
        load->files = file->next;

        for (i = 0; i < file->count; i++) {
            free((void *) file->files[i].name);
            free((void *) file->files[i].text.data);
        }

        free(file->files);
        free(file);
    }

    mcp_arena_destroy(&load->arena);
}


cli_code_t
cli_load(cli_load_t *load, const char *path)
{
    char                      *name;
    unsigned                   errors, count;
    mcp_rc_t                   rc;
    const char                *failed;
    mcp_place_t                place;
    const cli_file_t          *file;
    mcp_policy_conf_caller_t   caller;

    name = cli_copy(path, strlen(path));

    if (cli_load_read(load, &name, 1, &file, &failed) != MCP_OK) {
        cli_error("%s: %s", path, strerror(errno));
        free(name);
        return CLI_FAILED;
    }

    errors = load->errors;
    count = load->count;
    load->path = path;

    if (cli_load_suffix(path, ".json") || cli_load_suffix(path, ".yaml")
        || cli_load_suffix(path, ".yml"))
    {
        return cli_load_file(load, file->files);
    }

    if (load->pin) {
        cli_error("%s: --pin is for policies in .json and .yaml files, here "
                  "\"mcp_pin\" names the file", path);
        return CLI_FAILED;
    }

    caller.include = cli_load_include;
    caller.policy_start = cli_load_start;
    caller.policy_end = cli_load_end;
    caller.report = cli_load_report;
    caller.data = load;

    rc = mcp_policy_conf_read(file->files, &caller, &cli_allocator);

    if (rc == MCP_NOMEM) {
        cli_error("out of memory");
        return CLI_FAILED;
    }

    if (rc == MCP_OK && load->count == count) {
        place.file = file->files[0].name;
        place.line = 1;
        place.column = 0;
        cli_load_report(load, MCP_REPORT_ERROR, &place,
                        "the file defines no policy, expected "
                        "\"mcp_policy NAME { ... }\"");
    }

    return (rc != MCP_OK || load->errors > errors) ? CLI_FINDINGS : CLI_GOOD;
}


/* A policy in JSON or YAML has the name of its file. */
static cli_code_t
cli_load_file(cli_load_t *load, const mcp_policy_conf_file_t *file)
{
    char                    *name;
    mcp_rc_t                 rc;
    const char              *base, *suffix;
    mcp_place_t              place;
    cli_policy_t            *policy;
    mcp_frontend_t           frontend;
    mcp_policy_file_pins_t   pins;

    if (load->pin && cli_load_pin_file(load, &pins) != CLI_GOOD) {
        return CLI_FAILED;
    }

    base = strrchr(file->name, '/');
    base = base ? base + 1 : file->name;
    suffix = strrchr(base, '.');

    name = cli_copy(base, (size_t) (suffix - base));

    place.file = file->name;
    place.line = 1;
    place.column = 1;

    policy = cli_load_add(load, name, &place);

    memset(&frontend, 0, sizeof(mcp_frontend_t));
    frontend.report = cli_load_report;
    frontend.data = load;

    rc = mcp_policy_file_read(cli_str(name), file->name, file->text,
                              load->pin ? &pins : NULL, &cli_allocator,
                              &frontend, cli_hash_key, &policy->policy);
    if (rc == MCP_NOMEM) {
        cli_error("out of memory");
        return CLI_FAILED;
    }

    return rc == MCP_OK ? CLI_GOOD : CLI_FINDINGS;
}


static cli_code_t
cli_load_pin_file(cli_load_t *load, mcp_policy_file_pins_t *pins)
{
    char              *name;
    const char        *failed;
    const cli_file_t  *file;

    name = cli_copy(load->pin, strlen(load->pin));

    if (cli_load_read(load, &name, 1, &file, &failed) != MCP_OK) {
        cli_error("%s: %s", load->pin, strerror(errno));
        free(name);
        return CLI_FAILED;
    }

    pins->file = cli_str(load->pin);
    pins->text = file->files[0].text;
    pins->hide_unpinned = load->hide_unpinned;

    if (pins->text.len > MCP_PIN_FILE_MAX) {
        cli_error("%s: larger than 16m", load->pin);
        return CLI_FAILED;
    }

    return CLI_GOOD;
}


/* Takes the name over. */
static cli_policy_t *
cli_load_add(cli_load_t *load, char *name, const mcp_place_t *place)
{
    cli_policy_t  *policy, **last;

    for (last = &load->policies; *last; last = &(*last)->next) { /* void */ }

    policy = cli_alloc(sizeof(cli_policy_t));
    policy->next = NULL;
    policy->name = name;
    policy->place = *place;
    policy->policy = NULL;

    *last = policy;
    load->count++;

    return policy;
}


const mcp_policy_t *
cli_load_choose(const cli_load_t *load, const char *path, const char *name)
{
    const cli_policy_t  *p;

    for (p = load->policies; p; p = p->next) {
        if (name == NULL || strcmp(p->name, name) == 0) {
            break;
        }
    }

    if (p && (name || p->next == NULL)) {
        return p->policy;
    }

    if (name) {
        cli_error("%s: there is no policy \"%s\", but:", path, name);

    } else {
        cli_error("%s: choose a policy with --policy:", path);
    }

    for (p = load->policies; p; p = p->next) {
        fprintf(stderr, "  %s\n", p->name);
    }

    return NULL;
}


void
cli_load_count(FILE *out, unsigned count, const char *noun)
{
    if (count == 1) {
        fprintf(out, "1 %s", noun);
        return;
    }

    if (noun[strlen(noun) - 1] == 'y') {
        fprintf(out, "%u %.*sies", count, (int) strlen(noun) - 1, noun);
        return;
    }

    fprintf(out, "%u %ss", count, noun);
}


static bool
cli_load_suffix(const char *path, const char *suffix)
{
    size_t  length;

    length = strlen(path);

    return length >= strlen(suffix)
           && strcmp(path + length - strlen(suffix), suffix) == 0;
}


/* nginx looks from its prefix, which is where nginx.conf is. */
static char *
cli_load_full_name(const cli_load_t *load, mcp_str_t name)
{
    char        *full, *p;
    size_t       length;
    const char  *prefix, *slash;

    if (name.len && name.data[0] == '/') {
        return cli_copy((const char *) name.data, name.len);
    }

    prefix = load->prefix;

    if (prefix) {
        length = strlen(prefix);

    } else {
        prefix = load->path;
        slash = strrchr(prefix, '/');
        length = slash ? (size_t) (slash - prefix) + 1 : 0;
    }

    full = cli_alloc(length + 1 + name.len + 1);
    memcpy(full, prefix, length);
    p = full + length;

    if (length && p[-1] != '/') {
        *p++ = '/';
    }

    memcpy(p, name.data, name.len);
    p[name.len] = '\0';

    return full;
}


/*
 * Reads files and keeps them.  The names are taken over when that went well;
 * else *failed is the one, and errno says why.
 */
static mcp_rc_t
cli_load_read(cli_load_t *load, char **names, uint32_t count,
    const cli_file_t **set, const char **failed)
{
    int          error;
    char        *data;
    size_t       length;
    uint32_t     i;
    cli_file_t  *file;

    file = cli_alloc(sizeof(cli_file_t));
    file->files = cli_alloc(count * sizeof(mcp_policy_conf_file_t));
    file->count = count;

    for (i = 0; i < count; i++) {
        data = cli_read_file(names[i], &length);

        if (data == NULL) {
            error = errno;
            *failed = names[i];

            while (i-- > 0) {
                free((void *) file->files[i].text.data);
            }

            free(file->files);
            free(file);
            errno = error;
            return MCP_ERROR;
        }

        file->files[i].name = names[i];
        file->files[i].text.data = (uint8_t *) data;
        file->files[i].text.len = length;
    }

    file->next = load->files;
    load->files = file;
    *set = file;

    return MCP_OK;
}


/*
 * A file that is missing outside of policies does not matter to them, and
 * where policies are tested the rest of nginx often is not.
 */
static mcp_rc_t
cli_load_include(void *data, mcp_str_t pattern, bool in_policy,
    const mcp_place_t *place, const mcp_policy_conf_file_t **files,
    uint32_t *count)
{
    char              text[512], *name, **names;
    uint32_t          i;
    mcp_rc_t          rc;
    cli_load_t       *load;
    const char       *failed;
    const cli_file_t  *set;

    load = data;
    *count = 0;

    name = cli_load_full_name(load, pattern);
    names = &name;
    i = 1;

    if (strpbrk(name, "*?[")) {
        names = cli_load_glob(name, &i);
    }

    rc = MCP_OK;

    if (i > 0) {
        rc = cli_load_read(load, names, i, &set, &failed);

        if (rc == MCP_OK) {
            *files = set->files;
            *count = set->count;

        } else {
            snprintf(text, sizeof(text), "open() \"%.400s\" failed (%d: %s)%s",
                     failed, errno, strerror(errno),
                     in_policy ? "" : ", skipped");

            cli_load_report(load, in_policy ? MCP_REPORT_ERROR
                                            : MCP_REPORT_WARNING,
                            place, text);
        }
    }

    if (rc != MCP_OK) {
        while (i-- > 0) {
            free(names[i]);
        }
    }

    if (names != &name) {
        free(names);
        free(name);
    }

    return in_policy ? rc : MCP_OK;
}


/* A mask that matches nothing includes nothing. */
static char **
cli_load_glob(const char *pattern, uint32_t *count)
{
    char    **names;
    size_t    i;
    glob_t    found;

    memset(&found, 0, sizeof(glob_t));
    names = NULL;
    *count = 0;

    if (glob(pattern, 0, NULL, &found) == 0) {
        names = cli_alloc(found.gl_pathc * sizeof(char *));

        for (i = 0; i < found.gl_pathc; i++) {
            names[i] = cli_copy(found.gl_pathv[i],
                                strlen(found.gl_pathv[i]));
        }

        *count = (uint32_t) found.gl_pathc;
    }

    globfree(&found);

    return names;
}


static mcp_rc_t
cli_load_start(void *data, mcp_str_t name, const mcp_place_t *place,
    mcp_policy_builder_t **builder)
{
    char             text[256];
    cli_load_t      *load;
    cli_policy_t    *policy;
    mcp_frontend_t   frontend;

    load = data;

    for (policy = load->policies; policy; policy = policy->next) {

        if (!mcp_str_equal(name, cli_str(policy->name))) {
            continue;
        }

        snprintf(text, sizeof(text),
                 "duplicate policy \"%.100s\", the first is at %.100s:%u",
                 policy->name, policy->place.file, policy->place.line);
        cli_load_report(load, MCP_REPORT_ERROR, place, text);
        return MCP_ERROR;
    }

    (void) cli_load_add(load, cli_copy((const char *) name.data, name.len),
                        place);

    memset(&frontend, 0, sizeof(mcp_frontend_t));

    frontend.report = cli_load_report;
    frontend.compile_text = cli_load_text;
    frontend.read_file = cli_load_named;
    frontend.scratch = &cli_allocator;
    frontend.data = load;

    *builder = mcp_policy_builder_create(name, place, &cli_allocator,
                                         &frontend, cli_hash_key);

    return *builder ? MCP_OK : MCP_NOMEM;
}


/* What a directive of a policy names. */
static mcp_rc_t
cli_load_named(void *data, mcp_str_t path, const mcp_place_t *place,
    mcp_str_t *text)
{
    char              message[512], *name;
    cli_load_t       *load;
    const char       *failed;
    const cli_file_t  *set;

    load = data;
    name = cli_load_full_name(load, path);

    if (cli_load_read(load, &name, 1, &set, &failed) != MCP_OK) {
        snprintf(message, sizeof(message), "open() \"%.400s\" failed (%d: "
                 "%s)", failed, errno, strerror(errno));
        cli_load_report(load, MCP_REPORT_ERROR, place, message);

        free(name);
        return MCP_ERROR;
    }

    *text = set->files[0].text;

    if (text->len > MCP_PIN_FILE_MAX) {
        snprintf(message, sizeof(message), "\"%.400s\" is larger than 16m",
                 name);
        cli_load_report(load, MCP_REPORT_ERROR, place, message);
        return MCP_ERROR;
    }

    return MCP_OK;
}


static void
cli_load_end(void *data, mcp_policy_builder_t *builder, bool complete)
{
    cli_load_t          *load;
    cli_policy_t        *policy;
    const mcp_policy_t  *finished;

    load = data;

    for (policy = load->policies; policy->next; policy = policy->next) {
        /* the last one is ours */
    }

    /* of a torn policy one error is enough */

    load->quiet = !complete;
    finished = NULL;

    if (mcp_policy_finish(builder, &finished) == MCP_OK) {
        policy->policy = finished;
    }

    load->quiet = false;
}


static void
cli_load_report(void *data, mcp_severity_t severity,
    const mcp_place_t *place, const char *text)
{
    cli_load_t  *load;

    load = data;

    if (load->quiet) {
        return;
    }

    if (place->column) {
        cli_coloured(load->out, CLI_BOLD, "%s:%u:%u: ", place->file,
                     place->line, place->column);

    } else {
        cli_coloured(load->out, CLI_BOLD, "%s:%u: ", place->file,
                     place->line);
    }

    if (severity == MCP_REPORT_ERROR) {
        load->errors++;
        cli_coloured(load->out, CLI_RED, "error: ");

    } else {
        load->warnings++;
        cli_coloured(load->out, CLI_YELLOW, "warning: ");
    }

    cli_print(load->out, cli_str(text));
    putc('\n', load->out);
}


static mcp_rc_t
cli_load_text(void *data, mcp_str_t source, const mcp_place_t *place,
    mcp_text_t *text)
{
    mcp_rc_t     rc;
    cli_load_t  *load;
    mcp_error_t  error;

    load = data;

    rc = cli_text_compile(source, &load->arena, text, &error);

    if (rc == MCP_ERROR) {
        cli_load_report(load, MCP_REPORT_ERROR, place, error.text);
    }

    return rc;
}
