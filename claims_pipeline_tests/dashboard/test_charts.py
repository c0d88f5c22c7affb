import html
import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import duckdb
import httpx
import pytest
import vl_convert

from claims_pipeline import aggregate
from claims_pipeline.dashboard.analytics import Analytics, View
from claims_pipeline.dashboard.anomalies import Anomalies, Anomaly
from claims_pipeline.dashboard.charts import CHARTS, Chart, ChartQuery, unusual
from claims_pipeline.dashboard.charts.geography import GRID, RAMP
from claims_pipeline.dashboard.charts.periods import Period, axis, grain_of
from claims_pipeline.dashboard.charts.registry import BY_PLACE
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import Grain, calendar, start_of
from claims_pipeline.dashboard.trends import trends
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.dashboard.lake_of_charges import view_of_charges
from claims_pipeline_tests.dashboard.specifications import CHOSEN, DRAWN, TWO_WINTERS, file_of, specification

pytestmark = pytest.mark.heavy  # a generated lake

every_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)


def spec(client: httpx.Client, name: str, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/charts/{name}?{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def values(client: httpx.Client, name: str, query: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = spec(client, name, query)["data"]["values"]
    return rows


def test_the_charts_that_the_page_promises_are_there() -> None:
    assert [chart.name for chart in CHARTS] == [
        "claims-timeline",
        "status",
        "cost-trend",
        "gender",
        "top-procedures",
        "geography",
    ]


@every_chart
@pytest.mark.parametrize("query", ["", "status=draft", "patient=ana", "received_from=2025-02-01", "patient=nobody"])
def test_a_chart_is_a_specification_that_vega_draws(client: httpx.Client, chart: Chart, query: str) -> None:
    svg = vl_convert.vegalite_to_svg(spec(client, chart.name, query) | {"width": 400})
    assert svg.startswith("<svg")
    assert chart.title.split()[0] in svg


@pytest.mark.parametrize("name", DRAWN)
def test_a_charts_specification_is_the_one_that_was_reviewed(example_settings: Settings, name: str) -> None:
    view = Analytics(example_settings.analytics_path).view()
    reviewed = file_of(name).read_text(encoding="utf-8")
    assert specification(DRAWN[name](view)) == reviewed, "python -m claims_pipeline_tests.dashboard.specifications"


@pytest.fixture(scope="module")
def two_winters(tmp_path_factory: pytest.TempPathFactory) -> View:
    return view_of_charges(tmp_path_factory.mktemp("winters"), TWO_WINTERS)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_chart_of_other_choices_is_the_one_that_was_reviewed(two_winters: View, name: str) -> None:
    reviewed = file_of(name).read_text(encoding="utf-8")
    assert specification(CHOSEN[name](two_winters)) == reviewed, (
        "python -m claims_pipeline_tests.dashboard.specifications"
    )


@every_chart
def test_a_chart_says_what_its_marks_mean_to_a_screen_reader(client: httpx.Client, chart: Chart) -> None:
    specification = spec(client, chart.name) | {"width": 400}
    svg = html.unescape(vl_convert.vegalite_to_svg(specification))
    for row in specification["data"]["values"]:
        assert row["description"] in svg


@every_chart
def test_the_columns_of_a_charts_figures_are_in_its_rows(client: httpx.Client, chart: Chart) -> None:
    specification = spec(client, chart.name)
    for column in specification["encoding"]["tooltip"]:
        assert all(column["field"] in row for row in specification["data"]["values"])


@every_chart
def test_a_chart_says_which_claims_it_counts_and_charges(client: httpx.Client, chart: Chart) -> None:
    assert re.search("claims of every status|active claims", spec(client, chart.name)["title"]["subtitle"])
    assert (
        "cancelled and draft claims" in spec(client, chart.name, "status=cancelled&status=draft")["title"]["subtitle"]
    )


def columns(rows: list[dict[str, Any]], *names: str) -> list[list[Any]]:
    return [[row[name] for name in names] for row in rows]


def test_a_short_range_is_counted_day_by_day(client: httpx.Client) -> None:
    """The lake holds January 10 to February 3: 25 days."""
    rows = [row for row in values(client, "claims-timeline") if row["claim_count"]]
    assert columns(rows, "period", "claim_status", "claim_count") == [
        ["2025-01-10", "active", 1],
        ["2025-01-10", "cancelled", 1],
        ["2025-01-11", "active", 1],
        ["2025-02-03", "active", 1],
        ["2025-02-03", "draft", 1],
    ]
    assert len(values(client, "claims-timeline")) == 25 * 3, "days without claims are zeros"
    assert "by day of receipt" in spec(client, "claims-timeline")["title"]["subtitle"]


@pytest.mark.parametrize(
    ("days", "grain"), [(1, "day"), (45, "day"), (46, "week"), (200, "week"), (201, "month"), (3650, "month")]
)
def test_the_grain_of_time_follows_the_range(days: int, grain: str) -> None:
    first = date(2025, 1, 10)
    assert grain_of(first, first + timedelta(days=days - 1)) == grain


@pytest.mark.parametrize("grain", get_args(Grain))
def test_periods_begin_where_the_database_truncates(grain: Grain) -> None:
    days = [date(2024, 2, 1) + timedelta(days=number) for number in range(800)]
    truncate = "select list(date_trunc(?, day)::date) from unnest(?) as t(day)"
    (truncated,) = duckdb.execute(truncate, [grain, days]).fetchall()[0]
    assert [start_of(grain, day) for day in days] == truncated


def test_of_many_months_the_first_of_a_year_has_its_name_and_year() -> None:
    months = [
        Period("month", begin, end, (end - begin).days + 1, is_changing=False)
        for begin, end in calendar("month", date(2025, 2, 1), date(2026, 11, 30))
    ]
    bars = {"mark": "bar", "width": 560, "encoding": {"x": axis(months), "y": {"value": 0}}}
    svg = vl_convert.vegalite_to_svg(bars | {"data": {"values": [one.columns for one in months]}})
    assert re.findall(r">(Jan|20..)<", svg) == ["2025", "Jan", "2026"]


@pytest.fixture(scope="module")
def nearly_a_year(tmp_path_factory: pytest.TempPathFactory) -> View:
    """A lake of eleven months: long enough for months, and for claims that no longer change."""
    first, last = date(2025, 1, 10), date(2025, 12, 20)
    lake = Lake(tmp_path_factory.mktemp("home") / "lake")
    generate_range(lake, Feed(seed=3, patients=40, claims=250, start_date=first, end_date=last), start=first, end=last)
    path = lake.root.with_name("analytics.duckdb")
    aggregate.build(lake, path)
    return Analytics(path).view()


def _rows(view: View, name: str, **filters: Any) -> list[dict[str, Any]]:
    chart = next(one for one in CHARTS if one.name == name)
    rows: list[dict[str, Any]] = chart.draw(view, ChartQuery(**filters))["data"]["values"]
    return rows


def test_an_incomplete_month_is_marked_as_incomplete(nearly_a_year: View) -> None:
    rows = _rows(nearly_a_year, "cost-trend")
    assert columns([rows[0], rows[1], rows[-1]], "days", "is_partial") == [
        ["22 of 31", True],
        ["28 of 28", False],
        ["20 of 31", True],
    ]
    assert rows[0]["description"].startswith("January 2025 (22 of 31 days): ")


def test_the_status_and_the_trends_say_which_claims_are_recent(nearly_a_year: View) -> None:
    status = next(one for one in CHARTS if one.name == "status").draw(nearly_a_year, ChartQuery())
    assert "the status of those received since Oct 22, 2025 may still change" in status["title"]["subtitle"]
    ended = next(one for one in CHARTS if one.name == "status").draw(
        nearly_a_year, ChartQuery(received_to=date(2025, 10, 21))
    )
    assert "may still change" not in ended["title"]["subtitle"]
    found = trends(nearly_a_year, Filters())
    assert found.first_days[-found.changing_count] == date(2025, 10, 1)  # of complete months, October and November


def test_months_whose_claims_may_still_change_are_shaded(nearly_a_year: View) -> None:
    """A claim changes for at most 60 days: on December 20, those received since October 22."""
    for name in ("claims-timeline", "cost-trend"):
        changing = {row["period"] for row in _rows(nearly_a_year, name) if row["is_changing"]}
        assert changing == {"2025-10-01", "2025-11-01", "2025-12-01"}
        chart = next(one for one in CHARTS if one.name == name)
        assert "shaded where figures may still change" in chart.draw(nearly_a_year, ChartQuery())["title"]["subtitle"]


def test_by_day_of_service_recent_months_change_for_longer(nearly_a_year: View) -> None:
    """Claims of a day of service are still to arrive, which takes its time on top."""
    rows = _rows(nearly_a_year, "cost-trend", basis="service")
    changing = [row["period"] for row in rows if row["is_changing"]]
    assert changing[0] < "2025-10-01"
    assert not rows[0]["is_changing"]


def test_charges_by_receipt_and_by_service_have_the_same_sum(nearly_a_year: View) -> None:
    by_basis = [
        sum(row["charge_amount"] for row in _rows(nearly_a_year, "cost-trend", basis=basis))
        for basis in ("received", "service")
    ]
    assert by_basis[0] == pytest.approx(by_basis[1])
    assert _rows(nearly_a_year, "cost-trend") != _rows(nearly_a_year, "cost-trend", basis="service")


def test_the_cost_trend_charges_active_claims_unless_a_status_is_chosen(client: httpx.Client) -> None:
    def charges(query: str) -> list[list[Any]]:
        rows = [row for row in values(client, "cost-trend", query) if row["claim_count"]]
        return columns(rows, "period", "charge_amount", "claim_count", "average_charge_amount")

    assert charges("") == [
        ["2025-01-10", 200.0, 1, 200.0],
        ["2025-01-11", 150.0, 1, 150.0],
        ["2025-02-03", 150.5, 1, 150.5],
    ]
    assert charges("status=draft") == [["2025-02-03", 140.0, 1, 140.0]]
    assert charges("patient=cleo") == []


def test_the_cost_trend_compares_chosen_days_with_those_before(client: httpx.Client) -> None:
    chosen = spec(client, "cost-trend", "received_from=2025-01-23&received_to=2025-02-03")
    rows = {row["period"]: row for row in chosen["data"]["values"]}

    assert "grey: from Jan 11, 2025, for comparison" in chosen["title"]["subtitle"]
    assert rows["2025-01-23"]["before_charge_amount"] == 150.0  # January 11, twelve days before
    assert rows["2025-02-03"]["before_charge_amount"] == 0.0
    assert len(rows) == 12


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "choose days to see those before in grey"),
        ("compare=year", "the lake has no year before"),
        ("received_from=2025-01-10", "the lake does not have all of the earlier days"),
        ("received_from=2025-01-23&basis=service", "days of service are not compared"),
    ],
)
def test_a_cost_trend_without_comparison_says_why(client: httpx.Client, query: str, said: str) -> None:
    drawn = spec(client, "cost-trend", query)
    assert "before_charge_amount" not in str(drawn)
    assert said in drawn["title"]["subtitle"]


