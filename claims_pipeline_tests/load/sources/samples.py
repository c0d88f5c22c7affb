"""Small FHIR files, written by hand in the shapes that exports have."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.load.sources.file_resources import FILE_SCHEMA, FileResources
from claims_pipeline.load.sources.files import read_files

JsonObject = dict[str, Any]


def patient(resource_id: str = "p1", **elements: Any) -> JsonObject:
    return {"resourceType": "Patient", "id": resource_id, **elements}


def coverage(resource_id: str, beneficiary: str) -> JsonObject:
    return {
        "resourceType": "Coverage",
        "id": resource_id,
        "status": "active",
        "beneficiary": {"reference": beneficiary},
        "payor": [{"reference": beneficiary}],
    }


def observation(resource_id: str, subject: str, **elements: Any) -> JsonObject:
    return {
        "resourceType": "Observation",
        "id": resource_id,
        "status": "final",
        "code": {"text": "Body height"},
        "subject": {"reference": subject},
        **elements,
    }


def bundle(*entries: JsonObject, kind: str = "transaction") -> JsonObject:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def post(resource: JsonObject, full_url: str) -> JsonObject:
    return {
        "fullUrl": full_url,
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"]},
    }


def ndjson(*resources: JsonObject) -> str:
    return "".join(json.dumps(resource) + "\n" for resource in resources)


def gzipped(text: str) -> bytes:
    return gzip.compress(text.encode())


@contextmanager
def reading(folder: Path, **contents: str | bytes | JsonObject) -> Iterator[FileResources]:
    """Write files into `folder` (`__` in a name stands for a dot, `___` for a slash) and read the folder."""
    source = folder / "input"
    for name, content in contents.items():
        file = source / name.replace("___", "/").replace("__", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else _text(content).encode())
    with read_files([str(source)], folder / "spool") as found:
        yield found


def _text(content: str | JsonObject) -> str:
    return content if isinstance(content, str) else json.dumps(content, indent=2)


def everything(found: FileResources) -> pl.DataFrame:
    """Return all resources in loading order."""
    return pl.concat([FILE_SCHEMA.to_frame(), *found.chunks()])


def bodies(found: FileResources) -> dict[str, JsonObject]:
    """Return the resources by "Type/id"."""
    rows = everything(found).select("resource_type", "resource_id", "body").iter_rows()
    return {f"{resource_type}/{resource_id}": json.loads(body) for resource_type, resource_id, body in rows}


def refusals(found: FileResources) -> list[tuple[str, str]]:
    """Return file name with line, and reason, of everything rejected."""
    rows = (row for part in found.rejected() for row in part.select("source", "reason").iter_rows())
    return [(source.rpartition("/")[2], reason) for source, reason in rows]
