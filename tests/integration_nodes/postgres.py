"""A PostgreSQL of a test's own: made, started, stopped, hung up.

As a program, for tests that are not in Python: postgres.py PORT READY DATABASE... has one with these databases until it is
told to end (SIGTERM), and makes the file READY once it answers.
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PASSWORD = "a password of the database"


def programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return os.path.dirname(found[-1]) if found else None


def connection(port, database):
    return f"host=127.0.0.1 port={port} dbname={database} user=muster sslmode=disable"


class Postgres:
    """A cluster in a directory of its own, on a port of 127.0.0.1, with one role, muster, and databases of its own.

    `small` puts its "data" or its "wal" on the file system that is mounted there."""

    def __init__(self, port, databases=("muster",), small=(None, None)):
        self.programs, self.port = programs(), port
        self.directory = tempfile.mkdtemp(prefix="muster-postgres-")
        self.account = None
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            self.account = next(name for name in ("postgres", "nobody") if name in {p.pw_name for p in pwd.getpwall()})
            shutil.chown(self.directory, self.account)
        what, where = small
        places = {part: os.path.join(where if part == what else self.directory, part) for part in ("data", "wal")}
        if what and self.account:
            shutil.chown(where, self.account)
        self.data = places["data"]
        segments = ["-X", places["wal"], "--wal-segsize=1"] if what else []
        self.run("initdb", "-D", self.data, *segments, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{self.directory}'\n"
                       "max_connections = 60\n" + ("min_wal_size = 2MB\nmax_wal_size = 6MB\n" if what else ""))
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="utf-8") as file:
            file.write("local all postgres trust\nhost all muster 127.0.0.1/32 scram-sha-256\n")
        self.start()
        self.sql("postgres", f"CREATE ROLE muster LOGIN PASSWORD '{PASSWORD}'")
        for name in databases:
            self.sql("postgres", f"CREATE DATABASE {name} OWNER muster")

    def command(self, program, *arguments):
        command = [os.path.join(self.programs, program), *arguments]
        return ["runuser", "-u", self.account, "--", *command] if self.account else command

    def run(self, program, *arguments):
        done = subprocess.run(self.command(program, *arguments), cwd=self.directory, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}")

    def start(self):
        self.run("pg_ctl", "start", "-w", "-D", self.data, "-l", os.path.join(self.directory, "log"))

    def stop(self, mode="fast"):
        self.run("pg_ctl", "stop", "-w", "-m", mode, "-D", self.data)

    def encrypt(self, name):
        """Shows a certificate for that name from now on; returns the file that one trusts it by."""
        certificate, key = (os.path.join(self.directory, f"{name}.{end}") for end in ("pem", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                        "-out", certificate, "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "2"],
                       check=True, stderr=subprocess.DEVNULL)
        os.chmod(key, 0o600)
        if self.account:
            shutil.chown(key, self.account)
        for setting in (f"ssl_cert_file = '{certificate}'", f"ssl_key_file = '{key}'", "ssl = on"):
            self.sql("postgres", f"ALTER SYSTEM SET {setting}")
        self.sql("postgres", "SELECT pg_reload_conf()")
        return certificate

    def answers(self):
        return subprocess.run(self.command("pg_isready", "-q", "-h", self.directory, "-p", str(self.port)), cwd=self.directory,
                              check=False).returncode == 0

    def comes_back(self):
        """Whether it answers again, by itself or started anew: after a crash it may be at either."""
        if not self.answers() and subprocess.run(self.command("pg_ctl", "status", "-D", self.data), cwd=self.directory, check=False,
                                                 stdout=subprocess.DEVNULL).returncode != 0:
            self.start()
        return self.answers()

    def pid(self):
        with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
            return int(file.readline())

    def hang(self):
        """Every process of it stands still, as on a machine that does not answer."""
        self.signal_all(signal.SIGSTOP)

    def go_on(self):
        self.signal_all(signal.SIGCONT)

    def signal_all(self, number):
        parent = self.pid()
        children = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False).stdout.split()
        for pid in [parent, *map(int, children)]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def sql(self, database, statement):
        done = subprocess.run(self.command("psql", "-h", self.directory, "-p", str(self.port), "-U", "postgres", "-At", "-v",
                                           "ON_ERROR_STOP=1", "-c", statement, database), cwd=self.directory,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{statement}: {done.stderr}")
        return done.stdout.strip()

    def connection(self):
        return connection(self.port, "muster")

    def remove(self):
        try:
            self.go_on()
            self.stop("immediate")
        except (OSError, RuntimeError):
            time.sleep(0.1)  # it was stopped already
        shutil.rmtree(self.directory, ignore_errors=True)


def main(port, ready, *databases):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    server = Postgres(int(port), databases)
    with open(ready, "w", encoding="utf-8") as file:
        file.write(server.directory + "\n")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.remove()


if __name__ == "__main__":
    main(*sys.argv[1:])
