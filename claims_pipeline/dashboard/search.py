"""Search: a text from the search box leads to claims, patients, providers and codes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.dimensions import DIMENSIONS
from claims_pipeline.dashboard.texts import PatientText, patient_condition, words_of
from claims_pipeline.reference import diagnosis_labels, procedure_labels

FOUND_OF_A_KIND = 6


class Found(BaseModel):
    """One thing that a search text may mean. `value` is its id, or its value as a filter."""

    kind: Literal["claim", "patient", "provider", "procedure", "diagnosis"]
    value: str
    label: str
    note: str


class SearchQuery(BaseModel):
    """What to search for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: PatientText = Field(description="An id or code or a part of one, parts of a name or label, or 'Last, First'.")


def search(view: View, text: str) -> list[Found]:
    """Return what a text may mean, a few of each kind: an id, a name, a code or its label, or parts of them.

    Words are found in any order; what has all of the text as it stands comes first.
    """
    text = " ".join(text.lower().split())
    return [*_patients(view, text), *_providers(view, text), *_claims(view, text), *_codes(text)]


def _claims(view: View, text: str) -> list[Found]:
    if not any(character.isdigit() for character in text):
        return []
    rows = view.select(
        "select claim_id, patient_name, received_date, claim_status from claims_current "
        f"where contains(claim_id, ?) order by received_date desc, claim_id limit {FOUND_OF_A_KIND}",
        text,
    )
    return [
        Found(
            kind="claim",
            value=row["claim_id"],
            label=row["claim_id"],
            note=f"{row['patient_name']}, {row['claim_status']}, received {row['received_date']}",
        )
        for row in rows
    ]


def _patients(view: View, text: str) -> list[Found]:
    condition, parameters = patient_condition(text)
    rows = view.select(
        f"select patient_id, first_name, last_name, birth_date, city, state "
        f"from patients_current semi join patient_totals using (patient_number) where {condition} "
        f"order by not contains(search_name, ?), last_name, first_name, patient_id limit {FOUND_OF_A_KIND}",
        *parameters,
        text,
    )
    return [
        Found(
            kind="patient",
            value=row["patient_id"],
            label=f"{row['first_name']} {row['last_name']}",
            note=f"{row['patient_id']}, born {row['birth_date']}, {row['city']}, {row['state']}",
        )
        for row in rows
    ]


def _providers(view: View, text: str) -> list[Found]:
    words = words_of(text)
    name_matches = " and ".join(["contains(lower(practitioner_name), ?)"] * len(words))
    specialty_of = DIMENSIONS["specialty"].labeller()
    rows = view.select(
        "select practitioner_id, practitioner_name as name, specialty, claim_count from providers "
        f"where {name_matches} or contains(lower(practitioner_id), ?) "
        "order by not contains(lower(practitioner_name), ?), name, practitioner_id "
        f"limit {FOUND_OF_A_KIND}",
        *words,
        " ".join(words),
        text,
    )
    return [
        Found(
            kind="provider",
            value=row["practitioner_id"],
            label=row["name"],
            note=f"{row['practitioner_id']}, {specialty_of(row['specialty'])}, {_said(row['claim_count'])}",
        )
        for row in rows
    ]


def _said(count: int) -> str:
    return f"{count:,} claim{'' if count == 1 else 's'}"


def _codes(text: str) -> list[Found]:
    words = words_of(text)
    start = text.replace(".", "")  # people leave the dot of a diagnosis out, so no dot counts
    tables = (("procedure", procedure_labels()), ("diagnosis", diagnosis_labels()))
    found: list[Found] = []
    for kind, labels in tables:
        matching = [
            Found.model_validate({"kind": kind, "value": code, "label": f"{code} {label}", "note": kind})
            for code, label in labels.items()
            if (start and code.lower().replace(".", "").startswith(start))
            or all(code.lower().startswith(word) or word in label.lower() for word in words)
        ]
        matching.sort(key=lambda one: (text not in one.label.lower(), one.value))
        found += matching[:FOUND_OF_A_KIND]
    return found