@pytest.mark.parametrize(
    ("first_day", "said", "points"),
    [
        (date(2025, 1, 1), "grey: the year before", 1),
        (date(2025, 1, 15), "the lake has no whole month of the days before", 0),
    ],
)
def test_a_year_before_of_one_month_is_a_point_and_of_a_part_of_one_is_not_promised(
    tmp_path: Path, first_day: date, said: str, points: int
) -> None:
    view = view_of_charges(tmp_path, {first_day: "100", date(2026, 1, 20): "200"})
    cost_trend = next(one for one in CHARTS if one.name == "cost-trend")

    drawn = cost_trend.draw(view, ChartQuery(compare="year"))

    assert said in drawn["title"]["subtitle"]
    marks = [layer["mark"] for layer in drawn["layer"] if "strokeDash" in str(layer.get("mark"))]
    assert len([mark for mark in marks if mark.get("point")]) == points
    assert ("before_charge_amount" in str(drawn)) == bool(points)


def test_the_cost_trend_of_all_days_compares_them_with_the_year_before_where_the_lake_has_it(tmp_path: Path) -> None:
    charges = {date(2024, 1, 20): "100", date(2024, 3, 5): "300", date(2025, 1, 5): "500", date(2025, 3, 3): "700"}
    view = view_of_charges(tmp_path, charges)
    rows = {row["period"]: row["before_charge_amount"] for row in _rows(view, "cost-trend", compare="year")}

    assert rows["2024-12-01"] is None
    assert rows["2025-01-01"] is None  # the lake begins on January 20
    assert [rows[f"2025-0{month}-01"] for month in (2, 3)] == [0, 0]  # up to March 3; the claim came on March 5
    cost_trend = next(one for one in CHARTS if one.name == "cost-trend")
    assert "grey: the year before" in cost_trend.draw(view, ChartQuery(compare="year"))["title"]["subtitle"]


