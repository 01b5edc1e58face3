// Azure's provisioning SDKs for Java, unmodified: devices over every transport, with certificates and with keys, and the
// service's side of enrollments.
'use strict';
const assert = require('node:assert/strict');
const { execFile, execFileSync } = require('node:child_process');
const path = require('node:path');
const { before, describe, it } = require('node:test');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const classpath = process.env.MUSTER_JAVA;
const skip = classpath ? false : 'Maven could not fetch the SDK, or there is no JDK; the Java SDK is NOT tested';
const trust = path.join(muster.workDir, 'trust.p12');

function java(...words) {
  const properties = [`-Djavax.net.ssl.trustStore=${trust}`, '-Djavax.net.ssl.trustStorePassword=muster', '-XX:TieredStopAtLevel=1'];
  return new Promise((resolve, reject) => execFile('java', [...properties, '-cp', classpath, ...words], { timeout: 120000 },
    (error, stdout, stderr) => (error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(JSON.parse(stdout)))));
}

function register(protocol, registrationId, ...credential) {
  return java('Register', protocol, muster.host, muster.idScope, registrationId, ...credential);
}

describe('the Java SDK', { skip }, () => {
  let ca;
  let keys;
  before(async () => {
    execFileSync('keytool', ['-importcert', '-noprompt', '-alias', 'muster', '-file', path.join(muster.dataDir, 'server-ca.cert.pem'), '-keystore', trust,
      '-storetype', 'PKCS12', '-storepass', 'muster'], { stdio: 'pipe' });
    ca = pki.hierarchy('java');
    const group = (id, attestation) => muster.service('PUT', `/enrollmentGroups/${id}?api-version=2021-10-01`, { body: { enrollmentGroupId: id, attestation } });
    await group('java', { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } });
    keys = (await group('java-keys', { type: 'symmetricKey' })).json.attestation.symmetricKey;
  });

  for (const protocol of ['HTTPS', 'MQTT', 'MQTT_WS', 'AMQPS', 'AMQPS_WS']) {
    const name = protocol.toLowerCase().replace('_', '-');
    it(`registers a chain over ${protocol}`, async () => {
      const id = `java-${name}`;
      const device = pki.device(id, ca.second, [ca.second, ca.first]);
      const state = await register(protocol, id, 'x509', device.chainFile, device.keyFile);
      assert.equal(state.status, 'PROVISIONING_DEVICE_STATUS_ASSIGNED', JSON.stringify(state));
      assert.equal(state.deviceId, id);
      assert.equal(state.assignedHub, muster.host);
      const record = await muster.service('GET', `/registrations/${id}?api-version=2021-10-01`);
      assert.equal(record.json.etag, state.etag);
    });

    it(`registers a derived key over ${protocol}`, async () => {
      const id = `java-key-${name}`;
      const state = await register(protocol, id, 'key', muster.signature(keys.primaryKey, id));
      assert.equal(state.status, 'PROVISIONING_DEVICE_STATUS_ASSIGNED', JSON.stringify(state));
      assert.equal(state.deviceId, id);
    });
  }

  it('writes, reads, changes, lists and deletes enrollments', async () => {
    const leaf = pki.issue('java-one');
    const seen = await java('Enroll', muster.connectionString('provisioningserviceowner'), leaf.certFile, ca.first.certFile);
    assert.deepEqual({ ...seen, listed: seen.listed.sort() }, {
      deviceId: 'Java_One', edge: true, site: 'north', thumbprint: leaf.thumbprint, changed: `DISABLED ${leaf.thumbprint}`,
      stale: 'ProvisioningServiceClientPreconditionFailedException', key: true, bulk: true, bulkAgain: 'false java-three',
      listed: ['java-four', 'java-one', 'java-three', 'java-two'], pages: 4, group: 'HASHED',
      gone: 'ProvisioningServiceClientNotFoundException',
    });
  });

  it('hears a refusal over HTTPS', async () => {
    const device = pki.device('java-x', ca.second, [ca.second, ca.first]);
    const state = await register('HTTPS', 'java-other', 'x509', device.chainFile, device.keyFile);
    assert.match(state.cause, /401002/, JSON.stringify(state));
  });
});
