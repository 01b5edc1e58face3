// MQTT by the byte: what the protocol promises, and what a client may not do (facts/dps.md 7, case 39).
'use strict';
const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const muster = require('./lib/muster');
const mqtt = require('./lib/raw-mqtt');
const pki = require('./lib/openssl');

const types = { connack: 2, publish: 3, puback: 4, suback: 9, unsuback: 11, pingresp: 13 };
let device;

before(async () => {
  device = pki.issue('raw');
  await muster.service('PUT', '/enrollments/raw?api-version=2021-10-01', { body: { registrationId: 'raw',
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: device.cert } } } } } });
});

// After CONNECT and CONNACK 0.
async function connected({ credential = device, ...options } = {}) {
  const session = await mqtt.Session.open({ cert: credential?.cert, key: credential?.key });
  session.send(mqtt.connect({ user: mqtt.userName('raw'), ...options }));
  const connack = await session.next();
  assert.deepEqual([connack.type, ...connack.body], [types.connack, 0, 0]);
  return session;
}

async function subscribed(options) {
  const session = await connected(options);
  session.send(mqtt.subscribe(mqtt.responses));
  assert.equal((await session.next()).type, types.suback);
  return session;
}

// The CONNACK code of a refused CONNECT, which the end of the connection follows.
async function refusedWith(options) {
  const session = await mqtt.Session.open({ cert: device.cert, key: device.key });
  session.send(mqtt.connect(options));
  const connack = await session.next();
  assert.equal(connack.type, types.connack);
  assert.equal(connack.body[0], 0);
  assert.ok(await session.isClosed());
  return connack.body[1];
}

async function closedBy(...bytes) {
  const session = await connected();
  session.send(...bytes);
  assert.ok(await session.isClosed());
}

describe('a session', { concurrency: true }, () => {
  it('registers with every byte on its own', async () => {
    const session = await mqtt.Session.open({ cert: device.cert, key: device.key });
    await session.sendByBytes(Buffer.concat([mqtt.connect({ user: mqtt.userName('raw') }), mqtt.subscribe(mqtt.responses, 2, 7),
      mqtt.publish(mqtt.registerTopic('00-first'), '{"registrationId":"raw"}', { id: 8 })]));
    assert.deepEqual([...(await session.next()).body], [0, 0]);
    const suback = await session.next();
    assert.deepEqual([suback.type, ...suback.body], [types.suback, 0, 7, 1]);
    const puback = await session.next();
    assert.deepEqual([puback.type, ...puback.body], [types.puback, 0, 8]);
    const response = await session.next();
    assert.equal(response.topic, '$dps/registrations/res/202/?$rid=00-first&retry-after=1');
    assert.equal(response.json.status, 'assigning');
    await session.sendByBytes(mqtt.publish(mqtt.statusTopic('second', response.json.operationId), ' ', { qos: 0 }));
    const final = await session.next();
    assert.equal(final.topic, '$dps/registrations/res/200/?$rid=second');
    assert.equal(final.json.registrationState.deviceId, 'raw');
    session.send(mqtt.unsubscribe(mqtt.responses, 9), mqtt.pingreq);
    const unsuback = await session.next();
    assert.deepEqual([unsuback.type, ...unsuback.body], [types.unsuback, 0, 9]);
    assert.equal((await session.next()).type, types.pingresp);
    session.send(mqtt.disconnect);
    assert.ok(await session.isClosed());
  });

  it('takes everything in one write', async () => {
    const session = await mqtt.Session.open({ cert: device.cert, key: device.key });
    session.send(mqtt.connect({ user: mqtt.userName('raw'), keepAlive: 0 }), mqtt.subscribe(mqtt.responses, 0),
      mqtt.publish(mqtt.registerTopic('1'), '', { qos: 0 }), mqtt.pingreq);
    assert.deepEqual([...(await session.next()).body], [0, 0]);
    assert.equal((await session.next()).body[2], 0);
    const response = await session.next();
    assert.equal(response.first, 0x30);
    assert.equal(response.json.status, 'assigning');
    assert.equal((await session.next()).type, types.pingresp);
    session.close();
  });

  it('says nothing to who did not subscribe, but acknowledges', async () => {
    const session = await connected();
    session.send(mqtt.publish(mqtt.registerTopic('1'), '{}'), mqtt.pingreq);
    assert.equal((await session.next()).type, types.puback);
    assert.equal((await session.next()).type, types.pingresp);
    session.close();
  });

  it('hears 401, 400, 404 and 413 as JSON, and goes on', async () => {
    const bare = await subscribed({ credential: null });
    bare.send(mqtt.publish(mqtt.registerTopic('a'), '{}'));
    assert.equal((await bare.next()).type, types.puback);
    const refused = await bare.next();
    assert.equal(refused.topic, '$dps/registrations/res/401/?$rid=a');
    assert.deepEqual(Object.keys(refused.json).sort(), ['errorCode', 'message', 'timestampUtc', 'trackingId']);
    bare.close();

    const session = await subscribed();
    for (const [topic, body, status] of [
      [mqtt.registerTopic('b'), '{"registrationId":', 400],
      [mqtt.registerTopic('c'), '{"registrationId":"another"}', 400],
      [mqtt.statusTopic('d', '5.0123456789abcdef.b3602f8f-76fe-4341-9214-bb6cfb891b8a'), ' ', 404],
      ['$dps/registrations/GET/iotdps-get-operationstatus/?$rid=e', ' ', 404],
      [mqtt.registerTopic('f'), `{"payload":"${'x'.repeat(100 * 1024)}"}`, 413],
    ]) {
      session.send(mqtt.publish(topic, body));
      assert.equal((await session.next()).type, types.puback);
      const response = await session.next();
      assert.match(response.topic, new RegExp(`^\\$dps/registrations/res/${status}/\\?\\$rid=[b-f]$`));
      assert.equal(Math.floor(response.json.errorCode / 1000), status);
    }
    session.close();
  });

  it('is ended when its keep-alive passes', async () => {
    const session = await connected({ keepAlive: 4 });
    await muster.sleep(4000);
    session.send(mqtt.pingreq);
    assert.equal((await session.next()).type, types.pingresp);
    const before = Date.now();
    assert.ok(await session.isClosed());
    assert.ok(Date.now() - before > 4000, 'it had one and a half times that');
  });
});

