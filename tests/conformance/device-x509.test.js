// azure-iot-provisioning-device over HTTPS with X.509: individual enrollments, groups, refusals.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { X509Security } = require('azure-iot-security-x509');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { Registry } = require('azure-iothub');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const registry = Registry.fromConnectionString(muster.connectionString('iothubowner'));

// What a device does: the SDK's own register over HTTPS with the chain that the device holds.
function register(registrationId, device, { idScope = muster.idScope, payload } = {}) {
  const security = new X509Security(registrationId, { cert: device.chain ?? device.cert, key: device.key });
  const client = ProvisioningDeviceClient.create(muster.host, idScope, new Http(), security);
  if (payload !== undefined) client.setProvisioningPayload(payload);
  return client.register();
}

// The JSON of a refusal: over HTTPS the SDK's error carries the whole body.
async function refusal(promise) {
  const error = await promise.then(() => assert.fail('the registration was accepted'), (e) => e);
  assert.equal(error.name, 'UnauthorizedError', error.stack);
  const body = JSON.parse(error.responseBody ?? error.message.slice(error.message.indexOf('{')));
  assert.equal(body.errorCode, 401002);
  assert.match(body.trackingId, /^[0-9a-fA-F-]{32,}/);
  assert.ok(body.message.length > 5);
  return body;
}

const individual = async (registrationId, primary, more = {}, secondary = undefined) =>
  (await service.createOrUpdateIndividualEnrollment({
    registrationId,
    attestation: {
      type: 'x509',
      x509: { clientCertificates: { primary: { certificate: primary }, ...(secondary && { secondary: { certificate: secondary } }) } },
    },
    ...more,
  })).responseBody;
const group = async (enrollmentGroupId, certificate, more = {}) =>
  (await service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId,
    attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate } } } },
    ...more,
  })).responseBody;
const record = async (id) => (await service.getDeviceRegistrationState(id)).responseBody;
const hubDevice = async (id) => (await registry.get(id)).responseBody;

