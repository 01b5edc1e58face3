// AMQP 1.0 with rhea: the SASL mechanisms, the addresses of links, and what a client may not do.
'use strict';
const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const rhea = require('rhea');
const muster = require('./lib/muster');
const pki = require('./lib/openssl');
const raw = require('./lib/raw-mqtt');

const properties = { 'com.microsoft:api-version': '2021-06-01' };
const plain = `${muster.idScope}/registrations/amqp-raw`;
let device;
let keys;

before(async () => {
  device = pki.issue('amqp-raw');
  await muster.service('PUT', '/enrollments/amqp-raw?api-version=2021-10-01', { body: { registrationId: 'amqp-raw',
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: device.cert } } } } } });
  const made = await muster.service('PUT', '/enrollments/amqp-key?api-version=2021-10-01',
    { body: { registrationId: 'amqp-key', attestation: { type: 'symmetricKey' } } });
  keys = made.json.attestation.symmetricKey;
});

function token(rid, key) {
  const resource = `${muster.idScope}/registrations/${rid}`;
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(muster.signature(key, `${resource}\n${expiry}`))}&skn=registration&se=${expiry}`;
}

// One event of `source`, or an error when another of them comes first.
function once(source, wanted, unwanted = ['connection_error', 'disconnected', 'error']) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${wanted} did not come`)), 30000);
    const done = (action) => (context) => { clearTimeout(timer); action(context); };
    source.once(wanted, done(resolve));
    for (const event of unwanted) if (event !== wanted) source.once(event, done((context) => reject(context.error ?? new Error(event))));
  });
}

const open = async (options = {}) => {
  const { credential = device, ...more } = options;
  const connection = rhea.create_container().connect({ transport: 'tls', host: 'localhost', port: 5671, servername: muster.host,
    ca: muster.ca, cert: credential?.cert, key: credential?.key, reconnect: false, ...more });
  connection.on('error', () => undefined);
  await once(connection, 'connection_open');
  opened.push(connection);
  return connection;
};
const opened = [];
// What a failed test left open would keep the process.
after(() => opened.forEach((connection) => connection.socket?.destroy()));

// Both links at `address`, as the SDKs attach them.
async function attach(connection, address = plain, { api = properties } = {}) {
  const receiver = connection.open_receiver({ source: { address }, properties: api });
  await once(receiver, 'receiver_open', ['receiver_error']);
  const sender = connection.open_sender({ target: { address }, properties: api });
  await once(sender, 'sendable', ['sender_error', 'sender_close']);
  return { connection, receiver, sender };
}

// { outcome: 'accepted' | 'rejected', error, message }
function ask({ receiver, sender }, message) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), 30000);
    const result = {};
    const finish = () => { clearTimeout(timer); resolve(result); };
    receiver.once('message', ({ message: answer }) => { result.message = answer; if (result.outcome) finish(); });
    sender.once('accepted', () => { result.outcome = 'accepted'; if (result.message) finish(); });
    sender.once('rejected', ({ delivery }) => { result.outcome = 'rejected'; result.error = delivery.remote_state.error; finish(); });
    sender.send(message);
  });
}

const request = (type, more = {}) => ({ correlation_id: 'c1', body: rhea.message.data_section(Buffer.from('{}')),
  application_properties: { 'iotdps-operation-type': type, ...more } });
const registerOnce = async (lines) => {
  const answer = await ask(lines, request('iotdps-register'));
  assert.equal(answer.outcome, 'accepted', JSON.stringify(answer.error));
  const body = JSON.parse(answer.message.body.content);
  assert.equal(body.status, 'assigning');
  assert.equal(answer.message.application_properties['retry-after'], 1);
  const final = await ask(lines, request('iotdps-get-operationstatus', { 'iotdps-operation-id': body.operationId }));
  assert.equal(JSON.parse(final.message.body.content).registrationState.status, 'assigned');
  return answer.message;
};