describe('CONNECT', { concurrency: true }, () => {
  it('with a wrong user name, scope or version is refused by its code', async () => {
    const user = mqtt.userName('raw');
    assert.equal(await refusedWith({ user: mqtt.userName('raw', { scope: '0ne00000000' }) }), 5);
    assert.equal(await refusedWith({ user: mqtt.userName('raw', { query: 'ClientVersion=x' }) }), 5);
    assert.equal(await refusedWith({ user: mqtt.userName('raw', { query: 'api-version=' }) }), 5);
    assert.equal(await refusedWith({ user: mqtt.userName('') }), 5);
    assert.equal(await refusedWith({ user: `${muster.host}/raw/?api-version=2021-04-12` }), 5);
    assert.equal(await refusedWith({ user: 'x'.repeat(10000) }), 5);
    assert.equal(await refusedWith({}), 5);
    assert.equal(await refusedWith({ user, level: 5 }), 1);
  });

  it('may have an empty client identifier, as the Python SDK has', async () => {
    (await connected({ clientId: '', clean: false })).close();
  });

  it('must be the first packet, come once, and be well formed', async () => {
    await closedBy(mqtt.connect({ user: mqtt.userName('raw') }));
    for (const bytes of [mqtt.pingreq, mqtt.subscribe(mqtt.responses), Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      mqtt.packet(0x10, mqtt.text('AMQP'), Buffer.from([4, 2, 0, 0, 0, 0])), Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f])]) {
      const session = await mqtt.Session.open({ cert: device.cert, key: device.key });
      session.send(bytes);
      assert.ok(await session.isClosed());
    }
  });
});

describe('a session is closed without a word', { concurrency: true }, () => {
  it('for topics that are not its own', async () => {
    await closedBy(mqtt.subscribe('#'));
    await closedBy(mqtt.subscribe('devices/raw/messages/devicebound/#'));
    await closedBy(mqtt.publish('devices/raw/messages/events/', 'x'));
    await closedBy(mqtt.publish('$dps/registrations/PUT/iotdps-register/', '{}'));
    await closedBy(mqtt.publish(mqtt.registerTopic(''), '{}'));
    await closedBy(mqtt.publish(mqtt.registerTopic('x'.repeat(300)), '{}'));
  });

  it('for QoS 2, 200 KB, and packets that only a server sends', async () => {
    await closedBy(mqtt.publish(mqtt.registerTopic('1'), '{}', { qos: 2 }));
    await closedBy(mqtt.publish(mqtt.registerTopic('1'), Buffer.alloc(200 * 1024, 'x')));
    await closedBy(Buffer.from([0x20, 2, 0, 0]));
    await closedBy(Buffer.from([0x00, 0]));
    await closedBy(Buffer.from([0x82, 2, 0, 1]));
  });
});

