#!/usr/bin/env bash
# Certificates that are issued to the device, with the real programs in a network and mount namespace of their own: by
# musterd's EST server (a one-time password, a proxy, a bootstrap certificate, a renewal that is due), by a foreign EST server
# (GlobalSign's, in Go, where it can be built), by the device's own authority; each registers with musterd.
# usage: issued.sh BIN_DIR; the last line counts; 77: skipped.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
before_entering() {
    foreign=$(mktemp -u /tmp/muster-estserver.XXXXXX)
    command -v go >/dev/null && "$here/../conformance/go-est/build" "$foreign" estserver >/dev/null 2>&1
    export foreign
}
# shellcheck source=tests/integration_device/namespace.sh
. "$here/namespace.sh"
enter_namespace issued "jq curl openssl faketime tinyproxy" "$@"
# shellcheck source=tests/integration_device/checks.sh
. "$here/checks.sh"
# shellcheck source=tests/integration_device/service.sh
. "$here/service.sh"
# shellcheck source=tests/integration_device/device.sh
. "$here/device.sh"
finish() {
    end "${!pid[@]}"
    rm -rf "$work" "$foreign"
}
skipped=0
show_log() {
    [ -z "${log:-}" ] || sed 's/^/    log: /' "$log" | grep -v "request refused" | cut -c1-600 | tail -8
}
cd "$work" || exit 1

begin_service "$https_alone"'[authority]\ncertificate_days = 1\n'
make_plant_ca
service enrollment-group create plant --certificate-path ca.pem --edge-enabled true >/dev/null
service authority create >/dev/null

certd() { # method, path, body
    curl -sf -m 60 --unix-socket "$root/run/aziot/certd.sock" -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} "http://d$2?api-version=2020-09-01"
}
certificate_of() { certd GET "/certificates/$1" | jq -re .pem; }
certificate() { certificate_of device-id; }
serial() { certificate | openssl x509 -noout -serial; }
has_changed() { [ "$(serial)" != "$1" ]; }
is_whole() { # the key on the disk is the one of the certificate
    local key
    key=$(echo "$root"/var/lib/aziot/keyd/keys/deviceid-*.key)
    [ "$(openssl pkey -in "$key" -pubout)" = "$(certificate | openssl x509 -noout -pubkey)" ]
}
registers() { # device: with the configuration that was written for it
    configure <"$1.toml" && within 20 is_device "$1"
}
gets_a_certificate() { configure <"$1.toml" && within 20 certificate; }
verifies() { certificate | openssl verify -CAfile "$1"; }
chain_is_in_order() {
    certificate >chain.pem
    openssl verify -partial_chain -trusted <(awk '/BEGIN/{n++} n==2' chain.pem) chain.pem
}
is_in_no_log() { ! grep -F -- "$1" "$log" musterd.out; }
renews_by_reenroll() { # name: a request as identityd makes it, with the key in place
    local csr
    csr=$(openssl req -new -key "$(echo "$root"/var/lib/aziot/keyd/keys/deviceid-*.key)" -subj "/CN=$1" | jq -Rs .)
    certd POST /certificates "{\"certId\":\"device-id-temp\",\"csr\":$csr}" && grep -q simplereenroll est.out
}
is_refused_with() { # device, texts...
    local device=$1 text
    shift
    if configure <"$device.toml" >said 2>&1; then return 1; fi
    for text in "$@"; do grep -qF -- "$text" said || { cat said; return 1; }; done
}
has_registered_anew() { within 20 is_device press-2 && grep -qF 'the certificate is renewed' "$log"; }
est_of_musterd() { # the credentials
    printf '[cert_issuance.est]\ntrusted_certs = ["file://%s/trust.pem"]\n' "$work"
    printf '[cert_issuance.est.urls]\ndefault = "https://localhost/.well-known/est/plant"\n[cert_issuance.est.auth]\n%s\n' "$1"
}

echo "== musterd's EST server, a one-time password"
device press-1
password=$(service authority one-time-password press-1 --group plant --output json | jq -r .password)
{
    printf 'registration_id = "press-1"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n'
    est_of_musterd "username = \"press-1\"
password = \"$password\""
} >press-1.toml
ok "the device gets a certificate and registers" registers press-1
ok "the service knows the device" service registration show press-1
ok "openssl finds its chain in order" chain_is_in_order
ok "the password is in no log" is_in_no_log "$password"

echo "== through the proxy of [proxy]"
printf 'Port 3128\nListen 127.0.0.1\nAllow 127.0.0.1\nConnectPort 443\nLogFile "%s/proxy.log"\nLogLevel Connect\n' "$work" >proxy.conf
tinyproxy -d -c proxy.conf >/dev/null 2>&1 </dev/null &
pid[proxy]=$!
device press-9
password=$(service authority one-time-password press-9 --group plant --output json | jq -r .password)
{
    printf 'registration_id = "press-9"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n'
    est_of_musterd "username = \"press-9\"
password = \"$password\""
    printf '[proxy]\nurl = "http://127.0.0.1:3128"\n'
} >press-9.toml
ok "the device gets a certificate and registers" registers press-9
ok "by the proxy's log" test "$(grep -c 'CONNECT localhost:443' proxy.log)" -ge 3
end proxy

