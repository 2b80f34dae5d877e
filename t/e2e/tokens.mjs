// Tokens of an authorization server, good and bad, as JSON on the first line
// of the output; and its keys at 127.0.0.1:PORT.

import { createServer } from "node:http";
import { SignJWT, UnsecuredJWT, exportJWK, generateKeyPair } from "jose";

const { ISSUER, AUDIENCE, PORT } = process.env;
const keys = {};
const published = [];

for (const algorithm of ["RS256", "ES256"]) {
    keys[algorithm] = await generateKeyPair(algorithm, { extractable: true });
    published.push({ ...await exportJWK(keys[algorithm].publicKey),
                     kid: algorithm, alg: algorithm, use: "sig" });
}

const stranger = await generateKeyPair("RS256");
const publicKey = new TextEncoder().encode(
    JSON.stringify(published.find((key) => key.kid === "RS256")));

const claims = (more) => ({
    iss: ISSUER, aud: AUDIENCE, sub: "ann", scope: "crm:read",
    exp: Math.floor(Date.now() / 1000) + 600, ...more,
});

const sign = (more, algorithm = "RS256", key = keys[algorithm].privateKey) =>
    new SignJWT(claims(more))
        .setProtectedHeader({ alg: algorithm, kid: algorithm, typ: "at+jwt" })
        .sign(key);

// Another payload under a signature that is good for the first one.
function alter(token) {
    const [head, payload, signature] = token.split(".");
    const changed = { ...JSON.parse(Buffer.from(payload, "base64url")),
                      scope: "crm:read crm:write" };
    const bytes = Buffer.from(JSON.stringify(changed)).toString("base64url");

    return [head, bytes, signature].join(".");
}

const past = Math.floor(Date.now() / 1000) - 600;
const reader = await sign({});

console.log(JSON.stringify({
    good: {
        reader,
        writer: await sign({ scope: "crm:read crm:write", sub: "bob" },
                           "ES256"),
        several: await sign({ aud: ["https://other.example.com", AUDIENCE] }),
        claims: await sign({ role: "support", region: "eu" }),
    },
    scopeless: {
        "no scope": await sign({ scope: undefined }),
        "another scope": await sign({ scope: "mail crm:reader" }),
    },
    bad: {
        "no token": "",
        "not a token": "abc.def.ghi",
        "altered": alter(reader),
        "without its signature": reader.replace(/[^.]*$/, ""),
        "another key": await sign({}, "RS256", stranger.privateKey),
        "expired": await sign({ exp: past }),
        "no end": await sign({ exp: undefined }),
        "not yet": await sign({ nbf: past + 1200 }),
        "another audience": await sign({ aud: "https://other.example.com" }),
        "no audience": await sign({ aud: undefined }),
        "another issuer": await sign({ iss: "https://evil.example.com" }),
        "nobody": await sign({ sub: undefined }),
        "alg none": new UnsecuredJWT(claims({})).encode(),
        "the public key as a secret": await new SignJWT(claims({}))
            .setProtectedHeader({ alg: "HS256", kid: "RS256" })
            .sign(publicKey),
        "an unknown key": await new SignJWT(claims({}))
            .setProtectedHeader({ alg: "RS256", kid: "other" })
            .sign(stranger.privateKey),
    },
}));

createServer((request, response) => {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ keys: published }));
}).listen(PORT, "127.0.0.1");
