"""As much of Chroma's HTTP interface (v2) as loading and asking needs, over one kept-alive connection. Standard library only."""

import http.client
import json
import urllib.parse


class Refused(Exception):
    """The server answered, but with an error status."""

    def __init__(self, status, what, words):
        super().__init__("%s: %d: %s" % (what, status, words))
        self.status = status


class Unreachable(Exception):
    """No answer."""


class Server:
    def __init__(self, url, tenant="default_tenant", database="default_database", timeout=120):
        self.url = url
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("%s is not a URL like http://127.0.0.1:8000" % url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.hostname, parts.port, timeout=timeout)
        self.base = "/api/v2/tenants/%s/databases/%s/collections" % tuple(
            urllib.parse.quote(name, safe="") for name in (tenant, database))

    def ask(self, method, path, body=None, what=None):
        """Returns the answer as parsed JSON. body: values, or JSON text as bytes. A connection that the server has closed meanwhile is opened once more:
        all that is sent here may be sent twice."""
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        for attempt in (1, 2):
            try:
                self.connection.request(method, path, payload, {"Content-Type": "application/json"})
                answer = self.connection.getresponse()
                text = answer.read().decode("utf-8", "replace")
                break
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()
                if attempt == 2:
                    raise Unreachable("%s does not answer: %s" % (self.url, error or type(error).__name__)) from error
        if answer.status >= 400:
            raise Refused(answer.status, what or "%s %s" % (method, self.url + path), text[:300])
        return json.loads(text)

    def takes_base64(self):
        return bool(self.ask("GET", "/api/v2/pre-flight-checks").get("supports_base64_encoding"))

    def collection(self, name):
        """The collection's object, or None."""
        try:
            return self.ask("GET", "%s/%s" % (self.base, urllib.parse.quote(name, safe="")))
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise

    def create(self, name, space, metadata=None, **hnsw):
        body = {"name": name, "metadata": metadata, "configuration": {"hnsw": dict(hnsw, space=space)}}
        return self.ask("POST", self.base, body, "create collection " + name)

    def drop(self, name):
        self.ask("DELETE", "%s/%s" % (self.base, urllib.parse.quote(name, safe="")))

    def records(self, collection, verb, body):
        """verb: get, upsert, query, delete."""
        what = "%s in collection %s" % (verb, collection["name"])
        return self.ask("POST", "%s/%s/%s" % (self.base, collection["id"], verb), body, what)

    def ids(self, collection):
        return self.records(collection, "get", {"include": []})["ids"]

    def close(self):
        self.connection.close()


def space_of(collection):
    """The distance space: as the server resolves it for collections that it made itself."""
    configuration = collection.get("configuration_json") or {}
    for index in ("hnsw", "spann"):
        if configuration.get(index):
            return configuration[index].get("space")
    return (collection.get("metadata") or {}).get("hnsw:space", "l2")
