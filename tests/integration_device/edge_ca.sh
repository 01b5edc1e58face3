#!/usr/bin/env bash
# The edge CA by every way of [edge_ca], with the real programs in a network and mount namespace of their own: asked for over the
# sockets of keyd and certd as the container runtime asks, issued by musterd's EST server where its group allows it, by the
# device's own authority, by itself, from files; renewed by certd; openssl verifies what is signed with it.
# usage: edge_ca.sh BIN_DIR; the last line counts; 77: skipped.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/integration_device/namespace.sh
. "$here/namespace.sh"
enter_namespace edge-ca "jq curl openssl faketime" "$@"
# shellcheck source=tests/integration_device/checks.sh
. "$here/checks.sh"
# shellcheck source=tests/integration_device/service.sh
. "$here/service.sh"
# shellcheck source=tests/integration_device/device.sh
. "$here/device.sh"
show_log() {
    [ -z "${log:-}" ] || sed 's/^/    log: /' "$log" | cut -c1-600 | tail -8
    sed 's/^/    musterd: /' "$work/musterd.out" | cut -c1-600 | tail -5
}
cd "$work" || exit 1

begin_service "$https_alone"'[authority]\ncertificate_days = 1\n'
service enrollment-group create plant --attestation-type symmetricKey --edge-enabled true >/dev/null
service authority create >/dev/null
service authority show --chain >chain.pem
csplit -sz -f authority- chain.pem '/BEGIN/' '{*}'
mv authority-01 authority-root.pem

