"""Line 5: the disk that the broker's log is on has no space left. Kafka then takes its log folder out of service and goes down, for it has
no other; it comes back when there is space and somebody starts it. The programs wait, and say for what."""

import os
import shutil
import subprocess

import pytest

from pace import Steady
from world import DONE, check, gone, sized, wait_for

OWN = ("kafka",)
SIZE_MB = 64
TIMES = sized(1, 5)
RECORDS, BATCH = 1200 * (TIMES + 1), 5  # more than the producer publishes ahead
LIMIT = 300
pytestmark = pytest.mark.slow  # a minute and a half


@pytest.fixture
def disk(own):
    """The broker's log moves to a small file system in memory. Returns its folder."""
    folder = own.folder / "data"
    aside = own.folder / "data.aside"
    own.down("kafka")
    folder.rename(aside)
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % SIZE_MB, "none", str(folder)], stderr=subprocess.PIPE)
    if mounted.returncode != 0:
        pytest.skip("no file system may be mounted here: %s" % mounted.stderr.decode().strip())
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        own.up("kafka")
        yield folder
        own.down("kafka")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path):
    """All the space there is."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass


def test_a_broker_without_space(own, disk, world, score):  # the disk is the last to go
    world.fill(RECORDS, dimension=8)
    world.setup()
    world.front.handler = Steady(40)
    consumers = world.consumers(2)
    job = world.start_migrate(batch_records=BATCH, job="space")
    said = []
    for number in range(TIMES):
        world.wait_for_verified(600 * (number + 1), "space", LIMIT)
        pid = own.pid("kafka")
        fill(disk / "ballast")
        wait_for(lambda: gone(pid), LIMIT, "the broker is down")
        wait_for(lambda: world.job("space")["waits_for"], LIMIT, "it is said what is waited for")
        said.append(world.job("space")["waits_for"])
        before = world.job("space")["verified"]
        os.remove(disk / "ballast")
        own.up("kafka")
        world.faults_end(LIMIT)
        wait_for(lambda: world.job("space")["verified"] > before, LIMIT, "it goes on")
    job.status = job.wait(LIMIT)
    alive = all(process.alive for process in consumers)
    figure = "no space %d times, \"%s\"; %d batches swept, exit %d" % (TIMES, said[0][:80], len(world.steps("batch.swept")), job.status)
    passed = job.status == DONE and alive and not world.sql("SELECT * FROM ferry.rejected_records")
    score(line=5, figure=figure, target="0 lost, no operator action", passed=passed)
    assert passed, figure + "\n" + job.err
    check.everything(world)
