"""Kafka as companies run it: TLS with SCRAM, with PLAIN and with client certificates; bad certificates, bad passwords, and
properties that may not be set."""

import threading

import pytest

from certificates import Authority
from ferry import DONE, USAGE, stays, wait_for
from own_kafka import PASSWORD, USER, OwnKafka
from proxy import Proxy


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def kafka(services, authority, tmp_path_factory):
    with OwnKafka(tmp_path_factory.mktemp("own-kafka") / "broker", authority) as broker:
        yield broker


def sasl(kafka, authority, mechanism="SCRAM-SHA-512"):
    return {"FERRY_KAFKA_BROKERS": kafka.sasl_ssl, "FERRY_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "FERRY_KAFKA_SASL_MECHANISM": mechanism, "FERRY_KAFKA_SASL_USERNAME": USER,
            "FERRY_KAFKA_SASL_PASSWORD": PASSWORD, "FERRY_KAFKA_SSL_CA_LOCATION": str(authority.certificate)}


def moves(ferry, env):
    ferry.fill(40)
    ferry.setup(env=env)
    ferry.consumers(env=env)
    process = ferry.migrate(env=env)
    assert process.status == DONE, process.err
    ferry.assert_equal()
    assert PASSWORD not in ferry.logs(1000)


def test_a_job_over_tls_with_scram(ferry, kafka, authority):
    moves(ferry, sasl(kafka, authority))


def test_a_job_with_client_certificates_from_a_file(ferry, kafka, authority, tmp_path):
    certificate, key = authority.issue("client")
    config = tmp_path / "kafka.conf"
    config.write_text("# as for any client\nsecurity.protocol = ssl\nkafka.ssl.ca.location=%s\n"
                      "ssl.certificate.location=%s\nssl.key.location=%s\n" % (authority.certificate, certificate, key))
    moves(ferry, {"FERRY_KAFKA_BROKERS": kafka.ssl, "FERRY_KAFKA_CONFIG": str(config)})


def test_plain_over_tls(ferry, kafka, authority):
    ferry.setup(env=sasl(kafka, authority, "PLAIN"))


def by_certificate(kafka, authority, certificate=None, key=None):
    return {"FERRY_KAFKA_BROKERS": kafka.ssl, "FERRY_KAFKA_SECURITY_PROTOCOL": "ssl",
            "FERRY_KAFKA_SSL_CA_LOCATION": str(authority.certificate),
            "FERRY_KAFKA_SSL_CERTIFICATE_LOCATION": certificate and str(certificate),
            "FERRY_KAFKA_SSL_KEY_LOCATION": key and str(key)}


def test_what_is_not_proven_is_refused(ferry, kafka, authority, tmp_path):
    """All at a time: each is tried for as long as a broker that does not answer. None of it passes by waiting."""
    stranger = Authority(tmp_path / "other", "other")
    env, other = sasl(kafka, authority), str(stranger.certificate)
    cases = [("Authentication failed", dict(env, FERRY_KAFKA_SASL_PASSWORD="hunter2-of-nobody")),
             ("the certificate is of a CA that is not trusted here", dict(env, FERRY_KAFKA_SSL_CA_LOCATION=other))]
    for kind, words in (("expired", "the certificate has expired"), ("host", "the certificate is for another "),
                        ("self", "the certificate is self-signed")):
        cases.append((words, dict(by_certificate(kafka, authority), FERRY_KAFKA_BROKERS=kafka.bad[kind])))
    bad = [by_certificate(kafka, authority), by_certificate(kafka, authority, *authority.issue("client-expired", days=-1)),
           by_certificate(kafka, authority, *stranger.issue("client-of-another"))]
    cases += [("client certificate", env) for env in bad]
    ferry.setup(env=env)
    started = [(ferry.start("ferry-producer", "setup", env=env), words) for words, env in cases]
    started += [(ferry.start("ferry-consumer", env=env), words) for words, env in cases[2:]]
    for process, words in started:
        assert process.wait() == USAGE and words in process.err, process.err
        assert "hunter2" not in process.err + process.out


@pytest.mark.slow
def test_who_runs_waits_until_the_brokers_have_a_good_certificate_again(ferry, kafka, authority):
    """Days after the start, nobody is there to start anything again."""
    ferry.fill(1000)
    env = sasl(kafka, authority)
    ferry.setup(env=env)
    gate = threading.Event()

    def held(request, forward):
        if request.verb == "upsert" and front.count("upsert") > 0:
            gate.wait(300)
        return forward(request)

    def told():
        """Who says what it waits for."""
        rows = ferry.sql("SELECT kind FROM ferry.worker_status WHERE waits_for LIKE '%%the certificate has expired%%'")
        return {row["kind"] for row in rows}

    with Proxy(ferry.target.url, held) as front:
        consumer, = ferry.consumers(env=env)
        migrate = ferry.start_migrate(env=env, target=front.url, batch_records=5)
        ferry.wait_for_verified(5)
        kafka.stop()
        try:
            kafka.shows(authority.issue("broker-later", days=-1))
            kafka.start()
            gate.set()
            wait_for(lambda: told() == {"consumer", "producer"}, what="the brokers' certificate is told of")
            stays(lambda: consumer.alive and migrate.alive)
        finally:
            gate.set()
            kafka.stop()
            kafka.shows(*kafka.good)
            kafka.start()
        assert migrate.wait() == DONE, migrate.err
        assert consumer.stop() == DONE
    ferry.assert_equal()


def test_a_check_is_switched_off_only_when_asked_for(ferry, kafka, authority, tmp_path):
    off = dict(sasl(kafka, authority), FERRY_KAFKA_ENABLE_SSL_CERTIFICATE_VERIFICATION="false",
               FERRY_KAFKA_SSL_CA_LOCATION=str(Authority(tmp_path / "other", "other").certificate))
    process = ferry.producer("setup", env=off)
    assert process.status == USAGE and "switches a check off" in process.err, process.err
    process = ferry.setup(env=dict(off, FERRY_KAFKA_INSECURE="true"))
    assert "event=bus.insecure property=enable.ssl.certificate.verification" in process.err, process.err


def test_properties_that_may_not_be_set(ferry):
    def refused(words, **env):
        process = ferry.producer("setup", env=env)
        assert process.status == USAGE and words in process.err and process.err.count("\n") == 1, process.err
        assert "hunter2" not in process.err and process.out == "", "nothing is written when a setting is wrong"

    refused("FERRY_KAFKA_SSL_CA_LOCATION: ssl.ca.location: cannot read /nowhere", FERRY_KAFKA_SSL_CA_LOCATION="/nowhere")
    refused("FERRY_KAFKA_ACKS: acks is not to be set", FERRY_KAFKA_ACKS="0")
    refused("runs code", FERRY_KAFKA_PLUGIN_LIBRARY_PATHS="/tmp/x.so")
    refused('No such configuration property: "sasl.pasword"', FERRY_KAFKA_SASL_PASWORD="hunter2")
    ferry.setup()
    consumer = ferry.start("ferry-consumer", env={"FERRY_KAFKA_GROUP_ID": "mine"})
    assert consumer.wait() == USAGE and "FERRY_KAFKA_GROUP_ID: group.id is not to be set" in consumer.err, consumer.err
