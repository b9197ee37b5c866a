"""Line 10: one answer in ten to an upsert is lost after the target has done what was asked, some of them in the middle. The ferry
cannot know what became of the request; it asks again, and only reading back tells."""

import itertools
import threading

from proxy import Answer, Drop, Raw
from world import DONE, check, dice, sized

RECORDS = sized(600, 12_000)
ONE_IN = 10
WAYS = ["dropped", "reset", "cut", "gateway"]


class Loser:
    """A handler that loses one answer of each ten upserts, which one is up to chance."""

    def __init__(self):
        self.chance, self.lock, self.ways = dice("answers"), threading.Lock(), itertools.cycle(WAYS)
        self.asked, self.next, self.lost = 0, 0, []

    def way(self):
        """How the answer to this upsert is to be lost, or None."""
        with self.lock:
            if self.asked % ONE_IN == 0:
                self.next = self.asked + self.chance.randrange(ONE_IN)
            self.asked += 1
            return next(self.ways) if self.asked - 1 == self.next else None

    def __call__(self, request, forward):
        way = self.way() if request.verb == "upsert" else None
        answer = forward(request)
        if way is None:
            return answer
        assert answer.status < 300, answer.body
        self.lost.append(way)
        if way == "cut":  # promised, and half of it sent
            raise Raw(answer.head() + answer.body[:len(answer.body) // 2])
        if way == "gateway":  # whose own patience was over; the server has finished all the same
            return Answer(504, b"<html><body><h1>504 Gateway Time-out</h1></body></html>", "text/html")
        raise Drop(reset=way == "reset")


def test_answers_that_are_lost_after_the_deed(world, score):
    world.front.handler = loser = Loser()
    world.fill(RECORDS, dimension=8)
    world.setup()
    world.consumers(2)
    done = world.migrate(batch_records=10, job="lost", seconds=600)
    rejects = world.sql("SELECT * FROM ferry.rejected_records")
    figure = "%d answers of %d upserts lost (%s), %d rejects, exit %d" % (
        len(loser.lost), loser.asked, ", ".join("%d %s" % (loser.lost.count(way), way) for way in WAYS), len(rejects), done.status)
    passed = done.status == DONE and not rejects and len(loser.lost) >= loser.asked // ONE_IN > 0
    score(line=10, figure=figure, target="equality, 0 rejects", passed=passed)
    assert passed, figure + "\n" + done.err
    check.everything(world)