def test_a_week_is_compared_with_as_many_days_of_the_year_before(tmp_path: Path) -> None:
    charges = {
        date(2024, 3, 2): "1",
        date(2024, 3, 4): "100",  # a Monday; the first week that is shown is compared with Sunday to Saturday
        date(2024, 5, 25): "300",
        date(2024, 5, 26): "10",
        date(2025, 5, 20): "700",
        date(2025, 6, 1): "9",
    }
    view = view_of_charges(tmp_path, charges)
    days = {"received_from": date(2025, 3, 3), "received_to": date(2025, 5, 25)}

    rows = {row["period"]: row["before_charge_amount"] for row in _rows(view, "cost-trend", compare="year", **days)}

    assert len(rows) == 12
    assert {period: amount for period, amount in rows.items() if amount} == {"2025-03-03": 100, "2025-05-19": 300}


@pytest.mark.parametrize(
    ("compare", "first", "last"),
    [
        ("year", date(2028, 1, 1), date(2028, 6, 30)),  # of 2027, which has a day less
        ("before", date(2028, 3, 1), date(2028, 4, 30)),  # January and February, which have a day less
    ],
)
def test_a_week_whose_earlier_days_are_fewer_is_not_compared(
    tmp_path: Path, compare: Literal["year", "before"], first: date, last: date
) -> None:
    charges = {date(2027, 1, 1): "1", last: "100", date(2028, 7, 31): "9"}
    view = view_of_charges(tmp_path, charges)

    rows = _rows(view, "cost-trend", compare=compare, received_from=first, received_to=last)

    compared = [row["before_charge_amount"] is not None for row in rows]
    assert compared == [True] * (len(rows) - 1) + [False]


