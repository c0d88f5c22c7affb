"""Irregular claims among the visits of a part of a year, each with a label, so that detectors can be scored.

A planted claim takes the place of a regular one, so the number of claims stays what the feed says. Like the visits
themselves this is a pure function of the feed, the part, and the parts before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.anesthesia import STORY as ANESTHESIA
from claims_pipeline.generate.coverage import span_on
from claims_pipeline.generate.days import year_of
from claims_pipeline.generate.draws import Bits, Draws, Integers, pair
from claims_pipeline.generate.history import NEW_AFTER
from claims_pipeline.generate.identifiers import claim_ids, numbered
from claims_pipeline.generate.lifecycle import CANCELLED, last_statuses
from claims_pipeline.generate.mistakes import OTHER_LEVEL
from claims_pipeline.lake import Feed
from claims_pipeline.reference import DAILY_CARE_PATTERN, read_table
from claims_pipeline.schema import IRREGULARITIES, VISITS

DUPLICATE, NEAR_DUPLICATE, NEXT_DAY, FREQUENCY, NEW_PATIENT, UNBUNDLING, MISSING, UNITS, UPCODING = (
    "duplicate",
    "near_duplicate",
    "next_day",
    "frequency",
    "new_patient",
    "unbundling",
    "missing_diagnosis",
    "units",
    "upcoding",
)
OF_CLAIMS = 8
"""Kinds that single claims have; the rate is shared out among them. Upcoding is a habit of practitioners."""

DUPLICATE_WITHIN = 30
"""Days between the receipt of a claim and of its duplicate, at most."""
FEWEST_VISITS = 30
"""Established office visits of a year that a practitioner needs to be made to code them at the highest level."""

AS_NEW = {"99212": "99202", "99213": "99203", "99214": "99204", "99215": "99205"}
HIGHEST = "99215"
RAISED = {"99212": HIGHEST, "99213": HIGHEST, "99214": HIGHEST}
UNBUNDLED = {"80053": "80048", "81001": "81003", "93000": "93010", "94060": "94010", "45385": "45378"}
"""Procedures and a part of each that is billed beside it (coding_rules.csv, not_with_procedure)."""

NOT_NEXT_DAY = ("newborn_first", "delivery", "delivery_only", "dialysis", "imaging", "mammography")
"""Stories of which no copy is planted for the next day, beside those that bill daily care.

A birth happens once, dialysis is billed for a month, and the copy of a study may bill another part of it.
"""
IMPOSSIBLE_UNITS = 11
"""Units of a service that is given once a day: a digit typed twice. More than coding_rules.csv (most_units) allows."""

Mask = NDArray[np.bool_]
NO_ROWS: Integers = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class _Year:
    """The visits of a year on the way: `frame`, the counter of each, and the labels so far.

    A visit with `is_free` may be changed; a planted claim may take its place unless it `has_anesthesia`.
    """

    draws: Draws
    frame: pl.DataFrame
    counter: Bits
    is_free: Mask
    has_anesthesia: Mask
    labels: tuple[pl.DataFrame, ...] = ()

    def with_(
        self, frame: pl.DataFrame, rows: Integers, kind: str, details: pl.Series, kept: Integers | Mask = NO_ROWS
    ) -> "_Year":
        """Return the year with the visits at `rows` irregular; those at `kept` make them so and must stay."""
        is_free = self.is_free.copy()
        is_free[rows] = False
        is_free[kept] = False
        received = frame["received_date"].to_physical().to_numpy()[rows]
        ids = claim_ids(received.astype(np.int64), frame["claim_index"].to_numpy()[rows].astype(np.int64))
        label = pl.DataFrame({"claim_id": ids, "kind": pl.repeat(kind, len(rows), eager=True), "detail": details})
        labels = (*self.labels, label.cast(IRREGULARITIES.polars_schema))
        return replace(self, frame=frame, is_free=is_free, labels=labels)


def plant(feed: Feed, visits: pl.DataFrame, earlier: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return visits with the irregularities of the feed among them, and the label of each.

    Args:
        feed: its `irregularities` is the share of the claims to make irregular; 0 changes nothing.
        visits: the visits of a part of a year, as `years.frames_of_days` returns them.
        earlier: the visits before it: of the years before, and of the first part of the year.

    Returns:
        The visits, and the rows of `irregularities`, sorted by its key.
    """
    nothing = IRREGULARITIES.polars_schema.to_frame()
    if not feed.irregularities or visits.is_empty():
        return visits, nothing
    received = visits["received_date"].to_physical().to_numpy().astype(np.int64)
    counter = pair(received, visits["claim_index"].to_numpy().astype(np.int64))
    draws = Draws(feed.seed)
    is_paid = last_statuses(draws, counter) != CANCELLED  # a cancelled claim may be billed again
    is_free = is_paid & visits["replaced_date"].is_null().to_numpy()
    year = _Year(draws, visits, counter, is_free, _have_anesthesia(visits))
    wanted = feed.irregularities * visits.height / OF_CLAIMS
    year = _upcoded(year, feed)
    year = _left_out(year, wanted)
    year = _unbundled(year, wanted)
    year = _of_many_units(year, wanted)
    year = _called_new(year, wanted, [_paid(draws, frame) for frame in (*earlier, visits)])
    year = _too_often(year, wanted, feed, is_paid)
    year = _repeated(year, wanted, is_paid, NEAR_DUPLICATE)
    year = _repeated(year, wanted, is_paid, NEXT_DAY, may_be_source=_may_be_moved(year.frame, feed))
    year = _repeated(year, wanted, is_paid, DUPLICATE)
    return year.frame, pl.concat([nothing, *year.labels]).sort(IRREGULARITIES.key)


