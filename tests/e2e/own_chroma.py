"""A Chroma server of a test's own, whose files may be damaged while it is stopped.

    with OwnChroma(folder) as chroma:
        … chroma.server …
        with chroma.stopped() as database:      # its SQLite
            database.execute(…)
"""

import contextlib
import itertools
import os
import pathlib
import random
import socket
import sqlite3
import subprocess
import sys
import time

import ferry
from server import Server, Unreachable

MAIN = """import sys
sys.path.insert(0, sys.argv.pop(1))
import chromadb_rust_bindings
chromadb_rust_bindings.cli(["chroma"] + sys.argv[1:])"""


def library():
    folder = pathlib.Path(os.environ.get("FERRY_LOCAL_LIB") or ferry.REPO / ".ferry" / "lib")
    return sorted(folder.glob("chroma-*"))[-1]


# Below the ports that the system hands out by itself (32768 and more), which another process may get before the server has its own,
# and beside those of compose/local (18700, and 20000 to 29999 for "auto"): a thousand for each of pytest's workers, in each run
# from another one on.
PORTS = 10000
places = itertools.count(random.SystemRandom().randrange(1000))


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    for _ in range(1000):
        port = PORTS + 1000 * worker + next(places) % 1000
        try:
            socket.create_server((host, port), family=family).close()
            return port
        except OSError:  # somebody has it
            pass
    raise AssertionError("no free port of %s from %d on" % (host, PORTS + 1000 * worker))


class OwnChroma:
    def __init__(self, folder, host="127.0.0.1"):
        self.folder, self.host = folder, host
        self.port = free_port(host)
        self.url = "http://%s:%d" % ("[%s]" % host if ":" in host else host, self.port)
        self.server = Server(self.url)
        self.process = None

    def __enter__(self):
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_):
        self.server.close()
        self.stop()

    def start(self):
        env = {name: value for name, value in os.environ.items() if not name.startswith("CHROMA_")}
        with open(self.folder / "chroma.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-IB", "-c", MAIN, str(library()), "run", "--path", str(self.folder / "data"),
                 "--host", self.host, "--port", str(self.port)],
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ferry.wait_for(self.answers, 60, "a Chroma of one's own")

    def answers(self):
        assert self.process.poll() is None, (self.folder / "chroma.log").read_text(errors="replace")
        try:
            return self.server.ask("GET", "/api/v2/heartbeat")
        except Unreachable:
            time.sleep(0.1)
            return None

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    @contextlib.contextmanager
    def stopped(self):
        self.stop()
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "chroma.sqlite3")) as database:
            yield database
            database.commit()
        self.start()

    def orphan(self, collection, ids):
        """Adds records that have no vector, as they are found where an index was lost."""
        with self.stopped() as database:
            segment, = database.execute("SELECT id FROM segments WHERE scope = 'METADATA' AND collection = ?",
                                        (collection["id"],)).fetchone()
            for name in ids:
                database.execute("INSERT INTO embeddings (segment_id, embedding_id, seq_id) VALUES (?, ?, 1)", (segment, name))
