"""A Kafka broker of a test's own, that speaks TLS and asks who is there: SCRAM and PLAIN over TLS, and client certificates.

    with OwnKafka(folder, authority) as kafka:
        … kafka.sasl_ssl, kafka.ssl …       # addresses of two of its listeners
        … kafka.bad["expired"] …            # and of those whose certificate is not to be believed
"""

import os
import pathlib
import shutil
import subprocess

import ferry
from own_chroma import free_port

USER, PASSWORD = "ferry", "hunter2-of-ferry"

CONFIG = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{sasl_ssl},SSL://127.0.0.1:{ssl}{bad},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{sasl_ssl},SSL://127.0.0.1:{ssl}{bad}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL{bad_map},CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
ssl.keystore.type=PEM
ssl.keystore.location=broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


def keystore(pair, *others):
    """Java reads PKCS#8 key and certificates from one file."""
    certificate, key = pair
    return key.read_text() + certificate.read_text() + "".join(other.read_text() for other in others)


class OwnKafka:
    def __init__(self, folder, authority):
        self.folder = folder
        folder.mkdir()
        self.ports = {name: free_port() for name in ("controller", "plain", "sasl_ssl", "ssl")}
        self.sasl_ssl, self.ssl, self.plain = ("127.0.0.1:%d" % self.ports[name] for name in ("sasl_ssl", "ssl", "plain"))
        self.good = authority.issue("broker"), authority.certificate
        self.shows(*self.good)
        (folder / "ca.pem").write_text(authority.certificate.read_text())
        pairs = {"expired": authority.issue("broker-expired", days=-1),
                 "host": authority.issue("broker-elsewhere", "DNS:kafka.example"),
                 "self": authority.self_signed("broker-itself")}
        self.bad, listeners, settings = {}, "", ""
        for name, pair in pairs.items():
            port = free_port()
            self.bad[name] = "127.0.0.1:%d" % port
            listeners += ",%s://127.0.0.1:%d" % (name.upper(), port)
            (folder / (name + ".pem")).write_text(keystore(pair))
            settings += "listener.name.%s.ssl.keystore.location=%s.pem\n" % (name, name)
        (folder / "kafka.properties").write_text(CONFIG.format(
            user=USER, password=PASSWORD, bad=listeners, bad_map="".join(",%s:SSL" % name.upper() for name in pairs),
            **self.ports) + settings)
        library = pathlib.Path(os.environ.get("FERRY_LOCAL_LIB") or ferry.REPO / ".ferry" / "lib")
        jars = next(path for path in sorted(library.glob("kafka-*")) if path.is_dir())
        self.java = [shutil.which("java"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "%s/*" % jars]
        self.process = None

    def __enter__(self):
        with open(self.folder / "format.log", "wb") as log:
            subprocess.run(self.java + ["kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c",
                                        "kafka.properties", "-S", "SCRAM-SHA-512=[name=%s,password=%s]" % (USER, PASSWORD)],
                           cwd=self.folder, stdout=log, stderr=log, check=True)
        self.start()
        return self

    def shows(self, pair, *others):
        """Its good listeners have this certificate from the next start on."""
        (self.folder / "broker.pem").write_text(keystore(pair, *others))

    def start(self):
        with open(self.folder / "kafka.log", "ab") as log:
            self.process = subprocess.Popen(self.java + ["-Xms256m", "-Xmx256m", "kafka.Kafka", "kafka.properties"],
                                            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            ferry.wait_for(self.answers, what="Kafka answers")
        except BaseException:
            self.stop()
            raise

    def answers(self):
        assert self.process.poll() is None, (self.folder / "kafka.log").read_text()[-2000:]
        return subprocess.run(["kcat", "-b", self.plain, "-L", "-m", "2"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
