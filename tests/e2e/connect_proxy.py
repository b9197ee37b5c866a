"""A forwarding proxy as companies have it, small: CONNECT tunnels, and plain requests with whole addresses.

    with ConnectProxy({"chroma.test": ("127.0.0.1", 8000)}, login="me:secret") as proxy:
        … HTTPS_PROXY=proxy.url …

Only names in `hosts` are reached, wherever they lead; every other host, and every port of this machine, is refused with a
page, as is whoever lacks the login. proxy.seen has what it was asked: (method, address, header names).
"""

import base64
import http.client
import http.server
import select
import socket
import urllib.parse

from listener import HttpListener, HttpServer

PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><p>Ask the helpdesk.</p></body></html>"


class ConnectProxy(HttpListener):
    def __init__(self, hosts, login=None, refusal=None):
        """refusal: (status, title) for whatever is asked."""
        self.hosts, self.login, self.refusal = hosts, login, refusal
        self.seen = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def refuse(self, status, title, **headers):
                body = PAGE % title.encode()
                self.send_response(status)
                for name, value in dict(headers, Content_Type="text/html", Content_Length=len(body)).items():
                    self.send_header(name.replace("_", "-"), str(value))
                self.end_headers()
                self.wfile.write(body)

            def admitted(self, host):
                proxy.seen.append((self.command, self.path, {name.lower() for name in self.headers}))
                expected = proxy.login and "Basic " + base64.b64encode(proxy.login.encode()).decode()
                if expected and self.headers.get("Proxy-Authorization") != expected:
                    self.refuse(407, "Proxy login", Proxy_Authenticate='Basic realm="corp"')
                elif proxy.refusal:
                    self.refuse(*proxy.refusal)
                elif host not in proxy.hosts:
                    self.refuse(403, "Blocked by policy")
                else:
                    return True
                return False

            def do_CONNECT(self):
                if not self.admitted(self.path.rpartition(":")[0].strip("[]")):
                    return
                with socket.create_connection(proxy.hosts[self.path.rpartition(":")[0]], 10) as server:
                    self.send_response(200, "Connection established")
                    self.end_headers()
                    self.wfile.flush()
                    self.pump(self.connection, server)
                self.close_connection = True

            def pump(self, client, server):
                other = {client: server, server: client}
                while True:
                    for ready in select.select([client, server], [], [], 120)[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        other[ready].sendall(data)

            def forward(self):
                parts = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not self.admitted(parts.hostname):
                    return
                headers = {name: value for name, value in self.headers.items()
                           if name.lower() not in ("host", "content-length", "connection", "proxy-connection", "proxy-authorization")}
                server = http.client.HTTPConnection(*proxy.hosts[parts.hostname], timeout=120)
                server.request(self.command, parts.path + ("?" + parts.query if parts.query else ""), body or None, headers)
                answer = server.getresponse()
                body = answer.read()
                server.close()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.getheader("Content-Type") or "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Via", "1.1 corp")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = forward

            def log_message(self, *_):
                pass

        self.listener = HttpServer(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self.listener.server_address[1]
        self.url = "http://" + self.address
