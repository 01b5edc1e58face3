// mosquitto's own clients, from Debian: MQTT 3.1.1 by people who never heard of the provisioning service.
'use strict';
const assert = require('node:assert/strict');
const { execFile, spawnSync } = require('node:child_process');
const path = require('node:path');
const { before, describe, it } = require('node:test');
const muster = require('./lib/muster');
const mqtt = require('./lib/raw-mqtt');
const pki = require('./lib/openssl');

const missing = spawnSync('mosquitto_pub', ['--help']).error ? 'mosquitto-clients is not installed' : false;

// { code, stdout, stderr }
function run(program, device, registrationId, ...args) {
  const all = ['-h', 'localhost', '-p', '8883', '--cafile', path.join(muster.dataDir, 'server-ca.cert.pem'), '--cert', device.certFile,
    '--key', device.keyFile, '-V', 'mqttv311', '-i', registrationId, '-u', mqtt.userName(registrationId), ...args];
  return new Promise((resolve) => execFile(program, all, { timeout: 60000 },
    (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr })));
}

describe('mosquitto', { skip: missing }, () => {
  let device;
  before(async () => {
    device = pki.issue('mosquito');
    await muster.service('PUT', '/enrollments/mosquito?api-version=2021-10-01', { body: { registrationId: 'mosquito',
      attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: device.cert } } } } } });
  });

  it('publishes with QoS 1 and is told when the registration is durable', async () => {
    const sent = await run('mosquitto_pub', device, 'mosquito', '-q', '1', '-t', mqtt.registerTopic('9'), '-m', '{}');
    assert.equal(sent.code, 0, sent.stderr);
    const record = await muster.service('GET', '/registrations/mosquito?api-version=2021-10-01');
    assert.equal(record.json.status, 'assigned');
  });

  it('is refused with a foreign user name', async () => {
    const sent = await run('mosquitto_pub', device, 'mosquito', '-u', 'someone', '-t', 'x', '-m', 'x');
    assert.notEqual(sent.code, 0);
    assert.match(sent.stderr, /not authori[sz]ed/i);
  });

  it('subscribes with QoS 2, gets 1, and waits in peace', async () => {
    const waiting = await run('mosquitto_sub', device, 'mosquito', '-d', '-q', '2', '-t', mqtt.responses, '-W', '5');
    assert.match(waiting.stdout, /Subscribed \(mid: 1\): 1/, waiting.stderr);
  });
});
