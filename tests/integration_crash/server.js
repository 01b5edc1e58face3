// A musterd as a process: started, asked, killed.
'use strict';
const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

class Server {
  constructor(dataDir) {
    this.dataDir = dataDir;
    this.config = `${dataDir}.toml`;
    fs.writeFileSync(this.config, 'host_name = "localhost"\n[listen]\nhttps = "127.0.0.1:0"\nmqtts = "127.0.0.1:0"\namqps = "127.0.0.1:0"\n');
  }

  launch() {
    const child = spawn(path.join(process.env.MUSTER_BIN, 'musterd'),
      ['--config', this.config, '--data-dir', this.dataDir, '--log-format', 'json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => { child.output = (child.output + chunk).slice(-20000); });
    }
    child.ended = new Promise((resolve) => { child.on('close', (code, signal) => resolve({ code, signal })); });
    return child;
  }

  // Starts it and waits until it serves; gives the milliseconds that took.
  async start() {
    const before = Date.now();
    fs.rmSync(path.join(this.dataDir, 'endpoints.json'), { force: true });  // left over from a kill
    this.child = this.launch();
    let dead = false;
    this.child.ended.then(() => { dead = true; });
    while (!fs.existsSync(path.join(this.dataDir, 'endpoints.json'))) {
      if (dead) throw new Error(`musterd does not start:\n${this.child.output}`);
      if (Date.now() - before > 60000) throw new Error(`musterd does not serve after 60 s:\n${this.child.output}`);
      await sleep(5);
    }
    this.endpoints = JSON.parse(fs.readFileSync(path.join(this.dataDir, 'endpoints.json'), 'utf8'));
    this.ca = fs.readFileSync(path.join(this.dataDir, 'server-ca.cert.pem'));
    this.owner = JSON.parse(fs.readFileSync(path.join(this.dataDir, 'access-policies.json'), 'utf8'))
      .policies.find((p) => p.keyName === 'owner');
    this.agent = new https.Agent({ keepAlive: true, maxSockets: 8 });
    return Date.now() - before;
  }

  async kill(signal = 'SIGKILL') {
    this.child.kill(signal);
    const result = await this.child.ended;
    this.agent.destroy();
    return result;
  }

  authorization() {
    const expiry = Math.floor(Date.now() / 1000) + 3600;
    const resource = 'localhost';
    const sig = crypto.createHmac('sha256', Buffer.from(this.owner.primaryKey, 'base64')).update(`${resource}\n${expiry}`).digest('base64');
    return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(sig)}&se=${expiry}&skn=owner`;
  }

  // { status, json }; rejects when no whole answer came. With `device` {cert, key}, as that device on a fresh connection.
  request(method, target, { body, headers = {}, device } = {}) {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const outgoing = https.request({
        host: '127.0.0.1', servername: 'localhost', port: Number(this.endpoints.https.split(':').pop()), ca: this.ca, method,
        path: target, agent: device ? false : this.agent, ...device,
        headers: {
          ...(device ? {} : { Authorization: this.authorization() }),
          ...(payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) }),
          ...headers,
        },
      }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => { text += chunk; });
        response.on('error', reject);
        response.on('end', () => {
          if (!response.complete) return reject(new Error('cut short'));
          let json;
          try { json = text === '' ? undefined : JSON.parse(text); } catch (error) { return reject(error); }
          return resolve({ status: response.statusCode, json, text });
        });
      });
      outgoing.setTimeout(60000, () => outgoing.destroy(new Error(`no answer in 60 s: ${method} ${target}`)));
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }
}

module.exports = { Server, sleep };
