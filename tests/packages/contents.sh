#!/usr/bin/env bash
# What is in the packages, looked at without installing them. usage: contents.sh DIRECTORY
set -euo pipefail
passed=0 failed=0
check() { # what, command...
  if "${@:2}"; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED: $1"
  fi
}
size_limit=$((15 * 1024)) # KiB, of what is installed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

none() { [ -z "$1" ] || { echo "$1"; return 1; }; }
units_are_known() { # tree, scripts: every unit is named by the script that starts and the one that deletes
  local unit
  for unit in "$1"/usr/lib/systemd/system/*; do
    [ -e "$unit" ] || continue
    if ! grep -q "$(basename "$unit")" "$2/postinst" || ! grep -q "$(basename "$unit")" "$2/prerm"; then
      echo "$unit"
      return 1
    fi
  done
}
programs_are_there() { # tree: what its units run is in it
  local program
  while read -r program; do
    [ -x "$1$program" ] || { echo "$program"; return 1; }
  done < <(sed -n 's/^ExecStart[A-Za-z]*=[-+!]*\(\/[^ ]*\).*/\1/p' "$1"/usr/lib/systemd/system/*.service 2>/dev/null)
}

# Every line of the example that is commented out, put in force: musterd takes it. The certificate is the operator's.
example_is_valid() { # tree
  local file=$work/example.toml
  # Without what names files that are not there, and a database that is not.
  sed -e 's/^# \([a-z_]* = \)/\1/' -e 's/"\([0-9.]*\):[0-9]*"/"127.0.0.1:0"/' "$1/etc/muster/config.toml" |
    sed -e '/^\[store\]/,/^\[log\]/{/ = /d}' | grep -vE '^(certificate|key|ca) = ' >"$file"
  timeout --preserve-status 2 "$1/usr/bin/musterd" --config "$file" --data-dir "$work/data" >"$work/out" 2>&1 || {
    cat "$work/out"
    return 1
  }
}

for name in muster-server muster-cli muster-edge; do
  package=$(echo "$1/$name"_*.deb)
  check "$name is made" test -e "$package"
  [ -e "$package" ] || continue
  tree=$work/$name scripts=$work/$name.scripts
  dpkg-deb --extract "$package" "$tree"
  dpkg-deb --control "$package" "$scripts"
  touch "$scripts/conffiles"
  check "$name: no blanks are left in its scripts" none "$(grep -rhoE '@[A-Z]+@' "$scripts" || true)"
  check "$name: everything is root's" none "$(dpkg-deb --contents "$package" | awk '$2 != "root/root"')"
  check "$name: nothing is set-user-id" none "$(find "$tree" -perm /6000)"
  check "$name: nothing can be written by others" none "$(find "$tree" ! -type l -perm /022)"
  check "$name: conffiles are there" none "$(while read -r file; do [ -e "$tree$file" ] || echo "$file"; done <"$scripts/conffiles")"
  check "$name: everything below /etc is a conffile" none "$(find "$tree/etc" -type f -printf '/etc/%P\n' 2>/dev/null | grep -vxFf "$scripts/conffiles" || true)"
  check "$name: units and scripts agree" units_are_known "$tree" "$scripts"
  check "$name: its units run what is there" programs_are_there "$tree"
  check "$name: symbols are kept aside" none "$(find "$tree" -type f -perm /111 -exec readelf -S {} + 2>/dev/null | grep -o '\.debug_info' || true)"
  check "$name: under $size_limit KiB" test "$(dpkg-deb --field "$package" Installed-Size)" -lt "$size_limit"
  for script in preinst postinst prerm postrm; do
    [ ! -e "$scripts/$script" ] || check "$name: $script parses" sh -n "$scripts/$script"
  done
done
check "aziotctl is iotedge by its other name" test "$(readlink "$work/muster-edge/usr/bin/aziotctl")" = iotedge
check "both have completion and a man page" test -e "$work/muster-edge/usr/share/bash-completion/completions/aziotctl" -a -e "$work/muster-edge/usr/share/man/man1/aziotctl.1.gz"
check "the template is for root alone" test "$(stat -c %a "$work/muster-edge/etc/aziot/config.toml.edge.template")" = 600
check "the example of a configuration is one" example_is_valid "$work/muster-server"
check "nobody is put into a group of the runtime" none "$(grep -rlE 'sudo|admin\b' "$work/muster-edge.scripts" "$work/muster-edge/usr/lib/sysusers.d" || true)"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
