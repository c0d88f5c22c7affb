"""Practitioners who bill office visits at levels far above those of their peers."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.lake import Lake
from claims_pipeline.quality.histories import visit_levels_like_peers
from claims_pipeline.schema import CLAIMS, PRACTITIONERS

DAY = date(2025, 3, 20)
PEERS = [f"practitioner-{number}" for number in range(8)]
USUAL = ["99213", "99214"] * 15


def visits(practitioner: str, year: int, codes: list[str]) -> list[dict[str, object]]:
    return [
        {
            "claim_id": f"{practitioner}-{year}-{number}",
            "claim_status": "active",
            "version_number": 1,
            "received_date": date(year, 2, 1),
            "claim_start_date": date(year, 2, 1),
            "patient_id": "patient-1",
            "practitioner_id": practitioner,
            "lines": [{"claim_line_number": 1, "hcpcs_code": code, "modifiers": [], "unit_count": 1}],
        }
        for number, code in enumerate(codes)
    ]


@pytest.mark.parametrize(
    ("first_year", "second_year", "is_found"),
    [
        (["99215"] * 30, ["99215"] * 30, True),
        (["99215"] * 30, USUAL, True),
        (USUAL, USUAL, False),
        (["99214"] * 30, ["99214"] * 30, False),
        (["99215"] * 12, USUAL, False),
    ],
    ids=["in both years", "in one of two years", "in none", "high, but not the highest", "in few visits"],
)
def test_who_bills_the_highest_level_is_found_also_in_one_of_several_years(
    tmp_path: Path, first_year: list[str], second_year: list[str], is_found: bool
) -> None:
    claims = visits(PEERS[0], 2024, first_year) + visits(PEERS[0], 2025, second_year)
    for number, peer in enumerate(PEERS[1:]):
        for year in (2024, 2025):
            claims += visits(peer, year, USUAL + ["99213"] * number)
    lake = Lake(tmp_path / "lake")
    practitioners = [{"practitioner_id": peer, "specialty": "family_medicine"} for peer in PEERS]
    with lake.writer() as writer:
        writer.add(CLAIMS, pl.DataFrame(claims, schema=CLAIMS.polars_schema), DAY)
        writer.add(PRACTITIONERS, pl.DataFrame(practitioners, schema=PRACTITIONERS.polars_schema))

    assert visit_levels_like_peers(lake, [DAY])["id"].to_list() == PEERS[:1] * is_found


def test_a_practitioner_of_a_specialty_without_peers_is_compared_with_all(tmp_path: Path) -> None:
    claims = visits(PEERS[0], 2025, ["99215"] * 30) + visits(PEERS[1], 2025, ["99214"] * 30)
    for number, peer in enumerate(PEERS[2:]):
        claims += visits(peer, 2025, USUAL + ["99213"] * number)
    specialties = ["cardiology", "nephrology"] + ["family_medicine"] * 6
    practitioners = pl.DataFrame(
        {"practitioner_id": PEERS, "specialty": specialties}, schema_overrides=PRACTITIONERS.polars_schema
    )
    lake = Lake(tmp_path / "lake")
    with lake.writer() as writer:
        writer.add(CLAIMS, pl.DataFrame(claims, schema=CLAIMS.polars_schema), DAY)
        writer.add(PRACTITIONERS, pl.DataFrame(practitioners.to_dicts(), schema=PRACTITIONERS.polars_schema))

    assert visit_levels_like_peers(lake, [DAY])["id"].to_list() == PEERS[:1]
