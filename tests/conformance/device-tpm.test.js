// azure-iot-provisioning-device with azure-iot-security-tpm over HTTPS, on a TPM in software; and, by hand with tpm2-tools,
// the stock edge runtime's way of doing it.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { TpmSecurityClient } = require('azure-iot-security-tpm');
const { Registry } = require('azure-iothub');
const muster = require('./lib/muster');
const { SoftwareTpm, available } = require('./lib/software-tpm');

const service = ProvisioningServiceClient.fromConnectionString(muster.connectionString('provisioningserviceowner'));
const registry = Registry.fromConnectionString(muster.connectionString('iothubowner'));
const v = 'api-version=2021-06-01';
const put = (rid, body, headers = {}) => muster.request('PUT', `/${muster.idScope}/registrations/${rid}/register?${v}`,
  { headers, body: { registrationId: rid, ...body } });
const promised = (call) => new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));
const enroll = (registrationId, endorsementKey, more = {}) => service.createOrUpdateIndividualEnrollment(
  { registrationId, attestation: { type: 'tpm', tpm: { endorsementKey } }, ...more });

describe('TPM attestation', { skip: !available && 'swtpm and tpm2-tools are not installed' }, () => {
  describe('by the SDK', () => {
    let tpm, security, registrationId, endorsementKey;
    const register = () => ProvisioningDeviceClient.create(muster.host, muster.idScope, new Http(), security).register();
    before(async () => {
      tpm = await SoftwareTpm.start();
      security = new TpmSecurityClient(undefined, tpm.client());
      endorsementKey = (await promised((cb) => security.getEndorsementKey(cb))).toString('base64');
      registrationId = await promised((cb) => security.getRegistrationId(cb));
    });
    after(() => tpm?.stop());

    it('is refused before its TPM is enrolled, as anybody is', async () => {
      // The SDK takes every 401 for a challenge and says that this one holds none.
      await assert.rejects(register(), /appropriately formatted authentication blob/);
      const answer = await put(registrationId, { tpm: { endorsementKey, storageRootKey: endorsementKey } });
      assert.equal(answer.status, 401);
      assert.equal(answer.json.errorCode, 401002);
      assert.equal(answer.json.authenticationKey, undefined);
    });

    it('registers, twice, and then signs for the hub with a key that only its TPM has', async () => {
      const enrolled = (await enroll(registrationId, endorsementKey, { deviceId: 'tpm-device' })).responseBody;
      assert.equal(enrolled.attestation.tpm.endorsementKey, endorsementKey);
      assert.equal(enrolled.attestation.symmetricKey, undefined);
      for (let i = 0; i < 2; ++i) {
        const result = await register();
        assert.equal(result.status, 'assigned');
        const state = result.registrationState ?? result;
        assert.equal(state.deviceId, 'tpm-device');
      }
      const identity = (await registry.get('tpm-device')).responseBody;
      assert.equal(identity.authentication.type, 'sas');
      const key = Buffer.from(identity.authentication.symmetricKey.primaryKey, 'base64');
      const signature = await promised((cb) => security.signWithIdentity(Buffer.from('to the hub'), cb));
      assert.equal(signature.toString('hex'), crypto.createHmac('sha256', key).update('to the hub').digest('hex'));
      // Nothing but the TPM is told the key.
      for (const answer of [await service.getIndividualEnrollment(registrationId),
        await service.getIndividualEnrollmentAttestationMechanism(registrationId)]) {
        assert.ok(!JSON.stringify(answer.responseBody).includes(identity.authentication.symmetricKey.primaryKey));
      }
    });

    it('ends disabled', async () => {
      await enroll(registrationId, endorsementKey, { deviceId: 'tpm-device', provisioningStatus: 'disabled' });
      await assert.rejects(register(), /disabled/);
    });

    it('is refused when another TPM takes its place in the enrollment', async () => {
      const other = await SoftwareTpm.start();
      try {
        other.tool('tpm2_createek', '-G', 'rsa', '-c', '0x81010001', '-u', 'ek.pub');
        const before = (await registry.get('tpm-device')).responseBody.authentication.symmetricKey.primaryKey;
        await enroll(registrationId, other.file('ek.pub').toString('base64'), { deviceId: 'tpm-device' });
        await assert.rejects(register(), /appropriately formatted authentication blob/);
        // And back: the hub key is another one since then.
        await enroll(registrationId, endorsementKey, { deviceId: 'tpm-device' });
        assert.equal((await register()).status, 'assigned');
        assert.notEqual((await registry.get('tpm-device')).responseBody.authentication.symmetricKey.primaryKey, before);
      } finally {
        other.stop();
      }
    });
  });

  describe('as the stock edge runtime does it, by tpm2-tools', () => {
    const rid = 'tpm-stock';
    let tpm, keys;
    before(async () => {
      tpm = await SoftwareTpm.start();
      tpm.tool('tpm2_createek', '-G', 'rsa', '-c', '0x81010001', '-u', 'ek.pub');
      tpm.tool('tpm2_createprimary', '-C', 'o', '-G', 'rsa2048:aes128cfb', '-a',
        'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda', '-c', 'srk.ctx');
      tpm.tool('tpm2_evictcontrol', '-C', 'o', '-c', 'srk.ctx', '0x81000001');
      tpm.tool('tpm2_readpublic', '-c', '0x81000001', '-o', 'srk.pub');
      tpm.tool('tpm2_flushcontext', '-t');
      keys = { endorsementKey: tpm.file('ek.pub').toString('base64'), storageRootKey: tpm.file('srk.pub').toString('base64') };
      await enroll(rid, keys.endorsementKey);
    });
    after(() => tpm?.stop());

    // ActivateCredential, Import and Load of a blob; the context of the key stays in key.ctx.
    function take(blob) {
      const parts = [];
      let rest = Buffer.from(blob, 'base64');
      for (let i = 0; i < 5; ++i) {
        const size = 2 + rest.readUInt16BE(0);
        parts.push(rest.subarray(0, size));
        rest = rest.subarray(size);
      }
      tpm.write('credential', Buffer.concat([Buffer.from('badcc0de00000001', 'hex'), parts[0], parts[1]]));
      tpm.write('dup', parts[2]);
      tpm.write('seed', parts[3]);
      tpm.write('pub', parts[4]);
      tpm.tool('tpm2_startauthsession', '--policy-session', '-S', 's.ctx');
      tpm.tool('tpm2_policysecret', '-S', 's.ctx', '-c', 'e');
      tpm.tool('tpm2_activatecredential', '-c', '0x81000001', '-C', '0x81010001', '-P', 'session:s.ctx', '-i', 'credential', '-o', 'inner');
      tpm.tool('tpm2_flushcontext', 's.ctx');
      tpm.tool('tpm2_import', '-C', '0x81000001', '-i', 'dup', '-s', 'seed', '-u', 'pub', '-k', 'inner', '-r', 'priv', '-G', 'aes');
      tpm.tool('tpm2_load', '-C', '0x81000001', '-u', 'pub', '-r', 'priv', '-c', 'key.ctx');
    }
    function sign(text) {
      tpm.write('text', text);
      tpm.tool('tpm2_hmac', '-c', 'key.ctx', '-o', 'digest', 'text');
      tpm.tool('tpm2_flushcontext', '-t');
      return tpm.file('digest');
    }
    function token(life = 30) {
      const resource = `${muster.idScope}/registrations/${rid}`.toLowerCase();
      const expiry = Math.floor(Date.now() / 1000) + life;
      const signature = sign(`${resource}\n${expiry}`);
      return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature.toString('base64'))}&se=${expiry}&skn=registration`;
    }

    it('is challenged, answers without showing its TPM again, and is given the hub’s key', async () => {
      const challenge = await put(rid, { tpm: keys });
      assert.equal(challenge.status, 401, challenge.text);
      assert.match(challenge.headers['content-type'], /application\/json/);
      assert.equal(challenge.json.keyName, 'registration');
      assert.equal(typeof challenge.json.message, 'string');
      take(challenge.json.authenticationKey);
      const Authorization = token();
      const accepted = await put(rid, {}, { Authorization });
      assert.equal(accepted.status, 202, accepted.text);
      const target = `/${muster.idScope}/registrations/${rid}/operations/${accepted.json.operationId}?${v}`;
      const done = await muster.request('GET', target, { headers: { Authorization } });
      assert.equal(done.status, 200, done.text);
      assert.equal(done.json.status, 'assigned');
      assert.equal(done.json.registrationState.symmetricKey, undefined);
      take(done.json.registrationState.tpm.authenticationKey);
      const key = (await registry.get(rid)).responseBody.authentication.symmetricKey.primaryKey;
      assert.equal(sign('hello').toString('base64'), muster.signature(key, 'hello'));
      // Nobody looks at the operation without the key.
      assert.equal((await muster.request('GET', target)).status, 401);
      assert.equal((await muster.request('GET', target, { headers: { Authorization: Authorization.replace(/sig=[^&]*/, 'sig=AAAA') } })).status, 401);
    });

    it('has its outcome at once when it says so', async () => {
      take((await put(rid, { tpm: keys })).json.authenticationKey);
      const answer = await put(rid, {}, { Authorization: token(), Prefer: 'wait=10' });
      assert.equal(answer.status, 200, answer.text);
      assert.ok(answer.json.registrationState.tpm.authenticationKey);
    });

    it('takes an answer for the one registration that was challenged, in its one TPM', async () => {
      take((await put(rid, { tpm: keys })).json.authenticationKey);
      const good = token();
      await enroll('tpm-stock-2', keys.endorsementKey);
      assert.equal((await put('tpm-stock-2', {}, { Authorization: good })).status, 401);
      // The hub's key does not register, and a challenge's does not call the hub.
      const hub = await muster.request('GET', `/devices/${rid}/modules?api-version=2021-04-12`,
        { headers: { Authorization: good } });
      assert.equal(hub.status, 401);
      assert.equal((await put(rid, {}, { Authorization: good })).status, 202);
    });

    it('takes an ECC endorsement key, too', async () => {
      const other = await SoftwareTpm.start();
      const before = tpm;
      try {
        tpm = other;
        tpm.tool('tpm2_createek', '-G', 'ecc', '-c', '0x81010001', '-u', 'ek.pub');
        tpm.tool('tpm2_createprimary', '-C', 'o', '-G', 'ecc256:aes128cfb', '-a',
          'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda', '-c', 'srk.ctx');
        tpm.tool('tpm2_evictcontrol', '-C', 'o', '-c', 'srk.ctx', '0x81000001');
        tpm.tool('tpm2_readpublic', '-c', '0x81000001', '-o', 'srk.pub');
        tpm.tool('tpm2_flushcontext', '-t');
        const ecc = { endorsementKey: tpm.file('ek.pub').toString('base64'), storageRootKey: tpm.file('srk.pub').toString('base64') };
        const enrolled = await muster.service('PUT', `/enrollments/${rid}?api-version=2021-10-01`,
          { body: { registrationId: rid, attestation: { type: 'tpm', tpm: ecc } } });
        assert.equal(enrolled.status, 200, enrolled.text);
        take((await put(rid, { tpm: ecc })).json.authenticationKey);
        assert.equal((await put(rid, {}, { Authorization: token() })).status, 202);
      } finally {
        other.stop();
        tpm = before;
        await enroll(rid, keys.endorsementKey);
      }
    });

    it('says what is wrong with keys that are none', async () => {
      for (const [tpmMember, complaint] of [
        [{ endorsementKey: 'AAAA', storageRootKey: keys.storageRootKey }, /endorsementKey.*TPM2B_PUBLIC/],
        [{ endorsementKey: keys.endorsementKey, storageRootKey: 'AAAA' }, /storageRootKey/],
        [{ endorsementKey: keys.endorsementKey }, /storageRootKey/],
        ['text', /tpm/],
      ]) {
        const answer = await put(rid, { tpm: tpmMember });
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.json.message, complaint);
      }
      const refused = await muster.service('PUT', '/enrollments/tpm-bad?api-version=2021-10-01',
        { body: { registrationId: 'tpm-bad', attestation: { type: 'tpm', tpm: { endorsementKey: 'AAAA' } } } });
      assert.equal(refused.status, 400);
      assert.match(refused.json.message, /attestation\.tpm\.endorsementKey/);
    });

    it('bears many strangers’ storage root keys', async () => {
      // Whoever knows the endorsement key may ask; it is of no use, and does not stand in the device's way.
      const point = Buffer.from(keys.storageRootKey, 'base64');
      const others = Array.from({ length: 8 }, (_, i) => {
        const copy = Buffer.from(point);
        copy[copy.length - 100] ^= i + 1;
        return copy.toString('base64');
      });
      take((await put(rid, { tpm: keys })).json.authenticationKey);
      assert.equal((await put(rid, {}, { Authorization: token() })).status, 202);
      take((await put(rid, { tpm: keys })).json.authenticationKey);
      for (const storageRootKey of others) {
        assert.equal((await put(rid, { tpm: { ...keys, storageRootKey } })).status, 401);
      }
      assert.equal((await put(rid, {}, { Authorization: token() })).status, 202);
    });
  });
});
