# shellcheck shell=bash disable=SC2016,SC2154  # what the shells inside expand; run's own
heading "the certificate issued by muster-server, over EST"
script "installs what holds a clock back" '' "$install libfaketime"
expect "the service's own authority" 'issuing CA' muster authority create
# Its certificates end two minutes after they are issued: they last a day, and the clock that they are issued by is late.
script "the service's clock" '^active$' 'sed -i "s/^# certificate_days = 90/certificate_days = 1/" /etc/muster/config.toml
  mkdir -p /run/systemd/system/musterd.service.d
  printf "[Service]\nEnvironment=LD_PRELOAD=%s FAKETIME=-86280s\n" "$(dpkg -L libfaketime | grep -m1 "libfaketimeMT.so.1$")" >/run/systemd/system/musterd.service.d/clock.conf
  systemctl daemon-reload; systemctl restart musterd; systemctl is-active musterd'
script "the template's block" '^username = "edge2"$' 'cp /etc/aziot/config.toml /root/edge1.toml; password=$(muster authority one-time-password edge2 --group plant -o json | jq -r .password)
  /tests/uncomment "DPS provisioning with X.509 certificate issued to the device by an EST server" >/etc/aziot/config.toml
  for key in global_endpoint id_scope; do sed -i "s|^$key = .*|$(grep "^$key = " /root/edge1.toml)|" /etc/aziot/config.toml; done
  sed -i -e "/^bootstrap_identity_/d" -e "s|^registration_id = .*|registration_id = \"edge2\"|" -e "s|^common_name = .*|common_name = \"edge2\"|" \
    -e "s|^url = .*|url = \"https://localhost/.well-known/est/plant\"|" -e "s|^# username = \"my-device\"|username = \"edge2\"|" \
    -e "s|^# password = \"one-time-password\"|password = \"$password\"|" -e "s|^retry = .*|retry = \"1min\"|" /etc/aziot/config.toml
  grep ^username /etc/aziot/config.toml'
expect "iotedge config apply" 'configured successfully' iotedge config apply
eventually "the device has its certificate" 'deviceid-' ls /var/lib/aziot/certd/certs
certificate() { in_container sh -c 'openssl x509 -noout -serial -in /var/lib/aziot/certd/certs/deviceid-*.cer; cat /var/lib/aziot/keyd/keys/deviceid-*.key | sha256sum'; }
first=$(certificate) || true
script "the service's clock goes right again" '^active$' 'rm /run/systemd/system/musterd.service.d/clock.conf; systemctl daemon-reload
  sed -i "s/^certificate_days = 1/certificate_days = 90/" /etc/muster/config.toml; systemctl restart musterd; systemctl is-active musterd'
patience=120 eventually "it renews the certificate by itself" 'the certificate is renewed' journalctl -q --no-pager -b -u aziot-identityd
second=$(certificate) || true
[ "$(sed -n 1p <<<"$first")" != "$(sed -n 1p <<<"$second")" ] && [ "$(sed -n 2p <<<"$first")" != "$(sed -n 2p <<<"$second")" ] && code=0 || code=1
verdict "$code" "another certificate, another key" "$first
$second"
expect "both are their daemons' alone" '^aziotks 600 aziotcs 600 $' sh -c "stat -c '%U %a' /var/lib/aziot/keyd/keys/deviceid-*.key /var/lib/aziot/certd/certs/deviceid-*.cer | tr '\n' ' '"
expect "and they serve" '.' iotedge system reprovision
expect "the service has the device" 'assigned' muster registration show edge2
script "and both certificates" '^2$' 'muster authority list --group plant -o json | jq "[.[] | select(tostring | contains(\"edge2\"))] | length"'