def test_months_that_are_not_whole_are_compared_with_as_many_days_before(tmp_path: Path) -> None:
    earlier = {date(2024, 1, 1): "1", date(2024, 6, 7): "100", date(2024, 6, 25): "200"}
    view = view_of_charges(tmp_path, earlier | {date(2025, 8, 20): "700", date(2025, 9, 1): "9"})
    days = {"received_from": date(2025, 1, 15), "received_to": date(2025, 8, 25)}  # against June 6 to January 14

    rows = {row["period"]: row["before_charge_amount"] for row in _rows(view, "cost-trend", **days)}

    assert {period: amount for period, amount in rows.items() if amount} == {"2025-01-01": 100, "2025-02-01": 200}


def test_small_counts_have_axes_in_whole_numbers(client: httpx.Client) -> None:
    for name in ("claims-timeline", "geography"):
        svg = html.unescape(vl_convert.vegalite_to_svg(spec(client, name, "patient=cleo") | {"width": 400}))
        numbers = re.findall(r">(\d+)</text>", svg)
        assert len(numbers) == len(set(numbers)), f"a label of {name} stands twice, as it is rounded"


@pytest.mark.parametrize(("page", "text"), [("#ffffff", "#17202c"), ("#181d25", "#e7ebf0")], ids=["light", "dark"])
def test_the_name_of_a_state_can_be_read_on_every_tile(page: str, text: str) -> None:
    for share in (0, 0.25, 0.5, 0.75, 1):
        assert _contrast(text, _over(page, share)) >= 4.5


