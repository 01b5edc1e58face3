// azure-iot-provisioning-device with azure-iot-security-tpm over AMQP, on a TPM in software: the challenge goes through
// SASL. And that exchange by the byte, for what no client of good faith says.
'use strict';
const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Amqp, AmqpWs } = require('azure-iot-provisioning-device-amqp');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { TpmSecurityClient } = require('azure-iot-security-tpm');
const muster = require('./lib/muster');
const raw = require('./lib/raw-mqtt');
const { SoftwareTpm, available } = require('./lib/software-tpm');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const promised = (call) => new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));
const enroll = (registrationId, endorsementKey, more = {}) => service.createOrUpdateIndividualEnrollment(
  { registrationId, attestation: { type: 'tpm', tpm: { endorsementKey } }, ...more });

// SASL by the byte.
const frame = (descriptor, ...fields) => {
  const list = Buffer.concat(fields);
  const body = Buffer.concat([Buffer.from([0, 0x53, descriptor, 0xd0]), size(list.length + 4), size(fields.length), list]);
  return Buffer.concat([size(body.length + 8), Buffer.from([2, 1, 0, 0]), body]);
};
const size = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; };
const binary = (bytes) => Buffer.concat([Buffer.from([0xb0]), size(bytes.length), bytes]);
const init = (text) => frame(0x41, Buffer.from([0xa3, 3, 0x54, 0x50, 0x4d]), binary(Buffer.from(text, 'latin1')));
const response = (text) => frame(0x43, binary(Buffer.from(text, 'latin1')));
const outcome = (code) => Buffer.from([0x00, 0x53, 0x44, 0xc0, 0x03, 0x01, 0x50, code]);
const challenge = Buffer.from([0x00, 0x53, 0x42, 0xc0, 0x04, 0x01, 0xa0, 0x01, 0x00]);
const begin = async (text) => {
  const session = await raw.Session.open({ port: 5671 });
  session.send(Buffer.from('AMQP\x03\x01\0\0', 'latin1'), init(text));
  return session;
};
const comes = (session, bytes) => session.wait(() => (session.received.includes(bytes) ? true : undefined));

describe('TPM attestation', { skip: !available && 'swtpm and tpm2-tools are not installed' }, () => {
  let tpm, security, registrationId, endorsementKey;
  const register = (Transport) => ProvisioningDeviceClient.create(muster.host, muster.idScope, new Transport(), security).register();
  before(async () => {
    tpm = await SoftwareTpm.start();
    security = new TpmSecurityClient(undefined, tpm.client());
    endorsementKey = (await promised((cb) => security.getEndorsementKey(cb))).toString('base64');
    registrationId = await promised((cb) => security.getRegistrationId(cb));
  });
  after(() => {
    tpm?.stop();
    // After a refusal the SDK leaves its connection and its timers, which would keep the process.
    setTimeout(() => process.exit(), 1000).unref();
  });

  // The SDK's promise never settles when its connection is refused before the challenge: hence by the byte.
  it('is refused in SASL before its TPM is enrolled', async () => {
    const storageRootKey = await promised((cb) => security.getStorageRootKey(cb));
    const session = await begin(`\0${muster.idScope}\0${registrationId}\0${Buffer.from(endorsementKey, 'base64').toString('latin1')}`);
    assert.ok(await comes(session, challenge));
    session.send(response(`\0${storageRootKey.toString('latin1')}`));
    assert.ok(await comes(session, outcome(1)));
    session.close();
  });

  for (const Transport of [Amqp, AmqpWs]) {
    it(`registers over ${Transport.name}`, async () => {
      await enroll(registrationId, endorsementKey, { deviceId: 'amqp-tpm' });
      const result = await register(Transport);
      assert.equal((result.registrationState ?? result).deviceId, 'amqp-tpm');
      assert.equal((await service.getDeviceRegistrationState(registrationId)).responseBody.status, 'assigned');
    });
  }

  it('ends disabled', async () => {
    await enroll(registrationId, endorsementKey, { deviceId: 'amqp-tpm', provisioningStatus: 'disabled' });
    await assert.rejects(register(Amqp), /disabled/);
  });
});

describe('the exchange', { concurrency: true }, () => {
  it('refuses what is not of its form', async () => {
    for (const text of ['', 'x', '\0', '\0another\0rid\0ek', `\0${muster.idScope}\0\0ek`, `\0${muster.idScope}\0rid\0`]) {
      const session = await begin(text);
      assert.ok(await comes(session, outcome(1)), JSON.stringify(text));
      session.close();
    }
  });

  it('refuses keys that are none, and answers out of turn', async () => {
    for (const answers of [['\0no storage root key'], ['no zero'], ['']]) {
      const session = await begin(`\0${muster.idScope}\0rid\0no endorsement key`);
      assert.ok(await comes(session, challenge));
      for (const text of answers) session.send(response(text));
      assert.ok(await comes(session, outcome(1)));
      session.close();
    }
  });
});
