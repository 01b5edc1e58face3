#!/usr/bin/env bash
# The installed device under a real systemd: units, sockets, users, and `iotedge system` against them. Boots this
# machine's own system in a container, on a layer in memory; the machine sees nothing of it.
# usage: systemd.sh BUILD_DIR
set -euo pipefail
build=$(realpath "$1")
here=$(dirname "$(realpath "$0")")

skip() {
    echo "SKIPPED: $1"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is not installed (package systemd-container)"
command -v cmake >/dev/null || skip "cmake is not installed"
if [ "${2:-}" != --inside ]; then
    unshare --mount true 2>/dev/null || skip "no mount namespaces here"
    exec unshare --mount "$0" "$build" --inside
fi

mount --make-rprivate /
work=$(mktemp -d /tmp/muster-systemd-XXXXXX)
mount -t tmpfs tmpfs "$work"
trap 'cd /; umount -l "$work" && rmdir "$work"' EXIT
mkdir "$work"/{upper,layer,root,result}
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/layer" "$work/root" || skip "no overlay file system here"

root=$work/root
rm -rf "$root"/etc/aziot "$root"/var/lib/aziot "$root"/etc/systemd/system/*.wants
DESTDIR=$root cmake --install "$build" --component device --prefix /usr >/dev/null
printf '%032x\n' 7 >"$root/etc/machine-id"
for unit in systemd-firstboot systemd-networkd-wait-online systemd-networkd; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
cat >"$root/etc/systemd/system/muster-test.service" <<'END'
[Unit]
After=basic.target dbus.service
[Service]
Type=oneshot
ExecStart=/bin/bash /muster-test.sh
ExecStopPost=/bin/systemctl poweroff --no-block
END
ln -s ../muster-test.service "$root/etc/systemd/system/multi-user.target.wants/"
cp "$here/systemd_inside.sh" "$root/muster-test.sh"

began=$SECONDS
timeout 100 systemd-nspawn --quiet -D "$root" --register=no --keep-unit --private-network --bind="$work/result:/result" -b \
    >"$work/boot.log" 2>&1 </dev/null || true
if [ ! -e "$work/result/log" ]; then
    # A machine whose kernel or container forbids it, not a fault of ours.
    tail -n 20 "$work/boot.log"
    skip "the container did not boot"
fi
cat "$work/result/log"
echo "booted, tested and halted in $((SECONDS - began)) s"
[ -e "$work/result/passed" ]
