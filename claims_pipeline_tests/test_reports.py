import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from claims_pipeline.reports import aligned, save_report, table


@dataclass(frozen=True)
class Count:
    kind: ClassVar[str] = "count"
    rows: int

    def render(self) -> str:
        return f"{self.rows} rows"

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows}


def test_a_report_is_kept_as_json_named_by_time_and_kind(tmp_path: Path) -> None:
    file = save_report(Count(3), tmp_path / "runs")

    assert "-count-" in file.name
    body = json.loads(file.read_text())
    assert (body["kind"], body["rows"]) == ("count", 3)
    assert body["finished_at"].endswith("+00:00")


def test_reports_are_for_their_owner_only(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir(mode=0o755)

    file = save_report(Count(3), tmp_path / "runs")

    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_two_reports_of_one_second_do_not_overwrite_each_other(tmp_path: Path) -> None:
    assert save_report(Count(1), tmp_path) != save_report(Count(2), tmp_path)


def test_labels_and_values_stand_in_two_columns() -> None:
    assert aligned([("read", "1"), ("unchanged", "20"), ("failed", "")]) == "read       1\nunchanged  20\nfailed"


@pytest.mark.parametrize("columns", ["20", "80"])
def test_a_table_is_whole_and_plain_on_any_terminal(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")

    text = table(["", "read", "failed"], [["Claim", "1,200", "0"], ["[red]MedicationAdministration", "5", "12"]])

    assert text.splitlines() == [
        "                               read failed",
        "Claim                         1,200      0",
        "[red]MedicationAdministration     5     12",
    ]
