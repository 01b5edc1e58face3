# shellcheck shell=bash disable=SC2154
# As the article has it: by a person who may use sudo, in this order, with these commands.
heading "muster-edge: the how-to"
script "a person" 'sudo' "useradd -m -G sudo pat; echo 'pat ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/pat; id -nG pat"
pat=(runuser -u pat -- env -C /home/pat HOME=/home/pat PATH=/usr/local/bin:/usr/bin:/bin)
script "installs" 'next: cp /etc/aziot/config.toml.edge.template' "$install /packages/muster-edge_*.deb"
for user in aziotks aziotcs aziotid aziottpm iotedge edgeagentuser:13622 edgehubuser:13623; do
  expect "user ${user%:*}" "^${user%:*}:[^:]*:$([ "${user#*:}" = "$user" ] && echo '[0-9]+' || echo "${user#*:}"):" getent passwd "${user%:*}"
done
expect "nobody was put into a group of the runtime" '^iotedge:x:[0-9]+:$' getent group iotedge
expect "certd and identityd may ask keyd" 'aziotcs,aziotid|aziotid,aziotcs' getent group aziotks
expect "the template is for root alone" '^root 600$' stat -c '%U %a' /etc/aziot/config.toml.edge.template
expect "sockets listen before there is a configuration" 'aziot-identityd +Ready' iotedge system status
refuses "and a caller is not left to guess" '.' iotedge system reprovision
# systemd gives up on a service that may not start (TriggerLimitBurst), and nothing tries again by itself.
in_container sleep 3
expect "nothing goes round in circles" '^0$' sh -c "journalctl -q --no-pager --since=-1s -u 'aziot-*' | wc -l"

script "the device's certificate and key" '' 'install -D -o aziotcs -g aziotcs -m 0644 certs/iot-edge-device-identity-edge1-full-chain.cert.pem /var/aziot/device-id.pem
  install -D -o aziotks -g aziotks -m 0600 private/iot-edge-device-identity-edge1.key.pem /var/aziot/device-id.key'
expect "sudo cp of the template" '^$' "${pat[@]}" sudo cp /etc/aziot/config.toml.edge.template /etc/aziot/config.toml
refuses "untouched, it says what is missing" 'provisioning' "${pat[@]}" sudo iotedge config apply
# sudo nano /etc/aziot/config.toml: uncomment the lines for DPS provisioning with X.509, put the values in.
script "edited" '^2$' "scope=\$(muster status -o json | sed -n 's/.*\"idScope\" *: *\"\\([^\"]*\\)\".*/\\1/p')
  sed -i -e '/^## DPS provisioning with X.509 certificate\$/,/^## DPS provisioning with X.509 certificate, its key/ s/^# //' \
    -e 's|^global_endpoint = .*|global_endpoint = \"https://localhost\"|' -e \"s|^id_scope = .*|id_scope = \\\"\$scope\\\"|\" \
    -e 's|^registration_id = .*|registration_id = \"edge1\"|' -e 's|^identity_cert = .*|identity_cert = \"file:///var/aziot/device-id.pem\"|' \
    -e 's|^identity_pk = .*|identity_pk = \"file:///var/aziot/device-id.key\"|' /etc/aziot/config.toml
  grep -c '^identity_' /etc/aziot/config.toml"
expect "sudo iotedge config apply" 'configured successfully!' "${pat[@]}" sudo iotedge config apply
eventually "the device is provisioned" 'edge1' muster registration show edge1
expect "with an identity at the hub" 'edge1' muster device show edge1
for service in identityd keyd certd; do
  eventually "sudo iotedge system status: $service" "aziot-$service +(Running|Ready)" "${pat[@]}" sudo iotedge system status
done
eventually "sudo iotedge system logs" 'provisioned' "${pat[@]}" sudo iotedge system logs
# The container runtime, and with it the list of its modules, is not in this version.
refuses "sudo iotedge list says why not" 'not in this version' "${pat[@]}" sudo iotedge list
refuses "without sudo it is told" 'to mend it: sudo iotedge config apply' "${pat[@]}" iotedge config apply
refuses "by check, too" 'this user may not look for' "${pat[@]}" iotedge check
for service in keyd:aziotks certd:aziotcs identityd:aziotid; do
  expect "${service%:*} runs as its user" "^${service#*:} " sh -c "ps -eo user:16,args | grep '[a]ziot-${service%:*}'"
  expect "its state is its own" "^${service#*:} 700$" stat -c '%U %a' "/var/lib/aziot/${service%:*}"
done
