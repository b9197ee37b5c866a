"""A gateway before both servers sends pages of its own for a while, with statuses that a Chroma gives as well. They are
an outage: nobody ends, nothing is rejected or blocked, the job says what it waits for and goes on by itself."""

import collections
import threading

from ferry import DONE, wait_for
from proxy import Answer, Proxy

PAGE = b"<!DOCTYPE html><html><head><title>Back soon</title></head><body>Please wait.</body></html>"
STATUSES = [200, 400, 404]  # in turn, for each kind of request
RECORDS = 300
FINE = 20  # reads of the source before its first page: as many batches are exported by then
# What the gateway before the target answers itself, one kind after the other. A write comes after a knock while nobody knows whether
# the target lives, and any reading comes before both: all at once they would follow each other by minutes, as chance has it.
IN_TURN = ["target get", "target upsert", "target knock"]
TOLD = "a page of a gateway or proxy before it, \"Back soon\""


class Gateway:
    """Pages in the middle, until mended; then again from the first look at the end on."""

    def __init__(self):
        self.lock = threading.Lock()
        self.asked, self.pages = collections.Counter(), collections.Counter()
        self.phase = "before"

    def what(self, side, request):
        if "pre-flight" in request.path:
            return side + " knock"
        if request.path.endswith("/count") or request.verb == "get" and not request.json().get("include"):
            return side + " end" if self.phase in ("mended", "end") else side + " list"
        return side + " " + (request.verb or request.method)

    def is_away(self, side, what):
        if self.phase == "before" and side == "source":
            return self.asked["source get"] > FINE
        if self.phase == "before":
            shown = [self.has_shown(kind) for kind in IN_TURN]
            return what in IN_TURN and all(shown[:IN_TURN.index(what)]) and (what != "target get" or not shown[0])
        return self.phase == "end"

    def at(self, side):
        def handle(request, forward):
            with self.lock:
                what = self.what(side, request)
                self.asked[what] += 1
                if self.phase == "mended" and what.endswith(" end"):
                    self.phase = "end"
                if self.is_away(side, what):
                    status = STATUSES[self.pages[what] % len(STATUSES)]
                    self.pages[what] += 1
                    return Answer(status, PAGE, "text/html")
            return forward(request)
        return handle

    def has_shown(self, *whats):
        return all(self.pages[what] >= len(STATUSES) for what in whats)

    def mend(self, phase):
        with self.lock:
            self.phase = phase


def test_pages_of_a_gateway_are_waited_for(ferry):
    ferry.fill(RECORDS)
    ferry.setup()
    gateway = Gateway()
    with Proxy(ferry.source.url, gateway.at("source")) as source, Proxy(ferry.target.url, gateway.at("target")) as target:
        env = {"FERRY_TARGET": target.url}
        consumers = ferry.consumers(2, env=env)
        migrate = ferry.start_migrate(source=source.url, target=target.url, batch_records=10)

        wait_for(lambda: gateway.has_shown("source get", *IN_TURN), what="pages in the middle")
        wait_for(lambda: TOLD in ferry.job()["waits_for"], what="the job tells it")
        assert all(consumer.alive for consumer in consumers), "\n".join(consumer.err for consumer in consumers)
        assert migrate.alive, migrate.err
        assert ferry.job()["state"] == "running"
        gateway.mend("mended")

        wait_for(lambda: gateway.has_shown("source end") or gateway.has_shown("target end"), what="pages at the end")
        wait_for(lambda: TOLD in ferry.job()["waits_for"], what="the job tells it again")
        assert migrate.alive, migrate.err
        assert ferry.job()["state"] == "running"
        gateway.mend("over")

        assert migrate.wait() == DONE, migrate.err
        assert all(consumer.alive for consumer in consumers)
    job = ferry.job()
    assert (job["state"], job["verified"], job["rejected"]) == ("succeeded", RECORDS, 0)
    assert ferry.sql("SELECT count(*) AS n FROM ferry.rejects")[0]["n"] == 0
    assert "export.searches" not in migrate.err, "no record is suspected"
    ferry.assert_equal()
