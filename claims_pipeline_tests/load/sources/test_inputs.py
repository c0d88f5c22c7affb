"""Which files of folders and archives are read, and how those that are not are named."""

import errno
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.load import LoadOptions
from claims_pipeline.load.sources import unpacking
from claims_pipeline.load.sources.elements import require_known_types
from claims_pipeline.load.sources.file_resources import FileResources
from claims_pipeline.load.sources.files import read_files
from claims_pipeline.load.sources.inputs import STANDARD_INPUT
from claims_pipeline_tests.load.sources.samples import (
    bodies,
    bundle,
    everything,
    gzipped,
    ndjson,
    observation,
    patient,
    post,
    reading,
    refusals,
)

Members = dict[str, bytes]
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
LOG_LINE = '{"exportId": "1", "eventId": "kickoff"}\n'
MANIFEST = json.dumps({"transactionTime": "2025-01-01T00:00:00Z", "output": [{"type": "Patient"}]})
DELETED = bundle({"request": {"method": "DELETE", "url": "Patient/gone"}})


def zipped(path: Path, members: Members) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def tarred(path: Path, members: Members, mode: str = "w") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def tarred_and_gzipped(path: Path, members: Members) -> None:
    tarred(path, members, "w:gz")


EACH_ARCHIVE = pytest.mark.parametrize(
    ("name", "pack"),
    [("export.zip", zipped), ("export.tar", tarred), ("export.tar.gz", tarred_and_gzipped)],
    ids=["zip", "tar", "tar.gz"],
)
Pack = Callable[[Path, Members], None]


@pytest.mark.heavy
@EACH_ARCHIVE
def test_an_archive_is_read_like_a_folder(tmp_path: Path, name: str, pack: Pack) -> None:
    members = {
        "export/Patient.ndjson": ndjson(patient("p1"), patient("p2")).encode(),
        "export/Observation.ndjson.gz": gzipped(ndjson(observation("o1", "Patient/p1")) + "{bad\n"),
        "export/readme.txt": b"not read",
        "export/inner.zip": b"PK\x03\x04",
        "export/log.ndjson": LOG_LINE.encode(),
    }
    archive = tmp_path / name
    pack(archive, members)

    with read_files([str(archive)], tmp_path / "spool") as found:
        assert sorted(bodies(found)) == ["Observation/o1", "Patient/p1", "Patient/p2"]
        assert f"{archive}/export/Patient.ndjson:2" in everything(found)["source"].to_list()
        assert [source for source, _ in refusals(found)] == ["Observation.ndjson.gz:2"]
        said = "\n".join(found.remarks)

    assert f"skipped 1 file, archives: name each of them to read it ({archive}/export/inner.zip)" in said
    assert f"skipped 1 file, of other kinds ({archive}/export/readme.txt)" in said
    assert f"skipped 1 file, without FHIR resources ({archive}/export/log.ndjson)" in said


def test_a_tar_archive_is_read_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tarred_and_gzipped(tmp_path / "x", {"Patient.ndjson": ndjson(patient("p1")).encode()})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "x").read_bytes())))

    with read_files([STANDARD_INPUT], tmp_path / "spool") as found:
        assert everything(found)["source"].to_list() == ["standard input/Patient.ndjson:1"]


@EACH_ARCHIVE
def test_members_whose_names_lead_outside_are_skipped(tmp_path: Path, name: str, pack: Pack) -> None:
    line = ndjson(patient("p1")).encode()
    pack(tmp_path / name, {"../../evil.ndjson": line, "/etc/evil.ndjson": line, "good.ndjson": line})

    with read_files([str(tmp_path / name)], tmp_path / "spool") as found:
        assert list(bodies(found)) == ["Patient/p1"]
        (remark,) = [remark for remark in found.remarks if "2 files, whose names lead outside" in remark]
        assert f"({tmp_path / name}/evil.ndjson, {tmp_path / name}/evil.ndjson)" in remark


def test_links_in_a_tar_archive_are_skipped(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        link = tarfile.TarInfo("passwords.ndjson")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    with read_files([str(tmp_path / "x.tar")], tmp_path / "spool") as found:
        assert found.count == found.rejected_count == 0
        assert [remark for remark in found.remarks if "links or devices" in remark]


@pytest.mark.heavy
@EACH_ARCHIVE
def test_what_a_cut_archive_still_holds_is_read_and_the_cut_is_named(tmp_path: Path, name: str, pack: Pack) -> None:
    lines = ndjson(*(patient(f"p{number}", gender="male") for number in range(20_000))).encode()
    pack(tmp_path / name, {"Patient.ndjson": lines})
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])

    with read_files([str(tmp_path / name)], tmp_path / "spool") as found:
        assert refusals(found)
        assert found.count > 1_000 or name == "export.zip"  # whose list of members stands at its end


