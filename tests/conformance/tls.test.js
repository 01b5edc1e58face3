// The TLS that a device meets, with openssl s_client: versions, the request for a certificate, chains, and that an
// unknown chain is refused by an answer, never by an alert.
'use strict';
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { before, describe, it } = require('node:test');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const caFile = path.join(muster.dataDir, 'server-ca.cert.pem');
const v = 'api-version=2021-06-01';

let ca;
let registered = 0;

// s_client with what a device says after the handshake; its whole output.
function client(args, input = '', { address = 'localhost:443', name = ['-servername', 'localhost'] } = {}) {
  const run = spawnSync('openssl', ['s_client', '-connect', address, ...name, '-CAfile', caFile,
    '-verify_return_error', '-ign_eof', ...args], { input, encoding: 'utf8', timeout: 30000 });
  return { text: run.stdout + run.stderr };
}
const trust = 'GET /muster/trust HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
function register(rid) {
  const body = JSON.stringify({ registrationId: rid });
  return `PUT /${muster.idScope}/registrations/${rid}/register?${v} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
}
const credentials = (device) => ['-cert', device.certFile, '-key', device.keyFile,
  ...(device.chain === undefined ? [] : ['-cert_chain', device.chainFile])];
const fresh = (issuer, above, options) => pki.device(`tls-${++registered}`, issuer, above, options);
function answerTo(device, extra = [], rid = device.commonName) {
  const { text } = client([...credentials(device), ...extra], register(rid));
  const status = text.match(/HTTP\/1\.1 (\d{3})/);
  assert.ok(status, `no answer:\n${text}`);
  return { status: Number(status[1]), text };
}

before(async () => {
  ca = pki.hierarchy('tls');
  const body = { enrollmentGroupId: 'tls', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } } };
  assert.equal((await muster.service('PUT', '/enrollmentGroups/tls?api-version=2021-10-01', { body })).status, 200);
});

describe('the handshake', () => {
  for (const version of ['-tls1_2', '-tls1_3']) {
    it(`speaks ${version.slice(1)}`, () => {
      const { text } = client([version], trust);
      assert.match(text, /HTTP\/1\.1 200/);
      assert.match(text, /Verify return code: 0 \(ok\)/);
    });
  }
  it('refuses TLS 1.0 and 1.1', () => {
    for (const version of ['-tls1', '-tls1_1']) {
      const { text } = client([version, '-cipher', 'DEFAULT@SECLEVEL=0'], trust);
      assert.doesNotMatch(text, /HTTP\/1\.1/);
    }
  });
  it('asks for a certificate and names no CA', () => {
    const { text } = client(['-tls1_2'], trust);
    assert.match(text, /No client certificate CA names sent/);
    assert.match(text, /Requested Signature Algorithms:.*ECDSA\+SHA256/);
  });
  it('takes the cipher suites of the documents', () => {
    for (const suite of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384']) {
      assert.match(client(['-tls1_2', '-cipher', suite], trust).text, /HTTP\/1\.1 200/, suite);
    }
  });
  it('has a certificate for localhost and the loopback addresses, below its own CA', () => {
    const { text } = client(['-showcerts', '-verify_hostname', 'localhost'], trust);
    assert.match(text, /Verify return code: 0 \(ok\)/);
    const byAddress = client(['-verify_ip', '127.0.0.1'], trust, { address: '127.0.0.1:443', name: ['-noservername'] });
    assert.match(byAddress.text, /HTTP\/1\.1 200/);
    const wrong = client(['-verify_hostname', 'elsewhere.example'], trust);
    assert.doesNotMatch(wrong.text, /HTTP\/1\.1/);
  });
  it('serves without SNI and with a foreign one', () => {
    assert.match(client([], trust, { name: ['-noservername'] }).text, /HTTP\/1\.1 200/);
    const foreign = client([], trust, { name: ['-servername', 'global.azure-devices-provisioning.net'] });
    assert.match(foreign.text, /HTTP\/1\.1 200/);
  });
});

describe('chains', () => {
  for (const version of ['-tls1_2', '-tls1_3']) {
    it(`leaf, two intermediates, over ${version.slice(1)}`, () => {
      assert.equal(answerTo(fresh(ca.second, [ca.second, ca.first]), [version]).status, 202);
    });
  }
  it('with the root, and with the intermediates in the wrong order', () => {
    assert.equal(answerTo(fresh(ca.second, [ca.second, ca.first, ca.root])).status, 202);
    assert.equal(answerTo(fresh(ca.second, [ca.first, ca.second])).status, 202);
  });
  it('with certificates that have nothing to do with it', () => {
    const stranger = pki.authority('tls stranger');
    assert.equal(answerTo(fresh(ca.first, [ca.first, stranger])).status, 202);
  });
  it('of P-384 and RSA keys', () => {
    assert.equal(answerTo(fresh(ca.first, [ca.first], { key: ['EC', 'ec_paramgen_curve:P-384'] })).status, 202);
    assert.equal(answerTo(fresh(ca.first, [ca.first], { key: ['RSA', 'rsa_keygen_bits:2048'] })).status, 202);
  });
  it('that end nowhere, expired, look-alike: 401 with its reason by HTTP, no alert', () => {
    const day = 24 * 3600 * 1000;
    const alike = pki.hierarchy('tls');
    const selfSigned = pki.issue(`tls-self-${++registered}`);
    const bad = {
      'no intermediates': fresh(ca.second, []),
      'one missing': fresh(ca.second, [ca.second]),
      'unknown root': fresh(alike.second, [alike.second, alike.first]),
      'grafted on': fresh(alike.second, [ca.second, ca.first]),
      expired: fresh(ca.first, [ca.first], { notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) }),
      'self-signed': selfSigned,
    };
    for (const [name, device] of Object.entries(bad)) {
      const { status, text } = answerTo(device);
      assert.equal(status, 401, `${name}: ${text}`);
      assert.match(text, /"errorCode":\s*401002/, name);
      assert.doesNotMatch(text, /alert/i, name);
    }
  });
  it('do not make a device out of the CA itself', () => {
    for (const authority of [ca.root, ca.first]) {
      const rid = authority.commonName.replaceAll(' ', '-');
      assert.equal(answerTo({ ...authority }, [], rid).status, 401);
    }
  });
  it('are judged on each connection anew: there is no ticket that could leave the intermediates behind', () => {
    const ticket = path.join(muster.workDir, 'session.pem');
    for (const version of ['-tls1_2', '-tls1_3']) {
      assert.equal(answerTo(fresh(ca.second, [ca.second, ca.first]), [version, '-sess_out', ticket]).status, 202);
      const { text } = client([version, ...(fs.existsSync(ticket) ? ['-sess_in', ticket] : [])], trust);
      assert.match(text, /^New, TLSv1/m);
      assert.doesNotMatch(text, /^Reused|TLS session ticket:/m);
    }
  });
});