def _have_anesthesia(visits: pl.DataFrame) -> Mask:
    """Return which visits have a claim of anesthesia beside them: if they go, it is for nothing."""
    keys = ["person", "service_date"]
    given = visits.filter(pl.col("story") == ANESTHESIA).select(keys).unique().with_columns(is_given=True)
    is_given = visits.select(keys).join(given, on=keys, how="left", maintain_order="left")["is_given"]
    return is_given.fill_null(False).to_numpy()


def _chosen(year: _Year, kind: str, eligible: Mask, wanted: float) -> Integers:
    """Return about `wanted` of the rows that are eligible and not yet irregular."""
    candidates = eligible & year.is_free
    share = wanted / max(1, int(candidates.sum()))
    chosen: Integers = np.flatnonzero(candidates & (year.draws.uniform(f"irregularity/{kind}", year.counter) < share))
    return chosen


def _upcoded(year: _Year, feed: Feed) -> _Year:
    """Let some practitioners bill each established office visit at the highest level, but for replaced claims."""
    level = _first_of(year.frame["hcpcs_codes"], [*RAISED, HIGHEST])
    practitioner = year.frame["practitioner"].to_numpy().astype(np.int64)
    visits = np.bincount(practitioner[level != ""], minlength=practitioner.max() + 1)
    numbers = np.arange(len(visits))
    is_high = year.draws.uniform(f"irregularity/{UPCODING}", numbers) < feed.irregularities
    is_raised = (is_high & (visits >= FEWEST_VISITS))[practitioner] & np.isin(level, list(RAISED))
    rows = np.flatnonzero(is_raised & year.is_free)
    details = pl.select(
        pl.format(
            "{} billed as {} by {}",
            pl.lit(pl.Series(level[rows])),
            pl.lit(HIGHEST),
            pl.lit(numbered("practitioner", practitioner[rows])),
        )
    ).to_series()
    return year.with_(_recoded(year.frame, rows, RAISED), rows, UPCODING, details)


def _paid(draws: Draws, visits: pl.DataFrame) -> pl.DataFrame:
    """Return the visits whose claims do not end as cancelled."""
    received = visits["received_date"].to_physical().to_numpy().astype(np.int64)
    counter = pair(received, visits["claim_index"].to_numpy().astype(np.int64))
    return visits.filter(last_statuses(draws, counter) != CANCELLED)


