// azure-iot-provisioning-device over MQTT and over MQTT in WebSockets, with X.509: the same results as over HTTPS.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { X509Security } = require('azure-iot-security-x509');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { Registry } = require('azure-iothub');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const registry = Registry.fromConnectionString(muster.connectionString('iothubowner'));

function register(Transport, registrationId, device, { idScope = muster.idScope, payload } = {}) {
  const security = new X509Security(registrationId, { cert: device.chain ?? device.cert, key: device.key });
  const client = ProvisioningDeviceClient.create(muster.host, idScope, new Transport(), security);
  if (payload !== undefined) client.setProvisioningPayload(payload);
  return client.register();
}

const individual = (registrationId, certificate, more = {}) =>
  service.createOrUpdateIndividualEnrollment({
    registrationId,
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate } } } },
    ...more,
  });

for (const Transport of [Mqtt, MqttWs]) {
  describe(Transport.name, { concurrency: true }, () => {
    const prefix = Transport.name.toLowerCase();
    let ca;
    before(async () => {
      ca = pki.hierarchy(`${prefix} fleet`);
      await service.createOrUpdateEnrollmentGroup({
        enrollmentGroupId: `${prefix}-fleet`,
        attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } },
        initialTwin: { tags: { transport: prefix } },
      });
    });

    it('registers an individual enrollment; the result is that of HTTPS', async () => {
      const device = pki.issue(`${prefix}-solo`);
      await individual(`${prefix}-solo`, device.cert);
      const state = await register(Transport, `${prefix}-solo`, device);
      assert.equal(state.status, 'assigned');
      assert.equal(state.substatus, 'initialAssignment');
      assert.equal(state.deviceId, `${prefix}-solo`);
      assert.equal(state.assignedHub, muster.host);
      const stored = (await service.getDeviceRegistrationState(`${prefix}-solo`)).responseBody;
      for (const name of ['etag', 'assignedHub', 'deviceId', 'createdDateTimeUtc', 'lastUpdatedDateTimeUtc', 'status']) {
        assert.equal(stored[name], state[name], name);
      }
      const identity = (await registry.get(`${prefix}-solo`)).responseBody;
      assert.equal(identity.authentication.x509Thumbprint.primaryThumbprint, device.thumbprint);
      const again = await register(Http, `${prefix}-solo`, device);
      assert.deepEqual(Object.keys(again).sort(), Object.keys(state).sort());
    });

    it('registers leaf and intermediates below the root of a group, with a payload', async () => {
      const id = `${prefix}-fleet-1`;
      const state = await register(Transport, id, pki.device(id, ca.second, [ca.second, ca.first]), { payload: { a: [1] } });
      assert.equal(state.status, 'assigned');
      assert.deepEqual((await registry.getTwin(id)).responseBody.tags, { transport: prefix });
    });

    it('registers twenty at once', async () => {
      const ids = Array.from({ length: 20 }, (_, i) => `${prefix}-many-${i}`);
      const { key, certs } = pki.leaves(ids, ca.root);
      const states = await Promise.all(ids.map((id) => register(Transport, id, { cert: certs.get(id), key })));
      assert.deepEqual(states.map((s) => s.deviceId), ids);
    });

    it('says what is wrong with a certificate, as JSON in a response', async () => {
      const device = pki.issue(`${prefix}-wrong`);
      await individual(`${prefix}-other`, device.cert);
      for (const id of [`${prefix}-other`, `${prefix}-unknown`]) {
        const error = await register(Transport, id, device).then(() => assert.fail('accepted'), (e) => e);
        assert.equal(error.name, 'UnauthorizedError', error.stack);
        assert.equal(error.result.errorCode, 401002);
        assert.match(error.result.trackingId, /^[0-9a-f-]{36}$/);
        assert.ok(error.result.message.length > 10);
      }
    });

    it('ends disabled with a record of it', async () => {
      const device = pki.issue(`${prefix}-off`);
      await individual(`${prefix}-off`, device.cert, { provisioningStatus: 'disabled' });
      const error = await register(Transport, `${prefix}-off`, device).then(() => assert.fail('accepted'), (e) => e);
      assert.match(String(error.message), /disabled/);
      assert.equal((await service.getDeviceRegistrationState(`${prefix}-off`)).responseBody.status, 'disabled');
    });

    it('refuses a foreign id scope at CONNECT', async () => {
      const error = await register(Transport, `${prefix}-solo`, pki.issue(`${prefix}-solo`), { idScope: '0ne00ABCDEF' })
        .then(() => assert.fail('accepted'), (e) => e);
      assert.match(String(error.message) + error.name, /not authorized|refused|Unauthorized/i);
    });
  });
}
