// HTTP/1.1 as RFC 9112 has it, with curl and with bytes by hand; and what no client may do to the service.
'use strict';
const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const path = require('node:path');
const tls = require('node:tls');
const { before, describe, it } = require('node:test');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const v = 'api-version=2021-10-01';
const caFile = path.join(muster.dataDir, 'server-ca.cert.pem');
const enrollment = (id) => ({ registrationId: id,
  attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: leaf.cert } } } } });

let leaf;
before(async () => {
  leaf = pki.issue('http');
  assert.equal((await muster.service('PUT', `/enrollments/http?${v}`, { body: enrollment('http') })).status, 200);
});

// curl with the service's CA: { status, body }.
function curl(...args) {
  const out = execFileSync('curl', ['--silent', '--show-error', '--max-time', '20', '--cacert', caFile,
    '--write-out', '\n%{http_code}', ...args], { encoding: 'utf8' });
  const cut = out.lastIndexOf('\n');
  return { status: Number(out.slice(cut + 1)), body: out.slice(0, cut) };
}
const auth = (as = 'owner') => ['--header', `Authorization: ${muster.sas(as)}`];
const url = (target) => `https://localhost${target}`;

// Writes `text` on a fresh TLS connection and gives back all that comes until the peer closes or `wait` ms pass.
function raw(text, { wait = 20000, until, keep = true } = {}) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: muster.host, port: 443, servername: 'localhost', ca: muster.ca }, () => {
      for (const part of [].concat(text)) socket.write(part);
      if (!keep) socket.end();
    });
    let got = '';
    const finish = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: got, closed, statuses: [...got.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map((m) => Number(m[1])) });
    };
    const timer = setTimeout(() => finish(false), wait);
    socket.on('data', (chunk) => {
      got += chunk.toString('latin1');
      if (until && until(got)) finish(false);
    });
    socket.on('close', () => finish(true));
    socket.on('error', (error) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? finish(true) : reject(error)));
  });
}

describe('curl', () => {
  it('fetches the CA without credentials', () => {
    const answer = curl(url('/muster/trust'));
    assert.equal(answer.status, 200);
    assert.equal(answer.body.trim(), muster.ca.toString().trim());
  });

  it('is told to continue and sends its body', () => {
    const answer = curl(...auth(), '--header', 'Expect: 100-continue', '--expect100-timeout', '15', '--request', 'PUT',
      '--header', 'Content-Type: application/json', '--data', JSON.stringify(enrollment('expect')), url(`/enrollments/expect?${v}`));
    assert.equal(answer.status, 200, answer.body);
  });

  it('sends chunked bodies', () => {
    const answer = curl(...auth(), '--header', 'Transfer-Encoding: chunked', '--request', 'PUT',
      '--header', 'Content-Type: application/json', '--data', JSON.stringify(enrollment('chunked')), url(`/enrollments/chunked?${v}`));
    assert.equal(answer.status, 200, answer.body);
  });

  it('sends a body with GET and gets the answer', () => {
    const answer = curl(...auth(), '--request', 'GET', '--header', 'Content-Type: application/json', '--data', '{}', url(`/enrollments/http?${v}`));
    assert.equal(answer.status, 200, answer.body);
  });

  it('registers a device with a chain file', async () => {
    const ca = pki.hierarchy('curl');
    const body = { enrollmentGroupId: 'curl', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } } };
    assert.equal((await muster.service('PUT', `/enrollmentGroups/curl?${v}`, { body })).status, 200);
    const device = pki.device('curl-1', ca.second, [ca.second, ca.first]);
    const credentials = ['--cert', device.chainFile, '--key', device.keyFile];
    const base = `/${muster.idScope}/registrations/curl-1`;
    const first = curl(...credentials, '--request', 'PUT', '--header', 'Content-Type: application/json',
      '--data', '{"registrationId":"curl-1"}', url(`${base}/register?${v}`));
    assert.equal(first.status, 202, first.body);
    let last;
    for (let i = 0; i < 300; ++i) {
      last = curl(...credentials, url(`${base}/operations/${JSON.parse(first.body).operationId}?${v}`));
      if (last.status !== 202) break;
      await muster.sleep(200);
    }
    assert.equal(JSON.parse(last.body).status, 'assigned');
  });

  it('uses one connection for many requests', () => {
    const out = spawnSync('curl', ['--silent', '--verbose', '--cacert', caFile, url('/muster/trust'), url('/muster/trust'), url('/muster/trust')], { encoding: 'utf8' });
    assert.equal(out.stderr.match(/Re-using existing connection/g)?.length, 2, out.stderr);
  });

  it('asks by HEAD and OPTIONS without hanging', () => {
    for (const method of ['HEAD', 'OPTIONS']) {
      const args = method === 'HEAD' ? ['--head'] : ['--request', method];
      const answer = curl(...auth(), ...args, url(`/enrollments/http?${v}`));
      assert.ok([200, 404, 405].includes(answer.status), `${method}: ${answer.status}`);
    }
  });
});

