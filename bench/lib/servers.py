"""The servers under measurement: started on their core, watched through /proc, stopped."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

ROOT_CA = "certs/azure-iot-test-only.root.ca.cert.pem"
SERVER_CHAIN = "certs/iot-edge-server-localhost-full-chain.cert.pem"
SERVER_KEY = "private/iot-edge-server-localhost.key.pem"
DEVICE = "iot-edge-device-identity-idle"

_running = []


def stop_all():
    for server in list(_running):
        server.stop()


def muster(bench, *arguments):
    done = subprocess.run([os.path.join(bench["bin"], "muster"), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: muster {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def make_certificates(bench):
    """Root, intermediate, a server for all three, and one device; in the layout of `muster cert`."""
    os.makedirs(bench["certs"])
    for arguments in (("root",), ("intermediate",), ("server", "localhost"), ("device", "idle")):
        muster(bench, "cert", *arguments, "--dir", bench["certs"])
    # What every server sends: its own certificate and the intermediate, without the root.
    with open(os.path.join(bench["certs"], SERVER_CHAIN), encoding="ascii") as file:
        blocks = file.read().split("-----END CERTIFICATE-----\n")
    bench["server_chain"] = os.path.join(bench["certs"], "server-chain.pem")
    bench["server_key"] = os.path.join(bench["certs"], SERVER_KEY)
    with open(bench["server_chain"], "w", encoding="ascii") as file:
        file.write("".join(block + "-----END CERTIFICATE-----\n" for block in blocks[:2]))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, log):
    for _ in range(200):
        if process.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as file:
                sys.exit(f"bench: the server ended at once\n{file.read()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"bench: nobody answers on port {port}")


class Server:
    """One process, or a master and its workers, pinned to the server's core."""

    def __init__(self, bench, name, command, port, log):
        self.bench, self.name, self.port = bench, name, port
        with open(log, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen(["taskset", "-c", str(bench["server_core"]), *command], stdout=file,
                                            stderr=subprocess.STDOUT)
        _running.append(self)
        wait_for_port(port, self.process, log)

    def pids(self):
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(children, encoding="ascii") as file:
            return [self.process.pid, *map(int, file.read().split())]

    def cpu_seconds(self):
        ticks = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # utime, stime
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Kilobytes, all processes together."""
        total = {"VmRSS": 0, "VmHWM": 0}
        for pid in self.pids():
            with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
                for line in file:
                    key, _, value = line.partition(":")
                    if key in total:
                        total[key] += int(value.split()[0])
        return total

    def stop(self):
        if self in _running:
            _running.remove(self)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Nginx(Server):
    """A constant answer behind a mutual handshake, verified, nothing resumed."""

    def __init__(self, bench, folder):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        if not os.path.exists(program):
            sys.exit("bench: nginx is missing: apt-get install nginx-light")
        os.makedirs(folder)
        port = free_port()
        config = os.path.join(folder, "nginx.conf")
        paths = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off; {paths}
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_certificate {bench['server_chain']}; ssl_certificate_key {bench['server_key']};
    ssl_client_certificate {os.path.join(bench['certs'], ROOT_CA)}; ssl_verify_client on; ssl_verify_depth 3;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; ssl_session_cache off;
    location / {{ return 200 "ok\\n"; }}
  }}
}}
""")
        super().__init__(bench, "nginx, handshake", [program, "-c", config, "-e", f"{folder}/error.log"], port,
                         os.path.join(folder, "output"))


class BareServer(Server):
    def __init__(self, bench):
        port = free_port()
        program = os.path.join(bench["bench_bin"], "bench_bare_server")
        super().__init__(bench, "Muster's listener, handshake",
                         [program, f"127.0.0.1:{port}", bench["server_chain"], bench["server_key"]], port,
                         os.path.join(bench["certs"], "bare.log"))


class Musterd(Server):
    """The service, with one group that lets the fleet in."""

    def __init__(self, bench, data_dir, name, mqtts="off", amqps="off", metrics="off", more=""):
        self.data_dir, self.metrics = data_dir, metrics
        fresh = not os.path.exists(data_dir)
        port = free_port()
        config = data_dir + ".toml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""host_name = "localhost"
[listen]
https = "127.0.0.1:{port}"
mqtts = "{mqtts}"
amqps = "{amqps}"
metrics = "{metrics}"
[tls]
certificate = "{bench['server_chain']}"
key = "{bench['server_key']}"
{more}""")
        super().__init__(bench, name, [os.path.join(bench["bin"], "musterd"), "--config", config, "--data-dir", data_dir], port,
                         data_dir + ".log")
        # The operator's tools trust what is in the data directory: the bench's own root.
        shutil.copy(os.path.join(bench["certs"], ROOT_CA), os.path.join(data_dir, "server-ca.cert.pem"))
        if fresh:
            muster(bench, "enrollment-group", "create", "fleet", "--cp", os.path.join(bench["certs"], ROOT_CA), "--data-dir", data_dir)

    def scope(self):
        with open(os.path.join(self.data_dir, "endpoints.json"), encoding="utf-8") as file:
            return json.load(file)["idScope"]

    def kilobytes_per_idle_connection(self, count):
        """How much `count` connections add that have done their handshake, with a chain of three, and one request."""
        context = ssl.create_default_context(cafile=os.path.join(self.bench["certs"], ROOT_CA))
        context.load_cert_chain(os.path.join(self.bench["certs"], f"certs/{DEVICE}-full-chain.cert.pem"),
                                os.path.join(self.bench["certs"], f"private/{DEVICE}.key.pem"))
        before = self.memory()["VmRSS"]
        connections = []
        for _ in range(count):
            plain = socket.create_connection(("127.0.0.1", self.port))
            connection = context.wrap_socket(plain, server_hostname="localhost")
            connection.sendall(b"GET /muster/trust HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(65536)
            connections.append(connection)
        time.sleep(0.5)
        added = self.memory()["VmRSS"] - before
        for connection in connections:
            connection.close()
        return added / count
