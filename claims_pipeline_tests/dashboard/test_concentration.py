"""Shares of the costliest patients, for any number of patients and any charges."""

from decimal import Decimal

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claims_pipeline.dashboard.concentration import PERCENTILES, shares_sql, top_share_sql
from claims_pipeline.dashboard.filters import Filters

ALL = Filters()


def of_patients(charges: list[Decimal]) -> duckdb.DuckDBPyConnection:
    """Return a database in which each patient has one active claim with these charges."""
    connection = duckdb.connect()
    connection.execute(
        "create table claims_current as select unnest(?::decimal(10, 2)[]) as total_charge_amount, "
        "unnest(range(?)) as patient_number, 'active' as claim_status",
        [charges, len(charges)],
    )
    return connection


@example(charges=[Decimal(1)] * 140)  # 5 percent are 7 patients, though 0.05 * 140 is above 7 as a float
@example(charges=[Decimal(0)])
@settings(max_examples=25)
@given(charges=st.lists(st.decimals(0, 10**7, places=2), min_size=1, max_size=300))
def test_the_costliest_patients_are_the_share_of_those_with_charges_rounded_up(charges: list[Decimal]) -> None:
    ordered, total = sorted((one for one in charges if one > 0), reverse=True), sum(charges)
    counts = [-(-percent * len(ordered) // 100) for percent in PERCENTILES]

    with of_patients(charges) as connection:
        shares = connection.execute(shares_sql(ALL)).fetchall()
        top_share = connection.execute(top_share_sql(ALL)).fetchall()

    if not ordered:
        assert (shares, top_share) == ([], [(None,)])
        return
    assert [row[1:3] for row in shares] == [(count, sum(ordered[:count])) for count in counts]
    of_5_percent = shares[PERCENTILES.index(5)]
    assert top_share == [(of_5_percent[3],)]
    assert of_5_percent[3] == pytest.approx(float(100 * of_5_percent[2] / total), abs=0.051)


def test_without_patients_there_is_no_share() -> None:
    with of_patients([]) as connection:
        assert connection.execute(shares_sql(ALL)).fetchall() == []
        assert connection.execute(top_share_sql(ALL)).fetchall() == [(None,)]
