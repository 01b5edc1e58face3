#!/usr/bin/env bash
# A full disk on the device, with the real programs in a network and mount namespace of their own: the state of its services is on
# a small file system that is filled to the last byte. A registration, a renewal and a restart under it cost nothing of an identity
# that works, leave nothing half-written, and heal when there is room again.
# usage: disk_full.sh BIN_DIR; the last line counts; 77: skipped.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/integration_device/namespace.sh
. "$here/namespace.sh"
enter_namespace disk-full "jq curl openssl faketime" "$@"
# shellcheck source=tests/integration_device/checks.sh
. "$here/checks.sh"
# shellcheck source=tests/integration_device/service.sh
. "$here/service.sh"
# shellcheck source=tests/integration_device/device.sh
. "$here/device.sh"
finish() {
    end "${!pid[@]}"
    umount "$work"/*/var/lib/aziot 2>/dev/null
    rm -rf "$work"
}
cd "$work" || exit 1

begin_service "$https_alone"'[authority]\ncertificate_days = 1\n'
make_plant_ca
service enrollment-group create plant --certificate-path ca.pem >/dev/null
service authority create >/dev/null

device() { # name: a fresh one, whose state is on a file system of its own
    begin_device "$1"
    mkdir -p "$root/var/lib/aziot"
    mount -t tmpfs -o size=512k tmpfs "$root/var/lib/aziot"
    start_device
}
fill() { dd if=/dev/zero of="$root/var/lib/aziot/ballast" bs=1k 2>/dev/null; ! dd if=/dev/zero of="$root/var/lib/aziot/one-more" bs=1 count=1 2>/dev/null; }
make_room() { rm -f "$root/var/lib/aziot/ballast" "$root/var/lib/aziot/one-more"; }
certificate() {
    curl -sf -m 20 --unix-socket "$root/run/aziot/certd.sock" 'http://d/certificates/device-id?api-version=2020-09-01' | jq -re .pem
}
serial() { certificate | openssl x509 -noout -serial; }
has_changed() { [ "$(serial)" != "$1" ]; }
serves_on() { [ "$(serial)" = "$1" ] && is_device "$2"; } # serial, device
is_whole() { # the key on the disk is the one of the certificate
    [ "$(openssl pkey -in "$(echo "$root"/var/lib/aziot/keyd/keys/deviceid-*.key)" -pubout)" = "$(certificate | openssl x509 -noout -pubkey)" ]
}
log_says() { grep -qF -- "$1" "$log"; }
nothing_is_half_written() { # no staged file, and no empty one
    local found
    found=$(find "$root/var/lib/aziot" \( -name '*.tmp*' -o -name '.*' -o -size 0 \) -type f ! -name one-more)
    [ -z "$found" ] || { echo "$found"; return 1; }
}

echo "== a device that registers while its disk is full"
make_plant_device full-1
device full-1
printf 'registration_id = "full-1"\nidentity_cert = "file://%s/full-1.pem"\nidentity_pk = "file://%s/full-1.key"\n' "$work" "$work" >full-1.toml
within 5 test -d "$root/var/lib/aziot/identityd"
fill
ok "the configuration is taken" configure <full-1.toml
ok "the log says why it is not kept" within 30 log_says "No space left on device"
make_room
ok "with room again it registers by itself" within 60 is_device full-1
fill
ok "a registration that cannot be kept costs nothing of the one before" eval 'iotedge system reprovision; is_device full-1'
iotedge system restart >/dev/null 2>&1
ok "nor does a restart" within 30 is_device full-1
make_room
ok "with room again it can be repeated" iotedge system reprovision
ok "nothing is half-written" nothing_is_half_written

echo "== a renewal that comes due while the disk is full: the service's clock was a day behind when it issued"
end supervisor
restart_service_behind 86290
device full-2
password=$(service authority one-time-password full-2 --group plant --output json | jq -r .password)
{
    printf 'registration_id = "full-2"\n[provisioning.attestation.identity_cert]\nmethod = "est"\n'
    printf 'auto_renew = { rotate_key = true, threshold = "80%%", retry = "1min" }\n'
    printf '[cert_issuance.est]\ntrusted_certs = ["file://%s/trust.pem"]\n' "$work"
    printf '[cert_issuance.est.urls]\ndefault = "https://localhost/.well-known/est/plant"\n'
    printf '[cert_issuance.est.auth]\nusername = "full-2"\npassword = "%s"\n' "$password"
} >full-2.toml
ok "the configuration is taken" configure <full-2.toml
ok "the device gets a certificate that ends soon" within 20 certificate
first=$(serial)
restart_service
ok "and registers" within 20 is_device full-2
fill
ok "the renewal fails, and the log says why" within 50 eval 'log_says "the certificate could not be renewed" && log_says "No space left on device"'
ok "the old certificate serves on" serves_on "$first" full-2
ok "key and certificate are a pair" is_whole
ok "nothing is half-written" nothing_is_half_written
make_room
restart_device
ok "with room again it is renewed" within 40 has_changed "$first"
ok "key and certificate are a pair" within 5 is_whole
ok "and serve for another registration" within 20 iotedge system reprovision

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
