"""What came from another source is not overwritten unless that is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.errors import FeedMismatch, OwnedByOthers
from claims_pipeline.lake import Lake, read_feed
from claims_pipeline.load import Counts, LoadOptions, load_files, load_lake
from claims_pipeline.load.pipeline.ownership import feed_of_export
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.fake_server import FakeServer
from claims_pipeline_tests.load.sources.samples import ndjson, patient

TAKE_OVER = LoadOptions(take_over=True)


@pytest.fixture
def lake(fake_target: Settings) -> Lake:
    return tiny_lake(fake_target.lake_path, Shape("own", days=1))


def write(folder: Path, *resources: dict[str, Any]) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "resources.ndjson").write_text(ndjson(*resources))
    return str(folder)


def say_feed(folder: Path, feed: dict[str, Any]) -> None:
    """Write the statistics that `claims export` leaves beside a folder."""
    folder.with_name(f"{folder.name}.stats.json").write_text(json.dumps({"feed": feed, "claims": 1}))


def of_lake(fake_server: FakeServer, **changes: Any) -> list[dict[str, Any]]:
    return [fake_server.held[name].resource | changes for name in fake_server.names("Patient")]


@pytest.mark.heavy
def test_files_of_another_feed_do_not_overwrite_a_lakes_resources(
    fake_server: FakeServer, fake_target: Settings, lake: Lake, tmp_path: Path
) -> None:
    load_lake(lake, fake_target)
    before = dict(fake_server.held)
    path = write(tmp_path / "other", *of_lake(fake_server, gender="other"), patient("new"))

    for options in (LoadOptions(), LoadOptions(is_dry_run=True)):
        report = load_files([path], fake_target, options=options)

        assert isinstance(report.stopped, OwnedByOthers)
        assert report.exit_code == 2
        assert "4 resources" in report.stopped.message
        assert "a lake (seed" in report.stopped.message
        assert "Patient/own-" in report.stopped.where
        assert "--take-over" in report.stopped.fix
        assert report.total == Counts()
        assert fake_server.held == before

    report = load_files([path], fake_target, options=TAKE_OVER)
    assert report.total == Counts(read=5, created=1, updated=4)

    back = load_lake(lake, fake_target)
    assert isinstance(back.stopped, OwnedByOthers)
    assert str(tmp_path / "other") in back.stopped.message
    assert load_lake(lake, fake_target, options=TAKE_OVER).by_type["Patient"].updated == 4


@pytest.mark.heavy
def test_files_that_hold_the_same_change_nothing(
    fake_server: FakeServer, fake_target: Settings, lake: Lake, tmp_path: Path
) -> None:
    load_lake(lake, fake_target)
    path = write(tmp_path / "copy", *of_lake(fake_server))

    assert load_files([path], fake_target).total == Counts(read=4, unchanged=4)
    assert load_lake(lake, fake_target).requests_with_resources == 0


@pytest.mark.heavy
def test_an_export_of_the_same_feed_is_the_same_data(
    fake_server: FakeServer, fake_target: Settings, lake: Lake, tmp_path: Path
) -> None:
    load_lake(lake, fake_target)
    feed = read_feed(lake.root)
    assert feed is not None
    path = write(tmp_path / "export", *of_lake(fake_server, gender="other"))
    say_feed(tmp_path / "export", feed.model_dump(mode="json"))

    assert load_files([path], fake_target).total.updated == 4
    assert load_lake(lake, fake_target).by_type["Patient"].updated == 4

    say_feed(tmp_path / "export", feed.model_dump(mode="json") | {"seed": feed.seed + 1})
    assert isinstance(load_files([path], fake_target).stopped, OwnedByOthers)


@pytest.mark.heavy
def test_exports_of_two_feeds_do_not_overwrite_each_other(fake_target: Settings, lake: Lake, tmp_path: Path) -> None:
    feed = read_feed(lake.root)
    assert feed is not None
    first = write(tmp_path / "first", patient("patient-1", gender="male"))
    second = write(tmp_path / "second", patient("patient-1", gender="female"))
    say_feed(tmp_path / "first", feed.model_dump(mode="json"))
    say_feed(tmp_path / "second", feed.model_dump(mode="json") | {"seed": feed.seed + 1})
    load_files([first], fake_target)

    report = load_files([second], fake_target)

    assert isinstance(report.stopped, OwnedByOthers)
    assert str(tmp_path / "first") in report.stopped.message


@pytest.mark.heavy
def test_the_feed_of_an_export_is_known_from_inside_its_folder(
    fake_target: Settings, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = read_feed(lake.root)
    assert feed is not None
    write(tmp_path / "first", patient("patient-1", gender="male"))
    second = write(tmp_path / "second", patient("patient-1", gender="female"))
    say_feed(tmp_path / "first", feed.model_dump(mode="json"))
    say_feed(tmp_path / "second", feed.model_dump(mode="json") | {"seed": feed.seed + 1})
    monkeypatch.chdir(tmp_path / "first")
    assert load_files(["."], fake_target).total.created == 1

    assert isinstance(load_files([second], fake_target).stopped, OwnedByOthers)


@pytest.mark.heavy
def test_the_folder_of_the_next_day_updates_that_of_today(fake_target: Settings, tmp_path: Path) -> None:
    today = write(tmp_path / "2026-01-01", patient("a", gender="male"), patient("b"))
    tomorrow = write(tmp_path / "2026-01-02", patient("a", gender="female"), patient("c"))
    load_files([today], fake_target)

    assert load_files([tomorrow], fake_target).total == Counts(read=2, created=1, updated=1)
    assert load_files([today], fake_target).total == Counts(read=2, unchanged=1, updated=1)


@pytest.mark.heavy
@pytest.mark.parametrize(("number", "more"), [(3, ""), (4, ", ...")])
def test_the_first_three_resources_that_would_be_overwritten_are_named(
    fake_target: Settings, lake: Lake, tmp_path: Path, number: int, more: str
) -> None:
    feed = read_feed(lake.root)
    assert feed is not None
    first, second = (
        write(tmp_path / folder, *(patient(f"p-{n}", gender=gender) for n in range(number)), patient("same"))
        for folder, gender in (("first", "male"), ("second", "female"))
    )
    say_feed(tmp_path / "first", feed.model_dump(mode="json"))
    say_feed(tmp_path / "second", feed.model_dump(mode="json") | {"seed": feed.seed + 1})
    load_files([first], fake_target)

    stopped = load_files([second], fake_target).stopped

    assert isinstance(stopped, OwnedByOthers)
    assert stopped.where == f"Patient/p-0, Patient/p-1, Patient/p-2{more}"
    assert stopped.message == (
        f"{number} resources that this would overwrite with other content came from elsewhere: {number} from {first}"
    )


@pytest.mark.heavy
def test_a_ledger_of_another_feed_is_named_with_what_differs(fake_target: Settings, lake: Lake, tmp_path: Path) -> None:
    load_lake(lake, fake_target)
    other = tiny_lake(tmp_path / "other", Shape("own", days=1, claims_a_day=1))
    another = tiny_lake(tmp_path / "another", Shape("own", days=2, claims_a_day=1))

    with pytest.raises(FeedMismatch, match=r"knows another feed \([^()]*\)$") as of_one:
        load_lake(other, fake_target)
    with pytest.raises(FeedMismatch, match=r"knows another feed \([^()]*, and more\)$"):
        load_lake(another, fake_target)

    assert of_one.value.where == str(fake_target.ledger_path)


@pytest.mark.parametrize("names", [["x"], ["a", "b"], [], ["x.json"]])
def test_only_a_path_with_statistics_beside_it_is_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lake: Lake, names: list[str]
) -> None:
    feed = read_feed(lake.root)
    assert feed is not None
    monkeypatch.chdir(tmp_path)
    say_feed(tmp_path / "x", feed.model_dump(mode="json"))
    (tmp_path / "b.stats.json").write_text("{}")

    known = feed.model_dump_json() if names in (["x"], ["x.json"]) else None
    assert feed_of_export(names) == known
    assert feed_of_export(["b"]) is None
    assert feed_of_export(["none"]) is None


@pytest.mark.heavy
def test_files_of_unknown_origin_are_updated_beside_a_lake(fake_target: Settings, lake: Lake, tmp_path: Path) -> None:
    load_lake(lake, fake_target)
    today = write(tmp_path / "2026-01-01", patient("a", gender="male"))
    tomorrow = write(tmp_path / "2026-01-02", patient("a", gender="female"))

    assert load_files([today], fake_target).total == Counts(read=1, created=1)
    assert load_files([tomorrow], fake_target).total == Counts(read=1, updated=1)
