"""What a program may find when it is started: outputs that take nothing or are closed, no home, a working directory that is gone,
signals that are blocked or ignored, no terminal; what it does when somebody asks it to stop, once or twice; and time that jumps."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from front import pass_on
from pace import Steady
from world import DONE, check, sized, wait_for

INTERRUPTED, UNWRITTEN = 6, 70
BLOCKED = [sys.executable, "-IBc", "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); os.execv(sys.argv[1], sys.argv[1:])"]


def shell(text):
    return ("sh", "-c", text + ' exec "$@"', "sh")


@pytest.mark.parametrize("program", ["ferry-producer", "ferry-consumer"])
def test_help_that_cannot_be_written_is_said_to_be(shared_services, program):
    path = shutil.which(program, path=shared_services["PATH"])
    for argument in ("--help", "--version"):
        with open("/dev/full", "w") as full:
            told = subprocess.run([path, argument], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
        assert (told.returncode, told.stderr) == (UNWRITTEN, "%s: standard output could not be written\n" % program)
        told = subprocess.run(["sh", "-c", '"$0" "$1" >&-', path, argument], stderr=subprocess.PIPE, text=True, timeout=30)
        assert (told.returncode, told.stderr) == (UNWRITTEN, "%s: standard output could not be written\n" % program)
        told = subprocess.run(["bash", "-c", '"$0" "$1" | head -n 1; exit "${PIPESTATUS[0]}"', path, argument], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=30)
        assert (told.returncode, told.stderr, told.stdout.count("\n")) == (DONE, "", 1)


def test_the_strangest_surroundings(world):
    """None of this is a reason to do anything else than the work."""
    world.fill(sized(400, 2000))
    world.setup()
    gone = world.folder / "gone"
    gone.mkdir()
    consumers = [
        world.start("ferry-consumer", under=shell("exec <&- >&- 2>&-;")),
        world.start("ferry-consumer", under=shell("exec 2>/dev/full; unset HOME;")),
        world.start("ferry-consumer", under=shell("trap '' HUP INT TERM PIPE CHLD USR1; cd '%s'; rmdir '%s';" % (gone, gone))),
        world.start("ferry-consumer", under=("setsid", *BLOCKED)),
    ]
    if subprocess.run(["unshare", "--pid", "--fork", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        consumers.append(world.start("ferry-consumer", under=("unshare", "--pid", "--fork", "--kill-child")))  # the first process there
    migrate = world.start("ferry-producer", *world.migrate_arguments(batch_records=20, job="strange"),
                          under=shell("exec 2>&- <&-; unset HOME;"))
    assert migrate.wait(120) == DONE, migrate.out
    world.faults_end()
    for consumer in consumers[:4]:
        assert consumer.stop(60) in (DONE, INTERRUPTED), consumer.err
    for consumer in consumers[4:]:
        child = int(open("/proc/%d/task/%d/children" % (consumer.pid, consumer.pid)).read().split()[0])
        os.kill(child, signal.SIGTERM)
        assert consumer.wait(60) in (DONE, INTERRUPTED), consumer.err
    check.everything(world)


def test_a_last_line_that_cannot_be_written_is_said_to_be(world):
    world.fill(100)
    world.setup()
    world.consumers(1)
    migrate = world.start("ferry-producer", *world.migrate_arguments(job="unwritten"), under=shell("exec >/dev/full;"))
    assert migrate.wait(120) == UNWRITTEN, migrate.err
    assert "standard output could not be written" in migrate.err
    assert world.job()["state"] == "succeeded"
    world.faults_end()
    check.everything(world)


@pytest.mark.parametrize("signum", sized([signal.SIGTERM, signal.SIGHUP], [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]))
def test_stopped_once_everything_is_given_back(world, signum):
    """Who goes on waits for no lease, neither for a claim nor at the end of the job."""
    world.env["FERRY_LEASE"] = "60s"
    world.front.handler = Steady(5)
    world.fill(200)
    world.setup()
    consumer, = world.consumers(1)
    migrate = world.start_migrate(batch_records=10, job="stopped")
    wait_for(lambda: (world.job() or {"verified": 0})["verified"] > 0, 60, "the first verified records")
    assert consumer.stop(30, signum) in (DONE, INTERRUPTED), consumer.err
    assert world.sql("SELECT count(*) AS n FROM ferry.batches WHERE state = 'claimed' AND lease_until > now()") == [{"n": 0}]
    assert world.sql("SELECT count(*) AS n FROM ferry.write_slots WHERE lease_until > now()") == [{"n": 0}]
    assert migrate.stop(30, signum) == INTERRUPTED, migrate.err
    assert "ferry-producer resume stopped" in migrate.out + migrate.err
    world.front.handler = pass_on
    world.faults_end(within=50)
    world.consumers(1)
    resumed = world.resume("stopped")
    assert resumed.status == DONE, resumed.err
    check.everything(world)


def test_stopped_twice_it_ends_at_once(world):
    held = []

    def hold(request, forward):
        if request.verb == "upsert" and not held:
            held.append(request)
            wait_for(lambda: request.is_given_up, 60, "the request is given up")
        return forward(request)
    world.front.handler = hold
    world.fill(200)
    world.setup()
    consumer, = world.consumers(1)
    migrate = world.start_migrate(batch_records=20, job="twice")
    wait_for(lambda: held, 60, "a request at the target")
    consumer.popen.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert consumer.alive, "the request may end, for ten seconds"
    assert consumer.stop(8) == INTERRUPTED, consumer.err  # nine of the ten seconds were left
    migrate.popen.send_signal(signal.SIGTERM)
    assert migrate.stop(8) == INTERRUPTED, migrate.err
    world.consumers(1)
    resumed = world.resume("twice")
    assert resumed.status == DONE, resumed.err
    world.faults_end()
    check.everything(world)
