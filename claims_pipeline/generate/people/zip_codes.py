"""Which ZIP code of its city an address has."""

from functools import cache

import polars as pl

from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.draws import Bits, Integers
from claims_pipeline.reference import read_table


def choose_zip_codes(cities: Integers, addresses: Bits) -> Integers:
    """Return the row of the zip_codes table of each address.

    Args:
        cities: the address's row of the cities table.
        addresses: random bits of the address.
    """
    return _choice().choose(addresses, cities)


@cache
def _choice() -> KeyedChoice:
    """Return the choice of one of the ZIP codes of each city."""
    of_city = read_table("zip_codes")
    places = (of_city["city"] + "/" + of_city["state"]).to_numpy()
    cities = read_table("cities").select(pl.concat_str("city", "state", separator="/")).to_series().to_numpy()
    return KeyedChoice(of_city["zip_code"].to_list(), cities[:, None] == places)
