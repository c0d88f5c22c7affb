"""Rows of the lake as FHIR R4 resources in canonical JSON.

Belongs here: templates of resources, code systems, hashes of content, the mapping's digest.
Does not: where resources are read from (load.sources) or sent to (load).
"""

from claims_pipeline.fhir.canonical import decode, encode, without_volatile_meta
from claims_pipeline.fhir.digest import mapping_digest
from claims_pipeline.fhir.loading_order import RENDERED_TABLES, TIERS
from claims_pipeline.fhir.render import RENDERINGS, render
from claims_pipeline.fhir.resource import ID_PATTERN, RESOURCE_SCHEMA, content_hash

__all__ = [
    "ID_PATTERN",
    "RENDERED_TABLES",
    "RENDERINGS",
    "RESOURCE_SCHEMA",
    "TIERS",
    "content_hash",
    "decode",
    "encode",
    "mapping_digest",
    "render",
    "without_volatile_meta",
]
