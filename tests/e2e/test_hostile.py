"""Hostile messages by the thousand among honest ones, for a consumer with sanitizers: none crashes it, none is written to the
target, none touches a row, all that are poison are dead letters, and the honest ones are verified.

FERRY_HOSTILE_MESSAGES says how many (1000; tests/run full: 10000), FERRY_TEST_SEED with which seed, which repeats a failure.
"""

import os
import random
import shutil

import confluent_kafka
import pytest

import hostile
from ferry import DONE, REPO, last_line, wait_for
from proxy import Proxy

COUNT = int(os.environ.get("FERRY_HOSTILE_MESSAGES", 1000))
SEED = int(os.environ.get("FERRY_TEST_SEED", random.SystemRandom().randrange(10**9)))
RECORDS, BATCH = 400, 10
SANITIZED = REPO / "build" / "asan"
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99"}


class Onto:
    """Produces in bulk, and remembers which message lies where."""

    def __init__(self, topic):
        self.topic, self.placed = topic, {}
        self.producer = confluent_kafka.Producer(dict(topic.settings, **{
            "message.max.bytes": 20_000_000, "queue.buffering.max.messages": 1_000_000, "queue.buffering.max.kbytes": 1_000_000}))
        self.partitions = topic.partitions()

    def put(self, message, partition):
        def stored(error, where):
            assert error is None, error
            self.placed[where.partition(), where.offset()] = message
        self.producer.produce(self.topic.name, message.value, message.key, headers=list(message.headers), partition=partition,
                              on_delivery=stored)
        self.producer.poll(0)

    def flush(self):
        assert self.producer.flush(60) == 0


