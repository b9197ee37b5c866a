"""compose/quickstart, twice, with services of its own."""

import os
import re
import subprocess

import pytest

import ferry as harness
import judge


@pytest.fixture(scope="module")
def runs():
    folder = harness.REPO / ".ferry" / "test-quickstart"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "FERRY_"))}
    env.update(FERRY_LOCAL_DIR=str(folder), FERRY_LOCAL_PORT="auto", FERRY_LOCAL_START_SECONDS="150",
               FERRY_LOCAL_LIB=os.environ.get("FERRY_LOCAL_LIB", str(harness.REPO / ".ferry" / "lib")))

    def local(command):
        return subprocess.run([str(harness.REPO / "compose/local"), command], env=env, capture_output=True, text=True,
                              check=True, timeout=120).stdout

    def run():
        return subprocess.run([str(harness.REPO / "compose/quickstart")], env=env, capture_output=True, text=True, timeout=900)
    local("reset")
    try:
        first = run()
        ports = dict(re.findall(r"^(\w+) +\w+ +(127\.0\.0\.1:\d+)", local("status"), re.MULTILINE))
        topic = harness.Topic(ports["kafka"], "ferry.batches")
        yield {"first": first, "messages": topic.count(), "again": run(), "messages again": topic.count(), "ports": ports}
    finally:
        local("reset")


def test_it_moves_the_sample_and_says_so(runs):
    first = runs["first"]
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]
    assert re.search("^2213 of 2213 records verified$", first.stdout, re.MULTILINE)
    assert "source and target agree on all 3 queries" in first.stdout
    assert re.search(r"^state +\| succeeded$", first.stdout, re.MULTILINE)


def test_the_judge_agrees(runs):
    verdict = judge.judge("http://" + runs["ports"]["source"], "http://" + runs["ports"]["target"], "adnd_1e")
    assert verdict.equal and verdict.target_count == 2213, str(verdict)


def test_a_second_run_says_what_it_found_and_sends_nothing(runs):
    again = runs["again"]
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert "0 records to send" in again.stdout and "all 2213 records are in" in again.stdout
    assert again.stdout.count("already running") == 4
    assert runs["messages again"] == runs["messages"] == 8
