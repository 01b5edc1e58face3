// The device API as bytes: what each client of facts (Node, Python, C, the stock edge runtime) insists on.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const v = 'api-version=2021-06-01';
const at = (rid, rest = '', scope = muster.idScope) => `/${scope}/registrations/${rid}${rest}?${v}`;

let ca;
let device;
const asDevice = (method, target, options = {}) =>
  muster.request(method, target, { cert: device.chain, key: device.key, ...options });

async function finished(rid, operationId, options = {}) {
  for (let i = 0; i < 50; ++i) {
    const answer = await asDevice('GET', at(rid, `/operations/${operationId}`), options);
    if (answer.json?.status !== 'assigning') return answer;
    assert.equal(answer.status, 202);
    assert.equal(answer.json.registrationState?.registrationId ?? rid, rid);
    await muster.sleep(200);
  }
  return assert.fail('the operation never ends');
}

before(async () => {
  ca = pki.hierarchy('wire');
  device = pki.device('wire-1', ca.first, [ca.first]);
  const answer = await muster.service('PUT', '/enrollmentGroups/wire?api-version=2021-10-01', {
    body: { enrollmentGroupId: 'wire', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } } },
  });
  assert.equal(answer.status, 200, answer.text);
});

describe('register', () => {
  let operationId;
  it('answers 202 with an operation and Retry-After', async () => {
    const answer = await asDevice('PUT', at('wire-1', '/register'), { body: { registrationId: 'wire-1' } });
    assert.equal(answer.status, 202, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json; charset=utf-8$/);
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
    assert.ok(answer.headers['x-ms-request-id']);
    assert.equal(answer.json.status, 'assigning');
    assert.match(answer.json.operationId, /^[A-Za-z0-9._-]+$/);
    operationId = answer.json.operationId;
  });

  it('answers with the outcome at once to those who prefer to wait (RFC 7240)', async () => {
    const answer = await asDevice('PUT', at('wire-1', '/register'), {
      body: { registrationId: 'wire-1' },
      headers: { Prefer: 'handling=strict, Wait=5' },
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['preference-applied'], 'wait');
    assert.equal(answer.headers['retry-after'], undefined);
    assert.equal(answer.json.status, 'assigned');
    assert.equal(answer.json.registrationState.deviceId, 'wire-1');
    assert.match(answer.json.operationId, /^[A-Za-z0-9._-]+$/);
  });

  it('ends with exactly the members that every client reads', async () => {
    const answer = await finished('wire-1', operationId);
    assert.equal(answer.status, 200);
    assert.equal(answer.json.operationId, operationId);
    assert.equal(answer.json.status, 'assigned');
    const state = answer.json.registrationState;
    assert.equal(state.registrationId, 'wire-1');
    assert.equal(state.deviceId, 'wire-1');
    assert.equal(state.assignedHub, muster.host);
    assert.equal(state.status, 'assigned');
    assert.equal(state.substatus, 'initialAssignment');
    assert.ok(state.etag);
    assert.equal(typeof state.x509, 'object');
    for (const time of [state.createdDateTimeUtc, state.lastUpdatedDateTimeUtc]) {
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
    }
  });

  it('answers the same operation the same again', async () => {
    const [a, b] = [await finished('wire-1', operationId), await finished('wire-1', operationId)];
    assert.deepEqual(a.json, b.json);
  });

  it('refuses the operation to another device, and one that is not there', async () => {
    const other = pki.device('wire-2', ca.first, [ca.first]);
    const foreign = await asDevice('GET', at('wire-2', `/operations/${operationId}`), { cert: other.chain, key: other.key });
    assert.ok([401, 404].includes(foreign.status), String(foreign.status));
    const asFirst = await asDevice('GET', at('wire-1', `/operations/${operationId}`), { cert: other.chain, key: other.key });
    assert.equal(asFirst.status, 401);
    const nobody = await muster.request('GET', at('wire-1', `/operations/${operationId}`));
    assert.equal(nobody.status, 401);
    const none = await asDevice('GET', at('wire-1', '/operations/5.506603669bd3e2bf.b3602f8f-76fe-4341-9214-bb6cfb891b8a'));
    assert.equal(none.status, 404);
  });

  it('looks the registration up', async () => {
    const answer = await asDevice('POST', at('wire-1'), { body: { registrationId: 'wire-1' } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.status, 'assigned');
    assert.equal(answer.json.deviceId, 'wire-1');
    const fresh = pki.device('wire-3', ca.first, [ca.first]);
    const none = await asDevice('POST', at('wire-3'), { body: { registrationId: 'wire-3' }, cert: fresh.chain, key: fresh.key });
    assert.equal(none.status, 404);
  });

  it('makes one identity when the same device registers many times at once', async () => {
    const many = pki.device('wire-many', ca.first, [ca.first]);
    const answers = await Promise.all(Array.from({ length: 8 }, () => asDevice('PUT', at('wire-many', '/register'),
      { body: { registrationId: 'wire-many' }, cert: many.chain, key: many.key })));
    for (const answer of answers) assert.ok(answer.status === 202 || answer.json.errorCode === 409203, answer.text);
    const listed = await muster.service('GET', '/devices?api-version=2021-04-12');
    assert.equal(listed.json.filter((d) => d.deviceId === 'wire-many').length, 1);
  });

  it('refuses a registration id of the body that is not that of the path', async () => {
    const answer = await asDevice('PUT', at('wire-1', '/register'), { body: { registrationId: 'wire-9' } });
    assert.equal(answer.status, 400);
    assert.equal(Math.floor(answer.json.errorCode / 1000), 400);
  });

  it('takes an empty object and no body, as the schema allows', async () => {
    for (const body of ['{}', undefined]) {
      const answer = await asDevice('PUT', at('wire-1', '/register'), { body });
      assert.ok([202, 400].includes(answer.status), answer.text);
    }
  });

  it('refuses bodies that are no JSON objects with 400', async () => {
    for (const body of ['{', '[]', '"x"', 'null', '{"registrationId":7}', '{"a":'.repeat(5000)]) {
      const answer = await asDevice('PUT', at('wire-1', '/register'), { body });
      assert.equal(answer.status, 400, `${body.slice(0, 30)}: ${answer.status}`);
      assert.match(answer.headers['content-type'], /^application\/json/);
    }
  });

  it('refuses a request without a client certificate with 401, after the handshake', async () => {
    const answer = await muster.request('PUT', at('wire-1', '/register'), { body: { registrationId: 'wire-1' } });
    assert.equal(answer.status, 401);
    assert.equal(answer.json.errorCode, 401002);
  });

  it('refuses a service key in place of a device certificate', async () => {
    const answer = await muster.request('PUT', at('wire-1', '/register'),
      { body: { registrationId: 'wire-1' }, headers: { Authorization: muster.sas('provisioningserviceowner') } });
    assert.equal(answer.status, 401);
  });

  it('takes every api-version that is one and refuses none at all', async () => {
    for (const version of ['2017-08-31-preview', '2018-11-01', '2019-03-31', '2021-10-01', '2025-07-01-preview']) {
      const answer = await asDevice('PUT', `/${muster.idScope}/registrations/wire-1/register?api-version=${version}`,
        { body: { registrationId: 'wire-1' } });
      assert.ok([200, 202].includes(answer.status), `${version}: ${answer.text}`);
    }
    const none = await asDevice('PUT', `/${muster.idScope}/registrations/wire-1/register`, { body: { registrationId: 'wire-1' } });
    assert.equal(none.status, 400);
  });

  it('takes forceRegistration, upper-case words of the path, encoded ids and a trailing slash', async () => {
    const targets = [
      `/${muster.idScope}/registrations/wire-1/register?${v}&forceRegistration=true`,
      `/${muster.idScope}/Registrations/wire-1/REGISTER?${v}`,
      `/${muster.idScope}/registrations/wire%2D1/register?${v}`,
      `/${muster.idScope}/registrations/wire-1/register/?${v}`,
    ];
    for (const target of targets) {
      const answer = await asDevice('PUT', target, { body: { registrationId: 'wire-1' } });
      assert.equal(answer.status, 202, `${target}: ${answer.text}`);
    }
  });

  it('keeps error bodies free of aliases', async () => {
    const answer = await asDevice('PUT', at('wire-nobody', '/register'), { body: { registrationId: 'wire-nobody' } });
    assert.equal(answer.status, 401);
    assert.deepEqual(Object.keys(answer.json).filter((k) => ['code', 'errorMessage', 'Message'].includes(k)), []);
    assert.ok(answer.json.timestampUtc && answer.json.trackingId && answer.json.message && answer.json.errorCode);
  });
});

describe('the module calls of the stock runtime, with the device’s certificate', () => {
  const preview = 'api-version=2017-11-08-preview';
  const edge = () => ({ cert: edgeDevice.chain, key: edgeDevice.key });
  let edgeDevice;
  before(async () => {
    edgeDevice = pki.device('wire-edge', ca.first, [ca.first]);
    const enrollment = { registrationId: 'wire-edge', capabilities: { iotEdge: true },
      attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: edgeDevice.cert } } } } };
    assert.equal((await muster.service('PUT', '/enrollments/wire-edge?api-version=2021-10-01', { body: enrollment })).status, 200);
    const answer = await asDevice('PUT', at('wire-edge', '/register'), { body: { registrationId: 'wire-edge' }, ...edge() });
    assert.equal(answer.status, 202, answer.text);
    await finished('wire-edge', answer.json.operationId, edge());
  });

  it('lists, creates, updates and deletes with the exact statuses', async () => {
    const list = await muster.request('GET', `/devices/wire-edge/modules?${preview}`, edge());
    assert.equal(list.status, 200, list.text);
    assert.deepEqual(list.json.map((m) => m.moduleId).sort(), ['$edgeAgent', '$edgeHub']);
    assert.ok(list.json.every((m) => ['none', 'sas', 'x509'].includes(m.authentication.type)));

    const target = `/devices/wire-edge/modules/sensor?${preview}`;
    const made = await muster.request('PUT', target, { ...edge(), body: { moduleId: 'sensor', deviceId: 'wire-edge', managedBy: 'iotedge' } });
    assert.equal(made.status, 200, made.text);
    assert.match(made.json.generationId, /^\d+$/);
    const keys = { primaryKey: Buffer.alloc(32, 1).toString('base64'), secondaryKey: Buffer.alloc(32, 2).toString('base64') };
    const updated = await muster.request('PUT', target, { ...edge(), headers: { 'If-Match': '*' },
      body: { ...made.json, authentication: { type: 'sas', symmetricKey: keys } } });
    assert.equal(updated.status, 200, updated.text);
    assert.equal(updated.json.generationId, made.json.generationId);
    const read = await muster.request('GET', target, edge());
    assert.equal(read.status, 200);
    assert.equal(read.json.authentication.symmetricKey.primaryKey, keys.primaryKey);
    const removed = await muster.request('DELETE', target, { ...edge(), headers: { 'If-Match': '*' } });
    assert.equal(removed.status, 204);
    assert.equal(removed.text, '');
    const gone = await muster.request('GET', target, edge());
    assert.equal(gone.status, 404);
    assert.ok(gone.json.Message);
  });

  it('updates the system module under its encoded name', async () => {
    const target = `/devices/wire-edge/modules/%24edgeAgent?${preview}`;
    const read = await muster.request('GET', target, edge());
    assert.equal(read.status, 200);
    const keys = { primaryKey: Buffer.alloc(32, 3).toString('base64'), secondaryKey: Buffer.alloc(32, 4).toString('base64') };
    const updated = await muster.request('PUT', target, { ...edge(), headers: { 'If-Match': '*' },
      body: { moduleId: '$edgeAgent', deviceId: 'wire-edge', authentication: { type: 'sas', symmetricKey: keys } } });
    assert.equal(updated.status, 200, updated.text);
    assert.equal(updated.json.generationId, read.json.generationId);
  });

  it('refuses other devices’ modules, and everybody else’s certificate', async () => {
    await muster.service('PUT', '/devices/bystander?api-version=2021-04-12', { body: { deviceId: 'bystander' } });
    assert.equal((await muster.request('GET', `/devices/bystander/modules?${preview}`, edge())).status, 401);
    const other = pki.device('wire-edge', ca.first, [ca.first]);
    assert.equal((await muster.request('GET', `/devices/wire-edge/modules?${preview}`, { cert: other.chain, key: other.key })).status, 401);
    assert.equal((await muster.request('GET', `/devices/wire-edge/modules?${preview}`)).status, 401);
    assert.equal((await muster.request('GET', `/devices?${preview}`, edge())).status, 401);
  });
});
