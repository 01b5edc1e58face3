// MQTT 3.1.1 by the byte, for what no client of good faith sends: on 8883 under TLS, or in a WebSocket on 443.
'use strict';
const crypto = require('node:crypto');
const tls = require('node:tls');
const muster = require('./muster');

const number = (value) => Buffer.from([value >> 8, value & 255]);
const text = (value) => Buffer.concat([number(Buffer.byteLength(value)), Buffer.from(value)]);

function packet(first, ...parts) {
  const body = Buffer.concat(parts);
  const length = [];
  let rest = body.length;
  do {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

const userName = (registrationId, { scope = muster.idScope, query = 'api-version=2019-03-31&ClientVersion=raw%2F1' } = {}) =>
  `${scope}/registrations/${registrationId}/${query}`;

const connect = ({ user, password, clientId = 'raw', level = 4, keepAlive = 60, clean = true } = {}) =>
  packet(0x10, text('MQTT'),
    Buffer.from([level, (user === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40) | (clean ? 2 : 0)]), number(keepAlive),
    text(clientId), user === undefined ? Buffer.alloc(0) : text(user), password === undefined ? Buffer.alloc(0) : text(password));
const subscribe = (filter, qos = 1, id = 1) => packet(0x82, number(id), text(filter), Buffer.from([qos]));
const unsubscribe = (filter, id = 2) => packet(0xa2, number(id), text(filter));
const publish = (topic, body, { qos = 1, id = 3 } = {}) =>
  packet(0x30 | (qos << 1), text(topic), qos > 0 ? number(id) : Buffer.alloc(0), Buffer.from(body));
const pingreq = Buffer.from([0xc0, 0]);
const disconnect = Buffer.from([0xe0, 0]);

const responses = '$dps/registrations/res/#';
const registerTopic = (rid) => `$dps/registrations/PUT/iotdps-register/?$rid=${rid}`;
const statusTopic = (rid, operationId) => `$dps/registrations/GET/iotdps-get-operationstatus/?$rid=${rid}&operationId=${operationId}`;

function frame(opcode, payload, { final = true, masked = true, reserved = 0 } = {}) {
  const mask = crypto.randomBytes(4);
  const size = payload.length;
  const bit = masked ? 128 : 0;
  const length = size < 126 ? [bit | size] : size < 65536 ? [bit | 126, size >> 8, size & 255]
    : [bit | 127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255];
  const head = Buffer.from([(final ? 128 : 0) | reserved | opcode, ...length]);
  return masked ? Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4])]) : Buffer.concat([head, payload]);
}

// One connection. Everything that arrives is kept in order; `next()` waits for one MQTT packet.
class Session {
  static async open({ port = 8883, cert, key } = {}) {
    const session = new Session();
    session.socket = tls.connect({ host: '127.0.0.1', port, servername: muster.host, ca: muster.ca, cert, key });
    session.received = Buffer.alloc(0);
    session.ended = false;
    session.socket.on('data', (chunk) => { session.received = Buffer.concat([session.received, chunk]); });
    for (const event of ['end', 'close', 'error']) session.socket.on(event, () => { session.ended = true; });
    await new Promise((resolve, reject) => session.socket.once('secureConnect', resolve).once('error', reject));
    return session;
  }

  send(...parts) { this.socket.write(Buffer.concat(parts)); }

  async sendByBytes(bytes) {
    this.socket.setNoDelay(true);
    for (const byte of bytes) await new Promise((resolve) => this.socket.write(Buffer.from([byte]), resolve));
  }

  // Until take() gives something, the connection ends (undefined), or the time is over.
  async wait(take, patience = 30000) {
    const end = Date.now() + patience;
    for (;;) {
      const value = take();
      if (value !== undefined) return value;
      if (this.ended) return undefined;
      if (Date.now() > end) throw new Error(`nothing came within ${patience} ms; got ${this.received.toString('hex')}`);
      await muster.sleep(5);
    }
  }

  bytes(count) {
    return this.wait(() => {
      if (this.received.length < count) return undefined;
      const taken = this.received.subarray(0, count);
      this.received = this.received.subarray(count);
      return taken;
    });
  }

  // { type, first, body } and, of a PUBLISH, { topic, payload, json }.
  async next() {
    return this.wait(() => {
      const buffer = this.received;
      let length = 0;
      let at = 1;
      for (let shift = 0; ; shift += 7) {
        if (at >= buffer.length) return undefined;
        length += (buffer[at] & 127) << shift;
        if ((buffer[at++] & 128) === 0) break;
      }
      if (buffer.length < at + length) return undefined;
      this.received = buffer.subarray(at + length);
      return describe(buffer[0], buffer.subarray(at, at + length));
    });
  }

  // True when the other side has ended the connection, without a further packet.
  async isClosed(patience = 30000) {
    await this.wait(() => undefined, patience).catch(() => undefined);
    return this.ended && this.received.length === 0;
  }

  close() { this.socket.destroy(); }
}

function describe(first, body) {
  const described = { type: first >> 4, first, body };
  if (described.type !== 3) return described;
  const size = body.readUInt16BE(0);
  const start = 2 + size + ((first & 6) === 0 ? 0 : 2);
  described.topic = body.subarray(2, 2 + size).toString();
  described.payload = body.subarray(start).toString();
  described.json = JSON.parse(described.payload);
  return described;
}

// A WebSocket as the test says: { session, head } with the answer's header as text.
async function upgrade({ protocol = 'mqtt', path = '/$iothub/websocket', extra = '', cert, key } = {}) {
  const session = await Session.open({ port: 443, cert, key });
  const nonce = crypto.randomBytes(16).toString('base64');
  session.send(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost:443\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${nonce}\r\nSec-WebSocket-Protocol: ${protocol}\r\n${extra}\r\n`));
  const head = await session.wait(() => {
    const end = session.received.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const header = session.received.subarray(0, end + 2).toString();
    session.received = session.received.subarray(end + 4);
    return header;
  });
  const accept = crypto.createHash('sha1').update(nonce + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  return { session, head, accept };
}

module.exports = { Session, connect, disconnect, frame, packet, pingreq, publish, registerTopic, responses, statusTopic, subscribe,
  text, unsubscribe, upgrade, userName };
