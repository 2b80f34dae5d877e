/*
 * The directive table and the wiring.
 */

#include "ngx_http_mcp_policy.h"


/*
 * Contexts inside mcp_policy { }: nginx leaves these bits of a directive's
 * type to modules, so nesting and places are checked by its own parser.
 */
#define NGX_HTTP_MCP_POLICY_CONF   0x00020000
#define NGX_HTTP_MCP_BLOCK_CONF    0x00040000   /* tool, prompt, ... */
#define NGX_HTTP_MCP_RULE_CONF     0x00080000
#define NGX_HTTP_MCP_DENY_IF_CONF  0x00100000
#define NGX_HTTP_MCP_ANY_CONF      0x00200000

#define NGX_HTTP_MCP_RULES_CONF                                               \
    (NGX_HTTP_MCP_BLOCK_CONF|NGX_HTTP_MCP_RULE_CONF)
#define NGX_HTTP_MCP_CONDITIONS_CONF                                          \
    (NGX_HTTP_MCP_RULES_CONF|NGX_HTTP_MCP_DENY_IF_CONF                        \
     |NGX_HTTP_MCP_ANY_CONF)
#define NGX_HTTP_MCP_INSIDE_CONF                                              \
    (NGX_HTTP_MCP_POLICY_CONF|NGX_HTTP_MCP_CONDITIONS_CONF)


