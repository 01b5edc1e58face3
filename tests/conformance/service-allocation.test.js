// Where devices go, as Azure's SDKs say it and see it: azure-iot-provisioning-service writes the enrollments,
// azure-iot-provisioning-device registers, azure-iothub looks at both hubs. Facts: DPS 3.1, 3.3, cases 28 to 35.
'use strict';
const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { Registry } = require('azure-iothub');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const muster = require('./lib/muster');
const { SecondHub, name: secondName } = require('./lib/second-hub');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const first = Registry.fromConnectionString(muster.connectionString('iothubowner'));
const second = new SecondHub();
let secondRegistry;

async function enroll(registrationId, more) {
  const written = await service.createOrUpdateIndividualEnrollment(
    { registrationId, attestation: { type: 'symmetricKey' }, ...more });
  return written.responseBody;
}
async function register(enrollment) {
  const security = new SymmetricKeySecurityClient(enrollment.registrationId, enrollment.attestation.symmetricKey.primaryKey);
  return ProvisioningDeviceClient.create(muster.host, muster.idScope, new Http(), security).register();
}
async function fails(enrollment) {
  const error = await register(enrollment).then(() => assert.fail('it was assigned'), (e) => e);
  assert.equal(error.name, 'ProvisioningRegistrationFailedError', error.stack);
  return error.result.registrationState ?? error.result;
}
async function refuses(promise) {
  const error = await promise.then(() => assert.fail('it was accepted'), (e) => e);
  assert.equal(error.response?.statusCode, 400, error.stack);
  return JSON.parse(error.responseBody);
}
const known = (registry, id) => registry.get(id).then(() => true, (error) => {
  assert.equal(error.name, 'DeviceNotFoundError', error.stack);
  return false;
});
const record = async (id) => (await service.getDeviceRegistrationState(id)).responseBody;
async function eventually(condition, what) {
  for (let i = 0; i < 2000; ++i) {
    if (await condition()) return;
    await muster.sleep(25);
  }
  assert.fail(what);
}

before(async () => {
  await second.start();
  await second.link();
  secondRegistry = Registry.fromConnectionString(second.connectionString);
});
after(() => second.stop());

describe('allocation policies', () => {
  it('static sends a device to the hub that is named', async () => {
    for (const hub of [secondName, muster.host]) {
      const enrollment = await enroll('static', { allocationPolicy: 'static', iotHubs: [hub], reprovisionPolicy:
        { updateHubAssignment: true, migrateDeviceData: true } });
      assert.equal(enrollment.allocationPolicy, 'static');
      assert.deepEqual(enrollment.iotHubs, [hub]);
      assert.equal((await register(enrollment)).assignedHub, hub);
    }
    await service.deleteIndividualEnrollment('static');
  });

  it('static without exactly one hub is refused when it is written', async () => {
    for (const iotHubs of [undefined, [], [secondName, muster.host]]) {
      const body = await refuses(enroll('wrong', { allocationPolicy: 'static', iotHubs }));
      assert.match(body.message, /exactly one hub/);
    }
  });

  it('the deprecated iotHubHostName names the one hub, too', async () => {
    const enrollment = await enroll('deprecated', { iotHubHostName: secondName });
    assert.equal(enrollment.allocationPolicy, 'static');
    assert.equal((await register(enrollment)).assignedHub, secondName);
  });

  it('hashed spreads a group over both hubs, each device to the same one every time', async () => {
    const group = (await service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'spread', allocationPolicy: 'hashed',
      attestation: { type: 'symmetricKey' } })).responseBody;
    const hubs = await Promise.all(Array.from({ length: 12 }, async (_, i) => {
      const id = `spread-${i}`;
      const key = muster.signature(group.attestation.symmetricKey.primaryKey, id);
      const device = { registrationId: id, attestation: { symmetricKey: { primaryKey: key } } };
      const hub = (await register(device)).assignedHub;
      assert.equal(await known(first, id), hub === muster.host);
      assert.equal(await known(secondRegistry, id), hub === secondName);
      assert.equal((await register(device)).assignedHub, hub);
      return hub;
    }));
    assert.deepEqual([...new Set(hubs)].sort(), [secondName, muster.host].sort());
  });

  it('a hub that does not take part gets no hashed devices, and geoLatency goes to the nearest', async () => {
    await second.link({ applyAllocationPolicy: false });
    const apart = await Promise.all([0, 1, 2, 3].map(async (i) => register(await enroll(`apart-${i}`, { allocationPolicy: 'hashed' }))));
    assert.deepEqual([...new Set(apart.map((state) => state.assignedHub))], [muster.host]);
    await second.link({ latencies: [{ network: '127.0.0.0/8', milliseconds: 1 }] });
    await muster.service('PUT', `/iotHubs/${muster.host}?api-version=2021-10-01`,
      { body: { latencies: [{ network: '*', milliseconds: 50 }] } });
    const enrollment = await enroll('near', { allocationPolicy: 'geolatency' });
    assert.equal(enrollment.allocationPolicy, 'geoLatency');
    assert.equal((await register(enrollment)).assignedHub, secondName);
    await muster.service('PUT', `/iotHubs/${muster.host}?api-version=2021-10-01`, { body: {} });
    await second.link();
  });

  it('custom keeps its definition, and a webhook that is not there fails the registration with 400207', async () => {
    const definition = { webhookUrl: 'https://127.0.0.1:9/choose', apiVersion: '2021-10-01' };
    const enrollment = await enroll('custom', { allocationPolicy: 'custom', customAllocationDefinition: definition });
    assert.deepEqual(enrollment.customAllocationDefinition, definition);
    assert.equal((await fails(enrollment)).errorCode, 400207);
    assert.match((await refuses(enroll('wrong', { allocationPolicy: 'custom' }))).message, /customAllocationDefinition/);
    assert.match((await refuses(enroll('wrong', { allocationPolicy: 'custom',
      customAllocationDefinition: { ...definition, webhookUrl: 'http://plain.example' } }))).message, /https/);
  });

  it('without a hub the registration ends as failed, 400208, in the record, too', async () => {
    const policy = (allocationPolicy) => muster.service('PUT', '/allocationPolicy?api-version=2021-10-01',
      { body: { allocationPolicy } });
    assert.equal((await policy('static')).status, 200);
    const enrollment = await enroll('nowhere', {});
    assert.equal(enrollment.allocationPolicy, 'static');
    const state = await fails(enrollment);
    assert.equal(state.errorCode, 400208);
    assert.equal((await record('nowhere')).status, 'failed');
    assert.equal((await policy('custom')).status, 400);
    assert.equal((await policy('hashed')).status, 200);
    assert.equal((await register(enrollment)).status, 'assigned');
  });
});

