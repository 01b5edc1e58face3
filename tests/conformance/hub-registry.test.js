// azure-iothub Registry over REST: devices, modules, bulk, statistics, the twin as read.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { Registry } = require('azure-iothub');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const registry = Registry.fromConnectionString(muster.connectionString('iothubowner'));
const v = 'api-version=2021-04-12';
const body = async (promise) => (await promise).responseBody;
const statusOf = (promise) => promise.then(() => 'accepted', (error) => error.response?.statusCode ?? error);

describe('devices', () => {
  let created;
  it('creates with keys made by the service', async () => {
    created = await body(registry.create({ deviceId: 'd1' }));
    assert.equal(created.deviceId, 'd1');
    assert.match(created.generationId, /^\d+$/);
    assert.ok(created.etag);
    assert.equal(created.status, 'enabled');
    assert.equal(created.connectionState, 'Disconnected');
    assert.equal(created.authentication.type, 'sas');
    const { primaryKey, secondaryKey } = created.authentication.symmetricKey;
    assert.ok(Buffer.from(primaryKey, 'base64').length >= 32);
    assert.notEqual(primaryKey, secondaryKey);
    assert.equal(created.capabilities.iotEdge, false);
    assert.equal(created.cloudToDeviceMessageCount, 0);
    for (const name of ['connectionStateUpdatedTime', 'statusUpdatedTime', 'lastActivityTime']) {
      assert.ok(!Number.isNaN(Date.parse(created[name])), `${name}: ${created[name]}`);
    }
  });

  it('refuses to create it again, with the name in header and body', async () => {
    const error = await registry.create({ deviceId: 'd1' }).then(() => assert.fail('created twice'), (e) => e);
    assert.equal(error.name, 'DeviceAlreadyExistsError', String(error));
    const raw = await muster.service('PUT', `/devices/d1?${v}`, { body: { deviceId: 'd1' } });
    assert.equal(raw.status, 409);
    assert.equal(raw.headers['iothub-errorcode'], 'DeviceAlreadyExists');
    assert.match(raw.json.Message, /^ErrorCode:DeviceAlreadyExists;/);
    assert.match(raw.headers['content-type'], /application\/json/);
  });

  it('keeps keys, thumbprints, status and reason as given', async () => {
    const keys = { primaryKey: Buffer.alloc(32, 5).toString('base64'), secondaryKey: Buffer.alloc(32, 6).toString('base64') };
    const given = await body(registry.create({ deviceId: 'd-keys', status: 'disabled', statusReason: 'in repair',
      authentication: { symmetricKey: keys } }));
    assert.deepEqual(given.authentication.symmetricKey, keys);
    assert.equal(given.status, 'disabled');
    assert.equal(given.statusReason, 'in repair');
    const leaf = pki.issue('d-x509');
    const x509 = await body(registry.create({ deviceId: 'd-x509',
      authentication: { x509Thumbprint: { primaryThumbprint: leaf.thumbprint.toLowerCase(), secondaryThumbprint: leaf.sha1Thumbprint } } }));
    assert.equal(x509.authentication.type, 'selfSigned');
    assert.equal(x509.authentication.x509Thumbprint.primaryThumbprint.toUpperCase(), leaf.thumbprint);
  });

  it('reads, and answers 404 in the form that the SDK knows', async () => {
    assert.deepEqual((await body(registry.get('d1'))).authentication, created.authentication);
    const error = await registry.get('nobody').then(() => assert.fail('found'), (e) => e);
    assert.equal(error.name, 'DeviceNotFoundError', String(error));
    assert.equal(await statusOf(registry.get('D1')), 404, 'device ids are case-sensitive');
  });

  it('updates, with every kind of If-Match', async () => {
    const updated = await body(registry.update({ ...created, status: 'disabled', statusReason: 'tested' }));
    assert.equal(updated.status, 'disabled');
    assert.equal(updated.generationId, created.generationId);
    assert.notEqual(updated.etag, created.etag);
    const put = (etag) => muster.service('PUT', `/devices/d1?${v}`, { body: { ...updated, status: 'enabled' }, headers: { 'If-Match': etag } });
    assert.equal((await put(`"${created.etag}"`)).status, 412);
    const current = await put(`"${updated.etag}"`);
    assert.equal(current.status, 200, current.text);
    assert.equal((await put('*')).status, 200);
    assert.equal(await statusOf(registry.update({ deviceId: 'nobody', authentication: { type: 'none' } })), 404);
  });

  it('makes edge devices with scope and system modules', async () => {
    const edge = await body(registry.create({ deviceId: 'edge1', capabilities: { iotEdge: true } }));
    assert.equal(edge.capabilities.iotEdge, true);
    assert.equal(edge.deviceScope, `ms-azure-iot-edge://edge1-${edge.generationId}`);
    const modules = await body(registry.getModulesOnDevice('edge1'));
    assert.deepEqual(modules.map((m) => m.moduleId).sort(), ['$edgeAgent', '$edgeHub']);
    const leaf = await body(registry.create({ deviceId: 'leaf1', deviceScope: edge.deviceScope }));
    assert.equal(leaf.deviceScope, edge.deviceScope);
  });

  it('lists with top and a trailing slash', async () => {
    const all = await body(registry.list());
    assert.ok(all.length >= 5);
    const two = await muster.service('GET', `/devices/?top=2&${v}`);
    assert.equal(two.status, 200);
    assert.equal(two.json.length, 2);
  });

  it('takes the special characters of device ids', async () => {
    const deviceId = "a-b:c.d+e%f_g#h*i?j!k(l)m,n=o@p$q'r;s";
    assert.equal((await body(registry.create({ deviceId }))).deviceId, deviceId);
    assert.equal((await body(registry.get(deviceId))).deviceId, deviceId);
    await registry.delete(deviceId);
  });

  it('refuses what this version cannot keep: authentication by CA', async () => {
    const error = await registry.create({ deviceId: 'd-ca', authentication: { type: 'certificateAuthority' } })
      .then(() => assert.fail('accepted'), (e) => e);
    assert.equal(error.response.statusCode, 400);
    assert.match(error.message, /not in this version/);
  });

  it('refuses ids, keys and thumbprints outside of the rules', async () => {
    const bad = [
      { deviceId: 'white space' },
      { deviceId: 'x'.repeat(129) },
      { deviceId: 'key', authentication: { type: 'sas', symmetricKey: { primaryKey: 'not base64 !', secondaryKey: 'eA==' } } },
      { deviceId: 'thumb', authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'abc', secondaryThumbprint: 'abc' } } },
      { deviceId: 'status', status: 'sleeping' },
      { deviceId: 'type', authentication: { type: 'password' } },
    ];
    for (const device of bad) assert.equal(await statusOf(registry.create(device)), 400, JSON.stringify(device));
    const mismatch = await muster.service('PUT', `/devices/left?${v}`, { body: { deviceId: 'right' } });
    assert.equal(mismatch.status, 400);
  });

  it('deletes, and gives a new generation on the next life', async () => {
    const first = await body(registry.create({ deviceId: 'phoenix' }));
    const stale = await muster.service('DELETE', `/devices/phoenix?${v}`, { headers: { 'If-Match': '"stale"' } });
    assert.equal(stale.status, 412);
    await registry.delete('phoenix');
    assert.equal(await statusOf(registry.delete('phoenix')), 404);
    const second = await body(registry.create({ deviceId: 'phoenix' }));
    assert.notEqual(second.generationId, first.generationId);
    assert.notEqual(second.authentication.symmetricKey.primaryKey, first.authentication.symmetricKey.primaryKey);
    const bare = await muster.service('DELETE', `/devices/phoenix?${v}`);
    assert.equal(bare.status, 204);
    assert.equal(bare.text, '');
  });
});

