"""What the other tests rely on in ferry.py and own_chroma.py. Needs no services."""

import socket

import pytest

from ferry import DONE, UNAVAILABLE, Process, wait_for
from own_chroma import free_port

# Ends with 3 the first so many times that it is started.
TRIES = """echo x >>starts; if [ $(wc -l <starts) -le %d ]; then %s exit 3; fi; echo "a=b event=consumer.ready" >&2; exec sleep 60"""


def begun(tmp_path, fails, says=""):
    return Process("late", ["sh", "-c", TRIES % (fails, says)], None, tmp_path, "consumer.ready")


def starts(tmp_path):
    return (tmp_path / "starts").read_text().count("x")


def test_a_consumer_that_found_a_service_unavailable_is_started_anew(tmp_path):
    process = begun(tmp_path, 1)
    wait_for(lambda: "consumer.ready" in process.err, 30, "it is ready")
    assert process.alive and starts(tmp_path) == 2
    assert process.kill() == -9 and not process.alive


@pytest.mark.parametrize("fails, says, times", [(2, "", 2), (1, "echo consumer.ready >&2;", 1)], ids=["again", "after-it-was-ready"])
def test_once_and_only_before_it_is_ready(tmp_path, fails, says, times):
    process = begun(tmp_path, fails, says)
    assert process.wait(30) == UNAVAILABLE and not process.alive
    assert starts(tmp_path) == times


def test_what_is_stopped_stays_so(tmp_path):
    process = Process("stopped", ["sh", "-c", "trap 'exit 3' TERM; echo on; while :; do sleep 0.1; done"], None, tmp_path, "consumer.ready")
    wait_for(lambda: process.out == "on\n", 30, "its trap is set")
    assert process.stop() == UNAVAILABLE and not process.alive and process.out == "on\n"


def test_a_process_that_only_ends_is_waited_for(tmp_path):
    assert Process("short", ["true"], None, tmp_path).wait(30) == DONE


def test_ports_are_new_each_time_and_nobody_elses():
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20 and all(10000 <= port < 18000 for port in ports)
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        assert taken.getsockname()[1] not in [free_port() for _ in range(1000)]