echo "== the same, with a renewal that is due: the service's clock was a day behind when it issued"
end supervisor
restart_service_behind 86350
device press-2
password=$(service authority one-time-password press-2 --group plant --output json | jq -r .password)
{
    printf 'registration_id = "press-2"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n'
    printf 'auto_renew = { rotate_key = true, threshold = "80%%", retry = "1min" }\n'
    est_of_musterd "username = \"press-2\"
password = \"$password\""
} >press-2.toml
ok "the device gets a certificate that ends soon" gets_a_certificate press-2
first=$(serial)
restart_service
ok "it renews the certificate by itself, with its certificate alone" within 60 has_changed "$first"
ok "the new one has registered" has_registered_anew
ok "key and certificate are a pair" within 5 is_whole
ok "and serve for another registration" iotedge system reprovision

echo "== musterd's EST server, a bootstrap certificate"
make_plant_device press-3
device press-3
{
    printf 'registration_id = "press-3"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n'
    est_of_musterd "bootstrap_identity_cert = \"file://$work/press-3.pem\"
bootstrap_identity_pk = \"file://$work/press-3.key\""
} >press-3.toml
ok "the device gets its EST certificate, then its identity, and registers" registers press-3
ok "the EST certificate is there" certificate_of est-id

echo "== a foreign EST server: GlobalSign's"
if [ -x "${foreign:-}" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Foreign CA' \
        -addext 'keyUsage=critical,keyCertSign,digitalSignature' -keyout foreign.key -out foreign.pem 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout est.key -out est.csr 2>/dev/null
    openssl x509 -req -in est.csr -CA foreign.pem -CAkey foreign.key -days 2 -extfile <(echo subjectAltName=DNS:localhost) -out est.pem 2>/dev/null
    printf '{"mock_ca":{"certificates":"foreign.pem","private_key":"foreign.key"},"tls":{"listen_address":"localhost:8443","certificates":"est.pem","private_key":"est.key","client_cas":["foreign.pem"]},"timeout":30}' >est.json
    "$foreign" -config est.json >est.out 2>&1 &
    pid[foreign]=$!
    within 10 curl -sf --cacert foreign.pem https://localhost:8443/.well-known/est/cacerts -o /dev/null
    service enrollment-group create foreign --certificate-path foreign.pem >/dev/null
    device press-4
    {
        printf 'registration_id = "press-4"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n'
        printf '[cert_issuance.est]\ntrusted_certs = ["file://%s/foreign.pem"]\n' "$work"
        printf '[cert_issuance.est.urls]\ndefault = "https://localhost:8443/.well-known/est"\n'
        printf '[cert_issuance.est.auth]\nusername = "anyone"\npassword = "anything"\n'
    } >press-4.toml
    ok "the device gets a certificate and registers" registers press-4
    ok "openssl verifies it" verifies foreign.pem
    ok "it is renewed by simplereenroll" renews_by_reenroll press-4
else
    skipped=$((skipped + 1))
    echo "SKIPPED: the foreign EST server could not be built (no Go, or no module proxy)"
fi

echo "== an authority of the device's own"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=press-5 CA' -keyout local.key -out local.pem 2>/dev/null
service enrollment-group create local --certificate-path local.pem >/dev/null
device press-5
{
    printf 'registration_id = "press-5"\n[provisioning.attestation.identity_cert]\nmethod = "local_ca"\nexpiry_days = 7\n'
    printf '[cert_issuance.local_ca]\ncert = "file://%s/local.pem"\npk = "file://%s/local.key"\n' "$work" "$work"
} >press-5.toml
ok "the device issues its certificate itself and registers" registers press-5
ok "openssl verifies it" verifies local.pem

echo "== what apply says before anything is written"
device press-6
printf 'registration_id = "press-6"\n[provisioning.attestation.identity_cert]\nmethod = "est"\ncommon_name = "other"\n' >press-6.toml
ok "no server, no credentials, another name: all at once" is_refused_with press-6 "nothing says where the EST server is" \
    "nothing says how to sign in" "the two must be equal"
printf 'registration_id = "press-6"\n[provisioning.attestation.identity_cert]\nmethod = "local_ca"\n' >press-6.toml
ok "no authority" is_refused_with press-6 "[cert_issuance.local_ca]"

echo "== as it is installed: every service under its own user, allowed what apply wrote for it"
end supervisor
install_device
restart_service_behind 86350
start_device
password=$(service authority one-time-password press-7 --group plant --output json | jq -r .password)
{
    printf 'registration_id = "press-7"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n'
    printf 'auto_renew = { rotate_key = true, threshold = "80%%", retry = "1min" }\n'
    est_of_musterd "username = \"press-7\"
password = \"$password\""
} >press-7.toml
ok "the device gets its certificate" gets_a_certificate press-7
first=$(serial)
restart_service
ok "and renews it" within 60 has_changed "$first"
ok "and registers" within 20 is_device press-7
ok "key and certificate are a pair" within 5 is_whole
ok "nothing was forbidden on the way" is_in_no_log "has no right"
stat -c '%U %a' /var/lib/aziot/keyd/keys/deviceid-*.key /var/lib/aziot/certd/certs/deviceid-*.cer >modes
ok "the key is keyd's alone, the certificate certd's" test "$(tr '\n' ' ' <modes)" = "aziotks 600 aziotcs 600 "
install -o aziotcs -g aziotcs -m 0644 press-3.pem /var/secrets/bootstrap.pem
install -o aziotks -g aziotks -m 0600 press-3.key /var/secrets/bootstrap.key
{
    printf 'registration_id = "press-3"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n'
    est_of_musterd "bootstrap_identity_cert = \"file:///var/secrets/bootstrap.pem\"
bootstrap_identity_pk = \"file:///var/secrets/bootstrap.key\""
} >press-3.toml
ok "another name, by bootstrap" registers press-3

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
