"""Our own short labels of codes. CPT descriptors are copyrighted; these are not theirs."""

from functools import cache

from claims_pipeline.reference.tables import read_table


def procedure_labels() -> dict[str, str]:
    """Return the label of each CPT and HCPCS code."""
    return _labels("procedures", "hcpcs_code")


def diagnosis_labels() -> dict[str, str]:
    """Return the label of each ICD-10-CM code."""
    return _labels("diagnoses", "diagnosis_code")


def place_of_service_labels() -> dict[str, str]:
    """Return the label of each CMS place of service."""
    return _labels("places_of_service", "place_of_service_code")


def specialty_labels() -> dict[str, str]:
    """Return the label of each specialty."""
    return _labels("specialties", "specialty")


@cache
def state_codes() -> frozenset[str]:
    """Return the two letters of each state, district and territory of the United States."""
    return frozenset(read_table("states")["state"])


def procedure_categories() -> dict[str, str]:
    """Return the category of each CPT and HCPCS code."""
    frame = read_table("procedures")
    return dict(zip(frame["hcpcs_code"], frame["category"], strict=True))


def _labels(table: str, code: str) -> dict[str, str]:
    frame = read_table(table)
    return dict(zip(frame[code], frame["label"], strict=True))