def _over(page: str, share: float) -> str:
    """Return the colour of a tile: from one end of the ramp to the other, over the card."""
    low, high = (float(re.findall(r"[\d.]+", color)[3]) for color in RAMP)
    alpha = low + share * (high - low)
    mixed = [alpha * over + (1 - alpha) * under for over, under in zip(_rgb("#2f74d0"), _rgb(page), strict=True)]
    return "#" + "".join(f"{round(channel):02x}" for channel in mixed)


def _rgb(color: str) -> list[int]:
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it."""

    def luminance(color: str) -> float:
        linear = [
            c / 12.92 if (c := channel / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for channel in _rgb(color)
        ]
        return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_procedures_are_ordered_by_their_lines(client: httpx.Client) -> None:
    assert [
        (row["hcpcs_code"], row["line_count"], row["charge_amount"]) for row in values(client, "top-procedures")
    ] == [
        ("99213", 4, 280.0),
        ("85025", 2, 20.5),
        ("99214", 1, 200.0),
    ]


def test_shares_add_up_to_one(client: httpx.Client) -> None:
    for name in ("status", "gender"):
        assert sum(row["share_ratio"] for row in values(client, name)) == pytest.approx(1)
    assert [(row["label"], row["claim_count"]) for row in values(client, "gender")] == [("Female", 3), ("Male", 2)]


def test_the_map_always_has_every_state_once(client: httpx.Client) -> None:
    assert len(GRID) == len(set(GRID.values())) == 51
    for query in ("", "patient=ben", "patient=nobody"):
        assert [row["state"] for row in values(client, "geography", query)] == list(GRID)
    counts = {row["state"]: row["claim_count"] for row in values(client, "geography") if row["claim_count"]}
    assert counts == {"TX": 3, "CA": 2}


def test_the_map_shows_charges_for_each_member_and_month_of_the_patients_state(client: httpx.Client) -> None:
    """Ana (Texas) and Ben (California) are members in January, Cleo (Texas) too in February."""
    rows = {row["state"]: row for row in values(client, "geography", "received_to=2025-02-28")}
    texas, california = (rows[state] for state in ("TX", "CA"))
    february = 3 / 28  # the lake ends on February 3
    january = 22 / 31  # and begins on January 10
    assert texas["charge_pmpm"] == pytest.approx(150 / (january + 2 * february), abs=0.01)
    assert california["charge_pmpm"] == pytest.approx(350.5 / (january + february), abs=0.01)
    assert california["claims_per_1000"] == pytest.approx(2 * 12_000 / (january + february), abs=0.1)
    assert rows["NY"]["charge_pmpm"] is None
    of_no_claim = {row["state"]: row for row in values(client, "geography", "chapter=Ear")}
    assert (of_no_claim["TX"]["charge_pmpm"], of_no_claim["NY"]["charge_pmpm"]) == (0, None)


def test_the_map_of_a_search_for_patients_counts_their_claims(client: httpx.Client) -> None:
    chart = spec(client, "geography", "patient=ben")
    assert chart["layer"][0]["encoding"]["color"]["field"] == "claim_count"
    assert chart["title"]["subtitle"].startswith("Number of claims of every status by the patient's state")


@every_chart
@pytest.mark.parametrize("query", ["state=TX", "gender=male", "state=TX&gender=female&status=draft"])
def test_the_charts_of_a_state_or_gender_are_counted_by_day_as_from_the_claims(
    client: httpx.Client, chart: Chart, query: str
) -> None:
    """A place of service, which all claims have, is not in the counts by day."""
    by_day, by_claim = spec(client, chart.name, query), spec(client, chart.name, f"{query}&place_of_service=11")
    assert by_day.pop("usermeta")["sql"] != by_claim.pop("usermeta")["sql"]
    assert by_day == by_claim


@every_chart
def test_the_charts_of_some_patients_are_counted_as_those_of_all(client: httpx.Client, chart: Chart) -> None:
    """Those of all come from counts by day, those of some from the claims."""
    of_some, of_all = (
        values(client, chart.name, f"received_to=2025-01-11{everyone_seen_by_then}")
        for everyone_seen_by_then in ("&patient=n", "")  # Ana and Ben
    )
    of_members = ("charge_pmpm", "claims_per_1000", "description")  # a search chooses persons, not members
    compared = [name for name in of_all[0] if name not in of_members]
    assert columns(of_some, *compared) == columns(of_all, *compared)


@every_chart
@pytest.mark.parametrize(
    "query", ["", "status=draft", "patient=ana", "procedure=99213&received_from=2025-01-11", "received_from=2025-01-23"]
)
def test_the_sql_of_a_chart_gives_its_figures(
    client: httpx.Client, example_settings: Settings, chart: Chart, query: str
) -> None:
    drawn = spec(client, chart.name, query)
    sql, *sql_before = drawn["usermeta"]["sql"].split(";")
    figures = [one["field"] for one in drawn["encoding"]["tooltip"] if one.get("type") == "quantitative"]
    assert figures
    _require_figures(example_settings, sql, drawn, {name: name for name in figures if not name.startswith("before_")})
    has_comparison = chart.name == "cost-trend" and query == "received_from=2025-01-23"
    assert len(sql_before) == has_comparison
    for one in sql_before:
        compared = {name: name.removeprefix("before_") for name in figures if name.startswith("before_")}
        _require_figures(example_settings, one, drawn, compared)


def _require_figures(settings: Settings, sql: str, drawn: dict[str, Any], columns: dict[str, str]) -> None:
    """Compare columns of the chart's rows with those of the query; a row without claims is not in the query."""
    with duckdb.connect(settings.analytics_path, read_only=True) as connection:
        rows = connection.sql(sql).to_arrow_table().to_pylist()
    for shown, name in columns.items():
        found = sorted(float(row[name]) for row in rows if row.get(name))
        assert found == sorted(row[shown] for row in drawn["data"]["values"] if row[shown]), shown


