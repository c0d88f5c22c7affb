"""Claims that procedures bring take the places of studies of their day of receipt."""

from datetime import date

import numpy as np

from claims_pipeline.generate.claims.following_procedures import with_claims_of_procedures
from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.claims.pathology import with_pathology
from claims_pipeline.generate.claims.standing import Standing, standing
from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

DAY = date(2025, 1, 7)


def claims(story_of_row: dict[int, str]) -> Standing:
    """Return claims of one line each, given the story of each row."""
    size = len(story_of_row)
    nothing = np.zeros(size, dtype=np.int64)
    return standing(
        row=np.array(list(story_of_row), dtype=np.int64),
        story=np.array([stories().index(story) for story in story_of_row.values()]),
        person=nothing,
        practitioner=nothing,
        service=nothing + day_number(DAY),
        is_new=np.zeros(size, dtype=np.bool_),
        diagnoses=Diagnoses(np.full((size, MOST_DIAGNOSES), NONE), nothing),
        lines=Lines(np.arange(size), nothing, nothing + 1, nothing + 1, nothing),
    )


def stories_of_rows(parts: list[Standing]) -> dict[int, str]:
    return dict(
        sorted((int(row), stories()[story]) for part in parts for row, story in zip(part.row, part.story, strict=True))
    )


def with_anesthesia(parts: list[Standing], *, claims_of_each: int) -> dict[int, str]:
    """Return the stories of all rows after each surgery has asked for some claims of anesthesia."""
    size = sum(len(part.row) for part in parts)
    receipts = ReceiptDays(
        Feed(seed=1, patients=10, claims=size, start_date=DAY, end_date=DAY), day_number(DAY), day_number(DAY)
    )

    def surgery(part: Standing) -> tuple[Integers, Integers]:
        (claim,) = np.nonzero(part.story == stories().index("specialist_procedure"))
        claim = np.repeat(claim, claims_of_each)
        return claim, claim

    def anesthesia(part: Standing, claim: Integers, line: Integers, row: Integers) -> Standing:
        assert len(part.row) > claim.max()
        assert line.tolist() == claim.tolist()
        return claims({int(one): "anesthesia" for one in row})

    return stories_of_rows(with_claims_of_procedures(receipts, parts, surgery, anesthesia))


def test_a_procedure_brings_a_claim_in_the_place_of_a_study_and_the_given_list_is_emptied() -> None:
    parts = [claims({0: "acute", 2: "specialist_procedure"}), claims({1: "laboratory"})]

    assert with_anesthesia(parts, claims_of_each=1) == {0: "acute", 1: "anesthesia", 2: "specialist_procedure"}
    assert parts == []


def test_a_claim_that_brings_two_has_both() -> None:
    parts = [claims({0: "specialist_procedure", 1: "imaging", 2: "laboratory", 3: "acute"})]
    made = with_anesthesia(parts, claims_of_each=2)

    assert made == {0: "specialist_procedure", 1: "anesthesia", 2: "anesthesia", 3: "acute"}


def test_a_claim_that_brings_two_has_none_where_there_is_one_place() -> None:
    given = {0: "specialist_procedure", 1: "imaging", 2: "acute"}

    assert with_anesthesia([claims(given)], claims_of_each=2) == given


def test_of_two_claims_that_bring_two_each_one_has_both_where_there_are_three_places() -> None:
    given = dict(enumerate(["specialist_procedure", "specialist_procedure", "imaging", "imaging", "laboratory"]))
    made = with_anesthesia([claims(given)], claims_of_each=2)

    assert list(made.values()).count("anesthesia") == 2
    assert [made[row] for row in (0, 1)] == ["specialist_procedure"] * 2


def test_a_day_without_studies_stays_as_it_is() -> None:
    given = {0: "specialist_procedure", 1: "acute"}

    assert with_anesthesia([claims(given)], claims_of_each=1) == given


def test_a_pathologist_who_sees_the_patient_on_the_day_bills_no_second_claim() -> None:
    feed = Feed(seed=1, patients=2_000, claims=4, start_date=DAY, end_date=DAY)
    receipts = ReceiptDays(feed, day_number(DAY), day_number(DAY))

    def examined_by(laboratory: int, person: int) -> int | None:
        day = claims({0: "specialist_procedure", 1: "laboratory", 2: "imaging", 3: "imaging"})
        day.person[:] = person
        day.practitioner[1] = laboratory
        day.lines.code[0] = read_table("procedures")["hcpcs_code"].to_list().index("45385")
        made = with_pathology(receipts, [day])
        return int(made[1].practitioner[0]) if len(made) > 1 else None

    found = {person: examined_by(0, person) for person in range(20)}
    tissue = {person: doctor for person, doctor in found.items() if doctor is not None}

    assert len(tissue) > 5
    assert {examined_by(doctor, person) for person, doctor in tissue.items()} == {None}
