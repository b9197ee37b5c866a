"""Line 6: the idempotent producer inside the client library ends fatally, as 2.0.2 does after an ordinary broker restart, with messages
in flight, again and again; it is rebuilt, and what has no report goes again. fatal.c brings it about. That 2.0.2 gets there by
itself, and what then becomes of each message, is shown by unit.bus_disconnect_mock with the library's own mock of a cluster."""

import os
import shutil
import subprocess

import pytest

from ferry import DONE, REPO
from world import FULL, HERE, check, sized

TIMES = sized(5, 50)
RECORDS, BATCH = sized(500, 6000), 10
COMPILER = shutil.which("cc") or shutil.which("gcc")


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    if not COMPILER:
        pytest.skip("no C compiler here")
    library = tmp_path_factory.mktemp("shim") / "fatal.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(library), str(HERE / "fatal.c"),
                    "-lrdkafka", "-ldl"], check=True)
    return library


def test_rebuilt_after_each_fatal_error(world, shim, score):
    log = world.folder / "fatal.log"
    world.fill(RECORDS, dimension=8)
    world.setup()
    world.consumers()
    migrate = world.start_migrate(batch_records=BATCH, env={
        "LD_PRELOAD": str(shim), "FERRY_FATAL_LOG": str(log), "FERRY_FATAL_TIMES": str(TIMES), "FERRY_FATAL_EVERY": "3"})
    assert migrate.wait(sized(90, 300)) == DONE, migrate.err
    recovered = log.read_text().count("\n") if log.exists() else 0
    world.faults_end()
    check.everything(world)
    exported, _, planned = world.redone()
    score(6, "%d recoveries, 0 lost, exported %.2f times" % (recovered, exported / planned), "%d recoveries, 0 lost" % TIMES,
          recovered == TIMES)
    assert recovered == TIMES


@pytest.mark.skipif(not FULL, reason="tests/run unit has run it")
def test_the_library_gets_there_by_itself(score):
    """Batches in flight, a disconnect, a passing refusal: 1, 3 and 5 of them, and at random."""
    program = REPO / "build" / os.environ.get("FERRY_TEST_PRESET", "dev") / "tests" / "unit.bus_disconnect_mock"
    if not program.exists():
        pytest.skip("%s is not built" % program)
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=180)
    passed = done.stdout.count("[       OK ]") + done.stderr.count("[       OK ]")
    score(6, "%d scenes of a disconnect with messages in flight survived" % passed, "all", done.returncode == 0)
    assert done.returncode == 0 and passed >= 4, done.stdout + done.stderr