def _called_new(year: _Year, wanted: float, known: Sequence[pl.DataFrame]) -> _Year:
    """Bill established patients as new, though an earlier visit to the same practitioner is known."""
    keys = ["person", "practitioner", "service_date"]
    same = pl.struct("person", "practitioner")
    visits = pl.concat([frame.select(keys) for frame in known]).unique().sort(keys)
    last = visits.with_columns(last=pl.col("service_date").shift(1).over(same))
    days = year.frame.select(keys).join(last, on=keys, how="left", maintain_order="left")
    gap = (days["service_date"] - days["last"]).dt.total_days().fill_null(NEW_AFTER).to_numpy()
    level = _first_of(year.frame["hcpcs_codes"], list(AS_NEW))
    rows = _chosen(year, NEW_PATIENT, (gap < NEW_AFTER) & (level != ""), wanted)
    is_new = year.frame["is_new_patient"].to_numpy().copy()
    is_new[rows] = True
    frame = _recoded(year.frame, rows, AS_NEW).with_columns(is_new_patient=pl.Series(is_new))
    details = pl.Series([f"{code} billed as {AS_NEW[code]}" for code in level[rows]], dtype=pl.String)
    before = days[rows].select("person", "practitioner", service_date="last").unique()
    is_before = year.frame.select(keys).join(
        before.with_columns(is_before=True), on=keys, how="left", maintain_order="left"
    )
    return year.with_(frame, rows, NEW_PATIENT, details, is_before["is_before"].fill_null(False).to_numpy())


def _unbundled(year: _Year, wanted: float) -> _Year:
    """Bill a part of a procedure beside the whole."""
    whole = _first_of(year.frame["hcpcs_codes"], list(UNBUNDLED))
    part = np.array([UNBUNDLED.get(code, "") for code in whole])
    has_part = _first_of(year.frame["hcpcs_codes"], list(UNBUNDLED.values())) != ""
    rows = _chosen(year, UNBUNDLING, (whole != "") & ~has_part, wanted)
    added = _marks(year.frame.height, rows)
    more = {
        "hcpcs_codes": pl.lit(pl.Series(part)),
        "diagnosis_pointers": pl.lit(1, pl.Int32),
        "unit_counts": pl.lit(1, pl.Int32),
    }
    frame = year.frame.with_columns(
        pl.when(added).then(pl.col(name).list.concat(value)).otherwise(pl.col(name)).alias(name)
        for name, value in more.items()
    ).cast(VISITS.polars_schema)
    details = pl.Series([f"{UNBUNDLED[code]} beside {code}" for code in whole[rows]], dtype=pl.String)
    return year.with_(frame, rows, UNBUNDLING, details)


def _left_out(year: _Year, wanted: float) -> _Year:
    """Leave out the diagnosis that another one must be followed by."""
    codes = year.frame["diagnosis_codes"]
    last = codes.list.last().fill_null("").to_numpy().astype(str)
    must_be = np.zeros(len(codes), dtype=np.bool_)
    rules = read_table("coding_rules").filter(pl.col("kind") == "followed_by")
    for code, others in rules.select("code", "others").iter_rows():
        has_code = year.frame.select(
            pl.col("diagnosis_codes").list.eval(pl.element().str.starts_with(code)).list.any().fill_null(False)
        ).to_series()
        is_other = np.any([np.char.startswith(last, other) for other in others.split()], axis=0)
        must_be |= has_code.to_numpy() & is_other & ~np.char.startswith(last, code)
    rows = _chosen(year, MISSING, must_be, wanted)
    left_out = _marks(year.frame.height, rows)
    shorter = pl.col("diagnosis_codes").list.head(pl.col("diagnosis_codes").list.len() - 1)
    length = pl.col("diagnosis_codes").list.len().cast(pl.Int32) - 1
    pointers = (
        year.frame.select(
            pl.int_range(pl.len()).alias("row"), length.alias("length"), pl.col("diagnosis_pointers").alias("pointer")
        )
        .explode("pointer", empty_as_null=False)
        .select(
            "row",
            pl.when(pl.col("pointer") > pl.col("length")).then(1).otherwise("pointer").cast(pl.Int32).alias("pointer"),
        )
        .group_by("row", maintain_order=True)
        .agg("pointer")["pointer"]
    )
    frame = year.frame.with_columns(
        pl.when(left_out).then(pl.lit(pointers)).otherwise(pl.col("diagnosis_pointers")).alias("diagnosis_pointers"),
        pl.when(left_out).then(shorter).otherwise(pl.col("diagnosis_codes")).alias("diagnosis_codes"),
    )
    return year.with_(frame, rows, MISSING, pl.Series([f"{code} left out" for code in last[rows]], dtype=pl.String))


