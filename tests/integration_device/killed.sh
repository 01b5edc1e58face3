#!/usr/bin/env bash
# kill -9 of single services while `iotedge config apply` writes and restarts, with a real musterd and a real device in a
# network and mount namespace of their own. usage: killed.sh BIN_DIR; the last line counts; 77: skipped.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/integration_device/namespace.sh
. "$here/namespace.sh"
enter_namespace killed "jq curl openssl" "$@"
# shellcheck source=tests/integration_device/checks.sh
. "$here/checks.sh"
# shellcheck source=tests/integration_device/service.sh
. "$here/service.sh"
# shellcheck source=tests/integration_device/device.sh
. "$here/device.sh"
cd "$work" || exit 1
begin_service "$https_alone"
make_plant_ca
make_plant_device press-1
service enrollment-group create plant --certificate-path ca.pem >/dev/null
# The number stands in the files of all services.
config() { # number
    printf 'registration_id = "press-1"\nidentity_cert = "file://%s/press-1.pem"\nidentity_pk = "file://%s/press-1.key"\n' "$work" "$work"
    printf '[aziot_max_requests]\n'
    printf "%s = $1\n" keyd certd tpmd identityd
}
kill_one() {
    local services=(keyd certd identityd) victim
    victim=$(pgrep -P "${pid[supervisor]}" -f "aziot-${services[RANDOM % 3]}\$") && kill -KILL "$victim" 2>/dev/null && kills=$((kills + 1))
}
apply_under_fire() { # number
    local applying
    config "$1" | configure >apply.out 2>&1 &
    applying=$!
    for _ in 1 2; do
        sleep "0.$(printf %02d $((RANDOM % 12)))"
        kill_one
    done
    wait "$applying" || { cat apply.out; return 1; }
}
has_all_of() { # number
    [ "$(grep -lx "max_requests = $1" "$root"/etc/aziot/{keyd,certd,tpmd,identityd}/config.d/00-super.toml | wc -l)" = 4 ]
}

device device
kills=0
RANDOM=$$
ok "config apply" configure < <(config 99)
ok "provisioned" within 10 is_device press-1
# At least 15 rounds, and on until enough kills have found a service that runs.
for round in {1..60}; do
    [ "$round" -le 15 ] || [ "$kills" -le 10 ] || break
    ok "applied ($round)" apply_under_fire $((100 + round))
    ok "every service has the new settings ($round)" has_all_of $((100 + round))
    ok "and the device its identity ($round)" within 30 is_device press-1
done
ok "services were killed" [ "$kills" -gt 10 ]
ok "nothing is wrong with it" iotedge check --dont-run "host-local-time host-connect-iothub-amqp host-connect-iothub-mqtt"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
