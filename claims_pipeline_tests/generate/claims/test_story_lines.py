"""The lines that the rules of stories give claims."""

import numpy as np

from claims_pipeline.generate.claims.story_lines import Encounters, wanted_lines
from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.draws import Draws
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.reference import read_table


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