describe('routing', () => {
  it('takes upper-case words and trailing slashes', async () => {
    for (const target of [`/ENROLLMENTS/http?${v}`, `/enrollments/http/?${v}`, `/Enrollments/http?${v}&x=y`, `/enrollments/http?API-Version=2021-10-01`]) {
      assert.equal((await muster.service('GET', target)).status, 200, target);
    }
  });

  it('refuses a missing, an empty and a malformed api-version with 400', async () => {
    for (const target of ['/enrollments/http', '/enrollments/http?api-version=', '/enrollments/http?api-version=latest', '/devices']) {
      const answer = await muster.service('GET', target);
      assert.equal(answer.status, 400, target);
    }
  });

  it('answers 405 to a verb that a path does not have and 404 to a path that is none', async () => {
    assert.equal((await muster.service('PATCH', `/enrollments/http?${v}`, { body: {} })).status, 405);
    assert.equal((await muster.service('POST', `/enrollments/http?${v}`, { body: {} })).status, 405);
    assert.equal((await muster.service('GET', `/enrollments/http/what?${v}`)).status, 404);
    assert.equal((await muster.service('GET', `/nothing/here?${v}`)).status, 404);
  });

  it('answers JSON with charset and request id to everything', async () => {
    for (const target of [`/enrollments/http?${v}`, `/enrollments/none?${v}`, `/nowhere?${v}`]) {
      const { headers } = await muster.service('GET', target);
      assert.equal(headers['content-type'], 'application/json; charset=utf-8', target);
      assert.ok(headers['x-ms-request-id'], target);
    }
  });

  it('refuses escapes that are cut short and zero bytes', async () => {
    for (const id of ['%', '%4', '%zz', 'a%00b', '%ff%fe']) {
      const answer = await muster.service('GET', `/enrollments/${id}?${v}`);
      assert.ok([400, 404].includes(answer.status), `${id}: ${answer.status}`);
    }
  });
});

describe('bytes by hand', () => {
  const get = (more = '', target = '/muster/trust') => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

  it('answers pipelined requests in order', async () => {
    const answer = await raw(get() + get() + get('Connection: close\r\n'));
    assert.deepEqual(answer.statuses, [200, 200, 200]);
    assert.equal(answer.closed, true);
  });

  it('serves HTTP/1.0 and closes', async () => {
    const answer = await raw('GET /muster/trust HTTP/1.0\r\n\r\n');
    assert.deepEqual(answer.statuses, [200]);
    assert.equal(answer.closed, true);
  });

  it('reads a request that comes byte by byte', async () => {
    const answer = await raw([...get('Connection: close\r\n')]);
    assert.deepEqual(answer.statuses, [200]);
  });

  it('refuses what is no HTTP, and closes', async () => {
    for (const text of ['GET\r\n\r\n', 'NONSENSE\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\x00\x01\x02\x03\r\n\r\n', get('Bad Header: x\r\n')]) {
      const answer = await raw(text);
      assert.ok(answer.closed, JSON.stringify(text));
      assert.ok(answer.statuses.length === 0 || answer.statuses[0] >= 400, JSON.stringify(text));
    }
  });

  it('refuses smuggling: two lengths, length with chunks, obsolete folding, a bare line feed in a name', async () => {
    const bad = [
      'Content-Length: 3\r\nContent-Length: 4\r\n',
      'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n',
      'Transfer-Encoding: gzip, chunked, x\r\n',
      'Content-Length: -1\r\n',
      'Content-Length: 1e3\r\n',
      'Content-Length: 99999999999999999999\r\n',
    ];
    for (const headers of bad) {
      const answer = await raw(`POST /enrollments/query?${v} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\nabc`);
      assert.ok(answer.closed, headers);
      assert.ok(answer.statuses[0] >= 400, `${headers} ${answer.statuses}`);
      assert.equal(answer.statuses.length, 1, headers);
    }
  });

  it('refuses chunks that are none', async () => {
    for (const body of ['zz\r\nabc\r\n0\r\n\r\n', 'ffffffffffffffff\r\nabc', '3\r\nabcd\r\n0\r\n\r\n']) {
      const answer = await raw(`POST /enrollments/query?${v} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
      assert.ok(answer.statuses.length === 0 || answer.statuses[0] >= 400, body);
      assert.ok(answer.closed, body);
    }
  });

  it('bounds the header: one huge field, and very many', async () => {
    const huge = await raw(get(`X-Huge: ${'h'.repeat(200000)}\r\n`));
    assert.ok(huge.closed);
    assert.ok(huge.statuses.length === 0 || [400, 413, 431].includes(huge.statuses[0]), String(huge.statuses));
    const many = await raw(get(Array.from({ length: 5000 }, (_, i) => `X-${i}: ${i}\r\n`).join('')));
    assert.ok(many.closed);
    assert.ok(many.statuses.length === 0 || [400, 413, 431].includes(many.statuses[0]), String(many.statuses));
  });

  it('bounds the body and the target', async () => {
    const body = await muster.service('PUT', `/enrollments/http?${v}`, { body: { registrationId: 'http', pad: 'p'.repeat(4 << 20) } })
      .catch((error) => ({ status: error.code }));
    assert.ok([413, 400, 'ECONNRESET', 'EPIPE'].includes(body.status), String(body.status));
    const target = await raw(get('', `/${'t'.repeat(100000)}`));
    assert.ok(target.closed && (target.statuses.length === 0 || target.statuses[0] >= 400));
  });

  it('lives on after all that', async () => {
    assert.equal((await muster.service('GET', `/enrollments/http?${v}`)).status, 200);
  });

  it('does not wait for ever for a client that sends half a request', async () => {
    const half = await raw('GET /muster/trust HTTP/1.1\r\nHost: loc', { wait: 90000 });
    assert.equal(half.closed, true, 'the connection is still open after 90 s');
  });
});

describe('status', () => {
  it('is for those with a policy', async () => {
    assert.equal((await muster.request('GET', `/muster/status?${v}`)).status, 401);
    const answer = await muster.service('GET', `/muster/status?${v}`, { as: 'provisioningreader' });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.idScope, muster.idScope);
  });
});