def _of_many_units(year: _Year, wanted: float) -> _Year:
    """Bill a service that is given once a day in many units."""
    rules = read_table("coding_rules").filter(pl.col("kind") == "most_units")
    once = tuple(code for codes in rules["code"] for code in codes.split())
    given = [code for code in read_table("procedures")["hcpcs_code"] if code.startswith(once)]
    code = _first_of(year.frame["hcpcs_codes"], given)
    rows = _chosen(year, UNITS, code != "", wanted)
    lines = pl.DataFrame(
        {
            "row": rows,
            "code": code[rows],
            "codes": year.frame["hcpcs_codes"][rows],
            "units": year.frame["unit_counts"][rows],
        }
    ).explode("codes", "units")
    units = pl.when(pl.col("codes") == pl.col("code")).then(IMPOSSIBLE_UNITS).otherwise("units").cast(pl.Int32)
    changed = lines.group_by("row", maintain_order=True).agg(units.alias("units"))
    frame = (
        year.frame.with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
        .join(changed, on="row", how="left", maintain_order="left")
        .with_columns(unit_counts=pl.coalesce("units", "unit_counts"))
        .select(year.frame.columns)
    )
    details = pl.Series([f"{IMPOSSIBLE_UNITS} units of {one}" for one in code[rows]], dtype=pl.String)
    return year.with_(frame, rows, UNITS, details)


def _too_often(year: _Year, wanted: float, feed: Feed, is_paid: Mask) -> _Year:
    """Bill a service again before its interval is over, on the day of another claim's service."""
    intervals = read_table("service_intervals").with_columns(pl.col("codes").str.split(" ")).explode("codes")
    days_of = dict(intervals.group_by("codes").agg(pl.col("days").max()).iter_rows())
    code = _first_of(year.frame["hcpcs_codes"], list(days_of))
    sources = np.flatnonzero((code != "") & year.is_free)
    person = year.frame["person"].to_numpy().astype(np.int64)
    service = year.frame["service_date"].to_physical().to_numpy().astype(np.int64)
    place = np.searchsorted(sources, np.arange(len(code)))
    if not len(sources):
        return year
    drawn = year.draws.uniform("irregularity/service repeated", year.counter)
    source = sources[np.maximum(place - 1 - np.floor(drawn * np.minimum(place, 500)).astype(np.int64), 0)]
    gap = service - service[source]
    interval = np.array([days_of.get(one, 0) for one in code[source]])
    fits = (place > 0) & (gap > 2) & (gap < interval - 1) & is_paid
    then, now = (span_on(feed, people=person[source], days=days) for days in (service[source], service))
    fits &= now.is_covered & (now.plan == then.plan) & ~year.has_anesthesia
    fits[sources] = False  # the source of another stays as it is
    rows = _first_copies(_chosen(year, FREQUENCY, fits, wanted), source)
    frame = _copied(year.frame, rows, source[rows], keep=("service_date",))
    details = _of_source("{} again, as in {}", pl.Series(code[source[rows]]), frame, source[rows])
    return year.with_(frame, rows, FREQUENCY, details, kept=source[rows])


def _may_be_moved(frame: pl.DataFrame, feed: Feed) -> Mask:
    """Return which visits can be billed for the next day: in the same year, by the same plan, no daily care."""
    person = frame["person"].to_numpy().astype(np.int64)
    service = frame["service_date"].to_physical().to_numpy().astype(np.int64)
    today, tomorrow = (span_on(feed, people=person, days=days) for days in (service, service + 1))
    is_daily = pl.col("hcpcs_codes").list.eval(pl.element().str.contains(DAILY_CARE_PATTERN)).list.any()
    may: Mask = frame.select(~(is_daily | pl.col("story").is_in(NOT_NEXT_DAY))).to_series().to_numpy().copy()
    may &= tomorrow.is_covered & (tomorrow.plan == today.plan) & (year_of(service) == year_of(service + 1))
    return may


