"""Fixtures. The services run already; tests/run starts them and exports where they are."""

import os
import signal

import pytest

import ferry as ferry_module

NEEDED = ["FERRY_SOURCE", "FERRY_TARGET", "FERRY_KAFKA_BROKERS", "PGHOST", "PGPORT", "PATH"]

LIVING = {}  # fixture: the world it made


def pytest_configure(config):
    # Started in the background, we ignore SIGINT and so would our children; SIGTERM shall run the fixtures' ends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def services():
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.exit('%s not set: use tests/run, or eval "$(compose/local env)"' % ", ".join(missing), 2)
    return {name: os.environ[name] for name in NEEDED}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows what the programs said."""
    report = yield
    if report.failed:
        for fixture, world in LIVING.items():
            if fixture in item.fixturenames:
                report.sections.append(("programs of " + world.name, world.logs()))
    return report


def living(fixture, services, folder, name):
    LIVING[fixture] = world = ferry_module.Ferry(services, folder, name)
    yield world
    del LIVING[fixture]
    world.end()


@pytest.fixture
def ferry(services, tmp_path, request):
    yield from living("ferry", services, tmp_path, request.node.originalname)


@pytest.fixture(scope="module")
def module_ferry(services, tmp_path_factory, request):
    """For a module whose tests look at one run from several sides."""
    name = request.module.__name__
    yield from living("module_ferry", services, tmp_path_factory.mktemp(name), name)
