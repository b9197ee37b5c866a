"""The wall clock of the programs' machine jumps by a day, forwards and backwards, and by ten years. Deadlines are not reckoned by it, and
leases are the ledger's."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from pace import Steady
from world import DONE, check, sized, wait_for

HOUR, DAY = 3600, 86400
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
    world.front.handler = Steady(20)
    consumers = world.consumers(2)
    migrate = world.start_migrate(batch_records=10, job="jumps")
    for number, seconds in enumerate([DAY, -DAY, 3650 * DAY, 0]):
        wait_for(lambda: (world.job() or {"verified": 0})["verified"] > 100 * number, 60, "more is verified")
        clock.set(seconds)
        if seconds == 3650 * DAY:
            wait_for(lambda: "ts=203" in "".join(consumer.err for consumer in consumers), 60, "the log goes by that clock")
    assert migrate.wait(120) == DONE, migrate.err
    wait_for(lambda: world.lag() == 0, 30, "everything is acknowledged")
    for consumer in consumers:
        assert consumer.alive, consumer.err
    for name in clock.env:
        del world.env[name]
    world.faults_end()
    check.everything(world)


@pytest.mark.parametrize("seconds, level", [(HOUR, "warning"), (-HOUR, "warning"), (0, "ok")])
def test_doctor_names_a_clock_that_is_wrong(world, tmp_path, seconds, level):
    clock = Clock(tmp_path)
    clock.set(seconds)
    world.fill(3)
    world.setup()
    said = world.producer("doctor", "--json", env=clock.env)
    row, = (row for row in json.loads(said.out)["checks"] if (row["area"], row["check"]) == ("postgresql", "clock"))
    assert row["state"] == level, said.out + said.err
    assert abs(float(row["found"].split()[0]) - abs(seconds)) < 30, row
    assert ("synchronise" in row.get("advice", "")) == (level == "warning"), row
