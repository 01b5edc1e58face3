// CA certificates that groups refer to by name, and the two ways to vouch for one. The control plane's requests by hand, as
// no SDK has them; the proof by openssl, the devices by azure-iot-provisioning-device.
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { X509Security } = require('azure-iot-security-x509');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const v = 'api-version=2021-10-01';

const at = (name, action = '') => `/certificates/${name}${action}?${v}`;
const upload = (name, authority, more = {}) => muster.service('PUT', at(name),
  { body: { properties: { certificate: authority.cert, ...more } } });
const shown = async (name) => (await muster.service('GET', at(name))).json;
async function code(name) {
  const made = await muster.service('POST', at(name, '/generateVerificationCode'), { headers: { 'If-Match': (await shown(name)).etag } });
  assert.equal(made.status, 200, made.text);
  return made.json.properties.verificationCode;
}
const verify = async (name, proof) => muster.service('POST', at(name, '/verify'),
  { headers: { 'If-Match': (await shown(name)).etag }, body: { certificate: proof.cert } });
const byReference = (enrollmentGroupId, primary) => service.createOrUpdateEnrollmentGroup(
  { enrollmentGroupId, attestation: { type: 'x509', x509: { caReferences: { primary } } } });
const register = (device) => ProvisioningDeviceClient.create(muster.host, muster.idScope, new Http(),
  new X509Security(device.commonName, { cert: device.chain, key: device.key })).register();

describe('proof of possession', () => {
  let ca;
  before(async () => {
    ca = pki.hierarchy('proven');
    assert.equal((await upload('proven', ca.root)).status, 200);
  });

  it('is wanted before a group lets in by a CA certificate; the device is told which', async () => {
    await byReference('proven', 'proven');
    const device = pki.device('proven-1', ca.second, [ca.second, ca.first]);
    const error = await register(device).then(() => assert.fail('accepted'), (e) => e);
    assert.equal(error.name, 'UnauthorizedError', error.stack);
    const body = JSON.parse(error.responseBody);
    assert.equal(body.errorCode, 401002);
    assert.match(body.message, /the CA certificate 'proven' of group 'proven' would fit but is not verified/);
    const verified = await verify('proven', pki.issue(await code('proven'), { issuer: ca.root }));
    assert.equal(verified.status, 200, verified.text);
    assert.equal(verified.json.properties.isVerified, true);
    assert.equal((await register(device)).status, 'assigned');
  });

  it('is a certificate with the newest code, signed by the CA itself', async () => {
    const other = pki.authority('possessed');
    const possessed = pki.authority('possessed');
    assert.equal((await upload('possessed', possessed)).status, 200);
    assert.equal((await verify('possessed', pki.issue('anything', { issuer: possessed }))).status, 400, 'no code was asked for');
    const [old, newest] = [await code('possessed'), await code('possessed')];
    assert.notEqual(old, newest);
    for (const [what, proof] of Object.entries({
      'another name': pki.issue('another', { issuer: possessed }),
      'the code before': pki.issue(old, { issuer: possessed }),
      'a look-alike': pki.issue(newest, { issuer: other }),
      'itself': pki.issue(newest),
    })) {
      const answer = await verify('possessed', proof);
      assert.equal(answer.status, 400, `${what}: ${answer.text}`);
      assert.equal((await shown('possessed')).properties.isVerified, false, what);
    }
    assert.equal((await verify('possessed', pki.issue(newest, { issuer: possessed }))).status, 200);
    assert.equal((await shown('possessed')).properties.isVerified, true);
  });

  it('is asked for with the etag that was read', async () => {
    const { etag } = await shown('proven');
    for (const headers of [{}, { 'If-Match': '"stale"' }]) {
      const answer = await muster.service('POST', at('proven', '/generateVerificationCode'), { headers });
      assert.ok([400, 412, 428].includes(answer.status), answer.text);
    }
    assert.equal((await muster.service('POST', at('proven', '/generateVerificationCode'), { headers: { 'If-Match': etag } })).status, 200);
  });
});

describe('the operator’s word', () => {
  it('is the other way, for an intermediate, too', async () => {
    const ca = pki.hierarchy('word');
    assert.equal((await upload('word', ca.first, { isVerified: true })).json.properties.isVerified, true);
    await byReference('word', 'word');
    assert.equal((await register(pki.device('word-1', ca.second, [ca.second]))).status, 'assigned');
  });

  it('does not make a CA of a leaf', async () => {
    assert.equal((await upload('leaf', pki.issue('leaf'), { isVerified: true })).status, 400);
  });
});

it('a CA certificate that a group refers to cannot be deleted', async () => {
  const root = pki.authority('held');
  await upload('held', root, { isVerified: true });
  await byReference('held', 'held');
  const refused = await muster.service('DELETE', at('held'), { headers: { 'If-Match': '*' } });
  assert.equal(refused.status, 409, refused.text);
  assert.match(refused.json.message, /held/);
  await service.deleteEnrollmentGroup('held');
  assert.equal((await muster.service('DELETE', at('held'), { headers: { 'If-Match': '*' } })).status, 204);
});
