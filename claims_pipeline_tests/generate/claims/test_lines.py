"""The service lines of claims, and the diagnoses that they bring."""

import numpy as np
import pytest

from claims_pipeline.generate.claims.lines import Lines, drop_needless
from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
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