describe('the SASL layer', { concurrency: true }, () => {
  it('is not asked for', async () => {
    const lines = await attach(await open());
    await registerOnce(lines);
    lines.connection.close();
    await once(lines.connection, 'connection_close');
  });

  it('takes EXTERNAL from who showed a certificate', async () => {
    const lines = await attach(await open({ enable_sasl_external: true }));
    await registerOnce(lines);
    lines.connection.close();
  });

  it('offers EXTERNAL to who showed a certificate alone, and takes it from no one else', async () => {
    const header = Buffer.from('AMQP\x03\x01\0\0', 'latin1');
    const external = Buffer.from('0000001e02010000' + '005341c01102' + 'a308' + Buffer.from('EXTERNAL').toString('hex') + 'a004' + '61616161', 'hex');
    for (const [credential, offered, code] of [[device, true, 0], [undefined, false, 1]]) {
      const session = await raw.Session.open({ port: 5671, cert: credential?.cert, key: credential?.key });
      session.send(header);
      await session.wait(() => (/ANONYMOUS/.test(session.received) ? true : undefined));
      assert.equal(/EXTERNAL/.test(session.received), offered);
      session.send(external);
      const outcome = Buffer.from([0x00, 0x53, 0x44, 0xc0, 0x03, 0x01, 0x50, code]);
      await session.wait(() => (session.received.includes(outcome) ? true : undefined));
      session.close();
    }
  });

  it('takes ANONYMOUS, with a certificate', async () => {
    const lines = await attach(await open({ username: 'whoever' }));
    assert.equal(lines.connection.sasl_transport.mechanism.constructor.name, 'AnonymousClient');
    await registerOnce(lines);
    lines.connection.close();
  });

  it('takes PLAIN with a signature', async () => {
    const rid = 'amqp-key';
    const connection = await open({ credential: null, username: `${muster.idScope}/registrations/${rid}`, password: token(rid, keys.primaryKey) });
    await registerOnce(await attach(connection, `${muster.idScope}/registrations/${rid}`));
    connection.close();
  });

  it('leaves the judgement of a signature to the registration', async () => {
    const rid = 'amqp-key';
    const connection = await open({ credential: null, username: `${muster.idScope}/registrations/${rid}`, password: token('another', keys.primaryKey) });
    const answer = await ask(await attach(connection, `${muster.idScope}/registrations/${rid}`), request('iotdps-register'));
    assert.equal(answer.error.condition, 'amqp:unauthorized-access');
    assert.equal(JSON.parse(answer.error.description).errorCode, 401002);
    connection.close();
  });

  it('refuses a user name that is no device of this id scope', async () => {
    for (const username of ['root', '0ne00000000/registrations/amqp-key', `${muster.idScope}/registrations/`]) {
      await assert.rejects(open({ credential: null, username, password: 'x' }), /auth/i, username);
    }
  });
});

describe('links', { concurrency: true }, () => {
  it('have the addresses of all SDKs', async () => {
    for (const address of [plain, `/${plain}`, `amqps://${muster.host}/${plain}`, `${muster.idScope}/Registrations/amqp%2Draw`]) {
      const lines = await attach(await open(), address);
      await registerOnce(lines);
      lines.connection.close();
    }
  });

  it('are refused at any other address, with the JSON of HTTPS', async () => {
    const connection = await open();
    for (const [address, condition, code] of [
      [`${muster.idScope}/registrations/`, 'com.microsoft:argument-error', 400004],
      ['messages/events', 'com.microsoft:argument-error', 400004],
    ]) {
      const sender = connection.open_sender({ target: { address }, properties });
      const { sender: refused } = await once(sender, 'sender_error');
      assert.equal(refused.error.condition, condition);
      assert.equal(JSON.parse(refused.error.description).errorCode, code);
    }
    connection.close();
  });

  it('carry an api-version', async () => {
    const connection = await open();
    const sender = connection.open_sender({ target: { address: plain } });
    const { sender: refused } = await once(sender, 'sender_error');
    assert.equal(JSON.parse(refused.error.description).errorCode, 400005);
    connection.close();
  });

  it('are 16 at most', async () => {
    const connection = await open();
    for (let i = 0; i < 16; ++i) await once(connection.open_receiver({ source: { address: plain }, properties }), 'receiver_open');
    const { receiver } = await once(connection.open_receiver({ source: { address: plain }, properties }), 'receiver_error');
    assert.equal(receiver.error.condition, 'amqp:resource-limit-exceeded');
    connection.close();
  });

  it('and sessions end by the client’s will, and others can be opened', async () => {
    const connection = await open();
    for (let i = 0; i < 40; ++i) {
      const session = connection.create_session();
      session.begin();
      const receiver = session.open_receiver({ source: { address: plain }, properties });
      await once(receiver, 'receiver_open');
      if (i % 2 === 0) { receiver.close(); await once(receiver, 'receiver_close'); }
      session.close();
      await once(session, 'session_close');
    }
    await registerOnce(await attach(connection));
    connection.close();
  });
});

