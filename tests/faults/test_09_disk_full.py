"""Line 9: the disk that PostgreSQL's data is on has no space left, for a while: work waits, goes on when there is space again, and
nobody is told. The disk is a small file system in memory; where none may be mounted, the server is made to believe that it is full."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

from own_postgres import OwnPostgres
from proxy import Gate, Proxy
from steady_job import SteadyJob
from world import DONE, check, sized, wait_for

TARGET = "job waits, goes on, equality"
SMALL = {"max_wal_size": "24MB", "min_wal_size": "8MB"}


class Ballast:
    """A file that takes all the space there is. Its removal is the only thing that is done for the server, unless it has ended:
    without space for its log it panics and cannot come up again."""

    def __init__(self, server):
        self.server, self.path = server, server.folder / "ballast"

    def __enter__(self):
        with open(self.path, "wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    pass

    def __exit__(self, *_):
        os.remove(self.path)
        time.sleep(0.5)
        if not self.server.alive:
            self.server.start()


class Pretence(Ballast):
    """Where no file system may be mounted: the server is made to find none (full.c)."""

    def __init__(self, server, path):
        self.server, self.path = server, path

    def __enter__(self):
        self.path.touch()


@pytest.fixture(scope="module")
def folder():
    """Of the user that the server runs as, which cannot enter those of pytest."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="ferry-disk-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def small(folder):
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "none", str(disk)], stderr=subprocess.DEVNULL).returncode == 0:
        with OwnPostgres(disk, **SMALL) as server:
            server.fill = Ballast(server)
            yield server
        subprocess.run(["umount", "-l", str(disk)], check=True)
        return
    library, flag = folder / "full.so", folder / "full"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(pathlib.Path(__file__).with_name("full.c"))], check=True)
    with OwnPostgres(disk, {"LD_PRELOAD": str(library), "FAULTS_FULL": str(flag)}, **SMALL) as server:
        server.fill = Pretence(server, flag)
        yield server


@pytest.fixture(scope="module")
def services(shared_services, small):
    return small.services(shared_services)


def test_no_space_while_batches_are_delivered(world, small, score):
    job, waited = SteadyJob(world, sized(1000, 3000)), 0
    for _ in range(sized(1, 4)):
        with small.fill:
            complaint = "No space left on device"
            wait_for(lambda: complaint in small.log.read_text(errors="replace")[waited:], 60, "the server has no space")
            time.sleep(sized(3, 8))
        waited = len(small.log.read_text(errors="replace"))
        assert job.migrate.alive, job.migrate.err
    good = job.end()
    score(9, "full %d times while delivering, %s" % (sized(1, 4), TARGET), TARGET, good)


def test_no_space_while_the_job_is_planned(world, small, score):
    world.fill(200)
    world.setup()
    world.consumers(1)
    gate = Gate()
    gate.close()

    def hold(request, forward):
        if request.verb == "get":
            gate.pass_through()
        return forward(request)
    with Proxy(world.source.url, hold) as proxy:
        migrate = world.start_migrate(source=proxy.url, batch_records=100, job="planning")
        wait_for(lambda: gate.waiting, 60, "the listing of the source")
        with small.fill:
            gate.open()
            wait_for(lambda: "No space left" in migrate.err, 60, "it says what it waits for")
            time.sleep(sized(1, 20))
            assert migrate.alive, migrate.err
        world.faults_end(within=120)
        assert migrate.wait(180) == DONE, migrate.err
    check.everything(world)
    score(9, "full while planning, %s" % TARGET, TARGET, True)
