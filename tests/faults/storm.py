"""A target in its worst hour: half of everything is refused with 429, with all that servers write into Retry-After; some answers are
another gateway's 5xx, cut, slow, or not there; and large bodies are refused while they are being sent."""

import email.utils
import itertools
import threading
import time

from proxy import Answer, Drop, Raw

WAYS = [503, 500, "reset", 502, "cut", 504, "drop", "html", "slow", "503 with a date", 408]
HTML = b"<!DOCTYPE html><html><body><h1>Service Unavailable</h1><p>{\"error\": \"not JSON\"}</p></body></html>"


def http_date(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def retry_afters():
    """Both forms, and what cannot be meant. "99999999999" is left to a scenario of its own: it is believed for five minutes."""
    return itertools.cycle([lambda: "1", lambda: "0", lambda: http_date(1), lambda: "-30", lambda: http_date(-3600), lambda: "soon",
                            lambda: "", lambda: "1.5", lambda: "0x7fffffff", lambda: "Thu, 32 Foo 2026 99:99:99 GMT", lambda: None,
                            lambda: "1, 2", lambda: "\u00bd".encode().decode("latin-1")])


class Storm:
    """A handler for the front, and its `early`."""

    def __init__(self, chance, limit, throttled=0.5, ill=0.1, pause=0.0):
        self.chance, self.limit, self.throttled, self.ill, self.pause = chance, limit, throttled, ill, pause
        self.lock, self.after, self.ways = threading.Lock(), retry_afters(), itertools.cycle(WAYS)
        self.refused = {}  # what was done: how often
        self.passed = {"upsert": 0, "get": 0, "delete": 0}

    def note(self, what):
        with self.lock:
            self.refused[what] = self.refused.get(what, 0) + 1

    def throttle(self, status):
        with self.lock:
            value = next(self.after)()
        return Answer(status, {"error": "RateLimited", "message": "Too many requests; backoff and try again"},
                      headers={} if value is None else {"Retry-After": value})

    def blow(self, way, request, forward):
        """Something worse than a refusal: with or without the deed."""
        self.note(way)
        if way in ("reset", "drop"):
            raise Drop(reset=way == "reset")
        if way in ("cut", "slow"):
            answer = forward(request)
            head, half = answer.head(), len(answer.body) // 2
            if way == "cut":
                raise Raw(head + answer.body[:half])
            raise Raw(head[:20], head[20:] + answer.body[:half], answer.body[half:], pause=0.2)
        if way == "html":
            return Answer(200, HTML, "text/html")
        if way == "503 with a date":
            return Answer(503, b"", "", {"Retry-After": http_date(1)})
        return Answer(way, HTML, "text/html")

    def early(self, request, length):
        """Large bodies are not even read: plain text, and the connection is closed upon the sender."""
        if request.verb == "upsert" and length > self.limit:
            self.note(413)
            return Answer(413, b"Payload too large", "text/plain")
        return None

    def __call__(self, request, forward):
        if request.verb not in self.passed:
            return forward(request)
        with self.lock:
            drawn = self.chance.random()
        if drawn < self.throttled:
            self.note(429)
            return self.throttle(429)
        if drawn < self.throttled + self.ill:
            with self.lock:
                way = next(self.ways)
            return self.blow(way, request, forward)
        with self.lock:
            self.passed[request.verb] += 1
        time.sleep(self.pause)
        return forward(request)


class Each(Storm):
    """Every way, once for each verb; each time one request is left in peace."""

    def __init__(self):
        super().__init__(None, 1 << 30)
        self.left = {verb: [way for pair in zip(WAYS, itertools.repeat(None)) for way in pair] for verb in ("upsert", "get")}

    def __call__(self, request, forward):
        with self.lock:
            left = self.left.get(request.verb)
            way = left.pop(0) if left else None
        return self.blow(way, request, forward) if way else forward(request)
