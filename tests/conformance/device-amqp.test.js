// azure-iot-provisioning-device over AMQP, on port 5671 and through a WebSocket on 443, with certificates and with keys.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Amqp, AmqpWs } = require('azure-iot-provisioning-device-amqp');
const { Http } = require('azure-iot-provisioning-device-http');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { Registry } = require('azure-iothub');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const registry = Registry.fromConnectionString(muster.connectionString('iothubowner'));

function register(Transport, security, { idScope = muster.idScope, payload } = {}) {
  const client = ProvisioningDeviceClient.create(muster.host, idScope, new Transport(), security);
  if (payload !== undefined) client.setProvisioningPayload(payload);
  return client.register();
}
const withChain = (device, rid = device.commonName) => new X509Security(rid, { cert: device.chain ?? device.cert, key: device.key });
const withKey = (rid, key) => new SymmetricKeySecurityClient(rid, key);
const record = async (id) => (await service.getDeviceRegistrationState(id)).responseBody;
const failure = (promise) => promise.then(() => assert.fail('accepted'), (e) => e);
const individual = async (registrationId, attestation, more = {}) => (await service.createOrUpdateIndividualEnrollment(
  { registrationId, attestation, ...more })).responseBody;
const leaf = (certificate) => ({ type: 'x509', x509: { clientCertificates: { primary: { certificate } } } });

for (const [name, Transport] of Object.entries({ amqp: Amqp, 'amqp over a websocket': AmqpWs })) {
  describe(name, { concurrency: true }, () => {
    const tag = Transport === Amqp ? 'amqp' : 'amqpws';
    let ca;
    let keys;
    before(async () => {
      ca = pki.hierarchy(`${tag} fleet`);
      await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: `${tag}-certs`, initialTwin: { tags: { by: tag } },
        attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } } });
      const group = await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: `${tag}-keys`, attestation: { type: 'symmetricKey' } });
      keys = group.responseBody.attestation.symmetricKey;
    });

    it('registers an individual certificate; the result is that of HTTPS', async () => {
      const device = pki.issue(`${tag}-solo`);
      await individual(`${tag}-solo`, leaf(device.cert));
      const state = await register(Transport, withChain(device));
      assert.equal(state.status, 'assigned');
      assert.equal(state.substatus, 'initialAssignment');
      assert.equal(state.deviceId, `${tag}-solo`);
      assert.equal(state.assignedHub, muster.host);
      const stored = await record(`${tag}-solo`);
      for (const member of ['etag', 'assignedHub', 'deviceId', 'createdDateTimeUtc', 'lastUpdatedDateTimeUtc', 'status']) {
        assert.equal(stored[member], state[member], member);
      }
      const identity = (await registry.get(`${tag}-solo`)).responseBody;
      assert.equal(identity.authentication.x509Thumbprint.primaryThumbprint, device.thumbprint);
      const again = await register(Http, withChain(device));
      assert.deepEqual(Object.keys(again).sort(), Object.keys(state).sort());
    });

    it('registers leaf and intermediates below the root of a group, with a payload', async () => {
      const device = pki.device(`${tag}-chain`, ca.second, [ca.second, ca.first]);
      const state = await register(Transport, withChain(device), { payload: { a: [1] } });
      assert.equal(state.status, 'assigned');
      assert.deepEqual((await registry.getTwin(`${tag}-chain`)).responseBody.tags, { by: tag });
    });

    it('registers individual keys, primary and secondary', async () => {
      const { symmetricKey } = (await individual(`${tag}-key`, { type: 'symmetricKey' })).attestation;
      assert.equal((await register(Transport, withKey(`${tag}-key`, symmetricKey.primaryKey))).status, 'assigned');
      assert.equal((await register(Transport, withKey(`${tag}-key`, symmetricKey.secondaryKey))).status, 'assigned');
    });

    it('registers keys derived from either of a group', async () => {
      for (const key of [keys.primaryKey, keys.secondaryKey]) {
        const rid = `${tag}-Derived`;
        const state = await register(Transport, withKey(rid, muster.signature(key, rid)));
        assert.equal(state.status, 'assigned');
        assert.equal(state.registrationId, rid);
      }
    });

    it('registers twenty at once', async () => {
      const ids = Array.from({ length: 20 }, (_, i) => `${tag}-many-${i}`);
      const { key, certs } = pki.leaves(ids, ca.root);
      const states = await Promise.all(ids.map((id) => register(Transport, new X509Security(id, { cert: certs.get(id), key }))));
      assert.deepEqual(states.map((s) => s.deviceId), ids);
    });

    it('says what is wrong with a credential: the JSON of HTTPS in the description of the rejection', async () => {
      const device = pki.issue(`${tag}-wrong`);
      await individual(`${tag}-other`, leaf(device.cert));
      for (const security of [withChain(device, `${tag}-other`), withChain(device, `${tag}-unknown`), withKey(`${tag}-k`, keys.primaryKey)]) {
        const error = await failure(register(Transport, security));
        assert.equal(error.condition, 'amqp:unauthorized-access', String(error));
        const body = JSON.parse(error.description);
        assert.equal(body.errorCode, 401002);
        assert.match(body.trackingId, /^[0-9a-f-]{36}$/);
        assert.ok(body.message.length > 10);
      }
    });

    it('ends disabled with a record of it', async () => {
      const device = pki.issue(`${tag}-off`);
      await individual(`${tag}-off`, leaf(device.cert), { provisioningStatus: 'disabled' });
      const error = await failure(register(Transport, withChain(device)));
      assert.match(String(error.message), /disabled/);
      assert.equal((await record(`${tag}-off`)).status, 'disabled');
    });

    it('refuses a foreign id scope', async () => {
      const byChain = await failure(register(Transport, withChain(pki.issue(`${tag}-solo`)), { idScope: '0ne00ABCDEF' }));
      assert.equal(byChain.condition, 'amqp:not-found', String(byChain));
      assert.equal(JSON.parse(byChain.description).errorCode, 404201);
      const byKey = await failure(register(Transport, withKey(`${tag}-solo`, keys.primaryKey), { idScope: '0ne00ABCDEF' }));
      assert.match(`${byKey.name} ${byKey.message} ${byKey.condition}`, /unauthorized|authenticate|NotConnected/i);
    });
  });
}