describe('requests', { concurrency: true }, () => {
  it('are answered with their own correlation id, or their message id', async () => {
    const lines = await attach(await open());
    const uuid = rhea.generate_uuid ? rhea.generate_uuid() : rhea.string_to_uuid('0f0e0d0c-0b0a-0908-0706-050403020100');
    for (const [sent, expected] of [[{ correlation_id: 'text' }, 'text'], [{ correlation_id: uuid }, uuid], [{ message_id: 'm7', correlation_id: undefined }, 'm7']]) {
      const { message } = await ask(lines, { ...request('iotdps-register'), ...sent });
      assert.deepEqual(message.correlation_id, expected);
    }
    const { message } = await ask(lines, { ...request('iotdps-register'), correlation_id: undefined });
    assert.equal(message.correlation_id, undefined);
    lines.connection.close();
  });

  it('hear 400, 404 and 413, and go on', async () => {
    const lines = await attach(await open());
    const body = (text) => ({ body: rhea.message.data_section(Buffer.from(text)) });
    for (const [message, condition, status] of [
      [{ ...request('iotdps-register'), ...body('{"registrationId":') }, 'com.microsoft:argument-error', 400],
      [{ ...request('iotdps-register'), ...body('{"registrationId":"another"}') }, 'com.microsoft:argument-error', 400],
      [{ ...request('iotdps-register'), ...body(`{"payload":"${'x'.repeat(100 * 1024)}"}`) }, 'amqp:link:message-size-exceeded', 413],
      [{ ...request('iotdps-register'), body: ['a', 'list'] }, 'com.microsoft:argument-error', 400],
      [request('iotdps-unheard-of'), 'com.microsoft:argument-error', 400],
      [{ body: '' }, 'com.microsoft:argument-error', 400],
      [request('iotdps-get-operationstatus'), 'amqp:not-found', 404],
      [request('iotdps-get-operationstatus', { 'iotdps-operation-id': '5.0123456789abcdef.b3602f8f-76fe-4341-9214-bb6cfb891b8a' }), 'amqp:not-found', 404],
    ]) {
      const { outcome, error } = await ask(lines, message);
      assert.equal(outcome, 'rejected');
      assert.equal(error.condition, condition, error.description);
      assert.equal(Math.floor(JSON.parse(error.description).errorCode / 1000), status);
    }
    await registerOnce(lines);
    lines.connection.close();
  });

  it('at a foreign id scope are rejected', async () => {
    const lines = await attach(await open(), '0ne00000000/registrations/amqp-raw');
    const { error } = await ask(lines, request('iotdps-register'));
    assert.equal(error.condition, 'amqp:not-found');
    assert.equal(JSON.parse(error.description).errorCode, 404201);
    lines.connection.close();
  });

  it('are refused when there is no way back', async () => {
    const connection = await open();
    const sender = connection.open_sender({ target: { address: plain }, properties });
    await once(sender, 'sendable');
    sender.send(request('iotdps-register'));
    const { delivery } = await once(sender, 'rejected');
    assert.match(delivery.remote_state.error.description, /receiver/);
    // A receiver that gives no credit: a few answers wait, more are not taken.
    const receiver = connection.open_receiver({ source: { address: plain }, properties, credit_window: 0 });
    await once(receiver, 'receiver_open');
    const outcomes = [];
    sender.on('accepted', () => outcomes.push('accepted')).on('rejected', () => outcomes.push('rejected'));
    for (let i = 0; i < 6; ++i) sender.send(request('iotdps-register'));
    while (outcomes.length < 6) await muster.sleep(10);
    assert.deepEqual(outcomes, ['accepted', 'accepted', 'accepted', 'accepted', 'rejected', 'rejected']);
    let got = 0;
    receiver.on('message', () => { ++got; });
    receiver.add_credit(10);
    while (got < 4) await muster.sleep(10);
    connection.close();
  });

  it('of more than 128 KB cost their link', async () => {
    const lines = await attach(await open());
    lines.sender.send({ ...request('iotdps-register'), body: rhea.message.data_section(Buffer.alloc(200 * 1024, 32)) });
    const { sender } = await once(lines.sender, 'sender_error');
    assert.equal(sender.error.condition, 'amqp:link:message-size-exceeded');
    await registerOnce(await attach(lines.connection));
    lines.connection.close();
  });

  it('come in frames of any size, and sent settled', async () => {
    const lines = await attach(await open({ max_frame_size: 512 }));
    await registerOnce(lines);
    const message = { ...request('iotdps-register'), body: rhea.message.data_section(Buffer.from(`{"payload":"${'y'.repeat(20000)}"}`)) };
    assert.equal((await ask(lines, message)).outcome, 'accepted');
    const settled = lines.connection.open_sender({ target: { address: plain }, properties, snd_settle_mode: 1 });
    await once(settled, 'sendable');
    const answer = once(lines.receiver, 'message');
    settled.send(request('iotdps-register'));
    assert.equal(JSON.parse((await answer).message.body.content).status, 'assigning');
    lines.connection.close();
  });

  it('of a receiver that wants to settle itself are answered', async () => {
    const connection = await open();
    const receiver = connection.open_receiver({ source: { address: plain }, properties, snd_settle_mode: 0 });
    await once(receiver, 'receiver_open');
    const sender = connection.open_sender({ target: { address: plain }, properties });
    await once(sender, 'sendable');
    for (let i = 0; i < 100; ++i) assert.equal((await ask({ receiver, sender }, request('iotdps-register'))).outcome, 'accepted');
    connection.close();
  });
});

