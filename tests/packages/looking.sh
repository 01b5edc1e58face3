# shellcheck shell=bash disable=SC2016,SC2154  # what the shells inside expand; run's own
heading "manuals, completion, and the other name"
for page in iotedge.1 aziotctl.1 aziotd.8 muster.1 musterd.8; do
  expect "man ${page##*.} ${page%.*}" "^ .*${page%.*}.* [-–] " man "${page##*.}" "${page%.*}"
done
for program in iotedge aziotctl muster; do
  expect "completion of $program is found" "complete .* $program\$" bash -c ". /usr/share/bash-completion/bash_completion
    _completion_loader $program; complete -p $program"
done
expect "and completes" '^support-bundle system$' bash -c '. /usr/share/bash-completion/bash_completion
  _completion_loader aziotctl; COMP_WORDS=(aziotctl s); COMP_CWORD=1; COMPREPLY=(); _iotedge; echo "${COMPREPLY[@]}"'
expect "the checks' ids, too" 'keyd-running' bash -c '. /usr/share/bash-completion/bash_completion
  _completion_loader iotedge; COMP_WORDS=(iotedge check --dont-run key); COMP_CWORD=3; COMPREPLY=(); _iotedge iotedge; echo "${COMPREPLY[@]}"'
script "aziotctl has the same verbs" '^16 alike$' 'n=0; for verb in "" version check check-list support-bundle config "config apply" "config mp" "config import" system \
    "system status" "system logs" "system restart" "system stop" "system reprovision" "system set-log-level"; do
  [ "$(iotedge $verb --help)" = "$(aziotctl $verb --help | sed s/aziotctl/iotedge/)" ] || { echo "$verb differs"; exit 1; }; n=$((n + 1)); done; echo "$n alike"'
expect "aziotctl system status" 'aziot-keyd +(Running|Ready)' aziotctl system status
expect "aziotctl system logs" 'provisioned' aziotctl system logs -- --no-pager
expect "aziotctl config apply --check" 'is good' aziotctl config apply --check
expect "aziotctl system reprovision" '.' aziotctl system reprovision

heading "check and support-bundle"
# No network here, so nobody to ask for the time: a warning, as every other check must be content.
expect "iotedge check" 'identity-certificate-expiry|production readiness|√' iotedge check
script "as JSON, without an error" '^ok$' 'iotedge check -o json >/root/check.json; jq -e ".checks | length > 20" /root/check.json >/dev/null
  jq -r ".checks | to_entries[] | select(.value.result.result == \"error\" or .value.result.result == \"fatal\") | .key" /root/check.json | grep . || echo ok'
expect "aziotctl check" '√' aziotctl check
refuses "a warning is an error where one wants it" '‼' iotedge check --warnings-as-errors
expect "unless it is left out" '√' iotedge check --warnings-as-errors --dont-run host-local-time
in_container systemctl stop musterd
refuses "without the service it fails, and says at what" 'localhost' iotedge check
script "by its id and exit code" '^1 error$' 'code=0; iotedge check -o json >/root/check.json || code=$?
  echo "$code $(jq -r ".checks[\"host-connect-dps-endpoint\"].result.result" /root/check.json)"'
in_container systemctl start musterd
script "a support bundle" '^600$' 'cd /root; iotedge support-bundle -o bundle.zip >/dev/null; stat -c %a bundle.zip'
script "is unpacked" 'check.json' 'cd /root; rm -rf bundle; mkdir bundle; cd bundle; unzip -q ../bundle.zip; ls'
expect "holds the findings" 'checks' jq keys /root/bundle/check.json
expect "the configuration" 'registration_id = .edge1.' cat /root/bundle/config/config.toml
for service in keyd certd identityd; do
  expect "the log of $service, from the journal" 'starting' cat "/root/bundle/logs/aziot-$service.txt"
done
script "and no key" '^0$' 'cd /root/bundle; grep -rE "PRIVATE KEY" . | wc -l || true'
