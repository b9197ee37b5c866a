"""What check.py judges by, read from PostgreSQL, Kafka and both Chromas as they are: no code of the programs, none of their
digests, and none of their views."""

import base64
import gzip
import json
import pathlib
import sys
import urllib.parse

import confluent_kafka
import psycopg
import psycopg.rows

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "tests" / "e2e"), str(REPO / "compose" / "sample")]
from server import Server  # noqa: E402

FINAL = ("verified", "rejected", "superseded", "cancelled")


class Where:
    """Everything that the check has to know. All times are seconds since 1970."""

    def __init__(self, dsn, brokers, topic, source, target, dead_letters=None, job=None, front_log=None, canaries=(), files=(),
                 texts=(), ended=None, within=None, states=("succeeded",), extra=False):
        self.dsn, self.brokers, self.topic, self.dead_letters = dsn, brokers, topic, dead_letters
        self.source, self.target, self.job = source, target, job
        self.front_log = front_log       # JSON lines of what was written to the target, see front.py
        self.canaries = list(canaries)   # secrets that the programs were given
        self.files, self.texts = list(files), list(texts)  # where no canary may be: files; [(name, text)]
        self.ended, self.within = ended, within  # when the last fault ended, and how soon after it all must be done
        self.states = states             # how a job may end
        self.extra = extra               # may the target have more than the source?


class Ledger:
    def __init__(self, where):
        self.connection = psycopg.connect(where.dsn, autocommit=True, row_factory=psycopg.rows.dict_row)
        self.where = where

    def rows(self, statement, *values):
        return self.connection.execute(statement, values or None).fetchall()

    def jobs(self):
        return self.rows("SELECT *, extract(epoch FROM finished_at)::float8 AS finished FROM ferry.jobs "
                         "WHERE %s::text IS NULL OR name = %s ORDER BY job_id", self.where.job, self.where.job)

    def pairs(self):
        """Collections of the jobs in question; of a pair with several jobs, the newest one's."""
        found = {}
        for row in self.rows("SELECT c.*, j.name AS job, t.name AS target_name FROM ferry.job_collections c JOIN ferry.jobs j "
                             "USING (job_id) JOIN ferry.target_collections t USING (target_uuid) "
                             "WHERE %s::text IS NULL OR j.name = %s ORDER BY job_id", self.where.job, self.where.job):
            found[row["source_uuid"], row["target_uuid"]] = row
        return list(found.values())

    def batches(self):
        return self.rows("SELECT b.*, j.name AS job FROM ferry.batches b JOIN ferry.jobs j USING (job_id) "
                         "WHERE %s::text IS NULL OR j.name = %s ORDER BY job_id, batch_no", self.where.job, self.where.job)

    def trail(self):
        """Of each batch, in order; None where nobody has installed it."""
        if not self.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'faults'"):
            return None
        found = {}
        for row in self.rows("SELECT job_id, batch_no, was, state, fence, owner, by_worker, by_fence, export_rev, extract(epoch FROM at)::float8 AS at, "
                             "extract(epoch FROM lease_until)::float8 AS lease_until FROM faults.trail ORDER BY n"):
            found.setdefault((row["job_id"], row["batch_no"]), []).append(row)
        return found

    def rejected(self, job_id):
        """{id: reason} of a job."""
        return {bytes(row["id"]).decode("utf-8", "surrogateescape"): row["reason"] for row in self.rows(
            "SELECT id, reason FROM ferry.rejected_records WHERE job_id = %s", job_id)}

    def group(self):
        return "ferry.%s" % self.rows("SELECT ledger_uuid FROM ferry.ledger")[0]["ledger_uuid"]

    def texts(self):
        """(table, row as text) of everything the ledger holds."""
        for table in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'ferry' ORDER BY 1"):
            name = table["tablename"]
            with self.connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
                for row in cursor.stream('SELECT t::text FROM ferry."%s" t' % name):
                    yield name, row[0]


class Message:
    def __init__(self, message):
        self.partition, self.offset = message.partition(), message.offset()
        self.key, self.value = message.key() or b"", message.value() or b""
        self.headers = {name: value or b"" for name, value in message.headers() or []}

    def batch(self):
        """(job, batch, rev), or None for a message that is nobody's."""
        try:
            return tuple(int(self.headers["ferry-" + name]) for name in ("job", "batch", "rev"))
        except (KeyError, ValueError):
            return None

    def texts(self):
        yield self.key.decode("utf-8", "replace")
        for name, value in self.headers.items():
            yield "%s: %s" % (name, value.decode("utf-8", "replace"))
        yield self.value.decode("utf-8", "replace")
        try:
            yield gzip.decompress(self.value).decode("utf-8", "replace")
        except (OSError, EOFError):
            pass


class Bus:
    def __init__(self, brokers):
        self.settings = {"bootstrap.servers": brokers, "log_level": 0}

    def _consumer(self, group):
        return confluent_kafka.Consumer(dict(self.settings, **{
            "group.id": group, "enable.auto.commit": False, "enable.partition.eof": True, "auto.offset.reset": "earliest"}))

    def _places(self, consumer, topic):
        found = consumer.list_topics(topic, timeout=20).topics[topic]
        return [confluent_kafka.TopicPartition(topic, number) for number in sorted(found.partitions)]

    def committed(self, topic, group):
        """{partition: offset}; a partition where nothing was committed is left out."""
        consumer = self._consumer(group)
        try:
            places = consumer.committed(self._places(consumer, topic), timeout=20)
            return {place.partition: place.offset for place in places if place.offset >= 0}
        finally:
            consumer.close()

    def messages(self, topic):
        """All that are stored now."""
        consumer = self._consumer("faults-look-only")
        try:
            places, ends = self._places(consumer, topic), {}
            for place in places:
                low, high = consumer.get_watermark_offsets(place, timeout=20)
                place.offset = low
                if high > low:
                    ends[place.partition] = high
            consumer.assign([place for place in places if place.partition in ends])
            while ends:
                message = consumer.poll(30)
                assert message is not None, "topic %s could not be read to its end" % topic
                if message.error():
                    assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF, message.error()
                    ends.pop(message.partition(), None)
                elif message.partition() in ends:
                    yield Message(message)
                    if message.offset() + 1 >= ends[message.partition()]:
                        del ends[message.partition()]
        finally:
            consumer.close()


class Chroma:
    def __init__(self, url):
        self.server = Server(url)

    def collection(self, name):
        return self.server.collection(name)

    def ids(self, collection):
        return self.server.ids(collection)

    def records(self, collection, ids):
        """{id: record}; what is not there is left out."""
        page = self.server.records(collection, "get", {
            "ids": ids, "include": ["embeddings", "documents", "metadatas", "uris"]})
        return {name: {"embedding": page["embeddings"][i], "document": page["documents"][i],
                       "metadata": page["metadatas"][i], "uri": page["uris"][i]} for i, name in enumerate(page["ids"])}


def writes(path):
    """What a recording front has seen: [{"at": …, "verb": …, "collection": uuid, "ids": […]}]."""
    with open(path) as lines:
        return [json.loads(line) for line in lines]


def disguises(secret):
    """How a secret may look in a log, a row or a message."""
    raw = secret.encode()
    yield secret
    yield urllib.parse.quote(secret, safe="")
    yield raw.hex()
    yield raw.hex().upper()
    for shift in range(3):  # within a longer text, its first and last characters depend on the neighbours
        coded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        yield coded[(0, 2, 3)[shift]:-1]