@pytest.mark.heavy
@EACH_ARCHIVE
def test_an_archive_that_expands_without_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, pack: Pack
) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS_EXPANDED", 100_000)
    monkeypatch.setattr(unpacking, "LARGEST_EXPANSION", 10)
    bomb = ndjson(patient("p1")).encode() + b" " * 30_000_000
    pack(tmp_path / name, {"a.ndjson": bomb})

    with read_files([str(tmp_path / name)], tmp_path / "spool") as found:
        said = [reason for _, reason in refusals(found)]

    assert all(reason.startswith("expands to more than 10 times its size") for reason in said)
    assert bool(said) == (name != "export.tar")  # which is not packed


@pytest.mark.heavy
def test_gzip_padded_with_more_zeros_than_are_read_at_once_is_read(tmp_path: Path) -> None:
    padding = b"\0" * (3 * unpacking.CHUNK_BYTES + 7)
    content = gzipped(ndjson(patient("p1"))) + padding + gzipped(ndjson(patient("p2"))) + padding

    with reading(tmp_path, a__ndjson__gz=content) as found:
        assert sorted(bodies(found)) == ["Patient/p1", "Patient/p2"]
        assert refusals(found) == []


def test_what_a_bulk_export_holds_beside_resources_is_named_and_costs_nothing(tmp_path: Path) -> None:
    with reading(
        tmp_path,
        Patient__ndjson=ndjson(patient("p1")),
        Device__ndjson="",
        log__ndjson=LOG_LINE * 3,
        manifest__json=MANIFEST,
        error___OperationOutcome__ndjson=ndjson(OUTCOME),
        deleted___Bundle__ndjson=ndjson(DELETED),
        Patient__xml="<Patient/>",
        data__zip=b"PK\x03\x04",
        notes__txt="x",
    ) as found:
        assert list(bodies(found)) == ["Patient/p1"]
        assert refusals(found) == []
        assert found.deleted.select("resource_type", "resource_id").rows() == [("Patient", "gone")]
        assert found.deleted["source"][0].endswith("deleted/Bundle.ndjson:1 (entry 1)")
        said = "\n".join(found.remarks)

    folder = tmp_path / "input"
    assert f"skipped 1 file, empty ({folder}/Device.ndjson)" in said
    assert f"skipped 2 files, without FHIR resources ({folder}/log.ndjson, {folder}/manifest.json)" in said
    assert "skipped 1 file, of OperationOutcomes: the server that exported them reported errors" in said
    assert "skipped 1 file, XML, only FHIR JSON is read (Patient.xml)" in said
    assert "skipped 1 file, archives: name each of them to read it (data.zip)" in said
    assert "skipped 1 file, of other kinds (notes.txt)" in said


def test_a_resource_type_of_another_kind_than_text_is_refused_also_beside_resources(tmp_path: Path) -> None:
    with reading(tmp_path, Patient__ndjson=ndjson(patient("p1")), b__ndjson='{"resourceType": ["Patient"]}') as found:
        assert list(bodies(found)) == ["Patient/p1"]
        assert refusals(found) == [("b.ndjson:1", "resourceType is missing")]
        assert not found.remarks


def test_a_file_without_resources_alone_in_its_folder_is_refused(tmp_path: Path) -> None:
    with reading(tmp_path, manifest__json=MANIFEST) as found:
        assert refusals(found) == [("manifest.json:1", "resourceType is missing")]


def test_a_line_without_a_resource_type_among_resources_is_refused(tmp_path: Path) -> None:
    with reading(tmp_path, a__ndjson=ndjson(patient("p1")) + LOG_LINE) as found:
        assert refusals(found) == [("a.ndjson:2", "resourceType is missing")]


def test_a_folder_of_xml_only_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "Patient.xml").write_text("<Patient/>")

    with pytest.raises(DataError, match=r"skipped 1 file, XML, only FHIR JSON is read \(Patient.xml\)"):
        read_files([str(tmp_path)], tmp_path / "spool").__enter__()


def test_a_link_to_nothing_is_read_in_vain_and_a_link_to_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.ndjson").write_text(ndjson(patient("p2")))
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "gone.ndjson").symlink_to("nowhere")
    (tmp_path / "input" / "linked").symlink_to(tmp_path / "elsewhere")

    with reading(tmp_path, a__ndjson=ndjson(patient("p1"))) as found:
        assert list(bodies(found)) == ["Patient/p1"]
        assert refusals(found) == [("gone.ndjson:1", "cannot be read: No such file or directory")]
        assert found.unreadable_count == 1
        assert found.remarks == ["skipped 1 link to folders: name each of them to read it (linked)"]


