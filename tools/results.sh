# shellcheck shell=bash
# Sums of the test stages; sourced by tools/test.
results=build/results

note() { # stage, passed, failed, skipped
  printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$results/summary.tsv"
}

# What failed, by name; the summary ends with it.
note_failures() { # stage, names in stdin
  sed "s|^ *|$1: |" >>"$results/failed.txt"
}

attribute() { # name: the value of the attribute in each line of stdin
  sed -n "s/.* $1=\"\([^\"]*\)\".*/\1/p"
}

# GoogleTest's own report of one program: "passed failed skipped".
count_gtest() { # file
  local tests failures errors skipped
  tests=$(grep '<testsuites ' "$1" | attribute tests)
  failures=$(grep '<testsuites ' "$1" | attribute failures)
  errors=$(grep '<testsuites ' "$1" | attribute errors)
  skipped=$(grep -c -e 'result="skipped"' -e 'status="notrun"' "$1" || true)
  echo "$((tests - failures - errors - skipped)) $((failures + errors)) $skipped"
}

# The programs that failed and, of GoogleTest's, which of their cases.
failures_of_ctest() { # JUnit file
  awk '
    /<testcase / { split($0, parts, "\""); name = parts[2]; if (/status="fail"/) print name }
    /^\[  FAILED  \] .* \([0-9]+ ms\)$/ { sub(/,$/, "", $4); print name " " $4 }' "$1"
}

# ctest's report of a run, each GoogleTest program counted by its cases.
count_ctest() { # stage, JUnit file, directory of GoogleTest reports
  local line name status passed=0 failed=0 skipped=0 counts
  while read -r line; do
    name=$(attribute name <<<"$line")
    status=$(attribute status <<<"$line")
    if [ -f "$3/$name.xml" ]; then
      read -ra counts < <(count_gtest "$3/$name.xml")
      passed=$((passed + counts[0])) failed=$((failed + counts[1])) skipped=$((skipped + counts[2]))
      [ "${counts[2]}" = 0 ] || echo "SKIPPED: ${counts[2]} of $name"
      [ "$status" != fail ] || [ "${counts[1]}" != 0 ] || failed=$((failed + 1))
    elif [ "$status" = run ]; then
      passed=$((passed + 1))
    elif [ "$status" = fail ]; then
      failed=$((failed + 1))
    else
      skipped=$((skipped + 1))
      echo "SKIPPED: $name"
    fi
  done < <(grep '<testcase ' "$2")
  failures_of_ctest "$2" | note_failures "$1"
  note "$1" "$passed" "$failed" "$skipped"
}

# The last line of a script that ends with "N passed, M failed, K skipped".
count_script() { # stage, its output
  local sums
  grep -a -E '^ *(not ok|FAIL)' "$2" | note_failures "$1" || true
  sums=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$2" | tail -n 1 | tr -dc '0-9 ')
  # shellcheck disable=SC2086  # three words
  if [ -n "$sums" ]; then note "$1" $sums; else note "$1" 0 1 0; fi
}
