"""Handlers for the front that make a job last as long as its faults do, however quick the machine is and however many workers
ask at once: a scenario hits programs at work only if something is left to do.

    world.front.handler = Steady(20)            # so many writes a second, of all workers together
    world.front.handler = share = Share(100, 5) # a share of 100 batches with each of 5 faults: share.another(); and then share.end()
"""

import threading
import time

from front import pass_on


class Steady:
    """A target that takes so many writes a second. What comes next may be done with those that it takes: then(request, forward)."""

    def __init__(self, writes_a_second, then=pass_on):
        self.interval, self.then, self.lock, self.next = 1 / writes_a_second, then, threading.Lock(), 0

    def __call__(self, request, forward):
        if request.verb == "upsert":
            time.sleep(max(0, self.turn() - time.monotonic()))
        return self.then(request, forward)

    def turn(self):
        """When another write may go; a time of time.monotonic()."""
        with self.lock:
            self.next = max(self.next + self.interval, time.monotonic())
            return self.next


class Share:
    """A target that takes in only as much as the faults are far: before the last of them some batches are left, and behind it
    too until end()."""

    def __init__(self, batches, faults):
        self.batches, self.faults, self.done = batches, faults, 0
        self.ranks, self.arrived, self.open, self.lock = {}, 0, False, threading.Condition()

    def __call__(self, request, forward):
        if request.verb == "upsert":
            with self.lock:
                self.arrived += 1
                rank = self.ranks.setdefault(request.json()["ids"][0], len(self.ranks))
                while not self.open and rank >= self.batches * (self.done + 1) / (self.faults + 2):
                    self.lock.wait(1)
        return forward(request)

    def another(self):
        with self.lock:
            self.done += 1
            self.lock.notify_all()

    def end(self):
        with self.lock:
            self.open = True
            self.lock.notify_all()
