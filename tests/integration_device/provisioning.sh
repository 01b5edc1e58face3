#!/usr/bin/env bash
# Every way in which a device comes by its identity, against two real musterd in a network and mount namespace of their
# own: hub-a.test and hub-b.test on the usual ports, a device below a directory, `aziotd run` and `iotedge`. The proxy is
# tinyproxy. usage: provisioning.sh BIN_DIR; the last line counts; 77: skipped.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/integration_device/namespace.sh
. "$here/namespace.sh"
enter_namespace provisioning "tinyproxy jq curl openssl" "$@"
{
    cat /etc/hosts
    echo "127.0.0.1 hub-a.test"
    echo "127.0.0.2 hub-b.test"
} >"$work/hosts"
mount --bind "$work/hosts" /etc/hosts

# shellcheck source=tests/integration_device/checks.sh
. "$here/checks.sh"
# shellcheck source=tests/integration_device/device.sh
. "$here/device.sh"
finish() {
    end "${!pid[@]}"
    umount /etc/hosts
    rm -rf "$work"
}

serve() { # a or b
    local address=127.0.0.1
    [ "$1" = a ] || address=127.0.0.2
    printf 'host_name = "hub-%s.test"\n[listen]\nhttps = "%s:443"\nmqtts = "%s:8883"\namqps = "%s:5671"\nmetrics = "off"\n' \
        "$1" $address $address $address >"$work/$1.toml"
    musterd --config "$work/$1.toml" --data-dir "$work/$1" >>"$work/$1.out" 2>>"$work/$1.log" </dev/null &
    pid[$1]=$!
    within 10 curl -s --cacert "$work/$1/server-ca.cert.pem" "https://hub-$1.test/" -o /dev/null || {
        cat "$work/$1.out" "$work/$1.log"
        exit 1
    }
}
a() { muster "$@" --data-dir "$work/a"; }
b() { muster "$@" --data-dir "$work/b"; }
has() { jq -e --arg m "$1" 'any(.[]; .moduleId == $m and .authentication.type == "sas")'; }
a_has() { a module list "$1" --output json | has "$2"; } # device, module
b_has() { b module list "$1" --output json | has "$2"; }

write_configuration() { cat >"$root/etc/aziot/config.toml"; }
identityd() { # method, path, body
    curl -sf --max-time 10 --unix-socket "$root/run/aziot/identityd.sock" -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} \
        "http://identityd$2$([[ $2 = *\?* ]] && echo '&' || echo '?')api-version=2021-12-01"
}
spec() { identityd POST /identities/device '{"type":"aziot"}' | jq -re ".spec.$1"; }
is_at() { [ "$(spec hubName)" = "$1" ]; }
is_device() { [ "$(spec deviceId)" = "$1" ]; }
# What `iotedge check` says of it: the device's own credential is what it asks with.
cloud_says() { # of device-enrolled, of device-known-to-hub
    local ids
    ids=$(iotedge check-list -o json | jq -r '[.[].id] - ["device-enrolled", "device-known-to-hub"] | join(" ")')
    iotedge check -o json --dont-run "$ids" >found.json
    jq -e --arg dps "$1" --arg hub "$2" '.checks | .["device-enrolled"].result.result == $dps and
        .["device-known-to-hub"].result.result == $hub' found.json || { cat found.json; return 1; }
}
module() { identityd POST /identities/modules?type=aziot "{\"type\":\"aziot\",\"moduleId\":\"$1\"}" >/dev/null; }

serve a
serve b
scope=$(a status --output json | jq -r .idScope)
cat "$work/a/server-ca.cert.pem" "$work/b/server-ca.cert.pem" >"$work/both.pem"
cd "$work" || exit 1
muster cert root >/dev/null && muster cert intermediate >/dev/null
dps="source = \"dps\"
global_endpoint = \"https://hub-a.test\"
id_scope = \"$scope\"
global_endpoint_ca = \"file://$work/both.pem\""

