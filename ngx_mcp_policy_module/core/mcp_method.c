/*
 * Methods, their params, and what a message is about.
 */

#include "mcp_message_private.h"


typedef struct {
    mcp_str_t          name;
    mcp_target_kind_t  target;
    mcp_param_t        param;           /* that names the target */
    mcp_name_rule_t    name_rule;
    bool               housekeeping;
    bool               legacy;          /* not in 2026-07-28 */
} mcp_method_entry_t;


static mcp_rc_t mcp_params_target(mcp_parse_t *parse, uint32_t token,
    mcp_target_kind_t kind, mcp_target_t *target);
static mcp_rc_t mcp_params_ref(mcp_parse_t *parse, uint32_t ref,
    mcp_target_t *target);
static mcp_rc_t mcp_params_listen(mcp_parse_t *parse, uint32_t notifications,
    mcp_message_t *message);
static mcp_rc_t mcp_params_entries(mcp_parse_t *parse, uint32_t list,
    mcp_target_kind_t kind, mcp_target_t **target);
static mcp_rc_t mcp_params_task(mcp_parse_t *parse, mcp_message_t *message,
    uint32_t task);
static mcp_rc_t mcp_params_client(mcp_parse_t *parse,
    const mcp_message_t *message, const mcp_params_t *params);


static const mcp_method_entry_t  mcp_methods[MCP_METHOD_COUNT] = {
    [MCP_METHOD_INITIALIZE] = {
        .name = mcp_str_init("initialize"), .housekeeping = true },
    [MCP_METHOD_PING] = {
        .name = mcp_str_init("ping"), .housekeeping = true },
    [MCP_METHOD_DISCOVER] = {
        .name = mcp_str_init("server/discover"), .housekeeping = true },
    [MCP_METHOD_TOOLS_LIST] = {
        .name = mcp_str_init("tools/list"), .housekeeping = true },
    [MCP_METHOD_TOOLS_CALL] = {
        .name = mcp_str_init("tools/call"), .target = MCP_TARGET_TOOL,
        .param = MCP_PARAM_NAME, .name_rule = MCP_NAME_REQUIRED },
    [MCP_METHOD_PROMPTS_LIST] = {
        .name = mcp_str_init("prompts/list"), .housekeeping = true },
    [MCP_METHOD_PROMPTS_GET] = {
        .name = mcp_str_init("prompts/get"), .target = MCP_TARGET_PROMPT,
        .param = MCP_PARAM_NAME, .name_rule = MCP_NAME_REQUIRED },
    [MCP_METHOD_RESOURCES_LIST] = {
        .name = mcp_str_init("resources/list"), .housekeeping = true },
    [MCP_METHOD_RESOURCES_TEMPLATES_LIST] = {
        .name = mcp_str_init("resources/templates/list"),
        .housekeeping = true },
    [MCP_METHOD_RESOURCES_READ] = {
        .name = mcp_str_init("resources/read"),
        .target = MCP_TARGET_RESOURCE, .param = MCP_PARAM_URI,
        .name_rule = MCP_NAME_REQUIRED },
    [MCP_METHOD_RESOURCES_SUBSCRIBE] = {
        .name = mcp_str_init("resources/subscribe"), .legacy = true,
        .target = MCP_TARGET_RESOURCE, .param = MCP_PARAM_URI },
    [MCP_METHOD_RESOURCES_UNSUBSCRIBE] = {
        .name = mcp_str_init("resources/unsubscribe"), .legacy = true,
        .target = MCP_TARGET_RESOURCE, .param = MCP_PARAM_URI },
    [MCP_METHOD_SUBSCRIPTIONS_LISTEN] = {
        .name = mcp_str_init("subscriptions/listen"), .housekeeping = true },
    [MCP_METHOD_COMPLETION_COMPLETE] = {
        .name = mcp_str_init("completion/complete"), .housekeeping = true },
    [MCP_METHOD_LOGGING_SET_LEVEL] = {
        .name = mcp_str_init("logging/setLevel"), .housekeeping = true },
    [MCP_METHOD_TASKS_GET] = {
        .name = mcp_str_init("tasks/get"), .target = MCP_TARGET_TASK,
        .param = MCP_PARAM_TASK_ID, .name_rule = MCP_NAME_OPTIONAL },
    [MCP_METHOD_TASKS_RESULT] = {
        .name = mcp_str_init("tasks/result"), .legacy = true,
        .target = MCP_TARGET_TASK, .param = MCP_PARAM_TASK_ID,
        .name_rule = MCP_NAME_OPTIONAL },
    [MCP_METHOD_TASKS_CANCEL] = {
        .name = mcp_str_init("tasks/cancel"), .target = MCP_TARGET_TASK,
        .param = MCP_PARAM_TASK_ID, .name_rule = MCP_NAME_OPTIONAL },
    [MCP_METHOD_TASKS_LIST] = {
        .name = mcp_str_init("tasks/list") },
    [MCP_METHOD_TASKS_UPDATE] = {
        .name = mcp_str_init("tasks/update"), .target = MCP_TARGET_TASK,
        .param = MCP_PARAM_TASK_ID, .name_rule = MCP_NAME_OPTIONAL },
    [MCP_METHOD_NOTIFICATION] = { .housekeeping = true }
};


