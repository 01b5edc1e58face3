"""A musterd as a process, the calls of services and devices to it, and a webhook as a server of its own."""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse


def free_port():
    """One that no connection is given for its own end, so that a service which is away finds it again."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def sas(resource, key, policy=None):
    expiry = int(time.time()) + 3600
    encoded = urllib.parse.quote(resource, safe="")
    signature = base64.b64encode(
        hmac.new(base64.b64decode(key), f"{encoded}\n{expiry}".encode(), hashlib.sha256).digest())
    token = f"SharedAccessSignature sr={encoded}&sig={urllib.parse.quote(signature, safe='')}&se={expiry}"
    return token + (f"&skn={policy}" if policy else "")


class Answer:
    def __init__(self, status, body):
        self.status = status
        self.text = body.decode()
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None


class Musterd:
    """One service on a port that stays the same over restarts."""

    def __init__(self, programs, work, name, more=""):
        self.programs, self.name = programs, name
        self.data = os.path.join(work, name)
        self.port = free_port()
        self.config = self.data + ".toml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'host_name = "{name}"\n{more}\n[listen]\nhttps = "127.0.0.1:{self.port}"\n'
                       'mqtts = "off"\namqps = "off"\nmetrics = "off"\n')
        self.process = None

    def start(self):
        endpoints = os.path.join(self.data, "endpoints.json")
        if os.path.exists(endpoints):
            os.remove(endpoints)
        with open(self.data + ".log", "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.programs, "musterd"), "--config", self.config, "--data-dir", self.data],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: os.path.exists(endpoints) or self.process.poll() is not None, f"{self.name} starts")
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} does not start:\n{self.log()}")
        self.ca_file = os.path.join(self.data, "server-ca.cert.pem")
        with open(self.ca_file, encoding="utf-8") as file:
            self.ca = file.read()
        with open(os.path.join(self.data, "access-policies.json"), encoding="utf-8") as file:
            self.policies = {policy["keyName"]: policy for policy in json.load(file)["policies"]}
        with open(os.path.join(self.data, "id-scope"), encoding="utf-8") as file:
            self.scope = file.read().strip()
        self.tls = ssl.create_default_context(cadata=self.ca)

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        return self.process.wait(30)

    def log(self):
        with open(self.data + ".log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def call(self, method, path, body=None, headers=None, tls=None):
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=30, context=tls or self.tls)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def service(self, method, path, body=None, headers=None):
        mark = "&" if "?" in path else "?"
        token = sas(self.name, self.policies["owner"]["primaryKey"], "owner")
        return self.call(method, f"{path}{mark}api-version=2021-10-01", body,
                         {"Authorization": token, **(headers or {})})

    def connection_string(self, policy="iothubowner", key=None):
        key = key or self.policies[policy]["primaryKey"]
        return f"HostName={self.name}:{self.port};SharedAccessKeyName={policy};SharedAccessKey={key}"

    # --- as a device with a symmetric key

    def register(self, device, key, payload=None, more=None, version="2021-06-01"):
        body = {"registrationId": device, **(more or {})}
        if payload is not None:
            body["payload"] = payload
        return self.call("PUT", f"/{self.scope}/registrations/{device}/register?api-version={version}", body,
                         {"Authorization": sas(f"{self.scope}/registrations/{device}", key, "registration")})

    def poll(self, device, key, operation, version="2021-06-01"):
        return self.call("GET", f"/{self.scope}/registrations/{device}/operations/{operation}?api-version={version}",
                         headers={"Authorization": sas(f"{self.scope}/registrations/{device}", key, "registration")})

    def provision(self, device, key, payload=None, patience=60, more=None, version="2021-06-01"):
        """Registers and polls like an SDK: the registration state that it ends with."""
        accepted = self.register(device, key, payload, more, version)
        if accepted.status != 202:
            raise RuntimeError(f"register {device}: {accepted.status} {accepted.text}")
        return self.follow(device, key, accepted.json["operationId"], patience, version)

    def follow(self, device, key, operation, patience=60, version="2021-06-01"):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            answer = self.poll(device, key, operation, version)
            if answer.status == 200:
                return answer.json["registrationState"]
            if answer.status != 202:
                raise RuntimeError(f"poll {device}: {answer.status} {answer.text}")
            time.sleep(0.05)
        return {"status": "assigning without end"}


def wait_for(condition, what, patience=90):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise RuntimeError(f"this did not come true in {patience} s: {what}")


class Webhook:
    """An HTTPS server that chooses hubs; `answer` is (status, body, seconds to wait first)."""

    def __init__(self, certificate, key):
        self.answer = (200, b"{}", 0)
        self.asked = []
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.asked.append((self.path, dict(self.headers), body))
                status, text, wait = webhook.answer
                time.sleep(wait)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a caller that did not wait for a slow answer
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}/allocate?code=secret"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class FileServer:
    """An HTTP server for one file; /moved leads to it, and everything else is not there."""

    def __init__(self, path):
        name = "/" + os.path.basename(path)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path == name
                self.send_response(200 if found else 302 if self.path == "/moved" else 404)
                self.send_header("Location", name)
                self.end_headers()
                if found:
                    with open(path, "rb") as file:
                        self.wfile.write(file.read())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
