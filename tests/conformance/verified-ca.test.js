// verified_ca_only: a group lets in as Azure's does, by a chain that leads to a verified CA certificate (the article "X.509
// certificate attestation", "DPS device chain requirements"). musterd runs with verified-ca.toml.
'use strict';
const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { X509Security } = require('azure-iot-security-x509');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const v = 'api-version=2021-10-01';

const register = (device) => ProvisioningDeviceClient.create(muster.host, muster.idScope, new Http(),
  new X509Security(device.commonName, { cert: device.chain, key: device.key })).register();
async function refused(device) {
  const error = await register(device).then(() => assert.fail('the registration was accepted'), (e) => e);
  assert.equal(error.name, 'UnauthorizedError', error.stack);
  return JSON.parse(error.responseBody).message;
}
const group = (enrollmentGroupId, certificate, more = {}) => service.createOrUpdateEnrollmentGroup({ enrollmentGroupId,
  attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate } } } }, ...more });
async function upload(name, authority, isVerified) {
  const answer = await muster.service('PUT', `/certificates/${name}?${v}`, { body: { certificate: authority.cert, isVerified } });
  assert.equal(answer.status, 200, answer.text);
}

describe('a group', () => {
  it('of an intermediate below a verified root wants the chain up to that root', async () => {
    const ca = pki.hierarchy('below');
    await upload('below', ca.root, true);
    await group('below', ca.first.cert);
    assert.equal((await register(pki.device('below-1', ca.second, [ca.second, ca.first]))).status, 'assigned');
    assert.equal((await register(pki.device('below-2', ca.second, [ca.second, ca.first, ca.root]))).status, 'assigned');
    const message = await refused(pki.device('below-3', ca.second, [ca.second]));
    assert.match(message, /below intermediate 1.*not verified.*neither presented nor trusted/);
  });

  it('of an intermediate that is verified itself needs nothing above', async () => {
    const ca = pki.hierarchy('itself');
    await group('itself', ca.first.cert);
    assert.match(await refused(pki.device('itself-1', ca.second, [ca.second])), /not verified/);
    await upload('itself', ca.first, true);
    assert.equal((await register(pki.device('itself-1', ca.second, [ca.second]))).status, 'assigned');
    assert.equal((await muster.service('DELETE', `/certificates/itself?${v}`)).status, 204);
    assert.match(await refused(pki.device('itself-1', ca.second, [ca.second])), /not verified/);
  });

  it('of a root counts once the root is verified', async () => {
    const ca = pki.hierarchy('top');
    const device = pki.device('top-1', ca.second, [ca.second, ca.first]);
    await group('top', ca.root.cert);
    assert.match(await refused(device), /top root.*not verified/);
    await upload('top', ca.root, false);
    assert.match(await refused(device), /top root.*not verified/);
    await upload('top', ca.root, true);
    assert.equal((await register(device)).status, 'assigned');
  });

  it('is not helped by a verified CA below its own', async () => {
    const ca = pki.hierarchy('lower');
    await upload('lower', ca.second, true);
    await group('lower', ca.first.cert);
    const device = pki.device('lower-1', ca.second, [ca.second, ca.first]);
    await refused(device);
    await upload('lower-root', ca.root, true);
    assert.equal((await register(device)).status, 'assigned');
  });

  it('is shut when the verified CA above it has expired', async () => {
    const day = 24 * 3600 * 1000;
    const root = pki.authority('ended root', undefined, { notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) });
    const line = pki.authority('ended line', root);
    await upload('ended', root, true);
    await group('ended', line.cert);
    assert.match(await refused(pki.device('ended-1', line, [line])), /expired/);
  });

  it('that is disabled blocks its intermediate, verified or not', async () => {
    const ca = pki.hierarchy('block');
    await upload('block', ca.root, true);
    await group('block', ca.root.cert);
    await group('block-line', ca.second.cert, { provisioningStatus: 'disabled' });
    const device = pki.device('block-1', ca.second, [ca.second, ca.first]);
    const error = await register(device).then(() => assert.fail('accepted'), (e) => e);
    assert.match(String(error.message), /disabled/);
  });
});

it('an individual enrollment holds its certificate by the operator’s word', async () => {
  const device = pki.device('alone', undefined);
  await service.createOrUpdateIndividualEnrollment({ registrationId: 'alone',
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: device.cert } } } } });
  assert.equal((await register(device)).status, 'assigned');
});
