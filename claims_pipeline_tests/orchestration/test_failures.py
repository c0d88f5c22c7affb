import sqlite3

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import RemoteJobOrigin

from claims_pipeline.errors import DataError, FeedMismatch, LedgerUnusable, LoaderLocked, ServerUnavailable
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster, may_succeed_later
from claims_pipeline.orchestration.instance import remote_origin


def busy_ledger() -> LedgerUnusable:
    error = LedgerUnusable("the ledger cannot be used")
    error.__cause__ = sqlite3.OperationalError("database is locked")
    return error


def times_tried(error: Exception, *, is_launched: bool = True) -> int:
    """Return how often a step that always raises an error is tried with one retry allowed."""
    tries = 0

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=1, delay=0))
    @failing_as_dagster()
    def step() -> None:
        nonlocal tries
        tries += 1
        raise error

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        step()

    with dg.DagsterInstance.ephemeral() as instance:
        origin = RemoteJobOrigin(remote_origin(), "job") if is_launched else None
        run = instance.create_run_for_job(job, remote_job_origin=origin)
        assert not execute_run(InMemoryJob(job), run, instance).success
    return tries


@pytest.mark.parametrize("error", [ServerUnavailable("no answer"), LoaderLocked("held"), busy_ledger()])
def test_what_may_answer_later_is_tried_again(error: Exception) -> None:
    assert may_succeed_later(error)
    assert times_tried(error) == 2


def test_a_run_started_by_a_person_fails_without_retries() -> None:
    """`dagster asset materialize` would otherwise try for 11 minutes while the server is down."""
    assert times_tried(ServerUnavailable("no answer"), is_launched=False) == 1


@pytest.mark.parametrize("error", [DataError("no partition"), FeedMismatch("another feed"), ValueError("a defect")])
def test_what_would_fail_again_is_not(error: Exception) -> None:
    assert times_tried(error) == 1


def test_a_retry_waits_longer_each_time() -> None:
    delays = [RETRIES.calculate_delay(attempt) for attempt in (1, 2, 3)]

    assert delays[0] > 0
    assert RETRIES.backoff == dg.Backoff.EXPONENTIAL
    assert RETRIES.jitter == dg.Jitter.PLUS_MINUS