def test_a_folder_that_cannot_be_listed_is_input_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("private"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)  # the tests may run as root, who may list every folder
    with reading(tmp_path, a__ndjson=ndjson(patient("p1")), private___b__ndjson=ndjson(patient("p2"))) as found:
        assert list(bodies(found)) == ["Patient/p1"]
        assert found.unreadable_count == 1
        assert [source for source, _ in refusals(found)] == ["private:1"]


def test_a_lake_among_files_or_below_a_folder_of_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_text(ndjson(patient("p1")))
    (tmp_path / "lake" / "claims").mkdir(parents=True)
    (tmp_path / "lake" / "feed.json").write_text("{}")

    for paths in ([tmp_path], [tmp_path / "lake", tmp_path / "Patient.ndjson"]):
        with pytest.raises(ConfigError, match="this folder is a lake, which is loaded alone") as refusal:
            read_files(list(map(str, paths)), tmp_path / "spool").__enter__()
        assert refusal.value.where == str(tmp_path / "lake")


def test_the_marker_of_a_loader_is_skipped(tmp_path: Path) -> None:
    """An export of a server that a loader filled has it; loaded, it would overwrite the marker of this one."""
    marker = {"resourceType": "Basic", "id": "claims-pipeline-ledger", "code": {"text": "mine"}}
    other = marker | {"id": "another"}
    with reading(tmp_path, Basic__ndjson=ndjson(marker, other)) as found:
        assert list(bodies(found)) == ["Basic/another"]
        assert refusals(found) == []
        assert [remark.partition(", at ")[0] for remark in found.remarks] == [
            "skipped Basic/claims-pipeline-ledger, the marker that a loader of this program writes itself"
        ]


def test_a_deletion_of_a_search_by_id_is_one_of_that_id(tmp_path: Path) -> None:
    with reading(tmp_path, a__json=bundle({"request": {"method": "DELETE", "url": "Patient?_id=gone"}})) as found:
        assert found.deleted.select("resource_type", "resource_id").rows() == [("Patient", "gone")]


def test_what_the_input_also_holds_is_not_deleted(tmp_path: Path) -> None:
    with reading(tmp_path, a__ndjson=ndjson(patient("gone"), DELETED)) as found:
        assert found.deleted.is_empty()
        assert list(bodies(found)) == ["Patient/gone"]


def test_entries_that_ask_for_something_else_are_named_by_number_and_method_once_a_kind(tmp_path: Path) -> None:
    entries = bundle(
        {"resource": patient("p1"), "request": {"method": "PUT", "url": "Patient/p1"}},
        {"request": {"method": "GET", "url": "Patient?name=secret"}},
        *[{"resource": patient("p2"), "request": {"method": "PATCH", "url": "Patient/p2"}}] * 3,
        {"request": {"method": "PUT", "url": "Patient/p3"}},
        {"fullUrl": "urn:uuid:aa"},
        kind="batch",
    )

    with reading(tmp_path, a__json=json.dumps(entries)) as found:
        assert list(bodies(found)) == ["Patient/p1"]
        assert refusals(found) == [
            ("a.json:1 (entry 3)", "entry 3 asks for PATCH, only PUT and POST are loaded, and 2 more of this Bundle"),
            ("a.json:1 (entry 6)", "entry 6 has no resource to PUT"),
            ("a.json:1 (entry 7)", "entry 7 has no resource"),
        ]
        assert [remark.rpartition("/")[2] for remark in found.remarks] == ["a.json:1 (entry 2)"]
        assert "skipped entry 2 only reads (GET)" in found.remarks[0]


def test_of_json_on_one_line_the_entry_is_named(tmp_path: Path) -> None:
    entries = bundle({"resource": patient("p1")}, {"resource": patient("p_2")}, {"resource": patient("p3")})

    with reading(tmp_path, a__ndjson="\n" + json.dumps(entries)) as found:
        assert [source for source, _ in refusals(found)] == ["a.ndjson:2 (entry 2)"]
        sources = everything(found)["source"].to_list()

    assert [source.rpartition("/")[2] for source in sources] == ["a.ndjson:2 (entry 1)", "a.ndjson:2 (entry 3)"]