@pytest.mark.parametrize(
    ("grain", "days", "said"),
    [
        ("day", {}, "9 claims received, more than usual"),
        ("week", {}, None),  # a chart by day names days
        ("day", {"received_from": date(2024, 1, 1)}, "9 claims received, more than usual"),
    ],
)
def test_a_period_with_far_more_than_usual_is_marked(
    example_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    grain: Literal["day", "week"],
    days: dict[str, date],
    said: str | None,
) -> None:
    found = Anomaly(
        grain=grain,
        first_day=date(2025, 1, 13),
        last_day=date(2025, 1, 13),
        measured="claims",
        value=9,
        usual=1,
        score=4,
        holidays=[],
        reason="9 claims received, more than usual",
    )
    monkeypatch.setattr(unusual, "anomalies", lambda *_: Anomalies(items=[found], sql=""))
    view = Analytics(example_settings.analytics_path).view()
    timeline, trend = (
        next(one for one in CHARTS if one.name == name).draw(view, ChartQuery(**days))
        for name in ("claims-timeline", "cost-trend")
    )
    marked = {row["period"]: row["unusual"] for row in timeline["data"]["values"] if row["unusual"]}
    assert marked == ({"2025-01-13": said} if said else {})
    assert ("marked where far more or less than usual" in timeline["title"]["subtitle"]) == bool(said)
    assert (found.reason in vl_convert.vegalite_to_svg(timeline | {"width": 400})) == bool(said)
    assert not any(row["unusual"] for row in trend["data"]["values"]), "its charges are as usual"