/* What clients of some revision send. */
static const mcp_str_t  mcp_notifications[] = {
    mcp_str_init("notifications/initialized"),
    mcp_str_init("notifications/cancelled"),
    mcp_str_init("notifications/progress"),
    mcp_str_init("notifications/roots/list_changed"),
    mcp_str_init("notifications/tasks/status")
};


static const mcp_str_t  mcp_param_names[MCP_PARAM_COUNT] = {
    [MCP_PARAM_NAME] = mcp_str_init("name"),
    [MCP_PARAM_URI] = mcp_str_init("uri"),
    [MCP_PARAM_TASK_ID] = mcp_str_init("taskId"),
    [MCP_PARAM_ARGUMENTS] = mcp_str_init("arguments"),
    [MCP_PARAM_META] = mcp_str_init("_meta"),
    [MCP_PARAM_TASK] = mcp_str_init("task"),
    [MCP_PARAM_REF] = mcp_str_init("ref"),
    [MCP_PARAM_NOTIFICATIONS] = mcp_str_init("notifications"),
    [MCP_PARAM_PROTOCOL_VERSION] = mcp_str_init("protocolVersion"),
    [MCP_PARAM_CLIENT_INFO] = mcp_str_init("clientInfo"),
    [MCP_PARAM_CAPABILITIES] = mcp_str_init("capabilities"),
    [MCP_PARAM_CURSOR] = mcp_str_init("cursor"),
    [MCP_PARAM_ARGUMENT] = mcp_str_init("argument"),
    [MCP_PARAM_CONTEXT] = mcp_str_init("context"),
    [MCP_PARAM_INPUT_RESPONSES] = mcp_str_init("inputResponses"),
    [MCP_PARAM_REQUEST_STATE] = mcp_str_init("requestState"),
    [MCP_PARAM_LEVEL] = mcp_str_init("level"),
    [MCP_PARAM_REQUEST_ID] = mcp_str_init("requestId"),
    [MCP_PARAM_REASON] = mcp_str_init("reason"),
    [MCP_PARAM_PROGRESS_TOKEN] = mcp_str_init("progressToken"),
    [MCP_PARAM_PROGRESS] = mcp_str_init("progress"),
    [MCP_PARAM_TOTAL] = mcp_str_init("total"),
    [MCP_PARAM_MESSAGE] = mcp_str_init("message"),
    [MCP_PARAM_STATUS] = mcp_str_init("status"),
    [MCP_PARAM_STATUS_MESSAGE] = mcp_str_init("statusMessage"),
    [MCP_PARAM_TTL] = mcp_str_init("ttl"),
    [MCP_PARAM_POLL_INTERVAL] = mcp_str_init("pollInterval"),
    [MCP_PARAM_CREATED_AT] = mcp_str_init("createdAt"),
    [MCP_PARAM_LAST_UPDATED_AT] = mcp_str_init("lastUpdatedAt")
};


#define mcp_meta_name(name)  mcp_str_init("io.modelcontextprotocol/" name)

static const mcp_str_t  mcp_meta_names[MCP_META_COUNT] = {
    [MCP_META_PROTOCOL_VERSION] = mcp_meta_name("protocolVersion"),
    [MCP_META_CLIENT_CAPABILITIES] = mcp_meta_name("clientCapabilities"),
    [MCP_META_CLIENT_INFO] = mcp_meta_name("clientInfo"),
    [MCP_META_TRACEPARENT] = mcp_str_init("traceparent"),
    [MCP_META_TRACESTATE] = mcp_str_init("tracestate"),
    [MCP_META_BAGGAGE] = mcp_str_init("baggage"),
    [MCP_META_PROGRESS_TOKEN] = mcp_str_init("progressToken"),
    [MCP_META_LOG_LEVEL] = mcp_meta_name("logLevel"),
    [MCP_META_SERVER_INFO] = mcp_meta_name("serverInfo"),
    [MCP_META_SUBSCRIPTION_ID] = mcp_meta_name("subscriptionId"),
    [MCP_META_RELATED_TASK] = mcp_meta_name("related-task"),
    [MCP_META_IMMEDIATE_RESPONSE] =
        mcp_meta_name("model-immediate-response")
};


