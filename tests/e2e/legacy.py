"""Chroma servers before 1.0, as compose/lib/legacy.sh installs them, and Chroma's own client of the same version.

    with Legacy("0.4.24", folder, auth="bearer") as chroma:
        chroma.create("docs", {"hnsw:space": "l2"})
        chroma.put("docs", records)                 # as corpus.records() makes them
        … chroma.url, chroma.secret("SOURCE") …
        chroma.dump("docs")                         # read by the client, for judge.judge_collections()
"""

import base64
import http.client
import json
import os
import pathlib
import subprocess
import urllib.parse

import pytest

import ferry
from own_chroma import free_port

TOKEN = "swordfish-0.4711"
USER, PASSWORD = "ferryman", "two words: styx"
HASH = "$2b$04$cJGCgqUNEAaZM7uawEKf1e3luFxUKATdmqp25ZQ13uObTNi9g5cC."  # of PASSWORD

# Reads a collection with Chroma's own client of that version. Vectors come as floats in some versions, as arrays in others.
DUMP = """import json, sys
import chromadb
host, port, name, headers = json.load(sys.stdin)
collection = chromadb.HttpClient(host=host, port=port, headers=headers).get_collection(name, embedding_function=None)
columns = ["embeddings", "documents", "metadatas"] + ["uris"] * (chromadb.__version__ != "0.4.15")
page = collection.get(include=columns)
page["embeddings"] = [[float(x) for x in vector] for vector in page["embeddings"]]
json.dump({"metadata": collection.metadata, "count": collection.count(),
           "page": {column: page.get(column) for column in ["ids"] + columns}}, sys.stdout)
"""


def number(version):
    return tuple(int(part) for part in version.split("."))


def install(version):
    """(Python, its PYTHONPATH); skips the test on a machine that cannot run such a server."""
    result = subprocess.run([ferry.REPO / "compose" / "lib" / "legacy.sh", version], capture_output=True, text=True, timeout=900)
    if result.returncode == 77:
        pytest.skip(result.stderr.strip())
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def auth_settings(version, auth, folder):
    """What makes the server ask for it. The names changed with 0.5, and there the values with 0.5.3."""
    if auth is None:
        return {}
    if auth == "basic":
        (folder / "users").write_text("%s:%s" % (USER, HASH))
        return {"CHROMA_SERVER_AUTHN_PROVIDER": "chromadb.auth.basic_authn.BasicAuthenticationServerProvider",
                "CHROMA_SERVER_AUTHN_CREDENTIALS_FILE": str(folder / "users")}
    header = "Authorization" if auth == "bearer" else "X-Chroma-Token"
    if version < (0, 5, 3):
        header = header.upper().replace("-", "_")
    if version < (0, 5, 0):
        return {"CHROMA_SERVER_AUTH_PROVIDER": "chromadb.auth.token.TokenAuthServerProvider",
                "CHROMA_SERVER_AUTH_CREDENTIALS_PROVIDER": "chromadb.auth.token.TokenConfigServerAuthCredentialsProvider",
                "CHROMA_SERVER_AUTH_CREDENTIALS": TOKEN, "CHROMA_SERVER_AUTH_TOKEN_TRANSPORT_HEADER": header}
    return {"CHROMA_SERVER_AUTHN_PROVIDER": "chromadb.auth.token_authn.TokenAuthenticationServerProvider",
            "CHROMA_SERVER_AUTHN_CREDENTIALS": TOKEN, "CHROMA_AUTH_TOKEN_TRANSPORT_HEADER": header}


class Dump:
    """Looks to judge.py like a collection of the client."""

    configuration_json = {}

    def __init__(self, dumped):
        self.metadata, self.page = dumped["metadata"], dumped["page"]
        self.place = {name: i for i, name in enumerate(self.page["ids"])}
        assert len(self.place) == len(self.page["ids"]) == dumped["count"]

    def count(self):
        return len(self.place)

    def get(self, ids=None, include=()):
        ids = self.page["ids"] if ids is None else ids
        page = {"ids": ids}
        for column in include:
            values = self.page.get(column) or [None] * len(self.page["ids"])
            page[column] = [values[self.place[name]] for name in ids]
        return page