def _repeated(year: _Year, wanted: float, is_paid: Mask, kind: str, may_be_source: Mask | None = None) -> _Year:
    """Bill a claim of the days before again, under another id.

    A near duplicate has another level of the visit, one of the next day a day of service that is one too late.
    """
    received = year.frame["received_date"].to_physical().to_numpy().astype(np.int64)
    earliest = np.searchsorted(received, received - DUPLICATE_WITHIN)
    rows_before = np.arange(len(received)) - earliest
    drawn = year.draws.uniform(f"irregularity/{kind} of", year.counter)
    source = earliest + np.floor(drawn * rows_before).astype(np.int64)
    eligible = (rows_before > 0) & is_paid & year.is_free[source] & ~year.has_anesthesia
    if kind == NEAR_DUPLICATE:
        eligible &= (_first_of(year.frame["hcpcs_codes"], list(OTHER_LEVEL)) != "")[source]
    if may_be_source is not None:
        service = year.frame["service_date"].to_physical().to_numpy().astype(np.int64)
        eligible &= may_be_source[source] & (service[source] < received)
    rows = _chosen(year, kind, eligible, wanted)
    is_source_changed = np.isin(source[rows], rows)
    rows = _first_copies(rows[~is_source_changed], source)
    frame = _copied(year.frame, rows, source[rows])
    if kind == NEAR_DUPLICATE:
        frame = _recoded(frame, rows, OTHER_LEVEL)
    if kind == NEXT_DAY:
        is_moved = _marks(frame.height, rows).cast(pl.Int64)
        frame = frame.with_columns(pl.col("service_date") + pl.duration(days=is_moved))
    what = {DUPLICATE: "copy", NEAR_DUPLICATE: "copy with another level", NEXT_DAY: "copy for the next day"}[kind]
    details = _of_source("{} of {}", pl.Series([what] * len(rows), dtype=pl.String), frame, source[rows])
    return year.with_(frame, rows, kind, details, kept=source[rows])


def _first_copies(rows: Integers, source: Integers) -> Integers:
    """Return those of the rows that are the first to be a copy of their source."""
    _, first = np.unique(source[rows], return_index=True)
    return rows[np.sort(first)]


def _copied(frame: pl.DataFrame, rows: Integers, source: Integers, keep: Sequence[str] = ()) -> pl.DataFrame:
    """Return the visits with those at `rows` replaced by those at `source`, but for the claim's id and `keep`."""
    place = np.arange(frame.height)
    place[rows] = source
    own = ("received_date", "claim_index", *keep)
    return frame[place].with_columns(frame[name] for name in own)


def _of_source(text: str, first: pl.Series, frame: pl.DataFrame, source: Integers) -> pl.Series:
    received = frame["received_date"].to_physical().to_numpy().astype(np.int64)[source]
    ids = claim_ids(received, frame["claim_index"].to_numpy().astype(np.int64)[source])
    return pl.select(pl.format(text, pl.lit(first), pl.lit(ids))).to_series()


def _first_of(codes: pl.Series, wanted: Sequence[str]) -> NDArray[np.str_]:
    """Return the first of some codes that each list has, an empty text where it has none."""
    found = codes.to_frame("codes").select(
        pl.col("codes").list.eval(pl.element().filter(pl.element().is_in(list(wanted)))).list.first().fill_null("")
    )
    return found.to_series().to_numpy().astype(str)


def _recoded(frame: pl.DataFrame, rows: Integers, codes: dict[str, str]) -> pl.DataFrame:
    changed = pl.col("hcpcs_codes").list.eval(pl.element().replace(codes))
    return frame.with_columns(
        pl.when(_marks(frame.height, rows)).then(changed).otherwise(pl.col("hcpcs_codes")).alias("hcpcs_codes")
    )


def _marks(height: int, rows: Integers) -> pl.Expr:
    marks = np.zeros(height, dtype=np.bool_)
    marks[rows] = True
    return pl.lit(pl.Series(marks))
