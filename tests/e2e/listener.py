"""What the little servers of the tests have in common: a port of this machine, as long as the `with` lasts, and a thread for each
connection.

    class Echo(Listener):
        def serve(self, client):        # a socket; an OSError ends the connection and nothing else
            client.sendall(client.recv(65536))
    with Echo() as server:
        … server.port …

HttpListener is the same for servers made of http.server: they have an HttpServer in self.listener.
"""

import http.server
import socket
import threading


class Listener:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

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
            threading.Thread(target=self.connection, args=(client,), daemon=True).start()

    def connection(self, client):
        try:
            with client:
                self.serve(client)
        except OSError:  # a handshake that failed, an end that has gone
            pass

    def serve(self, client):
        raise NotImplementedError


class HttpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):  # a killed program's connection, a handshake that failed
        pass


class HttpListener:
    def __enter__(self):
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown()
        self.listener.server_close()
