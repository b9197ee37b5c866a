"""PostgreSQL behind TLS, with whatever certificate a test wants: answers libpq's request for TLS and passes the rest on.

    with PgTls(port, (certificate, key)) as front:
        … front.port …
"""

import select
import socket
import ssl
import struct
import threading

SSL_REQUEST = struct.pack("!II", 8, 80877103)


class PgTls:
    def __init__(self, upstream, pair):
        self.upstream = upstream
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.encrypted = 0

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client:
                while (first := client.recv(8, socket.MSG_WAITALL)) != SSL_REQUEST:
                    if len(first) < 8:
                        return
                    client.sendall(b"N")  # no GSSAPI
                client.sendall(b"S")
                with self.context.wrap_socket(client, server_side=True) as safe, \
                        socket.create_connection(("127.0.0.1", self.upstream)) as server:
                    self.encrypted += 1
                    self.pump(safe, server)
        except OSError:  # a handshake that failed, an end that has gone
            pass

    def pump(self, safe, server):
        while True:
            ready = [safe] if safe.pending() else select.select([safe, server], [], [], 120)[0]
            for end in ready:
                data = end.recv(65536)
                if not data:
                    return
                (server if end is safe else safe).sendall(data)
