"""Sources and targets that change at random while jobs catch up with them, against a model of two sets."""

import random

import pytest

UNIVERSE = [b"%02d" % number for number in range(24)]


class World:
    """source and target as sets; wrote: what the ferry has ever copied; strangers: what others put into the target."""

    def __init__(self, ledger, producer, consumer, seed):
        print("seed", seed)
        self.ledger, self.producer, self.consumer = ledger, producer, consumer
        self.dice = random.Random(seed)
        self.source = set(self.dice.sample(UNIVERSE, 12))
        self.target = set(self.dice.sample(UNIVERSE, self.dice.choice([0, 0, 5])))
        self.wrote, self.strangers = set(), set(self.target)

    def change(self, side):
        for one in self.dice.sample(UNIVERSE, self.dice.randrange(5)):
            side.symmetric_difference_update({one})

    def deliver(self, job):
        """A record that is no longer at the source is vanished when it is exported."""
        claims = self.ledger.claim_exports(self.producer, job, 100)
        if not claims:
            return
        batches = {claim["batch_no"]: [bytes.fromhex(one) for one in claim["ids"].split(",")] for claim in claims}
        gone = [(number, one, "vanished") for number, listed in batches.items() for one in listed if one not in self.source]
        self.ledger.record(self.producer, job, claims, gone)
        for claim in claims:
            self.ledger.expire(job, claim["batch_no"])
        self.ledger.deliver(self.consumer, *self.ledger.publish(self.producer, job, left_out=gone))
        copied = {one for listed in batches.values() for one in listed} - {one for _, one, _ in gone}
        self.target |= copied
        self.wrote |= copied
        self.strangers -= copied

    def judge_limit(self, job, compared, settings, listed_source):
        """Whether it deletes is decided by all that the job has deleted so far and would delete now; what it has not copied
        itself is held against what the target had at first."""
        most = settings.get("max_delete", "50%" if listed_source else "0")

        def limit(had):
            return had * int(most.rstrip("%")) // 100 if most.endswith("%") else int(most)
        existed = {one for listed, bits in self.ledger.manifest(job) for one, bit in zip(listed, bits) if bit == "1"}
        copied = {one for listed, _ in self.ledger.manifest(job) for one in listed} - existed

        def is_allowed(doomed):
            return len(doomed) <= limit(len(self.target | self.deleted)) and (
                most == "100%" or len(doomed - copied) <= limit(self.held))
        if compared["refusal"] is not None:
            assert not compared["is_decided"] and not is_allowed(self.deleted | (self.target - listed_source))
        elif compared["to_delete"] > 0:
            open_ids = {bytes(row["id"]) for row in self.ledger.all("SELECT id FROM ferry.deletions WHERE deleted_at IS NULL")}
            assert len(open_ids) == compared["to_delete"] and is_allowed(self.deleted | open_ids)

    def delete(self, job, settings, listed_source):
        while True:
            state, fence, listed = self.ledger.next_deletions(self.producer, job, self.dice.randrange(1, 6))
            if state == "done":
                return
            assert not set(listed) & listed_source, "the source has it"
            if not settings["delete_extra"]:
                assert settings["catch_up"] and set(listed) <= self.wrote, "not the ferry's own"
            self.target -= set(listed)
            self.deleted |= set(listed)
            self.ledger.settle_deletions(job, fence)

    def adds_up(self, job):
        row = self.ledger.call("job_progress", job)[0]
        assert row["planned"] == row["verified"] + row["rejected"] + row["vanished"] == self.ledger.pair(job)["n_planned"]

    def run(self, settings):
        """One job from its submission to its end; its last comparison."""
        ledger = self.ledger
        job = ledger.submit(**settings)["job_id"]
        if ledger.plan(self.producer, job, sorted(self.source), sorted(self.target))["outcome"] == "nothing":
            return None
        changes = self.dice.randrange(4)
        self.deleted, self.held = set(), len(self.target)
        while True:
            if changes > 0:
                self.change(self.source)
                changes -= 1
            self.deliver(job)
            if self.dice.random() < 0.3:
                added = {self.dice.choice(UNIVERSE)} - self.target
                self.target |= added
                self.strangers |= added
            listed = set(self.source)
            compared = ledger.compare(self.producer, job, sorted(self.target), sorted(listed))
            assert compared["missing"] == 0
            self.judge_limit(job, compared, settings, listed)
            if compared["planned"] == 0:
                self.adds_up(job)
            if compared["refusal"] is not None:
                assert ledger.end(self.producer, job) == "blocked"
                settings["max_delete"] = "100%"
                assert ledger.submit(**settings)["job_state"] == "running"
                continue
            if not compared["is_decided"]:
                break
            self.delete(job, settings, listed)
        exact = settings["delete_extra"] and compared["extra"] > 0
        assert ledger.end(self.producer, job) == ("running" if exact else "succeeded")
        if exact:
            assert ledger.end(self.producer, job, "failed", "extra") == "failed"
        return compared


@pytest.mark.parametrize("seed", range(20))
def test_drift_at_random(ledger, producer, consumer, seed):
    world = World(ledger, producer, consumer, seed)
    for _ in range(3):
        settings = {"catch_up": world.dice.random() < 0.7, "delete_extra": world.dice.random() < 0.5, "catch_up_rounds": 20}
        settings.update(world.dice.choice([{}, {}, {"max_delete": "100%"}, {"max_delete": "4"}, {"max_delete": "0"}]))
        compared = world.run(settings)
        if compared is not None and settings["catch_up"]:
            assert world.source <= world.target and world.target - world.source <= world.strangers
            if settings["delete_extra"]:
                assert world.target == world.source
        if not settings["delete_extra"]:
            assert world.strangers <= world.target | world.wrote, "what is not the ferry's stays"
        world.strangers &= world.target
        world.change(world.source)
