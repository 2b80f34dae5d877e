-- The policy of the benchmark, as it would be written by hand for
-- lua-nginx-module: one parse, one look-up, plain Lua conditions, and a
-- counter in a shared dictionary.  What is compared is a policy of few lines;
-- it has no answer to duplicate keys, broken UTF-8, batches, other
-- revisions, or a header that differs from the body.

local cjson = require "cjson.safe"

local decode, encode = cjson.decode, cjson.encode
local sub = string.sub
local modes = { fast = true, slow = true }

local _M = {}


local function conditions(arguments)
    local path, limit = arguments.path, arguments.limit

    return type(path) == "string" and sub(path, 1, 5) == "/srv/"
           and type(limit) == "number" and limit <= 100
           and modes[arguments.mode]
end


-- The tools: the limit per day and caller, 0 for none.
function _M.policy(count, limit)
    local tools = { scarce = 1, lookup = 0 }

    for i = 0, count - 1 do
        tools["tool_" .. i] = limit
    end

    return tools
end


-- As of a server that has no such tool.
local function unknown(id, name)
    ngx.header["Content-Type"] = "application/json"
    ngx.print(encode({ jsonrpc = "2.0", id = id, error = {
        code = -32602, message = "Unknown tool: " .. tostring(name) } }))

    return ngx.exit(ngx.HTTP_OK)
end


local function refuse(id, text)
    ngx.header["Content-Type"] = "application/json"
    ngx.print(encode({ jsonrpc = "2.0", id = id, result = {
        isError = true, content = { { type = "text", text = text } } } }))

    return ngx.exit(ngx.HTTP_OK)
end


function _M.access(tools)
    ngx.req.read_body()

    local body = ngx.req.get_body_data()
    local call = body and decode(body)

    if type(call) ~= "table" then
        return ngx.exit(ngx.HTTP_BAD_REQUEST)
    end

    if call.method ~= "tools/call" then
        return
    end

    local params = call.params
    local name = type(params) == "table" and params.name
    local limit = type(name) == "string" and tools[name]

    if not limit or type(params.arguments) ~= "table" then
        return unknown(call.id, name)
    end

    if not conditions(params.arguments) then
        return refuse(call.id, "[POLICY DENIED] the arguments are not allowed")
    end

    if limit > 0 then
        local day = math.floor(ngx.time() / 86400)
        local key = name .. day .. ngx.var.binary_remote_addr
        local used = ngx.shared.counters:incr(key, 1, 0, 172800)

        if not used or used > limit then
            return refuse(call.id, "[POLICY DENIED] try again tomorrow")
        end
    end
end


function _M.list_header()
    ngx.header.content_length = nil
end


-- A list, of which the tools that begin with "lookup_" are shown.
function _M.list_body()
    local ctx = ngx.ctx
    local chunks = ctx.chunks

    if not chunks then
        chunks = {}
        ctx.chunks = chunks
    end

    chunks[#chunks + 1] = ngx.arg[1]

    if not ngx.arg[2] then
        ngx.arg[1] = nil
        return
    end

    local list = decode(table.concat(chunks))
    local shown = {}

    for _, tool in ipairs(list.result.tools) do
        if sub(tool.name, 1, 7) == "lookup_" then
            shown[#shown + 1] = tool
        end
    end

    list.result.tools = shown
    ngx.arg[1] = encode(list)
end


return _M