enum { MCP_TASK_TTL = 0, MCP_TASK_ID, MCP_TASK_POLL, MCP_TASK_COUNT };

static const mcp_str_t  mcp_task_names[MCP_TASK_COUNT] = {
    [MCP_TASK_TTL] = mcp_str_init("ttl"),
    [MCP_TASK_ID] = mcp_str_init("taskId"),
    [MCP_TASK_POLL] = mcp_str_init("pollInterval")
};


enum { MCP_REF_TYPE = 0, MCP_REF_NAME, MCP_REF_URI, MCP_REF_COUNT };

static const mcp_str_t  mcp_ref_names[MCP_REF_COUNT] = {
    [MCP_REF_TYPE] = mcp_str_init("type"),
    [MCP_REF_NAME] = mcp_str_init("name"),
    [MCP_REF_URI] = mcp_str_init("uri")
};


enum {
    MCP_LISTEN_RESOURCES = 0,
    MCP_LISTEN_TASKS,
    MCP_LISTEN_TOOLS_CHANGED,
    MCP_LISTEN_PROMPTS_CHANGED,
    MCP_LISTEN_RESOURCES_CHANGED,
    MCP_LISTEN_COUNT
};

static const mcp_str_t  mcp_listen_names[MCP_LISTEN_COUNT] = {
    [MCP_LISTEN_RESOURCES] = mcp_str_init("resourceSubscriptions"),
    [MCP_LISTEN_TASKS] = mcp_str_init("taskIds"),
    [MCP_LISTEN_TOOLS_CHANGED] = mcp_str_init("toolsListChanged"),
    [MCP_LISTEN_PROMPTS_CHANGED] = mcp_str_init("promptsListChanged"),
    [MCP_LISTEN_RESOURCES_CHANGED] = mcp_str_init("resourcesListChanged")
};


mcp_method_t
mcp_method_parse(mcp_str_t name)
{
    size_t        i;
    mcp_method_t  method;

    if (name.len == 0) {
        return MCP_METHOD_OTHER;
    }

    /* what most messages are */

    if (mcp_str_equal(name, mcp_str("tools/call"))) {
        return MCP_METHOD_TOOLS_CALL;
    }

    for (method = MCP_METHOD_INITIALIZE; method < MCP_METHOD_NOTIFICATION;
         method++)
    {
        if (mcp_str_equal(name, mcp_methods[method].name)) {
            return method;
        }
    }

    for (i = 0; i < sizeof(mcp_notifications) / sizeof(mcp_str_t); i++) {
        if (mcp_str_equal(name, mcp_notifications[i])) {
            return MCP_METHOD_NOTIFICATION;
        }
    }

    return MCP_METHOD_OTHER;
}


mcp_str_t
mcp_method_name(mcp_method_t method)
{
    return method < MCP_METHOD_COUNT ? mcp_methods[method].name : mcp_str("");
}


bool
mcp_method_housekeeping(mcp_method_t method)
{
    return method < MCP_METHOD_COUNT && mcp_methods[method].housekeeping;
}


mcp_name_rule_t
mcp_method_name_rule(mcp_method_t method)
{
    return mcp_methods[method].name_rule;
}


mcp_rc_t
mcp_params_read(mcp_parse_t *parse, mcp_message_t *message,
    mcp_params_t *params)
{
    mcp_rc_t                 rc;
    const mcp_json_token_t  *tokens;

    memset(params, 0, sizeof(mcp_params_t));

    if (message->params == MCP_JSON_NONE) {
        return MCP_OK;
    }

    tokens = parse->body->json.tokens;

    if (tokens[message->params].type != MCP_JSON_OBJECT) {
        return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                "params must be an object");
    }

    rc = mcp_members_read(parse, message->params, mcp_param_names,
                          MCP_PARAM_COUNT, params->member, NULL);
    if (rc != MCP_OK) {
        return rc;
    }

    message->arguments = params->member[MCP_PARAM_ARGUMENTS];
    message->meta = params->member[MCP_PARAM_META];

    if (message->arguments != MCP_JSON_NONE
        && tokens[message->arguments].type != MCP_JSON_OBJECT)
    {
        return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                "params.arguments must be an object; leave "
                                "it out when there are none");
    }

    if (message->meta != MCP_JSON_NONE) {
        if (tokens[message->meta].type != MCP_JSON_OBJECT) {
            return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                    "params._meta must be an object");
        }

        rc = mcp_members_read(parse, message->meta, mcp_meta_names,
                              MCP_META_COUNT, params->meta, NULL);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    rc = mcp_params_task(parse, message, params->member[MCP_PARAM_TASK]);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_params_client(parse, message, params);
}


