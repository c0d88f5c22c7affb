"""What the FHIR server holds against what the lake has, by resource type, and what mends a difference.

Three numbers: the ids of the lake as the build counted them, what the loader's ledger says that the server holds, and
what the server held; the last two are those of the newest `claims reconcile`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.fhir import RENDERINGS, TIERS
from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS

Report = Mapping[str, Any]


class Difference(BaseModel):
    """Why two of the numbers differ, or cannot be compared."""

    text: str
    command: str | None = Field(description="What mends it; null where nothing has to be mended.")


class Held(BaseModel):
    """Resources of one type in the lake, in the loader's ledger and on the FHIR server."""

    resource_type: str
    lake: int = Field(description="Different ids in the lake, when the tables were built.")
    ledger: int | None = Field(description="What the loader's ledger says that the server holds. Null: not compared.")
    server: int | None = Field(description="What the server holds, loaded or not. Null: not compared.")
    missing: int | None = Field(description="Loaded resources that the server lacks. Null unless each was looked at.")
    changed: int | None = Field(description="Those it has with other content. Null unless each was looked at.")
    differences: list[Difference] = Field(description="Empty where the lake, the ledger and the server agree.")


class Compared(BaseModel):
    """Resources of one type, as the newest comparison of the ledger with the server counted them."""

    ledger: int
    server: int
    missing: int | None
    changed: int | None


class Loaded(BaseModel):
    """Resources of one type, as a load counted them."""

    loaded: int
    """Confirmed by the server."""
    rejected: int
    failed: int


_BY_TYPE = TypeAdapter(dict[str, Compared])
_LOADED_BY_TYPE = TypeAdapter(dict[str, Loaded])
KEPT = " kept"
"""How a load's report names the resources that it leaves on the server although the source no longer has them."""
NOTHING_LOADED = Compared(ledger=0, server=0, missing=None, changed=None)


def held(view: View, lake: Lake, *, loaded: Report | None, compared: Report | None) -> list[Held]:
    """Return the numbers of each resource type, in loading order.

    Args:
        view: the build, which has counted the lake's ids.
        lake: the lake, which may have more days since.
        loaded: the newest report of `claims load`, if any.
        compared: that of `claims reconcile`.
    """
    in_lake, by_type, rejected = _count_ids(view), _by_type(compared), _rejected(loaded)
    still_to_do = _before_it_can_be_compared(loaded, compared if by_type else None)
    since_built = _days_since_built(view, lake)
    rows = []
    for name in dict.fromkeys([*TIERS, *sorted(by_type)]):
        counts = by_type.get(name, NOTHING_LOADED)
        of_lake = [since_built] if since_built else _in_lake(in_lake[name], counts.ledger, rejected[name])
        differences = [still_to_do] if still_to_do else [*_on_server(counts), *of_lake]
        figures = dict(counts) if by_type else dict.fromkeys(Compared.model_fields)
        rows.append(Held(resource_type=name, lake=in_lake[name], differences=differences, **figures))
    return rows


def _count_ids(view: View) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in view.select_remembered("select table_name, id_count from lake_totals"):
        counts[RENDERINGS[row["table_name"]].resource_type] += row["id_count"]
    return counts


def _by_type(compared: Report | None) -> dict[str, Compared]:
    """Return what a report counts; nothing if there is none, or one of another version."""
    try:
        return _BY_TYPE.validate_python((compared or {}).get("by_type", {}))
    except ValidationError:
        return {}


def _rejected(loaded: Report | None) -> Counter[str]:
    """Return how many resources of each type the newest load rejected; none if its report cannot be read."""
    try:
        by_type = _LOADED_BY_TYPE.validate_python((loaded or {}).get("by_type", {}))
    except ValidationError:
        return Counter()
    return Counter({name: counts.rejected for name, counts in by_type.items()})


def _before_it_can_be_compared(loaded: Report | None, compared: Report | None) -> Difference | None:
    """Return what has to be done before ledger and server can be compared, if anything."""
    if compared is None:
        if loaded is None:
            return Difference(text="Not loaded yet", command="claims load")
        return Difference(text="Not compared yet", command="claims reconcile")
    if compared.get("is_loading") or _has_changed_since(loaded, compared):
        return Difference(text="Loaded since it was compared", command="claims reconcile")
    return None


def _has_changed_since(loaded: Report | None, compared: Report) -> bool:
    """Return whether a load after the comparison may have changed the ledger or the server."""
    if loaded is None or str(loaded.get("finished_at")) <= str(compared.get("finished_at")):
        return False
    try:
        total = Loaded.model_validate(loaded.get("total"))
    except ValidationError:
        return True
    vanished = loaded.get("vanished")
    outcomes = vanished if isinstance(vanished, dict) else ()
    return bool(total.loaded or total.failed or any(not outcome.endswith(KEPT) for outcome in outcomes))


def _days_since_built(view: View, lake: Lake) -> Difference | None:
    """Return what has to be done before the lake's ids are known, if anything."""
    count = len(lake.days(CLAIMS)) - view.built_from.day_count
    if count <= 0:
        return None
    return Difference(
        text=f"The lake has got {_count(count, 'day')} since the tables were built", command="claims aggregate"
    )


def _on_server(counts: Compared) -> Iterator[Difference]:
    """Yield how the server differs from the ledger."""
    mend = "claims reconcile --deep --repair && claims load"
    missing = max(counts.missing or 0, counts.ledger - counts.server)
    if missing:
        yield Difference(text=f"{missing:,} loaded, but not on the server", command=mend)
    if counts.changed:
        yield Difference(text=f"{counts.changed:,} with other content on the server", command=mend)
    if others := max(0, counts.server - counts.ledger):
        yield Difference(text=f"{others:,} on the server that the loader did not send", command=None)


def _in_lake(lake: int, ledger: int, rejected: int) -> Iterator[Difference]:
    """Yield how the ledger differs from the lake."""
    if rejected:
        yield Difference(text=f"{rejected:,} rejected by the newest load", command="claims dead-letters list")
    if lake > ledger + rejected:
        yield Difference(text=f"{lake - ledger - rejected:,} of the lake not loaded", command="claims load")
    if ledger > lake:
        yield Difference(
            text=f"{ledger - lake:,} loaded, but not in the lake: gone from it, or from FHIR files",
            command="claims load --dry-run",
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
