"""What the page asks the dashboard, and filters that no one has asked for before."""

from collections.abc import Callable
from datetime import date, timedelta

from benchmarks.embedded import FIRST_YEAR

STATES = ("TX", "CA", "FL", "NY", "PA", "IL", "OH", "GA")
NAMES = ("smith", "johnson", "maria", "garcia", "lee", "brown, j", "000123", "patient-00004")
SORTS = ("-received_date", "total_charge_amount", "patient_name", "principal_diagnosis_code", "first_hcpcs_code")
SEARCHES = (("/api/stats", "patient"), ("/api/claims", "patient"), ("/api/patients", "patient"), ("/api/search", "q"))
OF_MEMBERS = (
    "measure=member_month_count&figures=member_count&figures=patient_count&figures=claims_per_1000"
    "&figures=charge_pmpm&figures=charge_amount"
)
OF_CONDITIONS = "measure=patient_count&figures=claim_count&figures=charge_amount"
OF_PROVIDERS = (
    "measure=charge_amount&figures=claim_count&figures=patient_count&figures=average_charge_amount"
    "&figures=median_charge_amount"
)
FIRST_SCREEN = {
    "overview": ("/api/stats", "/api/cards", "/api/what-changed"),
    "drivers": ("/api/stats", "/api/stats/by-specialty?figures=charge_amount", "/api/what-changed?by=specialty"),
    "members": (
        "/api/stats",
        f"/api/stats/by-plan?{OF_MEMBERS}",
        f"/api/stats/by-age-band?{OF_MEMBERS}",
        f"/api/stats/by-gender?{OF_MEMBERS}",
    ),
    "providers": (
        "/api/stats",
        f"/api/stats/by-specialty?{OF_PROVIDERS}",
        f"/api/stats/by-provider?{OF_PROVIDERS}",
    ),
    "claims": ("/api/stats", "/api/claims"),
}
"""What each tab asks for its first screen."""
LATER = {
    "overview": (
        "/api/cards/trends",
        "/api/anomalies",
        "/api/stats/cost-outliers?of=providers",
        "/api/stats/cost-outliers?of=claims",
        "/api/stats/cost-outliers?of=visits",
    ),
    "members": (f"/api/stats/by-diagnosis?{OF_CONDITIONS}", "/api/stats/concentration"),
    "providers": ("/api/stats/cost-outliers?of=providers", "/api/stats/cost-outliers?of=visits"),
}
"""What a tab asks when that is there; the overview asks for its charts too."""


NewFilters = Callable[[int], dict[str, object]]


def filtered(address: str, **filters: object) -> str:
    """Return an address with filters."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return f"{address}{'&' if '?' in address else '?'}{query}"


def new_filters(number: int) -> dict[str, object]:
    """Return filters that no other number has: a state, and a first day in the second half of the year."""
    return {
        "state": STATES[number % len(STATES)],
        "received_from": date(FIRST_YEAR, 7, 5) + timedelta(days=number // len(STATES)),
    }


def new_days(number: int) -> dict[str, object]:
    """Return days that no other number has, in the second half of the year, so that there are days before."""
    return {"received_from": date(FIRST_YEAR, 7, 5) + timedelta(days=number % 150)}


def searching(parameter: str) -> NewFilters:
    """Return filters by one name after the other."""
    return lambda number: {parameter: NAMES[number % len(NAMES)]}
