// A service that has more to do than it can (overload.toml makes that soon): it says so early, in each protocol's own
// words, and recovers by itself.
'use strict';
const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Mqtt } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const muster = require('./lib/muster');
const mqtt = require('./lib/raw-mqtt');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const v = 'api-version=2021-06-01';

function token(registrationId, key) {
  const resource = `${muster.idScope}%2Fregistrations%2F${registrationId}`;
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const sig = encodeURIComponent(muster.signature(key, `${resource}\n${expiry}`));
  return `SharedAccessSignature sr=${resource}&sig=${sig}&se=${expiry}&skn=registration`;
}

describe('overload', () => {
  it('refuses early with 429 and CONNACK 3, answers the service API, and recovers', async () => {
    const created = await service.createOrUpdateIndividualEnrollment({ registrationId: 'dev', attestation: { type: 'symmetricKey' } });
    const key = created.responseBody.attestation.symmetricKey.primaryKey;
    const seen = { 202: 0, 429: 0 };
    let busy = true;
    const crowd = Array.from({ length: 24 }, async () => {
      while (busy) {
        const answer = await muster.request('PUT', `/${muster.idScope}/registrations/dev/register?${v}`,
          { headers: { Authorization: token('dev', key) }, body: { registrationId: 'dev' } });
        seen[answer.status] = (seen[answer.status] ?? 0) + 1;
        if (answer.status !== 429) continue;
        assert.equal(answer.json.errorCode, 429001);
        assert.match(answer.headers['retry-after'], /^[0-9]+$/);
      }
    });

    const codes = new Set();
    for (let i = 0; i < 400 && !codes.has(3); ++i) {
      const session = await mqtt.Session.open();
      session.send(mqtt.connect({ user: mqtt.userName('dev'), password: token('dev', key) }));
      const connack = await session.next();
      codes.add(connack.body[1]);
      session.close();
    }
    assert.equal((await muster.service('GET', `/enrollments/dev?${v}`)).status, 200);
    busy = false;
    await Promise.all(crowd);
    assert.ok(codes.has(3), `CONNACK had ${[...codes]}`);
    assert.ok(seen[202] > 0 && seen[429] > 0, JSON.stringify(seen));
    assert.deepEqual(Object.keys(seen).sort(), ['202', '429'], JSON.stringify(seen));

    const state = await ProvisioningDeviceClient.create(muster.host, muster.idScope, new Mqtt(), new SymmetricKeySecurityClient('dev', key)).register();
    assert.equal(state.status, 'assigned');
  });
});
