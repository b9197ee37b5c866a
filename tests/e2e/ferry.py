"""What the end-to-end tests drive: the two programs as processes, the ledger, the topic, and the two Chroma servers.

Every test gets its own ledger (a database), topic and collection names, so none sees what another left behind. Nothing here
uses the programs' code: the ledger is asked through its views, the topic through another client library.
"""

import gzip
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid

import confluent_kafka
import confluent_kafka.admin
import psycopg
import psycopg.rows

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "compose" / "sample"))
import corpus  # noqa: E402
import judge  # noqa: E402
import load  # noqa: E402
from server import Server  # noqa: E402

LEASE = "5s"      # instead of 60 s, so that a killed program's work is taken over soon
DEADLINE = 240    # seconds until a program that should end must have ended: several pauses after failures, each up to 60
QUIET = 3         # seconds in which "nothing happens" is believed
LIGHT = {"ef_construction": 10, "max_neighbors": 4}  # an index that costs little; none of these tests searches

DONE, REJECTS, USAGE, UNAVAILABLE, NEEDS_PERSON, MISMATCH, INTERRUPTED, BUG = 0, 1, 2, 3, 4, 5, 6, 70

numbers = itertools.count(1)


class TooLate(AssertionError):
    """What was waited for did not happen in time."""


def wait_for(condition, seconds=DEADLINE, what="", interval=0.05):
    """Returns the first true value of condition()."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TooLate("not within %s s: %s" % (seconds, what or condition))
        time.sleep(interval)


def stays(condition, seconds=QUIET, what=""):
    """Fails when condition() is ever false."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), "no longer: %s" % (what or condition)
        time.sleep(0.1)


