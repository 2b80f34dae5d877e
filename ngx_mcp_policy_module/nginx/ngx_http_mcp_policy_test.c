/*
 * Test builds alone: a clock for all workers, a worker that dies at the worst
 * moment, and no memory.  They are told through a file that the test and the
 * workers share, named by MCP_POLICY_TEST in the environment.
 */

#include "ngx_http_mcp_policy_zone.h"


#if (NGX_HTTP_MCP_POLICY_TEST)

#include <fcntl.h>
#include <sys/mman.h>


typedef struct {
    volatile uint64_t      now_ms;      /* 0: the real time */
    volatile ngx_atomic_t  kill;        /* at this many reservations from now,
                                           inside the lock */
    volatile ngx_atomic_t  memory;      /* not 0: none for the audit log */
} ngx_http_mcp_policy_test_t;


static ngx_http_mcp_policy_test_t *ngx_http_mcp_policy_test(void);


uint64_t
ngx_http_mcp_policy_now(void)
{
    ngx_time_t                  *tp;
    ngx_http_mcp_policy_test_t  *test;

    test = ngx_http_mcp_policy_test();

    if (test && test->now_ms) {
        return test->now_ms;
    }

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


void
ngx_http_mcp_policy_test_locked(void)
{
    ngx_http_mcp_policy_test_t  *test;

    test = ngx_http_mcp_policy_test();

    if (test && test->kill && ngx_atomic_fetch_add(&test->kill, -1) == 1) {
        (void) raise(SIGKILL);
    }
}


ngx_uint_t
ngx_http_mcp_policy_test_memory(void)
{
    ngx_http_mcp_policy_test_t  *test;

    test = ngx_http_mcp_policy_test();

    return test && test->memory;
}


static ngx_http_mcp_policy_test_t *
ngx_http_mcp_policy_test(void)
{
    int          fd;
    void        *p;
    const char  *path;

    static ngx_uint_t                   done;
    static ngx_http_mcp_policy_test_t  *test;

    if (done) {
        return test;
    }

    done = 1;
    path = getenv("MCP_POLICY_TEST");

    if (path == NULL) {
        return NULL;
    }

    fd = open(path, O_RDWR|O_CLOEXEC);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "cannot open \"%s\"", path);
        return NULL;
    }

    p = mmap(NULL, sizeof(ngx_http_mcp_policy_test_t), PROT_READ|PROT_WRITE,
             MAP_SHARED, fd, 0);

    if (p != MAP_FAILED) {
        test = p;
    }

    (void) close(fd);

    return test;
}

#endif
