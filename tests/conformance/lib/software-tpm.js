// A TPM 2.0 in software (swtpm) for one test file. tss.js, the TPM library of Azure's SDK, speaks the protocol of
// Microsoft's simulator and swtpm takes plain commands: the bridge between them changes the framing and nothing else.
'use strict';
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Tpm } = require('tss.js');

const workDir = process.env.MUSTER_WORK;
const available = ['swtpm', 'tpm2_getrandom'].every((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0);
const success = Buffer.alloc(4);
let made = 0;

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

// One command to swtpm, one answer: both say their length in bytes 2 to 5.
function transmit(port, command) {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const socket = net.connect(port, '127.0.0.1', () => socket.write(command));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 6 || answer.length < answer.readUInt32BE(2)) return;
      socket.destroy();
      resolve(answer);
    });
  });
}

// The simulator's command port: a code of four bytes, then what belongs to it. Other codes than these are not sent.
const handshake = 15, sendCommand = 8;
function onCommand(socket, port) {
  let received = Buffer.alloc(0);
  let turn = Promise.resolve();
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const code = received.length >= 4 ? received.readUInt32BE(0) : -1;
      if (code === handshake && received.length >= 8) {
        socket.write(Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]), success]));
        received = received.subarray(8);
      } else if (code === sendCommand && received.length >= 9 && received.length >= 9 + received.readUInt32BE(5)) {
        const end = 9 + received.readUInt32BE(5);
        const command = received.subarray(9, end);
        received = received.subarray(end);
        turn = turn.then(async () => {
          const answer = await transmit(port, command);
          const size = Buffer.alloc(4);
          size.writeUInt32BE(answer.length);
          socket.write(Buffer.concat([size, answer, success]));
        });
      } else {
        return;
      }
    }
  });
}
function onPlatform(socket) {  // power, and the switch of the non-volatile memory
  socket.on('error', () => {});
  socket.on('data', () => socket.write(success));
}

class SoftwareTpm {
  static async start() {
    const tpm = new SoftwareTpm();
    tpm.sockets = new Set();
    tpm.directory = path.join(workDir, `tpm-${++made}`);
    fs.mkdirSync(tpm.directory, { recursive: true });
    // A port that is free may be taken a moment later, and the one behind it by anybody: other ports then.
    for (let tries = 0; tries < 20; ++tries) {
      if (await tpm.listen() && await tpm.run()) return tpm;
      tpm.stop();
    }
    throw new Error('swtpm does not answer');
  }

  // The simulator's two ports; tss.js expects the second behind the first.
  async listen() {
    this.simulatorPort = await freePort();
    this.servers = [];
    for (const [offset, handler] of [[0, (s) => onCommand(s, this.port)], [1, onPlatform]]) {
      const server = net.createServer((socket) => {
        this.sockets.add(socket);
        handler(socket);
      });
      this.servers.push(server);
      const listens = new Promise((resolve) => server.once('error', () => resolve(false)).once('listening', () => resolve(true)));
      server.listen(this.simulatorPort + offset, '127.0.0.1');
      if (!await listens) return false;
    }
    return true;
  }

  // swtpm itself; tpm2-tss expects its control port behind the other.
  async run() {
    this.port = await freePort();
    let ended = false;
    this.process = spawn('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${this.directory}`, '--server', `type=tcp,port=${this.port}`,
      '--ctrl', `type=tcp,port=${this.port + 1}`, '--flags', 'not-need-init,startup-clear'], { stdio: 'ignore' });
    this.process.once('exit', () => { ended = true; });
    for (let tries = 0; tries < 1000 && !ended; ++tries) {
      if (spawnSync('tpm2_getrandom', ['4'], { env: this.environment(), timeout: 10000 }).status === 0) return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return false;
  }

  environment() { return { ...process.env, TPM2TOOLS_TCTI: `swtpm:host=127.0.0.1,port=${this.port}` }; }

  // tpm2-tools, in the TPM's own directory.
  tool(name, ...args) {
    return execFileSync(name, args, { cwd: this.directory, env: this.environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  }
  file(name) { return fs.readFileSync(path.join(this.directory, name)); }
  write(name, bytes) { fs.writeFileSync(path.join(this.directory, name), bytes); }

  // As tss.js has it, for the SDK's security client.
  client() { return new Tpm(true, '127.0.0.1', this.simulatorPort); }

  stop() {
    this.servers.forEach((server) => server.close());
    this.sockets.forEach((socket) => socket.destroy());
    this.process?.kill('SIGKILL');
  }
}

module.exports = { SoftwareTpm, available };
