// kill -9 of musterd at random times under load. What it answered must be there after the restart: registrations with
// their operation, enrollments, devices, deletions, and the last update of each; and the database must be sound.
'use strict';
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const pki = require('../conformance/lib/openssl');
const { Server, sleep } = require('./server');

const rounds = Number(process.argv[2] ?? 24);
const work = process.env.MUSTER_WORK;
const dps = 'api-version=2021-10-01';
const hub = 'api-version=2021-04-12';

let passed = 0;
let failed = 0;
async function check(name, body) {
  try {
    const note = await body();
    ++passed;
    console.log(`ok    ${name}${note ? `: ${note}` : ''}`);
  } catch (error) {
    ++failed;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}

// What the service has answered so far, by kind and id. An entry's `maybe` is a change whose answer did not come: it may
// have happened or not.
const answered = { registrations: new Map(), enrollments: new Map(), devices: new Map() };
let next = 0;
let devices;  // rid -> { cert, key }
let spare;    // rids not used yet
const busy = new Set();     // rids that some client registers right now
const changed = new Set();  // "kind id" of all that was written since the last verification
let server;
let root;

const enrollmentBody = (id, rate) => ({ registrationId: id, attestation: { type: 'symmetricKey' },
  initialTwin: { tags: {}, properties: { desired: { rate } } } });

async function put(kind, target, id, body, expect) {
  const entry = answered[kind].get(id) ?? { value: null };
  answered[kind].set(id, { ...entry, maybe: expect });
  changed.add(`${kind} ${id}`);
  const answer = await server.request('PUT', target, { body, headers: entry.value === null ? {} : { 'If-Match': '*' } });
  assert.equal(answer.status, 200, answer.text);
  answered[kind].set(id, { value: expect });
}

async function remove(kind, target, id) {
  answered[kind].set(id, { ...answered[kind].get(id), maybe: null });
  changed.add(`${kind} ${id}`);
  const answer = await server.request('DELETE', target);
  assert.equal(answer.status, 204, answer.text);
  answered[kind].set(id, { value: null });
}

const enrollmentPath = (id) => `/enrollments/${id}?${dps}`;
const devicePath = (id) => `/devices/${id}?${hub}`;
const registrationPath = (rid, rest) => `/${server.endpoints.idScope}/registrations/${rid}/${rest}?${dps}`;

// For the first time or again; `again` marks a registration whose answer may not have come.
async function register(rid) {
  const device = devices.get(rid);
  const before = answered.registrations.get(rid);
  if (before) answered.registrations.set(rid, { ...before, again: true });
  changed.add(`registrations ${rid}`);
  const first = await server.request('PUT', registrationPath(rid, 'register'), { device, body: { registrationId: rid } });
  assert.equal(first.status, 202, first.text);
  answered.registrations.set(rid, { operationId: first.json.operationId });
  const last = await outcome(rid, first.json.operationId);
  answered.registrations.set(rid, { operationId: first.json.operationId, etag: last.registrationState.etag });
}

function pickRegistration() {
  if (spare.length > 0) return spare.pop();
  const known = [...answered.registrations.keys()].filter((rid) => !busy.has(rid));
  return known[Math.floor(Math.random() * known.length)];
}

async function outcome(rid, operationId) {
  for (let i = 0; i < 2000; ++i) {
    const answer = await server.request('GET', registrationPath(rid, `operations/${operationId}`), { device: devices.get(rid) });
    assert.ok([200, 202].includes(answer.status), `${rid}: ${answer.text}`);
    if (answer.json.status !== 'assigning') {
      assert.equal(answer.json.status, 'assigned', answer.text);
      return answer.json;
    }
    await sleep(20);
  }
  throw new Error(`${rid}: the operation never ends`);
}

// One client: does one thing after the other until the service goes away.
async function client(stop) {
  while (!stop.now) {
    const dice = Math.random();
    try {
      if (dice < 0.4) {
        const rid = pickRegistration();
        busy.add(rid);
        await register(rid).finally(() => busy.delete(rid));
      } else if (dice < 0.6) {
        const id = `enrollment-${++next}`;
        await put('enrollments', enrollmentPath(id), id, enrollmentBody(id, 0), 0);
        if (Math.random() < 0.5) await put('enrollments', enrollmentPath(id), id, enrollmentBody(id, 1), 1);
        if (Math.random() < 0.3) await remove('enrollments', enrollmentPath(id), id);
      } else {
        const id = `device-${++next}`;
        const body = (statusReason) => ({ deviceId: id, statusReason, authentication: { type: 'none' } });
        await put('devices', devicePath(id), id, body('made'), 'made');
        if (Math.random() < 0.5) await put('devices', devicePath(id), id, body('changed'), 'changed');
        if (Math.random() < 0.3) await remove('devices', devicePath(id), id);
      }
    } catch (error) {
      // Killed in the middle: no answer, no promise. Anything else is a finding.
      if (error instanceof assert.AssertionError) throw error;
      if (!stop.killed) {
        await sleep(20);
        if (!stop.killed) throw error;
      }
      return;
    }
  }
}

function integrity() {
  const copy = path.join(work, 'copy.db');
  for (const suffix of ['', '-wal']) {
    fs.rmSync(copy + suffix, { force: true });
    const file = path.join(server.dataDir, `muster.db${suffix}`);
    if (fs.existsSync(file)) fs.copyFileSync(file, copy + suffix);
  }
  const said = execFileSync('sqlite3', [copy, 'PRAGMA integrity_check; PRAGMA foreign_key_check;'], { encoding: 'utf8' });
  assert.equal(said.trim(), 'ok');
}

async function verifyOne(kind, id, target, read) {
  const entry = answered[kind].get(id);
  const answer = await server.request('GET', target);
  assert.ok([200, 404].includes(answer.status), answer.text);
  const value = answer.status === 404 ? null : read(answer.json);
  const allowed = 'maybe' in entry ? [entry.value, entry.maybe] : [entry.value];
  assert.ok(allowed.includes(value), `${kind} ${id} is ${value}, was answered ${JSON.stringify(entry)}`);
  answered[kind].set(id, { value });  // settled now
}

async function verifyRegistration(rid) {
  const entry = answered.registrations.get(rid);
  const operation = await outcome(rid, entry.operationId);
  if (entry.etag && !entry.again) assert.equal(operation.registrationState.etag, entry.etag);
  const record = await server.request('GET', `/registrations/${rid}?${dps}`);
  assert.equal(record.status, 200, `${rid}: ${record.text}`);
  assert.equal(record.json.status, 'assigned');
  assert.equal(record.json.deviceId, rid);
  assert.equal((await server.request('GET', devicePath(rid))).status, 200, `${rid} has no identity`);
  answered.registrations.set(rid, { operationId: entry.operationId, etag: operation.registrationState.etag });
}

function verifyKey(key) {
  const [kind, id] = key.split(' ');
  if (kind === 'enrollments') return verifyOne(kind, id, enrollmentPath(id), (e) => e.initialTwin.properties.desired.rate);
  if (kind === 'devices') return verifyOne(kind, id, devicePath(id), (d) => d.statusReason);
  return answered.registrations.has(id) ? verifyRegistration(id) : undefined;
}

// All that changed since the last time and some of what was there before; or everything.
async function verify({ everything = false } = {}) {
  const keys = Object.entries(answered).flatMap(([kind, entries]) => [...entries.keys()].map((id) => `${kind} ${id}`));
  const chosen = keys.filter((key) => everything || changed.has(key) || Math.random() < 100 / keys.length);
  changed.clear();
  const take = async () => {
    while (chosen.length > 0) await verifyKey(chosen.pop());
  };
  await Promise.all(Array.from({ length: 8 }, take));
}

async function round(number) {
  const stop = { now: false, killed: false };
  const clients = Array.from({ length: 8 }, () => client(stop));
  const after = 30 + Math.random() * 700;
  const outcomeOfClients = Promise.allSettled(clients);
  await sleep(after);
  stop.killed = true;
  await server.kill();
  stop.now = true;
  for (const result of await outcomeOfClients) if (result.status === 'rejected') throw result.reason;
  integrity();
  const started = await server.start();
  await verify();
  const { registrations, enrollments, devices: identities } = answered;
  return `killed after ${after.toFixed(0)} ms, up again in ${started} ms; ${registrations.size} registrations, ` +
    `${enrollments.size} enrollments, ${identities.size} devices as answered`;
}

async function secondInstance() {
  const second = server.launch();
  const { code } = await second.ended;
  assert.notEqual(code, 0);
  assert.match(second.output, /lock|already|another|in use/i);
  assert.match(second.output, new RegExp(`\\b${server.child.pid}\\b`), `does not name the process that holds it: ${second.output}`);
  assert.equal((await server.request('GET', `/devices?top=1&${hub}`)).status, 200);
}

async function drains() {
  const stop = { now: false, killed: false };
  const clients = Promise.allSettled(Array.from({ length: 8 }, () => client(stop)));
  await sleep(300);
  stop.killed = true;
  const before = Date.now();
  const { code, signal } = await server.kill('SIGTERM');
  stop.now = true;
  const took = Date.now() - before;
  await clients;
  assert.equal(signal, null);
  assert.equal(code, 0, server.child.output);
  assert.ok(took < 60000, `took ${took} ms`);
  assert.ok(!fs.existsSync(path.join(server.dataDir, 'endpoints.json')), 'endpoints.json is still there');
  integrity();
  await server.start();
  await verify();
  return `in ${took} ms`;
}

async function main() {
  root = pki.authority('crash root');
  const names = Array.from({ length: 400 }, (_, i) => `crash-${String(i).padStart(3, '0')}`);
  const { key, certs } = pki.leaves(names, root);
  devices = new Map(names.map((name) => [name, { cert: certs.get(name), key }]));
  spare = [...names];
  server = new Server(path.join(work, 'data'));
  await server.start();
  const group = { enrollmentGroupId: 'crash', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: root.cert } } } } };
  assert.equal((await server.request('PUT', `/enrollmentGroups/crash?${dps}`, { body: group })).status, 200);

  for (let i = 1; i <= rounds && failed < 3; ++i) await check(`round ${i} of ${rounds}`, () => round(i));
  await check('a second instance on the same data directory is refused', secondInstance);
  await check('SIGTERM under load drains and exits 0', drains);
  await check('everything ever answered is there', async () => {
    await verify({ everything: true });
    const count = Object.values(answered).reduce((sum, entries) => sum + entries.size, 0);
    return `${count} records`;
  });
  await check('SIGTERM with nothing to do exits 0', async () => {
    const { code } = await server.kill('SIGTERM');
    assert.equal(code, 0);
  });
}

process.on('exit', () => server?.child?.kill('SIGKILL'));
main().catch((error) => {
  ++failed;
  console.log(`FAIL  ${error.stack}`);
}).finally(() => {
  console.log(`${passed} passed, ${failed} failed, 0 skipped`);
  process.exit(failed === 0 ? 0 : 1);
});
