// azure-iot-provisioning-service: enrollment groups.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const client = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const api = '?api-version=2021-10-01';

function group(enrollmentGroupId, certificate, more = {}) {
  return {
    enrollmentGroupId,
    attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate } } } },
    ...more,
  };
}
const create = async (value) => (await client.createOrUpdateEnrollmentGroup(value)).responseBody;
const get = async (id) => (await client.getEnrollmentGroup(id)).responseBody;
const statusOf = (promise) => promise.then(() => 'accepted', (error) => error.response?.statusCode ?? error);

let ca;
let other;
before(() => {
  ca = pki.hierarchy('groups');
  other = pki.authority('groups other root');
});

describe('enrollment groups', () => {
  it('creates with twin, capabilities and policy, and returns them', async () => {
    const sent = group('Fleet', ca.root.cert, {
      capabilities: { iotEdge: true },
      initialTwin: { tags: { site: 'harbour' }, properties: { desired: { rate: 2 } } },
      reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
    });
    const stored = await create(sent);
    assert.equal(stored.enrollmentGroupId, 'Fleet');
    assert.equal(stored.capabilities.iotEdge, true);
    assert.deepEqual(stored.initialTwin.tags, { site: 'harbour' });
    assert.deepEqual(stored.reprovisionPolicy, sent.reprovisionPolicy);
    assert.equal(stored.provisioningStatus, 'enabled');
    const { x509 } = stored.attestation;
    assert.equal(x509.signingCertificates.primary.info.sha256Thumbprint.toUpperCase(), ca.root.thumbprint);
    assert.equal(x509.signingCertificates.primary.certificate ?? null, null);
    assert.equal(x509.clientCertificates ?? null, null);
    assert.equal(stored.deviceId, undefined);
  });

  it('reads, updates with the etag that it read, and refuses a stale one', async () => {
    const read = await get('fleet');
    assert.equal(read.enrollmentGroupId, 'Fleet');
    read.provisioningStatus = 'disabled';
    const updated = await create(read);
    assert.equal(updated.provisioningStatus, 'disabled');
    assert.equal(updated.attestation.x509.signingCertificates.primary.info.sha256Thumbprint.toUpperCase(), ca.root.thumbprint);
    assert.equal(updated.createdDateTimeUtc, read.createdDateTimeUtc);
    assert.equal(await statusOf(client.createOrUpdateEnrollmentGroup(read)), 412);
    assert.equal(await statusOf(client.deleteEnrollmentGroup('Fleet', read.etag)), 412);
  });

  it('takes an intermediate and a secondary certificate', async () => {
    const value = group('intermediate', ca.first.cert);
    value.attestation.x509.signingCertificates.secondary = { certificate: other.cert };
    const stored = await create(value);
    assert.equal(stored.attestation.x509.signingCertificates.primary.info.issuerName, 'CN=groups root');
    assert.equal(stored.attestation.x509.signingCertificates.secondary.info.sha256Thumbprint.toUpperCase(), other.thumbprint);
  });

  it('refuses a signing certificate that is no CA', async () => {
    const leaf = pki.issue('leaf as group', { issuer: ca.root });
    assert.equal(await statusOf(client.createOrUpdateEnrollmentGroup(group('leaf', leaf.cert))), 400);
  });

  it('refuses TPM, client certificates and no attestation for a group', async () => {
    const bad = [
      { type: 'tpm', tpm: { endorsementKey: 'AToAAQALAAMAsgAg' } },
      { type: 'x509', x509: { clientCertificates: { primary: { certificate: ca.root.cert } } } },
      { type: 'x509' },
      undefined,
    ];
    for (const attestation of bad) {
      const answer = await muster.service('PUT', `/enrollmentGroups/bad${api}`, { body: { enrollmentGroupId: 'bad', attestation } });
      assert.equal(answer.status, 400, JSON.stringify(attestation));
      assert.equal(Math.floor(answer.json.errorCode / 1000), 400);
    }
  });

  it('makes keys for a symmetric group and shows them through the lower-case path of the SDK', async () => {
    const made = await create({ enrollmentGroupId: 'keys', attestation: { type: 'symmetricKey' } });
    const mechanism = (await client.getEnrollmentGroupAttestationMechanism('keys')).responseBody;
    assert.equal(mechanism.type, 'symmetricKey');
    assert.equal(mechanism.symmetricKey.primaryKey, made.attestation.symmetricKey.primaryKey);
    assert.equal((await get('keys')).attestation.symmetricKey?.primaryKey ?? null, null);
  });

  it('answers the attestation mechanism of an x509 group with its type', async () => {
    const mechanism = (await client.getEnrollmentGroupAttestationMechanism('intermediate')).responseBody;
    assert.equal(mechanism.type, 'x509');
  });

  it('pages through groups and ends', async () => {
    for (const id of ['q1', 'q2', 'q3']) await create(group(id, other.cert)).catch(() => create({ enrollmentGroupId: id, attestation: { type: 'symmetricKey' } }));
    const query = client.createEnrollmentGroupQuery({ query: 'SELECT * FROM enrollmentGroups' }, 1);
    const seen = [];
    while (query.hasMoreResults) {
      const page = (await query.next(query.continuationToken)).responseBody;
      assert.ok(page.length <= 1);
      seen.push(...page.map((g) => g.enrollmentGroupId));
      assert.ok(seen.length < 50);
    }
    assert.equal(new Set(seen).size, seen.length);
    for (const id of ['q1', 'q2', 'q3', 'Fleet']) assert.ok(seen.includes(id), id);
    const raw = await muster.service('POST', `/enrollmentGroups/query${api}`, { body: { query: 'SELECT *' } });
    assert.equal(raw.headers['x-ms-item-type'], 'EnrollmentGroup');
    assert.equal(raw.headers['x-ms-continuation'], undefined);
  });

  it('runs bulk operations on groups', async () => {
    const enrollmentGroups = ['b1', 'b2'].map((id) => ({ enrollmentGroupId: id, attestation: { type: 'symmetricKey' } }));
    const created = await muster.service('POST', `/enrollmentGroups${api}`, { body: { mode: 'create', enrollmentGroups } });
    assert.equal(created.status, 200);
    assert.equal(created.json.isSuccessful, true);
    const again = await muster.service('POST', `/enrollmentGroups/${api}`, { body: { mode: 'create', enrollmentGroups } });
    assert.equal(again.status, 200);
    assert.equal(again.json.isSuccessful, false);
    assert.deepEqual(again.json.errors.map((e) => e.enrollmentGroupId).sort(), ['b1', 'b2']);
    const removed = await muster.service('POST', `/enrollmentGroups${api}`, { body: { mode: 'delete', enrollmentGroups } });
    assert.equal(removed.json.isSuccessful, true);
  });

  it('deletes', async () => {
    await client.deleteEnrollmentGroup('keys');
    assert.equal(await statusOf(client.getEnrollmentGroup('keys')), 404);
    assert.equal(await statusOf(client.deleteEnrollmentGroup('keys')), 404);
  });
});
