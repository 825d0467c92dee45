"""A Ray cluster of two nodes on this machine."""

from collections.abc import Iterator

import pytest
import ray
from ray.cluster_utils import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two nodes, each a process of its own with workers of its own."""
    node = {"num_cpus": 1, "env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}}
    made = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    made.add_node(**node)
    yield str(made.address)
    ray.shutdown()
    made.shutdown()
