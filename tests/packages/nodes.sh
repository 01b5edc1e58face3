# shellcheck shell=bash disable=SC2016,SC2154  # what the shells inside expand; run's own
# docs/several-nodes.md to the letter: a database, a load balancer, two nodes, a machine that moves from its own file to
# PostgreSQL, and a device, each a Debian that boots with the packages. Blocks of the page are run as they stand there.
heading "several nodes on one PostgreSQL, as the page says"
# shellcheck source=tests/packages/machines.sh
. ./machines.sh
trap 'machines_end; container_end' EXIT

nodes_page=../../docs/several-nodes.md
block() { # text
  ./page "$nodes_page" "$1" | tee -a "$plant/blocks"
}
# Lines of the page's blocks that nothing has run; the drawing is none.
blocks_left() {
  awk 'FNR == NR { run[$0]; next }
    /^```/ { inside = !inside; next }
    inside && !/[│┌└┐]|^ *443 / && !($0 in run)' "$plant/blocks" "$nodes_page"
}
# By somebody who may use sudo, in the home directory, with what is typed.
pat=(runuser -u pat -- env -C /home/pat HOME=/home/pat PATH=/usr/local/bin:/usr/bin:/bin bash -euo pipefail -c
  'bash -euo pipefail -c "$1" <<<"${2:-}"' bash)
append() { # file: standard input at its end
  cat >>"$root$1"
}
# The block of the configuration, with this node's own address.
configure() { # address
  block 'host_name = "muster.plant.example"' | sed "s/192\.0\.2\.11:9464/$1:9464/" >"$root/etc/muster/config.toml"
}
database_password='of the database'

nodes_fetch() {
  container_end
  tree_make "$here" nodes sudo curl openssl jq socat mosquitto-clients postgresql haproxy
}

nodes_tree() {
  in_tree sh -c 'apt-get install -y -q --no-install-recommends sudo curl openssl jq socat mosquitto-clients &&
    useradd -m -G sudo -s /bin/bash pat && echo "pat ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/pat' || return 1
  printf 'APT::Install-Recommends "false";\nAPT::Get::Assume-Yes "true";\n' >"$root/etc/apt/apt.conf.d/90tests"
  printf '127.0.0.1 localhost\n192.0.2.10 db.plant.example database\n192.0.2.20 muster.plant.example balancer\n' >"$root/etc/hosts"
  printf '192.0.2.%s\n' '11 node-a' '12 node-b' '13 alone' '30 device device.plant.example' '20 new-name.plant.example' >>"$root/etc/hosts"
  rm -f "$root/etc/resolv.conf" && : >"$root/etc/resolv.conf"
  cp "$root"/packages/muster-*.deb "$root/home/pat/"
}

# Certificates of the plant, as whoever runs it has them already.
nodes_certificates() {
  mkdir -p "$1"
  (
    cd "$1" || exit
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 30 -subj "/CN=plant CA"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout other.key -out other.pem -days 30 -subj "/CN=another CA"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout db.key -out db.csr -subj /CN=db.plant.example
    printf 'subjectAltName=DNS:db.plant.example\n' >db.ext
    openssl x509 -req -in db.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile db.ext -out db.pem
  ) >/dev/null 2>&1
}

nodes_database() {
  at database
  expect "the database: user and database" 'postgresql' "${pat[@]}" "$(block 'createuser --pwprompt')" "$database_password
$database_password"
  install -m 0644 "$plant/db.pem" "$root/etc/postgresql/database.cert.pem"
  install -m 0600 "$plant/db.key" "$root/etc/postgresql/database.key.pem"
  in_container chown postgres /etc/postgresql/database.key.pem
  block 'hostssl muster muster' | append /etc/postgresql/15/main/pg_hba.conf
  block 'listen_addresses' | append /etc/postgresql/15/main/postgresql.conf
  expect "it starts with them" '' "${pat[@]}" 'sudo systemctl restart postgresql'
  eventually "and listens" '192.0.2.10.*accepting' pg_isready -h 192.0.2.10
}

node_joins() { # name, address
  at "$1"
  expect "$1: installed, and what its package has begun removed" 'Setting up muster-server' "${pat[@]}" "$(block 'find /var/lib/muster')"
  configure "$2"
  cp "$plant/ca.pem" "$root/home/pat/database-ca.pem"
  expect "$1: starts" 'PostgreSQL, the database muster at db.plant.example' "${pat[@]}" "$(block 'install -m 0600 -o muster')" "$database_password"
  expect "$1: is ready" '^200$' curl -s -o /dev/null -w '%{http_code}' "http://$2:9464/readyz"
  expect "$1: says what it listens on" 'https 0\.0\.0\.0:443' muster status
}

nodes_balancer() {
  at balancer
  expect "HAProxy" 'Setting up haproxy' "${pat[@]}" 'sudo apt install haproxy'
  block 'listen mqtts' | append /etc/haproxy/haproxy.cfg
  expect "takes the page's configuration" 'Configuration file is valid|^$' "${pat[@]}" "$(block 'haproxy -c')"
  refuses "and warns of nothing" '^$' sh -c 'haproxy -c -f /etc/haproxy/haproxy.cfg 2>&1 | grep -i warning'
  node_state node-a UP
  node_state node-b UP
}
node_state() { # node, what HAProxy says of it
  local before=$here_name
  at balancer
  patience=60 eventually "HAProxy: $1 is $2" "^(https|mqtts|amqps) $2\$" sh -c "echo 'show stat' | socat - /run/haproxy/admin.sock | awk -F, '\$2 == \"$1\" { print \$1, \$18 }'"
  at "$before"
}

nodes_device() {
  at node-a
  scope=$(in_container muster status -o json | jq -r .idScope)
  at node-b
  expect "both nodes are one service" "^ID scope +$scope\$" muster status
  at node-a
  script "an enrollment group, made at one node" 'plant' 'muster cert root; muster cert intermediate; muster cert device edge1
    muster enrollment-group create plant --edge-enabled true --certificate-path certs/azure-iot-test-only.root.ca.cert.pem'
  local a=$root
  at device
  expect "the device's package" 'Setting up muster-edge' "${pat[@]}" 'sudo apt install ./muster-edge_*.deb'
  cp "$a/root/certs/iot-edge-device-identity-edge1-full-chain.cert.pem" "$root/root/id.pem"
  cp "$a/root/private/iot-edge-device-identity-edge1.key.pem" "$root/root/id.key"
  at node-b
  in_container muster trust >"$plant/trust.pem" 2>/dev/null
  at device
  cp "$plant/trust.pem" "$root/usr/local/share/ca-certificates/muster.crt"
  script "registers by way of the load balancer" 'configured successfully' "update-ca-certificates >/dev/null
    install -D -o aziotcs -g aziotcs -m 0644 id.pem /var/aziot/id.pem; install -D -o aziotks -g aziotks -m 0600 id.key /var/aziot/id.key
    /tests/uncomment 'DPS provisioning with X.509 certificate' | sed -e 's|^global_endpoint = .*|global_endpoint = \"https://muster.plant.example\"|' \
      -e 's|^id_scope = .*|id_scope = \"$scope\"|' -e 's|^registration_id = .*|registration_id = \"edge1\"|' \
      -e 's|^identity_cert = .*|identity_cert = \"file:///var/aziot/id.pem\"|' -e 's|^identity_pk = .*|identity_pk = \"file:///var/aziot/id.key\"|' >/etc/aziot/config.toml
    iotedge config apply"
  for node in node-a node-b; do
    at "$node"
    eventually "$node has the device" 'muster.plant.example' muster registration show edge1
  done
  at device
  expect "MQTT by way of the load balancer" 'received PUBACK' mosquitto_pub -d -h muster.plant.example -p 8883 --cafile /etc/ssl/certs/ca-certificates.crt \
    --cert id.pem --key id.key -V mqttv311 -q 1 -i edge1 -u "$scope/registrations/edge1/api-version=2019-03-31&ClientVersion=mosquitto" \
    -t '$dps/registrations/PUT/iotdps-register/?$rid=1' -m '{"registrationId":"edge1"}'
  script "AMQP by way of the load balancer" '^414d515000010000$' "printf 'AMQP\\0\\1\\0\\0' | { timeout 3 openssl s_client -quiet -connect muster.plant.example:5671 \
    -servername muster.plant.example -cert id.pem -key id.key -verify_return_error 2>/dev/null || true; } | head -c 8 | od -An -tx1 | tr -d ' \n'"
}

# A command that registers once by way of the load balancer, and prints the status and when to come back.
register() {
  echo 'curl -s -o /dev/null -w "%{http_code} %header{retry-after}\n" --max-time 30 --cert id.pem --key id.key -X PUT' \
    '-H "Content-Type: application/json" -d "{\"registrationId\":\"edge1\"}"' \
    "'https://muster.plant.example/$scope/registrations/edge1/register?api-version=2021-06-01'"
}
# Devices that do so again and again, until /root/enough is there; what they heard is in /root/heard.
devices_begin() {
  at device
  in_container sh -c "rm -f enough; while [ ! -e enough ]; do $(register); sleep 0.05; done >heard 2>&1" &
  devices=$!
}
devices_heard() { # what, pattern of all that may be heard
  at device
  : >"$root/root/enough"
  wait "$devices" || true
  script "$1" '^0$' "echo \"\$(wc -l <heard) calls:\"; sort heard | uniq -c; grep -cvE '$2' heard || true"
}

nodes_stopped() {
  devices_begin
  at node-a
  expect "a node is stopped under load" '' "${pat[@]}" 'sudo systemctl stop musterd'
  node_state node-a DOWN
  at device
  expect "the device registers anew at the other" '.' iotedge system reprovision
  at node-a
  expect "the node is started" '' "${pat[@]}" 'sudo systemctl start musterd'
  node_state node-a UP
  devices_heard "and no registration failed meanwhile" '^202 '
}

nodes_database_restarts() {
  devices_begin
  at database
  expect "the database restarts under load" '' "${pat[@]}" 'sudo systemctl restart postgresql'
  sleep 3
  devices_heard "calls wait for it: none failed" '^202 '
  at database
  expect "the database stops" '' "${pat[@]}" 'sudo systemctl stop postgresql'
  node_state node-a DOWN
  node_state node-b DOWN
  at device
  expect "while it is away a device hears 503, and when to come back" '^503 [0-9]+$' sh -c "$(register)"
  at database
  expect "it starts" '' "${pat[@]}" 'sudo systemctl start postgresql'
  node_state node-a UP
  node_state node-b UP
  at device
  eventually "and devices register" '^202 ' sh -c "$(register)"
}

nodes_cut_off() {
  at node-b
  machine_loses 192.0.2.10
  node_state node-b DOWN
  expect "a node that does not reach the database says so" '^503$' curl -s -o /dev/null -w '%{http_code}' --max-time 30 http://192.0.2.12:9464/readyz
  at device
  expect "devices are with the other" '^202 ' sh -c "$(register)"
  at node-b
  machine_finds 192.0.2.10
  node_state node-b UP
}

connections_break() {
  at database
  script "all connections of the nodes break" '^[1-9]' "runuser -u postgres -- psql -Atc \"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'muster'\""
}

nodes_new_password() {
  database_password='a new one'
  at database
  expect "a new password" 'ALTER ROLE' "${pat[@]}" "sudo -u postgres psql -c \"ALTER ROLE muster PASSWORD '$database_password'\""
  for node in node-a node-b; do
    at "$node"
    # At a terminal, by somebody who waits for it: sudo has a terminal of its own between.
    expect "$node: into the file" '' "${pat[@]}" "{ until pgrep -x install >/dev/null; do sleep 0.1; done; printf '%s\\n\\004' '$database_password'; } |
      timeout 20 script -qec '$(block 'install -m 0600 -o muster' | sed -n 's/ *#.*//; /database-password/p')' /dev/null"
    expect "$node: as it was typed" "^$database_password\$" cat /etc/muster/database-password
  done
  at database
  connections_break
  at device
  eventually "without a restart" '^202 ' sh -c "$(register)"
  at database
  script "they are encrypted, all of them, and no more than the page says" '^24 24$|^([0-9]|1[0-9]|2[0-3]) \1$' \
    "runuser -u postgres -- psql -AtF' ' -c \"SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'muster'\""
}

nodes_log_of_database() {
  at database
  expect "the database's log is kept clean" 'ALTER ROLE' "${pat[@]}" "$(block 'log_parameter_max_length')"
  script "it logs all statements" '' 'runuser -u postgres -- psql -c "ALTER SYSTEM SET log_statement = '\''all'\''" -c "SELECT pg_reload_conf()"'
  at node-a
  script "an authority is made" 'issuing CA' 'systemctl restart musterd; muster authority create'
  at node-b
  eventually "the other issues, too" '[Ii]ssuing' muster authority show
  at database
  script "no key is in the log, the statements are" '^0$' 'grep -q "INSERT INTO shared_file" /var/log/postgresql/*.log
    grep -ciE "PRIVATE KEY|50524956415445204b4559" /var/log/postgresql/*.log || true'
  script "requests that were never answered are deleted" 'DELETE 0' "$(sed -n 's/^`\(sudo -u postgres psql muster -c .*\)`\.$/\1/p' "$nodes_page")
    runuser -u postgres -- psql -qc 'ALTER SYSTEM RESET log_statement' -c 'SELECT pg_reload_conf()' >/dev/null"
}

nodes_backup() {
  at database
  expect "a dump, while everything runs" '' "${pat[@]}" "$(block 'pg_dump')"
  expect "is its owner's alone" '^pat 600$' stat -c '%U %a' /home/pat/muster.dump
  at node-a
  script "a device is created after it" 'later' 'muster device create later'
  for node in node-a node-b; do
    at "$node"
    expect "$node is stopped" '' "${pat[@]}" 'sudo systemctl stop musterd'
  done
  at database
  expect "the dump is restored" '' "${pat[@]}" "$(block 'pg_restore')"
  for node in node-a node-b; do
    at "$node"
    expect "$node starts on it" '' "${pat[@]}" 'sudo systemctl start musterd'
  done
  expect "with the devices of then" 'edge1' muster registration show edge1
  refuses "and no others" 'later' muster device show later
  node_state node-a UP
  at device
  eventually "devices register" '^202 ' sh -c "$(register)"
}

nodes_upgrade() {
  for node in node-a node-b; do
    at "$node"
    expect "$node is stopped" '' "${pat[@]}" 'sudo systemctl stop musterd'
    cp "$root"/packages.next/*.deb "$root/home/pat/"
    rm "$root"/home/pat/*_"$(<../../VERSION)"_*.deb
  done
  for node in node-a node-b; do
    at "$node"
    expect "$node is upgraded, and started by that" 'Setting up muster-server' "${pat[@]}" 'sudo apt install ./muster-server_*.deb ./muster-cli_*.deb'
    eventually "it runs" '^active$' systemctl is-active musterd
  done
  at database
  script "a schema of a later version" 'UPDATE 1' "runuser -u postgres -- psql muster -c 'UPDATE schema_version SET version = version + 1'"
  connections_break
  for node in node-a node-b; do
    at "$node"
    patience=60 eventually "$node, which is older, ends and says why" 'ends.*the database has schema version' journalctl -q --no-pager -u musterd
    eventually "it does not start" 'the database has schema version' sh -c 'systemctl status --no-pager musterd || true'
  done
  at database
  script "the schema as it was" 'UPDATE 1' "runuser -u postgres -- psql muster -c 'UPDATE schema_version SET version = version - 1'"
  for node in node-a node-b; do
    at "$node"
    eventually "$node: systemd has tried again" '^active$' systemctl is-active musterd
  done
}

# The other ways to name the database that the page has.
nodes_other_strings() {
  at node-b
  local name right
  right=$(sed -n 's/^postgresql = "\(.*\)"/\1/p' "$root/etc/muster/config.toml")
  for name in "postgresql://muster@db.plant.example/muster?sslmode=verify-full\&sslrootcert=/etc/muster/database-ca.pem" \
    "${right/host=/hostaddr=192.0.2.10 host=}" "${right/host=/host=device.plant.example,}" "$right"; do
    in_container sed -i "s|^postgresql = .*|postgresql = \"$name\"|" /etc/muster/config.toml
    script "$name" 'PostgreSQL, the database muster at .*db.plant.example' 'systemctl restart musterd; muster status'
  done
}

# A node that cannot start says why, to `systemctl status` and in the journal; the password is in neither.
node_fails() { # what, pattern, state of the unit, shell text
  in_container bash -c "$4"
  local since
  since=$(in_container date '+%F %T')
  refuses "$1: systemctl says so" 'musterd.service failed' systemctl restart musterd
  script "$1: why is in the journal" "$2" "journalctl -q --no-pager --since '$since' -u musterd"
  refuses "$1: systemctl status shows it" "$2" systemctl status --no-pager -n 20 musterd
  script "$1: the unit" "^$3\$" 'systemctl show -P ActiveState musterd'
  refuses "$1: no password is said" '^$' sh -c "journalctl -q --no-pager -u musterd | grep -F '$database_password'"
}

nodes_wrong_input() {
  at node-b
  in_container cp -a /etc/muster /root/right
  local again='rm -r /etc/muster; cp -a /root/right /etc/muster'
  node_fails "a wrong password" 'password authentication failed' activating "echo wrong >/etc/muster/database-password"
  node_fails "a password that all may read" 'may be read by everybody' failed "$again; chmod 0644 /etc/muster/database-password"
  node_fails "a password that is root's" 'chown muster /etc/muster/database-password' failed "$again; chown root /etc/muster/database-password"
  node_fails "a typing error in [store]" 'config.toml:[0-9]+: store.postgreql: unknown key .did you mean "postgresql"' failed \
    "$again; sed -i 's/^postgresql/postgreql/' /etc/muster/config.toml"
  node_fails "a database that pg_hba.conf does not name" 'add a line for database mustard and user muster to the server.s pg_hba.conf' activating "$again; sed -i 's/dbname=muster/dbname=mustard/' /etc/muster/config.toml"
  node_fails "a CA that is not the database's" 'certificate verify failed' activating "$again; cp /root/other.pem /etc/muster/database-ca.pem"
  node_fails "no sslrootcert" 'root certificate file' activating "$again; sed -i 's/ sslrootcert=[^\"]*//' /etc/muster/config.toml"
  node_fails "a name that the certificate has not" 'does not match host name' activating "$again; sed -i 's/host=db.plant.example/host=192.0.2.10/' /etc/muster/config.toml"
  node_fails "no host_name" 'host_name.*is missing' failed "$again; sed -i '/^host_name/d' /etc/muster/config.toml"
  node_fails "another host_name" 'devices would be told two hubs' activating "$again; sed -i 's/^host_name.*/host_name = \"other.example\"/' /etc/muster/config.toml"
  node_fails "no [store]" 'the configuration names none' activating "$again; sed -i '/^\[store\]/,\$d' /etc/muster/config.toml"
  node_fails "a data directory of another service" 'the data directory /var/lib/muster is of the service with the id scope 0ne00000000' activating \
    "$again; cp -p /var/lib/muster/id-scope /root/id-scope; echo 0ne00000000 >/var/lib/muster/id-scope"
  in_container sh -c "$again; cp -p /root/id-scope /var/lib/muster/id-scope"
  eventually "mended, systemd starts it by itself" '^active$' systemctl is-active musterd
  at database
  in_container systemctl stop postgresql
  at node-b
  node_fails "no database yet" 'db.plant.example.*([Cc]onnection refused|shutting down)' activating true
  at database
  in_container systemctl start postgresql
  at node-b
  eventually "it starts once the database is there" '^active$' systemctl is-active musterd
}

nodes_move() {
  at alone
  expect "a single node" 'Setting up muster-server' "${pat[@]}" 'sudo apt install ./muster-server_*.deb ./muster-cli_*.deb'
  script "serves" '^active$' "sed -i 's/^# host_name = .*/host_name = \"alone\"/' /etc/muster/config.toml; systemctl restart musterd; systemctl is-active musterd"
  script "with devices and an authority" 'assigned +4|4 assigned' 'muster authority create >/dev/null; muster cert root >/dev/null; muster cert intermediate >/dev/null
    muster enrollment-group create plant --certificate-path certs/azure-iot-test-only.root.ca.cert.pem >/dev/null; muster simulate --devices 4 >/dev/null; muster status'
  scope=$(in_container muster status -o json | jq -r .idScope)
  expect "PostgreSQL on its machine" 'postgresql' "${pat[@]}" "$(block 'createuser --pwprompt')" "$database_password
$database_password"
  in_container sed -i "s|^\[store\]|[store]\n$(sed -n 's/^`\(postgresql = "host=\/run\/postgresql [^`]*\)`.*/\1/p' "$nodes_page")|" /etc/muster/config.toml
  refuses "it is not begun anew by accident" 'musterd.service failed' systemctl restart musterd
  expect "and says what to do" 'musterd --copy-to-postgresql' journalctl -q --no-pager -n 20 -u musterd
  expect "it moves" 'active' "${pat[@]}" "$(block '--copy-to-postgresql'); systemctl is-active musterd"
  expect "it knows itself by PostgreSQL" "^ID scope +$scope\$" muster status
  expect "over the socket, as the user muster, from within its unit" 'PostgreSQL, the database muster at /run/postgresql' muster status
  expect "with its devices" '4 assigned' muster status
  script "what is left may go" '^active$' 'rm -r /var/lib/muster/muster.db.copied /var/lib/muster/authority; systemctl restart musterd; systemctl is-active musterd'
  expect "with its authority" '[Ii]ssuing' muster authority show
  script "and devices come back" '4 assigned|4 registered|4 +ok|"assigned": *4' 'muster simulate --devices 4; muster status'
  script "the unit held nothing back" '^0$' "journalctl -q --no-pager -b -u musterd | grep -ciE 'not permitted|read-only|permission denied' || true"
}

nodes_new_name() {
  for node in node-a node-b; do
    at "$node"
    expect "$node is stopped" '' "${pat[@]}" 'sudo systemctl stop musterd'
    in_container sed -i 's/^host_name = .*/host_name = "new-name.plant.example"/' /etc/muster/config.toml
  done
  expect "another host name" 'and was muster.plant.example' "${pat[@]}" "$(block '--take-host-name')"
  for node in node-a node-b; do
    at "$node"
    expect "$node starts with it" '' "${pat[@]}" 'sudo systemctl start musterd'
    node_state "$node" UP
  done
  at device
  script "devices hear it" 'new-name.plant.example' "sed -i 's/muster.plant.example/new-name.plant.example/' /etc/aziot/config.toml; iotedge config apply >/dev/null
    iotedge system reprovision >/dev/null; curl -sf --unix-socket /run/aziot/identityd.sock 'http://d/identities/device?api-version=2020-09-01' -X POST -H 'Content-Type: application/json' -d '{\"type\":\"aziot\"}'"
}

nodes_run() {
  local node
  plant=$here/nodes
  if ! nodes_fetch; then
    tail -n 5 "$here/fetch.log"
    echo "SKIPPED: several nodes: what they need of Debian cannot be fetched"
    skipped=$((skipped + 1))
    return
  fi
  rm -rf "$plant"
  nodes_certificates "$plant"
  if ! nodes_tree >"$here/nodes.log" 2>&1; then
    tail -n 20 "$here/nodes.log"
    failed=$((failed + 1))
    echo "FAILED: the tree of files for several machines cannot be made"
    return
  fi
  if ! machines_boot "$root" database=192.0.2.10 balancer=192.0.2.20 node-a=192.0.2.11 node-b=192.0.2.12 alone=192.0.2.13 device=192.0.2.30; then
    tail -n 20 "$root.console"
    echo "SKIPPED: several nodes: the machines do not boot here"
    skipped=$((skipped + 1))
    return
  fi
  cp "$plant/other.pem" "$machines_tree.machines/node-b/root/root/other.pem"
  local step
  for step in nodes_database 'node_joins node-a 192.0.2.11' 'node_joins node-b 192.0.2.12' nodes_balancer nodes_device nodes_stopped \
    nodes_database_restarts nodes_cut_off nodes_new_password nodes_log_of_database nodes_backup nodes_upgrade nodes_other_strings nodes_wrong_input nodes_move \
    nodes_new_name; do
    $step
    # What follows stands on what went before.
    [ "$failed" -lt 4 ] || return 0
  done
  local left code
  left=$(blocks_left)
  [ -z "$left" ] && code=0 || code=1
  verdict "$code" "every line of every block of the page was run" "$left"
}
nodes_run
