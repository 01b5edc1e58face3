#!/usr/bin/env bash
# An idle device sleeps: none of its daemons' threads runs while nobody asks for anything and no timer is due. With the real
# programs, a registered device and its supervisor, in a network namespace of their own; counted by the kernel.
# usage: idle.sh BIN_DIR [SECONDS]; the last line counts; 77: skipped.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/integration_device/namespace.sh
. "$here/namespace.sh"
enter_namespace idle "jq curl openssl" "$@"
seconds=${3:-15}
# shellcheck source=tests/integration_device/checks.sh
. "$here/checks.sh"
cd "$work" || exit 1

printf 'host_name = "localhost"\n[listen]\nmetrics = "off"\nmqtts = "off"\namqps = "off"\n' >musterd.toml
musterd --config musterd.toml --data-dir service >musterd.out 2>&1 </dev/null &
pid[musterd]=$!
within 10 curl -sk https://localhost/ -o /dev/null
muster trust --data-dir service >trust.pem 2>/dev/null
scope=$(muster status --data-dir service --output json | jq -r .idScope)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Plant CA' -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=idle-1 -keyout idle-1.key -out idle-1.csr 2>/dev/null
openssl x509 -req -in idle-1.csr -CA ca.pem -CAkey ca.key -days 2 -out idle-1.pem 2>/dev/null
muster enrollment-group create plant --certificate-path ca.pem --data-dir service >/dev/null

root=$work/idle-1
export MUSTER_DEVICE_ROOT=$root
mkdir -p "$root/etc/aziot"
cat >"$root/etc/aziot/config.toml" <<TOML
[provisioning]
source = "dps"
global_endpoint = "https://localhost"
id_scope = "$scope"
global_endpoint_ca = "file://$work/trust.pem"
[provisioning.attestation]
method = "x509"
registration_id = "idle-1"
identity_cert = "file://$work/idle-1.pem"
identity_pk = "file://$work/idle-1.key"
TOML
aziotd run >"$root/log" 2>&1 </dev/null &
pid[supervisor]=$!
within 5 test -S "$root/run/aziot/supervisor.sock"
ok "the configuration is taken" iotedge config apply
is_device() {
    curl -sf -m 20 --unix-socket "$root/run/aziot/identityd.sock" -H 'Content-Type: application/json' -d '{"type":"aziot"}' \
        'http://d/identities/device?api-version=2020-09-01' | jq -re .spec.deviceId
}
ok "the device registers" within 20 is_device
end musterd

# How often its threads gave up the processor of themselves, which is each time that they went back to sleep.
sleeps() { cat "/proc/$1"/task/*/status | awk '/^voluntary/ { sum += $2 } END { print sum }'; }
daemons() {
    local each
    echo "aziotd-run ${pid[supervisor]}"
    for each in $(pgrep -P "${pid[supervisor]}"); do echo "$(tr '\0' ' ' <"/proc/$each/cmdline" | awk '{ n = split($1, part, "/"); print part[n] }') $each"; done
}
sleep 8 # what follows a registration: connections that are closed, a look at the hub
declare -A before
while read -r name process; do before[$process]=$(sleeps "$process"); done < <(daemons)
sleep "$seconds"
# One look may be due.
sleeps_on() { [ "$2" -le 2 ] || { echo "$1 woke $2 times in $seconds s"; return 1; }; }
while read -r name process; do
    woke=$(($(sleeps "$process") - ${before[$process]:-0}))
    echo "    $name: $woke in $seconds s"
    ok "$name sleeps" sleeps_on "$name" "$woke"
done < <(daemons)

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
