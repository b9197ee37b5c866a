"""Fixtures. The services run already; tests/run starts them and exports where they are."""

import pytest

from ferry import Ferry
from fixtures import addresses, living, pytest_configure, pytest_runtest_makereport, score  # noqa: F401


@pytest.fixture(scope="session")
def services():
    return addresses()


@pytest.fixture
def ferry(services, tmp_path, request):
    with living("ferry", Ferry(services, tmp_path, request.node.originalname)) as world:
        yield world


@pytest.fixture(scope="module")
def module_ferry(services, tmp_path_factory, request):
    """For a module whose tests look at one run from several sides."""
    name = request.module.__name__
    with living("module_ferry", Ferry(services, tmp_path_factory.mktemp(name), name)) as world:
        yield world
