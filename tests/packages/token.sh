# shellcheck shell=bash disable=SC2016,SC2154  # what the shells inside expand; run's own
# The how-to's other choice for identity_pk, with the tokens where Debian's SoftHSM has them and the unit as it is packaged.
heading "the key in a token: SoftHSM 2 under keyd's unit"
script "installs SoftHSM" '' "$install softhsm2 opensc"
script "aziotks may use it" 'softhsm' 'usermod -aG softhsm aziotks; id -nG aziotks'
script "a token, with the device's key" '' 'runuser -u aziotks -- softhsm2-util --init-token --free --label edge --pin 1234 --so-pin 5678
  openssl pkcs8 -topk8 -nocrypt -in /var/aziot/device-id.key -out /run/key.pem; chown aziotks /run/key.pem
  runuser -u aziotks -- softhsm2-util --import /run/key.pem --token edge --label device-id --id 01 --pin 1234; rm /run/key.pem'
script "the template's block" '^3$' '/tests/uncomment "DPS provisioning with X.509 certificate, its key in a hardware module: a PKCS #11 token, named by a URI (RFC 7512)." >/root/token.toml
  for key in global_endpoint id_scope registration_id identity_cert; do
    sed -i "s|^$key = .*|$(grep "^$key = " /etc/aziot/config.toml)|" /root/token.toml; done
  cp /etc/aziot/config.toml /root/edge1.toml; cp /root/token.toml /etc/aziot/config.toml; grep -cE "^(identity_pk|pkcs11_lib_path|registration_id) = " /etc/aziot/config.toml'
script "a token that root made is root's, and it is told how to look" 'sudo -u aziotks pkcs11-tool' \
  'softhsm2-util --init-token --free --label roots --pin 1234 --so-pin 5678 >/dev/null
  sed "s/token=edge/token=roots/" /root/token.toml >/root/wrong.toml; ! iotedge config apply --config-file /root/wrong.toml
  softhsm2-util --delete-token --token roots >/dev/null'
expect "iotedge config apply" 'configured successfully' iotedge config apply
expect "registers, with TLS by the token's key" '.' iotedge system reprovision
expect "the key is no file of the configuration" '^0$' sh -c 'grep -rc device-id.key /etc/aziot/keyd/config.d | grep -vc ":0$" || true'
expect "the library runs inside of keyd" 'libsofthsm2' sh -c 'cat /proc/$(systemctl show -P MainPID aziot-keyd)/maps'
expect "iotedge check reads it" '√.*(read|match)' iotedge check --verbose
script "keys that keyd makes there" '^pkcs11_base_slot' 'printf "pkcs11_base_slot = \"pkcs11:token=edge?pin-value=1234\"\n" >/root/slot
  sed -i "/^pkcs11_lib_path/r /root/slot" /etc/aziot/config.toml; iotedge config apply >/dev/null; grep ^pkcs11_base_slot /etc/aziot/config.toml'
script "a key pair" 'keyHandle' "curl -sf --unix-socket /run/aziot/keyd.sock -H 'Content-Type: application/json' \
  -d '{\"keyId\":\"aziot-edged-ca\",\"preferredAlgorithms\":\"ec-p256:rsa-2048:*\"}' 'http://d/keypair?api-version=2021-05-01'"
expect "is in the token" 'aziot-edged-ca' runuser -u aziotks -- pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin 1234 -O
expect "the unit's own limits held" '^0$' sh -c "journalctl -q --no-pager -b -u aziot-keyd | grep -ciE 'denied|not permitted|read-only' || true"
script "a wrong PIN is told before anything is written" 'PIN' "sed 's/pin-value=1234/pin-value=4321/' /etc/aziot/config.toml >/root/wrong.toml
  iotedge config apply --config-file /root/wrong.toml || true"
expect "back to the file" 'configured successfully' sh -c 'cp /root/edge1.toml /etc/aziot/config.toml; iotedge config apply'