describe('individual enrollment', { concurrency: true }, () => {
  it('registers a self-signed leaf; both planes and the hub agree', async () => {
    const device = pki.issue('solo');
    await individual('solo', device.cert, { initialTwin: { tags: { site: 'a' }, properties: { desired: { rate: 3 } } } });
    const state = await register('solo', device);
    assert.equal(state.status, 'assigned');
    assert.equal(state.substatus, 'initialAssignment');
    assert.equal(state.registrationId, 'solo');
    assert.equal(state.deviceId, 'solo');
    assert.equal(state.assignedHub, muster.host);
    const stored = await record('solo');
    for (const name of ['etag', 'assignedHub', 'deviceId', 'createdDateTimeUtc', 'lastUpdatedDateTimeUtc', 'status']) {
      assert.equal(stored[name], state[name], name);
    }
    const identity = await hubDevice('solo');
    assert.equal(identity.authentication.type, 'selfSigned');
    assert.equal(identity.authentication.x509Thumbprint.primaryThumbprint, device.thumbprint);
    assert.equal(identity.status, 'enabled');
    const twin = (await registry.getTwin('solo')).responseBody;
    assert.deepEqual(twin.tags, { site: 'a' });
    assert.equal(twin.properties.desired.rate, 3);
    assert.equal(twin.properties.desired.$version, 1);
    assert.equal(twin.properties.reported.$version, 1);
    const shown = (await service.getIndividualEnrollment('solo')).responseBody;
    assert.equal(shown.registrationState.status, 'assigned');
    assert.equal(shown.registrationState.deviceId, 'solo');
  });

  it('registers with the secondary certificate, whose thumbprint the hub then holds', async () => {
    const [first, second] = [pki.issue('rolling'), pki.issue('rolling')];
    await individual('rolling', first.cert, {}, second.cert);
    await register('rolling', first);
    assert.equal((await hubDevice('rolling')).authentication.x509Thumbprint.primaryThumbprint, first.thumbprint);
    const state = await register('rolling', second);
    assert.equal(state.substatus, 'initialAssignment');
    assert.equal((await hubDevice('rolling')).authentication.x509Thumbprint.primaryThumbprint, second.thumbprint);
  });

  it('gives the device id of the enrollment, and leaves the old identity when that changes', async () => {
    const device = pki.issue('renamed');
    const stored = await individual('renamed', device.cert, { deviceId: 'First_Name' });
    assert.equal((await register('renamed', device)).deviceId, 'First_Name');
    await service.createOrUpdateIndividualEnrollment({ ...stored, deviceId: 'second-name' });
    assert.equal((await register('renamed', device)).deviceId, 'second-name');
    assert.equal((await hubDevice('First_Name')).deviceId, 'First_Name');
    assert.equal((await hubDevice('second-name')).deviceId, 'second-name');
  });

  it('compares the common name without regard to case', async () => {
    const device = pki.issue('Mixed-Case');
    await individual('mixed-case', device.cert);
    assert.equal((await register('MIXED-case', device)).status, 'assigned');
  });

  it('makes an edge device with its system modules', async () => {
    const device = pki.issue('edge-one');
    await individual('edge-one', device.cert, { capabilities: { iotEdge: true } });
    await register('edge-one', device);
    const identity = await hubDevice('edge-one');
    assert.equal(identity.capabilities.iotEdge, true);
    assert.equal(identity.deviceScope, `ms-azure-iot-edge://edge-one-${identity.generationId}`);
    const modules = (await registry.getModulesOnDevice('edge-one')).responseBody;
    assert.deepEqual(modules.map((m) => m.moduleId).sort(), ['$edgeAgent', '$edgeHub']);
  });

  it('takes a payload of any kind', async () => {
    const device = pki.issue('with-payload');
    await individual('with-payload', device.cert);
    assert.equal((await register('with-payload', device, { payload: { modelId: 'dtmi:x;1', list: [1, null] } })).status, 'assigned');
  });

  it('refuses another leaf of the same name', async () => {
    await individual('impostor', pki.issue('impostor').cert);
    await refusal(register('impostor', pki.issue('impostor')));
  });

  it('refuses a leaf whose common name is another', async () => {
    const device = pki.issue('some-name');
    await individual('other-name', device.cert);
    const body = await refusal(register('other-name', device));
    assert.match(body.message, /certificate/i);
  });

  it('refuses an expired and a not yet valid leaf', async () => {
    const day = 24 * 3600 * 1000;
    const old = pki.issue('expired', { notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) });
    const early = pki.issue('early', { notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 9 * day) });
    await individual('expired', old.cert);
    await individual('early', early.cert);
    const bodies = [await refusal(register('expired', old)), await refusal(register('early', early))];
    assert.notEqual(bodies[0].trackingId, bodies[1].trackingId);
  });

  it('ends disabled with a record of it, and registers once enabled', async () => {
    const device = pki.issue('disabled');
    const stored = await individual('disabled', device.cert, { provisioningStatus: 'disabled' });
    const error = await register('disabled', device).then(() => assert.fail('accepted'), (e) => e);
    assert.match(String(error.message), /disabled/);
    assert.equal((await record('disabled')).status, 'disabled');
    await service.createOrUpdateIndividualEnrollment({ ...stored, provisioningStatus: 'enabled', etag: '*' });
    assert.equal((await register('disabled', device)).status, 'assigned');
    assert.equal((await record('disabled')).status, 'assigned');
  });

  it('does not tell an unknown id from a wrong certificate', async () => {
    await individual('known', pki.issue('known').cert);
    const known = await refusal(register('known', pki.issue('known')));
    const unknown = await refusal(register('unknown', pki.issue('unknown')));
    const shape = (message, id) => message.replaceAll(id, 'ID');
    assert.equal(shape(known.message, 'known'), shape(unknown.message, 'unknown'));
  });

  it('refuses a scope that is not ours', async () => {
    const device = pki.issue('scoped');
    await individual('scoped', device.cert);
    const error = await register('scoped', device, { idScope: '0neDEADBEEF' }).then(() => assert.fail('accepted'), (e) => e);
    assert.ok([401, 404].includes(error.response.statusCode), String(error));
  });
});

