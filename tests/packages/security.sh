# shellcheck shell=bash disable=SC2154
heading "how far the units are shut in"
for unit in musterd aziot-keyd aziot-certd aziot-tpmd aziot-identityd; do
  figure=$(in_container systemd-analyze security --no-pager "$unit.service" 2>/dev/null | sed -n 's/.*exposure level for \(.*\): \(.*\) .*/\1 \2/p')
  echo "$figure"
  case $figure in *OK | *SAFE) code=0 ;; *) code=1 ;; esac
  verdict "$code" "$unit is shut in" "$figure"
done
heading "memory"
# shellcheck disable=SC2016  # the text is for the shell inside
figure=$(in_container sh -c 'for s in keyd certd identityd; do systemctl start aziot-$s; cat "/proc/$(systemctl show -P MainPID aziot-$s)/smaps_rollup"; done | awk "/^Pss:/ { sum += \$2 } END { print sum }"')
echo "the device's three services idle: $figure KiB (PSS)"
[ "$figure" -gt 0 ] && [ "$figure" -lt 12288 ] && code=0 || code=1
verdict "$code" "the device's services take less than 12 MiB together" "$figure"
