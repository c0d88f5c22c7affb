"""What answers of several routes have in common; the others are declared beside the function that returns them."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, PlainSerializer

from claims_pipeline.dashboard.charts.registry import Width

Amount = Annotated[
    Decimal, PlainSerializer(float, return_type=float, when_used="json"), Field(description="US dollars")
]
"""A JSON number; two decimals survive the way through a double up to 10^13 dollars."""


class Problem(BaseModel):
    """The one shape of an error, on every route."""

    message: str = Field(description="What is wrong.")
    where: str = Field(description="The route, parameter or file concerned.")
    fix: str = Field(description="What to do next, often a command.")
    parameters: dict[str, str] = Field(
        default_factory=dict, description="What is wrong with each parameter that is wrong, by its name."
    )


class ChartLink(BaseModel):
    """A chart and where its Vega-Lite specification is."""

    name: str
    title: str
    description: str
    width: Width = Field(description="Part of the page's width.")
    href: str


class Health(BaseModel):
    """Whether the dashboard answers, and whether it has figures to show."""

    status: Literal["ok"]
    version: str
    analytics: Literal["built", "not built"]
    built_at: AwareDatetime | None
