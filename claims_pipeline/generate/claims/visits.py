"""The visits behind claims, as arrays and as the table: who is seen for what, when, by whom."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.arrow import codes_of, lists
from claims_pipeline.generate.numbers.draws import NO_COUNTER, Bits, Draws, Integers, pair, unpair
from claims_pipeline.generate.numbers.identifiers import dates
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.reference import read_table
from claims_pipeline.schema import VISITS


@dataclass(frozen=True)
class Visits:
    """The visits behind claims, as arrays of equal length.

    Attributes:
        received: day of the claim's first version.
        index: number of the claim within the day received, from 0.
        replaces: counter of the claim that this one replaces, NO_COUNTER for none.
        person: number of the patient, from 0.
        service: day of the service.
        story: row of the stories table.
        practitioner: number of the rendering provider, from 0.
        is_new: whether the practice has not seen the patient in three years.
        is_video: whether it is a visit by video.
        diagnoses: the reason of each visit first.
        lines: in the order of their visits.
    """

    received: Integers
    index: Integers
    replaces: Bits
    person: Integers
    service: Integers
    story: Integers
    practitioner: Integers
    is_new: NDArray[np.bool_]
    is_video: NDArray[np.bool_]
    diagnoses: Diagnoses
    lines: Lines

    def at(self, rows: Integers) -> dict[str, Any]:
        """Return the attributes of the visits at some positions, which may repeat."""
        found: dict[str, Any] = {
            name: values[rows] for name, values in vars(self).items() if name not in ("diagnoses", "lines")
        }
        found["diagnoses"] = Diagnoses(self.diagnoses.codes[rows], self.diagnoses.count[rows])
        counts = np.bincount(self.lines.claim, minlength=len(self.person))
        place = elements((np.cumsum(counts) - counts)[rows], counts[rows])
        lines = self.lines.at(place)
        found["lines"] = Lines(
            np.repeat(np.arange(len(rows)), counts[rows]), lines.code, lines.pointer, lines.units, lines.slot
        )
        return found

    def frame(self) -> pl.DataFrame:
        """Return the visits as schema declares them, with codes as categories."""
        counts = np.bincount(self.lines.claim, minlength=len(self.person))
        day, number = unpair(self.replaces)
        is_replacement = pl.lit(pl.Series(self.replaces != NO_COUNTER))
        is_coded = np.arange(MOST_DIAGNOSES) < self.diagnoses.count[:, None]
        return pl.DataFrame(
            {
                "received_date": dates(self.received),
                "claim_index": self.index,
                "replaced_date": pl.select(pl.when(is_replacement).then(dates(day))).to_series(),
                "replaced_index": pl.select(pl.when(is_replacement).then(pl.Series(number))).to_series(),
                "person": self.person,
                "service_date": dates(self.service),
                "story": codes_of("stories", "story").gather(self.story),
                "practitioner": self.practitioner,
                "is_new_patient": self.is_new,
                "is_video": self.is_video,
                "diagnosis_codes": lists(
                    codes_of("diagnoses", "diagnosis_code").gather(self.diagnoses.codes[is_coded]), self.diagnoses.count
                ),
                "hcpcs_codes": lists(codes_of("procedures", "hcpcs_code").gather(self.lines.code), counts),
                "diagnosis_pointers": lists(pl.Series(self.lines.pointer.astype(np.int32)), counts),
                "unit_counts": lists(pl.Series(self.lines.units.astype(np.int32)), counts),
            }
        ).cast(VISITS.coded_schema)


def visits_from(frame: pl.DataFrame) -> Visits:
    """Return rows of the visits table as arrays."""
    columns = frame.select(
        pl.col("received_date").to_physical().alias("received"),
        pl.col("claim_index").alias("index"),
        "person",
        pl.col("service_date").to_physical().alias("service"),
        pl.col("story").cast(pl.Enum(stories())).to_physical(),
        "practitioner",
    )
    numbers = {column.name: column.to_numpy().astype(np.int64) for column in columns}
    replaced = frame.select(pl.col("replaced_date").to_physical(), "replaced_index").fill_null(0)
    replaces = pair(replaced["replaced_date"].to_numpy(), replaced["replaced_index"].to_numpy())
    of_lines = ["hcpcs_codes", "diagnosis_pointers", "unit_counts"]
    lines = frame.select(of_lines).explode(of_lines)
    code = lines["hcpcs_codes"].cast(_enum("procedures", "hcpcs_code")).to_physical()
    counts = frame["hcpcs_codes"].list.len().to_numpy()
    pointer, units = (lines[name].to_numpy().astype(np.int64) for name in ("diagnosis_pointers", "unit_counts"))
    return Visits(
        **numbers,
        replaces=np.where(frame["replaced_date"].is_null().to_numpy(), NO_COUNTER, replaces),
        is_new=frame["is_new_patient"].to_numpy(),
        is_video=frame["is_video"].to_numpy(),
        diagnoses=_diagnoses_from(frame["diagnosis_codes"]),
        lines=Lines(
            claim=np.repeat(np.arange(frame.height), counts),
            code=code.to_numpy().astype(np.int64),
            pointer=pointer,
            units=units,
            slot=np.zeros(len(pointer), dtype=np.int64),
        ),
    )


def _diagnoses_from(column: pl.Series) -> Diagnoses:
    count = column.list.len().to_numpy().astype(np.int64)
    codes = np.full((len(column), MOST_DIAGNOSES), NONE)
    found = column.explode().cast(_enum("diagnoses", "diagnosis_code")).to_physical()
    codes[np.arange(MOST_DIAGNOSES) < count[:, None]] = found.to_numpy().astype(np.int64)
    return Diagnoses(codes, count)


@cache
def _enum(table: str, column: str) -> pl.Enum:
    return pl.Enum(read_table(table)[column])


def elements(starts: Integers, counts: Integers) -> Integers:
    """Return positions in a flat array: for each row a number of consecutive ones from its start on."""
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    places: Integers = np.repeat(starts, counts) + within
    return places


def is_video(draws: Draws, counter: Bits, story: Integers) -> NDArray[np.bool_]:
    """Return which visits are by video, by the counters of their claims."""
    chance = read_table("stories")["telehealth"].to_numpy()[story]
    by_video: NDArray[np.bool_] = draws.uniform("claim/video", counter) < chance
    return by_video
