# shellcheck shell=bash disable=SC2154
heading "systemd-analyze security"
for unit in musterd aziot-keyd aziot-certd aziot-identityd; do
  figure=$(in_container systemd-analyze security --no-pager "$unit.service" 2>/dev/null | sed -n 's/.*exposure level for \(.*\): \(.*\) .*/\1 \2/p')
  echo "$figure"
  case $figure in *OK | *SAFE) code=0 ;; *) code=1 ;; esac
  verdict "$code" "$unit is shut in" "$figure"
done
