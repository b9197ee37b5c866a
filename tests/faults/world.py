"""What a scenario drives: ../e2e/ferry.py's world, with a front that logs every write before the target, secrets that must
appear nowhere, a trail of what happens to every batch (trail.sql), and services of its own where a scenario stops or kills one."""

import os
import pathlib
import random
import shlex
import signal
import subprocess
import sys
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
import check  # noqa: E402
import evidence  # noqa: E402
import ferry as e2e  # noqa: E402
from ferry import DONE, wait_for  # noqa: E402
from front import Front  # noqa: E402

LEASE = 2       # seconds; the least that the programs take
FULL = os.environ.get("FERRY_FAULTS") == "full"
WITHIN = 60     # seconds after the last fault in which a job must be over, unless a scenario says otherwise
SEED = int(os.environ.get("FERRY_TEST_SEED") or random.SystemRandom().randrange(10**9))


def sized(ci, full):
    """A size of a scenario: for continuous integration, and for the scorecard."""
    return full if FULL else ci


def dice(what=""):
    """A random generator whose seed is printed; FERRY_TEST_SEED repeats it."""
    print("FERRY_TEST_SEED=%d" % SEED)
    return random.Random("%d %s" % (SEED, what))


class Services:
    """Another instance of the services (compose/local), or of some of them; the others are those that run already.

        with Services(folder, "kafka") as services:
            services.kill("kafka")      # SIGKILL; also any other signal
            services.up("kafka")        # the same port, the same data
    """

    def __init__(self, folder, *names):
        self.folder, self.names = folder, names or ("postgres", "kafka", "source", "target")
        self.env = {name: value for name, value in os.environ.items()
                    if not (name.startswith("FERRY_LOCAL_") and name.endswith("_PORT"))}
        self.env.update(FERRY_LOCAL_DIR=str(folder), FERRY_LOCAL_PORT="auto", FERRY_LOCAL_START_SECONDS="150")

    def local(self, *arguments, seconds=180):
        result = subprocess.run([str(e2e.REPO / "compose" / "local"), *arguments], env=self.env, stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=seconds)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def up(self, *names):
        return self.local("up", *(names or self.names))

    def down(self, *names):
        return self.local("down", *(names or self.names))

    def pid(self, name):
        return int((self.folder / "run" / (name + ".pid")).read_text().split()[0])

    def kill(self, name, signum=signal.SIGKILL):
        """Its first process only: PostgreSQL's others end by themselves."""
        pid = self.pid(name)
        os.kill(pid, signum)
        if signum == signal.SIGKILL:
            wait_for(lambda: gone(pid), 30, "%s is dead" % name)

    def log(self, name):
        return (self.folder / "log" / (name + ".log")).read_text(errors="replace")

    def addresses(self):
        """Of its services, by the variables that the programs read."""
        exported = dict(item.split("=", 1) for item in shlex.split(self.local("env")) if "=" in item)
        of = {"postgres": ("PGHOST", "PGPORT"), "kafka": ("FERRY_KAFKA_BROKERS",), "source": ("FERRY_SOURCE",),
              "target": ("FERRY_TARGET",)}
        return {variable: exported[variable] for name in self.names for variable in of[name]}

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names:
            try:
                os.kill(self.pid(name), signal.SIGCONT)
            except (OSError, ValueError):
                pass
        self.local("reset")


def gone(pid):
    """Dead with all its threads: until the last of them has ended, its ports are taken."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] in "ZX" and len(os.listdir("/proc/%d/task" % pid)) == 1
    except OSError:
        return True


class World(e2e.Ferry):
    def __init__(self, services, folder, name):
        super().__init__(services, folder, name)
        self.env["FERRY_LEASE"] = "%ds" % LEASE
        self.canaries, self.titles = {}, []
        self.ended, self.within = None, WITHIN
        self.front = Front(services["FERRY_TARGET"], folder / "writes.jsonl")
        self.front.__enter__()
        self.env["FERRY_TARGET"] = self.front.url
        for variable in ("FERRY_SOURCE_TOKEN", "FERRY_TARGET_TOKEN", "PGPASSWORD", "FERRY_KAFKA_SASL_PASSWORD"):
            self.env[variable] = self.canary(variable)

    def canary(self, name):
        """A secret that nobody may ever see again, for the environment of the programs."""
        self.canaries[name] = "canary-%s-%s" % (name.lower().replace("_", "-"), uuid.uuid4().hex)
        return self.canaries[name]

    # --- processes ---

    def start(self, program, *arguments, env=None, under=(), anew_until=None):
        process = super().start(program, *arguments, env=env, under=under, anew_until=anew_until)
        self.look(process)
        return process

    def look(self, process):
        """What anyone on this machine may read about it. Once the program has taken the place of the one that started it."""
        for name in ("cmdline", "comm"):
            try:
                with open("/proc/%d/%s" % (process.pid, name), errors="replace") as text:
                    self.titles.append(("title of " + process.name, text.read()))
            except OSError:
                pass

    def setup(self, env=None):
        """Ledger and topics, and the trail."""
        process = super().setup(env)
        with self.connect(user="postgres") as connection:
            connection.execute((HERE / "trail.sql").read_text())
        return process

    def kill(self, *processes):
        for process in processes:
            if process.alive:
                process.kill()

    def resume(self, job, *flags, env=None, seconds=e2e.DEADLINE):
        return self.producer("resume", job, *flags, env=env, seconds=seconds)

    def faults_end(self, within=None):
        """From now on nothing is done to anyone; the jobs must be over within so many seconds."""
        self.ended = time.time()
        if within is not None:
            self.within = within

    # --- what the check needs ---

    def where(self, job=None, status=True, **changes):
        for process in self.processes:
            if process.alive:
                self.look(process)
        if status:  # what it prints is looked at with the rest
            said = [self.producer("status"), self.producer("status", "--json")]
            assert all(process.status == DONE for process in said), said[0].err + said[1].err
        known = dict(
            dsn="host=%s port=%s user=postgres dbname=%s" % (self.services["PGHOST"], self.services["PGPORT"], self.database),
            brokers=self.services["FERRY_KAFKA_BROKERS"], topic=self.topic.name, dead_letters=self.dead_letters.name,
            source=self.source.url, target=self.target.url, job=job, front_log=self.front.path,
            canaries=self.canaries.values(), files=[path for process in self.processes for path in process.paths],
            texts=self.titles, ended=self.ended, within=self.within)
        known.update(changes)
        return evidence.Where(**known)

    def check_now(self, *invariants):
        """Those that must hold at any moment; by itself, that no offset is ahead of what is done."""
        for finding in check.findings(self.where(status=False), invariants or (check.i3,)):
            assert finding.holds, str(finding)

    def steps(self, kind=None):
        """Events of the ledger."""
        return self.sql("SELECT * FROM ferry.events WHERE %s::text IS NULL OR kind = %s ORDER BY event_id", kind, kind)

    def redone(self):
        """(records exported, records delivered, records planned): how much work was done more than once."""
        row, = self.sql("SELECT sum(n_records * exports) AS exported, sum(n_records * deliveries) AS delivered, "
                        "sum(n_records) AS planned FROM ferry.batches WHERE state <> 'superseded'")
        return tuple(int(row[name] or 0) for name in ("exported", "delivered", "planned"))

    def end(self):
        for process in self.processes:
            if process.alive:
                process.popen.send_signal(signal.SIGCONT)
                process.kill()
        self.front.__exit__()
        super().end()


__all__ = ["DONE", "FULL", "LEASE", "Front", "Services", "World", "check", "dice", "sized", "wait_for"]
