"""What the conftest.py of e2e/ and that of ../faults have in common: where the services are, and worlds that show in a failing
test what their programs said; and the figures of ../faults/scorecard. The functions whose names begin with pytest_ are pytest's hooks once a conftest.py imports them."""

import contextlib
import json
import os
import signal

import pytest

NEEDED = ["FERRY_SOURCE", "FERRY_TARGET", "FERRY_KAFKA_BROKERS", "PGHOST", "PGPORT", "PATH"]
LIVING = []  # (name of the fixture, the world it made)


def pytest_configure(config):
    # Started in the background, we ignore SIGINT and so would our children; SIGTERM shall run the fixtures' ends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows what the programs said."""
    report = yield
    if report.failed:
        for fixture, world in LIVING:
            if fixture in item.fixturenames:
                report.sections.append(("programs of " + world.name, world.logs()))
    return report


def addresses():
    """Of the services, as tests/run exports them."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.exit('%s not set: use tests/run, or eval "$(compose/local env)"' % ", ".join(missing), 2)
    return {name: os.environ[name] for name in NEEDED}


@contextlib.contextmanager
def living(fixture, world):
    """The world, for as long as the fixture of that name lives."""
    LIVING.append((fixture, world))
    try:
        yield world
    finally:
        LIVING.remove((fixture, world))
        world.end()


@pytest.fixture
def score(request):
    """score(line=5, figure="10 kills, 0 lost", target="0 lost", passed=True): a line of the scorecard. Say it before the
    assertion that depends on it."""
    def write(line, figure, target, passed):
        entry = {"line": line, "test": request.node.name, "figure": figure, "target": target, "passed": bool(passed)}
        print("scorecard %(line)d: %(figure)s (target: %(target)s)" % entry)
        path = os.environ.get("FERRY_SCORES")
        if path:
            with open(path, "a") as scores:
                scores.write(json.dumps(entry) + "\n")
    return write
