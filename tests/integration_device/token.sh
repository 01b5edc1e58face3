#!/usr/bin/env bash
# A device whose key is in a PKCS #11 token (SoftHSM 2), against a real musterd in a network and mount namespace of their
# own: keys that OpenSC made in the token, keys that the device makes there itself, a wrong PIN, a token that goes and
# comes back. usage: token.sh BIN_DIR; the last line counts; 77: skipped.
# shellcheck disable=SC2016 # what eval expands
set -uo pipefail
library=/usr/lib/softhsm/libsofthsm2.so
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/integration_device/namespace.sh
. "$here/namespace.sh"
enter_namespace token "softhsm2-util pkcs11-tool jq curl openssl faketime" "$@"
# shellcheck source=tests/integration_device/checks.sh
. "$here/checks.sh"
# shellcheck source=tests/integration_device/service.sh
. "$here/service.sh"
# shellcheck source=tests/integration_device/device.sh
. "$here/device.sh"

cd "$work" || exit 1
mkdir tokens
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$work" >softhsm2.conf
export SOFTHSM2_CONF=$work/softhsm2.conf
softhsm2-util --init-token --free --label edge --pin 1234 --so-pin 5678 >/dev/null
tool() { pkcs11-tool --module $library --login --pin 1234 "$@" 2>&1; }

begin_service "$https_alone"'[authority]\ncertificate_days = 1\n'
make_plant_ca
service enrollment-group create plant --certificate-path ca.pem --edge-enabled true >/dev/null
printf '[usage]\nextendedKeyUsage = clientAuth\n' >usage.cnf

write_configuration() { cat >"$root/etc/aziot/config.toml"; }
daemon() { # name, method, path, body
    curl -sf -m 20 --unix-socket "$root/run/aziot/$1.sock" -X "$2" -H 'Content-Type: application/json' ${4:+-d "$4"} "http://d$3?api-version=${5:-2021-05-01}"
}
keeps() { grep -q "device_id *= *['\"]$1['\"]" "$root/var/lib/aziot/identityd/device_info"; }
in_token() { # key, certificate, more
    by_dps_with_x509
    printf 'identity_cert = "file://%s"\nidentity_pk = "%s"\n[aziot_keys]\npkcs11_lib_path = "%s"\n%s\n' "$2" "$1" "$library" "${3:-}"
}

