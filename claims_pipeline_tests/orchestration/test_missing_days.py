from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from claims_pipeline.orchestration.missing_days import DAYS_A_RUN, LOADED, last_due_day, missing_days, requests
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START, daily, days_of_run

FIRST = daily.start.date()


def load(instance: dg.DagsterInstance, *numbers: int) -> None:
    for number in numbers:
        day = FIRST + timedelta(days=number)
        instance.report_runless_asset_event(dg.AssetMaterialization(LOADED, partition=str(day)))


def days(*numbers: int) -> list[date]:
    return [FIRST + timedelta(days=number) for number in numbers]


@pytest.mark.heavy
def test_days_without_a_load_are_missing_wherever_they_lie(instance: dg.DagsterInstance) -> None:
    load(instance, 0, 2, 3)

    assert missing_days(instance, FIRST + timedelta(days=5)) == days(1, 4, 5)
    assert missing_days(instance, FIRST - timedelta(days=1)) == []


def test_days_that_a_run_is_at_work_on_are_not_missing(instance: dg.DagsterInstance) -> None:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def job() -> None:
        nothing()

    first, last = days(1, 2)
    instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.NOT_STARTED, tags={RANGE_START: str(first), RANGE_END: str(last)}
    )
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": str(days(3)[0])})

    assert missing_days(instance, FIRST + timedelta(days=4)) == days(0, 4)


def test_yesterday_is_due_from_a_time_on() -> None:
    early, late = datetime(2025, 3, 5, 2, 59, tzinfo=UTC), datetime(2025, 3, 5, 3, 0, tzinfo=UTC)

    assert last_due_day(early) == date(2025, 3, 3)
    assert last_due_day(late) == date(2025, 3, 4)


def test_days_in_a_row_are_one_request_and_a_day_alone_is_a_partition() -> None:
    asked = requests(days(0, 1, 2, 5), "key")

    assert [days_of_run(request.tags) for request in asked] == [days(0, 1, 2), []]
    assert asked[1].partition_key == str(days(5)[0])
    assert len({request.run_key for request in asked}) == 2


def test_a_long_gap_becomes_several_runs() -> None:
    asked = requests(days(*range(DAYS_A_RUN + 1)), "key")

    assert [len(days_of_run(request.tags)) or 1 for request in asked] == [DAYS_A_RUN, 1]
