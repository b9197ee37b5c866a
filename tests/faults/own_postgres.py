"""A PostgreSQL of a test's own, which may be stopped, killed, frozen and filled up.

    with OwnPostgres() as postgres:
        … postgres.services(services) …     # for a world whose ledger is here
        postgres.stop("immediate"); postgres.start()
"""

import glob
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import psycopg
import psycopg.rows

import ferry
from own_chroma import free_port

STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "smart": signal.SIGTERM}


def programs():
    """The folder with initdb and postgres."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))[-1:] or [
        os.path.realpath(shutil.which("initdb") or "")]
    assert os.access(found[0], os.X_OK), "no initdb; install postgresql"
    return pathlib.Path(found[0]).parent


class OwnPostgres:
    """settings: lines of postgresql.conf. folder: where its data goes (a new one, of the user that the server runs as). env: what
    the server finds in its environment, too."""

    def __init__(self, folder=None, env=None, **settings):
        self.bin = programs()
        # The server does not run as root, and its user cannot enter pytest's folders.
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] if os.geteuid() == 0 else []
        self.own = pathlib.Path(tempfile.mkdtemp(prefix="ferry-postgres-"))
        self.folder = pathlib.Path(folder or self.own)
        self.data = self.folder / "data"
        self.log = self.own / "log"
        self.port = free_port()
        self.settings = dict({"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "30",
                              "shared_buffers": "32MB"}, **settings)
        self.env = dict({"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **(env or {}))
        self.process = None

    def services(self, services):
        return dict(services, PGHOST="127.0.0.1", PGPORT=str(self.port))

    def run(self, program, *arguments, **options):
        return subprocess.run([*self.user, str(self.bin / program), *map(str, arguments)], check=True, capture_output=True,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, cwd="/", timeout=120, **options)

    def __enter__(self):
        try:
            self.give(self.folder)
            self.make()
            self.start()
            self.sql("CREATE ROLE ferry LOGIN CREATEROLE")
        except BaseException:
            self.__exit__()
            raise
        return self

    def give(self, folder):
        if self.user:
            shutil.chown(folder, "postgres", "postgres")

    def make(self):
        self.run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-N",
                 "--wal-segsize=1")
        self.configure()

    def configure(self, **settings):
        self.settings.update(settings)
        lines = ["port = %d" % self.port] + ["%s = '%s'" % pair for pair in self.settings.items()]
        self.write(self.data / "ferry.conf", "\n".join(lines) + "\n")
        text = (self.data / "postgresql.conf").read_text()
        if "ferry.conf" not in text:
            self.write(self.data / "postgresql.conf", text + "include = 'ferry.conf'\n")

    def write(self, path, text):
        path.write_text(text)
        self.give(path)

    def start(self, seconds=60):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.user, str(self.bin / "postgres"), "-D", str(self.data)], cwd="/", stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL,
                                            env=self.env)
        ferry.wait_for(self.answers, seconds, "a PostgreSQL of one's own")

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def answers(self):
        assert self.alive, self.log.read_text(errors="replace")[-3000:]
        try:
            with self.connect(connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def connect(self, database="postgres", **options):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True,
                               row_factory=psycopg.rows.dict_row, **options)

    def sql(self, statement, *values, database="postgres"):
        with self.connect(database) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def backends(self):
        """The server processes that the two programs talk to."""
        return [row["pid"] for row in self.sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ferry-%'")]

    def terminate_backends(self):
        return self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ferry-%'")

    def stop(self, how="fast"):
        """fast and smart end in order, immediate as a power cut would, but for the disk's cache."""
        if self.alive:
            self.process.send_signal(STOPS[how])
            self.process.wait(60)

    def standby(self):
        """A copy that follows, not started yet. No commit of ours is answered any more before it has it, too."""
        copy = OwnPostgres()
        copy.give(copy.folder)
        copy.run("pg_basebackup", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "-D", copy.data, "-R", "-N", "-c", "fast")
        copy.configure(**self.settings)
        return copy

    def follow_closely(self):
        """Once the standby is there."""
        ferry.wait_for(lambda: self.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"), 30, "a standby")
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.sql("SELECT pg_reload_conf()")
        ferry.wait_for(lambda: self.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"), 30, "a synchronous standby")

    def follow_nobody(self):
        self.sql("ALTER SYSTEM RESET synchronous_standby_names")
        self.sql("SELECT pg_reload_conf()")

    def read_only(self, is_so):
        """For everybody who does not ask otherwise, from the next transaction on."""
        with self.connect() as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = %s" % ("on" if is_so else "off"))
            connection.execute("SELECT pg_reload_conf()")

    def children(self):
        pids = []
        for entry in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(entry) as stat:
                    fields = stat.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                pids.append(int(entry.split("/")[2]))
        return pids

    def __exit__(self, *_):
        if self.process is not None:
            for pid in self.children() if self.alive else []:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
            self.process.send_signal(signal.SIGCONT)
            self.stop("immediate")
        shutil.rmtree(self.own, ignore_errors=True)
