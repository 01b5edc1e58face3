# shellcheck shell=bash disable=SC2154
# Two packages that have the names and the places of the original ones, with nothing in them but that.
heading "in place of the original packages"
script "the original packages, with a configured device" '' 'mkdir -p /tmp/o/DEBIAN /tmp/o/usr/bin /tmp/o/etc/aziot /tmp/e/DEBIAN /tmp/e/usr/bin
  echo "#!/bin/sh" > /tmp/o/usr/bin/aziotctl; echo "#!/bin/sh" > /tmp/e/usr/bin/iotedge
  echo "# a template" > /tmp/o/etc/aziot/config.toml.edge.template; echo /etc/aziot/config.toml.edge.template > /tmp/o/DEBIAN/conffiles
  printf "Package: aziot-identity-service\nVersion: 1.5.6-1\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: stand-in\n" > /tmp/o/DEBIAN/control
  printf "Package: aziot-edge\nVersion: 1.5.21-1\nArchitecture: all\nDepends: aziot-identity-service (= 1.5.6-1)\nMaintainer: x <x@example.com>\nDescription: stand-in\n" > /tmp/e/DEBIAN/control
  dpkg-deb -b /tmp/o /tmp/o.deb >/dev/null; dpkg-deb -b /tmp/e /tmp/e.deb >/dev/null; dpkg -i /tmp/o.deb /tmp/e.deb >/dev/null
  groupadd -r aziotks; useradd -r -g aziotks -s /usr/sbin/nologin aziotks
  install -d -o aziotks -m 0700 /var/lib/aziot/keyd /var/lib/aziot/keyd/keys
  echo a-key > /var/lib/aziot/keyd/keys/1; chown aziotks /var/lib/aziot/keyd/keys/1
  echo "# my configuration" > /etc/aziot/config.toml'
uid=$(in_container id -u aziotks)
script "muster-edge takes their place" 'Removing aziot-edge' "$install /packages/muster-edge_*.deb"
expect "the configuration is kept" 'my configuration' cat /etc/aziot/config.toml
expect "the state is kept" '^a-key$' cat /var/lib/aziot/keyd/keys/1
expect "the user is the same" "^$uid\$" id -u aziotks
expect "the command is ours" 'config apply|Subcommands' iotedge --help
script "what asks for the original is content" '^0$' 'mkdir -p /tmp/d/DEBIAN; printf "Package: addon\nVersion: 1\nArchitecture: all\nDepends: aziot-edge (>= 1.4)\nMaintainer: x <x@example.com>\nDescription: stand-in\n" > /tmp/d/DEBIAN/control
  dpkg-deb -b /tmp/d /tmp/d.deb >/dev/null; dpkg -i /tmp/d.deb >/dev/null; echo $?'
