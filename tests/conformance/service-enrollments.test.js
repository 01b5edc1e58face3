// azure-iot-provisioning-service: individual enrollments. The numbers refer to the DPS service API 2021-10-01.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const client = ProvisioningServiceClient.fromConnectionString(
  muster.connectionString('provisioningserviceowner'));

// The SDK's promise of this call never settles: its callback form does.
function runBulk(operation) {
  return new Promise((resolve, reject) => {
    client.runBulkEnrollmentOperation(operation, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

function x509Enrollment(registrationId, certificate, more = {}) {
  return {
    registrationId,
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate } } } },
    ...more,
  };
}

async function create(enrollment) {
  return (await client.createOrUpdateIndividualEnrollment(enrollment)).responseBody;
}
async function get(id) {
  return (await client.getIndividualEnrollment(id)).responseBody;
}
async function rejectsWith(status, promise) {
  const error = await promise.then(() => assert.fail('it was accepted'), (e) => e);
  assert.equal(error.response?.statusCode, status, error.stack);
  const body = JSON.parse(error.responseBody);
  assert.equal(Math.floor(body.errorCode / 1000), status);
  assert.ok(body.message.length > 5);
  assert.match(body.trackingId, /^[0-9a-fA-F-]{32,}/);
  assert.ok(!Number.isNaN(Date.parse(body.timestampUtc)));
  return body;
}

let one;
let two;
before(() => {
  one = pki.issue('dev-one');
  two = pki.issue('dev-two');
});

