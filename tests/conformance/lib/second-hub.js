// A second musterd, on 127.0.0.2:443, whose hub the first one can be linked to. It has the first one's CA, so that the
// SDKs trust it; they know no ports, hence the address.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const muster = require('./muster');

const name = '127.0.0.2';

class SecondHub {
  constructor() {
    this.dataDir = path.join(muster.workDir, 'second');
    fs.mkdirSync(this.dataDir, { recursive: true, mode: 0o700 });
    for (const file of ['server-ca.cert.pem', 'server-ca.key.pem']) {
      fs.copyFileSync(path.join(muster.dataDir, file), path.join(this.dataDir, file));
      fs.chmodSync(path.join(this.dataDir, file), 0o600);
    }
    this.config = `${this.dataDir}.toml`;
    fs.writeFileSync(this.config, `host_name = "${name}"
[listen]
https = "${name}:443"
mqtts = "off"
amqps = "off"
metrics = "off"
`);
  }

  async start() {
    const endpoints = path.join(this.dataDir, 'endpoints.json');
    fs.rmSync(endpoints, { force: true });
    this.child = spawn(path.join(process.env.MUSTER_BIN, 'musterd'), ['--config', this.config, '--data-dir', this.dataDir],
      { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    this.child.stderr.on('data', (chunk) => { log = (log + chunk).slice(-5000); });
    for (let i = 0; i < 2400 && !fs.existsSync(endpoints); ++i) await muster.sleep(25);
    if (!fs.existsSync(endpoints)) throw new Error(`the second musterd does not start:\n${log}`);
    const policies = JSON.parse(fs.readFileSync(path.join(this.dataDir, 'access-policies.json'), 'utf8')).policies;
    const key = policies.find((policy) => policy.keyName === 'iothubowner').primaryKey;
    this.connectionString = `HostName=${name};SharedAccessKeyName=iothubowner;SharedAccessKey=${key}`;
  }

  async stop(signal = 'SIGTERM') {
    const ended = new Promise((resolve) => { this.child.on('exit', resolve); });
    this.child.kill(signal);
    await ended;
  }

  // Links it to the first.
  async link(more = {}) {
    const answer = await muster.service('PUT', `/iotHubs/${name}?api-version=2021-10-01`,
      { body: { connectionString: this.connectionString, caCertificate: muster.ca.toString(), ...more } });
    if (answer.status !== 200) throw new Error(`the second hub is not linked: ${answer.text}`);
  }
}

module.exports = { SecondHub, name };
