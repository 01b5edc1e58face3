#!/usr/bin/env bash
# snap/hooks/configure, run as snapd runs it: SNAP, SNAP_DATA, and a snapctl that answers from a file.
# usage: snap_hook.sh BIN_DIR
# shellcheck disable=SC2317  # functions that are called by name
set -euo pipefail
bin=$(realpath "$1")
hook=$(realpath "$(dirname "$0")/../../snap/hooks/configure")
work=$(mktemp -d /tmp/muster-snap-XXXXXX)
supervisor=
cleanup() {
  [ -z "$supervisor" ] || { kill -TERM "$supervisor" 2>/dev/null && wait "$supervisor" 2>/dev/null; } || true
  rm -rf "$work"
}
trap cleanup EXIT
export SNAP=$work/snap SNAP_DATA=$work/data
unset MUSTER_DEVICE_ROOT
mkdir -p "$SNAP/usr/bin" "$SNAP_DATA/shared" "$work/path"
ln -s "$bin/iotedge" "$bin/aziotctl" "$bin/aziotd" "$SNAP/usr/bin/"
cat >"$work/path/snapctl" <<END
#!/bin/sh
[ "\$1 \$2" = "get raw-config" ] || { echo "snapctl: \$*" >&2; exit 64; }
cat "$work/raw-config" 2>/dev/null || true
END
chmod +x "$work/path/snapctl"
PATH=$work/path:$PATH

failures=0
check() { # what, command...
  if "${@:2}" >/dev/null 2>&1; then echo "ok: $1"; else
    echo "FAILED: $1"
    cat "$work/out"
    failures=$((failures + 1))
  fi
}
hook() { "$hook" >"$work/out" 2>&1 && code=0 || code=$?; }
config=$SNAP_DATA/etc/aziot/config.toml
status() { MUSTER_DEVICE_ROOT=$SNAP_DATA "$SNAP/usr/bin/aziotctl" system status; }
services_run() { [ "$(status | grep -c ' Running$')" = 3 ]; }
tpmd_is() { status | grep -qE "aziot-tpmd +$1"; }
eventually() { for _ in $(seq 100); do if "$@"; then return 0; fi; sleep 0.1; done; return 1; }

hook
check "an installation without a configuration is one" test "$code" = 0
check "and writes none" test ! -e "$config"

shared=$SNAP_DATA/shared
openssl ecparam -name prime256v1 -genkey -noout -out "$shared/device-id.key" 2>/dev/null
openssl req -x509 -new -key "$shared/device-id.key" -subj /CN=press-7 -days 30 -out "$shared/device-id.pem" \
  -addext basicConstraints=critical,CA:FALSE
chmod 0600 "$shared/device-id.key"
cat >"$work/raw-config" <<END
hostname = "press-7"

[provisioning]
source = "dps"
global_endpoint = "https://127.0.0.1:9"
id_scope = "0ne00ABCDEF"

[provisioning.attestation]
method = "x509"
registration_id = "press-7"
identity_cert = "file://$shared/device-id.pem"
identity_pk = "file://$shared/device-id.key"
END
hook
check "a configuration is taken" test "$code" = 0
check "word for word" cmp "$work/raw-config" "$config"
check "for root alone" test "$(stat -c %a "$config")" = 600
check "and applied" grep -q 0ne00ABCDEF "$SNAP_DATA/etc/aziot/identityd/config.d/00-super.toml"

MUSTER_DEVICE_ROOT=$SNAP_DATA "$SNAP/usr/bin/aziotd" run >"$work/log" 2>&1 &
supervisor=$!
check "the services run with it" eventually services_run

cp "$work/raw-config" "$work/good"
sed -i 's/registration_id = "press-7"/registration_id = "press-8"/' "$work/raw-config"
hook
check "a wrong one fails the command" test "$code" != 0
check "with the reason" grep -q 'press-7' "$work/out"
check "and the word that nothing changed" grep -q 'keeps its configuration' "$work/out"
check "the device keeps what it had" cmp "$work/good" "$config"
check "no half of it stays" test ! -e "$config.new"
check "the services go on" eventually services_run

sed 's/0ne00ABCDEF/0ne00ABCDE0/' "$work/good" >"$work/raw-config"
hook
check "a change is taken" test "$code" = 0
check "and in force" eventually grep -q 'scopeId=0ne00ABCDE0' "$work/log"
check "the services run" eventually services_run

# With its TPM: where there is none, the hook says so; a way to another one is taken, and tpmd called.
sed -e '/^method = /,$d' "$work/good" >"$work/raw-config"
printf 'method = "tpm"\nregistration_id = "press-7"\n[tpm]\ntcti = "device:%s/no-tpm"\n' "$work" >>"$work/raw-config"
hook
check "a TPM that is not there fails the command" test "$code" != 0
check "with the reason" grep -q "no-tpm does not exist" "$work/out"
check "tpmd sleeps" tpmd_is '(Ready|Down - inactive)'
sed -i 's|^tcti = .*|tcti = "swtpm:host=127.0.0.1,port=9"|' "$work/raw-config"
hook
check "another way to a TPM is taken" test "$code" = 0
check "tpmd is called" eventually tpmd_is Running
check "and says what of the TPM" eventually grep -q 'the TPM cannot be reached' "$work/log"

# A key in a token, a certificate that is issued.
sed -e 's|^identity_pk = .*|identity_pk = "pkcs11:token=edge;object=device-id?pin-value=1234"|' "$work/good" >"$work/raw-config"
hook
check "a token without its library fails the command" test "$code" != 0
check "with what is missing" grep -q pkcs11_lib_path "$work/out"
sed -e '/^identity_/d' "$work/good" >"$work/raw-config"
printf '[provisioning.attestation.identity_cert]\nmethod = "est"\nurl = "https://127.0.0.1:9/.well-known/est"\n' >>"$work/raw-config"
printf 'username = "press-7"\npassword = "planted-password"\n' >>"$work/raw-config"
hook
check "an issued certificate is taken" test "$code" = 0
check "and asked for" eventually grep -q 'EST' "$work/log"
check "the password is in no log" test "$(grep -c planted-password "$work/log")" = 0
check "the services run" eventually services_run
exit "$failures"