describe('bulk', () => {
  const ids = Array.from({ length: 100 }, (_, i) => `bulk-${String(i).padStart(3, '0')}`);
  it('adds a hundred, updates and removes them', async () => {
    const added = await body(registry.addDevices(ids.map((deviceId) => ({ deviceId }))));
    assert.equal(added.isSuccessful, true);
    assert.deepEqual(added.errors, []);
    assert.equal((await body(registry.get('bulk-099'))).authentication.type, 'sas');
    const updated = await body(registry.updateDevices(ids.map((deviceId) => ({ deviceId, status: 'disabled', authentication: { type: 'sas' } })), true));
    assert.equal(updated.isSuccessful, true);
    assert.equal((await body(registry.get('bulk-000'))).status, 'disabled');
    const removed = await body(registry.removeDevices(ids.map((deviceId) => ({ deviceId })), true));
    assert.equal(removed.isSuccessful, true);
    assert.equal(await statusOf(registry.get('bulk-050')), 404);
  });

  it('answers a partial failure with 400 and the one that failed', async () => {
    await registry.create({ deviceId: 'bulk-there' });
    const error = await registry.addDevices([{ deviceId: 'bulk-a' }, { deviceId: 'bulk-there' }, { deviceId: 'bulk-b' }])
      .then(() => assert.fail('no error'), (e) => e);
    assert.equal(error.response.statusCode, 400);
    const result = JSON.parse(error.responseBody);
    assert.equal(result.isSuccessful, false);
    assert.equal(result.errors.length, 1);
    assert.equal(result.errors[0].deviceId, 'bulk-there');
    assert.equal(result.errors[0].errorCode, 409001);
    assert.equal((await body(registry.get('bulk-b'))).deviceId, 'bulk-b');
    const raw = await muster.service('POST', `/devices?${v}`, { body: [{ id: 'bulk-there', importMode: 'create' }] });
    assert.equal(raw.status, 400);
  });

  it('refuses a hundred and one', async () => {
    const items = Array.from({ length: 101 }, (_, i) => ({ id: `many-${i}`, importMode: 'create' }));
    assert.equal((await muster.service('POST', `/devices?${v}`, { body: items })).status, 400);
    assert.equal(await statusOf(registry.get('many-0')), 404);
  });
});

