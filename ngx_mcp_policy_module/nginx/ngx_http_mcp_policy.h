/*
 * What the files of the glue share: configuration, the request's context and
 * its states, and the functions that cross files.
 */

#ifndef NGX_HTTP_MCP_POLICY_H
#define NGX_HTTP_MCP_POLICY_H

#include "ngx_http_mcp_policy_compat.h"

#include "mcp_evaluate.h"
#include "mcp_list_filter.h"
#include "mcp_reply.h"

#pragma GCC visibility push(hidden)


#define NGX_HTTP_MCP_POLICY_SHA256  32

typedef struct ngx_http_mcp_policy_pin_s  ngx_http_mcp_policy_pin_t;
typedef struct ngx_http_mcp_policy_audit_s  ngx_http_mcp_policy_audit_t;
typedef struct ngx_http_mcp_policy_audit_log_s
                                     ngx_http_mcp_policy_audit_log_t;
typedef struct ngx_http_mcp_policy_notify_s  ngx_http_mcp_policy_notify_t;
typedef struct ngx_http_mcp_policy_hold_s  ngx_http_mcp_policy_hold_t;

/* What a policy says, until a watched file says something else. */
typedef struct {
    const mcp_policy_t             *core;
    ngx_uint_t                      references;   /* of requests, and one as
                                                     long as it is in force */
    uint64_t                        generation;   /* of the file, from 1 */
    u_char                          sha256[NGX_HTTP_MCP_POLICY_SHA256];
    mcp_list_memory_t               lists;        /* of this worker */
    unsigned                        own_memory:1; /* else it lives as long as
                                                     the configuration */
} ngx_http_mcp_policy_version_t;


typedef struct ngx_http_mcp_policy_file_s  ngx_http_mcp_policy_file_t;


typedef struct {
    ngx_str_t                       name;
    ngx_http_mcp_policy_version_t  *version;    /* in force */
    ngx_http_mcp_policy_file_t     *file;       /* NULL: of nginx.conf */
    ngx_shm_zone_t                 *zone;
    ngx_http_mcp_policy_pin_t      *pins;        /* of version->core->pins */
    mcp_pin_memory_t                pin_memory;  /* of this worker */
} ngx_http_mcp_policy_t;


/* A constant name in mcp_enforce, to be looked up when all is read. */
typedef struct {
    ngx_str_t            name;
    u_char              *file;
    ngx_uint_t           line;
} ngx_http_mcp_policy_use_t;


typedef struct {
    ngx_array_t                   policies;   /* ngx_http_mcp_policy_t * */
    ngx_array_t                   uses;       /* ngx_http_mcp_policy_use_t */
    ngx_array_t                   zones;      /* ngx_shm_zone_t * */
    ngx_shm_zone_t               *default_zone;
    uint64_t                      hash_key[2];  /* of this configuration */

    mcp_policy_builder_t         *builder;    /* while a block is parsed */

    ngx_array_t                   variables;  /* ngx_uint_t: indices of the
                                                 module's variables in use */
    ngx_array_t                   arguments;  /* ngx_str_t: names for which
                                                 $mcp_arg_NAME is in use */
    ngx_array_t                   audit_logs;
                                  /* ngx_http_mcp_policy_audit_log_t * */
    ngx_int_t                     request_id; /* index, with audit logs */
    ngx_http_mcp_policy_notify_t *notify;     /* NULL: nobody is told */
    ngx_str_t                     admin_csp;  /* of the page of mcp_admin */
    ngx_str_t                     admin_etag;
    unsigned                      enforced:1;
    unsigned                      args_hash:1;
    unsigned                      counted:1;    /* some page shows it */
} ngx_http_mcp_policy_main_conf_t;


typedef struct {
    ngx_str_t                     host;       /* lower case, without "*" */
    unsigned                      prefix:1;   /* "*.example.com" */
    unsigned                      suffix:1;   /* "example.*" */
    mcp_regex_t                  *regex;
} ngx_http_mcp_policy_origin_t;


