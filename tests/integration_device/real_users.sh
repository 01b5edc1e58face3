#!/usr/bin/env bash
# The device as it is installed: no MUSTER_DEVICE_ROOT, every service under its own user, files readable by the right
# one alone. In a mount namespace with copies of /etc and empty /var/lib/aziot, /run/aziot: the machine sees nothing.
# usage: real_users.sh BIN_DIR
set -euo pipefail
if [ "${1:-}" != --inside ]; then
    if [ "$(id -u)" != 0 ] || ! unshare --mount --pid --fork true 2>/dev/null; then
        echo "SKIPPED: needs root and mount namespaces"
        exit 77
    fi
    exec unshare --mount --pid --fork --mount-proc "$0" --inside "$1"
fi
bin=$2
mount --make-rprivate /
scratch=$(mktemp -d /tmp/muster-users-XXXXXX)
mount -t tmpfs tmpfs "$scratch"
trap 'cd /; umount -l "$scratch" && rmdir "$scratch"' EXIT
cp -a /etc "$scratch/etc"
rm -rf "$scratch/etc/aziot"
mkdir -p "$scratch/etc/aziot" "$scratch/var-lib" "$scratch/run" "$scratch/log" "$scratch/secrets" "$scratch/files/certs" "$scratch/files/secrets"
chmod 755 "$scratch" "$scratch/files"
mount --bind "$scratch/etc" /etc
mkdir -p /var/lib/aziot /run/aziot /var/log/aziot /var/secrets
mount --bind "$scratch/var-lib" /var/lib/aziot
mount --bind "$scratch/run" /run/aziot
mount --bind "$scratch/log" /var/log/aziot
mount --bind "$scratch/secrets" /var/secrets
unset MUSTER_DEVICE_ROOT https_proxy HTTPS_PROXY

failures=0
expect() { # what, pattern, file
    if grep -qE -- "$2" "$3"; then echo "ok: $1"; else echo "FAILED: $1: no \"$2\" in:"; cat "$3"; failures=$((failures + 1)); fi
}
says() { "$bin/iotedge" "$@" >"$scratch/out" 2>&1 && code=0 || code=$?; }
is() {
    if [ "$code" = "$1" ]; then
        echo "ok: exit code $1"
    else
        echo "FAILED: exit code $code, not $1"
        cat "$scratch/out"
        failures=$((failures + 1))
    fi
}

files=$scratch/files
openssl ecparam -name prime256v1 -genkey -noout -out "$files/secrets/k.pem"
openssl req -x509 -new -key "$files/secrets/k.pem" -subj /CN=press-7 -days 30 -out "$files/certs/c.pem" -addext basicConstraints=critical,CA:FALSE
chmod 0600 "$files/secrets/k.pem" "$files/certs/c.pem"
chmod 0700 "$files/secrets" "$files/certs"
cat >/etc/aziot/config.toml <<END
hostname = "press-7"
[provisioning]
source = "dps"
global_endpoint = "https://127.0.0.1:9"
id_scope = "0ne00ABCDEF"
[provisioning.attestation]
method = "x509"
registration_id = "press-7"
identity_cert = "file://$files/certs/c.pem"
identity_pk = "file://$files/secrets/k.pem"
END

echo "== without the users"
says config apply; is 1
expect "every missing user is named" "the service user aziotks does not exist" "$scratch/out"
expect "with the command" "useradd --system --user-group .* iotedge" "$scratch/out"
grep -oE 'useradd .*' "$scratch/out" | bash -e

echo "== without the groups, files unreadable"
says config apply; is 1
expect "groups" "usermod -aG aziotks aziotid" "$scratch/out"
expect "certificate" "aziotcs may not pass through the directory $files/certs" "$scratch/out"
expect "key" "aziotks may not pass through the directory $files/secrets" "$scratch/out"
[ ! -e /etc/aziot/keyd ] || { echo "FAILED: something was written"; failures=$((failures + 1)); }
# Doing what it says, once.
sed -n 's/^    to mend it: //p' "$scratch/out" | bash -e
says config apply --check
is 0
expect "the printed commands mend it" "is good" "$scratch/out"

