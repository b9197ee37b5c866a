"""What stands in for Chroma Cloud: nginx with TLS, a key and limits on concurrency, in front of a real Chroma.

    with Cloud(server_url, folder) as cloud:
        … cloud.url, cloud.tenant, cloud.database, cloud.key, cloud.authority.certificate …
        ferry.migrate(env=cloud.env("TARGET"))

nginx does what it can: certificate, X-Chroma-Token, 10 writes and 10 reads of a collection at a time (429). A small front
between it and the server does the rest: whose the key is, 300 records a request, answers cut at 300 rows, quotas of a
record, collections that say spann, and a 429 with Retry-After whenever a test wants one. What nginx refuses the front never
sees: cloud.crowded() counts it. README.md says what this proves.
"""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import urllib.parse
import uuid

import pytest

import ferry
import judge
from certificates import Authority
from own_chroma import free_port
from proxy import Answer, Proxy
from server import Server

KEY = "ck-0815-swordfish-4711"
MOST = 300
WRITES, READS = ("add", "upsert", "update", "delete"), ("get", "query", "search", "count")
TOO_MANY = {"error": "ChromaError", "message": "Too many requests; backoff and try again"}
SPANN = {"search_nprobe": 64, "write_nprobe": 32, "ef_construction": 200, "ef_search": 200, "max_neighbors": 64,
         "reassign_neighbor_count": 64, "split_threshold": 50, "merge_threshold": 25}

CONFIGURATION = """
daemon off;
worker_processes 1;
pid %(folder)s/nginx.pid;
error_log %(folder)s/error.log notice;
%(user)s
events { worker_connections 512; }
http {
    access_log %(folder)s/access.log;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    client_max_body_size 40m;
    client_body_buffer_size 8m;
    # A key that is empty would not be counted: both zones are used only where the collection's UUID has been matched.
    limit_conn_zone $collection zone=writes:1m;
    limit_conn_zone $collection zone=reads:1m;
    limit_conn_status 429;
    upstream front { server 127.0.0.1:%(front)d; keepalive 32; }
    map $http_x_chroma_token $is_known { default 0; "%(key)s" 1; }
    server {
        listen 127.0.0.1:%(port)d ssl;
        ssl_certificate %(certificate)s;
        ssl_certificate_key %(certificate_key)s;
        default_type application/json;
        error_page 429 @many;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_read_timeout 300s;
        location = /api/v2/heartbeat { proxy_pass http://front; }
        location = /api/v2/version { proxy_pass http://front; }
        location / {
            if ($is_known = 0) { return 401 '{"error":"ChromaError","message":"Permission denied."}'; }
            proxy_pass http://front;
        }
        location ~ "/collections/(?<collection>[0-9a-f-]{36})/(?:%(writes)s)$" {
            if ($is_known = 0) { return 401 '{"error":"ChromaError","message":"Permission denied."}'; }
            limit_conn writes %(most_writes)d;
            proxy_pass http://front;
        }
        location ~ "/collections/(?<collection>[0-9a-f-]{36})/(?:%(reads)s)$" {
            if ($is_known = 0) { return 401 '{"error":"ChromaError","message":"Permission denied."}'; }
            limit_conn reads %(most_reads)d;
            proxy_pass http://front;
        }
        location @many { return 429 '%(too_many)s'; }
    }
}
"""


def find_nginx():
    """tests/run installs it where it may."""
    found = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    if not found:
        pytest.skip("no nginx on this machine")
    return found


def refusal(usage, action, current, limit):
    """As Cloud says it; the record at fault is not named."""
    return Answer(422, {"error": "ChromaError", "message": "Quota exceeded: '%s' exceeded quota limit for action '%s': current "
                                                           "usage of %d exceeds limit of %d" % (usage, action, current, limit)})


def bytes_of(text):
    return len(text.encode()) if isinstance(text, str) else 0