describe('individual enrollments', () => {
  it('creates with every field and returns what was sent', async () => {
    const sent = x509Enrollment('dev-one', one.cert, {
      deviceId: 'Device_One',
      capabilities: { iotEdge: true },
      provisioningStatus: 'enabled',
      reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
      initialTwin: { tags: { plant: 'north', line: 4 }, properties: { desired: { interval: 5, nested: { deep: [1] } } } },
      optionalDeviceInformation: { model: 'x' },
    });
    const stored = await create(sent);
    assert.equal(stored.registrationId, 'dev-one');
    assert.equal(stored.deviceId, 'Device_One');
    assert.equal(stored.capabilities.iotEdge, true);
    assert.equal(stored.provisioningStatus, 'enabled');
    assert.deepEqual(stored.reprovisionPolicy, sent.reprovisionPolicy);
    assert.deepEqual(stored.initialTwin.tags, sent.initialTwin.tags);
    assert.deepEqual(stored.initialTwin.properties.desired, sent.initialTwin.properties.desired);
    assert.deepEqual(stored.optionalDeviceInformation, sent.optionalDeviceInformation);
    assert.equal(stored.allocationPolicy, 'hashed');
    assert.ok(stored.etag);
    for (const time of [stored.createdDateTimeUtc, stored.lastUpdatedDateTimeUtc]) {
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,7}Z$/);
    }
  });

  it('describes the certificate and never returns it', async () => {
    const { primary, secondary } = (await get('dev-one')).attestation.x509.clientCertificates;
    assert.equal(primary.certificate ?? null, null);
    assert.equal(secondary ?? null, null);
    const info = primary.info;
    assert.equal(info.sha256Thumbprint.toUpperCase(), one.thumbprint);
    assert.equal(info.sha1Thumbprint.toUpperCase(), one.sha1Thumbprint);
    assert.equal(info.subjectName, 'CN=dev-one');
    assert.equal(info.issuerName, 'CN=dev-one');
    assert.equal(info.version, 3);
    assert.equal(info.serialNumber.toUpperCase(), one.x509.serialNumber);
    assert.equal(Date.parse(info.notAfterUtc), Date.parse(one.x509.validTo));
    assert.equal(Date.parse(info.notBeforeUtc), Date.parse(one.x509.validFrom));
  });

  it('finds an id in whatever case', async () => {
    assert.equal((await get('DEV-ONE')).registrationId, 'dev-one');
  });

  it('keeps the certificate when the body brings only its info', async () => {
    const read = await get('dev-one');
    read.provisioningStatus = 'disabled';
    const stored = await create(read);
    assert.equal(stored.provisioningStatus, 'disabled');
    assert.equal(stored.attestation.x509.clientCertificates.primary.info.sha256Thumbprint.toUpperCase(), one.thumbprint);
    assert.notEqual(stored.etag, read.etag);
  });

  it('takes a secondary certificate and drops it when the body leaves it out', async () => {
    const read = await get('dev-one');
    read.attestation.x509.clientCertificates.secondary = { certificate: two.cert };
    const both = await create(read);
    assert.equal(both.attestation.x509.clientCertificates.secondary.info.sha256Thumbprint.toUpperCase(), two.thumbprint);
    delete both.attestation.x509.clientCertificates.secondary;
    const single = await create(both);
    assert.equal(single.attestation.x509.clientCertificates.secondary ?? null, null);
    assert.equal(single.attestation.x509.clientCertificates.primary.info.sha256Thumbprint.toUpperCase(), one.thumbprint);
  });

  it('accepts PEM, base64 of DER and base64 of PEM', async () => {
    const forms = { pem: one.cert, der: one.derBase64, 'pem64': Buffer.from(one.cert).toString('base64') };
    for (const [name, text] of Object.entries(forms)) {
      const stored = await create(x509Enrollment(`form-${name}`, text));
      assert.equal(stored.attestation.x509.clientCertificates.primary.info.sha256Thumbprint.toUpperCase(),
        one.thumbprint, name);
      await client.deleteIndividualEnrollment(`form-${name}`);
    }
  });

  it('refuses what is no certificate, and says so', async () => {
    const body = await rejectsWith(400, client.createOrUpdateIndividualEnrollment(
      x509Enrollment('bad-cert', 'bm8gY2VydGlmaWNhdGU=')));
    assert.match(body.message, /certificate/i);
    await rejectsWith(404, client.getIndividualEnrollment('bad-cert'));
  });

  it('refuses ids outside of the rules', async () => {
    for (const id of ['has space', 'a'.repeat(129), 'slash/y', 'ends.']) {
      await rejectsWith(400, client.createOrUpdateIndividualEnrollment(x509Enrollment(id, one.cert)));
    }
  });

  it('encodes ids with the allowed special characters', async () => {
    const id = 'a-b.c_d:e';
    assert.equal((await create(x509Enrollment(id, one.cert))).registrationId, id);
    assert.equal((await get(id)).registrationId, id);
    await client.deleteIndividualEnrollment(id);
  });

  it('refuses a stale etag with 412 and takes the current one and *', async () => {
    const first = await create(x509Enrollment('etags', one.cert));
    const second = await create({ ...x509Enrollment('etags', one.cert), etag: first.etag });
    const error = await client.createOrUpdateIndividualEnrollment({ ...x509Enrollment('etags', one.cert), etag: first.etag })
      .then(() => assert.fail('accepted a stale etag'), (e) => e);
    assert.equal(error.name, 'InvalidEtagError');
    await rejectsWith(412, client.deleteIndividualEnrollment('etags', first.etag));
    await create({ ...x509Enrollment('etags', one.cert), etag: '*' });
    const last = await get('etags');
    assert.notEqual(last.etag, second.etag);
    await client.deleteIndividualEnrollment('etags', last.etag);
    await rejectsWith(404, client.getIndividualEnrollment('etags'));
  });

  it('refuses If-Match on an enrollment that is not there', async () => {
    const error = await client.createOrUpdateIndividualEnrollment({ ...x509Enrollment('nobody', one.cert), etag: '"x"' })
      .then(() => assert.fail('accepted'), (e) => e);
    assert.ok([404, 412].includes(error.response.statusCode), String(error));
  });

  it('deletes once and answers 404 afterwards', async () => {
    await create(x509Enrollment('gone', one.cert));
    await client.deleteIndividualEnrollment('gone');
    await rejectsWith(404, client.deleteIndividualEnrollment('gone'));
    const body = await rejectsWith(404, client.getIndividualEnrollment('gone'));
    assert.equal(body.errorCode, 404201);
  });

  it('makes symmetric keys, shows them on creation and through the attestation mechanism alone', async () => {
    const made = await create({ registrationId: 'sym', attestation: { type: 'symmetricKey' } });
    const { primaryKey, secondaryKey } = made.attestation.symmetricKey;
    assert.ok(Buffer.from(primaryKey, 'base64').length >= 32);
    assert.notEqual(primaryKey, secondaryKey);
    const read = await get('sym');
    assert.equal(read.attestation.symmetricKey?.primaryKey ?? null, null);
    const mechanism = (await client.getIndividualEnrollmentAttestationMechanism('sym')).responseBody;
    assert.equal(mechanism.type, 'symmetricKey');
    assert.equal(mechanism.symmetricKey.primaryKey, primaryKey);
    assert.equal(mechanism.symmetricKey.secondaryKey, secondaryKey);
    await client.deleteIndividualEnrollment('sym');
  });

  it('shows the attestation mechanism of an x509 enrollment without the certificate', async () => {
    const mechanism = (await client.getIndividualEnrollmentAttestationMechanism('dev-one')).responseBody;
    assert.equal(mechanism.type, 'x509');
    assert.equal(mechanism.x509.clientCertificates.primary.info.sha256Thumbprint.toUpperCase(), one.thumbprint);
  });

  it('refuses a path and a body that name two ids', async () => {
    const answer = await muster.service('PUT', '/enrollments/one?api-version=2021-10-01',
      { body: x509Enrollment('other', one.cert) });
    assert.equal(answer.status, 400);
  });

  it('refuses a hub that is not linked', async () => {
    await rejectsWith(400, client.createOrUpdateIndividualEnrollment(x509Enrollment('hubs', one.cert, {
      iotHubs: ['other.example.net'] })));
  });
});

