import numpy as np

from claims_pipeline.generate.numbers.identifiers import (
    claim_ids,
    claim_indices,
    coverage_ids,
    npis,
    numbered,
    patient_indices,
)


def luhn_total(digits: str) -> int:
    """Return the Luhn sum: from the right every second digit is doubled, and the digits of that are added."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + position % 2)
        total += doubled // 10 + doubled % 10
    return total


def test_npis_begin_with_9_and_have_the_check_digit_over_80840() -> None:
    made = npis(np.arange(0, 99_999_999, 7_919_191)).to_list()
    assert all(len(npi) == 10 and npi.startswith("9") for npi in made)
    assert all(luhn_total(f"80840{npi}") % 10 == 0 for npi in made)
    assert luhn_total("808401234567893") % 10 == 0  # the example of the NPI standard, 45 CFR 162


def test_ids_grow_past_their_padding() -> None:
    assert numbered("patient", np.array([0, 1_234_566])).to_list() == ["patient-000001", "patient-1234567"]
    assert claim_ids(np.array([20_093]), np.array([41])).to_list() == ["claim-20250105-000042"]


def test_indices_are_read_from_ids_also_from_those_that_grow_past_their_padding() -> None:
    indices = np.array([0, 41, 1_234_566])
    assert claim_indices(claim_ids(np.full(3, 20_093), indices)).tolist() == indices.tolist()
    assert patient_indices(numbered("patient", indices)).tolist() == indices.tolist()


def test_a_coverage_is_named_by_patient_first_day_and_order() -> None:
    patients = numbered("patient", np.array([122, 122]))
    assert coverage_ids(patients, np.array([20_179, 20_179]), np.array([1, 2])).to_list() == [
        "coverage-000123-20250401",
        "coverage-000123-20250401-2",
    ]


def test_days_of_ids_are_the_same_whether_many_claims_share_them_or_few_are_far_apart() -> None:
    days = np.array([20_000, 20_001, 20_000, 20_059])
    alone = [claim_ids(days[n : n + 1], np.array([n]))[0] for n in range(4)]
    assert alone == ["claim-20241004-000001", "claim-20241005-000002", "claim-20241004-000003", "claim-20241202-000004"]
    assert claim_ids(days, np.arange(4)).to_list() == alone
    many = claim_ids(np.tile(days, 20), np.tile(np.arange(4), 20))
    assert many.to_list() == alone * 20
    nothing = np.array([], dtype=np.int64)
    assert claim_ids(nothing, nothing).is_empty()
