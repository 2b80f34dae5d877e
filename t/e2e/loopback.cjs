// Preloaded with "node -r": servers that bind every interface bind loopback.

const net = require('node:net');
const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (port, ...rest) {
    if (typeof port === 'number' || typeof port === 'string') {
        const callback = rest.find((each) => typeof each === 'function');
        return listen.call(this, { port: Number(port), host: '127.0.0.1' },
                           callback);
    }

    return listen.call(this, port, ...rest);
};
