"""Bad input is reported with file and line, and the input around it is read."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.load.sources.files import read_files
from claims_pipeline.load.sources.json_values import LARGEST_VALUE
from claims_pipeline_tests.load.sources.samples import (
    bodies,
    bundle,
    coverage,
    everything,
    gzipped,
    ndjson,
    observation,
    patient,
    post,
    reading,
    refusals,
)

GOOD = json.dumps(patient("good"))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"resourceType": "Patient", "id": ', "not JSON: it does not end before line 3"),
        ('{"resourceType": "Patient" "id": "p1"}', "not JSON: expecting ',' delimiter (line 2, column 28)"),
        ('{"resourceType": "Patient", "id": "p1', "not JSON: invalid control character"),
        ('{"resourceType": "Patient", "id": "p1", "multipleBirthInteger": NaN}', "not JSON: NaN is not JSON"),
        ("[" + GOOD + "]", "not a FHIR resource but a JSON array"),
        ('"Patient"', "not a FHIR resource but a JSON string"),
        ("1.5", "not a FHIR resource but a JSON value"),
        ("name,birth date", "not JSON: expecting value (line 2, column 1)"),
        ('{"id": "p1"}', "resourceType is missing"),
        ('{"resourceType": ["Patient"], "id": "p1"}', "resourceType is missing"),
        ('{"resourceType": 1.5, "id": "p1"}', "resourceType is missing"),
        ('{"resourceType": "Patiennt", "id": "p1"}', "'Patiennt' is not a resource type of FHIR R4"),
        ('{"resourceType": "Period", "id": "p1"}', "'Period' is not a resource type of FHIR R4"),
        ('{"resourceType": "Patient"}', "id is missing"),
        ('{"resourceType": "Patient", "id": null}', "id is missing"),
        ('{"resourceType": "Patient", "id": ["p1"]}', "id is not a string"),
        ('{"resourceType": "Patient", "id": 1.5}', "id is not a string"),
        ('{"resourceType": "Patient", "id": 17}', "FHIR does not allow the id 17"),
        ('{"resourceType": "Patient", "id": "p_1"}', "FHIR does not allow the id 'p_1'"),
        ('{"resourceType": "Patient", "id": "p1\\n"}', "FHIR does not allow the id 'p1\\n'"),
        ('{"resourceType": "Patient", "id": "%s"}' % ("x" * 65), "FHIR does not allow the id"),
        ('{"resourceType": "Patient", "id": "p1", "gender": "\\ud800"}', "not valid UTF-8"),
        ('{"resourceType": "Patient", "id": "p1", "sex": "male"}', "Patient.sex is not an element of FHIR R4"),
        ('{"resourceType": "Patient", "id": "p1", "birthDate": ""}', "Patient.birthDate is empty"),
        ('{"resourceType": "Patient", "id": "p1", "name": {"text": "A"}}', "Patient.name is not a list"),
        (
            '{"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "weight"}, '
            '"valueQuantity": {"value": 1e20000000}}',
            "Observation.valueQuantity.value is a number that no double holds",
        ),
        ('{"resourceType": "Coverage", "id": "c1"}', "Coverage.status is missing; Coverage.beneficiary is missing"),
        ('{"resourceType": "Bundle", "type": "history", "entry": []}', "a Bundle of type history is not loaded"),
    ],
)
def test_a_bad_line_costs_itself_only(tmp_path: Path, line: str, reason: str) -> None:
    content = f"{json.dumps(patient('first'))}\n{line}\n{GOOD}\n"

    with reading(tmp_path, patients__ndjson=content) as found:
        assert list(bodies(found)) == ["Patient/first", "Patient/good"]
        ((source, said),) = refusals(found)

    assert source == "patients.ndjson:2"
    assert said.startswith(reason)


@pytest.mark.parametrize(("line", "reason"), [('{"id": "p1"}', "resourceType is missing"), ("{bad", "not JSON: ")])
def test_a_bad_line_before_a_bundle_is_not_taken_for_one(tmp_path: Path, line: str, reason: str) -> None:
    with reading(tmp_path, a__ndjson=f"{line}\n{json.dumps(bundle({'resource': patient('p1')}))}\n{GOOD}") as found:
        assert sorted(bodies(found)) == ["Patient/good", "Patient/p1"]
        ((source, said),) = refusals(found)

    assert source == "a.ndjson:1"
    assert said.startswith(reason)
    assert "Bundle" not in said


def test_an_object_that_only_looks_like_a_bundle_is_refused(tmp_path: Path) -> None:
    with reading(tmp_path, a__json='{"entry": [{"resource": {"resourceType": "Patient", "id": "p1"}}]}') as found:
        assert refusals(found) == [("a.json:1", "resourceType is missing")]


def test_bytes_that_are_not_utf_8_cost_their_line_only(tmp_path: Path) -> None:
    latin_1 = '{"resourceType": "Patient", "id": "p1", "gender": "m\xe4nnlich"}\n'.encode("latin-1")

    with reading(tmp_path, patients__ndjson=latin_1 + GOOD.encode()) as found:
        assert list(bodies(found)) == ["Patient/good"]
        assert refusals(found) == [("patients.ndjson:1", "not valid UTF-8")]


def test_names_in_bad_input_that_may_be_anything_are_not_shown(tmp_path: Path) -> None:
    type_ = b'{"resourceType": "Pat\xff", "id": "p1"}\n'
    element = json.dumps(patient("p2") | {"x" * 9_000: 1}).encode() + b"\n"
    full_url = b'{"resourceType": "Bundle", "entry": [{"fullUrl": "urn:\xff", "resource": ' + GOOD.encode() + b"}]}"

    with reading(tmp_path, a__ndjson=type_ + element + full_url) as found:
        assert list(bodies(found)) == ["Patient/good"]
        first, second = (reason for _, reason in refusals(found))

    assert first == "the value of resourceType is not a resource type of FHIR R4"
    assert second == "Patient.(a member) is not an element of FHIR R4"


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    with reading(tmp_path, deep__ndjson='{"a": ' + "[" * 100_000 + "\n" + GOOD) as found:
        assert list(bodies(found)) == ["Patient/good"]
        assert refusals(found) == [("deep.ndjson:1", "nested too deeply")]


@pytest.mark.heavy
def test_a_line_of_50_mb_is_refused_and_not_kept(tmp_path: Path) -> None:
    attachment = '{"resourceType": "Binary", "id": "b1", "contentType": "x/y", "data": "' + "A" * 50_000_000 + '"}\n'

    with reading(tmp_path, binaries__ndjson=attachment + GOOD) as found:
        assert list(bodies(found)) == ["Patient/good"]
        assert refusals(found) == [("binaries.ndjson:1", "larger than 16 MB, the most that is loaded")]


@pytest.mark.heavy
def test_a_resource_just_over_the_largest_size_is_refused(tmp_path: Path) -> None:
    attachment = '{"resourceType": "Binary", "id": "b1", "contentType": "x/y", "data": "%s"}' % ("A" * LARGEST_VALUE)

    with reading(tmp_path, binaries__ndjson=attachment + "\n" + GOOD) as found:
        assert list(bodies(found)) == ["Patient/good"]
        assert refusals(found) == [("binaries.ndjson:1", "larger than 16 MB, the most that is loaded")]


@pytest.mark.parametrize("odd", [{"fullUrl": 7}, {"request": "PUT"}, {"request": {"method": ["PUT"]}}, {"search": []}])
def test_an_entry_of_an_odd_shape_is_no_accident(tmp_path: Path, odd: dict[str, Any]) -> None:
    with reading(tmp_path, a__json=bundle({"resource": patient("p1"), **odd}, {"resource": patient("good")})) as found:
        assert "Patient/good" in bodies(found)
        assert found.count + found.rejected_count == 2


@pytest.mark.heavy
def test_a_resource_of_nearly_the_largest_size_is_read(tmp_path: Path) -> None:
    attachment = '{"resourceType": "Binary", "id": "b1", "contentType": "x/y", "data": "%s"}' % (
        "A" * (LARGEST_VALUE // 2)
    )

    with reading(tmp_path, binaries__ndjson=attachment) as found:
        assert list(bodies(found)) == ["Binary/b1"]


def test_byte_order_marks_and_crlf_are_white_space(tmp_path: Path) -> None:
    content = "\ufeff" + json.dumps(patient("p1")) + "\r\n\r\n\ufeff" + json.dumps(patient("p2")) + "\r\n"

    with reading(tmp_path, patients__ndjson=content) as found:
        assert everything(found)["source"].str.extract(r":(\d+)$").to_list() == ["1", "3"]
        assert refusals(found) == []


def test_an_empty_file_is_refused_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(" \n")
    (tmp_path / "b.ndjson").write_text(GOOD)

    with read_files([str(tmp_path / "a.ndjson"), str(tmp_path / "b.ndjson")], tmp_path / "spool") as found:
        assert list(bodies(found)) == ["Patient/good"]
        assert refusals(found) == [("a.ndjson:1", "the file is empty")]


@pytest.mark.heavy
def test_what_a_truncated_gzip_file_still_holds_is_read(tmp_path: Path) -> None:
    whole = gzipped(ndjson(*(patient(f"p{number}", gender="male") for number in range(5_000))))

    with reading(tmp_path, patients__ndjson__gz=whole[: len(whole) // 2]) as found:
        ((source, reason),) = refusals(found)
        assert reason == "the gzip data ends early"
        assert source == f"patients.ndjson.gz:{found.count + 1}"
        assert 1_000 < found.count < 4_000


def test_a_damaged_gzip_file_is_named(tmp_path: Path) -> None:
    with reading(tmp_path, patients__ndjson__gz=gzipped(GOOD)[:10] + b"garbage" * 9) as found:
        assert refusals(found) == [("patients.ndjson.gz:1", "the gzip data is damaged")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'<?xml version="1.0"?>\n<Patient xmlns="http://hl7.org/fhir"/>', "XML or HTML, only FHIR JSON is read"),
        (GOOD.encode("utf-16"), "UTF-16, FHIR JSON is UTF-8"),
        (b"PK\x03\x04\x14\x00", "a zip archive, name the file itself or unpack it first"),
        (b"PAR1\x15\x04", "Parquet, only FHIR JSON is read"),
    ],
)
def test_other_formats_than_fhir_json_are_recognised(tmp_path: Path, content: bytes, reason: str) -> None:
    with reading(tmp_path, a__json=content) as found:
        assert refusals(found) == [("a.json:1", reason)]


def test_no_id_is_named_where_a_decimal_stands_for_it(tmp_path: Path) -> None:
    with reading(tmp_path, a__ndjson='{"resourceType": "Patient", "id": 1.5}') as found:
        (refused,) = next(found.rejected()).to_dicts()

    assert (refused["resource_type"], refused["resource_id"]) == ("Patient", None)


def test_what_is_not_fhir_at_all_is_one_refusal(tmp_path: Path) -> None:
    image = bytes(range(256)) * 50
    with reading(tmp_path, image__json=image, page__json="<html><body>502</body></html>\n") as found:
        assert [source for source, _ in refusals(found)] == ["image.json:1", "page.json:1"]


def test_the_same_resource_twice_counts_once(tmp_path: Path) -> None:
    again = '{"id": "p1",   "resourceType": "Patient"}\n'

    with reading(tmp_path, patients__ndjson=ndjson(patient("p1")) + again) as found:
        assert (found.count, found.identical_count, found.superseded_count) == (1, 1, 0)


@pytest.mark.heavy
def test_the_last_of_several_contents_of_one_id_counts_and_the_others_are_reported(tmp_path: Path) -> None:
    content = ndjson(patient("p1", gender="male"), patient("p1", gender="female"))

    with reading(tmp_path, a__ndjson=content) as found:
        assert bodies(found)["Patient/p1"]["gender"] == "female"
        (told,) = next(found.superseded()).to_dicts()

    assert told["source"].endswith("a.ndjson:1")
    assert told["reason"].startswith("comes again with other content at ")
    assert told["reason"].endswith("a.ndjson:2, which counts")


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"method": "PUT", "url": "Patient/p2"}, "request.url is Patient/p2, but the resource is Patient/p1"),
        ({"method": "PUT", "url": "Person/p1"}, "request.url is Person/p1, but the resource is Patient/p1"),
        ({"method": "PATCH", "url": "Patient/p1"}, "entry 1 asks for PATCH, only PUT and POST are loaded"),
        ({"method": "MERGE", "url": "Patient/p1"}, "entry 1 asks for a method that FHIR does not have"),
        ({"method": "DELETE", "url": "Patient?name=a"}, "entry 1 asks for DELETE by a search"),
        ({"method": "PUT", "url": "Patient/p1", "ifMatch": 'W/"7"'}, "entry 1 asks for PUT with ifMatch"),
    ],
)
def test_an_entry_that_asks_for_something_else_is_refused(
    tmp_path: Path, request_: dict[str, Any], reason: str
) -> None:
    bad = {"resource": patient("p1"), "request": request_}

    with reading(tmp_path, a__json=bundle(bad, post(patient("good"), "urn:uuid:1a"))) as found:
        assert list(bodies(found)) == ["Patient/good"]
        ((source, said),) = refusals(found)

    assert source == "a.json:5"
    assert said.startswith(reason)


@pytest.mark.heavy
def test_entries_before_the_break_of_a_bundle_are_read(tmp_path: Path) -> None:
    text = json.dumps(bundle(*(post(patient(f"p{number}"), f"urn:uuid:{number}a") for number in range(3))), indent=1)
    broken = text[: text.index('"p2"')]

    with reading(tmp_path, a__json=broken, b__ndjson=GOOD) as found:
        assert sorted(bodies(found)) == ["Patient/good", "Patient/p0", "Patient/p1"]
        ((source, reason),) = refusals(found)

    assert source == "a.json:27"
    assert reason.startswith("not JSON: expecting value (line 31, column ")
    assert reason.endswith("; the rest of this Bundle is not read")


@pytest.mark.heavy
def test_other_bundles_of_the_file_are_read_after_a_broken_one(tmp_path: Path) -> None:
    broken = '{"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {]}\n'

    with reading(
        tmp_path, a__ndjson=broken + json.dumps(bundle(post(patient("p1"), "urn:uuid:1a"))) + "\n" + GOOD
    ) as found:
        assert sorted(bodies(found)) == ["Patient/good", "Patient/p1"]
        assert [source for source, _ in refusals(found)] == ["a.ndjson:1"]


def test_a_missing_path_and_a_folder_without_fhir_are_errors(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")

    with pytest.raises(ConfigError, match="no such file") as caught, read_files([str(tmp_path / "x.json")], tmp_path):
        pass
    assert caught.value.where == str(tmp_path / "x.json")
    with pytest.raises(DataError, match="holds no FHIR file"), read_files([str(tmp_path)], tmp_path / "spool"):
        pass


@pytest.mark.heavy
def test_nothing_of_the_spool_is_left_behind(tmp_path: Path) -> None:
    with reading(tmp_path, a__ndjson=ndjson(patient("p1"), coverage("c1", "Patient/p1"))) as found:
        everything(found)
        assert [oct(folder.stat().st_mode & 0o777) for folder in (tmp_path / "spool").iterdir()] == ["0o700"]

    assert not (tmp_path / "spool").exists()


@pytest.mark.heavy
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(broken=st.integers(0, 4), start=st.integers(0, 70), length=st.integers(0, 40), inserted=st.binary(max_size=6))
def test_whatever_happens_to_one_line_the_others_are_read(
    tmp_path: Path, broken: int, start: int, length: int, inserted: bytes
) -> None:
    lines = [json.dumps(observation(f"o{number}", "Patient/p1")).encode() for number in range(5)]
    lines[broken] = lines[broken][:start] + inserted.replace(b"\n", b"") + lines[broken][start + length :]
    assume(not lines[0].startswith((b"\x1f\x8b", b"PK")))  # the file would be an archive, and a damaged one

    with reading(tmp_path, a__ndjson=b"\n".join(lines) + b"\n") as found:
        read = set(everything(found)["source"].str.extract(r":(\d+)$").cast(int))
        refused = {int(source.rpartition(":")[2]) for source, _ in refusals(found)}

    assert read | {broken + 1} == {1, 2, 3, 4, 5}
    assert refused <= {broken + 1}
    assert read | refused == {1, 2, 3, 4, 5}
