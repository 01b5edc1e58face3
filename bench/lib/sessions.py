"""Idle sessions with TLS, opened one by one against a server under measurement."""
import json
import os
import socket
import ssl
import sys
import time

import servers


class Musterd(servers.Musterd):
    """On free ports for MQTT and AMQP."""

    def __init__(self, bench, data_dir):
        super().__init__(bench, data_dir, "musterd", mqtts="127.0.0.1:0", amqps="127.0.0.1:0")
        with open(os.path.join(data_dir, "endpoints.json"), encoding="utf-8") as file:
            endpoints = json.load(file)
        self.mqtt_port = int(endpoints["mqtts"].rpartition(":")[2])
        self.amqp_port = int(endpoints["amqps"].rpartition(":")[2])
        self.id_scope = endpoints["idScope"]


def connect(context, port):
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")


def read_exactly(connection, size, who):
    answer = b""
    while len(answer) < size:
        received = connection.recv(size - len(answer))
        if not received:
            sys.exit(f"bench: {who} closed a session: {answer.hex()}")
        answer += received
    return answer


def measure(bench, server, open_session, sessions, warm):
    """`open_session(context, server, number)` gives a connection to hold. What is made once is paid for by the first `warm`."""
    context = ssl.create_default_context(cafile=os.path.join(bench["certs"], servers.ROOT_CA))
    name = servers.DEVICE
    context.load_cert_chain(os.path.join(bench["certs"], f"certs/{name}-full-chain.cert.pem"),
                            os.path.join(bench["certs"], f"private/{name}.key.pem"))
    held = [open_session(context, server, number) for number in range(warm)]
    time.sleep(1)
    before = server.memory()["VmRSS"]
    held += [open_session(context, server, warm + number) for number in range(sessions)]
    time.sleep(1)
    after = server.memory()["VmRSS"]
    for connection in held:
        connection.close()
    return {"server": server.name, "sessions": sessions, "kilobytesPerSession": round((after - before) / sessions, 1)}