static char *ngx_http_mcp_policy_block_policy(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_mcp_policy_block_target(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_mcp_policy_block_rule(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_mcp_policy_block_deny_if(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_mcp_policy_block_any(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_http_mcp_policy_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_mcp_policy_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_mcp_policy_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_policy_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_mcp_policy_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_policy_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void ngx_http_mcp_policy_exit_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_mcp_policy_list_filters[] = {
    { ngx_string("on"), NGX_HTTP_MCP_POLICY_LIST_ON },
    { ngx_string("hidden"), NGX_HTTP_MCP_POLICY_LIST_HIDDEN },
    { ngx_string("off"), NGX_HTTP_MCP_POLICY_LIST_OFF },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_mcp_policy_zone_full[] = {
    { ngx_string("deny"), 0 },
    { ngx_string("allow"), 1 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_mcp_policy_denials[] = {
    { ngx_string("result"), MCP_DENIAL_RESULT },
    { ngx_string("error"), MCP_DENIAL_ERROR },
    { ngx_string("status"), MCP_DENIAL_STATUS },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_mcp_policy_transports[] = {
    { ngx_string("http"), MCP_TRANSPORT_HTTP },
    { ngx_string("sse"), MCP_TRANSPORT_SSE },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_mcp_policy_refunds[] = {
    { ngx_string("error"), NGX_HTTP_MCP_POLICY_REFUND_ERROR },
    { ngx_string("tool_error"), NGX_HTTP_MCP_POLICY_REFUND_TOOL_ERROR },
    { ngx_string("off"), NGX_HTTP_MCP_POLICY_REFUND_OFF },
    { ngx_null_string, 0 }
};


static ngx_conf_post_t  ngx_http_mcp_policy_limit = {
    ngx_http_mcp_policy_positive
};


static ngx_command_t  ngx_http_mcp_policy_commands[] = {

    { ngx_string("mcp_policy_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2|NGX_CONF_TAKE3|NGX_CONF_TAKE4
                        |NGX_CONF_TAKE5|NGX_CONF_TAKE6,
      ngx_http_mcp_policy_policy_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_mcp_policy_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_approval_notify"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_policy_approval_notify,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_policy"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_block_policy,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_enforce"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_enforce,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_grant"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, grant),
      NULL },

    { ngx_string("mcp_dry_run"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, dry_run),
      NULL },

    { ngx_string("mcp_zone_full"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, zone_full_allow),
      &ngx_http_mcp_policy_zone_full },

    { ngx_string("mcp_denial"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, denial),
      &ngx_http_mcp_policy_denials },

    { ngx_string("mcp_transport"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, transport),
      &ngx_http_mcp_policy_transports },

    { ngx_string("mcp_refund"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, refund),
      &ngx_http_mcp_policy_refunds },

    { ngx_string("mcp_protocol"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_policy_protocol,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_policy_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_max_depth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, max_depth),
      &ngx_http_mcp_policy_limit },

    { ngx_string("mcp_max_batch"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, max_batch),
      &ngx_http_mcp_policy_limit },

    { ngx_string("mcp_max_tokens"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, max_tokens),
      &ngx_http_mcp_policy_limit },

    { ngx_string("mcp_max_number"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, max_number),
      &ngx_http_mcp_policy_limit },

    { ngx_string("mcp_max_string"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, max_string),
      NULL },

    { ngx_string("mcp_max_approvals"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, max_approvals),
      &ngx_http_mcp_policy_limit },

    { ngx_string("mcp_max_approval_arguments"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, max_approval_arguments),
      NULL },

    { ngx_string("mcp_list_filter"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, list_filter),
      &ngx_http_mcp_policy_list_filters },

    { ngx_string("mcp_list_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, list_ttl),
      NULL },

    { ngx_string("mcp_max_list"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_loc_conf_t, max_list),
      &ngx_http_mcp_policy_limit },

    { ngx_string("mcp_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mcp_policy_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mcp_policy_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_admin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_audit_log"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_mcp_policy_audit_log,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* inside mcp_policy { } */

    { ngx_string("include"),
      NGX_HTTP_MCP_INSIDE_CONF|NGX_CONF_TAKE1,
      ngx_conf_include,
      0,
      0,
      NULL },

    { ngx_string("default"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("hide"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zone"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("typing"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_pin"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tool"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_BLOCK|NGX_CONF_ANY,
      ngx_http_mcp_policy_block_target,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("prompt"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_BLOCK|NGX_CONF_ANY,
      ngx_http_mcp_policy_block_target,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("resource"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_BLOCK|NGX_CONF_ANY,
      ngx_http_mcp_policy_block_target,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("method"),
      NGX_HTTP_MCP_POLICY_CONF|NGX_CONF_BLOCK|NGX_CONF_ANY,
      ngx_http_mcp_policy_block_target,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rule"),
      NGX_HTTP_MCP_BLOCK_CONF|NGX_CONF_BLOCK|NGX_CONF_ANY,
      ngx_http_mcp_policy_block_rule,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deny_if"),
      NGX_HTTP_MCP_RULES_CONF|NGX_CONF_BLOCK|NGX_CONF_ANY,
      ngx_http_mcp_policy_block_deny_if,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("any"),
      NGX_HTTP_MCP_RULES_CONF|NGX_HTTP_MCP_DENY_IF_CONF
                             |NGX_CONF_BLOCK|NGX_CONF_ANY,
      ngx_http_mcp_policy_block_any,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("allow"),
      NGX_HTTP_MCP_RULES_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("deny"),
      NGX_HTTP_MCP_RULES_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("arg"),
      NGX_HTTP_MCP_CONDITIONS_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("require"),
      NGX_HTTP_MCP_CONDITIONS_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("limit"),
      NGX_HTTP_MCP_RULES_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("approve"),
      NGX_HTTP_MCP_RULES_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("message"),
      NGX_HTTP_MCP_RULES_CONF|NGX_HTTP_MCP_DENY_IF_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("denial"),
      NGX_HTTP_MCP_RULES_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("validate"),
      NGX_HTTP_MCP_RULES_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dry_run"),
      NGX_HTTP_MCP_RULES_CONF|NGX_CONF_ANY,
      ngx_http_mcp_policy_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_policy_module_ctx = {
    ngx_http_mcp_policy_preconfiguration,  /* preconfiguration */
    ngx_http_mcp_policy_postconfiguration, /* postconfiguration */

    ngx_http_mcp_policy_create_main_conf,  /* create main configuration */
    ngx_http_mcp_policy_init_main_conf,    /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_policy_create_loc_conf,   /* create location configuration */
    ngx_http_mcp_policy_merge_loc_conf     /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_policy_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_policy_module_ctx,       /* module context */
    ngx_http_mcp_policy_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_mcp_policy_zone_init_module,  /* init module */
    ngx_http_mcp_policy_zone_init_process, /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_mcp_policy_exit_process,      /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_http_mcp_policy_parse_block(ngx_conf_t *cf, ngx_uint_t context)
{
    char        *rv;
    ngx_conf_t   save;

    save = *cf;
    cf->cmd_type = context;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}


static char *
ngx_http_mcp_policy_nested(ngx_conf_t *cf, void *conf, ngx_uint_t context)
{
    ngx_http_mcp_policy_main_conf_t *mmcf = conf;

    char  *rv;

    rv = ngx_http_mcp_policy_block_start(cf, mmcf);

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_mcp_policy_parse_block(cf, context);
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_mcp_policy_block_end(cf, mmcf);
    }

    return rv;
}


static char *
ngx_http_mcp_policy_block_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_policy_main_conf_t *mmcf = conf;

    char  *rv;

    rv = ngx_http_mcp_policy_policy_start(cf, mmcf);

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_mcp_policy_parse_block(cf, NGX_HTTP_MCP_POLICY_CONF);
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_mcp_policy_policy_end(cf, mmcf);
    }

    return rv;
}


static char *
ngx_http_mcp_policy_block_target(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    return ngx_http_mcp_policy_nested(cf, conf, NGX_HTTP_MCP_BLOCK_CONF);
}


static char *
ngx_http_mcp_policy_block_rule(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_mcp_policy_nested(cf, conf, NGX_HTTP_MCP_RULE_CONF);
}


static char *
ngx_http_mcp_policy_block_deny_if(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    return ngx_http_mcp_policy_nested(cf, conf, NGX_HTTP_MCP_DENY_IF_CONF);
}


static char *
ngx_http_mcp_policy_block_any(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_mcp_policy_nested(cf, conf, NGX_HTTP_MCP_ANY_CONF);
}


static ngx_int_t
ngx_http_mcp_policy_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_mcp_policy_add_variables(cf);
}


static ngx_int_t
ngx_http_mcp_policy_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt              *h;
    ngx_http_core_main_conf_t        *cmcf;
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_policy_module);

    ngx_http_mcp_policy_check_uses(cf, mmcf);

    if (!mmcf->enforced) {
        return NGX_OK;
    }

    if (ngx_http_mcp_policy_init_variables(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_notify_init(cf, mmcf);

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mcp_policy_handler;

    ngx_http_mcp_policy_filter_init();

    return ngx_http_mcp_policy_audit_init(cf, mmcf);
}


static void *
ngx_http_mcp_policy_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_policy_main_conf_t  *mmcf;

    mmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_main_conf_t));
    if (mmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mmcf->default_zone = NULL;
     *     mmcf->builder = NULL;
     *     mmcf->notify = NULL;
     *     mmcf->enforced = 0;
     *     mmcf->args_hash = 0;
     *     mmcf->counted = 0;
     */

    if (ngx_array_init(&mmcf->policies, cf->pool, 4,
                       sizeof(ngx_http_mcp_policy_t *))
        != NGX_OK
        || ngx_array_init(&mmcf->uses, cf->pool, 4,
                          sizeof(ngx_http_mcp_policy_use_t))
           != NGX_OK
        || ngx_array_init(&mmcf->zones, cf->pool, 2,
                          sizeof(ngx_shm_zone_t *))
           != NGX_OK
        || ngx_array_init(&mmcf->variables, cf->pool, 16,
                          sizeof(ngx_uint_t))
           != NGX_OK
        || ngx_array_init(&mmcf->arguments, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&mmcf->audit_logs, cf->pool, 2,
                          sizeof(ngx_http_mcp_policy_audit_log_t *))
           != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_mcp_policy_random(mmcf->hash_key, sizeof(mmcf->hash_key),
                                   cf->log)
        != NGX_OK)
    {
        return NULL;
    }

    return mmcf;
}


static char *
ngx_http_mcp_policy_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_mcp_policy_main_conf_t *mmcf = conf;

    /* Called before locations are merged: zones of policies are known now. */

    if (mmcf->policies.nelts == 0 && mmcf->uses.nelts == 0
        && !mmcf->enforced)
    {
        return NGX_CONF_OK;
    }

    return ngx_http_mcp_policy_bind_zones(cf, mmcf);
}


static void *
ngx_http_mcp_policy_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_policy_loc_conf_t  *mlcf;

    mlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_loc_conf_t));
    if (mlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mlcf->policy = NULL;
     *     mlcf->revisions = 0;
     *     mlcf->page = 0;
     */

    mlcf->enforce = NGX_CONF_UNSET_PTR;
    mlcf->grant = NGX_CONF_UNSET_PTR;
    mlcf->origins = NGX_CONF_UNSET_PTR;
    mlcf->audit_log = NGX_CONF_UNSET_PTR;
    mlcf->dry_run = NGX_CONF_UNSET;
    mlcf->zone_full_allow = NGX_CONF_UNSET_UINT;
    mlcf->denial = NGX_CONF_UNSET_UINT;
    mlcf->transport = NGX_CONF_UNSET_UINT;
    mlcf->refund = NGX_CONF_UNSET_UINT;
    mlcf->list_filter = NGX_CONF_UNSET_UINT;
    mlcf->list_ttl = NGX_CONF_UNSET_MSEC;
    mlcf->max_list = NGX_CONF_UNSET_SIZE;
    mlcf->max_depth = NGX_CONF_UNSET;
    mlcf->max_batch = NGX_CONF_UNSET;
    mlcf->max_tokens = NGX_CONF_UNSET;
    mlcf->max_number = NGX_CONF_UNSET;
    mlcf->max_string = NGX_CONF_UNSET_SIZE;
    mlcf->max_approvals = NGX_CONF_UNSET;
    mlcf->max_approval_arguments = NGX_CONF_UNSET_SIZE;

    return mlcf;
}


static char *
ngx_http_mcp_policy_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_policy_loc_conf_t *prev = parent;
    ngx_http_mcp_policy_loc_conf_t *conf = child;

    ngx_http_mcp_policy_main_conf_t  *mmcf;

    if (conf->page && ngx_http_mcp_policy_page_check(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_ptr_value(conf->enforce, prev->enforce, NULL);
    ngx_conf_merge_ptr_value(conf->grant, prev->grant, NULL);
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_ptr_value(conf->audit_log, prev->audit_log, NULL);
    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);
    ngx_conf_merge_uint_value(conf->zone_full_allow, prev->zone_full_allow,
                              0);
    ngx_conf_merge_uint_value(conf->denial, prev->denial, MCP_DENIAL_RESULT);
    ngx_conf_merge_uint_value(conf->transport, prev->transport,
                              MCP_TRANSPORT_HTTP);
    ngx_conf_merge_uint_value(conf->refund, prev->refund,
                              NGX_HTTP_MCP_POLICY_REFUND_ERROR);
    ngx_conf_merge_uint_value(conf->list_filter, prev->list_filter,
                              NGX_HTTP_MCP_POLICY_LIST_ON);
    ngx_conf_merge_msec_value(conf->list_ttl, prev->list_ttl, 60000);
    ngx_conf_merge_size_value(conf->max_list, prev->max_list,
                              4 * 1024 * 1024);
    ngx_conf_merge_value(conf->max_depth, prev->max_depth,
                         MCP_DEFAULT_DEPTH);
    ngx_conf_merge_value(conf->max_batch, prev->max_batch,
                         MCP_DEFAULT_BATCH);
    ngx_conf_merge_value(conf->max_tokens, prev->max_tokens,
                         MCP_DEFAULT_TOKENS);
    ngx_conf_merge_value(conf->max_number, prev->max_number,
                         MCP_DEFAULT_NUMBER_LENGTH);
    ngx_conf_merge_size_value(conf->max_string, prev->max_string,
                              MCP_DEFAULT_STRING_LENGTH);
    ngx_conf_merge_value(conf->max_approvals, prev->max_approvals, 32);
    ngx_conf_merge_size_value(conf->max_approval_arguments,
                              prev->max_approval_arguments, 16 * 1024);

    if (conf->revisions == 0) {
        conf->revisions = prev->revisions ? prev->revisions
                                          : MCP_REVISIONS_ALL;
    }

    if (conf->enforce && conf->enforce->lengths == NULL) {
        mmcf = ngx_http_conf_get_module_main_conf(cf,
                                                  ngx_http_mcp_policy_module);
        conf->policy = ngx_http_mcp_policy_find(mmcf, &conf->enforce->value);
    }

    return NGX_CONF_OK;
}


static void
ngx_http_mcp_policy_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_mcp_policy_zone_exit_process(cycle);
    ngx_http_mcp_policy_arena_destroy();
}
