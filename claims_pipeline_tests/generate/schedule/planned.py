"""Planned visits as a frame, for tests that ask who is seen when, and for what."""

import polars as pl

from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits
from claims_pipeline.reference import read_table


def frame_of(planned: PlannedVisits) -> pl.DataFrame:
    """Return a row a visit: its arrays, the name of its story, and its diagnoses as `codes`; the first is `code`."""
    names = read_table("diagnoses")["diagnosis_code"].to_list()
    codes = pl.Series(
        [[names[code] for code in row if code != NONE] for row in planned.codes.tolist()], dtype=pl.List(pl.String())
    )
    arrays = {name: values for name, values in vars(planned).items() if name != "codes"}
    return pl.DataFrame(arrays).with_columns(
        story=pl.Series(stories()).gather(planned.story), codes=codes, code=codes.list.first()
    )
