# shellcheck shell=bash disable=SC2154
heading "reboot"
devices=$(in_container muster device list -o json)
before=$(in_container sh -c 'cd /var/lib/aziot && find . -type f ! -name "*.log" -exec sha256sum {} + | sort -k 2')
container_reboot || verdict 1 "the machine comes back" "$(tail -n 20 "$root.console")"
eventually "musterd is back" '^active$' systemctl is-active musterd
for service in identityd keyd certd; do
  eventually "$service is back" "aziot-$service +(Running|Ready)" iotedge system status
done
eventually "the device has its identity again, by itself" 'stored identity' journalctl -q --no-pager -b -u aziot-identityd
[ "$devices" = "$(in_container muster device list -o json)" ] && code=0 || code=1
verdict "$code" "it registered as no other device" "$devices"
after=$(in_container sh -c 'cd /var/lib/aziot && find . -type f ! -name "*.log" -exec sha256sum {} + | sort -k 2')
lost=$(comm -23 <(awk '{print $2}' <<<"$before" | sort) <(awk '{print $2}' <<<"$after" | sort))
[ -z "$lost" ] && code=0 || code=1
verdict "$code" "no file of the state is lost" "$lost"