#define NGX_HTTP_MCP_POLICY_REFUND_ERROR       0
#define NGX_HTTP_MCP_POLICY_REFUND_TOOL_ERROR  1
#define NGX_HTTP_MCP_POLICY_REFUND_OFF         2


#define NGX_HTTP_MCP_POLICY_LIST_ON      0
#define NGX_HTTP_MCP_POLICY_LIST_HIDDEN  1
#define NGX_HTTP_MCP_POLICY_LIST_OFF     2


typedef struct {
    ngx_http_complex_value_t     *enforce;    /* NULL: off */
    ngx_http_mcp_policy_t        *policy;     /* of a constant name */
    ngx_http_complex_value_t     *grant;
    ngx_array_t                  *origins;    /* NULL: not checked */
    ngx_http_mcp_policy_audit_log_t  *audit_log;  /* NULL: off */
    ngx_flag_t                    dry_run;
    ngx_uint_t                    zone_full_allow;
    ngx_uint_t                    denial;     /* mcp_denial_t */
    ngx_uint_t                    transport;  /* mcp_transport_t */
    ngx_uint_t                    refund;     /* NGX_HTTP_MCP_POLICY_REFUND_ */
    ngx_uint_t                    revisions;  /* MCP_REVISION_BIT */
    ngx_uint_t                    list_filter;
                                         /* NGX_HTTP_MCP_POLICY_LIST_ */
    ngx_msec_t                    list_ttl;
    size_t                        max_list;
    ngx_int_t                     max_depth;
    ngx_int_t                     max_batch;
    ngx_int_t                     max_tokens;
    ngx_int_t                     max_number;
    size_t                        max_string;
    ngx_int_t                     max_approvals;
    size_t                        max_approval_arguments;
    ngx_uint_t                    page;       /* of our own, not enforced */
    ngx_http_handler_pt           page_handler;
    ngx_http_complex_value_t     *admin_by;   /* who decides approvals */
} ngx_http_mcp_policy_loc_conf_t;


/*
 * States of a request.  The phase engine owns the request in START and
 * DECIDED; in READING nginx's body reader does, and it may end the request
 * (408, 413, client gone) without calling us again: cleanup must not depend
 * on leaving that state.  In WAITING the call is held for a human's decision:
 * its timer, a decision or the client's leaving ends that, and the body is
 * judged once more, which may lead there again.
 *
 *   START -> READING (POST) -> DECIDED
 *                    READING -> WAITING -> DECIDED
 *   START -> DECIDED         (no body to judge, or refused by its headers)
 *
 * DECIDED with reply.status != 0 is a refusal: the content handler sends it.
 * An internal redirect drops r->ctx; the context is found again through the
 * pool.  A location that enforces another policy makes a new one.
 */
typedef enum {
    NGX_HTTP_MCP_POLICY_START = 0,
    NGX_HTTP_MCP_POLICY_READING,
    NGX_HTTP_MCP_POLICY_WAITING,
    NGX_HTTP_MCP_POLICY_DECIDED
} ngx_http_mcp_policy_state_e;


/* What variables and logs tell; strings live in the request's pool. */
typedef struct {
    ngx_str_t                     method;
    ngx_str_t                     tool;
    ngx_str_t                     id;
    ngx_str_t                     protocol;
    ngx_str_t                     session;
    ngx_str_t                     client;
    ngx_str_t                     traceparent;
    ngx_str_t                     rule;
    ngx_str_t                     approval;   /* id */
    ngx_uint_t                    count;
    const char                   *decision;
    const char                   *reason;
    ngx_str_t                     args_hash;
    ngx_str_t                    *arguments;  /* of main_conf->arguments */
    int64_t                       remaining;  /* of the limit that is closest
                                                 to its end, millionths */
    uint64_t                      reset_s;
    unsigned                      limited:1;  /* there is such a limit */
} ngx_http_mcp_policy_facts_t;


/* Headers of one request that the checks need, collected in one walk. */
typedef struct {
    mcp_headers_t                 mcp;
    mcp_header_t                  content_type;
    mcp_header_t                  content_encoding;  /* not identity */
    mcp_header_t                  origin;
    mcp_header_t                  upgrade;
    unsigned                      ambiguous:1;       /* a line of them all */
} ngx_http_mcp_policy_headers_t;


