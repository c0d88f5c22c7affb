"""Modifiers and charges: fee of 2023 x rise x locality x what the practitioner asks, the same for a code all year."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.coding.anesthesia_modifiers import are_directed, physical_states
from claims_pipeline.generate.directory import directory_of
from claims_pipeline.generate.numbers.draws import Bits, Draws, Floats, Integers, pair
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

MODIFIERS = (
    *("", "25", "95", "26", "TC", "GP", "25 95", "59 GP", "QW"),
    *("RT", "LT", "26 RT", "26 LT", "TC RT", "TC LT"),
    *(f"{who} {state}" for who in ("AA", "QZ", "QK", "QX") for state in ("P1", "P2", "P3")),
)
"""Combinations of modifiers that occur; 25 a separate visit, 95 by video, 26 professional and TC technical part,
59 a separate procedure, QW a waived test, RT and LT the side; AA anesthesia by a physician,
QZ by a nurse alone, QX by a nurse whom a physician directs, QK the direction; P1 to P3 of a patient who is healthy or
has a mild or severe disease."""
MARKUP = 2.08
"""Median charge over the Medicare fee: internal medicine charged 2.1 times what Medicare allows (JAMA Intern Med
2017;177:1139, Medicare claims of 2013)."""
PRACTITIONER_SPREAD, CODE_SPREAD = 0.15, 0.12
"""Standard deviations of the logarithm of the charge between practitioners, and between one practitioner's codes."""
LOCALITY = 1.5
"""Charges differ between cities more than Medicare's fees do, by so large a power of the cost factor: by judgement."""
OF_DIRECTED = 0.5
"""Part of the fee that each of a directed nurse and the physician gets (Medicare claims processing manual, chapter 12,
50)."""
TECHNICAL_ONLY = 0.12
"""Share of an imaging center's studies that a radiologist elsewhere reads and bills: by judgement."""
CHILDBIRTH = "0196"
"""What the CPT codes of anesthesia for births begin with."""
FEE_YEAR = 2023
YEARLY_INCREASE = 0.035
"""Rise of practices' charges from January 1 to January 1, whatever Medicare pays: 3 to 4 percent, as the medical care
services index of the Bureau of Labor Statistics rose on average from 2013 to 2023 (CPI-U, about 3)."""


@dataclass(frozen=True)
class Billed:
    """What decides about modifiers and charges: arrays with one element a claim.

    Attributes:
        feed: whose claims they are.
        draws: of the feed.
        counter: the counter for random draws, the same for all claims of a visit.
        person: number of the patient.
        service: day of the service.
        practitioner: number of the rendering provider, from 0.
        specialty: row of the specialties table.
        city: row of the cities table.
        is_video: whether it is a visit by video.
    """

    feed: Feed
    draws: Draws
    counter: Bits
    person: Integers
    service: Integers
    practitioner: Integers
    specialty: Integers
    city: Integers
    is_video: NDArray[np.bool_]


def modifiers_of(visits: Billed, lines: Lines) -> Integers:
    """Return the row of MODIFIERS of each line."""
    procedures = read_table("procedures")
    category = procedures["category"]
    is_visit = category.is_in(["office_visit", "preventive_visit", "emergency_visit"]).to_numpy()[lines.code]
    is_extra = category.is_in(["procedure", "injection", "vaccine_administration"]).to_numpy()[lines.code]
    extras = np.bincount(lines.claim[is_extra], minlength=len(visits.counter))
    checkups = np.bincount(lines.claim[is_visit], minlength=len(visits.counter))
    is_problem_visit = is_visit & (lines.pointer > 1) & (checkups[lines.claim] > 1)
    separate = (is_visit & (extras[lines.claim] > 0)) | is_problem_visit
    by_video = visits.is_video[lines.claim]
    modifier = np.where(by_video, np.where(separate, 6, 2), np.where(separate, 1, 0))
    has_parts = procedures["professional_share"].to_numpy()[lines.code] > 0
    specialty = visits.specialty[lines.claim]
    in_hospital = (read_table("specialties")["site"] == "hospital_outpatient").to_numpy()[specialty]
    in_center = (read_table("specialties")["site"] == "imaging").to_numpy()[specialty]
    technical = visits.draws.uniform("claim/technical part", visits.counter)[lines.claim] < TECHNICAL_ONLY
    modifier[has_parts & in_hospital] = MODIFIERS.index("26")
    modifier[has_parts & in_center & technical] = MODIFIERS.index("TC")
    modifier[(category == "physical_therapy").to_numpy()[lines.code]] = MODIFIERS.index("GP")
    is_anesthesia = (category == "anesthesia").to_numpy()[lines.code]
    modifier[is_anesthesia] = _of_anesthesia(visits, lines.at(is_anesthesia))
    return modifier


