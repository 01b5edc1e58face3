// EST (RFC 7030) as others speak it: curl with openssl, and GlobalSign's client in Go; what is issued registers with the
// SDK-neutral HTTPS API, is judged by openssl, and is taken back.
'use strict';
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { before, describe, it } = require('node:test');
const rhea = require('rhea');
const muster = require('./lib/muster');
const mqtt = require('./lib/raw-mqtt');
const pki = require('./lib/openssl');

const v = 'api-version=2026-11-01';
const est = 'https://localhost/.well-known/est';
const serverCa = path.join(muster.dataDir, 'server-ca.cert.pem');
const estclient = process.env.MUSTER_EST_CLIENT;

let factory;
let authorityFile;
const work = (name) => path.join(muster.workDir, name);

async function ok(answer) {
  const { status, json, text } = await answer;
  assert.ok(status === 200 || status === 204, `${status}: ${text}`);
  return json;
}
const putGroup = (id, more = {}) => ok(muster.service('PUT', `/enrollmentGroups/${id}?api-version=2021-10-01`, {
  body: { enrollmentGroupId: id, attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: factory.cert } } } }, ...more },
}));
const password = async (device, group = 'plant') =>
  (await ok(muster.service('PUT', `/muster/authority/oneTimePasswords/${device}?${v}`, { body: { enrollmentGroupId: group } }))).password;

let made = 0;
// A key and a request by openssl: { name, key, der64 }.
function request(commonName, { key = ['EC', 'ec_paramgen_curve:P-256'], subject = `/CN=${commonName}`, extra = [] } = {}) {
  const base = work(`request-${++made}`);
  pki.openssl('genpkey', '-algorithm', key[0], ...key.slice(1).flatMap((o) => ['-pkeyopt', o]), '-out', `${base}.key.pem`);
  pki.openssl('req', '-new', '-key', `${base}.key.pem`, '-subj', subject, ...extra, '-outform', 'DER', '-out', `${base}.der`);
  fs.writeFileSync(`${base}.b64`, fs.readFileSync(`${base}.der`).toString('base64').replace(/(.{64})/g, '$1\n'));
  return { commonName, keyFile: `${base}.key.pem`, bodyFile: `${base}.b64`, derFile: `${base}.der`, base };
}

function curl(url, ...args) {
  const head = work(`head-${++made}`);
  const run = spawnSync('curl', ['-sS', '--cacert', serverCa, '-D', head, '-w', '\n%{http_code}', ...args, url], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  const end = run.stdout.lastIndexOf('\n');
  return { status: Number(run.stdout.slice(end + 1)), body: run.stdout.slice(0, end), head: fs.readFileSync(head, 'utf8') };
}

// The certificates of an answer, as openssl reads them: PEM texts in order.
function certificates(answer) {
  assert.equal(answer.status, 200, answer.body);
  assert.match(answer.head, /^Content-Type: application\/pkcs7-mime/mi);
  const run = spawnSync('openssl', ['pkcs7', '-inform', 'DER', '-print_certs'], { input: Buffer.from(answer.body, 'base64') });
  assert.equal(run.status, 0, run.stderr.toString());
  return run.stdout.toString().match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/g);
}

