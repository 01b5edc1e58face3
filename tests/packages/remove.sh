# shellcheck shell=bash disable=SC2154
heading "removal and purge"
script "removes" 'Removing muster-edge' 'apt-get remove -y -q muster-edge muster-server muster-cli'
refuses "no daemon is left" '^$' pgrep -l 'aziot|musterd'
expect "the configuration stays" 'config.toml$' ls /etc/aziot/config.toml
expect "the identity stays" '.' ls -A /var/lib/aziot/identityd
expect "the records stay" 'muster.db' ls /var/lib/muster
script "installs again" 'Setting up muster-edge' "$install /packages.next/*.deb"
script "and the device is what it was" 'configured successfully' 'systemctl is-active musterd >/dev/null || systemctl start musterd; iotedge config apply'
eventually "the device has its identity" 'provisioned|stored identity' journalctl -q --no-pager -b -n 20 -u aziot-identityd
script "purges" 'Purging configuration files for muster-edge' 'iotedge system set-log-level debug >/dev/null; apt-get purge -y -q muster-edge muster-server muster-cli'
refuses "no daemon is left" '^$' pgrep -l 'aziot|musterd'
for path in /etc/aziot /var/lib/aziot /var/secrets/aziot /run/aziot /etc/muster /var/lib/muster; do
  refuses "$path is gone" 'No such file' ls -d "$path"
done
script "no user, no group" '^0$' "cat /etc/passwd /etc/group /etc/shadow | grep -cE 'aziot|iotedge|muster|edgeagent|edgehub' || true"
script "no unit and no trace of one" '^$' "find /etc/systemd /var/lib/systemd /run/systemd/generator /usr/lib/systemd -name '*aziot*' -o -name '*muster*'"
owned
# What remains was put there by the parts before, or by Debian's own packages: udev, and SoftHSM with its user's tokens.
left=$(comm -13 <(echo "$files_before") <(files) | grep -vE \
  '^/etc/(rc.\.d/|softhsm/|ssl/certs/|sub.id-|sudoers\.d/|inputrc)|^/usr/(lib/udev/hwdb\.bin|local/share/ca-certificates/)|^/var/(aziot/device-id|lib/softhsm/|lib/ucf/)' || true)
[ -z "$left" ] && code=0 || code=1
verdict "$code" "no file is there that was not there before" "$left"
script "files that somebody put below /var/aziot stay, for root alone" '^root 600 ' "stat -c '%U %a %n' /var/aziot/device-id.key"
script "dpkg has forgotten them" '^0$' "dpkg -l 'muster*' 2>/dev/null | grep -c '^[a-z]c\|^ii' || true"