echo "== DPS with a certificate"
muster cert device press-1 >/dev/null
a enrollment-group create plant --certificate-path certs/azure-iot-test-only.root.ca.cert.pem --edge-enabled true >/dev/null
device press-1
x509="method = \"x509\"
identity_cert = \"file://$work/certs/iot-edge-device-identity-press-1-full-chain.cert.pem\"
identity_pk = \"file://$work/private/iot-edge-device-identity-press-1.key.pem\""
write_configuration <<<"[provisioning]
$dps
[provisioning.attestation]
$x509"
begun=$(date +%s%N)
ok "config apply" iotedge config apply
ok "provisioned" within 5 is_device press-1
echo "figure: config apply to provisioned took $((($(date +%s%N) - begun) / 1000000)) ms"
ok "the service has it" a registration show press-1
ok "a module" module m1
ok "the hub has it" a_has press-1 m1
ok "reprovision" iotedge system reprovision
ok "it is there again" within 5 is_device press-1

echo "== DPS with a symmetric key"
a enrollment create pump-1 --attestation-type symmetricKey --edge-enabled true >/dev/null
key=$(a enrollment show pump-1 --show-keys --output json | jq -r .attestation.symmetricKey.primaryKey)
device pump-1
write_configuration <<<"[provisioning]
$dps
[provisioning.attestation]
method = \"symmetric_key\"
registration_id = \"pump-1\"
symmetric_key = { value = \"$key\" }"
ok "config apply" iotedge config apply
ok "provisioned" within 5 is_device pump-1
ok "it signs" [ "$(spec auth.type)" = sas ]
ok "a module" module m1
ok "the hub has it" a_has pump-1 m1
ok "check: DPS and the hub know it" cloud_says ok ok
ok "the key is keyd's file" [ "$(stat -c %a "$root/var/secrets/aziot/keyd/device-id")" = 600 ]
ok "and nowhere else" [ -z "$(grep -rlF "$key" "$root/etc/aziot" "$root/var/lib" "$log" | grep -v config.toml)" ]

echo "== DPS with a key of a group, in a file"
a enrollment-group create pumps --attestation-type symmetricKey --edge-enabled true >/dev/null
device pump-2
a enrollment-group compute-device-key pumps --registration-id pump-2 | base64 -d >"$work/pump-2.key"
chmod 600 "$work/pump-2.key"
write_configuration <<<"[provisioning]
$dps
[provisioning.attestation]
method = \"symmetric_key\"
registration_id = \"pump-2\"
symmetric_key = { uri = \"file://$work/pump-2.key\" }"
ok "config apply" iotedge config apply
ok "provisioned" within 5 is_device pump-2

echo "== by hand, with a connection string"
a device create hand-1 --edge-enabled true >/dev/null
key=$(a device show hand-1 --output json | jq -r .authentication.symmetricKey.primaryKey)
device hand-1
write_configuration <<<"[provisioning]
source = \"manual\"
iothub_ca = \"file://$work/both.pem\"
connection_string = \"HostName=hub-a.test;DeviceId=hand-1;SharedAccessKey=$key\""
ok "config apply" iotedge config apply
ok "an identity" within 5 is_device hand-1
ok "a module" module m1
ok "the hub has it" a_has hand-1 m1
ok "check: the hub knows it" cloud_says ignored ok

echo "== by hand, with a certificate that the hub knows by its thumbprint"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=whatever -keyout "$work/hand-2.key" \
    -out "$work/hand-2.pem" 2>/dev/null
a device create hand-2 --edge-enabled true --auth-method x509_thumbprint --certificate-path "$work/hand-2.pem" >/dev/null
device hand-2
write_configuration <<<"[provisioning]
source = \"manual\"
iothub_hostname = \"hub-a.test\"
device_id = \"hand-2\"
iothub_ca = \"file://$work/both.pem\"
[provisioning.authentication]
method = \"x509\"
identity_cert = \"file://$work/hand-2.pem\"
identity_pk = \"file://$work/hand-2.key\""
ok "config apply" iotedge config apply
ok "an identity" within 5 is_device hand-2
ok "a module" module m1
ok "the hub has it" a_has hand-2 m1
ok "check: the hub knows it" cloud_says ignored ok
a device delete hand-2 >/dev/null
ok "check: until it is deleted" cloud_says ignored error

echo "== without provisioning"
device alone
write_configuration <<<'[provisioning]
source = "none"'
ok "config apply" iotedge config apply
ok "all run" within 5 eval 'iotedge system status | grep -q "identityd *Running"'
ok "no identity, and why" fails_with 'provisioning.source is \"none\"' \
    curl -s --max-time 10 --fail-with-body --unix-socket "$root/run/aziot/identityd.sock" -H 'Content-Type: application/json' \
    -d '{"type":"aziot"}' 'http://identityd/identities/device?api-version=2021-12-01'

echo "== through a proxy that wants a password"
printf 'Port 3128\nListen 127.0.0.1\nAllow 127.0.0.1\nConnectPort 443\nBasicAuth press pass.word-7\nLogFile "%s/proxy.log"\nLogLevel Connect\n' \
    "$work" >"$work/proxy.conf"
tinyproxy -d -c "$work/proxy.conf" >/dev/null 2>&1 </dev/null &
pid[proxy]=$!
device press-2
muster cert device press-2 >/dev/null
proxied() { # url [more]
    write_configuration <<<"[provisioning]
$dps
[provisioning.attestation]
${x509//press-1/press-2}
[proxy]
url = \"$1\"
${2:-}"
}
proxied "http://press:wrong@127.0.0.1:3128"
ok "config apply" iotedge config apply
ok "a wrong password is told" within 5 grep -q 'refused CONNECT to hub-a.test:443 with status 401\|status 407' "$log"
ok "but not shown" fails_with "" grep -rq "wrong" "$log"
proxied "http://press:pass%2Eword%2D7@127.0.0.1:3128"
ok "config apply" iotedge config apply
ok "provisioned" within 5 is_device press-2
ok "check: by the way of the proxy, too" cloud_says ok ok
ok "through the proxy" grep -q "CONNECT hub-a.test:443" "$work/proxy.log"
before=$(grep -c CONNECT "$work/proxy.log")
proxied "http://press:pass%2Eword%2D7@127.0.0.1:3128" 'no_proxy = ["hub-a.test"]'
ok "config apply" iotedge config apply
ok "reprovision" iotedge system reprovision
ok "an exception goes directly" [ "$(grep -c CONNECT "$work/proxy.log")" = "$before" ]

echo "== moved between two hubs, in every mode"
b connection-string --policy iothubowner | a hub link --hub-connection-string @- --hub-ca "$work/b/server-ca.cert.pem" >"$work/last" 2>&1 ||
    cat "$work/last"
send_to() { a enrollment update "$1" --allocation-policy static --iot-hubs "$2" >/dev/null; }
for mode in Dynamic AlwaysOnStartup OnErrorOnly; do
    name=rover-${mode,,}
    a enrollment create "$name" --attestation-type symmetricKey --edge-enabled true --allocation-policy static \
        --iot-hubs hub-a.test --reprovision-policy reprovisionandmigratedata >/dev/null
    key=$(a enrollment show "$name" --show-keys --output json | jq -r .attestation.symmetricKey.primaryKey)
    device "$name"
    write_configuration <<<"auto_reprovisioning_mode = \"$mode\"
[provisioning]
$dps
[provisioning.attestation]
method = \"symmetric_key\"
registration_id = \"$name\"
symmetric_key = { value = \"$key\" }"
    ok "$mode: config apply" iotedge config apply
    ok "$mode: at the first hub" within 5 is_at hub-a.test
    # Moved by the operator, and deleted at the old hub: a refused call tells.
    send_to "$name" hub-b.test
    a device delete "$name" >/dev/null
    module m1
    ok "$mode: at the other hub after a refusal" within 20 is_at hub-b.test
    ok "$mode: where its modules are" within 10 module m1
    ok "$mode: as the other hub has it" b_has "$name" m1
    # Back again: noticed at the next start.
    send_to "$name" hub-a.test
    b device delete "$name" >/dev/null
    restart_device
    ok "$mode: back after a restart" within 20 is_at hub-a.test
done

echo "== a hub that is taken away, a start without a network"
send_to rover-onerroronly hub-b.test
ok "moved by the operator's command" iotedge system reprovision
ok "at the other hub" within 20 is_at hub-b.test
ok "a module there" within 5 module m2
# With the old hub away its twin cannot be taken along.
a enrollment update rover-onerroronly --reprovision-policy reprovisionandresetdata >/dev/null
end b
restart_device
ok "the identity stays while its hub is away" within 5 is_at hub-b.test
ok "and its modules are remembered" identityd GET '/identities/modules/m2?type=aziot'
send_to rover-onerroronly hub-a.test
ok "reprovision gives the hub that is left" iotedge system reprovision
ok "it is there" within 10 is_at hub-a.test
end a
restart_device
ok "the identity stays while all are away" within 5 is_at hub-a.test
ok "reprovision fails and says why" fails_with "hub-a.test" iotedge system reprovision
ok "the identity stays" is_at hub-a.test

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
