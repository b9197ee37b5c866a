"""An HTTP server between a program and a Chroma, which passes everything on, or does to it what a test wants.

    def handler(request, forward):      # called in a thread of its own for each connection
        return forward(request)         # an Answer; or make one: Answer(503, {"error": "…"}); or raise Drop() or Raw(…)
    with Proxy("http://127.0.0.1:8000", handler) as proxy:
        … proxy.url …

With tls, an ssl.SSLContext of a server, it is asked by https.
"""

import base64
import http.client
import http.server
import json
import socket
import ssl
import struct
import threading
import time
import urllib.parse

from listener import HttpListener, HttpServer


class Drop(Exception):
    """Close the connection without an answer; with reset, as a machine that has lost all memory of it."""

    def __init__(self, reset=False):
        super().__init__()
        self.reset = reset


class Raw(Exception):
    """Write these bytes, whatever they are, piece by piece with a pause after each, and close the connection."""

    def __init__(self, *pieces, pause=0.0):
        super().__init__()
        self.pieces, self.pause = pieces, pause


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.connection = None  # the program's end

    @property
    def is_given_up(self):
        """Whether the program has closed the connection, and waits for no answer any more."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    @property
    def verb(self):
        """get, upsert, … for requests about records; else ""."""
        parts = urllib.parse.urlsplit(self.path).path.split("/")
        return parts[-1] if self.method == "POST" and len(parts) == 10 else ""

    def json(self):
        return json.loads(self.body)

    def set_json(self, value):
        self.body = json.dumps(value).encode()


class Answer:
    def __init__(self, status, body=b"", kind="application/json", headers=()):
        self.status, self.kind, self.headers = status, kind, dict(headers)
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()

    def head(self, more=()):
        lines = ["HTTP/1.1 %d %s" % (self.status, http.client.responses.get(self.status, "Unknown"))]
        if self.kind:
            lines.append("Content-Type: " + self.kind)
        lines += ["%s: %s" % pair for pair in self.headers.items()]
        return "\r\n".join([*lines, *more, "Content-Length: %d\r\n\r\n" % len(self.body)]).encode()


class Proxy(HttpListener):
    def __init__(self, upstream="", handler=lambda request, forward: forward(request), host="127.0.0.1", tls=None, idle=None):
        """idle: seconds that a connection may be silent after an answer before it is closed without a word."""
        self.handler = handler
        self.early = None   # called with the request and its length before its body is read: an Answer, then close; or None
        self.requests = []  # (verb or path, status)
        parts = urllib.parse.urlsplit(upstream)
        local = threading.local()

        def forward(request):
            headers = {name: value for name, value in request.headers.items()
                       if name.lower() not in ("host", "content-length", "connection")}
            for attempt in (1, 2):
                if getattr(local, "connection", None) is None:
                    local.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
                try:
                    local.connection.request(request.method, request.path, request.body or None, headers)
                    answer = local.connection.getresponse()
                    return Answer(answer.status, answer.read(), answer.getheader("Content-Type"))
                except (OSError, http.client.HTTPException):
                    local.connection.close()
                    local.connection = None
                    if attempt == 2:
                        raise Drop() from None

        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self):
                self.connection.settimeout(None)  # a request is under way, however slowly it comes
                try:
                    self.answer()
                finally:
                    if self.connection.fileno() >= 0:
                        self.connection.settimeout(idle)

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, dict(self.headers), b"")
                request.connection = self.connection
                answer = proxy.early(request, length) if proxy.early else None
                if answer is not None:  # and closes upon a body that it has not read, as servers do
                    self.end(request, answer.status)
                    self.say(answer.head(["Connection: close"]) + answer.body)
                    return
                request.body = self.rfile.read(length)
                try:
                    answer = proxy.handler(request, forward)
                except Drop as drop:
                    self.end(request, 0, drop.reset)
                    return
                except Raw as raw:
                    self.end(request, 0)
                    for piece in raw.pieces:
                        self.say(piece)
                        time.sleep(raw.pause)
                    return
                proxy.requests.append((request.verb or request.path, answer.status))
                self.say(answer.head() + answer.body)

            def say(self, bytes_):
                try:
                    self.wfile.write(bytes_)
                except OSError:  # the program has gone
                    self.close_connection = True

            def end(self, request, status, reset=False):
                proxy.requests.append((request.verb or request.path, status))
                self.close_connection = True
                if reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()  # before it is shut down, which would be an ordinary end

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve

            def log_message(self, *_):
                pass

        class Server(HttpServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def finish_request(self, request, address):  # in the connection's own thread
                if tls is None:
                    return super().finish_request(request, address)
                with tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as safe:
                    try:
                        safe.do_handshake()
                    except ssl.SSLError:  # the alert arrives, as it does not when bytes unread reset the connection
                        with socket.socket(fileno=safe.detach()) as plain:
                            plain.shutdown(socket.SHUT_WR)
                            while plain.recv(65536):
                                pass
                        return
                    super().finish_request(safe, address)

        self.listener = Server((host, 0), Handler)
        self.url = "http%s://%s:%d" % ("s" if tls else "", "[%s]" % host if ":" in host else host, self.listener.server_address[1])

    def count(self, verb):
        return sum(1 for name, _ in self.requests if name == verb)


class Gate:
    """Lets requests pass while open; the others wait. Counts those that wait."""

    def __init__(self):
        self.opened = threading.Event()
        self.opened.set()
        self.waiting = 0
        self.lock = threading.Lock()

    def close(self):
        self.opened.clear()

    def open(self):
        self.opened.set()

    def pass_through(self):
        if not self.opened.is_set():
            with self.lock:
                self.waiting += 1
            self.opened.wait(120)
            with self.lock:
                self.waiting -= 1


def flip_largest(embedding):
    """The same base64 vector with the sign of its largest component changed."""
    raw = bytearray(base64.b64decode(embedding))
    floats = struct.unpack("<%df" % (len(raw) // 4), raw)
    largest = max(range(len(floats)), key=lambda i: abs(floats[i]))
    raw[4 * largest + 3] ^= 0x80
    return base64.b64encode(bytes(raw)).decode("ascii")