echo "== keys that OpenSC made in the token"
for kind in EC:prime256v1 EC:secp384r1 rsa:2048 rsa:4096; do
    name=press-${kind//:/-}
    id=$(printf %s "$name" | od -An -tx1 -w64 | tr -d " ")
    if [ "$kind" = EC:secp384r1 ]; then
        # OpenSC 0.23 cannot read such a public key out of the token: this one is put in.
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$name.key" 2>/dev/null
        openssl pkey -in "$name.key" -pubout -out "$name.pub.pem"
        openssl pkey -in "$name.key" -outform DER -out "$name.key.der"
        openssl pkey -in "$name.key" -pubout -outform DER -out "$name.pub"
        ok "$kind: a key in the token" tool --write-object "$name.key.der" --type privkey --label "$name" --id "$id"
        ok "$kind: and its public half" tool --write-object "$name.pub" --type pubkey --label "$name" --id "$id"
        rm "$name.key" "$name.key.der"
    else
        ok "$kind: a key in the token" tool --keypairgen --key-type "$kind" --label "$name" --id "$id"
        tool --read-object --type pubkey --label "$name" --output-file "$name.pub" >/dev/null
        openssl pkey -pubin -inform DER -in "$name.pub" -out "$name.pub.pem"
    fi
    openssl x509 -new -subj "/CN=$name" -force_pubkey "$name.pub.pem" -CA ca.pem -CAkey ca.key -days 20 -extfile usage.cnf \
        -extensions usage -out "$name.pem" 2>/dev/null
    device "$name"
    in_token "pkcs11:token=edge;object=$name?pin-value=1234" "$work/$name.pem" | write_configuration
    ok "$kind: config apply" iotedge config apply
    ok "$kind: provisioned, with mutual TLS" within 10 is_device "$name"
    ok "$kind: the service has it" service registration show "$name"
done
ok "no key of the device is in a file" [ -z "$(grep -rl "PRIVATE KEY" "$root/var" "$root/etc" 2>/dev/null)" ]
ok "no PIN in the log" fails_with "" grep -q 1234 "$log"

echo "== what is wrong is told before anything is written"
name=press-EC-prime256v1
device "$name"
in_token "pkcs11:token=edge;object=$name?pin-value=4321" "$work/$name.pem" | write_configuration
ok "a wrong PIN" fails_with CKR_PIN_INCORRECT iotedge config apply
in_token "pkcs11:token=hedge;object=$name?pin-value=1234" "$work/$name.pem" | write_configuration
ok "another token" fails_with "the token is missing: no token=hedge" iotedge config apply
in_token "pkcs11:token=edge;object=press-rsa-2048?pin-value=1234" "$work/$name.pem" | write_configuration
ok "another key" fails_with "does not belong to the certificate" iotedge config apply

echo "== the token goes and comes back"
in_token "pkcs11:token=edge;object=$name?pin-value=1234" "$work/$name.pem" | write_configuration
ok "config apply" iotedge config apply
ok "provisioned" within 10 is_device "$name"
mv tokens away
sleep 2.1
ok "without it there is no new registration" fails_with "token" iotedge system reprovision
ok "the identity stays" keeps "$name"
mv away tokens
sleep 2.1
ok "with it there is" iotedge system reprovision
ok "and the device is there" within 10 is_device "$name"

echo "== the PIN changes behind the device's back"
ok "another PIN" tool --change-pin --new-pin 987654
restart_device
ok "the identity stays" keeps "$name"
ok "a registration says why not" fails_with CKR_PIN_INCORRECT iotedge system reprovision
in_token "pkcs11:token=edge;object=$name?pin-value=987654" "$work/$name.pem" | write_configuration
ok "the new PIN is applied" iotedge config apply
ok "and registers" within 10 iotedge system reprovision
tool() { pkcs11-tool --module $library --login --pin 987654 "$@" 2>&1; }

echo "== keys that the device makes in the token"
device maker
in_token "pkcs11:object=$name" "$work/$name.pem" 'pkcs11_base_slot = "pkcs11:token=edge?pin-value=987654"' | write_configuration
ok "config apply" iotedge config apply
ok "provisioned" within 10 is_device "$name"
ok "the edge authority's key is made" daemon keyd POST /keypair '{"keyId":"aziot-edged-ca","preferredAlgorithms":"rsa-2048:*"}'
ok "in the token" eval 'tool --list-objects --type privkey | grep -q "label: *aziot-edged-ca"'
ok "the key of the modules' keys, too" eval 'tool --list-objects --type secrkey | grep -q "label: *aziot_identityd_master_id" || daemon keyd POST /key "{\"keyId\":\"aziot_identityd_master_id\",\"usage\":\"derive,sign\"}"'
ok "a module has keys of it" curl -sf -m 20 --unix-socket "$root/run/aziot/identityd.sock" -H 'Content-Type: application/json' \
    -d '{"type":"aziot","moduleId":"m1"}' 'http://d/identities/modules?type=aziot&api-version=2020-09-01'

echo "== a symmetric key in the token"
service enrollment create pump-1 --attestation-type symmetricKey --edge-enabled true >/dev/null
# By the keyd of the device before: OpenSC 0.23 cannot put such keys into a token.
key=$(service enrollment show pump-1 --show-keys --output json | jq -r .attestation.symmetricKey.primaryKey)
ok "put there" daemon keyd POST /key "{\"keyId\":\"pump-1\",\"usage\":\"derive,sign\",\"keyBytes\":\"$key\"}"
device pump-1
in_token "" "" | sed -e '/^identity_/d' -e 's/^method = .*/method = "symmetric_key"\nregistration_id = "pump-1"\nsymmetric_key = { uri = "pkcs11:token=edge;object=pump-1?pin-value=987654" }/' | write_configuration
ok "config apply" iotedge config apply
ok "provisioned" within 10 is_device pump-1
ok "the service has it" service registration show pump-1

echo "== an identity that the service issues for a key made in the token, and renews with another key"
# It ends soon: the service's clock was a day behind when it issued.
service authority create >/dev/null
end supervisor
restart_service_behind 86350
password=$(service authority one-time-password press-est --group plant --output json | jq -r .password)
device press-est
printf 'registration_id = "press-est"
[provisioning.attestation.identity_cert]\nmethod = "est"\ncommon_name = "press-est"\nauto_renew = { rotate_key = true, threshold = "80%%", retry = "1min" }
[cert_issuance.est]\ntrusted_certs = ["file://%s/trust.pem"]
[cert_issuance.est.auth]\nusername = "press-est"\npassword = "%s"
[cert_issuance.est.urls]\ndefault = "https://localhost/.well-known/est/plant"
[aziot_keys]\npkcs11_lib_path = "%s"\npkcs11_base_slot = "pkcs11:token=edge?pin-value=987654"\n' \
    "$work" "$password" "$library" >press-est.toml
ok "config apply" configure <press-est.toml
key_in_token() { tool --list-objects --type privkey | grep -A1 "label: *$1\$" | sed -n 's/.*ID: *//p'; }
has_key() { [ -n "$(key_in_token device-id)" ]; }
ok "its key is in the token" within 20 has_key
first=$(key_in_token device-id)
certificate() { daemon certd GET /certificates/device-id "" 2020-09-01 | jq -re .pem | openssl x509 -noout -serial; }
has_certificate() { certificate >/dev/null; }
ok "it has a certificate" within 20 has_certificate
serial=$(certificate)
restart_service
renewed() { [ "$(certificate)" != "$serial" ] && [ -n "$(key_in_token device-id)" ] && [ "$(key_in_token device-id)" != "$first" ]; }
ok "both are renewed" within 70 renewed
ok "nothing is left of the old key" eval '! tool --list-objects | grep -qE "device-id-temp|$first"'
ok "the new pair registers" iotedge system reprovision
ok "and the device is there" within 10 is_device press-est
ok "no key is in a file" [ -z "$(grep -rl "PRIVATE KEY" "$root/var")" ]

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
