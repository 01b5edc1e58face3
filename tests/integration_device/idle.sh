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
# shellcheck source=tests/integration_device/service.sh
. "$here/service.sh"
# shellcheck source=tests/integration_device/device.sh
. "$here/device.sh"
cd "$work" || exit 1

begin_service "$https_alone"
make_plant_ca
make_plant_device idle-1
service enrollment-group create plant --certificate-path ca.pem >/dev/null

device idle-1
ok "the configuration is taken" configure <<<"registration_id = \"idle-1\"
identity_cert = \"file://$work/idle-1.pem\"
identity_pk = \"file://$work/idle-1.key\""
ok "the device registers" within 20 is_device idle-1
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
