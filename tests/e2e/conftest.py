"""Fixtures of the end-to-end tests: one fleet for all of them, cleared for each test that takes it."""

from collections.abc import Iterator

import pytest

from tests.e2e.running_fleet import RunningFleet, running_fleet


@pytest.fixture(scope="package")
def fleet_of_the_run(server_programs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """A fleet with one process of each service."""
    assert server_programs
    with running_fleet(tmp_path_factory.mktemp("e2e") / "fleet") as fleet:
        yield fleet


@pytest.fixture
def fleet(fleet_of_the_run: RunningFleet) -> RunningFleet:
    """The run's fleet, without fares, alerts or pushes."""
    fleet_of_the_run.clear()
    return fleet_of_the_run