def over_quota(body, action):
    """The refusal of a write, or None."""
    ids = body.get("ids") or []
    if len(ids) > MOST:
        return refusal("Number of records", action, len(ids), MOST)
    metadatas = [metadata for metadata in body.get("metadatas") or [] if metadata]
    measured = (
        ("ID size (bytes)", 128, [bytes_of(name) for name in ids]),
        ("Document size (bytes)", 16384, [bytes_of(text) for text in body.get("documents") or []]),
        ("URI size (bytes)", 256, [bytes_of(text) for text in body.get("uris") or []]),
        ("Number of metadata dictionary entries", 32, [len(metadata) for metadata in metadatas]),
        ("Size of metadata dictionary key (bytes)", 36, [bytes_of(key) for metadata in metadatas for key in metadata]),
        ("Size of metadata dictionary value (bytes)", 8182, [bytes_of(value) for m in metadatas for value in m.values()]),
    )
    for usage, limit, values in measured:
        if values and max(values) > limit:
            return refusal(usage, action, max(values), limit)
    return None


def as_cloud(collection):
    """A single server's collection object as Cloud shows it: of the index the space holds, all else is Cloud's own."""
    configuration = collection.get("configuration_json") or {}
    if configuration.get("hnsw"):
        configuration["spann"], configuration["hnsw"] = dict(SPANN, space=configuration["hnsw"]["space"]), None
    schema = collection.get("schema") or {}
    for holder in (schema.get("defaults"), (schema.get("keys") or {}).get("#embedding")):
        index = ((holder or {}).get("float_list") or {}).get("vector_index")
        if index and index["config"].get("hnsw"):
            del index["config"]["hnsw"]
            index["config"]["spann"] = dict(SPANN)
    return collection


