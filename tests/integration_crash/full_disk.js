// A disk that fills up under a running musterd: what cannot be stored is refused as a fault of the service and never as
// one of the device's rights, what is stored can be read, nothing answered is lost, and room mends it without a restart.
'use strict';
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const pki = require('../conformance/lib/openssl');
const { Server, sleep } = require('./server');

const disk = process.env.MUSTER_SMALL_DISK;  // a file system of a few megabytes
const filler = path.join(disk, 'filler');
const dps = 'api-version=2021-10-01';

const server = new Server(path.join(disk, 'data'));
const stored = [];

// The log is written by a thread of its own: what it says may come after the answer.
async function said(pattern) {
  for (let i = 0; i < 600 && !pattern.test(server.child.output); ++i) await sleep(50);
  assert.match(server.child.output, pattern);
}

function fill() {
  const file = fs.openSync(filler, 'a');
  for (let size = 1 << 20; size > 0;) {
    try {
      if (fs.writeSync(file, Buffer.alloc(size)) < size) size >>= 1;
    } catch (error) {
      assert.equal(error.code, 'ENOSPC');
      size >>= 1;
    }
  }
  fs.closeSync(file);
}

const enrollment = (id) => ({ registrationId: id, attestation: { type: 'symmetricKey' },
  initialTwin: { tags: { note: 'x'.repeat(3000) }, properties: { desired: {} } } });
const put = (id) => server.request('PUT', `/enrollments/${id}?${dps}`, { body: enrollment(id) });
const register = (rid, device) => server.request('PUT', `/${server.endpoints.idScope}/registrations/${rid}/register?${dps}`,
  { device, body: { registrationId: rid } });

// What has room yet in the database's own files is taken first.
async function putUntilRefused() {
  for (let i = 0; i < 5000; ++i) {
    const answer = await put(`filling-${i}`);
    if (answer.status !== 200) return answer;
    stored.push(`filling-${i}`);
  }
  throw new Error('the disk never fills');
}

test('a full disk', async (t) => {
  const root = pki.authority('full disk root');
  const names = ['disk-1', 'disk-2'];
  const { key, certs } = pki.leaves(names, root);
  const device = (name) => ({ cert: certs.get(name), key });
  await server.start();
  t.after(() => server.child.kill('SIGKILL'));
  const group = { enrollmentGroupId: 'disk', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: root.cert } } } } };
  assert.equal((await server.request('PUT', `/enrollmentGroups/disk?${dps}`, { body: group })).status, 200);
  assert.equal((await register('disk-1', device('disk-1'))).status, 202);

  fill();
  await t.test('is said to be a fault of the service', async () => {
    const refused = await putUntilRefused();
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.json.errorCode, 503000, refused.text);
    await said(/disk is full|No space left/);
  });
  await t.test('refuses no device for good', async () => {
    const answer = await register('disk-2', device('disk-2'));
    assert.equal(answer.status, 503, answer.text);
  });
  await t.test('leaves what is stored to be read', async () => {
    assert.equal((await server.request('GET', `/registrations/disk-1?${dps}`)).status, 200);
    for (const id of stored.slice(-20)) assert.equal((await server.request('GET', `/enrollments/${id}?${dps}`)).status, 200);
  });

  fs.rmSync(filler);
  await t.test('heals without a restart when there is room', async () => {
    let answer;
    for (let i = 0; i < 300; ++i, await sleep(100)) {
      answer = await put('healed');
      if (answer.status === 200) break;
    }
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await register('disk-2', device('disk-2'))).status, 202);
  });
  await t.test('has cost nothing that was answered', async () => {
    await server.kill();
    await server.start();
    for (const id of [...stored, 'healed']) assert.equal((await server.request('GET', `/enrollments/${id}?${dps}`)).status, 200, id);
    for (const rid of names) assert.equal((await server.request('GET', `/registrations/${rid}?${dps}`)).json.status, 'assigned');
    const said = execFileSync('sqlite3', [path.join(server.dataDir, 'muster.db'), 'PRAGMA integrity_check;'], { encoding: 'utf8' });
    assert.equal(said.trim(), 'ok');
  });
});
