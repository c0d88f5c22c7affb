import io

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from claims_pipeline.lake.parquet import parquet_bytes
from claims_pipeline.schema import Column, Table, struct_of
from claims_pipeline_tests.defaults import frame


@pytest.mark.heavy
@pytest.mark.parametrize("is_code", [True, False])
def test_the_bytes_of_rows_with_lists_do_not_depend_on_the_rows_around_them(is_code: bool) -> None:
    """Parquet splits a column in pages of about 1 MiB."""
    column = Column("codes", pl.List(pl.String()), "Codes", is_code=is_code)
    table = Table("bills", "one row per bill", ("codes",), (column,))
    codes = pl.Series("codes", [[str(number % 977), "b"] for number in range(60_000)])
    around = pl.DataFrame({"codes": codes})
    alone = pl.DataFrame({"codes": codes[1_000:3_000].to_list()})
    assert parquet_bytes(table, around.slice(1_000, 2_000)) == parquet_bytes(table, alone)


def test_codes_are_written_the_same_as_text_and_as_categories_and_read_as_text() -> None:
    status = Column("status", pl.String(), "Status", is_code=True)
    fields = (Column("code", pl.String(), "Code", is_code=True), Column("units", pl.Int32(), "Units"))
    lines = Column("lines", pl.List(struct_of(fields)), "Lines", fields=fields)
    table = Table("bills", "one row per bill", ("status",), (status, lines))
    text = frame(table, [{"status": word, "lines": [{"code": f"{word}-1", "units": 1}]} for word in ("paid", "open")])

    content = parquet_bytes(table, text)

    assert parquet_bytes(table, text.cast(table.coded_schema)) == content
    assert_frame_equal(pl.read_parquet(content), text)
    assert pq.read_schema(io.BytesIO(content)).field("status").type == pa.large_string()


def test_the_dictionary_of_a_file_is_in_the_order_of_its_rows() -> None:
    """Categories are numbered in the order in which the process meets them, which must not show in the bytes."""
    table = Table("bills", "one row per bill", ("status",), (Column("status", pl.String(), "Status", is_code=True),))
    met_before = pl.Series(["seen first, written last"], dtype=pl.Categorical)
    rows = pl.DataFrame({"status": ["seen last, written first", met_before[0]]})

    file = io.BytesIO(parquet_bytes(table, rows))

    (chunk,) = pq.read_table(file, read_dictionary=["status"]).column("status").chunks
    assert chunk.dictionary.to_pylist() == rows["status"].to_list()
