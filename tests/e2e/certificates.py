"""Certificates of all kinds, good and bad, made by openssl when a test needs them."""

import subprocess

LOCAL = "IP:127.0.0.1,DNS:localhost"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


class Authority:
    """A CA of its own, in a folder of its own."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = folder / (name + ".pem"), folder / (name + ".key")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate,
                "-subj", "/CN=" + name, "-days", 2, "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, hosts=LOCAL, days=2):
        """Certificate and PKCS#8 key, as two PEM files. days=-1: expired."""
        certificate, key, request, extensions = (self.folder / (name + end) for end in (".pem", ".key", ".csr", ".ext"))
        extensions.write_text("subjectAltName=%s\n" % hosts)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=" + name)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key

    def self_signed(self, name, hosts=LOCAL):
        certificate, key = self.folder / (name + ".pem"), self.folder / (name + ".key")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=" + name,
                "-days", 2, "-addext", "subjectAltName=" + hosts)
        return certificate, key
