# shellcheck shell=bash disable=SC2154
heading "upgrade and downgrade"
sum_config() { in_container sha256sum /etc/aziot/config.toml /etc/muster/config.toml; }
config=$(sum_config)
old_pid=$(in_container systemctl show -P MainPID aziot-identityd)
script "upgrades" 'iotedge check. says whether this version wants' "$install /packages.next/*.deb"
[ "$config" = "$(sum_config)" ] && code=0 || code=1
verdict "$code" "configurations are kept"
eventually "musterd runs" '^active$' systemctl is-active musterd
eventually "identityd runs" '^active$' systemctl is-active aziot-identityd
new_pid=$(in_container systemctl show -P MainPID aziot-identityd)
[ "$old_pid" != "$new_pid" ] && code=0 || code=1
verdict "$code" "as a new process"
eventually "the operator's command sees the device" 'edge1' muster registration show edge1
refuses "a downgrade of the device is refused" 'muster-edge: refused' dpkg --install "/packages/$(cd "$here/packages" && echo muster-edge_*)"
refuses "a downgrade of the service is refused" 'muster-server: refused' dpkg --install "/packages/$(cd "$here/packages" && echo muster-server_*)"
expect "both stay as they are" '^ii  muster-server' dpkg -l muster-server muster-edge
eventually "and run" '^active$' systemctl is-active musterd
eventually "and run" '^active$' systemctl is-active aziot-identityd
script "unless one insists" 'downgrading|Setting up' "MUSTER_ALLOW_DOWNGRADE=1 dpkg --install /packages/muster-edge_*.deb"
eventually "identityd runs" '^active$' systemctl is-active aziot-identityd
script "and goes forward again" 'Setting up muster-edge' "$install /packages.next/muster-edge_*.deb"
script "ten restarts in a row leave it running" 'Running' 'for i in 1 2 3 4 5 6 7 8 9 10; do iotedge system restart >/dev/null; done; iotedge system status'
script "a unit that was switched off stays off through an upgrade" '^disabled$' \
  "systemctl -q disable aziot-identityd.service; dpkg --install /packages.next/muster-edge_*.deb >/dev/null 2>&1; systemctl is-enabled aziot-identityd.service || true"
in_container systemctl -q enable aziot-identityd.service
