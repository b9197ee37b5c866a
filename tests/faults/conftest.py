"""Fixtures of the scenarios. The services run already; tests/run starts them and exports where they are."""

import contextlib
import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import world as world_module  # noqa: E402
from fixtures import addresses, living, pytest_configure, pytest_runtest_makereport, score  # noqa: E402, F401
from own_postgres import OwnPostgres  # noqa: E402


@pytest.fixture(scope="session")
def shared_services():
    return addresses()


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


@pytest.fixture
def world(services, tmp_path, request):
    with living("world", world_module.World(services, tmp_path, request.node.originalname)) as made:
        yield made


@pytest.fixture
def make_world(services, tmp_path):
    """make_world(name): another one, for scenarios that want several beside each other."""
    numbers = itertools.count()
    with contextlib.ExitStack() as worlds:
        def make(name):
            folder = tmp_path / ("world%d" % next(numbers))
            folder.mkdir()
            return worlds.enter_context(living("make_world", world_module.World(services, folder, name)))
        yield make


@pytest.fixture(scope="module")
def module_world(services, tmp_path_factory, request):
    """For a module whose tests look at one run from several sides, or whose scenarios are many and small."""
    name = request.module.__name__
    with living("module_world", world_module.World(services, tmp_path_factory.mktemp(name), name)) as made:
        yield made