typedef struct ngx_http_mcp_policy_ctx_s     ngx_http_mcp_policy_ctx_t;
typedef struct ngx_http_mcp_policy_answer_s  ngx_http_mcp_policy_answer_t;
typedef struct ngx_http_mcp_policy_stream_s  ngx_http_mcp_policy_stream_t;
typedef struct ngx_http_mcp_policy_watch_s   ngx_http_mcp_policy_watch_t;
typedef struct ngx_http_mcp_policy_settlement_s
                                         ngx_http_mcp_policy_settlement_t;

typedef struct ngx_http_mcp_policy_list_s    ngx_http_mcp_policy_list_t;

/*
 * What an answer may have to be filtered by: of a POST that asks for a list,
 * or of a GET that may bring the answer of any.
 */
struct ngx_http_mcp_policy_list_s {
    ngx_http_mcp_policy_list_t     *next;     /* of another policy, before an
                                                 internal redirect */
    ngx_http_mcp_policy_ctx_t      *ctx;      /* whose policy it is */
    ngx_http_mcp_policy_loc_conf_t *conf;     /* of the location that judged */
    mcp_list_request_t             *requests; /* all of the POST */
    uint32_t                        count;    /* 0: a GET */
    unsigned                        stream:1; /* is what that GET accepts */
    unsigned                        batch:1;
    unsigned                        private_view:1;
};

/* For whom a task is looked up. */
typedef struct {
    ngx_http_mcp_policy_t        *policy;
    ngx_str_t                     grant;
} ngx_http_mcp_policy_caller_t;

struct ngx_http_mcp_policy_ctx_s {
    ngx_http_request_t           *request;
    ngx_http_mcp_policy_state_e   state;
    ngx_http_mcp_policy_t        *policy;     /* NULL: unknown, all refused */
    ngx_http_mcp_policy_version_t  *version;  /* of the policy */
    ngx_http_request_body_t      *body;       /* the judged one */
    ngx_http_mcp_policy_headers_t headers;
    ngx_http_mcp_policy_facts_t   facts;
    mcp_reply_t                   reply;      /* status 0: allowed */
    ngx_str_t                     raw_id;     /* of a single request */
    ngx_http_mcp_policy_stream_t *stream;     /* an event stream that is
                                                 rewritten, or that refusals
                                                 can be added to */
    ngx_http_mcp_policy_watch_t  *watch;      /* an answer that may create
                                                 a task */
    mcp_charge_t                 *charges;    /* taken when it was allowed */
    ngx_uint_t                    charge_count;
    mcp_approval_ask_t           *asks;       /* approvals that it used */
    ngx_uint_t                    ask_count;
    ngx_http_mcp_policy_hold_t   *hold;       /* NULL: it did not wait */
    ngx_http_mcp_policy_settlement_t  *settlement;  /* NULL: nothing to
                                                       settle by the answer */
    ngx_http_mcp_policy_list_t   *list;       /* NULL: no answer is filtered */
    ngx_http_mcp_policy_answer_t *answer;     /* held until it is complete */
    ngx_http_mcp_policy_audit_t  *audit;      /* NULL: not logged */
    unsigned                      own_reply:1;     /* filters step aside */
    unsigned                      replace:1;       /* an error page of nginx
                                                      becomes "reply" */
    unsigned                      replaced:1;
    unsigned                      of_message:1;    /* a variable was asked for
                                                      that is of one message
                                                      of several */
};


extern ngx_module_t  ngx_http_mcp_policy_module;