function enrol(operation, csr, ...args) {
  return curl(`${est}/${operation}`, '-H', 'Content-Type: application/pkcs10', '-H', 'Content-Transfer-Encoding: base64',
    '--data-binary', `@${csr.bodyFile}`, ...args);
}
// Enrols by password and leaves certificate and chain in files: what a device has then.
async function enrolled(commonName, group = 'plant', options = {}) {
  const csr = request(commonName, options);
  const [cert] = certificates(enrol(`${group}/simpleenroll`, csr, '-u', `${commonName}:${await password(commonName, group)}`));
  return device(csr, cert);
}
function device(csr, cert) {
  const certFile = `${csr.base}.cert.pem`;
  fs.writeFileSync(certFile, cert);
  const chainFile = `${csr.base}.chain.pem`;
  fs.writeFileSync(chainFile, cert + fs.readFileSync(authorityFile, 'utf8'));
  return { ...csr, cert, certFile, chainFile, chain: fs.readFileSync(chainFile, 'utf8'), key: fs.readFileSync(csr.keyFile, 'utf8'),
    serial: pki.openssl('x509', '-in', certFile, '-noout', '-serial').toString().trim().split('=')[1] };
}
const tls = (d) => ['--cert', d.chainFile, '--key', d.keyFile];
async function register(d) {
  const base = `/${muster.idScope}/registrations/${d.commonName}`;
  const answer = await muster.request('PUT', `${base}/register?api-version=2021-06-01`,
    { body: { registrationId: d.commonName }, cert: d.chain, key: d.key });
  if (answer.status !== 202) return { status: answer.status, message: answer.json.message };
  const result = await muster.request('GET', `${base}/operations/${answer.json.operationId}?api-version=2021-06-01`, { cert: d.chain, key: d.key });
  return { status: 202, state: result.json.registrationState };
}
const revoke = (serial, reason = 'keyCompromise') =>
  ok(muster.service('POST', `/muster/authority/certificates/${serial}/revoke?${v}`, { body: { reason } }));

before(async () => {
  factory = pki.authority('est factory');
  assert.equal(curl(`${est}/cacerts`).status, 404);
  await ok(muster.service('POST', `/muster/authority/create?${v}`, { body: { name: 'Conformance' } }));
  await putGroup('plant');
  authorityFile = work('authority.pem');
  fs.writeFileSync(authorityFile, certificates(curl(`${est}/cacerts`)).join(''));
});

