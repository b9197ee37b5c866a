"""Hostile messages, made from honest ones by damage and by forgery, and what must become of each.

POISON: into the dead letters. STALE, FOREIGN: acknowledged, and no letter. COPY: the honest value with the row's digest, whatever
was scribbled beside it: as good as the honest message. EITHER: its digest is not its row's: poison, unless the batch was verified
before it was met; then it is stale.
"""

import collections
import gzip
import hashlib
import io
import json
import re

from ferry import encode, fresh_uuid, headers_for

POISON, STALE, FOREIGN, COPY, EITHER = "poison", "stale", "foreign", "copy", "either"

Hostile = collections.namedtuple("Hostile", "kind value headers key")

NUMBER = re.compile(rb"[1-9][0-9]{0,18}\Z")
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
HEX = re.compile(rb"[0-9a-f]{64}\Z")
READ = {"ferry-ledger": UUID, "ferry-job": NUMBER, "ferry-collection": NUMBER, "ferry-batch": NUMBER, "ferry-rev": NUMBER,
        "ferry-records": NUMBER, "ferry-payload-sha256": HEX, "ferry-idempotency-key": HEX}
NASTY = [b"", b"0", b"-1", b"+1", b"01", b" 1", b"1 ", b"1.0", b"9" * 19, b"9" * 40, b"\x00", b"1\x00", b"\xff\xfe", b"null", b"'; DROP TABLE",
         b"%s%n%s%n", b"../../etc/passwd", "٣".encode(), b"A" * 70000, b"1e3", b"0x1", b"18446744073709551616", None]


def expect(message, ledger, rows, final_jobs):
    """What must become of it. rows: {(job, batch): (rev, sha256)}; final_jobs: those whose batches are all verified."""
    found = dict(message.headers)  # the last of a name counts
    if found.get("ferry-format") != b"1":
        return POISON
    for name, pattern in READ.items():
        value = found.get(name)
        if value is None or not pattern.match(value) or (pattern is NUMBER and int(value) >= 2**63):
            return POISON
    if found["ferry-ledger"].decode() != ledger:
        return FOREIGN
    if not message.value or hashlib.sha256(message.value).hexdigest() != found["ferry-payload-sha256"].decode():
        return POISON
    job, batch, rev = (int(found["ferry-" + name]) for name in ("job", "batch", "rev"))
    if (job, batch) not in rows or rev > rows[job, batch][0]:
        return POISON
    if rev < rows[job, batch][0] or job in final_jobs:
        return STALE
    return COPY if rows[job, batch][1] == found["ferry-payload-sha256"].decode() else EITHER


