"""A lake that is known by the charges of its days."""

from datetime import date
from pathlib import Path

from claims_pipeline import aggregate
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline_tests.aggregate.example_lake import BEN, claim, write_day, write_directory


def view_of_charges(folder: Path, charges: dict[date, str]) -> View:
    """Return the tables of a lake from the first to the last of the days, with a claim on each."""
    feed = Feed(seed=1, patients=4, claims=4, start_date=min(charges), end_date=max(charges))
    require_feed(folder / "lake", feed)
    lake = Lake(folder / "lake")
    write_directory(lake)
    for day, charge in charges.items():
        write_day(lake, day, [claim(f"claim-{day:%Y%m%d}-000000", BEN, "TX", {"99213": charge}, received_date=day)])
    aggregate.build(lake, folder / "a.duckdb")
    return View(folder / "a.duckdb")
