# shellcheck shell=bash disable=SC2034  # $work and $bin are for who sources it
# A network, mount and process namespace of a script's own, where the ports of the cloud are free. To be sourced first:
# what comes after `enter_namespace` runs inside. A script with work to do before the network goes has a
# before_entering of its own.
enter_namespace() { # name, "tools that it needs", the script's own arguments: BIN_DIR...
    local name=$1 tools=$2 tool
    shift 2
    if [ "${1:-}" != --inside ]; then
        for tool in $tools; do
            command -v "$tool" >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 77; }
        done
        if [ "$(id -u)" != 0 ] || ! unshare --net --mount --pid --fork true 2>/dev/null; then
            echo "SKIPPED: needs root and namespaces"
            exit 77
        fi
        if declare -F before_entering >/dev/null; then before_entering; fi
        exec unshare --net --mount --pid --fork --mount-proc "$0" --inside "$@"
    fi
    bin=$(cd "$2" && pwd)
    export PATH=$bin:$PATH
    unset MUSTER_CONNECTION_STRING MUSTER_CA https_proxy HTTPS_PROXY no_proxy NO_PROXY
    ip link set lo up
    work=$(mktemp -d "/tmp/muster-$name.XXXXXX")
}
