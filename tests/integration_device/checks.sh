# shellcheck shell=bash disable=SC2154  # $work is set by who sources it
# What the scripts here share: checks that are counted, processes that are ended. To be sourced with $work, a directory of
# the script's own. A script that has another log to show than $log says so by a show_log of its own.
declare -A pid
passed=0 failed=0
show_log() {
    [ -z "${log:-}" ] || sed 's/^/    log: /' "$log" | cut -c1-600 | tail -12
}
ok() { # what, command...
    local what=$1
    shift
    if "$@" >"$work/last" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $what"
    else
        failed=$((failed + 1))
        echo "FAILED: $what: $*"
        sed 's/^/    /' "$work/last" | tail -15
        show_log
    fi
}
within() { # seconds, command...: a slow or busy machine gets four times as many
    local end=$((SECONDS + 4 * $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { "$@"; return; }
        sleep 0.05
    done
}
fails_with() { # text, command...
    local text=$1 out
    shift
    if out=$("$@" 2>&1); then echo "it succeeded: $out"; return 1; fi
    grep -qF -- "$text" <<<"$out" || { echo "$out"; return 1; }
}
end() { # names of processes of ours
    local name
    for name in "$@"; do
        [ -n "${pid[$name]:-}" ] || continue
        kill -TERM "${pid[$name]}" 2>/dev/null
        wait "${pid[$name]}" 2>/dev/null
        unset "pid[$name]"
    done
}
finish() {
    end "${!pid[@]}"
    rm -rf "$work"
}
trap finish EXIT
