"""Fixtures of the scenarios. The services run already; tests/run starts them and exports where they are."""

import json
import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import world as world_module  # noqa: E402
from own_postgres import OwnPostgres  # noqa: E402

NEEDED = ["FERRY_SOURCE", "FERRY_TARGET", "FERRY_KAFKA_BROKERS", "PGHOST", "PGPORT", "PATH"]
LIVING = []


def pytest_configure(config):
    # Started in the background, we ignore SIGINT and so would our children; SIGTERM shall run the fixtures' ends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_services():
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.exit('%s not set: use tests/run, or eval "$(compose/local env)"' % ", ".join(missing), 2)
    return {name: os.environ[name] for name in NEEDED}


@pytest.fixture(scope="module")
def own(request, shared_services, tmp_path_factory):
    """Services of the module's own, those that its OWN names; None without. own.kill("kafka"), own.up("kafka"), …"""
    names = getattr(request.module, "OWN", ())
    if not names:
        yield None
        return
    with world_module.Services(tmp_path_factory.mktemp("services") / "local", *names) as services:
        yield services


@pytest.fixture(scope="session")
def postgres():
    """One more, for the scenarios that stop it and start it again; each leaves it running."""
    with OwnPostgres() as server:
        yield server


@pytest.fixture(scope="module")
def services(shared_services, own):
    return dict(shared_services, **(own.addresses() if own else {}))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows what the programs said."""
    report = yield
    if report.failed:
        for world in LIVING:
            report.sections.append(("programs of " + world.name, world.logs()))
    return report


def living(services, folder, name):
    world = world_module.World(services, folder, name)
    LIVING.append(world)
    yield world
    LIVING.remove(world)
    world.end()


@pytest.fixture
def world(services, tmp_path, request):
    yield from living(services, tmp_path, request.node.originalname)


@pytest.fixture
def make_world(services, tmp_path):
    """make_world(name): another one, for scenarios that want several beside each other."""
    made = []

    def make(name):
        folder = tmp_path / ("world%d" % len(made))
        folder.mkdir()
        made.append(world_module.World(services, folder, name))
        LIVING.append(made[-1])
        return made[-1]
    yield make
    for world in made:
        LIVING.remove(world)
        world.end()


@pytest.fixture(scope="module")
def module_world(services, tmp_path_factory, request):
    """For a module whose tests look at one run from several sides, or whose scenarios are many and small."""
    name = request.module.__name__
    yield from living(services, tmp_path_factory.mktemp(name), name)


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
