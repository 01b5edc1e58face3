// What every test needs to know of the musterd that tests/conformance/run started.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');

const dataDir = process.env.MUSTER_DATA;
const workDir = process.env.MUSTER_WORK;
const nodes = Boolean(process.env.MUSTER_NODES); // the service is two musterd on one database
fs.mkdirSync(workDir, { recursive: true });

const endpoints = JSON.parse(fs.readFileSync(path.join(dataDir, 'endpoints.json'), 'utf8'));
const policies = JSON.parse(fs.readFileSync(path.join(dataDir, 'access-policies.json'), 'utf8')).policies;
const ca = fs.readFileSync(path.join(dataDir, 'server-ca.cert.pem'));
const host = endpoints.hostName;
const idScope = endpoints.idScope;

function policy(name) {
  const found = policies.find((p) => p.keyName === name);
  if (!found) throw new Error(`no access policy ${name} in ${dataDir}/access-policies.json`);
  return found;
}

// As the portal shows it, for the SDKs.
function connectionString(name, key = policy(name).primaryKey) {
  return `HostName=${host};SharedAccessKeyName=${name};SharedAccessKey=${key}`;
}

function signature(key, text) {
  return crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
}

// A shared access signature; `options` overrides what a test wants wrong.
function sas(name, options = {}) {
  const key = options.key ?? policy(name).primaryKey;
  const resource = options.resource ?? encodeURIComponent(host);
  const expiry = options.expiry ?? Math.floor(Date.now() / 1000) + 3600;
  const sig = encodeURIComponent(signature(key, `${resource}\n${expiry}`));
  const skn = name === undefined ? '' : `&skn=${name}`;
  return `SharedAccessSignature sr=${resource}&sig=${sig}&se=${expiry}${skn}`;
}

// One HTTPS request on a connection of its own: { status, headers, text, json }.
function request(method, target, { headers = {}, body, cert, key, agent = false, tls = {} } = {}) {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const all = { ...headers };
    if (payload !== undefined && all['Transfer-Encoding'] === undefined) {
      all['Content-Type'] ??= 'application/json';
      all['Content-Length'] ??= Buffer.byteLength(payload);
    }
    const outgoing = https.request(
      { host, port: 443, method, path: target, headers: all, ca, cert, key, agent, ...tls },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          let json;
          try {
            json = JSON.parse(text);
          } catch {
            json = undefined;
          }
          resolve({ status: response.statusCode, headers: response.headers, text, json });
        });
      });
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

// The service and hub APIs with a policy's signature.
function service(method, target, options = {}) {
  const { as = 'owner', headers = {}, ...rest } = options;
  return request(method, target, { ...rest, headers: { Authorization: sas(as), ...headers } });
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

module.exports = { ca, connectionString, dataDir, host, idScope, nodes, policy, request, sas, service, signature, sleep,
  workDir };