describe('curl and openssl', () => {
  it('cacerts: issuing CA and root, for whoever asks, under any label', () => {
    const chain = certificates(curl(`${est}/plant/cacerts`));
    assert.equal(chain.length, 2);
    assert.deepEqual(certificates(curl(`${est}/nowhere/cacerts`)), chain);
    fs.writeFileSync(work('root.pem'), chain[1]);
    fs.writeFileSync(work('issuing.pem'), chain[0]);
    pki.openssl('verify', '-CAfile', work('root.pem'), work('issuing.pem'));
  });
  it('csrattrs: nothing in particular, any strong key will do', () => {
    assert.equal(curl(`${est}/plant/csrattrs`).status, 204);
  });
  it('simpleenroll by one-time password: the certificate verifies, is a client\'s, and registers', async () => {
    const d = await enrolled('est-1');
    pki.openssl('verify', '-purpose', 'sslclient', '-CAfile', authorityFile, d.certFile);
    const text = pki.openssl('x509', '-in', d.certFile, '-noout', '-text').toString();
    assert.match(text, /Subject: CN = est-1\n/);
    assert.match(text, /TLS Web Client Authentication/);
    assert.match(text, /CA:FALSE/);
    const { state } = await register(d);
    assert.equal(state.status, 'assigned');
    assert.equal(state.deviceId, 'est-1');
    const record = await ok(muster.service('GET', '/registrations/est-1?api-version=2021-10-01'));
    assert.equal(record.status, 'assigned');
  });
  it('a password is spent once; the same key gets the same certificate again', async () => {
    const secret = await password('est-2');
    const csr = request('est-2');
    const first = certificates(enrol('plant/simpleenroll', csr, '-u', `est-2:${secret}`));
    assert.deepEqual(certificates(enrol('plant/simpleenroll', csr, '-u', `est-2:${secret}`)), first);
    const other = enrol('plant/simpleenroll', request('est-2'), '-u', `est-2:${secret}`);
    assert.equal(other.status, 401);
    assert.match(other.body, /used already/);
    assert.match(other.head, /^WWW-Authenticate: Basic/mi);
  });
  it('simpleenroll by a bootstrap certificate of the group\'s CA, in TLS 1.2 and 1.3', () => {
    for (const version of ['1.2', '1.3']) {
      const bootstrap = pki.device(`est-boot-${version}`, factory);
      const csr = request(bootstrap.commonName);
      const args = ['--cert', bootstrap.chainFile, '--key', bootstrap.keyFile, `--tlsv${version}`, '--tls-max', version];
      assert.equal(certificates(enrol('plant/simpleenroll', csr, ...args)).length, 1);
      const other = enrol('plant/simpleenroll', request('est-somebody-else'), ...args);
      assert.equal(other.status, 403);
      assert.match(other.body, /presented certificate for 'est-boot/);
    }
  });
  it('simplereenroll with the certificate that was issued; the new one registers', async () => {
    const first = await enrolled('est-3', 'plant', { subject: '/O=Plant 3/CN=est-3' });
    const csr = request('est-3', { subject: '/O=Plant 3/CN=est-3', key: ['RSA', 'rsa_keygen_bits:2048'] });
    const renewed = device(csr, certificates(enrol('plant/simplereenroll', csr, ...tls(first)))[0]);
    assert.equal((await register(renewed)).state.status, 'assigned');
    assert.equal(enrol('plant/simplereenroll', request('est-3'), ...tls(first)).status, 403, 'another subject');
    assert.equal(enrol('simpleenroll', csr, ...tls(renewed)).status, 200, 'as the stock device renews');
  });
  it('a revoked certificate neither renews nor registers, and is in the list that openssl checks by', async () => {
    const d = await enrolled('est-4');
    const kept = await enrolled('est-5');
    assert.equal((await register(d)).state.status, 'assigned');
    const hub = () => muster.request('GET', '/devices/est-4/modules?api-version=2021-04-12', { cert: d.chain, key: d.key });
    assert.equal((await hub()).status, 200);
    await revoke(d.serial);
    assert.equal((await hub()).status, 401, 'the hub does not take it any more');
    const refused = enrol('plant/simplereenroll', request('est-4'), ...tls(d));
    assert.equal(refused.status, 401);
    assert.match(refused.body, /was revoked at .*keyCompromise/);
    const { status, message } = await register(d);
    assert.equal(status, 401);
    assert.match(message, /was revoked at/);

    const crl = work('issuing.crl');
    assert.equal(curl('https://localhost/crl/issuing.crl', '-o', crl).status, 200);
    pki.openssl('crl', '-inform', 'DER', '-in', crl, '-CAfile', authorityFile, '-noout', '-verify');
    pki.openssl('crl', '-inform', 'DER', '-in', crl, '-out', `${crl}.pem`);
    const check = (file) => spawnSync('openssl', ['verify', '-crl_check', '-CAfile', authorityFile, '-CRLfile', `${crl}.pem`, file], { encoding: 'utf8' });
    assert.match(check(d.certFile).stderr, /certificate revoked/);
    assert.equal(check(kept.certFile).status, 0);
  });
  it('says what is wrong, in text', async () => {
    const secret = `est-6:${await password('est-6')}`;
    const cases = [
      [enrol('plant/simpleenroll', request('est-6')), 401, /neither a client certificate nor/],
      [enrol('plant/simpleenroll', request('est-6'), '-u', 'est-6:wrong'), 401, /no one-time password/],
      [enrol('plant/simpleenroll', request('est-7'), '-u', secret), 403, /is for 'est-7', the one-time password for 'est-6'/],
      [enrol('elsewhere/simpleenroll', request('est-6'), '-u', secret), 403, /for the enrollment group 'plant'/],
      [enrol('plant/simplereenroll', request('est-6'), '-u', secret), 403, /simplereenroll/],
      [enrol('plant/simpleenroll', request('est-6', { key: ['RSA', 'rsa_keygen_bits:1024'] }), '-u', secret), 400, /RSA key of 1024 bits; 2048 are needed/],
      [enrol('plant/simpleenroll', request('est-6', { extra: ['-addext', 'basicConstraints=critical,CA:TRUE'] }), '-u', secret), 403, /asks for a CA certificate/],
      [enrol('plant/simpleenroll', request('est-6', { subject: '/O=nobody' }), '-u', secret), 400, /one common name/],
      [curl(`${est}/plant/simpleenroll`, '-H', 'Content-Type: application/pkcs10', '-d', 'nonsense!'), 400, /neither base64/],
      [curl(`${est}/plant/simpleenroll`, '-H', 'Content-Type: text/plain', '-d', 'x'), 415, /application\/pkcs10/],
      [curl(`${est}/plant/simpleenroll`), 405, /POST/],
      [curl(`${est}/plant/serverkeygen`, '-d', 'x'), 501, /not supported/],
      [curl(`${est}/plant/nothing`), 404, /simplereenroll/],
    ];
    for (const [answer, status, body] of cases) {
      assert.equal(answer.status, status, answer.body);
      assert.match(answer.body, body);
      assert.match(answer.head, /^Content-Type: text\/plain/mi);
    }
    assert.equal(enrol('plant/simpleenroll', request('est-6'), '-u', secret).status, 200, 'none of it spent the password');
  });
  it('a disabled group, and one that is gone, let nobody in by what was issued under them', async () => {
    await ok(muster.service('PUT', '/enrollmentGroups/line?api-version=2021-10-01',
      { body: { enrollmentGroupId: 'line', attestation: { type: 'symmetricKey' } } }));
    const d = await enrolled('est-8', 'line');
    assert.equal((await register(d)).state.status, 'assigned');
    await ok(muster.service('PUT', '/enrollmentGroups/line?api-version=2021-10-01',
      { body: { enrollmentGroupId: 'line', attestation: { type: 'symmetricKey' }, provisioningStatus: 'disabled' } }));
    assert.equal((await register(d)).state.status, 'disabled');
    assert.equal(enrol('line/simplereenroll', request('est-8'), ...tls(d)).status, 403);
    await ok(muster.service('DELETE', '/enrollmentGroups/line?api-version=2021-10-01'));
    assert.match((await register(d)).message, /'line' that it was issued under is gone/);
  });
});

describe('GlobalSign\'s client in Go', { skip: estclient ? false : 'it could not be built here (go)' }, () => {
  const run = (command, ...args) => {
    const out = work(`go-${++made}.pem`);
    const to = command === 'csrattrs' ? [] : ['-out', out];
    const result = spawnSync(estclient, [command, '-server', 'localhost:443', '-explicit', serverCa, ...to, ...args], { encoding: 'utf8' });
    return { ...result, file: out, text: fs.existsSync(out) ? fs.readFileSync(out, 'utf8') : '' };
  };
  it('cacerts and csrattrs', () => {
    const answer = run('cacerts', '-aps', 'plant');
    assert.equal(answer.status, 0, answer.stderr);
    assert.equal(answer.text.match(/BEGIN CERTIFICATE/g).length, 2);
    const attributes = run('csrattrs', '-aps', 'plant');
    assert.equal(attributes.status, 0, attributes.stderr);
  });
  it('enroll by password, reenroll with what it got', async () => {
    const csr = request('go-1');
    pki.openssl('req', '-inform', 'DER', '-in', csr.derFile, '-out', `${csr.base}.csr.pem`);
    const first = run('enroll', '-aps', 'plant', '-csr', `${csr.base}.csr.pem`, '-user', 'go-1', '-pass', await password('go-1'));
    assert.equal(first.status, 0, first.stderr);
    pki.openssl('verify', '-CAfile', authorityFile, first.file);
    const second = run('reenroll', '-aps', 'plant', '-certs', first.file, '-key', csr.keyFile);
    assert.equal(second.status, 0, second.stderr);
    pki.openssl('verify', '-CAfile', authorityFile, second.file);
    assert.notEqual(second.text, first.text);
    assert.equal((await register(device(csr, second.text))).state.status, 'assigned');
  });
  it('is told why it is refused', async () => {
    const csr = request('go-2');
    pki.openssl('req', '-inform', 'DER', '-in', csr.derFile, '-out', `${csr.base}.csr.pem`);
    const refused = run('enroll', '-aps', 'plant', '-csr', `${csr.base}.csr.pem`, '-user', 'go-2', '-pass', 'wrong');
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr + refused.stdout, /401|one-time password/);
  });
});

