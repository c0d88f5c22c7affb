"""Our own short labels for codes, from the reference data. A code without one is written without `text`."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

LABEL_FILES = {"procedures.csv": "hcpcs_code", "diagnoses.csv": "diagnosis_code"}


@cache
def procedure_labels() -> Mapping[str, str]:
    """Return the label of every HCPCS code that has one."""
    return _labels("procedures.csv")


@cache
def diagnosis_labels() -> Mapping[str, str]:
    """Return the label of every ICD-10-CM code that has one."""
    return _labels("diagnoses.csv")


def _labels(name: str) -> Mapping[str, str]:
    file = files("claims_pipeline.reference") / name
    if not file.is_file():
        return MappingProxyType({})
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return MappingProxyType({row[LABEL_FILES[name]]: row["label"] for row in rows if row["label"]})
