"""A Redis Cluster for the tests of this folder."""

from collections.abc import AsyncIterator, Iterator

import pytest

from shared.fare_boards.store import BoardStore
from tests.integration.on_cluster.redis_cluster import ClusterInTest, running_cluster


@pytest.fixture(scope="module")
def running(server_programs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterInTest]:
    """A cluster for all tests of a file that leave it well."""
    assert server_programs
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: ClusterInTest) -> ClusterInTest:
    """The cluster, without keys."""
    running.clear()
    return running


@pytest.fixture
async def boards(cluster: ClusterInTest) -> AsyncIterator[BoardStore]:
    """The store on the cluster."""
    store = BoardStore(cluster.url)
    yield store
    await store.close()