describe('a certificate request in the registration', () => {
  const preview = 'api-version=2025-07-01-preview';
  const put = (d, body, version = preview) => muster.request('PUT', `/${muster.idScope}/registrations/${d.commonName}/register?${version}`,
    { body: { registrationId: d.commonName, ...body }, cert: d.chain, key: d.key });

  it('is answered with the issued chain, and the hub knows the device by it', async () => {
    const other = pki.authority('est onboarding');
    await putGroup('onboarding', { credentialPolicyName: 'default', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: other.cert } } } } });
    const onboarding = pki.device('est-csr-1', other);
    const csr = request('est-csr-1');
    const der = fs.readFileSync(csr.derFile).toString('base64');
    const answer = await put(onboarding, { csr: der });
    assert.equal(answer.status, 202, answer.text);
    const result = await muster.request('GET', `/${muster.idScope}/registrations/est-csr-1/operations/${answer.json.operationId}?${preview}`,
      { cert: onboarding.chain, key: onboarding.key });
    const { issuedCertificateChain: chain, status } = result.json.registrationState;
    assert.equal(status, 'assigned');
    assert.equal(chain.length, 3);
    const pem = chain.map((c) => `-----BEGIN CERTIFICATE-----\n${c.match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`);
    const operational = device(csr, pem[0]);
    pki.openssl('verify', '-purpose', 'sslclient', '-CAfile', authorityFile, operational.certFile);
    const thumbprint = pki.openssl('x509', '-in', operational.certFile, '-noout', '-fingerprint', '-sha256').toString().trim().split('=')[1].replaceAll(':', '');
    const hub = await ok(muster.service('GET', '/devices/est-csr-1?api-version=2021-04-12'));
    assert.equal(hub.authentication.x509Thumbprint.primaryThumbprint, thumbprint);
    assert.equal((await register(operational)).state.status, 'assigned');

    const older = await put(onboarding, { csr: der }, 'api-version=2021-06-01');
    assert.equal(older.status, 400);
    assert.match(older.json.message, /not known in api-version 2021-06-01/);
    const wrong = await put(onboarding, { csr: fs.readFileSync(request('est-csr-2').derFile).toString('base64') });
    assert.equal(wrong.status, 400);
    assert.match(wrong.json.message, /common name of "csr" is 'est-csr-2'/);
    const lookup = await muster.request('POST', `/${muster.idScope}/registrations/est-csr-1?${preview}`,
      { body: { registrationId: 'est-csr-1', csr: der }, cert: onboarding.chain, key: onboarding.key });
    assert.equal(lookup.status, 400);
  });
  it('comes over MQTT, too', async () => {
    const ca = pki.authority('est mqtt');
    await putGroup('mqtt', { credentialPolicyName: 'default', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.cert } } } } });
    const d = pki.device('est-csr-4', ca);
    const body = JSON.stringify({ registrationId: 'est-csr-4', csr: fs.readFileSync(request('est-csr-4').derFile).toString('base64') });
    const session = async (version) => {
      const opened = await mqtt.Session.open({ cert: d.chain, key: d.key });
      opened.send(mqtt.connect({ user: mqtt.userName('est-csr-4', { query: `api-version=${version}` }) }), mqtt.subscribe(mqtt.responses, 0));
      assert.equal((await opened.next()).type, 2);
      assert.equal((await opened.next()).type, 9);
      return opened;
    };
    const older = await session('2019-03-31');
    older.send(mqtt.publish(mqtt.registerTopic('1'), body, { qos: 0 }));
    assert.match((await older.next()).json.message, /not known in api-version 2019-03-31/);
    older.close();
    const newer = await session('2025-07-01-preview');
    newer.send(mqtt.publish(mqtt.registerTopic('1'), body, { qos: 0 }));
    const { operationId } = (await newer.next()).json;
    newer.send(mqtt.publish(mqtt.statusTopic('2', operationId), '', { qos: 0 }));
    const { registrationState } = (await newer.next()).json;
    newer.close();
    assert.equal(registrationState.status, 'assigned');
    assert.equal(registrationState.issuedCertificateChain.length, 3);
  });
  it('comes over AMQP, too', async () => {
    const ca = pki.authority('est amqp');
    await putGroup('amqp', { credentialPolicyName: 'default', attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.cert } } } } });
    const d = pki.device('est-csr-5', ca);
    const connection = rhea.create_container().connect({ transport: 'tls', host: 'localhost', port: 5671, servername: muster.host,
      ca: muster.ca, cert: d.chain, key: d.key, reconnect: false });
    const address = `${muster.idScope}/registrations/est-csr-5`;
    const properties = { 'com.microsoft:api-version': '2025-07-01-preview' };
    const receiver = connection.open_receiver({ source: { address }, properties });
    const sender = connection.open_sender({ target: { address }, properties });
    const event = (source, name) => new Promise((resolve, reject) => {
      source.once(name, resolve);
      connection.once('disconnected', () => reject(new Error(`${name} did not come`)));
    });
    const ask = async (type, body, more = {}) => {
      const answer = event(receiver, 'message');
      sender.send({ application_properties: { 'iotdps-operation-type': type, ...more }, correlation_id: type, body: rhea.message.data_section(Buffer.from(body)) });
      const { message } = await answer;
      return JSON.parse(message.body.content.toString());
    };
    await event(sender, 'sendable');
    const { operationId } = await ask('iotdps-register', JSON.stringify({ registrationId: 'est-csr-5', csr: fs.readFileSync(request('est-csr-5').derFile).toString('base64') }));
    const { registrationState } = await ask('iotdps-get-operationstatus', '', { 'iotdps-operation-id': operationId });
    assert.equal(registrationState.status, 'assigned');
    assert.equal(registrationState.issuedCertificateChain.length, 3);
    connection.removeAllListeners('disconnected');
    connection.close();
  });
  it('is refused where the enrollment issues none, and the device is not registered then', async () => {
    const plain = pki.device('est-csr-3', factory);
    const answer = await put(plain, { csr: fs.readFileSync(request('est-csr-3').derFile).toString('base64') });
    assert.equal(answer.status, 400);
    assert.match(answer.json.message, /'plant' issues no certificates .*credentialPolicyName/);
    assert.equal((await muster.service('GET', '/registrations/est-csr-3?api-version=2021-10-01')).status, 404);
  });
});