describe('modules', () => {
  before(() => registry.create({ deviceId: 'host' }));

  it('adds, reads, lists, updates and removes', async () => {
    const added = await body(registry.addModule({ deviceId: 'host', moduleId: 'm1', managedBy: 'me' }));
    assert.equal(added.moduleId, 'm1');
    assert.equal(added.deviceId, 'host');
    assert.equal(added.managedBy, 'me');
    assert.match(added.generationId, /^\d+$/);
    const read = await body(registry.getModule('host', 'm1'));
    assert.equal(read.authentication.type, 'sas');
    await body(registry.addModule({ deviceId: 'host', moduleId: 'm2' }));
    assert.deepEqual((await body(registry.getModulesOnDevice('host'))).map((m) => m.moduleId).sort(), ['m1', 'm2']);
    const updated = await body(registry.updateModule({ ...read, managedBy: 'other' }));
    assert.equal(updated.managedBy, 'other');
    assert.equal(updated.generationId, read.generationId);
    assert.equal(await statusOf(registry.updateModule({ ...read, managedBy: 'stale' })), 412);
    await registry.removeModule('host', 'm2');
    assert.equal(await statusOf(registry.getModule('host', 'm2')), 404);
  });

  it('refuses doubles, strangers and modules of nobody', async () => {
    const twice = await muster.service('PUT', `/devices/host/modules/m1?${v}`, { body: { deviceId: 'host', moduleId: 'm1' } });
    assert.equal(twice.status, 409);
    assert.equal(twice.headers['iothub-errorcode'], 'ModuleAlreadyExistsOnDevice');
    assert.equal(await statusOf(registry.addModule({ deviceId: 'nobody', moduleId: 'm' })), 404);
    assert.equal(await statusOf(registry.getModulesOnDevice('nobody')), 404);
    const made = await muster.service('PUT', `/devices/host/modules/m3?${v}`, { body: { deviceId: 'host', moduleId: 'm3' } });
    assert.ok([200, 201].includes(made.status), made.text);
  });

  it('protects the system modules of edge devices', async () => {
    await registry.create({ deviceId: 'edge-host', capabilities: { iotEdge: true } });
    const answer = await muster.service('DELETE', `/devices/edge-host/modules/%24edgeAgent?${v}`, { headers: { 'If-Match': '*' } });
    assert.ok([400, 401, 403].includes(answer.status), String(answer.status));
    assert.equal((await body(registry.getModule('edge-host', '$edgeAgent'))).moduleId, '$edgeAgent');
  });

  it('goes with its device', async () => {
    await registry.delete('edge-host');
    await registry.create({ deviceId: 'edge-host' });
    assert.deepEqual(await body(registry.getModulesOnDevice('edge-host')), []);
  });
});

