# shellcheck shell=bash disable=SC2154
heading "muster-server and muster-cli"
script "installs" 'Setting up muster-server' "$install /packages/muster-server_*.deb /packages/muster-cli_*.deb"
eventually "musterd runs" '^active$' systemctl is-active musterd
expect "its user owns its data" '^muster muster 700$' stat -c '%U %G %a' /var/lib/muster
expect "it runs as that user" '^muster ' sh -c "ps -eo user:16,comm | grep ' musterd'"
expect "on port 443" ':01BB .* 0A ' cat /proc/net/tcp
script "the example of a configuration is one" '^active$' \
  "sed -i 's/^# host_name = .*/host_name = \"localhost\"/' /etc/muster/config.toml; systemctl restart musterd; systemctl is-active musterd"
expect "the operator's command finds it at once" 'localhost' muster status
# shellcheck disable=SC2016  # the text is for the shell inside
expect "completion" 'enrollment-group' bash -c '. /usr/share/bash-completion/completions/muster; COMP_WORDS=(muster enrollment-g); COMP_CWORD=1; complete -p muster; COMPREPLY=(); $(complete -p muster | grep -oE "_muster[a-z_]*"); echo "${COMPREPLY[@]}"'
script "its authority goes into the system's store" '1 added' \
  'muster trust > /usr/local/share/ca-certificates/muster.crt 2>/dev/null; update-ca-certificates'
script "certificates" 'edge1' 'cd /root; muster cert root; muster cert intermediate; muster cert device edge1'
expect "an enrollment group" 'plant' muster enrollment-group create plant --edge-enabled true \
  --certificate-path certs/azure-iot-test-only.root.ca.cert.pem
