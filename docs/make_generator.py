"""The parts of docs/generator.md that are derived: tables, sources, fidelity, plots.

Run: make generator-docs   (makes two years of the default feed in a temporary folder, about 20 seconds)
"""

import json
import re
import sys
import tempfile
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import vl_convert as vlc

from claims_pipeline.fhir.elements import elements_of
from claims_pipeline.fidelity import measure
from claims_pipeline.fidelity.report import FidelityReport
from claims_pipeline.fidelity.sample import Sample, sample_of
from claims_pipeline.fidelity.visits import RESPIRATORY_INFECTION
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference import read_table
from claims_pipeline.schema import TABLES, Column, Table
from claims_pipeline.settings import CLAIMS_A_PERSON_AND_YEAR, Settings

PAGE = Path(__file__).with_name("generator.md")
FEED = Feed(
    seed=Settings.model_fields["seed"].default,
    patients=round(100_000 / CLAIMS_A_PERSON_AND_YEAR),
    claims=200_000,
    start_date=date(2024, 1, 1),
    end_date=date(2025, 12, 31),
)


def main() -> None:
    """Rewrite the derived parts of the page and the plots beside it."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date, jobs=2)
        sample = sample_of(lake)
        for name, plot in {
            "season": season(sample),
            "age": age(sample),
            "concentration": concentration(sample),
        }.items():
            svg = vlc.vegalite_to_svg(json.dumps(plot))
            PAGE.with_name(f"generator-{name}.svg").write_text(svg, encoding="utf-8")
        parts = {"tables": tables(), "sources": sources(), "fidelity": fidelity(measure(lake))}
    text = PAGE.read_text(encoding="utf-8")
    for name, content in parts.items():
        pattern = rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end -->)"
        text, count = re.subn(
            pattern, lambda found, new=content: f"{found[1]}\n{new}\n\n{found[2]}", text, flags=re.DOTALL
        )
        if count != 1:
            sys.exit(f"{PAGE} has no part {name}")
    PAGE.write_text(text, encoding="utf-8")


def tables() -> str:
    """Return every table with its columns, from the declarations."""
    return "\n\n".join(_table(table) for table in TABLES.values())


def sources() -> str:
    """Return each reference file with the comment at its head."""
    lines = ["| file | rows | what and from where |", "| --- | ---: | --- |"]
    folder = files("claims_pipeline.reference") / "data"
    for file in sorted(folder.iterdir(), key=lambda path: path.name):
        content = file.read_text(encoding="utf-8").splitlines()
        comment = " ".join(line.removeprefix("#").strip() for line in content if line.startswith("#"))
        rows = sum(not line.startswith("#") for line in content) - 1
        lines.append(f"| `{file.name}` | {rows} | {comment.replace('|', '/')} |")
    return "\n".join(lines)


def fidelity(report: FidelityReport) -> str:
    """Return the measurements as a table."""
    lines = [
        f"{report.claims:,} claims for {FEED.patients:,} people, {report.start} to {report.end}, seed {FEED.seed}:",
        "",
        "| row | figure | target | generated | standard error | must lie in | verdict |",
        "| ---: | --- | ---: | ---: | ---: | --- | --- |",
    ]
    for one in report.measurements:
        bounds = "-" if one.low is None else f"{one.low:g} .. {one.high:g}"
        target = "-" if one.target is None else f"{one.target:g}"
        generated = "-" if one.generated is None else f"{one.generated:.2f}"
        error = "" if one.standard_error is None else f"{one.standard_error:.2f}"
        figures = f"{target} | {generated} | {error} | {bounds}"
        lines.append(f"| {one.row} | {one.metric}: {one.part} | {figures} | {one.verdict} |")
    lines += ["", "| row | source | bounds |", "| ---: | --- | --- |"]
    lines += [
        f"| {row} | {source} | {bounds} |" for row, source, bounds in read_table("calibration_sources").iter_rows()
    ]
    return "\n".join(lines)


def season(sample: Sample) -> dict[str, Any]:
    """Return the plot of primary-care visits by week, with those for a respiratory infection."""
    week = pl.col("service_date").dt.truncate("1w").alias("week")
    infected = pl.col("principal").str.contains(RESPIRATORY_INFECTION)
    weeks = (
        sample.office_visits.filter("is_primary_care")
        .group_by(week)
        .agg(infected.sum().alias("respiratory infection"), (~infected).sum().alias("other reasons"))
        .sort("week")
        .slice(1, 51)
        .unpivot(index="week", variable_name="reason", value_name="visits")
    )
    return _plot(
        weeks,
        {
            "mark": {"type": "bar"},
            "encoding": {
                "x": {"field": "week", "type": "temporal", "title": "week of the service"},
                "y": {"field": "visits", "type": "quantitative", "title": "primary-care visits"},
                "color": {"field": "reason", "scale": {"range": ["#9db8d2", "#c0504d"]}, "legend": {"title": None}},
            },
        },
    )


def age(sample: Sample) -> dict[str, Any]:
    """Return the plot of office visits a year by age and sex."""
    people = sample.lake.read(TABLES["enrollment"]).select("patient_id", "gender", "birth_date")
    is_visit = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code").str.contains("^99[23]")).list.any()
    visits = sample.first_year.filter(is_visit).group_by("patient_id").len().collect()
    years = sample.feed.start_date.year - pl.col("birth_date").dt.year()
    by_age = (
        people.join(visits, on="patient_id", how="left")
        .group_by((years // 5 * 5).alias("age"), "gender")
        .agg(pl.col("len").fill_null(0).mean().alias("visits"), pl.len().alias("people"))
        .filter(pl.col("people") > 50)
        .sort("age", "gender")
    )
    return _plot(
        by_age,
        {
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {
                    "field": "age",
                    "type": "quantitative",
                    "scale": {"zero": False},
                    "title": "age, five years each",
                },
                "y": {"field": "visits", "type": "quantitative", "title": "visits a person and year"},
                "color": {"field": "gender", "scale": {"range": ["#c0504d", "#4a7ebb"]}, "legend": {"title": None}},
            },
        },
    )


def concentration(sample: Sample) -> dict[str, Any]:
    """Return the plot of the share of all charges that the persons with the highest account for."""
    charges = sample.first_year.group_by("patient_id").agg(pl.col("total_charge_amount").cast(pl.Float64).sum())
    everyone = sample.members.lazy().join(charges, on="patient_id", how="left").collect()
    amounts = np.sort(everyone["total_charge_amount"].fill_null(0).to_numpy())[::-1]
    at = np.linspace(0, len(amounts), 101).astype(int)
    reached = np.concatenate([[0], np.cumsum(amounts)])[at] / amounts.sum() * 100
    curve = pl.DataFrame({"people": np.arange(101), "charges": reached})
    return _plot(
        curve,
        {
            "mark": {"type": "area", "line": True, "opacity": 0.4},
            "encoding": {
                "x": {"field": "people", "type": "quantitative", "title": "percent of people, highest charges first"},
                "y": {"field": "charges", "type": "quantitative", "title": "percent of charges"},
            },
        },
    )


def _plot(data: pl.DataFrame, specification: dict[str, Any]) -> dict[str, Any]:
    values = json.loads(data.with_columns(pl.col(pl.Date).cast(pl.String)).write_json())
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": values},
        "width": 620,
        "height": 220,
        "background": "white",
        **specification,
    }


def _table(table: Table) -> str:
    head = f"**{table.name}**: {table.grain}; key {', '.join(f'`{name}`' for name in table.key)}"
    lines = [head, "", "| column | type | meaning | FHIR |", "| --- | --- | --- | --- |"]
    elements = elements_of(table)
    for column in table.columns:
        lines.append(_row(column, column.name, elements))
        lines.extend(_row(field, f"{column.name}.{field.name}", elements) for field in column.fields)
    return "\n".join(lines)


def _row(column: Column, name: str, elements: Mapping[str, list[str]]) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    kind = "List(Struct)" if column.fields else str(column.dtype)
    return f"| `{name}` | {kind} | {column.meaning}{unit} | {', '.join(elements.get(name, []))} |"


if __name__ == "__main__":
    main()