describe('statistics and twins', () => {
  it('counts devices', async () => {
    await registry.create({ deviceId: 'counted', status: 'disabled' });
    const counts = await body(registry.getRegistryStatistics());
    const listed = await body(registry.list());
    assert.equal(counts.totalDeviceCount, listed.length);
    assert.equal(counts.disabledDeviceCount, listed.filter((d) => d.status === 'disabled').length);
    assert.equal(counts.enabledDeviceCount, counts.totalDeviceCount - counts.disabledDeviceCount);
  });

  it('reads the twin of a device and of a module', async () => {
    const twin = await body(registry.getTwin('d1'));
    assert.equal(twin.deviceId, 'd1');
    assert.ok(twin.etag);
    assert.equal(twin.status, 'enabled');
    assert.equal(twin.connectionState, 'Disconnected');
    assert.equal(twin.authenticationType, 'sas');
    assert.equal(twin.properties.desired.$version, 1);
    assert.equal(twin.properties.reported.$version, 1);
    const module = await body(registry.getModuleTwin('host', 'm1'));
    assert.equal(module.moduleId, 'm1');
    assert.equal(module.properties.desired.$version, 1);
    assert.equal(await statusOf(registry.getTwin('nobody')), 404);
  });
});

describe('rights', () => {
  const status = async (as, method, target, payload) => (await muster.service(method, target, { as, body: payload })).status;
  it('holds each policy to its rights', async () => {
    assert.equal(await status('registryRead', 'GET', `/devices/d1?${v}`), 200);
    assert.ok([401, 403].includes(await status('registryRead', 'PUT', `/devices/new?${v}`, { deviceId: 'new' })));
    assert.equal(await status('registryReadWrite', 'PUT', `/devices/new?${v}`, { deviceId: 'new' }), 200);
    assert.equal(await status('registryReadWrite', 'DELETE', `/devices/new?${v}`), 204);
    assert.equal(await status('device', 'GET', `/devices/d1?${v}`), 401);
    assert.equal(await status('service', 'GET', `/twins/d1?${v}`), 200);
    assert.ok([401, 403].includes(await status('service', 'PUT', `/devices/new?${v}`, { deviceId: 'new' })));
    assert.ok([401, 403].includes(await status('provisioningserviceowner', 'GET', `/devices/d1?${v}`)));
  });
  it('refuses a forged signature in the hub’s form', async () => {
    const answer = await muster.request('GET', `/devices/d1?${v}`, { headers: { Authorization: muster.sas('iothubowner', { key: 'AAAA' }) } });
    assert.equal(answer.status, 401);
    assert.match(answer.json.Message, /^ErrorCode:IotHubUnauthorized/);
    assert.match(answer.headers['iothub-errorcode'], /^IotHubUnauthorized/);
  });
});
