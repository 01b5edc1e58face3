#!/usr/bin/env bash
# `iotedge check`, `config mp`, `config import` and `support-bundle`, with a real musterd and a real device in a network and
# mount namespace of their own. usage: check.sh BIN_DIR; the last line counts; 77: skipped.
# shellcheck disable=SC2016 # what eval expands
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/integration_device/namespace.sh
. "$here/namespace.sh"
enter_namespace check "jq curl openssl unzip python3" "$@"
# shellcheck source=tests/integration_device/checks.sh
. "$here/checks.sh"
# shellcheck source=tests/integration_device/service.sh
. "$here/service.sh"
# shellcheck source=tests/integration_device/device.sh
. "$here/device.sh"
cd "$work" || exit 1
cp /etc/hosts hosts
begin_service '[listen]\nmetrics = "off"\n'
issue() { # name, issuer, more: a key and a certificate
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -out "$1.pem" "${@:3}" 2>/dev/null
    chmod 600 "$1.key"
}
printf '[ca]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n[leaf]\nextendedKeyUsage=clientAuth\n' >x.cnf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj '/CN=root' -keyout root.key -out root.pem 2>/dev/null
issue middle root -days 60 -extfile x.cnf -extensions ca
issue press-1 middle -days 30 -extfile x.cnf -extensions leaf
issue late middle -days 3 -extfile x.cnf -extensions leaf
enroll() { service enrollment-group create plant --certificate-path root.pem --edge-enabled true >/dev/null; }
enroll
# Answers as a time server would, with its clock as many seconds ahead as the first argument says.
cat >ntp.py <<'PY'
import socket, struct, sys, time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[2])))
while True:
    question, client = server.recvfrom(512)
    now = time.time() + 2208988800 + float(sys.argv[1])
    stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
    server.sendto(bytes([0x24, 2, 6, 0xEC]) + bytes(20) + question[40:48] + stamp + stamp, client)
PY
python3 ntp.py 0 1123 &
pid[ntp]=$!
python3 ntp.py 100 1124 &
pid[ntp2]=$!

