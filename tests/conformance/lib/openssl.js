// Certificates made by openssl, not by our own pki room: what the service judges here is foreign to it.
'use strict';
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const workDir = process.env.MUSTER_WORK;

const CA_EXTENSIONS = `basicConstraints=critical,CA:true
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
`;
const LEAF_EXTENSIONS = `basicConstraints=CA:false
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
subjectKeyIdentifier=hash
`;

let serial = 0;
function openssl(...args) {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function utcTime(date) {
  return date.toISOString().replace(/[-:T]/g, '').slice(2, 14) + 'Z';
}

// Issues a certificate for `commonName`; without `issuer` it signs itself. Options: ca (bool), extensions (text that
// replaces the usual ones), notBefore and notAfter (Date), key (an `openssl genpkey` algorithm list).
function issue(commonName, options = {}) {
  const { issuer, isCa = false, key = ['EC', 'ec_paramgen_curve:P-256'] } = options;
  const base = path.join(workDir, `${++serial}`);
  fs.mkdirSync(base, { recursive: true });
  const file = (name) => path.join(base, name);
  openssl('genpkey', '-algorithm', key[0], ...key.slice(1).flatMap((o) => ['-pkeyopt', o]), '-out', file('key.pem'));
  fs.writeFileSync(file('request.cnf'), `[req]\nprompt=no\nutf8=yes\ndistinguished_name=dn\n[dn]\nCN=${commonName}\n`);
  openssl('req', '-new', '-config', file('request.cnf'), '-key', file('key.pem'), '-out', file('csr.pem'));

  const day = 24 * 3600 * 1000;
  const extensions = options.extensions ?? (isCa ? CA_EXTENSIONS : LEAF_EXTENSIONS);
  fs.writeFileSync(file('ca.cnf'), `[ca]\ndefault_ca=it\n[it]\ndatabase=${file('index.txt')}\nrand_serial=yes\n` +
    `new_certs_dir=${base}\ndefault_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n` +
    `[extensions]\n${extensions}`);
  fs.writeFileSync(file('index.txt'), '');
  const signer = issuer
    ? ['-cert', issuer.certFile, '-keyfile', issuer.keyFile]
    : ['-selfsign', '-keyfile', file('key.pem')];
  openssl('ca', '-batch', '-notext', '-config', file('ca.cnf'), '-extensions', 'extensions', ...signer,
    '-startdate', utcTime(options.notBefore ?? new Date(Date.now() - day)),
    '-enddate', utcTime(options.notAfter ?? new Date(Date.now() + 30 * day)),
    '-in', file('csr.pem'), '-out', file('cert.pem'));

  const cert = fs.readFileSync(file('cert.pem'), 'utf8');
  const x509 = new crypto.X509Certificate(cert);
  return {
    commonName,
    cert,
    key: fs.readFileSync(file('key.pem'), 'utf8'),
    certFile: file('cert.pem'),
    keyFile: file('key.pem'),
    thumbprint: x509.fingerprint256.replaceAll(':', ''),
    sha1Thumbprint: x509.fingerprint.replaceAll(':', ''),
    derBase64: x509.raw.toString('base64'),
    x509,
  };
}

const authority = (commonName, issuer, options = {}) => issue(commonName, { ...options, issuer, isCa: true });

// A device's certificate with the chain it presents: leaf first, then `above`.
function device(commonName, issuer, above = [], options = {}) {
  const leaf = issue(commonName, { ...options, issuer });
  const chain = leaf.cert + above.map((c) => c.cert).join('');
  const chainFile = path.join(path.dirname(leaf.certFile), 'chain.pem');
  fs.writeFileSync(chainFile, chain);
  return { ...leaf, chain, chainFile };
}

// Root, two intermediates below it, as the Azure SDKs' own end-to-end tests have them.
function hierarchy(label) {
  const root = authority(`${label} root`);
  const first = authority(`${label} intermediate 1`, root);
  const second = authority(`${label} intermediate 2`, first);
  return { root, first, second };
}

// Leaves by the hundred below `issuer`, all with one key: { names[i]: PEM }. Quick, for load rather than for judging.
function leaves(names, issuer) {
  const base = path.join(workDir, `${++serial}`);
  fs.mkdirSync(base, { recursive: true });
  const [key, pub, extensions] = ['key.pem', 'pub.pem', 'ext.cnf'].map((name) => path.join(base, name));
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key);
  openssl('pkey', '-in', key, '-pubout', '-out', pub);
  fs.writeFileSync(extensions, LEAF_EXTENSIONS);
  const certs = new Map(names.map((name) => [name, openssl('x509', '-new', '-subj', `/CN=${name}`, '-force_pubkey', pub,
    '-CA', issuer.certFile, '-CAkey', issuer.keyFile, '-days', '30', '-extfile', extensions).toString()]));
  return { key: fs.readFileSync(key, 'utf8'), certs };
}

module.exports = { authority, device, hierarchy, issue, leaves, openssl, CA_EXTENSIONS, LEAF_EXTENSIONS };
