"""The mapping's own digest: a changed mapping is noticed without anybody remembering to raise a number."""

import hashlib
import json
from functools import cache
from importlib.resources import files

from claims_pipeline.fhir.vocabulary import specialty_labels
from claims_pipeline.reference import diagnosis_labels, procedure_labels


@cache
def mapping_digest() -> str:
    """Return the SHA-256 over all that the rendered JSON depends on beyond the rows: this package and the labels."""
    digest = hashlib.sha256()
    sources = (file for file in files("claims_pipeline.fhir").iterdir() if file.name.endswith(".py"))
    for source in sorted(sources, key=lambda file: file.name):
        digest.update(source.read_bytes())
    for labels in (procedure_labels(), diagnosis_labels(), specialty_labels()):
        digest.update(json.dumps(sorted(labels.items())).encode())
    return digest.hexdigest()