/* ngx_http_mcp_policy_conf.c */
char *ngx_http_mcp_policy_policy_start(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
char *ngx_http_mcp_policy_policy_end(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
char *ngx_http_mcp_policy_check_name(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *name);
ngx_http_mcp_policy_t *ngx_http_mcp_policy_add(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *name,
    ngx_http_mcp_policy_version_t *version);
char *ngx_http_mcp_policy_block_start(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
char *ngx_http_mcp_policy_block_end(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);

/* A read_file() of mcp_frontend_t: "data" is the ngx_conf_t. */
mcp_rc_t ngx_http_mcp_policy_read_file(void *data, mcp_str_t path,
    const mcp_place_t *place, mcp_str_t *text);

void ngx_http_mcp_policy_check_uses(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
char *ngx_http_mcp_policy_bind_zones(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
char *ngx_http_mcp_policy_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_policy_enforce(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_policy_protocol(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_policy_word(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_mcp_policy_positive(ngx_conf_t *cf, void *post, void *data);
ngx_http_mcp_policy_t *ngx_http_mcp_policy_find(
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_str_t *name);

/* ngx_http_mcp_policy_policy_file.c */
char *ngx_http_mcp_policy_policy_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_policy_file_bind(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_http_mcp_policy_t *policy);
void ngx_http_mcp_policy_file_init_module(
    ngx_http_mcp_policy_main_conf_t *mmcf);
void ngx_http_mcp_policy_file_init_process(
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_cycle_t *cycle);
void ngx_http_mcp_policy_file_exit_process(
    ngx_http_mcp_policy_main_conf_t *mmcf);
void ngx_http_mcp_policy_release(ngx_http_mcp_policy_version_t *version);

/* ngx_http_mcp_policy_generation.c */
ngx_uint_t ngx_http_mcp_policy_generation_claim(ngx_http_mcp_policy_t *policy,
    u_char *sha256);
ngx_uint_t ngx_http_mcp_policy_generation_known(ngx_http_mcp_policy_t *policy,
    u_char *sha256);
void ngx_http_mcp_policy_generation_back(ngx_http_mcp_policy_t *policy,
    u_char *sha256);
uint64_t ngx_http_mcp_policy_generation_accept(ngx_http_mcp_policy_t *policy,
    u_char *sha256, ngx_uint_t *first);

/* ngx_http_mcp_policy_origin.c */
char *ngx_http_mcp_policy_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_mcp_policy_origin_allowed(ngx_http_request_t *r,
    ngx_array_t *origins, mcp_header_t *origin);

/* ngx_http_mcp_policy_handler.c */
ngx_int_t ngx_http_mcp_policy_handler(ngx_http_request_t *r);
ngx_http_mcp_policy_ctx_t *ngx_http_mcp_policy_get_ctx(ngx_http_request_t *r);

/* whose facts the variables tell */
ngx_http_mcp_policy_ctx_t *ngx_http_mcp_policy_main_ctx(
    ngx_http_request_t *r);
ngx_http_mcp_policy_ctx_t *ngx_http_mcp_policy_create_ctx(
    ngx_http_request_t *r);
void ngx_http_mcp_policy_decide(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);

/* of a request and its subrequests, from r->pool->cleanup; newest first */
ngx_http_mcp_policy_ctx_t *ngx_http_mcp_policy_next_ctx(
    ngx_pool_cleanup_t **cln);

mcp_arena_t *ngx_http_mcp_policy_arena(void);
void ngx_http_mcp_policy_arena_destroy(void);

/* ngx_http_mcp_policy_request.c */
void ngx_http_mcp_policy_collect_headers(ngx_http_request_t *r,
    ngx_http_mcp_policy_headers_t *headers);
mcp_invalid_t ngx_http_mcp_policy_check_request(ngx_http_request_t *r,
    ngx_http_mcp_policy_loc_conf_t *mlcf,
    ngx_http_mcp_policy_headers_t *headers);
ngx_int_t ngx_http_mcp_policy_body_text(ngx_http_request_t *r,
    mcp_arena_t *arena, mcp_str_t *text);
ngx_int_t ngx_http_mcp_policy_is_message(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_policy_has_body(ngx_http_request_t *r);

/* ngx_http_mcp_policy_judge.c; NGX_AGAIN: the call is held */
ngx_int_t ngx_http_mcp_policy_judge(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
ngx_int_t ngx_http_mcp_policy_judge_headers(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_invalid_t invalid);
const char *ngx_http_mcp_policy_action_name(mcp_action_t action,
    ngx_uint_t dry);
void ngx_http_mcp_policy_grant(ngx_http_request_t *r, ngx_str_t *grant);
void ngx_http_mcp_policy_set_caller(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_http_mcp_policy_loc_conf_t *mlcf,
    mcp_caller_t *caller);
void ngx_http_mcp_policy_limits(ngx_http_request_t *r,
    ngx_http_mcp_policy_loc_conf_t *mlcf, mcp_limits_t *limits);

/* the beginning of a name, escaped, of up to LOG_NAME * ESCAPE_MAX bytes */
#define NGX_HTTP_MCP_POLICY_LOG_NAME  128

size_t ngx_http_mcp_policy_log_name(u_char *dst, ngx_str_t *name);

/* ngx_http_mcp_policy_pin.c: definitions that changed; data is the ctx */
ngx_int_t ngx_http_mcp_policy_pin_bind(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
void ngx_http_mcp_policy_pin_exit_process(
    ngx_http_mcp_policy_main_conf_t *mmcf);
void ngx_http_mcp_policy_pin_seen(void *data, const mcp_pin_t *pin,
    const uint8_t hash[MCP_PIN_HASH]);
bool ngx_http_mcp_policy_pin_changed(void *data, const mcp_policy_t *policy,
    const mcp_pin_t *pin);

/* ngx_http_mcp_policy_reply.c */
ngx_int_t ngx_http_mcp_policy_send_reply(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_policy_keep_reply(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_reply_t *reply);
void ngx_http_mcp_policy_reply_headers(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
ngx_chain_t *ngx_http_mcp_policy_reply_chain(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);

/* ngx_http_mcp_policy_filter.c */
void ngx_http_mcp_policy_filter_init(void);
ngx_int_t ngx_http_mcp_policy_next_header(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_policy_next_body(ngx_http_request_t *r,
    ngx_chain_t *in);
void ngx_http_mcp_policy_clear_digests(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_policy_content_type_is(ngx_http_request_t *r,
    const char *type, size_t len);

/* ngx_http_mcp_policy_filter_stream.c: event streams */
ngx_int_t ngx_http_mcp_policy_stream_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
ngx_int_t ngx_http_mcp_policy_stream_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in);

/* ngx_http_mcp_policy_task.c: whose task it is and which tool runs */
ngx_int_t ngx_http_mcp_policy_task_expect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_arena_t *arena);
void ngx_http_mcp_policy_task_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
void ngx_http_mcp_policy_task_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in);
mcp_rc_t ngx_http_mcp_policy_task_find(void *data, mcp_str_t id,
    mcp_arena_t *arena, mcp_task_t *task);

/* ngx_http_mcp_policy_settle.c: which charges are given back */
ngx_int_t ngx_http_mcp_policy_settle_expect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body);
void ngx_http_mcp_policy_settle_cancel(ngx_http_mcp_policy_ctx_t *ctx);
void ngx_http_mcp_policy_settle_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
void ngx_http_mcp_policy_settle_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in);

/* ngx_http_mcp_policy_list.c: which answers may be lists, and who sees what */
ngx_int_t ngx_http_mcp_policy_list_expect(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body);
ngx_int_t ngx_http_mcp_policy_list_apply(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t text, mcp_arena_t *arena,
    mcp_list_result_t *result, mcp_error_t *error);
ngx_int_t ngx_http_mcp_policy_list_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_arena_t *arena, mcp_str_t *text);
void ngx_http_mcp_policy_list_memory(ngx_http_mcp_policy_version_t *version);

/* ngx_http_mcp_policy_filter_list.c: JSON answers, held until complete */
ngx_int_t ngx_http_mcp_policy_answer_header(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
ngx_int_t ngx_http_mcp_policy_answer_body(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, ngx_chain_t *in);
ngx_int_t ngx_http_mcp_policy_answer_refuse(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const char *failure);

/* ngx_http_mcp_policy_hold.c: calls that wait for a human's decision */
ngx_int_t ngx_http_mcp_policy_hold(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_approval_ask_t *ask,
    uint64_t now_ms);

/* ngx_http_mcp_policy_variables.c */
ngx_int_t ngx_http_mcp_policy_add_variables(ngx_conf_t *cf);
ngx_int_t ngx_http_mcp_policy_init_variables(ngx_conf_t *cf);
void ngx_http_mcp_policy_reset_variables(ngx_http_request_t *r);

/* ngx_http_mcp_policy_facts.c */
ngx_int_t ngx_http_mcp_policy_set_facts(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body, uint32_t index,
    mcp_arena_t *arena);
ngx_int_t ngx_http_mcp_policy_message_id(const mcp_body_t *body,
    const mcp_message_t *message, mcp_arena_t *arena, mcp_str_t *id);
void ngx_http_mcp_policy_hash(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t input, uint64_t hash[2]);
void ngx_http_mcp_policy_hash_arguments(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t arguments, uint64_t hash[2]);
ngx_int_t ngx_http_mcp_policy_hash_text(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, mcp_str_t input, ngx_str_t *text);
ngx_int_t ngx_http_mcp_policy_copy(ngx_pool_t *pool, mcp_str_t src,
    ngx_str_t *dst);

/* ngx_http_mcp_policy_audit.c; a line without a verdict tells the facts */
char *ngx_http_mcp_policy_audit_log(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_mcp_policy_audit_init(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
ngx_int_t ngx_http_mcp_policy_audit_keep(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_verdict_t *verdict, mcp_arena_t *arena);
void ngx_http_mcp_policy_audit_failed(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
void ngx_http_mcp_policy_audit_approval(ngx_http_request_t *r,
    const mcp_approval_view_t *view);

/* ngx_http_mcp_policy_notify_conf.c, _notify.c: who is told of approvals */
char *ngx_http_mcp_policy_approval_notify(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_mcp_policy_notify_init(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf);
ngx_int_t ngx_http_mcp_policy_notify_init_process(
    ngx_http_mcp_policy_main_conf_t *mmcf, ngx_cycle_t *cycle);
void ngx_http_mcp_policy_notify_wake(void);

/* ngx_http_mcp_policy_zone.c */
char *ngx_http_mcp_policy_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_shm_zone_t *ngx_http_mcp_policy_zone_find(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *mmcf, mcp_str_t name);
ngx_int_t ngx_http_mcp_policy_random(void *buf, size_t size, ngx_log_t *log);
void ngx_http_mcp_policy_zone_store(ngx_shm_zone_t *zone,
    mcp_store_t *store);
const uint64_t *ngx_http_mcp_policy_zone_key(ngx_shm_zone_t *zone);
uint64_t ngx_http_mcp_policy_now(void);
ngx_int_t ngx_http_mcp_policy_zone_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_mcp_policy_zone_init_process(ngx_cycle_t *cycle);
void ngx_http_mcp_policy_zone_exit_process(ngx_cycle_t *cycle);

/* ngx_http_mcp_policy_count.c: statistics */
void ngx_http_mcp_policy_count_verdict(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    const mcp_verdict_t *verdict);
void ngx_http_mcp_policy_count_failed(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx);
void ngx_http_mcp_policy_count_request(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_body_t *body,
    mcp_action_t action, ngx_uint_t reason);
uint64_t ngx_http_mcp_policy_count_clock(ngx_http_request_t *r);
void ngx_http_mcp_policy_count_time(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, uint64_t start);

/* ngx_http_mcp_policy_status.c: mcp_status, mcp_metrics */
char *ngx_http_mcp_policy_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_mcp_policy_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

ngx_int_t ngx_http_mcp_policy_page_check(ngx_conf_t *cf,
    ngx_http_mcp_policy_loc_conf_t *mlcf);

/* ngx_http_mcp_policy_admin.c: approvals and their page */
char *ngx_http_mcp_policy_admin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_mcp_policy_mailbox.c: refusals for HTTP+SSE streams */
ngx_int_t ngx_http_mcp_policy_mailbox_post(ngx_http_request_t *r,
    ngx_http_mcp_policy_ctx_t *ctx, const mcp_reply_t *reply);

#pragma GCC visibility pop

#endif /* NGX_HTTP_MCP_POLICY_H */
