"""Files of every format hold the current state, and refused outputs stay as they were."""

import gzip
import importlib
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from claims_pipeline.errors import ConfigError, FeedMismatch
from claims_pipeline.export import FORMATS, chosen_format, produce, require_target, statistics_path
from claims_pipeline.export.target import put_in_place, working_folder
from claims_pipeline.fhir import render
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS, PRACTITIONERS

FEED = Feed(seed=9, patients=60, claims=300, start_date=date(2025, 11, 17), end_date=date(2025, 12, 31))
OF_THREE_DAYS = Feed(seed=9, patients=60, claims=60, start_date=date(2025, 1, 2), end_date=date(2025, 1, 4))
OF_A_DAY = Feed(seed=9, patients=20, claims=20, start_date=date(2025, 1, 2), end_date=date(2025, 1, 2))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    output = tmp_path_factory.mktemp("export") / "lake"
    produce(FEED, output)
    return Lake(output)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the feed as NDJSON and as one Bundle."""
    folder = tmp_path_factory.mktemp("files")
    produce(FEED, folder / "feed.v2", form="ndjson")
    produce(FEED, folder / "all.json", form="json")
    return folder


@pytest.fixture(scope="module")
def ndjson(files: Path) -> Path:
    return files / "feed.v2"


def latest(lake: Lake) -> dict[str, str]:
    """Return the current claims as JSON by id, worked out a day after the other."""
    state: dict[str, str] = {}
    for day in lake.days(CLAIMS):
        rendered = render(CLAIMS, lake.read(CLAIMS, day))
        state |= dict(zip(rendered["resource_id"], rendered["body"], strict=True))
    return state


def resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"]]


@pytest.mark.heavy
def test_ndjson_holds_each_claim_once_in_its_latest_version(lake: Lake, ndjson: Path) -> None:
    lines = (ndjson / "Claim.ndjson").read_text().splitlines()
    assert {json.loads(line)["id"]: line for line in lines} == latest(lake)
    assert len(lines) == FEED.claims
    assert len({line["status"] for line in map(json.loads, lines)}) == 3


@pytest.mark.heavy
def test_ndjson_has_a_file_for_each_resource_type(lake: Lake, ndjson: Path) -> None:
    counts = {
        path.stem: len({json.loads(line)["id"] for line in path.read_text().splitlines()}) for path in ndjson.iterdir()
    }
    assert set(counts) == {"Claim", "Coverage", "Location", "Organization", "Patient", "Practitioner"}
    assert counts["Patient"] == lake.scan(PATIENTS).select(pl.col("patient_id").n_unique()).collect().item()
    assert counts["Coverage"] == lake.scan(COVERAGES).select(pl.col("coverage_id").n_unique()).collect().item()
    assert counts["Practitioner"] == lake.read(PRACTITIONERS).height


@pytest.mark.heavy
def test_compressed_files_hold_the_same_lines(ndjson: Path, tmp_path: Path) -> None:
    produce(FEED, tmp_path / "packed", form="ndjson", compress=True)
    for path in ndjson.iterdir():
        assert gzip.decompress((tmp_path / "packed" / f"{path.name}.gz").read_bytes()) == path.read_bytes()


@pytest.mark.heavy
def test_bundles_are_transactions_in_the_order_of_references(lake: Lake, tmp_path: Path) -> None:
    produce(FEED, tmp_path / "out", form="bundles")
    bundles = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").iterdir())]
    seen: dict[str, str] = {}
    for bundle in bundles:
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
        assert 1 <= len(bundle["entry"]) <= 500
        for entry in bundle["entry"]:
            resource = entry["resource"]
            assert entry["request"] == {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
            assert set(references(resource)) <= set(seen)
            seen[entry["request"]["url"]] = resource["resourceType"]
    assert Counter(seen.values())["Claim"] == len(latest(lake))


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


@pytest.mark.heavy
def test_one_file_is_a_collection_of_everything(lake: Lake, files: Path) -> None:
    bundle = json.loads((files / "all.json").read_text())
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    claims = [resource["id"] for resource in resources(bundle) if resource["resourceType"] == "Claim"]
    assert sorted(claims) == sorted(latest(lake))
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == len(bundle["entry"])


@pytest.mark.heavy
@pytest.mark.parametrize(("form", "name"), [("ndjson", "out"), ("bundles", "out"), ("json", "out.json.gz")])
def test_the_same_feed_gives_the_same_bytes_also_over_an_earlier_larger_output(
    tmp_path: Path, form: str, name: str
) -> None:
    produce(OF_THREE_DAYS, tmp_path / name, form=form, compress=True)
    larger = contents(tmp_path / name)
    produce(OF_A_DAY, tmp_path / name, form=form, compress=True)
    (tmp_path / "again").mkdir()
    produce(OF_A_DAY, tmp_path / "again" / name, form=form, compress=True)
    assert larger != contents(tmp_path / name) == contents(tmp_path / "again" / name)


def contents(output: Path) -> dict[str, bytes]:
    files = [output] if output.is_file() else sorted(output.iterdir())
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.heavy
def test_statistics_stand_beside_every_output(lake: Lake, files: Path) -> None:
    assert statistics_path(lake.root).name == "lake.stats.json"
    names = {path.name for path in files.iterdir()}
    assert names == {"all.json", "all.stats.json", "feed.v2", "feed.v2.stats.json"}
    of_lake, of_json = (json.loads(path.read_text()) for path in (statistics_path(lake.root), files / "all.stats.json"))
    assert of_lake == of_json


@pytest.mark.heavy
def test_statistics_count_what_the_lake_holds(lake: Lake) -> None:
    facts = json.loads(statistics_path(lake.root).read_text())
    claims = [json.loads(body) for body in latest(lake).values()]
    assert facts["claims"] == FEED.claims
    assert {name: one["count"] for name, one in facts["status"].items()} == Counter(claim["status"] for claim in claims)
    assert facts["patients_seen"] == len({claim["patient"]["reference"] for claim in claims})
    assert facts["population"] == FEED.patients
    assert sum(one["count"] for one in facts["state"].values()) == FEED.claims
    assert sum(one["share"] for one in facts["plan_type"].values()) == pytest.approx(1, abs=0.001)
    billed = [claim for claim in claims if claim["status"] != "cancelled"]
    codes = Counter(item["productOrService"]["coding"][0]["code"] for claim in billed for item in claim["item"])
    assert [(one["code"], one["count"]) for one in facts["top_procedures"]] == [
        (code, codes[code]) for code in sorted(codes, key=lambda code: (-codes[code], code))[:10]
    ]
    charges = sum(Decimal(str(claim["total"]["value"])) for claim in claims if claim["status"] == "active")
    assert facts["charge_amount"] == str(charges)
    assert len(facts["top_diagnoses"]) == 10
    assert all(one["label"] for one in facts["top_diagnoses"] + facts["top_procedures"])


@pytest.mark.heavy
def test_statistics_do_not_depend_on_how_many_days_are_made_at_a_time(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("claims_pipeline.generate.write"), "CLAIMS_A_CHUNK", 30)
    produce(FEED, tmp_path / "lake", jobs=3)
    assert statistics_path(tmp_path / "lake").read_bytes() == statistics_path(lake.root).read_bytes()


@pytest.mark.heavy
def test_statistics_are_those_of_the_feeds_days_also_if_the_lake_has_later_ones(tmp_path: Path) -> None:
    produce(OF_A_DAY, tmp_path / "lake")
    of_feed = statistics_path(tmp_path / "lake").read_bytes()
    lake = Lake(tmp_path / "lake")
    generate_range(lake, OF_A_DAY, start=date(2025, 1, 3), end=date(2025, 1, 20))
    produce(OF_A_DAY, tmp_path / "lake")
    assert len(lake.days(CLAIMS)) == 19
    assert statistics_path(tmp_path / "lake").read_bytes() == of_feed


@pytest.mark.heavy
def test_a_lake_is_not_overwritten_by_files(lake: Lake) -> None:
    before = contents_of(lake.root)
    with pytest.raises(ConfigError, match="is a lake"):
        produce(FEED, lake.root, form="ndjson")
    assert contents_of(lake.root) == before


@pytest.mark.heavy
def test_a_lake_of_another_feed_is_refused(lake: Lake) -> None:
    before = contents_of(lake.root)
    with pytest.raises(FeedMismatch, match="seed: the lake has 9"):
        produce(FEED.model_copy(update={"seed": 10}), lake.root)
    assert contents_of(lake.root) == before


def contents_of(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*")}


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("draft")
    with pytest.raises(ConfigError, match=r"other files \(thesis.txt\)"):
        produce(FEED, tmp_path / "mine", form="ndjson")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


def test_a_lake_is_not_made_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("draft")
    with pytest.raises(ConfigError, match="other files and no lake"):
        produce(FEED, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_root_folder_is_refused() -> None:
    with pytest.raises(ConfigError, match="name of its own"):
        require_target(Path("/"), "parquet")


@pytest.mark.parametrize("form", ["parquet", "ndjson", "bundles", "json"])
def test_an_output_below_a_file_is_refused_and_nothing_is_written(tmp_path: Path, form: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        produce(FEED, tmp_path / "file" / "out", form=form)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown format 'csv'"):
        require_target(tmp_path / "out", "csv")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_the_earlier_output(tmp_path: Path) -> None:
    produce(OF_A_DAY, tmp_path / "out", form="ndjson")
    before = contents(tmp_path / "out")
    with pytest.raises(OSError, match="No space"):
        fill_the_disk(tmp_path / "out")
    assert contents(tmp_path / "out") == before
    assert {path.name for path in tmp_path.iterdir()} == {"out", "out.stats.json"}


def fill_the_disk(output: Path) -> None:
    with working_folder(output, FORMATS["ndjson"]) as work:
        (work / "output" / "Claim.ndjson").write_text("{")
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("form", "name"), [("ndjson", "out"), ("json", "out.json.gz")])
def test_equal_files_are_left_alone_and_other_ones_replaced(tmp_path: Path, form: str, name: str) -> None:
    inode = written(tmp_path / name, form, "{}").stat().st_ino

    assert written(tmp_path / name, form, "{}").stat().st_ino == inode
    assert written(tmp_path / name, form, "[]").read_text() == "[]"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def written(output: Path, form: str, text: str) -> Path:
    """Put one file of a format in place, and return its path."""
    with working_folder(output, FORMATS[form]) as work:
        made = work / "output" / "Claim.ndjson" if FORMATS[form].is_folder else work / "output"
        made.write_text(text)
        put_in_place(work, output)
    return output / "Claim.ndjson" if output.is_dir() else output


def test_a_second_run_counts_equal_files_as_unchanged(tmp_path: Path) -> None:
    first, second = (produce(OF_A_DAY, tmp_path / "out", form="ndjson") for _ in range(2))

    assert (first.files_written, first.files_unchanged) == (6, 0)
    assert (second.files_written, second.files_unchanged) == (0, 6)


@pytest.mark.parametrize(
    ("name", "form", "compress", "chosen"),
    [
        ("lake", None, False, ("parquet", False)),
        ("feed.v2", None, False, ("parquet", False)),
        ("one.json", None, False, ("json", False)),
        ("one.json.gz", None, False, ("json", True)),
        ("one.json.gz", None, True, ("json", True)),
        ("One.JSON", None, False, ("json", False)),
        ("one.json", "ndjson", False, ("ndjson", False)),
        ("feed.gz", "bundles", False, ("bundles", False)),
        ("feed", "ndjson", True, ("ndjson", True)),
    ],
)
def test_the_name_of_an_output_says_its_format(
    name: str, form: str | None, compress: bool, chosen: tuple[str, bool]
) -> None:
    assert chosen_format(Path(name), form, compress=compress) == chosen


@pytest.mark.parametrize("name", ["claims.ndjson", "claims.ndjson.gz", "claims.parquet", "claims.csv", "feed.tar.gz"])
def test_a_lake_is_not_made_under_the_name_of_a_file(name: str) -> None:
    with pytest.raises(ConfigError, match="this is the name of a file") as caught:
        chosen_format(Path(name), None, compress=False)
    assert "--format ndjson" in caught.value.fix


def test_a_compressed_bundle_has_a_name_that_says_so() -> None:
    with pytest.raises(ConfigError, match=r"ends in \.gz") as caught:
        chosen_format(Path("/feeds/of may/one.json"), None, compress=True)
    assert caught.value.fix == "--output '/feeds/of may/one.json.gz'"


@pytest.mark.parametrize("name", ["one", "one.json", "one.json.gz", "one.JSON", "one.Json.GZ"])
def test_the_statistics_of_one_bundle_are_named_without_its_ending(name: str) -> None:
    assert statistics_path(Path("out") / name) == Path("out") / "one.stats.json"


def test_a_bundle_is_compressed_where_its_name_says_so(tmp_path: Path) -> None:
    produce(OF_A_DAY, tmp_path / "One.JSON.GZ", form="json")
    assert json.loads(gzip.decompress((tmp_path / "One.JSON.GZ").read_bytes()))["resourceType"] == "Bundle"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["One.JSON.GZ", "One.stats.json"]


def test_the_name_of_an_output_also_says_its_format_to_produce(tmp_path: Path) -> None:
    produce(OF_A_DAY, tmp_path / "One.JSON")
    assert json.loads((tmp_path / "One.JSON").read_text())["resourceType"] == "Bundle"
    with pytest.raises(ConfigError, match=r"ends in \.gz"):
        produce(OF_A_DAY, tmp_path / "two.json", compress=True)
    assert not (tmp_path / "two.json").exists()


def test_a_folder_that_is_empty_or_bound_to_the_same_feed_is_taken(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    require_feed(tmp_path / "lake", OF_A_DAY)
    report = produce(OF_A_DAY, tmp_path / "lake", jobs=2)
    assert report.new_claims == OF_A_DAY.claims
    assert Lake(tmp_path / "lake").days(CLAIMS) == [OF_A_DAY.start_date]
