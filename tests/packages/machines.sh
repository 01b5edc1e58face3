# shellcheck shell=bash
# Several machines that boot from one tree of files, each with changes of its own (overlayfs), on one switch: a network
# namespace for each, bridged. `at NAME` says which one container.sh's and checks.sh's functions mean. Sourced by nodes.sh.
declare -gA machine_nspawn machine_init
machines=()
lan=muster-$$

machines_boot() { # tree, NAME=ADDRESS...
  local machine
  machines_tree=$1
  shift
  ip netns add "$lan"
  ip -n "$lan" link add lan type bridge
  ip -n "$lan" link set lan up
  for machine in "$@"; do machine_start "${machine%=*}" "${machine#*=}"; done
  for machine in "${machines[@]}"; do
    at "$machine"
    container_wait || return 1
    machine_init[$machine]=$init_pid
  done
}

machine_start() { # name, address
  local name=$1 files=$machines_tree.machines/$1
  machines+=("$name")
  mkdir -p "$files/changes" "$files/work" "$files/root"
  mount -t overlay -o "lowerdir=$machines_tree,upperdir=$files/changes,workdir=$files/work" "$name" "$files/root"
  echo "$name" >"$files/root/etc/hostname"
  ip netns add "$lan-$name"
  ip -n "$lan" link add "port-$name" type veth peer name lan0 netns "$lan-$name"
  ip -n "$lan" link set "port-$name" master lan up
  ip -n "$lan-$name" addr add "$2/24" dev lan0
  ip -n "$lan-$name" link set lo up
  ip -n "$lan-$name" link set lan0 up
  root=$files/root
  # shellcheck disable=SC2034  # container.sh's
  container_network=(--network-namespace-path="/run/netns/$lan-$name" --resolv-conf=off)
  container_start "$lan-$name"
  machine_nspawn[$name]=$nspawn
}

at() { # name: the machine that is meant from here on
  root=$machines_tree.machines/$1/root nspawn=${machine_nspawn[$1]} init_pid=${machine_init[$1]:-}
  here_name=$1
}

# What it sends to that address is lost without a word, as when a cable is pulled; and is not, again.
machine_loses() { ip -n "$lan-$here_name" neigh replace "$1" lladdr 02:00:00:00:00:01 dev lan0 nud permanent; } # address
machine_finds() { ip -n "$lan-$here_name" neigh del "$1" dev lan0; }                                             # address

machines_end() {
  local machine
  for machine in "${machines[@]}"; do
    at "$machine"
    # The first process of a machine takes all others with it.
    if [ -n "$init_pid" ]; then kill -KILL "$init_pid" 2>/dev/null || true; else kill -KILL "$nspawn" 2>/dev/null || true; fi
    wait "$nspawn" 2>/dev/null || true
    container_groups_end "$lan-$machine"
    umount "$root" || true
    ip netns del "$lan-$machine" 2>/dev/null || true
  done
  ip netns del "$lan" 2>/dev/null || true
  nspawn='' root=''
  [ -z "${machines_tree:-}" ] || rm -rf "$machines_tree" "$machines_tree.machines"
}
