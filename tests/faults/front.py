"""A proxy before a Chroma that keeps a log of every write: when it came, what it was, and of which records. A scenario may put
a handler behind it, which does to requests what a fault does; the log is written before it is called.

    with Front(url, path) as front:
        front.handler = lambda request, forward: …     # as in ../e2e/proxy.py
"""

import json
import threading
import time

from proxy import Proxy

WRITES = ("upsert", "add", "update", "delete")


def pass_on(request, forward):
    return forward(request)


class Front:
    def __init__(self, upstream, path):
        self.path, self.handler = path, pass_on
        self.lock = threading.Lock()
        self.log = open(path, "w", buffering=1)
        self.now, self.most = 0, 0  # writes that are under way, and the most of them at once
        self.proxy = Proxy(upstream, self.serve)
        self.url = self.proxy.url

    def serve(self, request, forward):
        writing = request.verb in WRITES
        if writing:
            line = json.dumps({"at": time.time(), "verb": request.verb, "collection": request.path.split("/")[-2],
                               "ids": request.json().get("ids") or []})
            with self.lock:
                self.log.write(line + "\n")
                self.now += 1
                self.most = max(self.most, self.now)
        try:
            return self.handler(request, forward)
        finally:
            if writing:
                with self.lock:
                    self.now -= 1

    @property
    def requests(self):
        return self.proxy.requests

    def count(self, verb):
        return self.proxy.count(verb)

    def __enter__(self):
        self.proxy.__enter__()
        return self

    def __exit__(self, *_):
        self.proxy.__exit__()
        with self.lock:
            self.log.flush()