describe('re-provisioning', () => {
  const at = (hub, migrateDeviceData, updateHubAssignment = true) => ({ iotHubs: [hub], allocationPolicy: 'static',
    initialTwin: { tags: { state: 'initial' }, properties: { desired: { a: 1 } } },
    reprovisionPolicy: { updateHubAssignment, migrateDeviceData } });
  const twinAt = async (registry, id) => (await registry.getTwin(id)).responseBody;

  it('migrate takes the twin to the other hub and removes the device from the old one', async () => {
    assert.equal((await register(await enroll('mover', at(muster.host, true)))).substatus, 'initialAssignment');
    const changed = await muster.service('PUT', '/twins/mover?api-version=2021-04-12',
      { body: { tags: { state: 'lived' }, properties: { desired: { a: 2 } } } });
    assert.equal(changed.status, 200);
    const state = await register(await enroll('mover', at(secondName, true)));
    assert.equal(state.substatus, 'deviceDataMigrated');
    assert.equal(state.assignedHub, secondName);
    const twin = await twinAt(secondRegistry, 'mover');
    assert.deepEqual(twin.tags, { state: 'lived' });
    assert.equal(twin.properties.desired.a, 2);
    assert.equal(await known(first, 'mover'), false);
    assert.equal((await record('mover')).substatus, 'deviceDataMigrated');
  });

  it('reset starts anew at the other hub', async () => {
    const state = await register(await enroll('mover', at(muster.host, false)));
    assert.equal(state.substatus, 'deviceDataReset');
    assert.deepEqual((await twinAt(first, 'mover')).tags, { state: 'initial' });
    await eventually(async () => !await known(secondRegistry, 'mover'), 'the old identity stays');
  });

  it('never stays where the device is', async () => {
    const state = await register(await enroll('mover', at(secondName, false, false)));
    assert.equal(state.assignedHub, muster.host);
    assert.equal(state.substatus, 'initialAssignment');
  });

  it('once more to the same hub: initialAssignment for the device, the true word for the service', async () => {
    assert.equal((await register(await enroll('mover', at(muster.host, true)))).substatus, 'initialAssignment');
    assert.equal((await record('mover')).substatus, 'reprovisionedToInitialAssignment');
  });

  it('a deleted registration is forgotten: the next one is the first, and the device stays where it was', async () => {
    await service.deleteDeviceRegistrationState('mover');
    const state = await register(await enroll('mover', at(secondName, true)));
    assert.equal(state.substatus, 'initialAssignment');
    assert.deepEqual((await twinAt(secondRegistry, 'mover')).tags, { state: 'initial' });
    assert.equal(await known(first, 'mover'), true);
  });

  it('a device waits, polling, while its hub is away', async () => {
    const enrollment = await enroll('patient', at(secondName, true));
    await second.stop('SIGKILL');
    const waiting = register(enrollment);
    await eventually(() => record('patient').then((found) => found.status === 'assigning', () => false), 'it does not wait');
    await muster.sleep(500);
    assert.equal((await record('patient')).status, 'assigning');
    await second.start();
    const state = await waiting;
    assert.equal(state.status, 'assigned');
    assert.equal(state.assignedHub, secondName);
    assert.equal(await known(secondRegistry, 'patient'), true);
  });
});