class Cloud:
    def __init__(self, upstream, folder, databases=("docs",), names=None, at_a_time=10):
        """databases: that the tenant has; names: that the key is for, if others; at_a_time: writes, and reads, of a collection."""
        self.at_a_time = at_a_time
        self.upstream, self.folder = upstream, folder
        self.tenant, self.database, self.key = str(uuid.uuid4()), databases[0], KEY
        self.databases, self.names = list(databases), list(databases if names is None else names)
        self.requests = []              # (verb or path, status, rows asked for, as the front has seen them)
        self.before = lambda request: None   # a test's own answer, or None
        self.running, self.most_running = {}, {}
        self.lock = threading.Lock()
        self.nginx = None

    # --- what nginx cannot ---

    def _handle(self, request, forward):
        kind = "write" if request.verb in WRITES else "read" if request.verb in READS else ""
        with self.lock:
            self.running[kind] = self.running.get(kind, 0) + 1
            self.most_running[kind] = max(self.running[kind], self.most_running.get(kind, 0))
        try:
            answer = self.before(request) or self._answer(request, forward)
        finally:
            with self.lock:
                self.running[kind] -= 1
        limit = request.json().get("limit") if request.verb == "get" and request.body else None
        self.requests.append((request.verb or request.path, answer.status, limit))
        return answer

    def _answer(self, request, forward):
        path = urllib.parse.urlsplit(request.path).path
        parts = path.split("/")
        if path == "/api/v2/auth/identity":
            return Answer(200, {"user_id": "", "tenant": self.tenant, "databases": self.names})
        if path == "/api/v2/pre-flight-checks":
            return Answer(200, {"max_batch_size": 1000, "supports_base64_encoding": True})  # not what holds
        if parts[3:4] == ["tenants"] and (len(parts) < 5 or parts[4] != self.tenant):
            return Answer(403, {"error": "ChromaError", "message": "Permission denied."})
        if request.verb in ("add", "upsert", "update", "delete"):
            return over_quota(request.json(), request.verb.capitalize()) or forward(request)
        if request.verb == "get":
            return self._get(request, forward)
        answer = forward(request)
        if parts[7:8] == ["collections"] and len(parts) <= 9 and answer.status == 200 and request.method in ("GET", "POST"):
            found = json.loads(answer.body)
            found = [as_cloud(one) for one in found] if isinstance(found, list) else as_cloud(found)
            return Answer(200, found)
        return answer

    @staticmethod
    def _get(request, forward):
        body = request.json()
        for usage, value in (("Limit value", body.get("limit") or 0), ("Number of IDs", len(body.get("ids") or []))):
            if value > MOST:
                return refusal(usage, "Get", value, MOST)
        if body.get("limit") is None:  # cut, and not a word about it
            body["limit"] = MOST
            request.set_json(body)
        return forward(request)

    # --- life ---

    def __enter__(self):
        nginx = find_nginx()
        self.folder.mkdir(parents=True, exist_ok=True)
        with_places = Server(self.upstream)
        with_places.ask("POST", "/api/v2/tenants", {"name": self.tenant})
        for name in self.databases:
            with_places.ask("POST", "/api/v2/tenants/%s/databases" % self.tenant, {"name": name})
        with_places.close()
        self.authority = Authority(self.folder / "ca")
        certificate, key = self.authority.issue("cloud")
        self.front = Proxy(self.upstream, self._handle).__enter__()
        self.port = free_port()
        self.url = "https://localhost:%d" % self.port
        (self.folder / "nginx.conf").write_text(CONFIGURATION % {
            "folder": self.folder, "user": "user root;" if os.geteuid() == 0 else "", "port": self.port, "key": self.key,
            "front": urllib.parse.urlsplit(self.front.url).port, "certificate": certificate, "certificate_key": key,
            "writes": "|".join(WRITES), "reads": "|".join(READS), "most_writes": self.at_a_time, "most_reads": self.at_a_time,
            "too_many": json.dumps(TOO_MANY)})
        with open(self.folder / "nginx.log", "ab") as log:
            self.nginx = subprocess.Popen([nginx, "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c",
                                           str(self.folder / "nginx.conf")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ferry.wait_for(self._listens, 30, "nginx")
        return self

    def __exit__(self, *_):
        if self.nginx is not None:
            self.nginx.terminate()
            self.nginx.wait(30)
        self.front.__exit__()

    def _listens(self):
        assert self.nginx.poll() is None, (self.folder / "nginx.log").read_text() + (self.folder / "error.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    # --- for tests ---

    def env(self, role, *without):
        """The variables by which the programs take it for Cloud, as people have them whose Cloud has another name."""
        variables = {"": self.url, "_CLOUD": "true", "_TOKEN": self.key, "_CA_FILE": str(self.authority.certificate),
                     "_TENANT": self.tenant, "_DATABASE": self.database}
        return {"FERRY_%s%s" % (role, name): value for name, value in variables.items() if name not in without}

    def count(self, verb, status=200):
        return sum(1 for name, found, _ in self.requests if name == verb and found == status)

    def crowded(self, *verbs):
        """How many requests of these kinds (of any) nginx has refused because ten of their collection were under way; it
        notes each before it answers."""
        found = re.findall(r'limiting connections by zone "(?:writes|reads)", .* request: "POST [^ "]+/(\w+)[ "]',
                           (self.folder / "error.log").read_text(errors="replace"))
        return sum(1 for verb in found if not verbs or verb in verbs)

    def ask(self, method, path, body=None, key=KEY):
        """(status, answer's body) through the whole of it."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=120, context=context)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               dict({"Content-Type": "application/json"}, **({"X-Chroma-Token": key} if key else {})))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def collection(self, name):
        """The official client's, through the whole of it."""
        return judge.connect(self.url, self.tenant, self.database, self.key, str(self.authority.certificate)).get_collection(
            name, embedding_function=None)

    def inside(self, tenant=None, database=None):
        """The server behind it, in the tenant's database, for what is to be filled or looked at without limits."""
        return Server(self.upstream, tenant or self.tenant, database or self.database)
