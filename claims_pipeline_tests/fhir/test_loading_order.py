"""The one order of tables: derived from the renderings, and wrong ones are refused."""

from dataclasses import replace

import pytest

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERED_TABLES, RENDERINGS, TIERS
from claims_pipeline.fhir.loading_order import loading_order
from claims_pipeline.fhir.render import NOT_IN_FHIR
from claims_pipeline.load.sources.lake import DAILY, DIRECTORY


def test_a_resource_type_refers_to_earlier_ones_only() -> None:
    for rendering in RENDERINGS.values():
        earlier = TIERS[: TIERS.index(rendering.resource_type)]
        assert {resource_type for resource_type, _ in rendering.references} <= set(earlier)


def test_every_rendered_table_is_loaded_and_exported_once() -> None:
    assert DIRECTORY + DAILY == RENDERED_TABLES
    assert {table.name for table in RENDERED_TABLES} == set(RENDERINGS)


def test_a_table_that_was_forgotten_is_an_error() -> None:
    remittances = replace(schema.CLAIMS, name="remittances")
    with pytest.raises(ValueError, match="without a rendering: remittances"):
        loading_order({**schema.TABLES, "remittances": remittances}, RENDERINGS, NOT_IN_FHIR)


def test_a_table_that_is_rendered_and_said_not_to_be_is_an_error() -> None:
    with pytest.raises(ValueError, match="both in RENDERINGS and in NOT_IN_FHIR: claims"):
        loading_order(schema.TABLES, RENDERINGS, NOT_IN_FHIR | {"claims"})


def test_a_rendering_of_no_table_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"not in schema.TABLES: remittances"):
        loading_order(schema.TABLES, {**RENDERINGS, "remittances": RENDERINGS["claims"]}, NOT_IN_FHIR)


def test_a_rendering_that_refers_to_a_later_one_is_an_error() -> None:
    wrong = {"coverages": RENDERINGS["coverages"], **RENDERINGS}
    with pytest.raises(ValueError, match="coverages refers to Organization, Patient"):
        loading_order(schema.TABLES, wrong, NOT_IN_FHIR)
