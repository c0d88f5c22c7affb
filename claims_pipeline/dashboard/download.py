"""All claims that match the filters as a file: CSV that is safe to open in a spreadsheet, or Parquet.

It is complete before any of it is sent, so what goes wrong is an error and never half a file.
"""

from collections.abc import Callable
from typing import IO

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.filters import Filters

AS_CSV = "format csv, header true"
AS_PARQUET = "format parquet, compression zstd, row_group_size 20480"
_TEXTS = (
    "claim_status",
    "patient_name",
    "gender",
    "age_band",
    "patient_state",
    "payer_name",
    "plan_name",
    "plan_type",
    "organization_name",
    "practitioner_name",
    "specialty",
    "location_name",
    "facility_city",
    "facility_state",
)
_LISTS = ("diagnosis_codes", "hcpcs_codes")
_BEGINS_A_FORMULA = ", ".join(str(ord(character)) for character in "=+-@\t\r")
_OF_THIS_FILE = "claim_number, patient_number, practitioner_number"


def claims_csv(view: View, filters: Filters, has_left: Callable[[], bool] = lambda: False) -> IO[bytes]:
    """Return the claims that match the filters as CSV with a header line, in order of receipt.

    A text that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a carriage return) has an
    apostrophe before it; a list is joined by spaces.
    """
    columns = ", ".join(
        [f"{_harmless(name)} as {name}" for name in _TEXTS]
        + [f"array_to_string({name}, ' ') as {name}" for name in _LISTS]
    )
    sql = f"select * exclude ({_OF_THIS_FILE}) replace ({columns}) from {_chosen(filters)}"
    return view.write(sql, *filters.parameters, options=AS_CSV, has_left=has_left)


def claims_parquet(view: View, filters: Filters, has_left: Callable[[], bool] = lambda: False) -> IO[bytes]:
    """Return the claims that match the filters as Parquet, in order of receipt, with the analytics file's types."""
    sql = f"select * exclude ({_OF_THIS_FILE}) from {_chosen(filters)}"
    return view.write(sql, *filters.parameters, options=AS_PARQUET, has_left=has_left)


def _chosen(filters: Filters) -> str:
    """Return the claims that match the filters, in order of receipt.

    The table is in that order, and a scan keeps it; sorting all of it again takes twice the time and memory. A filter
    that is a join may change the order.
    """
    order = "order by received_date, claim_id" if filters.has_joins else ""
    return f"claims_current {filters.where} {order}"


def _harmless(column: str) -> str:
    """Return SQL that puts an apostrophe before texts that a spreadsheet would take for a formula.

    It compares the number of the first character, which takes less time than a regular expression.
    """
    return f"case when ascii({column}) in ({_BEGINS_A_FORMULA}) then chr(39) || {column} else {column} end"