describe('a session', { concurrency: true }, () => {
  it('is kept alive for a client that wants it so', async () => {
    const connection = await open({ idle_time_out: 2000 });
    await muster.sleep(6000);
    await registerOnce(await attach(connection));
    connection.close();
  });

  it('ends after a thousand requests', async () => {
    const lines = await attach(await open());
    let closed;
    lines.connection.once('connection_error', (context) => { closed = context.connection.error; });
    for (let i = 0; i < 1000 && !closed; ++i) {
      await ask(lines, request('iotdps-get-operationstatus')).catch(() => undefined);
    }
    while (!closed) await muster.sleep(10);
    assert.equal(closed.condition, 'amqp:resource-limit-exceeded');
  });

  it('that speaks another protocol hears which one is spoken, and no more', async () => {
    for (const hello of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from('AMQP\0\0\x09\x01', 'latin1'), Buffer.from('160301020001000200fc0303', 'hex')]) {
      const session = await raw.Session.open({ port: 5671, cert: device.cert, key: device.key });
      session.send(hello);
      assert.deepEqual([...await session.bytes(8)], [...Buffer.from('AMQP\0\x01\0\0', 'latin1')]);
      await session.wait(() => undefined, 40000).catch(() => undefined);
      assert.ok(session.ended);
    }
  });

  it('that does not open in ten seconds is ended', async () => {
    const silent = await raw.Session.open({ port: 5671, cert: device.cert, key: device.key });
    const slow = await raw.Session.open({ port: 5671, cert: device.cert, key: device.key });
    const sasl = await raw.Session.open({ port: 5671, cert: device.cert, key: device.key });
    slow.send(Buffer.from('AMQP\0\x01\0\0\0\0', 'latin1'));
    sasl.send(Buffer.from('AMQP\x03\x01\0\0', 'latin1'));
    for (const session of [silent, slow, sasl]) {
      await session.wait(() => undefined, 40000).catch(() => undefined);
      assert.ok(session.ended);
    }
  });

  it('with a broken frame hears a condition', async () => {
    for (const frame of ['7fffffff02000000', '0000000702000000', '0000001202000000005314c0050243' + '43a000']) {
      const session = await raw.Session.open({ port: 5671, cert: device.cert, key: device.key });
      session.send(Buffer.from('AMQP\0\x01\0\0', 'latin1'), Buffer.from('0000001102000000005310c00401a10178' + frame, 'hex'));
      await session.wait(() => undefined, 40000).catch(() => undefined);
      assert.ok(session.ended);
      assert.match(session.received.toString('latin1'), /amqp:/);
    }
  });
});

describe('a WebSocket', { concurrency: true }, () => {
  it('is told by its subprotocol, in the client’s own spelling', async () => {
    const { session, head } = await raw.upgrade({ protocol: 'AmqpWsb10', cert: device.cert, key: device.key });
    assert.match(head, /^HTTP\/1\.1 101 /);
    assert.match(head, /Sec-WebSocket-Protocol: AmqpWsb10\r\n/);
    session.close();
  });
});

describe('the listener', () => {
  it('is in the status', async () => {
    const status = await muster.service('GET', '/muster/status?api-version=2021-10-01');
    assert.match(status.json.listeners.amqps, /^127\.0\.0\.\d+:5671$/);
  });
});
