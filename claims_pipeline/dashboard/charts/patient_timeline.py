"""One patient's time as a drawing: coverages as spans, claims as points."""

from datetime import date, timedelta
from typing import Any

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.periods import grain_of
from claims_pipeline.dashboard.charts.registry import STATUS_COLORS, Spec, specification
from claims_pipeline.dashboard.details import NotFound
from claims_pipeline.dashboard.grains import name_of
from claims_pipeline.dashboard.shown_sql import shown_sql
from claims_pipeline.reference import diagnosis_labels

CLAIMS_HEIGHT, GAP, LANE_HEIGHT = 170, 14, 24
"""Pixels of the part with the claims, between the two parts, and of one coverage."""

SHAPES = {"active": "circle", "cancelled": "cross", "draft": "diamond"}
"""So that the statuses are told apart without colours too."""

GREY = "#8b93a1"

PIXELS_A_TICK = 70
"""Width of a label of the time axis, with the space around it."""


def patient_timeline(view: View, patient_id: str) -> Spec:
    """Return the drawing of a patient's claims by first day of service, and of the coverages.

    It spans the days of the lake and of the patient's claims; a coverage that goes beyond them is cut there.

    Raises:
        NotFound: the build has no claim of such a patient.
    """
    sql = (
        "select claim_id, claim_start_date, claim_status, principal_diagnosis_code, total_charge_amount\n"
        "from claims_current\nwhere patient_id = ?\norder by claim_start_date, claim_id"
    )
    claims = view.select(sql, patient_id)
    if not claims:
        raise NotFound(f"there is no patient {patient_id}", where="/api/patients", fix="/api/patients lists them")
    first = min(view.built_from.first_day, claims[0]["claim_start_date"])
    last = max(view.built_from.last_day, claims[-1]["claim_start_date"])
    coverages = _coverages(view, patient_id, first, last)
    spans = "the bars are coverages" if coverages else "no coverage is known"
    return specification(
        "Timeline",
        f"Claims by first day of service, the higher the larger their charges; {spans}",
        _claims(claims),
        sql=shown_sql(sql, [patient_id]),
        chooses=("claim", "claim_id"),
        height=CLAIMS_HEIGHT + (GAP + LANE_HEIGHT * len(coverages) if coverages else 0),
        encoding={"tooltip": _CLAIM},
        layer=[
            *([_spans(coverages)] if coverages else []),
            _points(_time(first, last), max(row["total_charge_amount"] for row in claims)),
        ],
        resolve={"scale": {"y": "independent"}},
    )


def _claims(claims: Rows) -> Rows:
    labels = diagnosis_labels()
    return [
        {
            "claim_id": row["claim_id"],
            "claim_start_date": row["claim_start_date"].isoformat(),
            "claim_status": row["claim_status"],
            "diagnosis": (diagnosis := f"{(code := row['principal_diagnosis_code'])} {labels.get(code, '')}".strip()),
            "charge_amount": (amount := float(row["total_charge_amount"])),
            "description": f"{name_of('day', row['claim_start_date'])}: {row['claim_id']}, {row['claim_status']}, "
            f"${amount:,.2f}, {diagnosis}",
        }
        for row in claims
    ]


def _coverages(view: View, patient_id: str, first: date, last: date) -> Rows:
    """Return the coverages with a day from `first` to `last`, each in a lane of its own, so that names do not touch."""
    found = view.select(
        "select plan_name, coverage_start_date, coverage_end_date from coverages_current where patient_id = ? "
        "and coverage_start_date <= ? and coverage_end_date >= ? order by coverage_start_date, coverage_id",
        patient_id,
        last,
        first,
    )
    return [
        {
            "lane": lane,
            "plan": row["plan_name"],
            "begin": (begin := max(row["coverage_start_date"], first)).isoformat(),
            "end": (end := min(row["coverage_end_date"] + timedelta(days=1), last)).isoformat(),
            **place_of_name(first, begin, end, last),
            "days": (
                days := f"{name_of('day', row['coverage_start_date'])} to {name_of('day', row['coverage_end_date'])}"
            ),
            "description": f"{row['plan_name']}: {days}",
        }
        for lane, row in enumerate(found)
    ]


