# shellcheck shell=bash disable=SC2154
# The same packages on a machine of QEMU's, which has a kernel of its own: a TPM that stands at /dev/tpmrm0, limits of
# devices that hold, a clock that may be set. Emulated, so that it is the same everywhere; it takes two or three minutes.
heading "a machine with a TPM and a clock of its own"

machine_skip() {
  echo "SKIPPED: a machine with a TPM and a clock of its own: $1"
  skipped=$((skipped + 1))
}

machine_packages=(linux-image-cloud-amd64 zstd tpm2-tools libtpm2-pkcs11-1 libtpm2-pkcs11-tools opensc openssl jq curl strace)

machine_fetch() {
  container_end
  tree_make "$here" edgemachine "${machine_packages[@]}"
}

# Installed into files that nothing runs in, as those do who make images: what is left to do is done when it boots.
machine_tree() {
  # Few modules, so that the kernel is soon up.
  mkdir -p "$root/etc/initramfs-tools/conf.d"
  echo MODULES=list >"$root/etc/initramfs-tools/conf.d/machine"
  printf 'virtio_pci\nvirtio_blk\next4\n' >"$root/etc/initramfs-tools/modules"
  in_tree sh -c 'apt-get install -y -q --no-install-recommends "$@" /packages/*.deb && apt-get clean' sh "${machine_packages[@]}" || return 1
  sed -i 's/^# host_name = .*/host_name = "localhost"/' "$root/etc/muster/config.toml"
  ln -sf /dev/null "$root/etc/systemd/system/apt-daily.timer"
  ln -sf /dev/null "$root/etc/systemd/system/apt-daily-upgrade.timer"
  echo '/dev/vda / ext4 defaults 0 0' >"$root/etc/fstab"
  cat >"$root/etc/systemd/system/machine-test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
WorkingDirectory=/root
Environment=HOME=/root LANG=C.UTF-8
ExecStart=/bin/bash /tests/machine_inside.sh
ExecStopPost=/bin/systemctl poweroff --no-block
StandardOutput=file:/dev/ttyS1
StandardError=inherit
UNIT
  mkdir -p "$root/etc/systemd/system/machine.target.wants"
  printf '[Unit]\nRequires=multi-user.target\nWants=machine-test.service\nAllowIsolate=yes\n' >"$root/etc/systemd/system/machine.target"
}

machine_run() {
  local work=$here/machine program
  for program in qemu-system-x86_64:qemu-system-x86 swtpm:swtpm mke2fs:e2fsprogs; do
    if ! command -v "${program%:*}" >/dev/null; then
      machine_skip "the package ${program#*:} is not installed"
      return
    fi
  done
  if ! machine_fetch; then
    tail -n 5 "$here/fetch.log"
    machine_skip "what it needs of Debian cannot be fetched"
    return
  fi
  if ! machine_tree >"$here/machine.log" 2>&1; then
    failed=$((failed + 1))
    echo "FAILED: the packages cannot be installed into a tree of files"
    tail -n 20 "$here/machine.log"
    return
  fi
  rm -rf "$work" && mkdir -p "$work/tpm"
  mke2fs -q -t ext4 -d "$root" "$work/disk" 4G
  swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --ctrl "type=unixio,path=$work/tpm.sock" --terminate >"$work/swtpm.log" 2>&1 </dev/null &
  timeout 600 qemu-system-x86_64 -machine q35,accel=tcg -cpu Westmere -smp 2 -m 1024 -nodefaults -no-reboot -display none \
    -kernel "$(echo "$root"/boot/vmlinuz-*)" -initrd "$(echo "$root"/boot/initrd.img-*)" \
    -append "root=/dev/vda rw console=ttyS0 quiet systemd.unit=machine.target" \
    -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" -device virtio-rng-pci -nic none \
    -serial "file:$work/console" -serial "file:$work/result" \
    -chardev "socket,id=tpm,path=$work/tpm.sock" -tpmdev emulator,id=tpm,chardev=tpm -device tpm-crb,tpmdev=tpm \
    >"$work/qemu.log" 2>&1 </dev/null || true
  rm -f "$work/disk"
  if [ ! -s "$work/result" ]; then
    cat "$work/qemu.log"
    tail -n 20 "$work/console" || true
    machine_skip "it does not boot here"
    return
  fi
  tr -d '\r' <"$work/result"
  passed=$((passed + $(grep -c '^ok: ' "$work/result" || true)))
  failed=$((failed + $(grep -c '^FAILED: ' "$work/result" || true)))
  grep -q '^the machine is done' "$work/result" || { failed=$((failed + 1)) && echo "FAILED: the machine did not come to its end"; }
}
machine_run