class Legacy:
    def __init__(self, version, folder, auth=None):
        self.name, self.version, self.folder, self.auth = version, number(version), pathlib.Path(folder), auth
        self.folder.mkdir(parents=True, exist_ok=True)
        self.python, self.path = install(version)
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        place = "/api/v2/tenants/default_tenant/databases/default_database" if self.version >= (0, 5, 16) else "/api/v1"
        self.base = place + "/collections"
        self.process = None
        self.uuids = {}

    # --- the process ---

    def _environment(self, **more):
        return dict({"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "PYTHONPATH": self.path,
                     "PYTHONDONTWRITEBYTECODE": "1", "ANONYMIZED_TELEMETRY": "False"}, **more)

    def __enter__(self):
        command = [self.python, "-c", "from chromadb.cli.cli import app; app()", "run", "--path", str(self.folder / "data"),
                   "--host", "127.0.0.1", "--port", str(self.port)]
        with open(self.folder / "chroma.log", "ab") as log:
            # In its folder, because a .env is read where it starts.
            self.process = subprocess.Popen(
                command, env=self._environment(**auth_settings(self.version, self.auth, self.folder)), cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ferry.wait_for(self.answers, 60, "Chroma " + self.name)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:  # it waits for connections that are still open
            self.process.kill()
            self.process.wait(30)

    def answers(self):
        assert self.process.poll() is None, (self.folder / "chroma.log").read_text(errors="replace")
        try:
            return self.ask("GET", "/api/v1/heartbeat")
        except OSError:
            return None

    # --- HTTP ---

    def headers(self):
        """As its client sends them."""
        if self.auth == "basic":
            login = base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode())
            return {"Authorization": "Basic " + login.decode()}
        return {None: {}, "bearer": {"Authorization": "Bearer " + TOKEN}, "x-chroma-token": {"X-Chroma-Token": TOKEN}}[self.auth]

    def secret(self, role):
        """The variables with which the programs may ask it."""
        if self.auth is None:
            return {}
        names = {"AUTH": self.auth}
        names.update({"USER": USER, "PASSWORD": PASSWORD} if self.auth == "basic" else {"TOKEN": TOKEN})
        return {"FERRY_%s_%s" % (role, name): value for name, value in names.items()}

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               dict(self.headers(), **{"Content-Type": "application/json"}))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        assert answer.status < 300, (method, path, answer.status, text[:500])
        return json.loads(text)

    def create(self, name, metadata=None):
        self.uuids[name] = self.ask("POST", self.base, {"name": name, "metadata": metadata})["id"]

    def collections(self):
        return [collection["name"] for collection in self.ask("GET", self.base)]

    def records(self, name, verb, body):
        return self.ask("POST", "%s/%s/%s" % (self.base, self.uuids[name], verb), body)

    def put(self, name, records):
        records = list(records)
        for start in range(0, len(records), 500):
            part = records[start:start + 500]
            self.records(name, "upsert", {
                "ids": [record["id"] for record in part],
                "embeddings": [list(ferry.corpus.float32(record["embedding"])) for record in part],
                "documents": [record["document"] for record in part],
                "metadatas": [record["metadata"] for record in part],
                "uris": [record["uri"] for record in part]})

    # --- its client ---

    def dump(self, name):
        parts = urllib.parse.urlsplit(self.url)
        result = subprocess.run(
            [self.python, "-c", DUMP], env=self._environment(), cwd=self.folder, timeout=120, capture_output=True,
            input=json.dumps([parts.hostname, parts.port, name, self.headers()]).encode())
        assert result.returncode == 0, result.stderr.decode(errors="replace")
        return Dump(json.loads(result.stdout))
