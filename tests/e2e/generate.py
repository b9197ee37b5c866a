"""Random collections for the property test: everything a Chroma can hold, mixed, as pure functions of a seed.

What is made here is JSON text, not Python values: how a number is written decides what a Chroma makes of it (1, 1.0, 1e0, and an
integer beyond 2^63), and the official client cannot write all of that. Nothing here knows what the programs under test do
with it.
"""

import base64
import json
import math
import random
import struct

INT_EDGES = [0, 1, -1, 2**31, 2**53, 2**53 + 1, -2**53 - 1, 2**62 + 1, 2**63 - 1, -2**63 + 1, -2**63]
# As tokens: repr() would write another one. The last three are integers by their form, but none that fits.
FLOAT_EDGES = ["1.0", "-1.0", "0.0", "-0.0", "1e0", "1E+2", "100.0", "1e-40", "5e-324", "2.2250738585072014e-308", "1e300",
               "1.7976931348623157e308", "-1e300", "0.1", "0.30000000000000004", "1700000000.123457", "9007199254740993.0",
               "123456789012345678901234567890.5", "9223372036854775808", "-9223372036854775809", "18446744073709551616"]
STRINGS = ["", " ", "null", "true", "1", "1.0", "[]", "{}", "{\"id\":1}", "\0", "a\0b", "\x01\x1f\x7f", "\"", "\\", "\\u0041", "'", "/", "\n", "\r\n",
           "\t", "é", "e\u0301", "ß", "ſ", "İ", "\u0130\u0307", "\u2028\u2029", "\ufeff", "\ufffd", "\uffff", "\ud7ff", "\ue000", "😀", "\U0010ffff",
           "👩‍👩‍👧", "مرحبا", "日本語", "AAAA", "AACAPw==", "x" * 127, "chroma:document", "NaN", "Infinity", "%00%2F", "../..", "$ne", "#id"]
KEYS = ["id", "embedding", "op", "document", "metadata", "uri", "ids", "embeddings", "documents", "metadatas", "uris", "include", "records",
        "ferry_batch", "ledger", "target", "rev", "hnsw:space", "type", "key", "k", "K", "k ", " k", "k\0", "a.b", "a/b", "a\"b", "a\\b", "a\nb",
        "ключ", "鍵", "🔑", "e\u0301", "é", "null", "true", "0", "__proto__", "constructor", "long" * 30]
LIGHT = {"ef_construction": 10, "max_neighbors": 4}  # nobody searches here


class Token(str):
    """A piece of JSON as it stands."""


class Dice(random.Random):
    def often(self, share):
        return self.random() < share

    def string(self, longest=40):
        shape = self.randrange(4)
        if shape == 0:
            return self.choice(STRINGS)
        if shape == 1:
            return "".join(self.choice(STRINGS) for _ in range(self.randrange(6)))
        letters = "abcdefghij ÄÖÜ\"\\/\n\t\0€日😀" if shape == 2 else "etaoin shrdlu "
        return "".join(self.choice(letters) for _ in range(self.randrange(longest)))

    def identifier(self, number):
        """Of at most 128 bytes; the number makes it the only one of its kind."""
        head = self.string() if self.often(0.6) else "r"
        name = "%s%s%d" % (head, self.choice(["", " ", "/", "\n", "\"", "'", "\\", "#", "\0", "-", "🙂"]), number)
        if self.often(0.2):
            name += self.choice([" ", "/", "\n", "."])
        while len(name.encode()) > 128:
            name = name[1:]
        if self.often(0.1):
            name = "x" * (128 - len(name.encode())) + name
        return name

    def double(self):
        shape = self.randrange(5)
        if shape == 0:
            return Token(self.choice(FLOAT_EDGES))
        if shape == 1:
            return Token("%d.0" % self.randrange(-10**6, 10**6))
        if shape == 2:
            return self.uniform(-1, 1) * 10.0 ** self.randrange(-300, 300)
        if shape == 3:
            return 1.7e9 + self.random() * 1e8
        return self.bits64()

    def bits64(self):
        while True:
            value = struct.unpack("<d", self.getrandbits(64).to_bytes(8, "little"))[0]
            if math.isfinite(value):
                return value

    def integer(self):
        return self.choice(INT_EDGES) if self.often(0.5) else self.randrange(-2**63, 2**63) >> self.randrange(64)

    def value(self):
        one = self.choice([self.integer, self.double, self.string, lambda: self.often(0.5)])
        if self.often(0.2):
            return [one() for _ in range(self.randrange(5))]
        return one()

    def metadata(self):
        shape = self.randrange(8)
        if shape == 0:
            return None
        if shape == 1:
            return {}
        metadata = {}
        for _ in range(self.randrange(1, 9)):
            metadata[self.key()] = None if self.often(0.04) else self.value()
        return metadata

    def key(self):
        if self.often(0.8):
            return self.choice(KEYS)
        key = self.string(60)
        return "k" + key if key == "" or key[0] in "#$" or key.startswith("chroma:") else key

    def document(self):
        shape = self.randrange(10)
        if shape == 0:
            return None
        if shape == 1:
            return ""
        if shape == 2:
            return self.string(60) * self.randrange(1, 300)
        return self.string(200)

    def uri(self):
        return self.choice([None, None, "", "file:///a b", "s3://bucket/" + self.string(), self.string()])

    def component(self, space):
        shape = self.randrange(4)
        if shape == 0:
            return self.choice([0.0, -0.0, 1.0, -1.0, 0.5, 0.1, 1 / 3, 2.0 ** -24])
        if shape == 1 and space == "l2":
            return self.bits32()
        if shape == 1:  # no sum of squares may overflow, or a cosine collection forgets the vector
            return self.uniform(-1, 1) * 10.0 ** self.randrange(-15, 15)
        return self.gauss(0, 1)

    def bits32(self):
        while True:
            value = struct.unpack("<f", self.getrandbits(32).to_bytes(4, "little"))[0]
            if math.isfinite(value):
                return value

    def vector(self, dimension, space):
        return struct.pack("<%df" % dimension, *(self.component(space) for _ in range(dimension)))