describe('enrollment group', () => {
  let ca;
  before(async () => {
    ca = pki.hierarchy('fleet');
    await group('fleet', ca.root.cert, { capabilities: { iotEdge: true }, initialTwin: { tags: { fleet: 'one' } } });
  });

  it('registers leaf, intermediate 2, intermediate 1 below the root', async () => {
    const device = pki.device('fleet-001', ca.second, [ca.second, ca.first]);
    const state = await register('fleet-001', device);
    assert.equal(state.deviceId, 'fleet-001');
    const identity = await hubDevice('fleet-001');
    assert.equal(identity.authentication.type, 'selfSigned');
    assert.equal(identity.authentication.x509Thumbprint.primaryThumbprint, device.thumbprint);
    assert.equal(identity.capabilities.iotEdge, true);
    assert.deepEqual((await registry.getTwin('fleet-001')).responseBody.tags, { fleet: 'one' });
  });

  it('does not mind the root at the end of the chain', async () => {
    const device = pki.device('fleet-002', ca.second, [ca.second, ca.first, ca.root]);
    assert.equal((await register('fleet-002', device)).status, 'assigned');
  });

  it('registers a leaf right below the root, alone', async () => {
    assert.equal((await register('fleet-003', pki.device('fleet-003', ca.root))).status, 'assigned');
  });

  it('lists its registration records in pages, and nobody else’s', async () => {
    const lone = pki.issue('not-in-group');
    await individual('not-in-group', lone.cert);
    await register('not-in-group', lone);
    const query = service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'fleet', 1);
    const seen = [];
    while (query.hasMoreResults) {
      const page = (await query.next(query.continuationToken)).responseBody;
      assert.ok(page.length <= 1);
      seen.push(...page);
      assert.ok(seen.length < 20);
    }
    assert.deepEqual(seen.map((r) => r.registrationId).sort(), ['fleet-001', 'fleet-002', 'fleet-003']);
    assert.ok(seen.every((r) => r.status === 'assigned' && r.deviceId && r.assignedHub === muster.host && r.etag));
    const raw = await muster.service('POST', '/registrations/fleet/query?api-version=2021-10-01', { body: '' });
    assert.equal(raw.headers['x-ms-item-type'], 'DeviceRegistration');
    assert.equal(raw.headers['x-ms-continuation'], undefined);
    assert.equal(raw.json.length, 3);
  });

  it('refuses the leaf without its intermediates', async () => {
    await refusal(register('fleet-004', pki.device('fleet-004', ca.second)));
    await refusal(register('fleet-004', pki.device('fleet-004', ca.second, [ca.second])));
  });

  it('refuses a leaf of another root with the same names', async () => {
    const twin = pki.hierarchy('fleet');
    await refusal(register('fleet-005', pki.device('fleet-005', twin.second, [twin.second, twin.first])));
    await refusal(register('fleet-005', pki.device('fleet-005', twin.second, [ca.second, ca.first])));
  });

  it('refuses a common name that is not the registration id', async () => {
    await refusal(register('fleet-006', pki.device('fleet-xxx', ca.second, [ca.second, ca.first])));
  });

  it('refuses an expired leaf, an expired intermediate and a leaf for servers', async () => {
    const day = 24 * 3600 * 1000;
    const past = { notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) };
    await refusal(register('fleet-007', pki.device('fleet-007', ca.second, [ca.second, ca.first], past)));
    const stale = pki.authority('fleet stale', ca.root, past);
    await refusal(register('fleet-008', pki.device('fleet-008', stale, [stale])));
    const extensions = pki.LEAF_EXTENSIONS.replace('clientAuth', 'serverAuth');
    await refusal(register('fleet-009', pki.device('fleet-009', ca.second, [ca.second, ca.first], { extensions })));
  });

  it('refuses a chain through a certificate that is no CA', async () => {
    const leaf = pki.device('fleet-010', ca.second, [ca.second, ca.first]);
    const below = pki.device('fleet-011', leaf, [leaf, ca.second, ca.first]);
    await refusal(register('fleet-011', below));
  });

  it('lets an individual enrollment, even a disabled one, stand before the group', async () => {
    const device = pki.device('fleet-012', ca.second, [ca.second, ca.first]);
    await individual('fleet-012', pki.issue('fleet-012').cert, { provisioningStatus: 'disabled' });
    const error = await register('fleet-012', device).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(error);
    await service.deleteIndividualEnrollment('fleet-012');
    assert.equal((await register('fleet-012', device)).status, 'assigned');
  });

  it('lets a disabled group of the nearer intermediate stand before the enabled one of the root', async () => {
    const device = pki.device('fleet-013', ca.second, [ca.second, ca.first]);
    await group('blocked', ca.second.cert, { provisioningStatus: 'disabled' });
    const error = await register('fleet-013', device).then(() => assert.fail('accepted'), (e) => e);
    assert.ok(error);
    await service.deleteEnrollmentGroup('blocked');
    assert.equal((await register('fleet-013', device)).status, 'assigned');
  });

  it('registers under an intermediate alone', async () => {
    const own = pki.hierarchy('partial');
    await group('partial', own.second.cert);
    assert.equal((await register('partial-1', pki.device('partial-1', own.second, [own.second]))).status, 'assigned');
    assert.equal((await register('partial-2', pki.device('partial-2', own.second))).status, 'assigned');
  });

  it('works with RSA keys too', async () => {
    const root = pki.authority('rsa root', undefined, { key: ['RSA', 'rsa_keygen_bits:2048'] });
    await group('rsa', root.cert);
    const device = pki.device('rsa-1', root, [], { key: ['RSA', 'rsa_keygen_bits:2048'] });
    assert.equal((await register('rsa-1', device)).status, 'assigned');
  });

  it('forgets a registration record, keeps the identity, and registers again', async () => {
    const state = await record('fleet-001');
    const stale = await service.deleteDeviceRegistrationState('fleet-001', '"stale"').then(() => 'accepted', (e) => e.response.statusCode);
    assert.equal(stale, 412);
    await service.deleteDeviceRegistrationState('fleet-001', state.etag);
    const gone = await service.getDeviceRegistrationState('fleet-001').then(() => 'there', (e) => e.response.statusCode);
    assert.equal(gone, 404);
    assert.equal((await hubDevice('fleet-001')).deviceId, 'fleet-001');
    const again = pki.device('fleet-001', ca.first, [ca.first]);
    assert.equal((await register('fleet-001', again)).substatus, 'initialAssignment');
    assert.equal((await hubDevice('fleet-001')).authentication.x509Thumbprint.primaryThumbprint, again.thumbprint);
  });
});