def test_a_month_says_how_many_of_its_days_and_weeks_are_unusual(
    nearly_a_year: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = {"measured": "claims", "value": 9, "usual": 1, "score": 4, "reason": "more"}
    days = (("day", date(2025, 4, 1)), ("day", date(2025, 4, 30)), ("week", date(2025, 4, 28)))
    found = [Anomaly(grain=grain, first_day=day, last_day=day, holidays=[], **common) for grain, day in days]
    holiday = date(2025, 7, 4)
    found.append(Anomaly(grain="day", first_day=holiday, last_day=holiday, holidays=["Independence Day"], **common))
    monkeypatch.setattr(unusual, "anomalies", lambda *_: Anomalies(items=found, sql=""))
    marked = {row["period"]: row["unusual"] for row in _rows(nearly_a_year, "claims-timeline") if row["unusual"]}
    assert marked == {"2025-04-01": "2 days and 1 week: see Worth a look"}


def test_the_cost_trend_has_charges_for_each_member_and_month(client: httpx.Client) -> None:
    rows = {row["period"]: row for row in values(client, "cost-trend", "received_from=2025-01-10")}
    assert rows["2025-01-10"]["charge_pmpm"] == round(200 / (2 / 31), 2)  # Ana and Ben, a day of a month of 31
    assert values(client, "cost-trend", "basis=service")[0]["charge_pmpm"] is None


def test_the_cost_trend_has_no_charges_for_each_member_in_a_month_without_members(
    example_settings: Settings, tmp_path: Path
) -> None:
    path = Path(shutil.copy(example_settings.analytics_path, tmp_path / "a.duckdb"))
    with duckdb.connect(path) as connection:
        connection.execute("delete from member_months where gender = 'female' and month_start = date '2025-01-01'")
    view = View(path)

    def figures(name: str, first: date, last: date) -> list[float | None]:
        return [
            row[name] for row in _rows(view, "cost-trend", gender=["female"], received_from=first, received_to=last)
        ]

    # a draft was received on February 3, else nothing in these days
    assert figures("charge_pmpm", date(2025, 1, 30), date(2025, 2, 3)) == [None, None, 0, 0, 0]
    assert figures("before_charge_pmpm", date(2025, 2, 2), date(2025, 2, 3)) == [None, 0]  # January 31, February 1


def test_the_cost_trend_draws_charges_for_each_member_and_month_beside_those_before(client: httpx.Client) -> None:
    drawn = spec(client, "cost-trend", "trend=charge_pmpm&received_from=2025-01-23&received_to=2025-02-03")
    svg = vl_convert.vegalite_to_svg(drawn | {"width": 600})
    assert [layer["encoding"]["y"].get("field") for layer in drawn["layer"]][1:] == [
        "before_charge_pmpm", "charge_pmpm", "charge_pmpm"
    ]  # fmt: skip
    assert "the charges of active claims for each member and month; grey: from Jan 11, 2025" in svg
    rows = {row["period"]: row for row in drawn["data"]["values"]}
    assert rows["2025-02-03"]["charge_pmpm"] == round(150.50 / (3 / 28), 2)  # Ana, Ben and Cleo, a day of a month of 28
    assert rows["2025-01-23"]["before_charge_pmpm"] == round(150 / (2 / 31), 2)  # January 11, twelve days before


@pytest.mark.parametrize("query", ["basis=service", "patient=ana"])
def test_a_cost_trend_that_cannot_be_divided_by_members_draws_charges_and_says_so(
    client: httpx.Client, query: str
) -> None:
    drawn = spec(client, "cost-trend", f"trend=charge_pmpm&{query}")
    assert drawn["layer"][1]["encoding"]["y"]["field"] == "charge_amount"
    assert "PMPM are known only by receipt" in drawn["title"]["subtitle"]
    assert "PMPM" not in spec(client, "cost-trend", query)["title"]["subtitle"]


@every_chart
def test_the_order_of_an_axis_is_stated(chart: Chart, view: View) -> None:
    """The page swaps the rows of a drawn chart, and Vega keeps the order in which it first saw the values otherwise."""
    encoding = chart.draw(view, ChartQuery())["encoding"]
    axes = [encoding[channel] for channel in ("x", "y") if channel in encoding]
    assert axes
    for one in axes:
        assert one.get("sort") == BY_PLACE or "domain" in one.get("scale", {}) or "timeUnit" in one
