// azure-iot-provisioning-device over MQTT, on port 8883 and through a WebSocket on 443, with certificates and with keys.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));

function register(Transport, security) {
  return ProvisioningDeviceClient.create(muster.host, muster.idScope, new Transport(), security).register();
}
const withChain = (device) => new X509Security(device.commonName, { cert: device.chain, key: device.key });
const record = async (id) => (await service.getDeviceRegistrationState(id)).responseBody;

for (const [name, Transport] of Object.entries({ mqtt: Mqtt, 'mqtt over a websocket': MqttWs })) {
  describe(name, { concurrency: true }, () => {
    const tag = Transport === Mqtt ? 'tcp' : 'ws';
    let ca;
    let key;
    before(async () => {
      ca = pki.hierarchy(`mqtt ${tag}`);
      await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: `certs-${tag}`,
        attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } } });
      const group = await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: `keys-${tag}`, attestation: { type: 'symmetricKey' } });
      key = group.responseBody.attestation.symmetricKey.primaryKey;
    });

    it('registers a chain; both planes agree', async () => {
      const device = pki.device(`mqtt-${tag}-1`, ca.second, [ca.second, ca.first]);
      const state = await register(Transport, withChain(device));
      assert.equal(state.status, 'assigned');
      assert.equal(state.deviceId, device.commonName);
      const stored = await record(device.commonName);
      for (const member of ['etag', 'assignedHub', 'deviceId', 'createdDateTimeUtc', 'lastUpdatedDateTimeUtc']) {
        assert.equal(stored[member], state[member], member);
      }
    });

    it('registers a derived key', async () => {
      const rid = `mqtt-${tag}-key`;
      const state = await register(Transport, new SymmetricKeySecurityClient(rid, muster.signature(key, rid)));
      assert.equal(state.status, 'assigned');
    });

    it('refuses a foreign chain and a wrong key by an answer', async () => {
      const other = pki.hierarchy('mqtt stranger');
      const device = pki.device(`mqtt-${tag}-2`, other.second, [other.second, other.first]);
      const error = await register(Transport, withChain(device)).then(() => assert.fail('accepted'), (e) => e);
      assert.equal(error.name, 'UnauthorizedError', String(error));
      assert.equal(error.result.errorCode, 401002);
      const rid = `mqtt-${tag}-wrong`;
      const wrong = await register(Transport, new SymmetricKeySecurityClient(rid, key)).then(() => assert.fail('accepted'), (e) => e);
      assert.equal(wrong.name, 'UnauthorizedError', String(wrong));
    });

    it('ends disabled', async () => {
      const device = pki.device(`mqtt-${tag}-off`, ca.first, [ca.first]);
      await service.createOrUpdateIndividualEnrollment({ registrationId: device.commonName, provisioningStatus: 'disabled',
        attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: device.cert } } } } });
      const error = await register(Transport, withChain(device)).then(() => assert.fail('accepted'), (e) => e);
      assert.match(String(error.message), /disabled/);
    });
  });
}
