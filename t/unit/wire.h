/*
 * What the official SDK clients post, recorded: the request headers that
 * matter and the body, byte for byte.
 */

#ifndef WIRE_H
#define WIRE_H


typedef struct {
    const char  *version;
    const char  *method;
    const char  *name;
    const char  *session;
    const char  *body;
} wire_post_t;


static const wire_post_t  wire_posts[] = {
    { NULL, NULL, NULL,
      NULL,
      "{\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-"
      "11-25\",\"capabilities\":{\"sampling\":{},\"elicitation\":{},\"roo"
      "ts\":{\"listChanged\":true}},\"clientInfo\":{\"name\":\"wire-recor"
      "der\",\"version\":\"1.0.0\"}},\"jsonrpc\":\"2.0\",\"id\":0}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":-32601,\"message"
      "\":\"Method not found\"}}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"method\":\"tools/list\",\"jsonrpc\":\"2.0\",\"id\":1}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"argumen"
      "ts\":{\"message\":\"h\303\251llo \\\"w\303\266rld\\\" \342\200\250"
      " \360\237\230\200\"}},\"jsonrpc\":\"2.0\",\"id\":2}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"trigger-long-run"
      "ning-operation\",\"arguments\":{\"duration\":1,\"steps\":3},\"_met"
      "a\":{\"progressToken\":3}},\"jsonrpc\":\"2.0\",\"id\":3}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"no_such_tool\","
      "\"arguments\":{}},\"jsonrpc\":\"2.0\",\"id\":4}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"method\":\"ping\",\"jsonrpc\":\"2.0\",\"id\":5}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"trigger-long-run"
      "ning-operation\",\"arguments\":{\"duration\":3,\"steps\":3}},\"jso"
      "nrpc\":\"2.0\",\"id\":6}" },

    { "2025-11-25", NULL, NULL,
      "631320e1-0060-44dd-ab78-359fed31aff7",
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"para"
      "ms\":{\"requestId\":6,\"reason\":\"user cancelled\"}}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":-32601,\"message"
      "\":\"Method not found\"}}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"tools/list\",\"jsonrpc\":\"2.0\",\"id\":1}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"argumen"
      "ts\":{\"message\":\"h\303\251llo \\\"w\303\266rld\\\" \342\200\250"
      " \360\237\230\200\"}},\"jsonrpc\":\"2.0\",\"id\":2}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"trigger-long-run"
      "ning-operation\",\"arguments\":{\"duration\":1,\"steps\":3},\"_met"
      "a\":{\"progressToken\":3}},\"jsonrpc\":\"2.0\",\"id\":3}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"no_such_tool\","
      "\"arguments\":{}},\"jsonrpc\":\"2.0\",\"id\":4}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"ping\",\"jsonrpc\":\"2.0\",\"id\":5}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"trigger-long-run"
      "ning-operation\",\"arguments\":{\"duration\":3,\"steps\":3}},\"jso"
      "nrpc\":\"2.0\",\"id\":6}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"para"
      "ms\":{\"requestId\":6,\"reason\":\"user cancelled\"}}" },

    { "2025-11-25", NULL, NULL,
      "7791906b-b241-4046-9552-293461b1cbc4",
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"slow_progress\","
      "\"arguments\":{\"steps\":3,\"delayMs\":100},\"_meta\":{\"progressT"
      "oken\":3}},\"jsonrpc\":\"2.0\",\"id\":3}" },

    { "2025-11-25", NULL, NULL,
      "7791906b-b241-4046-9552-293461b1cbc4",
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"slow_progress\","
      "\"arguments\":{\"steps\":10,\"delayMs\":200}},\"jsonrpc\":\"2.0\","
      "\"id\":6}" },

    { "2026-07-28", "server/discover", NULL,
      NULL,
      "{\"jsonrpc\":\"2.0\",\"id\":\"server-discover-probe-1\",\"method\""
      ":\"server/discover\",\"params\":{\"_meta\":{\"io.modelcontextproto"
      "col/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/cli"
      "entInfo\":{\"name\":\"wire-recorder-v2\",\"version\":\"1.0.0\"},\""
      "io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}}}"
      "}}" },

    { "2026-07-28", "tools/list", NULL,
      NULL,
      "{\"method\":\"tools/list\",\"jsonrpc\":\"2.0\",\"id\":0,\"params\""
      ":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07"
      "-28\",\"io.modelcontextprotocol/clientInfo\":{\"name\":\"wire-reco"
      "rder-v2\",\"version\":\"1.0.0\"},\"io.modelcontextprotocol/clientC"
      "apabilities\":{\"elicitation\":{}}}}}" },

    { "2026-07-28", "tools/call", "echo",
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"argumen"
      "ts\":{\"message\":\"h\303\251llo \\\"w\303\266rld\\\" \342\200\250"
      " \360\237\230\200\"},\"_meta\":{\"io.modelcontextprotocol/protocol"
      "Version\":\"2026-07-28\",\"io.modelcontextprotocol/clientInfo\":{"
      "\"name\":\"wire-recorder-v2\",\"version\":\"1.0.0\"},\"io.modelcon"
      "textprotocol/clientCapabilities\":{\"elicitation\":{}}}},\"jsonrpc"
      "\":\"2.0\",\"id\":1}" },

    { "2026-07-28", "tools/call", "slow_progress",
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"slow_progress\","
      "\"arguments\":{\"steps\":3,\"delayMs\":100},\"_meta\":{\"io.modelc"
      "ontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextp"
      "rotocol/clientInfo\":{\"name\":\"wire-recorder-v2\",\"version\":\""
      "1.0.0\"},\"io.modelcontextprotocol/clientCapabilities\":{\"elicita"
      "tion\":{}},\"progressToken\":2}},\"jsonrpc\":\"2.0\",\"id\":2}" },

    { "2026-07-28", "tools/call", "no_such_tool",
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"no_such_tool\","
      "\"arguments\":{},\"_meta\":{\"io.modelcontextprotocol/protocolVers"
      "ion\":\"2026-07-28\",\"io.modelcontextprotocol/clientInfo\":{\"nam"
      "e\":\"wire-recorder-v2\",\"version\":\"1.0.0\"},\"io.modelcontextp"
      "rotocol/clientCapabilities\":{\"elicitation\":{}}}},\"jsonrpc\":\""
      "2.0\",\"id\":3}" },

    { "2026-07-28", "tools/call", "slow_progress",
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"slow_progress\","
      "\"arguments\":{\"steps\":10,\"delayMs\":200},\"_meta\":{\"io.model"
      "contextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontext"
      "protocol/clientInfo\":{\"name\":\"wire-recorder-v2\",\"version\":"
      "\"1.0.0\"},\"io.modelcontextprotocol/clientCapabilities\":{\"elici"
      "tation\":{}},\"progressToken\":4}},\"jsonrpc\":\"2.0\",\"id\":4}" },

    { "2026-07-28", "subscriptions/listen", NULL,
      NULL,
      "{\"jsonrpc\":\"2.0\",\"id\":\"listen:0\",\"method\":\"subscription"
      "s/listen\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protoc"
      "olVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientInfo\":"
      "{\"name\":\"wire-recorder-v2\",\"version\":\"1.0.0\"},\"io.modelco"
      "ntextprotocol/clientCapabilities\":{\"elicitation\":{}}},\"notific"
      "ations\":{\"toolsListChanged\":true}}}" },

    { "2026-07-28", NULL, NULL,
      NULL,
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"para"
      "ms\":{\"requestId\":\"listen:0\",\"_meta\":{\"io.modelcontextproto"
      "col/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/cli"
      "entInfo\":{\"name\":\"wire-recorder-v2\",\"version\":\"1.0.0\"},\""
      "io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}}}"
      "}}" },

    { NULL, NULL, NULL,
      NULL,
      "{\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-"
      "11-25\",\"capabilities\":{\"elicitation\":{}},\"clientInfo\":{\"na"
      "me\":\"wire-recorder-v2\",\"version\":\"1.0.0\"}},\"jsonrpc\":\"2."
      "0\",\"id\":0}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"slow_progress\","
      "\"arguments\":{\"steps\":3,\"delayMs\":100},\"_meta\":{\"progressT"
      "oken\":3}},\"jsonrpc\":\"2.0\",\"id\":3}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"slow_progress\","
      "\"arguments\":{\"steps\":10,\"delayMs\":200},\"_meta\":{\"progress"
      "Token\":5}},\"jsonrpc\":\"2.0\",\"id\":5}" },

    { "2025-11-25", NULL, NULL,
      NULL,
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"para"
      "ms\":{\"requestId\":5,\"reason\":\"user cancelled\"}}" },

    { "2025-11-25", NULL, NULL,
      "0b8b40de-3b51-47d0-9c88-a8b1aaffe33f",
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}" },

    { "2025-11-25", NULL, NULL,
      "0b8b40de-3b51-47d0-9c88-a8b1aaffe33f",
      "{\"method\":\"tools/call\",\"params\":{\"name\":\"slow_progress\","
      "\"arguments\":{\"steps\":10,\"delayMs\":200},\"_meta\":{\"progress"
      "Token\":5}},\"jsonrpc\":\"2.0\",\"id\":5}" }
};

#endif /* WIRE_H */
