"""claims generate, fidelity and quality as a person runs them."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from claims_pipeline_tests.cli.running import run_claims

SMALL = ("--claims", "60", "--patients", "10", "--start-date", "2025-12-01", "--end-date", "2025-12-31")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def claims(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_claims(*arguments, CLAIMS_HOME=str(home))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.heavy
def test_the_lake_of_the_home_is_made_checked_and_left_alone_the_second_time(home: Path) -> None:
    first = claims(home, "generate", *SMALL, "--json")
    assert first.returncode == 0, first.stderr
    assert "seed 20250101, 60 claims, 10 people, 2025-12-01..2025-12-31" in first.stderr
    assert json.loads(first.stdout)["new_claims"] == 60
    again = claims(home, "generate", "--json")
    assert json.loads(again.stdout)["files_written"] == 0
    assert claims(home, "quality").stdout.endswith("0 findings\n")
    fidelity = claims(home, "fidelity", "--json")
    assert fidelity.returncode == 0
    assert json.loads(fidelity.stdout)["is_large_enough"] is False
    kept = [path.name.split("-", 1)[1].rsplit("-", 1)[0] for path in (home / "runs").iterdir()]
    assert sorted(kept) == ["fidelity", "generate", "generate", "quality"]


def test_an_empty_output_is_refused_and_not_taken_for_the_current_folder(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    done = claims(home, "generate", *SMALL, "--output", "")

    assert done.returncode == 2
    assert "the name of a file or folder is empty" in done.stderr
    assert files(tmp_path / "here") == []


def test_parquet_with_gzip_is_refused(home: Path) -> None:
    done = claims(home, "generate", *SMALL, "--gzip")

    assert done.returncode == 2
    assert done.stderr.startswith("error: --gzip is for ndjson, bundles and json")


@pytest.mark.heavy
def test_a_finding_makes_quality_fail(home: Path) -> None:
    claims(home, "generate", *SMALL)
    import polars as pl

    file = next((home / "lake" / "claims").glob("day=2025-12-1*/part.parquet"))
    pl.read_parquet(file, hive_partitioning=False).with_columns(claim_status=pl.lit("paid")).write_parquet(file)
    done = claims(home, "quality")
    assert done.returncode == 1
    assert "complete_claims" in done.stdout


@pytest.mark.heavy
def test_other_formats_are_written_to_the_given_folder(home: Path, tmp_path: Path) -> None:
    assert (
        claims(home, "generate", *SMALL, "--format", "ndjson", "--gzip", "--output", str(tmp_path / "nd")).returncode
        == 0
    )
    assert "Claim.ndjson.gz" in files(tmp_path / "nd")
    assert claims(home, "generate", *SMALL, "--output", str(tmp_path / "one.json")).returncode == 0
    assert json.loads((tmp_path / "one.json").read_text())["type"] == "collection"
    assert json.loads((tmp_path / "one.stats.json").read_text())["claims"] == 60


@pytest.mark.heavy
def test_a_bundle_that_is_there_is_made_again_and_a_compressed_one_is_a_file(home: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.json.gz"
    for unchanged in (0, 1):
        done = claims(home, "generate", *SMALL, "--output", str(one), "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["files_unchanged"] == unchanged
    assert json.loads(gzip.decompress(one.read_bytes()))["type"] == "collection"


def test_compressing_a_bundle_whose_name_does_not_say_so_is_refused_in_words(home: Path, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("{}")

    done = claims(home, "generate", *SMALL, "--output", str(tmp_path / "one.json"), "--gzip")

    assert done.returncode == 2
    assert done.stderr.endswith(f"try:   --output {tmp_path / 'one.json.gz'}\n")
    assert (tmp_path / "one.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--start-date", "2025-02-01", "--end-date", "2025-01-01"), "lies before"),
        (("--claims", "-5"), "Invalid value for '--claims': should be 1 or more"),
        (("--claims", "many"), "Invalid value for '--claims': should be a whole number"),
        (("--irregularities", "0.5"), "Invalid value for '--irregularities': should be 0.2 or less"),
        (("--patients", "0"), "should be 1 or more"),
        (("--start-date", "2025-02-30"), "--start-date: should be a day such as 2025-01-31, not '2025-02-30'"),
        (("--end-date", "2200-01-01"), "--end-date: not a day from 1900-01-01 to 2199-12-31"),
        (("--claims", "2000000000"), "--claims: should be 1,000,000,000 or less"),
        (("--until", "2024-12-31"), "--until 2024-12-31 is not after the feed's last day, 2025-12-31"),
        (("--until", "soon"), "--until should be a day such as 2025-01-31, not 'soon'"),
        (("--until", "2026-01-01", "--format", "ndjson"), "--until goes on with a lake"),
        (("--format", "xml"), "unknown format 'xml'"),
        (("--jobs", "0"), "should be 1 or more"),
        (("--output", "/dev/null/lake"), "cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_is_named_and_writes_nothing(home: Path, arguments: tuple[str, ...], said: str) -> None:
    done = claims(home, "generate", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not home.exists()


@pytest.mark.heavy
def test_other_settings_than_the_lakes_are_refused(home: Path) -> None:
    claims(home, "generate", *SMALL)
    before = files(home / "lake")
    done = claims(home, "generate", "--claims", "61")
    assert done.returncode == 2
    assert "claims: the lake has 60, wanted 61" in done.stderr
    assert files(home / "lake") == before


@pytest.mark.heavy
def test_a_lake_goes_on_after_the_end_of_its_feed_and_refusals_lead_there(home: Path) -> None:
    claims(home, "generate", *SMALL)
    suggested = "try:   claims generate --until 2026-01-02"
    for wanted in (("load", "--day", "2026-01-02"), ("generate", "--end-date", "2026-01-02")):
        done = claims(home, *wanted)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith(suggested)

    done = claims(home, "generate", "--until", "2026-01-02")

    assert done.returncode == 0, done.stderr
    assert "2026-01-01 .. 2026-01-02  (2)" in done.stdout
    assert (home / "lake" / "claims" / "day=2026-01-02" / "part.parquet").exists()


@pytest.mark.parametrize("command", ["quality", "fidelity"])
def test_a_lake_that_is_named_and_is_not_there_is_wrong_usage(home: Path, tmp_path: Path, command: str) -> None:
    done = claims(home, command, str(tmp_path / "no-lake"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: there is no such folder\nwhere: {tmp_path / 'no-lake'}\ntry: ")


@pytest.mark.parametrize("command", ["quality", "fidelity"])
def test_a_home_without_a_lake_is_reported(home: Path, command: str) -> None:
    done = claims(home, command)
    assert done.returncode == 1
    assert "claims generate" in done.stderr
    assert "Traceback" not in done.stderr
