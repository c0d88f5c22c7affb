"""The service lines of claims, and the diagnoses that they bring."""

import numpy as np
import pytest

from claims_pipeline.generate.claims.lines import Encounters, Lines, drop_needless, wanted_lines
from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.draws import Draws
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.reference import read_table

CODES = read_table("diagnoses")["diagnosis_code"].to_list()


@pytest.mark.parametrize(
    ("diagnoses", "pointers", "left"),
    [
        (["I10", "Z23"], [1], ["I10"]),
        (["I10", "Z23"], [1, 2], ["I10", "Z23"]),
        (["Z23"], [], ["Z23"]),
        (["I10", "E11.9"], [1], ["I10", "E11.9"]),
        (["I10", "Z23", "E11.9"], [1], ["I10", "Z23", "E11.9"]),
    ],
    ids=["without its line", "with its line", "the only one", "not brought by lines", "not at the end"],
)
def test_a_diagnosis_that_only_lines_bring_goes_from_the_end_without_them(
    diagnoses: list[str], pointers: list[int], left: list[str]
) -> None:
    codes = np.full((2, MOST_DIAGNOSES), NONE)
    codes[0, 0] = CODES.index("I10")
    codes[1, : len(diagnoses)] = [CODES.index(code) for code in diagnoses]
    both = Diagnoses(codes, np.array([1, len(diagnoses)]))
    nothing = np.zeros(len(pointers), dtype=np.int64)

    drop_needless(both, Lines(nothing + 1, nothing, np.array(pointers, dtype=np.int64), nothing + 1, nothing))

    assert [CODES[code] for code in codes[1] if code != NONE] == left
    assert both.count.tolist() == [1, len(left)]


def test_an_emergency_visit_for_a_cold_or_a_sprain_is_never_of_the_highest_level() -> None:
    size = 2_000
    codes = read_table("diagnoses")["diagnosis_code"].to_list()
    levels = {}
    for reason in ("J06.9", "S93.401A", "R07.9"):
        diagnoses = Diagnoses(np.full((size, MOST_DIAGNOSES), NONE), np.full(size, 3))
        diagnoses.codes[:, 0] = codes.index(reason)
        lines = wanted_lines(emergency_visits(diagnoses))
        procedures = read_table("procedures")["hcpcs_code"].gather(lines.code)
        levels[reason] = set(procedures.filter(procedures.str.starts_with("9928")))

    assert "99285" in levels["R07.9"]
    assert "99285" not in levels["J06.9"] | levels["S93.401A"]
    assert "99284" in levels["J06.9"] & levels["S93.401A"]


def emergency_visits(diagnoses: Diagnoses) -> Encounters:
    """Return visits of adults in an emergency department."""
    size = len(diagnoses.count)
    no, ages = np.zeros(size, dtype=np.bool_), np.full(size, 40)
    return Encounters(
        draws=Draws(1),
        counter=np.arange(size).astype(np.uint64),
        story=np.full(size, stories().index("emergency")),
        ages=ages,
        months=ages * 12,
        is_female=no,
        is_medicare=no,
        diagnoses=diagnoses,
        specialty=np.full(size, read_table("specialties")["specialty"].to_list().index("emergency_medicine")),
        coding=np.zeros(size, dtype=np.int64),
        is_new=no,
        is_video=no,
    )