describe('WebSocket', { concurrency: true }, () => {
  const opening = () => mqtt.connect({ user: mqtt.userName('raw') });

  it('echoes the subprotocol as offered, accepts the key, declines extensions', async () => {
    for (const [offered, chosen] of [['mqtt', 'mqtt'], ['MQTT', 'MQTT'], ['mqttv3.1, Mqtt', 'Mqtt']]) {
      const { session, head, accept } = await mqtt.upgrade({ protocol: offered, extra: 'Sec-WebSocket-Extensions: permessage-deflate\r\n' });
      assert.match(head, /^HTTP\/1\.1 101 /);
      assert.equal(head.match(/Sec-WebSocket-Accept: (.*)\r/)[1], accept);
      assert.equal(head.match(/Sec-WebSocket-Protocol: (.*)\r/)[1], chosen);
      assert.match(head, /\r\nUpgrade: websocket\r/);
      assert.equal(head.match(/\r\nConnection: Upgrade\r/g).length, 1);
      assert.doesNotMatch(head, /Extensions/);
      session.close();
    }
  });

  it('is at Paho’s own path, too, where the Java SDK asks', async () => {
    const { session, head } = await mqtt.upgrade({ path: '/mqtt' });
    assert.match(head, /^HTTP\/1\.1 101 /);
    session.close();
    const other = await mqtt.upgrade({ path: '/mqtt', protocol: 'AMQPWSB10' });
    assert.match(other.head, /^HTTP\/1\.1 400 /);
    other.session.close();
  });

  it('refuses another subprotocol and a path without an upgrade', async () => {
    const { session, head } = await mqtt.upgrade({ protocol: 'soap' });
    assert.match(head, /^HTTP\/1\.1 400 /);
    session.close();
    assert.equal((await muster.request('GET', '/$iothub/websocket')).status, 426);
  });

  it('carries packets across frames, fragments and pings', async () => {
    const { session } = await mqtt.upgrade({ path: '/$IoTHub/WebSocket?x=1', cert: device.cert, key: device.key });
    const bytes = Buffer.concat([opening(), mqtt.subscribe(mqtt.responses), mqtt.publish(mqtt.registerTopic('w'), '{}')]);
    const wire = Buffer.concat([mqtt.frame(2, bytes.subarray(0, 5), { final: false }), mqtt.frame(9, Buffer.from('hello')),
      mqtt.frame(0, bytes.subarray(5, 40), { final: false }), mqtt.frame(0, bytes.subarray(40, 41)), mqtt.frame(2, Buffer.alloc(0)),
      mqtt.frame(2, bytes.subarray(41))]);
    await session.sendByBytes(wire);
    const got = [];
    let pong = false;
    while (got.length < 3) {
      const [first, length] = await session.bytes(2);
      const size = length < 126 ? length : (await session.bytes(2)).readUInt16BE(0);
      const payload = size > 0 ? await session.bytes(size) : Buffer.alloc(0);
      if (first === 0x8a) pong = payload.toString() === 'hello';
      if (first === 0x82) got.push(payload);
    }
    assert.ok(pong);
    assert.equal(got[0].toString('hex'), '20020000');
    assert.match(got[2].toString(), /res\/202\/\?\$rid=w&retry-after=1/);
    session.send(mqtt.frame(2, mqtt.disconnect));
    assert.equal((await session.bytes(4)).toString('hex'), '880203e8');
    session.send(mqtt.frame(8, Buffer.from([3, 0xe8])));
    assert.ok(await session.isClosed());
  });

  it('is closed with its reason for text, unmasked, reserved and endless frames', async () => {
    for (const [bytes, code] of [
      [mqtt.frame(1, opening()), 1003],
      [mqtt.frame(2, opening(), { masked: false }), 1002],
      [mqtt.frame(2, opening(), { reserved: 64 }), 1002],
      [mqtt.frame(0, opening()), 1002],
      [mqtt.frame(3, opening()), 1002],
      [mqtt.frame(9, Buffer.alloc(126)), 1002],
      [Buffer.from('82ff7fffffffffffffff00000000', 'hex'), 1009],
      [mqtt.frame(8, Buffer.from([3, 0xe9])), 1001],
      [mqtt.frame(8, Buffer.from([3, 0xed])), 1002],
    ]) {
      const { session } = await mqtt.upgrade();
      session.send(bytes);
      const close = await session.bytes(4);
      assert.deepEqual([close[0], close[1], close.readUInt16BE(2)], [0x88, 2, code]);
      assert.ok(await session.isClosed());
    }
  });
});

describe('the listener', () => {
  it('tells a browser that it speaks TLS', async () => {
    const net = require('node:net');
    const answer = await new Promise((resolve) => {
      const socket = net.connect(8883, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      let got = '';
      socket.on('data', (data) => { got += data; }).on('close', () => resolve(got)).on('error', () => resolve(got));
    });
    assert.match(answer, /^HTTP\/1\.1 400 [^]*TLS/);
  });

  it('is in the status and in endpoints.json', async () => {
    const status = await muster.service('GET', '/muster/status?api-version=2021-10-01');
    assert.match(status.json.listeners.mqtts, /^127\.0\.0\.\d+:8883$/);
  });
});