@pytest.mark.heavy
def test_types_that_are_not_wanted_are_left_out_and_what_refers_to_them_is_reported(tmp_path: Path) -> None:
    visit = {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"}}
    seen = observation("o1", "Patient/p1", encounter={"reference": "Encounter/e1"})
    (tmp_path / "a.ndjson").write_text(ndjson(patient("p1"), visit, seen))

    def read(options: LoadOptions) -> tuple[list[str], list[str]]:
        with read_files([str(tmp_path / "a.ndjson")], tmp_path / "spool", options=options) as found:
            assert isinstance(found, FileResources)
            return sorted(bodies(found)), list(found.remarks)

    some, said = read(LoadOptions(types=frozenset({"Patient", "Observation"})))
    others, _ = read(LoadOptions(exclude=frozenset({"Patient", "Observation"})))

    assert some == ["Observation/o1", "Patient/p1"]
    assert said[0] == "left out by --types or --exclude: 1 Encounter"
    assert said[1].startswith("1 resource refers to Encounter, which is left out")
    assert others == ["Encounter/e1"]


@pytest.mark.heavy
def test_references_to_what_is_left_out_are_resolved_as_if_it_were_loaded(tmp_path: Path) -> None:
    url = "urn:uuid:00000000-0000-4000-8000-000000000001"
    entries = [post(patient("p1"), url), post(observation("o1", url), "urn:uuid:00000000-0000-4000-8000-000000000002")]
    (tmp_path / "a.json").write_text(json.dumps(bundle(*entries)))
    exported = observation("o2", "https://ehr.example/fhir/Patient/p2")
    (tmp_path / "b.ndjson").write_text(ndjson(patient("p2"), exported))
    options = LoadOptions(exclude=frozenset({"Patient"}), id_prefix="x-")

    with read_files([str(tmp_path)], tmp_path / "spool", options=options) as found:
        assert refusals(found) == []
        subjects = {name: body["subject"]["reference"] for name, body in bodies(found).items()}
        assert subjects == {"Observation/x-o1": "Patient/x-p1", "Observation/x-o2": "Patient/x-p2"}
        assert found.remarks[-1].startswith("2 resources refer to Patient, which is left out")


@pytest.mark.heavy
def test_a_resource_is_the_same_whatever_other_types_are_left_out(tmp_path: Path) -> None:
    shared = patient("p1", identifier=[{"system": "http://s.example", "value": "v"}])
    once = post(shared, "urn:uuid:00000000-0000-4000-8000-000000000001")
    once["request"]["ifNoneExist"] = "identifier=http://s.example|v"
    (tmp_path / "a.json").write_text(json.dumps(bundle(once)))
    (tmp_path / "b.ndjson").write_text(ndjson(patient("p1"), observation("o1", "Patient/p1")))

    def read(options: LoadOptions) -> Any:
        with read_files(
            [str(tmp_path / name) for name in ("a.json", "b.ndjson")], tmp_path / "spool", options=options
        ) as found:
            return bodies(found)["Observation/o1"]

    assert read(LoadOptions(types=frozenset({"Observation"}))) == read(LoadOptions())


def test_an_unknown_resource_type_is_a_usage_error_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match="'Pateint' is not a resource type") as caught:
        require_known_types({"Pateint"})

    assert caught.value.fix == "Patient?"


@pytest.mark.parametrize("prefix", ["123", "a_b", "x" * 33, "a/"])
def test_a_prefix_that_ids_cannot_have_is_a_usage_error(prefix: str) -> None:
    with pytest.raises(ConfigError, match="--id-prefix"):
        LoadOptions(id_prefix=prefix)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            '{"resourceType":"Patient","id":"p1","gender":"male","gender":"female"}',
            "Patient.gender occurs more than once in one object",
        ),
        ('{"resourceType":"Patient","id":"p1","id":"p2"}', "Patient.id occurs more than once in one object"),
        (
            '{"resourceType":"Patient","id":"p1","name":[{"text":"a"},{"text":"b","text":"c"}]}',
            "Patient.name[1].text occurs more than once in one object",
        ),
        (
            '{"resourceType":"Patient","id":"p1","_gender":{"id":"a","id":"b"}}',
            "a property stands more than once in one object",
        ),
        (
            '{"resourceType":"Bundle","type":"batch","type":"batch","entry":[]}',
            "a property of the Bundle occurs more than once; the rest of this Bundle is not read",
        ),
        (
            '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"p1"},"resource":{}}]}',
            "entry 1 has a property more than once in one object",
        ),
    ],
)
def test_a_property_that_occurs_twice_in_an_object_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with reading(tmp_path, a__ndjson=f"{text}\n{ndjson(patient('good'))}") as found:
        assert list(bodies(found)) == ["Patient/good"]
        assert [said for _, said in refusals(found)] == [reason]


@pytest.mark.parametrize(
    ("text", "resource_id"),
    [
        ('{"resourceType":"Patient","id":"p1","gender":"male","gender":"female"}', "p1"),
        ('{"resourceType":"Patient","id":"p1","id":"p2"}', None),
        ('{"resourceType":"Patient","id":1.5}', None),
        ('{"resourceType":"Patient","gender":"male"}', None),
    ],
)
def test_a_resource_that_is_refused_is_named_if_its_id_is_known(
    tmp_path: Path, text: str, resource_id: str | None
) -> None:
    with reading(tmp_path, a__ndjson=f"{text}\n{ndjson(patient('good'))}") as found:
        (row,) = next(found.rejected()).to_dicts()

        assert (row["resource_type"], row["resource_id"]) == ("Patient", resource_id)
        assert found.unreadable_count == (resource_id is None)
