"""A day is written in one form: in options, settings, feed.json, folders of partitions, the API."""

from datetime import date

import pytest
from pydantic import BaseModel, ValidationError

from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.days import parse_day
from claims_pipeline.lake import Feed
from claims_pipeline.settings import Settings

OTHERS = ["20250105", "2025-W01-3", "2025-1-5", "2025-02-30", " 2025-01-05", "2025-01-0\u0665", "", "5"]
FEED = {"seed": 1, "patients": 1, "claims": 1, "end_date": "2025-12-31"}


def test_a_day_is_read() -> None:
    assert parse_day("2025-01-31") == date(2025, 1, 31)


@pytest.mark.parametrize("text", OTHERS)
def test_another_form_is_refused_and_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^should be a day such as 2025-01-31, not ") as error:
        parse_day(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("value", [text for text in OTHERS if text] + [20250105])
@pytest.mark.parametrize(
    ("model", "field", "others"),
    [(Settings, "start_date", {}), (Feed, "start_date", FEED), (Filters, "received_to", {})],
)
def test_no_model_takes_another_form(
    model: type[BaseModel], field: str, others: dict[str, object], value: object
) -> None:
    with pytest.raises(ValidationError, match="should be a day such as 2025-01-31"):
        model.model_validate({field: value, **others})

    assert getattr(model.model_validate({field: "2025-01-05", **others}), field) == date(2025, 1, 5)