begin_device device
check() { iotedge check --ntp-server "127.0.0.1:${ntp:-1123}" "$@"; }
every_id=" $(iotedge check-list -o json | jq -r '[.[].id] | join(" ")') "
result() { # id, options: of that check alone, unless the options say which not to run
    local others=()
    [[ " $* " = *" --dont-run "* ]] || others=(--dont-run "${every_id/ $1 / }")
    check -o json "${others[@]}" "${@:2}" | jq -re ".checks[\"$1\"].result.result"
}
is() { # id, result, options
    local got
    got=$(result "$1" "${@:3}")
    [ "$got" = "$2" ] || { echo "$1 is $got"; check --verbose "${@:3}"; return 1; }
}
says() { # text, command...: whatever the exit code
    local text=$1 out
    shift
    out=$("$@" 2>&1)
    grep -qF -- "$text" <<<"$out" || { echo "$out"; return 1; }
}
finds() { # id, result[, text]: what the last `look` found
    local found
    found=$(jq -r ".checks[\"$1\"].result | .result, .details[]?" "$work/found.json")
    if [ "${found%%$'\n'*}" = "$2" ] && grep -qF -- "${3:-}" <<<"$found"; then return 0; fi
    echo "$1: $found"
    return 1
}
look() { check -o json "$@" >"$work/found.json"; [ -s "$work/found.json" ]; }
signal() { # signal, services of the device
    local service process
    for service in "${@:2}"; do
        process=$(pgrep -P "${pid[supervisor]}" -f "aziot-$service\$") && kill "-$1" "$process" || return
        [ "$1" != STOP ] || within 10 all_stopped "$process" || return
    done
}
# On a busy machine a thread answers on until its process's turn to be stopped comes.
all_stopped() { # process
    ! cat "/proc/$1"/task/*/stat | grep -vE '^[0-9]+ \(.*\) T ' | grep -q .
}
exits() { # code, command...
    local code=$1 got
    shift
    "$@"
    got=$?
    [ "$got" = "$code" ] || { echo "exit code $got"; return 1; }
}

echo "== before anything is configured"
ok "check fails" exits 1 check
ok "and says what to do" says "to mend it: iotedge config apply" check
ok "the list has ids and descriptions" says "identity-certificate-expiry" iotedge check-list
ok "as JSON, too" eval '[ "$(iotedge check-list -o json | jq length)" -ge 28 ]'

echo "== a device that is well"
cat press-1.pem middle.pem root.pem >full.pem
cp full.pem chain.pem
start_device
ok "config apply" configure <<<"registration_id = \"press-1\"
identity_cert = \"file://$work/chain.pem\"
identity_pk = \"file://$work/press-1.key\""
ok "provisioned" within 10 grep -q press-1 "$root/var/lib/aziot/identityd/device_info"
ok "all is well" exits 0 check --warnings-as-errors
ok "nothing is wrong in the JSON" eval '[ "$(check -o json | jq -r "[.checks[].result.result] | unique | join(\",\")")" = ignored,ok ]'
ok "text as the original has it" says "√ host can connect to and perform TLS handshake with DPS endpoint - OK" check
check >text
ok "the section is underlined" grep -qE "^-+$" <(sed -n 2p text)
ok "totals" says "check(s) succeeded." check
ok "a stream has one object a line" eval 'check -o json-stream | jq -r .kind | sort -u | paste -sd, | grep -qx additional_info,check,section'
ok "aziotctl is the same" exits 0 aziotctl check --ntp-server 127.0.0.1:1123
ok "what was not to run is ignored" is hostname ignored --dont-run "hostname certs-read"
ok "an unknown id is wrong usage" exits 2 check --dont-run hostnam
ok "the system's fields are there" eval 'check -o json | jq -e ".additional_info | .os.id and .system_info.total_ram and .now"'
for id in device-enrolled device-known-to-hub; do
    ok "$id is looked at" is "$id" ok
done
ok "options of the container are told to have no effect" says "has no effect" check --diagnostics-image-name x

echo "== what an earlier version has written"
generated=$root/etc/aziot/certd/config.d/00-super.toml
cp "$generated" certd.toml
sed '/auto_renew/,$d' certd.toml >"$generated"
ok "is told" is configs-up-to-date warning
ok "with what mends it" says "00-super.toml is not what this version makes of" check
cp certd.toml "$generated"
ok "no more once it is mended" is configs-up-to-date ok
ok "certd has read it again" within 10 is certs-read ok

echo "== what is wrong is found"
ntp=1124
ok "a clock that is wrong" is host-local-time warning
ok "is a failure when warnings are" exits 1 check --warnings-as-errors
ok "but not otherwise" exits 0 check
ntp=9
ok "no time server is a warning" is host-local-time warning
unset ntp
ok "the service's clock is the measure" is host-time-against-service ok
for port in https amqp mqtt; do
    ok "$port: a hub that is there" is "host-connect-iothub-$port" ok --iothub-hostname localhost
    ok "$port: a hub that is not there" is "host-connect-iothub-$port" error --iothub-hostname nowhere.invalid
done
ok "another version" is aziot-version warning --expected-aziot-version 99
sleep 1.1
touch "$root/etc/aziot/config.toml"
ok "a change that was not applied" is configs-up-to-date warning
ok "a change that was not applied, for the runtime's own file" is config-up-to-date warning
chmod 644 press-1.key
ok "a key that others can read" is key-file-permissions warning
chmod 600 press-1.key
cp late.key press-1.key.other && cp press-1.key press-1.key.own && cp late.key press-1.key
ok "a key of another certificate" is certs-match-private-keys error
cp press-1.key.own press-1.key
cat press-1.pem root.pem >chain.pem
ok "a chain without its intermediate" is identity-certificate-chain error
ok "is explained" says "the service would refuse the chain" check
cat press-1.pem middle.pem root.pem >chain.pem
cat late.pem middle.pem root.pem >chain.pem
ok "a certificate in its last days" is identity-certificate-expiry warning
rm chain.pem
ok "a certificate that is not there" is certs-preloaded error
ok "cannot be read" is certs-read error
cat press-1.pem middle.pem root.pem >chain.pem
mine() { # service, settings: a file of the operator's own, beside the generated ones
    mkdir -p "$root/etc/aziot/$1/config.d"
    printf '%s\n' "${@:2}" >"$root/etc/aziot/$1/config.d/50-mine.toml"
}
not_mine() { rm "$root/etc/aziot/$1/config.d/50-mine.toml"; }
for service in keyd certd tpmd identityd edged; do
    mine "$service" 'nonsense ='
    case $service in edged) id=aziot-edged ;; *) id=$service ;; esac
    ok "$id: settings that are not TOML" is "$id-config-well-formed" error
    ok "$id: it names the file" says "$service/config.d/50-mine.toml" check
    not_mine "$service"
done
for service in keyd certd tpmd identityd; do
    mine "$service" 'max_requests = "many"'
    ok "$service: a setting of another kind" is "$service-config-well-formed" error
    ok "$service: it names the file, and what mends it" says "to mend it: correct $root/etc/aziot/$service/config.d/50-mine.toml" check
    not_mine "$service"
done
mine identityd 'hostname = "elsewhere"'
ok "another name than the operating system's" is hostname warning
mine identityd 'hostname = "under_score"'
ok "a name that is none" is hostname error
mine identityd '[provisioning]' 'source = "manual"' 'iothub_hostname = "hub.example"' 'device_id = "d"' \
    'local_gateway_hostname = "under_score"' '[provisioning.authentication]' 'method = "sas"' 'device_id_pk = "device-id"'
ok "a parent's name that is none" is parent_hostname error
not_mine identityd
mine certd '[cert_issuance.est.auth]' 'identity_cert = "est-id"' 'identity_pk = "est-id"' \
    '[cert_issuance.est.urls]' 'default = "http://est.example/.well-known/est"' \
    '[cert_issuance.local_ca]' 'cert = "local-ca"' 'pk = "local-ca"' \
    '[preloaded_certs]' "est-id = \"file://$work/late.pem\"" "local-ca = \"file://$work/late.pem\"" "aziot-edged-ca = \"file://$work/late.pem\""
ok "EST without TLS" is est-server-https warning
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out weak.key 2>/dev/null
chmod 600 weak.key
mine keyd '[preloaded_keys]' "weak = \"file://$work/weak.key\""
ok "a key pair that keyd does not know" is key-pairs-read error
ok "what is the operator's own is read" iotedge system restart
ok "a certificate for EST in its last days" within 10 is est-identity-and-bootstrap-certificate-expiry warning
ok "an authority of the device's in its last days" within 10 is local-ca-certificate-expiry warning
ok "an edge CA in its last days" within 10 is edge-ca-certificate-expiry warning
ok "a weak key" within 10 is key-pairs-read warning
not_mine certd
not_mine keyd
ok "and taken back" iotedge system restart
ok "all services answer again" within 10 is keyd-running ok

echo "== a device that its services no longer know"
service registration delete press-1 >/dev/null
look
ok "a registration that was deleted" finds device-enrolled error "DPS has no registration of \"press-1\""
ok "with what mends it" finds device-enrolled error "to mend it: iotedge system reprovision"
ok "which is not the hub's affair" finds device-known-to-hub ok
service enrollment-group delete plant >/dev/null
look
ok "no enrollment lets it in" finds device-enrolled error "to mend it: the operator finds the reason"
service device delete press-1 >/dev/null
look
ok "a device that was deleted at the hub" finds device-known-to-hub error "to mend it: iotedge system reprovision"
enroll
ok "which does" iotedge system reprovision
look
ok "known to DPS again" finds device-enrolled ok
ok "and to the hub" finds device-known-to-hub ok
ok "nothing was registered by looking" [ "$(service registration show press-1 -o json | jq -r .etag)" = "$(look; service registration show press-1 -o json | jq -r .etag)" ]

echo "== what cannot be reached"
# A queue of connections that is full: the next one has no answer.
cat >silent.py <<'PY'
import socket, sys, time
listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(0)
held = []
for _ in range(3):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", int(sys.argv[1])))
    held.append(one)
open("full", "w").close()
time.sleep(1000)
PY
python3 silent.py 8447 &
pid[silent]=$!
ok "a queue is full" within 10 [ -e full ]
look --iothub-hostname localhost:1
ok "a port that nobody listens at" finds host-connect-iothub-https error "Connection refused"
ok "what mends it" finds host-connect-iothub-https error "to mend it: start what should listen at localhost:1"
look --iothub-hostname 192.0.2.1
ok "a host that there is no way to" finds host-connect-iothub-mqtt error "to mend it: give this device a way there"
look --iothub-hostname nowhere.invalid
ok "a name that is not known" finds host-connect-iothub-amqp error "to mend it: "
ok "names are looked up by somebody" finds host-connect-iothub-amqp error "/etc/resolv.conf"
look --iothub-hostname localhost:8447
ok "a host that says nothing" finds host-connect-iothub-https error "to mend it: let this device reach localhost:8447"
look --proxy-uri http://localhost:1
ok "a proxy that is not there" finds host-connect-dps-endpoint error "to mend it: start the proxy"
ok "is what DPS fails for, too" finds device-enrolled skipped host-connect-dps-endpoint
end silent
printf '127.0.0.1 other.example\n' >>hosts
mount --bind hosts /etc/hosts
look --iothub-hostname other.example
ok "a certificate of another name" finds host-connect-iothub-https error "to mend it: the name must be one that the certificate has"
umount /etc/hosts

echo "== services that say nothing"
ok "keyd is stopped" signal STOP keyd
look
ok "keyd" finds keyd-running error "to mend it: iotedge system status"
for id in key-pairs-read certs-match-private-keys device-enrolled device-known-to-hub; do
    ok "$id does without it" finds "$id" skipped "aziot-keyd does not answer (see keyd-running)"
done
ok "certificates are read" finds certs-read ok
signal CONT keyd
ok "certd and identityd are stopped" signal STOP certd identityd
look
ok "certd" finds certd-running error
ok "identityd" finds identityd-running error
ok "certs-read does without it" finds certs-read skipped "see certd-running"
ok "a certificate is read where it lies" finds identity-certificate-expiry ok
ok "keys are read" finds key-pairs-read ok
signal CONT certd identityd
ok "they go on" within 10 exits 0 check
end musterd
look
ok "a service that is away" finds host-connect-dps-endpoint error "to mend it: start what should listen at localhost:443"
ok "says nothing of the time" finds host-time-against-service skipped
ok "nor of the device" finds device-enrolled skipped "see host-connect-dps-endpoint"
ok "nor does its hub" finds device-known-to-hub skipped "see host-connect-iothub-https"
ok "a TPM that nobody needs" finds tpmd-running ignored
end supervisor
look
for service in keyd certd identityd; do
    ok "$service: a service that is away" finds "$service-running" error
done
ok "the certificate is looked at all the same" finds identity-certificate-expiry ok

echo "== a configuration from a connection string"
secret=$(head -c 32 /dev/urandom | base64)
string="HostName=hub.example;DeviceId=dev-1;SharedAccessKey=$secret"
new=$work/new.toml
ok "written" iotedge config mp -c "$string" -o "$new"
ok "for its owner alone" [ "$(stat -c %a "$new")" = 600 ]
ok "not written over" fails_with "is there already" iotedge config mp -c "$string" -o "$new"
ok "unless told to" iotedge config mp -f -c "$string" -o "$new"
ok "from standard input" eval 'iotedge config mp -f -c - -o "$new" <<<"$string" && grep -qF "$secret" "$new"'
ok "it says OnErrorOnly" grep -q 'auto_reprovisioning_mode = "OnErrorOnly"' "$new"
ok "a broken one is refused" fails_with "DeviceId" iotedge config mp -c "HostName=h;SharedAccessKey=YQ==" -o "$work/other.toml"
ok "and nothing is written" [ ! -e "$work/other.toml" ]

echo "== the configuration of IoT Edge 1.1"
cat >config.yaml <<YAML
provisioning:
  source: "dps"
  global_endpoint: "https://global.azure-devices-provisioning.net"
  scope_id: "0ne00112233"
  attestation:
    method: "x509"
    registration_id: "press-9"
    identity_cert: "file://$work/chain.pem"
    identity_pk: "$work/press-1.key"
  dynamic_reprovisioning: true
certificates:
  device_ca_cert: "/var/ca.pem"
  device_ca_pk: "/var/ca.key"
  trusted_ca_certs: "/var/trust.pem"
agent:
  name: "edgeAgent"
  type: "docker"
  env: {}
  config:
    image: "mcr.microsoft.com/azureiotedge-agent:1.1"
    auth: {}
    createOptions: { HostConfig: { Binds: ["/a:/b"], Privileged: true } }
hostname: "press-9"
connect: { management_uri: "unix:///var/run/iotedge/mgmt.sock", workload_uri: "unix:///var/run/iotedge/workload.sock" }
listen: { management_uri: "fd://iotedge.mgmt.socket", workload_uri: "fd://iotedge.socket" }
homedir: "/var/lib/iotedge"
moby_runtime: { uri: "unix:///var/run/docker.sock" }
telemetry: { level: 3 }
YAML
ok "translated" iotedge config import -c config.yaml -o imported.toml
ok "what was left out is told" says "telemetry.level was left out" iotedge config import -c config.yaml -o imported.toml -f
ok "an agent of that time is told" says "needs an agent of 1.5" iotedge config import -c config.yaml -o imported.toml -f
mkdir -p "$root/var/lib/iotedge/hsm/enc_keys"
printf '0123456789abcdef0123456789abcdef' >"$root/var/lib/iotedge/hsm/enc_keys/edgelet-master_x_.enc.key"
iotedge config import -c config.yaml -o imported.toml -f >/dev/null 2>&1
ok "the key that modules' secrets were encrypted with" grep -q "^imported_master_encryption_key = \"$root/var/lib/iotedge" imported.toml
ok "the mode" grep -q 'auto_reprovisioning_mode = "Dynamic"' imported.toml
ok "paths are URIs" grep -qF "identity_pk = \"file://$work/press-1.key\"" imported.toml
ok "sockets have their new names" grep -q 'workload_uri = "fd://aziot-edged.workload.socket"' imported.toml
ok "nested options" grep -qF 'Binds = ["/a:/b"], Privileged = true' imported.toml
sed -i "s|/var/ca.pem|$work/middle.pem|; s|/var/ca.key|$work/middle.key|; s|/var/trust.pem|$work/root.pem|; s|press-9|press-1|; s|global.azure-devices-provisioning.net|localhost|" imported.toml
ok "today's runtime takes it" iotedge config apply --check -c "$work/imported.toml"
printf 'provisioning:\n  source: "external"\n' >external.yaml
ok "external provisioning is refused" fails_with "has no successor" iotedge config import -c external.yaml -o x.toml
printf 'provisioning: [\n' >broken.yaml
ok "what is not YAML is refused with its line" fails_with "line 2" iotedge config import -c broken.yaml -o x.toml

echo "== a support bundle"
planted=(planted-password-1 planted-pin-2 planted-token-3 planted-proxy-4 planted-agent-5)
cat >>"$root/etc/aziot/config.toml" <<TOML
[proxy]
url = "http://user:planted-proxy-4@proxy.example:3128"
[agent.config.auth]
serveraddress = "r.example"
username = "u"
password = "planted-password-1"
[agent.env]
API_TOKEN = "planted-token-3"
[aziot_keys]
pkcs11_base_slot = "pkcs11:token=t?pin-value=planted-pin-2"
TOML
# identityd warns of the unknown key and goes on.
printf '# planted by hand\n[x]\nconnection_string = "HostName=h;DeviceId=d;SharedAccessKey=%s"\n' "$secret" \
    >"$root/etc/aziot/identityd/config.d/50-mine.toml"
mkdir -p "$root/var/secrets/aziot/keyd"
printf 'planted-agent-5-in-a-key-file' >"$root/var/secrets/aziot/keyd/device-id"
start_device
within 20 is identityd-running ok # which has said something by then
ok "written" iotedge support-bundle -o bundle.zip --since "1 hour"
ok "for its owner alone" [ "$(stat -c %a bundle.zip)" = 600 ]
mkdir unpacked && (cd unpacked && unzip -q ../bundle.zip)
for name in check.json about.txt config/config.toml config/keyd/00-super.toml logs/aziot-keyd.txt logs/aziot-identityd.txt; do
    ok "it has $name" test -s "unpacked/$name"
done
ok "the findings are JSON" jq -e .checks unpacked/check.json
ok "the configuration is readable" grep -q 'registration_id' unpacked/config/config.toml
for secret_text in "${planted[@]}" "$secret"; do
    ok "no secret: ${secret_text:0:20}" fails_with "" grep -rF -- "$secret_text" unpacked
    ok "nor in base64: ${secret_text:0:20}" fails_with "" grep -rF -- "$(printf %s "$secret_text" | base64 -w0)" unpacked
done
ok "no private key" fails_with "" grep -r "BEGIN.*PRIVATE KEY" unpacked
ok "to standard output" eval 'iotedge support-bundle -o - --since 5min >piped.zip && unzip -tq piped.zip'
ok "a time that is none" fails_with "--since takes" iotedge support-bundle -o x.zip --since yesterdayish
ok "leaves nothing" [ ! -e x.zip ]

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