/* Servers of 2026-07-28 must ignore params.task. */

static mcp_rc_t
mcp_params_task(mcp_parse_t *parse, mcp_message_t *message, uint32_t task)
{
    uint32_t  values[MCP_TASK_COUNT];

    if (task == MCP_JSON_NONE || parse->body->revision == MCP_2026_07_28) {
        return MCP_OK;
    }

    if (parse->body->json.tokens[task].type != MCP_JSON_OBJECT) {
        return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                "params.task must be an object");
    }

    message->task = true;

    return mcp_members_read(parse, task, mcp_task_names, MCP_TASK_COUNT,
                            values, NULL);
}


/* What logs and variables tell about the client; nothing is decided by it. */

static mcp_rc_t
mcp_params_client(mcp_parse_t *parse, const mcp_message_t *message,
    const mcp_params_t *params)
{
    uint32_t           info;
    mcp_rc_t           rc;
    mcp_body_t        *body;
    const mcp_json_t  *json;

    body = parse->body;
    json = &body->json;
    info = params->meta[MCP_META_CLIENT_INFO];

    if (message->method == MCP_METHOD_INITIALIZE) {
        rc = mcp_string_read(parse, params->member[MCP_PARAM_PROTOCOL_VERSION],
                             &body->initialize_version);
        if (rc != MCP_OK) {
            return rc;
        }

        if (params->member[MCP_PARAM_CLIENT_INFO] != MCP_JSON_NONE) {
            info = params->member[MCP_PARAM_CLIENT_INFO];
        }
    }

    if (body->traceparent.len == 0) {
        rc = mcp_string_read(parse, params->meta[MCP_META_TRACEPARENT],
                             &body->traceparent);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (info == MCP_JSON_NONE || body->client_name.len != 0
        || json->tokens[info].type != MCP_JSON_OBJECT)
    {
        return MCP_OK;
    }

    rc = mcp_string_read(parse, mcp_json_member(json, info, mcp_str("name")),
                         &body->client_name);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_string_read(parse,
                           mcp_json_member(json, info, mcp_str("version")),
                           &body->client_version);
}


mcp_rc_t
mcp_params_targets(mcp_parse_t *parse, mcp_message_t *message,
    const mcp_params_t *params)
{
    mcp_rc_t                   rc;
    mcp_target_t              *target;
    const mcp_method_entry_t  *entry;

    if (message->method == MCP_METHOD_SUBSCRIPTIONS_LISTEN) {
        return mcp_params_listen(parse,
                                 params->member[MCP_PARAM_NOTIFICATIONS],
                                 message);
    }

    entry = &mcp_methods[message->method];

    if (entry->target == MCP_TARGET_NONE
        && message->method != MCP_METHOD_COMPLETION_COMPLETE)
    {
        return MCP_OK;
    }

    /* a method that 2026-07-28 does not have needs no params to be unknown */

    if (entry->legacy && parse->body->revision == MCP_2026_07_28
        && params->member[entry->param] == MCP_JSON_NONE)
    {
        message->method = MCP_METHOD_OTHER;
        return MCP_OK;
    }

    target = mcp_arena_alloc(parse->arena, sizeof(mcp_target_t));
    if (target == NULL) {
        return MCP_NOMEM;
    }

    if (message->method == MCP_METHOD_COMPLETION_COMPLETE) {
        rc = mcp_params_ref(parse, params->member[MCP_PARAM_REF], target);

    } else {
        rc = mcp_params_target(parse, params->member[entry->param],
                               entry->target, target);
    }

    if (rc == MCP_OK) {
        message->targets = target;
        message->target_count = 1;
    }

    return rc;
}


static mcp_rc_t
mcp_params_target(mcp_parse_t *parse, uint32_t token,
    mcp_target_kind_t kind, mcp_target_t *target)
{
    mcp_rc_t  rc;

    target->kind = kind;

    rc = mcp_string_read(parse, token, &target->name);

    if (rc != MCP_OK || target->name.len != 0) {
        return rc;
    }

    switch (kind) {

    case MCP_TARGET_RESOURCE:
        return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                "The URI of a resource must be a non-empty "
                                "string of valid Unicode without U+0000");

    case MCP_TARGET_TASK:
        return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                "The id of a task must be a non-empty "
                                "string of valid Unicode without U+0000");

    default:
        return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                "The name of a tool or prompt must be a "
                                "non-empty string of valid Unicode without "
                                "U+0000");
    }
}


