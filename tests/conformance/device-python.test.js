// azure-iot-device, the Python SDK, unmodified: MQTT on 8883 and in WebSockets.
'use strict';
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { before, describe, it } = require('node:test');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');

const python = process.env.MUSTER_PYTHON;
const skip = python ? false : 'pip could not fetch azure-iot-device; the Python SDK is NOT tested';

function register(transport, registrationId, device) {
  const script = path.join(__dirname, 'python', 'register.py');
  const ca = path.join(muster.dataDir, 'server-ca.cert.pem');
  return new Promise((resolve, reject) => execFile(python,
    [script, transport, muster.host, muster.idScope, registrationId, device.chainFile, device.keyFile, ca], { timeout: 60000 },
    (error, stdout, stderr) => (error ? reject(new Error(stderr)) : resolve(JSON.parse(stdout)))));
}

describe('the Python SDK', { skip, concurrency: true }, () => {
  let ca;
  before(async () => {
    ca = pki.hierarchy('python');
    await muster.service('PUT', '/enrollmentGroups/python?api-version=2021-10-01', { body: { enrollmentGroupId: 'python',
      attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.root.cert } } } } } });
  });

  for (const transport of ['mqtt', 'mqtt-ws']) {
    it(`registers over ${transport}`, async () => {
      const id = `python-${transport}`;
      const state = await register(transport, id, pki.device(id, ca.second, [ca.second, ca.first]));
      assert.equal(state.status, 'assigned', JSON.stringify(state));
      assert.equal(state.deviceId, id);
      assert.equal(state.assignedHub, muster.host);
      // What `az iot device registration create`, which runs this SDK, prints and its own tests ask for.
      assert.equal(state.substatus, 'initialAssignment');
      assert.match(state.operationId, /^[A-Za-z0-9._-]+$/);
      const record = await muster.service('GET', `/registrations/${id}?api-version=2021-10-01`);
      assert.equal(record.json.etag, state.etag);
    });

    it(`hears a refusal over ${transport}`, async () => {
      const state = await register(transport, 'python-other', pki.device('python-x', ca.second, [ca.second, ca.first]));
      assert.equal(state.error, 'ClientError', JSON.stringify(state));
      assert.match(state.cause, /status code 401/);
    });
  }
});
