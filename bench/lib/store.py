"""A full store, quickly: records that musterd itself wrote, copied under other names.

No knowledge of the schema is kept here: in every table, a row that names the template device becomes many rows, each
naming another device.
"""
import os
import sqlite3
import subprocess

from servers import muster

TEMPLATE = "template-device"


def make_templates(server, bench):
    """An individual enrollment and a registered device of it, made over the service's own APIs."""
    muster(bench, "cert", "device", TEMPLATE, "--dir", bench["certs"], "--force")
    chain = os.path.join(bench["certs"], f"certs/iot-edge-device-identity-{TEMPLATE}.cert.pem")
    muster(bench, "enrollment", "create", TEMPLATE, "--certificate-path", chain, "--data-dir", server.data_dir)
    register_template(server, bench)


def register_template(server, bench):
    body = f'{{"registrationId":"{TEMPLATE}"}}'
    stem = os.path.join(bench["certs"], "{}", f"iot-edge-device-identity-{TEMPLATE}")
    command = ["curl", "-sS", "--fail", "--cacert", os.path.join(server.data_dir, "server-ca.cert.pem"),
               "--cert", stem.format("certs") + "-full-chain.cert.pem", "--key", stem.format("private") + ".key.pem",
               "-X", "PUT", "-H", "Content-Type: application/json", "-d", body,
               f"https://localhost:{server.port}/{server.scope()}/registrations/{TEMPLATE}/register?api-version=2019-03-31"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def names(count):
    """Scattered like those of `muster simulate --scatter`, between them and never the same."""
    for i in range(count):
        yield f"dev-{(500_000_000 + i) * 618_033_989 % 1_000_000_000:09}x"


def multiply(path, count):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -1000000")
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if not is_numbered(connection, table):
                copy_rows(connection, table, count)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def is_numbered(connection, table):
    """A journal, whose rows are numbered as they come: it is appended to, and costs the same whatever it holds."""
    return any(kind == "INTEGER" and key for _, _, kind, _, _, key in connection.execute(f"PRAGMA table_info({table})"))


def copy_rows(connection, table, count):
    rows = [row for row in connection.execute(f"SELECT * FROM {table}")
            if any(isinstance(value, str) and TEMPLATE in value for value in row)]
    for row in rows:
        # In the order of the names' making, as devices arrive: sorted, every page would be full, which no store that has
        # grown is, and each new name would split one.
        marks = ", ".join("?" for _ in row)
        copies = ([value.replace(TEMPLATE, name) if isinstance(value, str) else value for value in row]
                  for name in names(count))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", copies)