class Attack:
    def __init__(self, ferry):
        self.ferry, self.upserts, self.verbs = ferry, [], set()
        print("FERRY_TEST_SEED=%d" % SEED)
        rng = random.Random(SEED)
        ferry.env["FERRY_LEASE"] = "20s"  # that none is lost on a busy machine: each batch is delivered once
        ferry.setup()
        first, second = ferry.fill(100, ferry.also("first")), ferry.fill(RECORDS)
        before, = ferry.consumers()
        done = ferry.migrate(first, batch_records=BATCH)  # so that there is something honest to be twisted, and a job that has ended
        assert done.status == DONE, done.err
        assert before.stop() == DONE
        self.ended = ferry.everything()
        victim = ferry.target.collection(first)["id"]
        onto = Onto(ferry.topic)
        self.rain(rng, onto, ferry.topic.messages(), victim, 0, COUNT // 2)
        with Proxy(ferry.target.url, self.watch) as proxy:
            going = ferry.start_migrate(second, target=proxy.url, batch_records=BATCH)
            wait_for(lambda: (ferry.job() or {}).get("published") == RECORDS, 60, "all published")
            self.honest = [message for message in ferry.topic.messages()
                           if (message.partition, message.offset) not in onto.placed]
            self.rain(rng, onto, self.honest, victim, COUNT // 2, COUNT)
            self.placed = onto.placed
            self.rows = {(row["job_id"], row["batch_no"]): (row["export_rev"], bytes(row["payload_sha256"]).hex())
                         for row in ferry.everything()}
            path = "%s:%s" % (SANITIZED, ferry.env["PATH"])
            self.consumer, = ferry.consumers(env=dict(SANITIZERS, PATH=path))
            self.status = going.wait(120 + COUNT // 20)
            self.migrate = going
            wait_for(lambda: not self.consumer.alive or ferry.lag() == 0, 120 + COUNT // 20, "no lag")
            self.was_alive = self.consumer.alive
            self.consumer_status = self.consumer.stop(60)
        self.letters = ferry.dead_letters.messages(60)

    def rain(self, rng, onto, honest, victim, start, end):
        maker = hostile.Maker(rng, [message for message in honest if message.value], victim)
        for number in range(start, end):
            onto.put(maker.make(number), rng.choice(onto.partitions))
        onto.flush()

    def watch(self, request, forward):
        self.verbs.add(request.verb or request.method)
        if request.verb not in ("", "get"):
            self.upserts.append((request.verb, request.path, tuple(request.json().get("ids") or ())))
        return forward(request)

    def fates(self):
        """{place: (message, what must become of it)}"""
        ledger = self.ferry.ledger_uuid()
        return {place: (message, hostile.expect(message, ledger, self.rows, {1})) for place, message in self.placed.items()}


@pytest.fixture(scope="module")
def attack(module_ferry):
    assert shutil.which("ferry-consumer", path=str(SANITIZED)), "build it first: cmake --preset asan && cmake --build --preset asan"
    return Attack(module_ferry)


def test_the_consumer_lives_and_no_sanitizer_speaks(attack):
    assert attack.was_alive and attack.consumer_status == DONE, attack.consumer_status
    for word in ("AddressSanitizer", "runtime error", "LeakSanitizer"):
        assert word not in attack.consumer.err
    assert "consumer.ended code=0" in attack.consumer.err


def test_the_honest_ones_are_verified(attack):
    assert attack.status == DONE, attack.migrate.err
    assert last_line(attack.migrate.out) == "%d of %d records verified" % (RECORDS, RECORDS)
    attack.ferry.assert_equal()
    attack.ferry.assert_equal(attack.ferry.also("first"))


def test_nothing_else_is_written_to_the_target(attack):
    """Each honest batch once, whole, by upsert; nothing besides."""
    wanted = sorted(tuple(line["id"] for line in message.lines()[1:]) for message in attack.honest
                    if message.header("ferry-job") == "2")
    assert sorted(ids for _, _, ids in attack.upserts) == wanted
    assert {verb for verb, _, _ in attack.upserts} == {"upsert"}
    collection = attack.ferry.target.collection(attack.ferry.name)["id"]
    assert all(collection in path for _, path, _ in attack.upserts)
    assert not attack.verbs & {"PUT", "PATCH", "DELETE", "delete", "update", "add"}


def test_the_rows_are_as_if_they_had_not_been(attack):
    rows = attack.ferry.everything()
    assert [row for row in rows if row["job_id"] == 1] == attack.ended
    others = [row for row in rows if row["job_id"] != 1]
    assert len(others) == RECORDS // BATCH
    assert all((row["state"], row["deliveries"], row["exports"], row["export_rev"], row["n_verified"], row["must_reread"])
               == ("verified", 1, 1, 1, BATCH, False) for row in others)
    assert len(attack.ferry.jobs()) == 2
    assert attack.ferry.sql("SELECT * FROM ferry.rejects") == []


def test_all_poison_is_in_the_dead_letters_as_it_came(attack, score):
    fates = attack.fates()
    places = {"%s/%d/%d" % ((attack.ferry.topic.name,) + place): one for place, one in fates.items()}
    letters = {letter.key.decode(): letter for letter in attack.letters}
    must = {place for place, (_, fate) in places.items() if fate == hostile.POISON}
    may = {place for place, (_, fate) in places.items() if fate == hostile.EITHER}
    counts = {fate: sum(1 for _, one in places.values() if one == fate) for fate in
              (hostile.POISON, hostile.EITHER, hostile.STALE, hostile.FOREIGN, hostile.COPY)}
    print(counts, len(letters))
    strange = sum(verb != "upsert" for verb, _, _ in attack.upserts) + len(attack.upserts) - RECORDS // BATCH
    score(21, "%d hostile messages, %d of %d that are poison in the dead letters, %d others there, %d writes that nobody wanted, consumer %s"
          % (len(places), len(must & set(letters)), len(must), len(set(letters) - must - may), strange,
             "ended with %s" % attack.consumer_status if attack.was_alive else "crashed"),
          "0 crashes, 0 writes, all in the dead letters",
          attack.was_alive and strange == 0 and must <= set(letters) <= must | may)
    assert must - set(letters) == set() and set(letters) - must - may == set()
    assert len(places) == COUNT and counts[hostile.POISON] > COUNT / 3
    for place, letter in letters.items():
        message = places[place][0]
        headers = [(name, value) for name, value in message.headers]
        assert letter.value == message.value, (place, message.kind)
        assert letter.headers[:len(headers)] == headers, (place, message.kind)
        assert dict(letter.headers)["ferry-kind"] == b"message"
    noted = attack.ferry.sql("SELECT count(*) AS n FROM ferry.events WHERE kind = 'message.poison'")[0]["n"]
    assert noted == len(letters)


def test_every_kind_was_among_them(attack):
    kinds = {message.kind for message in attack.placed.values()}
    everyone = {maker.__name__ for maker, _ in hostile.Maker(random.Random(), [], "").makers}
    assert everyone <= kinds