/* completion/complete: what is completed tells what it is about. */

static mcp_rc_t
mcp_params_ref(mcp_parse_t *parse, uint32_t ref, mcp_target_t *target)
{
    uint32_t           values[MCP_REF_COUNT];
    mcp_rc_t           rc;
    const mcp_json_t  *json;

    json = &parse->body->json;

    if (ref == MCP_JSON_NONE || json->tokens[ref].type != MCP_JSON_OBJECT) {
        return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                "params.ref must be an object");
    }

    rc = mcp_members_read(parse, ref, mcp_ref_names, MCP_REF_COUNT, values,
                          NULL);
    if (rc != MCP_OK) {
        return rc;
    }

    if (values[MCP_REF_TYPE] != MCP_JSON_NONE
        && json->tokens[values[MCP_REF_TYPE]].type == MCP_JSON_STRING)
    {
        if (mcp_json_string_equal(json, values[MCP_REF_TYPE],
                                  mcp_str("ref/prompt")))
        {
            return mcp_params_target(parse, values[MCP_REF_NAME],
                                     MCP_TARGET_PROMPT, target);
        }

        if (mcp_json_string_equal(json, values[MCP_REF_TYPE],
                                  mcp_str("ref/resource")))
        {
            return mcp_params_target(parse, values[MCP_REF_URI],
                                     MCP_TARGET_RESOURCE, target);
        }
    }

    return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                            "params.ref.type must be ref/prompt or "
                            "ref/resource");
}


/* subscriptions/listen: every entry is judged as reading it. */

static mcp_rc_t
mcp_params_listen(mcp_parse_t *parse, uint32_t notifications,
    mcp_message_t *message)
{
    uint32_t           i, values[MCP_LISTEN_COUNT];
    mcp_rc_t           rc;
    mcp_target_t      *targets;
    const mcp_json_t  *json;

    json = &parse->body->json;

    if (notifications == MCP_JSON_NONE) {
        return MCP_OK;
    }

    if (json->tokens[notifications].type != MCP_JSON_OBJECT) {
        return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                "params.notifications must be an object");
    }

    rc = mcp_members_read(parse, notifications, mcp_listen_names,
                          MCP_LISTEN_COUNT, values, NULL);
    if (rc != MCP_OK) {
        return rc;
    }

    for (i = MCP_LISTEN_RESOURCES; i <= MCP_LISTEN_TASKS; i++) {
        if (values[i] == MCP_JSON_NONE) {
            continue;
        }

        if (json->tokens[values[i]].type != MCP_JSON_ARRAY) {
            return mcp_parse_refuse(parse, MCP_INVALID_PARAMS,
                                    "resourceSubscriptions and taskIds must "
                                    "be arrays of strings");
        }

        message->target_count += mcp_json_size(json, values[i]);
    }

    if (message->target_count == 0) {
        return MCP_OK;
    }

    targets = mcp_arena_alloc(parse->arena, message->target_count
                                            * sizeof(mcp_target_t));
    if (targets == NULL) {
        return MCP_NOMEM;
    }

    message->targets = targets;

    rc = mcp_params_entries(parse, values[MCP_LISTEN_RESOURCES],
                            MCP_TARGET_RESOURCE, &targets);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_params_entries(parse, values[MCP_LISTEN_TASKS],
                              MCP_TARGET_TASK, &targets);
}


static mcp_rc_t
mcp_params_entries(mcp_parse_t *parse, uint32_t list, mcp_target_kind_t kind,
    mcp_target_t **target)
{
    uint32_t                 item;
    mcp_rc_t                 rc;
    const mcp_json_token_t  *tokens;

    if (list == MCP_JSON_NONE) {
        return MCP_OK;
    }

    tokens = parse->body->json.tokens;

    for (item = list + 1; item < tokens[list].next; item = tokens[item].next)
    {
        rc = mcp_params_target(parse, item, kind, (*target)++);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}
