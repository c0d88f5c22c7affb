from pathlib import Path

import pytest

from claims_pipeline.errors import ConfigError
from claims_pipeline.load import Vanished
from claims_pipeline.orchestration.load_config import LoadConfig
from claims_pipeline.settings import Settings


def test_what_is_left_out_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMS_BATCH_SIZE", "7")

    applied = LoadConfig(workers=2).applied_to(Settings(home=tmp_path))

    assert (applied.batch_size, applied.workers, applied.home) == (7, 2, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("batch_size", 0), ("workers", 65), ("fhir_base_url", "nowhere"), ("vanished", "burn")]
)
def test_what_is_not_valid_is_refused_by_the_name_in_the_launchpad_when_the_load_begins(
    tmp_path: Path, name: str, value: object
) -> None:
    config = LoadConfig.model_validate({name: value})

    with pytest.raises(ConfigError, match=f"^{name}: ") as caught:
        _ = config.applied_to(Settings(home=tmp_path)), config.options()

    assert caught.value.fix == "correct it, or leave it out to have the default"


def test_an_option_that_is_empty_is_named_as_in_the_launchpad_and_no_other_is_advised(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^fhir_base_url: empty") as caught:
        LoadConfig(fhir_base_url="").applied_to(Settings(home=tmp_path))

    assert caught.value.fix == "leave it out to have the default"


def test_an_address_that_is_none_is_refused_when_the_load_begins(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the address of a FHIR server"):
        LoadConfig(fhir_base_url="nowhere").applied_to(Settings(home=tmp_path))


def test_every_way_with_what_has_vanished_can_be_chosen() -> None:
    assert {LoadConfig(vanished=way.value).options().vanished for way in Vanished} == set(Vanished)
