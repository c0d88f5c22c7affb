import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_pipeline.fhir import decode, encode, without_volatile_meta
from claims_pipeline.fhir.canonical import is_beyond_double
from claims_pipeline_tests.fhir.rows import WORDS

TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


class Written:
    """A number as it stands in the text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Written) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


VALUES = st.recursive(
    st.booleans() | TEXTS | DECIMALS.map(Written),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(WORDS, inner, min_size=1, max_size=3),
    max_leaves=12,
)


def written(value: Any, *, indent: bool) -> str:
    """Return JSON with numbers as they stand, and white space if `indent`."""
    space = "\n  " if indent else ""
    if isinstance(value, Written):
        return value.text
    if isinstance(value, dict):
        members = [f"{json.dumps(key)}:{space}{written(child, indent=indent)}" for key, child in value.items()]
        return "{" + space + ("," + space).join(members) + space + "}"
    if isinstance(value, list):
        return "[" + space + ("," + space).join(written(child, indent=indent) for child in value) + space + "]"
    return json.dumps(value)


def canonical_json(text: str) -> str:
    """Return one resource in canonical JSON."""
    resource, end = decode(text)
    assert text[end:].strip() == ""
    return encode(without_volatile_meta(resource))


def read(text: str) -> Any:
    return json.loads(text, parse_float=Written, parse_int=Written)


@pytest.mark.heavy
@settings(max_examples=40)
@given(resource=st.dictionaries(WORDS, VALUES, min_size=1, max_size=4), indent=st.booleans())
def test_nothing_is_lost_and_numbers_stay_as_written(resource: dict[str, Any], indent: bool) -> None:
    resource.pop("meta", None)
    text = written(resource, indent=indent)

    assert read(canonical_json(text)) == json.loads(text, parse_float=Written, parse_int=_as_integer)


def _as_integer(text: str) -> Written:
    return Written(str(int(text)))  # -0 is 0


@pytest.mark.heavy
@settings(max_examples=40)
@given(resource=st.dictionaries(WORDS, VALUES, min_size=2, max_size=4), data=st.data())
def test_the_order_of_keys_and_white_space_do_not_matter(resource: dict[str, Any], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(resource.items()))))

    once = canonical_json(written(resource, indent=False))

    assert canonical_json(written(shuffled, indent=True)) == once
    assert canonical_json(once) == once


def test_a_decimal_keeps_its_places_and_its_exponent() -> None:
    text = '{"b": 12.50, "a": [0.00, 1e5, 100000000000000000000.10, -1.0E-2, 7]}'

    assert canonical_json(text) == '{"a":[0.00,1e5,100000000000000000000.10,-1.0E-2,7],"b":12.50}'
    assert Decimal("12.50") == json.loads(canonical_json(text), parse_float=Decimal)["b"]


@pytest.mark.parametrize("number", ["1e20000000", "-1.5E+309", "1e-20000000", "0.004e-330", "1" + 309 * "0" + ".0"])
def test_a_decimal_that_no_double_holds_is_known_as_such(number: str) -> None:
    assert is_beyond_double(decode(number)[0])


@pytest.mark.parametrize("value", ["1.7e308", "4.95e-324", "0.00", "-0.0e-9999", "12.50", "7", '"1e20000000"', "true"])
def test_other_values_are_not(value: str) -> None:
    assert not is_beyond_double(decode(value)[0])


def test_what_a_server_sets_at_every_write_is_left_out() -> None:
    text = '{"resourceType":"Patient","meta":{"versionId":"3","lastUpdated":"2025-01-01T00:00:00Z","profile":["p"]}}'

    assert canonical_json(text) == '{"meta":{"profile":["p"]},"resourceType":"Patient"}'
    assert canonical_json('{"id":"a","meta":{"versionId":"3"}}') == '{"id":"a"}'


def test_labels_come_in_one_order_each_once() -> None:
    text = '{"meta":{"tag":[{"code":"b"},{"code":"a"},{"code":"b"}],"profile":["q","p"],"source":"x"}}'

    assert canonical_json(text) == '{"meta":{"profile":["p","q"],"source":"x","tag":[{"code":"a"},{"code":"b"}]}}'


@pytest.mark.parametrize("text", ['{"a":NaN}', '{"a":', '{"a":"\\ud800"}', "", '{"a":1]', '{"a":01}'])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_json(text)
