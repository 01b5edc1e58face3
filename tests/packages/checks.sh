# shellcheck shell=bash
# How the parts say what they expect, and how it is counted. Sourced by run and, on the machine with a TPM, by
# machine_inside.sh; each says by in_container where the commands run.
# shellcheck disable=SC2034  # run's
passed=0 failed=0 skipped=0
verdict() { # ok?, what, [output]
  if [ "$1" = 0 ]; then
    passed=$((passed + 1)) && echo "ok: $2"
  else
    failed=$((failed + 1)) && printf 'FAILED: %s\n%s\n' "$2" "${3:-}"
    echo "the last of the journal:"
    in_container journalctl --no-pager -q -n 25 -o short-precise -u musterd -u 'aziot-*' || true
  fi
}
# The command succeeds and says something that fits the pattern.
expect() { # what, pattern, command...
  local out code=0
  out=$(in_container "${@:3}" 2>&1) || code=$?
  [ "$code" = 0 ] && grep -qE -- "$2" <<<"$out" && code=0 || code=1
  verdict "$code" "$1" "$out"
}
refuses() { # what, pattern, command...
  local out code=0
  out=$(in_container "${@:3}" 2>&1) || code=$?
  [ "$code" != 0 ] && grep -qE -- "$2" <<<"$out" && code=0 || code=1
  verdict "$code" "$1" "$out"
}
eventually() { # what, pattern, command...: within $patience seconds, 20 without it
  local out end=$((SECONDS + ${patience:-20}))
  until out=$(in_container "${@:3}" 2>&1) && grep -qE -- "$2" <<<"$out"; do
    [ "$SECONDS" -lt "$end" ] || break
    sleep 0.2
  done
  expect "$@"
}
script() { # what, pattern, shell text
  expect "$1" "$2" bash -euo pipefail -c "$3"
}
heading() { printf '\n== %s\n' "$1"; }