def place_of_name(first: date, begin: date, end: date, last: date) -> dict[str, str]:
    """Return where a bar's name stands: in the bar, behind it or before it, where the most room is."""
    room = {"in": end - begin, "behind": last - end, "before": begin - first}
    place = max(room, key=lambda one: room[one])
    return {
        "name_at": (end if place == "behind" else begin).isoformat(),
        "name_align": "right" if place == "before" else "left",
    }


_CLAIM = [
    {"field": "claim_id", "title": "Claim"},
    {
        "field": "claim_start_date",
        "type": "temporal",
        "timeUnit": "utcyearmonthdate",
        "title": "Service",
        "format": "%b %d, %Y",
    },
    {"field": "claim_status", "title": "Status"},
    {"field": "diagnosis", "title": "Diagnosis"},
    {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
]


def _time(first: date, last: date) -> Spec:
    """Return the time axis, in UTC: in local time a day falls into the one before for everyone west of Greenwich."""
    domain = [{"year": day.year, "month": day.month, "date": day.day, "utc": True} for day in (first, last)]
    year = "datum.index === 0 || utcFormat(datum.value, '%j') === '001' ? utcFormat(datum.value, '%Y') : ''"
    day = "'%b'" if grain_of(first, last) == "month" else "'%b %-d'"
    return {
        "field": "claim_start_date",
        "type": "temporal",
        "scale": {"type": "utc", "domain": domain},
        "axis": {
            "title": None,
            "grid": False,
            "tickCount": {"expr": f"ceil(width / {PIXELS_A_TICK})"},
            "labelExpr": f"[utcFormat(datum.value, {day}), {year}]",
            "labelOverlap": "greedy",
        },
    }


def _points(time: Spec, most: Any) -> Spec:
    """Return the claims. By the square root of the charges, one stay does not press all visits to the ground."""
    statuses = list(STATUS_COLORS)
    legend = {"title": None, "orient": "top"}
    return {
        "mark": {"type": "point", "filled": True, "size": 80, "opacity": 0.75},
        "encoding": {
            "x": time,
            "y": {
                "field": "charge_amount",
                "type": "quantitative",
                "scale": {"type": "sqrt", "range": [CLAIMS_HEIGHT, 8], "domainMax": float(most) or 1, "nice": True},
                "axis": {"title": None, "format": "$,.2~f", "tickCount": 4, "grid": True},
            },
            "color": {
                "field": "claim_status",
                "type": "nominal",
                "scale": {"domain": statuses, "range": list(STATUS_COLORS.values())},
                "legend": legend,
            },
            "shape": {
                "field": "claim_status",
                "type": "nominal",
                "scale": {"domain": statuses, "range": list(SHAPES.values())},
                "legend": legend,
            },
        },
    }


def _spans(coverages: Rows) -> Spec:
    """Return the coverages as bars with the names of their plans."""
    bottom = CLAIMS_HEIGHT + GAP
    lanes = {
        "field": "lane",
        "type": "ordinal",
        "axis": None,
        "scale": {"type": "band", "range": [bottom, bottom + LANE_HEIGHT * len(coverages)], "padding": 0.15},
    }
    bar = {"type": "bar", "cornerRadius": 3, "color": GREY, "fillOpacity": 0.25, "stroke": GREY, "cursor": "default"}
    name = {
        "type": "text",
        "align": {"expr": "datum.name_align"},
        "dx": {"expr": "datum.name_align === 'right' ? -5 : 5"},
        "aria": False,
        "cursor": "default",
    }
    x: Spec = {"type": "temporal", "scale": {"type": "utc"}}
    return {
        "data": {"values": coverages},
        "encoding": {
            "y": lanes,
            "tooltip": [{"field": "plan", "title": "Plan"}, {"field": "days", "title": "Coverage"}],
        },
        "layer": [
            {"mark": bar, "encoding": {"x": x | {"field": "begin"}, "x2": {"field": "end"}}},
            {"mark": name, "encoding": {"x": x | {"field": "name_at"}, "text": {"field": "plan"}}},
        ],
    }
