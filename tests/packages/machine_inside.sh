#!/usr/bin/env bash
# The half of machine.sh that runs on the machine.
# shellcheck disable=SC2016  # what the shells inside expand
set -uo pipefail
in_container() { "$@" </dev/null; }
# shellcheck source=tests/packages/checks.sh
. /tests/checks.sh
patience=60 # everything is emulated
cd /root || exit 1

expect "the kernel is its own" 'cloud' uname -r
eventually "musterd runs" '^active$' systemctl is-active musterd
# By hand: update-ca-certificates takes minutes here.
script "its authority goes into the system's store" 'muster.pem' 'cd /etc/ssl/certs; muster trust >muster.pem 2>/dev/null
  ln -sv muster.pem "$(openssl x509 -noout -hash -in muster.pem).0"'
script "a group" 'plant' 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj "/CN=Plant CA" -days 300 \
  -addext keyUsage=critical,keyCertSign 2>/dev/null; muster enrollment-group create plant --certificate-path ca.pem --edge-enabled true'
template() { # registration id, heading...: the template with these blocks, as /etc/aziot/config.toml
  export scope
  scope=$(muster status -o json | jq -r .idScope)
  /tests/uncomment "${@:2}" | sed -e 's|^global_endpoint = .*|global_endpoint = "https://localhost"|' -e "s|^id_scope = .*|id_scope = \"$scope\"|" \
    -e "s|^registration_id = .*|registration_id = \"$1\"|" >/etc/aziot/config.toml
}

heading "attestation by the kernel's TPM, under tpmd's unit as it is packaged"
expect "who may use the TPM is Debian's to say" '^tss 660$' stat -c '%G %a' /dev/tpmrm0
expect "aziottpm may" 'tss' id -nG aziottpm
template edge-tpm "DPS provisioning with a TPM 2.0"
expect "iotedge config apply" 'configured successfully' iotedge config apply
eventually "not enrolled yet, and it is said" '401002' iotedge system logs -- --no-pager
expect "aziot-tpmd runs as its user" '^aziottpm ' sh -c "ps -eo user:16,args | grep '[a]ziot-tpmd'"
script "the endorsement key is enrolled" 'edge-tpm' 'tpm2_readpublic -Q -c 0x81010001 -o ek.pub; muster enrollment create edge-tpm --endorsement-key @ek.pub --edge-enabled true'
expect "iotedge system reprovision" '.' iotedge system reprovision
expect "the service has the device" 'assigned' muster registration show edge-tpm
expect "its key is in the TPM" '0x81000100' tpm2_getcap handles-persistent
expect "iotedge check" '√ tpmd is running' iotedge check --verbose
script "other devices are closed to it" '^closed$' 'systemctl show -P DevicePolicy aziot-tpmd'

heading "an X.509 key in the TPM, under keyd's unit as it is packaged"
script "tpm2-pkcs11 as in the manual" '' 'mkdir -m 0700 /etc/tpm2_pkcs11
  tpm2_ptool init --path /etc/tpm2_pkcs11
  tpm2_ptool addtoken --path /etc/tpm2_pkcs11 --pid 1 --label edge --userpin 1234 --sopin 5678
  tpm2_ptool addkey --path /etc/tpm2_pkcs11 --label edge --key-label device-id --algorithm ecc256 --userpin 1234'
library=$(find /usr/lib -name libtpm2_pkcs11.so -print -quit)
export library
script "its certificate" 'device.pem' 'pkcs11-tool --module "$library" --token-label edge --read-object --type pubkey --label device-id -o pub.der
  openssl pkey -pubin -inform DER -in pub.der -out pub.pem
  printf "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n" >leaf.cnf
  openssl x509 -new -subj /CN=edge-key -force_pubkey pub.pem -CA ca.pem -CAkey ca.key -days 200 -extfile leaf.cnf -out device.pem
  install -o aziotcs -m 0644 device.pem /var/aziot/certs/device.pem; ls /var/aziot/certs'
script "for aziotks" 'tss' 'chown -R aziotks:aziotks /etc/tpm2_pkcs11 && usermod -aG tss aziotks; id -nG aziotks'
template edge-key "DPS provisioning with X.509 certificate, its key in a hardware module: a PKCS #11 token, named by a URI (RFC 7512)."
sed -i -e 's|^identity_cert = .*|identity_cert = "file:///var/aziot/certs/device.pem"|' -e "s|^pkcs11_lib_path = .*|pkcs11_lib_path = \"$library\"|" /etc/aziot/config.toml
expect "iotedge config apply" 'configured successfully' iotedge config apply
eventually "the service has the device" 'assigned' muster registration show edge-key
expect "and again" '.' iotedge system reprovision
expect "iotedge check" '√.*match preloaded private keys' iotedge check --verbose

heading "a clock that is set"
expect "the service's own authority" 'issuing CA' muster authority create
password=$(muster authority one-time-password edge-clock --group plant -o json | jq -r .password)
template edge-clock "DPS provisioning with X.509 certificate issued to the device by an EST server"
sed -i -e '/^bootstrap_identity_/d' -e 's|^common_name = .*|common_name = "edge-clock"|' -e 's|^url = .*|url = "https://localhost/.well-known/est/plant"|' \
  -e 's|^# username = "my-device"|username = "edge-clock"|' -e "s|^# password = \"one-time-password\"|password = \"$password\"|" -e 's|^retry = .*|retry = "1min"|' /etc/aziot/config.toml
expect "iotedge config apply" 'configured successfully' iotedge config apply
eventually "the service has the device" 'assigned' muster registration show edge-clock
certificate() { openssl x509 -noout -serial -in /var/lib/aziot/certd/certs/deviceid-*.cer; }
first=$(certificate)
# The timer of the renewal ends with ECANCELED, which is the kernel's word for a clock that was set.
watch_clock() { # what, date's argument: seen in identityd's own calls
  strace -f -qq -e trace=read,timerfd_settime -o trace -p "$(systemctl show -P MainPID aziot-identityd)" &
  local tracer=$!
  sleep 3
  date -s "$2" >/dev/null
  eventually "$1: the timer is told" 'ECANCELED' cat trace
  eventually "$1: and set anew" 'ECANCELED.*timerfd_settime' sh -c "tr -d '\n' <trace"
  kill "$tracer"
  wait "$tracer" 2>/dev/null
}
watch_clock "an hour ahead" '+1 hour'
[ "$first" = "$(certificate)" ] && code=0 || code=1
verdict "$code" "nothing is due yet"
watch_clock "and back" '-1 hour'
date -s '+75 days' >/dev/null
patience=150 eventually "75 days ahead: the certificate of 90 days is renewed, without a restart" 'the certificate is renewed' \
  journalctl -q --no-pager -b -u aziot-identityd
[ "$first" != "$(certificate)" ] && code=0 || code=1
verdict "$code" "it is another one" "$first"
expect "and it serves" '.' iotedge system reprovision
echo
echo "the machine is done: $passed passed, $failed failed"
