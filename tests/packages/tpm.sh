# shellcheck shell=bash disable=SC2016,SC2154  # what the shells inside expand; run's own
# A container has no TPM: one in software, over TCP, with the drop-in of docs/install.md. The kernel's is in machine_inside.sh.
heading "a TPM in software under tpmd's unit"
script "installs one" '' "$install swtpm tpm2-tools"
script "it runs" '^active$' 'mkdir -p /root/tpm; systemd-run -q --unit=swtpm swtpm socket --tpm2 --tpmstate dir=/root/tpm --server type=tcp,port=2321 \
    --ctrl type=tcp,port=2322 --flags not-need-init,startup-clear; systemctl is-active swtpm'
script "the template's block" '^method = "tpm"$' '/tests/uncomment "DPS provisioning with a TPM 2.0" >/root/tpm.toml
  for key in global_endpoint id_scope; do sed -i "s|^$key = .*|$(grep "^$key = " /root/edge1.toml)|" /root/tpm.toml; done
  sed -i "s|^registration_id = .*|registration_id = \"edge3\"|" /root/tpm.toml; cp /root/tpm.toml /etc/aziot/config.toml; grep ^method /etc/aziot/config.toml'
refuses "without a TPM of the kernel's it is told" '/dev/tpmrm0 does not exist' iotedge config apply
script "another way to it" '' 'printf "[tpm]\ntcti = \"swtpm:host=127.0.0.1,port=2321\"\n" >>/etc/aziot/config.toml
  mkdir -p /etc/systemd/system/aziot-tpmd.service.d
  printf "[Service]\nPrivateNetwork=no\nRestrictAddressFamilies=AF_INET AF_INET6\n" >/etc/systemd/system/aziot-tpmd.service.d/override.conf; systemctl daemon-reload'
expect "tpmd sleeps" '^inactive$' sh -c 'systemctl is-active aziot-tpmd || true'
expect "iotedge config apply" 'configured successfully' iotedge config apply
eventually "its socket has started it" '^active$' systemctl is-active aziot-tpmd
eventually "not enrolled yet, and it is said" '401002' iotedge system logs -- --no-pager
script "the endorsement key is enrolled" 'edge3' 'export TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=2321
  tpm2_readpublic -Q -c 0x81010001 -o /root/ek.pub; muster enrollment create edge3 --endorsement-key @/root/ek.pub --edge-enabled true'
expect "iotedge system reprovision" '.' iotedge system reprovision
expect "the service has the device" 'assigned' muster registration show edge3
expect "iotedge system status" 'aziot-tpmd +Running' iotedge system status
expect "tpmd runs as its user" '^aziottpm ' sh -c "ps -eo user:16,args | grep '[a]ziot-tpmd'"
expect "its state is its own" '^aziottpm 700$' stat -c '%U %a' /var/lib/aziot/tpmd
expect "iotedge check asks tpmd" '√ tpmd is running' iotedge check --verbose
expect "iotedge system restart" 'aziot-tpmd|Done' iotedge system restart
eventually "and the identity is there" 'stored identity' journalctl -q --no-pager -b -n 20 -u aziot-identityd
script "back to the certificate" 'configured successfully' 'rm -r /etc/systemd/system/aziot-tpmd.service.d; systemctl daemon-reload
  cp /root/edge1.toml /etc/aziot/config.toml; iotedge config apply; systemctl stop swtpm'