by_dps() { # registration id, [edge_ca] and what goes with it on standard input
    {
        by_dps_with_x509
        printf 'registration_id = "%s"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n' "$1"
        cat
        printf '[cert_issuance.est]\ntrusted_certs = ["file://%s/trust.pem"]\n' "$work"
        printf '[cert_issuance.est.urls]\ndefault = "https://localhost/.well-known/est/plant"\n'
        printf '[cert_issuance.est.auth]\nusername = "%s"\npassword = "%s"\n' "$1" \
            "$(service authority one-time-password "$1" --group plant --output json | jq -r .password)"
    } >"$root/etc/aziot/config.toml"
    iotedge config apply
}
alone() { # without the cloud
    { printf '[provisioning]\nsource = "none"\n'; cat; } >"$root/etc/aziot/config.toml"
    iotedge config apply
}
keyd() { # method, path, body
    $asks_as curl -s -m 60 --unix-socket "$root/run/aziot/keyd.sock" -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} "http://d$2?api-version=2021-05-01"
}
certd() {
    $asks_as curl -s -m 60 --unix-socket "$root/run/aziot/certd.sock" -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} "http://d$2?api-version=2020-09-01"
}
asks_as="" # before a command, the user that it is for
key_file() { echo "$root"/var/lib/aziot/keyd/keys/aziotedgedca-*.key; }
# As the container runtime: the key pair in keyd, a request made with it, the certificate from certd.
ask() { # common name
    handle=$(keyd POST /keypair '{"keyId":"aziot-edged-ca","preferredAlgorithms":"rsa-2048:*"}' | jq -r .keyHandle)
    local csr
    csr=$(openssl req -new -key "$(key_file)" -subj "/CN=$1" -addext 'keyUsage=critical,digitalSignature,keyCertSign' \
        -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' | jq -Rs .)
    certd POST /certificates "{\"certId\":\"aziot-edged-ca\",\"csr\":$csr}" >said
}
gets() { ask "$1" && jq -re .pem said; }
is_refused_with() {
    ask "$1"
    grep -qF -- "$2" said || { cat said; return 1; }
}
edge_ca() { certd GET /certificates/aziot-edged-ca | jq -re .pem; }
serial() { edge_ca | openssl x509 -noout -serial; }
has_changed() { [ "$(serial)" != "$1" ]; }
is_edge_ca() { # common name
    edge_ca | openssl x509 -noout -ext basicConstraints,keyUsage -subject >seen
    if grep -q 'CA:TRUE, pathlen:0' seen && grep -q 'Certificate Sign' seen && grep -q "CN = $1" seen; then return; fi
    cat seen
    return 1
}
lasts_longer() { edge_ca | openssl x509 -noout -checkend "$1"; } # seconds
is_kept_from() { [ -z "$(asks_as="runuser -u $1 --" && certd GET /certificates/aziot-edged-ca)" ]; } # a user
nothing_was_forbidden() { ! grep -F "has no right" "$log"; }
is_listed() { service authority list --registration-id "$1" | grep "edge CA"; } # a device
is_whole() { [ "$(openssl pkey -in "$(key_file)" -pubout)" = "$(edge_ca | openssl x509 -noout -pubkey)" ]; }
# A module's certificate under it, as the container runtime gets one, and what openssl says of it.
module_verifies() { # trust anchors
    local handle csr
    handle=$(keyd GET /keypair/aziot-edged-ca | jq -r .keyHandle)
    csr=$(openssl req -new -newkey rsa:2048 -nodes -keyout module.key -subj /CN=gateway -addext extendedKeyUsage=serverAuth,clientAuth \
        -addext subjectAltName=DNS:gateway | jq -Rs .)
    certd POST /certificates "{\"certId\":\"aziot-edged/module/m:1:server\",\"csr\":$csr,\"issuer\":{\"certId\":\"aziot-edged-ca\",\"privateKeyHandle\":\"$handle\"}}" |
        jq -re .pem >module.pem && openssl verify -purpose sslserver -verify_hostname gateway -CAfile "$1" -untrusted module.pem module.pem
}
lets_nobody_in() { # a registration with what the edge CA signed, under the name of another device
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=gate-9 -out other.csr 2>/dev/null
    edge_ca >edge.pem
    openssl x509 -req -in other.csr -CA edge.pem -CAkey "$(key_file)" -days 1 -out other.pem 2>/dev/null
    cat other.pem edge.pem >other-chain.pem
    curl -s --cacert trust.pem --cert other-chain.pem --key other.key -X PUT -H 'Content-Type: application/json' \
        -d '{"registrationId":"gate-9"}' "https://localhost/$scope/registrations/gate-9/register?api-version=2021-06-01" >said
    if grep -q '"errorCode":401' said && grep -q 'was issued by the edge CA' musterd.out; then return; fi
    cat said
    return 1
}

echo "== by EST from musterd, with the credentials of the device's identity"
device gate-1
ok "the configuration is taken" by_dps gate-1 <<<$'[edge_ca]\nmethod = "est"'
ok "the device registers" within 20 is_device gate-1
ok "no edge CA where the group does not allow it" is_refused_with "aziot-edge CA gate-1" "does not let its devices have an edge CA"
service enrollment-group update plant --edge-ca true >/dev/null
ok "where it does, the device gets one" gets "aziot-edge CA gate-1"
ok "it is one, under its own name" is_edge_ca "aziot-edge CA gate-1"
ok "openssl verifies a module's certificate up to the authority's root" module_verifies authority-root.pem
ok "the trust bundle of the modules has it" certd GET /certificates/aziot-edged-trust-bundle
ok "it is listed under its device" is_listed gate-1
ok "what it signs lets nobody in" lets_nobody_in

echo "== by hand, with curl and openssl alone"
by_hand() {
    local password
    password=$(service authority one-time-password hand-1 --group plant --output json | jq -r .password)
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout hand.key -subj '/CN=hand 1 workloads' \
        -addext basicConstraints=critical,CA:TRUE -outform DER 2>/dev/null | base64 >hand.csr
    curl -sf --cacert trust.pem -u "hand-1:$password" -H 'Content-Type: application/pkcs10' --data-binary @hand.csr \
        https://localhost/.well-known/est/plant/simpleenroll | base64 -d | openssl pkcs7 -inform DER -print_certs >hand.pem
    openssl x509 -in hand.pem -noout -ext basicConstraints | grep 'CA:TRUE, pathlen:0' && openssl verify -CAfile chain.pem hand.pem
}
ok "an edge CA" by_hand

echo "== when the password is gone, with the device's certificate of that server"
device gate-8
ok "the configuration is taken" by_dps gate-8 <<<$'[edge_ca]\nmethod = "est"'
ok "the device registers" within 20 is_device gate-8
service authority one-time-password gate-8 --withdraw >/dev/null
ok "the device gets an edge CA" gets "aziot-edge CA gate-8"
ok "it is listed under its device" is_listed gate-8

echo "== the same, with a renewal that is due: the service's clock was a day behind when it issued"
end supervisor
restart_service_behind 86350
device gate-2
ok "the configuration is taken" by_dps gate-2 <<<$'[edge_ca]\nmethod = "est"\ncommon_name = "gate 2 workloads"\nauto_renew = { rotate_key = true, threshold = "80%", retry = "1min" }'
ok "the device gets an edge CA that ends soon" within 20 gets "gate 2 workloads"
ok "it is one, under the name of the configuration" is_edge_ca "gate 2 workloads"
first=$(serial)
restart_service
ok "certd renews it, by itself and with the edge CA alone" within 60 has_changed "$first"
ok "it is one, under the same name" is_edge_ca "gate 2 workloads"
ok "key and certificate are a pair" within 5 is_whole
ok "openssl verifies a module's certificate under it" module_verifies authority-root.pem

echo "== by the device's own authority"
device gate-3
ok "the configuration is taken" alone <<'TOML'
[edge_ca]
method = "local_ca"
subject = { O = "Plant 3", CN = "gate 3 workloads" }
expiry_days = 60
[cert_issuance.local_ca]
method = "self_signed"
common_name = "gate 3 authority"
TOML
ok "the device gets its edge CA" gets "aziot-edge CA gate-3"
ok "with the subject of the configuration" is_edge_ca "gate 3 workloads"
certd GET /certificates/local-ca | jq -r .pem >local.pem
ok "openssl verifies a module's certificate up to that authority" module_verifies local.pem

echo "== quickstart"
device gate-4
ok "the configuration is taken" alone <<<$'[edge_ca]\nauto_generated_edge_ca_expiry_days = 10'
ok "the device gets its edge CA" gets "aziot-edge CA gate-4"
ok "it is one, under the name that was asked for" is_edge_ca "aziot-edge CA gate-4"
ok "for as many days" fails_with "will expire" lasts_longer $((11 * 86400))
edge_ca >self.pem
ok "openssl verifies a module's certificate up to itself" module_verifies self.pem

echo "== from files"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=gate 5 workloads' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,digitalSignature,keyCertSign' -keyout file.key -out file.pem 2>/dev/null
device gate-5
ok "the configuration is taken" alone <<<$'[edge_ca]\ncert = "file://'"$work"$'/file.pem"\npk = "file://'"$work"$'/file.key"'
ok "openssl verifies a module's certificate up to it" module_verifies file.pem

echo "== as it is installed: every service under its own user, allowed what apply wrote for it; asked by the user iotedge"
end supervisor
install_device
asks_as="runuser -u iotedge --"
restart_service_behind 86350
start_device
ok "the configuration is taken" by_dps gate-6 <<<$'[edge_ca]\nmethod = "est"\nauto_renew = { rotate_key = true, threshold = "80%", retry = "1min" }'
ok "the container runtime's user gets an edge CA that ends soon" within 20 gets "aziot-edge CA gate-6"
ok "another user gets nothing" is_kept_from nobody
first=$(serial)
restart_service
ok "certd renews it under its own user" within 60 has_changed "$first"
ok "key and certificate are a pair" within 5 is_whole
ok "the container runtime's user signs with it" module_verifies authority-root.pem
ok "nothing was forbidden on the way" nothing_was_forbidden
restart_device
rm -rf /var/lib/aziot/*/*
ok "by the device's own authority, too" alone <<'TOML'
[edge_ca]
method = "local_ca"
[cert_issuance.local_ca]
method = "self_signed"
common_name = "gate 7 authority"
TOML
ok "the container runtime's user gets an edge CA" within 20 gets "aziot-edge CA gate-7"
ok "nothing was forbidden on the way" nothing_was_forbidden

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
