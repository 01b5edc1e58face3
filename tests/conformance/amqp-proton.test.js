// Qpid Proton's Python client, from Debian: AMQP with and without SASL.
'use strict';
const assert = require('node:assert/strict');
const { execFile, spawnSync } = require('node:child_process');
const path = require('node:path');
const { before, describe, it } = require('node:test');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const python = '/usr/bin/python3';
const available = spawnSync(python, ['-c', 'import proton']).status === 0;

const register = (mechanism, registrationId, ...credential) => new Promise((resolve, reject) => execFile(python,
  [path.join(__dirname, 'python', 'amqp.py'), mechanism, '5671', muster.idScope, registrationId, path.join(muster.dataDir, 'server-ca.cert.pem'),
    ...credential], { timeout: 60000 }, (error, stdout, stderr) => (error ? reject(new Error(stderr)) : resolve(JSON.parse(stdout)))));

describe('Proton', { skip: !available && 'python3-qpid-proton is not installed', concurrency: true }, () => {
  let ca;
  before(async () => {
    ca = pki.hierarchy('proton');
    await muster.service('PUT', '/enrollmentGroups/proton?api-version=2021-10-01', { body: { enrollmentGroupId: 'proton',
      attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } } } });
  });

  for (const mechanism of ['none', 'EXTERNAL', 'ANONYMOUS']) {
    it(`registers a certificate, SASL: ${mechanism}`, async () => {
      const id = `proton-${mechanism.toLowerCase()}`;
      const device = pki.device(id, ca.second, [ca.second, ca.first]);
      assert.deepEqual(await register(mechanism, id, device.chainFile, device.keyFile), { correlation: ['first', 7], status: 'assigned', deviceId: id });
    });
  }

  it('registers a key, SASL: PLAIN', async () => {
    const made = await muster.service('PUT', '/enrollments/proton-key?api-version=2021-10-01',
      { body: { registrationId: 'proton-key', attestation: { type: 'symmetricKey' } } });
    const resource = encodeURIComponent(`${muster.idScope}/registrations/proton-key`);
    const expiry = Math.floor(Date.now() / 1000) + 3600;
    const signature = encodeURIComponent(muster.signature(made.json.attestation.symmetricKey.secondaryKey, `${resource}\n${expiry}`));
    const state = await register('PLAIN', 'proton-key', `SharedAccessSignature sr=${resource}&sig=${signature}&se=${expiry}`);
    assert.equal(state.status, 'assigned');
  });
});