def text(value, dice):
    """JSON text of a value; strings with or without escapes, whitespace here and there."""
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=dice.often(0.5))
    if isinstance(value, list):
        return "[%s]" % ("," if dice.often(0.8) else " ,\n ").join(text(item, dice) for item in value)
    if isinstance(value, dict):
        members = ["%s:%s" % (text(key, dice), text(item, dice)) for key, item in value.items()]
        return "{%s}" % ("," if dice.often(0.8) else " , ").join(members)
    return json.dumps(value)


class Collection:
    """One random collection: what to create it with, the bodies that fill it, and how the programs shall be asked to move it."""

    def __init__(self, seed):
        self.seed, self.dice = seed, Dice(seed)
        dice = self.dice
        self.space = dice.choice(["l2", "ip", "cosine"])
        self.dimension = dice.choice([1, 2, 3, 4, 7, 16, 33, 128, 384])
        self.size = dice.choice([0, 1, 2, 10, 99, 100, 101, 299, 300, 301, dice.randrange(400), dice.randrange(400)])
        least = max(1, self.size // 12)  # batches are what takes the time
        self.batch_records = dice.choice([300, 299, max(least, 1), max(least, 7), max(least, 50), max(least, 100)])
        self.metadata = dice.choice([None, {"i": 1, "f": 1.0, "b": True, "s": dice.string()},
                                     {dice.choice(["k", "鍵", "a\"b"]): dice.choice([2**63 - 1, 0.1, Token("1e0"), ""])}])
        self.hnsw = dict(LIGHT, space=self.space, **dice.choice([{}, {"ef_search": 10}, {"sync_threshold": 2000, "batch_size": 50}]))
        self.embedder = dice.choice([None, None, {"type": "legacy"}, {"type": "known", "name": "default", "config": {}}])
        self.records = [(dice.identifier(number), dice.vector(self.dimension, self.space), dice.document(), dice.metadata(), dice.uri())
                        for number in range(self.size)]

    def __str__(self):
        return "seed %d: %d records, %d dimensions, %s, %d in a batch" % (
            self.seed, self.size, self.dimension, self.space, self.batch_records)

    def creation(self, name):
        body = {"name": name, "configuration": {"hnsw": self.hnsw, "embedding_function": self.embedder}, "metadata": self.metadata}
        return text(body, self.dice).encode()

    def bodies(self):
        """Upserts; a few records come twice, so that the source has merged them."""
        start = 0
        while start < self.size:
            end = start + self.dice.choice([1, 20, 150, 300])
            yield self.body(self.records[start:end])
            start = end
        again = self.others(0.03)
        if again:
            yield self.body(again)

    def others(self, share):
        """Some of the records with other contents."""
        return [(name, self.dice.vector(self.dimension, self.space), self.dice.document(), self.dice.metadata(), self.dice.uri())
                for name, *_ in self.records if self.dice.often(share)]

    def body(self, records):
        ids, vectors, documents, metadatas, uris = zip(*records)
        return text({"ids": list(ids), "embeddings": [base64.b64encode(vector).decode() for vector in vectors],
                     "documents": list(documents), "metadatas": list(metadatas), "uris": list(uris)}, self.dice).encode()