echo "== applied and running"
"$bin/aziotd" run 2>"$scratch/aziotd.log" & supervisor=$!
for _ in $(seq 400); do [ -S /run/aziot/supervisor.sock ] && break; sleep 0.1; done
says config apply; is 0
for service in keyd:aziotks certd:aziotcs identityd:aziotid tpmd:aziottpm edged:iotedge; do
    stat -c '%U %a' "/etc/aziot/${service%:*}/config.d/00-super.toml" >"$scratch/out"
    expect "owner of ${service%:*}'s file" "^${service#*:} 600$" "$scratch/out"
done
for _ in $(seq 400); do
    says system status
    [ "$(grep -c Running "$scratch/out")" = 3 ] && break
    sleep 0.1
done
expect "identityd runs" "aziot-identityd +Running" "$scratch/out"
# Long enough for identityd to have asked certd and keyd for its credential.
for _ in $(seq 400); do
    says system logs
    grep -q "cannot be reached" "$scratch/out" && break
    sleep 0.1
done
expect "identityd has its certificate and key, and tries the service" "DPS cannot be reached.*127.0.0.1:9" "$scratch/out"
ps -eo user:20,comm >"$scratch/out"
for service in keyd:aziotks certd:aziotcs identityd:aziotid; do
    pid=$(pgrep -f "^aziot-${service%:*}\$")
    stat -c '%U' "/proc/$pid" >"$scratch/out"
    expect "user of ${service%:*}" "^${service#*:}$" "$scratch/out"
    stat -c '%U %G %a' "/run/aziot/${service%:*}.sock" >"$scratch/out"
    expect "socket of ${service%:*}" "^${service#*:} ${service#*:} 660$" "$scratch/out"
done

echo "== what check says of it"
says check --ntp-server 127.0.0.1:9 --verbose
is 1
expect "the services answer" "√ keyd is running - OK" "$scratch/out"
expect "keyd's files are keyd's" "√ private keys are readable by the Keys Service and by nobody else - OK" "$scratch/out"
expect "certificate and key fit" "√ ensure all preloaded certificates match preloaded private keys .* - OK" "$scratch/out"
expect "the service is away" "× host can connect to and perform TLS handshake with DPS endpoint - Error" "$scratch/out"
chown root: "$files/secrets/k.pem"
says check --ntp-server 127.0.0.1:9
expect "a key that keyd cannot read" "aziotks may not read $files/secrets/k.pem" "$scratch/out"
chown aziotks: "$files/secrets/k.pem"