describe('a revocation list of the group\'s own CA, made by openssl', () => {
  it('keeps a revoked leaf out, with that reason', async () => {
    const ca = pki.authority('crl ca');
    await putGroup('revoking', { attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.cert } } } } });
    const good = pki.device('crl-good', ca);
    const bad = pki.device('crl-bad', ca);
    assert.equal((await register(bad)).status, 202);

    const base = work('crl');
    fs.mkdirSync(base);
    fs.writeFileSync(`${base}/ca.cnf`, `[ca]\ndefault_ca=it\n[it]\ndatabase=${base}/index.txt\ncrlnumber=${base}/number\ndefault_md=sha256\n`);
    fs.writeFileSync(`${base}/index.txt`, '');
    fs.writeFileSync(`${base}/number`, '01\n');
    const ca_ = ['ca', '-config', `${base}/ca.cnf`, '-cert', ca.certFile, '-keyfile', ca.keyFile];
    pki.openssl(...ca_, '-revoke', bad.certFile, '-crl_reason', 'cessationOfOperation');
    pki.openssl(...ca_, '-gencrl', '-crldays', '7', '-out', `${base}/list.pem`);
    const lists = '/enrollmentGroups/revoking/revocationLists';
    const answer = await ok(muster.service('PUT', `${lists}?${v}`, { body: { crl: fs.readFileSync(`${base}/list.pem`, 'utf8') } }));
    assert.equal(answer.entries, 1);

    const refused = await register(bad);
    assert.equal(refused.status, 401);
    assert.match(refused.message, /'CN=crl-bad' .* was revoked at .*\(cessationOfOperation\) by 'CN=crl ca'/);
    assert.equal((await register(good)).state.status, 'assigned');
    await ok(muster.service('DELETE', `${lists}/${answer.issuerThumbprint}?${v}`));
    assert.equal((await register(bad)).status, 202);
  });
});
