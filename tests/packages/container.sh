# shellcheck shell=bash
# A Debian that boots in systemd-nspawn, without a network but its own loopback unless container_network says otherwise.
# Sourced by run.
container_network=(--private-network)

# A tree of files to boot: from base.tar. What the packages need of Debian is fetched now, and kept in archives/.
tree_make() { # directory with base.tar and archives/, host name, package of Debian...
  local directory=$1 name=$2
  shift 2
  root=$(mktemp -d "/tmp/$name-XXXXXX")
  tar -C "$root" -xf "$directory/base.tar"
  echo "$name" >"$root/etc/hostname"
  printf '127.0.0.1 localhost %s\n::1 localhost\n' "$name" >"$root/etc/hosts"
  rm -f "$root/etc/machine-id" && : >"$root/etc/machine-id"
  mkdir "$root/packages" "$root/packages.next" "$root/tests"
  cp "$directory"/packages/*.deb "$root/packages/"
  cp "$directory"/packages.next/*.deb "$root/packages.next/"
  cp uncomment checks.sh machine_inside.sh "$root/tests/"
  cp "$directory"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true
  # What Debian's mirror has moved on from is not asked for again when the archive is there already.
  if ! tree_fetch "$directory" "$@" >/dev/null 2>/dev/null; then
    cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    chroot "$root" apt-get update -q >"$directory/fetch.log" 2>&1 || return 1
    tar -C "$root" -czf "$directory/lists.tar.gz" var/lib/apt/lists
    tree_fetch "$directory" "$@" >>"$directory/fetch.log" 2>&1 || return 1
  fi
  cp -n "$root"/var/cache/apt/archives/*.deb "$directory/archives/"
}

tree_fetch() { # directory, package...
  local directory=$1
  shift
  [ ! -e "$directory/lists.tar.gz" ] || tar -C "$root" -xzf "$directory/lists.tar.gz"
  in_tree sh -c 'apt-get install -y -q --no-install-recommends --download-only "$@" /packages/*.deb' sh "$@"
}

in_tree() { # command...
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

container_boot() {
  container_start "$(basename "$root")"
  container_wait
}

container_start() { # name
  ln -sf /dev/null "$root/etc/systemd/system/console-getty.service"
  (
    while read -r group; do mkdir -p "$group" && echo 0 >"$group/cgroup.procs"; done < <(container_groups "$1")
    exec systemd-nspawn --quiet --register=no --keep-unit "${container_network[@]}" --machine="$1" -D "$root" -b
  ) >>"$root.console" 2>&1 </dev/null &
  nspawn=$!
}

# The control groups of that container below ours, in each hierarchy that a systemd orders: in the same ones, two containers
# would have each other's units in their hands.
container_groups() { # name
  local controllers path
  while IFS=: read -r _ controllers path; do
    case $controllers in
      name=systemd) echo "/sys/fs/cgroup/systemd${path%/}/$1" ;;
      '') if [ -d /sys/fs/cgroup/unified ]; then echo "/sys/fs/cgroup/unified${path%/}/$1"; else echo "/sys/fs/cgroup${path%/}/$1"; fi ;;
    esac
  done </proc/self/cgroup
}
container_groups_end() { # name
  while read -r group; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; done < <(container_groups "$1")
}

# Waits until it has booted; sets init_pid, its process 1.
container_wait() {
  local state
  for _ in $(seq 300); do
    init_pid=$(pgrep -P "$nspawn" | head -n 1)
    if [ -n "$init_pid" ]; then
      state=$(in_container systemctl is-system-running 2>/dev/null || true)
      case $state in running | degraded) return 0 ;; esac
    fi
    kill -0 "$nspawn" 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

in_container() { # command...
  nsenter --target "$init_pid" --all -- \
    env -C /root -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb "$@" </dev/null
}

# The machine starts anew. systemd-nspawn leaves that to its caller, as it has no unit of its own.
container_reboot() {
  in_container systemctl reboot >/dev/null 2>&1 || true
  wait "$nspawn" || true
  container_boot
}

container_end() {
  if [ -n "${nspawn:-}" ] && kill -0 "$nspawn" 2>/dev/null; then
    kill -TERM "$nspawn" 2>/dev/null || true
    for _ in $(seq 50); do kill -0 "$nspawn" 2>/dev/null && sleep 0.1; done
    kill -KILL "$nspawn" 2>/dev/null || true
    wait "$nspawn" 2>/dev/null || true
    container_groups_end "$(basename "$root")"
  fi
  nspawn=
  [ -z "${root:-}" ] || rm -rf "$root" "$root.console"
}
