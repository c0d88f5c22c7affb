"""What the tests of the orchestration share: instances in memory, and runs of a job in this process."""

from collections.abc import Iterator

import dagster as dg
import pytest

from claims_pipeline_tests.load.conftest import fake_server

__all__ = ["fake_server"]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
