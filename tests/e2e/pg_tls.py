"""PostgreSQL behind TLS, with whatever certificate a test wants: answers libpq's request for TLS and passes the rest on.

    with PgTls(port, (certificate, key)) as front:
        … front.port …
"""

import select
import socket
import ssl
import struct

from listener import Listener

SSL_REQUEST = struct.pack("!II", 8, 80877103)


class PgTls(Listener):
    def __init__(self, upstream, pair):
        super().__init__()
        self.upstream = upstream
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)
        self.encrypted = 0

    def serve(self, client):
        while (first := client.recv(8, socket.MSG_WAITALL)) != SSL_REQUEST:
            if len(first) < 8:
                return
            client.sendall(b"N")  # no GSSAPI
        client.sendall(b"S")
        with self.context.wrap_socket(client, server_side=True) as safe, \
                socket.create_connection(("127.0.0.1", self.upstream)) as server:
            self.encrypted += 1
            self.pump(safe, server)

    def pump(self, safe, server):
        while True:
            ready = [safe] if safe.pending() else select.select([safe, server], [], [], 120)[0]
            for end in ready:
                data = end.recv(65536)
                if not data:
                    return
                (server if end is safe else safe).sendall(data)
