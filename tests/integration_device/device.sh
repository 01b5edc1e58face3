# shellcheck shell=bash disable=SC2034,SC2154  # $work and `pid` are checks.sh's and namespace.sh's, $scope is service.sh's
# Devices below directories of their own: $root is where the present one is, $log what its services have said. To be
# sourced after checks.sh.
begin_device() { # name: its directory, nothing in it and nothing running
    end supervisor
    root=$work/$1 log=$work/$1.log
    mkdir -p "$root/etc/aziot"
    export MUSTER_DEVICE_ROOT=$root
}
start_device() {
    aziotd run >>"$log" 2>&1 </dev/null &
    pid[supervisor]=$!
    within 5 test -S "$root/run/aziot/supervisor.sock"
}
restart_device() { end supervisor && start_device; }
device() { # name: a fresh one, not yet configured
    begin_device "$1"
    start_device
}
# The beginning of a configuration: the service of service.sh, an identity by certificate.
by_dps_with_x509() {
    printf '[provisioning]\nsource = "dps"\nglobal_endpoint = "https://localhost"\nid_scope = "%s"\n' "$scope"
    printf 'global_endpoint_ca = "file://%s/trust.pem"\n[provisioning.attestation]\nmethod = "x509"\n' "$work"
}
configure() { # the rest of the file, on standard input
    { by_dps_with_x509 && cat; } >"$root/etc/aziot/config.toml"
    iotedge config apply
}
is_device() {
    [ "$(curl -sf -m 20 --unix-socket "$root/run/aziot/identityd.sock" -H 'Content-Type: application/json' -d '{"type":"aziot"}' \
        'http://d/identities/device?api-version=2020-09-01' | jq -re .spec.deviceId)" = "$1" ]
}
# A device as it is installed from now on: at the usual places, which are copies, every service under its own user.
install_device() {
    local user
    unset MUSTER_DEVICE_ROOT
    mount --make-rprivate /
    chmod 755 "$work"
    cp -a /etc etc-copy
    rm -rf etc-copy/aziot
    mkdir -p etc-copy/aziot users/var-lib users/run users/log users/secrets /var/lib/aziot /run/aziot /var/log/aziot /var/secrets
    mount --bind etc-copy /etc
    mount --bind users/var-lib /var/lib/aziot
    mount --bind users/run /run/aziot
    mount --bind users/log /var/log/aziot
    mount --bind users/secrets /var/secrets
    for user in aziotks aziotcs aziotid aziottpm iotedge; do
        useradd --system --user-group --shell /usr/sbin/nologin "$user" 2>/dev/null
    done
    usermod -aG aziotks aziotcs && usermod -aG aziotks,aziotcs aziotid && usermod -aG aziotks,aziotcs,aziotid iotedge
    root="" log=$work/installed.log
}
