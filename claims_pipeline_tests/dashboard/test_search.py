"""What a text in the search box leads to."""

import httpx
import pytest

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.search import search


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Brown, Ben", "patient", "patient-000002"),
        ("BEN br", "patient", "patient-000002"),
        ("brown ben", "patient", "patient-000002"),
        ("000003", "patient", "patient-000003"),
        ("0203-000001", "claim", "claim-20250203-000001"),
        ("CLAIM-20250203-000001", "claim", "claim-20250203-000001"),
        ("i10", "diagnosis", "I10"),
        ("i110", "diagnosis", "I11.0"),
        ("hypertension", "diagnosis", "I10"),
        ("hypertension, essential", "diagnosis", "I10"),
        ("i10, hypertension", "diagnosis", "I10"),
        ("99213", "procedure", "99213"),
        ("diaz", "provider", "practitioner-0001"),
        ("Diaz, Dora", "provider", "practitioner-0001"),
        ("diaz dora", "provider", "practitioner-0001"),
        ("  practitioner-0001, ", "provider", "practitioner-0001"),
    ],
)
def test_an_id_name_or_code_is_found(client: httpx.Client, text: str, kind: str, value: str) -> None:
    found = client.get("/api/search", params={"q": text}).json()
    assert (kind, value) in [(one["kind"], one["value"]) for one in found]


def test_what_has_the_text_as_it_stands_comes_before_what_has_its_words(view: View) -> None:
    found = [one.value for one in search(view, "normal, first") if one.kind == "diagnosis"]
    assert found == ["Z34.01", "Z34.81", "Z34.02", "Z34.03"]


@pytest.mark.parametrize("kind", ["patient", "provider"])
def test_a_name_with_the_text_as_it_stands_comes_before_one_with_its_letters(view: View, kind: str) -> None:
    has_text = ["a c" in one.label.lower() for one in search(view, "a c") if one.kind == kind]
    assert True in has_text
    assert False in has_text
    assert has_text == sorted(has_text, reverse=True)


def test_one_claim_of_a_provider_is_in_the_singular(view: View) -> None:
    providers = [one for letter in "abcdefghij" for one in search(view, letter) if one.kind == "provider"]
    counts = {one.note.rpartition(", ")[2] for one in providers}
    assert "1 claim" in counts
    assert "1 claims" not in counts


@pytest.mark.parametrize("text", ["'; drop table x --", ".."])
def test_nothing_is_found_by_a_text_that_nothing_has(client: httpx.Client, text: str) -> None:
    assert client.get("/api/search", params={"q": text}).json() == []


@pytest.mark.parametrize("query", ["", "q=", "q=%20", f"q={'x' * 101}"])
def test_a_text_is_required_and_short(client: httpx.Client, query: str) -> None:
    assert client.get(f"/api/search?{query}").status_code == 422
