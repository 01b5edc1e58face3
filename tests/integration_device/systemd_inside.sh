#!/usr/bin/env bash
# The half of systemd.sh that runs inside the booted container.
exec >/result/log 2>&1
failures=0
expect() { # what, pattern, command...
    local what=$1 pattern=$2 out
    shift 2
    out=$("$@" 2>&1)
    if grep -qE -- "$pattern" <<<"$out"; then
        echo "ok: $what"
    else
        printf 'FAILED: %s: no "%s" in:\n%s\n' "$what" "$pattern" "$out"
        failures=$((failures + 1))
    fi
}
eventually() { # what, pattern, command...
    local pattern=$2
    for _ in $(seq 400); do
        "${@:3}" 2>&1 | grep -qE -- "$pattern" && break
        sleep 0.1
    done
    expect "$@"
}
# shellcheck disable=SC2317  # called by name
running() { iotedge system status | grep -c ' Running$'; }

systemd-sysusers /usr/lib/sysusers.d/muster-device.conf
systemd-tmpfiles --create /usr/lib/tmpfiles.d/muster-device.conf
systemctl daemon-reload
systemctl --quiet enable --now aziot-keyd.socket aziot-certd.socket aziot-tpmd.socket aziot-identityd.socket
expect "sockets listen, services sleep" 'aziot-keyd +Ready$' iotedge system status

openssl ecparam -name prime256v1 -genkey -noout -out /var/aziot/secrets/k.pem
openssl req -x509 -new -key /var/aziot/secrets/k.pem -subj /CN=press-7 -days 30 -out /var/aziot/certs/c.pem \
    -addext basicConstraints=critical,CA:FALSE
chown aziotks: /var/aziot/secrets/k.pem
chown aziotcs: /var/aziot/certs/c.pem
cp /etc/aziot/config.toml.edge.template /etc/aziot/config.toml
cat >>/etc/aziot/config.toml <<END
[provisioning]
source = "dps"
global_endpoint = "https://127.0.0.1:9"
id_scope = "0ne00ABCDEF"
[provisioning.attestation]
method = "x509"
registration_id = "press-7"
identity_cert = "file:///var/aziot/certs/c.pem"
identity_pk = "file:///var/aziot/secrets/k.pem"
END
expect "configured" 'configured successfully!' iotedge config apply
eventually "all three run" '^3$' running
eventually "identityd got its certificate and key through the others" 'DPS cannot be reached' iotedge system logs -- --no-pager
for service in keyd:aziotks certd:aziotcs identityd:aziotid; do
    expect "user of ${service%:*}" "^${service#*:} " sh -c "ps -eo user:16,args | grep '[a]ziot-${service%:*}'"
    expect "socket of ${service%:*}" "^${service#*:} 660" stat -c '%U %a' "/run/aziot/${service%:*}.sock"
    expect "state of ${service%:*}" "^${service#*:} 700" stat -c '%U %a' "/var/lib/aziot/${service%:*}"
done
systemctl kill -s KILL aziot-keyd
eventually "keyd is down" "aziot-keyd +Down - activating" iotedge system status
eventually "keyd comes back" 'aziot-keyd +Running' iotedge system status
expect "log level" 'Done' iotedge system set-log-level debug
eventually "debug lines" 'DBUG' iotedge system logs -- --no-pager -n 100
expect "logs pass their arguments on" '^1$' sh -c 'iotedge system logs -- --no-pager -q -n 1 -o cat | wc -l'
expect "reprovision says why it cannot" 'cannot connect to 127.0.0.1:9' iotedge system reprovision
expect "stop" 'Done' iotedge system stop
expect "stopped" 'aziot-keyd +Down - inactive' iotedge system status
expect "restart" 'Done' iotedge system restart
eventually "running again" '^3$' running
# An apply that was interrupted after its decision: the next start of a service finishes it.
systemctl stop aziot-keyd.service
target=/etc/aziot/tpmd/config.d/00-super.toml
echo 'max_requests = 77' >/etc/aziot/tpmd/config.d/.00-super.toml.apply-staged
echo '{"files":[{"staged":"/etc/aziot/tpmd/config.d/.00-super.toml.apply-staged","target":"'$target'"}]}' >/etc/aziot/.apply-journal
systemctl start aziot-keyd.service
expect "a start finishes an interrupted apply" 'max_requests = 77' cat "$target"
for unit in aziot-keyd aziot-certd aziot-identityd; do
    expect "$unit.service is shut in" 'exposure level.* (OK|SAFE)' systemd-analyze security --no-pager "$unit.service"
done
echo "$failures failures"
[ "$failures" = 0 ] && touch /result/passed
exit 0
