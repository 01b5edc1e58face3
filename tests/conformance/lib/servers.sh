# shellcheck shell=bash
# What a test file talks to: a musterd on 127.0.0.1, or two of them behind HAProxy (sourced by tests/conformance/run).
# shellcheck disable=SC2154  # here, work, nodes, MUSTER_BIN: the caller's

services=() # processes, in the order in which they end

musterd_config() { # file, address
  printf 'host_name = "localhost"\n[listen]\nhttps = "%s:443"\nmqtts = "%s:8883"\namqps = "%s:5671"\n' "$2" "$2" "$2" >"$1"
}

# Settings that a test file needs stand beside it.
add_settings() { # config, test's name
  [ ! -f "$here/$2.toml" ] || cat "$here/$2.toml" >>"$1"
}

start_musterd() { # data directory, config
  mkdir -p "$1"
  "$MUSTER_BIN/musterd" --config "$2" --data-dir "$1" --log-format json >"$1.out" 2>"$1.log" </dev/null &
  local pid=$!
  services+=("$pid")
  for _ in $(seq 800); do
    if [ -s "$1/endpoints.json" ]; then return 0; fi
    if ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.05
  done
  echo "musterd does not start:" >&2
  cat "$1.out" "$1.log" >&2
  return 1
}

start_service() { # data directory
  local name
  name=$(basename "$1")
  if [ -z "$nodes" ]; then
    musterd_config "$1.toml" 127.0.0.1
    add_settings "$1.toml" "$name"
    start_musterd "$1" "$1.toml"
    return
  fi
  local node number
  for number in 12 13; do
    node=$1
    [ "$number" = 12 ] || node=$1.other
    musterd_config "$node.toml" "127.0.0.$number"
    printf '[store]\npostgresql = "%s"\npassword_file = "%s"\n' \
      "host=127.0.0.1 port=$database_port dbname=$(database_of "$name") user=muster sslmode=disable" "$work/password" >>"$node.toml"
    add_settings "$node.toml" "$name"
    start_musterd "$node" "$node.toml" || return
  done
  balance "$1.haproxy"
}

# Each connection to the next node.
balance() { # configuration file
  local port
  printf 'defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n' >"$1"
  for port in 443 8883 5671; do
    printf 'listen p%s\n  bind 127.0.0.1:%s\n  balance roundrobin\n  server a 127.0.0.12:%s\n  server b 127.0.0.13:%s\n' \
      "$port" "$port" "$port" "$port" >>"$1"
  done
  haproxy -db -q -f "$1" </dev/null &
  services=("$!" "${services[@]}")
  for _ in $(seq 200); do
    if (: </dev/tcp/127.0.0.1/5671) 2>/dev/null; then return; fi
    sleep 0.05
  done
  echo "haproxy does not start" >&2
  return 1
}

# Fails when a musterd did not end with status 0.
stop_service() {
  local pid status=0
  for pid in "${services[@]}"; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || { [ -n "$nodes" ] && [ "$pid" = "${services[0]}" ]; } || status=$?
  done
  services=()
  return "$status"
}

# A PostgreSQL for the whole run, with a database for each test file.
database=""
database_port=15432
database_of() { # test's name
  echo "t_${1//[^a-z0-9]/_}"
}

start_database() { # test files
  local names=() file
  for file in "$@"; do names+=("$(database_of "$(basename "$file" .test.js)")"); done
  python3 -B "$here/../integration_nodes/postgres.py" "$database_port" "$work/database" "${names[@]}" </dev/null &
  database=$!
  install -m 0600 /dev/null "$work/password"
  python3 -B -c 'import sys; sys.path.insert(0, sys.argv[1]); import postgres; print(postgres.PASSWORD)' \
    "$here/../integration_nodes" >"$work/password"
  for _ in $(seq 1200); do
    if [ -s "$work/database" ]; then return; fi
    if ! kill -0 "$database" 2>/dev/null; then break; fi
    sleep 0.05
  done
  echo "conformance: PostgreSQL does not start" >&2
  return 1
}

stop_database() {
  [ -n "$database" ] || return 0
  kill -TERM "$database" 2>/dev/null || true
  wait "$database" || true
  database=
}
