"""Stands between the programs and PostgreSQL, and loses answers: the statement has run and is committed, the connection ends
before the answer gets through, and nobody can tell whether it was applied.

    front = PgFront(port, choose)       # choose(function) -> bool: lose the answer to this call of ferry.FUNCTION?
    with front:
        … front.port, front.lost …

front.before(function, parameters), if there is one, is called before a call gets through, and may take its time: what the program
says afterwards waits behind it.
"""

import collections
import re
import socket
import struct
import threading

from listener import Listener

CALL = re.compile(rb"\bferry\.([a-z_]+)\(")


class PgFront(Listener):
    def __init__(self, port, choose=lambda function: False):
        super().__init__()
        self.upstream, self.choose, self.before = port, choose, None
        self.lost, self.calls = collections.Counter(), collections.Counter()
        self.lock = threading.Lock()

    def serve(self, client):
        with socket.create_connection(("127.0.0.1", self.upstream)) as server:
            Link(self, client, server).run()

    def is_to_be_lost(self, function):
        with self.lock:
            self.calls[function] += 1
            chosen = self.choose(function)
            self.lost[function] += chosen
            return chosen


def parameters(bind):
    """Of a Bind message, as text; None for a null."""
    at, found = 5, []
    for _ in range(2):  # the names of the portal and of the statement
        at = bind.index(b"\0", at) + 1
    at += 2 + 2 * struct.unpack_from("!H", bind, at)[0]  # formats: all of them text
    count, = struct.unpack_from("!H", bind, at)
    at += 2
    for _ in range(count):
        size, = struct.unpack_from("!i", bind, at)
        found.append(bind[at + 4:at + 4 + size].decode() if size >= 0 else None)
        at += 4 + max(size, 0)
    return found


class Link:
    """One connection. The protocol's messages are a type byte, a length and so many bytes; the first of a client has no type."""

    def __init__(self, front, client, server):
        self.front, self.client, self.server = front, client, server
        self.is_armed, self.function = False, None

    def run(self):
        threading.Thread(target=self.from_server, daemon=True).start()
        self.from_client()

    def end(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def from_client(self):
        held, is_first = b"", True
        try:
            while True:
                chunk = self.client.recv(65536)
                if not chunk:
                    break
                held += chunk
                while len(held) >= 5:
                    kind, size = (b"", struct.unpack("!I", held[:4])[0]) if is_first else (held[:1], 1 + struct.unpack("!I", held[1:5])[0])
                    if len(held) < size:
                        break
                    message, held = held[:size], held[size:]
                    if is_first and size == 8 and message[4:] == struct.pack("!I", 80877103):  # SSL, please
                        self.client.sendall(b"N")
                        continue
                    is_first = False
                    call = CALL.search(message) if kind in (b"P", b"Q") else None
                    if call and self.front.is_to_be_lost(call.group(1).decode()):
                        self.is_armed = True
                    if kind == b"P":
                        self.function = call.group(1).decode() if call else None
                    if kind == b"B" and self.function and self.front.before:
                        self.front.before(self.function, parameters(message))
                    self.server.sendall(message)
        except OSError:
            pass
        self.end()

    def from_server(self):
        held = b""
        try:
            while True:
                chunk = self.server.recv(65536)
                if not chunk:
                    break
                held += chunk
                whole = 0
                while len(held) >= whole + 5 and len(held) >= whole + 1 + struct.unpack("!I", held[whole + 1:whole + 5])[0]:
                    kind, size = held[whole:whole + 1], 1 + struct.unpack("!I", held[whole + 1:whole + 5])[0]
                    whole += size
                    if kind == b"Z" and self.is_armed:  # committed
                        raise OSError
                if not self.is_armed:
                    self.client.sendall(held[:whole])
                    held = held[whole:]
        except OSError:
            pass
        self.end()