if [ -e /usr/lib/softhsm/libsofthsm2.so ]; then
    echo "== a key in a token, asked for as keyd's user"
    mkdir "$files/tokens"
    printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$files/tokens" >"$files/softhsm2.conf"
    export SOFTHSM2_CONF=$files/softhsm2.conf
    softhsm2-util --init-token --free --label edge --pin 1234 --so-pin 1234 >/dev/null
    openssl pkcs8 -topk8 -nocrypt -in "$files/secrets/k.pem" -out "$files/secrets/k8.pem"
    softhsm2-util --import "$files/secrets/k8.pem" --token edge --label press-7 --id 01 --pin 1234 >/dev/null
    sed "s|^identity_pk.*|identity_pk = \"pkcs11:token=edge;object=press-7?pin-value=1234\"|" /etc/aziot/config.toml >"$scratch/token.toml"
    printf '[aziot_keys]\npkcs11_lib_path = "/usr/lib/softhsm/libsofthsm2.so"\n' >>"$scratch/token.toml"
    chmod 700 "$files/tokens"
    says config apply --check -c "$scratch/token.toml"
    is 1
    expect "a token that aziotks cannot read is missing" "identity_pk: .*(the token is missing|cannot be used)" "$scratch/out"
    chown -R aziotks: "$files/tokens"
    says config apply --check -c "$scratch/token.toml"
    is 0
    stat -c '%U' "$files"/tokens/*/* | sort -u >"$scratch/out"
    expect "nothing in it is another's" "^aziotks$" "$scratch/out"
else
    echo "SKIPPED: softhsm2 is not installed: keys in tokens are NOT asked for as keyd's user"
fi

echo "== a symmetric key, which keyd alone reads"
cat >/etc/aziot/config.toml <<END
hostname = "press-7"
[provisioning]
source = "dps"
global_endpoint = "https://127.0.0.1:9"
id_scope = "0ne00ABCDEF"
[provisioning.attestation]
method = "symmetric_key"
registration_id = "with-a-key"
symmetric_key = { value = "YXppb3QtaWRlbnRpdHktc2VydmljZXxrZXk=" }
END
says config apply; is 0
expect "where the key is" "the symmetric key is in /var/secrets/aziot/keyd/device-id" "$scratch/out"
stat -c '%U %G %a' /var/secrets/aziot/keyd /var/secrets/aziot/keyd/device-id >"$scratch/out"
expect "its directory" "^aziotks aziotks 700$" "$scratch/out"
expect "its file" "^aziotks aziotks 600$" "$scratch/out"
for _ in $(seq 400); do
    says system logs
    grep -q "registrationId=with-a-key" "$scratch/out" && break
    sleep 0.1
done
expect "identityd has keyd sign, and tries the service" "provisioning .*registrationId=with-a-key" "$scratch/out"
if command -v swtpm >/dev/null; then
    echo "== a TPM, which tpmd alone uses and identityd alone asks for"
    mkdir "$scratch/tpm"
    swtpm socket --tpm2 --tpmstate "dir=$scratch/tpm" --server type=tcp,port=23210 --ctrl type=tcp,port=23211 \
        --flags not-need-init,startup-clear >/dev/null 2>&1 & tpm=$!
    cat >/etc/aziot/config.toml <<END
hostname = "press-7"
[provisioning]
source = "dps"
global_endpoint = "https://127.0.0.1:9"
id_scope = "0ne00ABCDEF"
[provisioning.attestation]
method = "tpm"
registration_id = "with-a-tpm"
[tpm]
tcti = "swtpm:host=127.0.0.1,port=23210"
END
    says config apply; is 1
    expect "the group that it takes" "usermod -aG aziottpm aziotid" "$scratch/out"
    sed -n 's/^    to mend it: //p' "$scratch/out" | bash -e
    says config apply; is 0
    for _ in $(seq 400); do
        says system logs -- -n 40
        sed -i '1,/registrationId=with-a-tpm/d' "$scratch/out"
        grep -q 'cannot be' "$scratch/out" && break
        sleep 0.1
    done
    expect "the TPM is asked for its keys" "aziot-tpmd: .*listening" "$scratch/out"
    expect "then the service is called" "DPS cannot be reached" "$scratch/out"
    stat -c '%U' "/proc/$(pgrep -f '^aziot-tpmd$')" >"$scratch/out"
    expect "user of tpmd" "^aziottpm$" "$scratch/out"
    stat -c '%U %G %a' /run/aziot/tpmd.sock >"$scratch/out"
    expect "socket of tpmd" "^aziottpm aziottpm 660$" "$scratch/out"
    setpriv --reuid aziotks --regid aziotks --init-groups curl -s --unix-socket /run/aziot/tpmd.sock \
        'http://x/get_tpm_keys?api-version=2020-09-01' >"$scratch/out" 2>&1 || echo "refused" >"$scratch/out"
    expect "others may not ask it" "^refused$" "$scratch/out"
    kill -KILL "$tpm"
    wait "$tpm" 2>/dev/null || true
else
    echo "SKIPPED: swtpm is not installed: a TPM is NOT used as tpmd's user"
fi
says system stop; is 0
kill -TERM "$supervisor"
if wait "$supervisor"; then
    echo "ok: supervisor ended cleanly"
else
    echo "FAILED: supervisor ended with $?"
    failures=$((failures + 1))
fi
[ "$failures" = 0 ] || { echo "== supervisor's log"; cat "$scratch/aziotd.log"; }
exit "$failures"
