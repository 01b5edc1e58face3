// azure-iot-provisioning-device over HTTPS with symmetric keys: individual keys, derived keys of a group, refusals; and
// the forms in which other SDKs write their signatures.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { Registry } = require('azure-iothub');
const muster = require('./lib/muster');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const registry = Registry.fromConnectionString(muster.connectionString('iothubowner'));
const v = 'api-version=2021-06-01';

function register(registrationId, key) {
  const security = new SymmetricKeySecurityClient(registrationId, key);
  return ProvisioningDeviceClient.create(muster.host, muster.idScope, new Http(), security).register();
}
async function refused(promise) {
  const error = await promise.then(() => assert.fail('the registration was accepted'), (e) => e);
  assert.equal(error.name, 'UnauthorizedError', error.stack);
  return JSON.parse(error.responseBody);
}
const derive = (groupKey, rid) => muster.signature(groupKey, rid);
const individual = async (registrationId, more = {}) => (await service.createOrUpdateIndividualEnrollment(
  { registrationId, attestation: { type: 'symmetricKey' }, ...more })).responseBody.attestation.symmetricKey;
const hubDevice = async (id) => (await registry.get(id)).responseBody;

describe('individual keys', { concurrency: true }, () => {
  it('registers with the primary and with the secondary key; the hub holds both', async () => {
    const keys = await individual('key-one');
    const state = await register('key-one', keys.primaryKey);
    assert.equal(state.status, 'assigned');
    assert.equal(state.deviceId, 'key-one');
    const identity = await hubDevice('key-one');
    assert.equal(identity.authentication.type, 'sas');
    assert.deepEqual(identity.authentication.symmetricKey, keys);
    assert.equal((await register('key-one', keys.secondaryKey)).status, 'assigned');
  });

  it('refuses a foreign key, another device’s key and an unknown id alike', async () => {
    const other = await individual('key-two');
    await individual('key-three');
    const foreign = await refused(register('key-three', Buffer.alloc(64, 9).toString('base64')));
    const borrowed = await refused(register('key-three', other.primaryKey));
    const unknown = await refused(register('key-nobody', other.primaryKey));
    assert.equal(foreign.errorCode, 401002);
    assert.equal(foreign.message.replaceAll('key-three', ''), unknown.message.replaceAll('key-nobody', ''));
    assert.equal(foreign.message, borrowed.message);
  });

  it('ends disabled', async () => {
    const keys = await individual('key-off', { provisioningStatus: 'disabled' });
    const error = await register('key-off', keys.primaryKey).then(() => assert.fail('accepted'), (e) => e);
    assert.match(String(error.message), /disabled/);
    assert.equal((await service.getDeviceRegistrationState('key-off')).responseBody.status, 'disabled');
  });
});

describe('keys derived from a group’s', () => {
  let keys;
  before(async () => {
    keys = (await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'keys', attestation: { type: 'symmetricKey' },
      initialTwin: { tags: { by: 'key' } } })).responseBody.attestation.symmetricKey;
  });

  it('derives as the documents’ example', () => {
    const group = '8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==';
    assert.equal(derive(group, 'sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6'), 'Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=');
  });

  it('registers with the documents’ example', async () => {
    const group = '8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==';
    await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'documented',
      attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: group, secondaryKey: group } } });
    const state = await register('sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6', 'Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=');
    assert.equal(state.status, 'assigned');
    await service.deleteEnrollmentGroup('documented');
  });

  it('registers with a key derived from the primary and from the secondary key', async () => {
    const [primary, secondary] = [derive(keys.primaryKey, 'unit-1'), derive(keys.secondaryKey, 'unit-1')];
    assert.equal((await register('unit-1', primary)).deviceId, 'unit-1');
    const identity = await hubDevice('unit-1');
    assert.equal(identity.authentication.symmetricKey.primaryKey, primary);
    assert.deepEqual((await registry.getTwin('unit-1')).responseBody.tags, { by: 'key' });
    assert.equal((await register('unit-1', secondary)).status, 'assigned');
    const records = await muster.service('POST', '/registrations/keys/query?api-version=2021-10-01', { body: '' });
    assert.deepEqual(records.json.map((r) => r.registrationId), ['unit-1']);
  });

  it('refuses the group’s key itself and a key derived for another id', async () => {
    await refused(register('unit-2', keys.primaryKey));
    await refused(register('unit-2', derive(keys.primaryKey, 'unit-3')));
  });

  describe('in the forms of the other SDKs', () => {
    const rid = 'Unit-Forms';
    const now = () => Math.floor(Date.now() / 1000);
    const put = (authorization) => muster.request('PUT', `/${muster.idScope}/registrations/${rid}/register?${v}`,
      { headers: { Authorization: authorization }, body: { registrationId: rid } });
    // `resource` as the SDK writes it, and the order of its parameters.
    const token = (resource, order, { expiry = now() + 3600, key = derive(keys.primaryKey, rid), encode = encodeURIComponent } = {}) => {
      const parts = { sr: resource, sig: encode(muster.signature(key, `${resource}\n${expiry}`)), se: String(expiry), skn: 'registration' };
      return `SharedAccessSignature ${order.map((name) => `${name}=${parts[name]}`).join('&')}`;
    };
    const lowerHex = (text) => encodeURIComponent(text).replace(/%../g, (escape) => escape.toLowerCase());

    it('Node, Python, C and the stock edge runtime', async () => {
      const plain = `${muster.idScope}/registrations/${rid}`;
      const forms = {
        node: token(plain, ['sr', 'sig', 'skn', 'se']),
        python: token(encodeURIComponent(plain), ['sr', 'sig', 'se']),
        c: token(lowerHex(plain), ['sr', 'sig', 'se', 'skn'], { encode: lowerHex }),
        runtime: token(plain.toLowerCase(), ['sr', 'sig', 'se', 'skn'], { expiry: now() + 30 }),
      };
      for (const [name, authorization] of Object.entries(forms)) {
        const answer = await put(authorization);
        assert.equal(answer.status, 202, `${name}: ${answer.text}`);
      }
    });

    it('the stock edge runtime’s 30 seconds long token serves all its polls', async () => {
      const plain = `${muster.idScope}/registrations/${rid}`.toLowerCase();
      const all = ['sr', 'sig', 'se', 'skn'];
      const accepted = await put(token(plain, all, { expiry: now() + 30 }));
      assert.equal(accepted.status, 202, accepted.text);
      const target = `/${muster.idScope}/registrations/${rid}/operations/${accepted.json.operationId}?${v}`;
      // Forty seconds of polls later it has expired; one that was made earlier is the same.
      for (const age of [0, 40, 90]) {
        const poll = await muster.request('GET', target, { headers: { Authorization: token(plain, all, { expiry: now() + 30 - age }) } });
        assert.equal(poll.status, 200, `${age} s: ${poll.text}`);
        assert.equal(poll.json.status, 'assigned');
      }
    });

    it('refuses an expired one, one for another device and one that was changed', async () => {
      const plain = `${muster.idScope}/registrations/${rid}`;
      const all = ['sr', 'sig', 'se', 'skn'];
      const bad = {
        expired: token(plain, all, { expiry: now() - 3600 }),
        elsewhere: token(`${muster.idScope}/registrations/unit-1`, all),
        changed: token(plain, all).replace(/se=\d+/, `se=${now() + 7200}`),
        empty: 'SharedAccessSignature ',
      };
      for (const [name, authorization] of Object.entries(bad)) {
        const answer = await put(authorization);
        assert.equal(answer.status, 401, `${name}: ${answer.text}`);
        assert.equal(answer.json.errorCode, 401002, name);
      }
    });
  });
});