def _of_anesthesia(visits: Billed, lines: Lines) -> Integers:
    """Return the row of MODIFIERS of lines of anesthesia."""
    claim, place = np.unique(lines.claim, return_inverse=True)
    is_childbirth = read_table("procedures")["hcpcs_code"].str.starts_with(CHILDBIRTH).to_numpy()[lines.code]
    states = physical_states(
        visits.feed,
        visits.person[claim],
        visits.service[claim],
        pair(visits.service[claim], visits.person[claim]),  # the same for a directed nurse and the physician
        is_pregnant=np.bincount(place, weights=is_childbirth) > 0,
    )
    by_nurse = (read_table("specialties")["specialty"] == "nurse_anesthesia").to_numpy()[visits.specialty[claim]]
    is_directed = are_directed(visits.draws, visits.person[claim], visits.service[claim])
    alone, directed = (
        np.where(by_nurse, MODIFIERS.index(f"{nurse} P1"), MODIFIERS.index(f"{physician} P1"))
        for nurse, physician in (("QZ", "AA"), ("QX", "QK"))
    )
    found: Integers = np.where(is_directed, directed, alone) + states
    return found[place]


def unit_charges(visits: Billed, lines: Lines, *, modifiers: Integers, year: Integers) -> Integers:
    """Return the charge of one unit of each line in cents.

    Args:
        visits: the claims.
        lines: their lines.
        modifiers: row of MODIFIERS of each line.
        year: year of the price list of each claim.
    """
    procedures, cities = read_table("procedures"), read_table("cities")
    practitioner = visits.practitioner[lines.claim]
    fee = procedures["medicare_fee_amount"].to_numpy()[lines.code].astype(np.float64)
    fee *= ((1 + YEARLY_INCREASE) ** (year - FEE_YEAR))[lines.claim]
    fee *= (cities["cost_factor"].to_numpy() ** LOCALITY)[visits.city][lines.claim]
    fee *= _parts()[modifiers, lines.code]
    fee *= _markups(visits.feed)[practitioner, lines.code]
    return np.where(fee >= 20, np.rint(fee) * 100, np.rint(fee * 100)).astype(np.int64)


@once(maxsize=2)
def _markups(feed: Feed) -> Floats:
    """Return what each practitioner (rows) asks for a procedure, as a multiple of the fee."""
    draws = Draws(feed.seed)
    counters, codes = directory_of(feed).practitioners["counter"].to_numpy(), read_table("procedures")["hcpcs_code"]
    of_practitioner = PRACTITIONER_SPREAD * draws.normal("practitioner/charges", counters)
    of_code = np.stack([CODE_SPREAD * draws.normal(f"practitioner/charge/{code}", counters) for code in codes], axis=-1)
    markups: Floats = MARKUP * np.exp(of_practitioner[:, None] + of_code)
    return markups


@cache
def _parts() -> Floats:
    """Return which part of the fee is charged, by modifier (rows) and procedure."""
    professional = read_table("procedures")["professional_share"].to_numpy().astype(np.float64)
    half = np.full_like(professional, OF_DIRECTED)
    parts = {"26": professional, "TC": 1 - professional, "QK": half, "QX": half}
    return np.array([parts.get(modifier[:2], np.ones_like(professional)) for modifier in MODIFIERS])