describe('queries of individual enrollments', () => {
  const ids = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'];
  before(async () => {
    for (const id of ids) await create(x509Enrollment(id, one.cert));
  });

  it('pages one by one and ends without a continuation', async () => {
    const query = client.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 1);
    const seen = [];  // the SDK's promise form of next() forgets its continuation unless it is given
    for (let pages = 0; query.hasMoreResults; ++pages) {
      assert.ok(pages < 50, 'the continuation never ends');
      const page = (await query.next(query.continuationToken)).responseBody;
      assert.ok(page.length <= 1);
      seen.push(...page.map((e) => e.registrationId));
    }
    assert.equal(new Set(seen).size, seen.length, 'an item came twice');
    for (const id of ids) assert.ok(seen.includes(id), id);
  });

  it('gives everything in one page by default, with item type and no continuation', async () => {
    const answer = await muster.service('POST', '/enrollments/query?api-version=2021-10-01', { body: { query: '*' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-ms-item-type'], 'Enrollment');
    assert.equal(answer.headers['x-ms-continuation'], undefined);
    for (const id of ids) assert.ok(answer.json.some((e) => e.registrationId === id));
    assert.ok(answer.json.every((e) => e.attestation && (e.registrationState ?? null) === null));
  });

  it('refuses a continuation that it never gave', async () => {
    const answer = await muster.service('POST', '/enrollments/query?api-version=2021-10-01',
      { body: { query: '*' }, headers: { 'x-ms-continuation': 'made up !' } });
    assert.equal(answer.status, 400);
  });
});

describe('bulk operations', () => {
  const bulk = (mode, ids, more = {}) => ({ mode, enrollments: ids.map((id) => x509Enrollment(id, one.cert, more)) });

  it('creates ten, updates them, deletes them', async () => {
    const ids = Array.from({ length: 10 }, (_, i) => `bulk-${i}`);
    const created = await runBulk(bulk('create', ids));
    assert.equal(created.isSuccessful, true);
    assert.deepEqual(created.errors ?? [], []);
    assert.equal((await get('bulk-9')).registrationId, 'bulk-9');
    assert.equal((await runBulk(bulk('update', ids, { provisioningStatus: 'disabled' }))).isSuccessful, true);
    assert.equal((await get('bulk-0')).provisioningStatus, 'disabled');
    assert.equal((await runBulk(bulk('delete', ids))).isSuccessful, true);
    await rejectsWith(404, client.getIndividualEnrollment('bulk-5'));
  });

  it('names the one that failed and does the others', async () => {
    await create(x509Enrollment('bulk-there', one.cert));
    const result = await runBulk(bulk('create', ['bulk-new', 'bulk-there']));
    assert.equal(result.isSuccessful, false);
    assert.equal(result.errors.length, 1);
    assert.equal(result.errors[0].registrationId, 'bulk-there');
    assert.equal(Math.floor(result.errors[0].errorCode / 1000), 409);
    assert.ok(result.errors[0].errorStatus);
    assert.equal((await get('bulk-new')).registrationId, 'bulk-new');
  });

  it('compares etags with updateIfMatchEtag, as the SDK spells it', async () => {
    const stored = await create(x509Enrollment('bulk-etag', one.cert));
    const operation = bulk('updateIfMatchEtag', ['bulk-etag']);
    operation.enrollments[0].etag = stored.etag;
    assert.equal((await runBulk(operation)).isSuccessful, true);
    const second = await runBulk(operation);
    assert.equal(second.isSuccessful, false);
    assert.equal(Math.floor(second.errors[0].errorCode / 1000), 412);
  });

  it('refuses eleven at once', async () => {
    await rejectsWith(400, runBulk(bulk('create', Array.from({ length: 11 }, (_, i) => `eleven-${i}`))));
    await rejectsWith(404, client.getIndividualEnrollment('eleven-0'));
  });
});

describe('rights', () => {
  const target = '/enrollments/dev-one?api-version=2021-10-01';
  it('lets a reader read and not write', async () => {
    assert.equal((await muster.service('GET', target, { as: 'provisioningreader' })).status, 200);
    const put = await muster.service('PUT', target, { as: 'provisioningreader', body: x509Enrollment('dev-one', one.cert) });
    assert.ok([401, 403].includes(put.status), String(put.status));
    const del = await muster.service('DELETE', target, { as: 'provisioningreader' });
    assert.ok([401, 403].includes(del.status), String(del.status));
  });
  it('refuses no, foreign, expired and forged signatures with 401', async () => {
    const headers = {
      none: {},
      foreign: { Authorization: muster.sas('nobody', { key: Buffer.alloc(32).toString('base64') }) },
      expired: { Authorization: muster.sas('owner', { expiry: 1600000000 }) },
      forged: { Authorization: muster.sas('owner', { key: Buffer.alloc(64, 7).toString('base64') }) },
      elsewhere: { Authorization: muster.sas('owner', { resource: 'another.example.net' }) },
      garbage: { Authorization: 'SharedAccessSignature sr=&&&=' },
      basic: { Authorization: 'Basic b3duZXI6b3duZXI=' },
      'hub policy': { Authorization: muster.sas('registryRead') },
    };
    for (const [name, value] of Object.entries(headers)) {
      const answer = await muster.request('GET', target, { headers: value });
      assert.ok(answer.status === 401 || (name === 'hub policy' && answer.status === 403), `${name}: ${answer.status}`);
      assert.equal(Math.floor(answer.json.errorCode / 1000), answer.status, name);
      assert.ok(!answer.text.includes('dev-one'), name);
    }
  });
  it('accepts the secondary key of a policy', async () => {
    const second = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner',
      muster.policy('provisioningserviceowner').secondaryKey));
    assert.equal((await second.getIndividualEnrollment('dev-one')).responseBody.registrationId, 'dev-one');
  });
});
