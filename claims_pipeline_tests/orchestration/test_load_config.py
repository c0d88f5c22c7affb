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


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"workers": 65}, {"vanished": "burn"}])
def test_what_is_not_valid_is_refused_with_what_to_do_when_the_load_begins(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    config = LoadConfig.model_validate(wrong)

    with pytest.raises(ConfigError) as caught:
        _ = config.applied_to(Settings(home=tmp_path)), config.options()

    assert caught.value.fix


def test_an_address_that_is_none_is_refused_when_the_load_begins(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the address of a FHIR server"):
        LoadConfig(fhir_base_url="nowhere").applied_to(Settings(home=tmp_path))


def test_every_way_with_what_has_vanished_can_be_chosen() -> None:
    assert {LoadConfig(vanished=way.value).options().vanished for way in Vanished} == set(Vanished)