class Process:
    """One of the programs, running. Its output goes to files; its peak memory is looked at while it runs."""

    def __init__(self, name, command, env, cwd, anew_until=None):
        """anew_until: if it ends UNAVAILABLE before it has said this, it is started anew, once."""
        self.name, self.command, self.env, self.cwd = name, command, env, cwd
        self.paths = [cwd / ("%s.%s" % (name, stream)) for stream in ("out", "err")]
        self.lock, self.anew_until, self.peak_bytes = threading.Lock(), anew_until, 0
        self.popen = self._begin()
        threading.Thread(target=self._watch, daemon=True).start()

    def _begin(self):
        with open(self.paths[0], "ab") as out, open(self.paths[1], "ab") as err:
            return subprocess.Popen(self.command, env=self.env, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def _status(self):
        """None while it runs."""
        with self.lock:
            status = self.popen.poll()
            if status == UNAVAILABLE and self.anew_until and self.anew_until not in self.err:
                self.anew_until, self.popen, status = None, self._begin(), None
            return status

    def _never_anew(self):
        with self.lock:
            self.anew_until = None

    def _watch(self):
        # Not getrusage: what a child reports there includes the memory of the Python it was forked from.
        while self.alive:
            try:
                with open("/proc/%d/status" % self.pid) as status:
                    for line in status:
                        if line.startswith("VmHWM:"):
                            self.peak_bytes = int(line.split()[1]) * 1024
            except OSError:
                pass
            time.sleep(0.05)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def alive(self):
        return self._status() is None

    @property
    def out(self):
        return self.paths[0].read_text(errors="replace")

    @property
    def err(self):
        return self.paths[1].read_text(errors="replace")

    def wait(self, seconds=DEADLINE):
        """Its exit status; negative when a signal ended it."""
        end = time.monotonic() + seconds
        try:
            while self.alive:
                self.popen.wait(max(0, end - time.monotonic()))
            return self.popen.returncode
        except subprocess.TimeoutExpired:
            raise TooLate("%s has not ended within %s s" % (self.name, seconds)) from None

    def stop(self, seconds=30, signum=signal.SIGTERM):
        """Asks it to end, and returns its exit status."""
        self._never_anew()
        if self.alive:
            self.popen.send_signal(signum)
        return self.wait(seconds)

    def kill(self):
        self._never_anew()
        self.popen.kill()
        return self.wait(10)


class Message:
    """One message of the topic."""

    def __init__(self, message):
        self.partition, self.offset = message.partition(), message.offset()
        self.key, self.value = message.key(), message.value()
        self.headers = [(name, value) for name, value in message.headers() or []]

    def header(self, name):
        return dict(self.headers)[name].decode()

    def lines(self):
        """The header line and the operation lines, parsed."""
        return [json.loads(line) for line in gzip.decompress(self.value).decode().splitlines()]


def encode(lines):
    """A message value from a header line and operation lines."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return gzip.compress(text.encode(), mtime=0)


def headers_for(head, value, collection=1, **changes):
    """The headers of an honest message with this header line and value, but for the changes."""
    payload = hashlib.sha256(value).hexdigest()
    key = "%s/%d/%d/%d/%s" % (head["target"], head["job"], head["batch"], head["rev"], payload)
    headers = {
        "ferry-format": "1",
        "ferry-ledger": head["ledger"],
        "ferry-job": head["job"],
        "ferry-collection": collection,
        "ferry-batch": head["batch"],
        "ferry-rev": head["rev"],
        "ferry-records": head["records"],
        "ferry-payload-sha256": payload,
        "ferry-idempotency-key": hashlib.sha256(key.encode()).hexdigest(),
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    return [(name, str(value).encode()) for name, value in headers.items()]


# In a process of its own: with confluent-kafka 2.12 the one that has called delete_records may fall over any time later.
FORGET = """import sys
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
admin = AdminClient({"bootstrap.servers": sys.argv[1]})
for future in admin.delete_records([TopicPartition(sys.argv[2], int(n), OFFSET_END) for n in sys.argv[3:]]).values():
    future.result(60)
print("forgotten", flush=True)
"""


class Topic:
    """The topic, as a client library of its own sees it."""

    def __init__(self, brokers, name):
        self.brokers, self.name = brokers, name
        self.settings = {"bootstrap.servers": brokers, "log_level": 0}

    def admin(self):
        return confluent_kafka.admin.AdminClient(self.settings)

    def create(self, partitions=12, **config):
        topic = confluent_kafka.admin.NewTopic(
            self.name, partitions, 1, config={name.replace("_", "."): str(value) for name, value in config.items()})
        admin = self.admin()  # its futures live as long as it does
        admin.create_topics([topic])[self.name].result(20)

    def alter(self, name, value):
        resource = confluent_kafka.admin.ConfigResource(
            confluent_kafka.admin.ConfigResource.Type.TOPIC, self.name, incremental_configs=[confluent_kafka.admin.ConfigEntry(
                name, str(value), incremental_operation=confluent_kafka.admin.AlterConfigOpType.SET)])
        admin = self.admin()
        admin.incremental_alter_configs([resource])[resource].result(20)
        asked = confluent_kafka.admin.ConfigResource(confluent_kafka.admin.ConfigResource.Type.TOPIC, self.name)
        # The controller has it; the broker may not have heard of it yet.
        wait_for(lambda: admin.describe_configs([asked])[asked].result(20)[name].value == str(value), 60, "%s=%s" % (name, value))

    def delete(self):
        admin = self.admin()
        try:
            admin.delete_topics([self.name], operation_timeout=10)[self.name].result(20)
        except confluent_kafka.KafkaException as error:
            if error.args[0].code() != confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise

    def forget(self):
        """Deletes all messages, as retention does."""
        done = subprocess.run([sys.executable, "-c", FORGET, self.brokers, self.name, *map(str, self.partitions())],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
        assert done.stdout == "forgotten\n", done.stderr

    def partitions(self):
        found = self.admin().list_topics(timeout=10).topics.get(self.name)
        return sorted(found.partitions) if found else []

    def _consumer(self, group="e2e-looks-only"):
        return confluent_kafka.Consumer(dict(
            self.settings, **{"group.id": group, "enable.auto.commit": False, "enable.partition.eof": True}))

    def count(self):
        """How many messages are stored."""
        consumer = self._consumer()
        try:
            marks = [consumer.get_watermark_offsets(confluent_kafka.TopicPartition(self.name, number), timeout=10)
                     for number in self.partitions()]
        finally:
            consumer.close()
        return sum(high - low for low, high in marks)

    def messages(self, seconds=20):
        """All of them, by partition and offset."""
        found, ended, numbers_ = [], set(), self.partitions()
        consumer = self._consumer()
        try:
            consumer.assign([confluent_kafka.TopicPartition(self.name, number, confluent_kafka.OFFSET_BEGINNING)
                             for number in numbers_])
            end = time.monotonic() + seconds
            while len(ended) < len(numbers_):
                assert time.monotonic() < end, "the topic could not be read"
                message = consumer.poll(1)
                if message is None:
                    continue
                if message.error():
                    assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF, message.error()
                    ended.add(message.partition())
                else:
                    found.append(Message(message))
        finally:
            consumer.close()
        return sorted(found, key=lambda message: (message.partition, message.offset))

    def produce(self, value, headers=(), key=None, partition=-1):
        producer = confluent_kafka.Producer(dict(self.settings, **{"message.max.bytes": 20_000_000}))
        failed = []
        where = {} if partition < 0 else {"partition": partition}
        producer.produce(self.name, value, key, headers=list(headers),
                         on_delivery=lambda error, message: failed.append(error) if error else None, **where)
        assert producer.flush(20) == 0 and not failed, failed

    def lag(self, group):
        """Messages that the group has not acknowledged."""
        consumer = self._consumer(group)
        try:
            places = consumer.committed(
                [confluent_kafka.TopicPartition(self.name, number) for number in self.partitions()], timeout=10)
            lag = 0
            for place in places:
                low, high = consumer.get_watermark_offsets(place, timeout=10)
                lag += max(0, high - max(place.offset, low))  # beyond the end is where a tail was lost
            return lag
        finally:
            consumer.close()


class Ferry:
    """One test's world: its own ledger, topic and collections, and all processes that it started."""

    def __init__(self, services, folder, name):
        number = next(numbers)
        self.services, self.folder = services, folder
        self.name = "%s-%d-%d" % (name[:40].replace("_", "-").strip("-"), os.getpid(), number)
        self.database = "e2e_%d_%d" % (os.getpid(), number)
        self.source = Server(services["FERRY_SOURCE"])
        self.target = Server(services["FERRY_TARGET"])
        self.topic = Topic(services["FERRY_KAFKA_BROKERS"], "ferry." + self.name)
        self.dead_letters = Topic(services["FERRY_KAFKA_BROKERS"], "ferry." + self.name + ".dead")
        self.processes, self.starts = [], itertools.count(1)
        self.env = {
            "PATH": services["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8",
            "PGHOST": services["PGHOST"], "PGPORT": services["PGPORT"], "PGUSER": "ferry", "PGDATABASE": self.database,
            "FERRY_KAFKA_BROKERS": services["FERRY_KAFKA_BROKERS"], "FERRY_TOPIC": self.topic.name,
            "FERRY_DEAD_LETTER_TOPIC": self.dead_letters.name,
            "FERRY_SOURCE": services["FERRY_SOURCE"], "FERRY_TARGET": services["FERRY_TARGET"], "FERRY_LEASE": LEASE,
        }
        for variable, value in os.environ.items():
            if variable.endswith("SAN_OPTIONS"):
                self.env[variable] = value
        self._as_admin('CREATE DATABASE "%s" OWNER ferry' % self.database)

    def _as_admin(self, statement):
        with self.connect("postgres", "postgres") as connection:
            connection.execute(statement)

    # --- processes ---

    def start(self, program, *arguments, env=None, under=(), anew_until=None):
        """under: a command that runs it, such as ("strace", "-f"); it is then that command's process."""
        name = "%02d-%s" % (next(self.starts), "-".join([program[6:]] + [a for a in arguments[:1] if a[0] != "-"]))
        # Beside an address of the environment the secrets there would be for that server, not for the one of a flag.
        unset = {"FERRY_" + flag[2:].upper() for flag in ("--source", "--target") if flag in arguments}
        own = {key: value for key, value in self.env.items() if key not in unset}
        whole = {key: value for key, value in dict(own, **(env or {})).items() if value is not None}
        process = Process(name, [*under, self._find(program, whole["PATH"]), *arguments], whole, self.folder, anew_until)
        self.processes.append(process)
        return process

    def _find(self, program, path):
        found = shutil.which(program, path=path)
        assert found, "there is no %s; build it, or put it on PATH" % program
        return found

    def producer(self, *arguments, env=None, seconds=DEADLINE):
        """Runs ferry-producer to its end; returns the process, whose status is in .status."""
        process = self.start("ferry-producer", *arguments, env=env)
        process.status = process.wait(seconds)
        return process

    def setup(self, env=None):
        process = self.producer("setup", env=env)
        if process.status == UNAVAILABLE:  # on a busy machine a connection may take more than the programs' 10 s: once more
            process = self.producer("setup", env=env)
        assert process.status == DONE, process.err
        return process

    def consumers(self, count=1, env=None):
        """Each is started anew, once, if it has found a service unavailable, for the same reason as in setup(). A test that wants
        this end itself uses start()."""
        return [self.start("ferry-consumer", env=env, anew_until="consumer.ready") for _ in range(count)]

    def migrate_arguments(self, collection=None, **options):
        """options: source, target, target_collection, job, batch_records …, as on the command line."""
        arguments = ["migrate", "--collection", collection or self.name]
        for option, value in options.items():
            arguments += ["--" + option.replace("_", "-"), str(value)]
        return arguments

    def start_migrate(self, collection=None, env=None, **options):
        return self.start("ferry-producer", *self.migrate_arguments(collection, **options), env=env)

    def migrate(self, collection=None, env=None, seconds=DEADLINE, **options):
        process = self.start_migrate(collection, env, **options)
        process.status = process.wait(seconds)
        return process

    def end(self):
        """Kills what still runs, and removes ledger and topic. The collections stay: Chroma 1.5.9 forgets the array metadata of
        a collection that is deleted, and shows it again on whatever record gets the same row number later, anywhere on the
        server."""
        for process in self.processes:
            if process.alive:
                process.kill()
        self.source.close()
        self.target.close()
        self.topic.delete()
        self.dead_letters.delete()
        self._as_admin('DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % self.database)

    def logs(self, lines=40):
        """The end of what every process said, for a test that failed."""
        parts = []
        for process in self.processes:
            state = "running" if process.alive else "status %s" % process.popen.returncode
            for stream, text in (("stdout", process.out), ("stderr", process.err)):
                text = "\n".join(text.splitlines()[-lines:])
                if text:
                    parts.append("--- %s (%s), %s\n%s" % (process.name, state, stream, text))
        return "\n".join(parts)

    # --- the ledger ---

    def connect(self, database=None, user="ferry"):
        return psycopg.connect(host=self.services["PGHOST"], port=self.services["PGPORT"], user=user,
                               dbname=database or self.database, autocommit=True, row_factory=psycopg.rows.dict_row)

    def sql(self, statement, *values, user="postgres"):
        """The rows of a statement, as dicts."""
        with self.connect(user=user) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def jobs(self):
        return self.sql("SELECT * FROM ferry.job_status ORDER BY job_id")

    def job(self, name=None):
        """The row of one job (the newest), or None."""
        rows = [row for row in self.jobs() if name in (None, row["job"])]
        return rows[-1] if rows else None

    def batches(self, job=None):
        return [row for row in self.sql("SELECT * FROM ferry.batch_status ORDER BY job, batch") if job in (None, row["job"])]

    def ledger_uuid(self):
        return str(self.sql("SELECT ledger_uuid FROM ferry.ledger")[0]["ledger_uuid"])

    def lag(self):
        return self.topic.lag("ferry." + self.ledger_uuid())

    def everything(self):
        """What the ledger says about all batches, for "unchanged"."""
        return self.sql("SELECT * FROM ferry.batches ORDER BY job_id, batch_no")

    def wait_for_verified(self, records, job=None, seconds=DEADLINE):
        def reached():
            row = self.job(job)
            return row and row["verified"] >= records
        wait_for(reached, seconds, "%d records verified" % records)

    # --- collections ---

    def fill(self, count=300, name=None, dimension=24, space="cosine", seed=corpus.SEED, arrays=True, server=None):
        """A small sample in the source."""
        name, server = name or self.name, server or self.source
        collection = load.ensure(server, name, dimension, space, LIGHT)
        load.put(server, collection, corpus.records(count, dimension, seed, arrays))
        return name

    def note_timeouts(self, column):
        """From now on public.timeouts has a row for each update of that column of ferry.jobs: how long its statement might take."""
        self.sql("CREATE TABLE public.timeouts (n serial, most text, state text)")
        self.sql("CREATE FUNCTION public.note_timeout() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
                 " INSERT INTO public.timeouts (most, state) VALUES (current_setting('statement_timeout'), NEW.state);"
                 " RETURN NEW; END $$")
        self.sql("CREATE TRIGGER note_timeout BEFORE UPDATE OF %s ON ferry.jobs"
                 " FOR EACH ROW EXECUTE FUNCTION public.note_timeout()" % column)

    def timeouts(self):
        return self.sql("SELECT most, state FROM public.timeouts ORDER BY n")

    def also(self, name):
        """Another collection name of this test."""
        return "%s.%s" % (self.name, name)

    def judge(self, collection=None, target_collection=None):
        return judge.judge(self.source.url, self.target.url, collection or self.name, target_collection)

    def assert_equal(self, collection=None, target_collection=None):
        verdict = self.judge(collection, target_collection)
        assert verdict.equal, str(verdict)
        return verdict

    def target_ids(self, name=None):
        collection = self.target.collection(name or self.name)
        return set(self.target.ids(collection)) if collection else set()


def compose_local(*arguments, seconds=120):
    """The services of this test run; FERRY_LOCAL_DIR says which."""
    result = subprocess.run([str(REPO / "compose" / "local"), *arguments], capture_output=True, text=True, timeout=seconds)
    assert result.returncode == 0, result.stdout + result.stderr


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def mixed(count, dimension):
    """Records with everything that a Chroma since 1.0 can hold."""
    for place, record in enumerate(corpus.records(count, dimension)):
        if place % 23 == 5:
            record["document"] = "\u2603 \U0001F600 \\ \" /\r\n\t" + "x" * place
        if place % 29 == 7:
            record["metadata"] = dict(record["metadata"] or {}, least=-2**63, most=2**63 - 1, flat=1e16, yes=True, empty="", nul="a\0b")
        yield record


def fresh_uuid():
    return str(uuid.uuid4())
