"""The wall clock of the programs' machine jumps by a day, forwards and backwards, and by ten years. Deadlines are not reckoned by it, and
leases are the ledger's."""

import os
import pathlib
import shutil
import subprocess

import pytest

from world import DONE, check, sized, wait_for

DAY = 86400
pytestmark = pytest.mark.skipif(os.environ.get("FERRY_TEST_PRESET") == "asan" or shutil.which("cc") is None,
                                reason="sanitizers let nothing be preloaded")


class Clock:
    """A wall clock that may be set; the program's other clocks go on."""

    def __init__(self, folder):
        library, self.path = folder / "clock.so", folder / "clock"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(pathlib.Path(__file__).with_name("clock.c"))], check=True)
        self.set(0)
        self.env = {"LD_PRELOAD": str(library), "FAULTS_CLOCK": str(self.path)}

    def set(self, seconds):
        new = self.path.with_suffix(".new")
        new.write_text("%d\n" % seconds)
        new.rename(self.path)


def test_the_programs_clock_jumps(world, tmp_path):
    clock = Clock(tmp_path)
    world.fill(sized(600, 2000))
    world.setup()
    world.env.update(clock.env)
    consumers = world.consumers(2)
    migrate = world.start_migrate(batch_records=10, job="jumps")
    for number, seconds in enumerate([DAY, -DAY, 3650 * DAY, 0]):
        wait_for(lambda: (world.job() or {"verified": 0})["verified"] > 100 * number, 60, "more is verified")
        clock.set(seconds)
    assert migrate.wait(120) == DONE, migrate.err
    wait_for(lambda: world.lag() == 0, 30, "everything is acknowledged")
    said = "".join(consumer.err for consumer in consumers)
    assert "ts=203" in said, "the log goes by that clock"
    for consumer in consumers:
        assert consumer.alive, consumer.err
    for name in clock.env:
        del world.env[name]
    world.faults_end()
    check.everything(world)
