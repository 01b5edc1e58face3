// Limits, as clients live through them (facts/dps.md 4.3, 4.4): musterd runs with throttling.toml.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { Amqp } = require('azure-iot-provisioning-device-amqp');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const rhea = require('rhea');
const muster = require('./lib/muster');
const mqtt = require('./lib/raw-mqtt');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const v = 'api-version=2021-06-01';

const enroll = async (registrationId) => (await service.createOrUpdateIndividualEnrollment(
  { registrationId, attestation: { type: 'symmetricKey' } })).responseBody.attestation.symmetricKey.primaryKey;

function token(registrationId, key) {
  const resource = `${muster.idScope}%2Fregistrations%2F${registrationId}`;
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const sig = encodeURIComponent(muster.signature(key, `${resource}\n${expiry}`));
  return `SharedAccessSignature sr=${resource}&sig=${sig}&se=${expiry}&skn=registration`;
}
const register = (registrationId, key) => muster.request('PUT', `/${muster.idScope}/registrations/${registrationId}/register?${v}`,
  { headers: { Authorization: token(registrationId, key) }, body: { registrationId } });

function assertThrottled(answer) {
  assert.equal(answer.status, 429, answer.text);
  assert.equal(answer.json.errorCode, 429001);
  assert.ok(answer.json.trackingId && answer.json.message);
  // A plain integer from 1 to 300: some clients take nothing else.
  assert.match(answer.headers['retry-after'], /^[0-9]+$/);
  assert.ok(answer.headers['retry-after'] >= 1 && answer.headers['retry-after'] <= 300);
}

// Until the service has no token left: the first refusal.
async function drain(registrationId, key) {
  for (let i = 0; i < 40; ++i) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => register(registrationId, key)));
    const refused = answers.find((answer) => answer.status === 429);
    if (refused !== undefined) return refused;
    for (const answer of answers) assert.equal(answer.status, 202, answer.text);
  }
  return assert.fail('the limit is not kept');
}

describe('limits', () => {
  let key;
  before(async () => { key = await enroll('busy'); });

  it('holds a group to its own', { skip: muster.nodes && 'limits are of each node' }, async () => {
    const group = await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'small', attestation: { type: 'symmetricKey' } });
    const groupKey = group.responseBody.attestation.symmetricKey.primaryKey;
    let refused;
    for (let i = 0; i < 8 && refused === undefined; ++i) {
      const id = `small-${i}`;
      const answer = await register(id, muster.signature(groupKey, id));
      if (answer.status === 429) refused = answer;
      else assert.equal(answer.status, 202, answer.text);
    }
    assertThrottled(refused);
    assert.match(refused.json.message, /group/);
    assert.equal((await register('busy', key)).status, 202, 'others are not held back by it');
  });

  it('refuses what is beyond the limit, and answers polls all the same', async () => {
    const accepted = await register('busy', key);
    assert.equal(accepted.status, 202, accepted.text);
    assertThrottled(await drain('busy', key));
    for (let i = 0; i < 20; ++i) {
      const poll = await muster.request('GET', `/${muster.idScope}/registrations/busy/operations/${accepted.json.operationId}?${v}`,
        { headers: { Authorization: token('busy', key) } });
      assert.equal(poll.status, 200, poll.text);
      assert.equal(poll.json.status, 'assigned');
    }
    assert.equal((await muster.service('GET', `/enrollments/busy?${v}`)).status, 200, 'the service API is not held back by it');
  });

  it('says so in the topic of a response over MQTT', async () => {
    const session = await mqtt.Session.open();
    session.send(mqtt.connect({ user: mqtt.userName('busy'), password: token('busy', key) }), mqtt.subscribe(mqtt.responses));
    assert.equal((await session.next()).type, 2);
    assert.equal((await session.next()).type, 9);
    let response;
    for (let i = 0; i < 400 && !response?.topic.includes('/429/'); ++i) {
      session.send(mqtt.publish(mqtt.registerTopic('7'), '{}', { qos: 0 }));
      response = await session.next();
    }
    assert.match(response.topic, /^\$dps\/registrations\/res\/429\/\?\$rid=7&retry-after=[1-9][0-9]*$/);
    assert.equal(response.json.errorCode, 429001);
    session.close();
  });

  it('says so in the error of a rejected delivery over AMQP', async () => {
    const address = `${muster.idScope}/registrations/busy`;
    const properties = { 'com.microsoft:api-version': '2021-06-01' };
    const connection = rhea.create_container().connect({ transport: 'tls', host: 'localhost', port: 5671, servername: muster.host,
      ca: muster.ca, username: address, password: token('busy', key), reconnect: false });
    const error = await new Promise((resolve, reject) => {
      const fail = (what) => (context) => reject(context.error ?? new Error(what));
      for (const event of ['error', 'connection_error', 'sender_error', 'receiver_error', 'disconnected']) connection.on(event, fail(event));
      const ask = (sender) => sender.send({ correlation_id: 'c', body: rhea.message.data_section(Buffer.from('{}')),
        application_properties: { 'iotdps-operation-type': 'iotdps-register' } });
      let asked = 0;
      connection.once('receiver_open', () => connection.open_sender({ target: { address }, properties }));
      connection.once('sendable', ({ sender }) => ask(sender));
      connection.on('accepted', ({ sender }) => (++asked < 400 ? ask(sender) : reject(new Error('the limit is not kept'))));
      connection.once('rejected', ({ delivery }) => resolve(delivery.remote_state.error));
      connection.open_receiver({ source: { address }, properties });
    }).finally(() => new Promise((resolve) => {
      // A connection that is not closed leaves its timers, which would keep the process.
      for (const event of ['connection_close', 'disconnected']) connection.once(event, resolve);
      connection.close();
    }));
    assert.equal(error.condition, 'com.microsoft:device-container-throttled');
    assert.equal(JSON.parse(error.description).errorCode, 429001);
    assert.ok(error.info['retry-after'] >= 1, JSON.stringify(error.info));
  });
});

describe('the Node SDK', () => {
  let key;
  before(async () => { key = await enroll('sdk'); });
  const client = (Transport) => ProvisioningDeviceClient.create(muster.host, muster.idScope, new Transport(),
    new SymmetricKeySecurityClient('sdk', key));

  it('gives up over HTTPS, with the word for it', async () => {
    let error;
    // On a slow machine there is room again before the SDK has connected: it is tried until there is none.
    for (let i = 0; i < 20 && error === undefined; ++i) {
      await drain('sdk', key);
      await client(Http).register().catch((e) => { error = e; });
    }
    assert.equal(error?.name, 'ThrottlingError', String(error));
  });

  for (const [name, Transport] of Object.entries({ MQTT: Mqtt, 'MQTT in a WebSocket': MqttWs, AMQP: Amqp })) {
    it(`comes back over ${name} and is assigned`, async () => {
      await drain('sdk', key);
      const state = await client(Transport).register();
      assert.equal(state.status, 'assigned');
    });
  }
});

describe('a crowd', () => {
  it('is told to come back one after the other', async () => {
    const key = await enroll('crowd');
    await drain('crowd', key);
    const answers = await Promise.all(Array.from({ length: 100 }, () => register('crowd', key)));
    const told = answers.filter((answer) => answer.status === 429).map((answer) => Number(answer.headers['retry-after']));
    assert.ok(told.length >= 50, `${told.length} of 100 were refused`);
    assert.ok(Math.max(...told) >= 8, told.join(' '));
    assert.ok(new Set(told).size >= 6, told.join(' '));
  });
});
