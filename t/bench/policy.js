// The policy of the benchmark, as it would be written by hand for njs: one
// parse, one look-up, plain conditions.  The njs of Debian 12 has no shared
// dictionary, so there is nothing to count calls with.

// Built anew for each request, so it is short.
const tools = { tool_0: true, lookup: true };


function conditions(args) {
    return typeof args.path === 'string' && args.path.startsWith('/srv/')
           && typeof args.limit === 'number' && args.limit <= 100
           && (args.mode === 'fast' || args.mode === 'slow');
}


// As of a server that has no such tool.
function unknown(r, id, name) {
    r.headersOut['Content-Type'] = 'application/json';
    r.return(200, JSON.stringify({ jsonrpc: '2.0', id: id, error: {
        code: -32602, message: 'Unknown tool: ' + name } }));
}


function refuse(r, id, text) {
    r.headersOut['Content-Type'] = 'application/json';
    r.return(200, JSON.stringify({ jsonrpc: '2.0', id: id, result: {
        isError: true, content: [{ type: 'text', text: text }] } }));
}


function access(r) {
    let call;

    try {
        call = JSON.parse(r.requestText);

    } catch (e) {
        r.return(400);
        return;
    }

    if (call.method !== 'tools/call') {
        r.internalRedirect('@upstream');
        return;
    }

    const params = call.params || {};

    if (!tools.hasOwnProperty(params.name)
        || typeof params.arguments !== 'object') {
        unknown(r, call.id, params.name);
        return;
    }

    if (!conditions(params.arguments)) {
        refuse(r, call.id, '[POLICY DENIED] the arguments are not allowed');
        return;
    }

    r.internalRedirect('@upstream');
}


function listHeader(r) {
    delete r.headersOut['Content-Length'];
}


let chunks = '';

// A list, of which the tools that begin with "lookup_" are shown.
function listBody(r, data, flags) {
    chunks += data;

    if (!flags.last) {
        return;
    }

    const list = JSON.parse(chunks);

    list.result.tools = list.result.tools.filter(
        tool => tool.name.startsWith('lookup_'));

    r.sendBuffer(JSON.stringify(list), flags);
}


export default { access, listHeader, listBody };