class Maker:
    """Makes hostile messages from honest ones; the same ones for the same random numbers."""

    def __init__(self, rng, honest, target):
        self.rng, self.honest, self.target = rng, honest, target
        self.makers = [
            (self.truncated, 10), (self.flipped, 14), (self.inserted, 6), (self.forged_header, 16), (self.lost_header, 8),
            (self.doubled_header, 6), (self.many_headers, 1), (self.other_numbers, 8), (self.other_lines, 10), (self.odd_gzip, 8),
            (self.noise, 6), (self.empty, 4), (self.foreign, 4), (self.scribbled, 6), (self.deep, 2), (self.wide, 3)]
        self.rare = [self.bomb, self.deepest, self.huge_noise]

    def make(self, number):
        """The number-th of them: one in 250 is large or costly."""
        base = self.rng.choice(self.honest)
        maker = self.rng.choice(self.rare) if number % 250 == 0 else self.rng.choices(*zip(*self.makers))[0]
        value, headers, key = maker(base)
        return Hostile(maker.__name__, value, headers, key)

    # --- parts ---

    def headers(self, base, value, **changes):
        """Honest ones for this value, in the name of the base."""
        return headers_for(base.lines()[0], value, **changes)

    def either(self, base, value):
        """With the digest of the honest value, or with its own."""
        return self.headers(base, value) if self.rng.random() < 0.5 else base.headers

    def lines(self, base, **head):
        first, *operations = base.lines()
        return [dict(first, **head)] + operations

    # --- damage ---

    def truncated(self, base):
        value = base.value[:self.rng.randrange(len(base.value))]
        return value, self.either(base, value), base.key

    def flipped(self, base):
        value = bytearray(base.value)
        for _ in range(self.rng.choice([1, 1, 2, 20])):
            value[self.rng.randrange(len(value))] ^= 1 << self.rng.randrange(8)
        return bytes(value), self.either(base, bytes(value)), base.key

    def inserted(self, base):
        at = self.rng.randrange(len(base.value))
        value = base.value[:at] + self.rng.randbytes(self.rng.randrange(1, 100)) + base.value[at:]
        return value, self.either(base, value), base.key

    def noise(self, base):
        value = self.rng.randbytes(self.rng.randrange(1, 5000))
        headers = self.rng.choice([[], base.headers, self.headers(base, value),
                                   [(self.rng.randbytes(4).hex(), self.rng.randbytes(30)) for _ in range(9)]])
        return value, headers, self.rng.choice([base.key, None, self.rng.randbytes(50)])

    def huge_noise(self, base):
        value = self.rng.randbytes(4 << 20)
        return value, self.either(base, value), base.key

    def empty(self, base):
        value = self.rng.choice([b"", None])
        return value, self.rng.choice([base.headers, self.headers(base, b""), []]), base.key

    # --- headers ---

    def forged_header(self, base):
        headers = list(base.headers)
        at = self.rng.randrange(len(headers))
        headers[at] = (headers[at][0], self.rng.choice(NASTY))
        return base.value, headers, base.key

    def lost_header(self, base):
        headers = list(base.headers)
        del headers[self.rng.randrange(len(headers))]
        self.rng.shuffle(headers)
        return base.value, headers, base.key

    def doubled_header(self, base):
        name, _ = self.rng.choice(base.headers)
        return base.value, base.headers + [(name, self.rng.choice(NASTY))], base.key

    def many_headers(self, base):
        return base.value, [("x%d" % i, b"y" * 50) for i in range(3000)], base.key

    def other_numbers(self, base):
        """Of a batch that is not there, or not yet, or not any more; consistent in itself."""
        change = self.rng.choice([{"job": 4711}, {"batch": 10**9}, {"rev": base.lines()[0]["rev"] + self.rng.choice([1, 7, 2**40])},
                                  {"job": 2**63 - 1}, {"batch": 2**63 - 1, "rev": 2**63 - 1}])
        lines = self.lines(base, **change)
        value = encode(lines)
        return value, headers_for(lines[0], value), base.key

    def foreign(self, base):
        lines = self.lines(base, ledger=fresh_uuid())
        value = encode(lines)
        return value, headers_for(lines[0], value), base.key

    def scribbled(self, base):
        """The honest value; beside it, another count, key or collection."""
        changes = self.rng.choice([{"ferry_records": 2**63 - 1}, {"ferry_idempotency_key": "0" * 64}, {"collection": 77},
                                   {"ferry_records": 1, "extra": "\x00"}])
        return base.value, self.headers(base, base.value, **changes), self.rng.choice([base.key, b"elsewhere/1", None])

    # --- contents, each with its own digest ---

    def with_text(self, base, text):
        value = gzip.compress(text if isinstance(text, bytes) else text.encode(), 6, mtime=0)
        return value, self.headers(base, value), base.key

    def other_lines(self, base):
        first, *operations = base.lines()
        one = dict(self.rng.choice(operations))
        change = self.rng.choice([
            dict(one, op="delete"), dict(one, op=None), dict(one, id="forged"), dict(one, id=""), dict(one, id=7), dict(one, embedding=""),
            dict(one, embedding="////"), dict(one, embedding=[1.0]), dict(one, metadata=[]), dict(one, more=1), dict(one, document=1e999),
            dict(one, metadata={"chroma:document": "forged"})])
        head = self.rng.choice([first, dict(first, target=self.target), dict(first, ferry_batch=2), dict(first, records=2**63 - 1),
                                dict(first, records=-1), dict(first, records=0), dict(first, ledger=fresh_uuid())])
        operations[self.rng.randrange(len(operations))] = change
        value = encode([head] + operations)
        return value, self.headers(base, value), base.key

    def odd_gzip(self, base):
        text = gzip.decompress(base.value)
        stream = io.BytesIO()
        with gzip.GzipFile("name.txt", "wb", 1, stream, 7) as packed:
            packed.write(text)
        value = self.rng.choice([base.value + base.value, base.value + b"\0" * 9, text, stream.getvalue(), gzip.compress(b"", mtime=0),
                                 b"\x1f\x8b" + self.rng.randbytes(40), base.value[:-8] + self.rng.randbytes(8)])
        return value, self.headers(base, value), base.key

    def wide(self, base):
        first, *operations = base.lines()
        return self.with_text(base, "".join(json.dumps(line) + "\n" for line in [first] + operations * 200))

    def deep(self, base):
        first = json.dumps(base.lines()[0])
        depth = self.rng.choice([65, 100, 5000])
        return self.with_text(base, '%s\n{"op":"upsert","id":"x","embedding":"AAAA","metadata":{"a":%s%s}}\n'
                              % (first, "[" * depth, "]" * depth))

    def deepest(self, base):
        first = json.dumps(base.lines()[0])
        return self.with_text(base, '%s\n{"op":"upsert","id":"x","embedding":"AAAA","metadata":%s}\n' % (first, '{"a":' * 10**6))

    def bomb(self, base):
        text = json.dumps(base.lines()[0]).encode() + b"\n" + bytes(100_000_000)
        value = gzip.compress(text, 9, mtime=0)
        return value, self.headers(base, value), base.key
