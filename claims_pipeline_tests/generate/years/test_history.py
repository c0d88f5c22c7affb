"""What a visit may not be, given the other visits of the patient."""

import numpy as np
import pytest

from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.generate.years.history import NEW_AFTER, Done, Seen, new_patients, seen_again, too_soon
from claims_pipeline.reference import read_table

CODES = read_table("procedures")["hcpcs_code"].to_list()


def seen(*visits: tuple[int, int, int, int], new: bool = True) -> Seen:
    """Return visits given as patient, practitioner, practice and day."""
    person, practitioner, practice, day = np.array(visits, dtype=np.int64).reshape(-1, 4).T
    return Seen(person, practitioner, practice, day, np.full(len(visits), new))


def done(*services: tuple[int, str, int]) -> Done:
    """Return services given as patient, procedure and day."""
    person, code, day = zip(*services, strict=True) if services else ((), (), ())
    return Done(*(np.array(column, dtype=np.int64) for column in (person, [CODES.index(one) for one in code], day)))


def in_order(services: Done) -> Integers:
    return np.arange(len(services.person))


def test_nobody_sees_a_doctor_twice_on_a_day_or_on_two_days_in_a_row() -> None:
    visits, before = seen((1, 7, 3, 10), (1, 7, 3, 10), (1, 8, 3, 10), (2, 7, 3, 9), (1, 7, 3, 11)), seen((2, 7, 3, 10))
    once_a_day, every_other_day = np.ones(6, dtype=np.int64), np.full(6, 2)
    assert seen_again(visits, before, once_a_day).tolist() == [False, True, False, False, False]
    assert seen_again(visits, before, every_other_day).tolist() == [False, True, False, True, True]


@pytest.mark.parametrize("seen_on", [9, 11])
def test_of_two_visits_the_smaller_interval_holds_whichever_comes_first(seen_on: int) -> None:
    """A planned visit, which needs a day only, may be before or after a visit that stands."""
    regular, planned = 2, 1
    assert not seen_again(seen((1, 7, 3, 10)), seen((1, 7, 3, seen_on)), np.array([regular, planned])).any()
    assert seen_again(seen((1, 7, 3, 10)), seen((1, 7, 3, seen_on)), np.array([regular, regular])).all()
    assert seen_again(seen((1, 7, 3, 10)), seen((1, 7, 3, 10)), np.array([regular, planned])).all()


def test_a_patient_is_new_to_a_practice_once_in_three_years() -> None:
    visits = seen((1, 7, 3, 0), (1, 8, 3, 50), (1, 9, 4, 60), (1, 7, 3, 50 + NEW_AFTER), (2, 7, 3, 70))
    is_new, is_early = new_patients(visits, seen(), is_first_seen=10_000)
    assert is_new.tolist() == [True, False, True, True, True]
    assert not is_early.any()


def test_a_visit_before_one_that_was_called_new_is_refused() -> None:
    _, is_early = new_patients(seen((1, 8, 3, 20), (1, 8, 3, 25), (1, 8, 4, 20)), seen((1, 7, 3, 30)), is_first_seen=0)
    assert is_early.tolist() == [True, True, False]


def test_who_was_not_seen_in_three_known_years_is_new() -> None:
    is_new, _ = new_patients(seen((1, 7, 3, 99), (2, 7, 3, 100), new=False), seen(), is_first_seen=100)
    assert is_new.tolist() == [False, True]


@pytest.mark.parametrize(
    ("before", "services", "refused"),
    [
        ((), ((1, "80053", 5), (1, "80053", 5), (1, "80053", 6)), [False, True, False]),
        ((), ((1, "77067", 0), (1, "77067", 200), (1, "77067", 400), (2, "77067", 200)), [False, True, False, False]),
        (((1, "77067", 100),), ((1, "77067", 0), (1, "77067", 300), (1, "77067", 500)), [True, True, False]),
        (((1, "90656", 100),), ((1, "90662", 150),), [True]),
        (((1, "99396", 100),), ((1, "G0439", 440), (1, "G0439", 446)), [True, False]),
        ((), ((1, "77067", 0), (1, "77067", 10), (1, "77067", 20), (1, "77067", 340)), [False, True, True, False]),
    ],
)
def test_a_service_waits_until_its_interval_is_over(
    before: tuple[tuple[int, str, int], ...], services: tuple[tuple[int, str, int], ...], refused: list[bool]
) -> None:
    wanted = done(*services)
    assert too_soon(wanted, done(*before), in_order(wanted)).tolist() == refused


def test_of_two_services_of_a_day_the_one_with_the_smaller_rank_stands() -> None:
    wanted = done((1, "80053", 5), (1, "80053", 5))
    assert too_soon(wanted, done(), np.array([1, 0])).tolist() == [True, False]
